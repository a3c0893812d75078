import CMartlet
import Martlet

// Indexing, rearranging and sequences.

@_cdecl("mt_index") @implementation
public func mt_index(_ self_: mt_tensor?, _ indices: UnsafePointer<mt_tensor?>?, _ n: Int32) -> mt_tensor? {
    result { try T(self_, "self").index(optionals(indices, n, "indices")) }
}

@_cdecl("mt_index_put") @implementation
public func mt_index_put(
    _ self_: mt_tensor?, _ indices: UnsafePointer<mt_tensor?>?, _ n: Int32, _ values: mt_tensor?, _ accumulate: Int32
) -> mt_tensor? { result { try T(self_, "self").indexPut(optionals(indices, n, "indices"), T(values, "values"), accumulate: accumulate != 0) } }

@_cdecl("mt_index_put_") @implementation
public func mt_index_put_(
    _ self_: mt_tensor?, _ indices: UnsafePointer<mt_tensor?>?, _ n: Int32, _ values: mt_tensor?, _ accumulate: Int32
) -> mt_status { status { try T(self_, "self").indexPutInPlace(optionals(indices, n, "indices"), T(values, "values"), accumulate: accumulate != 0) } }

@_cdecl("mt_index_select") @implementation
public func mt_index_select(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").indexSelect(Int(dim), T(index, "index")) }
}

@_cdecl("mt_index_add") @implementation
public func mt_index_add(
    _ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?, _ alpha: mt_tensor?
) -> mt_tensor? { result { try T(self_, "self").indexAdd(Int(dim), T(index, "index"), T(source, "source"), alpha: optional(alpha)) } }

@_cdecl("mt_index_copy") @implementation
public func mt_index_copy(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").indexCopy(Int(dim), T(index, "index"), T(source, "source")) }
}

@_cdecl("mt_index_fill") @implementation
public func mt_index_fill(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ value: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").indexFill(Int(dim), T(index, "index"), T(value, "value")) }
}

@_cdecl("mt_index_add_") @implementation
public func mt_index_add_(
    _ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?, _ alpha: mt_tensor?
) -> mt_status { status { try T(self_, "self").inPlace("index_add_", [optional(source)]) { try $0.indexAdd(Int(dim), T(index, "index"), T(source, "source"), alpha: optional(alpha)) } } }

@_cdecl("mt_index_copy_") @implementation
public func mt_index_copy_(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("index_copy_", [optional(source)]) { try $0.indexCopy(Int(dim), T(index, "index"), T(source, "source")) } }
}

@_cdecl("mt_index_fill_") @implementation
public func mt_index_fill_(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ value: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("index_fill_", []) { try $0.indexFill(Int(dim), T(index, "index"), T(value, "value")) } }
}

@_cdecl("mt_scatter") @implementation
public func mt_scatter(
    _ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?, _ mode: Int32
) -> mt_tensor? { result { try T(self_, "self").scatter(Int(dim), T(index, "index"), T(source, "source"), mode: scatterMode(mode)) } }

@_cdecl("mt_scatter_") @implementation
public func mt_scatter_(
    _ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?, _ mode: Int32
) -> mt_status { status { try T(self_, "self").inPlace("scatter_", [optional(source)]) { try $0.scatter(Int(dim), T(index, "index"), T(source, "source"), mode: scatterMode(mode)) } } }

@_cdecl("mt_scatter_add") @implementation
public func mt_scatter_add(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").scatter(Int(dim), T(index, "index"), T(source, "source"), mode: .add, name: "scatter_add") }
}

@_cdecl("mt_scatter_add_") @implementation
public func mt_scatter_add_(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("scatter_add_", [optional(source)]) { try $0.scatter(Int(dim), T(index, "index"), T(source, "source"), mode: .add, name: "scatter_add") } }
}

@_cdecl("mt_scatter_reduce") @implementation
public func mt_scatter_reduce(
    _ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?, _ mode: Int32, _ include_self: Int32
) -> mt_tensor? { result { try T(self_, "self").scatterReduce(Int(dim), T(index, "index"), T(source, "source"), scatterMode(mode), includeSelf: include_self != 0) } }

@_cdecl("mt_scatter_reduce_") @implementation
public func mt_scatter_reduce_(
    _ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?, _ source: mt_tensor?, _ mode: Int32, _ include_self: Int32
) -> mt_status { status { try T(self_, "self").inPlace("scatter_reduce_", [optional(source)]) { try $0.scatterReduce(Int(dim), T(index, "index"), T(source, "source"), scatterMode(mode), includeSelf: include_self != 0) } } }

@_cdecl("mt_masked_scatter") @implementation
public func mt_masked_scatter(_ self_: mt_tensor?, _ mask: mt_tensor?, _ source: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").maskedScatter(T(mask, "mask"), T(source, "source")) }
}

@_cdecl("mt_masked_scatter_") @implementation
public func mt_masked_scatter_(_ self_: mt_tensor?, _ mask: mt_tensor?, _ source: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("masked_scatter_", [optional(source)]) { try $0.maskedScatter(T(mask, "mask"), T(source, "source")) } }
}

@_cdecl("mt_put") @implementation
public func mt_put(_ self_: mt_tensor?, _ index: mt_tensor?, _ source: mt_tensor?, _ accumulate: Int32) -> mt_tensor? {
    result { try T(self_, "self").put(T(index, "index"), T(source, "source"), accumulate: accumulate != 0) }
}

@_cdecl("mt_put_") @implementation
public func mt_put_(_ self_: mt_tensor?, _ index: mt_tensor?, _ source: mt_tensor?, _ accumulate: Int32) -> mt_status {
    status { try T(self_, "self").inPlace("put_", [optional(source)]) { try $0.put(T(index, "index"), T(source, "source"), accumulate: accumulate != 0) } }
}

@_cdecl("mt_tril") @implementation
public func mt_tril(_ self_: mt_tensor?, _ diagonal: Int64) -> mt_tensor? {
    result { try T(self_, "self").triangle(lower: true, diagonal: Int(diagonal)) }
}

@_cdecl("mt_tril_") @implementation
public func mt_tril_(_ self_: mt_tensor?, _ diagonal: Int64) -> mt_status {
    status { try T(self_, "self").inPlace("tril_", []) { try $0.triangle(lower: true, diagonal: Int(diagonal)) } }
}

@_cdecl("mt_triu") @implementation
public func mt_triu(_ self_: mt_tensor?, _ diagonal: Int64) -> mt_tensor? {
    result { try T(self_, "self").triangle(lower: false, diagonal: Int(diagonal)) }
}

@_cdecl("mt_triu_") @implementation
public func mt_triu_(_ self_: mt_tensor?, _ diagonal: Int64) -> mt_status {
    status { try T(self_, "self").inPlace("triu_", []) { try $0.triangle(lower: false, diagonal: Int(diagonal)) } }
}

@_cdecl("mt_gather") @implementation
public func mt_gather(_ self_: mt_tensor?, _ dim: Int64, _ index: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").gather(Int(dim), T(index, "index")) }
}

@_cdecl("mt_nonzero") @implementation
public func mt_nonzero(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").nonzero() } }

@_cdecl("mt_masked_select") @implementation
public func mt_masked_select(_ self_: mt_tensor?, _ mask: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").maskedSelect(T(mask, "mask")) }
}

@_cdecl("mt_take") @implementation
public func mt_take(_ self_: mt_tensor?, _ index: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").take(T(index, "index")) }
}

@_cdecl("mt_flip") @implementation
public func mt_flip(_ self_: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(self_, "self").flip(ints(list, n)) }
}

@_cdecl("mt_roll") @implementation
public func mt_roll(
    _ self_: mt_tensor?, _ shifts: UnsafePointer<Int64>?, _ n_shifts: Int32, _ list: UnsafePointer<Int64>?, _ n: Int32
) -> mt_tensor? { result { try T(self_, "self").roll(ints(shifts, n_shifts), ints(list, n)) } }

@_cdecl("mt_repeat") @implementation
public func mt_repeat(_ self_: mt_tensor?, _ repeats: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(self_, "self").repeated(ints(repeats, n)) }
}

@_cdecl("mt_repeat_interleave") @implementation
public func mt_repeat_interleave(
    _ self_: mt_tensor?, _ repeats: mt_tensor?, _ dim: Int64, _ output_size: Int64
) -> mt_tensor? { result { try T(self_, "self").repeatInterleave(T(repeats, "repeats"), optionalInt(dim), outputSize: optionalInt(output_size)) } }

@_cdecl("mt_diag") @implementation
public func mt_diag(_ self_: mt_tensor?, _ diagonal: Int64) -> mt_tensor? {
    result { try T(self_, "self").diag(Int(diagonal)) }
}

@_cdecl("mt_diag_embed") @implementation
public func mt_diag_embed(_ self_: mt_tensor?, _ offset: Int64, _ dim1: Int64, _ dim2: Int64) -> mt_tensor? {
    result { try T(self_, "self").diagEmbed(offset: Int(offset), Int(dim1), Int(dim2)) }
}

@_cdecl("mt_view_dtype") @implementation
public func mt_view_dtype(_ self_: mt_tensor?, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").viewAs(dtype(type)) }
}

@_cdecl("mt_arange") @implementation
public func mt_arange(_ start: mt_tensor?, _ end: mt_tensor?, _ step: mt_tensor?, _ type: Int32) -> mt_tensor? {
    result { try Tensor.arange(T(start, "start"), T(end, "end"), T(step, "step"), dtype: optionalDType(type)) }
}

@_cdecl("mt_linspace") @implementation
public func mt_linspace(_ start: Double, _ end: Double, _ steps: Int64, _ type: Int32) -> mt_tensor? {
    result { try Tensor.linspace(start, end, Int(steps), dtype: optionalDType(type)) }
}

@_cdecl("mt_logspace") @implementation
public func mt_logspace(_ start: Double, _ end: Double, _ steps: Int64, _ base: Double, _ type: Int32) -> mt_tensor? {
    result { try Tensor.logspace(start, end, Int(steps), base: base, dtype: optionalDType(type)) }
}

@_cdecl("mt_eye") @implementation
public func mt_eye(_ n: Int64, _ m: Int64, _ type: Int32) -> mt_tensor? {
    result { try Tensor.eye(Int(n), optionalInt(m), dtype: optionalDType(type)) }
}

@_cdecl("mt_tril_indices") @implementation
public func mt_tril_indices(_ rows: Int64, _ columns: Int64, _ offset: Int64, _ type: Int32) -> mt_tensor? {
    result { try Tensor.triangleIndices(Int(rows), Int(columns), offset: Int(offset), lower: true, dtype: dtype(type)) }
}

@_cdecl("mt_triu_indices") @implementation
public func mt_triu_indices(_ rows: Int64, _ columns: Int64, _ offset: Int64, _ type: Int32) -> mt_tensor? {
    result { try Tensor.triangleIndices(Int(rows), Int(columns), offset: Int(offset), lower: false, dtype: dtype(type)) }
}

private func scatterMode(_ mode: Int32) throws -> Tensor.ScatterMode {
    guard let m = Tensor.ScatterMode(rawValue: mode) else { throw MartletError.value("unknown MT_SCATTER mode \(mode)") }
    return m
}

@_cdecl("mt_become_") @implementation
public func mt_become_(_ self_: mt_tensor?, _ view: mt_tensor?) -> mt_status {
    status { try T(self_, "self").become(T(view, "view")) }
}

@_cdecl("mt_resize_") @implementation
public func mt_resize_(_ self_: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32) -> mt_status {
    status { try T(self_, "self").resizeInPlace(dims(sizes, ndim)) }
}
