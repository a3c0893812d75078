"""Power-average pooling, and the inverse of maximum pooling."""
from __future__ import annotations

import martlet as mt

from .. import functional as F
from .._common import ntuple


def _lp_pool(pool, n, input, norm_type, kernel_size, stride, ceil_mode):
    count = 1
    for k in ntuple(kernel_size, n):
        count *= k
    mean = pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (mean.sign() * F.relu(mean.abs())).mul(count).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, L)."""
    return _lp_pool(F.avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, H, W)."""
    return _lp_pool(F.avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, D, H, W)."""
    return _lp_pool(F.avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)


def _max_unpool(n, input, indices, kernel_size, stride, padding, output_size):
    kernel = ntuple(kernel_size, n)
    stride = ntuple(stride if stride is not None else kernel, n)
    padding = ntuple(padding, n)
    if indices.dtype != mt.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if input.shape != indices.shape:
        raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) "
                           f"but got indices tensor with shape: {list(indices.shape)}")
    spatial = input.shape[-n:]
    default = [(spatial[i] - 1) * stride[i] + kernel[i] - 2 * padding[i] for i in range(n)]
    if output_size is None:
        size = default
    else:
        size = list(output_size)[-n:]
        for i in range(n):
            low, high = default[i] - stride[i], default[i] + stride[i]
            if not low < size[i] < high:
                raise ValueError(f"invalid output_size {tuple(size)} (dim {i} must be between {low} and {high})")
    leading = list(input.shape[:-n])
    total = 1
    for s in size:
        total *= s
    rows = [*leading, -1]
    flat = mt.zeros([*leading, total], dtype=input.dtype)
    return flat.scatter(-1, indices.reshape(rows), input.reshape(rows)).reshape([*leading, *size])


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put maxima back where ``indices`` of max_pool1d say, zeros elsewhere."""
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put maxima back where ``indices`` of max_pool2d say, zeros elsewhere."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Put maxima back where ``indices`` of max_pool3d say, zeros elsewhere."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
