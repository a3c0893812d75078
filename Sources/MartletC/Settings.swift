import CMartlet
import Martlet

@_cdecl("mt_default_dtype") @implementation
public func mt_default_dtype() -> Int32 { Int32(DType.defaultFloat.rawValue) }

@_cdecl("mt_set_default_dtype") @implementation
public func mt_set_default_dtype(_ type: Int32) -> mt_status {
    status {
        let t = try dtype(type)
        guard t.isFloatingPoint else {
            throw MartletError(.type, "only floating-point types are supported as the default type")
        }
        DType.defaultFloat = t
    }
}

@_cdecl("mt_result_type") @implementation
public func mt_result_type(_ a: mt_tensor?, _ b: mt_tensor?) -> Int32 {
    value(-1) { Int32(Tensor.resultType(try T(a, "a"), try T(b, "b")).rawValue) }
}

@_cdecl("mt_promote_types") @implementation
public func mt_promote_types(_ a: Int32, _ b: Int32) -> Int32 {
    value(-1) { Int32(DType.promote(try dtype(a), try dtype(b)).rawValue) }
}

@_cdecl("mt_set_num_threads") @implementation
public func mt_set_num_threads(_ n: Int32) { Threads.count = Int(n) }

@_cdecl("mt_get_num_threads") @implementation
public func mt_get_num_threads() -> Int32 { Int32(Threads.count) }

@_cdecl("mt_output_nr") @implementation
public func mt_output_nr(_ t: mt_tensor?) -> Int32 { value(-1) { Int32(try T(t, "t").outputNumber) } }

@_cdecl("mt_is_inference") @implementation
public func mt_is_inference(_ t: mt_tensor?) -> Int32 { value(-1) { try T(t, "t").isInferenceTensor ? 1 : 0 } }
