"""Functions with derivatives written in Python."""
import ctypes
import functools

from .._grad_mode import no_grad
from .._native import fail, lib, note_exception
from .._ops import type_name, wrap
from .._tensor import Tensor
from ._nodes import CustomNode, Node, custom

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
        self._count = None  # how many tensors the step keeps, once there is a step
        self._dirty = ()
        self._constant = ()
        self._materialize = True
        self._node = None
        self.needs_input_grad = ()

    def name(self):
        return type(self).__name__

    def save_for_backward(self, *tensors):
        """Keeps tensors for backward, which finds them in `saved_tensors`."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type_name(t)}")
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
        return tuple(self._to_save) if self._node is None else self.read_saved(self._node)

    saved_variables = saved_tensors

    def read_saved(self, node):
        """The tensors kept by a step."""
        result = []
        for i in range(self._count):
            h = lib.mt_node_saved(node, i)
            if not h and lib.mt_last_error_code():
                fail()
            result.append(wrap(h) if h else None)
        return tuple(result)


class _Step:
    """What backward needs to know of one call of apply."""

    __slots__ = ("context", "function", "places", "inputs", "outputs", "node")


_live = {}
_next_key = iter(range(1, 1 << 62)).__next__


@_BACKWARD
def _run(key, node, grads, n_outputs, out, n_inputs):
    step = _live[key]
    context, cls = step.context, step.function
    before = context._node
    try:
        context._node = node
        given = [None if i is None or not grads[i] else wrap(lib.mt_tensor_retain(grads[i])) for i in step.outputs]
        result = cls.backward(context, *given)
        if not isinstance(result, tuple):
            result = (result,)
        count = step.inputs
        if len(result) > count and all(r is None for r in result[count:]):
            result = result[:count]
        if len(result) != count:
            raise RuntimeError(
                f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, got {len(result)})")
        slot = 0
        for i, g in enumerate(result):
            if i not in step.places:
                if g is not None:
                    raise RuntimeError(
                        f"function {cls.__name__}Backward returned a gradient different than None at position {i + 1}, but the "
                        "corresponding forward input was not a Variable")
                continue
            if g is not None:
                if not isinstance(g, Tensor):
                    raise RuntimeError(f"expected Variable or None (got {type_name(g)})")
                out[slot] = lib.mt_tensor_retain(g._h)
            slot += 1
        return 0
    except BaseException as error:
        note_exception(error)
        return 1
    finally:
        context._node = before


@_DESTROY
def _let_go(key, live=_live, nodes=custom):  # defaults outlive the module's names when the interpreter ends
    step = live.pop(key, None)
    if step is not None and step.node is not None:
        nodes.pop(step.node, None)


_RUN_POINTER = ctypes.cast(_run, ctypes.c_void_p)
_LET_GO_POINTER = ctypes.cast(_let_go, ctypes.c_void_p)


def _pointers(tensors):
    return ctypes.cast((ctypes.c_void_p * max(len(tensors), 1))(*[None if t is None else t._h for t in tensors]), ctypes.c_void_p)


class _FunctionMeta(type):
    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        shown = {"__module__": "torch.autograd.function"}
        cls._backward_cls = type(name + "Backward", (CustomNode,), {"__slots__": (), **shown})
        cls._context_cls = type(name + "Backward", (FunctionCtx,), shown)


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
        import warnings
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on "
            "the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning, stacklevel=2)

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with "
            "static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Computes forward without recording and makes the result a step with this class's backward."""
        if cls.backward is Function.backward and cls.vjp is not Function.vjp:
            cls.backward = cls.vjp
        context = cls._context_cls()
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        inputs = [args[i] for i in places]
        context.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        setup = getattr(cls, "setup_context", None)
        with no_grad():
            if setup is None:
                result = cls.forward(context, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                setup(context, args, result)
        single = not isinstance(result, tuple)
        values = [result] if single else list(result)
        outputs = [v for v in values if isinstance(v, Tensor)]
        if not outputs:
            return result
        for t in context._dirty:
            if not any(t is o for o in outputs):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                    "modified inplace must all be outputs of the Function.")
        step = _Step()
        step.context, step.function, step.places, step.inputs, step.node = context, cls, frozenset(places), len(args), None
        fresh = iter(range(len(outputs)))
        step.outputs = [next(fresh) if isinstance(v, Tensor) else None for v in values]
        key = _next_key()
        _live[key] = step
        f = _CFunction(ctypes.sizeof(_CFunction), (cls.__name__ + "Backward").encode())
        for name, tensors in (
                ("inputs", inputs), ("outputs", outputs), ("saved", context._to_save), ("changed", context._dirty),
                ("constant", context._constant)):
            setattr(f, name, _pointers(tensors))
            setattr(f, "n_" + name, len(tensors))
        f.materialize = 1 if context._materialize else 0
        f.backward, f.context, f.destroy = _RUN_POINTER, key, _LET_GO_POINTER
        made = (ctypes.c_void_p * len(outputs))()
        node = ctypes.c_void_p()
        if lib.mt_function_attach(ctypes.addressof(f), made, ctypes.addressof(node)):
            fail()
        if node.value:
            # The step keeps the saved tensors now; its context only needs to know how many there are.
            context._count, context._to_save = len(context._to_save), ()
            step.node = node.value
            custom[node.value] = context, cls._backward_cls
            lib.mt_node_release(node.value)
        final = []
        for v, i in zip(values, step.outputs):
            if i is None:
                final.append(v)
            elif made[i] == v._h:
                lib.mt_tensor_release(made[i])
                final.append(v)
            else:
                final.append(wrap(made[i]))
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
