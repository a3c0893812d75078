"""The command line: running scripts as python would, and judging two outputs."""
import os
import subprocess
import sys

import pytest
from _against_torch import SAME_TENSORS, needs_torch

import martlet
from martlet._compare import Comparison, groups, numbers_in, skeleton

own_tensors = pytest.mark.skipif(SAME_TENSORS, reason="martlet stands on torch's tensors here: import torch is taken")


def cli(*args, cwd):
    env = dict(os.environ)
    here = os.path.dirname(os.path.dirname(os.path.abspath(martlet.__file__)))
    env["PYTHONPATH"] = os.pathsep.join([here, env.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "martlet"] + list(args), cwd=str(cwd), env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def script(folder, text, name="program.py"):
    path = folder / name
    path.write_text(text)
    return name


@own_tensors
def test_names_resolve_to_martlets_modules(tmp_path):
    (tmp_path / "neighbour.py").write_text("from torch.optim import SGD\nvalue = 42\n")
    name = script(tmp_path, """
import sys, torch
import torch.optim as optim
import torch.utils.data
import higher
from torch.utils.data import DataLoader, TensorDataset
from torch.optim.lr_scheduler import StepLR
import neighbour
import martlet, martlet.higher, martlet.optim
assert torch is martlet and optim is martlet.optim and higher is martlet.higher
assert sys.modules["torch.utils.data"] is martlet.utils.data and neighbour.SGD is martlet.optim.SGD
assert martlet.optim.__spec__.name == "martlet.optim"
print(__name__, neighbour.value, sys.argv, __file__ == sys.path[0] + "/program.py")
for number, target in DataLoader(TensorDataset(torch.arange(3), torch.ones(3)), batch_size=2):
    print(number, target)
try:
    import torch.not_there
except ModuleNotFoundError as error:
    print(error, error.name)
""")
    code, out, err = cli("run", name, "--lr", "3", "-h", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "__main__ 42 ['program.py', '--lr', '3', '-h'] True", "tensor([0, 1]) tensor([1., 1.])",
        "tensor([2]) tensor([1.])", "No module named 'torch.not_there' torch.not_there",
    ]


@own_tensors
def test_run_fails_as_python_does(tmp_path):
    broken = script(tmp_path, "def f():\n    raise ValueError('bad')\nf()\n")
    code, out, err = cli("run", broken, cwd=tmp_path)
    python = subprocess.run([sys.executable, broken], cwd=str(tmp_path), stderr=subprocess.PIPE, check=False)
    assert code == python.returncode == 1
    assert err == python.stderr.decode().replace('"program.py"', '"{}"'.format(tmp_path / "program.py"))
    assert cli("run", script(tmp_path, "import sys; sys.exit(7)"), cwd=tmp_path)[0] == 7
    code, out, err = cli("run", script(tmp_path, "def f(:\n"), cwd=tmp_path)
    assert code == 1 and "SyntaxError" in err and "_run.py" not in err
    code, out, err = cli("run", "missing.py", cwd=tmp_path)
    assert code == 2 and "can't open file 'missing.py'" in err


@own_tensors
def test_functions_of_the_script_can_be_pickled(tmp_path):
    name = script(tmp_path, "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)\n")
    assert cli("run", name, cwd=tmp_path)[1] == "True\n"


PROGRAM = """
import sys, torch
on_torch = "+" in torch.__version__ or hasattr(torch, "_C")
print(torch.tensor([[1.5, 2.0], [0.25, 4.0]]))
if "differ" in sys.argv:
    print("only", 1.0 if on_torch else 2.0)
"""


@needs_torch
@own_tensors
def test_compare_and_record(tmp_path):
    name = script(tmp_path, PROGRAM)
    code, out, err = cli("compare", name, cwd=tmp_path)
    assert code == 0 and "lines identical: 2 / 2" in out, out + err
    code, out, err = cli("compare", name, "--quiet", "differ", cwd=tmp_path)
    assert code == 1 and "lines that differ: 1" in out and "lines identical: 2 / 3" in out
    assert "largest difference among numbers: 1 absolute, 0.5 relative" in out
    code, out, err = cli("record", name, "-o", "kept.txt", cwd=tmp_path)
    assert code == 0 and "2 lines of PyTorch" in out
    kept = (tmp_path / "kept.txt").read_text()
    assert kept.startswith("# martlet record: program.py") and "# torch: " in kept
    code, out, err = cli("compare", name, "--recorded", "kept.txt", cwd=tmp_path)
    assert code == 0 and "lines identical: 2 / 2" in out
    (tmp_path / "kept.txt").write_text(kept.replace("1.5000", "1.6000"))
    assert cli("compare", "--recorded", "kept.txt", name, cwd=tmp_path)[0] == 1
    code, out, err = cli("compare", script(tmp_path, "raise SystemExit(3)"), cwd=tmp_path)
    assert code == 0 and "Martlet ended with exit status 3" in out and "PyTorch ended with exit status 3" in out


@own_tensors
def test_what_cannot_be_compared(tmp_path):
    name = script(tmp_path, "print(1)")
    assert "there is no file nothing.py" in cli("compare", "nothing.py", cwd=tmp_path)[2]
    code, _, err = cli("compare", name, "--python", "/nowhere/python", cwd=tmp_path)
    assert code == 2 and "cannot run /nowhere/python" in err
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    code, _, err = cli("compare", name, "--recorded", name, cwd=tmp_path)
    assert code == 2 and "is not an output of the record command" in err
    code, _, err = cli("record", name, "-o", "out.txt", "--python", sys.executable, cwd=tmp_path)
    assert code == 2 and "no torch here" in err and "--recorded" in err
    assert cli(cwd=tmp_path)[0] == 2


def judged(ours, theirs, rtol=1e-4):
    result = Comparison(ours.splitlines(), theirs.splitlines(), rtol)
    return "".join(row[0] for row in result.rows), result


@pytest.mark.parametrize("ours,theirs,marks", [
    ("a\nb", "a\nb", "  "),
    ("loss 1.23456", "loss 1.23457", "~"),
    ("loss 1.2", "loss 1.3", "!"),
    ("loss 1.2345", "loss 1.2347", "!"),
    ("tensor([1.0000, 0.0012])", "tensor([1.0000, 0.0013])", "~"),
    ("tensor([1.0000, 0.0000])", "tensor([1.0000, 0.0001])", "!"),  # a zero is not rounding
    ("tensor([1.5000e+00, 1.0000e-06])", "tensor([1.5000e+00, 2.0000e-05])", "~"),  # small beside the largest
    ("tensor([1.5000e-04, 1.0000e-06])", "tensor([1.5000e-04, 2.0000e-05])", "!"),
    ("tensor([[1000.0,\n 0.51]])", "tensor([[1000.0,\n 0.52]])", " ~"),  # the largest of the whole tensor counts
    ("1000.0\n0.51", "1000.0\n0.52", " !"),
    ("size (3, 4)", "size (3, 5)", "!"),
    ("tensor([ 1.])", "tensor([1.])", "~"),
    ("tensor([nan, 1.])", "tensor([nan, 2.])", "!"),
    ("tensor([nan])", "tensor([1.])", "!"),
    ("grad_fn=<AddBackward0>", "grad_fn=<AddBackward1>", "!"),
    ("a\nb\nc", "a\nc", " < "),
    ("a\nc", "a\nb\nc", " > "),
    ("a", "b", "!"),
])
def test_judgement(ours, theirs, marks):
    assert judged(ours, theirs)[0] == marks


def test_counts_and_largest_differences(capsys):
    _, result = judged("x 1.00000\ny 2.0\nz 5", "x 1.00001\ny 2.5\nz 5")
    assert (result.identical, result.rounded, result.differing, result.total) == (1, 1, 1, 3)
    assert result.absolute == 0.5 and result.relative == pytest.approx(0.2)
    result.show(sys.stdout, "A", "B")
    text = capsys.readouterr().out
    assert "lines identical: 1 / 3" in text and "lines that differ: 1" in text
    assert "x 1.00000 ~ x 1.00001" in text and "y 2.0     ! y 2.5" in text


def test_numbers_names_and_groups():
    assert numbers_in("fc1 conv2d 0x7f v1.2 AddBackward0> -1.5e-3,[2., .5] 7") == ["-1.5e-3", "2.", ".5", "7"]
    assert skeleton("tensor([ 1.0,  -2.0])") == skeleton("tensor([10.0, 2.0])") == "tensor([#,#])"
    assert groups(["a", "tensor([1,", "  2])", "b"]) == [0, 1, 1, 2]
