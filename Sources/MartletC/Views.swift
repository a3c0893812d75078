import CMartlet
import Martlet

// Views, pieces and joins.

@_cdecl("mt_view") @implementation
public func mt_view(_ self_: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_tensor? {
    result { try T(self_, "self").view(dims(sizes, ndim)) }
}

@_cdecl("mt_reshape") @implementation
public func mt_reshape(_ self_: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_tensor? {
    result { try T(self_, "self").reshape(dims(sizes, ndim)) }
}

@_cdecl("mt_flatten") @implementation
public func mt_flatten(_ self_: mt_tensor?, _ start: Int64, _ end: Int64) -> mt_tensor? {
    result { try T(self_, "self").flatten(Int(start), Int(end)) }
}

@_cdecl("mt_transpose") @implementation
public func mt_transpose(_ self_: mt_tensor?, _ a: Int64, _ b: Int64) -> mt_tensor? {
    result { try T(self_, "self").transpose(Int(a), Int(b)) }
}

@_cdecl("mt_t") @implementation
public func mt_t(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").t() } }

@_cdecl("mt_permute") @implementation
public func mt_permute(_ self_: mt_tensor?, _ order: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(self_, "self").permute(ints(order, n)) }
}

@_cdecl("mt_expand") @implementation
public func mt_expand(_ self_: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_tensor? {
    result { try T(self_, "self").expand(dims(sizes, ndim)) }
}

@_cdecl("mt_select") @implementation
public func mt_select(_ self_: mt_tensor?, _ dim: Int64, _ index: Int64) -> mt_tensor? {
    result { try T(self_, "self").select(Int(dim), Int(index)) }
}

@_cdecl("mt_slice") @implementation
public func mt_slice(_ self_: mt_tensor?, _ dim: Int64, _ start: Int64, _ end: Int64, _ step: Int64) -> mt_tensor? {
    result { try T(self_, "self").slice(Int(dim), optionalInt(start), optionalInt(end), step: Int(step)) }
}

@_cdecl("mt_narrow") @implementation
public func mt_narrow(_ self_: mt_tensor?, _ dim: Int64, _ start: Int64, _ length: Int64) -> mt_tensor? {
    result { try T(self_, "self").narrow(Int(dim), Int(start), Int(length)) }
}

@_cdecl("mt_squeeze") @implementation
public func mt_squeeze(_ self_: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(self_, "self").squeeze(optionalInts(list, n)) }
}

@_cdecl("mt_unsqueeze") @implementation
public func mt_unsqueeze(_ self_: mt_tensor?, _ dim: Int64) -> mt_tensor? {
    result { try T(self_, "self").unsqueeze(Int(dim)) }
}

@_cdecl("mt_as_strided") @implementation
public func mt_as_strided(
    _ self_: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ strides: UnsafePointer<Int64>?, _ ndim: Int32, _ offset: Int64
) -> mt_tensor? { result { try T(self_, "self").asStrided(dims(sizes, ndim), dims(strides, ndim), optionalInt(offset)) } }

@_cdecl("mt_diagonal") @implementation
public func mt_diagonal(_ self_: mt_tensor?, _ offset: Int64, _ dim1: Int64, _ dim2: Int64) -> mt_tensor? {
    result { try T(self_, "self").diagonal(offset: Int(offset), Int(dim1), Int(dim2)) }
}

@_cdecl("mt_unfold") @implementation
public func mt_unfold(_ self_: mt_tensor?, _ dim: Int64, _ size: Int64, _ step: Int64) -> mt_tensor? {
    result { try T(self_, "self").unfold(Int(dim), Int(size), Int(step)) }
}

@_cdecl("mt_tensor_list_release") @implementation
public func mt_tensor_list_release(_ list: UnsafeMutablePointer<mt_tensor_list>?) {
    guard let list, let items = list.pointee.items else { return }
    for i in 0..<Int(list.pointee.count) { disown(items[i]) }
    mt_tensor_list_free(list)
}

@_cdecl("mt_tensor_list_free") @implementation
public func mt_tensor_list_free(_ list: UnsafeMutablePointer<mt_tensor_list>?) {
    list?.pointee.items?.deallocate()
    list?.pointee = mt_tensor_list(items: nil, count: 0)
}

@_cdecl("mt_split") @implementation
public func mt_split(
    _ self_: mt_tensor?, _ size: Int64, _ dim: Int64, _ out: UnsafeMutablePointer<mt_tensor_list>?
) -> mt_status { list(out) { try T(self_, "self").split(Int(size), Int(dim)) } }

@_cdecl("mt_split_with_sizes") @implementation
public func mt_split_with_sizes(
    _ self_: mt_tensor?, _ lengths: UnsafePointer<Int64>?, _ n: Int32, _ dim: Int64, _ out: UnsafeMutablePointer<mt_tensor_list>?
) -> mt_status { list(out) { try T(self_, "self").split(ints(lengths, n), Int(dim)) } }

@_cdecl("mt_chunk") @implementation
public func mt_chunk(
    _ self_: mt_tensor?, _ chunks: Int64, _ dim: Int64, _ out: UnsafeMutablePointer<mt_tensor_list>?
) -> mt_status { list(out) { try T(self_, "self").chunk(Int(chunks), Int(dim)) } }

@_cdecl("mt_unbind") @implementation
public func mt_unbind(_ self_: mt_tensor?, _ dim: Int64, _ out: UnsafeMutablePointer<mt_tensor_list>?) -> mt_status {
    list(out) { try T(self_, "self").unbind(Int(dim)) }
}

@_cdecl("mt_cat") @implementation
public func mt_cat(_ list: UnsafePointer<mt_tensor?>?, _ n: Int32, _ dim: Int64) -> mt_tensor? {
    result { try Tensor.cat(tensors(list, n, "tensors"), Int(dim)) }
}

@_cdecl("mt_stack") @implementation
public func mt_stack(_ list: UnsafePointer<mt_tensor?>?, _ n: Int32, _ dim: Int64) -> mt_tensor? {
    result { try Tensor.stack(tensors(list, n, "tensors"), Int(dim)) }
}
