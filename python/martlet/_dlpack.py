"""DLPack: sharing memory with other array libraries through a capsule, made with Python's own C API."""
import ctypes

from . import _types
from ._native import _infos, info_of, lib
from ._ops import ints, op, wrap
from ._tensor import Tensor


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _DLTensor), ("context", ctypes.c_void_p), ("deleter", _DELETER)]


_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(("PyCapsule_New", _api))
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", _api))
_raw_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_raw_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
_NAME, _USED = ctypes.create_string_buffer(b"dltensor"), ctypes.create_string_buffer(b"used_dltensor")

_KINDS = {  # (code, bits) of each dtype
    _types.float32: (2, 32), _types.float64: (2, 64), _types.int64: (0, 64), _types.int32: (0, 32), _types.int16: (0, 16),
    _types.int8: (0, 8), _types.uint8: (1, 8), _types.bool: (6, 8), _types.float16: (2, 16), _types.bfloat16: (4, 16)}
_DTYPES = {kind: dtype for dtype, kind in _KINDS.items()}
_exported = {}
_imported = {}


@_DELETER
def _delete(address, exported=_exported):
    exported.pop(address, None)


@ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
def _abandon(capsule, valid=_raw_valid, pointer=_raw_pointer, exported=_exported, name=_NAME):
    """A capsule that nobody took over gives the tensor up itself."""
    if valid(capsule, name):
        exported.pop(pointer(capsule, name), None)


_ABANDON = ctypes.cast(_abandon, ctypes.c_void_p)


@op("m")
def __dlpack__(input, *, stream=None, max_version=None, dl_device=None, copy=None):
    """A capsule over this tensor's memory for another library's from_dlpack."""
    if input.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if input.is_sparse:
        raise BufferError("Can't export tensors with layout other than torch.strided")
    t = input.clone() if copy else input.detach()
    info = info_of(t._h)
    n = info.ndim
    shape, strides = (ctypes.c_int64 * max(n, 1))(*info.sizes[:n]), (ctypes.c_int64 * max(n, 1))(*info.strides[:n])
    _infos.append(info)
    managed = _Managed()
    d = managed.tensor
    d.data, d.device_type, d.ndim, d.lanes, d.shape, d.strides = lib.mt_data_ptr(t._h), 1, n, 1, shape, strides
    d.code, d.bits = _KINDS[t.dtype]
    managed.deleter = _delete
    address = ctypes.addressof(managed)
    _exported[address] = managed, shape, strides, t
    return _new(address, _NAME_POINTER, _ABANDON)


_NAME_POINTER = ctypes.cast(_NAME, ctypes.c_char_p)


@op("m")
def __dlpack_device__(input):
    """(CPU, 0)."""
    if not _device_type:
        import enum
        _device_type.append(enum.IntEnum("DLDeviceType", {"kDLCPU": 1}).kDLCPU)
    return _device_type[0], 0


_device_type = []


@_DELETER
def _release(key, imported=_imported):
    kept = imported.pop(key, None)
    if kept is not None and kept.deleter:
        kept.deleter(ctypes.addressof(kept))


_RELEASE = ctypes.cast(_release, ctypes.c_void_p)


@op("t")
def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of an object with __dlpack__ (or of a DLPack capsule)."""
    _types.require_cpu(device)
    if isinstance(ext_tensor, Tensor):
        capsule = __dlpack__(ext_tensor)
    else:
        capsule = ext_tensor.__dlpack__() if hasattr(ext_tensor, "__dlpack__") else ext_tensor
    address = _pointer(capsule, _NAME_POINTER)
    managed = _Managed.from_address(address)
    d = managed.tensor
    if d.device_type != 1:
        raise BufferError("from_dlpack: only memory of the CPU can be taken over")
    dtype = _DTYPES.get((d.code, d.bits))
    if dtype is None or d.lanes != 1:
        raise BufferError(f"from_dlpack: unsupported kind of elements (code {d.code}, {d.bits} bits, {d.lanes} lanes)")
    shape = tuple(d.shape[:d.ndim])
    p, n = ints(shape, "from_dlpack", "shape", 1)
    steps = ints(tuple(d.strides[:d.ndim]), "from_dlpack", "strides", 1)[0] if d.strides and n else None
    _rename(capsule, ctypes.cast(_USED, ctypes.c_char_p))
    _imported[address] = managed
    if 0 in shape:
        _release(address)
        return wrap(lib.mt_empty(p, n, dtype._code))
    t = wrap(lib.mt_tensor_from_memory(d.data + d.byte_offset, p, steps, n, dtype._code, address, _RELEASE))
    return t.clone() if copy else t
