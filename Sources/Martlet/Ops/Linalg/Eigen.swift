import MartletKernels

/// Eigenvalues of symmetric matrices.
extension Tensor {
    /// A = V diag(L) Vᵀ with L ascending, of symmetric matrices; only the lower triangle (`upper`: the upper) is read.
    /// Computed in float64 whatever the dtype, but for a loaded LAPACK.
    public func eigh(upper: Bool = false) throws -> (values: Tensor, vectors: Tensor) {
        try eighRecorded(upper: upper, vectors: true)
    }

    /// The eigenvalues of symmetric matrices alone, ascending.
    public func eigvalsh(upper: Bool = false) throws -> Tensor { try eighRecorded(upper: upper, vectors: false).values }

    private func eighRecorded(upper: Bool, vectors: Bool) throws -> (values: Tensor, vectors: Tensor) {
        try requireSquare("linalg.eigh")
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("linalg_eigh_cpu", dtype) }
        let (l, v) = try eighValues(upper: upper, vectors: vectors || GradMode.needs(self))
        let n = matrixRows
        if GradMode.needs(self) {
            Node.attach("LinalgEighBackward0", [l, v], [self]) { node in
                node.saveOutput(l, 0)
                node.saveOutput(v, 1)
            } backward: { node, g in
                if g[0] == nil && g[1] == nil { return [nil] }
                let (l, v) = (try node.saved(0), try node.saved(1))
                guard let gv = g[1] else { return [try v.mul(g[0]!.unsqueeze(-2)).matmul(v.mT())] }
                // V turns by a skew matrix, each of whose entries is divided by the gap of two values.
                let inside = try v.mT().matmul(gv)
                let gaps = try l.unsqueeze(-2).sub(l.unsqueeze(-1)).add(l.identity(n))
                var core = try inside.sub(inside.mT()).mul(.number(0.5)).div(gaps)
                if let gl = g[0] { core = try core.add(gl.diagEmbed()) }
                return [try v.matmul(core).matmul(v.mT())]
            }
        }
        return (l, v)
    }

    private func eighValues(upper: Bool, vectors: Bool) throws -> (values: Tensor, vectors: Tensor) {
        let n = matrixRows
        if let lapack = Lapack(vectors ? MK_LAPACK_EIGH : MK_LAPACK_EIGENVALUES, dtype, n, n) {
            let (l, v, info) = try lapack.eigh(self, upper: upper, vectors: vectors)
            try info.check("linalg.eigh", FactorInfo.noEigenvalues)
            return (l, v)
        }
        let a = try (upper ? self : withNoGrad { try mT() }).matrixCopy(.float64)
        let values = try Tensor.empty(batchSizes(n), .float64)
        let z = try Tensor.empty(vectors ? batchSizes(n, n) : [0], .float64)
        let info = try FactorInfo(batchSizes)
        let (pa, pv, pz) = (a.typed(Double.self), values.typed(Double.self), z.typed(Double.self))
        let (count, places) = (matrixCount, info.places)
        launch("eigh") {
            for i in 0..<count {
                let at = pa + i * n * n
                guard (0..<n * n).allSatisfy({ at[$0].isFinite }) else {
                    for j in 0..<n { pv[i * n + j] = .nan }
                    if vectors { (pz + i * n * n).update(repeating: .nan, count: n * n) }
                    places[i] = 0
                    continue
                }
                places[i] = Dense.symmetricEigen(at, n, pv + i * n, vectors ? pz + i * n * n : nil) ? 0 : Int32(n)
            }
        }
        withExtendedLifetime(a) {}
        try info.check("linalg.eigh", FactorInfo.noEigenvalues)
        return (try values.plain(dtype), try z.plain(dtype))
    }
}
