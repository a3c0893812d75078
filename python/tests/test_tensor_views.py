"""Views: what they share, their strides, and what bad ones and bad assignments get, against torch."""
from snippets import same


def test_views_of_all_kinds_share_memory():
    same(r'''
        x = torch.arange(24.).reshape(2, 3, 4)
        ops = [lambda t: t.view(6, 4), lambda t: t.reshape(3, 8), lambda t: t.permute(2, 0, 1), lambda t: t.transpose(0, 2), lambda t: t[1], lambda t: t[:, 1:], lambda t: t[..., ::2], lambda t: t.unsqueeze(1), lambda t: t.squeeze(), lambda t: t.expand(5, 2, 3, 4), lambda t: t.select(1, 2), lambda t: t.narrow(2, 1, 2), lambda t: t.diagonal(0, 1, 2), lambda t: t.unfold(2, 2, 1), lambda t: t.as_strided((2, 2), (1, 5), 3), lambda t: t.flatten(1), lambda t: t.flatten(), lambda t: t.movedim(0, 2), lambda t: t.swapaxes(0, 1), lambda t: t.mT, lambda t: t.view_as(torch.ones(24)), lambda t: t.unflatten(2, (2, 2)), lambda t: t.chunk(2, 2)[1], lambda t: t.split([1, 2], 1)[1], lambda t: t.unbind(1)[2], lambda t: t.ravel(), lambda t: t.contiguous(), lambda t: t.permute(1, 0, 2).reshape(-1), lambda t: t.permute(1, 0, 2).contiguous(), lambda t: t.T if False else t.mT.flatten(0, 1), lambda t: t.view(torch.int32), lambda t: t.detach(), lambda t: t.expand_as(torch.ones(2, 3, 4)), lambda t: t.tensor_split(2, 1)[0], lambda t: t.view(-1)[3:9].view(2, 3), lambda t: t[None, :, None], lambda t: t.adjoint(), lambda t: t.clone().t() if t.dim() < 3 else t, lambda t: t.broadcast_to(2, 2, 3, 4)]
        for i, f in enumerate(ops):
            v = f(x); show(i, tuple(v.shape), v.stride(), v.storage_offset(), v.untyped_storage().data_ptr() == x.untyped_storage().data_ptr(), v.is_contiguous(), v._is_view())
    ''')


def test_view_errors():
    same(r'''
        x = torch.arange(6.).reshape(2, 3)
        for f in [lambda: x.view(4), lambda: x.t().view(6), lambda: x.view(-1, -1), lambda: x.view(-2, 3), lambda: x.reshape(5), lambda: x.permute(0), lambda: x.permute(0, 0), lambda: x.permute(0, 2), lambda: x.transpose(0, 2), lambda: x.expand(3, 3), lambda: x.expand(3), lambda: x.expand(-1, 2, 3), lambda: x.select(0, 2), lambda: x.select(2, 0), lambda: x.narrow(0, 1, 2), lambda: x.narrow(0, 3, 1), lambda: x.unsqueeze(3), lambda: x.squeeze(2), lambda: x.diagonal(0, 0, 0), lambda: x.unfold(0, 3, 1), lambda: x.unfold(0, 1, 0), lambda: x.split(-1), lambda: x.split(0), lambda: x.split([1, 2]), lambda: x.chunk(0), lambda: torch.tensor(1).unbind(), lambda: torch.tensor(1).split(1), lambda: x.flatten(1, 0), lambda: x.view(0, -1), lambda: torch.zeros(0, 3).view(-1, 0), lambda: torch.ones(2, 2, 2).t(), lambda: x.unflatten(1, (2, 2)), lambda: x[3], lambda: x[0, 3], lambda: x[0, 0, 0], lambda: x["a"], lambda: x[1.5], lambda: x[::-1], lambda: x[::0], lambda: x[torch.tensor([5])], lambda: x[torch.tensor([True, False, True])], lambda: x[[0, 1, 2], [0, 1]], lambda: x[torch.ones(2)], lambda: torch.tensor(1.)[0], lambda: torch.tensor(1.)[:]]: err(f)
    ''')


def test_assignment_errors():
    same(r'''
        x = torch.zeros(2, 3)
        def put(k, v):
            def f(): x[k] = v
            return f
        for k, v in [(0, torch.ones(4)), (slice(None), torch.ones(3, 3)), (5, 1.), ((0, 0), torch.ones(2)), (0, "a"), (0, None), (0, [1, 2, 3]), (torch.tensor([0, 1]), torch.ones(3, 3)), (torch.tensor([0]), torch.ones(2, dtype=torch.long)), (torch.tensor([7]), 1.), (0, torch.ones(1, 3)), (0, torch.ones(3, dtype=torch.long)), (0, 3), (x > 1, 2.), (x < 1, torch.ones(5)), ((0, slice(1, None)), True), (0, object())]: err(put(k, v))
        show(x)
        i = torch.zeros(3, dtype=torch.long)
        i[0] = 2.7
        show(i)
        i[1] = torch.tensor(3.9)
        show(i)
        b = torch.zeros(2, dtype=torch.bool)
        b[0] = 5
        show(b)
    ''')


def test_as_strided_in_place_changes_the_number_of_elements():
    same(r'''
        x = torch.arange(6.)
        x.as_strided_((2,), (2,))
        show(x, x.numel(), x.sum(), x.mul_(2), x + 1, x.nbytes)
        y = torch.arange(6.).reshape(2, 3).t().as_strided_((2 ** 40,), (0,))
        show(y.numel(), y.shape, y[5], y[-1])
        z = torch.ones(2, 3).as_strided_((0,), (1,), 2 ** 62)
        show(z, z.numel(), z.storage_offset(), z.exp())
        err(lambda: z.resize_(2))
    ''')
