/// Logical and bitwise operations. Nothing is recorded.
extension Tensor {
    // MARK: Logical: any dtype, nonzero (NaN too) is true, bool results

    public func logicalAnd(_ other: Tensor) throws -> Tensor { try logical(other) { $0 && $1 } }
    public func logicalOr(_ other: Tensor) throws -> Tensor { try logical(other) { $0 || $1 } }
    public func logicalXor(_ other: Tensor) throws -> Tensor { try logical(other) { $0 != $1 } }
    public func logicalNot() throws -> Tensor {
        let x = try operand(.bool)
        let out = try x.emptyLike()
        let loop = ElementLoop(out, x)
        let (so, sx, _, _) = loop.inner
        let (o, p) = (out.typed(Bool.self), x.typed(Bool.self))
        launch("not") { loop.forEachRun { i, j, _, _, n in for e in 0..<n { o[i + e * so] = !p[j + e * sx] } } }
        withExtendedLifetime(x) {}
        return out
    }

    @inline(__always)
    private func logical(_ other: Tensor, _ f: @escaping (Bool, Bool) -> Bool) throws -> Tensor {
        try bits(Bool.self, operand(.bool), other.operand(.bool), f)
    }

    /// out = f(a, b) over broadcast operands that both have the element type.
    @inline(__always)
    func bits<E: TensorElement>(_: E.Type, _ x: Tensor, _ y: Tensor, _ f: @escaping (E, E) -> E) throws -> Tensor {
        let out = try layoutLike(try broadcastSizes(x.sizes, y.sizes), E.dtype, [x, y])
        let loop = ElementLoop(out, x, y)
        let (so, sx, sy, _) = loop.inner
        let (o, p, q) = (out.typed(E.self), x.typed(E.self), y.typed(E.self))
        launch("bits") {
            loop.forEachRun { i, j, k, _, n in for e in 0..<n { o[i + e * so] = f(p[j + e * sx], q[k + e * sy]) } }
        }
        withExtendedLifetime((x, y)) {}
        return out
    }

    // MARK: Bitwise: integers and bools

    /// The two-operand bitwise operations.
    public enum BitwiseOp: Sendable {
        case and, or, xor, leftShift, rightShift

        var kernelName: String {
            switch self {
            case .and: "bitwise_and_cpu"
            case .or: "bitwise_or_cpu"
            case .xor: "bitwise_xor_cpu"
            case .leftShift: "lshift_cpu"
            case .rightShift: "rshift_cpu"
            }
        }
    }

    public func bitwiseAnd(_ other: Tensor) throws -> Tensor { try bitwise(.and, other) }
    public func bitwiseOr(_ other: Tensor) throws -> Tensor { try bitwise(.or, other) }
    public func bitwiseXor(_ other: Tensor) throws -> Tensor { try bitwise(.xor, other) }

    /// self * 2^other; what does not fit is dropped, a shift by the width or more (or by less than 0) gives 0.
    public func bitwiseLeftShift(_ other: Tensor) throws -> Tensor { try bitwise(.leftShift, other) }

    /// self / 2^other rounded down; a shift by the width or more gives 0 or -1.
    public func bitwiseRightShift(_ other: Tensor) throws -> Tensor { try bitwise(.rightShift, other) }

    private func bitwise(_ op: BitwiseOp, _ other: Tensor) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        if type.isFloatingPoint { throw Tensor.unsupported(op.kernelName, type) }
        let (x, y) = (try operand(type), try other.operand(type))
        if type == .bool {
            switch op {
            case .and: return try bits(Bool.self, x, y) { $0 && $1 }
            case .or: return try bits(Bool.self, x, y) { $0 || $1 }
            case .xor: return try bits(Bool.self, x, y) { $0 != $1 }
            default: throw Tensor.unsupported(op.kernelName, type)
            }
        }
        func run<E: IntegerElement>(_: E.Type) throws -> Tensor {
            switch op {
            case .and: try bits(E.self, x, y) { $0 & $1 }
            case .or: try bits(E.self, x, y) { $0 | $1 }
            case .xor: try bits(E.self, x, y) { $0 ^ $1 }
            case .leftShift: try bits(E.self, x, y) { a, b in b < 0 || b >= E.bitWidth ? 0 : a &<< b }
            case .rightShift:
                try bits(E.self, x, y) { a, b in b < 0 || b >= E.bitWidth ? (a < 0 ? 0 &- 1 : 0) : a &>> b }
            }
        }
        switch type {
        case .int64: return try run(Int64.self)
        case .int32: return try run(Int32.self)
        case .int16: return try run(Int16.self)
        case .int8: return try run(Int8.self)
        default: return try run(UInt8.self)
        }
    }

    public func bitwiseNot() throws -> Tensor {
        if dtype.isFloatingPoint { throw Tensor.unsupported("bitwise_not_cpu", dtype) }
        if dtype == .bool { return try logicalNot() }
        return try bitwise(.xor, .number(-1).to(dtype))
    }
}
