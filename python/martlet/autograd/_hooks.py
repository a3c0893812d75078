"""Hooks on tensors."""
import ctypes
import weakref

from .._native import fail, lib, note_exception
from .._ops import type_name
from .._tensor import Tensor

_HOOK = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32))
_POST = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
_DESTROY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_functions = {}
_next_key = iter(range(1, 1 << 62)).__next__


@_HOOK
def _run(key, handle, failed):
    try:
        g = object.__new__(Tensor)
        g._h = lib.mt_tensor_retain(handle)
        function = _functions[key]
        result = function(g)
        if result is None:
            return None
        if not isinstance(result, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type_name(result)}'")
        name = getattr(function, "__name__", "hook")
        if result.dtype is not g.dtype:
            raise RuntimeError(f"hook '{name}' has changed the type of value (was {g.type()} got {result.type()})")
        if result.shape != g.shape:
            raise RuntimeError(f"hook '{name}' has changed the size of value")
        return lib.mt_tensor_retain(result._h)
    except BaseException as error:  # carried over to the call that ran the hook
        note_exception(error)
        failed[0] = 1
        return None


@_POST
def _run_post(key):
    try:
        function, tensor = _functions[key]
        t = tensor()
        result = None if t is None else function(t)
        if result is not None:
            raise TypeError(f"expected Variable, but hook returned '{type_name(result)}'")
        return 0
    except BaseException as error:
        note_exception(error)
        return 1


@_DESTROY
def _destroy(key, functions=_functions):  # the default outlives the module's names when the interpreter ends
    functions.pop(key, None)


_DESTROY_POINTER = ctypes.cast(_destroy, ctypes.c_void_p)


class RemovableHandle:
    """Removes a hook: `handle.remove()`, or on leaving a with block."""

    def __init__(self, tensor, number):
        self._h, self.id = lib.mt_tensor_retain(tensor._h), number

    def __del__(self, release=lib.mt_tensor_release):
        release(self._h)

    def remove(self):
        if self.id:
            lib.mt_remove_hook(self._h, self.id)
            self.id = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def _add(tensor, register, callback, function):
    key = _next_key()
    _functions[key] = function
    number = register(tensor._h, ctypes.cast(callback, ctypes.c_void_p), key, _DESTROY_POINTER)
    if not number:
        fail()
    return RemovableHandle(tensor, number)


def register_tensor_hook(tensor, hook):
    if not tensor.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return _add(tensor, lib.mt_register_hook, _run, hook)


def register_post_accumulate_hook(tensor, hook):
    return _add(tensor, lib.mt_register_post_accumulate_grad_hook, _run_post, (hook, weakref.ref(tensor)))
