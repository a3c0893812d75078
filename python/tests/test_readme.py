"""The README's programs work as pasted."""
import os
import re
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def block(language):
    """The README's blocks of a language, which go on from one another."""
    with open(os.path.join(ROOT, "README.md")) as f:
        return "".join(re.findall(r"^```" + language + r"\n(.*?)^```", f.read(), re.S | re.M))


def output(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python(tmp_path):
    path = tmp_path / "readme.py"
    path.write_text(block("python"))
    environment = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "python"))
    lines = output([sys.executable, str(path)], env=environment).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["0", "100", "200", "300"]
    assert lines[0].endswith("grad_fn=<MseLossBackward0>)")
    first, last = (float(re.search(r"tensor\((\S+),", line).group(1)) for line in (lines[0], lines[3]))
    assert last < first / 100
    assert lines[4] == "tensor(48., grad_fn=<MulBackward0>)"
    assert "nnz=4, layout=torch.sparse_coo" in "".join(lines[5:])
    before, after = (float(v) for v in re.findall(r"tensor\((\S+?)\)", lines[-1]))
    assert after < before < last


def test_c(tmp_path):
    library = os.environ.get("MARTLET_LIB") or next(
        (p for p in (os.path.join(ROOT, ".build", c, "libmartlet.so") for c in ("release", "debug")) if os.path.exists(p)), None)
    if library is None or shutil.which("cc") is None:
        pytest.skip("needs a C compiler and the built library")
    source, program = tmp_path / "hello.c", tmp_path / "hello"
    source.write_text(block("c"))
    os.symlink(library, tmp_path / "libmartlet.so")
    os.symlink(library, tmp_path / "libmartlet.so.0")
    subprocess.run(["cc", str(source), "-I" + os.path.join(ROOT, "include"), "-L" + str(tmp_path), "-lmartlet",
                    "-Wl,-rpath," + str(tmp_path), "-o", str(program)], check=True)
    text = output([str(program)])
    numbers = [float(n) for n in re.findall(r"-?\d+\.\d+", text)]
    assert text.startswith("tensor([[") and all(abs(a - b) < 1e-2 for a, b in zip(numbers, [1.0, -2.0, 0.5])) and len(numbers) == 3
