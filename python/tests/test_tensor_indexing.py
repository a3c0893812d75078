"""Indexing and assignment by random expressions, against torch: values, shapes, strides, gradients, errors."""
import numpy as np
from hypothesis import given, settings, strategies as st

import martlet


def _shape(r):
    return [r.choice([1, 2, 3, 4]) if r.random() > 0.1 else r.choice([0, 5]) for _ in range(r.randint(0, 4))]


def _expression(r, shape):
    """A random index as (kind, value) pairs: None, ..., flags, integers, slices, index tensors, lists, masks."""
    out, d, n, dots = [], 0, len(shape), False
    common = r.choice([[2], [3], [2, 3], [1]])

    def positions(count):
        s = max(shape[d], 1)
        return [r.randint(-s, s - 1) for _ in range(count)]
    while d <= n and len(out) < 6:
        k = r.random()
        if k < 0.12:
            out.append(("none", None))
        elif k < 0.17 and not dots:
            out.append(("dots", None))
            dots, d = True, d + r.randint(0, n - d)
        elif k < 0.20:
            out.append(("plain", r.random() < 0.7))
        elif d == n:
            break
        elif k < 0.40:
            s = shape[d]
            out.append(("plain", r.randint(-s - (r.random() < 0.05), max(s - 1 + (r.random() < 0.05), 0)) if s else 0))
            d += 1
        elif k < 0.62:
            ends = [r.choice([None, r.randint(-5, 5)]) for _ in range(2)]
            out.append(("plain", slice(*ends, r.choice([None, None, 1, 2, 3]))))
            d += 1
        elif k < 0.80:
            s = r.choice([common, common, [1] * len(common), []])
            kind = r.choice([np.int64, np.int64, np.int32, np.int8])
            out.append(("tensor", np.array(positions(int(np.prod(s))), dtype=kind).reshape(s)))
            d += 1
        elif k < 0.87:
            out.append(("plain", positions(common[-1])))
            d += 1
        elif k < 0.97:
            m = r.randint(1, min(2, n - d))
            s = shape[d:d + m]
            out.append(("tensor", np.array([r.random() < 0.5 for _ in range(int(np.prod(s)))], dtype=bool).reshape(s)))
            d += m
        else:
            out.append(("plain", [r.random() < 0.5 for _ in range(shape[d])]))
            d += 1
        if r.random() < 0.2:
            break
    return out


def _key(t, expression):
    items = []
    for kind, value in expression:
        if kind == "tensor":
            value = t.tensor(value.tolist(), dtype=getattr(t, str(value.dtype)))
        items.append(Ellipsis if kind == "dots" else value)
    return items[0] if len(items) == 1 else tuple(items)


def _values(shape, form):
    if form == "broadcast":
        return [1 if j % 2 else s for j, s in enumerate(shape)]
    return {"full": shape, "fewer": shape[1:], "more": [1] + shape, "too many": shape + [3], "one": []}[form]


def _count(t, start, shape):
    return t.arange(start, start + float(np.prod(shape)), dtype=t.float64).reshape(shape)


def _outcome(t, shape, order, expression, mode, form, weighted):
    """What a read or a write of the index gives: numbers, shape and gradients, or the error."""
    leaf = _count(t, 1.0, shape).requires_grad_()
    x = (leaf * 1).permute(order)
    try:
        key = _key(t, expression)
        picked = x[key]
        if mode == "read":
            out, leaves = picked, [leaf]
            plain = all(kind != "tensor" and not isinstance(v, (list, bool)) for kind, v in expression)
            extra = [tuple(picked.shape), picked.stride() if plain and picked.numel() else None]
        else:
            if form == "number":
                value, leaves = 7.5, [leaf]
            else:
                given = _count(t, 100.0, _values(list(picked.shape), form)).requires_grad_()
                value, leaves = given * 1, [leaf, given]
            if mode == "write":
                x[key] = value
            else:
                x[key] += value
            out, extra = x, []
        total = (out * _count(t, 1.0, list(out.shape))).sum() if weighted else out.sum()
        gradients = t.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
        return [out.tolist(), [g.tolist() for g in gradients]] + extra
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        return type(error).__name__


@settings(max_examples=600, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_expressions(r):
    import torch
    shape = _shape(r)
    order = list(range(len(shape)))
    r.shuffle(order)
    expression = _expression(r, [shape[d] for d in order])
    if not expression:
        return
    mode = r.choice(["read", "read", "write", "add"])
    form = r.choice(["number", "full", "broadcast", "fewer", "more", "one", "too many"])
    case = shape, order, expression, mode, form, r.random() < 0.5
    assert _outcome(martlet, *case) == _outcome(torch, *case), case
