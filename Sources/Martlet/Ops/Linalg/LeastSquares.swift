import MartletKernels

/// How ``Tensor/lstsq(_:rcond:driver:)`` solves.
public enum LeastSquaresDriver: Int32, Sendable { case gels = 0, gelsy = 1, gelsd = 2, gelss = 3 }

/// Pseudoinverses, ranks and least squares, by singular values.
extension Tensor {
    /// What singular values count as zero below, relative to the largest, where nothing is said.
    private var standardTolerance: Double {
        (dtype == .float32 ? Double(Float.ulpOfOne) : Double.ulpOfOne) * Double(Swift.max(matrixRows, matrixColumns))
    }

    /// Below what a singular value counts as zero, max(atol, rtol * largest), shaped for the values' batch. Without
    /// `rtol` it is eps * max(m, n), or 0 where an `atol` above 0 is given.
    private func cutoff(_ largest: Tensor, _ atol: Tensor?, _ rtol: Tensor?) throws -> Tensor {
        let absolute = try (atol ?? .number(0)).operand(.float64)
        var relative: Tensor
        if let rtol {
            relative = try rtol.operand(.float64)
        } else {
            relative = try .full(absolute.sizes, .number(standardTolerance), .float64)
            if atol != nil { relative = try relative.keep(where: absolute.mask { !($0 > 0) }) }
        }
        return try largest.mul(relative).maximum(absolute)
    }

    private func largest(_ s: Tensor) throws -> Tensor {
        s.sizes[s.rank - 1] == 0 ? try .zeros(Dims(s.sizes.dropLast()), s.dtype) : try s.amax([-1])
    }

    /// The Moore-Penrose inverse. Singular values not above max(atol, rtol * largest) count as zero; both tolerances are
    /// numbers or broadcast with the batch. `hermitian` matrices are read from their lower triangle.
    public func pinv(atol: Tensor? = nil, rtol: Tensor? = nil, hermitian: Bool = false) throws -> Tensor {
        guard rank >= 2 && dtype.isFloatingPoint && dtype.size >= 4 else {
            throw MartletError.runtime(
                "linalg.pinv(\(dtype.scalarTypeName){\(sizes)}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types")
        }
        if hermitian { try requireSquare("linalg.pinv") }
        let out = try withNoGrad { () throws -> Tensor in
            let wide = try decomposable()
            if hermitian {
                let (l, v) = try wide.eigh()
                let size = try unaryKernel(.abs, l)
                let keep = try size.gt(cutoff(largest(size), atol, rtol).unsqueeze(-1))
                return try v.mul(l.reciprocal().keep(where: keep).unsqueeze(-2)).matmul(v.mT()).to(dtype)
            }
            let (u, s, vh) = try wide.svd(full: false)
            let keep = try s.gt(cutoff(largest(s), atol, rtol).unsqueeze(-1))
            return try vh.mT().mul(s.reciprocal().keep(where: keep).unsqueeze(-2)).matmul(u.mT()).to(dtype)
        }
        if GradMode.needs(self) {
            out.attach("LinalgPinvBackward0", [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                return [try Tensor.pinvGradient(g, node.saved(0), node.saved(1))]
            }
        }
        return out
    }

    /// The gradient where the rank is constant (Golub & Pereyra 1973):
    /// -Pᵀ g Pᵀ + (I - A P) gᵀ P Pᵀ + Pᵀ P gᵀ (I - P A), multiplied so that no matrix is larger than it must be.
    private static func pinvGradient(_ g: Tensor, _ a: Tensor, _ p: Tensor) throws -> Tensor {
        let (gt, pt) = (try g.mT(), try p.mT())
        let first = try pt.matmul(g).matmul(pt)
        let k = try gt.matmul(p).matmul(pt)
        let second = try k.sub(a.matmul(p.matmul(k)))
        let l = try pt.matmul(p.matmul(gt))
        let third = try l.sub(l.matmul(p).matmul(a))
        return try second.add(third).sub(first)
    }

    /// How many singular values (eigenvalues' magnitudes where `hermitian`) exceed max(atol, rtol * largest).
    public func matrixRank(atol: Tensor? = nil, rtol: Tensor? = nil, hermitian: Bool = false) throws -> Tensor {
        try requireMatrix("torch.linalg.matrix_rank", "input")
        guard dtype.isFloatingPoint && dtype.size >= 4 else {
            throw MartletError.runtime("This function doesn't handle types other than float and double")
        }
        return try withNoGrad {
            let wide = try decomposable()
            let s = hermitian ? try unaryKernel(.abs, wide.eigvalsh()) : try wide.svdvals()
            return try s.gt(cutoff(largest(s), atol, rtol).unsqueeze(-1)).sum([-1])
        }
    }

    /// X that minimises |A X - B|, of smallest norm where several do. Gives the solution, the sums of squares left over
    /// (for drivers other than gelsy, where m > n and the rank is full; else empty), the ranks (empty for gels) and
    /// the singular values (empty but for gelsd and gelss). B may be a vector as in ``solve(_:left:)``.
    public func lstsq(_ b: Tensor, rcond: Double? = nil, driver: LeastSquaresDriver = .gelsy) throws
        -> (solution: Tensor, residuals: Tensor, rank: Tensor, singularValues: Tensor)
    {
        let op = "torch.linalg.lstsq"
        guard rank >= 2 else { throw MartletError.runtime("\(op): input must have at least 2 dimensions.") }
        guard b.rank >= 1 else { throw MartletError.runtime("\(op): other must have at least 1 dimension.") }
        guard dtype == b.dtype else {
            throw MartletError.runtime("\(op): Expected input and other to have the same dtype, but got input's dtype \(dtype.scalarTypeName) and other's dtype \(b.dtype.scalarTypeName)")
        }
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("torch.linalg.lstsq: linalg_lstsq_cpu", dtype) }
        guard rank >= b.rank else {
            throw MartletError.runtime("\(op): input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1")
        }
        let vector = takesVector(b)
        let (m, n) = (matrixRows, matrixColumns)
        let right = try vector ? b.unsqueeze(-1) : b
        guard right.rank >= 2 && right.matrixRows == m else {
            throw MartletError.runtime("\(op): input.size(-2) should match other.size(\(vector ? -1 : -2))")
        }
        let (solution, pseudo, s, counts) = try withNoGrad { try leastSquares(op, right, rcond, driver) }
        let value = try withNoGrad { vector ? try solution.squeeze([-1]) : solution }
        var residuals = try Tensor.empty([0], dtype)
        var withResiduals = false
        if m > n && driver != .gelsy {
            // Sums of squares are given only where every matrix has full rank.
            let (full, total) = (counts.typed(Int64.self), counts.numel)
            func hasFullRank() -> Bool { !(0..<total).contains { full[$0] < n } }
            let isFull = withExtendedLifetime(counts) { hasFullRank() }
            withResiduals = isFull
            Tape.note("check", Tape.repeating {
                guard hasFullRank() == isFull else {
                    throw MartletError.runtime("\(op): whether the matrices have full rank, and with it the residuals' size, is not as it was recorded")
                }
            })
        }
        if withResiduals {
            residuals = try withNoGrad {
                let difference = try matmul(vector ? value.unsqueeze(-1) : value).sub(right)
                return try difference.mul(difference).sum([-2])
            }
        }
        if GradMode.needs(self, b) {
            let p = try pseudo?.plain(dtype)
            Node.attach("LinalgLstsqBackward0", [value, residuals], [self, b]) { node in
                node.save(self, b, p)
                node.saveOutput(value, 0)
            } backward: { node, g in
                let (a, b) = (try node.saved(0), try node.saved(1))
                let right = try vector ? b.unsqueeze(-1) : b
                var (ga, gb) = (nil as Tensor?, nil as Tensor?)
                if let g = try vector ? g[0]?.unsqueeze(-1) : g[0] {
                    let p = GradMode.needs(a) ? try a.pinv() : try node.savedOptional(2) ?? a.pinv()
                    if node.needs(0) { ga = try Tensor.pinvGradient(g.matmul(right.mT()), a, p) }
                    if node.needs(1) { gb = try p.mT().matmul(g) }
                }
                if let g = g[1], g.numel > 0 {
                    // At the minimum the sums do not change with X.
                    let x = try vector ? node.saved(3).unsqueeze(-1) : node.saved(3)
                    let twice = try a.matmul(x).sub(right).mul(g.unsqueeze(-2)).mul(.number(2))
                    let part = try twice.matmul(x.mT())
                    ga = try ga?.add(part) ?? part
                    gb = try gb?.sub(twice) ?? twice.neg()
                }
                return [
                    node.needs(0) ? try ga?.sumTo(a.sizes) : nil,
                    node.needs(1) ? try (vector ? gb?.squeeze([-1]) : gb)?.sumTo(b.sizes) : nil,
                ]
            }
        }
        let ranks = driver == .gels ? try Tensor.empty([0], .int64) : counts
        let values = driver == .gelsd || driver == .gelss ? try s.plain(dtype) : try .empty([0], dtype)
        return (value, residuals, ranks, values)
    }

    /// The solution with the pseudoinverse where that led to it, the singular values and the ranks, the last two empty where
    /// the driver does not give them: gels finds every matrix of full rank.
    private func leastSquares(_ op: String, _ b: Tensor, _ rcond: Double?, _ driver: LeastSquaresDriver) throws
        -> (x: Tensor, pseudo: Tensor?, s: Tensor, ranks: Tensor)
    {
        func notFull(_ i: Int) -> String {
            "The least squares solution could not be computed because the input matrix does not have full rank (error code: \(i))."
        }
        let (m, n) = (matrixRows, matrixColumns)
        let batch = try broadcastSizes(batchSizes, b.batchSizes)
        if batch == batchSizes, b.matrixColumns > 0, let lapack = Lapack(MK_LAPACK_LEAST_SQUARES, dtype, m, n) {
            let right = try b.expand(batchSizes(m, b.matrixColumns))
            let (x, ranks, s, info) = try lapack.leastSquares(self, right, rcond ?? standardTolerance, driver)
            try info.check("linalg.svd", only: FactorInfo.notFinite, FactorInfo.notDecomposed)
            try info.check(op, notFull)
            return (x, nil, s, ranks)
        }
        if batch == batchSizes, b.matrixColumns > 0, driver == .gels || driver == .gelsy {
            let k = b.matrixColumns
            let (a, right) = (try matrixCopy(.float64), try b.expand(batchSizes(m, k)).matrixCopy(.float64))
            let (x, ranks) = (try Tensor.empty(batchSizes(n, k), .float64), try Tensor.empty(batchSizes, .int64))
            let (notFound, notFullRank) = (try FactorInfo(batchSizes), try FactorInfo(batchSizes))
            let (pa, pb, px) = (a.typed(Double.self), right.typed(Double.self), x.typed(Double.self))
            let (pr, count, tolerance) = (ranks.typed(Int64.self), matrixCount, rcond ?? standardTolerance)
            let (lost, lacking) = (notFound.places, notFullRank.places)
            launch("lstsq") {
                for i in 0..<count {
                    let (a, b) = (pa + i * m * n, pb + i * m * k)
                    (lost[i], lacking[i], pr[i]) = (0, 0, 0)
                    guard (0..<m * n).allSatisfy({ a[$0].isFinite }) else {
                        lost[i] = Int32(FactorInfo.notFinite)
                        continue
                    }
                    guard let rank = Dense.leastSquares(a, m, n, b, k, tolerance, px + i * n * k) else {
                        lost[i] = Int32(Swift.min(m, n))
                        continue
                    }
                    pr[i] = Int64(rank)
                    if driver == .gels && rank > 0 && rank < Swift.min(m, n) { lacking[i] = Int32(rank + 1) }
                }
            }
            withExtendedLifetime((a, right)) {}
            try notFound.check("linalg.svd", FactorInfo.notDecomposed)
            try notFullRank.check(op, notFull)
            return (try x.to(dtype), nil, try .empty([0], .float64), ranks)
        }
        let (u, s, vh) = try to(.float64).svd(full: false)
        let limit = try cutoff(largest(s), nil, rcond.map { .number($0) })
        let keep = try s.gt(limit.unsqueeze(-1))
        let pseudo = try vh.mT().mul(s.reciprocal().keep(where: keep).unsqueeze(-2)).matmul(u.mT())
        let ranks = try keep.sum([-1])
        if driver == .gels {
            let info = try FactorInfo(ranks.sizes)
            let (full, places, count) = (ranks.typed(Int64.self), info.places, ranks.numel)
            launch("ranks") {
                for i in 0..<count { places[i] = full[i] > 0 && full[i] < Swift.min(m, n) ? Int32(full[i] + 1) : 0 }
            }
            try info.check(op, notFull)
        }
        return (try pseudo.matmul(b.to(.float64)).to(dtype), pseudo, s, ranks)
    }
}
