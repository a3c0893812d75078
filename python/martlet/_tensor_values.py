"""What a tensor holds, as other dtypes, Python numbers and NumPy arrays."""
import ctypes

from . import _ops, _types
from ._native import _infos, fail, info_of, lib
from ._ops import wrap
from ._types import BY_CODE

_CTYPES = (ctypes.c_float, ctypes.c_double, ctypes.c_int64, ctypes.c_int32, ctypes.c_int16, ctypes.c_int8, ctypes.c_uint8,
           ctypes.c_bool)
_TYPESTR = ("<f4", "<f8", "<i8", "<i4", "<i2", "|i1", "|u1", "|b1", "<f2", None)


class Values:
    """Conversions of Tensor."""

    __slots__ = ()

    def to(self, *args, dtype=None, device=None, copy=False, non_blocking=False, memory_format=None):
        """Converted to a dtype (or another tensor's); the device can only be the CPU."""
        for a in args:
            if isinstance(a, _types.dtype):
                dtype = a
            elif isinstance(a, _ops.Tensor):
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
        if isinstance(item, (_ops.Tensor, int, float, bool)):
            return bool((self == item).any())
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(item)}.")

    def __reversed__(self):
        return self if self.dim() == 0 else self.flip(0)

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
