"""Reading and writing by indices, masks and index tensors, against torch."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

I = np.array
# Index expressions on a 3 x 4 x 5 tensor; arrays become tensors.
INDICES = {
    "one": (I([2, 0, 2]),), "negative": (I([-1, 0]),), "two": (I([0, 2]), I([1, -1])), "broadcast": (I([[0], [2]]), I([1, 3, 1])),
    "second": (slice(None), I([3, 0])), "last": (Ellipsis, I([4, 4, 0])), "apart": (I([0, 1]), slice(None), I([2, 4])),
    "beside a number": (1, slice(1, 3), I([0, 0])), "after none": (None, I([1, 2])), "number between": (I([0, 2]), 1, I([3, 3])),
    "empty": (I([], dtype="int64"),), "scalar": (I(2),), "list": ([0, 2],), "mask": (I([True, False, True]),),
    "wide mask": (rand(3, 4) > 0,), "whole mask": (rand(3, 4, 5) > 0.5,), "mask and numbers": (I([True, False, True]), I([1, 2])),
    "nothing true": (I([False, False, False]),), "true": (True,), "false": (False,), "uint8": (I([1, 0, 1], dtype="uint8"),),
    "int32": (I([0, 2], dtype="int32"),), "slices": (slice(0, 2), slice(None, None, 2)), "number": (1,), "numbers": (0, -1, 2),
}


def place(t, index):
    return tuple(t.tensor(i.item()) if isinstance(i, np.ndarray) and i.ndim == 0 else t.from_numpy(i) if isinstance(i, np.ndarray) else i
                 for i in index)


@pytest.mark.parametrize("name", INDICES)
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_read(name):
    check_op(lambda t, x: x[place(t, INDICES[name])] ** 2, [rand(3, 4, 5)])
    check_op(lambda t, x: x.transpose(0, 2)[place(t, (I([4, 0]), slice(None), I([0, 2])))], [rand(3, 4, 5)])
    check_op(lambda t, x: x[place(t, INDICES[name])], [np.arange(60).reshape(3, 4, 5)])


@pytest.mark.parametrize("name", [n for n in INDICES if n not in ("true", "false", "uint8")])
@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_write(name):
    def number(t, x):
        y = x * 1.0
        y[place(t, INDICES[name])] = 7.5
        return y

    def values(t, x, v):
        y = x * 1.0
        target = y[place(t, INDICES[name])]
        y[place(t, INDICES[name])] = v[(0,) * (3 - min(3, target.dim())) + (Ellipsis,)].flatten()[0] * 2
        return y
    check_op(number, [rand(3, 4, 5)])
    check_op(values, [rand(3, 4, 5), rand(3, 4, 5, seed=9)])


def test_write_tensors():
    def same(t, x, v):
        y = x * 1.0
        y[t.tensor([2, 0])] = v
        return y
    check_op(same, [rand(3, 4), rand(2, 4, seed=1)])
    check_op(same, [rand(3, 4), rand(4, seed=1)])
    check_op(same, [rand(3, 4), rand(1, 1, seed=1)])
    check_op(lambda t, x, v: x.index_put((t.tensor([0, 0, 2]),), v, accumulate=True), [rand(3, 4), rand(3, 4, seed=2)])
    check_op(lambda t, x, v: (x * 1).index_put_((t.tensor([0, 2]), t.tensor([1, 3])), v), [rand(3, 4), rand(2, seed=2)])
    check_op(lambda t, x, v: x.masked_scatter(t.from_numpy(rand(3, 4) > 0), v), [rand(3, 4), rand(12, seed=2)])

    def augmented(t, x):
        y = x * 1.0
        y[1:, t.tensor([0, 3])] += 2
        y[0] *= 3
        return y
    check_op(augmented, [rand(3, 4)])


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_along_a_dimension(dim):
    index = I([1, 0, 1])
    check_op(lambda t, x: x.index_select(dim, t.from_numpy(index)), [rand(3, 4, 2)])
    shape = [3, 4, 2]
    shape[dim] = 3
    check_op(lambda t, x, v: x.index_add(dim, t.from_numpy(index), v, alpha=2), [rand(3, 4, 2), rand(*shape, seed=1)])
    shape[dim] = 2
    check_op(lambda t, x, v: x.index_copy(dim, t.tensor([1, 0]), v), [rand(3, 4, 2), rand(*shape, seed=1)])
    check_op(lambda t, x: x.index_fill(dim, t.tensor([1, 0]), 3.0), [rand(3, 4, 2)])
    picks = np.random.RandomState(0).randint(0, 2, (2, 3, 2))
    check_op(lambda t, x: x.gather(dim, t.from_numpy(picks)), [rand(3, 4, 2)])
    check_op(lambda t, x, v: x.scatter_add(dim, t.from_numpy(picks), v), [rand(3, 4, 2), rand(2, 3, 2, seed=1)])
    once = np.argsort(rand(3, 4, 2, seed=5), axis=dim)
    check_op(lambda t, x, v: x.scatter(dim, t.from_numpy(once), v), [rand(3, 4, 2), rand(3, 4, 2, seed=1)])
    check_op(lambda t, x: x.scatter(dim, t.from_numpy(picks), 1.5), [rand(3, 4, 2)])
    check_op(lambda t, x: t.take_along_dim(x, t.from_numpy(once), dim), [rand(3, 4, 2)])


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(reduce, include_self):
    picks = I([[0, 2, 0, 1], [1, 1, 2, 0]])
    order = 1 if reduce in ("amax", "amin", "prod") else 2
    check_op(lambda t, x, v: x.scatter_reduce(0, t.from_numpy(picks), v, reduce, include_self=include_self),
             [rand(3, 4), rand(2, 4, seed=50)], order=order)


@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce_of_equal_elements_and_zeros(include_self):
    """Gradients of extremes that several share, and of products with no, one and two zeros among their factors."""
    picks = I([[0, 2, 0, 1], [0, 1, 2, 1]])
    x, v = np.array([[1.0, 2.0, 0.0, 3.0], [5.0, 4.0, 4.0, 0.0], [2.0, 0.0, 1.0, 1.0]]), np.array([[1.0, 2.0, 0.0, 3.0], [1.0, 4.0, 0.0, 3.0]])
    for reduce in ("amax", "amin", "prod"):
        check_op(lambda t, x, v: x.scatter_reduce(0, t.from_numpy(picks), v, reduce, include_self=include_self), [x, v], order=1)
    factors = np.array([[2.0, 0.0, 3.0, 1.0], [0.0, 2.0, 0.5, 4.0]])
    for f in (rand(2, 4, seed=9), factors):
        check_op(lambda t, x, v: x.scatter_reduce(0, t.from_numpy(picks), v, "prod", include_self=include_self), [x, f])
    zeros = np.array([[0.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])

    def twice(t):
        a, b = t.tensor(x, requires_grad=True), t.tensor(zeros, requires_grad=True)
        made = a.scatter_reduce(0, t.from_numpy(picks), b, "prod", include_self=include_self)
        first, = t.autograd.grad(made.sum(), b, create_graph=True)
        first.sum().backward()
    check_error(twice, message="Double backward is unsupported for src when >1 zeros in src are scattered to the same position in self")


def test_masks_and_places():
    mask = rand(3, 4, seed=3) > 0
    check_op(lambda t, x: x.masked_select(t.from_numpy(mask)), [rand(3, 4)])
    check_op(lambda t, x: x.masked_fill(t.from_numpy(mask), -1.0), [rand(3, 4)])
    check_op(lambda t, x: x.masked_fill(t.from_numpy(mask[0]), t.tensor(2.0)), [rand(3, 4)])
    check_op(lambda t, x, y: t.where(t.from_numpy(mask), x, y), [rand(3, 4), rand(4, seed=1)])
    check_op(lambda t, x: x.take(t.tensor([[0, 11], [-1, 0]])), [rand(3, 4)])
    check_op(lambda t, x, v: x.put(t.tensor([0, 5]), v), [rand(3, 4), rand(2, seed=1)])
    for values in (mask, rand(2, 2, 2) > 0, np.zeros((2, 0)), np.array(3.0)):
        check_op(lambda t: (t.tensor(values).nonzero(), t.tensor(values).nonzero(as_tuple=True) if values.ndim else 0, t.argwhere(t.tensor(values))),
                 [], grad=False)
    check_op(lambda t: t.where(t.from_numpy(mask)), [], grad=False)


@pytest.mark.parametrize("name,call", {
    "range": lambda t, x: x[3], "negative range": lambda t, x: x[-4], "tensor range": lambda t, x: x[t.tensor([0, 3])],
    "tensor negative": lambda t, x: x[t.tensor([-4])], "too many": lambda t, x: x[0, 0, 0], "float": lambda t, x: x[1.5],
    "float tensor": lambda t, x: x[t.tensor([0.0])], "text": lambda t, x: x["a"], "mask shape": lambda t, x: x[t.tensor([True, False])],
    "shapes": lambda t, x: x[t.tensor([0, 1]), t.tensor([0, 1, 2])], "write shape": lambda t, x: x.__setitem__(slice(0, 2), t.zeros(3, 4)),
    "write range": lambda t, x: x.__setitem__(t.tensor([5]), 1.0), "two ellipses of a scalar": lambda t, x: x[0, 0][0],
    "index_select rank": lambda t, x: x.index_select(0, t.zeros(1, 1, dtype=t.int64)), "index_select dtype": lambda t, x: x.index_select(0, t.zeros(1)),
    "index_select range": lambda t, x: x.index_select(1, t.tensor([4])), "gather rank": lambda t, x: x.gather(0, t.tensor([0])),
    "gather dtype": lambda t, x: x.gather(0, t.zeros(1, 1)), "gather size": lambda t, x: x.gather(0, t.zeros(1, 9, dtype=t.int64)),
    "gather range": lambda t, x: x.gather(0, t.tensor([[3]])), "scatter range": lambda t, x: x.scatter(0, t.tensor([[-1]]), 0.0),
    "scatter dtype": lambda t, x: x.scatter(0, t.tensor([[0]]), t.zeros(1, 1, dtype=t.float32)), "take range": lambda t, x: x.take(t.tensor([12])),
    "index_add size": lambda t, x: x.index_add(0, t.tensor([0]), t.zeros(2, 4)), "index_copy range": lambda t, x: x.index_copy(0, t.tensor([3]), x[:1]),
    "masked_fill dtype": lambda t, x: x.masked_fill(t.zeros(3, 4), 1.0), "masked_select dtype": lambda t, x: x.masked_select(t.zeros(3, 4)),
    "masked_fill tensor": lambda t, x: x.masked_fill(t.zeros(3, 4, dtype=t.bool), t.zeros(2)), "where": lambda t, x: t.where(t.zeros(2, dtype=t.bool), x, x),
}.items())
def test_errors(name, call):
    check_error(call, [rand(3, 4)])


def test_finite_differences():
    x = martlet.from_numpy(rand(3, 4)).requires_grad_()
    v = martlet.from_numpy(rand(2, 4, seed=1)).requires_grad_()
    i = martlet.tensor([2, 0])
    for f in (lambda x, v: x[i, :2] ** 2, lambda x, v: x.index_add(0, i, v) ** 2, lambda x, v: x.scatter(0, i.view(2, 1), v) ** 3,
              lambda x, v: x.index_put((i,), v * v), lambda x, v: x.masked_scatter(x.detach() > 0, (v * v).repeat(2, 1).flatten())):
        assert martlet.autograd.gradcheck(f, (x, v))
        assert martlet.autograd.gradgradcheck(f, (x, v))
