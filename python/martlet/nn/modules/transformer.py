"""The Transformer family (Vaswani et al. 2017): layers, stacks of them, and the whole.

Shapes are (L, N, E), batch first with ``batch_first``, or (L, E) for one sequence.
"""
from __future__ import annotations

import copy

import martlet as mt

from .. import functional as F
from .. import init
from .activation import GELU, ReLU, joined_activation
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm


def _activation(activation):
    """The function that "relu" and "gelu" name; anything callable is itself."""
    if isinstance(activation, str):
        if activation == "relu":
            return F.relu
        if activation == "gelu":
            return F.gelu
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return activation


def _feed_forward(x, linear1, activation, dropout, linear2):
    """linear2(dropout(activation(linear1(x)))), as one step where nothing listens in between."""
    if (type(linear1) is Linear and type(linear2) is Linear and type(dropout) is Dropout and not dropout.inplace
            and 0 <= dropout.p <= 1 and not (linear1.is_observed() or linear2.is_observed() or dropout.is_observed())):
        name = ("relu" if activation is F.relu else "gelu" if activation is F.gelu
                else joined_activation(linear1, activation))
        if name is not None:
            p = float(dropout.p) if dropout.training else 0.0
            return F._feed_forward(x, linear1.weight, linear1.bias, name, p, linear2.weight, linear2.bias)
    return linear2(dropout(activation(linear1(x))))


def _clones(module, n):
    """``n`` deep copies of ``module``."""
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


def _is_causal_mask(mask, is_causal, size):
    """``is_causal`` when it was given, else whether ``mask`` is the square causal mask of ``size``."""
    if is_causal is not None:
        return is_causal
    if mask is None or size is None or tuple(mask.shape) != (size, size) or not mask.dtype.is_floating_point:
        return False
    return bool((mask == Transformer.generate_square_subsequent_mask(size, dtype=mask.dtype)).all())


def _sequence_length(src, batch_first):
    """The length of (L, N, E), (N, L, E) or (L, E)."""
    return src.size(1 if batch_first and src.dim() == 3 else 0)


def _drops_padding(layer):
    """Whether torch computes a stack of such layers, in evaluation, on sequences without their padding."""
    if not isinstance(layer, TransformerEncoderLayer) or layer.norm_first:
        return False
    attention = layer.self_attn
    return (attention.batch_first and attention.in_proj_bias is not None and attention._qkv_same_embed_dim
            and attention.num_heads % 2 == 0 and layer.norm1.eps == layer.norm2.eps
            and (layer.activation in (F.relu, F.gelu) or isinstance(layer.activation, (ReLU, GELU))))


class TransformerEncoderLayer(Module):
    """Self-attention and a two-layer feed-forward net, each with residual, dropout and layer norm.

    The norm comes after the residual sum, or with ``norm_first`` before the sublayer.
    """

    __constants__ = ["norm_first"]

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu", layer_norm_eps=1e-5,
                 batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        modules = self._modules
        norm1, norm2 = modules["norm1"], modules["norm2"]
        if self.norm_first:
            src = src + self._attend(norm1(src), src_mask, src_key_padding_mask, is_causal)
            return src + self._feed(norm2(src))
        src = norm1(src + self._attend(src, src_mask, src_key_padding_mask, is_causal))
        return norm2(src + self._feed(src))

    def _attend(self, x, attn_mask, key_padding_mask, is_causal):
        modules = self._modules
        x = modules["self_attn"](x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
                                 need_weights=False, is_causal=is_causal)[0]
        return modules["dropout1"](x)

    def _feed(self, x):
        modules = self._modules
        x = _feed_forward(x, modules["linear1"], self.activation, modules["dropout"], modules["linear2"])
        return modules["dropout2"](x)


class TransformerDecoderLayer(Module):
    """Self-attention, attention to the encoder's memory and a feed-forward net, arranged as in the encoder layer."""

    __constants__ = ["norm_first"]

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu", layer_norm_eps=1e-5,
                 batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        attention = {"dropout": dropout, "batch_first": batch_first, "bias": bias, **made}
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False):
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._attend(self.norm1(x), *own)
            x = x + self._attend_memory(self.norm2(x), memory, *other)
            return x + self._feed(self.norm3(x))
        x = self.norm1(x + self._attend(x, *own))
        x = self.norm2(x + self._attend_memory(x, memory, *other))
        return self.norm3(x + self._feed(x))

    def _attend(self, x, attn_mask, key_padding_mask, is_causal):
        x = self.self_attn(x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
                           is_causal=is_causal, need_weights=False)[0]
        return self.dropout1(x)

    def _attend_memory(self, x, memory, attn_mask, key_padding_mask, is_causal):
        x = self.multihead_attn(x, memory, memory, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
                                is_causal=is_causal, need_weights=False)[0]
        return self.dropout2(x)

    def _feed(self, x):
        return self.dropout3(_feed_forward(x, self.linear1, self.activation, self.dropout, self.linear2))


class TransformerEncoder(Module):
    """``num_layers`` deep copies of an encoder layer in a row, then ``norm`` if given.

    In evaluation without gradients, where torch would drop padded positions from the
    computation, the output (before ``norm``) is 0 there; ``enable_nested_tensor=False`` keeps them.
    """

    __constants__ = ["norm"]

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        self.use_nested_tensor = enable_nested_tensor and _drops_padding(encoder_layer)

    def _padding_to_clear(self, src, mask, padding):
        """The boolean padding mask, if torch would leave those positions out; else None."""
        if (padding is None or mask is not None or src.dim() != 3 or self.training
                or not getattr(self, "use_nested_tensor", False) or self.layers[0].training):
            return None
        if mt.is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in self.parameters())):
            return None
        hidden = padding if padding.dtype == mt.bool else padding == float("-inf")
        # Only padding at the end can be dropped.
        if self.mask_check and bool((hidden[:, :-1] & ~hidden[:, 1:]).any()):
            return None
        return hidden

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        output = src
        if mask is not None and is_causal is None:
            batch_first = getattr(getattr(self.layers[0], "self_attn", None), "batch_first", False)
            is_causal = _is_causal_mask(mask, is_causal, _sequence_length(src, batch_first))
        for layer in self._modules["layers"]:
            output = layer(output, src_mask=mask, is_causal=bool(is_causal),
                           src_key_padding_mask=src_key_padding_mask)
        hidden = self._padding_to_clear(src, mask, src_key_padding_mask)
        if hidden is not None:
            output = output.masked_fill(hidden.unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)


class TransformerDecoder(Module):
    """``num_layers`` deep copies of a decoder layer in a row, then ``norm`` if given."""

    __constants__ = ["norm"]

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=None, memory_is_causal=False):
        output = tgt
        if tgt_mask is not None and tgt_is_causal is None:
            batch_first = getattr(getattr(self.layers[0], "self_attn", None), "batch_first", False)
            tgt_is_causal = _is_causal_mask(tgt_mask, tgt_is_causal, _sequence_length(tgt, batch_first))
        for layer in self.layers:
            output = layer(output, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                           tgt_key_padding_mask=tgt_key_padding_mask,
                           memory_key_padding_mask=memory_key_padding_mask,
                           tgt_is_causal=bool(tgt_is_causal), memory_is_causal=memory_is_causal)
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """Encoder and decoder: source (S, N, E) and target (T, N, E) to (T, N, E)."""

    def __init__(self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048,
                 dropout=0.1, activation="relu", custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-5,
                 batch_first=False, norm_first=False, bias=True, device=None, dtype=None):
        super().__init__()
        made = {"device": device, "dtype": dtype}

        def stack(given, layer_class, stack_class, count):
            if given is not None:
                return given
            layer = layer_class(d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                                batch_first, norm_first, bias, **made)
            return stack_class(layer, count, LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made))

        self.encoder = stack(custom_encoder, TransformerEncoderLayer, TransformerEncoder, num_encoder_layers)
        self.decoder = stack(custom_decoder, TransformerDecoderLayer, TransformerDecoder, num_decoder_layers)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def forward(self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None,
                tgt_key_padding_mask=None, memory_key_padding_mask=None, src_is_causal=None, tgt_is_causal=None,
                memory_is_causal=False):
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask,
                              is_causal=src_is_causal)
        return self.decoder(tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                            tgt_key_padding_mask=tgt_key_padding_mask,
                            memory_key_padding_mask=memory_key_padding_mask,
                            tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """The (sz, sz) float mask that lets position i see positions 0..i: -inf above the diagonal, else 0."""
        return mt.triu(mt.full((sz, sz), float("-inf"), dtype=dtype, device=device), diagonal=1)

    def _reset_parameters(self):
        """Draw every matrix anew from xavier_uniform."""
        for param in self.parameters():
            if param.dim() > 1:
                init.xavier_uniform_(param)
