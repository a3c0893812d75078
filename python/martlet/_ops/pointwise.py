"""Pointwise mathematics: functions of one, two and three operands, their in-place forms and operators."""
from . import T as _T
from . import op, store, table

# Functions of one operand: name, aliases.
_ONE = """
exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square sign sgn sin cos tan sinh cosh tanh sigmoid erf erfc erfinv
lgamma digamma floor ceil frac sinc deg2rad rad2deg abs:absolute asin:arcsin acos:arccos atan:arctan asinh:arcsinh
acosh:arccosh atanh:arctanh trunc:fix
"""
for _names in _ONE.split():
    _c, *_aliases = _names.split(":")
    for _name in [_c] + _aliases:
        table(f"tm {_name}(input: T) = mt_{_c}\ntm {_name}_(input: T) = mt_{_c}_ -> self")

table("""
m  neg_(input: T) = mt_neg_ -> self
m  negative_(input: T) = mt_neg_ -> self
m  reciprocal_(input: T) = mt_reciprocal_ -> self
tm round(input: T, *, decimals: int=0) = mt_round
tm round_(input: T, *, decimals: int=0) = mt_round_ -> self
tm logit(input: T, eps: float?=None) = mt_logit
tm logit_(input: T, eps: float?=None) = mt_logit_ -> self
t  polygamma(n: int, input: T) = mt_polygamma
m  polygamma(input: T, n: int) = mt_polygamma(n, input)
m  polygamma_(input: T, n: int) = mt_polygamma_ -> self
tm mvlgamma(input: T, p: int) = mt_mvlgamma
m  mvlgamma_(input: T, p: int) = mt_mvlgamma_ -> self
tm nan_to_num(input: T, nan: float?=None, posinf: float?=None, neginf: float?=None) = mt_nan_to_num
tm nan_to_num_(input: T, nan: float?=None, posinf: float?=None, neginf: float?=None) = mt_nan_to_num_ -> self

tm pow(input: N, exponent: N) = mt_pow
m  pow_(input: T, exponent: N) = mt_pow_ -> self
tm float_power(input: N, exponent: N) = mt_float_power
m  float_power_(input: T, exponent: N) = mt_float_power_ -> self
tm atan2(input: T, other: T) = mt_atan2
tm arctan2(input: T, other: T) = mt_atan2
m  atan2_(input: T, other: T) = mt_atan2_ -> self
m  arctan2_(input: T, other: T) = mt_atan2_ -> self
tm hypot(input: T, other: T) = mt_hypot
m  hypot_(input: T, other: T) = mt_hypot_ -> self
tm copysign(input: T, other: N) = mt_copysign
m  copysign_(input: T, other: N) = mt_copysign_ -> self
tm heaviside(input: T, values: T) = mt_heaviside
m  heaviside_(input: T, values: T) = mt_heaviside_ -> self
tm logaddexp(input: T, other: T) = mt_logaddexp
tm logaddexp2(input: T, other: T) = mt_logaddexp2
tm xlogy(input: N, other: N) = mt_xlogy
m  xlogy_(input: T, other: N) = mt_xlogy_ -> self

tm floor_divide(input: N, other: N) = mt_floor_divide
m  floor_divide_(input: T, other: N) = mt_floor_divide_ -> self
tm remainder(input: N, other: N) = mt_remainder
m  remainder_(input: T, other: N) = mt_remainder_ -> self
tm fmod(input: T, other: N) = mt_fmod
m  fmod_(input: T, other: N) = mt_fmod_ -> self
tm true_divide(input: N, other: N) = mt_div
m  true_divide_(input: T, other: N) = mt_div_ -> self

tm ldexp(input: T, other: T) = mt_ldexp
m  ldexp_(input: T, other: T) = mt_ldexp_ -> self
tm nextafter(input: T, other: T) = mt_nextafter
m  nextafter_(input: T, other: T) = mt_nextafter_ -> self
tm gcd(input: T, other: T) = mt_gcd
tm gcd_(input: T, other: T) = mt_gcd_ -> self
tm lcm(input: T, other: T) = mt_lcm
tm lcm_(input: T, other: T) = mt_lcm_ -> self
tm i0(input: T) = mt_i0
tm i0_(input: T) = mt_i0_ -> self
t  _i0e(input: T) = mt_i0e
t  _i1(input: T) = mt_i1
t  _i1e(input: T) = mt_i1e
t  _entr(input: T) = mt_entr
t  _xlog1py(input: N, other: N) = mt_xlog1py
t  _zeta(input: N, other: N) = mt_zeta

tm maximum(input: T, other: T) = mt_maximum
tm minimum(input: T, other: T) = mt_minimum
tm fmax(input: T, other: T) = mt_fmax
tm fmin(input: T, other: T) = mt_fmin
tm clamp(input: T, min: N?=None, max: N?=None) = mt_clamp
tm clamp_(input: T, min: N?=None, max: N?=None) = mt_clamp_ -> self
tm clip(input: T, min: N?=None, max: N?=None) = mt_clamp
tm clip_(input: T, min: N?=None, max: N?=None) = mt_clamp_ -> self
tm clamp_min(input: T, min: N) = mt_clamp_min
tm clamp_min_(input: T, min: N) = mt_clamp_min_ -> self
tm clamp_max(input: T, max: N) = mt_clamp_max
tm clamp_max_(input: T, max: N) = mt_clamp_max_ -> self

tm addcmul(input: T, tensor1: T, tensor2: T, *, value: N?=None) = mt_addcmul
m  addcmul_(input: T, tensor1: T, tensor2: T, *, value: N?=None) = mt_addcmul_ -> self
tm addcdiv(input: T, tensor1: T, tensor2: T, *, value: N?=None) = mt_addcdiv
m  addcdiv_(input: T, tensor1: T, tensor2: T, *, value: N?=None) = mt_addcdiv_ -> self
tm lerp(input: T, end: T, weight: N) = mt_lerp
m  lerp_(input: T, end: T, weight: N) = mt_lerp_ -> self

o  __pow__(input: T, exponent: N) = mt_pow
o  __rpow__(input: T, base: N) = mt_pow(base, input)
o  __ipow__(input: T, exponent: N) = mt_pow_ -> self
o  __mod__(input: T, other: N) = mt_remainder
o  __rmod__(input: T, other: N) = mt_remainder(other, input)
o  __imod__(input: T, other: N) = mt_remainder_ -> self
o  __floordiv__(input: T, other: N) = mt_floor_divide
o  __rfloordiv__(input: T, other: N) = mt_floor_divide(other, input)
o  __ifloordiv__(input: T, other: N) = mt_floor_divide_ -> self
o  __abs__(input: T) = mt_abs
""")

table("t _true_divide(input: N, other: N) = mt_div\nm _true_divide_(input: T, other: N) = mt_div_ -> self")
_MODES = "enum(none,trunc,floor)"
table(f"t _rounded_divide(input: N, other: N, mode: {_MODES}) = mt_div_mode")
table(f"m _rounded_divide_(input: T, other: N, mode: {_MODES}) = mt_div_mode_ -> self")


def _mode(rounding_mode):
    if rounding_mode in ("trunc", "floor"):
        return rounding_mode
    raise RuntimeError(
        f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


def _div(name):
    def div(input, other, *, rounding_mode=None, out=None):
        if rounding_mode is None:
            r = _T._true_divide(input, other)
        else:
            r = _T._rounded_divide(input, other, _mode(rounding_mode))
        return r if out is None else store(out, r)

    def div_(input, other, *, rounding_mode=None):
        if rounding_mode is None:
            return input._true_divide_(other)
        return input._rounded_divide_(other, _mode(rounding_mode))

    div.__name__ = div.__qualname__ = name
    div_.__name__ = div_.__qualname__ = name + "_"
    div.__module__ = div_.__module__ = "martlet"
    div.__doc__ = f"{name}(input, other, *, rounding_mode=None): the quotient, rounded by 'trunc' or 'floor' where asked for."
    div_.__doc__ = f"In-place form of {name}."
    op("tm", quick=f"{name}(input: N, other: N) = mt_div")(div)
    op("m")(div_)


_div("div")
_div("divide")


def _reciprocal_times(input, other):
    """other / input, as torch computes it: the reciprocal times the number."""
    return input.reciprocal().__mul__(other)


@op("tm")
def positive(input):
    """positive(input): the tensor itself; not offered for bool."""
    if str(input.dtype) == "torch.bool":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


op("m", "__pos__")(positive)
op("m", "__rtruediv__")(_reciprocal_times)
op("m", "__rdiv__")(_reciprocal_times)
