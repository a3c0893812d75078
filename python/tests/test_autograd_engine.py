"""backward, grad, and the modes of recording, against torch."""
import pytest
import torch

import martlet
from snippets import same


def test_backward_basics():
    same(r'''
        x = torch.tensor([1., 2., 3.], requires_grad=True)
        y = x * x
        err(lambda: y.backward())
        y.backward(torch.ones(3), retain_graph=True)
        show(x.grad)
        y.backward(torch.tensor([1., 0., 2.]))
        show(x.grad)
        err(lambda: y.backward(torch.ones(3)))
        z = (x * 2).sum()
        err(lambda: z.backward(torch.ones(3)))
        z.backward()
        show(x.grad)
        err(lambda: z.backward())
        show(x.grad)
        err(lambda: torch.ones(2).backward())
        err(lambda: torch.ones(2, dtype=torch.long).sum().backward())
        w = x.sum()
        w.backward(torch.tensor(2.0), retain_graph=True)
        w.backward(gradient=torch.tensor(2.0, dtype=torch.float64))
        show(x.grad)
        err(lambda: w.backward(3.0))
        err(lambda: w.backward([1.0]))
    ''')


def test_create_graph():
    same(r'''
        x = torch.tensor([1., 2., 3.], requires_grad=True)
        y = (x ** 3).sum()
        y.backward(create_graph=True)
        show(x.grad, x.grad.requires_grad, x.grad.is_leaf)
        g = x.grad
        x.grad = None
        g.sum().backward()
        show(x.grad)
    ''')


def test_inputs():
    same(r'''
        a = torch.tensor(2., requires_grad=True); b = torch.tensor(3., requires_grad=True)
        c = a * b; d = c * a
        d.backward(inputs=[a], retain_graph=True); show(a.grad, b.grad)
        d.backward(inputs=b, retain_graph=True); show(a.grad, b.grad)
        err(lambda: d.backward(inputs=[]))
        e = torch.tensor(1., requires_grad=True)
        d.backward(inputs=[e], retain_graph=True); show(e.grad)
        c = a * b; d = c * a; c.retain_grad()
        d.backward(inputs=[a, c]); show(a.grad, b.grad, c.grad)
    ''')


def test_autograd_backward():
    same(r'''
        a = torch.tensor([2.,1.], requires_grad=True)
        torch.autograd.backward([a*2, (a*3).sum()], [torch.ones(2), None]); show(a.grad)
        err(lambda: torch.autograd.backward([a*2, (a*3).sum()], [torch.ones(2)]))
        err(lambda: torch.autograd.backward([a*2], [torch.ones(3)]))
        err(lambda: torch.autograd.backward([a*2]))
        err(lambda: torch.autograd.backward([a.detach()]))
        err(lambda: torch.autograd.backward([a*2, torch.ones(2)], [torch.ones(2), torch.ones(2)]))
        torch.autograd.backward((a*2).sum(), create_graph=True); show(a.grad)
        err(lambda: torch.autograd.backward((a*2).sum(), inputs=[]))
        err(lambda: torch.autograd.backward((a*2).sum(), grad_tensors=torch.ones(2)))
        err(lambda: torch.autograd.backward((a*2).sum(), grad_tensors=[1.0]))
    ''')


def test_grad():
    same(r'''
        a = torch.tensor([2.,1.], requires_grad=True); b = torch.tensor([3.,1.], requires_grad=True)
        y = (a*b).sum()
        show(torch.autograd.grad(y, [a, b], retain_graph=True))
        show(torch.autograd.grad(y, a, retain_graph=True))
        show(torch.autograd.grad(y, (a, a), retain_graph=True))
        c = torch.ones(2, requires_grad=True)
        err(lambda: torch.autograd.grad(y, [a, c], retain_graph=True))
        show(torch.autograd.grad(y, [a, c], retain_graph=True, allow_unused=True))
        show(torch.autograd.grad(y, [a, c], retain_graph=True, materialize_grads=True))
        err(lambda: torch.autograd.grad(y, [a, c], allow_unused=False, materialize_grads=True))
        err(lambda: torch.autograd.grad(y, [a, torch.ones(1)], retain_graph=True))
        err(lambda: torch.autograd.grad(y, [], retain_graph=True))
        err(lambda: torch.autograd.grad(torch.ones(1), a))
        err(lambda: torch.autograd.grad(a*2, a))
        show(torch.autograd.grad(a*2, a, torch.tensor([1., 3.])))
        show(torch.autograd.grad([a*2, b*a], [a, b], [torch.ones(2), None] if False else [torch.ones(2), torch.ones(2)]))
        show(torch.autograd.grad([(a*2).sum(), (b*a).sum()], [a, b]))
        err(lambda: torch.autograd.grad(a*2, a, torch.ones(3)))
        err(lambda: torch.autograd.grad(a*2, a, torch.ones(2, 1)))
        h = a * b
        show(torch.autograd.grad((h*h).sum(), h, retain_graph=True))
        show(torch.autograd.grad((h*h).sum(), [h, a], retain_graph=True))
        show(torch.autograd.grad(h.sum(), [h, a, h]))
        show(torch.autograd.grad(a.sum(), a), torch.autograd.grad(a, a, torch.ones(2)))
        show(torch.autograd.grad(y, [a, b]))
        err(lambda: torch.autograd.grad(y, [a, b]))
        show(a.grad, b.grad)
        g, = torch.autograd.grad((a**3).sum(), a, create_graph=True)
        show(g)
        show(torch.autograd.grad(g.sum(), a, create_graph=True))
        err(lambda: torch.autograd.grad(3.0, a))
        err(lambda: torch.autograd.grad(y, 3.0))
        err(lambda: torch.autograd.grad(y, [3.0]))
    ''')


def test_modes():
    same(r'''
        show(torch.is_grad_enabled())
        x = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            show(torch.is_grad_enabled(), (x*2).requires_grad)
            with torch.enable_grad():
                show(torch.is_grad_enabled(), (x*2).requires_grad)
            with torch.set_grad_enabled(True):
                show(torch.is_grad_enabled())
            show(torch.is_grad_enabled())
        try:
            with torch.no_grad():
                raise ValueError
        except ValueError:
            show(torch.is_grad_enabled())
        @torch.no_grad()
        def f(v): return v*2, torch.is_grad_enabled()
        show(f(x))
        @torch.no_grad
        def f2(v): return v*2
        show(f2(x).requires_grad)
        @torch.enable_grad()
        def f3(v): return v*2
        with torch.no_grad(): show(f3(x).requires_grad)
        @torch.set_grad_enabled(False)
        def f4(v): return v*2
        show(torch.is_grad_enabled(), f4(x).requires_grad, torch.is_grad_enabled())
        @torch.inference_mode()
        def f5(v): return v*2
        t = f5(x); show(t.requires_grad, t.is_inference(), torch.is_inference_mode_enabled())
        err(lambda: t.requires_grad_())
        err(lambda: t.add_(1))
        show((x + t).requires_grad)
        @torch.no_grad()
        def gen():
            got = []
            for i in range(3):
                got.append(torch.is_grad_enabled())
                v = yield torch.is_grad_enabled()
                got.append(v)
            return got
        it = gen()
        show(next(it), torch.is_grad_enabled()); show(it.send(5), torch.is_grad_enabled())
        def run():
            r = yield from gen()
            show(r)
        show(list(run()))
        @torch.no_grad()
        def gen2():
            try:
                yield 1
            except ValueError as e:
                show('caught', torch.is_grad_enabled())
                yield 2
            finally:
                show('closed', torch.is_grad_enabled())
        it = gen2(); next(it); show(it.throw(ValueError('a'))); it.close(); show(torch.is_grad_enabled())
        torch.set_grad_enabled(False); show(torch.is_grad_enabled()); torch.set_grad_enabled(True)
        with torch.inference_mode():
            q = torch.ones(2); show(q.is_inference(), torch.is_grad_enabled())
            with torch.inference_mode(False):
                show(torch.is_inference_mode_enabled(), torch.is_grad_enabled())
                r = torch.ones(2, requires_grad=True); show((r*2).requires_grad, r.is_inference())
        with torch.inference_mode(mode=False): show(torch.is_grad_enabled())
        show(q.clone().is_inference(), (q+1).is_inference(), q.view(2).is_inference(), q.is_leaf)
        err(lambda: q.view(2).add_(1))
        err(lambda: q._version)
        with torch.inference_mode():
            xx = torch.ones(2, requires_grad=True)
            show(xx.requires_grad, (xx*2).requires_grad)
        @torch.no_grad()
        class A:
            def __init__(self): self.g = torch.is_grad_enabled()
        show(A().g)
        class B:
            @torch.no_grad()
            def m(self): return torch.is_grad_enabled()
            @staticmethod
            @torch.no_grad()
            def s(): return torch.is_grad_enabled()
        show(B().m(), B.s(), f.__name__)
    ''')


def test_decorator_reuse_and_recursion():
    same(r'''
        m = torch.no_grad()
        with m:
            show(torch.is_grad_enabled())
        with m:
            show(torch.is_grad_enabled())
        show(torch.is_grad_enabled())
        @torch.no_grad()
        def fact(n): return 1 if n == 0 else n * fact(n-1)
        show(fact(4), torch.is_grad_enabled())
        s = torch.set_grad_enabled(False)
        show(torch.is_grad_enabled())
        torch.set_grad_enabled(True)
        @torch.inference_mode
        def k(): return torch.is_inference_mode_enabled()
        show(k())
        show(torch.no_grad().__class__.__name__, torch.set_grad_enabled(True))
    ''')


@pytest.mark.parametrize("T", [torch, martlet], ids=["torch", "martlet"])
def test_a_change_in_place_is_found_where_another_gradient_is_asked_for(T):
    x, w = T.tensor([2.0, 3.0], requires_grad=True), T.tensor([5.0, 7.0], requires_grad=True)
    a = x * 1
    y = (a * w).sum()
    with T.no_grad():
        a.mul_(2)  # what only the gradient of w needs
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        T.autograd.grad(y, x)


def test_only_wanted_gradients_are_computed():
    x, w, g = martlet.randn(300, 400, requires_grad=True), martlet.randn(300, 400, requires_grad=True), martlet.randn(300, 400)
    y = x * w
    sizes = []
    for wanted in ([x], [w], [x, w]):
        before = martlet.memory_stats()["allocated_bytes.all.current"]
        martlet.reset_peak_memory_stats()
        martlet.autograd.grad(y, wanted, g, retain_graph=True)
        sizes.append((martlet.memory_stats()["allocated_bytes.all.peak"] - before) / x.nbytes)
    assert sizes[0] < 1.5 and sizes[1] < 1.5 and sizes[2] > 1.5


@pytest.mark.parametrize("T", [torch, martlet], ids=["torch", "martlet"])
def test_a_run_inside_a_step_wants_its_own_gradients(T):
    class Twice(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            with T.enable_grad():
                u, v = x.detach().requires_grad_(), T.ones_like(x).requires_grad_()
                du, dv = T.autograd.grad((u * u * v).sum(), [u, v])
            return g * du

    x, w = T.tensor([2.0, 3.0], requires_grad=True), T.tensor([5.0, 7.0], requires_grad=True)
    got = T.autograd.grad((Twice.apply(x) * w).sum(), x)[0]
    assert got.tolist() == [20.0, 42.0]
