import MartletKernels

/// Variances and standard deviations. `correction` is what is taken from the count in the divisor: 1 for the
/// unbiased estimate, 0 for the plain mean of squares.
extension Tensor {
    /// The variance over `dims` (all when nil or empty).
    public func `var`(_ dims: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) throws -> Tensor {
        let (out, _, flags) = try moments("var", dims, keepDim, correction)
        if GradMode.needs(self) {
            let kept = reducedSizes(flags, keepDim: true)
            out.attach("VarBackward0", [self]) { $0.save(self) } backward: { node, g in
                [try g[0].map { try node.saved(0).varianceGradient($0.reshape(kept), flags, correction) }]
            }
        }
        return out
    }

    /// The standard deviation over `dims`.
    public func std(_ dims: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) throws -> Tensor {
        let (variance, _, flags) = try moments("std", dims, keepDim, correction)
        let out = try unaryKernel(.sqrt, variance)
        if GradMode.needs(self) {
            let kept = reducedSizes(flags, keepDim: true)
            out.attach("StdBackward0", [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                [
                    try g[0].map {
                        try node.saved(0).deviationGradient($0.reshape(kept), node.saved(1).reshape(kept), flags, correction)
                    }
                ]
            }
        }
        return out
    }

    /// The variance and the mean over `dims`.
    public func varMean(_ dims: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) throws
        -> (variance: Tensor, mean: Tensor)
    {
        let (out, mean, flags) = try moments("var_mean", dims, keepDim, correction)
        if GradMode.needs(self) {
            let kept = reducedSizes(flags, keepDim: true)
            Node.attach("VarMeanBackward0", [out, mean], [self]) { $0.save(self) } backward: { node, g in
                let x = try node.saved(0)
                let first = try g[0].map { try x.varianceGradient($0.reshape(kept), flags, correction) }
                return [try Tensor.total(first, g[1].map { try x.meanGradient($0.reshape(kept), flags) })]
            }
        }
        return (out, mean)
    }

    /// The standard deviation and the mean over `dims`.
    public func stdMean(_ dims: [Int]? = nil, correction: Double = 1, keepDim: Bool = false) throws
        -> (deviation: Tensor, mean: Tensor)
    {
        let (variance, mean, flags) = try moments("std_mean", dims, keepDim, correction)
        let out = try unaryKernel(.sqrt, variance)
        if GradMode.needs(self) {
            let kept = reducedSizes(flags, keepDim: true)
            Node.attach("StdMeanBackward0", [out, mean], [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                let x = try node.saved(0)
                let first = try g[0].map {
                    try x.deviationGradient($0.reshape(kept), node.saved(1).reshape(kept), flags, correction)
                }
                return [try Tensor.total(first, g[1].map { try x.meanGradient($0.reshape(kept), flags) })]
            }
        }
        return (out, mean)
    }

    /// The sum of two gradients either of which may be missing.
    static func total(_ a: Tensor?, _ b: Tensor?) throws -> Tensor? {
        guard let a else { return b }
        guard let b else { return a }
        return try a.add(b)
    }

    /// Variance and mean, both rounded from double accumulators.
    private func moments(_ op: String, _ dims: [Int]?, _ keepDim: Bool, _ correction: Double) throws
        -> (Tensor, Tensor, [Bool])
    {
        try refuseSparse(op)
        guard dtype.isFloatingPoint else {
            throw MartletError.runtime("std and var only support floating point and complex dtypes")
        }
        let flags = try reducedDims(dims)
        return try withNoGrad {
            let wide = dtype.size == 2 ? try to(.float32) : self
            let (m, rows, columns) = try wide.rowsForReduction(flags)
            let shape = reducedSizes(flags, keepDim: keepDim)
            let variance = try Tensor.empty(shape, wide.dtype)
            let mean = try Tensor.empty(shape, wide.dtype)
            let divisor = Swift.max(0, Double(columns) - correction)
            let grain = Swift.max(1, parallelGrain / Swift.max(columns, 1))
            let (pm, pv, pu, isFloat) = (m.pointer, variance.pointer, mean.pointer, wide.dtype == .float32)
            launch("variance") {
                if isFloat {
                    let (p, v, u) = (pm.as(Float.self), pv.as(Float.self), pu.as(Float.self))
                    parallelFor(rows, grain: grain) { from, to in
                        for r in from..<to {
                            var (center, squares) = (0.0, 0.0)
                            mk_mean_var_f32(p + r * columns, 1, Int64(columns), &center, &squares)
                            v[r] = Float(squares / divisor)
                            u[r] = columns == 0 ? .nan : Float(center)
                        }
                    }
                } else {
                    let (p, v, u) = (pm.as(Double.self), pv.as(Double.self), pu.as(Double.self))
                    parallelFor(rows, grain: grain) { from, to in
                        for r in from..<to {
                            var (center, squares) = (0.0, 0.0)
                            mk_mean_var_f64(p + r * columns, 1, Int64(columns), &center, &squares)
                            v[r] = squares / divisor
                            u[r] = columns == 0 ? .nan : center
                        }
                    }
                }
            }
            withExtendedLifetime(m) {}
            return (try variance.to(dtype), try mean.to(dtype), flags)
        }
    }

    /// g * 2 / (n - correction) * (x - mean); `g` keeps the reduced dimensions.
    private func varianceGradient(_ g: Tensor, _ flags: [Bool], _ correction: Double) throws -> Tensor {
        let over = flags.indices.filter { flags[$0] }
        let n = over.reduce(1) { $0 * sizes[$1] }
        let divisor = Double(n) - correction
        let centered = rank == 0 ? try sub(self) : try sub(mean(over, keepDim: true))
        // Without degrees of freedom the variance is infinite or undefined, and so is its slope.
        if divisor <= 0 { return try g.mul(.number(.infinity)).mul(centered) }
        return try g.mul(.number(2 / divisor)).mul(centered)
    }

    /// The variance's gradient over twice the deviation; zero where the deviation is.
    private func deviationGradient(_ g: Tensor, _ deviation: Tensor, _ flags: [Bool], _ correction: Double) throws
        -> Tensor
    {
        let nonzero = try withNoGrad { try deviation.mask { $0 != 0 } }
        let scaled = try g.div(deviation.mul(.number(2))).keep(where: nonzero)
        return try varianceGradient(scaled, flags, correction)
    }

    private func meanGradient(_ g: Tensor, _ flags: [Bool]) throws -> Tensor {
        let n = flags.indices.reduce(1) { flags[$1] ? $0 * sizes[$1] : $0 }
        return try g.expand(sizes).div(.number(Double(n)))
    }
}
