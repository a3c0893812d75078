"""The Tensor class: a handle of the library with torch's properties and methods.

Methods that are operations come from the table in martlet/_ops; this file and those named _tensor_ hold what Python
must do itself.
"""
from . import _bridge, _ops, _types
from ._native import _infos, fail, info_of, lib, take_text
from ._ops import integer, op, resolve, wrap
from ._tensor_copies import Copies, _rebuild, _rebuild_sparse  # noqa: F401  (what was pickled may name them here)
from ._tensor_gradients import Recording
from ._tensor_values import Values
from ._types import BY_CODE, TYPE_WORDS, Size, layout, sparse_coo, strided

_new = object.__new__


class TensorType(type):
    """The class of Tensor and Parameter, which shows them under torch's names, as they show their dtypes and sizes."""

    def __repr__(cls):
        return super().__repr__().replace("martlet._tensor.", "torch.").replace("martlet.", "torch.")


class Tensor(_bridge.TensorBase, Values, Copies, Recording, metaclass=TensorType):
    """An n-dimensional array that remembers how it was computed. Make one with `martlet.tensor(data)`."""

    __slots__ = ()
    __array_priority__ = 1000

    def __new__(cls, *data, **options):
        from . import _creation
        return _creation.legacy_tensor(cls, data, options)

    @staticmethod
    def _make_subclass(cls, data, require_grad=False):
        """An instance of `cls` over the memory of `data`, without history."""
        t = _new(cls)
        t._h = lib.mt_detach(data._h) or fail()
        if require_grad and lib.mt_set_requires_grad(t._h, 1):
            fail()
        return t

    def as_subclass(self, cls):
        """The same tensor as an instance of `cls`."""
        t = _new(cls)
        t._h = lib.mt_tensor_retain(self._h) or fail()
        return t

    # ---- plain facts

    @property
    def shape(self):
        """The sizes, as a torch.Size."""
        i = info_of(self._h)
        s = Size(i.sizes[:i.ndim])
        _infos.append(i)
        return s

    def size(self, dim=None):
        """All sizes, or that of one dimension."""
        if dim is None:
            return self.shape
        n = lib.mt_size(self._h, integer(dim, "size", "dim", 1))
        return fail() if n < 0 else n

    def stride(self, dim=None):
        """Steps in elements from one index to the next, of all dimensions or one."""
        i = info_of(self._h)
        s = tuple(i.strides[:i.ndim])
        _infos.append(i)
        if dim is None:
            return s
        dim = integer(dim, "stride", "dim", 1)
        if not -len(s) <= dim < len(s):
            raise IndexError(f"Dimension out of range (expected to be in range of [{-len(s)}, {len(s) - 1}], but got {dim})")
        return s[dim]

    def dim(self):
        """The number of dimensions."""
        return lib.mt_ndim(self._h)

    ndim = property(dim)
    ndimension = dim

    def numel(self):
        """The number of elements."""
        return lib.mt_numel(self._h)

    nelement = numel

    def storage_offset(self):
        """Where in its storage the tensor begins, in elements."""
        i = info_of(self._h)
        _infos.append(i)
        return i.storage_offset

    @property
    def dtype(self):
        """The element type."""
        return BY_CODE[lib.mt_dtype(self._h)]

    @property
    def device(self):
        """Always cpu."""
        return _types.CPU

    @property
    def is_cpu(self):
        return True

    is_cuda = is_mps = is_meta = is_quantized = is_nested = property(lambda self: False)

    @property
    def layout(self) -> layout:
        return sparse_coo if self.is_sparse else strided

    @property
    def is_sparse(self):
        i = info_of(self._h)
        _infos.append(i)
        return i.is_sparse != 0

    @property
    def itemsize(self):
        return self.dtype.itemsize

    @property
    def nbytes(self):
        return self.numel() * self.dtype.itemsize

    def element_size(self):
        """Bytes of one element."""
        return self.dtype.itemsize

    def is_contiguous(self, memory_format=None):
        """Whether the elements lie in row-major order without gaps."""
        i = info_of(self._h)
        _infos.append(i)
        return i.is_contiguous != 0

    def is_floating_point(self):
        return self.dtype.is_floating_point

    def is_complex(self):
        return False

    def is_signed(self):
        return self.dtype.is_signed

    def data_ptr(self):
        """Address of the first element."""
        return lib.mt_data_ptr(self._h) or fail()

    @property
    def _version(self):
        """How often the memory was written in place."""
        if lib.mt_is_inference(self._h) == 1:
            raise RuntimeError("Inference tensors do not track version counter.")
        i = info_of(self._h)
        _infos.append(i)
        return i.version

    def type(self, dtype=None, non_blocking=False):
        """Without an argument the name, e.g. 'torch.FloatTensor'; with one, the tensor converted to it."""
        if dtype is None:
            return ("torch.sparse." if self.is_sparse else "torch.") + TYPE_WORDS[self.dtype] + "Tensor"
        if isinstance(dtype, str):
            word = dtype.rsplit(".", 1)[-1].removesuffix("Tensor") if hasattr(str, "removesuffix") else dtype.rsplit(".", 1)[-1][:-6]
            found = [d for d, w in TYPE_WORDS.items() if w == word]
            if not found:
                raise ValueError(f"invalid type: '{dtype}'")
            dtype = found[0]
        elif isinstance(dtype, type) and hasattr(dtype, "_dtype"):
            dtype = dtype._dtype
        return self.to(dtype)

    def is_same_size(self, other):
        return self.shape == other.shape

    def __hash__(self):
        return id(self)

    # ---- text

    def __repr__(self, *, tensor_contents=None):
        return _tensor_text(self)

    def __format__(self, spec):
        if lib.mt_ndim(self._h) == 0 and type(self) is Tensor:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    # ---- the rest

    def get_device(self):
        """-1, the number of the CPU."""
        return -1

    def is_set_to(self, tensor):
        """Whether another tensor shows the same memory in the same shape."""
        return (self.data_ptr() == tensor.data_ptr() and self.shape == tensor.shape and self.stride() == tensor.stride()
                and self.storage_offset() == tensor.storage_offset())

    def new(self, *data):
        """A tensor of this dtype from sizes or data."""
        from . import _creation
        return _creation.legacy_tensor(Tensor, data, {}, self.dtype)

    def share_memory_(self):
        return self

    def is_shared(self):
        return False

    def pin_memory(self, device=None):
        return self

    def untyped_storage(self):
        """The memory that this tensor and its views share."""
        from ._storage import UntypedStorage
        return UntypedStorage(self)

    storage = untyped_storage

    # ---- comparison operators are operations too; Python needs __eq__ beside __hash__ in the class itself

    def __eq__(self, other):
        return resolve("m", "eq")(self, other) if isinstance(other, (Tensor, int, float, bool)) else _maybe(self, other, "eq")

    def __ne__(self, other):
        return resolve("m", "ne")(self, other) if isinstance(other, (Tensor, int, float, bool)) else _maybe(self, other, "ne")


def _maybe(a, b, name):
    number = _ops.plain_number(b)
    return NotImplemented if number is None else resolve("m", name)(a, number)


def _tensor_text(t):
    """torch's text of a tensor, made by the core."""
    prefix = "tensor(" if type(t) is Tensor or type(t).__name__ == "Parameter" else type(t).__name__ + "("
    return take_text(lib.mt_tensor_str(t._h, prefix.encode()))


def _transposed(name, matrix_only):
    def turn(self):
        n = self.dim()
        if matrix_only and n < 2:
            raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got {n}-D tensor.")
        if n < 2:
            return self
        return self.transpose(-2, -1) if matrix_only else self.permute(*range(n - 1, -1, -1))
    return property(turn, doc="Dimensions reversed." if not matrix_only else "The last two dimensions swapped.")


Tensor.T = Tensor.H = _transposed("T", False)
Tensor.mT = Tensor.mH = _transposed("mT", True)
_ops.connect(Tensor)
_bridge.connect(Tensor, Size, BY_CODE, _types.dtype, lambda name: resolve("m", name))
_ops.quicken(Tensor, """
backward(input: T, gradient: T?=None) = mt_backward(input, gradient, 0, 0) -> none
requires_grad_(input: T, requires_grad: bool=True) = mt_set_requires_grad -> self
size(input: T, dim: int) = mt_size -> int
dim(input: T) = mt_ndim -> int
numel(input: T) = mt_numel -> int
""")


@op("m", quick="view(input: T, shape: *ints) = mt_view")
def view(input, *shape, dtype=None):
    """The same memory under another shape (one size may be -1)."""
    if len(shape) == 1 and isinstance(shape[0], _types.dtype):
        return wrap(lib.mt_view_dtype(input._h, shape[0]._code))
    p, n = _ops.separate_ints(shape, "view", "size", 1)
    return wrap(lib.mt_view(input._h, p, n))


def _convert(name, dtype):
    def convert(input, memory_format=None):
        if lib.mt_dtype(input._h) == dtype._code:
            return input
        return wrap(lib.mt_to(input._h, dtype._code, 0))
    convert.__name__ = name
    convert.__doc__ = f"Converted to {dtype!r}."
    op("m", name)(convert)


for _name, _dtype in (("float", _types.float32), ("double", _types.float64), ("long", _types.int64), ("int", _types.int32),
                      ("short", _types.int16), ("char", _types.int8), ("byte", _types.uint8), ("bool", _types.bool),
                      ("half", _types.float16), ("bfloat16", _types.bfloat16)):
    _convert(_name, _dtype)
