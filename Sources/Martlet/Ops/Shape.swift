/// Rearranging elements into new memory.
extension Tensor {
    /// The order of elements along the given dimensions reversed.
    public func flip(_ dims: [Int]) throws -> Tensor {
        try refuseSparse("flip")
        var reversed = [Bool](repeating: false, count: Swift.max(rank, 1))
        for d in dims {
            let w = try wrapDim(d, rank)
            if reversed[w] { throw MartletError.runtime("dim \(w) appears multiple times in the list of dims") }
            reversed[w] = true
        }
        let out = try Tensor.empty(sizes, dtype)
        // Write through a view of the output that runs backwards: same sizes, negated strides.
        let w = out.alias(sizes: sizes, strides: out.strides, offset: 0)
        if numel > 0 {
            for d in 0..<rank where reversed[d] {
                w.offset += (sizes[d] - 1) * out.strides[d]
                w.strides[d] = -out.strides[d]
            }
            copyReordered(w, self)
        }
        if GradMode.needs(self) { out.attach("FlipBackward0", TensorList(self)) { _, g in [try g[0]?.flip(dims)] } }
        return out
    }

    /// Elements moved along dimensions, wrapping round; without dims, in row-major order.
    public func roll(_ shifts: [Int], _ dims: [Int] = []) throws -> Tensor {
        try refuseSparse("roll")
        if shifts.isEmpty { throw MartletError.runtime("`shifts` required") }
        if dims.isEmpty && shifts.count == 1 {
            return try contiguous().reshape([-1] as Dims).roll(shifts, [0]).reshape(sizes)
        }
        guard shifts.count == dims.count else {
            throw MartletError.runtime("shifts and dimensions must align. shifts: \(shifts.count), dims:\(dims.count)")
        }
        if rank == 0 { throw MartletError.index("Dimension specified as \(dims[0]) but tensor has no dimensions") }
        let shifts = try zip(shifts, dims).map { shift, dim in shift % Swift.max(sizes[try wrapDim(dim, rank)], 1) }
        var pieces = self
        for (shift, dim) in zip(shifts, dims) {
            let d = try wrapDim(dim, rank)
            let n = sizes[d]
            if n == 0 { continue }
            let s = (shift + n) % n
            let before = pieces
            pieces = try withNoGrad {
                try Tensor.cat([before.narrow(d, n - s, s), before.narrow(d, 0, n - s)], d)
            }
        }
        let out = pieces === self ? try withNoGrad { try clone() } : pieces
        if GradMode.needs(self) {
            out.attach("RollBackward0", TensorList(self)) { _, g in [try g[0]?.roll(shifts.map { -$0 }, dims)] }
        }
        return out
    }

    /// The tensor laid side by side `repeats` times along each dimension; extra leading counts add dimensions.
    public func repeated(_ repeats: [Int]) throws -> Tensor {
        try refuseSparse("repeat")
        guard repeats.count >= rank else {
            throw MartletError.runtime(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
        }
        if let bad = repeats.first(where: { $0 < 0 }) {
            throw MartletError.runtime("Trying to create tensor with negative dimension \(bad): \(Dims(repeats))")
        }
        let n = try Dims(checking: repeats)
        let lead = n.count - rank
        var shape = n
        for i in 0..<rank {
            let (size, overflow) = n[lead + i].multipliedReportingOverflow(by: sizes[i])
            if overflow { throw MartletError.runtime("Storage size calculation overflowed with repeats=\(n) of sizes=\(sizes)") }
            shape[lead + i] = size
        }
        let out = try Tensor.empty(shape, dtype)
        // Seen as (repeat, size) pairs, the output is the input broadcast over the repeats.
        var (pairs, strides, source) = ([Int](), [Int](), [Int]())
        for i in 0..<n.count {
            let size = i < lead ? 1 : sizes[i - lead]
            pairs += [n[i], size]
            strides += [out.strides[i] * size, out.strides[i]]
            source += [0, i < lead ? 0 : self.strides[i - lead]]
        }
        if out.numel > 0 {
            // Drop trivial pairs so that the rank stays within bounds.
            let keep = pairs.indices.filter { pairs[$0] != 1 }
            let view = Dims(keep.map { pairs[$0] })
            copyKernel(
                out.alias(sizes: view, strides: Dims(keep.map { strides[$0] }), offset: out.offset),
                alias(sizes: view, strides: Dims(keep.map { source[$0] }), offset: offset))
        }
        if GradMode.needs(self) {
            let old = sizes
            out.attach("RepeatBackward0", TensorList(self)) { _, g in
                guard let g = g[0] else { return [nil] }
                if n.product == 0 { return [try Tensor.zeros(old, g.dtype)] }
                // Sum over the repeats, one dimension at a time.
                var r = g
                for i in 0..<n.count where n[i] != 1 || i < lead {
                    let size = i < lead ? 1 : old[i - lead]
                    var split = r.sizes
                    split[i] = n[i]
                    split.insert(size, at: i + 1)
                    r = try r.reshape(split).sum([i])
                }
                return [try r.reshape(old)]
            }
        }
        return out
    }

    /// Each slice of `dim` repeated: `repeats` has one count or one per slice. Without a dim, elements in row-major order.
    public func repeatInterleave(_ repeats: Tensor, _ dim: Int? = nil, outputSize: Int? = nil) throws -> Tensor {
        try refuseSparse("repeat_interleave")
        guard let dim else { return try contiguous().reshape([-1] as Dims).repeatInterleave(repeats, 0, outputSize: outputSize) }
        let x = rank == 0 ? try reshape([1] as Dims) : self
        let d = try wrapDim(dim, x.rank)
        guard repeats.dtype == .int64 || repeats.dtype == .int32 else {
            throw MartletError.runtime("repeats has to be Long or Int tensor")
        }
        let n = x.sizes[d]
        if repeats.isWrappedNumber {
            // A constant: its places are laid out once.
            return try x.indexSelect(d, Tape.paused { try Tensor.places(of: n, along: d, repeats, outputSize) })
        }
        if outputSize == nil && Tape.isRecording {
            try Tape.refuse("repeat_interleave by a tensor without output_size, whose result's size depends on the counts,")
        }
        return try x.indexSelect(d, Tape.whole("places", [repeats]) { [try Tensor.places(of: n, along: d, $0[0], outputSize)] }[0])
    }

    /// The numbers 0..<n, each as often as `repeats` says, which has one count or one for each.
    private static func places(of n: Int, along d: Int, _ repeats: Tensor, _ outputSize: Int?) throws -> Tensor {
        let counts = try repeats.toArray(Int64.self).map { Int($0) }
        guard repeats.rank <= 1 else {
            throw MartletError.runtime("repeats must be 0-dim or 1-dim tensor")
        }
        guard counts.count == 1 || counts.count == n else {
            throw MartletError.runtime(
                "repeats must have the same size as input along dim, but got repeats.size(0) = \(counts.count) and input.size(\(d)) = \(n)")
        }
        if counts.contains(where: { $0 < 0 }) { throw MartletError.runtime("repeats can not be negative") }
        // Claims the memory of the places first: more than there is are an error here.
        var total = 0
        for i in 0..<n {
            let (sum, overflow) = total.addingReportingOverflow(counts.count == 1 ? counts[0] : counts[i])
            if overflow { throw MartletError.runtime("repeats sum to more than \(Int.max)") }
            total = sum
        }
        let index = Tensor(
            storage: try Storage(byteCount: Tensor.checkedByteCount([total], .int64), constant: true), offset: 0, sizes: [total],
            strides: [1], dtype: .int64)
        if let outputSize, outputSize != total {
            throw MartletError.runtime("Allocated size does not match required size (\(total))")
        }
        let places = index.pointer.assumingMemoryBound(to: Int64.self)
        var at = 0
        for i in 0..<n {
            let count = counts.count == 1 ? counts[0] : counts[i]
            (places + at).update(repeating: Int64(i), count: count)
            at += count
        }
        return index
    }

    /// The lower (or upper) triangle of the last two dimensions; other elements are zero.
    public func triangle(lower: Bool, diagonal k: Int = 0) throws -> Tensor {
        try refuseSparse("tril")
        guard rank >= 2 else {
            throw MartletError.runtime("\(lower ? "tril" : "triu"): input tensor must have at least 2 dimensions")
        }
        let source = try withNoGrad { try contiguous() }
        let out = try Tensor.zeros(sizes, dtype)
        let (rows, columns) = (sizes[rank - 2], sizes[rank - 1])
        let k = Swift.min(Swift.max(k, -rows), columns)
        let (size, n, from, to) = (dtype.size, numel, source.pointer, out.pointer)
        launch("triangle") {
            for b in 0..<n / Swift.max(rows * columns, 1) {
                for r in 0..<rows {
                    let cut = Swift.min(Swift.max(r + k + (lower ? 1 : 0), 0), columns)
                    let (first, end) = lower ? (0, cut) : (cut, columns)
                    let at = ((b * rows + r) * columns + first) * size
                    (to + at).copyMemory(from: from + at, byteCount: (end - first) * size)
                }
            }
        }
        withExtendedLifetime(source) {}
        if GradMode.needs(self) {
            out.attach(lower ? "TrilBackward0" : "TriuBackward0", [self]) { _, g in
                [try g[0]?.triangle(lower: lower, diagonal: k)]
            }
        }
        return out
    }

    /// The last dimension put on a diagonal of two new dimensions, zeros elsewhere.
    public func diagEmbed(offset k: Int = 0, _ dim1: Int = -2, _ dim2: Int = -1) throws -> Tensor {
        try refuseSparse("diag_embed")
        let (a, b) = (try wrapDim(dim1, rank + 1), try wrapDim(dim2, rank + 1))
        if a == b { throw MartletError.runtime("diagonal dimensions cannot be identical \(dim1), \(dim2)") }
        let (n, overflow) = (rank == 0 ? 1 : sizes[rank - 1]).addingReportingOverflow(Int(clamping: k.magnitude))
        if overflow { throw MartletError.runtime("diag_embed(): an offset of \(k) is out of range") }
        var shape = sizes
        if rank > 0 { shape.removeLast() }
        shape.insert(n, at: Swift.min(a, b))
        shape.insert(n, at: Swift.max(a, b))
        let out = try Tensor.zeros(shape, dtype)
        copyKernel(try withNoGrad { try out.diagonal(offset: k, a, b) }, self)
        if GradMode.needs(self) {
            out.attach("DiagEmbedBackward0", TensorList(self)) { _, g in [try g[0]?.diagonal(offset: k, a, b)] }
        }
        return out
    }

    /// A vector as a diagonal matrix, or the diagonal of a matrix as a new vector.
    public func diag(_ k: Int = 0) throws -> Tensor {
        try refuseSparse("diag")
        switch rank {
        case 1: return try diagEmbed(offset: k)
        case 2:
            let view = try withNoGrad { try diagonal(offset: k) }
            let out = try Tensor.empty(view.sizes, dtype)
            copyKernel(out, view)
            if GradMode.needs(self) {
                let shape = sizes
                out.attach("DiagonalBackward0_copy", TensorList(self)) { _, g in [try g[0]?.diagonalBackward(shape, k, 0, 1)] }
            }
            return out
        default: throw MartletError.runtime("diag(): Supports 1D or 2D tensors. Got \(rank)D")
        }
    }

    /// Reads bits as another dtype; the last dimension shrinks or grows with the element size.
    public func viewAs(_ type: DType) throws -> Tensor {
        try refuseSparse("view")
        if type == dtype { return makeView("AliasBackward0", sizes, strides, offset) { $0 } }
        guard !requiresGrad else { throw MartletError.runtime("view(dtype): a tensor that requires grad cannot be reinterpreted") }
        let (a, b) = (dtype.size, type.size)
        var (n, s, o) = (sizes, strides, offset)
        if a != b {
            guard rank > 0 else {
                throw MartletError.runtime("self.dim() cannot be 0 to view \(dtype.scalarTypeName) as \(type.scalarTypeName) (different element sizes)")
            }
            guard strides[rank - 1] == 1 else {
                throw MartletError.runtime("self.stride(-1) must be 1 to view \(dtype.scalarTypeName) as \(type.scalarTypeName) (different element sizes), but got \(strides[rank - 1])")
            }
            guard n[rank - 1] * a % b == 0, o * a % b == 0 else {
                throw MartletError.runtime("self.size(-1) must be divisible by \(b / a) to view \(dtype.scalarTypeName) as \(type.scalarTypeName) (different element sizes), but got \(n[rank - 1])")
            }
            n[rank - 1] = n[rank - 1] * a / b
            for i in 0..<rank - 1 { s[i] = s[i] * a / b }
            o = o * a / b
        }
        let t = Tensor(storage: storage, offset: o, sizes: n, strides: s, dtype: type)
        t.ownVersion = ownVersion
        return t
    }
}

/// Copies between tensors of equal sizes whose strides may be negative.
func copyReordered(_ out: Tensor, _ source: Tensor) {
    reorder(out, source)
    Tape.note("copy", { [out = out.lent, source = source.lent] in reorder(out, source) })
}

private func reorder(_ out: Tensor, _ source: Tensor) {
    func run<E>(_: E.Type) {
        let (o, s) = (out.typed(E.self), source.typed(E.self))
        let last = out.rank - 1
        if last < 0 {
            o[0] = s[0]
            return
        }
        var outer = out.sizes
        outer.removeLast()
        let (n, a, b) = (out.sizes[last], out.strides[last], source.strides[last])
        visit(outer) { index in
            var (i, j) = (0, 0)
            for d in 0..<index.count {
                i += index[d] * out.strides[d]
                j += index[d] * source.strides[d]
            }
            for k in 0..<n { o[i + k * a] = s[j + k * b] }
        }
    }
    switch out.dtype.size {
    case 1: run(UInt8.self)
    case 2: run(UInt16.self)
    case 4: run(UInt32.self)
    default: run(UInt64.self)
    }
    withExtendedLifetime((out, source)) {}
}
