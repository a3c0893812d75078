"""Padding layers: constant, zero, reflection, replication and circular, in 1, 2 and 3 dimensions.

``padding`` is one int for every edge, or (left, right, top, bottom, front, back) as far as it goes.
"""
from __future__ import annotations

from .. import functional as F
from .._common import ntuple
from .module import Module


class _Pad(Module):
    __constants__ = ["padding"]
    _spatial = 0
    _mode = "constant"

    def __init__(self, padding):
        super().__init__()
        self.padding = ntuple(padding, 2 * self._spatial)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


def _zero_init(self, padding):
    _ConstantPad.__init__(self, padding, 0.0)


def _family(prefix, base, mode, meaning, extra=None):
    """The three classes ``prefix``1d..3d."""
    for n, shape in ((1, "(N, C, L)"), (2, "(N, C, H, W)"), (3, "(N, C, D, H, W)")):
        name = f"{prefix}{n}d"
        parent = globals()[f"ConstantPad{n}d"] if prefix == "ZeroPad" else base
        body = {"_spatial": n, "_mode": mode, "__module__": __name__, "__qualname__": name,
                "__doc__": f"Pad the last {n} dimension(s) of {shape}, or of one sample, {meaning}."}
        body.update(extra or {})
        globals()[name] = type(name, (parent,), body)


_family("ConstantPad", _ConstantPad, "constant", "with ``value``")
_family("ZeroPad", _ConstantPad, "constant", "with zeros",
        {"__init__": _zero_init, "extra_repr": _Pad.extra_repr})
_family("ReflectionPad", _Pad, "reflect", "by reflection at the edge")
_family("ReplicationPad", _Pad, "replicate", "by repeating the edge")
_family("CircularPad", _Pad, "circular", "from the opposite end")
