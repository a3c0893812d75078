"""embedding_bag."""
from __future__ import annotations

import martlet as mt

from .. import functional as F


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
        bags, size = input.shape
        starts = [i * size for i in range(bags)]
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        starts = offsets.tolist()
        if starts and starts[0] != 0:
            raise RuntimeError(f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                               f"from position 0. However, got {starts[0]}")
        if include_last_offset:
            starts = starts[:-1]
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if padding_idx is not None and padding_idx < 0:
        padding_idx += weight.size(0)

    rows = F.embedding(input, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    ends = starts[1:] + [input.size(0)]
    bag_of = mt.tensor([bag for bag, (a, b) in enumerate(zip(starts, ends)) for _ in range(a, b)], dtype=mt.int64)
    if padding_idx is not None:
        kept = (input != padding_idx).nonzero().squeeze(1)
        rows, bag_of = rows.index_select(0, kept), bag_of.index_select(0, kept)
    if mode == "max":
        return _bag_maxima(rows, bag_of.tolist(), len(starts))
    total = mt.zeros(len(starts), weight.size(1), dtype=rows.dtype).index_add(0, bag_of, rows)
    if mode == "sum":
        return total
    count = mt.zeros(len(starts), dtype=rows.dtype).index_add(0, bag_of, mt.ones(bag_of.size(0), dtype=rows.dtype))
    return total / count.clamp_min(1).unsqueeze(1)


def _bag_maxima(rows, bag_of, bags):
    """The columnwise maxima of each bag's rows; an empty bag gives zeros."""
    members = [[] for _ in range(bags)]
    for row, bag in enumerate(bag_of):
        members[bag].append(row)
    empty = mt.zeros(rows.size(1), dtype=rows.dtype)
    return mt.stack([rows.index_select(0, mt.tensor(own)).max(0)[0] if own else empty for own in members], 0)
