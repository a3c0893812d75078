"""Gradients: backward, grad, custom functions, checks."""
import ctypes

from .._bridge import quickened
from .._grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: F401
from .._native import fail, lib
from .._ops import handles, type_name
from .._tensor import Tensor


class _VariableType(type):
    """Every tensor is an instance of Variable."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """The name that tensors with gradients once had. Calling it gives a new leaf over the memory of `data`."""

    def __new__(cls, data=None, requires_grad=False, volatile=None):
        if data is None:
            return Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)


def _tuple(x):
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _seeds(given, count, like):
    """One gradient or None per output."""
    if given is None:
        return (None,) * count
    seeds = (given,) if isinstance(given, Tensor) else tuple(given)
    if len(seeds) != count:
        raise RuntimeError(f"got {count} tensors and {len(seeds)} gradients")
    for s in seeds:
        if s is not None and not isinstance(s, Tensor):
            raise TypeError("gradients can be either Tensors or None, but got " + type(s).__name__)
    return seeds


def _optional_handles(tensors):
    return (ctypes.c_void_p * max(len(tensors), 1))(*[None if t is None else t._h for t in tensors])


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Adds the gradients of `tensors` to the .grad of the leaves they depend on (of `inputs` only, where given)."""
    tensors = _tuple(tensors)
    seeds = _seeds(grad_tensors, len(tensors), tensors)
    if retain_graph is None:
        retain_graph = create_graph
    if inputs is not None:
        inputs = _tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    roots, n = handles(tensors, "backward", "tensors", 1)
    targets, m = handles(inputs, "backward", "inputs", 6) if inputs is not None else (None, 0)
    if lib.mt_backward_many(roots, _optional_handles(seeds), n, 1 if retain_graph else 0, 1 if create_graph else 0, targets, m):
        fail()


@quickened
def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True, allow_unused=None,
         is_grads_batched=False, materialize_grads=False):
    """The gradients of `outputs` with respect to `inputs`, as a tuple; .grad is left alone."""
    if is_grads_batched:
        raise NotImplementedError("grad(is_grads_batched=True) is not offered")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    seeds = _seeds(grad_outputs, len(outputs), outputs)
    if retain_graph is None:
        retain_graph = create_graph
    roots, n = handles(outputs, "grad", "outputs", 1)
    for t in inputs:
        if not isinstance(t, Tensor):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type_name(t)}")
    targets, m = handles(inputs, "grad", "inputs", 2)
    out = (ctypes.c_void_p * max(m, 1))()
    if lib.mt_autograd_grad(roots, n, targets, m, _optional_handles(seeds), 1 if retain_graph else 0, 1 if create_graph else 0,
                            1 if allow_unused else 0, 1 if materialize_grads else 0, out):
        fail()
    result = []
    for i in range(m):
        if out[i] is None:
            result.append(None)
        else:
            t = object.__new__(Tensor)
            t._h = out[i]
            result.append(t)
    return tuple(result)


def __getattr__(name):
    import importlib
    places = {
        "Function": "function", "FunctionCtx": "function", "once_differentiable": "function", "gradcheck": "gradcheck",
        "gradgradcheck": "gradcheck", "GradcheckError": "gradcheck", "function": None, "functional": None, "graph": None,
        "detect_anomaly": "anomaly_mode", "set_detect_anomaly": "anomaly_mode", "anomaly_mode": None, "grad_mode": None, 
    }
    if name not in places:
        raise AttributeError(f"module 'torch.autograd' has no attribute '{name}'")
    if name in ("gradcheck", "gradgradcheck", "GradcheckError"):
        from . import _gradcheck
        value = getattr(_gradcheck, name)
    elif places[name] is None:
        value = importlib.import_module("." + name, __name__)
    else:
        value = getattr(importlib.import_module("." + places[name], __name__), name)
    globals()[name] = value
    return value
