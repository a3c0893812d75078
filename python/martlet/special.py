"""torch.special: special functions. Each is an operation of the top level, most under its own name."""
from . import _ops

_NAMES = {
    "digamma": "digamma", "psi": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2",
    "expit": "sigmoid", "expm1": "expm1", "gammaln": "lgamma", "log1p": "log1p", "logit": "logit",
    "polygamma": "polygamma", "round": "round", "sinc": "sinc", "xlogy": "xlogy", "logsumexp": "logsumexp",
    "log_softmax": "log_softmax", "softmax": "softmax",
}
__all__ = sorted(_NAMES)


def __getattr__(name):
    try:
        return getattr(_ops.T, _NAMES[name])
    except KeyError:
        raise AttributeError(f"module 'martlet.special' has no attribute {name!r}") from None


def __dir__():
    return __all__
