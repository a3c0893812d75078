"""Resilient backpropagation."""
import martlet as torch

from . import _updates, _updates_more
from .optimizer import Optimizer, check_lr, count_dtype


class Rprop(Optimizer):
    """Resilient backpropagation. State: ``step``, ``prev``, ``step_size``."""

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False, foreach=None,
                 maximize=False, differentiable=False):
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError("Invalid eta values: {}, {}".format(etas[0], etas[1]))
        super().__init__(params, dict(
            lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize,
            differentiable=differentiable, capturable=capturable,
        ))

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.zeros((), dtype=count_dtype())
        state["prev"] = torch.zeros_like(param)
        state["step_size"] = torch.full_like(grad, _updates.scalar(group["lr"]))

    def _update(self, group, params, grads, states):
        etaminus, etaplus = group["etas"]
        smallest, largest = group["step_sizes"]
        _updates_more.rprop_(
            params, grads, [s["prev"] for s in states], [s["step_size"] for s in states], [s["step"] for s in states],
            etaminus=etaminus, etaplus=etaplus, step_size_min=smallest, step_size_max=largest,
            maximize=group["maximize"], differentiable=group["differentiable"],
        )
