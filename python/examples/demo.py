"""Run the examples on Martlet and print each one's result beside PyTorch's.

    python3 demo.py                   all programs
    python3 demo.py meta_learning     those whose name starts so
    python3 demo.py --full            every line, also of the long ones
    python3 demo.py --recorded        PyTorch's kept output even where PyTorch is installed

PyTorch runs live where this Python has it, with MARTLET_TORCH_PYTHON naming another
Python; else its recorded output (expected*.txt, made by record.py) takes its place.
Exit status 1 where anything differs by more than rounding.
"""

import argparse
import os
import subprocess
import sys
import time

from programs import HERE, PROGRAMS, environment, nearest

sys.path.insert(0, os.path.dirname(HERE))

from martlet._compare import Problem, _recorded  # noqa: E402

LONGEST = 60  # lines of a program that are shown whole


def output_of(command):
    """Standard output as lines, and the seconds it took; SystemExit where the program fails."""
    start = time.time()
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    if done.returncode != 0:
        raise SystemExit("%s\nended with exit status %d:\n%s" % (" ".join(command), done.returncode, done.stderr))
    return done.stdout.splitlines(), time.time() - start


def live_torch():
    """A Python that has PyTorch and `higher`, with PyTorch's version; (None, None) where there is none."""
    python = os.environ.get("MARTLET_TORCH_PYTHON", sys.executable)
    code = "import torch, higher; print(torch.__version__)"
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              universal_newlines=True)
    except OSError:
        return None, None
    return (python, done.stdout.strip()) if done.returncode == 0 else (None, None)


def show(comparison, left, right, full):
    """Both texts side by side: whole where short, else the beginning and whatever is not identical."""
    rows = comparison.rows
    if not full and len(rows) > LONGEST:
        rest = [row for row in rows[LONGEST:] if row[0] != " "]
        gap = "(%d more lines; those not identical follow)" % (len(rows) - LONGEST)
        comparison.rows = rows[:LONGEST] + [(" ", gap, gap)] + rest
    comparison.show(sys.stdout, left, right)
    comparison.rows = rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="programs to run, by the beginning of their names")
    parser.add_argument("--full", action="store_true", help="show every line")
    parser.add_argument("--recorded", action="store_true", help="compare with the recorded output")
    options = parser.parse_args()
    chosen = [p for p in PROGRAMS if not options.names or any(p.name.startswith(n) for n in options.names)]
    if not chosen:
        parser.error("no program of that name; there are: " + ", ".join(p.name for p in PROGRAMS))

    python, version = (None, None) if options.recorded else live_torch()
    summary = []
    for program in chosen:
        print("\n" + "=" * 100 + "\n%s: %s\n" % (program.name, program.title))
        ours, seconds = output_of([sys.executable, "-m", "martlet", "run", program.script] + list(program.arguments))
        if python:
            theirs, their_seconds = output_of([python, program.script] + list(program.arguments))
            label = "PyTorch " + version
        else:
            theirs, _, recorded = _recorded(program.expected)
            their_seconds, label = None, "PyTorch %s, recorded" % recorded
        comparison, _, is_other = nearest(program, ours, theirs)
        show(comparison, "Martlet", "another run of PyTorch, recorded" if is_other else label, options.full)
        summary.append((program.name, comparison, seconds, their_seconds))

    if not options.names:
        print("\n" + "=" * 100 + "\nrow_policy: what may be learnt, chosen after the prediction (Martlet only)\n")
        print("\n".join(output_of([sys.executable, os.path.join(HERE, "last_word", "row_policy.py")])[0]))

    print("\n" + "=" * 100 + "\nMartlet beside %s\n" % label)
    print("%-20s %7s %10s %9s %8s %10s %10s" % ("program", "lines", "identical", "rounding", "differ", "Martlet", "PyTorch"))
    for name, c, seconds, their_seconds in summary:
        theirs = "%8.1f s" % their_seconds if their_seconds is not None else "recorded"
        print("%-20s %7d %10d %9d %8d %8.1f s %10s" % (name, c.total, c.identical, c.rounded, c.differing, seconds, theirs))
    print("\nSeconds are of whole processes, start and imports included.")
    return 1 if any(c.differing for _, c, _, _ in summary) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        sys.exit("demo: %s" % problem)
