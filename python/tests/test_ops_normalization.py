"""Layer, group, batch, instance and RMS normalisation against torch."""
import pytest

from opcompare import check_error, check_op, rand

SHAPES = [(4, 3), (4, 3, 5), (2, 3, 4, 5)]


def F(t):
    return t.nn.functional


@pytest.mark.parametrize("dtype,tolerance", [("float64", {}), ("float32", {"rtol": 1e-4, "atol": 1e-5})])
@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_layer_norm(dtype, tolerance, shape):
    x, w, b = rand(2, 3, 4, 5, dtype=dtype), rand(*shape, seed=1, dtype=dtype), rand(*shape, seed=2, dtype=dtype)
    check_op(lambda t, x, w, b: F(t).layer_norm(x, shape, w, b), [x, w, b], **tolerance)
    check_op(lambda t, x: F(t).layer_norm(x, shape), [x], **tolerance)
    check_op(lambda t, x, w: F(t).layer_norm(x, shape, w, eps=0.1), [x, w], **tolerance)
    check_op(lambda t, x, b: F(t).layer_norm(x, shape, None, b), [x, b], order=1, **tolerance)
    check_op(lambda t, x, w, b: F(t).layer_norm(x.transpose(0, 1), shape, w, b), [x, w, b], **tolerance)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape, training):
    def call(t, x, w, b):
        mean, var = t.ones(3, dtype=x.dtype), t.ones(3, dtype=x.dtype) * 2
        out = F(t).batch_norm(x, mean, var, w, b, training, 0.3)
        return out, mean, var
    check_op(call, [rand(*shape), rand(3, seed=1), rand(3, seed=2)])
    check_op(lambda t, x: F(t).batch_norm(x, t.zeros(3, dtype=x.dtype), t.ones(3, dtype=x.dtype), training=training), [rand(*shape)])
    if training:
        check_op(lambda t, x: F(t).batch_norm(x, None, None, training=True), [rand(*shape)])


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 5), (2, 4, 3, 2)])
@pytest.mark.parametrize("groups", [1, 2])
def test_group_norm(shape, groups):
    check_op(lambda t, x, w, b: F(t).group_norm(x, groups, w, b), [rand(*shape), rand(4, seed=1), rand(4, seed=2)])
    check_op(lambda t, x: F(t).group_norm(x, groups), [rand(*shape)])


def test_instance_norm():
    check_op(lambda t, x, w, b: F(t).instance_norm(x, None, None, w, b), [rand(2, 3, 5), rand(3, seed=1), rand(3, seed=2)])
    def call(t, x):
        mean, var = t.zeros(3, dtype=x.dtype), t.ones(3, dtype=x.dtype)
        return F(t).instance_norm(x, mean, var, momentum=0.2), mean, var
    check_op(call, [rand(2, 3, 4, 5)])


def test_rms_norm():
    check_op(lambda t, x, w: F(t).rms_norm(x, (5,), w), [rand(2, 3, 5), rand(5, seed=1)])
    check_op(lambda t, x: F(t).rms_norm(x, (3, 5), eps=0.1), [rand(2, 3, 5)])


ERRORS = [
    lambda t: F(t).layer_norm(t.ones(3, 5), (4,)), lambda t: F(t).layer_norm(t.ones(3, 5), ()),
    lambda t: F(t).layer_norm(t.ones(3, 5), (5,), t.ones(4)), lambda t: F(t).layer_norm(t.ones(3, 5, dtype=t.int64), (5,)),
    lambda t: F(t).batch_norm(t.ones(1, 3), None, None, training=True), lambda t: F(t).batch_norm(t.ones(2, 3), None, None),
    lambda t: F(t).batch_norm(t.ones(2, 3), t.zeros(4), t.ones(3)),
    lambda t: F(t).batch_norm(t.ones(2, 3), t.zeros(3), t.ones(3), weight=t.ones(4)),
    lambda t: F(t).batch_norm(t.ones(3), None, None, training=True), lambda t: F(t).group_norm(t.ones(3, 5), 2),
    lambda t: F(t).group_norm(t.ones(3), 1), lambda t: F(t).group_norm(t.ones(1, 3), 3), lambda t: F(t).instance_norm(t.ones(3, 5)),
    lambda t: F(t).rms_norm(t.ones(3, 5), (4,)),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    ours, theirs = check_error(call)
    assert str(ours) == str(theirs)
