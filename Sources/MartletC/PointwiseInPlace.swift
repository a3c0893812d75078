import CMartlet
import Martlet

// In-place forms of pointwise mathematics.

// MARK: One operand

@_cdecl("mt_exp_") @implementation
public func mt_exp_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("exp_", keepsInput: false) { try $0.exp() } }
}

@_cdecl("mt_exp2_") @implementation
public func mt_exp2_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("exp2_", keepsInput: false) { try $0.exp2() } }
}

@_cdecl("mt_expm1_") @implementation
public func mt_expm1_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("expm1_", keepsInput: false) { try $0.expm1() } }
}

@_cdecl("mt_log_") @implementation
public func mt_log_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("log_") { try $0.log() } }
}

@_cdecl("mt_log2_") @implementation
public func mt_log2_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("log2_") { try $0.log2() } }
}

@_cdecl("mt_log10_") @implementation
public func mt_log10_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("log10_") { try $0.log10() } }
}

@_cdecl("mt_log1p_") @implementation
public func mt_log1p_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("log1p_") { try $0.log1p() } }
}

@_cdecl("mt_sqrt_") @implementation
public func mt_sqrt_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sqrt_", keepsInput: false) { try $0.sqrt() } }
}

@_cdecl("mt_rsqrt_") @implementation
public func mt_rsqrt_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("rsqrt_", keepsInput: false) { try $0.rsqrt() } }
}

@_cdecl("mt_square_") @implementation
public func mt_square_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("square_") { try $0.square() } }
}

@_cdecl("mt_abs_") @implementation
public func mt_abs_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("abs_") { try $0.abs() } }
}

@_cdecl("mt_sign_") @implementation
public func mt_sign_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sign_", keepsInput: false) { try $0.sign() } }
}

@_cdecl("mt_sgn_") @implementation
public func mt_sgn_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sgn_", keepsInput: false) { try $0.sgn() } }
}

@_cdecl("mt_sin_") @implementation
public func mt_sin_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sin_") { try $0.sin() } }
}

@_cdecl("mt_cos_") @implementation
public func mt_cos_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("cos_") { try $0.cos() } }
}

@_cdecl("mt_tan_") @implementation
public func mt_tan_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("tan_", keepsInput: false) { try $0.tan() } }
}

@_cdecl("mt_asin_") @implementation
public func mt_asin_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("asin_") { try $0.asin() } }
}

@_cdecl("mt_acos_") @implementation
public func mt_acos_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("acos_") { try $0.acos() } }
}

@_cdecl("mt_atan_") @implementation
public func mt_atan_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("atan_") { try $0.atan() } }
}

@_cdecl("mt_sinh_") @implementation
public func mt_sinh_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sinh_") { try $0.sinh() } }
}

@_cdecl("mt_cosh_") @implementation
public func mt_cosh_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("cosh_") { try $0.cosh() } }
}

@_cdecl("mt_tanh_") @implementation
public func mt_tanh_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("tanh_", keepsInput: false) { try $0.tanh() } }
}

@_cdecl("mt_asinh_") @implementation
public func mt_asinh_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("asinh_") { try $0.asinh() } }
}

@_cdecl("mt_acosh_") @implementation
public func mt_acosh_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("acosh_") { try $0.acosh() } }
}

@_cdecl("mt_atanh_") @implementation
public func mt_atanh_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("atanh_") { try $0.atanh() } }
}

@_cdecl("mt_sigmoid_") @implementation
public func mt_sigmoid_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sigmoid_", keepsInput: false) { try $0.sigmoid() } }
}

@_cdecl("mt_erf_") @implementation
public func mt_erf_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("erf_") { try $0.erf() } }
}

@_cdecl("mt_erfc_") @implementation
public func mt_erfc_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("erfc_") { try $0.erfc() } }
}

@_cdecl("mt_erfinv_") @implementation
public func mt_erfinv_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("erfinv_", keepsInput: false) { try $0.erfinv() } }
}

@_cdecl("mt_lgamma_") @implementation
public func mt_lgamma_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("lgamma_") { try $0.lgamma() } }
}

@_cdecl("mt_digamma_") @implementation
public func mt_digamma_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("digamma_") { try $0.digamma() } }
}

@_cdecl("mt_floor_") @implementation
public func mt_floor_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("floor_", keepsInput: false) { try $0.floor() } }
}

@_cdecl("mt_ceil_") @implementation
public func mt_ceil_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("ceil_", keepsInput: false) { try $0.ceil() } }
}

@_cdecl("mt_trunc_") @implementation
public func mt_trunc_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("trunc_", keepsInput: false) { try $0.trunc() } }
}

@_cdecl("mt_frac_") @implementation
public func mt_frac_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("frac_", keepsInput: false) { try $0.frac() } }
}

@_cdecl("mt_sinc_") @implementation
public func mt_sinc_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("sinc_") { try $0.sinc() } }
}

@_cdecl("mt_deg2rad_") @implementation
public func mt_deg2rad_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("deg2rad_") { try $0.deg2rad() } }
}

@_cdecl("mt_rad2deg_") @implementation
public func mt_rad2deg_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("rad2deg_") { try $0.rad2deg() } }
}

@_cdecl("mt_round_") @implementation
public func mt_round_(_ self_: mt_tensor?, _ decimals: Int64) -> mt_status {
    status { try T(self_, "self").inPlace("round_", keepsInput: false) { try $0.round(decimals: Int(decimals)) } }
}

@_cdecl("mt_logit_") @implementation
public func mt_logit_(_ self_: mt_tensor?, _ eps: Double) -> mt_status {
    status { try T(self_, "self").inPlace("logit_") { try $0.logit(eps: optionalDouble(eps)) } }
}

@_cdecl("mt_polygamma_") @implementation
public func mt_polygamma_(_ self_: mt_tensor?, _ n: Int64) -> mt_status {
    status { try T(self_, "self").inPlace("polygamma_") { try $0.polygamma(Int(n)) } }
}

@_cdecl("mt_mvlgamma_") @implementation
public func mt_mvlgamma_(_ self_: mt_tensor?, _ p: Int64) -> mt_status {
    status { try T(self_, "self").inPlace("mvlgamma_") { try $0.mvlgamma(Int(p)) } }
}

@_cdecl("mt_nan_to_num_") @implementation
public func mt_nan_to_num_(_ self_: mt_tensor?, _ nan: Double, _ posinf: Double, _ neginf: Double) -> mt_status {
    status { try T(self_, "self").inPlace("nan_to_num_") { try $0.nanToNum(nan: optionalDouble(nan), posinf: optionalDouble(posinf), neginf: optionalDouble(neginf)) } }
}

// MARK: Two operands

@_cdecl("mt_pow_") @implementation
public func mt_pow_(_ self_: mt_tensor?, _ exponent: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("pow_", [T(exponent, "exponent")]) { try $0.pow(T(exponent, "exponent")) } }
}

@_cdecl("mt_float_power_") @implementation
public func mt_float_power_(_ self_: mt_tensor?, _ exponent: mt_tensor?) -> mt_status {
    status {
        let base = try T(self_, "self")
        guard base.dtype == .float64 else {
            throw MartletError.runtime(
                "the base given to float_power_ has dtype \(base.dtype.scalarTypeName) but the operation's result requires dtype Double")
        }
        try base.inPlace("float_power_", [T(exponent, "exponent")]) { try $0.floatPower(T(exponent, "exponent")) }
    }
}

@_cdecl("mt_atan2_") @implementation
public func mt_atan2_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("atan2_", [T(other, "other")]) { try $0.atan2(T(other, "other")) } }
}

@_cdecl("mt_hypot_") @implementation
public func mt_hypot_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("hypot_", [T(other, "other")]) { try $0.hypot(T(other, "other")) } }
}

@_cdecl("mt_copysign_") @implementation
public func mt_copysign_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("copysign_", [T(other, "other")]) { try $0.copysign(T(other, "other")) } }
}

@_cdecl("mt_heaviside_") @implementation
public func mt_heaviside_(_ self_: mt_tensor?, _ values: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("heaviside_", [T(values, "values")]) { try $0.heaviside(T(values, "values")) } }
}

@_cdecl("mt_xlogy_") @implementation
public func mt_xlogy_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("xlogy_", [T(other, "other")]) { try $0.xlogy(T(other, "other")) } }
}

@_cdecl("mt_ldexp_") @implementation
public func mt_ldexp_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("ldexp_", [T(other, "other")]) { try $0.ldexp(T(other, "other")) } }
}

@_cdecl("mt_nextafter_") @implementation
public func mt_nextafter_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("nextafter_", [T(other, "other")]) { try $0.nextafter(T(other, "other")) } }
}

@_cdecl("mt_gcd_") @implementation
public func mt_gcd_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("gcd_", [T(other, "other")]) { try $0.gcd(T(other, "other")) } }
}

@_cdecl("mt_lcm_") @implementation
public func mt_lcm_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("lcm_", [T(other, "other")]) { try $0.lcm(T(other, "other")) } }
}

@_cdecl("mt_floor_divide_") @implementation
public func mt_floor_divide_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("floor_divide_", [T(other, "other")]) { try $0.floorDivide(T(other, "other")) } }
}

@_cdecl("mt_remainder_") @implementation
public func mt_remainder_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("remainder_", [T(other, "other")]) { try $0.remainder(T(other, "other")) } }
}

@_cdecl("mt_fmod_") @implementation
public func mt_fmod_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("fmod_", [T(other, "other")]) { try $0.fmod(T(other, "other")) } }
}

@_cdecl("mt_div_mode_") @implementation
public func mt_div_mode_(_ self_: mt_tensor?, _ other: mt_tensor?, _ mode: Int32) -> mt_status {
    status { try T(self_, "self").inPlace("div_", [T(other, "other")]) { try $0.div(T(other, "other"), rounding: roundingMode(mode)) } }
}

@_cdecl("mt_i0_") @implementation
public func mt_i0_(_ self_: mt_tensor?) -> mt_status { status { try T(self_, "self").inPlace("i0_") { try $0.i0() } } }

@_cdecl("mt_neg_") @implementation
public func mt_neg_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("neg_", keepsInput: false) { try $0.neg() } }
}

@_cdecl("mt_reciprocal_") @implementation
public func mt_reciprocal_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("reciprocal_", keepsInput: false) { try $0.reciprocal() } }
}

@_cdecl("mt_clamp_") @implementation
public func mt_clamp_(_ self_: mt_tensor?, _ min: mt_tensor?, _ max: mt_tensor?) -> mt_status {
    status { try T(self_, "self").clampInPlace(min: optional(min, "min"), max: optional(max, "max")) }
}

@_cdecl("mt_clamp_min_") @implementation
public func mt_clamp_min_(_ self_: mt_tensor?, _ min: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("clamp_min_", [T(min, "min")]) { try $0.clampMin(T(min, "min")) } }
}

@_cdecl("mt_clamp_max_") @implementation
public func mt_clamp_max_(_ self_: mt_tensor?, _ max: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("clamp_max_", [T(max, "max")]) { try $0.clampMax(T(max, "max")) } }
}

// MARK: Three operands

@_cdecl("mt_addcmul_") @implementation
public func mt_addcmul_(
    _ self_: mt_tensor?, _ tensor1: mt_tensor?, _ tensor2: mt_tensor?, _ value: mt_tensor?
) -> mt_status {
    status { try T(self_, "self").addcmulInPlace(T(tensor1, "tensor1"), T(tensor2, "tensor2"), value: optional(value, "value") ?? .number(1)) }
}

@_cdecl("mt_addcdiv_") @implementation
public func mt_addcdiv_(
    _ self_: mt_tensor?, _ tensor1: mt_tensor?, _ tensor2: mt_tensor?, _ value: mt_tensor?
) -> mt_status {
    status { try T(self_, "self").addcdivInPlace(T(tensor1, "tensor1"), T(tensor2, "tensor2"), value: optional(value, "value") ?? .number(1)) }
}

@_cdecl("mt_lerp_") @implementation
public func mt_lerp_(_ self_: mt_tensor?, _ end: mt_tensor?, _ weight: mt_tensor?) -> mt_status {
    status { try T(self_, "self").lerpInPlace(T(end, "end"), T(weight, "weight")) }
}
