"""The named tuples that operations with several results return. They print as torch's do:

    torch.return_types.max(
    values=tensor([2., 4.]),
    indices=tensor([1, 1]))
"""
from operator import itemgetter as _itemgetter

_FIELDS = {
    "values indices": "max min sort topk median nanmedian mode kthvalue cummax cummin",
    "min max": "aminmax",
    "mantissa exponent": "frexp",
    "hist bin_edges": "histogram",
    "Q R": "qr linalg_qr",
    "U S Vh": "linalg_svd",
    "U S V": "svd",
    "eigenvalues eigenvectors": "linalg_eigh linalg_eig",
    "sign logabsdet": "slogdet linalg_slogdet",
    "solution residuals rank singular_values": "linalg_lstsq",
    "L info": "linalg_cholesky_ex",
    "inverse info": "linalg_inv_ex",
    "result info": "linalg_solve_ex",
    "LU pivots": "linalg_lu_factor",
    "LU pivots info": "linalg_lu_factor_ex _lu_with_info",
    "P L U": "linalg_lu lu_unpack",
    "solution cloned_coefficient": "triangular_solve",
}


class _Result(tuple):
    """A tuple whose items also have names."""

    __slots__ = ()
    __match_args__ = ()
    n_unnamed_fields = 0

    def __new__(cls, items):
        items = tuple(items)
        n = len(cls.__match_args__)
        if len(items) != n:
            raise TypeError(f"torch.return_types.{cls.__name__}() takes a {n}-sequence ({len(items)}-sequence given)")
        return tuple.__new__(cls, items)

    def __repr__(self):
        fields = ",\n".join(f"{name}={item!r}" for name, item in zip(self.__match_args__, self))
        return f"torch.return_types.{type(self).__name__}(\n{fields})"

    def __reduce__(self):
        return type(self), (tuple(self),)


def _make(name, fields):
    body = {"__slots__": (), "__match_args__": fields, "__module__": __name__, "n_fields": len(fields),
            "n_sequence_fields": len(fields), "__doc__": f"What {name} returns: {', '.join(fields)}."}
    body.update((field, property(_itemgetter(i))) for i, field in enumerate(fields))
    return type(name, (_Result,), body)


for _names, _kinds in _FIELDS.items():
    for _kind in _kinds.split():
        globals()[_kind] = _make(_kind, tuple(_names.split()))
del _names, _kinds, _kind
