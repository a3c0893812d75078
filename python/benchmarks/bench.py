"""Times a step of the four programs on Martlet and on PyTorch, alternating, and prints ratios.

    python bench.py [--rounds 12] [--threads 1,2] [--only NAME] [--torch-python PATH]

Each program runs in two processes, one per library, that take turns: M T, T M, M T, ... A round of both gives one
ratio; printed are the median and the spread of the ratios. Times are not printed: machines differ and are shared.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def worker(library, program, threads):
    """Answers each line "n" on standard input with the seconds that n steps took."""
    sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE))]
    if library == "martlet":
        import martlet as T
    else:
        import torch as T
    import steps
    T.set_num_threads(threads)
    step = steps.PROGRAMS[program](T)
    for _ in range(20):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        n = int(line)
        start = time.perf_counter()
        for _ in range(n):
            step()
        print(time.perf_counter() - start, flush=True)


class Runner:
    def __init__(self, python, library, program, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--worker", library, program, str(threads)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment)
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{library} could not run {program!r}")

    def seconds(self, n):
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ratios(python, program, threads, rounds):
    """Martlet's time over torch's, one ratio per round of both."""
    ours, theirs = Runner(sys.executable, "martlet", program, threads), Runner(python, "torch", program, threads)
    n = max(1, int(0.15 / (theirs.seconds(20) / 20)))
    found = []
    for i in range(rounds):
        if i % 2:
            b, a = theirs.seconds(n), ours.seconds(n)
        else:
            a, b = ours.seconds(n), theirs.seconds(n)
        found.append(a / b)
    ours.close()
    theirs.close()
    return found


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        return worker(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="rounds of both libraries (default 12)")
    parser.add_argument("--threads", default="1,2", help="thread counts, comma-separated (default 1,2)")
    parser.add_argument("--only", default="", help="programs whose name contains this")
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has torch")
    options = parser.parse_args()
    if subprocess.run([options.torch_python, "-c", "import torch"], capture_output=True).returncode:
        raise SystemExit(f"bench: {options.torch_python} has no torch to compare with; pass --torch-python or run `make venv`")
    sys.path.insert(0, HERE)
    import steps
    print("A step's time, Martlet / PyTorch (below 1 is faster): median, lowest and highest of the rounds' ratios")
    print(f"{'program':30} {'threads':>7} {'median':>7} {'lowest':>7} {'highest':>7}")
    worst = 0
    for program in steps.PROGRAMS:
        if options.only not in program:
            continue
        for threads in map(int, options.threads.split(",")):
            found = ratios(options.torch_python, program, threads, options.rounds)
            middle = statistics.median(found)
            worst = max(worst, middle)
            print(f"{program:30} {threads:7} {middle:7.2f} {min(found):7.2f} {max(found):7.2f}", flush=True)
    print(f"slowest median: {worst:.2f}")


if __name__ == "__main__":
    main()
