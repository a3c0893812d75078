import CMartlet
import Martlet

// Pointwise mathematics.

// MARK: One operand

@_cdecl("mt_exp") @implementation
public func mt_exp(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").exp() } }

@_cdecl("mt_exp2") @implementation
public func mt_exp2(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").exp2() } }

@_cdecl("mt_expm1") @implementation
public func mt_expm1(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").expm1() } }

@_cdecl("mt_log") @implementation
public func mt_log(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").log() } }

@_cdecl("mt_log2") @implementation
public func mt_log2(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").log2() } }

@_cdecl("mt_log10") @implementation
public func mt_log10(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").log10() } }

@_cdecl("mt_log1p") @implementation
public func mt_log1p(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").log1p() } }

@_cdecl("mt_sqrt") @implementation
public func mt_sqrt(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sqrt() } }

@_cdecl("mt_rsqrt") @implementation
public func mt_rsqrt(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").rsqrt() } }

@_cdecl("mt_square") @implementation
public func mt_square(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").square() } }

@_cdecl("mt_abs") @implementation
public func mt_abs(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").abs() } }

@_cdecl("mt_sign") @implementation
public func mt_sign(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sign() } }

@_cdecl("mt_sgn") @implementation
public func mt_sgn(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sgn() } }

@_cdecl("mt_sin") @implementation
public func mt_sin(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sin() } }

@_cdecl("mt_cos") @implementation
public func mt_cos(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").cos() } }

@_cdecl("mt_tan") @implementation
public func mt_tan(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").tan() } }

@_cdecl("mt_asin") @implementation
public func mt_asin(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").asin() } }

@_cdecl("mt_acos") @implementation
public func mt_acos(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").acos() } }

@_cdecl("mt_atan") @implementation
public func mt_atan(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").atan() } }

@_cdecl("mt_sinh") @implementation
public func mt_sinh(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sinh() } }

@_cdecl("mt_cosh") @implementation
public func mt_cosh(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").cosh() } }

@_cdecl("mt_tanh") @implementation
public func mt_tanh(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").tanh() } }

@_cdecl("mt_asinh") @implementation
public func mt_asinh(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").asinh() } }

@_cdecl("mt_acosh") @implementation
public func mt_acosh(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").acosh() } }

@_cdecl("mt_atanh") @implementation
public func mt_atanh(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").atanh() } }

@_cdecl("mt_sigmoid") @implementation
public func mt_sigmoid(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sigmoid() } }

@_cdecl("mt_erf") @implementation
public func mt_erf(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").erf() } }

@_cdecl("mt_erfc") @implementation
public func mt_erfc(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").erfc() } }

@_cdecl("mt_erfinv") @implementation
public func mt_erfinv(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").erfinv() } }

@_cdecl("mt_lgamma") @implementation
public func mt_lgamma(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").lgamma() } }

@_cdecl("mt_digamma") @implementation
public func mt_digamma(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").digamma() } }

@_cdecl("mt_floor") @implementation
public func mt_floor(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").floor() } }

@_cdecl("mt_ceil") @implementation
public func mt_ceil(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").ceil() } }

@_cdecl("mt_trunc") @implementation
public func mt_trunc(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").trunc() } }

@_cdecl("mt_frac") @implementation
public func mt_frac(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").frac() } }

@_cdecl("mt_sinc") @implementation
public func mt_sinc(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").sinc() } }

@_cdecl("mt_deg2rad") @implementation
public func mt_deg2rad(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").deg2rad() } }

@_cdecl("mt_rad2deg") @implementation
public func mt_rad2deg(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").rad2deg() } }

@_cdecl("mt_round") @implementation
public func mt_round(_ self_: mt_tensor?, _ decimals: Int64) -> mt_tensor? {
    result { try T(self_, "self").round(decimals: Int(decimals)) }
}

@_cdecl("mt_logit") @implementation
public func mt_logit(_ self_: mt_tensor?, _ eps: Double) -> mt_tensor? {
    result { try T(self_, "self").logit(eps: optionalDouble(eps)) }
}

@_cdecl("mt_polygamma") @implementation
public func mt_polygamma(_ n: Int64, _ self_: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").polygamma(Int(n)) }
}

@_cdecl("mt_i0") @implementation
public func mt_i0(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").i0() } }

@_cdecl("mt_i0e") @implementation
public func mt_i0e(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").i0e() } }

@_cdecl("mt_i1") @implementation
public func mt_i1(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").i1() } }

@_cdecl("mt_i1e") @implementation
public func mt_i1e(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").i1e() } }

@_cdecl("mt_entr") @implementation
public func mt_entr(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").entr() } }

@_cdecl("mt_mvlgamma") @implementation
public func mt_mvlgamma(_ self_: mt_tensor?, _ p: Int64) -> mt_tensor? {
    result { try T(self_, "self").mvlgamma(Int(p)) }
}

@_cdecl("mt_nan_to_num") @implementation
public func mt_nan_to_num(_ self_: mt_tensor?, _ nan: Double, _ posinf: Double, _ neginf: Double) -> mt_tensor? {
    result { try T(self_, "self").nanToNum(nan: optionalDouble(nan), posinf: optionalDouble(posinf), neginf: optionalDouble(neginf)) }
}

// MARK: Two operands

@_cdecl("mt_pow") @implementation
public func mt_pow(_ self_: mt_tensor?, _ exponent: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").pow(T(exponent, "exponent")) }
}

@_cdecl("mt_float_power") @implementation
public func mt_float_power(_ self_: mt_tensor?, _ exponent: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").floatPower(T(exponent, "exponent")) }
}

@_cdecl("mt_atan2") @implementation
public func mt_atan2(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").atan2(T(other, "other")) }
}

@_cdecl("mt_hypot") @implementation
public func mt_hypot(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").hypot(T(other, "other")) }
}

@_cdecl("mt_copysign") @implementation
public func mt_copysign(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").copysign(T(other, "other")) }
}

@_cdecl("mt_heaviside") @implementation
public func mt_heaviside(_ self_: mt_tensor?, _ values: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").heaviside(T(values, "values")) }
}

@_cdecl("mt_logaddexp") @implementation
public func mt_logaddexp(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").logaddexp(T(other, "other")) }
}

@_cdecl("mt_logaddexp2") @implementation
public func mt_logaddexp2(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").logaddexp2(T(other, "other")) }
}

@_cdecl("mt_xlogy") @implementation
public func mt_xlogy(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").xlogy(T(other, "other")) }
}

@_cdecl("mt_ldexp") @implementation
public func mt_ldexp(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").ldexp(T(other, "other")) }
}

@_cdecl("mt_nextafter") @implementation
public func mt_nextafter(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").nextafter(T(other, "other")) }
}

@_cdecl("mt_gcd") @implementation
public func mt_gcd(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").gcd(T(other, "other")) }
}

@_cdecl("mt_lcm") @implementation
public func mt_lcm(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").lcm(T(other, "other")) }
}

@_cdecl("mt_xlog1py") @implementation
public func mt_xlog1py(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").xlog1py(T(other, "other")) }
}

@_cdecl("mt_zeta") @implementation
public func mt_zeta(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").zeta(T(other, "other")) }
}

@_cdecl("mt_div_mode") @implementation
public func mt_div_mode(_ self_: mt_tensor?, _ other: mt_tensor?, _ mode: Int32) -> mt_tensor? {
    result { try T(self_, "self").div(T(other, "other"), rounding: roundingMode(mode)) }
}

@_cdecl("mt_floor_divide") @implementation
public func mt_floor_divide(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").floorDivide(T(other, "other")) }
}

@_cdecl("mt_remainder") @implementation
public func mt_remainder(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").remainder(T(other, "other")) }
}

@_cdecl("mt_fmod") @implementation
public func mt_fmod(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").fmod(T(other, "other")) }
}

@_cdecl("mt_maximum") @implementation
public func mt_maximum(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").maximum(T(other, "other")) }
}

@_cdecl("mt_minimum") @implementation
public func mt_minimum(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").minimum(T(other, "other")) }
}

@_cdecl("mt_fmax") @implementation
public func mt_fmax(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").fmax(T(other, "other")) }
}

@_cdecl("mt_fmin") @implementation
public func mt_fmin(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").fmin(T(other, "other")) }
}

@_cdecl("mt_clamp") @implementation
public func mt_clamp(_ self_: mt_tensor?, _ min: mt_tensor?, _ max: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").clamp(min: optional(min, "min"), max: optional(max, "max")) }
}

@_cdecl("mt_clamp_min") @implementation
public func mt_clamp_min(_ self_: mt_tensor?, _ min: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").clampMin(T(min, "min")) }
}

@_cdecl("mt_clamp_max") @implementation
public func mt_clamp_max(_ self_: mt_tensor?, _ max: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").clampMax(T(max, "max")) }
}

// MARK: Three operands

@_cdecl("mt_addcmul") @implementation
public func mt_addcmul(
    _ self_: mt_tensor?, _ tensor1: mt_tensor?, _ tensor2: mt_tensor?, _ value: mt_tensor?
) -> mt_tensor? {
    result { try T(self_, "self").addcmul(T(tensor1, "tensor1"), T(tensor2, "tensor2"), value: optional(value, "value") ?? .number(1)) }
}

@_cdecl("mt_addcdiv") @implementation
public func mt_addcdiv(
    _ self_: mt_tensor?, _ tensor1: mt_tensor?, _ tensor2: mt_tensor?, _ value: mt_tensor?
) -> mt_tensor? {
    result { try T(self_, "self").addcdiv(T(tensor1, "tensor1"), T(tensor2, "tensor2"), value: optional(value, "value") ?? .number(1)) }
}

@_cdecl("mt_lerp") @implementation
public func mt_lerp(_ self_: mt_tensor?, _ end: mt_tensor?, _ weight: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").lerp(T(end, "end"), T(weight, "weight")) }
}

/// NaN as nil.
@inline(__always)
func optionalDouble(_ v: Double) -> Double? { v.isNaN ? nil : v }

func roundingMode(_ m: Int32) throws -> Tensor.RoundingMode? {
    if m == 0 { return nil }
    guard let mode = Tensor.RoundingMode(rawValue: m) else {
        throw MartletError.runtime("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found \(m)")
    }
    return mode
}
