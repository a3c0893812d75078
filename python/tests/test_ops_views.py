"""Views: the same memory in another shape, against torch: values, strides, gradients of both orders, writes, errors."""
import numpy as np
import pytest

import martlet
from opcompare import check_error, check_op, rand

# Each call takes the module and a 2 x 3 x 4 tensor.
VIEWS = {
    "view": lambda t, x: x.view(6, 4), "view -1": lambda t, x: x.view(-1, 2, 3), "view scalar": lambda t, x: x[0, 0, 0].view(1, 1),
    "reshape": lambda t, x: x.reshape(4, -1), "reshape of a transpose": lambda t, x: x.transpose(0, 2).reshape(6, 4),
    "flatten": lambda t, x: x.flatten(1), "unflatten": lambda t, x: x.unflatten(2, (2, -1)), "ravel": lambda t, x: t.ravel(x),
    "transpose": lambda t, x: x.transpose(0, -1), "T": lambda t, x: x[0].T, "mT": lambda t, x: x.mT, "t": lambda t, x: x[1].t(),
    "permute": lambda t, x: x.permute(2, 0, 1), "movedim": lambda t, x: t.movedim(x, 0, 2), "swapaxes": lambda t, x: x.swapaxes(0, 1),
    "expand": lambda t, x: x[:, :1].expand(2, 5, 4), "expand front": lambda t, x: x.expand(3, -1, 3, 4),
    "broadcast_to": lambda t, x: t.broadcast_to(x[0, 0], (2, 4)), "expand_as": lambda t, x: x[0].expand_as(x),
    "select": lambda t, x: x.select(1, -1), "narrow": lambda t, x: x.narrow(2, 1, 2), "squeeze": lambda t, x: x[:, :1].squeeze(1),
    "squeeze all": lambda t, x: x[:1, :1].squeeze(), "squeeze none": lambda t, x: x.squeeze(0), "squeeze dims": lambda t, x: x[:1, :, :1].squeeze((0, 2)),
    "unsqueeze": lambda t, x: x.unsqueeze(-2), "as_strided": lambda t, x: x.as_strided((3, 2), (4, 1), 5),
    "as_strided overlapping": lambda t, x: x.as_strided((5, 3), (2, 2)), "diagonal": lambda t, x: x.diagonal(0, 1, 2),
    "diagonal above": lambda t, x: x.diagonal(1, 0, 2), "diagonal below": lambda t, x: x[0].diagonal(-1),
    "unfold": lambda t, x: x.unfold(2, 3, 1), "unfold gaps": lambda t, x: x.unfold(1, 2, 2), "view_as": lambda t, x: x.view_as(t.zeros(12, 2)),
    "detach": lambda t, x: x.detach() * 1.0, "split": lambda t, x: x.split(2, 2), "split lengths": lambda t, x: x.split([1, 3], -1),
    "chunk": lambda t, x: x.chunk(2, 1), "tensor_split": lambda t, x: t.tensor_split(x, 3, 2), "unbind": lambda t, x: x.unbind(1),
    "alias": lambda t, x: x.view(x.shape), "slice": lambda t, x: x[:, 1:, ::2], "negative": lambda t, x: x[-1, -2:, :-1],
    "none": lambda t, x: x[None, :, None], "ellipsis": lambda t, x: x[..., 1], "both": lambda t, x: x[1, ..., None, 2], "empty": lambda t, x: x[:, 3:],
}


@pytest.mark.parametrize("name", VIEWS)
def test_values_and_gradients(name):
    def call(t, x):
        out = VIEWS[name](t, x)
        return [v * v for v in out] if isinstance(out, (tuple, list)) else out * out
    check_op(call, [rand(2, 3, 4)])


@pytest.mark.parametrize("name", [n for n in VIEWS if n != "detach"])
def test_geometry(name, torch):
    results = []
    for t in (torch, martlet):
        x = t.arange(24.0).view(2, 3, 4)
        out = VIEWS[name](t, x)
        outs = out if isinstance(out, (tuple, list)) else [out]
        results.append([(tuple(o.shape), o.stride(), o.storage_offset(), o.is_contiguous(),
                         o.data_ptr() - x.data_ptr() if "reshape of" not in name and o.numel() else 0) for o in outs])
    if "reshape of" not in name:
        assert results[0] == results[1]
    else:
        assert [r[:4] for r in results[0]] == [r[:4] for r in results[1]]


@pytest.mark.parametrize("name", ["view", "transpose", "select", "slice", "diagonal", "unsqueeze", "flatten", "as_strided", "squeeze", "narrow", "unfold gaps"])
def test_writes_reach_the_base_and_gradients_follow(name):
    def call(t, x):
        y = x * 1.0
        part = VIEWS[name](t, y)
        part.mul_(part.detach() + 2)
        part.add_(1.5)
        return y, y * part.sum()
    check_op(call, [rand(2, 3, 4)])


def test_base_changed_under_a_view():
    def call(t, x):
        y = x * 2
        v = y[0]
        y.mul_(3)
        y[1].zero_()
        w = v * v
        return w, y, v.is_contiguous()
    check_op(call, [rand(2, 3)])


def test_views_of_views_and_versions(torch):
    for t in (torch, martlet):
        x = t.zeros(4, 4)
        inner = x[1:3].t()[0]
        inner.fill_(5)
        assert x[1:3, 0].tolist() == [5, 5] and x.sum().item() == 10
        assert x._version == inner._version == 1


def test_dtype_views(torch):
    values = rand(2, 4, dtype="float32")
    for dtype in ("int32", "uint8", "int16", "float64"):
        a, b = (t.from_numpy(values.copy()).view(getattr(t, dtype)) for t in (martlet, torch))
        assert tuple(a.shape) == tuple(b.shape)
        assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize("name,call", {
    "view size": lambda t, x: x.view(5, 5), "view two -1": lambda t, x: x.view(-1, -1), "view -1 left over": lambda t, x: x.view(-1, 5),
    "view strides": lambda t, x: x.transpose(0, 2).view(24), "reshape": lambda t, x: x.reshape(7), "negative": lambda t, x: x.view(-2, 12),
    "expand": lambda t, x: x.expand(2, 3, 5), "expand fewer": lambda t, x: x.expand(3, 4), "expand -1": lambda t, x: x.expand(-1, 2, 3, 4),
    "transpose": lambda t, x: x.transpose(0, 3), "t": lambda t, x: x.t(), "permute twice": lambda t, x: x.permute(0, 0, 1),
    "permute few": lambda t, x: x.permute(0, 1), "select": lambda t, x: x.select(0, 2), "narrow": lambda t, x: x.narrow(0, 1, 2),
    "narrow negative": lambda t, x: x.narrow(0, 0, -1), "unsqueeze": lambda t, x: x.unsqueeze(5), "squeeze": lambda t, x: x.squeeze(3),
    "as_strided": lambda t, x: x.as_strided((100,), (1,)), "as_strided negative": lambda t, x: x.as_strided((2,), (-1,)),
    "diagonal same": lambda t, x: x.diagonal(0, 1, 1), "unfold": lambda t, x: x.unfold(0, 3, 1), "unfold step": lambda t, x: x.unfold(0, 1, 0),
    "split": lambda t, x: x.split([1, 2], 2), "split negative": lambda t, x: x.split(-1), "chunk": lambda t, x: x.chunk(0),
    "unbind scalar": lambda t, x: x[0, 0, 0].unbind(), "slice step": lambda t, x: x[::-1], "slice zero": lambda t, x: x[::0],
    "flatten": lambda t, x: x.flatten(2, 1), "write expanded": lambda t, x: x[:, :1].expand(2, 3, 4).add_(1),
}.items())
def test_errors(name, call):
    check_error(call, [rand(2, 3, 4)])
