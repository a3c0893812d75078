import MartletKernels

/// Matrix products. Transposed and strided operands are read in place by the kernels.
extension Tensor {
    /// c = alpha * a b + beta * c (+ bias on each row) for matrices of one floating dtype. No checks, no history.
    static func gemm(
        _ a: Tensor, _ b: Tensor, into c: Tensor, alpha: Double = 1, beta: Double = 0, bias: Tensor? = nil
    ) {
        let (m, k, n) = (Int64(a.sizes[0]), Int64(a.sizes[1]), Int64(b.sizes[1]))
        let (ra, ca) = (Int64(a.strides[0]), Int64(a.strides[1]))
        let (rb, cb) = (Int64(b.strides[0]), Int64(b.strides[1]))
        let (rc, cc) = (Int64(c.strides[0]), Int64(c.strides[1]))
        if c.dtype == .float32 {
            mk_gemm_f32(
                m, n, k, Float(alpha), a.typed(), ra, ca, b.typed(), rb, cb, Float(beta), c.typed(), rc, cc,
                bias?.typed())
        } else {
            mk_gemm_f64(
                m, n, k, alpha, a.typed(), ra, ca, b.typed(), rb, cb, beta, c.typed(), rc, cc, bias?.typed())
        }
        withExtendedLifetime((a, b, c, bias)) {}
    }

    /// Integer matrices multiply by plain loops; half types in float32.
    static func product(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        if a.dtype.size == 2 && a.dtype.isFloatingPoint {
            return try withNoGrad { try product(a.to(.float32), b.to(.float32)).to(a.dtype) }
        }
        let out = try Tensor.empty([a.sizes[0], b.sizes[1]], a.dtype)
        if a.dtype.isFloatingPoint {
            gemm(a, b, into: out)
            return out
        }
        func run<T: TensorElement>(_: T.Type) {
            let (p, q, o) = (a.typed(T.self), b.typed(T.self), out.typed(T.self))
            for i in 0..<a.sizes[0] {
                for j in 0..<b.sizes[1] {
                    var s: Int64 = 0
                    for k in 0..<a.sizes[1] {
                        s &+= p[i * a.strides[0] + k * a.strides[1]].asInt64
                            &* q[k * b.strides[0] + j * b.strides[1]].asInt64
                    }
                    o[i * b.sizes[1] + j] = T(element: s)
                }
            }
        }
        withElementType(a.dtype) { run($0) }
        return out
    }

    /// The product of two matrices, (m x k) and (k x n).
    public func mm(_ other: Tensor) throws -> Tensor {
        if isSparse { return try sparseMM(other) }
        guard rank == 2 else { throw MartletError.runtime("self must be a matrix") }
        guard other.rank == 2 else { throw MartletError.runtime("mat2 must be a matrix") }
        guard sizes[1] == other.sizes[0] else {
            throw MartletError.runtime(
                "mat1 and mat2 shapes cannot be multiplied (\(sizes[0])x\(sizes[1]) and \(other.sizes[0])x\(other.sizes[1]))")
        }
        try sameDType("mm", other)
        let out = try Tensor.product(self, other)
        if GradMode.needs(self, other) {
            out.attach("MmBackward0", [self, other]) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { node, g in
                [
                    node.needs(0) ? try g[0]?.mm(node.saved(1).t()) : nil,
                    node.needs(1) ? try node.saved(0).t().mm(g[0]!) : nil,
                ]
            }
        }
        return out
    }

    func sameDType(_ op: String, _ other: Tensor) throws {
        guard dtype == other.dtype else {
            throw MartletError.runtime(
                "expected m1 and m2 to have the same dtype, but got: \(dtype.cName) != \(other.dtype.cName)")
        }
    }

    /// beta * input + alpha * (self @ other); `input` is broadcast.
    public static func addmm(
        _ input: Tensor, _ a: Tensor, _ b: Tensor, beta: Tensor = .number(1), alpha: Tensor = .number(1)
    ) throws -> Tensor {
        guard a.rank == 2 else { throw MartletError.runtime("mat1 must be a matrix, got \(a.rank)-D tensor") }
        guard b.rank == 2 else { throw MartletError.runtime("mat2 must be a matrix, got \(b.rank)-D tensor") }
        guard a.sizes[1] == b.sizes[0] else {
            throw MartletError.runtime(
                "mat1 and mat2 shapes cannot be multiplied (\(a.sizes[0])x\(a.sizes[1]) and \(b.sizes[0])x\(b.sizes[1]))")
        }
        try a.sameDType("addmm", b)
        guard input.dtype == a.dtype else {
            throw MartletError.runtime(
                "self and mat2 must have the same dtype, but got \(input.dtype.scalarTypeName) and \(b.dtype.scalarTypeName)")
        }
        let shape: Dims = [a.sizes[0], b.sizes[1]]
        guard isExpandable(input.sizes, shape) else { _ = try input.expand(shape); return input }
        let (alphaValue, betaValue) = (try alpha.item(), try beta.item())
        if !a.dtype.isFloatingPoint {
            return try withNoGrad { try product(a, b).mul(alpha).add(input.mul(beta)).to(a.dtype) }
        }
        if a.dtype.size == 2 {
            return try addmm(input.to(.float32), a.to(.float32), b.to(.float32), beta: beta, alpha: alpha).to(a.dtype)
        }
        let out = try Tensor.empty(shape, a.dtype)
        let plainBias = betaValue == 1 && input.rank == 1 && input.sizes[0] == shape[1] && input.isContiguous
        if plainBias {
            gemm(a, b, into: out, alpha: alphaValue, bias: input)
        } else if betaValue == 0 {
            gemm(a, b, into: out, alpha: alphaValue)
        } else {
            copyKernel(out, input)
            gemm(a, b, into: out, alpha: alphaValue, beta: betaValue)
        }
        if GradMode.needs(input, a, b) {
            let (inputSizes, scaleA, scaleB) = (input.sizes, alphaValue, betaValue)
            out.attach("AddmmBackward0", [input, a, b]) { node in
                node.save(node.needs(2) ? a : nil, node.needs(1) ? b : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let scaled = scaleA == 1 || !(node.needs(1) || node.needs(2)) ? g : try g.mul(.number(scaleA))
                return [
                    node.needs(0) ? try (scaleB == 1 ? g : g.mul(.number(scaleB))).sumTo(inputSizes) : nil,
                    node.needs(1) ? try scaled.mm(node.saved(1).t()) : nil,
                    node.needs(2) ? try node.saved(0).t().mm(scaled) : nil,
                ]
            }
        }
        return out
    }
}

extension DType {
    /// The C name that some of torch's messages use.
    var cName: String {
        switch self {
        case .float32: "float"
        case .float64: "double"
        case .int64: "long long"
        case .int32: "int"
        case .int16: "short"
        case .int8: "signed char"
        case .uint8: "unsigned char"
        case .bool: "bool"
        case .float16: "c10::Half"
        case .bfloat16: "c10::BFloat16"
        }
    }
}
