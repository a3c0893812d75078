"""The ways convolutions and pooling are computed, chosen by shape: each against torch, with gradients of two orders."""
import os
import subprocess
import sys

import numpy as np
import pytest

import martlet
from opcompare import check_op, rand

F = "nn.functional"


def f(name, *args, **options):
    return lambda t, *x: getattr(t.nn.functional, name)(*x, *args, **options)


# Input, weight and options. By blocks of samples: batches that fill vectors; by channels: those that do, with kernels of
# their own, too; by lines of places: the others.
CONVOLUTIONS = [
    ((16, 1, 9, 11), (6, 1, 5, 5), {}),
    ((17, 3, 8, 8), (7, 3, 3, 3), {"padding": 1}),
    ((33, 2, 7, 6), (3, 2, 2, 3), {"stride": 2, "padding": (0, 1)}),
    ((16, 4, 9, 5), (10, 2, 3, 3), {"stride": (3, 2), "groups": 2, "padding": 1}),
    ((15, 2, 3, 2), (5, 2, 3, 3), {"padding": (4, 3), "dilation": (2, 1)}),
    ((32, 6, 5, 5), (6, 1, 3, 3), {"groups": 6, "padding": 1, "stride": 2}),
    ((16, 3, 40), (8, 3, 3), {"padding": 1}),
    ((1, 3, 21, 37), (9, 3, 3, 3), {"padding": 1}),
    ((2, 5, 19, 40), (16, 5, 5, 3), {"stride": 2, "padding": 2}),
    ((3, 4, 11, 7), (6, 2, 3, 3), {"stride": (1, 3), "groups": 2, "dilation": (2, 1)}),
    ((5, 8, 7, 7), (8, 1, 3, 3), {"groups": 8, "padding": 1}),
    ((2, 3, 1, 2), (4, 3, 3, 5), {"padding": (3, 6)}),
    ((1, 2, 9, 9), (3, 2, 1, 1), {"stride": 2}),
    ((2, 2, 9, 30), (3, 2, 3, 3), {"stride": 5, "padding": 1}),
    ((3, 4, 50), (5, 4, 4), {"stride": 2, "dilation": 3}),
    ((0, 2, 6, 6), (3, 2, 3, 3), {"padding": 1}),
    ((3, 8, 7, 7), (38, 8, 3, 3), {"padding": 1}),
    ((2, 33, 9, 15), (64, 33, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 70, 5, 6), (32, 70, 1, 1), {"stride": 2}),
    ((2, 32, 6, 7), (40, 32, 1, 1), {"stride": 2, "padding": 1}),
    ((2, 40, 3, 7), (48, 40, 1, 1), {}),
    ((2, 64, 6, 7), (96, 32, 3, 2), {"groups": 2, "stride": (1, 3), "padding": (2, 1), "dilation": (2, 1)}),
    ((2, 31, 9, 12), (31, 1, 3, 3), {"groups": 31, "stride": 2, "padding": 1}),
    ((3, 32, 7, 7), (32, 1, 5, 3), {"groups": 32, "padding": (2, 1)}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("x, w, options", CONVOLUTIONS)
def test_convolution(torch, x, w, options, dtype):
    tolerances = {} if dtype == "float64" else {"rtol": 2e-4, "atol": 2e-4}
    inputs = [rand(*x, dtype=dtype), rand(*w, dtype=dtype), rand(w[0], dtype=dtype)]
    check_op(f(f"conv{len(x) - 2}d", **options), inputs, **tolerances)
    check_op(f(f"conv{len(x) - 2}d", **options), inputs[:2], order=1, **tolerances)


@pytest.mark.parametrize("n", [2, 16])
@pytest.mark.parametrize("options", [{"stride": 2, "output_padding": 1}, {"padding": 2, "dilation": 2}, {"stride": (3, 1), "groups": 2}])
def test_transposed_convolution(torch, n, options):
    groups = options.get("groups", 1)
    check_op(f("conv_transpose2d", **options), [rand(n, 4, 6, 5), rand(4, 3, 3, 3), rand(3 * groups)])


@pytest.mark.parametrize("n", [3, 16])
def test_convolution_of_strided_tensors(torch, n):
    check_op(lambda t, x, w, b: t.nn.functional.conv2d(x.permute(0, 3, 1, 2)[:, :, ::2], w.transpose(0, 1).flip(3), b[::2], padding=1),
             [rand(n, 12, 7, 3), rand(3, 5, 3, 3), rand(10)])


@pytest.mark.parametrize("n", [2, 16])
def test_convolution_gradgradcheck(n):
    def call(x, w, b):
        return martlet.nn.functional.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
    inputs = [martlet.tensor(rand(*s), requires_grad=True) for s in [(n, 2, 5, 4), (4, 1, 2, 3), (4,)]]
    assert martlet.autograd.gradcheck(call, inputs)
    assert martlet.autograd.gradgradcheck(call, inputs)


@pytest.mark.parametrize("x, w", [((64, 6, 12, 12), (16, 6, 5, 5)), ((5, 32, 20, 20), (40, 32, 3, 3)), ((1, 16, 30, 30), (64, 16, 3, 3)),
                                  ((9, 64, 14, 14), (70, 64, 3, 3)), ((4, 48, 9, 9), (48, 1, 3, 3))])
def test_convolution_is_the_same_on_any_number_of_threads(x, w):
    before = martlet.get_num_threads()
    arrays = [rand(*s, dtype="float32") for s in (x, w, w[:1])]

    def run(threads):
        martlet.set_num_threads(threads)
        leaves = [martlet.tensor(a, requires_grad=True) for a in arrays]
        y = martlet.nn.functional.conv2d(*leaves, padding=1, groups=x[1] // w[1])
        return [y, *martlet.autograd.grad((y * y).sum(), leaves)]
    try:
        one, three = run(1), run(3)
    finally:
        martlet.set_num_threads(before)
    assert all(martlet.equal(a, b) for a, b in zip(one, three))


# Sizes and windows: read in place, by lines, and those left to the loops for any window.
POOLS = [
    ((3, 2, 24, 24), 2, {}),
    ((2, 3, 8, 70), 2, {}),
    ((2, 3, 9, 41), (2, 3), {"stride": 1}),
    ((1, 2, 13, 77), 3, {"stride": 2}),
    ((2, 2, 56, 56), 3, {"stride": 2, "padding": 1}),
    ((2, 3, 14, 35), 3, {"stride": 1, "padding": 1}),
    ((2, 3, 15, 15), 3, {"stride": 2, "ceil_mode": True}),
    ((2, 2, 17, 33), (5, 4), {"stride": 3, "padding": 2, "ceil_mode": True}),
    ((2, 5, 40), 3, {"stride": 2, "padding": 1}),
    ((2, 2, 7, 7), 7, {}),
    ((1, 2, 30, 30), 12, {"stride": 1, "padding": 6}),
    ((2, 0, 8, 8), 2, {}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("x, kernel, options", POOLS)
def test_pool(torch, x, kernel, options, dtype):
    n = len(x) - 2
    if 0 not in x:
        check_op(f(f"max_pool{n}d", kernel, return_indices=True, **options), [rand(*x, dtype=dtype)])
        check_op(f(f"avg_pool{n}d", kernel, **options), [rand(*x, dtype=dtype)])
        check_op(f(f"avg_pool{n}d", kernel, count_include_pad=False, **options), [rand(*x, dtype=dtype)])
    if n == 2 and 0 not in x:
        check_op(f("avg_pool2d", kernel, divisor_override=7, **options), [rand(*x, dtype=dtype)])
        check_op(f("max_pool2d", kernel, return_indices=True, **options), [rand(*x, dtype=dtype).transpose(0, 1, 3, 2)])


@pytest.mark.parametrize("options", [{"stride": 2}, {"stride": 1, "padding": 1, "dilation": 2}, {"stride": 2, "padding": 1}])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_max_pool_of_what_does_not_compare(torch, options, dtype):
    """NaN wins and the last of them counts; of equals, infinities among them, the first."""
    x = np.random.RandomState(1).choice([1.0, 2.0, -np.inf, np.inf, np.nan], (2, 3, 20, 43), p=[.4, .3, .2, .05, .05]).astype(dtype)
    check_op(f("max_pool2d", 3, return_indices=True, **options), [x], order=1)
    check_op(f("max_pool2d", 3, return_indices=True, **options), [np.full_like(x, -np.inf)], order=1)


@pytest.mark.parametrize("size", [1, 2, (4, 3), 5])
def test_adaptive_pool_of_equal_windows(torch, size):
    check_op(f("adaptive_avg_pool2d", size), [rand(2, 3, 20, 30)])
    check_op(f("adaptive_max_pool2d", size, return_indices=True), [rand(2, 3, 20, 30)])


@pytest.mark.parametrize("cpu", ["avx2", "generic"])
def test_other_instruction_sets(torch, cpu):
    here = os.path.abspath(__file__)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", here, "-k", "not other_instruction_sets"],
        env={**os.environ, "MARTLET_CPU": cpu}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
