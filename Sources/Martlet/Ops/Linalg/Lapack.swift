import MartletKernels

/// The LAPACK of a loaded library (``Blas``), where it has what one kind of computation takes and the matrices are large
/// enough for it to be the faster one. It computes in the matrices' dtype, as torch does.
///
/// A value keeps to its library: a recorded launch makes the same calls whatever is loaded or unloaded later.
struct Lapack {
    private let library: OpaquePointer
    private let isFloat: Bool

    init?(_ kind: mk_lapack_kind, _ dtype: DType, _ m: Int, _ n: Int) {
        let isFloat = dtype == .float32
        guard isFloat || dtype == .float64 else { return nil }
        guard let library = mk_lapack_for(Int32(kind.rawValue), isFloat ? 0 : 1, Int64(m), Int64(n)) else { return nil }
        (self.library, self.isFloat) = (library, isFloat)
    }

    /// For triangular systems of order n with k right sides.
    init?(solving n: Int, _ k: Int, _ dtype: DType) {
        if k == 0 { return nil }
        self.init(k == 1 ? MK_LAPACK_SOLVE_ONE : MK_LAPACK_SOLVE, dtype, n, n)
    }

    /// Launches calls that write a number for each matrix.
    private func launch(
        _ name: StaticString, _ info: FactorInfo, _ call: @escaping (UnsafeMutablePointer<Int32>) -> Void
    ) throws {
        let (places, count) = (info.places, info.tensor.numel)
        func run() throws {
            call(places)
            for i in 0..<count where Int(places[i]) == MK_LAPACK_NO_MEMORY {
                throw MartletError.outOfMemory("\(name): memory for LAPACK to work in could not be had")
            }
        }
        try withExtendedLifetime(info.tensor) { try run() }
        Tape.note(name, Tape.repeating(run))
    }

    // MARK: Factors

    /// In place; gives row exchanges as ``Dense/lu(_:_:_:_:)`` does.
    func lu(_ a: Tensor, _ pivots: Tensor, _ info: FactorInfo) throws {
        let (count, m, n) = a.extents
        let (x, p) = (a.pointer, pivots.typed(Int32.self))
        try launch("lu", info) { [self] places in
            if isFloat {
                mk_lapack_lu_f32(library, count, x.as(), m, n, p, places)
            } else {
                mk_lapack_lu_f64(library, count, x.as(), m, n, p, places)
            }
        }
    }

    /// In place, from the lower triangle.
    func cholesky(_ a: Tensor, _ info: FactorInfo) throws {
        let (count, _, n) = a.extents
        let x = a.pointer
        try launch("cholesky", info) { [self] places in
            if isFloat {
                mk_lapack_cholesky_f32(library, count, x.as(), n, places)
            } else {
                mk_lapack_cholesky_f64(library, count, x.as(), n, places)
            }
        }
    }

    func qr(_ a: Tensor, columns: Int, wantsQ: Bool) throws -> (q: Tensor, r: Tensor) {
        let (count, m, n) = a.extents
        let q = try Tensor.empty(wantsQ ? a.batchSizes(Int(m), columns) : [0], a.dtype)
        let r = try Tensor.empty(a.batchSizes(columns, Int(n)), a.dtype)
        let from = try a.dense()
        let (x, y, z) = (from.pointer, wantsQ ? q.pointer : nil, r.pointer)
        try launch("qr", FactorInfo(a.batchSizes)) { [self] places in
            if isFloat {
                mk_lapack_qr_f32(library, count, x.as(), m, n, Int64(columns), y?.as(), z.as(), places)
            } else {
                mk_lapack_qr_f64(library, count, x.as(), m, n, Int64(columns), y?.as(), z.as(), places)
            }
        }
        withExtendedLifetime(from) {}
        return (q, r)
    }

    /// The first columns of the product of the reflections that `a` and `tau` hold.
    func reflections(_ a: Tensor, _ tau: Tensor) throws -> Tensor {
        let (count, m, n) = a.extents
        let k = Int64(tau.sizes[tau.rank - 1])
        let out = try Tensor.empty(a.sizes, a.dtype)
        let (from, factors) = (try a.dense(), try tau.dense())
        let (x, t, y) = (from.pointer, factors.pointer, out.pointer)
        try launch("householder_product", FactorInfo(a.batchSizes)) { [self] places in
            if isFloat {
                mk_lapack_reflections_f32(library, count, x.as(), m, n, t.as(), k, y.as(), places)
            } else {
                mk_lapack_reflections_f64(library, count, x.as(), m, n, t.as(), k, y.as(), places)
            }
        }
        withExtendedLifetime((from, factors)) {}
        return out
    }

    // MARK: Systems

    /// X with A X = B, or X A = B unless `left`, in place of B, for triangular A with the batch of B.
    func solveTriangular(_ a: Tensor, _ b: Tensor, upper: Bool, left: Bool, unit: Bool) throws {
        let (count, rows, columns) = b.extents
        let (n, k) = left ? (rows, columns) : (columns, rows)
        // What lies in memory as a transpose is read as such.
        let transposed = try !a.isContiguous && a.mT().isContiguous
        let factor = try transposed ? a.mT() : a.contiguous()
        let (t, x) = (factor.pointer, b.pointer)
        func flag(_ on: Bool) -> Int32 { on ? 1 : 0 }
        let (right, upper, turned, unit) = (flag(!left), flag(upper), flag(transposed), flag(unit))
        Martlet.launch("solve_triangular") { [self] in
            if isFloat {
                mk_lapack_solve_f32(library, count, t.as(), n, x.as(), k, right, upper, turned, unit)
            } else {
                mk_lapack_solve_f64(library, count, t.as(), n, x.as(), k, right, upper, turned, unit)
            }
        }
        withExtendedLifetime(factor) {}
    }

    /// The solution of A x = b in place of b, by A's factors and exchanges.
    func solve(_ lu: Tensor, _ pivots: Tensor, _ b: Tensor) {
        let (count, n, k) = b.extents
        let (factors, p, x) = (lu.pointer, pivots.typed(Int32.self), b.pointer)
        Martlet.launch("lu_solve") { [self] in
            if isFloat {
                mk_lapack_lu_solve_f32(library, count, factors.as(), p, n, x.as(), k)
            } else {
                mk_lapack_lu_solve_f64(library, count, factors.as(), p, n, x.as(), k)
            }
        }
        withExtendedLifetime((lu, pivots)) {}
    }

    /// ``Tensor/lstsq(_:rcond:driver:)`` of matrices with one batch.
    func leastSquares(_ a: Tensor, _ b: Tensor, _ rcond: Double, _ driver: LeastSquaresDriver) throws
        -> (x: Tensor, rank: Tensor, s: Tensor, info: FactorInfo)
    {
        let (count, m, n) = a.extents
        let k = Int64(b.matrixColumns)
        let (withRank, withValues) = (driver != .gels, driver == .gelsd || driver == .gelss)
        let x = try Tensor.empty(a.batchSizes(Int(n), Int(k)), a.dtype)
        let rank = try Tensor.empty(withRank ? a.batchSizes : [0], .int64)
        let s = try Tensor.empty(withValues ? a.batchSizes(Int(Swift.min(m, n))) : [0], a.dtype)
        let info = try FactorInfo(a.batchSizes)
        let (from, right) = (try a.dense(), try b.dense())
        let (pa, pb, px) = (from.pointer, right.pointer, x.pointer)
        let (pr, ps) = (withRank ? rank.typed(Int64.self) : nil, withValues ? s.pointer : nil)
        try launch("lstsq", info) { [self] places in
            if isFloat {
                mk_lapack_least_squares_f32(
                    library, driver.rawValue, count, pa.as(), m, n, pb.as(), k, Float(rcond), px.as(), pr, ps?.as(), places)
            } else {
                mk_lapack_least_squares_f64(
                    library, driver.rawValue, count, pa.as(), m, n, pb.as(), k, rcond, px.as(), pr, ps?.as(), places)
            }
        }
        withExtendedLifetime((from, right)) {}
        return (x, rank, s, info)
    }

    // MARK: Values and vectors

    /// As ``Tensor/svd(full:)``; without `vectors` U and Vh are empty.
    func svd(_ a: Tensor, full: Bool, vectors: Bool) throws -> (u: Tensor, s: Tensor, vh: Tensor, info: FactorInfo) {
        let (count, m, n) = a.extents
        let (rows, columns) = (Int(m), Int(n))
        let k = Swift.min(rows, columns)
        let u = try Tensor.empty(vectors ? a.batchSizes(rows, full ? rows : k) : [0], a.dtype)
        let s = try Tensor.empty(a.batchSizes(k), a.dtype)
        let vh = try Tensor.empty(vectors ? a.batchSizes(full ? columns : k, columns) : [0], a.dtype)
        let info = try FactorInfo(a.batchSizes)
        let from = try a.dense()
        let (x, pu, ps, pv) = (from.pointer, vectors ? u.pointer : nil, s.pointer, vectors ? vh.pointer : nil)
        try launch("svd", info) { [self] places in
            if isFloat {
                mk_lapack_svd_f32(library, count, x.as(), m, n, full ? 1 : 0, pu?.as(), ps.as(), pv?.as(), places)
            } else {
                mk_lapack_svd_f64(library, count, x.as(), m, n, full ? 1 : 0, pu?.as(), ps.as(), pv?.as(), places)
            }
        }
        withExtendedLifetime(from) {}
        return (u, s, vh, info)
    }

    /// As ``Tensor/eigh(upper:)``; without `vectors` they are empty.
    func eigh(_ a: Tensor, upper: Bool, vectors: Bool) throws -> (values: Tensor, vectors: Tensor, info: FactorInfo) {
        let (count, _, n) = a.extents
        let d = try Tensor.empty(a.batchSizes(Int(n)), a.dtype)
        let v = try Tensor.empty(vectors ? a.sizes : [0], a.dtype)
        let info = try FactorInfo(a.batchSizes)
        let from = try a.dense()
        let (x, pd, pv) = (from.pointer, d.pointer, vectors ? v.pointer : nil)
        try launch("eigh", info) { [self] places in
            if isFloat {
                mk_lapack_eigh_f32(library, count, x.as(), n, upper ? 1 : 0, pd.as(), pv?.as(), places)
            } else {
                mk_lapack_eigh_f64(library, count, x.as(), n, upper ? 1 : 0, pd.as(), pv?.as(), places)
            }
        }
        withExtendedLifetime(from) {}
        return (d, v, info)
    }
}

extension Tensor {
    /// The number of matrices, their rows and columns.
    fileprivate var extents: (count: Int64, m: Int64, n: Int64) {
        (Int64(matrixCount), Int64(matrixRows), Int64(matrixColumns))
    }

    /// Row-major, without history.
    fileprivate func dense() throws -> Tensor { try withNoGrad { try contiguous() } }
}
