"""Helpers for tests that run the same program on martlet and on torch and compare."""
import pytest

import martlet

try:
    import torch
except ImportError:  # the tests that need it are skipped, and counted as such
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed: nothing to compare with")

#: True where martlet's tensors are torch's own, in which case only the Python face is under test.
SAME_TENSORS = torch is not None and martlet.Tensor is torch.Tensor


def dense(tensor):
    """A tensor of either side as nested lists (sparse ones made dense)."""
    tensor = tensor.detach()
    return (tensor.to_dense() if tensor.is_sparse else tensor).tolist()


def flat(values):
    """Nested lists as one flat list."""
    if isinstance(values, (list, tuple)):
        return [x for v in values for x in flat(v)]
    return [values]


def assert_same(ours, theirs, rtol=2e-5, atol=1e-6):
    """Equal shapes, and values equal up to rounding (equal bits where only the face is under test)."""
    a, b = flat(dense(ours)), flat(dense(theirs))
    assert list(ours.shape) == list(theirs.shape)
    assert str(ours.dtype) == str(theirs.dtype).replace("martlet.", "torch.")
    if SAME_TENSORS:
        assert a == b
        return
    scale = max([abs(x) for x in b], default=0.0)
    for x, y in zip(a, b):
        assert abs(x - y) <= atol + rtol * max(abs(y), scale), (x, y)


def error_of(call):
    """The class name and message of what ``call`` raises."""
    with pytest.raises(Exception) as info:
        call()
    return type(info.value).__name__, str(info.value)
