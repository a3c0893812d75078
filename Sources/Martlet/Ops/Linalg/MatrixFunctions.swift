/// The cross product, and the exponential of matrices.
extension Tensor {
    /// The vector product along a dimension of size 3; shapes of equal rank are broadcast.
    public func cross(_ other: Tensor, _ dim: Int = -1) throws -> Tensor {
        try refuseSparse("linalg_cross")
        try other.refuseSparse("linalg_cross")
        guard rank == other.rank else {
            throw MartletError.runtime("linalg.cross: inputs must have the same number of dimensions.")
        }
        let d = try wrapDim(dim, rank)
        guard rank > 0 && sizes[d] == 3 && other.sizes[d] == 3 else {
            throw MartletError.runtime(
                "linalg.cross: inputs dimension \(dim) must have length 3. Got \(rank > 0 ? sizes[d] : 1) and \(rank > 0 ? other.sizes[d] : 1)")
        }
        guard dtype == other.dtype else {
            throw MartletError.runtime("expected scalar type \(dtype.scalarTypeName) but found \(other.dtype.scalarTypeName)")
        }
        let out = try withNoGrad { () throws -> Tensor in
            let a = try (0..<3).map { try select(d, $0) }
            let b = try (0..<3).map { try other.select(d, $0) }
            let parts = try [(1, 2), (2, 0), (0, 1)].map { i, j in try a[i].mul(b[j]).sub(a[j].mul(b[i])) }
            return try .stack(parts, d)
        }
        if GradMode.needs(self, other) {
            let (mine, theirs) = (sizes, other.sizes)
            out.attach("LinalgCrossBackward0", [self, other]) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? try node.saved(1).expand(g.sizes).cross(g, d).sumTo(mine) : nil,
                    node.needs(1) ? try g.cross(node.saved(0).expand(g.sizes), d).sumTo(theirs) : nil,
                ]
            }
        }
        return out
    }

    /// The vector product along the first dimension of size 3 where none is given.
    public func cross(_ other: Tensor, _ dim: Int?) throws -> Tensor {
        if let dim { return try cross(other, dim) as Tensor }
        let shape = try broadcastSizes(sizes, other.sizes)
        guard let d = shape.firstIndex(of: 3) else { throw MartletError.runtime("no dimension of size 3 in input") }
        return try (shape == sizes ? self : expand(shape)).cross(shape == other.sizes ? other : other.expand(shape), d as Int)
    }

    /// The exponential of square matrices: Taylor's series of A / 2^s, squared s times.
    public func matrixExp() throws -> Tensor {
        try requireReal("linalg.matrix_exp")
        try requireSquare("linalg.matrix_exp")
        let out = try Tape.whole("matrix_exp", [self]) { [try $0[0].exponential()] }[0]
        if GradMode.needs(self) {
            out.attach("LinalgMatrixExpBackward0", [self]) { $0.save(self) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                // The exponential of [[Aᵀ, g], [0, Aᵀ]] holds the gradient in its upper right corner.
                let t = try node.saved(0).mT()
                let n = t.matrixRows
                let top = try Tensor.cat([t, g], -1)
                let bottom = try Tensor.cat([.zeros(t.sizes, t.dtype), t], -1)
                return [try Tensor.cat([top, bottom], -2).matrixExp().narrow(-2, 0, n).narrow(-1, n, n)]
            }
        }
        return out
    }

    private func exponential() throws -> Tensor {
        let a = try to(.float64)
        let n = matrixRows
        if numel == 0 { return try clone() }
        let size = try unaryKernel(.abs, a).sum([-2]).max().item()
        var (squarings, scale) = (0, 1.0)
        while size * scale > 0.25 && squarings < 1100 { (squarings, scale) = (squarings + 1, scale / 2) }
        let small = try a.mul(.number(scale))
        var sum = try a.identity(n).expand(sizes)
        for k in stride(from: 14, to: 0, by: -1) {
            sum = try small.matmul(sum).div(.number(Double(k))).add(a.identity(n))
        }
        for _ in 0..<squarings { sum = try sum.matmul(sum) }
        return try sum.to(dtype)
    }
}
