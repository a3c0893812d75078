import Glibc
import MartletKernels
import Synchronization

/// Where a gradient goes next: an input slot of a node.
public struct Edge {
    public var node: Node
    public var index: Int
}

/// One step of the recorded computation: it turns gradients of its outputs into gradients of its inputs.
///
/// Reverse mode in three sentences. Each operation on tensors that require gradients makes a node holding
/// edges to the nodes of its operands. `backward()` walks the nodes from the result, newest first, handing
/// each the sum of the gradients that reached it. What arrives at a leaf is added to its `.grad`.
///
/// The closure is written with differentiable operations, so running it while recording gives
/// gradients of gradients of any order.
public class Node {
    public typealias Backward = (_ node: Node, _ gradients: TensorList) throws -> TensorList

    /// torch's name of the step, e.g. `MulBackward0`.
    public internal(set) var name: String
    /// One per input, nil where the input needs no gradient.
    public internal(set) var edges: EdgeList
    /// Grows with creation; the engine runs newer nodes first.
    let sequence: UInt64
    /// What each output looked like, to check gradients against and to fill in zeros: the first, and the others.
    private(set) var output: OutputInfo?
    private(set) var furtherOutputs: [OutputInfo]?
    var savedTensors = SavedList()
    private(set) var isReleased = false
    let kind: Kind
    var backward: Backward?
    /// What few steps have.
    var hooks: NodeHooks?
    /// Where one node does what torch has several for: the steps between this one and its inputs.
    var between: Between?
    private var shown: Node?
    /// Set by a step that can write its result over the gradient it is given.
    var canOverwrite = false

    /// Where the engine's run of this number has its notes on this node.
    var run: UInt64 = 0
    var place = 0

    /// An `image` is there to be looked at: the step between that a node does along with its own.
    enum Kind { case step, custom, accumulation, image }

    private static let counter = Atomic<UInt64>(1)

    init(
        _ name: String, kind: Kind = .step, edges: EdgeList, output: OutputInfo?, further: [OutputInfo]? = nil,
        backward: Backward?
    ) {
        self.name = name
        self.kind = kind
        self.edges = edges
        self.output = output
        furtherOutputs = further
        self.backward = backward
        sequence = Node.counter.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// How many outputs the step has.
    @inline(__always)
    var outputCount: Int { (output == nil ? 0 : 1) + (furtherOutputs?.count ?? 0) }

    /// Whether the first output is known to look like this.
    @inline(__always)
    func hasOutput(_ sizes: Dims, _ dtype: DType) -> Bool {
        output != nil && output!.dtype == dtype && output!.sizes == sizes
    }

    /// What output `i` looked like; nil for one that the step did not tell of.
    @inline(__always)
    func outputInfo(_ i: Int) -> OutputInfo? {
        if i == 0 { return output }
        guard let furtherOutputs, i > 0, i <= furtherOutputs.count else { return nil }
        return furtherOutputs[i - 1]
    }

    func setOutputs(_ infos: [OutputInfo]) {
        output = infos.first
        furtherOutputs = infos.count > 1 ? Array(infos.dropFirst()) : nil
    }

    /// Throws for a node that never runs.
    public func checkTakesHooks() throws {
        if kind == .image {
            throw MartletError.notImplemented("\(name) runs as a part of the step before it and takes no hooks of its own")
        }
    }

    func makeHooks() -> NodeHooks {
        if let hooks { return hooks }
        let made = NodeHooks()
        hooks = made
        return made
    }

    /// The name without "Backward", as torch's messages about changed tensors give it.
    var stepName: String {
        if name == "CopySlices" || name == "CopyBackwards" { return "torch::autograd::" + name }
        guard let r = name.lastRange(of: "Backward") else { return name }
        return String(name[..<r])
    }

    /// Whether input `i` takes a gradient; while the step runs, whether this run of the engine wants it.
    @inline(__always)
    public func needs(_ i: Int) -> Bool {
        edges.leads(i) && (i >= 64 || !isRunning || mk_tls_get().pointee.wanted >> UInt64(i) & 1 != 0)
    }

    /// Whether it may write over its gradient: nobody else holds that, the engine says.
    @inline(__always)
    var mayOverwrite: Bool { isRunning && mk_tls_get().pointee.may_overwrite != 0 }

    /// Whether what is saved must outlive this run of the step.
    var keepsSaved: Bool { !isRunning || mk_tls_get().pointee.keeps_saved != 0 }

    /// Whether the calling thread is at this step.
    @inline(__always)
    private var isRunning: Bool { mk_tls_get().pointee.running == address }

    @inline(__always)
    var address: UnsafeRawPointer { UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()) }

    /// Keeps inputs for the way back; nil stands for one that is not needed.
    @inline(__always)
    func save(_ a: Tensor?, _ b: Tensor?, _ c: Tensor?, _ further: Tensor?...) {
        save(a, b)
        save(c)
        for t in further { save(t) }
    }

    @inline(__always)
    func save(_ t: Tensor?) { savedTensors.append(SavedTensor(t)) }

    @inline(__always)
    func save(_ a: Tensor?, _ b: Tensor?) {
        savedTensors.append(SavedTensor(a))
        savedTensors.append(SavedTensor(b))
    }

    /// Keeps an output of this node without making a cycle.
    func saveOutput(_ t: Tensor, _ index: Int = 0) { savedTensors.append(SavedTensor(output: t, index)) }

    /// A saved tensor; throws where it was freed or changed in place since.
    func saved(_ i: Int) throws -> Tensor {
        guard let t = try savedOptional(i) else { throw MartletError.runtime("\(name): input \(i) was not saved") }
        return t
    }

    func savedOptional(_ i: Int) throws -> Tensor? {
        if isReleased { throw Node.secondBackward }
        return try savedTensors[i].unpack(self)
    }

    /// Throws where any saved tensor was changed in place, also one that this run has no need of, as in torch.
    func checkSaved() throws {
        if isReleased { throw Node.secondBackward }
        for i in 0..<savedTensors.count { try savedTensors[i].check(self) }
    }

    /// A saved tensor, no longer held by this node unless it must be kept.
    func takeSaved(_ i: Int) throws -> Tensor {
        let t = try saved(i)
        if !keepsSaved { savedTensors.forget(i) }
        return t
    }

    /// The edges as torch's graph has them.
    public var shownEdges: EdgeList {
        guard let between else { return edges }
        let image = shown ?? between.images(edges)
        shown = image
        var seen = EdgeList()
        for i in 0..<between.first { seen.append(edges[i]) }
        seen.append(Edge(node: image, index: 0))
        for i in (between.first + between.inputs)..<edges.count { seen.append(edges[i]) }
        return seen
    }

    /// Steps that a node does along with its own.
    struct Between {
        /// The lowest of them, which takes `inputs` of the node's inputs from `first` on.
        var name: String
        var first = 0
        var inputs: Int
        /// What follows it, each if there: a function of the result, and dropout.
        var activation: LinearActivation?
        var isDropped = false

        /// Nodes to look at; returns the topmost.
        fileprivate func images(_ edges: EdgeList) -> Node {
            func image(_ name: String, _ below: EdgeList) -> Node {
                Node(name, kind: .image, edges: below, output: nil, backward: nil)
            }
            var below = EdgeList()
            for i in first..<(first + inputs) { below.append(edges[i]) }
            var node = image(name, below)
            if let activation { node = image(activation.name, [Edge(node: node, index: 0)]) }
            return isDropped ? image("MulBackward0", [Edge(node: node, index: 0), nil]) : node
        }
    }

    static let secondBackward = MartletError.runtime(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
    )

    /// Frees what was kept for the way back.
    func releaseSaved() {
        if savedTensors.count == 0 { return }
        isReleased = true
        Graveyard.bury(self, savedOnly: true)
    }

    /// One step. Gradients of outputs in, gradients of inputs out.
    func apply(_ gradients: TensorList) throws -> TensorList {
        guard let backward else {
            throw MartletError.notImplemented("derivative for \(name) is not implemented")
        }
        return try backward(self, gradients)
    }

    deinit {
        // A chain of a million nodes must not be a million nested deinits.
        if edges.count != 0 || savedTensors.count != 0 || backward != nil { Graveyard.bury(self, savedOnly: false) }
    }
}

/// Hooks on a step.
final class NodeHooks {
    /// Run on the gradients of the outputs before the step; may replace them.
    var before: [HookEntry<([Tensor?]) throws -> [Tensor?]?>] = []
    /// Hooks on a single output (a tensor's own hooks), by output index.
    var tensors: [(output: Int, slot: GradSlot)] = []
    /// Run after the step with (gradients of inputs, gradients of outputs); may replace the former.
    var after: [HookEntry<([Tensor?], [Tensor?]) throws -> [Tensor?]?>] = []
}

/// Shape and dtype of a node's output.
struct OutputInfo {
    var sizes: Dims
    var dtype: DType
    init(_ t: Tensor) {
        sizes = t.sizes
        dtype = t.dtype
    }
}

/// A hook with the number by which it is removed.
struct HookEntry<F> {
    let id: Int
    let run: F
}

/// Numbers for hooks.
enum HookID {
    private static let counter = Atomic<Int>(1)
    static func next() -> Int { counter.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// Makes releasing a graph take little stack: what a node holds is released in place down to some depth, and below that
/// goes to a queue that the outermost release drains. Depth and queue are the thread's, in the kernels' thread-local slot.
enum Graveyard {
    private struct Remains {
        let saved: SavedList
        let edges: EdgeList
        let backward: Node.Backward?
    }
    private final class Queue { var items: [Remains] = [] }

    private static let deepest: Int32 = 32

    /// Gives a thread's queue back when the thread ends.
    private static let threadEnd: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key) { p in
            mk_tls_get()!.pointee.slots.0 = nil
            Unmanaged<Queue>.fromOpaque(p!).release()
        }
        return key
    }()

    /// Moves a node's contents out of it, so that no reference to them is left on the stack, and releases them.
    static func bury(_ node: Node, savedOnly: Bool) {
        let tls = mk_tls_get()!
        if tls.pointee.spare.0 >= deepest {
            queue(tls).items.append(
                Remains(
                    saved: node.savedTensors, edges: savedOnly ? [] : node.edges, backward: savedOnly ? nil : node.backward))
        }
        tls.pointee.spare.0 += 1
        node.savedTensors = SavedList()
        if !savedOnly {
            node.edges = []
            node.backward = nil
        }
        tls.pointee.spare.0 -= 1
        if tls.pointee.spare.0 == 0 && tls.pointee.slots.0 != nil { drain(tls) }
    }

    private static func drain(_ tls: UnsafeMutablePointer<mk_tls_t>) {
        let waiting = queue(tls)
        if waiting.items.isEmpty { return }
        tls.pointee.spare.0 = 1
        while let last = waiting.items.popLast() { withExtendedLifetime(last) {} }
        tls.pointee.spare.0 = 0
    }

    private static func queue(_ tls: UnsafeMutablePointer<mk_tls_t>) -> Queue {
        if let p = tls.pointee.slots.0 { return Unmanaged<Queue>.fromOpaque(p).takeUnretainedValue() }
        let made = Queue()
        let p = Unmanaged.passRetained(made).toOpaque()
        tls.pointee.slots.0 = p
        pthread_setspecific(threadEnd, p)
        return made
    }
}

/// A tensor kept for the way back, with the version it had.
struct SavedTensor {
    private let tensor: Tensor?
    private let version: Int
    /// For an output of the saving node: its index; the node itself is not referenced, which would be a cycle.
    private let output: Int

    static let inference = MartletError.runtime(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
    )

    init(_ t: Tensor?) {
        tensor = t
        version = t?.version ?? 0
        output = -1
    }

    init(output t: Tensor, _ index: Int) {
        let detached = t.alias()
        detached.isWrappedNumber = t.isWrappedNumber
        tensor = detached
        version = t.version
        output = index
    }

    /// Throws where the tensor was changed in place since.
    func check(_ node: Node) throws {
        guard let tensor else { return }
        if tensor.isInference { throw SavedTensor.inference }
        if tensor.version != version {
            let producer = output >= 0 ? node : tensor.gradFn
            let index = output >= 0 ? output : tensor.outputIndex
            let origin = producer.map { ", which is output \(index) of \($0.stepName)," } ?? ""
            throw MartletError.runtime(
                "one of the variables needed for gradient computation has been modified by an inplace operation: [\(tensor.typeName) \(tensor.sizes)]\(origin) is at version \(tensor.version); expected version \(version) instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
            )
        }
    }

    func unpack(_ node: Node) throws -> Tensor? {
        guard let tensor else { return nil }
        try check(node)
        if output >= 0 && (GradMode.isEnabled || node.kind == .custom) {
            let t = tensor.alias()
            t.history = node
            t.outputIndex = output
            return t
        }
        return tensor
    }
}

/// The gradient of a tensor and the hooks on it. Shared between a leaf and its accumulator node.
final class GradSlot {
    var grad: Tensor?
    var retainsGrad = false
    var hooks: [HookEntry<(Tensor) throws -> Tensor?>] = []
    var postAccumulateHooks: [HookEntry<(Tensor) throws -> Void>] = []
    /// Belongs to a tensor that a recorded run makes, each time anew.
    var isPassing = false
    /// The slot that held this tensor's hooks before an in-place step gave it another history.
    var earlier: GradSlot?
}

/// The end of the line: adds what arrives to a leaf's `.grad`.
final class AccumulateGrad: Node {
    let slot: GradSlot
    /// The leaf, not held; its deinit takes it out. A weak reference here would send every retain and release of the
    /// leaf through the runtime's slow path.
    private let leafPlace: Mutex<Unmanaged<Tensor>?>

    init(_ leaf: Tensor, _ slot: GradSlot) {
        self.slot = slot
        leafPlace = Mutex(Unmanaged.passUnretained(leaf))
        super.init("torch::autograd::AccumulateGrad", kind: .accumulation, edges: [], output: OutputInfo(leaf), backward: nil)
    }

    /// The leaf while it lives.
    var variable: Tensor? {
        leafPlace.withLock { leaf -> Tensor? in
            guard let leaf else { return nil }
            weak let living = leaf.takeUnretainedValue()  // nil where its end has begun and waits for the lock
            return living
        }
    }

    func leafEnds() { leafPlace.withLock { $0 = nil } }

    /// What `look` sees of the leaf, or `gone`. The leaf cannot end meanwhile, and `look` must not release anything.
    private func ofLeaf<R>(_ gone: R, _ look: (Tensor) -> R) -> R {
        leafPlace.withLock { leaf in leaf.map { $0._withUnsafeGuaranteedRef(look) } ?? gone }
    }

    override func apply(_ gradients: TensorList) throws -> TensorList {
        if var g = gradients[0] { try accumulate(&g) }
        return []
    }

    private let lock = Mutex<Void>(())

    /// Adds to the leaf's gradient (threads that share the leaf take turns), then runs the hooks on that.
    func accumulate(_ gradient: inout Tensor) throws {
        try lock.withLock { _ in try add(&gradient) }
        if !slot.postAccumulateHooks.isEmpty, let v = variable {
            for h in slot.postAccumulateHooks { try h.run(v) }
        }
    }

    /// Stores the first gradient, laid out like the leaf, without a copy where nobody else holds it; adds later ones
    /// in place unless recording.
    private func add(_ gradient: inout Tensor) throws {
        if !GradMode.isEnabled && isKnownUniquelyReferenced(&gradient) { gradient.dropUnsharedBase() }
        if Tape.isRecording { Tape.reads(slot) }
        if let existing = slot.grad {
            if GradMode.isEnabled {
                slot.grad = try Tensor.addGradients(existing, gradient)
            } else if existing.isSparse {
                slot.grad = try Tensor.addGradients(existing, gradient)
            } else {
                _ = try existing.addInPlace(gradient)
            }
        } else if GradMode.isEnabled {
            slot.grad = try gradient.isSparse ? gradient : laidOutLikeLeaf(gradient)
            if !gradient.isSparse { slot.grad?.history?.name = "CopyBackwards" }
        } else if gradient.isSparse {
            slot.grad = try gradient.sparse!.values.isContiguous ? gradient.detach() : gradient.clone()
        } else if isKnownUniquelyReferenced(&gradient), isKnownUniquelyReferenced(&gradient.storage), gradient.view == nil,
            fitsLeaf(gradient)
        {
            gradient.history = nil
            slot.grad = gradient
        } else {
            slot.grad = try laidOutLikeLeaf(gradient.detach())
        }
    }

    private func fitsLeaf(_ g: Tensor) -> Bool {
        if g.isContiguous && leafIsContiguous { return true }
        guard let strides = denseLeafStrides else { return g.isContiguous }
        return g.strides == strides
    }

    /// A copy in the leaf's memory order where the leaf is dense, else row-major.
    private func laidOutLikeLeaf(_ g: Tensor) throws -> Tensor {
        if leafIsContiguous && g.isContiguous { return try g.clone() }
        let out = try Tensor.empty(g.sizes, strides: denseLeafStrides ?? g.sizes.contiguousStrides, g.dtype)
        copyKernel(out, g)
        if GradMode.needs(g) { out.attach("CopyBackwards", TensorList(g)) { _, g in [g[0]] } }
        return out
    }

    private var leafIsContiguous: Bool { ofLeaf(true) { $0.isContiguous } }
    private var denseLeafStrides: Dims? { ofLeaf(nil) { $0.isDense ? $0.strides : nil } }
}

extension String {
    /// Where the last occurrence of `word` begins.
    func lastRange(of word: String) -> String.Index? {
        let (text, wanted) = (Array(utf8), Array(word.utf8))
        guard text.count >= wanted.count else { return nil }
        var i = text.count - wanted.count
        while i >= 0 {
            if Array(text[i..<i + wanted.count]) == wanted { return utf8.index(utf8.startIndex, offsetBy: i) }
            i -= 1
        }
        return nil
    }
}
