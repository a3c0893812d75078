"""Finding the step whose gradient fails: with these modes on, a NaN in a step's gradient is an error that names it."""
from .._native import lib
from .._ops.arguments import wrong_type

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_enabled = [False]


class set_detect_anomaly:
    """Turns the checks on or off at once; as a context manager, restores them on exit."""

    def __init__(self, mode, check_nan=True):
        if mode is not True and mode is not False:
            raise wrong_type("set_anomaly_enabled", "enabled", 1, "bool", mode)
        self._before = _enabled[0], lib.mt_set_nan_checks(1 if mode and check_nan else 0)
        _enabled[0] = bool(mode)

    def __enter__(self):
        pass

    def __exit__(self, *exc):
        _enabled[0] = self._before[0]
        lib.mt_set_nan_checks(self._before[1])


class detect_anomaly:
    """The checks are on inside `with detect_anomaly():`."""

    def __init__(self, check_nan=True):
        self._check_nan = check_nan

    def __enter__(self):
        self._mode = set_detect_anomaly(True, self._check_nan)

    def __exit__(self, *exc):
        self._mode.__exit__(*exc)
