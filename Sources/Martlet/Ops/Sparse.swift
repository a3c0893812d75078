import MartletKernels

/// Sparse COO tensors: indices (sparse dims x nnz, int64) and values (nnz x dense sizes), possibly with repeats.
///
/// A repeated index stands for the sum of its values. `coalesce()` sorts the indices and adds repeats up.
extension Tensor {
    // MARK: Making

    /// A sparse tensor from its parts, unchecked and without history.
    static func sparse(
        _ indices: Tensor, _ values: Tensor, _ sizes: Dims, coalesced: Bool, count: Tensor? = nil
    ) throws -> Tensor {
        try sparse(SparseParts(indices: indices, values: values, coalesced: coalesced, count: count), sizes)
    }

    static func sparse(_ parts: SparseParts, _ sizes: Dims) throws -> Tensor {
        let t = try Tensor.empty([0], parts.values.dtype)
        t.sizes = sizes
        t.strides = Dims(repeating: 0, count: sizes.count)
        t.numel = sizes.product
        t.sparse = parts
        return t
    }

    /// A sparse tensor of the given `indices` (sparse dims x nnz, any integer dtype) and `values` (nnz x dense sizes).
    /// Without `sizes`, the smallest that fit. Indices outside them, and counts that disagree, are torch's errors.
    /// Gradients reach `values`.
    public static func sparseCOO(_ indices: Tensor, _ values: Tensor, _ sizes: [Int]? = nil) throws -> Tensor {
        let index = try withNoGrad { try indices.detach().to(.int64).contiguous() }
        guard index.rank == 2 else {
            throw MartletError.runtime("indices must be sparse_dim x nnz, but got: \(index.sizes)")
        }
        guard values.rank >= 1 else {
            throw MartletError.runtime("values must have at least one dimension, got a 0-dim tensor")
        }
        let (depth, nnz) = (index.sizes[0], index.sizes[1])
        if sizes == nil && Tape.isRecording { try Tape.refuse("sparse_coo_tensor without a size, which depends on the indices,") }
        let q = index.typed(Int64.self)
        var shape: Dims
        if let sizes {
            shape = try Dims(checking: sizes)
            let dense = values.rank - 1
            guard shape.count == depth + dense else {
                throw MartletError.runtime(
                    "'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = \(shape.count), sparse_dim = \(depth), dense_dim = \(dense)")
            }
            guard nnz == values.sizes[0] else { throw countMismatch(nnz, values.sizes[0]) }
            for d in 0..<dense where values.sizes[d + 1] != shape[depth + d] {
                throw MartletError.runtime(
                    "values has incorrect size, expected \([nnz] + shape.dropFirst(depth)), got \(values.sizes)")
            }
            for s in shape where s < 0 {
                throw MartletError.runtime("Trying to create tensor with negative dimension \(s): \(shape)")
            }
        } else {
            shape = Dims()
            guard nnz == values.sizes[0] else { throw countMismatch(nnz, values.sizes[0]) }
            for d in 0..<depth {
                var largest: Int64 = -1
                for e in 0..<nnz {
                    let v = q[d * nnz + e]
                    if v < 0 { throw MartletError.runtime("found negative index \(v) for dim \(d)") }
                    largest = Swift.max(largest, v)
                }
                guard largest < Int64.max else { throw MartletError.runtime("numel: integer multiplication overflow") }
                shape.append(Int(largest) + 1)
            }
            for s in values.sizes.dropFirst() { shape.append(s) }
        }
        try checkCount(shape)
        func check() throws {
            for d in 0..<depth {
                for e in 0..<nnz {
                    let v = q[d * nnz + e]
                    if v < 0 { throw MartletError.runtime("found negative index \(v) for dim \(d)") }
                    if v >= shape[d] {
                        throw MartletError.runtime(
                            "size is inconsistent with indices: for dim \(d), size is \(shape[d]) but found index \(v)")
                    }
                }
            }
        }
        try check()
        Tape.note("check_indices", Tape.repeating(check))
        return try sparseOver(index, values, shape)
    }

    /// Places are numbered in 64 bits: more elements than that are an error, though they take no memory.
    private static func checkCount(_ shape: Dims) throws {
        var n = 1
        for s in shape {
            let (product, overflow) = n.multipliedReportingOverflow(by: Swift.max(s, 1))
            if overflow { throw MartletError.runtime("numel: integer multiplication overflow") }
            n = product
        }
    }

    private static func countMismatch(_ indices: Int, _ values: Int) -> MartletError {
        .runtime(
            "indices and values must have same nnz, but got nnz from indices: \(indices), nnz from values: \(values)")
    }

    /// The checked parts as a tensor whose gradient reaches `values`.
    static func sparseOver(
        _ index: Tensor, _ values: Tensor, _ shape: Dims, coalesced: Bool = false, count: Tensor? = nil,
        name: String = "SparseCooTensorWithDimsAndTensorsBackward0"
    ) throws -> Tensor {
        let out = try sparse(index, values.detach(), shape, coalesced: coalesced || index.sizes[1] < 2, count: count)
        if GradMode.needs(values) {
            out.attach(name, TensorList(values)) { _, g in
                guard let g = g[0] else { return [nil] }
                return [try g.toDense().valuesAt(index, shape)]
            }
        }
        return out
    }

    /// A sparse tensor without entries.
    public static func sparseEmpty(_ sizes: [Int], dtype: DType) throws -> Tensor {
        let shape = try Dims(checking: sizes)
        for s in shape where s < 0 {
            throw MartletError.runtime("Trying to create tensor with negative dimension \(s): \(shape)")
        }
        try checkCount(shape)
        return try sparse(.empty([shape.count, 0], .int64), .empty([0] as Dims, dtype), shape, coalesced: true)
    }

    // MARK: Looking inside

    /// The entries: while recording, all that there is room for (``SparseParts/count``).
    var entries: SparseParts? {
        guard let p = sparse, let count = p.count, !Tape.isNoting else { return sparse }
        let n = Int(count.readInt64(at: count.offset))
        var sizes = p.values.sizes
        sizes[0] = n
        return SparseParts(
            indices: p.indices.alias(sizes: [p.indices.sizes[0], n], strides: p.indices.strides, offset: p.indices.offset),
            values: p.values.alias(sizes: sizes, strides: p.values.strides, offset: p.values.offset), coalesced: p.coalesced)
    }

    /// The entries; `padded` where zeros at the end do no harm.
    func parts(_ op: String, padded: Bool = false) throws -> SparseParts {
        guard let p = entries else {
            throw MartletError.runtime("\(op) expected sparse coordinate tensor layout but got Strided")
        }
        if p.padded && !padded && Tape.isRecording {
            try Tape.refuse("\(op) of a sparse tensor whose number of entries depends on the indices")
        }
        return p
    }

    public var sparseDim: Int { sparse?.indices.sizes[0] ?? 0 }
    public var denseDim: Int { sparse.map { $0.values.rank - 1 } ?? rank }
    public var isCoalesced: Bool {
        get throws { try parts("is_coalesced", padded: true).coalesced }
    }
    /// How many entries are stored, repeats included.
    public var nnz: Int {
        get throws {
            guard isSparse else {
                throw MartletError.notImplemented("Could not run 'aten::_nnz' with arguments from the 'CPU' backend.")
            }
            return try parts("_nnz").values.sizes[0]
        }
    }

    /// The indices of a coalesced tensor.
    public func sparseIndices() throws -> Tensor {
        let p = try parts("indices")
        guard p.coalesced else {
            throw MartletError.runtime("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
        }
        return p.indices.detach()
    }

    /// The values of a coalesced tensor, in the order of its indices.
    public func sparseValues() throws -> Tensor {
        guard let p = entries else {
            throw MartletError.runtime("values expected sparse tensor layout but got Strided")
        }
        guard p.coalesced else {
            throw MartletError.runtime("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
        }
        return try differentiableValues("ValuesBackward0")
    }

    /// The values as stored; their gradient is a sparse tensor with the same indices.
    func differentiableValues(_ name: String) throws -> Tensor {
        let p = try parts("values")
        let out = p.values.detach()
        if GradMode.needs(self) {
            let shape = sizes
            // Entries of one place share its gradient, which a sparse gradient would add up again.
            let share = p.coalesced ? nil : try Tensor.shares(p.indices, sizes)
            out.attach(name, TensorList(self)) { _, g in
                guard var g = g[0] else { return [nil] }
                if let share {
                    var column = Dims(repeating: 1, count: g.rank)
                    column[0] = share.numel
                    g = try g.mul(share.to(g.dtype).reshape(column))
                }
                return [try .sparseOver(p.indices, g, shape, coalesced: p.coalesced)]
            }
        }
        return out
    }

    /// For each entry, one over the number of entries of its place.
    private static func shares(_ index: Tensor, _ sizes: Dims) throws -> Tensor {
        try oneOverCounts(flatPlaces(index, sizes))
    }

    /// Indices as stored, repeats and all, outside the graph. `_values()` likewise.
    public func rawIndices() throws -> Tensor { try parts("_indices").indices.detach() }
    public func rawValues() throws -> Tensor { try parts("_values").values.detach() }

    /// For each stored entry, its place in row-major order of the sparse dimensions.
    static func flatPlaces(_ index: Tensor, _ sizes: Dims) throws -> Tensor {
        let (depth, nnz) = (index.sizes[0], index.sizes[1])
        if depth == 1 && (index.strides[1] == 1 || nnz < 2) { return index.alias(sizes: [nnz], strides: [1], offset: index.offset) }
        let flat = try Tensor.empty([nnz], .int64)
        let (q, f, strides) = (index.typed(Int64.self), flat.typed(Int64.self), index.strides)
        launch("places") {
            for e in 0..<nnz {
                var at: Int64 = 0
                for d in 0..<depth { at = at &* Int64(sizes[d]) &+ q[d * strides[0] + e * strides[1]] }
                f[e] = at
            }
        }
        return flat
    }

    /// The values of this dense tensor at sparse places: nnz x dense sizes.
    func valuesAt(_ index: Tensor, _ shape: Dims) throws -> Tensor {
        let depth = index.sizes[0]
        var rows: Dims = [Dims(shape.prefix(depth)).product]
        for s in shape.dropFirst(depth) { rows.append(s) }
        return try reshape(rows).gatherRows(Tensor.flatPlaces(index, shape))
    }

    // MARK: Conversions

    /// The dense tensor with repeated entries added up; a dense tensor is returned as it is.
    public func toDense() throws -> Tensor {
        guard let p = entries else { return self }
        let out = try Tensor.zeros(sizes, dtype)
        let values = try withNoGrad { try p.values.contiguous() }
        let block = Dims(sizes.dropFirst(p.indices.sizes[0])).product
        out.addRows(try Tensor.flatPlaces(p.indices, sizes), values, block: block)
        if GradMode.needs(self) {
            out.attach("ToDenseBackward0", TensorList(self)) { _, g in [try g[0]?.sparseMask(p)] }
        }
        return out
    }

    /// This dense tensor's values at the places of `mask`, a sparse tensor of the same shape.
    public func sparseMask(_ mask: Tensor) throws -> Tensor {
        guard let p = mask.entries else {
            throw MartletError.runtime("sparse_mask: the mask must be a sparse tensor")
        }
        guard sizes == mask.sizes else {
            throw MartletError.runtime(
                "sparse_mask(): operands have incompatible sizes; self has size \(sizes) but mask has size \(mask.sizes)")
        }
        let values = try withNoGrad { try toDense().valuesAt(p.indices, sizes).first(p.count) }
        let out = try Tensor.sparse(p.indices, values, sizes, coalesced: p.coalesced, count: p.count)
        if GradMode.needs(self) {
            out.attach("SparseMaskBackward0", TensorList(self)) { _, g in [try g[0]?.toDense()] }
        }
        return out
    }

    /// The gradient of a sparse tensor from that of its dense form: its values at the distinct places of `p`.
    func sparseMask(_ p: SparseParts) throws -> Tensor {
        let dense = try toDense()
        let merged = try Tensor.merge(p, dense.sizes)
        let values = try dense.valuesAt(merged.indices, dense.sizes).first(merged.count)
        return try .sparseOver(merged.indices, values, dense.sizes, count: merged.count)
    }

    /// Values of a sparse tensor of which `count` are entries (all where it is nil), with zeros in place of the others.
    private func first(_ count: Tensor?) throws -> Tensor {
        guard let count else { return self }
        let isEntry = try Tape.whole("entries", [count]) { [n = sizes[0]] in
            let count = try $0[0].itemInt()
            return [try Tensor((0..<n).map { $0 < count })]
        }[0]
        var column = Dims(repeating: 1, count: rank)
        column[0] = sizes[0]
        return try mul(isEntry.to(dtype).reshape(column))
    }

    /// The sparse form: entries of the first `sparseDim` dimensions (all when nil) that are not zero.
    public func toSparse(_ sparseDim: Int? = nil) throws -> Tensor {
        if isSparse { return self }
        let depth = sparseDim ?? rank
        guard depth > 0 || rank == 0, depth <= rank else {
            throw MartletError.runtime(
                "dense_to_sparse: sparse_dim argument must be in [0,\(rank)] range, but \(depth) is given")
        }
        let source = try withNoGrad { try contiguous() }
        if Tape.isRecording { try Tape.refuse("to_sparse, whose result's size depends on the values,") }
        let outer = Dims(sizes.prefix(depth))
        let block = Dims(sizes.dropFirst(depth)).product
        var places: [Int64] = []
        func scan<T: TensorElement>(_: T.Type) {
            let p = source.typed(T.self)
            for i in 0..<outer.product {
                for k in 0..<block {
                    let v = p[i * block + k].asDouble
                    if v != 0 {
                        places.append(Int64(i))
                        break
                    }
                }
            }
        }
        withElementType(dtype) { scan($0) }
        let index = try Tensor.empty([depth, places.count], .int64)
        let q = index.typed(Int64.self)
        for (e, place) in places.enumerated() {
            var rest = Int(place)
            for d in stride(from: depth - 1, through: 0, by: -1) {
                q[d * places.count + e] = Int64(rest % outer[d])
                rest /= outer[d]
            }
        }
        let values = try withNoGrad { try source.detach().valuesAt(index, sizes) }
        let out = try Tensor.sparse(index, values, sizes, coalesced: true)
        if GradMode.needs(self) {
            out.attach(sparseDim == nil ? "ToSparseBackward1" : "ToSparseBackward0", [self]) { _, g in
                [try g[0]?.toDense()]
            }
        }
        return out
    }

    // MARK: Coalescing

    /// The same tensor with sorted indices, repeats added up.
    public func coalesce() throws -> Tensor {
        let p = try parts("coalesce", padded: true)
        if p.coalesced { return self }
        let out = try Tensor.sparse(Tensor.merge(p, sizes), sizes)
        if GradMode.needs(self) { out.attach("CoalesceBackward0", TensorList(self)) { _, g in [g[0]] } }
        return out
    }

    /// Sorted distinct places with the sums of their values, added in order of occurrence.
    static func merge(_ p: SparseParts, _ sizes: Dims) throws -> SparseParts {
        let nnz = p.indices.sizes[1]
        if p.coalesced || nnz == 0 {
            return SparseParts(indices: p.indices, values: p.values, coalesced: true, count: p.count)
        }
        guard Tape.isNoting else { return try mergeNow(p, sizes) }
        // How many places are distinct depends on the indices: there is room for all.
        let made = try Tape.whole("coalesce", [.sparse(p, sizes)]) { try $0[0].padded(to: nnz) { try mergeNow($0, sizes) } }
        return SparseParts(indices: made[0], values: made[1], coalesced: true, count: made[2])
    }

    /// What `body` makes of this sparse tensor's entries, with zeros after it up to `room` entries: the indices, the values,
    /// and the number of entries.
    func padded(to room: Int, _ body: (SparseParts) throws -> SparseParts) throws -> [Tensor] {
        let made = try body(entries!)
        let (depth, n) = (made.indices.sizes[0], made.indices.sizes[1])
        let index = try Tensor.zeros([depth, room], .int64)
        var shape = made.values.sizes
        shape[0] = room
        let values = try Tensor.zeros(shape, made.values.dtype)
        if n > 0 {
            for d in 0..<depth {
                let row = index.plainSlice(0, d)
                let from = made.indices.plainSlice(0, d)
                copyKernel(row, try from.plainSlice(0, n - 1).expand([room]))
                copyKernel(row.alias(sizes: [n], strides: row.strides, offset: row.offset), from)
            }
            copyKernel(values.alias(sizes: made.values.sizes, strides: values.strides, offset: values.offset), made.values)
        }
        return [index, values, try Tensor([Int64(n)]).reshape([] as Dims)]
    }

    private static func mergeNow(_ p: SparseParts, _ sizes: Dims) throws -> SparseParts {
        let (depth, nnz) = (p.indices.sizes[0], p.indices.sizes[1])
        if p.coalesced || nnz == 0 { return SparseParts(indices: p.indices, values: p.values, coalesced: true) }
        let flat = try flatPlaces(p.indices, sizes)
        let f = flat.typed(Int64.self)
        let order = try Tensor.empty([nnz], .int64)
        let o = order.typed(Int64.self)
        guard mk_sort_places(f, Int64(nnz), o) == 0 else {
            throw MartletError.outOfMemory("coalesce(): memory for \(nnz) places could not be had")
        }
        // Where in that order each place begins, and the end.
        let starts = try Tensor.empty([nnz + 1], .int64)
        let s = starts.typed(Int64.self)
        var count = 0
        for i in 0..<nnz where i == 0 || f[Int(o[i])] != f[Int(o[i - 1])] {
            s[count] = Int64(i)
            count += 1
        }
        s[count] = Int64(nnz)
        let index = try Tensor.empty([depth, count], .int64)
        let (q, from) = (index.typed(Int64.self), p.indices.typed(Int64.self))
        for d in 0..<depth {
            for k in 0..<count {
                q[d * count + k] = from[d * p.indices.strides[0] + Int(o[Int(s[k])]) * p.indices.strides[1]]
            }
        }
        var shape = p.values.sizes
        shape[0] = count
        let source = try withNoGrad { try p.values.contiguous() }
        let block = Dims(shape.dropFirst()).product
        let values: Tensor
        switch source.dtype {
        case .float32:
            values = try .empty(shape, .float32)
            mk_merge_rows_f32(source.typed(), Int64(block), o, s, Int64(count), values.typed())
        case .float64:
            values = try .empty(shape, .float64)
            mk_merge_rows_f64(source.typed(), Int64(block), o, s, Int64(count), values.typed())
        default:
            let target = try Tensor.empty([nnz], .int64)
            let t = target.typed(Int64.self)
            for k in 0..<count { for e in s[k]..<s[k + 1] { t[Int(o[Int(e)])] = Int64(k) } }
            values = try .zeros(shape, source.dtype)
            values.addRows(target, source, block: block)
        }
        withExtendedLifetime((flat, order, starts, source)) {}
        return SparseParts(indices: index, values: values, coalesced: true)
    }
}
