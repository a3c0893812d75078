"""Linear algebra: torch.linalg and the older names of its operations."""
from . import T as _T, linalg as _L, named_result, op, plain_number, store, table, type_name, wrap
from .._native import fail, lib

table("""
L  svd(A: T, full_matrices: bool=True, *, driver: any=None) = mt_svd(A, full_matrices) -> linalg_svd(U,S,Vh)
L  svdvals(A: T, *, driver: any=None) = mt_svdvals
L  inv(A: T) = mt_inv
tm inverse(input: T) = mt_inv
L  inv_ex(A: T, *, check_errors: bool=False) = mt_inv_ex -> linalg_inv_ex(inverse,info)
L  solve(A: T, B: T, *, left: bool=True) = mt_solve
L  solve_ex(A: T, B: T, *, left: bool=True, check_errors: bool=False) = mt_solve_ex -> linalg_solve_ex(result,info)
L  solve_triangular(A: T, B: T, *, upper: bool, left: bool=True, unitriangular: bool=False) = mt_solve_triangular
tm triangular_solve(input: T, A: T, upper: bool=True, transpose: bool=False, unitriangular: bool=False) = mt_triangular_solve -> triangular_solve(solution,cloned_coefficient)
L  det(A: T) = mt_det
tm det(input: T) = mt_det
L  slogdet(A: T) = mt_slogdet -> linalg_slogdet(sign,logabsdet)
tm slogdet(input: T) = mt_slogdet -> slogdet(sign,logabsdet)
tm logdet(input: T) = mt_logdet
L  cholesky(A: T, *, upper: bool=False) = mt_cholesky
tm cholesky(input: T, upper: bool=False) = mt_cholesky_old
L  cholesky_ex(A: T, *, upper: bool=False, check_errors: bool=False) = mt_cholesky_ex -> linalg_cholesky_ex(L,info)
tm cholesky_solve(input: T, L: T, upper: bool=False) = mt_cholesky_solve
tm cholesky_inverse(input: T, upper: bool=False) = mt_cholesky_inverse
tm lu_solve(input: T, LU_data: T, LU_pivots: T) = mt_lu_solve(LU_data, LU_pivots, input, 1, 0)
L  lu_solve(LU: T, pivots: T, B: T, *, left: bool=True, adjoint: bool=False) = mt_lu_solve
L  householder_product(input: T, tau: T) = mt_householder_product
tm orgqr(input: T, input2: T) = mt_householder_product
L  matrix_power(A: T, n: int) = mt_matrix_power
tm matrix_power(input: T, n: int) = mt_matrix_power
L  matrix_exp(A: T) = mt_matrix_exp
tm matrix_exp(input: T) = mt_matrix_exp
L  cross(input: T, other: T, *, dim: int=-1) = mt_cross
tm cross(input: T, other: T, dim: int?=None) = mt_cross
""")


def _several(kind, function, count, *arguments, out=None):
    """Calls a C function that writes `count` tensors; the named tuple of them."""
    from ctypes import c_void_p
    slots = (c_void_p * count)()
    if function(*arguments, slots):
        fail()
    made = tuple(wrap(h) for h in slots)
    if out is not None:
        made = tuple(store(o, r) for o, r in zip(out, made)) + made[len(out):]
    return named_result(kind, made) if kind else made


def _triangle(UPLO):
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return 1 if UPLO.upper() == "U" else 0


@op("L")
def eigh(A, UPLO="L", *, out=None):
    """Eigenvalues, ascending, and -vectors of symmetric matrices, of which one triangle is read."""
    return _several("linalg_eigh", lib.mt_eigh, 2, A._h, _triangle(UPLO), out=out)


@op("L")
def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues of symmetric matrices, ascending."""
    made = wrap(lib.mt_eigvalsh(A._h, _triangle(UPLO)))
    return made if out is None else store(out, made)


@op("L", "qr")
def _qr(A, mode="reduced", *, out=None):
    """A = Q R. mode 'reduced': Q is m x min(m, n); 'complete': m x m; 'r': R alone beside an empty Q."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    return _several("linalg_qr", lib.mt_qr, 2, A._h, ("reduced", "complete", "r").index(mode), out=out)


@op("tm")
def qr(input, some=True, *, out=None):
    """input = Q R, thin where some. torch.linalg.qr is the newer form."""
    return _several("qr", lib.mt_qr, 2, input._h, 0 if some else 1, out=out)


def _needs_pivot(pivot, name="linalg.lu_factor"):
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


@op("L")
def lu_factor(A, *, pivot=True, out=None):
    """P A = L U packed in one matrix, and the row exchanges."""
    _needs_pivot(pivot)
    return _several("linalg_lu_factor", lib.mt_lu_factor, 2, A._h, out=out)


@op("L")
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """lu_factor beside the place of the first zero pivot, 0 for none."""
    _needs_pivot(pivot)
    return _several("linalg_lu_factor_ex", lib.mt_lu_factor_ex, 3, A._h, 1 if check_errors else 0, out=out)


@op("tm", "lu")
def _lu(input, pivot=True, get_infos=False, out=None):
    """The packed factors and row exchanges, and with get_infos the places of zero pivots."""
    _needs_pivot(pivot)
    made = _several("_lu_with_info", lib.mt_lu_factor_ex, 3, input._h, 0 if get_infos else 1, out=out)
    return made if get_infos else made[:2]


@op("L")
def lu(A, *, pivot=True, out=None):
    """A = P L U."""
    _needs_pivot(pivot)
    return _several("linalg_lu", lib.mt_lu, 3, A._h, out=out)


@op("t")
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U from the result of lu_factor; parts not asked for are empty."""
    p, l, u = _several(None, lib.mt_lu_unpack, 3, LU_data._h, LU_pivots._h)
    empty = LU_data.new_empty
    made = (p if unpack_pivots else empty(0), l if unpack_data else empty(0), u if unpack_data else empty(0))
    return named_result("lu_unpack", made if out is None else tuple(store(o, r) for o, r in zip(out, made)))


# ---- ranks and pseudoinverses --------------------------------------------------------------------------------------

def _tolerance(value):
    """A tolerance, None, a number or a tensor, as a tensor or None."""
    if value is None or hasattr(value, "_h"):
        return value
    plain = plain_number(value)
    if plain is None:
        raise TypeError(f"a tolerance must be a number or a Tensor, not {type_name(value)}")
    return wrap(lib.mt_number_f64(plain))


def _with_tolerances(function, A, atol, rtol, hermitian, out):
    atol, rtol = _tolerance(atol), _tolerance(rtol)
    made = wrap(function(A._h, None if atol is None else atol._h, None if rtol is None else rtol._h, 1 if hermitian else 0))
    return made if out is None else store(out, made)


@op("L")
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The pseudoinverse; singular values not above max(atol, rtol * largest) count as zero. rcond is an older name of rtol."""
    return _with_tolerances(lib.mt_pinv, A, atol, rtol if rcond is None else rcond, hermitian, out)


@op("tm")
def pinverse(input, rcond=1e-15):
    """torch.linalg.pinv with a tolerance relative to the largest singular value."""
    return _with_tolerances(lib.mt_pinv, input, None, rcond, False, None)


@op("L")
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values exceed max(atol, rtol * largest). tol is an older name of atol, without rtol."""
    if tol is not None:
        atol, rtol = tol, 0.0
    return _with_tolerances(lib.mt_matrix_rank, A, atol, rtol, hermitian, out)


@op("L")
def lstsq(A, B, rcond=None, *, driver=None):
    """The X of smallest norm that minimises |A X - B|."""
    drivers = ("gels", "gelsy", "gelsd", "gelss")
    if driver is not None and driver not in drivers:
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    return _several("linalg_lstsq", lib.mt_lstsq, 4, A._h, B._h, float("nan") if rcond is None else float(rcond),
                    1 if driver is None else drivers.index(driver))


@op("L")
def cond(A, p=None, *, out=None):
    """|A| |A^-1| in the p-norm; None and 2 are the ratio of the largest and smallest singular values, -2 its inverse."""
    if A.dim() < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is None or p in (2, -2):
        values = _L.svdvals(A)
        if values.shape[-1] == 0:
            made = values.sum(-1)
        else:
            largest, smallest = values.narrow(-1, 0, 1), values.narrow(-1, -1, 1)
            made = (smallest / largest if p == -2 else largest / smallest).squeeze(-1)
    else:
        if p not in ("fro", "nuc", 1, -1, float("inf"), float("-inf")):
            raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
        if A.shape[-1] != A.shape[-2]:
            name = str(p) if isinstance(p, str) else f"{p:g}"
            raise RuntimeError(f"linalg.cond(ord={name}): A must be batches of square matrices, but they are "
                               f"{A.shape[-2]} by {A.shape[-1]} matrices")
        if A.numel() == 0:
            made = A.sum((-2, -1))
        else:
            inverse, info = _L.inv_ex(A)
            singular = info.ne(0)
            inverse = inverse.masked_fill(singular.unsqueeze(-1).unsqueeze(-1), 0.0)
            size, other = _L.matrix_norm(A, p), _L.matrix_norm(inverse, p)
            if p == "nuc":  # as of 0 times infinity, the number of a matrix of zeros is NaN
                made = size * other.masked_fill(singular, float("inf"))
            else:
                made = (size * other).masked_fill(singular, float("inf"))
    return made if out is None else store(out, made)


# ---- made of others ------------------------------------------------------------------------------------------------

@op("L")
def vecdot(x, y, *, dim=-1, out=None):
    """Sums of products along a dimension; shapes are broadcast."""
    made = (x * y).sum(dim)
    return made if out is None else store(out, made)


@op("L")
def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, a view."""
    return A.diagonal(offset, dim1, dim2)


@op("L")
def tensorinv(A, ind=2, *, out=None):
    """The inverse of A seen as a matrix whose rows are the first `ind` dimensions."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    n, m = _product(rows), _product(columns)
    if n != m:
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), "
                           f"but got {m} != {n}")
    made = _L.inv(A.reshape(n, m)).reshape(columns + rows)
    return made if out is None else store(out, made)


@op("L")
def tensorsolve(A, B, dims=None, *, out=None):
    """X with tensordot(A, X, X.dim()) = B."""
    if dims is not None:
        dims = [d % A.dim() for d in dims]
        A = A.permute([d for d in range(A.dim()) if d not in dims] + dims)
    shape = tuple(A.shape[B.dim():])
    n, m = _product(shape), B.numel()
    if n != m:
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got {n} != {m}")
    made = _L.solve(A.reshape(m, n), B.flatten()).reshape(shape)
    return made if out is None else store(out, made)


@op("L")
def vander(x, N=None):
    """Powers 0 to N - 1 of the last dimension's numbers, a matrix for each."""
    if x.dim() == 0:
        x = x.unsqueeze(0)
    n = x.shape[-1] if N is None else N
    if N is not None and N < 1:
        raise RuntimeError(f"N must be greater than 1, but got {N}")
    ones = x.new_ones(tuple(x.shape) + (1,))
    if n == 1:
        return ones
    powers = x.unsqueeze(-1).expand(*x.shape, n - 1).cumprod(-1)
    return _T.cat((ones.to(powers.dtype), powers), -1)


def _product(sizes):
    total = 1
    for s in sizes:
        total *= s
    return total


@op("tm")
def svd(input, some=True, compute_uv=True, *, out=None):
    """input = U diag(S) V^T; the reduced form where some. torch.linalg.svd is the newer form."""
    if not compute_uv:
        s = _L.svdvals(input)
        rows, columns = input.shape[-2:]
        return named_result("svd", (input.new_zeros(*input.shape[:-2], rows, rows), s, input.new_zeros(*input.shape[:-2], columns, columns)))
    u, s, vh = _L.svd(input, not some)
    result = (u, s, vh.transpose(-2, -1))
    return named_result("svd", result if out is None else tuple(store(o, r) for o, r in zip(out, result)))
