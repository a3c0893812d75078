/// Tensors by dotted name, in order: what a module's state is saved as.
public struct StateDict: Sequence, ExpressibleByDictionaryLiteral {
    public private(set) var names: [String] = []
    private var tensors: [String: Tensor] = [:]

    public init() {}

    /// Later entries replace earlier ones of the same name.
    public init(dictionaryLiteral elements: (String, Tensor)...) {
        for (name, tensor) in elements { self[name] = tensor }
    }

    public init<S: Sequence>(_ entries: S) where S.Element == (name: String, tensor: Tensor) {
        for (name, tensor) in entries { self[name] = tensor }
    }

    public subscript(name: String) -> Tensor? {
        get { tensors[name] }
        set {
            if newValue == nil { names.removeAll { $0 == name } } else if tensors[name] == nil { names.append(name) }
            tensors[name] = newValue
        }
    }

    public var count: Int { names.count }

    public func makeIterator() -> AnyIterator<(name: String, tensor: Tensor)> {
        var rest = names.makeIterator()
        return AnyIterator { rest.next().map { (name: $0, tensor: tensors[$0]!) } }
    }
}

extension Module {
    /// The names that a module and a state dict do not share.
    public struct IncompatibleKeys {
        public let missing: [String]
        public let unexpected: [String]
    }

    /// Parameters and buffers under PyTorch's names, detached; the memory is shared with the module.
    public func stateDict() -> StateDict {
        var state = StateDict()
        for (prefix, module) in namedPlaces() {
            for (name, tensor) in module.ownState() { state[prefix + name] = tensor.detach() }
        }
        return state
    }

    /// Copies the tensors of `state` into this module's of the same names.
    ///
    /// Where `strict`, throws `runtime` when a name is missing or unexpected; always when sizes differ. Entries that
    /// fit are taken over all the same.
    @discardableResult
    public func loadStateDict(_ state: StateDict, strict: Bool = true) throws -> IncompatibleKeys {
        var problems: [String] = []
        var missing: [String] = []
        var known = Set<String>()
        for (prefix, module) in namedPlaces() {
            for (name, own) in module.ownState() {
                let key = prefix + name
                known.insert(key)
                guard var given = state[key] else {
                    missing.append(key)
                    continue
                }
                if own.rank == 0 && given.rank == 1 && given.numel > 0 { given = try given.select(0, 0) }
                guard own.sizes == given.sizes else {
                    problems.append(
                        "size mismatch for \(key): copying a param with shape torch.Size(\(given.sizes)) from checkpoint, the shape in current model is torch.Size(\(own.sizes)).")
                    continue
                }
                try withNoGrad { _ = try own.copyInPlace(given) }
            }
        }
        let unexpected = state.names.filter { !known.contains($0) }
        if strict {
            if !unexpected.isEmpty { problems.insert("Unexpected key(s) in state_dict: \(quoted(unexpected)). ", at: 0) }
            if !missing.isEmpty { problems.insert("Missing key(s) in state_dict: \(quoted(missing)). ", at: 0) }
        }
        if !problems.isEmpty {
            throw MartletError.runtime(
                "Error(s) in loading state_dict for \(typeName):\n\t" + problems.joined(separator: "\n\t"))
        }
        return IncompatibleKeys(missing: missing, unexpected: unexpected)
    }

    private func quoted(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ", ") }

    /// Every module with the prefix of its tensors' names. Unlike in ``namedModules()``, a shared module is met at each
    /// of its places.
    private func namedPlaces() -> [(prefix: String, module: Module)] {
        var found: [(prefix: String, module: Module)] = []
        func visit(_ module: Module, _ prefix: String) {
            found.append((prefix, module))
            for child in module.children { visit(child.module, "\(prefix)\(child.name).") }
        }
        visit(self, "")
        return found
    }
}
