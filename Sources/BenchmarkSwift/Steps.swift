// The steps of W2 to W5 with Martlet's Swift face, the same as python/benchmarks/training.py: its sizes, optimizers and
// order of operations. Parameters and data are drawn here; what a step costs does not depend on them.

import Martlet

/// A step, given its number.
typealias Step = (Int) throws -> Void

/// Makers of steps by the names of the benchmark's cases.
let makers: [String: () throws -> Step] = [
    "W2 dynamic net": dynamicNet, "W3 last word": lastWord, "W4a two inner steps": twoInnerSteps,
    "W4b MAML, sinusoids": maml, "W5 online SGD": onlineSGD, "W5 Pop-Art": popArt,
]

func learn(_ optimizer: Optimizer, _ loss: Tensor) throws {
    try optimizer.zeroGrad()
    try loss.backward()
    try optimizer.step()
}

// MARK: - W2: a middle layer used 0 to 3 times

func dynamicNet() throws -> Step {
    let first = try Linear(1000, 100), middle = try Linear(100, 100), last = try Linear(100, 10)
    let parameters = first.parameters + middle.parameters + last.parameters
    let optimizer = try SGD(parameters, lr: 1e-4, momentum: 0.9)
    let x = try Tensor.randn([64, 1000]), y = try Tensor.randn([64, 10])
    let lossFunction = MSELoss(reduction: .sum)
    let zero = Tensor.number(0)
    let uses = [2, 0, 3, 1]
    return { i in
        var h = try first(x).clamp(min: zero)
        for _ in 0..<uses[i % 4] { h = try middle(h).clamp(min: zero) }
        try learn(optimizer, lossFunction(last(h), y))
    }
}

// MARK: - W3: the last word of a sentence

func lastWord() throws -> Step {
    let embed = try Embedding(10, 20, sparse: true)
    let encoder = try TransformerEncoder(TransformerEncoderLayer(20, heads: 2), count: 1)
    let last = try Linear(60, 10)
    let optimizer = try SGD(embed.parameters + encoder.parameters + last.parameters, lr: 0.01)
    let lossFunction = CrossEntropyLoss()
    let batches = [
        (try Tensor([8, 0, 1, 1, 2, 0] as [Int64], [3, 2]), try Tensor([1, 5] as [Int64])),
        (try Tensor([9, 7, 4] as [Int64], [3, 1]), try Tensor([3] as [Int64])),
    ]
    return { i in
        let (words, next) = batches[i & 1]
        let h = try encoder(embed(words)).permute([1, 0, 2]).reshape([words.size(1), 60])
        try learn(optimizer, lossFunction(last(h), next))
    }
}

// MARK: - W4: gradients through gradient steps

func twoInnerSteps() throws -> Step {
    let x = try Tensor([1] as [Float], []), y = try Tensor([3] as [Float], [])
    let start = try Tensor([1] as [Float], []).requiresGrad()
    let two = Tensor.number(2), rate = Tensor.number(0.1)
    func squaredMiss(_ w: Tensor) throws -> Tensor { try w.mul(x).sub(y).pow(two) }
    return { _ in
        var w = start
        for _ in 0..<2 {
            let g = try Autograd.grad([squaredMiss(w)], [w], createGraph: true)[0]!
            w = try w.sub(g.mul(rate))
        }
        _ = try Autograd.grad([squaredMiss(w)], [start])
    }
}

func maml() throws -> Step {
    let start = try Linear(1, 40).parameters + Linear(40, 40).parameters + Linear(40, 1).parameters
    let optimizer = try Adam(start)
    // Known points and values, asked points and values, of four tasks.
    let sets = try (0..<4).map { _ in try Tensor.randn([4, 10, 1]) }
    let rate = Tensor.number(0.01), tasks = Tensor.number(4)
    func miss(_ p: [Tensor], _ points: Int, _ task: Int) throws -> Tensor {
        let h = try sets[points].select(0, task).linear(p[0], p[1]).relu().linear(p[2], p[3]).relu()
        return try h.linear(p[4], p[5]).mseLoss(sets[points + 1].select(0, task))
    }
    return { _ in
        var total = Tensor.number(0.0)
        for task in 0..<4 {
            var p = start
            for _ in 0..<5 {
                let gradients = try Autograd.grad([miss(p, 0, task)], p, createGraph: true)
                p = try zip(p, gradients).map { try $0.sub($1!.mul(rate)) }
            }
            total = try total.add(miss(p, 2, task))
        }
        try learn(optimizer, total.div(tasks))
    }
}

// MARK: - W5: one example at a time

/// What both ways of learning share: the network, its optimizer, and examples.
struct Online {
    let last: Linear
    let tower: Sequential
    let optimizer: SGD
    let examples: [(x: Tensor, y: Tensor)]
    let two = Tensor.number(2)

    init() throws {
        let widths = [16, 10, 10, 10, 10]
        var modules: [Module] = []
        for (inputs, outputs) in zip(widths, widths.dropFirst()) { modules += [try Linear(inputs, outputs), Tanh()] }
        last = try Linear(10, 1)
        tower = Sequential(modules + [last])
        optimizer = try SGD(tower.parameters, lr: 1e-3)
        examples = try (0..<64).map { _ in (try Tensor.randn([1, 16]), try Tensor.randn([1, 1])) }
    }

    func regress(_ x: Tensor, _ y: Tensor) throws {
        try learn(optimizer, tower(x).sub(y).pow(two).mean())
    }
}

func onlineSGD() throws -> Step {
    let online = try Online()
    return { i in
        let (x, y) = online.examples[i % 64]
        try online.regress(x, y)
    }
}

func popArt() throws -> Step {
    let online = try Online()
    let weight = online.last.weight, bias = online.last.bias!
    let mean = try Tensor.zeros([1]), square = try Tensor.ones([1]), deviation = try Tensor.ones([1])
    let beta = Tensor.number(0.1), rest = Tensor.number(0.9), least = Tensor.number(1e-4)
    func moved(_ average: Tensor, _ value: Tensor) throws -> Tensor {
        try average.mul(rest).add(value.view([1]).mul(beta))
    }
    return { i in
        let (x, y) = online.examples[i % 64]
        let normalised = try withNoGrad {
            let newMean = try moved(mean, y), newSquare = try moved(square, y.mul(y))
            let newDeviation = try newSquare.sub(newMean.mul(newMean)).clamp(min: least).sqrt()
            try weight.mulInPlace(deviation.div(newDeviation))
            try bias.mulInPlace(deviation).addInPlace(mean.sub(newMean)).divInPlace(newDeviation)
            try mean.copyInPlace(newMean)
            try square.copyInPlace(newSquare)
            try deviation.copyInPlace(newDeviation)
            return try y.sub(newMean).div(newDeviation)
        }
        try online.regress(x, normalised)
    }
}
