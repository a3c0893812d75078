/// Picking and writing elements by integer tensors and masks.
extension Tensor {
    // MARK: x[i, mask, ...]

    /// Elements at the broadcast `indices`, one per leading dimension, nil for a whole dimension.
    public func index(_ indices: [Tensor?]) throws -> Tensor {
        try refuseSparse("index")
        let plan = try IndexPlan(self, indices)
        let flat = try Tensor.empty(plan.flatShape, dtype)
        plan.gather(self, into: flat)
        Tape.note("index", { [x = lent, flat = flat.lent, indices = indices.map { $0?.lent }] in
            Tape.repeating { try IndexPlan(x, indices).gather(x, into: flat) }()
        })
        let out = try plan.order.map { order in try withNoGrad { try flat.permute(order).detach() } } ?? flat
        if GradMode.needs(self) {
            let (shape, type) = (sizes, dtype)
            out.attach("IndexBackward0", TensorList(self)) { _, g in
                [try g[0].map { try Tensor.zeros(shape, type).indexPut(indices, $0, accumulate: true) }]
            }
        }
        return out
    }

    /// A copy with `values` (broadcast) written or added at the indices. Repeated places add up when accumulating.
    public func indexPut(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) throws -> Tensor {
        try refuseSparse("index_put")
        let out = try withNoGrad { try clone() }
        try out.put(indices, values, accumulate)
        if GradMode.needs(self, values) { attachIndexPut(out, indices, values, accumulate) }
        return out
    }

    /// As ``indexPut(_:_:accumulate:)`` into this tensor.
    @discardableResult
    public func indexPutInPlace(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) throws -> Tensor {
        try refuseSparse("index_put_")
        try checkInPlace("index_put_")
        let record = GradMode.needs(self, values)
        let before = record ? alias() : self
        if record { attachIndexPut(before, indices, values, accumulate) }
        try put(indices, sharesMemory(with: values) ? withNoGrad { try values.clone() } : values, accumulate)
        bumpVersion()
        if record { try rebaseHistory(before) }
        return self
    }

    private func attachIndexPut(_ out: Tensor, _ indices: [Tensor?], _ values: Tensor, _ accumulate: Bool) {
        let shape = values.sizes
        let type = values.dtype
        out.attach("IndexPutBackward0", TensorList(self, values)) { node, g in
            guard let g = g[0] else { return [nil, nil] }
            return [
                node.needs(0)
                    ? (accumulate ? g : try g.indexPut(indices, try Tensor.zeros([], g.dtype))) : nil,
                node.needs(1) ? try g.index(indices).sumTo(shape).to(type) : nil,
            ]
        }
    }

    private func put(_ indices: [Tensor?], _ values: Tensor, _ accumulate: Bool) throws {
        guard Tape.isNoting, indices.contains(where: { $0?.dtype == .bool || $0?.dtype == .uint8 }) else {
            return try putPlanned(indices, values, accumulate)
        }
        // How many places a mask names may be otherwise at each replay.
        try Tape.asOne("index_put", { [x = lent, values = values.lent, indices = indices.map { $0?.lent }] in
            Tape.repeating { try withNoGrad { try x.putPlanned(indices, values, accumulate) } }()
        }) { try putPlanned(indices, values, accumulate) }
    }

    private func putPlanned(_ indices: [Tensor?], _ values: Tensor, _ accumulate: Bool) throws {
        let plan = try IndexPlan(self, indices)
        let shape = plan.resultShape
        guard Tensor.isExpandable(values.sizes, shape) else {
            throw MartletError.runtime(
                "shape mismatch: value tensor of shape \(values.sizes) cannot be broadcast to indexing result of shape \(shape)")
        }
        // One value for the places of a mask is filled in, whatever its dtype.
        let given = indices.compactMap { $0 }
        let fills = values.numel == 1 && !accumulate && given.count == 1 && (given[0].dtype == .bool || given[0].dtype == .uint8)
        guard values.dtype == dtype || values.isWrappedNumber || fills else {
            throw MartletError.runtime(
                "Index put requires the source and destination dtypes match, got \(dtype.scalarTypeName) for the destination and \(values.dtype.scalarTypeName) for the source.")
        }
        let flat = try withNoGrad { () throws -> Tensor in
            var v = try values.detach().to(dtype).expand(shape)
            if let inverse = plan.inverseOrder { v = try v.permute(inverse) }
            return try v.contiguous()
        }
        plan.scatter(flat, into: self, accumulate: accumulate)
        Tape.note("index_put", { [x = lent, flat = flat.lent, indices = indices.map { $0?.lent }] in
            Tape.repeating { try IndexPlan(x, indices).scatter(flat, into: x, accumulate: accumulate) }()
        })
    }

    // MARK: Along one dimension

    func checkIndex(_ op: String, _ index: Tensor) throws {
        guard index.dtype == .int64 || index.dtype == .int32 else {
            throw MartletError.runtime("\(op)(): Expected dtype int32 or int64 for index but got \(index.dtype.scalarTypeName)")
        }
        guard index.rank <= 1 else {
            throw MartletError.index("\(op)(): Index is supposed to be a vector, but got dim: \(index.rank) with type: \(index.dtype.scalarTypeName) and size: \(index.sizes)")
        }
    }

    /// The positions of an index vector, checked against a size.
    func positions(_ index: Tensor, _ n: Int, _ error: (Int) -> MartletError) throws -> [Int] {
        let flat = try withNoGrad { try index.to(.int64).contiguous() }
        return try withExtendedLifetime(flat) {
            let p = flat.typed(Int64.self)
            return try (0..<flat.numel).map { i in
                let v = Int(p[i])
                guard v >= 0 && v < n else { throw error(v) }
                return v
            }
        }
    }

    /// The slices of `dim` named by a vector of indices, in its order.
    public func indexSelect(_ dim: Int, _ index: Tensor) throws -> Tensor {
        let d = try wrapDim(dim, rank)
        try checkIndex("index_select", index)
        if isSparse { return try indexSelectSparse(d, index) }
        let n = rank == 0 ? 1 : sizes[d]
        let outside = { (v: Int) -> MartletError in
            d == 0
                ? .index("index out of range in self")
                : .runtime("INDICES element is out of DATA bounds, id=\(v) axis_dim=\(n)")
        }
        let rows = try positions(index, n, outside)
        var shape = sizes
        if rank > 0 { shape[d] = rows.count } else if rows.count != 1 {
            throw MartletError.index("index_select(): Index to scalar can have only 1 value, got \(rows.count) value(s)")
        }
        let out = try Tensor.empty(shape, dtype)
        if rank == 0 {
            copyKernel(out, self)
        } else {
            Tape.asOne("index_select", { [x = lent, index = index.lent, out = out.lent] in
                Tape.repeating { x.copySlices(d, try x.positions(index, n, outside), from: x, to: out) }()
            }) { copySlices(d, rows, from: self, to: out) }
        }
        if GradMode.needs(self) {
            let (old, type) = (sizes, dtype)
            out.attach("IndexSelectBackward0", TensorList(self)) { _, g in
                [try g[0].map { try Tensor.zeros(old, type).indexAdd(d, index, $0) }]
            }
        }
        return out
    }

    /// out[.., i, ..] = from[.., rows[i], ..].
    private func copySlices(_ d: Int, _ rows: [Int], from x: Tensor, to out: Tensor) {
        let size = dtype.size
        if x.isContiguous {
            let block = x.sizes[(d + 1)...].reduce(size, *)
            let outer = x.sizes[..<d].reduce(1, *)
            let (p, o) = (x.pointer, out.pointer)
            for b in 0..<outer {
                let (from, to) = (p + b * x.sizes[d] * block, o + b * rows.count * block)
                for (i, r) in rows.enumerated() { (to + i * block).copyMemory(from: from + r * block, byteCount: block) }
            }
            withExtendedLifetime(x) {}
            return
        }
        var (n, s, t) = (x.sizes, x.strides, out.strides)
        n.remove(at: d)
        s.remove(at: d)
        t.remove(at: d)
        for (i, r) in rows.enumerated() {
            copyKernel(
                out.alias(sizes: n, strides: t, offset: out.offset + i * out.strides[d]),
                x.alias(sizes: n, strides: s, offset: x.offset + r * x.strides[d]))
        }
    }

    /// Slice `rows[i]` of `dim` of this tensor, without history.
    func plainSlice(_ d: Int, _ i: Int) -> Tensor {
        if rank == 0 { return alias() }
        var (n, s) = (sizes, strides)
        n.remove(at: d)
        s.remove(at: d)
        return alias(sizes: n, strides: s, offset: offset + i * strides[d])
    }

    private func checkIndexSource(_ op: String, _ d: Int, _ index: Tensor, _ source: Tensor) throws -> [Int] {
        try checkIndex(op, index)
        guard dtype == source.dtype else {
            throw MartletError.runtime(
                "\(op)(): self and source expected to have the same dtype, but got (self) \(dtype.scalarTypeName) and (source) \(source.dtype.scalarTypeName)")
        }
        let count = source.rank == 0 ? 1 : source.sizes[Swift.min(d, source.rank - 1)]
        guard source.rank == 0 || d < source.rank, index.numel == count else {
            throw MartletError.runtime(
                "\(op)(): Number of indices (\(index.numel)) should be equal to source.size(dim): (\(count)), for dim: \(d)")
        }
        var (a, b) = (sizes, source.sizes)
        if rank > 0 { a.remove(at: d) }
        if source.rank > 0 { b.remove(at: d) }
        guard a == b else {
            throw MartletError.runtime(
                "\(op)(): Source/destination tensor must have same slice shapes. Destination slice shape: \(a) at dimension \(d) and source slice shape: \(b) at dimension \(d).")
        }
        return try positions(index, rank == 0 ? 1 : sizes[d]) { _ in .index("index out of range in self") }
    }

    /// A copy with alpha * source's slices added at the indices; repeated indices add up.
    public func indexAdd(_ dim: Int, _ index: Tensor, _ source: Tensor, alpha: Tensor? = nil) throws -> Tensor {
        try refuseSparse("index_add")
        let d = try wrapDim(dim, rank)
        let rows = try checkIndexSource("index_add", d, index, source)
        let out = try withNoGrad { try clone() }
        let scaled = try withNoGrad { try alpha.map { try source.mul($0) } ?? source }
        try Tape.asOne("index_add", { [out = out.lent, scaled = scaled.lent, source = source.lent, index = index.lent] in
            Tape.repeating { try out.addSlices(d, try out.checkIndexSource("index_add", d, index, source), scaled) }()
        }) { try out.addSlices(d, rows, scaled) }
        if GradMode.needs(self, source) {
            let shape = source.sizes
            out.attach("IndexAddBackward0", TensorList(self, source)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                guard node.needs(1) else { return [g, nil] }
                let picked = try g.indexSelect(d, index).reshape(shape)
                return [node.needs(0) ? g : nil, try alpha.map { try picked.mul($0) } ?? picked]
            }
        }
        return out
    }

    /// self[.., rows[i], ..] += source[.., i, ..].
    private func addSlices(_ d: Int, _ rows: [Int], _ scaled: Tensor) throws {
        let out = self
        try withNoGrad {
            if out.isContiguous && d == 0 && rank > 0 && dtype == .float32 {
                let rowsIn = try scaled.contiguous()
                let block = out.numel / Swift.max(out.sizes[0], 1)
                let (o, s) = (out.typed(Float.self), rowsIn.typed(Float.self))
                for (i, r) in rows.enumerated() { for k in 0..<block { o[r * block + k] += s[i * block + k] } }
                withExtendedLifetime(rowsIn) {}
            } else {
                for (i, r) in rows.enumerated() {
                    let to = out.plainSlice(d, r)
                    _ = try binaryKernel(.add, to, scaled.plainSlice(d, i), dtype: dtype, into: to)
                }
            }
        }
    }

    /// self[.., rows[i], ..] = source[.., i, ..].
    private func writeSlices(_ d: Int, _ rows: [Int], _ source: Tensor) {
        for (i, r) in rows.enumerated() { copyKernel(plainSlice(d, r), source.plainSlice(d, i)) }
    }

    /// A copy with source's slices written at the indices.
    public func indexCopy(_ dim: Int, _ index: Tensor, _ source: Tensor) throws -> Tensor {
        try refuseSparse("index_copy")
        let d = try wrapDim(dim, rank)
        let rows = try checkIndexSource("index_copy", d, index, source)
        let out = try withNoGrad { try clone() }
        Tape.asOne("index_copy", { [out = out.lent, source = source.lent, index = index.lent] in
            Tape.repeating { out.writeSlices(d, try out.checkIndexSource("index_copy", d, index, source), source) }()
        }) { out.writeSlices(d, rows, source) }
        if GradMode.needs(self, source) {
            let shape = source.sizes
            out.attach("IndexCopyBackward0", TensorList(self, source)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? try g.indexFill(d, index, .number(0)) : nil,
                    node.needs(1) ? try g.indexSelect(d, index).reshape(shape) : nil,
                ]
            }
        }
        return out
    }

    /// A copy with the slices at the indices set to a number or 0-dim tensor.
    public func indexFill(_ dim: Int, _ index: Tensor, _ value: Tensor) throws -> Tensor {
        try refuseSparse("index_fill")
        let d = try wrapDim(dim, rank)
        try checkIndex("index_fill_", index)
        guard value.rank == 0 else {
            throw MartletError.runtime("index_fill_ only supports a 0-dimensional value tensor, but got tensor with \(value.rank) dimension(s).")
        }
        let out = try withNoGrad { try clone() }
        try Tape.asOne("index_fill", { [out = out.lent, index = index.lent, value = value.lent] in
            Tape.repeating { try out.fillSlices(d, index, value) }()
        }) { try out.fillSlices(d, index, value) }
        if GradMode.needs(self, value) {
            let type = value.dtype
            out.attach("IndexFillBackward0", TensorList(self, value)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? try g.indexFill(d, index, .number(0)) : nil,
                    // A slice named twice was still filled once.
                    node.needs(1) ? try g.sub(g.indexFill(d, index, .number(0))).sum().to(type) : nil,
                ]
            }
        }
        return out
    }

    /// self[.., index[i], ..] = value; negative indices count from the end.
    private func fillSlices(_ d: Int, _ index: Tensor, _ value: Tensor) throws {
        let n = rank == 0 ? 1 : sizes[d]
        for v in try withNoGrad({ try index.to(.int64).toArray(Int64.self) }) {
            let r = v < 0 ? Int(v) + n : Int(v)
            guard r >= 0 && r < n else {
                throw MartletError.index("index \(v) is out of bounds for dimension \(d) with size \(n)")
            }
            fillKernel(plainSlice(d, r), value)
        }
    }

    // MARK: Masks

    /// The positions of the elements that are not zero, one row each.
    public func nonzero() throws -> Tensor {
        try refuseSparse("nonzero")
        if Tape.isRecording { try Tape.refuse("nonzero, whose result's size depends on the values,") }
        var found: [Int64] = []
        let r = rank
        func run<T: TensorElement>(_: T.Type) {
            let p = typed(T.self)
            visit(sizes) { index in
                var o = 0
                for d in 0..<r { o += index[d] * strides[d] }
                if p[o].asDouble != 0 { for d in 0..<r { found.append(Int64(index[d])) } }
            }
        }
        if r == 0 { return try Tensor.empty([try item() != 0 ? 1 : 0, 0], .int64) }
        withElementType(dtype) { run($0) }
        return try Tensor(found, [found.count / r, r])
    }

    /// The elements where the broadcast mask is true, one dimension.
    public func maskedSelect(_ mask: Tensor) throws -> Tensor {
        try refuseSparse("masked_select")
        guard mask.dtype == .bool else {
            throw MartletError.runtime("masked_select: expected BoolTensor for mask")
        }
        let shape = try broadcastSizes(sizes, mask.sizes)
        let m = try withNoGrad { try mask.expand(shape).contiguous() }
        let x = try withNoGrad { try expand(shape).contiguous() }
        let flat = try withNoGrad { try m.reshape([-1] as Dims).nonzero().reshape([-1] as Dims) }
        let out = try withNoGrad { try x.reshape([-1] as Dims).indexSelect(0, flat) }
        if GradMode.needs(self) {
            let old = sizes
            let (count, type) = (shape.product, dtype)
            out.attach("MaskedSelectBackward0", TensorList(self)) { _, g in
                [
                    try g[0].map {
                        try Tensor.zeros([count], type).indexAdd(0, flat, $0).reshape(shape).sumTo(old)
                    }
                ]
            }
        }
        return out
    }

    /// A copy whose elements where the mask is true are taken from `source` in order.
    public func maskedScatter(_ mask: Tensor, _ source: Tensor) throws -> Tensor {
        try refuseSparse("masked_scatter")
        guard mask.dtype == .bool else {
            throw MartletError.runtime("masked_scatter_ only supports boolean masks, but got mask with dtype \(mask.dtype.scalarTypeName)")
        }
        guard dtype == source.dtype else {
            throw MartletError.runtime(
                "masked_scatter: expected self and source to have same dtypes but got \(dtype.scalarTypeName) and \(source.dtype.scalarTypeName)")
        }
        let shape = try broadcastSizes(sizes, mask.sizes)
        let base = try expand(shape)
        if Tape.isNoting { return try base.recordedMaskedScatter(mask, source) }
        let flat = try withNoGrad { try mask.expand(shape).contiguous().reshape([-1] as Dims).nonzero().reshape([-1] as Dims) }
        guard flat.numel <= source.numel else {
            throw MartletError.runtime("Number of elements of source < number of ones in mask")
        }
        let out = try withNoGrad {
            try base.reshape([-1] as Dims).indexCopy(0, flat, source.reshape([-1] as Dims).slice(0, 0, flat.numel))
                .reshape(shape)
        }
        if GradMode.needs(base, source) {
            let from = source.sizes
            out.attach("MaskedScatterBackward0", TensorList(base, source)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                var toSource: Tensor?
                if node.needs(1) {
                    let picked = try g.reshape([-1] as Dims).indexSelect(0, flat)
                    let rest = try Tensor.zeros([from.product - flat.numel], g.dtype)
                    toSource = try Tensor.cat([picked, rest]).reshape(from)
                }
                let cleared = try g.reshape([-1] as Dims).indexFill(0, flat, .number(0)).reshape(shape)
                return [node.needs(0) ? cleared : nil, toSource]
            }
        }
        return out
    }

    /// As ``maskedScatter(_:_:)`` for a mask that broadcasts to this tensor and names other places at each replay.
    private func recordedMaskedScatter(_ mask: Tensor, _ source: Tensor) throws -> Tensor {
        let out = try Tape.whole("masked_scatter", [self, mask, source]) { [try $0[0].maskedScatter($0[1], $0[2])] }[0]
        if GradMode.needs(self, source) {
            let from = source.sizes
            out.attach("MaskedScatterBackward0", [self, source]) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? try g.maskedFill(mask, .number(0.0)) : nil,
                    node.needs(1) ? try g.maskedFront(mask, from) : nil,
                ]
            }
        }
        return out
    }

    /// The elements where the mask is true, in order, and zeros behind them up to `shape`.
    private func maskedFront(_ mask: Tensor, _ shape: Dims) throws -> Tensor {
        let whole = sizes
        return try Tensor.linearStep("MaskedSelectBackward0", self) { g in
            try Tape.whole("masked_front", [g, mask]) {
                let picked = try $0[0].maskedSelect($0[1])
                return [try Tensor.cat([picked, .zeros([shape.product - picked.numel], picked.dtype)]).reshape(shape)]
            }[0]
        } adjoint: { try Tensor.zeros(whole, $0.dtype).maskedScatter(mask, $0) }
    }
}
