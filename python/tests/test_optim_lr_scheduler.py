"""Learning-rate schedules against torch's, to the last digit."""
import warnings

import pytest
from _against_torch import error_of, needs_torch, torch

import martlet

MAKERS = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 0.95 ** e, lambda e: 1 / (1 + e)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9),
    "step": lambda s, o: s.StepLR(o, 3, 0.3),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5], 0.3),
    "constant": lambda s, o: s.ConstantLR(o, 0.4, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, 6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.7),
    "polynomial": lambda s, o: s.PolynomialLR(o, 7, 1.7),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 4, 0.01),
    "onecycle": lambda s, o: s.OneCycleLR(o, [1.0, 0.3], total_steps=14),
    "onecycle3": lambda s, o: s.OneCycleLR(o, 1.0, epochs=3, steps_per_epoch=5, three_phase=True,
                                           anneal_strategy="linear"),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "sequential": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)], [3]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)]),
}


def optimizer_of(module, kind="SGD"):
    groups = [{"params": module.ones(2)}, {"params": module.ones(3), "lr": 0.05}]
    options = dict(lr=0.1, momentum=0.9) if kind == "SGD" else dict(lr=0.1)
    return getattr(module.optim, kind)(groups, **options)


def trace(module, name, kind):
    optimizer = optimizer_of(module, kind)
    scheduler = MAKERS[name](module.optim.lr_scheduler, optimizer)
    out = []
    for _ in range(13):
        optimizer.step()
        out.append((scheduler.get_last_lr(), [g.get("momentum", g.get("betas")) for g in optimizer.param_groups]))
        scheduler.step()
    return out, repr(optimizer)


@needs_torch
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_rates(name, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert trace(martlet, name, kind) == trace(torch, name, kind)


@needs_torch
@pytest.mark.parametrize("options", [dict(patience=1), dict(mode="max", factor=0.5, patience=0, cooldown=2),
                                     dict(threshold_mode="abs", threshold=0.2, patience=0, min_lr=[0.02, 0.01])])
def test_plateau(options):
    metrics = [1.0, 0.9, 0.95, 0.94, 0.93, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4]

    def rates(module):
        optimizer = optimizer_of(module)
        scheduler = module.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        out = []
        for m in metrics:
            scheduler.step(module.tensor(m))
            out.append(scheduler.get_last_lr())
        return out

    assert rates(martlet) == rates(torch)


@needs_torch
def test_state_dict_and_resume():
    def rates(module):
        optimizer = optimizer_of(module)
        first = module.optim.lr_scheduler.StepLR(optimizer, 2)
        for _ in range(3):
            optimizer.step()
            first.step()
        again = module.optim.lr_scheduler.StepLR(optimizer, 5, last_epoch=3)
        again.load_state_dict(first.state_dict())
        out = sorted(k for k in first.state_dict() if not k.startswith("_"))
        for _ in range(3):
            optimizer.step()
            again.step()
        return out, again.get_last_lr(), again.step_size

    assert rates(martlet) == rates(torch)


@needs_torch
@pytest.mark.parametrize("bad", [
    lambda s, o: s.StepLR(1, 2),
    lambda s, o: s.LambdaLR(o, [abs]),
    lambda s, o: s.ConstantLR(o, 2),
    lambda s, o: s.LinearLR(o, 0),
    lambda s, o: s.LinearLR(o, 1, 7),
    lambda s, o: s.OneCycleLR(o, 1.0),
    lambda s, o: s.OneCycleLR(o, 1.0, total_steps=-1),
    lambda s, o: s.OneCycleLR(o, [1.0], total_steps=4),
    lambda s, o: s.ReduceLROnPlateau(o, factor=2),
    lambda s, o: s.ReduceLROnPlateau(o, mode="x"),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
])
def test_bad_input(bad):
    ours = error_of(lambda: bad(martlet.optim.lr_scheduler, optimizer_of(martlet)))
    assert ours == error_of(lambda: bad(torch.optim.lr_scheduler, optimizer_of(torch)))


def test_order_warning():
    optimizer = optimizer_of(martlet)
    scheduler = martlet.optim.lr_scheduler.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    optimizer = optimizer_of(martlet)
    scheduler = martlet.optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
