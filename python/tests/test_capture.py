"""martlet.capture: replays do what the function does, bit for bit, and what cannot be replayed is refused."""
import threading
import warnings

import pytest

import martlet as torch
from martlet import nn
from martlet.nn import functional as F


def run_both(make, calls, **options):
    """Results of the plain function and of the captured one, each made anew from the same seeds."""
    results = []
    for wrap in (lambda f: f, lambda f: torch.capture(f, **options)):
        torch.manual_seed(0)
        function = wrap(make())
        torch.manual_seed(1)
        results.append([[t.detach().clone() for t in flat(function(*c))] for c in calls])
    return (*results, function)


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in flat(v)]
    return [t for v in value.values() for t in flat(v)] if isinstance(value, dict) else []


def assert_same(make, calls, recordings=1, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, captured, function = run_both(make, calls, **options)
    for i, (a, b) in enumerate(zip(plain, captured)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert x.dtype == y.dtype and x.shape == y.shape and torch.allclose(x.double(), y.double(), 0, 0, True), f"call {i}"
    assert function.recordings == recordings


def batches(n=6, rows=5, width=4, classes=3):
    g = torch.Generator()
    g.manual_seed(7)
    return [(torch.randn(rows, width, generator=g), torch.randint(0, classes, (rows,), generator=g)) for _ in range(n)]


def classifier(optimizer, *extra):
    def make():
        model = nn.Sequential(nn.Linear(4, 8), *[e() for e in extra], nn.ReLU(), nn.Linear(8, 3))
        opt = optimizer(model.parameters())
        criterion = nn.CrossEntropyLoss()

        def step(x, y):
            opt.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            opt.step()
            return loss
        return step
    return make


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01, lr_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_with_each_optimizer(name):
    assert_same(classifier(OPTIMIZERS[name]), batches())


@pytest.mark.parametrize("layer", [
    lambda: nn.Dropout(0.5), lambda: nn.LayerNorm(8), lambda: nn.BatchNorm1d(8), lambda: nn.GELU(), lambda: nn.RReLU(),
    lambda: nn.Softmax(1), lambda: nn.Unflatten(1, (2, 4)),
], ids=["dropout", "layer_norm", "batch_norm", "gelu", "rrelu", "softmax", "unflatten"])
def test_a_training_step_through_each_layer(layer):
    extra = [layer] + ([lambda: nn.Flatten()] if "Unflatten" in repr(layer()) else [])
    assert_same(classifier(OPTIMIZERS["sgd"], *extra), batches())


def test_random_draws_continue_the_stream():
    def make():
        return lambda x: (F.dropout(x, 0.5), torch.randn(3), torch.rand(2, 2), torch.randint(0, 9, (4,)), torch.randperm(5))
    assert_same(make, [(torch.ones(8),)] * 5)
    torch.manual_seed(3)
    draw = torch.capture(lambda: torch.rand(2))
    taken = [draw() for _ in range(4)] + [torch.rand(2)]
    torch.manual_seed(3)
    assert all(torch.equal(t, torch.rand(2)) for t in taken)


def test_gradients_of_gradients():
    def make():
        x, y, w0 = torch.tensor(1.0), torch.tensor(3.0), torch.tensor(1.0, requires_grad=True)

        def step():
            w = w0
            for _ in range(3):
                g, = torch.autograd.grad((w * x - y) ** 2, w, create_graph=True)
                w = w - 0.1 * g
            return torch.autograd.grad((w * x - y) ** 2, w0)[0]
        return step
    assert_same(make, [()] * 4)


def test_each_path_of_a_dynamic_graph_has_its_recording():
    def make():
        first, middle, last = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        opt = torch.optim.SGD([*first.parameters(), *middle.parameters(), *last.parameters()], lr=0.01, momentum=0.9)
        x, y = torch.randn(4, 6), torch.randn(4, 2)

        def step(reuse):
            h = first(x).clamp(min=0)
            for _ in range(reuse):
                h = middle(h).clamp(min=0)
            loss = F.mse_loss(last(h), y, reduction="sum")
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss
        return step
    assert_same(make, [(r,) for r in (0, 3, 1, 0, 3, 2, 1, 0, 2, 3, 1, 0, 2, 3)], recordings=4)


@pytest.mark.parametrize("sparse", [True, False])
def test_the_last_word_transformer(sparse):
    def make():
        embed = nn.Embedding(10, 20, sparse=sparse)
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(20, 2, 64), 1, enable_nested_tensor=False)
        last = nn.Linear(60, 10)
        opt = torch.optim.SGD([*embed.parameters(), *encoder.parameters(), *last.parameters()], lr=0.01)

        def step(x, y):
            opt.zero_grad()
            h = encoder(embed(x))
            loss = F.cross_entropy(last(h.reshape(h.size(0), -1)), y)
            loss.backward()
            opt.step()
            return loss
        return step
    g = torch.Generator()
    g.manual_seed(0)
    assert_same(make, [(torch.randint(0, 10, (2, 3), generator=g), torch.randint(0, 10, (2,), generator=g)) for _ in range(5)])


def pop_art():
    lower, last = nn.Sequential(nn.Linear(16, 10), nn.Tanh()), nn.Linear(10, 1)
    opt = torch.optim.SGD([*lower.parameters(), *last.parameters()], lr=1e-3)
    mu, nu, sigma = torch.zeros(1), torch.ones(1), torch.ones(1)

    def step(x, y):
        with torch.no_grad():
            mu2 = 0.9 * mu + 0.1 * y.view(1)
            nu2 = 0.9 * nu + 0.1 * (y * y).view(1)
            sigma2 = (nu2 - mu2 * mu2).clamp(min=1e-4).sqrt()
            last.weight.mul_(sigma / sigma2)
            last.bias.mul_(sigma).add_(mu - mu2).div_(sigma2)
            mu.copy_(mu2), nu.copy_(nu2), sigma.copy_(sigma2)
        opt.zero_grad()
        loss = ((last(lower(x)) - (y - mu) / sigma) ** 2).mean()
        loss.backward()
        opt.step()
        return loss, {"mu": mu * 1}
    return step


def pop_art_data(n=9):
    g = torch.Generator()
    g.manual_seed(2)
    return torch.randn(n, 1, 16, generator=g), torch.randn(n, 1, 1, generator=g) * 100


def test_pop_art_and_many_steps_in_one_call():
    xs, ys = pop_art_data()
    assert_same(pop_art, list(zip(xs, ys)))
    torch.manual_seed(0)
    step = pop_art()
    expected = [step(x, y) for x, y in zip(xs, ys)]
    torch.manual_seed(0)
    captured = torch.capture(pop_art())
    loss, rest = captured.replay_many(xs, ys)
    assert torch.equal(loss, torch.stack([e[0].detach() for e in expected]))
    assert torch.equal(rest["mu"], torch.stack([e[1]["mu"] for e in expected]))
    with pytest.raises(ValueError, match="leading dimension"):
        captured.replay_many(xs, ys[:2])


def test_convolutions_and_pooling():
    def make():
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 3))
        opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, y):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
            loss.backward()
            opt.step()
            return loss
        return step
    g = torch.Generator()
    g.manual_seed(0)
    assert_same(make, [(torch.randn(2, 1, 10, 10, generator=g), torch.randint(0, 3, (2,), generator=g)) for _ in range(4)])


_INDEX = torch.tensor([2, 0, 1, 1])
OPERATIONS = {
    "arithmetic": lambda x: (x + 2 * x - x / 3) ** 2 + 1 / (x * x + 1) - x.neg() % 2,
    "functions": lambda x: x.exp().log1p() + x.sin() * x.cos() + x.tanh() + x.sigmoid() + x.abs().sqrt() + torch.erf(x),
    "activations": lambda x: F.gelu(x) + F.silu(x) + F.elu(x) + F.leaky_relu(x) + F.softplus(x) + F.hardtanh(x) + x.relu(),
    "reductions": lambda x: x.sum(0) + x.mean(0) + x.var(0) + x.std(0) + x.amax(0) + x.norm(dim=0) + x.logsumexp(0),
    "extrema": lambda x: x.max(1)[0] + x.min(1)[0] + x.median(1)[0] + x.sort(1)[0][:, 0] + x.topk(2, 1)[0].sum(1),
    "running": lambda x: x.cumsum(0) + x.cumprod(1) + x.cummax(0)[0] + x.logcumsumexp(1),
    "choice": lambda x: torch.where(x > 0, x, x * 2).masked_fill(x < -1, 3.0) + x.clamp(-0.5, 0.5) + x.lerp(x * x, 0.3),
    "comparison": lambda x: ((x > 0) & ~(x < 1) | x.isnan()).float() * x + (x == x).long().sum(),
    "products": lambda x: x @ x.t() @ x + torch.einsum("ij,kj->ik", x, x) @ x + torch.bmm(x[None], x.t()[None])[0] @ x,
    "shapes": lambda x: torch.cat([x, x.t().reshape(4, 5), x.flip(0)]).roll(1, 0).tril() + x.repeat(3, 1),
    "indexing": lambda x: x[_INDEX] + x.index_select(0, _INDEX) * x[:, 1:2] + x.gather(1, torch.tensor([[0, 1, 2, 3, 4]] * 4)),
    "writing": lambda x: torch.zeros(4, 5).index_put((_INDEX,), x, accumulate=True) + torch.zeros(4, 5).scatter_add(
        0, _INDEX[:, None].expand(4, 5), x).index_add(0, _INDEX, x),
    "in place": lambda x: (x * 1).add_(x).mul_(2).sub_(1).div_(3).relu_() + torch.zeros(4, 5).copy_(x).fill_(2.0).zero_(),
    "softmax": lambda x: F.softmax(x, 1) + F.log_softmax(x, 0) + F.layer_norm(x, (5,)) + F.normalize(x),
    "losses": lambda x: F.mse_loss(x, x * 2) + F.l1_loss(x, x * 2) + F.smooth_l1_loss(x, x * 3) + F.cross_entropy(x, _INDEX)
    + F.binary_cross_entropy(x.sigmoid(), x.detach().sigmoid()) + F.kl_div(x, x.softmax(1), reduction="batchmean") + F.nll_loss(x, _INDEX),
    "attention": lambda x: F.scaled_dot_product_attention(x.view(1, 1, 4, 5), x.view(1, 1, 4, 5), x.view(1, 1, 4, 5), is_causal=True),
    "padding": lambda x: F.pad(x[None], (1, 2), mode="reflect") + F.interpolate(x[None], size=8, mode="linear"),
    "dtypes": lambda x: x.double().float() + x.long().float() + x.half().float() + (x > 0).float() + x.int(),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_and_their_gradients_on_new_values(name):
    def make():
        def both(x):
            leaf = x.clone().requires_grad_()
            y = OPERATIONS[name](leaf)
            g, = torch.autograd.grad((y * y).sum(), leaf, create_graph=True)
            return y, g, torch.autograd.grad(g.sum(), leaf, allow_unused=True)[0]
        return both
    g = torch.Generator()
    g.manual_seed(5)
    inputs = [(torch.randn(4, 5, generator=g),) for _ in range(4)]
    assert_same(make, [(x,) for (x,) in inputs])


def test_products_with_and_without_zeros():
    def make():
        def step(x):
            leaf = x.clone().requires_grad_()
            leaf.prod(0).sum().backward()
            return leaf.grad
        return step
    plain, zero = torch.tensor([[2.0, 3.0], [0.7, 1.3]]), torch.tensor([[2.0, 0.0], [0.7, 1.3]])
    assert_same(make, [(plain,), (plain,), (zero,), (plain * 1.1,), (zero,)])


@pytest.mark.parametrize("threads", [1, 2])
def test_fused_loops_change_no_bit(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        def make():
            def chain(x, y):
                z = x * y + 1
                z = (z.tanh() - y) * 0.5
                w = z.exp() / (z * z + 1)
                z[1:] += w[:-1]         # looks at its neighbour: not part of the block-wise loop
                return z, w.sigmoid() * z, (w > 0.5).float()
            return chain
        g = torch.Generator()
        g.manual_seed(1)
        assert_same(make, [(torch.randn(50_001, generator=g), torch.randn(50_001, generator=g)) for _ in range(3)])
    finally:
        torch.set_num_threads(before)


def test_arguments_of_other_kinds_record_anew():
    double = torch.capture(lambda x, factor=2, **more: {"y": [x * factor], "n": factor, "none": None})
    for _ in range(3):
        for x in (torch.ones(2), torch.ones(3), torch.ones(3, dtype=torch.float64)):
            r = double(x)
            assert r["y"][0].shape == x.shape and r["y"][0].dtype == x.dtype and r["n"] == 2 and r["none"] is None
            assert torch.equal(double(x, factor=5)["y"][0], x * 5)
    assert double.recordings == 6
    small = torch.capture(lambda x: x + 1, limit=1)
    small(torch.ones(1)), small(torch.ones(1)), small(torch.ones(2))
    with pytest.raises(torch.CaptureError, match="more than 1 different kinds of arguments"):
        small(torch.ones(2))


def test_learning_rates_are_read_anew_and_other_changes_record_anew():
    results = []
    for wrap in (lambda f: f, torch.capture):
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
        schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9)

        def step(x, y):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            return loss
        function = wrap(step)
        losses = []
        for i, (x, y) in enumerate(batches(9)):
            losses.append(function(x, y).item())
            schedule.step()
            if i == 5:
                opt.param_groups[0]["momentum"] = 0.9
        results.append(losses)
    assert results[0] == results[1]
    assert function.recordings == 1


def test_gradients_that_add_up_and_are_cleared_outside():
    def run(wrap):
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        f = wrap(lambda x: (w * w * x).sum().backward())
        seen = []
        for i in range(9):
            f(torch.tensor([1.0, float(i)]))
            seen.append(w.grad.tolist())
            if i in (3, 4, 7):
                w.grad = None
        return seen
    assert run(lambda f: f) == run(torch.capture)


def test_inputs_that_require_gradients_stand_for_themselves():
    a, b = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
    f = torch.capture(lambda w, x: torch.autograd.grad(w * w * x, w)[0])
    for _ in range(3):
        for x in (1.0, 3.0):
            assert f(a, torch.tensor([x])).item() == 2 * x
            assert f(b, torch.tensor([x])).item() == 4 * x
    with torch.no_grad():
        a.fill_(5.0)
    assert f(a, torch.tensor([1.0])).item() == 10.0


def branch(x):
    if x.sum() > 0:
        return x
    return -x


def reads(x):
    y = x * 2
    return y * y.max().item()


REFUSED = {
    "a branch": (branch, "if x.sum() > 0"), "item": (reads, "y.max().item()"),
    "tolist": (lambda x: torch.tensor(x.tolist()), "x.tolist"), "print": (lambda x: str(x), "str(x)"),
    "nonzero": (lambda x: x.nonzero(), "x.nonzero"), "a mask": (lambda x: x[x > 0], "x[x > 0]"),
    "unique": (lambda x: x.unique(), "x.unique"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_replayed_names_the_line(name):
    function, line = REFUSED[name]
    f = torch.capture(function)
    x = torch.tensor([1.0, -0.5])
    f(x)
    with pytest.raises(torch.CaptureError) as error:
        f(x)
    assert "test_capture.py:" in str(error.value) and line in str(error.value)
    # Nothing is left half recorded: the library works on, and the next call tries again.
    assert (x + 1).tolist() == [2.0, 0.5]
    with pytest.raises(torch.CaptureError):
        f(x)


def test_an_error_of_the_function_itself_passes_through():
    f = torch.capture(lambda x: x @ x)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        f(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        f(torch.ones(2, 3))
    assert f(torch.ones(2, 2)).sum().item() == 8
    with pytest.raises(TypeError, match="must be callable"):
        torch.capture(3)
    with pytest.raises(torch.CaptureError, match="an argument of type bytearray cannot select a recording"):
        torch.capture(lambda x, b: x + b[0])(torch.ones(1), bytearray(1))
    with pytest.raises(torch.CaptureError, match="returned object"):
        g = torch.capture(lambda: object())
        g(), g()


def test_bad_values_at_a_replay_are_errors():
    look = torch.capture(lambda table, i: F.embedding(i, table))
    table = torch.arange(6.0).view(3, 2)
    for i in (0, 2, 1):
        assert look(table, torch.tensor([i])).tolist() == [table[i].tolist()]
    with pytest.raises(IndexError, match="index out of range in self"):
        look(table, torch.tensor([3]))
    assert look(table, torch.tensor([2])).tolist() == [[4.0, 5.0]]
    loss = torch.capture(lambda x, y: F.cross_entropy(x, y))
    for _ in range(3):
        loss(torch.ones(1, 3), torch.tensor([2]))
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        loss(torch.ones(1, 3), torch.tensor([7]))


def test_state_kept_in_new_tensors_is_warned_about():
    state = {}

    def step(x):
        state["last"] = x * 2
        return x
    f = torch.capture(step)
    f(torch.ones(1))
    with pytest.warns(UserWarning, match="1 tensors made inside step are still held"):
        f(torch.ones(1))


def test_a_method_has_a_capture_for_each_instance():
    class Counter:
        def __init__(self, start):
            self.total = torch.tensor(start)

        @torch.capture
        def add(self, x):
            return self.total.add_(x).clone()
    a, b = Counter(0.0), Counter(10.0)
    assert [a.add(torch.tensor(1.0)).item() for _ in range(4)] == [1, 2, 3, 4]
    assert [b.add(torch.tensor(1.0)).item() for _ in range(4)] == [11, 12, 13, 14]


def test_a_capture_within_a_capture_is_part_of_it():
    inner = torch.capture(lambda x: x * 2)
    for _ in range(3):
        inner(torch.ones(2))
    assert_same(lambda: lambda x: inner(x) + 1, [(torch.full((2,), float(i)),) for i in range(5)])
    assert inner.recordings == 1


def test_replayed_writes_are_seen_by_version_checks():
    w = torch.ones(2)
    f = torch.capture(lambda x: w.add_(x))
    f(torch.ones(2)), f(torch.ones(2))
    x = torch.ones(2, requires_grad=True)
    y = (x * w).sum()
    f(torch.ones(2))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_threads_do_not_record_each_other():
    stop, failures = threading.Event(), []

    def other():
        x = torch.ones(3)
        while not stop.is_set():
            if (x * 2 + 1).sum().item() != 9:
                failures.append("wrong")
    thread = threading.Thread(target=other)
    thread.start()
    try:
        for n in range(1, 40):
            f = torch.capture(lambda x: (x + 1) * 2)
            for k in range(3):
                assert f(torch.full((n,), float(k))).sum().item() == n * (k + 1) * 2
    finally:
        stop.set()
        thread.join()
    assert not failures


def test_another_threads_optimizer_does_not_join_a_recording():
    w = torch.ones(3, requires_grad=True)
    w.grad = torch.ones(3)
    opt = torch.optim.SGD([w], lr=0.5)

    def step(x):
        thread = threading.Thread(target=opt.step)
        thread.start()
        thread.join()
        return x + 1
    f = torch.capture(step)
    f(torch.ones(1)), f(torch.ones(1))
    recording, = f._recordings.values()
    assert recording.groups == [] and w.tolist() == [0, 0, 0]


def test_memory_is_reused_within_a_recording_and_given_back():
    import gc
    x = torch.ones(1 << 18)

    def chain(x):
        for _ in range(50):
            x = x * 1.01
        return x.sum()
    f = torch.capture(chain)
    for _ in range(3):
        f(x)
    from martlet._capture import _Info
    from martlet._native import lib
    import ctypes
    info = _Info(ctypes.sizeof(_Info))
    recording, = f._recordings.values()
    assert lib.mt_capture_get_info(recording.handle, ctypes.addressof(info)) == 0
    assert info.bytes < 4 << 20, "50 results of 1 MiB in the memory of a few"
    assert 1 <= info.launches <= 3, "one loop over blocks, and the sum"
    del f, recording
    gc.collect()
