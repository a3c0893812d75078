/// gather and its relatives: an index per element along one dimension.
extension Tensor {
    /// How `scatter` combines a source with what is there.
    public enum ScatterMode: Int32, Sendable { case write = 0, add, multiply, mean, amax, amin }

    private func checkGather(_ op: String, _ d: Int, _ index: Tensor) throws {
        if index.numel == 0 { return }
        guard index.dtype == .int64 || index.dtype == .int32 else {
            throw MartletError.runtime("\(op)(): Expected dtype int32/int64 for index")
        }
        guard Swift.max(index.rank, 1) == Swift.max(rank, 1) else {
            throw MartletError.runtime("Index tensor must have the same number of dimensions as \(op == "gather" ? "input" : "self") tensor")
        }
        for i in 0..<index.rank where i != d && index.sizes[i] > (rank == 0 ? 1 : sizes[i]) {
            throw MartletError.runtime(
                op == "gather"
                    ? "Size does not match at dimension \(i) expected index \(index.sizes) to be no larger than self \(sizes) apart from dimension \(d)"
                    : "Expected index \(index.sizes) to be no larger than self \(sizes) apart from dimension \(d)")
        }
    }

    /// Visits every element of a contiguous index: its place in the index, and the storage offset it names in `x`.
    private static func eachTarget(
        _ x: Tensor, _ d: Int, _ index: Tensor, _ body: (_ place: Int, _ offset: Int, _ at: Dims) -> Void
    ) throws {
        let n = x.rank == 0 ? 1 : x.sizes[d]
        let flat = try withNoGrad { try index.to(.int64).contiguous() }
        let p = flat.typed(Int64.self)
        var place = 0
        var bad: Int64?
        visit(index.sizes) { at in
            if bad != nil { return }
            let v = p[place]
            guard v >= 0 && v < n else {
                bad = v
                return
            }
            var o = x.offset
            if x.rank > 0 {
                for i in 0..<at.count { o += (i == d ? Int(v) : at[i]) * x.strides[i] }
            }
            body(place, o, at)
            place += 1
        }
        withExtendedLifetime(flat) {}
        if let bad {
            throw MartletError.runtime("index \(bad) is out of bounds for dimension \(d) with size \(n)")
        }
    }

    /// out[i][j] = self[index[i][j]][j] for dim 0, and so on: the result has the index's shape.
    public func gather(_ dim: Int, _ index: Tensor) throws -> Tensor {
        try refuseSparse("gather")
        let d = try wrapDim(dim, rank)
        try checkGather("gather", d, index)
        let out = try Tensor.empty(index.sizes, dtype)
        let (x, target, chosen) = (lent, out.lent, index.lent)
        func run<E>(_: E.Type) throws {
            let o = target.typed(E.self)
            let base = x.storage.base.assumingMemoryBound(to: E.self)
            try Tensor.eachTarget(x, d, chosen) { place, offset, _ in o[place] = base[offset] }
        }
        let size = dtype.size
        func work() throws {
            switch size {
            case 1: try run(UInt8.self)
            case 2: try run(UInt16.self)
            case 4: try run(UInt32.self)
            default: try run(UInt64.self)
            }
        }
        try work()
        Tape.note("gather", Tape.repeating(work))
        if GradMode.needs(self) {
            let (shape, type) = (sizes, dtype)
            out.attach("GatherBackward0", TensorList(self)) { _, g in
                [try g[0].map { try Tensor.zeros(shape, type).scatter(d, index, $0, mode: .add, name: "scatter_add") }]
            }
        }
        return out
    }

    /// A copy with source's elements written (or added) at self[index[i][j]][j] and so on.
    public func scatter(_ dim: Int, _ index: Tensor, _ source: Tensor, mode: ScatterMode = .write, name: String = "scatter") throws -> Tensor {
        try refuseSparse("scatter")
        try source.refuseSparse("scatter")
        let d = try wrapDim(dim, rank)
        try checkGather(name, d, index)
        let scalar = source.isWrappedNumber
        guard scalar || source.dtype == dtype else {
            throw MartletError.runtime("\(name)(): Expected self.dtype to be equal to src.dtype")
        }
        if !scalar && index.numel > 0 {
            guard Swift.max(source.rank, 1) == Swift.max(index.rank, 1) else {
                throw MartletError.runtime("Index tensor must have the same number of dimensions as src tensor")
            }
            for i in 0..<index.rank where index.sizes[i] > (source.rank == 0 ? 1 : source.sizes[i]) {
                throw MartletError.runtime(
                    "Expected index \(index.sizes) to be no larger than src \(source.sizes)")
            }
        }
        let out = try withNoGrad { try clone() }
        let from = try withNoGrad { try source.detach().to(dtype) }
        let (target, origin, chosen) = (out.lent, from.lent, index.lent)
        func run<E: TensorElement>(_: E.Type) throws {
            let base = target.storage.base.assumingMemoryBound(to: E.self)
            let s = origin.typed(E.self)
            try Tensor.eachTarget(target, d, chosen) { _, offset, at in
                var k = 0
                if origin.rank > 0 { for i in 0..<at.count { k += at[i] * origin.strides[i] } }
                switch mode {
                case .write: base[offset] = s[k]
                case .add: base[offset] = addElements(base[offset], s[k])
                default:
                    base[offset] =
                        E.dtype.isFloatingPoint
                        ? E(element: base[offset].asDouble * s[k].asDouble)
                        : E(element: base[offset].asInt64 &* s[k].asInt64)
                }
            }
        }
        let type = dtype
        func work() throws { try withElementType(type) { try run($0) } }
        try work()
        Tape.note("scatter", Tape.repeating(work))
        if GradMode.needs(self, source) {
            guard mode == .write || mode == .add else {
                throw MartletError.runtime("derivative for aten::scatter with reduce='multiply' is not implemented")
            }
            let shape = source.sizes
            let label = mode == .add ? "ScatterAddBackward0" : (scalar ? "ScatterBackward1" : "ScatterBackward0")
            out.attach(label, TensorList(self, source)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                var toSource: Tensor?
                if node.needs(1) {
                    let picked = try g.gather(d, index)
                    toSource = picked.sizes == shape ? picked : try Tensor.zeroPadded(picked, shape)
                }
                return [
                    node.needs(0) ? (mode == .add ? g : try g.scatter(d, index, .number(0.0))) : nil,
                    toSource,
                ]
            }
        }
        return out
    }

    /// `t` in the leading corner of zeros of a larger shape.
    private static func zeroPadded(_ t: Tensor, _ shape: Dims) throws -> Tensor {
        let base = try Tensor.zeros(shape, t.dtype)
        return try base.asStridedScatter(t, t.sizes, base.strides, 0)
    }

    /// As ``scatter(_:_:_:mode:name:)`` combining with sum, product, mean, amax or amin; `includeSelf` counts what was there.
    public func scatterReduce(
        _ dim: Int, _ index: Tensor, _ source: Tensor, _ mode: ScatterMode, includeSelf: Bool = true
    ) throws -> Tensor {
        try refuseSparse("scatter_reduce")
        try source.refuseSparse("scatter_reduce")
        let d = try wrapDim(dim, rank)
        try checkGather("scatter_reduce", d, index)
        guard source.dtype == dtype else {
            throw MartletError.runtime("scatter(): Expected self.dtype to be equal to src.dtype")
        }
        for i in 0..<index.rank where index.numel > 0 && index.sizes[i] > (source.rank == 0 ? 1 : source.sizes[i]) {
            throw MartletError.runtime("Expected index \(index.sizes) to be no larger than src \(source.sizes)")
        }
        let out = try withNoGrad { try clone() }
        let counts = try Tensor.full(sizes, .number(includeSelf ? 1.0 : 0.0), .float64)
        let (count, numbering) = (counts.typed(Double.self), counts.strides)
        let (target, from, chosen) = (out.lent, source.detach().lent, index.lent)
        func run<E: TensorElement>(_: E.Type) throws {
            let base = target.storage.base.assumingMemoryBound(to: E.self)
            let s = from.typed(E.self)
            let places = Tensor(storage: target.storage, offset: 0, sizes: target.sizes, strides: numbering, dtype: target.dtype)
            try Tensor.eachTarget(places, d, chosen) { _, flat, at in
                var k = 0
                if from.rank > 0 { for i in 0..<at.count { k += at[i] * from.strides[i] } }
                // `flat` numbers the elements of `out` in row-major order; find where that one lies.
                var (rest, offset) = (flat, target.offset)
                for i in 0..<target.rank {
                    offset += rest / numbering[i] * target.strides[i]
                    rest %= numbering[i]
                }
                let first = count[flat] == 0
                count[flat] += 1
                let (a, b) = (base[offset], s[k])
                if first {
                    base[offset] = b
                    return
                }
                switch mode {
                case .multiply: base[offset] = E.dtype.isFloatingPoint ? E(element: a.asDouble * b.asDouble) : E(element: a.asInt64 &* b.asInt64)
                case .amax: base[offset] = b.asDouble > a.asDouble || b.asDouble.isNaN ? b : a
                case .amin: base[offset] = b.asDouble < a.asDouble || b.asDouble.isNaN ? b : a
                default: base[offset] = addElements(a, b)
                }
            }
        }
        let type = dtype
        func work() throws { try withElementType(type) { try run($0) } }
        try work()
        Tape.note("scatter_reduce", Tape.repeating(work))
        let divisor = try withNoGrad { try counts.maximum(.number(1.0)).to(dtype.isFloatingPoint ? dtype : .float64) }
        let result = mode == .mean ? try withNoGrad { try dtype.isFloatingPoint ? out.div(divisor) : out.to(.float64).div(divisor).floor().to(dtype) } : out
        if GradMode.needs(self, source) {
            result.attach("ScatterReduceBackward0", TensorList(self, source)) { node in
                node.save(self, source)
                node.saveOutput(result)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, s, y) = (try node.saved(0), try node.saved(1), try node.saved(2))
                var toSelf: Tensor
                var toSource: Tensor
                switch mode {
                case .mean:
                    let shared = try g.div(divisor)
                    (toSelf, toSource) = (shared, try shared.gather(d, index))
                case .amax, .amin:
                    // Those equal to the extreme share its gradient evenly; as in torch, what was there counts either way.
                    let mine = try x.eq(y).to(g.dtype)
                    let theirs = try s.sliceLike(index).eq(y.gather(d, index)).to(g.dtype)
                    let shared = try g.div(mine.scatter(d, index, theirs, mode: .add, name: "scatter_add"))
                    (toSelf, toSource) = (try mine.mul(shared), try theirs.mul(shared.gather(d, index)))
                case .multiply:
                    (toSelf, toSource) = try Tensor.productGradients(d, index, g, x, s.sliceLike(index), y, includeSelf)
                default: (toSelf, toSource) = (g, try g.gather(d, index))
                }
                if !includeSelf { toSelf = try toSelf.scatter(d, index, .number(0.0)) }
                if toSource.sizes != s.sizes { toSource = try Tensor.zeroPadded(toSource, s.sizes) }
                return [node.needs(0) ? toSelf : nil, node.needs(1) ? toSource : nil]
            }
        }
        return result
    }

    /// Gradients of a product `y` of the elements of x and those of s that `index` sends to them: the product of the
    /// others, which division gives where the factor is not zero.
    private static func productGradients(
        _ d: Int, _ index: Tensor, _ g: Tensor, _ x: Tensor, _ s: Tensor, _ y: Tensor, _ includeSelf: Bool
    ) throws -> (Tensor, Tensor) {
        let one = Tensor.number(1.0)
        func product(_ x: Tensor, _ s: Tensor) throws -> Tensor { try x.scatterReduce(d, index, s, .multiply, includeSelf: includeSelf) }
        let filled = try x.maskedFill(x.eq(.number(0.0)), one)
        let toSelf = try g.mul(product(filled, s)).div(filled)
        let isZero = try s.eq(.number(0.0))
        let zeros = try Tensor.zeros(x.sizes, g.dtype).scatter(d, index, isZero.to(g.dtype), mode: .add, name: "scatter_add")
        let peers = try zeros.gather(d, index)
        // The only zero at a place is left out of the product; with more of them every gradient is zero.
        let isOnly = try isZero.logicalAnd(peers.eq(one))
        let withoutOnly = try g.mul(product(x, s.maskedFill(isOnly, one))).gather(d, index)
        let divided = try g.mul(y).gather(d, index).div(s.maskedFill(isZero, one))
        let toSource = try Tensor.choose(isOnly, withoutOnly, divided)
        // Not so the derivatives of those gradients, which torch refuses, too.
        guard GradMode.needs(toSource), !Tape.isRecording, try peers.gt(one).any().item() != 0 else { return (toSelf, toSource) }
        let refused = try withNoGrad { try toSource.clone() }
        refused.attach("Error", TensorList(toSource)) { _, _ in
            throw MartletError.runtime(
                "scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are scattered to the same position in self")
        }
        return (toSelf, try Tensor.choose(peers.gt(one), refused, toSource))
    }

    /// The leading corner with the index's sizes.
    private func sliceLike(_ index: Tensor) throws -> Tensor {
        var t = self
        for i in 0..<index.rank where t.rank > 0 && t.sizes[i] != index.sizes[i] { t = try t.slice(i, 0, index.sizes[i]) }
        return t
    }

    /// Elements by their number in row-major order; the result has the index's shape.
    public func take(_ index: Tensor) throws -> Tensor {
        try refuseSparse("take")
        guard index.dtype == .int64 else { throw MartletError.runtime("take(): Expected a long tensor for index, but got \(index.dtype.scalarTypeName)") }
        let n = numel
        guard n > 0 || index.numel == 0 else { throw MartletError.index("take(): tried to take from an empty tensor") }
        let wrapped = try Tensor.wrapPositions(index, n)
        let out = try withNoGrad { try contiguous().reshape([-1] as Dims).indexSelect(0, wrapped).reshape(index.sizes) }
        if GradMode.needs(self) {
            let (shape, type) = (sizes, dtype)
            out.attach("TakeBackward0", TensorList(self)) { _, g in
                [try g[0].map { try Tensor.zeros([n], type).indexAdd(0, wrapped, $0.reshape([-1] as Dims)).reshape(shape) }]
            }
        }
        return out
    }

    /// A copy with source's elements written (or added) by their number in row-major order.
    public func put(_ index: Tensor, _ source: Tensor, accumulate: Bool = false) throws -> Tensor {
        try refuseSparse("put")
        guard index.dtype == .int64 else { throw MartletError.runtime("put_(): Expected a long tensor for index, but got \(index.dtype.scalarTypeName)") }
        guard source.dtype == dtype else {
            throw MartletError.runtime("put_(): self and source expected to have the same dtype, but got self.dtype = \(dtype.scalarTypeName) and source.dtype = \(source.dtype.scalarTypeName)")
        }
        guard index.numel == source.numel else {
            throw MartletError.runtime("put_(): Expected source and index to have the same number of elements, but got source.numel() = \(source.numel), index.numel() = \(index.numel)")
        }
        let flat = try Tensor.wrapPositions(index, numel)
        let out = try withNoGrad {
            try reshape([-1] as Dims).indexPut([flat], source.reshape([-1] as Dims), accumulate: accumulate).reshape(sizes)
        }
        if GradMode.needs(self, source) {
            let shape = source.sizes
            out.attach("PutBackward0", TensorList(self, source)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let kept = accumulate || !node.needs(0) ? g : try g.put(index, .zeros(shape, g.dtype))
                return [kept, node.needs(1) ? try g.take(index).reshape(shape) : nil]
            }
        }
        return out
    }

    /// A flat index with negative numbers counted from the end, checked.
    private static func wrapPositions(_ index: Tensor, _ n: Int) throws -> Tensor {
        try Tape.whole("wrap_positions", [index]) {
            [
                try Tensor(
                    try $0[0].toArray(Int64.self).map { v -> Int64 in
                        guard v >= Int64(-n) && v < Int64(n) else {
                            throw MartletError.index("out of range: tried to access index \(v) on a tensor of \(n) elements.")
                        }
                        return v < 0 ? v + Int64(n) : v
                    })
            ]
        }[0]
    }
}
