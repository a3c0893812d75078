"""Comparisons, logic, bits and choice by masks against torch."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

COMPARE = ["eq", "ne", "lt", "le", "gt", "ge"]
A, B = np.array([1, 2, 3, -1, 0]), np.array([1, 3, 2, -1, 5])
SPECIAL = np.array([0.0, -0.0, 1, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("name", COMPARE)
@pytest.mark.parametrize("a", ["float32", "float64", "int64", "int32", "int16", "int8", "bool", "float16"])
@pytest.mark.parametrize("b", ["float32", "int64", "int8", "bool"])
def test_comparison(name, a, b):
    f = lambda t, x, y: getattr(t, name)(x, y)
    check_op(f, [A.astype(a), B.astype(b)], grad=False)
    check_op(f, [A.astype(a), np.array(2).astype(b)], grad=False)


@pytest.mark.parametrize("name", COMPARE)
def test_comparison_forms(name):
    check_op(lambda t, x: getattr(t, name)(x, 1), [A], grad=False)
    check_op(lambda t, x: getattr(x, name)(0.5), [A], grad=False)
    check_op(lambda t, x: getattr(x, f"__{name}__")(0.5), [A.astype("float32")], grad=False)
    check_op(lambda t, x, y: getattr(x, name + "_")(y), [A.astype("float32"), B], grad=False)
    check_op(lambda t, x, y: getattr(x.t(), name)(y), [rand(3, 2), rand(2, 3, seed=1)], grad=False)
    check_op(lambda t, x, y: getattr(x, name)(y), [SPECIAL, SPECIAL[::-1].copy()], grad=False)
    check_op(lambda t, x: getattr(x, name)(x), [np.zeros((0, 3))], grad=False)
    check_error(lambda t: getattr(t, name)(t.ones(2), t.ones(3)), message="must match the size of tensor b (3)")
    check_error(lambda t: getattr(t, name)(t.ones(2), "a"))


def test_no_gradient_through_comparisons():
    x = martlet.ones(3, requires_grad=True)
    assert not (x > 0).requires_grad and (x > 0).dtype is martlet.bool


@pytest.mark.parametrize("name", ["isnan", "isinf", "isposinf", "isneginf", "isfinite", "signbit"])
def test_kinds_of_numbers(name):
    for dtype in ["float32", "float64", "float16"]:
        check_op(lambda t, x: getattr(t, name)(x), [SPECIAL.astype(dtype)], grad=False)
    check_op(lambda t, x: getattr(t, name)(x), [A], grad=False)


def test_isclose():
    a = np.array([1.0, 1.0, np.nan, np.inf, np.inf, 0.0])
    b = np.array([1.00001, 1.1, np.nan, np.inf, -np.inf, 1e-9])
    for kw in [{}, dict(equal_nan=True), dict(rtol=0.2), dict(rtol=0.0, atol=0.0), dict(atol=0.2)]:
        for dtype in ["float32", "float64"]:
            check_op(lambda t, x, y: t.isclose(x, y, **kw), [a.astype(dtype), b.astype(dtype)], grad=False)
            check_op(lambda t, x, y: t.allclose(x, y, **kw), [a.astype(dtype), b.astype(dtype)], grad=False)
    check_op(lambda t, x, y: t.isclose(x, y, rtol=0.5), [A, B], grad=False)
    check_op(lambda t, x, y: t.isclose(x, y, atol=1.0), [rand(2, 3), rand(3)], grad=False)
    check_error(lambda t: t.isclose(t.ones(2), t.ones(2, dtype=t.float64)), message="Float did not match Double")
    check_error(lambda t: t.allclose(t.ones(2), t.ones(2), rtol=-1.0), message="rtol must be greater than or equal to zero")


def test_equal():
    for x, y in [(A, A), (A, B), (A, A[:3]), (SPECIAL, SPECIAL), (np.zeros((0,)), np.zeros((0,))), (A, A.reshape(1, 5))]:
        check_op(lambda t, x, y: t.equal(x, y), [x, y], grad=False)
        check_op(lambda t, x, y: x.equal(y), [x, y], grad=False)
    check_op(lambda t: (t.equal(t.ones(2), t.ones(2, dtype=t.int64)), t.equal(t.full((2,), 1.5), t.ones(2, dtype=t.int64))), [])


@pytest.mark.parametrize("name", ["logical_and", "logical_or", "logical_xor"])
def test_logical(name):
    for dtype in ["float32", "int64", "bool", "uint8"]:
        x, y = np.array([0, 1, 2, 0]).astype(dtype), np.array([0, 0, 3, 1])
        check_op(lambda t, x, y: getattr(t, name)(x, y), [x, y], grad=False)
        check_op(lambda t, x, y: getattr(x, name + "_")(y), [x, y], grad=False)
    check_op(lambda t, x: getattr(t, name)(x, x), [SPECIAL], grad=False)
    check_op(lambda t, x: t.logical_not(x), [SPECIAL], grad=False)
    check_op(lambda t, x: x.logical_not_(), [A], grad=False)


@pytest.mark.parametrize("sign", ["&", "|", "^", "<<", ">>"])
@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "bool"])
def test_bitwise(sign, dtype):
    word = {"&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor", "<<": "bitwise_left_shift", ">>": "bitwise_right_shift"}[sign]
    dunder = {"&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift"}[sign]
    x, y = np.array([5, 3, 0, 100]).astype(dtype), np.array([3, 1, 2, 7]).astype(dtype)
    for call in [lambda t, x, y: getattr(t, word)(x, y), lambda t, x, y: getattr(x, f"__{dunder}__")(3),
                 lambda t, x, y: getattr(x, f"__i{dunder}__")(y), lambda t, x, y: getattr(x, f"__r{dunder}__")(2),
                 lambda t, x, y: getattr(x, word + "_")(y)]:
        if dtype == "bool" and ("shift" in word):
            check_error(lambda t: t.tensor([True]) << t.tensor([True]))
            break
        check_op(call, [x, y], grad=False)


def test_bitwise_edges():
    check_op(lambda t, x: ~x, [A], grad=False)
    check_op(lambda t, x: x.bitwise_not_(), [A.astype("uint8")], grad=False)
    check_op(lambda t, x: ~x, [A > 0], grad=False)
    check_op(lambda t, x, n: x >> n, [np.array([-8, 8, -1]), np.array([70, 70, 1])], grad=False)
    check_op(lambda t, x, n: x << n, [np.array([-8, 8, 1]), np.array([64, 2, 62])], grad=False)
    for name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
        check_error(lambda t: getattr(t, name)(t.ones(2), t.ones(2)), message="not implemented for 'Float'")
    check_error(lambda t: ~t.ones(2), message="only implemented on integer and Boolean-type tensors")
    check_error(lambda t: t.bitwise_not(t.ones(2)), message="not implemented for 'Float'")


def test_where():
    m = np.array([[True, False, True], [False, False, True]])
    check_op(lambda t, c, a, b: t.where(c, a, b), [m, rand(2, 3), rand(2, 3, seed=1)])
    check_op(lambda t, c, a, b: a.where(c, b), [m, rand(3), rand(2, 1)])
    check_op(lambda t, c, a: t.where(c, a, 0.5), [m, rand(2, 3)])
    check_op(lambda t, c, a: t.where(c, 2, a), [m, rand(2, 3, dtype="float32")])
    check_op(lambda t, c: t.where(c, 1.0, 0), [m], grad=False)
    check_op(lambda t, c: t.where(c, 1, 0), [m], grad=False)
    for dtype in ["int64", "int8", "bool", "float16", "bfloat16"]:
        check_op(lambda t, c, a: t.where(c, a.to(getattr(t, dtype)), t.zeros(2, 3).to(getattr(t, dtype))), [m, A[:3]], grad=False)
    check_op(lambda t, c, a, b: t.where(c.t(), a, b.t()), [m, rand(3, 2), rand(2, 3)])
    check_op(lambda t, c, a, b: t.where(c, a, b), [m, A[:3], rand(3, dtype="float32")], grad=False)
    check_op(lambda t, c: t.where(c), [m], grad=False)
    check_error(lambda t: t.where(t.ones(2), t.ones(2), t.ones(2)), message="expected condition to be a boolean tensor")
    check_error(lambda t: t.where(t.ones(2) > 0, t.ones(3), t.ones(2)))
    # A gradient that is not a number on the side not chosen stays there.
    check_op(lambda t, x: t.where(x > 0, x, t.zeros(2, dtype=t.float64)).sqrt(), [np.array([1.0, 4.0])])


def test_masked_fill():
    m = np.array([True, False, True])
    check_op(lambda t, x, m: x.masked_fill(m, 0.5), [rand(2, 3), m])
    check_op(lambda t, x, m: t.masked_fill(x, m, float("-inf")), [rand(2, 3), m], order=1)
    check_op(lambda t, x, m, v: x.masked_fill(m, v), [rand(2, 3), m, np.array(2.0)])
    check_op(lambda t, x, m: (x * 1).masked_fill_(m, 3), [rand(2, 3), m])
    check_op(lambda t, x, m, v: (x * 1).masked_fill_(m, v), [rand(2, 3), m, np.array(2.0)])
    check_op(lambda t, x, m: x.masked_fill(m, 1), [rand(3), np.array([[True], [False]])])
    for dtype in ["int64", "uint8", "bool", "float16"]:
        check_op(lambda t, x, m: x.masked_fill(m, 1), [np.array([0, 1, 2]).astype(dtype), m], grad=False)
    check_op(lambda t, x, m: x.masked_fill(m, 1.5), [np.array([0, 1, 2]), m], grad=False)
    check_error(lambda t: t.ones(3).masked_fill(t.tensor([1, 0, 1]), 0), message="only supports boolean masks")
    check_error(lambda t: t.ones(3).masked_fill(t.tensor([True]), t.ones(1)), message="0-dimensional value tensor")
    check_error(lambda t: t.tensor([1]).masked_fill(t.tensor([True]), float("inf")), message="without overflow")
    check_error(lambda t: t.ones(3).masked_fill_(t.ones(2, 3) > 0, 1))
    check_error(lambda t: t.ones(3, requires_grad=True).masked_fill_(t.tensor([True]), 1), message="a leaf Variable that requires grad")


def test_finite_differences():
    x, y = (martlet.from_numpy(rand(2, 3, seed=s)).requires_grad_() for s in (1, 2))
    m = martlet.from_numpy(rand(2, 3, seed=5)) > 0
    for f in [lambda x, y: martlet.where(m, x * y, y), lambda x, y: x.masked_fill(m, y[0, 0]) * x]:
        assert martlet.autograd.gradcheck(f, (x, y))
        assert martlet.autograd.gradgradcheck(f, (x, y))
