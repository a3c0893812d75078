"""Norms of rows and distances between rows."""
from __future__ import annotations

import martlet as mt


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """``input`` over its p-norm along ``dim``, which counts as at least ``eps``."""
    denominator = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input / denominator if out is None else mt.div(input, denominator, out=out)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 · x2 / (max(|x1|, eps) max(|x2|, eps)) along ``dim``; the shapes broadcast."""
    dtype = mt.promote_types(x1.dtype, x2.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = mt.get_default_dtype()
    x1, x2 = x1.to(dtype), x2.to(dtype)
    if tuple(x1.shape) != tuple(x2.shape):
        x1, x2 = mt.broadcast_tensors(x1, x2)
    n1 = x1.norm(2, dim, keepdim=True).clamp_min(eps)
    n2 = x2.norm(2, dim, keepdim=True).clamp_min(eps)
    return ((x1 / n1) * (x2 / n2)).sum(dim)


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)
