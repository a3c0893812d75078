"""Functions with derivatives written in Python."""
import ctypes
import functools

from .._grad_mode import no_grad
from .._native import fail, lib, note_exception
from .._ops import wrap
from .._tensor import Tensor
from ._nodes import Node

_BACKWARD = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int32,
    ctypes.POINTER(ctypes.c_void_p), ctypes.c_int32)
_DESTROY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _CFunction(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("name", ctypes.c_char_p)] + [
        (n, ctypes.c_void_p) for n in ("inputs", "outputs", "saved", "changed", "constant")] + [
        (n, ctypes.c_int32) for n in ("n_inputs", "n_outputs", "n_saved", "n_changed", "n_constant", "materialize")] + [
        ("backward", ctypes.c_void_p), ("context", ctypes.c_void_p), ("destroy", ctypes.c_void_p)]


class FunctionCtx:
    """What forward leaves for backward."""

    def __init__(self):
        self._to_save = ()
        self._dirty = ()
        self._constant = ()
        self._materialize = True
        self._node = None
        self.needs_input_grad = ()

    def save_for_backward(self, *tensors):
        """Keeps tensors for backward, which finds them in `saved_tensors`."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {tensors.index(t)} is of type {type(t).__name__}")
        self._to_save = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors):
        """Says which inputs forward wrote in place; they must be returned."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Says which outputs no gradient goes through."""
        self._constant = tensors

    def set_materialize_grads(self, value):
        """Whether gradients that never arrived are zeros (the default) or None."""
        self._materialize = value

    @property
    def saved_tensors(self):
        """What forward saved; an error once the graph was freed, or where it was changed in place."""
        if self._node is None:
            return tuple(self._to_save)
        result = []
        for i in range(len(self._to_save) if isinstance(self._to_save, tuple) else self._to_save):
            h = lib.mt_node_saved(self._node, i)
            if h:
                result.append(_typed(h))
            elif lib.mt_last_error_code():
                fail()
            else:
                result.append(None)
        return tuple(result)

    saved_variables = saved_tensors


def _typed(handle):
    return wrap(handle)


_live = {}
_next_key = iter(range(1, 1 << 62)).__next__


@_BACKWARD
def _run(key, node, grads, n_outputs, out, n_inputs):
    ctx, cls, tensor_places, count = _live[key]
    try:
        ctx._node = node
        given = []
        for i in range(n_outputs):
            given.append(wrap(lib.mt_tensor_retain(grads[i])) if grads[i] else None)
        result = cls.backward(ctx, *given)
        if not isinstance(result, tuple):
            result = (result,)
        if len(result) > count and all(r is None for r in result[count:]):
            result = result[:count]
        if len(result) != count:
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, got {len(result)})")
        for slot, place in enumerate(tensor_places):
            g = result[place]
            if g is None:
                continue
            if not isinstance(g, Tensor):
                raise TypeError(f"function {cls.__name__}Backward returned a gradient of type {type(g).__name__} at position {place}, but expected a Tensor or None")
            out[slot] = lib.mt_tensor_retain(g._h)
        return 0
    except BaseException as error:
        note_exception(error)
        return 1
    finally:
        ctx._node = None if not isinstance(ctx._to_save, int) else ctx._node


@_DESTROY
def _let_go(key):
    _live.pop(key, None)


_RUN_POINTER = ctypes.cast(_run, ctypes.c_void_p)
_LET_GO_POINTER = ctypes.cast(_let_go, ctypes.c_void_p)


def _pointers(tensors):
    return ctypes.cast((ctypes.c_void_p * max(len(tensors), 1))(*[None if t is None else t._h for t in tensors]), ctypes.c_void_p)


class _FunctionMeta(type):
    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        cls._backward_cls = type(name + "Backward", (Node,), {"__slots__": ()})


class Function(metaclass=_FunctionMeta):
    """Subclass with static methods forward(ctx, *args) (or forward(*args) and setup_context(ctx, inputs, output)) and
    backward(ctx, *grad_outputs); call it with `apply`."""

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError("You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD.")

    vjp = backward

    def __init__(self, *args, **kwargs):
        raise TypeError(f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the class itself.")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Computes forward without recording and makes the result a step with this class's backward."""
        if cls.backward is Function.backward and cls.vjp is not Function.vjp:
            cls.backward = cls.vjp
        ctx = FunctionCtx()
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        inputs = [args[i] for i in places]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        record = lib.mt_grad_enabled() == 1 and any(ctx.needs_input_grad)
        setup = getattr(cls, "setup_context", None)
        with no_grad():
            if setup is None:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                setup(ctx, args, result)
        single = not isinstance(result, (tuple, list))
        values = [result] if single else list(result)
        outputs = [v for v in values if isinstance(v, Tensor)]
        if not outputs:
            if record and any(v is not None for v in values):
                raise TypeError(f"{cls.__name__}.forward: expected Tensor or tuple of Tensors (got {type(result).__name__}) for return value 0")
            return result
        for t in ctx._dirty:
            if not any(t is o for o in outputs):
                raise RuntimeError("Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all be outputs of the Function.")
        key = _next_key()
        _live[key] = (ctx, cls, places, len(args))
        f = _CFunction(ctypes.sizeof(_CFunction), (cls.__name__ + "Backward").encode())
        for name, tensors in (("inputs", inputs), ("outputs", outputs), ("saved", ctx._to_save), ("changed", ctx._dirty), ("constant", ctx._constant)):
            setattr(f, name, _pointers(tensors))
            setattr(f, "n_" + name, len(tensors))
        f.materialize = 1 if ctx._materialize else 0
        f.backward, f.context, f.destroy = _RUN_POINTER, key, _LET_GO_POINTER
        made = (ctypes.c_void_p * len(outputs))()
        if lib.mt_function_attach(ctypes.addressof(f), made, None):
            fail()
        if record:
            # The node keeps the saved tensors now; the context only needs to know how many there are.
            ctx._to_save = len(ctx._to_save)
        fresh = iter(range(len(outputs)))
        final = []
        for v in values:
            if not isinstance(v, Tensor):
                final.append(v)
                continue
            h = made[next(fresh)]
            if h == v._h:
                lib.mt_tensor_release(h)
                final.append(v)
            else:
                final.append(wrap(h))
        return final[0] if single else tuple(final)


def once_differentiable(function):
    """Marks a backward whose result cannot be differentiated again."""
    @functools.wraps(function)
    def wrapper(ctx, *grads):
        with no_grad():
            result = function(ctx, *grads)
        if lib.mt_grad_enabled() != 1 or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return result
        single = not isinstance(result, tuple)
        outputs = (result,) if single else result
        barrier = [None if o is None else _Barrier.apply(o.detach(), *[g for g in grads if isinstance(g, Tensor)]) for o in outputs]
        return barrier[0] if single else tuple(barrier)
    return wrapper


class _Barrier(Function):
    @staticmethod
    def forward(ctx, value, *grads):
        ctx.count = len(grads)
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


class InplaceFunction(Function):
    """Function, under the name older scripts use."""


class NestedIOFunction(Function):
    """Function, under the name older scripts use."""


BackwardCFunction = Node
