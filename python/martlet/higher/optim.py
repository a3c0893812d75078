"""Differentiable optimizers: each step gives new parameters, connected by the graph to the old ones."""
import collections
import copy
import math
import warnings

import martlet as torch

from .. import optim as _optim
from . import utils


class DifferentiableOptimizer:
    """Base of the differentiable optimizers.

    Args:
        other: the optimizer whose options and state are copied.
        reference_params: the parameters that positions refer to, usually ``model.parameters()``.
        fmodel: the functional view to update.
        device: where to put the copies of the state.
        override: options to replace; see :func:`martlet.higher.innerloop_ctx`.
        grad_callback: takes the list of gradients of a step and returns the list to use.
        track_higher_grads: whether steps can be differentiated through.
    """

    def __init__(self, other, reference_params, fmodel=None, device=None, override=None, grad_callback=None,
                 track_higher_grads=True, **kwargs):
        reference_params = list(reference_params)
        self.param_groups = [
            {
                key: [None] * len(value) if key == "params" else _own(value)
                for key, value in group.items()
            }
            for group in other.param_groups
        ]
        self.state = [collections.defaultdict(dict) for _ in self.param_groups]
        if override is not None:
            self._apply_override(override)
        self._grad_callback = grad_callback
        self._group_to_param_list = []
        for g, group in enumerate(other.param_groups):
            positions = []
            for i, p in enumerate(group["params"]):
                if p in other.state:
                    self.state[g][i] = {k: utils.copy_and_cast(v, device) for k, v in other.state[p].items()}
                    if isinstance(self.state[g][i].get("step"), torch.Tensor):
                        self.state[g][i]["step"] = int(self.state[g][i]["step"].item())
                position = utils.index_of(p, reference_params)
                if position is None:
                    raise ValueError("Could not find parameter {} in reference parameters.".format(p))
                positions.append(position)
            self._group_to_param_list.append(positions)
        self._fmodel = fmodel
        self._track_higher_grads = track_higher_grads

    def _apply_override(self, override):
        for key, values in override.items():
            if len(values) not in (1, len(self.param_groups)):
                raise ValueError(
                    "Mismatch between the number of override tensors for optimizer parameter {} and the number of "
                    "parameter groups.".format(key)
                )
            for g, group in enumerate(self.param_groups):
                group[key] = values[0] if len(values) == 1 else values[g]

    def step(self, loss, params=None, override=None, grad_callback=None, **kwargs):
        """One differentiable update from the gradient of ``loss``.

        Args:
            loss: a scalar.
            params: the parameters to update; by default the view's newest weights.
            override: options to replace from here on.
            grad_callback: as for the constructor, for this step only.

        Returns:
            The new parameters as a list; they are the view's newest weights as well.
        """
        if override is not None:
            self._apply_override(override)
        if params is None:
            params = None if self._fmodel is None else self._fmodel.fast_params
            if params is None:
                raise ValueError(
                    "params kwarg must be passed to step if the differentiable optimizer doesn't have a view on a "
                    "patched model with params."
                )
        params = list(params)
        wanted = [i for i, p in enumerate(params) if p.requires_grad]
        found = torch.autograd.grad(
            loss, [params[i] for i in wanted], create_graph=self._track_higher_grads, allow_unused=True
        )
        grads = [None] * len(params)
        for i, grad in zip(wanted, found):
            grads[i] = grad
        callback = grad_callback or self._grad_callback
        if callback is not None:
            grads = callback(grads)
        new = params[:]
        for g, (group, positions) in enumerate(zip(self.param_groups, self._group_to_param_list)):
            for i, position in enumerate(positions):
                group["params"][i] = p = params[position]
                if grads[position] is not None:
                    p = self._new_param(group, self.state[g][i], p, grads[position])
                    group["params"][i] = p
                new[position] = p if self._track_higher_grads else p.detach().requires_grad_()
        if self._fmodel is not None:
            self._fmodel.update_params(new)
        return new

    def _new_param(self, group, state, p, g):
        """The parameter after one update by the gradient ``g``; replaces what it changes in ``state``."""
        if g.is_sparse:
            raise RuntimeError("{} does not support sparse gradients".format(type(self).__name__[len("Differentiable"):]))
        if group.get("maximize", False):
            g = -g
        if not state:
            self._init_state(group, state, p, g)
        if "step" in state:
            state["step"] += 1
        if not group.get("decoupled_weight_decay", False):
            decay = group.get("weight_decay", 0)
            if _is_on(decay):
                g = g + decay * p
        return self._updated(group, state, p, g)

    def _init_state(self, group, state, p, g):
        """Fills the empty state of a parameter."""

    def _updated(self, group, state, p, g):
        """The update itself, once sign and weight decay are in ``g``."""
        raise NotImplementedError


def _own(value):
    """An option of one's own; a tensor that requires grad stays what it is, for its gradient."""
    return value if isinstance(value, torch.Tensor) and value.requires_grad else copy.deepcopy(value)


def _is_on(option):
    """Whether a decay or momentum acts: a tensor that requires grad does, whatever its value."""
    if isinstance(option, torch.Tensor) and option.requires_grad:
        return True
    return option != 0


def _root(x):
    """The square root of a number, or of a tensor with its gradient."""
    return x ** 0.5 if isinstance(x, torch.Tensor) else math.sqrt(x)


def _zeros(p):
    return torch.zeros_like(p.detach())


def _stopped_at_zero(square):
    """``square`` with no gradient where it is 0, where that of its square root is infinite."""
    if not square.requires_grad:
        return square
    return torch.where(square == 0.0, square.detach(), square)


class DifferentiableSGD(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.SGD`."""

    def _updated(self, group, state, p, g):
        momentum = group["momentum"]
        if _is_on(momentum):
            if state.get("momentum_buffer") is None:
                buffer = g
            else:
                buffer = state["momentum_buffer"] * momentum + (1 - group["dampening"]) * g
            state["momentum_buffer"] = buffer
            g = g + momentum * buffer if group["nesterov"] else buffer
        return p + -group["lr"] * g


class DifferentiableAdam(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.Adam`; no gradient flows where the second moment is zero."""

    def _init_state(self, group, state, p, g):
        state.update(step=0, exp_avg=_zeros(p), exp_avg_sq=_zeros(p))
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = _zeros(p)

    def _updated(self, group, state, p, g):
        beta1, beta2 = group["betas"]
        first = state["exp_avg"] = state["exp_avg"] * beta1 + (1 - beta1) * g
        second = _stopped_at_zero(state["exp_avg_sq"] * beta2 + (1 - beta2) * g * g)
        state["exp_avg_sq"] = second
        if group["amsgrad"]:
            second = state["max_exp_avg_sq"] = torch.maximum(state["max_exp_avg_sq"], second)
        return self._moved(group, p, first, second, 1 - beta1 ** state["step"], 1 - beta2 ** state["step"])

    def _moved(self, group, p, first, second, correction1, correction2):
        if group.get("decoupled_weight_decay", False) and _is_on(group["weight_decay"]):
            p = p * (1 - group["lr"] * group["weight_decay"])
        step_size = group["lr"] * _root(correction2) / correction1
        return p + -step_size * (first / (second.sqrt() + group["eps"]))


class DifferentiableAdamW(DifferentiableAdam):
    """Differentiable :class:`martlet.optim.AdamW`, with the optimizer's own place for eps."""

    def _moved(self, group, p, first, second, correction1, correction2):
        if _is_on(group["weight_decay"]):
            p = p * (1 - group["lr"] * group["weight_decay"])
        denom = second.sqrt() / _root(correction2) + group["eps"]
        return p + -(group["lr"] / correction1) * (first / denom)


class DifferentiableAdadelta(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.Adadelta`."""

    def _init_state(self, group, state, p, g):
        state.update(step=0, square_avg=_zeros(p), acc_delta=_zeros(p))

    def _updated(self, group, state, p, g):
        rho, eps = group["rho"], group["eps"]
        square = state["square_avg"] = state["square_avg"] * rho + (1 - rho) * g * g
        delta = (state["acc_delta"] + eps).sqrt() / (square + eps).sqrt() * g
        state["acc_delta"] = state["acc_delta"] * rho + (1 - rho) * delta * delta
        return p + -group["lr"] * delta


class DifferentiableAdagrad(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.Adagrad` for dense gradients."""

    def _init_state(self, group, state, p, g):
        state.update(step=0, sum=_zeros(p) + group.get("initial_accumulator_value", 0))

    def _updated(self, group, state, p, g):
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        total = state["sum"] = _stopped_at_zero(state["sum"] + g * g)
        return p + -rate * (g / (total.sqrt() + group.get("eps", 1e-10)))


class DifferentiableAdamax(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.Adamax`."""

    def _init_state(self, group, state, p, g):
        state.update(step=0, exp_avg=_zeros(p), exp_inf=_zeros(p))

    def _updated(self, group, state, p, g):
        beta1, beta2 = group["betas"]
        first = state["exp_avg"] = state["exp_avg"] * beta1 + (1 - beta1) * g
        norms = torch.stack([state["exp_inf"] * beta2, g.abs() + group["eps"]])
        norm = state["exp_inf"] = torch.max(norms, 0)[0]
        rate = group["lr"] / (1 - beta1 ** state["step"])
        return p + -rate * (first / norm)


class DifferentiableASGD(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.ASGD`."""

    def _init_state(self, group, state, p, g):
        state.update(step=0, eta=group["lr"], mu=1, ax=_zeros(p))

    def _updated(self, group, state, p, g):
        eta, mu = state["eta"], state["mu"]
        p = p * (1 - group["lambd"] * eta)
        state["ax"] = state["ax"] + (p - state["ax"]) * mu if mu != 1 else p
        lr, step = group["lr"], state["step"]
        state["eta"] = lr / (1 + group["lambd"] * lr * step) ** group["alpha"]
        state["mu"] = 1 / max(1, step - group["t0"])
        return p + -eta * g


class DifferentiableRMSprop(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.RMSprop`; no gradient flows where the mean square is zero."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        warnings.warn(
            "Differentiable RMSprop suffers from gradient correctness issues. Consider using another optimizer until "
            "we fix these..."
        )

    def _init_state(self, group, state, p, g):
        state.update(step=0, square_avg=_zeros(p))
        if group["momentum"] > 0:
            state["momentum_buffer"] = _zeros(p)
        if group["centered"]:
            state["grad_avg"] = _zeros(p)

    def _updated(self, group, state, p, g):
        alpha, eps, lr = group["alpha"], group["eps"], group["lr"]
        square = state["square_avg"] = _stopped_at_zero(state["square_avg"] * alpha + (1 - alpha) * g * g)
        if group["centered"]:
            mean = state["grad_avg"] = state["grad_avg"] * alpha + (1 - alpha) * g
            scale = (square - mean * mean).sqrt() + eps
        else:
            scale = square.sqrt() + eps
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"] = state["momentum_buffer"] * group["momentum"] + g / scale
            return p + -lr * buffer
        return p + -lr * (g / scale)


class DifferentiableRprop(DifferentiableOptimizer):
    """Differentiable :class:`martlet.optim.Rprop`, whose steps depend on signs only: second derivatives are zero."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        warnings.warn(
            "Differentiable Rprop (correctly) yields zero second order gradients, as only the sign of the gradient is "
            "used in updates. Future versions will offer higher order gradients based on a continuous relaxation of the "
            "forward pass."
        )

    def _init_state(self, group, state, p, g):
        lr = group["lr"]
        state.update(
            step=0, prev=_zeros(p), step_size=torch.full_like(p.detach(), lr.item() if isinstance(lr, torch.Tensor) else lr)
        )

    def _updated(self, group, state, p, g):
        shrink, grow = group["etas"]
        low, high = group["step_sizes"]
        agreement = (g * state["prev"]).sign()
        factor = torch.ones_like(agreement)
        factor = torch.where(agreement > 0, factor * grow, factor)
        factor = torch.where(agreement < 0, torch.ones_like(agreement) * shrink, factor)
        size = state["step_size"] = (state["step_size"] * factor).clamp(low, high)
        g = torch.where(agreement < 0, torch.zeros_like(g), g)
        state["prev"] = g.clone()
        return p + -1 * g.sign() * size


_counterparts = {
    _optim.Adadelta: DifferentiableAdadelta,
    _optim.Adagrad: DifferentiableAdagrad,
    _optim.Adam: DifferentiableAdam,
    _optim.AdamW: DifferentiableAdamW,
    _optim.Adamax: DifferentiableAdamax,
    _optim.ASGD: DifferentiableASGD,
    _optim.RMSprop: DifferentiableRMSprop,
    _optim.Rprop: DifferentiableRprop,
    _optim.SGD: DifferentiableSGD,
}


def register_optim(optim_type, diff_optim_type):
    """Makes ``diff_optim_type`` the differentiable counterpart of an optimizer class."""
    _counterparts[optim_type] = diff_optim_type


def _counterpart(optim_type):
    if optim_type not in _counterparts:
        raise ValueError("Optimizer type {} not supported by higher yet.".format(optim_type))
    return _counterparts[optim_type]


def get_diff_optim(opt, reference_params, fmodel=None, device=None, override=None, track_higher_grads=True, **kwargs):
    """The differentiable counterpart of an optimizer, with copies of its options and state.

    See :class:`DifferentiableOptimizer` for the arguments. ValueError if the class has none.
    """
    return _counterpart(type(opt))(
        opt, reference_params, fmodel=fmodel, device=device, override=override, track_higher_grads=track_higher_grads,
        **kwargs
    )


def create_diff_optim(opt_type, opt_kwargs=None, params=None, fmodel=None, device=None, override=None,
                      track_higher_grads=True, **kwargs):
    """A differentiable optimizer made from an optimizer class and its options.

    Args:
        opt_type: such as ``martlet.optim.SGD``.
        opt_kwargs: its options.
        params: parameters or groups, for their shapes; by default the view's.
        fmodel, device, override, track_higher_grads: see :class:`DifferentiableOptimizer`.
    """
    kind = _counterpart(opt_type)
    if params is not None:
        params = list(params)
    elif fmodel is not None:
        params = list(fmodel.parameters())
    else:
        raise ValueError("Must specify one of fmodel or params in kwargs.")
    shapes = []

    def like(p):
        shapes.append(torch.zeros_like(p, requires_grad=True))
        return shapes[-1]

    if isinstance(params[0], dict):
        stand_ins = []
        for group in params:
            given = group["params"]
            given = [given] if isinstance(given, torch.Tensor) else given
            stand_ins.append(dict(group, params=[like(p) for p in given]))
    else:
        stand_ins = [like(p) for p in params]
    return kind(
        opt_type(stand_ins, **(opt_kwargs or {})), shapes, fmodel=fmodel, device=device, override=override,
        track_higher_grads=track_higher_grads, **kwargs
    )


def get_trainable_opt_params(opt, device=None):
    """An optimizer's numeric options as tensors that require grad, in the form that ``override`` takes."""
    override = collections.defaultdict(list)

    def trainable(x):
        if isinstance(x, torch.Tensor):
            return x.clone().detach().requires_grad_()
        return torch.tensor(float(x), device=device, requires_grad=True)

    for group in opt.param_groups:
        for key, value in group.items():
            if key != "params" and all(isinstance(x, (int, float)) for x in utils.flatten(value)):
                override[key].append(utils.recursive_map(value, trainable))
    return override


def apply_trainable_opt_params(opt, override):
    """Writes the values of (learned) override tensors back into an optimizer's options."""
    for key, values in override.items():
        if len(values) not in (1, len(opt.param_groups)):
            raise ValueError(
                "Mismatch between the number of override tensors for optimizer parameter {} and the number of parameter "
                "groups.".format(key)
            )
        for g, group in enumerate(opt.param_groups):
            group[key] = _written(values[0] if len(values) == 1 else values[g], group[key])


def _written(new, old):
    if isinstance(new, torch.Tensor) and isinstance(old, torch.Tensor):
        old.data = new.data
        return old
    if isinstance(new, torch.Tensor) and not utils.is_container(old):
        return type(old)(new.item())
    if type(new) is not type(old) or not utils.is_container(old):
        raise ValueError("Couldn't apply replacement of type {} to target of type {}".format(type(new), type(old)))
    if isinstance(old, dict):
        return type(old)({key: _written(n, value) for n, (key, value) in zip(new.values(), old.items())})
    return type(old)([_written(n, value) for n, value in zip(new, old)])
