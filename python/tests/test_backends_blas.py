"""martlet.backends.blas: a BLAS loaded at run time. The one to load comes with NumPy's wheel; without it, only failures."""
import glob
import os
import subprocess
import sys

import pytest

import martlet as torch
from martlet.backends import blas


def _openblas():
    try:
        import numpy
    except ImportError:
        return None
    root = os.path.join(os.path.dirname(os.path.dirname(numpy.__file__)), "numpy.libs")
    return next(iter(sorted(glob.glob(os.path.join(root, "lib*openblas*.so*")))), None)


OPENBLAS = _openblas()
needs_openblas = pytest.mark.skipif(OPENBLAS is None, reason="NumPy's wheel with its OpenBLAS is not installed")


@pytest.fixture
def loaded():
    blas.load(OPENBLAS)
    yield
    blas.unload()


def run(code, **variables):
    """A fresh process, without a BLAS unless the variables name one."""
    environment = {k: v for k, v in os.environ.items() if k != "MARTLET_BLAS"}
    root = os.path.dirname(os.path.dirname(os.path.abspath(torch.__file__)))
    environment["PYTHONPATH"] = root
    return subprocess.run([sys.executable, "-c", code], env={**environment, **variables}, capture_output=True, text=True)


def test_none_is_loaded_by_default():
    result = run("import martlet; b = martlet.backends.blas; print(b.name, b.table())")
    assert result.stdout == "None []\n", result.stderr


def test_a_missing_library_says_what_was_tried():
    with pytest.raises(RuntimeError, match=r"no library of 'blis' was found; tried libblis.so.4, libblis.so.3"):
        result = blas.load("blis")
        pytest.skip(f"a BLIS is installed: {result}")
    assert blas.name is None


def test_a_broken_path_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="'/nowhere/libblas.so' is neither openblas, blis, mkl nor a library that loads: .*No such file"):
        blas.load("/nowhere/libblas.so")
    (tmp_path / "libbroken.so").write_bytes(b"no library")
    with pytest.raises(RuntimeError, match="libbroken.so' is neither .* nor a library that loads"):
        blas.load(tmp_path / "libbroken.so")
    with pytest.raises(TypeError, match="argument 'library' must be a name or a path, not int"):
        blas.load(3)


def test_a_library_without_the_functions_is_an_error():
    with pytest.raises(RuntimeError, match="' has no functions cblas_sgemm and cblas_dgemm"):
        blas.load(torch._native.lib.path)


def test_the_variable_is_read():
    result = run("import martlet", MARTLET_BLAS="/nowhere/libblas.so")
    assert result.returncode != 0 and "RuntimeError: blas: '/nowhere/libblas.so' is neither" in result.stderr


@needs_openblas
def test_the_variable_loads_a_wheels_library():
    result = run("import martlet; b = martlet.backends.blas; print('openblas' in b.name, len(b.table()) > 0)", MARTLET_BLAS="openblas")
    assert result.stdout == "True True\n", result.stderr


@needs_openblas
def test_the_table_and_unloading(loaded):
    assert os.path.samefile(blas.name, OPENBLAS)
    table = blas.table()
    assert {line.dtype for line in table} == {torch.float32, torch.float64}
    assert {(line.transposed_a, line.transposed_b) for line in table} == {(False, False), (False, True), (True, False)}
    for line in table:
        assert line.embedded_seconds > 0 and line.blas_seconds > 0
        assert line.used == (line.blas_seconds < 0.9 * line.embedded_seconds)
    with pytest.raises(RuntimeError):
        blas.load("/nowhere/libblas.so")
    assert os.path.samefile(blas.name, OPENBLAS)
    blas.unload()
    assert blas.name is None and blas.table() == []


@needs_openblas
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_products_are_the_same_but_for_rounding(dtype, threads):
    """Whichever classes the library was faster in, every layout, bias and batch comes out as without it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    cases = []
    for m, n, k in [(33, 40, 50), (128, 96, 130), (300, 257, 256), (16, 300, 200), (200, 16, 100), (150, 200, 16)]:
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
        at, bt = torch.randn(k, m, dtype=dtype).t(), torch.randn(n, k, dtype=dtype).t()
        c, bias = torch.randn(m, n, dtype=dtype), torch.randn(n, dtype=dtype)
        wide = torch.randn(m, 2 * k + 3, dtype=dtype)
        cases += [
            lambda a=a, b=b: a @ b, lambda a=a, b=bt: a @ b, lambda a=at, b=b: a @ b, lambda a=at, b=bt: a @ b,
            lambda a=a, b=b, c=c: torch.addmm(c, a, b, beta=0.5, alpha=-2), lambda a=a, b=bt, s=bias: torch.nn.functional.linear(a, b.t(), s),
            lambda w=wide, b=b, k=k: w[:, 1:k + 1] @ b, lambda w=wide, b=b, k=k: w[:, 1:2 * k:2] @ b,
            lambda a=a, b=b, k=k: a[:1].expand(40, k) @ b,
        ]
    batch = torch.randn(5, 64, 64, dtype=dtype)
    cases.append(lambda: torch.bmm(batch, batch.transpose(1, 2)))
    try:
        expected = [case() for case in cases]
        blas.load(OPENBLAS)
        for case, want in zip(cases, expected):
            torch.testing.assert_close(case(), want, rtol=2e-4 if dtype == torch.float32 else 1e-10, atol=1e-4 if dtype == torch.float32 else 1e-10)
    finally:
        blas.unload()
        torch.set_num_threads(before)
    for case, want in zip(cases, expected):
        assert torch.equal(case(), want)


@needs_openblas
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factorisations_by_lapack(dtype):
    torch.manual_seed(2)
    square, tall, wide = (torch.randn(*s, dtype=dtype) for s in [(2, 90, 90), (120, 84), (86, 110)])
    definite = square @ square.mT + 90 * torch.eye(90, dtype=dtype)
    broken = definite.clone()
    broken[1, 60, 60] = -1
    singular = square[0].clone()
    singular[:, 50] = 0

    def results():
        out = []
        for a in (square, tall, wide, singular):
            lu, pivots, info = torch.linalg.lu_factor_ex(a)
            out += [lu, pivots, info]
        out += [torch.linalg.cholesky(definite), torch.linalg.cholesky(definite, upper=True), torch.linalg.cholesky_ex(broken)[1]]
        out += [torch.linalg.solve(square, square.mT), torch.linalg.det(square[0] / 10)]
        return out
    expected = results()
    blas.load(OPENBLAS)
    try:
        for got, want in zip(results(), expected):
            if want.dtype == dtype:
                torch.testing.assert_close(got, want, rtol=2e-3 if dtype == torch.float32 else 1e-9, atol=2e-3 if dtype == torch.float32 else 1e-9)
            else:
                assert torch.equal(got, want)
        with pytest.raises(torch.linalg.LinAlgError, match=r"Batch element 1\).*minor of order 61"):
            torch.linalg.cholesky(broken)
    finally:
        blas.unload()
