"""Generators and their states: manual_seed, get_rng_state, fork_rng, ..."""

from ._native import fail, lib
from ._types import device as _device, require_cpu
from ._ops import wrap as _wrap
from ctypes import addressof, c_uint64

__all__ = ["Generator", "default_generator", "manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state", "fork_rng"]


def _seed_word(seed):
    """A seed as 64 bits; negative ones count as their two's complement."""
    if not -(2 ** 63) <= seed < 2 ** 64:
        raise ValueError("Overflow when unpacking long long")
    return seed & (2 ** 64 - 1)


class Generator:
    """A stream of random numbers of its own: torch's Mersenne Twister. Starts with seed 67280421310721."""

    __slots__ = ("_g", "__weakref__")

    def __init__(self, device="cpu"):
        require_cpu(device)
        self._g = lib.mt_generator_new()
        if not self._g:
            fail()

    @classmethod
    def _from_handle(cls, handle):
        if not handle:
            fail()
        self = cls.__new__(cls)
        self._g = handle
        return self

    def __del__(self):
        handle, self._g = getattr(self, "_g", None), None
        if handle and lib is not None:
            lib.mt_generator_release(handle)

    @property
    def device(self):
        return _device("cpu")

    def manual_seed(self, seed):
        """Starts the stream over and returns the generator."""
        if isinstance(seed, float) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if lib.mt_generator_manual_seed(self._g, _seed_word(seed.__index__())):
            fail()
        return self

    def _seed_from(self, function):
        word = c_uint64()
        if function(self._g, addressof(word)):
            fail()
        return word.value

    def seed(self):
        """Seeds from the operating system; returns the seed."""
        return self._seed_from(lib.mt_generator_seed)

    def initial_seed(self):
        """The seed the stream was started with."""
        return self._seed_from(lib.mt_generator_initial_seed)

    def get_state(self):
        """The whole state as 5056 bytes in a uint8 tensor, as torch's."""
        return _wrap(lib.mt_generator_get_state(self._g))

    def set_state(self, new_state):
        """Goes on from a state that get_state gave, here or in torch."""
        handle = getattr(new_state, "_h", None)
        if handle is None:
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if lib.mt_generator_set_state(self._g, handle):
            fail()
        return self

    def clone_state(self):
        """A new generator that goes on from the same place."""
        return Generator._from_handle(lib.mt_generator_clone(self._g))

    def get_offset(self):
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset):
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self):
        return _restored, (self.get_state().tolist(),)


def _restored(state):
    from . import tensor, uint8
    return Generator().set_state(tensor(state, dtype=uint8))


#: The generator used where none is given.
default_generator = Generator._from_handle(lib.mt_generator_default())


def manual_seed(seed):
    """Seeds the default generator and returns it. Any value int() takes; [-2**63, 2**64)."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Seeds the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator, a uint8 tensor of 5056 bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Sets the state of the default generator."""
    default_generator.set_state(new_state)


def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None):
    """Inside the block, draws from the default generator leave no trace after it."""
    import contextlib

    @contextlib.contextmanager
    def block():
        if not enabled:
            yield
            return
        state = get_rng_state()
        try:
            yield
        finally:
            set_rng_state(state)
    return block()
