import MartletKernels

/// Smallest and largest elements. A NaN is both. In `values, indices` pairs the first such element is taken.
extension Tensor {
    /// The largest element. Equal largest elements share its gradient evenly.
    public func max() throws -> Tensor { try extremum("max", largest: true) }
    /// The smallest element.
    public func min() throws -> Tensor { try extremum("min", largest: false) }

    /// The largest elements along a dimension and where they stand (int64). The gradient goes to that place.
    public func max(_ dim: Int, keepDim: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try extremum("max", dim, keepDim, largest: true)
    }
    public func min(_ dim: Int, keepDim: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try extremum("min", dim, keepDim, largest: false)
    }

    private func extremum(_ op: String, largest: Bool) throws -> Tensor {
        try refuseSparse(op)
        try requireElements("\(op)()")
        let out = try reducedExtremum([Bool](repeating: true, count: rank), keepDim: false, largest: largest)
        if GradMode.needs(self) {
            out.attach(largest ? "MaxBackward1" : "MinBackward1", [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                let mask = try withNoGrad { try node.saved(0).equalMask(node.saved(1), matchNaN: true) }
                return TensorList(try g[0]?.share(mask, over: nil))
            }
        }
        return out
    }

    private func extremum(_ op: String, _ dim: Int, _ keepDim: Bool, largest: Bool) throws -> (Tensor, Tensor) {
        try refuseSparse(op)
        let d = try wrapDim(dim, rank)
        try requireElements("\(op)()", d)
        let indices = try extremumIndices(d, keepDim: keepDim, largest: largest)
        return (try choose(d, indices, keepDim, largest ? "MaxBackward0" : "MinBackward0"), indices)
    }

    /// The elements at `indices` (of the reduced sizes) with a history that sends the gradient to those places.
    func choose(_ d: Int, _ indices: Tensor, _ keepDim: Bool, _ name: String) throws -> Tensor {
        let values = try withNoGrad { () throws -> Tensor in
            if rank == 0 { return try clone() }
            if keepDim { return try pick(d, indices) }
            return try pick(d, indices.unsqueeze(d)).reshape(indices.sizes)
        }
        if GradMode.needs(self) {
            let (n, r) = (rank == 0 ? 1 : sizes[d], rank)
            values.attach(name, TensorList(self)) { $0.save(indices) } backward: { node, g in
                TensorList(try g[0]?.placeReduced(d, node.saved(0), n, keepDim: keepDim, rank: r))
            }
        }
        return values
    }

    /// Where the first largest (or smallest) element of each line stands.
    private func extremumIndices(_ d: Int, keepDim: Bool, largest: Bool) throws -> Tensor {
        let x = try ordered()
        let out = try Tensor.empty(sizes(without: d, keepDim: keepDim), .int64)
        let axis = Axis(sizes, d)
        let (o, n, s) = (out.typed(Int64.self), Int64(axis.count), Int64(axis.inner))
        let line = x.lent
        func run() { switch line.dtype {
        case .float32:
            let p = line.typed(Float.self)
            axis.forEachLine { number, start in
                _ = largest ? mk_max_f32(p + start, s, n, o + number) : mk_min_f32(p + start, s, n, o + number)
            }
        case .float64:
            let p = line.typed(Double.self)
            axis.forEachLine { number, start in
                _ = largest ? mk_max_f64(p + start, s, n, o + number) : mk_min_f64(p + start, s, n, o + number)
            }
        default:
            let p = line.typed(Int64.self)
            axis.forEachLine { number, start in
                var best = 0
                for k in 1..<Swift.max(axis.count, 1) {
                    let (a, b) = (p[start + k * axis.inner], p[start + best * axis.inner])
                    if largest ? a > b : a < b { best = k }
                }
                o[number] = Int64(best)
            }
        } }
        launch("extremum", run)
        withExtendedLifetime(x) {}
        return out
    }

    /// The extreme values over the flagged dimensions, in this tensor's dtype.
    private func reducedExtremum(_ flags: [Bool], keepDim: Bool, largest: Bool) throws -> Tensor {
        if dtype == .float32 || dtype == .float64 {
            return try reduceRuns(largest ? .max : .min, flags, reducedSizes(flags, keepDim: keepDim))
        }
        if dtype.isFloatingPoint {
            return try withNoGrad {
                try to(.float32).reducedExtremum(flags, keepDim: keepDim, largest: largest).to(dtype)
            }
        }
        let (m, rows, columns) = try ordered().rowsForReduction(flags)
        let out = try Tensor.empty(reducedSizes(flags, keepDim: keepDim), .int64)
        let (p, o) = (m.typed(Int64.self), out.typed(Int64.self))
        launch("extremum") {
            for r in 0..<rows {
                var best = p[r * columns]
                for c in 1..<Swift.max(columns, 1) {
                    best = largest ? Swift.max(best, p[r * columns + c]) : Swift.min(best, p[r * columns + c])
                }
                o[r] = best
            }
        }
        withExtendedLifetime(m) {}
        return try withNoGrad { try out.to(dtype) }
    }

    /// The largest elements over `dims` (all when nil or empty). Equal elements share the gradient evenly.
    public func amax(_ dims: [Int]? = nil, keepDim: Bool = false) throws -> Tensor {
        try amax("amax", dims, keepDim, largest: true)
    }
    /// The smallest elements over `dims` (all when nil or empty).
    public func amin(_ dims: [Int]? = nil, keepDim: Bool = false) throws -> Tensor {
        try amax("amin", dims, keepDim, largest: false)
    }

    private func amax(_ op: String, _ dims: [Int]?, _ keepDim: Bool, largest: Bool) throws -> Tensor {
        try refuseSparse(op)
        let flags = try reducedDims(dims)
        if dims?.isEmpty ?? true { try requireElements("\(op)()") }
        for d in 0..<rank where flags[d] { try requireElements("\(op)()", d) }
        let out = try reducedExtremum(flags, keepDim: keepDim, largest: largest)
        if GradMode.needs(self) {
            attachShared(largest ? "AmaxBackward0" : "AminBackward0", [out], flags)
        }
        return out
    }

    /// History of extreme values whose gradient is shared evenly by the elements equal to them.
    private func attachShared(_ name: String, _ outs: [Tensor], _ flags: [Bool]) {
        let kept = reducedSizes(flags, keepDim: true)
        let over = (0..<rank).filter { flags[$0] }
        Node.attach(name, outs, [self]) { node in
            node.save(self)
            for (i, o) in outs.enumerated() { node.saveOutput(o, i) }
        } backward: { node, g in
            var total: Tensor?
            for (i, each) in g.enumerated() {
                guard let each else { continue }
                let mask = try withNoGrad { try node.saved(0).equalMask(node.saved(i + 1).reshape(kept)) }
                let part = try each.reshape(kept).share(mask, over: over.isEmpty ? nil : over)
                total = try total?.add(part) ?? part
            }
            return TensorList(total)
        }
    }

    /// Both extremes along a dimension, or of the whole tensor where `dim` is nil.
    public func aminmax(_ dim: Int? = nil, keepDim: Bool = false) throws -> (min: Tensor, max: Tensor) {
        try refuseSparse("aminmax")
        var flags = [Bool](repeating: dim == nil, count: rank)
        if let dim {
            let d = try wrapDim(dim, rank)
            try requireElements("aminmax", d)
            if rank > 0 { flags[d] = true }
        } else if numel == 0 {
            throw MartletError.runtime(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
        }
        let low = try reducedExtremum(flags, keepDim: keepDim, largest: false)
        let high = try reducedExtremum(flags, keepDim: keepDim, largest: true)
        if GradMode.needs(self) { attachShared("AminmaxBackward0", [low, high], flags) }
        return (low, high)
    }

    /// Where the first largest element stands: along a dimension, or in the flattened tensor where `dim` is nil.
    public func argmax(_ dim: Int? = nil, keepDim: Bool = false) throws -> Tensor {
        try argExtremum("argmax", dim, keepDim, largest: true)
    }
    public func argmin(_ dim: Int? = nil, keepDim: Bool = false) throws -> Tensor {
        try argExtremum("argmin", dim, keepDim, largest: false)
    }

    private func argExtremum(_ op: String, _ dim: Int?, _ keepDim: Bool, largest: Bool) throws -> Tensor {
        try refuseSparse(op)
        if dtype == .bool { throw MartletError.runtime("\(op)(): does not support bool input") }
        return try withNoGrad {
            guard let dim else {
                if numel == 0 {
                    throw MartletError.index(
                        "\(op)(): Expected reduction dim to be specified for input.numel() == 0.")
                }
                let flat = try reshape([numel] as Dims).extremumIndices(0, keepDim: false, largest: largest)
                return keepDim ? try flat.reshape(Dims(repeating: 1, count: rank)) : flat
            }
            let d = try wrapDim(dim, rank)
            try requireElements("\(op)()", d)
            return try extremumIndices(d, keepDim: keepDim, largest: largest)
        }
    }
}
