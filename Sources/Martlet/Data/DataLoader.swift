/// Batches of a dataset, in order or shuffled anew in every pass.
///
///     for batch in try DataLoader(data, batchSize: 32, shuffle: true) {
///         let loss = try criterion(model(batch[0]), batch[1])
///     }
///
/// Random numbers are drawn as PyTorch's loader without workers draws them: each pass takes a base seed from the
/// loader's generator; a shuffled one without a generator of its own then takes a seed for a private generator.
public struct DataLoader: Sequence {
    public let dataset: any Dataset
    public let batchSize: Int
    public let shuffle, dropLast: Bool
    public let generator: Generator?

    /// With `dropLast` a last batch that is not full is left out. Throws `value` for a batch size below 1, and for
    /// shuffling no samples.
    public init(
        _ dataset: any Dataset, batchSize: Int = 1, shuffle: Bool = false, dropLast: Bool = false,
        generator: Generator? = nil
    ) throws {
        guard batchSize > 0 else {
            throw MartletError.value("batch_size should be a positive integer value, but got batch_size=\(batchSize)")
        }
        guard !shuffle || dataset.count > 0 else {
            throw MartletError.value("num_samples should be a positive integer value, but got num_samples=0")
        }
        (self.dataset, self.batchSize, self.shuffle) = (dataset, batchSize, shuffle)
        (self.dropLast, self.generator) = (dropLast, generator)
    }

    /// The number of batches in a pass.
    public var count: Int {
        let full = dataset.count / batchSize
        return dropLast || full * batchSize == dataset.count ? full : full + 1
    }

    public func makeIterator() -> Pass { orTrap { try Pass(self) } }

    /// One pass over the data.
    public final class Pass: IteratorProtocol {
        private let loader: DataLoader
        private var order: SampleOrder

        /// Starts a pass: draws its base seed.
        public init(_ loader: DataLoader) throws {
            self.loader = loader
            _ = try drawSeed(loader.generator)
            order = SampleOrder(count: loader.dataset.count, shuffle: loader.shuffle, generator: loader.generator)
        }

        /// The next batch, nil at the end. Stops the program where a sample cannot be had; ``nextBatch()`` throws.
        public func next() -> [Tensor]? { orTrap { try nextBatch() } }

        /// The next batch, nil at the end.
        public func nextBatch() throws -> [Tensor]? {
            var indices: [Int] = []
            while indices.count < loader.batchSize, let i = try order.next() { indices.append(i) }
            if indices.isEmpty || (loader.dropLast && indices.count < loader.batchSize) { return nil }
            return try loader.dataset.batch(indices)
        }
    }
}

/// A non-negative seed from a generator.
private func drawSeed(_ generator: Generator?) throws -> Int {
    try Tensor.empty([], dtype: .int64).random_(generator: generator).itemInt()
}

/// The order in which samples are taken, drawn when the first is asked for.
private struct SampleOrder {
    let count: Int
    let shuffle: Bool
    let generator: Generator?
    private var order: [Int64]?
    private var source: Generator?
    private var position = 0
    private var ended = false

    init(count: Int, shuffle: Bool, generator: Generator?) {
        (self.count, self.shuffle, self.generator) = (count, shuffle, generator)
    }

    mutating func next() throws -> Int? {
        if ended { return nil }
        if shuffle && order == nil {
            source = try generator ?? Generator(seed: UInt64(drawSeed(nil)))
            order = try Tensor.randperm(count, generator: source).toArray(Int64.self)
        }
        if position == count {
            ended = true
            // PyTorch's sampler draws once more for the rest of a division that has none.
            if shuffle { _ = try Tensor.randperm(count, generator: source) }
            return nil
        }
        defer { position += 1 }
        return order.map { Int($0[position]) } ?? position
    }
}
