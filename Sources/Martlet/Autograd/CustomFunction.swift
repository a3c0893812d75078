/// Steps whose derivative is the caller's own code: Python's autograd.Function, callbacks from C, closures in Swift.
extension Autograd {
    /// Makes `outputs`, computed from `inputs` without recording, the results of one step.
    ///
    /// - Parameters:
    ///   - name: what `grad_fn` is called.
    ///   - saved: tensors the derivative needs; outputs among them are kept without a cycle. Read them with
    ///     ``Node/saved(_:)`` inside `backward`, which checks that they were not changed.
    ///   - changed: inputs that the step wrote in place and returned among its outputs.
    ///   - constant: outputs that no gradient goes through.
    ///   - materialize: gives `backward` zeros for outputs that no gradient reached.
    ///   - backward: gradients of outputs to gradients of inputs, one per input.
    /// - Returns: the outputs to hand on (an input that is returned unchanged becomes a view of itself), and the node,
    ///   nil where nothing is recorded.
    public static func attach(
        _ name: String, inputs: [Tensor?], outputs: [Tensor], saved: [Tensor?] = [], changed: [Tensor] = [],
        constant: [Tensor] = [], materialize: @escaping () -> Bool = { true },
        backward: @escaping (_ node: Node, _ gradients: [Tensor?]) throws -> [Tensor?]
    ) throws -> ([Tensor], Node?) {
        for t in changed {
            if t.leafRequiresGrad && t.history == nil && GradMode.isEnabled {
                throw MartletError.runtime("a leaf Variable that requires grad has been used in an in-place operation.")
            }
            try t.checkInPlace(name)
            t.bumpVersion()
        }
        var results = outputs
        for i in results.indices where inputs.contains(where: { $0 === results[i] }) && !changed.contains(where: { $0 === results[i] }) {
            // The caller's input must not take on this step's history.
            let view = results[i].alias()
            results[i] = view
        }
        guard GradMode.needs(inputs) else { return (results, nil) }
        let infos = results.map(OutputInfo.init)
        var edges = EdgeList()
        for t in inputs { edges.append(t?.gradEdge()) }
        let node = Node(
            name, kind: .custom, edges: edges, output: infos.first,
            further: infos.count > 1 ? Array(infos.dropFirst()) : nil
        ) { node, g in
            var g = Array(g)
            if materialize() {
                for i in g.indices where g[i] == nil { g[i] = try Tensor.zeros(infos[i].sizes, infos[i].dtype) }
            }
            return TensorList(try backward(node, g))
        }
        for t in saved {
            if let t, let i = outputs.firstIndex(where: { $0 === t }), !inputs.contains(where: { $0 === t }) {
                node.saveOutput(t, i)
            } else if let t, let i = outputs.firstIndex(where: { $0 === t }), changed.contains(where: { $0 === t }) {
                node.saveOutput(t, i)
            } else {
                node.save(t)
            }
        }
        for (i, r) in results.enumerated() where r.dtype.isFloatingPoint {
            if constant.contains(where: { $0 === outputs[i] }) { continue }
            if changed.contains(where: { $0 === r }) {
                let step = r.alias()
                step.history = node
                step.outputIndex = i
                try r.rebaseHistory(step)
            } else {
                r.history = node
                r.outputIndex = i
            }
        }
        return (results, node)
    }
}

extension Node {
    /// How many tensors were saved.
    public var savedCount: Int { savedTensors.count }

    /// A saved tensor that may have been nil.
    public func savedTensor(_ i: Int) throws -> Tensor? {
        if isReleased { throw Node.secondBackward }
        guard i >= 0 && i < savedTensors.count else {
            throw MartletError.index("\(name): saved tensor \(i) of \(savedTensors.count)")
        }
        return try savedOptional(i)
    }

    /// Calls `hook` with (gradients of inputs, gradients of outputs) after this step; it may replace the former.
    public func registerHook(_ hook: @escaping ([Tensor?], [Tensor?]) throws -> [Tensor?]?) -> Int {
        let id = HookID.next()
        makeHooks().after.append(HookEntry(id: id, run: hook))
        return id
    }

    /// Calls `hook` with the gradients of outputs before this step; it may replace them.
    public func registerPreHook(_ hook: @escaping ([Tensor?]) throws -> [Tensor?]?) -> Int {
        let id = HookID.next()
        makeHooks().before.append(HookEntry(id: id, run: hook))
        return id
    }

    public func removeHook(_ id: Int) {
        hooks?.after.removeAll { $0.id == id }
        hooks?.before.removeAll { $0.id == id }
    }
}
