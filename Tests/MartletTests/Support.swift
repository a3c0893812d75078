import Testing

@testable import Martlet

/// A float64 tensor of the given sizes from the numbers, as a leaf that requires a gradient.
func leaf(_ values: [Double], _ sizes: [Int]? = nil) throws -> Tensor {
    try Tensor(values, sizes ?? [values.count]).requiresGrad()
}

func expectClose(
    _ t: Tensor, _ expected: [Double], _ tolerance: Double = 1e-6, _ location: SourceLocation = #_sourceLocation
) throws {
    let values = try t.toArray(Double.self)
    #expect(values.count == expected.count, sourceLocation: location)
    for (i, (a, b)) in zip(values, expected).enumerated() {
        #expect(abs(a - b) <= tolerance * (1 + abs(b)), "element \(i): \(a) instead of \(b)", sourceLocation: location)
    }
}

/// `body` throws an error of this kind whose message contains `words`.
func expectError(
    _ kind: MartletError.Kind, _ words: String, _ location: SourceLocation = #_sourceLocation, _ body: () throws -> Any
) {
    do {
        let result = try body()
        Issue.record("no error, but \(result)", sourceLocation: location)
    } catch let e as MartletError {
        #expect(e.kind == kind, sourceLocation: location)
        #expect(e.message.contains(words), "\(e.message)", sourceLocation: location)
    } catch {
        Issue.record("\(error)", sourceLocation: location)
    }
}

/// The gradient of the scalar f at x by central differences.
func numericGradient(_ f: (Tensor) throws -> Tensor, _ x: Tensor, step: Double = 1e-6) throws -> [Double] {
    let at = try x.toArray(Double.self)
    return try at.indices.map { i in
        func value(_ shift: Double) throws -> Double {
            var moved = at
            moved[i] += shift
            return try f(Tensor(moved, Array(x.sizes)).requiresGrad()).item()
        }
        return (try value(step) - (try value(-step))) / (2 * step)
    }
}
