"""Matrix products."""
from . import table

table("""
tm mm(input: T, mat2: T) = mt_mm
tm addmm(input: T, mat1: T, mat2: T, *, beta: N?=None, alpha: N?=None) = mt_addmm
""")
