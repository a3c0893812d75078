"""Deep, wide and shared graphs, backward inside backward, threads, fork."""
import os
import threading

import pytest

import martlet as torch


@pytest.mark.parametrize("step", [lambda y: y * 1.0, lambda y: y + 1])
def test_a_long_chain(step):
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = step(y)
    y.sum().backward(retain_graph=True)
    assert x.grad.item() == 1
    del y
    y = x
    for _ in range(200_000):
        y = step(y)
    del y  # never walked


def test_a_long_chain_in_place_and_of_functions():
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad
    x = torch.ones(4, requires_grad=True)
    y = x * 1
    for _ in range(5000):
        y.mul_(1.0)
        y[1:3].add_(1)
        y = Same.apply(y)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 1]


def test_wide_and_diamond():
    x = torch.ones(1, requires_grad=True)
    torch.stack([x * 2 for _ in range(20_000)]).sum().backward()
    assert x.grad.item() == 40_000
    x.grad, y = None, x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0 ** 60


def test_backward_inside_backward():
    class Again(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, depth):
            ctx.depth = depth
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            if ctx.depth == 0:
                return grad, None
            with torch.enable_grad():
                z = torch.ones(1, requires_grad=True)
                Again.apply(z, ctx.depth - 1).sum().backward()
            return z.grad, None
    x = torch.ones(1, requires_grad=True)
    Again.apply(x, 60).sum().backward()
    assert x.grad.item() == 1


def test_functions_leave_nothing_behind():
    from martlet.autograd import _nodes, function

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2
    before = len(function._live), len(_nodes.custom)
    x = torch.ones(1, requires_grad=True)
    for walked in (True, False):
        y = Twice.apply(Twice.apply(x))
        assert len(function._live) == before[0] + 2
        if walked:
            y.backward()
        y.grad_fn.saved_tensors if not walked else None
        del y
    assert (len(function._live), len(_nodes.custom)) == before


def test_threads():
    shared = torch.ones(10, 10, requires_grad=True)
    errors = []

    def work(number):
        try:
            for _ in range(30):
                own = torch.full((10, 10), float(number), requires_grad=True)
                (own.mm(own).relu() * 2).sum().backward()
                assert own.grad[0, 0].item() == 40 * number
                shared.mm(torch.ones(10, 10)).sum().backward()
            with torch.no_grad():
                assert not torch.is_grad_enabled()
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 7)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert shared.grad.unique().tolist() == [6 * 30 * 10]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_after_use():
    a = torch.ones(300, 300, requires_grad=True)
    (a @ a).sum().backward()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            b = torch.ones(300, 300, requires_grad=True)
            (b @ b).sum().backward()
            code = 0 if b.grad[0, 0].item() == 600 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
