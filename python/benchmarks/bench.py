"""Times Martlet beside other libraries, alternating, and prints ratios.

    python bench.py [--only W5] [--threads 1,2] [--rounds 9] [--peers torch,numpy,jax]
                    [--json FILE] [--markdown FILE] [--update PAGE] [--check]

Every library runs in a process of its own; the processes take turns, forwards and backwards, and each round gives one
ratio for each pair. Printed are the median, lowest and highest ratio, Martlet's time over the other's: below 1 is
faster. With one thread every process is pinned to the same core. Times are not printed, since machines differ and are
shared; what is absolute by nature is: starting, memory, the share of the machine's peak, a chain of ten million nodes.
Peers that are not installed are left out; torch is looked for in .venv too. --check compares losses instead of times.
"""
import argparse
import json
import sys

import report
import startup
from cases import CASES
from processes import PROGRAMS, find_python
from report import Row
from rounds import Timer, measure, start

VARIANTS = ("eager", "captured", "many")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="workloads (W5) or parts of cases' names, comma-separated")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, comma-separated (default 1,2)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of every process (default 9)")
    parser.add_argument("--peers", default="torch,numpy,jax", help="of torch, numpy, jax (default: those that are installed)")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH", help="the Python that has a peer")
    parser.add_argument("--check", action="store_true", help="compare losses after some steps, not times")
    parser.add_argument("--json", metavar="FILE", help="write every ratio of the run")
    parser.add_argument("--markdown", metavar="FILE", help="write the table in Markdown")
    parser.add_argument("--update", metavar="PAGE", help="put the table in a page, between its marks")
    parser.add_argument("--list", action="store_true", help="name the cases")
    return parser.parse_args()


def wanted(only, workload, name=""):
    return not only or any(
        part == workload or (part[:1] != "W" and part in name) or part == f"{workload} {name}" or part == workload[:-1]
        and workload[-1] in "ab" for part in only.split(","))


def peers_of(chosen, pythons):
    """Those of the chosen peers that a Python can import, with that Python."""
    found = {}
    for peer in filter(None, chosen.split(",")):
        if peer not in ("torch", "numpy", "jax"):
            raise SystemExit(f"bench: no peer {peer!r}; there are torch, numpy and jax")
        python = find_python(peer, pythons.get(peer))
        if python:
            found[peer] = python
        else:
            print(f"bench: no {peer} here, left out", file=sys.stderr)
    return found


def ratio_rows(case, threads, found, timers):
    """The rows of a case's rounds: each variant of Martlet over torch and the other peers, C and Swift over Python."""
    def row(measured, over, target=None, note=""):
        values = [f[measured][0] / f[over][0] for f in found] if not note else []
        return Row(case.workload, case.name, threads, measured, over, values, target, note=note)

    for variant in VARIANTS:
        if variant not in timers:
            continue
        target = getattr(case, variant)
        if timers[variant].why_not:
            yield row(variant, "torch", target, timers[variant].why_not)
            continue
        for peer in ("torch", "numpy", "jax"):
            if peer in timers and not timers[peer].why_not:
                yield row(variant, peer, target if peer == "torch" else None)
        if variant != "eager" and "torch" not in timers:
            yield row(variant, "eager")
    for program in PROGRAMS:
        if program in timers:
            yield row(program, "eager", case.languages, timers[program].why_not)


def time_case(case, threads, workers, options):
    """All rows of a case."""
    timers = {}
    for library, worker in workers.items():
        if library == "martlet":
            for variant in VARIANTS:
                if variant == "eager" or getattr(case, variant) is not None:
                    timers[variant] = Timer(worker, variant, case)
        elif library not in PROGRAMS or case.languages is not None:
            timers[library] = Timer(worker, "eager", case)
    if timers["eager"].why_not:
        yield Row(case.workload, case.name, threads, "eager", "", [], case.eager, note=timers["eager"].why_not)
        return
    live = {name: timer for name, timer in timers.items() if not timer.why_not}
    peak = (lambda: workers["C"].ask("peak")["flops"]) if case.flops and "C" in workers else None
    found, disturbed = measure(live, min(options.rounds, case.rounds), peak)
    for row in ratio_rows(case, threads, found, timers):
        yield row._replace(disturbed=disturbed if row.values else 0)
    if peak:
        shares = []
        for f in found:
            seconds, cpu, flops = f["eager"]
            shares.append(100 * case.flops / ((cpu if threads == 1 else threads * seconds) * flops))
        yield Row(case.workload, case.name, threads, "eager", "peak, percent", shares, case.share and 100 * case.share, share=True,
                  disturbed=disturbed)
    for worker in workers.values():
        worker.ask("drop")


def check_case(case, workers):
    """One line: how far each loss is from torch's, or from Martlet's eager one without torch."""
    losses = {}
    for library, worker in workers.items():
        for variant in ("eager", "captured") if library == "martlet" and case.captured else ("eager",):
            answer = worker.ask("check", variant, case.key)
            losses[library if variant == "eager" else variant] = answer.get("loss", answer.get("missing") or answer.get("error"))
    base = losses.get("torch", losses["martlet"])
    shown, good = [], True
    for name, loss in losses.items():
        if isinstance(loss, str):
            shown.append(f"{name}: {loss}")
            good = good and "no capture" in loss
        else:
            difference = abs(loss - base) / max(abs(base), 1e-30)
            shown.append(f"{name} {loss:.7g}" + ("" if name == "torch" else f" ({difference:.1e})"))
            good = good and difference < 1e-4
    print(f"{case.key:32} {'same' if good else 'DIFFERENT'}: {', '.join(shown)}", flush=True)
    return good


def absolute_rows(only, threads):
    """W11, W12 and W13's long chain."""
    parts = [("W11", startup.importing), ("W12", lambda: startup.memory(threads)), ("W13", startup.long_chain)]
    for workload, part in parts:
        if wanted(only, workload):
            yield from part()


def main():
    chosen = options()
    pythons = dict(item.split("=", 1) for item in chosen.python)
    cases = [case for case in CASES.values() if wanted(chosen.only, case.workload, case.name)]
    if chosen.list:
        print("\n".join(case.key for case in cases))
        return 0
    peers = peers_of("torch" * ("torch" in chosen.peers) if chosen.check else chosen.peers, pythons)
    libraries = ["martlet", *peers]
    if chosen.check:
        workers = start(libraries, 1, peers)
        results = [check_case(case, workers) for case in cases if case.check]
        return 0 if all(results) else 1
    libraries += [name for name, path in PROGRAMS.items() if path.exists()]
    rows, facts, thread_counts = [], report.machine(), [int(t) for t in chosen.threads.split(",")]

    def show(row):
        rows.append(row)
        print(report.text(row), flush=True)

    print("Martlet's time over the other's (below 1 is faster): median, lowest and highest of the rounds' ratios")
    print(report.line(report.HEADS))
    for threads in thread_counts:
        workers = start(libraries, threads, peers)
        facts.update({library: worker.ready["version"] for library, worker in workers.items() if worker.ready.get("version")})
        for case in cases:
            for row in time_case(case, threads, workers, chosen):
                show(row)
        for worker in workers.values():
            worker.close()
    for row in absolute_rows(chosen.only, thread_counts[0]):
        show(row)
    print(report.summary(rows))
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump({"machine": facts, "rows": [dict(r._asdict(), verdict=r.verdict) for r in rows]}, file, indent=1)
    block = report.markdown(rows, facts)
    if chosen.markdown:
        with open(chosen.markdown, "w", encoding="utf-8") as file:
            file.write(block)
    if chosen.update:
        report.update(chosen.update, block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
