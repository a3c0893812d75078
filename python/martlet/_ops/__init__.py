"""The table of operations, and the compiler that makes torch-named Python functions from it.

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

A line is compiled when its function is first used. Functions written by hand are added with @op("tm"); a line given
as `quick` does their plain calls.

Both doors to the library are made from this one table. Over ctypes a line becomes a Python function (compile_line).
Through martlet/_bridge.py the library makes a callable of it: arguments of exactly the right types are handed to
the C function at once, any other call goes to the line's Python function, so results and errors are the same.
"""
import ctypes
import sys
from ctypes import ArgumentError
from operator import index as _index

from .._bridge import native
from .._native import TensorList, fail, lib
from .._types import dtype as _dtype

#: name -> table line or function, for each of the namespaces.
REGISTRY = {"t": {}, "m": {}, "F": {}, "L": {}}

#: name -> the family that has it (pointwise, views, ...).
FAMILIES = {}

Tensor = None  # set by martlet._tensor
_new = object.__new__


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
        made = native(parsed, cls.__dict__[name], True)
        if made is not None:
            setattr(cls, name, made)


def resolve(space, name):
    """The function of that name, compiled if need be; KeyError where there is none."""
    entry = REGISTRY[space][name]
    if isinstance(entry, (str, tuple)):
        function, line = (compile_line(entry), entry) if isinstance(entry, str) else entry
        parsed = parse(line)
        spaces = [s for s, entries in REGISTRY.items() if entries.get(name) is entry]
        plain = function
        if spaces != ["m"]:
            plain = native(parsed, function, False, "martlet" if "t" in spaces else "martlet.nn.functional") or function
        for s in spaces:
            REGISTRY[s][name] = native(parsed, function, True) or function if s == "m" else plain
    return REGISTRY[space][name]


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


# ---- conversions used by compiled functions --------------------------------------------------------------------

_numbers = {}


def number(value, name, argument, position):
    """A number as a 0-dim operand; common ones are kept."""
    kind = value.__class__
    if kind is float or kind is int or kind is bool:
        key = (kind, value)
        t = _numbers.get(key)
        if t is not None and (value or kind is not float):
            return t
        t = _new(Tensor)
        if kind is float:
            t._h = lib.mt_number_f64(value)
        elif kind is bool:
            t._h = lib.mt_number_bool(value)
        else:
            if not -(2 ** 63) <= value < 2 ** 63:
                raise RuntimeError("Overflow when unpacking long long")
            t._h = lib.mt_number_i64(value)
        if len(_numbers) < 512 and (value or kind is not float):
            _numbers[key] = t
        return t
    plain = plain_number(value)
    if plain is None:
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type_name(value)}")
    return number(plain, name, argument, position)


def plain_number(value):
    """A NumPy number, or a subclass of a Python one, as a Python number; None for anything else."""
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value.item()
    return None


_arrays = {}


def ints(values, name, argument, position):
    """(array, count) for a list of integers or a single one; common ones are kept."""
    kind = values.__class__
    if kind is int:
        values = (values,)
    elif kind is not tuple:
        values = tuple(values) if isinstance(values, (list, tuple)) or hasattr(values, "__iter__") else (values,)
    found = _arrays.get(values) if values.__class__ is tuple else None
    if found is None or float in map(type, values):  # 2.0 finds what is kept for 2
        try:
            plain = [_index(v) for v in values]
        except TypeError:
            bad = next(v for v in values if not hasattr(v, "__index__"))
            raise TypeError(
                f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {type_name(bad)}") from None
        for place, v in enumerate(plain, 1):
            if not -(2 ** 63) <= v < 2 ** 63:
                raise TypeError(f"{name}(): argument '{argument}' failed to unpack the object at pos {place} with error "
                                "\"Overflow when unpacking long long\"")
        found = ((ctypes.c_int64 * max(len(plain), 1))(*plain), len(plain))
        if len(_arrays) >= 4096:
            _arrays.clear()
        _arrays[tuple(plain)] = found
    return found


def handles(tensors, name, argument, position):
    """(array, count) for a list of tensors. The caller keeps the tensors alive."""
    if isinstance(tensors, Tensor):  # its rows would be released before they are used
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be tuple of Tensors, not Tensor")
    try:
        return (ctypes.c_void_p * max(len(tensors), 1))(*[t._h for t in tensors]), len(tensors)
    except AttributeError:
        bad = next((t for t in tensors if not isinstance(t, Tensor)), None)
        raise TypeError(
            f"expected Tensor as element {list(tensors).index(bad)} in argument {position - 1}, but got {type_name(bad)}") from None
    except TypeError:
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of Tensors, not {type_name(tensors)}") from None


def word(value, words, name, argument):
    """The place of a word among those allowed."""
    try:
        return words.index(value)
    except ValueError:
        if argument == "reduction":
            raise ValueError(f"{value} is not a valid value for reduction") from None
        raise ValueError(f"{name}(): {argument} must be one of {', '.join(words)}, got {value!r}") from None


def wrap(handle):
    """The tensor of an owned handle; raises the library's error for NULL."""
    if not handle:
        fail()
    t = _new(Tensor)
    t._h = handle
    return t


def take_list(items):
    """An mt_tensor_list as a tuple of tensors."""
    result = []
    for i in range(items.count):
        t = _new(Tensor)
        t._h = items.items[i]
        result.append(t)
    lib.mt_tensor_list_free(ctypes.addressof(items))
    return tuple(result)


def type_name(value):
    return type(value).__name__


def handle(tensor, name, argument="input", position=1):
    """The handle of a tensor; torch's TypeError for anything else."""
    try:
        return tensor._h
    except AttributeError:
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type_name(tensor)}") from None


def named_result(kind, values):
    """The named tuple return_types.<kind>."""
    from .. import return_types
    return getattr(return_types, kind)(values)


def store(out, result):
    """Writes a result into the tensor given as out=."""
    if result.requires_grad:
        raise RuntimeError("functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.")
    if tuple(out.shape) != tuple(result.shape):
        out.resize_(result.shape)
    if lib.mt_take_(out._h, result._h):
        fail()
    return out


def store_all(out, results):
    """Writes results into the tensors given as out=."""
    return tuple(store(o, r) for o, r in zip(out, results))


def no_tensor(name, values):
    """torch's error for numbers alone where one must be a tensor."""
    got = ", ".join(type_name(v) for v in values)
    raise TypeError(f"{name}() received an invalid combination of arguments - got ({got}), but at least one must be Tensor")


def bad_call(function, parameters, arguments, error):
    """Called when a C call could not be made: converts what can be (NumPy integers, 0-dim tensors), else says
    which argument is wrong, as torch does."""
    changed = False
    for position, (name, kind, _, keyword) in enumerate(parameters, 1):
        value = arguments.get(name)
        place = "" if keyword else f" (position {position})"
        if kind in ("T", "T?") and not isinstance(value, Tensor) and not (kind == "T?" and value is None):
            raise TypeError(f"{function}(): argument '{name}'{place} must be Tensor, not {type_name(value)}") from None
        if kind in ("int", "int?", "bool") and value is not None and type(value) not in (int, bool):
            try:
                arguments[name] = _index(value)
                changed = True
            except TypeError:
                word = "bool" if kind == "bool" else "int"
                raise TypeError(f"{function}(): argument '{name}'{place} must be {word}, not {type_name(value)}") from None
        if kind in ("float", "float?") and value is not None and type(value) not in (float, int, bool):
            plain = value.item() if isinstance(value, Tensor) else plain_number(value)
            if plain is None:
                raise TypeError(f"{function}(): argument '{name}'{place} must be float, not {type_name(value)}") from None
            arguments[name] = plain
            changed = True
        if kind == "gen" and value is not None and not hasattr(value, "_g"):
            raise TypeError(f"{function}(): argument '{name}'{place} must be torch.Generator, not {type_name(value)}") from None
        if kind == "dtype" and value is not None and not isinstance(value, _dtype):
            raise TypeError(f"{function}(): argument '{name}'{place} must be torch.dtype, not {type_name(value)}") from None
    if not changed:
        raise error
    positional = [arguments[n] for n, _, _, keyword in parameters if not keyword]
    return resolve_any(function)(*positional, **{n: arguments[n] for n, _, _, keyword in parameters if keyword})


def resolve_any(name):
    for space, entries in REGISTRY.items():
        if name in entries:
            return resolve(space, name)
    raise KeyError(name)


# ---- the compiler ------------------------------------------------------------------------------------------------

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


_SCOPE = {
    "number": number, "ints": ints, "handles": handles, "word": word, "fail": fail, "new": _new, "ArgumentError": ArgumentError,
    "bad_call": bad_call, "take_list": take_list, "TensorList": TensorList, "addressof": ctypes.addressof,
    "named_result": named_result, "no_tensor": no_tensor, "store": store, "store_all": store_all, "c_void_p": ctypes.c_void_p, "NAN": float("nan"), "dtype": _dtype,
    "MISSING": object(),
}


#: Operations that torch computes of numbers alone.
_OF_NUMBERS = {
    "add", "sub", "subtract", "mul", "multiply", "_true_divide", "_rounded_divide", "true_divide", "floor_divide"}


def compile_line(line):
    """The Python function of one table line."""
    where, name, parameters, function, arguments, results = parse(line)
    operator = "o" in where
    signature, setup, passed = [], [], {}
    starred = next((p for p in parameters if p[1] == "*ints"), None)
    keyword_started = False
    numpy_names = [(a, b) for a, b in (("axis", "dim"), ("keepdims", "keepdim")) if where != "F" and any(p[0] == b for p in parameters)]
    optional = False  # from a required `dim` on, parameters may be left out by the signature: it may come as `axis`
    for position, (label, kind, default, keyword) in enumerate(parameters, 1):
        if default is None and kind != "*ints" and (optional or (numpy_names and label == "dim")):
            optional, default = True, "MISSING"
            if label == "dim":
                setup.append("if axis is not None: dim = axis")
            setup.append(f"if {label} is MISSING: raise TypeError('{name}() missing 1 required positional arguments: \"{label}\"')")
        elif label in ("dim", "keepdim") and numpy_names:
            other = "axis" if label == "dim" else "keepdims"
            setup.append(f"if {other} is not None: {label} = {other}")
        if kind == "*ints":
            signature += [f"*{label}_given", f"{label}=None"]
            keyword_started = True
        else:
            if keyword and not keyword_started:
                signature.append("*")
                keyword_started = True
            signature.append(label if default is None else f"{label}={default}")
        extra = f'"{name}", "{label}", {position}'
        if kind in ("T", "T?"):
            passed[label] = f"{label}._h" if kind == "T" else f"None if {label} is None else {label}._h"
        elif kind in ("N", "N?"):
            make = f"number({label}, {extra})"
            if operator:
                setup += [f"if not isinstance({label}, Tensor):",
                          "    try:", f"        {label} = {make}", "    except TypeError:", "        return NotImplemented"]
            else:
                none = f"{label} is not None and " if kind == "N?" else ""
                setup += [f"if {none}not isinstance({label}, Tensor): {label} = {make}"]
            passed[label] = f"{label}._h" if kind == "N" else f"None if {label} is None else {label}._h"
        elif kind == "*ints":
            setup += [f"if {label} is None: {label} = {label}_given[0] if len({label}_given) == 1 and {label}_given[0].__class__ is not int "
                      f"and hasattr({label}_given[0], '__iter__') else {label}_given",
                      f"{label}_p, {label}_n = ints({label}, {extra})"]
            passed[label] = f"{label}_p, {label}_n"
        elif kind == "ints":
            setup += [f"{label}_p, {label}_n = ints({label}, {extra})"]
            passed[label] = f"{label}_p, {label}_n"
        elif kind == "ints?":
            setup += [f"{label}_p, {label}_n = (None, 0) if {label} is None else ints({label}, {extra})"]
            passed[label] = f"{label}_p, {label}_n"
        elif kind == "Ts":
            setup += [f"{label}_p, {label}_n = handles({label}, {extra})"]
            passed[label] = f"{label}_p, {label}_n"
        elif kind == "int":
            passed[label] = label
        elif kind == "int?":
            passed[label] = f"-9223372036854775808 if {label} is None else {label}"
        elif kind == "bool":
            passed[label] = f"1 if {label} else 0"
        elif kind == "float":
            passed[label] = label
        elif kind == "float?":
            passed[label] = f"NAN if {label} is None else {label}"
        elif kind == "dtype":
            passed[label] = f"-1 if {label} is None else {label}._code"
        elif kind == "gen":
            passed[label] = f"None if {label} is None else {label}._g"
        elif kind.startswith("enum"):
            words = tuple(kind[5:-1].split(","))
            setup += [f"{label}_w = word({label}, {words!r}, \"{name}\", \"{label}\")"]
            passed[label] = f"{label}_w"
        elif kind != "any":
            raise SyntaxError(f"unknown kind {kind!r} in {line!r}")
    numbers = [label for label, kind, *_ in parameters if kind == "N"]
    if len(numbers) > 1 and name not in _OF_NUMBERS and not any(kind == "T" for _, kind, *_ in parameters):
        none = " and ".join(f"not isinstance({label}, Tensor)" for label in numbers)
        setup.insert(0, f"if {none}: no_tensor('{name}', ({', '.join(numbers)}))")
    if arguments is None:
        call = [passed[label] for label, *_ in parameters if label in passed]
    else:
        stand = {"NULL": "None", "MT_NONE": "-9223372036854775808"}
        call = [passed.get(a, stand.get(a, a)) for a in arguments]
    takes_out = ("t" in where or "L" in where) and results not in ("self", "list") and not any(p[0] == "out" for p in parameters)
    if takes_out:
        signature.append("out=None" if keyword_started else "*, out=None")
        keyword_started = True
    for other, _ in numpy_names:
        signature.append(f"{other}=None" if keyword_started else f"*, {other}=None")
        keyword_started = True
    body = list(setup)
    if results == "self":
        body += [f"if C({', '.join(call)}): fail()", f"return {parameters[0][0]}"]
    elif results == "list":
        body += ["items = TensorList()", f"if C({', '.join(call + ['addressof(items)'])}): fail()", "return take_list(items)"]
    elif results:
        kind, fields = results[:results.index("(")], results[results.index("(") + 1:-1].split(",")
        body += [f"slots = (c_void_p * {len(fields)})()", f"if C({', '.join(call + ['slots'])}): fail()"]
        for i in range(len(fields)):
            body += [f"r{i} = new(Tensor); r{i}._h = slots[{i}]"]
        values = ", ".join(f"r{i}" for i in range(len(fields)))
        values = f"({values}) if out is None else store_all(out, ({values}))" if takes_out else f"({values})"
        body += [f"return named_result('{kind}', {values})" if kind else f"return {values}"]
    else:
        body += [f"h = C({', '.join(call)})", "if not h: fail()", "r = new(Tensor); r._h = h"]
        body += ["return r if out is None else store(out, r)"] if takes_out else ["return r"]
    plain = {label: f"{label}" for label, *_ in parameters}
    handler = f"return bad_call(\"{name}\", parameters, {{{', '.join(repr(k) + ': ' + v for k, v in plain.items())}}}, error)"
    lines = [f"def {name}({', '.join(signature)}):", "    try:"] + ["        " + b for b in body]
    lines += ["    except (AttributeError, ArgumentError, TypeError) as error:"]
    lines += ["        if error.__class__ is TypeError: raise", f"        {handler}"]
    scope = dict(_SCOPE, C=getattr(lib, function), parameters=parameters, Tensor=Tensor)
    exec(compile("\n".join(lines), f"<martlet op {name}>", "exec"), scope)
    made = scope[name]
    made.__module__ = "martlet.nn.functional" if where == "F" else "martlet"
    made.__qualname__ = ("Tensor." if "m" in where and "t" not in where else "") + name
    made.__doc__ = f"{name}({text_signature(parameters)})\n\nCalls {function} of martlet.h, where shapes and errors are described."
    return made


def text_signature(parameters):
    return ", ".join(f"{n}: {k}" + (f" = {d}" if d is not None else "") for n, k, d, _ in parameters)
