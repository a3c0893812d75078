"""Differentiating through a training step: when is a weight a function of the data?

The model is f(x; w) = (w x)**2 with w = x = 1, the loss |f - 2| and the step
size 0.1.  The loss falls as w grows, so one step of gradient descent gives

    w0 = 1,   w1 = w0 + 0.2 w0 x**2 = 1.2,   w2 = 1.44

and d loss / d x before the first step is -2 w0**2 x = -2.  Before the second
step there are two answers.  Take w1 as a constant: -2 w1**2 x = -2.88.  Take
it as what it is, a function of x: -2 (w0 x + 0.2 w0 x**3) (w0 + 0.6 w0 x**2),
which is -2 * 1.2 * 1.6 = -3.84.  Meta-learning needs the second answer; the
four variants below show which ways of writing the loop give it.
"""

import collections

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

import higher

STEPS = 2
LR = 0.1


class Square(nn.Module):
    """x -> (w x)**2 with a weight that starts at exactly one."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 1, bias=False)
        self.fc.weight.data.uniform_(1, 1)

    def forward(self, x):
        return self.fc(x) ** 2


def fresh_data():
    x = torch.tensor([[1.0]])
    target = torch.tensor([[2.0]])
    x.requires_grad = True
    return x, target


def loss_and_gradient(prediction, target, x):
    """The L1 loss and its gradient for x; the graph stays for the weight update."""
    cost = nn.L1Loss()(prediction, target)
    (grad,) = torch.autograd.grad(cost, x, retain_graph=True)
    print("  Grad:", grad)
    return cost


def ordinary_loop():
    """optimizer.step() writes new numbers into the same Parameter: no history."""
    x, target = fresh_data()
    model = Square()
    for j in range(STEPS):
        print("step", j)
        cost = loss_and_gradient(model(x), target, x)
        optimizer = optim.SGD(model.parameters(), lr=LR)
        optimizer.zero_grad()
        cost.backward(retain_graph=True)
        optimizer.step()
        print("  Weight:", model.fc.weight)


def submodule(model, path):
    """The module at a dotted path, walked one attribute at a time."""
    for name in path:
        model = getattr(model, name)
    return model


def rebuilt_parameters():
    """Each step makes new Parameters and hangs them into the model.

    The update itself is differentiable (create_graph=True), but nn.Parameter
    always makes a leaf: wrapping the new weight cuts it off from its history.
    """
    x, target = fresh_data()
    model = Square()
    params = [collections.OrderedDict(model.named_parameters())]
    for j in range(STEPS):
        print("step", j)
        for key, value in params[j].items():
            *path, leaf = key.split(".")
            setattr(submodule(model, path), leaf, value)
        cost = loss_and_gradient(model(x), target, x)
        grads = torch.autograd.grad(cost, params[j].values(), retain_graph=True, create_graph=True)
        updated = params[j].copy()
        for key, grad in zip(params[j], grads):
            updated[key] = nn.Parameter(params[j][key] - LR * grad)
        params.append(updated)
        print("  Weight:", updated)


def functional_weights():
    """The weight is an ordinary tensor, so every update stays in the graph."""
    x, target = fresh_data()
    w = torch.tensor([[1.0]])
    w.requires_grad = True
    for j in range(STEPS):
        print("step", j)
        cost = loss_and_gradient(F.linear(x, w, bias=None) ** 2, target, x)
        (grad,) = torch.autograd.grad(cost, w, retain_graph=True, create_graph=True)
        w = w - LR * grad
        print("  Weight:", w)


def with_higher():
    """higher runs the module with tracked weights and a differentiable optimizer."""
    x, target = fresh_data()
    model = Square()
    optimizer = optim.SGD(model.parameters(), lr=LR)
    with higher.innerloop_ctx(model, optimizer) as (fmodel, diffopt):
        for j in range(STEPS):
            print("step", j)
            cost = loss_and_gradient(fmodel(x), target, x)
            diffopt.step(cost)
            print("  Weight:", fmodel.fc.weight)
    print("the model itself is unchanged:", model.fc.weight)


def gradients_in_detail():
    """The corners of torch.autograd.grad that meta-learning code leans on."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    w = torch.tensor(2.0, requires_grad=True)
    unused = torch.tensor(5.0, requires_grad=True)
    y = w * x**2

    # A vector needs grad_outputs, the weights with which its entries are summed.
    weights = torch.tensor([1.0, 0.0, -1.0])
    print("vector:", torch.autograd.grad(y, (x, w), grad_outputs=weights, retain_graph=True))

    # create_graph makes the gradient itself differentiable: d/dw of (2 w x) summed is 2 sum(x).
    (gx,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    print("first order:", gx)
    print("second order:", torch.autograd.grad(gx.sum(), (x, w)))

    # What did not take part has no gradient: None where that is allowed, an error elsewhere.
    print("unused:", torch.autograd.grad(y.sum(), (w, unused), allow_unused=True, retain_graph=True))
    try:
        torch.autograd.grad(y.sum(), (w, unused))
    except RuntimeError as error:
        print("refused:", error)

    # The graph is gone once it was walked without retain_graph.
    z = (w * x).exp().sum()
    torch.autograd.grad(z, w)
    try:
        torch.autograd.grad(z, w)
    except RuntimeError as error:
        print("refused:", str(error).split(" (")[0])


def main():
    torch.manual_seed(0)
    for variant in (ordinary_loop, rebuilt_parameters, functional_weights, with_higher, gradients_in_detail):
        print("==", variant.__name__.replace("_", " "))
        variant()
        print()


if __name__ == "__main__":
    main()
