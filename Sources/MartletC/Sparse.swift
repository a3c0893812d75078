import CMartlet
import Martlet

// Embeddings and sparse COO tensors.

@_cdecl("mt_embedding") @implementation
public func mt_embedding(
    _ weight: mt_tensor?, _ indices: mt_tensor?, _ padding: Int64, _ scale: Int32, _ sparse: Int32
) -> mt_tensor? {
    result {
        try .embedding(
            T(weight, "weight"), T(indices, "indices"), paddingIndex: optionalInt(padding), scaleByFrequency: scale != 0,
            sparse: sparse != 0)
    }
}

@_cdecl("mt_embedding_renorm_") @implementation
public func mt_embedding_renorm_(_ weight: mt_tensor?, _ indices: mt_tensor?, _ maxNorm: Double, _ p: Double) -> mt_status {
    status { try T(weight, "weight").embeddingRenormInPlace(T(indices, "indices"), maxNorm, p) }
}

@_cdecl("mt_sparse_coo_tensor") @implementation
public func mt_sparse_coo_tensor(
    _ indices: mt_tensor?, _ values: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32
) -> mt_tensor? {
    result { try .sparseCOO(T(indices, "indices"), T(values, "values"), sizes == nil && ndim <= 0 ? nil : dims(sizes, ndim)) }
}

@_cdecl("mt_sparse_coo_empty") @implementation
public func mt_sparse_coo_empty(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32) -> mt_tensor? {
    result { try .sparseEmpty(dims(sizes, ndim), dtype: dtype(type)) }
}

@_cdecl("mt_coalesce") @implementation
public func mt_coalesce(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").coalesce() } }

@_cdecl("mt_is_coalesced") @implementation
public func mt_is_coalesced(_ t: mt_tensor?) -> Int32 { value(-1) { try T(t, "t").isCoalesced ? 1 : 0 } }

@_cdecl("mt_nnz") @implementation
public func mt_nnz(_ t: mt_tensor?) -> Int64 { value(-1) { try Int64(T(t, "t").nnz) } }

@_cdecl("mt_sparse_dim") @implementation
public func mt_sparse_dim(_ t: mt_tensor?) -> Int32 { value(-1) { try Int32(T(t, "t").sparseDim) } }

@_cdecl("mt_dense_dim") @implementation
public func mt_dense_dim(_ t: mt_tensor?) -> Int32 { value(-1) { try Int32(T(t, "t").denseDim) } }

@_cdecl("mt_indices") @implementation
public func mt_indices(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").sparseIndices() } }

@_cdecl("mt_values") @implementation
public func mt_values(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").sparseValues() } }

@_cdecl("mt_raw_indices") @implementation
public func mt_raw_indices(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").rawIndices() } }

@_cdecl("mt_raw_values") @implementation
public func mt_raw_values(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").rawValues() } }

@_cdecl("mt_to_dense") @implementation
public func mt_to_dense(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").toDense() } }

@_cdecl("mt_to_sparse") @implementation
public func mt_to_sparse(_ t: mt_tensor?, _ dim: Int64) -> mt_tensor? { result { try T(t, "t").toSparse(optionalInt(dim)) } }

@_cdecl("mt_sparse_mask") @implementation
public func mt_sparse_mask(_ t: mt_tensor?, _ mask: mt_tensor?) -> mt_tensor? {
    result { try T(t, "t").sparseMask(T(mask, "mask")) }
}

@_cdecl("mt_sparse_mm") @implementation
public func mt_sparse_mm(_ self_: mt_tensor?, _ mat2: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").sparseMatmul(T(mat2, "mat2")) }
}

@_cdecl("mt_sparse_sum") @implementation
public func mt_sparse_sum(_ t: mt_tensor?, _ list: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(t, "t").sparseSum(optionalInts(list, n)) }
}

@_cdecl("mt_embedding_bag") @implementation
public func mt_embedding_bag(
    _ weight: mt_tensor?, _ indices: mt_tensor?, _ offsets: mt_tensor?, _ mode: Int32, _ scale: Int32, _ sparse: Int32,
    _ sampleWeights: mt_tensor?, _ includeLast: Int32, _ padding: Int64
) -> mt_tensor? {
    result {
        guard let m = BagMode(rawValue: mode) else { throw MartletError.value("mode has to be one of sum, mean or max") }
        return try .embeddingBag(
            T(weight, "weight"), T(indices, "indices"), T(offsets, "offsets"), mode: m, scaleByFrequency: scale != 0,
            sparse: sparse != 0, sampleWeights: optional(sampleWeights, "per_sample_weights"), includeLast: includeLast != 0,
            padding: optionalInt(padding))
    }
}
