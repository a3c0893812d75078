"""Convolution, pooling, padding, resizing and sliding blocks against torch."""
import pytest

import martlet
from opcompare import check_error, check_op, rand

F = "nn.functional"


def f(name, *args, **options):
    """A call of nn.functional.name with the arrays first."""
    return lambda t, *x: getattr(t.nn.functional, name)(*x, *args, **options)


def shape(n, *sizes):
    return (*sizes[:2], *sizes[2:][-n:])


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"stride": 2}, {"padding": 1}, {"dilation": 2, "padding": 2}, {"padding": "same"}, {"padding": "same", "dilation": 2},
    {"padding": "valid"}, {"stride": 2, "padding": 1, "dilation": 2}])
def test_conv(torch, n, options):
    check_op(f(f"conv{n}d", **options), [rand(*shape(n, 2, 2, 5, 6, 7)), rand(*shape(n, 3, 2, 2, 3, 2)), rand(3)])


@pytest.mark.parametrize("n", [1, 2])
def test_conv_groups_and_batches(torch, n):
    check_op(f(f"conv{n}d", groups=2), [rand(*shape(n, 2, 4, 6, 5)), rand(*shape(n, 6, 2, 3, 3)), rand(6)])
    check_op(f(f"conv{n}d", groups=4), [rand(*shape(n, 2, 4, 6, 5)), rand(*shape(n, 4, 1, 3, 3))])
    check_op(lambda t, x, w: getattr(t.nn.functional, f"conv{n}d")(x[0], w), [rand(*shape(n, 1, 2, 6, 5)), rand(*shape(n, 3, 2, 3, 3))])
    check_op(f(f"conv{n}d"), [rand(*shape(n, 0, 2, 6, 5)), rand(*shape(n, 3, 2, 3, 3)), rand(3)])


def test_conv_different_entries(torch):
    check_op(f("conv2d", stride=(2, 1), padding=(0, 2), dilation=(1, 2)), [rand(2, 2, 6, 7), rand(3, 2, 3, 2), rand(3)])


def test_conv_pointwise_and_strided_input(torch):
    check_op(f("conv2d"), [rand(2, 3, 4, 5), rand(4, 3, 1, 1), rand(4)])
    check_op(lambda t, x, w: t.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.transpose(2, 3)), [rand(2, 5, 6, 3), rand(4, 3, 2, 3)])


def test_conv_integers_and_half(torch):
    check_op(f("conv2d", padding=1), [rand(1, 2, 4, 4, high=9).astype("int64"), rand(3, 2, 3, 3, high=9).astype("int64")], order=1)
    check_op(lambda t, x, w: t.nn.functional.conv2d(x.half(), w.half()).float(), [rand(1, 2, 4, 4, dtype="float32"), rand(3, 2, 3, 3, dtype="float32")],
             order=1, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"stride": 2}, {"stride": 2, "padding": 1, "output_padding": 1}, {"dilation": 2}, {"dilation": 3, "output_padding": 2}])
def test_conv_transpose(torch, n, options):
    check_op(f(f"conv_transpose{n}d", **options), [rand(*shape(n, 2, 2, 3, 4, 4)), rand(*shape(n, 2, 3, 2, 3, 3)), rand(3)])


def test_conv_transpose_groups(torch):
    check_op(f("conv_transpose2d", groups=2, stride=2), [rand(2, 4, 3, 4), rand(4, 3, 3, 2), rand(6)])
    check_op(f("conv_transpose1d"), [rand(4, 3), rand(4, 3, 2)])


@pytest.mark.parametrize("x,w,options", [
    ((1, 2, 5, 5), (4, 3, 3, 3), {}), ((2, 5), (4, 3, 3, 3), {}), ((1, 3, 2, 2), (4, 3, 3, 3), {}), ((1, 3, 5, 5), (4, 3, 3), {}),
    ((1, 3, 5, 5), (4, 3, 3, 3), {"groups": 2}), ((1, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}),
    ((1, 3, 5, 5), (4, 3, 3, 3), {"stride": 0}), ((1, 3, 5, 5), (4, 3, 3, 3), {"padding": -1}),
    ((1, 3, 5, 5), (4, 3, 3, 3), {"dilation": 0}), ((1, 3, 5, 5), (4, 3, 3, 3), {"stride": (1, 2, 3)}),
    ((1, 3, 5, 5), (4, 3, 3, 3), {"padding": "same", "stride": 2}), ((1, 3, 5, 5), (4, 3, 3, 3), {"padding": "foo"}),
    ((1, 3, 5, 5), (4, 3, 3, 3), {"groups": 0})])
def test_conv_errors(torch, x, w, options):
    ours, theirs = check_error(f("conv2d", **options), [rand(*x), rand(*w)])
    assert str(ours) == str(theirs)


def test_conv_dtype_and_bias_errors(torch):
    for b in ((3,), (4, 1)):
        ours, theirs = check_error(f("conv2d"), [rand(1, 3, 5, 5), rand(4, 3, 3, 3), rand(*b)])
        assert str(ours) == str(theirs)
    for call in (lambda t, x, w: t.nn.functional.conv2d(x, w.float()), lambda t, x, w: t.nn.functional.conv2d(x.float(), w.float(), w[:, 0, 0, 0])):
        ours, theirs = check_error(call, [rand(1, 3, 5, 5), rand(4, 3, 3, 3)])
        assert str(ours) == str(theirs)


@pytest.mark.parametrize("options", [{"output_padding": 1}, {"stride": 2, "output_padding": 2}, {"padding": 3}])
def test_conv_transpose_errors(torch, options):
    ours, theirs = check_error(f("conv_transpose2d", **options), [rand(1, 3, 1, 1), rand(3, 4, 3, 3)])
    assert str(ours) == str(theirs)


# ---- pooling -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"stride": 1}, {"padding": 1}, {"ceil_mode": True}, {"dilation": 2, "stride": 1}, {"stride": 3, "padding": 1, "ceil_mode": True}])
def test_max_pool(torch, n, options):
    x = [rand(*shape(n, 2, 3, 6, 7, 5))]
    check_op(f(f"max_pool{n}d", 3, **options) if n < 3 else f("max_pool3d", 2, **options), x)
    check_op(f(f"max_pool{n}d", 2, return_indices=True, **options), x)


def test_max_pool_ties_nan_and_integers(torch):
    check_op(lambda t: t.nn.functional.max_pool2d(t.ones(1, 1, 4, 4), 2, return_indices=True), [])
    nan = rand(1, 1, 4, 4)
    nan[0, 0, 1, 2] = float("nan")
    check_op(f("max_pool2d", 2, return_indices=True), [nan], order=1)
    check_op(f("max_pool2d", 2), [rand(1, 2, 4, 4, high=9).astype("int64")], order=1)
    check_op(f("max_pool2d", 2), [rand(2, 4, 4)])


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"stride": 1}, {"padding": 1}, {"padding": 1, "count_include_pad": False}, {"ceil_mode": True},
    {"stride": 2, "padding": 1, "ceil_mode": True}])
def test_avg_pool(torch, n, options):
    check_op(f(f"avg_pool{n}d", 3, **options), [rand(*shape(n, 2, 3, 6, 7, 5))])


def test_avg_pool_divisor(torch):
    check_op(f("avg_pool2d", (2, 3), (1, 2), divisor_override=5), [rand(2, 3, 5, 6)])
    check_op(f("avg_pool3d", 2, divisor_override=3), [rand(3, 4, 5, 6)])
    check_op(f("avg_pool2d", 2), [rand(1, 2, 4, 4, high=9).astype("int64")], order=1)


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("n,size", [(1, 2), (1, 4), (2, 3), (2, 1), (2, (2, None)), (2, (5, 2)), (3, 2), (3, (1, 2, 3)), (3, 1)])
def test_adaptive_pool(torch, kind, n, size):
    check_op(f(f"adaptive_{kind}_pool{n}d", size), [rand(*shape(n, 2, 3, 6, 7, 5))])


@pytest.mark.parametrize("call", [
    f("max_pool2d", 6), f("max_pool2d", 2, padding=2), f("max_pool2d", 2, stride=0), f("max_pool2d", (2, 2, 2)),
    f("max_pool2d", 2, dilation=0), f("avg_pool2d", 6), f("avg_pool2d", 2, padding=2), f("avg_pool2d", 2, divisor_override=0),
    f("adaptive_avg_pool2d", (1, 2, 3)), f("adaptive_avg_pool2d", -1), lambda t, x: t.nn.functional.max_pool2d(x[0, 0], 2),
    lambda t, x: t.nn.functional.avg_pool2d(x[0, 0], 2), lambda t, x: t.nn.functional.adaptive_avg_pool2d(x[0, 0], 2),
    lambda t, x: t.nn.functional.max_pool1d(x[0, 0], 9), lambda t, x: t.nn.functional.max_pool1d(x[0, 0], 2, padding=2),
    lambda t, x: t.nn.functional.adaptive_avg_pool2d(x.long(), 2), lambda t, x: t.nn.functional.max_pool2d(x.bool(), 2)])
def test_pool_errors(torch, call):
    ours, theirs = check_error(call, [rand(1, 3, 5, 5)])
    assert str(ours) == str(theirs)


# ---- padding, resizing, blocks -------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("x,amounts", [
    ((2, 3, 4), (1, 2)), ((3, 4), (2, 0)), ((2, 3, 4, 5), (1, 2, 3, 0)), ((2, 3, 4, 5), (-1, 2, 0, -2)),
    ((1, 2, 3, 4, 3), (1, 1, 2, 0, 0, 1)), ((2, 3, 4), (0, 0))])
def test_pad(torch, mode, x, amounts):
    check_op(lambda t, v: t.nn.functional.pad(v, amounts, mode), [rand(*x)])


def test_pad_values(torch):
    check_op(f("pad", (1, 2, 0, 1), value=2.5), [rand(2, 3)])
    check_op(f("pad", (1, 1), value=3), [rand(2, 3).astype("int64")], order=1)
    check_op(lambda t: t.nn.functional.pad(t.ones(2, 2, dtype=t.bool), (1, 0), value=True), [])


@pytest.mark.parametrize("call", [
    f("pad", (1,)), f("pad", (1, 1) * 4), f("pad", (4, 1), "reflect"), f("pad", (5, 1), "circular"), f("pad", (1, 1), "foo"),
    f("pad", (1, 1), "reflect", 1), f("pad", (1, 1, 1, 1, 1, 1), "reflect")])
def test_pad_errors(torch, call):
    ours, theirs = check_error(call, [rand(1, 3, 4)])
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("mode,x", [
    ("nearest", (2, 3, 4)), ("nearest", (2, 3, 4, 5)), ("nearest", (1, 2, 3, 4, 2)), ("nearest-exact", (2, 3, 4, 5)),
    ("linear", (2, 3, 4)), ("bilinear", (2, 3, 4, 5)), ("trilinear", (1, 2, 3, 4, 2)), ("bicubic", (2, 3, 4, 5)), ("area", (2, 3, 4, 5))])
@pytest.mark.parametrize("how", [{"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6}, {"size": 3}, {"size": 7},
                                 {"scale_factor": 1.7, "recompute_scale_factor": True}])
def test_interpolate(torch, mode, x, how):
    check_op(f("interpolate", mode=mode, **how), [rand(*x)])
    if mode in ("linear", "bilinear", "trilinear", "bicubic"):
        check_op(f("interpolate", mode=mode, align_corners=True, **how), [rand(*x)])


def test_interpolate_float32_and_bytes(torch):
    for mode in ("nearest", "bilinear", "bicubic"):
        check_op(f("interpolate", scale_factor=1.3, mode=mode), [rand(1, 2, 9, 11, dtype="float32")], order=1)
    check_op(f("interpolate", scale_factor=2), [rand(1, 2, 3, 4, low=0, high=255).astype("uint8")], order=1)


@pytest.mark.parametrize("how", [
    {}, {"size": 4, "scale_factor": 2}, {"size": (2, 3, 4)}, {"scale_factor": (2, 2, 2)}, {"scale_factor": 2, "mode": "linear"},
    {"scale_factor": 2, "mode": "foo"}, {"scale_factor": 2, "align_corners": True}, {"size": 0}])
def test_interpolate_errors(torch, how):
    ours, theirs = check_error(f("interpolate", **how), [rand(1, 2, 3, 4)])
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("options", [{}, {"dilation": 2}, {"padding": 1}, {"stride": 2}, {"padding": (1, 0), "stride": (1, 2)}])
def test_unfold_and_fold(torch, options):
    check_op(f("unfold", (2, 3), **options), [rand(2, 3, 6, 7)])
    check_op(f("unfold", (2, 3), **options), [rand(3, 6, 7)])
    check_op(lambda t, x: t.nn.functional.fold(t.nn.functional.unfold(x, (2, 3), **options), (6, 7), (2, 3), **options), [rand(2, 3, 6, 7)])


def test_unfold_errors(torch):
    for call, x in ((f("unfold", 9), rand(1, 3, 6, 7)), (f("fold", (5, 5), 2), rand(12, 6)), (f("fold", (5, 5), (5, 1)), rand(12, 6))):
        ours, theirs = check_error(call, [x])
        assert str(ours) == str(theirs)


def test_pixel_shuffle(torch):
    check_op(lambda t, x: t.pixel_shuffle(x, 2), [rand(2, 8, 3, 2)])
    check_op(lambda t, x: t.pixel_unshuffle(x, 2), [rand(2, 4, 6)])
    for call in (lambda t, x: t.pixel_shuffle(x, 3), lambda t, x: t.pixel_unshuffle(x, 4), lambda t, x: t.pixel_shuffle(x, 0)):
        ours, theirs = check_error(call, [rand(2, 8, 3, 2)])
        assert str(ours) == str(theirs)


def test_one_hot(torch):
    for ids, classes in (([0, 2, 1], -1), ([0, 2], 5), ([[1], [0]], -1)):
        check_op(lambda t: t.nn.functional.one_hot(t.tensor(ids), classes), [])
    check_op(lambda t: t.nn.functional.one_hot(t.tensor([], dtype=t.long), 3), [])
    for ids, classes in (([0, 2], 2), ([-1], 3), ([0.5], 2), ([], -1)):
        ours, theirs = check_error(lambda t: t.nn.functional.one_hot(t.tensor(ids, dtype=t.long if ids != [0.5] else None), classes))
        assert str(ours) == str(theirs)
