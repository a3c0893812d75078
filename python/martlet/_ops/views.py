"""Views, pieces, joins and copies."""
import ctypes
from operator import index as _index

from . import integer, ints, number, op, resolve, separate_ints, store, table, take_list, wrap
from .._native import TensorList, fail, lib

table("""
m  reshape(input: T, shape: *ints) = mt_reshape
tm flatten(input: T, start_dim: int=0, end_dim: int=-1) = mt_flatten
tm transpose(input: T, dim0: int, dim1: int) = mt_transpose
tm swapaxes(input: T, dim0: int, dim1: int) = mt_transpose
tm swapdims(input: T, dim0: int, dim1: int) = mt_transpose
tm t(input: T) = mt_t
m  permute(input: T, dims: *ints) = mt_permute
m  expand(input: T, size: *ints) = mt_expand
tm select(input: T, dim: int, index: int) = mt_select
tm narrow(input: T, dim: int, start: int, length: int) = mt_narrow
tm unsqueeze(input: T, dim: int) = mt_unsqueeze
tm squeeze(input: T, dim: ints?=None) = mt_squeeze
tm diagonal(input: T, offset: int=0, dim1: int=0, dim2: int=1) = mt_diagonal
m  unfold(input: T, dimension: int, size: int, step: int) = mt_unfold
tm chunk(input: T, chunks: int, dim: int=0) = mt_chunk -> list
tm unbind(input: T, dim: int=0) = mt_unbind -> list
t  cat(tensors: Ts, dim: int=0) = mt_cat
t  concat(tensors: Ts, dim: int=0) = mt_cat
t  concatenate(tensors: Ts, dim: int=0) = mt_cat
t  stack(tensors: Ts, dim: int=0) = mt_stack
tm detach(input: T) = mt_detach
m  copy_(input: T, other: N, non_blocking: any=False) = mt_copy_(input, other) -> self
m  zero_(input: T) = mt_zero_ -> self
m  fill_(input: T, value: N) = mt_fill_ -> self
t  zero_(input: T) = mt_zero_ -> self
t  fill_(input: T, value: N) = mt_fill_ -> self
tm clone(input: T, *, memory_format: any=None) = mt_clone(input)
""")

table("""
tm flip(input: T, dims: *ints) = mt_flip
m  repeat(input: T, repeats: *ints) = mt_repeat
tm tril(input: T, diagonal: int=0) = mt_tril
tm triu(input: T, diagonal: int=0) = mt_triu
m  tril_(input: T, diagonal: int=0) = mt_tril_ -> self
m  triu_(input: T, diagonal: int=0) = mt_triu_ -> self
tm diag(input: T, diagonal: int=0) = mt_diag
tm diag_embed(input: T, offset: int=0, dim1: int=-2, dim2: int=-1) = mt_diag_embed
""")


@op("tm")
def roll(input, shifts, dims=()):
    """Elements moved along dimensions, wrapping round."""
    p, n = ints(shifts, "roll", "shifts", 2)
    q, m = ints(dims, "roll", "dims", 3)
    return wrap(lib.mt_roll(input._h, p, n, q, m))


@op("tm")
def as_strided(input, size, stride, storage_offset=None):
    """Any sizes and strides over the same storage."""
    p, n = ints(size, "as_strided", "size", 2)
    q, m = ints(stride, "as_strided", "stride", 3)
    if n != m:
        raise RuntimeError("mismatch in length of strides and shape")
    return wrap(lib.mt_as_strided(input._h, p, q, n, -2 ** 63 if storage_offset is None else storage_offset))


@op("t", "reshape")
def _reshape(input, shape):
    """The same elements under another shape, sharing memory where possible."""
    return resolve("m", "reshape")(input, shape)


@op("t", "permute")
def _permute(input, dims):
    """Dimensions in another order."""
    return resolve("m", "permute")(input, dims)


@op("m")
def expand_as(input, other):
    """expand() to another tensor's sizes."""
    return input.expand(other.shape)


@op("m")
def view_as(input, other):
    """view() with another tensor's sizes."""
    return input.view(other.shape)


@op("m")
def reshape_as(input, other):
    """reshape() to another tensor's sizes."""
    return input.reshape(other.shape)


@op("m")
def contiguous(input, memory_format=None):
    """This tensor itself where it is row-major, else a row-major copy."""
    h = lib.mt_contiguous(input._h)
    if h == input._h:
        lib.mt_tensor_release(h)
        return input
    return wrap(h)


@op("tm")
def broadcast_to(input, *size, **given):
    """expand(), under NumPy's name."""
    size = given["size"] if given else size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return input.expand(size)


@op("tm")
def split(tensor, split_size_or_sections, dim=0):
    """Views of consecutive pieces: of one size, or of the given sizes."""
    size = split_size_or_sections
    items = TensorList()
    dim = integer(dim, "split", "dim", 3)
    if isinstance(size, (list, tuple)):
        p, n = ints(size, "split_with_sizes", "split_sizes", 2)
        code = lib.mt_split_with_sizes(tensor._h, p, n, dim, ctypes.addressof(items))
    else:
        code = lib.mt_split(tensor._h, integer(size, "split", "split_size", 2), dim, ctypes.addressof(items))
    if code:
        fail()
    return take_list(items)


@op("tm")
def split_with_sizes(input, split_sizes, dim=0):
    """Views of consecutive pieces of the given sizes."""
    return split(input, list(split_sizes), dim)


@op("tm")
def tensor_split(input, indices_or_sections, dim=0):
    """Views of pieces: a number of nearly equal ones, or cut at the given positions."""
    if input.dim() == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    n = input.size(dim)
    if hasattr(indices_or_sections, "tolist"):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        sizes = [n // k + (1 if i < n % k else 0) for i in range(k)]
        cuts = [sum(sizes[:i]) for i in range(1, k)]
    else:
        cuts = list(indices_or_sections)
    edges = [0] + cuts + [n]
    return tuple(wrap(lib.mt_slice(input._h, dim, a, b, 1)) for a, b in zip(edges, edges[1:]))


def _pieces(name, dim_of):
    def pieces(input, indices_or_sections):
        if input.dim() < dim_of[0]:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {dim_of[0]} dimension, but got a tensor with {input.dim()} dimensions!")
        dim = dim_of[1] if input.dim() > 1 else 0
        if isinstance(indices_or_sections, int) and indices_or_sections > 0 and input.size(dim) % indices_or_sections:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.size(dim)} is not divisible by the split_size {indices_or_sections}!")
        return tensor_split(input, indices_or_sections, dim)
    pieces.__name__ = name
    pieces.__doc__ = f"tensor_split along dimension {dim_of[1]}."
    op("tm", name)(pieces)


_pieces("hsplit", (1, 1))
_pieces("vsplit", (2, 0))
_pieces("dsplit", (3, 2))


@op("tm")
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (or slice of `dim`) repeated; `repeats` is a number or one per slice."""
    import martlet
    if repeats is None:
        if input.dtype.is_floating_point:
            raise RuntimeError("repeats has to be Long or Int tensor")
        return martlet.arange(len(input)).repeat_interleave(input)
    if repeats.__class__ is int:
        repeats = wrap(lib.mt_number_i64(repeats))
    elif not hasattr(repeats, "_h"):
        repeats = martlet.tensor(repeats)
    return wrap(lib.mt_repeat_interleave(input._h, repeats._h, -2 ** 63 if dim is None else dim, -2 ** 63 if output_size is None else output_size))


@op("tm")
def movedim(input, source, destination):
    """Dimensions moved to other places; the rest keep their order."""
    n = input.dim()
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of dims as "
            f"destination ({list(destination)} dims)")
    for d in source + destination:
        if not -max(n, 1) <= d < max(n, 1):
            raise IndexError(f"Dimension out of range (expected to be in range of [{-max(n, 1)}, {max(n, 1) - 1}], but got {d})")
    if n == 0:
        return input.view(())
    s, t = [d % n for d in source], [d % n for d in destination]
    if len(set(s)) != len(s):
        raise RuntimeError(f"movedim: repeated dim in `source` ({list(source)})")
    if len(set(t)) != len(t):
        raise RuntimeError(f"movedim: repeated dim in `destination` ({list(destination)})")
    order = [None] * n
    for a, b in zip(s, t):
        order[b] = a
    rest = iter(d for d in range(n) if d not in s)
    return input.permute([next(rest) if d is None else d for d in order])


op("tm", "moveaxis")(movedim)


@op("tm")
def unflatten(input, dim, sizes):
    """A dimension split into several; one size may be -1."""
    if input.dim() == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    sizes = list(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    n = input.dim()
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    d = dim % n
    known = 1
    for s in sizes:
        known *= s if s != -1 else 1
    if (-1 not in sizes and known != input.size(d)) or (-1 in sizes and (known == 0 or input.size(d) % known)):
        raise RuntimeError(f"unflatten: Provided sizes {sizes} don't multiply up to the size of dim {d} ({input.size(d)}) in the input tensor")
    return input.view(list(input.shape[:d]) + sizes + list(input.shape[d + 1:]))


@op("tm")
def ravel(input):
    """One dimension, sharing memory where possible."""
    return input.reshape(-1)


@op("tm")
def tile(input, *dims):
    """repeat(), with missing leading counts taken as one."""
    if len(dims) == 1 and hasattr(dims[0], "__iter__"):
        dims = tuple(dims[0])
    return input.repeat((1,) * (input.dim() - len(dims)) + tuple(dims))


@op("tm")
def rot90(input, k=1, dims=(0, 1)):
    """Turned by 90 degrees `k` times in the plane of two dimensions."""
    a, b = dims
    if input.dim() < 2 or a % input.dim() == b % input.dim():
        raise RuntimeError(f"expected total dims >= 2 and rotation dims to be different, but got total dims = {input.dim()}, dim0 = {a} and dim1 = {b}")
    k %= 4
    if k == 1:
        return input.flip(b).transpose(a, b)
    if k == 2:
        return input.flip(a, b)
    if k == 3:
        return input.flip(a).transpose(a, b)
    return input.clone()


op("tm", "fliplr")(lambda input: input.flip(1))
op("tm", "flipud")(lambda input: input.flip(0))


def _several(name, one):
    def make(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            return tuple(one(t) for t in tensors[0])
        return one(tensors[0]) if len(tensors) == 1 else tuple(one(t) for t in tensors)
    make.__name__ = name
    make.__doc__ = f"At least {name[8]} dimension(s), adding ones of size one."
    op("t", name)(make)
    return make


atleast_1d = _several("atleast_1d", lambda t: t if t.dim() else t.reshape(1))
atleast_2d = _several("atleast_2d", lambda t: t if t.dim() > 1 else t.reshape(1, -1) if t.dim() == 0 else t.unsqueeze(0))
atleast_3d = _several("atleast_3d", lambda t: t if t.dim() > 2 else t.reshape(1, -1, 1) if t.dim() < 2 else t.unsqueeze(-1))


def _joined(tensors, name):
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return list(tensors)


@op("t")
def hstack(tensors):
    """Joined along the second dimension (the first for vectors)."""
    t = [atleast_1d(x) for x in _joined(tensors, "hstack")]
    return cat(t, 0 if t[0].dim() == 1 else 1)


@op("t")
def vstack(tensors):
    """Joined along the first dimension, vectors as rows."""
    return cat([atleast_2d(x) for x in _joined(tensors, "vstack")], 0)


op("t", "row_stack")(vstack)


@op("t")
def dstack(tensors):
    """Joined along the third dimension."""
    return cat([atleast_3d(x) for x in _joined(tensors, "dstack")], 2)


@op("t")
def column_stack(tensors):
    """Vectors as columns, joined along the second dimension."""
    return cat([x.reshape(-1, 1) if x.dim() < 2 else x for x in _joined(tensors, "column_stack")], 1)


def cat(tensors, dim):
    return resolve("t", "cat")(tensors, dim)


@op("t")
def meshgrid(*tensors, indexing="ij"):
    """Coordinate grids of vectors."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    if not len(tensors):
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t.dim() > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.tolist()}")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}")
    tensors = list(tensors)
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors[0], tensors[1] = tensors[1], tensors[0]
    shape = [t.numel() for t in tensors]
    grids = [t.reshape([-1 if i == k else 1 for k in range(len(shape))]).expand(shape) for i, t in enumerate(tensors)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@op("t")
def cartesian_prod(*tensors):
    """Every choice of one element from each vector, a row each."""
    for t in tensors:
        if t.dim() != 1:
            raise RuntimeError("Expect a 1D vector, but got shape " + str(list(t.shape)))
    if len(tensors) == 1:
        return tensors[0]
    return resolve("t", "stack")([grid.reshape(-1) for grid in meshgrid(*tensors)], 1)


@op("t")
def combinations(input, r=2, with_replacement=False):
    """Every choice of `r` elements of a vector, in order, a row each."""
    from itertools import combinations, combinations_with_replacement
    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = combinations_with_replacement if with_replacement else combinations
    from .. import _creation, _types
    rows = list(choose(range(input.numel()), r))
    columns = [_creation.tensor([row[k] for row in rows], dtype=_types.int64) for k in range(r)]
    return resolve("t", "stack")([input.index_select(0, column) for column in columns], 1)


@op("t")
def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape."""
    from .. import broadcast_shapes
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    shape = ()
    for t in tensors:
        try:
            shape = broadcast_shapes(shape, t.shape)
        except RuntimeError:
            raise RuntimeError(f"The size of tensor a ({shape[-1]}) must match the size of tensor b ({t.shape[-1]}) at non-singleton dimension {max(len(shape), t.dim()) - 1}") from None
    return tuple(t.expand(shape) for t in tensors)


@op("t")
def block_diag(*tensors):
    """Matrices placed along the diagonal of a larger one."""
    rows = [atleast_2d(t) for t in tensors] or [resolve("t", "empty")(1, 0)]
    width = sum(t.size(1) for t in rows)
    out, at = [], 0
    for t in rows:
        left, right = t.new_zeros(t.size(0), at), t.new_zeros(t.size(0), width - at - t.size(1))
        out.append(cat([left, t, right], 1))
        at += t.size(1)
    return cat(out, 0)


@op("tm")
def diagflat(input, offset=0):
    """The elements in row-major order as the diagonal of a matrix."""
    return input.reshape(-1).diag(offset)


@op("m")
def t_(input):
    """The transpose, in place."""
    return _restride(input, input.t())


@op("m")
def squeeze_(input, dim=None):
    """Drops dimensions of size one, in place."""
    return _restride(input, input.squeeze() if dim is None else input.squeeze(dim))


@op("m")
def unsqueeze_(input, dim):
    """Adds a dimension of size one, in place."""
    return _restride(input, input.unsqueeze(dim))


@op("m")
def transpose_(input, dim0, dim1):
    """Swaps two dimensions, in place."""
    return _restride(input, input.transpose(dim0, dim1))


@op("m")
def as_strided_(input, size, stride, storage_offset=None):
    """Takes on any sizes and strides over its storage, in place."""
    return _restride(input, as_strided(input, size, stride, storage_offset))


def _restride(tensor, view):
    if lib.mt_become_(tensor._h, view._h):
        fail()
    return tensor


@op("m")
def resize_(input, *size, memory_format=None):
    """Sizes changed in place, row-major; new elements are unspecified. Not for tensors that require grad."""
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    p, n = separate_ints(size, "resize_", "size", 1)
    if lib.mt_resize_(input._h, p, n):
        fail()
    return input


@op("m")
def resize_as_(input, other, *, memory_format=None):
    """resize_ to another tensor's sizes."""
    return resize_(input, other.shape)


@op("m")
def set_(input, source=None):
    """Makes the tensor show another's memory."""
    input.data = source if source is not None else input.new_empty(0)
    return input


@op("tm")
def select_scatter(input, src, dim, index):
    """A copy with a slice replaced."""
    out = input.clone()
    if out.select(dim, index).shape != src.shape:
        raise RuntimeError(f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(out.select(dim, index).shape)}")
    out.select(dim, index).copy_(src)
    return out


@op("tm")
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy with a range replaced."""
    out = input.clone()
    none = -2 ** 63
    wrap(lib.mt_slice(out._h, dim, none if start is None else start, none if end is None else end, step)).copy_(src)
    return out


@op("tm")
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy with a diagonal replaced."""
    out = input.clone()
    out.diagonal(offset, dim1, dim2).copy_(src)
    return out


@op("t")
def arange(start=None, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """start, start + step, ... without end."""
    if end is None:
        start, end = 0, start
    if start is None:
        start = 0
    h = [v if hasattr(v, "_h") else number(v, "arange", w, i) for i, (v, w) in enumerate(((start, "start"), (end, "end"), (step, "step")), 1)]
    t = wrap(lib.mt_arange(h[0]._h, h[1]._h, h[2]._h, -1 if dtype is None else dtype._code))
    if out is not None:
        return store(out, t)
    return t.requires_grad_() if requires_grad else t


def _number_of(v):
    return float(v.item() if hasattr(v, "item") else v)


@op("t")
def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """`steps` numbers with both ends included."""
    t = wrap(lib.mt_linspace(_number_of(start), _number_of(end), steps, -1 if dtype is None else dtype._code))
    if out is not None:
        return store(out, t)
    return t.requires_grad_() if requires_grad else t


@op("t")
def logspace(start, end, steps, base=10.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """Powers of `base` with evenly spaced exponents."""
    t = wrap(lib.mt_logspace(_number_of(start), _number_of(end), steps, base, -1 if dtype is None else dtype._code))
    return t.requires_grad_() if requires_grad else t


@op("t")
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """Ones on the diagonal."""
    t = wrap(lib.mt_eye(_index(n), -2 ** 63 if m is None else _index(m), -1 if dtype is None else dtype._code))
    if out is not None:
        return store(out, t)
    return t.requires_grad_() if requires_grad else t


@op("t")
def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Row and column numbers of the lower triangle."""
    return wrap(lib.mt_tril_indices(row, col, offset, 2 if dtype is None else dtype._code))


@op("t")
def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Row and column numbers of the upper triangle."""
    return wrap(lib.mt_triu_indices(row, col, offset, 2 if dtype is None else dtype._code))


@op("t")
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Memory with unspecified contents under any strides."""
    size, stride = tuple(size), tuple(stride)
    length = 1 + sum((n - 1) * s for n, s in zip(size, stride)) if all(size) else 0
    t = resolve("t", "empty")(length, dtype=dtype).as_strided(size, stride).detach()
    return t.requires_grad_() if requires_grad else t


op("tm", "adjoint")(lambda input: input.transpose(-2, -1))



@op("t")
def fill(input, value):
    """A copy with every element set to a number or 0-dim tensor."""
    out = input.clone()
    return resolve("m", "fill_")(out, value)
