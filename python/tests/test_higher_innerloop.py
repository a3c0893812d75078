"""martlet.higher against the package higher 0.2.1 on PyTorch, and against its promises."""
import gc
import warnings
import weakref

import pytest
from _against_torch import assert_same, error_of, torch

import martlet
import martlet.higher

try:
    import higher
except ImportError:
    higher = None

needs_higher = pytest.mark.skipif(higher is None, reason="PyTorch or the package higher is not installed")

OPTIMIZERS = [
    ("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=0.1, dampening=0.2)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)), ("Adam", dict(lr=0.1)),
    ("Adam", dict(lr=0.1, weight_decay=0.1, amsgrad=True)), ("RMSprop", dict(lr=0.1)),
    ("RMSprop", dict(lr=0.1, momentum=0.5, centered=True, weight_decay=0.1)), ("Adagrad", dict(lr=0.1, lr_decay=0.1)),
    ("Adadelta", dict(lr=1.0, weight_decay=0.1)), ("Adamax", dict(lr=0.1)), ("Rprop", dict(lr=0.1)),
    ("ASGD", dict(lr=0.1, weight_decay=0.1, t0=1)),
]


def model_of(m):
    """Two layers of which one is used twice (and registered twice), with a buffer."""

    class Net(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = m.nn.Linear(3, 4)
            self.again = m.nn.Linear(4, 4)
            self.last = m.nn.Linear(4, 1, bias=False)
            self.last.weight = self.last.weight
            self.register_buffer("shift", m.ones(4))

        def forward(self, x):
            h = m.tanh(self.first(x) + self.shift)
            return self.last(m.tanh(self.again(m.tanh(self.again(h)))))

    m.manual_seed(0)
    return Net().double()


def data(m):
    m.manual_seed(1)
    return m.randn(5, 3, dtype=m.float64), m.randn(5, 1, dtype=m.float64)


def meta(m, h, name, options, steps=3, warm=0, **ctx):
    """Meta gradients of the loss after some inner steps: by the data, and by the initial weights."""
    model = model_of(m)
    opt = getattr(m.optim, name)(model.parameters(), **options)
    x, y = data(m)
    for _ in range(warm):
        opt.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        opt.step()
    x = x.requires_grad_()
    before = [p.tolist() for p in model.parameters()]
    out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with h.innerloop_ctx(model, opt, **ctx) as (fmodel, diffopt):
            for _ in range(steps):
                loss = ((fmodel(x) - y) ** 2).mean()
                diffopt.step(loss)
                out.append(loss)
            loss = ((fmodel(x) - y) ** 2).mean()
            out.append(loss)
            first = list(fmodel.parameters(time=0))
            targets = list(model.parameters()) if ctx.get("copy_initial_weights") is False else first
            out += list(m.autograd.grad(loss, [x] + targets, allow_unused=True))
            out += list(fmodel.parameters())
    assert [p.tolist() for p in model.parameters()] == before
    return out


def close(ours, theirs, **tolerance):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert (a is None) == (b is None)
        if a is not None:
            assert list(a.shape) == list(b.shape)
            for x, y in zip(a.detach().flatten().tolist(), b.detach().flatten().tolist()):
                assert x == pytest.approx(y, **(tolerance or dict(rel=1e-7, abs=1e-9)))


@needs_higher
@pytest.mark.parametrize("name,options", OPTIMIZERS)
@pytest.mark.parametrize("ctx", [dict(), dict(copy_initial_weights=False)])
def test_meta_gradients(name, options, ctx):
    tolerance = dict(rel=1e-5, abs=1e-7) if name == "Adagrad" else {}  # the package counts its steps in float32
    close(meta(martlet, martlet.higher, name, options, **ctx), meta(torch, higher, name, options, **ctx), **tolerance)


@needs_higher
@pytest.mark.parametrize("name,options", OPTIMIZERS)
def test_state_of_a_used_optimizer(name, options):
    close(meta(martlet, martlet.higher, name, options, warm=2), meta(torch, higher, name, options, warm=2),
          rel=5e-4, abs=1e-5)  # the package counts steps of a used optimizer in float32


@needs_higher
def test_adamw_is_the_optimizers_own_update():
    for options in (dict(lr=0.1), dict(lr=0.05, weight_decay=0.3, amsgrad=True)):
        model = model_of(martlet)
        opt = martlet.optim.AdamW(model.parameters(), **options)
        x, y = data(martlet)
        with martlet.higher.innerloop_ctx(model, opt) as (fmodel, diffopt):
            for _ in range(4):
                diffopt.step(((fmodel(x) - y) ** 2).mean())
                opt.zero_grad()
                ((model(x) - y) ** 2).mean().backward()
                opt.step()
            close(list(fmodel.parameters()), list(model.parameters()))


def seed_program(m, h, track=True):
    """f(x; w) = (w x)^2 at w = x = 1 under an L1 loss with target 2, two steps of SGD with rate 0.1."""

    class Net(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = m.nn.Linear(1, 1, bias=False)
            self.fc.weight.data.uniform_(1, 1)

        def forward(self, x):
            return self.fc(x) ** 2

    model = Net()
    optimizer = m.optim.SGD(model.parameters(), lr=0.1)
    x = m.tensor([[1.0]], requires_grad=True)
    lines = []
    with h.innerloop_ctx(model, optimizer, track_higher_grads=track) as (fmodel, diffopt):
        for _ in range(2):
            cost = m.nn.L1Loss()(fmodel(x), m.tensor([[2.0]]))
            lines.append("Grad: {}".format(m.autograd.grad(cost, x, retain_graph=True)[0]))
            diffopt.step(cost)
            lines.append("Weight: {}".format(fmodel.fc.weight))
        lines.append(repr(fmodel))
    lines.append(repr(model.fc.weight))
    return lines


def test_seed_program_prints():
    lines = seed_program(martlet, martlet.higher)
    assert lines[:4] == [
        "Grad: tensor([[-2.]])", "Weight: tensor([[1.2000]], grad_fn=<AddBackward0>)",
        "Grad: tensor([[-3.8400]])", "Weight: tensor([[1.4400]], grad_fn=<AddBackward0>)",
    ]
    assert lines[-1] == "Parameter containing:\ntensor([[1.]], requires_grad=True)"
    assert seed_program(martlet, martlet.higher, track=False)[2] == "Grad: tensor([[-2.8800]])"


@needs_higher
def test_seed_program_prints_what_higher_prints():
    for track in (True, False):
        assert seed_program(martlet, martlet.higher, track) == seed_program(torch, higher, track)


@needs_higher
def test_override_learns_its_options():
    def run(m, h):
        model = model_of(m)
        opt = m.optim.SGD([{"params": model.first.parameters()}, {"params": model.again.parameters(), "lr": 0.3},
                           {"params": model.last.parameters()}], lr=0.1, momentum=0.5)
        x, y = data(m)
        lr = [m.tensor(0.1, requires_grad=True), m.tensor(0.2, requires_grad=True), m.tensor(0.3, requires_grad=True)]
        momentum = [m.tensor(0.4, requires_grad=True)]
        late = m.tensor(0.05, requires_grad=True)
        with h.innerloop_ctx(model, opt, override={"lr": lr, "momentum": momentum}) as (fmodel, diffopt):
            for i in range(3):
                loss = ((fmodel(x) - y) ** 2).mean()
                diffopt.step(loss, override={"lr": [late]} if i == 2 else None,
                             grad_callback=(lambda gs: [2 * g for g in gs]) if i == 1 else None)
            loss = ((fmodel(x) - y) ** 2).mean()
            return list(m.autograd.grad(loss, lr + momentum + [late]))

    close(run(martlet, martlet.higher), run(torch, higher))


@needs_higher
def test_views_without_weights_and_created_optimizers():
    def run(m, h):
        model = model_of(m)
        x, y = data(m)
        del model._buffers["shift"]  # the package leaves buffers out of such views
        model.shift = 1.0
        fmodel = h.patch.make_functional(model)
        params = [p.detach().clone().requires_grad_() for p in model.parameters()]
        diffopt = h.create_diff_optim(m.optim.Adam, dict(lr=0.1), params=params)
        first = params
        for _ in range(2):
            loss = ((fmodel(x, params=params) - y) ** 2).mean()
            params = diffopt.step(loss, params=params)
        loss = ((fmodel(x, params=params) - y) ** 2).mean()
        return list(m.autograd.grad(loss, first)) + list(params)

    close(run(martlet, martlet.higher), run(torch, higher))
    fmodel = martlet.higher.patch.make_functional(model_of(martlet))
    assert repr(fmodel.first.weight) == 'Parameter placeholder ("weight")'
    for call in (lambda m, h: h.patch.make_functional(model_of(m))(m.ones(1, 3, dtype=m.float64)),
                 lambda m, h: h.patch.make_functional(model_of(m)).parameters(),
                 lambda m, h: h.monkeypatch(h.monkeypatch(model_of(m))),
                 lambda m, h: setattr(h.monkeypatch(model_of(m)).first, "weight", 3),
                 lambda m, h: h.monkeypatch(model_of(m), track_higher_grads=False).init_fast_params,
                 lambda m, h: h.monkeypatch(model_of(m), track_higher_grads=False).parameters(time=1),
                 lambda m, h: h.create_diff_optim(m.optim.SGD, dict(lr=0.1)),
                 lambda m, h: h.get_diff_optim(m.optim.SGD([m.ones(1, requires_grad=True)], lr=0.1), [])):
        ours = error_of(lambda: call(martlet, martlet.higher))
        assert ours[0] == error_of(lambda: call(torch, higher))[0], ours


@needs_higher
def test_fast_weights_can_be_assigned_and_asked_for():
    def run(m, h):
        layer = m.nn.Linear(2, 2)
        with m.no_grad():
            layer.weight.fill_(0.5)
        view = h.monkeypatch(layer)
        view.weight = view.weight * 2
        first = [view(m.ones(1, 2)) - layer.bias, view.weight, next(iter(view.fast_params))]
        model = model_of(m)
        fmodel = h.monkeypatch(model)
        x, _ = data(m)
        out = first + [fmodel(x), fmodel.first.weight] + list(fmodel.init_fast_params) + list(fmodel.fast_params)
        out += [p for _, p in fmodel.named_parameters()] + list(fmodel.state_dict().values())
        fmodel.train(False)
        assert model.training and not fmodel.first.training
        assert isinstance(fmodel, type(model)) and isinstance(fmodel.first, m.nn.Linear)
        return out + [fmodel.first(x), fmodel(x, params=[p * 0.5 for p in fmodel.fast_params])]

    close(run(martlet, martlet.higher), run(torch, higher))


def test_weights_of_submodules_can_be_assigned():
    fmodel = martlet.higher.monkeypatch(model_of(martlet))
    x, _ = data(martlet)
    before = fmodel(x)
    fmodel.first.weight = fmodel.first.weight * 2
    assert len(fmodel._fast_params) == 2 and fmodel.fast_params[0] is fmodel.first.weight
    assert fmodel(x).tolist() != before.tolist()


def test_modules_used_in_two_places_share_their_weights():
    shared = martlet.nn.Linear(2, 2)
    model = martlet.nn.Sequential(shared, martlet.nn.Tanh(), shared)
    tied = martlet.nn.Linear(2, 2, bias=False)
    tied.weight = shared.weight
    model.append(tied)
    fmodel = martlet.higher.monkeypatch(model)
    assert len(list(fmodel.parameters())) == 2
    assert fmodel[0] is fmodel[2] and fmodel[3].weight is fmodel[0].weight
    x = martlet.ones(1, 2)
    assert_same(fmodel(x), model(x))
    fmodel.update_params([p * 2 for p in fmodel.fast_params])
    assert fmodel[3].weight is fmodel[0].weight
    assert fmodel(x).tolist() != model(x).tolist()


def test_batch_statistics_of_the_view_are_its_own():
    model = martlet.nn.Sequential(martlet.nn.Linear(2, 3), martlet.nn.BatchNorm1d(3))
    fmodel = martlet.higher.monkeypatch(model)
    before = model[1].running_mean.tolist()
    fmodel(martlet.ones(4, 2))
    assert model[1].running_mean.tolist() == before != fmodel[1].running_mean.tolist()


@needs_higher
def test_trainable_options():
    def run(m, h):
        opt = m.optim.Adam([m.ones(2, requires_grad=True)], lr=0.3, betas=(0.5, 0.75))
        override = h.optim.get_trainable_opt_params(opt)
        names = sorted(override)
        override["lr"][0] = override["lr"][0] * 2
        h.optim.apply_trainable_opt_params(opt, {"lr": override["lr"], "betas": override["betas"]})
        return names, pytest.approx(opt.param_groups[0]["lr"]), opt.param_groups[0]["betas"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run(martlet, martlet.higher) == run(torch, higher)


def test_views_leave_nothing_behind():
    class Net(martlet.nn.Linear):
        pass

    model = Net(2, 2)
    fmodel = martlet.higher.monkeypatch(model)
    assert type(martlet.higher.monkeypatch(model)) is type(fmodel)
    kind = weakref.ref(type(fmodel))
    del fmodel
    gc.collect()
    assert kind() is None and not Net.__subclasses__()
