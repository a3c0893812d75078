/// Products of sparse matrices with dense and sparse ones.
extension Tensor {
    /// torch.sparse.mm: the gradient of a sparse factor is sparse, at the places it has.
    public func sparseMatmul(_ other: Tensor) throws -> Tensor {
        if !isSparse && !other.isSparse { return try mm(other) }
        return try sparseMM(other, "SparseAddmmBackward0")
    }

    /// A sparse matrix times a dense or sparse one, or a dense times a sparse.
    func sparseMM(_ other: Tensor, _ name: String) throws -> Tensor {
        guard rank == 2, other.rank == 2 else {
            throw MartletError.runtime("sparse matrix product: expected matrices, got \(rank)-D and \(other.rank)-D")
        }
        guard sizes[1] == other.sizes[0] else {
            if isSparse && !other.isSparse {
                throw MartletError.runtime(
                    "addmm: Argument #3 (dense): Expected dim 0 size \(sizes[1]), got \(other.sizes[0])")
            }
            throw Tensor.matrixMismatch(sizes, other.sizes)
        }
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "addmm: expected 'mat1' and 'mat2' to have the same dtype, but got \(dtype.scalarTypeName) and \(other.dtype.scalarTypeName)")
        }
        let out: Tensor
        if isSparse && other.isSparse {
            out = try Tensor.sparse(parts("mm"), sizes).timesSparse(other.parts("mm"), other.sizes[1])
        } else if let p = entries {
            out = try .zeros([sizes[0], other.sizes[1]], dtype)
            try Tensor.addProduct(p, other, into: out, transposed: false)
        } else {
            // (b' a')' with the sparse factor on the left.
            out = try .zeros([sizes[0], other.sizes[1]], dtype)
            try Tensor.addProduct(other.parts("mm", padded: true), try withNoGrad { try t() }, into: withNoGrad { try out.t() }, transposed: true)
        }
        if GradMode.needs(self, other) {
            let masked = name == "SparseAddmmBackward0" || (isSparse && other.isSparse)
            out.attach(name, TensorList(self, other)) { node in node.save(self, other) } backward: { node, g in
                guard let g = try g[0]?.toDense() else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                var (da, db): (Tensor?, Tensor?)
                if node.needs(0) {
                    da = try g.mm(b.toDense().t())
                    if a.isSparse && masked { da = try da!.sparseMask(a.parts("mm", padded: true)) }
                }
                if node.needs(1) {
                    db = try a.isSparse ? a.t().mm(g) : a.t().mm(g)
                    if b.isSparse && masked { db = try db!.sparseMask(b.parts("mm", padded: true)) }
                }
                return [da, db]
            }
        }
        return out
    }

    /// out[row] += value * dense[column] for each entry; with `transposed`, rows and columns change places.
    private static func addProduct(_ p: SparseParts, _ dense: Tensor, into out: Tensor, transposed: Bool) throws {
        guard p.values.rank == 1 else {
            throw MartletError.runtime("addmm: expected the sparse matrix to have no dense dimensions")
        }
        let (n, type) = (out.sizes[1], out.dtype)
        let (nnz, s0, s1, sv) = (p.indices.sizes[1], p.indices.strides[0], p.indices.strides[1], p.values.strides[0])
        let (q, count) = (p.indices.typed(Int64.self), p.count?.lent)
        func entries() -> Int { count.map { Int($0.readInt64(at: $0.offset)) } ?? nnz }
        let (so, sd) = (out.strides, dense.strides)
        let (po, pd, pv) = (out.pointer, dense.pointer, p.values.pointer)
        func run<T: TensorElement>(_: T.Type) {
            let (o, d, v) = (po.as(T.self), pd.as(T.self), pv.as(T.self))
            for e in 0..<entries() {
                let (i, j) = (Int(q[e * s1]), Int(q[s0 + e * s1]))
                let (row, column) = transposed ? (j, i) : (i, j)
                let x = v[e * sv]
                let (to, from) = (o + row * so[0], d + column * sd[0])
                if T.dtype.isFloatingPoint {
                    let f = x.asDouble
                    for k in 0..<n { to[k * so[1]] = T(element: to[k * so[1]].asDouble + f * from[k * sd[1]].asDouble) }
                } else {
                    let f = x.asInt64
                    for k in 0..<n { to[k * so[1]] = T(element: to[k * so[1]].asInt64 &+ f &* from[k * sd[1]].asInt64) }
                }
            }
        }
        func plain<T: BinaryFloatingPoint>(_: T.Type) {
            let (o, d, v) = (po.as(T.self), pd.as(T.self), pv.as(T.self))
            for e in 0..<entries() {
                let (to, from) = (o + Int(q[e * s1]) * so[0], d + Int(q[s0 + e * s1]) * sd[0])
                let f = v[e * sv]
                for k in 0..<n { to[k] += f * from[k] }
            }
        }
        launch("sparse_mm") {
            if !transposed && so[1] == 1 && sd[1] == 1 && type == .float32 {
                plain(Float.self)
            } else if !transposed && so[1] == 1 && sd[1] == 1 && type == .float64 {
                plain(Double.self)
            } else {
                withElementType(type) { run($0) }
            }
        }
        withExtendedLifetime((p, dense, out)) {}
    }

    /// The sparse product of two sparse matrices: entries of the left meet rows of the right.
    private func timesSparse(_ b: SparseParts, _ columns: Int) throws -> Tensor {
        if Tape.isRecording {
            try Tape.refuse("the product of two sparse matrices, whose number of entries depends on the indices,")
        }
        let (a, right) = (try Tensor.merge(parts("mm"), sizes), try Tensor.merge(b, [sizes[1], columns]))
        let (na, nb) = (a.indices.sizes[1], right.indices.sizes[1])
        let (ia, ib) = (try a.indices.contiguous(), try right.indices.contiguous())
        let (qa, qb) = (ia.typed(Int64.self), ib.typed(Int64.self))
        var firstOfRow = [Int](repeating: 0, count: sizes[1] + 1)
        for e in 0..<nb { firstOfRow[Int(qb[e]) + 1] += 1 }
        for r in 0..<sizes[1] { firstOfRow[r + 1] += firstOfRow[r] }
        let (va, vb) = (try a.values.toArray(Double.self), try right.values.toArray(Double.self))
        var sums: [Int: Double] = [:]
        for e in 0..<na {
            let (row, k) = (Int(qa[e]), Int(qa[na + e]))
            for f in firstOfRow[k]..<firstOfRow[k + 1] {
                sums[row * columns + Int(qb[nb + f]), default: 0] += va[e] * vb[f]
            }
        }
        let places = sums.keys.sorted()
        let index = try Tensor.empty([2, places.count], .int64)
        for (k, place) in places.enumerated() {
            index.typed(Int64.self)[k] = Int64(place / Swift.max(columns, 1))
            index.typed(Int64.self)[places.count + k] = Int64(place % Swift.max(columns, 1))
        }
        let values = try Tensor(places.map { sums[$0]! }).to(dtype)
        withExtendedLifetime((ia, ib)) {}
        return try .sparse(index, values, [sizes[0], columns], coalesced: true)
    }

    /// beta * input + alpha * (sparse @ dense); the sparse factor's gradient is sparse.
    static func sparseAddmm(_ input: Tensor, _ a: Tensor, _ b: Tensor, _ beta: Tensor, _ alpha: Tensor) throws -> Tensor {
        let product = try a.sparseMM(b, "SparseAddmmBackward0")
        let out = try input.expand(product.sizes).mul(beta).add(product, alpha: alpha)
        out.history?.name = "SparseAddmmBackward0"
        return out
    }
}
