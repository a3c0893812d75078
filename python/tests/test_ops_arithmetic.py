"""Arithmetic against torch: values, promotion, gradients of both orders, in-place forms, errors."""
import numpy as np
import pytest

from opcompare import check_error, check_op, rand

SHAPES = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (4,)), ((0, 2), (2,))]
OPS = {"add": lambda t, a, b: a + b, "sub": lambda t, a, b: a - b, "mul": lambda t, a, b: a * b, "div": lambda t, a, b: a / b}


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("shapes", SHAPES)
def test_binary(name, shapes):
    check_op(OPS[name], [rand(*shapes[0], low=0.5, seed=1), rand(*shapes[1], low=0.5, seed=2)])


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("number", [2, 2.5, True])
def test_number(name, number):
    if name == "sub" and number is True:
        return
    check_op(lambda t, a: OPS[name](t, a, number), [rand(2, 3, low=0.5)])
    check_op(lambda t, a: OPS[name](t, number, a), [rand(2, 3, low=0.5)])


@pytest.mark.parametrize("a", ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"])
@pytest.mark.parametrize("b", ["float32", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("name", ["add", "mul", "div"])
def test_promotion(a, b, name):
    x, y = np.array([1, 0, 3]).astype(a), np.array([1, 1, 2]).astype(b)
    check_op(OPS[name], [x, y], grad=False)
    check_op(OPS[name], [x, np.array(2).astype(b)], grad=False)


def test_alpha():
    check_op(lambda t, a, b: t.add(a, b, alpha=3), [rand(2, 3), rand(3)])
    check_op(lambda t, a, b: a.sub(b, alpha=0.5), [rand(2, 3), rand(3)])
    check_error(lambda t: t.add(t.ones(2, dtype=t.int64), t.ones(2, dtype=t.int64), alpha=0.5))


@pytest.mark.parametrize("name", ["__iadd__", "__isub__", "__imul__", "__itruediv__"])
def test_in_place(name):
    def call(t, a, b):
        y = a * 1
        getattr(y, name)(b)
        return y
    check_op(call, [rand(2, 3), rand(3, low=0.5)])


def test_in_place_through_views():
    def call(t, a, b):
        y = a * 1
        y[0].mul_(b)
        y.t()[1] += b[:2]
        return y * y
    check_op(call, [rand(2, 3), rand(3)])


def test_errors():
    check_error(lambda t: t.ones(2, 3) + t.ones(4), message="must match the size of tensor b (4)")
    check_error(lambda t: t.ones(2, dtype=t.bool) - t.ones(2, dtype=t.bool))
    check_error(lambda t: t.ones(2, dtype=t.int64).add_(0.5), message="can't be cast to the desired output type Long")
    check_error(lambda t: t.ones(2).add_(t.ones(3, 2)), message="doesn't match the broadcast shape")
