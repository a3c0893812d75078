import MartletKernels

/// RMSprop (Hinton's lecture 6e), centered as in Graves 2013 if asked, with momentum.
public final class RMSprop: Optimizer {
    public struct Options {
        public var alpha = 0.99
        public var eps = 1e-8
        public var weightDecay = 0.0
        public var momentum = 0.0
        public var centered = false
        public var maximize = false
        public init() {}
    }

    public var options: Options

    public init(_ parameters: [Tensor], lr: Double = 1e-2, _ options: Options) throws {
        guard options.eps >= 0 else { throw MartletError.value("Invalid epsilon value: \(options.eps)") }
        guard options.momentum >= 0 else { throw MartletError.value("Invalid momentum value: \(options.momentum)") }
        guard options.weightDecay >= 0 else { throw MartletError.value("Invalid weight_decay value: \(options.weightDecay)") }
        guard options.alpha >= 0 else { throw MartletError.value("Invalid alpha value: \(options.alpha)") }
        self.options = options
        try super.init(parameters, lr: lr)
    }

    public convenience init(
        _ parameters: [Tensor], lr: Double = 1e-2, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
        momentum: Double = 0, centered: Bool = false, maximize: Bool = false
    ) throws {
        var o = Options()
        (o.alpha, o.eps, o.weightDecay, o.momentum) = (alpha, eps, weightDecay, momentum)
        (o.centered, o.maximize) = (centered, maximize)
        try self.init(parameters, lr: lr, o)
    }

    public override func update(_ p: Tensor, _ g: Tensor, _ state: inout State, _ group: Group) throws {
        try refuse(sparse: g, "RMSprop does not support sparse gradients")
        let square = try state.tensor("square_avg", like: p)
        let mean = try options.centered ? state.tensor("grad_avg", like: p) : nil
        let buffer = try options.momentum > 0 ? state.tensor("momentum_buffer", like: p) : nil
        try RMSprop.update(p, g, square, mean, buffer, lr: group.lr, options)
    }

    /// One update in place.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ square: Tensor, _ mean: Tensor?, _ buffer: Tensor?, lr: Double, _ o: Options
    ) throws {
        let n = Int64(p.numel)
        try p.withUpdateMemory(gradient, [square, mean, buffer].compactMap { $0 }) { all, isFloat in
            let (pp, pg, ps) = (all[0], all[1], all[2])
            let (pm, pb) = (mean == nil ? nil : all[3], buffer == nil ? nil : all[all.count - 1])
            func run(_ lr: Double) {
                if isFloat {
                    mk_rmsprop_f32(
                        pp.as(), pg.as(), ps.as(), pm?.as(), pb?.as(), n, lr, o.alpha, o.eps, o.weightDecay, o.momentum,
                        o.maximize ? 1 : 0)
                } else {
                    mk_rmsprop_f64(
                        pp.as(), pg.as(), ps.as(), pm?.as(), pb?.as(), n, lr, o.alpha, o.eps, o.weightDecay, o.momentum,
                        o.maximize ? 1 : 0)
                }
            }
            run(lr)
            Tape.note("rmsprop", Tape.withRate(lr, run))
        }
    }
}

/// Adagrad (Duchi et al. 2011). A sparse gradient changes only the rows that it holds.
public final class Adagrad: Optimizer {
    public struct Options {
        public var lrDecay = 0.0
        public var weightDecay = 0.0
        public var initialAccumulatorValue = 0.0
        public var eps = 1e-10
        public var maximize = false
        public init() {}
    }

    public var options: Options

    public init(_ parameters: [Tensor], lr: Double = 1e-2, _ options: Options = Options()) throws {
        guard options.lrDecay >= 0 else { throw MartletError.value("Invalid lr_decay value: \(options.lrDecay)") }
        guard options.weightDecay >= 0 else { throw MartletError.value("Invalid weight_decay value: \(options.weightDecay)") }
        guard options.eps >= 0 else { throw MartletError.value("Invalid epsilon value: \(options.eps)") }
        self.options = options
        try super.init(parameters, lr: lr)
    }

    public override func update(_ p: Tensor, _ g: Tensor, _ state: inout State, _ group: Group) throws {
        let sum = try state.tensor("sum", like: p, options.initialAccumulatorValue)
        try Adagrad.update(p, g, sum, step: Double(state.steps), lr: group.lr, options)
    }

    /// One update in place; `step` counts from one.
    public static func update(_ p: Tensor, _ gradient: Tensor, _ sum: Tensor, step: Double, lr: Double, _ o: Options) throws {
        if gradient.isSparse {
            guard o.weightDecay == 0 else {
                throw MartletError.runtime("weight_decay option is not compatible with sparse gradients")
            }
            return try Tape.asOne("sparse_adagrad", { [p = p.lent, g = gradient.lent, sum = sum.lent] in
                Tape.withRate(lr, step) { lr, step in
                    Tape.repeating { try withNoGrad { try updateSparse(p, g, sum, step: step, lr: lr, o) } }()
                }
            }()) { try updateSparse(p, gradient, sum, step: step, lr: lr, o) }
        }
        let n = Int64(p.numel)
        try p.withUpdateMemory(gradient, [sum]) { all, isFloat in
            let (pp, pg, ps) = (all[0], all[1], all[2])
            func run(_ lr: Double, _ step: Double) {
                let rate = lr / (1 + (step - 1) * o.lrDecay)
                if isFloat {
                    mk_adagrad_f32(pp.as(), pg.as(), ps.as(), n, rate, o.eps, o.weightDecay, o.maximize ? 1 : 0)
                } else {
                    mk_adagrad_f64(pp.as(), pg.as(), ps.as(), n, rate, o.eps, o.weightDecay, o.maximize ? 1 : 0)
                }
            }
            run(lr, step)
            Tape.note("adagrad", Tape.withRate(lr, step, run))
        }
    }

    private static func updateSparse(_ p: Tensor, _ g: Tensor, _ sum: Tensor, step: Double, lr: Double, _ o: Options) throws {
        let rate = lr / (1 + (step - 1) * o.lrDecay)
        let sparse = try (o.maximize ? g.neg() : g).coalesce().entries!
        let places = try sparse.indices.unbind(0) as [Tensor?]
        let values = sparse.values
        try sum.indexPutInPlace(places, values.mul(values), accumulate: true)
        let scale = try sum.index(places).sqrt().add(.number(o.eps))
        try p.indexPutInPlace(places, values.div(scale).mul(.number(-rate)), accumulate: true)
    }
}
