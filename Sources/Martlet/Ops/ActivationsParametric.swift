/// Activation functions with parameters. Shapes are kept unless said otherwise.
extension Tensor {
    /// x where positive, else slope * x.
    public func leakyRelu(_ slope: Double = 0.01) throws -> Tensor {
        try requireFloat("leaky_relu_cpu")
        let out = try paramKernel(.leakyRelu, self, slope)
        recordPiecewise(out, "LeakyRelu") { g, x in
            try paramBackward(.leakyRelu, g, x, slope)
        }
        return out
    }

    /// scale * x where positive, else scale * alpha * (exp(inputScale * x) - 1).
    public func elu(alpha: Double = 1, scale: Double = 1, inputScale: Double = 1) throws -> Tensor {
        try requireFloat("elu_cpu")
        let out = try paramKernel(.elu, self, alpha, scale, inputScale)
        recordElu(out, "EluBackward0", alpha, scale, inputScale)
        return out
    }

    /// x where positive, else alpha * (exp(x / alpha) - 1).
    public func celu(alpha: Double = 1) throws -> Tensor {
        guard alpha != 0 else { throw MartletError.runtime("ZeroDivisionError: alpha cannot be 0 for CELU") }
        try requireFloat("elu_cpu")
        let out = try paramKernel(.elu, self, alpha, 1, 1 / alpha)
        recordElu(out, "CeluBackward0", alpha, 1, 1 / alpha)
        return out
    }

    func recordElu(_ out: Tensor, _ name: String, _ alpha: Double, _ scale: Double, _ inputScale: Double) {
        recordFromInput(out, name) { g, x in
            guard Tensor.recordsBackward(g, x) else { return try paramBackward(.elu, g, x, alpha, scale, inputScale) }
            let low = try x.clamp(max: .number(0.0))
            let slope = try low.mul(.number(inputScale)).exp().mul(.number(inputScale * alpha * scale))
            return try Tensor.choose(x.le(.number(0)), g.mul(slope), g.mul(.number(scale)))
        }
    }

    /// log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold.
    public func softplus(beta: Double = 1, threshold: Double = 20) throws -> Tensor {
        try requireFloat("softplus_cpu")
        let plain = beta == 1 && threshold == 20
        let out = try plain ? unaryKernel(.softplus, self) : paramKernel(.softplus, self, beta, threshold)
        recordFromInput(out, "SoftplusBackward0") { g, x in
            let recorded = {
                let z = try x.mul(.number(beta))
                return try Tensor.choose(z.gt(.number(threshold)), g, g.mul(z.sigmoid()))
            }
            return plain ? try Tensor.fusedBackward(.softplusBackward, g, x, recorded) : try recorded()
        }
        return out
    }

    /// clamp(x, low, high) with no gradient at the limits. Keeps integers.
    public func hardtanh(_ low: Double = -1, _ high: Double = 1) throws -> Tensor {
        if dtype == .bool { throw MartletError.runtime("Bool inputs not supported for hardtanh") }
        guard low <= high else { throw MartletError.value("min_val cannot be greater than max_val") }
        if dtype == .uint8 && wrapInt64(low) < 0 {
            throw MartletError.runtime("cannot do hardtanh on an unsigned type with negative limits")
        }
        let out =
            dtype.isFloatingPoint
            ? try paramKernel(.clamp, self, low, high)
            : try limited(.number(Int(wrapInt64(low))), .number(Int(wrapInt64(high))))
        recordPiecewise(out, "Hardtanh") { g, x in
            try paramBackward(.hardtanh, g, x, low, high)
        }
        return out
    }

    /// clamp(x, 0, 6). Keeps integers.
    public func relu6() throws -> Tensor { try hardtanh(0, 6) }

    /// ``leakyRelu(_:)`` whose slope is drawn for each negative element from [lower, upper) in training, and is their mean
    /// outside it.
    public func rrelu(_ lower: Double = 1.0 / 8, _ upper: Double = 1.0 / 3, training: Bool = false, generator: Generator? = nil)
        throws -> Tensor
    {
        guard lower <= upper else { throw MartletError.runtime("Lower bound should be less than or equal to the upper bound") }
        if !training {
            let out = try leakyRelu((lower + upper) / 2)
            out.history?.name = "RreluWithNoiseBackward0"
            return out
        }
        try requireFloat("rrelu_with_noise_out_cpu")
        let noise = try rreluNoise(lower, upper, generator ?? .default)
        let out = try withNoGrad { try mul(noise) }
        if GradMode.needs(self) {
            out.attach("RreluWithNoiseBackward0", TensorList(self)) { _, g in [try g[0]?.mul(noise)] }
        }
        return out
    }

    /// Slopes for elements that are not positive, in row-major order; 1 for the others, for which nothing is drawn.
    private func rreluNoise(_ lower: Double, _ upper: Double, _ generator: Generator) throws -> Tensor {
        let positive = try withNoGrad { try gt(.number(0)).contiguous() }
        let noise = try Tensor.ones(Array(sizes), dtype: dtype)
        let p = positive.typed(Bool.self)
        let count = numel
        // The bounds have the precision of the elements (single for half types), the draws are double.
        let low = dtype == .float64 ? lower : Double(Float(lower)), high = dtype == .float64 ? upper : Double(Float(upper))
        let target = noise.lent
        func run<T: TensorElement>(_: T.Type) {
            let o = target.typed(T.self)
            for i in 0..<count where !p[i] { o[i] = T(element: low + (high - low) * generator.unit64()) }
        }
        launch("rrelu_noise") { [dtype] in generator.withLock { withElementType(dtype) { run($0) } } }
        withExtendedLifetime(positive) {}
        return noise
    }

    /// 0 where -lambda <= x <= lambda, else x.
    public func hardshrink(_ lambda: Double = 0.5) throws -> Tensor {
        try refuseSparse("hardshrink")
        try requireFloat("hardshrink_cpu")
        let out = try paramKernel(.hardshrink, self, lambda)
        recordShrink(out, "Hardshrink", lambda)
        return out
    }

    /// x moved towards 0 by lambda, 0 where |x| <= lambda.
    public func softshrink(_ lambda: Double = 0.5) throws -> Tensor {
        try requireFloat("softshrink_check")
        guard lambda >= 0 else {
            throw MartletError.runtime(
                "lambda must be in range [0, \(dtype == .float64 ? "1.79769e+308" : "3.40282e+38")] for input dtype \(dtype.scalarTypeName), but found \(shortText(lambda))")
        }
        let out = try paramKernel(.softshrink, self, lambda)
        recordShrink(out, "Softshrink", lambda)
        return out
    }

    private func recordShrink(_ out: Tensor, _ name: String, _ lambda: Double) {
        recordPiecewise(out, name) { g, x in
            try paramBackward(.shrink, g, x, lambda)
        }
    }

    /// x where x > limit, else `value`. Keeps integers.
    public func threshold(_ limit: Double, _ value: Double) throws -> Tensor {
        if dtype == .bool { throw Tensor.unsupported("threshold_cpu", dtype) }
        let out: Tensor
        if dtype.isFloatingPoint {
            out = try paramKernel(.threshold, self, limit, value)
        } else {
            out = try Tensor.choose(le(.number(Int(wrapInt64(limit)))), .number(Int(wrapInt64(value))), self)
        }
        recordPiecewise(out, "Threshold") { g, x in
            try paramBackward(.threshold, g, x, limit)
        }
        return out
    }

    /// x where positive, else weight * x; `weight` holds one value, or one for each channel (dimension 1).
    public func prelu(_ weight: Tensor) throws -> Tensor {
        guard dtype == weight.dtype else {
            throw MartletError.runtime(
                "prelu: Type promoting not supported. Got \(dtype.scalarTypeName) and \(weight.dtype.scalarTypeName)")
        }
        try requireFloat("prelu_cpu")
        var w = weight
        if weight.numel != 1 {
            guard rank > 0 else { throw MartletError.runtime("Not allow zero-dim input tensor.") }
            let channels = rank > 1 ? sizes[1] : 1
            guard channels == weight.numel else {
                throw MartletError.runtime(
                    "Mismatch of parameter numbers and input channel size. Found parameter numbers = \(weight.numel) and channel size = \(channels).")
            }
            guard weight.rank <= 1 else {
                throw MartletError.runtime(
                    "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = \(weight.rank)")
            }
            var shape = Dims(repeating: 1, count: rank)
            shape[rank > 1 ? 1 : 0] = weight.numel
            w = try weight.reshape(shape)
        } else if weight.rank != rank {
            w = try weight.reshape(Dims(repeating: 1, count: rank))
        }
        let scale = w
        let out = try withNoGrad { try Tensor.choose(gt(.number(0)), self, scale.mul(self)) }
        if GradMode.needs(self, scale) {
            out.attach("PreluKernelBackward0", TensorList(self, scale)) { $0.save(self, scale) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, w) = (try node.saved(0), try node.saved(1))
                let positive = try x.gt(.number(0))
                return [
                    node.needs(0) ? try Tensor.choose(positive, g, w.mul(g)) : nil,
                    node.needs(1) ? try Tensor.choose(positive, .number(0), x.mul(g)) : nil,
                ]
            }
        }
        return out
    }

    /// The first half along `dim` times the sigmoid of the second half; that dimension is halved.
    public func glu(_ dim: Int = -1) throws -> Tensor {
        guard rank > 0 else { throw MartletError.runtime("glu does not support scalars because halving size must be even") }
        let d = try wrapDim(dim, rank)
        guard sizes[d] % 2 == 0 else {
            throw MartletError.runtime("Halving dimension must be even, but dimension \(d) is size \(sizes[d])")
        }
        try requireFloat("glu_cpu")
        let half = sizes[d] / 2
        let out = try withNoGrad { try narrow(d, 0, half).mul(narrow(d, half, half).sigmoid()) }
        recordFromInput(out, "GluBackward0") { g, x in
            let a = try x.narrow(d, 0, half)
            let s = try x.narrow(d, half, half).sigmoid()
            let da = try g.mul(s)
            return try .cat([da, da.mul(a).mul(s.rsub(.number(1)))], d)
        }
        return out
    }
}
