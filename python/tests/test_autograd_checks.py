"""gradcheck, functional derivatives, anomaly checks and checkpoints, against torch."""
from snippets import same


def test_gradcheck_true_and_false():
    same(r'''
        f = lambda x, y: (x * y).sin().sum(0)
        x = torch.tensor([[1., 2.], [3., 4.]], dtype=torch.double, requires_grad=True)
        y = torch.tensor([0.5, 0.3], dtype=torch.double, requires_grad=True)
        show(torch.autograd.gradcheck(f, (x, y)), torch.autograd.gradgradcheck(f, (x, y)), torch.autograd.gradcheck(lambda a: (a, a * 2), x))
        class Bad(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): ctx.save_for_backward(x); return x * x
            @staticmethod
            def backward(ctx, g): return g * ctx.saved_tensors[0] * 3
        try: torch.autograd.gradcheck(Bad.apply, (x,))
        except Exception as e: show(type(e).__name__, str(e).splitlines()[0], isinstance(e, RuntimeError))
        show(torch.autograd.gradcheck(Bad.apply, (x,), raise_exception=False))
        err(lambda: torch.autograd.gradcheck(lambda a: a * 2, (x.detach(),)))
        show(torch.autograd.gradcheck(lambda a, n: a * n, (x, 3)), torch.autograd.gradcheck(lambda a: a[0], (x,)), torch.autograd.gradcheck(torch.nn.Linear(2, 2).double(), (x,)))
        show(torch.autograd.gradcheck(lambda a: a.expand(3, 2, 2), (x,)), torch.autograd.gradcheck(lambda a: a.t().contiguous().view(-1), (x,)))
        class Bad2(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x): ctx.save_for_backward(x); return x * x
            @staticmethod
            def backward(ctx, g): return g * ctx.saved_tensors[0].detach() * 2
        show(torch.autograd.gradcheck(Bad2.apply, (x,)), torch.autograd.gradgradcheck(Bad2.apply, (x,), raise_exception=False))
    ''')


def test_functional():
    same(r'''
        F = torch.autograd.functional
        x = torch.tensor([1., 2.]); y = torch.tensor([3., 4.])
        show(F.jacobian(lambda a: a ** 2, x), F.hessian(lambda a: (a ** 3).sum(), x), F.vjp(lambda a: a ** 2, x, torch.ones(2)), F.jvp(lambda a: a ** 2, x, torch.ones(2)), F.hvp(lambda a: (a ** 3).sum(), x, torch.ones(2)), F.vhp(lambda a: (a ** 3).sum(), x, torch.ones(2)))
        show(F.jacobian(lambda a, b: a * b, (x, y)), F.jacobian(lambda a: (a.sum(), a * 2), x), F.hessian(lambda a, b: (a * b).sum(), (x, y)))
        show(F.jacobian(lambda a: a ** 2, x, create_graph=True).requires_grad)
    ''')


def test_anomaly():
    same(r'''
        x = torch.tensor([-1., 4.], requires_grad=True)
        with torch.autograd.detect_anomaly():
            err(lambda: x.sqrt().sum().backward())
            (x * 2).sum().backward()
        show(x.grad); x.grad = None
        x.sqrt().sum().backward(); show(x.grad)
        with torch.autograd.set_detect_anomaly(True): err(lambda: (x.sqrt() * 2).sum().backward())
        with torch.autograd.set_detect_anomaly(True, check_nan=False): x.grad = None; x.sqrt().sum().backward(); show(x.grad)
        torch.autograd.set_detect_anomaly(False)
    ''')


def test_checkpoint():
    same(r'''
        from_u = torch.utils.checkpoint.checkpoint
        x = torch.tensor([1., 2.], requires_grad=True); w = torch.tensor([3., 4.], requires_grad=True)
        def block(a, b): show('run'); return (a * b).sin()
        for re in (True, False):
            y = from_u(block, x, w, use_reentrant=re); y.sum().backward(); show(x.grad, w.grad); x.grad = w.grad = None
        torch.manual_seed(0)
        y = from_u(lambda a: torch.nn.functional.dropout(a * w, 0.5), x, use_reentrant=False)
        show(y.detach())
        y.sum().backward()
        show(x.grad)
        s = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
        for p in s.parameters(): torch.nn.init.constant_(p, 0.5)
        torch.utils.checkpoint.checkpoint_sequential(s, 2, x, use_reentrant=False).sum().backward(); show([p.grad for p in s.parameters()])
    ''')
