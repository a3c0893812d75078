import Glibc

/// Inverses, systems of equations and determinants.
extension Tensor {
    /// The inverse of each matrix. Throws a `linalg` error for a singular one.
    public func inv() throws -> Tensor { try invEx("linalg.inv", checkErrors: true).inverse }

    /// The inverse and, for each matrix, 0 or the place of the first zero pivot.
    public func invEx(checkErrors: Bool = false) throws -> (inverse: Tensor, info: Tensor) {
        try invEx("linalg.inv_ex", checkErrors: checkErrors)
    }

    private func invEx(_ op: String, checkErrors: Bool) throws -> (inverse: Tensor, info: Tensor) {
        try requireReal("linalg.inv")
        try requireSquare("linalg.inv")
        let n = matrixRows
        let (lu, pivots, info) = try eliminate()
        if checkErrors { try info.check(op, FactorInfo.singularInverse) }
        let out = try Tensor.zeros(sizes, dtype)
        fillDiagonal(out, n)
        Tensor.substitute(lu, pivots, out)
        if GradMode.needs(self) {
            out.attach("LinalgInvExBackward0", [self]) { $0.saveOutput(out) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let t = try node.saved(0).mT()
                return [try t.matmul(g).matmul(t).neg()]
            }
        }
        return (out, info.tensor)
    }

    private func fillDiagonal(_ out: Tensor, _ n: Int) {
        let (base, count) = (out.pointer, out.matrixCount)
        func run<T: DenseReal>(_: T.Type) {
            let o = base.as(T.self)
            for b in 0..<count { for i in 0..<n { o[(b * n + i) * n + i] = 1 } }
        }
        let isFloat = dtype == .float32
        launch("fill_diagonal") { if isFloat { run(Float.self) } else { run(Double.self) } }
    }

    /// Replaces b (row-major, with the batch of lu) by the solution of A x = b.
    private static func substitute(_ lu: Tensor, _ pivots: Tensor, _ b: Tensor) {
        let (n, k, count) = (b.matrixRows, b.matrixColumns, b.matrixCount)
        if let lapack = Lapack(solving: n, k, b.dtype) { return lapack.solve(lu, pivots, b) }
        let (factors, p, right) = (lu.pointer, pivots.typed(Int32.self), b.pointer)
        func run<T: DenseReal>(_: T.Type) {
            let (a, x) = (factors.as(T.self), right.as(T.self))
            for i in 0..<count {
                let (f, y) = (a + i * n * n, x + i * n * k)
                Dense.exchange(y, k, p + i * n, n)
                Dense.solveTriangular(f, n, 1, n, y, k, upper: false, unit: true)
                Dense.solveTriangular(f, n, 1, n, y, k, upper: true, unit: false)
            }
        }
        let isFloat = b.dtype == .float32
        launch("lu_solve") { if isFloat { run(Float.self) } else { run(Double.self) } }
        withExtendedLifetime((lu, pivots)) {}
    }

    /// X with A X = B, or X A = B unless `left`; batches are broadcast. B may be a vector (or, with A's batch sizes, a
    /// batch of them). Throws a `linalg` error for a singular matrix.
    public func solve(_ b: Tensor, left: Bool = true) throws -> Tensor { try solveEx(b, left: left, check: true).result }

    /// ``solve(_:left:)`` beside, for each matrix, 0 or the place of the first zero pivot.
    public func solveEx(_ b: Tensor, left: Bool = true, checkErrors: Bool = false) throws -> (result: Tensor, info: Tensor) {
        try solveEx(b, left: left, check: checkErrors)
    }

    /// Whether b stands for vectors beside these matrices.
    func takesVector(_ b: Tensor) -> Bool {
        b.rank == 1 || (rank - 1 == b.rank && b.sizes == Dims(sizes.dropLast()))
    }

    private func solveEx(_ b: Tensor, left: Bool, check: Bool) throws -> (result: Tensor, info: Tensor) {
        let op = "linalg.solve"
        guard dtype.isFloatingPoint else { try requireReal(op); fatalMessage(op) }
        guard dtype.size >= 4 else { throw Tensor.unsupported("lu_cpu", dtype) }
        try requireSquare(op)
        try requireSameType(op, b)
        let vector = takesVector(b)
        if vector && !left {
            throw MartletError.runtime("\(op): Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)")
        }
        let right = try withNoGrad { vector ? try b.unsqueeze(-1) : b }
        try right.requireMatrix(op, "B")
        try requireSystem(op, right, left: left)
        let batch = try broadcastSizes(batchSizes, right.batchSizes)
        let n = matrixRows
        let (out, info) = try withNoGrad { () throws -> (Tensor, FactorInfo) in
            let (lu, pivots, info) = try (left ? self : mT()).eliminate()
            if check {
                try info.check("torch.linalg.solve") { _ in "The solver failed because the input matrix is singular." }
            }
            var shape = batch
            shape.append(n)
            let exchanges = try pivots.expand(shape).contiguous()
            shape.append(n)
            let factors = try lu.expand(shape).contiguous()
            let columns = left ? right : try right.mT()
            shape[shape.count - 1] = columns.matrixColumns
            let x = try columns.expand(shape).matrixCopy()
            Tensor.substitute(factors, exchanges, x)
            let whole = left ? x : try x.mT().contiguous()
            return (vector ? try whole.squeeze([-1]) : whole, info)
        }
        if GradMode.needs(self, b) {
            let shape = b.sizes
            out.attach("LinalgSolveExBackward0", [self, b]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let a = try node.saved(0)
                let (gx, x) = vector ? (try g.unsqueeze(-1), try node.saved(1).unsqueeze(-1)) : (g, try node.saved(1))
                let gb = try a.mT().solve(gx, left: left)
                var ga: Tensor?
                if node.needs(0) {
                    ga = try (left ? gb.matmul(x.mT()) : x.mT().matmul(gb)).neg().sumTo(a.sizes)
                }
                return [ga, node.needs(1) ? try (vector ? gb.squeeze([-1]) : gb).sumTo(shape) : nil]
            }
        }
        return (out, info.tensor)
    }

    // MARK: Determinants

    /// The sign of each determinant (0 for singular matrices) and the logarithm of its magnitude, in float64.
    private func pivotProducts(_ lu: Tensor, _ pivots: Tensor) throws -> (det: Tensor, sign: Tensor, log: Tensor) {
        let n = matrixRows
        let (det, sign, log) = (
            try Tensor.empty(batchSizes, .float64), try Tensor.empty(batchSizes, .float64), try Tensor.empty(batchSizes, .float64))
        let wide = try lu.plain(.float64)
        let (a, p, count) = (wide.typed(Double.self), pivots.typed(Int32.self), matrixCount)
        let (products, signs, sums) = (det.typed(Double.self), sign.typed(Double.self), log.typed(Double.self))
        launch("pivot_products") {
            for b in 0..<count {
                var (product, s, sum) = (1.0, 1.0, 0.0)
                for i in 0..<n {
                    let d = a[(b * n + i) * n + i]
                    if Int(p[b * n + i]) != i + 1 { (product, s) = (-product, -s) }
                    product *= d
                    s = d.isNaN ? .nan : d == 0 ? 0 : d < 0 ? -s : s
                    sum += Glibc.log(d.magnitude)
                }
                (products[b], signs[b], sums[b]) = (product, s, sum)
            }
        }
        withExtendedLifetime((wide, pivots)) {}
        return (try det.plain(dtype), try sign.plain(dtype), try log.plain(dtype))
    }

    /// The determinants.
    public func det() throws -> Tensor {
        try requireSquare("linalg.det")
        try requireReal("linalg.det", kernel: "lu_cpu")
        let (lu, pivots, _) = try eliminate()
        let out = try pivotProducts(lu, pivots).det
        if GradMode.needs(self) {
            out.attach("LinalgDetBackward0", [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = try g[0]?.unsqueeze(-1).unsqueeze(-1) else { return [nil] }
                let (a, det) = (try node.saved(0), try node.saved(1))
                return [a.matrixRows == 1 ? g : try a.detGradient(g, det)]
            }
        }
        return out
    }

    /// g det A⁻ᵀ, or, where any of the matrices is singular, g times the cofactors.
    private func detGradient(_ g: Tensor, _ det: Tensor) throws -> Tensor {
        func byInverse(_ a: Tensor) throws -> Tensor { try g.mul(det.unsqueeze(-1).unsqueeze(-1)).mul(a.inv().mT()) }
        let singular = try withNoGrad { try det.mask { $0 == 0 || $0.isNaN }.any() }
        guard Tape.isNoting else { return try singular.item() != 0 ? g.mul(cofactors()) : byInverse(self) }
        // A replay may meet singular matrices where the recording met none, and the reverse.
        if !GradMode.isEnabled {
            return try Tape.whole("det_gradient", [self, g, det]) { [try $0[0].detGradient($0[1], $0[2])] }[0]
        }
        return try .choose(singular, g.mul(cofactors()), byInverse(.choose(singular, identity(matrixRows), self)))
    }

    /// The matrices of cofactors, also of singular matrices: det(A) A⁻ᵀ where that exists. By singular values, or, to be
    /// differentiated further, as a polynomial in A (Faddeev & LeVerrier).
    private func cofactors() throws -> Tensor {
        let n = matrixRows
        if GradMode.needs(self) {
            let one = try identity(n)
            var m = try one.expand(batchSizes(n, n))
            for k in 1..<Swift.max(n, 1) {
                let am = try matmul(m)
                let c = try am.matrixDiagonal().sum([-1]).div(.number(-Double(k))).unsqueeze(-1).unsqueeze(-1)
                m = try am.add(one.mul(c))
            }
            return try (n % 2 == 0 ? m.neg() : m).mT()
        }
        return try withNoGrad {
            let (u, s, vh) = try to(.float64).svd(full: false)
            // The product of all values but one, as that of those before it and those after it.
            let others = try Tensor.empty(s.sizes, .float64)
            let (p, o, count) = (s.typed(Double.self), others.typed(Double.self), matrixCount)
            launch("products_of_others") {
                for b in 0..<count {
                    for i in 0..<n {
                        var product = 1.0
                        for j in 0..<n where j != i { product *= p[b * n + j] }
                        o[b * n + i] = product
                    }
                }
            }
            withExtendedLifetime(s) {}
            let sign = try u.det().mul(vh.det()).unsqueeze(-1).unsqueeze(-1)
            return try u.mul(others.unsqueeze(-2)).matmul(vh).mul(sign).to(dtype)
        }
    }

    /// The sign of each determinant and the logarithm of its magnitude: 0 and -inf for a singular matrix.
    public func slogdet() throws -> (sign: Tensor, logabsdet: Tensor) { try slogdet("linalg.slogdet") }

    private func slogdet(_ op: String) throws -> (sign: Tensor, logabsdet: Tensor) {
        try requireSquare(op)
        try requireReal(op)
        let (lu, pivots, _) = try eliminate()
        let (_, sign, log) = try pivotProducts(lu, pivots)
        if GradMode.needs(self) {
            Node.attach("LinalgSlogdetBackward0", [sign, log], [self]) { $0.save(self) } backward: { node, g in
                guard let g = g[1] else { return [nil] }
                return [try g.unsqueeze(-1).unsqueeze(-1).mul(node.saved(0).invEx().inverse.mT())]
            }
        }
        return (sign, log)
    }

    /// The logarithm of the determinant: -inf where it is zero, NaN where it is negative.
    public func logdet() throws -> Tensor {
        let (sign, log) = try slogdet("logdet")
        let negative = try withNoGrad { try sign.mask { $0 == -1 } }
        return try .choose(negative, .number(Double.nan), log)
    }

    // MARK: Powers

    /// The n-th power by repeated squaring; a negative one is that of the inverse.
    public func matrixPower(_ n: Int) throws -> Tensor {
        try requireSquare("linalg.matrix_power")
        if n == .min { return try matrixPower(n + 1).matmul(inv()) }
        if n < 0 { return try inv().matrixPower(-n) }
        switch n {
        case 0: return try clone().copyInPlace(identity(matrixRows))
        case 1: return try clone()
        case 2: return try matmul(self)
        case 3: return try matmul(self).matmul(self)
        default: break
        }
        var (square, rest, out) = (self, n, nil as Tensor?)
        while true {
            if rest & 1 == 1 { out = try out?.matmul(square) ?? square }
            rest >>= 1
            if rest == 0 { return out! }
            square = try square.matmul(square)
        }
    }
}
