"""Sequences of unequal length: padding and packing."""
from __future__ import annotations

from collections import namedtuple

import martlet as mt
from martlet._tensor import Tensor


class PackedSequence(namedtuple("PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])):
    """Sequences laid out step by step: the elements of step t of all that reach it, then step t + 1, ...

    ``data`` (total, *), ``batch_sizes`` the number of sequences alive at each step, and the two
    permutations between the caller's order and that of decreasing length (None when they agree).
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The same with ``data`` converted as by Tensor.to."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self):
        """On the CPU."""
        return self

    def double(self):
        """With float64 data."""
        return self.to(dtype=mt.float64)

    def float(self):
        """With float32 data."""
        return self.to(dtype=mt.float32)

    @property
    def is_cuda(self):
        """Whether the data is on a CUDA device."""
        return False


def invert_permutation(permutation):
    """The inverse of a 1-D permutation tensor; None of None."""
    if permutation is None:
        return None
    output = mt.empty_like(permutation)
    output.scatter_(0, permutation, mt.arange(0, permutation.numel()))
    return output


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Stack (Li, *) tensors into (max L, N, *), or (N, max L, *), filling up with ``padding_value``."""
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"padding_side should be 'left' or 'right', but got {padding_side!r}")
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not hasattr(sequences, "__iter__"):
        raise RuntimeError("pad_sequence: Expected iterable for input sequences, but got arg of type: "
                           f"{type(sequences)}")
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.size(0) for s in sequences)
    rows = []
    for s in sequences:
        short = longest - s.size(0)
        if short:
            fill = mt.full([short, *s.shape[1:]], padding_value, dtype=s.dtype)
            s = mt.cat([s, fill] if padding_side == "right" else [fill, s], 0)
        rows.append(s)
    return mt.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The list of (Li, *) tensors that pad_sequence stacked."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:int(n)] for row, n in zip(padded_sequences.unbind(0), _ints(lengths))]


def _ints(lengths):
    return lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack (L, N, *), or (N, L, *), whose sequences have these lengths (decreasing, unless enforce_sorted is False)."""
    lengths = _ints(lengths)
    if batch_first:
        input = input.transpose(0, 1)
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(lengths) != input.size(1):
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} "
                           f"(batch_size={input.size(1)})")
    sorted_indices = None
    if not enforce_sorted:
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        sorted_indices = mt.tensor(order)
        lengths = [lengths[i] for i in order]
        input = input.index_select(1, sorted_indices)
    if lengths[-1] <= 0 or min(lengths) <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that "
                           "is <= 0")
    if any(a < b for a, b in zip(lengths, lengths[1:])):
        raise RuntimeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can "
                           "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
                           "requirement if you do not need ONNX exportability.")
    if lengths[0] > input.size(0):  # what PyTorch reads then is no part of the input
        raise RuntimeError(f"Expected lengths of at most {input.size(0)}, the input's, but got {lengths[0]}")
    batch_sizes = [sum(n > t for n in lengths) for t in range(lengths[0])]
    data = mt.cat([input[t, :alive] for t, alive in enumerate(batch_sizes)], 0)
    return PackedSequence(data, mt.tensor(batch_sizes), sorted_indices, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """The padded (L, N, *), or (N, L, *), of a PackedSequence, and the lengths as an int64 tensor."""
    sizes = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but "
                             f"got total_length={total_length} and max sequence length being {steps}")
        steps = total_length
    data, batch = sequence.data, sizes[0]
    rows = []
    for row in data.split(sizes, 0):
        short = batch - row.size(0)
        if short:
            row = mt.cat([row, mt.full([short, *data.shape[1:]], padding_value, dtype=data.dtype)], 0)
        rows.append(row)
    rows += [mt.full([batch, *data.shape[1:]], padding_value, dtype=data.dtype)] * (steps - len(sizes))
    padded = mt.stack(rows, 0)
    lengths = mt.tensor([sum(alive > i for alive in sizes) for i in range(batch)])
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices)
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of (Li, *) tensors."""
    return pack_padded_sequence(pad_sequence(sequences), [s.size(0) for s in sequences],
                                enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The list of (Li, *) tensors of a PackedSequence."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
