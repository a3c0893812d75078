"""Copies of tensor objects, and what is written where they are pickled."""
import ctypes

from . import _ops
from ._native import fail, lib

_new = object.__new__


class Copies:
    """The protocols of copy and pickle, of Tensor."""

    __slots__ = ()

    def __copy__(self):
        """A leaf over the same memory."""
        t = _new(type(self))
        t._h = self.detach()._retained()
        if self.requires_grad:
            t.requires_grad_()
        t.__dict__.update((k, v) for k, v in self.__dict__.items() if k != "_grad")
        return t

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
                "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
                "see https://github.com/pytorch/pytorch/pull/103001")
        import copy
        t = _new(type(self))
        t._h = self._with_copied_storage(memo)._retained()
        if self.requires_grad:
            t.requires_grad_()
        memo[id(self)] = t
        if self.grad is not None:
            t.grad = self.grad.__deepcopy__(memo)
        for k, v in self.__dict__.items():
            if k != "_grad":
                t.__dict__[k] = copy.deepcopy(v, memo)
        return t

    def _with_copied_storage(self, memo):
        """The same window onto a copy of the storage; tensors that shared memory do so in the copies too."""
        plain = self.detach()
        if self.is_sparse:
            return plain.clone()
        size = lib.mt_storage_nbytes(self._h)
        if size == 0:
            return plain.clone()
        key = "storage", lib.mt_storage_ptr(self._h), self.dtype
        copied = memo.get(key)
        if copied is None:
            copied = memo[key] = plain.as_strided((size // self.dtype.itemsize,), (1,), 0).clone()
        return copied.as_strided(self.shape, self.stride(), self.storage_offset()).detach()

    def _retained(self):
        return lib.mt_tensor_retain(self._h) or fail()

    def __reduce_ex__(self, protocol):
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        if self.is_sparse:
            return _rebuild_sparse, (self._indices(), self._values(), tuple(self.shape), self.is_coalesced(), self.requires_grad)
        t, shape, stride = self.detach(), tuple(self.shape), None
        if not self.is_contiguous():
            # Strides are kept: what is written is the stretch of memory that the elements lie in, where it is not much longer.
            span = 1 + sum((n - 1) * s for n, s in zip(shape, self.stride()))
            if span <= self.numel():
                stride, t = self.stride(), t.as_strided((span,), (1,))
        n = t.numel() * self.dtype.itemsize
        data = bytearray(n)
        if n:
            buffer = (ctypes.c_char * n).from_buffer(data)
            if lib.mt_copy_to_host(t._h, ctypes.addressof(buffer), n):
                fail()
        return _rebuild, (type(self), bytes(data), shape, self.dtype, self.requires_grad, state, stride)


def _rebuild(cls, data, shape, dtype, requires_grad, state, stride=None):
    from . import _creation
    if stride is None:
        t = _creation.from_bytes(data, shape, dtype)
    else:
        t = _creation.from_bytes(data, (len(data) // dtype.itemsize,), dtype).as_strided(shape, stride).detach()
    if cls is not _ops.Tensor:
        made = _new(cls)
        made._h = t._retained()
        t = made
    if requires_grad:
        t.requires_grad_()
    t.__dict__.update(state)
    return t


def _rebuild_sparse(indices, values, shape, coalesced, requires_grad):
    import martlet
    t = martlet.sparse_coo_tensor(indices, values, shape, is_coalesced=coalesced)
    return t.requires_grad_() if requires_grad else t
