import MartletKernels

/// Least squares of one matrix: by reflections where its rank is certainly full, else by singular values.
extension Dense {
    /// X (n x k) of least norm that minimises |A X - B|, for finite A (m x n) and B (m x k). Singular values not above
    /// `rcond` times the largest count as zero. Gives the rank, or nil where the singular values are not found.
    static func leastSquares(
        _ a: Memory<Double>, _ m: Int, _ n: Int, _ b: Memory<Double>, _ k: Int, _ rcond: Double, _ x: Memory<Double>
    ) -> Int? {
        let (long, short) = (Swift.max(m, n), Swift.min(m, n))
        if short == 0 {
            x.update(repeating: 0, count: n * k)
            return 0
        }
        // The columns of the tall one of A and Aᵀ, and of B beside A: what A's reflections make of B is Qᵀ B.
        let rows = m >= n ? short + k : short
        let q = Memory<Double>.allocate(capacity: long * rows + short)
        defer { q.deallocate() }
        let tau = q + long * rows
        if m >= n {
            for i in 0..<m {
                for j in 0..<n { q[j * m + i] = a[i * n + j] }
                for j in 0..<k { q[(n + j) * m + i] = b[i * k + j] }
            }
        } else {
            q.update(from: a, count: m * n)
        }
        qr(q, long, rows, tau, count: short)
        guard isWellConditioned(q, long, short, rcond) else { return bySingularValues(a, m, n, b, k, rcond, x) }
        if m >= n {
            for i in 0..<n { for j in 0..<k { x[i * k + j] = q[(n + j) * m + i] } }
            solveTriangular(q, 1, m, n, x, k, upper: true, unit: false)
            return n
        }
        // A = Rᵀ Qᵀ, so that X = Q R⁻ᵀ B.
        x.update(from: b, count: m * k)
        (x + m * k).update(repeating: 0, count: (n - m) * k)
        solveTriangular(q, n, 1, m, x, k, upper: false, unit: false)
        for j in (0..<m).reversed() where tau[j] != 0 {
            let v = q + j * n + j
            v[0] = 1
            mk_reflect_left_f64(tau[j], v, Int64(n - j), x + j * k, Int64(k), Int64(k))
        }
        return m
    }

    /// Whether no singular value of the triangular matrix whose transpose stands in l, rows `ld` apart, is as small as
    /// `rcond` times the largest: by norms of it and of its inverse that are no smaller than the largest singular values.
    private static func isWellConditioned(_ l: Memory<Double>, _ ld: Int, _ n: Int, _ rcond: Double) -> Bool {
        let lower = Memory<Double>.allocate(capacity: 3 * n * n)
        defer { lower.deallocate() }
        let (inverse, square) = (lower + n * n, lower + 2 * n * n)
        lower.update(repeating: 0, count: 2 * n * n)
        for i in 0..<n {
            if l[i * ld + i] == 0 { return false }
            (lower + i * n).update(from: l + i * ld, count: i + 1)
        }
        invertLower(lower, inverse, n, n, square)
        func frobenius(_ x: Memory<Double>) -> Double { mk_sumsq_f64(x, 1, Int64(n * n)).squareRoot() }
        let limit = 0.5 / Swift.max(rcond, 1e-14)
        let (size, inverseSize) = (frobenius(lower), frobenius(inverse))
        if size * inverseSize < limit { return true }
        // The fourth root of the sum of fourth powers is nearer.
        func nearer(_ x: Memory<Double>) -> Double {
            let w = Int64(n)
            mk_gemm_f64(w, w, w, 1, x, w, 1, x, 1, w, 0, square, w, 1, nil)
            return frobenius(square).squareRoot()
        }
        return nearer(lower) * nearer(inverse) < limit
    }

    /// The inverse of a lower triangular n x n matrix into a matrix that is zero; rows of both are `ld` apart.
    private static func invertLower(_ l: Memory<Double>, _ x: Memory<Double>, _ n: Int, _ ld: Int, _ work: Memory<Double>) {
        if n <= small {
            for j in 0..<n {
                x[j * ld + j] = 1 / l[j * ld + j]
                for i in j + 1..<Swift.max(n, j + 1) {
                    var s = 0.0
                    for c in j..<i { s += l[i * ld + c] * x[c * ld + j] }
                    x[i * ld + j] = -s / l[i * ld + i]
                }
            }
            return
        }
        let half = n / 2
        let (below, last) = (half * ld, half * ld + half)
        invertLower(l, x, half, ld, work)
        invertLower(l + last, x + last, n - half, ld, work)
        let (r, h, w) = (Int64(n - half), Int64(half), Int64(ld))
        mk_gemm_f64(r, h, h, 1, l + below, w, 1, x, w, 1, 0, work, h, 1, nil)
        mk_gemm_f64(r, h, r, -1, x + last, w, 1, work, h, 1, 0, x + below, w, 1, nil)
    }

    private static func bySingularValues(
        _ a: Memory<Double>, _ m: Int, _ n: Int, _ b: Memory<Double>, _ k: Int, _ rcond: Double, _ x: Memory<Double>
    ) -> Int? {
        let short = Swift.min(m, n)
        let u = Memory<Double>.allocate(capacity: m * short + short * n + short + short * k + m * n)
        defer { u.deallocate() }
        let vh = u + m * short
        let s = vh + short * n
        let (y, copy) = (s + short, s + short + short * k)
        // A wide matrix is decomposed by way of its transpose.
        copy.update(from: a, count: m * n)
        if m < n { transpose(copy, m, n) }
        guard svd(copy, Swift.max(m, n), short, wide: m < n, full: short, u, s, vh) else { return nil }
        let limit = Swift.max(rcond * s[0], 0)
        let rank = (0..<short).filter { s[$0] > limit }.count
        let (rows, columns, r, w) = (Int64(m), Int64(n), Int64(short), Int64(k))
        mk_gemm_f64(r, w, rows, 1, u, 1, r, b, w, 1, 0, y, w, 1, nil)
        for i in 0..<short { for j in 0..<k { y[i * k + j] = i < rank ? y[i * k + j] / s[i] : 0 } }
        mk_gemm_f64(columns, w, r, 1, vh, 1, columns, y, w, 1, 0, x, w, 1, nil)
        return rank
    }
}
