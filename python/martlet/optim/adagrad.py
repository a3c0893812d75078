"""Adagrad."""
import martlet as torch

from . import _updates
from .optimizer import Optimizer, check, check_lr, count_dtype


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011). Takes dense and sparse gradients.

    State, made with the optimizer and not at its first step: ``step`` and ``sum``.
    """

    _accepts_sparse = True

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
                 foreach=None, *, maximize=False, differentiable=False, fused=None):
        check_lr(lr)
        check(lr_decay >= 0.0, "lr_decay value", lr_decay)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        check(initial_accumulator_value >= 0.0, "initial_accumulator_value value", initial_accumulator_value)
        check(eps >= 0.0, "epsilon value", eps)
        super().__init__(params, dict(
            lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, foreach=foreach, maximize=maximize,
            differentiable=differentiable, fused=fused,
        ))
        for group in self.param_groups:
            for param in group["params"]:
                self._init_state(group, param, None, self.state[param])

    def share_memory(self):
        """Moves the state to shared memory, for training in several processes."""
        for state in self.state.values():
            for key in ("step", "sum"):
                state[key].share_memory_()

    def _init_state(self, group, param, grad, state):
        state["step"] = torch.tensor(0.0, dtype=count_dtype())
        state["sum"] = torch.full_like(param, self.defaults["initial_accumulator_value"], requires_grad=False)

    def _update(self, group, params, grads, states):
        _updates.adagrad_(
            params, grads, [s["sum"] for s in states], [s["step"] for s in states], lr=group["lr"],
            lr_decay=group["lr_decay"], weight_decay=group["weight_decay"], eps=group["eps"],
            maximize=group["maximize"], differentiable=group["differentiable"],
        )
