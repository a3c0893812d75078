"""Indexing: x[...] and x[...] = v, gather and scatter, masks."""
import ctypes
from _operator import index as _index

from . import flag, handle, integer, number, op, table, type_name, wrap
from .._native import fail, lib

table("""
tm index_select(input: T, dim: int, index: T) = mt_index_select
tm index_add(input: T, dim: int, index: T, source: T, *, alpha: N?=None) = mt_index_add
m  index_add_(input: T, dim: int, index: T, source: T, *, alpha: N?=None) = mt_index_add_ -> self
tm index_copy(input: T, dim: int, index: T, source: T) = mt_index_copy
m  index_copy_(input: T, dim: int, index: T, source: T) = mt_index_copy_ -> self
tm index_fill(input: T, dim: int, index: T, value: N) = mt_index_fill
m  index_fill_(input: T, dim: int, index: T, value: N) = mt_index_fill_ -> self
tm gather(input: T, dim: int, index: T, *, sparse_grad: any=False) = mt_gather(input, dim, index)
tm scatter_add(input: T, dim: int, index: T, src: T) = mt_scatter_add
m  scatter_add_(input: T, dim: int, index: T, src: T) = mt_scatter_add_ -> self
tm masked_select(input: T, mask: T) = mt_masked_select
tm masked_scatter(input: T, mask: T, source: T) = mt_masked_scatter
m  masked_scatter_(input: T, mask: T, source: T) = mt_masked_scatter_ -> self
tm take(input: T, index: T) = mt_take
tm put(input: T, index: T, source: T, accumulate: bool=False) = mt_put
m  put_(input: T, index: T, source: T, accumulate: bool=False) = mt_put_ -> self
tm argwhere(input: T) = mt_nonzero
""")

_NONE = -(2 ** 63)
_BOOL_CODES = (7, 6)


def _array(tensors):
    return (ctypes.c_void_p * max(len(tensors), 1))(*[None if t is None else t._h for t in tensors])


def _as_index(item):
    """A list or array as an index tensor."""
    import martlet
    t = martlet.tensor(item) if not hasattr(item, "__array_interface__") else martlet.as_tensor(item)
    if t.numel() == 0 and t.dtype.is_floating_point:
        t = t.to(martlet.int64)
    return t


def _is_sequence(item):
    return isinstance(item, (list, range)) or (hasattr(item, "__array_interface__") and getattr(item, "shape", ()) != ())


def _consumed(item, Tensor):
    if item is None or item is Ellipsis or item is True or item is False:
        return 0
    if isinstance(item, Tensor) and lib.mt_dtype(item._h) in _BOOL_CODES:
        return lib.mt_ndim(item._h)
    if hasattr(item, "dtype") and getattr(item.dtype, "kind", "") == "b":
        return item.ndim
    if isinstance(item, list) and item and _bool_list(item):
        return len(_list_shape(item))
    return 1


def _bool_list(item):
    while isinstance(item, list) and item:
        item = item[0]
    return isinstance(item, bool)


def _list_shape(item):
    shape = []
    while isinstance(item, list):
        shape.append(len(item))
        item = item[0] if item else None
    return shape


def _bound(v):
    """A slice's bound or step, cut to 64 bits as Python does."""
    return _NONE if v is None else min(max(_index(v), _NONE + 1), 2 ** 63 - 1)


def _select(x, dim, i, place):
    n = lib.mt_size(x._h, dim)
    if not -n <= integer(i, "select", "index", 2) < n:
        raise IndexError(f"index {i} is out of bounds for dimension {place} with size {n}")
    return wrap(lib.mt_select(x._h, dim, i))


def _resolve(x, key):
    """Applies the parts of an index that make views; returns the view and the tensors for the rest (or None)."""
    from . import Tensor
    if key.__class__ is not tuple:
        # A list of slices or the like was once read as a tuple; torch reads every list as one index.
        key = (key,)
    rank = lib.mt_ndim(x._h)
    used = 0
    dots = 0
    for item in key:
        if item is Ellipsis:
            dots += 1
        used += _consumed(item, Tensor)
    if used > rank:
        if rank == 0 and len(key) == 1 and isinstance(key[0], slice):
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    if dots > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    dim = 0
    rest = []
    advanced = False
    for place, item in enumerate(key):
        kind = item.__class__
        if kind is int:
            x = _select(x, dim, item, place)
        elif kind is slice:
            step = 1 if item.step is None else _bound(item.step)
            if step <= 0:
                raise ValueError("step must be greater than zero" if step else "slice step cannot be zero")
            if rank == 0:
                raise IndexError("slice() cannot be applied to a 0-dim tensor.")
            if item.start is not None or item.stop is not None or step != 1:
                x = wrap(lib.mt_slice(x._h, dim, _bound(item.start), _bound(item.stop), step))
            rest.append(None)
            dim += 1
        elif item is None:
            x = wrap(lib.mt_unsqueeze(x._h, dim))
            rest.append(None)
            dim += 1
        elif item is Ellipsis:
            skip = rank - used
            rest += [None] * skip
            dim += skip
        elif item is True or item is False:
            x = wrap(lib.mt_unsqueeze(x._h, dim))
            rest.append(_as_index([bool(item)]))
            advanced = True
            dim += 1
        elif isinstance(item, Tensor):
            if lib.mt_ndim(item._h) == 0 and lib.mt_dtype(item._h) not in (0, 1, 6, 7, 8, 9):
                x = _select(x, dim, item.item(), place)
                continue
            if lib.mt_ndim(item._h) == 0 and lib.mt_dtype(item._h) in _BOOL_CODES:
                x = wrap(lib.mt_unsqueeze(x._h, dim))
                item = item.reshape(1)
            rest.append(item)
            advanced = True
            dim += max(_consumed(item, Tensor), 1)
        elif _is_sequence(item):
            t = _as_index(list(item) if isinstance(item, range) else item)
            rest.append(t)
            advanced = True
            dim += max(_consumed(t, Tensor), 1)
        elif isinstance(item, (tuple,)):
            t = _as_index(list(item))
            rest.append(t)
            advanced = True
            dim += max(_consumed(t, Tensor), 1)
        elif hasattr(item, "__index__"):
            x = _select(x, dim, _index(item), place)
        elif isinstance(item, str):
            raise TypeError("new(): invalid data type 'str'")
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                f"(got {type_name(item)})")
    return x, rest if advanced else None


@op("m")
def __getitem__(input, key):
    """x[key]: integers, slices, None, ..., masks, index tensors and lists."""
    if key.__class__ is int:
        h = lib.mt_select(input._h, 0, key) if -2 ** 63 <= key < 2 ** 63 else None  # ctypes would wrap it silently
        if h:
            return wrap(h)
        lib.mt_clear_error()
        if lib.mt_ndim(input._h) == 0:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number")
        n = lib.mt_size(input._h, 0)
        integer(key, "select", "index", 2)
        raise IndexError(f"index {key} is out of bounds for dimension 0 with size {n}")
    if lib.mt_ndim(input._h) == 0 and _integers_in(key):
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number")
    view, rest = _resolve(input, key)
    if rest is not None:
        return wrap(lib.mt_index(view._h, _array(rest), len(rest)))
    return wrap(lib.mt_slice(input._h, 0, 0, _NONE, 1)) if view is input and lib.mt_ndim(input._h) else (
        view if view is not input else wrap(lib.mt_view(input._h, None, 0)))


def _integers_in(key):
    items = key if isinstance(key, tuple) else (key,)
    return any(isinstance(i, int) and not isinstance(i, bool) for i in items)


@op("m")
def __setitem__(input, key, value):
    """x[key] = value, broadcast; a number or a tensor."""
    from . import Tensor
    view, rest = _resolve(input, key)
    if not isinstance(value, Tensor):
        if hasattr(value, "__array_interface__") and getattr(value, "shape", ()) != ():
            value = _as_index(value)
        elif isinstance(value, (list, tuple)):
            raise TypeError(f"can't assign a {type_name(value)} to a torch.{input.type().split('.')[-1]}")
        else:
            try:
                value = number(value, "__setitem__", "value", 2)
            except TypeError:
                raise TypeError(f"can't assign a {type_name(value)} to a {input.type()}") from None
    if rest is not None:
        if lib.mt_ndim(value._h) > 1 and lib.mt_size(value._h, 0) == 1:
            value = _without_leading_ones(value)
        if lib.mt_index_put_(view._h, _array(rest), len(rest), value._h, 0):
            fail()
        return
    if lib.mt_ndim(value._h) == 0 and lib.mt_requires_grad(value._h) == 0:
        if lib.mt_fill_(view._h, value._h):
            fail()
        return
    if lib.mt_ndim(value._h) > lib.mt_ndim(view._h):
        value = _without_leading_ones(value)
    if lib.mt_ndim(value._h) > lib.mt_ndim(view._h):
        raise RuntimeError(
            f"expand({value.type()}{{{list(value.shape)}}}, size={list(view.shape)}): the number of sizes provided ({view.dim()}) "
            f"must be greater or equal to the number of dimensions in the tensor ({value.dim()})")
    if not _broadcasts(value, view):
        raise RuntimeError(
            f"The expanded size of the tensor ({_mismatch(value, view)[0]}) must match the existing size ({_mismatch(value, view)[1]}) at "
            f"non-singleton dimension {_mismatch(value, view)[2]}.  Target sizes: {list(view.shape)}.  Tensor sizes: {list(value.shape)}")
    if lib.mt_copy_(view._h, value._h):
        fail()


def _without_leading_ones(value):
    """Leading dimensions of size one in an assigned value do not count, as in NumPy."""
    while lib.mt_ndim(value._h) > 0 and lib.mt_size(value._h, 0) == 1:
        value = value.squeeze(0)
    return value


def _mismatch(value, view):
    a, b = value.shape, view.shape
    for k in range(1, len(a) + 1):
        if a[-k] != b[-k] and a[-k] != 1:
            return b[-k], a[-k], len(b) - k
    return None


def _broadcasts(value, view):
    return _mismatch(value, view) is None


def _index_tensors(indices):
    from . import Tensor
    return [i if i is None or isinstance(i, Tensor) else _as_index(i) for i in indices]


@op("tm")
def index_put(input, indices, values, accumulate=False):
    """A copy with `values` written at (or added to) the places named by index tensors."""
    items = _index_tensors(indices)
    return wrap(lib.mt_index_put(input._h, _array(items), len(items), values._h, 1 if accumulate else 0))


@op("m")
def index_put_(input, indices, values, accumulate=False):
    """index_put in place."""
    items = _index_tensors(indices)
    if lib.mt_index_put_(input._h, _array(items), len(items), values._h, 1 if accumulate else 0):
        fail()
    return input


_REDUCE = {None: 0, "add": 1, "multiply": 2}
_SCATTER_REDUCE = {"sum": 1, "prod": 2, "mean": 3, "amax": 4, "amin": 5}


def _scatter_arguments(name, dim, index, src, value, reduce):
    from . import Tensor
    if src is None:
        src = value
    if reduce not in _REDUCE:
        raise RuntimeError("reduce argument must be either add or multiply.")
    if not isinstance(src, Tensor):
        src = number(src, name, "value", 3)
    if not isinstance(index, Tensor):
        raise TypeError(f"{name}(): argument 'index' (position 2) must be Tensor, not {type_name(index)}")
    return integer(dim, name, "dim", 2), src, _REDUCE[reduce]


@op("tm")
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """A copy with `src` (a tensor or a number) written at the index along `dim`."""
    dim, source, mode = _scatter_arguments("scatter", dim, index, src, value, reduce)
    return wrap(lib.mt_scatter(input._h, dim, index._h, source._h, mode))


@op("m")
def scatter_(input, dim, index, src=None, *, value=None, reduce=None):
    """scatter in place."""
    dim, source, mode = _scatter_arguments("scatter_", dim, index, src, value, reduce)
    if lib.mt_scatter_(input._h, dim, index._h, source._h, mode):
        fail()
    return input


def _reduction(name, dim, index, src, reduce, include_self):
    dim, index, src = integer(dim, name, "dim", 2), handle(index, name, "index", 3), handle(src, name, "src", 4)
    if reduce not in _SCATTER_REDUCE:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    return dim, index, src, _SCATTER_REDUCE[reduce], flag(include_self, name, "include_self", 0)


@op("tm")
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """A copy with `src` combined at the index along `dim` by sum, prod, mean, amax or amin."""
    return wrap(lib.mt_scatter_reduce(input._h, *_reduction("scatter_reduce", dim, index, src, reduce, include_self)))


@op("m")
def scatter_reduce_(input, dim, index, src, reduce, *, include_self=True):
    """scatter_reduce in place."""
    if lib.mt_scatter_reduce_(input._h, *_reduction("scatter_reduce_", dim, index, src, reduce, include_self)):
        fail()
    return input


@op("tm")
def nonzero(input, *, as_tuple=False):
    """Positions of elements that are not zero: rows of a matrix, or one vector per dimension."""
    if as_tuple and lib.mt_ndim(input._h) == 0:
        input = input.reshape(1)
    t = wrap(lib.mt_nonzero(input._h))
    return t.unbind(1) if as_tuple else t


@op("tm")
def take_along_dim(input, indices, dim=None):
    """Elements at the indices along `dim`, both broadcast; without a dim, of the flattened input."""
    if dim is None:
        return input.reshape(-1).gather(0, indices.reshape(-1))
    from .. import broadcast_shapes
    if input.dim() != indices.dim():
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got {input.dim()} "
            f"dimensions for input, and {indices.dim()} dimensions for indices")
    if indices.dtype.is_floating_point or lib.mt_dtype(indices._h) == 7:
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.type().split('.')[-1].replace('Tensor', '')}")
    d = dim % input.dim()
    a, b = list(input.shape), list(indices.shape)
    a[d] = b[d] = 1
    shape = list(broadcast_shapes(a, b))
    x, i = shape[:], shape[:]
    x[d], i[d] = input.shape[d], indices.shape[d]
    indices = indices.expand(i)
    return input.expand(x).gather(d, indices.where(indices >= 0, indices + input.shape[d]))
