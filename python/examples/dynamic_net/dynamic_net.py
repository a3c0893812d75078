"""A network that decides its own depth, and what happens to a weight used twice.

On every forward pass plain Python control flow picks how often the middle
layer is applied: not at all, once, twice or three times, always with the same
weight.  Part one trains that network.  Part two shows what backward() does to
a shared weight: it changes nothing but ``.grad``, and ``.grad`` is the sum of
the gradients that separate copies of the weight would have received, one per use.
"""

import copy
import random

import torch


class DynamicNet(torch.nn.Module):
    """D_in -> H, then 0 to 3 times the same H -> H, then H -> D_out."""

    def __init__(self, d_in, hidden, d_out):
        super().__init__()
        self.input_linear = torch.nn.Linear(d_in, hidden)
        self.middle_linear = torch.nn.Linear(hidden, hidden)
        self.output_linear = torch.nn.Linear(hidden, d_out)

    def forward(self, x, repeats=None):
        """`repeats` fixes the number of middle applications; None draws it."""
        if repeats is None:
            repeats = random.randint(0, 3)
        h = self.input_linear(x).clamp(min=0)
        for _ in range(repeats):
            h = self.middle_linear(h).clamp(min=0)
        return self.output_linear(h)


class UnrolledNet(torch.nn.Module):
    """The same computation with one separate copy of the middle layer per use."""

    def __init__(self, net, repeats):
        super().__init__()
        self.input_linear = copy.deepcopy(net.input_linear)
        self.middles = torch.nn.ModuleList(copy.deepcopy(net.middle_linear) for _ in range(repeats))
        self.output_linear = copy.deepcopy(net.output_linear)

    def forward(self, x):
        h = self.input_linear(x).clamp(min=0)
        for middle in self.middles:
            h = middle(h).clamp(min=0)
        return self.output_linear(h)


def train(net, x, y, steps):
    criterion = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    for t in range(steps):
        loss = criterion(net(x), y)
        if t % 15 == 0:
            print(t, loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def compare_with_copies(net, x, y, repeats):
    """Gradient of the shared middle weight beside the sum over separate copies."""
    criterion = torch.nn.MSELoss(reduction="sum")

    net.zero_grad()
    before = net.middle_linear.weight.detach().clone()
    criterion(net(x, repeats), y).backward()
    print("uses:", repeats)
    print("  backward left the weight as it was:", torch.equal(before, net.middle_linear.weight))
    if repeats == 0:
        print("  gradient of an unused weight:", net.middle_linear.weight.grad)
        return

    unrolled = UnrolledNet(net, repeats)
    unrolled.zero_grad()
    criterion(unrolled(x), y).backward()
    for name in ("weight", "bias"):
        shared = getattr(net.middle_linear, name).grad
        separate = [getattr(middle, name).grad for middle in unrolled.middles]
        total = sum(separate)
        scale = shared.abs().max()
        print("  %s: sum over %d copies matches: %s" % (name, repeats, torch.allclose(shared, total, rtol=1e-4, atol=1e-5 * scale.item())),
              "| largest relative difference: %.4f" % ((shared - total).abs().max() / scale).item())
        # With more than one use, no single copy has the whole gradient.
        alone = [torch.allclose(shared, g, rtol=1e-4, atol=1e-5 * scale.item()) for g in separate]
        print("  %s: one copy alone matches:" % name, alone)


def main():
    torch.manual_seed(0)
    random.seed(0)
    n, d_in, hidden, d_out = 64, 1000, 100, 10
    x = torch.randn(n, d_in)
    y = torch.randn(n, d_out)
    net = DynamicNet(d_in, hidden, d_out)
    print(net)

    train(net, x, y, steps=500)

    # A fresh network and a fresh target, so that the gradients are far from zero.
    net = DynamicNet(d_in, hidden, d_out)
    for repeats in range(4):
        compare_with_copies(net, x, y, repeats)


if __name__ == "__main__":
    main()
