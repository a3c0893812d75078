/// Modules one after the other.
///
///     let model = try Sequential(Linear(4, 16), Tanh(), Linear(16, 3))
public final class Sequential: Module {
    public let modules: [Module]

    public init(_ modules: Module...) { self.modules = modules }
    public init(_ modules: [Module]) { self.modules = modules }

    public override var children: [(name: String, module: Module)] { numbered(modules) }
    public subscript(i: Int) -> Module { modules[i] }

    public override func forward(_ x: Tensor) throws -> Tensor {
        var (x, i) = (x, 0)
        while i < modules.count {
            // A linear layer and the activation behind it are one step.
            if i + 1 < modules.count, type(of: modules[i]) == Linear.self, let f = modules[i + 1].joinedActivation {
                let linear = unsafeDowncast(modules[i], to: Linear.self)
                x = try x.linear(linear.weight, linear.bias, then: f)
                i += 2
            } else {
                x = try modules[i](x)
                i += 1
            }
        }
        return x
    }
}

/// Modules in a list, named by their number. Calling it is an error: the module that holds it says what it does.
public final class ModuleList: Module, RandomAccessCollection {
    public let modules: [Module]

    public init(_ modules: [Module]) { self.modules = modules }

    public override var children: [(name: String, module: Module)] { numbered(modules) }
    public var startIndex: Int { 0 }
    public var endIndex: Int { modules.count }
    public subscript(i: Int) -> Module { modules[i] }

    /// Neighbours of the same text stand on one line, with their number.
    public override var description: String {
        var runs: [(first: Int, last: Int, text: String)] = []
        for (i, module) in modules.enumerated() {
            let text = module.description
            if let run = runs.last, run.text == text { runs[runs.count - 1].last = i } else { runs.append((i, i, text)) }
        }
        return describe(
            runs.map { run in
                run.first == run.last
                    ? ("(\(run.first))", run.text)
                    : ("(\(run.first)-\(run.last))", "\(run.last - run.first + 1) x \(run.text)")
            })
    }
}

private func numbered(_ modules: [Module]) -> [(name: String, module: Module)] {
    modules.enumerated().map { ("\($0.offset)", $0.element) }
}
