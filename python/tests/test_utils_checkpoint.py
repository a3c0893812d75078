"""Checkpointing gives the same values and gradients, dropout included, and runs the part twice."""
import pytest

import martlet
from martlet.utils.checkpoint import checkpoint, checkpoint_sequential


def block(counter=None):
    martlet.manual_seed(0)
    layers = [martlet.nn.Linear(3, 3), martlet.nn.Dropout(0.5), martlet.nn.Tanh(), martlet.nn.Linear(3, 2)]
    model = martlet.nn.Sequential(*layers)
    if counter is not None:
        model.register_forward_hook(lambda *_: counter.append(1))
    return model


def gradients(run, **options):
    calls = []
    model = block(calls)
    x = martlet.ones(4, 3, requires_grad=True)
    martlet.manual_seed(5)
    out = run(model, x, **options)
    out.pow(2).sum().backward()
    return [out.tolist(), x.grad.tolist()] + [p.grad.tolist() for p in model.parameters()], len(calls)


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_values_and_gradients(reentrant):
    plain, once = gradients(lambda model, x: model(x))
    checked, twice = gradients(checkpoint, use_reentrant=reentrant)
    assert checked == plain and (once, twice) == (1, 2)
    parts, _ = gradients(lambda model, x: checkpoint_sequential(model, 2, x, use_reentrant=reentrant))
    assert parts == plain


def test_parameters_without_inputs_and_errors():
    model = block()
    checkpoint(model, martlet.ones(1, 3), use_reentrant=False).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        checkpoint(model, martlet.ones(1, 3, requires_grad=True))
    with pytest.raises(ValueError, match="Unexpected keyword arguments: extra"):
        checkpoint(model, martlet.ones(1, 3), use_reentrant=True, extra=1)
