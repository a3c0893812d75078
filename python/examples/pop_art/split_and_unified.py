"""Two ways to train one network, and a backward pass that starts from a vector.

Pop-Art treats the last layer of a network apart from the layers below it.
Before doing that it is worth seeing that taking a network apart changes
nothing: lower layers and last layer as two modules with an optimizer each,
against one module with the update written out by hand, arrive at the same
weights when they start from the same seed.
"""

import torch

SEED = 0
N_IN, HIDDEN, N_OUT = 16, 10, 1
LR = 0.07
STEPS = 100


class LowerLayers(torch.nn.Module):
    """Everything but the last layer: four linear maps, each followed by tanh."""

    def __init__(self, n_in, hidden):
        super().__init__()
        self.input_linear = torch.nn.Linear(n_in, hidden)
        self.hidden1 = torch.nn.Linear(hidden, hidden)
        self.hidden2 = torch.nn.Linear(hidden, hidden)
        self.hidden3 = torch.nn.Linear(hidden, hidden)

    def forward(self, x):
        h = torch.tanh(self.input_linear(x))
        h = torch.tanh(self.hidden1(h))
        h = torch.tanh(self.hidden2(h))
        return torch.tanh(self.hidden3(h))


class UpperLayer(torch.nn.Module):
    """The last layer, which starts as the plain sum of what comes in."""

    def __init__(self, hidden, n_out):
        super().__init__()
        self.output_linear = torch.nn.Linear(hidden, n_out)
        torch.nn.init.ones_(self.output_linear.weight)
        torch.nn.init.zeros_(self.output_linear.bias)

    def forward(self, h):
        return self.output_linear(h)


class UnifiedModel(torch.nn.Module):
    """Both parts as one module; it draws the same random weights in the same order."""

    def __init__(self, n_in, hidden, n_out):
        super().__init__()
        self.lower = LowerLayers(n_in, hidden)
        self.upper = UpperLayer(hidden, n_out)

    def forward(self, x):
        return self.upper(self.lower(x))


def sample_data():
    """Eight 16-bit numbers as rows of bits, and their position between 0 and 1."""
    numbers = [3, 77, 512, 1023, 4096, 20000, 40000, 65535]
    bits = [[float(number >> place & 1) for place in reversed(range(N_IN))] for number in numbers]
    return torch.tensor(bits), torch.tensor([[number / 65535] for number in numbers])


def train_split(x, y):
    torch.manual_seed(SEED)
    lower, upper = LowerLayers(N_IN, HIDDEN), UpperLayer(HIDDEN, N_OUT)
    optimizers = [torch.optim.SGD(part.parameters(), LR) for part in (lower, upper)]
    loss_fn = torch.nn.MSELoss()
    for _ in range(STEPS):
        for optimizer in optimizers:
            optimizer.zero_grad()
        # The two parts are chained in the forward pass, so one backward serves both.
        loss_fn(upper(lower(x)), y).backward()
        for optimizer in optimizers:
            optimizer.step()
    return list(lower.parameters()), list(upper.parameters())


def train_unified(x, y):
    torch.manual_seed(SEED)
    model = UnifiedModel(N_IN, HIDDEN, N_OUT)
    loss_fn = torch.nn.MSELoss()
    for _ in range(STEPS):
        model.zero_grad()
        loss_fn(model(x), y).backward()
        with torch.no_grad():
            for para in model.parameters():
                para -= LR * para.grad
    return list(model.lower.parameters()), list(model.upper.parameters())


def backward_from_a_vector():
    """`gradient` says with which weight each entry of a vector enters the sum."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    try:
        y.backward()
    except RuntimeError as error:
        print("refused:", error)
    y.backward(gradient=torch.ones(3), retain_graph=True)
    print("all weights one:", x.grad)
    x.grad = None
    y.backward(torch.tensor([1.0, 0.1, 0.01]))
    print("weights 1, 0.1, 0.01:", x.grad)


def main():
    x, y = sample_data()
    split_lower, split_upper = train_split(x, y)
    unified_lower, unified_upper = train_unified(x, y)

    print("split network, last layer")
    for para in split_upper:
        print(para)
    print("unified network, last layer")
    for para in unified_upper:
        print(para)

    pairs = list(zip(split_lower + split_upper, unified_lower + unified_upper))
    print("parameters:", len(pairs), "| equal to rounding:", all(torch.allclose(a, b, atol=1e-6) for a, b in pairs))

    print("backward from a vector")
    backward_from_a_vector()


if __name__ == "__main__":
    main()
