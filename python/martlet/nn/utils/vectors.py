"""Parameters as one vector, and back."""
from __future__ import annotations

import martlet as mt
from martlet._tensor import Tensor


def parameters_to_vector(parameters):
    """All parameters flattened into one 1-D tensor, in order."""
    return mt.cat([param.view(-1) for param in parameters])


def vector_to_parameters(vec, parameters):
    """Make the parameters views of consecutive pieces of the 1-D tensor ``vec``."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for param in parameters:
        end = start + param.numel()
        param.data = vec[start:end].view_as(param).data
        start = end
