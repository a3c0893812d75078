"""The functions of torch.nn.functional.

What the engine computes itself (``martlet._ops.F``) is looked up here at its first use and then
kept, so that importing this module stays cheap; the rest is composed of tensor operations in
``martlet.nn._functional``, one file per family.
"""
from __future__ import annotations

from ._functional.activation import gumbel_softmax, rrelu_, sigmoid, softsign, tanh, tanhshrink
from ._functional.attention import multi_head_attention_forward
from ._functional.distance import cosine_similarity, normalize, pairwise_distance
from ._functional.dropout import alpha_dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from ._functional.embedding import embedding_bag
from ._functional.loss import (cosine_embedding_loss, gaussian_nll_loss, hinge_embedding_loss, margin_ranking_loss,
                               multi_margin_loss, multilabel_margin_loss, multilabel_soft_margin_loss,
                               poisson_nll_loss, soft_margin_loss, triplet_margin_loss,
                               triplet_margin_with_distance_loss)
from ._functional.normalization import local_response_norm
from ._functional.pooling import lp_pool1d, lp_pool2d, lp_pool3d, max_unpool1d, max_unpool2d, max_unpool3d
from ._functional.sampling import affine_grid, grid_sample
from ._functional.vision import channel_shuffle, native_channel_shuffle, upsample, upsample_bilinear, upsample_nearest


def __getattr__(name):
    if not name.startswith("__"):
        from martlet._ops import F as engine

        function = getattr(engine, name, None)
        if function is not None:
            globals()[name] = function
            return function
    raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")


def __dir__():
    from martlet._ops import F as engine

    return sorted({*globals(), *(name for name in dir(engine) if not name.startswith("_"))})
