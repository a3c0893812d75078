"""Matrix products, linear layers and Einstein summation."""
from . import handles, ints, op, store, table, wrap

from .._native import lib

table("""
tm mm(input: T, mat2: T) = mt_mm
tm bmm(input: T, mat2: T) = mt_bmm
tm mv(input: T, vec: T) = mt_mv
tm dot(input: T, tensor: T) = mt_dot
tm vdot(input: T, other: T) = mt_vdot
tm matmul(input: T, other: T) = mt_matmul
m  __matmul__(input: T, other: T) = mt_matmul
m  __rmatmul__(input: T, other: T) = mt_matmul(other, input)
tm outer(input: T, vec2: T) = mt_outer
tm ger(input: T, vec2: T) = mt_outer
tm inner(input: T, other: T) = mt_inner
tm kron(input: T, other: T) = mt_kron
tm addmm(input: T, mat1: T, mat2: T, *, beta: N?=None, alpha: N?=None) = mt_addmm
tm addmv(input: T, mat: T, vec: T, *, beta: N?=None, alpha: N?=None) = mt_addmv
tm addr(input: T, vec1: T, vec2: T, *, beta: N?=None, alpha: N?=None) = mt_addr
tm baddbmm(input: T, batch1: T, batch2: T, *, beta: N?=None, alpha: N?=None) = mt_baddbmm
tm addbmm(input: T, batch1: T, batch2: T, *, beta: N?=None, alpha: N?=None) = mt_addbmm
m  addmm_(input: T, mat1: T, mat2: T, *, beta: N?=None, alpha: N?=None) = mt_addmm_ -> self
m  addmv_(input: T, mat: T, vec: T, *, beta: N?=None, alpha: N?=None) = mt_addmv_ -> self
m  addr_(input: T, vec1: T, vec2: T, *, beta: N?=None, alpha: N?=None) = mt_addr_ -> self
m  baddbmm_(input: T, batch1: T, batch2: T, *, beta: N?=None, alpha: N?=None) = mt_baddbmm_ -> self
m  addbmm_(input: T, batch1: T, batch2: T, *, beta: N?=None, alpha: N?=None) = mt_addbmm_ -> self
L  multi_dot(tensors: Ts) = mt_multi_dot
L  matmul(input: T, other: T) = mt_matmul
F  linear(input: T, weight: T, bias: T?=None) = mt_linear
F  _linear_then(input: T, weight: T, bias: T?, activation: enum(relu,tanh,sigmoid,gelu,gelu_tanh,silu)) = mt_linear_then
F  _feed_forward(input: T, weight1: T, bias1: T?, activation: enum(relu,tanh,sigmoid,gelu,gelu_tanh,silu), p: float, weight2: T, bias2: T?) = mt_feed_forward
F  scaled_dot_product_attention(query: T, key: T, value: T, attn_mask: T?=None, dropout_p: float=0.0, is_causal: bool=False, scale: float?=None, enable_gqa: bool=False) = mt_scaled_dot_product_attention
F  bilinear(input1: T, input2: T, weight: T, bias: T?=None) = mt_bilinear
""")


@op("t")
def chain_matmul(*matrices, out=None):
    """The product of matrices in the cheapest order."""
    if len(matrices) == 1:
        return matrices[0]
    p, n = handles(matrices, "chain_matmul", "matrices", 1)
    made = wrap(lib.mt_multi_dot(p, n))
    return made if out is None else store(out, made)


@op("t")
def tensordot(a, b, dims=2, out=None):
    """Sums of products over paired dimensions: the last `dims` of a with the first of b, or two lists of dimensions."""
    if hasattr(dims, "_h"):
        dims = dims.tolist() if dims.dim() else dims.item()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        mine, theirs = tuple(range(-dims, 0)), tuple(range(dims))
    else:
        mine, theirs = dims
        mine = (mine,) if isinstance(mine, int) else tuple(mine)
        theirs = (theirs,) if isinstance(theirs, int) else tuple(theirs)
    p, n = ints(mine, "tensordot", "dims_self", 3)
    q, m = ints(theirs, "tensordot", "dims_other", 4)
    made = wrap(lib.mt_tensordot(a._h, b._h, p, n, q, m))
    return made if out is None else store(out, made)


@op("t")
def einsum(*args):
    """einsum("ij,jk->ik", a, b), or with lists of numbers in place of letters: einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    if len(args) < 2:
        raise ValueError("einsum(): must specify the equation string and at least one operand, "
                         "or at least one operand and its subscripts list")
    if isinstance(args[0], str):
        equation, operands = args[0], args[1:]
    else:
        equation = ",".join(_letters(s) for s in args[1::2])
        operands = args[0:len(args) - 1:2]
        if len(args) % 2 == 1:
            equation = ",".join(_letters(s) for s in args[1:len(args) - 1:2]) + "->" + _letters(args[-1])
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    p, n = handles(operands, "einsum", "operands", 2)
    return wrap(lib.mt_einsum(equation.encode(), p, n))


def _letters(subscripts):
    """A list of numbers below 52 and at most one Ellipsis as letters."""
    text = ""
    for s in subscripts:
        if s is Ellipsis:
            text += "..."
        elif 0 <= s < 26:
            text += chr(65 + s)
        elif 26 <= s < 52:
            text += chr(97 + s - 26)
        else:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return text
