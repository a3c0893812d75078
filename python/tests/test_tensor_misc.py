"""Odds and ends of tensors, against torch."""
from snippets import same


def test_multi_grad_hook():
    same(r'''
        x = torch.tensor([1., 2.], requires_grad=True); z = torch.ones(2, requires_grad=True); log = []
        h = torch.autograd.graph.register_multi_grad_hook((x, z), lambda gs: log.append(gs))
        (x * z).sum().backward(); show(log); h.remove(); (x * z).sum().backward(); show(len(log))
    ''')


def test_misc_on_tensors():
    same(r'''
        x = torch.arange(3.)
        show(x.new_tensor([1]), x.tolist(), x.storage_offset(), x.is_inference(), x.grad_fn, x.is_leaf, x._version)
        show(x.clone().requires_grad_().detach().requires_grad, x.requires_grad)
        y = x.clone(); y.set_(x) if False else None
        show(x.view(torch.int32), x.double().view(torch.int64).shape, x.expand(2, 3).is_contiguous(), x.contiguous() is x)
        show(torch.is_tensor(x), torch.is_storage(x) if False else '', x.nelement(), x.T.shape)
        a = torch.ones(2, 3)
        a.resize_(3, 2)
        show(a.shape)
        a.unsqueeze_(0)
        show(a.shape)
        a.squeeze_()
        a.t_()
        show(a.shape)
        a.swapaxes_(0, 1) if False else None
        b = torch.zeros(3); b.copy_(torch.tensor([1, 2, 3])); show(b); b.fill_(2); b.zero_(); show(b); b.add_(torch.tensor(1.5)); show(b)
        show(torch.tensor([1, 2]).add(1.5), torch.tensor([True]) + 1, torch.tensor(5) // 2, -torch.tensor([1, -2]))
        i = torch.tensor([1, 2]); i += 1; show(i); i *= 2; show(i);
        def f():
            global i
            i /= 2
        err(f); show(i)
        x = torch.tensor(5.); x += 1; show(x); x -= 2; x *= 3; x /= 4; x **= 2; x //= 2; x %= 3; show(x)
        show(torch.ones(2).__repr__(), str(torch.ones(1, requires_grad=True) * 2), repr(torch.ones(0)))
        show(bool(torch.tensor([1.])), torch.tensor([3]).item() + 1, torch.ones(1).numpy().item())
        for name in ("abs", "sum", "T", "foo"): show(name, hasattr(torch.ones(1), name))
        err(lambda: torch.ones(1).foo); err(lambda: torch.foo)
        t = torch.ones(2); t.tag = 5; show(t.tag); u = t.view(2); show(hasattr(u, "tag"))
    ''')


def test_item_errors_and_comparisons():
    same(r'''
        show(torch.tensor([1, 2]) == torch.tensor([1, 3]), (torch.tensor([1, 2]) == 1).tolist(), torch.tensor([1.]) != None, torch.tensor(1) == "a")
        err(lambda: torch.ones(2) < "a")
        err(lambda: torch.ones(2) + "a")
        err(lambda: "a" + torch.ones(2))
        err(lambda: torch.ones(2) + None)
        err(lambda: [1] + torch.ones(1))
        err(lambda: torch.ones(2) @ torch.ones(3))
        err(lambda: torch.ones(2) + torch.ones(3))
        err(lambda: torch.add(1, 2))
        err(lambda: torch.ones(2)("a"))
        err(lambda: torch.ones(2) & torch.ones(2))
        err(lambda: torch.ones(2) << 1)
        err(lambda: ~torch.ones(2))
        err(lambda: -torch.tensor(True))
        err(lambda: torch.tensor(True) - torch.tensor(True))
        err(lambda: divmod(torch.tensor(7), 2))
        err(lambda: torch.ones(2).sum(5))
    ''')
