/// In-place forms (`exp_`, `clamp_`, ...) made from the plain operations.
extension Tensor {
    /// Computes `body` of this tensor and stores the result, values and history, in this tensor.
    ///
    ///     try x.inPlace("exp_") { try $0.exp() }
    ///
    /// `others` are the further operands that may want a gradient. While recording, `body` is given a copy with
    /// this tensor's history: what it keeps for the way back must survive the write, and this tensor, which will
    /// own the new node, must not be owned by it. `keepsInput: false` says that `body` keeps at most its result,
    /// and saves that copy. `step` renames the recorded step where torch has another name for the in-place form.
    @discardableResult
    public func inPlace(
        _ name: String, _ others: [Tensor?] = [], keepsInput: Bool = true, step: String? = nil,
        _ body: (Tensor) throws -> Tensor
    ) throws -> Tensor {
        try checkInPlace(name)
        var source = self
        if GradMode.isEnabled && (requiresGrad || GradMode.needs(others)) {
            source = keepsInput ? try withNoGrad { try clone() } : alias()
            source.history = gradFn
            source.outputIndex = outputIndex
        }
        let result = try body(source)
        if let step { result.history?.name = step }
        return try assignInPlace(name, result)
    }

    /// Whether an in-place form may write its result straight over this tensor, element by element: nothing is
    /// recorded, the result has this dtype and shape, and no operand overlaps it at other positions.
    func overwrites(with others: [Tensor]) throws -> Bool {
        for t in others where try !writesDirectly(t) { return false }
        return dtype.size >= 4 && dtype.isFloatingPoint && !(requiresGrad && GradMode.isEnabled) && !isSparse
    }
}
