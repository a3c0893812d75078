"""Adam for sparse gradients."""
import martlet as torch

from .. import _capture
from . import _updates
from .adam import check_betas
from .optimizer import Optimizer, check, check_lr


class SparseAdam(Optimizer):
    """Adam whose moments and parameters change only where the sparse gradient has entries.

    State: ``step`` (an int), ``exp_avg``, ``exp_avg_sq``. Dense gradients are refused.
    """

    _accepts_sparse = True

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        check_lr(lr)
        check(lr > 0.0, "learning rate", lr)
        check(eps > 0.0, "epsilon value", eps)
        check_betas(betas)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, maximize=maximize))
        sparse = [
            [g, i] for g, group in enumerate(self.param_groups) for i, p in enumerate(group["params"]) if p.is_sparse
        ]
        if sparse:
            raise ValueError(
                "Sparse params at indices {}: SparseAdam requires dense parameter tensors".format(sparse)
            )

    def _init_state(self, group, param, grad, state):
        state["step"] = 0
        state["exp_avg"] = torch.zeros_like(param)
        state["exp_avg_sq"] = torch.zeros_like(param)

    def _state_of(self, group, param, grad):
        if not grad.is_sparse:
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        return super()._state_of(group, param, grad)

    def _update(self, group, params, grads, states):
        counts = [_capture.count(self, state) for state in states]
        for state in states:
            state["step"] += 1
        beta1, beta2 = group["betas"]
        _updates.sparse_adam_(
            params, grads, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], counts,
            lr=group["lr"], beta1=beta1, beta2=beta2, eps=group["eps"], maximize=group["maximize"],
        )
