"""Reductions, softmax, running sums, norms."""
from . import T as _T, flag, handle, integer, linalg as _L, named_result, op, plain_number, real, store, table, type_name, wrap
from . import ints as _ints
from .._native import fail, lib

table("""
tm sum(input: T, dim: ints?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_sum
tm mean(input: T, dim: ints?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_mean
tm nansum(input: T, dim: ints?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_nansum
tm nanmean(input: T, dim: ints?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_nanmean
tm prod(input: T, dim: int?=None, keepdim: bool=False, *, dtype: dtype=None) = mt_prod
tm any(input: T, dim: ints?=None, keepdim: bool=False) = mt_any
tm all(input: T, dim: ints?=None, keepdim: bool=False) = mt_all
tm count_nonzero(input: T, dim: ints?=None) = mt_count_nonzero
tm logsumexp(input: T, dim: ints, keepdim: bool=False) = mt_logsumexp
tm trace(input: T) = mt_trace

tm amax(input: T, dim: ints?=None, keepdim: bool=False) = mt_amax
tm amin(input: T, dim: ints?=None, keepdim: bool=False) = mt_amin
tm aminmax(input: T, *, dim: int?=None, keepdim: bool=False) = mt_aminmax -> aminmax(min,max)
tm argmax(input: T, dim: int?=None, keepdim: bool=False) = mt_argmax
tm argmin(input: T, dim: int?=None, keepdim: bool=False) = mt_argmin

tm cumsum(input: T, dim: int, *, dtype: dtype=None) = mt_cumsum
tm cumprod(input: T, dim: int, *, dtype: dtype=None) = mt_cumprod
m  cumsum_(input: T, dim: int, *, dtype: dtype=None) = mt_cumsum_ -> self
m  cumprod_(input: T, dim: int, *, dtype: dtype=None) = mt_cumprod_ -> self
tm cummax(input: T, dim: int) = mt_cummax -> cummax(values,indices)
tm cummin(input: T, dim: int) = mt_cummin -> cummin(values,indices)
tm logcumsumexp(input: T, dim: int) = mt_logcumsumexp
tm diff(input: T, n: int=1, dim: int=-1, prepend: T?=None, append: T?=None) = mt_diff
tm dist(input: T, other: T, p: float=2.0) = mt_dist
tF pdist(input: T, p: float=2.0) = mt_pdist

tm softmax(input: T, dim: int, dtype: dtype=None) = mt_softmax
tm log_softmax(input: T, dim: int, dtype: dtype=None) = mt_log_softmax

t  layer_norm(input: T, normalized_shape: ints, weight: T?=None, bias: T?=None, eps: float=1e-05, cudnn_enable: any=True) = mt_layer_norm
F  layer_norm(input: T, normalized_shape: ints, weight: T?=None, bias: T?=None, eps: float=1e-05) = mt_layer_norm
tF rms_norm(input: T, normalized_shape: ints, weight: T?=None, eps: float?=None) = mt_rms_norm
t  group_norm(input: T, num_groups: int, weight: T?=None, bias: T?=None, eps: float=1e-05, cudnn_enabled: any=True) = mt_group_norm
t  batch_norm(input: T, weight: T?, bias: T?, running_mean: T?, running_var: T?, training: bool, momentum: float, eps: float, cudnn_enabled: any=True) = mt_batch_norm
F  batch_norm(input: T, running_mean: T?, running_var: T?, weight: T?=None, bias: T?=None, training: bool=False, momentum: float=0.1, eps: float=1e-05) = mt_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
t  instance_norm(input: T, weight: T?, bias: T?, running_mean: T?, running_var: T?, use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: any=True) = mt_instance_norm
F  instance_norm(input: T, running_mean: T?=None, running_var: T?=None, weight: T?=None, bias: T?=None, use_input_stats: bool=True, momentum: float=0.1, eps: float=1e-05) = mt_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)
""")


# ---- extremes: of all, along a dimension, or of two tensors --------------------------------------------------------

def _extreme(name, whole, along, binary):
    def extreme(input, *args, out=None, **keywords):
        if keywords:
            if "axis" in keywords:
                keywords["dim"] = keywords.pop("axis")
            if "keepdims" in keywords:
                keywords["keepdim"] = keywords.pop("keepdims")
            names = ["other"] if "other" in keywords else ["dim", "keepdim"]
            args = list(args)
            for label in names[len(args):]:
                if label not in keywords:
                    break
                args.append(keywords.pop(label))
            if keywords:
                raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(keywords))}'")
        if not args:
            made = wrap(whole(handle(input, name)))
            return made if out is None else store(out, made)
        first = args[0]
        if isinstance(first, type(input)) or hasattr(first, "_h"):
            return getattr(_T, binary)(input, first) if out is None else store(out, getattr(_T, binary)(input, first))
        keepdim = args[1] if len(args) > 1 else False
        if len(args) > 2 or isinstance(first, bool) or not hasattr(first, "__index__"):
            got = ", ".join(type_name(a) for a in (input, *args))
            raise TypeError(f"{name}() received an invalid combination of arguments - got ({got}), but expected one of:\n"
                            f" * (Tensor input)\n * (Tensor input, Tensor other)\n * (Tensor input, int dim, bool keepdim = False)")
        result = _pair(name, along, handle(input, name), integer(first, name, "dim", 2), flag(keepdim, name, "keepdim", 3))
        if out is None:
            return result
        return named_result(name, (store(out[0], result[0]), store(out[1], result[1])))
    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = f"""{name}(input), {name}(input, dim, keepdim=False) -> (values, indices), {name}(input, other)."""
    op("tm", name)(extreme)


def _pair(kind, function, *arguments):
    """Calls a C function that writes two tensors."""
    from ctypes import c_void_p
    slots = (c_void_p * 2)()
    if function(*arguments, slots):
        fail()
    pair = tuple(wrap(h) for h in slots)
    return named_result(kind, pair) if kind else pair


_extreme("max", lib.mt_max, lib.mt_max_dim, "maximum")
_extreme("min", lib.mt_min, lib.mt_min_dim, "minimum")


# ---- variance ------------------------------------------------------------------------------------------------------

def _spread(name, function, two):
    def spread(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, keepdims=None, out=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if axis is not None:
            dim = axis
        if keepdims is not None:
            keepdim = keepdims
        if unbiased is not None and correction is not None:
            raise TypeError(f"{name}() got both unbiased and correction")
        if unbiased is not None:
            correction = 1 if unbiased else 0
        elif correction is None:
            correction = 1
        correction = real(correction, name, "correction", 0)
        p, n = (None, 0) if dim is None else _ints(dim, name, "dim", 2)
        if two:
            return _pair(None, function, handle(input, name), p, n, correction, flag(keepdim, name, "keepdim", 0))
        made = wrap(function(handle(input, name), p, n, correction, flag(keepdim, name, "keepdim", 0)))
        return made if out is None else store(out, made)
    spread.__name__ = spread.__qualname__ = name
    spread.__doc__ = f"""{name}(input, dim=None, *, correction=1, keepdim=False); also {name}(input, unbiased) and
    {name}(input, dim, unbiased, keepdim)."""
    op("t" if two else "tm", name)(spread)


_spread("var", lib.mt_var, False)
_spread("std", lib.mt_std, False)
_spread("var_mean", lib.mt_var_mean, True)
_spread("std_mean", lib.mt_std_mean, True)


# ---- norms ---------------------------------------------------------------------------------------------------------

def _number(value, name, argument):
    if hasattr(value, "item"):
        return float(value.item())
    plain = plain_number(value)
    if plain is None:
        raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type_name(value)}")
    return plain


@op("L")
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """(sum |x|^ord)^(1/ord) over dim, or over all elements."""
    p, n = (None, 0) if dim is None else _ints(dim, "linalg_vector_norm", "dim", 3)
    made = wrap(lib.mt_vector_norm(handle(x, "linalg_vector_norm", "x"), _number(ord, "linalg_vector_norm", "ord"), p, n,
                                   flag(keepdim, "linalg_vector_norm", "keepdim", 4),
                                   -1 if dtype is None else dtype._code))
    return made if out is None else store(out, made)


@op("L")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """The norm of the matrices in two dimensions: 'fro', 1, -1, inf, -inf; 'nuc', 2 and -2 by singular values."""
    if hasattr(dim, "__index__") or len(dim) != 2:
        got = " ".join(str(d) for d in ((dim,) if hasattr(dim, "__index__") else dim))
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {got}")
    p, n = _ints(dim, "linalg_matrix_norm", "dim", 3)
    dim = p[:n]
    code, keep = -1 if dtype is None else dtype._code, flag(keepdim, "linalg_matrix_norm", "keepdim", 4)
    if ord in ("nuc", 2, -2) and not isinstance(ord, bool):
        made = _by_singular_values(A if dtype is None else A.to(dtype), ord, tuple(dim), keepdim)
    elif isinstance(ord, str):
        if ord != "fro":
            raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
        made = wrap(lib.mt_frobenius_norm(handle(A, "linalg_matrix_norm", "A"), dim[0], dim[1], keep, code))
    else:
        made = wrap(lib.mt_matrix_norm(handle(A, "linalg_matrix_norm", "A"), _number(ord, "linalg_matrix_norm", "ord"), dim[0], dim[1], keep, code))
    return made if out is None else store(out, made)


def _by_singular_values(A, ord, dim, keepdim):
    if A.dim() < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if not A.is_floating_point():
        raise RuntimeError("linalg.matrix_norm: Expected a floating point or complex tensor as input.")
    rank = A.dim()
    for d in dim:
        if not -rank <= d < rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {d})")
    row, column = (d % rank for d in dim)
    if row == column:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    order = [d for d in range(rank) if d not in (row, column)] + [row, column]
    values = _L.svdvals(A.permute(order))
    if ord == "nuc" or (ord == 2 and not values.size(-1)):
        made = values.sum(-1, keepdim)
    else:
        made = values.amax(-1, keepdim) if ord == 2 else values.amin(-1, keepdim)
    if keepdim:
        made = made.unsqueeze(-1).permute([order.index(d) for d in range(rank)])
    return made


@op("L")
def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """A vector norm, or a matrix norm where ord is given and there are two dimensions (of A or in dim)."""
    if dim is not None and not hasattr(dim, "__index__") and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if dim is None and ord is not None and A.dim() not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D.")
    pair = tuple(dim) if dim is not None and not hasattr(dim, "__index__") and len(dim) == 2 else None
    if ord is not None and (pair is not None or (dim is None and A.dim() == 2)):
        return matrix_norm(A, ord, pair or (-2, -1), keepdim, dtype=dtype, out=out)
    if isinstance(ord, str):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


@op("tm", "norm")
def _norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm over dim (all elements by default); 'fro' is p = 2, 'nuc' the sum of singular values."""
    if isinstance(p, str) and p != "fro":
        return matrix_norm(input, p, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)
    if isinstance(p, str) and dim is not None and not hasattr(dim, "__index__") and len(dim) > 2:
        return matrix_norm(input, p, dim, keepdim, dtype=dtype, out=out)
    return vector_norm(input, 2 if p is None or p == "fro" else p, dim, keepdim, dtype=dtype, out=out)


_EUCLIDEAN = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@op("t")
def cdist(x1, x2, p=2.0, compute_mode=_EUCLIDEAN[0]):
    """The p-norm distance between every row of x1 and every row of x2."""
    if compute_mode not in _EUCLIDEAN:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    return wrap(lib.mt_cdist(handle(x1, "cdist", "x1"), handle(x2, "cdist", "x2", 2), real(p, "cdist", "p", 3), _EUCLIDEAN.index(compute_mode)))


# ---- softmax in torch.nn.functional's form -------------------------------------------------------------------------

def _functional(name, negate, method):
    def functional(input, dim=None, _stacklevel=3, dtype=None):
        if dim is None:
            rank = input.dim()
            dim = 0 if rank in (0, 1, 3) else 1
            import warnings
            warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
                          stacklevel=_stacklevel - 1)
        return getattr(_T, method)(-input if negate else input, dim, dtype)
    functional.__name__ = functional.__qualname__ = name
    functional.__doc__ = f"{name} along a dimension."
    # Without _stacklevel, and with a dimension, it is torch's own function.
    op("F", name, quick=None if negate else f"{name}(input: T, dim: int, *, dtype: dtype=None) = mt_{method}")(functional)


_functional("softmax", False, "softmax")
_functional("log_softmax", False, "log_softmax")
_functional("softmin", True, "softmax")


@op("F")
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Normalises groups of channels of each sample."""
    size = list(input.shape)
    if len(size) >= 2:
        size[:2] = [size[0] * size[1] // num_groups, num_groups]
        values = size[0]
        for n in size[2:]:
            values *= n
        if values == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
    return _T.group_norm(input, num_groups, weight, bias, eps)
