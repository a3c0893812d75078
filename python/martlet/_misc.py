"""Settings and questions at the top level of torch's namespace."""
import ctypes

from . import _types
from ._native import lib
from ._tensor import Tensor

__all__ = [
    "is_tensor", "is_floating_point", "is_complex", "numel", "get_default_dtype", "set_default_dtype", "set_num_threads",
    "get_num_threads", "result_type", "promote_types", "can_cast", "typename", "manual_seed_all", "set_default_device",
    "get_default_device", "use_deterministic_algorithms", "are_deterministic_algorithms_enabled", "is_nonzero", "broadcast_shapes",
    "empty_cache", "memory_stats", "reset_peak_memory_stats",
]

inf, nan, pi, e = float("inf"), float("nan"), 3.141592653589793, 2.718281828459045  # without importing math


def is_tensor(obj):
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input):
    """Whether a tensor's dtype is floating point."""
    return input.dtype.is_floating_point


def is_complex(input):
    """Always False: complex dtypes are not offered."""
    return False


def is_nonzero(input):
    """Whether a one-element tensor is not zero."""
    return bool(input)


def numel(input):
    """The number of elements."""
    return input.numel()


def get_default_dtype():
    """The dtype of new floating-point tensors."""
    return _types.default_dtype()


def set_default_dtype(d):
    """Sets the dtype of new floating-point tensors."""
    if not isinstance(d, _types.dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    if lib.mt_set_default_dtype(d._code):
        from ._native import fail
        fail()
    _types._default[0] = d


def set_num_threads(n):
    """How many threads an operation may use."""
    if not isinstance(n, int) or n <= 0:
        raise RuntimeError(f"set_num_threads expects a positive integer, but got {n}")
    lib.mt_set_num_threads(n)


def get_num_threads():
    """How many threads an operation may use."""
    return lib.mt_get_num_threads()


def empty_cache():
    """Gives the memory that is kept for later tensors back to the system."""
    lib.mt_empty_cache()


class _MemoryStats(ctypes.Structure):
    """mt_memory_stats of martlet.h."""

    _fields_ = [("size", ctypes.c_uint32), ("allocated", ctypes.c_int64), ("peak", ctypes.c_int64), ("cached", ctypes.c_int64)]


def memory_stats():
    """Bytes that tensors hold now, the most they held, and those kept for reuse, under torch's names for them."""
    stats = _MemoryStats(ctypes.sizeof(_MemoryStats))
    lib.mt_get_memory_stats(ctypes.byref(stats))
    return {
        "allocated_bytes.all.current": stats.allocated, "allocated_bytes.all.peak": stats.peak,
        "reserved_bytes.all.current": stats.allocated + stats.cached,
    }


def reset_peak_memory_stats():
    """Makes the most bytes that tensors held what they hold now."""
    lib.mt_reset_peak_memory()


def result_type(a, b):
    """The dtype that an operation on two tensors or numbers computes in."""
    from ._ops import number
    a = a if isinstance(a, Tensor) else number(a, "result_type", "tensor1", 1)
    b = b if isinstance(b, Tensor) else number(b, "result_type", "tensor2", 2)
    return _types.BY_CODE[lib.mt_result_type(a._h, b._h)]


def promote_types(a, b):
    """The smallest dtype to which both can be converted."""
    return _types.BY_CODE[lib.mt_promote_types(a._code, b._code)]


def can_cast(from_, to):
    """Whether a value may be converted without losing its kind (bool < integer < floating point)."""
    def rank(d):
        return 0 if d is _types.bool else 2 if d.is_floating_point else 1
    return rank(from_) <= rank(to)


def typename(obj):
    """torch.FloatTensor and the like."""
    return obj.type() if isinstance(obj, Tensor) else type(obj).__name__


def manual_seed_all(seed):
    """Seeds the default generator (there are no other devices)."""
    from . import random
    random.manual_seed(seed)


def set_default_device(device):
    """Only the CPU is offered."""
    _types.require_cpu(device)


def get_default_device():
    return _types.CPU


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Every operation is deterministic already."""


def are_deterministic_algorithms_enabled():
    return True


def broadcast_shapes(*shapes):
    """The shape that tensors of the given shapes broadcast to."""
    out = []
    for shape in shapes:
        if not isinstance(shape, (int, tuple, list)):
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {shape}")
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(s < 0 for s in shape):
            raise ValueError("Attempting to broadcast a dimension with negative length!")
        out = [1] * (len(shape) - len(out)) + out
        for i, s in enumerate(reversed(shape), 1):
            if s != 1 and out[-i] not in (1, s):
                raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape")
            if s != 1:
                out[-i] = s
    return _types.Size(out)
