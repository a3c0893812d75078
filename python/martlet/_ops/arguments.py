"""What is given to a function as arguments of C, and torch's errors for what cannot be."""
import ctypes
from _operator import index as _index  # operator without its part in Python

from .._native import lib
from .._types import bool as _bool, dtype as _dtype

Tensor = None  # set by connect()
_new = object.__new__

_numbers = {}


def number(value, name, argument, position):
    """A number as a 0-dim operand; common ones are kept."""
    kind = value.__class__
    if kind is float or kind is int or kind is bool:
        key = (kind, value)
        t = _numbers.get(key)
        if t is not None and (value or kind is not float):
            return t
        if kind is float:
            made = lib.mt_number_f64(value)
        elif kind is bool:
            made = lib.mt_number_bool(value)
        else:
            if not -(2 ** 63) <= value < 2 ** 63:
                raise OverflowError("can't convert negative int to unsigned" if value < 0 else "int too big to convert")
            made = lib.mt_number_i64(value)
        t = _new(Tensor)
        t._h = made
        if len(_numbers) < 512 and (value or kind is not float):
            _numbers[key] = t
        return t
    plain = plain_number(value)
    if plain is None:
        raise wrong_type(name, argument, position, "Tensor", value)
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


def type_name(value):
    """What torch's messages call the class of a value."""
    kind = type(value)
    return ("numpy." if kind.__module__ == "numpy" else "") + kind.__name__


def wrong_type(name, argument, position, wanted, value):
    """torch's error for an argument of another class; keyword-only ones have no position (0)."""
    place = f" (position {position})" if position else ""
    return TypeError(f"{name}(): argument '{argument}'{place} must be {wanted}, not {type_name(value)}")


def _index_of(value):
    """What stands for an integer as a plain one, None for anything else. Flags stand for none."""
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype is _bool):
        return None
    try:
        return _index(value)
    except TypeError:
        return None


def integer(value, name, argument, position):
    """An integer of 64 bits as a plain one."""
    plain = value if value.__class__ is int else _index_of(value)
    if plain is None:
        raise wrong_type(name, argument, position, "int", value)
    if not -(2 ** 63) <= plain < 2 ** 63:
        raise ValueError("Overflow when unpacking long long")
    return plain


def optional_integer(value, name, argument, position):
    """integer() for a parameter that may be None, for which C has -2^63."""
    return -(2 ** 63) if value is None else max(integer(value, name, argument, position), 1 - 2 ** 63)


def flag(value, name, argument, position):
    """0 or 1 for a flag."""
    if value is not True and value is not False:
        raise wrong_type(name, argument, position, "bool", value)
    return 1 if value else 0


def real(value, name, argument, position):
    """A number as a float."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    plain = plain_number(value)
    if plain is None:
        raise wrong_type(name, argument, position, "float", value)
    return plain


_arrays = {}


def ints(values, name, argument, position):
    """(array, count) for a list of integers or a single one; common ones are kept."""
    kind = values.__class__
    if kind is int:
        values = (integer(values, name, argument, position),)
    elif kind is not tuple:
        if isinstance(values, (list, tuple)):
            values = tuple(values)
        elif _index_of(values) is None:
            raise wrong_type(name, argument, position, "tuple of ints", values)
        else:
            values = (integer(values, name, argument, position),)
    try:
        found = _arrays.get(values)
    except TypeError:  # something that cannot be a key is no integer either
        found = None
    # 2.0 finds what is kept for 2, and True what is kept for 1
    if found is None or (values and values[0].__class__ is not int) or float in map(type, values):
        plain = []
        for place, value in enumerate(values):
            number = value if value.__class__ is int else _index_of(value)
            if number is None and place and isinstance(value, bool):
                number = int(value)  # torch looks at the first one
            if number is None and not place:
                error = wrong_type(name, argument, position, "tuple of ints", value)
                raise TypeError(str(error).replace(", not ", ", but found element of type ") + " at pos 0")
            if number is None or not -(2 ** 63) <= number < 2 ** 63:
                reason = "Overflow when unpacking long long" if number else f"type must be tuple of ints,but got {type_name(value)}"
                raise TypeError(f"{name}(): argument '{argument}' failed to unpack the object at pos {place + 1} with error \"{reason}\"")
            plain.append(number)
        found = ((ctypes.c_int64 * max(len(plain), 1))(*plain), len(plain))
        if len(_arrays) >= 4096:
            _arrays.clear()
        _arrays[tuple(plain)] = found
    return found


def separate_ints(given, name, argument, position):
    """ints() of integers given as separate arguments or as one list."""
    if len(given) == 1 and given[0].__class__ is not int:
        given = given[0]
    elif len(given) > 1 and given[0].__class__ is not int and _index_of(given[0]) is None:
        raise TypeError(f"{name}() takes 1 positional argument but {len(given)} were given")
    return ints(given, name, argument, position)


def handles(tensors, name, argument, position):
    """(array, count) for a list of tensors. The caller keeps the tensors alive."""
    if isinstance(tensors, Tensor):  # its rows would be released before they are used
        raise wrong_type(name, argument, position, "tuple of Tensors", tensors)
    try:
        return (ctypes.c_void_p * max(len(tensors), 1))(*[t._h for t in tensors]), len(tensors)
    except AttributeError:
        bad = next((t for t in tensors if not isinstance(t, Tensor)), None)
        raise TypeError(
            f"expected Tensor as element {list(tensors).index(bad)} in argument {position - 1}, but got {type_name(bad)}") from None
    except TypeError:
        raise wrong_type(name, argument, position, "tuple of Tensors", tensors) from None


def word(value, words, name, argument):
    """The place of a word among those allowed."""
    try:
        return words.index(value)
    except ValueError:
        if argument == "reduction":
            raise ValueError(f"{value} is not a valid value for reduction") from None
        raise ValueError(f"{name}(): {argument} must be one of {', '.join(words)}, got {value!r}") from None


def handle(tensor, name, argument="input", position=1):
    """The handle of a tensor; torch's TypeError for anything else."""
    try:
        return tensor._h
    except AttributeError:
        raise wrong_type(name, argument, position, "Tensor", tensor) from None


def no_tensor(name, values):
    """torch's error for numbers alone where one must be a tensor."""
    got = ", ".join(type_name(v) for v in values)
    raise TypeError(f"{name}() received an invalid combination of arguments - got ({got}), but at least one must be Tensor")


def bad_call(function, parameters, first, arguments, error):
    """Raises what is wrong with the arguments of a call of C that could not be made; `first` is the first one's position."""
    for position, (name, kind, _, keyword) in enumerate(parameters, first):
        value = arguments.get(name)
        place = 0 if keyword else position
        if value is None and kind in ("T?", "gen", "dtype"):
            continue
        if kind in ("T", "T?") and not isinstance(value, Tensor):
            raise wrong_type(function, name, place, "Tensor", value) from None
        if kind == "gen" and not hasattr(value, "_g"):
            raise wrong_type(function, name, place, "torch.Generator", value) from None
        if kind == "dtype" and not isinstance(value, _dtype):
            raise wrong_type(function, name, place, "torch.dtype", value) from None
    raise error
