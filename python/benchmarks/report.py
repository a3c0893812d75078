"""Figures as rows, as text, as a Markdown table, and into a page."""
import platform
import re
import statistics
from typing import NamedTuple, Optional

BEGIN, END = "<!-- figures: begin (bench.py --update writes what is between) -->", "<!-- figures: end -->"


class Row(NamedTuple):
    workload: str
    case: str
    threads: int
    #: What was measured, and over what: ratios, shares in percent, or a unit.
    measured: str
    over: str
    values: list
    target: Optional[float] = None
    #: Whether more is better.
    share: bool = False
    #: Why there is no figure.
    note: str = ""
    #: How many of the values were taken while others used the machine.
    disturbed: int = 0

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def verdict(self):
        """`met`, or how far from the target; empty where there is none."""
        if self.target is None or not self.values:
            return ""
        times = self.target / self.median if self.share else self.median / self.target
        return "met" if times <= 1.0 else f"x{times:.2f} of target"


def _figure(value):
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= .1 else f"{value:.3f}"


def _cells(row):
    if row.values:
        figures = [_figure(row.median), _figure(min(row.values)), _figure(max(row.values))]
    else:
        figures = ["-", "", ""]
    target = "" if row.target is None else (">= " if row.share else "") + f"{row.target:g}"
    remarks = [row.verdict or row.note, f"{row.disturbed} of {len(row.values)} rounds disturbed" if row.disturbed else ""]
    return [f"{row.workload} {row.case}", str(row.threads or ""), row.measured, row.over, *figures, target,
            ", ".join(filter(None, remarks))]


HEADS = ["case", "threads", "measured", "over", "median", "lowest", "highest", "target", ""]
_WIDTHS = [38, 7, 9, 18, 7, 7, 7, 7, 0]


def line(cells):
    """One line of the text table."""
    return " ".join(c.ljust(w) if i in (0, 2, 3, 8) else c.rjust(w) for i, (c, w) in enumerate(zip(cells, _WIDTHS))).rstrip()


def text(row):
    return line(_cells(row))


def summary(rows):
    """How many of the targets were met."""
    with_target = [r for r in rows if r.target is not None]
    met, unmeasured = sum(r.verdict == "met" for r in with_target), sum(not r.values for r in with_target)
    return f"{met} of {len(with_target)} targets met" + (f", {unmeasured} not measured" if unmeasured else "")


def machine():
    """The facts that figures depend on."""
    try:
        names = re.findall(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    except OSError:
        names = []
    return {"cpu": names[0] if names else platform.machine(), "cores": len(names) or None, "system": platform.system(),
            "python": platform.python_version()}


def markdown(rows, facts):
    """The table of one run, with what it was run on."""
    out = [", ".join(f"{name} {value}" for name, value in facts.items() if value) + ".", "",
           "| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    out += ["| " + " | ".join(c.replace("|", "\\|") for c in _cells(row)) + " |" for row in rows]
    return "\n".join(out + ["", summary(rows) + "."]) + "\n"


def update(page, block):
    """Puts the table between the page's two marks."""
    with open(page, encoding="utf-8") as file:
        before, begin, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"bench: {page} has no block of figures: the lines {BEGIN!r} and {END!r}")
    with open(page, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{block}\n{END}{after}")
