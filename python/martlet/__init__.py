"""Martlet: a PyTorch-style autograd engine with its core in Swift. `import martlet as torch` and go on."""
import importlib as _importlib

from . import _types
from ._types import (  # noqa: F401
    Size, bfloat16, bool, channels_last, contiguous_format, device, double, dtype, finfo, float, float16, float32, float64,
    half, iinfo, int, int8, int16, int32, int64, layout, long, memory_format, preserve_format, short, sparse_coo, strided, uint8)
from . import _native
from . import _ops
from ._tensor import Tensor
from ._ops import arithmetic as _a, indexing as _i, joining as _j, pointwise as _p, products as _m, sparse as _sparse_ops, spatial as _spatial, random as _d, reductions as _r, sequences as _q, views as _v  # noqa: F401
from ._ops import activations as _n, comparison as _c, losses as _l  # noqa: F401
from ._ops import sorting as _s, linalg_ops as _la  # noqa: F401
from . import _creation
from . import _dlpack  # noqa: F401
from ._grad_mode import (  # noqa: F401
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled)
from ._misc import *  # noqa: F401,F403
from . import _tensor_str, random
from ._capture import CaptureError, capture  # noqa: F401
from ._tensor_str import set_printoptions  # noqa: F401
from .random import (  # noqa: F401
    Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state)

__version__ = "0.1.0"

inf, nan, pi, e = _misc.inf, _misc.nan, _misc.pi, _misc.e  # noqa: F821
newaxis = None
globals().update(_creation.TENSOR_TYPES)
if _native.os.environ.get("MARTLET_BLAS"):
    from .backends import blas as _blas
    _blas.load(_native.os.environ["MARTLET_BLAS"])

_written = set().union(*(_class.__dict__ for _class in Tensor.__mro__[:-1]))
for _name in _ops.REGISTRY["m"]:
    if _name not in _written:
        setattr(Tensor, _name, _ops.LazyMethod(_name))
del _name, _written

_SUBMODULES = {
    "nn", "optim", "utils", "autograd", "higher", "linalg", "random", "func", "testing", "special", "return_types", "sparse",
    "backends", "cuda", "serialization",
}


# Functions of nn.functional that torch has at its top level too.
_FUNCTIONAL = {
    "cosine_similarity", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "embedding_bag", "alpha_dropout", "pdist",
    "channel_shuffle", "margin_ranking_loss", "triplet_margin_loss", "hinge_embedding_loss", "poisson_nll_loss",
    "cosine_embedding_loss", "rrelu_", "instance_norm", "bilinear", "celu_", "selu_", "threshold_", "feature_alpha_dropout",
}


def __getattr__(name):
    try:
        if name in ("save", "load"):
            from . import serialization
            value = getattr(serialization, name)
        else:
            value = _ops.resolve("t", name)
    except KeyError:
        if name in _FUNCTIONAL:
            from .nn import functional
            return getattr(functional, name)
        if name in _SUBMODULES:
            try:
                return _importlib.import_module("." + name, __name__)
            except ModuleNotFoundError as error:
                if error.name != __name__ + "." + name:
                    raise
        raise AttributeError(f"module 'torch' has no attribute '{name}'") from None
    globals()[name] = value
    return value


def __dir__():
    return sorted({n for n in globals() if not n.startswith("_")} | set(_ops.REGISTRY["t"]) | {"nn", "optim", "utils", "autograd"})
