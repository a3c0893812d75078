"""Reductions, softmax and running sums against torch."""
import numpy as np
import pytest

from opcompare import check_error, check_op, rand

DIMS = [None, 0, -1, (0, 2), ()]


def functional(t):
    return t.nn.functional


@pytest.mark.parametrize("name", ["sum", "mean", "nansum", "nanmean", "amax", "amin", "std", "var", "logsumexp"])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("keepdim", [False, True])
def test_over_dims(name, dim, keepdim):
    if dim is None:
        if name in ("sum", "mean"):
            check_op(lambda t, x: getattr(t, name)(x), [rand(2, 3, 4)])
            return
        if name == "logsumexp":
            return
    if name == "logsumexp" and dim == ():
        return  # torch fails on it
    # torch's gradient of a variance over an empty list of dims divides by zero.
    order = 0 if dim == () and name in ("std", "var") else 2
    check_op(lambda t, x: getattr(t, name)(x, dim=dim, keepdim=keepdim), [rand(2, 3, 4)], grad=order > 0)


@pytest.mark.parametrize("name", ["sum", "prod", "amax", "amin", "any", "all", "max", "min", "count_nonzero"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_dtypes(name, dtype):
    x = np.array([[1, 0, 2], [0, 3, 1]]).astype(dtype)
    check_op(lambda t, x: getattr(t, name)(x), [x], grad=False)
    check_op(lambda t, x: tuple(r) if isinstance(r := getattr(t, name)(x, 1), tuple) else r, [x], grad=False)


@pytest.mark.parametrize("name", ["max", "min", "median", "nanmedian", "mode", "cummax", "cummin"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_values_and_indices(name, dim):
    check_op(lambda t, x: getattr(t, name)(x, dim), [rand(4, 3, 5)])
    if not name.startswith("cum"):
        check_op(lambda t, x: getattr(t, name)(x, dim, keepdim=True), [rand(4, 3, 5)])


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "median"])
def test_equal_elements_share_the_gradient(name):
    x = np.array([[1.0, 3, 3], [3, 0, 1]])
    check_op(lambda t, x: getattr(t, name)(x), [x])
    if name[0] == "a":
        check_op(lambda t, x: getattr(t, name)(x, 1), [x])


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "amax", "cummax", "cummin", "median", "nanmedian", "nansum",
                                  "nanmean", "logcumsumexp"])
def test_nan(name):
    x = np.array([[1.0, np.nan, 3], [np.nan, 0, np.nan], [5, 4, 6]])
    check_op(lambda t, x: getattr(t, name)(x, 1), [x], order=1)


@pytest.mark.parametrize("other", [(3, 4), (4,), ()])
def test_binary_max_and_min(other):
    check_op(lambda t, a, b: t.max(a, b) + t.min(a, b) * 2, [rand(3, 4), rand(*other, seed=3)], order=1)


@pytest.mark.parametrize("zeros", [[], [(0, 1)], [(0, 1), (0, 2)], [(0, 0), (1, 0)]])
def test_products_with_zeros(zeros):
    x = rand(3, 4)
    for at in zeros:
        x[at] = 0
    check_op(lambda t, x: t.prod(x), [x])
    check_op(lambda t, x: x.prod(1), [x])
    check_op(lambda t, x: x.prod(0, keepdim=True), [x])
    check_op(lambda t, x: x.cumprod(1), [x])
    check_op(lambda t, x: x.cumprod(0), [x])


def test_argmax():
    x = rand(3, 4, 2)
    for f in (lambda t, x: x.argmax(), lambda t, x: x.argmin(1), lambda t, x: x.argmax(-1, keepdim=True),
              lambda t, x: x.argmax(keepdim=True)):
        check_op(f, [x], grad=False)
    check_op(lambda t, x: x.argmax(1), [np.array([[1.0, 1, 0], [0, 2, 2]])], grad=False)


def test_aminmax():
    check_op(lambda t, x: t.aminmax(x), [rand(3, 4)])
    check_op(lambda t, x: t.aminmax(x, dim=1, keepdim=True), [rand(3, 4)])


@pytest.mark.parametrize("name", ["std", "var", "std_mean", "var_mean"])
@pytest.mark.parametrize("call", [
    lambda f, x: f(x), lambda f, x: f(x, False), lambda f, x: f(x, 1), lambda f, x: f(x, 1, False), lambda f, x: f(x, 1, True, True),
    lambda f, x: f(x, (0, 1), correction=0), lambda f, x: f(x, dim=0, correction=2, keepdim=True), lambda f, x: f(x, unbiased=False)])
def test_spread(name, call):
    check_op(lambda t, x: call(getattr(t, name), x), [rand(4, 5)])


def test_deviation_of_equal_elements():
    check_op(lambda t, x: x.std(1), [np.ones((2, 3))], order=1)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), -float("inf"), -1])
@pytest.mark.parametrize("dim", [None, 0, (0, 1)])
def test_vector_norm(p, dim):
    check_op(lambda t, x: t.linalg.vector_norm(x, p, dim), [rand(3, 4)])
    check_op(lambda t, x: t.norm(x, p, dim, keepdim=dim is not None), [rand(3, 4)])


def test_norm_forms():
    for call in (lambda t, x: x.norm(), lambda t, x: x.norm(dim=1), lambda t, x: t.norm(x, "fro"), lambda t, x: t.linalg.norm(x),
                 lambda t, x: t.linalg.norm(x, 1), lambda t, x: t.linalg.norm(x, float("-inf")), lambda t, x: t.linalg.norm(x, "fro", (0, 1)),
                 lambda t, x: t.linalg.norm(x, dim=0), lambda t, x: t.linalg.matrix_norm(x), lambda t, x: t.linalg.matrix_norm(x, -1, keepdim=True)):
        check_op(call, [rand(3, 4)])
    check_op(lambda t, x: x.norm(), [np.zeros(3)], order=1)
    check_op(lambda t, a, b: t.dist(a, b, 3), [rand(3, 4), rand(4, seed=5)])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_softmax(name, dim):
    check_op(lambda t, x: getattr(t, name)(x, dim), [rand(3, 4, 5)])
    check_op(lambda t, x: getattr(x, name)(dim), [rand(3, 4, 5, dtype="float32") * 30], rtol=1e-4, atol=1e-5)
    check_op(lambda t, x: getattr(x.transpose(0, 2), name)(dim), [rand(3, 4, 5)])
    check_op(lambda t, x: getattr(functional(t), name)(x, dim, dtype=t.float64), [rand(3, 4, 5, dtype="float32")], order=1)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_running(name, dim):
    check_op(lambda t, x: getattr(t, name)(x, dim), [rand(3, 4, 2)])
    check_op(lambda t, x: getattr(t, name)(x, 0), [np.array(2.0)])


def test_logcumsumexp_of_large_numbers():
    check_op(lambda t, x: t.logcumsumexp(x, 0), [np.array([-1000.0, 1000, 999, -np.inf, 1001])], order=1)
    check_op(lambda t, x: t.logcumsumexp(x, 0), [np.array([-np.inf, -np.inf, 2.0])], grad=False)


def test_running_in_place():
    def call(t, x):
        y = x * 1
        y.cumsum_(1).cumprod_(0)
        return y
    check_op(call, [rand(3, 4)])


def test_diff():
    check_op(lambda t, x: t.diff(x), [rand(3, 4)])
    check_op(lambda t, x, a, b: t.diff(x, 2, 0, a, b), [rand(3, 4), rand(1, 4), rand(2, 4)])
    check_op(lambda t, x: t.diff(x), [np.array([True, False, False])], grad=False)
    check_op(lambda t, x: t.diff(x, 0) * 1, [rand(3)])


def test_trace_and_count():
    check_op(lambda t, x: t.trace(x), [rand(3, 4)])
    check_op(lambda t, x: t.count_nonzero(x, 0), [np.array([[1.0, 0], [2, 0]])], grad=False)


def test_empty():
    x = np.zeros((0, 3))
    for call in (lambda t, x: x.sum(), lambda t, x: x.prod(0), lambda t, x: x.max(1).values, lambda t, x: x.all(), lambda t, x: x.any(0),
                 lambda t, x: x.logsumexp(0), lambda t, x: x.cumsum(0), lambda t, x: x.norm(), lambda t, x: x.softmax(1), lambda t, x: x.mean(0)):
        check_op(call, [x], grad=False)


ERRORS = [
    lambda t: t.zeros(0, 3).max(), lambda t: t.zeros(0, 3).max(0), lambda t: t.zeros(0, 3).amax(), lambda t: t.zeros(0).argmax(),
    lambda t: t.ones(2).max(1), lambda t: t.ones(2, 2).amax((0, 0)), lambda t: t.ones(2, dtype=t.bool).argmax(),
    lambda t: t.ones(2, dtype=t.int64).std(), lambda t: t.ones(2, dtype=t.int64).mean(), lambda t: t.ones(2, dtype=t.int64).norm(),
    lambda t: t.softmax(t.ones(2, dtype=t.int64), 0), lambda t: t.ones(2).softmax(1), lambda t: t.ones(2).trace(),
    lambda t: t.ones(2).cumsum(3), lambda t: t.ones(2).diff(n=-1), lambda t: t.linalg.matrix_norm(t.ones(2)),
    lambda t: t.linalg.matrix_norm(t.ones(2, 2), 3), lambda t: t.linalg.matrix_norm(t.ones(2, 2), "no"),
    lambda t: t.linalg.norm(t.ones(2, 2, 2), 2), lambda t: t.linalg.vector_norm(t.zeros(0), float("inf")),
    lambda t: t.linalg.vector_norm(t.ones(2), dtype=t.int64), lambda t: t.ones(2, dtype=t.int64).nanmean(),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    ours, theirs = check_error(call)
    assert str(ours) == str(theirs)


def test_named_tuples_print_as_torchs(torch):
    import martlet
    for call in (lambda t, x: x.max(1), lambda t, x: x.sort(), lambda t, x: t.aminmax(x), lambda t, x: x.median(0), lambda t, x: x.topk(1)):
        ours, theirs = (call(t, t.tensor([[1.0, 2], [4, 3]])) for t in (martlet, torch))
        assert repr(ours) == repr(theirs)
    assert martlet.tensor([[1.0, 2]]).max(1).indices.item() == 1
    with pytest.raises(TypeError, match=r"takes a 2-sequence \(3-sequence given\)"):
        martlet.return_types.max((1, 2, 3))


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "var"])
@pytest.mark.parametrize("dim", [0, 1, 2, 3, (0, 2), (1, 3), (0, 1, 3), (1, 2)])
def test_memory_orders(name, dim):
    for order in ((0, 1, 2, 3), (3, 1, 0, 2), (1, 0, 2, 3)):
        check_op(lambda t, x: getattr(t, name)(x.permute(*order), dim), [rand(2, 3, 4, 5)])
        check_op(lambda t, x: getattr(t, name)(x[:, 1:].permute(*order), dim), [rand(2, 3, 4, 5)], order=1)


def test_numpy_names():
    for call in (lambda t, x: x.sum(axis=1, keepdims=True), lambda t, x: t.mean(x, axis=0), lambda t, x: t.softmax(x, axis=1),
                 lambda t, x: t.cat([x, x], axis=1), lambda t, x: x.cumsum(axis=0), lambda t, x: x.max(axis=0, keepdims=True).values,
                 lambda t, x: x.std(axis=0), lambda t, x: x.sort(axis=0).values, lambda t, x: t.stack([x, x], axis=2)):
        check_op(call, [rand(3, 4)])
    check_error(lambda t: t.ones(2).cumsum(), message='cumsum() missing 1 required positional arguments: "dim"')
