"""Promotion, casts, half types, copies, pickles and files, against torch."""
from snippets import same


def test_promotion_of_all_pairs():
    same(r'''
        names = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16"]
        for a in names:
            for b in names:
                A, B = getattr(torch, a), getattr(torch, b)
                x, y, x0, y0 = torch.ones(2, dtype=A), torch.ones(2, dtype=B), torch.tensor(1, dtype=A), torch.tensor(1, dtype=B)
                show(a, b, (x + y).dtype, (x + y0).dtype, (x0 + y).dtype, (x0 + y0).dtype, torch.result_type(x, y0), torch.promote_types(A, B), torch.can_cast(A, B), (x / y).dtype, (x == y0).dtype, torch.where(x.bool(), x, y).dtype, torch.cat([x, y]).dtype)
    ''')


def test_promotion_with_numbers():
    same(r'''
        names = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16"]
        for a in names:
            for x in (torch.ones(2, dtype=getattr(torch, a)), torch.tensor(1, dtype=getattr(torch, a))):
                for n in (True, 2, 2.5):
                    show(a, (x + n).dtype, (n * x).dtype, (x / n).dtype, (x ** n).dtype, torch.result_type(x, n), (x > n).dtype, (x // n).dtype if n is not True else '', torch.full_like(x, n).dtype)
                show(x.sum().dtype, x.float().mean().dtype, x.cumsum(0).dtype, x.prod().dtype, x.any().dtype, x.abs().dtype if a != 'bool' else '', x.sqrt().dtype, x.exp().dtype)
        torch.set_default_dtype(torch.float64)
        show(torch.ones(1).dtype, torch.tensor(1.).dtype, (torch.tensor(1) + 1.5).dtype, (torch.tensor([1]) / 2).dtype, torch.arange(1.).dtype)
        torch.set_default_dtype(torch.float32)
    ''')


def test_casts_out_of_range():
    """What an integer cannot hold becomes what x86 makes of it, at every length of a vector."""
    same(r'''
        values = [float('inf'), float('-inf'), float('nan'), 3e9, -3e9, 3000000263., 1e19, -1e19, -9.25e18, 2147483648., -2147483649., -2147483648.9, 40000., -40000., 300., -300., 200., -129., 4294967301., -1.5]
        for s in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
            for d in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
                t = torch.tensor(values, dtype=torch.float64).to(s)
                show(s, d, t.to(d).tolist(), t[0].to(d), torch.stack([t, t], 1)[:, 0].to(d).tolist(), torch.zeros(len(values), dtype=d).copy_(t).tolist())
                for n in range(1, 41):
                    assert t[0].repeat(n).to(d).tolist() == [t[0].to(d).item()] * n
        show(torch.tensor(float('inf')).int(), torch.tensor(float('nan')).long(), torch.tensor(1e10).short(), torch.tensor(-1.0).byte())
    ''')


def test_casts():
    same(r'''
        import math
        values = [0., 1., -1., 0.5, 1.5, 2.5, -2.7, 65504., 65520., 1e-8, 3.4e38, float('inf'), float('-inf'), 127., 255., 1e-40, 100000.]
        t = torch.tensor(values, dtype=torch.float64)
        for d in (torch.float32, torch.float16, torch.bfloat16, torch.bool):
            show(t.to(d), t.to(d).to(torch.float64).tolist())
        small = torch.tensor([0., 1., -1., 0.5, 1.5, 2.5, -2.7, 100., -100.])
        for s in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64):
            for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool):
                show(s, d, small.to(s).to(d).tolist())
        i = torch.tensor([0, 1, -1, 127, 128, 255, 256, -129, 2**31, 2**40, -2**63, 2**53 + 1])
        for d in (torch.int8, torch.uint8, torch.int16, torch.int32, torch.float32, torch.float64, torch.bool): show(i.to(d).tolist())
        show(i.half().tolist()[:7], i.bfloat16().tolist()[:7])
    ''')


def test_halves():
    same(r'''
        x = torch.arange(6, dtype=torch.float16).reshape(2, 3); y = torch.arange(6, dtype=torch.bfloat16)
        show(x, y, x + 1, (x * 0.1), y * 0.1, x.sum(), x @ x.t(), x.mean(), y.view(2, 3).sum(0), x.tolist(), y.tolist(), x[0, 1].item(), x.clone().t(), x.exp(), -x, x > 2)
        x.requires_grad_(); (x * x).sum().backward(); show(x.grad)
    ''')


def test_copies():
    same(r'''
        import copy, pickle
        x = torch.arange(6.).reshape(2, 3)
        y = copy.copy(x)
        z = copy.deepcopy(x)
        show(y.data_ptr() == x.data_ptr(), z.data_ptr() == x.data_ptr(), z)
        v = x.t(); w = copy.deepcopy(v); show(w.stride(), w)
        a, b = copy.deepcopy([x, x[0]]); a[0, 0] = 9; show(a, b)
        p = torch.nn.Parameter(torch.ones(2))
        p.grad = torch.ones(2)
        q = copy.deepcopy(p)
        show(q, q.grad, q.requires_grad, type(q).__name__, q.grad is p.grad)
        err(lambda: copy.deepcopy(p * 2)); show(copy.copy(p * 2).requires_grad)
        l = copy.deepcopy({'a': p, 'b': p}); show(l['a'] is l['b'])
        t = torch.ones(2); t.note = [1]; u = copy.deepcopy(t); show(u.note, u.note is t.note)
        for d in (torch.float32, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.float16, torch.bfloat16):
            t = torch.tensor([[0, 1], [2, 3]], dtype=d); show(pickle.loads(pickle.dumps(t)), pickle.loads(pickle.dumps(t.t(), 2)).stride())
        r = pickle.loads(pickle.dumps(torch.ones(2, requires_grad=True)))
        show(r, r.is_leaf)
        r = pickle.loads(pickle.dumps(p))
        show(r, type(r).__name__)
        show(pickle.loads(pickle.dumps(torch.zeros(0, 3))).shape, pickle.loads(pickle.dumps(torch.tensor(3))), pickle.loads(pickle.dumps([torch.float32, torch.Size([1, 2]), torch.device('cpu')])))
        s = torch.sparse_coo_tensor([[0, 1]], [1., 2.], (3,)); show(pickle.loads(pickle.dumps(s)).to_dense(), copy.deepcopy(s).to_dense())
        e = torch.ones(2, 1).expand(2, 3); show(copy.deepcopy(e).stride(), pickle.loads(pickle.dumps(e)))
    ''')


def test_saving():
    same(r'''
        import io, collections
        def through(obj, **k):
            f = io.BytesIO(); torch.save(obj, f); f.seek(0); return torch.load(f, **k)
        x = torch.arange(6.).reshape(2, 3)
        show(through(x), through({'a': [x, 1, None, 'b', 2.5, (True, x.t())], 'n': {1: 2}}), through(x[1:, 1:]), through(torch.tensor(3)), through(torch.zeros(0)).shape)
        a, b = through([x, x[0]]); a[0, 0] = 9; show(b, a.stride())
        m = torch.nn.Linear(2, 3)
        torch.nn.init.ones_(m.weight)
        torch.nn.init.zeros_(m.bias)
        s = through(m.state_dict())
        show(s, type(s))
        m.load_state_dict(s)
        p = through(m.weight); show(p, type(p).__name__, p.requires_grad)
        for d in (torch.float64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.float16, torch.bfloat16): show(through(torch.tensor([0, 1, 2], dtype=d)))
        show(through(torch.ones(2, requires_grad=True)), through(torch.Size([1, 2])), through(torch.float32), through(torch.device('cpu')), through(collections.OrderedDict(a=1)), through(torch.ones(2).half()))
        class Mine: pass
        o = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9); m(torch.ones(1, 2)).sum().backward(); o.step(); show(through(o.state_dict()))
    ''')
