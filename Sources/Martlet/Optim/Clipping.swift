/// Limiting gradients before a step.

/// Scales all gradients so that their joint norm is at most `maxNorm`; the norm before is returned (0-dim).
@discardableResult
public func clipGradNorm(_ parameters: [Tensor], maxNorm: Double, normType: Double = 2) throws -> Tensor {
    let grads = parameters.compactMap(\.grad)
    guard !grads.isEmpty else { return try Tensor.full([], 0) }
    return try withNoGrad {
        let norms = try grads.map { g in
            guard g.isSparse else { return try g.vectorNorm(normType) }
            return try Tape.whole("norm_sparse", [g]) { [try $0[0].coalesce().entries!.values.vectorNorm(normType)] }[0]
        }
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
        if Tape.isRecording, let tape = Tape.current { return countRecordedStep(tape) }
        let n = try item() + 1
        fillKernel(self, .number(n))
        bumpVersion()
        return n
    }

    /// As ``countStep()``; replays count on in this tensor, where launches of the update that follows look.
    private func countRecordedStep(_ tape: Tape) -> Double {
        Tape.touch(storage)
        let place = lent
        func count() -> Double {
            let n = place.readDouble(at: place.offset) + 1
            place.fillDouble(n)
            return n
        }
        let n = count()
        tape.record("count_step", .whole({ _ = count() }))
        if let use = tape.optimizerUse {
            tape.optimizerUse = Tape.OptimizerUse(rate: use.rate, steps: { place.readDouble(at: place.offset) })
        }
        bumpVersion()
        return n
    }

    /// Sets the one element.
    func fillDouble(_ v: Double) {
        func set<T: TensorElement>(_: T.Type) { typed(T.self).pointee = T(element: v) }
        withElementType(dtype) { set($0) }
    }

    /// Forgets the gradient.
    public func clearGrad() {
        guard let gradSlot else { return }
        if Tape.isRecording { Tape.overwrites(gradSlot) }
        gradSlot.grad = nil
    }
}
