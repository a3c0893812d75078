"""The second door to the library: where CPython offers its stable ABI, the library itself makes Tensor's base class
and the callables of the table of operations (Sources/MartletBridge). Calls then cost a fraction of what ctypes takes.

It is opened wherever it can be. MARTLET_BRIDGE=ctypes keeps it shut; MARTLET_BRIDGE=abi3 makes it an error where it
cannot be opened. `opened` is its module, or None: then everything goes over ctypes.
"""
import atexit
import ctypes
import os
import sys

from ._native import _LONG, fail, lib
from ._prototypes import PROTOTYPES


def _open():
    wanted = os.environ.get("MARTLET_BRIDGE", "")
    if wanted not in ("", "ctypes", "abi3"):
        raise ImportError(f"MARTLET_BRIDGE must be ctypes or abi3, got {wanted!r}")
    if wanted == "ctypes":
        return None
    module = None
    # Builds without the GIL ("t") and those that trace references have another head of objects.
    if sys.implementation.name == "cpython" and "t" not in getattr(sys, "abiflags", "") and not hasattr(sys, "getobjects"):
        try:
            make = lib._fast.mt_python_bridge
            make.restype, make.argtypes = ctypes.py_object, ()
            module = make()
        except (AttributeError, ValueError):  # a library without it; NULL
            pass
    if module is None and wanted == "abi3":
        raise ImportError("MARTLET_BRIDGE=abi3: this Python does not offer CPython's stable ABI (or holds the bridge already)")
    return module


opened = _open()

if opened:
    TensorBase = opened.TensorBase
    atexit.register(opened.end)
else:
    class TensorBase:
        """What holds the handle of a tensor."""

        __slots__ = ("_h", "__dict__", "__weakref__")

        def __del__(self, release=lib.mt_tensor_release):  # a default outlives the module's names when the interpreter ends
            release(self._h)


def connect(Tensor, Size, dtypes, dtype, find):
    """Gives the library the classes it makes instances of and what finds a method in the table, and leaves to TensorBase
    what it has from the library."""
    if opened:
        python = {}
        for cls in reversed(Tensor.__mro__):
            if cls is not TensorBase:
                python.update(cls.__dict__)
        opened.connect(Tensor, Size, dtypes, dtype, fail, python["requires_grad"], python["grad"], python["item"], find, python["data"])
        for name in [n for n in TensorBase.__dict__ if n in Tensor.__dict__ and not n.startswith("__")]:
            delattr(Tensor, name)


def quickened(function):
    """The library's own callable for the plain calls of tensor() or autograd.grad(); the function itself over ctypes."""
    if not opened:
        return function
    return getattr(opened, function.__name__)(function, function.__doc__, function.__module__)


_KINDS = {
    "T": "T", "T?": "t", "N": "N", "N?": "n", "int": "i", "int?": "I", "bool": "b", "float": "f", "float?": "F", "dtype": "d",
    "ints": "l", "ints?": "L", "*ints": "s", "Ts": "h", "gen": "g", "any": "a",
}
_LISTS, _REALS = "lLsh", "fF"
_CONSTANTS = {"NULL": 0, "MT_NONE": -2 ** 63}


def _named(kind):
    """What makes the named tuple return_types.<kind> of a tuple."""
    def make(values):
        from ._ops import named_result
        return named_result(kind, values)
    return make


def native(parsed, fallback, is_method, module=None):
    """The library's own callable of a parsed table line; None where the line is not one it can do. Calls that are not
    plain go to `fallback`."""
    _, name, parameters, function, arguments, results = parsed
    if not opened:
        return None
    described, places, letters = [], {}, {}
    for place, (label, kind, default, _) in enumerate(parameters):
        words = None
        if kind.startswith("enum"):
            words = tuple(sys.intern(w) for w in kind[5:-1].split(","))
            letter = "e"
        else:
            letter = _KINDS.get(kind)
            if letter is None:
                return None
        described.append((ord(letter), sys.intern(label), default is not None, None if default is None else eval(default), words))
        places[label], letters[label] = place, letter
    if arguments is None:
        arguments = [label for label, kind, *_ in parameters if kind != "any"]
    plan, expected = [], ""
    for a in arguments:
        if a in places:
            plan.append((False, places[a]))
            expected += "d" if letters[a] in _REALS else "pi" if letters[a] in _LISTS else "w"
        else:
            plan.append((True, _CONSTANTS[a] if a in _CONSTANTS else int(a)))
            expected += "w"
    several, finish = 0, None
    if results == "list":
        expected += "p"
    elif "(" in results:
        kind, fields = results[:-1].split("(")
        several, expected = len(fields.split(",")), expected + "p"
        finish = _named(kind) if kind else None
    returned, taken = PROTOTYPES[function].split(":")
    # A float, or an argument that is not what the line says, is left to ctypes.
    if len(taken) != len(expected) or any(e != t and not (e == "w" and t in "piIqQ") for e, t in zip(expected, taken)):
        return None
    if results == "":
        result = "T"
    else:
        result = {"self": "s", "none": "n", "int": returned, "list": "l"}.get(results, "m")
    positional = sum(not keyword for *_, keyword in parameters)
    address = ctypes.cast(getattr(lib._fast, function), ctypes.c_void_p).value
    return opened.operation(
        address, fallback, tuple(described), positional, tuple(plan), ord(result), function in _LONG, name, fallback.__doc__ or "",
        None if is_method else module or "martlet", several, finish)
