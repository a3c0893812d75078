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
        updatableRows = try Tape.paused { try Tensor(allowed.sorted()) }
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
            return try restrictUpdates(toRows: try rows.policyNumbers { try $0.nonzero() })
        }
        try restrictUpdates(toRows: try rows.policyNumbers { try $0.to(.int64) })
    }

    /// This sparse tensor over the rows that steps of `parameter` may change, in their order, with all entries of other rows
    /// in one more at the end.
    public func overUpdatableRows(of parameter: Tensor) throws -> Tensor {
        try RowPolicy.renumbered(self, parameter.updatableNumbers ?? [])
    }

    /// The elements of what `body` makes of a policy's tensor. A recording may read them where they are not its data.
    private func policyNumbers(_ body: (Tensor) throws -> Tensor) throws -> [Int] {
        if let tape = Tape.current, tape.computes(self) { try Tape.refuseReading("restrict_rows()", self) }
        return try Tape.paused { try body(self).toArray(Int64.self).map { Int($0) } }
    }

    /// The rows that steps may change, in ascending order; nil for all.
    var updatableNumbers: [Int64]? {
        guard let rows = updatableRows else { return nil }
        return Tape.paused { Array(UnsafeBufferPointer(start: rows.typed(Int64.self), count: rows.numel)) }
    }
}

enum RowPolicy {
    /// Runs `update` on the allowed rows of the parameter, its gradient and its row-shaped state, and writes them back.
    static func update(
        _ p: Tensor, _ grad: Tensor, _ state: inout Optimizer.State, _ rows: Tensor,
        _ update: (Tensor, Tensor, inout Optimizer.State) throws -> Void
    ) throws {
        // Which entries of a sparse gradient are allowed may be otherwise at each replay: while recording, the others go to
        // one row more, and no further.
        let numbers = p.updatableNumbers ?? []
        let spare = grad.isSparse && Tape.isNoting
        func picked(_ dense: Tensor) throws -> Tensor {
            let part = try dense.detach().indexSelect(0, rows)
            return spare ? try .cat([part, .zeros(part.slice(0, 0, 1).sizes, part.dtype)]) : part
        }
        let part = try picked(p)
        let partGrad =
            try spare ? renumbered(grad, numbers) : grad.isSparse ? split(grad, numbers).inside : grad.detach().indexSelect(0, rows)
        var partState = state
        var outside: [String: Tensor] = [:]
        for (name, t) in state.tensors where t.sizes == p.sizes {
            if t.isSparse {
                let parts = try split(t, numbers)
                partState.tensors[name] = parts.inside
                outside[name] = parts.outside
            } else {
                partState.tensors[name] = try picked(t)
            }
        }
        try update(part, partGrad, &partState)
        try write(part, p, numbers)
        for (name, t) in partState.tensors where t.rank > 0 && t.sizes == part.sizes {
            if t.isSparse {
                let wide = try widen(t, rows, p.sizes)
                state.tensors[name] = try outside[name].map { try $0.add(wide) } ?? wide
            } else {
                if state.tensors[name] == nil { try Tape.refuseFirstStep() }
                let whole = try state.tensors[name] ?? Tensor.zeros(p.sizes, t.dtype)
                try write(t, whole, numbers)
                state.tensors[name] = whole
            }
        }
    }

    private static func write(_ part: Tensor, _ whole: Tensor, _ rows: [Int64]) throws {
        for (i, r) in rows.enumerated() {
            copyKernel(whole.plainSlice(0, Int(r)), part.plainSlice(0, i))
        }
    }

    /// A sparse tensor's entries in `rows`, renumbered, and its other entries as they are.
    private static func split(_ t: Tensor, _ rows: [Int64]) throws -> (inside: Tensor, outside: Tensor) {
        guard let sparse = t.sparse else { throw MartletError.runtime("expected a sparse tensor") }
        var place: [Int64: Int64] = [:]
        for (i, r) in rows.enumerated() { place[r] = Int64(i) }
        let owner = try sparse.indices.select(0, 0).toArray(Int64.self)
        let keep = owner.indices.filter { place[owner[$0]] != nil }
        let rest = owner.indices.filter { place[owner[$0]] == nil }
        let kept = try Tensor(keep.map { Int64($0) })
        let spare = try Tensor(rest.map { Int64($0) })
        let inner = try sparse.indices.indexSelect(1, kept)
        copyKernel(inner.plainSlice(0, 0), try Tensor(keep.map { place[owner[$0]]! }))
        var shape = t.sizes
        shape[0] = rows.count
        return (
            try .sparse(inner, sparse.values.indexSelect(0, kept), shape, coalesced: false),
            try .sparse(sparse.indices.indexSelect(1, spare), sparse.values.indexSelect(0, spare), t.sizes, coalesced: false)
        )
    }

    /// A sparse tensor over `rows` in their order, with all entries of other rows in one more at the end.
    static func renumbered(_ t: Tensor, _ rows: [Int64]) throws -> Tensor {
        let sparse = try t.parts("a step restricted to some rows", padded: true)
        var places = [Int64](repeating: Int64(rows.count), count: t.sizes[0])
        for (i, r) in rows.enumerated() { places[Int(r)] = Int64(i) }
        let indices = try sparse.indices.clone()
        copyKernel(indices.plainSlice(0, 0), try Tensor(places).indexSelect(0, sparse.indices.select(0, 0)))
        var shape = t.sizes
        shape[0] = rows.count + 1
        return try .sparse(indices, sparse.values, shape, coalesced: false, count: sparse.count)
    }

    /// A sparse tensor over the gathered rows as one over all rows.
    private static func widen(_ t: Tensor, _ rows: Tensor, _ sizes: Dims) throws -> Tensor {
        guard let sparse = t.sparse else { throw MartletError.runtime("expected a sparse tensor") }
        let indices = try sparse.indices.clone()
        copyKernel(indices.plainSlice(0, 0), try rows.indexSelect(0, sparse.indices.select(0, 0)))
        return try .sparse(indices, sparse.values, sizes, coalesced: false)
    }
}
