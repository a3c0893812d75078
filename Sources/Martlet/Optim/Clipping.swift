/// Limiting gradients before a step.

/// Scales all gradients so that their joint norm is at most `maxNorm`; the norm before is returned (0-dim).
@discardableResult
public func clipGradNorm(_ parameters: [Tensor], maxNorm: Double, normType: Double = 2) throws -> Tensor {
    let grads = parameters.compactMap(\.grad)
    guard !grads.isEmpty else { return try Tensor.full([], 0) }
    return try withNoGrad {
        let norms = try grads.map { try ($0.isSparse ? $0.coalesce().sparse!.values : $0).vectorNorm(normType) }
        let total = try Tensor.stack(norms).vectorNorm(normType)
        let factor = try Tensor.number(maxNorm).div(total.add(.number(1e-6))).minimum(.number(1.0))
        for g in grads { try g.mulInPlace(factor) }
        return total
    }
}

/// Limits every element of every gradient to -limit...limit.
public func clipGradValue(_ parameters: [Tensor], limit: Double) throws {
    try withNoGrad {
        for g in parameters.compactMap(\.grad) {
            try g.assignInPlace("clamp_", g.maximum(.number(-limit)).minimum(.number(limit)))
        }
    }
}

extension Tensor {
    /// Counts a write made by an optimizer.
    public func noteUpdate() { bumpVersion() }

    /// Raises a 0-dim count by one and returns it.
    public func countStep() throws -> Double {
        try checkOneElement()
        let n = try item() + 1
        fillKernel(self, .number(n))
        bumpVersion()
        return n
    }

    /// Forgets the gradient.
    public func clearGrad() { gradSlot?.grad = nil }
}
