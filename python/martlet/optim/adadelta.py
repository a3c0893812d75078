"""Adadelta."""
import martlet as torch

from . import _updates_more
from .optimizer import Optimizer, check, check_lr, count_dtype


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012). State: ``step``, ``square_avg``, ``acc_delta``."""

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
                 maximize=False, differentiable=False):
        check_lr(lr)
        check(0.0 <= rho <= 1.0, "rho value", rho)
        check(eps >= 0.0, "epsilon value", eps)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(params, dict(
            lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable,
            foreach=foreach, differentiable=differentiable,
        ))

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.zeros((), dtype=count_dtype())
        state["square_avg"] = torch.zeros_like(param)
        state["acc_delta"] = torch.zeros_like(param)

    def _update(self, group, params, grads, states):
        _updates_more.adadelta_(
            params, grads, [s["square_avg"] for s in states], [s["acc_delta"] for s in states], [s["step"] for s in states],
            lr=group["lr"], rho=group["rho"], eps=group["eps"], weight_decay=group["weight_decay"],
            maximize=group["maximize"], differentiable=group["differentiable"],
        )
