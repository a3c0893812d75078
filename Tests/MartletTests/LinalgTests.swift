import Testing

@testable import Martlet

/// Linear algebra in Swift: factors multiply back, errors name the matrix. Values, signs and gradients are compared with
/// torch's in python/tests/test_ops_linalg.py.
@Suite struct LinalgTests {
    /// Fixed numbers without structure.
    private func sample(_ sizes: [Int]) throws -> Tensor {
        let n = sizes.reduce(1, *)
        var state: UInt64 = 9
        let values = (0..<n).map { _ -> Double in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 33) / Double(1 << 30) - 1
        }
        return try Tensor(values, sizes)
    }

    private func distance(_ a: Tensor, _ b: Tensor) throws -> Double { try a.sub(b).vectorNorm(.infinity).item() }

    @Test(arguments: [[3, 3], [5, 2], [2, 5], [2, 4, 3], [30, 28]]) func factorsMultiplyBack(_ sizes: [Int]) throws {
        let a = try sample(sizes)
        let (u, s, vh) = try a.svd(full: false)
        #expect(try distance(u.mul(s.unsqueeze(-2)).matmul(vh), a) < 1e-13)
        let (q, r) = try a.qr()
        #expect(try distance(q.matmul(r), a) < 1e-13)
        let (p, l, upper) = try a.lu()
        #expect(try distance(p.matmul(l).matmul(upper), a) < 1e-13)
        let pseudo = try a.pinv()
        #expect(try distance(a.matmul(pseudo).matmul(a), a) < 1e-12)
    }

    @Test func symmetricMatrices() throws {
        let a = try sample([2, 6, 6])
        let square = try a.matmul(a.mT())
        let (values, vectors) = try square.eigh()
        #expect(try distance(vectors.mul(values.unsqueeze(-2)).matmul(vectors.mT()), square) < 1e-13)
        let l = try square.cholesky()
        #expect(try distance(l.matmul(l.mT()), square) < 1e-13)
        #expect(try distance(values.log().sum([-1]), square.logdet()) < 1e-10)
    }

    @Test func systems() throws {
        let (a, b) = (try sample([4, 4]), try sample([3, 4, 2]))
        #expect(try distance(a.matmul(a.solve(b)), b) < 1e-12)
        #expect(try distance(a.matmul(a.inv()), .eye(4, dtype: .float64)) < 1e-12)
        #expect(try distance(a.matrixPower(-2).matmul(a).matmul(a), .eye(4, dtype: .float64)) < 1e-11)
    }

    @Test func gradientOfTheLogarithmOfADeterminant() throws {
        let a = try sample([3, 3]).requiresGrad()
        try a.slogdet().logabsdet.backward()
        #expect(try distance(a.grad!, a.detach().inv().mT()) < 1e-12)
    }

    @Test func errors() throws {
        let zeros = try Tensor.zeros([2, 2])
        expectError(.linalg, "linalg.inv: The diagonal element 1 is zero, the inversion could not be completed") { try zeros.inv() }
        expectError(.linalg, "the leading minor of order 1 is not positive-definite") { try zeros.cholesky() }
        expectError(.linalg, "The solver failed because the input matrix is singular") { try zeros.solve(zeros) }
        expectError(.linalg, "non-finite values") { try Tensor([Double.nan], [1, 1]).svd() }
        expectError(.runtime, "A must be batches of square matrices, but they are 2 by 3 matrices") { try Tensor.ones([2, 3]).det() }
        expectError(.runtime, "must have at least 2 dimensions") { try Tensor.ones([2]).qr() }
    }
}
