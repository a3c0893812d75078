import MartletKernels

/// Norms of vectors and matrices, and distances.
extension Tensor {
    /// The `ord`-norm over `dims` (all elements when nil): (sum |x|^ord)^(1/ord), with the largest and smallest
    /// absolute value for ord = inf and -inf and the count of nonzeros for 0. `dtype` converts first and may not narrow.
    public func vectorNorm(
        _ ord: Double = 2, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil
    ) throws -> Tensor {
        let op = "linalg.vector_norm"
        try refuseSparse("linalg_vector_norm")
        guard self.dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "\(op): Expected a floating point or complex tensor as input. Got \(self.dtype.scalarTypeName)")
        }
        let flags = try reducedDims(dims)
        if ord < 0 || ord == .infinity { try requireNormElements(op, ord, dims, flags) }
        if let dtype, dtype != self.dtype {
            guard dtype.isFloatingPoint else {
                throw MartletError.runtime(
                    "\(op): dtype should be floating point or complex, but got \(dtype.scalarTypeName)")
            }
            guard DType.promote(self.dtype, dtype) == dtype else {
                throw MartletError.runtime(
                    "\(op): the dtype of the input (\(self.dtype.scalarTypeName)) should be convertible without narrowing to the specified dtype (\(dtype.scalarTypeName))")
            }
            return try to(dtype).vectorNorm(ord, dims, keepDim: keepDim)
        }
        let out = try withNoGrad { try normValue(ord, flags, keepDim: keepDim) }
        if GradMode.needs(self) {
            let kept = reducedSizes(flags, keepDim: true)
            out.attach("LinalgVectorNormBackward0", TensorList(self)) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                return [try node.saved(0).normGradient(g.reshape(kept), node.saved(1).reshape(kept), ord, flags)]
            }
        }
        return out
    }

    private func requireNormElements(_ op: String, _ ord: Double, _ dims: [Int]?, _ flags: [Bool]) throws {
        guard numel == 0 else { return }
        let name = ord == .infinity ? "inf" : (ord == -.infinity ? "-inf" : shortNumber(ord))
        if dims?.isEmpty ?? true {
            throw MartletError.runtime(
                "\(op) cannot compute the \(name) norm on an empty tensor because the operation does not have an identity")
        }
        for d in 0..<rank where flags[d] && sizes[d] == 0 {
            throw MartletError.runtime(
                "\(op) cannot compute the \(name) norm on the dimension \(d)because this dimension is empty and the operation does not have an identity")
        }
    }

    private func normValue(_ ord: Double, _ flags: [Bool], keepDim: Bool) throws -> Tensor {
        if dtype.size == 2 { return try to(.float32).normValue(ord, flags, keepDim: keepDim).to(dtype) }
        let over = rank == 0 ? nil : flags.indices.filter { flags[$0] }
        switch ord {
        case 2: return try unaryKernel(.sqrt, sumOfSquares(flags, keepDim: keepDim))
        case 0: return try mask { $0 != 0 }.to(dtype).sum(over, keepDim: keepDim)
        case 1: return try unaryKernel(.abs, self).sum(over, keepDim: keepDim)
        case .infinity: return try unaryKernel(.abs, self).amax(over, keepDim: keepDim)
        case -.infinity: return try unaryKernel(.abs, self).amin(over, keepDim: keepDim)
        default:
            let powers = try binaryKernel(.pow, unaryKernel(.abs, self), .number(ord), dtype: dtype)
            return try binaryKernel(.pow, powers.sum(over, keepDim: keepDim), .number(1 / ord), dtype: dtype)
        }
    }

    private func sumOfSquares(_ flags: [Bool], keepDim: Bool) throws -> Tensor {
        let (m, rows, columns) = try rowsForReduction(flags)
        let out = try Tensor.empty(reducedSizes(flags, keepDim: keepDim), dtype)
        let (source, target, isFloat) = (m.pointer, out.pointer, dtype == .float32)
        launch("sumsq") {
            if isFloat {
                let (p, o) = (source.as(Float.self), target.as(Float.self))
                for r in 0..<rows { o[r] = mk_sumsq_f32(p + r * columns, 1, Int64(columns)) }
            } else {
                let (p, o) = (source.as(Double.self), target.as(Double.self))
                for r in 0..<rows { o[r] = mk_sumsq_f64(p + r * columns, 1, Int64(columns)) }
            }
        }
        withExtendedLifetime(m) {}
        return out
    }

    /// The gradient of a norm; `g` and `norm` keep the reduced dimensions. Zero where the norm is.
    func normGradient(_ g: Tensor, _ norm: Tensor, _ ord: Double, _ flags: [Bool]) throws -> Tensor? {
        if ord == 0 { return nil }
        let sign = try withNoGrad { try unaryKernel(.sign, self) }
        if ord == 1 { return try g.mul(sign) }
        let size = try mul(sign)
        if ord.isInfinite {
            let over = rank == 0 ? nil : flags.indices.filter { flags[$0] }
            let mask = try withNoGrad { try size.equalMask(norm, matchNaN: true) }
            return try g.share(mask, over: over).mul(sign)
        }
        let nonzero = try withNoGrad { try norm.mask { $0 != 0 } }
        if ord == 2 { return try g.mul(div(norm).keep(where: nonzero)) }
        if ord < 2 {
            let inside = try withNoGrad { try mask { $0 != 0 } }
            let powers = try size.pow(.number(ord - 1))
            let scaled = try sign.mul(ord < 1 ? powers.keep(where: inside) : powers)
            let scale = try ord < 1 ? g.mul(norm.pow(.number(1 - ord))) : g.div(norm.pow(.number(ord - 1)))
            return try scaled.mul(scale.keep(where: nonzero))
        }
        return try mul(size.pow(.number(ord - 2))).mul(g.div(norm.pow(.number(ord - 1))).keep(where: nonzero))
    }

    /// The largest (smallest for negative `ord`) sum of absolute values of a column (|ord| = 1) or row
    /// (|ord| = inf), over the two dimensions.
    public func matrixNorm(
        _ ord: Double, _ dims: (Int, Int) = (-2, -1), keepDim: Bool = false, dtype: DType? = nil
    ) throws -> Tensor {
        let (row, column) = try matrixDims(dims)
        guard ord.magnitude == 1 || ord.isInfinite else {
            throw MartletError.runtime("linalg.matrix_norm: Order \(shortNumber(ord)) not supported.")
        }
        let summed = ord.magnitude == 1 ? row : column
        var other = ord.magnitude == 1 ? column : row
        if !keepDim && other > summed { other -= 1 }
        let sums = try vectorNorm(1, [summed], keepDim: keepDim, dtype: dtype)
        // The largest of no sums is 0, as no norm is smaller.
        if ord > 0 && sums.sizes[other] == 0 { return try sums.sum([other], keepDim: keepDim) }
        return ord > 0 ? try sums.amax([other], keepDim: keepDim) : try sums.amin([other], keepDim: keepDim)
    }

    /// The Frobenius norm: the square root of the sum of squares over two dimensions.
    public func frobeniusNorm(_ dims: (Int, Int) = (-2, -1), keepDim: Bool = false, dtype: DType? = nil) throws
        -> Tensor
    {
        let (row, column) = try matrixDims(dims)
        return try vectorNorm(2, [row, column], keepDim: keepDim, dtype: dtype)
    }

    private func matrixDims(_ dims: (Int, Int)) throws -> (Int, Int) {
        guard rank >= 2 else {
            throw MartletError.runtime("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
        }
        guard dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "linalg.matrix_norm: Expected a floating point or complex tensor as input. Got \(dtype.scalarTypeName)")
        }
        let (row, column) = (try wrapDim(dims.0, rank), try wrapDim(dims.1, rank))
        guard row != column else {
            throw MartletError.runtime("linalg.matrix_norm: dims must be different. Got (\(dims.0), \(dims.1))")
        }
        return (row, column)
    }

    /// The `p`-norm of the difference; shapes are broadcast.
    public func dist(_ other: Tensor, _ p: Double = 2) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard type.isFloatingPoint else {
            throw MartletError.runtime(
                "norm(): input dtype should be either floating point or complex. Got \(type.scalarTypeName) instead.")
        }
        let out = try withNoGrad { try sub(other).vectorNorm(p) }
        if GradMode.needs(self, other) {
            out.attach("DistBackward0", TensorList(self, other)) { node in
                node.save(self, other)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                let difference = try a.sub(b)
                let all = [Bool](repeating: true, count: difference.rank)
                let one = Dims(repeating: 1, count: difference.rank)
                let slope = try difference.normGradient(g.reshape(one), node.saved(2).reshape(one), p, all)
                return [
                    node.needs(0) ? try slope?.sumTo(a.sizes) : nil,
                    node.needs(1) ? try slope?.neg().sumTo(b.sizes) : nil,
                ]
            }
        }
        return out
    }
}

/// A number as torch's messages show it: without a fraction where it has none.
func shortNumber(_ v: Double) -> String {
    v == v.rounded() && abs(v) < 1e15 ? "\(Int(v))" : "\(v)"
}
