"""torch.linalg: the operations that the table files under L."""
from ._native import _LinAlgError as LinAlgError  # noqa: F401
from ._ops import linalg as _engine


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module 'torch.linalg' has no attribute '{name}'")
    function = getattr(_engine, name, None)
    if function is None:
        raise AttributeError(f"module 'torch.linalg' has no attribute '{name}'")
    globals()[name] = function
    return function


def __dir__():
    return sorted({*globals(), *dir(_engine)})
