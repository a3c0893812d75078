import CMartlet
import Martlet

// Arithmetic.

@_cdecl("mt_add") @implementation
public func mt_add(_ self_: mt_tensor?, _ other: mt_tensor?, _ alpha: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").add(T(other, "other"), alpha: optional(alpha)) }
}

@_cdecl("mt_sub") @implementation
public func mt_sub(_ self_: mt_tensor?, _ other: mt_tensor?, _ alpha: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").sub(T(other, "other"), alpha: optional(alpha)) }
}

@_cdecl("mt_rsub") @implementation
public func mt_rsub(_ self_: mt_tensor?, _ other: mt_tensor?, _ alpha: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").rsub(T(other, "other"), alpha: optional(alpha)) }
}

@_cdecl("mt_mul") @implementation
public func mt_mul(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").mul(T(other, "other")) }
}

@_cdecl("mt_div") @implementation
public func mt_div(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").div(T(other, "other")) }
}

@_cdecl("mt_neg") @implementation
public func mt_neg(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").neg() } }

@_cdecl("mt_reciprocal") @implementation
public func mt_reciprocal(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").reciprocal() } }

@_cdecl("mt_add_") @implementation
public func mt_add_(_ self_: mt_tensor?, _ other: mt_tensor?, _ alpha: mt_tensor?) -> mt_status {
    status { try T(self_, "self").addInPlace(T(other, "other"), alpha: optional(alpha)) }
}

@_cdecl("mt_sub_") @implementation
public func mt_sub_(_ self_: mt_tensor?, _ other: mt_tensor?, _ alpha: mt_tensor?) -> mt_status {
    status { try T(self_, "self").subInPlace(T(other, "other"), alpha: optional(alpha)) }
}

@_cdecl("mt_mul_") @implementation
public func mt_mul_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").mulInPlace(T(other, "other")) }
}

@_cdecl("mt_div_") @implementation
public func mt_div_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").divInPlace(T(other, "other")) }
}
