"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""
from __future__ import annotations

import martlet as mt
from martlet._tensor import Tensor


class Parameter(Tensor):
    """A tensor that becomes a learnable parameter of the Module it is assigned to.

    Shares memory with ``data`` (an empty tensor when None) and is always a leaf.
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = mt.empty(0)
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        known = memo.get(id(self))
        if known is not None:
            return known
        copied = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return _rebuild_parameter, (type(self), self.data, self.requires_grad, state)


def _rebuild_parameter(cls, data, requires_grad, state):
    """Make a Parameter again from what ``Parameter.__reduce_ex__`` gave to pickle."""
    param = cls(data, requires_grad)
    for name, value in state.items():
        setattr(param, name, value)
    return param


class _BufferMeta(type(Tensor)):
    """A Buffer is a plain tensor with a mark on it; isinstance looks for the mark."""

    def __instancecheck__(cls, instance):
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that becomes a buffer of the Module it is assigned to.

    ``persistent=False`` keeps it out of ``state_dict()``.
    """

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = mt.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked
