/// Absolute value, sign, rounding, and division that rounds.
extension Tensor {
    /// |x|; the derivative at 0 is 0.
    public func abs() throws -> Tensor {
        if dtype == .bool { throw Tensor.unsupported("abs_cpu", dtype) }
        let out = try unaryKernel(.abs, self)
        recordFromInput(out, "AbsBackward0") { g, x in
            try Tensor.fusedBackward(.absBackward, g, x) { try g.mul(x.sgn()) }
        }
        return out
    }

    /// -1, 0 or 1.
    public func sign() throws -> Tensor { try unaryFlat(.sign, "SignBackward0") }

    /// ``sign()`` for real numbers.
    public func sgn() throws -> Tensor { try unaryFlat(.sign, "SgnBackward0") }

    public func floor() throws -> Tensor { try rounded(.floor, "FloorBackward0") }
    public func ceil() throws -> Tensor { try rounded(.ceil, "CeilBackward0") }
    public func trunc() throws -> Tensor { try rounded(.trunc, "TruncBackward0") }

    /// To the nearest integer, halves to even; with `decimals`, to that many places (negative ones before the point).
    public func round(decimals: Int = 0) throws -> Tensor {
        if decimals == 0 { return try rounded(.round, "RoundBackward0") }
        guard dtype.isFloatingPoint else { throw Tensor.unsupported("round_cpu", dtype) }
        let scale = (0..<Swift.min(decimals.magnitude, 400)).reduce(1.0) { p, _ in p * 10 }  // 10^400 is infinite
        let out = try withNoGrad {
            let shifted = decimals > 0 ? try mul(.number(scale)) : try div(.number(scale))
            let whole = try unaryKernel(.round, shifted)
            return decimals > 0 ? try whole.div(.number(scale)) : try whole.mul(.number(scale))
        }
        recordFlat(out, "RoundBackward1", [self])
        return out
    }

    private func rounded(_ op: UnaryOp, _ name: String) throws -> Tensor {
        if dtype == .bool { throw Tensor.unsupported("\(op)_vml_cpu", dtype) }
        return try unaryFlat(op, name)
    }

    /// x - trunc(x).
    public func frac() throws -> Tensor {
        try requireFloat("frac")
        let out = try unaryKernel(.frac, self)
        if GradMode.needs(self) { out.attach("FracBackward0", TensorList(self)) { _, g in [g[0]] } }
        return out
    }

    // MARK: Division

    /// How a quotient is rounded; nil in the calls below means true division.
    public enum RoundingMode: Int32, Sendable {
        /// Toward zero, as C divides integers.
        case trunc = 1
        /// Toward minus infinity, as Python's `//`.
        case floor = 2
    }

    /// self / other, rounded by `mode`. Integers stay integers where the quotient is rounded.
    public func div(_ other: Tensor, rounding mode: RoundingMode?) throws -> Tensor {
        guard let mode else {
            let out = try div(other)
            if out.history != nil { out.history!.name = "DivBackward2" }
            return out
        }
        let out = try quotient(other, mode)
        recordFlat(out, "DivBackward2", [self, other])
        return out
    }

    private func quotient(_ other: Tensor, _ mode: RoundingMode) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        if type == .bool { throw Tensor.unsupported(mode == .floor ? "div_floor_cpu" : "div_trunc_cpu", type) }
        return try binaryKernel(mode == .floor ? .floorDivide : .divTrunc, self, other, dtype: type)
    }

    /// floor(self / other), Python's `//`. torch has no derivative for it.
    public func floorDivide(_ other: Tensor) throws -> Tensor {
        let out = try quotient(other, .floor)
        recordUndifferentiable(out, "floor_divide", [self, other])
        return out
    }

    /// The remainder with the sign of the divisor, Python's `%`. Integer division by zero is an error.
    public func remainder(_ other: Tensor) throws -> Tensor { try modulo(other, .remainder, .floor, "Remainder") }

    /// The remainder with the sign of the dividend, C's `fmod`. Integer division by zero is an error.
    public func fmod(_ other: Tensor) throws -> Tensor { try modulo(other, .fmod, .trunc, "Fmod") }

    private func modulo(_ other: Tensor, _ op: BinaryOp, _ mode: RoundingMode, _ name: String) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        if type == .bool { throw Tensor.unsupported(op == .fmod ? "fmod_cpu" : "remainder_cpu", type) }
        let out = try binaryKernel(op, self, other, dtype: type)
        if GradMode.needs(self, other) {
            if other.isWrappedNumber {
                out.attach(name + "Backward0", [self]) { _, g in [g[0]] }
                return out
            }
            out.attach(name + "Backward1", [self, other]) { node in
                if node.needs(1) { node.save(self, other) }
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? g : nil,
                    node.needs(1) ? try g.neg().mul(node.saved(0).div(node.saved(1), rounding: mode)) : nil,
                ]
            }
        }
        return out
    }
}
