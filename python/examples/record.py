"""Record what PyTorch prints for each example, as the expected*.txt files beside them.

    python record.py           write the files
    python record.py --check   write nothing; exit 1 where a file differs from what torch prints now

Needs PyTorch (and, for the meta-learning example, `pip install higher`); the
files in this folder were recorded with torch 2.13.0 for CPU.  Some numbers of
the programs not marked `exact` in programs.py change in their last digits with
the CPU and the number of threads.
"""

import subprocess
import sys

from programs import PROGRAMS


def torch_prints(program):
    """Standard output of one program on the real PyTorch."""
    command = [sys.executable, "-W", "ignore", program.script] + program.arguments
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout


def main():
    check = "--check" in sys.argv[1:]
    import torch

    print("torch", torch.__version__)
    stale = 0
    for program in PROGRAMS:
        text = torch_prints(program)
        if not check:
            with open(program.expected, "w") as file:
                file.write(text)
            print("recorded %-20s %4d lines" % (program.name, len(text.splitlines())))
            continue
        with open(program.expected) as file:
            recorded = file.read().splitlines()
        now = text.splitlines()
        different = sum(a != b for a, b in zip(recorded, now)) + abs(len(recorded) - len(now))
        stale += different > 0
        print("%-20s %d of %d lines differ" % (program.name, different, len(now)))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
