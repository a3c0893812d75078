"""Less common special functions, functions of whole numbers and membership, against torch and finite differences."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

BESSEL = ["i0", "i0e", "i1", "i1e"]


@pytest.mark.parametrize("name", BESSEL + ["entr", "ndtr", "log_ndtr"])
def test_special(name):
    low = 0.1 if name == "entr" else -6
    f = lambda t, x: getattr(__import__(t.__name__ + ".special", fromlist=["x"]), name)(x)
    check_op(f, [rand(20, low=low, high=6)], order=1 if name in BESSEL else 2, grad="ndtr" not in name, rtol=1e-7)
    check_op(f, [np.array([0.0, 20.5, 30.0, np.nan] + ([-1.0] if name == "entr" else [-3.0, -8.0]))], grad=False, rtol=1e-7)
    x = martlet.from_numpy(rand(6, low=low, high=4)).requires_grad_()
    g = lambda x: f(martlet, x)
    assert martlet.autograd.gradcheck(g, (x,))
    assert martlet.autograd.gradgradcheck(g, (x,))


def test_xlog1py_and_zeta():
    f = lambda t, x, y: __import__(t.__name__ + ".special", fromlist=["x"]).xlog1py(x, y)
    check_op(f, [rand(2, 3), rand(3, low=-0.5)])
    check_op(f, [np.array([0.0, 0.0, 1.0]), np.array([-1.0, np.nan, 2.0])], grad=False)
    z = lambda t, s, q: __import__(t.__name__ + ".special", fromlist=["x"]).zeta(s, q)
    check_op(z, [np.array([1.0, 1.5, 2.0, 7.0, 30.0]), np.array([0.5, 2.0, 0.1, 3.0, 1.0])], grad=False)


def test_whole_numbers():
    a, b = np.array([12, -18, 0, 7, 0]), np.array([18, 12, 5, 0, 0])
    for dtype in ["int64", "int32", "int8"]:
        for name in ["gcd", "lcm"]:
            check_op(lambda t, x, y: getattr(t, name)(x, y), [a.astype(dtype), b], grad=False)
            check_op(lambda t, x, y: getattr(x, name + "_")(y), [a, b], grad=False)
    check_error(lambda t: t.gcd(t.ones(2), t.ones(2)), message="not implemented for 'Float'")


def test_ldexp_nextafter_mvlgamma():
    check_op(lambda t, x: t.ldexp(x, t.tensor([1, 2, 3])), [rand(3)])  # torch loses the gradient of negative ones
    check_op(lambda t, x, y: t.nextafter(x, y), [rand(3), rand(3, seed=9)], grad=False)
    for p in [1, 3]:
        check_op(lambda t, x: t.mvlgamma(x, p), [rand(4, low=2, high=6)], order=1)


def test_isin():
    for x, y in [([1, 2, 3, 2], [2, 5]), ([1.0, np.nan, 2.0], [np.nan, 2.0]), ([[1, 2], [3, 4]], [4, 1]), ([1, 2], [])]:
        x, y = np.array(x), np.array(y, dtype=np.array(x).dtype)
        check_op(lambda t, x, y: t.isin(x, y), [x, y], grad=False)
        check_op(lambda t, x, y: t.isin(x, y, invert=True), [x, y], grad=False)
    check_op(lambda t, x: t.isin(x, 2), [np.array([1, 2])], grad=False)
    check_op(lambda t, x: t.isin(2, x), [np.array([1, 2])], grad=False)
