/// Steps that are linear maps: their derivative is their adjoint, whose own derivative is the step again.
extension Tensor {
    /// forward(x), recorded as `name`. `adjoint` takes a gradient of the result to one of x. Both work without history
    /// on any tensor of the right shape; gradients of every order follow from the pair.
    static func linearStep(
        _ name: String, _ x: Tensor, forward: @escaping (Tensor) throws -> Tensor,
        adjoint: @escaping (Tensor) throws -> Tensor
    ) throws -> Tensor {
        let out = try withNoGrad { try forward(x) }
        if GradMode.needs(x) {
            // torch names the derivative of AvgPool2DBackward0's gradient AvgPool2DBackwardBackward0.
            let next = name.hasSuffix("BackwardBackward0") ? name : String(name.dropLast()) + "Backward0"
            out.attach(name, TensorList(x)) { _, g in
                [try g[0].map { try linearStep(next, $0, forward: adjoint, adjoint: forward) }]
            }
        }
        return out
    }
}
