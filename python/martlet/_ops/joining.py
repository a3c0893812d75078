"""Putting tensors together."""
from . import op, resolve, table

table("""
t  cat(tensors: Ts, dim: int=0) = mt_cat
t  concat(tensors: Ts, dim: int=0) = mt_cat
t  concatenate(tensors: Ts, dim: int=0) = mt_cat
t  stack(tensors: Ts, dim: int=0) = mt_stack
""")


def _several(name, one):
    def make(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            return tuple(one(t) for t in tensors[0])
        return one(tensors[0]) if len(tensors) == 1 else tuple(one(t) for t in tensors)
    make.__name__ = name
    make.__doc__ = f"At least {name[8]} dimension(s), adding ones of size one."
    op("t", name)(make)
    return make


atleast_1d = _several("atleast_1d", lambda t: t if t.dim() else t.reshape(1))
atleast_2d = _several("atleast_2d", lambda t: t if t.dim() > 1 else t.reshape(1, -1) if t.dim() == 0 else t.unsqueeze(0))
atleast_3d = _several("atleast_3d", lambda t: t if t.dim() > 2 else t.reshape(1, -1, 1) if t.dim() < 2 else t.unsqueeze(-1))


def _joined(tensors, name):
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return list(tensors)


@op("t")
def hstack(tensors):
    """Joined along the second dimension (the first for vectors)."""
    t = [atleast_1d(x) for x in _joined(tensors, "hstack")]
    return cat(t, 0 if t[0].dim() == 1 else 1)


@op("t")
def vstack(tensors):
    """Joined along the first dimension, vectors as rows."""
    return cat([atleast_2d(x) for x in _joined(tensors, "vstack")], 0)


op("t", "row_stack")(vstack)


@op("t")
def dstack(tensors):
    """Joined along the third dimension."""
    return cat([atleast_3d(x) for x in _joined(tensors, "dstack")], 2)


@op("t")
def column_stack(tensors):
    """Vectors as columns, joined along the second dimension."""
    return cat([x.reshape(-1, 1) if x.dim() < 2 else x for x in _joined(tensors, "column_stack")], 1)


def cat(tensors, dim):
    return resolve("t", "cat")(tensors, dim)


@op("t")
def meshgrid(*tensors, indexing="ij"):
    """Coordinate grids of vectors."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    if not len(tensors):
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t.dim() > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.tolist()}")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}")
    tensors = list(tensors)
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors[0], tensors[1] = tensors[1], tensors[0]
    shape = [t.numel() for t in tensors]
    grids = [t.reshape([-1 if i == k else 1 for k in range(len(shape))]).expand(shape) for i, t in enumerate(tensors)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@op("t")
def cartesian_prod(*tensors):
    """Every choice of one element from each vector, a row each."""
    for t in tensors:
        if t.dim() != 1:
            raise RuntimeError("Expect a 1D vector, but got shape " + str(list(t.shape)))
    if len(tensors) == 1:
        return tensors[0]
    return resolve("t", "stack")([grid.reshape(-1) for grid in meshgrid(*tensors)], 1)


@op("t")
def combinations(input, r=2, with_replacement=False):
    """Every choice of `r` elements of a vector, in order, a row each."""
    from itertools import combinations, combinations_with_replacement
    if input.dim() != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = combinations_with_replacement if with_replacement else combinations
    from .. import _creation, _types
    rows = list(choose(range(input.numel()), r))
    columns = [_creation.tensor([row[k] for row in rows], dtype=_types.int64) for k in range(r)]
    return resolve("t", "stack")([input.index_select(0, column) for column in columns], 1)


@op("t")
def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape."""
    from .. import broadcast_shapes
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    shape = ()
    for t in tensors:
        try:
            shape = broadcast_shapes(shape, t.shape)
        except RuntimeError:
            raise RuntimeError(f"The size of tensor a ({shape[-1]}) must match the size of tensor b ({t.shape[-1]}) at non-singleton dimension {max(len(shape), t.dim()) - 1}") from None
    return tuple(t.expand(shape) for t in tensors)


@op("t")
def block_diag(*tensors):
    """Matrices placed along the diagonal of a larger one."""
    rows = [atleast_2d(t) for t in tensors] or [resolve("t", "empty")(1, 0)]
    width = sum(t.size(1) for t in rows)
    out, at = [], 0
    for t in rows:
        left, right = t.new_zeros(t.size(0), at), t.new_zeros(t.size(0), width - at - t.size(1))
        out.append(cat([left, t, right], 1))
        at += t.size(1)
    return cat(out, 0)
