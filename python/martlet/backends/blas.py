"""A BLAS and LAPACK that the user has, beside the embedded kernels.

`load("openblas")` (or "blis", "mkl", a soname, a path), or MARTLET_BLAS in the environment, loads one and times it.
Products of the classes in `table()` that it does faster go to it from then on, and the factorisations, systems and singular
values of torch.linalg that are not small go to its LAPACK. `name` is the file of the library in use, or None.
"""
import collections
import ctypes
import glob
import os
import sys

from .. import _types
from .._native import fail, lib, take_text

__all__ = ["load", "unload", "table", "Line"]

# Where wheels keep these libraries, under a folder of sys.path or of sys.prefix.
_WHEELS = {
    "openblas": [
        "scipy_openblas32/lib/libscipy_openblas*.so*", "scipy_openblas64/lib/libscipy_openblas*.so*",
        "scipy.libs/libscipy_openblas*.so*", "numpy.libs/libscipy_openblas*.so*", "numpy.libs/libopenblas*.so*",
        "lib/libopenblas.so*"],
    "blis": ["lib/libblis.so*"],
    "mkl": ["lib/libmkl_rt.so*"],
}

Line = collections.namedtuple("Line", "dtype transposed_a transposed_b m n k embedded_seconds blas_seconds used")
Line.__doc__ = "One class of products: the size that stands for it, seconds on one thread, and whether the library is used."


class _Line(ctypes.Structure):
    """mt_blas_line of martlet.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("dtype", ctypes.c_int32), ("transposed_a", ctypes.c_int32), ("transposed_b", ctypes.c_int32),
        ("used", ctypes.c_int32), ("m", ctypes.c_int64), ("n", ctypes.c_int64), ("k", ctypes.c_int64),
        ("embedded_seconds", ctypes.c_double), ("blas_seconds", ctypes.c_double),
    ]


def load(library):
    """Loads a library and times it against the embedded kernels; RuntimeError where none is found or a function is missing."""
    if not isinstance(library, (str, os.PathLike)):
        raise TypeError(f"load(): argument 'library' must be a name or a path, not {type(library).__name__}")
    library = os.fspath(library)
    if lib.mt_blas_load(library.encode()) == 0:
        return
    for folder in dict.fromkeys([*sys.path, sys.prefix, sys.base_prefix]):
        for pattern in _WHEELS.get(library, ()):
            for path in sorted(glob.glob(os.path.join(glob.escape(folder), pattern))):
                if lib.mt_blas_load(os.path.abspath(path).encode()) == 0:
                    return
    # The words of the first attempt: it names what the system's linker was asked for.
    lib.mt_blas_load(library.encode())
    fail()


def unload():
    """Goes back to the embedded kernels."""
    lib.mt_blas_unload()


def table():
    """What was measured of the library in use, a list of `Line`; empty for none."""
    lines = []
    for index in range(lib.mt_blas_line_count()):
        line = _Line(ctypes.sizeof(_Line))
        if lib.mt_blas_get_line(index, ctypes.byref(line)):
            fail()
        lines.append(Line(
            _types.BY_CODE[line.dtype], bool(line.transposed_a), bool(line.transposed_b), line.m, line.n, line.k,
            line.embedded_seconds, line.blas_seconds, bool(line.used)))
    return lines


def __getattr__(attribute):
    if attribute != "name":
        raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
    text = lib.mt_blas_name()
    return take_text(text) if text else None
