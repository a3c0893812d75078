"""Row policies: only the chosen rows of a parameter, and of the optimizer's state for it, may change."""
import gc

import pytest

import martlet

DENSE = [
    ("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)), ("Adam", dict(weight_decay=0.1, amsgrad=True)),
    ("AdamW", dict(lr=0.1)), ("RMSprop", dict(momentum=0.5, centered=True, weight_decay=0.1)),
    ("Adagrad", dict(weight_decay=0.1)), ("Adadelta", dict(weight_decay=0.1)), ("Adamax", dict(weight_decay=0.1)),
    ("Rprop", dict()), ("ASGD", dict(weight_decay=0.1)), ("NAdam", dict(weight_decay=0.1)),
    ("RAdam", dict(weight_decay=0.1)),
]
SPARSE = [("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9)), ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)),
          ("Adagrad", dict(lr=0.1)), ("SparseAdam", dict(lr=0.1))]


def weight():
    return martlet.nn.Parameter(martlet.arange(24, dtype=martlet.float32).reshape(6, 4) / 7 - 1)


def dense_grad(step):
    return (martlet.arange(24, dtype=martlet.float32).reshape(6, 4) * (step + 1)).sin()


def sparse_grad(step):
    rows = martlet.tensor([[0, 2, 2, 5]] if step % 2 == 0 else [[4, 2, 0, 4]])
    return martlet.sparse_coo_tensor(rows, (martlet.arange(16, dtype=martlet.float32).reshape(4, 4) + step).cos(), (6, 4))


def rows_of(tensor):
    """Each row as a list of numbers (their bits: floats print and compare exactly here)."""
    tensor = tensor.detach()
    return (tensor.to_dense() if tensor.is_sparse else tensor).tolist()


def state_rows(optimizer, param):
    return {
        key: rows_of(value)
        for key, value in optimizer.state[param].items()
        if hasattr(value, "shape") and list(value.shape) == list(param.shape)
    }


def train(name, options, policy=None, grad=dense_grad, steps=4, start=0, param=None, optimizer=None):
    param = weight() if param is None else param
    optimizer = optimizer or getattr(martlet.optim, name)([param], **options)
    for step in range(start, start + steps):
        param.grad = grad(step)
        if policy is not None:
            martlet.optim.restrict_rows(param, policy)
        optimizer.step()
    return param, optimizer


@pytest.mark.parametrize("name,options,grad", [(n, o, dense_grad) for n, o in DENSE]
                         + [(n, o, sparse_grad) for n, o in SPARSE])
def test_allowed_rows_move_as_ever_and_others_stay(name, options, grad):
    free, free_optimizer = train(name, options, grad=grad)
    held, held_optimizer = train(name, options, [0, 2], grad=grad)
    start, got, want = rows_of(weight()), rows_of(held), rows_of(free)
    # Sparse momentum may hold its entries in another order, whose sums round differently.
    as_free = (lambda x: pytest.approx(x, rel=1e-5, abs=1e-7)) if "momentum" in options and grad is sparse_grad else list
    assert got != start
    for row in range(6):
        if row not in (0, 2):
            assert got[row] == start[row], row
        else:
            assert got[row] == as_free(want[row]), row
    for key, rows in state_rows(held_optimizer, held).items():
        all_rows = state_rows(free_optimizer, free)[key]
        for row in range(6):
            if row in (0, 2):
                assert rows[row] == as_free(all_rows[row]), (key, row)
            elif name != "Rprop":
                assert rows[row] == [0.0] * 4, (key, row)


@pytest.mark.parametrize("name,options,grad", [(n, o, dense_grad) for n, o in DENSE]
                         + [(n, o, sparse_grad) for n, o in SPARSE])
def test_state_from_before_stays_for_other_rows(name, options, grad):
    param, optimizer = train(name, options, grad=grad, steps=3)
    values, state = rows_of(param), state_rows(optimizer, param)
    train(name, options, martlet.tensor([False, True, True, False, False, False]), grad, 2, 3, param, optimizer)
    for row in (0, 3, 4, 5):
        assert rows_of(param)[row] == values[row]
        for key, rows in state_rows(optimizer, param).items():
            assert rows[row] == state[key][row], key
    assert rows_of(param)[2] != values[2]
    martlet.optim.allow_all_rows(param)
    train(name, options, None, grad, 1, 5, param, optimizer)
    assert rows_of(param)[0] != values[0]


def test_chosen_after_the_forward_pass_before_or_after_backward():
    for when in ("before", "after"):
        for sparse in (True, False):
            embedding = martlet.nn.Embedding(6, 3, sparse=sparse)
            old = rows_of(embedding.weight)
            optimizer = martlet.optim.SGD(embedding.parameters(), lr=0.5)
            loss = embedding(martlet.tensor([0, 1, 2, 1])).sum()
            if when == "before":
                policy = martlet.optim.restrict_rows(embedding.weight, [1])
            loss.backward()
            if when == "after":
                policy = martlet.optim.restrict_rows(embedding.weight, [1])
            optimizer.step()
            new = rows_of(embedding.weight)
            assert [a != b for a, b in zip(old, new)] == [False, True, False, False, False, False]
            policy.undo()
            optimizer.step()
            changed = [a != b for a, b in zip(old, rows_of(embedding.weight))]
            assert changed == [True, True, True, False, False, False]


def test_forms_of_rows_and_of_undoing():
    optim = martlet.optim
    param = weight()
    assert optim.restrict_rows(param, [5, -6, 5]).rows.tolist() == [0, 5]
    assert optim.restrict_rows(param, martlet.tensor([2])).rows.tolist() == [2]
    assert optim.restrict_rows(param, range(2)).rows.tolist() == [0, 1]
    assert optim.restrict_rows(param, [True] + [False] * 5).rows.tolist() == [0]
    assert optim.restrict_rows(param, None) is None
    moved = lambda: rows_of(train("SGD", dict(lr=1.0), steps=1, param=param)[0])  # noqa: E731
    start = rows_of(param)
    with optim.restrict_rows(param, []):
        assert moved() == start
        with optim.restrict_rows(param, [3]):
            now = moved()
            assert [a != b for a, b in zip(start, now)] == [False, False, False, True, False, False]
        assert moved() == now
    assert all(a != b for a, b in zip(now[1:], moved()[1:]))


def test_bad_rows():
    optim, param = martlet.optim, weight()
    for rows, error in [([6], IndexError), ([-7], IndexError), ([True] * 5, IndexError), ([1.5], TypeError),
                        (["a"], TypeError), (martlet.zeros(2, 2, dtype=martlet.int64), IndexError),
                        ([True, 1], TypeError)]:
        with pytest.raises(error):
            optim.restrict_rows(param, rows)
    with pytest.raises(IndexError, match="index 6 is out of bounds for dimension 0 with size 6"):
        optim.restrict_rows(param, [6])
    with pytest.raises(ValueError):
        optim.restrict_rows(martlet.zeros(()), [0])
    with pytest.raises(TypeError):
        optim.restrict_rows([1, 2], [0])


def test_other_parameters_and_optimizers_of_ones_own():
    class Plain(martlet.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        @martlet.no_grad()
        def step(self):
            for p in self.param_groups[0]["params"]:
                state = self.state[p]
                state["seen"] = state.get("seen", martlet.zeros_like(p)) + p.grad
                p.sub_(state["seen"])

    held, free = weight(), weight()
    optimizer = Plain([held, free])
    for step in range(3):
        if step == 1:
            martlet.optim.restrict_rows(held, [4])
        held.grad, free.grad = dense_grad(step), dense_grad(step)
        optimizer.step()
        if step == 0:
            values, seen = rows_of(held), rows_of(optimizer.state[held]["seen"])
    assert rows_of(held)[4] == rows_of(free)[4] != values[4]
    for row in (0, 1, 2, 3, 5):
        assert rows_of(held)[row] == values[row] != rows_of(free)[row]
        assert rows_of(optimizer.state[held]["seen"])[row] == seen[row]


def test_the_core_knows_the_policy():
    from martlet._native import lib
    from martlet._ops import wrap

    param = weight()
    with martlet.optim.restrict_rows(param, [2, 0]):
        assert wrap(lib.mt_restricted_rows(param._h)).tolist() == [0, 2]
    assert not lib.mt_restricted_rows(param._h)


def test_policies_go_with_their_parameters():
    from martlet.optim import _rows

    gc.collect()
    count = len(_rows._policies)
    param = weight()
    martlet.optim.restrict_rows(param, [0])
    assert len(_rows._policies) == count + 1
    del param
    gc.collect()
    assert len(_rows._policies) == count
