import MartletKernels

/// The singular value decomposition and what is read off the singular values.
extension Tensor {
    /// A = U diag(S) Vh for each matrix, S descending. U and Vh are square with `full`, else they have min(m, n)
    /// columns and rows. Computed in float64 whatever the dtype, but for a loaded LAPACK. Throws `linalg` errors for what
    /// is not finite.
    public func svd(full: Bool = true) throws -> (u: Tensor, s: Tensor, vh: Tensor) {
        try svdRecorded(full: full, vectors: true)
    }

    /// The singular values alone, descending; their gradients need no gap between them.
    public func svdvals() throws -> Tensor { try svdRecorded(full: false, vectors: false).s }

    private func svdRecorded(full: Bool, vectors: Bool) throws -> (u: Tensor, s: Tensor, vh: Tensor) {
        try requireMatrix("linalg.svd")
        try requireReal("linalg.svd", kernel: "linalg_svd_cpu")
        let (u, s, vh) = try svdValues(full: full, vectors: vectors || GradMode.needs(self))
        if GradMode.needs(self) {
            let k = s.sizes[s.rank - 1]
            Node.attach("LinalgSvdBackward0", [u, s, vh], [self]) { node in
                node.saveOutput(u, 0)
                node.saveOutput(s, 1)
                node.saveOutput(vh, 2)
            } backward: { node, g in
                let (u, s, vh) = (try node.saved(0), try node.saved(1), try node.saved(2))
                func cut(_ t: Tensor?, _ dim: Int) throws -> Tensor? { full ? try t?.narrow(dim, 0, k) : t }
                return [
                    try Tensor.svdGradient(
                        cut(g[0], -1), g[1], cut(g[2], -2), cut(u, -1)!, s, cut(vh, -2)!)
                ]
            }
        }
        return (u, s, vh)
    }

    /// What singular values of this are computed of: this in float64, or as it is for a loaded LAPACK.
    func decomposable() throws -> Tensor {
        Lapack(MK_LAPACK_SVD, dtype, matrixRows, matrixColumns) == nil ? try to(.float64) : self
    }

    private func svdValues(full: Bool, vectors: Bool) throws -> (u: Tensor, s: Tensor, vh: Tensor) {
        let (m, n) = (matrixRows, matrixColumns)
        if let lapack = Lapack(vectors ? MK_LAPACK_SVD : MK_LAPACK_SINGULAR_VALUES, dtype, m, n) {
            let (u, s, vh, info) = try lapack.svd(self, full: full, vectors: vectors)
            try info.check("linalg.svd", FactorInfo.notDecomposed)
            return (u, s, vh)
        }
        let k = Swift.min(m, n)
        let wide = m < n
        // A wide matrix is decomposed by way of its transpose.
        let a = try (wide ? withNoGrad { try mT() } : self).matrixCopy(.float64)
        let long = Swift.max(m, n)
        let size = full ? long : k
        let u = try Tensor.empty(vectors ? batchSizes(m, wide ? k : size) : [0], .float64)
        let s = try Tensor.empty(batchSizes(k), .float64)
        let vh = try Tensor.empty(vectors ? batchSizes(wide ? size : k, n) : [0], .float64)
        let info = try FactorInfo(batchSizes)
        let (pa, pu, ps, pv) = (a.typed(Double.self), u.typed(Double.self), s.typed(Double.self), vh.typed(Double.self))
        let (count, places) = (matrixCount, info.places)
        launch("svd") {
            for i in 0..<count {
                let at = pa + i * m * n
                guard (0..<m * n).allSatisfy({ at[$0].isFinite }) else {
                    places[i] = Int32(FactorInfo.notFinite)
                    continue
                }
                let (su, sv) = wide ? (k * k, size * n) : (m * size, k * k)
                let done = Dense.svd(
                    at, long, k, wide: wide, full: size, vectors ? pu + i * su : nil, ps + i * k,
                    vectors ? pv + i * sv : nil)
                places[i] = done ? 0 : Int32(k)
            }
        }
        withExtendedLifetime(a) {}
        try info.check("linalg.svd", FactorInfo.notDecomposed)
        return (try u.plain(dtype), try s.plain(dtype), try vh.plain(dtype))
    }

    /// The gradient of a thin decomposition (Townsend, "Differentiating the singular value decomposition", 2016).
    private static func svdGradient(
        _ gu: Tensor?, _ gs: Tensor?, _ gvh: Tensor?, _ u: Tensor, _ s: Tensor, _ vh: Tensor
    ) throws -> Tensor? {
        if gu == nil && gvh == nil {
            guard let gs else { return nil }
            return try u.mul(gs.unsqueeze(-2)).matmul(vh)
        }
        let (m, k, n) = (u.matrixRows, s.sizes[s.rank - 1], vh.matrixColumns)
        let squares = try s.mul(s)
        let gaps = try squares.unsqueeze(-2).sub(squares.unsqueeze(-1)).add(s.identity(k))
        // u and v only turn within the span of the skew parts.
        func skew(_ x: Tensor) throws -> Tensor { try x.sub(x.mT()).div(gaps) }
        var core: Tensor?
        var uPart: Tensor?
        var vPart: Tensor?
        if let gu {
            let inside = try u.mT().matmul(gu)
            core = try skew(inside).mul(s.unsqueeze(-2))
            if m > k { uPart = try gu.sub(u.matmul(inside)).div(s.unsqueeze(-2)).matmul(vh) }
        }
        if let gvh {
            let gv = try gvh.mT()
            let inside = try vh.matmul(gv)
            let part = try s.unsqueeze(-1).mul(skew(inside))
            core = try core?.add(part) ?? part
            if n > k { vPart = try u.matmul(gv.sub(vh.mT().matmul(inside)).div(s.unsqueeze(-2)).mT()) }
        }
        if let gs { core = try core!.add(gs.diagEmbed()) }
        var out = try u.matmul(core!).matmul(vh)
        if let uPart { out = try out.add(uPart) }
        if let vPart { out = try out.add(vPart) }
        return out
    }
}
