/// Arithmetic on two tensors with broadcasting and torch's promotion. Numbers take part as 0-dim tensors.
extension Tensor {
    /// self + alpha * other.
    public func add(_ other: Tensor, alpha: Tensor? = nil) throws -> Tensor {
        if isSparse || other.isSparse { return try addSparse(other, alpha) }
        if let alpha { return try addScaled("AddBackward0", other, alpha, negate: false) }
        let out = try binaryKernel(.add, self, other)
        if GradMode.needs(self, other) {
            out.attach("AddBackward0", TensorList(self, other)) { node, g in TensorList(g[0], g[0]) }
        }
        return out
    }

    /// self - alpha * other.
    public func sub(_ other: Tensor, alpha: Tensor? = nil) throws -> Tensor {
        if isSparse || other.isSparse {
            let out = try addSparse(other.isSparse ? other.neg() : other, alpha)
            out.history?.name = "SubBackward0"
            return out
        }
        if dtype == .bool && other.dtype == .bool {
            throw MartletError.runtime(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.")
        }
        if dtype == .bool || other.dtype == .bool {
            throw MartletError.runtime(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.")
        }
        if let alpha { return try addScaled("SubBackward0", other, alpha, negate: true) }
        let out = try binaryKernel(.sub, self, other)
        if GradMode.needs(self, other) {
            out.attach("SubBackward0", TensorList(self, other)) { node, g in TensorList(g[0], node.needs(1) ? try g[0]?.neg() : nil) }
        }
        return out
    }

    /// other - self, torch's name for a number minus a tensor.
    public func rsub(_ other: Tensor, alpha: Tensor? = nil) throws -> Tensor {
        if other.isWrappedNumber && alpha == nil && dtype != .bool {
            let out = try binaryKernel(.sub, other, self)
            if GradMode.needs(self) { out.attach("RsubBackward1", TensorList(self)) { _, g in TensorList(try g[0]?.neg()) } }
            return out
        }
        let out = try other.sub(self, alpha: alpha)
        out.history?.name = "RsubBackward0"
        return out
    }

    /// In floating point product and sum are rounded once, as in torch's kernels on CPUs with fused multiply-add.
    private func addScaled(_ name: String, _ other: Tensor, _ alpha: Tensor, negate: Bool) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard alpha.dtype.category <= type.category else {
            throw MartletError.runtime(
                type == .bool ? "Boolean alpha only supported for Boolean results."
                    : "For integral input tensors, argument alpha must not be a floating point number.")
        }
        if alpha.dtype == .bool && type != .bool {
            throw MartletError.runtime("Boolean alpha only supported for Boolean results.")
        }
        let out: Tensor
        if type == .float32 || type == .float64 {
            out = try addScaledKernel(self, other, Factor(alpha, negated: negate), type)
        } else {
            let scaled = try binaryKernel(.mul, other, alpha, dtype: type)
            out = try binaryKernel(negate ? .sub : .add, self, scaled, dtype: type)
        }
        if GradMode.needs(self, other) {
            let alpha = try alpha.asFactor(type)
            out.attach(name, TensorList(self, other)) { node, g in
                TensorList(g[0], node.needs(1) ? try (negate ? g[0]?.neg() : g[0])?.mul(alpha) : nil)
            }
        }
        return out
    }

    public func mul(_ other: Tensor) throws -> Tensor {
        if isSparse || other.isSparse { return try mulSparse(other) }
        let out = try binaryKernel(.mul, self, other)
        if GradMode.needs(self, other) {
            out.attach("MulBackward0", TensorList(self, other)) { node in
                node.save(node.needs(1) ? self : nil, node.needs(0) ? other : nil)
            } backward: { node, g in
                TensorList(
                    node.needs(0) ? try g[0]?.mul(node.saved(1)) : nil,
                    node.needs(1) ? try g[0]?.mul(node.saved(0)) : nil)
            }
        }
        return out
    }

    /// True division: integers give the default float dtype.
    public func div(_ other: Tensor) throws -> Tensor {
        if isSparse { return try divSparse(other) }
        let type = Tensor.resultType(self, other)
        let out = try binaryKernel(.div, self, other, dtype: type.isFloatingPoint ? type : .defaultFloat)
        if GradMode.needs(self, other) {
            out.attach("DivBackward0", TensorList(self, other)) { node in
                node.save(node.needs(1) ? self : nil, other)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let d = try node.saved(1)
                return TensorList(
                    node.needs(0) ? try g.div(d) : nil,
                    node.needs(1) ? try g.neg().mul(node.saved(0).div(d).div(d)) : nil)
            }
        }
        return out
    }

    public func neg() throws -> Tensor {
        if dtype == .bool {
            throw MartletError.runtime(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.")
        }
        if isSparse { return try negSparse() }
        let out = try unaryKernel(.neg, self)
        if GradMode.needs(self) { out.attach("NegBackward0", TensorList(self)) { _, g in TensorList(try g[0]?.neg()) } }
        return out
    }

    public func reciprocal() throws -> Tensor {
        let out = try unaryKernel(.reciprocal, self)
        if GradMode.needs(self) {
            out.attach("ReciprocalBackward0", TensorList(self)) { $0.saveOutput(out) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let r = try node.saved(0)
                return TensorList(try g.neg().mul(r.mul(r)))
            }
        }
        return out
    }

    /// This number as it is now, for a derivative of that dtype.
    func asFactor(_ dtype: DType) throws -> Tensor {
        isWrappedNumber ? self : try withNoGrad { try to(dtype, copy: true) }
    }

    // MARK: In place

    @discardableResult
    public func addInPlace(_ other: Tensor, alpha: Tensor? = nil) throws -> Tensor {
        if isSparse || other.isSparse { return try addSparseInPlace(other, alpha) }
        if try alpha?.dtype != .bool && writesDirectly(other) {
            try checkInPlace("add_")
            if let alpha {
                _ = try addScaledKernel(self, other, Factor(alpha), dtype, into: self)
            } else {
                _ = try binaryKernel(.add, self, other, dtype: dtype, into: self)
            }
            bumpVersion()
            return self
        }
        return try inPlace("add_", [other], keepsInput: false) { try $0.add(other, alpha: alpha) }
    }

    @discardableResult
    public func subInPlace(_ other: Tensor, alpha: Tensor? = nil) throws -> Tensor {
        if try alpha?.dtype != .bool && writesDirectly(other) {
            try checkInPlace("sub_")
            if let alpha {
                _ = try addScaledKernel(self, other, Factor(alpha, negated: true), dtype, into: self)
            } else {
                _ = try binaryKernel(.sub, self, other, dtype: dtype, into: self)
            }
            bumpVersion()
            return self
        }
        return try inPlace("sub_", [other], keepsInput: false) { try $0.sub(other, alpha: alpha) }
    }

    @discardableResult
    public func mulInPlace(_ other: Tensor) throws -> Tensor {
        if isSparse { return try adoptSparse("mul_", mulSparse(other)) }
        if try writesDirectly(other) {
            try checkInPlace("mul_")
            _ = try binaryKernel(.mul, self, other, dtype: dtype, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("mul_", [other]) { try $0.mul(other) }
    }

    @discardableResult
    public func divInPlace(_ other: Tensor) throws -> Tensor {
        if isSparse { return try adoptSparse("div_", div(other)) }
        if try dtype.isFloatingPoint && writesDirectly(other) {
            try checkInPlace("div_")
            _ = try binaryKernel(.div, self, other, dtype: dtype, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("div_", [other]) { try $0.div(other) }
    }

    /// Whether an in-place form may compute straight into this tensor: nothing is recorded and neither shape,
    /// dtype nor overlapping memory stands in the way.
    func writesDirectly(_ other: Tensor) throws -> Bool {
        !(GradMode.needs(self, other)) && dtype.size >= 4 && dtype.isFloatingPoint && !other.isSparse
            && Tensor.resultType(self, other) == dtype && (other.sizes == sizes || Tensor.isExpandable(other.sizes, sizes))
            && (!sharesMemory(with: other) || (other.strides == strides && other.offset == offset && other.sizes == sizes))
    }
}
