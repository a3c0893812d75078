"""Pointwise mathematics against torch and against finite differences."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

# name -> (low, high) of inputs inside the domain
ONE = {
    "exp": (-2, 2), "exp2": (-2, 2), "expm1": (-2, 2), "log": (0.1, 4), "log2": (0.1, 4), "log10": (0.1, 4),
    "log1p": (-0.9, 3), "sqrt": (0.1, 4), "rsqrt": (0.1, 4), "square": (-2, 2), "reciprocal": (0.2, 3), "abs": (-2, 2),
    "sin": (-4, 4), "cos": (-4, 4), "tan": (-1.4, 1.4), "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atan": (-3, 3),
    "sinh": (-2, 2), "cosh": (-2, 2), "tanh": (-2, 2), "asinh": (-3, 3), "acosh": (1.1, 4), "atanh": (-0.9, 0.9),
    "sigmoid": (-4, 4), "erf": (-2, 2), "erfc": (-2, 2), "erfinv": (-0.9, 0.9), "lgamma": (0.2, 5), "digamma": (0.2, 5),
    "sinc": (-3, 3), "logit": (0.05, 0.95), "deg2rad": (-3, 3), "rad2deg": (-3, 3), "frac": (0.1, 0.9), "neg": (-2, 2),
    "nan_to_num": (-2, 2), "positive": (-2, 2),
}
STEPS = ["sign", "sgn", "floor", "ceil", "round", "trunc"]
TWO = {
    "pow": ((0.2, 3), (-2, 2)), "atan2": ((-2, 2), (0.3, 2)), "hypot": ((0.3, 2), (0.3, 2)), "copysign": ((0.3, 2), (-2, -1)),
    "logaddexp": ((-3, 3), (-3, 3)), "logaddexp2": ((-3, 3), (-3, 3)), "xlogy": ((-2, 2), (0.2, 3)),
    "remainder": ((-3, 3), (0.4, 1.5)), "fmod": ((-3, 3), (0.4, 1.5)), "maximum": ((-2, 2), (-2, 2)),
    "minimum": ((-2, 2), (-2, 2)), "fmax": ((-2, 2), (-2, 2)), "fmin": ((-2, 2), (-2, 2)), "div": ((-2, 2), (0.3, 2)),
}
SPECIAL = np.array([0.0, -0.0, 1, -1, 0.5, -0.5, 2.5, -2.5, 3, 1e30, -1e30, 1e-30, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("name", sorted(ONE) + STEPS)
def test_one_operand(name):
    low, high = ONE.get(name, (-3, 3))
    for shape in [(2, 3), (), (0, 2)]:
        check_op(lambda t, x: getattr(t, name)(x), [rand(*shape, low=low, high=high)])
    check_op(lambda t, x: getattr(x.t(), name)(), [rand(3, 4, low=low, high=high, dtype="float32")], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(ONE) + STEPS)
def test_special_values(name):
    for dtype in ["float32", "float64"]:
        with np.errstate(over="ignore"):
            check_op(lambda t, x: getattr(t, name)(x), [SPECIAL.astype(dtype)], grad=False)


@pytest.mark.parametrize("name", sorted(set(ONE) - {"logit", "nan_to_num"}) + STEPS)
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool", "float16", "bfloat16"])
def test_other_dtypes(name, dtype, torch):
    """Integers, bool and half types give what torch gives, or fail as torch does."""
    def call(t):
        x = t.tensor([1, 0, 2, 3]).to(getattr(t, dtype))
        return getattr(t, name)(x)
    try:
        call(torch)
    except Exception:
        check_error(call)
    else:
        check_op(call, [], grad=False)


@pytest.mark.parametrize("name", sorted(ONE))
def test_one_operand_finite_differences(name):
    low, high = ONE[name]
    x = martlet.from_numpy(rand(5, low=low, high=high)).requires_grad_()
    f = lambda x: getattr(martlet, name)(x)
    assert martlet.autograd.gradcheck(f, (x,))
    assert martlet.autograd.gradgradcheck(f, (x,))


@pytest.mark.parametrize("name", sorted(set(ONE) - {"positive", "asinh", "acosh", "atanh"}) + STEPS)
def test_one_operand_in_place(name):  # torch has no derivative for three of them
    low, high = ONE.get(name, (-3, 3))

    def call(t, x):
        y = x * 1
        r = getattr(y, name + "_")()
        assert r is y
        return y
    check_op(call, [rand(2, 3, low=low, high=high)])
    check_op(lambda t, x: getattr(x.t()[1:], name + "_")(), [rand(3, 3, low=low, high=high)], grad=False)


@pytest.mark.parametrize("name", sorted(TWO))
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((0, 3), (3,))])
def test_two_operands(name, shapes):
    a, b = TWO[name]
    check_op(lambda t, x, y: getattr(t, name)(x, y),
             [rand(*shapes[0], low=a[0], high=a[1], seed=1), rand(*shapes[1], low=b[0], high=b[1], seed=2)])


@pytest.mark.parametrize("name", sorted(set(TWO) - {"remainder", "fmod"}))
def test_two_operands_finite_differences(name):
    a, b = TWO[name]
    x = martlet.from_numpy(rand(2, 3, low=a[0], high=a[1], seed=1)).requires_grad_()
    y = martlet.from_numpy(rand(3, low=b[0], high=b[1], seed=2)).requires_grad_(name != "copysign")
    f = lambda x, y: getattr(martlet, name)(x, y)
    assert martlet.autograd.gradcheck(f, (x, y))
    assert martlet.autograd.gradgradcheck(f, (x, y))


@pytest.mark.parametrize("name", sorted(set(TWO) - {"logaddexp", "logaddexp2", "maximum", "minimum", "fmax", "fmin"}))
def test_two_operands_in_place(name):
    a, b = TWO[name]

    def call(t, x, y):
        z = x * 1
        getattr(z, name + "_")(y)
        return z
    check_op(call, [rand(2, 3, low=a[0], high=a[1]), rand(3, low=b[0], high=b[1], seed=5)])
    check_error(lambda t: getattr(t.ones(3), name + "_")(t.ones(2, 3)))


@pytest.mark.parametrize("e", [0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 2.0])
def test_pow_of_numbers(e):
    check_op(lambda t, x: x ** e, [rand(4, low=0.3)])
    check_op(lambda t, x: t.pow(x, e), [np.array([0.0, 1.0, 2.0])], grad=False)
    check_op(lambda t, x: e ** x, [rand(4, low=0.3)], order=1 if e == 0 else 2)  # torch gives NaN for 0
    check_op(lambda t, x: x.pow_(e), [rand(4, low=0.3, dtype="float32")], grad=False)


def test_pow_at_zero():
    check_op(lambda t, x, e: x ** e, [np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 2.0, 1.0, 0.0])], order=1)
    check_op(lambda t, e: t.pow(0.0, e), [np.array([1.0, 2.0, 0.5])], order=1)


def test_integer_powers():
    check_op(lambda t: t.tensor([2, -3, 0]) ** t.tensor([3, 3, 0]), [], grad=False)
    check_op(lambda t: t.tensor([2, -3, 1]) ** 2, [], grad=False)
    check_op(lambda t: t.tensor([2, -3, 1]) ** 0.5, [], grad=False)
    check_op(lambda t: 2 ** t.tensor([2, 3, 1]), [], grad=False)
    check_error(lambda t: t.tensor([2]) ** -1, message="Integers to negative integer powers are not allowed.")


INTEGERS = np.array([7, -7, 6, -6, 0, 5]), np.array([2, 2, -3, -3, 4, 5])


@pytest.mark.parametrize("call", [
    lambda t, a, b: a // b, lambda t, a, b: a % b, lambda t, a, b: t.fmod(a, b), lambda t, a, b: t.div(a, b, rounding_mode="trunc"),
    lambda t, a, b: t.div(a, b, rounding_mode="floor"), lambda t, a, b: a / b, lambda t, a, b: a // 2, lambda t, a, b: 2 % b,
    lambda t, a, b: 7 // b])
def test_division(call):
    a, b = INTEGERS
    for x in ["int64", "int8", "float32", "float64"]:
        for y in ["int64", "int16", "float64"]:
            check_op(call, [a.astype(x), b.astype(y)], grad=False)


def test_division_by_zero():
    for mode in ["trunc", "floor"]:
        check_op(lambda t, a: t.div(a, 0.0, rounding_mode=mode), [np.array([1.0, -1.0, 0.0])], grad=False)
        check_error(lambda t: t.div(t.tensor([1]), t.tensor([0]), rounding_mode=mode), message="ZeroDivisionError")
    check_error(lambda t: t.tensor([1]) % 0)
    check_error(lambda t: t.div(t.ones(2), 2, rounding_mode="up"), message="div expected rounding_mode")


def test_rounded_division_gradients():
    for mode in ["trunc", "floor"]:
        check_op(lambda t, a, b: t.div(a, b, rounding_mode=mode), [rand(3), rand(3, low=0.5)])
    error, _ = check_error(lambda t: (t.ones(2, requires_grad=True) // 2).sum().backward())
    assert "derivative for aten::floor_divide is not implemented" in str(error)


def test_round_decimals():
    for d in [1, 3, -1]:
        check_op(lambda t, x: t.round(x, decimals=d), [rand(5, low=-40, high=40)])


def test_clamp():
    x = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0, np.nan])
    for kw in [dict(min=-1, max=1), dict(min=0.5), dict(max=0.5), dict(min=1, max=-1), dict(min=float("nan"))]:
        check_op(lambda t, x: t.clamp(x, **kw), [x], order=1)
        check_op(lambda t, x: t.clip(x, **kw), [np.array([-3, 0, 2])], grad=False)
    check_op(lambda t, x: x.clamp_min(0.5), [x], order=1)
    check_op(lambda t, x: x.clamp_max(0.5), [x], order=1)
    check_op(lambda t, x, a, b: x.clamp(a, b), [rand(3, 4), rand(4, low=-1, high=0), rand(3, 1, low=0, high=1)])
    check_op(lambda t, x, a: x.clamp(max=a), [rand(3, 4), rand(4)])
    check_op(lambda t, x, a: x.clamp_min(a), [rand(3, 4), rand(4)])
    check_op(lambda t, x, a, b: x.clamp(a, b), [rand(4), np.array([1.0, 1, 1, -1]), np.array([0.0, 0, 2, 2])])
    check_op(lambda t, x: (x * 1).clamp_(-1, 1), [rand(6)])
    check_op(lambda t, x: x.clamp_(-1, 1), [rand(6)], grad=False)
    check_op(lambda t, x: x.t().clamp_(min=0), [rand(2, 3)], grad=False)
    check_error(lambda t: t.clamp(t.ones(2)), message="At least one of 'min' or 'max' must not be None")


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
def test_ties_and_nan(name):
    a, b = np.array([1.0, 2.0, np.nan, 1.0, np.nan]), np.array([1.0, 1.0, 1.0, np.nan, np.nan])
    check_op(lambda t, x, y: getattr(t, name)(x, y), [a, b], order=1)


def test_kinks():
    check_op(lambda t, x: x.abs(), [np.array([-1.0, 0.0, -0.0, 2.0])], order=1)
    check_op(lambda t, x: t.copysign(x, -1.0), [np.array([0.0, 2.0])], order=1)
    check_op(lambda t, x: t.xlogy(x, x), [np.array([0.0, 2.0])], order=1)
    check_op(lambda t, x: t.logit(x, eps=0.1), [np.array([0.05, 0.1, 0.5, 0.9, 0.95])])
    check_op(lambda t, x: t.nan_to_num(x, 1.0, posinf=2.0), [np.array([np.nan, np.inf, -np.inf, 1.0])], order=1)
    check_op(lambda t, x, v: t.heaviside(x, v), [np.array([-1.0, 0, 2, np.nan]), rand(4)], grad=False)


def test_three_operands():
    a, b, c = rand(2, 3), rand(3, seed=4), rand(2, 1, low=0.5, seed=5)
    check_op(lambda t, a, b, c: t.addcmul(a, b, c), [a, b, c])
    check_op(lambda t, a, b, c: t.addcmul(a, b, c, value=0.5), [a, b, c])
    check_op(lambda t, a, b, c: t.addcdiv(a, b, c, value=-2), [a, b, c])
    check_op(lambda t, a, b: t.lerp(a, b, 0.3), [a, b])
    check_op(lambda t, a, b: t.lerp(a, b, 0.8), [a, b])
    check_op(lambda t, a, b, c: t.lerp(a, b, c), [a, b, c])
    check_op(lambda t, a, b, c: (a * 1).addcmul_(b, c, value=2), [a, b, c])
    check_op(lambda t, a, b, c: (a * 1).addcdiv_(b, c), [a, b, c])
    check_op(lambda t, a, b, c: (a * 1).lerp_(b, c), [a, b, c])
    for name in ["addcmul_", "addcdiv_"]:
        check_op(lambda t, a, b, c: getattr(a, name)(b, c, value=3), [a, b, c], grad=False)
    check_op(lambda t, a, b: a.lerp_(b, 0.25), [a, b], grad=False)
    check_op(lambda t: t.addcmul(t.tensor([1, 2]), t.tensor([3, 4]), t.tensor([5, 6]), value=2), [], grad=False)
    check_error(lambda t: t.addcdiv(t.tensor([1]), t.tensor([1]), t.tensor([1])), message="Integer division with addcdiv")
    check_error(lambda t: t.lerp(t.ones(2), t.ones(2, dtype=t.float64), 0.5), message="expected dtype")
    check_error(lambda t: t.lerp(t.tensor([1]), t.tensor([1]), 0.5))


def test_polygamma():
    for n in range(4):
        check_op(lambda t, x: t.polygamma(n, x), [rand(5, low=0.3, high=6)])
        check_op(lambda t, x: t.polygamma(n, x), [np.array([0.5, 1.0, 10.0, 50.0])], grad=False)
    check_error(lambda t: t.polygamma(-1, t.ones(2)), message="negative n")


def test_in_place_keeps_what_the_way_back_needs():
    """y.mul_(w), y.log_(): the operand that is overwritten is needed for the gradient."""
    check_op(lambda t, x, w: (x * 1).mul_(w), [rand(3), rand(3, seed=3)])
    check_op(lambda t, x, w: (x * 1).div_(w), [rand(3), rand(3, low=0.5, seed=3)])
    check_op(lambda t, x: (x * 1).log_().sin_().mul_(2), [rand(3, low=0.5)])

    def through_a_view(t, x):
        y = x * 1
        y[0].square_()
        y[:, 1].clamp_(0, 1)
        return y
    check_op(through_a_view, [rand(3, 3)])


@pytest.mark.parametrize("name", ["pow", "xlogy", "remainder", "bitwise_and", "float_power"])
def test_numbers_alone(name):
    check_error(lambda t: getattr(t, name)(2, 3))


def test_shapes_that_do_not_fit():
    for name in ["pow", "maximum", "atan2", "xlogy"]:
        check_error(lambda t: getattr(t, name)(t.ones(2), t.ones(3)), message="must match the size of tensor b (3)")
    check_error(lambda t: t.exp(2.0), message="must be Tensor, not float")
