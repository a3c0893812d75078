"""Views, pieces, joins and copies."""
from . import op, table, wrap
from .._native import fail, lib

table("""
m  reshape(input: T, shape: *ints) = mt_reshape
tm flatten(input: T, start_dim: int=0, end_dim: int=-1) = mt_flatten
tm transpose(input: T, dim0: int, dim1: int) = mt_transpose
tm swapaxes(input: T, dim0: int, dim1: int) = mt_transpose
tm swapdims(input: T, dim0: int, dim1: int) = mt_transpose
tm t(input: T) = mt_t
m  permute(input: T, dims: *ints) = mt_permute
m  expand(input: T, size: *ints) = mt_expand
tm select(input: T, dim: int, index: int) = mt_select
tm narrow(input: T, dim: int, start: int, length: int) = mt_narrow
tm unsqueeze(input: T, dim: int) = mt_unsqueeze
tm squeeze(input: T, dim: ints?=None) = mt_squeeze
tm diagonal(input: T, offset: int=0, dim1: int=0, dim2: int=1) = mt_diagonal
m  unfold(input: T, dimension: int, size: int, step: int) = mt_unfold
tm chunk(input: T, chunks: int, dim: int=0) = mt_chunk -> list
tm unbind(input: T, dim: int=0) = mt_unbind -> list
t  cat(tensors: Ts, dim: int=0) = mt_cat
t  concat(tensors: Ts, dim: int=0) = mt_cat
t  concatenate(tensors: Ts, dim: int=0) = mt_cat
t  stack(tensors: Ts, dim: int=0) = mt_stack
tm detach(input: T) = mt_detach
m  copy_(input: T, other: N, non_blocking: any=False) = mt_copy_(input, other) -> self
m  zero_(input: T) = mt_zero_ -> self
m  fill_(input: T, value: N) = mt_fill_ -> self
tm clone(input: T, *, memory_format: any=None) = mt_clone(input)
m  contiguous(input: T, memory_format: any=None) = mt_contiguous(input)
""")
