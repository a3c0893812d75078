"""Pop-Art: learning targets whose scale is unknown and changes.

The algorithm of H. van Hasselt, A. Guez, M. Hessel, V. Mnih and D. Silver,
"Learning values across many orders of magnitude", NIPS 2016.  Two halves:

ART  Adaptively Rescaling Targets.  The network learns (Y - mu) / sigma, where
     mu and sigma follow the targets: running first and second moments with
     step size beta.  The size of an update no longer depends on the targets'.
POP  Preserving Outputs Precisely.  When mu and sigma move, the last layer is
     rescaled the opposite way,
         W <- W sigma / sigma',    b <- (sigma b + mu - mu') / sigma',
     so that sigma' (W' h + b') + mu' = sigma (W h + b) + mu for every input:
     new statistics change what is learnt next, never what was learnt.

Run as a program it puts a layer through thousands of changes of scale and
shows that its outputs stay where they were.
"""

import math

import torch
import torch.nn.functional as F


class PopArt(torch.nn.Module):
    """A linear last layer with normalised outputs.

    Calling it gives normalised predictions, (N, in_features) -> (N, out_features);
    `denormalize` turns them into predictions of the targets themselves.  `update`
    takes the targets of the coming step, before the loss is computed from them.

    beta             step size of the statistics, between 0 and 1
    preserve_outputs False leaves the POP half away (the paper's ART)
    floor            least variance that the statistics may report
    """

    def __init__(self, in_features, out_features=1, beta=0.1, preserve_outputs=True, floor=1e-4):
        super().__init__()
        linear = torch.nn.Linear(in_features, out_features)
        self.weight = linear.weight
        self.bias = linear.bias
        self.beta = beta
        self.preserve_outputs = preserve_outputs
        self.floor = floor
        # mu and sigma start as 0 and 1, so the layer starts as a plain linear one.
        self.register_buffer("mu", torch.zeros(out_features))
        self.register_buffer("nu", torch.ones(out_features))
        self.register_buffer("sigma", torch.ones(out_features))

    def extra_repr(self):
        return "in_features=%d, out_features=%d, beta=%.4g, preserve_outputs=%s" % (
            self.weight.size(1), self.weight.size(0), self.beta, self.preserve_outputs)

    def forward(self, h):
        return F.linear(h, self.weight, self.bias)

    def normalize(self, targets):
        return (targets - self.mu) / self.sigma

    def denormalize(self, normalised):
        return normalised * self.sigma + self.mu

    def update(self, targets):
        """Let the statistics take a step towards `targets`, (N, out_features)."""
        with torch.no_grad():
            mu = (1 - self.beta) * self.mu + self.beta * targets.mean(0)
            nu = (1 - self.beta) * self.nu + self.beta * (targets**2).mean(0)
            sigma = (nu - mu**2).clamp(min=self.floor).sqrt()
            if self.preserve_outputs:
                self.weight *= (self.sigma / sigma).unsqueeze(1)
                self.bias.copy_((self.sigma * self.bias + self.mu - mu) / sigma)
            self.mu.copy_(mu)
            self.nu.copy_(nu)
            self.sigma.copy_(sigma)


def drift(dtype, updates, preserve_outputs=True):
    """How far the outputs of a layer wander over many updates of its statistics.

    The targets jump by up to five orders of magnitude.  Returns the largest
    change of any output, relative to the largest target seen so far (outputs
    are sums of numbers of that size, so rounding is of that size too).
    """
    torch.manual_seed(3)
    layer = PopArt(10, 2, beta=0.3, preserve_outputs=preserve_outputs).to(dtype)
    hidden = torch.randn(32, 10, dtype=torch.float64).to(dtype)
    scales = 10 ** torch.randint(0, 6, (updates,)).double()
    targets = (torch.randn(updates, 1, 2, dtype=torch.float64) * scales.view(-1, 1, 1)).to(dtype)
    with torch.no_grad():
        start = layer.denormalize(layer(hidden))
        for target in targets:
            layer.update(target)
        end = layer.denormalize(layer(hidden))
    return ((end - start).abs().max() / targets.abs().max()).item()


def main():
    torch.manual_seed(3)
    layer = PopArt(3, 1, beta=0.5).double()
    hidden = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]], dtype=torch.float64)
    print(layer)
    print("state:", [(name, tuple(value.shape)) for name, value in layer.state_dict().items()])
    for target in (4.0, 1000.0, -20.0):
        layer.update(torch.tensor([[target]], dtype=torch.float64))
        with torch.no_grad():
            print("after target %6.0f: mu %9.4f sigma %8.4f" % (target, layer.mu.item(), layer.sigma.item()),
                  "normalised", ["%.4f" % v for v in layer(hidden).view(-1).tolist()],
                  "outputs", ["%.3f" % v for v in layer.denormalize(layer(hidden)).view(-1).tolist()])

    # No normalised target lies outside +- sqrt((1 - beta) / beta), however large (a bound that the paper proves).
    beta = 10**-0.5
    layer = PopArt(3, 1, beta=beta).double()
    for target in (1.0, 1e3, 1e6, 1e9):
        y = torch.tensor([[target]], dtype=torch.float64)
        layer.update(y)
        print("target %.0e normalised %.4f (bound %.4f)" % (target, layer.normalize(y).item(), math.sqrt((1 - beta) / beta)))

    updates = 5000
    print("outputs after %d updates of the statistics" % updates)
    for dtype, limit in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        print("  %s: moved by less than %g of the largest target: %s" % (dtype, limit, drift(dtype, updates) < limit))
    print("  without preservation: moved by less than 0.01: %s" % (drift(torch.float64, updates, False) < 0.01))


if __name__ == "__main__":
    main()
