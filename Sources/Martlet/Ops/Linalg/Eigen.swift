/// Eigenvalues of symmetric matrices.
extension Tensor {
    /// A = V diag(L) Vᵀ with L ascending, of symmetric matrices; only the lower triangle (`upper`: the upper) is read.
    /// Computed in float64 whatever the dtype.
    public func eigh(upper: Bool = false) throws -> (values: Tensor, vectors: Tensor) {
        try requireSquare("linalg.eigh")
        guard dtype.isFloatingPoint && dtype.size >= 4 else { throw Tensor.unsupported("linalg_eigh_cpu", dtype) }
        let n = matrixRows
        let a = try (upper ? withNoGrad { try mT() } : self).matrixCopy(.float64)
        let values = try Tensor.empty(batchSizes(n), .float64)
        let vectors = try Tensor.empty(batchSizes(n, n), .float64)
        let (pa, pv, pz) = (a.typed(Double.self), values.typed(Double.self), vectors.typed(Double.self))
        let (count, isBatch) = (matrixCount, rank > 2)
        func run() throws { for i in 0..<count {
            let at = pa + i * n * n
            var finite = true
            for j in 0..<n * n where !at[j].isFinite { finite = false }
            if !finite {
                for j in 0..<n { pv[i * n + j] = .nan }
                for j in 0..<n * n { pz[i * n * n + j] = .nan }
                continue
            }
            guard Dense.symmetricEigen(at, n, pv + i * n, pz + i * n * n) else {
                let place = isBatch ? "(Batch element \(i)): " : ""
                throw MartletError(.linalg,
                    "linalg.eigh: \(place)The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated eigenvalues (error code: \(n)).")
            }
        } }
        try withExtendedLifetime(a) { try run() }
        Tape.note("eigh", Tape.repeating(run))
        let (l, v) = (try values.plain(dtype), try vectors.plain(dtype))
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

    /// The eigenvalues of symmetric matrices alone, ascending.
    public func eigvalsh(upper: Bool = false) throws -> Tensor { try eigh(upper: upper).values }
}
