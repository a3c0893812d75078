import CMartlet
import Martlet

// Making tensors, looking at them, copying them.

@_cdecl("mt_tensor_release") @implementation
public func mt_tensor_release(_ t: mt_tensor?) {
    if let t { forgetInScope(t) }
    disown(t)
}

@_cdecl("mt_tensor_retain") @implementation
public func mt_tensor_retain(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t") } }

@_cdecl("mt_empty") @implementation
public func mt_empty(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32) -> mt_tensor? {
    result { try .empty(dims(sizes, ndim), dtype: dtype(type)) }
}

@_cdecl("mt_empty_like") @implementation
public func mt_empty_like(_ self_: mt_tensor?, _ type: Int32, _ rowMajor: Int32) -> mt_tensor? {
    result { try T(self_, "self").emptyLike(dtype: optionalDType(type), rowMajor: rowMajor != 0) }
}

@_cdecl("mt_full_like") @implementation
public func mt_full_like(_ self_: mt_tensor?, _ value: mt_tensor?, _ type: Int32, _ rowMajor: Int32) -> mt_tensor? {
    result { try T(self_, "self").fullLike(T(value, "value"), dtype: optionalDType(type), rowMajor: rowMajor != 0) }
}

@_cdecl("mt_zeros") @implementation
public func mt_zeros(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32) -> mt_tensor? {
    result { try .zeros(dims(sizes, ndim), dtype: dtype(type)) }
}

@_cdecl("mt_ones") @implementation
public func mt_ones(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32) -> mt_tensor? {
    result { try .ones(dims(sizes, ndim), dtype: dtype(type)) }
}

@_cdecl("mt_full") @implementation
public func mt_full(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ value: mt_tensor?, _ type: Int32) -> mt_tensor? {
    result { try .full(dims(sizes, ndim), T(value, "value"), dtype: optionalDType(type)) }
}

private func copyIn(_ data: UnsafeRawPointer?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: DType)
    -> mt_tensor?
{
    result {
        let t = try Tensor.empty(dims(sizes, ndim), dtype: type)
        guard t.numel == 0 || data != nil else { throw MartletError(.handle, "data is NULL") }
        if let data { t.overwrite(from: data) }
        return t
    }
}

@_cdecl("mt_tensor_from_f32") @implementation
public func mt_tensor_from_f32(_ data: UnsafePointer<Float>?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_tensor? {
    copyIn(data, sizes, ndim, .float32)
}

@_cdecl("mt_tensor_from_f64") @implementation
public func mt_tensor_from_f64(_ data: UnsafePointer<Double>?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_tensor? {
    copyIn(data, sizes, ndim, .float64)
}

@_cdecl("mt_tensor_from_i64") @implementation
public func mt_tensor_from_i64(_ data: UnsafePointer<Int64>?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_tensor? {
    copyIn(data, sizes, ndim, .int64)
}

@_cdecl("mt_tensor_from_data") @implementation
public func mt_tensor_from_data(
    _ data: UnsafeRawPointer?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32
) -> mt_tensor? {
    do { return copyIn(data, sizes, ndim, try dtype(type)) } catch {
        setError(error)
        return nil
    }
}

@_cdecl("mt_tensor_from_memory") @implementation
public func mt_tensor_from_memory(
    _ data: UnsafeMutableRawPointer?, _ sizes: UnsafePointer<Int64>?, _ strides: UnsafePointer<Int64>?, _ ndim: Int32,
    _ type: Int32, _ context: UnsafeMutableRawPointer?,
    _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
) -> mt_tensor? {
    result {
        try .fromMemory(
            data, dims(sizes, ndim), strides: optionalInts(strides, ndim) ?? (strides == nil ? nil : []),
            dtype: dtype(type)) { destroy?(context) }
    }
}

@_cdecl("mt_number_f64") @implementation
public func mt_number_f64(_ value: Double) -> mt_tensor? { result { .number(value) } }

@_cdecl("mt_number_i64") @implementation
public func mt_number_i64(_ value: Int64) -> mt_tensor? { result { .number(Int(value)) } }

@_cdecl("mt_number_bool") @implementation
public func mt_number_bool(_ value: Int32) -> mt_tensor? { result { .number(value != 0) } }

// MARK: Looking

@_cdecl("mt_tensor_get_info") @implementation
public func mt_tensor_get_info(_ t: mt_tensor?, _ info: UnsafeMutablePointer<mt_tensor_info>?) -> mt_status {
    status {
        let t = try T(t, "t")
        guard let info else { throw MartletError(.handle, "mt_tensor_get_info: info is NULL") }
        guard info.pointee.size >= UInt32(MemoryLayout<mt_tensor_info>.size) else {
            throw MartletError.value("mt_tensor_get_info: info->size is too small; start from MT_TENSOR_INFO_INIT")
        }
        info.pointee.dtype = Int32(t.dtype.rawValue)
        info.pointee.ndim = Int32(t.rank)
        info.pointee.requires_grad = t.requiresGrad ? 1 : 0
        info.pointee.is_leaf = t.isLeaf ? 1 : 0
        info.pointee.is_contiguous = t.isContiguous ? 1 : 0
        info.pointee.is_sparse = t.isSparse ? 1 : 0
        info.pointee.version = Int32(truncatingIfNeeded: t.version)
        info.pointee.numel = Int64(t.numel)
        info.pointee.storage_offset = Int64(t.offset)
        withUnsafeMutableBytes(of: &info.pointee.sizes) { p in
            for i in 0..<t.rank { p.storeBytes(of: Int64(t.sizes[i]), toByteOffset: 8 * i, as: Int64.self) }
        }
        withUnsafeMutableBytes(of: &info.pointee.strides) { p in
            for i in 0..<t.rank { p.storeBytes(of: Int64(t.strides[i]), toByteOffset: 8 * i, as: Int64.self) }
        }
    }
}

@_cdecl("mt_dtype") @implementation
public func mt_dtype(_ t: mt_tensor?) -> Int32 { value(-1) { Int32(try T(t, "t").dtype.rawValue) } }

@_cdecl("mt_ndim") @implementation
public func mt_ndim(_ t: mt_tensor?) -> Int32 { value(-1) { Int32(try T(t, "t").rank) } }

@_cdecl("mt_numel") @implementation
public func mt_numel(_ t: mt_tensor?) -> Int64 { value(-1) { Int64(try T(t, "t").numel) } }

@_cdecl("mt_size") @implementation
public func mt_size(_ t: mt_tensor?, _ dim: Int64) -> Int64 { value(-1) { Int64(try T(t, "t").size(Int(dim))) } }

@_cdecl("mt_requires_grad") @implementation
public func mt_requires_grad(_ t: mt_tensor?) -> Int32 { value(-1) { try T(t, "t").requiresGrad ? 1 : 0 } }

@_cdecl("mt_data_ptr") @implementation
public func mt_data_ptr(_ t: mt_tensor?) -> UnsafeMutableRawPointer? { value(nil) { try T(t, "t").dataPointer() } }

@_cdecl("mt_take_") @implementation
public func mt_take_(_ self_: mt_tensor?, _ result: mt_tensor?) -> mt_status {
    status { try T(self_, "self").takeOver(T(result, "result")) }
}

@_cdecl("mt_storage_ptr") @implementation
public func mt_storage_ptr(_ t: mt_tensor?) -> UnsafeMutableRawPointer? {
    value(nil) {
        let storage = try T(t, "t").storage
        storage.isExposed = true
        return storage.base
    }
}

@_cdecl("mt_storage_nbytes") @implementation
public func mt_storage_nbytes(_ t: mt_tensor?) -> Int64 { value(-1) { Int64(try T(t, "t").storage.byteCount) } }

@_cdecl("mt_item_f64") @implementation
public func mt_item_f64(_ t: mt_tensor?, _ out: UnsafeMutablePointer<Double>?) -> mt_status {
    status { out?.pointee = try T(t, "t").item() }
}

@_cdecl("mt_item_i64") @implementation
public func mt_item_i64(_ t: mt_tensor?, _ out: UnsafeMutablePointer<Int64>?) -> mt_status {
    status { out?.pointee = Int64(try T(t, "t").itemInt()) }
}

@_cdecl("mt_copy_to_host") @implementation
public func mt_copy_to_host(_ t: mt_tensor?, _ out: UnsafeMutableRawPointer?, _ bytes: Int64) -> mt_status {
    status { try T(t, "t").copyOut(to: out, byteCount: Int(bytes)) }
}

@_cdecl("mt_is_same") @implementation
public func mt_is_same(_ a: mt_tensor?, _ b: mt_tensor?) -> Int32 { a == b ? 1 : 0 }

// MARK: Copying

@_cdecl("mt_clone") @implementation
public func mt_clone(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").clone() } }

@_cdecl("mt_contiguous") @implementation
public func mt_contiguous(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").contiguous() } }

@_cdecl("mt_to") @implementation
public func mt_to(_ t: mt_tensor?, _ type: Int32, _ copy: Int32) -> mt_tensor? {
    result {
        let t = try T(t, "t")
        return try t.to(optionalDType(type) ?? t.dtype, copy: copy != 0)
    }
}

@_cdecl("mt_copy_") @implementation
public func mt_copy_(_ t: mt_tensor?, _ source: mt_tensor?) -> mt_status {
    status { try T(t, "t").copyInPlace(T(source, "source")) }
}

@_cdecl("mt_fill_") @implementation
public func mt_fill_(_ t: mt_tensor?, _ value: mt_tensor?) -> mt_status {
    status { try T(t, "t").fillInPlace(T(value, "value")) }
}

@_cdecl("mt_zero_") @implementation
public func mt_zero_(_ t: mt_tensor?) -> mt_status { status { try T(t, "t").zeroInPlace() } }
