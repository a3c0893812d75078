"""What is measured once and shown as it is: W11, starting; W12, memory; W13's chain of ten million nodes."""
import statistics
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processes import HERE, ROOT, Worker, environment

MIB = 2 ** 20


def _python(code, python=None):
    return subprocess.run([python or sys.executable, "-c", code], env=environment(), capture_output=True, text=True)


def _timed(code, repetitions=9):
    """Median seconds of a whole interpreter that runs the code, and the lowest and highest."""
    found = []
    for _ in range(repetitions + 1):
        start = time.perf_counter()
        done = _python(code)
        found.append(time.perf_counter() - start)
        if done.returncode:
            raise SystemExit(f"bench: {done.stderr.strip().splitlines()[-1]}")
    return statistics.median(found[1:]), min(found[1:]), max(found[1:])  # the first reads the files


def _installed_size():
    """Bytes of an installation: the package and the library as hatch_build.py puts it in, without its symbols."""
    package = HERE.parent / "martlet"
    total = sum(f.stat().st_size for f in package.rglob("*") if f.is_file() and f.suffix != ".so")
    library = package / "_lib" / "libmartlet.so"
    if library.exists():
        return total + library.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "libmartlet.so"
        shutil.copy2(ROOT / ".build/release/libmartlet.so", copy)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(copy)], check=True)
        return total + copy.stat().st_size


def importing():
    """W11. Rows of (case, figure, unit, target, spread)."""
    middle, lowest, highest = (1e3 * s for s in _timed("import martlet"))
    yield "W11", "interpreter and import", middle, "ms", 60, (lowest, highest)
    code = "import martlet; print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmRSS')))"
    found = sorted(int(_python(code).stdout) * 1024 / MIB for _ in range(5))
    yield "W11", "resident after import", found[2], "MiB", 30, (found[0], found[-1])
    size = _installed_size() / 1e6
    yield "W11", "installed size", size, "MB", 20, (size, size)


def memory(threads):
    """W12: the highest resident size during ten steps above what it was after import, each in a fresh process."""
    for key, eager, captured in (("W6 MLP, Adam", 80, 60), ("W8 GPT, AdamW", 260, 230)):
        for variant, target in (("eager", eager), ("captured", captured)):
            worker = Worker("martlet", threads)
            answer = worker.ask("make", variant, key)
            if "n" in answer:
                worker.ask("time", variant, key, 10)
                over = (worker.ask("memory")["peak"] - worker.ready["resident"]) / MIB
                yield "W12", f"{key}, {variant}", over, "MiB", target, (over, over)
            else:
                yield "W12", f"{key}, {variant}: {answer.get('missing') or answer.get('error')}", None, "MiB", target, None
            worker.close()


_CHAIN = """
import time
import martlet as T
x = start = T.tensor(1e-4, requires_grad=True)
begin = time.perf_counter()
for _ in range(5_000_000):
    x = x * 1.00001 + 1e-7
x.backward()
del x
print((time.perf_counter() - begin) / 1e7 * 1e6, start.grad.item())
"""


def long_chain():
    """W13: forward, backward and release of a chain of ten million nodes."""
    done = _python(_CHAIN)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        yield "W13", f"chain of 10,000,000 nodes: {last}", None, "µs a node", 1.5, None
    else:
        figure = float(done.stdout.split()[0])
        yield "W13", "chain of 10,000,000 nodes, safe", figure, "µs a node", 1.5, (figure, figure)
