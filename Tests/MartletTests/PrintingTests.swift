import Testing

@testable import Martlet

@Suite struct PrintingTests {
    @Test func values() throws {
        #expect("\(try Tensor([1, 2.5] as [Float]))" == "tensor([1.0000, 2.5000])")
        #expect("\(try Tensor([1, 20, -300] as [Int64]))" == "tensor([   1,   20, -300])")
        #expect("\(try Tensor([true, false]))" == "tensor([ True, False])")
        #expect("\(try Tensor([.nan, -.infinity, 0] as [Float]))" == "tensor([nan, -inf, 0.])")
        #expect("\(try Tensor([1e-4] as [Float]))" == "tensor([1.0000e-04])")
        #expect("\(try Tensor([1e-4] as [Double]))" == "tensor([0.0001], dtype=torch.float64)")
        #expect("\(try Tensor.zeros([2, 0, 3]))" == "tensor([], size=(2, 0, 3))")
        #expect("\(try Tensor([4] as [Float], []))" == "tensor(4.)")
    }

    @Test func layout() throws {
        let x = try Tensor((0..<8).map { Int64($0) }, [2, 2, 2])
        #expect("\(x)" == "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])")
        #expect("\(try x.permute([2, 1, 0]).select(0, 1))" == "tensor([[1, 5],\n        [3, 7]])")
        #expect(
            "\(try Tensor((0..<2000).map { Int64($0) }))" == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])")
        #expect(x.formatted(prefix: "Own(").hasPrefix("Own([[[0, 1],\n      [2, 3]]"))
    }

    @Test func suffixes() throws {
        let x = try Tensor([1, 2] as [Float]).requiresGrad()
        #expect("\(x)" == "tensor([1., 2.], requires_grad=True)")
        #expect("\(try x.mul(x))" == "tensor([1., 4.], grad_fn=<MulBackward0>)")
    }

    @Test func sparse() throws {
        let indices = try Tensor([0, 1, 2, 0] as [Int64], [2, 2])
        let x = try Tensor.sparse(indices, Tensor([1.5, -2] as [Float]), [2, 3], coalesced: true)
        #expect(
            "\(x)" == """
                tensor(indices=tensor([[0, 1],
                                       [2, 0]]),
                       values=tensor([ 1.5000, -2.0000]),
                       size=(2, 3), nnz=2, layout=torch.sparse_coo)
                """)
        let none = try Tensor.sparse(Tensor.zeros([2, 0], dtype: .int64), Tensor.zeros([0]), [2, 3], coalesced: true)
        #expect(
            "\(none)" == """
                tensor(indices=tensor([], size=(2, 0)),
                       values=tensor([], size=(0,)),
                       size=(2, 3), nnz=0, layout=torch.sparse_coo)
                """)
        let rows = try Tensor([1, 2, 3, 4] as [Double], [2, 2])
        #expect(
            "\(try Tensor.sparse(Tensor([1, 1] as [Int64], [1, 2]), rows, [3, 2], coalesced: false))" == """
                tensor(indices=tensor([[1, 1]]),
                       values=tensor([[1., 2.],
                                      [3., 4.]]),
                       size=(3, 2), nnz=2, dtype=torch.float64, layout=torch.sparse_coo)
                """)
    }

    @Test func options() throws {
        let x = try Tensor([0.123456, 1000] as [Float])
        var o = PrintOptions()
        o.precision = 2
        #expect(x.formatted(options: o) == "tensor([1.23e-01, 1.00e+03])")
        o.sciMode = false
        #expect(x.formatted(options: o) == "tensor([   0.12, 1000.00])")
        o.threshold = 1
        o.edgeItems = 1
        #expect(try Tensor([1, 2, 3] as [Int64]).formatted(options: o) == "tensor([1,  ..., 3])")
        #expect("\(x)" == "tensor([1.2346e-01, 1.0000e+03])")
    }
}
