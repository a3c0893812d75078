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
        let fits = fitsBlocks(query, k, v, mask)
        let isFlash = fits && dropout == 0 && isFlashShape(query, v, mask)
        if mask != nil && causal && !isFlash {
            throw MartletError.runtime("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        }
        if fits {
            var kept: DropoutMask?
            if dropout > 0 { kept = try .draw(weightSizes(query, k), dropout) }
            return try attentionInBlocks(query, k, v, mask, kept, causal, factor, isFlash: isFlash)
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

    /// Those of the weights, where query and key have the same leading dimensions.
    private static func weightSizes(_ q: Tensor, _ k: Tensor) -> Dims {
        var shape = q.sizes
        shape[q.rank - 1] = k.sizes[k.rank - 2]
        return shape
    }

    /// Whether torch has one step on a CPU for what ``fitsBlocks(_:_:_:_:)``, if nothing is dropped.
    private static func isFlashShape(_ q: Tensor, _ v: Tensor, _ mask: Tensor?) -> Bool {
        q.rank == 4 && q.sizes[3] == v.sizes[3] && (mask == nil || mask!.rank == 2 || mask!.rank == 4)
    }

    /// Whether the heads of all three are the same ones, and the mask, if any, is a constant that fits them.
    private static func fitsBlocks(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?) -> Bool {
        let n = q.rank
        guard k.rank == n, v.rank == n, q.sizes[n - 1] == k.sizes[n - 1], k.sizes[n - 2] == v.sizes[n - 2] else { return false }
        for i in 0..<(n - 2) where q.sizes[i] != k.sizes[i] || q.sizes[i] != v.sizes[i] { return false }
        guard q.numel > 0, k.numel > 0, v.numel > 0 else { return false }
        guard let mask else { return true }
        return !mask.requiresGrad && mask.rank >= 2 && isExpandable(mask.sizes, weightSizes(q, k))
    }

    // MARK: In one step

    /// With no more than some rows of the weights there at a time; see ``AttentionBlocks``. Half types in float32.
    private static func attentionInBlocks(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, _ dropout: DropoutMask?, _ causal: Bool, _ scale: Double,
        isFlash: Bool
    ) throws -> Tensor {
        let wide = q.dtype.size == 2 ? DType.float32 : q.dtype
        let added = try mask.map { m in try withNoGrad { try m.additive(wide).expand(weightSizes(q, k)).asHeads() } }
        func blocks(_ dropout: DropoutMask?) -> AttentionBlocks {
            AttentionBlocks(causal: causal, scale: scale, mask: added, dropout: dropout)
        }
        var shape = q.sizes
        shape[q.rank - 1] = v.sizes[v.rank - 1]
        let out = try withNoGrad {
            let (qw, kw, vw) = (try q.to(wide), try k.to(wide), try v.to(wide))
            let out = try isFlash ? qw.emptyLike(shape) : .empty(shape, wide)
            let (qh, kh, vh, oh) = (try qw.asHeads(), try kw.asHeads(), try vw.asHeads(), try out.asHeads())
            let blocks = blocks(dropout)
            blocks.forward(qh, kh, vh, into: oh)
            Tape.note(
                "attention",
                { [q = qh.lent, k = kh.lent, v = vh.lent, o = oh.lent, blocks = blocks.lent] in blocks.forward(q, k, v, into: o) })
            return try out.to(q.dtype)
        }
        guard GradMode.needs(q, k, v) else { return out }
        let name = isFlash ? "ScaledDotProductFlashAttentionForCpuBackward0" : q.rank == 2 ? "MmBackward0" : "UnsafeViewBackward0"
        out.attach(name, TensorList(q, k, v)) { node in
            node.save(q, k, v, mask, dropout?.bits)
        } backward: { [form = dropout?.form] node, g in
            guard let g = g[0] else { return [nil, nil, nil] }
            let (q, k, v) = (try node.saved(0), try node.saved(1), try node.saved(2))
            let (mask, bits) = (try node.savedOptional(3), try node.savedOptional(4))
            let dropout = bits.map { DropoutMask(bits: $0, form: form!) }
            if GradMode.isEnabled {
                let weights = try recordedWeights(q, k, mask, causal, scale)
                return try attentionGradients(node, g, q, k, v, weights, dropout, scale)
            }
            let (gw, qw, kw, vw) = (try g.to(wide), try q.to(wide), try k.to(wide), try v.to(wide))
            let (dq, dk, dv) = (try qw.gradientRoom(), try kw.gradientRoom(), try vw.gradientRoom())
            let (gh, qh, kh, vh) = (try gw.asHeads(), try qw.asHeads(), try kw.asHeads(), try vw.asHeads())
            let (dqh, dkh, dvh) = (try dq.asHeads(), try dk.asHeads(), try dv.asHeads())
            let blocks = blocks(dropout)
            blocks.backward(gh, qh, kh, vh, into: dqh, dkh, dvh)
            Tape.note(
                "attention_backward",
                { [g = gh.lent, q = qh.lent, k = kh.lent, v = vh.lent, dq = dqh.lent, dk = dkh.lent, dv = dvh.lent, blocks = blocks.lent] in
                    blocks.backward(g, q, k, v, into: dq, dk, dv)
                })
            return TensorList(
                node.needs(0) ? try dq.to(q.dtype) : nil, node.needs(1) ? try dk.to(q.dtype) : nil,
                node.needs(2) ? try dv.to(q.dtype) : nil)
        }
        if !isFlash && q.rank > 2 { out.history?.between = .init(name: "BmmBackward0", inputs: 3) }
        return out
    }

    /// As batch x heads x length x features, without history; a view up to rank 4, or where all is in row-major order.
    private func asHeads() throws -> Tensor {
        if rank == 4 { return self }
        if rank < 4 {
            let (n, heads, step) = (rank, rank == 3 ? sizes[0] : 1, rank == 3 ? strides[0] : 0)
            return alias(
                sizes: [1, heads, sizes[n - 2], sizes[n - 1]], strides: [0, step, strides[n - 2], strides[n - 1]], offset: offset)
        }
        let (t, l, e) = (try withNoGrad { try contiguous() }, sizes[rank - 2], sizes[rank - 1])
        return t.alias(sizes: [1, numel / (l * e), l, e], strides: [0, l * e, e, 1], offset: t.offset)
    }

    /// Memory for this tensor's gradient, which ``asHeads()`` gives a view of.
    private func gradientRoom() throws -> Tensor { rank > 4 ? try .empty(sizes, dtype) : try emptyLike() }

    /// The gradients of q, k and v by differentiable operations, from the weights `p` before dropout.
    private static func attentionGradients(
        _ node: Node, _ g: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ p: Tensor, _ dropout: DropoutMask?, _ scale: Double
    ) throws -> TensorList {
        func dropped(_ x: Tensor) throws -> Tensor {
            guard let dropout else { return x }
            if x.dtype.size != 2 { return try x.dropped(dropout) }
            return try x.to(.float32).dropped(dropout).to(x.dtype)
        }
        let dv = node.needs(2) ? try dropped(p).transpose(-2, -1).matmul(g) : nil
        guard node.needs(0) || node.needs(1) else { return TensorList(nil, nil, dv) }
        let dpp = try dropped(g.matmul(v.transpose(-2, -1))).mul(p)
        let ds = try dpp.sub(p.mul(dpp.sum([-1], keepDim: true))).mul(.number(scale))
        return TensorList(
            node.needs(0) ? try ds.matmul(k) : nil, node.needs(1) ? try ds.transpose(-2, -1).matmul(q) : nil, dv)
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
        let out = try withNoGrad {
            let y = try to(dtype.size == 2 ? .float32 : dtype).contiguous().clone()
            y.safeSoftmaxInPlace()
            return try y.to(dtype)
        }
        if GradMode.needs(self) { out.attachSoftmax("SafeSoftmaxBackward0", of: self, rank - 1) }
        return out
    }

    /// ``safeSoftmax()`` of row-major float32 or float64 memory.
    private func safeSoftmaxInPlace() {
        let keys = sizes[rank - 1]
        guard numel > 0 else { return }
        let (rows, raw, isFloat) = (numel / keys, pointer, dtype == .float32)
        func run() {
            parallelFor((rows + 63) / 64, grain: Swift.max(1, 512 / keys)) { from, to in
                for i in from..<to {
                    let n = Swift.min(64, rows - i * 64)
                    if isFloat {
                        AttentionBlocks.softmax(raw.as(Float.self) + i * 64 * keys, n, keys, mayBeBlind: true)
                    } else {
                        AttentionBlocks.softmax(raw.as(Double.self) + i * 64 * keys, n, keys, mayBeBlind: true)
                    }
                }
            }
        }
        launch("softmax", run)
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
        guard let mask else { return try scores.safeSoftmax() }
        guard mask.rank >= 2 else {
            throw MartletError.index("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
        }
        scores = try scores.add(mask.additive(q.dtype))
        return try scores.safeSoftmax()
    }
}
