"""martlet.capture of optimizers: tensors as hyperparameters, differentiable steps, sparse gradients, optimizers made inside."""
import inspect

import pytest
from test_capture import assert_same
from test_capture_more import generator, table_step

import martlet as torch
from martlet import nn
from martlet.nn import functional as F

OPTIMIZERS = [
    ("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)), ("Adam", dict(lr=0.01)), ("Adam", dict(lr=0.01, amsgrad=True)),
    ("AdamW", dict(lr=0.01)), ("RMSprop", dict(lr=0.01)), ("RMSprop", dict(lr=0.01, centered=True, momentum=0.5)),
    ("Adagrad", dict(lr=0.1, lr_decay=0.1)),
    ("Adadelta", dict(lr=0.5)), ("Adamax", dict(lr=0.01)), ("NAdam", dict(lr=0.01)), ("RAdam", dict(lr=0.01)),
    ("ASGD", dict(lr=0.05, t0=3, lambd=0.01)), ("Rprop", dict(lr=0.01)),
]
IDS = [f"{name}-{'-'.join(options)}" for name, options in OPTIMIZERS]


def has(name, option):
    return option in inspect.signature(getattr(torch.optim, name).__init__).parameters


def compare(run):
    """`run(wrap)` with the plain function and with the captured one; the one recording that was made replayed the rest."""
    captured = []

    def capture(function):
        captured.append(torch.capture(function))
        return captured[0]
    assert run(lambda f: f) == run(capture)
    return captured[0]


def training(wrap, name, options, rate, differentiable, steps=20):
    """Parameters and state after each of some steps, with rates that change and, for every third step, another gradient."""
    torch.manual_seed(0)
    params = [torch.randn(4, 3), torch.randn(5, dtype=torch.float64), torch.randn(())]
    if not differentiable:
        [p.requires_grad_() for p in params]
    options = dict(options, lr=rate(options["lr"]))
    opt = getattr(torch.optim, name)(params, differentiable=differentiable, **options)

    def step(x):
        for p in params:
            with torch.enable_grad():
                q = p.detach().clone().requires_grad_()
                p.grad = torch.autograd.grad(((q * x).sin() * q).sum(), q)[0]
        opt.step()
        return params[0] * 1
    step, g, seen = wrap(step), generator(), []
    for i in range(steps):
        seen.append(step(torch.randn((), generator=g)).tolist())
        lr = opt.param_groups[0]["lr"]
        if i % 4 == 3 and isinstance(lr, torch.Tensor):
            lr.mul_(0.8)
        elif i % 4 == 3:
            opt.param_groups[0]["lr"] = lr * 0.8
    return seen, [[p.tolist(), [(k, v.tolist()) for k, v in opt.state[p].items()]] for p in params]


RATES = {"number": lambda lr: lr, "float32": torch.tensor, "float64": lambda lr: torch.tensor(lr, dtype=torch.float64),
         "one element": lambda lr: torch.tensor([lr])}


@pytest.mark.parametrize("differentiable", [False, True], ids=["plain", "differentiable"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name,options", OPTIMIZERS, ids=IDS)
def test_rates_and_differentiable_steps(name, options, rate, differentiable):
    function = compare(lambda wrap: training(wrap, name, options, RATES[rate], differentiable))
    assert function.recordings == 1


@pytest.mark.parametrize("differentiable", [False, True], ids=["plain", "differentiable"])
@pytest.mark.parametrize("name,options", OPTIMIZERS, ids=IDS)
def test_further_options(name, options, differentiable):
    more = dict(maximize=True, weight_decay=0.1, foreach=False, decoupled_weight_decay=True)
    more = {option: value for option, value in more.items() if has(name, option)}
    compare(lambda wrap: training(wrap, name, dict(options, **more), RATES["float32"], differentiable, steps=6))


def test_a_recording_is_made_once():
    made = []
    w = torch.ones(3, requires_grad=True)
    opt = torch.optim.Adam([w], lr=torch.tensor(0.1))

    def step(x):
        made.append(1)
        opt.zero_grad()
        (w * x).sum().backward()
        opt.step()
    step = torch.capture(step)
    for i in range(5):
        step(torch.tensor(float(i)))
        opt.param_groups[0]["lr"].mul_(0.5)
    assert len(made) == 2
    opt.param_groups[0]["lr"] = opt.param_groups[0]["lr"].clone()
    step(torch.tensor(1.0)), step(torch.tensor(1.0))
    assert len(made) == 3, "another tensor, even of the same value, is read elsewhere"
    opt.param_groups[0]["lr"] = 0.5
    step(torch.tensor(1.0)), step(torch.tensor(1.0))
    assert len(made) == 4


def test_rates_that_are_replaced_take_effect():
    def run(wrap):
        w = torch.ones(3, requires_grad=True)
        opt = torch.optim.SGD([w], lr=torch.tensor(0.1), momentum=0.5)
        schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9)

        def step(x):
            opt.zero_grad()
            (w * x).sum().backward()
            opt.step()
        step = wrap(step)
        for i in range(16):
            step(torch.tensor(0.1 * i))
            schedule.step()
            if i in (5, 6, 11):
                opt.param_groups[0]["lr"] = torch.tensor(0.01 * i) if i != 6 else 0.3
        return w.tolist()
    compare(run)


def test_an_optimizer_with_a_step_of_its_own():
    class Signed(torch.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, dict(lr=lr, scale=1.0))

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"] * group["scale"])

    def run(wrap, lr):
        made, w = [], torch.ones(3, requires_grad=True)
        opt = Signed([w], lr)

        def step(x):
            made.append(1)
            opt.zero_grad()
            (w * x).sin().sum().backward()
            opt.step()
        step = wrap(step)
        for i in range(10):
            step(torch.tensor(0.3 * i))
            if i == 4 and isinstance(lr, torch.Tensor):
                lr.mul_(0.5)
            elif i == 4:
                opt.param_groups[0]["lr"] *= 0.5
            if i == 6:
                opt.param_groups[0]["scale"] = 2.0
        return w.tolist(), made
    for lr, recorded in (lambda: 0.1, 4), (lambda: torch.tensor(0.1), 3):
        (plain, _), (captured, made) = run(lambda f: f, lr()), run(torch.capture, lr())
        assert plain == captured and len(made) == recorded


def test_a_rate_that_the_run_computes():
    def run(wrap):
        w, lr = torch.ones(3, requires_grad=True), torch.tensor(0.1)
        opt = torch.optim.AdamW([w], lr=lr)

        def step(x):
            opt.zero_grad()
            loss = (w * x).sin().sum()
            loss.backward()
            lr.copy_(0.1 * loss.detach().abs())
            opt.step()
            return loss
        step = wrap(step)
        seen = [step(torch.tensor(0.3 * i)).tolist() for i in range(8)]
        if step.__class__ is torch.capture(len).__class__:
            many = step.replay_many(torch.arange(8.0))
        else:
            many = torch.stack([step(x).detach() for x in torch.arange(8.0)])
        return seen, many.tolist(), w.tolist()
    compare(run)


def test_a_rate_that_is_an_argument():
    def make():
        w = torch.ones(3).requires_grad_()
        opt = torch.optim.Adam([w])

        def step(x, lr):
            opt.param_groups[0]["lr"] = lr
            opt.zero_grad()
            (w * x).sin().sum().backward()
            opt.step()
            return w.detach() * 1
        return step
    assert_same(make, [(torch.tensor(0.2 * i), torch.tensor(0.1 / (i + 1))) for i in range(8)])


@pytest.mark.parametrize("differentiable", [False, True], ids=["plain", "differentiable"])
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_betas_and_decay_that_are_tensors(name, differentiable):
    def run(wrap):
        torch.manual_seed(0)
        w = torch.randn(3, 2)
        betas, decay = (torch.tensor(0.9), torch.tensor(0.99)), torch.tensor(0.1)
        opt = getattr(torch.optim, name)(
            [w], lr=torch.tensor(0.1), betas=betas, weight_decay=decay, differentiable=differentiable)

        def step(x):
            w.grad = (w * x).sin()
            opt.step()
            return w * 1
        step, seen = wrap(step), []
        for i in range(10):
            seen.append(step(torch.tensor(0.2 * i)).tolist())
            betas[0].mul_(0.95), betas[1].mul_(0.99), decay.mul_(0.9)
        return seen
    assert compare(run).recordings == 1


# Rprop has no gradient; that of the maximum of AMSGrad needs what the next step overwrites, in torch, too.
SMOOTH = [i for i, (name, options) in enumerate(OPTIMIZERS) if name != "Rprop" and "amsgrad" not in options]


@pytest.mark.parametrize("name,options", [OPTIMIZERS[i] for i in SMOOTH], ids=[IDS[i] for i in SMOOTH])
def test_gradients_through_the_steps_of_an_optimizer_made_inside(name, options):
    """Three steps on what the run computes; gradients by where they start and by the slope of the loss."""
    def make():
        def step(start, slope):
            param = start.clone()
            opt = getattr(torch.optim, name)([param], differentiable=True, **options)
            for k in range(3):
                param.grad = (param.detach().clone() * slope).sin() + slope * k
                opt.step()
            loss = (param ** 2).sum()
            return param, torch.autograd.grad(loss, [start, slope])
        return lambda x: step(x.clone().requires_grad_(), (x * 0.3).detach().requires_grad_())
    g = generator()
    assert_same(make, [(torch.randn(5, generator=g),) for _ in range(6)])


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_gradients_by_the_rate(name):
    def make():
        def step(start, lr):
            lr = lr.clone().requires_grad_()
            param = start.clone().requires_grad_().clone()
            opt = getattr(torch.optim, name)([param], lr=lr, differentiable=True)
            for _ in range(3):
                param.grad = param.detach() ** 3
                opt.step()
            return torch.autograd.grad((param ** 2).sum(), lr)
        return step
    g = generator()
    assert_same(make, [(torch.randn(5, generator=g), torch.rand((), generator=g) * 0.1) for _ in range(6)])


MADE_INSIDE = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "adam": lambda p: torch.optim.Adam(p, lr=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, initial_accumulator_value=0.1),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.1, t0=1),
    "rprop": lambda p: torch.optim.Rprop(p, lr=torch.tensor(0.1)), "nadam": lambda p: torch.optim.NAdam(p, lr=0.1),
}


@pytest.mark.parametrize("outer", [False, True], ids=["of its own parameter", "of an outer parameter"])
@pytest.mark.parametrize("name", MADE_INSIDE)
def test_an_optimizer_made_inside_begins_anew_at_each_call(name, outer):
    def make():
        made, w = [], torch.ones(4).requires_grad_()

        def step(x):
            made.append(1)
            p = w if outer else x.clone().requires_grad_()
            opt = MADE_INSIDE[name]([p])
            for _ in range(3):
                opt.zero_grad()
                (p * x).sin().sum().backward()
                opt.step()
            return p.detach() * 1, p.grad * 1
        step.made = made
        return step
    g = generator()
    assert_same(make, [(torch.randn(4, generator=g),) for _ in range(7)])
    step = make()
    f = torch.capture(step)
    for _ in range(5):
        f(torch.ones(4))
    assert len(step.made) == 2


# ---- Sparse gradients ------------------------------------------------------------------------------------------------

SPARSE = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1), "sgd of a tensor": lambda p: torch.optim.SGD(p, lr=torch.tensor(0.1)),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2),
    "nesterov": lambda p: torch.optim.SGD(p, lr=torch.tensor(0.1), momentum=0.9, nesterov=True, maximize=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "sparse adam": lambda p: torch.optim.SparseAdam(p, lr=torch.tensor(0.1)),
}


def lookups(n=12):
    g = generator(3)
    calls = [(torch.randint(0, 6, (4,), generator=g),) for _ in range(n)]
    calls[5] = (torch.full((4,), 2),)  # nothing but padding
    calls[6] = (torch.tensor([2, 1, 1, 2]),)
    return calls


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("name", SPARSE)
def test_sparse_gradients(name, twice, padding):
    assert_same(table_step(SPARSE[name], padding, twice), lookups())


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_gradients_of_an_optimizer_made_inside(name):
    assert_same(table_step(SPARSE[name], 2, inside=True), lookups())


@pytest.mark.parametrize("name", [n for n in SPARSE if "momentum" not in n and "nesterov" not in n])
def test_sparse_gradients_restricted_to_rows(name):
    assert_same(table_step(SPARSE[name], 2, twice=True, rows=[0, 1, 4]), lookups())


def test_a_sparse_momentum_buffer_is_the_one_of_the_plain_steps():
    found = []
    for wrap in (lambda f: f, torch.capture):
        torch.manual_seed(0)
        made = table_step(SPARSE["momentum"], 2)()
        step = wrap(made)
        for x, in lookups():
            step(x)
        buffer = made.optimizer.state[made.table.weight]["momentum_buffer"]
        found.append([buffer._nnz(), buffer.is_coalesced(), buffer._indices().tolist(), buffer._values().tolist()])
        grad = made.table.weight.grad
        found[-1] += [grad._nnz(), grad._indices().tolist(), grad.coalesce().values().tolist(), str(grad)]
    assert found[0] == found[1]


def test_momentum_and_restricted_rows_of_sparse_gradients_are_refused():
    torch.manual_seed(0)
    step = torch.capture(table_step(SPARSE["momentum"], rows=[0, 1])())
    (first,), (second,) = lookups(7)[:2]
    step(first)
    with pytest.raises(torch.CaptureError, match=r"(?s)restricted to some rows.*own\.step\(\)"):
        step(second)


def test_a_sparse_tensor_from_outside_is_changed_where_it_lies_or_not_at_all():
    s = torch.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (3,))
    double = torch.capture(lambda x: s.mul_(2.0).to_dense() * x)
    assert [double(torch.tensor(1.0)).tolist() for _ in range(4)] == [[2.0 ** k, 0, 2 * 2.0 ** k] for k in (1, 2, 3, 4)]
    grow = torch.capture(lambda x: s.add_(torch.sparse_coo_tensor([[1]], x, (3,))).to_dense())
    grow(torch.ones(1))
    with pytest.raises(torch.CaptureError, match="gives it other entries"):
        grow(torch.ones(1))


BAG = torch.tensor([0, 2, 4])
COUNTED = {
    "coalesce": lambda s, x: s.coalesce().to_dense() * x, "sum": lambda s, x: s.coalesce().sum() * x,
    "product": lambda s, x: torch.sparse.mm(s.coalesce(), x.t()), "scaled": lambda s, x: (-(s.coalesce() * 2) / 3).to_dense(),
    "added": lambda s, x: x + s.coalesce(), "twice": lambda s, x: (s.coalesce() + s).coalesce().to_dense(),
    "double": lambda s, x: s.coalesce().double().to_dense().float(),
}


@pytest.mark.parametrize("name", COUNTED)
def test_sparse_tensors_whose_number_of_entries_is_bounded(name):
    def make():
        def step(x):
            leaf = x.clone().requires_grad_()
            index = torch.stack([(x[0] > 0).long() + (x[0] > 1), (x[1] > 0).long()])
            y = COUNTED[name](torch.sparse_coo_tensor(index, leaf[2], (4, 5)), leaf)
            return y, torch.autograd.grad((y * y).sum(), leaf)[0]
        return step
    g = generator()
    assert_same(make, [(torch.randn(4, 5, generator=g),) for _ in range(6)])


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_with_padding(mode, sparse):
    def make():
        table = torch.randn(5, 3).requires_grad_()

        def step(x, offsets):
            bags = F.embedding_bag(x, table, offsets, mode=mode, padding_idx=2, sparse=sparse and mode != "max")
            g, = torch.autograd.grad((bags ** 2).sum(), table)
            return bags, g.to_dense()
        return step
    g = generator()
    calls = [(torch.randint(0, 5, (6,), generator=g), BAG) for _ in range(6)]
    assert_same(make, calls + [(torch.full((6,), 2), BAG)])
