"""Small helpers that several families of layers share."""
from __future__ import annotations

import operator


def ntuple(value, n):
    """``value`` as a tuple of ``n``: an iterable becomes a tuple as it is, anything else is repeated."""
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return tuple(value)
    return (value,) * n


def factory(device, dtype):
    """The keyword arguments of a creation function, without those that are None."""
    kwargs = {}
    if device is not None:
        kwargs["device"] = device
    if dtype is not None:
        kwargs["dtype"] = dtype
    return kwargs


def reduction_name(size_average, reduce, reduction):
    """``reduction``, unless the two older flags were given: then what they mean together."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is not None and not reduce:
        return "none"
    return "sum" if size_average is not None and not size_average else "mean"


def is_mapping(value):
    """Whether ``value`` is like a dict."""
    return hasattr(value, "keys") and hasattr(value, "__getitem__")


def is_iterable(value):
    """Whether ``value`` can be iterated over."""
    return hasattr(value, "__iter__")


def position(index, length):
    """``index`` counted from the front; IndexError when it is out of range."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length
