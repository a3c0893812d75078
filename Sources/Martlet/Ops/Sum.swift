import MartletKernels

/// Sums and means: the reductions that every gradient of a broadcast needs.
extension Tensor {
    /// The dimensions to reduce, as flags; nil or empty means all. Repeated dimensions are torch's error.
    func reducedDims(_ dims: [Int]?) throws -> [Bool] {
        guard let dims, !dims.isEmpty else { return [Bool](repeating: true, count: rank) }
        var flags = [Bool](repeating: false, count: Swift.max(rank, 1))
        for d in dims {
            let w = try wrapDim(d, rank)
            if flags[w] { throw MartletError.runtime("dim \(w) appears multiple times in the list of dims") }
            flags[w] = true
        }
        return rank == 0 ? [] : flags
    }

    func reducedSizes(_ flags: [Bool], keepDim: Bool) -> Dims {
        var out = Dims()
        for i in 0..<rank {
            if !flags[i] { out.append(sizes[i]) } else if keepDim { out.append(1) }
        }
        return out
    }

    /// This tensor seen as rows x columns with the reduced dimensions last, contiguous (copied where needed).
    func rowsForReduction(_ flags: [Bool]) throws -> (matrix: Tensor, rows: Int, columns: Int) {
        var kept = [Int]()
        var gone = [Int]()
        for i in 0..<rank { if flags[i] { gone.append(i) } else { kept.append(i) } }
        let rows = kept.reduce(1) { $0 * sizes[$1] }
        let columns = gone.reduce(1) { $0 * sizes[$1] }
        let order = kept + gone
        let arranged = try withNoGrad { () throws -> Tensor in
            order == Array(0..<rank) ? try contiguous() : try permute(order).contiguous()
        }
        return (arranged, rows, columns)
    }

    /// The sum over `dims` (all when nil). Integers and bools sum to int64 unless `dtype` says otherwise.
    public func sum(_ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) throws -> Tensor {
        if isSparse { return try sumSparse(dims, keepDim) }
        let type = dtype ?? (self.dtype.isFloatingPoint ? self.dtype : .int64)
        if type != self.dtype { return try to(type).sum(dims, keepDim: keepDim) }
        if dims == nil && !keepDim && isPlain && !Tape.isRecording { return try sumAll() }
        let flags = try reducedDims(dims)
        let out = try sumKernel(flags, keepDim: keepDim)
        if GradMode.needs(self) {
            let shape = sizes
            let kept = reducedSizes(flags, keepDim: true)
            out.attach(dims == nil ? "SumBackward0" : "SumBackward1", [self]) { _, g in
                TensorList(try g[0]?.reshape(kept).expand(shape))
            }
        }
        return out
    }

    /// The sum of all of row-major memory.
    private func sumAll() throws -> Tensor {
        let out = try Tensor.empty([], dtype)
        let n = Int64(numel)
        switch (dtype, n) {
        case (.float32, 1): out.typed(Float.self).pointee = typed(Float.self).pointee
        case (.float32, _): mk_sum_cols_f32(typed(), 1, n, n, out.typed())
        case (_, 1): out.typed(Double.self).pointee = typed(Double.self).pointee
        default: mk_sum_cols_f64(typed(), 1, n, n, out.typed())
        }
        if GradMode.needs(self) {
            let shape = sizes
            out.attach("SumBackward0", TensorList(self)) { _, g in TensorList(try g[0]?.expand(shape)) }
        }
        return out
    }

    private func sumKernel(_ flags: [Bool], keepDim: Bool) throws -> Tensor {
        let shape = reducedSizes(flags, keepDim: keepDim)
        guard dtype.isFloatingPoint else { return try integerSum(flags, shape) }
        if dtype.size == 2 {
            return try withNoGrad { try to(.float32).sumKernel(flags, keepDim: keepDim).to(dtype) }
        }
        return try reduceRuns(.sum, flags, shape)
    }

    /// What ``reduceRuns(_:_:_:)`` can do.
    enum RunReduction { case sum, max, min }

    /// A float32 or float64 tensor reduced over the flagged dimensions, as a tensor of `shape`.
    func reduceRuns(_ op: RunReduction, _ flags: [Bool], _ shape: Dims) throws -> Tensor {
        if isContiguous { return try reduceDense(op, sizes, flags, shape) }
        // Memory order first; what is kept then comes back to its own order, which is the smaller copy.
        guard isDense else { return try withNoGrad { try contiguous().reduceRuns(op, flags, shape) } }
        let order = Array(0..<rank).sorted { (strides[$0], sizes[$0]) > (strides[$1], sizes[$1]) }
        let kept = order.filter { !flags[$0] }
        let dense = try alias(sizes: Dims(order.map { sizes[$0] }), strides: Dims(order.map { strides[$0] }), offset: offset)
            .reduceDense(op, Dims(order.map { sizes[$0] }), order.map { flags[$0] }, Dims(kept.map { sizes[$0] }))
        let back = (0..<kept.count).sorted { kept[$0] < kept[$1] }
        return try withNoGrad { try dense.permute(back).contiguous().reshape(shape) }
    }

    /// Row-major memory of the given sizes: runs of neighbouring reduced dimensions are reduced one after the
    /// other, from the innermost, without moving anything.
    private func reduceDense(_ op: RunReduction, _ sizes: Dims, _ flags: [Bool], _ shape: Dims) throws -> Tensor {
        var runs: [(size: Int, reduced: Bool)] = []
        for i in 0..<sizes.count where sizes[i] != 1 {
            if let last = runs.last, last.reduced == flags[i] {
                runs[runs.count - 1].size *= sizes[i]
            } else {
                runs.append((sizes[i], flags[i]))
            }
        }
        var current = self
        while let at = runs.lastIndex(where: \.reduced) {
            let outer = runs[..<at].reduce(1) { $0 * $1.size }
            let inner = runs[(at + 1)...].reduce(1) { $0 * $1.size }
            let n = runs[at].size
            let next = try Tensor.empty([outer * inner], dtype)
            current.reduceRun(op, outer, n, inner, next)
            Tape.note("reduce", { [x = current.lent, o = next.lent] in x.reduceRun(op, outer, n, inner, o) })
            current = next
            runs.remove(at: at)
        }
        if current === self { return try withNoGrad { try clone().reshape(shape) } }
        return current.alias(sizes: shape, strides: shape.contiguousStrides, offset: 0)
    }

    /// out[o, i] = the reduction over k of self[o, k, i], both row-major.
    private func reduceRun(_ op: RunReduction, _ outer: Int, _ n: Int, _ inner: Int, _ out: Tensor) {
        let (rows, columns) = (Int64(n), Int64(inner))
        parallelFor(outer, grain: Swift.max(1, parallelGrain / Swift.max(n * inner, 1))) { from, to in
            if dtype == .float32 {
                let (p, o) = (typed(Float.self), out.typed(Float.self))
                switch op {
                case .sum where inner == 1:
                    mk_sum_cols_f32(p + from * n, Int64(to - from), rows, rows, o + from)
                case .sum:
                    for k in from..<to { mk_sum_rows_f32(p + k * n * inner, rows, columns, columns, o + k * inner) }
                case _ where inner == 1:
                    for k in from..<to {
                        o[k] = op == .max ? mk_max_f32(p + k * n, 1, rows, nil) : mk_min_f32(p + k * n, 1, rows, nil)
                    }
                default:
                    let code = (op == .max ? BinaryOp.maximum : .minimum).rawValue
                    for k in from..<to {
                        let (line, first) = (o + k * inner, p + k * n * inner)
                        line.update(from: first, count: inner)
                        for r in 1..<Swift.max(n, 1) { mk_binary_f32(code, line, 1, first + r * inner, 1, line, 1, columns) }
                    }
                }
            } else {
                let (p, o) = (typed(Double.self), out.typed(Double.self))
                switch op {
                case .sum where inner == 1:
                    mk_sum_cols_f64(p + from * n, Int64(to - from), rows, rows, o + from)
                case .sum:
                    for k in from..<to { mk_sum_rows_f64(p + k * n * inner, rows, columns, columns, o + k * inner) }
                case _ where inner == 1:
                    for k in from..<to {
                        o[k] = op == .max ? mk_max_f64(p + k * n, 1, rows, nil) : mk_min_f64(p + k * n, 1, rows, nil)
                    }
                default:
                    let code = (op == .max ? BinaryOp.maximum : .minimum).rawValue
                    for k in from..<to {
                        let (line, first) = (o + k * inner, p + k * n * inner)
                        line.update(from: first, count: inner)
                        for r in 1..<Swift.max(n, 1) { mk_binary_f64(code, line, 1, first + r * inner, 1, line, 1, columns) }
                    }
                }
            }
        }
    }

    private func integerSum(_ flags: [Bool], _ shape: Dims) throws -> Tensor {
        let out = try Tensor.empty(shape, dtype)
        let (m, rows, columns) = try rowsForReduction(flags)
        let (source, target, dtype) = (m.pointer, out.pointer, self.dtype)
        func run<T: TensorElement>(_: T.Type) {
            let (p, o) = (source.as(T.self), target.as(T.self))
            for r in 0..<rows {
                var s: Int64 = 0
                for c in 0..<columns { s &+= p[r * columns + c].asInt64 }
                o[r] = T(element: s)
            }
        }
        launch("sum") { withElementType(dtype) { run($0) } }
        withExtendedLifetime(m) {}
        return out
    }

    /// The mean over `dims` (all when nil); floating point only unless `dtype` is given.
    public func mean(_ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) throws -> Tensor {
        let type = dtype ?? self.dtype
        guard type.isFloatingPoint else {
            throw MartletError.runtime(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: \(type.scalarTypeName)")
        }
        if type != self.dtype { return try to(type).mean(dims, keepDim: keepDim) }
        let flags = try reducedDims(dims)
        var count = 1
        for i in 0..<rank where flags[i] { count *= sizes[i] }
        let out = try withNoGrad { () throws -> Tensor in
            if self.dtype.size == 2 { return try to(.float32).mean(dims, keepDim: keepDim).to(type) }
            return try sumKernel(flags, keepDim: keepDim).divInPlace(.number(Double(count)))
        }
        if GradMode.needs(self) {
            let shape = sizes
            let kept = reducedSizes(flags, keepDim: true)
            out.attach(dims == nil ? "MeanBackward0" : "MeanBackward1", [self]) { _, g in
                TensorList(try g[0]?.reshape(kept).expand(shape).div(.number(Double(count))))
            }
        }
        return out
    }
}
