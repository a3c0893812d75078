"""The loader: a dataset, a sampler and a way to make batches, in this process or in workers."""
import itertools
import warnings
from typing import Generic, TypeVar

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed
from .worker import RESUME, End, Failure, get_worker_info, make_fetcher  # noqa: F401
from . import worker as _worker

_T_co = TypeVar("_T_co", covariant=True)


class _Endless(Sampler):
    """Stands for the keys of an iterable dataset, which has none."""

    def __iter__(self):
        return itertools.repeat(None)


class DataLoader(Generic[_T_co]):
    """Iterates over a dataset in batches.

    Args:
        dataset: a :class:`Dataset` (anything with ``__getitem__`` and ``__len__``) or an :class:`IterableDataset`.
        batch_size: samples in a batch; None gives single samples.
        shuffle: a new random order in every epoch.
        sampler, batch_sampler: own orders of keys, or of lists of keys.
        num_workers: worker processes that read ahead; 0 reads in this process.
        collate_fn: makes a batch of a list of samples; see :func:`default_collate`.
        drop_last: leaves out a last batch that is not full.
        timeout: seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: called with the worker's number when it starts.
        generator: the generator for shuffling and for the workers' seeds.
        prefetch_factor: batches asked of each worker in advance (2).
        persistent_workers: keeps the workers from one epoch to the next.
        in_order: with False, batches come as workers finish them.

    Worker k's default generator is seeded with the epoch's base seed + k.
    """

    _fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
    _initialized = False

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
                 multiprocessing_context=None, generator=None, *, prefetch_factor=None, persistent_workers=False,
                 pin_memory_device="", in_order=True):
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
                "multiprocessing, otherwise set prefetch_factor to None."
            )
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        elif prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            given = (("shuffle", shuffle, shuffle not in (False, None)), ("sampler", sampler, sampler is not None),
                     ("batch_sampler", batch_sampler, batch_sampler is not None))
            for name, value, wrong in given:
                if wrong:
                    raise ValueError(
                        "DataLoader with IterableDataset: expected unspecified {0} option, but got {0}={1}".format(
                            name, value
                        )
                    )
        shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers = persistent_workers
        self._announced_length = None
        self._iterator = None
        self._initialized = True
        if num_workers:
            self._check_worker_count()

    def _check_worker_count(self):
        import os

        able = hasattr(os, "sched_getaffinity")
        cpus = len(os.sched_getaffinity(0)) if able else os.cpu_count()
        if cpus is not None and self.num_workers > cpus:
            warnings.warn(
                "This DataLoader will create {} worker processes in total. Our suggested max number of worker in current "
                "system is {}{}, which is smaller than what this DataLoader is going to create. Please be aware that "
                "excessive worker creation might get DataLoader running slow or even freeze, lower the worker number to "
                "avoid potential slowness/freeze if necessary.".format(
                    self.num_workers, cpus, "" if able else " (`cpuset` is not taken into account)"
                ),
                stacklevel=3,
            )

    def __setattr__(self, name, value):
        if self._initialized and name in self._fixed:
            raise ValueError(
                "{} attribute should not be set after {} is initialized".format(name, type(self).__name__)
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self):
        """The multiprocessing context the workers start from; None is the system's usual one."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    "num_workers=0"
                )
            import multiprocessing

            if isinstance(context, str):
                known = multiprocessing.get_all_start_methods()
                if context not in known:
                    raise ValueError(
                        "multiprocessing_context option should specify a valid start method in {!r}, but got "
                        "multiprocessing_context={!r}".format(known, context)
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    "method, but got multiprocessing_context={}".format(context)
                )
        self._context = context

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self):
        if self.num_workers == 0:
            return _InProcess(self)
        if not self.persistent_workers:
            return _InWorkers(self)
        if self._iterator is None or self._iterator._closed:
            self._iterator = _InWorkers(self)
        else:
            self._iterator._restart()
        return self._iterator

    def __len__(self):
        if not self._iterable:
            return len(self._index_sampler)
        length = self._announced_length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def __getstate__(self):
        return dict(self.__dict__, _iterator=None)


class _Iterator:
    """One epoch. Making it draws the base seed, with workers or without."""

    def __init__(self, loader):
        self._loader = loader
        self._keys = iter(loader._index_sampler)
        self._base_seed = draw_seed(loader.generator)
        self._given = 0

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader._index_sampler)

    def __next__(self):
        batch = self._next()
        self._given += 1
        announced = self._loader._announced_length
        if self._loader._iterable and announced is not None and self._given > announced:
            warnings.warn(
                "Length of IterableDataset {} was reported to be {}(when accessing len(dataloader)), but {} samples "
                "have been fetched. ".format(self._loader.dataset, announced, self._given), stacklevel=2,
            )
        return batch

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class _InProcess(_Iterator):
    """An epoch read in this process."""

    def __init__(self, loader):
        if loader.timeout != 0:
            raise AssertionError("timeout should be 0 for single process DataLoader")
        super().__init__(loader)
        self._fetcher = make_fetcher(loader)

    def _next(self):
        return self._fetcher.fetch(next(self._keys))


class _InWorkers(_Iterator):
    """An epoch read ahead by worker processes; batch i comes from worker i modulo their number."""

    _closed = True

    def __init__(self, loader):
        if loader.prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0")
        super().__init__(loader)
        import multiprocessing

        context = loader.multiprocessing_context
        if context is None:
            methods = multiprocessing.get_all_start_methods()
            context = multiprocessing.get_context("fork" if methods[0] in ("fork", "forkserver") else methods[0])
        forking = context.get_start_method() == "fork"
        self._pipes, self._processes = [], []
        self._closed = False
        for k in range(loader.num_workers):
            ours, theirs = context.Pipe()
            inherited = self._pipes + [ours] if forking else []
            process = context.Process(
                target=_worker.run, args=(loader, theirs, inherited, k, self._base_seed), daemon=True
            )
            with warnings.catch_warnings():
                # Newer Pythons warn of forking beside threads; the core's threads are made ready for it.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._begin()

    def _begin(self):
        count = self._loader.num_workers
        self._sent = 0  # the number of the next batch to ask for
        self._due = {}  # batches asked for and not yet received: number -> worker, ascending
        self._live = [True] * count  # whether a worker's iterable dataset still has samples
        self._turn = itertools.cycle(range(count))
        for _ in range(self._loader.prefetch_factor * count):
            self._ask()

    def _restart(self):
        """Another epoch with the same workers; what they still owe of the last one is read and dropped."""
        while self._due:
            self._receive()
        self._keys = iter(self._loader._index_sampler)
        self._given = 0
        for pipe in self._pipes:
            pipe.send(RESUME)
        self._begin()

    def _ask(self):
        """Asks the next worker in turn for the next batch, if there is either."""
        try:
            keys = next(self._keys)
        except StopIteration:
            return
        for _ in range(self._loader.num_workers):
            k = next(self._turn)
            if self._live[k]:
                self._send(k, (self._sent, keys))
                self._due[self._sent] = k
                self._sent += 1
                return

    def _send(self, k, task):
        try:
            self._pipes[k].send(task)
        except OSError:
            self._died([k])

    def _receive(self):
        """The next batch that is due, with its worker's number."""
        from multiprocessing.connection import wait

        number = next(iter(self._due))
        owners = [self._due[number]] if self._loader.in_order else sorted(set(self._due.values()))
        pipes = [self._pipes[k] for k in owners]
        exits = [self._processes[k].sentinel for k in owners]
        ready = wait(pipes + exits, self._loader.timeout or None)
        if not ready:
            self._close()
            raise RuntimeError("DataLoader timed out after {} seconds".format(self._loader.timeout))
        for k, pipe in zip(owners, pipes):
            if pipe in ready:
                try:
                    number, data = pipe.recv()
                except (EOFError, OSError):
                    self._died([k])
                del self._due[number]
                return k, data
        self._died([k for k, sentinel in zip(owners, exits) if sentinel in ready])

    def _died(self, workers):
        pids = ", ".join(str(self._processes[k].pid) for k in workers)
        self._close()
        raise RuntimeError("DataLoader worker (pid(s) {}) exited unexpectedly".format(pids))

    def _next(self):
        while self._due:
            k, data = self._receive()
            if isinstance(data, End):
                self._live[k] = False
                for number in [n for n, owner in self._due.items() if owner == k]:
                    self._skip(number, k)
                self._ask()
                continue
            self._ask()
            if isinstance(data, Failure):
                data.reraise()
            return data
        if not self._loader.persistent_workers:
            self._close()
        raise StopIteration

    def _skip(self, number, k):
        """Reads the answer that a worker at its end gives to a batch asked for before it was known."""
        while number in self._due:
            try:
                got, _ = self._pipes[k].recv()
            except (EOFError, OSError):
                self._died([k])
            del self._due[got]

    def _close(self):
        if self._closed:
            return
        self._closed = True
        for pipe in self._pipes:
            try:
                pipe.send(None)
            except OSError:
                pass
            pipe.close()
        for process in self._processes:
            process.join(1.0)
            if process.is_alive():
                process.terminate()
                process.join()

    def __del__(self):
        try:
            self._close()
        except (AttributeError, TypeError, ImportError):  # the interpreter is shutting down
            pass
