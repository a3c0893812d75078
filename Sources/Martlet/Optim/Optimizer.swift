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

    /// What an optimizer remembers of one parameter, under torch's names (`momentum_buffer`, `exp_avg`, ...).
    public struct State {
        public var tensors: [String: Tensor] = [:]
        /// Updates made so far.
        public var steps = 0
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
                        tape.optimizerUse = Tape.OptimizerUse(
                            rate: { self.groups[i].lr }, steps: { Double(self.states[id]?.steps ?? 0) })
                        tape.record("count_step", .whole({ self.states[id]?.steps += 1 }))
                        tape.notePolicy(p)
                        defer { tape.optimizerUse = nil }
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
    /// The gradient as optimizer kernels want it: contiguous, of this dtype.
    func kernelGradient(_ g: Tensor) throws -> Tensor { try g.to(dtype).contiguous() }

    /// Whether kernels may update this tensor directly.
    var isKernelParameter: Bool { isContiguous && (dtype == .float32 || dtype == .float64) && !isSparse }

    /// Runs `body` on this tensor, or, where its memory is not contiguous, on a contiguous copy written back.
    func withContiguous(_ body: (Tensor) throws -> Void) throws {
        if isKernelParameter { return try body(self) }
        let copy = try detach().to(dtype.size < 4 ? .float32 : dtype).contiguous()
        try body(copy)
        copyKernel(self, copy)
    }
}
