import Glibc

/// Exponentials, logarithms, roots and powers.
///
/// Each takes any shape; integers become the default float dtype unless said otherwise.
extension Tensor {
    public func exp() throws -> Tensor { try unary(.exp, "ExpBackward0", fromOutput: { g, y in try g.mul(y) }) }

    public func exp2() throws -> Tensor {
        try unary(.exp2, "Exp2Backward0", fromOutput: { g, y in try g.mul(y).mul(.number(0.693147180559945309417)) })
    }

    /// exp(x) - 1 without cancellation near 0.
    public func expm1() throws -> Tensor {
        try unary(.expm1, "Expm1Backward0", fromOutput: { g, y in try g.mul(y.add(.number(1))) })
    }

    public func log() throws -> Tensor { try unary(.log, "LogBackward0", fromInput: { g, x in try g.div(x) }) }

    public func log2() throws -> Tensor {
        try unary(.log2, "Log2Backward0", fromInput: { g, x in try g.div(x.mul(.number(0.6931471805599453))) })
    }

    public func log10() throws -> Tensor {
        try unary(.log10, "Log10Backward0", fromInput: { g, x in try g.div(x.mul(.number(2.3025850929940456))) })
    }

    /// log(1 + x) without cancellation near 0.
    public func log1p() throws -> Tensor {
        try unary(.log1p, "Log1PBackward0", fromInput: { g, x in try g.div(x.add(.number(1))) })
    }

    public func sqrt() throws -> Tensor {
        try unary(.sqrt, "SqrtBackward0", fromOutput: { g, y in try g.div(y.mul(.number(2))) })
    }

    /// 1 / sqrt(x).
    public func rsqrt() throws -> Tensor {
        try unary(.rsqrt, "RsqrtBackward0", fromOutput: { g, y in try g.mul(.number(-0.5)).mul(y.pow(.number(3))) })
    }

    /// x * x; keeps integers.
    public func square() throws -> Tensor { try pow(.number(2)) }

    // MARK: Powers

    /// self ** exponent, either of them a tensor or a number. Integers stay integers, and then a negative number
    /// as the exponent is an error.
    ///
    /// Derivatives at 0 are torch's: 0 where the exponent is 0; 0 for the exponent where the base is 0 and the
    /// exponent is not negative.
    public func pow(_ exponent: Tensor) throws -> Tensor {
        let type = Tensor.resultType(self, exponent)
        if exponent.isWrappedNumber && type.isIntegral && exponent.readInt64(at: exponent.offset) < 0 {
            throw MartletError.runtime("Integers to negative integer powers are not allowed.")
        }
        if exponent.isWrappedNumber && !isWrappedNumber { return try powNumber(exponent, type) }
        let out = try binaryKernel(.pow, self, exponent, dtype: type)
        if isWrappedNumber {
            let base = self
            guard GradMode.needs(exponent) else { return out }
            out.attach("PowBackward2", TensorList(exponent)) { node in
                node.save(exponent)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                return TensorList(try Tensor.powExponentGradient(g, base, node.saved(0), node.saved(1)))
            }
            return out
        }
        guard GradMode.needs(self, exponent) else { return out }
        out.attach("PowBackward1", TensorList(self, exponent)) { node in
            node.save(self, exponent)
            if node.needs(1) { node.saveOutput(out) }
        } backward: { node, g in
            guard let g = g[0] else { return [nil, nil] }
            let (x, e) = (try node.saved(0), try node.saved(1))
            var dx: Tensor?
            if node.needs(0) {
                let slope = try g.mul(e.mul(x.pow(e.sub(.number(1)))))
                dx = try Tensor.choose(e.eq(.number(0)), .number(0), slope)
            }
            return TensorList(dx, node.needs(1) ? try Tensor.powExponentGradient(g, x, e, node.saved(2)) : nil)
        }
        return out
    }

    private func powNumber(_ exponent: Tensor, _ type: DType) throws -> Tensor {
        let e = exponent.readDouble(at: exponent.offset)
        let out: Tensor
        if e == 1 && type == dtype {
            out = try withNoGrad { try clone() }
        } else {
            out = try binaryKernel(.pow, self, exponent, dtype: type)
        }
        recordFromInput(out, "PowBackward0") { g, x in
            if e == 0 { return try Tensor.zeros(x.sizes, x.dtype) }
            if e == 2 && x.dtype.isFloatingPoint && !Tensor.recordsBackward(g, x) { return try paramBackward(.scaledProduct, g, x, 2) }
            return try g.mul((e == 2 ? x : x.pow(.number(e - 1))).mul(.number(e)))
        }
        return out
    }

    /// g * result * log(base), without the NaN of 0 * log(0).
    private static func powExponentGradient(_ g: Tensor, _ base: Tensor, _ e: Tensor, _ result: Tensor) throws -> Tensor {
        let log = base.isWrappedNumber ? Tensor.number(Glibc.log(base.readDouble(at: base.offset))) : try base.log()
        let slope = try g.mul(result.mul(log))
        return try choose(base.eq(.number(0)).logicalAnd(e.ge(.number(0))), .number(0), slope)
    }

    /// self ** exponent computed in float64.
    public func floatPower(_ exponent: Tensor) throws -> Tensor {
        let base = isWrappedNumber ? self : try to(.float64)
        let e = exponent.isWrappedNumber ? exponent : try exponent.to(.float64)
        return try base.pow(e)
    }
}
