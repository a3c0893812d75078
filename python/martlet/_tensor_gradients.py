"""What a tensor knows of its gradient and of how it was computed."""
from . import _ops
from ._native import _infos, fail, info_of, lib
from ._ops import wrap
from ._ops.arguments import wrong_type

_release = lib.mt_tensor_release
_new = object.__new__


class Recording:
    """Autograd's part of Tensor."""

    __slots__ = ()

    @property
    def requires_grad(self):
        """Whether a gradient is wanted."""
        return lib.mt_requires_grad(self._h) == 1

    @requires_grad.setter
    def requires_grad(self, on):
        if on.__class__ is not bool:
            raise RuntimeError("requires_grad must be a bool")
        if on and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if lib.mt_set_requires_grad(self._h, 1 if on else 0):
            fail()

    def requires_grad_(self, requires_grad=True):
        """Sets whether a gradient is wanted; returns the tensor."""
        if requires_grad.__class__ is not bool:
            raise wrong_type("requires_grad_", "requires_grad", 1, "bool", requires_grad)
        if lib.mt_set_requires_grad(self._h, 1 if requires_grad else 0):
            fail()
        return self

    @property
    def is_leaf(self):
        i = info_of(self._h)
        _infos.append(i)
        return i.is_leaf != 0

    @property
    def grad(self):
        """The accumulated gradient, None before the first backward()."""
        h = lib.mt_grad(self._h)
        if not h:
            if self.requires_grad and not self.is_leaf and not self.retains_grad:
                _warn_non_leaf()
            return None
        known = self.__dict__.get("_grad")
        if known is not None and known._h == h:
            _release(h)
            return known
        t = _new(_ops.Tensor)
        t._h = h
        self.__dict__["_grad"] = t
        return t

    @grad.setter
    def grad(self, value):
        if value is not None and not isinstance(value, _ops.Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
        if lib.mt_set_grad(self._h, None if value is None else value._h):
            fail()
        self.__dict__["_grad"] = value

    @grad.deleter
    def grad(self):
        self.grad = None

    @property
    def grad_fn(self):
        """The step that made this tensor, None for leaves."""
        from .autograd._nodes import node
        h = lib.mt_grad_fn(self._h)
        return node(h) if h else None

    @property
    def output_nr(self):
        return lib.mt_output_nr(self._h)

    @property
    def data(self):
        """The same memory without history."""
        t = _new(_ops.Tensor)
        t._h = lib.mt_tensor_data(self._h) or fail()
        return t

    @data.setter
    def data(self, value):
        if not isinstance(value, _ops.Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if lib.mt_set_data(self._h, value._h):
            fail()

    def detach_(self):
        """Forgets the history of this tensor itself."""
        if lib.mt_detach_(self._h):
            fail()
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Adds the gradients of this tensor to the .grad of the leaves it depends on."""
        if retain_graph is None:
            retain_graph = create_graph
        if inputs is None and (gradient is None or isinstance(gradient, _ops.Tensor)):
            if lib.mt_backward(self._h, None if gradient is None else gradient._h, 1 if retain_graph else 0,
                               1 if create_graph else 0):
                fail()
            return
        from . import autograd
        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def _is_view(self):
        """Whether this tensor shows memory of another one that autograd knows of."""
        return lib.mt_is_view(self._h) == 1

    @property
    def _base(self):
        """The tensor that this one is a view of, None where it is none."""
        h = lib.mt_base(self._h)
        return wrap(h) if h else None

    def retain_grad(self):
        """Keeps the gradient of this non-leaf in .grad."""
        if lib.mt_retain_grad(self._h):
            fail()

    @property
    def retains_grad(self):
        return lib.mt_retains_grad(self._h) == 1

    def register_hook(self, hook):
        """Calls hook(grad) when a gradient of this tensor was computed; a returned tensor replaces it."""
        from .autograd._hooks import register_tensor_hook
        return register_tensor_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Calls hook(self) after the gradient of this leaf was accumulated."""
        from .autograd._hooks import register_post_accumulate_hook
        return register_post_accumulate_hook(self, hook)

    def is_inference(self):
        return lib.mt_is_inference(self._h) == 1


def _warn_non_leaf():
    import warnings
    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
        "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
        ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
        "Tensor instead.", UserWarning, stacklevel=3)
