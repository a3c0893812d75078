"""Linear algebra against torch: values, gradients of first and second order, names of the steps, errors."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

INF = float("inf")


def spd(*shape, seed=0):
    """Symmetric positive-definite matrices."""
    a = rand(*shape, seed=seed)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def square(*shape, seed=0):
    """Well-conditioned square matrices."""
    return rand(*shape, seed=seed) + 4 * np.eye(shape[-1])


# ---- singular values ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (7, 2), (2, 4), (2, 7), (2, 3, 3), (1, 1), (5, 1), (1, 5), (2, 2, 4, 3)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_svd_values(torch, shape, dtype):
    """The same factors as torch's, with the same signs."""
    for full in (False, True):
        check_op(lambda t, x: t.linalg.svd(x, full_matrices=full), [rand(*shape, dtype=dtype)], grad=False, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3)])
def test_svd_gradients(torch, shape):
    def gauge_free(t, x):
        u, s, vh = t.linalg.svd(x, full_matrices=False)
        return u @ (s ** 2).diag_embed() @ vh, s
    check_op(gauge_free, [rand(*shape)])
    check_op(lambda t, x: t.linalg.svdvals(x), [rand(*shape)])
    check_op(lambda t, x: t.linalg.svd(x, full_matrices=False)[0].abs(), [rand(*shape)])
    check_op(lambda t, x: t.linalg.svd(x)[2].abs().narrow(-2, 0, 2), [rand(*shape)], order=1)


def test_svd_of_special_matrices():
    for a in (np.zeros((3, 2)), np.ones((3, 5)), np.eye(4), np.diag([1e-200, 1.0, 1e200]), np.arange(12.0).reshape(4, 3)):
        u, s, vh = (x.numpy() for x in martlet.linalg.svd(martlet.from_numpy(a)))
        k = min(a.shape)
        np.testing.assert_allclose(u[:, :k] * s @ vh[:k], a, atol=1e-14 * max(1, abs(a).max()))
        np.testing.assert_allclose(u.T @ u, np.eye(len(u)), atol=1e-14)
        np.testing.assert_allclose(vh @ vh.T, np.eye(len(vh)), atol=1e-14)


def test_svd_larger():
    a = rand(60, 50)
    u, s, vh = (x.numpy() for x in martlet.linalg.svd(martlet.from_numpy(a), full_matrices=False))
    np.testing.assert_allclose(u * s @ vh, a, atol=1e-12)
    np.testing.assert_allclose(s, np.linalg.svd(a, compute_uv=False), atol=1e-12)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 2, 2)])
def test_svd_empty(torch, shape):
    for full in (False, True):
        check_op(lambda t, x: t.linalg.svd(x, full_matrices=full), [np.zeros(shape)], grad=False)


@pytest.mark.parametrize("ord", [2, -2, "nuc", "fro", 1, -1, INF, -INF])
@pytest.mark.parametrize("shape", [(3, 3), (3, 4), (2, 4, 3)])
def test_matrix_norm(torch, ord, shape):
    check_op(lambda t, x: t.linalg.matrix_norm(x, ord), [rand(*shape)])
    check_op(lambda t, x: t.linalg.matrix_norm(x, ord, dim=(1, 0), keepdim=True), [rand(*shape)])


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (2, 0, 3)])
@pytest.mark.parametrize("ord", [2, "nuc", "fro", 1, INF])
def test_matrix_norm_of_nothing(torch, ord, shape):
    check_op(lambda t, x: t.linalg.matrix_norm(x, ord), [np.zeros(shape)], grad=False)


def same_error(call, inputs):
    ours, theirs = check_error(call, inputs)
    assert str(ours) == str(theirs)
    return ours


@pytest.mark.parametrize("x", [np.ones((2, 2), "int64"), np.ones(3), np.full((2, 2), np.nan)])
def test_svd_errors(torch, x):
    same_error(lambda t, a: t.linalg.svd(a), [x])
    same_error(lambda t, a: t.linalg.svd(a.float().half() if a.dtype.is_floating_point else a), [x])


@pytest.mark.parametrize("n", [26, 40])
def test_signs_of_larger_matrices(torch, n):
    a = rand(n, n)
    check_op(lambda t, x: t.linalg.svd(x), [a], grad=False, rtol=1e-6, atol=1e-8)
    check_op(lambda t, x: t.linalg.eigh(x), [a + a.T], grad=False, rtol=1e-6, atol=1e-8)


# ---- eigenvalues -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (5, 5), (2, 4, 4), (12, 12), (0, 0), (2, 0, 0)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_eigh_values(torch, shape, dtype):
    """The same vectors as torch's, with the same signs; the other triangle is not read."""
    if dtype == "float64" or shape[-1] < 6:
        check_op(lambda t, x: t.linalg.eigh(x), [rand(*shape, dtype=dtype)], grad=False, rtol=1e-4, atol=1e-5)
    check_op(lambda t, x: t.linalg.eigvalsh(x, UPLO="U"), [rand(*shape, dtype=dtype)], grad=False, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4)])
def test_eigh_gradients(torch, shape):
    a = rand(*shape)
    a = a + np.swapaxes(a, -1, -2)
    check_op(lambda t, x: t.linalg.eigh(x), [a])
    check_op(lambda t, x: t.linalg.eigvalsh(x), [a])
    check_op(lambda t, x: t.linalg.eigh(x)[1], [a])


@pytest.mark.parametrize("a", [np.zeros((3, 3)), np.ones((4, 4)), np.eye(3), np.diag([3.0, 1.0, 2.0]),
                               np.diag([1e-200, 1.0, 1e150]), np.kron(np.eye(3), [[2.0, 1.0], [1.0, 2.0]])])
def test_eigh_of_special_matrices(a):
    values, vectors = (x.numpy() for x in martlet.linalg.eigh(martlet.from_numpy(a)))
    np.testing.assert_allclose(vectors * values @ vectors.T, a, atol=1e-14 * max(1, abs(a).max()))
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(a)), atol=1e-14)
    assert (np.diff(values) >= 0).all()


def test_numbers_that_are_none():
    bad = martlet.tensor([[1.0, 2.0], [float("nan"), 1.0], [0.0, 0.0]])
    assert martlet.linalg.qr(bad)[1].isnan().any() and martlet.linalg.eigvalsh(bad[:2]).isnan().all()
    assert martlet.linalg.inv(bad[:2]).isnan().any() and martlet.linalg.det(bad[:2]).isnan()
    for name in ("svd", "pinv", "matrix_rank", "cond"):
        with pytest.raises(martlet.linalg.LinAlgError, match="non-finite"):
            getattr(martlet.linalg, name)(bad)


# ---- QR ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3), (1, 1), (5, 1), (1, 5), (0, 3), (3, 0)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr(torch, shape, mode):
    check_op(lambda t, x: t.linalg.qr(x, mode), [rand(*shape)], grad=False)
    if mode == "reduced" or (mode == "complete" and shape[-2] <= shape[-1]):
        check_op(lambda t, x: t.linalg.qr(x, mode), [rand(*shape)])
        check_op(lambda t, x: t.linalg.qr(x, mode)[0], [rand(*shape)], order=1)
        check_op(lambda t, x: t.linalg.qr(x, mode)[1], [rand(*shape)], order=1)


def test_qr_older(torch):
    for some in (True, False):
        check_op(lambda t, x: t.qr(x, some), [rand(4, 2)], grad=False)
    assert repr(martlet.qr(martlet.eye(1))).startswith("torch.return_types.qr(\nQ=")


@pytest.mark.parametrize("mode", ["complete", "r"])
def test_qr_without_derivative(torch, mode):
    same_error(lambda t, x: t.linalg.qr(x.requires_grad_(), mode)[1].sum().backward(), [rand(4, 2)])


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 2, 2)])
def test_orthogonal_init(torch, shape):
    """The same draws and, but for rounding, the same values as torch's."""
    made = []
    for t in (martlet, torch):
        t.manual_seed(3)
        made.append(t.nn.init.orthogonal_(t.empty(*shape), gain=2).numpy().copy())
    np.testing.assert_allclose(*made, atol=2e-6)


def test_householder_product(torch):
    a, tau = rand(4, 3), rand(3)
    check_op(lambda t, x, y: t.linalg.householder_product(x, y).sum(-1), [a, tau])


# ---- systems -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1), (0, 0), (2, 0, 0), (0, 2, 2)])
@pytest.mark.parametrize("call", [
    lambda t, x: t.linalg.inv(x), lambda t, x: t.inverse(x), lambda t, x: x.inverse(), lambda t, x: t.linalg.det(x),
    lambda t, x: x.det(), lambda t, x: t.linalg.slogdet(x), lambda t, x: t.logdet(x @ x.mT), lambda t, x: t.linalg.inv_ex(x),
    lambda t, x: t.linalg.matrix_power(x, -2), lambda t, x: t.linalg.matrix_power(x, 5), lambda t, x: x.matrix_power(0),
    lambda t, x: t.linalg.matrix_power(x, 1), lambda t, x: t.linalg.matrix_power(x, 3)])
def test_square(torch, shape, call):
    check_op(call, [square(*shape)])
    check_op(call, [square(*shape).astype("float32")], order=1, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shapes", [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (2, 3, 4)), ((2, 1, 3, 3), (4, 3, 2)), ((3, 3), (2, 3, 1)),
    ((2, 3, 3), (3,)), ((0, 0), (0, 2)), ((3, 3), (3, 0))])
def test_solve(torch, shapes):
    a, b = square(*shapes[0]), rand(*shapes[1], seed=4)
    check_op(lambda t, x, y: t.linalg.solve(x, y), [a, b])
    check_op(lambda t, x, y: t.linalg.solve_ex(x.mT, y), [a, b])
    if b.ndim > 1 and a.shape[:-1] != b.shape:
        check_op(lambda t, x, y: t.linalg.solve(x, y.mT, left=False), [a, b])


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("shapes", [((3, 3), (3, 2)), ((2, 3, 3), (1, 3, 2)), ((3, 3), (2, 3, 3))])
def test_solve_triangular(torch, upper, left, unit, shapes):
    a, b = square(*shapes[0]), rand(*shapes[1], seed=4)
    b = b if left else np.swapaxes(b, -1, -2).copy()
    check_op(lambda t, x, y: t.linalg.solve_triangular(x, y, upper=upper, left=left, unitriangular=unit), [a, b])
    if left:
        check_op(lambda t, x, y: t.triangular_solve(y, x, upper, True, unit), [a, b])
        check_op(lambda t, x, y: t.triangular_solve(y, x, upper, False, unit), [a, b])


def test_determinants_of_singular_matrices(torch):
    """Their derivative is the matrix of cofactors, where torch gives zeros."""
    for a in (np.zeros((2, 2)), np.diag([1.0, 0.0, 2.0]), np.stack([np.eye(2), np.zeros((2, 2))])):
        check_op(lambda t, x: t.linalg.det(x), [a], grad=False)
    check_op(lambda t, x: t.linalg.slogdet(x), [np.zeros((2, 2))], grad=False)
    check_op(lambda t, x: t.logdet(x), [-np.eye(3)], grad=False)
    x = martlet.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=martlet.float64, requires_grad=True)
    assert martlet.autograd.gradcheck(martlet.linalg.det, (x,)) and martlet.autograd.gradgradcheck(martlet.linalg.det, (x,))
    y = martlet.tensor(np.diag([2.0, 0.0, 3.0]).tolist(), dtype=martlet.float64, requires_grad=True)
    assert martlet.autograd.gradgradcheck(martlet.linalg.det, (y,))


# ---- positive-definite matrices ------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1), (0, 0)])
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(torch, shape, upper):
    a = spd(*shape)
    check_op(lambda t, x: t.linalg.cholesky(x, upper=upper), [a])
    check_op(lambda t, x: t.cholesky(x, upper), [a])
    check_op(lambda t, x: t.linalg.cholesky_ex(x, upper=upper), [a])
    check_op(lambda t, x: t.cholesky_inverse(x, upper), [np.linalg.cholesky(a) if a.size else a], order=1)


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_solve(torch, upper):
    factor = np.linalg.cholesky(spd(2, 3, 3))
    factor = np.swapaxes(factor, -1, -2).copy() if upper else factor
    check_op(lambda t, b, l: t.cholesky_solve(b, l, upper), [rand(2, 3, 2), factor])


# ---- LU ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3), (2, 4, 3), (1, 1)])
def test_lu(torch, shape):
    a = rand(*shape)
    check_op(lambda t, x: t.linalg.lu(x)[1:], [a])
    check_op(lambda t, x: t.linalg.lu(x)[0], [a], grad=False)
    check_op(lambda t, x: t.linalg.lu_factor(x), [a])
    check_op(lambda t, x: t.linalg.lu_factor_ex(x), [a])
    check_op(lambda t, x: t.lu_unpack(*t.linalg.lu_factor(x))[1:], [a])
    check_op(lambda t, x: t.linalg.lu(x)[2], [a], order=1)


def test_lu_solve(torch):
    for left in (False, True):
        for adjoint in (False, True):
            def call(t, x, b):
                return t.linalg.lu_solve(*t.linalg.lu_factor(x), b if left else b.mT, left=left, adjoint=adjoint) * 1
            check_op(call, [square(3, 3), rand(3, 2)])


# ---- least squares -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 4, 3), (0, 3), (3, 0)])
def test_pinv(torch, shape):
    check_op(lambda t, x: t.linalg.pinv(x), [rand(*shape)])
    check_op(lambda t, x: x.pinverse(), [rand(*shape)], grad=False)
    check_op(lambda t, x: t.linalg.matrix_rank(x), [rand(*shape)], grad=False)


def test_pinv_tolerances(torch):
    a = np.diag([4.0, 1.0, 1e-3])
    for kw in ({"atol": 0.01}, {"rtol": 0.5}, {"rtol": 0.1, "atol": 2}, {"hermitian": True}, {"atol": 0.01, "hermitian": True}):
        check_op(lambda t, x: t.linalg.pinv(x, **kw), [a], grad=False)
        check_op(lambda t, x: t.linalg.matrix_rank(x, **kw), [a], grad=False)
    check_op(lambda t, x: t.linalg.matrix_rank(x, 0.01), [a], grad=False)
    check_op(lambda t, x: t.linalg.pinv(x, 0.5), [a], grad=False)
    check_op(lambda t, x, tol: t.linalg.matrix_rank(x, atol=tol), [np.stack([a, a]), np.array([0.01, 2.0])], grad=False)


@pytest.mark.parametrize("shapes", [((3, 3), (3, 2)), ((4, 2), (4, 3)), ((2, 4), (2, 3)), ((4, 2), (4,)), ((2, 4, 3), (2, 4, 1)), ((2, 4, 3), (2, 4))])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss", None])
def test_lstsq(torch, shapes, driver):
    inputs = [rand(*shapes[0]), rand(*shapes[1], seed=2)]
    check_op(lambda t, a, b: t.linalg.lstsq(a, b, driver=driver), inputs, grad=False)
    check_op(lambda t, a, b: t.linalg.lstsq(a, b, driver=driver)[0], inputs)


@pytest.mark.parametrize("p", [None, 2, -2, "fro", "nuc", 1, -1, INF, -INF])
def test_cond(torch, p):
    # In the other norms torch cannot go back: it has written to a tensor that it needs.
    check_op(lambda t, x: t.linalg.cond(x, p), [square(2, 3, 3)], grad=p in (None, 2, -2))
    x = martlet.tensor(square(3, 3).tolist(), dtype=martlet.float64, requires_grad=True)
    assert martlet.autograd.gradcheck(lambda a: martlet.linalg.cond(a, p), (x,))
    check_op(lambda t, x: t.linalg.cond(x, p), [np.zeros((2, 2))], grad=False)


# ---- others --------------------------------------------------------------------------------------------------------

def test_cross(torch):
    for shapes in (((3,), (3,)), ((4, 3), (4, 3)), ((2, 1, 3), (1, 4, 3))):
        check_op(lambda t, x, y: t.linalg.cross(x, y), [rand(*shapes[0]), rand(*shapes[1], seed=1)])
    check_op(lambda t, x, y: t.linalg.cross(x, y, dim=0), [rand(3, 2), rand(3, 2, seed=1)])
    check_op(lambda t, x, y: t.cross(x, y, dim=1), [rand(2, 3), rand(2, 3, seed=1)])
    check_op(lambda t, x, y: t.linalg.cross(x, y), [np.arange(3), np.arange(3)[::-1].copy()])


@pytest.mark.parametrize("scale", [0.01, 1, 20])
def test_matrix_exp(torch, scale):
    check_op(lambda t, x: t.linalg.matrix_exp(x * scale), [rand(2, 3, 3)], rtol=1e-8)


def test_compositions(torch):
    check_op(lambda t, x: t.linalg.tensorinv(x, 1) * 1, [square(6, 6).reshape(6, 2, 3)])
    check_op(lambda t, x, b: t.linalg.tensorsolve(x, b), [square(6, 6).reshape(2, 3, 6), rand(2, 3)])
    check_op(lambda t, x: t.linalg.vander(x, N=4), [rand(2, 3)], order=1)
    check_op(lambda t, x, y: t.linalg.vecdot(x, y), [rand(2, 3), rand(2, 3)])


@pytest.mark.parametrize("form", [lambda x: x.t(), lambda x: x[::2, 1::2], lambda x: x[:2, :2].expand(3, 2, 2), lambda x: x.flip(0)])
@pytest.mark.parametrize("name", ["inv", "det", "svdvals", "eigvalsh", "cholesky", "qr", "pinv", "lu"])
def test_strides(torch, form, name):
    def call(t, x):
        y = form(x)
        made = getattr(t.linalg, name)(y @ y.mT if name in ("cholesky", "eigvalsh") else y)
        return made[1] if name in ("qr", "lu") else made
    check_op(call, [square(4, 4)], order=1)


# ---- errors --------------------------------------------------------------------------------------------------------

EYE, ZERO = np.eye(2), np.zeros((2, 2))


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "svd", "svdvals", "qr", "pinv",
                                  "matrix_rank", "cond", "lu_factor", "lu", "inv_ex", "cholesky_ex", "matrix_exp"])
def test_errors_of_one(torch, name):
    for x in (np.ones((2, 2), "int64"), np.ones(3)):
        same_error(lambda t, a: getattr(t.linalg, name)(a), [x])
    if name not in ("pinv", "matrix_rank", "cond", "svd", "svdvals", "qr", "lu", "lu_factor"):
        same_error(lambda t, a: getattr(t.linalg, name)(a), [np.ones((2, 3))])
    if name != "matrix_exp":
        same_error(lambda t, a: getattr(t.linalg, name)(a.half()), [EYE])


@pytest.mark.parametrize("call", [
    lambda t, e, z: t.linalg.inv(z), lambda t, e, z: t.inverse(t.stack([e, z])), lambda t, e, z: t.linalg.solve(z, e),
    lambda t, e, z: t.linalg.solve(t.stack([e, z]), e), lambda t, e, z: t.linalg.cholesky(z), lambda t, e, z: t.cholesky(-e),
    lambda t, e, z: t.linalg.cholesky(t.tensor([[1.0, 2.0], [2.0, 1.0]])), lambda t, e, z: t.linalg.cholesky(t.stack([e, -e])),
    lambda t, e, z: t.linalg.matrix_power(z, -1), lambda t, e, z: t.linalg.lstsq(t.ones(3, 2), t.ones(3), driver="gels"),
    lambda t, e, z: t.linalg.inv_ex(z, check_errors=True)])
def test_errors_of_numbers(torch, call):
    error = same_error(call, [EYE, ZERO])
    assert isinstance(error, martlet.linalg.LinAlgError) and isinstance(error, RuntimeError)


@pytest.mark.parametrize("call", [
    lambda t, e: t.linalg.solve(e, t.ones(3, 2, dtype=e.dtype)), lambda t, e: t.linalg.solve(e, e.float()),
    lambda t, e: t.linalg.solve(e, t.ones(3, dtype=e.dtype)), lambda t, e: t.linalg.solve(e, e.sum()),
    lambda t, e: t.linalg.solve_triangular(e, e[0], upper=True), lambda t, e: t.linalg.solve_triangular(e[:1], e, upper=True),
    lambda t, e: t.linalg.cross(e, e), lambda t, e: t.linalg.cross(e, e[0]), lambda t, e: t.cross(e, e),
    lambda t, e: t.linalg.lstsq(e, t.ones(3, 2, dtype=e.dtype)), lambda t, e: t.linalg.lstsq(e[0], e[0]),
    lambda t, e: t.linalg.lstsq(e, e, driver="x"), lambda t, e: t.linalg.qr(e, "x"), lambda t, e: t.linalg.eigh(e, "X"),
    lambda t, e: t.linalg.lu(e, pivot=False), lambda t, e: t.linalg.lu_factor(e * 0), lambda t, e: t.linalg.cond(e, 3),
    lambda t, e: t.linalg.cond(e[:1], "fro"), lambda t, e: t.cholesky_solve(e[0], e), lambda t, e: t.logdet(e[:1])])
def test_errors_of_arguments(torch, call):
    same_error(call, [EYE])


def test_gradcheck():
    def double(a):
        return martlet.tensor(a.tolist(), dtype=martlet.float64, requires_grad=True)
    L = martlet.linalg
    for f, inputs in ((L.inv, (double(square(3, 3)),)), (L.solve, (double(square(3, 3)), double(rand(3, 2)))), (L.svdvals, (double(rand(3, 2)),)),
                      (L.qr, (double(rand(3, 2)),)), (L.qr, (double(rand(2, 3)),)), (L.pinv, (double(rand(3, 2)),)), (L.slogdet, (double(square(3, 3)),)),
                      (L.lu_factor, (double(rand(3, 2)),)), (lambda x: L.eigvalsh(x + x.mT), (double(rand(3, 3)),)),
                      (lambda x: L.cholesky(x @ x.mT), (double(square(3, 3)),)), (L.matrix_exp, (double(rand(2, 2)),)),
                      (lambda a, b: L.lstsq(a, b, driver="gelsd")[:2], (double(rand(3, 2)), double(rand(3, 2, seed=1))))):
        def floats(*x, f=f):
            made = f(*x)
            return tuple(m for m in made if m.is_floating_point()) if isinstance(made, tuple) else made
        assert martlet.autograd.gradcheck(floats, inputs) and martlet.autograd.gradgradcheck(floats, inputs)


def test_out():
    made = martlet.empty(0)
    assert martlet.linalg.inv(martlet.eye(2) * 2, out=made) is made and made.tolist() == [[0.5, 0], [0, 0.5]]
    u, s, vh = (martlet.empty(0) for _ in range(3))
    result = martlet.linalg.svd(martlet.eye(2), out=(u, s, vh))
    assert result.S is s and s.tolist() == [1, 1]
    q, r = martlet.empty(0), martlet.empty(0)
    assert martlet.linalg.qr(martlet.eye(2), out=(q, r)).R is r and r.shape == (2, 2)
    values, indices = martlet.empty(0), martlet.empty(0, dtype=martlet.int64)
    martlet.sort(martlet.tensor([2.0, 1.0]), out=(values, indices))
    assert values.tolist() == [1, 2] and indices.tolist() == [1, 0]
