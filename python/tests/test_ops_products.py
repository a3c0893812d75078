"""Matrix products against torch: values, gradients, gradients of gradients, names of the steps, errors."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

SHAPES = [((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)),
          ((4,), (2, 4, 5)), ((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((6, 1, 3, 4), (2, 4, 5)),
          ((1, 3, 4), (2, 4, 5)), ((2, 0, 4), (2, 4, 3)), ((2, 3, 0), (0, 5)), ((0, 3, 4), (4, 5))]


@pytest.mark.parametrize("a,b", SHAPES)
def test_matmul(torch, a, b):
    check_op(lambda t, x, y: x @ y, [rand(*a), rand(*b, seed=1)])


@pytest.mark.parametrize("dtype", ["float32", "int64", "int32", "uint8"])
def test_matmul_dtypes(torch, dtype):
    a, b = (rand(*s, low=0, high=5).astype(dtype) for s in ((2, 3, 4), (4, 5)))
    check_op(lambda t, x, y: t.matmul(x, y), [a, b], order=1)


def test_matmul_half(torch):
    check_op(lambda t, x, y: (x.half() @ y.half()).float(), [rand(3, 4, dtype="float32"), rand(4, 5, dtype="float32")],
             order=1, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("form", [
    lambda t, x, y: x.t() @ y.t(), lambda t, x, y: x[:, ::2].t() @ y.t()[:, :3],
    lambda t, x, y: x.expand(2, 4, 3).transpose(1, 2) @ y.t(), lambda t, x, y: t.einsum("ki,jk->ij", x, y)])
def test_strided_operands(torch, form):
    check_op(form, [rand(4, 3), rand(5, 4, seed=3)])


@pytest.mark.parametrize("name,shapes", [
    ("mm", [(2, 3), (3, 4)]), ("bmm", [(2, 3, 4), (2, 4, 5)]), ("mv", [(3, 4), (4,)]), ("dot", [(4,), (4,)]),
    ("vdot", [(4,), (4,)]), ("outer", [(3,), (4,)]), ("inner", [(2, 3), (4, 3)]), ("inner", [(), (4, 3)]),
    ("kron", [(2, 3), (3, 2)]), ("kron", [(2,), (3, 2)])])
def test_two_operands(torch, name, shapes):
    check_op(lambda t, x, y: getattr(t, name)(x, y), [rand(*s, seed=i) for i, s in enumerate(shapes)])


@pytest.mark.parametrize("name,shapes", [
    ("addmm", [(3, 5), (3, 4), (4, 5)]), ("addmm", [(5,), (3, 4), (4, 5)]), ("addmm", [(), (3, 4), (4, 5)]),
    ("addmv", [(3,), (3, 4), (4,)]), ("addr", [(3, 4), (3,), (4,)]), ("baddbmm", [(2, 3, 5), (2, 3, 4), (2, 4, 5)]),
    ("baddbmm", [(3, 5), (2, 3, 4), (2, 4, 5)]), ("addbmm", [(3, 5), (2, 3, 4), (2, 4, 5)])])
@pytest.mark.parametrize("scales", [{}, {"beta": 0.5, "alpha": 3}, {"beta": 0}])
def test_added_products(torch, name, shapes, scales):
    check_op(lambda t, *x: getattr(t, name)(*x, **scales), [rand(*s, seed=i) for i, s in enumerate(shapes)])


def test_added_product_in_place(torch):
    check_op(lambda t, c, a, b: (c * 1).addmm_(a, b, beta=2), [rand(3, 5), rand(3, 4), rand(4, 5)])
    with pytest.raises(RuntimeError, match="output with shape"):
        martlet.ones(5).addmm_(martlet.ones(3, 4), martlet.ones(4, 5))


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (2, 1, 3, 4)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(torch, shape, bias):
    inputs = [rand(*shape), rand(5, 4)] + ([rand(5)] if bias else [])
    check_op(lambda t, *x: t.nn.functional.linear(*x), inputs)


def test_linear_strided(torch):
    check_op(lambda t, x, w, b: t.nn.functional.linear(x.transpose(0, 1), w, b), [rand(2, 3, 4), rand(5, 4), rand(5)])
    check_op(lambda t, x, w: t.nn.functional.linear(x.transpose(0, 1), w), [rand(2, 3, 4), rand(5, 4)])
    check_op(lambda t, x, w, b: t.nn.functional.linear(x, w.t(), b[::2]), [rand(2, 3, 4), rand(4, 5), rand(10)])


def test_linear_without_some_gradients(torch):
    for keep in range(3):
        def call(t, *x, keep=keep):
            return t.nn.functional.linear(*[v if i == keep else v.detach() for i, v in enumerate(x)])
        check_op(call, [rand(2, 3, 4), rand(5, 4), rand(5)])


@pytest.mark.parametrize("form", [
    lambda x, w: martlet.nn.functional.linear(x, w), lambda x, w: x @ w.t(), lambda x, w: w @ x.t()])
def test_weight_gradient_is_taken_over_without_a_copy(form):
    w, seen = martlet.rand(5, 4, requires_grad=True), []
    w.register_hook(lambda g: seen.append(g.data_ptr()))
    form(martlet.rand(3, 4), w).sum().backward()
    assert w.grad.is_contiguous() and w.grad.data_ptr() == seen[0]


def test_bilinear(torch):
    check_op(lambda t, *x: t.nn.functional.bilinear(*x), [rand(2, 3), rand(2, 4), rand(5, 3, 4), rand(5)])
    check_op(lambda t, *x: t.nn.functional.bilinear(*x), [rand(2, 2, 3), rand(2, 2, 4), rand(5, 3, 4)])


@pytest.mark.parametrize("equation,shapes", [
    ("ij->ji", [(2, 3)]), ("ij->i", [(2, 3)]), ("ij->", [(2, 3)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]),
    ("iji->j", [(3, 2, 3)]), ("i,j->ij", [(2,), (3,)]), ("ij,jk", [(2, 3), (3, 4)]), ("ij,jk->ki", [(2, 3), (3, 4)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ("i,i->", [(3,), (3,)]), ("ij,ij->ji", [(2, 3), (2, 3)]), ("bn,anm,bm->ba", [(2, 3), (5, 3, 4), (2, 4)]),
    ("...ij,...jk->...ik", [(6, 2, 3), (3, 4)]), ("i...j->j...i", [(2, 3, 4)]), ("a,->a", [(3,), ()]),
    ("ij,kl->", [(2, 3), (4, 5)]), ("ij,ik->i", [(2, 3), (2, 4)]), ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]),
    ("ij,ij->i", [(1, 3), (2, 3)]), (" i j , j k -> i k ", [(2, 3), (3, 4)]), ("bA", [(2, 3)]), ("...", [(2, 3)]),
    ("ij->i...", [(2, 3)])])
def test_einsum(torch, equation, shapes):
    check_op(lambda t, *x: t.einsum(equation, *x), [rand(*s, seed=i) for i, s in enumerate(shapes)])


def test_einsum_with_lists(torch):
    check_op(lambda t, x, y: t.einsum(x, [0, 1], y, [1, 2], [0, 2]), [rand(2, 3), rand(3, 4)])
    check_op(lambda t, x, y: t.einsum(x, [..., 0, 1], y, [..., 1, 2]), [rand(2, 2, 3), rand(3, 4)])


@pytest.mark.parametrize("equation,shapes", [
    ("ij,jk", [(2, 3), (4, 5)]), ("ij,jk->il", [(2, 3), (3, 5)]), ("ijk", [(2, 3)]), ("ij", [(2, 3), (3,)]),
    ("ij,jk", [(2, 3)]), ("i1", [(2, 3)]), ("i..", [(2, 3)]), ("ii", [(2, 3)]), ("ij->ii", [(2, 3)]),
    ("ij->i->j", [(2, 3)]), ("i...j...", [(2, 3)]), ("ij...->...", [(2,)])])
def test_einsum_errors(torch, equation, shapes):
    ours, theirs = check_error(lambda t, *x: t.einsum(equation, *x), [rand(*s) for s in shapes])
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("dims", [1, 0, 2, ([0, 1], [1, 0]), ([-1], [0])])
def test_tensordot(torch, dims):
    shapes = [(3, 4), (4, 3)]
    check_op(lambda t, x, y: t.tensordot(x, y.t() if dims == 2 else y, dims), [rand(*s, seed=i) for i, s in enumerate(shapes)])


def test_multi_dot(torch):
    for shapes in ([(2, 3), (3, 4)], [(2, 3), (3, 4), (4, 2)], [(3,), (3, 4), (4, 5), (5,)], [(9, 2), (2, 9), (9, 1), (1, 8)]):
        check_op(lambda t, *x: t.linalg.multi_dot(x), [rand(*s, seed=i) for i, s in enumerate(shapes)])


@pytest.mark.parametrize("call,shapes", [
    (lambda t, x, y: x @ y, [(2, 3), (4, 5)]), (lambda t, x, y: x @ y, [(2, 3), (4,)]), (lambda t, x, y: x @ y, [(3,), (4,)]),
    (lambda t, x, y: x @ y, [(3,), (4, 2)]), (lambda t, x, y: x @ y, [(2, 3, 4), (2, 5, 6)]),
    (lambda t, x, y: x @ y, [(2, 3, 4), (5, 6)]), (lambda t, x, y: x @ y, [(3, 3, 4), (2, 4, 6)]),
    (lambda t, x, y: x @ y, [(2, 3, 4), (5,)]), (lambda t, x, y: x @ y, [(), (3,)]),
    (lambda t, x, y: t.bmm(x, y), [(2, 3, 4), (2, 5, 6)]), (lambda t, x, y: t.bmm(x, y), [(2, 3), (3, 4, 6)]),
    (lambda t, x, y: t.mm(x, y), [(3,), (3, 2)]), (lambda t, x, y: t.mv(x, y), [(3, 2), (3,)]),
    (lambda t, x, y: t.dot(x, y), [(3, 1), (3,)]), (lambda t, x, y: t.outer(x, y), [(3, 2), (3,)]),
    (lambda t, x, y: t.inner(x, y), [(2, 3), (2, 4)]), (lambda t, x, y: t.tensordot(x, y, 1), [(2, 3), (4, 5)]),
    (lambda t, x, y: t.mm(x, y.double()), [(2, 3), (3, 2)]), (lambda t, x, y: x @ y.double(), [(1, 2, 3), (1, 3, 2)]),
    (lambda t, x, y: x.bool() @ y.bool(), [(2, 3), (3, 2)]),
    (lambda t, x, y: t.nn.functional.linear(x, y), [(2, 3), (4, 5)]),
    (lambda t, x, y: t.nn.functional.linear(x, y, t.zeros(3)), [(2, 2, 5), (4, 5)]),
    (lambda t, x, y: t.addmm(x, y, y), [(3,), (2, 3)]), (lambda t, x, y: t.addmm(x, y, y), [(4,), (3, 3)]),
    (lambda t, x, y: t.baddbmm(x, y, y), [(3, 2), (2, 2, 2)])])
def test_errors_in_torchs_words(torch, call, shapes):
    ours, theirs = check_error(call, [rand(*s, dtype="float32") for s in shapes])
    assert str(ours) == str(theirs)


def test_gradcheck():
    def double(*s):
        return martlet.tensor(rand(*s).tolist(), dtype=martlet.float64, requires_grad=True)
    check, second = martlet.autograd.gradcheck, martlet.autograd.gradgradcheck
    for f, inputs in ((martlet.matmul, (double(2, 3, 4), double(4, 2))), (martlet.nn.functional.linear, (double(2, 3), double(4, 3), double(4))),
                      (martlet.baddbmm, (double(2, 2, 2), double(2, 2, 3), double(2, 3, 2)))):
        assert check(f, inputs) and second(f, inputs)
