import MartletKernels

/// The two-operand arithmetic that kernels know. Raw values are the kernels' codes.
enum BinaryOp: Int32 {
    case add = 0, sub, mul, div, maximum, minimum, pow, atan2, fmod, remainder, floorDivide, copysign, hypot
    case fmax, fmin, xlogy, logaddexp, divTrunc, squaredDifference, heaviside, nextafter
    case tanhBackward, sigmoidBackward, reluBackward, geluBackward, geluTanhBackward, siluBackward
    case softplusBackward, logsigmoidBackward, absBackward
}

/// out = op(a, b) over broadcast operands. The operands are converted to `dtype` (by default their promotion);
/// half types compute in float32 and are rounded once.
func binaryKernel(
    _ op: BinaryOp, _ a: Tensor, _ b: Tensor, dtype: DType? = nil, into out: Tensor? = nil
) throws -> Tensor {
    let common = dtype ?? Tensor.resultType(a, b)
    if common == .float16 || common == .bfloat16 {
        let r = try binaryKernel(op, a, b, dtype: .float32)
        return try withNoGrad { try r.to(common) }
    }
    if let done = try plainBinary(op, a, b, common, into: out) { return done }
    let x = try a.operand(common)
    let y = try b.operand(common)
    let shape = try broadcastSizes(x.sizes, y.sizes)
    let result = try out ?? layout(shape, common, x, y)
    let loop = ElementLoop(result, x, y)
    let (so, sx, sy, _) = loop.inner
    switch common {
    case .float32:
        let (o, p, q) = (result.typed(Float.self), x.typed(Float.self), y.typed(Float.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_binary_f32(op.rawValue, p + j, Int64(sx), q + k, Int64(sy), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("binary", part, [at(o), at(p), at(q)])
    case .float64:
        let (o, p, q) = (result.typed(Double.self), x.typed(Double.self), y.typed(Double.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_binary_f64(op.rawValue, p + j, Int64(sx), q + k, Int64(sy), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("binary", part, [at(o), at(p), at(q)])
    default:
        try integerBinary(op, result, x, y, loop)
        Tape.note("binary", { [r = result.lent, x = x.lent, y = y.lent] in
            do { try integerBinary(op, r, x, y, loop) } catch { Tape.replaying?.fail(error as! MartletError) }
        })
    }
    withExtendedLifetime((x, y)) {}
    return result
}

/// ``binaryKernel(_:_:_:dtype:into:)`` where one call of the kernel does: row-major operands, of which one has the
/// result's sizes and the other the same or one element. A single element of another dtype is converted on the way, which
/// is why this way is not taken while recording.
@inline(__always)
private func plainBinary(_ op: BinaryOp, _ a: Tensor, _ b: Tensor, _ dtype: DType, into given: Tensor?) throws -> Tensor? {
    guard a.sparse == nil, b.sparse == nil, a.isContiguous, b.isContiguous, !Tape.isRecording else { return nil }
    let shaped: Tensor
    if a.numel != 1 || a.rank > b.rank || (b.numel == 1 && a.rank == b.rank) {
        guard b.numel == 1 ? b.rank <= a.rank : a.sizes == b.sizes else { return nil }
        shaped = a
    } else {
        shaped = b
    }
    guard (a.dtype == dtype || a.numel == 1), (b.dtype == dtype || b.numel == 1) else { return nil }
    guard dtype == .float32 || dtype == .float64 else { return nil }
    let out: Tensor
    if let given {
        guard given.isPlain, given.dtype == dtype, given.sizes == shaped.sizes else { return nil }
        out = given
    } else {
        out = try .empty(shaped.sizes, dtype)
    }
    guard out.isPlain else { return nil }
    let n = out.numel
    let (sa, sb) = (a.numel == 1 && n != 1 ? Int64(0) : 1, b.numel == 1 && n != 1 ? Int64(0) : 1)
    if dtype == .float32 {
        var numbers = (Float(0), Float(0))
        withUnsafeMutablePointer(to: &numbers) { pair in
            let room = UnsafeMutableRawPointer(pair).assumingMemoryBound(to: Float.self)
            var (p, q) = (room, room + 1)
            if a.dtype == dtype { p = a.typed() } else { p.pointee = a.elementAsFloat() }
            if b.dtype == dtype { q = b.typed() } else { q.pointee = b.elementAsFloat() }
            mk_binary_f32(op.rawValue, p, sa, q, sb, out.typed(), 1, Int64(n))
        }
    } else {
        var numbers = (0.0, 0.0)
        withUnsafeMutablePointer(to: &numbers) { pair in
            let room = UnsafeMutableRawPointer(pair).assumingMemoryBound(to: Double.self)
            var (p, q) = (room, room + 1)
            if a.dtype == dtype { p = a.typed() } else { p.pointee = a.readDouble(at: a.offset) }
            if b.dtype == dtype { q = b.typed() } else { q.pointee = b.readDouble(at: b.offset) }
            mk_binary_f64(op.rawValue, p, sa, q, sb, out.typed(), 1, Int64(n))
        }
    }
    withExtendedLifetime((a, b)) {}
    return out
}

/// a + alpha * b in float32 or float64, rounded once where the CPU can.
func addScaledKernel(
    _ a: Tensor, _ b: Tensor, _ alpha: Factor, _ dtype: DType, into out: Tensor? = nil
) throws -> Tensor {
    let (x, y) = (try a.operand(dtype), try b.operand(dtype))
    let result = try out ?? layout(broadcastSizes(x.sizes, y.sizes), dtype, x, y)
    let loop = ElementLoop(result, x, y)
    let (so, sx, sy, _) = loop.inner
    if dtype == .float32 {
        let (o, p, q) = (result.typed(Float.self), x.typed(Float.self), y.typed(Float.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_add_scaled_f32(p + j, Int64(sx), q + k, Int64(sy), Float(alpha.value), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("add_scaled", part, [at(o), at(p), at(q)], apart: !alpha.isConstant)
    } else {
        let (o, p, q) = (result.typed(Double.self), x.typed(Double.self), y.typed(Double.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_add_scaled_f64(p + j, Int64(sx), q + k, Int64(sy), alpha.value, o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("add_scaled", part, [at(o), at(p), at(q)], apart: !alpha.isConstant)
    }
    withExtendedLifetime((x, y)) {}
    return result
}

/// A fresh output laid out like the operand that already has its shape.
private func layout(_ shape: Dims, _ dtype: DType, _ x: Tensor, _ y: Tensor) throws -> Tensor {
    if x.sizes == shape { return try x.emptyLike(dtype: dtype) }
    if y.sizes == shape { return try y.emptyLike(dtype: dtype) }
    return try .empty(shape, dtype)
}

extension Tensor {
    /// This bare number in `dtype`, as memory that replays only read.
    private func constant(_ dtype: DType) throws -> Tensor {
        let t = Tensor(storage: try Storage(byteCount: dtype.size, constant: true), offset: 0, sizes: [], strides: [], dtype: dtype)
        Tape.paused { copyKernel(t, self) }
        return t
    }

    /// This tensor's values in `dtype`, without history.
    @inline(__always)
    func operand(_ dtype: DType) throws -> Tensor {
        if isSparse { throw MartletError.notImplemented("sparse tensors do not take part in this operation; use to_dense()") }
        if self.dtype == dtype { return self }
        if isWrappedNumber && Tape.isRecording { return try constant(dtype) }
        return try withNoGrad { try to(dtype) }
    }
}

/// Integer and bool arithmetic; wraps on overflow as torch's does.
private func integerBinary(_ op: BinaryOp, _ out: Tensor, _ a: Tensor, _ b: Tensor, _ loop: ElementLoop) throws {
    if out.dtype == .bool {
        return try boolBinary(op, out, a, b, loop)
    }
    let (so, sa, sb, _) = loop.inner
    var zeroDivision = false
    func run<T: FixedWidthInteger>(_: T.Type) throws {
        let (o, p, q) = (out.typed(T.self), a.typed(T.self), b.typed(T.self))
        @inline(__always) func each(_ f: (T, T) -> T) {
            loop.forEachRun { i, j, k, _, n in for e in 0..<n { o[i + e * so] = f(p[j + e * sa], q[k + e * sb]) } }
        }
        @inline(__always) func division(_ f: @escaping (T, T) -> T) {
            each { x, y in
                if y == 0 {
                    zeroDivision = true
                    return 0
                }
                if T.isSigned && y == (0 &- 1) { return f(x, y) }
                return f(x, y)
            }
        }
        switch op {
        case .add: each { $0 &+ $1 }
        case .sub: each { $0 &- $1 }
        case .mul: each { $0 &* $1 }
        case .maximum, .fmax: each { Swift.max($0, $1) }
        case .minimum, .fmin: each { Swift.min($0, $1) }
        case .floorDivide:
            division { x, y in
                if T.isSigned && y == 0 &- 1 { return 0 &- x }
                let q = x / y
                return (x % y != 0 && (x < 0) != (y < 0)) ? q - 1 : q
            }
        case .divTrunc: division { x, y in T.isSigned && y == 0 &- 1 ? 0 &- x : x / y }
        case .remainder:
            division { x, y in
                if T.isSigned && y == 0 &- 1 { return 0 }
                let r = x % y
                return r != 0 && (r < 0) != (y < 0) ? r + y : r
            }
        case .fmod: division { x, y in T.isSigned && y == 0 &- 1 ? 0 : x % y }
        case .pow:
            each { x, y in
                if y < 0 {
                    // Integers to a negative power: only 1 and -1 have an integer result.
                    if x == 1 { return 1 }
                    if T.isSigned && x == 0 &- 1 { return y & 1 == 0 ? 1 : 0 &- 1 }
                    return 0
                }
                var (r, base, e) = (T(1), x, y)
                while e > 0 {
                    if e & 1 == 1 { r = r &* base }
                    base = base &* base
                    e >>= 1
                }
                return r
            }
        case .absBackward: each { g, x in x > 0 ? g : (x < 0 ? 0 &- g : 0) }
        case .reluBackward: each { g, y in y > 0 ? g : 0 }
        case .squaredDifference: each { ($0 &- $1) &* ($0 &- $1) }
        case .heaviside: each { $0 < 0 ? 0 : ($0 > 0 ? 1 : $1) }
        default: throw Tensor.unsupported("\(op)", out.dtype)
        }
    }
    switch out.dtype {
    case .int64: try run(Int64.self)
    case .int32: try run(Int32.self)
    case .int16: try run(Int16.self)
    case .int8: try run(Int8.self)
    default: try run(UInt8.self)
    }
    if zeroDivision { throw MartletError.runtime("ZeroDivisionError") }
}

private func boolBinary(_ op: BinaryOp, _ out: Tensor, _ a: Tensor, _ b: Tensor, _ loop: ElementLoop) throws {
    let (so, sa, sb, _) = loop.inner
    let (o, p, q) = (out.typed(Bool.self), a.typed(Bool.self), b.typed(Bool.self))
    func each(_ f: (Bool, Bool) -> Bool) {
        loop.forEachRun { i, j, k, _, n in for e in 0..<n { o[i + e * so] = f(p[j + e * sa], q[k + e * sb]) } }
    }
    switch op {
    case .add, .maximum, .fmax: each { $0 || $1 }
    case .mul, .minimum, .fmin: each { $0 && $1 }
    case .heaviside: each { $0 || $1 }
    case .pow: each { $0 || !$1 }
    default: throw Tensor.unsupported("\(op)", .bool)
    }
}

/// The one-operand functions that kernels know. Raw values are the kernels' codes.
enum UnaryOp: Int32 {
    case neg = 0, abs, sign, sqrt, rsqrt, reciprocal, square, exp, exp2, expm1, log, log2, log10, log1p, sin, cos, tan
    case asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, sigmoid, logsigmoid, relu, silu, gelu, geluTanh
    case softplus, erf, erfc, erfinv, lgamma, digamma, floor, ceil, trunc, round, frac, hardswish, hardsigmoid, mish, selu

    /// Whether integers stay integers.
    var keepsIntegers: Bool {
        switch self {
        case .neg, .abs, .sign, .square, .relu, .floor, .ceil, .trunc, .round: true
        default: false
        }
    }
}

/// out = op(a). Integers become the default float dtype unless the function keeps them.
func unaryKernel(_ op: UnaryOp, _ a: Tensor) throws -> Tensor {
    if a.isSparse { throw MartletError.notImplemented("\(op) is not offered for sparse tensors; use to_dense()") }
    if !a.dtype.isFloatingPoint {
        if op.keepsIntegers { return try integerUnary(op, a) }
        return try unaryKernel(op, a.operand(.defaultFloat))
    }
    if a.dtype.size == 2 {
        let r = try unaryKernel(op, a.operand(.float32))
        return try withNoGrad { try r.to(a.dtype) }
    }
    if a.isPlain && !Tape.isRecording {
        let out = try Tensor.empty(a.sizes, a.dtype)
        if a.dtype == .float32 {
            mk_unary_f32(op.rawValue, a.typed(Float.self), 1, out.typed(Float.self), 1, Int64(a.numel))
        } else {
            mk_unary_f64(op.rawValue, a.typed(Double.self), 1, out.typed(Double.self), 1, Int64(a.numel))
        }
        return out
    }
    let out = try a.emptyLike()
    let loop = ElementLoop(out, a)
    let (so, sa, _, _) = loop.inner
    if a.dtype == .float32 {
        let (o, p) = (out.typed(Float.self), a.typed(Float.self))
        func part(_ i: Int, _ j: Int, _: Int, _: Int, _ n: Int) {
            mk_unary_f32(op.rawValue, p + j, Int64(sa), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("unary", part, [at(o), at(p)])
    } else {
        let (o, p) = (out.typed(Double.self), a.typed(Double.self))
        func part(_ i: Int, _ j: Int, _: Int, _: Int, _ n: Int) {
            mk_unary_f64(op.rawValue, p + j, Int64(sa), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("unary", part, [at(o), at(p)])
    }
    return out
}

private func integerUnary(_ op: UnaryOp, _ a: Tensor) throws -> Tensor {
    let out = try a.emptyLike()
    let loop = ElementLoop(out, a)
    let (so, sa, _, _) = loop.inner
    if a.dtype == .bool {
        guard [.sign, .square, .relu, .floor, .ceil, .trunc, .round, .abs].contains(op) else {
            throw Tensor.unsupported("\(op)", .bool)
        }
        copyKernel(out, a)
        return out
    }
    let (target, origin, dtype) = (out.pointer, a.pointer, a.dtype)
    func run<T: FixedWidthInteger>(_: T.Type) {
        let (o, p) = (target.assumingMemoryBound(to: T.self), origin.assumingMemoryBound(to: T.self))
        func each(_ f: (T) -> T) {
            loop.forEachRun { i, j, _, _, n in for e in 0..<n { o[i + e * so] = f(p[j + e * sa]) } }
        }
        switch op {
        case .neg: each { 0 &- $0 }
        case .abs: each { $0 < 0 ? 0 &- $0 : $0 }
        case .sign: each { $0 > 0 ? 1 : ($0 < 0 ? 0 &- 1 : 0) }
        case .square: each { $0 &* $0 }
        case .relu: each { Swift.max($0, 0) }
        default: each { $0 }
        }
    }
    launch("unary") {
        switch dtype {
        case .int64: run(Int64.self)
        case .int32: run(Int32.self)
        case .int16: run(Int16.self)
        case .int8: run(Int8.self)
        default: run(UInt8.self)
        }
    }
    return out
}
