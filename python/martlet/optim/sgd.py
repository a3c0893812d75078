"""Stochastic gradient descent."""
from . import _updates
from .optimizer import Optimizer, check_lr, check


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with (Nesterov) momentum.

    Takes dense and sparse gradients. ``state['momentum_buffer']`` exists only with momentum; with
    sparse gradients it is sparse as well. ``foreach`` and ``fused`` are accepted and change nothing.
    """

    _accepts_sparse = True

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False,
                 foreach=None, differentiable=False, fused=None):
        check_lr(lr)
        check(momentum >= 0.0, "momentum value", momentum)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused,
        ))

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in (("nesterov", False), ("maximize", False), ("foreach", None),
                               ("differentiable", False), ("fused", None)):
                group.setdefault(key, value)

    def _state_of(self, group, param, grad):
        return self.state[param] if group["momentum"] != 0 else {}

    def _states_of(self, group, params, grads):
        return [self.state[param] for param in params] if group["momentum"] != 0 else ()

    def _update(self, group, params, grads, states):
        buffers = [state.get("momentum_buffer") for state in states] or [None] * len(params)
        _updates.sgd_(
            params, grads, buffers, lr=group["lr"], momentum=group["momentum"], dampening=group["dampening"],
            weight_decay=group["weight_decay"], nesterov=group["nesterov"], maximize=group["maximize"],
            differentiable=group["differentiable"],
        )
        if group["momentum"] != 0:
            for state, buffer in zip(states, buffers):
                state["momentum_buffer"] = buffer
