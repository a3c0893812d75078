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
