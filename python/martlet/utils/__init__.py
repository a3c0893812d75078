"""Utilities: data loading (:mod:`.data`), activation checkpointing (:mod:`.checkpoint`), hook handles."""
import importlib

_SUBMODULES = ("checkpoint", "data", "hooks")


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module("." + name, __name__)
    raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))


def __dir__():
    return sorted(list(globals()) + list(_SUBMODULES))
