import Glibc
import MartletKernels

/// The singular value decomposition of one matrix: Householder reduction to an upper bidiagonal matrix, then
/// implicit QR sweeps on that, with zero shifts where they keep small values accurate (Golub & Kahan 1965; Demmel &
/// Kahan, "Accurate singular values of bidiagonal matrices", SIAM J. Sci. Stat. Comput. 11, 1990).
extension Dense {
    /// A = U diag(s) Vᵀ with s descending, of a matrix given as a (m x n, row-major, m >= n, destroyed): A = a, or A = aᵀ
    /// where `wide`. `full` (n or m) is the number of columns of the longer factor; u is m x full and vh n x n, or, where
    /// `wide`, u is n x n and vh full x m; without them s alone is computed. False where the sweeps do not converge.
    static func svd(
        _ a: Memory<Double>, _ m: Int, _ n: Int, wide: Bool, full: Int, _ u: Memory<Double>?, _ s: Memory<Double>,
        _ vh: Memory<Double>?
    ) -> Bool {
        let long = wide ? vh : u
        if n == 0 {
            guard let long else { return true }
            for i in 0..<m * full { long[i] = i / Swift.max(full, 1) == i % Swift.max(full, 1) ? 1 : 0 }
            return true
        }
        // Of a tall matrix the triangular factor is decomposed instead.
        if !wide && m > n && m >= n * 3 / 2 {
            let q = Memory<Double>.allocate(capacity: m * full + 2 * n * n + n)
            defer { q.deallocate() }
            let (r, short, tau) = (q + m * full, q + m * full + n * n, q + m * full + 2 * n * n)
            transpose(a, m, n)
            qr(a, m, n, tau)
            if u != nil { formQ(a, rowStep: 1, columnStep: m, tau, n, q, m, full) }
            for i in 0..<n { for j in 0..<n { r[i * n + j] = j >= i ? a[j * m + i] : 0 } }
            guard bidiagonalSVD(r, n, n, n, lower: false, u == nil ? nil : short, s, vh) else { return false }
            guard let u else { return true }
            let (rows, inner, step) = (Int64(m), Int64(n), Int64(full))
            mk_gemm_f64(rows, inner, inner, 1, q, step, 1, short, inner, 1, 0, u, step, 1, nil)
            for i in 0..<m { for j in n..<Swift.max(full, n) { u[i * full + j] = q[i * full + j] } }
            return true
        }
        return bidiagonalSVD(a, m, n, full, lower: wide, u, s, vh)
    }

    /// The same without the detour: u is m x full, vh n x n, or where `lower` (a stands for its transpose) u is n x n and
    /// vh full x m.
    private static func bidiagonalSVD(
        _ a: Memory<Double>, _ m: Int, _ n: Int, _ full: Int, lower: Bool, _ u: Memory<Double>?, _ s: Memory<Double>,
        _ vh: Memory<Double>?
    ) -> Bool {
        let left = Memory<Double>.allocate(capacity: 6 * n + 3 * m)
        defer { left.deallocate() }
        left.update(repeating: 0, count: 6 * n + 3 * m)
        let (right, e) = (left + n, left + 2 * n)
        // Both reflections of a step are A - p yᵀ - x vᵀ. That is done together with the next step's product with A, but
        // for the column and the row which its reflections come from.
        var (y, z, v) = (left + 3 * n, left + 4 * n, left + 5 * n)
        var (p, x, column) = (left + 6 * n, left + 6 * n + m, left + 6 * n + 2 * m)
        for k in 0..<n {
            let (at, rows, columns) = (a + k * n + k, m - k, n - k - 1)
            for i in 0..<rows { column[i] = at[i * n] - (p[i] * y[0] + x[i] * v[0]) }
            left[k] = reflector(column, 1, rows)
            s[k] = column[0]
            column[0] = 1
            for i in 0..<rows { at[i * n] = column[i] }
            right[k] = 0
            if columns == 0 { break }
            let row = at + 1
            mk_rank_two_step_f64(row, Int64(n), Int64(rows), Int64(columns), p, y + 1, x, v + 1, column, z)
            for j in 0..<columns {
                z[j] *= left[k]
                row[j] -= z[j]
            }
            right[k] = reflector(row, 1, columns)
            e[k] = row[0]
            row[0] = 1
            var dot = 0.0
            for j in 0..<columns { dot += z[j] * row[j] }
            (p, column) = (column, p)
            p += 1
            if rows > 1 {
                mk_gemm_f64(Int64(rows - 1), 1, Int64(columns), right[k], row + n, Int64(n), 1, row, 1, 1, 0, x, 1, 1, nil)
            }
            for i in 0..<rows - 1 { x[i] -= right[k] * dot * p[i] }
            (y, z, v) = (z, y, row)
        }
        guard let u, let vh else {
            let sweeps = Bidiagonal(n: n, rows: 0, length: 0, d: s, e: e, u: nil, v: nil)
            if lower { sweeps.makeUpper() }
            return sweeps.run()
        }
        formQ(a, rowStep: n, columnStep: 1, left, n, lower ? vh : u, m, full)
        formQ(a, rowStep: 1, columnStep: n, right, n - 1, shift: 1, lower ? u : vh, n, n)
        // vh holds V so far; the sweeps turn its rows, which are to be those of Vᵀ.
        let (rows, columns) = lower ? (m, full) : (n, n)
        transpose(vh, rows, columns)
        // Both kinds of vectors lie along memory while they are turned.
        let (height, width) = lower ? (n, n) : (m, full)
        transpose(u, height, width)
        let sweeps = Bidiagonal(n: n, rows: height, length: rows, d: s, e: e, u: u, v: vh)
        if lower { sweeps.makeUpper() }
        // Larger matrices get the signs of divide and conquer, where the place that joins the two halves is negative in
        // every left vector.
        let middle = n > 25 ? (0..<height).map { u[n / 2 * height + $0] } : []
        guard sweeps.run() else { return false }
        if n > 25 {
            turnAway(middle, u, n) { j in
                for r in 0..<height { u[j * height + r] = -u[j * height + r] }
                for c in 0..<rows { vh[j * rows + c] = -vh[j * rows + c] }
            }
        }
        transpose(u, width, height)
        return true
    }
}

/// A rotation with c a + s b = r, c b - s a = 0, and r of the sign of a.
@inline(__always)
private func rotation(_ a: Double, _ b: Double) -> (c: Double, s: Double, r: Double) {
    if b == 0 { return (1, 0, a) }
    if a == 0 { return (0, b < 0 ? -1 : 1, abs(b)) }
    let turn = Dense.direction(a, b)
    return a < 0 ? (-turn.c, -turn.s, -turn.r) : turn
}

private func signed(_ magnitude: Double, _ like: Double) -> Double { like.sign == .minus ? -abs(magnitude) : abs(magnitude) }

/// QR sweeps on an upper bidiagonal matrix with diagonal d and superdiagonal e, turning the left
/// vectors, the rows of u (each of `rows` numbers), and the right ones, those of v (each of `length`), along.
private struct Bidiagonal {
    let n, rows, length: Int
    let d, e: UnsafeMutablePointer<Double>
    let u, v: UnsafeMutablePointer<Double>?
    private let leftTurns, rightTurns: Dense.Turns?
    private static let eps = Double.ulpOfOne / 2

    init(
        n: Int, rows: Int, length: Int, d: UnsafeMutablePointer<Double>, e: UnsafeMutablePointer<Double>,
        u: UnsafeMutablePointer<Double>?, v: UnsafeMutablePointer<Double>?
    ) {
        (self.n, self.rows, self.length, self.d, self.e, self.u, self.v) = (n, rows, length, d, e, u, v)
        leftTurns = u.map { Dense.Turns($0, n, rows) }
        rightTurns = v.map { Dense.Turns($0, n, length) }
    }

    func turnRight(_ i: Int, _ c: Double, _ s: Double) { rightTurns?.add(i, c, s) }
    func turnLeft(_ i: Int, _ c: Double, _ s: Double) { leftTurns?.add(i, c, s) }

    /// Turns a lower bidiagonal matrix, e standing below the diagonal, into an upper one.
    func makeUpper() {
        for i in 0..<n - 1 {
            let turn = rotation(d[i], e[i])
            d[i] = turn.r
            e[i] = turn.s * d[i + 1]
            d[i + 1] *= turn.c
            turnLeft(i, turn.c, turn.s)
        }
        leftTurns?.run()
    }

    func run() -> Bool {
        if n == 1 && d[0] < 0 {
            d[0] = -d[0]
            if let u { for r in 0..<rows { u[r] = -u[r] } }
        }
        let eps = Bidiagonal.eps
        let tolerance = Swift.max(10, Swift.min(100, pow(eps, -0.125))) * eps
        var smallest = abs(d[0])
        var mu = smallest
        for i in 1..<Swift.max(n, 1) where mu != 0 {
            mu = abs(d[i]) * (mu / (mu + abs(e[i - 1])))
            smallest = Swift.min(smallest, mu)
        }
        let threshold = Swift.max(
            tolerance * smallest / Double(n).squareRoot(), 6 * Double(n) * Double(n) * Double.leastNormalMagnitude)
        var end = n - 1
        var (lastStart, lastEnd, downward) = (-1, -1, true)
        var left = 6 * n * n + 100
        while end > 0 {
            left -= 1
            if left < 0 { return false }
            // The unreduced block start...end that ends at `end`.
            var start = end
            var largest = abs(d[end])
            while start > 0 {
                if abs(e[start - 1]) <= threshold {
                    e[start - 1] = 0
                    break
                }
                start -= 1
                largest = Swift.max(largest, abs(d[start]), abs(e[start]))
            }
            if start == end {
                end -= 1
                continue
            }
            if start == end - 1 {
                splitPair(start)
                end -= 2
                continue
            }
            // Chase from the larger end to the smaller.
            if start > lastEnd || end < lastStart { downward = abs(d[start]) >= abs(d[end]) }
            (lastStart, lastEnd) = (start, end)
            guard let low = deflate(start, end, tolerance, downward) else { continue }
            var shift = 0.0
            if Double(n) * tolerance * (low / largest) > Swift.max(eps, 0.01 * tolerance) {
                let from = downward ? abs(d[start]) : abs(d[end])
                shift = downward
                    ? smallerValue(d[end - 1], e[end - 1], d[end]) : smallerValue(d[start], e[start], d[start + 1])
                if from > 0 && (shift / from) * (shift / from) < eps { shift = 0 }
            }
            switch (shift == 0, downward) {
            case (true, true): zeroSweepDown(start, end)
            case (true, false): zeroSweepUp(start, end)
            case (false, true): sweepDown(start, end, shift)
            case (false, false): sweepUp(start, end, shift)
            }
            let last = downward ? end - 1 : start
            if abs(e[last]) <= threshold { e[last] = 0 }
        }
        finish()
        return true
    }

    /// Sets a negligible e to zero and gives nil, else a lower bound for the block's smallest singular value.
    private func deflate(_ start: Int, _ end: Int, _ tolerance: Double, _ downward: Bool) -> Double? {
        let edge = downward ? end - 1 : start
        if abs(e[edge]) <= tolerance * abs(d[downward ? end : start]) {
            e[edge] = 0
            return nil
        }
        var mu = abs(d[downward ? start : end])
        var low = mu
        for step in 0..<end - start {
            let i = downward ? start + step : end - 1 - step
            if abs(e[i]) <= tolerance * mu {
                e[i] = 0
                return nil
            }
            mu = abs(d[downward ? i + 1 : i]) * (mu / (mu + abs(e[i])))
            low = Swift.min(low, mu)
        }
        return low
    }

    private func zeroSweepDown(_ start: Int, _ end: Int) {
        var (c, oldC, oldS) = (1.0, 1.0, 0.0)
        for i in start..<end {
            let right = rotation(d[i] * c, e[i])
            if i > start { e[i - 1] = oldS * right.r }
            let left = rotation(oldC * right.r, d[i + 1] * right.s)
            d[i] = left.r
            (c, oldC, oldS) = (right.c, left.c, left.s)
            turnRight(i, right.c, right.s)
            turnLeft(i, left.c, left.s)
        }
        let h = d[end] * c
        d[end] = h * oldC
        e[end - 1] = h * oldS
    }

    private func zeroSweepUp(_ start: Int, _ end: Int) {
        var (c, oldC, oldS) = (1.0, 1.0, 0.0)
        for i in stride(from: end, to: start, by: -1) {
            let left = rotation(d[i] * c, e[i - 1])
            if i < end { e[i] = oldS * left.r }
            let right = rotation(oldC * left.r, d[i - 1] * left.s)
            d[i] = right.r
            (c, oldC, oldS) = (left.c, right.c, right.s)
            turnRight(i - 1, right.c, -right.s)
            turnLeft(i - 1, left.c, -left.s)
        }
        let h = d[start] * c
        d[start] = h * oldC
        e[start] = h * oldS
    }

    private func sweepDown(_ start: Int, _ end: Int, _ shift: Double) {
        var f = (abs(d[start]) - shift) * (signed(1, d[start]) + shift / d[start])
        var g = e[start]
        for i in start..<end {
            let right = rotation(f, g)
            if i > start { e[i - 1] = right.r }
            f = right.c * d[i] + right.s * e[i]
            e[i] = right.c * e[i] - right.s * d[i]
            g = right.s * d[i + 1]
            d[i + 1] *= right.c
            let left = rotation(f, g)
            d[i] = left.r
            f = left.c * e[i] + left.s * d[i + 1]
            d[i + 1] = left.c * d[i + 1] - left.s * e[i]
            if i + 1 < end {
                g = left.s * e[i + 1]
                e[i + 1] *= left.c
            }
            turnRight(i, right.c, right.s)
            turnLeft(i, left.c, left.s)
        }
        e[end - 1] = f
    }

    private func sweepUp(_ start: Int, _ end: Int, _ shift: Double) {
        var f = (abs(d[end]) - shift) * (signed(1, d[end]) + shift / d[end])
        var g = e[end - 1]
        for i in stride(from: end, to: start, by: -1) {
            let left = rotation(f, g)
            if i < end { e[i] = left.r }
            f = left.c * d[i] + left.s * e[i - 1]
            e[i - 1] = left.c * e[i - 1] - left.s * d[i]
            g = left.s * d[i - 1]
            d[i - 1] *= left.c
            let right = rotation(f, g)
            d[i] = right.r
            f = right.c * e[i - 1] + right.s * d[i - 1]
            d[i - 1] = right.c * d[i - 1] - right.s * e[i - 1]
            if i > start + 1 {
                g = right.s * e[i - 2]
                e[i - 2] *= right.c
            }
            turnRight(i - 1, right.c, -right.s)
            turnLeft(i - 1, left.c, -left.s)
        }
        e[start] = f
    }

    /// The smaller singular value of [[f, g], [0, h]].
    private func smallerValue(_ f: Double, _ g: Double, _ h: Double) -> Double {
        let (f, g, h) = (abs(f), abs(g), abs(h))
        let (low, high) = (Swift.min(f, h), Swift.max(f, h))
        if low == 0 { return 0 }
        if g < high {
            let (a, b, c) = (1 + low / high, (high - low) / high, (g / high) * (g / high))
            return low * (2 / ((a * a + c).squareRoot() + (b * b + c).squareRoot()))
        }
        let q = high / g
        if q == 0 { return (low * high) / g }
        let (a, b) = ((1 + low / high) * q, ((high - low) / high) * q)
        return 2 * (low * (1 / ((1 + a * a).squareRoot() + (1 + b * b).squareRoot()))) * q
    }

    /// Diagonalises the 2 x 2 block at i. The right singular vector of the larger value is (cos, sin) with
    /// tan 2t = 2 f g / (f² - h² - g²), found without squaring where the block is graded.
    private func splitPair(_ i: Int) {
        let (f, g, h) = (d[i], e[i], d[i + 1])
        let swapped = abs(h) > abs(f)
        let (p, q) = swapped ? (h, f) : (f, h)  // |p| >= |q|
        let (pa, qa, ga) = (abs(p), abs(q), abs(g))
        var (high, low) = (pa, qa)
        var (lc, ls, rc, rs) = (1.0, 0.0, 1.0, 0.0)
        if ga != 0 {
            if ga > pa && pa / ga < Bidiagonal.eps {
                (high, low) = (ga, qa > 1 ? pa / (ga / qa) : (pa / ga) * qa)
                (lc, ls, rs, rc) = (1, q / g, 1, p / g)
            } else {
                let gap = pa - qa
                let l = gap == pa ? 1 : gap / pa
                let m = g / p
                let t = 2 - l
                let (s, r) = ((t * t + m * m).squareRoot(), l == 0 ? abs(m) : (l * l + m * m).squareRoot())
                let a = 0.5 * (s + r)
                (high, low) = (pa * a, qa / a)
                let tangent: Double
                if m * m == 0 {
                    tangent = l == 0 ? signed(2, p) * signed(1, g) : g / signed(gap, p) + m / t
                } else {
                    tangent = (m / (s + t) + m / (r + l)) * (1 + a)
                }
                let length = (tangent * tangent + 4).squareRoot()
                (rc, rs) = (2 / length, tangent / length)
                (lc, ls) = ((rc + rs * m) / a, (q / p) * rs / a)
            }
        }
        if swapped { (lc, ls, rc, rs) = (rs, rc, ls, lc) }
        let sign: Double
        if ga > pa {
            sign = signed(1, rs) * signed(1, lc) * signed(1, g)
        } else if swapped {
            sign = signed(1, rs) * signed(1, ls) * signed(1, h)
        } else {
            sign = signed(1, rc) * signed(1, lc) * signed(1, f)
        }
        d[i] = signed(high, sign)
        d[i + 1] = signed(low, sign * signed(1, f) * signed(1, h))
        e[i] = 0
        turnRight(i, rc, rs)
        turnLeft(i, lc, ls)
    }

    /// Makes the values positive and puts them in descending order.
    private func finish() {
        leftTurns?.run()
        rightTurns?.run()
        for i in 0..<n where d[i] < 0 || d[i].sign == .minus {
            d[i] = -d[i]
            if let v { for k in 0..<length { v[i * length + k] = -v[i * length + k] } }
        }
        for i in 0..<n {
            var best = i
            for j in i + 1..<Swift.max(n, i + 1) where d[j] > d[best] { best = j }
            if best == i { continue }
            // Keeps the order of the others, as an insertion does.
            for j in stride(from: best, to: i, by: -1) {
                (d[j], d[j - 1]) = (d[j - 1], d[j])
                if let v { Dense.swapRows(v, length, j, j - 1) }
                if let u { Dense.swapRows(u, rows, j, j - 1) }
            }
        }
    }
}
