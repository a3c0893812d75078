"""grad_fn objects: steps of the recorded computation."""
import ctypes
import weakref

from .._native import fail, lib, note_exception, take_text
from .._ops import type_name
from .._tensor import Tensor

_classes = {}
_shown = weakref.WeakValueDictionary()  # address of a node -> its object while somebody holds it

#: For steps of a custom Function: address of the node -> (context, class of its objects). Kept by function.py.
custom = {}


class Node:
    """A step of the recorded computation. Its class bears the step's name, as torch's do."""

    __slots__ = ("_n", "_metadata", "__weakref__")

    def __del__(self, release=lib.mt_node_release):
        release(self._n)

    def name(self):
        """The step's name, e.g. MulBackward0."""
        return type(self).__name__

    @property
    def metadata(self):
        """A dictionary for the user's own notes."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata = {}
            return self._metadata

    @property
    def next_functions(self):
        """(node, slot) for each input; (None, 0) where no gradient goes."""
        result = []
        for i in range(lib.mt_node_next_count(self._n)):
            slot = ctypes.c_int32()
            h = lib.mt_node_next(self._n, i, ctypes.addressof(slot))
            result.append((node(h), slot.value) if h else (None, 0))
        return tuple(result)

    @property
    def variable(self):
        """The leaf that an AccumulateGrad step adds to."""
        h = lib.mt_node_variable(self._n)
        if not h:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute 'variable'")
        t = object.__new__(Tensor)
        t._h = h
        return t

    def register_hook(self, fn):
        """Calls fn(grad_inputs, grad_outputs) after this step; a returned tuple replaces grad_inputs."""
        return _register(self, fn, False)

    def register_prehook(self, fn):
        """Calls fn(grad_outputs) before this step; a returned tuple replaces them."""
        return _register(self, fn, True)

    def __eq__(self, other):
        return isinstance(other, Node) and self._n == other._n

    def __hash__(self):
        return hash(self._n)

    def __repr__(self):
        return f"<{type(self).__name__} object at {hex(id(self))}>"


class CustomNode(Node):
    """The step of a custom Function: what its context holds can be read from it too."""

    __slots__ = ("_context",)

    def __getattr__(self, name):
        if name in ("_metadata", "_context"):
            raise AttributeError(name)
        context = self._context
        if name == "saved_tensors":
            return context.read_saved(self._n)
        return getattr(context, name)

    def __repr__(self):
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"


def node(handle):
    """The Python object of an owned node handle."""
    made = _shown.get(handle)
    if made is not None:
        lib.mt_node_release(handle)
        return made
    known = custom.get(handle)
    if known is not None:
        context, cls = known
        made = object.__new__(cls)
        made._context = context
    else:
        name = take_text(lib.mt_node_name(handle))
        shown = name.rsplit("::", 1)[-1]
        cls = _classes.get(shown)
        if cls is None:
            cls = _classes[shown] = type(shown, (Node,), {"__slots__": (), "name": (lambda self, n=name: n)})
        made = object.__new__(cls)
    made._n = handle
    _shown[handle] = made
    return made


# ---- hooks on steps

_HOOK = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))
_DESTROY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_functions = {}
_next_key = iter(range(1, 1 << 62)).__next__


def _lent(handles, count):
    result = []
    for i in range(count):
        if handles[i]:
            t = object.__new__(Tensor)
            t._h = lib.mt_tensor_retain(handles[i])
            result.append(t)
        else:
            result.append(None)
    return tuple(result)


@_HOOK
def _run(key, inputs, n_inputs, outputs, n_outputs, replaced):
    try:
        function, before = _functions[key]
        grads = _lent(outputs, n_outputs)
        if before:
            result, count = function(grads), n_outputs
        else:
            result, count = function(_lent(inputs, n_inputs), grads), n_inputs
        if result is None:
            return 0
        name = getattr(function, "__name__", "hook")
        if before and isinstance(result, Tensor):
            result = (result,)
        if not isinstance(result, tuple):
            raise TypeError(f"expected tuple, but hook returned '{type_name(result)}'")
        if len(result) != count:
            raise RuntimeError(f"hook '{name}' has returned an incorrect number of values (got {len(result)}, but expected {count})")
        for i, t in enumerate(result):
            if t is None:
                continue
            if not isinstance(t, Tensor):
                raise TypeError(f"expected Variable, but hook returned '{type_name(t)}'")
            replaced[i] = lib.mt_tensor_retain(t._h)
        return 1
    except BaseException as error:  # carried over to the call that ran the hook
        note_exception(error)
        return -1


@_DESTROY
def _destroy(key, functions=_functions):  # the default outlives the module's names when the interpreter ends
    functions.pop(key, None)


_RUN_POINTER = ctypes.cast(_run, ctypes.c_void_p)
_DESTROY_POINTER = ctypes.cast(_destroy, ctypes.c_void_p)


class RemovableHandle:
    """Removes a hook on a step: `handle.remove()`, or on leaving a with block."""

    def __init__(self, owner, number):
        self._owner, self.id = owner, number

    def remove(self):
        if self.id:
            lib.mt_node_remove_hook(self._owner._n, self.id)
            self._owner, self.id = None, 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def _register(owner, function, before):
    key = _next_key()
    _functions[key] = function, before
    number = lib.mt_node_register_hook(owner._n, 1 if before else 0, _RUN_POINTER, key, _DESTROY_POINTER)
    if not number:
        fail()
    return RemovableHandle(owner, number)
