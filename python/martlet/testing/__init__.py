"""torch.testing: comparing tensors in tests."""
from .._tensor import Tensor

_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def assert_close(actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False, check_device=True,
                 check_dtype=True, check_layout=True, check_stride=False, msg=None):
    """Raises AssertionError unless both (tensors, numbers, or sequences and mappings of them) are equal within tolerance."""
    if (rtol is None) != (atol is None):
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or unspecified, but got rtol={rtol} and atol={atol}, respectively.")
    if isinstance(expected, dict):
        if set(actual) != set(expected):
            raise AssertionError(f"The keys of the mappings do not match: {sorted(actual)} and {sorted(expected)}")
        for key in expected:
            assert_close(actual[key], expected[key], rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype, msg=msg)
        return
    if isinstance(expected, (list, tuple)):
        if len(actual) != len(expected):
            raise AssertionError(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        for a, b in zip(actual, expected):
            assert_close(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype, msg=msg)
        return
    import martlet
    a = actual if isinstance(actual, Tensor) else martlet.as_tensor(actual)
    b = expected if isinstance(expected, Tensor) else martlet.as_tensor(expected)

    def fail(text):
        raise AssertionError(msg(text) if callable(msg) else msg or text)
    if a.shape != b.shape:
        fail(f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}.")
    if check_dtype and a.dtype is not b.dtype:
        fail(f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}.")
    r, t = _TOLERANCES.get(b.dtype._name, (0.0, 0.0))
    r, t = (r, t) if rtol is None else (rtol, atol)
    a, b = a.detach(), b.detach()
    if a.is_sparse:
        a, b = a.to_dense(), b.to_dense()
    same = martlet.isclose(a.double(), b.double(), rtol=r, atol=t, equal_nan=equal_nan)
    if not bool(same.all()):
        wrong = int((~same).sum())
        difference = (a.double() - b.double()).abs().max().item()
        fail(f"Tensor-likes are not close!\n\nMismatched elements: {wrong} / {a.numel()} ({100 * wrong / a.numel():.1f}%)\n"
             f"Greatest absolute difference: {difference} (up to {t} allowed)")


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """assert_close without a check of dtypes."""
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
