"""Tensors made by rule: ranges, identities, triangles."""
from . import finish, integer, number, op, optional_integer, real, resolve, store, wrap
from .._native import lib


@op("t")
def arange(start=None, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """start, start + step, ... without end."""
    if end is None:
        start, end = 0, start
    if start is None:
        start = 0
    given = enumerate(((start, "start"), (end, "end"), (step, "step")), 1)
    h = [v if hasattr(v, "_h") else number(v, "arange", w, i) for i, (v, w) in given]
    t = wrap(lib.mt_arange(h[0]._h, h[1]._h, h[2]._h, -1 if dtype is None else dtype._code))
    if out is not None:
        return store(out, t)
    return finish(t, requires_grad, "arange")


def _number_of(v):
    return float(v.item() if hasattr(v, "item") else v)


@op("t")
def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """`steps` numbers with both ends included."""
    t = wrap(lib.mt_linspace(_number_of(start), _number_of(end), integer(steps, "linspace", "steps", 3),
                             -1 if dtype is None else dtype._code))
    if out is not None:
        return store(out, t)
    return finish(t, requires_grad, "linspace")


@op("t")
def logspace(start, end, steps, base=10.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """Powers of `base` with evenly spaced exponents."""
    t = wrap(lib.mt_logspace(_number_of(start), _number_of(end), integer(steps, "logspace", "steps", 3),
                             real(base, "logspace", "base", 4), -1 if dtype is None else dtype._code))
    return finish(t, requires_grad, "logspace")


@op("t")
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """Ones on the diagonal."""
    t = wrap(lib.mt_eye(integer(n, "eye", "n", 1), optional_integer(m, "eye", "m", 2), -1 if dtype is None else dtype._code))
    if out is not None:
        return store(out, t)
    return finish(t, requires_grad, "eye")


def _triangle(name, row, col, offset):
    return integer(row, name, "row", 1), integer(col, name, "col", 2), integer(offset, name, "offset", 3)


@op("t")
def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Row and column numbers of the lower triangle."""
    row, col, offset = _triangle("tril_indices", row, col, offset)
    return wrap(lib.mt_tril_indices(row, col, offset, 2 if dtype is None else dtype._code))


@op("t")
def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Row and column numbers of the upper triangle."""
    row, col, offset = _triangle("triu_indices", row, col, offset)
    return wrap(lib.mt_triu_indices(row, col, offset, 2 if dtype is None else dtype._code))


@op("t")
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Memory with unspecified contents under any strides."""
    size, stride = tuple(size), tuple(stride)
    length = 1 + sum((n - 1) * s for n, s in zip(size, stride)) if all(size) else 0
    t = resolve("t", "empty")(length, dtype=dtype).as_strided(size, stride).detach()
    return finish(t, requires_grad, "empty_strided")
