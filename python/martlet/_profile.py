"""Where a program's time goes: the profile command, by operation and by line of the program.

Every function of the table of operations, the ways back (backward, grad) and the optimizers' steps are replaced by ones
that also note what they did. Nothing of this is there unless a profile is asked for.
"""
import functools
import inspect
import json
import os
import sys
import threading
import time

import martlet

from . import _ops
from ._capture import Capture
from ._native import info_of, _infos, lib
from ._tensor import Tensor
from ._types import BY_CODE

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_clock = time.perf_counter

#: Methods of Tensor that are no operations of the table but may take time.
_METHODS = ("to", "type", "item", "tolist", "numpy", "__getitem__", "__setitem__", "detach_", "type_as", "contiguous")


class Entry:
    """What was spent on one operation, or in one line."""

    __slots__ = ("seconds", "calls", "bytes", "flops")

    def __init__(self):
        self.seconds, self.calls, self.bytes, self.flops = 0.0, 0, 0, 0

    def add(self, seconds, moved, flops):
        """One more call."""
        self.seconds += seconds
        self.calls += 1
        self.bytes += moved
        self.flops += flops


class _Call:
    """A call that is running; `inner` are the seconds of the calls noted inside it."""

    __slots__ = ("holds", "inner")

    def __init__(self, holds):
        self.holds, self.inner = holds, 0.0


class Profile:
    """What was noted: `operations` and `lines` of Entry, and `events` of a trace where one is kept."""

    def __init__(self, keep_events=False, nodes=False):
        self.operations, self.lines = {}, {}
        self.events = [] if keep_events else None
        self.nodes = nodes
        self.started = _clock()
        self._running = threading.local()
        self._inside = {}  # file name -> whether it is Martlet's own

    def _line(self):
        """(file, line) of the innermost frame that is not Martlet's own."""
        frame = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            inside = self._inside.get(name)
            if inside is None:
                inside = self._inside[name] = name.startswith(_PACKAGE) or name.startswith("<martlet ") or name == "<frozen runpy>"
            if not inside:
                return name, frame.f_lineno
            frame = frame.f_back
        return "?", 0

    def note(self, name, line, start, took, own, moved=0, flops=0):
        """Adds one call to its operation and its line; `own` is what it took without the calls noted inside."""
        for table, key in ((self.operations, name), (self.lines, line)):
            entry = table.get(key)
            if entry is None:
                entry = table[key] = Entry()
            entry.add(own, moved, flops)
        if self.events is not None:
            self.events.append((name, line, start, took, moved, flops, threading.get_ident()))

    def noting(self, name, function, holds=False, way_back=False, family=None):
        """`function` that notes its calls. Calls inside it are part of it, unless it `holds` others: then they are noted,
        and it keeps what is left. Bytes and operations are counted by `family`; None counts none."""
        running = self._running

        @functools.wraps(function, updated=())
        def noted(*args, **kwargs):
            outer = getattr(running, "call", None)
            if outer is not None and not outer.holds:
                return function(*args, **kwargs)
            call = running.call = _Call(holds)
            result, hooks = None, ()
            if way_back and self.nodes:
                hooks = self._watch_nodes(args[0] if args else None)
            start = _clock()
            try:
                result = function(*args, **kwargs)
                return result
            finally:
                took = _clock() - start
                running.call = outer
                if outer is not None:
                    outer.inner += took
                for hook in hooks:
                    hook.remove()
                shown = name if isinstance(name, str) else name(*args)
                moved, flops = (0, 0) if family is None else _cost(shown, family, args, kwargs, result)
                self.note(shown, self._line(), start, took, max(took - call.inner, 0.0), moved, flops)
        return noted

    def _watch_nodes(self, roots):
        """Hooks that note the time of each step of the way back from `roots`."""
        waiting = [t.grad_fn for t in ([roots] if isinstance(roots, Tensor) else list(roots or ())) if isinstance(t, Tensor)]
        waiting, seen, hooks = [n for n in waiting if n is not None], set(), []
        line = self._line()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            waiting += [n for n, _ in node.next_functions if n is not None]
            hooks += self._watch(node, line)
        return hooks

    def _watch(self, node, line):
        begun = []

        def before(gradients):
            begun.append(_clock())

        def after(inputs, outputs):
            if begun:
                start = begun.pop()
                took = _clock() - start
                call = getattr(self._running, "call", None)
                if call is not None:
                    call.inner += took
                moved = sum(_size(t)[0] for t in (*inputs, *outputs) if t is not None)
                self.note(node.name().rpartition("::")[2], line, start, took, took, moved)
        return node.register_prehook(before), node.register_hook(after)


# What a call moves and computes


def _size(tensor):
    """(bytes, elements) of a tensor; nothing for a sparse one."""
    info = info_of(tensor._h)
    count, size = (0, 0) if info.is_sparse else (info.numel, BY_CODE[info.dtype].itemsize)
    _infos.append(info)
    return count * size, count


def _add_tensors(found, values):
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif value.__class__ is list or value.__class__ is tuple:
            found += [t for t in value if isinstance(t, Tensor)]


#: The families whose operations count one floating point operation an element, where no formula says more.
_OPERATE = {"arithmetic", "pointwise", "activations", "comparison", "reductions", "losses", "products", "spatial"}


def _cost(name, family, args, kwargs, result):
    """(bytes of operands and results, floating point operations); a view moves nothing."""
    operands, results = [], []
    _add_tensors(operands, args)
    if kwargs:
        _add_tensors(operands, kwargs.values())
    _add_tensors(results, (result,))
    operates = family in _OPERATE
    if not operates and results:
        memory = {lib.mt_storage_ptr(t._h) for t in operands}
        if not any(t is o for t in results for o in operands) and all(lib.mt_storage_ptr(t._h) in memory for t in results):
            return 0, 0
    moved = largest = 0
    for t in operands + results:
        size, count = _size(t)
        moved += size
        largest = max(largest, count)
    if not operates or not results:
        return moved, 0
    formula = _FORMULAS.get(name)
    if formula is not None:
        try:
            return moved, formula(operands, results[0], *args)
        except (IndexError, AttributeError, TypeError):  # called by keywords in another order: counted by elements
            pass
    return moved, largest


def _product(place):
    """Twice the length of the summed dimension for each element of the result; `place` is the left operand's."""
    return lambda operands, result, *args: 2 * result.numel() * operands[place].shape[-1]


def _convolution(operands, result, *args):
    weight = operands[1]
    return 2 * result.numel() * weight.numel() // weight.shape[0]


def _transposed_convolution(operands, result, *args):
    weight = operands[1]
    return 2 * operands[0].numel() * weight.numel() // weight.shape[0]


def _attention(operands, result, *args):
    query, key, value = operands[:3]
    return 2 * (query.numel() // query.shape[-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _einsum(operands, result, equation, *args):
    sizes = {}
    for letters, t in zip(equation.replace(" ", "").partition("->")[0].split(","), operands):
        sizes.update(zip(letters, t.shape))
    flops = 2
    for size in sizes.values():
        flops *= size
    return flops


_FORMULAS = dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "inner", "matmul", "linear"), _product(0))
_FORMULAS.update(dict.fromkeys(("addmm", "addmv", "baddbmm", "addmm_", "addmv_", "baddbmm_"), _product(1)))
_FORMULAS.update(dict.fromkeys(("addbmm", "addbmm_"), lambda operands, result, *args: 2 * operands[1].numel() * result.shape[-1]))
_FORMULAS["rmatmul"] = _product(1)
_FORMULAS.update(dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution))
_FORMULAS.update(dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed_convolution))
_FORMULAS["scaled_dot_product_attention"] = _attention
_FORMULAS["einsum"] = _einsum


# Putting it in


def _shown(name):
    return name.strip("_") if name.startswith("__") else name


def install(profile):
    """From here on everything is noted in `profile`."""
    made = {}  # one function under several names notes the same

    def noting(name, function, **how):
        key = id(function), name
        if key not in made:
            made[key] = profile.noting(_shown(name), function, **how)
        return made[key]

    spaces = {"t": vars(martlet), "F": vars(martlet.nn.functional), "L": vars(martlet.linalg), "m": None}
    for space, entries in _ops.REGISTRY.items():
        for name in list(entries):
            if name.startswith("_") and not name.startswith("__"):
                continue  # a part of a function written by hand
            function = noting(name, _ops.resolve(space, name), family=_ops.FAMILIES[name])
            entries[name] = function
            if space == "m":
                setattr(Tensor, name, function)
            elif name in spaces[space]:
                spaces[space][name] = function
    for namespace in (_ops.T, _ops.F, _ops.linalg):  # looked up anew
        for name in [n for n in vars(namespace) if not n.startswith("_")]:
            delattr(namespace, name)
    for name in _METHODS:
        if name not in _ops.REGISTRY["m"] and hasattr(Tensor, name):
            setattr(Tensor, name, noting(name, getattr(Tensor, name), family="views"))
    Tensor.backward = noting("backward", Tensor.backward, holds=True, way_back=True)
    martlet.autograd.backward = noting("backward", martlet.autograd.backward, holds=True, way_back=True)
    martlet.autograd.grad = noting("grad", martlet.autograd.grad, holds=True, way_back=True)
    _install_in_optimizers(profile)
    for method in ("__call__", "replay_many"):  # what a recorded function is made of is not seen one by one
        def shown(self, *args, method=method):
            return f"captured {self.__name__}" + ("" if method == "__call__" else f".{method}")
        setattr(Capture, method, profile.noting(shown, getattr(Capture, method)))


def _install_in_optimizers(profile):
    from .optim.optimizer import Optimizer

    classes = [Optimizer] + [c for c in vars(martlet.optim).values() if inspect.isclass(c) and issubclass(c, Optimizer)]
    for cls in set(classes):
        for method in ("step", "zero_grad"):
            if method in vars(cls):
                def shown(self, *args, method=method):
                    return f"{type(self).__name__}.{method}"
                setattr(cls, method, profile.noting(shown, vars(cls)[method], holds=method == "step"))


# Showing it


def _amount(value, unit=""):
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f} {letter}{unit}"
    return f"{value} {unit}".rstrip() if value else "-"


def _table(title, entries, wall, top, key):
    rows = sorted(entries.items(), key=lambda item: (-getattr(item[1], key), str(item[0])))
    print(f"{'ms':>10} {'%':>6} {'calls':>9} {'us a call':>10} {'bytes':>10} {'FLOP':>10}  {title}")
    for name, e in rows[:top]:
        print(f"{1e3 * e.seconds:10.2f} {100 * e.seconds / wall:6.1f} {e.calls:9} {1e6 * e.seconds / e.calls:10.1f} "
              f"{_amount(e.bytes, 'B'):>10} {_amount(e.flops):>10}  {name}")
    if len(rows) > top:
        rest = sum(e.seconds for _, e in rows[top:])
        print(f"{1e3 * rest:10.2f} {100 * rest / wall:6.1f}{'':43}  {len(rows) - top} more")


def show(profile, wall, top=20, key="seconds"):
    """Prints both tables and what is left over."""
    def place(line):
        name = os.path.relpath(line[0]) if os.path.exists(line[0]) else line[0]
        return f"{min(name, line[0], key=len)}:{line[1]}"

    _table("operation", profile.operations, wall, top, key)
    print()
    _table("line", {place(line): e for line, e in profile.lines.items()}, wall, top, key)
    noted = sum(e.seconds for e in profile.operations.values())
    print(f"\n{1e3 * wall:.1f} ms in all, {1e3 * noted:.1f} ms in Martlet's operations, the rest in Python and in taking notes")


def write_trace(profile, path):
    """A trace for chrome://tracing or Perfetto."""
    events = [
        {"name": name, "cat": "martlet", "ph": "X", "ts": 1e6 * (start - profile.started), "dur": 1e6 * took, "pid": os.getpid(),
         "tid": thread, "args": {"line": f"{line[0]}:{line[1]}", "bytes": moved, "flops": flops}}
        for name, line, start, took, moved, flops, thread in profile.events]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)


def run(options, args):
    """The profile command. Returns the exit status, which is the script's own."""
    from ._run import run_file

    if options.trace:
        try:
            open(options.trace, "w", encoding="utf-8").close()
        except OSError as error:
            print(f"martlet profile: cannot write {options.trace}: {error.strerror}", file=sys.stderr)
            return 2
    profile = Profile(keep_events=options.trace is not None, nodes=options.nodes)
    install(profile)
    profile.started = start = _clock()
    try:
        return run_file(options.file, args)
    finally:
        wall = _clock() - start
        if profile.operations:
            print()
            show(profile, wall, options.top, {"time": "seconds"}.get(options.sort, options.sort))
        if options.trace:
            write_trace(profile, options.trace)
