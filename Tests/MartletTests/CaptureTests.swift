import Testing

@testable import Martlet

/// Recording and replaying. `recording` is a setting of the thread, so these run one after another.
@Suite(.serialized) struct CaptureTests {
    private func data(_ n: Int) throws -> [(Tensor, Tensor)] {
        let g = Generator(seed: 5)
        return try (0..<n).map { i in
            (try Tensor.randn([4, 3], generator: g), try Tensor([i % 2, 1, 0, (i + 1) % 2].map { Int64($0) }))
        }
    }

    private func step(_ make: ([Tensor]) throws -> Optimizer) throws -> ([Tensor]) throws -> [Tensor] {
        manualSeed(3)
        let model = try Sequential(Linear(3, 5), Tanh(), Linear(5, 2))
        let optimizer = try make(model.parameters)
        return { inputs in
            try optimizer.zeroGrad()
            let loss = try model(inputs[0]).crossEntropy(inputs[1])
            try loss.backward()
            try optimizer.step()
            return [loss]
        }
    }

    @Test(arguments: ["sgd", "momentum", "adam", "adamw", "rmsprop", "adagrad"])
    func trainingStepsAreTheSameBitForBit(_ name: String) throws {
        func make(_ p: [Tensor]) throws -> Optimizer {
            switch name {
            case "sgd": try SGD(p, lr: 0.1)
            case "momentum": try SGD(p, lr: 0.1, momentum: 0.9)
            case "adam": try Adam(p, lr: 0.1)
            case "adamw": try AdamW(p, lr: 0.1)
            case "rmsprop": try RMSprop(p, lr: 0.1)
            default: try Adagrad(p, lr: 0.1)
            }
        }
        let plain = try step(make)
        let expected = try data(7).map { try plain([$0.0, $0.1])[0].item() }
        let captured = Capture(try step(make))
        #expect(try data(7).map { try captured([$0.0, $0.1])[0].item() } == expected)
        #expect(captured.count == 1)
    }

    @Test(arguments: ["sgd", "momentum", "adam"])
    func anOptimizerMadeInsideBeginsAnewAtEachCall(_ name: String) throws {
        let body: ([Tensor]) throws -> [Tensor] = { inputs in
            let w = try inputs[0].clone().requiresGrad()
            let optimizer: Optimizer =
                switch name {
                case "sgd": try SGD([w], lr: 0.1)
                case "momentum": try SGD([w], lr: 0.1, momentum: 0.9, dampening: 0.5)
                default: try Adam([w], lr: 0.1)
                }
            for _ in 0..<3 {
                try optimizer.zeroGrad()
                try w.mul(inputs[0]).sin().sum().backward()
                try optimizer.step()
            }
            return [w.detach()]
        }
        let captured = Capture(body)
        for (x, _) in try data(6) { #expect(try captured([x])[0].equal(body([x])[0])) }
        #expect(captured.count == 1)
    }

    @Test(arguments: [nil, 2] as [Int?])
    func momentumOnSparseGradients(_ padding: Int?) throws {
        func run(_ capture: Bool) throws -> [[Float]] {
            manualSeed(3)
            let table = try Tensor.randn([5, 2]).requiresGrad()
            let optimizer = try SGD([table], lr: 0.1, momentum: 0.9, dampening: 0.2)
            let body: ([Tensor]) throws -> [Tensor] = { inputs in
                try optimizer.zeroGrad()
                let rows = try Tensor.embedding(table, inputs[0], paddingIndex: padding, sparse: true)
                try rows.mul(rows).sum().backward()
                try clipGradNorm([table], maxNorm: 0.5)
                try optimizer.step()
                return [try table.detach().clone()]
            }
            let captured = Capture(body)
            let calls: [[Int64]] = [[0, 2, 2], [4, 0, 0], [2, 2, 2], [1, 2, 4], [3, 3, 3]]
            return try calls.map { try (capture ? captured([Tensor($0)]) : body([Tensor($0)]))[0].toArray() }
        }
        #expect(try run(true) == run(false))
    }

    @Test func learningRatesAreReadAnew() throws {
        func run(_ capture: Bool) throws -> [Double] {
            var optimizer: SGD!
            let body = try step { p in
                optimizer = try SGD(p, lr: 0.5, momentum: 0.5)
                return optimizer
            }
            let captured = Capture(body)
            return try data(6).enumerated().map { i, d in
                optimizer.lr = 0.5 / Double(i + 1)
                return try (capture ? captured([d.0, d.1]) : body([d.0, d.1]))[0].item()
            }
        }
        #expect(try run(true) == run(false))
    }

    @Test func manyRunsInOneCall() throws {
        let table = try Tensor([0.0, 0] as [Float])
        let captured = Capture { inputs in
            _ = try table.addInPlace(inputs[0])
            return [try table.mul(.number(2.0))]
        }
        let runs = try Tensor((0..<10).map { Float($0) }, [5, 2])
        let all = try captured.replayMany([runs])[0]
        #expect(all.sizes == [5, 2])
        try expectClose(all.select(0, 4), [40, 50])
        try expectClose(table, [20, 25])
        #expect(throws: MartletError.self) { try captured.replayMany([.number(1.0)]) }
    }

    @Test func keysSelectRecordings() throws {
        var factor = 1.0
        let captured = Capture { inputs in [try inputs[0].mul(.number(factor))] }
        for _ in 0..<3 {
            for k in 1...3 {
                factor = Double(k)
                #expect(try captured([Tensor([2.0])], key: k)[0].item() == 2 * Double(k))
            }
        }
        #expect(captured.count == 3)
        let small = Capture(limit: 1) { $0 }
        for n in [1, 1] { _ = try small([Tensor.ones([n])]) }
        _ = try small([Tensor.ones([2])])
        #expect(throws: MartletError.self) { try small([Tensor.ones([2])]) }
    }

    @Test func aReplayEndsAtWhatFails() throws {
        let count = try Tensor([0.0])
        let captured = Capture { inputs in
            let inverse = try inputs[0].inv()
            _ = try count.addInPlace(.number(1.0))
            return [inverse]
        }
        let regular = try Tensor([2.0, 0, 0, 4], [2, 2])
        for _ in 0..<3 { _ = try captured([regular]) }
        #expect { try captured([Tensor([1.0, 2, 2, 4], [2, 2])]) } throws: { ($0 as? MartletError)?.kind == .linalg }
        #expect(try count.item() == 3)
        try expectClose(captured([regular])[0], [0.5, 0, 0, 0.25])
    }

    @Test(arguments: ["sgd", "adam", "sparse adam", "sparse adagrad"])
    func stepsOnSomeRowsAreTheSameBitForBit(_ name: String) throws {
        func run(_ capture: Bool) throws -> ([Double], Int) {
            let table = try Tensor((0..<12).map { Double($0) / 7 }, [6, 2]).requiresGrad()
            let sparse = name.hasPrefix("sparse")
            let optimizer: Optimizer =
                switch name {
                case "sgd": try SGD([table], lr: 0.1)
                case "adam": try Adam([table], lr: 0.1)
                case "sparse adam": try SparseAdam([table], lr: 0.1)
                default: try Adagrad([table], lr: 0.1)
                }
            let body = { (inputs: [Tensor]) throws -> [Tensor] in
                try optimizer.zeroGrad()
                let rows = try Tensor.embedding(table, inputs[0], sparse: sparse)
                try rows.mul(rows).sum().backward()
                try optimizer.step()
                return []
            }
            let captured = Capture(body)
            for i in 0..<8 {
                // The rows change once: the recording that does not fit is made anew.
                try table.restrictUpdates(toRows: i < 5 ? [0, 3, 4] : [1, 4])
                let inputs = [try Tensor([i % 6, 4, (i * 5 + 3) % 6, 4].map { Int64($0) })]
                _ = try capture ? captured(inputs) : body(inputs)
            }
            return (try table.detach().toArray(Double.self), optimizer.state(of: table).steps)
        }
        let (plain, captured) = (try run(false), try run(true))
        #expect(plain.0 == captured.0)
        #expect(plain.1 == captured.1)
    }

    @Test func anOptimizersFirstStepIsRecordedToo() throws {
        func losses(_ momentum: Double, recorded: Bool) throws -> [Double] {
            var optimizer: SGD!
            let body = try step { p in
                optimizer = try SGD(p, lr: 0.1, momentum: momentum, dampening: momentum / 2)
                return optimizer
            }
            let (recording, data) = (Recording(), try data(5))
            if !recorded { return try data.map { try body([$0.0, $0.1])[0].item() } }
            try recording.begin()
            let first = try body([recording.input(data[0].0), recording.input(data[0].1)])
            try recording.end(first)
            var losses = [try first[0].item()]
            for (x, y) in data.dropFirst() {
                try optimizer.zeroGrad()  // it was recorded where no leaf had a gradient yet
                losses.append(try recording.replay([x, y])[0].item())
            }
            return losses
        }
        for momentum in [0, 0.9] { #expect(try losses(momentum, recorded: true) == losses(momentum, recorded: false)) }
    }

    @Test(arguments: ["item", "nonzero", "values of coalesce", "unique", "first step on some rows"])
    func whatCannotBeReplayedIsRefused(_ name: String) throws {
        let x = try Tensor([1.0, 2, 3, 4], [2, 2])
        let w = try Tensor([1.0]).requiresGrad()
        let optimizer = try Adam([w], lr: 0.1)
        let recording = Recording()
        try recording.begin()
        do {
            switch name {
            case "item": _ = try x.sum().item()
            case "nonzero": _ = try x.nonzero()
            case "values of coalesce":
                _ = try Tensor.sparseCOO(Tensor([0, 1] as [Int64], [1, 2]), x, [2, 2]).coalesce().sparseValues()
            case "unique": _ = try x.unique()
            default:
                try (w * w).sum().backward()
                try w.restrictUpdates(toRows: [0])
                try optimizer.step()
            }
            try recording.end([])
            Issue.record("\(name) was recorded")
        } catch let error as MartletError {
            #expect(error.kind == .capture)
        }
        recording.abandon()
        #expect(!Recording.isActive)
        #expect(try x.sum().item() == 10)
    }

    @Test func memoryIsReusedWithinARun() throws {
        let captured = Recording()
        try captured.begin()
        var x = try captured.input(Tensor.ones([1 << 16]))
        for _ in 0..<40 { x = try x.mul(.number(1.5)) }
        try captured.end([try x.sum()])
        #expect(captured.byteCount < 2 << 20)
        #expect(captured.launchCount <= 3)
        #expect(captured.strayCount == 1)  // x itself
    }

    @Test func misuseIsAnError() throws {
        let r = Recording()
        #expect(throws: MartletError.self) { try r.end([]) }
        #expect(throws: MartletError.self) { try r.input(.number(1.0)) }
        try r.begin()
        #expect(throws: MartletError.self) { try Recording().begin() }
        let x = try r.input(Tensor.ones([2]))
        try r.end([try x.add(x)])
        #expect(throws: MartletError.self) { try r.replay([]) }
        #expect(throws: MartletError.self) { try r.replay([Tensor.ones([3])]) }
        try expectClose(r.replay([Tensor([5.0, 6] as [Float])])[0], [10, 12])
    }
}
