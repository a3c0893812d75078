"""Distances between rows against torch and finite differences."""
import pytest

import martlet
from opcompare import check_error, check_op, rand


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf")])
def test_cdist(p):
    # torch's own second derivative of cdist is not implemented.
    check_op(lambda t, a, b: t.cdist(a, b, p), [rand(3, 4), rand(5, 4, seed=1)], order=1)
    check_op(lambda t, a, b: t.cdist(a, b, p), [rand(2, 1, 3, 4), rand(3, 5, 4, seed=1)], order=1)
    if p:
        a, b = (martlet.from_numpy(rand(n, 3, seed=n)).requires_grad_() for n in (2, 3))
        assert martlet.autograd.gradgradcheck(lambda a, b: martlet.cdist(a, b, p), (a, b))
    check_op(lambda t, a, b: t.cdist(a, b, p), [rand(30, 3), rand(2, 3, seed=1)], order=1)


def test_euclidean_modes():
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist", "use_mm_for_euclid_dist_if_necessary"):
        # torch has no second derivative through its matrix product at this point.
        check_op(lambda t, a, b: t.cdist(a, b, compute_mode=mode), [rand(30, 4), rand(5, 4, seed=1)], order=1)
    a, b = (martlet.from_numpy(rand(*s, seed=i)).requires_grad_() for i, s in enumerate([(27, 2), (2, 2)]))
    assert martlet.autograd.gradcheck(martlet.cdist, (a, b))
    assert martlet.autograd.gradgradcheck(martlet.cdist, (a, b))


@pytest.mark.parametrize("p", [0, 1, 2, 3, float("inf")])
def test_pdist(p):
    # torch's own second derivative of pdist is not implemented.
    check_op(lambda t, x: t.pdist(x, p), [rand(5, 3)], order=1)
    if p:
        assert martlet.autograd.gradgradcheck(lambda x: martlet.pdist(x, p), (martlet.from_numpy(rand(4, 3)).requires_grad_(),))


def test_edges():
    for a, b in (((0, 3), (2, 3)), ((2, 0), (3, 0)), ((1, 3), (1, 3))):
        check_op(lambda t, x, y: t.cdist(x, y), [rand(*a), rand(*b, seed=2)], order=1)
    check_op(lambda t, x: t.pdist(x), [rand(1, 3)], grad=False)


ERRORS = [
    lambda t: t.cdist(t.ones(2, 3), t.ones(2, 4)), lambda t: t.cdist(t.ones(3), t.ones(2, 3)), lambda t: t.cdist(t.ones(2, 3), t.ones(2, 3), -1),
    lambda t: t.cdist(t.ones(2, 3, dtype=t.int64), t.ones(2, 3)), lambda t: t.cdist(t.ones(2, 3), t.ones(2, 3, dtype=t.float64)),
    lambda t: t.cdist(t.ones(2, 3), t.ones(2, 3), compute_mode="no"), lambda t: t.pdist(t.ones(3)),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    ours, theirs = check_error(call)
    assert str(ours) == str(theirs)
