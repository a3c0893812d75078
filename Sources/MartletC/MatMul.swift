import CMartlet
import Martlet

// Reductions and matrix products.

@_cdecl("mt_sum") @implementation
public func mt_sum(
    _ self_: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? { result { try T(self_, "self").sum(optionalInts(list, n), keepDim: keepdim != 0, dtype: optionalDType(type)) } }

@_cdecl("mt_mean") @implementation
public func mt_mean(
    _ self_: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? { result { try T(self_, "self").mean(optionalInts(list, n), keepDim: keepdim != 0, dtype: optionalDType(type)) } }

@_cdecl("mt_mm") @implementation
public func mt_mm(_ self_: mt_tensor?, _ mat2: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").mm(T(mat2, "mat2")) }
}

@_cdecl("mt_addmm") @implementation
public func mt_addmm(
    _ input: mt_tensor?, _ mat1: mt_tensor?, _ mat2: mt_tensor?, _ beta: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? { result { try Tensor.addmm(T(input, "input"), T(mat1, "mat1"), T(mat2, "mat2"), beta: optional(beta) ?? .number(1), alpha: optional(alpha) ?? .number(1)) } }
