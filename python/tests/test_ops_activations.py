"""Activation functions and dropout against torch and finite differences."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand


def functional(t):
    """torch.nn.functional of torch or martlet."""
    import importlib
    return importlib.import_module(t.__name__ + ".nn.functional")


# Each with the keyword arguments tried.
PLAIN = {
    "relu": [{}], "relu6": [{}], "silu": [{}], "mish": [{}], "hardswish": [{}], "hardsigmoid": [{}], "selu": [{}],
    "logsigmoid": [{}], "gelu": [{}, {"approximate": "tanh"}], "leaky_relu": [{}, {"negative_slope": 0.3}, {"negative_slope": -0.5}],
    "elu": [{}, {"alpha": 0.5}], "celu": [{}, {"alpha": 1.7}], "softplus": [{}, {"beta": 3.0, "threshold": 2.0}],
    "hardtanh": [{}, {"min_val": -0.5, "max_val": 2.0}], "softshrink": [{}, {"lambd": 0.2}], "hardshrink": [{}, {"lambd": 0.2}],
    "threshold": [{"threshold": 0.4, "value": 2.0}], "rrelu": [{}], "softsign": [{}], "tanhshrink": [{}],
}
FLAGGED = ["relu", "relu6", "silu", "mish", "hardswish", "hardsigmoid", "selu", "leaky_relu", "elu", "celu", "hardtanh", "threshold"]
CASES = [(n, kw) for n in PLAIN for kw in PLAIN[n]]


@pytest.mark.parametrize("name,kw", CASES)
def test_activation(name, kw):
    f = lambda t, x: getattr(functional(t), name)(x, **kw)
    order = 1 if name == "hardsigmoid" else 2  # torch has no second derivative of it
    single = {"celu", "hardsigmoid"}  # their constants are of single precision in torch
    for shape in [(2, 3), (), (0, 2), (4, 1, 5)]:
        check_op(f, [rand(*shape, low=-4, high=4)], order=order, rtol=1e-6 if name in single else None)
    check_op(lambda t, x: f(t, x.t()), [rand(3, 4, low=-4, high=4, dtype="float32")], rtol=1e-4, atol=1e-5, order=order)
    check_op(f, [np.array([30.0, -30.0, 100.0, -100.0, np.inf, -np.inf, np.nan])], grad=False, atol=1e-10)


KINKS = {"relu": 0, "relu6": [0, 6], "hardtanh": [-1, 1], "leaky_relu": 0, "elu": 0, "celu": 0, "selu": 0, "hardswish": [-3, 3],
         "hardsigmoid": [-3, 3], "softshrink": [-0.5, 0.5], "hardshrink": [-0.5, 0.5], "rrelu": 0}


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name):
    """Where there are two slopes, torch's is taken."""
    x = np.atleast_1d(np.array(KINKS[name], dtype="float64"))
    check_op(lambda t, x: getattr(functional(t), name)(x), [np.concatenate([x, -0.0 * x])], order=1, rtol=1e-7)


@pytest.mark.parametrize("name,kw", [c for c in CASES])
def test_finite_differences(name, kw):
    x = martlet.tensor([-3.7, -1.3, -0.3, 0.3, 0.7, 1.6, 2.4], dtype=martlet.float64, requires_grad=True)
    f = lambda x: getattr(functional(martlet), name)(x, **kw)
    assert martlet.autograd.gradcheck(f, (x,))
    assert martlet.autograd.gradgradcheck(f, (x,))


@pytest.mark.parametrize("name", FLAGGED)
def test_in_place(name):
    kw = PLAIN[name][0]

    def call(t, x):
        y = x * 1
        r = getattr(functional(t), name)(y, inplace=True, **kw)
        assert r is y
        return y
    if name in ("mish", "hardswish", "silu", "hardsigmoid"):
        check_op(call, [rand(2, 3)], order=1, rtol=1e-7)
    elif name == "celu" or name == "elu" or name == "selu":
        check_op(lambda t, x: getattr(functional(t), name)(x, inplace=True, **kw), [rand(2, 3)], grad=False)
    else:
        check_op(call, [rand(2, 3)])
    check_error(lambda t: getattr(functional(t), name)(t.ones(2, requires_grad=True), inplace=True, **kw),
                message="a leaf Variable that requires grad is being used in an in-place operation.")


@pytest.mark.parametrize("name,kw", CASES)
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16", "bfloat16"])
def test_other_dtypes(name, kw, dtype, torch):
    def call(t):
        return getattr(functional(t), name)(t.tensor([1, 0, 2]).to(getattr(t, dtype)), **kw)
    try:
        call(torch)
    except Exception:
        check_error(call)
    else:
        check_op(call, [], grad=False)


def test_prelu():
    f = lambda t, x, w: functional(t).prelu(x, w)
    check_op(f, [rand(2, 3), rand(1, low=0.1, high=0.5)])
    check_op(f, [rand(2, 3, 4), rand(3, low=0.1, high=0.5)])
    check_op(f, [rand(2, 3, 4), np.array(0.25)])
    check_op(f, [rand(5), rand(1)])
    check_op(f, [np.array(-1.5), rand(1)])
    check_error(lambda t: functional(t).prelu(t.ones(2, 3), t.ones(2)), message="Mismatch of parameter numbers and input channel size")
    check_error(lambda t: functional(t).prelu(t.tensor(1.0), t.ones(2)), message="Not allow zero-dim input tensor.")
    x, w = martlet.from_numpy(rand(2, 3)).requires_grad_(), martlet.from_numpy(rand(3)).requires_grad_()
    assert martlet.autograd.gradgradcheck(lambda x, w: functional(martlet).prelu(x, w), (x, w))


def test_glu():
    for dim in [-1, 0, 1]:
        check_op(lambda t, x: functional(t).glu(x, dim), [rand(2, 4)])
    check_error(lambda t: functional(t).glu(t.ones(3)), message="Halving dimension must be even")
    check_error(lambda t: functional(t).glu(t.ones(2), 3))
    x = martlet.from_numpy(rand(2, 4)).requires_grad_()
    assert martlet.autograd.gradgradcheck(lambda x: functional(martlet).glu(x), (x,))


def test_bad_parameters():
    check_error(lambda t: functional(t).gelu(t.ones(2), approximate="erf"), message="approximate argument must be either none or tanh")
    check_error(lambda t: functional(t).celu(t.ones(2), alpha=0.0), message="alpha cannot be 0 for CELU")
    check_error(lambda t: functional(t).softshrink(t.ones(2), -1), message="lambda must be in range")
    check_error(lambda t: functional(t).hardtanh(t.ones(2), 1, -1), message="min_val cannot be greater than max_val")
    check_error(lambda t: functional(t).relu("x"))


# ---- dropout

@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout(p, dtype):
    def call(t, x):
        t.manual_seed(7)
        return functional(t).dropout(x, p)
    check_op(call, [rand(50, 41, dtype=dtype)], rtol=0.0, atol=0.0)
    check_op(lambda t, x: call(t, x.t()), [rand(5, 4, dtype=dtype)])


def test_dropout_edges():
    check_op(lambda t, x: functional(t).dropout(x, 1.0), [rand(3)], order=1)
    x = martlet.ones(3)
    for kw in [dict(p=0.0), dict(training=False)]:
        assert functional(martlet).dropout(x, **kw) is x

    def draws_nothing(t):
        t.manual_seed(1)
        for p in (0.0, 1.0):
            functional(t).dropout(t.ones(5), p)
        return t.rand(2)
    check_op(draws_nothing, [], grad=False)

    def in_place(t, x):
        t.manual_seed(3)
        y = x * 1
        assert functional(t).dropout(y, 0.5, True, True) is y
        return y
    check_op(in_place, [rand(6)])
    for p in [-0.1, 1.5]:
        check_error(lambda t: functional(t).dropout(t.ones(2), p), message="dropout probability has to be between 0 and 1")


def test_rrelu_draws():
    def call(t, x):
        t.manual_seed(5)
        return functional(t).rrelu(x, 0.1, 0.4, training=True)
    check_op(call, [rand(20)], order=1)
