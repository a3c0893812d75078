/// Attention of several heads over projections of query, key and value: Vaswani et al. 2017, "Attention is all you need".
///
/// query (L, N, E), key and value (S, N, E), batch first with `batchFirst`, or all without N.
public final class MultiheadAttention: Module {
    public let embedDim, heads: Int
    public let dropout: Double
    public let batchFirst: Bool
    /// The three projections below each other: (3E, E) and (3E).
    @Parameter public var inProjWeight: Tensor
    @Parameter public var inProjBias: Tensor?
    public let outProj: Linear

    /// Draws the output projection as a ``Linear``, then the input projections by Xavier's rule; biases are zero.
    /// Throws `assertion` where `heads` does not divide `embedDim`.
    public init(
        _ embedDim: Int, heads: Int, dropout: Double = 0, bias: Bool = true, batchFirst: Bool = false,
        dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws {
        guard embedDim > 0 && heads > 0 else {
            throw MartletError.value(
                "embed_dim and num_heads must be greater than 0, got embed_dim=\(embedDim) and num_heads=\(heads) instead")
        }
        guard embedDim % heads == 0 else { throw MartletError(.assertion, "embed_dim must be divisible by num_heads") }
        (self.embedDim, self.heads, self.dropout, self.batchFirst) = (embedDim, heads, dropout, batchFirst)
        outProj = try NonDynamicallyQuantizableLinear(embedDim, embedDim, bias: bias, dtype: dtype, generator: generator)
        inProjWeight = try Init.xavierUniform(.empty([3 * embedDim, embedDim], dtype: dtype), generator: generator)
        inProjBias = bias ? try .zeros([3 * embedDim], dtype: dtype) : nil
        if let b = outProj.bias { try Init.zeros(b) }
    }

    /// The same parameters in memory of their own.
    init(copying other: MultiheadAttention) throws {
        (embedDim, heads, dropout, batchFirst) = (other.embedDim, other.heads, other.dropout, other.batchFirst)
        outProj = try NonDynamicallyQuantizableLinear(
            weight: copy(other.outProj.weight), bias: other.outProj.bias.map(copy))
        inProjWeight = try copy(other.inProjWeight)
        inProjBias = try other.inProjBias.map(copy)
    }

    /// Self-attention.
    public override func forward(_ x: Tensor) throws -> Tensor { try self(x, x, x, needsWeights: false).output }

    /// The attended values (as query), and, where `needsWeights`, how much each place looked at each other one:
    /// (N, L, S), the mean over the heads, or (N, heads, L, S) without `averagesWeights`.
    ///
    /// Masks are bool (true hides) or float (added to the scores): `keyPadding` (N, S), `mask` (L, S) or (N heads, L, S).
    /// `isCausal` says that `mask` is the causal one, so that it need not be read. Throws `assertion` for shapes that do
    /// not fit together, `runtime` for a mask that does not.
    public func callAsFunction(
        _ query: Tensor, _ key: Tensor, _ value: Tensor, keyPadding: Tensor? = nil, needsWeights: Bool = true,
        mask: Tensor? = nil, averagesWeights: Bool = true, isCausal: Bool = false
    ) throws -> (output: Tensor, weights: Tensor?) {
        let batched = try checkShapes(query, key, value, keyPadding, mask)
        let same = query === key && key === value
        func lead(_ t: Tensor) throws -> Tensor { batched ? (batchFirst ? try t.transpose(1, 0) : t) : try t.unsqueeze(1) }
        let q = try lead(query)
        let k = same ? q : try lead(key)
        let v = same ? q : (key === value ? k : try lead(value))
        let (length, batch, source) = (q.sizes[0], q.sizes[1], k.sizes[0])

        let padding = try floatMask(batched ? keyPadding : keyPadding?.unsqueeze(0), "key_padding_mask", q.dtype)
        if isCausal && mask == nil {
            throw MartletError.runtime(
                "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method `generate_square_subsequent_mask` to create this mask.")
        }
        // The hint says all that the mask does, unless something else is hidden or asked for.
        let causal = isCausal && padding == nil && !needsWeights
        var hidden: Tensor?
        if !causal, let given = try floatMask(mask, "attn_mask", q.dtype) {
            let wanted: Dims = given.rank == 2 ? [length, source] : [batch * heads, length, source]
            guard given.sizes == wanted else {
                throw MartletError.runtime(
                    "The shape of the \(given.rank)D attn_mask is torch.Size(\(given.sizes)), but should be \(torchText(Array(wanted))).")
            }
            hidden = try given.view(given.rank == 2 ? [1, 1, length, source] : [batch, heads, length, source])
        }
        if let padding {
            for (i, wanted) in [batch, source].enumerated() where padding.sizes[i] != wanted {
                throw MartletError(
                    .assertion, "Expected key_padded_mask.shape[\(i)] to be \(wanted), but got \(padding.sizes[i])")
            }
            let wide = try padding.view([batch, 1, 1, source])
            hidden = try hidden?.add(wide) ?? wide
        }

        let (qh, kh, vh) = try projected(q, k, v, same: same)
        let p = isTraining ? dropout : 0
        if !needsWeights {
            let attended = try Tensor.scaledDotProductAttention(qh, kh, vh, mask: hidden, dropout: p, causal: causal)
            return (try joined(attended, length, batch, batched), nil)
        }
        let scale = (1 / Double(embedDim / heads)).squareRoot()
        var scores = try qh.mul(.number(scale)).matmul(kh.transpose(-2, -1))
        if let hidden { scores = try scores.add(hidden) }
        var weights = try scores.softmax(-1)
        if p > 0 { weights = try weights.dropout(p) }
        let output = try joined(weights.matmul(vh), length, batch, batched)
        weights = try weights.view([batch, heads, length, source])
        if averagesWeights { weights = try weights.mean([1]) }
        return (output, batched ? weights : try weights.select(0, 0))
    }

    /// Query, key and value as (N, heads, length, E / heads).
    private func projected(_ q: Tensor, _ k: Tensor, _ v: Tensor, same: Bool) throws -> (Tensor, Tensor, Tensor) {
        let headDim = embedDim / heads
        if same {
            let packed = try q.linear(inProjWeight, inProjBias).view([q.sizes[0], q.sizes[1], 3, heads, headDim])
            let parts = try packed.permute([2, 1, 3, 0, 4]).unbind(0)
            return (parts[0], parts[1], parts[2])
        }
        let weights = try inProjWeight.chunk(3)
        let biases = try inProjBias?.chunk(3)
        let parts = try [q, k, v].enumerated().map { i, x in
            try x.linear(weights[i], biases?[i]).reshape([x.sizes[0], x.sizes[1], heads, headDim]).permute([1, 2, 0, 3])
        }
        return (parts[0], parts[1], parts[2])
    }

    /// Heads (N, heads, L, E / heads) put side by side again and projected, shaped as the query was.
    private func joined(_ attended: Tensor, _ length: Int, _ batch: Int, _ batched: Bool) throws -> Tensor {
        let flat = try attended.permute([2, 0, 1, 3]).reshape([length * batch, embedDim])
        let output = try flat.linear(outProj.weight, outProj.bias).view([length, batch, embedDim])
        return batched ? (batchFirst ? try output.transpose(1, 0) : output) : try output.squeeze([1])
    }

    /// A bool mask as -inf where true and 0 elsewhere; a float mask as it is.
    private func floatMask(_ mask: Tensor?, _ name: String, _ dtype: DType) throws -> Tensor? {
        guard let mask, !mask.dtype.isFloatingPoint else { return mask }
        guard mask.dtype == .bool else {
            throw MartletError(.assertion, "only bool and floating types of \(name) are supported")
        }
        return try Tensor.zeros(mask.sizes, dtype).maskedFill(mask, .number(-Double.infinity))
    }

    private func checkShapes(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ padding: Tensor?, _ mask: Tensor?) throws -> Bool {
        func fail(_ text: String) -> MartletError { MartletError(.assertion, text) }
        guard q.rank == 2 || q.rank == 3 else {
            throw fail("query should be unbatched 2D or batched 3D tensor but received \(q.rank)-D query tensor")
        }
        let kind = q.rank == 3 ? "batched (3-D)" : "unbatched (2-D)"
        guard k.rank == q.rank && v.rank == q.rank else {
            throw fail(
                "For \(kind) `query`, expected `key` and `value` to be \(q.rank)-D but found \(k.rank)-D and \(v.rank)-D tensors respectively")
        }
        if let padding, padding.rank != q.rank - 1 {
            throw fail(
                "For \(kind) `query`, expected `key_padding_mask` to be `None` or \(q.rank - 1)-D but found \(padding.rank)-D tensor instead")
        }
        if let mask, mask.rank != 2 && mask.rank != 3 {
            throw fail(
                "For \(kind) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found \(mask.rank)-D tensor instead")
        }
        guard q.sizes[q.rank - 1] == embedDim else {
            throw fail("was expecting embedding dimension of \(embedDim), but got \(q.sizes[q.rank - 1])")
        }
        guard k.sizes == v.sizes else {
            throw fail("key shape torch.Size(\(k.sizes)) does not match value shape torch.Size(\(v.sizes))")
        }
        return q.rank == 3
    }
}

/// A ``Linear`` under the name that PyTorch prints for the output projection of attention.
final class NonDynamicallyQuantizableLinear: Linear {}
