"""What all Python tests share: the package on the path, and torch as the oracle where it is installed."""
import os
import sys
import warnings

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

try:
    import torch as _torch
except ImportError:
    _torch = None


def pytest_collection_modifyitems(config, items):
    if _torch is not None:
        return
    skip = pytest.mark.skip(reason="torch is not installed: this test compares with it")
    count = 0
    for item in items:
        source = getattr(item.module, "__file__", "")
        if "torch" in getattr(item, "fixturenames", ()) or _uses_torch(source):
            item.add_marker(skip)
            count += 1
    warnings.warn(f"torch is not installed: {count} tests that compare with it are SKIPPED")


_cache = {}


def _uses_torch(path):
    if path not in _cache:
        with open(path) as f:
            text = f.read()
        _cache[path] = "opcompare" in text or "snippets" in text or "import torch\n" in text
    return _cache[path]


@pytest.fixture
def torch():
    """The installed PyTorch."""
    if _torch is None:
        pytest.skip("torch is not installed")
    return _torch


@pytest.fixture(autouse=True)
def _fresh_settings():
    """Every test begins with the default dtype and recording on."""
    import martlet
    yield
    martlet.set_default_dtype(martlet.float32)
    if not martlet.is_grad_enabled():
        martlet.set_grad_enabled(True)
        pytest.fail("the test left recording switched off")
