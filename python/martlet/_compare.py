"""Compares what a script prints on Martlet with what it prints on PyTorch."""
import os
import re
import subprocess
import sys

_HEADER = "# martlet record"
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")
_SAME, _ROUNDED, _DIFFERENT, _OURS, _THEIRS = " ~!<>"


class Problem(Exception):
    """A comparison that cannot be made; the message says why and what to do."""


# Running


def _environment():
    """The same environment for both: UTF-8, one order of sets, and this very package to import."""
    import martlet

    env = dict(os.environ, PYTHONIOENCODING="utf-8")
    env.setdefault("PYTHONHASHSEED", "0")
    here = os.path.dirname(os.path.dirname(os.path.abspath(martlet.__file__)))
    env["PYTHONPATH"] = os.pathsep.join([here] + ([env["PYTHONPATH"]] if env.get("PYTHONPATH") else []))
    return env


def _run(command, env):
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
    )
    return (done.stdout.decode("utf-8", "replace").splitlines(), done.returncode,
            done.stderr.decode("utf-8", "replace"))


def _torch_version(python):
    """The version of PyTorch that this Python has. Problem if it cannot be run or has none."""
    code = "import torch, sys; sys.stdout.write(torch.__version__)"
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        raise Problem("cannot run {}: {}".format(python, error.strerror)) from None
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Problem(
            "{} cannot import PyTorch ({}). Name a Python that has it with --python PATH, or compare with an output "
            "kept by the record command with --recorded OUT.".format(python, reason[-1] if reason else "no message")
        )
    return done.stdout.decode()


def _check_file(path):
    if not os.path.isfile(path):
        raise Problem("there is no file {}".format(path))


def record(options, args):
    """The record command. Returns the exit status, which is the script's own."""
    _check_file(options.file)
    python = options.python or sys.executable
    version = _torch_version(python)
    lines, status, errors = _run([python, options.file] + args, dict(os.environ, PYTHONIOENCODING="utf-8"))
    sys.stderr.write(errors)
    header = ["{}: {}".format(_HEADER, os.path.basename(options.file)), "# arguments: {}".format(" ".join(args)),
              "# torch: {}".format(version), "# exit status: {}".format(status), ""]
    try:
        with open(options.output, "w", encoding="utf-8") as out:
            out.write("\n".join(header + lines) + "\n")
    except OSError as error:
        raise Problem("cannot write {}: {}".format(options.output, error.strerror)) from None
    print("{} lines of PyTorch {} in {}".format(len(lines), version, options.output))
    return status


def _recorded(path):
    """(lines, exit status, version) of a kept output."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise Problem("cannot read {}: {}".format(path, error.strerror)) from None
    head, _, body = text.partition("\n\n")
    if not head.startswith(_HEADER):
        raise Problem("{} is not an output of the record command".format(path))
    fields = dict(line[2:].split(": ", 1) for line in head.splitlines() if ": " in line)
    return body.splitlines(), int(fields.get("exit status", 0)), fields.get("torch", "unknown")


def compare(options, args):
    """The compare command. Returns 0, or 1 where the outputs differ by more than rounding."""
    _check_file(options.file)
    if options.recorded:
        theirs, their_status, version = _recorded(options.recorded)
        their_errors = ""
    else:
        python = options.python or sys.executable
        version = _torch_version(python)
        theirs, their_status, their_errors = _run([python, options.file] + args, _environment())
    ours, our_status, our_errors = _run(
        [sys.executable, "-m", "martlet", "run", options.file] + args, _environment()
    )
    result = Comparison(ours, theirs, options.rtol)
    result.show(sys.stdout, "Martlet", "PyTorch " + version, options.quiet)
    for name, status, errors in (("Martlet", our_status, our_errors), ("PyTorch", their_status, their_errors)):
        if status != 0:
            print("\n{} ended with exit status {}:\n{}".format(name, status, errors.rstrip()))
    failed = result.differing > 0 or our_status != their_status
    return 1 if failed else 0


# Comparing


def numbers_in(line):
    """The texts of the numbers in a line; digits inside of names (Linear1, AddBackward0) are none."""
    return _NUMBER.findall(line)


def skeleton(line):
    """The line without its numbers and with all white space alike, so that widths do not matter."""
    return re.sub(r"\s+", "", _NUMBER.sub("#", line))


def _is_integer(text):
    return not any(c in text for c in ".eE")


def _unit(text):
    """One unit of the last printed place where at least four decimals are printed, else 0."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals) if decimals >= 4 else 0.0


def groups(lines):
    """For each line the number of its group: lines that brackets hold together, such as one tensor's."""
    out, depth, number = [], 0, 0
    for line in lines:
        out.append(number)
        depth += sum(line.count(c) for c in "([{") - sum(line.count(c) for c in ")]}")
        if depth <= 0:
            depth, number = 0, number + 1
    return out


def _largest(lines):
    """For each line the largest magnitude of a (non-integer) number in its group."""
    owner, top = groups(lines), {}
    for group, line in zip(owner, lines):
        for text in numbers_in(line):
            if not _is_integer(text):
                top[group] = max(top.get(group, 0.0), abs(float(text)))
    return [top.get(group, 0.0) for group in owner]


class Comparison:
    """Two outputs line by line.

    Attributes: ``rows`` of (mark, our line or None, their line or None), the counts ``identical``,
    ``rounded``, ``differing`` and ``total``, ``largest`` = (absolute, relative) difference among numbers.
    """

    def __init__(self, ours, theirs, rtol=1e-4):
        self.rtol = rtol
        self.absolute = self.relative = 0.0
        scale_a, scale_b = _largest(ours), _largest(theirs)
        self.rows = []
        for i, j in _aligned(ours, theirs):
            if i is None or j is None:
                self.rows.append((_OURS if j is None else _THEIRS, None if i is None else ours[i],
                                  None if j is None else theirs[j]))
            else:
                mark = self._judge(ours[i], theirs[j], max(scale_a[i], scale_b[j]))
                self.rows.append((mark, ours[i], theirs[j]))
        marks = [row[0] for row in self.rows]
        self.total = len(marks)
        self.identical, self.rounded = marks.count(_SAME), marks.count(_ROUNDED)
        self.differing = len(marks) - self.identical - self.rounded

    def _judge(self, a, b, scale):
        if a == b:
            return _SAME
        ours, theirs = numbers_in(a), numbers_in(b)
        mark = _ROUNDED
        if skeleton(a) != skeleton(b) or len(ours) != len(theirs):
            return _DIFFERENT
        for x, y in zip(ours, theirs):
            if x == y:
                continue
            u, v = float(x), float(y)
            gap = abs(u - v)
            self.absolute = max(self.absolute, gap)
            if gap:
                self.relative = max(self.relative, gap / max(abs(u), abs(v)))
            # Integers are shapes, indices and counts: no rounding touches them. Nor does it make zeros.
            if _is_integer(x) or _is_integer(y) or (u == 0) != (v == 0):
                mark = _DIFFERENT
            elif gap > self.rtol * scale and gap > 1.001 * max(_unit(x), _unit(y)):
                mark = _DIFFERENT
        return mark

    def show(self, out, left, right, quiet=False):
        """Writes both outputs side by side and the summary."""
        import shutil

        rows = [row for row in self.rows if not quiet or row[0] != _SAME]
        room = max(30, (shutil.get_terminal_size((160, 24)).columns - 3) // 2)
        width = min(room, max([len(left), len(right)] + [len(r[1] or "") for r in rows] + [len(r[2] or "") for r in rows]))

        def put(mark, a, b):
            while True:
                out.write("{:<{w}} {} {}".format(a[:width], mark, b[:width], w=width).rstrip() + "\n")
                a, b = a[width:], b[width:]
                if not a and not b:
                    return

        put("|", left, right)
        out.write("-" * width + "-+-" + "-" * width + "\n")
        for mark, a, b in rows:
            put(mark, (a or "").expandtabs(), (b or "").expandtabs())
        out.write(
            "\nlines identical: {} / {}\nlines equal but for rounding (--rtol {:g}): {}\nlines that differ: {}\n"
            "largest difference among numbers: {:.3g} absolute, {:.3g} relative\n".format(
                self.identical, self.total, self.rtol, self.rounded, self.differing, self.absolute, self.relative
            )
        )


def _aligned(ours, theirs):
    """Pairs of line numbers that belong together; None where one side has no such line."""
    a, b = [skeleton(line) for line in ours], [skeleton(line) for line in theirs]
    if a == b:
        return [(i, i) for i in range(len(a))]
    import difflib

    pairs = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        for k in range(max(i2 - i1, j2 - j1)):
            pairs.append((i1 + k if i1 + k < i2 else None, j1 + k if j1 + k < j2 else None))
    return pairs
