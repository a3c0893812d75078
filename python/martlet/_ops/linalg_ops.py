"""Linear algebra: torch.linalg and the older names of its operations."""
from . import table

table("""
L  svd(A: T, full_matrices: bool=True, *, driver: any=None) = mt_linalg_svd(A, full_matrices) -> linalg_svd(U,S,Vh)
L  svdvals(A: T, *, driver: any=None) = mt_linalg_svdvals
""")
