"""First and second derivatives of reductions, sorting and normalisation against finite differences."""
import numpy as np
import pytest

import martlet
from martlet.autograd import gradcheck, gradgradcheck

F = martlet._ops.F


def leaf(*shape, seed=0, low=-2.0, high=2.0):
    """Numbers that lie apart, so that no step of a difference changes their order."""
    n = int(np.prod(shape))
    values = np.linspace(low, high, n)[np.random.RandomState(seed).permutation(n)] + 0.013
    return martlet.from_numpy(values.reshape(shape)).requires_grad_()


ONE = {
    "sum": lambda x: x.sum((0, 2)), "mean": lambda x: x.mean(1), "prod": lambda x: x.prod(), "prod dim": lambda x: x.prod(1),
    "max": lambda x: x.max(), "max dim": lambda x: x.max(1).values, "amax": lambda x: x.amax((0, 1)), "amin": lambda x: x.amin(),
    "aminmax": lambda x: martlet.aminmax(x, dim=2), "median": lambda x: x.median(), "median dim": lambda x: x.median(1).values,
    "nanmedian": lambda x: x.nanmedian(0).values, "kthvalue": lambda x: x.kthvalue(2).values, "topk": lambda x: x.topk(2).values,
    "sort": lambda x: x.sort(1, True).values, "quantile": lambda x: x.quantile(0.3, 1), "cummax": lambda x: x.cummax(2).values,
    "var": lambda x: x.var(1), "std": lambda x: x.std((0, 2), correction=0), "var_mean": lambda x: martlet.var_mean(x, 1),
    "std_mean": lambda x: martlet.std_mean(x, 1), "logsumexp": lambda x: x.logsumexp((0, 1)), "nansum": lambda x: x.nansum(1),
    "nanmean": lambda x: x.nanmean(), "norm": lambda x: x.norm(), "norm 1": lambda x: x.norm(1, 1), "norm 1.5": lambda x: x.norm(1.5, 0),
    "norm 3": lambda x: x.norm(3), "norm 0.5": lambda x: x.norm(0.5, 2), "norm inf": lambda x: x.norm(float("inf"), 1),
    "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(2), "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(2), "logcumsumexp": lambda x: x.logcumsumexp(0), "diff": lambda x: x.diff(2, 1),
    "svdvals": lambda x: martlet.linalg.svdvals(x), "nuclear": lambda x: martlet.linalg.matrix_norm(x, "nuc"),
    "layer_norm": lambda x: F.layer_norm(x, (4,)), "rms_norm": lambda x: F.rms_norm(x, (3, 4)),
    "instance_norm": lambda x: F.instance_norm(x), "trace": lambda x: x[0].trace(),
}


@pytest.mark.parametrize("name", ONE)
def test_of_one_tensor(name):
    x = leaf(2, 3, 4)
    assert gradcheck(ONE[name], (x,))
    assert gradgradcheck(ONE[name], (x,))


@pytest.mark.parametrize("zeros", [1, 2])
def test_products_with_zeros(zeros):
    values = np.array([[0.5, -1.5, 2.0, 1.1], [0.7, 1.3, -0.4, 0.9]])
    values[0, :zeros] = 0
    x = martlet.from_numpy(values).requires_grad_()
    for f in (lambda x: x.prod(), lambda x: x.prod(1), lambda x: x.cumprod(1), lambda x: x.cumprod(0)):
        assert gradcheck(f, (x,))
        assert gradgradcheck(f, (x,))


AFFINE = {
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b), 4),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), 3),
    "fixed batch_norm": (lambda x, w, b: F.batch_norm(x, martlet.ones(3, dtype=x.dtype), martlet.ones(3, dtype=x.dtype) * 2, w, b), 3),
    "group_norm": (lambda x, w, b: F.group_norm(x, 3, w, b), 3),
}


@pytest.mark.parametrize("name", AFFINE)
def test_normalisation(name):
    f, n = AFFINE[name]
    inputs = (leaf(2, 3, 4), leaf(n, seed=1), leaf(n, seed=2))
    assert gradcheck(f, inputs)
    assert gradgradcheck(f, inputs)


def test_of_two_tensors():
    assert gradcheck(lambda a, b: martlet.dist(a, b, 3), (leaf(2, 3), leaf(3, seed=1, low=3, high=4)))
    assert gradgradcheck(lambda a, b: martlet.dist(a, b), (leaf(2, 3), leaf(3, seed=1, low=3, high=4)))
    q = martlet.tensor([0.2, 0.7], dtype=martlet.float64, requires_grad=True)
    assert gradcheck(lambda x, q: x.quantile(q, 1), (leaf(3, 4), q))


def test_third_order():
    x = leaf(4)
    for f in (lambda x: x.softmax(0)[0], lambda x: x.prod(), lambda x: x.cumprod(0)[3], lambda x: x.logsumexp(0), lambda x: x.norm(),
              lambda x: F.layer_norm(x, (4,))[1]):
        def second(x):
            g, = martlet.autograd.grad(f(x), x, create_graph=True)
            return martlet.autograd.grad((g * g).sum(), x, create_graph=True)[0]
        assert gradcheck(second, (x,))
