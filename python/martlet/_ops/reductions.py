"""Reductions."""
from . import table

table("""
tm sum(input: T, dim: ints?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_sum
tm mean(input: T, dim: ints?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_mean
""")
