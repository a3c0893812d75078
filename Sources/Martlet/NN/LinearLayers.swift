/// x wᵀ + b: (..., in) to (..., out).
open class Linear: Module {
    public let inFeatures, outFeatures: Int
    /// (out, in).
    @Parameter public var weight: Tensor
    /// (out), nil without a bias.
    @Parameter public var bias: Tensor?

    /// Draws the weight, then the bias, uniformly within ±1/sqrt(in).
    public init(
        _ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws {
        (self.inFeatures, self.outFeatures) = (inFeatures, outFeatures)
        let w = try Tensor.empty([outFeatures, inFeatures], dtype: dtype)
        try Init.kaimingUniform(w, a: 5.0.squareRoot(), generator: generator)
        weight = w
        self.bias = nil
        if bias {
            let bound = inFeatures > 0 ? 1 / Double(inFeatures).squareRoot() : 0
            self.bias = try Init.uniform(.empty([outFeatures], dtype: dtype), -bound, bound, generator: generator)
        }
    }

    /// A layer around a given weight (out, in) and bias (out).
    public init(weight: Tensor, bias: Tensor? = nil) throws {
        guard weight.rank == 2 else { throw MartletError.runtime("Linear: weight must be 2-D (out, in), got \(weight.sizes)") }
        if let bias, bias.sizes != [weight.sizes[0]] {
            throw MartletError.runtime("Linear: bias of shape \(bias.sizes) does not fit weight of shape \(weight.sizes)")
        }
        (inFeatures, outFeatures) = (weight.sizes[1], weight.sizes[0])
        self.weight = weight
        self.bias = bias
    }

    /// The same parameters in memory of their own.
    func copied() throws -> Linear { try Linear(weight: copy(weight), bias: bias.map(copy)) }

    open override func forward(_ x: Tensor) throws -> Tensor { try x.linear(weight, bias) }

    open override var details: String {
        "in_features=\(inFeatures), out_features=\(outFeatures), bias=\(torchText(bias != nil))"
    }
}

/// A leaf with the values and the wish for a gradient of `t`.
func copy(_ t: Tensor) throws -> Tensor {
    let made = try t.detach().clone()
    made.leafRequiresGrad = t.requiresGrad
    return made
}

/// Gives back its input.
public final class Identity: Module {
    public override func forward(_ x: Tensor) throws -> Tensor { x }
}

/// Dimensions `start` to `end` as one: (N, C, H, W) to (N, C H W) by default.
public final class Flatten: Module {
    public let start, end: Int

    public init(_ start: Int = 1, _ end: Int = -1) { (self.start, self.end) = (start, end) }

    public override func forward(_ x: Tensor) throws -> Tensor { try x.flatten(start, end) }
    public override var details: String { "start_dim=\(start), end_dim=\(end)" }
}

/// A table of vectors: int64 numbers of any shape to that shape followed by `dim`.
public final class Embedding: Module {
    public let count, dim: Int
    public let paddingIndex: Int?
    public let maxNorm: Double?
    public let scaleByFrequency, sparse: Bool
    /// (count, dim).
    @Parameter public var weight: Tensor

    /// Draws the table from the standard normal distribution; row `paddingIndex` is then zero and gets no gradient.
    /// With `sparse` the gradient is a sparse tensor of the rows that were looked up. Rows longer than `maxNorm` are
    /// shortened to it, in place, when they are looked up. Throws `assertion` for a padding index outside the table.
    public init(
        _ count: Int, _ dim: Int, paddingIndex: Int? = nil, maxNorm: Double? = nil, scaleByFrequency: Bool = false,
        sparse: Bool = false, dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws {
        if let p = paddingIndex, p >= count || p < 0 && (count < 0 || p < -count) {
            throw MartletError(.assertion, "Padding_idx must be within num_embeddings")
        }
        (self.count, self.dim, self.maxNorm) = (count, dim, maxNorm)
        (self.scaleByFrequency, self.sparse) = (scaleByFrequency, sparse)
        self.paddingIndex = paddingIndex.map { $0 < 0 ? $0 + count : $0 }
        let table = try Init.normal(.empty([count, dim], dtype: dtype), generator: generator)
        if let p = self.paddingIndex { _ = try table.select(0, p).zeroInPlace() }
        weight = table
    }

    public override func forward(_ indices: Tensor) throws -> Tensor {
        if let maxNorm { try withNoGrad { try weight.embeddingRenormInPlace(indices.contiguous(), maxNorm, 2) } }
        return try .embedding(
            weight, indices, paddingIndex: paddingIndex, scaleByFrequency: scaleByFrequency, sparse: sparse)
    }

    public override var details: String {
        var text = "\(count), \(dim)"
        if let paddingIndex { text += ", padding_idx=\(paddingIndex)" }
        if let maxNorm { text += ", max_norm=\(maxNorm)" }
        if scaleByFrequency { text += ", scale_grad_by_freq=True" }
        if sparse { text += ", sparse=True" }
        return text
    }
}

/// Zeros with probability `p` in training, the rest scaled by 1 / (1 - p); its input otherwise.
public final class Dropout: Module {
    public let p: Double
    public let inPlace: Bool

    /// Throws `value` for a probability outside 0...1.
    public init(_ p: Double = 0.5, inPlace: Bool = false) throws {
        guard p >= 0 && p <= 1 else {
            throw MartletError.value("dropout probability has to be between 0 and 1, but got \(shortText(p))")
        }
        (self.p, self.inPlace) = (p, inPlace)
    }

    public override func forward(_ x: Tensor) throws -> Tensor {
        inPlace ? try x.dropoutInPlace(p, training: isTraining) : try x.dropout(p, training: isTraining)
    }

    public override var details: String { "p=\(p), inplace=\(torchText(inPlace))" }
}
