import Glibc

/// The eigenvalues and -vectors of one symmetric matrix: Householder reduction to tridiagonal form, then implicit QL
/// or QR steps with Wilkinson's shift, whichever runs towards the larger end (Golub & Van Loan, 8.3; Dubrulle,
/// Martin & Wilkinson, "The implicit QL algorithm", Numer. Math. 12, 1968).
extension Dense {
    /// A (n x n, destroyed; its lower triangle counts) = Z diag(d) Zᵀ with d ascending. False without convergence.
    static func symmetricEigen(_ a: Memory<Double>, _ n: Int, _ d: Memory<Double>, _ z: Memory<Double>) -> Bool {
        if n == 0 { return true }
        let e = Memory<Double>.allocate(capacity: 3 * n)
        defer { e.deallocate() }
        let (tau, w) = (e + n, e + 2 * n)
        for i in 0..<n { for j in i + 1..<Swift.max(n, i + 1) { a[i * n + j] = a[j * n + i] } }
        for i in 0..<n - 1 {
            let count = n - i - 1
            let v = a + (i + 1) * n + i
            tau[i] = reflector(v, n, count)
            e[i] = v[0]
            if tau[i] != 0 {
                // B - v wᵀ - w vᵀ with w = tau (B v - (tau/2) (vᵀ B v) v) for the rest B.
                v[0] = 1
                var dot = 0.0
                for r in 0..<count {
                    let row = a + (i + 1 + r) * n + i + 1
                    var s = 0.0
                    for c in 0..<count { s += row[c] * v[c * n] }
                    w[r] = tau[i] * s
                    dot += w[r] * v[r * n]
                }
                let half = tau[i] * dot / 2
                for r in 0..<count { w[r] -= half * v[r * n] }
                for r in 0..<count {
                    let row = a + (i + 1 + r) * n + i + 1
                    let vr = v[r * n]
                    for c in 0..<count { row[c] -= vr * w[c] + w[r] * v[c * n] }
                }
            }
        }
        for i in 0..<n { d[i] = a[i * n + i] }
        formQ(a, rowStep: n, columnStep: 1, tau, n - 1, shift: 1, z, n, n)
        transpose(z, n, n)
        // Larger matrices get the signs of divide and conquer, which joins two halves by a vector of the two middle
        // places: every eigenvector is turned to have a negative product with it.
        var middle: [Double] = []
        if n > 25 {
            let at = n / 2
            middle = (0..<n).map { z[(at - 1) * n + $0] + (e[at - 1] < 0 ? -1 : 1) * z[at * n + $0] }
        }
        guard Tridiagonal(n: n, d: d, e: e, z: z).run() else { return false }
        if n > 25 { turnAway(middle, z, n) { j in for r in 0..<n { z[j * n + r] = -z[j * n + r] } } }
        transpose(z, n, n)
        return true
    }

    /// Calls `flip` for those of the first `count` rows of u whose product with `direction` is positive.
    static func turnAway(_ direction: [Double], _ u: Memory<Double>, _ count: Int, _ flip: (Int) -> Void) {
        let n = direction.count
        for j in 0..<count {
            var dot = 0.0
            for r in 0..<n { dot += direction[r] * u[j * n + r] }
            if dot > 1e-12 { flip(j) }
        }
    }
}

/// Implicit QL and QR steps on a symmetric tridiagonal matrix, turning the vectors, the rows of z, along.
private struct Tridiagonal {
    let n: Int
    let d, e, z: UnsafeMutablePointer<Double>
    private static let eps = Double.ulpOfOne / 2

    func turn(_ i: Int, _ c: Double, _ s: Double) {
        Dense.turn(z + i * n, z + (i + 1) * n, n, c, s)
    }

    func run() -> Bool {
        var left = 30 * n + 30
        var first = 0
        while first < n {
            if first > 0 { e[first - 1] = 0 }
            var last = first
            while last < n - 1 {
                let size = abs(e[last])
                if size == 0 { break }
                if size <= abs(d[last]).squareRoot() * abs(d[last + 1]).squareRoot() * Tridiagonal.eps {
                    e[last] = 0
                    break
                }
                last += 1
            }
            let (low, high) = (first, last)
            first = last + 1
            if low == high { continue }
            let done = abs(d[high]) < abs(d[low]) ? rightToLeft(high, low, &left) : leftToRight(low, high, &left)
            if !done { return false }
            // A block may have been left in parts.
            for i in low..<high where e[i] != 0 { first = Swift.min(first, low) }
        }
        sort()
        return true
    }

    private func isNegligible(_ i: Int) -> Bool {
        let eps = Tridiagonal.eps
        return e[i] * e[i] <= (eps * eps * abs(d[i])) * abs(d[i + 1]) + Double.leastNormalMagnitude
    }

    /// QL: eigenvalues appear at the low end.
    private func leftToRight(_ start: Int, _ end: Int, _ left: inout Int) -> Bool {
        var l = start
        while l <= end {
            var m = l
            while m < end && !isNegligible(m) { m += 1 }
            if m < end { e[m] = 0 }
            if m == l {
                l += 1
                continue
            }
            if m == l + 1 {
                pair(l)
                l += 2
                continue
            }
            left -= 1
            if left < 0 { return false }
            var g = (d[l + 1] - d[l]) / (2 * e[l])
            var r = hypot(g, 1)
            g = d[m] - d[l] + e[l] / (g + (g < 0 ? -r : r))
            var (s, c, p) = (1.0, 1.0, 0.0)
            for i in stride(from: m - 1, through: l, by: -1) {
                let (f, b) = (s * e[i], c * e[i])
                (c, s, r) = planeRotation(g, f)
                if i != m - 1 { e[i + 1] = r }
                g = d[i + 1] - p
                r = (d[i] - g) * s + 2 * c * b
                p = s * r
                d[i + 1] = g + p
                g = c * r - b
                turn(i, c, -s)
            }
            d[l] -= p
            e[l] = g
        }
        return true
    }

    /// QR: eigenvalues appear at the high end.
    private func rightToLeft(_ start: Int, _ end: Int, _ left: inout Int) -> Bool {
        var l = start
        while l >= end {
            var m = l
            while m > end && !isNegligible(m - 1) { m -= 1 }
            if m > end { e[m - 1] = 0 }
            if m == l {
                l -= 1
                continue
            }
            if m == l - 1 {
                pair(l - 1)
                l -= 2
                continue
            }
            left -= 1
            if left < 0 { return false }
            var g = (d[l - 1] - d[l]) / (2 * e[l - 1])
            var r = hypot(g, 1)
            g = d[m] - d[l] + e[l - 1] / (g + (g < 0 ? -r : r))
            var (s, c, p) = (1.0, 1.0, 0.0)
            for i in m..<l {
                let (f, b) = (s * e[i], c * e[i])
                (c, s, r) = planeRotation(g, f)
                if i != m { e[i - 1] = r }
                g = d[i] - p
                r = (d[i + 1] - g) * s + 2 * c * b
                p = s * r
                d[i] = g + p
                g = c * r - b
                turn(i, c, s)
            }
            d[l] -= p
            e[l - 1] = g
        }
        return true
    }

    /// Diagonalises the 2 x 2 block at i, the value of larger magnitude first.
    private func pair(_ i: Int) {
        let (a, b, c) = (d[i], e[i], d[i + 1])
        let (sum, gap, double) = (a + c, a - c, 2 * b)
        let root = hypot(gap, double)
        let (big, small) = abs(a) > abs(c) ? (a, c) : (c, a)
        var (first, second) = (root / 2, -root / 2)
        if sum != 0 {
            first = 0.5 * (sum < 0 ? sum - root : sum + root)
            second = (big / first) * small - (b / first) * b
        }
        let ahead = gap >= 0
        let t = ahead ? gap + root : gap - root
        var (cosine, sine) = (1.0, 0.0)
        if abs(t) > abs(double) {
            let q = -double / t
            sine = 1 / (1 + q * q).squareRoot()
            cosine = q * sine
        } else if double != 0 {
            let q = -t / double
            cosine = 1 / (1 + q * q).squareRoot()
            sine = q * cosine
        }
        if (sum >= 0) == ahead { (cosine, sine) = (-sine, cosine) }
        turn(i, cosine, sine)
        (d[i], d[i + 1], e[i]) = (first, second, 0)
    }

    private func planeRotation(_ a: Double, _ b: Double) -> (Double, Double, Double) {
        if b == 0 { return (1, 0, a) }
        // r has the sign of a only where that is the larger.
        if a == 0 { return (0, 1, b) }
        let r = hypot(a, b) * (a < 0 && abs(a) > abs(b) ? -1 : 1)
        return (a / r, b / r, r)
    }

    private func sort() {
        for i in 0..<n {
            var best = i
            for j in i + 1..<Swift.max(n, i + 1) where d[j] < d[best] { best = j }
            if best == i { continue }
            (d[i], d[best]) = (d[best], d[i])
            Dense.swapRows(z, n, i, best)
        }
    }
}
