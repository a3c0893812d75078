import MartletKernels

/// What dense factorisations compute in.
protocol DenseReal: BinaryFloatingPoint, TensorElement {
    /// The first rows of a Cholesky factor; see mk_factor.h.
    static func factorRows(_ a: UnsafeMutablePointer<Self>, _ ld: Int, _ n: Int, _ columns: Int) -> Int
    /// C -= A B for C of m x n, rows `ld` apart as those of B; the columns of A, m x k, are `ld` apart too.
    static func subtractProduct(
        _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Self>, _ b: UnsafeMutablePointer<Self>,
        from c: UnsafeMutablePointer<Self>, _ ld: Int)
}
extension Float: DenseReal {
    static func factorRows(_ a: UnsafeMutablePointer<Float>, _ ld: Int, _ n: Int, _ columns: Int) -> Int {
        Int(mk_factor_rows_f32(a, Int64(ld), Int64(n), Int64(columns)))
    }
    static func subtractProduct(
        _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>,
        from c: UnsafeMutablePointer<Float>, _ ld: Int
    ) {
        mk_gemm_f32(Int64(m), Int64(n), Int64(k), -1, a, 1, Int64(ld), b, Int64(ld), 1, 1, c, Int64(ld), 1, nil)
    }
}
extension Double: DenseReal {
    static func factorRows(_ a: UnsafeMutablePointer<Double>, _ ld: Int, _ n: Int, _ columns: Int) -> Int {
        Int(mk_factor_rows_f64(a, Int64(ld), Int64(n), Int64(columns)))
    }
    static func subtractProduct(
        _ m: Int, _ n: Int, _ k: Int, _ a: UnsafeMutablePointer<Double>, _ b: UnsafeMutablePointer<Double>,
        from c: UnsafeMutablePointer<Double>, _ ld: Int
    ) {
        mk_gemm_f64(Int64(m), Int64(n), Int64(k), -1, a, 1, Int64(ld), b, Int64(ld), 1, 1, c, Int64(ld), 1, nil)
    }
}

/// Factorisations of one row-major matrix in place, without checks: the loops beneath torch.linalg.
///
/// The methods are those of Golub & Van Loan, Matrix Computations, ch. 3 to 5: row-oriented, so that the inner
/// loops run along memory.
enum Dense {
    typealias Memory<T> = UnsafeMutablePointer<T>

    // MARK: LU

    /// P A = L U with partial pivoting of an m x n matrix; `pivots[i]` is the 1-based row exchanged with row i.
    /// Returns the 1-based place of the first zero on U's diagonal, 0 where there is none.
    static func lu<T: DenseReal>(_ a: Memory<T>, _ m: Int, _ n: Int, _ pivots: Memory<Int32>) -> Int {
        var info = 0
        for k in 0..<Swift.min(m, n) {
            var best = k
            var largest = a[k * n + k].magnitude
            for i in k + 1..<Swift.max(m, k + 1) where a[i * n + k].magnitude > largest {
                (best, largest) = (i, a[i * n + k].magnitude)
            }
            pivots[k] = Int32(best + 1)
            if a[best * n + k] == 0 {
                if info == 0 { info = k + 1 }
                continue
            }
            if best != k { swapRows(a, n, k, best) }
            let inverse = 1 / a[k * n + k]
            for i in k + 1..<Swift.max(m, k + 1) {
                let row = a + i * n
                let l = row[k] * inverse
                row[k] = l
                if l != 0 { subtract(l, a + k * n + k + 1, from: row + k + 1, n - k - 1) }
            }
        }
        return info
    }

    /// y -= s x over n places.
    @inline(__always)
    static func subtract<T: DenseReal>(_ s: T, _ x: Memory<T>, from y: Memory<T>, _ n: Int) {
        var i = 0
        while i < n {
            y[i] -= s * x[i]
            i += 1
        }
    }

    static func swapRows<T>(_ a: Memory<T>, _ n: Int, _ i: Int, _ j: Int) {
        let (p, q) = (a + i * n, a + j * n)
        for c in 0..<n { (p[c], q[c]) = (q[c], p[c]) }
    }

    /// Row exchanges of ``lu(_:_:_:_:)`` done to the rows of b, forwards or (to undo them) backwards.
    static func exchange<T>(_ b: Memory<T>, _ columns: Int, _ pivots: Memory<Int32>, _ count: Int, undo: Bool = false) {
        for step in 0..<count {
            let i = undo ? count - 1 - step : step
            let j = Int(pivots[i]) - 1
            if j != i { swapRows(b, columns, i, j) }
        }
    }

    // MARK: Triangular systems

    /// Replaces b (n x k, row-major) by the solution x of T x = b. T is triangular with element (i, j) at
    /// i * rowStride + j * columnStride; with `unit` its diagonal is taken as ones.
    static func solveTriangular<T: DenseReal>(
        _ t: Memory<T>, _ rowStride: Int, _ columnStride: Int, _ n: Int, _ b: Memory<T>, _ k: Int, upper: Bool, unit: Bool
    ) {
        for step in 0..<n {
            let i = upper ? n - 1 - step : step
            let row = b + i * k
            for j in upper ? i + 1..<n : 0..<i {
                let v = t[i * rowStride + j * columnStride]
                if v != 0 { subtract(v, b + j * k, from: row, k) }
            }
            if !unit {
                let d = t[i * rowStride + i * columnStride]
                for c in 0..<k { row[c] /= d }
            }
        }
    }

    // MARK: Cholesky

    /// A = L Lᵀ from the lower triangle of A; what stands above the diagonal becomes zero. Returns 0, or the 1-based
    /// order of the first leading minor that is not positive.
    static func cholesky<T: DenseReal>(_ a: Memory<T>, _ n: Int) -> Int {
        for i in 0..<n {
            let row = a + i * n
            for j in 0...i {
                let other = a + j * n
                var s = row[j]
                for k in 0..<j { s -= row[k] * other[k] }
                if i == j {
                    guard s > 0 else { return i + 1 }
                    row[i] = s.squareRoot()
                } else {
                    row[j] = s / other[j]
                }
            }
            for j in i + 1..<Swift.max(n, i + 1) { row[j] = 0 }
        }
        return 0
    }

    /// Matrices up to this size are left to the plain loops.
    static let small = 32

    /// A = Uᵀ U from the upper triangle of A; what stands below the diagonal becomes zero. Returns as
    /// ``cholesky(_:_:)`` does. Blocks of rows, each with what the rows above say of it taken off in one product.
    static func choleskyUpper<T: DenseReal>(_ a: Memory<T>, _ n: Int) -> Int {
        let block = 64
        var info = 0
        for k in stride(from: 0, to: n, by: block) where info == 0 {
            let (rows, at) = (Swift.min(block, n - k), a + k * n + k)
            if k > 0 { T.subtractProduct(rows, n - k, k, a + k, a + k, from: at, n) }
            let failed = T.factorRows(at, n, rows, n - k)
            if failed > 0 { info = k + failed }
        }
        for i in 1..<Swift.max(n, 1) { (a + i * n).update(repeating: 0, count: i) }
        return info
    }

    // MARK: Householder reflections

    /// The reflection H = I - tau v vᵀ, v[0] = 1, that takes the n values at x (spaced by `stride`) to (beta, 0, ...).
    /// beta stands in x[0] after, the rest of v behind it. beta has the sign opposite to the first value's; tau is 0
    /// where the rest is zero already.
    static func reflector(_ x: Memory<Double>, _ stride: Int, _ n: Int) -> Double {
        guard (1..<Swift.max(n, 1)).contains(where: { x[$0 * stride] != 0 }) else { return 0 }
        let first = x[0]
        var largest = 0.0
        for i in 0..<n { largest = Swift.max(largest, abs(x[i * stride])) }
        // Reciprocals of such numbers may overflow. None is larger than 0 where all are NaN.
        if largest > 0 && largest < 0x1p-960 {
            for i in 0..<n { x[i * stride] *= 0x1p500 }
            let tau = reflector(x, stride, n)
            x[0] *= 0x1p-500
            return tau
        }
        var sum = 0.0
        for i in 0..<n {
            let v = x[i * stride] / largest
            sum += v * v
        }
        let norm = largest * sum.squareRoot()
        let beta = first < 0 ? norm : -norm
        let scale = 1 / (first - beta)
        for i in 1..<n { x[i * stride] *= scale }
        x[0] = beta
        return (beta - first) / beta
    }
}
