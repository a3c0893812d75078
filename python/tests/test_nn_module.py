"""What Module keeps, how it saves and loads, and what it says when used wrongly."""
import copy
import pickle

import pytest
from nn_oracle import agree, martlet

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.b = nn.BatchNorm1d(3)
        self.c = self.a
        self.register_buffer("keep", torch.arange(3.))
        self.register_buffer("drop", torch.zeros(2), persistent=False)
        self.w = nn.Parameter(torch.ones(2))
        self.l = nn.ModuleList([nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 2), nn.ReLU())])
    def forward(self, x):
        return self.b(self.a(x))
m = Net()
"""


def test_listing():
    agree(NET + """
out = [[n for n, _ in m.named_parameters()], [n for n, _ in m.named_parameters(prefix="p", recurse=False)],
       [n for n, _ in m.named_parameters(remove_duplicate=False)], [n for n, _ in m.named_buffers()],
       [n for n, _ in m.named_modules()], [n for n, _ in m.named_modules(prefix="q", remove_duplicate=False)],
       [n for n, _ in m.named_children()], len(list(m.children())), len(list(m.modules())), len(list(m.buffers())),
       len(list(m.parameters())), list(m.state_dict()), list(m.state_dict(prefix="z.")),
       [type(v).__name__ for v in m.state_dict(keep_vars=True).values()],
       sorted(n for n in dir(m) if n in ("a", "b", "keep", "w", "forward", "0")),
       m.get_submodule("l.1.0"), m.get_parameter("l.0.weight").shape, m.get_buffer("b.running_mean"),
       dict(m.state_dict()._metadata), type(m.state_dict()).__name__]
""")


def test_training_and_gradients():
    agree(NET + """
seen = []
m.apply(lambda k: seen.append(type(k).__name__))
m.eval(); modes = [k.training for k in m.modules()]
m.train(); modes += [k.training for k in m.modules()]
m.requires_grad_(False); flags = [p.requires_grad for p in m.parameters()]
m.requires_grad_(); m(torch.ones(4, 2)).sum().backward()
grads = [p.grad is not None for p in m.parameters()]
m.zero_grad(set_to_none=False); zeros = [None if p.grad is None else p.grad for p in m.parameters()]
m.zero_grad(); out = [seen, modes, flags, grads, zeros, [p.grad for p in m.parameters()]]
""")


def test_conversion():
    agree(NET + """
p = m.a.weight
m.double()
first = [str(v.dtype) for v in m.state_dict().values()] + [m.a.weight is p]
m.to(torch.float32); m.to("cpu"); m.to(torch.device("cpu"), torch.float64); m.to(torch.zeros(1)); m.float(); m.cpu()
out = [first, [str(v.dtype) for v in m.state_dict().values()], m.a.weight is p, m.c is m.a, isinstance(p, nn.Parameter)]
""")


@pytest.mark.parametrize("change", [
    "pass", "del s['w']", "s['extra'] = torch.ones(1)", "s['a.nothing'] = torch.ones(1)", "s['zz.weight'] = torch.ones(1)",
    "s['w'] = torch.ones(3)", "s['w'] = 3", "del s['a.weight']; s['q'] = 1; s['w'] = torch.ones(2, 2); s['l.0.bias'] = torch.ones(4)",
    "s.pop('b.num_batches_tracked')", "s['w'] = torch.full((2,), 5.)", "s['drop'] = torch.ones(2)", "s['a'] = torch.ones(2)",
    "s['w'] = torch.ones(2, dtype=torch.float64)", "s.clear()", "s['l.7.weight'] = torch.ones(2)",
])
@pytest.mark.parametrize("options", ["", "strict=False", "assign=True"])
def test_loading(change, options):
    text = NET + f"""
s = m.state_dict()
{change}
n = Net()
result = n.load_state_dict(s, {options})
out = [repr(result), dict(n.state_dict()), isinstance(n.w, nn.Parameter), result.missing_keys, result.unexpected_keys]
"""
    from nn_oracle import run
    agree(text, raises=isinstance(run("torch", text), tuple))


def test_old_batch_norm_file():
    agree(NET + """
from collections import OrderedDict
s = OrderedDict((k, v) for k, v in m.state_dict().items() if "tracked" not in k)
out = repr(m.load_state_dict(s))
""")


@pytest.mark.parametrize("misuse", [
    "m.a = 3", "m.w = torch.ones(2)", "m.keep = 3", "m.keep = nn.Parameter(torch.ones(1)); m.keep = torch.ones(1)", "m.nothing",
    "del m.nothing", "m.register_parameter('w.x', None)", "m.register_parameter('', None)", "m.register_parameter(3, None)",
    "m.register_parameter('keep', None)", "m.register_parameter('z', torch.ones(1))", "m.register_buffer('w', torch.ones(1))",
    "m.register_buffer('z', 3)", "m.register_buffer('a.b', None)", "m.register_buffer(3, None)", "m.add_module('z', 3)", "m.add_module('w', nn.ReLU())",
    "m.add_module('z.x', nn.ReLU())", "m.add_module('', nn.ReLU())", "m.add_module(3, nn.ReLU())", "m.a = torch.ones(1)", "m.w = nn.ReLU(); m.w = 3",
    "m.register_parameter('z', (m.w * 2))", "m.z = m.w * 2; m.z = m.z * 2; m.register_parameter('y', nn.Parameter(m.w) * 2)",
    "m.train(1)", "m.to(torch.int64)", "m.get_submodule('a.x')", "m.get_submodule('w')", "m.get_parameter('a')", "m.get_parameter('a.z')",
    "m.get_buffer('w')", "m.get_buffer('b.weight')", "m.load_state_dict(3)", "nn.Module()(1)", "nn.Module(3)", "nn.Module(x=3)", "nn.ModuleList([nn.ReLU()])[1]",
    "nn.ModuleList([nn.ReLU()])(1)", "nn.ModuleDict({'a': nn.ReLU()})['b']", "nn.Sequential(nn.ReLU())[1]", "nn.Sequential(3)", "nn.ModuleList([3])",
    "nn.ParameterList([1])(2)", "nn.ParameterDict()(2)", "nn.ParameterList([torch.ones(1)])[1]", "nn.ModuleList().extend(3)", "nn.ModuleDict(3)",
    "nn.ModuleDict([3])", "nn.ModuleDict([(1, 2, 3)])", "nn.Sequential(nn.ReLU()) + 3", "nn.Sequential(nn.ReLU()) * 0", "nn.ParameterDict({3: 4})",
    "nn.Dropout(2)", "nn.Dropout(-0.1)", "nn.Bilinear(0, 1, 1)", "nn.Embedding(3, 2, 7)", "nn.Embedding(3, 2, -7)", "nn.Embedding(3, 2, _weight=torch.ones(2, 2))",
    "nn.Embedding.from_pretrained(torch.ones(3))", "nn.GroupNorm(2, 3)", "nn.Conv2d(3, 4, 1, groups=2)", "nn.Conv2d(4, 3, 1, groups=2)",
    "nn.Conv2d(3, 4, 1, stride=2, padding='same')",
    "nn.ConvTranspose1d(3, 4, 1, padding_mode='reflect')", "nn.Conv1d(3, 4, 1, groups=0)", "nn.MultiheadAttention(5, 2)", "nn.MultiheadAttention(0, 2)",
    "nn.TransformerEncoderLayer(4, 2, activation='tanh')", "nn.LSTM(2, 3, proj_size=3)", "nn.LSTM(2, 0)", "nn.LSTM(2, 3, 0)", "nn.LSTM(2, 3., 1)", "nn.RNN(2, 3, nonlinearity='sin')",
    "nn.GRU(2, 3, dropout=2.)", "nn.Hardtanh(1, 0)", "nn.TripletMarginLoss(margin=0)", "nn.MultiMarginLoss(p=3)", "nn.Unflatten(1, 3)", "nn.Unflatten(1, (2, 'a'))",
    "nn.BatchNorm1d(2)(torch.ones(2, 2, 2, 2))", "nn.BatchNorm2d(2)(torch.ones(2, 2))", "nn.BatchNorm3d(2)(torch.ones(2, 2))", "nn.InstanceNorm1d(2)(torch.ones(2))",
    "nn.Softmax2d()(torch.ones(2))", "nn.ConvTranspose2d(1, 1, 3, stride=2)(torch.ones(1, 1, 4, 4), output_size=(20, 20))",
    "nn.ConvTranspose2d(1, 1, 3, stride=2)(torch.ones(1, 1, 4, 4), output_size=(20, 20, 20))", "nn.Linear(2, 3, 4, 5, 6, 7)", "nn.Linear()",
    "nn.ReLU()(1, 2, 3)", "nn.RNNCell(2, 3)(torch.ones(2, 2, 2))", "nn.RNNCell(2, 3)(torch.ones(2, 4))", "nn.LSTMCell(2, 3)(torch.ones(2, 2), (torch.ones(3, 3), torch.ones(2, 3)))",
    "nn.GRUCell(2, 3)(torch.ones(2, 2), torch.ones(2, 4))", "nn.GRU(2, 3)(torch.ones(4, 1, 3))", "nn.GRU(2, 3)(torch.ones(4))", "nn.LSTM(2, 3)(torch.ones(4))",
    "nn.GRU(2, 3)(torch.ones(4, 1, 2), torch.ones(2, 1, 3))", "nn.LSTM(2, 3)(torch.ones(4, 1, 2), (torch.ones(2, 1, 3), torch.ones(1, 1, 3)))",
    "nn.LSTM(2, 3)(torch.ones(4, 1, 2), (torch.ones(1, 1, 3), torch.ones(1, 1, 4)))", "nn.GRU(2, 3)(torch.ones(4, 2), torch.ones(1, 1, 3))",
    "nn.LSTM(2, 3)(torch.ones(4, 2), (torch.ones(1, 1, 3), torch.ones(1, 1, 3)))",
    "nn.Transformer(4, 2, 1, 1, 8)(torch.ones(2, 3, 4), torch.ones(2, 2, 4))", "nn.Transformer(4, 2, 1, 1, 8)(torch.ones(2, 3, 5), torch.ones(2, 3, 4))",
])
def test_misuse(misuse):
    agree(NET + misuse + "\nout = 0", raises=True)


@pytest.mark.parametrize("misuse", ["nn.Conv2d(3, 4, 1, padding='some')", "nn.Conv2d(3, 4, 1, padding_mode='some')"])
def test_misuse_of_words(misuse):
    """The allowed words are listed; in which order, the two sides leave to their sets."""
    agree(misuse, raises=True, message=False)


@pytest.mark.parametrize("body", [
    "self.w = nn.Parameter(torch.ones(1))", "self.m = nn.ReLU()", "self.register_buffer('b', torch.ones(1))", "self.register_parameter('b', None)",
])
def test_before_init(body):
    agree(f"""
class Net(nn.Module):
    def __init__(self):
        {body}
Net()
out = 0
""", raises=True)


def test_plain_attribute_before_init():
    agree("""
class Net(nn.Module):
    def __init__(self):
        self.x = 3
        super().__init__()
        self.training = False
out = [Net().x, Net().training]
""")


def test_reassignment():
    agree(NET + """
m.a = None
m.w = None
m.keep = None
m.plain = torch.ones(1)
m.plain = nn.Parameter(torch.ones(1))
m.late = 1
m.late = nn.ReLU()
m.b = nn.Parameter(torch.ones(2))
del m.drop
m.extra = nn.Buffer(torch.ones(1), persistent=False)
m.extra2 = nn.Buffer(torch.ones(1))
m.add_module("none", None)
m.register_module("reg", nn.Tanh())
m.set_submodule("l.0", nn.ReLU())
out = [repr(m), list(m.state_dict()), [n for n, _ in m.named_buffers()], m.a, m.w, hasattr(m, "drop"), m.none]
""")


def test_containers():
    agree("""
s = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
t = s[:2]; s[1] = nn.Tanh(); last = s[-1]; del s[0]; s.append(nn.ReLU()); s.insert(0, nn.Sigmoid()); s.extend([nn.GELU()])
popped = s.pop(1)
l = nn.ModuleList([nn.ReLU()]); l += [nn.Tanh()]; l.insert(1, nn.GELU()); l.append(nn.SiLU()); l[0] = nn.ELU(); del l[1]; p2 = l.pop(-1)
d = nn.ModuleDict({"a": nn.ReLU()}); d["b"] = nn.Tanh(); d.update({"c": nn.GELU()}); d.pop("a")
p = nn.ParameterList([torch.ones(1)]); p += [torch.zeros(2)]; p.append(3); p[0] = torch.zeros(1)
q = nn.ParameterDict({"x": torch.ones(1)}); q["y"] = torch.ones(2); q.update({"z": 1}); q.setdefault("w", torch.ones(1)); q.pop("x")
out = [repr(t), repr(s), len(s), last is popped, repr(popped), repr(l), repr(l[1:]), repr(p2), repr(l + nn.ModuleList([nn.ReLU()])), repr(d), list(d), "b" in d,
       list(d.keys()), [k for k, _ in d.items()], len(d), repr(p), len(p), repr(p[1:]), [type(v).__name__ for v in p], repr(q), list(q.keys()), "y" in q,
       repr(q.get("no", 5)), len(q), repr(s + t), repr(t * 2), [n for n, _ in p.named_parameters()], [n for n, _ in q.named_parameters()],
       repr(q | {"n": torch.ones(1)}), repr(q.copy()), isinstance(p[0], nn.Parameter), repr(q.popitem())]
""")


def test_forward_hooks():
    agree("""
log = []
m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
h1 = m.register_forward_pre_hook(lambda mod, args: log.append(("pre", len(args))))
h2 = m.register_forward_hook(lambda mod, args, output: output * 2)
h3 = m[0].register_forward_pre_hook(lambda mod, args, kwargs: ((args[0] + 1,), kwargs), with_kwargs=True)
h4 = m.register_forward_hook(lambda mod, args, output: log.append("first"), prepend=True)
h5 = m[1].register_forward_hook(lambda mod, args, kwargs, output: log.append(sorted(kwargs)), with_kwargs=True)
x = torch.ones(1, 2)
a = m(x)
with h4: pass
h1.remove(); h1.remove(); h2.remove()
b = m(x)
h3.remove(); h5.remove()
c = m(x)
class Bad(nn.Module):
    def forward(self, x): raise KeyError("no")
bad = Bad()
bad.register_forward_hook(lambda mod, args, output: log.append(("always", output)), always_call=True)
try: bad(x)
except KeyError: log.append("raised")
out = [log, a, b, c, len(m._forward_hooks), len(m._forward_pre_hooks)]
""")


def test_backward_hooks():
    agree("""
log = []
m = nn.Linear(2, 2)
n = nn.Sequential(m, nn.Tanh())
n.register_full_backward_hook(lambda mod, gi, go: log.append(("n", [g for g in gi], [g for g in go])))
m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,) if gi[0] is not None else None)
m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,))
x = torch.ones(1, 2, requires_grad=True)
n(x).sum().backward()
first = [x.grad, m.weight.grad]
m.zero_grad()
n(torch.ones(1, 2)).sum().backward()
out = [log, first, m.weight.grad]
""")


def test_global_hooks():
    agree("""
from importlib import import_module
log = []
module = import_module(nn.Module.__module__)
h = module.register_module_forward_hook(lambda mod, args, output: log.append(type(mod).__name__))
nn.Sequential(nn.ReLU(), nn.Tanh())(torch.ones(1))
h.remove()
nn.ReLU()(torch.ones(1))
out = log
""")


def test_state_hooks():
    agree("""
log = []
class Net(nn.Module):
    def __init__(self):
        super().__init__(); self.a = nn.Linear(1, 1); self.k = 0
    def get_extra_state(self): return {"k": self.k}
    def set_extra_state(self, state): self.k = state["k"]
m = Net(); m.k = 5
m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("pre", prefix, keep)))
m.register_state_dict_post_hook(lambda mod, sd, prefix, meta: sd.update(more=1))
s = m.state_dict()
n = Net()
n.register_load_state_dict_pre_hook(lambda mod, sd, prefix, meta, strict, mk, uk, em: sd.pop("more"))
n.register_load_state_dict_post_hook(lambda mod, keys: log.append(repr(keys)))
r = n.load_state_dict(s)
out = [list(s), n.k, log, repr(r)]
""")


def test_copies():
    agree(NET + """
import copy, pickle
m.eval()
d = copy.deepcopy(m)
s = copy.copy(m.a)
d.a.weight.data.fill_(9.)
out = [d.training, d.c is d.a, d.a.weight is m.a.weight, isinstance(d.a.weight, nn.Parameter), d.a.weight, m.a.weight,
       list(d.state_dict()), s.weight is m.a.weight, d.a.weight.requires_grad, copy.deepcopy(nn.Parameter(torch.ones(2), requires_grad=False))]
""", exact=True)


def test_pickle():
    net = martlet.nn.Sequential(martlet.nn.Linear(2, 3), martlet.nn.BatchNorm1d(3), martlet.nn.ReflectionPad1d(1))
    back = pickle.loads(pickle.dumps(net))
    assert repr(back) == repr(net)
    assert {k: v.tolist() for k, v in back.state_dict().items()} == {k: v.tolist() for k, v in net.state_dict().items()}
    assert all(isinstance(p, martlet.nn.Parameter) and p.requires_grad for p in back.parameters())
    param = pickle.loads(pickle.dumps(martlet.nn.Parameter(martlet.ones(2), requires_grad=False)))
    assert isinstance(param, martlet.nn.Parameter) and not param.requires_grad


def test_deepcopy_keeps_hooks_apart():
    m = martlet.nn.ReLU()
    seen = []
    m.register_forward_hook(lambda *a: seen.append(1))
    n = copy.deepcopy(m)
    n._forward_hooks.clear()
    m(martlet.ones(1))
    n(martlet.ones(1))
    assert seen == [1]


def test_functional_weights():
    """A parameter may give its place to a computed tensor; the layers see it."""
    agree("""
m = nn.Linear(2, 1)
w = m.weight
del m.weight
m.weight = w * 2
y = m(torch.ones(1, 2)).sum()
y.backward()
n = nn.LayerNorm(2)
g = n.weight
del n.weight
n.weight = g * 3
out = [w.grad, y, n(torch.tensor([[1., 2.]])), "weight" in dict(m.named_parameters())]
""")


def test_functional_call():
    agree("""
from importlib import import_module
call = import_module(torch.__name__ + ".func").functional_call
m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
given = {k: torch.ones_like(v) for k, v in m.named_parameters()}
x = torch.tensor([[1., 2.], [3., 5.]])
y = call(m, given, (x,))
z = call(m, (given, dict(m.named_buffers())), x)
m.eval()
out = [y, z, m(x).shape, isinstance(m[0].weight, nn.Parameter), m[0].weight]
""")
    agree("""
from importlib import import_module
call = import_module(torch.__name__ + ".func").functional_call
m = nn.Linear(1, 1)
out = [call(m, {"nothing": torch.ones(1), "weight": torch.ones(1, 1), "bias": torch.ones(1)}, (torch.ones(1),)), hasattr(m, "nothing")]
""")
    agree("""
from importlib import import_module
call = import_module(torch.__name__ + ".func").functional_call
call(nn.Linear(1, 1), {"weight": torch.ones(1, 1)}, (torch.ones(1),), strict=True)
""", raises=True, message=False)
