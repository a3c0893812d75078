/// Self-attention and a feed-forward net of two layers, each with residual, dropout and layer norm: Vaswani et al. 2017.
///
/// Input and output are (L, N, E), batch first with `batchFirst`, or (L, E) for one sequence. The norm comes after the
/// residual sum, or with `normFirst` before the sublayer.
public final class TransformerEncoderLayer: Module {
    /// What stands between the two layers of the feed-forward net.
    public enum Activation: Sendable { case relu, gelu }

    public let selfAttn: MultiheadAttention
    public let linear1: Linear
    public let dropout: Dropout
    public let linear2: Linear
    public let norm1, norm2: LayerNorm
    public let dropout1, dropout2: Dropout
    public let activation: Activation
    public let normFirst: Bool

    /// Draws attention, then the two linear layers.
    public init(
        _ dim: Int, heads: Int, feedForward: Int = 2048, dropout p: Double = 0.1, activation: Activation = .relu,
        eps: Double = 1e-5, batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true,
        dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws {
        selfAttn = try MultiheadAttention(
            dim, heads: heads, dropout: p, bias: bias, batchFirst: batchFirst, dtype: dtype, generator: generator)
        linear1 = try Linear(dim, feedForward, bias: bias, dtype: dtype, generator: generator)
        linear2 = try Linear(feedForward, dim, bias: bias, dtype: dtype, generator: generator)
        norm1 = try LayerNorm(dim, eps: eps, bias: bias, dtype: dtype)
        norm2 = try LayerNorm(dim, eps: eps, bias: bias, dtype: dtype)
        (dropout, dropout1, dropout2) = (try Dropout(p), try Dropout(p), try Dropout(p))
        (self.activation, self.normFirst) = (activation, normFirst)
    }

    /// The same parameters in memory of their own; nothing is drawn.
    init(copying other: TransformerEncoderLayer) throws {
        selfAttn = try MultiheadAttention(copying: other.selfAttn)
        (linear1, linear2) = (try other.linear1.copied(), try other.linear2.copied())
        (norm1, norm2) = (try other.norm1.copied(), try other.norm2.copied())
        let p = other.dropout.p
        (dropout, dropout1, dropout2) = (try Dropout(p), try Dropout(p), try Dropout(p))
        (activation, normFirst) = (other.activation, other.normFirst)
        super.init()
        train(other.isTraining)
    }

    public override func forward(_ x: Tensor) throws -> Tensor { try self(x, mask: nil) }

    /// Masks are those of ``MultiheadAttention``.
    public func callAsFunction(
        _ x: Tensor, mask: Tensor?, keyPadding: Tensor? = nil, isCausal: Bool = false
    ) throws -> Tensor {
        if normFirst {
            let y = try x.add(attend(norm1(x), mask, keyPadding, isCausal))
            return try y.add(feed(norm2(y)))
        }
        let y = try norm1(x.add(attend(x, mask, keyPadding, isCausal)))
        return try norm2(y.add(feed(y)))
    }

    private func attend(_ x: Tensor, _ mask: Tensor?, _ keyPadding: Tensor?, _ isCausal: Bool) throws -> Tensor {
        try dropout1(
            selfAttn(x, x, x, keyPadding: keyPadding, needsWeights: false, mask: mask, isCausal: isCausal).output)
    }

    private func feed(_ x: Tensor) throws -> Tensor {
        let y = try x.feedForward(
            linear1.weight, linear1.bias, then: activation == .relu ? .relu : .gelu, dropout: dropout.isTraining ? dropout.p : 0,
            linear2.weight, linear2.bias)
        return try dropout2(y)
    }
}

/// Copies of an encoder layer in a row, then `norm` if given.
public final class TransformerEncoder: Module {
    public let layers: ModuleList
    public let norm: Module?

    /// `count` deep copies of `layer`, all equal at first; the given layer is not one of them.
    public init(_ layer: TransformerEncoderLayer, count: Int, norm: Module? = nil) throws {
        guard count >= 0 else { throw MartletError.value("TransformerEncoder: num_layers must not be negative, got \(count)") }
        layers = ModuleList(try (0..<count).map { _ in try TransformerEncoderLayer(copying: layer) })
        self.norm = norm
    }

    public override func forward(_ x: Tensor) throws -> Tensor { try self(x, mask: nil) }

    /// Masks are those of ``MultiheadAttention``, the same for every layer.
    public func callAsFunction(
        _ x: Tensor, mask: Tensor?, keyPadding: Tensor? = nil, isCausal: Bool = false
    ) throws -> Tensor {
        var x = x
        for case let layer as TransformerEncoderLayer in layers {
            x = try layer(x, mask: mask, keyPadding: keyPadding, isCausal: isCausal)
        }
        return try norm?(x) ?? x
    }
}
