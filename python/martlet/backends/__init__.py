"""torch.backends: what scripts ask of it on a CPU build; and `blas`, a BLAS of the user's."""
from . import blas  # noqa: F401


class _Backend:
    """A backend that is not there; its switches can be set and change nothing."""

    enabled = benchmark = deterministic = allow_tf32 = False

    @staticmethod
    def is_available():
        return False

    @staticmethod
    def is_built():
        return False


cuda = _Backend()
cudnn = _Backend()
mps = _Backend()
mkl = _Backend()
mkldnn = _Backend()
