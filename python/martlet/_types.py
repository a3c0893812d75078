"""dtype, device, layout, Size and the limits of number types, under torch's names and with torch's text."""
import sys


class dtype:
    """The element type of a tensor, e.g. `martlet.float32`. Compared by identity."""

    __slots__ = ("_code", "_name", "is_floating_point", "is_complex", "is_signed", "itemsize")

    def __init__(self, code, name, floating, signed, itemsize):
        self._code, self._name, self.is_floating_point = code, name, floating
        self.is_complex, self.is_signed, self.itemsize = False, signed, itemsize

    def __repr__(self):
        return "torch." + self._name

    def __reduce__(self):
        return _dtype_by_name, (self._name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def to_complex(self):
        raise NotImplementedError("complex dtypes are not offered")


float32 = float = dtype(0, "float32", True, True, 4)
float64 = double = dtype(1, "float64", True, True, 8)
int64 = long = dtype(2, "int64", False, True, 8)
int32 = int = dtype(3, "int32", False, True, 4)
int16 = short = dtype(4, "int16", False, True, 2)
int8 = dtype(5, "int8", False, True, 1)
uint8 = dtype(6, "uint8", False, False, 1)
bool = dtype(7, "bool", False, False, 1)
float16 = half = dtype(8, "float16", True, True, 2)
bfloat16 = dtype(9, "bfloat16", True, True, 2)

BY_CODE = (float32, float64, int64, int32, int16, int8, uint8, bool, float16, bfloat16)
BY_NAME = {d._name: d for d in BY_CODE}
#: The word in torch's type names: torch.FloatTensor.
TYPE_WORDS = {
    float32: "Float", float64: "Double", int64: "Long", int32: "Int", int16: "Short", int8: "Char", uint8: "Byte",
    bool: "Bool", float16: "Half", bfloat16: "BFloat16",
}


def _dtype_by_name(name):
    return BY_NAME[name]


class device:
    """Where a tensor lives. Only the CPU is offered; other types can be named but not used."""

    __slots__ = ("type", "index")
    _KNOWN = ("cpu", "cuda", "meta", "mps", "xpu")

    def __init__(self, type="cpu", index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, str) and ":" in type:
            type, text = type.split(":", 1)
            if not text.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{text}'")
            index = _builtin_int(text)
        if type not in self._KNOWN:
            raise RuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, "
                f"mps, meta, hpu, mtia, privateuseone device type at start of device string: {type}")
        self.type, self.index = type, index

    def __repr__(self):
        return f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type, self.index)

    def __enter__(self):
        require_cpu(self)
        return self

    def __exit__(self, *exc):
        return False


_builtin_int = sys.modules["builtins"].int
CPU = device("cpu")


def require_cpu(where):
    """Accepts None, "cpu" and device("cpu"); anything else is torch's error for a build without that device."""
    if where is None or where is CPU or where == "cpu":
        return
    d = device(where) if not isinstance(where, device) else where
    if d.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    if d.type != "cpu":
        raise RuntimeError(f"martlet computes on the CPU only, got device {str(d)!r}")


class layout:
    """How elements are arranged: `martlet.strided` or `martlet.sparse_coo`."""

    __slots__ = ("_name",)

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return "torch." + self._name


strided = layout("strided")
sparse_coo = layout("sparse_coo")


class memory_format:
    """The order of dimensions in memory asked of an operation."""

    __slots__ = ("_name",)

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return "torch." + self._name


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")


class Size(tuple):
    """The sizes of a tensor: a tuple that prints as torch.Size([2, 3])."""

    __slots__ = ()

    def __repr__(self):
        return "torch.Size([" + ", ".join(map(str, self)) + "])"

    def numel(self):
        """The product of the sizes."""
        n = 1
        for s in self:
            n *= s
        return n

    def __getitem__(self, i):
        r = tuple.__getitem__(self, i)
        return Size(r) if isinstance(i, slice) else r

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, n):
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)


_FLOAT_LIMITS = {
    # dtype: (bits of the exponent's range as max, eps, smallest normal, resolution)
    "float32": (3.4028234663852886e38, 1.1920928955078125e-07, 1.1754943508222875e-38, 1e-06),
    "float64": (1.7976931348623157e308, 2.220446049250313e-16, 2.2250738585072014e-308, 1e-15),
    "float16": (65504.0, 0.0009765625, 6.103515625e-05, 0.001),
    "bfloat16": (3.3895313892515355e38, 0.0078125, 1.1754943508222875e-38, 0.01),
}


class finfo:
    """Limits of a floating-point dtype: max, min, eps, tiny, smallest_normal, resolution, bits."""

    def __init__(self, type=None):
        type = default_dtype() if type is None else type
        if not type.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type!r}'")
        self.max, self.eps, self.tiny, self.resolution = _FLOAT_LIMITS[type._name]
        self.min, self.smallest_normal, self.bits, self.dtype = -self.max, self.tiny, type.itemsize * 8, type._name

    def __repr__(self):
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")


class iinfo:
    """Limits of an integer dtype: min, max, bits."""

    def __init__(self, type):
        if type.is_floating_point or type is bool:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'")
        self.bits, self.dtype = type.itemsize * 8, type._name
        self.max = 2 ** (self.bits - type.is_signed) - 1
        self.min = -(2 ** (self.bits - 1)) if type.is_signed else 0

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


_default = [float32]


def default_dtype():
    """The dtype of new floating-point tensors."""
    return _default[0]
