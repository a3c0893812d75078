import Testing

@testable import Martlet

/// Layers against the numbers of PyTorch 2.13, from the same seeds.
@Suite struct LayerTests {
    private func seeded(_ seed: UInt64 = 0) -> Generator { Generator(seed: seed) }

    @Test func linearDrawsAsTorch() throws {
        let layer = try Linear(3, 4, generator: seeded())
        #expect(
            try layer.weight.toArray(Float.self) == [
                -0.004322517663240433, 0.3097158372402191, -0.4751853346824646, -0.4248946011066437, -0.2223689705133438,
                0.15482072532176971, -0.011439144611358643, 0.45777493715286255, -0.05123639851808548, 0.1527741253376007,
                -0.1744827926158905, -0.11348707973957062,
            ])
        #expect(
            try layer.bias!.toArray(Float.self) == [
                -0.55157071352005, -0.3823687434196472, -0.2379971146583557, 0.021387115120887756,
            ])
        #expect(layer.weight.requiresGrad && layer.parameters.count == 2)
        let x = try Tensor([1, 2, 3] as [Float], [1, 3])
        try layer(x).sum().backward()
        try expectClose(layer.weight.grad!, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    }

    @Test func initialisers() throws {
        func drawn(_ body: (Tensor, Generator) throws -> Tensor) throws -> Tensor { try body(.empty([2, 3]), seeded()) }
        try expectClose(
            drawn { try Init.xavierUniform($0, generator: $1) },
            [-0.00820140075, 0.587644517, -0.901600778, -0.806180835, -0.421915472, 0.293751687], 1e-7)
        try expectClose(
            drawn { try Init.xavierNormal($0, gain: 2, generator: $1) },
            [1.94922304, -0.371161461, -2.75597477, 0.719015002, -1.37182426, -1.76909876], 1e-7)
        try expectClose(
            drawn { try Init.kaimingUniform($0, mode: .fanOut, generator: $1) },
            [-0.012967553, 0.929147542, -1.42555594, -1.27468371, -0.667106926, 0.464462161], 1e-7)
        try expectClose(
            drawn { try Init.kaimingNormal($0, nonlinearity: .relu, generator: $1) },
            [1.25821805, -0.239583701, -1.77897406, 0.464122206, -0.885508776, -1.14194834], 1e-7)
        let p = try Tensor.empty([2]).requiresGrad()
        try expectClose(Init.ones(p), [1, 1])
        try expectClose(Init.constant(p, 2.5), [2.5, 2.5])
        #expect(p.isLeaf)
        expectError(.value, "Fan in and fan out") { try Init.kaimingUniform(.empty([3])) }
    }

    @Test func embedding() throws {
        let table = try Embedding(3, 2, paddingIndex: 1, generator: seeded())
        try expectClose(table.weight, [1.5409960746765137, -0.293428897857666, 0, 0, -1.0845223665237427, -1.3985954523086548], 1e-7)
        let looked = try table(Tensor([2, 1, 2] as [Int64]))
        #expect(looked.sizes == [3, 2])
        try looked.sum().backward()
        try expectClose(table.weight.grad!, [0, 0, 0, 0, 2, 2])
        let sparse = try Embedding(3, 2, sparse: true, generator: seeded())
        try sparse(Tensor([2, 0] as [Int64])).sum().backward()
        #expect(sparse.weight.grad!.isSparse)
        expectError(.assertion, "Padding_idx must be within num_embeddings") { try Embedding(3, 2, paddingIndex: 3) }
        expectError(.index, "index out of range in self") { try table(Tensor([3] as [Int64])) }
    }

    @Test func sequential() throws {
        let g = seeded()
        let model = try Sequential(Linear(4, 3, generator: g), Tanh(), Linear(3, 2, generator: g))
        let x = try Tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] as [Float], [2, 4])
        try expectClose(model(x), [0.337665647, 0.103306182, 0.344333649, 0.103567101])
        #expect(model.namedParameters().map(\.name) == ["0.weight", "0.bias", "2.weight", "2.bias"])
    }

    @Test func normalisation() throws {
        let x = try Tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] as [Float], [2, 4])
        try expectClose(
            LayerNorm(4)(x),
            [-1.34110439, -0.447034776, 0.447034895, 1.34110439, -1.34110487, -0.447034955, 0.447034419, 1.34110427], 1e-5)
        let batch = try BatchNorm1d(2)
        try expectClose(batch(Tensor([1, 2, 3, 6] as [Float], [2, 2])), [-0.999995, -0.99999875, 0.999995, 0.99999875])
        #expect(
            batch.stateDict().names == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
        try expectClose(batch.runningMean!, [0.2, 0.4])
        try expectClose(batch.runningVar!, [1.1, 1.7])
        // Without momentum the running statistics are plain averages.
        let average = try BatchNorm1d(2, momentum: nil)
        _ = try average(Tensor([1, 2, 3, 6] as [Float], [2, 2]))
        _ = try average(Tensor([0, 2, 2, 2] as [Float], [2, 2]))
        try expectClose(average.runningMean!, [1.5, 3])
        try expectClose(average.runningVar!, [2, 4])
        #expect(try average.numBatchesTracked!.itemInt() == 2)
        try expectClose(average.eval()(Tensor([1, 2] as [Float], [1, 2])), [-0.35355252, -0.499999404])
        #expect(try average.numBatchesTracked!.itemInt() == 2)
        expectError(.value, "expected 2D or 3D input (got 1D input)") { try batch(Tensor([1] as [Float])) }
        expectError(.value, "expected 4D input (got 2D input)") { try BatchNorm2d(2)(x) }
    }

    @Test func convolutionAndPooling() throws {
        let conv = try Conv2d(1, 2, kernel: 2, generator: seeded())
        let image = try Tensor((0..<9).map { Float($0) }, [1, 1, 3, 3])
        try expectClose(
            conv(image),
            [
                -2.482595920562744, -2.9976096153259277, -4.027637004852295, -4.5426506996154785, 1.822444200515747,
                2.1504838466644287, 2.806562900543213, 3.1346027851104736,
            ])
        try expectClose(MaxPool2d(2, stride: 1)(image), [4, 5, 7, 8])
        try expectClose(AvgPool2d(3)(image), [4])
        #expect(try Flatten()(conv(image)).sizes == [1, 8])
        expectError(.value, "in_channels must be divisible by groups") { try Conv2d(3, 4, kernel: 2, groups: 2) }
    }

    @Test func losses() throws {
        let x = try Tensor([1, 2, 0.5, 0.2, -1, 3] as [Float], [2, 3])
        let t = try Tensor([2, 0] as [Int64])
        let y = try Tensor([1, 0, 2, 0, 1, 1] as [Float], [2, 3])
        let some = try Tensor([1, 2, 3] as [Float])
        try expectClose(CrossEntropyLoss()(x, t), [2.42025995])
        try expectClose(CrossEntropyLoss(weight: some, labelSmoothing: 0.1)(x, t), [2.13594222])
        try expectClose(NLLLoss(reduction: .sum)(x.logSoftmax(1), t), [4.84051991])
        try expectClose(MSELoss()(x, y), [2.38166666])
        try expectClose(L1Loss(reduction: .none)(x, y), [0, 2, 1.5, 0.2, 2, 2])
        try expectClose(SmoothL1Loss(beta: 0.5)(x, y), [1.09])
        try expectClose(BCEWithLogitsLoss(posWeight: some)(x, Tensor([1, 0, 1, 0, 1, 1] as [Float], [2, 3])), [1.23880756])
        #expect(CrossEntropyLoss(weight: some).stateDict().names == ["weight"])
    }

    @Test func activations() throws {
        let x = try Tensor([-1, 0, 2] as [Float])
        try expectClose(ReLU()(x), [0, 0, 2])
        try expectClose(LeakyReLU(0.1)(x), [-0.1, 0, 2])
        try expectClose(ELU()(x), [-0.6321206, 0, 2])
        try expectClose(Tanh()(x), [-0.7615942, 0, 0.9640276])
        try expectClose(Sigmoid()(x), [0.2689414, 0.5, 0.8807971])
        try expectClose(GELU()(x), [-0.1586553, 0, 1.9544997])
        try expectClose(SiLU()(x), [-0.2689414, 0, 1.7615942])
        try expectClose(Softplus()(x), [0.3132617, 0.6931472, 2.1269281])
        try expectClose(Softmax(0)(x), [0.0420101, 0.1141952, 0.8437947])
        try expectClose(LogSoftmax(0)(x), [-3.1698460, -2.1698460, -0.1698460])
        try expectClose(Identity()(x), [-1, 0, 2])
    }

    private func wave(_ sizes: [Int]) throws -> Tensor {
        try Tensor.empty(sizes).copyInPlace(
            Tensor((0..<sizes.reduce(1, *)).map { Double($0 * $0) }, sizes).sin())
    }

    @Test func attention() throws {
        let attention = try MultiheadAttention(4, heads: 2, generator: seeded())
        #expect(attention.namedParameters().map(\.name) == ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"])
        let waves = try wave([2, 2, 4])
        let (query, key) = (try waves.select(0, 0).slice(0, 0, 1), try waves.select(0, 1))
        let (output, weights) = try attention(query, key, key, averagesWeights: false)
        try expectClose(output, [0.1039408, 0.0761354, 0.04997344, -0.03181769])
        try expectClose(weights!, [0.5831638, 0.4168362, 0.4712248, 0.5287752])
        // With and without weights, batch first or not: the same numbers.
        let batched = try attention(waves, waves, waves)
        try expectClose(attention(waves), batched.output.toArray(Double.self))
        #expect(batched.weights!.sizes == [2, 2, 2])
        let none: Tensor? = nil
        #expect(try attention(waves, waves, waves, needsWeights: false, mask: none).weights == nil)
        expectError(.assertion, "embed_dim must be divisible by num_heads") { try MultiheadAttention(5, heads: 2) }
        expectError(.assertion, "was expecting embedding dimension of 4, but got 3") { try attention(.zeros([2, 3])) }
        expectError(.runtime, "but should be (2, 2)") { try attention(waves, waves, waves, mask: .zeros([3, 2])).output }
    }

    @Test func encoderMasks() throws {
        let layer = try TransformerEncoderLayer(
            4, heads: 2, feedForward: 8, dropout: 0, activation: .gelu, batchFirst: true, normFirst: true, generator: seeded())
        let x = try wave([2, 2, 4])
        let hidden = try Tensor([false, true, false, false], [2, 2])
        try expectClose(
            layer(x, mask: hidden),
            [
                -0.001614571, 0.9884278, -0.8630084, 0.302626, -0.1695449, -0.07440127, -1.361192, -1.34376, 1.169184,
                -0.06297854, -0.4035773, 0.7916284, 0.03945738, -0.2676715, 1.080102, -1.152605,
            ], 2e-6)
        try expectClose(
            layer(x, mask: nil, keyPadding: hidden),
            [
                -0.001614571, 0.9884278, -0.8630084, 0.302626, -0.2434837, -0.04993597, -1.324091, -1.117388, 1.602531,
                -0.3104472, -0.2977075, 0.8817039, 0.03945738, -0.2676715, 1.080102, -1.152605,
            ], 2e-6)
    }

    @Test func texts() throws {
        let encoder = try TransformerEncoder(TransformerEncoderLayer(20, heads: 2), count: 2)
        #expect(
            "\(encoder)" == """
                TransformerEncoder(
                  (layers): ModuleList(
                    (0-1): 2 x TransformerEncoderLayer(
                      (self_attn): MultiheadAttention(
                        (out_proj): NonDynamicallyQuantizableLinear(in_features=20, out_features=20, bias=True)
                      )
                      (linear1): Linear(in_features=20, out_features=2048, bias=True)
                      (dropout): Dropout(p=0.1, inplace=False)
                      (linear2): Linear(in_features=2048, out_features=20, bias=True)
                      (norm1): LayerNorm((20,), eps=1e-05, elementwise_affine=True, bias=True)
                      (norm2): LayerNorm((20,), eps=1e-05, elementwise_affine=True, bias=True)
                      (dropout1): Dropout(p=0.1, inplace=False)
                      (dropout2): Dropout(p=0.1, inplace=False)
                    )
                  )
                )
                """)
        let texts: [(Module, String)] = [
            (try Linear(2, 1, bias: false), "Linear(in_features=2, out_features=1, bias=False)"),
            (try Conv2d(3, 8, kernel: 3, padding: 1), "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"),
            (
                try Conv2d(3, 8, kernel: 3, stride: 2, dilation: 2, bias: false),
                "Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), dilation=(2, 2), bias=False)"
            ),
            (
                try BatchNorm1d(4),
                "BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
            ),
            (MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
            (AvgPool2d(2), "AvgPool2d(kernel_size=2, stride=2, padding=0)"),
            (Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
            (try Embedding(10, 20, paddingIndex: 1, sparse: true), "Embedding(10, 20, padding_idx=1, sparse=True)"),
            (ReLU(), "ReLU()"), (GELU(), "GELU(approximate='none')"), (Softmax(1), "Softmax(dim=1)"),
            (LeakyReLU(), "LeakyReLU(negative_slope=0.01)"), (ELU(), "ELU(alpha=1.0)"),
            (Softplus(), "Softplus(beta=1.0, threshold=20.0)"), (MSELoss(), "MSELoss()"), (Sequential(), "Sequential()"),
            (Sequential(Tanh(), ReLU()), "Sequential(\n  (0): Tanh()\n  (1): ReLU()\n)"),
        ]
        for (module, text) in texts { #expect(module.description == text) }
    }
}

/// Tests that draw from the default generator, one after the other.
@Suite(.serialized) struct DefaultGeneratorTests {
    @Test func dropout() throws {
        Generator.default.manualSeed(0)
        let layer = try Dropout(0.5)
        try expectClose(layer(.ones([8])), [0, 0, 2, 0, 0, 0, 2, 2])
        layer.eval()
        try expectClose(layer(.ones([3])), [1, 1, 1])
        expectError(.value, "between 0 and 1, but got 2") { try Dropout(2) }
    }

    /// Copies of a layer, and dropout in torch's order of draws.
    @Test func transformerEncoder() throws {
        Generator.default.manualSeed(0)
        let layer = try TransformerEncoderLayer(4, heads: 2, feedForward: 8)
        let encoder = try TransformerEncoder(layer, count: 2)
        #expect(encoder.parameters.count == 24 && encoder.parameters.allSatisfy { $0.requiresGrad })
        Generator.default.manualSeed(1)
        let x = try Tensor((0..<8).map { Float($0) / 8 }, [2, 1, 4])
        let y = try encoder(x)
        try expectClose(
            y,
            [
                -1.08148694, -0.314168632, -0.239642128, 1.63529778, -1.28757775, -0.0666603148, -0.165691614, 1.51992965,
            ], 2e-6)
        try y.mul(y).sum().backward()
        #expect(encoder.parameters.allSatisfy { $0.grad != nil })
        #expect(layer.parameters.allSatisfy { $0.grad == nil })
        encoder.eval()
        let still = try encoder(x).toArray(Float.self)
        #expect(try encoder(x).toArray(Float.self) == still)
    }

    @Test func loaderWithoutGenerator() throws {
        Generator.default.manualSeed(0)
        let data = try TensorDataset(Tensor((0..<7).map { Int64($0) }))
        let loader = try DataLoader(data, batchSize: 3, shuffle: true)
        func pass() throws -> [[Int64]] { try loader.map { try $0[0].toArray(Int64.self) } }
        #expect(try pass() == [[0, 4, 1], [5, 2, 6], [3]])
        #expect(try pass() == [[3, 1, 4], [2, 5, 0], [6]])
        try expectClose(.rand([1]), [0.4556], 1e-4)
    }
}
