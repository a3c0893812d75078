import MartletKernels

/// Triangular systems and the factorisation of positive-definite matrices into triangles.
extension Tensor {
    /// X with A X = B, or X A = B unless `left`, for triangular A; what stands on its other side is not read, nor with
    /// `unit` its diagonal, taken as ones. Batches are broadcast. A zero on the diagonal gives infinities.
    public func solveTriangular(_ b: Tensor, upper: Bool, left: Bool = true, unit: Bool = false) throws -> Tensor {
        let op = "linalg.solve_triangular"
        try requireSquare(op)
        try b.requireMatrix(op, "B")
        try requireSameType(op, b)
        try requireSystem(op, b, left: left)
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("triangular_solve_cpu", dtype) }
        let out = try withNoGrad { try triangularValue(b, upper: upper, left: left, unit: unit) }
        if GradMode.needs(self, b) {
            let shape = b.sizes
            out.attach("LinalgSolveTriangularBackward0", [self, b]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let a = try node.saved(0)
                let gb = try a.mT().solveTriangular(g, upper: !upper, left: left, unit: unit)
                var ga: Tensor?
                if node.needs(0) {
                    let x = try node.saved(1).mT()
                    let whole = try (left ? gb.matmul(x) : x.matmul(gb)).neg().sumTo(a.sizes)
                    ga = try whole.triangle(lower: !upper, diagonal: unit ? (upper ? 1 : -1) : 0)
                }
                return [ga, node.needs(1) ? try gb.sumTo(shape) : nil]
            }
        }
        return out
    }

    private func triangularValue(_ b: Tensor, upper: Bool, left: Bool, unit: Bool) throws -> Tensor {
        if let lapack = Lapack(solving: matrixRows, left ? b.matrixColumns : b.matrixRows, dtype) {
            let batch = try broadcastSizes(batchSizes, b.batchSizes)
            let x = try b.expand(batch + b.sizes.suffix(2)).matrixCopy()
            try lapack.solveTriangular(expand(batch + sizes.suffix(2)), x, upper: upper, left: left, unit: unit)
            return x
        }
        if !left { return try mT().triangularValue(b.mT(), upper: !upper, left: true, unit: unit).mT().contiguous() }
        let n = matrixRows
        var shape = try broadcastSizes(batchSizes, b.batchSizes)
        shape.append(n)
        shape.append(n)
        let a = try expand(shape).contiguous()
        shape[shape.count - 1] = b.matrixColumns
        let x = try b.expand(shape).matrixCopy()
        let (k, count) = (b.matrixColumns, x.matrixCount)
        let (factors, right) = (a.pointer, x.pointer)
        func run<T: DenseReal>(_: T.Type) {
            let (p, q) = (factors.as(T.self), right.as(T.self))
            for i in 0..<count {
                Dense.solveTriangular(p + i * n * n, n, 1, n, q + i * n * k, k, upper: upper, unit: unit)
            }
        }
        let isFloat = dtype == .float32
        launch("solve_triangular") { if isFloat { run(Float.self) } else { run(Double.self) } }
        withExtendedLifetime(a) {}
        return x
    }

    /// ``solveTriangular(_:upper:left:unit:)`` with this as B, as torch.triangular_solve has it: gives X and a copy of A.
    public func triangularSolve(_ a: Tensor, upper: Bool = true, transpose: Bool = false, unit: Bool = false) throws
        -> (solution: Tensor, coefficient: Tensor)
    {
        guard rank >= 2 else {
            throw MartletError.runtime("torch.triangular_solve: Expected b to have at least 2 dimensions, but it has \(rank) dimensions instead")
        }
        guard a.rank >= 2 else {
            throw MartletError.runtime("torch.triangular_solve: Expected A to have at least 2 dimensions, but it has \(a.rank) dimensions instead")
        }
        let (x, copy) = try withNoGrad { () throws -> (Tensor, Tensor) in
            let x = try (transpose ? a.mT() : a).solveTriangular(self, upper: upper != transpose, unit: unit)
            return (x, try a.expand(x.batchSizes(a.matrixRows, a.matrixColumns)).matrixCopy())
        }
        if GradMode.needs(self, a) {
            let shape = sizes
            Node.attach("TriangularSolveBackward0", [x, copy], [self, a]) { node in
                node.save(a)
                node.saveOutput(x, 0)
            } backward: { node, g in
                let (a, x) = (try node.saved(0), try node.saved(1))
                var (gb, ga) = (nil as Tensor?, try g[1]?.sumTo(a.sizes))
                if let gx = g[0] {
                    let whole = try (transpose ? a : a.mT()).solveTriangular(gx, upper: upper == transpose, unit: unit)
                    if node.needs(1) {
                        let product = try (transpose ? x.matmul(whole.mT()) : whole.matmul(x.mT())).neg().sumTo(a.sizes)
                        let part = try product.triangle(lower: !upper, diagonal: unit ? (upper ? 1 : -1) : 0)
                        ga = try ga?.add(part) ?? part
                    }
                    gb = try whole.sumTo(shape)
                }
                return [node.needs(0) ? gb : nil, node.needs(1) ? ga : nil]
            }
        }
        return (x, copy)
    }

    // MARK: Cholesky

    /// The lower triangular L with A = L Lᵀ, or with `upper` the upper triangular U with A = Uᵀ U; the other triangle of A
    /// is not read. Throws a `linalg` error where A is not positive-definite.
    public func cholesky(upper: Bool = false) throws -> Tensor {
        try choleskyEx("linalg.cholesky", "LinalgCholeskyExBackward0", upper: upper, check: true).l
    }

    /// The same under the name and history of torch.cholesky.
    public func choleskyOld(upper: Bool = false) throws -> Tensor {
        try requireSquare("cholesky")
        guard dtype.isFloatingPoint else { throw Tensor.unsupported("cholesky_cpu", dtype) }
        return try choleskyEx("cholesky", "CholeskyBackward0", upper: upper, check: true).l
    }

    /// The factor and, for each matrix, 0 or the order of the first leading minor that is not positive.
    public func choleskyEx(upper: Bool = false, checkErrors: Bool = false) throws -> (l: Tensor, info: Tensor) {
        try choleskyEx("linalg.cholesky_ex", "LinalgCholeskyExBackward0", upper: upper, check: checkErrors)
    }

    private func choleskyEx(_ op: String, _ name: String, upper: Bool, check: Bool) throws -> (l: Tensor, info: Tensor) {
        try requireReal("linalg.cholesky", kernel: "cholesky_cpu")
        try requireSquare("linalg.cholesky")
        let n = matrixRows
        let info = try FactorInfo(batchSizes)
        let out = try withNoGrad { () throws -> Tensor in
            let lapack = Lapack(MK_LAPACK_CHOLESKY, dtype, n, n)
            // Blocks of rows are of the upper factor, the other two ways give the lower one.
            let inBlocks = lapack == nil && n > Dense.small
            let l = try (upper == inBlocks ? self : mT()).matrixCopy()
            if let lapack {
                try lapack.cholesky(l, info)
                return upper ? try l.mT().contiguous() : l
            }
            let (base, places, count) = (l.pointer, info.places, matrixCount)
            func run<T: DenseReal>(_: T.Type) {
                for i in 0..<count {
                    let a = base.as(T.self) + i * n * n
                    places[i] = Int32(inBlocks ? Dense.choleskyUpper(a, n) : Dense.cholesky(a, n))
                }
            }
            let isFloat = dtype == .float32
            launch("cholesky") { if isFloat { run(Float.self) } else { run(Double.self) } }
            return upper == inBlocks ? l : try l.mT().contiguous()
        }
        if check { try info.check(op, FactorInfo.notPositive) }
        if GradMode.needs(self) {
            out.attach(name, [self]) { $0.saveOutput(out) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let (l, gl) = upper ? (try node.saved(0).mT(), try g.mT()) : (try node.saved(0), g)
                // L⁻ᵀ phi(Lᵀ gL) L⁻¹, made symmetric (Murray, "Differentiation of the Cholesky decomposition", 2016).
                let lower = try l.mT().matmul(gl).tril()
                let phi = try lower.add(lower.tril(-1).mT()).mul(.number(0.5))
                let half = try l.mT().solveTriangular(phi, upper: true)
                return [try l.solveTriangular(half, upper: false, left: false)]
            }
        }
        return (out, info.tensor)
    }

    /// X with A X = self, where `factor` is A's Cholesky factor.
    public func choleskySolve(_ factor: Tensor, upper: Bool = false) throws -> Tensor {
        guard rank >= 2 else {
            throw MartletError.runtime("b should have at least 2 dimensions, but has \(rank) dimensions instead")
        }
        guard factor.rank >= 2 else {
            throw MartletError.runtime("u should have at least 2 dimensions, but has \(factor.rank) dimensions instead")
        }
        guard factor.matrixRows == factor.matrixColumns else {
            throw MartletError.runtime(
                "cholesky_solve: A must be batches of square matrices, but they are \(factor.matrixRows) by \(factor.matrixColumns) matrices")
        }
        guard factor.matrixRows == matrixRows else {
            throw MartletError.runtime(
                "Incompatible matrix sizes for cholesky_solve: each A matrix is \(factor.matrixRows) by \(factor.matrixColumns) but each b matrix is \(matrixRows) by \(matrixColumns)")
        }
        guard factor.dtype == dtype else {
            throw MartletError.runtime(
                "Expected b and A to have the same dtype, but found b of type \(dtype.scalarTypeName) and A of type \(factor.dtype.scalarTypeName) instead")
        }
        let out = try withNoGrad { () throws -> Tensor in
            let l = upper ? try factor.mT() : factor
            let y = try l.solveTriangular(self, upper: false)
            return try l.mT().solveTriangular(y, upper: true)
        }
        if GradMode.needs(self, factor) {
            let shape = sizes
            out.attach("CholeskySolveBackward0", [self, factor]) { node in
                node.save(factor)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (l, x) = (try node.saved(0), try node.saved(1))
                let gb = try g.choleskySolve(l, upper: upper)
                var gl: Tensor?
                if node.needs(1) {
                    let product = try gb.matmul(x.mT())
                    let common = try product.add(product.mT()).neg()
                    gl = try (upper ? l.matmul(common) : common.matmul(l)).sumTo(l.sizes)
                }
                return [node.needs(0) ? try gb.sumTo(shape) : nil, gl]
            }
        }
        return out
    }

    /// The inverse of the matrix whose Cholesky factor this is.
    public func choleskyInverse(upper: Bool = false) throws -> Tensor {
        try requireSquare("cholesky_inverse")
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("cholesky_inverse_out_cpu", dtype) }
        let out = try withNoGrad {
            try identity(matrixRows).expand(sizes).choleskySolve(triangle(lower: !upper), upper: upper)
        }
        if GradMode.needs(self) {
            out.attach("CholeskyInverseBackward0", [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let (l, inverse) = (try node.saved(0), try node.saved(1))
                let common = try inverse.matmul(g.add(g.mT())).matmul(inverse).neg()
                return [try upper ? l.matmul(common) : common.matmul(l)]
            }
        }
        return out
    }
}
