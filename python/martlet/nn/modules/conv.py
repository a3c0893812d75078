"""Convolutions and transposed convolutions in 1, 2 and 3 dimensions."""
from __future__ import annotations

import math

import martlet as mt

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .._common import factory, ntuple
from .module import Module

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """Options, parameters and text of all convolutions; subclasses say in how many dimensions."""

    __constants__ = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding",
                     "in_channels", "out_channels", "kernel_size"]
    _spatial = 0
    transposed = False

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
                 groups, bias, padding_mode, device, dtype):
        super().__init__()
        n = self._spatial
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in ntuple(stride, n)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {list(_PADDING_MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = ntuple(kernel_size, n)
        self.stride = ntuple(stride, n)
        self.padding = padding if isinstance(padding, str) else ntuple(padding, n)
        self.dilation = ntuple(dilation, n)
        self.output_padding = ntuple(output_padding, n)
        self.groups = groups
        self.padding_mode = padding_mode
        made = factory(device, dtype)
        if self.transposed:
            shape = (in_channels, out_channels // groups, *self.kernel_size)
        else:
            shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(mt.empty(shape, **made))
        if bias:
            self.bias = Parameter(mt.empty(out_channels, **made))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias from uniform(±1/sqrt(fan_in))."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _edges(self):
        """How much to pad each end of the last dimension, then of the one before, and so on."""
        if self.padding == "valid":
            return [0] * (2 * self._spatial)
        edges = []
        for i in reversed(range(self._spatial)):
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                edges += [total // 2, total - total // 2]
            else:
                edges += [self.padding[i]] * 2
        return edges

    def extra_repr(self):
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}",
                 f"stride={self.stride}"]
        none = (0,) * self._spatial
        if self.padding != none:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self._spatial:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != none:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Forward(_Conv):
    """A convolution proper."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
                 bias=True, padding_mode="zeros", device=None, dtype=None):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
                         padding_mode, device, dtype)

    def forward(self, input):
        convolve = getattr(F, f"conv{self._spatial}d")
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._edges(), mode=self.padding_mode)
            padding = 0
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Forward):
    """(N, Cin, L) to (N, Cout, Lout); weight is (Cout, Cin/groups, k)."""

    _spatial = 1


class Conv2d(_Forward):
    """(N, Cin, H, W) to (N, Cout, Hout, Wout); weight is (Cout, Cin/groups, kh, kw)."""

    _spatial = 2


class Conv3d(_Forward):
    """(N, Cin, D, H, W) to (N, Cout, Dout, Hout, Wout); weight is (Cout, Cin/groups, kd, kh, kw)."""

    _spatial = 3


class _Transposed(_Conv):
    """A transposed convolution: the gradient of a convolution with respect to its input."""

    transposed = True

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1, padding_mode="zeros", device=None, dtype=None):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
                         groups, bias, padding_mode, device, dtype)

    def forward(self, input, output_size=None):
        convolve = getattr(F, f"conv_transpose{self._spatial}d")
        output_padding = self._output_padding(input, output_size)
        return convolve(input, self.weight, self.bias, self.stride, self.padding, output_padding,
                        self.groups, self.dilation)

    def _output_padding(self, input, output_size):
        """The output padding that gives ``output_size``, or the one of construction when it is None."""
        if output_size is None:
            return self.output_padding
        n = self._spatial
        leading = input.dim() - n
        if len(output_size) == n + leading:
            output_size = output_size[leading:]
        if len(output_size) != n:
            raise ValueError(f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or "
                             f"{n + leading} elements (got {len(output_size)})")
        smallest = [(input.size(i + leading) - 1) * self.stride[i] - 2 * self.padding[i]
                    + self.dilation[i] * (self.kernel_size[i] - 1) + 1 for i in range(n)]
        largest = [smallest[i] + self.stride[i] - 1 for i in range(n)]
        for size, low, high in zip(output_size, smallest, largest):
            if size < low or size > high:
                raise ValueError(f"requested an output size of {output_size}, but valid sizes range from "
                                 f"{smallest} to {largest} (for an input of {input.size()[2:]})")
        return [output_size[i] - smallest[i] for i in range(n)]


class ConvTranspose1d(_Transposed):
    """(N, Cin, L) to (N, Cout, Lout); weight is (Cin, Cout/groups, k)."""

    _spatial = 1


class ConvTranspose2d(_Transposed):
    """(N, Cin, H, W) to (N, Cout, Hout, Wout); weight is (Cin, Cout/groups, kh, kw)."""

    _spatial = 2


class ConvTranspose3d(_Transposed):
    """(N, Cin, D, H, W) to (N, Cout, Dout, Hout, Wout); weight is (Cin, Cout/groups, kd, kh, kw)."""

    _spatial = 3
