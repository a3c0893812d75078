"""In-place writes, views of what was written, versions and .grad, against torch."""
from snippets import same


def test_versions():
    same(r'''
        x = torch.ones(3)
        show(x._version)
        x.add_(1)
        show(x._version)
        x[0] = 3
        show(x._version)
        y = x[1:]
        y.mul_(2)
        show(x._version, y._version)
        x.zero_()
        x.fill_(2)
        show(x._version)
        d = x.detach()
        d.add_(1)
        show(x._version, d._version)
        x.data.add_(1)
        show(x._version, x.data._version)
        x.copy_(torch.zeros(3)); show(x._version); x.requires_grad_();
        with torch.no_grad(): x += 1
        show(x._version, x); x.uniform_() if False else None
        z = torch.zeros(2); z.data = torch.ones(2); show(z, z._version); c = z.clone(); show(c._version)
        x2 = torch.ones(3)
        x2[torch.tensor([0])] = 2
        show(x2._version)
        x2.index_add_(0, torch.tensor([0]), torch.ones(1))
        x2.clamp_(0, 1)
        x2.sqrt_()
        show(x2._version)
        x2.resize_(4)
        show(x2._version, x2.shape)
        x2.normal_()
        show(x2._version)
        x2.masked_fill_(x2 > 0, 1.)
        show(x2._version)
        x2.t_()
        show(x2._version)
        x2.unsqueeze_(0)
        show(x2._version, x2.shape)
    ''')


def test_errors_in_place():
    same(r'''
        x = torch.ones(3, requires_grad=True)
        err(lambda: x.add_(1))
        err(lambda: x[0].add_(1))
        def f(): x[0] = 1
        err(f)
        err(lambda: x.zero_()); err(lambda: x.view(3).mul_(2)); err(lambda: x.detach().mul_(2)); show(x)
        y = x * 2; z = y * y; y.add_(1); err(lambda: z.sum().backward())
        y = x.exp(); y.add_(1); err(lambda: y.sum().backward())
        y = x.sigmoid(); z = y * 2; y[0] = 0; err(lambda: z.sum().backward())
        a = torch.ones(3); y = x * a; a.add_(1); err(lambda: y.sum().backward())
        w = torch.ones(3, 3, requires_grad=True); y = x.unsqueeze(0) @ w
        with torch.no_grad(): w.add_(1)
        err(lambda: y.sum().backward())
        b = x * 2; v = b[0:2]; s = v * v; b.add_(1); err(lambda: s.sum().backward())
        b = x * 2; s = b * b; v = b[0:2]; v.add_(1); err(lambda: s.sum().backward())
        e = torch.ones(1, 3).expand(2, 3); err(lambda: e.add_(1)); err(lambda: e.zero_())
        err(lambda: torch.ones(3, dtype=torch.long).add_(1.5))
        err(lambda: torch.ones(3).add_(torch.ones(2, 3)))
        err(lambda: torch.ones(3).add_(torch.ones(4)))
        err(lambda: torch.ones(3, dtype=torch.long).div_(2)); err(lambda: torch.ones(3, dtype=torch.bool).add_(1));
        q = torch.ones(3); q += x; show(q, q.requires_grad, q.is_leaf); q.sum().backward(); show(x.grad)
    ''')


def test_views_copyslices():
    same(r'''
        x = torch.arange(6., requires_grad=True)
        b = x * 1
        b[1:3] = 0
        show(b, b.grad_fn)
        b.sum().backward(); show(x.grad); x.grad = None
        b = x * 1
        v = b[1:4]
        v.mul_(2)
        show(v, v.grad_fn, b.grad_fn)
        (b*torch.arange(6.)).sum().backward(retain_graph=True)
        show(x.grad)
        x.grad=None
        b = x * 1; v = b[1:4]; v.mul_(2); (v*v).sum().backward(); show(x.grad); x.grad = None
        b = x * 1; v = b.view(2, 3); w = v[1]; u = w[1:]; u.mul_(3); show(b, v, w, u); show(v.grad_fn, w.grad_fn, u.grad_fn)
        (v.sum() + w.sum() + u.sum()).backward(); show(x.grad); x.grad=None
        b = x * 1; v = b[:3]; b.mul_(2); show(v, v.grad_fn); v.sum().backward(); show(x.grad); x.grad = None
        b = x * 1; v = b[::2]; w = b[1::2]; v.mul_(w.clone()); show(b); b.sum().backward(); show(x.grad); x.grad = None
        b = x * 1; t = b.view(2,3).t(); t[0] = t[1] * 2; show(b); b.sum().backward(); show(x.grad); x.grad = None
        b = x * 1; b[2] = x[0] * x[1]; b[3:5] = x[0:2] ** 2; b.sum().backward(); show(x.grad); x.grad = None
        z = torch.zeros(6); z[0] = x[3]; show(z, z.grad_fn); z[1:3] = x[1:3]*2; z.sum().backward(); show(x.grad); x.grad = None
        z = torch.zeros(6)
        v = z[2:4]
        v.copy_(x[0:2])
        show(z.requires_grad, v.requires_grad, z.grad_fn, v.grad_fn)
        (z*z).sum().backward()
        show(x.grad)
        x.grad=None
        z = torch.zeros(2, 3); z.diagonal().fill_(1); z.diagonal().copy_(x[:2]); show(z); z.sum().backward(); show(x.grad); x.grad=None
        b = x * 1; b.as_strided((2,), (2,), 1).mul_(3); show(b); (b*b).sum().backward(); show(x.grad); x.grad = None
        b = x * 1; b.view(3, 2).select(1, 0).exp_(); b.sum().backward(); show(x.grad); x.grad = None
        b = x * 1; b[torch.tensor([0, 2])] = x[1:3] * 2; b.sum().backward(); show(x.grad); x.grad = None
        b = x * 1; b[b > 3] = 0; b.sum().backward(); show(x.grad); x.grad = None
        b = x * 1; b.masked_fill_(b > 3, 7.); b.sum().backward(); show(x.grad, b); x.grad=None
        b = x * 1; b[1:3].unsqueeze(0).squeeze(0).add_(x[0]); b.sum().backward(); show(x.grad); x.grad=None
        b = x*1; b.narrow(0, 1, 2).zero_(); b.sum().backward(); show(x.grad); x.grad = None
    ''')


def test_multi_view():
    same(r'''
        x = torch.arange(4., requires_grad=True)
        b = x * 1
        p, q = b.chunk(2)
        err(lambda: p.mul_(2))
        err(lambda: b.split(2)[0].zero_())
        err(lambda: b.unbind()[0].add_(1))
        err(lambda: b.split([1, 3])[1].add_(1))
        err(lambda: b.view(2,2).unbind(0)[0][0].add_(1))
        y = x.detach().clone(); ys = y.chunk(2); ys[0].mul_(2); show(y)
        with torch.no_grad(): p.mul_(5)
        show(b)
        it = list(x * 1); err(lambda: it[0].add_(1))
        z = torch.zeros(4); zz = z.chunk(2); err(lambda: zz[0].copy_(x[:2])); show(z.requires_grad)
    ''')


def test_no_grad_views():
    same(r'''
        x = torch.arange(4., requires_grad=True)
        b = x * 1
        with torch.no_grad(): v = b[:2]
        show(v.requires_grad, v.grad_fn, v._is_view())
        err(lambda: v.mul_(2))
        with torch.no_grad(): v.mul_(2)
        show(b)
        w = torch.arange(4.)
        with torch.no_grad(): vv = w[:2]
        err(lambda: vv.mul_(2)); show(w)
        err(lambda: vv.mul_(x[:2])); show(w, w.requires_grad)
        with torch.no_grad(): xv = x.view(2, 2); xv.add_(1)
        show(x, xv.requires_grad, x._version)
        with torch.no_grad(): x[0] = 9; x += 1; x.mul_(2)
        show(x, x.is_leaf, x._version)
    ''')


def test_data_and_set():
    same(r'''
        p = torch.ones(2, requires_grad=True)
        p.data = torch.zeros(3); show(p, p.shape); p.data.fill_(4); show(p); p.data[0] = 1; show(p, p._version)
        y = (p * p).sum(); p.data.mul_(2); y.backward(); show(p.grad)
        def f(): p.data = 3
        err(f)
        def g(): p.data = torch.zeros(2, dtype=torch.long)
        err(g)
        p.grad = None; q = p.data; q += 1; show(p)
        p.data -= 0.5; show(p)
        def h(): p.grad = torch.ones(4)
        err(h)
        def h(): p.grad = 3
        err(h)
        def h(): p.grad = p
        err(h)
        p.grad = torch.ones(3)
        show(p.grad)
        gg = p.grad
        show(gg is p.grad)
        p.grad.zero_()
        show(gg)
        (p*2).sum().backward()
        show(gg, gg is p.grad, p.grad.data_ptr()==gg.data_ptr())
        del p.grad; show(p.grad)
        z = (p * 2); show(z.grad)
    ''')


def test_accumulation():
    same(r'''
        x = torch.ones(2, requires_grad=True)
        (x*2).sum().backward(); g = x.grad; (x*2).sum().backward(); show(g, x.grad is g)
        (x*x).sum().backward(create_graph=True); show(x.grad is g, g, x.grad.detach())
        x.grad = None
        y = x.clone(); gr = torch.ones(2); y.backward(gr); gr.add_(5); show(x.grad)
        x.grad = None; x.backward(gr); show(x.grad, x.grad is gr); gr.zero_(); show(x.grad)
        e = torch.nn.Embedding(4, 2, sparse=True); torch.nn.init.ones_(e.weight)
        l = e(torch.tensor([1, 1, 3])).sum(); l.backward(retain_graph=True); show(e.weight.grad)
        l.backward(retain_graph=True); show(e.weight.grad.coalesce(), e.weight.grad.is_sparse)
        (e.weight.sum()).backward(); show(e.weight.grad, e.weight.grad.is_sparse)
        l.backward(retain_graph=True); show(e.weight.grad)
        e.weight.grad = None; (e.weight.sum() + e(torch.tensor([1, 1, 3])).sum()).backward(); show(e.weight.grad)
        x.grad = None; (x.expand(3, 2)).sum().backward(); show(x.grad); x.grad = None; x.sum().backward(); show(x.grad.stride(), x.grad)
        m = torch.ones(2, 3).t().requires_grad_()
        m.sum().backward()
        show(m.grad.stride())
        m.grad=None
        (m*m).sum().backward()
        show(m.grad.stride(), m.stride())
    ''')


def test_swap_in_place_chains():
    same(r'''
        x = torch.ones(3, requires_grad=True)
        y = x * 1
        for i in range(3): y.mul_(2).add_(1)
        y /= 2; y -= 1; y **= 2; y.sum().backward(); show(y, x.grad)
        y = x * 1; y.div_(x); y.sum().backward(); show(x.grad)
        y = x * 2; y.mul_(y); err(lambda: y.sum().backward()); show(y)
        y = x * 2; y.add_(y); y.sub_(y, alpha=0.5); y.sum().backward(); show(y, x.grad)
        y = x * 2; y.addcmul_(x, x, value=2.); y.addcdiv_(x, y.detach().clone()); y.lerp_(x, 0.5); y.sum().backward(); show(y, x.grad)
        y = torch.zeros(3)
        y.add_(x)
        y.index_fill_(0, torch.tensor([0]), 5.)
        y.scatter_(0, torch.tensor([1]), x[:1]*3)
        y.sum().backward()
        show(y, x.grad)
        y = x * 1; y.t_(); y.unsqueeze_(0); y.transpose_(0, 1); y.squeeze_(); y.mul_(2); show(y.shape, y); y.sum().backward(); show(x.grad)
    ''')


def test_as_strided_etc_gradients():
    same(r'''
        x = torch.arange(12., requires_grad=True)
        y = x.view(3, 4)
        y.as_strided((2, 2), (4, 1), 2).sum().backward(); show(x.grad); x.grad=None
        y.as_strided((2, 3), (1, 1)).sum().backward(); show(x.grad); x.grad = None
        y.t().as_strided((2, 2), (1, 3)).mul(torch.tensor([[1., 2.],[3., 4.]])).sum().backward(); show(x.grad); x.grad = None
        y.unfold(1, 2, 1).sum().backward(); show(x.grad); x.grad = None
        err(lambda: y.as_strided((2, 2), (4, 1), 20)); err(lambda: y.as_strided((2,), (4, 1)))
        y[1].expand(2, 4).sum().backward(); show(x.grad)
    ''')
