/// Distances between all rows of two sets, or between all pairs of rows of one.
extension Tensor {
    /// How ``cdist(_:_:p:_:)`` finds Euclidean distances: by a matrix product where there are more than 25 rows,
    /// always, or never. The product is quicker and less accurate for rows that lie close together.
    public enum EuclideanMode: Int { case productIfLarge, product, direct }

    /// The p-norm distance between every row of `a` (... x P x M) and every row of `b` (... x R x M), as ... x P x R.
    /// Leading dimensions are broadcast.
    public static func cdist(_ a: Tensor, _ b: Tensor, p: Double = 2, _ mode: EuclideanMode = .productIfLarge) throws -> Tensor {
        for (name, x) in [("X1", a), ("X2", b)] {
            guard x.dtype.isFloatingPoint else {
                throw MartletError.runtime("cdist only supports floating-point dtypes, \(name) got: \(x.dtype.scalarTypeName)")
            }
        }
        for (name, x) in [("X1", a), ("X2", b)] where x.rank < 2 {
            throw MartletError.runtime("cdist only supports at least 2D tensors, \(name) got: \(x.rank)D")
        }
        let width = a.sizes[a.rank - 1]
        guard width == b.sizes[b.rank - 1] else {
            throw MartletError.runtime(
                "X1 and X2 must have the same number of columns. X1: \(width) X2: \(b.sizes[b.rank - 1])")
        }
        guard p >= 0 else { throw MartletError.runtime("cdist only supports non-negative p values") }
        guard a.dtype == b.dtype else {
            throw MartletError.runtime("expected scalar type \(a.dtype.scalarTypeName) but found \(b.dtype.scalarTypeName)")
        }
        if a.dtype.size == 2 { return try cdist(a.to(.float32), b.to(.float32), p: p, mode).to(a.dtype) }
        let (rows, columns) = (a.sizes[a.rank - 2], b.sizes[b.rank - 2])
        let large = rows > 25 || columns > 25
        if p == 2 && mode != .direct && (mode == .product || large) && rows * columns * width > 0 {
            return try a.euclidean(b)
        }
        let out = try withNoGrad { try a.directDistances(b, p) }
        if GradMode.needs(a, b) {
            out.attach("CdistBackward0", TensorList(a, b)) { node in
                node.save(a, b)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b, y) = (try node.saved(0), try node.saved(1), try node.saved(2))
                let difference = try a.unsqueeze(-2).sub(b.unsqueeze(-3))
                var last = [Bool](repeating: false, count: difference.rank)
                last[difference.rank - 1] = true
                let slope = try difference.normGradient(g.unsqueeze(-1), y.unsqueeze(-1), p, last)
                return [
                    node.needs(0) ? try slope?.sum([-2]).sumTo(a.sizes) : nil,
                    node.needs(1) ? try slope?.sum([-3]).neg().sumTo(b.sizes) : nil,
                ]
            }
        }
        return out
    }

    /// A few rows of this tensor at a time, so that the differences stay small in memory.
    private func directDistances(_ b: Tensor, _ p: Double) throws -> Tensor {
        let rows = sizes[rank - 2]
        let batch = try broadcastSizes(Dims(sizes[..<(rank - 2)]), Dims(b.sizes[..<(b.rank - 2)])).product
        let perRow = Swift.max(1, batch * b.sizes[b.rank - 2] * sizes[rank - 1])
        let step = Swift.max(1, (1 << 20) / perRow)
        func distances(_ some: Tensor) throws -> Tensor {
            let difference = try some.unsqueeze(-2).sub(b.unsqueeze(-3))
            if difference.sizes[difference.rank - 1] == 0 { return try difference.sum([-1]) }
            return try difference.vectorNorm(p, [-1])
        }
        if rows <= step { return try distances(self) }
        return try Tensor.cat(
            stride(from: 0, to: rows, by: step).map { try distances(narrow(-2, $0, Swift.min(step, rows - $0))) }, -2)
    }

    /// sqrt(|a|^2 + |b|^2 - 2 a b'), the sums by one matrix product.
    private func euclidean(_ b: Tensor) throws -> Tensor {
        let a = self
        let out = try withNoGrad { () throws -> Tensor in
            let (x, y) = (try a.mul(a).sum([-1], keepDim: true), try b.mul(b).sum([-1], keepDim: true))
            let (one, two) = (try x.mul(.number(0)).add(.number(1)), try y.mul(.number(0)).add(.number(1)))
            let left = try Tensor.cat([a.mul(.number(-2)), x, one], -1)
            let right = try Tensor.cat([b, two, y], -1)
            return try unaryKernel(.sqrt, left.matmul(right.transpose(-2, -1)).clampMin(.number(0)))
        }
        if GradMode.needs(a, b) {
            out.attach("EuclideanDistBackward0", TensorList(a, b)) { node in
                node.save(a, b)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b, y) = (try node.saved(0), try node.saved(1), try node.saved(2))
                let ratio = try g.div(y).keep(where: withNoGrad { try y.mask { $0 != 0 } })
                let turned = try ratio.transpose(-2, -1)
                return [
                    node.needs(0)
                        ? try a.mul(ratio.sum([-1], keepDim: true)).sub(ratio.matmul(b)).sumTo(a.sizes) : nil,
                    node.needs(1)
                        ? try b.mul(turned.sum([-1], keepDim: true)).sub(turned.matmul(a)).sumTo(b.sizes) : nil,
                ]
            }
        }
        return try out.view(out.sizes)
    }

    /// The p-norm distances between all pairs of rows i < j of a matrix, in the order (0, 1), (0, 2), ..., (1, 2), ...
    public func pdist(_ p: Double = 2) throws -> Tensor {
        guard rank == 2 else {
            throw MartletError.runtime("pdist only supports 2D tensors, got: \(rank)D")
        }
        guard dtype.isFloatingPoint else { throw MartletError.runtime("pdist only supports floating-point dtypes") }
        guard p >= 0 else { throw MartletError.runtime("pdist only supports non-negative p values") }
        if dtype.size == 2 { return try to(.float32).pdist(p).to(dtype) }
        let (n, width) = (sizes[0], sizes[1])
        var (first, second): ([Int64], [Int64]) = ([], [])
        for i in 0..<n {
            for j in (i + 1)..<Swift.max(n, i + 1) {
                first.append(Int64(i))
                second.append(Int64(j))
            }
        }
        let wide: Dims = [first.count, width]
        let (i, j) = try withNoGrad { (try Tensor(first).unsqueeze(1).expand(wide), try Tensor(second).unsqueeze(1).expand(wide)) }
        let out = try withNoGrad { () throws -> Tensor in
            let difference = try pick(0, i).sub(pick(0, j))
            return width == 0 ? try difference.sum([1]) : try difference.vectorNorm(p, [1])
        }
        if GradMode.needs(self) {
            out.attach("PdistBackward0", TensorList(self)) { node in
                node.save(self, i, j)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let (x, i, j) = (try node.saved(0), try node.saved(1), try node.saved(2))
                let difference = try x.pick(0, i).sub(x.pick(0, j))
                let slope = try difference.normGradient(g.unsqueeze(1), node.saved(3).unsqueeze(1), p, [false, true])
                return [try slope.map { try $0.place(0, i, n).sub($0.place(0, j, n)) }]
            }
        }
        return out
    }
}
