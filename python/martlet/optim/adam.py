"""Adam."""
import martlet as torch

from . import _updates
from .optimizer import Optimizer, check, check_lr, count_dtype


def check_betas(betas):
    """Raises ValueError unless both betas are in [0, 1)."""
    for i in range(2):
        check((betas[i] >= 0.0) & (betas[i] < 1.0), "beta parameter at index {}".format(i), betas[i])


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); with ``decoupled_weight_decay`` it is AdamW.

    State: ``step``, ``exp_avg``, ``exp_avg_sq`` and, with ``amsgrad``, ``max_exp_avg_sq``.
    ``foreach``, ``fused`` and ``capturable`` are accepted and change nothing.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None,
                 maximize=False, capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):
        check_lr(lr)
        check(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        if isinstance(betas[0], torch.Tensor) != isinstance(betas[1], torch.Tensor) or any(
            isinstance(b, int) for b in betas
        ):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            if isinstance(beta, torch.Tensor) and beta.numel() != 1:
                raise ValueError("Tensor betas[{}] must be 1-element".format(i))
        super().__init__(params, dict(
            lr=lr, betas=tuple(betas), eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        ))

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (("amsgrad", False), ("maximize", False), ("foreach", None), ("capturable", False),
                               ("differentiable", False), ("fused", None), ("decoupled_weight_decay", False)):
                group.setdefault(key, value)

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.tensor(0.0, dtype=count_dtype())
        state["exp_avg"] = torch.zeros_like(param)
        state["exp_avg_sq"] = torch.zeros_like(param)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = torch.zeros_like(param)

    def _state_of(self, group, param, grad):
        if grad.is_sparse:
            raise RuntimeError("Adam does not support sparse gradients, please consider SparseAdam instead")
        return super()._state_of(group, param, grad)

    _accepts_sparse = True  # so that the message above is the one that is raised

    def _update(self, group, params, grads, states):
        beta1, beta2 = group["betas"]
        _updates.adam_(
            params, grads, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states],
            [s["max_exp_avg_sq"] for s in states] if group["amsgrad"] else [], [s["step"] for s in states],
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"],
            weight_decay=group["weight_decay"], amsgrad=group["amsgrad"], maximize=group["maximize"],
            decoupled_weight_decay=group["decoupled_weight_decay"], differentiable=group["differentiable"],
        )
