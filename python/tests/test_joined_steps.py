"""Steps that the library joins (a linear layer with its activation, log-softmax with the loss, RMS norm): the values,
gradients of both orders, names and neighbours in the graph are those of torch, which takes several."""
import numpy as np
import pytest
import torch

import martlet

ACTIVATIONS = ["ReLU", "Tanh", "Sigmoid", "GELU", "SiLU"]


def numbers(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def both(run):
    """What run gives for torch and for martlet, compared; run gives tensors and texts."""
    theirs, ours = run(torch), run(martlet)
    assert len(theirs) == len(ours)
    for i, (a, b) in enumerate(zip(theirs, ours)):
        if isinstance(a, (str, list)):
            assert a == b, i
        else:
            a, b = a.detach().numpy(), np.array(b.detach().tolist(), dtype=a.detach().numpy().dtype).reshape(tuple(b.shape))
            assert a.shape == b.shape
            np.testing.assert_allclose(b, a, rtol=2e-4 if a.dtype == np.float32 else 1e-9, atol=2e-5, err_msg=str(i))


def both_orders(T, value, inputs):
    """The gradients of a scalar, and those of the sum of their squares."""
    first = T.autograd.grad(value, inputs, create_graph=True)
    return [*first, *T.autograd.grad(sum((g ** 2).sum() for g in first), inputs)]


def neighbours(node):
    return [None if n is None else n.name() for n, _ in node.next_functions]


def layer(T, activation, bias=True, dtype="float32"):
    net = T.nn.Sequential(T.nn.Linear(6, 4, bias=bias), activation)
    with T.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(T.tensor(numbers(*p.shape, seed=i + 1)))
    return net.double() if dtype == "float64" else net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 6), (6,), (2, 3, 6), (1, 6)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_linear_and_activation(name, shape, bias, dtype):
    def run(T):
        net = layer(T, getattr(T.nn, name)(), bias, dtype)
        x = T.tensor(numbers(*shape, dtype=dtype), requires_grad=True)
        inputs = [x, *net.parameters()]
        y = net(x)
        plain = T.autograd.grad((net(x) ** 3).sum(), inputs)
        with T.no_grad():
            silent = net(x)
        return [y, silent, *plain, *both_orders(T, (y ** 3).sum(), inputs), y.grad_fn.name(), neighbours(y.grad_fn)]
    both(run)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_linear_and_activation_have_the_bits_of_the_two_steps(name, bias):
    net = layer(martlet, getattr(martlet.nn, name)(), bias)
    x = martlet.tensor(numbers(9, 6), requires_grad=True)
    apart = net[1](net[0](x))
    assert martlet.equal(net(x), apart)
    inputs = [x, *net.parameters()]
    for a, b in zip(martlet.autograd.grad(net(x).sum(), inputs), martlet.autograd.grad(apart.sum(), inputs)):
        assert martlet.equal(a, b)


def test_gelu_with_tanh():
    both(lambda T: [layer(T, T.nn.GELU(approximate="tanh"))(T.tensor(numbers(5, 6)))])


def test_layers_that_somebody_listens_to_run_apart():
    for listens in (lambda net, note: net[0].register_forward_hook(lambda m, args, out: note(out)),
                    lambda net, note: net[1].register_forward_pre_hook(lambda m, args: note(args[0])),
                    lambda net, note: setattr(net[0], "forward", lambda x: (note(x), 2 * x @ net[0].weight.t())[1])):
        seen = []
        net = layer(martlet, martlet.nn.ReLU())
        x = martlet.tensor(numbers(5, 6))
        before = net(x)
        listens(net, seen.append)
        after = net(x)
        assert len(seen) == 1
        assert martlet.equal(before, after) == (seen[0].shape[-1] == 4)


def test_a_frozen_weight_does_not_keep_the_input():
    net = layer(martlet, martlet.nn.ReLU())
    net[0].weight.requires_grad_(False)
    x = martlet.tensor(numbers(5, 6), requires_grad=True)
    y = net(x)
    assert y.grad_fn.next_functions[0][0].name() == "AddmmBackward0"
    y.sum().backward()
    theirs = layer(torch, torch.nn.ReLU())
    a = torch.tensor(numbers(5, 6), requires_grad=True)
    theirs(a).sum().backward()
    np.testing.assert_allclose(np.array(x.grad.tolist()), a.grad.numpy(), rtol=1e-5)


def test_a_step_inside_another_takes_no_hooks():
    y = layer(martlet, martlet.nn.ReLU())(martlet.tensor(numbers(5, 6)))
    inner = y.grad_fn.next_functions[0][0]
    assert inner is not None and inner.name() == "AddmmBackward0"
    with pytest.raises(NotImplementedError, match="AddmmBackward0 runs as a part of the step before it"):
        inner.register_hook(lambda a, b: None)
    y.grad_fn.register_hook(lambda a, b: None)  # the step itself does


def test_the_graph_is_freed_and_checked_as_that_of_two_steps():
    net = layer(martlet, martlet.nn.Tanh())
    y = net(martlet.tensor(numbers(5, 6)))
    y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    y = net(martlet.tensor(numbers(5, 6)))
    with martlet.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation.*output 0 of Tanh,"):
        y.sum().backward()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(reduction, weighted, dtype):
    def run(T):
        x = T.tensor(numbers(7, 11, dtype=dtype) * 5, requires_grad=True)
        target = T.tensor([0, 3, 10, -100, 5, 5, 1])
        weight = T.tensor(np.abs(numbers(11, seed=3, dtype=dtype))) if weighted else None
        loss = T.nn.functional.cross_entropy(x, target, weight=weight, reduction=reduction)
        scaled = (loss * T.tensor(numbers(*loss.shape, seed=4, dtype=dtype))).sum()
        again = T.nn.functional.cross_entropy(x * 1, target, weight=weight, reduction=reduction).sum()
        return [loss, T.autograd.grad(again, x)[0], *both_orders(T, scaled, [x]), loss.grad_fn.name(), neighbours(loss.grad_fn),
                neighbours(loss.grad_fn.next_functions[0][0])]
    both(run)


def test_cross_entropy_has_the_bits_of_log_softmax_and_nll_loss():
    F = martlet.nn.functional
    for classes in (1, 3, 16, 33, 5000):
        x = martlet.tensor(numbers(6, classes) * 8, requires_grad=True)
        target = martlet.tensor(np.arange(6) % classes)
        apart = F.nll_loss(F.log_softmax(x, 1), target)
        joined = F.cross_entropy(x, target)
        assert martlet.equal(joined, apart)
        assert martlet.equal(martlet.autograd.grad(joined, x)[0], martlet.autograd.grad(apart, x)[0])


def test_the_gradient_takes_the_memory_of_logits_that_nobody_else_holds():
    F, target = martlet.nn.functional, martlet.tensor([1, 0, 2])
    x = martlet.tensor(numbers(3, 4), requires_grad=True)
    expected = martlet.autograd.grad(F.nll_loss(F.log_softmax(x * 2, 1), target), x)[0]
    held = x * 2
    values = held.detach().clone()
    loss = F.cross_entropy(held, target)
    loss.backward(retain_graph=True)
    assert martlet.equal(held, values) and martlet.equal(x.grad, expected)
    x.grad = None
    loss.backward()  # the logits are still held here
    assert martlet.equal(held, values) and martlet.equal(x.grad, expected)
    x.grad = None
    F.cross_entropy((x * 2).view(3, 4), target).backward()  # and here by nobody
    assert martlet.equal(x.grad, expected)
    x.grad = None
    loss = F.cross_entropy(x * 2, target)
    loss.backward(retain_graph=True)
    loss.backward()
    assert martlet.allclose(x.grad, 2 * expected)


def test_cross_entropy_of_targets_out_of_range():
    x = martlet.tensor(numbers(3, 4))
    with pytest.raises(IndexError, match="Target 4 is out of bounds."):
        martlet.nn.functional.cross_entropy(x, martlet.tensor([0, 4, 1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape,over", [((3, 4, 8), (8,)), ((5, 33), (33,)), ((2, 3, 4), (3, 4)), ((7,), (7,)), ((0, 4), (4,))])
def test_rms_norm(shape, over, weighted, dtype):
    def run(T):
        x = T.tensor(numbers(*shape, dtype=dtype), requires_grad=True)
        weight = T.tensor(numbers(*over, seed=2, dtype=dtype), requires_grad=True) if weighted else None
        inputs = [x] + ([weight] if weighted else [])
        y = T.nn.functional.rms_norm(x, over, weight, 1e-5)
        plain = T.autograd.grad((T.nn.functional.rms_norm(x, over, weight, 1e-5) ** 3).sum(), inputs)
        return [y, *plain, *both_orders(T, (y ** 3).sum(), inputs), y.grad_fn.name()] + ([neighbours(y.grad_fn)] if weighted else [])
    both(run)


def test_rms_norm_finite_differences():
    x = martlet.tensor(numbers(3, 5, dtype="float64"), requires_grad=True)
    weight = martlet.tensor(numbers(5, seed=2, dtype="float64"), requires_grad=True)
    f = lambda x, w: martlet.nn.functional.rms_norm(x, (5,), w)
    assert martlet.autograd.gradcheck(f, (x, weight))
    assert martlet.autograd.gradgradcheck(f, (x, weight))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layer(activation):
    def run(T):
        T.manual_seed(1)
        net = T.nn.TransformerEncoderLayer(8, 2, 16, dropout=0., activation=activation)
        with T.no_grad():
            for i, p in enumerate(net.parameters()):
                p.copy_(T.tensor(numbers(*p.shape, seed=i) * .3))
        x = T.tensor(numbers(5, 3, 8), requires_grad=True)
        y = net(x)
        return [y, *T.autograd.grad((y ** 2).sum(), [x, *net.parameters()])]
    both(run)


def encoder_layer(T, activation="relu", dropout=0.0, bias=True, dtype="float32", **options):
    net = T.nn.TransformerEncoderLayer(6, 2, 5, dropout=dropout, activation=activation, bias=bias, **options)
    with T.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_(T.tensor(numbers(*p.shape, seed=i + 1)))
    return net.double() if dtype == "float64" else net


def feed(T, net, x):
    """The feed-forward net of an encoder layer: one step of martlet's, four of torch's."""
    if T is martlet:
        return martlet.nn.modules.transformer._feed_forward(x, net.linear1, net.activation, net.dropout, net.linear2)
    return net.linear2(net.dropout(net.activation(net.linear1(x))))


def names_below(node, levels):
    """The names along the first of what follows that is no end, one level after the other."""
    names = []
    for _ in range(levels):
        names.append([node.name(), neighbours(node)])
        node = next(n for n, _ in node.next_functions if n is not None and not n.name().endswith("AccumulateGrad"))
    return names


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", ["relu", "gelu", "Tanh", "Sigmoid", "SiLU", "GELU"])
def test_feed_forward(name, dropout, bias, dtype):
    def run(T):
        net = encoder_layer(T, name if name.islower() else getattr(T.nn, name)(), dropout, bias, dtype)
        x = T.tensor(numbers(2, 3, 6, dtype=dtype), requires_grad=True)
        inputs = [x, *net.linear1.parameters(), *net.linear2.parameters()]
        T.manual_seed(4)
        plain = T.autograd.grad((feed(T, net, x) ** 3).sum(), inputs)
        with T.no_grad():
            silent = feed(T, net, x)
        y = feed(T, net, x)
        # Of second derivatives in the hundreds float32 keeps too few digits to tell.
        recorded = both_orders(T, (y ** 3).sum(), inputs) if dtype == "float64" else []
        return [y, silent, *plain, *recorded, T.rand(3)]
    both(run)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_feed_forward_has_the_bits_of_the_steps(name, dropout):
    net = encoder_layer(martlet, name, dropout)
    x = martlet.tensor(numbers(9, 6), requires_grad=True)
    inputs = [x, *net.linear1.parameters(), *net.linear2.parameters()]
    martlet.manual_seed(1)
    joined = feed(martlet, net, x)
    martlet.manual_seed(1)
    apart = net.linear2(net.dropout(net.activation(net.linear1(x))))
    assert martlet.equal(joined, apart)
    for a, b in zip(martlet.autograd.grad(joined.sum(), inputs), martlet.autograd.grad(apart.sum(), inputs)):
        assert martlet.equal(a, b)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_feed_forward_shows_the_steps(dropout):
    def run(T):
        # torch has nodes for transposed weights, which stand for the weights themselves here
        net, x = encoder_layer(T, "gelu", dropout), T.tensor(numbers(4, 6), requires_grad=True)
        shown = names_below(feed(T, net, x).grad_fn, 3 if dropout else 2)
        return [str(shown).replace("TBackward0", "torch::autograd::AccumulateGrad")]
    both(run)


@pytest.mark.parametrize("frozen", ["linear1.weight", "linear2.weight", "linear1.bias", "linear2.bias", "linear1", "linear2"])
def test_feed_forward_with_parts_frozen(frozen):
    def run(T):
        net, x = encoder_layer(T, "gelu", 0.3), T.tensor(numbers(4, 6), requires_grad=True)
        for n, p in net.named_parameters():
            if n.startswith(frozen):
                p.requires_grad_(False)
        inputs = [x, *(p for n, p in net.named_parameters() if n.startswith("linear") and p.requires_grad)]
        T.manual_seed(2)
        return both_orders(T, (feed(T, net, x) ** 3).sum(), inputs)
    both(run)


def test_feed_forward_gives_only_what_is_wanted():
    net, x = encoder_layer(martlet), martlet.tensor(numbers(4, 6), requires_grad=True)
    y = feed(martlet, net, x).pow(2).sum()
    all_of_them = [x, *net.linear1.parameters(), *net.linear2.parameters()]
    whole = martlet.autograd.grad(y, all_of_them, retain_graph=True)
    for t, g in zip(all_of_them, whole):
        assert martlet.equal(martlet.autograd.grad(y, t, retain_graph=True)[0], g)


def test_feed_forward_that_somebody_listens_to_runs_apart():
    for part in ("linear1", "dropout", "linear2"):
        net, seen = encoder_layer(martlet, "relu", 0.2), []
        getattr(net, part).register_forward_hook(lambda m, args, out: seen.append(out))
        net(martlet.tensor(numbers(4, 1, 6)))
        assert len(seen) == 1


def test_weights_that_are_frozen_after_the_step():
    """The way back while recording makes the step anew, and then from what wants no gradient any more."""
    def run(T):
        net, x = encoder_layer(T, "gelu"), T.tensor(numbers(4, 6))
        y, z = feed(T, net, x), layer(T, T.nn.GELU())(x)
        for p in net.parameters():
            p.requires_grad_(False)
        v = T.ones(4, 6, requires_grad=True)
        return list(T.autograd.grad((y * v).sum(), [v], create_graph=True))
    both(run)
