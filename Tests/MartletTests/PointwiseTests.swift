import Testing

@testable import Martlet

@Suite struct PointwiseTests {
    /// Largest difference between the gradient of sum(f(x)^2) and finite differences of it.
    private func gradientError(_ values: [Double], _ f: (Tensor) throws -> Tensor) throws -> Double {
        func loss(_ v: [Double]) throws -> Tensor { try f(try Tensor(v).requiresGrad()).square().sum() }
        let x = try Tensor(values).requiresGrad()
        try f(x).square().sum().backward()
        let gradient = try x.grad!.toArray(Double.self)
        var worst = 0.0
        for i in values.indices {
            var (up, down) = (values, values)
            up[i] += 1e-6
            down[i] -= 1e-6
            let slope = try (loss(up).item() - loss(down).item()) / 2e-6
            worst = max(worst, abs(slope - gradient[i]))
        }
        return worst
    }

    @Test func gradients() throws {
        let functions: [(Tensor) throws -> Tensor] = [
            { try $0.exp() }, { try $0.log() }, { try $0.sqrt() }, { try $0.rsqrt() }, { try $0.tanh() }, { try $0.sigmoid() },
            { try $0.erf() }, { try $0.lgamma() }, { try $0.polygamma(2) }, { try $0.pow(.number(2.5)) }, { try Tensor.number(2).pow($0) },
            { try $0.gelu() }, { try $0.gelu(tanh: true) }, { try $0.silu() }, { try $0.mish() }, { try $0.softplus() },
            { try $0.elu(alpha: 0.5) }, { try $0.leakyRelu(0.2) }, { try $0.hardswish() }, { try $0.clamp(min: .number(0.4)) },
            { try $0.xlogy($0) }, { try $0.atan2(.number(0.3)) }, { try $0.lerp($0.mul($0), .number(0.3)) }, { try $0.i0() },
        ]
        for (i, f) in functions.enumerated() {
            #expect(try gradientError([0.3, 0.9, 1.7], f) < 1e-4, "function \(i)")
        }
    }

    @Test func losses() throws {
        let target = try Tensor([0.2, 1.4, 0.9])
        #expect(try gradientError([0.3, -0.9, 1.7]) { try $0.mseLoss(target) } < 1e-6)
        #expect(try gradientError([0.3, -0.9, 1.7]) { try $0.huberLoss(target, .sum, delta: 0.5) } < 1e-6)
        #expect(try gradientError([0.3, -0.9, 1.7]) { try $0.crossEntropy(Tensor([2] as [Int64]), labelSmoothing: 0.1) } < 1e-6)
        let x = try Tensor([1, 2, 3, 1, 2, 3] as [Double], [2, 3])
        #expect(try abs(x.crossEntropy(Tensor([2, 0] as [Int64])).item() - 1.4076059644443804) < 1e-12)
        #expect(throws: MartletError.self) { try x.crossEntropy(Tensor([2, 5] as [Int64])) }
        do { _ = try x.nllLoss(Tensor([2, 5] as [Int64])) } catch let e as MartletError {
            #expect(e.kind == .index && e.message == "Target 5 is out of bounds.")
        }
    }

    @Test func masks() throws {
        let x = try Tensor([1, -2, 3] as [Float])
        #expect(try (x .> 0).toArray(Bool.self) == [true, false, true])
        #expect(try ((x .> 0) .& (.!(x .== 3))).toArray(Bool.self) == [true, false, false])
        #expect(try x.where_(x .> 0, .number(0)).toArray(Float.self) == [1, 0, 3])
        #expect(try x.maskedFill(x .< 0, .number(7)).toArray(Float.self) == [1, 7, 3])
        #expect(try (x % Tensor([2] as [Float])).toArray(Float.self) == [1, 0, 1])
    }

    @Test func inPlaceKeepsWhatTheWayBackNeeds() throws {
        let x = try Tensor([0.5, 2] as [Double]).requiresGrad()
        let y = try x.mul(.number(1))
        try y.inPlace("log_") { try $0.log() }
        try y.sum().backward()
        #expect(try x.grad!.toArray(Double.self) == [2, 0.5])
        #expect(throws: MartletError.self) { try x.inPlace("exp_") { try $0.exp() } }
    }

    @Test func dropoutScales() throws {
        let generator = Generator()
        generator.manualSeed(3)
        let x = try Tensor.ones([1000])
        let kept = try x.dropout(0.25, generator: generator).toArray(Float.self)
        #expect(Set(kept) == [0, 1 / 0.75])
        #expect((200...300).contains(kept.filter { $0 == 0 }.count))
        #expect(try x.dropout(0.25, training: false) === x)
    }

    @Test func sumsAndZeta() {
        var sum = CascadeSum<Float>(count: 100_000)
        for _ in 0..<100_000 { sum.add(0.1) }
        #expect(abs(sum.value - 10_000) < 0.01)
        #expect(abs(hurwitzZeta(2, 1) - 1.6449340668482264) < 1e-15)
        #expect(abs(hurwitzZeta(3, 0.5) - 8.414398322117159) < 1e-13)
    }
}
