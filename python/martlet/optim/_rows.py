"""Row policies: which rows of a parameter an optimizer's step may change.

A policy belongs to the parameter, not to an optimizer, so it can be chosen anywhere between the
forward pass and the step, before or after ``backward``, and it holds for every optimizer:

    policy = martlet.optim.restrict_rows(net.embed.weight, [0, 3])
    optimizer.step()          # rows 0 and 3 move; all others stay bit-identical
    policy.undo()

Rows that are not allowed keep their values and their share of the optimizer's state (momentum,
Adam's moments, weight decay), whether the gradient is sparse or dense. Per-parameter counters
such as ``state['step']`` count steps of the parameter as a whole.
"""
import weakref

import martlet as torch
from martlet._native import fail, lib

from .. import _capture
from .._ops import wrap

# id(parameter) -> (weak reference, RowPolicy). Keyed by identity because tensors compare elementwise.
_policies = _capture.policies


class RowPolicy:
    """What :func:`restrict_rows` returns: the allowed rows, an ``undo()``, and a context manager.

    Leaving the ``with`` block, or calling ``undo()``, brings back whatever policy stood before.
    """

    def __init__(self, param, numbers, before):
        self._param = weakref.ref(param)
        self._before = before
        #: The allowed rows, ascending and without duplicates.
        self.numbers = tuple(numbers)
        #: The same as an int64 tensor.
        self.rows = torch.tensor(numbers, dtype=torch.int64)

    def undo(self):
        """Takes this policy back. Does nothing if another policy has replaced it since."""
        param = self._param()
        if param is not None and policy_of(param) is self:
            _set(param, self._before)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.undo()
        return False

    def __repr__(self):
        return "RowPolicy(rows={})".format(list(self.numbers))


def _set(param, policy):
    # The core keeps the rows as well, for optimizers of C and Swift that hold the same parameter.
    if lib.mt_restrict_rows(param._h, None if policy is None else policy.rows._h):
        fail()
    key = id(param)
    if policy is None:
        _policies.pop(key, None)
    else:
        _policies[key] = (weakref.ref(param, lambda _, key=key: _policies.pop(key, None)), policy)


def policy_of(param):
    """The :class:`RowPolicy` in force for ``param``, or None."""
    entry = _policies.get(id(param))
    return entry[1] if entry is not None and entry[0]() is param else None


def restrict_rows(param, rows):
    """Lets the steps of every optimizer change only these rows (along dimension 0) of ``param``.

    Args:
        param: the parameter (at least one dimension).
        rows: integer tensor or sequence of row numbers (negative ones count from the end), a bool
            mask with one entry per row, or None to allow all rows again.

    Returns:
        A :class:`RowPolicy` (None for ``rows=None``): ``undo()`` it, or use it in a ``with`` block.

    Raises:
        TypeError: param is not a tensor, or rows holds something else than integers or bools.
        ValueError: param has no rows.
        IndexError: a row out of range, or a mask of another length.
    """
    if not isinstance(param, torch.Tensor):
        raise TypeError("restrict_rows(): param must be a Tensor, not {}".format(type(param).__name__))
    if rows is None:
        allow_all_rows(param)
        return None
    if param.dim() == 0:
        raise ValueError("restrict_rows(): param is 0-dimensional and has no rows")
    policy = RowPolicy(param, _row_numbers(rows, param.size(0)), policy_of(param))
    _set(param, policy)
    return policy


def allow_all_rows(param):
    """Removes any row policy from ``param``: steps may change all of its rows again."""
    _set(param, None)


def _row_numbers(rows, count):
    """Ascending, duplicate-free list of rows from numbers or a mask; checks the range."""
    if isinstance(rows, torch.Tensor):
        if rows.dim() != 1:
            raise IndexError("restrict_rows(): rows must be 1-dimensional, got shape {}".format(list(rows.shape)))
        rows = rows.tolist()
    else:
        rows = [r.item() if isinstance(r, torch.Tensor) else r for r in rows]
    if rows and all(isinstance(r, bool) for r in rows):
        if len(rows) != count:
            raise IndexError(
                "restrict_rows(): the mask has {} entries but the parameter has {} rows".format(len(rows), count)
            )
        numbers = [i for i, keep in enumerate(rows) if keep]
    else:
        numbers = set()
        for r in rows:
            if isinstance(r, bool) or not hasattr(r, "__index__"):
                raise TypeError("restrict_rows(): rows must be integers or bools, got {!r}".format(r))
            r = r.__index__()
            if not -count <= r < count:
                raise IndexError("index {} is out of bounds for dimension 0 with size {}".format(r, count))
            numbers.add(r % count)
        numbers = sorted(numbers)
    return numbers


# How a step runs under a policy: the allowed rows of the parameter, of its gradient and of every
# state tensor of its shape are gathered, the ordinary update runs on them, and they are written back.


def step_restricted(optimizer, group, param, grad, state, policy):
    """One update of ``param`` by ``optimizer`` that touches only the rows of ``policy`` in it and in its state."""
    rows, count = policy.rows, len(policy.numbers)
    if count == 0:
        return
    spare = grad.is_sparse and _capture.records()
    if spare:  # which entries are allowed may be otherwise at each replay: the others go to one row more, and no further
        part_grad = wrap(lib.mt_over_restricted_rows(grad._h, param._h))
    else:
        part_grad = _Split(grad, rows).inside if grad.is_sparse else grad.index_select(0, rows)

    def picked(dense):
        part = dense.index_select(0, rows)
        return torch.cat([part, torch.zeros_like(part[:1])]) if spare else part

    part = picked(param.detach())
    part_state, splits = {}, {}
    for key, value in state.items():
        if _has_rows(value, param):
            if value.is_sparse:
                if _capture.records():
                    raise _capture.CaptureError(
                        "capture: a step restricted to some rows of an optimizer whose state is sparse cannot be recorded: it "
                        "sorts that state's entries by row")
                splits[key] = _Split(value, rows)
                value = splits[key].inside
            else:
                value = picked(value)
        part_state[key] = value
    _capture.update(optimizer, group, [part], [part_grad], [part_state])
    _capture.move_counts(part_state, state)
    param.index_copy_(0, rows, part[:count])
    for key, value in part_state.items():
        old = state.get(key)
        if key in splits:
            state[key] = splits[key].merged(value)
        elif isinstance(value, torch.Tensor) and value.dim() > 0 and value.size(0) == part.size(0) and (
            old is None or _has_rows(old, param)
        ):
            if value.is_sparse:
                state[key] = _outward(value, rows, param.shape)
            else:
                if old is None and _capture.records():
                    raise _capture.CaptureError(
                        "capture: an optimizer's first step on some rows cannot be recorded; run the step once before")
                if old is None:  # state that the update itself makes: other rows start from zero
                    old = state[key] = torch.zeros_like(param)
                old.index_copy_(0, rows, value[:count])
        else:
            state[key] = value


def _has_rows(value, param):
    return isinstance(value, torch.Tensor) and value.dim() > 0 and value.shape == param.shape


def _outward(part, rows, shape):
    """A sparse tensor over the gathered rows as one over all rows."""
    indices = part._indices().clone()
    indices[0] = rows[indices[0]]
    return torch.sparse_coo_tensor(indices, part._values(), shape)


class _Split:
    """A sparse tensor's entries in the allowed rows (renumbered) and those in the others."""

    def __init__(self, sparse, rows):
        indices, values = sparse._indices(), sparse._values()
        position = {row: i for i, row in enumerate(rows.tolist())}
        owner = indices[0].tolist()
        keep = [i for i, row in enumerate(owner) if row in position]
        rest = [i for i, row in enumerate(owner) if row not in position]
        kept = torch.tensor(keep, dtype=torch.int64)
        spare = torch.tensor(rest, dtype=torch.int64)
        inner = indices.index_select(1, kept).clone()
        inner[0] = torch.tensor([position[owner[i]] for i in keep], dtype=torch.int64)
        self.rows, self.shape = rows, sparse.shape
        self.inside = torch.sparse_coo_tensor(
            inner, values.index_select(0, kept), (rows.numel(),) + tuple(sparse.shape)[1:]
        )
        self.rest = (indices.index_select(1, spare), values.index_select(0, spare))

    def merged(self, part):
        """``part``, the updated inside, put back among the untouched entries."""
        whole = _outward(part, self.rows, self.shape)
        return torch.sparse_coo_tensor(
            torch.cat([self.rest[0], whole._indices()], 1), torch.cat([self.rest[1], whole._values()], 0), self.shape
        )


class Snapshot:
    """Guards the forbidden rows during a step written by somebody else: copies them, puts them back.

    Used for optimizer classes that define their own ``step``, whose arithmetic is not known here.
    """

    def __init__(self, optimizer):
        self.optimizer, self.saved = optimizer, []
        for group in optimizer.param_groups:
            for param in group["params"]:
                policy = policy_of(param)
                if policy is not None:
                    rows = _others(policy.numbers, param.size(0))
                    state = optimizer.state[param] if param in optimizer.state else {}
                    before = {
                        key: value.index_select(0, rows)
                        for key, value in (state.items() if isinstance(state, dict) else ())
                        if _has_rows(value, param) and not value.is_sparse
                    }
                    self.saved.append((param, rows, param.detach().index_select(0, rows), before))

    def restore(self):
        """Writes the guarded rows back."""
        with torch.no_grad():
            for param, rows, values, before in self.saved:
                param.index_copy_(0, rows, values)
                state = self.optimizer.state[param] if before else {}
                for key, old in before.items():
                    if _has_rows(state.get(key), param):
                        state[key].index_copy_(0, rows, old)


def _others(numbers, count):
    allowed = set(numbers)
    return torch.tensor([i for i in range(count) if i not in allowed], dtype=torch.int64)
