"""The table of what is measured: every case with its workload, its maker, and its targets."""
from typing import NamedTuple, Optional

import operations
import steps
import training


class Case(NamedTuple):
    workload: str
    name: str
    #: Of the module with torch's API; gives a training.Step, or run(n).
    make: object
    #: Targets: Martlet's time over torch's, called from Python, captured, and captured with many steps in one call.
    eager: Optional[float] = None
    captured: Optional[float] = None
    many: Optional[float] = None
    #: Target for a step from C and from Swift: time over Martlet's own from Python.
    languages: Optional[float] = None
    #: Floating point operations of one call, for the share of the machine's peak, and the target for that share.
    flops: Optional[int] = None
    share: Optional[float] = None
    #: Steps after which --check compares losses; how a case that draws random numbers is made for it.
    check: int = 0
    make_checked: object = None
    #: Seconds that one measurement should take, and the most rounds it is worth.
    seconds: float = .25
    rounds: int = 99

    @property
    def key(self):
        return f"{self.workload} {self.name}"


def _table():
    yield Case("W1", "a + b, one element", lambda T: operations.add_one(T, False), .2, seconds=.05)
    yield Case("W1", "a + b, one element, recorded", lambda T: operations.add_one(T, True), .25, seconds=.05)
    yield Case("W1", "(a * b).sum().backward()", operations.backward_one, .15, seconds=.05)
    yield Case("W2", "dynamic net", training.dynamic_net, .45, .35, languages=.7, check=48)
    yield Case("W3", "last word", training.last_word, .2, .1, languages=.7, check=20,
               make_checked=lambda T: training.last_word(T, dropout=0.))
    yield Case("W4a", "two inner steps", training.two_inner_steps, .1, .02, languages=.7, check=1)
    yield Case("W4b", "MAML, sinusoids", training.maml, .15, .04, languages=.7, check=16)
    yield Case("W5", "online SGD", training.online_sgd, .12, .02, .008, languages=.7, check=200)
    yield Case("W5", "Pop-Art", training.pop_art, .12, .02, .008, languages=.7, check=200)
    yield Case("W6", "MLP, Adam", training.mlp, .65, .6, check=3)
    yield Case("W7", "LeNet", training.lenet, .4, .35, check=20)
    yield Case("W8", "GPT, AdamW", training.gpt, .85, .8, check=3, rounds=7)
    for name in operations.KERNELS:
        for digits in range(3, 8):
            target = .4 if digits == 7 else .35 if name in ("softmax", "layer_norm") else .7
            yield Case("W9", f"{name}, 1e{digits}", lambda T, name=name, n=10 ** digits: operations.kernel(T, name, n), target,
                       seconds=.03 if digits < 7 else .1)
    for layout in operations.PRODUCTS:
        for power in range(4, 12):
            n = 2 ** power
            if layout == "NN" or n >= 256:
                yield Case("W9", f"matmul {layout}, {n}", lambda T, layout=layout, n=n: operations.product(T, layout, n),
                           .5 if n <= 64 else 1.0, flops=2 * n ** 3, share=.85 if n >= 256 else None, seconds=.05)
    yield Case("W10", "sparse, SGD", lambda T: training.table(T, True, "SGD"), .2, check=3)
    yield Case("W10", "sparse, SparseAdam", lambda T: training.table(T, True, "SparseAdam"), .25, check=3)
    yield Case("W10", "dense, SGD", lambda T: training.table(T, False, "SGD"), .5, check=3, rounds=7)
    yield Case("W10", "dense, Adam", lambda T: training.table(T, False, "Adam"), .3, check=3, rounds=5)
    yield Case("W13", "chain of 100,000 nodes", lambda T: operations.chain(T, 100_000), rounds=5)  # target: startup.py
    for name, make in steps.PROGRAMS.items():
        yield Case("program", name, make)


CASES = {case.key: case for case in _table()}
