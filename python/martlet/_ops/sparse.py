"""Embeddings and sparse COO tensors."""
from . import finish, ints, op, optional_integer, real, table, wrap
from .._native import fail, lib

table("""
tm coalesce(input: T) = mt_coalesce
m  indices(input: T) = mt_indices
m  values(input: T) = mt_values
m  _indices(input: T) = mt_raw_indices
m  _values(input: T) = mt_raw_values
m  sparse_mask(input: T, mask: T) = mt_sparse_mask
""")


@op("m")
def to_dense(input, dtype=None, *, masked_grad=None):
    """The dense tensor, converted where `dtype` is given."""
    made = wrap(lib.mt_to_dense(input._h))
    return made if dtype is None else made.to(dtype)


@op("m")
def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """Sparse COO: entries that are not zero in the first `sparse_dim` dimensions (all by default)."""
    return wrap(lib.mt_to_sparse(input._h, optional_integer(sparse_dim, "to_sparse", "sparse_dim", 1)))


@op("m")
def to_sparse_coo(input):
    return to_sparse(input)


@op("m")
def is_coalesced(input):
    """Whether indices are sorted and without repeats."""
    known = lib.mt_is_coalesced(input._h)
    if known < 0:
        fail()
    return known == 1


@op("m")
def _nnz(input):
    """How many entries are stored."""
    count = lib.mt_nnz(input._h)
    if count < 0:
        fail()
    return count


@op("m")
def sparse_dim(input):
    return lib.mt_sparse_dim(input._h)


@op("m")
def dense_dim(input):
    return lib.mt_dense_dim(input._h)


@op("t")
def sparse_coo_tensor(*args, indices=None, values=None, size=None, dtype=None, device=None, pin_memory=False,
                      requires_grad=False, check_invariants=None, is_coalesced=None):
    """sparse_coo_tensor(indices, values, size=None) or sparse_coo_tensor(size): a sparse tensor in coordinate format."""
    from .. import tensor
    from .._types import default_dtype
    if len(args) == 1 and indices is None and values is None and size is None:
        size = args[0]
    elif args:
        given = [indices, values, size]
        given[:len(args)] = args
        indices, values, size = given
    if indices is None and values is None:
        if size is None:
            raise TypeError("sparse_coo_tensor() received an invalid combination of arguments")
        p, n = ints(size, "sparse_coo_tensor", "size", 1)
        made = wrap(lib.mt_sparse_coo_empty(p, n, (dtype or default_dtype())._code))
    else:
        indices = indices if hasattr(indices, "_h") else tensor(indices)
        values = values if hasattr(values, "_h") else tensor(values, dtype=dtype)
        if dtype is not None and values.dtype != dtype:
            values = values.to(dtype)
        p, n = (None, 0) if size is None else ints(size, "sparse_coo_tensor", "size", 3)
        if requires_grad:
            values = values.detach()
        made = wrap(lib.mt_sparse_coo_tensor(indices._h, values._h, p, n))
        if is_coalesced:
            made = made.coalesce()
    return finish(made, requires_grad, "sparse_coo_tensor")


@op("F")
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Rows of `weight` named by `input`; see mt_embedding."""
    if padding_idx is not None:
        rows = weight.size(0)
        if padding_idx > 0:
            assert padding_idx < rows, "Padding_idx must be within num_embeddings"
        elif padding_idx < 0:
            assert padding_idx >= -rows, "Padding_idx must be within num_embeddings"
            padding_idx += rows
    if max_norm is not None:
        rows_of = weight.detach()
        max_norm, norm_type = real(max_norm, "embedding_renorm_", "max_norm", 3), real(norm_type, "embedding_renorm_", "norm_type", 4)
        if lib.mt_embedding_renorm_(rows_of._h, input._h, max_norm, norm_type):
            fail()
    return wrap(lib.mt_embedding(
        weight._h, input._h, -9223372036854775808 if padding_idx is None else padding_idx,
        1 if scale_grad_by_freq else 0, 1 if sparse else 0))


@op("t", "embedding")
def _embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    return embedding(indices, weight, None if padding_idx < 0 else padding_idx, None, 2.0, scale_grad_by_freq, sparse)
