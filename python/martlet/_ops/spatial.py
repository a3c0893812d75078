"""Convolution, pooling, padding and resizing."""
import ctypes

from . import flag, integer, ints, number, op, table, type_name, wrap
from .._native import fail, lib

table("""
tF conv_transpose1d(input: T, weight: T, bias: T?=None, stride: ints=1, padding: ints=0, output_padding: ints=0, groups: int=1, dilation: ints=1) = mt_conv_transpose(input, weight, bias, 1, stride, padding, output_padding, groups, dilation)
tF conv_transpose2d(input: T, weight: T, bias: T?=None, stride: ints=1, padding: ints=0, output_padding: ints=0, groups: int=1, dilation: ints=1) = mt_conv_transpose(input, weight, bias, 2, stride, padding, output_padding, groups, dilation)
tF conv_transpose3d(input: T, weight: T, bias: T?=None, stride: ints=1, padding: ints=0, output_padding: ints=0, groups: int=1, dilation: ints=1) = mt_conv_transpose(input, weight, bias, 3, stride, padding, output_padding, groups, dilation)
tF avg_pool1d(input: T, kernel_size: ints, stride: ints?=None, padding: ints=0, ceil_mode: bool=False, count_include_pad: bool=True) = mt_avg_pool(input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad, MT_NONE)
F  avg_pool2d(input: T, kernel_size: ints, stride: ints?=None, padding: ints=0, ceil_mode: bool=False, count_include_pad: bool=True, divisor_override: int?=None) = mt_avg_pool(input, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
F  avg_pool3d(input: T, kernel_size: ints, stride: ints?=None, padding: ints=0, ceil_mode: bool=False, count_include_pad: bool=True, divisor_override: int?=None) = mt_avg_pool(input, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
F  unfold(input: T, kernel_size: ints, dilation: ints=1, padding: ints=0, stride: ints=1) = mt_im2col
F  fold(input: T, output_size: ints, kernel_size: ints, dilation: ints=1, padding: ints=0, stride: ints=1) = mt_col2im
F  one_hot(input: T, num_classes: int=-1) = mt_one_hot
tF pixel_shuffle(input: T, upscale_factor: int) = mt_pixel_shuffle
tF pixel_unshuffle(input: T, downscale_factor: int) = mt_pixel_unshuffle
""")


def _convolution(n):
    name = f"conv{n}d"

    def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        if isinstance(padding, str):
            if padding == "valid":
                padding = 0
            elif padding != "same":
                raise RuntimeError(f"Invalid padding string: '{padding}'")
        s, ns = ints(stride, name, "stride", 4)
        p, np = (None, 0) if isinstance(padding, str) else ints(padding, name, "padding", 5)
        d, nd = ints(dilation, name, "dilation", 6)
        groups = integer(groups, name, "groups", 7)
        try:
            return wrap(lib.mt_conv(input._h, weight._h, None if bias is None else bias._h, n, s, ns, p, np, d, nd, groups))
        except AttributeError:
            for place, (label, value) in enumerate((("input", input), ("weight", weight), ("bias", bias)), 1):
                if not hasattr(value, "_h") and value is not None:
                    raise TypeError(f"{name}(): argument '{label}' (position {place}) must be Tensor, not {type_name(value)}") from None
            raise

    conv.__name__ = conv.__qualname__ = name
    conv.__doc__ = (f"{name}(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1); "
                    "padding may be 'valid' or 'same'. See mt_conv.")
    op("tF", name)(conv)


def _max_pool(n):
    name = f"max_pool{n}d"

    def both(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        """The largest value of each window, and its place within its plane."""
        k, nk = ints(kernel_size, name, "kernel_size", 2)
        s, ns = (None, 0) if stride is None else ints(stride, name, "stride", 3)
        p, np = ints(padding, name, "padding", 4)
        d, nd = ints(dilation, name, "dilation", 5)
        slots = (ctypes.c_void_p * 2)()
        if lib.mt_max_pool(input._h, n, k, nk, s, ns, p, np, d, nd, flag(ceil_mode, name, "ceil_mode", 6), slots):
            fail()
        return wrap(slots[0]), wrap(slots[1])

    def pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        """The largest value of each window; with return_indices also its place within its plane."""
        found = both(input, kernel_size, stride, padding, dilation, ceil_mode)
        return found if return_indices else found[0]

    pool.__name__ = pool.__qualname__ = name
    op("tF", name)(pool)
    op("F", name + "_with_indices")(both)
    if n == 1:
        op("t", name + "_with_indices")(both)


def _output_size(name, input, size, n):
    """n sizes with None filled in from the input."""
    if not isinstance(size, (tuple, list)):
        size = (size,) * n
    if len(size) != n:
        raise RuntimeError(f"{name}: output_size must be {n}" if "avg" in name else
                           f"{name}(): internal error: output_size.size() must be {n}")
    if any(s is None for s in size):
        spatial = tuple(input.shape)[-len(size):]
        size = tuple(spatial[i] if s is None else s for i, s in enumerate(size))
    return size


def _adaptive(n):
    name = f"adaptive_avg_pool{n}d"

    def average(input, output_size):
        """Averages of windows that divide each dimension into output_size parts; None keeps a size."""
        p, m = ints(_output_size(name, input, output_size, n), name, "output_size", 2)
        return wrap(lib.mt_adaptive_avg_pool(input._h, n, p, m))

    def both(input, output_size, return_indices=False):
        """The largest values of windows that divide each dimension into output_size parts, and their places."""
        name = f"adaptive_max_pool{n}d"
        p, m = ints(_output_size(name, input, output_size, n), name, "output_size", 2)
        slots = (ctypes.c_void_p * 2)()
        if lib.mt_adaptive_max_pool(input._h, n, p, m, slots):
            fail()
        return wrap(slots[0]), wrap(slots[1])

    def maximum(input, output_size, return_indices=False):
        """The largest values of windows that divide each dimension into output_size parts."""
        found = both(input, output_size)
        return found if return_indices else found[0]

    average.__name__ = average.__qualname__ = name
    maximum.__name__ = maximum.__qualname__ = f"adaptive_max_pool{n}d"
    op("F" if n > 1 else "tF", name)(average)
    op("F", maximum.__name__)(maximum)
    op("F", maximum.__name__ + "_with_indices")(both)
    if n == 1:
        op("t", maximum.__name__)(both)


for _n in (1, 2, 3):
    _convolution(_n)
    _max_pool(_n)
    _adaptive(_n)

_PAD_MODES = {"constant": 0, "reflect": 1, "replicate": 2, "circular": 3}


@op("F")
def pad(input, pad, mode="constant", value=None):
    """Values around a tensor; `pad` holds pairs (before, after) from the last dimension on."""
    if mode not in _PAD_MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    p, n = ints(pad, "pad", "pad", 2)
    if value is None:
        return wrap(lib.mt_pad(input._h, p, n, _PAD_MODES[mode], None))
    filler = number(value, "pad", "value", 4) if not hasattr(value, "_h") else value
    return wrap(lib.mt_pad(input._h, p, n, _PAD_MODES[mode], filler._h))


@op("t")
def constant_pad_nd(input, pad, value=0):
    p, n = ints(pad, "constant_pad_nd", "pad", 2)
    filler = number(value, "constant_pad_nd", "value", 3)
    return wrap(lib.mt_pad(input._h, p, n, 0, filler._h))


_MODES = {"nearest": (0, 0), "nearest-exact": (1, 0), "linear": (2, 3), "bilinear": (2, 4), "trilinear": (2, 5), "bicubic": (3, 4)}


@op("F")
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    """Resizes the spatial dimensions of (N, C, ...) to `size` or by `scale_factor`."""
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    elif align_corners is None:
        align_corners = False
    n = input.dim() - 2
    spatial = [int(s) for s in tuple(input.shape)[2:]]
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors = None
    if size is not None:
        if isinstance(size, (list, tuple)):
            if len(size) != n:
                raise ValueError(
                    "Input and output must have the same number of spatial dimensions, but got "
                    f"input with spatial dimensions of {spatial} and output size of {size}. "
                    "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                    "output size in (o1, o2, ...,oK) format.")
            sizes = [int(s) for s in size]
        else:
            sizes = [int(size)] * n
    else:
        if isinstance(scale_factor, (list, tuple)):
            if len(scale_factor) != n:
                raise ValueError(
                    "Input and scale_factor must have the same number of spatial dimensions, but "
                    f"got input with spatial dimensions of {spatial} and scale_factor of shape {scale_factor}. "
                    "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                    "scale_factor in (s1, s2, ...,sK) format.")
            factors = [float(s) for s in scale_factor]
        else:
            factors = [float(scale_factor)] * n
        sizes = [float(s) * f // 1 for s, f in zip(spatial, factors)]
        if not all(abs(s) < 2 ** 63 for s in sizes):
            raise RuntimeError("value cannot be converted to type int64_t without overflow")
        sizes = [int(s) for s in sizes]
        if recompute_scale_factor:
            factors = None
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias:
        raise NotImplementedError("interpolate: antialias is not offered")
    if mode == "area" and 1 <= n <= 3:
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1](input, sizes)
    if mode not in _MODES or not 1 <= n <= 3:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
            f" (got {mode})")
    code, wanted = _MODES[mode]
    if wanted and input.dim() != wanted:
        raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {wanted}D input")
    p, m = ints(tuple(sizes), "interpolate", "size", 2)
    scales = None if factors is None else ctypes.addressof(buffer := (ctypes.c_double * n)(*factors))
    return wrap(lib.mt_interpolate(input._h, p, m, scales, code, 1 if align_corners else 0))


from . import REGISTRY as _REGISTRY  # noqa: E402

adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (_REGISTRY["F"][f"adaptive_avg_pool{n}d"] for n in (1, 2, 3))
