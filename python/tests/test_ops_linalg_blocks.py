"""Factorisations whose loops go in blocks, at sizes around the blocks, against torch."""
import numpy as np
import pytest

import martlet

SIZES = [31, 32, 33, 63, 64, 65, 130]
DTYPES = ["float64", "float32"]


def near(got, want, dtype):
    tolerance = 1e-9 if dtype == "float64" else 2e-3
    want = want.numpy()
    np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance * max(1.0, np.abs(want).max(initial=0)))


def matrices(torch, dtype, *shape, transposed=False, seed=0):
    """The same matrices for torch and for martlet."""
    x = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    a, b = torch.from_numpy(x), martlet.tensor(x)
    return (a.mT, b.mT) if transposed else (a, b)


def positive(torch, dtype, *shape, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape)
    x = (x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1])).astype(dtype)
    return torch.from_numpy(x), martlet.tensor(x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_cholesky(torch, n, upper, dtype):
    """Only one triangle is read, of a matrix, its transpose and a batch."""
    a, b = positive(torch, dtype, 2, n, n)
    for turn in (lambda x: x, lambda x: x[0], lambda x: x[1].mT):
        near(martlet.linalg.cholesky(turn(b), upper=upper), torch.linalg.cholesky(turn(a), upper=upper), dtype)
    spoilt = np.full((n, n), np.nan, dtype)
    spoilt = np.tril(spoilt, -1) if upper else np.triu(spoilt, 1)
    got = martlet.linalg.cholesky(martlet.tensor(b[0].numpy() + spoilt), upper=upper)
    near(got, torch.linalg.cholesky(a[0], upper=upper), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("at", [0, 31, 63, 64, 70, 129])
def test_cholesky_failures(torch, at, upper, dtype):
    """The order of the minor that is not positive, in whichever block it is, also where that is NaN."""
    for bad in (-1.0, float("nan")):
        a, b = positive(torch, dtype, 3, 130, 130)
        a, x = a.clone(), b.numpy().copy()
        a[1, at, at] = bad
        x[1, at, at] = bad
        got = martlet.linalg.cholesky_ex(martlet.tensor(x), upper=upper)[1]
        assert got.tolist() == torch.linalg.cholesky_ex(a, upper=upper)[1].tolist() == [0, at + 1, 0]
        with pytest.raises(RuntimeError) as theirs:
            torch.linalg.cholesky(a, upper=upper)
        with pytest.raises(RuntimeError) as ours:
            martlet.linalg.cholesky(martlet.tensor(x), upper=upper)
        assert str(ours.value) == str(theirs.value)


SHAPES = [(n, n) for n in SIZES] + [(130, 40), (40, 130), (200, 65), (65, 200), (300, 3), (3, 300)]
SHAPES += [(2, 65, 65), (2, 70, 33)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_qr(torch, shape, dtype):
    for transposed in (False, True):
        a, b = matrices(torch, dtype, *shape, transposed=transposed)
        for mode in ("reduced", "complete", "r"):
            for got, want in zip(martlet.linalg.qr(b, mode), torch.linalg.qr(a, mode)):
                assert tuple(got.shape) == tuple(want.shape)
                near(got, want, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(n, n) for n in SIZES] + [(3, 40, 40)])
def test_eigh(torch, shape, dtype):
    a, b = matrices(torch, dtype, *shape)
    for uplo in "LU":
        values, vectors = martlet.linalg.eigh(b, uplo)
        want = torch.linalg.eigh(a.double(), uplo)
        near(values, want[0], dtype)
        near(martlet.linalg.eigvalsh(b, uplo), want[0], dtype)
        part = a.tril() if uplo == "L" else a.triu()
        whole = part + part.mT - torch.diag_embed(a.diagonal(dim1=-2, dim2=-1))
        near((vectors * values.unsqueeze(-2)) @ vectors.mT, whole, dtype)
        near(vectors.mT @ vectors, torch.eye(shape[-1], dtype=a.dtype).expand(shape), dtype)


@pytest.mark.parametrize("n", [40, 65])
def test_eigh_of_blocks(torch, n):
    """Matrices whose reflections are none, or that fall apart."""
    rng = np.random.default_rng(1)
    diagonal = np.diag(rng.standard_normal(n))
    split = np.zeros((n, n))
    split[: n // 2, : n // 2] = rng.standard_normal((n // 2, n // 2))
    split[n // 2:, n // 2:] = rng.standard_normal((n - n // 2, n - n // 2))
    for x in (diagonal, split + split.T, np.zeros((n, n)), np.ones((n, n))):
        values, vectors = martlet.linalg.eigh(martlet.tensor(x))
        near(values, torch.linalg.eigvalsh(torch.from_numpy(x)), "float64")
        near((vectors * values.unsqueeze(-2)) @ vectors.mT, torch.from_numpy(x), "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_svd(torch, shape, dtype):
    for transposed in (False, True):
        a, b = matrices(torch, dtype, *shape, transposed=transposed)
        values = torch.linalg.svdvals(a.double())
        near(martlet.linalg.svdvals(b), values, dtype)
        for full in (False, True):
            u, s, vh = martlet.linalg.svd(b, full_matrices=full)
            near(s, values, dtype)
            k = s.shape[-1]
            near((u.narrow(-1, 0, k) * s.unsqueeze(-2)) @ vh.narrow(-2, 0, k), a, dtype)
            near(u.mT @ u, torch.eye(u.shape[-1], dtype=a.dtype).expand(*u.shape[:-2], -1, -1), dtype)
            near(vh @ vh.mT, torch.eye(vh.shape[-2], dtype=a.dtype).expand(*vh.shape[:-2], -1, -1), dtype)


def test_signs(torch):
    """Eigenvectors and singular vectors point where torch's do."""
    a, b = matrices(torch, "float64", 70, 70)
    for got, want in zip(martlet.linalg.eigh(b + b.mT), torch.linalg.eigh(a + a.mT)):
        near(got, want, "float64")
    for got, want in zip(martlet.linalg.svd(b), torch.linalg.svd(a)):
        near(got, want, "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES + [(3, 3), (5, 2), (2, 5), (2, 3, 3)])
def test_lstsq(torch, shape, dtype):
    for transposed in (False, True):
        a, b = matrices(torch, dtype, *shape, transposed=transposed)
        for k in (1, 40):
            right = matrices(torch, dtype, *a.shape[:-1], k, seed=1)
            for driver in ("gelsy", "gels", "gelsd"):
                got = martlet.linalg.lstsq(b, right[1], driver=driver)
                want = torch.linalg.lstsq(a.double(), right[0].double(), driver=driver)
                scale = float(np.linalg.cond(a.double().numpy()).max())
                error = np.abs(got.solution.numpy() - want.solution.numpy()).max()
                eps = 1e-14 if dtype == "float64" else 1e-6
                assert error <= 10 * eps * scale * max(1, np.abs(want.solution.numpy()).max())
                if driver != "gels":
                    assert got.rank.tolist() == want.rank.tolist()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (70, 70), (130, 40), (40, 130)])
def test_lstsq_of_lower_rank(torch, shape):
    """What lacks rank, or nearly, has the solution of least norm, as many as rcond says."""
    rng = np.random.default_rng(0)
    k = min(shape)
    u, v = np.linalg.qr(rng.standard_normal((shape[0], k)))[0], np.linalg.qr(rng.standard_normal((shape[1], k)))[0]
    b = rng.standard_normal((shape[0], 2))
    for small, rcond in ((0, None), (1e-20, None), (1e-6, 1e-5), (1e-6, None), (1e-4, 1e-5)):
        x = (u * np.r_[np.ones(k - 1), small]) @ v.T
        for driver in ("gelsy", "gelsd"):
            got = martlet.linalg.lstsq(martlet.tensor(x), martlet.tensor(b), rcond=rcond, driver=driver)
            want = torch.linalg.lstsq(torch.from_numpy(x), torch.from_numpy(b), rcond=rcond, driver="gelsd")
            assert got.rank.tolist() == want.rank.tolist()
            near(got.solution, want.solution, "float64")


def test_lstsq_of_what_is_not_finite(torch):
    b = np.ones((40, 1))
    for bad in (float("nan"), float("inf")):
        x = np.eye(40)
        x[3, 4] = bad
        with pytest.raises(RuntimeError, match="non-finite"):
            martlet.linalg.lstsq(martlet.tensor(x), martlet.tensor(b))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(33, 33), (65, 65), (130, 40), (200, 65), (300, 3), (2, 70, 33), (5, 4)])
def test_householder_product(torch, shape, dtype):
    """With all of the reflections and with fewer; without history, and with it the same."""
    a, b = matrices(torch, dtype, *shape)
    vectors, tau = torch.geqrf(a)
    for k in (shape[-1], shape[-1] - 2):
        want = torch.linalg.householder_product(vectors, tau[..., :k])
        v, t = martlet.tensor(vectors.numpy()), martlet.tensor(tau[..., :k].numpy().copy())
        near(martlet.linalg.householder_product(v, t), want, dtype)
        near(martlet.linalg.householder_product(v.requires_grad_(), t).detach(), want, dtype)


@pytest.mark.parametrize("n", [20, 40, 70])
def test_svd_of_few_values(torch, n):
    """Each step leaves rounding errors of those before, down to numbers whose reciprocals overflow."""
    for x in (np.ones((n, n)), np.outer(np.arange(1.0, n + 1), np.ones(n)), np.zeros((n, n)),
              np.diag(np.r_[np.ones(n // 2), np.zeros(n - n // 2)])):
        a, b = torch.from_numpy(x), martlet.tensor(x)
        scale = max(float(np.abs(x).max()), 5e-324)
        values = torch.linalg.svdvals(a).numpy()
        np.testing.assert_allclose(martlet.linalg.svdvals(b).numpy(), values, rtol=1e-12, atol=1e-13 * n * scale)
        u, s, vh = martlet.linalg.svd(b)
        np.testing.assert_allclose(s.numpy(), values, rtol=1e-12, atol=1e-13 * n * scale)
        near(u.mT @ u, torch.eye(n, dtype=a.dtype), "float64")
        near(vh @ vh.mT, torch.eye(n, dtype=a.dtype), "float64")
        np.testing.assert_allclose((u * s @ vh).numpy(), x, rtol=1e-11, atol=1e-13 * n * scale)


@pytest.mark.parametrize("shape", [(37, 39), (39, 37), (62, 62), (97, 110), (25, 66)])
@pytest.mark.parametrize("kind", ["ones", "equal columns", "zeros", "rank one in the last place"])
def test_vectors_of_matrices_of_rank_one_are_orthogonal(kind, shape):
    """What is left of such a matrix falls to numbers of few digits, rotations of which must keep lengths."""
    a = np.ones(shape)
    if kind == "equal columns":
        a[:] = np.random.default_rng(3).standard_normal((shape[0], 1))
    if kind == "zeros":
        a[:] = 0
    if kind == "rank one in the last place":
        a[:-1] = 0
    u, s, vh = (t.numpy() for t in martlet.linalg.svd(martlet.tensor(a)))
    k = min(shape)
    np.testing.assert_allclose((u[:, :k] * s) @ vh[:k], a, atol=1e-12)
    for q in (u.T @ u, vh @ vh.T):
        np.testing.assert_allclose(q, np.eye(len(q)), atol=1e-12)
    w, z = (t.numpy() for t in martlet.linalg.eigh(martlet.tensor(a[:k, :k] + a[:k, :k].T)))
    np.testing.assert_allclose(z.T @ z, np.eye(k), atol=1e-12)
    np.testing.assert_allclose(z * w @ z.T, a[:k, :k] + a[:k, :k].T, atol=1e-11)
