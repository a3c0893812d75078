"""torch.sparse: products and sums of sparse COO tensors."""
from ._native import lib
from ._ops import ints as _ints, wrap as _wrap


def mm(mat1, mat2):
    """The product of a sparse matrix and a dense or sparse one; the gradient of a sparse factor is sparse."""
    return _wrap(lib.mt_sparse_mm(mat1._h, mat2._h))


def sum(input, dim=None, dtype=None):
    """The sum over all dimensions, or over some: then sparse, while a sparse dimension is left."""
    if dtype is not None:
        input = input.to(dtype)
    p, n = (None, 0) if dim is None else _ints(dim, "sum", "dim", 2)
    return _wrap(lib.mt_sparse_sum(input._h, p, n))


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2) for a sparse mat1."""
    return mat.addmm(mat1, mat2, beta=beta, alpha=alpha)
