"""Averaged stochastic gradient descent."""
import martlet as torch

from . import _updates, _updates_more
from .optimizer import Optimizer, check, check_lr, count_dtype


class ASGD(Optimizer):
    """Averaged SGD (Polyak & Juditsky 1992). State: ``step``, ``eta``, ``mu``, ``ax`` (the average)."""

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None,
                 maximize=False, differentiable=False, capturable=False):
        check_lr(lr)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(params, dict(
            lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach,
            maximize=maximize, differentiable=differentiable, capturable=capturable,
        ))

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.zeros((), dtype=count_dtype())
        state["eta"] = torch.full((), _updates.scalar(group["lr"]), dtype=count_dtype())
        state["mu"] = torch.ones((), dtype=count_dtype())
        state["ax"] = torch.zeros_like(param)

    def _update(self, group, params, grads, states):
        _updates_more.asgd_(
            params, grads, [s["ax"] for s in states], [s["mu"] for s in states], [s["eta"] for s in states], [s["step"] for s in states],
            lr=group["lr"], lambd=group["lambd"], t0=group["t0"], alpha=group["alpha"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"], differentiable=group["differentiable"],
        )
