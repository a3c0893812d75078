/// Operations on three tensors: a + value * b * c, a + value * b / c and interpolation. Operands are broadcast.
extension Tensor {
    /// self + value * tensor1 * tensor2.
    public func addcmul(_ tensor1: Tensor, _ tensor2: Tensor, value: Tensor = .number(1)) throws -> Tensor {
        let type = Tensor.resultType([self, tensor1, tensor2])
        let out: Tensor
        if type.isFloatingPoint {
            out = try ternaryKernel(.addcmul(Factor(value)), self, tensor1, tensor2, dtype: type)
        } else {
            try Tensor.checkIntegerScale(value, type)
            if type == .bool { throw Tensor.unsupported("addcmul_cpu_out", type) }
            let product = try binaryKernel(.mul, binaryKernel(.mul, value, tensor1, dtype: type), tensor2, dtype: type)
            out = try binaryKernel(.add, self, product, dtype: type)
        }
        if GradMode.needs(self, tensor1, tensor2) {
            let value = try value.asFactor(type)
            out.attach("AddcmulBackward0", TensorList(self, tensor1, tensor2)) { node in
                node.save(node.needs(2) ? tensor1 : nil, node.needs(1) ? tensor2 : nil)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                return [
                    node.needs(0) ? g : nil,
                    node.needs(1) ? try g.mul(node.saved(1).mul(value)) : nil,
                    node.needs(2) ? try g.mul(node.saved(0).mul(value)) : nil,
                ]
            }
        }
        return out
    }

    /// self + value * tensor1 / tensor2; floating point only.
    public func addcdiv(_ tensor1: Tensor, _ tensor2: Tensor, value: Tensor = .number(1)) throws -> Tensor {
        try Tensor.checkAddcdiv(tensor1, tensor2)
        let type = Tensor.resultType([self, tensor1, tensor2])
        let out = try ternaryKernel(.addcdiv(Factor(value)), self, tensor1, tensor2, dtype: type)
        if GradMode.needs(self, tensor1, tensor2) {
            let value = try value.asFactor(type)
            out.attach("AddcdivBackward0", TensorList(self, tensor1, tensor2)) { node in
                node.save(node.needs(2) ? tensor1 : nil, tensor2)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let d = try node.saved(1)
                return [
                    node.needs(0) ? g : nil,
                    node.needs(1) ? try g.mul(value.div(d)) : nil,
                    node.needs(2) ? try g.neg().mul(node.saved(0).mul(value).div(d.mul(d))) : nil,
                ]
            }
        }
        return out
    }

    private static func checkAddcdiv(_ a: Tensor, _ b: Tensor) throws {
        if !a.dtype.isFloatingPoint && !b.dtype.isFloatingPoint {
            throw MartletError.runtime(
                "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes.")
        }
    }

    private static func checkIntegerScale(_ value: Tensor, _ type: DType) throws {
        if value.dtype.category > type.category {
            throw MartletError.runtime("For integral input tensors, argument value must not be a floating point number.")
        }
    }

    @discardableResult
    public func addcmulInPlace(_ tensor1: Tensor, _ tensor2: Tensor, value: Tensor = .number(1)) throws -> Tensor {
        if try overwrites(with: [tensor1, tensor2]) {
            try checkInPlace("addcmul_")
            _ = try ternaryKernel(.addcmul(Factor(value)), self, tensor1, tensor2, dtype: dtype, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("addcmul_", [tensor1, tensor2]) { try $0.addcmul(tensor1, tensor2, value: value) }
    }

    @discardableResult
    public func addcdivInPlace(_ tensor1: Tensor, _ tensor2: Tensor, value: Tensor = .number(1)) throws -> Tensor {
        if try overwrites(with: [tensor1, tensor2]) {
            try Tensor.checkAddcdiv(tensor1, tensor2)
            try checkInPlace("addcdiv_")
            _ = try ternaryKernel(.addcdiv(Factor(value)), self, tensor1, tensor2, dtype: dtype, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("addcdiv_", [tensor1, tensor2]) { try $0.addcdiv(tensor1, tensor2, value: value) }
    }

    // MARK: Interpolation

    /// self + weight * (end - self), computed from the nearer end so that both ends are met exactly.
    /// `weight` is a number or a tensor; all must have one floating dtype.
    public func lerp(_ end: Tensor, _ weight: Tensor) throws -> Tensor {
        try checkLerp(end, weight)
        let out = try ternaryKernel(.lerp, self, end, weight, dtype: dtype)
        if weight.isWrappedNumber {
            if GradMode.needs(self, end) {
                out.attach("LerpBackward0", TensorList(self, end)) { node, g in
                    guard let g = g[0] else { return [nil, nil] }
                    return [
                        node.needs(0) ? try g.mul(.number(1 - weight.item())) : nil,
                        node.needs(1) ? try g.mul(weight) : nil,
                    ]
                }
            }
        } else if GradMode.needs(self, end, weight) {
            out.attach("LerpBackward1", TensorList(self, end, weight)) { node in
                node.save(weight)
                if node.needs(2) { node.save(self, end) }
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let w = try node.saved(0)
                return [
                    node.needs(0) ? try g.mul(w.rsub(.number(1))) : nil,
                    node.needs(1) ? try g.mul(w) : nil,
                    node.needs(2) ? try g.mul(node.saved(2).sub(node.saved(1))) : nil,
                ]
            }
        }
        return out
    }

    private func checkLerp(_ end: Tensor, _ weight: Tensor) throws {
        guard dtype == end.dtype else {
            throw MartletError.runtime("expected dtype \(dtype.cppName) for `end` but got dtype \(end.dtype.cppName)")
        }
        guard weight.isWrappedNumber || dtype == weight.dtype else {
            throw MartletError.runtime("expected dtype \(dtype.cppName) for `weight` but got dtype \(weight.dtype.cppName)")
        }
        try requireFloat(weight.isWrappedNumber ? "lerp_kernel_scalar" : "lerp_kernel_tensor")
    }

    @discardableResult
    public func lerpInPlace(_ end: Tensor, _ weight: Tensor) throws -> Tensor {
        if try overwrites(with: [end, weight]) {
            try checkLerp(end, weight)
            try checkInPlace("lerp_")
            _ = try ternaryKernel(.lerp, self, end, weight, dtype: dtype, into: self)
            bumpVersion()
            return self
        }
        return try inPlace("lerp_", [end, weight]) { try $0.lerp(end, weight) }
    }
}

extension DType {
    /// The C++ name that some of torch's messages use.
    var cppName: String {
        switch self {
        case .float32: "float"
        case .float64: "double"
        case .int64: "long int"
        case .int32: "int"
        case .int16: "short int"
        case .int8: "signed char"
        case .uint8: "unsigned char"
        case .bool: "bool"
        case .float16: "c10::Half"
        case .bfloat16: "c10::BFloat16"
        }
    }
}
