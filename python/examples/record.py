"""Record what PyTorch prints for each example, as the expected*.txt files beside them.

    python record.py           write the files
    python record.py --check   write nothing; exit 1 where a file differs from what PyTorch prints now

Runs `python -m martlet record` for every program of programs.py; needs a Python with
PyTorch and, for the meta-learning example, `pip install higher`. Some numbers of the
programs not marked `exact` change in their last digits with the CPU and the number of threads.
"""

import os
import subprocess
import sys
import tempfile

from programs import PROGRAMS, environment


def record(program, path):
    command = [sys.executable, "-m", "martlet", "record", program.script, "-o", path] + list(program.arguments)
    if subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL).returncode != 0:
        raise SystemExit("%s could not be recorded" % program.name)
    with open(path) as file:
        return file.read().splitlines()


def main():
    stale = 0
    for program in PROGRAMS:
        if "--check" not in sys.argv[1:]:
            print("%-20s %4d lines" % (program.name, len(record(program, program.expected))))
            continue
        with tempfile.TemporaryDirectory() as folder:
            now = record(program, os.path.join(folder, "now.txt"))
        with open(program.expected) as file:
            kept = file.read().splitlines()
        different = sum(a != b for a, b in zip(kept, now)) + abs(len(kept) - len(now))
        stale += different > 0
        print("%-20s %d of %d lines differ" % (program.name, different, len(now)))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
