"""Singular values against torch; the vectors by what they must satisfy, as their signs are arbitrary."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

SHAPES = [(3, 3), (5, 3), (3, 5), (2, 4, 3), (1, 1), (0, 3), (2, 0, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_values(shape):
    check_op(lambda t, x: t.linalg.svdvals(x), [rand(*shape)], order=2 if 0 not in shape else 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [True, False])
def test_reconstruction(shape, full):
    a = rand(*shape)
    u, s, vh = (x.numpy() for x in martlet.linalg.svd(martlet.from_numpy(a), full))
    m, n = shape[-2:]
    k = min(m, n)
    assert u.shape[-2:] == (m, m if full else k) and vh.shape[-2:] == (n if full else k, n)
    np.testing.assert_allclose(u[..., :k] * s[..., None, :] @ vh[..., :k, :], a, atol=1e-12)
    np.testing.assert_allclose(np.swapaxes(u, -1, -2) @ u, np.broadcast_to(np.eye(u.shape[-1]), u.shape[:-2] + (u.shape[-1],) * 2), atol=1e-12)
    np.testing.assert_allclose(vh @ np.swapaxes(vh, -1, -2), np.broadcast_to(np.eye(vh.shape[-2]), vh.shape[:-2] + (vh.shape[-2],) * 2), atol=1e-12)
    assert (np.diff(s, axis=-1) <= 0).all()


def test_of_a_singular_matrix():
    a = martlet.tensor([[1.0, 2, 3], [2, 4, 6], [3, 6, 9]], dtype=martlet.float64)
    u, s, vh = martlet.linalg.svd(a)
    np.testing.assert_allclose((u.t() @ u).numpy(), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(s.numpy(), [14, 0, 0], atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 3)])
def test_gradients_do_not_depend_on_signs(shape):
    def call(t, x):
        u, s, vh = t.linalg.svd(x, full_matrices=False)
        return (u * u * s.unsqueeze(-2)) @ (vh * vh)
    check_op(call, [rand(*shape)])


@pytest.mark.parametrize("ord", ["nuc", 2, -2])
def test_norms(ord):
    check_op(lambda t, x: t.linalg.matrix_norm(x, ord), [rand(3, 4)])
    check_op(lambda t, x: t.linalg.matrix_norm(x, ord, (0, 2), keepdim=True), [rand(3, 2, 4)])
    check_op(lambda t, x: t.linalg.norm(x, ord), [rand(4, 3)])


def test_errors():
    for call in (lambda t: t.linalg.svd(t.ones(2)), lambda t: t.linalg.svdvals(t.ones(2, 2, dtype=t.int64))):
        check_error(call)
