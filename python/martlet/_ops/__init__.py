"""The table of operations, from which torch-named functions are made.

An operation is one line of a table in a family's module (pointwise.py, views.py, ...):

    where  name(parameters) = c_function -> results

`where` says under which names it is found: `t` torch.name, `m` Tensor.name, `F` torch.nn.functional.name,
`L` torch.linalg.name, `o` an operator method (`__add__`): gives NotImplemented for operands of other types.

Parameters are `name: kind` or `name: kind=default`; `*` starts the keyword-only ones. The first is called `input`.

    T     a tensor                       T?   or None
    N     a tensor or a number           N?   or None
    int   an integer                     int? or None (MT_NONE in C)
    ints  integers, as a list or one     ints? or None (NULL); *ints may also be given as separate arguments
    bool  a flag       float  a number   float? or None (NaN in C)
    dtype a dtype or None                Ts   a list of tensors
    gen   a Generator or None            enum(a,b,c)  one of these words, 0, 1, 2 in C
    any   taken and ignored (e.g. device, layout)

Parameters become C arguments in order (ints and Ts become pointer and count) unless the C function is written
with arguments of its own: `mt_add(input, other, NULL)`, where NULL, MT_NONE and integers stand for themselves.

`dim` and `keepdim` may also be given by NumPy's names, `axis` and `keepdims`, as in torch.

Results: nothing for one tensor; `self` for an in-place operation; `list` for an mt_tensor_list, given as a tuple;
`max(values,indices)` for several as the named tuple return_types.max; `(a,b)` for several as a plain tuple.

Besides, `none` and `int` are results of lines that only quicken a function written by hand.

Functions written by hand are added with @op("tm"); a line given as `quick` does their plain calls.

Both doors to the library are made from this one table when a function is first used. Over ctypes a line becomes a Python
function (compiler.py). Through martlet/_bridge.py the library makes a callable of it: arguments of exactly the right
types are handed to the C function at once, any other call goes to the line's Python function, so results and errors are
the same.
"""
import sys

from .._bridge import native
from . import arguments, results
from .arguments import (  # noqa: F401
    flag, handle, handles, integer, ints, number, optional_integer, plain_number, real, separate_ints, type_name)
from .results import finish, named_result, store, take_list, wrap  # noqa: F401

#: name -> table line or function, for each of the namespaces.
REGISTRY = {"t": {}, "m": {}, "F": {}, "L": {}}

#: name -> the family that has it (pointwise, views, ...).
FAMILIES = {}


def connect(cls):
    """Gives the conversions the class of tensors."""
    global Tensor
    Tensor = arguments.Tensor = results.Tensor = cls


def table(text):
    """Adds the lines of a family's table."""
    family = sys._getframe(1).f_globals["__name__"].rpartition(".")[2]
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] == "#":
            continue
        where, rest = line.split(None, 1)
        name = rest[:rest.index("(")]
        FAMILIES[name] = family
        for space in where:
            REGISTRY["m" if space == "o" else space][name] = line


def op(where, name=None, quick=None):
    """Adds a function written by hand to the given namespaces. `quick` is a line that does its plain calls."""
    family = sys._getframe(1).f_globals["__name__"].rpartition(".")[2]

    def add(function):
        FAMILIES[name or function.__name__] = family
        for space in where:
            REGISTRY[space][name or function.__name__] = function if quick is None else (function, "t " + quick)
        return function
    return add


def quicken(cls, text):
    """Lets lines do the plain calls of methods written by hand."""
    for line in text.strip().splitlines():
        parsed = parse("m " + line)
        name = parsed[1]
        made = native(parsed, getattr(cls, name), True)
        if made is not None:
            setattr(cls, name, made)


def resolve(space, name):
    """The function of that name, made if need be; KeyError where there is none."""
    entry = REGISTRY[space][name]
    if isinstance(entry, (str, tuple)):
        written, line = (None, entry) if isinstance(entry, str) else entry
        is_method, parsed = space == "m", parse(line)
        spaces = ["m"] if is_method else [s for s, entries in REGISTRY.items() if s != "m" and entries.get(name) is entry]
        module = None if is_method else "martlet" if "t" in spaces else "martlet.nn.functional"
        made = native(parsed, written or _later(line, is_method, parsed), is_method, module) or written or _compiled(line, is_method)
        for s in spaces:
            REGISTRY[s][name] = made
    return REGISTRY[space][name]


def _compiled(line, is_method):
    from .compiler import compile_line
    return compile_line(line, is_method)


def _later(line, is_method, parsed):
    """The Python function of a line, compiled when it is first called."""
    function = None

    def call(*arguments, **named):
        nonlocal function
        if function is None:
            function = _compiled(line, is_method)
        return function(*arguments, **named)
    call.__doc__ = description(parsed)
    return call


class LazyMethod:
    """Stands for a method until it is first looked up, then replaces itself by the compiled function."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner):
        function = resolve("m", self.name)
        setattr(Tensor, self.name, function)
        return function if instance is None else function.__get__(instance, owner)


class Namespace:
    """The functions of one space as attributes."""

    def __init__(self, space):
        self._space = space

    def __getattr__(self, name):
        try:
            function = resolve(self._space, name)
        except KeyError:
            raise AttributeError(f"martlet has no operation {name!r}") from None
        setattr(self, name, function)
        return function

    def __dir__(self):
        return sorted(REGISTRY[self._space])


T = Namespace("t")
F = Namespace("F")
linalg = Namespace("L")


# ---- lines of the table --------------------------------------------------------------------------------------------

def _split(text):
    depth, start, parts = 0, 0, []
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return parts + [last] if last else parts


def parse(line):
    """(where, name, [(parameter, kind, default or None, keyword only)], C function, its arguments or None, results)."""
    face, equals, call = line.rpartition("= mt_")
    head, _, text = face.rstrip().partition("(")
    names = head.split()
    if not equals or not text.endswith(")") or len(names) != 2:
        raise SyntaxError(f"bad line in the table of operations: {line!r}")
    where, name = names
    call, _, results = call.partition("->")
    function, own, arguments = ("mt_" + call).strip().partition("(")
    parameters, keyword = [], False
    for part in _split(text[:-1]):
        if part == "*":
            keyword = True
            continue
        label, kind = (s.strip() for s in part.split(":", 1))
        default = None
        if "=" in kind:
            kind, default = (s.strip() for s in kind.rsplit("=", 1))
        parameters.append((label, kind, default, keyword))
    return where, name, parameters, function.strip(), _split(arguments[:-1]) if own else None, results.strip()


def description(parsed):
    """The doc string of a line's function."""
    _, name, parameters, function, _, _ = parsed
    taken = ", ".join(f"{n}: {k}" + (f" = {d}" if d is not None else "") for n, k, d, _ in parameters)
    return f"{name}({taken})\n\nCalls {function} of martlet.h, where shapes and errors are described."
