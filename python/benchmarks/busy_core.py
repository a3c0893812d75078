"""How much slower steps get when another program keeps a core busy: Martlet and PyTorch, as ratios.

    python busy_core.py [--threads 2] [--seconds 2] [--torch-python PATH]

For each case and library: the mean time of a step beside a process that never rests, over the mean time of a step with
the machine to itself, and Martlet's time over PyTorch's beside that process. The mean and not the median, for what is
lost is lost in a few long steps. One thread beside the same process is what a library that gave up its second thread
would need.
"""
import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = ["matmul 512", "add 1e6", "MLP", "GPT"]


def mlp(T):
    """784-1024-1024-10 with Adam on batches of 256."""
    nn = T.nn
    net = nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))
    optimizer, loss_of = T.optim.Adam(net.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    x, y = T.randn(256, 784), T.randint(0, 10, (256,))

    def step():
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()
    return step


def gpt(T):
    """Two transformer blocks of width 256 over 4 x 128 tokens with AdamW."""
    nn = T.nn
    layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, activation="gelu", batch_first=True)
    encoder, head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(256, 2000)
    optimizer = T.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=3e-4)
    loss_of, x, y = nn.CrossEntropyLoss(), T.randn(4, 128, 256), T.randint(0, 2000, (512,))

    def step():
        optimizer.zero_grad()
        loss_of(head(encoder(x)).view(-1, 2000), y).backward()
        optimizer.step()
    return step


def make(T, case):
    T.manual_seed(0)
    if case == "matmul 512":
        a, b = T.randn(512, 512), T.randn(512, 512)
        return lambda: a @ b
    if case == "add 1e6":
        a, b = T.randn(1_000_000), T.randn(1_000_000)
        return lambda: a + b
    return mlp(T) if case == "MLP" else gpt(T)


def worker(library, case, threads):
    """Answers each line "seconds" on standard input with the mean time of the steps that fit."""
    sys.path.insert(0, os.path.dirname(HERE))
    if library == "martlet":
        import martlet as T
    else:
        import torch as T
    T.set_num_threads(threads)
    step = make(T, case)
    for _ in range(5):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        start, n = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < float(line):
            step()
            n += 1
        print(spent / n, flush=True)


class Runner:
    def __init__(self, python, library, case, threads):
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--worker", library, case, str(threads)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=dict(os.environ, OMP_NUM_THREADS=str(threads)))
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{library} could not run {case!r}")

    def mean(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def busy_process():
    """Keeps the last core of this process's set busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    return process


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        return worker(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of both libraries (default 2)")
    parser.add_argument("--seconds", type=float, default=2, help="length of one measurement (default 2)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each kind; their median counts (default 3)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--torch-python", default=sys.executable, help="a Python that has torch")
    options = parser.parse_args()
    print(f"{'case':12} {'Martlet busy/free':>18} {'on 1 thread':>12} {'torch busy/free':>16} {'Martlet/torch busy':>19}")
    for case in CASES:
        if options.only not in case:
            continue
        runners = [
            Runner(sys.executable, "martlet", case, options.threads), Runner(sys.executable, "martlet", case, 1),
            Runner(options.torch_python, "torch", case, options.threads)]
        free, busy = [[] for _ in runners], [[] for _ in runners]
        for _ in range(options.rounds):
            for found, runner in zip(free, runners):
                found.append(runner.mean(options.seconds))
            other = busy_process()
            try:
                for found, runner in zip(busy, runners):
                    found.append(runner.mean(options.seconds))
            finally:
                other.kill()
                other.wait()
        for runner in runners:
            runner.close()
        ours, alone, theirs = [sorted(f)[len(f) // 2] for f in free]
        ours_busy, alone_busy, theirs_busy = [sorted(f)[len(f) // 2] for f in busy]
        print(f"{case:12} {ours_busy / ours:18.2f} {alone_busy / ours:12.2f} {theirs_busy / theirs:16.2f} "
              f"{ours_busy / theirs_busy:19.2f}", flush=True)


if __name__ == "__main__":
    main()
