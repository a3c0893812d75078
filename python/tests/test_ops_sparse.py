"""Embeddings and sparse COO tensors against torch."""
import pytest

import martlet
from opcompare import assert_same, check_error, check_op, rand

INDEX = [[0, 1, 0, 1], [1, 0, 1, 2]]


def pair(torch, build):
    """The same built by martlet and by torch."""
    return build(martlet), build(torch)


def coo(t, values=(1.0, 2.0, 3.0, 4.0), size=(2, 3), **kw):
    return t.sparse_coo_tensor(t.tensor(INDEX), t.tensor(values), *([size] if size else []), **kw)


def same_sparse(ours, theirs, flag=True):
    assert ours.is_sparse and theirs.is_sparse
    assert ours._indices().tolist() == theirs._indices().tolist()
    assert_same(ours._values(), theirs._values())
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert not flag or ours.is_coalesced() == theirs.is_coalesced()
    assert str(ours.dtype) == str(theirs.dtype)
    assert type(ours.grad_fn).__name__ == type(theirs.grad_fn).__name__
    assert (repr(ours) == repr(theirs))


def hybrid(t):
    return t.sparse_coo_tensor(t.tensor([[2, 0, 2]]), t.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), (3, 2))


@pytest.mark.parametrize("form", [
    lambda t: coo(t), lambda t: coo(t, size=None), lambda t: coo(t, (1, 2, 3, 4)), lambda t: coo(t, dtype=t.float64),
    lambda t: coo(t, requires_grad=True), lambda t: coo(t).coalesce(), lambda t: coo(t, requires_grad=True).coalesce(),
    lambda t: coo(t, (True, True, False, True)).coalesce(), hybrid, lambda t: hybrid(t).coalesce(),
    lambda t: t.sparse_coo_tensor((3, 2)), lambda t: t.sparse_coo_tensor([[0, 1]], [1.5, 2.5], (3,)),
    lambda t: t.sparse_coo_tensor(t.zeros(2, 0, dtype=t.long), t.zeros(0), (2, 2)),
    lambda t: coo(t) + coo(t), lambda t: coo(t).coalesce() + coo(t), lambda t: coo(t).add(coo(t), alpha=2),
    lambda t: coo(t) - coo(t).coalesce(), lambda t: hybrid(t) + hybrid(t).coalesce(), lambda t: coo(t) * 2,
    lambda t: 2 * coo(t, requires_grad=True), lambda t: coo(t) / 4, lambda t: -coo(t, requires_grad=True),
    lambda t: coo(t) * t.tensor(2.0), lambda t: coo(t) * t.full((2, 3), 3.0), lambda t: coo(t).t(),
    lambda t: coo(t, requires_grad=True).t(), lambda t: coo(t).transpose(0, 1), lambda t: coo(t, requires_grad=True).clone(),
    lambda t: coo(t).clone().zero_(), lambda t: coo(t, requires_grad=True).detach(), lambda t: coo(t).double(),
    lambda t: coo(t).clone().add_(coo(t)), lambda t: coo(t).clone().mul_(2), lambda t: coo(t).clone().div_(2),
    lambda t: t.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse(), lambda t: t.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse(1),
    lambda t: t.tensor([[0.0, 2.0]], requires_grad=True).to_sparse(),
    lambda t: t.ones(2, 3).sparse_mask(coo(t)), lambda t: t.sparse.sum(coo(t, requires_grad=True), 0),
    lambda t: t.sparse.sum(hybrid(t), 1), lambda t: coo(t).sum(1), lambda t: t.cat([coo(t), coo(t)]),
    lambda t: coo(t).permute(1, 0), lambda t: coo(t, requires_grad=True).permute(1, 0), lambda t: coo(t).clone().neg_(),
    lambda t: coo(t).index_select(0, t.tensor([0])), lambda t: coo(t).index_select(1, t.tensor([1, 1])), lambda t: coo(t)[0],
    lambda t: hybrid(t).index_select(1, t.tensor([1])), lambda t: coo(t).clone().sub_(coo(t).coalesce()),
    lambda t: t.cat([coo(t), coo(t)], 1), lambda t: t.sparse.mm(coo(t), coo(t).t()), lambda t: coo(t) @ coo(t).t()])
def test_sparse_results(torch, form):
    same_sparse(*pair(torch, form))


@pytest.mark.parametrize("form", [
    lambda t: coo(t).to_dense(), lambda t: coo(t, (1, 2, 3, 4)).to_dense(), lambda t: hybrid(t).to_dense(),
    lambda t: t.ones(2, 3) + coo(t), lambda t: t.ones(2, 3).add_(coo(t), alpha=3), lambda t: coo(t).sum(),
    lambda t: t.sparse.sum(coo(t)), lambda t: t.sparse.sum(hybrid(t), 0), lambda t: t.sparse.mm(coo(t), t.ones(3, 2)),
    lambda t: coo(t) @ t.ones(3, 2), lambda t: coo(t) @ t.ones(3), lambda t: t.ones(2, 2) @ coo(t),
    lambda t: t.sparse.addmm(t.ones(2, 2), coo(t), t.ones(3, 2), beta=2, alpha=3),
    lambda t: coo(t).coalesce().values(), lambda t: coo(t).coalesce().indices()])
def test_dense_results(torch, form):
    assert_same(*pair(torch, form))


WEIGHT = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize("form", [
    lambda t, s: s.to_dense() * t.tensor(WEIGHT), lambda t, s: s.coalesce().values() * t.tensor([1.0, 2.0, 5.0]),
    lambda t, s: (s + s).to_dense() * t.tensor(WEIGHT), lambda t, s: (s * 3).to_dense(), lambda t, s: s.sum() * 2,
    lambda t, s: t.sparse.sum(s), lambda t, s: t.sparse.sum(s, 0).to_dense() * t.tensor([1.0, 2.0, 3.0]),
    lambda t, s: t.sparse.mm(s, t.tensor(WEIGHT).t()) * t.tensor([[1.0, 2.0], [3.0, 4.0]]),
    lambda t, s: s @ t.tensor(WEIGHT).t(), lambda t, s: s.t().to_dense() * t.tensor(WEIGHT).t(),
    lambda t, s: t.tensor(WEIGHT) + s, lambda t, s: s.clone().to_dense(), lambda t, s: (-s).to_dense(),
    lambda t, s: (s / 2).to_dense()])
@pytest.mark.parametrize("leaf", ["values", "sparse"])
def test_gradients(torch, form, leaf):
    got = []
    for t in (martlet, torch):
        if leaf == "values":
            x = t.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
            s = t.sparse_coo_tensor(t.tensor(INDEX), x, (2, 3))
        else:
            x = s = coo(t, requires_grad=True)
        form(t, s).sum().backward()
        got.append(x.grad)
    assert got[0].is_sparse == got[1].is_sparse
    if got[0].is_sparse:
        same_sparse(*got, flag=False)
    assert_same(*got)


def test_sparse_factor_and_dense_factor(torch):
    def run(t):
        d = t.tensor(WEIGHT).t().contiguous().requires_grad_()
        s = coo(t, requires_grad=True)
        t.sparse.mm(s, d).pow(2).sum().backward()
        return d.grad, s.grad.to_dense()
    for a, b in zip(run(martlet), run(torch)):
        assert_same(a, b)


def test_second_order_through_a_sparse_tensor(torch):
    # torch drops part of the second derivative here, so the dense way of the same sum is the measure.
    def hessian_diagonal(sums):
        v = martlet.tensor([0.5, 1.5, -2.0, 3.0], dtype=martlet.float64, requires_grad=True)
        g, = martlet.autograd.grad((sums(v * v) ** 2).sum(), v, create_graph=True)
        return martlet.autograd.grad(g.sum(), v)[0]
    place = martlet.zeros(4, 6, dtype=martlet.float64)
    for i, (row, column) in enumerate(zip(*INDEX)):
        place.select(0, i).select(0, row * 3 + column).fill_(1)
    sparse = hessian_diagonal(lambda x: martlet.sparse_coo_tensor(martlet.tensor(INDEX), x, (2, 3)).to_dense())
    assert_same(sparse, torch.tensor(hessian_diagonal(lambda x: x @ place).tolist(), dtype=torch.float64))


@pytest.mark.parametrize("form", [
    lambda t: coo(t, size=(2,)), lambda t: coo(t, size=(2, 3, 4)), lambda t: coo(t, (1.0, 2.0)),
    lambda t: t.sparse_coo_tensor(t.tensor([[0, -1]]), t.tensor([1.0, 2.0])),
    lambda t: coo(t).indices(), lambda t: coo(t).values(), lambda t: t.ones(2).indices(), lambda t: t.ones(2).values(),
    lambda t: t.ones(2).coalesce(), lambda t: coo(t) + t.ones(2, 3), lambda t: coo(t) + 1,
    lambda t: t.ones(2, 3).to_sparse(3), lambda t: t.sparse.mm(coo(t), t.ones(2, 2)),
    lambda t: t.cat([coo(t), t.ones(2, 3)]), lambda t: hybrid(t).t()])
def test_errors(torch, form):
    ours, theirs = check_error(form)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("form", [
    lambda t: coo(t).view(6), lambda t: coo(t).reshape(6), lambda t: coo(t).exp(), lambda t: coo(t).clone().fill_(1),
    lambda t: coo(t).numpy(), lambda t: coo(t).item(), lambda t: t.ones(2)._nnz(),
    lambda t: coo(t).flip(0), lambda t: coo(t).diagonal(), lambda t: coo(t).split(1), lambda t: coo(t).repeat(2, 1),
    lambda t: coo(t).gather(0, t.tensor([[0]])), lambda t: coo(t).index_fill_(0, t.tensor([0]), 1.0),
    lambda t: coo(t).scatter_(0, t.tensor([[0]]), 1.0), lambda t: coo(t).nonzero(), lambda t: coo(t).unfold(0, 1, 1)])
def test_what_sparse_tensors_refuse(torch, form):
    check_error(form)


def test_indices_outside_the_size_are_refused():
    with pytest.raises(RuntimeError, match="size is inconsistent with indices: for dim 0, size is 1 but found index 1"):
        coo(martlet, size=(1, 3))


def test_sizes_too_large_for_memory(torch):
    def big(t, n):
        s = t.sparse_coo_tensor(t.tensor([[0, 2 ** 30]] * 2), t.tensor([1.0, 2.0]), (n, n))
        return (s + s).coalesce()
    same_sparse(*pair(torch, lambda t: big(t, 2 ** 31)))
    with pytest.raises(RuntimeError, match="multiplication overflow"):
        big(martlet, 2 ** 40)
    with pytest.raises(RuntimeError, match="allocate memory|overflow"):
        big(martlet, 2 ** 31).to_dense()


# ---- embeddings --------------------------------------------------------------------------------------------------

IDS = [[1, 3, 1], [0, 3, 3]]


@pytest.mark.parametrize("options", [
    {}, {"padding_idx": 3}, {"padding_idx": -1}, {"scale_grad_by_freq": True}, {"scale_grad_by_freq": True, "padding_idx": 0}])
def test_embedding(torch, options):
    check_op(lambda t, w: t.nn.functional.embedding(t.tensor(IDS), w, **options), [rand(4, 3)], 1)
    # With scaling torch's second derivative leaves the scale out.
    order = 1 if "scale_grad_by_freq" in options else 2
    check_op(lambda t, w: t.nn.functional.embedding(t.tensor(IDS), w, **options) ** 2, [rand(4, 3)], order)
    check_op(lambda t, w: t.nn.functional.embedding(t.tensor(2, dtype=t.int32), w, **options), [rand(4, 3)])


@pytest.mark.parametrize("padding", [None, 3])
def test_sparse_gradient_keeps_every_lookup_in_order(torch, padding):
    def run(t):
        w = t.tensor(rand(4, 3).tolist(), requires_grad=True)
        out = t.nn.functional.embedding(t.tensor(IDS), w, padding, sparse=True)
        (out * t.tensor(rand(2, 3, 3).tolist())).sum().backward()
        return w
    ours, theirs = run(martlet), run(torch)
    same_sparse(ours.grad, theirs.grad)
    if padding is None:
        assert ours.grad._indices().tolist() == [[1, 3, 1, 0, 3, 3]]


def test_sparse_gradients_accumulate(torch):
    def run(t, second):
        w = t.tensor(rand(4, 3).tolist(), requires_grad=True)
        t.nn.functional.embedding(t.tensor(IDS), w, sparse=True).sum().backward()
        second(t, w)
        return w.grad
    def again(t, w):
        t.nn.functional.embedding(t.tensor([2, 2, 0]), w, sparse=True).sum().backward()
    def dense(t, w):
        (w * 2).sum().backward()
    same_sparse(*pair(torch, lambda t: run(t, again)))
    def weighted(t, w):
        (t.nn.functional.embedding(t.tensor([2, 2, 0]), w, sparse=True) ** 2).sum().backward()
        (t.nn.functional.embedding(t.tensor([0, 1]), w, sparse=True) ** 2).sum().backward()
    same_sparse(*pair(torch, lambda t: run(t, weighted)))
    assert_same(*pair(torch, lambda t: run(t, dense)))
    def dense_first(t):
        w = t.tensor(rand(4, 3).tolist(), requires_grad=True)
        (w * 2).sum().backward()
        t.nn.functional.embedding(t.tensor(IDS), w, sparse=True).sum().backward()
        return w.grad
    assert_same(*pair(torch, dense_first))
    def both_at_once(t):
        w = t.tensor(rand(4, 3).tolist(), requires_grad=True)
        (t.nn.functional.embedding(t.tensor(IDS), w, sparse=True).sum() + (w * 2).sum()).backward()
        return w.grad
    assert_same(*pair(torch, both_at_once))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_rows_above_max_norm_shrink_in_place(torch, p):
    def run(t):
        w = t.tensor(rand(4, 3).tolist())
        out = t.nn.functional.embedding(t.tensor([1, 3]), w, max_norm=0.7, norm_type=p)
        return out, w
    for a, b in zip(run(martlet), run(torch)):
        assert_same(a, b)


def test_embedding_errors(torch):
    F = "nn.functional"
    for ids, weight in (([4], rand(4, 3)), ([-1], rand(4, 3)), ([0.5], rand(4, 3)), ([0], rand(4))):
        ours, theirs = check_error(lambda t, w: t.nn.functional.embedding(t.tensor(ids), w), [weight])
        assert str(theirs).split(";")[0] in str(ours)
    ours, theirs = check_error(lambda t, w: t.nn.functional.embedding(t.tensor([0]), w, 4), [rand(4, 3)])
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("options", [
    {}, {"mode": "sum"}, {"mode": "max"}, {"padding_idx": 3}, {"mode": "max", "padding_idx": 1}, {"include_last_offset": True}])
def test_embedding_bag(torch, options):
    def call(t, w):
        return t.nn.functional.embedding_bag(t.tensor([1, 3, 1, 0, 3, 3]), w, t.tensor([0, 2, 2, 6 if "include_last_offset" in options else 5]), **options)
    check_op(call, [rand(4, 3)], 1)
    check_op(lambda t, w: t.nn.functional.embedding_bag(t.tensor(IDS), w, **{k: v for k, v in options.items() if k != "include_last_offset"}),
             [rand(4, 3)], 1)


def test_embedding_bag_weights_and_sparse_gradient(torch):
    check_op(lambda t, w, s: t.nn.functional.embedding_bag(t.tensor(IDS), w, mode="sum", per_sample_weights=s), [rand(4, 3), rand(2, 3)], 1)
    def run(t):
        w = t.tensor(rand(4, 3).tolist(), requires_grad=True)
        t.nn.functional.embedding_bag(t.tensor(IDS), w, sparse=True).sum().backward()
        return w.grad
    same_sparse(*pair(torch, run), flag=False)


def test_embedding_bag_errors(torch):
    bag = lambda ids, offsets, **o: lambda t, w: t.nn.functional.embedding_bag(t.tensor(ids), w, t.tensor(offsets), **o)
    for call in (bag([1, 2], [1, 2]), bag([1, 2], [0, 5]), bag([1.0, 2], [0]), bag([1, 2], [0], mode="max", sparse=True),
                 bag([1, 2], [0], mode="max", scale_grad_by_freq=True), bag([1, 7], [0])):
        ours, theirs = check_error(call, [rand(4, 3)])
        if "improved" not in str(theirs):
            assert str(ours).split("\n")[0] == str(theirs).split("\n")[0]
