"""Turning recording on and off: context managers that are decorators too."""
from . import _bridge
from ._native import lib
from ._ops.arguments import wrong_type

_set = _bridge.opened.set_grad_enabled if _bridge.opened else lib.mt_set_grad_enabled


def _is_generator(function):
    """Whether calling it makes a generator; plain functions are told without importing inspect."""
    code = getattr(function, "__code__", None)
    if code is not None:
        return code.co_flags & 0x20 != 0
    import inspect
    return inspect.isgeneratorfunction(function)


class _Mode:
    """Sets a mode on entry, restores it on exit; as a decorator, around every call."""

    def __call__(self, function):
        import functools
        if _is_generator(function):
            return self._generator(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)
        return call

    def _generator(self, function):
        """The mode holds while the generator runs, not while its consumer does."""
        import functools

        @functools.wraps(function)
        def generate(*args, **kwargs):
            iterator = function(*args, **kwargs)
            try:
                with self.clone():
                    value = next(iterator)
                while True:
                    try:
                        sent = yield value
                    except GeneratorExit:
                        with self.clone():
                            iterator.close()
                        raise
                    except BaseException as error:
                        with self.clone():
                            value = iterator.throw(error)
                    else:
                        with self.clone():
                            value = iterator.send(sent)
            except StopIteration as stop:
                return stop.value
        return generate

    def clone(self):
        return type(self)()


class no_grad(_Mode):
    """Nothing inside is recorded. Use as `with no_grad():` or `@no_grad()`."""

    __slots__ = ("_before",)

    def __new__(cls, function=None):
        if function is not None:
            return cls()(function)
        return object.__new__(cls)

    def __enter__(self):
        self._before = _set(0)

    def __exit__(self, *exc):
        _set(self._before)


class enable_grad(_Mode):
    """Everything inside is recorded."""

    __slots__ = ("_before",)

    def __new__(cls, function=None):
        if function is not None:
            return cls()(function)
        return object.__new__(cls)

    def __enter__(self):
        self._before = _set(1)

    def __exit__(self, *exc):
        _set(self._before)


class set_grad_enabled(_Mode):
    """Sets recording at once; as a context manager, restores it on exit."""

    def __init__(self, mode):
        if mode is not True and mode is not False:
            raise wrong_type("set_grad_enabled", "enabled", 1, "bool", mode)
        self.mode = mode
        self._before = _set(1 if mode else 0)

    def __call__(self, function):
        _set(self._before)
        return super().__call__(function)

    def __enter__(self):
        _set(1 if self.mode else 0)

    def __exit__(self, *exc):
        _set(self._before)

    def clone(self):
        return set_grad_enabled(self.mode)

    def __str__(self):
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__


class inference_mode(_Mode):
    """Nothing inside is recorded, and what is made inside can never take part in a graph."""

    def __new__(cls, mode=True):
        if callable(mode):
            return cls()(mode)
        return object.__new__(cls)

    def __init__(self, mode=True):
        self.mode = bool(mode)

    def __enter__(self):
        self._before = lib.mt_set_inference_mode(1 if self.mode else 0), _set(0 if self.mode else 1)

    def __exit__(self, *exc):
        lib.mt_set_inference_mode(self._before[0])
        _set(self._before[1])

    def clone(self):
        return inference_mode(self.mode)


def is_grad_enabled():
    """Whether operations on this thread are recorded."""
    return lib.mt_grad_enabled() == 1


def is_inference_mode_enabled():
    """Whether this thread is in inference mode."""
    return lib.mt_inference_mode() == 1
