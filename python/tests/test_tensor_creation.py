"""Tensors from Python and NumPy data, back to them, and their plain facts, against torch."""
from snippets import same


def test_tensor_from_data():
    same(r'''
        for d in [1, 1.5, True, [1, 2], [1, 2.5], [True, False], [True, 2], [[1, 2], [3, 4]], [], [[]], [[], []], (1, 2), ((1.,), [2]), [[[1]]], range(3) if False else [0], float('inf'), float('nan'), -0.0, [1e40], 2**40]:
            t = torch.tensor(d); show(d, t, t.dtype, t.shape)
        err(lambda: torch.tensor([[1, 2], [3]]))
        err(lambda: torch.tensor([[1, 2], 3]))
        err(lambda: torch.tensor([1, [2]]))
        err(lambda: torch.tensor([[1], [2, 3]]))
        err(lambda: torch.tensor("a"))
        err(lambda: torch.tensor(["a"]))
        err(lambda: torch.tensor(None))
        err(lambda: torch.tensor([None]))
        err(lambda: torch.tensor({1: 2}))
        err(lambda: torch.tensor([1, "a"]))
        err(lambda: torch.tensor([[1,2],[3,"x"]]))
        err(lambda: torch.tensor(object())); err(lambda: torch.tensor([object()])); err(lambda: torch.tensor({1})); err(lambda: torch.tensor())
        err(lambda: torch.tensor(2**70))
        err(lambda: torch.tensor([2**63]))
        err(lambda: torch.tensor(300, dtype=torch.uint8))
        err(lambda: torch.tensor(-1, dtype=torch.uint8))
        err(lambda: torch.tensor(200, dtype=torch.int8))
        err(lambda: torch.tensor(40000, dtype=torch.int16))
        err(lambda: torch.tensor(2**31, dtype=torch.int32))
        err(lambda: torch.tensor([-129], dtype=torch.int8))
        err(lambda: torch.tensor(-256, dtype=torch.uint8))
        err(lambda: torch.tensor(1e40, dtype=torch.float32))
        err(lambda: torch.tensor(1e6, dtype=torch.float16))
        err(lambda: torch.tensor(float('nan'), dtype=torch.int64))
        err(lambda: torch.tensor(float('inf'), dtype=torch.int32))
        err(lambda: torch.tensor(1.7, dtype=torch.int32))
        err(lambda: torch.tensor([-1.7], dtype=torch.int64))
        err(lambda: torch.tensor(-1.5, dtype=torch.uint8))
        err(lambda: torch.tensor(3, dtype=torch.bool))
        err(lambda: torch.tensor([0.0, 0.5], dtype=torch.bool))
        err(lambda: torch.tensor(float('nan'), dtype=torch.bool))
        err(lambda: torch.tensor(2**70, dtype=torch.float32))
        err(lambda: torch.tensor([2**64], dtype=torch.float64))
        err(lambda: torch.tensor(-2**63))
        for dt in [torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8, torch.int16, torch.bool, torch.int32]:
            t = torch.tensor([[0, 1], [2, 3]], dtype=dt); show(t, t.type(), t.element_size(), t.nbytes)
        show(torch.tensor([torch.tensor(1), torch.tensor(2)]), torch.tensor([torch.tensor(1.5), 2]))
        err(lambda: torch.tensor([torch.ones(2), torch.ones(2)]))
        err(lambda: torch.tensor([torch.ones(1), torch.ones(1)]))
        show(torch.tensor([[torch.tensor(1.)]]))
        show(torch.tensor(torch.tensor([1, 2]))); show(torch.tensor([1,2], dtype=float), torch.tensor([1.5], dtype=int))
        show(torch.as_tensor([1,2]), torch.as_tensor(3.0))
        t = torch.ones(2)
        show(torch.as_tensor(t) is t, torch.as_tensor(t, dtype=torch.int64), torch.asarray(t) is t, torch.asarray([1., 2.]))
        show(torch.tensor([1.], requires_grad=True))
        show(torch.Tensor([1, 2]), torch.Tensor(2, 3).shape, torch.LongTensor([1, 2]), torch.FloatTensor(2).shape, torch.Tensor().shape, torch.ByteTensor([1]), torch.BoolTensor([True]), torch.DoubleTensor([[1]]), torch.IntTensor(), torch.HalfTensor([1]))
        err(lambda: torch.LongTensor([1.5]))
        err(lambda: torch.Tensor("a"))
        err(lambda: torch.LongTensor(2.5))
        show(torch.Tensor(torch.ones(2)))
        show(isinstance(torch.ones(1), torch.FloatTensor), isinstance(torch.ones(1), torch.LongTensor), torch.FloatTensor)
        show(torch.scalar_tensor(3), torch.full((2,), 3), torch.full((2,), 3.), torch.full((2,), True), torch.full((), 5), torch.ones(2).new_tensor([1, 2]), torch.ones(2).new_full((2,), 3), torch.ones(2, dtype=torch.int32).new_zeros(2), torch.ones(1).new_empty((0,)), torch.ones(2).new_ones((1, 1), dtype=torch.bool), torch.zeros(2, 3).new(4).shape)
        err(lambda: torch.zeros(2.5))
        err(lambda: torch.zeros("a"))
        show(torch.zeros(()), torch.zeros(0), torch.zeros((2, 0)), torch.zeros(*[1, 2]), torch.zeros(torch.Size([1])))
        err(lambda: torch.zeros(10**10, 10**10))
        err(lambda: torch.zeros(2, dtype="float"))
        err(lambda: torch.ones(3, foo=1))
        show(torch.arange(5), torch.arange(1, 2, 0.25), torch.arange(5, 0, -2), torch.arange(0.5), torch.linspace(0, 1, 5), torch.logspace(0, 2, 3), torch.eye(2), torch.eye(2, 3), torch.tril_indices(2, 2), torch.full_like(torch.ones(2), 3), torch.zeros_like(torch.ones(2), dtype=torch.long))
        err(lambda: torch.arange(0, 5, -1))
        err(lambda: torch.arange(0, 5, 0))
        err(lambda: torch.linspace(0, 1, -1))
        err(lambda: torch.eye(-1))
    ''')


def test_numpy():
    same(r'''
        import numpy as np
        a = np.arange(6).reshape(2, 3); t = torch.from_numpy(a); t[0, 0] = 9; show(a, t, t.dtype); a[1, 1] = 7; show(t)
        for dt in [np.float32, np.float64, np.float16, np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_]:
            t = torch.from_numpy(np.ones(2, dt)); show(t.dtype, t.numpy().dtype, torch.tensor(np.ones(2, dt)).dtype, torch.as_tensor(dt(1)).dtype, torch.tensor(dt(1)), torch.tensor([dt(1), dt(0)]).dtype)
        err(lambda: torch.from_numpy(np.ones(2, np.complex64)) if False else torch.from_numpy(np.array(["a"])))
        err(lambda: torch.from_numpy([1]))
        err(lambda: torch.from_numpy(np.ones(2)[::-1]))
        err(lambda: torch.from_numpy(np.array([object()])))
        err(lambda: torch.tensor(np.array([object()])))
        show(torch.from_numpy(a.T).stride(), torch.from_numpy(a[:, ::2]), torch.from_numpy(np.array(3.5)), torch.from_numpy(np.zeros((0, 2))).shape, torch.from_numpy(np.broadcast_to(np.float32(1), (2,2)).copy()))
        err(lambda: torch.from_numpy(np.ones(2, '>f4')))
        x = torch.ones(2, 3)
        n = x.numpy()
        n[0, 0] = 5
        show(x, n.strides, x.t().numpy().strides, type(n))
        err(lambda: torch.ones(2, requires_grad=True).numpy())
        show(torch.ones(2, requires_grad=True).numpy(force=True), torch.ones(2, requires_grad=True).detach().numpy())
        err(lambda: torch.ones(2, dtype=torch.bfloat16).numpy())
        show(np.asarray(x), np.array(x), np.array(x, dtype=np.int32), np.sum(x.numpy()), np.asarray(torch.tensor(3)), float(np.float32(2) * torch.tensor(2.)))
        show(np.ones(2) + torch.ones(2).numpy(), torch.ones(2) + torch.from_numpy(np.ones(2)), (torch.ones(2) * np.float64(2)).dtype, (np.float64(2) * torch.ones(2)).dtype, (torch.ones(2) + np.array(2.)).dtype if False else '')
        show(np.sqrt(torch.tensor([4., 9.])), np.mean(torch.ones(3).numpy()), np.stack([torch.ones(2), torch.zeros(2)]), np.array([torch.tensor(1.), torch.tensor(2.)]))
        err(lambda: np.asarray(torch.ones(2, requires_grad=True)))
        show(torch.zeros(2, 0).numpy().shape, torch.tensor(True).numpy(), torch.tensor([1.5], dtype=torch.half).numpy())
        t = torch.ones(3); m = t.numpy(); del t; import gc; gc.collect(); show(m.sum())
        b = np.ones(3); t = torch.from_numpy(b); del b; gc.collect(); show(t.sum())
        show(torch.tensor([np.array([1,2]), np.array([3,4])]))
        show(torch.tensor([np.float32(1.5), 2.5]).dtype, torch.tensor([1, np.float64(2)]).dtype)
        show(np.allclose(torch.ones(2), np.ones(2)), torch.ones(2).__array__().dtype, torch.ones(2).__array__(np.float64).dtype)
        x = torch.arange(4.)
        x[1:3] = torch.from_numpy(np.array([8, 9]))
        show(x)
        x[np.array([0, 3])] = 1
        show(x, x[np.array([True, False, True, False])], x[np.int64(2)], x[np.array(1)])
    ''')


def test_dlpack():
    same(r'''
        import numpy as np
        x = torch.arange(4.)
        y = torch.from_dlpack(x)
        y[0] = 7
        show(x, y)
        n = np.from_dlpack(torch.arange(3))
        show(n, n.dtype)
        z = torch.from_dlpack(np.arange(3.))
        show(z)
        show(x.__dlpack_device__())
        err(lambda: torch.from_dlpack(torch.ones(1, requires_grad=True)))
        a = np.arange(4.)
        z = torch.from_dlpack(a)
        a[0] = 5
        show(z)
        show(torch.from_dlpack(torch.ones(2, 3).t()).stride())
        from_d = torch.utils.dlpack.from_dlpack if False else None
    ''')


def test_scalars():
    same(r'''
        t = torch.tensor(3)
        f = torch.tensor(2.5)
        show(t.item(), f.item(), int(t), float(t), int(f), bool(f), bool(torch.tensor(0)), [1,2,3,4][t], torch.tensor([7]).item(), torch.tensor(True).item(), range(t)[-1] if True else 0)
        err(lambda: torch.ones(2).item())
        err(lambda: int(torch.ones(2)))
        err(lambda: float(torch.ones(2)))
        err(lambda: bool(torch.ones(2)))
        err(lambda: bool(torch.ones(0)))
        err(lambda: [1, 2][torch.tensor(1.)])
        err(lambda: [1,2][torch.tensor([1,2])])
        err(lambda: torch.ones(0).item())
        err(lambda: len(t))
        err(lambda: iter(t))
        err(lambda: list(t))
        err(lambda: int(torch.tensor(float('nan'))))
        err(lambda: int(torch.tensor(float('inf'))))
        show(torch.arange(4).tolist(), torch.ones(2, 2).tolist(), torch.tensor(1.5).tolist(), torch.zeros(0).tolist(), torch.zeros(2, 0).tolist(), torch.zeros(0, 2).tolist(), torch.tensor([True]).tolist(), torch.tensor([0.1]).tolist(), torch.tensor([0.1], dtype=torch.half).tolist(), torch.zeros(2,0,3).tolist(), torch.tensor([[1,2],[3,4]]).t().tolist())
        show(len(torch.ones(3, 2)), [r for r in torch.eye(2)], 1 in torch.tensor([1, 2]), 5 in torch.tensor([1, 2]), torch.tensor(1) in torch.tensor([1]), f"{t}", f"{f:.3f}", f"{t:5d}", f"{torch.ones(2)}", "%d %.2f" % (t, f), format(f, '.1e'), str(t), repr(f))
        err(lambda: "{:.2f}".format(torch.ones(2)))
        err(lambda: "a" in torch.ones(1))
        err(lambda: None in torch.ones(1))
        err(lambda: [1] in torch.ones(1))
        show(list(reversed(torch.arange(3))), round(torch.tensor(2.567), ndigits=1) if False else '', abs(torch.tensor(-2)), -t, +t, ~torch.tensor(True), t ** 2, 2 ** t, t // 2, 7 % t, divmod(7, 2), t << 1, t & 1, t | 4, t ^ 1, 1 - t, 2 / f, 5 // t)
        import math, operator
        show(math.sqrt(f), math.floor(f) if False else '', operator.index(t), complex(f), hash(t) == id(t), t == 3, t != 3, t is not None, t == None, t == "a", (torch.ones(2) == [1, 1]) if False else '')
        a, b = torch.tensor([1, 2])
        show(a, b)
        x, *r = torch.arange(3)
        show(r)
        show(max(torch.tensor([3, 9, 2])), sum(torch.arange(4)), sorted(torch.tensor([3, 1, 2])), min(torch.tensor(2), torch.tensor(1)), any(torch.tensor([0, 1])), all(torch.tensor([0, 1])))
        show({t: 1}[t], t.__len__ is not None, bool(torch.tensor([[1]])), torch.tensor(5) if torch.tensor(5) > 3 else 0, torch.is_tensor(t), isinstance(t, torch.Tensor))
        d = {}
        d[t] = 2
        show(d[t])
        show(torch.tensor(3.7).long(), torch.tensor(-3.7).int(), torch.tensor([300]).byte(), torch.tensor([-1]).byte(), torch.tensor([1e10]).int() if False else '', torch.tensor([2.]).bool(), torch.tensor([1.1]).half(), torch.tensor([1.1]).bfloat16(), torch.tensor([70000.]).half(), torch.tensor([200]).char(), torch.tensor([70000]).short(), torch.tensor([True]).float(), torch.tensor([1.5]).double())
    ''')


def test_facts():
    same(r'''
        x = torch.zeros(2, 3)
        show(x.shape, x.size(), x.size(0), x.size(-1), x.dim(), x.ndim, x.numel(), x.nelement(), x.stride(), x.stride(1), x.storage_offset(), x.is_contiguous(), x.t().is_contiguous(), x.dtype, x.device, x.layout, x.itemsize, x.is_cuda, x.requires_grad, x.names if False else '', x[1].storage_offset(), x.element_size())
        err(lambda: x.size(2))
        err(lambda: x.stride(5))
        show(x.shape[0], x.shape[-1], len(x.shape), x.shape + (1,), tuple(x.shape), x.shape == (2, 3), torch.Size([1, 2]).numel(), x.shape[1:], str(x.shape), list(x.shape), x.shape.numel(), hash(x.shape) == hash((2, 3)), (1,) + x.shape, x.shape * 2, torch.Size((2,)) + torch.Size((3,)))
        show(x.type(), x.type(torch.int64).dtype, x.type("torch.DoubleTensor").dtype, x.type(torch.LongTensor).dtype, x.to(torch.int8).dtype, x.to("cpu") is x, x.to(torch.float32) is x, x.to(torch.float32, copy=True) is x, x.to(torch.ones(1, dtype=torch.half)).dtype, x.to("cpu", torch.float64).dtype, x.to(device="cpu", dtype=torch.int16).dtype, x.float() is x, x.cpu() is x, x.type_as(torch.ones(1, dtype=torch.int32)).dtype, x.to(torch.device("cpu")) is x, x.to(dtype=torch.float64, copy=False).dtype)
        err(lambda: x.to("foo"))
        err(lambda: x.type("foo"))
        err(lambda: x.to())
        show(torch.float32, torch.float, torch.long, torch.int64 is torch.long, torch.half, torch.float32.is_floating_point, torch.int8.itemsize, torch.finfo(torch.float32).eps, torch.iinfo(torch.int8).max, torch.finfo(torch.float16), torch.iinfo(torch.uint8), torch.get_default_dtype(), torch.device("cpu"), repr(torch.device("cpu")), torch.strided, torch.float64.to_complex if False else '')
        show(torch.is_floating_point(x), x.is_floating_point(), x.is_signed(), torch.ones(1, dtype=torch.uint8).is_signed(), x.is_complex(), x.is_same_size(torch.ones(2, 3)), torch.numel(x), x.data_ptr() == x.view(6).data_ptr(), x.untyped_storage().nbytes(), x.untyped_storage().data_ptr() == x.data_ptr(), x.untyped_storage().size(), len(x.untyped_storage()), x[1].untyped_storage().nbytes(), x.storage().size() if False else '', x.get_device(), x.is_pinned() if False else '', x.is_set_to(x), x.data.is_set_to(x) if False else '')
        show(torch.equal(torch.ones(2), torch.ones(2)), torch.equal(torch.ones(2), torch.ones(3)), torch.allclose(torch.ones(2), torch.ones(2) + 1e-9), torch.ones(2).equal(torch.zeros(2)), torch.isclose(torch.ones(1), torch.ones(1)))
    ''')


def test_triangle_indices():
    same(r'''
        for rows in (0, 1, 2, 5):
            for columns in (0, 1, 3, 4):
                for offset in (-2 ** 62, -7, -5, -4, -3, -1, 0, 1, 2, 3, 4, 9, 2 ** 62):
                    show(rows, columns, offset, torch.tril_indices(rows, columns, offset).tolist(), torch.triu_indices(rows, columns, offset).tolist())
        show(torch.tril_indices(2 ** 40, 2 ** 40, 2 - 2 ** 40), torch.triu_indices(2 ** 40, 2 ** 40, 2 ** 40 - 2), torch.triu_indices(2 ** 32, 1))
        show(torch.triu_indices(2 ** 40, 0).shape, torch.tril_indices(0, 2 ** 40).shape, torch.tril_indices(9, 9, dtype=torch.int32).dtype)
    ''')
