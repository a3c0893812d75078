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
        if let sparse { return try sumSparse(sparse, dims, keepDim) }
        let type = dtype ?? (self.dtype.isFloatingPoint ? self.dtype : .int64)
        if type != self.dtype { return try to(type).sum(dims, keepDim: keepDim) }
        let flags = try reducedDims(dims)
        let out = try sumKernel(flags, keepDim: keepDim)
        if GradMode.needs(self) {
            let shape = sizes
            let kept = reducedSizes(flags, keepDim: true)
            out.attach(dims == nil ? "SumBackward0" : "SumBackward1", [self]) { _, g in
                [try g[0]?.reshape(kept).expand(shape)]
            }
        }
        return out
    }

    private func sumKernel(_ flags: [Bool], keepDim: Bool) throws -> Tensor {
        let out = try Tensor.empty(reducedSizes(flags, keepDim: keepDim), dtype)
        if dtype.size == 2 && dtype.isFloatingPoint {
            return try withNoGrad { try to(.float32).sumKernel(flags, keepDim: keepDim).to(dtype) }
        }
        // Leading dimensions reduced over a contiguous tensor: add rows, without a transposed copy.
        let leading = flags.prefix { $0 }.count
        if dtype.isFloatingPoint && leading > 0 && leading < rank && !flags[leading...].contains(true) && isContiguous {
            let rows = sizes.prefix(leading).reduce(1, *)
            let columns = numel == 0 ? out.numel : numel / rows
            if dtype == .float32 {
                mk_sum_rows_f32(typed(Float.self), Int64(rows), Int64(columns), Int64(columns), out.typed(Float.self))
            } else {
                mk_sum_rows_f64(typed(Double.self), Int64(rows), Int64(columns), Int64(columns), out.typed(Double.self))
            }
            return out
        }
        let (m, rows, columns) = try rowsForReduction(flags)
        switch dtype {
        case .float32:
            mk_sum_cols_f32(m.typed(Float.self), Int64(rows), Int64(columns), Int64(columns), out.typed(Float.self))
        case .float64:
            mk_sum_cols_f64(m.typed(Double.self), Int64(rows), Int64(columns), Int64(columns), out.typed(Double.self))
        default:
            func run<T: TensorElement>(_: T.Type) {
                let (p, o) = (m.typed(T.self), out.typed(T.self))
                for r in 0..<rows {
                    var s: Int64 = 0
                    for c in 0..<columns { s &+= p[r * columns + c].asInt64 }
                    o[r] = T(element: s)
                }
            }
            withElementType(dtype) { run($0) }
        }
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
        let out = try withNoGrad {
            try sumKernel(flags, keepDim: keepDim).divInPlace(.number(Double(count)))
        }
        if GradMode.needs(self) {
            let shape = sizes
            let kept = reducedSizes(flags, keepDim: true)
            out.attach(dims == nil ? "MeanBackward0" : "MeanBackward1", [self]) { _, g in
                [try g[0]?.reshape(kept).expand(shape).div(.number(Double(count)))]
            }
        }
        return out
    }
}
