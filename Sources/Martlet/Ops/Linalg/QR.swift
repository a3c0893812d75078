import MartletKernels

/// What ``Tensor/qr(_:)`` computes.
public enum QRMode: Int32, Sendable {
    /// Q is m x k and R k x n with k = min(m, n).
    case reduced = 0
    /// Q is square.
    case complete = 1
    /// R alone, as for reduced; Q is empty.
    case r = 2
}

/// Orthogonal factorisation.
extension Tensor {
    /// A = Q R with orthonormal columns in Q and upper triangular R, by Householder reflections; the signs are LAPACK's.
    /// Computed in float64 whatever the dtype, but for a loaded LAPACK.
    public func qr(_ mode: QRMode = .reduced) throws -> (q: Tensor, r: Tensor) {
        try requireMatrix("linalg.qr")
        try requireReal("linalg.qr", kernel: "geqrf_cpu")
        let (m, n) = (matrixRows, matrixColumns)
        let k = Swift.min(m, n)
        let columns = mode == .complete ? m : k
        let (q, r) = try qrValues(columns, wantsQ: mode != .r)
        if GradMode.needs(self) {
            Node.attach("LinalgQrBackward0", [q, r], [self]) { node in
                node.saveOutput(q, 0)
                node.saveOutput(r, 1)
            } backward: { node, g in
                if mode == .r {
                    throw MartletError.runtime(
                        "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr.")
                }
                if mode == .complete && m > n {
                    throw MartletError.runtime("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
                }
                return [try Tensor.qrGradient(g[0], g[1], node.saved(0), node.saved(1))]
            }
        }
        return (q, r)
    }

    private func qrValues(_ columns: Int, wantsQ: Bool) throws -> (q: Tensor, r: Tensor) {
        let (m, n) = (matrixRows, matrixColumns)
        if let lapack = Lapack(MK_LAPACK_QR, dtype, m, n) { return try lapack.qr(self, columns: columns, wantsQ: wantsQ) }
        let k = Swift.min(m, n)
        let a = try withNoGrad { try mT() }.matrixCopy(.float64)
        let q64 = try Tensor.empty(wantsQ ? batchSizes(m, columns) : [0], .float64)
        let (pa, pq, count) = (a.typed(Double.self), q64.typed(Double.self), matrixCount)
        launch("qr") {
            let tau = UnsafeMutablePointer<Double>.allocate(capacity: Swift.max(k, 1))
            defer { tau.deallocate() }
            for i in 0..<count {
                let at = pa + i * m * n
                Dense.qr(at, m, n, tau)
                if wantsQ {
                    Dense.formQ(at, rowStep: 1, columnStep: m, tau, k, pq + i * m * columns, m, columns)
                }
            }
        }
        return try withNoGrad { (try q64.to(dtype), try a.mT().narrow(-2, 0, columns).triu().to(dtype)) }
    }

    /// The gradient (Walter & Lehmann, "Algorithmic differentiation of linear algebra functions", 2010). The columns of a
    /// wide matrix beyond the square part are Q times those of R, and lead back to Q.
    private static func qrGradient(_ gq: Tensor?, _ gr: Tensor?, _ q: Tensor, _ r: Tensor) throws -> Tensor? {
        if gq == nil && gr == nil { return nil }
        let (k, n) = (r.matrixRows, r.matrixColumns)
        guard n > k else { return try squareQR(gq, gr, q, r) }
        let square = try r.narrow(-1, 0, k)
        guard let gr else {
            let left = try squareQR(gq, nil, q, square)
            return try .cat([left, .zeros(left.batchSizes(left.matrixRows, n - k), left.dtype)], -1)
        }
        let (inside, outside) = (try gr.narrow(-1, 0, k), try gr.narrow(-1, k, n - k))
        // R2 = Qᵀ A2, so that Q receives A2 gR2ᵀ = Q R2 gR2ᵀ.
        let received = try q.matmul(r.narrow(-1, k, n - k).matmul(outside.mT()))
        let left = try squareQR(gq?.add(received) ?? received, inside, q, square)
        return try .cat([left, q.matmul(outside)], -1)
    }

    private static func squareQR(_ gq: Tensor?, _ gr: Tensor?, _ q: Tensor, _ r: Tensor) throws -> Tensor {
        var inner: Tensor?
        if let gr { inner = try gr.matmul(r.mT()) }
        if let gq {
            let part = try q.mT().matmul(gq)
            inner = try inner?.sub(part) ?? part.neg()
        }
        let upper = try inner!.triu()
        var whole = try q.matmul(upper.add(upper.triu(1).mT()))
        if let gq { whole = try whole.add(gq) }
        return try r.mT().solveTriangular(whole, upper: false, left: false)
    }

    /// The first columns of the product of reflections I - tau v vᵀ, whose vectors stand below the diagonal of this m x n
    /// matrix, m >= n, with ones on it.
    public func householderProduct(_ tau: Tensor) throws -> Tensor {
        let op = "torch.linalg.householder_product"
        guard rank >= 2 else { throw MartletError.runtime("\(op): input must have at least 2 dimensions.") }
        let (m, n) = (matrixRows, matrixColumns)
        guard m >= n else {
            throw MartletError.runtime("\(op): input.shape[-2] must be greater than or equal to input.shape[-1]")
        }
        guard tau.rank == rank - 1, tau.batchless == batchSizes else {
            throw MartletError.runtime(
                "\(op): Expected tau to have one dimension less than input, and its batch to be equal to \(batchSizes), but got \(tau.sizes)")
        }
        let k = tau.sizes[tau.rank - 1]
        guard k <= n else {
            throw MartletError.runtime("\(op): input.shape[-1] must be greater than or equal to tau.shape[-1]")
        }
        guard dtype == tau.dtype else {
            throw MartletError.runtime(
                "\(op): tau dtype \(tau.dtype.scalarTypeName) does not match input dtype \(dtype.scalarTypeName)")
        }
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("orgqr_cpu", dtype) }
        if k > 0, !GradMode.needs(self, tau), let lapack = Lapack(MK_LAPACK_REFLECTIONS, dtype, m, n) {
            return try lapack.reflections(self, tau)
        }
        if k > 0, !GradMode.needs(self, tau) {
            let (a, scales, q) = (try matrixCopy(.float64), try tau.matrixCopy(.float64), try Tensor.empty(sizes, .float64))
            let (pa, pt, pq, count) = (a.typed(Double.self), scales.typed(Double.self), q.typed(Double.self), matrixCount)
            launch("householder_product") {
                for i in 0..<count {
                    Dense.formQ(pa + i * m * n, rowStep: n, columnStep: 1, pt + i * k, k, pq + i * m * n, m, n)
                }
            }
            withExtendedLifetime((a, scales)) {}
            return try q.plain(dtype)
        }
        let vectors = try tril(-1).add(.eye(m, n, dtype: dtype))
        var q = try Tensor.eye(m, n, dtype: dtype).expand(sizes)
        for i in (0..<k).reversed() {
            let v = try vectors.narrow(-1, i, 1)
            q = try q.sub(tau.narrow(-1, i, 1).unsqueeze(-1).mul(v.matmul(v.mT().matmul(q))))
        }
        return k == 0 ? try vectors.mul(.number(0)).add(q) : q
    }

    /// All sizes but the last.
    private var batchless: Dims { Dims(sizes.dropLast()) }
}
