import Synchronization

/// Runs the recorded computation backwards.
///
/// The graph is walked without recursion. A node runs once the gradients of all paths to it have been summed;
/// of the nodes that are ready the newest runs first, which is torch's order and so gives torch's sums.
struct Engine {
    private struct Task {
        let node: Node
        var pending = 0
        var gradients: [Tensor?] = []
        /// Gradient slots that this run made by adding: they may be added to in place.
        var owned: UInt64 = 0
        var needed = true
        var captures: [(output: Int, input: Int)] = []
    }

    private var tasks: [Task] = []
    private var indexOf: [ObjectIdentifier: Int] = [:]
    private var heap: [(UInt64, Int)] = []
    private let keepGraph: Bool
    private let createGraph: Bool
    private var captured: [Tensor?] = []

    private init(keepGraph: Bool, createGraph: Bool) {
        self.keepGraph = keepGraph
        self.createGraph = createGraph
    }

    /// Sends `gradients` back from `roots`. With `inputs`, returns their gradients instead of adding to `.grad`
    /// (unless `accumulate`, which adds to the `.grad` of those inputs only).
    static func run(
        _ roots: [Tensor], _ gradients: [Tensor?], keepGraph: Bool, createGraph: Bool, inputs: [Tensor]? = nil,
        accumulate: Bool = false
    ) throws -> [Tensor?] {
        var engine = Engine(keepGraph: keepGraph, createGraph: createGraph)
        var starts: [(Edge, Tensor)] = []
        for (i, root) in roots.enumerated() {
            guard let edge = root.gradEdge() else {
                throw MartletError.runtime("element \(i) of tensors does not require grad and does not have a grad_fn")
            }
            starts.append((edge, try rootGradient(root, gradients[i])))
        }
        return try engine.run(starts, inputs, accumulate)
    }

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
        return try Tensor.full(root.sizes, .number(1.0), root.dtype)
    }

    private mutating func index(_ node: Node) -> (Int, isNew: Bool) {
        let id = ObjectIdentifier(node)
        if let i = indexOf[id] { return (i, false) }
        indexOf[id] = tasks.count
        tasks.append(Task(node: node))
        return (tasks.count - 1, true)
    }

    private mutating func run(_ starts: [(Edge, Tensor)], _ inputs: [Tensor]?, _ accumulate: Bool) throws -> [Tensor?] {
        // Discover the graph and count how many gradients each node waits for.
        for (edge, _) in starts { _ = index(edge.node) }
        var next = 0
        while next < tasks.count {
            let node = tasks[next].node
            for case let edge? in node.edges {
                let (i, _) = index(edge.node)
                tasks[i].pending += 1
            }
            next += 1
        }
        if let inputs { try select(inputs, accumulate) }
        for (edge, g) in starts { try add(g, to: indexOf[ObjectIdentifier(edge.node)]!, edge.index, owned: false) }
        var seen = Set<ObjectIdentifier>()
        for (edge, _) in starts where seen.insert(ObjectIdentifier(edge.node)).inserted {
            let i = indexOf[ObjectIdentifier(edge.node)]!
            if tasks[i].pending == 0 { push(i) }
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
            guard let i = indexOf[ObjectIdentifier(edge.node)] else { continue }
            if accumulate && edge.node is AccumulateGrad {
                tasks[i].needed = true
            } else {
                tasks[i].captures.append((edge.index, k))
            }
        }
        // Post-order without recursion: a node is needed when something it feeds is.
        var state = [UInt8](repeating: 0, count: tasks.count)
        for start in tasks.indices where state[start] == 0 {
            var stack = [(start, 0)]
            state[start] = 1
            while let (i, e) = stack.last {
                let edges = tasks[i].node.edges
                if e < edges.count {
                    stack[stack.count - 1].1 += 1
                    if let edge = edges[e] {
                        let j = indexOf[ObjectIdentifier(edge.node)]!
                        if state[j] == 0 {
                            state[j] = 1
                            stack.append((j, 0))
                        }
                    }
                } else {
                    if !tasks[i].needed {
                        tasks[i].needed = edges.contains { edge in
                            guard let edge else { return false }
                            let t = tasks[indexOf[ObjectIdentifier(edge.node)]!]
                            return t.needed || !t.captures.isEmpty
                        }
                    }
                    stack.removeLast()
                }
            }
        }
    }

    private mutating func add(_ g: Tensor, to i: Int, _ slot: Int, owned: Bool) throws {
        if tasks[i].gradients.isEmpty {
            tasks[i].gradients = Array(repeating: nil, count: max(tasks[i].node.outputs.count, slot + 1))
        }
        guard let old = tasks[i].gradients[slot] else {
            tasks[i].gradients[slot] = g
            return
        }
        let bit: UInt64 = slot < 64 ? 1 << UInt64(slot) : 0
        if tasks[i].owned & bit != 0 && !createGraph && !g.isSparse && !old.isSparse {
            _ = try old.addInPlace(g)
        } else {
            tasks[i].gradients[slot] = try withGradMode(createGraph) { try Tensor.addGradients(old, g) }
            tasks[i].owned |= bit
        }
    }

    private mutating func step(_ i: Int) throws {
        let node = tasks[i].node
        var g = tasks[i].gradients
        tasks[i].gradients = []
        if g.isEmpty { g = Array(repeating: nil, count: node.outputs.count) }
        for (output, slot) in node.tensorHooks where output < g.count {
            guard var value = g[output] else { continue }
            for hook in slot.hooks {
                if let replaced = try hook.run(value) {
                    try checkHook(replaced, value)
                    value = replaced
                }
            }
            g[output] = value
            if slot.retainsGrad { slot.grad = try slot.grad.map { try $0.add(value) } ?? value.clone() }
        }
        for hook in node.preHooks {
            if let replaced = try hook.run(g) { g = replaced }
        }
        for (output, k) in tasks[i].captures where output < g.count { captured[k] = g[output] }
        // A node that was reached only with "no gradient" passes that on.
        let results: [Tensor?]
        if !tasks[i].needed {
            results = []
        } else if g.allSatisfy({ $0 == nil }) && !(node is CustomNode) {
            results = Array(repeating: nil, count: node.edges.count)
        } else if let leaf = node as? AccumulateGrad {
            // Moved, not copied, so that a gradient nobody else holds can be kept as it is.
            let arrived = node.postHooks.isEmpty ? [] : g
            if var value = g[0] {
                g = []
                try leaf.accumulate(&value)
            }
            for hook in node.postHooks { _ = try hook.run([], arrived) }
            results = []
        } else {
            let postHooked = node.postHooks.isEmpty ? [] : g
            var r = try node.apply(g)
            if Autograd.checksNaN { try refuseNaN(r, node) }
            for hook in node.postHooks {
                if let replaced = try hook.run(r, postHooked) { r = replaced }
            }
            results = r
            if !keepGraph { node.releaseSaved() }
        }
        g = []
        try deliver(node, results)
    }

    private mutating func deliver(_ node: Node, _ results: consuming [Tensor?]) throws {
        let edges = node.edges
        for k in edges.indices {
            guard let edge = edges[k] else { continue }
            let j = indexOf[ObjectIdentifier(edge.node)]!
            if k < results.count, let g = results[k] {
                results[k] = nil
                let fits = try validated(g, edge, from: node, k)
                try add(fits, to: j, edge.index, owned: false)
            }
            tasks[j].pending -= 1
            if tasks[j].pending == 0 && (tasks[j].needed || !tasks[j].captures.isEmpty) { push(j) }
            else if tasks[j].pending == 0 { try skip(j) }
        }
    }

    /// A node off every wanted path: it does not run, but what waits for it must not wait forever.
    private mutating func skip(_ start: Int) throws {
        var stack = [start]
        while let i = stack.popLast() {
            tasks[i].gradients = []
            for case let edge? in tasks[i].node.edges {
                let j = indexOf[ObjectIdentifier(edge.node)]!
                tasks[j].pending -= 1
                if tasks[j].pending > 0 { continue }
                if tasks[j].needed || !tasks[j].captures.isEmpty { push(j) } else { stack.append(j) }
            }
        }
    }

    /// Fits a gradient to the input it belongs to: broadcast dimensions are summed, the dtype converted.
    private func validated(_ g: Tensor, _ edge: Edge, from node: Node, _ k: Int) throws -> Tensor {
        guard edge.index < edge.node.outputs.count else { return g }
        let info = edge.node.outputs[edge.index]
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
    private func refuseNaN(_ gradients: [Tensor?], _ node: Node) throws {
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
        let key = tasks[i].node is AccumulateGrad ? UInt64.max : tasks[i].node.sequence
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

/// A node whose step is the caller's own code (autograd.Function, callbacks from C). It runs even when every
/// gradient that reached it is undefined.
public final class CustomNode: Node {}

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
