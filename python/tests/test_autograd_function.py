"""Functions with derivatives in Python, against torch."""
from snippets import same


def test_function_basics():
    same(r'''
        class Mul(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a, b, k=2):
                ctx.save_for_backward(a, b); ctx.k = k
                show(torch.is_grad_enabled(), ctx.needs_input_grad)
                return a * b * k
            @staticmethod
            def backward(ctx, g):
                a, b = ctx.saved_tensors
                show(torch.is_grad_enabled(), ctx.needs_input_grad, len(ctx.saved_tensors))
                return g * b * ctx.k, g * a * ctx.k, None
        x = torch.tensor([1.,2.], requires_grad=True); w = torch.tensor([3.,4.])
        y = Mul.apply(x, w); show(y, y.grad_fn, y.requires_grad)
        y.sum().backward(); show(x.grad)
        y = Mul.apply(x, w, 5); show(y)
        g, = torch.autograd.grad(y.sum(), x, create_graph=True); show(g)
        y = Mul.apply(x, x, 1.0)
        g, = torch.autograd.grad(y.sum(), x, create_graph=True); show(g)
        show(torch.autograd.grad(g.sum(), x))
        show(y.grad_fn.next_functions, y.grad_fn.name(), isinstance(y.grad_fn, torch.autograd.graph.Node))
        show(Mul.apply(torch.ones(1), torch.ones(1)).requires_grad)
        with torch.no_grad(): show(Mul.apply(x, w).requires_grad)
        y = Mul.apply(x, w); y.sum().backward(); err(lambda: y.sum().backward())
        y.grad_fn.k and show(y.grad_fn.k, y.grad_fn.needs_input_grad)
        err(lambda: y.grad_fn.saved_tensors)
        y = Mul.apply(x, w); show(y.grad_fn.saved_tensors)
    ''')


def test_setup_context():
    same(r'''
        class F(torch.autograd.Function):
            @staticmethod
            def forward(x, n):
                return x ** n, x + 1
            @staticmethod
            def setup_context(ctx, inputs, output):
                x, n = inputs
                show(type(inputs), type(output), n)
                ctx.n = n; ctx.save_for_backward(x)
            @staticmethod
            def backward(ctx, g, g2):
                x, = ctx.saved_tensors
                show(g, g2)
                return g * ctx.n * x ** (ctx.n - 1) + g2, None
        x = torch.tensor([1.,2.], requires_grad=True)
        a, b = F.apply(x, 3); show(a, b, a.output_nr, b.output_nr, a.grad_fn is b.grad_fn)
        a.sum().backward(retain_graph=True); show(x.grad)
        (a.sum()+b.sum()).backward(); show(x.grad)
    ''')


def test_mark_dirty():
    same(r'''
        class InplaceMul(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.mul_(2); ctx.mark_dirty(x); return x
            @staticmethod
            def backward(ctx, g): return g * 2
        x = torch.tensor([1.,2.], requires_grad=True)
        y = x * 3; v0 = y._version
        z = InplaceMul.apply(y); show(z is y, z, y, z._version - v0, y.grad_fn)
        z.sum().backward(); show(x.grad)
        err(lambda: InplaceMul.apply(x))
        x = torch.tensor([1.,2., 3., 4.], requires_grad=True)
        b = x * 1; v = b[:2]
        r = InplaceMul.apply(v); show(r, b)
        b.sum().backward(); show(x.grad)
        class NotRet(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.mul_(2); ctx.mark_dirty(x); return x.clone()
            @staticmethod
            def backward(ctx, g): return g * 2
        err(lambda: NotRet.apply(x * 1))
    ''')


def test_non_differentiable():
    same(r'''
        class Sort(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                s, i = x.sort(); k = x * 0
                ctx.mark_non_differentiable(i, k); ctx.save_for_backward(x, i); return s, i, k
            @staticmethod
            def backward(ctx, g, gi, gk):
                x, i = ctx.saved_tensors
                show(g, gi, gk)
                return torch.zeros_like(x).scatter_(0, i, g)
        x = torch.tensor([3.,2., 5.], requires_grad=True)
        s, i, k = Sort.apply(x); show(s, i, k, s.requires_grad, i.requires_grad, k.requires_grad)
        (s*torch.tensor([1.,2.,3.])).sum().backward(); show(x.grad)
        class NM(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(False); return x * 1, x * 2
            @staticmethod
            def backward(ctx, a, b):
                show(a, b); return a
        x.grad = None
        p, q = NM.apply(x); p.sum().backward(); show(x.grad)
        class M(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x * 1, x * 2, (x > 0)
            @staticmethod
            def backward(ctx, a, b, c):
                show(a, b, c); return a + b
        x.grad = None
        p, q, r = M.apply(x); p.sum().backward(); show(x.grad, r, r.requires_grad)
    ''')


def test_once_differentiable():
    same(r'''
        once_differentiable = torch.autograd.function.once_differentiable
        class O(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): ctx.save_for_backward(x); return x * x
            @staticmethod
            @once_differentiable
            def backward(ctx, g):
                x, = ctx.saved_tensors
                show(torch.is_grad_enabled()); return g * 2 * x
        x = torch.tensor([3.,2.], requires_grad=True)
        O.apply(x).sum().backward(); show(x.grad)
        g, = torch.autograd.grad(O.apply(x).sum(), x, create_graph=True); show(g, g.requires_grad)
        err(lambda: torch.autograd.grad((g*g).sum(), x))
        g, = torch.autograd.grad((O.apply(x)*x).sum(), x, create_graph=True); show(g.detach(), g.requires_grad)
        err(lambda: g.sum().backward())
    ''')


def test_errors():
    same(r'''
        def mk(fw=lambda ctx, x: x * 2, bw=lambda ctx, g: g * 2):
            return type("Fn", (torch.autograd.Function,), {"forward": staticmethod(fw), "backward": staticmethod(bw)})
        x = torch.tensor([3.,2.], requires_grad=True)
        err(lambda: mk(lambda ctx, x: 1/0).apply(x))
        err(lambda: mk(bw=lambda ctx, g: 1/0).apply(x).sum().backward())
        err(lambda: mk(bw=lambda ctx, g: (g, g)).apply(x).sum().backward())
        err(lambda: mk(bw=lambda ctx, g: (g, None)).apply(x).sum().backward())
        err(lambda: mk(bw=lambda ctx, g: (None)).apply(x).sum().backward())
        show(x.grad)
        err(lambda: mk(bw=lambda ctx, g: 3).apply(x).sum().backward())
        err(lambda: mk(bw=lambda ctx, g: torch.ones(3)).apply(x).sum().backward())
        err(lambda: mk(bw=lambda ctx, g: [g]).apply(x).sum().backward())
        err(lambda: mk(lambda ctx, x, y: x * y, lambda ctx, g: g).apply(x, x).sum().backward())
        err(lambda: mk(lambda ctx, x: 3).apply(x))
        err(lambda: mk(lambda ctx, x: None).apply(x))
        err(lambda: mk(lambda ctx, x: [x * 1, x * 2], lambda ctx, a, b: a + b).apply(x))
        err(lambda: mk(lambda ctx, x: (x * 1, 5, "a"), lambda ctx, a, b, c: (show(a, b, c), a)[1]).apply(x))
        err(lambda: mk(lambda ctx, x: (x * 1, 5, "a"), lambda ctx, a, b, c: (show(a, b, c), a)[1]).apply(x)[0].sum().backward())
        show(x.grad)
        class NB(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x * 2
        err(lambda: NB.apply(x).sum().backward())
        class NF(torch.autograd.Function): pass
        err(lambda: NF.apply(x))
        err(lambda: mk(lambda ctx, x: (ctx.save_for_backward(3), x*2)[1]).apply(x))
        class Leg(torch.autograd.Function):
            def forward(self, x): return x
        err(lambda: Leg()(x))
        err(lambda: mk().apply())
        err(lambda: mk().apply(x, x))
        err(lambda: mk(lambda ctx, x, k: x * k, lambda ctx, g: (g, None)).apply(x, k=3))
    ''')


def test_returns_input():
    same(r'''
        class I(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x
            @staticmethod
            def backward(ctx, g): return g * 7
        x = torch.tensor([3.,2.], requires_grad=True)
        y = I.apply(x); show(y is x, y, y.grad_fn, x.grad_fn); y.sum().backward(); show(x.grad)
        class V(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x.view(-1)
            @staticmethod
            def backward(ctx, g): return g.view(2, 2) * 7
        x = torch.ones(2,2, requires_grad=True)
        y = V.apply(x); show(y); y.sum().backward(); show(x.grad)
        class P(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, n): return n, x * 2
            @staticmethod
            def backward(ctx, gn, g): return g * 2, gn
        n = torch.ones(2)
        a, b = P.apply(x, n); show(a is n, a.requires_grad, n.requires_grad, b.requires_grad)
    ''')


def test_saves_output_save_intermediate_attributes():
    same(r'''
        class Exp(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x.exp(); ctx.save_for_backward(y); return y
            @staticmethod
            def backward(ctx, g):
                y, = ctx.saved_tensors; show(y.requires_grad, y); return g * y
        x = torch.tensor([0.,1.], dtype=torch.double, requires_grad=True)
        y = Exp.apply(x); y.sum().backward(); show(x.grad)
        y = Exp.apply(x); y.mul_(2); err(lambda: y.sum().backward())
        class SaveNone(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): ctx.save_for_backward(x, None); return x * 2
            @staticmethod
            def backward(ctx, g):
                show(ctx.saved_tensors); return g
        SaveNone.apply(x).sum().backward()
        class In(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): ctx.save_for_backward(x); return x * 2
            @staticmethod
            def backward(ctx, g): ctx.saved_tensors; return g
        h = x * 1; y = In.apply(h); h.add_(1); err(lambda: y.sum().backward())
    ''')


def test_non_contiguous_nested_reentrant():
    same(r'''
        class Re(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x); return (x*x).sum()
            @staticmethod
            def backward(ctx, g):
                x, = ctx.saved_tensors
                with torch.enable_grad():
                    d = x.detach().requires_grad_(); s = (d * d).sum()
                    s.backward()
                return g * d.grad
        x = torch.tensor([3.,2.], requires_grad=True)
        Re.apply(x).backward(); show(x.grad)
        w = torch.tensor([3.,2.], requires_grad=True)
        def again(g):
            show(torch.is_grad_enabled())
            with torch.enable_grad(): (w*w).sum().backward()
        x.register_hook(again)
        (x*2).sum().backward(); show(w.grad, x.grad)
    ''')


def test_gradient_of_broadcast_and_dtype_from_function():
    same(r'''
        class B(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x * 2
            @staticmethod
            def backward(ctx, g): return g.double()
        x = torch.tensor([3.,2.], requires_grad=True)
        B.apply(x).sum().backward(); show(x.grad.dtype)
        class C(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x.sum()
            @staticmethod
            def backward(ctx, g): return g
        x.grad=None; err(lambda: C.apply(x).backward()); show(x.grad)
        class D(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): return x.expand(3, 2)
            @staticmethod
            def backward(ctx, g): return g
        x.grad=None; D.apply(x).sum().backward(); show(x.grad)
    ''')


def test_ctx_misc():
    same(r'''
        class E(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, *rest, flag=None):
                show(len(rest), flag); return x * 2
            @staticmethod
            def backward(ctx, g): return (g,) + (None,) * 3
        x = torch.tensor([3.,2.], requires_grad=True)
        y = E.apply(x, 1, "a", [torch.ones(1)]); y.sum().backward(); show(x.grad)
        class G(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                show(type(ctx).__name__, hasattr(ctx, 'name')); return x * 2
            @staticmethod
            def vjp(ctx, g): return g * 3
        x.grad = None
        y = G.apply(x); y.sum().backward(); show(x.grad)
    ''')


def test_needs_input_grad_of_mixed_and_unused_gradients():
    same(r'''
        class K(torch.autograd.Function):
            @staticmethod
            def forward(ctx, a, b, c): return a + b
            @staticmethod
            def backward(ctx, g):
                show(ctx.needs_input_grad); return g, g, g
        a = torch.ones(2, requires_grad=True); b = torch.ones(2); c = torch.ones(2, dtype=torch.long)
        K.apply(a, b, c).sum().backward(); show(a.grad, b.grad)
        show(torch.autograd.grad(K.apply(a, b, b.clone()).sum(), a)); err(lambda: torch.autograd.grad(K.apply(a, b, 4).sum(), a))
    ''')
