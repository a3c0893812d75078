"""Activation functions and dropout."""
from . import F as _F
from . import T as _T
from . import op, table

# Under torch.name, Tensor.name and both in-place spellings.
table("""
tm relu(input: T) = mt_relu
tm relu_(input: T) = mt_relu_ -> self
F  relu_(input: T) = mt_relu_ -> self
tm prelu(input: T, weight: T) = mt_prelu
F  prelu(input: T, weight: T) = mt_prelu
F  logsigmoid(input: T) = mt_logsigmoid
F  softplus(input: T, beta: float=1.0, threshold: float=20.0) = mt_softplus
F  glu(input: T, dim: int=-1) = mt_glu
tm hardshrink(input: T, lambd: float=0.5) = mt_hardshrink
F  hardshrink(input: T, lambd: float=0.5) = mt_hardshrink
F  softshrink(input: T, lambd: float=0.5) = mt_softshrink
t  celu(input: T, alpha: float=1.0) = mt_celu
t  celu_(input: T, alpha: float=1.0) = mt_celu_ -> self
t  selu(input: T) = mt_selu
t  selu_(input: T) = mt_selu_ -> self
t  threshold(input: T, threshold: float, value: float) = mt_threshold
t  threshold_(input: T, threshold: float, value: float) = mt_threshold_ -> self
F  leaky_relu_(input: T, negative_slope: float=0.01) = mt_leaky_relu_ -> self
F  elu_(input: T, alpha: float=1.0) = mt_elu_ -> self
F  celu_(input: T, alpha: float=1.0) = mt_celu_ -> self
F  selu_(input: T) = mt_selu_ -> self
F  hardtanh_(input: T, min_val: float=-1.0, max_val: float=1.0) = mt_hardtanh_ -> self
F  threshold_(input: T, threshold: float, value: float) = mt_threshold_ -> self
""")

# Those with an `inplace` flag in torch.nn.functional: name, its parameters, and as they are passed on.
_FLAGGED = (
    ("relu", "", ""),
    ("relu6", "", ""),
    ("silu", "", ""),
    ("mish", "", ""),
    ("hardswish", "", ""),
    ("hardsigmoid", "", ""),
    ("selu", "", ""),
    ("leaky_relu", "negative_slope: float=0.01", "negative_slope"),
    ("elu", "alpha: float=1.0", "alpha"),
    ("celu", "alpha: float=1.0", "alpha"),
    ("hardtanh", "min_val: float=-1.0, max_val: float=1.0", "min_val, max_val"),
    ("threshold", "threshold: float, value: float", "threshold, value"),
)


def _flagged(name, parameters, passed):
    more = ", " + parameters if parameters else ""
    table(f"F _{name}_new(input: T{more}) = mt_{name}\nF _{name}_in_place(input: T{more}) = mt_{name}_ -> self")
    signature = parameters.replace(": float", "") + ", " if parameters else ""
    arguments = ", " + passed if passed else ""
    scope = {"F": _F}
    exec(  # one function with the exact signature, as callers may pass any argument by name
        f"def {name}(input, {signature}inplace=False):\n"
        f"    if inplace:\n        return F._{name}_in_place(input{arguments})\n"
        f"    return F._{name}_new(input{arguments})\n", scope)
    function = scope[name]
    function.__doc__ = f"{name}(input, {signature}inplace=False): see mt_{name} in martlet.h."
    function.__module__ = "martlet"
    op("F")(function)


for _name, _parameters, _passed in _FLAGGED:
    _flagged(_name, _parameters, _passed)

table("F _gelu(input: T, approximate: enum(none,tanh)) = mt_gelu")


@op("F")
def gelu(input, approximate="none"):
    """gelu(input, approximate='none'): x times the normal distribution function, or its 'tanh' approximation."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _F._gelu(input, approximate)


table("""
F  _rrelu(input: T, lower: float, upper: float, training: bool, generator: gen=None) = mt_rrelu
F  _rrelu_(input: T, lower: float, upper: float, training: bool, generator: gen=None) = mt_rrelu_ -> self
""")


@op("F")
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """rrelu(input, lower=1/8, upper=1/3, training=False, inplace=False): leaky relu with random slopes in training."""
    return (_F._rrelu_ if inplace else _F._rrelu)(input, lower, upper, training)


# ---- dropout

table("""
t  _dropout(input: T, p: float, training: bool, generator: gen=None) = mt_dropout
t  _dropout_(input: T, p: float, training: bool, generator: gen=None) = mt_dropout_ -> self
""")


@op("F")
def dropout(input, p=0.5, training=True, inplace=False):
    """dropout(input, p=0.5, training=True, inplace=False): zeros with probability p, the rest divided by 1 - p."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return (_dropout_in_place if inplace else _dropout)(input, p, training)


def _dropout(input, p, train):
    """torch.dropout: as F.dropout."""
    if p == 0 or not train:
        return input
    return _T._dropout(input, p, train)


def _dropout_in_place(input, p, train):
    """torch.dropout_: in place."""
    return _T._dropout_(input, p, train)


op("t", "dropout")(_dropout)
op("t", "dropout_")(_dropout_in_place)
