"""The thread pool: its size is a setting, results do not depend on it, Python threads and forks may use it at will."""
import os
import threading

import pytest

import martlet as torch


@pytest.fixture(autouse=True)
def same_number_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def work(seed):
    """Results of loops, reductions and products large enough to be shared out."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(300, 400, generator=generator)
    b = torch.randn(400, 260, generator=generator)
    x = torch.randn(200_000, generator=generator, requires_grad=True)
    loss = (x.exp() * x).sum() + (x[:120_000].view(300, 400) @ b).pow(2).sum()
    loss.backward()
    table = torch.zeros(1000, 64)
    rows = torch.randint(0, 1000, (5000,), generator=generator)
    table.index_add_(0, rows, torch.randn(5000, 64, generator=generator))
    return [a @ b, torch.softmax(a, 1), a.sum(0), a.std(), torch.bmm(a.view(3, 100, 400), b.expand(3, 400, 260)), loss.detach(), x.grad, table,
            table[rows]]


def same(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b))


def test_the_number_is_a_setting():
    torch.set_num_threads(3)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
        torch.set_num_threads(0)


def test_results_do_not_depend_on_the_number():
    torch.set_num_threads(1)
    expected = work(0)
    for n in (2, 3, 7):
        torch.set_num_threads(n)
        for _ in range(5):
            assert same(work(0), expected)


def test_python_threads_at_once():
    """Several threads compute with tensors of their own while another changes the number of threads."""
    torch.set_num_threads(1)
    expected = [work(seed) for seed in range(4)]
    wrong, stop = [], threading.Event()

    def compute(seed):
        for _ in range(6):
            if not same(work(seed), expected[seed]):
                wrong.append(seed)

    def change():
        n = 1
        while not stop.wait(0.001):
            n = n % 4 + 1
            torch.set_num_threads(n)
    threads = [threading.Thread(target=compute, args=(seed,)) for seed in range(4)]
    changer = threading.Thread(target=change)
    changer.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    changer.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forks_while_the_pool_works():
    """Children of a process whose pool has run, some forked while another thread is inside it, compute the same."""
    torch.set_num_threads(2)
    expected = work(1)
    stop = threading.Event()

    def keep_busy():
        while not stop.is_set():
            work(2)
    thread = threading.Thread(target=keep_busy)
    thread.start()
    try:
        for _ in range(8):
            child = os.fork()
            if child == 0:
                good = False
                try:
                    torch.set_num_threads(3)
                    good = same(work(1), expected)
                finally:
                    os._exit(0 if good else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()
    assert same(work(1), expected)
