"""Sorting, order statistics, searching and counting."""
from . import flag, handle, integer, named_result, number, op, optional_integer, store, table, type_name, wrap
from .._native import fail, lib

table("""
tm topk(input: T, k: int, dim: int=-1, largest: bool=True, sorted: bool=True) = mt_topk -> topk(values,indices)
tm kthvalue(input: T, k: int, dim: int=-1, keepdim: bool=False) = mt_kthvalue -> kthvalue(values,indices)
tm mode(input: T, dim: int=-1, keepdim: bool=False) = mt_mode -> mode(values,indices)
tm msort(input: T) = mt_msort
t  bucketize(input: N, boundaries: T, *, out_int32: bool=False, right: bool=False) = mt_bucketize(input, boundaries, right, out_int32)
tm bincount(input: T, weights: T?=None, minlength: int=0) = mt_bincount
tm histc(input: T, bins: int=100, min: float=0, max: float=0) = mt_histc
""")


def _pair(kind, function, *arguments, out=None):
    from ctypes import c_void_p
    slots = (c_void_p * 2)()
    if function(*arguments, slots):
        fail()
    values, indices = wrap(slots[0]), wrap(slots[1])
    if out is not None:
        values, indices = store(out[0], values), store(out[1], indices)
    return named_result(kind, (values, indices))


def _flags(name, args, dim, descending, stable):
    """sort(dim, descending) or sort(stable, dim, descending): a first flag is `stable` where an integer follows."""
    if args and isinstance(args[0], bool) and (len(args) > 1 or dim is not None):
        stable, args = args[0], args[1:]
    if len(args) > 2:
        raise TypeError(f"{name}() received an invalid combination of arguments")
    if args:
        dim = args[0]
    if len(args) > 1:
        descending = args[1]
    return (-1 if dim is None else integer(dim, name, "dim", 2), flag(descending, name, "descending", 3),
            0 if stable is None else flag(stable, name, "stable", 0))


@op("tm")
def sort(input, *args, dim=None, descending=False, stable=None, axis=None, out=None):
    """sort(input, dim=-1, descending=False, *, stable=False) -> (values, indices)."""
    dim, descending, stable = _flags("sort", args, dim if axis is None else axis, descending, stable)
    return _pair("sort", lib.mt_sort, handle(input, "sort"), dim, descending, stable, out=out)


@op("tm")
def argsort(input, *args, dim=None, descending=False, stable=False, axis=None):
    """argsort(input, dim=-1, descending=False, *, stable=False): the places of the elements in sorted order."""
    dim, descending, stable = _flags("argsort", args, dim if axis is None else axis, descending, stable)
    return wrap(lib.mt_argsort(handle(input, "argsort"), dim, descending, stable))


def _median(name, ignore_nan):
    def median(input, dim=None, keepdim=False, *, out=None):
        if dim is None:
            return wrap(lib.mt_median(handle(input, name), ignore_nan))
        return _pair(name, lib.mt_median_dim, handle(input, name), optional_integer(dim, name, "dim", 2), flag(keepdim, name, "keepdim", 0), ignore_nan, out=out)
    median.__name__ = median.__qualname__ = name
    median.__doc__ = f"{name}(input), or {name}(input, dim, keepdim=False) -> (values, indices): the lower median."
    op("tm", name)(median)


_median("median", 0)
_median("nanmedian", 1)

_WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name, ignore_nan):
    def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
        if interpolation not in _WAYS:
            raise RuntimeError(f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}")
        if not hasattr(q, "_h"):
            try:
                q = number(float(q), name, "q", 2)
            except (TypeError, ValueError):
                raise TypeError(f"{name}(): argument 'q' (position 2) must be Tensor or float, not {type_name(q)}") from None
        made = wrap(lib.mt_quantile(handle(input, name), q._h, optional_integer(dim, name, "dim", 3), flag(keepdim, name, "keepdim", 0),
                                    _WAYS.index(interpolation), ignore_nan))
        return made if out is None else store(out, made)
    quantile.__name__ = quantile.__qualname__ = name
    quantile.__doc__ = f"{name}(input, q, dim=None, keepdim=False, *, interpolation='linear')."
    op("tm", name)(quantile)


_quantile("quantile", 0)
_quantile("nanquantile", 1)


@op("t")
def searchsorted(sorted_sequence, input=None, *, out_int32=False, right=False, side=None, sorter=None, out=None, self=None):
    """Where each value of input can be inserted into sorted_sequence: before equal ones, after them where right."""
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True")
        right = side == "right"
    values = self if input is None else input
    if not hasattr(values, "_h"):
        values = number(values, "searchsorted", "input", 2)
    made = wrap(lib.mt_searchsorted(handle(sorted_sequence, "searchsorted", "sorted_sequence"), values._h, flag(right, "searchsorted", "right", 0),
                                    None if sorter is None else sorter._h,
                                    flag(out_int32, "searchsorted", "out_int32", 0)))
    return made if out is None else store(out, made)


def _distinct(input, dim, consecutive, return_inverse, return_counts):
    from ctypes import c_void_p
    slots = (c_void_p * 3)()
    if lib.mt_unique(handle(input, "unique"), optional_integer(dim, "unique", "dim", 5), consecutive, slots):
        fail()
    values, inverse, counts = (wrap(h) for h in slots)
    if not return_inverse and not return_counts:
        return values
    return (values,) + ((inverse,) if return_inverse else ()) + ((counts,) if return_counts else ())


@op("tm")
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (or slices along dim) in ascending order; also where each element is found, and counts."""
    return _distinct(input, dim, 0, return_inverse, return_counts)


@op("tm")
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or slices along dim) with equal neighbours merged."""
    return _distinct(input, dim, 1, return_inverse, return_counts)
