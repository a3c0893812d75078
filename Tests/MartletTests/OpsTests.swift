import Glibc
import Testing

@testable import Martlet

/// Operations against closed forms and small examples worked by hand.
@Suite struct OpsTests {
    private func grid() throws -> Tensor { try Tensor([1, 2, 3, 4, 5, 6] as [Float], [2, 3]) }

    @Test func promotion() throws {
        let (byte, long) = (try Tensor([200, 100] as [UInt8]), try Tensor([1, 2] as [Int64]))
        #expect((byte + long).dtype == .int64 && (byte + 1.5).dtype == .float32)
        #expect(try byte.add(byte).toArray(UInt8.self) == [144, 200])
        #expect(try byte.add(.number(100)).dtype == .uint8)
        #expect(try long.div(long).dtype == .float32 && (long * 2.0).dtype == .float32)
        #expect((try Tensor([true]) + long.narrow(0, 0, 1)).dtype == .int64)
        #expect((try grid() + Tensor([1.0])).dtype == .float64)
        #expect(DType.promote(.float16, .bfloat16) == .float32 && DType.promote(.uint8, .int8) == .int16)
    }

    @Test func broadcasting() throws {
        try expectClose(grid() + Tensor([10, 20, 30] as [Float]), [11, 22, 33, 14, 25, 36])
        try expectClose(grid() * Tensor([1, -1] as [Float], [2, 1]), [1, 2, 3, -4, -5, -6])
        #expect(try (Tensor.ones([3, 1, 2]) - Tensor.ones([4, 1])).sizes == [3, 4, 2])
        let (a, b) = (try leaf([1, 2, 3], [3, 1]), try leaf([1, 2]))
        try (a * b).sum().backward()
        try expectClose(a.grad!, [3, 3, 3])
        try expectClose(b.grad!, [6, 6])
    }

    @Test func reductions() throws {
        let x = try grid()
        try expectClose(x.sum(), [21])
        try expectClose(x.sum([0]), [5, 7, 9])
        try expectClose(x.mean([1], keepDim: true), [2, 5])
        try expectClose(x.var([1]), [1, 1])
        try expectClose(x.std(correction: 0), [(35.0 / 12).squareRoot()])
        try expectClose(x.prod(1), [6, 120])
        try expectClose(x.logsumexp([1]), [3.4076059, 6.4076059])
        try expectClose(x.amax([0]), [4, 5, 6])
        #expect(try x.max(1).indices.toArray(Int64.self) == [2, 2] && x.argmin().itemInt() == 0)
        try expectClose(x.vectorNorm(), [9.5393920])
        try expectClose(x.cumsum(1), [1, 3, 6, 4, 9, 15])
        try expectClose(x.cumprod(0), [1, 2, 3, 4, 10, 18])
        #expect(try Tensor([1, 0, 2] as [Int64]).all().itemInt() == 0 && Tensor([1, 0] as [Int64]).any().itemInt() == 1)
        // Ten million parts of a tenth, summed in float32.
        #expect(abs(try Tensor.full([1 << 20], 0.1).sum().item() - 104857.6) < 0.1)
    }

    @Test func products() throws {
        let x = try grid()
        try expectClose(x.matmul(x.t()), [14, 32, 32, 77])
        try expectClose(x.matmul(Tensor([1, 0, -1] as [Float])), [-2, -2])
        try expectClose(Tensor([1, 2] as [Float]).outer(Tensor([3, 4] as [Float])), [3, 4, 6, 8])
        #expect(try Tensor.ones([2, 1, 3, 4]).matmul(.ones([5, 4, 6])).sizes == [2, 5, 3, 6])
        try expectClose(Tensor.einsum("ij,kj->ik", [x, x]), [14, 32, 32, 77])
        try expectClose(x.linear(Tensor([1, 1, 1] as [Float], [1, 3]), Tensor([0.5] as [Float])), [6.5, 15.5])
    }

    @Test func shapes() throws {
        let x = try grid()
        #expect(try x.t().sizes == [3, 2] && x.unsqueeze(1).sizes == [2, 1, 3] && x.unsqueeze(0).squeeze().sizes == [2, 3])
        try expectClose(x.permute([1, 0]).reshape([6]), [1, 4, 2, 5, 3, 6])
        try expectClose(x.diagonal(), [1, 5])
        try expectClose(x.unfold(1, 2, 1).select(1, 1), [2, 3, 5, 6])
        try expectClose(x.flip([1]), [3, 2, 1, 6, 5, 4])
        try expectClose(x.roll([1], [1]), [3, 1, 2, 6, 4, 5])
        try expectClose(Tensor.cat([x, x], 1).select(0, 0), [1, 2, 3, 1, 2, 3])
        #expect(try Tensor.stack([x, x], 2).sizes == [2, 3, 2])
        #expect(try x.split(2, 1).map { Array($0.sizes) } == [[2, 2], [2, 1]] && x.chunk(2).count == 2)
        try expectClose(x.triangle(lower: true), [1, 0, 0, 4, 5, 0])
        try expectClose(x.expand([2, 2, 3]).select(0, 1), [1, 2, 3, 4, 5, 6])
    }

    @Test func subscripts() throws {
        let x = try grid()
        try expectClose(x[1], [4, 5, 6])
        try expectClose(x[-1, 0], [4])
        try expectClose(x[0..., 1], [2, 5])
        try expectClose(x[0, 1..<3], [2, 3])
        try expectClose(x[..<1], [1, 2, 3])
        x[0, 1...] = try Tensor([7, 8] as [Float])
        try expectClose(x, [1, 7, 8, 4, 5, 6])
        try expectClose(x[x.gt(.number(6))], [7, 8])
        x[try x.gt(.number(6))] = .number(0)
        try expectClose(x, [1, 0, 0, 4, 5, 6])
        try expectClose(x[Tensor([1, 1] as [Int64])], [4, 5, 6, 4, 5, 6])
        let y = try leaf([1, 2, 3])
        try (y[1] * y[2]).backward()
        try expectClose(y.grad!, [0, 3, 2])
    }

    @Test func picking() throws {
        let x = try leaf([1, 2, 3, 4, 5, 6], [2, 3])
        let rows = try Tensor([1, 1, 0] as [Int64])
        try x.indexSelect(0, rows).sum().backward()
        try expectClose(x.grad!, [1, 1, 1, 2, 2, 2])
        x.grad = nil
        try x.gather(1, Tensor([0, 0, 2, 1] as [Int64], [2, 2])).sum().backward()
        try expectClose(x.grad!, [2, 0, 0, 0, 1, 1])
        let d = x.detach()
        try expectClose(d.index([Tensor([0, 1] as [Int64]), Tensor([2, 0] as [Int64])]), [3, 4])
        try expectClose(d.indexAdd(0, Tensor([0] as [Int64]), .ones([1, 3], dtype: .float64)), [2, 3, 4, 4, 5, 6])
        try expectClose(d.scatter(1, Tensor([2, 0] as [Int64], [2, 1]), Tensor([-1.0, -2], [2, 1])), [1, 2, -1, -2, 5, 6])
        try expectClose(d.maskedFill(d.gt(.number(4)), .number(0)), [1, 2, 3, 4, 0, 0])
        try expectClose(d.where_(d.lt(.number(3)), .number(9)), [1, 2, 9, 9, 9, 9])
        #expect(try d.gt(.number(4)).nonzero().toArray(Int64.self) == [1, 1, 1, 2])
        try expectClose(d.clamp(min: .number(2), max: .number(5)), [2, 2, 3, 4, 5, 5])
    }

    @Test func sorting() throws {
        let x = try Tensor([3, 1, 2, 1] as [Float])
        let sorted = try x.sort(stable: true)
        try expectClose(sorted.values, [1, 1, 2, 3])
        #expect(try sorted.indices.toArray(Int64.self) == [1, 3, 2, 0])
        try expectClose(x.topk(2).values, [3, 2])
        try expectClose(x.median(), [1])
        let unique = try x.unique()
        try expectClose(unique.values, [1, 2, 3])
        #expect(try unique.counts.toArray(Int64.self) == [2, 1, 1])
    }

    @Test func roundingAndIntegers() throws {
        try expectClose(Tensor([-1.5, -0.5, 0.5, 1.5, 2.5]).round(), [-2, 0, 0, 2, 2])
        try expectClose(Tensor([-7.0, 7]).floorDivide(.number(2)), [-4, 3])
        try expectClose(Tensor([-7.0, 7]).remainder(.number(3)), [2, 1])
        try expectClose(Tensor([-7.0, 7]).fmod(.number(3)), [-1, 1])
        #expect(try Tensor([6, 3] as [Int64]).bitwiseAnd(.number(2)).toArray(Int64.self) == [2, 2])
        expectError(.runtime, "ZeroDivisionError") { try Tensor([1] as [Int64]).remainder(.number(0)) }
        #expect(try Tensor([3.7, -3.7]).to(.int32).toArray(Int32.self) == [3, -3])
    }

    /// Identities that hold for all arguments, on numbers of many sizes.
    @Test func identities() throws {
        let x = try Tensor((-300...300).map { Double($0) / 17 })
        try expectClose(x.sin().pow(.number(2)).add(x.cos().pow(.number(2))), [Double](repeating: 1, count: 601), 1e-14)
        try expectClose(x.exp().log(), x.toArray(Double.self), 1e-13)
        try expectClose(x.tanh(), (x * 2.0).sigmoid().mul(.number(2)).sub(.number(1)).toArray(Double.self), 1e-13)
        try expectClose(x.erf().add(x.erfc()), [Double](repeating: 1, count: 601), 1e-14)
        try expectClose(x.softmax(0).sum(), [1], 1e-14)
        try expectClose(x.logSoftmax(0), x.softmax(0).log().toArray(Double.self), 1e-12)
        try expectClose(x.abs().add(.number(1)).lgamma().exp(), x.toArray(Double.self).map { tgamma(Swift.abs($0) + 1) }, 1e-11)
    }

    @Test func sparse() throws {
        let places = try Tensor([0, 2, 0, 1, 1, 1] as [Int64], [2, 3])  // (0, 1) twice and (2, 1)
        let s = try Tensor.sparse(places, Tensor([3, 4, 5] as [Float]), [3, 2], coalesced: false)
        try expectClose(s.toDense(), [0, 8, 0, 0, 0, 4])
        let merged = try s.coalesce()
        try expectClose(merged.sparseValues(), [8, 4])
        #expect(try merged.sparseIndices().toArray(Int64.self) == [0, 2, 1, 1])
        try expectClose(s.add(s).toDense(), [0, 16, 0, 0, 0, 8])
        try expectClose(Tensor.ones([3, 2]).add(s), [1, 9, 1, 1, 1, 5])
    }
}
