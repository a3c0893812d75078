"""One training step of each of the four example programs, written once for torch and Martlet.

Each maker takes the module (torch or martlet) and returns a function that does one step.
"""
import random


def last_word(T, sparse=True):
    """Program 1: embedding, post-norm transformer layer with dropout, linear; batch of 2 sentences of 3 words; SGD."""
    nn = T.nn
    T.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(10, 20, sparse=sparse)
            layer = nn.TransformerEncoderLayer(20, 2)
            self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.lin = nn.Linear(60, 10)

        def forward(self, x):
            out = self.encoder(self.embed(x))
            return self.lin(out.reshape(out.size(0), out.size(1) * out.size(2)))

    net = Net()
    optimizer = T.optim.SGD(net.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    x = T.tensor([[0, 1, 2], [0, 4, 5]])
    y = T.tensor([3, 6])

    def step():
        optimizer.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        optimizer.step()
        return loss
    return step


def last_word_dense(T):
    """Program 1 with dense gradients of the embedding."""
    return last_word(T, sparse=False)


def dynamic_net(T):
    """Program 2: a middle layer used 0 to 3 times; batch 64, 1000-100-10; SGD with momentum."""
    nn = T.nn
    T.manual_seed(0)
    random.seed(0)
    first, middle, last = nn.Linear(1000, 100), nn.Linear(100, 100), nn.Linear(100, 10)
    parameters = [*first.parameters(), *middle.parameters(), *last.parameters()]
    optimizer = T.optim.SGD(parameters, lr=1e-4, momentum=0.9)
    criterion = nn.MSELoss(reduction="sum")
    x, y = T.randn(64, 1000), T.randn(64, 10)

    def step():
        h = first(x).clamp(min=0)
        for _ in range(random.randint(0, 3)):
            h = middle(h).clamp(min=0)
        loss = criterion(last(h), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss
    return step


def meta_functional(T):
    """Program 3: two inner steps on functional weights with create_graph, and the gradient of the input through both."""
    F = T.nn.functional
    x = T.tensor([[1.0]], requires_grad=True)
    target = T.tensor([[2.0]])

    def step():
        w = T.ones(1, 1, requires_grad=True)
        for _ in range(2):
            cost = F.l1_loss(F.linear(x, w) ** 2, target)
            gradient = T.autograd.grad(cost, x, retain_graph=True)[0]
            inner = T.autograd.grad(cost, w, create_graph=True)[0]
            w = w - 0.1 * inner
        return gradient
    return step


def meta_higher(T):
    """Program 3 with higher.innerloop_ctx and a differentiable SGD."""
    if T.__name__ == "torch":
        import higher
    else:
        from martlet import higher
    nn, F = T.nn, T.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 1, bias=False)
            self.fc.weight.data.uniform_(1, 1)

        def forward(self, x):
            return self.fc(x) ** 2

    model = Net()
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    x = T.tensor([[1.0]], requires_grad=True)
    target = T.tensor([[2.0]])

    def step():
        with higher.innerloop_ctx(model, optimizer) as (fmodel, diffopt):
            for _ in range(2):
                cost = F.l1_loss(fmodel(x), target)
                gradient = T.autograd.grad(cost, x, retain_graph=True)[0]
                diffopt.step(cost)
        return gradient
    return step


def _tower(nn, T):
    class Lower(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(16, 10), nn.Linear(10, 10), nn.Linear(10, 10), nn.Linear(10, 10)])

        def forward(self, x):
            for layer in self.layers:
                x = T.tanh(layer(x))
            return x
    return Lower()


def pop_art_unified(T):
    """Program 4, first part: five linear layers, tanh, batch of 1, weights moved by hand under no_grad."""
    nn = T.nn
    T.manual_seed(0)
    net = nn.Sequential(_tower(nn, T), nn.Linear(10, 1))
    loss_fn = nn.MSELoss()
    x, y = T.randint(0, 2, (1, 16)).float(), T.tensor([[3.0]])

    def step():
        loss = loss_fn(net(x), y)
        loss.backward()
        with T.no_grad():
            for p in net.parameters():
                p -= 1e-3 * p.grad
                p.grad = None
        return loss
    return step


def pop_art_online(T):
    """Program 4: one online step of Pop-Art (statistics, rescaling, SGD on the normalised error)."""
    nn = T.nn
    T.manual_seed(0)
    lower, upper = _tower(nn, T), nn.Linear(10, 1)
    optimizer = T.optim.SGD([*lower.parameters(), *upper.parameters()], lr=1e-3)
    state = {"mu": T.zeros(1), "nu": T.ones(1), "sigma": T.ones(1)}
    x, y = T.randint(0, 2, (1, 16)).float(), T.tensor([[3.0]])
    beta = 0.01

    def step():
        with T.no_grad():
            mu, sigma = state["mu"], state["sigma"]
            new_mu = (1 - beta) * mu + beta * y.mean()
            nu = (1 - beta) * state["nu"] + beta * (y * y).mean()
            new_sigma = (nu - new_mu ** 2).clamp(min=1e-8).sqrt()
            upper.weight.mul_(sigma / new_sigma)
            upper.bias.mul_(sigma).add_(mu - new_mu).div_(new_sigma)
            state.update(mu=new_mu, nu=nu, sigma=new_sigma)
        loss = ((upper(lower(x)) - (y - state["mu"]) / state["sigma"]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss
    return step


PROGRAMS = {
    "1 last word, sparse": last_word,
    "1 last word, dense": last_word_dense,
    "2 dynamic net": dynamic_net,
    "3 meta-learning, functional": meta_functional,
    "3 meta-learning, higher": meta_higher,
    "4 pop-art, unified network": pop_art_unified,
    "4 pop-art, online step": pop_art_online,
}
