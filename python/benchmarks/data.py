"""Data and first parameters of the workloads, made by numpy, so that every library trains the same model on the same
numbers."""
import math
from types import SimpleNamespace

import numpy as np


def uniform(rng, *shape, bound=1.0):
    return rng.uniform(-bound, bound, size=shape).astype(np.float32)


def layers(sizes, seed):
    """Weight and bias of each linear layer, one after another, in torch's default scale."""
    rng = np.random.default_rng(seed)
    arrays = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:]):
        bound = 1 / math.sqrt(inputs)
        arrays += [uniform(rng, outputs, inputs, bound=bound), uniform(rng, outputs, bound=bound)]
    return arrays


def dynamic_net():
    """W2: 64 rows of 1000 numbers, 100 hidden units, 10 outputs; how often each step uses the middle layer."""
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((64, 1000)).astype(np.float32), rng.standard_normal((64, 10)).astype(np.float32)
    return SimpleNamespace(sizes=[1000, 100, 100, 10], x=x, y=y, params=layers([1000, 100, 100, 10], 2), uses=[2, 0, 3, 1])


def last_word():
    """W3: vocabulary of 10, sentences of three words and the word that follows; a batch of two, then one of one."""
    rng = np.random.default_rng(3)
    V, E, FF, S = 10, 20, 2048, 3
    bound = 1 / math.sqrt(E)
    layer = "encoder.layers.0."
    params = {
        "embed.weight": rng.standard_normal((V, E)).astype(np.float32),
        layer + "self_attn.in_proj_weight": uniform(rng, 3 * E, E, bound=math.sqrt(6 / (4 * E))),
        layer + "self_attn.in_proj_bias": np.zeros(3 * E, np.float32),
        layer + "self_attn.out_proj.weight": uniform(rng, E, E, bound=bound),
        layer + "self_attn.out_proj.bias": np.zeros(E, np.float32),
        layer + "linear1.weight": uniform(rng, FF, E, bound=bound),
        layer + "linear1.bias": uniform(rng, FF, bound=bound),
        layer + "linear2.weight": uniform(rng, E, FF, bound=1 / math.sqrt(FF)),
        layer + "linear2.bias": uniform(rng, E, bound=1 / math.sqrt(FF)),
        layer + "norm1.weight": np.ones(E, np.float32),
        layer + "norm1.bias": np.zeros(E, np.float32),
        layer + "norm2.weight": np.ones(E, np.float32),
        layer + "norm2.bias": np.zeros(E, np.float32),
        "last.weight": uniform(rng, V, S * E, bound=1 / math.sqrt(S * E)),
        "last.bias": uniform(rng, V, bound=1 / math.sqrt(S * E)),
    }
    words = rng.integers(0, V, size=(3, 4))
    batches = [(words[:2, :3].T.copy(), words[:2, 3].copy()), (words[2:, :3].T.copy(), words[2:, 3].copy())]
    return SimpleNamespace(V=V, E=E, FF=FF, S=S, params=params, batches=batches)


def sinusoids():
    """W4: sixteen sets of four sinusoid tasks, ten points each to learn from and ten to be judged by."""
    rng = np.random.default_rng(4)
    tasks, shots, sets = 4, 10, []
    for _ in range(16):
        amplitude, phase = rng.uniform(.1, 5, (tasks, 1, 1)), rng.uniform(0, math.pi, (tasks, 1, 1))
        known, asked = rng.uniform(-5, 5, (tasks, shots, 1)), rng.uniform(-5, 5, (tasks, shots, 1))
        sets.append(tuple(a.astype(np.float32) for a in (
            known, amplitude * np.sin(known + phase), asked, amplitude * np.sin(asked + phase))))
    return SimpleNamespace(tasks=tasks, steps=5, lr=.01, params=layers([1, 40, 40, 1], 4), sets=sets)


def numbers():
    """W5: 16 bits of a number below 1024, rarely 65535; the number is the target."""
    rng = np.random.default_rng(5)
    n = rng.integers(0, 1024, size=1000)
    n[rng.random(1000) < .001] = 65535
    bits = ((n[:, None] >> np.arange(16)[None, :]) & 1).astype(np.float32)
    sizes = [16, 10, 10, 10, 10, 1]
    return SimpleNamespace(
        sizes=sizes, x=bits[:, None, :].copy(), y=n.astype(np.float32).reshape(-1, 1, 1), params=layers(sizes, 5), lr=1e-3)


def mlp():
    """W6: a batch of 256 images of 784 points in ten classes."""
    rng = np.random.default_rng(6)
    x, y = rng.random((256, 784), dtype=np.float32), rng.integers(0, 10, size=256)
    return SimpleNamespace(x=x, y=y, params=layers([784, 1024, 1024, 10], 6))


def lenet():
    """W7: a batch of 64 images of 28 by 28 points in ten classes."""
    rng = np.random.default_rng(7)
    def kernels(*shape):
        return uniform(rng, *shape, bound=1 / math.sqrt(np.prod(shape[1:])))
    params = [kernels(6, 1, 5, 5), uniform(rng, 6, bound=.2), kernels(16, 6, 5, 5), uniform(rng, 16, bound=.08)]
    x, y = rng.random((64, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, size=64)
    return SimpleNamespace(x=x, y=y, params=params + layers([256, 120, 84, 10], 7))


def gpt():
    """W8: eight rows of 128 tokens out of 5000."""
    rng = np.random.default_rng(8)
    L, D, H, S, B, V = 4, 256, 4, 128, 8, 5000

    def normal(*shape):
        return (rng.standard_normal(shape) * .02).astype(np.float32)

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    def ones(*shape):
        return np.ones(shape, np.float32)

    params = {"tokens.weight": normal(V, D), "places.weight": normal(S, D)}
    for i in range(L):
        b = f"blocks.{i}."
        params.update({
            b + "norm1.weight": ones(D), b + "norm1.bias": zeros(D), b + "qkv.weight": normal(3 * D, D),
            b + "qkv.bias": zeros(3 * D), b + "project.weight": normal(D, D), b + "project.bias": zeros(D),
            b + "norm2.weight": ones(D), b + "norm2.bias": zeros(D), b + "wide.weight": normal(4 * D, D),
            b + "wide.bias": zeros(4 * D), b + "narrow.weight": normal(D, 4 * D), b + "narrow.bias": zeros(D)})
    params.update({"norm.weight": ones(D), "norm.bias": zeros(D), "head.weight": normal(V, D)})
    x, y = rng.integers(0, V, size=(B, S)), rng.integers(0, V, size=(B, S))
    return SimpleNamespace(L=L, D=D, H=H, S=S, V=V, params=params, x=x, y=y)


def table():
    """W10: which 4096 of a million rows a step looks up."""
    rng = np.random.default_rng(10)
    return SimpleNamespace(rows=1_000_000, width=64, lookups=[rng.integers(0, 1_000_000, size=4096) for _ in range(8)])
