import Testing

@testable import Martlet

/// What bad input gets, in Swift: torch's kind of error with its message's substance. Tests/C/test_errors.c and
/// python/tests/test_errors.py have the same table.
@Suite struct ErrorTableTests {
    private func a() throws -> Tensor { try .ones([2, 3]) }

    @Test func shapes() throws {
        let b = try Tensor.ones([4])
        expectError(.runtime, "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1") {
            try a().add(b)
        }
        expectError(.runtime, "(2x3 and 2x3)") { try a().matmul(a()) }
        expectError(.runtime, "shape '[4, 2]' is invalid for input of size 6") { try a().view([4, 2]) }
        expectError(.runtime, "same number of dimensions") { try Tensor.cat([a(), b]) }
        expectError(.runtime, "shape '[2]' is invalid for input of size 3") { try Tensor([1, 2, 3] as [Float], [2]) }
        expectError(.runtime, "at most 12 dimensions, got 13") { try Tensor.ones([Int](repeating: 1, count: 13)) }
    }

    @Test func dtypes() throws {
        let i = try Tensor([0, 1] as [Int64])
        expectError(.runtime, "only Tensors of floating point dtype can require gradients") { try i.requiresGrad() }
        expectError(.runtime, "result type Float can't be cast to the desired output type Long") {
            try i.addInPlace(.number(0.5))
        }
        expectError(.runtime, "mean(): could not infer output dtype") { try i.mean() }
        expectError(.runtime, "expected m1 and m2 to have the same dtype, but got: float != double") {
            try a().matmul(Tensor.ones([3, 2], dtype: .float64))
        }
    }

    @Test func ranges() throws {
        let i = try Tensor([0, 7] as [Int64])
        expectError(.index, "index out of range in self") { try a().indexSelect(0, i) }
        expectError(.index, "index 5 out of range for tensor of size [2, 3] at dimension 0") { try a().select(0, 5) }
        expectError(.index, "index 7 is out of bounds for dimension 0 with size 2") { try a().index([i]) }
        expectError(.index, "Dimension out of range (expected to be in range of [-2, 1], but got 2)") { try a().transpose(0, 2) }
        expectError(.index, "Dimension out of range (expected to be in range of [-2, 1], but got -3)") { try a().sum([-3]) }
        expectError(.index, "Target 3 is out of bounds.") { try a().crossEntropy(Tensor([0, 3] as [Int64])) }
        expectError(.runtime, "without overflow") { try Tensor.full([2], .number(Double.nan), dtype: .int64) }
    }

    @Test func beyondMemory() throws {
        expectError(.runtime, "numel: integer multiplication overflow") { try Tensor.ones([3]).expand([1 << 62, 3]) }
        expectError(.runtime, "Storage size calculation overflowed with sizes=[2] and strides=[4611686018427387904]") {
            try a().asStrided([2], [1 << 62])
        }
        expectError(.runtime, "exceeds dimension size (3)") { try a().narrow(1, 1, .max) }
        expectError(.runtime, "split_with_sizes expects split_sizes to sum exactly to 2") { try a().split([.max, .max]) }
        expectError(.outOfMemory, "can't allocate memory") { try Tensor.triangleIndices(1 << 40, 1, offset: 0, lower: true) }
        expectError(.outOfMemory, "can't allocate memory") { try Tensor.zeros([0]).expand([1 << 60, 0]).unbind() }
        #expect(try a().triangle(lower: true, diagonal: .max).sum().item() == 6)
        #expect(try a().slice(1, 0, 3, step: .max).sizes == [2, 1])
    }

    @Test func graph() throws {
        let x = try leaf([1, 2, 3])
        expectError(.runtime, "grad can be implicitly created only for scalar outputs") { try (x * x).backward() }
        expectError(.runtime, "does not require grad and does not have a grad_fn") { try a().sum().backward() }
        let s = try (x * x).sum()
        try s.backward()
        expectError(.runtime, "Trying to backward through the graph a second time") { try s.backward() }
        expectError(.runtime, "a leaf Variable that requires grad is being used in an in-place operation.") {
            try x.addInPlace(.number(1))
        }
        expectError(.runtime, "a view of a leaf Variable that requires grad is being used in an in-place operation.") {
            try x.select(0, 1).addInPlace(.number(1))
        }
        let y = x * 2
        let z = try (y * y).sum()
        try y.addInPlace(.number(1))
        expectError(.runtime, "modified by an inplace operation") { try z.backward() }
        let unused = try leaf([1])
        expectError(.runtime, "Set allow_unused=True if this is the desired behavior.") { try Autograd.grad([(x * x).sum()], [unused]) }
        expectError(.runtime, "attempting to assign a gradient of size '[2]' to a tensor of size '[3]'") { try x.setGrad(.ones([2], dtype: .float64)) }
        expectError(.runtime, "a Tensor with 3 elements cannot be converted to Scalar") { try x.item() }
    }

    @Test func state() throws {
        expectError(
            .runtime,
            "size mismatch for weight: copying a param with shape torch.Size([3, 2]) from checkpoint, the shape in current model is torch.Size([2, 2])."
        ) { try Linear(2, 2).loadStateDict(["weight": .zeros([3, 2]), "bias": .zeros([2])]) }
        expectError(.runtime, "Missing key(s) in state_dict: \"weight\", \"bias\". ") { try Linear(2, 2).loadStateDict([:]) }
        expectError(.assertion, "Size mismatch between tensors") { try TensorDataset(a(), .ones([3])) }
    }

    @Test func memory() throws {
        expectError(.runtime, "overflowed") { try Tensor.empty([1 << 31, 1 << 31, 1 << 31]) }
        expectError(.outOfMemory, "can't allocate memory") { try Tensor.empty([1 << 46], dtype: .float64) }
        expectError(.runtime, "negative dimension -1") { try Tensor.zeros([2, -1]) }
    }

    /// Operators cannot throw: they stop the program, saying why.
    @Test func operatorsStopTheProgram() async throws {
        let result = try #require(
            await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                _ = try Tensor.ones([2, 3]) + Tensor.ones([4])
            })
        let said = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(said.contains("The size of tensor a (3) must match the size of tensor b (4)"))
        await #expect(processExitsWith: .failure) {
            let x = try Tensor.ones([2]).requiresGrad()
            x += x
        }
        await #expect(processExitsWith: .failure) {
            for _ in try DataLoader(Broken()) {}
        }
    }
}

private struct Broken: Dataset {
    let count = 1
    func sample(_ index: Int) throws -> [Tensor] { throw MartletError.runtime("no such sample") }
}
