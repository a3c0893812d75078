"""torch.special: special functions. Each is an operation of the top level, most under its own name."""
from . import _ops

_NAMES = {
    "digamma": "digamma", "psi": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2",
    "expit": "sigmoid", "expm1": "expm1", "gammaln": "lgamma", "log1p": "log1p", "logit": "logit",
    "polygamma": "polygamma", "round": "round", "sinc": "sinc", "xlogy": "xlogy", "logsumexp": "logsumexp",
    "log_softmax": "log_softmax", "softmax": "softmax", "i0": "i0", "i0e": "_i0e", "i1": "_i1", "i1e": "_i1e", "entr": "_entr",
    "xlog1py": "_xlog1py", "zeta": "_zeta",
}
__all__ = sorted([*_NAMES, "log_ndtr", "multigammaln", "ndtr"])


def ndtr(input):
    """ndtr(input): the normal distribution function."""
    return (1 + (input * 0.7071067811865476).erf()) * 0.5


def log_ndtr(input):
    """log_ndtr(input): the logarithm of ndtr, also where ndtr is too small for its dtype."""
    x = input if input.is_floating_point() else input.float()
    low, high = x.clamp(max=-1.0), x.clamp(min=-1.0)
    # erfc(y) = exp(-y^2) / (y sqrt(pi)) * (1 - 1 / (2 y^2 + ...)) far out, as a continued fraction in y^2.
    y = -low * 0.7071067811865476
    square = y * y
    fraction = square * 0
    for k in range(60, 0, -1):
        fraction = (k / 2) / (y + fraction)
    tail = -square - (y + fraction).log() - 1.2655121234846454
    return _ops.T.where(x < -1.0, tail, (ndtr(high)).log())


def multigammaln(input, p):
    """multigammaln(input, p): the logarithm of the multivariate gamma function of dimension p."""
    return _ops.T.mvlgamma(input, p)


def __getattr__(name):
    try:
        return getattr(_ops.T, _NAMES[name])
    except KeyError:
        raise AttributeError(f"module 'martlet.special' has no attribute {name!r}") from None


def __dir__():
    return __all__
