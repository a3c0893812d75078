import CMartlet
import Martlet

// Reductions.

@_cdecl("mt_sum") @implementation
public func mt_sum(
    _ self_: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? { result { try T(self_, "self").sum(optionalInts(list, n), keepDim: keepdim != 0, dtype: optionalDType(type)) } }

@_cdecl("mt_mean") @implementation
public func mt_mean(
    _ self_: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? { result { try T(self_, "self").mean(optionalInts(list, n), keepDim: keepdim != 0, dtype: optionalDType(type)) } }
