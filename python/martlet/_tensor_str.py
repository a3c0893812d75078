"""The options of tensor text. The text itself is the library's."""
import ctypes

from ._native import fail, lib

_INF, _UNLIMITED = float("inf"), 2 ** 63 - 1


class _Options(ctypes.Structure):
    """mt_printoptions of martlet.h."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("sci_mode", ctypes.c_int32), ("precision", ctypes.c_int64), ("threshold", ctypes.c_int64),
        ("edgeitems", ctypes.c_int64), ("linewidth", ctypes.c_int64),
    ]


_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": _INF, "edgeitems": 3, "linewidth": 80},
}


def get_printoptions():
    """The options in use: precision, threshold, edgeitems, linewidth, sci_mode."""
    o = _Options(ctypes.sizeof(_Options))
    if lib.mt_get_printoptions(ctypes.addressof(o)):
        fail()
    return {
        "precision": o.precision, "threshold": _INF if o.threshold == _UNLIMITED else o.threshold,
        "edgeitems": o.edgeitems, "linewidth": o.linewidth, "sci_mode": None if o.sci_mode < 0 else bool(o.sci_mode),
    }


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Sets how tensors print. A profile ("default", "short", "full") sets all but sci_mode; what is not given stays,
    but sci_mode goes back to None, which decides by the values."""
    options = get_printoptions()
    if profile is not None:
        options.update(_PROFILES.get(profile.lower(), {}))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    options.update({k: v for k, v in given.items() if v is not None})
    threshold = options["threshold"]
    o = _Options(
        ctypes.sizeof(_Options), -1 if sci_mode is None else int(bool(sci_mode)), options["precision"],
        _UNLIMITED if threshold >= _UNLIMITED else int(threshold), options["edgeitems"], options["linewidth"])
    if lib.mt_set_printoptions(ctypes.addressof(o)):
        fail()


def printoptions(**options):
    """set_printoptions for the length of a block."""
    import contextlib

    @contextlib.contextmanager
    def block():
        before = get_printoptions()
        set_printoptions(**options)
        try:
            yield
        finally:
            set_printoptions(**before)
    return block()

