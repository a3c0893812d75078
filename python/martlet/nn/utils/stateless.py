"""functional_call under the name it has in torch.nn.utils.stateless."""
from ._functional_call import functional_call

__all__ = ["functional_call"]
