/// Which rows of a parameter an optimizer's step may change.
///
/// Chosen at any time between the forward pass and the step, before or after `backward`:
///
///     try table.restrictUpdates(toRows: [0, 3])
///     try optimizer.step()               // rows 0 and 3 move, all others stay bit-identical
///     try table.restrictUpdates(toRows: nil as [Int]?)
///
/// Other rows keep their values and their share of the optimizer's state, for sparse and dense gradients alike.
extension Tensor {
    /// Restricts steps to these rows (negative ones count from the end); nil allows all again.
    public func restrictUpdates(toRows rows: [Int]?) throws {
        guard let rows else {
            updatableRows = nil
            return
        }
        guard rank > 0 else { throw MartletError.value("restrict_rows(): the parameter is 0-dimensional and has no rows") }
        let n = sizes[0]
        var allowed = Set<Int64>()
        for r in rows {
            guard r >= -n && r < n else {
                throw MartletError.index("index \(r) is out of bounds for dimension 0 with size \(n)")
            }
            allowed.insert(Int64(r < 0 ? r + n : r))
        }
        updatableRows = try Tensor(allowed.sorted())
    }

    /// Restricts steps to the rows named by an integer vector or a bool mask; nil allows all again.
    public func restrictUpdates(to rows: Tensor?) throws {
        guard let rows else {
            updatableRows = nil
            return
        }
        guard rows.rank == 1 else {
            throw MartletError.index("restrict_rows(): rows must be 1-dimensional, got shape \(rows.sizes)")
        }
        guard !rows.dtype.isFloatingPoint else {
            throw MartletError(.type, "restrict_rows(): rows must be integers or bools, got \(rows.dtype.name)")
        }
        if rows.dtype == .bool {
            guard rank > 0, rows.sizes[0] == sizes[0] else {
                throw MartletError.index(
                    "restrict_rows(): the mask has \(rows.sizes[0]) entries but the parameter has \(rank > 0 ? sizes[0] : 0) rows")
            }
            return try restrictUpdates(toRows: try rows.nonzero().toArray(Int64.self).map { Int($0) })
        }
        try restrictUpdates(toRows: try rows.to(.int64).toArray(Int64.self).map { Int($0) })
    }
}

enum RowPolicy {
    /// Runs `update` on the allowed rows of the parameter, its gradient and its row-shaped state, and writes them back.
    static func update(
        _ p: Tensor, _ grad: Tensor, _ state: inout Optimizer.State, _ rows: Tensor,
        _ update: (Tensor, Tensor, inout Optimizer.State) throws -> Void
    ) throws {
        if Tape.isRecording { try Tape.refuse("a step restricted to some rows") }
        let part = try p.detach().indexSelect(0, rows)
        let partGrad = try grad.isSparse ? split(grad, rows).inside : grad.detach().indexSelect(0, rows)
        var partState = state
        var outside: [String: Tensor] = [:]
        for (name, t) in state.tensors where t.sizes == p.sizes {
            if t.isSparse {
                let parts = try split(t, rows)
                partState.tensors[name] = parts.inside
                outside[name] = parts.outside
            } else {
                partState.tensors[name] = try t.indexSelect(0, rows)
            }
        }
        try update(part, partGrad, &partState)
        try write(part, p, rows)
        for (name, t) in partState.tensors where t.rank > 0 && t.sizes == part.sizes {
            if t.isSparse {
                let wide = try widen(t, rows, p.sizes)
                state.tensors[name] = try outside[name].map { try $0.add(wide) } ?? wide
            } else {
                let whole = try state.tensors[name] ?? Tensor.zeros(p.sizes, t.dtype)
                try write(t, whole, rows)
                state.tensors[name] = whole
            }
        }
    }

    private static func write(_ part: Tensor, _ whole: Tensor, _ rows: Tensor) throws {
        for (i, r) in try rows.toArray(Int64.self).enumerated() {
            copyKernel(whole.plainSlice(0, Int(r)), part.plainSlice(0, i))
        }
    }

    /// A sparse tensor's entries in `rows`, renumbered, and its other entries as they are.
    private static func split(_ t: Tensor, _ rows: Tensor) throws -> (inside: Tensor, outside: Tensor) {
        guard let sparse = t.sparse else { throw MartletError.runtime("expected a sparse tensor") }
        var place: [Int64: Int64] = [:]
        for (i, r) in try rows.toArray(Int64.self).enumerated() { place[r] = Int64(i) }
        let owner = try sparse.indices.select(0, 0).toArray(Int64.self)
        let keep = owner.indices.filter { place[owner[$0]] != nil }
        let rest = owner.indices.filter { place[owner[$0]] == nil }
        let kept = try Tensor(keep.map { Int64($0) })
        let spare = try Tensor(rest.map { Int64($0) })
        let inner = try sparse.indices.indexSelect(1, kept)
        copyKernel(inner.plainSlice(0, 0), try Tensor(keep.map { place[owner[$0]]! }))
        var shape = t.sizes
        shape[0] = rows.numel
        return (
            try .sparse(inner, sparse.values.indexSelect(0, kept), shape, coalesced: false),
            try .sparse(sparse.indices.indexSelect(1, spare), sparse.values.indexSelect(0, spare), t.sizes, coalesced: false)
        )
    }

    /// A sparse tensor over the gathered rows as one over all rows.
    private static func widen(_ t: Tensor, _ rows: Tensor, _ sizes: Dims) throws -> Tensor {
        guard let sparse = t.sparse else { throw MartletError.runtime("expected a sparse tensor") }
        let indices = try sparse.indices.clone()
        copyKernel(indices.plainSlice(0, 0), try rows.indexSelect(0, sparse.indices.select(0, 0)))
        return try .sparse(indices, sparse.values, sizes, coalesced: false)
    }
}
