"""Functions that move pixels: shuffles and sliding blocks."""
from __future__ import annotations

import martlet as mt

from .. import functional as F
from .._common import ntuple


def pixel_shuffle(input, upscale_factor):
    """(*, C r², H, W) to (*, C, H r, W r)."""
    r = upscale_factor
    if input.dim() < 3:
        raise RuntimeError("pixel_shuffle expects input to have at least 3 dimensions, but got input with "
                           f"{input.dim()} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r) != 0:
        raise RuntimeError("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                           f"upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}")
    n = len(lead)
    blocks = input.reshape(*lead, channels // (r * r), r, r, height, width)
    return blocks.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2).reshape(
        *lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input, downscale_factor):
    """(*, C, H r, W r) to (*, C r², H, W)."""
    r = downscale_factor
    if input.dim() < 3:
        raise RuntimeError("pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
                           f"{input.dim()} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    for name, index, size in (("height", 2, height), ("width", 1, width)):
        if size % r != 0:
            raise RuntimeError(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                               f"input.size(-{index})={size} is not divisible by {r}")
    n = len(lead)
    blocks = input.reshape(*lead, channels, height // r, r, width // r, r)
    return blocks.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3).reshape(
        *lead, channels * r * r, height // r, width // r)


def channel_shuffle(input, groups):
    """(N, C, *) with the channels of the groups interleaved."""
    if input.dim() < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    batch, channels = input.shape[:2]
    if channels % groups != 0:
        raise RuntimeError("Number of channels must be divisible by groups. Got "
                           f"{channels} channels and {groups} groups.")
    return input.reshape(batch, groups, channels // groups, -1).transpose(1, 2).reshape(input.shape)


native_channel_shuffle = channel_shuffle


def _windows(size, kernel, dilation, padding, stride):
    """How many windows fit in each dimension."""
    return [(s + 2 * p - d * (k - 1) - 1) // t + 1
            for s, k, d, p, t in zip(size, kernel, dilation, padding, stride)]


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The sliding blocks of (N, C, H, W) or (C, H, W) as columns: (N, C kh kw, L)."""
    kernel, dilation, padding, stride = (ntuple(v, 2) for v in (kernel_size, dilation, padding, stride))
    if input.dim() not in (3, 4):
        raise RuntimeError("Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
                           f"dimensions for input, but got: {list(input.shape)}")
    single = input.dim() == 3
    x = input.unsqueeze(0) if single else input
    batch, channels = x.shape[:2]
    rows, columns = _windows(x.shape[2:], kernel, dilation, padding, stride)
    if rows < 1 or columns < 1:
        raise RuntimeError(f"Given input with spatial size ({x.size(2)}, {x.size(3)}), kernel_size={kernel}, "
                           f"dilation={dilation}, padding={padding}, calculated shape of the array of sliding blocks "
                           f"as ({rows}, {columns}), but its components must be at least one.")
    if any(padding):
        x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    for i in (0, 1):
        x = x.unfold(2 + i, dilation[i] * (kernel[i] - 1) + 1, stride[i])
    x = x[..., ::dilation[0], ::dilation[1]]
    x = x.permute(0, 1, 4, 5, 2, 3).reshape(batch, channels * kernel[0] * kernel[1], rows * columns)
    return x.squeeze(0) if single else x


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Sum columns (N, C kh kw, L) or (C kh kw, L) back into (N, C, *output_size): the adjoint of unfold."""
    size, kernel, dilation, padding, stride = (
        ntuple(v, 2) for v in (output_size, kernel_size, dilation, padding, stride))
    if input.dim() not in (2, 3):
        raise RuntimeError("Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
                           f"dimensions for input, but got: {list(input.shape)}")
    single = input.dim() == 2
    x = input.unsqueeze(0) if single else input
    area = kernel[0] * kernel[1]
    if x.size(1) % area != 0:
        raise RuntimeError("Expected size of input's dimension 1 to be divisible by the product of kernel_size, but "
                           f"got input.size(1)={x.size(1)} and kernel_size={kernel}.")
    rows, columns = _windows(size, kernel, dilation, padding, stride)
    if x.size(2) != rows * columns:
        raise RuntimeError(f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
                           f"stride={stride}, expected size of input's dimension 2 to match the calculated number of "
                           f"sliding blocks {rows} * {columns} = {rows * columns}, but got input.size(2)={x.size(2)}.")
    batch, channels = x.size(0), x.size(1) // area
    height, width = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    positions = mt.arange(height * width).view(1, 1, height, width)
    places = unfold(positions, kernel, dilation, 0, stride).reshape(-1)
    image = mt.zeros(batch * channels, height * width, dtype=x.dtype)
    image = image.index_add(1, places, x.reshape(batch * channels, area * rows * columns))
    image = image.view(batch, channels, height, width)
    image = image[:, :, padding[0]:padding[0] + size[0], padding[1]:padding[1] + size[1]]
    return image.squeeze(0) if single else image


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The older name of interpolate."""
    return F.interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """interpolate in mode "nearest"."""
    return F.interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """interpolate in mode "bilinear" with aligned corners."""
    return F.interpolate(input, size, scale_factor, "bilinear", True)
