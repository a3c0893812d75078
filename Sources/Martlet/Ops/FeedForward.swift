/// The feed-forward net of a Transformer's layer (Vaswani et al. 2017), two affine maps around a function.
extension Tensor {
    /// dropout(f(x w1ᵀ + b1)) w2ᵀ + b2 as one step of the graph, with the values of the steps one by one to the last bit.
    ///
    /// This tensor is ... x in, `w1` hidden x in, `b1` hidden, `w2` out x hidden and `b2` out; the result is ... x out. Each
    /// hidden value is dropped with probability `p`, by the draws of ``dropout(_:training:generator:)``. Errors are
    /// those of ``linear(_:_:)`` and of dropout.
    public func feedForward(
        _ w1: Tensor, _ b1: Tensor? = nil, then activation: LinearActivation, dropout p: Double = 0, _ w2: Tensor,
        _ b2: Tensor? = nil, generator: Generator? = nil
    ) throws -> Tensor {
        guard joinsFeedForward(w1, b1, w2, b2), p >= 0 && p <= 1 else {
            return try linear(w1, b1, then: activation).dropout(p, generator: generator).linear(w2, b2)
        }
        let rows = numel / w1.sizes[1]
        let (hidden, before) = try affine(w1, b1, activation, rows, keepsBefore: true)
        let mask = p > 0 ? try DropoutMask.draw(hidden.sizes, p, generator) : nil
        let used = try mask?.applied(to: hidden) ?? hidden
        let result = try used.affine(w2, b2, nil, rows, keepsBefore: false).result
        // Where what is kept of a relu is positive, so was the relu.
        let slopeFrom = activation == .relu ? used : before
        result.attachFeedForward(self, w1, b1, activation, slopeFrom, mask, used, w2, b2, rows)
        return result
    }

    /// Whether one step can do it, and is worth it: both weights are learned.
    private func joinsFeedForward(_ w1: Tensor, _ b1: Tensor?, _ w2: Tensor, _ b2: Tensor?) -> Bool {
        guard GradMode.isEnabled, w1.requiresGrad, w2.requiresGrad, dtype == .float32 || dtype == .float64, numel > 0 else {
            return false
        }
        func fits(_ w: Tensor, _ b: Tensor?, _ inputs: Int) -> Bool {
            guard w.rank == 2, w.sizes[1] == inputs, w.numel > 0, w.dtype == dtype, !w.isSparse else { return false }
            return b == nil || b!.rank == 1 && b!.sizes[0] == w.sizes[0] && b!.strides[0] == 1 && b!.dtype == dtype && !b!.isSparse
        }
        return rank > 0 && !isSparse && fits(w1, b1, sizes[rank - 1]) && fits(w2, b2, w1.sizes[0])
    }

    private func attachFeedForward(
        _ x: Tensor, _ w1: Tensor, _ b1: Tensor?, _ activation: LinearActivation, _ slopeFrom: Tensor, _ mask: DropoutMask?,
        _ used: Tensor, _ w2: Tensor, _ b2: Tensor?, _ rows: Int
    ) {
        let (first, second) = (LinearForm(x, w1, b1, rows), LinearForm(used, w2, b2, rows))
        // The first map's inputs stand where torch's second one has what it is taken of.
        var inputs = TensorList()
        if second.lead == 1 { inputs.append(b2) }
        if first.lead == 1 { inputs.append(b1) }
        inputs.append(x)
        inputs.append(w1)
        inputs.append(w2)
        let (atX, atW2) = (second.lead + first.lead, second.lead + first.lead + 2)
        attach(used.linearName(b2), inputs) { node in
            node.save(x, w1, used, w2, slopeFrom, mask?.bits, b1)
        } backward: { [form = mask?.form] node, g in
            var out = TensorList()
            for _ in 0...atW2 { out.append(nil) }
            guard let g = g[0] else { return out }
            let (x, w1, w2) = (try node.saved(0), try node.saved(1), try node.saved(3))
            let mask = try node.savedOptional(5).map { DropoutMask(bits: $0, form: form!) }
            let wantsFirst = node.needs(second.lead) || node.needs(atX) || node.needs(atX + 1)
            let wantsW2 = node.needs(atW2)
            // While recording, the first map anew, with its history.
            var between, hidden: Tensor?
            if GradMode.isEnabled {
                between = try x.linear(w1, node.savedOptional(6)).wantingGrad()
                hidden = try activation(between!)
            }
            func usedNow() throws -> Tensor {
                guard let hidden else { return try node.saved(2) }
                return try mask.map { try hidden.dropped($0) } ?? hidden
            }
            let (db2, dUsed, dw2) = try second.gradients(
                g, bias: second.lead == 1 && node.needs(0), x: wantsW2 ? usedNow() : nil, weight: wantsFirst ? w2 : nil)
            if second.lead == 1 { out[0] = db2 }
            out[atW2] = dw2
            guard var slope = dUsed else { return out }
            if let hidden {
                if let mask { slope = try slope.dropped(mask) }
                slope = try hidden.history!.apply(TensorList(slope))[0]!
            } else {
                if let mask { slope = try mask.applied(to: slope, over: true) }
                slope = try binaryKernel(activation.derivative, slope, node.saved(4), into: slope)
            }
            let (db1, dx, dw1) = try first.gradients(
                slope, bias: first.lead == 1 && node.needs(second.lead), x: node.needs(atX + 1) ? x : nil,
                weight: node.needs(atX) ? w1 : nil)
            if first.lead == 1 { out[second.lead] = db1 }
            (out[atX], out[atX + 1]) = (dx, dw1)
            return out
        }
        history?.between = .init(
            name: x.linearName(b1), first: second.lead, inputs: first.lead + 2, activation: activation, isDropped: mask != nil)
    }
}
