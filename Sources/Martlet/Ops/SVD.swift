import Glibc

/// The singular value decomposition, by one-sided Jacobi rotations in double precision (Hestenes' method): pairs of
/// columns are rotated until all are orthogonal; their lengths are then the singular values. It is accurate also
/// for the small ones. The signs of a pair of singular vectors are arbitrary, as they always are.
extension Tensor {
    /// A = u diag(s) vh for each matrix in the last two dimensions, s descending. u and vh are square where
    /// `fullMatrices`, else they have min(rows, columns) columns and rows.
    public func svd(fullMatrices: Bool = true) throws -> (u: Tensor, s: Tensor, vh: Tensor) {
        try checkMatrices("linalg.svd")
        let (u, s, vh) = try decomposed(fullMatrices: fullMatrices)
        if GradMode.needs(self) {
            let k = s.sizes[s.rank - 1]
            Node.attach("LinalgSvdBackward0", [u, s, vh], [self]) { node in
                node.saveOutput(u, 0)
                node.saveOutput(s, 1)
                node.saveOutput(vh, 2)
            } backward: { node, g in
                let (u, s, vh) = (try node.saved(0), try node.saved(1), try node.saved(2))
                if g.allSatisfy({ $0 == nil }) { return [nil] }
                return [
                    try Tensor.svdGradient(
                        g[0]?.narrow(-1, 0, k), g[1], g[2]?.narrow(-2, 0, k), u.narrow(-1, 0, k), s, vh.narrow(-2, 0, k))
                ]
            }
        }
        return (u, s, vh)
    }

    /// The singular values of each matrix in the last two dimensions, descending.
    public func svdvals() throws -> Tensor {
        try checkMatrices("linalg.svd")
        let (u, s, vh) = try decomposed(fullMatrices: false)
        if GradMode.needs(self) {
            s.attach("LinalgSvdBackward0", [self]) { $0.save(self, u, vh) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                // Only a gradient of the gradient needs to know how the vectors depend on the matrix.
                let vectors = GradMode.isEnabled ? try node.saved(0).svd(fullMatrices: false) : nil
                let (u, vh) = (try vectors?.u ?? node.saved(1), try vectors?.vh ?? node.saved(2))
                return [try u.mul(g.unsqueeze(-2)).matmul(vh)]
            }
        }
        return s
    }

    private func checkMatrices(_ op: String) throws {
        try refuseSparse(op)
        guard rank >= 2 else {
            throw MartletError.runtime("\(op): The input tensor A must have at least 2 dimensions.")
        }
        guard dtype == .float32 || dtype == .float64 else {
            throw MartletError.runtime(
                dtype.isFloatingPoint
                    ? "\(op): Low precision dtypes not supported. Got \(dtype.scalarTypeName)"
                    : "\(op): Expected a floating point or complex tensor as input. Got \(dtype.scalarTypeName)")
        }
    }

    private func decomposed(fullMatrices: Bool) throws -> (Tensor, Tensor, Tensor) {
        try withNoGrad {
            let (m, n) = (sizes[rank - 2], sizes[rank - 1])
            let k = Swift.min(m, n)
            let batch = sizes[..<(rank - 2)]
            let count = batch.reduce(1, *)
            let (rows, columns) = fullMatrices ? (m, n) : (k, k)
            func made(_ tail: Int...) throws -> Tensor { try .empty(Dims(batch).appending(tail), .float64) }
            let (u, s, vh) = (try made(m, rows), try made(k), try made(columns, n))
            let x = try to(.float64).contiguous()
            for b in 0..<count {
                try jacobi(
                    x.typed(Double.self) + b * m * n, m, n, u.typed(Double.self) + b * m * rows, rows,
                    s.typed(Double.self) + b * k, vh.typed(Double.self) + b * columns * n, columns)
            }
            withExtendedLifetime(x) {}
            return (try u.to(dtype), try s.to(dtype), try vh.to(dtype))
        }
    }

    /// With u'gu and v'gv made skew and divided by the differences of squared singular values:
    /// dA = u (skew(u'gu)/E s + s skew(v'gv)/E + diag(gs)) vh, plus what of gu and gv is outside the span of u and v.
    private static func svdGradient(
        _ gu: Tensor?, _ gs: Tensor?, _ gvh: Tensor?, _ u: Tensor, _ s: Tensor, _ vh: Tensor
    ) throws -> Tensor {
        guard gu != nil || gvh != nil else { return try u.mul(gs!.unsqueeze(-2)).matmul(vh) }
        let k = s.sizes[s.rank - 1]
        let (m, n) = (u.sizes[u.rank - 2], vh.sizes[vh.rank - 1])
        func t(_ x: Tensor) throws -> Tensor { try x.transpose(-2, -1) }
        func skew(_ x: Tensor) throws -> Tensor { try x.sub(t(x)) }
        let identity = try Tensor.identity(k, s.dtype)
        let squares = try s.mul(s)
        let gaps = try squares.unsqueeze(-2).sub(squares.unsqueeze(-1)).add(identity)
        var core: Tensor?
        if let gu { core = try skew(t(u).matmul(gu)).div(gaps).mul(s.unsqueeze(-2)) }
        if let gvh { core = try total(core, s.unsqueeze(-1).mul(skew(vh.matmul(t(gvh))).div(gaps))) }
        if let gs { core = try total(core, identity.mul(gs.unsqueeze(-1))) }
        let inner = core!
        if m > k, let gu {
            let scaled = try gu.div(s.unsqueeze(-2))
            let outside = try scaled.sub(u.matmul(t(u).matmul(scaled)))
            return try u.matmul(inner).add(outside).matmul(vh)
        }
        if n > k, let gvh {
            let scaled = try gvh.div(s.unsqueeze(-1))
            let outside = try scaled.sub(scaled.matmul(t(vh)).matmul(vh))
            return try u.matmul(inner.matmul(vh).add(outside))
        }
        return try u.matmul(inner).matmul(vh)
    }

    private static func identity(_ n: Int, _ dtype: DType) throws -> Tensor {
        let out = try Tensor.zeros([n, n], dtype)
        try withNoGrad { _ = try out.diagonal().fillInPlace(.number(1)) }
        return out
    }
}

extension Dims {
    fileprivate func appending(_ tail: [Int]) -> Dims {
        var d = self
        for v in tail { d.append(v) }
        return d
    }
}

/// One m x n matrix, row-major, into u (m x uColumns), s and vh (vRows x n).
private func jacobi(
    _ a: UnsafePointer<Double>, _ m: Int, _ n: Int, _ u: UnsafeMutablePointer<Double>, _ uColumns: Int,
    _ s: UnsafeMutablePointer<Double>, _ vh: UnsafeMutablePointer<Double>, _ vRows: Int
) throws {
    // Work on the columns of the tall one of A and its transpose.
    let tall = m >= n
    let (rows, k) = tall ? (m, n) : (n, m)
    var columns = (0..<k).map { j in (0..<rows).map { i in tall ? a[i * n + j] : a[j * n + i] } }
    var turns = (0..<k).map { j in (0..<k).map { $0 == j ? 1.0 : 0.0 } }
    for c in columns where c.contains(where: { !$0.isFinite }) {
        throw MartletError.runtime(
            "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values.")
    }
    func dot(_ x: [Double], _ y: [Double]) -> Double {
        var sum = 0.0
        for i in 0..<x.count { sum += x[i] * y[i] }
        return sum
    }
    func rotate(_ list: inout [[Double]], _ p: Int, _ q: Int, _ c: Double, _ s: Double) {
        for i in 0..<list[p].count {
            let (x, y) = (list[p][i], list[q][i])
            list[p][i] = c * x - s * y
            list[q][i] = s * x + c * y
        }
    }
    for _ in 0..<60 {
        var clean = true
        for p in 0..<k {
            for q in (p + 1)..<Swift.max(k, p + 1) {
                let (x, y, z) = (dot(columns[p], columns[p]), dot(columns[q], columns[q]), dot(columns[p], columns[q]))
                if z == 0 || z.magnitude <= 1e-15 * (x * y).squareRoot() { continue }
                clean = false
                let zeta = (y - x) / (2 * z)
                let t = (zeta < 0 ? -1 : 1) / (zeta.magnitude + (1 + zeta * zeta).squareRoot())
                let c = 1 / (1 + t * t).squareRoot()
                rotate(&columns, p, q, c, c * t)
                rotate(&turns, p, q, c, c * t)
            }
        }
        if clean { break }
    }
    let lengths = columns.map { dot($0, $0).squareRoot() }
    let order = (0..<k).sorted { lengths[$0] > lengths[$1] }
    var left = [[Double]]()
    for (i, j) in order.enumerated() {
        s[i] = lengths[j]
        left.append(lengths[j] > 0 ? columns[j].map { $0 / lengths[j] } : [])
    }
    var right = order.map { turns[$0] }
    complete(&left, rows, tall ? uColumns : vRows)
    complete(&right, k, k)
    for j in 0..<left.count {
        for i in 0..<rows {
            if tall { u[i * uColumns + j] = left[j][i] } else { vh[j * n + i] = left[j][i] }
        }
    }
    for j in 0..<k {
        for i in 0..<k {
            if tall { vh[j * n + i] = right[j][i] } else { u[i * uColumns + j] = right[j][i] }
        }
    }
}

/// Fills missing vectors, up to `count`, so that all are orthonormal (Gram-Schmidt on unit vectors, twice).
private func complete(_ vectors: inout [[Double]], _ size: Int, _ count: Int) {
    while vectors.count < count { vectors.append([]) }
    var next = 0
    for j in 0..<count where vectors[j].isEmpty {
        while next < size {
            var v = [Double](repeating: 0, count: size)
            v[next] = 1
            next += 1
            for _ in 0..<2 {
                for w in vectors where !w.isEmpty {
                    var d = 0.0
                    for i in 0..<size { d += v[i] * w[i] }
                    for i in 0..<size { v[i] -= d * w[i] }
                }
            }
            let length = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if length > 1e-3 / Double(size).squareRoot() {
                vectors[j] = v.map { $0 / length }
                break
            }
        }
    }
}
