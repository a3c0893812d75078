"""Every optimizer, step by step, against torch.optim with foreach=False."""
import copy

import pytest
from _against_torch import assert_same, error_of, needs_torch, torch

import martlet

CASES = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, maximize=True)),
    ("Adam", dict()),
    ("Adam", dict(lr=0.05, betas=(0.8, 0.95), weight_decay=0.1, amsgrad=True)),
    ("Adam", dict(maximize=True, decoupled_weight_decay=True, weight_decay=0.01)),
    ("AdamW", dict(lr=3e-4)),
    ("AdamW", dict(lr=0.02, amsgrad=True, weight_decay=0.3)),
    ("RMSprop", dict()),
    ("RMSprop", dict(momentum=0.9, centered=True, weight_decay=0.1)),
    ("RMSprop", dict(centered=True, maximize=True)),
    ("Adagrad", dict()),
    ("Adagrad", dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3, maximize=True)),
    ("Adadelta", dict()),
    ("Adadelta", dict(lr=0.5, rho=0.8, weight_decay=0.1, maximize=True)),
    ("Adamax", dict()),
    ("Adamax", dict(lr=0.1, weight_decay=0.1, maximize=True)),
    ("Rprop", dict()),
    ("Rprop", dict(lr=0.1, etas=(0.4, 1.5), step_sizes=(1e-3, 0.2), maximize=True)),
    ("ASGD", dict()),
    ("ASGD", dict(lr=0.1, lambd=0.01, t0=2, alpha=0.5, weight_decay=0.1, maximize=True)),
    ("NAdam", dict()),
    ("NAdam", dict(weight_decay=0.1, decoupled_weight_decay=True, maximize=True)),
    ("NAdam", dict(weight_decay=0.1, momentum_decay=0.1)),
    ("RAdam", dict()),
    ("RAdam", dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)),
]
SPARSE = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.2, maximize=True)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)),
    ("Adagrad", dict(lr=0.1, lr_decay=0.01, maximize=True)),
    ("SparseAdam", dict()),
    ("SparseAdam", dict(lr=0.1, betas=(0.5, 0.7), maximize=True)),
]


def numbers(*shape, seed):
    """The same floats for both sides, from torch's generator."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).tolist()


def params_of(module, dtype="float32"):
    return [
        module.tensor(numbers(4, 3, seed=1), dtype=getattr(module, dtype), requires_grad=True),
        module.tensor(numbers(5, seed=2), dtype=getattr(module, dtype), requires_grad=True),
    ]


def dense_grads(module, step, dtype="float32"):
    return [
        module.tensor(numbers(4, 3, seed=10 + step), dtype=getattr(module, dtype)),
        module.tensor(numbers(5, seed=50 + step), dtype=getattr(module, dtype)) if step != 2 else None,
    ]


def sparse_grad(module, step):
    """Rows 0 and 2 (twice) or 1 and 3 of a (4, 3) parameter, uncoalesced."""
    rows = [[0, 2, 2]] if step % 2 == 0 else [[3, 1, 3]]
    return module.sparse_coo_tensor(module.tensor(rows), module.tensor(numbers(3, 3, seed=30 + step)), (4, 3))


def run(module, name, options, dtype="float32", steps=6, grads=None):
    params = params_of(module, dtype)
    if grads is not None:
        params = params[:1]
    optimizer = getattr(module.optim, name)(params, **options)
    for step in range(steps):
        for param, grad in zip(params, grads(module, step) if grads else dense_grads(module, step, dtype)):
            param.grad = grad
        optimizer.step()
    return params, optimizer


def compare_state(ours, theirs):
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    assert list(a["state"]) == list(b["state"])
    for key in a["state"]:
        assert list(a["state"][key]) == list(b["state"][key])
        for name, value in a["state"][key].items():
            if hasattr(value, "shape"):
                assert_same(value, b["state"][key][name])
            else:
                assert value == b["state"][key][name]
    for mine, other in zip(a["param_groups"], b["param_groups"]):
        mine, other = dict(mine, foreach=None), dict(other, foreach=None)
        assert sorted(mine) == sorted(other) and mine == other


def reference_options(name, options):
    return options if name == "SparseAdam" else dict(options, foreach=False)


@needs_torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name,options", CASES)
def test_dense(name, options, dtype):
    ours, our_optimizer = run(martlet, name, options, dtype)
    theirs, their_optimizer = run(torch, name, reference_options(name, options), dtype)
    for a, b in zip(ours, theirs):
        assert_same(a, b)
    compare_state(our_optimizer, their_optimizer)


@needs_torch
@pytest.mark.parametrize("name,options", CASES)
def test_strided_parameters(name, options):
    found = []
    for module, given in ((martlet, options), (torch, reference_options(name, options))):
        param = module.tensor(numbers(3, 4, seed=1)).t().requires_grad_()
        optimizer = getattr(module.optim, name)([param], **given)
        for step in range(4):
            param.grad = module.tensor(numbers(4, 3, seed=10 + step))
            optimizer.step()
        found.append((param, optimizer))
    assert_same(found[0][0], found[1][0])
    compare_state(found[0][1], found[1][1])


@needs_torch
@pytest.mark.parametrize("name,options", [case for case in CASES if not case[1].get("centered")])
def test_half_precision_parameters(name, options):
    found = []
    for module, given in ((martlet, options), (torch, reference_options(name, options))):
        param = module.tensor([1.0, 2.0, 3.0, -1.0, 0.5], dtype=module.bfloat16).requires_grad_()
        optimizer = getattr(module.optim, name)([param], **given)
        for step in range(4):
            param.grad = module.tensor([0.5, -1.0, 0.25, 2.0 + step, 0.0], dtype=module.bfloat16)
            optimizer.step()
        found.append(param.detach().float())
    # The state is rounded to eight bits after each step, there between its operations too.
    assert_same(*found, rtol=2 ** -5)


@needs_torch
@pytest.mark.parametrize("name,options", SPARSE)
def test_sparse(name, options):
    grads = lambda module, step: [sparse_grad(module, step)]  # noqa: E731
    ours, our_optimizer = run(martlet, name, options, grads=grads)
    theirs, their_optimizer = run(torch, name, reference_options(name, options), grads=grads)
    assert_same(ours[0], theirs[0])
    compare_state(our_optimizer, their_optimizer)


@needs_torch
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam",
                                  "RAdam", "ASGD", "Rprop", "SparseAdam"])
def test_repr_and_defaults(name):
    ours = getattr(martlet.optim, name)([{"params": p} for p in params_of(martlet)])
    theirs = getattr(torch.optim, name)([{"params": p} for p in params_of(torch)])
    assert repr(ours) == repr(theirs)
    ours = getattr(martlet.optim, name)([dict(params=params_of(martlet), lr=0.5, mine="x")])
    theirs = getattr(torch.optim, name)([dict(params=params_of(torch), lr=0.5, mine="x")])
    assert repr(ours) == repr(theirs)


@needs_torch
@pytest.mark.parametrize("name,options", [
    ("SGD", dict(lr=-1)), ("SGD", dict(lr=0.1, momentum=-1)), ("SGD", dict(lr=0.1, weight_decay=-1)),
    ("SGD", dict(lr=0.1, nesterov=True)), ("Adam", dict(lr=-1)), ("Adam", dict(eps=-1)),
    ("Adam", dict(betas=(1.0, 0.9))), ("Adam", dict(betas=(0.9, -0.5))), ("Adam", dict(weight_decay=-1)),
    ("Adam", dict(betas=(0, 0.5))), ("RMSprop", dict(alpha=-1)), ("RMSprop", dict(momentum=-1)),
    ("Adagrad", dict(lr_decay=-1)), ("Adagrad", dict(initial_accumulator_value=-1)), ("Adadelta", dict(rho=2)),
    ("Adamax", dict(betas=(0.5, 1.5))), ("Rprop", dict(etas=(1.5, 1.2))), ("ASGD", dict(weight_decay=-1)),
    ("NAdam", dict(momentum_decay=-1)), ("RAdam", dict(eps=-1)), ("SparseAdam", dict(lr=0)),
])
def test_bad_options(name, options):
    ours = error_of(lambda: getattr(martlet.optim, name)(params_of(martlet), **options))
    theirs = error_of(lambda: getattr(torch.optim, name)(params_of(torch), **options))
    assert ours == theirs


@needs_torch
@pytest.mark.parametrize("make", [
    lambda m: m.optim.SGD([], lr=0.1),
    lambda m: m.optim.SGD(m.ones(2), lr=0.1),
    lambda m: m.optim.SGD([1.5], lr=0.1),
    lambda m: m.optim.SGD(["a"], lr=0.1),
    lambda m: m.optim.SGD([m.ones(2, requires_grad=True) * 2], lr=0.1),
    lambda m: m.optim.SGD([{"params": {m.ones(2)}}], lr=0.1),
    lambda m: m.optim.SGD([m.ones(1)], lr=0.1).add_param_group([1]),
    lambda m: (lambda p: m.optim.SGD([{"params": p}, {"params": p}], lr=0.1))(m.ones(2)),
    lambda m: m.optim.SGD([("a", m.ones(1)), m.ones(2)], lr=0.1),
    lambda m: m.optim.SGD([("a", m.ones(1))], lr=0.1).add_param_group({"params": m.ones(2)}),
    lambda m: m.optim.SGD([m.ones(1)], lr=m.ones(2)),
    lambda m: m.optim.Optimizer([m.ones(1)], {}).step(),
    lambda m: m.optim.SGD([m.ones(1)], lr=1).load_state_dict(m.optim.SGD([m.ones(1), m.ones(2)], lr=1).state_dict()),
    lambda m: m.optim.SGD([m.ones(1)], lr=1).load_state_dict(
        m.optim.SGD([{"params": m.ones(1)}, {"params": m.ones(2)}], lr=1).state_dict()),
])
def test_bad_parameters(make):
    ours, theirs = error_of(lambda: make(martlet)), error_of(lambda: make(torch))
    assert ours[0] == theirs[0]
    assert ours[1].replace("martlet", "torch") == theirs[1]


@needs_torch
@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"])
def test_sparse_gradients_refused(name):
    def step(module):
        param = module.zeros(4, 3, requires_grad=True)
        param.grad = sparse_grad(module, 0)
        getattr(module.optim, name)([param]).step()

    assert error_of(lambda: step(martlet)) == error_of(lambda: step(torch))


@needs_torch
def test_dense_gradient_refused_by_sparse_adam_and_decay_of_sparse_by_adagrad():
    def dense_step(module):
        param = module.zeros(4, 3, requires_grad=True)
        param.grad = module.ones(4, 3)
        module.optim.SparseAdam([param]).step()

    def decayed_step(module):
        param = module.zeros(4, 3, requires_grad=True)
        param.grad = sparse_grad(module, 0)
        module.optim.Adagrad([param], weight_decay=0.1).step()

    for step in (dense_step, decayed_step):
        assert error_of(lambda: step(martlet)) == error_of(lambda: step(torch))


@needs_torch
@pytest.mark.parametrize("name,options", [("SGD", dict(lr=0.1, momentum=0.9)), ("Adam", dict(amsgrad=True)),
                                          ("RMSprop", dict(centered=True)), ("Adagrad", dict())])
def test_state_dict_round_trip(name, options):
    params, optimizer = run(martlet, name, options, steps=3)
    saved = copy.deepcopy(optimizer.state_dict())
    copies = [p.detach().clone().requires_grad_() for p in params]
    again = getattr(martlet.optim, name)(copies, **dict(options, lr=0.7))
    again.load_state_dict(saved)
    for step in range(3, 5):
        for group in (params, copies):
            for param, grad in zip(group, dense_grads(martlet, step)):
                param.grad = grad
        optimizer.step()
        again.step()
    for a, b in zip(params, copies):
        assert a.tolist() == b.tolist()
    assert repr(again) == repr(optimizer)


def test_closure_hooks_and_zero_grad():
    param = martlet.tensor([2.0], requires_grad=True)
    optimizer = martlet.optim.SGD([param], lr=0.25)
    calls = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("post"))

    def closure():
        optimizer.zero_grad()
        loss = (param * param).sum()
        loss.backward()
        calls.append("closure")
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert param.item() == 1.0
    before.remove()
    optimizer.step()
    assert calls == ["pre", "closure", "post", "post"]
    optimizer.zero_grad(set_to_none=False)
    assert param.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert param.grad is None


def test_own_optimizer_and_param_groups():
    class Signed(martlet.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, dict(lr=lr))

        @martlet.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    a, b = martlet.zeros(2, requires_grad=True), martlet.zeros(2, requires_grad=True)
    optimizer = Signed([{"params": [a], "lr": 1.0}, {"params": [b]}], lr=0.5)
    a.grad, b.grad = martlet.tensor([3.0, -3.0]), martlet.tensor([3.0, -3.0])
    optimizer.step()
    assert a.tolist() == [-1.0, 1.0] and b.tolist() == [-0.5, 0.5]


@needs_torch
@pytest.mark.parametrize("name,options", [("SGD", dict(momentum=0.9)), ("Adam", dict(weight_decay=0.1)), ("AdamW", {}),
                                          ("RMSprop", {}), ("Adagrad", {}), ("NAdam", {}), ("RAdam", {}), ("ASGD", {})])
def test_rate_as_a_tensor(name, options):
    def steps(module):
        return run(module, name, dict(options, lr=module.tensor(0.05)), "float64")[0]

    for a, b in zip(steps(martlet), steps(torch)):
        assert_same(a, b, rtol=1e-6)


@needs_torch
@pytest.mark.parametrize("name,options", [("SGD", dict(lr=0.1, momentum=0.9)), ("Adam", dict(lr=0.1)),
                                          ("RMSprop", dict(lr=0.1)), ("Adagrad", dict(lr=0.1)),
                                          ("Adadelta", dict(lr=0.1)), ("NAdam", dict(lr=0.1))])
def test_differentiable_steps(name, options):
    """The gradient of what three steps lead to, by the point they start from and the slopes."""

    def gradient(module):
        start = module.tensor([1.0, -2.0, 0.5], dtype=module.float64, requires_grad=True)
        slope = module.tensor([0.3, 0.7, -0.2], dtype=module.float64, requires_grad=True)
        param = start.clone()
        optimizer = getattr(module.optim, name)([param], differentiable=True, **options)
        for step in range(3):
            param.grad = slope * (step + 1)
            optimizer.step()
        return module.autograd.grad((param ** 2).sum(), [start, slope])

    for a, b in zip(gradient(martlet), gradient(torch)):
        assert_same(a, b, rtol=1e-5, atol=1e-10)  # torch counts differentiable steps in float32


@needs_torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name,wanted", [("SGD", ("lr", "weight_decay")), ("Adam", ("lr", "weight_decay", "betas")),
                                         ("AdamW", ("lr", "weight_decay", "betas"))])
def test_gradients_by_hyperparameters(name, wanted, dtype):
    def gradient(module):
        kind = getattr(module, dtype)
        leaves = {"lr": module.tensor(0.1, dtype=kind), "weight_decay": module.tensor(0.3, dtype=kind)}
        if "betas" in wanted:
            leaves.update(beta1=module.tensor(0.8, dtype=kind), beta2=module.tensor(0.9, dtype=kind))
        for leaf in leaves.values():
            leaf.requires_grad_()
        # Copies: in-place steps may not change a leaf's own graph.
        given = {k: v.clone() for k, v in leaves.items()}
        if "betas" in wanted:
            given["betas"] = (given.pop("beta1"), given.pop("beta2"))
        param = module.tensor([1.0, -2.0, 0.5], dtype=kind, requires_grad=True).clone()
        optimizer = getattr(module.optim, name)([param], differentiable=True, **given)
        for step in range(3):
            param.grad = module.tensor([0.3, 0.7, -0.2], dtype=kind) * (step + 1)
            optimizer.step()
        return module.autograd.grad((param ** 2).sum(), list(leaves.values()))

    for a, b in zip(gradient(martlet), gradient(torch)):
        assert_same(a, b, rtol=1e-5, atol=1e-10)


def test_pickles_and_copies():
    import pickle

    params, optimizer = [martlet.ones(2, requires_grad=True)], None
    optimizer = martlet.optim.Adam(params, lr=0.5)
    params[0].grad = martlet.ones(2)
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(twin) == repr(optimizer)
        p = twin.param_groups[0]["params"][0]
        p.grad = martlet.ones(2)
        twin.step()
        assert twin.state[p]["step"].item() == 2 and p.tolist() != params[0].tolist()
