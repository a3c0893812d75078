"""torch.autograd.gradcheck, the module of that name."""
from ._gradcheck import GradcheckError, gradcheck, gradgradcheck  # noqa: F401
