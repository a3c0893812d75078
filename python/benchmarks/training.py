"""Training steps, W2 to W8 and W10, written once for torch and Martlet.

Each maker takes the module (torch or martlet) and gives a Step: a function of its inputs that keeps all of its state in
tensors changed in place, so that it can also be captured, and the inputs that it is called with in turn.
"""
from typing import Callable, NamedTuple

import numpy as np

import data


class Step(NamedTuple):
    function: Callable
    inputs: list
    #: The inputs stacked along a new first dimension, one row for a step, where many steps can be one call.
    stacked: tuple = ()


def _load(T, tensors, arrays):
    with T.no_grad():
        for tensor, array in zip(tensors, arrays):
            tensor.copy_(T.tensor(array))


def _load_named(T, model, arrays):
    with T.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(T.tensor(arrays[name]))


def _training(optimizer, loss_of):
    """The function of a step: forget the gradients, find new ones, move."""
    def step(*inputs):
        loss = loss_of(*inputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss
    return step


def dynamic_net(T):
    """W2: a middle layer used 0 to 3 times; SGD with momentum."""
    nn, d = T.nn, data.dynamic_net()

    class DynamicNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.middle, self.last = nn.Linear(1000, 100), nn.Linear(100, 100), nn.Linear(100, 10)

        def forward(self, x, uses):
            h = self.first(x).clamp(min=0)
            for _ in range(uses):
                h = self.middle(h).clamp(min=0)
            return self.last(h)

    net = DynamicNet()
    _load(T, net.parameters(), d.params)
    criterion = nn.MSELoss(reduction="sum")
    optimizer = T.optim.SGD(net.parameters(), lr=1e-4, momentum=.9)
    x, y = T.tensor(d.x), T.tensor(d.y)
    return Step(_training(optimizer, lambda x, y, uses: criterion(net(x, uses), y)), [(x, y, uses) for uses in d.uses])


def last_word(T, dropout=.1):
    """W3: embedding with sparse gradients, a transformer layer, linear; SGD."""
    nn, d = T.nn, data.last_word()

    class LastWord(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(d.V, d.E, sparse=True)
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(d.E, 2, dropout=dropout), 1, enable_nested_tensor=False)
            self.last = nn.Linear(d.S * d.E, d.V)

        def forward(self, words):
            h = self.encoder(self.embed(words))
            return self.last(h.permute(1, 0, 2).reshape(words.shape[1], d.S * d.E))

    T.manual_seed(0)
    net = LastWord()
    _load_named(T, net, d.params)
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.SGD(net.parameters(), lr=.01)
    batches = [(T.tensor(words), T.tensor(target)) for words, target in d.batches]
    return Step(_training(optimizer, lambda words, target: criterion(net(words), target)), batches)


def two_inner_steps(T):
    """W4a: the gradient through two gradient steps on a scalar."""
    grad = T.autograd.grad
    x, y, start = T.tensor(1.0), T.tensor(3.0), T.tensor(1.0, requires_grad=True)

    def step(x, y):
        w = start
        for _ in range(2):
            g, = grad((w * x - y) ** 2, w, create_graph=True)
            w = w - 0.1 * g
        return grad((w * x - y) ** 2, start)[0]
    return Step(step, [(x, y)])


def maml(T):
    """W4b: four sinusoid tasks, five inner steps each with create_graph, then Adam on the start of all."""
    F, grad, d = T.nn.functional, T.autograd.grad, data.sinusoids()

    def net(p, x):
        h = F.relu(F.linear(x, p[0], p[1]))
        return F.linear(F.relu(F.linear(h, p[2], p[3])), p[4], p[5])

    start = [T.tensor(a, requires_grad=True) for a in d.params]
    optimizer = T.optim.Adam(start, lr=1e-3)

    def loss_of(known, values, asked, truth):
        total = 0.
        for task in range(d.tasks):
            p = start
            for _ in range(d.steps):
                gradients = grad(F.mse_loss(net(p, known[task]), values[task]), p, create_graph=True)
                p = [a - d.lr * g for a, g in zip(p, gradients)]
            total = total + F.mse_loss(net(p, asked[task]), truth[task])
        return total / d.tasks
    return Step(_training(optimizer, loss_of), [tuple(T.tensor(a) for a in arrays) for arrays in d.sets])


def _tower(T, d):
    nn, modules = T.nn, []
    for inputs, outputs in zip(d.sizes[:-2], d.sizes[1:-1]):
        modules += [nn.Linear(inputs, outputs), nn.Tanh()]
    net = nn.Sequential(*modules, nn.Linear(d.sizes[-2], 1))
    _load(T, net.parameters(), d.params)
    return net


def _online(T, d, function, scale):
    x, y = T.tensor(d.x), T.tensor(d.y * np.float32(scale))
    return Step(function, [(T.tensor(a), T.tensor(b * np.float32(scale))) for a, b in zip(d.x, d.y)], (x, y))


def online_sgd(T):
    """W5: regression on one example at a time; five linear layers with tanh; SGD."""
    d = data.numbers()
    net = _tower(T, d)
    optimizer = T.optim.SGD(net.parameters(), lr=d.lr)
    return _online(T, d, _training(optimizer, lambda x, y: ((net(x) - y) ** 2).mean()), 1 / 65535)


def pop_art(T):
    """W5 with Pop-Art: statistics of the targets, the last layer rescaled so that outputs stay, then SGD."""
    d, beta = data.numbers(), .1
    net = _tower(T, d)
    last = net[-1]
    optimizer = T.optim.SGD(net.parameters(), lr=d.lr)
    mean, square, deviation = T.zeros(1), T.ones(1), T.ones(1)

    def loss_of(x, y):
        with T.no_grad():
            new_mean = (1 - beta) * mean + beta * y.view(1)
            new_square = (1 - beta) * square + beta * (y * y).view(1)
            new_deviation = (new_square - new_mean * new_mean).clamp(min=1e-4).sqrt()
            last.weight.mul_(deviation / new_deviation)
            last.bias.mul_(deviation).add_(mean - new_mean).div_(new_deviation)
            mean.copy_(new_mean)
            square.copy_(new_square)
            deviation.copy_(new_deviation)
            normalised = (y - new_mean) / new_deviation
        return ((net(x) - normalised) ** 2).mean()
    return _online(T, d, _training(optimizer, loss_of), 1)


def mlp(T):
    """W6: 784-1024-1024-10, batch of 256, Adam, cross-entropy."""
    nn, d = T.nn, data.mlp()
    net = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    _load(T, net.parameters(), d.params)
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.Adam(net.parameters(), lr=1e-3)
    return Step(_training(optimizer, lambda x, y: criterion(net(x), y)), [(T.tensor(d.x), T.tensor(d.y))])


def lenet(T):
    """W7: two convolutions with pooling, three linear layers, batch of 64, SGD with momentum."""
    nn, d = T.nn, data.lenet()
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    _load(T, net.parameters(), d.params)
    criterion = nn.CrossEntropyLoss()
    optimizer = T.optim.SGD(net.parameters(), lr=.01, momentum=.9)
    return Step(_training(optimizer, lambda x, y: criterion(net(x), y)), [(T.tensor(d.x), T.tensor(d.y))])


def gpt(T):
    """W8: a language model of four blocks of width 256 on 8 rows of 128 tokens, AdamW."""
    nn, F, d = T.nn, T.nn.functional, data.gpt()

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.qkv, self.project = nn.LayerNorm(d.D), nn.Linear(d.D, 3 * d.D), nn.Linear(d.D, d.D)
            self.norm2, self.wide, self.narrow = nn.LayerNorm(d.D), nn.Linear(d.D, 4 * d.D), nn.Linear(4 * d.D, d.D)

        def forward(self, x):
            B, S, D = x.shape
            q, k, v = (t.view(B, S, d.H, D // d.H).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(D, dim=2))
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(attended.transpose(1, 2).reshape(B, S, D))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(d.V, d.D), nn.Embedding(d.S, d.D)
            self.blocks = nn.ModuleList([Block() for _ in range(d.L)])
            self.norm, self.head = nn.LayerNorm(d.D), nn.Linear(d.D, d.V, bias=False)

        def forward(self, x, places):
            x = self.tokens(x) + self.places(places)
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    net = GPT()
    _load_named(T, net, d.params)
    optimizer = T.optim.AdamW(net.parameters(), lr=3e-4)
    places = T.arange(d.S)

    def loss_of(x, y):
        return F.cross_entropy(net(x, places).view(-1, d.V), y)
    return Step(_training(optimizer, loss_of), [(T.tensor(d.x), T.tensor(d.y).view(-1))])


def table(T, sparse, optimizer):
    """W10: 4096 rows of a table of a million rows of 64 numbers move."""
    d = data.table()
    T.manual_seed(0)
    embed = T.nn.Embedding(d.rows, d.width, sparse=sparse)
    optimizer = getattr(T.optim, optimizer)(list(embed.parameters()), lr=.01)
    return Step(_training(optimizer, lambda rows: (embed(rows) ** 2).sum()), [(T.tensor(a),) for a in d.lookups])
