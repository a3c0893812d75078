"""The benchmark: choosing cases, judging figures, and its files."""
import json
import os
import shutil
import subprocess
import sys

import pytest
from _against_torch import SAME_TENSORS

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "benchmarks")
PAGE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "performance.md")
pytestmark = pytest.mark.skipif(SAME_TENSORS, reason="martlet stands on torch's tensors here")
pytest.importorskip("numpy")


def bench(*args):
    done = subprocess.run([sys.executable, os.path.join(HERE, "bench.py"), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_case_is_timed_and_written_down(tmp_path):
    page = tmp_path / "page.md"
    shutil.copy(PAGE, page)
    before = page.read_text()
    out = bench("--only", "W5 online SGD", "--threads", "1", "--rounds", "1", "--peers", "", "--json", str(tmp_path / "f.json"),
                "--markdown", str(tmp_path / "f.md"), "--update", str(page))
    rows = json.loads((tmp_path / "f.json").read_text())["rows"]
    measured = {r["measured"]: r for r in rows if r["measured"] in ("captured", "many")}
    assert set(measured) == {"captured", "many"} and all(r["values"] for r in measured.values())
    assert all(0 < r["values"][0] < 1 for r in measured.values())
    table = (tmp_path / "f.md").read_text()
    assert "W5 online SGD" in out and "| W5 online SGD | 1 | many | eager |" in table
    after = page.read_text()
    assert table in after and after.startswith(before.partition("<!-- figures")[0]) and after.endswith(before.rpartition("-->")[2])


def test_losses_are_compared():
    out = bench("--check", "--only", "W4a,W5 Pop-Art", "--peers", "")
    assert [line.split(":")[0].split()[-1] for line in out.splitlines()] == ["same", "same"]


def test_cases_are_chosen_by_workload_or_name():
    names = bench("--list").splitlines()
    assert len(names) == len(set(names)) and {n.split()[0] for n in names} >= {"W1", "W4a", "W4b", "W10", "program"}
    assert bench("--list", "--only", "W4").split("\n")[:-1] == ["W4a two inner steps", "W4b MAML, sinusoids"]
    assert bench("--list", "--only", "softmax").count("W9 softmax") == 5
    assert bench("--list", "--only", "W1").count("\n") == 3


def test_verdicts():
    sys.path.insert(0, HERE)
    try:
        from report import Row
    finally:
        sys.path.remove(HERE)

    def row(values, target, share=False):
        return Row("W1", "x", 1, "eager", "torch", values, target, share)
    assert row([.1, .2, .9], .2).verdict == "met" and row([.3], .2).verdict == "x1.50 of target"
    assert row([90.], 85., True).verdict == "met" and row([68.], 85., True).verdict == "x1.25 of target"
    assert row([], .2).verdict == "" and row([1.], None).verdict == ""
