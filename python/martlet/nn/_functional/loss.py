"""Losses composed of tensor operations. ``reduction`` is "mean", "sum" or "none"."""
from __future__ import annotations

import math

import martlet as mt
from martlet._native import require_all
from martlet._tensor import Tensor

from .. import functional as F
from .._common import reduction_name
from .distance import pairwise_distance


def _reduce(loss, reduction):
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction")


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -y (x1 - x2) + margin), y being 1 or -1."""
    reduction = reduction_name(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: "
                           f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} ")
    return _reduce((-target * (input1 - input2) + margin).clamp_min(0), reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """x where y = 1, max(0, margin - x) where y = -1."""
    reduction = reduction_name(size_average, reduce, reduction)
    zero = mt.zeros_like(input)
    far = mt.where(target != 1, (margin - input).clamp_min(0), zero)
    near = mt.where(target != -1, input, zero)
    return _reduce(far + near, reduction)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos(x1, x2) where y = 1, max(0, cos - margin) where y = -1; rows of (N, D), or (D) with a 0-dim y."""
    reduction = reduction_name(size_average, reduce, reduction)
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    dims = target.dim() + 1
    if input1.dim() != dims or input2.dim() != dims:
        raise RuntimeError(f"{target.dim()}D target tensor expects {dims}D input tensors, but found inputs with "
                           f"sizes {list(input1.size())} and {list(input2.size())}.")
    tiny = 1e-12
    product = (input1 * input2).sum(-1)
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cos = product / squares.sqrt()
    zero = mt.zeros_like(cos)
    near = mt.where(target == 1, 1 - cos, zero)
    far = mt.where(target == -1, (cos - margin).clamp_min(0), zero)
    return _reduce(near + far, reduction)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-y x)), y being 1 or -1."""
    return _reduce((-target * input).exp().log1p(), reduction_name(size_average, reduce, reduction))


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
                        reduce=None, reduction="mean"):
    """max(0, |a - p| - |a - n| + margin); with ``swap`` |p - n| serves where it is less than |a - n|."""
    reduction = reduction_name(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of "
                           f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative "
                           f"{negative.dim()}D inputs")
    return _triplet(anchor, positive, negative, lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, reduction)


def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False,
                                      reduction="mean"):
    """triplet_margin_loss under ``distance_function(x, y)``, pairwise_distance when None."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplet(anchor, positive, negative, distance, margin, swap, reduction):
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = mt.minimum(far, distance(positive, negative))
    return _reduce((margin + near - far).clamp_min(0), reduction)


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
                     reduction="mean"):
    """exp(x) - y x, or with ``log_input=False`` x - y log(x + eps); ``full`` adds Stirling's term where y > 1."""
    reduction = reduction_name(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduce(loss, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log v + (x - y)² / v) / 2, v being ``var`` (a tensor or a number) and at least ``eps``; ``full`` adds log(2π)/2.

    ``var`` has the shape of ``input``, or lacks its last dimension or has 1 there.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * mt.ones_like(input)
    else:
        require_all(~(var < 0), ValueError, "var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1):
            if input.dim() != var.dim() or [b for a, b in zip(input.size(), var.size()) if a != b] != [1]:
                raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    with mt.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce(loss, reduction)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Binary cross entropy with logits, averaged over the last dimension."""
    reduction = reduction_name(size_average, reduce, reduction)
    loss = -(target * F.logsigmoid(input) + (1 - target) * F.logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduce(loss.sum(-1) / input.size(-1), reduction)


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None,
                      reduction="mean"):
    """Mean over the other classes of max(0, margin - x[y] + x[i])^p, times weight[y]: (N, C) and (N), or (C) and ()."""
    reduction = reduction_name(size_average, reduce, reduction)
    if p != 1 and p != 2:
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    single = input.dim() < 2
    rows = input.reshape(1, -1) if single else input
    index = target.reshape(-1, 1)
    hinge = (margin - rows.gather(1, index) + rows).clamp_min(0)
    if p == 2:
        hinge = hinge * hinge
    if weight is not None:
        hinge = hinge * weight.index_select(0, index.squeeze(1)).unsqueeze(1)
    own = mt.zeros_like(hinge).scatter_(1, index, 1).to(mt.bool)
    loss = hinge.masked_fill(own, 0).sum(1) / rows.size(1)
    return _reduce(loss.squeeze(0) if target.dim() == 0 else loss, reduction)


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Sum over targets y and other classes i of max(0, 1 - (x[y] - x[i])), over C; a row's targets end at its first -1."""
    reduction = reduction_name(size_average, reduce, reduction)
    single = input.dim() < 2
    if input.dim() > 2 or (input.numel() == 0 and (single or input.size(1) == 0)):
        raise RuntimeError("Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
                           f"{list(input.shape)}")
    if input.shape != target.shape:
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    rows, labels = (input.reshape(1, -1), target.reshape(1, -1)) if single else (input, target)
    valid = (labels < 0).cumsum(1) == 0
    index = labels.masked_fill(~valid, 0)
    is_target = mt.zeros(rows.shape, dtype=mt.int64).scatter_add_(1, index, valid.to(mt.int64)) > 0
    picked = rows.gather(1, index)
    hinge = (1 - (picked.unsqueeze(2) - rows.unsqueeze(1))).clamp_min(0)
    hinge = hinge.masked_fill(~valid.unsqueeze(2) | is_target.unsqueeze(1), 0)
    loss = hinge.sum((1, 2)) / rows.size(1)
    return _reduce(loss.squeeze(0) if single else loss, reduction)
