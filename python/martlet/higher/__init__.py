"""Training loops that can be differentiated through, with the names of the PyPI package ``higher``.

Inside of :func:`innerloop_ctx` a module gets *fast weights*: plain tensors that each step of a
differentiable optimizer replaces by new ones, so that a loss after several steps has a gradient
with respect to the initial weights, the data and the optimizer's own options. The module that was
given stays as it is.
"""
from contextlib import contextmanager as _contextmanager

from . import optim, patch, utils
from .optim import create_diff_optim, get_diff_optim, register_optim
from .patch import make_functional, monkeypatch

__all__ = [
    "create_diff_optim", "get_diff_optim", "innerloop_ctx", "make_functional", "monkeypatch", "optim", "patch",
    "register_optim", "utils",
]


@_contextmanager
def innerloop_ctx(model, opt, device=None, copy_initial_weights=True, override=None, track_higher_grads=True):
    """A context with a functional view of ``model`` and a differentiable counterpart of ``opt``.

    Args:
        model: the module; it is not changed.
        opt: an optimizer of the module's parameters; its options and state are copied.
        device: where to put the copies.
        copy_initial_weights: True starts from detached copies; False keeps the graph to the
            module's own parameters, so that gradients reach them.
        override: options to replace, as ``{name: [value]}`` or ``{name: [one for each group]}``;
            values may be tensors that require grad.
        track_higher_grads: False forgets the graph of each step (evaluation).

    Yields:
        ``(fmodel, diffopt)``: call ``fmodel(x)`` as the module, and ``diffopt.step(loss)`` in place
        of ``zero_grad``, ``backward`` and ``step``.
    """
    fmodel = monkeypatch(
        model, device, copy_initial_weights=copy_initial_weights, track_higher_grads=track_higher_grads
    )
    diffopt = get_diff_optim(
        opt, model.parameters(), fmodel=fmodel, device=device, override=override,
        track_higher_grads=track_higher_grads,
    )
    yield fmodel, diffopt
