"""torch.cuda on a machine without CUDA: questions have answers, use is an error."""


def is_available():
    """False: Martlet computes on the CPU."""
    return False


def device_count():
    """No devices."""
    return 0


def is_initialized():
    return False


def manual_seed(seed):
    """Nothing to seed."""


manual_seed_all = manual_seed


def empty_cache():
    """Nothing is cached."""


def synchronize(device=None):
    _refuse()


def current_device():
    _refuse()


def get_device_name(device=None):
    _refuse()


def set_device(device):
    _refuse()


def _refuse():
    raise AssertionError("Torch not compiled with CUDA enabled")
