"""What the library gives back, as tensors."""
import ctypes

from .arguments import wrong_type
from .._native import fail, lib

Tensor = None  # set by connect()
_new = object.__new__


def wrap(handle):
    """The tensor of an owned handle; raises the library's error for NULL."""
    if not handle:
        fail()
    t = _new(Tensor)
    t._h = handle
    return t


def take_list(items):
    """An mt_tensor_list as a tuple of tensors."""
    result = []
    for i in range(items.count):
        t = _new(Tensor)
        t._h = items.items[i]
        result.append(t)
    lib.mt_tensor_list_free(ctypes.addressof(items))
    return tuple(result)


def finish(made, requires_grad, name):
    """A new tensor, of which a gradient is wanted where `requires_grad` says so."""
    if not requires_grad:
        return made
    if requires_grad is not True:
        raise wrong_type(name, "requires_grad", 0, "bool", requires_grad)
    if not made.dtype.is_floating_point:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_()


def named_result(kind, values):
    """The named tuple return_types.<kind>."""
    from .. import return_types
    return getattr(return_types, kind)(values)


def store(out, result):
    """Writes a result into the tensor given as out=."""
    if result.requires_grad:
        raise RuntimeError("functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.")
    if tuple(out.shape) != tuple(result.shape):
        out.resize_(result.shape)
    if lib.mt_take_(out._h, result._h):
        fail()
    return out


def store_all(out, results):
    """Writes results into the tensors given as out=."""
    return tuple(store(o, r) for o, r in zip(out, results))
