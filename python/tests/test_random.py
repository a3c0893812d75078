"""Random numbers: the same values and the same generator state as torch, bit for bit."""

import struct

import pytest

import martlet as mt

FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8"]
SIZES = [0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 64, 100, 1000, 4097]
SEEDS = [0, 1, 42, -1, 2**40 + 7]


def bits(x):
    """Nested lists to lists of the doubles' bits, so that -0 and 0 differ and NaN equals itself."""
    if isinstance(x, (list, tuple)):
        return [bits(v) for v in x]
    return struct.pack("<d", x) if isinstance(x, float) else x


def check(torch, make, seed=0):
    """make(library) gives the same tensors and leaves the same state in both libraries."""
    mt.manual_seed(seed)
    torch.manual_seed(seed)
    ours, theirs = make(mt), make(torch)
    for a, b in zip(ours if isinstance(ours, tuple) else (ours,), theirs if isinstance(theirs, tuple) else (theirs,)):
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        assert bits(a.detach().tolist()) == bits(b.detach().tolist())
    assert mt.get_rng_state().tolist() == torch.get_rng_state().tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["rand", "randn"])
def test_creation(torch, name, dtype, seed):
    check(torch, lambda T: tuple(getattr(T, name)(n, dtype=getattr(T, dtype)) for n in SIZES), seed)


FILLS = {
    "uniform": lambda x: x.uniform_(-0.137, 0.731),
    "uniform narrow": lambda x: x.uniform_(1.0, 1.0 + 2.0**-6),
    "normal": lambda x: x.normal_(0.3, 0.7),
    "normal, no spread": lambda x: x.normal_(2.0, 0.0),
    "exponential": lambda x: x.exponential_(1.7),
    "log_normal": lambda x: x.log_normal_(0.1, 0.4),
    "cauchy": lambda x: x.cauchy_(0.5, 2.0),
    "geometric": lambda x: x.geometric_(0.3),
    "bernoulli": lambda x: x.bernoulli_(0.3),
    "bernoulli never": lambda x: x.bernoulli_(0.0),
    "bernoulli always": lambda x: x.bernoulli_(1.0),
    "random": lambda x: x.random_(),
    "random up to": lambda x: x.random_(100),
    "random between": lambda x: x.random_(-5, 120),
    "random from": lambda x: x.random_(5, None),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("fill", FILLS)
def test_fills(torch, fill, dtype):
    check(torch, lambda T: tuple(FILLS[fill](T.zeros(n, dtype=getattr(T, dtype))) for n in SIZES))


@pytest.mark.parametrize(
    "dtype, fill",
    [(d, f) for d in INTEGERS for f in ("geometric", "bernoulli", "random", "random up to", "random from")]
    + [("bool", f) for f in ("bernoulli", "random")],
)
def test_integer_fills(torch, fill, dtype):
    check(torch, lambda T: tuple(FILLS[fill](T.zeros(n, dtype=getattr(T, dtype))) for n in SIZES))


def test_layouts(torch):
    """Elements are met in memory order."""

    def views(T):
        yield T.zeros(7, 5).t()
        yield T.zeros(30, 20).t()
        yield T.zeros(5, 14)[:, ::2]
        yield T.zeros(2, 3, 4).permute(2, 0, 1)
        yield T.zeros(4, 6, 8)[1:3, ::2].transpose(0, 2)
        yield T.zeros(3, 1, 4).transpose(0, 1)
        yield T.zeros(6)[3:]

    def make(T):
        out = []
        for name in FILLS:
            for x in views(T):
                out.append(FILLS[name](x))
        for x in views(T):
            out += [T.rand_like(x), T.randn_like(x), T.randint_like(x, 9), T.bernoulli(T.rand_like(x))]
            assert tuple(T.rand_like(x).stride()) == tuple(T.empty_like(x).stride()) == tuple(T.zeros_like(x).stride())
            assert T.rand_like(x, memory_format=T.contiguous_format).is_contiguous()
            out.append(x.bernoulli_(T.rand_like(x.t() if x.dim() == 2 else x).t() if x.dim() == 2 else T.rand_like(x)))
            out.append(x.bernoulli_(T.rand(x.shape[-1], dtype=T.float64)))
        return tuple(out)

    check(torch, make, 3)


def test_the_rest_of_a_tensor_is_left_alone():
    x = mt.zeros(4, 6)
    x[:, ::2].normal_()
    assert x[:, 1::2].abs().sum().item() == 0 and x[:, ::2].abs().min().item() > 0


def test_cached_normal(torch):
    def make(T):
        out = []
        for n in (3, 1, 20, 1, 2, 5, 100, 7, 16, 15):
            out += [T.randn(n), T.rand(3), T.randn(n, dtype=T.float64), T.zeros(3).log_normal_()]
        return tuple(out)

    check(torch, make)
    mt.manual_seed(0)
    a = mt.cat([mt.randn(3), mt.randn(2)]).tolist()
    mt.manual_seed(0)
    assert a == mt.randn(5).tolist()


RANGES = [(0, 2), (0, 10), (-5, 1000), (0, 2**28 - 1), (0, 2**28), (0, 2**31 - 1), (-(2**40), 2**62), (-(2**63), 2**63 - 1)]


@pytest.mark.parametrize("low, high", RANGES)
def test_randint(torch, low, high):
    check(torch, lambda T: tuple(T.randint(low, high, (n,)) for n in SIZES))


@pytest.mark.parametrize(
    "dtype, low, high",
    [("int32", -7, 2**30), ("int16", -100, 100), ("int8", -128, 128), ("uint8", 0, 256), ("bool", 0, 2), ("float32", 0, 100)]
    + [(d, -100, 100) for d in FLOATS],
)
def test_randint_dtypes(torch, dtype, low, high):
    check(torch, lambda T: tuple(T.randint(low, high, (n,), dtype=getattr(T, dtype)) for n in SIZES))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "dtype, low, high",
    [(d, -3001, 3001) for d in FLOATS]
    + [(d, 257, 300) for d in FLOATS]
    + [(d, low, high) for d in ("float32", "float64", "bfloat16") for low, high in [
        (-(2**24) - 3, 5), (2**24 + 1, 2**24 + 2**19 + 9), (-(2**53) - 1, 2**53 + 1), (2**60 + 1, 2**63 - 1)]],
)
def test_random_beyond_precision(torch, dtype, low, high):
    """Ends that a float dtype cannot hold move inward."""
    check(torch, lambda T: T.zeros(50, dtype=getattr(T, dtype)).random_(low, high))


def test_random_all_bits(torch):
    check(torch, lambda T: tuple(T.zeros(9, dtype=getattr(T, d)).random_(-(2**63), None) for d in ("int64", "float32", "float64", "bfloat16")))


@pytest.mark.parametrize("seed", SEEDS)
def test_randperm(torch, seed):
    check(torch, lambda T: tuple(T.randperm(n) for n in SIZES), seed)
    check(torch, lambda T: tuple(T.randperm(97, dtype=getattr(T, d)) for d in INTEGERS + FLOATS), seed)


def test_tensor_parameters(torch):
    def make(T):
        mean, std = T.linspace(-2, 2, 20), T.linspace(0.1, 3, 20)
        p = T.linspace(0, 1, 33)
        rates = T.linspace(0, 40, 300)
        return (
            T.normal(mean, 0.5),
            T.normal(1.5, std),
            T.normal(mean, std),
            T.normal(mean),
            T.normal(mean.reshape(20, 1), std[:3]),
            T.normal(mean.double(), std),
            T.normal(mean, std.double()),
            T.normal(mean.reshape(4, 5).t(), 2.0),
            T.normal(2, 3, (2, 3)),
            T.normal(0.0, 1.0, size=(17,), dtype=T.float64),
            T.bernoulli(p),
            T.bernoulli(p.double()),
            T.bernoulli(p.half()),
            T.bernoulli(p, 0.25),
            p.bernoulli(),
            p.reshape(11, 3).t().bernoulli(),
            T.poisson(rates),
            T.poisson(rates.double()),
            T.poisson(rates.half()),
        )

    check(torch, make, 5)


def test_multinomial(torch):
    def make(T):
        out = []
        for dtype in (T.float32, T.float64):
            v = T.rand(10, dtype=dtype)
            m = T.rand(6, 7, dtype=dtype)
            out += [
                T.multinomial(v, 1),
                T.multinomial(v, 4),
                T.multinomial(v, 10),
                T.multinomial(v, 25, replacement=True),
                T.multinomial(m, 1, True),
                T.multinomial(m, 3),
                T.multinomial(m, 30, True),
                T.multinomial(m.t(), 2),
                T.multinomial(m.t(), 9, True),
                m.multinomial(num_samples=2),
            ]
        for dtype in (T.float16, T.bfloat16):
            m = T.rand(6, 7, dtype=dtype)
            out += [T.multinomial(m, 1), T.multinomial(m, 30, True), T.multinomial(m.t(), 9, True)]
        return tuple(out)

    check(torch, make, 11)


def test_seeds(torch):
    for seed in (0, 5, -1, -(2**63), 2**32, 2**63, 2**64 - 1, 1.9, True):
        assert isinstance(mt.manual_seed(seed), mt.Generator)
        torch.manual_seed(seed)
        assert mt.initial_seed() == torch.initial_seed()
        assert mt.rand(3).tolist() == torch.rand(3).tolist()
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            mt.manual_seed(seed)
    first = mt.seed()
    assert mt.initial_seed() == first
    assert mt.seed() != first


def test_generator(torch):
    a, b = mt.Generator(), torch.Generator()
    assert a.initial_seed() == b.initial_seed() == 67280421310721
    assert a.manual_seed(3) is a
    b.manual_seed(3)
    for name in ("rand", "randn"):
        assert getattr(mt, name)(20, generator=a).tolist() == getattr(torch, name)(20, generator=b).tolist()
    assert mt.randperm(9, generator=a).tolist() == torch.randperm(9, generator=b).tolist()
    assert mt.zeros(3).exponential_(generator=a).tolist() == torch.zeros(3).exponential_(generator=b).tolist()
    assert a.get_state().tolist() == b.get_state().tolist()
    c = mt.Generator()
    c.set_state(a.get_state())
    assert mt.rand(5, generator=c).tolist() == mt.rand(5, generator=a).tolist()
    d = a.clone_state()
    assert mt.rand(5, generator=d).tolist() == mt.rand(5, generator=a).tolist()
    assert str(a.device) == "cpu"
    mt.manual_seed(9)
    before = mt.get_rng_state().tolist()
    mt.rand(5, generator=a)
    assert mt.get_rng_state().tolist() == before


def test_state_travels(torch):
    """A state of torch's continues torch's stream here."""
    torch.manual_seed(77)
    torch.randn(5)
    torch.rand(1001)
    mt.set_rng_state(mt.tensor(torch.get_rng_state().tolist(), dtype=mt.uint8))
    assert mt.randn(7).tolist() == torch.randn(7).tolist()
    assert mt.randn(40).tolist() == torch.randn(40).tolist()
    mt.manual_seed(0)
    mt.randn(3)
    state = mt.get_rng_state()
    assert state.dtype == mt.uint8 and tuple(state.shape) == (5056,)
    a = mt.randn(5).tolist()
    mt.set_rng_state(state)
    assert mt.randn(5).tolist() == a


def test_bad_states():
    with pytest.raises(TypeError, match="RNG state must be a torch.ByteTensor"):
        mt.set_rng_state(mt.zeros(5056))
    with pytest.raises(RuntimeError, match="size 5056 but found the input RNG state size to be 5"):
        mt.set_rng_state(mt.zeros(5, dtype=mt.uint8))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        mt.set_rng_state(mt.zeros(5056, dtype=mt.uint8))


def test_fork_rng():
    mt.manual_seed(1)
    with mt.random.fork_rng():
        a = mt.rand(4).tolist()
    assert mt.rand(4).tolist() == a
    mt.manual_seed(1)
    with mt.random.fork_rng(enabled=False):
        mt.rand(4)
    assert mt.rand(4).tolist() != a


def test_sizes_and_options():
    assert tuple(mt.rand().shape if False else mt.rand(()).shape) == ()
    assert tuple(mt.rand(2, 3).shape) == tuple(mt.rand([2, 3]).shape) == tuple(mt.rand(size=(2, 3)).shape) == (2, 3)
    assert mt.randn(3, requires_grad=True).requires_grad and mt.randn(3, requires_grad=True).is_leaf
    assert mt.randint(3, size=(2,)).dtype == mt.int64
    assert tuple(mt.randint(low=1, high=3, size=(2, 2)).shape) == (2, 2)
    assert mt.rand(2, device="cpu", layout=mt.strided, pin_memory=False).dtype == mt.get_default_dtype()
    x = mt.ones(2, requires_grad=True)
    assert not mt.rand_like(x).requires_grad
    assert mt.randn_like(x, dtype=mt.float64).dtype == mt.float64
    out = mt.empty(0)
    assert mt.rand(3, out=out) is out and tuple(out.shape) == (3,)


def test_new_tensors_are_unchanged_tensors():
    x = mt.full((4,), 0.5)
    made = [mt.rand(3), mt.randn(3), mt.randint(3, (3,)), mt.randperm(3), mt.rand_like(x), mt.randn_like(x), mt.randint_like(x, 3),
            mt.bernoulli(x), mt.bernoulli(x, 0.5), mt.normal(x, x), mt.normal(x), mt.normal(0.0, x), mt.normal(0.0, 1.0, (3,)),
            mt.multinomial(x, 2), mt.poisson(x), mt.zeros_like(x), mt.ones_like(x), mt.full_like(x, 3)]
    assert [t._version for t in made] == [0] * len(made)
    assert mt.empty(3).uniform_()._version == 1


ERRORS = {
    "std": lambda T: T.zeros(3).normal_(0, -1),
    "std of creation": lambda T: T.normal(0.0, -1.0, (3,)),
    "std tensor": lambda T: T.normal(0.0, T.tensor([-1.0, 1.0])),
    "normal int": lambda T: T.randn(3, dtype=T.int64),
    "rand int": lambda T: T.rand(3, dtype=T.int64),
    "uniform order": lambda T: T.zeros(3).uniform_(1, 0),
    "uniform wide": lambda T: T.zeros(3).uniform_(-3e38, 3e38),
    "uniform bound": lambda T: T.zeros(3).uniform_(0, 1e39),
    "uniform half bound": lambda T: T.zeros(3, dtype=T.float16).uniform_(0, 1e5),
    "uniform nan": lambda T: T.zeros(3).uniform_(float("nan"), 1),
    "bernoulli p": lambda T: T.zeros(3).bernoulli_(1.5),
    "bernoulli int": lambda T: T.bernoulli(T.tensor([1])),
    "exponential": lambda T: T.zeros(3).exponential_(-1),
    "exponential int": lambda T: T.zeros(3, dtype=T.int64).exponential_(),
    "log_normal": lambda T: T.zeros(3).log_normal_(0, 0),
    "log_normal int": lambda T: T.zeros(3, dtype=T.int64).log_normal_(),
    "cauchy": lambda T: T.zeros(3).cauchy_(0, -1),
    "cauchy int": lambda T: T.zeros(3, dtype=T.int32).cauchy_(),
    "geometric": lambda T: T.zeros(3).geometric_(1.5),
    "geometric bool": lambda T: T.zeros(3, dtype=T.bool).geometric_(0.5),
    "random order": lambda T: T.zeros(3).random_(5, 3),
    "random uint8": lambda T: T.zeros(3, dtype=T.uint8).random_(0, 300),
    "random negative uint8": lambda T: T.zeros(3, dtype=T.uint8).random_(-1, 3),
    "random half": lambda T: T.zeros(3, dtype=T.float16).random_(0, 70000),
    "random all bits int32": lambda T: T.zeros(3, dtype=T.int32).random_(-(2**63), None),
    "random from": lambda T: T.zeros(3).random_(2**30, None),
    "randint": lambda T: T.randint(5, 5, (3,)),
    "randint size": lambda T: T.randint(0, 10, (-1,)),
    "randperm": lambda T: T.randperm(-1),
    "randperm half": lambda T: T.randperm(3000, dtype=T.float16),
    "randperm bool": lambda T: T.randperm(3, dtype=T.bool),
    "negative size": lambda T: T.randn(2, -3),
    "multinomial too many": lambda T: T.multinomial(T.ones(3), 4),
    "multinomial none": lambda T: T.multinomial(T.ones(3), 0),
    "multinomial int": lambda T: T.multinomial(T.tensor([1, 2]), 1),
    "multinomial negative": lambda T: T.multinomial(T.tensor([-1.0, 2.0]), 1),
    "multinomial zero": lambda T: T.multinomial(T.zeros(3), 1),
    "multinomial zero, replacing": lambda T: T.multinomial(T.zeros(3), 2, True),
    "multinomial negative, replacing": lambda T: T.multinomial(T.tensor([-1.0, 2.0, 1.0]), 2, True),
    "multinomial inf, replacing": lambda T: T.multinomial(T.tensor([float("inf"), 1.0]), 2, True),
    "multinomial dims": lambda T: T.multinomial(T.ones(2, 2, 2), 1),
    "poisson": lambda T: T.poisson(T.tensor([-1.0])),
    "poisson int": lambda T: T.poisson(T.tensor([1])),
    "leaf": lambda T: T.zeros(3, requires_grad=True).normal_(),
    "overlap": lambda T: T.zeros(1).expand(3).normal_(),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(torch, case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(Exception) as ours:
        ERRORS[case](mt)
    assert ours.type is theirs.type
    assert str(ours.value) == str(theirs.value)


MISUSES = {
    "size word": lambda T: T.rand("a"),
    "size float": lambda T: (T.zeros(2), T.randn(2.0)),
    "no size": lambda T: T.rand(),
    "generator": lambda T: T.rand(2, generator=3),
    "randint": lambda T: T.randint(0, 10, 3),
    "randint float": lambda T: T.randint(1.5, (3,)),
    "randperm float": lambda T: T.randperm(2.5),
    "uniform keyword": lambda T: T.zeros(3).uniform_(a=1),
    "normal word": lambda T: T.zeros(3).normal_("a"),
    "geometric": lambda T: T.zeros(3).geometric_(),
    "normal numbers": lambda T: T.normal(2, 3),
    "random float": lambda T: T.zeros(3).random_(0.5),
    "seed word": lambda T: T.manual_seed("a"),
    "generator seed": lambda T: T.Generator().manual_seed(1.5),
    "state": lambda T: T.Generator().set_state(3),
}


@pytest.mark.parametrize("case", MISUSES)
def test_misuse(torch, case):
    """Calls that cannot be understood raise torch's class of error."""
    with pytest.raises(Exception) as theirs:
        MISUSES[case](torch)
    with pytest.raises(Exception) as ours:
        MISUSES[case](mt)
    assert ours.type is theirs.type


def test_error_outside_torch_words():
    with pytest.raises(RuntimeError, match="Expected p_in >= 0 && p_in <= 1 to be true"):
        mt.bernoulli(mt.tensor([1.5]))
    with pytest.raises(RuntimeError, match="without overflow"):
        mt.randperm(300, dtype=mt.uint8)


def test_gradients_are_zero():
    """What was drawn does not depend on the inputs; what was overwritten gets no gradient."""
    x = mt.ones(3, requires_grad=True)
    for name, fill in {"UniformBackward0": lambda y: y.uniform_(), "NormalBackward0": lambda y: y.normal_(),
                       "BernoulliBackward2": lambda y: y.bernoulli_(), "ExponentialBackward0": lambda y: y.exponential_(),
                       "RandomBackward1": lambda y: y.random_(3), "GeometricBackward0": lambda y: y.geometric_(0.5)}.items():
        y = fill(x * 2)
        assert type(y.grad_fn).__name__ == name
        (g,) = mt.autograd.grad(y.sum(), x)
        assert g.tolist() == [0, 0, 0]
    p = mt.full((4,), 0.5, requires_grad=True)
    for name, draw in {"BernoulliBackward0": mt.bernoulli, "PoissonBackward0": mt.poisson,
                       "NormalBackward1": lambda p: mt.normal(p, 1.0), "NormalBackward2": lambda p: mt.normal(1.0, p),
                       "NormalBackward3": lambda p: mt.normal(p, p)}.items():
        y = draw(p)
        assert type(y.grad_fn).__name__ == name
        (g,) = mt.autograd.grad(y.sum(), p)
        assert g.tolist() == [0, 0, 0, 0]
    assert not mt.multinomial(p, 2).requires_grad
