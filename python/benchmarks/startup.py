"""What is measured once and shown as it is: W11, starting; W12, memory; W13's chain of ten million nodes."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processes import HERE, ROOT, Worker, environment
from report import Row

MIB = 2 ** 20


def _python(code, python=None):
    return subprocess.run([python or sys.executable, "-c", code], env=_environment(), capture_output=True, text=True)


def _environment():
    """With compiled modules kept, as an installation keeps them, whatever the caller's setting is."""
    env = environment()
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPYCACHEPREFIX"] = os.path.join(tempfile.gettempdir(), f"martlet-bench-{os.getpid()}")
    return env


def _timed(code, repetitions=9):
    """Milliseconds of whole interpreters that run the code."""
    found = []
    for _ in range(repetitions + 1):
        start = time.perf_counter()
        done = _python(code)
        found.append(1e3 * (time.perf_counter() - start))
        if done.returncode:
            raise SystemExit(f"bench: {done.stderr.strip().splitlines()[-1]}")
    return found[1:]  # the first reads the files


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


def _row(workload, name, unit, values, target=None, note=""):
    return Row(workload, name, 0, "eager", unit, values, target, note=note)


def importing():
    """W11."""
    yield _row("W11", "interpreter and import", "ms", _timed("import martlet"), 60)
    code = "import martlet; print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmRSS')))"
    yield _row("W11", "resident after import", "MiB", [int(_python(code).stdout) * 1024 / MIB for _ in range(5)], 30)
    shutil.rmtree(_environment()["PYTHONPYCACHEPREFIX"], ignore_errors=True)
    yield _row("W11", "installed size", "MB", [_installed_size() / 1e6], 20)


def memory(threads):
    """W12: the highest resident size during ten steps above what it was after import, each in a fresh process."""
    for key, eager, captured in (("W6 MLP, Adam", 80, 60), ("W8 GPT, AdamW", 260, 230)):
        for variant, target in (("eager", eager), ("captured", captured)):
            worker = Worker("martlet", threads)
            answer = worker.ask("make", variant, key)
            values = []
            if "n" in answer:
                worker.ask("time", variant, key, 10)
                values = [(worker.ask("memory")["peak"] - worker.ready["resident"]) / MIB]
            yield _row("W12", f"{key}", "MiB over import", values, target, answer.get("missing") or answer.get("error") or "")._replace(
                measured=variant)
            worker.close()


_CHAIN = """
import time
import martlet as T
T.set_num_threads(1)

def per_node(nodes):
    begin = time.perf_counter()
    x = start = T.tensor(1e-4, requires_grad=True)
    for _ in range(nodes // 2):
        x = x * 1.00001 + 1e-7
    x.backward()
    del x
    return (time.perf_counter() - begin) / nodes * 1e6

per_node(1000)
print(*(per_node(100_000) for _ in range(5)))
print(per_node(10_000_000))
"""


def long_chain():
    """W13: forward, backward and release of a chain, per node; one of ten million nodes must not end the process."""
    done = _python(_CHAIN)
    short, long = (done.stdout.splitlines() + ["", ""])[:2]
    why = "" if not done.returncode else (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]
    yield _row("W13", "chain of 100,000 nodes", "µs a node", [float(v) for v in short.split()], 1.5, "" if short else why)
    yield _row("W13", "chain of 10,000,000 nodes", "µs a node", [float(v) for v in long.split()], note=why or "safe")
