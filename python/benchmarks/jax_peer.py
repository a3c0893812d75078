"""The workloads in JAX: a whole step, its update included, under jax.jit with the state given away."""
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import data

tree = jax.tree_util.tree_map


def _steps(update, state, inputs, static=()):
    """run(n) over a state that each call gives away; the last result is waited for."""
    function = jax.jit(update, donate_argnums=(0,), static_argnums=static)
    kept = [tree(lambda a: jnp.array(a, copy=True), state)]

    def run(n):
        for i in range(n):
            kept[0], loss = function(kept[0], *inputs[i % len(inputs)])
        jax.block_until_ready((kept[0], loss))
    return run


def _linear(p, i, x):
    """The i-th layer of a flat list of weights and biases."""
    return x @ p[2 * i].T + p[2 * i + 1]


def _cross_entropy(logits, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()


def _sgd(p, g, lr):
    return tree(lambda a, b: a - lr * b, p, g)


def _momentum(p, g, velocity, lr):
    velocity = tree(lambda v, b: .9 * v + b, velocity, g)
    return _sgd(p, velocity, lr), velocity


def _adam(p, g, m, v, t, lr, decay=0.):
    t = t + 1
    m = tree(lambda a, b: .9 * a + .1 * b, m, g)
    v = tree(lambda a, b: .999 * a + .001 * b * b, v, g)
    c1, c2 = 1 - .9 ** t, 1 - .999 ** t
    return tree(lambda a, x, y: a * (1 - lr * decay) - lr / c1 * x / (jnp.sqrt(y / c2) + 1e-8), p, m, v), m, v, t


def _zeros(p):
    return tree(jnp.zeros_like, p)


def _normalised(x, weight=1., bias=0.):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * weight + bias


def dynamic_net():
    d = data.dynamic_net()

    def update(state, x, y, uses):
        def loss(p):
            h = jnp.maximum(_linear(p, 0, x), 0)
            for _ in range(uses):
                h = jnp.maximum(_linear(p, 1, h), 0)
            return ((_linear(p, 2, h) - y) ** 2).sum()
        value, g = jax.value_and_grad(loss)(state[0])
        return _momentum(state[0], g, state[1], 1e-4), value
    p = tree(jnp.asarray, d.params)
    x, y = jnp.asarray(d.x), jnp.asarray(d.y)
    return _steps(update, (p, _zeros(p)), [(x, y, uses) for uses in d.uses], static=(3,))


def last_word(rate=.1):
    d, layer = data.last_word(), "encoder.layers.0."

    def drop(x, key):
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)

    def forward(p, words, key):
        keys = jax.random.split(key, 4)
        x = p["embed.weight"][words]
        S, B, E = x.shape
        qkv = x @ p[layer + "self_attn.in_proj_weight"].T + p[layer + "self_attn.in_proj_bias"]
        q, k, v = (t.reshape(S, B, 2, E // 2).transpose(1, 2, 0, 3) for t in jnp.split(qkv, 3, -1))
        weights = drop(jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / math.sqrt(E // 2)), keys[0])
        attended = (weights @ v).transpose(2, 0, 1, 3).reshape(S, B, E)
        attended = attended @ p[layer + "self_attn.out_proj.weight"].T + p[layer + "self_attn.out_proj.bias"]
        x = _normalised(x + drop(attended, keys[1]), p[layer + "norm1.weight"], p[layer + "norm1.bias"])
        h = drop(jax.nn.relu(x @ p[layer + "linear1.weight"].T + p[layer + "linear1.bias"]), keys[2])
        h = drop(h @ p[layer + "linear2.weight"].T + p[layer + "linear2.bias"], keys[3])
        x = _normalised(x + h, p[layer + "norm2.weight"], p[layer + "norm2.bias"])
        return x.transpose(1, 0, 2).reshape(B, S * E) @ p["last.weight"].T + p["last.bias"]

    def update(state, words, target):
        p, key = state
        key, used = jax.random.split(key)
        value, g = jax.value_and_grad(lambda p: _cross_entropy(forward(p, words, used), target))(p)
        return (_sgd(p, g, .01), key), value
    p = {name: jnp.asarray(a) for name, a in d.params.items()}
    return _steps(update, (p, jax.random.PRNGKey(0)), [(jnp.asarray(a), jnp.asarray(b)) for a, b in d.batches])


def two_inner_steps():
    def outer(w):
        def cost(w):
            return (w * 1.0 - 3.0) ** 2
        for _ in range(2):
            w = w - .1 * jax.grad(cost)(w)
        return cost(w)
    gradient, start = jax.jit(jax.grad(outer)), jnp.float32(1)

    def run(n):
        for _ in range(n):
            result = gradient(start)
        result.block_until_ready()
    return run


def maml():
    d = data.sinusoids()

    def cost(p, x, y):
        h = jax.nn.relu(_linear(p, 0, x))
        return ((_linear(p, 2, jax.nn.relu(_linear(p, 1, h))) - y) ** 2).mean()

    def task(p, known, values, asked, truth):
        for _ in range(d.steps):
            p = _sgd(p, jax.grad(cost)(p, known, values), d.lr)
        return cost(p, asked, truth)

    def update(state, *sets):
        value, g = jax.value_and_grad(lambda p: jax.vmap(task, (None, 0, 0, 0, 0))(p, *sets).mean())(state[0])
        return _adam(state[0], g, *state[1:], 1e-3), value
    p = tree(jnp.asarray, d.params)
    return _steps(update, (p, _zeros(p), _zeros(p), 0.), [tuple(map(jnp.asarray, arrays)) for arrays in d.sets])


def _tower(p, x):
    for i in range(4):
        x = jnp.tanh(_linear(p, i, x))
    return _linear(p, 4, x)


def online_sgd():
    d = data.numbers()

    def update(p, x, y):
        value, g = jax.value_and_grad(lambda p: ((_tower(p, x) - y) ** 2).mean())(p)
        return _sgd(p, g, d.lr), value
    return _steps(update, tree(jnp.asarray, d.params), [(jnp.asarray(a), jnp.asarray(b / 65535)) for a, b in zip(d.x, d.y)])


def pop_art():
    d, beta = data.numbers(), .1

    def update(state, x, y):
        p, mean, square, deviation = state
        new_mean, new_square = (1 - beta) * mean + beta * y[0], (1 - beta) * square + beta * (y * y)[0]
        new_deviation = jnp.sqrt(jnp.maximum(new_square - new_mean * new_mean, 1e-4))
        weight, bias = p[-2:]
        p = p[:-2] + [weight * (deviation / new_deviation), (bias * deviation + (mean - new_mean)) / new_deviation]
        value, g = jax.value_and_grad(lambda p: ((_tower(p, x) - (y - new_mean) / new_deviation) ** 2).mean())(p)
        return (_sgd(p, g, d.lr), new_mean, new_square, new_deviation), value
    state = (tree(jnp.asarray, d.params), jnp.zeros(1), jnp.ones(1), jnp.ones(1))
    return _steps(update, state, [(jnp.asarray(a), jnp.asarray(b)) for a, b in zip(d.x, d.y)])


def mlp():
    d = data.mlp()

    def forward(p, x):
        return _linear(p, 2, jax.nn.relu(_linear(p, 1, jax.nn.relu(_linear(p, 0, x)))))

    def update(state, x, y):
        value, g = jax.value_and_grad(lambda p: _cross_entropy(forward(p, x), y))(state[0])
        return _adam(state[0], g, *state[1:], 1e-3), value
    p = tree(jnp.asarray, d.params)
    return _steps(update, (p, _zeros(p), _zeros(p), 0.), [(jnp.asarray(d.x), jnp.asarray(d.y))])


def lenet():
    d = data.lenet()

    def convolved(x, w, b):
        y = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
        y = jax.nn.relu(y + b[None, :, None, None])
        return lax.reduce_window(y, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def forward(p, x):
        x = convolved(convolved(x, p[0], p[1]), p[2], p[3]).reshape(x.shape[0], -1)
        return _linear(p, 4, jax.nn.relu(_linear(p, 3, jax.nn.relu(_linear(p, 2, x)))))

    def update(state, x, y):
        value, g = jax.value_and_grad(lambda p: _cross_entropy(forward(p, x), y))(state[0])
        return _momentum(state[0], g, state[1], .01), value
    p = tree(jnp.asarray, d.params)
    return _steps(update, (p, _zeros(p)), [(jnp.asarray(d.x), jnp.asarray(d.y))])


def gpt():
    d = data.gpt()

    def norm(x, p, name):
        return _normalised(x, p[name + ".weight"], p[name + ".bias"])

    def linear(x, p, name):
        return x @ p[name + ".weight"].T + p[name + ".bias"]

    def forward(p, words):
        x = p["tokens.weight"][words] + p["places.weight"]
        B, S, D = x.shape
        mask = jnp.tril(jnp.ones((S, S), bool))
        for i in range(d.L):
            b = f"blocks.{i}."
            qkv = jnp.split(linear(norm(x, p, b + "norm1"), p, b + "qkv"), 3, -1)
            q, k, v = (t.reshape(B, S, d.H, D // d.H).transpose(0, 2, 1, 3) for t in qkv)
            weights = jax.nn.softmax(jnp.where(mask, q @ k.transpose(0, 1, 3, 2) * (D // d.H) ** -.5, -jnp.inf))
            x = x + linear((weights @ v).transpose(0, 2, 1, 3).reshape(B, S, D), p, b + "project")
            h = jax.nn.gelu(linear(norm(x, p, b + "norm2"), p, b + "wide"), approximate=False)
            x = x + linear(h, p, b + "narrow")
        return norm(x, p, "norm") @ p["head.weight"].T

    def update(state, x, y):
        value, g = jax.value_and_grad(lambda p: _cross_entropy(forward(p, x).reshape(-1, d.V), y))(state[0])
        return _adam(state[0], g, *state[1:], 3e-4, decay=.01), value
    p = {name: jnp.asarray(a) for name, a in d.params.items()}
    return _steps(update, (p, _zeros(p), _zeros(p), 0.), [(jnp.asarray(d.x), jnp.asarray(d.y.reshape(-1)))])


_KERNELS = {
    "add": lambda a, b: a + b, "relu": lambda a, b: jax.nn.relu(a), "exp": lambda a, b: jnp.exp(a),
    "tanh": lambda a, b: jnp.tanh(a), "sum": lambda a, b: jnp.sum(a),
    "softmax": lambda a, b: jax.nn.softmax(a.reshape(-1, 1000), -1),
    "layer_norm": lambda a, b: _normalised(a.reshape(-1, 1000)),
}
_PRODUCTS = {"NN": lambda a, b: a @ b, "NT": lambda a, b: a @ b.T, "TN": lambda a, b: a.T @ b}


def _operation(function, *shape):
    rng = np.random.default_rng(1)
    a, b = (jnp.asarray(data.uniform(rng, *shape)) for _ in range(2))
    compiled = jax.jit(function)

    def run(n):
        for _ in range(n):
            compiled(a, b).block_until_ready()
    return run


def table(dense, adam=False):
    d = data.table()
    weight = jax.random.normal(jax.random.PRNGKey(0), (d.rows, d.width))

    def cost(rows):
        return (rows ** 2).sum()

    def sparse_sgd(w, index):
        value, g = jax.value_and_grad(cost)(w[index])
        return w.at[index].add(-.01 * g), value

    def dense_sgd(w, index):
        value, g = jax.value_and_grad(lambda w: cost(w[index]))(w)
        return w - .01 * g, value

    def dense_adam(state, index):
        value, g = jax.value_and_grad(lambda w: cost(w[index]))(state[0])
        return _adam(state[0], g, *state[1:], .01), value
    inputs = [(jnp.asarray(a),) for a in d.lookups]
    if adam:
        return _steps(dense_adam, (weight, jnp.zeros_like(weight), jnp.zeros_like(weight), 0.), inputs)
    return _steps(dense_sgd if dense else sparse_sgd, weight, inputs)


MAKERS = {
    "W1 a + b, one element": lambda: _operation(_KERNELS["add"], 1, 1),
    "W2 dynamic net": dynamic_net, "W3 last word": last_word, "W4a two inner steps": two_inner_steps,
    "W4b MAML, sinusoids": maml, "W5 online SGD": online_sgd, "W5 Pop-Art": pop_art, "W6 MLP, Adam": mlp,
    "W7 LeNet": lenet, "W8 GPT, AdamW": gpt, "W10 sparse, SGD": lambda: table(False),
    "W10 dense, SGD": lambda: table(True), "W10 dense, Adam": lambda: table(True, True),
}
for _name, _function in _KERNELS.items():
    for _digits in range(3, 8):
        MAKERS[f"W9 {_name}, 1e{_digits}"] = lambda f=_function, n=10 ** _digits: _operation(f, n)
for _layout, _function in _PRODUCTS.items():
    for _power in range(4, 12):
        MAKERS[f"W9 matmul {_layout}, {2 ** _power}"] = lambda f=_function, n=2 ** _power: _operation(f, n, n)
