import Testing

@testable import Martlet

/// A model as a user writes one: properties are found and named by themselves.
private final class Net: Module {
    let inputLayer: Linear
    let middle: [Linear]
    @Parameter var scale: Tensor
    @Parameter var offset: Tensor?
    @Buffer var seen: Tensor
    private let dropout: Dropout
    var uses = 0

    override init() {
        let g = Generator(seed: 1)
        inputLayer = try! Linear(2, 3, generator: g)
        middle = (0..<2).map { _ in try! Linear(3, 3, bias: false, generator: g) }
        scale = try! .ones([3])
        offset = nil
        seen = try! .zeros([], dtype: .int64)
        dropout = try! Dropout(0.3)
    }

    override func forward(_ x: Tensor) throws -> Tensor {
        try seen.addInPlace(.number(1))
        var h = try inputLayer(x)
        for layer in middle { h = try layer(h).tanh() }
        return try dropout(h.mul(scale))
    }
}

@Suite struct ModuleTests {
    @Test func findsWhatIsInside() throws {
        let net = Net()
        #expect(
            net.namedParameters().map(\.name) == [
                "scale", "input_layer.weight", "input_layer.bias", "middle.0.weight", "middle.1.weight",
            ])
        #expect(net.parameters.allSatisfy { $0.requiresGrad })
        #expect(net.namedBuffers().map(\.name) == ["seen"] && !net.seen.requiresGrad)
        #expect(net.namedModules().map(\.name) == ["", "input_layer", "middle", "middle.0", "middle.1", "dropout"])
        net.offset = try .zeros([3])
        #expect(net.offset!.requiresGrad && net.namedParameters().map(\.name).prefix(2) == ["scale", "offset"])
        net.eval()
        #expect(net.namedModules().allSatisfy { !$0.module.isTraining })
        #expect(
            "\(net)" == """
                Net(
                  (input_layer): Linear(in_features=2, out_features=3, bias=True)
                  (middle): ModuleList(
                    (0-1): 2 x Linear(in_features=3, out_features=3, bias=False)
                  )
                  (dropout): Dropout(p=0.3, inplace=False)
                )
                """)
    }

    @Test func sharedParametersCountOnce() throws {
        let layer = try Linear(2, 2)
        let twice = Sequential(layer, Tanh(), layer)
        #expect(twice.parameters.count == 2)
        #expect(twice.stateDict().names == ["0.weight", "0.bias", "2.weight", "2.bias"])
    }

    @Test func gradientsAndDtype() throws {
        let net = Net().eval()
        try net(.ones([1, 2])).sum().backward()
        #expect(net.parameters.allSatisfy { $0.grad != nil })
        try net.zeroGrad(setToNone: false)
        #expect(try net.parameters.allSatisfy { try $0.grad!.abs().sum().item() == 0 })
        try net.zeroGrad()
        #expect(net.parameters.allSatisfy { $0.grad == nil })
        try net.to(.float64)
        #expect(net.parameters.allSatisfy { $0.dtype == .float64 && $0.requiresGrad } && net.seen.dtype == .int64)
        #expect(try net(.ones([1, 2], dtype: .float64)).dtype == .float64)
        #expect(try net.seen.itemInt() == 2)
    }

    @Test func stateDicts() throws {
        let (a, b) = (try Linear(3, 4, generator: Generator(seed: 1)), try Linear(3, 4, generator: Generator(seed: 2)))
        let state = a.stateDict()
        #expect(state.names == ["weight", "bias"] && !state["weight"]!.requiresGrad)
        #expect(state["weight"]!.storage === a.weight.storage)
        try b.loadStateDict(state)
        #expect(try b.weight.toArray(Float.self) == a.weight.toArray(Float.self))
        #expect(b.weight.storage !== a.weight.storage && b.weight.requiresGrad && b.weight.isLeaf)
        // torch's message, word for word.
        do {
            try b.loadStateDict(["weight": .zeros([3, 2]), "foo": .zeros([1])])
            Issue.record("loaded")
        } catch let e as MartletError {
            #expect(e.kind == .runtime)
            #expect(
                e.message
                    == "Error(s) in loading state_dict for Linear:\n\tMissing key(s) in state_dict: \"bias\". \n\tUnexpected key(s) in state_dict: \"foo\". \n\tsize mismatch for weight: copying a param with shape torch.Size([3, 2]) from checkpoint, the shape in current model is torch.Size([4, 3])."
            )
        }
        let keys = try b.loadStateDict(["weight": .ones([4, 3], dtype: .float64), "foo": .zeros([1])], strict: false)
        #expect(keys.missing == ["bias"] && keys.unexpected == ["foo"])
        #expect(try b.weight.toArray(Float.self) == [Float](repeating: 1, count: 12) && b.weight.dtype == .float32)
    }

    @Test func missingForward() {
        final class Empty: Module {}
        expectError(.notImplemented, "Module [Empty] is missing the required \"forward\" function") { try Empty()(.ones([1])) }
        #expect("\(Empty())" == "Empty()")
    }

    /// The layers and an optimizer learn exclusive or.
    @Test func learns() throws {
        let g = Generator(seed: 0)
        let model = try Sequential(Linear(2, 8, generator: g), Tanh(), Linear(8, 1, generator: g))
        let optimizer = try Adam(model.parameters, lr: 0.05)
        let x = try Tensor([0, 0, 0, 1, 1, 0, 1, 1] as [Float], [4, 2])
        let y = try Tensor([0, 1, 1, 0] as [Float], [4, 1])
        var last = 1.0
        for _ in 0..<200 {
            try optimizer.zeroGrad()
            let loss = try MSELoss()(model(x), y)
            try loss.backward()
            try optimizer.step()
            last = try loss.item()
        }
        #expect(last < 0.01)
    }
}
