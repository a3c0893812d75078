"""grad_fn objects: steps of the recorded computation."""
import ctypes

from .._native import lib, take_text
from .._tensor import Tensor

_classes = {}
_live = {}


class Node:
    """A step of the recorded computation. Its class bears the step's name, as torch's do."""

    __slots__ = ("_n", "__weakref__")

    def __del__(self):
        lib.mt_node_release(self._n)

    def name(self):
        """The step's name, e.g. MulBackward0."""
        return type(self).__name__

    @property
    def next_functions(self):
        """(node, slot) for each input; (None, 0) where no gradient goes."""
        result = []
        for i in range(lib.mt_node_next_count(self._n)):
            slot = ctypes.c_int32()
            h = lib.mt_node_next(self._n, i, ctypes.addressof(slot))
            result.append((node(h), slot.value) if h else (None, 0))
        return tuple(result)

    @property
    def variable(self):
        """The leaf that an AccumulateGrad step adds to."""
        h = lib.mt_node_variable(self._n)
        if not h:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute 'variable'")
        t = object.__new__(Tensor)
        t._h = h
        return t

    def __eq__(self, other):
        return isinstance(other, Node) and self._n == other._n

    def __hash__(self):
        return hash(self._n)

    def __repr__(self):
        return f"<{type(self).__name__} object at {hex(id(self))}>"


def node(handle):
    """The Python object of an owned node handle."""
    name = take_text(lib.mt_node_name(handle))
    shown = name.rsplit("::", 1)[-1]
    cls = _classes.get(shown)
    if cls is None:
        cls = _classes[shown] = type(shown, (Node,), {"__slots__": (), "name": (lambda self, n=name: n)})
    made = object.__new__(cls)
    made._n = handle
    return made
