// A network that decides its own depth, with Martlet's layers and optimizers.
//
// On every forward pass the middle layer is applied 0 to 3 times, always with the same weight. Prints every fifteenth
// loss of the training, then, for each depth, the gradient of the shared weight against the sum over separate copies.

import Foundation
import Martlet

final class DynamicNet: Module {
    let inputLayer: Linear
    let middleLayer: Linear
    let outputLayer: Linear

    init(inputs: Int, hidden: Int, outputs: Int) throws {
        inputLayer = try Linear(inputs, hidden)
        middleLayer = try Linear(hidden, hidden)
        outputLayer = try Linear(hidden, outputs)
    }

    /// The pass with one layer for each use of the middle; for the network itself they are all the same layer.
    func forward(_ x: Tensor, through middle: [Linear]) throws -> Tensor {
        var h = try inputLayer(x).relu()
        for layer in middle { h = try layer(h).relu() }
        return try outputLayer(h)
    }

    override func forward(_ x: Tensor) throws -> Tensor {
        try forward(x, through: Array(repeating: middleLayer, count: uses))
    }

    /// How often the next pass uses the middle layer.
    var uses = 0
}

/// Largest difference between the shared weight's gradient and the sum over copies, relative to the former.
func compareWithCopies(_ net: DynamicNet, _ x: Tensor, _ y: Tensor, uses: Int) throws -> Double {
    let lossFunction = MSELoss(reduction: .sum)
    try net.zeroGrad()
    net.uses = uses
    try lossFunction(net(x), y).backward()

    // Leaves of their own that start from the same numbers.
    func leaf(_ t: Tensor) throws -> Tensor { try t.detach().clone().requiresGrad() }
    let middle = net.middleLayer
    let copies = try (0..<uses).map { _ in try Linear(weight: leaf(middle.weight), bias: leaf(middle.bias!)) }
    try lossFunction(net.forward(x, through: copies), y).backward()

    let shared = middle.weight.grad!
    let sum = copies.dropFirst().reduce(copies[0].weight.grad!) { $0 + $1.weight.grad! }
    return try (shared - sum).abs().amax().item() / shared.abs().amax().item()
}

func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

func main() throws {
    _ = manualSeed(7)
    let x = try Tensor.randn([64, 1000])
    let y = try Tensor.randn([64, 10])
    let net = try DynamicNet(inputs: 1000, hidden: 100, outputs: 10)
    let lossFunction = MSELoss(reduction: .sum)
    let optimizer = try SGD(net.parameters, lr: 1e-4, momentum: 0.9)

    for t in 0..<500 {
        net.uses = try Tensor.randint(0, 4, []).itemInt()
        let loss = try lossFunction(net(x), y)
        if t % 15 == 0 {
            let padded = String(repeating: " ", count: 3 - "\(t)".count) + "\(t)"
            print("step \(padded)  uses \(net.uses)  loss \(fixed(try loss.item(), 4))")
        }
        try optimizer.zeroGrad()
        try loss.backward()
        try optimizer.step()
    }

    for uses in 1...3 {
        let same = try compareWithCopies(net, x, y, uses: uses) < 1e-4
        print("\(uses) uses: the gradient is the sum over copies: \(same ? "yes" : "no")")
    }
}

do { try main() } catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
