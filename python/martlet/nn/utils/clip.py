"""Limits on gradients. ``foreach`` is accepted everywhere and changes nothing."""
from __future__ import annotations

import warnings

import martlet as mt
from martlet._native import require_all
from martlet._tensor import Tensor


def _tensors(given):
    return [given] if isinstance(given, Tensor) else list(given)


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The p-norm of all elements of all tensors: the norm of their norms, a 0-dim tensor."""
    tensors = _tensors(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return mt.tensor(0.0)
    total = mt.linalg.vector_norm(mt.stack([mt.linalg.vector_norm(t, norm_type) for t in tensors]), norm_type)
    if error_if_nonfinite:
        require_all(mt.isfinite(total), RuntimeError,
                    f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
                    "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
                    "`error_if_nonfinite=False`")
    return total


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale gradients in place by max_norm / (total_norm + 1e-6), if that is less than 1."""
    grads = [p.grad for p in _tensors(parameters) if p.grad is not None]
    if not grads:
        return
    scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    with mt.no_grad():
        for grad in grads:
            grad.mul_(scale)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale the gradients of ``parameters`` in place so that their total norm is at most ``max_norm``; gives that norm before."""
    parameters = _tensors(parameters)
    with mt.no_grad():
        grads = [p.grad for p in parameters if p.grad is not None]
        total = get_total_norm(grads, norm_type, error_if_nonfinite)
        clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The older spelling of clip_grad_norm_."""
    warnings.warn("torch.nn.utils.clip_grad_norm is now deprecated in favor of torch.nn.utils.clip_grad_norm_.",
                  FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Limit every element of the gradients to [-clip_value, clip_value], in place."""
    clip_value = float(clip_value)
    with mt.no_grad():
        for param in _tensors(parameters):
            if param.grad is not None:
                param.grad.clamp_(min=-clip_value, max=clip_value)
