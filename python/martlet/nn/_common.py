"""Small helpers that several families of layers share."""
from __future__ import annotations


def ntuple(value, n, name="value"):
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
