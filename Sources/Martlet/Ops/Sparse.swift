/// Sparse COO tensors: indices (sparse dims x nnz) and values (nnz x dense sizes), possibly with repeats.
extension Tensor {
    /// A sparse tensor from its parts, unchecked.
    static func sparse(_ indices: Tensor, _ values: Tensor, _ sizes: Dims, coalesced: Bool) throws -> Tensor {
        let t = try Tensor.empty([0], values.dtype)
        t.sizes = sizes
        t.strides = sizes.contiguousStrides
        t.numel = sizes.product
        t.sparse = SparseParts(indices: indices, values: values, coalesced: coalesced)
        return t
    }

    private var parts: SparseParts {
        get throws {
            guard let sparse else { throw MartletError.runtime("expected a sparse tensor, got one of layout strided") }
            return sparse
        }
    }

    func emptySparse(_ p: SparseParts) throws -> SparseParts {
        var shape = p.values.sizes
        shape[0] = 0
        return SparseParts(
            indices: try .empty([p.indices.sizes[0], 0], .int64), values: try .empty(shape, dtype), coalesced: true)
    }

    func cloneSparse(_ p: SparseParts) throws -> Tensor {
        try .sparse(p.indices.clone(), p.values.clone(), sizes, coalesced: p.coalesced)
    }

    func convertSparse(_ p: SparseParts, _ dtype: DType) throws -> Tensor {
        try .sparse(p.indices, p.values.to(dtype), sizes, coalesced: p.coalesced)
    }

    func transposeSparse(_ p: SparseParts, _ i: Int, _ j: Int) throws -> Tensor {
        let n = p.indices.sizes[0]
        guard i < n && j < n else {
            throw MartletError.runtime("transpose of a sparse tensor: both dimensions must be sparse")
        }
        var order = try p.indices.unbind(0)
        order.swapAt(i, j)
        var shape = sizes
        (shape[i], shape[j]) = (shape[j], shape[i])
        return try .sparse(.stack(order, 0), p.values, shape, coalesced: false)
    }

    func selectSparse(_ p: SparseParts, _ dim: Int, _ index: Int) throws -> Tensor { try toDense().select(dim, index) }

    /// The dense tensor with repeated entries added up.
    public func toDense() throws -> Tensor {
        guard let p = sparse else { return self }
        let out = try Tensor.zeros(sizes, dtype)
        let nnz = p.values.sizes[0]
        let index = try p.indices.contiguous()
        let values = try p.values.detach().contiguous()
        let depth = index.sizes[0]
        let block = nnz == 0 ? 0 : values.numel / nnz
        let q = index.typed(Int64.self)
        func run<T: TensorElement>(_: T.Type) {
            let (o, v) = (out.typed(T.self), values.typed(T.self))
            for e in 0..<nnz {
                var at = 0
                for d in 0..<depth { at += Int(q[d * nnz + e]) * out.strides[d] }
                for k in 0..<block { o[at + k] = T(element: o[at + k].asDouble + v[e * block + k].asDouble) }
            }
        }
        withElementType(dtype) { run($0) }
        withExtendedLifetime((index, values)) {}
        return out
    }

    func addSparse(_ other: Tensor, _ alpha: Tensor?) throws -> Tensor {
        let scaled = try alpha.map { try other.mul($0) } ?? other
        if let a = sparse, let b = scaled.sparse {
            guard sizes == other.sizes else {
                throw MartletError.runtime(
                    "add: expected sizes of 'self' and 'other' to match, but \(sizes) != \(other.sizes)")
            }
            return try .sparse(
                .cat([a.indices, b.indices], 1), .cat([a.values, b.values], 0), sizes, coalesced: false)
        }
        return try toDense().add(scaled.toDense())
    }

    func addSparseInPlace(_ other: Tensor, _ alpha: Tensor?) throws -> Tensor {
        let sum = try addSparse(other, alpha)
        if isSparse { return try adoptSparse(sum) }
        return try assignInPlace("add_", sum)
    }

    func adoptSparse(_ other: Tensor) throws -> Tensor {
        sparse = other.sparse
        return self
    }

    func mulSparse(_ other: Tensor) throws -> Tensor {
        let p = try parts
        guard other.numel == 1 else {
            throw MartletError.notImplemented("mul of a sparse tensor takes a number or a one-element tensor")
        }
        return try .sparse(p.indices, p.values.mul(other.rank == 0 ? other : other.reshape([] as Dims)), sizes, coalesced: p.coalesced)
    }

    func sumSparse(_ p: SparseParts, _ dims: [Int]?, _ keepDim: Bool) throws -> Tensor {
        dims == nil ? try p.values.sum() : try toDense().sum(dims, keepDim: keepDim)
    }

    static func catSparse(_ tensors: [Tensor], _ dim: Int) throws -> Tensor {
        throw MartletError.notImplemented("cat is not offered for sparse tensors; use to_dense()")
    }

    func sparseMM(_ other: Tensor, _ name: String) throws -> Tensor { try toDense().mm(other.toDense()) }

    static func sparseAddmm(_ input: Tensor, _ a: Tensor, _ b: Tensor, _ beta: Tensor, _ alpha: Tensor) throws -> Tensor {
        try addmm(input, a.toDense(), b.toDense(), beta: beta, alpha: alpha)
    }
}

extension Tensor {
    func indexSelectSparse(_ p: SparseParts, _ dim: Int, _ index: Tensor) throws -> Tensor {
        throw MartletError.notImplemented("index_select is not offered for sparse tensors; use to_dense()")
    }
}
