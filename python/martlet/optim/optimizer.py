"""The base of all optimizers: parameter groups, state, hooks, (de)serialisation, and the step."""
import functools
import warnings
from collections import OrderedDict, defaultdict
from copy import deepcopy
from itertools import chain

import martlet as torch

from .. import _capture
from .._native import require_all
from ..utils.hooks import RemovableHandle
from . import _rows


class _Required:
    """Marks a default that every parameter group must give itself."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()

_global_pre_hooks = OrderedDict()
_global_post_hooks = OrderedDict()
_HOOK_TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


def _register(table, hook, prepend=False):
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Registers ``hook(optimizer, args, kwargs)`` to run before every optimizer's step; returns its handle."""
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Registers ``hook(optimizer, args, kwargs)`` to run after every optimizer's step; returns its handle."""
    return _register(_global_post_hooks, hook)


def _with_hooks(step):
    """``step`` with the registered hooks around it; costs one test when there are none."""

    @functools.wraps(step)
    def run(self, *args, **kwargs):
        pre, post = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        guard = None
        if not self._keeps_rows:
            if _rows._policies:
                guard = _rows.Snapshot(self)
            if _capture._recording is not None:
                _capture.own_step(self)
        if pre or _global_pre_hooks:
            for hook in chain(_global_pre_hooks.values(), pre.values()):
                result = hook(self, args, kwargs)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise RuntimeError(
                            "{} must return None or a tuple of (new_args, new_kwargs), but got {}.".format(step, result)
                        )
                    args, kwargs = result
        self._opt_called = True  # learning-rate schedules warn when they are stepped first
        out = step(self, *args, **kwargs)
        if guard is not None:
            guard.restore()
        if post or _global_post_hooks:
            for hook in chain(post.values(), _global_post_hooks.values()):
                hook(self, args, kwargs)
        return out

    run.hooked = True
    return run


def type_name(x):
    """The type's name as torch's messages spell it, such as ``torch.FloatTensor``."""
    if isinstance(x, torch.Tensor):
        return x.type()
    kind = type(x)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", None) else module + "." + kind.__qualname__


def check_lr(lr):
    """Raises ValueError for a learning rate that is negative, not a number or not a single one."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check(lr >= 0.0, "learning rate", lr)


def check(valid, text, value):
    """Raises ValueError ``Invalid <text>: <value>`` unless ``valid``."""
    if isinstance(valid, torch.Tensor) and _capture.records():
        require_all(valid, ValueError, "Invalid " + text)
    elif not valid:
        raise ValueError("Invalid {}: {}".format(text, value))


def count_dtype():
    """The dtype of ``state['step']``: float32, or float64 where that is the default dtype."""
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


class Optimizer:
    """Base class of all optimizers.

    Args:
        params: parameters, ``(name, parameter)`` pairs, or dicts that each describe a group.
        defaults: the options a group has unless it says otherwise.

    A subclass either defines ``step``, or ``_update`` (and ``_init_state``), from which the step
    here does the rest: see the optimizers of this package.
    """

    _accepts_sparse = False
    _opt_called = False
    _home = None  # stands for the recording in which the optimizer was made: each replay begins with a new one
    _keeps_rows = True  # False in classes with a step of their own: their forbidden rows are put back

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None and not getattr(step, "hooked", False):
            cls.step = _with_hooks(step)
            if "_keeps_rows" not in cls.__dict__:
                cls._keeps_rows = False

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._make_hook_tables()
        if _capture._recording is not None:
            self._home = _capture.home()
        if isinstance(params, torch.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + type_name(params)
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hook_tables(self):
        for name in _HOOK_TABLES:
            self.__dict__.setdefault(name, OrderedDict())

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._make_hook_tables()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self):
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.append("\nParameter Group {}\n".format(i))
            lines += ["    {}: {}\n".format(key, group[key]) for key in sorted(group) if key != "params"]
        return "".join(lines) + ")"

    # Groups

    def add_param_group(self, param_group):
        """Adds a group: a dict with ``params`` and any options that differ from the defaults.

        Raises:
            TypeError: not a dict; parameters in a set; something that is not a tensor.
            ValueError: a non-leaf tensor, a missing required option, a parameter that another group
                has, or names given for some parameters only.
        """
        if not isinstance(param_group, dict):
            raise TypeError("param_group must be a dict, but got {}".format(type(param_group)))
        params = param_group["params"]
        if isinstance(params, torch.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but "
                "the ordering of tensors in sets will change between runs. Please use a list instead."
            )
        entries = list(params)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        param_group["params"] = params
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for param in params:
            if not isinstance(param, torch.Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + type_name(param))
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter " + str(name)
                )
            param_group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; "
                "in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    "{} names to the optimizer".format("with" if "param_names" in param_group else "without")
                )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none=True):
        """Forgets all gradients, or with ``set_to_none=False`` fills them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    grad = param.grad
                    if grad.grad_fn is not None:
                        grad.detach_()
                    else:
                        grad.requires_grad_(False)
                    grad.zero_()

    # The step

    def step(self, closure=None):
        """One update of every parameter that has a gradient.

        Args:
            closure: evaluates the model again, calls ``backward`` and returns the loss.

        Returns:
            What ``closure`` returned, or None.
        """
        if type(self)._update is Optimizer._update:
            raise NotImplementedError
        with torch.enable_grad() if self.defaults.get("differentiable") else torch.no_grad():
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                self._step_group(group)
            return loss

    def _step_group(self, group):
        params = group["params"]
        grads = [param.grad for param in params]
        for grad in grads:
            if grad is None or not self._accepts_sparse and grad.is_sparse:
                break
        else:
            if not _rows._policies:
                self._update_all(group, params, grads)
                return
        self._step_some(group, grads)

    def _step_some(self, group, grads):
        """Updates the parameters that have a gradient, those with forbidden rows one by one."""
        params, known = [], []
        for param, grad in zip(group["params"], grads):
            if grad is None:
                continue
            if not self._accepts_sparse and grad.is_sparse:
                raise RuntimeError("{} does not support sparse gradients".format(type(self).__name__))
            policy = _rows.policy_of(param) if _rows._policies else None
            if policy is not None:
                state = self._state_of(group, param, grad)
                _rows.step_restricted(self, group, param, grad, state, policy)
            else:
                params.append(param)
                known.append(grad)
        if params:
            self._update_all(group, params, known)

    def _update_all(self, group, params, grads):
        states = self._states_of(group, params, grads)
        if _capture._recording is None:
            self._update(group, params, grads, states)
        else:
            _capture.update(self, group, params, grads, states)

    def _states_of(self, group, params, grads):
        return [self._state_of(group, param, grad) for param, grad in zip(params, grads)]

    def _state_of(self, group, param, grad):
        state = self.state[param]
        if not state:
            _capture.make_state(self, group, param, grad, state)
        return state

    def _init_state(self, group, param, grad, state):
        """Fills the empty ``state`` of ``param`` before its first step."""

    def _update(self, group, params, grads, states):
        """Changes ``params`` and ``states`` in place by the gradients."""
        raise NotImplementedError

    # Saving and loading

    def state_dict(self):
        """``{'state': {index: state}, 'param_groups': [...]}`` with parameters replaced by their indices."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        index_of, groups = {}, []
        count = 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for offset, param in enumerate(group["params"]):
                index_of.setdefault(id(param), count + offset)
            packed["params"] = [index_of[id(p)] for p in group["params"]]
            count += len(group["params"])
            groups.append(packed)
        state = {
            (index_of[id(key)] if isinstance(key, torch.Tensor) else key): value for key, value in self.state.items()
        }
        out = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, out)
            if changed is not None:
                out = changed
        return out

    def load_state_dict(self, state_dict):
        """Takes over what :meth:`state_dict` returned, here or in another process.

        State tensors take the dtype of their (floating point) parameter, ``step`` stays as it is.

        Raises:
            ValueError: the groups differ in number or in their numbers of parameters.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        param_of = {}
        for ours, theirs in zip(groups, saved):
            param_of.update(zip(theirs["params"], ours["params"]))
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in param_of:
                state[param_of[key]] = _fitted(value, param_of[key])
            else:
                state[key] = value
        for ours, theirs in zip(groups, saved):
            theirs["params"] = ours["params"]
            if "param_names" in ours:
                theirs.setdefault("param_names", ours["param_names"])
        for group in groups:
            group["replaced"] = True  # tells recordings that read this group's hyperparameters
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # Hooks

    def register_step_pre_hook(self, hook):
        """Registers ``hook(optimizer, args, kwargs) -> None or (args, kwargs)`` before each step."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Registers ``hook(optimizer, args, kwargs)`` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Registers ``hook(optimizer)`` before :meth:`state_dict`."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Registers ``hook(optimizer, state_dict) -> None or state_dict`` after :meth:`state_dict`."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Registers ``hook(optimizer, state_dict) -> None or state_dict`` before :meth:`load_state_dict`."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Registers ``hook(optimizer)`` after :meth:`load_state_dict`."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)


Optimizer.step = _with_hooks(Optimizer.step)


def _fitted(value, param, key=None):
    """A loaded state value with its tensors converted to the parameter's dtype."""
    if isinstance(value, torch.Tensor):
        if key == "step":
            return value
        return value.to(dtype=param.dtype) if param.is_floating_point() else value
    if isinstance(value, dict):
        return {k: _fitted(v, param, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_fitted(v, param) for v in value)
    return value
