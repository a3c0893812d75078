"""multi_head_attention_forward."""
from __future__ import annotations

import math

import martlet as mt

from .. import functional as F


def _float_mask(mask, name, dtype):
    """A boolean mask as -inf where True and 0 elsewhere; a float mask as it is."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    if mask.dtype != mt.bool:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mt.zeros(mask.shape, dtype=dtype).masked_fill_(mask, float("-inf"))


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the inputs have a batch dimension; AssertionError when their ranks do not fit together."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    if key.dim() != rank or value.dim() != rank:
        raise AssertionError(f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found {key.dim()}-D "
                             f"and {value.dim()}-D tensors respectively")
    if key_padding_mask is not None and key_padding_mask.dim() != rank - 1:
        raise AssertionError(f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found "
                             f"{key_padding_mask.dim()}-D tensor instead")
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                                 f"{attn_mask.dim()}-D tensor instead")
        if rank == 2 and attn_mask.dim() == 3:
            expected = (num_heads, query.size(0), key.size(0))
            if tuple(attn_mask.shape) != expected:
                raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return rank == 3


def _projections(query, key, value, weights, bias, embed_dim):
    """Projected query, key and value, (L, N, E) each; one product serves inputs that are the same tensor."""
    if len(weights) == 1:
        weight = weights[0]
        if key is value:
            if query is key:
                return F.linear(query, weight, bias).chunk(3, -1)
            wq, wkv = weight.split([embed_dim, 2 * embed_dim])
            bq, bkv = (None, None) if bias is None else bias.split([embed_dim, 2 * embed_dim])
            return (F.linear(query, wq, bq), *F.linear(key, wkv, bkv).chunk(2, -1))
        weights = weight.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]


def _heads(x, num_heads):
    """(L, N, E) as (N, heads, L, E / heads)."""
    length, batch, width = x.shape
    return x.reshape(length, batch, num_heads, width // num_heads).permute(1, 2, 0, 3)


def _packed_heads(x, weight, bias, num_heads):
    """Query, key and value heads of self-attention from one product: three (N, heads, L, E / heads)."""
    length, batch, width = x.shape
    packed = F.linear(x, weight, bias).view(length, batch, 3, num_heads, width // num_heads)
    return packed.permute(2, 1, 3, 0, 4).unbind(0)


def multi_head_attention_forward(
        query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v,
        add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True, key_padding_mask=None,
        need_weights=True, attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None,
        v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True, is_causal=False):
    """Attention of several heads (Vaswani et al. 2017).

    query (L, N, E), key (S, N, Ek), value (S, N, Ev), or all without N. Masks are boolean (True
    hides) or float (added to the scores): attn_mask (L, S) or (N heads, L, S), key_padding_mask
    (N, S). Gives (output (L, N, E), weights (N, L, S), per head (N, heads, L, S), or None).
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_kv, same_qk = key is value, query is key
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    source = key.size(0)

    key_padding_mask = _float_mask(key_padding_mask, "key_padding_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the hint says all that the mask does
    else:
        attn_mask = _float_mask(attn_mask, "attn_mask", query.dtype)
        is_causal = False

    if embed_dim != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed_dim}")
    head_dim = embed_dim // num_heads
    if head_dim * num_heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
        for name, given in (("q", q_proj_weight), ("k", k_proj_weight), ("v", v_proj_weight)):
            if given is None:
                raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        weights = (in_proj_weight,)

    if attn_mask is not None:
        wanted = (length, source) if attn_mask.dim() == 2 else (batch * num_heads, length, source)
        if tuple(attn_mask.shape) != wanted:
            raise RuntimeError(f"The shape of the {attn_mask.dim()}D attn_mask is {attn_mask.shape}, "
                               f"but should be {wanted}.")

    if (query is key and key is value and len(weights) == 1 and bias_k is None and bias_v is None
            and static_k is None and static_v is None):
        q, k, v = _packed_heads(query, in_proj_weight, in_proj_bias, num_heads)
    else:
        q, k, v = _projections(query, key, value, weights, in_proj_bias, embed_dim)
        if bias_k is not None and bias_v is not None:
            if static_k is not None or static_v is not None:
                raise AssertionError("bias cannot be added to static key.")
            k = mt.cat([k, bias_k.repeat(1, batch, 1)], 0)
            v = mt.cat([v, bias_v.repeat(1, batch, 1)], 0)
            attn_mask, key_padding_mask = _one_more_key(attn_mask), _one_more_key(key_padding_mask)
        q = _heads(q, num_heads)
        k = _heads(k, num_heads) if static_k is None else _static(static_k, "static_k", batch, num_heads, head_dim)
        v = _heads(v, num_heads) if static_v is None else _static(static_v, "static_v", batch, num_heads, head_dim)
    if add_zero_attn:
        k, v = (mt.cat([t, mt.zeros(batch, num_heads, 1, head_dim, dtype=t.dtype)], 2) for t in (k, v))
        attn_mask, key_padding_mask = _one_more_key(attn_mask), _one_more_key(key_padding_mask)
    source = k.size(2)

    mask = attn_mask
    if mask is not None:
        mask = mask.view(1, 1, length, source) if mask.dim() == 2 else mask.view(batch, num_heads, length, source)
    if key_padding_mask is not None:
        for i, wanted in enumerate((batch, source)):
            if key_padding_mask.size(i) != wanted:
                raise AssertionError(f"Expected key_padded_mask.shape[{i}] to be {wanted}, but got "
                                     f"{key_padding_mask.size(i)}")
        padding = key_padding_mask.view(batch, 1, 1, source)
        mask = padding if mask is None else mask + padding
    if not training:
        dropout_p = 0.0

    if not need_weights:
        attended = F.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
        attended = attended.permute(2, 0, 1, 3).reshape(length * batch, embed_dim)
        output = F.linear(attended, out_proj_weight, out_proj_bias).view(length, batch, -1)
        return (output if batched else output.squeeze(1)), None

    scores = (q * math.sqrt(1.0 / head_dim)).matmul(k.transpose(-2, -1))
    if mask is not None:
        scores = scores + mask
    attention = F.softmax(scores, -1)
    if dropout_p > 0.0:
        attention = F.dropout(attention, dropout_p)
    attended = attention.matmul(v).permute(2, 0, 1, 3).reshape(length * batch, embed_dim)
    output = F.linear(attended, out_proj_weight, out_proj_bias).view(length, batch, -1)
    attention = attention.view(batch, num_heads, length, source)
    if average_attn_weights:
        attention = attention.mean(dim=1)
    return (output, attention) if batched else (output.squeeze(1), attention.squeeze(0))


def _one_more_key(mask):
    """A mask for one more key, which nothing hides."""
    return None if mask is None else F.pad(mask, (0, 1))


def _static(given, name, batch, num_heads, head_dim):
    """A given key or value (N heads, S, E / heads) as (N, heads, S, E / heads)."""
    if given.size(0) != batch * num_heads:
        raise AssertionError(f"expecting {name}.size(0) of {batch * num_heads}, but got {given.size(0)}")
    if given.size(2) != head_dim:
        raise AssertionError(f"expecting {name}.size(2) of {head_dim}, but got {given.size(2)}")
    return given.view(batch, num_heads, given.size(1), head_dim)
