import CMartlet
import Martlet

// Matrix products and what is made of them.

@_cdecl("mt_mm") @implementation
public func mt_mm(_ self_: mt_tensor?, _ mat2: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").mm(T(mat2, "mat2")) }
}

@_cdecl("mt_bmm") @implementation
public func mt_bmm(_ self_: mt_tensor?, _ mat2: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").bmm(T(mat2, "mat2")) }
}

@_cdecl("mt_mv") @implementation
public func mt_mv(_ self_: mt_tensor?, _ vec: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").mv(T(vec, "vec")) }
}

@_cdecl("mt_dot") @implementation
public func mt_dot(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").dot(T(other, "other")) }
}

@_cdecl("mt_vdot") @implementation
public func mt_vdot(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").vdot(T(other, "other")) }
}

@_cdecl("mt_matmul") @implementation
public func mt_matmul(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").matmul(T(other, "other")) }
}

@_cdecl("mt_outer") @implementation
public func mt_outer(_ self_: mt_tensor?, _ vec2: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").outer(T(vec2, "vec2")) }
}

@_cdecl("mt_inner") @implementation
public func mt_inner(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").inner(T(other, "other")) }
}

@_cdecl("mt_addmm") @implementation
public func mt_addmm(
    _ input: mt_tensor?, _ mat1: mt_tensor?, _ mat2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? {
    result { try .addmm(T(input, "input"), T(mat1, "mat1"), T(mat2, "mat2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addmv") @implementation
public func mt_addmv(
    _ input: mt_tensor?, _ mat: mt_tensor?, _ vec: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? {
    result { try .addmv(T(input, "input"), T(mat, "mat"), T(vec, "vec"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addr") @implementation
public func mt_addr(
    _ input: mt_tensor?, _ vec1: mt_tensor?, _ vec2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? {
    result { try .addr(T(input, "input"), T(vec1, "vec1"), T(vec2, "vec2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_baddbmm") @implementation
public func mt_baddbmm(
    _ input: mt_tensor?, _ batch1: mt_tensor?, _ batch2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? {
    result { try .baddbmm(T(input, "input"), T(batch1, "batch1"), T(batch2, "batch2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addbmm") @implementation
public func mt_addbmm(
    _ input: mt_tensor?, _ batch1: mt_tensor?, _ batch2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? {
    result { try .addbmm(T(input, "input"), T(batch1, "batch1"), T(batch2, "batch2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addmm_") @implementation
public func mt_addmm_(
    _ input: mt_tensor?, _ mat1: mt_tensor?, _ mat2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_status {
    status { try T(input, "input").addmmInPlace(T(mat1, "mat1"), T(mat2, "mat2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addmv_") @implementation
public func mt_addmv_(
    _ input: mt_tensor?, _ mat: mt_tensor?, _ vec: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_status {
    status { try T(input, "input").addmvInPlace(T(mat, "mat"), T(vec, "vec"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addr_") @implementation
public func mt_addr_(
    _ input: mt_tensor?, _ vec1: mt_tensor?, _ vec2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_status {
    status { try T(input, "input").addrInPlace(T(vec1, "vec1"), T(vec2, "vec2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_baddbmm_") @implementation
public func mt_baddbmm_(
    _ input: mt_tensor?, _ batch1: mt_tensor?, _ batch2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_status {
    status { try T(input, "input").baddbmmInPlace(T(batch1, "batch1"), T(batch2, "batch2"), beta: one(beta), alpha: one(alpha)) }
}

@_cdecl("mt_addbmm_") @implementation
public func mt_addbmm_(
    _ input: mt_tensor?, _ batch1: mt_tensor?, _ batch2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_status {
    status { try T(input, "input").addbmmInPlace(T(batch1, "batch1"), T(batch2, "batch2"), beta: one(beta), alpha: one(alpha)) }
}

/// A number that is 1 where it is left out.
private func one(_ h: mt_tensor?) throws -> Tensor { try optional(h) ?? .number(1) }

@_cdecl("mt_tensordot") @implementation
public func mt_tensordot(
    _ self_: mt_tensor?, _ other: mt_tensor?, _ mine: UnsafePointer<Int64>?, _ n: Int32, _ theirs: UnsafePointer<Int64>?,
    _ m: Int32
) -> mt_tensor? { result { try T(self_, "self").tensordot(T(other, "other"), ints(mine, n), ints(theirs, m)) } }

@_cdecl("mt_kron") @implementation
public func mt_kron(_ self_: mt_tensor?, _ other: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").kron(T(other, "other")) }
}

@_cdecl("mt_multi_dot") @implementation
public func mt_multi_dot(_ list: UnsafePointer<mt_tensor?>?, _ n: Int32) -> mt_tensor? {
    result { try .multiDot(tensors(list, n, "tensors")) }
}

@_cdecl("mt_einsum") @implementation
public func mt_einsum(_ equation: UnsafePointer<CChar>?, _ list: UnsafePointer<mt_tensor?>?, _ n: Int32) -> mt_tensor? {
    result {
        guard let equation else { throw MartletError(.handle, "mt_einsum: argument 'equation' is NULL") }
        return try .einsum(String(cString: equation), tensors(list, n, "operands"))
    }
}

@_cdecl("mt_linear") @implementation
public func mt_linear(_ input: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?) -> mt_tensor? {
    result { try T(input, "input").linear(T(weight, "weight"), optional(bias, "bias")) }
}

@_cdecl("mt_linear_then") @implementation
public func mt_linear_then(_ input: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?, _ activation: Int32) -> mt_tensor? {
    result {
        guard let f = LinearActivation(rawValue: activation) else {
            throw MartletError.value("mt_linear_then: unknown activation \(activation)")
        }
        return try T(input, "input").linear(T(weight, "weight"), optional(bias, "bias"), then: f)
    }
}

@_cdecl("mt_feed_forward") @implementation
public func mt_feed_forward(
    _ input: mt_tensor?, _ weight1: mt_tensor?, _ bias1: mt_tensor?, _ activation: Int32, _ dropout: Double, _ weight2: mt_tensor?,
    _ bias2: mt_tensor?
) -> mt_tensor? {
    result {
        guard let f = LinearActivation(rawValue: activation) else {
            throw MartletError.value("mt_feed_forward: unknown activation \(activation)")
        }
        return try T(input, "input").feedForward(
            T(weight1, "weight1"), optional(bias1, "bias1"), then: f, dropout: dropout, T(weight2, "weight2"), optional(bias2, "bias2"))
    }
}

@_cdecl("mt_bilinear") @implementation
public func mt_bilinear(_ a: mt_tensor?, _ b: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?) -> mt_tensor? {
    result { try T(a, "input1").bilinear(T(b, "input2"), T(weight, "weight"), optional(bias, "bias")) }
}
