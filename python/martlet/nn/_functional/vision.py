"""Functions that move pixels: shuffles and sliding blocks."""
from __future__ import annotations

from .. import functional as F


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


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The older name of interpolate."""
    return F.interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """interpolate in mode "nearest"."""
    return F.interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """interpolate in mode "bilinear" with aligned corners."""
    return F.interpolate(input, size, scale_factor, "bilinear", True)
