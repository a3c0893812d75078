/// Circular and hyperbolic functions. Any shape; integers become the default float dtype.
extension Tensor {
    public func sin() throws -> Tensor { try unary(.sin, "SinBackward0", fromInput: { g, x in try g.mul(x.cos()) }) }

    public func cos() throws -> Tensor {
        try unary(.cos, "CosBackward0", fromInput: { g, x in try g.mul(x.sin().neg()) })
    }

    public func tan() throws -> Tensor {
        try unary(.tan, "TanBackward0", fromOutput: { g, y in try g.mul(y.mul(y).add(.number(1))) })
    }

    public func asin() throws -> Tensor {
        try unary(.asin, "AsinBackward0", fromInput: { g, x in try g.mul(x.neg().mul(x).add(.number(1)).rsqrt()) })
    }

    public func acos() throws -> Tensor {
        try unary(.acos, "AcosBackward0", fromInput: { g, x in try g.mul(x.neg().mul(x).add(.number(1)).rsqrt().neg()) })
    }

    public func atan() throws -> Tensor {
        try unary(.atan, "AtanBackward0", fromInput: { g, x in try g.div(x.mul(x).add(.number(1))) })
    }

    public func sinh() throws -> Tensor {
        try unary(.sinh, "SinhBackward0", fromInput: { g, x in try g.mul(x.cosh()) })
    }

    public func cosh() throws -> Tensor {
        try unary(.cosh, "CoshBackward0", fromInput: { g, x in try g.mul(x.sinh()) })
    }

    public func tanh() throws -> Tensor {
        try unary(.tanh, "TanhBackward0", fromOutput: { g, y in try Tensor.tanhBackward(g, y) })
    }

    /// g * (1 - y * y), torch's `tanh_backward`.
    static func tanhBackward(_ g: Tensor, _ y: Tensor) throws -> Tensor {
        let out = try binaryKernel(.tanhBackward, g, y)
        if GradMode.needs(g, y) {
            out.attach("TanhBackwardBackward0", TensorList(g, y)) { $0.save(g, y) } backward: { node, gg in
                guard let gg = gg[0] else { return [nil, nil] }
                let (g, y) = (try node.saved(0), try node.saved(1))
                return TensorList(
                    node.needs(0) ? try tanhBackward(gg, y) : nil,
                    node.needs(1) ? try gg.mul(g).mul(y).mul(.number(-2)) : nil)
            }
        }
        return out
    }

    public func asinh() throws -> Tensor {
        try unary(.asinh, "AsinhBackward0", fromInput: { g, x in try g.mul(x.mul(x).add(.number(1)).rsqrt()) })
    }

    public func acosh() throws -> Tensor {
        try unary(.acosh, "AcoshBackward0", fromInput: { g, x in try g.mul(x.mul(x).sub(.number(1)).rsqrt()) })
    }

    public func atanh() throws -> Tensor {
        try unary(.atanh, "AtanhBackward0", fromInput: { g, x in try g.div(x.mul(x).rsub(.number(1))) })
    }

    /// The angle of (other, self), in (-pi, pi].
    public func atan2(_ other: Tensor) throws -> Tensor {
        let type = Tensor.floatResultType(self, other)
        let out = try binaryKernel(.atan2, self, other, dtype: type)
        if GradMode.needs(self, other) {
            out.attach("Atan2Backward0", TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (y, x) = (try node.saved(0), try node.saved(1))
                let r = try y.mul(y).add(x.mul(x)).reciprocal()
                return TensorList(
                    node.needs(0) ? try g.mul(x).mul(r) : nil,
                    node.needs(1) ? try g.mul(y.neg()).mul(r) : nil)
            }
        }
        return out
    }

    /// sqrt(self^2 + other^2) without overflow.
    public func hypot(_ other: Tensor) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard type.isFloatingPoint else { throw Tensor.unsupported("hypot_cpu", type) }
        let out = try binaryKernel(.hypot, self, other, dtype: type)
        if GradMode.needs(self, other) {
            out.attach("HypotBackward0", TensorList(self, other)) { node in
                node.save(self, other)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let h = try node.saved(2)
                return TensorList(
                    node.needs(0) ? try g.mul(node.saved(0).div(h)) : nil,
                    node.needs(1) ? try g.mul(node.saved(1).div(h)) : nil)
            }
        }
        return out
    }

    /// The promotion of both, the default float dtype where that is not floating point.
    static func floatResultType(_ a: Tensor, _ b: Tensor) -> DType {
        let type = resultType(a, b)
        return type.isFloatingPoint ? type : .defaultFloat
    }

    public func deg2rad() throws -> Tensor { try rescaled(0.017453292519943295, "Deg2RadBackward0") }

    public func rad2deg() throws -> Tensor { try rescaled(57.29577951308232, "Rad2DegBackward0") }

    private func rescaled(_ factor: Double, _ name: String) throws -> Tensor {
        let out = try withNoGrad { try (dtype.isFloatingPoint ? self : to(.defaultFloat)).mul(.number(factor)) }
        if GradMode.needs(self) { out.attach(name, TensorList(self)) { _, g in TensorList(try g[0]?.mul(.number(factor))) } }
        return out
    }
}
