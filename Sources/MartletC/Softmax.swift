import CMartlet
import Martlet

// Softmax.

@_cdecl("mt_softmax") @implementation
public func mt_softmax(_ self_: mt_tensor?, _ dim: Int64, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").softmax(Int(dim), dtype: optionalDType(type)) }
}

@_cdecl("mt_log_softmax") @implementation
public func mt_log_softmax(_ self_: mt_tensor?, _ dim: Int64, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").logSoftmax(Int(dim), dtype: optionalDType(type)) }
}
