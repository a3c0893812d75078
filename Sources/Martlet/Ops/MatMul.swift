import MartletKernels

/// Matrix products of two operands. Transposed and strided operands are read in place by the kernels.
extension Tensor {
    // MARK: Kernels

    /// c = alpha * a b + beta * c (+ bias on each row) for matrices of one dtype, float32 or float64. No checks, no history.
    static func gemm(
        _ a: Tensor, _ b: Tensor, into c: Tensor, alpha: Double = 1, beta: Double = 0, bias: Tensor? = nil
    ) {
        multiply(
            a.sizes[0], b.sizes[1], a.sizes[1], a, (a.strides[0], a.strides[1]), b, (b.strides[0], b.strides[1]), into: c,
            (c.strides[0], c.strides[1]), alpha, beta, bias)
    }

    /// The same, c being m x n and a m x k, in these tensors' memory from their first elements on, whatever their own
    /// shapes: one step to the next row and to the next column are given. `unary` of c goes into its tensor, which may be
    /// c, while c is in the cache.
    static func multiply(
        _ m: Int, _ n: Int, _ k: Int, _ a: Tensor, _ sa: (Int, Int), _ b: Tensor, _ sb: (Int, Int), into c: Tensor,
        _ sc: (Int, Int), _ alpha: Double = 1, _ beta: Double = 0, _ bias: Tensor? = nil,
        unary: (op: UnaryOp, out: Tensor)? = nil
    ) {
        let (m, n, k) = (Int64(m), Int64(n), Int64(k))
        let (ra, ca, rb, cb) = (Int64(sa.0), Int64(sa.1), Int64(sb.0), Int64(sb.1))
        let (rc, cc) = (Int64(sc.0), Int64(sc.1))
        let (p, q, o, add) = (a.pointer, b.pointer, c.pointer, bias?.pointer)
        let isFloat = c.dtype == .float32
        let last = unary.map { (op: $0.op.rawValue, out: $0.out.pointer) }
        func run() {
            switch (isFloat, last) {
            case (true, nil):
                mk_gemm_f32(
                    m, n, k, Float(alpha), p.as(), ra, ca, q.as(), rb, cb, Float(beta), o.as(), rc, cc, add?.as())
            case (true, let last?):
                mk_gemm_unary_f32(
                    m, n, k, Float(alpha), p.as(), ra, ca, q.as(), rb, cb, Float(beta), o.as(), rc, cc, add?.as(), last.op,
                    last.out.as())
            case (false, nil):
                mk_gemm_f64(m, n, k, alpha, p.as(), ra, ca, q.as(), rb, cb, beta, o.as(), rc, cc, add?.as())
            case (false, let last?):
                mk_gemm_unary_f64(
                    m, n, k, alpha, p.as(), ra, ca, q.as(), rb, cb, beta, o.as(), rc, cc, add?.as(), last.op, last.out.as())
            }
        }
        run()
        Tape.note("gemm", run)
        withExtendedLifetime((a, b, c, bias)) {}
    }

    /// c[...] = alpha * a[...] b[...] + beta * c[...] over the batch dimensions of `c`, onto which those of a and b
    /// broadcast. All of one dtype; integers wrap, half types are not taken.
    static func batchedGemm(_ a: Tensor, _ b: Tensor, into c: Tensor, alpha: Double = 1, beta: Double = 0) {
        let r = c.rank - 2
        if c.numel == 0 { return }
        let (m, n, k) = (c.sizes[r], c.sizes[r + 1], a.sizes[a.rank - 1])
        let shape = Dims(c.sizes.prefix(r))
        func batchStrides(_ t: Tensor) -> Dims {
            var s = Dims(repeating: 0, count: r)
            let lead = r - (t.rank - 2)
            for i in Swift.max(lead, 0)..<r where t.sizes[i - lead] != 1 { s[i] = t.strides[i - lead] }
            return s
        }
        let (sa, sb, sc) = (batchStrides(a), batchStrides(b), batchStrides(c))
        // The innermost batch dimensions that advance evenly in all three run as one call.
        var (count, first) = (1, r)
        if r > 0 {
            (first, count) = (r - 1, shape[r - 1])
            while first > 0, sa[first - 1] == sa[r - 1] * count, sb[first - 1] == sb[r - 1] * count,
                sc[first - 1] == sc[r - 1] * count
            {
                first -= 1
                count *= shape[first]
            }
        }
        let (ba, bb, bc) = r > 0 ? (sa[r - 1], sb[r - 1], sc[r - 1]) : (0, 0, 0)
        let (ra, ca) = (a.strides[a.rank - 2], a.strides[a.rank - 1])
        let (rb, cb) = (b.strides[b.rank - 2], b.strides[b.rank - 1])
        let (rc, cc) = (c.strides[r], c.strides[r + 1])
        let (type, pa, pb, pc) = (c.dtype, a.pointer, b.pointer, c.pointer)
        func run() { visit(Dims(shape.prefix(first))) { index in
            var (oa, ob, oc) = (0, 0, 0)
            for d in 0..<first {
                oa += index[d] * sa[d]
                ob += index[d] * sb[d]
                oc += index[d] * sc[d]
            }
            switch type {
            case .float32:
                mk_gemm_batched_f32(
                    Int64(count), Int64(m), Int64(n), Int64(k), Float(alpha), pa.as(Float.self) + oa, Int64(ba),
                    Int64(ra), Int64(ca), pb.as(Float.self) + ob, Int64(bb), Int64(rb), Int64(cb), Float(beta),
                    pc.as(Float.self) + oc, Int64(bc), Int64(rc), Int64(cc))
            case .float64:
                mk_gemm_batched_f64(
                    Int64(count), Int64(m), Int64(n), Int64(k), alpha, pa.as(Double.self) + oa, Int64(ba),
                    Int64(ra), Int64(ca), pb.as(Double.self) + ob, Int64(bb), Int64(rb), Int64(cb), beta,
                    pc.as(Double.self) + oc, Int64(bc), Int64(rc), Int64(cc))
            default:
                func integers<T: TensorElement>(_: T.Type) {
                    let (al, be) = (wrapInt64(alpha), wrapInt64(beta))
                    for e in 0..<count {
                        let (p, q) = (pa.as(T.self) + oa + e * ba, pb.as(T.self) + ob + e * bb)
                        let o = pc.as(T.self) + oc + e * bc
                        for i in 0..<m {
                            for j in 0..<n {
                                var s: Int64 = 0
                                for l in 0..<k { s &+= p[i * ra + l * ca].asInt64 &* q[l * rb + j * cb].asInt64 }
                                let at = i * rc + j * cc
                                let kept = be == 0 ? 0 : be &* o[at].asInt64
                                o[at] = T(element: kept &+ al &* s)
                            }
                        }
                    }
                }
                withElementType(type) { integers($0) }
            }
        } }
        run()
        Tape.note("gemm", run)
        withExtendedLifetime((a, b, c)) {}
    }

    /// The plain product of matrices or of batches of them, without checks or history. `batch` is the broadcast of
    /// the leading dimensions. Half types multiply in float32 and are rounded once.
    static func product(_ a: Tensor, _ b: Tensor, batch: Dims = []) throws -> Tensor {
        if a.dtype.isFloatingPoint && a.dtype.size == 2 {
            return try withNoGrad { try product(a.to(.float32), b.to(.float32), batch: batch).to(a.dtype) }
        }
        var shape = batch
        shape.append(a.sizes[a.rank - 2])
        shape.append(b.sizes[b.rank - 1])
        let out = try Tensor.empty(shape, a.dtype)
        if batch.isEmpty && a.dtype.isFloatingPoint {
            gemm(a, b, into: out)
        } else {
            batchedGemm(a, b, into: out)
        }
        return out
    }

    /// Laid out column by column, as a transposed matrix is.
    private var isColumnMajor: Bool { rank == 2 && strides[0] == 1 && strides[1] == sizes[0] && sizes[0] > 1 }

    /// Exchanges the last two dimensions.
    public func mT() throws -> Tensor {
        guard rank >= 2 else {
            throw MartletError.runtime("tensor.mT is only supported on matrices or batches of matrices. Got \(rank)-D tensor.")
        }
        return try transpose(-2, -1)
    }

    func refuseBool(_ op: String) throws {
        if dtype == .bool { throw MartletError.notImplemented("\"\(op)\" not implemented for 'Bool'") }
    }

    // MARK: mm, bmm, mv, dot

    /// The product of two matrices, (m x k) and (k x n).
    public func mm(_ other: Tensor) throws -> Tensor {
        if isSparse || other.isSparse { return try sparseMM(other, "MmBackward0") }
        guard rank == 2 else { throw MartletError.runtime("self must be a matrix") }
        guard other.rank == 2 else { throw MartletError.runtime("mat2 must be a matrix") }
        guard sizes[1] == other.sizes[0] else { throw Tensor.matrixMismatch(sizes, other.sizes) }
        try sameDType(other)
        try refuseBool("addmm_impl_cpu_")
        let out = try Tensor.product(self, other)
        if GradMode.needs(self, other) {
            let columns = (isColumnMajor, other.isColumnMajor)
            out.attach("MmBackward0", TensorList(self, other)) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return TensorList(
                    node.needs(0) ? try Tensor.leftGradient(g, node.saved(1), columns.0) : nil,
                    node.needs(1) ? try Tensor.rightGradient(node.saved(0), g, columns.1) : nil)
            }
        }
        return out
    }

    /// The gradient g bᵀ of a left factor, laid out by columns where the factor is, so that the transposition that
    /// made it so is undone without a copy.
    static func leftGradient(_ g: Tensor, _ b: Tensor, _ columns: Bool) throws -> Tensor {
        try columns ? b.mm(g.t()).t() : g.mm(b.t())
    }

    /// The gradient aᵀ g of a right factor, in the layout of that factor.
    static func rightGradient(_ a: Tensor, _ g: Tensor, _ columns: Bool) throws -> Tensor {
        try columns ? g.t().mm(a).t() : a.t().mm(g)
    }

    static func matrixMismatch(_ a: Dims, _ b: Dims) -> MartletError {
        .runtime("mat1 and mat2 shapes cannot be multiplied (\(a[0])x\(a[1]) and \(b[0])x\(b[1]))")
    }

    func sameDType(_ other: Tensor) throws {
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "expected m1 and m2 to have the same dtype, but got: \(dtype.cName) != \(other.dtype.cName)")
        }
    }

    /// The products of two batches of matrices, (b x m x k) and (b x k x n).
    public func bmm(_ other: Tensor) throws -> Tensor {
        try Tensor.checkBatches(self, other)
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "expected scalar type \(dtype.scalarTypeName) but found \(other.dtype.scalarTypeName)")
        }
        try refuseBool("bmm")
        let out = try Tensor.product(self, other, batch: [sizes[0]])
        if GradMode.needs(self, other) {
            out.attach("BmmBackward0", TensorList(self, other)) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return TensorList(
                    node.needs(0) ? try g.bmm(node.saved(1).transpose(1, 2)) : nil,
                    node.needs(1) ? try node.saved(0).transpose(1, 2).bmm(g) : nil)
            }
        }
        return out
    }

    static func checkBatches(_ a: Tensor, _ b: Tensor) throws {
        guard a.rank == 3 else { throw MartletError.runtime("batch1 must be a 3D tensor") }
        guard b.rank == 3 else { throw MartletError.runtime("batch2 must be a 3D tensor") }
        guard a.sizes[0] == b.sizes[0] && a.sizes[2] == b.sizes[1] else {
            throw MartletError.runtime(
                "Expected size for first two dimensions of batch2 tensor to be: [\(a.sizes[0]), \(a.sizes[2])] but got: [\(b.sizes[0]), \(b.sizes[1])].")
        }
    }

    /// A matrix (m x k) times a vector (k).
    public func mv(_ vector: Tensor) throws -> Tensor {
        if isSparse { return try sparseMM(vector.unsqueeze(1), "MvBackward0").squeeze([1]) }
        guard rank == 2 && vector.rank == 1 else {
            throw MartletError.runtime("vector + matrix @ vector expected, got 1, \(rank), \(vector.rank)")
        }
        guard sizes[1] == vector.sizes[0] else {
            throw MartletError.runtime(
                "size mismatch, got input (\(sizes[0])), mat (\(sizes[0])x\(sizes[1])), vec (\(vector.sizes[0]))")
        }
        guard dtype == vector.dtype else {
            throw MartletError.runtime(
                "addmv input tensors must have the same dtype, but got \(vector.dtype.scalarTypeName), \(dtype.scalarTypeName), and \(vector.dtype.scalarTypeName)")
        }
        try refuseBool("addmv_impl_cpu")
        let out = try Tensor.product(self, vector.asColumn()).asVector()
        if GradMode.needs(self, vector) {
            out.attach("MvBackward0", TensorList(self, vector)) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? vector : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return TensorList(
                    node.needs(0) ? try g.outer(node.saved(1)) : nil,
                    node.needs(1) ? try node.saved(0).t().mv(g) : nil)
            }
        }
        return out
    }

    /// This vector as a matrix of one column, without history.
    func asColumn() -> Tensor { alias(sizes: [sizes[0], 1], strides: [strides[0], 1], offset: offset) }
    /// This matrix of one column as a vector, without history.
    private func asVector() -> Tensor { alias(sizes: [sizes[0]], strides: [strides[0]], offset: offset) }

    /// The sum of products of two vectors' elements. `vdot` is the same for real numbers.
    public func dot(_ other: Tensor) throws -> Tensor { try dot("DotBackward0", "dot", other) }
    public func vdot(_ other: Tensor) throws -> Tensor { try dot("VdotBackward0", "vdot", other) }

    private func dot(_ name: String, _ op: String, _ other: Tensor) throws -> Tensor {
        guard rank == 1 && other.rank == 1 else {
            throw MartletError.runtime("1D tensors expected, but got \(rank)D and \(other.rank)D tensors")
        }
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "dot : expected both vectors to have same dtype, but found \(dtype.scalarTypeName) and \(other.dtype.scalarTypeName)")
        }
        guard numel == other.numel else {
            throw MartletError.runtime(
                "inconsistent tensor size, expected tensor [\(numel)] and src [\(other.numel)] to have the same number of elements, but got \(numel) and \(other.numel) elements respectively")
        }
        try refuseBool(op)
        let out: Tensor
        if dtype == .float32 || dtype == .float64 {
            out = try .empty([], dtype)
            let (o, p, q, isFloat) = (out.pointer, pointer, other.pointer, dtype == .float32)
            let (n, sp, sq) = (Int64(numel), Int64(strides[0]), Int64(other.strides[0]))
            launch("dot") {
                if isFloat {
                    o.as(Float.self).pointee = mk_dot_f32(p.as(), sp, q.as(), sq, n)
                } else {
                    o.as(Double.self).pointee = mk_dot_f64(p.as(), sp, q.as(), sq, n)
                }
            }
        } else {
            let row = alias(sizes: [1, numel], strides: [0, strides[0]], offset: offset)
            let p = try Tensor.product(row, other.asColumn())
            out = p.alias(sizes: [], strides: [], offset: p.offset)
        }
        if GradMode.needs(self, other) {
            out.attach(name, TensorList(self, other)) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { node, g in
                TensorList(
                    node.needs(0) ? try g[0]?.mul(node.saved(1)) : nil,
                    node.needs(1) ? try g[0]?.mul(node.saved(0)) : nil)
            }
        }
        return out
    }

    // MARK: matmul

    /// The product in all its forms: vectors, matrices, and batches of matrices whose leading dimensions broadcast.
    /// A vector on the left counts as a row, on the right as a column; that dimension is dropped from the result.
    public func matmul(_ other: Tensor) throws -> Tensor {
        guard rank > 0 && other.rank > 0 else {
            throw MartletError.runtime(
                "both arguments to matmul need to be at least 1D, but they are \(rank)D and \(other.rank)D")
        }
        switch (rank, other.rank) {
        case (1, 1): return try dot(other)
        case (2, 1): return try mv(other)
        case (2, 2): return try mm(other)
        default: break
        }
        if isSparse || other.isSparse {
            throw MartletError.notImplemented("matmul of a sparse tensor takes matrices; got \(rank)-D and \(other.rank)-D")
        }
        let (a, b) = (asMatrices(row: true), other.asMatrices(row: false))
        let folds = Swift.max(rank, other.rank) >= 3 && Swift.min(rank, other.rank) <= 2
        guard a.sizes[a.rank - 1] == b.sizes[b.rank - 2] else { throw matmulMismatch(a, b, folds) }
        try matmulDTypes(other, folds)
        let batch = try broadcastSizes(Dims(a.sizes.dropLast(2)), Dims(b.sizes.dropLast(2)))
        let out: Tensor
        if b.rank == 2 && a.rank > 2, let s = Tensor.viewStrides(a.sizes, a.strides, [a.numel / Swift.max(a.sizes[a.rank - 1], 1), a.sizes[a.rank - 1]]),
            a.numel > 0
        {
            // One matrix on the right: the batch is so many more rows.
            let rows = a.numel / a.sizes[a.rank - 1]
            out = try Tensor.product(a.alias(sizes: [rows, a.sizes[a.rank - 1]], strides: s, offset: a.offset), b)
        } else {
            out = try Tensor.product(a, b, batch: batch)
        }
        var shape = batch
        if rank > 1 { shape.append(sizes[rank - 2]) }
        if other.rank > 1 { shape.append(other.sizes[other.rank - 1]) }
        let result = out.alias(sizes: shape, strides: shape.contiguousStrides, offset: out.offset)
        if GradMode.needs(self, other) {
            var full = batch
            full.append(a.sizes[a.rank - 2])
            full.append(b.sizes[b.rank - 1])
            let name =
                rank == 1 && other.rank == 2
                ? "SqueezeBackward4" : (requiresGrad && isOneMatrix(beside: other) ? "CloneBackward0" : "UnsafeViewBackward0")
            result.attach(name, TensorList(self, other)) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { [sa = sizes, sb = other.sizes] node, g in
                guard let g = try g[0]?.reshape(full) else { return [nil, nil] }
                return TensorList(
                    node.needs(0) ? try Tensor.matmulGradient(left: sa, node.saved(1), g) : nil,
                    node.needs(1) ? try Tensor.matmulGradient(node.saved(0), right: sb, g) : nil)
            }
        }
        return result
    }

    /// A single matrix met by a batch of three dimensions: torch multiplies the other way round and copies.
    private func isOneMatrix(beside other: Tensor) -> Bool {
        rank == 2 || (rank == 3 && sizes[0] == 1 && other.rank == 3 && other.sizes[0] > 1)
    }

    /// A vector as a matrix of one row or one column, without history; matrices as they are.
    private func asMatrices(row: Bool) -> Tensor {
        if rank > 1 { return self }
        return row ? alias(sizes: [1, numel], strides: [numel, strides[0]], offset: offset) : asColumn()
    }

    private static func matmulGradient(left shape: Dims, _ b: Tensor, _ g: Tensor) throws -> Tensor {
        let right = b.rank == 1 ? try b.unsqueeze(0) : try b.mT()
        var target = shape
        if shape.count == 1 { target.insert(1, at: 0) }
        return try g.matmul(right).sumTo(target).reshape(shape)
    }

    private static func matmulGradient(_ a: Tensor, right shape: Dims, _ g: Tensor) throws -> Tensor {
        let n = g.sizes[g.rank - 1]
        if shape.count <= 2 && a.rank > 2 {
            // The factor met every matrix of the batch: rows of all of them meet in one product.
            let count = Dims(a.sizes.dropLast()).product
            let rows = try a.reshape([count, a.sizes[a.rank - 1]] as Dims)
            return try rows.t().mm(g.reshape([count, n] as Dims)).reshape(shape)
        }
        let left = a.rank == 1 ? try a.unsqueeze(1) : try a.mT()
        var target = shape
        if shape.count == 1 { target.append(1) }
        return try left.matmul(g).sumTo(target).reshape(shape)
    }

    private func matmulMismatch(_ a: Tensor, _ b: Tensor, _ folds: Bool) -> MartletError {
        let k = a.sizes[a.rank - 1]
        if other1D(b, a) && rank > 2 {
            let rows = numel / Swift.max(k, 1)
            return .runtime("size mismatch, got input (\(rows)), mat (\(rows)x\(k)), vec (\(b.sizes[0]))")
        }
        if folds || b.rank == 2 {
            let rows = k == 0 ? 0 : a.numel / k
            return Tensor.matrixMismatch([rows, k], [b.sizes[b.rank - 2], b.numel / Swift.max(b.sizes[b.rank - 2], 1)])
        }
        let count = (try? broadcastSizes(Dims(a.sizes.dropLast(2)), Dims(b.sizes.dropLast(2))).product) ?? 0
        return .runtime(
            "Expected size for first two dimensions of batch2 tensor to be: [\(count), \(k)] but got: [\(count), \(b.sizes[b.rank - 2])].")
    }

    private func other1D(_ b: Tensor, _ a: Tensor) -> Bool { b.rank == 2 && b.sizes[1] == 1 && a.rank > 2 }

    private func matmulDTypes(_ other: Tensor, _ folds: Bool) throws {
        if folds { try sameDType(other) }
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "expected scalar type \(dtype.scalarTypeName) but found \(other.dtype.scalarTypeName)")
        }
        try refuseBool(folds ? "addmm_impl_cpu_" : "bmm")
    }
}

extension DType {
    /// The C name that some of torch's messages use.
    public var cName: String {
        switch self {
        case .float32: "float"
        case .float64: "double"
        case .int64: "long int"
        case .int32: "int"
        case .int16: "short int"
        case .int8: "signed char"
        case .uint8: "unsigned char"
        case .bool: "bool"
        case .float16: "c10::Half"
        case .bfloat16: "c10::BFloat16"
        }
    }
}
