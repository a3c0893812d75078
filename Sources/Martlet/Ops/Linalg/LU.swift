import MartletKernels

/// Factorisation by elimination with partial pivoting.
extension Tensor {
    /// Runs elimination on a copy: L and U in one matrix, 1-based row exchanges (int32), failures. Without history.
    func eliminate() throws -> (lu: Tensor, pivots: Tensor, info: FactorInfo) {
        let (m, n) = (matrixRows, matrixColumns)
        let k = Swift.min(m, n)
        let lu = try matrixCopy()
        let pivots = try Tensor.empty(batchSizes(k), .int32)
        let info = try FactorInfo(batchSizes)
        if let lapack = Lapack(MK_LAPACK_LU, dtype, m, n) {
            try lapack.lu(lu, pivots, info)
            return (lu, pivots, info)
        }
        let (base, p, places, count) = (lu.pointer, pivots.typed(Int32.self), info.places, matrixCount)
        func run<T: DenseReal>(_: T.Type) {
            let a = base.as(T.self)
            for i in 0..<count {
                places[i] = Int32(Dense.lu(a + i * m * n, m, n, p + i * k))
            }
        }
        let isFloat = dtype == .float32
        launch("lu") { if isFloat { run(Float.self) } else { run(Double.self) } }
        return (lu, pivots, info)
    }

    private func requireFactorable(_ op: String) throws {
        try refuseSparse(op)
        guard rank >= 2 else {
            throw MartletError.runtime("\(op): Expected tensor with 2 or more dimensions. Got size: \(sizes) instead")
        }
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("lu_cpu", dtype) }
    }

    /// P A = L U as one matrix holding L below the diagonal and U on and above it, and the row exchanges; `info` is the
    /// place of the first zero on U's diagonal, or 0.
    public func luFactorEx(checkErrors: Bool = false) throws -> (lu: Tensor, pivots: Tensor, info: Tensor) {
        try luFactorEx("torch.linalg.lu_factor_ex", checkErrors)
    }

    /// ``luFactorEx(checkErrors:)`` that throws where U has a zero on its diagonal.
    public func luFactor() throws -> (lu: Tensor, pivots: Tensor) {
        let (lu, pivots, _) = try luFactorEx("torch.linalg.lu_factor", true)
        return (lu, pivots)
    }

    private func luFactorEx(_ op: String, _ check: Bool) throws -> (lu: Tensor, pivots: Tensor, info: Tensor) {
        try requireFactorable("torch.lu_factor")
        let (lu, pivots, info) = try eliminate()
        if check {
            try info.check(op, kind: .runtime) {
                "U[\($0),\($0)] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
            }
        }
        if GradMode.needs(self) {
            lu.attach("LinalgLuFactorExBackward0", [self]) { node in
                node.saveOutput(lu)
                node.save(pivots)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let (lu, pivots) = (try node.saved(0), try node.saved(1))
                let (m, n) = (lu.matrixRows, lu.matrixColumns)
                let k = Swift.min(m, n)
                let (l, u) = try lu.luParts()
                let p = try Tensor.permutation(pivots, m, lu.dtype)
                return [try Tensor.luGradient(g.narrow(-1, 0, k).tril(-1), g.narrow(-2, 0, k).triu(), p, l, u)]
            }
        }
        return (lu, pivots, info.tensor)
    }

    /// P, L and U with A = P L U.
    public func lu() throws -> (p: Tensor, l: Tensor, u: Tensor) {
        try requireFactorable("linalg.lu")
        let (packed, pivots, _) = try eliminate()
        let p = try Tensor.permutation(pivots, matrixRows, dtype)
        let (l, u) = try packed.luParts()
        if GradMode.needs(self) {
            Node.attach("LinalgLuBackward0", [p, l, u], [self]) { node in
                node.save(p.detach())
                node.saveOutput(l, 1)
                node.saveOutput(u, 2)
            } backward: { node, g in
                if g[1] == nil && g[2] == nil { return [nil] }
                return [try Tensor.luGradient(g[1]?.tril(-1), g[2]?.triu(), node.saved(0), node.saved(1), node.saved(2))]
            }
            p.history = nil
        }
        return (p, l, u)
    }

    /// The factors of a packed matrix: L (m x k) with ones on its diagonal and U (k x n).
    private func luParts() throws -> (Tensor, Tensor) {
        let k = Swift.min(matrixRows, matrixColumns)
        let ones = try Tensor.eye(matrixRows, k, dtype: dtype)
        return (try narrow(-1, 0, k).tril(-1).add(ones), try narrow(-2, 0, k).triu())
    }

    /// The matrix P with A = P L U, from 1-based row exchanges.
    static func permutation(_ pivots: Tensor, _ m: Int, _ dtype: DType) throws -> Tensor {
        let count = pivots.sizes[pivots.rank - 1]
        var shape = Dims(pivots.sizes.dropLast())
        let batch = shape.product
        shape.append(m)
        shape.append(m)
        let out = try Tensor.zeros(shape, .float64)
        let exchanges = try pivots.detach().contiguous()
        let (list, o) = (exchanges.typed(Int32.self), out.typed(Double.self))
        func run() throws {
            for b in 0..<batch {
                var order = Array(0..<m)
                for i in 0..<count {
                    let j = Int(list[b * count + i]) - 1
                    guard j >= 0 && j < m else {
                        throw MartletError.runtime("pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you properly pass the result of lu_factor?")
                    }
                    order.swapAt(i, j)
                }
                for (i, row) in order.enumerated() { o[(b * m + row) * m + i] = 1 }
            }
        }
        try withExtendedLifetime(exchanges) { try run() }
        Tape.note("permutation", Tape.repeating(run))
        return try out.plain(dtype)
    }

    /// P, L and U from a packed matrix and its row exchanges.
    public static func luUnpack(_ packed: Tensor, _ pivots: Tensor) throws -> (p: Tensor, l: Tensor, u: Tensor) {
        guard pivots.dtype == .int32 else {
            throw MartletError.runtime("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is intended to be used with the output produced by torch.linalg.lu_factor")
        }
        try packed.requireMatrix("lu_unpack", "LU")
        let p = try permutation(pivots, packed.matrixRows, packed.dtype)
        let (l, u) = try withNoGrad { try packed.luParts() }
        if GradMode.needs(packed) {
            let (m, n) = (packed.matrixRows, packed.matrixColumns)
            let k = Swift.min(m, n)
            Node.attach("LuUnpackBackward0", [p, l, u], [packed]) { _, g in
                var total: Tensor?
                if let gl = try g[1]?.tril(-1) {
                    total = n > k ? try .cat([gl, .zeros(Tensor.batch(gl, m, n - k), gl.dtype)], -1) : gl
                }
                if let gu = try g[2]?.triu() {
                    let whole = m > k ? try .cat([gu, .zeros(Tensor.batch(gu, m - k, n), gu.dtype)], -2) : gu
                    total = try total?.add(whole) ?? whole
                }
                return [total]
            }
            p.history = nil
        }
        return (p, l, u)
    }

    private static func batch(_ t: Tensor, _ rows: Int, _ columns: Int) -> Dims { t.batchSizes(rows, columns) }

    /// The gradient of A = P L U: that of the square part, after the rest of the longer factor has been led back to it.
    private static func luGradient(_ gl: Tensor?, _ gu: Tensor?, _ p: Tensor, _ l: Tensor, _ u: Tensor) throws -> Tensor? {
        let (m, n) = (l.matrixRows, u.matrixColumns)
        let k = Swift.min(m, n)
        var gl1 = try gl?.narrow(-2, 0, k)
        var gu1 = try gu?.narrow(-1, 0, k)
        let (l1, u1) = (try l.narrow(-2, 0, k), try u.narrow(-1, 0, k))
        var rest: Tensor?
        if n > k, let gu {
            // U2 = L⁻¹ (Pᵀ A)2
            let part = try l1.mT().solveTriangular(gu.narrow(-1, k, n - k), upper: true, unit: true)
            let change = try part.matmul(u.narrow(-1, k, n - k).mT()).neg()
            gl1 = try gl1?.add(change) ?? change
            rest = part
        }
        if m > k, let gl {
            // L2 = (Pᵀ A)2 U⁻¹
            let part = try u1.mT().solveTriangular(gl.narrow(-2, k, m - k), upper: false, left: false)
            let change = try l.narrow(-2, k, m - k).mT().matmul(part).neg()
            gu1 = try gu1?.add(change) ?? change
            rest = part
        }
        var core: Tensor?
        if let gl1 { core = try l1.mT().matmul(gl1).tril(-1) }
        if let gu1 {
            let part = try gu1.matmul(u1.mT()).triu()
            core = try core?.add(part) ?? part
        }
        guard let core else { return nil }
        var out = try l1.mT().solveTriangular(core, upper: true, unit: true)
        out = try u1.mT().solveTriangular(out, upper: false, left: false)
        if n > k {
            out = try .cat([out, rest ?? .zeros(out.batchSizes(m, n - k), out.dtype)], -1)
        } else if m > k {
            out = try .cat([out, rest ?? .zeros(out.batchSizes(m - k, n), out.dtype)], -2)
        }
        return try p.matmul(out)
    }

    /// X with A X = B (X A = B unless `left`; Aᵀ in place of A where `adjoint`), from the packed factors of A.
    public static func luSolve(_ packed: Tensor, _ pivots: Tensor, _ b: Tensor, left: Bool = true, adjoint: Bool = false)
        throws -> Tensor
    {
        let op = "linalg.lu_solve"
        try packed.requireReal(op, kernel: "linalg_lu_solve_cpu")
        try packed.requireSquare(op, "LU")
        try b.requireMatrix(op, "B")
        try packed.requireSameType(op, b, "LU")
        guard pivots.dtype == .int32 else {
            throw MartletError.runtime("\(op): pivots should be a Tensor of scalar type torch.int32")
        }
        try packed.requireSystem(op, b, left: left)
        if !left { return try luSolve(packed, pivots, b.mT(), adjoint: !adjoint).mT() }
        let (p, l, u) = try luUnpack(packed, pivots)
        if adjoint {
            let y = try u.mT().solveTriangular(b, upper: false)
            return try p.matmul(l.mT().solveTriangular(y, upper: true, unit: true))
        }
        return try u.solveTriangular(l.solveTriangular(p.mT().matmul(b), upper: false, unit: true), upper: true)
    }

    func requireSameType(_ op: String, _ other: Tensor, _ name: String = "A") throws {
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "\(op): Expected \(name) and B to have the same dtype, but found \(name) of type \(dtype.scalarTypeName) and B of type \(other.dtype.scalarTypeName) instead")
        }
    }

    /// That the sizes fit A X = B (or X A = B).
    func requireSystem(_ op: String, _ b: Tensor, left: Bool) throws {
        guard left ? b.matrixRows == matrixRows : b.matrixColumns == matrixColumns else {
            throw MartletError.runtime(
                "\(op): Incompatible shapes of A and B for the equation \(left ? "AX = B" : "XA = B") (\(matrixRows)x\(matrixColumns) and \(b.matrixRows)x\(b.matrixColumns))")
        }
    }
}
