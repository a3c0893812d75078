"""One library in one process: makes cases and times them as told by lines on standard input.

    python worker.py LIBRARY THREADS

Lines are fields between tabs, answers JSON lines:

    make     VARIANT  CASE           ready to be timed, warmed up; says how many calls fill the case's time
    time     VARIANT  CASE  N        seconds of N calls, and of the processor meanwhile
    check    VARIANT  CASE           the loss after the case's number of steps
    drop                             forgets what was made
    memory                           resident bytes now and at most

Variants: `eager`; of Martlet also `captured`, and `many`, which replays many steps in one call.
"""
import gc
import importlib
import json
import os
import sys
import time

from cases import CASES
from training import Step

library, threads = sys.argv[1], int(sys.argv[2])
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what a library prints must not come between the answers
made = {}


class Missing(Exception):
    """What the library does not have; shown in place of a figure."""


def load():
    """The module with torch's API and, for a peer without it, its makers by case."""
    if library in ("torch", "martlet"):
        T = importlib.import_module(library)
        T.set_num_threads(threads)
        return T, None
    return None, importlib.import_module(f"{library}_peer").MAKERS


def _step(case, checked=False):
    make = case.make_checked if checked and case.make_checked else case.make
    made = make(T)
    if isinstance(made, Step):
        return made.function, made
    return made, None  # run(n) of an operation, or one step of a program


def _runner(case, variant):
    """run(n) for a case."""
    if makers is not None:
        if case.key not in makers:
            raise Missing(f"{library} has no such case")
        return makers[case.key]()
    function, step = _step(case)
    if step is None:
        if variant != "eager":
            raise Missing("only steps are captured")
        if case.workload != "program":
            return function

        def run(n):
            for _ in range(n):
                function()
        return run
    inputs, count = step.inputs, len(step.inputs)
    if variant != "eager":
        function = _capture(step)
    if variant == "many":
        def run(n):
            done = 0
            while done < n:
                part = min(n - done, count)
                function.replay_many(*(stack if part == count else stack[:part] for stack in step.stacked))
                done += part
        return run

    def run(n):
        for i in range(n):
            function(*inputs[i % count])
    return run


def _capture(step):
    """The captured function of a step, after a run, a recording and a replay for every kind of input."""
    if not hasattr(T, "capture"):
        raise Missing(f"{library} has no capture")
    captured = T.capture(step.function)
    for _ in range(3):
        for inputs in step.inputs[:4]:
            captured(*inputs)
    return captured


def make(variant, case):
    run = _runner(case, variant)
    start = time.perf_counter()
    run(1)
    for _ in range(3):  # caches, compilers
        if time.perf_counter() - start < 1:
            run(3)
    n = 1
    while True:
        before = time.perf_counter()
        run(n)
        took = time.perf_counter() - before
        if took > .7 * case.seconds:
            break
        n = max(n + 1, min(10 * n, int(n * case.seconds / max(took, 1e-9))))
    made[variant, case.key] = run
    return {"n": n}


def timed(variant, case, n):
    run = made[variant, case.key]
    cpu, start = time.process_time(), time.perf_counter()
    run(n)
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def check(variant, case):
    """The loss of the last of the case's steps, from the same start as everywhere."""
    if makers is not None or not case.check:
        raise Missing("nothing to check")
    function, step = _step(case, checked=True)
    if variant == "captured":
        if not hasattr(T, "capture"):
            raise Missing(f"{library} has no capture")
        function = T.capture(function)
    elif variant != "eager":
        raise Missing("checked with the captured step")
    for i in range(case.check):
        loss = function(*step.inputs[i % len(step.inputs)])
    return {"loss": float(loss)}


def memory():
    fields = dict(line.split(":", 1) for line in open("/proc/self/status") if line.startswith("Vm"))
    return {name: int(fields[field].split()[0]) * 1024 for name, field in (("resident", "VmRSS"), ("peak", "VmHWM"))}


def answer(line):
    command, *fields = line.rstrip("\n").split("\t")
    if command == "drop":
        made.clear()
        gc.collect()
        return {}
    if command == "memory":
        return memory()
    variant, case = fields[0], CASES[fields[1]]
    if command == "time":
        return timed(variant, case, int(fields[2]))
    return {"make": make, "check": check}[command](variant, case)


def main():
    answers.write(json.dumps({"version": getattr(T, "__version__", ""), **memory()}) + "\n")
    for line in sys.stdin:
        try:
            result = answer(line)
        except Missing as error:
            result = {"missing": str(error)}
        except Exception as error:  # told to the parent, which shows it in place of the figure
            result = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(result) + "\n")


T, makers = load()
main()
