"""Datasets, samplers and the loader against torch's: the same programs, the same draws, the same errors."""
import collections
import os
import time
import warnings

import pytest
from _against_torch import error_of, needs_torch, torch

import martlet

BOTH = needs_torch


def plain(x):
    """Tensors anywhere in x as (dtype, shape, list)."""
    if hasattr(x, "dtype") and hasattr(x, "tolist"):
        return (str(x.dtype).split(".")[-1], list(x.shape), x.tolist())
    if isinstance(x, dict):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return (type(x).__name__, [plain(v) for v in x])
    if isinstance(x, tuple):
        return (type(x).__name__, x._fields, [plain(v) for v in x])
    return x


def same(program):
    """The program gives the same on both sides, and leaves the default generator in the same state."""
    results = []
    for module in (martlet, torch):
        module.manual_seed(7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = plain(program(module, module.utils.data))
        results.append((out, module.randint(0, 2 ** 20, (2,)).tolist()))
    assert results[0] == results[1]
    return results[0][0]


def pairs(m, d, n=10):
    return d.TensorDataset(m.arange(n), m.arange(2.0 * n).reshape(n, 2))


LOADERS = [
    dict(), dict(batch_size=3), dict(batch_size=3, drop_last=True), dict(batch_size=4, shuffle=True),
    dict(batch_size=None), dict(batch_size=None, shuffle=True),
]


@BOTH
@pytest.mark.parametrize("options", LOADERS)
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_and_draws(options, workers):
    def program(m, d):
        loader = d.DataLoader(pairs(m, d), num_workers=workers, **options)
        out = [len(loader)]
        for epoch in range(2):
            for batch in loader:
                out.append(batch)
                if workers == 0:
                    out.append(m.rand(1))
        return out

    same(program)


@BOTH
@pytest.mark.parametrize("workers", [0, 2])
def test_own_generator_and_samplers(workers):
    def program(m, d):
        g = m.Generator()
        g.manual_seed(3)
        data = pairs(m, d, 11)
        out = []
        for loader in (
            d.DataLoader(data, batch_size=4, shuffle=True, generator=g, num_workers=workers),
            d.DataLoader(data, 2, sampler=d.RandomSampler(data, True, 40), num_workers=workers),
            d.DataLoader(data, 5, sampler=d.RandomSampler(data, num_samples=25, generator=g), num_workers=workers),
            d.DataLoader(data, 2, sampler=d.SubsetRandomSampler([3, 5, 7], generator=g), num_workers=workers),
            d.DataLoader(data, 2, sampler=d.SubsetRandomSampler(range(4)), num_workers=workers),
            d.DataLoader(data, 3, sampler=d.WeightedRandomSampler([1, 0, 2, 3.5], 9), num_workers=workers),
            d.DataLoader(data, 3, sampler=d.WeightedRandomSampler([1, 9, 2], 2, False, g), num_workers=workers),
            d.DataLoader(data, batch_sampler=d.BatchSampler(d.SequentialSampler(data), 4, True), num_workers=workers),
            d.DataLoader(data, batch_sampler=[[1, 2], [0], [5, 4, 3]], num_workers=workers),
        ):
            out += [list(loader), list(loader), len(loader)]
        return out + [m.randint(0, 1000, (3,), generator=g)]

    same(program)


@BOTH
def test_datasets():
    def program(m, d):
        data = pairs(m, d)
        a, b = d.Subset(data, [4, 2]), d.TensorDataset(m.zeros(2, dtype=m.int64), m.ones(2, 2))
        joined = a + b
        stacked, named = d.StackDataset(a, joined.datasets[1]), d.StackDataset(x=a, y=b)
        return [
            list(a), len(joined), joined[-1], joined[1], joined.cumulative_sizes, stacked[1], stacked.__getitems__([1, 0]),
            named[0], named.__getitems__([0, 1]), len(named), list(d.DataLoader(joined, batch_size=3)),
            list(d.DataLoader(stacked, batch_size=2)), list(d.DataLoader(named, batch_size=2)),
            [list(p.indices) for p in d.random_split(range(10), [3, 7])],
            [list(p.indices) for p in d.random_split(range(10), [0.31, 0.33, 0.36], m.Generator().manual_seed(1))],
        ]

    same(program)


class _Iterable:
    """Makes an iterable dataset of either side; a worker gives its own part."""

    def __new__(cls, d, n, share=True):
        class Numbers(d.IterableDataset):
            def __iter__(self):
                info = d.get_worker_info()
                first, step = (info.id, info.num_workers) if info and share else (0, 1)
                return iter(range(first, n, step))

            def __len__(self):
                return n

        return Numbers()


@BOTH
@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("options", [dict(), dict(batch_size=3), dict(batch_size=3, drop_last=True), dict(batch_size=None)])
def test_iterable(workers, options):
    def program(m, d):
        loader = d.DataLoader(_Iterable(d, 11), num_workers=workers, **options)
        chain = d.DataLoader(_Iterable(d, 3) + _Iterable(d, 2), num_workers=workers, **options)
        return [list(loader), list(chain), len(loader), len(chain)]

    if workers < 2:
        same(program)
    else:  # which worker is heard first is a race in torch: compare what came, not when
        def bag(m, d):
            return sorted(repr(plain(batch)) for batch in program(m, d)[0])

        assert bag(martlet, martlet.utils.data) == bag(torch, torch.utils.data)


Point = collections.namedtuple("Point", "x y")
SAMPLES = [
    [1, 2, 3], [1.5, 2.5], [True, False], ["a", "b"], [b"a", b"b"], [(1, 2.0), (3, 4.0)], [[1, "x"], [2, "y"]],
    [{"a": 1, "b": [2.0]}, {"a": 3, "b": [4.0]}], [Point(1, 2.5), Point(3, 4.5)],
    [collections.OrderedDict(k=1), collections.OrderedDict(k=2)], [[(1, (2, 3))], [(4, (5, 6))]],
]


@BOTH
@pytest.mark.parametrize("samples", SAMPLES, ids=repr)
def test_collate(samples):
    out = plain(martlet.utils.data.default_collate(samples))
    assert out == plain(torch.utils.data.default_collate(samples))
    assert type(martlet.utils.data.default_collate(samples)) is not str


@BOTH
def test_collate_numpy():
    np = pytest.importorskip("numpy")
    for samples in ([np.arange(3), np.arange(3) + 1], [np.float32(1), np.float32(2)], [np.float64(1), np.float64(2)],
                    [np.int8(3)], [{"a": np.ones((2, 2), np.float32)}], [np.array(2.0), np.array(3.0)],
                    [np.str_("a"), np.str_("b")], [np.bool_(True)]):
        assert plain(martlet.utils.data.default_collate(samples)) == plain(torch.utils.data.default_collate(samples))
        assert plain(martlet.utils.data.default_convert(samples)) == plain(torch.utils.data.default_convert(samples))
    for bad in ([np.array(["a"])], [np.array([object()])]):
        assert error_of(lambda: martlet.utils.data.default_collate(bad)) == error_of(
            lambda: torch.utils.data.default_collate(bad))


BAD = [
    lambda m, d: d.TensorDataset(m.ones(2), m.ones(3)),
    lambda m, d: d.StackDataset(),
    lambda m, d: d.StackDataset([1, 2], [1]),
    lambda m, d: d.StackDataset([1], a=[1]),
    lambda m, d: d.ConcatDataset([]),
    lambda m, d: d.ConcatDataset([_Iterable(d, 2)]),
    lambda m, d: d.ConcatDataset([range(2)])[-3],
    lambda m, d: list(d.ChainDataset([range(2)])),
    lambda m, d: d.Dataset()[0],
    lambda m, d: d.random_split(range(4), [1, 2]),
    lambda m, d: d.random_split(range(4), [1.5, -0.5]),
    lambda m, d: d.RandomSampler([]),
    lambda m, d: d.RandomSampler([1], replacement=1),
    lambda m, d: d.RandomSampler([1], num_samples=0),
    lambda m, d: d.BatchSampler([1], 0, False),
    lambda m, d: d.BatchSampler([1], 2, 1),
    lambda m, d: d.WeightedRandomSampler([1.0], 0),
    lambda m, d: d.WeightedRandomSampler([1.0], 1, 1),
    lambda m, d: d.WeightedRandomSampler([[1.0]], 1),
    lambda m, d: d.DataLoader([1], batch_size=0),
    lambda m, d: d.DataLoader([1], num_workers=-1),
    lambda m, d: d.DataLoader([1], timeout=-1),
    lambda m, d: d.DataLoader([1], prefetch_factor=2),
    lambda m, d: d.DataLoader([1], num_workers=1, prefetch_factor=-2),
    lambda m, d: d.DataLoader([1], persistent_workers=True),
    lambda m, d: d.DataLoader([1], sampler=[0], shuffle=True),
    lambda m, d: d.DataLoader([1], batch_sampler=[[0]], batch_size=2),
    lambda m, d: d.DataLoader([1], batch_size=None, drop_last=True),
    lambda m, d: d.DataLoader(_Iterable(d, 2), shuffle=True),
    lambda m, d: d.DataLoader([1], multiprocessing_context="fork"),
    lambda m, d: d.DataLoader([1], num_workers=1, multiprocessing_context="spoon"),
    lambda m, d: d.DataLoader([1], num_workers=1, multiprocessing_context=3),
    lambda m, d: setattr(d.DataLoader([1]), "batch_size", 2),
    lambda m, d: d.default_collate([object()]),
    lambda m, d: d.default_collate([None]),
    lambda m, d: d.default_collate([[1, 2], [1]]),
]


@BOTH
@pytest.mark.parametrize("number", range(len(BAD)))
def test_errors(number):
    ours = error_of(lambda: BAD[number](martlet, martlet.utils.data))
    theirs = error_of(lambda: BAD[number](torch, torch.utils.data))
    assert ours == theirs or (ours[0] == theirs[0] and "at 0x" in ours[1])


class _Failing:
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i == 2:
            raise self.error
        return i


class OddError(Exception):
    def __init__(self, a, b):
        super().__init__(a)


@BOTH
@pytest.mark.parametrize("error", [ValueError("bad sample"), KeyError("key"), OddError("x", 1)],
                         ids=lambda e: type(e).__name__)
def test_errors_from_workers(error):
    def first_line(d):
        name, text = error_of(lambda: list(d.DataLoader(_Failing(error), num_workers=1)))
        return name, text.splitlines()[0], text.splitlines()[1], text.splitlines()[-1]

    assert first_line(martlet.utils.data) == first_line(torch.utils.data)


class _Seeds:
    """Tells what a worker knows and draws."""

    def __init__(self, module):
        self.module = module

    def __len__(self):
        return 6

    def __getitem__(self, i):
        import random

        info = self.module.utils.data.get_worker_info()
        return [i, info.id, info.num_workers, info.seed, self.module.randint(0, 2 ** 30, (1,)).item(),
                random.randrange(2 ** 30), os.environ.get("MARTLET_TEST_WORKER", "")]


def _mark(k):
    os.environ["MARTLET_TEST_WORKER"] = "worker {}".format(k)


@BOTH
@pytest.mark.parametrize("persistent", [False, True])
def test_worker_seeds_and_info(persistent):
    def program(m, d):
        assert d.get_worker_info() is None
        loader = d.DataLoader(_Seeds(m), 1, shuffle=True, num_workers=2, worker_init_fn=_mark,
                              persistent_workers=persistent)
        return [list(loader), list(loader)]

    same(program)


class _Slow:
    def __init__(self, seconds, die=False):
        self.seconds, self.die = seconds, die

    def __len__(self):
        return 4

    def __getitem__(self, i):
        if self.die:
            os._exit(3)
        time.sleep(self.seconds)
        return i


def test_timeout_death_and_early_leave():
    loader = martlet.utils.data.DataLoader(_Slow(5), num_workers=1, timeout=0.2)
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.2 seconds"):
        next(iter(loader))
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(martlet.utils.data.DataLoader(_Slow(0, die=True), num_workers=1))
    start = time.time()
    for _ in martlet.utils.data.DataLoader(martlet.zeros(40, 300, 300), num_workers=2, prefetch_factor=4):
        break
    del _
    assert time.time() - start < 20


def test_large_batches_and_many_keys_do_not_block():
    data = martlet.utils.data.TensorDataset(martlet.arange(60000.0).reshape(30000, 2).repeat(1, 8))
    loader = martlet.utils.data.DataLoader(data, batch_size=10000, num_workers=1, shuffle=True, prefetch_factor=3)
    for _ in range(2):
        assert sorted(x for (batch,) in loader for x in batch[:, 0].tolist()) == [2.0 * i for i in range(30000)]


def test_unordered_and_unpicklable_batches():
    loader = martlet.utils.data.DataLoader(range(20), batch_size=2, num_workers=2, in_order=False)
    assert sorted(x for batch in loader for x in batch.tolist()) == list(range(20))
    loader = martlet.utils.data.DataLoader(range(2), num_workers=1, collate_fn=lambda batch: (lambda: batch))
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(loader)
