"""embedding_bag."""
from __future__ import annotations

import martlet as mt

from ..._native import fail, lib
from ..._ops import real, wrap


def embedding_bag(input, weight, offsets=None, max_norm=None, norm_type=2, scale_grad_by_freq=False, mode="mean",
                  sparse=False, per_sample_weights=None, include_last_offset=False, padding_idx=None):
    """Sum, mean or maximum of rows of ``weight`` over bags of indices.

    ``input`` is (B, N), a bag per row, or (N) with the start of each bag in ``offsets`` (B).
    ``per_sample_weights``, of the shape of ``input``, scales rows in mode "sum". Gives (B, D).
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None:
        if per_sample_weights.shape != input.shape:
            raise ValueError(f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, "
                             f"then it must have the same shape as the input ({tuple(input.shape)})")
        if mode != "sum":
            raise NotImplementedError("embedding_bag: per_sample_weights was not None. per_sample_weights is only "
                                      f"supported for mode='sum' (got mode='{mode}'). Please open a feature request "
                                      "on GitHub.")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
                             "fixed length sequences. However, found offsets of type " + type(offsets).__name__)
        offsets = mt.arange(0, input.numel(), input.size(1)) if input.numel() else mt.zeros(input.size(0), dtype=mt.int64)
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.size(0)

    if max_norm is not None:
        table = weight.detach()
        max_norm, norm_type = real(max_norm, "embedding_renorm_", "max_norm", 3), real(norm_type, "embedding_renorm_", "norm_type", 4)
        if lib.mt_embedding_renorm_(table._h, input._h, max_norm, norm_type):
            fail()
    return wrap(lib.mt_embedding_bag(
        weight._h, input._h, offsets._h, ("sum", "mean", "max").index(mode), 1 if scale_grad_by_freq else 0,
        1 if sparse else 0, None if per_sample_weights is None else per_sample_weights._h,
        1 if include_last_offset else 0, -9223372036854775808 if padding_idx is None else padding_idx))
