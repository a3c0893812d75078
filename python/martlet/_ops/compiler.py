"""Makes the Python functions of lines of the table, which call the library over ctypes."""
import ctypes

from . import arguments as _arguments, description, parse, results as _results
from .._native import TensorList, fail, lib

#: What the text of a function may name.
_SCOPE = {
    "fail": fail, "new": object.__new__, "ArgumentError": ctypes.ArgumentError, "TensorList": TensorList,
    "addressof": ctypes.addressof, "c_void_p": ctypes.c_void_p, "NAN": float("nan"), "MISSING": object(),
    "Tensor": _arguments.Tensor,
}
for _module, _names in (
        (_arguments, "number integer optional_integer flag real ints separate_ints handles word bad_call no_tensor"),
        (_results, "take_list named_result store store_all")):
    _SCOPE.update((_name, getattr(_module, _name)) for _name in _names.split())

#: Operations that torch computes of numbers alone.
_OF_NUMBERS = {
    "add", "sub", "subtract", "mul", "multiply", "_true_divide", "_rounded_divide", "true_divide", "floor_divide"}


def compile_line(line, is_method):
    """The Python function of one table line, as a method of Tensor or as a function."""
    parsed = parse(line)
    where, name, parameters, function, arguments, results = parsed
    operator = "o" in where
    first = 0 if is_method else 1  # the position of the first parameter in messages
    signature, setup, passed = [], [], {}
    keyword_started = False
    numpy_names = [(a, b) for a, b in (("axis", "dim"), ("keepdims", "keepdim")) if where != "F" and any(p[0] == b for p in parameters)]
    optional = False  # from a required `dim` on, parameters may be left out by the signature: it may come as `axis`
    for position, (label, kind, default, keyword) in enumerate(parameters, first):
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
        extra = f'"{name}", "{label}", {0 if keyword else position}'
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
        elif kind in ("ints", "ints?", "*ints", "Ts"):
            absent = {"ints?": "(None, 0)", "*ints": f"separate_ints({label}_given, {extra})"}.get(kind)
            made = f"{'handles' if kind == 'Ts' else 'ints'}({label}, {extra})"
            setup += [f"{label}_p, {label}_n = " + (f"{absent} if {label} is None else {made}" if absent else made)]
            passed[label] = f"{label}_p, {label}_n"
        elif kind == "int":
            setup += [f"if {label}.__class__ is not int or not -0x8000000000000000 <= {label} <= 0x7fffffffffffffff: "
                      f"{label} = integer({label}, {extra})"]
            passed[label] = label
        elif kind == "int?":
            setup += [f"if {label} is None: {label} = -0x8000000000000000",
                      f"elif {label}.__class__ is not int or not -0x8000000000000000 < {label} <= 0x7fffffffffffffff: "
                      f"{label} = optional_integer({label}, {extra})"]
            passed[label] = label
        elif kind == "bool":
            passed[label] = f"1 if {label} is True else 0 if {label} is False else flag({label}, {extra})"
        elif kind in ("float", "float?"):
            none = f"{label} is None or " if kind == "float?" else ""
            setup += [f"if not ({none}{label}.__class__ is float or {label}.__class__ is int): {label} = real({label}, {extra})"]
            passed[label] = f"NAN if {label} is None else {label}" if none else label
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
    takes_out = not is_method and ("t" in where or "L" in where) and results not in ("self", "list") and not any(p[0] == "out" for p in parameters)
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
    handler = f"return bad_call(\"{name}\", parameters, {first}, {{{', '.join(repr(k) + ': ' + v for k, v in plain.items())}}}, error)"
    lines = [f"def {name}({', '.join(signature)}):", "    try:"] + ["        " + b for b in body]
    lines += ["    except (AttributeError, ArgumentError, TypeError) as error:"]
    lines += ["        if error.__class__ is TypeError: raise", f"        {handler}"]
    scope = dict(_SCOPE, C=getattr(lib, function), parameters=parameters)
    exec(compile("\n".join(lines), f"<martlet op {name}>", "exec"), scope)
    made = scope[name]
    made.__module__ = "martlet.nn.functional" if where == "F" else "martlet"
    made.__qualname__ = ("Tensor." if "m" in where and "t" not in where else "") + name
    made.__doc__ = description(parsed)
    return made
