"""Activations composed of tensor operations."""
from __future__ import annotations

import martlet as mt

from .. import functional as F


def sigmoid(input):
    """1 / (1 + exp(-x)), elementwise."""
    return input.sigmoid()


def tanh(input):
    """The hyperbolic tangent, elementwise."""
    return input.tanh()


def softsign(input):
    """x / (1 + |x|), elementwise."""
    return input / (input.abs() + 1)


def tanhshrink(input):
    """x - tanh(x), elementwise."""
    return input - input.tanh()


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """Jang et al. 2017: a sample of the relaxed categorical of ``logits``.

    With ``hard`` the value is one-hot and the gradient that of the soft sample.
    """
    noise = -mt.empty_like(logits).exponential_().log()
    soft = F.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    return mt.zeros_like(logits).scatter_(dim, index, 1.0) - soft.detach() + soft


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """rrelu in place."""
    return F.rrelu(input, lower, upper, training, inplace=True)
