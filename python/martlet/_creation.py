"""Making tensors from Python data, and the creation functions without randomness."""
import ctypes
from _operator import index as _index

from . import _bridge, _types
from ._native import fail, lib
from ._ops import T, finish, ints, number, op, plain_number, separate_ints, type_name, wrap
from ._ops.arguments import wrong_type
from ._tensor import Tensor
from ._types import BY_CODE, default_dtype, require_cpu

_ARRAY_CODES = {0: "f", 1: "d", 2: "q", 3: "i", 4: "h", 5: "b", 6: "B", 7: "B"}


def from_bytes(data, shape, dtype):
    """A tensor from row-major bytes."""
    p, n = ints(tuple(shape), "from_bytes", "shape", 2)
    buffer = (ctypes.c_char * max(len(data), 1)).from_buffer_copy(bytes(data) or b"\0")
    return wrap(lib.mt_tensor_from_data(ctypes.addressof(buffer), p, n, dtype._code))


def _flatten(data, shape, depth, out, kinds):
    """Appends the numbers of nested sequences and checks that their lengths agree."""
    if depth == len(shape):
        kind = data.__class__
        if kind is not float and kind is not int and kind is not bool:
            data, kind = _one_number(data, kinds, depth)
        kinds.add(kind)
        out.append(data)
        return
    if not _is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    for item in data:
        _flatten(item, shape, depth + 1, out, kinds)


def _one_number(data, kinds, depth):
    """What is no plain Python number, as one, and the kind that it counts as."""
    if type(data).__module__ == "numpy" and getattr(data, "shape", None) == ():
        code = _NUMPY_CODES.get(data.dtype.str[1:])
        if code is not None:
            return data.item(), BY_CODE[code]
    if isinstance(data, Tensor):
        return data._scalar(), data.dtype
    plain = plain_number(data)
    if plain is not None:
        return plain, plain.__class__
    if isinstance(data, (list, tuple)):
        if any(k is float or getattr(k, "is_floating_point", False) for k in kinds):
            raise TypeError(f"must be real number, not {type_name(data)}")
        raise TypeError(f"'{type_name(data)}' object cannot be interpreted as an integer")
    if isinstance(data, str):
        if depth and not kinds:
            raise ValueError("too many dimensions 'str'")
        raise TypeError(f"new(): invalid data type '{type_name(data)}'")
    raise RuntimeError(f"Could not infer dtype of {type_name(data)}")


def _is_sequence(data):
    if isinstance(data, (list, tuple)):
        return True
    if isinstance(data, (str, bytes, dict, set, frozenset, Tensor)):
        return False
    return hasattr(data, "__len__") and hasattr(data, "__getitem__") and getattr(data, "shape", None) != ()


def _shape_of(data):
    shape = []
    while _is_sequence(data):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return shape


def _kind_of(kinds):
    """The dtype of numbers of these kinds (Python's classes, and dtypes of tensors among them)."""
    if not kinds:
        return default_dtype()
    found = None
    for kind in kinds:
        d = default_dtype() if kind is float else _types.int64 if kind is int else _types.bool if kind is bool else kind
        found = d if found is None else BY_CODE[lib.mt_promote_types(found._code, d._code)]
    return found


def _from_python(data, dtype):
    shape = _shape_of(data)
    flat, kinds = [], set()
    _flatten(data, shape, 0, flat, kinds)
    if dtype is None:
        dtype = _kind_of(kinds)
    if dtype.is_floating_point:
        code, numbers = "d", flat
    elif dtype is _types.bool:
        code, numbers = "q", [1 if v else 0 for v in flat]
    else:
        code, numbers = "q", _whole(flat, dtype)
    from array import array  # not needed to import the package, and brings others along
    try:
        buffer = array(code, numbers)
    except OverflowError:
        raise ValueError("Overflow when unpacking long long") from None
    wide = _types.float64 if code == "d" else _types.int64
    p, n = ints(tuple(shape), "tensor", "data", 1)
    t = wrap(lib.mt_tensor_from_data(buffer.buffer_info()[0] if numbers else None, p, n, wide._code))
    return t if dtype is wide else wrap(lib.mt_to(t._h, dtype._code, 0))


def _whole(flat, dtype):
    """The numbers cut to integers that the dtype can hold."""
    info = _types.iinfo(dtype)
    numbers = []
    for v in flat:
        lowest = -255 if dtype is _types.uint8 and not isinstance(v, float) else info.min
        if v != v or not lowest <= v <= info.max:
            if dtype is _types.int64 and isinstance(v, int):
                raise ValueError("Overflow when unpacking long long")
            raise RuntimeError(f"value cannot be converted to type {info.dtype} without overflow")
        numbers.append(int(v))
    return numbers


_MISSING = object()
#: Python's own types may be given where a dtype is asked for.
_PYTHON_TYPES = {float: _types.float64, int: _types.int64, bool: _types.bool}


@op("t")
@_bridge.quickened
def tensor(data=_MISSING, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor holding a copy of `data` (numbers, nested sequences, NumPy arrays)."""
    if data is _MISSING:
        raise TypeError('tensor() missing 1 required positional arguments: "data"')
    require_cpu(device)
    dtype = _PYTHON_TYPES.get(dtype, dtype)
    if isinstance(data, Tensor):
        t = data.detach().clone()
        if dtype is not None:
            t = t.to(dtype)
    elif hasattr(data, "__array_interface__") or _holds_numpy(data):
        t = from_numpy(_array_of(data).copy())
        if dtype is not None:
            t = t.to(dtype)
    else:
        t = _from_python(data, dtype)
    return finish(t, requires_grad, "tensor")


@op("t")
def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing memory where it is a tensor or a NumPy array of the right dtype."""
    require_cpu(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if hasattr(data, "__array_interface__"):
        t = from_numpy(_array_of(data))
        return t if dtype is None else t.to(dtype)
    return tensor(data, dtype=dtype)


@op("t")
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """As as_tensor; `copy=True` never shares memory."""
    t = as_tensor(obj, dtype=dtype, device=device)
    if copy:
        t = t.clone()
    return finish(t, requires_grad, "asarray")


def _holds_numpy(data):
    """Whether a nested sequence begins with a NumPy array or scalar, whose dtype then counts."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return type(data).__module__ == "numpy" and hasattr(data, "ctypes")


def _array_of(data):
    """A NumPy array or scalar as an array (a scalar has the dtype of a 0-dim one)."""
    import numpy
    return numpy.asarray(data)


_NUMPY_CODES = {"f4": 0, "f8": 1, "i8": 2, "i4": 3, "i2": 4, "i1": 5, "u1": 6, "b1": 7, "f2": 8}
_held = {}
_DESTROY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@_DESTROY
def _let_go(key):
    _held.pop(key or 0, None)


_next_key = iter(range(1, 1 << 62)).__next__


@op("t")
def from_numpy(array):
    """A tensor over the memory of a NumPy array: writes to either are seen by both."""
    face = getattr(array, "__array_interface__", None)
    if face is None or isinstance(array, Tensor) or (type(array).__module__ == "numpy" and not hasattr(array, "ctypes")):
        word = type_name(array) if type(array).__module__ != "numpy" else "numpy." + type_name(array)
        raise TypeError(f"expected np.ndarray (got {word})")
    code = _NUMPY_CODES.get(face["typestr"][1:])
    if code is None or face["typestr"][0] == ">":
        if face["typestr"][0] == ">" and code is not None:
            raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.")
        raise TypeError(
            f"can't convert np.ndarray of type {array.dtype.type!r}. The only supported types are: float64, float32, float16, "
            "complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.".replace("<class '", "").replace("'>", ""))
    shape = face["shape"]
    width = BY_CODE[code].itemsize
    strides = face.get("strides")
    p, n = ints(tuple(shape), "from_numpy", "array", 1)
    steps = None
    if strides is not None:
        if any(s % width for s in strides):
            raise ValueError("given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.")
        if any(s < 0 for s in strides):
            raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides are not "
                             "currently supported. (You can probably work around this by making a copy of your array  with array.copy().) ")
        steps = ints(tuple(s // width for s in strides), "from_numpy", "array", 1)[0]
    key = _next_key()
    _held[key] = array
    address = face["data"][0]
    if 0 in shape:
        _held.pop(key)
        return wrap(lib.mt_empty(p, n, code))
    return wrap(lib.mt_tensor_from_memory(address, p, steps, n, code, key, ctypes.cast(_let_go, ctypes.c_void_p)))


@op("t")
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A tensor over the memory of a writable buffer, one dimension."""
    view = memoryview(buffer).cast("B")
    n = (len(view) - offset) // dtype.itemsize if count < 0 else count
    data = (ctypes.c_char * (n * dtype.itemsize)).from_buffer(buffer, offset)
    key = _next_key()
    _held[key] = data
    p, d = ints((n,), "frombuffer", "count", 2)
    t = wrap(lib.mt_tensor_from_memory(ctypes.addressof(data), p, None, d, dtype._code, key, ctypes.cast(_let_go, ctypes.c_void_p)))
    return finish(t, requires_grad, "frombuffer")


def _code_of(dtype, name):
    """The number of a dtype, which may also be float, int or bool."""
    dtype = _PYTHON_TYPES.get(dtype, dtype)
    if not isinstance(dtype, _types.dtype):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type_name(dtype)}")
    return dtype._code


def _like(input, value, dtype, memory_format):
    """A value everywhere (None for unspecified contents), with the sizes of input, its order of dimensions and
    (unless given) its dtype."""
    code, row_major = -1 if dtype is None else dtype._code, 1 if memory_format is _types.contiguous_format else 0
    if value is None:
        return wrap(lib.mt_empty_like(input._h, code, row_major))
    value = _fill(value, "full_like")
    return wrap(lib.mt_full_like(input._h, value._h, code, row_major))


def _fill(value, name):
    """A number, or a tensor of no dimensions, as an operand."""
    if isinstance(value, Tensor):
        if value.dim() == 0:
            return value
    elif plain_number(value) is not None:
        return number(value, name, "fill_value", 2)
    raise wrong_type(name, "fill_value", 2, "Number", value)


def _make(name, function, value):
    def make(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False,
             memory_format=None, names=None, **options):
        if "size" in options and not size:
            size = (options.pop("size"),)
        if options:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")
        if device is not None:
            require_cpu(device)
        p, n = separate_ints(size, name, "size", 1)
        t = wrap(function(p, n, default_dtype()._code if dtype is None else _code_of(dtype, name)))
        if out is not None:
            from ._ops import store
            return store(out, t)
        return finish(t, requires_grad, name)
    make.__name__ = name
    make.__doc__ = f"{name}(*size, dtype=None): sizes as numbers or as one list; the default float dtype unless given."
    op("t", name, quick=f"{name}(size: *ints, *, dtype: dtype=None) = mt_{name}")(make)

    def make_like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False):
        require_cpu(device)
        return finish(_like(input, value, dtype, memory_format), requires_grad, name + "_like")
    make_like.__name__ = name + "_like"
    make_like.__doc__ = f"{name}() with the shape and dtype of another tensor."
    op("t", name + "_like")(make_like)

    def make_new(input, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False, **options):
        if "size" in options and not size:
            size = (options["size"],)
        p, n = separate_ints(size, "new_" + name, "size", 1)
        return finish(wrap(function(p, n, input.dtype._code if dtype is None else dtype._code)), requires_grad, "new_" + name)
    make_new.__name__ = "new_" + name
    make_new.__doc__ = f"{name}() with this tensor's dtype unless one is given."
    op("m", "new_" + name)(make_new)


for _name, _value in (("empty", None), ("zeros", 0), ("ones", 1)):
    _make(_name, getattr(lib, "mt_" + _name), _value)


@op("t")
def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, names=None):
    """A tensor with every element `fill_value`; the dtype follows the value unless given."""
    require_cpu(device)
    p, n = ints(size, "full", "size", 1)
    value = _fill(fill_value, "full")
    t = wrap(lib.mt_full(p, n, value._h, -1 if dtype is None else _code_of(dtype, "full")))
    if out is not None:
        from ._ops import store
        return store(out, t)
    return finish(t, requires_grad, "full")


@op("t")
def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False):
    """full() with the shape and dtype of another tensor."""
    require_cpu(device)
    fill_value = _fill(fill_value, "full_like")
    return finish(_like(input, fill_value, dtype, memory_format), requires_grad, "full_like")


@op("m")
def new_full(input, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """full() with this tensor's dtype unless one is given."""
    return full(size, fill_value, dtype=dtype or input.dtype, requires_grad=requires_grad)


@op("m")
def new_tensor(input, data, *, dtype=None, device=None, requires_grad=False):
    """tensor() with this tensor's dtype unless one is given."""
    return tensor(data, dtype=dtype or input.dtype, requires_grad=requires_grad)


@op("t")
def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """A 0-dim tensor of the default float dtype unless given."""
    return tensor(s, dtype=dtype or default_dtype(), requires_grad=requires_grad)


def legacy_tensor(cls, data, options, dtype=None):
    """torch.Tensor(...), torch.LongTensor(...): sizes or data."""
    dtype = dtype or getattr(cls, "_dtype", None) or default_dtype()
    if not data:
        t = T.empty(0, dtype=dtype)
    elif len(data) == 1 and isinstance(data[0], str):
        raise TypeError("new(): invalid data type 'str'")
    elif len(data) == 1 and isinstance(data[0], Tensor):
        if data[0].dtype is not dtype:
            raise TypeError(f"expected a tensor of {dtype!r}, got one of {data[0].dtype!r}; convert it with to()")
        t = data[0].detach().to(dtype)
    elif len(data) == 1 and isinstance(data[0], _types.Size):
        t = T.empty(data[0], dtype=dtype)
    elif len(data) == 1 and (isinstance(data[0], (list, tuple)) or hasattr(data[0], "__array_interface__")):
        t = tensor(data[0], dtype=dtype)
    else:
        try:
            t = T.empty([_index(d) for d in data], dtype=dtype)
        except TypeError:
            raise TypeError(f"new(): data must be a sequence (got {type_name(data[0])})") from None
    if cls is Tensor or not issubclass(cls, Tensor):
        return t
    made = object.__new__(cls)
    made._h = t._retained()
    return made


class _TensorType(type):
    def __instancecheck__(cls, value):
        return isinstance(value, Tensor) and value.dtype is cls._dtype

    def __call__(cls, *data, **options):
        return legacy_tensor(cls, data, options, cls._dtype)

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


def _tensor_types():
    return {
        word + "Tensor": _TensorType(word + "Tensor", (), {"_dtype": d, "__doc__": f"Legacy constructor for {d!r} tensors."})
        for d, word in _types.TYPE_WORDS.items()
    }


TENSOR_TYPES = _tensor_types()
