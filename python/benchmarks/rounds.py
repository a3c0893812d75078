"""Times cases in rounds: every process in turn, forwards and then backwards, so that each round gives paired ratios."""
from processes import Worker

#: A measurement on one core is disturbed where other processes had that core for more than this share.
DISTURBED = .1


class Timer:
    """One variant of one case in one worker."""

    def __init__(self, worker, variant, case):
        self.worker, self.variant, self.case = worker, variant, case
        answer = worker.ask("make", variant, case.key)
        self.why_not = answer.get("missing") or answer.get("error")
        self.n = answer.get("n")

    def seconds(self):
        """(seconds of one call, whether others disturbed it)."""
        answer = self.worker.ask("time", self.variant, self.case.key, self.n)
        if "error" in answer:
            raise RuntimeError(f"{self.worker.library}, {self.case.key}: {answer['error']}")
        disturbed = self.worker.threads == 1 and answer["cpu"] < (1 - DISTURBED) * answer["seconds"]
        return answer["seconds"] / self.n, disturbed


def measure(timers, rounds, between=None):
    """Rounds of {name: seconds}; disturbed rounds are repeated, at most as many again, and left out where three others
    are there. `between` is called before each measurement; what it gives is kept beside the seconds."""
    clean, disturbed = [], []
    for i in range(2 * rounds):
        if len(clean) == rounds:
            break
        names, found, bad = list(timers), {}, False
        for name in names if i % 2 == 0 else reversed(names):
            beside = between() if between else None
            seconds, was_bad = timers[name].seconds()
            found[name] = (seconds, beside)
            bad = bad or was_bad
        (disturbed if bad else clean).append(found)
    return clean if len(clean) >= 3 else clean + disturbed


def start(libraries, threads, pythons):
    """A worker for each library; what cannot start is an error."""
    workers = {}
    for library in libraries:
        workers[library] = Worker(library, threads, pythons.get(library))
        if "error" in workers[library].ready:
            raise SystemExit(f"bench: {workers[library].ready['error']}")
    return workers
