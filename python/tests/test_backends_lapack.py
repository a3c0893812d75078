"""What linear algebra computes by the LAPACK of a loaded library: values and signs as torch's, gradients, errors, capture.

The library is that of MARTLET_BLAS, or the OpenBLAS of NumPy's wheel."""
import os
import threading

import lapack_shim
import numpy as np
import pytest
from opcompare import check_op, rand
from test_backends_blas import OPENBLAS

import martlet
from martlet.backends import blas

LIBRARY = os.environ.get("MARTLET_BLAS") or OPENBLAS
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="neither MARTLET_BLAS nor NumPy's wheel with its OpenBLAS is there")


@pytest.fixture(scope="module", autouse=True)
def unloaded_at_the_end():
    yield
    blas.unload()


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = lapack_shim.build(OPENBLAS or "", tmp_path_factory.mktemp("shim"))
    return path or pytest.skip("no C compiler, or no OpenBLAS with the names of NumPy's")


in_use = []


@pytest.fixture(autouse=True)
def library(request):
    """The shim for tests that ask for it; loaded only where another one is in use, as that takes a while."""
    wanted = request.getfixturevalue("shim") if "shim" in request.fixturenames else LIBRARY
    if blas.name is None or in_use != [wanted]:
        blas.load(wanted)
        in_use[:] = [wanted]


LOOSE = {"float32": dict(rtol=3e-3, atol=3e-3), "float64": dict(rtol=1e-8, atol=1e-9)}
SHAPES = [(40, 40), (90, 50), (45, 40), (40, 45), (40, 90), (3, 36, 36), (2, 2, 70, 33), (2, 33, 70), (0, 40, 40), (40, 0), (0, 40), (5, 5)]


def symmetric(a):
    return a + np.swapaxes(a, -1, -2)


def positive(n, *batch, dtype="float64"):
    a = rand(*batch, n, n, dtype=dtype)
    return (a @ np.swapaxes(a, -1, -2) + n * np.eye(n)).astype(dtype)


def same(call, inputs, dtype="float64"):
    check_op(call, inputs, grad=False, **LOOSE[dtype])


# ---- Values -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_qr(shape, dtype):
    a = rand(*shape, dtype=dtype)
    for mode in ("reduced", "complete", "r"):
        same(lambda t, x: t.linalg.qr(x, mode), [a], dtype)
    if shape[-2] >= shape[-1] > 0:
        tau = rand(*shape[:-2], shape[-1] // 2, low=0, high=0.2, dtype=dtype)
        same(lambda t, x, y: t.linalg.householder_product(x / 8, y), [a, tau], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_and_vectors_with_their_signs(shape, dtype):
    a = rand(*shape, dtype=dtype)
    for full in (False, True):
        if 0 in shape[-2:] and full:
            continue
        same(lambda t, x: t.linalg.svd(x, full), [a], dtype)
    same(lambda t, x: t.linalg.svdvals(x), [a], dtype)
    same(lambda t, x: t.linalg.svd(x.mT, False), [a], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[-1] == s[-2] > 5])
def test_eigenvalues_and_vectors_with_their_signs(shape, dtype):
    """Of either triangle; what stands in the other is not read."""
    a = rand(*shape, dtype=dtype)
    for triangle in ("L", "U"):
        same(lambda t, x: t.linalg.eigh(x, triangle), [a], dtype)
        same(lambda t, x: t.linalg.eigvalsh(x, triangle), [a], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [(), (3,), (0,), (2, 1)])
@pytest.mark.parametrize("k", [1, 7, 90])
def test_systems(batch, k, dtype):
    n = 90
    a, b = rand(*batch, n, n, dtype=dtype) + n * np.eye(n, dtype=dtype), rand(*batch, n, k, dtype=dtype)
    wide = np.ascontiguousarray(np.swapaxes(b, -1, -2))
    same(lambda t, x, y: t.linalg.solve(x, y), [a, b], dtype)
    same(lambda t, x, y: t.linalg.solve(x.mT, y, left=False), [a, wide], dtype)
    same(lambda t, x, y: t.linalg.solve(x[0], y) if batch == (3,) else t.linalg.solve(x, y[..., 0]), [a, b], dtype)
    same(lambda t, x: t.linalg.inv(x), [a], dtype)
    same(lambda t, x, y: t.linalg.lu_solve(*t.linalg.lu_factor(x), y), [a, b], dtype)
    for upper in (False, True):
        for form in (lambda x: x, lambda x: x.mT):
            for unit in (False, True):
                scale = n if unit else 1
                same(lambda t, x, y: t.linalg.solve_triangular(form(x / scale), y, upper=upper, unitriangular=unit), [a, b], dtype)
                same(lambda t, x, y: t.linalg.solve_triangular(form(x / scale), y, upper=upper, left=False, unitriangular=unit),
                     [a, wide], dtype)
    if batch == (3,):
        same(lambda t, x, y: t.linalg.solve_triangular(x[0].triu(), y, upper=True), [a, b], dtype)
        same(lambda t, x, y: t.linalg.solve_triangular(x.triu(), y[0], upper=True), [a, b], dtype)
    p = positive(n, *batch, dtype=dtype)
    same(lambda t, x, y: t.cholesky_solve(y, t.linalg.cholesky(x)), [p, b], dtype)
    same(lambda t, x: t.cholesky_inverse(t.linalg.cholesky(x, upper=True), upper=True), [p], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(40, 20), (20, 40), (30, 30), (3, 40, 20), (2, 2, 8, 5)])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
def test_least_squares(shape, driver, dtype):
    a, b = rand(*shape, dtype=dtype), rand(*shape[:-1], 3, dtype=dtype)
    same(lambda t, x, y: t.linalg.lstsq(x, y, driver=driver), [a, b], dtype)
    same(lambda t, x, y: t.linalg.lstsq(x, y[..., 0], driver=driver) if len(shape) == 2 else t.linalg.lstsq(x, y[..., :1], driver=driver),
         [a, b], dtype)
    assert martlet.linalg.lstsq(martlet.from_numpy(a), martlet.from_numpy(b)[..., :0], driver=driver).solution.shape[-1] == 0


@pytest.mark.parametrize("driver", ["gelsy", "gelsd", "gelss"])
def test_least_squares_without_full_rank(driver):
    a, b = rand(40, 12), rand(40, 3)
    a[:, 3:6] = a[:, :3]
    if driver != "gelsy":  # torch gives that a list of columns that it has not cleared
        same(lambda t, x, y: t.linalg.lstsq(x, y, driver=driver)[:3], [a, b])
        same(lambda t, x, y: t.linalg.lstsq(x, y, rcond=0.5, driver=driver)[1:3], [a, b])
    x, y = martlet.from_numpy(a), martlet.from_numpy(b)
    made = martlet.linalg.lstsq(martlet.stack([x, x * 0]), martlet.stack([y, y]), driver=driver)
    np.testing.assert_allclose(made.solution.numpy(), [np.linalg.pinv(a) @ b, np.zeros((12, 3))], atol=1e-10)
    assert made.rank.tolist() == [9, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_follows_from_singular_values(dtype):
    a = rand(50, 40, dtype=dtype)
    low = (rand(50, 9, dtype=dtype) @ rand(9, 40, dtype=dtype)).astype(dtype)
    same(lambda t, x: t.linalg.pinv(x), [a], dtype)
    same(lambda t, x: t.linalg.matrix_rank(x), [low], dtype)
    same(lambda t, x: t.linalg.matrix_rank(x @ x.mT, hermitian=True), [low], dtype)
    same(lambda t, x: t.linalg.pinv(x, hermitian=True), [positive(40, dtype=dtype)], dtype)
    same(lambda t, x: [t.linalg.matrix_norm(x, "nuc"), t.linalg.matrix_norm(x, 2), t.linalg.cond(x)], [a], dtype)


# ---- Gradients --------------------------------------------------------------------------------------------------------

GRADIENTS = {
    "qr": lambda t, x: t.linalg.qr(x),
    "qr wide": lambda t, x: t.linalg.qr(x.mT),
    "svd": lambda t, x: t.linalg.svd(x, full_matrices=False),
    "svdvals": lambda t, x: t.linalg.svdvals(x),
    "eigh": lambda t, x: t.linalg.eigh(x.mT @ x),
    "eigvalsh": lambda t, x: t.linalg.eigvalsh(x.mT @ x),
    "inv": lambda t, x: t.linalg.inv(x[:48] + 9 * t.eye(48, dtype=x.dtype)),
    "solve": lambda t, x: t.linalg.solve(x[:48] + 9 * t.eye(48, dtype=x.dtype), x.mT[:, :3]),
    "solve right": lambda t, x: t.linalg.solve(x[:48] + 9 * t.eye(48, dtype=x.dtype), x[:3], left=False),
    "triangular": lambda t, x: t.linalg.solve_triangular(x[:48].tril(-1) + 9 * t.eye(48, dtype=x.dtype), x.mT, upper=False),
    "cholesky": lambda t, x: t.linalg.cholesky(x @ x.mT + 50 * t.eye(52, dtype=x.dtype)),
    "lstsq": lambda t, x: t.linalg.lstsq(x, x[:, :2] * 2, driver="gelsd")[:2],
    "lstsq b": lambda t, x: t.linalg.lstsq(x.detach(), x[:, :2] * 2).solution,
    "pinv": lambda t, x: t.linalg.pinv(x),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_first_and_second_gradients(name):
    a = rand(52, 48)
    a[:48] += 0.5 * np.diag(np.arange(48))  # gaps between singular values
    check_op(GRADIENTS[name], [a], rtol=1e-5, atol=1e-6)


# ---- Capture and threads ----------------------------------------------------------------------------------------------

CAPTURED = {
    "qr": lambda x: martlet.linalg.qr(x),
    "svd": lambda x: martlet.linalg.svd(x),
    "svd wide": lambda x: martlet.linalg.svd(x[:, :20].mT, False),
    "svdvals": lambda x: martlet.linalg.svdvals(x),
    "eigh": lambda x: martlet.linalg.eigh(x @ x.mT),
    "eigvalsh": lambda x: martlet.linalg.eigvalsh(x @ x.mT),
    "lu": lambda x: martlet.linalg.lu_factor(x)[:1],
    "cholesky": lambda x: martlet.linalg.cholesky(x @ x.mT + martlet.eye(90)),
    "inv": lambda x: martlet.linalg.inv(x),
    "solve": lambda x: martlet.linalg.solve(x, x[:, 0]),
    "triangular": lambda x: martlet.linalg.solve_triangular(x.tril(), x, upper=False, left=False),
    "lstsq": lambda x: martlet.linalg.lstsq(x[:, :30], x[:, :2], driver="gelsd")[:2],
    "householder": lambda x: martlet.linalg.householder_product(x, x[0]),
}


def results(made):
    return list(made) if isinstance(made, tuple) else [made]


def assert_equal(ours, theirs):
    assert martlet.equal(ours, theirs)


@pytest.mark.parametrize("name", CAPTURED)
def test_replays_are_eager_to_the_bit_also_after_unloading(name):
    inputs = [martlet.randn(90, 90) / 8 + 3 * martlet.eye(90) for _ in range(4)]
    expected = [results(CAPTURED[name](x)) for x in inputs]
    captured = martlet.capture(lambda x: [t + 0 for t in results(CAPTURED[name](x))])
    for x, want in zip(inputs[:3], expected):
        for a, b in zip(captured(x), want):
            assert_equal(a, b)
    blas.unload()
    for a, b in zip(captured(inputs[3]), expected[3]):
        assert_equal(a, b)


def test_gradients_replay():
    def step(x):
        x = x.detach().requires_grad_()
        u, s, vh = martlet.linalg.svd(x, False)
        q, r = martlet.linalg.qr(x)
        return martlet.autograd.grad((u * u * s) @ vh ** 2 + q * q @ r, x, martlet.ones(50, 40))[0]
    inputs = [martlet.randn(50, 40) for _ in range(4)]
    captured = martlet.capture(step)
    for x in inputs:
        assert_equal(captured(x), step(x))


def test_a_replay_ends_at_what_fails():
    captured = martlet.capture(lambda x: martlet.linalg.svd(x)[1] + 0)
    good = martlet.randn(40, 40)
    for _ in range(3):
        captured(good)
    with pytest.raises(martlet.linalg.LinAlgError, match="linalg.svd: The algorithm failed to converge because the input matrix contained non-finite"):
        captured(good * float("nan"))
    assert_equal(captured(good), martlet.linalg.svd(good)[1])


def test_a_batch_on_several_threads():
    a, before = martlet.randn(12, 40, 40), martlet.get_num_threads()
    calls = [lambda: results(martlet.linalg.svd(a)), lambda: results(martlet.linalg.eigh(a)), lambda: results(martlet.linalg.qr(a)),
             lambda: [martlet.linalg.solve(a, a), martlet.linalg.lstsq(a, a)[0]], lambda: results(martlet.linalg.lu_factor(a))]
    try:
        martlet.set_num_threads(1)
        expected = [call() for call in calls]
        martlet.set_num_threads(3)
        for call, want in zip(calls, expected):
            for x, y in zip(call(), want):
                assert martlet.equal(x, y)
    finally:
        martlet.set_num_threads(before)


def test_calls_of_several_threads():
    inputs = [martlet.randn(70, 50) for _ in range(4)]
    expected = [results(martlet.linalg.svd(x)) + results(martlet.linalg.eigh(x.mT @ x)) for x in inputs]
    wrong = []

    def work(x, want):
        for _ in range(5):
            got = results(martlet.linalg.svd(x)) + results(martlet.linalg.eigh(x.mT @ x))
            if not all(martlet.equal(a, b) for a, b in zip(got, want)):
                wrong.append(x)
    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# ---- Errors -----------------------------------------------------------------------------------------------------------

BAD = martlet.ones(2, 40, 40)
BAD[1, 3, 2] = float("nan")
SINGULAR = martlet.eye(90).repeat(2, 1, 1)
SINGULAR[1, 4, 4] = 0


@pytest.mark.parametrize("call", [
    lambda: martlet.linalg.svd(BAD), lambda: martlet.linalg.svdvals(BAD), lambda: martlet.linalg.svd(BAD[1, :, :10]),
    lambda: martlet.linalg.svd(BAD[1, :10]), lambda: martlet.linalg.pinv(BAD), lambda: martlet.linalg.lstsq(BAD, BAD),
    lambda: martlet.linalg.inv(SINGULAR), lambda: martlet.linalg.solve(SINGULAR, SINGULAR), lambda: martlet.linalg.lu_factor(SINGULAR),
    lambda: martlet.linalg.cholesky(-SINGULAR), lambda: martlet.linalg.eigh(BAD[0, :3]), lambda: martlet.linalg.qr(BAD.half())])
def test_errors_are_those_without_a_library(call):
    with pytest.raises(RuntimeError) as with_library:
        call()
    blas.unload()
    with pytest.raises(RuntimeError) as without:
        call()
    assert type(with_library.value) is type(without.value) and str(with_library.value) == str(without.value)


def test_numbers_that_are_none():
    assert martlet.linalg.eigh(BAD)[0][1].isnan().all() and martlet.linalg.eigvalsh(BAD)[1].isnan().all()
    assert martlet.linalg.eigh(BAD)[1][0].isfinite().all()
    assert martlet.linalg.qr(BAD)[1][1].isnan().any() and martlet.linalg.inv(BAD[1:] + martlet.eye(40)).isnan().any()


# ---- A library with integers of 32 bits, and one that fails -----------------------------------------------------------

@pytest.mark.usefixtures("shim")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(90, 90), (90, 50), (40, 90), (2, 36, 40)])
def test_integers_of_32_bits(shape, dtype):
    assert "libshim" in blas.name
    test_qr(shape, dtype)
    test_singular_values_and_vectors_with_their_signs(shape, dtype)
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        test_least_squares(shape, driver, dtype)
    if shape == (90, 90):
        test_eigenvalues_and_vectors_with_their_signs(shape, dtype)
        test_systems((2, 1), 7, dtype)
        test_systems((), 1, dtype)
        same(lambda t, x: t.linalg.lu_factor(x), [rand(2, *shape, dtype=dtype)], dtype)
        same(lambda t, x: t.linalg.cholesky(x), [positive(90, 2, dtype=dtype)], dtype)


@pytest.mark.usefixtures("shim")
@pytest.mark.parametrize("shape", [(40, 40), (90, 50), (40, 90)])
def test_singular_values_where_divide_and_conquer_fails(shape, monkeypatch):
    monkeypatch.setenv("LAPACK_FAILS", "gesdd bdsdc")
    a = rand(2, *shape)
    for full in (False, True):
        u, s, vh = (x.numpy() for x in martlet.linalg.svd(martlet.from_numpy(a), full))
        k = min(shape)
        np.testing.assert_allclose(u[..., :k] * s[:, None] @ vh[:, :k], a, atol=1e-12)
        for x in (np.swapaxes(u, 1, 2) @ u, vh @ np.swapaxes(vh, 1, 2)):
            np.testing.assert_allclose(x, np.broadcast_to(np.eye(x.shape[-1]), x.shape), atol=1e-12)
    same(lambda t, x: t.linalg.svdvals(x), [a])


@pytest.mark.usefixtures("shim")
@pytest.mark.parametrize("shape", [(40, 40), (90, 50), (40, 90)])
def test_errors_of_convergence_are_torchs(shape, monkeypatch):
    monkeypatch.setenv("LAPACK_FAILS", "gesdd bdsdc gesvd syevd gels")
    a = martlet.randn(2, *shape)
    begin = r"\(Batch element 0\): The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated"
    for call in (martlet.linalg.svd, martlet.linalg.svdvals):
        with pytest.raises(martlet.linalg.LinAlgError, match=rf"^linalg.svd: {begin} singular values \(error code: 1\)\.$"):
            call(a)
    for call in (martlet.linalg.eigh, martlet.linalg.eigvalsh):
        with pytest.raises(martlet.linalg.LinAlgError, match=rf"^linalg.eigh: {begin} eigenvalues \(error code: 1\)\.$"):
            call(a[:, :40, :40])
    with pytest.raises(martlet.linalg.LinAlgError, match=r"^torch.linalg.lstsq: \(Batch element 0\): The least squares solution could "
                       r"not be computed because the input matrix does not have full rank \(error code: 1\)\.$"):
        martlet.linalg.lstsq(a, a, driver="gels")
