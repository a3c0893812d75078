"""Sorting, order statistics, searching and counting against torch."""
import numpy as np
import pytest

from opcompare import check_error, check_op, rand


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sort(dim, descending):
    check_op(lambda t, x: t.sort(x, dim, descending), [rand(3, 4, 5)])
    check_op(lambda t, x: t.sort(x, dim=dim, descending=descending, stable=True), [rand(3, 4, 5)])
    check_op(lambda t, x: x.argsort(dim, descending), [rand(3, 4, 5)], grad=False)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("n", [7, 300])
def test_stable_sort(dtype, descending, n):
    x = np.random.RandomState(n).randint(-20, 20, n).astype(dtype)
    check_op(lambda t, x: t.sort(x, stable=True, dim=0, descending=descending), [x], grad=False)


def test_sort_of_special_numbers():
    x = np.array([1.0, np.nan, -np.inf, 0.0, -0.0, np.inf, np.nan, -3.5])
    for descending in (False, True):
        check_op(lambda t, x: t.sort(x, stable=True, descending=descending, dim=0), [x], grad=False)
        check_op(lambda t, x: t.sort(x, stable=True, descending=descending, dim=0), [x.astype("float32")], grad=False)
    big = np.array([2 ** 62, -2 ** 63, 5, 2 ** 63 - 1, -1])
    check_op(lambda t, x: t.sort(x), [big], grad=False)


@pytest.mark.parametrize("k", [0, 1, 3, 5])
@pytest.mark.parametrize("largest", [True, False])
def test_topk(k, largest):
    check_op(lambda t, x: t.topk(x, k, largest=largest), [rand(3, 5)])
    check_op(lambda t, x: x.topk(min(k, 3), 0, largest), [rand(3, 5)])


def test_topk_of_many():
    check_op(lambda t, x: x.topk(40), [rand(2, 400)], order=1)
    check_op(lambda t, x: x.topk(4), [rand(2, 400)], order=1)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_kthvalue(k):
    check_op(lambda t, x: t.kthvalue(x, k), [rand(3, 5)])
    check_op(lambda t, x: t.kthvalue(x, min(k, 3), 0, True), [rand(3, 5)])


def test_msort_and_modes():
    check_op(lambda t, x: t.msort(x), [rand(4, 3)])
    check_op(lambda t, x: t.mode(x), [np.array([[1, 2, 2, 1], [3, 3, 0, 0]])], grad=False)


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("dim", [None, 0, 1, 2])
@pytest.mark.parametrize("keepdim", [False, True])
def test_quantile(interpolation, dim, keepdim):
    def call(name, q):
        def run(t, x):
            fractions = t.tensor(q, dtype=x.dtype) if isinstance(q, list) else q
            # The names of the last steps are an implementation's own; compare what they compute.
            return getattr(t, name)(x, fractions, dim, keepdim, interpolation=interpolation) * 1
        return run
    x = rand(3, 4, 5)
    for q in (0.3, [0.0, 0.55, 1.0]):
        check_op(call("quantile", q), [x])
        x[1, 2, 3] = np.nan
        check_op(call("nanquantile", q), [x], order=1)
        check_op(call("quantile", q), [x], order=1)
        x = rand(3, 4, 5)


@pytest.mark.parametrize("right", [False, True])
def test_searching(right):
    edges, x = np.array([1.0, 2, 2, 5]), np.array([[0.0, 2, 7], [1, 5, 3]])
    check_op(lambda t, e, x: t.searchsorted(e, x, right=right), [edges, x], grad=False)
    check_op(lambda t, e, x: t.bucketize(x, e, right=right, out_int32=True), [edges, x], grad=False)
    check_op(lambda t, e: t.searchsorted(e, 2.5, side="right" if right else "left"), [edges], grad=False)
    rows = np.array([[1.0, 3, 5], [2, 4, 6]])
    check_op(lambda t, e, x: t.searchsorted(e, x, right=right), [rows, x], grad=False)
    check_op(lambda t, e, x: t.searchsorted(e, x, sorter=t.tensor([1, 2, 0])), [np.array([3, 1, 2]), np.array([2, 9])], grad=False)


def test_counting():
    x = np.array([1, 4, 1, 0])
    check_op(lambda t, x: t.bincount(x), [x], grad=False)
    check_op(lambda t, x: t.bincount(x, minlength=9), [x], grad=False)
    check_op(lambda t, x, w: t.bincount(x, w), [x, np.array([0.5, 1, 2, 3])], grad=False)
    check_op(lambda t, x: t.histc(x, 5), [rand(20)], grad=False)
    check_op(lambda t, x: t.histc(x, 4, min=-1, max=1), [rand(20, dtype="float32")], grad=False)


@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("name", ["unique", "unique_consecutive"])
def test_distinct(name, dim):
    x = np.array([[3, 3, 1], [3, 3, 1], [0, 0, 2]])
    check_op(lambda t, x: getattr(t, name)(x, dim=dim), [x], grad=False)
    check_op(lambda t, x: getattr(t, name)(x, return_inverse=True, return_counts=True, dim=dim), [x], grad=False)
    check_op(lambda t, x: getattr(t, name)(x, return_counts=True), [np.array([1.0, np.nan, 1, np.nan])], grad=False)


ERRORS = [
    lambda t: t.ones(3).topk(4), lambda t: t.ones(3).kthvalue(0), lambda t: t.ones(3).sort(1), lambda t: t.ones(3).quantile(2.0),
    lambda t: t.arange(3).quantile(0.5), lambda t: t.ones(3).quantile(0.5, interpolation="no"), lambda t: t.zeros(0).quantile(0.5),
    lambda t: t.ones(2, dtype=t.bool).topk(1), lambda t: t.bincount(t.tensor([-1])), lambda t: t.bincount(t.tensor([1.0])),
    lambda t: t.histc(t.arange(3)), lambda t: t.histc(t.ones(3), bins=0), lambda t: t.zeros(0, 2).median(0),
    lambda t: t.searchsorted(t.zeros(2, 3), t.zeros(3, 2)), lambda t: t.bucketize(t.ones(2), t.ones(2, 2)),
    lambda t: t.searchsorted(t.zeros(3), t.zeros(2), side="no"),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    ours, theirs = check_error(call)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("n", [2, 5, 17, 40, 200, 900])
def test_which_of_equal_elements(n):
    for trial in range(12):
        random = np.random.RandomState(trial + n)
        x = random.randint(0, [2, 5, n][trial % 3], n).astype(["int64", "float32", "uint8"][trial % 3])
        k = int(random.randint(1, min(n, 9) if trial % 2 else n))
        for call in (lambda t, x: t.topk(x, k), lambda t, x: t.topk(x, k, largest=False, sorted=False), lambda t, x: t.kthvalue(x, k),
                     lambda t, x: t.median(x, 0), lambda t, x: t.mode(x), lambda t, x: t.sort(x)):
            check_op(call, [x], grad=False)


def test_arguments_of_a_wrong_type():
    for call in (lambda t: t.sort(3), lambda t: t.ones(2).sort("a"), lambda t: t.median(None), lambda t: t.ones(2).median("a"),
                 lambda t: t.max(3), lambda t: t.ones(2).max("a"), lambda t: t.ones(2).std("a"), lambda t: t.ones(2).quantile("a"),
                 lambda t: t.unique(3), lambda t: t.ones(2).norm(2, "a"), lambda t: t.linalg.matrix_norm(t.ones(2, 2), 2, (0, "a"))):
        check_error(call)
