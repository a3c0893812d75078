"""Small helpers for nested structures and parameter lists."""
import martlet as torch

_CONTAINERS = (list, tuple, dict, set)


def is_container(x):
    """Whether x is a list, tuple, dict or set."""
    return isinstance(x, _CONTAINERS)


def recursive_map(x, function):
    """The same nest of containers with ``function`` applied to everything that is not a container."""
    if isinstance(x, dict):
        return type(x)({key: recursive_map(value, function) for key, value in x.items()})
    if is_container(x):
        return type(x)([recursive_map(value, function) for value in x])
    return function(x)


def flatten(x):
    """Everything in a nest of containers that is not a container, as a flat list (of dicts the values)."""
    if isinstance(x, dict):
        x = list(x.values())
    if is_container(x):
        return [leaf for part in x for leaf in flatten(part)]
    return [x]


def copied(tensor, device=None, safe_copy=True):
    """A leaf with the tensor's values (shared unless ``safe_copy``) and its ``requires_grad``."""
    out = (tensor.clone().detach() if safe_copy else tensor.detach()).requires_grad_(tensor.requires_grad)
    return out if device is None else out.to(device)


def copy_and_cast(x, device=None):
    """Tensors at any depth replaced by detached copies."""
    return recursive_map(x, lambda v: copied(v, device) if isinstance(v, torch.Tensor) else v)


def get_func_params(module, device=None, safe_copy=True):
    """The module's parameters as a list of new leaves, for use as initial fast weights."""
    return [copied(p, device, safe_copy) for p in module.parameters()]


def index_of(tensor, tensors):
    """The position of this very tensor in a list, or None."""
    for i, candidate in enumerate(tensors):
        if candidate is tensor:
            return i
    return None
