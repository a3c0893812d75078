"""The memory behind tensors, as an object."""
import ctypes

from ._native import fail, lib


class UntypedStorage:
    """The bytes that a tensor and its views share. Keeps them alive."""

    def __init__(self, tensor):
        self._tensor = tensor.detach()

    device = property(lambda self: self._tensor.device)

    def data_ptr(self):
        """Address of the first byte."""
        return lib.mt_storage_ptr(self._tensor._h) or fail()

    def nbytes(self):
        """How many bytes there are."""
        return lib.mt_storage_nbytes(self._tensor._h)

    size = __len__ = nbytes

    def _bytes(self):
        return (ctypes.c_uint8 * self.nbytes()).from_address(self.data_ptr())

    def __getitem__(self, i):
        return self._bytes()[i]

    def __setitem__(self, i, value):
        self._bytes()[i] = value

    def __iter__(self):
        return iter(self._bytes())

    def tolist(self):
        return list(self._bytes())

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self):
        return hash(self.data_ptr())
