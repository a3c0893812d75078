import MartletKernels

/// Products, truth over dimensions, counts and log-sum-exp. Sums and means are in Sum.swift, extremes in MinMax.swift.
extension Tensor {
    /// The product of all elements. Integers and bools multiply as int64 unless `dtype` says otherwise.
    public func prod(dtype: DType? = nil) throws -> Tensor {
        let x = try forProduct(dtype)
        let flat = try withNoGrad { try x.contiguous().reshape([x.numel] as Dims) }
        let out = try flat.prodKernel(0, keepDim: false)
        if GradMode.needs(x) {
            let shape = x.sizes
            out.attach("ProdBackward0", TensorList(x)) { node in
                node.save(x)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let x = try node.saved(0).reshape([shape.product] as Dims)
                return TensorList(try x.prodGradient(g.unsqueeze(0), node.saved(1).unsqueeze(0), 0).reshape(shape))
            }
        }
        return out
    }

    /// The product along a dimension.
    public func prod(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) throws -> Tensor {
        let d = try wrapDim(dim, rank)
        let x = try forProduct(dtype)
        let out = try withNoGrad { try x.contiguous().prodKernel(d, keepDim: keepDim) }
        if GradMode.needs(x) {
            let scalar = rank == 0
            out.attach("ProdBackward1", TensorList(x)) { node in
                node.save(x)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                if scalar { return TensorList(g) }
                let (x, y) = (try node.saved(0), try node.saved(1))
                if keepDim { return TensorList(try x.prodGradient(g, y, d)) }
                return TensorList(try x.prodGradient(g.unsqueeze(d), y.unsqueeze(d), d))
            }
        }
        return out
    }

    private func forProduct(_ type: DType?) throws -> Tensor {
        try refuseSparse("prod")
        let type = type ?? (dtype.isFloatingPoint ? dtype : .int64)
        return type == dtype ? self : try to(type)
    }

    /// Products of the lines of a contiguous tensor.
    private func prodKernel(_ d: Int, keepDim: Bool) throws -> Tensor {
        if dtype.isFloatingPoint && dtype.size == 2 {
            return try withNoGrad { try to(.float32).prodKernel(d, keepDim: keepDim).to(dtype) }
        }
        let out = try Tensor.empty(sizes(without: d, keepDim: keepDim), dtype)
        let axis = Axis(sizes, d)
        let (n, s) = (Int64(axis.count), Int64(axis.inner))
        let (source, target, type) = (lent, out.lent, dtype)
        func run() { switch type {
        case .float32:
            let (p, o) = (source.typed(Float.self), target.typed(Float.self))
            axis.forEachLine { line, start in o[line] = mk_prod_f32(p + start, s, n) }
        case .float64:
            let (p, o) = (source.typed(Double.self), target.typed(Double.self))
            axis.forEachLine { line, start in o[line] = mk_prod_f64(p + start, s, n) }
        default:
            func integers<T: TensorElement>(_: T.Type) {
                let (p, o) = (source.typed(T.self), target.typed(T.self))
                axis.forEachLine { line, start in
                    var product: Int64 = 1
                    for k in 0..<axis.count { product &*= p[start + k * axis.inner].asInt64 }
                    o[line] = T(element: product)
                }
            }
            withElementType(type) { integers($0) }
        } }
        launch("prod", run)
        return out
    }

    /// Each element's gradient is the product of the others: by division where there is no zero, else from
    /// the products before and after it. `gradient` and `product` keep the dimension.
    private func prodGradient(_ gradient: Tensor, _ product: Tensor, _ d: Int) throws -> Tensor {
        func byDivision(_ x: Tensor) throws -> Tensor { try gradient.mul(product).div(x) }
        func fromBothSides() throws -> Tensor {
            try gradient.mul(cumprodExclusive(d, reverse: false).mul(cumprodExclusive(d, reverse: true)))
        }
        let hasZero = try withNoGrad { try product.mask { $0 == 0 }.any() }
        if Tape.isNoting {
            // A replay may meet zeros where the recording met none, and the reverse. What is not chosen is differentiated
            // too, so that it divides by ones instead.
            return try Tensor.choose(hasZero, fromBothSides(), byDivision(GradMode.isEnabled ? .choose(hasZero, .number(1.0), self) : self))
        }
        return try hasZero.item() != 0 ? fromBothSides() : byDivision(self)
    }

    // MARK: Truth and counts

    /// Whether any element is nonzero, over `dims` (all when nil; none when empty). uint8 stays uint8, else bool.
    public func any(_ dims: [Int]? = nil, keepDim: Bool = false) throws -> Tensor {
        try truth("any", dims, keepDim) { p, n, test in
            for k in 0..<n where test(p + k) { return true }
            return false
        }
    }

    /// Whether all elements are nonzero.
    public func all(_ dims: [Int]? = nil, keepDim: Bool = false) throws -> Tensor {
        try truth("all", dims, keepDim) { p, n, test in
            for k in 0..<n where !test(p + k) { return false }
            return true
        }
    }

    private func truth(
        _ op: String, _ dims: [Int]?, _ keepDim: Bool, _ line: @escaping (Int, Int, (Int) -> Bool) -> Bool
    ) throws -> Tensor {
        try refuseSparse(op)
        let none = dims?.isEmpty ?? false
        let flags = none ? [Bool](repeating: false, count: rank) : try reducedDims(dims)
        let (m, rows, columns) = try detach().rowsForReduction(flags)
        let out = try Tensor.empty(reducedSizes(flags, keepDim: keepDim), .bool)
        let (o, source) = (out.typed(Bool.self), m.lent)
        func run<T: TensorElement>(_: T.Type) {
            let p = source.typed(T.self)
            for r in 0..<rows { o[r] = line(r * columns, columns) { p[$0].asDouble != 0 } }
        }
        launch("truth") { [dtype] in withElementType(dtype) { run($0) } }
        withExtendedLifetime(m) {}
        return dtype == .uint8 ? try out.to(.uint8) : out
    }

    /// How many elements differ from zero, over `dims` (all when nil or empty); int64.
    public func countNonzero(_ dims: [Int]? = nil) throws -> Tensor {
        try refuseSparse("count_nonzero")
        return try withNoGrad { try mask { $0 != 0 }.sum(dims) }
    }

    // MARK: Sums

    /// The sum over `dims` with NaN counted as zero.
    public func nansum(_ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) throws -> Tensor {
        try refuseSparse("nansum")
        if !self.dtype.isFloatingPoint { return try sum(dims, keepDim: keepDim, dtype: dtype) }
        let type = dtype ?? self.dtype
        let out = try withNoGrad { try keep(where: mask { !$0.isNaN }).sum(dims, keepDim: keepDim, dtype: type) }
        if GradMode.needs(self) && type.isFloatingPoint {
            let kept = reducedSizes(try reducedDims(dims), keepDim: true)
            out.attach("NansumBackward0", TensorList(self)) { $0.save(self) } backward: { node, g in
                let x = try node.saved(0)
                return TensorList(try g[0]?.to(x.dtype).reshape(kept).keep(where: x.mask { !$0.isNaN }))
            }
        }
        return out
    }

    /// The mean over `dims` of the elements that are not NaN.
    public func nanmean(_ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil) throws -> Tensor {
        guard self.dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "nanmean(): expected input to have floating point or complex dtype but got \(self.dtype.scalarTypeName)")
        }
        let count = try withNoGrad { try mask { !$0.isNaN }.sum(dims, keepDim: keepDim) }
        return try nansum(dims, keepDim: keepDim, dtype: dtype).div(count)
    }

    /// log(sum(exp(x))) over `dims` without overflow. Integers are converted to the default float dtype.
    public func logsumexp(_ dims: [Int], keepDim: Bool = false) throws -> Tensor {
        try refuseSparse("logsumexp")
        if !dtype.isFloatingPoint { return try to(.defaultFloat).logsumexp(dims, keepDim: keepDim) }
        let flags = try reducedDims(dims)
        let kept = reducedSizes(flags, keepDim: true)
        let out = try withNoGrad { () throws -> Tensor in
            if dtype.size == 2 { return try to(.float32).logsumexp(dims, keepDim: keepDim).to(dtype) }
            if numel == 0 {
                return try unaryKernel(.log, unaryKernel(.exp, self).sum(dims, keepDim: keepDim))
            }
            let top = try amax(dims, keepDim: true)
            let finite = try top.keep(where: top.mask { $0.isFinite })
            let sums = try unaryKernel(.exp, sub(finite)).sum(dims, keepDim: true)
            return try unaryKernel(.log, sums).add(finite).reshape(reducedSizes(flags, keepDim: keepDim))
        }
        if GradMode.needs(self) {
            out.attach("LogsumexpBackward0", TensorList(self)) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let y = try node.saved(1).reshape(kept)
                return TensorList(try g.reshape(kept).mul(node.saved(0).sub(y).exp()))
            }
        }
        return out
    }

    /// The sum of a matrix's diagonal.
    public func trace() throws -> Tensor {
        try refuseSparse("trace")
        guard rank == 2 else {
            throw MartletError.runtime("trace: expected a matrix, but got tensor with dim \(rank)")
        }
        if dtype == .bool { throw MartletError.notImplemented("\"trace\" not implemented for 'Bool'") }
        let out = try withNoGrad { try diagonal().sum() }
        if GradMode.needs(self) {
            let shape = sizes
            out.attach("TraceBackward0", TensorList(self)) { _, g in
                TensorList(try g[0]?.expand([Swift.min(shape[0], shape[1])] as Dims).diagonalBackward(shape, 0, 0, 1))
            }
        }
        return out
    }
}
