"""Tensor text: exactly what torch prints."""

import math
import random

import pytest

import martlet as mt

# Expressions over T (the library); `both` also runs them in torch.
EXPECTED = {
    "T.tensor([1., 2.5])": "tensor([1.0000, 2.5000])",
    "T.tensor(3.14159265)": "tensor(3.1416)",
    "T.tensor(4.)": "tensor(4.)",
    "T.tensor([1, 20, -300])": "tensor([   1,   20, -300])",
    "T.tensor([True, False])": "tensor([ True, False])",
    "T.tensor([True])": "tensor([True])",
    "T.tensor([])": "tensor([])",
    "T.tensor([], dtype=T.int64)": "tensor([], dtype=torch.int64)",
    "T.zeros(0, 3)": "tensor([], size=(0, 3))",
    "T.zeros(2, 0, 3, dtype=T.int64)": "tensor([], size=(2, 0, 3), dtype=torch.int64)",
    "T.tensor([1e-4])": "tensor([1.0000e-04])",
    "T.tensor([1e-4], dtype=T.float64)": "tensor([0.0001], dtype=torch.float64)",
    "T.tensor([0.03125])": "tensor([0.0312])",
    "T.tensor([1e8, 1.])": "tensor([1.0000e+08, 1.0000e+00])",
    "T.tensor([1000., 1.])": "tensor([1000.,    1.])",
    "T.tensor([float('nan'), -float('inf'), 0.])": "tensor([nan, -inf, 0.])",
    "T.tensor([-0., 1.])": "tensor([-0., 1.])",
    "T.ones(2, requires_grad=True)": "tensor([1., 1.], requires_grad=True)",
    "T.ones(2, requires_grad=True) * 2": "tensor([2., 2.], grad_fn=<MulBackward0>)",
    "T.ones(2, dtype=T.float16)": "tensor([1., 1.], dtype=torch.float16)",
    "T.ones(2, dtype=T.uint8)": "tensor([1, 1], dtype=torch.uint8)",
    "T.arange(4).reshape(2, 2)": "tensor([[0, 1],\n        [2, 3]])",
    "T.arange(8).reshape(2, 2, 2)": "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])",
    "T.arange(2000)": "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])",
    "T.arange(24).reshape(2, 12).t()[:3]": "tensor([[ 0, 12],\n        [ 1, 13],\n        [ 2, 14]])",
    "T.zeros(4, 5, 6)[1, 2:4, ::2]": "tensor([[0., 0., 0.],\n        [0., 0., 0.]])",
    "T.nn.Parameter(T.tensor([1., 2.]))": "Parameter containing:\ntensor([1., 2.], requires_grad=True)",
    "T.nn.Parameter(T.tensor([1., 2.]), requires_grad=False)": "Parameter containing:\ntensor([1., 2.])",
}


@pytest.mark.parametrize("expression", EXPECTED)
def test_known_texts(expression):
    assert repr(eval(expression, {"T": mt})) == EXPECTED[expression]


@pytest.mark.parametrize("expression", EXPECTED)
def test_known_texts_are_torch_texts(torch, expression):
    assert repr(eval(expression, {"T": torch})) == EXPECTED[expression]


def test_custom_function_name():
    class Scale(mt.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    assert str(Scale.apply(mt.ones(1, requires_grad=True))) == "tensor([2.], grad_fn=<ScaleBackward>)"


def test_subclass_prefix():
    class Shaped(mt.Tensor):
        pass

    x = mt.arange(4).reshape(2, 2).as_subclass(Shaped)
    assert repr(x) == "Shaped([[0, 1],\n        [2, 3]])".replace("\n        ", "\n" + " " * 8)


def test_format():
    x = mt.tensor(0.1)
    assert f"{x}" == "0.10000000149011612" and f"{x:.3f}" == "0.100"
    assert f"{mt.tensor([1, 2])}" == "tensor([1, 2])"
    with pytest.raises(TypeError, match="unsupported format string passed to Tensor.__format__"):
        f"{mt.tensor([1, 2]):.3f}"


SHAPES_SMALL = [0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20]
SHAPES_BIG = [1, 2, 7, 8, 30, 200]
KINDS = ["normal", "uniform", "whole", "big", "powers", "tiny", "zeros", "mixed", "special", "wide", "edge"]
EDGES = [1e-4, 1.0, 1000.0, 1e8, 99999999.0, 1e-3, 0.5, 0.00005, 0.99999, 2.5, 1e5, 0.1]


def values(rnd, kind, n):
    base = [rnd.gauss(0, 1) for _ in range(n)]
    if kind == "uniform":
        return [rnd.random() for _ in base]
    if kind == "whole":
        return [float(round(v * 10)) for v in base]
    if kind == "big":
        scale = 10 ** rnd.randint(1, 12)
        return [float(round(v * scale)) for v in base]
    if kind == "powers":
        scale = 10.0 ** rnd.randint(-8, 10)
        return [v * scale for v in base]
    if kind == "tiny":
        scale = 10.0 ** rnd.uniform(-5, -2)
        return [v * scale for v in base]
    if kind == "zeros":
        return [0.0 * v for v in base]
    if kind == "wide":
        return [v * 10.0 ** (rnd.random() * 7 - 3) for v in base]
    if kind == "edge":
        return [rnd.choice(EDGES) for _ in base]
    if kind in ("mixed", "special"):
        odd = [math.nan, math.inf, -math.inf, -0.0]
        return [rnd.choice(odd) if rnd.random() < 0.6 else (v if kind == "mixed" else float(round(v))) for v in base]
    return base


def nested(flat, shape):
    if not shape:
        return flat[0]
    step = math.prod(shape[1:])
    return [nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def random_case(rnd):
    rank = rnd.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5])
    shape = [rnd.choice(SHAPES_BIG if rnd.random() < 0.15 else SHAPES_SMALL) for _ in range(rank)]
    while math.prod(shape) > 4000:
        shape[rnd.randrange(rank)] = 1
    dtype = rnd.choice(["float32"] * 6 + ["float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "int16", "bool"])
    flat = values(rnd, rnd.choice(KINDS), math.prod(shape))
    if dtype == "bool":
        flat = [v > 0 for v in flat]
    elif "float" not in dtype:
        low, high = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767), "int32": (-(2**31), 2**31 - 1)}.get(
            dtype, (-(10**17), 10**17)
        )
        flat = [min(max(int(v), low), high) if math.isfinite(v) else 0 for v in flat]
    return shape, dtype, flat


@pytest.fixture
def default_options(torch):
    yield
    for T in (mt, torch):
        T.set_printoptions(profile="default")
        T.set_default_dtype(T.float32)


@pytest.mark.parametrize("seed", range(8))
def test_fuzz(torch, default_options, seed):
    rnd = random.Random(seed)
    for _ in range(60):
        shape, dtype, flat = random_case(rnd)
        options = {}
        if rnd.random() < 0.25:
            options = {"precision": rnd.choice([0, 1, 2, 4, 8]), "threshold": rnd.choice([5, 50, 1000]),
                       "edgeitems": rnd.choice([1, 2, 3, 5]), "linewidth": rnd.choice([20, 80, 120]),
                       "sci_mode": rnd.choice([None, True, False])}
        default = rnd.choice(["float32", "float32", "float64"])
        view = rnd.choice(["plain", "plain", "reversed dims", "step", "grad", "computed"])
        texts = []
        for T in (mt, torch):
            T.set_default_dtype(getattr(T, default))
            x = T.tensor(flat, dtype=getattr(T, dtype)).reshape(shape)
            if view == "reversed dims" and shape:
                x = x.permute(*reversed(range(len(shape))))
            elif view == "step" and shape:
                x = x[::2]
            elif "float" in dtype and view in ("grad", "computed") and (dtype not in ("float16", "bfloat16") or view == "grad"):
                x.requires_grad_()
                if view == "computed":
                    x = x * 1
            with T._tensor_str.printoptions(**options):
                texts.append(repr(x))
        assert texts[0] == texts[1], (shape, dtype, options, view)


def test_options(torch, default_options):
    x = [0.123456789, 1234.5]
    for options in ({"precision": 2}, {"sci_mode": True}, {}, {"profile": "short"}, {"profile": "full"}, {"profile": "default"},
                    {"threshold": 3, "edgeitems": 1}, {"linewidth": 30}, {"threshold": math.inf}):
        texts = []
        for T in (mt, torch):
            T.set_printoptions(**options)
            texts.append([repr(T.tensor(x)), repr(T.arange(1500)), repr(T.arange(36.0).reshape(4, 9))])
        assert texts[0] == texts[1], options


def test_options_context(default_options):
    x = mt.tensor([0.123456789])
    with mt._tensor_str.printoptions(precision=2):
        assert repr(x) == "tensor([0.12])"
        mt.set_printoptions(precision=6)
    assert repr(x) == "tensor([0.1235])"


def test_sparse(torch, default_options):
    rnd = random.Random(1)
    for _ in range(60):
        rank = rnd.choice([1, 2, 3])
        shape = [rnd.choice([1, 2, 3, 5, 9]) for _ in range(rank)]
        dtype = rnd.choice(["float32", "float32", "float64", "int64"])
        dense_dims = rnd.randrange(rank)
        nnz = rnd.choice([0, 1, 2, 5, 40])
        indices = [[rnd.randrange(shape[d]) for _ in range(nnz)] for d in range(rank - dense_dims)]
        inner = shape[rank - dense_dims :]
        flat = [float(rnd.choice([rnd.gauss(0, 1), 1.0, 250.0])) for _ in range(nnz * math.prod(inner))]
        flat = [int(v) for v in flat] if dtype == "int64" else flat
        grad = dtype != "int64" and rnd.random() < 0.3
        texts = []
        for T in (mt, torch):
            i = T.tensor(indices, dtype=T.int64).reshape(rank - dense_dims, nnz)
            v = T.tensor(flat, dtype=getattr(T, dtype)).reshape([nnz] + inner)
            s = T.sparse_coo_tensor(i, v, shape)
            if grad:
                s.requires_grad_()
            texts.append(repr(s))
        assert texts[0] == texts[1], (shape, dtype, nnz)
