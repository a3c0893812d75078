/// Scaled dot-product attention: softmax(q kᵀ * scale + mask) v.
extension Tensor {
    /// Query (... x L x E), key (... x S x E), value (... x S x Ev) give ... x L x Ev. A bool `mask` says which keys take
    /// part, a float one is added to the scores; it broadcasts to ... x L x S. `causal` lets query i see keys 0...i.
    /// Rows that may see nothing give zeros. `scale` is 1/sqrt(E) unless given. With `groupedQueries` the heads
    /// (dimension -3) of key and value are shared by as many consecutive heads of the query.
    public static func scaledDotProductAttention(
        _ query: Tensor, _ key: Tensor, _ value: Tensor, mask: Tensor? = nil, dropout: Double = 0, causal: Bool = false,
        scale: Double? = nil, groupedQueries: Bool = false
    ) throws -> Tensor {
        guard query.rank >= 2 && key.rank >= 2 && value.rank >= 2 else {
            throw MartletError.runtime(
                "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: \(query.rank) key.dim: \(key.rank) and value.dim: \(value.rank) instead.")
        }
        guard query.dtype == key.dtype && query.dtype == value.dtype else {
            throw MartletError.runtime(
                "Expected query, key, and value to have the same dtype, but got query.dtype: \(query.dtype.cName) key.dtype: \(key.dtype.cName) and value.dtype: \(value.dtype.cName) instead.")
        }
        if let mask, mask.dtype != .bool && mask.dtype != query.dtype && mask.dtype != .float32 {
            throw MartletError.runtime(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: \(mask.dtype.cName) and  query.dtype: \(query.dtype.cName) instead.")
        }
        guard dropout >= 0 && dropout <= 1 else {
            throw MartletError.runtime("dropout probability has to be between 0 and 1, but got \(formatted(dropout))")
        }
        guard query.dtype.isFloatingPoint else {
            throw MartletError.runtime("expected scalar type Float but found \(query.dtype.scalarTypeName)")
        }
        let factor = scale ?? 1 / Double(Swift.max(query.sizes[query.rank - 1], 1)).squareRoot()
        var (k, v) = (key, value)
        if groupedQueries && query.rank >= 3 && key.rank >= 3 && value.rank >= 3 {
            let heads = query.sizes[query.rank - 3]
            k = try key.repeatHeads(heads)
            v = try value.repeatHeads(heads)
        }
        if fits4D(query, k, v, mask, dropout) {
            return try fusedAttention(query, k, v, mask, causal, factor)
        }
        if mask != nil && causal {
            throw MartletError.runtime("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        }
        var weights = try recordedWeights(query, k, mask, causal, factor)
        if dropout > 0 { weights = try weights.dropout(dropout, training: true) }
        return try weights.matmul(v)
    }

    private static func formatted(_ p: Double) -> String {
        p == p.rounded() && p.magnitude < 1e15 ? "\(Int(p))" : "\(p)"
    }

    /// Each head of the keys or values repeated so that there are as many as the query has.
    private func repeatHeads(_ heads: Int) throws -> Tensor {
        let mine = sizes[rank - 3]
        guard mine > 0 && heads % mine == 0 else {
            throw MartletError.runtime("Number of heads in key and value must divide the number of heads in query")
        }
        if mine == heads { return self }
        var wide = sizes
        wide.insert(heads / mine, at: rank - 2)
        var out = sizes
        out[rank - 3] = heads
        return try unsqueeze(rank - 2).expand(wide).reshape(out)
    }

    /// Whether the computation is the plain one on batches of heads, made in one step.
    private static func fits4D(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, _ dropout: Double) -> Bool {
        guard q.rank == 4, k.rank == 4, v.rank == 4, dropout == 0 else { return false }
        guard q.sizes[0] == k.sizes[0], q.sizes[0] == v.sizes[0], q.sizes[1] == k.sizes[1], q.sizes[1] == v.sizes[1],
            q.sizes[3] == k.sizes[3], q.sizes[3] == v.sizes[3], k.sizes[2] == v.sizes[2], q.numel > 0, k.numel > 0
        else { return false }
        guard let mask else { return true }
        return !mask.requiresGrad && (mask.rank == 2 || mask.rank == 4)
            && isExpandable(mask.sizes, [q.sizes[0], q.sizes[1], q.sizes[2], k.sizes[2]])
    }

    // MARK: In one step

    private static func fusedAttention(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, _ causal: Bool, _ scale: Double
    ) throws -> Tensor {
        if q.dtype.size != 2 { return try attentionInBlocks(q, k, v, mask, causal, scale) }
        let (p, out) = try withNoGrad { () throws -> (Tensor, Tensor) in
            let p = try attentionWeights(q.to(.float32), k.to(.float32), mask, causal, scale)
            var shape = q.sizes
            shape[3] = v.sizes[3]
            let out = try Tensor.empty(shape, .float32)
            batchedGemm(p, try v.to(.float32), into: out)
            return (p, try out.to(q.dtype))
        }
        if GradMode.needs(q, k, v) {
            out.attach("ScaledDotProductFlashAttentionForCpuBackward0", TensorList(q, k, v)) { node in
                node.save(q, k, v, mask, p)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let (q, k, v) = (try node.saved(0), try node.saved(1), try node.saved(2))
                let mask = try node.savedOptional(3)
                // While recording, the weights are made again with their history.
                let p = try GradMode.isEnabled
                    ? recordedWeights(q, k, mask, causal, scale) : node.saved(4).to(q.dtype)
                return try attentionGradients(node, g, q, k, v, p, scale)
            }
        }
        return out
    }

    /// With no more than some rows of the weights there at a time; see ``AttentionBlocks``.
    private static func attentionInBlocks(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, _ causal: Bool, _ scale: Double
    ) throws -> Tensor {
        let added = try mask.map { mask in
            try withNoGrad { try mask.additive(q.dtype).expand([q.sizes[0], q.sizes[1], q.sizes[2], k.sizes[2]]) }
        }
        let blocks = AttentionBlocks(causal: causal, scale: scale, mask: added)
        var shape = q.sizes
        shape[3] = v.sizes[3]
        let out = try q.emptyLike(shape)
        blocks.forward(q, k, v, into: out)
        Tape.note("attention", { [q = q.lent, k = k.lent, v = v.lent, o = out.lent, blocks = blocks.lent] in blocks.forward(q, k, v, into: o) })
        if GradMode.needs(q, k, v) {
            out.attach("ScaledDotProductFlashAttentionForCpuBackward0", TensorList(q, k, v)) { node in
                node.save(q, k, v, mask)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let (q, k, v) = (try node.saved(0), try node.saved(1), try node.saved(2))
                let mask = try node.savedOptional(3)
                if GradMode.isEnabled {
                    return try attentionGradients(node, g, q, k, v, recordedWeights(q, k, mask, causal, scale), scale)
                }
                let (dq, dk, dv) = (try q.emptyLike(), try k.emptyLike(), try v.emptyLike())
                blocks.backward(g, q, k, v, into: dq, dk, dv)
                Tape.note(
                    "attention_backward",
                    { [g = g.lent, q = q.lent, k = k.lent, v = v.lent, dq = dq.lent, dk = dk.lent, dv = dv.lent, blocks = blocks.lent] in
                        blocks.backward(g, q, k, v, into: dq, dk, dv)
                    })
                return TensorList(node.needs(0) ? dq : nil, node.needs(1) ? dk : nil, node.needs(2) ? dv : nil)
            }
        }
        return out
    }

    /// The gradients of q, k and v by differentiable operations, from the weights `p`.
    private static func attentionGradients(
        _ node: Node, _ g: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ p: Tensor, _ scale: Double
    ) throws -> TensorList {
        let dv = node.needs(2) ? try p.transpose(-2, -1).matmul(g) : nil
        guard node.needs(0) || node.needs(1) else { return TensorList(nil, nil, dv) }
        let dp = try g.matmul(v.transpose(-2, -1))
        let dpp = try dp.mul(p)
        let ds = try dpp.sub(p.mul(dpp.sum([-1], keepDim: true))).mul(.number(scale))
        return TensorList(
            node.needs(0) ? try ds.matmul(k) : nil, node.needs(1) ? try ds.transpose(-2, -1).matmul(q) : nil, dv)
    }

    /// softmax(q kᵀ * scale + mask) for float32 batches of heads, without history: the weights of half types.
    private static func attentionWeights(
        _ q: Tensor, _ k: Tensor, _ mask: Tensor?, _ causal: Bool, _ scale: Double
    ) throws -> Tensor {
        let (b, h, l, s) = (q.sizes[0], q.sizes[1], q.sizes[2], k.sizes[2])
        let scores = try Tensor.empty([b, h, l, s], q.dtype)
        batchedGemm(q, try k.transpose(2, 3), into: scores, alpha: scale)
        if let mask { _ = try binaryKernel(.add, scores, mask.additive(q.dtype), dtype: q.dtype, into: scores) }
        if causal { try _ = binaryKernel(.add, scores, causalMask(l, s, q.dtype), dtype: q.dtype, into: scores) }
        return try mask == nil ? scores.softmax(3) : scores.safeSoftmax()
    }

    /// A bool mask as 0 where true and -inf elsewhere; a float one as it is, converted.
    private func additive(_ dtype: DType) throws -> Tensor {
        guard self.dtype == .bool else { return try to(dtype) }
        let out = try Tensor.zeros(sizes, dtype)
        return try out.maskedFill(Tensor.choose(self, .number(false), .number(true)), .number(-Double.infinity))
    }

    /// 0 on and below the diagonal, -inf above.
    private static func causalMask(_ l: Int, _ s: Int, _ dtype: DType) throws -> Tensor {
        let out = try Tensor.zeros([l, s], dtype)
        let target = out.pointer
        func run<T: TensorElement>(_: T.Type) {
            let p = target.as(T.self)
            let hidden = T(element: -Double.infinity)
            for i in 0..<l { for j in Swift.min(i + 1, s)..<s { p[i * s + j] = hidden } }
        }
        launch("causal_mask") { withElementType(dtype) { run($0) } }
        return out
    }

    /// The softmax of these scores over the last dimension; rows that are all -inf give zeros, and no gradient.
    private func safeSoftmax() throws -> Tensor {
        guard let hidden = try hiddenRows() else { return try softmax(-1) }
        return try maskedFill(hidden, .number(0.0)).softmax(-1).maskedFill(hidden, .number(0.0))
    }

    /// Which rows of the last dimension are all -inf, as a bool tensor with that dimension of size one; nil where none is.
    private func hiddenRows() throws -> Tensor? {
        let n = sizes[rank - 1]
        if numel == 0 { return nil }
        if Tape.isRecording { return try recordedHiddenRows() }
        let rows = numel / n
        let flat = try withNoGrad { try detach().contiguous() }
        let hidden = try Tensor.zeros([rows], .bool)
        var any = false
        func run<T: TensorElement>(_: T.Type) {
            let (p, h) = (flat.typed(T.self), hidden.typed(Bool.self))
            for r in 0..<rows {
                var c = 0
                while c < n && p[r * n + c].asDouble == -.infinity { c += 1 }
                if c == n { (h[r], any) = (true, true) }
            }
        }
        withElementType(dtype) { run($0) }
        if !any { return nil }
        var shape = sizes
        shape[rank - 1] = 1
        return try hidden.reshape(shape)
    }

    /// As ``hiddenRows()`` where a replay may meet such rows though there are none now.
    private func recordedHiddenRows() throws -> Tensor {
        try withNoGrad { try detach().amax([-1], keepDim: true).eq(.number(-Double.infinity)) }
    }

    // MARK: Step by step

    /// The weights made of recorded operations.
    private static func recordedWeights(
        _ q: Tensor, _ k: Tensor, _ mask: Tensor?, _ causal: Bool, _ scale: Double
    ) throws -> Tensor {
        let root = Tensor.number(scale.magnitude.squareRoot())
        let left = try scale < 0 ? q.mul(root).neg() : q.mul(root)
        var scores = try left.matmul(k.mT().mul(root))
        let (l, s) = (q.sizes[q.rank - 2], k.sizes[k.rank - 2])
        if causal { scores = try scores.add(causalMask(l, s, q.dtype)) }
        guard let mask else { return try scores.softmax(-1) }
        guard mask.rank >= 2 else {
            throw MartletError.index("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
        }
        scores = try scores.add(mask.additive(q.dtype))
        return try scores.safeSoftmax()
    }
}
