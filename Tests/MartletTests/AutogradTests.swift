import Testing

@testable import Martlet

@Suite struct AutogradTests {
    @Test func backwardAddsToGrad() throws {
        let x = try leaf([1, 2, 3])
        for times in 1...2 {
            try (x * x).sum().backward()
            try expectClose(x.grad!, [2, 4, 6].map { $0 * Double(times) })
        }
        #expect((x * x).gradFn?.name == "MulBackward0")
        #expect(x.isLeaf && !(x * x).isLeaf)
    }

    /// First and second derivatives of smooth functions against central differences.
    @Test(arguments: [
        "tanh", "sigmoid", "exp", "softmax", "logSoftmax", "gelu", "silu", "matmul", "layerNorm", "prod", "norm", "views",
    ]) func derivatives(_ name: String) throws {
        let weights = try Tensor([0.3, -1.2, 0.7, 1.9, -0.4, 0.8], [2, 3])
        func f(_ x: Tensor) throws -> Tensor {
            let y: Tensor
            switch name {
            case "tanh": y = try x.tanh()
            case "sigmoid": y = try x.sigmoid()
            case "exp": y = try x.exp()
            case "softmax": y = try x.softmax(1)
            case "logSoftmax": y = try x.logSoftmax(0)
            case "gelu": y = try x.gelu()
            case "silu": y = try x.silu()
            case "matmul": return try x.matmul(x.t()).mul(Tensor([1.0, 2, 3, 5], [2, 2])).sum()
            case "layerNorm": y = try x.layerNorm([3])
            case "prod": y = try x.prod(1, keepDim: true).expand([2, 3])
            case "norm": y = try x.mul(x).sum([0], keepDim: true).sqrt().expand([2, 3])
            default: y = try x.transpose(0, 1).slice(0, 1).reshape([4]).unsqueeze(0).mul(x.select(1, 0).unsqueeze(1)).narrow(1, 0, 3)
            }
            return try y.mul(weights).sum()
        }
        let x = try leaf([0.5, -0.3, 1.1, 0.9, -1.4, 0.2], [2, 3])
        let g = try Autograd.grad([f(x)], [x])[0]!
        try expectClose(g, numericGradient(f, x), 1e-6)
        // The derivative of a projection of the gradient.
        func projected(_ x: Tensor) throws -> Tensor {
            try Autograd.grad([f(x)], [x], createGraph: true)[0]!.mul(Tensor([1.0, -2, 0.5, 3, -1, 2], [2, 3])).sum()
        }
        let gg = try Autograd.grad([projected(x)], [x], allowUnused: true)[0]
        try expectClose(gg ?? .zeros([2, 3], dtype: .float64), numericGradient(projected, x), 1e-5)
    }

    @Test func thirdOrder() throws {
        let x = try leaf([2])
        let first = try Autograd.grad([x.pow(.number(4))], [x], createGraph: true)[0]!
        let second = try Autograd.grad([first], [x], createGraph: true)[0]!
        let third = try Autograd.grad([second], [x])[0]!
        try expectClose(first, [32])
        try expectClose(second, [48])
        try expectClose(third, [48])
    }

    @Test func savedTensorsKnowTheirVersion() throws {
        let x = try leaf([1, 2])
        let y = try x.exp()  // saves its result
        let z = try y.mul(y).sum()
        try y.addInPlace(.number(1))
        expectError(.runtime, "has been modified by an inplace operation") { try z.backward() }
        // A sum saves nothing, so that its operand may change.
        let h = try x.mul(.number(2))
        let s = try h.sum()
        try h.addInPlace(.number(1))
        try s.backward()
        try expectClose(x.grad!, [2, 2])
    }

    /// Writing to a view is seen by its base, and the base's gradient goes through the write.
    @Test func writesToViews() throws {
        let x = try leaf([1, 2, 3, 4], [2, 2])
        let y = try x.mul(.number(3))
        let row = try y.select(0, 1)
        try row.mulInPlace(.number(10))
        #expect(y.gradFn?.name == "CopySlices")
        try expectClose(y, [3, 6, 90, 120])
        try y.sum().backward()
        try expectClose(x.grad!, [3, 3, 30, 30])
        // A value written over: the old one gets no gradient, the new one all of it.
        let v = try leaf([5, 6])
        let z = try x.mul(.number(1))
        _ = try z.select(1, 0).copyInPlace(v)
        let grads = try Autograd.grad([z.mul(z).sum()], [x, v])
        try expectClose(grads[0]!, [0, 4, 0, 8])
        try expectClose(grads[1]!, [10, 12])
    }

    @Test func viewsShareMemoryAndVersions() throws {
        let x = try Tensor([0, 1, 2, 3, 4, 5] as [Float], [2, 3])
        let t = try x.t()
        try t.select(0, 2).fillInPlace(.number(9))
        try expectClose(x, [0, 1, 9, 3, 4, 9])
        #expect(x.version == 1 && t.version == 1 && !t.isContiguous)
        #expect(try t.reshape([6]).storage !== x.storage)
        #expect(try x.view([3, 2]).storage === x.storage)
    }

    @Test func hooks() throws {
        let x = try leaf([1, 2])
        var seen: [Double] = []
        let id = try x.registerHook { g in
            seen += try g.toArray(Double.self)
            return try g.mul(.number(10))
        }
        try x.mul(x).sum().backward()
        #expect(seen == [2, 4])
        try expectClose(x.grad!, [20, 40])
        x.removeHook(id)
        x.grad = nil
        let y = try x.mul(.number(3))
        try y.retainGrad()
        try y.sum().backward()
        #expect(seen.count == 2)
        try expectClose(y.grad!, [1, 1])
        try expectClose(x.grad!, [3, 3])
        var calls = 0
        _ = try x.registerPostAccumulateGradHook { leaf in calls += leaf.grad == nil ? 0 : 1 }
        try x.sum().backward()
        #expect(calls == 1)
    }

    @Test func gradModes() throws {
        let x = try leaf([1])
        #expect(try withNoGrad { try x.mul(x).requiresGrad } == false)
        #expect(try withNoGrad { try withEnabledGrad { try x.mul(x).requiresGrad } })
        #expect(GradMode.isEnabled)
        #expect(!x.detach().requiresGrad)
        struct Failure: Error {}
        #expect(throws: Failure.self) { try withNoGrad { throw Failure() } }
        #expect(GradMode.isEnabled)
    }

    @Test func gradOfChosenInputs() throws {
        let (x, y) = (try leaf([2]), try leaf([3]))
        let z = x * x * y
        let g = try Autograd.grad([z], [x, y], gradOutputs: [Tensor([10.0])])
        try expectClose(g[0]!, [120])
        try expectClose(g[1]!, [40])
        #expect(x.grad == nil)
        try (x * y).backward(inputs: [y])
        #expect(x.grad == nil && y.grad != nil)
        let unused = try Autograd.grad([x * x], [x, y], allowUnused: true)
        #expect(unused[1] == nil)
        try expectClose(Autograd.grad([x * x], [y], materialize: true)[0]!, [0])
    }

    /// Backward and release of a very deep graph use no stack.
    @Test func deepChain() throws {
        let x = try Tensor([1] as [Float]).requiresGrad()
        let one = Tensor.number(1)
        var y: Tensor? = x
        for _ in 0..<1_000_000 { y = try y!.add(one) }
        try y!.backward(retainGraph: true)
        try expectClose(x.grad!, [1])
        #expect(try y!.item() == 1_000_001)
        y = nil
    }

    @Test func gradientReuseKeepsEarlierGradients() throws {
        let x = try leaf([1, 1])
        try x.sum().backward()
        let kept = x.grad!
        let copy = try kept.clone()
        x.grad = nil
        try x.mul(.number(5)).sum().backward()
        try expectClose(kept, copy.toArray(Double.self))
    }
}
