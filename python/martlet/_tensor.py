"""The Tensor class: a handle of the library with torch's properties and methods.

Methods that are operations come from the table in martlet/_ops; this file holds what Python must do itself.
"""
import ctypes

from . import _bridge, _ops, _types
from ._native import _infos, fail, info_of, lib, take_text
from ._ops import integer, op, resolve, wrap
from ._types import BY_CODE, TYPE_WORDS, Size, layout, sparse_coo, strided

_release = lib.mt_tensor_release
_new = object.__new__


class TensorType(type):
    """The class of Tensor and Parameter, which shows them under torch's names, as they show their dtypes and sizes."""

    def __repr__(cls):
        return super().__repr__().replace("martlet._tensor.", "torch.").replace("martlet.", "torch.")


class Tensor(_bridge.TensorBase, metaclass=TensorType):
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

    # ---- conversion

    def to(self, *args, dtype=None, device=None, copy=False, non_blocking=False, memory_format=None):
        """Converted to a dtype (or another tensor's); the device can only be the CPU."""
        for a in args:
            if isinstance(a, _types.dtype):
                dtype = a
            elif isinstance(a, Tensor):
                dtype = a.dtype
            elif isinstance(a, bool):
                pass
            elif isinstance(a, (str, _types.device)):
                device = a
            elif a is not None:
                raise TypeError(f"to() received an invalid combination of arguments - got ({type(a).__name__})")
        _types.require_cpu(device)
        if len(args) > 2 and isinstance(args[2], bool):
            copy = copy or (len(args) > 3 and args[3])
        if dtype is None:
            return self.clone() if copy else self
        if not copy and dtype is self.dtype:
            return self
        return wrap(lib.mt_to(self._h, dtype._code, 1 if copy else 0))

    def type_as(self, other):
        """Converted to the dtype of another tensor."""
        return self.to(other.dtype)

    def cpu(self, memory_format=None):
        return self

    def cuda(self, device=None, non_blocking=False, memory_format=None):
        raise AssertionError("Torch not compiled with CUDA enabled")

    def item(self):
        """The one element as a Python number."""
        code = lib.mt_dtype(self._h)
        if code in (0, 1, 8, 9):
            out = ctypes.c_double()
            if lib.mt_item_f64(self._h, ctypes.addressof(out)):
                fail()
            return out.value
        out = ctypes.c_int64()
        if lib.mt_item_i64(self._h, ctypes.addressof(out)):
            fail()
        return bool(out.value) if code == 7 else out.value

    def tolist(self):
        """The elements as nested lists, or a number for a 0-dim tensor."""
        if not self.dim():
            return self.item()
        return _nest(self._flat(), list(self.shape))

    def _flat(self):
        """All elements in row-major order as a list of Python numbers."""
        code = lib.mt_dtype(self._h)
        t = self if code < 8 else self.detach().to(_types.float32)
        kind = _CTYPES[lib.mt_dtype(t._h)]
        n = t.numel()
        buffer = (kind * n)()
        if lib.mt_copy_to_host(t._h, ctypes.addressof(buffer) if n else None, ctypes.sizeof(buffer)):
            fail()
        return list(buffer)

    def _scalar(self):
        """The one element, for conversions to Python numbers."""
        if lib.mt_numel(self._h) != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def __int__(self):
        return int(self._scalar())

    def __float__(self):
        return float(self._scalar())

    def __bool__(self):
        n = self.numel()
        if n != 1:
            raise RuntimeError(
                "Boolean value of Tensor with no values is ambiguous" if n == 0
                else "Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    is_nonzero = __bool__

    def __index__(self):
        if self.dtype.is_floating_point or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __complex__(self):
        return complex(self._scalar())

    def __len__(self):
        n = lib.mt_ndim(self._h)
        if n == 0:
            raise TypeError("len() of a 0-d tensor")
        return lib.mt_size(self._h, 0)

    def __iter__(self):
        if self.dim() == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, item):
        if isinstance(item, (Tensor, int, float, bool)):
            return bool((self == item).any())
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(item)}.")

    def __hash__(self):
        return id(self)

    def __reversed__(self):
        return self if self.dim() == 0 else self.flip(0)

    # ---- text

    def __repr__(self, *, tensor_contents=None):
        return _tensor_text(self)

    def __format__(self, spec):
        if lib.mt_ndim(self._h) == 0 and type(self) is Tensor:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    # ---- NumPy

    @property
    def __array_interface__(self):
        """How NumPy finds the memory. Absent where numpy() would refuse, so that its error is what the caller sees."""
        if self.requires_grad or self.is_sparse or lib.mt_dtype(self._h) == 9:
            raise AttributeError("__array_interface__")
        i = info_of(self._h)
        n = i.ndim
        width = BY_CODE[i.dtype].itemsize
        face = {
            "version": 3, "typestr": _TYPESTR[i.dtype], "shape": tuple(i.sizes[:n]),
            "strides": tuple(s * width for s in i.strides[:n]), "data": (lib.mt_data_ptr(self._h), False),
        }
        _infos.append(i)
        return face

    def numpy(self, *, force=False):
        """A NumPy array over the same memory."""
        import numpy
        if force:
            return self.detach().numpy()
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.is_sparse:
            raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")
        if self.dtype is _types.bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        if self.numel() == 0:
            return numpy.empty(self.shape, _TYPESTR[self.dtype._code])
        return numpy.asarray(_ArrayView(self))

    def __array__(self, dtype=None, copy=None):
        a = self.numpy()
        return a if dtype is None else a.astype(dtype, copy=False)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        """The result of a NumPy function on a tensor, as a tensor again."""
        from . import _creation
        return _creation.from_numpy(array.astype("uint8") if array.dtype == bool else array)

    # ---- copies of the object

    def __copy__(self):
        """A leaf over the same memory."""
        t = _new(type(self))
        t._h = self.detach()._retained()
        if self.requires_grad:
            t.requires_grad_()
        t.__dict__.update((k, v) for k, v in self.__dict__.items() if k != "_grad")
        return t

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
                "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
                "see https://github.com/pytorch/pytorch/pull/103001")
        import copy
        t = _new(type(self))
        t._h = self._with_copied_storage(memo)._retained()
        if self.requires_grad:
            t.requires_grad_()
        memo[id(self)] = t
        if self.grad is not None:
            t.grad = self.grad.__deepcopy__(memo)
        for k, v in self.__dict__.items():
            if k != "_grad":
                t.__dict__[k] = copy.deepcopy(v, memo)
        return t

    def _with_copied_storage(self, memo):
        """The same window onto a copy of the storage; tensors that shared memory do so in the copies too."""
        plain = self.detach()
        if self.is_sparse:
            return plain.clone()
        size = lib.mt_storage_nbytes(self._h)
        if size == 0:
            return plain.clone()
        key = "storage", lib.mt_storage_ptr(self._h), self.dtype
        copied = memo.get(key)
        if copied is None:
            copied = memo[key] = plain.as_strided((size // self.dtype.itemsize,), (1,), 0).clone()
        return copied.as_strided(self.shape, self.stride(), self.storage_offset()).detach()

    def _retained(self):
        return lib.mt_tensor_retain(self._h) or fail()

    def __reduce_ex__(self, protocol):
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        if self.is_sparse:
            return _rebuild_sparse, (self._indices(), self._values(), tuple(self.shape), self.is_coalesced(), self.requires_grad)
        t, shape, stride = self.detach(), tuple(self.shape), None
        if not self.is_contiguous():
            # Strides are kept: what is written is the stretch of memory that the elements lie in, where it is not much longer.
            span = 1 + sum((n - 1) * s for n, s in zip(shape, self.stride()))
            if span <= self.numel():
                stride, t = self.stride(), t.as_strided((span,), (1,))
        n = t.numel() * self.dtype.itemsize
        data = bytearray(n)
        if n:
            buffer = (ctypes.c_char * n).from_buffer(data)
            if lib.mt_copy_to_host(t._h, ctypes.addressof(buffer), n):
                fail()
        return _rebuild, (type(self), bytes(data), shape, self.dtype, self.requires_grad, state, stride)

    # ---- recording

    @property
    def requires_grad(self):
        """Whether a gradient is wanted."""
        return lib.mt_requires_grad(self._h) == 1

    @requires_grad.setter
    def requires_grad(self, on):
        if on.__class__ is not bool:
            raise RuntimeError("requires_grad must be a bool")
        if on and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if lib.mt_set_requires_grad(self._h, 1 if on else 0):
            fail()

    def requires_grad_(self, requires_grad=True):
        """Sets whether a gradient is wanted; returns the tensor."""
        if requires_grad.__class__ is not bool:
            raise _ops.arguments.wrong_type("requires_grad_", "requires_grad", 1, "bool", requires_grad)
        if lib.mt_set_requires_grad(self._h, 1 if requires_grad else 0):
            fail()
        return self

    @property
    def is_leaf(self):
        i = info_of(self._h)
        _infos.append(i)
        return i.is_leaf != 0

    @property
    def grad(self):
        """The accumulated gradient, None before the first backward()."""
        h = lib.mt_grad(self._h)
        if not h:
            if self.requires_grad and not self.is_leaf and not self.retains_grad:
                _warn_non_leaf()
            return None
        known = self.__dict__.get("_grad")
        if known is not None and known._h == h:
            _release(h)
            return known
        t = _new(Tensor)
        t._h = h
        self.__dict__["_grad"] = t
        return t

    @grad.setter
    def grad(self, value):
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
        if lib.mt_set_grad(self._h, None if value is None else value._h):
            fail()
        self.__dict__["_grad"] = value

    @grad.deleter
    def grad(self):
        self.grad = None

    @property
    def grad_fn(self):
        """The step that made this tensor, None for leaves."""
        from .autograd._nodes import node
        h = lib.mt_grad_fn(self._h)
        return node(h) if h else None

    @property
    def output_nr(self):
        return lib.mt_output_nr(self._h)

    @property
    def data(self):
        """The same memory without history."""
        t = _new(type(self)) if type(self) is Tensor else _new(Tensor)
        t._h = lib.mt_tensor_data(self._h) or fail()
        return t

    @data.setter
    def data(self, value):
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if lib.mt_set_data(self._h, value._h):
            fail()

    def detach_(self):
        """Forgets the history of this tensor itself."""
        if lib.mt_detach_(self._h):
            fail()
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Adds the gradients of this tensor to the .grad of the leaves it depends on."""
        if retain_graph is None:
            retain_graph = create_graph
        if inputs is None and (gradient is None or isinstance(gradient, Tensor)):
            if lib.mt_backward(self._h, None if gradient is None else gradient._h, 1 if retain_graph else 0,
                               1 if create_graph else 0):
                fail()
            return
        from . import autograd
        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def _is_view(self):
        """Whether this tensor shows memory of another one that autograd knows of."""
        return lib.mt_is_view(self._h) == 1

    @property
    def _base(self):
        """The tensor that this one is a view of, None where it is none."""
        h = lib.mt_base(self._h)
        return wrap(h) if h else None

    def retain_grad(self):
        """Keeps the gradient of this non-leaf in .grad."""
        if lib.mt_retain_grad(self._h):
            fail()

    @property
    def retains_grad(self):
        return lib.mt_retains_grad(self._h) == 1

    def register_hook(self, hook):
        """Calls hook(grad) when a gradient of this tensor was computed; a returned tensor replaces it."""
        from .autograd._hooks import register_tensor_hook
        return register_tensor_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Calls hook(self) after the gradient of this leaf was accumulated."""
        from .autograd._hooks import register_post_accumulate_hook
        return register_post_accumulate_hook(self, hook)

    def is_inference(self):
        return lib.mt_is_inference(self._h) == 1

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


def _warn_non_leaf():
    import warnings
    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
        "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
        ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
        "Tensor instead.", UserWarning, stacklevel=3)


def _maybe(a, b, name):
    number = _ops.plain_number(b)
    return NotImplemented if number is None else resolve("m", name)(a, number)


_CTYPES = (ctypes.c_float, ctypes.c_double, ctypes.c_int64, ctypes.c_int32, ctypes.c_int16, ctypes.c_int8, ctypes.c_uint8,
           ctypes.c_bool)
_TYPESTR = ("<f4", "<f8", "<i8", "<i4", "<i2", "|i1", "|u1", "|b1", "<f2", None)


class _ArrayView:
    """What NumPy keeps as the owner of the memory."""

    def __init__(self, tensor):
        self.tensor = tensor
        self.__array_interface__ = tensor.__array_interface__


def _nest(flat, shape):
    for axis in range(len(shape) - 1, 0, -1):
        n = shape[axis]
        flat = [flat[i * n:(i + 1) * n] for i in range(_product(shape[:axis]))]
    return flat


def _product(values):
    n = 1
    for v in values:
        n *= v
    return n


def _rebuild(cls, data, shape, dtype, requires_grad, state, stride=None):
    from . import _creation
    if stride is None:
        t = _creation.from_bytes(data, shape, dtype)
    else:
        t = _creation.from_bytes(data, (len(data) // dtype.itemsize,), dtype).as_strided(shape, stride).detach()
    if cls is not Tensor:
        made = _new(cls)
        made._h = t._retained()
        t = made
    if requires_grad:
        t.requires_grad_()
    t.__dict__.update(state)
    return t


def _rebuild_sparse(indices, values, shape, coalesced, requires_grad):
    import martlet
    t = martlet.sparse_coo_tensor(indices, values, shape, is_coalesced=coalesced)
    return t.requires_grad_() if requires_grad else t


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
