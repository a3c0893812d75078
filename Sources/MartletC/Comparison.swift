import CMartlet
import Martlet

// Comparisons, logic and choice by masks.

// MARK: Comparisons

@_cdecl("mt_eq") @implementation
public func mt_eq(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").eq(T(other, "other")) }
}

@_cdecl("mt_ne") @implementation
public func mt_ne(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").ne(T(other, "other")) }
}

@_cdecl("mt_lt") @implementation
public func mt_lt(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").lt(T(other, "other")) }
}

@_cdecl("mt_le") @implementation
public func mt_le(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").le(T(other, "other")) }
}

@_cdecl("mt_gt") @implementation
public func mt_gt(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").gt(T(other, "other")) }
}

@_cdecl("mt_ge") @implementation
public func mt_ge(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").ge(T(other, "other")) }
}

@_cdecl("mt_isnan") @implementation
public func mt_isnan(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").isnan() } }

@_cdecl("mt_isinf") @implementation
public func mt_isinf(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").isinf() } }

@_cdecl("mt_isposinf") @implementation
public func mt_isposinf(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").isposinf() } }

@_cdecl("mt_isneginf") @implementation
public func mt_isneginf(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").isneginf() } }

@_cdecl("mt_isfinite") @implementation
public func mt_isfinite(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").isfinite() } }

@_cdecl("mt_signbit") @implementation
public func mt_signbit(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").signbit() } }

@_cdecl("mt_isin") @implementation
public func mt_isin(_ elements: mt_tensor?, _ test_elements: mt_tensor?, _ invert: Int32) -> mt_tensor? {
    result { try T(elements, "elements").isin(T(test_elements, "test_elements"), invert: invert != 0) }
}

@_cdecl("mt_isclose") @implementation
public func mt_isclose(
    _ self_: mt_tensor?, _ other: mt_tensor?, _ rtol: Double, _ atol: Double, _ equal_nan: Int32
) -> mt_tensor? {
    result { try T(self_, "self").isclose(T(other, "other"), rtol: rtol, atol: atol, equalNan: equal_nan != 0) }
}

@_cdecl("mt_allclose") @implementation
public func mt_allclose(
    _ self_: mt_tensor?, _ other: mt_tensor?, _ rtol: Double, _ atol: Double, _ equal_nan: Int32, _ out: UnsafeMutablePointer<Int32>?
) -> mt_status {
    status { try answer(out, T(self_, "self").allclose(T(other, "other"), rtol: rtol, atol: atol, equalNan: equal_nan != 0)) }
}

@_cdecl("mt_equal") @implementation
public func mt_equal(_ self_: mt_tensor?, _ other: mt_tensor?, _ out: UnsafeMutablePointer<Int32>?) -> mt_status {
    status { try answer(out, T(self_, "self").equal(T(other, "other"))) }
}

// MARK: Logic

@_cdecl("mt_logical_and") @implementation
public func mt_logical_and(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").logicalAnd(T(other, "other")) }
}

@_cdecl("mt_logical_or") @implementation
public func mt_logical_or(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").logicalOr(T(other, "other")) }
}

@_cdecl("mt_logical_xor") @implementation
public func mt_logical_xor(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").logicalXor(T(other, "other")) }
}

@_cdecl("mt_bitwise_and") @implementation
public func mt_bitwise_and(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").bitwiseAnd(T(other, "other")) }
}

@_cdecl("mt_bitwise_or") @implementation
public func mt_bitwise_or(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").bitwiseOr(T(other, "other")) }
}

@_cdecl("mt_bitwise_xor") @implementation
public func mt_bitwise_xor(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").bitwiseXor(T(other, "other")) }
}

@_cdecl("mt_bitwise_left_shift") @implementation
public func mt_bitwise_left_shift(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").bitwiseLeftShift(T(other, "other")) }
}

@_cdecl("mt_bitwise_right_shift") @implementation
public func mt_bitwise_right_shift(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").bitwiseRightShift(T(other, "other")) }
}

@_cdecl("mt_logical_not") @implementation
public func mt_logical_not(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").logicalNot() } }

@_cdecl("mt_bitwise_not") @implementation
public func mt_bitwise_not(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").bitwiseNot() } }

// MARK: Choice

@_cdecl("mt_where") @implementation
public func mt_where(_ condition: mt_tensor?, _ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try Tensor.choose(T(condition, "condition"), T(self_, "self"), T(other, "other")) }
}

@_cdecl("mt_masked_fill") @implementation
public func mt_masked_fill(_ self_: mt_tensor?, _ mask: mt_tensor?, _ value: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").maskedFill(T(mask, "mask"), T(value, "value")) }
}

// MARK: In place

@_cdecl("mt_eq_") @implementation
public func mt_eq_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("eq_", keepsInput: false) { try $0.eq(T(other, "other")) } }
}

@_cdecl("mt_ne_") @implementation
public func mt_ne_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("ne_", keepsInput: false) { try $0.ne(T(other, "other")) } }
}

@_cdecl("mt_lt_") @implementation
public func mt_lt_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("lt_", keepsInput: false) { try $0.lt(T(other, "other")) } }
}

@_cdecl("mt_le_") @implementation
public func mt_le_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("le_", keepsInput: false) { try $0.le(T(other, "other")) } }
}

@_cdecl("mt_gt_") @implementation
public func mt_gt_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("gt_", keepsInput: false) { try $0.gt(T(other, "other")) } }
}

@_cdecl("mt_ge_") @implementation
public func mt_ge_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("ge_", keepsInput: false) { try $0.ge(T(other, "other")) } }
}

@_cdecl("mt_logical_and_") @implementation
public func mt_logical_and_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("logical_and_", keepsInput: false) { try $0.logicalAnd(T(other, "other")) } }
}

@_cdecl("mt_logical_or_") @implementation
public func mt_logical_or_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("logical_or_", keepsInput: false) { try $0.logicalOr(T(other, "other")) } }
}

@_cdecl("mt_logical_xor_") @implementation
public func mt_logical_xor_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("logical_xor_", keepsInput: false) { try $0.logicalXor(T(other, "other")) } }
}

@_cdecl("mt_bitwise_and_") @implementation
public func mt_bitwise_and_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("bitwise_and_", keepsInput: false) { try $0.bitwiseAnd(T(other, "other")) } }
}

@_cdecl("mt_bitwise_or_") @implementation
public func mt_bitwise_or_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("bitwise_or_", keepsInput: false) { try $0.bitwiseOr(T(other, "other")) } }
}

@_cdecl("mt_bitwise_xor_") @implementation
public func mt_bitwise_xor_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("bitwise_xor_", keepsInput: false) { try $0.bitwiseXor(T(other, "other")) } }
}

@_cdecl("mt_bitwise_left_shift_") @implementation
public func mt_bitwise_left_shift_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("bitwise_left_shift_", keepsInput: false) { try $0.bitwiseLeftShift(T(other, "other")) } }
}

@_cdecl("mt_bitwise_right_shift_") @implementation
public func mt_bitwise_right_shift_(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("bitwise_right_shift_", keepsInput: false) { try $0.bitwiseRightShift(T(other, "other")) } }
}

@_cdecl("mt_logical_not_") @implementation
public func mt_logical_not_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("logical_not_", keepsInput: false) { try $0.logicalNot() } }
}

@_cdecl("mt_bitwise_not_") @implementation
public func mt_bitwise_not_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("bitwise_not_", keepsInput: false) { try $0.bitwiseNot() } }
}

@_cdecl("mt_masked_fill_") @implementation
public func mt_masked_fill_(_ self_: mt_tensor?, _ mask: mt_tensor?, _ value: mt_tensor?) -> mt_status {
    status { try T(self_, "self").maskedFillInPlace(T(mask, "mask"), T(value, "value")) }
}

/// Writes a yes or no to `out`.
func answer(_ out: UnsafeMutablePointer<Int32>?, _ yes: Bool) throws {
    guard let out else { throw MartletError(.handle, "the result pointer is NULL") }
    out.pointee = yes ? 1 : 0
}
