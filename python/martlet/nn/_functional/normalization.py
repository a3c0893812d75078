"""Normalisations composed of tensor operations."""
from __future__ import annotations

import martlet as mt

from .. import functional as F


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """``input`` over the root of its mean square over the last dimensions, times ``weight``; eps None is the dtype's."""
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
                           "element, but got normalized_shape = []")
    if weight is not None and tuple(weight.shape) != shape:
        raise RuntimeError("Expected weight to be of same shape as normalized_shape, but got weight of shape "
                           f"{list(weight.shape)} and normalized_shape = {list(shape)}")
    if tuple(input.shape[-len(shape):]) != shape:
        ends = ", ".join(str(n) for n in shape)
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape [*{ends}], but got "
                           f"input of size{list(input.shape)}")
    if eps is None:
        eps = mt.finfo(input.dtype).eps
    dims = tuple(range(-len(shape), 0))
    result = input * (input * input).mean(dims, keepdim=True).add(eps).rsqrt()
    return result if weight is None else result * weight


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-5):
    """Normalise each sample and channel of (N, C, *): batch norm with samples and channels taken together."""
    if use_input_stats:
        spatial = 1
        for n in input.shape[2:]:
            spatial *= n
        if spatial == 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.size()}")
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    batch, channels = input.shape[:2]
    repeat = lambda t: None if t is None else t.repeat(batch)
    mean, var = repeat(running_mean), repeat(running_var)
    flat = input.reshape(1, batch * channels, *input.shape[2:])
    out = F.batch_norm(flat, mean, var, repeat(weight), repeat(bias), use_input_stats, momentum, eps)
    if use_input_stats:
        with mt.no_grad():
            for kept, seen in ((running_mean, mean), (running_var, var)):
                if kept is not None:
                    kept.copy_(seen.view(batch, channels).mean(0))
    return out.view(input.shape)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha m)^beta, m being the mean of squares over ``size`` neighbouring channels of (N, C, *)."""
    dim = input.dim()
    if dim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {dim} dimensions)")
    if input.numel() == 0:
        return input
    before, after = size // 2, (size - 1) // 2
    squares = (input * input).unsqueeze(1)
    if dim == 3:
        mean = F.avg_pool2d(F.pad(squares, (0, 0, before, after)), (size, 1), stride=1).squeeze(1)
    else:
        shape = input.size()
        squares = squares.view(shape[0], 1, shape[1], shape[2], -1)
        squares = F.pad(squares, (0, 0, 0, 0, before, after))
        mean = F.avg_pool3d(squares, (size, 1, 1), stride=1).squeeze(1).view(shape)
    return input / (mean * alpha + k).pow(beta)
