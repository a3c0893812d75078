/// What a linear layer may apply to its result in the same step.
public enum LinearActivation: Int32, Sendable {
    case relu = 0, tanh, sigmoid, gelu, geluTanh, silu

    var op: UnaryOp {
        switch self {
        case .relu: .relu
        case .tanh: .tanh
        case .sigmoid: .sigmoid
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .silu: .silu
        }
    }

    /// Whether the derivative is written from the result; else it is from what goes in.
    var isFromResult: Bool { self == .relu || self == .tanh || self == .sigmoid }

    var derivative: BinaryOp {
        switch self {
        case .relu: .reluBackward
        case .tanh: .tanhBackward
        case .sigmoid: .sigmoidBackward
        case .gelu: .geluBackward
        case .geluTanh: .geluTanhBackward
        case .silu: .siluBackward
        }
    }

    var name: String {
        switch self {
        case .relu: "ReluBackward0"
        case .tanh: "TanhBackward0"
        case .sigmoid: "SigmoidBackward0"
        case .gelu, .geluTanh: "GeluBackward0"
        case .silu: "SiluBackward0"
        }
    }

    /// The function alone.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
        switch self {
        case .relu: try x.relu()
        case .tanh: try x.tanh()
        case .sigmoid: try x.sigmoid()
        case .gelu: try x.gelu()
        case .geluTanh: try x.gelu(tanh: true)
        case .silu: try x.silu()
        }
    }
}

extension Tensor {
    /// Records this tensor as `activation` of a linear step whose own result was `before`.
    func attachLinear(
        _ activation: LinearActivation, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ rows: Int, before: Tensor
    ) {
        let form = LinearForm(x, weight, bias, rows)
        attach(activation.name, bias == nil ? TensorList(x, weight) : TensorList(bias, x, weight)) { node in
            node.save(x, weight)
            node.save(bias)
            if activation.isFromResult { node.saveOutput(self) } else { node.save(before) }
        } backward: { node, g in
            guard let g = g[0] else { return form.lead == 0 ? [nil, nil] : [nil, nil, nil] }
            if GradMode.isEnabled {
                let between = try node.saved(0).linear(node.saved(1), node.savedOptional(2)).wantingGrad()
                return try form.gradients(node, activation(between).history!.apply(TensorList(g))[0]!)
            }
            let y = try node.saved(3)
            let overwrites = node.mayOverwrite && g.isContiguous && g.dtype == y.dtype && g.sizes == y.sizes
            return try form.gradients(node, binaryKernel(activation.derivative, g, y, into: overwrites ? g : nil))
        }
        history?.canOverwrite = true
        history?.between = .init(name: x.linearName(bias), inputs: form.lead + 2)
    }
}

extension Tensor {
    /// This tensor, or where it has no history a leaf of its values that takes gradients: what a step made anew while
    /// recording is taken of, so that there is a way back though nothing below needs one any more.
    func wantingGrad() throws -> Tensor {
        if requiresGrad { return self }
        let leaf = detach()
        _ = try leaf.requiresGrad(true)
        return leaf
    }
}
