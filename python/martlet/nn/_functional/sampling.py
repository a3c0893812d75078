"""Sampling images at the points of a grid, and the grids of affine maps."""
from __future__ import annotations

import itertools

import martlet as mt


def affine_grid(theta, size, align_corners=None):
    """The grid (N, H, W, 2) at which the affine maps ``theta`` (N, 2, 3) sample an output of ``size`` (N, C, H, W);
    likewise (N, D, H, W, 3) from (N, 3, 4)."""
    n = len(size) - 2
    if n not in (2, 3) or theta.dim() != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {tuple(size)}. "
                         f"Got {theta.shape}.")
    spatial = list(size[2:])
    axes = []
    for i, steps in enumerate(spatial):
        line = mt.linspace(-1, 1, steps, dtype=theta.dtype) if steps > 1 else mt.zeros(1, dtype=theta.dtype)
        if not align_corners and steps > 1:
            line = line * (steps - 1) / steps
        axes.append(line.view([-1 if j == i else 1 for j in range(n)]).expand(spatial))
    base = mt.stack([*reversed(axes), mt.ones(spatial, dtype=theta.dtype)], -1)
    return base.view(1, -1, n + 1).matmul(theta.transpose(1, 2)).view(size[0], *spatial, n)


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Values of (N, C, H, W) at the points of ``grid`` (N, Ho, Wo, 2), whose (x, y) run from -1 to 1; likewise in 3-D.

    Modes "bilinear" (trilinear in 3-D), "nearest" and "bicubic" (not in 3-D); padding "zeros",
    "border" or "reflection".
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
                         f"'{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
                         f"'reflection', but got: '{padding_mode}'")
    n = input.dim() - 2
    if n not in (2, 3) or grid.dim() != n + 2:
        raise RuntimeError("grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got "
                           f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}")
    if grid.size(0) != input.size(0):
        raise RuntimeError("grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
                           f"{list(input.shape)} and grid with sizes {list(grid.shape)}")
    if grid.size(-1) != n:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {n} in last dimension, but got grid with sizes "
                           f"{list(grid.shape)}")
    if mode == "bicubic" and n == 3:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    image = _Image(input, padding_mode, align_corners)
    # The grid names the last dimension first.
    positions = [image.position(grid[..., n - 1 - i], i) for i in range(n)]
    if mode == "bicubic":
        return _bicubic(image, positions)
    positions = [image.inside(p, i) for i, p in enumerate(positions)]
    if mode == "nearest":
        values = image.at([p.detach().round() for p in positions])
        if grid.requires_grad:  # whose gradient is zeros, with a history
            never = mt.tensor(False)
            for p in positions:
                values = mt.where(never, p.unsqueeze(1), values)
        return values
    floors = [p.detach().floor() for p in positions]
    parts = [(p - f).unsqueeze(1) for p, f in zip(positions, floors)]
    total = 0
    for corner in itertools.product((0, 1), repeat=n):
        value = image.at([f + step for f, step in zip(floors, corner)])
        for part, step in zip(parts, corner):
            value = value * (part if step else 1 - part)
        total = total + value
    return total


def _bicubic(image, positions):
    """Interpolation over 4 by 4 neighbours with the cubic kernel of a = -0.75, each neighbour padded by itself."""
    floors = [p.detach().floor() for p in positions]
    weights = [_cubic_weights((p - f).unsqueeze(1)) for p, f in zip(positions, floors)]
    total = 0
    for i in range(4):
        for j in range(4):
            places = [image.inside(floors[0] + (i - 1), 0), image.inside(floors[1] + (j - 1), 1)]
            total = total + image.at(places) * weights[0][i] * weights[1][j]
    return total


def _cubic_weights(t):
    """The weights of the neighbours at -1, 0, 1 and 2 for the fraction ``t``."""
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return far(t + 1), near(t), near(1 - t), far(2 - t)


class _Image:
    """The pixels of an input (N, C, *), by position along each spatial dimension."""

    def __init__(self, input, padding_mode, align_corners):
        self.sizes = tuple(input.shape[2:])
        self.flat = input.reshape(*input.shape[:2], -1)
        self.padding_mode = padding_mode
        self.align_corners = align_corners

    def position(self, coordinate, i):
        """Pixel positions along dimension ``i`` of coordinates in [-1, 1]."""
        size = self.sizes[i]
        if self.align_corners:
            return (coordinate + 1) / 2 * (size - 1)
        return ((coordinate + 1) * size - 1) / 2

    def inside(self, position, i):
        """``position`` along dimension ``i``, brought inside as the padding mode says."""
        size = self.sizes[i]
        if self.padding_mode == "border":
            return position.clamp(0, size - 1)
        if self.padding_mode == "reflection":
            low, span = (0.0, size - 1.0) if self.align_corners else (-0.5, float(size))
            if span == 0:
                return position * 0
            distance = (position - low).abs()
            flips = (distance.detach() / span).floor()
            rest = distance - flips * span
            return mt.where(flips % 2 == 0, rest + low, span - rest + low).clamp(0, size - 1)
        return position

    def at(self, places):
        """The pixels at whole positions, one tensor (N, *out) per dimension: (N, C, *out), 0 outside."""
        index, valid = 0, None
        for place, size in zip(places, self.sizes):
            index = index * size + place.clamp(0, size - 1).to(mt.int64)
            within = (place >= 0) & (place < size)
            valid = within if valid is None else valid & within
        batch, channels = self.flat.shape[:2]
        shape = (batch, channels, *index.shape[1:])
        index = index.reshape(batch, 1, -1).expand(batch, channels, -1)
        return self.flat.gather(2, index).view(shape) * valid.unsqueeze(1).to(self.flat.dtype)
