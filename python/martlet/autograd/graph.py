"""torch.autograd.graph: the recorded computation as objects."""
import collections

from ._nodes import Node  # noqa: F401

GradientEdge = collections.namedtuple("GradientEdge", ["node", "output_nr", "ownership_token"], defaults=[None])
GradientEdge.__doc__ = "Where a tensor's gradient goes: a node and which of its outputs."


def get_gradient_edge(tensor):
    """The edge along which the gradient of a tensor flows."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if tensor.grad_fn is not None:
        return GradientEdge(tensor.grad_fn, tensor.output_nr)
    return GradientEdge(tensor.view_as(tensor).grad_fn.next_functions[0][0], 0)


def increment_version(tensors):
    """Counts a write that was made behind martlet's back."""
    from .._tensor import Tensor
    for t in (tensors,) if isinstance(tensors, Tensor) else tensors:
        if t.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        empty = t.detach().view(-1)[:0] if t.is_contiguous() else t.detach().as_strided((0,), (1,))
        empty.zero_()


class _MultiHandle:
    def __init__(self, handles):
        self.handles = tuple(handles)

    def remove(self):
        for h in self.handles:
            h.remove()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Calls fn with the gradients of several tensors once all of them were computed ("any": with the first one)."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    found = {}

    def make(i):
        def hook(grad):
            if mode == "any":
                if not found:
                    found[i] = True
                    fn(grad)
                return
            found[i] = grad
            if len(found) == len(tensors):
                grads = [found[k] for k in range(len(tensors))]
                found.clear()
                fn(grads)
        return hook
    return _MultiHandle([t.register_hook(make(i)) for i, t in enumerate(tensors)])
