"""One call, run on torch and on martlet, compared in everything a script can see.

    check_op(lambda t, x, y: t.add(x, y), [rand(2, 3), rand(3)])

`t` is the module (torch or martlet); inputs are NumPy arrays, or anything else as it is. Compared are: value, dtype,
shape, gradients, gradients of gradients; and, for calls that fail, the class of the exception.
"""
import numpy as np

import martlet

RTOL = {"float32": 2e-5, "float64": 1e-9, "float16": 2e-3, "bfloat16": 2e-2}
ATOL = {"float32": 2e-6, "float64": 1e-11, "float16": 1e-3, "bfloat16": 1e-2}


def rand(*shape, low=-2.0, high=2.0, dtype="float64", seed=0):
    """Reproducible uniform numbers."""
    return np.random.RandomState(seed + 7 * len(shape) + sum(shape)).uniform(low, high, shape).astype(dtype)


def tensors_in(result):
    """All tensors of a (nested) result, in order."""
    if isinstance(result, (list, tuple)):
        return [t for item in result for t in tensors_in(item)]
    return [result]


def _is_tensor(t):
    return hasattr(t, "requires_grad")


def _numpy(t):
    t = t.detach()
    if getattr(t, "_is_zerotensor", bool)():
        t = t + 0  # torch's placeholder for zeros has no memory
    name = str(t.dtype)
    if t.is_sparse:
        t = t.to_dense()
    return (t.float() if name == "torch.bfloat16" else t).numpy(force=True), name.split(".")[-1]


def assert_same(ours, theirs, what="result", rtol=None, atol=None):
    """Equal shape, dtype and values (within rounding for floating point)."""
    if not _is_tensor(theirs):
        if isinstance(theirs, float):
            assert ours == theirs or abs(ours - theirs) <= 1e-6 * max(1, abs(theirs)) or (ours != ours and theirs != theirs), (what, ours, theirs)
        else:
            assert ours == theirs and type(ours).__name__ == type(theirs).__name__, (what, ours, theirs)
        return
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {tuple(ours.shape)}, torch has {tuple(theirs.shape)}"
    (a, kind), (b, expected) = _numpy(ours), _numpy(theirs)
    assert kind == expected, f"{what}: dtype {kind}, torch has {expected}"
    if expected in RTOL:
        np.testing.assert_allclose(
            a, b, rtol=rtol or RTOL[expected], atol=atol or ATOL[expected], err_msg=what, equal_nan=True)
    else:
        np.testing.assert_array_equal(a, b, err_msg=what)


def _place(module, value, grad):
    if isinstance(value, np.ndarray):
        t = module.from_numpy(value.copy()) if value.ndim else module.tensor(value.item(), dtype=getattr(module, str(value.dtype)))
        return t.requires_grad_() if grad and value.dtype.kind == "f" else t
    if isinstance(value, (list, tuple)) and any(isinstance(v, np.ndarray) for v in value):
        return type(value)(_place(module, v, grad) for v in value)
    return value


def _leaves(values):
    return [t for t in tensors_in(values) if _is_tensor(t) and t.requires_grad]


def _weights(shape, seed):
    return np.random.RandomState(seed).uniform(-1, 1, tuple(shape))


def _gradients(module, call, inputs, order):
    """(result, first gradients, second gradients) with random weights on the outputs."""
    placed = [_place(module, v, True) for v in inputs]
    leaves = _leaves(placed)
    result = call(module, *placed)
    outs = [t for t in tensors_in(result) if _is_tensor(t) and t.requires_grad]
    if not outs or not leaves:
        return result, None, None
    seeds = [module.tensor(_weights(t.shape, 3 + i), dtype=t.dtype) for i, t in enumerate(outs)]
    first = module.autograd.grad(outs, leaves, seeds, create_graph=order > 1, allow_unused=True)
    if order < 2:
        return result, first, None
    parts = [g for g in first if g is not None and g.requires_grad]
    if not parts:
        return result, first, None
    seeds = [module.tensor(_weights(g.shape, 11 + i), dtype=g.dtype) for i, g in enumerate(parts)]
    return result, first, module.autograd.grad(parts, leaves, seeds, allow_unused=True)


def _compare_lists(ours, theirs, what, rtol, atol):
    if ours is None or theirs is None:  # nothing to differentiate, and gradients that are all absent, say the same
        present = [g for g in (ours or theirs or ()) if g is not None and np.any(_numpy(g)[0])]
        assert not present, f"{what}: {'missing' if ours is None else 'unexpected'}"
        return
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if a is None or b is None:  # an absent gradient and one of zeros say the same
            present = a if b is None else b
            assert present is None or not np.any(_numpy(present)[0]), f"{what} {i}: torch has {'none' if b is None else 'one'}"
        else:
            assert_same(a, b, f"{what} {i}", rtol, atol)


def check_op(call, inputs, order=2, rtol=None, atol=None, grad=True):
    """Runs `call(module, *inputs)` on both and compares values, dtypes, shapes and gradients up to `order`."""
    import torch
    ours = _gradients(martlet, call, inputs, order) if grad else (call(martlet, *[_place(martlet, v, False) for v in inputs]), None, None)
    theirs = _gradients(torch, call, inputs, order) if grad else (call(torch, *[_place(torch, v, False) for v in inputs]), None, None)
    a, b = tensors_in(ours[0]), tensors_in(theirs[0])
    assert len(a) == len(b), f"{len(a)} results, torch has {len(b)}"
    for i, (x, y) in enumerate(zip(a, b)):
        assert_same(x, y, f"result {i}", rtol, atol)
        if _is_tensor(y) and grad:
            assert x.requires_grad == y.requires_grad, f"result {i}: requires_grad {x.requires_grad}"
            theirs_fn, ours_fn = type(y.grad_fn).__name__, type(x.grad_fn).__name__
            assert ours_fn == theirs_fn, f"result {i}: grad_fn {ours_fn}, torch has {theirs_fn}"
    _compare_lists(ours[1], theirs[1], "gradient", rtol, atol)
    _compare_lists(ours[2], theirs[2], "second gradient", rtol and rtol * 10, atol and atol * 10)
    return ours[0]


def check_error(call, inputs=(), message=None):
    """Both fail with the same class of exception; ours says `message` (by default torch's own first line)."""
    import torch
    def run(module):
        try:
            call(module, *[_place(module, v, False) for v in inputs])
        except Exception as error:
            return error
        return None
    theirs, ours = run(torch), run(martlet)
    assert theirs is not None, "torch accepts this"
    assert ours is not None, f"accepted; torch raises {type(theirs).__name__}: {theirs}"
    assert type(ours).__name__ == type(theirs).__name__ or isinstance(ours, type(theirs)), f"{type(ours).__name__}: {ours}; torch {type(theirs).__name__}: {theirs}"
    if message is not None:
        assert message in str(ours), f"{ours}; wanted {message}"
    return ours, theirs
