"""Functional views of modules: the same forward code over weights that are given and not stored.

A view mirrors the module tree. Each of its nodes is an instance of a subclass of the original
module's class and holds the fast weights in the place of parameters, so that ``self.weight`` in a
forward method reads the fast weight. The subclasses are made once for each module class and go
away when no view uses them.
"""
import warnings
import weakref
from collections import OrderedDict

import martlet as torch

from . import utils

_views = weakref.WeakKeyDictionary()  # module class -> {is root: weak reference to its view class}


class ParameterPlaceholder:
    """Stands where a view without fast weights of its own has no tensor yet."""

    def __init__(self, name):
        self._param_name = name

    def __repr__(self):
        return 'Parameter placeholder ("{}")'.format(self._param_name)


class FunctionalModule:
    """What every node of a functional view can do beside being the module that it views.

    At the root: ``fast_params`` (the newest weights, in the order of the module's ``parameters()``),
    ``init_fast_params`` (the first), ``parameters(time=t)`` (those after t updates), ``update_params``,
    and calls with ``params=...``, which first make these the newest weights.
    """

    def forward(self, *args, params=None, **kwargs):
        """The module's own forward with the newest weights, or with ``params`` from here on."""
        root = self.root
        if params is not None:
            root.update_params(params)
        elif root._fast_params is None:
            raise ValueError("params keyword must be provided if patched module not tracking its own fast parameters")
        return super().forward(*args, **kwargs)

    @property
    def is_root(self):
        """Whether this is the whole view and not one of its submodules."""
        return self._root_ref is None

    @property
    def root(self):
        """The whole view."""
        return self if self._root_ref is None else self._root_ref()

    @property
    def fast_params(self):
        """The newest weights as a list; None if there are none yet. Assigning adds newer ones."""
        return None if self._fast_params is None else self._fast_params[-1]

    @fast_params.setter
    def fast_params(self, value):
        value = list(value)
        if self._fast_params is None:
            self._fast_params = []
        if self.track_higher_grads or not self._fast_params:
            self._fast_params.append(value)
        else:
            self._fast_params[0] = value

    @property
    def init_fast_params(self):
        """The weights before the first update."""
        if not self.track_higher_grads:
            raise Exception("Cannot get initial parameters when not tracking higher gradients.")
        return self._fast_params[0]

    @property
    def track_higher_grads(self):
        """Whether all weights since the first are kept, to be differentiated through."""
        return self._track_higher_grads

    @track_higher_grads.setter
    def track_higher_grads(self, value):
        if not isinstance(value, bool):
            raise ValueError("Expected boolean argument. Got: {}.".format(type(value)))
        self._track_higher_grads = value

    def parameters(self, recurse=True, time=None):
        """An iterator over the fast weights: the newest, or those after ``time`` updates."""
        if self._root_ref is not None:
            return super().parameters(recurse)
        if self._fast_params is None:
            raise Exception(
                "Tried to get fast weights of a monkey patched module which does not encapsulate fast weights."
            )
        if not recurse:
            warnings.warn(
                "Calling parameters with recurse=False on a monkey patched module still returns all the fast weights "
                "of of nested patched modules."
            )
        time = -1 if time is None else time
        if not self.track_higher_grads and time not in (-1, 0):
            raise ValueError(
                "The patched model is not tracking higher gradients. Only the latest parameters are available."
            )
        return iter(self._fast_params[time])

    def update_params(self, params):
        """Makes ``params`` (one tensor for each of the module's parameters) the newest weights."""
        params = list(params)
        self.fast_params = params
        for node, names, positions in self._slots:
            for name, position in zip(names, positions):
                node._parameters[name] = params[position]
            flat = node.__dict__.get("_flat_weights_names")
            if flat is not None:  # recurrent modules keep a list of their weights beside
                node.__dict__["_flat_weights"] = [node._parameters[n] for n in flat]

    def __setattr__(self, name, value):
        slots = self.__dict__.get("_positions")
        if slots is not None and name in slots:
            if not isinstance(value, torch.Tensor):
                raise TypeError("Require Tensor as fast weights. Got {}".format(type(value).__name__))
            root = self.root
            if root._fast_params is None:
                raise Exception(
                    "Cannot assign parameters to patched module which does not have implicit fast parameters."
                )
            params = root.fast_params[:]
            params[slots[name]] = value
            root.update_params(params)
        elif isinstance(value, torch.nn.Parameter) or isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


_MonkeyPatchBase = FunctionalModule


def _no_flattening(self):
    """Fast weights stay where they are."""


def _view_class(kind, root):
    """The subclass of module class ``kind`` for roots, or for inner nodes, of views."""
    made = _views.setdefault(kind, {})
    view = made[root]() if root in made else None
    if view is None:
        name = ("Functional" if root else "InnerFunctional") + kind.__name__
        body = {"__module__": kind.__module__, "_wrapped_name": kind.__name__}
        if hasattr(kind, "flatten_parameters"):
            body["flatten_parameters"] = _no_flattening
        view = type(name, (FunctionalModule, kind), body)
        made[root] = weakref.ref(view)
    return view


def _mirror(module, root, made, order, slots):
    """The view of ``module``; ``order`` maps the ids of parameters to their positions."""
    if isinstance(module, FunctionalModule):
        raise ValueError(
            "Monkey-patching monkey-patched modules is untested uncharted territory, so we're going to assume it's done "
            "in error. If you are doing this intentionally and need this to be supported, contact the developers of "
            "this library."
        )
    if id(module) in made:  # registered in more than one place
        return made[id(module)]
    node = object.__new__(_view_class(type(module), root is None))
    made[id(module)] = node
    inside = node.__dict__
    for name, value in module.__dict__.items():
        hooks = name.startswith("_") and "hooks" in name and isinstance(value, dict)
        inside[name] = OrderedDict() if hooks else value  # hooks belong to the module and stay with it
    own = [name for name, p in module._parameters.items() if p is not None]
    inside["_parameters"] = OrderedDict(
        (name, None if p is None else ParameterPlaceholder(name)) for name, p in module._parameters.items()
    )
    inside["_buffers"] = OrderedDict(module._buffers)
    inside["_modules"] = OrderedDict()
    inside["_root_ref"] = None if root is None else weakref.ref(root)
    inside["_fast_params"] = None
    inside["_track_higher_grads"] = True
    inside["_positions"] = {}
    for name in own:
        inside["_positions"][name] = order.setdefault(id(module._parameters[name]), len(order))
    slots.append((node, own, [inside["_positions"][name] for name in own]))
    for name, child in module._modules.items():
        inside["_modules"][name] = None if child is None else _mirror(
            child, node if root is None else root, made, order, slots
        )
    return node


def make_functional(module, encapsulator=None):
    """A functional view of ``module`` without weights of its own: call it with ``params=[...]``.

    Args:
        encapsulator: called with the view and the module, for instance to give it weights.
    """
    slots = []
    view = _mirror(module, None, {}, {}, slots)
    view.__dict__["_slots"] = slots
    if encapsulator is not None:
        encapsulator(view, module)
    return view


def buffer_sync(module, fmodule, device=None):
    """Copies the module's buffers into its view."""
    for name, value in module._buffers.items():
        fmodule._buffers[name] = utils.copied(value, device) if isinstance(value, torch.Tensor) else value
    for name, child in module._modules.items():
        if name not in fmodule._modules:
            raise KeyError("Did not find expected submodule {} of monkey-patched module {}.".format(name, fmodule))
        if child is not None:
            buffer_sync(child, fmodule._modules[name], device)


def monkeypatch(module, device=None, copy_initial_weights=True, track_higher_grads=True):
    """A functional view of ``module`` that holds fast weights, which start as the module's parameters.

    See :func:`martlet.higher.innerloop_ctx` for the arguments.
    """

    def fill(view, original):
        if copy_initial_weights:
            params = utils.get_func_params(original, device=device)
        else:
            params = [p.clone() if device is None else p.clone().to(device) for p in original.parameters()]
        buffer_sync(original, view, device)
        view.update_params(params)

    view = make_functional(module, encapsulator=fill)
    view.track_higher_grads = track_higher_grads
    return view
