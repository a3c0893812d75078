"""Times cases in rounds: every process in turn, forwards and then backwards, so that each round gives paired ratios."""
import os

from processes import Worker

#: A measurement is disturbed where other processes had a core that it wanted for more than this share of the time.
DISTURBED = .1


def _busy_seconds():
    """Seconds that all cores of the machine were busy so far, or taken away; 0 where the system does not say."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            user, nice, system, _, _, irq, softirq, stolen = map(int, file.readline().split()[1:9])
    except OSError:
        return 0.0
    return (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")


class Timer:
    """One variant of one case in one worker."""

    def __init__(self, worker, variant, case):
        self.worker, self.variant, self.case = worker, variant, case
        answer = worker.ask("make", variant, case.key)
        self.why_not = (answer.get("missing") or answer.get("error", "")).partition("\n")[0]
        self.n = answer.get("n")

    def seconds(self):
        """(seconds of one call, of a processor for it, whether others disturbed it)."""
        before = _busy_seconds()
        answer = self.worker.ask("time", self.variant, self.case.key, self.n)
        if "error" in answer:
            raise RuntimeError(f"{self.worker.library}, {self.case.key}: {answer['error']}")
        if self.worker.threads == 1:  # what it did not get of its core, others did
            others = answer["seconds"] - answer["cpu"]
        else:  # the system counts in hundredths of a second
            others = _busy_seconds() - before - answer["cpu"] - .02
        return answer["seconds"] / self.n, answer["cpu"] / self.n, others > DISTURBED * answer["seconds"]


def measure(timers, rounds, between=None):
    """(rounds of {name: (seconds, of a processor, beside)}, how many of them others disturbed). Disturbed rounds are repeated, at most as
    many again, and left out where there are three others. `between` is called before each measurement; what it gives is
    kept beside the seconds."""
    clean, disturbed = [], []
    for i in range(2 * rounds):
        if len(clean) == rounds:
            break
        names, found, bad = list(timers), {}, False
        for name in names if i % 2 == 0 else reversed(names):
            beside = between() if between else None
            seconds, cpu, was_bad = timers[name].seconds()
            found[name] = (seconds, cpu, beside)
            bad = bad or was_bad
        (disturbed if bad else clean).append(found)
    return (clean, 0) if len(clean) >= 3 or not disturbed else (clean + disturbed, len(disturbed))


def start(libraries, threads, pythons):
    """A worker for each library; what cannot start is an error."""
    workers = {}
    for library in libraries:
        workers[library] = Worker(library, threads, pythons.get(library))
        if "error" in workers[library].ready:
            raise SystemExit(f"bench: {workers[library].ready['error']}")
    return workers
