"""What runs in a worker process of the loader, and how it talks to its parent.

Parent and worker share one two-way pipe. The parent sends ``(number, keys)`` for each batch, ``RESUME``
to start another epoch and ``None`` to end; the worker answers with pickled ``(number, batch)``,
where the batch may be a :class:`Failure` or :class:`End`. Answers leave through a thread of their own, so
that a worker that waits for its parent to read still accepts keys: neither can block the other.
"""
import sys
import traceback

import martlet as torch

RESUME = "resume"


class End:
    """A worker's answer once its copy of an iterable dataset has no more samples."""


class WorkerInfo:
    """What :func:`get_worker_info` returns in a worker process.

    Attributes: ``id`` (0 ..), ``num_workers``, ``seed`` (of this worker's generator), ``dataset``
    (this process's copy).
    """

    __slots__ = ("id", "num_workers", "seed", "dataset")

    def __init__(self, id, num_workers, seed, dataset):
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset

    def __repr__(self):
        return "WorkerInfo({})".format(", ".join("{}={}".format(k, getattr(self, k)) for k in self.__slots__))


_info = None


def get_worker_info():
    """This worker process's :class:`WorkerInfo`; None in the main process."""
    return _info


class KeyErrorMessage(str):
    """Text that KeyError prints as it is instead of quoted."""

    def __repr__(self):
        return str(self)


class Failure:
    """An exception on its way from a worker to its parent."""

    def __init__(self, where):
        kind, error, trace = sys.exc_info()
        self.kind = kind
        self.text = "Caught {} {}.\nOriginal {}".format(
            kind.__name__, where, "".join(traceback.format_exception(kind, error, trace))
        )

    def reraise(self):
        """Raises an exception of the same class with the worker's traceback as its message."""
        text = KeyErrorMessage(self.text) if self.kind is KeyError else self.text
        try:
            error = self.kind(text)
        except Exception:  # a class that is not made from one string
            error = RuntimeError(text)
        raise error from None


class MapFetcher:
    """Reads batches by key."""

    def __init__(self, loader):
        self.dataset, self.batched, self.collate = loader.dataset, loader._auto_collation, loader.collate_fn

    def fetch(self, keys):
        """The batch (or, unbatched, the sample) for these keys."""
        if not self.batched:
            return self.collate(self.dataset[keys])
        many = getattr(self.dataset, "__getitems__", None)
        return self.collate(many(keys) if many else [self.dataset[key] for key in keys])


class IterableFetcher:
    """Reads batches from front to back; StopIteration at the end."""

    def __init__(self, loader):
        self.iterator = iter(loader.dataset)
        self.batched, self.collate, self.drop_last = loader._auto_collation, loader.collate_fn, loader.drop_last
        self.ended = False

    def fetch(self, keys):
        """The next batch of as many samples as there are keys."""
        if self.ended:
            raise StopIteration
        if not self.batched:
            return self.collate(next(self.iterator))
        samples = []
        for _ in keys:
            try:
                samples.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(keys)):
            raise StopIteration
        return self.collate(samples)


def make_fetcher(loader):
    """The fetcher for the kind of dataset that ``loader`` has."""
    return IterableFetcher(loader) if loader._iterable else MapFetcher(loader)


def run(loader, pipe, inherited, worker_id, base_seed):
    """The main function of worker ``worker_id``; ``inherited`` are pipe ends that belong to the parent."""
    import os
    import queue
    import random
    import threading
    from multiprocessing.reduction import ForkingPickler

    for end in inherited:
        end.close()
    parent = os.getppid()
    seed = base_seed + worker_id
    random.seed(seed)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        numpy = sys.modules["numpy"]
        entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
        numpy.random.seed(numpy.random.SeedSequence(entropy).generate_state(4))
    global _info
    _info = WorkerInfo(worker_id, loader.num_workers, seed, loader.dataset)
    where = "in DataLoader worker process {}".format(worker_id)

    outbox = queue.Queue()

    def send():
        while True:
            data = outbox.get()
            if data is None:
                return
            try:
                pipe.send_bytes(data)
            except OSError:
                return

    sender = threading.Thread(target=send, daemon=True)
    sender.start()

    def answer(number, data):
        try:
            packed = ForkingPickler.dumps((number, data))
        except Exception:
            packed = ForkingPickler.dumps((number, Failure(where)))
        outbox.put(packed)

    fetcher = failure = None
    try:
        if loader.worker_init_fn is not None:
            loader.worker_init_fn(worker_id)
        fetcher = make_fetcher(loader)
    except Exception:
        failure = Failure(where)
    try:
        while True:
            while not pipe.poll(5.0):
                if os.getppid() != parent:
                    return
            task = pipe.recv()
            if task is None:
                break
            if task == RESUME:
                fetcher = make_fetcher(loader)
                continue
            number, keys = task
            if failure is not None:
                data, failure = failure, None
            else:
                try:
                    data = fetcher.fetch(keys)
                except StopIteration:
                    data = End() if loader._iterable else Failure(where)
                except Exception:
                    data = Failure(where)
            answer(number, data)
            del data
    except (EOFError, OSError, KeyboardInterrupt):
        return
    outbox.put(None)
    sender.join()
