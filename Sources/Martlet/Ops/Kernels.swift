import MartletKernels

// Launching kernels with more than two operands or with parameters.

/// The one-operand functions with parameters that kernels know. Raw values are the kernels' codes.
enum ParamOp: Int32 {
    case clamp = 0, leakyRelu, elu, softplus, threshold, hardshrink, softshrink
}

/// out = op(a; parameters) for floating point `a`; half types compute in float32.
func paramKernel(
    _ op: ParamOp, _ a: Tensor, _ p0: Double, _ p1: Double = 0, _ p2: Double = 0, into given: Tensor? = nil
) throws -> Tensor {
    if a.isSparse { try a.refuseSparse("\(op)") }
    if a.dtype.size == 2 {
        let r = try paramKernel(op, a.operand(.float32), p0, p1, p2)
        return try withNoGrad { try r.to(a.dtype) }
    }
    let out = try given ?? a.emptyLike()
    let loop = ElementLoop(out, a)
    let (so, sa, _, _) = loop.inner
    let parameters = [p0, p1, p2]
    if a.dtype == .float32 {
        let (o, p) = (out.typed(Float.self), a.typed(Float.self))
        func part(_ i: Int, _ j: Int, _: Int, _: Int, _ n: Int) {
            parallelFor(n, grain: 8192) { from, to in
                mk_unary_param_f32(
                    op.rawValue, p + j + from * sa, Int64(sa), o + i + from * so, Int64(so), Int64(to - from), parameters)
            }
        }
        loop.forEachRun(part)
        loop.note("unary", part, [at(o), at(p)])
    } else {
        let (o, p) = (out.typed(Double.self), a.typed(Double.self))
        func part(_ i: Int, _ j: Int, _: Int, _: Int, _ n: Int) {
            parallelFor(n, grain: 8192) { from, to in
                mk_unary_param_f64(
                    op.rawValue, p + j + from * sa, Int64(sa), o + i + from * so, Int64(so), Int64(to - from), parameters)
            }
        }
        loop.forEachRun(part)
        loop.note("unary", part, [at(o), at(p)])
    }
    return out
}

/// The derivatives with parameters that kernels know. Raw values are the kernels' codes.
enum ParamBackwardOp: Int32 {
    case leakyRelu = 0, elu, hardtanh, clamp, shrink, threshold, hardswish, hardsigmoid, mish, scaledProduct
}

/// out = op(g, x; parameters), the gradient of x from that of the result; half types compute in float32.
func paramBackward(
    _ op: ParamBackwardOp, _ g: Tensor, _ x: Tensor, _ p0: Double = 0, _ p1: Double = 0, _ p2: Double = 0
) throws -> Tensor {
    if x.dtype.size == 2 {
        let r = try paramBackward(op, g.operand(.float32), x.operand(.float32), p0, p1, p2)
        return try withNoGrad { try r.to(x.dtype) }
    }
    let g = try g.operand(x.dtype)
    let out = try layoutLike(try broadcastSizes(g.sizes, x.sizes), x.dtype, [x, g])
    let loop = ElementLoop(out, g, x)
    let (so, sg, sx, _) = loop.inner
    let parameters = [p0, p1, p2]
    if x.dtype == .float32 {
        let (o, p, q) = (out.typed(Float.self), g.typed(Float.self), x.typed(Float.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_binary_param_f32(op.rawValue, p + j, Int64(sg), q + k, Int64(sx), o + i, Int64(so), Int64(n), parameters)
        }
        loop.forEachRun(part)
        loop.note("binary", part, [at(o), at(p), at(q)])
    } else {
        let (o, p, q) = (out.typed(Double.self), g.typed(Double.self), x.typed(Double.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_binary_param_f64(op.rawValue, p + j, Int64(sg), q + k, Int64(sx), o + i, Int64(so), Int64(n), parameters)
        }
        loop.forEachRun(part)
        loop.note("binary", part, [at(o), at(p), at(q)])
    }
    withExtendedLifetime((g, x)) {}
    return out
}

/// What three operands are combined to.
enum TernaryOp {
    case addcmul(Factor), addcdiv(Factor), lerp

    var isConstant: Bool {
        switch self {
        case .addcmul(let f), .addcdiv(let f): f.isConstant
        case .lerp: true
        }
    }
}

/// A number that a kernel takes apart from its operands. While recording, one that is a tensor's element and no constant is
/// read by each launch: replays find the value that it has then.
struct Factor {
    private let number: Double
    private let place: Tensor?
    private let sign: Double

    init(_ t: Tensor, negated: Bool = false) throws {
        try t.checkOneElement()
        place = t.isWrappedNumber || !Tape.isNoting ? nil : t.lent
        sign = negated ? -1 : 1
        number = sign * t.readDouble(at: t.offset)
    }

    var isConstant: Bool { place == nil }
    var value: Double { place.map { sign * $0.readDouble(at: $0.offset) } ?? number }
}

/// out = op(a, b, c) over broadcast operands in `common`, a floating dtype; half types compute in float32.
func ternaryKernel(
    _ op: TernaryOp, _ a: Tensor, _ b: Tensor, _ c: Tensor, dtype common: DType, into given: Tensor? = nil
) throws -> Tensor {
    if common.size == 2 {
        let r = try ternaryKernel(op, a, b, c, dtype: .float32)
        return try withNoGrad { try r.to(common) }
    }
    let (x, y, z) = (try a.operand(common), try b.operand(common), try c.operand(common))
    let shape = try broadcastSizes(try broadcastSizes(x.sizes, y.sizes), z.sizes)
    let out = try given ?? layoutLike(shape, common, [x, y, z])
    let loop = ElementLoop(out, x, y, z)
    let (so, sx, sy, sz) = loop.inner
    let (ko, kx, ky, kz) = (Int64(so), Int64(sx), Int64(sy), Int64(sz))
    if common == .float32 {
        let (o, p, q, r) = (out.typed(Float.self), x.typed(Float.self), y.typed(Float.self), z.typed(Float.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _ l: Int, _ n: Int) {
            parallelFor(n) { from, to in
                let m = Int64(to - from)
                let (u, v, w, d) = (p + j + from * sx, q + k + from * sy, r + l + from * sz, o + i + from * so)
                switch op {
                case .addcmul(let s): mk_addcmul_f32(u, kx, v, ky, w, kz, Float(s.value), d, ko, m)
                case .addcdiv(let s): mk_addcdiv_f32(u, kx, v, ky, w, kz, Float(s.value), d, ko, m)
                case .lerp: mk_lerp_f32(u, kx, v, ky, w, kz, d, ko, m)
                }
            }
        }
        loop.forEachRun(part)
        loop.note("ternary", part, [at(o), at(p), at(q), at(r)], apart: !op.isConstant)
    } else {
        let (o, p, q, r) = (out.typed(Double.self), x.typed(Double.self), y.typed(Double.self), z.typed(Double.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _ l: Int, _ n: Int) {
            parallelFor(n) { from, to in
                let m = Int64(to - from)
                let (u, v, w, d) = (p + j + from * sx, q + k + from * sy, r + l + from * sz, o + i + from * so)
                switch op {
                case .addcmul(let s): mk_addcmul_f64(u, kx, v, ky, w, kz, s.value, d, ko, m)
                case .addcdiv(let s): mk_addcdiv_f64(u, kx, v, ky, w, kz, s.value, d, ko, m)
                case .lerp: mk_lerp_f64(u, kx, v, ky, w, kz, d, ko, m)
                }
            }
        }
        loop.forEachRun(part)
        loop.note("ternary", part, [at(o), at(p), at(q), at(r)], apart: !op.isConstant)
    }
    withExtendedLifetime((x, y, z)) {}
    return out
}

/// A fresh output laid out like the first operand that already has its shape.
func layoutLike(_ shape: Dims, _ dtype: DType, _ operands: [Tensor]) throws -> Tensor {
    for t in operands where t.sizes == shape { return try t.emptyLike(dtype: dtype) }
    return try .empty(shape, dtype)
}

/// out = f(a) one double at a time, for functions that have no kernel.
func mapDouble(_ a: Tensor, _ f: @escaping (Double) -> Double) throws -> Tensor {
    try a.refuseSparse("pointwise functions")
    let x = try a.operand(a.dtype.isFloatingPoint ? a.dtype : .defaultFloat)
    let out = try x.emptyLike()
    let loop = ElementLoop(out, x)
    let (so, sx, _, _) = loop.inner
    let (target, origin, dtype) = (out.pointer, x.pointer, x.dtype)
    func run<T: TensorElement>(_: T.Type) {
        let (o, p) = (target.assumingMemoryBound(to: T.self), origin.assumingMemoryBound(to: T.self))
        loop.forEachRun { i, j, _, _, n in
            for e in 0..<n { o[i + e * so] = T(element: f(p[j + e * sx].asDouble)) }
        }
    }
    launch("map") { withElementType(dtype) { run($0) } }
    withExtendedLifetime(x) {}
    return out
}

extension Tensor {
    /// op(self), its derivative written from the operand.
    @inline(__always)
    func unary(
        _ op: UnaryOp, _ name: String, fromInput backward: @escaping (_ g: Tensor, _ x: Tensor) throws -> Tensor
    ) throws -> Tensor {
        let out = try unaryKernel(op, self)
        recordFromInput(out, name, backward)
        return out
    }

    /// op(self), its derivative written from the result.
    @inline(__always)
    func unary(
        _ op: UnaryOp, _ name: String, fromOutput backward: @escaping (_ g: Tensor, _ y: Tensor) throws -> Tensor
    ) throws -> Tensor {
        let out = try unaryKernel(op, self)
        if GradMode.needs(self) {
            out.attach(name, TensorList(self)) { $0.saveOutput(out) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                return [try backward(g, node.saved(0))]
            }
        }
        return out
    }

    /// Records `out` as a function of this tensor, which is kept for the way back.
    @inline(__always)
    func recordFromInput(
        _ out: Tensor, _ name: String, _ backward: @escaping (_ g: Tensor, _ x: Tensor) throws -> Tensor
    ) {
        if GradMode.needs(self) {
            out.attach(name, TensorList(self)) { $0.save(self) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                return [try backward(g, node.saved(0))]
            }
        }
    }

    /// op(self) for step functions: the derivative is zero wherever it exists.
    @inline(__always)
    func unaryFlat(_ op: UnaryOp, _ name: String) throws -> Tensor {
        let out = try unaryKernel(op, self)
        recordFlat(out, name, [self])
        return out
    }

    /// The gradient step of a function made of straight pieces: `gradient(g, x)` is linear in g and constant in x
    /// between the kinks. It depends on x all the same, with a derivative of zero, as torch's does.
    static func piecewise(
        _ name: String, _ g: Tensor, _ x: Tensor, _ gradient: @escaping (_ g: Tensor, _ x: Tensor) throws -> Tensor
    ) throws -> Tensor {
        let out = try withNoGrad { try gradient(g, x) }
        if GradMode.needs(g, x) {
            out.attach(name, TensorList(g, x)) { $0.save(x) } backward: { node, gg in
                guard let gg = gg[0] else { return [nil, nil] }
                let x = try node.saved(0)
                return [
                    node.needs(0) ? try piecewise(name, gg, x, gradient) : nil,
                    node.needs(1) ? try .zeros(x.sizes, x.dtype) : nil,
                ]
            }
        }
        return out
    }

    /// Records `out` as a function of straight pieces; see ``piecewise(_:_:_:_:)``.
    func recordPiecewise(
        _ out: Tensor, _ name: String, _ gradient: @escaping (_ g: Tensor, _ x: Tensor) throws -> Tensor
    ) {
        recordFromInput(out, name + "Backward0") { g, x in
            try Tensor.piecewise(name + "BackwardBackward0", g, x, gradient)
        }
    }

    /// Records `out` as a function whose derivatives are zero.
    func recordFlat(_ out: Tensor, _ name: String, _ inputs: [Tensor]) {
        guard GradMode.needs(inputs) else { return }
        out.attach(name, TensorList(inputs)) { node, g in
            TensorList(try node.edges.map { edge in edge == nil ? nil : try g[0].map { try Tensor.zeros($0.sizes, $0.dtype) } })
        }
    }

    /// Records `out` as a function that has no derivative: asking for one is an error.
    func recordUndifferentiable(_ out: Tensor, _ aten: String, _ inputs: [Tensor]) {
        guard GradMode.needs(inputs) else { return }
        out.attach("NotImplemented", TensorList(inputs)) { _, _ in
            throw MartletError.runtime("derivative for aten::\(aten) is not implemented")
        }
    }

    /// `g` times the derivative in one kernel (`fused`: a = g, b = kept tensor) where nothing is recorded, else by
    /// differentiable operations.
    @inline(__always)
    static func fusedBackward(
        _ fused: BinaryOp, _ g: Tensor, _ kept: Tensor, _ recorded: () throws -> Tensor
    ) throws -> Tensor {
        GradMode.isEnabled && (g.requiresGrad || kept.requiresGrad)
            ? try recorded() : try binaryKernel(fused, g, kept)
    }

    /// Whether the step that turns `g` into a gradient by way of `kept` is itself recorded.
    @inline(__always)
    static func recordsBackward(_ g: Tensor, _ kept: Tensor) -> Bool {
        GradMode.isEnabled && (g.requiresGrad || kept.requiresGrad)
    }

    /// torch's error for a dtype that an operation does not take.
    static func unsupported(_ kernel: String, _ dtype: DType) -> MartletError {
        .notImplemented("\"\(kernel)\" not implemented for '\(dtype.scalarTypeName)'")
    }

    func requireFloat(_ kernel: String) throws {
        if !dtype.isFloatingPoint { throw Tensor.unsupported(kernel, dtype) }
    }
}
