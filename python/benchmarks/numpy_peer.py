"""Single operations in numpy, which keeps no gradients: W1 and W9."""
import numpy as np

import data
from operations import repeated

_KERNELS = {"add": "np.add(a, b)", "relu": "np.maximum(a, zero)", "exp": "np.exp(a)", "tanh": "np.tanh(a)", "sum": "a.sum()"}


def _pair(*shape):
    rng = np.random.default_rng(1)
    return data.uniform(rng, *shape), data.uniform(rng, *shape)


def _add_one():
    a, b = _pair(1, 1)
    return repeated("a + b", dict(a=a, b=b))


def _kernel(name, n):
    a, b = _pair(n)
    return repeated(_KERNELS[name], dict(np=np, a=a, b=b, zero=np.float32(0)), unroll=2)


def _product(layout, n):
    a, b = _pair(n, n)
    expression = {"NN": "np.matmul(a, b)", "NT": "np.matmul(a, b.T)", "TN": "np.matmul(a.T, b)"}[layout]
    return repeated(expression, dict(np=np, a=a, b=b), unroll=2)


MAKERS = {"W1 a + b, one element": _add_one}
for _name in _KERNELS:
    for _digits in range(3, 8):
        MAKERS[f"W9 {_name}, 1e{_digits}"] = lambda name=_name, n=10 ** _digits: _kernel(name, n)
for _layout in ("NN", "NT", "TN"):
    for _power in range(4, 12):
        MAKERS[f"W9 matmul {_layout}, {2 ** _power}"] = lambda layout=_layout, n=2 ** _power: _product(layout, n)
