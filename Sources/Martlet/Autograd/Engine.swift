import Synchronization

/// Runs the recorded computation backwards.
///
/// The graph is walked without recursion. A node runs once the gradients of all paths to it have been summed;
/// of the nodes that are ready the newest runs first, which is torch's order and so gives torch's sums.
struct Engine {
    /// The engine's notes on a node.
    private struct Task {
        let node: Node
        /// The sum of the gradients that reached the first output, and those of the others once there are any.
        var gradient: Tensor?
        var others: [Tensor?]?
        /// Gradient slots that this run made by adding: they may be added to in place.
        var owned: UInt64 = 0
        /// Gradients that it waits for.
        var pending: Int32 = 0
        var needed = true
        /// The first of its captures, -1 for none.
        var capture: Int32 = -1

        var isWanted: Bool { needed || capture >= 0 }
    }

    private var tasks: [Task] = []
    private var captures: [(output: Int, input: Int, next: Int32)] = []
    private var heap: [(UInt64, Int)] = []
    private let keepGraph: Bool
    private let createGraph: Bool
    private var captured: [Tensor?] = []

    // Where a node's task is stands in the node itself, marked with the run's number. Only one run at a time may do so;
    // a run inside another one, or beside it on another thread, has a dictionary.
    private let marks: Bool
    private let number: UInt64
    private var indexOf: [ObjectIdentifier: Int] = [:]
    private static let isMarking = Atomic<Bool>(false)
    nonisolated(unsafe) private static var lastRun: UInt64 = 0

    private init(keepGraph: Bool, createGraph: Bool) {
        self.keepGraph = keepGraph
        self.createGraph = createGraph
        marks = Engine.isMarking.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        if marks { Engine.lastRun += 1 }
        number = marks ? Engine.lastRun : 0
    }

    /// Sends `gradients` back from `roots`. With `inputs`, returns their gradients instead of adding to `.grad`
    /// (unless `accumulate`, which adds to the `.grad` of those inputs only).
    static func run(
        _ roots: [Tensor], _ gradients: [Tensor?], keepGraph: Bool, createGraph: Bool, inputs: [Tensor]? = nil,
        accumulate: Bool = false
    ) throws -> [Tensor?] {
        var starts: [(Edge, Tensor)] = []
        for (i, root) in roots.enumerated() {
            guard let edge = root.gradEdge() else {
                throw MartletError.runtime("element \(i) of tensors does not require grad and does not have a grad_fn")
            }
            starts.append((edge, try rootGradient(root, gradients[i])))
        }
        var engine = Engine(keepGraph: keepGraph, createGraph: createGraph)
        defer { if engine.marks { isMarking.store(false, ordering: .releasing) } }
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

    /// The task of a node, made where there is none.
    @inline(__always)
    private mutating func index(_ node: Node) -> Int {
        if let i = find(node) { return i }
        if marks {
            node.run = number
            node.place = tasks.count
        } else {
            indexOf[ObjectIdentifier(node)] = tasks.count
        }
        tasks.append(Task(node: node))
        return tasks.count - 1
    }

    @inline(__always)
    private func find(_ node: Node) -> Int? {
        marks ? (node.run == number ? node.place : nil) : indexOf[ObjectIdentifier(node)]
    }

    private mutating func run(_ starts: [(Edge, Tensor)], _ inputs: [Tensor]?, _ accumulate: Bool) throws -> [Tensor?] {
        // Discover the graph and count how many gradients each node waits for.
        tasks.reserveCapacity(16)
        heap.reserveCapacity(8)
        for (edge, _) in starts { _ = index(edge.node) }
        var next = 0
        while next < tasks.count {
            let node = tasks[next].node
            for k in 0..<node.edges.count {
                guard let edge = node.edges[k] else { continue }
                let i = index(edge.node)
                tasks[i].pending += 1
            }
            next += 1
        }
        if let inputs { try select(inputs, accumulate) }
        for (edge, g) in starts { try add(g, to: index(edge.node), edge.index) }
        var begun = Set<Int>()
        for (edge, _) in starts {
            let i = index(edge.node)
            if tasks[i].pending == 0 && (starts.count == 1 || begun.insert(i).inserted) { push(i) }
        }
        try withGradMode(createGraph) { while let i = pop() { try step(i) } }
        return captured
    }

    /// Marks the nodes on a path to one of `inputs`, and where their gradients are to be taken.
    private mutating func select(_ inputs: [Tensor], _ accumulate: Bool) throws {
        captured = Array(repeating: nil, count: inputs.count)
        for i in tasks.indices { tasks[i].needed = false }
        for (k, input) in inputs.enumerated() {
            guard let edge = input.gradEdge() else {
                throw MartletError.runtime("One of the differentiated Tensors does not require grad")
            }
            guard let i = find(edge.node) else { continue }
            if accumulate && edge.node.kind == .accumulation {
                tasks[i].needed = true
            } else {
                captures.append((edge.index, k, tasks[i].capture))
                tasks[i].capture = Int32(captures.count - 1)
            }
        }
        // Post-order without recursion: a node is needed when something it feeds is.
        var state = [UInt8](repeating: 0, count: tasks.count)
        var stack: [(task: Int, edge: Int)] = []
        for start in tasks.indices where state[start] == 0 {
            stack.append((start, 0))
            state[start] = 1
            while let (i, e) = stack.last {
                let node = tasks[i].node
                if e < node.edges.count {
                    stack[stack.count - 1].edge += 1
                    if let edge = node.edges[e] {
                        let j = index(edge.node)
                        if state[j] == 0 {
                            state[j] = 1
                            stack.append((j, 0))
                        }
                    }
                } else {
                    for k in 0..<node.edges.count where !tasks[i].needed {
                        if let edge = node.edges[k] { tasks[i].needed = tasks[index(edge.node)].isWanted }
                    }
                    stack.removeLast()
                }
            }
        }
    }

    private mutating func add(_ g: Tensor, to i: Int, _ slot: Int) throws {
        let known: Tensor?
        if slot == 0 {
            known = tasks[i].gradient
        } else {
            if tasks[i].others == nil {
                tasks[i].others = Array(repeating: nil, count: max(tasks[i].node.outputCount - 1, slot))
            }
            known = tasks[i].others![slot - 1]
        }
        guard let old = known else { return put(g, i, slot) }
        let bit: UInt64 = slot < 64 ? 1 << UInt64(slot) : 0
        if tasks[i].owned & bit != 0 && !createGraph && !g.isSparse && !old.isSparse {
            _ = try old.addInPlace(g)
        } else {
            put(try withGradMode(createGraph) { try Tensor.addGradients(old, g) }, i, slot)
            tasks[i].owned |= bit
        }
    }

    @inline(__always)
    private mutating func put(_ g: Tensor, _ i: Int, _ slot: Int) {
        if slot == 0 { tasks[i].gradient = g } else { tasks[i].others![slot - 1] = g }
    }

    /// Takes the gradients of a node's outputs out of its task.
    @inline(__always)
    private mutating func take(_ i: Int) -> TensorList {
        var g = TensorList()
        let count = tasks[i].node.outputCount
        if count > 0 || tasks[i].gradient != nil { g.append(tasks[i].gradient.take()) }
        if let others = tasks[i].others {
            tasks[i].others = nil
            for e in others { g.append(e) }
        }
        while g.count < count { g.append(nil) }
        return g
    }

    private mutating func step(_ i: Int) throws {
        let node = tasks[i].node
        if node.kind == .accumulation && node.hooks == nil && tasks[i].needed && tasks[i].capture < 0 {
            let leaf = unsafeDowncast(node, to: AccumulateGrad.self)
            if leaf.slot.hooks.isEmpty {
                // Moved, not copied, so that a gradient nobody else holds can be kept as it is.
                if var value = tasks[i].gradient.take() { try leaf.accumulate(&value) }
                return
            }
        }
        var g = take(i)
        let hooks = node.hooks
        if let leaf = node as? AccumulateGrad { try runHooks(0, leaf.slot, &g) }
        for (output, slot) in hooks?.tensors ?? [] { try runHooks(output, slot, &g) }
        for hook in hooks?.before ?? [] {
            if let replaced = try hook.run(Array(g)) { g = TensorList(replaced) }
        }
        var c = tasks[i].capture
        while c >= 0 {
            let capture = captures[Int(c)]
            if capture.output < g.count { captured[capture.input] = g[capture.output] }
            c = capture.next
        }
        // A node that was reached only with "no gradient" passes that on.
        var results = TensorList()
        if !tasks[i].needed {
            // Only its gradient was asked for.
        } else if node.kind != .custom && !g.contains(where: { $0 != nil }) {
            // Nothing is passed on.
        } else if let leaf = node as? AccumulateGrad {
            let arrived = hooks == nil ? [] : Array(g)
            if var value = g.take(0) {
                try leaf.accumulate(&value)
            }
            for hook in hooks?.after ?? [] { _ = try hook.run([], arrived) }
            return
        } else {
            let arrived = hooks == nil ? [] : Array(g)
            if node.canOverwrite {
                var only = g.take(0)
                node.mayOverwrite =
                    hooks == nil && !createGraph && isKnownUniquelyReferenced(&only) && only!.ownsMemory
                g[0] = only
            }
            results = try node.apply(g)
            if Autograd.checksNaN { try refuseNaN(results, node) }
            for hook in hooks?.after ?? [] {
                if let replaced = try hook.run(Array(results), arrived) { results = TensorList(replaced) }
            }
            if !keepGraph { node.releaseSaved() }
        }
        g = TensorList()
        for k in 0..<node.edges.count {
            guard let edge = node.edges[k] else { continue }
            let j = index(edge.node)
            if k < results.count, let g = results.take(k) {
                try add(try validated(g, edge, from: node, k), to: j, edge.index)
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
    private mutating func skip(_ start: Int) {
        var stack = [start]
        while let i = stack.popLast() {
            tasks[i].gradient = nil
            tasks[i].others = nil
            let node = tasks[i].node
            for k in 0..<node.edges.count {
                guard let edge = node.edges[k] else { continue }
                let j = index(edge.node)
                tasks[j].pending -= 1
                if tasks[j].pending > 0 { continue }
                if tasks[j].isWanted { push(j) } else { stack.append(j) }
            }
        }
    }

    /// Fits a gradient to the input it belongs to: broadcast dimensions are summed, the dtype converted.
    private func validated(_ g: Tensor, _ edge: Edge, from node: Node, _ k: Int) throws -> Tensor {
        guard let info = edge.node.outputInfo(edge.index) else { return g }
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
            let values = g.sparse?.values ?? g
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

    // A binary heap on the sequence number; accumulators come first.
    private mutating func push(_ i: Int) {
        let key = tasks[i].node.kind == .accumulation ? UInt64.max : tasks[i].node.sequence
        heap.append((key, i))
        var c = heap.count - 1
        while c > 0 {
            let p = (c - 1) / 2
            if heap[p].0 >= heap[c].0 { break }
            heap.swapAt(p, c)
            c = p
        }
    }

    private mutating func pop() -> Int? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var p = 0
            while true {
                var c = 2 * p + 1
                if c >= heap.count { break }
                if c + 1 < heap.count && heap[c + 1].0 > heap[c].0 { c += 1 }
                if heap[p].0 >= heap[c].0 { break }
                heap.swapAt(p, c)
                p = c
            }
        }
        return top.1
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
