import MartletKernels

/// Products that add onto something, and products of vectors and of many dimensions, made of the matrix products.
extension Tensor {
    // MARK: beta * input + alpha * product

    /// beta * input + alpha * (a @ b); `input` is broadcast to the product's shape.
    public static func addmm(
        _ input: Tensor, _ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)
    ) throws -> Tensor {
        guard a.rank == 2 else { throw MartletError.runtime("mat1 must be a matrix, got \(a.rank)-D tensor") }
        guard b.rank == 2 else { throw MartletError.runtime("mat2 must be a matrix, got \(b.rank)-D tensor") }
        guard a.sizes[1] == b.sizes[0] else { throw matrixMismatch(a.sizes, b.sizes) }
        if a.isSparse { return try sparseAddmm(input, a, b, beta, alpha) }
        try Tensor.sameThree("addmm", input, a, b)
        return try affine("AddmmBackward0", input, a, b, beta, alpha, [a.sizes[0], b.sizes[1]]) { node, scaled in
            TensorList(
                node.needs(1) ? try scaled.mm(node.saved(1).t()) : nil,
                node.needs(2) ? try node.saved(0).t().mm(scaled) : nil)
        }
    }

    /// beta * input + alpha * (matrix @ vector).
    public static func addmv(
        _ input: Tensor, _ matrix: Tensor, _ vector: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)
    ) throws -> Tensor {
        guard matrix.rank == 2 && vector.rank == 1 && input.rank <= 1 else {
            throw MartletError.runtime(
                "vector + matrix @ vector expected, got \(input.rank), \(matrix.rank), \(vector.rank)")
        }
        let m = matrix.sizes[0]
        guard matrix.sizes[1] == vector.sizes[0] && (input.numel == m || input.numel == 1) else {
            throw MartletError.runtime(
                "size mismatch, got input (\(input.rank == 0 ? m : input.sizes[0])), mat (\(m)x\(matrix.sizes[1])), vec (\(vector.sizes[0]))")
        }
        guard input.dtype == matrix.dtype && matrix.dtype == vector.dtype else {
            throw MartletError.runtime(
                "addmv input tensors must have the same dtype, but got \(input.dtype.scalarTypeName), \(matrix.dtype.scalarTypeName), and \(vector.dtype.scalarTypeName)")
        }
        return try affine("AddmvBackward0", input, matrix, vector, beta, alpha, [m]) { node, scaled in
            TensorList(
                node.needs(1) ? try scaled.outer(node.saved(1)) : nil,
                node.needs(2) ? try node.saved(0).t().mv(scaled) : nil)
        }
    }

    /// beta * input + alpha * (a @ b) for batches of matrices.
    public static func baddbmm(
        _ input: Tensor, _ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)
    ) throws -> Tensor {
        try checkBatches(a, b)
        guard input.dtype == a.dtype && a.dtype == b.dtype else {
            throw MartletError.runtime(
                "Input dtypes must be the same, got: input \(input.dtype.cName), batch1: \(a.dtype.cName), batch2: \(b.dtype.cName)")
        }
        return try affine("BaddbmmBackward0", input, a, b, beta, alpha, [a.sizes[0], a.sizes[1], b.sizes[2]]) { node, scaled in
            TensorList(
                node.needs(1) ? try scaled.bmm(node.saved(1).transpose(1, 2)) : nil,
                node.needs(2) ? try node.saved(0).transpose(1, 2).bmm(scaled) : nil)
        }
    }

    /// beta * input + alpha * the sum over the batch of a[i] @ b[i].
    public static func addbmm(
        _ input: Tensor, _ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)
    ) throws -> Tensor {
        guard a.rank == 3 else { throw MartletError.runtime("batch1 must be a 3D tensor") }
        guard b.rank == 3 else { throw MartletError.runtime("batch2 must be a 3D tensor") }
        guard a.sizes[0] == b.sizes[0] else {
            throw MartletError.runtime(
                "batch1 and batch2 must have same number of batches, got \(a.sizes[0]) and \(b.sizes[0])")
        }
        guard a.sizes[2] == b.sizes[1] else {
            throw MartletError.runtime(
                "Incompatible matrix sizes for bmm (\(a.sizes[1])x\(a.sizes[2]) and \(b.sizes[1])x\(b.sizes[2]))")
        }
        try Tensor.sameThree("addbmm", input, a, b)
        return try affine("AddbmmBackward0", input, a, b, beta, alpha, [a.sizes[1], b.sizes[2]]) { node, scaled in
            TensorList(
                node.needs(1) ? try scaled.unsqueeze(0).matmul(node.saved(1).transpose(1, 2)) : nil,
                node.needs(2) ? try node.saved(0).transpose(1, 2).matmul(scaled.unsqueeze(0)) : nil)
        }
    }

    private static func sameThree(_ op: String, _ input: Tensor, _ a: Tensor, _ b: Tensor) throws {
        guard input.dtype == b.dtype else {
            throw MartletError.runtime(
                "self and mat2 must have the same dtype, but got \(input.dtype.scalarTypeName) and \(b.dtype.scalarTypeName)")
        }
        guard a.dtype == b.dtype else {
            throw MartletError.runtime(
                "mat1 and mat2 must have the same dtype, but got \(a.dtype.scalarTypeName) and \(b.dtype.scalarTypeName)")
        }
    }

    /// beta * input + alpha * (a b) into a fresh tensor of `shape`. The product is told by the ranks: a matrix with a
    /// matrix or vector, or batches, summed over the batch where the shape has no place for it. `factors` maps the
    /// gradient times alpha to the gradients of a and b.
    private static func affine(
        _ name: String, _ input: Tensor, _ a: Tensor, _ b: Tensor, _ beta: Tensor, _ alpha: Tensor, _ shape: Dims,
        _ factors: @escaping (Node, Tensor) throws -> TensorList
    ) throws -> Tensor {
        guard isExpandable(input.sizes, shape) else { return try input.expand(shape) }
        try a.refuseBool("addmm_impl_cpu_")
        let (alphaValue, betaValue) = (try alpha.item(), try beta.item())
        let half = a.dtype.isFloatingPoint && a.dtype.size == 2
        let type = half ? DType.float32 : a.dtype
        let (x, y) = (try a.operand(type), try b.operand(type))
        var out = try Tensor.empty(shape, type)
        let rowBias =
            betaValue == 1 && a.rank == 2 && b.rank == 2 && !half && a.dtype.isFloatingPoint && input.rank == 1
            && input.strides[0] == 1 && input.sizes[0] == shape[1]
        if betaValue != 0 && !rowBias { copyKernel(out, input) }
        if b.rank == 1 {
            batchedGemm(x, y.asColumn(), into: out.asColumn(), alpha: alphaValue, beta: betaValue)
        } else if a.rank == 3 && shape.count == 2 {
            for i in 0..<a.sizes[0] {
                batchedGemm(
                    x.alias(sizes: [x.sizes[1], x.sizes[2]], strides: [x.strides[1], x.strides[2]], offset: x.offset + i * x.strides[0]),
                    y.alias(sizes: [y.sizes[1], y.sizes[2]], strides: [y.strides[1], y.strides[2]], offset: y.offset + i * y.strides[0]),
                    into: out, alpha: alphaValue, beta: i == 0 ? betaValue : 1)
            }
            if a.sizes[0] == 0 { out = try withNoGrad { betaValue == 0 ? try .zeros(shape, type) : try out.mul(beta).to(type) } }
        } else if rowBias {
            gemm(x, y, into: out, alpha: alphaValue, bias: input)
        } else {
            batchedGemm(x, y, into: out, alpha: alphaValue, beta: betaValue)
        }
        if half { out = try withNoGrad { try out.to(a.dtype) } }
        if GradMode.needs(input, a, b) {
            let inputSizes = input.sizes
            out.attach(name, TensorList(input, a, b)) { node in
                node.save(node.needs(2) ? a : nil, node.needs(1) ? b : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let needsFactors = node.needs(1) || node.needs(2)
                let scaled = alphaValue == 1 || !needsFactors ? g : try g.mul(alpha)
                let base = node.needs(0) ? try (betaValue == 1 ? g : g.mul(beta)).sumTo(inputSizes) : nil
                guard needsFactors else { return TensorList(base, nil, nil) }
                let both = try factors(node, scaled)
                return TensorList(base, both[0], both[1])
            }
        }
        return out
    }

    // MARK: Vectors

    /// All products of an element of this vector with one of another: a matrix.
    public func outer(_ other: Tensor) throws -> Tensor {
        guard rank == 1 else { throw MartletError.runtime("outer: Expected 1-D argument self, but got \(rank)-D") }
        guard other.rank == 1 else {
            throw MartletError.runtime("outer: Expected 1-D argument vec2, but got \(other.rank)-D")
        }
        return try reshape([sizes[0], 1] as Dims).mul(other)
    }

    /// beta * input + alpha * outer(a, b).
    public static func addr(
        _ input: Tensor, _ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)
    ) throws -> Tensor {
        guard a.rank == 1 else { throw MartletError.runtime("addr: Expected 1-D argument vec1, but got \(a.rank)-D") }
        guard b.rank == 1 else { throw MartletError.runtime("addr: Expected 1-D argument vec2, but got \(b.rank)-D") }
        let shape: Dims = [a.sizes[0], b.sizes[0]]
        guard isExpandable(input.sizes, shape) else { return try input.expand(shape) }
        let type = resultType([input, a, b])
        let (alphaValue, betaValue) = (try alpha.item(), try beta.item())
        let out = try withNoGrad {
            let product = try a.to(type).outer(b.to(type)).mul(alpha)
            return try (betaValue == 0 ? product : input.to(type).mul(beta).add(product)).to(type)
        }
        if GradMode.needs(input, a, b) {
            let inputSizes = input.sizes
            let kinds = (input.dtype, a.dtype, b.dtype)
            out.attach("AddrBackward0", TensorList(input, a, b)) { node in
                node.save(node.needs(2) ? a : nil, node.needs(1) ? b : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let scaled = alphaValue == 1 ? g : try g.mul(alpha)
                return TensorList(
                    node.needs(0) ? try g.mul(beta).sumTo(inputSizes).to(kinds.0) : nil,
                    node.needs(1) ? try scaled.mv(node.saved(1).to(g.dtype)).to(kinds.1) : nil,
                    node.needs(2) ? try scaled.t().mv(node.saved(0).to(g.dtype)).to(kinds.2) : nil)
            }
        }
        return out
    }

    /// Sums of products over the last dimension of both; a 0-dim operand multiplies.
    public func inner(_ other: Tensor) throws -> Tensor {
        if rank == 0 || other.rank == 0 { return try mul(other) }
        guard sizes[rank - 1] == other.sizes[other.rank - 1] else {
            throw MartletError.runtime(
                "inner() the last dimension must match on both input tensors but got shapes \(sizes) and \(other.sizes)")
        }
        return try tensordot(other, [-1], [-1])
    }

    // MARK: In place

    @discardableResult
    public func addmmInPlace(_ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)) throws -> Tensor {
        try assignInPlace("addmm_", .addmm(self, a, b, beta: beta, alpha: alpha))
    }

    @discardableResult
    public func addmvInPlace(_ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)) throws -> Tensor {
        try assignInPlace("addmv_", .addmv(self, a, b, beta: beta, alpha: alpha))
    }

    @discardableResult
    public func addrInPlace(_ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)) throws -> Tensor {
        try assignInPlace("addr_", .addr(self, a, b, beta: beta, alpha: alpha))
    }

    @discardableResult
    public func baddbmmInPlace(_ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)) throws -> Tensor {
        try assignInPlace("baddbmm_", .baddbmm(self, a, b, beta: beta, alpha: alpha))
    }

    @discardableResult
    public func addbmmInPlace(_ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)) throws -> Tensor {
        try assignInPlace("addbmm_", .addbmm(self, a, b, beta: beta, alpha: alpha))
    }

    // MARK: Many dimensions

    /// Sums of products over the paired dimensions `mine` of this tensor and `theirs` of the other. The result has the
    /// remaining dimensions of both, in order.
    public func tensordot(_ other: Tensor, _ mine: [Int], _ theirs: [Int]) throws -> Tensor {
        guard mine.count == theirs.count else {
            throw MartletError.runtime("both dimension lists should have same length")
        }
        guard dtype == other.dtype else {
            throw MartletError.runtime("both inputs should have same dtype")
        }
        var (usedA, usedB) = ([Bool](repeating: false, count: rank + 1), [Bool](repeating: false, count: other.rank + 1))
        var (a, b) = (self, other)
        var (da, db) = ([Int](), [Int]())
        for (p, q) in zip(mine, theirs) {
            let (i, j) = (try wrapDim(p, rank), try wrapDim(q, other.rank))
            if usedA[i] { throw MartletError.runtime("dim \(i) appears multiple times in the list of dims") }
            if usedB[j] { throw MartletError.runtime("dim \(j) appears multiple times in the list of dims") }
            (usedA[i], usedB[j]) = (true, true)
            let (s, t) = (rank == 0 ? 1 : sizes[i], other.rank == 0 ? 1 : other.sizes[j])
            if t == 1 && s != 1 {
                a = try a.sum([i], keepDim: true)
            } else if s == 1 && t != 1 {
                b = try b.sum([j], keepDim: true)
            } else if s != t {
                throw MartletError.runtime(
                    "contracted dimensions need to match, but first has size \(s) in dim \(p) and second has size \(t) in dim \(q)")
            }
            da.append(i)
            db.append(j)
        }
        if rank == 0 || other.rank == 0 { return try mul(other) }
        let freeA = (0..<rank).filter { !usedA[$0] }
        let freeB = (0..<other.rank).filter { !usedB[$0] }
        let shape = Dims(freeA.map { a.sizes[$0] } + freeB.map { b.sizes[$0] })
        let k = da.reduce(1) { $0 * a.sizes[$1] }
        let m = freeA.reduce(1) { $0 * a.sizes[$1] }
        let n = freeB.reduce(1) { $0 * b.sizes[$1] }
        let left = try a.permute(freeA + da).reshape([m, k] as Dims)
        let right = try b.permute(db + freeB).reshape([k, n] as Dims)
        return try left.mm(right).reshape(shape)
    }

    /// Blocks of `other`, each scaled by an element of this tensor. Missing leading dimensions count as one.
    public func kron(_ other: Tensor) throws -> Tensor {
        let r = Swift.max(rank, other.rank)
        var (sa, sb, shape) = (Dims(), Dims(), Dims())
        for i in 0..<r {
            let x = i < r - rank ? 1 : sizes[i - (r - rank)]
            let y = i < r - other.rank ? 1 : other.sizes[i - (r - other.rank)]
            sa.append(x)
            sa.append(1)
            sb.append(1)
            sb.append(y)
            shape.append(x * y)
        }
        return try reshape(sa).mul(other.reshape(sb)).unsafeView(shape)
    }

    /// The product of several matrices, in the order of multiplications that takes the fewest operations. The first
    /// and the last may be vectors.
    public static func multiDot(_ tensors: [Tensor]) throws -> Tensor {
        let n = tensors.count
        guard n >= 2 else { throw MartletError.runtime("multi_dot(): expected at least 2 tensors but got \(n)") }
        var list = tensors
        for i in [0, n - 1] where list[i].rank != 1 && list[i].rank != 2 {
            throw MartletError.runtime(
                "multi_dot(): the \(i == 0 ? "first" : "last") tensor must be 1D or 2D but got \(list[i].rank)D")
        }
        for i in 1..<Swift.max(n - 1, 1) where list[i].rank != 2 {
            throw MartletError.runtime("multi_dot(): tensor \(i) must be 2D but got \(list[i].rank)D")
        }
        for t in list where t.dtype != list[0].dtype {
            throw MartletError.runtime(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is \(list[0].dtype.name) and another \(t.dtype.name)")
        }
        let (vectorFirst, vectorLast) = (list[0].rank == 1, list[n - 1].rank == 1)
        if vectorFirst { list[0] = try list[0].unsqueeze(0) }
        if vectorLast { list[n - 1] = try list[n - 1].unsqueeze(1) }
        for i in 0..<(n - 1) where list[i].sizes[1] != list[i + 1].sizes[0] {
            throw MartletError.runtime(
                "multi_dot(): tensors \(i) and \(i + 1) with shapes \(tensors[i].sizes) and \(tensors[i + 1].sizes) cannot be multiplied")
        }
        var shape = Dims()
        if !vectorFirst { shape.append(list[0].sizes[0]) }
        if !vectorLast { shape.append(list[n - 1].sizes[1]) }
        if n == 2 { return try list[0].mm(list[1]).reshape(shape) }
        // cost[i][j]: fewest multiplications for factors i...j; split[i][j]: where to divide them.
        let p = [list[0].sizes[0]] + list.map { $0.sizes[1] }
        var cost = [[Int]](repeating: [Int](repeating: 0, count: n), count: n)
        var split = cost
        for length in 2...n {
            for i in 0...(n - length) {
                let j = i + length - 1
                cost[i][j] = Int.max
                for s in i..<j {
                    let c = cost[i][s] &+ cost[s + 1][j] &+ p[i] &* p[s + 1] &* p[j + 1]
                    if c < cost[i][j] { (cost[i][j], split[i][j]) = (c, s) }
                }
            }
        }
        func multiply(_ i: Int, _ j: Int) throws -> Tensor {
            i == j ? list[i] : try multiply(i, split[i][j]).mm(multiply(split[i][j] + 1, j))
        }
        return try multiply(0, n - 1).view(shape)
    }
}
