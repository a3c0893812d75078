"""Adam with Nesterov momentum."""
import martlet as torch

from . import _updates_more
from .adam import check_betas
from .optimizer import Optimizer, check, check_lr, count_dtype


class NAdam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016). State: ``step``, ``mu_product``, ``exp_avg``, ``exp_avg_sq``."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
                 differentiable=False):
        check_lr(lr)
        check(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        check(momentum_decay >= 0.0, "momentum_decay value", momentum_decay)
        super().__init__(params, dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach,
            capturable=capturable, differentiable=differentiable,
        ))

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.zeros((), dtype=count_dtype())
        state["mu_product"] = torch.ones((), dtype=count_dtype())
        state["exp_avg"] = torch.zeros_like(param)
        state["exp_avg_sq"] = torch.zeros_like(param)

    def _update(self, group, params, grads, states):
        beta1, beta2 = group["betas"]
        _updates_more.nadam_(
            params, grads, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], [s["mu_product"] for s in states], [s["step"] for s in states],
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"], momentum_decay=group["momentum_decay"],
            weight_decay=group["weight_decay"], decoupled_weight_decay=group["decoupled_weight_decay"],
            maximize=group["maximize"], differentiable=group["differentiable"],
        )
