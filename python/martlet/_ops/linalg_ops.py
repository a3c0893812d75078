"""Linear algebra: torch.linalg and the older names of its operations."""
from . import linalg as _L, named_result, op, store, table

table("""
L  svd(A: T, full_matrices: bool=True, *, driver: any=None) = mt_svd -> linalg_svd(U,S,Vh)
L  svdvals(A: T, *, driver: any=None) = mt_svdvals
""")


@op("tm")
def svd(input, some=True, compute_uv=True, *, out=None):
    """input = U diag(S) V^T; the reduced form where some. torch.linalg.svd is the newer form."""
    if not compute_uv:
        s = _L.svdvals(input)
        rows, columns = input.shape[-2:]
        return named_result("svd", (input.new_zeros(*input.shape[:-2], rows, rows), s, input.new_zeros(*input.shape[:-2], columns, columns)))
    u, s, vh = _L.svd(input, not some)
    result = (u, s, vh.transpose(-2, -1))
    return named_result("svd", result if out is None else tuple(store(o, r) for o, r in zip(out, result)))
