/// Normalises over the last dimensions, whose sizes are `shape`, then scales and shifts.
///
/// Ba, Kiros and Hinton 2016, "Layer normalization".
public final class LayerNorm: Module {
    public let shape: [Int]
    public let eps: Double
    /// Ones and zeros at first; nil where not asked for.
    @Parameter public var weight: Tensor?
    @Parameter public var bias: Tensor?

    public init(
        _ shape: [Int], eps: Double = 1e-5, affine: Bool = true, bias: Bool = true, dtype: DType = .defaultFloat
    ) throws {
        (self.shape, self.eps) = (shape, eps)
        weight = affine ? try .ones(shape, dtype: dtype) : nil
        self.bias = affine && bias ? try .zeros(shape, dtype: dtype) : nil
    }

    public convenience init(_ size: Int, eps: Double = 1e-5, affine: Bool = true, bias: Bool = true, dtype: DType = .defaultFloat) throws {
        try self.init([size], eps: eps, affine: affine, bias: bias, dtype: dtype)
    }

    func copied() throws -> LayerNorm {
        let made = try LayerNorm(shape, eps: eps, affine: false)
        made.weight = try weight.map(copy)
        made.bias = try bias.map(copy)
        return made
    }

    public override func forward(_ x: Tensor) throws -> Tensor { try x.layerNorm(shape, weight: weight, bias: bias, eps: eps) }

    public override var details: String {
        "\(torchText(shape)), eps=\(eps), elementwise_affine=\(torchText(weight != nil)), bias=\(torchText(bias != nil))"
    }
}

/// Normalises each channel by the batch's statistics in training, by running ones otherwise.
///
/// Ioffe and Szegedy 2015, "Batch normalization". Use ``BatchNorm1d`` and ``BatchNorm2d``.
open class BatchNorm: Module {
    public let channels: Int
    public let eps: Double
    /// How far running statistics move; nil for the plain average of all batches so far.
    public let momentum: Double?
    @Parameter public var weight: Tensor?
    @Parameter public var bias: Tensor?
    @Buffer public var runningMean: Tensor?
    @Buffer public var runningVar: Tensor?
    @Buffer public var numBatchesTracked: Tensor?

    public init(
        _ channels: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, tracksStatistics: Bool = true,
        dtype: DType = .defaultFloat
    ) throws {
        (self.channels, self.eps, self.momentum) = (channels, eps, momentum)
        weight = affine ? try .ones([channels], dtype: dtype) : nil
        bias = affine ? try .zeros([channels], dtype: dtype) : nil
        runningMean = tracksStatistics ? try .zeros([channels], dtype: dtype) : nil
        runningVar = tracksStatistics ? try .ones([channels], dtype: dtype) : nil
        numBatchesTracked = tracksStatistics ? try .zeros([], dtype: .int64) : nil
    }

    /// Throws `value` for an input of the wrong rank.
    func checkRank(_ x: Tensor) throws {}

    open override func forward(_ x: Tensor) throws -> Tensor {
        try checkRank(x)
        var share = momentum ?? 0
        if isTraining, let count = numBatchesTracked {
            try withNoGrad { _ = try count.addInPlace(.number(1)) }
            if momentum == nil { share = 1 / (try count.item()) }
        }
        return try x.batchNorm(
            weight: weight, bias: bias, runningMean: runningMean, runningVar: runningVar,
            training: isTraining || runningMean == nil, momentum: share, eps: eps)
    }

    open override var details: String {
        "\(channels), eps=\(eps), momentum=\(momentum.map { "\($0)" } ?? "None"), affine=\(torchText(weight != nil)), bias=\(torchText(bias != nil)), track_running_stats=\(torchText(runningMean != nil))"
    }
}

/// ``BatchNorm`` of (N, C) or (N, C, L).
public final class BatchNorm1d: BatchNorm {
    override func checkRank(_ x: Tensor) throws {
        if x.rank != 2 && x.rank != 3 { throw MartletError.value("expected 2D or 3D input (got \(x.rank)D input)") }
    }
}

/// ``BatchNorm`` of images (N, C, H, W).
public final class BatchNorm2d: BatchNorm {
    override func checkRank(_ x: Tensor) throws {
        if x.rank != 4 { throw MartletError.value("expected 4D input (got \(x.rank)D input)") }
    }
}
