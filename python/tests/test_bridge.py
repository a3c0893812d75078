"""The two doors to the library, ctypes and the stable ABI, give the same results, types and error texts."""
import json
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CALLS = """
a + b; a - 2.0; 2 - a; a * True; 1.5 * a; a / b; 2 / a; -a; a ** 2; 2 ** a; a // 2; a % 2; a @ a.t(); abs(a); a == b; a < 2; a >= b; n + 1; n + 1.5; n / 2
a + 2 ** 70; a + float('inf'); a - -0.0; a * float('nan')
torch.add(a, b); torch.add(a, b, alpha=2); torch.add(input=a, other=b); a.add(other=1); torch.add(a, b, out=torch.empty(2, 3)); a.add_(1); a.mul_(b)
torch.add(1, 2); torch.mul(2.5, 3); torch.pow(2, 3); torch.maximum(1, 2); torch.add(a); torch.add(a, b, 1); torch.add(a, 'x'); torch.add('x', a); torch.add(a, b, beta=1)
a + 'x'; 'x' + a; a + None; a + [1]; a @ 2; a @ None; a + torch.ones(5); a.mm(a); torch.mm(a, 3); torch.mm(input=a, mat2=a.t()); a.matmul(a)
a.sum(); a.sum(0); a.sum((0, 1)); a.sum([1], True); a.sum(dim=-1, keepdim=True); a.sum(axis=0); a.sum(1, dtype=torch.float64); a.sum(7); a.sum('x'); a.sum(dim=1.0); a.sum(True)
a.mean(); n.mean(); a.mean(1); a.sum(0, 1); a.sum(0, keepdims=True); torch.sum(a, 0); a.sum(dtype=3)
a.view(6); a.view(3, 2); a.view((3, 2)); a.view([3, -1]); a.view(torch.Size([6])); a.view(4); a.view(); a.view('x'); a.view(3.0); a.view(size=(6,)); a.view(torch.int32)
a.reshape(6); a.reshape((3, 2)); a.reshape(shape=(3, 2)); a.reshape(torch.tensor(6)); a.reshape(7); a.reshape(2 ** 40, 2 ** 40); a.permute(1, 0); a.permute((1, 0)); a.expand(4, 2, 3)
a.t(); a.transpose(0, 1); a.transpose(0); a.transpose(0, 5); a.transpose(dim0=0, dim1=1); a.transpose(0, True); a.transpose(0, 1.0); a.unsqueeze(0); a.squeeze(); a.squeeze(0); a.flatten()
a.select(0, 1); a.select(0, n[0, 0]); a.narrow(1, 0, 2); a.cumsum(0); a.cumsum(); a.softmax(-1); a.softmax(dim=0); torch.softmax(a, -1, dtype=torch.float64); a.argmax(); a.argmax(1)
torch.cat([a, b]); torch.cat((a, b), 1); torch.cat([a, 3]); torch.cat(a); torch.cat([a] * 40); torch.stack([a, b], dim=1); torch.stack([a, b], dim=7); torch.cat(tensors=[a, b])
a.exp(); torch.exp(a); torch.tanh(a); a.relu(); torch.exp(2.0); torch.exp(); torch.exp(a, a); torch.exp(input=a); F.relu(a); F.linear(a, a); F.linear(a, a, torch.ones(2)); F.linear(a, b.t()); F.linear(a, weight=a, bias=None); F.linear(a, 3)
F.mse_loss(a, b); F.mse_loss(a, b, reduction='sum'); F.mse_loss(a, b, reduction='x'); F.softplus(a); F.softplus(a, 2); F.softplus(a, beta='x'); F.softplus(a, torch.tensor(2.0)); F.layer_norm(a, (3,)); F.layer_norm(a, 3); F.layer_norm(a, (4,))
torch.div(a, b); torch.div(a, b, rounding_mode='floor'); a.div(2); torch.div(1, 2); torch.clamp(a, 0); a.clamp(min=0.5, max=None); a.clamp(); torch.addmm(b.mm(b.t()), a, a.t(), beta=0.5); a.masked_fill(a > 1, 0.0)
a.item(); a[0, 0].item(); n[0, 1].item(); (a > 1)[0, 0].item(); a.shape; n.dtype; a.ndim; a.dim(); a.size(); a.size(1); a.size(-1); a.size(5); a.size(dim=0); a.size('x'); a.numel(); a.is_leaf; len(a); a.requires_grad
a.backward(); (p * a).sum().backward(); p.grad; p.grad is p.grad; p.sum().backward(torch.tensor(2.0)); p.sum().backward(gradient=torch.tensor(2.0), retain_graph=True); p.sum().backward(2.0); p.backward()
p.requires_grad; p.requires_grad_(False); n.requires_grad_(); n.__setattr__('requires_grad', True); p.__setattr__('requires_grad', 1); p.exp().__setattr__('requires_grad', False); a.item(3); a.item(k=1); p.__setattr__('grad', 3); p.__setattr__('grad', a); p.__setattr__('grad', torch.ones(7)); p.__setattr__('grad', None); p.__delattr__('grad')
a.add(numpy.float32(2)); a.sum(numpy.int64(1)); a.view(numpy.int64(6)); a + numpy.float64(2); a.transpose(numpy.int32(0), 1); a.select(numpy.int64(0), numpy.int64(1)); a + numpy.ones(3, 'float32')
a[0]; a[-1]; a[5]; a[-3]; a[2 ** 70]; a[0][1]; a[True]; torch.tensor(5.0)[0]; a[0.5]; a['x']; a[None]; a[0, 1]; n[n[0, 1]]; pow(a, 2, 3); a ** 'x'; a.__add__(1); a.__radd__(1); a.__rsub__(b); a.__sub__('x'); a @ 'x'; a / None
torch.tensor(1.0); torch.tensor(3); torch.tensor(True); torch.tensor([1.0, 2.5]); torch.tensor((1.0,), requires_grad=True); torch.tensor(1.5, requires_grad=True); torch.tensor([1, 2.5]); torch.tensor([]); torch.tensor(); torch.tensor(1, requires_grad=True); torch.tensor(None); torch.tensor('x'); torch.tensor(2 ** 70); torch.tensor(1e300); torch.tensor(data=1.0); torch.tensor(1.0, k=1); torch.tensor([a[0, 0], 1.0])
torch.zeros(2); torch.zeros(2, 3); torch.zeros((2, 3)); torch.ones([2]); torch.ones(2, dtype=torch.int64); torch.zeros(); torch.zeros(()); torch.zeros(-1); torch.zeros(2.5); torch.zeros('x'); torch.zeros(2, requires_grad=True); torch.zeros(2, dtype=float); torch.zeros(2, dtype=3); torch.zeros(size=(2,)); torch.ones(2, out=torch.ones(3)); torch.zeros(2, k=3); torch.zeros(*[1] * 13)
torch.autograd.grad(p.sum(), p); torch.autograd.grad((p * p).sum(), [p], create_graph=True); torch.autograd.grad(p.sum(), (p, a)); torch.autograd.grad(p.sum(), (p, a.clone().requires_grad_())); torch.autograd.grad(p.sum(), (p, a.clone().requires_grad_()), allow_unused=True); torch.autograd.grad(p, p, torch.ones(2, 3)); torch.autograd.grad(p, p, grad_outputs=torch.ones(2, 3)); torch.autograd.grad(p, p, grad_outputs=[None]); torch.autograd.grad(p, p); torch.autograd.grad(p.sum(), []); torch.autograd.grad(p.sum(), 3); torch.autograd.grad([p.sum(), p.mean()], p); torch.autograd.grad(p.sum(), p, retain_graph=1, create_graph=None); torch.autograd.grad(); torch.autograd.grad(p.sum(), p, k=1)
a.is_sparse; a.data; p.__setattr__('data', a); p.__setattr__('data', 3); a.__dict__; a.max(0); a.max(0, keepdim=True); a.sort(); a.topk(2); a.split(1); a.split([1, 1]); a.chunk(2); a.unbind(1); torch.unbind(a, 5); torch.max(a, 1); torch.max(a, 1, out=(torch.ones(2), torch.ones(2, dtype=torch.int64))); a.min(7); a.split('x'); torch.linalg.qr(a); torch.linalg.svd(a @ 3)
a.unsqueeze(2 ** 70); torch.unsqueeze(a, dim=-2 ** 70); a.sum(2 ** 70); a.sum((0, 2 ** 70)); a.transpose(0, 2 ** 63); a.view(2 ** 70); a.argmax(-2 ** 63); a.size(2 ** 70); a.narrow(0, 0, 2 ** 70); torch.stack([a, b], 2 ** 70); F.softmax(a, 2 ** 70); a.mul(-2 ** 70)
a.sum(0, 'a'); a.sum(keepdim='a'); a.sum(0, keepdim=1); torch.sum(a, 0, None); a.unsqueeze('a'); torch.unsqueeze(a, 'a'); a.select(True, 0); a.flip(True); a.flip((0, 1.5)); a.permute('a', 0); torch.zeros({1}); a.expand(numpy.int64(4), 2, 3); a.unsqueeze(n[0, 1]); a.unsqueeze(a[0, 1])
torch.bernoulli(a * 0); torch.normal(a * 0, 0 * a); a.clone(); a.detach(); a.contiguous(); a.copy_(b); a.copy_(3); a.fill_(True); a.zero_(); a.to(torch.int64); a.unbind(); a.max(0); torch.where(a > 1, a, 0.0)
"""

SCRIPT = """
import json, sys, warnings
import numpy
import martlet as torch
import martlet.nn.functional as F
warnings.simplefilter("ignore")

def show(x):
    return f"{type(x).__name__}:{getattr(x, 'dtype', '')}:{x!r}"

for line in json.loads(sys.stdin.read()):
    torch.manual_seed(0)
    a, b = torch.arange(6.0).view(2, 3), torch.full((2, 3), 2.0)
    n, p = torch.arange(6).reshape(2, 3), torch.ones(2, 3, requires_grad=True)
    results = []
    for _ in range(2):  # a function is compiled at its first call
        try:
            results.append(show(eval(line)))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    print(json.dumps([line, results, show(a), show(p.grad)]))
"""


def run(door, script, given="", **extra):
    env = dict(os.environ, MARTLET_BRIDGE=door, PYTHONPATH=ROOT, MARTLET_CHECK_HANDLES="1", **extra)
    done = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, text=True, env=env)
    if "does not offer CPython's stable ABI" in done.stderr:
        pytest.skip("this Python has no second door")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_same_results_and_errors():
    pytest.importorskip("numpy")
    calls = json.dumps([c.strip() for line in CALLS.strip().splitlines() for c in line.split(";")])
    plain, quick = (run(door, SCRIPT, calls).splitlines() for door in ("ctypes", "abi3"))
    assert len(plain) == len(quick) > 200
    for one, other in zip(plain, quick):
        assert json.loads(other) == json.loads(one)


def test_the_door_is_chosen():
    script = "import martlet, types; print(type(martlet.add) is types.FunctionType, martlet._bridge.opened is None)"
    assert run("ctypes", script) == "True True\n"
    assert run("abi3", script) == run("", script) == "False False\n"
    done = subprocess.run([sys.executable, "-c", "import martlet"], env=dict(os.environ, MARTLET_BRIDGE="other", PYTHONPATH=ROOT),
                          capture_output=True, text=True)
    assert "MARTLET_BRIDGE must be ctypes or abi3, got 'other'" in done.stderr


BOTH = pytest.mark.parametrize("door", ["ctypes", "abi3"])


@BOTH
def test_subclasses_and_foreign_operands(door):
    """A method that a subclass has of its own is called, also for the tensor on the right; other types get their turn."""
    assert run(door, """
import weakref, martlet as torch
class Own(torch.Tensor):
    def __add__(self, other): return "add"
    def __radd__(self, other): return "radd"
    def __getitem__(self, key): return "item"
class Plain(torch.Tensor):
    pass
class Foreign:
    def __radd__(self, other): return "foreign"
t, own, plain = torch.ones(2), torch.ones(2).as_subclass(Own), torch.ones(2).as_subclass(Plain)
print(t + own, own + t, own + 1, 1 + own, own[0], type(own * 2).__name__, torch.equal(own - t, t - t))
print(torch.equal(t + plain, t + t), torch.equal(plain + 1, 1 + plain), plain[1].item(), t + Foreign())
u = t
u += 1
print(u is t, t.tolist())
for bad in ("t + []", "t - None", "pow(t, 2, 'x')"):
    try:
        print(eval(bad))
    except TypeError as error:
        print(error)
plain.note = 3
reference = weakref.ref(plain)
print(plain.note, vars(plain), reference() is plain)
del plain
print(reference())
""") == """radd add add radd item Tensor True
True True 1.0 foreign
True [2.0, 2.0]
unsupported operand type(s) for +: 'Tensor' and 'list'
unsupported operand type(s) for -: 'Tensor' and 'NoneType'
__pow__() takes 2 positional arguments but 3 were given
3 {'note': 3} True
None
"""


@BOTH
def test_handles_are_given_back(door):
    """With handles checked, one that was given back is refused, and one given back twice leaves an error."""
    assert run(door, """
import gc, martlet as torch
from martlet._native import lib
def refused(h):
    made = lib.mt_neg(h)
    lib.mt_clear_error()
    return not made
x, p = torch.ones(3), torch.ones(3, requires_grad=True)
lib.mt_clear_error()
made = [x + x, x + 3.25, x.sum(), x.view(3, 1), torch.stack([x, x]), p.exp(), x.clone().add_(x), torch.add(x, 1, alpha=2)]
hs = [t._h for t in made]
assert not any(map(refused, hs))
del made
gc.collect()
assert all(map(refused, hs)), [refused(h) for h in hs]
p.sum().backward()
g = p.grad
h = g._h
assert p.grad is g
del g
p.grad = None
p.sum().backward()
p.grad = None
assert refused(h)
for i in range(2000):  # more numbers than are kept
    assert (x + i / 8)[0].item() == 1 + i / 8
    try: x + torch.ones(4)
    except RuntimeError: pass
assert lib.mt_last_error_code() == 0
print("good")
""") == "good\n"


@BOTH
def test_objects(door):
    """Subclasses, weak references, cycles, copies and pickles."""
    assert run(door, """
import copy, gc, pickle, weakref
import martlet as torch
import martlet.nn as nn
import martlet.nn.functional as F
class Mine(torch.Tensor):
    def __radd__(self, other): return "mine"
    def sum(self): return "sum"
t = torch.ones(2).as_subclass(Mine)
assert type(t) is Mine and torch.equal(t + 1, torch.full((2,), 2.0))
assert 1 + t == "mine" and torch.ones(2) + t == "mine" and t.sum() == "sum" and torch.sum(t).item() == 2
assert t.shape == (2,) and isinstance(t, torch.Tensor)
t.me, t.note = t, "here"
w = weakref.ref(t)
assert t.__dict__["note"] == "here"
del t
gc.collect()
assert w() is None
p = torch.ones(2, requires_grad=True)
(p * 3).sum().backward()
p.grad.owner = p  # a cycle through the gradient
w = weakref.ref(p)
del p
gc.collect()
assert w() is None
p = nn.Parameter(torch.ones(2))
(p * 3).sum().backward()
p.tag = [1]
for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p)), copy.copy(p)):
    assert type(q) is nn.Parameter and torch.equal(q, p) and q.requires_grad and q._h != p._h
q = copy.deepcopy(torch.ones(2, requires_grad=True))
assert q.grad is None
for f in (torch.add, torch.relu, torch.div, F.linear, F.softplus):
    assert pickle.loads(pickle.dumps(f)) is f and copy.deepcopy(f) is f, f
assert torch.Tensor.add(torch.ones(1), 1).item() == 2 and torch.Tensor.__add__(torch.ones(1), 1).item() == 2
class Empty(torch.Tensor): pass
e = object.__new__(Empty)
assert not hasattr(e, "_h")
e._h = torch.ones(1)._retained()
assert e.item() == 1
print("good")
""") == "good\n"


@BOTH
def test_threads(door):
    assert run(door, """
import threading
import martlet as torch
w = torch.ones(8, 8)
def work(k, out):
    x = torch.full((8, 8), float(k))
    for i in range(300):
        y = (x @ w + k * 0.125).sum()
        try: x + torch.ones(3)
        except RuntimeError as e: message = str(e)
        p = torch.ones(3, requires_grad=True)
        (p * k).sum().backward()
        assert p.grad.tolist() == [float(k)] * 3
    out[k] = y.item(), message
out = {}
threads = [threading.Thread(target=work, args=(k, out)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert {k: v for k, (v, _) in out.items()} == {k: 64 * (8 * k + k * 0.125) for k in range(4)}, out
assert all("must match the size" in m for _, m in out.values())
print("good")
""") == "good\n"


@BOTH
def test_hooks_that_end_while_an_error_is_raised(door):
    """The end of a graph that holds Python objects does not meet the exception that ends it."""
    assert run(door, """
import martlet as torch
class Noisy:
    def __call__(self, g): return g
    def __del__(self): seen.append(str(torch.ones(2).sum()))
seen = []
def build():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(Noisy())
    raise KeyError("mine")
try:
    build()
except KeyError as error:
    assert error.args == ("mine",)
    del error
assert seen == ["tensor(2.)"], seen
print("good")
""") == "good\n"


@BOTH
def test_the_end_of_the_interpreter(door):
    """Graphs with steps and hooks in Python that are left over when the interpreter ends do no harm."""
    assert run(door, """
import martlet as torch
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
class Holder:  # a class is part of a cycle, and is cleared when most modules are gone
    y = Double.apply(torch.ones(2, requires_grad=True))
    z = y * 2
    z.register_hook(lambda g: g)
    z.grad_fn.register_hook(lambda i, o: None)
    keep = staticmethod(lambda t=z * 3: t)
print("good")
""") == "good\n"
