import CMartlet
import Martlet

// Reductions: products, truth, extremes, variances, norms, running sums.


@_cdecl("mt_prod") @implementation
public func mt_prod(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ type: Int32) -> mt_tensor? {
    result {
        guard let d = optionalInt(dim) else { return try T(self_, "self").prod(dtype: optionalDType(type)) }
        return try T(self_, "self").prod(d, keepDim: keepdim != 0, dtype: optionalDType(type))
    }
}

@_cdecl("mt_any") @implementation
public func mt_any(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").any(optionalInts(dims, n), keepDim: keepdim != 0) }
}

@_cdecl("mt_all") @implementation
public func mt_all(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").all(optionalInts(dims, n), keepDim: keepdim != 0) }
}

@_cdecl("mt_count_nonzero") @implementation
public func mt_count_nonzero(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(self_, "self").countNonzero(optionalInts(dims, n)) }
}

@_cdecl("mt_nansum") @implementation
public func mt_nansum(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").nansum(optionalInts(dims, n), keepDim: keepdim != 0, dtype: optionalDType(type)) }
}

@_cdecl("mt_nanmean") @implementation
public func mt_nanmean(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").nanmean(optionalInts(dims, n), keepDim: keepdim != 0, dtype: optionalDType(type)) }
}

@_cdecl("mt_logsumexp") @implementation
public func mt_logsumexp(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").logsumexp(ints(dims, n), keepDim: keepdim != 0) }
}

@_cdecl("mt_trace") @implementation
public func mt_trace(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").trace() } }

// MARK: Extremes

@_cdecl("mt_max") @implementation
public func mt_max(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").max() } }

@_cdecl("mt_min") @implementation
public func mt_min(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").min() } }

@_cdecl("mt_max_dim") @implementation
public func mt_max_dim(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    pair(out) { try T(self_, "self").max(Int(dim), keepDim: keepdim != 0) }
}

@_cdecl("mt_min_dim") @implementation
public func mt_min_dim(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    pair(out) { try T(self_, "self").min(Int(dim), keepDim: keepdim != 0) }
}

@_cdecl("mt_amax") @implementation
public func mt_amax(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").amax(optionalInts(dims, n), keepDim: keepdim != 0) }
}

@_cdecl("mt_amin") @implementation
public func mt_amin(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").amin(optionalInts(dims, n), keepDim: keepdim != 0) }
}

@_cdecl("mt_aminmax") @implementation
public func mt_aminmax(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    pair(out) { try T(self_, "self").aminmax(optionalInt(dim), keepDim: keepdim != 0) }
}

@_cdecl("mt_argmax") @implementation
public func mt_argmax(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").argmax(optionalInt(dim), keepDim: keepdim != 0) }
}

@_cdecl("mt_argmin") @implementation
public func mt_argmin(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").argmin(optionalInt(dim), keepDim: keepdim != 0) }
}

// MARK: Variance

@_cdecl("mt_var") @implementation
public func mt_var(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ correction: Double, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").var(optionalInts(dims, n), correction: correction, keepDim: keepdim != 0) }
}

@_cdecl("mt_std") @implementation
public func mt_std(_ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ correction: Double, _ keepdim: Int32) -> mt_tensor? {
    result { try T(self_, "self").std(optionalInts(dims, n), correction: correction, keepDim: keepdim != 0) }
}

@_cdecl("mt_var_mean") @implementation
public func mt_var_mean(
    _ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ correction: Double, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    pair(out) { try T(self_, "self").varMean(optionalInts(dims, n), correction: correction, keepDim: keepdim != 0) }
}

@_cdecl("mt_std_mean") @implementation
public func mt_std_mean(
    _ self_: mt_tensor?, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ correction: Double, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    pair(out) { try T(self_, "self").stdMean(optionalInts(dims, n), correction: correction, keepDim: keepdim != 0) }
}

// MARK: Norms

@_cdecl("mt_vector_norm") @implementation
public func mt_vector_norm(
    _ self_: mt_tensor?, _ ord: Double, _ dims: UnsafePointer<Int64>?, _ n: Int32, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? {
    result { try T(self_, "self").vectorNorm(ord, optionalInts(dims, n), keepDim: keepdim != 0, dtype: optionalDType(type)) }
}

@_cdecl("mt_matrix_norm") @implementation
public func mt_matrix_norm(
    _ self_: mt_tensor?, _ ord: Double, _ row: Int64, _ column: Int64, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? {
    result {
        try T(self_, "self").matrixNorm(ord, (Int(row), Int(column)), keepDim: keepdim != 0, dtype: optionalDType(type))
    }
}

@_cdecl("mt_frobenius_norm") @implementation
public func mt_frobenius_norm(
    _ self_: mt_tensor?, _ row: Int64, _ column: Int64, _ keepdim: Int32, _ type: Int32
) -> mt_tensor? {
    result {
        try T(self_, "self").frobeniusNorm((Int(row), Int(column)), keepDim: keepdim != 0, dtype: optionalDType(type))
    }
}

@_cdecl("mt_dist") @implementation
public func mt_dist(_ self_: mt_tensor?, _ other: mt_tensor?, _ p: Double) -> mt_tensor? {
    result { try T(self_, "self").dist(T(other, "other"), p) }
}

// MARK: Running sums and products

@_cdecl("mt_cumsum") @implementation
public func mt_cumsum(_ self_: mt_tensor?, _ dim: Int64, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").cumsum(Int(dim), dtype: optionalDType(type)) }
}

@_cdecl("mt_cumprod") @implementation
public func mt_cumprod(_ self_: mt_tensor?, _ dim: Int64, _ type: Int32) -> mt_tensor? {
    result { try T(self_, "self").cumprod(Int(dim), dtype: optionalDType(type)) }
}

@_cdecl("mt_cummax") @implementation
public func mt_cummax(_ self_: mt_tensor?, _ dim: Int64, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    pair(out) { try T(self_, "self").cummax(Int(dim)) }
}

@_cdecl("mt_cummin") @implementation
public func mt_cummin(_ self_: mt_tensor?, _ dim: Int64, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    pair(out) { try T(self_, "self").cummin(Int(dim)) }
}

@_cdecl("mt_logcumsumexp") @implementation
public func mt_logcumsumexp(_ self_: mt_tensor?, _ dim: Int64) -> mt_tensor? {
    result { try T(self_, "self").logcumsumexp(Int(dim)) }
}

@_cdecl("mt_diff") @implementation
public func mt_diff(
    _ self_: mt_tensor?, _ n: Int64, _ dim: Int64, _ prepend: mt_tensor?, _ append: mt_tensor?
) -> mt_tensor? {
    result {
        try T(self_, "self").diff(
            Int(n), Int(dim), prepend: optional(prepend, "prepend"), append: optional(append, "append"))
    }
}

/// The dtype of a result that takes the input's place, which must be the input's.
private func inPlaceDType(_ type: Int32, _ input: Tensor) throws -> DType? {
    let wanted = try optionalDType(type)
    if let wanted, wanted != input.dtype {
        throw MartletError.runtime(
            "Bad in-place call: input tensor dtype \(input.dtype.cName) and output tensor dtype \(wanted.cName) should match")
    }
    return wanted
}

@_cdecl("mt_cumsum_") @implementation
public func mt_cumsum_(_ self_: mt_tensor?, _ dim: Int64, _ type: Int32) -> mt_status {
    status {
        let type = try inPlaceDType(type, T(self_, "self"))
        try T(self_, "self").inPlace("cumsum_", keepsInput: false) { try $0.cumsum(Int(dim), dtype: type) }
    }
}

@_cdecl("mt_cumprod_") @implementation
public func mt_cumprod_(_ self_: mt_tensor?, _ dim: Int64, _ type: Int32) -> mt_status {
    status {
        let type = try inPlaceDType(type, T(self_, "self"))
        try T(self_, "self").inPlace("cumprod_") { try $0.cumprod(Int(dim), dtype: type) }
    }
}

/// Runs a body that makes two tensors and writes them to `out`.
@inline(__always)
func pair(_ out: UnsafeMutablePointer<mt_tensor?>?, _ body: () throws -> (Tensor, Tensor)) -> mt_status {
    results(out) {
        let (a, b) = try body()
        return [a, b]
    }
}


@_cdecl("mt_cdist") @implementation
public func mt_cdist(_ x1: mt_tensor?, _ x2: mt_tensor?, _ p: Double, _ mode: Int32) -> mt_tensor? {
    result {
        guard let mode = Tensor.EuclideanMode(rawValue: Int(mode)) else {
            throw MartletError.value("mt_cdist: unknown mode \(mode)")
        }
        return try Tensor.cdist(T(x1, "x1"), T(x2, "x2"), p: p, mode)
    }
}

@_cdecl("mt_pdist") @implementation
public func mt_pdist(_ self_: mt_tensor?, _ p: Double) -> mt_tensor? { result { try T(self_, "self").pdist(p) } }
