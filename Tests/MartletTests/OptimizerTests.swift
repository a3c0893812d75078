import Testing

@testable import Martlet

/// Three steps on a quadratic bowl, against the numbers of PyTorch 2.13.
@Suite struct OptimizerTests {
    static let cases: [(name: String, make: @Sendable ([Tensor]) throws -> Optimizer, expected: [Double])] = [
        ("SGD", { try SGD($0, lr: 0.1) }, [0.511999965, -0.432000011, 2.18700004]),
        ("momentum", { try SGD($0, lr: 0.1, momentum: 0.9) }, [0.061999999, 1.07999992, 1.45800018]),
        (
            "Nesterov", { try SGD($0, lr: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true) },
            [-0.140468374, 0.86976862, 0.821302533]
        ),
        ("Adam", { try Adam($0, lr: 0.1) }, [0.701586306, -1.70062339, 2.70038152]),
        ("AdamW", { try AdamW($0, lr: 0.1) }, [0.69891125, -1.69494462, 2.69170356]),
        ("AMSGrad", { try Adam($0, lr: 0.1, weightDecay: 0.1, amsgrad: true) }, [0.701586306, -1.70062339, 2.70038152]),
        ("RMSprop", { try RMSprop($0, lr: 0.1, momentum: 0.5, centered: true) }, [-0.298190743, 0.454475164, 0.144085482]),
        ("Adagrad", { try Adagrad($0, lr: 0.1) }, [0.780456185, -1.77582145, 2.77435946]),
    ]

    private func bowl(_ p: Tensor) throws -> Tensor { try p.mul(p).mul(Tensor([1, 2, 0.5] as [Float])).sum() }

    @Test(arguments: cases.indices) func threeSteps(_ i: Int) throws {
        let p = try Tensor([1, -2, 3] as [Float]).requiresGrad()
        let optimizer = try Self.cases[i].make([p])
        for _ in 0..<3 {
            try optimizer.zeroGrad()
            try bowl(p).backward()
            try optimizer.step()
        }
        try expectClose(p, Self.cases[i].expected, 2e-6)
    }

    @Test func sparseAdam() throws {
        let table = try Tensor([0, 1, 2, 3, 4, 5, 6, 7] as [Float], [4, 2]).requiresGrad()
        let optimizer = try SparseAdam([table], lr: 0.1)
        for _ in 0..<2 {
            try optimizer.zeroGrad()
            let rows = try Tensor.embedding(table, Tensor([1, 3, 1] as [Int64]), sparse: true)
            try rows.mul(rows).sum().backward()
            #expect(table.grad!.isSparse)
            try optimizer.step()
        }
        try expectClose(table, [0, 1, 1.80016649, 2.80010271, 4, 5, 5.8000474, 6.80004025])
    }

    /// Rows that a policy leaves out keep every bit of their values and of the optimizer's state.
    @Test(arguments: cases.indices, [false, true]) func rowPolicy(_ i: Int, _ asMask: Bool) throws {
        let generator = Generator(seed: 3)
        let p = try Tensor.randn([4, 3], generator: generator).requiresGrad()
        let optimizer = try Self.cases[i].make([p])
        func step() throws {
            try optimizer.zeroGrad()
            try bowl(p).backward()
            try optimizer.step()
        }
        func rows(_ t: Tensor) throws -> [[Float]] {
            let all = try t.toArray(Float.self)
            return (0..<4).map { Array(all[$0 * 3..<$0 * 3 + 3]) }
        }
        try step()
        let before = try rows(p)
        let states = try optimizer.state(of: p).tensors.filter { $0.value.sizes == p.sizes }.mapValues(rows)
        if asMask {
            try p.restrictUpdates(to: Tensor([false, true, false, true]))
        } else {
            try p.restrictUpdates(toRows: [1, -1])
        }
        try step()
        let after = try rows(p)
        for r in 0..<4 { #expect((after[r] == before[r]) == (r % 2 == 0), "row \(r)") }
        for (name, old) in states {
            let new = try rows(optimizer.state(of: p).tensors[name]!)
            for r in [0, 2] { #expect(new[r] == old[r], "\(name), row \(r)") }
        }
        try p.restrictUpdates(toRows: nil)
        try step()
        #expect(try rows(p).enumerated().allSatisfy { $0.element != after[$0.offset] })
    }

    @Test func rowPolicyOfSparseGradients() throws {
        let table = try Tensor.randn([5, 2], generator: Generator(seed: 1)).requiresGrad()
        let before = try table.toArray(Float.self)
        let optimizer = try SGD([table], lr: 0.5, momentum: 0.9)
        let rows = try Tensor.embedding(table, Tensor([0, 2, 2, 4] as [Int64]), sparse: true)
        try rows.sum().backward()
        try table.restrictUpdates(toRows: [2, 3])  // after backward, before the step
        try optimizer.step()
        let after = try table.toArray(Float.self)
        for i in before.indices {
            if i / 2 == 2 { #expect(abs(after[i] - (before[i] - 1)) < 1e-6) } else { #expect(after[i] == before[i]) }
        }
    }

    @Test func clipping() throws {
        let p = try leaf([3, 4])
        p.grad = try Tensor([3.0, 4.0])
        #expect(try clipGradNorm([p], maxNorm: 1).item() == 5)
        try expectClose(p.grad!, [0.6, 0.8], 1e-5)
        try clipGradValue([p], limit: 0.7)
        try expectClose(p.grad!, [0.6, 0.7], 1e-5)
    }

    @Test func groupsAndErrors() throws {
        let (a, b) = (try leaf([1]), try leaf([1]))
        let optimizer = try SGD([a], lr: 1)
        try optimizer.addGroup([b], lr: 0.1)
        for p in [a, b] { p.grad = try Tensor([1.0]) }
        try optimizer.step()
        try expectClose(a, [0])
        try expectClose(b, [0.9])
        expectError(.value, "more than one parameter group") { try optimizer.addGroup([a]) }
        expectError(.value, "empty parameter list") { try SGD([]) }
        expectError(.value, "Invalid learning rate") { try Adam([a], lr: -1) }
        expectError(.value, "can't optimize a non-leaf Tensor") { try SGD([a * b]) }
    }
}
