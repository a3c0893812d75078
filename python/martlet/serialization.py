"""torch.save and torch.load: PyTorch's own file format, readable by either side.

A file is a zip archive that holds `data.pkl`, a pickle in which tensors refer to numbered storages, and the storages'
bytes under `data/`. Names in the pickle are torch's, so a state dict saved here loads in PyTorch and the other way round.
"""
import collections
import ctypes
import importlib
import os
import pickle
import zipfile

from . import _types
from ._native import fail, lib
from ._tensor import Tensor

__all__ = ["save", "load", "add_safe_globals", "clear_safe_globals", "get_safe_globals"]

_STORAGE_TYPES = {word + "Storage": dtype for dtype, word in _types.TYPE_WORDS.items()}
_WORDS = {dtype: name for name, dtype in _STORAGE_TYPES.items()}


class _Global:
    """Stands for a name of torch in a pickle that is being written."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, *args):
        raise TypeError(f"{self.module}.{self.name} is only a name")


_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = _Global("torch._utils", "_rebuild_parameter")
_SPARSE = _Global("torch._utils", "_rebuild_sparse_tensor")
_LAYOUT = _Global("torch.serialization", "_get_layout")
_SIZE = _Global("torch", "Size")
_DEVICE = _Global("torch", "device")
_TYPES = {dtype: _Global("torch", name) for dtype, name in _WORDS.items()}
_DTYPES = {dtype: _Global("torch", str(dtype).split(".")[-1]) for dtype in _WORDS}


class _Reference:
    """A tensor's storage as the pickle names it."""

    def __init__(self, key, dtype, count):
        self.id = ("storage", _TYPES[dtype], key, "cpu", count)


class _Writer(pickle._Pickler):
    """Writes tensors as references to storages, which it collects."""

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.storages = {}  # address -> (key, tensor, bytes)

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _types.dtype):
            obj = _DTYPES[obj]
        elif isinstance(obj, type) and obj.__module__.split(".")[0] == "martlet":
            obj = self._name(obj)
        if type(obj) is not _Global:
            return super().save(obj, save_persistent_id)
        known = self.memo.get(id(obj))
        if known is not None:
            self.write(self.get(known[0]))
        else:
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            self.memoize(obj)

    _names = {}

    def _name(self, cls):
        if cls not in self._names:
            self._names[cls] = _Global("torch" + cls.__module__[len("martlet"):], cls.__qualname__)
        return self._names[cls]

    def persistent_id(self, obj):
        return obj.id if type(obj) is _Reference else None

    def reducer_override(self, obj):
        if isinstance(obj, Tensor):
            return self._tensor(obj)
        if isinstance(obj, _types.Size):
            return _SIZE, (tuple(obj),)
        if isinstance(obj, _types.device):
            return _DEVICE, (obj.type,)
        return NotImplemented

    def _tensor(self, t):
        if type(t).__name__ == "Parameter":
            return _PARAMETER, (t.data, t.requires_grad, collections.OrderedDict())
        if t.is_sparse:
            return _SPARSE, (self._layout(), (t._indices(), t._values(), t.shape, t.is_coalesced()))
        address = lib.mt_storage_ptr(t._h)
        if address not in self.storages:
            size = lib.mt_storage_nbytes(t._h)
            if size < 0:
                fail()
            self.storages[address] = _Reference(str(len(self.storages)), t.dtype, size // t.dtype.itemsize), t, size
        reference = self.storages[address][0]
        return _TENSOR, (
            reference, t.storage_offset(), tuple(t.shape), t.stride(), t.requires_grad, collections.OrderedDict())

    def _layout(self):
        return _Layout()


class _Layout:
    def __reduce__(self):
        return _LAYOUT, ("torch.sparse_coo",)


def save(obj, f, pickle_module=None, pickle_protocol=2, _use_new_zipfile_serialization=True):
    """Writes an object (tensors, state dicts, numbers, lists, ...) to a path or a binary file."""
    import io
    text = io.BytesIO()
    writer = _Writer(text, pickle_protocol)
    writer.dump(obj)
    if isinstance(f, (str, os.PathLike)):
        directory = os.path.dirname(os.path.abspath(f))
        if not os.path.isdir(directory):
            raise RuntimeError(f"Parent directory {os.path.dirname(os.fspath(f))} does not exist.")
        root = os.path.splitext(os.path.basename(f))[0] or "archive"
    elif hasattr(f, "write"):
        root = "archive"
    else:
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute (got {type(f).__name__})")
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as archive:
        def put(name, data):
            archive.writestr(zipfile.ZipInfo(f"{root}/{name}"), data)
        put("data.pkl", text.getvalue())
        put("byteorder", "little")
        for reference, t, size in writer.storages.values():
            put(f"data/{reference.id[2]}", ctypes.string_at(lib.mt_storage_ptr(t._h), size) if size else b"")
        put("version", "3\n")


class _Storage:
    """A storage while a file is read: its bytes as a one-dimensional tensor."""

    def __init__(self, data, dtype):
        from ._creation import from_bytes
        self.tensor = from_bytes(data, (len(data) // dtype.itemsize,), dtype)
        self.dtype = dtype


def _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None):
    t = storage.tensor.as_strided(size, stride, offset).detach()
    return t.requires_grad_() if requires_grad else t


def _rebuild_parameter(data, requires_grad, hooks):
    from .nn import Parameter
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, hooks, state):
    p = _rebuild_parameter(data, requires_grad, hooks)
    p.__dict__.update(state)
    return p


def _rebuild_sparse_tensor(layout, data):
    import martlet
    indices, values, size, *coalesced = data
    return martlet.sparse_coo_tensor(indices, values, size, is_coalesced=bool(coalesced and coalesced[0]))


def _get_layout(name):
    return _types.sparse_coo if name.endswith("sparse_coo") else _types.strided


_REBUILD = {
    "_rebuild_tensor_v2": _rebuild_tensor_v2, "_rebuild_parameter": _rebuild_parameter,
    "_rebuild_parameter_with_state": _rebuild_parameter_with_state, "_rebuild_sparse_tensor": _rebuild_sparse_tensor,
    "_get_layout": _get_layout,
}
_PLAIN = {("collections", n) for n in ("OrderedDict", "Counter", "defaultdict")} | {("builtins", n) for n in ("set", "frozenset", "bytearray", "complex")}
_safe = []


def add_safe_globals(safe_globals):
    """Classes and functions that load may make although weights_only=True."""
    _safe.extend(safe_globals)


def clear_safe_globals():
    _safe.clear()


def get_safe_globals():
    return list(_safe)


class _Reader(pickle.Unpickler):
    def __init__(self, file, archive, root, weights_only, **options):
        super().__init__(file, **options)
        self._archive, self._root, self._weights_only, self._storages = archive, root, weights_only, {}

    def persistent_load(self, pid):
        kind, dtype, key, _, _ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"unknown kind of reference {kind!r} in the file")
        if key not in self._storages:
            self._storages[key] = _Storage(self._archive.read(f"{self._root}data/{key}"), dtype)
        return self._storages[key]

    def find_class(self, module, name):
        top = module.split(".")[0]
        if top == "torch":
            if name in _REBUILD and module in ("torch._utils", "torch._tensor", "torch.serialization"):
                return _REBUILD[name]
            if module in ("torch", "torch.storage") and name in _STORAGE_TYPES:
                return _STORAGE_TYPES[name]
            if module == "torch" and name in ("Size", "device", "Tensor", "strided", "sparse_coo") or (
                    module == "torch" and any(d.name == name for d in _DTYPES.values())):
                import martlet
                return getattr(martlet, name)
            if (module, name) == ("torch.nn.parameter", "Parameter"):
                from .nn import Parameter
                return Parameter
        elif (module, name) in _PLAIN:
            return super().find_class(module, name)
        if self._weights_only:
            for known in _safe:
                if (known.__module__.replace("martlet", "torch"), known.__qualname__) == (module, name):
                    return known
            raise pickle.UnpicklingError(
                f"Weights only load failed. The file asks for {module}.{name}, which was not an allowed global by default. "
                "Pass weights_only=False only for a file whose source you trust: it can then run any code. Or allow it by "
                f"`torch.serialization.add_safe_globals([{name}])`.")
        if top == "torch":
            return _counterpart(module, name)
        return super().find_class(module, name)


def _counterpart(module, name):
    """What torch's `module.name` is here: the same module where there is one, else its package's name."""
    parts = ("martlet" + module[len("torch"):]).split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        try:
            for part in name.split("."):
                found = getattr(found, part)
            return found
        except AttributeError:
            continue
    raise AttributeError(f"Can't get attribute {name!r} of {module!r}")


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """The object that save() or torch.save() wrote. With weights_only (the default) only tensors, numbers, strings and
    plain containers are made; anything else in the file is an error."""
    if isinstance(map_location, (str, _types.device)):
        _types.require_cpu(map_location)
    if not isinstance(f, (str, os.PathLike)) and not hasattr(f, "read"):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'read' attribute (got {type(f).__name__})")
    try:
        archive = zipfile.ZipFile(f)
    except zipfile.BadZipFile:
        raise pickle.UnpicklingError("load: the file is not a zip archive as written by save(); PyTorch's format before 1.6 is not read") from None
    with archive:
        pickles = [n for n in archive.namelist() if n.rsplit("/", 1)[-1] == "data.pkl"]
        if not pickles:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found")
        root = pickles[0][:-len("data.pkl")]
        if root + "byteorder" in archive.namelist() and archive.read(root + "byteorder") != b"little":
            raise ValueError("load: the file was written on a big-endian machine")
        with archive.open(pickles[0]) as text:
            reader = _Reader(text, archive, root, weights_only is not False, **pickle_load_args)
            return reader.load()
