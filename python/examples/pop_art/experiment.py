"""The first experiment of the Pop-Art paper: rare targets a hundred times too large.

Inputs are the 16 bits of an integer, the target is the integer itself.  The
integers are drawn from 0..1023, but every thousandth sample is 65535, all bits
set.  A network with three hidden layers of ten tanh units learns online, one
sample at a time; each sample's error is taken before the network learns from
it.  Three learners see the same samples and start from the same weights:

SGD      plain stochastic gradient descent on the targets as they are
ART      targets normalised, outputs not preserved when the statistics move
Pop-Art  targets normalised and outputs preserved

The step sizes are those that did best for each learner in the paper, on a grid
of half powers of ten: 10**-3.5 for SGD, 10**-2.5 with beta = 10**-4 for ART and
10**-2.5 with beta = 10**-0.5 for Pop-Art.

    python experiment.py                         5 repetitions of 5000 samples
    python experiment.py --seeds 50              the paper's 50 repetitions
    python experiment.py --plot figure.png       PNG by matplotlib; .svg needs nothing
"""

import argparse
import math
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import plot
from pop_art import PopArt

BITS = 16
RARE = 2**BITS - 1
PERIOD = 1000
LEARNERS = ("SGD", "ART", "Pop-Art")


class PlainLayer(PopArt):
    """The last layer of plain SGD: the same linear layer, statistics held at 0 and 1."""

    def update(self, targets):
        pass


def make_learner(name):
    """The hidden layers, the last layer and the step size of one learner."""
    sizes = (BITS, 10, 10, 10)
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    lower = torch.nn.Sequential(*layers)
    if name == "SGD":
        upper, alpha = PlainLayer(10), 10**-3.5
    elif name == "ART":
        upper, alpha = PopArt(10, beta=1e-4, preserve_outputs=False), 10**-2.5
    else:
        upper, alpha = PopArt(10, beta=10**-0.5), 10**-2.5
    # Online learning at these step sizes magnifies rounding; in double precision what
    # is left of it stays far below the digits that are printed.
    return lower.double(), upper.double(), alpha


def make_samples(count, seed):
    """Inputs (count, 16) and targets (count, 1) of one repetition."""
    torch.manual_seed(seed)
    numbers = torch.randint(0, 1024, (count,)).tolist()
    numbers[PERIOD - 1 :: PERIOD] = [RARE] * len(numbers[PERIOD - 1 :: PERIOD])
    bits = [[number >> place & 1 for place in reversed(range(BITS))] for number in numbers]
    return torch.tensor(bits, dtype=torch.float64), torch.tensor(numbers, dtype=torch.float64).view(-1, 1)


def run(name, inputs, targets, seed):
    """Train one learner online; returns the error on each sample before its update."""
    torch.manual_seed(seed)
    lower, upper, alpha = make_learner(name)
    optimizer = torch.optim.SGD(list(lower.parameters()) + list(upper.parameters()), lr=alpha)
    errors = []
    for x, y in zip(inputs.split(1), targets.split(1)):
        h = lower(x)
        with torch.no_grad():
            errors.append(abs((upper.denormalize(upper(h)) - y).item()))
        # Statistics first: the gradient is taken of the freshly normalised error.
        upper.update(y)
        loss = 0.5 * (upper(h) - upper.normalize(y)).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return errors


def quantile(values, q):
    """The q-quantile of a list, with linear interpolation."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def rmse(errors):
    return math.sqrt(sum(e * e for e in errors) / len(errors))


def curves(runs, smooth):
    """Median, 10th and 90th percentile over the runs, averaged over `smooth` samples."""
    result = []
    for q in (0.5, 0.1, 0.9):
        line = [quantile(at_one_sample, q) for at_one_sample in zip(*runs)]
        result.append([sum(line[i : i + smooth]) / smooth for i in range(0, len(line) - smooth + 1, smooth)])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--seeds", type=int, default=5, help="repetitions")
    parser.add_argument("--plot", metavar="FILE", help="write the figure as .svg or .png")
    options = parser.parse_args()
    if options.samples < 10 or options.seeds < 1:
        parser.error("at least 10 samples and 1 seed")

    errors = {name: [] for name in LEARNERS}
    for seed in range(options.seeds):
        inputs, targets = make_samples(options.samples, seed)
        for name in LEARNERS:
            errors[name].append(run(name, inputs, targets, seed))

    print("median RMSE over %d seeds; ordinary samples, then the rare one that ends the window" % options.seeds)
    print("%-12s" % "samples", "".join("%18s" % name for name in LEARNERS))
    for start in range(0, options.samples, PERIOD):
        stop = min(start + PERIOD, options.samples)
        complete = stop - start == PERIOD
        cells = []
        for name in LEARNERS:
            windows = [run_errors[start:stop] for run_errors in errors[name]]
            ordinary = quantile([rmse(w[:-1] if complete else w) for w in windows], 0.5)
            rare = "%8.0f" % quantile([w[-1] for w in windows], 0.5) if complete else " " * 8
            cells.append("%10.0f%s" % (ordinary, rare))
        print("%5d-%-6d" % (start + 1, stop), "".join(cells))

    total = {name: quantile([rmse(e) for e in errors[name]], 0.5) for name in LEARNERS}
    print("all samples ", "".join("%10.0f%8s" % (total[name], "") for name in LEARNERS))
    print("best overall:", min(LEARNERS, key=total.get))

    if options.plot:
        series = {name: curves(errors[name], smooth=10) for name in LEARNERS}
        plot.write(options.plot, series, step=10, title="Binary regression, every 1000th target 65535",
                   xlabel="number of samples", ylabel="RMSE (median, 10% to 90%)")
        print("figure:", os.path.basename(options.plot))


if __name__ == "__main__":
    main()
