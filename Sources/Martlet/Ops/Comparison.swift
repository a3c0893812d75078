import MartletKernels

/// Comparisons. Results are bool; operands are broadcast and compared in their promoted dtype. Nothing is recorded.
extension Tensor {
    public func eq(_ other: Tensor) throws -> Tensor { try compareKernel(.eq, self, other) }
    public func ne(_ other: Tensor) throws -> Tensor { try compareKernel(.ne, self, other) }
    public func lt(_ other: Tensor) throws -> Tensor { try compareKernel(.lt, self, other) }
    public func le(_ other: Tensor) throws -> Tensor { try compareKernel(.le, self, other) }
    public func gt(_ other: Tensor) throws -> Tensor { try compareKernel(.gt, self, other) }
    public func ge(_ other: Tensor) throws -> Tensor { try compareKernel(.ge, self, other) }

    // MARK: Kinds of numbers

    public func isnan() throws -> Tensor { try classify { $0.isNaN } }
    public func isinf() throws -> Tensor { try classify { $0.isInfinite } }
    public func isposinf() throws -> Tensor { try classify { $0 == .infinity } }
    public func isneginf() throws -> Tensor { try classify { $0 == -.infinity } }

    /// Neither infinite nor NaN; true for every integer.
    public func isfinite() throws -> Tensor {
        dtype.isFloatingPoint ? try classify { $0.isFinite } : try .full(sizes, .number(true), .bool)
    }

    /// Whether the sign bit is set, of -0 and NaN too.
    public func signbit() throws -> Tensor {
        dtype.isFloatingPoint ? try classify { $0.sign == .minus } : try lt(.number(0))
    }

    /// A bool of each element; false throughout for integers.
    @inline(__always)
    private func classify(_ f: @escaping (Double) -> Bool) throws -> Tensor {
        if !dtype.isFloatingPoint { return try .zeros(sizes, .bool) }
        let x = try operand(dtype)
        let out = try x.emptyLike(dtype: .bool)
        let loop = ElementLoop(out, x)
        let (so, sx, _, _) = loop.inner
        let (o, origin, dtype) = (out.typed(Bool.self), x.pointer, self.dtype)
        func run<T: TensorElement>(_: T.Type) {
            let p = origin.assumingMemoryBound(to: T.self)
            loop.forEachRun { i, j, _, _, n in for e in 0..<n { o[i + e * so] = f(p[j + e * sx].asDouble) } }
        }
        launch("classify") { withElementType(dtype) { run($0) } }
        return out
    }

    // MARK: Closeness

    /// Whether |self - other| <= atol + rtol * |other|, element by element; equal infinities are close.
    public func isclose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNan: Bool = false) throws
        -> Tensor
    {
        guard dtype == other.dtype else {
            throw MartletError.runtime("\(dtype.scalarTypeName) did not match \(other.dtype.scalarTypeName)")
        }
        guard rtol >= 0 else { throw MartletError.runtime("rtol must be greater than or equal to zero, but got \(rtol)") }
        guard atol >= 0 else { throw MartletError.runtime("atol must be greater than or equal to zero, but got \(atol)") }
        return try withNoGrad {
            var close = try eq(other)
            if equalNan && dtype.isFloatingPoint { close = try close.logicalOr(isnan().logicalAnd(other.isnan())) }
            if rtol == 0 && atol == 0 { return close }
            let (a, b) = dtype.isFloatingPoint ? (self, other) : (try to(.defaultFloat), try other.to(.defaultFloat))
            let allowed = try b.mul(.number(rtol)).abs().add(.number(atol))
            let actual = try a.sub(b).abs()
            return try close.logicalOr(actual.isfinite().logicalAnd(actual.le(allowed)))
        }
    }

    /// Whether every element ``isclose(_:rtol:atol:equalNan:)``.
    public func allclose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNan: Bool = false) throws -> Bool {
        try isclose(other, rtol: rtol, atol: atol, equalNan: equalNan).allTrue()
    }

    /// Whether both have the same sizes and, in their common dtype, elements. NaN is not equal to itself.
    public func equal(_ other: Tensor) throws -> Bool {
        if sizes != other.sizes { return false }
        return try eq(other).allTrue()
    }

    /// Throws `error` where a bool tensor holds a false, at each replay too.
    public func requireAll(_ error: MartletError) throws {
        guard dtype == .bool else { throw MartletError.runtime("requireAll: expected a bool tensor, got \(dtype.name)") }
        let (m, n) = (try contiguous(), numel)
        let p = m.typed(Bool.self)
        func check() throws { if UnsafeBufferPointer(start: p, count: n).contains(false) { throw error } }
        try withExtendedLifetime(m) { try check() }
        Tape.note("check", Tape.repeating(check))
    }

    /// Whether a bool tensor holds no false.
    func allTrue() throws -> Bool {
        if Tape.isRecording { try Tape.refuseReading("a test of all elements", self) }
        let c = try contiguous()
        let p = c.typed(Bool.self)
        return withExtendedLifetime(c) { !UnsafeBufferPointer(start: p, count: c.numel).contains(false) }
    }
}

/// Comparisons that kernels know. Raw values are the kernels' codes.
enum CompareOp: Int32 {
    case eq = 0, ne, lt, le, gt, ge
}

/// out = a op b, bool, over broadcast operands.
func compareKernel(_ op: CompareOp, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    var common = Tensor.resultType(a, b)
    if common.size == 2 && common.isFloatingPoint { common = .float32 }
    let (x, y) = (try a.operand(common), try b.operand(common))
    let shape = try broadcastSizes(x.sizes, y.sizes)
    let out = try layoutLike(shape, .bool, [x, y])
    let loop = ElementLoop(out, x, y)
    let (so, sx, sy, _) = loop.inner
    let o = out.typed(UInt8.self)
    switch common {
    case .float32:
        let (p, q) = (x.typed(Float.self), y.typed(Float.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_compare_f32(op.rawValue, p + j, Int64(sx), q + k, Int64(sy), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("compare", part, [at(o), at(p), at(q)])
    case .float64:
        let (p, q) = (x.typed(Double.self), y.typed(Double.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _: Int, _ n: Int) {
            mk_compare_f64(op.rawValue, p + j, Int64(sx), q + k, Int64(sy), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("compare", part, [at(o), at(p), at(q)])
    case .int64: integerCompare(op, Int64.self, out, x, y, loop)
    case .int32: integerCompare(op, Int32.self, out, x, y, loop)
    case .int16: integerCompare(op, Int16.self, out, x, y, loop)
    case .int8: integerCompare(op, Int8.self, out, x, y, loop)
    default: integerCompare(op, UInt8.self, out, x, y, loop)
    }
    withExtendedLifetime((x, y)) {}
    return out
}

private func integerCompare<T: FixedWidthInteger>(
    _ op: CompareOp, _: T.Type, _ out: Tensor, _ a: Tensor, _ b: Tensor, _ loop: ElementLoop
) {
    let (so, sa, sb, _) = loop.inner
    let (o, p, q) = (out.typed(Bool.self), a.typed(T.self), b.typed(T.self))
    @inline(__always) func each(_ f: (T, T) -> Bool) {
        loop.forEachRun { i, j, k, _, n in for e in 0..<n { o[i + e * so] = f(p[j + e * sa], q[k + e * sb]) } }
    }
    launch("compare") {
        switch op {
        case .eq: each { $0 == $1 }
        case .ne: each { $0 != $1 }
        case .lt: each { $0 < $1 }
        case .le: each { $0 <= $1 }
        case .gt: each { $0 > $1 }
        case .ge: each { $0 >= $1 }
        }
    }
}
