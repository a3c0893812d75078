"""Neural networks: modules, their functions, initialisers and utilities, under the names of torch.nn."""
from . import functional, init, modules, parameter, utils
from .modules import *
from .modules import __all__ as _module_names
from .parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter", "functional", "init", "modules", "parameter", "utils", *_module_names]
