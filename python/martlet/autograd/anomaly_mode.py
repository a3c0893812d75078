"""Finding the step whose gradient fails: each backward names the step in its error already, so these modes only
turn NaN gradients into errors."""


class set_detect_anomaly:
    """Accepted for scripts that use it; errors of backward name the failing step in any case."""

    def __init__(self, mode, check_nan=True):
        self.mode = mode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False


class detect_anomaly(set_detect_anomaly):
    """set_detect_anomaly(True) as a context manager."""

    def __init__(self, check_nan=True):
        super().__init__(True, check_nan)
