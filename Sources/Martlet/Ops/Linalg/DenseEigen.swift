import Glibc
import MartletKernels

/// The eigenvalues and -vectors of one symmetric matrix: Householder reduction to tridiagonal form, then implicit QL
/// or QR steps with Wilkinson's shift, whichever runs towards the larger end (Golub & Van Loan, 8.3; Dubrulle,
/// Martin & Wilkinson, "The implicit QL algorithm", Numer. Math. 12, 1968).
extension Dense {
    /// A (n x n, destroyed; its upper triangle counts) = Z diag(d) Zᵀ with d ascending, d alone without z. False without
    /// convergence.
    static func symmetricEigen(_ a: Memory<Double>, _ n: Int, _ d: Memory<Double>, _ z: Memory<Double>?) -> Bool {
        if n == 0 { return true }
        let e = Memory<Double>.allocate(capacity: 6 * n)
        defer { e.deallocate() }
        e.update(repeating: 0, count: 6 * n)
        let (tau, y) = (e + n, e + 2 * n)
        // The rest B of the matrix is B - v wᵀ - w vᵀ, w = tau (B v - (tau/2) (vᵀ B v) v), after each reflection. That is
        // done together with the product of the next one, but for the row which that one comes from.
        var (v, w, next) = (e + 3 * n, e + 4 * n, e + 5 * n)
        for i in 0..<n {
            let (row, count) = (a + i * n + i, n - i - 1)
            for c in 0...count { row[c] -= v[0] * w[c] + w[0] * v[c] }
            d[i] = row[0]
            if count == 0 { break }
            let x = row + 1
            tau[i] = reflector(x, 1, count)
            e[i] = x[0]
            x[0] = 1
            mk_symmetric_step_f64(x + n, Int64(n), Int64(count), v + 1, w + 1, x, y)
            var dot = 0.0
            for c in 0..<count { dot += y[c] * x[c] }
            let half = tau[i] * tau[i] * dot / 2
            for c in 0..<count { next[c] = tau[i] * y[c] - half * x[c] }
            (v, w, next) = (x, next, w)
        }
        guard let z else { return Tridiagonal(n: n, d: d, e: e, z: nil).run() }
        formQ(a, rowStep: 1, columnStep: n, tau, n - 1, shift: 1, z, n, n)
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
    let d, e: UnsafeMutablePointer<Double>
    let z: UnsafeMutablePointer<Double>?
    let turns: Dense.Turns?
    private static let eps = Double.ulpOfOne / 2

    init(n: Int, d: UnsafeMutablePointer<Double>, e: UnsafeMutablePointer<Double>, z: UnsafeMutablePointer<Double>?) {
        (self.n, self.d, self.e, self.z) = (n, d, e, z)
        turns = z.map { Dense.Turns($0, n, n) }
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
        turns?.run()
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
                turns?.add(i, c, -s)
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
                turns?.add(i, c, s)
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
        turns?.add(i, cosine, sine)
        (d[i], d[i + 1], e[i]) = (first, second, 0)
    }

    private func planeRotation(_ a: Double, _ b: Double) -> (Double, Double, Double) {
        if b == 0 { return (1, 0, a) }
        // r has the sign of a only where that is the larger.
        if a == 0 { return (0, 1, b) }
        let (c, s, r) = Dense.direction(a, b)
        return a < 0 && abs(a) > abs(b) ? (-c, -s, -r) : (c, s, r)
    }

    private func sort() {
        for i in 0..<n {
            var best = i
            for j in i + 1..<Swift.max(n, i + 1) where d[j] < d[best] { best = j }
            if best == i { continue }
            (d[i], d[best]) = (d[best], d[i])
            if let z { Dense.swapRows(z, n, i, best) }
        }
    }
}
