"""The processes that are timed: one for each library, and the programs in C and Swift."""
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
#: The programs over the C API and over the Swift face, which answer as worker.py does.
PROGRAMS = {"C": ROOT / ".build/release/BenchmarkC", "Swift": ROOT / ".build/release/BenchmarkSwift"}


def environment(threads=0):
    """The caller's, with Martlet importable and a fixed number of threads."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env["PYTHONPATH"] = os.pathsep.join([str(HERE.parent)] + ([env["PYTHONPATH"]] if env.get("PYTHONPATH") else []))
    env.setdefault("PYTHONHASHSEED", "0")
    if threads:
        env.update({name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")})
    return env


def find_python(module, given=None):
    """A Python that has the module: the given one, this one, or the tests' own; None where there is none."""
    candidates = [given] if given else [sys.executable, str(ROOT / ".venv/bin/python")]
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    for python in candidates:
        if os.path.exists(python) and not subprocess.run([python, "-c", code], env=environment(), capture_output=True).returncode:
            return python
    return None


def _on_one_core():
    """Runs in the new process before the program: one thread is one core, whatever a library's own settings are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class Worker:
    """A process that makes cases and times them. `library` is a Python module, or C or Swift."""

    def __init__(self, library, threads, python=None):
        self.library, self.threads = library, threads
        if library in PROGRAMS:
            command = [str(PROGRAMS[library]), str(threads)]
        else:
            command = [python or sys.executable, str(HERE / "worker.py"), library, str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(threads),
            preexec_fn=_on_one_core if threads == 1 else None)
        self.ready = self._answer()

    def ask(self, *fields):
        """The answer to a line; its key `missing` or `error` says why there is none."""
        try:
            self.process.stdin.write("\t".join(map(str, fields)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        last = self.process.stderr.read().strip().splitlines()[-1:] or ["no message"]
        return {"error": f"{self.library}: the process ended with status {self.process.wait()}: {last[0]}"}

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()
