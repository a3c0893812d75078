"""Losses against torch and finite differences."""
import warnings

import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand
from test_ops_activations import functional

warnings.filterwarnings("ignore", message="Using a target size|reduction: 'mean'|size_average")
REDUCTIONS = ["none", "mean", "sum"]
PAIRS = {
    "mse_loss": [{}], "l1_loss": [{}], "smooth_l1_loss": [{}, {"beta": 0.3}, {"beta": 0.0}], "huber_loss": [{}, {"delta": 0.4}],
    "kl_div": [{}, {"log_target": True}],
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name,kw", [(n, kw) for n in PAIRS for kw in PAIRS[n]])
def test_pairs(name, kw, reduction):
    f = lambda t, x, y: getattr(functional(t), name)(x, y, reduction=reduction, **kw)
    low = 0.1 if name == "kl_div" else -2
    for a, b in [((2, 3), (2, 3)), ((3,), (3,)), ((), ()), ((2, 3), (3,)), ((0, 3), (0, 3))]:
        check_op(f, [rand(*a), rand(*b, low=low, seed=4)])
    check_op(f, [rand(4, 5, dtype="float32"), rand(4, 5, low=low, seed=3, dtype="float32")], rtol=1e-4, atol=1e-5)
    check_op(lambda t, x, y: f(t, x.t(), y), [rand(4, 5), rand(5, 4, low=low, seed=3)])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name,kw", [(n, kw) for n in PAIRS for kw in PAIRS[n]])
def test_pairs_finite_differences(name, kw, reduction):
    low = 0.1 if name == "kl_div" else -2
    x, y = martlet.from_numpy(rand(2, 3, seed=1)).requires_grad_(), martlet.from_numpy(rand(2, 3, low=low, seed=2)).requires_grad_()
    f = lambda x, y: getattr(functional(martlet), name)(x, y, reduction=reduction, **kw)
    assert martlet.autograd.gradcheck(f, (x, y))
    assert martlet.autograd.gradgradcheck(f, (x, y))


def test_pairs_at_kinks_and_dtypes():
    for name in ["l1_loss", "smooth_l1_loss", "huber_loss"]:
        check_op(lambda t, x, y: getattr(functional(t), name)(x, y), [np.array([0.0, 1.0, -1.0, 2.0]), np.zeros(4)], order=1)
    check_op(lambda t, x, y: functional(t).mse_loss(x, y), [rand(3, dtype="float32"), rand(3, seed=9)], rtol=1e-5)
    check_op(lambda t, x: functional(t).mse_loss(x, t.tensor([0, 1, 1])), [rand(3, dtype="float32")])
    check_error(lambda t: functional(t).mse_loss(t.tensor([1, 2]), t.tensor([1, 2])), message="not implemented for 'Long'")
    check_error(lambda t: functional(t).mse_loss(t.ones(3), t.ones(2)), message="must match the size of tensor b")
    check_error(lambda t: functional(t).mse_loss(t.ones(3), t.ones(3), reduction="average"), message="average is not a valid value for reduction")
    check_error(lambda t: functional(t).smooth_l1_loss(t.ones(3), t.ones(3), beta=-1.0))
    check_error(lambda t: functional(t).huber_loss(t.ones(3), t.ones(3), delta=0.0))


def test_batchmean_and_weights():
    check_op(lambda t, x, y: functional(t).kl_div(x, y, reduction="batchmean"), [rand(4, 3), rand(4, 3, low=0.1)])
    check_op(lambda t, x, y, w: functional(t).mse_loss(x, y, weight=w), [rand(4, 3), rand(4, 3, seed=1), rand(4, 3, low=0.5, seed=2)])
    with pytest.warns(UserWarning, match="different to the input size"):
        functional(martlet).mse_loss(martlet.ones(2, 3), martlet.ones(3))


# ---- binary cross entropy

@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction):
    f = lambda t, x, y, *w: functional(t).binary_cross_entropy(x, y, *w, reduction=reduction)
    x, y = rand(3, 4, low=0.05, high=0.95), rand(3, 4, low=0.05, high=0.95, seed=2)
    check_op(f, [x, y])
    check_op(lambda t, x, y: f(t, x, y, t.tensor([1.0, 2.0, 0.5, 1.0], dtype=t.float64)), [x, y])
    check_op(f, [np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])], order=1, rtol=1e-7)
    a, b = martlet.from_numpy(x).requires_grad_(), martlet.from_numpy(y).requires_grad_()
    assert martlet.autograd.gradcheck(lambda x, y: f(martlet, x, y), (a, b))
    assert martlet.autograd.gradgradcheck(lambda x: f(martlet, x, b.detach()), (a,))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("pos_weight", [False, True])
def test_binary_cross_entropy_with_logits(reduction, weight, pos_weight):
    def f(t, x, y):
        one = lambda *v: t.tensor(v, dtype=t.float64)
        return functional(t).binary_cross_entropy_with_logits(
            x, y, weight=one(1.0, 2.0, 0.5, 1.0) if weight else None, pos_weight=one(2.0, 1.0, 0.5, 3.0) if pos_weight else None,
            reduction=reduction)
    x, y = rand(3, 4), rand(3, 4, low=0.0, high=1.0, seed=2)
    check_op(f, [x, y])
    check_op(f, [x * 50, np.round(y)])
    a, b = martlet.from_numpy(x).requires_grad_(), martlet.from_numpy(y).requires_grad_()
    assert martlet.autograd.gradcheck(lambda x, y: f(martlet, x, y), (a, b))
    assert martlet.autograd.gradgradcheck(lambda x, y: f(martlet, x, y), (a, b))


def test_binary_cross_entropy_errors():
    F = functional
    check_error(lambda t: F(t).binary_cross_entropy(t.rand(3), t.rand(2)), message="Using a target size (torch.Size([2])) that is different")
    check_error(lambda t: F(t).binary_cross_entropy(t.rand(3) + 2, t.rand(3)), message="all elements of input should be between 0 and 1")
    check_error(lambda t: F(t).binary_cross_entropy(t.rand(3), t.tensor([0, 1, 1])), message="Found dtype Long but expected Float")
    check_error(lambda t: F(t).binary_cross_entropy_with_logits(t.rand(3), t.rand(2)), message="must be the same as input size (torch.Size([3]))")
    check_error(lambda t: F(t).binary_cross_entropy_with_logits(t.rand(3), t.tensor([0, 1, 1])), message="can't be cast to")


# ---- classes

SHAPES = [((5,), ()), ((5,), (1,)), ((4, 5), (4,)), ((2, 5, 3), (2, 3)), ((2, 5, 3, 2), (2, 3, 2)), ((2, 5, 2, 2, 3), (2, 2, 2, 3)),
          ((40, 5), (40,))]


def targets(shape, classes=5, seed=0):
    return np.asarray(np.random.RandomState(seed).randint(0, classes, shape), dtype="int64")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("x,y", SHAPES)
@pytest.mark.parametrize("kind", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize("weighted", [False, True])
def test_classes(kind, x, y, reduction, weighted):
    def f(t, x, y, **kw):
        w = t.tensor([1.0, 0.5, 2.0, 1.5, 0.25], dtype=t.float64) if weighted else None
        return getattr(functional(t), kind)(x, y, weight=w, reduction=reduction, **kw)
    a, b = rand(*x), targets(y)
    if y == (1,):  # torch takes this forward only
        check_op(f, [a, b], grad=False)
        return
    check_op(f, [a, b])
    if b.size > 2:
        check_op(lambda t, x, y: f(t, x, y, ignore_index=2), [a, b])
    if kind == "cross_entropy":
        check_op(lambda t, x, y: f(t, x, y, label_smoothing=0.2), [a, b])
        if b.size > 2:
            check_op(lambda t, x, y: f(t, x, y, label_smoothing=0.2, ignore_index=2), [a, b])
    if b.size <= 12:
        g = martlet.from_numpy(a).requires_grad_()
        assert martlet.autograd.gradcheck(lambda x: f(martlet, x, martlet.from_numpy(b) if b.ndim else martlet.tensor(int(b))), (g,))
        assert martlet.autograd.gradgradcheck(lambda x: f(martlet, x, martlet.from_numpy(b) if b.ndim else martlet.tensor(int(b))), (g,))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_probabilities(reduction, weighted, smoothing):
    def f(t, x, y):
        w = t.tensor([1.0, 0.5, 2.0], dtype=t.float64) if weighted else None
        return functional(t).cross_entropy(x, y, weight=w, reduction=reduction, label_smoothing=smoothing)
    for shape in [(3,), (4, 3), (2, 3, 4)]:
        y = rand(*shape, low=0.05, high=1, seed=3)
        check_op(f, [rand(*shape), y / y.sum()])
    x, y = martlet.from_numpy(rand(4, 3)).requires_grad_(), martlet.from_numpy(rand(4, 3, low=0.1, high=1)).requires_grad_()
    assert martlet.autograd.gradcheck(lambda x, y: f(martlet, x, y), (x, y))
    assert martlet.autograd.gradgradcheck(lambda x, y: f(martlet, x, y), (x, y))


def test_class_edges():
    F = functional
    check_op(lambda t, x: F(t).nll_loss(x, t.tensor([-100, -100])), [rand(2, 3)], order=1)
    check_op(lambda t, x: F(t).nll_loss(x, t.tensor([-100, -100]), reduction="sum"), [rand(2, 3)], order=1)
    check_op(lambda t: F(t).nll_loss(t.zeros(0, 3), t.zeros(0, dtype=t.int64)), [], grad=False)
    check_op(lambda t, x: F(t).cross_entropy(x, t.tensor([0, 2], dtype=t.uint8)), [rand(2, 3)])
    check_op(lambda t, x: F(t).cross_entropy(x.t(), t.tensor([0, 2, 1])), [rand(3, 3, dtype="float32")], rtol=1e-4, atol=1e-5)
    check_op(lambda t, x: F(t).cross_entropy(x, t.tensor([0, 1])), [rand(2, 3).astype("float16")], grad=False)


ERRORS = [
    (lambda t, F, x: F.nll_loss(x, t.tensor([0, 1])), "Expected input batch_size (3) to match target batch_size (2)."),
    (lambda t, F, x: F.nll_loss(x, t.tensor([0, 1, 5])), "Target 5 is out of bounds."),
    (lambda t, F, x: F.cross_entropy(x, t.tensor([0, -1, 3])), "Target -1 is out of bounds."),
    (lambda t, F, x: F.nll_loss(x, t.tensor([0, 1, 2], dtype=t.int32)), "expected target dtype to be Long or Byte, but got Int"),
    (lambda t, F, x: F.nll_loss(x, t.tensor([0, 1, 2]), weight=t.ones(3)), "weight tensor should be defined either for all 4 classes"),
    (lambda t, F, x: F.nll_loss(x, t.zeros(3, 2, dtype=t.int64)), "0D or 1D target tensor expected, multi-target not supported"),
    (lambda t, F, x: F.nll_loss(x[0], t.tensor([1, 2])), "For 1D input, 1D target must have size 1, but got target size: 2"),
    (lambda t, F, x: F.nll_loss(t.tensor(1.0), t.tensor(1)), "Expected 1 or more dimensions (got 0)"),
    (lambda t, F, x: F.nll_loss(t.ones(2, 3, 4), t.zeros(2, 5, dtype=t.int64)), "Expected target size [2, 4], got [2, 5]"),
    (lambda t, F, x: F.nll_loss(t.ones(2, 3, 4, 4), t.zeros(2, 5, 4, dtype=t.int64)), "size mismatch (got input: [2, 3, 4, 4]"),
    (lambda t, F, x: F.nll_loss(t.ones(2, 3, 4, 4), t.zeros(2, 4, dtype=t.int64)), "only batches of spatial targets supported"),
    (lambda t, F, x: F.nll_loss(x.long(), t.tensor([0, 1, 2])), "not implemented for 'Long'"),
    (lambda t, F, x: F.cross_entropy(x, t.zeros(3, 4, dtype=t.int64)), "Expected floating point type for target with class probabilities"),
    (lambda t, F, x: F.cross_entropy(x, t.tensor([0, 1, 2]), label_smoothing=2.0), "label_smoothing must be between 0.0 and 1.0. Got: 2"),
    (lambda t, F, x: F.cross_entropy(x, t.rand(3, 4), ignore_index=1), "ignore_index is not supported for floating point target"),
    (lambda t, F, x: F.cross_entropy(x, t.rand(3, 4), weight=t.ones(3)), "cross_entropy: weight tensor should be defined either for all 4"),
    (lambda t, F, x: F.cross_entropy(x, t.tensor([0, 1, 2]), reduction="avg"), "avg is not a valid value for reduction"),
]


@pytest.mark.parametrize("call,message", ERRORS, ids=[m[:30] for _, m in ERRORS])
def test_class_errors(call, message):
    check_error(lambda t: call(t, functional(t), t.ones(3, 4)), message=message)


# ---- connectionist temporal classification

@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc(reduction, zero_infinity):
    def f(t, x, y, inputs, lengths):
        return functional(t).ctc_loss(x.log_softmax(-1), y, inputs, lengths, reduction=reduction, zero_infinity=zero_infinity)
    x = rand(6, 3, 4)
    rows, joined = np.array([[1, 2, 3], [2, 2, 1], [3, 0, 0]]), np.array([1, 2, 3, 2, 2, 1, 3])
    for y in (rows, joined):
        check_op(lambda t, x, y: f(t, x, y, [6, 5, 4], [3, 3, 1]), [x, y], order=1)
    check_op(lambda t, x, y: f(t, x, y, t.tensor([6, 5, 4]), t.tensor([3, 3, 0])), [x, rows], order=1)
    check_op(lambda t, x, y: f(t, x, y, (6,), (3,)), [rand(6, 4), rows[0]], order=1)
    check_op(lambda t, x, y: f(t, x.float(), y, [6, 5, 4], [3, 3, 1]), [x, rows], order=1, rtol=1e-4, atol=1e-5)
    if zero_infinity:  # the second target does not fit in two frames
        check_op(lambda t, x, y: f(t, x, y, [6, 2, 4], [3, 3, 1]), [x, rows], order=1)
    z = martlet.from_numpy(x).requires_grad_()
    assert martlet.autograd.gradcheck(lambda x: f(martlet, x, martlet.from_numpy(rows), [6, 5, 4], [3, 3, 1]), (z,))


def test_ctc_errors():
    def call(targets, inputs, lengths, **kw):
        return lambda t: functional(t).ctc_loss(t.zeros(5, 2, 3), t.tensor(targets), inputs, lengths, **kw)
    rows = [[1, 2], [2, 1]]
    check_error(call(rows, [5], [2, 2]), message="input_lengths must be of size batch_size")
    check_error(call(rows, [5, 5], [2]), message="target_lengths must be of size batch_size")
    check_error(call(rows, [6, 5], [2, 2]), message="Expected input_lengths to have value at most 5, but got value 6")
    check_error(call(rows, [5, 5], [-2, 2]), message="Expected target_lengths to have value at least 0")
    check_error(call(rows, [5, 5], [3, 2]), message="Expected tensor to have size at least 3 at dimension 1")
    check_error(call([1, 2, 1], [5, 5], [2, 2]), message="Expected tensor to have size 4 at dimension 0")
    check_error(call(rows, [5, 5], [2, 2], blank=3), message="blank must be in label range")
    with pytest.raises(IndexError, match="target 7 is out of bounds for 3 classes"):  # torch reads past the end
        call([[1, 7], [1, 2]], [5, 5], [2, 2])(martlet)
