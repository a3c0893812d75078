"""Views, pieces and copies."""
import ctypes

from . import integer, ints, op, optional_integer, resolve, separate_ints, table, take_list, wrap
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
    return wrap(lib.mt_as_strided(input._h, p, q, n, optional_integer(storage_offset, "as_strided", "storage_offset", 4)))


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
        k = integer(indices_or_sections, "tensor_split", "sections", 2)
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        if k > 2 ** 20:
            resolve("t", "empty")(k, 50)  # more pieces than there is memory for are an error here
        size, longer = divmod(n, k)
        cuts = [i * size + min(i, longer) for i in range(1, k)]
    else:
        p, count = ints(indices_or_sections, "tensor_split", "indices", 2)
        cuts = p[:count]
    dim = integer(dim, "tensor_split", "dim", 3)
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
        repeats = wrap(lib.mt_number_i64(integer(repeats, "repeat_interleave", "repeats", 2)))
    elif not hasattr(repeats, "_h"):
        repeats = martlet.tensor(repeats)
    return wrap(lib.mt_repeat_interleave(input._h, repeats._h, optional_integer(dim, "repeat_interleave", "dim", 3),
                                         optional_integer(output_size, "repeat_interleave", "output_size", 0)))


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
    dim, sizes = integer(dim, "unflatten", "dim", 2), list(sizes)
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


def _flip(name, dim):
    def flip(input):
        if input.dim() <= dim:
            raise RuntimeError(f"Input must be >= {dim + 1}-d.")
        return input.flip(dim)
    flip.__name__ = name
    flip.__doc__ = f"The order along dimension {dim} reversed."
    op("tm", name)(flip)


_flip("flipud", 0)
_flip("fliplr", 1)


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


_C_NAMES = ("float", "double", "long int", "int", "short int", "signed char", "unsigned char", "bool", "c10::Half", "c10::BFloat16")


@op("m")
def set_(input, source=None):
    """Makes the tensor show another's memory."""
    if source is not None and source.dtype is not input.dtype:
        raise RuntimeError(f"Could not set tensor of type {_C_NAMES[source.dtype._code]} to a tensor of type {_C_NAMES[input.dtype._code]}")
    input.data = source if source is not None else input.new_empty(0)
    return input


@op("tm")
def select_scatter(input, src, dim, index):
    """A copy with a slice replaced."""
    out = input.clone()
    return _with_part(out, out.select(dim, index), src)


@op("tm")
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy with a range replaced."""
    out = input.clone()
    dim, step = integer(dim, "slice_scatter", "dim", 3), integer(step, "slice_scatter", "step", 6)
    start, end = optional_integer(start, "slice_scatter", "start", 4), optional_integer(end, "slice_scatter", "end", 5)
    return _with_part(out, wrap(lib.mt_slice(out._h, dim, start, end, step)), src)


@op("tm")
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy with a diagonal replaced."""
    out = input.clone()
    return _with_part(out, out.diagonal(offset, dim1, dim2), src)


def _with_part(out, part, src):
    if part.shape != src.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(part.shape)}")
    part.copy_(src)
    return out


op("tm", "adjoint")(lambda input: input.transpose(-2, -1))


@op("t")
def fill(input, value):
    """A copy with every element set to a number or 0-dim tensor."""
    out = input.clone()
    return resolve("m", "fill_")(out, value)
