"""Comparisons, logic, bits and choice by masks."""
from ctypes import byref, c_int32

from . import T as _T
from . import flag, op, real, store, table, type_name
from .._native import fail, lib

for _c, _alias in (("eq", ""), ("ne", "not_equal"), ("lt", "less"), ("le", "less_equal"), ("gt", "greater"),
                   ("ge", "greater_equal")):
    for _name in filter(None, (_c, _alias)):
        table(f"tm {_name}(input: T, other: N) = mt_{_c}\nm {_name}_(input: T, other: N) = mt_{_c}_ -> self")
    if _c not in ("eq", "ne"):
        table(f"o __{_c}__(input: T, other: N) = mt_{_c}")

for _name in ("isnan", "isinf", "isposinf", "isneginf", "isfinite", "signbit"):
    table(f"tm {_name}(input: T) = mt_{_name}")

for _name in ("and", "or", "xor"):
    table(f"""
    tm logical_{_name}(input: T, other: T) = mt_logical_{_name}
    m  logical_{_name}_(input: T, other: T) = mt_logical_{_name}_ -> self
    tm bitwise_{_name}(input: N, other: N) = mt_bitwise_{_name}
    m  bitwise_{_name}_(input: T, other: N) = mt_bitwise_{_name}_ -> self
    o  __{_name}__(input: T, other: N) = mt_bitwise_{_name}
    o  __r{_name}__(input: T, other: N) = mt_bitwise_{_name}
    o  __i{_name}__(input: T, other: N) = mt_bitwise_{_name}_ -> self
    """)

table("""
tm logical_not(input: T) = mt_logical_not
m  logical_not_(input: T) = mt_logical_not_ -> self
tm bitwise_not(input: T) = mt_bitwise_not
m  bitwise_not_(input: T) = mt_bitwise_not_ -> self
tm bitwise_left_shift(input: N, other: N) = mt_bitwise_left_shift
m  bitwise_left_shift_(input: T, other: N) = mt_bitwise_left_shift_ -> self
tm bitwise_right_shift(input: N, other: N) = mt_bitwise_right_shift
m  bitwise_right_shift_(input: T, other: N) = mt_bitwise_right_shift_ -> self
o  __lshift__(input: T, other: N) = mt_bitwise_left_shift
o  __rlshift__(input: T, other: N) = mt_bitwise_left_shift(other, input)
o  __ilshift__(input: T, other: N) = mt_bitwise_left_shift_ -> self
o  __rshift__(input: T, other: N) = mt_bitwise_right_shift
o  __rrshift__(input: T, other: N) = mt_bitwise_right_shift(other, input)
o  __irshift__(input: T, other: N) = mt_bitwise_right_shift_ -> self

t  isin(elements: N, test_elements: N, *, assume_unique: bool=False, invert: bool=False) = mt_isin(elements, test_elements, invert)
tm isclose(input: T, other: T, rtol: float=1e-05, atol: float=1e-08, equal_nan: bool=False) = mt_isclose
tm masked_fill(input: T, mask: T, value: N) = mt_masked_fill
m  masked_fill_(input: T, mask: T, value: N) = mt_masked_fill_ -> self
t  _where(condition: T, input: N, other: N) = mt_where
""")


def _handle(value, name, argument, position):
    try:
        return value._h
    except AttributeError:
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type_name(value)}") from None


@op("m", "__invert__")
def _invert(input):
    """~input: integers and bool only."""
    if input.is_floating_point():
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return input.bitwise_not()


@op("tm")
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> bool"""
    yes = c_int32()
    if lib.mt_allclose(_handle(input, "allclose", "input", 1), _handle(other, "allclose", "other", 2), real(rtol, "allclose", "rtol", 3),
                       real(atol, "allclose", "atol", 4), flag(equal_nan, "allclose", "equal_nan", 5), byref(yes)):
        fail()
    return bool(yes.value)


@op("tm")
def equal(input, other):
    """equal(input, other) -> bool: the same sizes and elements."""
    yes = c_int32()
    if lib.mt_equal(_handle(input, "equal", "input", 1), _handle(other, "equal", "other", 2), byref(yes)):
        fail()
    return bool(yes.value)


@op("t")
def where(condition, input=None, other=None, *, out=None):
    """where(condition, input, other): chosen element by element; where(condition): the indices of what is nonzero."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    _handle(condition, "where", "condition", 1)
    r = _T._where(condition, input, other)
    return r if out is None else store(out, r)


@op("m", "where")
def _where_method(self, condition, other):
    """self where condition is true, else other."""
    return where(condition, self, other)
