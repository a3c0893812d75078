import MartletKernels

/// Stochastic gradient descent, optionally with (Nesterov) momentum. Takes dense and sparse gradients.
public final class SGD: Optimizer {
    public struct Options {
        public var momentum = 0.0
        public var dampening = 0.0
        public var weightDecay = 0.0
        public var nesterov = false
        public var maximize = false
        public init() {}
    }

    public var options: Options

    public init(
        _ parameters: [Tensor], lr: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
        nesterov: Bool = false, maximize: Bool = false
    ) throws {
        guard momentum >= 0 else { throw MartletError.value("Invalid momentum value: \(momentum)") }
        guard weightDecay >= 0 else { throw MartletError.value("Invalid weight_decay value: \(weightDecay)") }
        guard !nesterov || (momentum > 0 && dampening == 0) else {
            throw MartletError.value("Nesterov momentum requires a momentum and zero dampening")
        }
        options = Options()
        (options.momentum, options.dampening, options.weightDecay) = (momentum, dampening, weightDecay)
        (options.nesterov, options.maximize) = (nesterov, maximize)
        try super.init(parameters, lr: lr)
    }

    public override func update(_ p: Tensor, _ g: Tensor, _ state: inout State, _ group: Group) throws {
        let known = options.momentum == 0 ? nil : state.tensors["momentum_buffer"]
        var buffer = known
        try SGD.update(p, g, &buffer, lr: group.lr, options)
        if buffer !== known { state.tensors["momentum_buffer"] = buffer }
    }

    /// One update in place. A momentum buffer that is nil starts as the gradient.
    public static func update(_ p: Tensor, _ gradient: Tensor, _ buffer: inout Tensor?, lr: Double, _ o: Options) throws {
        if gradient.isSparse { return try updateSparse(p, gradient, &buffer, lr: lr, o) }
        let (n, first) = (Int64(p.numel), buffer == nil)
        if o.momentum != 0 && first { buffer = try Tape.state { try Tensor.empty(p.sizes, p.dtype) } }
        func launch(
            _ pp: UnsafeMutableRawPointer, _ pg: UnsafeMutableRawPointer, _ pb: UnsafeMutableRawPointer?, _ isFloat: Bool
        ) {
            func run(_ lr: Double, first: Bool = false) {
                if isFloat {
                    mk_sgd_f32(
                        pp.as(), pg.as(), pb?.as(), n, lr, o.momentum, o.dampening, o.weightDecay, o.nesterov ? 1 : 0,
                        o.maximize ? 1 : 0, first ? 1 : 0)
                } else {
                    mk_sgd_f64(
                        pp.as(), pg.as(), pb?.as(), n, lr, o.momentum, o.dampening, o.weightDecay, o.nesterov ? 1 : 0,
                        o.maximize ? 1 : 0, first ? 1 : 0)
                }
            }
            run(lr, first: first)
            Tape.note("sgd", { [again = first && Tape.makesState] in Tape.withRate(lr) { run($0, first: again) } }())
        }
        let b = o.momentum != 0 ? buffer : nil
        if p.isKernelParameter && gradient.suits(p) && b?.suits(p) ?? true {
            launch(p.pointer, gradient.pointer, b?.pointer, p.dtype == .float32)
        } else {
            try p.withUpdateMemory(gradient, b.map { [$0] } ?? []) { all, isFloat in
                launch(all[0], all[1], b == nil ? nil : all[2], isFloat)
            }
        }
        withExtendedLifetime((p, gradient, b)) {}
    }

    private static func updateSparse(_ p: Tensor, _ gradient: Tensor, _ buffer: inout Tensor?, lr: Double, _ o: Options) throws {
        guard o.weightDecay == 0 else {
            throw MartletError.runtime("weight_decay option is not compatible with sparse gradients")
        }
        guard o.momentum != 0 else {
            _ = try p.addInPlace(o.maximize ? gradient.neg() : gradient, alpha: .number(-lr))
            return
        }
        // The buffer has more entries after each step, in memory that no recording can hold: a replay makes it anew, too.
        let first = buffer == nil
        let b = try buffer ?? Tape.outside { try .sparse(gradient.emptySparse(gradient.parts("add", padded: true)), gradient.sizes) }
        buffer = b
        try Tape.touching("sgd_sparse", [p, gradient]) { [again = first && Tape.makesState] lent in
            Tape.withRate(lr) { lr in
                Tape.repeating { try withNoGrad { try changeSparse(lent[0], lent[1], b, lr: lr, first: again, o) } }()
            }
        } _: { try changeSparse(p, gradient, b, lr: lr, first: first, o) }
    }

    private static func changeSparse(
        _ p: Tensor, _ gradient: Tensor, _ b: Tensor, lr: Double, first: Bool, _ o: Options
    ) throws {
        let g = try o.maximize ? gradient.neg() : gradient
        if first {
            try b.adoptSparse("copy_", g.clone())
        } else {
            try b.mulInPlace(.number(o.momentum)).addInPlace(g, alpha: .number(1 - o.dampening))
        }
        _ = try p.addInPlace(o.nesterov ? g.add(b, alpha: .number(o.momentum)) : b, alpha: .number(-lr))
    }
}
