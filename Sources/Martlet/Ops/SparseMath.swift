/// Arithmetic and reshaping of sparse COO tensors.
extension Tensor {
    func emptySparse(_ p: SparseParts) throws -> SparseParts {
        var shape = p.values.sizes
        shape[0] = 0
        return SparseParts(
            indices: try .empty([p.indices.sizes[0], 0], .int64), values: try .empty(shape, dtype), coalesced: true)
    }

    /// A sparse tensor with the same places and other values.
    private func withValues(_ p: SparseParts, _ values: Tensor) throws -> Tensor {
        try .sparse(p.indices, values, sizes, coalesced: p.coalesced, count: p.count)
    }

    func cloneSparse(_ p: SparseParts) throws -> Tensor {
        let out = try withNoGrad {
            try Tensor.sparse(p.indices.clone(), p.values.clone(), sizes, coalesced: p.coalesced, count: p.count?.clone())
        }
        if GradMode.needs(self) { out.attach("CloneBackward0", TensorList(self)) { _, g in [g[0]] } }
        return out
    }

    func convertSparse(_ p: SparseParts, _ dtype: DType) throws -> Tensor {
        let out = try withValues(p, p.values.to(dtype))
        if GradMode.needs(self) && dtype.isFloatingPoint {
            let back = self.dtype
            out.attach("ToCopyBackward0", TensorList(self)) { _, g in [try g[0]?.to(back)] }
        }
        return out
    }

    /// Takes over another tensor's entries in place.
    @discardableResult
    func adoptSparse(_ op: String, _ other: Tensor) throws -> Tensor {
        try checkInPlace(op)
        let source = other.dtype == dtype ? other : try other.to(dtype)
        if Tape.isNoting, let tape = Tape.current, let mine = sparse, let theirs = source.sparse,
            !tape.arena.owns(mine.values.storage.base)
        {
            // Replays write where the values lie.
            guard theirs.indices.storage === mine.indices.storage else {
                return try Tape.refused("\(op) on a sparse tensor made before, which gives it other entries,")
            }
            copyKernel(mine.values, theirs.values)
        } else {
            sparse = source.sparse
        }
        bumpVersion()
        if other.requiresGrad && GradMode.isEnabled { try rebaseHistory(source) }
        return self
    }

    // MARK: Sums and scaling

    /// self + alpha * other, where at least one is sparse: sparse + sparse is sparse, dense + sparse is dense.
    func addSparse(_ other: Tensor, _ alpha: Tensor?) throws -> Tensor {
        guard let b = other.entries else {
            throw MartletError.runtime("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        }
        let type = Tensor.resultType(self, other)
        // The factor applied while adding; one that is a tensor, which replays read anew, is applied before.
        let isLate = alpha == nil || alpha!.isWrappedNumber && (type == .float32 || type == .float64)
        let late = try isLate ? alpha?.item() ?? 1 : 1
        let theirs = try withNoGrad { () throws -> Tensor in
            let v = isLate ? b.values : try b.values.mul(alpha!)
            return try v.to(type)
        }
        let out: Tensor
        if let a = entries {
            guard sizes == other.sizes else {
                throw MartletError.runtime(
                    "add: expected sizes of 'self' and 'other' to match, but \(sizes) != \(other.sizes)")
            }
            guard a.indices.sizes[0] == b.indices.sizes[0] else {
                throw MartletError.runtime(
                    "add: expected 'self' and 'other' to have same number of sparse dims, but \(a.indices.sizes[0]) != \(b.indices.sizes[0])")
            }
            let mine = try withNoGrad { try a.values.to(type) }
            out = try Tensor.walkTogether(
                SparseParts(indices: a.indices, values: mine, coalesced: a.coalesced, count: a.count),
                SparseParts(indices: b.indices, values: theirs, coalesced: b.coalesced, count: b.count), sizes, type, alpha: late)
        } else {
            let shape = try broadcastSizes(sizes, other.sizes)
            guard shape == other.sizes else {
                throw MartletError.runtime(
                    "add: Expected size of 'other' to be \(shape), but got \(other.sizes)")
            }
            out = try withNoGrad { try to(type).expand(shape).contiguous().detach().clone() }
            out.addEntries(SparseParts(indices: b.indices, values: theirs, coalesced: b.coalesced), alpha: late)
        }
        if GradMode.needs(self, other) {
            let (mine, alpha) = (sizes, try alpha?.asFactor(type))
            out.attach("AddBackward0", TensorList(self, other)) { node, g in
                [
                    node.needs(0) ? try g[0].map { $0.isSparse ? $0 : try $0.sumTo(mine) } : nil,
                    node.needs(1) ? try alpha == nil ? g[0] : g[0]?.mul(alpha!) : nil,
                ]
            }
        }
        return out
    }

    /// Adds sparse entries, times alpha, onto this contiguous dense tensor of the same dtype and shape.
    private func addEntries(_ p: SparseParts, alpha: Double = 1) {
        orTrap {
            let values = try withNoGrad { try p.values.contiguous() }
            let block = Dims(sizes.dropFirst(p.indices.sizes[0])).product
            addRows(try Tensor.flatPlaces(p.indices, sizes), values, block: block, alpha: alpha)
        }
    }

    func addSparseInPlace(_ other: Tensor, _ alpha: Tensor?) throws -> Tensor {
        if isSparse { return try adoptSparse("add_", addSparse(other, alpha)) }
        guard let p = other.entries else { return try addInPlace(other, alpha: alpha) }
        if !GradMode.needs(self, other) && isContiguous && other.dtype == dtype && sizes == other.sizes {
            try checkInPlace("add_")
            if let alpha, !alpha.isWrappedNumber || dtype != .float32 && dtype != .float64 {
                let values = try withNoGrad { try p.values.mul(alpha).to(dtype) }
                addEntries(SparseParts(indices: p.indices, values: values, coalesced: p.coalesced))
            } else {
                addEntries(p, alpha: try alpha?.item() ?? 1)
            }
            bumpVersion()
            return self
        }
        return try assignInPlace("add_", addSparse(other, alpha))
    }

    /// Walks two lists of entries side by side, taking the earlier place first and adding entries that meet, those of b
    /// times alpha. Lists
    /// that are not sorted stay in their own order.
    private static func walkTogether(
        _ a: SparseParts, _ b: SparseParts, _ sizes: Dims, _ dtype: DType, alpha: Double = 1
    ) throws -> Tensor {
        if !a.values.isContiguous || !b.values.isContiguous {
            // torch's rule: values that are not laid out plainly are put one after the other.
            return try withNoGrad {
                let scaled = alpha == 1 ? b.values : try b.values.mul(.number(alpha))
                return try .sparse(
                    .cat([a.indices, b.indices], 1), .cat([a.values, scaled], 0).to(dtype), sizes, coalesced: false)
            }
        }
        guard Tape.isNoting else {
            return try .sparse(withNoGrad { try walk(a, b, sizes, dtype, alpha) }, sizes)
        }
        // How many entries meet depends on the indices: there is room for all.
        let room = a.indices.sizes[1] + b.indices.sizes[1]
        let made = try Tape.whole("add_sparse", [.sparse(a, sizes), .sparse(b, sizes)]) { both in
            try both[0].padded(to: room) { try walk($0, both[1].entries!, sizes, dtype, alpha) }
        }
        return try .sparse(made[0], made[1], sizes, coalesced: a.coalesced && b.coalesced, count: made[2])
    }

    /// The entries of the sum.
    private static func walk(
        _ a: SparseParts, _ b: SparseParts, _ sizes: Dims, _ dtype: DType, _ alpha: Double
    ) throws -> SparseParts {
        let (depth, na, nb) = (a.indices.sizes[0], a.indices.sizes[1], b.indices.sizes[1])
        let (fa, fb) = (try flatPlaces(a.indices, sizes), try flatPlaces(b.indices, sizes))
        let (pa, pb) = (fa.typed(Int64.self), fb.typed(Int64.self))
        // For each result entry, where it comes from.
        var from: [(a: Int, b: Int)] = []
        from.reserveCapacity(na + nb)
        var (i, j) = (0, 0)
        while i < na || j < nb {
            if j >= nb || (i < na && pa[i] < pb[j]) {
                from.append((i, -1))
                i += 1
            } else if i >= na || pb[j] < pa[i] {
                from.append((-1, j))
                j += 1
            } else {
                from.append((i, j))
                i += 1
                j += 1
            }
        }
        let n = from.count
        let index = try Tensor.empty([depth, n], .int64)
        let (toA, toB) = (try Tensor.empty([na], .int64), try Tensor.empty([nb], .int64))
        let q = index.typed(Int64.self)
        let (ta, tb) = (toA.typed(Int64.self), toB.typed(Int64.self))
        for (k, f) in from.enumerated() {
            let (list, e) = f.a >= 0 ? (a.indices, f.a) : (b.indices, f.b)
            let s = list.typed(Int64.self)
            for d in 0..<depth { q[d * n + k] = s[d * list.strides[0] + e * list.strides[1]] }
            if f.a >= 0 { ta[f.a] = Int64(k) }
            if f.b >= 0 { tb[f.b] = Int64(k) }
        }
        var shape = na > 0 || nb == 0 ? a.values.sizes : b.values.sizes
        shape[0] = n
        let values = try Tensor.zeros(shape, dtype)
        let block = n == 0 ? 0 : values.numel / n
        try withNoGrad {
            if na > 0 { values.addRows(toA, try a.values.contiguous(), block: block) }
            if nb > 0 { values.addRows(toB, try b.values.contiguous(), block: block, alpha: alpha) }
        }
        withExtendedLifetime((fa, fb)) {}
        return SparseParts(indices: index, values: values, coalesced: a.coalesced && b.coalesced)
    }

    /// Two gradients of one tensor added up, whichever of them are sparse.
    static func addGradients(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        a.isSparse && !b.isSparse ? try b.add(a) : try a.add(b)
    }

    /// The product of a sparse tensor with a number, a dense tensor of its shape, or another sparse tensor.
    func mulSparse(_ other: Tensor) throws -> Tensor {
        if !isSparse { return try other.mulSparse(self) }
        let type = Tensor.resultType(self, other)
        if let p = entries, !other.isSparse && other.numel == 1 && other.rank == 0 {
            let out = try withValues(p, withNoGrad { try p.values.to(type).mul(other.to(type)) })
            if GradMode.needs(self, other) {
                out.attach("MulBackward0", TensorList(self, other)) { node in
                    node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
                } backward: { node, g in
                    [
                        node.needs(0) ? try g[0]?.mul(node.saved(1)) : nil,
                        node.needs(1) ? try g[0]?.toDense().mul(node.saved(0).toDense()).sum() : nil,
                    ]
                }
            }
            return out
        }
        let p = try parts("mul")
        guard sizes == other.sizes else {
            throw MartletError.runtime(
                "mul: expected 'self' and 'other' to have same sizes, but \(sizes) != \(other.sizes)")
        }
        let out: Tensor
        if let q = other.sparse {
            if Tape.isRecording {
                try Tape.refuse("the product of two sparse tensors, whose number of entries depends on the indices,")
            }
            // Only places that both have stay.
            let (a, b) = (try Tensor.merge(p, sizes), try Tensor.merge(q, sizes))
            let dense = try withNoGrad { try other.toDense().valuesAt(a.indices, sizes) }
            let places = Set(Array(UnsafeBufferPointer(start: try Tensor.flatPlaces(b.indices, sizes).typed(Int64.self), count: b.indices.sizes[1])))
            let mine = try Tensor.flatPlaces(a.indices, sizes)
            let keep = (0..<a.indices.sizes[1]).filter { places.contains(mine.typed(Int64.self)[$0]) }
            let rows = try Tensor(keep.map { Int64($0) })
            out = try withNoGrad {
                try .sparse(
                    a.indices.t().gatherRows(rows).t().contiguous(),
                    a.values.mul(dense).to(type).gatherRows(rows), sizes, coalesced: true)
            }
        } else {
            out = try withValues(p, withNoGrad { try p.values.mul(other.valuesAt(p.indices, sizes)).to(type) })
        }
        if GradMode.needs(self, other) {
            out.attach("MulBackward0", TensorList(self, other)) { node in node.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                let da = node.needs(0) ? try g.toDense().mul(b.toDense()) : nil
                let db = node.needs(1) ? try g.toDense().mul(a.toDense()) : nil
                return [
                    try da?.sparseMask(a.parts("mul")), try b.isSparse ? db?.sparseMask(b.parts("mul")) : db,
                ]
            }
        }
        return out
    }

    /// A sparse tensor over a number.
    func divSparse(_ other: Tensor) throws -> Tensor {
        guard !other.isSparse, other.rank == 0 else {
            throw MartletError.runtime("div: division of a sparse tensor takes a number or a 0-dim dense tensor")
        }
        let p = try parts("div", padded: true)
        let out = try withValues(p, withNoGrad { try p.values.div(other) })
        if GradMode.needs(self) {
            out.attach("DivBackward0", TensorList(self)) { node in node.save(other) } backward: { node, g in
                [try g[0]?.div(node.saved(0))]
            }
        }
        return out
    }

    func negSparse() throws -> Tensor {
        let p = try parts("neg", padded: true)
        let out = try withValues(p, withNoGrad { try p.values.neg() })
        if GradMode.needs(self) { out.attach("NegBackward0", TensorList(self)) { _, g in TensorList(try g[0]?.neg()) } }
        return out
    }

    /// The sum of all elements, a dense number.
    func sumSparse(_ dims: [Int]?, _ keepDim: Bool) throws -> Tensor {
        guard let dims, !dims.isEmpty else {
            let out = try Tape.whole("sum_sparse", [self]) { [try $0[0].entries!.values.sum()] }[0]
            if GradMode.needs(self) {
                let shape = sizes
                out.attach("SumBackward0", TensorList(self)) { _, g in [try g[0]?.expand(shape)] }
            }
            return out
        }
        let out = try sparseSum(dims)
        if !keepDim { return out }
        var full = sizes
        for d in dims { full[try wrapDim(d, rank)] = 1 }
        return try out.toDense().reshape(full).toSparse()
    }

    /// torch.sparse.sum: over all dimensions a dense number, over some of them a sparse tensor of the rest, or a dense
    /// one where no sparse dimension is left. The gradient is sparse.
    public func sparseSum(_ dims: [Int]?) throws -> Tensor {
        let p = try parts("sparse.sum")
        if !p.coalesced { return try coalesce().sparseSum(dims) }
        guard let dims, !dims.isEmpty else { return try differentiableValues("ValuesBackward0").sum() }
        let depth = p.indices.sizes[0]
        var flags = [Bool](repeating: false, count: rank)
        for d in dims {
            let w = try wrapDim(d, rank)
            if flags[w] { throw MartletError.runtime("dim \(w) appears multiple times in the list of dims") }
            flags[w] = true
        }
        var values = try differentiableValues("ValuesBackward0")
        let denseDims = (depth..<rank).filter { flags[$0] }.map { $0 - depth + 1 }
        if !denseDims.isEmpty { values = try values.sum(denseDims) }
        let kept = (0..<depth).filter { !flags[$0] }
        let shape = Dims((0..<rank).filter { !flags[$0] }.map { sizes[$0] })
        if kept.isEmpty {
            let out = try values.sum([0])
            out.history?.name = "SparseSumBackward0"
            return out
        }
        let rows = try Tensor(kept.map { Int64($0) })
        let index = try withNoGrad { try p.indices.contiguous().gatherRows(rows) }
        let out = try Tensor.sparseOver(index, values, shape).coalesce()
        out.history?.name = "SparseSumBackward0"
        return out
    }

    // MARK: Shape

    /// Entry k of the list of index rows, arranged anew; values stay where they are.
    private func rearranged(_ name: String, _ order: [Int], _ back: @escaping (Tensor) throws -> Tensor) throws -> Tensor {
        let p = try parts(name, padded: true)
        let rows = try Tensor(order.map { Int64($0) })
        let index = try withNoGrad { try p.indices.contiguous().gatherRows(rows) }
        let shape = Dims(order.map { sizes[$0] } + sizes.dropFirst(order.count))
        let out = try Tensor.sparse(index, p.values, shape, coalesced: false, count: p.count)
        if GradMode.needs(self) { out.attach(name, TensorList(self)) { _, g in [try g[0].map(back)] } }
        return out
    }

    func transposeSparse(_ p: SparseParts, _ i: Int, _ j: Int, name: String = "TransposeBackward0") throws -> Tensor {
        let n = p.indices.sizes[0]
        guard i < n && j < n else {
            throw MartletError.runtime(
                "transpose of a sparse tensor: both dimensions must be sparse; got \(i) and \(j) of \(n) sparse dimensions")
        }
        var order = Array(0..<n)
        order.swapAt(i, j)
        return try rearranged(name, order) { try $0.transpose(i, j) }
    }

    /// All dimensions in a new order: sparse ones among themselves, and dense ones among themselves.
    func permuteSparse(_ dims: [Int]) throws -> Tensor {
        let p = try parts("permute", padded: true)
        let depth = p.indices.sizes[0]
        let order = try dims.map { try wrapDim($0, rank) }
        guard Set(order).count == rank else { throw MartletError.runtime("permute(): duplicate dims are not allowed.") }
        guard order.prefix(depth).allSatisfy({ $0 < depth }) else {
            throw MartletError.runtime(
                "transpose of a sparse tensor: sparse dimensions must stay sparse; got \(dims) of \(depth) sparse dimensions")
        }
        let rows = try Tensor(order.prefix(depth).map { Int64($0) })
        let index = try withNoGrad { try p.indices.contiguous().gatherRows(rows) }
        let values = try withNoGrad { try p.values.permute([0] + order.dropFirst(depth).map { $0 - depth + 1 }) }
        let coalesced = p.coalesced && order == Array(0..<rank)
        let out = try Tensor.sparse(index, values, Dims(order.map { sizes[$0] }), coalesced: coalesced, count: p.count)
        if GradMode.needs(self) {
            var inverse = [Int](repeating: 0, count: rank)
            for (k, d) in order.enumerated() { inverse[d] = k }
            out.attach("PermuteBackward0", TensorList(self)) { _, g in [try g[0]?.permute(inverse)] }
        }
        return out
    }

    /// One slice along a dimension.
    func selectSparse(_ p: SparseParts, _ dim: Int, _ index: Int) throws -> Tensor {
        let picked = try indexSelectSparse(dim, .init([Int64(index)]))
        let q = try picked.parts("select")
        var shape = sizes
        shape.remove(at: dim)
        let depth = p.indices.sizes[0]
        if dim >= depth {
            return try .sparseOver(q.indices, picked.differentiableValues("ValuesBackward0").squeeze([dim - depth + 1]), shape)
        }
        let values = try picked.differentiableValues("ValuesBackward0")
        if depth == 1 { return try values.sum([0]) }
        let rows = try Tensor((0..<depth).filter { $0 != dim }.map { Int64($0) })
        return try .sparseOver(withNoGrad { try q.indices.contiguous().gatherRows(rows) }, values, shape)
    }

    /// The slices named by `index` (one dimension) along `dim`, as a sparse tensor.
    public func indexSelectSparse(_ dim: Int, _ index: Tensor) throws -> Tensor {
        let p = try parts("index_select")
        let d = try wrapDim(dim, rank)
        guard index.rank == 1 else {
            throw MartletError.index("index_select() argument index must be 1-D long-tensor.")
        }
        if Tape.isRecording {
            try Tape.refuse("index_select of a sparse tensor, whose number of entries depends on the indices,")
        }
        let wanted = try withNoGrad { try index.to(.int64).contiguous() }
        let w = wanted.typed(Int64.self)
        for i in 0..<wanted.numel where w[i] < -sizes[d] || w[i] >= sizes[d] {
            throw MartletError.index(
                "index_select(): index contains \(w[i]) that is out of range for tensor of size \(sizes) at dimension \(d)")
        }
        var shape = sizes
        shape[d] = wanted.numel
        let depth = p.indices.sizes[0]
        let values = try differentiableValues("ValuesBackward0")
        if d >= depth {
            let t = try values.transpose(0, d - depth + 1)
            let picked = try t.gatherRows(wanted).transpose(0, d - depth + 1)
            return try .sparseOver(p.indices, picked, shape, coalesced: p.coalesced)
        }
        let nnz = p.indices.sizes[1]
        let source = try withNoGrad { try p.indices.contiguous() }
        let q = source.typed(Int64.self)
        // Entries by their place along the dimension, each list in order of occurrence.
        var byPlace: [Int64: [Int]] = [:]
        for e in 0..<nnz { byPlace[q[d * nnz + e], default: []].append(e) }
        var (entries, places) = ([Int64](), [Int64]())
        for i in 0..<wanted.numel {
            let at = w[i] < 0 ? w[i] + Int64(sizes[d]) : w[i]
            for e in byPlace[at] ?? [] {
                entries.append(Int64(e))
                places.append(Int64(i))
            }
        }
        let rows = try Tensor(entries)
        let columns = try withNoGrad { try source.t().gatherRows(rows).t().contiguous() }
        for (k, place) in places.enumerated() { columns.typed(Int64.self)[d * places.count + k] = place }
        return try .sparseOver(columns, values.gatherRows(rows), shape)
    }

    static func catSparse(_ tensors: [Tensor], _ dim: Int) throws -> Tensor {
        let first = tensors[0]
        let d = try wrapDim(dim, first.rank)
        var shape = first.sizes
        shape[d] = 0
        var (indices, values) = ([Tensor](), [Tensor]())
        for (i, t) in tensors.enumerated() {
            guard let p = try t.isSparse ? t.parts("cat") : nil else {
                throw MartletError.runtime("Concatenating sparse tensors, but a dense tensor was found at position \(i).")
            }
            guard t.rank == first.rank, p.indices.sizes[0] == first.sparseDim,
                (0..<t.rank).allSatisfy({ $0 == d || t.sizes[$0] == first.sizes[$0] })
            else {
                throw MartletError.runtime(
                    "All tensors must have the same shape: \(first.sizes) (except in the concatenating dimension), but found shape: \(t.sizes)")
            }
            guard d < p.indices.sizes[0] else {
                throw MartletError.notImplemented("cat of sparse tensors along a dense dimension is not offered")
            }
            let shifted = try withNoGrad { try p.indices.clone() }
            let row = shifted.plainSlice(0, d)
            _ = try binaryKernel(.add, row, .number(shape[d]), dtype: .int64, into: row)
            indices.append(shifted)
            values.append(try t.differentiableValues("ValuesBackward0"))
            shape[d] += t.sizes[d]
        }
        let out = try sparseOver(.cat(indices, 1), .cat(values, 0), shape, name: "CatBackward0")
        return out
    }
}
