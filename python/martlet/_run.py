"""Runs PyTorch scripts on Martlet: ``import torch`` and ``import higher`` give Martlet's modules."""
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types


class _Aliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds torch.x.y as the very module martlet.x.y, and higher.x as martlet.higher.x."""

    roots = {"torch": "martlet", "higher": "martlet.higher"}

    def __init__(self):
        self._kept = {}

    def real_name(self, name):
        """Martlet's name for a torch module, or None for a name that is not torch's."""
        head, dot, tail = name.partition(".")
        return None if head not in self.roots else self.roots[head] + dot + tail

    def find_spec(self, name, path=None, target=None):
        """The import system's question; None lets it say that there is no such module."""
        real = self.real_name(name)
        if real is None or self._module(real) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=hasattr(self._module(real), "__path__"))

    def _module(self, real):
        if real in sys.modules:
            return sys.modules[real]
        head, _, last = real.rpartition(".")
        parent = self._module(head) if head else None
        if head and parent is None:
            return None
        if not head or (hasattr(parent, "__path__") and importlib.util.find_spec(real) is not None):
            return importlib.import_module(real)
        inner = getattr(parent, last, None)  # a namespace that has no file of its own
        return inner if isinstance(inner, types.ModuleType) else None

    def create_module(self, spec):
        """The module itself, remembered with its own spec, which the import system replaces."""
        module = self._module(self.real_name(spec.name))
        self._kept[spec.name] = module.__spec__
        return module

    def exec_module(self, module):
        """The module has run already: only its own spec is put back."""
        alias = module.__spec__.name
        module.__spec__ = self._kept.pop(alias)


_aliases = _Aliases()


def install():
    """From here on ``import torch`` and ``import higher`` give Martlet. RuntimeError if torch is loaded already."""
    if _aliases in sys.meta_path:
        return
    loaded = sys.modules.get("torch")
    if loaded is not None and loaded is not sys.modules.get("martlet"):
        raise RuntimeError("PyTorch is already imported in this process: Martlet cannot take its name")
    sys.meta_path.insert(0, _aliases)


def uninstall():
    """Undoes :func:`install` and forgets the aliases."""
    if _aliases in sys.meta_path:
        sys.meta_path.remove(_aliases)
        for name in [name for name in sys.modules if _aliases.real_name(name) is not None]:
            del sys.modules[name]


def run_file(path, args):
    """Runs a script as ``python path args`` would, on Martlet. Returns the exit status."""
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        print("martlet run: can't open file {!r}: {}".format(path, error.strerror), file=sys.stderr)
        return 2
    full = os.path.abspath(path)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=full, __builtins__=__builtins__, __cached__=None)
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", full)
    sys.modules["__main__"] = main
    sys.argv[:] = [path] + list(args)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    install()
    try:
        exec(compile(source, full, "exec", dont_inherit=True), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__.tb_next  # without this function's own frame
        error.__traceback__ = trace
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            pass
        sys.excepthook(type(error), error, trace)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0
