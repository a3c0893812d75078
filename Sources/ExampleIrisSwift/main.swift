// Trains a small network on Fisher's irises with Martlet's layers and optimizers.
//
//     ExampleIrisSwift [python/examples/data/iris.csv]
//
// Four measurements in, three species out, one hidden layer of sixteen tanh units, cross-entropy, full-batch gradient
// descent with momentum. Prints the loss and the share of flowers classified rightly, on the 120 that are learnt from
// and on 30 held out.

import Foundation
import Martlet

let speciesNames = ["setosa", "versicolor", "virginica"]

struct BadTable: Error, CustomStringConvertible {
    let description: String
}

/// Measurements (150, 4), in double precision, and species (150) of the table.
func readTable(_ path: String) throws -> (measurements: Tensor, species: Tensor) {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw BadTable(description: "cannot open \(path)")
    }
    var measurements: [Double] = []
    var species: [Int64] = []
    for line in text.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: ",")
        let numbers = fields.dropLast().compactMap { Double($0) }
        guard fields.count == 5, numbers.count == 4, let kind = speciesNames.firstIndex(of: String(fields[4])) else {
            throw BadTable(description: "\(path): row \(species.count + 1) is not four numbers and a species")
        }
        measurements += numbers
        species.append(Int64(kind))
    }
    guard species.count == 150 else { throw BadTable(description: "\(path): 150 rows expected, got \(species.count)") }
    return (try Tensor(measurements, [150, 4]), try Tensor(species))
}

final class Classifier: Module {
    let hidden: Linear
    let output: Linear

    init(inputs: Int, units: Int, classes: Int) throws {
        hidden = try Linear(inputs, units)
        output = try Linear(units, classes)
    }

    override func forward(_ x: Tensor) throws -> Tensor { try output(hidden(x).tanh()) }
}

/// The share of rows whose largest score is at the right species.
func accuracy(_ model: Classifier, _ x: Tensor, _ y: Tensor) throws -> Double {
    try withNoGrad { try model(x).argmax(1).eq(y).mean(dtype: .float32).item() }
}

func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

func main() throws {
    let path = CommandLine.arguments.dropFirst().first ?? "python/examples/data/iris.csv"
    let (measurements, species) = try readTable(path)

    // Every column to mean zero and variance one.
    let centred = try measurements - measurements.mean([0])
    let inputs = try (centred / measurements.std([0], correction: 0)).to(.float32)

    // A random 120 to learn from; the other 30 only judge.
    _ = manualSeed(0)
    let order = try Tensor.randperm(150)
    let (learnt, rest) = try (order.narrow(0, 0, 120), order.narrow(0, 120, 30))
    let (x, y) = try (inputs.indexSelect(0, learnt), species.indexSelect(0, learnt))
    let (heldX, heldY) = try (inputs.indexSelect(0, rest), species.indexSelect(0, rest))

    let model = try Classifier(inputs: 4, units: 16, classes: 3)
    let lossFunction = CrossEntropyLoss()
    let optimizer = try SGD(model.parameters, lr: 0.1, momentum: 0.9)

    for epoch in 0...200 {
        let loss = try lossFunction(model(x), y)
        if epoch % 20 == 0 {
            let padded = String(repeating: " ", count: 3 - "\(epoch)".count) + "\(epoch)"
            print(
                "epoch \(padded)  loss \(fixed(try loss.item(), 4))  accuracy \(fixed(try accuracy(model, x, y), 3))"
                    + "  held out \(fixed(try accuracy(model, heldX, heldY), 3))")
        }
        try optimizer.zeroGrad()
        try loss.backward()
        try optimizer.step()
    }
}

do { try main() } catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
