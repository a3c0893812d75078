"""torch.save and torch.load: files go from either side to the other."""
import collections
import io
import pickle

import pytest

import martlet

DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16"]


def _file(writer, obj):
    file = io.BytesIO()
    writer.save(obj, file)
    file.seek(0)
    return file


def _objects(t):
    x = t.arange(12.0).reshape(3, 4)
    model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3))
    with t.no_grad():
        for p in model.parameters():
            p.copy_(t.arange(float(p.numel())).reshape(p.shape))
    return {
        "plain": [1, 2.5, "a", None, True, (1, (2,)), {"k": [x]}],
        "shared": [x, x[1], x.t(), x[1:, ::2]],
        "dtypes": [t.tensor([0, 1, 2], dtype=getattr(t, name)) for name in DTYPES],
        "state": model.state_dict(),
        "parameter": model[0].weight,
        "leaf": t.ones(2, requires_grad=True),
        "scalar and empty": [t.tensor(3), t.zeros(0, 2)],
        "sparse": t.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (3,)),
        "ordered": collections.OrderedDict(a=1, b=x),
        "kinds": [t.Size([1, 2]), t.float32, t.device("cpu")],
    }


def _text(value):
    if isinstance(value, dict):
        return type(value).__name__ + "{" + ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)) and type(value).__name__ != "Size":
        return type(value).__name__ + "[" + ", ".join(map(_text, value)) + "]"
    if hasattr(value, "stride"):
        return f"{type(value).__name__} {value} {None if value.is_sparse else value.stride()}"
    return str(value)


@pytest.mark.parametrize("name", list(_objects(martlet)))
def test_both_directions(torch, name):
    ours, theirs = _objects(martlet)[name], _objects(torch)[name]
    expected = _text(theirs)
    assert _text(martlet.load(_file(martlet, ours))) == expected
    assert _text(martlet.load(_file(torch, theirs))) == expected
    assert _text(torch.load(_file(martlet, ours))) == expected


def test_shared_memory_stays_shared(torch):
    for writer, reader in ((martlet, martlet), (torch, martlet), (martlet, torch)):
        x = writer.arange(4.0)
        a, b = reader.load(_file(writer, [x, x[2:]]))
        a[3] = 9
        assert b.tolist() == [2.0, 9.0]


def test_a_model_moves_over(torch, tmp_path):
    theirs, ours = torch.nn.Linear(3, 2), martlet.nn.Linear(3, 2)
    torch.save(theirs.state_dict(), tmp_path / "model.pt")
    ours.load_state_dict(martlet.load(tmp_path / "model.pt"))
    assert ours.weight.tolist() == theirs.weight.tolist()
    martlet.save(ours.state_dict(), str(tmp_path / "back.pt"))
    theirs.load_state_dict(torch.load(tmp_path / "back.pt"))
    optimizer = martlet.optim.Adam(ours.parameters())
    ours(martlet.ones(1, 3)).sum().backward()
    optimizer.step()
    martlet.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    assert str(torch.load(tmp_path / "optimizer.pt")).replace(" ", "") == str(optimizer.state_dict()).replace(" ", "")


class Mine:
    """A class that a file may not name unless told."""


def test_only_weights_by_default(tmp_path):
    file = tmp_path / "mine.pt"
    martlet.save({"a": Mine()}, file)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        martlet.load(file)
    assert isinstance(martlet.load(file, weights_only=False)["a"], Mine)
    martlet.serialization.add_safe_globals([Mine])
    try:
        assert isinstance(martlet.load(file)["a"], Mine)
    finally:
        martlet.serialization.clear_safe_globals()


def test_a_whole_module():
    model = martlet.nn.Sequential(martlet.nn.Linear(2, 2), martlet.nn.ReLU())
    again = martlet.load(_file(martlet, model), weights_only=False)
    assert str(again) == str(model) and again[0].weight.tolist() == model[0].weight.tolist()


def test_refusals(tmp_path):
    with pytest.raises(FileNotFoundError):
        martlet.load(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("not an archive")
    with pytest.raises(pickle.UnpicklingError):
        martlet.load(tmp_path / "text.pt")
    with pytest.raises(RuntimeError, match="Parent directory"):
        martlet.save(1, tmp_path / "no" / "x.pt")
    with pytest.raises(AttributeError):
        martlet.save(1, 3)


