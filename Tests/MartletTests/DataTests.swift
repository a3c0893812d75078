import Testing

@testable import Martlet

@Suite struct DataTests {
    private func numbers(_ n: Int) throws -> TensorDataset { try TensorDataset(Tensor((0..<n).map { Int64($0) })) }

    private func batches(_ loader: DataLoader) throws -> [[Int64]] { try loader.map { try $0[0].toArray(Int64.self) } }

    @Test func samplesAndBatches() throws {
        let data = try TensorDataset(Tensor([1, 2, 3, 4, 5, 6] as [Float], [3, 2]), Tensor([7, 8, 9] as [Int64]))
        #expect(data.count == 3)
        try expectClose(data.sample(1)[0], [3, 4])
        let batch = try data.batch([2, 0])
        try expectClose(batch[0], [5, 6, 1, 2])
        #expect(try batch[1].toArray(Int64.self) == [9, 7])
        expectError(.index, "out of range") { try data.sample(3) }
        expectError(.assertion, "Size mismatch between tensors") { try TensorDataset(.zeros([2]), .zeros([3])) }
    }

    @Test func inOrder() throws {
        let loader = try DataLoader(numbers(7), batchSize: 3, generator: Generator(seed: 1))
        #expect(loader.count == 3)
        #expect(try batches(loader) == [[0, 1, 2], [3, 4, 5], [6]])
        let full = try DataLoader(numbers(7), batchSize: 3, dropLast: true, generator: Generator(seed: 1))
        #expect(full.count == 2)
        #expect(try batches(full) == [[0, 1, 2], [3, 4, 5]])
        #expect(try batches(DataLoader(numbers(0), generator: Generator(seed: 1))) == [])
    }

    /// The order and what is left of the generator are torch's.
    @Test func shuffledByAGenerator() throws {
        let g = Generator(seed: 5)
        let loader = try DataLoader(numbers(7), batchSize: 3, shuffle: true, dropLast: true, generator: g)
        #expect(try batches(loader) == [[2, 4, 3], [5, 0, 6]])
        #expect(try batches(loader) == [[4, 1, 0], [2, 3, 6]])
        try expectClose(.rand([1], generator: g), [0.2639], 1e-4)
    }

    @Test func splits() throws {
        let g = Generator(seed: 0)
        let data = try numbers(7)
        #expect(try randomSplit(data, [4, 3], generator: g).map(\.indices) == [[4, 0, 5, 3], [2, 6, 1]])
        let halves = try randomSplit(data, fractions: [0.5, 0.5], generator: g)
        #expect(halves.map(\.indices) == [[6, 2, 4, 0], [3, 5, 1]])
        #expect(try halves[1].batch([2, 0])[0].toArray(Int64.self) == [1, 3])
        expectError(.value, "Sum of input lengths does not equal the length of the input dataset!") { try randomSplit(data, [1, 2]) }
        expectError(.value, "Sum of input lengths") { try randomSplit(data, fractions: [0.5, 0.7]) }
        expectError(.index, "out of range") { try halves[0].sample(4) }
    }

    /// A dataset of one's own: samples are stacked.
    @Test func ownDataset() throws {
        struct Squares: Dataset {
            let count = 4
            func sample(_ i: Int) throws -> [Tensor] { [try Tensor([Float(i), Float(i * i)])] }
        }
        let loader = try DataLoader(Squares(), batchSize: 2, generator: Generator(seed: 0))
        let all = Array(loader)
        #expect(all.count == 2 && all[1][0].sizes == [2, 2])
        try expectClose(all[1][0], [2, 4, 3, 9])
    }

    @Test func errors() throws {
        expectError(.value, "batch_size should be a positive integer value, but got batch_size=0") {
            try DataLoader(numbers(2), batchSize: 0)
        }
        expectError(.value, "num_samples should be a positive integer value, but got num_samples=0") {
            try DataLoader(numbers(0), shuffle: true)
        }
    }
}
