import Glibc
import MartletKernels

/// Tables of vectors looked up by number.
extension Tensor {
    /// The rows of `weight` (n x dim) named by this tensor of int64 or int32 numbers; the result is its sizes followed
    /// by dim. Rows `paddingIndex` get no gradient; with `scaleByFrequency` a row's gradient is divided by how often it
    /// occurs; with `sparse` the weight's gradient is sparse COO, one entry per lookup in order of occurrence.
    public static func embedding(
        _ weight: Tensor, _ indices: Tensor, paddingIndex: Int? = nil, scaleByFrequency: Bool = false, sparse: Bool = false
    ) throws -> Tensor {
        guard weight.rank == 2 else { throw MartletError.runtime("'weight' must be 2-D") }
        let index = try lookupIndices(indices, weight.sizes[0], "embedding")
        let out = try withNoGrad { try weight.gatherRows(index) }
        if GradMode.needs(weight) {
            let shape = weight.sizes
            out.attach("EmbeddingBackward0", TensorList(weight)) { node in node.save(index) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let index = try node.saved(0)
                return TensorList(
                    sparse
                        ? try embeddingSparseGradient(g, index, shape, paddingIndex)
                        : try embeddingGradient(g, index, shape, paddingIndex, scaleByFrequency))
            }
        }
        return out
    }

    /// Contiguous int64 numbers within 0..<n, or torch's error.
    static func lookupIndices(_ indices: Tensor, _ n: Int, _ op: String) throws -> Tensor {
        guard indices.dtype == .int64 || indices.dtype == .int32 else {
            throw MartletError.runtime(
                "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got \(indices.typeName) instead (while checking arguments for \(op))")
        }
        let index = try withNoGrad { try indices.detach().to(.int64).contiguous() }
        let (q, count) = (index.typed(Int64.self), index.numel)
        func check() throws {
            for i in 0..<count where q[i] < 0 || q[i] >= n { throw MartletError.index("index out of range in self") }
        }
        try check()
        Tape.note("check_indices", Tape.repeating(check))
        return index
    }

    private static func embeddingGradient(
        _ g: Tensor, _ index: Tensor, _ shape: Dims, _ padding: Int?, _ scale: Bool
    ) throws -> Tensor {
        var rows = g
        if scale {
            var sizes = index.sizes
            sizes.append(1)
            rows = try g.mul(oneOverCounts(index).to(g.dtype).reshape(sizes))
        }
        let out = try rows.scatterRows(index, shape, skip: padding ?? -1)
        out.history?.name = "EmbeddingDenseBackwardBackward0"
        return out
    }

    /// For each of these int64 numbers, one over how often it occurs among them.
    static func oneOverCounts(_ numbers: Tensor) throws -> Tensor {
        try Tape.whole("one_over_counts", [numbers]) {
            let all = try $0[0].toArray(Int64.self)
            var count: [Int64: Int] = [:]
            for v in all { count[v, default: 0] += 1 }
            return [try Tensor(all.map { 1 / Double(count[$0]!) })]
        }[0]
    }

    private static func embeddingSparseGradient(
        _ g: Tensor, _ index: Tensor, _ shape: Dims, _ padding: Int?
    ) throws -> Tensor {
        let values = try g.reshape([index.numel, shape[1]] as Dims)
        let flat = index.alias(sizes: [1, index.numel], strides: [index.numel, 1], offset: index.offset)
        guard let padding else { return try sparseOver(flat, values, shape) }
        guard Tape.isNoting else {
            let (kept, numbers) = try lookups(index, otherThan: padding)
            return try sparseOver(numbers.unsqueeze(0), values.gatherRows(kept), shape)
        }
        // How many lookups count depends on the indices: there is room for all. Place -1 reads as zeros.
        let made = try Tape.whole("lookups", [index]) {
            let (kept, numbers) = try lookups($0[0], otherThan: padding)
            let more = $0[0].numel - kept.numel
            let last = numbers.numel == 0 ? 0 : numbers.readInt64(at: numbers.offset + numbers.numel - 1)
            return [
                try .cat([kept, .full([more], .number(-1), .int64)]), try .cat([numbers, .full([more], .number(Double(last)), .int64)]),
                try Tensor([Int64(kept.numel)]).reshape([] as Dims),
            ]
        }
        return try sparseOver(made[1].unsqueeze(0), values.gatherRows(made[0]), shape, count: made[2])
    }

    /// The places of the numbers other than `padding`, and these numbers.
    private static func lookups(_ index: Tensor, otherThan padding: Int) throws -> (places: Tensor, numbers: Tensor) {
        let q = index.typed(Int64.self)
        let kept = (0..<index.numel).filter { q[$0] != Int64(padding) }
        return (try Tensor(kept.map { Int64($0) }), try Tensor(kept.map { q[$0] }))
    }

    /// Scales down, in place, those of the named rows whose p-norm is above `maxNorm`.
    public func embeddingRenormInPlace(_ indices: Tensor, _ maxNorm: Double, _ p: Double) throws {
        guard rank == 2 else { throw MartletError.runtime("'weight' must be 2-D") }
        let index = try Tensor.lookupIndices(indices, sizes[0], "embedding_renorm_")
        guard dtype == .float32 || dtype == .float64 else {
            throw MartletError.notImplemented("\"embedding_renorm_\" not implemented for '\(dtype.scalarTypeName)'")
        }
        let (q, count, type, table) = (index.typed(Int64.self), index.numel, dtype, pointer)
        let (n, apart, s) = (sizes[1], strides[0], strides[1])
        func run<T: TensorElement>(_: T.Type) {
            for r in Set(UnsafeBufferPointer(start: q, count: count)).sorted() {
                let row = table.as(T.self) + Int(r) * apart
                var norm = 0.0
                for k in 0..<n {
                    let a = row[k * s].asDouble.magnitude
                    if p == 2 { norm += a * a } else if p == 1 { norm += a } else if p.isInfinite { norm = Swift.max(norm, a) } else { norm += power(a, p) }
                }
                if p == 2 { norm = norm.squareRoot() } else if p != 1 && !p.isInfinite { norm = power(norm, 1 / p) }
                if norm > maxNorm {
                    let scale = T(element: maxNorm / (norm + 1e-7)).asDouble
                    for k in 0..<n { row[k * s] = T(element: row[k * s].asDouble * scale) }
                }
            }
        }
        launch("embedding_renorm") { withElementType(type) { run($0) } }
        withExtendedLifetime(index) {}
        bumpVersion()
    }
}

private func power(_ x: Double, _ y: Double) -> Double { Glibc.pow(x, y) }
