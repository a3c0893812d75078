/// The larger or smaller of two, limits, and replacement of what is not a number.
extension Tensor {
    /// The larger of two elements; NaN wins. Equal elements share the gradient half and half.
    public func maximum(_ other: Tensor) throws -> Tensor { try extreme(.maximum, other, "MaximumBackward0") }

    /// The smaller of two elements; NaN wins. Equal elements share the gradient half and half.
    public func minimum(_ other: Tensor) throws -> Tensor { try extreme(.minimum, other, "MinimumBackward0") }

    private func extreme(_ op: BinaryOp, _ other: Tensor, _ name: String) throws -> Tensor {
        let out = try binaryKernel(op, self, other)
        if GradMode.needs(self, other) {
            out.attach(name, TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                let shared = try Tensor.choose(a.eq(b), g.div(.number(2)), g)
                let (mineLoses, theirsLoses) = op == .maximum ? (try a.lt(b), try a.gt(b)) : (try a.gt(b), try a.lt(b))
                return [
                    node.needs(0) ? try Tensor.choose(mineLoses, .number(0), shared) : nil,
                    node.needs(1) ? try Tensor.choose(theirsLoses, .number(0), shared) : nil,
                ]
            }
        }
        return out
    }

    /// The larger of two elements; a number wins over NaN. Equal elements give the gradient to self.
    public func fmax(_ other: Tensor) throws -> Tensor { try numberExtreme(.fmax, other, "FmaxBackward0") }

    /// The smaller of two elements; a number wins over NaN. Equal elements give the gradient to self.
    public func fmin(_ other: Tensor) throws -> Tensor { try numberExtreme(.fmin, other, "FminBackward0") }

    private func numberExtreme(_ op: BinaryOp, _ other: Tensor, _ name: String) throws -> Tensor {
        let out = try binaryKernel(op, self, other)
        if GradMode.needs(self, other) {
            out.attach(name, TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                let mine = try (op == .fmax ? a.ge(b) : a.le(b)).logicalOr(b.isnan())
                return [
                    node.needs(0) ? try Tensor.choose(mine, g, .number(0)) : nil,
                    node.needs(1) ? try Tensor.choose(mine, .number(0), g) : nil,
                ]
            }
        }
        return out
    }

    // MARK: Limits

    /// min(max(x, low), high) with either limit left out; limits are numbers or tensors. NaN stays NaN.
    /// The gradient passes where low <= x <= high, the bounds included.
    public func clamp(min low: Tensor? = nil, max high: Tensor? = nil) throws -> Tensor {
        guard low != nil || high != nil else {
            throw MartletError.runtime("torch.clamp: At least one of 'min' or 'max' must not be None")
        }
        if low?.isWrappedNumber ?? true, high?.isWrappedNumber ?? true {
            let out = try limited(low, high)
            recordClamp(out, "ClampBackward1", low, high)
            return out
        }
        let type = Tensor.resultType([self, low, high].compactMap { $0 })
        let out = try withNoGrad {
            var t = self
            if let low { t = try binaryKernel(.maximum, t, low, dtype: type) }
            if let high { t = try binaryKernel(.minimum, t, high, dtype: type) }
            return t
        }
        recordClamp(out, "ClampBackward0", low, high)
        return out
    }

    /// ``clamp(min:max:)`` in place.
    @discardableResult
    public func clampInPlace(min low: Tensor? = nil, max high: Tensor? = nil) throws -> Tensor {
        let numbers = [low, high].compactMap { $0 }
        if !numbers.isEmpty, numbers.allSatisfy({ $0.isWrappedNumber && $0.dtype.category <= dtype.category && !$0.readDouble(at: $0.offset).isNaN }),
            try overwrites(with: [])
        {
            try checkInPlace("clamp_")
            _ = try limited(low, high, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("clamp_", [low, high]) { try $0.clamp(min: low, max: high) }
    }

    /// max(x, low) for a number or tensor.
    public func clampMin(_ low: Tensor) throws -> Tensor {
        try oneLimit(low, isLow: true, "ClampMinBackward")
    }

    /// min(x, high) for a number or tensor.
    public func clampMax(_ high: Tensor) throws -> Tensor {
        try oneLimit(high, isLow: false, "ClampMaxBackward")
    }

    private func oneLimit(_ limit: Tensor, isLow: Bool, _ name: String) throws -> Tensor {
        let (low, high) = isLow ? (limit, nil) : (nil, limit)
        let number = limit.isWrappedNumber
        let out = try number ? limited(low, high) : binaryKernel(isLow ? .maximum : .minimum, self, limit)
        recordClamp(out, name + (number ? "0" : "1"), low, high)
        return out
    }

    /// Clamping to numbers.
    func limited(_ low: Tensor?, _ high: Tensor?, into given: Tensor? = nil) throws -> Tensor {
        let type = Tensor.resultType([self, low, high].compactMap { $0 })
        if type == .bool { throw Tensor.unsupported("clamp_scalar_cpu", type) }
        let (a, b) = (low?.readDouble(at: low!.offset), high?.readDouble(at: high!.offset))
        if type.isFloatingPoint {
            if a?.isNaN ?? false || b?.isNaN ?? false { return try .full(sizes, .number(Double.nan), type) }
            return try paramKernel(.clamp, operand(type), a ?? -.infinity, b ?? .infinity, into: given)
        }
        try low?.checkFits(type)
        try high?.checkFits(type)
        var t = self
        if let low { t = try binaryKernel(.maximum, t, low, dtype: type) }
        if let high { t = try binaryKernel(.minimum, t, high, dtype: type) }
        return t === self ? try to(type, copy: true) : t
    }

    private func recordClamp(_ out: Tensor, _ name: String, _ low: Tensor?, _ high: Tensor?) {
        guard GradMode.needs([self, low, high]) else { return }
        out.attach(name, TensorList(self, low, high)) { $0.save(self, low, high) } backward: { node, g in
            guard let g = g[0] else { return [nil, nil, nil] }
            let x = try node.saved(0)
            let (low, high) = (try node.savedOptional(1), try node.savedOptional(2))
            var grads: TensorList = [nil, nil, nil]
            if low?.isWrappedNumber ?? true, high?.isWrappedNumber ?? true, !Tensor.recordsBackward(g, x) {
                let (a, b) = (low.map { $0.readDouble(at: $0.offset) }, high.map { $0.readDouble(at: $0.offset) })
                return [try paramBackward(.clamp, g, x, a ?? -.infinity, b ?? .infinity), nil, nil]
            }
            if node.needs(0) {
                var inside: Tensor?
                if let low { inside = try x.ge(low) }
                if let high {
                    let below = try x.le(high)
                    inside = try inside?.logicalAnd(below) ?? below
                }
                grads[0] = try Tensor.choose(inside!, g, .number(0))
            }
            if node.needs(1), let low {
                var at = try x.lt(low)
                if let high { at = try at.logicalAnd(low.lt(high)) }
                grads[1] = try Tensor.choose(at, g, .number(0))
            }
            if node.needs(2), let high {
                var at = try x.gt(high)
                if let low { at = try at.logicalOr(high.lt(low)) }
                grads[2] = try Tensor.choose(at, g, .number(0))
            }
            return grads
        }
    }

    /// NaN, +inf and -inf replaced by numbers: by 0 and the dtype's largest and smallest where not given.
    public func nanToNum(nan: Double? = nil, posinf: Double? = nil, neginf: Double? = nil) throws -> Tensor {
        guard dtype.isFloatingPoint else { return try clone() }
        let largest: Double =
            switch dtype {
            case .float32: Double(Float.greatestFiniteMagnitude)
            case .float16: 65504
            case .bfloat16: Double(Float(bitPattern: 0x7f7f_0000))
            default: Double.greatestFiniteMagnitude
            }
        let (n, p, m) = (nan ?? 0, posinf ?? largest, neginf ?? -largest)
        let out = try mapDouble(self) { v in
            v.isNaN ? n : (v == .infinity ? p : (v == -.infinity ? m : v))
        }
        recordFromInput(out, "NanToNumBackward0") { g, x in
            try Tensor.choose(x.isfinite(), g, .number(0))
        }
        return out
    }

    // MARK: Signs and steps

    /// |self| with the sign of `other`.
    public func copysign(_ other: Tensor) throws -> Tensor {
        let out = try binaryKernel(.copysign, self, other, dtype: Tensor.floatResultType(self, other))
        if GradMode.needs(self, other) {
            let name = other.isWrappedNumber ? "CopysignBackward1" : "CopysignBackward0"
            out.attach(name, TensorList(self, other)) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let x = try node.saved(0)
                var dx: Tensor?
                if node.needs(0) {
                    let ratio = try Tensor.choose(x.eq(.number(0)), .number(0), node.saved(1).div(x))
                    dx = try g.mul(ratio)
                }
                return [dx, node.needs(1) ? try .zeros(g.sizes, g.dtype) : nil]
            }
        }
        return out
    }

    /// 0 below zero, 1 above, `values` at zero. torch has no derivative for it.
    public func heaviside(_ values: Tensor) throws -> Tensor {
        guard dtype == values.dtype || isWrappedNumber || values.isWrappedNumber else {
            throw MartletError.runtime("heaviside is not yet implemented for tensors with different dtypes.")
        }
        let out = try binaryKernel(.heaviside, self, values)
        recordUndifferentiable(out, "heaviside", [self, values])
        return out
    }
}
