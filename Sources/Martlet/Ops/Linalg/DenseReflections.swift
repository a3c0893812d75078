import Glibc
import MartletKernels

/// Products of Householder reflections, in blocks.
extension Dense {
    /// Reflections H₀ H₁ ... = I - V T Vᵀ with upper triangular T (Schreiber & Van Loan, "A storage-efficient WY
    /// representation for products of Householder transformations", SIAM J. Sci. Stat. Comput. 10, 1989).
    private struct Block {
        static let width = 32
        /// Rows of Vᵀ, each `length` numbers; T; the products of the vectors; C V and C V T for a matrix C.
        let v, t, products, first, second: Memory<Double>
        var (length, count) = (0, 0)

        /// For up to `length` rows of V, and matrices that have up to `others` numbers in the other direction.
        init(_ length: Int, _ others: Int) {
            let (w, n) = (Block.width, Swift.max(others, 1))
            v = .allocate(capacity: w * length + 2 * w * w + 2 * w * n)
            t = v + w * length
            products = t + w * w
            first = products + w * w
            second = first + w * n
        }

        func deallocate() { v.deallocate() }

        /// Takes `count` vectors of `length` numbers, `step` apart; vector k starts at a + k * (step + next) with a one
        /// that is not there, and at its k-th number.
        mutating func take(
            _ a: Memory<Double>, _ step: Int, _ next: Int, _ tau: Memory<Double>, _ count: Int, _ length: Int
        ) {
            (self.count, self.length) = (count, length)
            for k in 0..<count {
                let (from, to) = (a + k * (step + next), v + k * length + k)
                (to - k).update(repeating: 0, count: k)
                to[0] = 1
                for i in 1..<Swift.max(length - k, 1) { to[i] = from[i * step] }
            }
            let (w, l) = (Int64(Block.width), Int64(length))
            mk_gemm_f64(Int64(count), Int64(count), l, 1, v, l, 1, v, 1, l, 0, products, w, 1, nil)
            for i in 0..<count {
                for r in 0..<count {
                    var s = r == i ? -1.0 : 0
                    for c in r..<Swift.max(r, i) { s += t[r * Block.width + c] * products[c * Block.width + i] }
                    t[r * Block.width + i] = r > i ? 0 : -tau[i] * s
                }
            }
        }

        /// C (I - V T Vᵀ) for a matrix of rows `ld` apart.
        func applyRight(_ c: Memory<Double>, _ ld: Int, _ rows: Int) {
            let (m, k, l, ld, w) = (Int64(rows), Int64(count), Int64(length), Int64(ld), Int64(Block.width))
            mk_gemm_f64(m, k, l, 1, c, ld, 1, v, 1, l, 0, first, k, 1, nil)
            mk_gemm_f64(m, k, k, 1, first, k, 1, t, w, 1, 0, second, k, 1, nil)
            mk_gemm_f64(m, l, k, -1, second, k, 1, v, l, 1, 1, c, ld, 1, nil)
        }

        /// (I - V T Vᵀ) C for a matrix of rows `ld` apart.
        func applyLeft(_ c: Memory<Double>, _ ld: Int, _ columns: Int) {
            let (n, k, l, ld, w) = (Int64(columns), Int64(count), Int64(length), Int64(ld), Int64(Block.width))
            mk_gemm_f64(k, n, l, 1, v, l, 1, c, ld, 1, 0, first, n, 1, nil)
            mk_gemm_f64(k, n, k, 1, t, w, 1, first, n, 1, 0, second, n, 1, nil)
            mk_gemm_f64(l, n, k, -1, v, 1, l, second, n, 1, 1, c, ld, 1, nil)
        }
    }

    /// A = Q R of an m x n matrix given as its transpose, whose rows are A's columns: R's columns up to the diagonal,
    /// the reflections behind it and in `tau`. With `count` no more columns than that are reduced; the others become Qᵀ A.
    static func qr(_ a: Memory<Double>, _ m: Int, _ n: Int, _ tau: Memory<Double>, count: Int? = nil) {
        let count = count ?? Swift.min(m, n)
        var block = n > Block.width ? Block(m, n) : nil
        defer { block?.deallocate() }
        for k in stride(from: 0, to: count, by: Block.width) {
            let end = Swift.min(k + Block.width, count)
            let reach = block == nil ? n : end
            for j in k..<end {
                let v = a + j * m + j
                tau[j] = reflector(v, 1, m - j)
                if tau[j] == 0 { continue }
                let diagonal = v[0]
                v[0] = 1
                mk_reflect_right_f64(tau[j], v, Int64(m - j), v + m, Int64(m), Int64(reach - j - 1))
                v[0] = diagonal
            }
            if reach < n {
                block?.take(a + k * m + k, 1, m, tau + k, end - k, m - k)
                block?.applyRight(a + end * m + k, m, n - end)
            }
        }
    }

    /// The first `columns` columns of Q = H₀ H₁ ... into q (m x columns). Reflection k starts at row k + `shift` and
    /// its vector at a + (k + shift) * rowStep + k * columnStep, advancing by rowStep.
    static func formQ(
        _ a: Memory<Double>, rowStep: Int, columnStep: Int, _ tau: Memory<Double>, _ count: Int, shift: Int = 0,
        _ q: Memory<Double>, _ m: Int, _ columns: Int
    ) {
        q.update(repeating: 0, count: m * columns)
        for i in 0..<Swift.min(m, columns) { q[i * columns + i] = 1 }
        let count = Swift.min(count, Swift.min(m, columns) - shift)
        if count <= 0 { return }
        if m <= small {
            let v = Memory<Double>.allocate(capacity: m)
            defer { v.deallocate() }
            for k in (0..<count).reversed() where tau[k] != 0 {
                let start = k + shift
                let from = a + start * rowStep + k * columnStep
                v[0] = 1
                for i in 1..<Swift.max(m - start, 1) { v[i] = from[i * rowStep] }
                mk_reflect_left_f64(
                    tau[k], v, Int64(m - start), q + start * columns + start, Int64(columns), Int64(columns - start))
            }
            return
        }
        var block = Block(m, columns)
        defer { block.deallocate() }
        for k in stride(from: (count - 1) / Block.width * Block.width, through: 0, by: -Block.width) {
            let start = k + shift
            block.take(
                a + start * rowStep + k * columnStep, rowStep, columnStep, tau + k, Swift.min(Block.width, count - k),
                m - start)
            // Of the columns before, these rows are still zero.
            block.applyLeft(q + start * columns + start, columns, columns - start)
        }
    }

    /// Rotations of neighbouring rows that are put off, to be done many at once.
    final class Turns {
        private let z: Memory<Double>
        private let n, ld, capacity: Int
        private let at: Memory<Int64>
        private let c, s: Memory<Double>
        private var count = 0

        /// Of the n rows of z, `ld` numbers each.
        init(_ z: Memory<Double>, _ n: Int, _ ld: Int) {
            (self.z, self.n, self.ld, capacity) = (z, n, ld, Swift.max(64, Swift.min(16 * n, 1 << 13)))
            (at, c, s) = (.allocate(capacity: capacity), .allocate(capacity: capacity), .allocate(capacity: capacity))
        }

        deinit {
            at.deallocate()
            c.deallocate()
            s.deallocate()
        }

        /// Row i becomes c times itself and s times the next, that one c times itself less s times row i.
        func add(_ i: Int, _ c: Double, _ s: Double) {
            if count == capacity { run() }
            (at[count], self.c[count], self.s[count]) = (Int64(i), c, s)
            count += 1
        }

        func run() {
            defer { count = 0 }
            let width = 64
            guard count > 4 * n, ld > width else {
                mk_rotate_rows_f64(z, Int64(ld), Int64(ld), Int64(count), at, c, s)
                return
            }
            // Rows far apart fall into few places of the caches; a strip of them is brought together.
            let strip = Memory<Double>.allocate(capacity: n * width)
            defer { strip.deallocate() }
            for j in stride(from: 0, to: ld, by: width) {
                let columns = Swift.min(width, ld - j)
                for i in 0..<n { (strip + i * width).update(from: z + i * ld + j, count: columns) }
                mk_rotate_rows_f64(strip, Int64(width), Int64(columns), Int64(count), at, c, s)
                for i in 0..<n { (z + i * ld + j).update(from: strip + i * width, count: columns) }
            }
        }
    }

    /// Cosine and sine of the direction of (a, b), and its length. They are exact to rounding also where squares would leave
    /// the range of numbers, and where a and b themselves have few digits left: a rotation by them must not change lengths.
    @inline(__always)
    static func direction(_ a: Double, _ b: Double) -> (c: Double, s: Double, r: Double) {
        let square = a * a + b * b
        if square > 1e-280 && square < 1e300 {
            let r = square.squareRoot()
            return (a / r, b / r, r)
        }
        let scale = square < 1 ? 0x1p700 : 0x1p-700
        let (x, y) = (a * scale, b * scale)
        let r = (x * x + y * y).squareRoot()
        return (x / r, y / r, r / scale)
    }

    /// Puts the transpose of a rows x columns matrix in its place.
    static func transpose(_ a: Memory<Double>, _ rows: Int, _ columns: Int) {
        let copy = Memory<Double>.allocate(capacity: Swift.max(rows * columns, 1))
        defer { copy.deallocate() }
        copy.update(from: a, count: rows * columns)
        let tile = 16
        for i in stride(from: 0, to: rows, by: tile) {
            for j in stride(from: 0, to: columns, by: tile) {
                for c in j..<Swift.min(j + tile, columns) {
                    for r in i..<Swift.min(i + tile, rows) { a[c * rows + r] = copy[r * columns + c] }
                }
            }
        }
    }
}
