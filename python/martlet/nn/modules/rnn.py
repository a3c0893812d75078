"""Recurrent layers and cells, written over the tensor ops."""
from __future__ import annotations

import math
import warnings

import martlet as mt

from .. import functional as F
from .. import init
from ..parameter import Parameter
from .._common import factory
from .module import Module

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def _rnn_step(act):
    def step(gx, state, weights):
        """gx: the input's share (N, H); state: (h,). Returns the new state."""
        h = state[0]
        return (act(gx + F.linear(h, weights["weight_hh"], weights["bias_hh"])),)
    return step


def _lstm_step(gx, state, weights):
    """One step of LSTM: gates i, f, g, o in rows of 4H; with weight_hr the output is projected."""
    h, c = state
    i, f, g, o = (gx + F.linear(h, weights["weight_hh"], weights["bias_hh"])).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    if weights["weight_hr"] is not None:
        h = F.linear(h, weights["weight_hr"])
    return h, c


def _gru_step(gx, state, weights):
    """One step of GRU: gates r, z, n in rows of 3H; the reset gate acts on the hidden share of n."""
    h = state[0]
    gh = F.linear(h, weights["weight_hh"], weights["bias_hh"])
    xr, xz, xn = gx.chunk(3, 1)
    hr, hz, hn = gh.chunk(3, 1)
    r = (xr + hr).sigmoid()
    z = (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return (n + z * (h - n),)


_STEPS = {"RNN_TANH": _rnn_step(lambda x: x.tanh()), "RNN_RELU": _rnn_step(lambda x: x.relu()),
          "LSTM": _lstm_step, "GRU": _gru_step}


class RNNBase(Module):
    """Layers of a recurrent network; its weights are named weight_ih_l0, weight_hh_l0, ..., with _reverse for the second direction."""

    __constants__ = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
                     "bidirectional", "proj_size"]

    def __init__(self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0, device=None, dtype=None):
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an "
                             "element being zeroed")
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
                          f"expects num_layers greater than 1, but got dropout={dropout} and num_layers=1",
                          stacklevel=3)
        if not isinstance(hidden_size, int):
            raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size

        made = factory(device, dtype)
        rows = _GATES[mode] * hidden_size
        out = proj_size or hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else out * self._directions
            for suffix in self._suffixes(layer):
                self.register_parameter("weight_ih" + suffix, Parameter(mt.empty((rows, width), **made)))
                self.register_parameter("weight_hh" + suffix, Parameter(mt.empty((rows, out), **made)))
                if bias:
                    self.register_parameter("bias_ih" + suffix, Parameter(mt.empty(rows, **made)))
                    self.register_parameter("bias_hh" + suffix, Parameter(mt.empty(rows, **made)))
                if proj_size:
                    self.register_parameter("weight_hr" + suffix, Parameter(mt.empty((proj_size, hidden_size), **made)))
        self.reset_parameters()

    @property
    def _directions(self):
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer):
        return (f"_l{layer}", f"_l{layer}_reverse") if self.bidirectional else (f"_l{layer}",)

    def _weights(self, suffix):
        own = self._parameters
        return {name: own.get(name + suffix)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")}

    @property
    def all_weights(self):
        """The weights in lists, one list per layer and direction."""
        return [[w for w in self._weights(suffix).values() if w is not None]
                for layer in range(self.num_layers) for suffix in self._suffixes(layer)]

    def flatten_parameters(self):
        """Nothing to do: weights need not lie side by side."""

    def reset_parameters(self):
        """Draw every weight from uniform(±1/sqrt(hidden_size)), in order of registration."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size != 0:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.batch_first is not False:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout != 0:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional is not False:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)

    def _state_widths(self):
        """The widths of the state tensors: (h,) or, for LSTM, (h, c)."""
        out = self.proj_size or self.hidden_size
        return (out, self.hidden_size) if self.mode == "LSTM" else (out,)

    def _initial_states(self, hx, batch, batched, like):
        """The given state as tensors (layers · directions, N, width), checked; zeros when None."""
        depth = self.num_layers * self._directions
        widths = self._state_widths()
        if hx is None:
            return [mt.zeros(depth, batch, width, dtype=like.dtype) for width in widths]
        states = list(hx) if self.mode == "LSTM" else [hx]
        names = ("hx", "cx") if self.mode == "LSTM" else ("hx",)
        checked = []
        for name, state, width in zip(names, states, widths):
            wanted_dim = 3 if batched else 2
            if state.dim() != wanted_dim:
                batch_word = "batched" if batched else "unbatched"
                if self.mode == "LSTM":
                    raise RuntimeError(
                        f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx and cx should also be "
                        f"{wanted_dim}-D but got ({states[0].dim()}-D, {states[1].dim()}-D) tensors")
                raise RuntimeError(f"For {batch_word} {wanted_dim}-D input, hx should also be {wanted_dim}-D but "
                                   f"got {state.dim()}-D tensor")
            if not batched:
                state = state.unsqueeze(1)
            wanted = (depth, batch, width)
            if tuple(state.shape) != wanted:
                slot = "" if self.mode != "LSTM" else "[0]" if name == "hx" else "[1]"
                raise RuntimeError(f"Expected hidden{slot} size {wanted}, got {list(state.shape)}")
            checked.append(state)
        return checked

    def forward(self, input, hx=None):
        """(L, N, in), (N, L, in) when batch_first, (L, in), or a PackedSequence; gives (output, final state)."""
        if hasattr(input, "batch_sizes"):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(1)
        elif self.batch_first:
            input = input.transpose(0, 1)
        if input.size(-1) != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, "
                               f"got {input.size(-1)}")
        steps, batch = input.size(0), input.size(1)
        if steps == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        states = self._initial_states(hx, batch, batched, input)
        output, finals = self._run(input, states, [batch] * steps)
        if not batched:
            output = output.squeeze(1)
            finals = [f.squeeze(1) for f in finals]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, tuple(finals) if self.mode == "LSTM" else finals[0]

    def _run(self, input, states, sizes):
        """All layers over a padded (L, N, in); at step t only the first sizes[t] sequences are alive."""
        finals = [[] for _ in states]
        for layer in range(self.num_layers):
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                index = layer * self._directions + direction
                weights = self._weights(suffix)
                output, last = self._run_direction(input, [s[index] for s in states], weights, sizes, direction == 1)
                outputs.append(output)
                for collected, final in zip(finals, last):
                    collected.append(final)
            input = outputs[0] if len(outputs) == 1 else mt.cat(outputs, -1)
            if self.dropout > 0 and layer < self.num_layers - 1:
                input = F.dropout(input, self.dropout, self.training)
        return input, [mt.stack(collected, 0) for collected in finals]

    def _run_direction(self, input, state, weights, sizes, backwards):
        """One layer in one direction: (outputs (L, N, out), final states)."""
        step = _STEPS[self.mode]
        shares = F.linear(input, weights["weight_ih"], weights["bias_ih"]).unbind(0)
        order = range(len(shares) - 1, -1, -1) if backwards else range(len(shares))
        outputs = [None] * len(shares)
        batch = input.size(1)
        for t in order:
            alive = sizes[t]
            if alive == batch:
                state = step(shares[t], state, weights)
                outputs[t] = state[0]
                continue
            moved = step(shares[t][:alive], [s[:alive] for s in state], weights)
            state = [mt.cat([new, old[alive:]], 0) for new, old in zip(moved, state)]
            rest = mt.zeros(batch - alive, moved[0].size(1), dtype=moved[0].dtype)
            outputs[t] = mt.cat([moved[0], rest], 0)
        return mt.stack(outputs, 0), state

    def _forward_packed(self, packed, hx):
        from ..utils.rnn import PackedSequence

        data, batch_sizes, sorted_indices, unsorted_indices = packed
        sizes = batch_sizes.tolist()
        batch = sizes[0]
        rows = data.split(sizes, 0)
        padded = mt.stack([row if row.size(0) == batch else mt.cat(
            [row, mt.zeros(batch - row.size(0), data.size(1), dtype=data.dtype)], 0) for row in rows], 0)
        if hx is not None and sorted_indices is not None:
            pick = lambda s: s.index_select(1, sorted_indices)
            hx = tuple(pick(s) for s in hx) if self.mode == "LSTM" else pick(hx)
        states = self._initial_states(hx, batch, True, data)
        output, finals = self._run(padded, states, sizes)
        flat = mt.cat([output[t][:alive] for t, alive in enumerate(sizes)], 0)
        if unsorted_indices is not None:
            finals = [f.index_select(1, unsorted_indices) for f in finals]
        out = PackedSequence(flat, batch_sizes, sorted_indices, unsorted_indices)
        return out, tuple(finals) if self.mode == "LSTM" else finals[0]


class RNN(RNNBase):
    """h' = tanh(W x + b + U h + c), or relu with ``nonlinearity="relu"``."""

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False, device=None, dtype=None):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__("RNN_" + nonlinearity.upper(), input_size, hidden_size, num_layers, bias, batch_first,
                         dropout, bidirectional, 0, device, dtype)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Hochreiter and Schmidhuber 1997, with forget gate; the state is (h, c)."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0, device=None, dtype=None):
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         proj_size, device, dtype)


class GRU(RNNBase):
    """Cho et al. 2014, with the reset gate applied after the hidden product."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, device=None, dtype=None):
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         0, device, dtype)


class RNNCellBase(Module):
    """One step of a recurrent layer: weight_ih, weight_hh, bias_ih, bias_hh."""

    __constants__ = ["input_size", "hidden_size", "bias"]
    _mode = "RNN_TANH"

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        made = factory(device, dtype)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(mt.empty((rows, input_size), **made))
        self.weight_hh = Parameter(mt.empty((rows, hidden_size), **made))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(mt.empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw every weight from uniform(±1/sqrt(hidden_size))."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _step(self, input, state):
        """The new state, from an input (N, in) or (in) and a state of like rank or None."""
        name = self._get_name()
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        count = 2 if self._mode == "LSTM" else 1
        for i, given in enumerate(state or ()):
            if given.dim() not in (1, 2):
                where = f"hx[{i}]" if count == 2 else "hidden"
                raise ValueError(f"{name}: Expected {where} to be 1D or 2D, got {given.dim()}D instead")
        single = input.dim() == 1
        if single:
            input = input.unsqueeze(0)
        if input.size(1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.size(1)} expected {self.input_size}")
        if state is None:
            state = [mt.zeros(input.size(0), self.hidden_size, dtype=input.dtype)] * count
        elif single:
            state = [s.unsqueeze(0) for s in state]
        for i, given in enumerate(state):
            if given.size(0) != input.size(0):
                raise RuntimeError(f"Input batch size {input.size(0)} doesn't match hidden{i} "
                                   f"batch size {given.size(0)}")
            if given.size(1) != self.hidden_size:
                raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got "
                                   f"{given.size(1)}, expected {self.hidden_size}")
        p = self._parameters
        weights = {"weight_hh": p["weight_hh"], "bias_hh": p["bias_hh"], "weight_hr": None}
        moved = _STEPS[self._mode](F.linear(input, p["weight_ih"], p["bias_ih"]), state, weights)
        return [s.squeeze(0) for s in moved] if single else list(moved)


class RNNCell(RNNCellBase):
    """h' = tanh(W x + b + U h + c): input (N, in), state (N, H)."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def _mode(self):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return "RNN_" + self.nonlinearity.upper()

    def forward(self, input, hx=None):
        return self._step(input, None if hx is None else [hx])[0]


class LSTMCell(RNNCellBase):
    """One LSTM step: input (N, in), state (h, c); gives (h', c')."""

    _mode = "LSTM"

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        return tuple(self._step(input, None if hx is None else list(hx)))


class GRUCell(RNNCellBase):
    """One GRU step: input (N, in), state (N, H)."""

    _mode = "GRU"

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step(input, None if hx is None else [hx])[0]
