/// The base of all optimizers: parameters in groups, a state per parameter, and the step.
///
///     let optimizer = SGD(model.parameters, lr: 0.1, momentum: 0.9)
///     optimizer.zeroGrad()
///     try loss.backward()
///     try optimizer.step()
///
/// A subclass gives the arithmetic for one parameter (``update(_:_:_:_:)``); the base does the rest, among it
/// the rows that ``Tensor/restrictUpdates(toRows:)`` allows.
open class Optimizer {
    /// Parameters that share a learning rate.
    public struct Group {
        public var parameters: [Tensor]
        public var lr: Double
    }

    public var groups: [Group]
    private var states: [ObjectIdentifier: State] = [:]
    /// The recording in which this optimizer was made: each replay begins with a new one.
    private weak var home = Tape.current

    /// What an optimizer remembers of one parameter, under torch's names (`momentum_buffer`, `exp_avg`, ...).
    public struct State {
        public var tensors: [String: Tensor] = [:]
        /// Updates made so far.
        public var steps = 0

        /// The tensor of this name, at first filled with a number; it is no part of a recording that is being made, unless
        /// the optimizer is.
        mutating func tensor(_ name: String, like p: Tensor, _ start: Double = 0) throws -> Tensor {
            if let t = tensors[name] { return t }
            let t = try Tape.state { try Tensor.full(p.sizes, .number(start), p.dtype) }
            tensors[name] = t
            return t
        }
    }

    public init(_ parameters: [Tensor], lr: Double) throws {
        groups = []
        guard !parameters.isEmpty else { throw MartletError.value("optimizer got an empty parameter list") }
        guard lr >= 0 else { throw MartletError.value("Invalid learning rate: \(lr)") }
        try addGroup(parameters, lr: lr)
    }

    /// Adds parameters with a learning rate of their own.
    public func addGroup(_ parameters: [Tensor], lr: Double? = nil) throws {
        for p in parameters {
            guard p.isLeaf || p.retainsGrad else { throw MartletError.value("can't optimize a non-leaf Tensor") }
            if groups.contains(where: { $0.parameters.contains { $0 === p } }) {
                throw MartletError.value("some parameters appear in more than one parameter group")
            }
        }
        groups.append(Group(parameters: parameters, lr: lr ?? groups.first?.lr ?? 0.001))
    }

    /// The learning rate of the first group.
    public var lr: Double {
        get { groups[0].lr }
        set { groups[0].lr = newValue }
    }

    /// What is remembered of a parameter.
    public func state(of parameter: Tensor) -> State { states[ObjectIdentifier(parameter)] ?? State() }

    /// Forgets all gradients, or fills them with zeros.
    public func zeroGrad(setToNone: Bool = true) throws {
        for g in groups {
            for p in g.parameters {
                if setToNone { p.clearGrad() } else if let grad = p.grad { try withNoGrad { _ = try grad.zeroInPlace() } }
            }
        }
    }

    /// One update of every parameter that has a gradient.
    public func step() throws {
        try withNoGrad {
            for (i, group) in groups.enumerated() {
                for p in group.parameters {
                    guard let grad = p.grad else { continue }
                    let id = ObjectIdentifier(p)
                    var state = states[id] ?? State()
                    if let tape = Tape.current {
                        if tape === home {
                            let count = Double(state.steps + 1)
                            tape.optimizerUse = Tape.OptimizerUse(rate: { self.groups[i].lr }, steps: { count })
                        } else {
                            tape.optimizerUse = Tape.OptimizerUse(
                                rate: { self.groups[i].lr }, steps: { Double(self.states[id]?.steps ?? 0) })
                            tape.record("count_step", .whole({ self.states[id]?.steps += 1 }))
                        }
                        tape.keepsState = tape !== home
                        tape.notePolicy(p)
                        defer { (tape.optimizerUse, tape.keepsState) = (nil, true) }
                        try advance(p, grad, &state, group)
                    } else {
                        try advance(p, grad, &state, group)
                    }
                    states[id] = state
                }
            }
        }
    }

    private func advance(_ p: Tensor, _ grad: Tensor, _ state: inout State, _ group: Group) throws {
        guard let rows = p.updatableRows else {
            state.steps += 1
            try update(p, grad, &state, group)
            p.bumpVersion()
            return
        }
        if rows.numel == 0 { return }
        state.steps += 1
        try RowPolicy.update(p, grad, &state, rows) { part, partGrad, partState in
            try update(part, partGrad, &partState, group)
        }
        p.bumpVersion()
    }

    /// The arithmetic of one update, in place. `state.steps` already counts this update.
    open func update(_ parameter: Tensor, _ gradient: Tensor, _ state: inout State, _ group: Group) throws {
        throw MartletError.notImplemented("\(Self.self) does not say how it updates a parameter")
    }

    func refuse(sparse gradient: Tensor, _ message: String) throws {
        if gradient.isSparse { throw MartletError.runtime(message) }
    }
}

extension Tensor {
    /// Whether kernels may update this tensor directly.
    var isKernelParameter: Bool { isContiguous && (dtype == .float32 || dtype == .float64) && !isSparse }

    /// Whether kernels may take this gradient or state beside such a parameter.
    func suits(_ p: Tensor) -> Bool { dtype == p.dtype && isContiguous && !isSparse }

    /// Gives `body` the memory of this parameter, its gradient and its state as an update's kernel wants them: contiguous and
    /// of one dtype, float64 or else float32. What is not so is copied, and written back.
    func withUpdateMemory(
        _ gradient: Tensor, _ state: [Tensor], _ body: (_ memory: [UnsafeMutableRawPointer], _ isFloat: Bool) throws -> Void
    ) throws {
        let type: DType = dtype == .float64 ? .float64 : .float32
        let changed = [self] + state
        let places = try changed.map { $0.dtype == type && $0.isContiguous ? $0 : try $0.detach().to(type).contiguous() }
        let g = try gradient.detach().to(type).contiguous()
        try body([places[0].pointer, g.pointer] + places.dropFirst().map(\.pointer), type == .float32)
        for (t, place) in zip(changed, places) where t !== place { copyKernel(t, place) }
        withExtendedLifetime(g) {}
    }
}
