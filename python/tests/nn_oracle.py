"""Running one snippet on Martlet and on PyTorch, and comparing what it leaves behind.

A snippet is Python text that uses the names torch, nn, F and init and assigns ``out``. What it
assigns, or the exception that it raises, must be the same on both sides: shapes, dtypes and texts
exactly, numbers within a tolerance or, with ``exact``, bit for bit.
"""
import importlib
import math
import textwrap
import warnings

import pytest

import martlet

torch = pytest.importorskip("torch", reason="PyTorch is the oracle of these tests")


def _names(package, extra):
    nn = importlib.import_module(package + ".nn")
    return {"torch": importlib.import_module(package), "nn": nn, "F": nn.functional, "init": nn.init, **extra}


def _plain(value):
    """Tensors, modules and containers as nested plain data."""
    if isinstance(value, (torch.Tensor, martlet.Tensor)):
        values = value.detach().tolist()
        return ("tensor", str(value.dtype).replace("martlet.", "torch."), tuple(value.shape), values)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return repr(value)


def run(package, snippet, **extra):
    """What the snippet leaves in ``out`` under one package, or its exception as (class, text)."""
    names = _names(package, extra)
    names["torch"].manual_seed(7)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(textwrap.dedent(snippet), names)
    except Exception as error:
        return ("raised", type(error).__name__, str(error).replace("martlet", "torch"))
    return _plain(names["out"])


def _differences(a, b, where, rtol, atol):
    if isinstance(a, float) and isinstance(b, float):
        same = a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= atol + rtol * abs(b)
        return [] if same else [f"{where}: {a!r} is not {b!r}"]
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b)) for d in _differences(x, y, f"{where}[{i}]", rtol, atol)]
    if isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        return [d for k in a for d in _differences(a[k], b[k], f"{where}[{k!r}]", rtol, atol)]
    return [] if type(a) is type(b) and a == b else [f"{where}: {a!r} is not {b!r}"]


def agree(snippet, rtol=1e-4, atol=1e-5, exact=False, message=True, raises=None, **extra):
    """Assert that both packages leave the same; with ``message`` false only an exception's class counts.

    ``raises`` states whether an exception is expected, so that a snippet that fails on both
    sides by mistake does not pass for agreement.
    """
    ours, theirs = run("martlet", snippet, **extra), run("torch", snippet, **extra)
    failed = isinstance(theirs, tuple) and theirs[0] == "raised"
    assert failed == bool(raises), f"PyTorch: {theirs}"
    if failed and not message:
        ours, theirs = ours[:2], theirs[:2]
    found = _differences(ours, theirs, "out", 0 if exact else rtol, 0 if exact else atol)
    assert not found, "Martlet differs from PyTorch:\n" + "\n".join(found[:8])
