"""From a list of samples to a batch."""
import collections.abc
import copy
import sys

import martlet as torch

_REFUSED = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _is_numpy(data):
    return type(data).__module__ == "numpy"


def _is_numpy_text(array):
    """Whether an array holds strings, bytes or objects, which tensors cannot."""
    return any(kind in array.dtype.str for kind in "SaUO")


def _tensors(batch, *, collate_fn_map=None):
    first = batch[0]
    if first.is_sparse:
        raise RuntimeError(
            "Batches of sparse tensors are not currently supported by the default collate_fn; "
            "please provide a custom collate_fn to handle them appropriately."
        )
    return torch.stack(list(batch), 0)


def _floats(batch, *, collate_fn_map=None):
    return torch.tensor(list(batch), dtype=torch.float64)


def _ints(batch, *, collate_fn_map=None):
    return torch.tensor(list(batch))


def _texts(batch, *, collate_fn_map=None):
    return batch


def _arrays(batch, collate_fn_map):
    if type(batch[0]).__name__ != "ndarray":  # scalars, whose dtype the batch keeps
        return torch.as_tensor(sys.modules["numpy"].array(list(batch)))
    if _is_numpy_text(batch[0]):
        raise TypeError(_REFUSED.format(batch[0].dtype))
    return collate([torch.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


#: How :func:`default_collate` joins each type; ``collate`` takes another such table.
default_collate_fn_map = {torch.Tensor: _tensors, float: _floats, int: _ints, str: _texts, bytes: _texts}


def collate(batch, *, collate_fn_map=None):
    """Joins samples: by the table for the first sample's type, and containers member by member.

    Raises:
        TypeError: a type that is neither in the table nor a container.
        RuntimeError: sequences of different lengths.
    """
    first = batch[0]
    kind = type(first)
    table = collate_fn_map or {}
    if kind in table:
        return table[kind](batch, collate_fn_map=collate_fn_map)
    if _is_numpy(first) and hasattr(first, "dtype") and not isinstance(first, (str, bytes)):
        if torch.Tensor in table:
            return _arrays(batch, collate_fn_map)
    for entry in table:
        if isinstance(first, entry):
            return table[entry](batch, collate_fn_map=collate_fn_map)

    def join(samples):
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, collections.abc.Mapping):
        return _like_mapping(first, {key: join([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(join(samples) for samples in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        joined = [join(samples) for samples in zip(*batch)]
        return joined if isinstance(first, tuple) else _like_sequence(first, joined)
    raise TypeError(_REFUSED.format(kind))


def _like_mapping(example, content):
    """``content`` in a mapping of the example's type where it can be made, else a dict."""
    try:
        if isinstance(example, collections.abc.MutableMapping):
            clone = copy.copy(example)
            clone.update(content)
            return clone
        return type(example)(content)
    except TypeError:
        return content


def _like_sequence(example, content):
    """``content`` in a sequence of the example's type where it can be made, else a list."""
    try:
        if isinstance(example, collections.abc.MutableSequence):
            clone = copy.copy(example)
            for i, value in enumerate(content):
                clone[i] = value
            return clone
        return type(example)(content)
    except TypeError:
        return content


def default_collate(batch):
    """Joins a list of samples into a batch.

    Tensors and arrays are stacked along a new first dimension; floats become a float64 tensor, ints
    and bools a tensor of theirs; strings stay a list; mappings, tuples, named tuples and lists are
    joined member by member (a tuple gives a list).
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data):
    """NumPy arrays and scalars in ``data``, at any depth, as tensors; everything else as it is."""
    if isinstance(data, torch.Tensor):
        return data
    if _is_numpy(data) and type(data).__name__ not in ("str_", "bytes_", "string_"):
        array = sys.modules["numpy"].asarray(data)  # keeps the dtype of scalars that are Python floats too
        return data if type(data).__name__ == "ndarray" and _is_numpy_text(data) else torch.as_tensor(array)
    if isinstance(data, collections.abc.Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(d) for d in data])
    return data
