/// Numbered samples, each a list of tensors (features and label, say).
public protocol Dataset {
    var count: Int { get }
    /// One sample; throws `index` outside 0..<count.
    func sample(_ index: Int) throws -> [Tensor]
    /// Several samples stacked along a new first dimension.
    func batch(_ indices: [Int]) throws -> [Tensor]
}

extension Dataset {
    public func batch(_ indices: [Int]) throws -> [Tensor] {
        let samples = try indices.map(sample)
        guard let first = samples.first else { return [] }
        return try first.indices.map { part in
            try .stack(
                samples.map { sample in
                    guard sample.count == first.count else {
                        throw MartletError.runtime("each element in list of batch should be of equal size")
                    }
                    return sample[part]
                })
        }
    }
}

/// Tensors of equal length; sample i is row i of each.
///
///     let data = try TensorDataset(features, labels)
public struct TensorDataset: Dataset {
    public let tensors: [Tensor]

    /// Throws `assertion` for tensors of unequal lengths, `value` for none.
    public init(_ tensors: [Tensor]) throws {
        guard let first = tensors.first else { throw MartletError.value("TensorDataset: no tensors were given") }
        for t in tensors {
            guard t.rank > 0 else { throw MartletError(.type, "TensorDataset: a 0-d tensor has no length") }
            guard t.sizes[0] == first.sizes[0] else { throw MartletError(.assertion, "Size mismatch between tensors") }
        }
        self.tensors = tensors
    }

    public init(_ tensors: Tensor...) throws { try self.init(tensors) }

    public var count: Int { tensors[0].sizes[0] }

    public func sample(_ index: Int) throws -> [Tensor] { try tensors.map { try $0.select(0, index) } }

    public func batch(_ indices: [Int]) throws -> [Tensor] {
        let rows = try Tensor(indices.map(Int64.init))
        return try tensors.map { try $0.indexSelect(0, rows) }
    }
}

/// Some of the samples of another dataset.
public struct Subset: Dataset {
    public let whole: any Dataset
    public let indices: [Int]

    public init(_ whole: any Dataset, _ indices: [Int]) { (self.whole, self.indices) = (whole, indices) }

    public var count: Int { indices.count }

    public func sample(_ index: Int) throws -> [Tensor] { try whole.sample(place(index)) }
    public func batch(_ indices: [Int]) throws -> [Tensor] { try whole.batch(indices.map(place)) }

    private func place(_ index: Int) throws -> Int {
        guard index >= 0 && index < indices.count else {
            throw MartletError.index("index \(index) is out of range for a subset of \(indices.count) samples")
        }
        return indices[index]
    }
}

/// Deals the samples out at random into parts of the given lengths, by one random permutation.
/// Throws `value` where the lengths do not add up to the dataset's.
public func randomSplit(_ dataset: any Dataset, _ lengths: [Int], generator: Generator? = nil) throws -> [Subset] {
    var rest = dataset.count
    for length in lengths where rest >= 0 { rest = length < 0 ? -1 : rest - length }
    guard rest == 0 else {
        throw MartletError.value("Sum of input lengths does not equal the length of the input dataset!")
    }
    let order = try Tensor.randperm(dataset.count, generator: generator).toArray(Int64.self).map { Int($0) }
    var start = 0
    return lengths.map { length in
        defer { start += length }
        return Subset(dataset, Array(order[start..<start + length]))
    }
}

/// The same by shares that add up to 1; samples left over by rounding go to the parts in turn.
public func randomSplit(_ dataset: any Dataset, fractions: [Double], generator: Generator? = nil) throws -> [Subset] {
    for (i, f) in fractions.enumerated() where !(f >= 0 && f <= 1) {
        throw MartletError.value("Fraction at index \(i) is not between 0 and 1")
    }
    guard abs(fractions.reduce(0, +) - 1) < 1e-9 else {
        throw MartletError.value("Sum of input lengths does not equal the length of the input dataset!")
    }
    var lengths = fractions.map { Int((Double(dataset.count) * $0).rounded(.down)) }
    for i in 0..<Swift.max(dataset.count - lengths.reduce(0, +), 0) { lengths[i % lengths.count] += 1 }
    return try randomSplit(dataset, lengths, generator: generator)
}
