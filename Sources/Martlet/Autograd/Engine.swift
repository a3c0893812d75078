import MartletKernels
import Synchronization

/// Runs the recorded computation backwards.
///
/// The graph is walked without recursion. A node runs once the gradients of all paths to it have been summed;
/// of the nodes that are ready the newest runs first, which is torch's order and so gives torch's sums.
///
/// The starts of a run hold the graph below them, so that the walk does not count references to nodes.
final class Engine {
    /// The engine's notes on a node.
    private struct Task {
        let node: Unmanaged<Node>
        /// Its place in the order: newer steps first, accumulators before all.
        let key: UInt64
        /// The sum of the gradients that reached the first output, and those of the others once there are any.
        var gradient: Tensor?
        var others: [Tensor?]?
        /// Gradient slots that this run made by adding: they may be added to in place.
        var owned: UInt64 = 0
        /// Gradients that it waits for.
        var pending: Int32 = 0
        /// The first of its captures, -1 for none.
        var capture: Int32 = -1
        var needed: Bool
        /// Whether the walk from the starts came here.
        var reached = false

        var isWanted: Bool { needed || capture >= 0 }
    }

    private var tasks: UnsafeMutablePointer<Task>
    private var count = 0
    private var capacity: Int
    /// Tasks that are ready, as a binary heap by their keys.
    private var heap: [(key: UInt64, task: Int)] = []
    private var captures: [(output: Int, input: Int, next: Int32)] = []
    private var captured: [Tensor?] = []
    private var keepGraph = false
    private var createGraph = false
    private var everyNodeIsNeeded = true

    // Where a node's task is stands in the node itself, marked with the run's number. Only one run at a time may do so,
    // and works in memory that it leaves to the next; a run inside another one, or beside it on another thread, has
    // memory of its own and a dictionary.
    private let marks: Bool
    private var number: UInt64 = 0
    private var indexOf: [ObjectIdentifier: Int] = [:]
    private static let isMarking = Atomic<Bool>(false)
    nonisolated(unsafe) private static let marking = Engine(marks: true)
    /// The tasks that the memory kept between runs has room for at most.
    private static let keptCapacity = 4096

    private init(marks: Bool) {
        self.marks = marks
        capacity = 64
        tasks = .allocate(capacity: capacity)
    }

    deinit { tasks.deallocate() }

    /// Sends `gradients` back from `roots`. With `inputs`, returns their gradients instead of adding to `.grad`
    /// (unless `accumulate`, which adds to the `.grad` of those inputs only).
    static func run(
        _ roots: [Tensor], _ gradients: [Tensor?], keepGraph: Bool, createGraph: Bool, inputs: [Tensor]? = nil,
        accumulate: Bool = false
    ) throws -> [Tensor?] {
        var starts: [(Edge, Tensor)] = []
        starts.reserveCapacity(roots.count)
        for (i, root) in roots.enumerated() {
            guard let edge = root.gradEdge() else {
                throw MartletError.runtime("element \(i) of tensors does not require grad and does not have a grad_fn")
            }
            starts.append((edge, try rootGradient(root, gradients[i])))
        }
        let isFree = isMarking.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        let engine = isFree ? marking : Engine(marks: false)
        defer {
            engine.forget()
            if isFree { isMarking.store(false, ordering: .releasing) }
        }
        engine.keepGraph = keepGraph
        engine.createGraph = createGraph
        engine.everyNodeIsNeeded = inputs == nil
        engine.number += 1
        return try engine.run(starts, inputs, accumulate)
    }

    private static let one = Tensor.number(1.0)

    /// The seed gradient: one for a scalar, else what the caller gave, checked.
    private static func rootGradient(_ root: Tensor, _ g: Tensor?) throws -> Tensor {
        if let g {
            guard g.sizes == root.sizes else {
                throw MartletError.runtime(
                    "Mismatch in shape: grad_output[0] has a shape of torch.Size(\(g.sizes)) and output[0] has a shape of torch.Size(\(root.sizes)).")
            }
            return g.dtype == root.dtype ? g : try g.to(root.dtype)
        }
        guard root.numel == 1 else {
            throw MartletError.runtime("grad can be implicitly created only for scalar outputs")
        }
        guard root.dtype.isFloatingPoint else {
            throw MartletError.runtime("grad can be implicitly created only for real scalar outputs but got \(root.typeName)")
        }
        return try Tensor.full(root.sizes, one, root.dtype)
    }

    /// Leaves nothing of a run behind.
    private func forget() {
        tasks.deinitialize(count: count)
        count = 0
        heap.removeAll(keepingCapacity: true)
        captures.removeAll(keepingCapacity: true)
        captured = []
        if capacity > Engine.keptCapacity { resize(Engine.keptCapacity) }
    }

    private func resize(_ wanted: Int) {
        let grown = UnsafeMutablePointer<Task>.allocate(capacity: wanted)
        grown.moveInitialize(from: tasks, count: count)
        tasks.deallocate()
        tasks = grown
        capacity = wanted
    }

    /// The task of a node, made where there is none.
    @inline(__always)
    private func index(_ node: Unmanaged<Node>) -> Int {
        node._withUnsafeGuaranteedRef { held in
            if let i = find(held) { return i }
            if count == capacity { resize(2 * capacity) }
            if marks {
                held.run = number
                held.place = count
            } else {
                indexOf[ObjectIdentifier(held)] = count
            }
            let key = held.kind == .accumulation ? UInt64.max : held.sequence
            (tasks + count).initialize(to: Task(node: node, key: key, needed: everyNodeIsNeeded))
            count += 1
            return count - 1
        }
    }

    @inline(__always)
    private func find(_ node: Node) -> Int? {
        if marks { return node.run == number ? node.place : nil }
        return indexOf[ObjectIdentifier(node)]
    }

    private func run(_ starts: [(Edge, Tensor)], _ inputs: [Tensor]?, _ accumulate: Bool) throws -> [Tensor?] {
        if let inputs { try select(inputs, accumulate) }
        for (edge, _) in starts { discover(Unmanaged.passUnretained(edge.node)) }
        for (edge, g) in starts { try add(g, to: index(Unmanaged.passUnretained(edge.node)), edge.index) }
        var begun = Set<Int>()
        for (edge, _) in starts {
            let i = index(Unmanaged.passUnretained(edge.node))
            if tasks[i].pending == 0 && (starts.count == 1 || begun.insert(i).inserted) { push(i) }
        }
        try withGradMode(createGraph) { while let i = pop() { try step(i) } }
        return captured
    }

    /// Marks the inputs' nodes: where their gradients are to be taken.
    private func select(_ inputs: [Tensor], _ accumulate: Bool) throws {
        captured = Array(repeating: nil, count: inputs.count)
        for (k, input) in inputs.enumerated() {
            guard let edge = input.gradEdge() else {
                throw MartletError.runtime("One of the differentiated Tensors does not require grad")
            }
            // The input may be all that holds its node, and the input is the caller's until the run ends.
            let i = index(Unmanaged.passUnretained(edge.node))
            if accumulate && edge.node.kind == .accumulation {
                tasks[i].needed = true
            } else {
                captures.append((edge.index, k, tasks[i].capture))
                tasks[i].capture = Int32(captures.count - 1)
            }
        }
    }

    /// Finds the nodes below a start and counts how many gradients each waits for.
    private func discover(_ start: Unmanaged<Node>) {
        let first = index(start)
        if tasks[first].reached { return }
        tasks[first].reached = true
        if everyNodeIsNeeded {
            // In the order in which they are found; the list of tasks is the list of what is left to do.
            var next = first
            while next < count {
                tasks[next].node._withUnsafeGuaranteedRef {
                    for k in 0..<$0.edges.count {
                        guard let (node, _) = $0.edges.unretained(k) else { continue }
                        let i = index(node)
                        tasks[i].pending += 1
                        tasks[i].reached = true
                    }
                }
                next += 1
            }
            return
        }
        // Depth first: a node is left after all that it leads to, and is needed where one of those is wanted.
        var stack: [(task: Int, edge: Int)] = [(first, 0)]
        while let (i, k) = stack.last {
            let node = tasks[i].node
            if k == node._withUnsafeGuaranteedRef({ $0.edges.count }) {
                stack.removeLast()
                if tasks[i].isWanted, let (parent, _) = stack.last { tasks[parent].needed = true }
                continue
            }
            stack[stack.count - 1].edge = k + 1
            guard let (next, _) = node._withUnsafeGuaranteedRef({ $0.edges.unretained(k) }) else { continue }
            let j = index(next)
            tasks[j].pending += 1
            if !tasks[j].reached {
                tasks[j].reached = true
                stack.append((j, 0))
            } else if tasks[j].isWanted {
                tasks[i].needed = true
            }
        }
    }

    private func add(_ g: consuming Tensor, to i: Int, _ slot: Int) throws {
        let task = tasks + i
        if slot == 0 && task.pointee.gradient == nil {
            task.pointee.gradient = g
            return
        }
        let known: Tensor?
        if slot == 0 {
            known = task.pointee.gradient
        } else {
            if task.pointee.others == nil {
                let outputs = task.pointee.node._withUnsafeGuaranteedRef { $0.outputCount }
                task.pointee.others = Array(repeating: nil, count: max(outputs - 1, slot))
            }
            known = task.pointee.others![slot - 1]
        }
        guard let old = known else { return put(g, task, slot) }
        let bit: UInt64 = slot < 64 ? 1 << UInt64(slot) : 0
        if task.pointee.owned & bit != 0 && !createGraph && !g.isSparse && !old.isSparse {
            _ = try old.addInPlace(g)
        } else {
            put(try withGradMode(createGraph) { [g] in try Tensor.addGradients(old, g) }, task, slot)
            task.pointee.owned |= bit
        }
    }

    private func put(_ g: Tensor, _ task: UnsafeMutablePointer<Task>, _ slot: Int) {
        if slot == 0 { task.pointee.gradient = g } else { task.pointee.others![slot - 1] = g }
    }

    /// Takes the gradients of a node's outputs out of its task.
    @inline(__always)
    private func take(_ task: UnsafeMutablePointer<Task>, _ outputs: Int) -> TensorList {
        if outputs == 1 && task.pointee.others == nil { return TensorList(task.pointee.gradient.take()) }
        var g = TensorList()
        if outputs > 0 || task.pointee.gradient != nil { g.append(task.pointee.gradient.take()) }
        if let others = task.pointee.others {
            task.pointee.others = nil
            for e in others { g.append(e) }
        }
        while g.count < outputs { g.append(nil) }
        return g
    }

    private func step(_ i: Int) throws {
        let task = tasks + i
        try task.pointee.node._withUnsafeGuaranteedRef { node in
            if node.kind == .accumulation {
                try accumulate(task, unsafeDowncast(node, to: AccumulateGrad.self))
            } else if node.hooks == nil && task.pointee.capture < 0 {
                var g = take(task, node.outputCount)
                if task.pointee.needed && (node.kind == .custom || g.contains { $0 != nil }) {
                    var results = try apply(node, &g)
                    if Autograd.checksNaN { try refuseNaN(results, node) }
                    if !keepGraph { node.releaseSaved() }
                    g = TensorList()
                    try send(&results, node)
                } else {
                    var none = TensorList()
                    try send(&none, node)
                }
            } else {
                try stepObserved(task, node)
            }
        }
    }

    /// A node of which somebody looks at the gradients.
    private func stepObserved(_ task: UnsafeMutablePointer<Task>, _ node: Node) throws {
        var g = take(task, node.outputCount)
        for (output, slot) in node.hooks?.tensors ?? [] { try runHooks(output, slot, &g) }
        for hook in node.hooks?.before ?? [] {
            if let replaced = try hook.run(Array(g)) { g = TensorList(replaced) }
        }
        capture(task, g)
        // A node that was reached only with "no gradient" passes that on.
        var results = TensorList()
        if task.pointee.needed && (node.kind == .custom || g.contains { $0 != nil }) {
            let arrived = node.hooks == nil ? [] : Array(g)
            results = try apply(node, &g)
            if Autograd.checksNaN { try refuseNaN(results, node) }
            for hook in node.hooks?.after ?? [] {
                if let replaced = try hook.run(Array(results), arrived) { results = TensorList(replaced) }
            }
            if !keepGraph { node.releaseSaved() }
        }
        g = TensorList()
        try send(&results, node)
    }

    private func accumulate(_ task: UnsafeMutablePointer<Task>, _ leaf: AccumulateGrad) throws {
        if leaf.hooks == nil && task.pointee.needed && task.pointee.capture < 0 && leaf.slot.hooks.isEmpty {
            // Moved, not copied, so that a gradient nobody else holds can be kept as it is.
            if var value = task.pointee.gradient.take() { try leaf.accumulate(&value) }
            return
        }
        var g = take(task, leaf.outputCount)
        try runHooks(0, leaf.slot, &g)
        for (output, slot) in leaf.hooks?.tensors ?? [] { try runHooks(output, slot, &g) }
        for hook in leaf.hooks?.before ?? [] {
            if let replaced = try hook.run(Array(g)) { g = TensorList(replaced) }
        }
        capture(task, g)
        guard task.pointee.needed, g.count > 0 else { return }
        let arrived = leaf.hooks == nil ? [] : Array(g)
        guard var value = g.take(0) else { return }
        try leaf.accumulate(&value)
        for hook in leaf.hooks?.after ?? [] { _ = try hook.run([], arrived) }
    }

    /// Keeps the gradients that were asked for.
    private func capture(_ task: UnsafeMutablePointer<Task>, _ g: TensorList) {
        var c = task.pointee.capture
        while c >= 0 {
            let capture = captures[Int(c)]
            if capture.output < g.count { captured[capture.input] = g[capture.output] }
            c = capture.next
        }
    }

    /// Runs a step. What it may do, and which gradients are wanted of it, it finds in the thread's slot.
    private func apply(_ node: Node, _ g: inout TensorList) throws -> TensorList {
        let tls = mk_tls_get()!
        let outer = (tls.pointee.running, tls.pointee.wanted, tls.pointee.may_overwrite, tls.pointee.keeps_saved)
        defer { (tls.pointee.running, tls.pointee.wanted, tls.pointee.may_overwrite, tls.pointee.keeps_saved) = outer }
        tls.pointee.wanted = everyNodeIsNeeded ? ~0 : wantedInputs(node)
        tls.pointee.keeps_saved = keepGraph ? 1 : 0
        tls.pointee.may_overwrite = 0
        if node.canOverwrite && node.hooks == nil && !createGraph {
            var only = g.take(0)
            if isKnownUniquelyReferenced(&only) && only!.ownsMemory { tls.pointee.may_overwrite = 1 }
            g[0] = only
        }
        if !everyNodeIsNeeded && node.kind == .step { try node.checkSaved() }
        tls.pointee.running = node.address
        return try node.apply(g)
    }

    /// A bit for each of the first 64 inputs that lie on a way to what was asked for.
    private func wantedInputs(_ node: Node) -> UInt64 {
        var bits: UInt64 = 0
        for k in 0..<min(node.edges.count, 64) {
            if let (next, _) = node.edges.unretained(k), tasks[index(next)].isWanted { bits |= 1 << UInt64(k) }
        }
        return bits
    }

    /// Hands a node's results to what its edges lead to; what waits for nothing more is ready.
    private func send(_ results: inout TensorList, _ node: Node) throws {
        for k in 0..<node.edges.count {
            guard let (next, output) = node.edges.unretained(k) else { continue }
            let j = index(next)
            if k < results.count, var g = results.take(k) {
                if !next._withUnsafeGuaranteedRef({ fits(g, $0, output) }) { g = try fitted(g, next, output, node, k) }
                try add(g, to: j, output)
            }
            tasks[j].pending -= 1
            if tasks[j].pending == 0 { if tasks[j].isWanted { push(j) } else { skip(j) } }
        }
    }

    /// A tensor's own hooks on its gradient, and its wish to keep it.
    private func runHooks(_ output: Int, _ slot: GradSlot, _ g: inout TensorList) throws {
        guard output < g.count, var value = g[output] else { return }
        if slot.hooks.isEmpty && !slot.retainsGrad { return }
        for hook in slot.hooks {
            if let replaced = try hook.run(value) {
                try checkHook(replaced, value)
                value = replaced
            }
        }
        g[output] = value
        if slot.retainsGrad { slot.grad = try slot.grad.map { try $0.add(value) } ?? value.clone() }
    }

    /// A node off every wanted path: it does not run, but what waits for it must not wait forever.
    private func skip(_ start: Int) {
        var stack = [start]
        while let i = stack.popLast() {
            tasks[i].gradient = nil
            tasks[i].others = nil
            tasks[i].node._withUnsafeGuaranteedRef {
                for k in 0..<$0.edges.count {
                    guard let (next, _) = $0.edges.unretained(k) else { continue }
                    let j = index(next)
                    tasks[j].pending -= 1
                    if tasks[j].pending > 0 { continue }
                    if tasks[j].isWanted { push(j) } else { stack.append(j) }
                }
            }
        }
    }

    @inline(__always)
    private func fits(_ g: Tensor, _ node: Node, _ output: Int) -> Bool {
        output == 0 && node.hasOutput(g.sizes, g.dtype)
    }

    /// Fits a gradient to the input it belongs to: broadcast dimensions are summed, the dtype converted.
    private func fitted(_ g: Tensor, _ next: Unmanaged<Node>, _ output: Int, _ node: Node, _ k: Int) throws -> Tensor {
        guard let info = next._withUnsafeGuaranteedRef({ $0.outputInfo(output) }) else { return g }
        if g.sizes == info.sizes && g.dtype == info.dtype { return g }
        var r = g
        if r.sizes != info.sizes {
            guard Tensor.isExpandable(info.sizes, r.sizes) else {
                throw MartletError.runtime(
                    "Function \(node.name) returned an invalid gradient at index \(k) - got \(r.sizes) but expected shape compatible with \(info.sizes)")
            }
            r = try r.sumTo(info.sizes)
        }
        if r.dtype != info.dtype { r = try r.to(info.dtype) }
        return r
    }

    /// Names the first gradient of a step that holds a NaN.
    private func refuseNaN(_ gradients: TensorList, _ node: Node) throws {
        for (i, g) in gradients.enumerated() {
            guard let g, i < node.edges.count, node.needs(i), g.dtype.isFloatingPoint else { continue }
            let values = g.entries?.values ?? g
            if try withNoGrad({ try values.isnan().any().item() }) != 0 {
                throw MartletError.runtime("Function '\(node.name)' returned nan values in its \(i)th output.")
            }
        }
    }

    private func checkHook(_ new: Tensor, _ old: Tensor) throws {
        guard new.sizes == old.sizes else {
            throw MartletError.runtime("hook has changed the size of value")
        }
        guard new.dtype == old.dtype else {
            throw MartletError.runtime(
                "hook has changed the type of value (was \(old.typeName) got \(new.typeName))")
        }
    }

    // The heap.
    private func push(_ i: Int) {
        heap.append((tasks[i].key, i))
        var c = heap.count - 1
        while c > 0 {
            let p = (c - 1) / 2
            if heap[p].key >= heap[c].key { break }
            heap.swapAt(p, c)
            c = p
        }
    }

    private func pop() -> Int? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var p = 0
            while true {
                var c = 2 * p + 1
                if c >= heap.count { break }
                if c + 1 < heap.count && heap[c + 1].key > heap[c].key { c += 1 }
                if heap[p].key >= heap[c].key { break }
                heap.swapAt(p, c)
                p = c
            }
        }
        return top.task
    }
}

extension Tensor {
    /// Computes gradients of this tensor and adds them to the `.grad` of the leaves it depends on.
    ///
    /// - Parameters:
    ///   - gradient: the gradient of this tensor itself; needed unless it has one element.
    ///   - retainGraph: keep what the graph saved, so that it can be walked again; defaults to `createGraph`.
    ///   - createGraph: record the computation of the gradients, for gradients of gradients.
    ///   - inputs: only these leaves receive gradients.
    public func backward(
        gradient: Tensor? = nil, retainGraph: Bool? = nil, createGraph: Bool = false, inputs: [Tensor]? = nil
    ) throws {
        try Autograd.backward([self], gradients: [gradient], retainGraph: retainGraph, createGraph: createGraph, inputs: inputs)
    }
}

/// Gradients of several tensors at once, and gradients returned instead of accumulated.
public enum Autograd {
    private static let nanChecks = Atomic<Bool>(false)

    /// Whether a step of the way back whose gradient holds a NaN is an error that names the step.
    public static var checksNaN: Bool {
        get { nanChecks.load(ordering: .relaxed) }
        set { nanChecks.store(newValue, ordering: .relaxed) }
    }

    /// See ``Tensor/backward(gradient:retainGraph:createGraph:inputs:)``.
    public static func backward(
        _ tensors: [Tensor], gradients: [Tensor?]? = nil, retainGraph: Bool? = nil, createGraph: Bool = false,
        inputs: [Tensor]? = nil
    ) throws {
        if let inputs, inputs.isEmpty {
            throw MartletError.runtime("`inputs` argument to `backward` cannot be empty.")
        }
        let seeds = gradients ?? Array(repeating: nil, count: tensors.count)
        guard seeds.count == tensors.count else {
            throw MartletError.runtime("got \(tensors.count) tensors and \(seeds.count) gradients")
        }
        _ = try collect(
            tensors, seeds, retainGraph ?? createGraph, createGraph, inputs, accumulate: true)
    }

    /// Gradients of `outputs` with respect to `inputs`, returned in their order.
    ///
    /// Throws for an input that the outputs do not depend on, unless `allowUnused` (nil) or `materialize` (zeros).
    public static func grad(
        _ outputs: [Tensor], _ inputs: [Tensor], gradOutputs: [Tensor?]? = nil, retainGraph: Bool? = nil,
        createGraph: Bool = false, allowUnused: Bool = false, materialize: Bool = false
    ) throws -> [Tensor?] {
        let seeds = gradOutputs ?? Array(repeating: nil, count: outputs.count)
        guard seeds.count == outputs.count else {
            throw MartletError.runtime("got \(outputs.count) tensors and \(seeds.count) gradients")
        }
        if inputs.isEmpty { throw MartletError.runtime("`inputs` argument to `grad()` cannot be empty.") }
        var result = try collect(outputs, seeds, retainGraph ?? createGraph, createGraph, inputs, accumulate: false)
        for i in result.indices where result[i] == nil {
            if materialize {
                result[i] = try Tensor.zeros(inputs[i].sizes, inputs[i].dtype)
            } else if !allowUnused {
                throw MartletError.runtime(
                    "The differentiated Tensor at index \(i) appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.")
            }
        }
        return result
    }

    private static func collect(
        _ outputs: [Tensor], _ seeds: [Tensor?], _ keep: Bool, _ create: Bool, _ inputs: [Tensor]?, accumulate: Bool
    ) throws -> [Tensor?] {
        let got = try Engine.run(
            outputs, seeds, keepGraph: keep, createGraph: create, inputs: inputs, accumulate: accumulate)
        guard accumulate, let inputs else { return got }
        // backward(inputs:) on non-leaves accumulates too.
        for (input, g) in zip(inputs, got) {
            guard let g else { continue }
            let slot = input.makeGradSlot()
            if slot.retainsGrad { continue }
            slot.grad = try slot.grad.map { try $0.add(g) } ?? g
        }
        return got
    }
}
