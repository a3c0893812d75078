"""Functions of one float32 against the same functions in double precision, in units of the last place.

By default every 8191st of the 2^32 bit patterns is tried; with MARTLET_ALL_FLOATS=1 all of them, some minutes a function.
"""
import os

import numpy as np
import pytest
import torch

import martlet

STEP = 1 if os.environ.get("MARTLET_ALL_FLOATS") == "1" else 8191
PIECE = 1 << 22

# Errors allowed; one half is the correctly rounded result, with room for the reference's own rounding. What is allowed
# more is for AVX-512, whose exp, log, tanh and erf are in float arithmetic alone.
ELEMENTARY = {
    "exp": 0.8, "exp2": 0.51, "expm1": 0.51, "log": 1.01, "log2": 0.51, "log10": 0.51, "log1p": 0.51, "tanh": 0.6,
    "sinh": 0.51, "cosh": 0.51, "asinh": 0.51, "acosh": 0.51, "atanh": 0.51, "asin": 0.51, "acos": 0.51, "atan": 0.51,
    "erf": 0.65, "erfc": 0.51, "sqrt": 0.5, "reciprocal": 0.5, "rsqrt": 1.5, "sin": 1, "cos": 1, "tan": 2,
}
# Compositions round after each step. name -> (errors allowed, lowest argument, what a last place is taken of besides
# the result: a term that cancels against another).
COMPOSED = {
    "sigmoid": (2, -87, lambda x: 0 * x),
    "silu": (2.5, -87, lambda x: 0 * x),
    "softplus": (2, -87, lambda x: 0 * x),
    "logsigmoid": (2, -87, lambda x: 0 * x),
    "gelu": (2, -np.inf, lambda x: x),
}


def pieces():
    for start in range(0, 1 << 32, PIECE * STEP):
        bits = np.arange(start, min(start + PIECE * STEP, 1 << 32), STEP, dtype=np.uint64)
        yield bits.astype(np.uint32).view(np.float32)


def check(name, ours, theirs, allowed, low=-np.inf, beside=lambda x: 0 * x):
    for x in pieces():
        x = x[~(x < low)]
        got = torch.from_numpy(ours(martlet.from_numpy(x)).numpy())
        wide = torch.from_numpy(x).double()
        want = theirs(wide)
        nearest = want.float()
        finite = nearest.isfinite()
        same = (got == nearest) | (got.isnan() & nearest.isnan())
        assert bool(same[~finite].all()), f"{name} at {x[(~finite & ~same).numpy()][:3]}"
        size = torch.maximum(want.abs(), beside(wide).abs())[finite]
        place = torch.exp2(torch.clamp(torch.floor(torch.log2(size)), min=-126) - 23)
        error = (got.double()[finite] - want[finite]).abs() / place
        worst = int(error.argmax())
        assert error[worst] <= allowed, f"{name} is off by {error[worst]:.3f} places at {wide[finite][worst]}"


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary(name):
    check(name, getattr(martlet, name), getattr(torch, name), ELEMENTARY[name])


@pytest.mark.parametrize("name", COMPOSED)
def test_composed(name):
    allowed, low, beside = COMPOSED[name]
    ours, theirs = (
        getattr(t if name == "sigmoid" else t.nn.functional, name) for t in (martlet, torch))
    check(name, ours, theirs, allowed, low, beside)
