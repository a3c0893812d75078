"""Finds and loads libmartlet.so, gives its functions their prototypes, and turns its errors into exceptions."""
import ctypes
import os
from _thread import _local  # threading.local without the rest of threading

from ._prototypes import PROTOTYPES

_TYPES = {
    "p": ctypes.c_void_p, "i": ctypes.c_int32, "I": ctypes.c_uint32, "q": ctypes.c_int64, "Q": ctypes.c_uint64, "d": ctypes.c_double,
    "f": ctypes.c_float, "s": ctypes.c_char_p, "v": None,
}

# Calls that may compute for long let other Python threads run meanwhile; for the rest that costs more than it gives.
_LONG = {
    "mt_backward", "mt_backward_many", "mt_autograd_grad", "mt_mm", "mt_addmm", "mt_matmul", "mt_bmm", "mt_linear",
    "mt_conv1d", "mt_conv2d", "mt_conv3d", "mt_einsum", "mt_sort",
    "mt_svd", "mt_svdvals", "mt_eigh", "mt_eigvalsh", "mt_qr", "mt_inv", "mt_solve", "mt_det", "mt_slogdet", "mt_cholesky",
    "mt_pinv", "mt_lstsq", "mt_lu_factor", "mt_matrix_exp", "mt_matrix_power",
}


def _candidates():
    here = os.path.dirname(os.path.abspath(__file__))
    if os.environ.get("MARTLET_LIB"):
        yield os.environ["MARTLET_LIB"]
        return
    yield os.path.join(here, "_lib", "libmartlet.so")
    root = os.path.dirname(os.path.dirname(here))
    if os.path.exists(os.path.join(root, "Package.swift")):
        for configuration in ("release", "debug"):
            yield os.path.join(root, ".build", configuration, "libmartlet.so")


def _find():
    tried = []
    for path in _candidates():
        if os.path.exists(path):
            return path
        tried.append(path)
    raise ImportError(
        "libmartlet.so was not found; build it with `make build` (or set MARTLET_LIB). Tried: " + ", ".join(tried))


class _Library:
    """Functions of the library as attributes, prepared on first use."""

    def __init__(self, path):
        self.path = path
        self._fast = ctypes.PyDLL(path)
        self._long = ctypes.CDLL(path)

    def __getattr__(self, name):
        try:
            result, arguments = PROTOTYPES[name].split(":")
        except KeyError:
            raise AttributeError(f"libmartlet has no function {name}") from None
        function = getattr(self._long if name in _LONG else self._fast, name)
        function.restype = _TYPES[result]
        function.argtypes = [_TYPES[a] for a in arguments]
        setattr(self, name, function)
        return function


lib = _Library(_find())

class _LinAlgError(RuntimeError):
    """Raised where the numbers of a matrix do not allow the operation: singular, not positive-definite, and so on."""

    __module__ = "torch._C"


class CaptureError(RuntimeError):
    """Something in a captured function that a replay could not repeat; see martlet.capture."""

    __module__ = "martlet"


_EXCEPTIONS = {
    -1: RuntimeError, -2: IndexError, -3: TypeError, -4: ValueError, -5: NotImplementedError, -6: RuntimeError,
    -7: RuntimeError, -8: RuntimeError, -9: AssertionError, -10: OverflowError,
    -11: _LinAlgError, -12: CaptureError,
}

_pending = _local()


def note_exception(exception):
    """Called in a callback from the library: keeps the exception until the call that ran the callback returns."""
    _pending.exception = exception
    lib.mt_set_error(-8, str(exception).encode("utf-8", "replace"))


def fail():
    """Raises what the last failed call on this thread left behind."""
    exception = getattr(_pending, "exception", None)
    code = lib.mt_last_error_code()
    if exception is not None:
        _pending.exception = None
        if code == -8:
            lib.mt_clear_error()
            raise exception
    message = lib.mt_last_error_message().decode("utf-8", "replace")
    lib.mt_clear_error()
    raise _EXCEPTIONS.get(code, RuntimeError)(message)


def require_all(condition, kind, message):
    """Raises an error of that class where the bool tensor holds a false. Replays of a recording do, too."""
    code = next(code for code, known in _EXCEPTIONS.items() if known is kind)
    if lib.mt_require_all(condition._h, code, message.encode()):
        fail()


def take_text(address):
    """Owned text of the library as str; frees it."""
    if not address:
        fail()
    text = ctypes.string_at(address).decode("utf-8", "replace")
    lib.mt_string_free(address)
    return text


class TensorInfo(ctypes.Structure):
    """mt_tensor_info of martlet.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("dtype", ctypes.c_int32), ("ndim", ctypes.c_int32), ("requires_grad", ctypes.c_int32),
        ("is_leaf", ctypes.c_int32), ("is_contiguous", ctypes.c_int32), ("is_sparse", ctypes.c_int32),
        ("version", ctypes.c_int32), ("numel", ctypes.c_int64), ("storage_offset", ctypes.c_int64),
        ("sizes", ctypes.c_int64 * 12), ("strides", ctypes.c_int64 * 12),
    ]


class TensorList(ctypes.Structure):
    """mt_tensor_list of martlet.h."""

    _fields_ = [("items", ctypes.POINTER(ctypes.c_void_p)), ("count", ctypes.c_int64)]


_infos = []


def info_of(handle):
    """Every plain fact of a tensor. Give the structure back with `_infos.append` when done."""
    try:
        info = _infos.pop()
    except IndexError:
        info = TensorInfo(ctypes.sizeof(TensorInfo))
    if lib.mt_tensor_get_info(handle, ctypes.addressof(info)):
        fail()
    return info
