"""Adamax."""
import martlet as torch

from . import _updates_more
from .adam import check_betas
from .optimizer import Optimizer, check, check_lr, count_dtype


class Adamax(Optimizer):
    """Adamax: Adam with the infinity norm. State: ``step``, ``exp_avg``, ``exp_inf``."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *, maximize=False,
                 differentiable=False, capturable=False):
        check_lr(lr)
        check(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        super().__init__(params, dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
            differentiable=differentiable, capturable=capturable,
        ))

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.zeros((), dtype=count_dtype())
        state["exp_avg"] = torch.zeros_like(param)
        state["exp_inf"] = torch.zeros_like(param)

    def _update(self, group, params, grads, states):
        beta1, beta2 = group["betas"]
        _updates_more.adamax_(
            params, grads, [s["exp_avg"] for s in states], [s["exp_inf"] for s in states], [s["step"] for s in states],
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"], weight_decay=group["weight_decay"],
            maximize=group["maximize"], differentiable=group["differentiable"],
        )
