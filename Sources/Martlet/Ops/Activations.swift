/// Activation functions without parameters. Shapes are kept. Only floating point is taken, except by ``relu()``.
extension Tensor {
    /// max(x, 0); the derivative at 0 is 0. Keeps integers.
    public func relu() throws -> Tensor {
        if dtype == .bool { throw MartletError.runtime("Boolean inputs not supported for relu") }
        return try unary(.relu, "ReluBackward0", fromOutput: { g, y in
            try Tensor.piecewise("ThresholdBackwardBackward0", g, y) { g, y in try binaryKernel(.reluBackward, g, y) }
        })
    }

    /// ``relu()`` in place.
    @discardableResult
    public func reluInPlace() throws -> Tensor {
        if dtype == .float32 || dtype == .float64, try overwrites(with: []) {
            try checkInPlace("relu_")
            _ = try paramKernel(.threshold, self, 0, 0, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("relu_", keepsInput: false) { try $0.relu() }
    }

    /// x * sigmoid(x).
    public func silu() throws -> Tensor {
        try requireFloat("silu_cpu")
        return try unary(.silu, "SiluBackward0", fromInput: { g, x in
            try Tensor.fusedBackward(.siluBackward, g, x) {
                let s = try x.sigmoid()
                return try g.mul(s.mul(x.mul(s.rsub(.number(1))).add(.number(1))))
            }
        })
    }

    /// x times the normal distribution function at x, or with `tanh` an approximation of it.
    public func gelu(tanh: Bool = false) throws -> Tensor {
        try requireFloat("GeluKernelImpl")
        if tanh {
            return try unary(.geluTanh, "GeluBackward0", fromInput: { g, x in
                try Tensor.fusedBackward(.geluTanhBackward, g, x) {
                    let beta = 0.7978845608028654
                    let kappa = 0.044715
                    let square = try x.mul(x)
                    let t = try x.add(square.mul(x).mul(.number(kappa))).mul(.number(beta)).tanh()
                    let slope = try square.mul(.number(3 * kappa)).add(.number(1)).mul(.number(beta))
                    let left = try t.add(.number(1)).mul(.number(0.5))
                    let right = try x.mul(.number(0.5)).mul(t.mul(t).rsub(.number(1))).mul(slope)
                    return try g.mul(left.add(right))
                }
            })
        }
        return try unary(.gelu, "GeluBackward0", fromInput: { g, x in
            try Tensor.fusedBackward(.geluBackward, g, x) {
                let cdf = try x.mul(.number(0.7071067811865476)).erf().add(.number(1)).mul(.number(0.5))
                let pdf = try x.mul(x).mul(.number(-0.5)).exp().mul(.number(0.3989422804014327))
                return try g.mul(cdf.add(x.mul(pdf)))
            }
        })
    }

    /// x * tanh(softplus(x)).
    public func mish() throws -> Tensor {
        try requireFloat("mish_cpu")
        return try unary(.mish, "MishBackward0", fromInput: { g, x in
            guard Tensor.recordsBackward(g, x) else { return try paramBackward(.mish, g, x) }
            let s = try x.sigmoid()
            let t = try x.softplus().tanh()
            return try g.mul(t.add(x.mul(s).mul(t.mul(t).rsub(.number(1)))))
        })
    }

    /// log(sigmoid(x)).
    public func logsigmoid() throws -> Tensor {
        try requireFloat("log_sigmoid_cpu")
        return try unary(.logsigmoid, "LogSigmoidBackward0", fromInput: { g, x in
            try Tensor.fusedBackward(.logsigmoidBackward, g, x) { try g.mul(x.neg().sigmoid()) }
        })
    }

    /// x * clamp(x + 3, 0, 6) / 6.
    public func hardswish() throws -> Tensor {
        try requireFloat("hardswish_cpu")
        return try unary(.hardswish, "HardswishBackward0", fromInput: { g, x in
            guard Tensor.recordsBackward(g, x) else { return try paramBackward(.hardswish, g, x) }
            let middle = try g.mul(x.div(.number(3)).add(.number(0.5)))
            return try Tensor.choose(
                x.le(.number(-3)), .number(0), Tensor.choose(x.lt(.number(3)), middle, g))
        })
    }

    /// clamp(x + 3, 0, 6) / 6.
    public func hardsigmoid() throws -> Tensor {
        try requireFloat("hardsigmoid_cpu")
        let out = try unaryKernel(.hardsigmoid, self)
        recordPiecewise(out, "Hardsigmoid") { g, x in
            try paramBackward(.hardsigmoid, g, x)
        }
        return out
    }

    /// The exponential linear unit with the constants that keep mean 0 and variance 1.
    public func selu() throws -> Tensor {
        try requireFloat("elu_cpu")
        let out = try unaryKernel(.selu, self)
        recordElu(out, "EluBackward0", 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1)
        return out
    }
}
