"""Local response normalisation."""
from __future__ import annotations

from .. import functional as F


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
