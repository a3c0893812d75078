"""Arithmetic with two operands, and its operators."""
from . import table

table("""
tm add(input: N, other: N, *, alpha: N?=None) = mt_add
tm sub(input: N, other: N, *, alpha: N?=None) = mt_sub
tm subtract(input: N, other: N, *, alpha: N?=None) = mt_sub
t  rsub(input: T, other: N, *, alpha: N?=None) = mt_rsub
tm mul(input: N, other: N) = mt_mul
tm multiply(input: N, other: N) = mt_mul
tm neg(input: T) = mt_neg
tm negative(input: T) = mt_neg
tm reciprocal(input: T) = mt_reciprocal
m  add_(input: T, other: N, *, alpha: N?=None) = mt_add_ -> self
m  sub_(input: T, other: N, *, alpha: N?=None) = mt_sub_ -> self
m  subtract_(input: T, other: N, *, alpha: N?=None) = mt_sub_ -> self
m  mul_(input: T, other: N) = mt_mul_ -> self
m  multiply_(input: T, other: N) = mt_mul_ -> self

o  __add__(input: T, other: N) = mt_add(input, other, NULL)
o  __radd__(input: T, other: N) = mt_add(input, other, NULL)
o  __sub__(input: T, other: N) = mt_sub(input, other, NULL)
o  __rsub__(input: T, other: N) = mt_rsub(input, other, NULL)
o  __mul__(input: T, other: N) = mt_mul
o  __rmul__(input: T, other: N) = mt_mul
o  __truediv__(input: T, other: N) = mt_div
o  __neg__(input: T) = mt_neg
o  __iadd__(input: T, other: N) = mt_add_(input, other, NULL) -> self
o  __isub__(input: T, other: N) = mt_sub_(input, other, NULL) -> self
o  __imul__(input: T, other: N) = mt_mul_ -> self
o  __itruediv__(input: T, other: N) = mt_div_ -> self
""")
