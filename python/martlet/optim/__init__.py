"""Optimizers, learning-rate schedules, and the choice of which rows a step may change."""
from . import lr_scheduler
from ._rows import RowPolicy, allow_all_rows, restrict_rows
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam

__all__ = [
    "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop",
    "RowPolicy", "SGD", "SparseAdam", "allow_all_rows", "lr_scheduler", "restrict_rows",
]
