"""The profile command: what it notes, what it prints, and that the program does not notice."""
import json
import re

import pytest
from _against_torch import SAME_TENSORS
from test_cli_run_compare import cli, script

pytestmark = pytest.mark.skipif(SAME_TENSORS, reason="martlet stands on torch's tensors here: import torch is taken")

PROGRAM = """
import sys
import torch

torch.manual_seed(0)
x = torch.randn(8, 4)
net = torch.nn.Linear(4, 16)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    y = net(x)
    loss = (y * y).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
z = torch.mm(x.t(), x)
print("done", sys.argv[1:], round(loss.item(), 4))
"""


def tables(out):
    """{operation: cells} and {line: cells}; cells are ms, %, calls, microseconds, bytes, FLOPs."""
    parts = re.split(r"\n +ms +% +calls +us a call +bytes +FLOP +(operation|line)\n", out)
    found = {}
    for kind, text in zip(parts[1::2], parts[2::2]):
        rows = {}
        for row in text.partition("\n\n")[0].splitlines():
            cells = row.split(maxsplit=4)
            match = re.match(r"(-|\S+ \S*B) +(-|\S+ ?[kMGT]?) +(\S+)$", cells[4]) if len(cells) == 5 else None
            if match:
                rows[match.group(3)] = cells[:4] + [match.group(1), match.group(2).strip()]
        found[kind] = rows
    return found["operation"], found["line"]


def test_counts_bytes_and_flops_by_operation_and_line(tmp_path):
    name = script(tmp_path, PROGRAM)
    code, out, err = cli("profile", "--top", "50", name, "--flag", "-h", cwd=tmp_path)
    assert (code, err) == (0, "")
    operations, lines = tables(out)
    assert out.startswith("done ['--flag', '-h']")
    # x (8, 4) by weight (16, 4) and bias: 3 times 128 + 256 + 64 + 512 bytes; 2 * 8 * 16 * 4 operations each.
    assert operations["linear"][2:3] + operations["linear"][4:] == ["3", "2.9 kB", "3.1 k"]
    assert operations["mul"][2:3] + operations["mul"][4:] == ["3", "4.6 kB", "384"]
    assert operations["sum"][2:3] + operations["sum"][4:] == ["3", "1.5 kB", "384"]
    assert operations["mm"][2:3] + operations["mm"][4:] == ["1", "320 B", "256"]
    assert operations["t"][2:3] + operations["t"][4:] == ["1", "-", "-"]
    assert [operations[o][2] for o in ("backward", "SGD.step", "SGD.zero_grad", "item")] == ["3", "3", "3", "1"]
    assert lines["program.py:10"][2:3] + lines["program.py:10"][4:] == ["3", "2.9 kB", "3.1 k"]
    assert lines["program.py:11"][2] == "6" and lines["program.py:13"][2] == "3" and lines["program.py:15"][2] == "2"
    assert all(float(cells[0]) >= 0 for cells in operations.values())
    assert re.search(r"\n[\d.]+ ms in all, [\d.]+ ms in Martlet's operations", out)


def test_order_and_length_of_the_tables(tmp_path):
    name = script(tmp_path, PROGRAM)
    out = cli("profile", "--sort", "flops", "--top", "2", name, cwd=tmp_path)[1]
    operations, lines = tables(out)
    assert list(operations) == ["linear", "mul"] and list(lines)[:1] == ["program.py:10"]
    assert len(operations) == len(lines) == 2 and out.count(" more\n") == 2


def test_steps_of_the_way_back(tmp_path):
    name = script(tmp_path, PROGRAM)
    out = cli("profile", "--nodes", "--top", "50", name, cwd=tmp_path)[1]
    operations, _ = tables(out)
    assert [operations[o][2] for o in ("SumBackward0", "MulBackward0", "AddmmBackward0", "AccumulateGrad")] == ["3", "3", "3", "6"]
    assert "MulBackward0" not in tables(cli("profile", name, cwd=tmp_path)[1])[0]


def test_trace(tmp_path):
    name = script(tmp_path, PROGRAM)
    assert cli("profile", "--trace", "trace.json", name, cwd=tmp_path)[0] == 0
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    first = next(e for e in events if e["name"] == "linear")
    assert first["ph"] == "X" and first["dur"] > 0 and first["ts"] >= 0
    assert first["args"]["line"].endswith("program.py:10") and first["args"]["flops"] == 1024
    assert sum(e["name"] == "backward" for e in events) == 3
    code, out, err = cli("profile", "--trace", "no/such/folder.json", name, cwd=tmp_path)
    assert (code, out) == (2, "") and err.startswith("martlet profile: cannot write no/such/folder.json")


def test_a_closure_counts_for_itself(tmp_path):
    name = script(tmp_path, """
import torch
w = torch.ones(3, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
def closure():
    optimizer.zero_grad()
    loss = (w * w).sum()
    loss.backward()
    return loss
optimizer.step(closure)
""")
    operations, lines = tables(cli("profile", name, cwd=tmp_path)[1])
    assert [operations[o][2] for o in ("SGD.step", "mul", "sum", "backward")] == ["1"] * 4
    assert {"program.py:7", "program.py:8", "program.py:10"} <= set(lines)


def test_a_captured_function_is_one_operation(tmp_path):
    name = script(tmp_path, """
import martlet as torch
x = torch.ones(4)
def double(x):
    return x * 2
step = torch.capture(double)
for _ in range(5):
    y = step(x)
step.replay_many(torch.ones(3, 4))
print(y)
""")
    code, out, err = cli("profile", name, cwd=tmp_path)
    assert (code, err) == (0, "") and out.startswith("tensor([2., 2., 2., 2.])")
    operations, _ = tables("\n" + out.replace("captured double", "captured_double"))
    assert operations["captured_double"][2] == "5" and operations["captured_double.replay_many"][2] == "1"
    assert "mul" not in operations


def test_results_and_failures_are_those_of_run(tmp_path):
    name = script(tmp_path, """
import torch
torch.manual_seed(3)
a = torch.randn(3, requires_grad=True)
b = torch.tensor([1, 2, 3])
print(a + b, 2 - a, a @ a, a[1], a.max(0), torch.einsum("i,j->ij", a, a), b.float())
print(torch.nn.functional.relu(a), torch.linalg.norm(a), len(a), list(b), a.new_zeros(2))
c = a.sparse_mask(torch.eye(3).to_sparse()) if False else torch.eye(3).to_sparse()
print(c.coalesce().values(), (a * 2).grad_fn)
try:
    a + "text"
except TypeError as error:
    print(error)
torch.mm(a, b)
""")
    code, out, err = cli("run", name, cwd=tmp_path)
    profiled, text, errors = cli("profile", name, cwd=tmp_path)
    assert profiled == code == 1
    assert re.sub("0x[0-9a-f]+", "", text).startswith(re.sub("0x[0-9a-f]+", "", out))
    assert errors.splitlines()[-1] == err.splitlines()[-1]
    assert cli("profile", "missing.py", cwd=tmp_path)[0] == 2
