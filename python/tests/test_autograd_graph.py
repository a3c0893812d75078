"""Flags, hooks on tensors and on steps, and the graph as objects, against torch."""
from snippets import same


def test_detach_and_flags():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        y = x * 2
        d = y.detach()
        show(d, d.requires_grad, d.is_leaf, d.grad_fn, d.data_ptr() == y.data_ptr(), d._version, y._version)
        d.add_(1); show(d._version, y._version, y)
        e = y.detach_(); show(e is y, y.is_leaf, y.requires_grad, y)
        err(lambda: x[0].detach_())
        z = x * 3
        err(lambda: z.requires_grad_(False))
        def f(): z.requires_grad = False
        err(f)
        z.requires_grad_(True)
        err(lambda: torch.tensor([1, 2]).requires_grad_())
        err(lambda: torch.tensor([1, 2], requires_grad=True))
        def g():
            t = torch.tensor([1]); t.requires_grad = True
        err(g)
        torch.tensor([1]).requires_grad_(False)
        q = torch.ones(1); show(q.requires_grad_() is q, q.requires_grad)
        q.requires_grad = False; show(q.requires_grad)
        def h(): q.requires_grad = 3
        err(h)
        show(x.is_leaf, z.is_leaf, torch.ones(1).is_leaf, (torch.ones(1)*2).is_leaf)
        show(x.output_nr, z.output_nr, x.requires_grad, x.grad)
        show(x.data.requires_grad, x.data.is_leaf)
        v = torch.ones(4, requires_grad=True).unbind()
        show([t.output_nr for t in v], v[1].grad_fn, [t.output_nr for t in torch.ones(4, requires_grad=True).split(2)])
    ''')


def test_retain_grad():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        y = x * 2; z = y * y
        show(y.retains_grad); y.retain_grad(); y.retain_grad(); show(y.retains_grad, x.retains_grad)
        z.sum().backward(); show(y.grad, x.grad)
        x.retain_grad(); show(x.retains_grad)
        err(lambda: torch.ones(1).retain_grad())
        y2 = x * 3; y2.retain_grad();
        (y2 * 2).sum().backward(); show(y2.grad); (y2.detach()).sum()
        y3 = x * 3; (y3).sum().backward(); show(y3.grad)
        a = x * 2; a.retain_grad(); b = a.view(2); a.register_hook(lambda g: g * 10); b.sum().backward(); show(a.grad)
        a = x * 2; a.register_hook(lambda g: g * 10); a.retain_grad(); a.register_hook(lambda g: g + 1); a.sum().backward(); show(a.grad)
        a = x * 2; a.retain_grad(); (a*a).sum().backward(create_graph=True); show(a.grad)
        a = x * 2; a.retain_grad(); g, = torch.autograd.grad(a.sum(), x); show(a.grad, g)
        a = x * 2; a.retain_grad(); s=a.sum(); s.backward(retain_graph=True); s.backward(); show(a.grad)
    ''')


def test_hooks():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        log = []
        h1 = x.register_hook(lambda g: log.append(('1', g)))
        h2 = x.register_hook(lambda g: g * 2)
        h3 = x.register_hook(lambda g: log.append(('3', g)))
        (x * 3).sum().backward(); show(log, x.grad)
        h2.remove(); log.clear(); x.grad = None
        (x * 3).sum().backward(); show(log, x.grad)
        h2.remove()
        with x.register_hook(lambda g: g * 0) as h: (x*3).sum().backward(); show(x.grad)
        (x*3).sum().backward(); show(x.grad)
        y = x * 2
        y.register_hook(lambda g: g + 1)
        y.sum().backward(); show(x.grad)
        err(lambda: torch.ones(1).register_hook(lambda g: g))
        def bad(g): raise KeyError('boom')
        h = x.register_hook(bad)
        err(lambda: (x*2).sum().backward())
        h.remove()
        h = x.register_hook(lambda g: 3)
        err(lambda: (x*2).sum().backward())
        h.remove()
        h = x.register_hook(lambda g: torch.ones(3))
        err(lambda: (x*2).sum().backward())
        h.remove()
        h = x.register_hook(lambda g: torch.ones(2, dtype=torch.float64))
        err(lambda: (x*2).sum().backward())
        h.remove()
        h = x.register_hook(lambda g: torch.ones(2, dtype=torch.long))
        err(lambda: (x*2).sum().backward())
        h.remove()
        x.grad = None
        h = x.register_hook(lambda g: g.mul_(2))
        (x*2).sum().backward(); show(x.grad); h.remove()
        log.clear()
        # each use: hook is called once with the sum
        h = x.register_hook(lambda g: log.append(g)); (x*2 + x*3).sum().backward(); show(log); h.remove()
        log.clear()
        h = x.register_hook(lambda g: log.append(g.requires_grad))
        (x**3).sum().backward(create_graph=True)
        (x**3).sum().backward()
        show(log)
        h.remove()
        log.clear()
        h = x.register_hook(lambda g: log.append(g)); show(torch.autograd.grad((x*2).sum(), x)); show(log); h.remove()
        h = x.register_hook(lambda g: g*5); show(torch.autograd.grad((x*2).sum(), x)); h.remove()
        show(type(h).__name__)
    ''')


def test_hook_order_across_intermediate_and_in_place():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        log = []
        y = x * 2
        y.register_hook(lambda g: log.append(('before', g)))
        y.mul_(3)
        y.register_hook(lambda g: log.append(('after', g)))
        y.sum().backward()
        show(log, x.grad)
    ''')


def test_hook_on_unused_backward_twice():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        n = []
        y = x * x
        y.register_hook(lambda g: n.append(1))
        s = y.sum()
        s.backward(retain_graph=True); s.backward(); show(len(n))
        show('done')
    ''')


def test_post_accumulate():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        log = []
        h = x.register_post_accumulate_grad_hook(lambda p: log.append((p is x, p.grad.clone())))
        (x*2).sum().backward(); (x*2).sum().backward(); show(log); h.remove(); (x*2).sum().backward(); show(len(log))
        err(lambda: (x*2).register_post_accumulate_grad_hook(lambda p: None))
        err(lambda: torch.ones(2).register_post_accumulate_grad_hook(lambda p: None))
        def zero(p): p.grad = None
        x.register_post_accumulate_grad_hook(zero); (x*2).sum().backward(); show(x.grad)
        def badh(p): raise ValueError('bad hook')
        y = torch.ones(1, requires_grad=True); y.register_post_accumulate_grad_hook(badh)
        err(lambda: (y*2).sum().backward())
        z = torch.ones(1, requires_grad=True)
        def sgd(p):
            with torch.no_grad(): p -= 0.1 * p.grad; p.grad = None
        z.register_post_accumulate_grad_hook(sgd); (z*2).sum().backward(); show(z, z.grad)
        w = torch.ones(1, requires_grad=True); w.register_post_accumulate_grad_hook(lambda p: 3)
        err(lambda: (w*2).sum().backward())
    ''')


def test_graph_facts():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True); w = torch.ones(2)
        y = x * w + 3
        show(y.grad_fn, y.grad_fn.name(), y.grad_fn.next_functions, y.grad_fn.next_functions[0][0].next_functions)
        acc = y.grad_fn.next_functions[0][0].next_functions[0][0]
        show(acc, acc.variable, acc.name(), acc.next_functions)
        show((x*x).grad_fn.next_functions)
        show(x.grad_fn, (x.sum()).grad_fn.next_functions)
        z = x * 2
        show(z.grad_fn is z.grad_fn, z.grad_fn == z.grad_fn, isinstance(z.grad_fn, torch.autograd.graph.Node))
        a, b = torch.ones(4, requires_grad=True).split(2)
        show((a*b).grad_fn.next_functions)
        show(a.grad_fn is b.grad_fn)
        show(str(type(z.grad_fn).__name__), z.grad_fn.metadata)
        show(torch.autograd.graph.get_gradient_edge(z))
    ''')


def test_node_hooks():
    same(r'''
        x = torch.tensor([1.,2.], requires_grad=True)
        y = x * 3
        log = []
        h = y.grad_fn.register_hook(lambda gi, go: log.append((gi, go)))
        y.sum().backward(); show(log, x.grad)
        y = x * 3; x.grad = None
        y.grad_fn.register_hook(lambda gi, go: (gi[0]*2, None)); y.sum().backward(); show(x.grad)
        y = x * 3; x.grad = None
        h = y.grad_fn.register_prehook(lambda go: (go[0]*5,))
        y.sum().backward(retain_graph=True)
        show(x.grad)
        h.remove()
        y.sum().backward()
        show(x.grad)
        y = x * 3;
        y.grad_fn.register_hook(lambda gi, go: 1/0); err(lambda: y.sum().backward())
        y = x * 3;
        y.grad_fn.register_hook(lambda gi, go: (gi[0],)); err(lambda: y.sum().backward())
        y = x * 3;
        y.grad_fn.register_hook(lambda gi, go: 5); err(lambda: y.sum().backward())
        y = x * 3; log.clear()
        y.grad_fn.register_prehook(lambda go: log.append('pre'))
        y.grad_fn.register_hook(lambda gi, go: log.append('post'))
        y.register_hook(lambda g: log.append('tensor'))
        y.sum().backward(); show(log)
        acc = y.grad_fn.next_functions[0][0]; log.clear()
        h = acc.register_hook(lambda gi, go: log.append((gi, go)))
        hh = acc.register_prehook(lambda go: log.append(go))
        (x*2).sum().backward()
        show(log)
    ''')
