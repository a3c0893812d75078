import Synchronization

/// What a view knows of where it came from.
final class ViewInfo {
    /// The tensor that owns the memory; never itself a view.
    fileprivate(set) var base: Tensor
    /// The version at which the view's history was made; an in-place change since then makes it stale.
    var version: Int
    /// Made while not recording, or by an operation that returns several views: writing to it has no history.
    let creation: Creation
    enum Creation { case normal, noGrad, multiOutput }

    init(base: Tensor, version: Int, creation: Creation) {
        self.base = base
        self.version = version
        self.creation = creation
    }
}

extension Tensor {
    /// Whether this tensor takes part in recording. A view made while not recording says so too where its base
    /// does, as torch's do, though no gradient can reach it.
    @inline(__always)
    public var requiresGrad: Bool {
        if leafRequiresGrad { return true }
        return view == nil ? history != nil : viewRequiresGrad
    }

    private var viewRequiresGrad: Bool { gradFn != nil || view!.base.requiresGrad }

    /// The node that made this tensor, nil for leaves. A view whose base was written since gets a fresh one.
    @inline(__always)
    public var gradFn: Node? {
        view == nil ? history : currentViewHistory(view!)
    }

    private func currentViewHistory(_ view: ViewInfo) -> Node? {
        if view.version == version || (history == nil && view.base.history == nil) { return history }
        let base = view.base
        if base.requiresGrad {
            let fresh = withEnabledGrad { orTrap { try base.asStrided(sizes, strides, offset) } }
            history = fresh.history
            outputIndex = fresh.outputIndex
        }
        view.version = version
        return history
    }

    public var isLeaf: Bool { gradFn == nil }

    /// The tensor that this one is a view of, nil where it is none.
    public var base: Tensor? { view?.base }

    /// The gradient accumulated by `backward()`; nil before.
    public var grad: Tensor? {
        get {
            if Tape.isRecording, let gradSlot { Tape.reads(gradSlot) }
            return gradSlot?.grad
        }
        set {
            let slot = gradSlot ?? makeGradSlot()
            if Tape.isRecording { Tape.overwrites(slot) }
            slot.grad = newValue
        }
    }

    /// Sets the gradient after torch's checks of shape and dtype.
    public func setGrad(_ g: Tensor?) throws {
        if let g {
            if g === self { throw MartletError.runtime("can't assign Variable as its own grad") }
            guard g.dtype == dtype else {
                throw MartletError.runtime(
                    "attempting to assign a gradient with dtype '\(g.dtype.cName)' to a tensor with grad_dtype '\(dtype.scalarTypeName)'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype).")
            }
            guard g.sizes == sizes else {
                throw MartletError.runtime(
                    "attempting to assign a gradient of size '\(g.sizes)' to a tensor of size '\(sizes)'. Please ensure that the gradient and the tensor are the same size")
            }
        }
        grad = g
    }

    @discardableResult
    func makeGradSlot() -> GradSlot {
        if let gradSlot { return gradSlot }
        let s = GradSlot()
        if Tape.isRecording, let tape = Tape.current { s.isPassing = tape.computes(self) }
        gradSlot = s
        return s
    }

    /// Marks a leaf as wanting a gradient. Only floating-point leaves can.
    @discardableResult
    public func requiresGrad(_ on: Bool = true) throws -> Tensor {
        if gradFn != nil {
            if on { return self }
            throw MartletError.runtime(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
        }
        if on && !dtype.isFloatingPoint {
            throw MartletError.runtime("only Tensors of floating point dtype can require gradients")
        }
        if on && isInference && !GradMode.isInference {
            throw MartletError.runtime(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        }
        leafRequiresGrad = on
        return self
    }

    /// Keeps the gradient of a non-leaf in `.grad`.
    public func retainGrad() throws {
        guard requiresGrad else {
            throw MartletError.runtime("can't retain_grad on Tensor that has requires_grad=False")
        }
        guard let node = gradFn else { return }
        let slot = makeGradSlot()
        slot.retainsGrad = true
        node.attachSlot(slot, outputIndex)
    }

    /// The same memory without history. In-place writes are seen by both.
    public func detach() -> Tensor {
        let t = alias()
        t.isInference = isInference
        return t
    }

    /// `x.data`: the same memory without history and with a write counter of its own.
    public func dataAlias() -> Tensor {
        let t = alias()
        let counter = VersionCounter()
        counter.value = 0
        t.ownVersion = counter
        return t
    }

    /// The edge along which a gradient reaches this tensor; nil where none is wanted.
    @inline(__always)
    func gradEdge() -> Edge? {
        if let node = gradFn { return Edge(node: node, index: outputIndex) }
        return leafRequiresGrad ? Edge(node: accumulatorNode(), index: 0) : nil
    }

    func accumulatorNode() -> AccumulateGrad {
        if let accumulator { return accumulator }
        return Tensor.making.withLock { _ in makeAccumulator() }
    }

    /// Threads that use a leaf for the first time at once must agree on one node.
    private static let making = Mutex<Void>(())

    private func makeAccumulator() -> AccumulateGrad {
        if let accumulator { return accumulator }
        let slot = makeGradSlot()
        let a = AccumulateGrad(self, slot)
        accumulator = a
        return a
    }

    /// Makes this tensor the result of a recorded step on `inputs`. `save` keeps what `backward` needs.
    ///
    /// Call only where ``GradMode`` says that one of the inputs needs a gradient.
    @inline(__always)
    func attach(
        _ name: String, _ inputs: TensorList, save: (Node) -> Void = { _ in }, backward: @escaping Node.Backward
    ) {
        let node = Node(name, inputs, OutputInfo(self), backward)
        save(node)
        if dtype.isFloatingPoint {
            history = node
            outputIndex = 0
        }
    }

    /// Calls `hook` with the gradient of this tensor; a returned tensor replaces it. Returns a number for removal.
    public func registerHook(_ hook: @escaping (Tensor) throws -> Tensor?) throws -> Int {
        guard requiresGrad else {
            throw MartletError.runtime("cannot register a hook on a tensor that doesn't require gradient")
        }
        let id = HookID.next()
        let slot = makeGradSlot()
        slot.hooks.append(HookEntry(id: id, run: hook))
        if let node = gradFn { node.attachSlot(slot, outputIndex) } else { _ = accumulatorNode() }
        return id
    }

    /// Calls `hook` with this leaf after its `.grad` was updated.
    public func registerPostAccumulateGradHook(_ hook: @escaping (Tensor) throws -> Void) throws -> Int {
        guard isLeaf else {
            throw MartletError.runtime("post accumulate grad hooks cannot be registered on non-leaf tensors")
        }
        guard requiresGrad else {
            throw MartletError.runtime("cannot register a hook on a tensor that doesn't require gradient")
        }
        let id = HookID.next()
        accumulatorNode().slot.postAccumulateHooks.append(HookEntry(id: id, run: hook))
        return id
    }

    public func removeHook(_ id: Int) {
        var slot = gradSlot
        while let s = slot {
            s.hooks.removeAll { $0.id == id }
            s.postAccumulateHooks.removeAll { $0.id == id }
            slot = s.earlier
        }
    }

    /// Hooks belong to the value that this tensor had when they were registered: after an in-place step they stay
    /// with the old node, while `retainGrad` moves on to the new one.
    private func leaveHooksBehind() {
        guard let old = gradSlot, let node = history, !old.hooks.isEmpty || old.retainsGrad else { return }
        let slot = GradSlot()
        slot.earlier = old
        slot.grad = old.grad
        slot.isPassing = old.isPassing
        slot.retainsGrad = old.retainsGrad
        old.retainsGrad = false
        gradSlot = slot
        if slot.retainsGrad { node.attachSlot(slot, outputIndex) }
    }

    // MARK: In-place writes

    /// Throws where torch forbids writing to this tensor in place while recording. `overlapAllowed` is for writes
    /// that give every element the same value.
    func checkInPlace(_ op: String, overlapAllowed: Bool = false) throws {
        if isInference && !GradMode.isInference {
            throw MartletError.runtime(
                "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details.")
        }
        if GradMode.isEnabled {
            if leafRequiresGrad && gradFn == nil {
                throw MartletError.runtime("a leaf Variable that requires grad is being used in an in-place operation.")
            }
            if let view {
                if view.base.leafRequiresGrad && view.base.history == nil {
                    throw MartletError.runtime(
                        "a view of a leaf Variable that requires grad is being used in an in-place operation.")
                }
                if view.creation == .multiOutput && requiresGrad {
                    throw MartletError.runtime(
                        "Output \(outputIndex) of \(history?.stepName ?? "Unbind") is a view and is being modified inplace. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.")
                }
                if view.creation == .noGrad && view.base.requiresGrad {
                    throw Tensor.noGradView
                }
            }
        }
        if overlapAllowed { return }
        for i in 0..<rank where strides[i] == 0 && sizes[i] > 1 && !isSparse {
            throw MartletError.runtime(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.")
        }
    }

    private static let noGradView = MartletError.runtime(
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked).")

    /// Takes over `result`, computed out of place from this tensor: its values and its history.
    ///
    /// This is how every in-place form (`add_`, `relu_`, ...) is made from the plain one.
    @discardableResult
    func assignInPlace(_ op: String, _ result: Tensor) throws -> Tensor {
        if isSparse {
            guard result.isSparse, result.sizes == sizes else {
                throw MartletError.runtime("\(op): a sparse tensor cannot take over a dense result")
            }
            return try adoptSparse(op, result)
        }
        if result.isSparse { throw MartletError.runtime("\(op): a dense tensor cannot take over a sparse result") }
        try checkInPlace(op)
        guard result.dtype == dtype || Tensor.canCast(result.dtype, to: dtype) else {
            throw MartletError.runtime(
                "result type \(result.dtype.scalarTypeName) can't be cast to the desired output type \(dtype.scalarTypeName)")
        }
        guard result.sizes == sizes else {
            throw MartletError.runtime(
                "output with shape \(sizes) doesn't match the broadcast shape \(result.sizes)")
        }
        let source = result.requiresGrad && result.dtype != dtype ? try result.to(dtype) : result
        copyKernel(self, source)
        bumpVersion()
        if source.requiresGrad && GradMode.isEnabled { try rebaseHistory(source) }
        return self
    }

    /// Makes this tensor's history that of `result`; a view's base takes the step in through CopySlices.
    func rebaseHistory(_ result: Tensor) throws {
        guard let edge = result.gradEdge() else { return }
        guard let view else {
            history = edge.node
            outputIndex = edge.index
            leafRequiresGrad = false
            leaveHooksBehind()
            return
        }
        if view.creation == .noGrad { throw Tensor.noGradView }
        if view.creation == .multiOutput {
            throw MartletError.runtime(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.")
        }
        let base = view.base
        let (baseSizes, baseStrides, baseOffset) = (base.sizes, base.strides, base.offset)
        let (viewSizes, viewStrides, viewOffset) = (sizes, strides, offset)
        let inner = edge
        // The slice's gradient goes through the step; the rest of the base's gradient passes by, zeroed on the slice.
        let node = Node("CopySlices", edges: [base.gradEdge(), inner], output: OutputInfo(base)) { node, g in
            guard let g = g[0] else { return [nil, nil] }
            let start = viewOffset - baseOffset
            let dense = try g.contiguousAs(baseSizes, baseStrides)
            let slice = try dense.asStrided(viewSizes, viewStrides, dense.offset + start)
            let rest =
                node.needs(0)
                ? try dense.asStridedScatter(
                    try Tensor.zeros(viewSizes, g.dtype), viewSizes, viewStrides, start) : nil
            return [rest, try slice.clone()]
        }
        base.history = node
        base.outputIndex = 0
        base.leafRequiresGrad = false
        base.leaveHooksBehind()
        let fresh = try withEnabledGrad { try base.asStrided(viewSizes, viewStrides, viewOffset) }
        history = fresh.history
        outputIndex = fresh.outputIndex
        view.version = version
        leaveHooksBehind()
    }

    /// Whether an in-place result of `from` may be stored as `to`: never to a lower category.
    static func canCast(_ from: DType, to: DType) -> Bool { from.category <= to.category }
}

extension Node {
    /// Lets a tensor's hooks (and retain_grad) see the gradient of output `index`.
    func attachSlot(_ slot: GradSlot, _ index: Int) {
        let hooks = makeHooks()
        if !hooks.tensors.contains(where: { $0.slot === slot }) { hooks.tensors.append((index, slot)) }
    }

    /// A step on `inputs`, with edges to those that want a gradient.
    convenience init(_ name: String, _ inputs: TensorList, _ output: OutputInfo?, _ backward: @escaping Backward) {
        var edges = EdgeList()
        for i in 0..<inputs.count { edges.append(inputs[i]?.gradEdge()) }
        self.init(name, edges: edges, output: output, backward: backward)
    }

    /// Records one step with several outputs. Outputs that are not floating point get no history.
    @inline(__always)
    static func attach(
        _ name: String, _ results: [Tensor], _ inputs: TensorList, save: (Node) -> Void = { _ in },
        backward: @escaping Backward
    ) {
        let node = Node(name, inputs, nil, backward)
        node.setOutputs(results.map(OutputInfo.init))
        save(node)
        for (i, r) in results.enumerated() where r.dtype.isFloatingPoint {
            r.history = node
            r.outputIndex = i
        }
    }
}

extension Tensor {
    /// Forgets a base that nobody else holds: this view then simply owns the memory.
    func dropUnsharedBase() {
        guard view != nil, isKnownUniquelyReferenced(&view), isKnownUniquelyReferenced(&view!.base) else { return }
        view = nil
    }

    /// Whether the memory is this tensor's alone; a base that nobody else holds is forgotten on the way.
    func isUnshared() -> Bool {
        dropUnsharedBase()
        return ownsMemory
    }

    /// No other tensor sees this one's memory.
    var ownsMemory: Bool { view == nil && isKnownUniquelyReferenced(&storage) }

    public var retainsGrad: Bool { gradSlot?.retainsGrad ?? false }
}

extension Node {
    /// The leaf whose gradient this node accumulates, nil for other nodes.
    public var leaf: Tensor? { (self as? AccumulateGrad)?.variable }
}

extension Tensor {
    /// Which output of its node this tensor is; 0 for leaves.
    public var outputNumber: Int {
        _ = gradFn
        return outputIndex
    }
    public var isInferenceTensor: Bool { isInference }
}
