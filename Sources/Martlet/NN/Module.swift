/// The base of all layers and models: it finds its parameters and the modules inside it, and calls them by name.
///
///     final class Classifier: Module {
///         let hidden: Linear
///         let output: Linear
///
///         override init() {
///             hidden = try! Linear(4, 16)
///             output = try! Linear(16, 3)
///         }
///
///         override func forward(_ x: Tensor) throws -> Tensor {
///             try output(hidden(x).tanh())
///         }
///     }
///
/// Stored properties that are modules, or arrays of modules, are its children; those marked ``Parameter`` and
/// ``Buffer`` are its state. Names are those of the properties in torch's spelling (`selfAttn` is `self_attn`), so that
/// state dicts can be exchanged with PyTorch.
open class Module: CustomStringConvertible {
    /// Whether dropout drops and batch normalisation learns; see ``train(_:)``.
    public private(set) var isTraining = true

    public init() {}

    /// What the module computes. Subclasses say it here; callers write `module(x)`.
    open func forward(_ input: Tensor) throws -> Tensor {
        throw MartletError.notImplemented("Module [\(typeName)] is missing the required \"forward\" function")
    }

    /// The activation that this module is, where a linear layer before it can apply it in its own step.
    var joinedActivation: LinearActivation? { nil }

    public final func callAsFunction(_ input: Tensor) throws -> Tensor { try forward(input) }

    // MARK: What is inside

    /// The modules directly inside this one, in the order of their properties.
    open var children: [(name: String, module: Module)] {
        var found: [(name: String, module: Module)] = []
        forEachProperty { name, value in
            if let module = value as? Module {
                found.append((name, module))
            } else if let list = value as? [Module], !list.isEmpty {
                let wrapper = ModuleList(list)
                wrapper.isTraining = isTraining
                found.append((name, wrapper))
            }
        }
        return found
    }

    /// The state held by this module itself, not by its children.
    private func ownTensors(learnt: Bool) -> [(name: String, tensor: Tensor)] {
        var found: [(name: String, tensor: Tensor)] = []
        forEachProperty { name, value in
            if let holder = value as? any TensorHolder, type(of: holder).isLearnt == learnt, let t = holder.tensor {
                found.append((name, t))
            }
        }
        return found
    }

    /// This module's own parameters, then its buffers.
    func ownState() -> [(name: String, tensor: Tensor)] { ownTensors(learnt: true) + ownTensors(learnt: false) }

    private func forEachProperty(_ body: (String, Any) -> Void) {
        var levels: [Mirror] = []
        var mirror: Mirror? = Mirror(reflecting: self)
        while let m = mirror, m.subjectType != Module.self {
            levels.append(m)
            mirror = m.superclassMirror
        }
        for level in levels.reversed() {
            for property in level.children {
                if let label = property.label { body(torchName(label), property.value) }
            }
        }
    }

    /// Every module in this one with its dotted name, this one first under the empty name; a shared module once.
    public func namedModules() -> [(name: String, module: Module)] {
        var found: [(name: String, module: Module)] = []
        var seen = Set<ObjectIdentifier>()
        func visit(_ module: Module, _ name: String) {
            guard seen.insert(ObjectIdentifier(module)).inserted else { return }
            found.append((name, module))
            for child in module.children { visit(child.module, name.isEmpty ? child.name : "\(name).\(child.name)") }
        }
        visit(self, "")
        return found
    }

    private func namedTensors(learnt: Bool) -> [(name: String, tensor: Tensor)] {
        var found: [(name: String, tensor: Tensor)] = []
        var seen = Set<ObjectIdentifier>()
        for (prefix, module) in namedModules() {
            for (name, tensor) in module.ownTensors(learnt: learnt) where seen.insert(ObjectIdentifier(tensor)).inserted {
                found.append((prefix.isEmpty ? name : "\(prefix).\(name)", tensor))
            }
        }
        return found
    }

    /// Every learnt tensor with its dotted name; a shared one once.
    public func namedParameters() -> [(name: String, tensor: Tensor)] { namedTensors(learnt: true) }

    /// Every other tensor of the state with its dotted name.
    public func namedBuffers() -> [(name: String, tensor: Tensor)] { namedTensors(learnt: false) }

    /// Every learnt tensor, as optimizers take them.
    public var parameters: [Tensor] { namedParameters().map(\.tensor) }

    // MARK: Modes and gradients

    /// Puts this module and all inside it into training mode, or out of it.
    @discardableResult
    public func train(_ on: Bool = true) -> Self {
        for (_, module) in namedModules() { module.isTraining = on }
        return self
    }

    /// The mode for use: nothing is dropped, running statistics stay as they are.
    @discardableResult
    public func eval() -> Self { train(false) }

    /// Forgets the gradients of all parameters, or fills them with zeros.
    public func zeroGrad(setToNone: Bool = true) throws {
        for p in parameters {
            if setToNone { p.clearGrad() } else if let grad = p.grad { p.grad = try grad.detach().zeroInPlace() }
        }
    }

    /// Converts all floating-point parameters and buffers in place.
    @discardableResult
    public func to(_ dtype: DType) throws -> Self {
        for (_, t) in namedParameters() + namedBuffers() where t.dtype.isFloatingPoint {
            try withNoGrad { try t.setData(t.detach().to(dtype)) }
            if let grad = t.grad { t.grad = try grad.detach().to(dtype) }
        }
        return self
    }

    // MARK: Text

    /// The class's name, as texts and messages call it.
    open var typeName: String { "\(type(of: self))" }

    /// What stands between the parentheses of ``description``.
    open var details: String { "" }

    /// The module and what is inside it, as PyTorch prints it.
    open var description: String { describe(children.map { ("(\($0.name))", $0.module.description) }) }

    /// `typeName(details)` with labelled lines for children.
    final func describe(_ children: [(label: String, text: String)]) -> String {
        if children.isEmpty { return "\(typeName)(\(details))" }
        var lines = details.isEmpty ? [] : [details]
        lines += children.map { "\($0.label): \($0.text)" }
        let indented = lines.joined(separator: "\n").split(separator: "\n", omittingEmptySubsequences: false)
        return "\(typeName)(\n" + indented.map { "  \($0)\n" }.joined() + ")"
    }
}

/// `selfAttn`, or `_selfAttn` as a wrapped property is stored, as `self_attn`.
private func torchName(_ property: String) -> String {
    var name = ""
    for c in property.drop(while: { $0 == "_" }) {
        if c.isUppercase && !name.isEmpty { name += "_" }
        name += c.lowercased()
    }
    return name
}

/// "True" and "False", as PyTorch's texts have them.
func torchText(_ flag: Bool) -> String { flag ? "True" : "False" }

/// `(3, 3)`; one number is `(3,)`.
func torchText(_ sizes: [Int]) -> String {
    sizes.count == 1 ? "(\(sizes[0]),)" : "(" + sizes.map(String.init).joined(separator: ", ") + ")"
}
