import Glibc
import MartletKernels

// The updates of the less common optimizers, in place. What a step needs beside the learning rate is derived from the count
// of steps, or read from the state, when the launch is made: a replay goes on where the one before ended.

extension Tensor {
    /// Multiplies the one element by a number, in this dtype, and returns it.
    func scaleNumber(_ factor: Double) -> Double {
        if dtype == .float32 {
            fillDouble(Double(Float(readDouble(at: offset)) * Float(factor)))
        } else {
            fillDouble(readDouble(at: offset) * factor)
        }
        return readDouble(at: offset)
    }

    /// The one element.
    var number: Double { readDouble(at: offset) }
}

/// Adadelta (Zeiler 2012).
public enum Adadelta {
    public struct Options {
        public var rho = 0.9
        public var eps = 1e-6
        public var weightDecay = 0.0
        public var maximize = false
        public init() {}
    }

    /// One update in place.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ square: Tensor, _ delta: Tensor, lr: Double, _ o: Options
    ) throws {
        let n = Int64(p.numel)
        try p.withUpdateMemory(gradient, [square, delta]) { m, single in
            func run(_ lr: Double) {
                mk_adadelta(single ? 1 : 0, m[0], m[1], m[2], m[3], n, lr, o.rho, o.eps, o.weightDecay, o.maximize ? 1 : 0)
            }
            run(lr)
            Tape.note("adadelta", Tape.withRate(lr, run))
        }
    }
}

/// Adamax: Adam with the infinity norm (Kingma & Ba 2015, section 7.1).
public enum Adamax {
    /// One update in place, the `step`-th, counted from one; of the options the betas, eps, weight decay and maximize.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ mean: Tensor, _ norm: Tensor, step: Double, lr: Double, _ o: Adam.Options
    ) throws {
        let n = Int64(p.numel)
        try p.withUpdateMemory(gradient, [mean, norm]) { m, single in
            func run(_ lr: Double, _ step: Double) {
                let c = 1 - pow(o.beta1, step)
                mk_adamax(
                    single ? 1 : 0, m[0], m[1], m[2], m[3], n, lr, o.beta1, o.beta2, o.eps, o.weightDecay,
                    o.maximize ? 1 : 0, c)
            }
            run(lr, step)
            Tape.note("adamax", Tape.withRate(lr, step, run))
        }
    }
}

/// Adam with Nesterov momentum (Dozat 2016).
public enum NAdam {
    public struct Options {
        public var beta1 = 0.9
        public var beta2 = 0.999
        public var eps = 1e-8
        public var weightDecay = 0.0
        public var momentumDecay = 4e-3
        public var maximize = false
        public var decoupledWeightDecay = false
        public init() {}
    }

    /// One update in place, the `step`-th, counted from one; `product` (0-dim) is that of all momenta so far.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ mean: Tensor, _ square: Tensor, _ product: Tensor, step: Double, lr: Double,
        _ o: Options
    ) throws {
        let n = Int64(p.numel)
        let momenta = product.lent
        try product.checkOneElement()
        try p.withUpdateMemory(gradient, [mean, square]) { m, single in
            func run(_ lr: Double, _ step: Double) {
                let mu = o.beta1 * (1 - 0.5 * pow(0.96, step * o.momentumDecay))
                let next = o.beta1 * (1 - 0.5 * pow(0.96, (step + 1) * o.momentumDecay))
                let product = momenta.scaleNumber(mu)
                let (fresh, kept) = (-lr * (1 - mu) / (1 - product), -lr * next / (1 - product * next))
                let c = 1 - pow(o.beta2, step)
                mk_nadam(
                    single ? 1 : 0, m[0], m[1], m[2], m[3], n, lr, o.beta1, o.beta2, o.eps, o.weightDecay,
                    o.decoupledWeightDecay ? 1 : 0, o.maximize ? 1 : 0, c, fresh, kept)
            }
            run(lr, step)
            Tape.note("nadam", Tape.withRate(lr, step, run))
        }
        product.bumpVersion()
    }
}

/// Rectified Adam (Liu et al. 2020).
public enum RAdam {
    /// One update in place, the `step`-th, counted from one; amsgrad is not read.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ mean: Tensor, _ square: Tensor, step: Double, lr: Double, _ o: Adam.Options
    ) throws {
        let n = Int64(p.numel)
        try p.withUpdateMemory(gradient, [mean, square]) { m, single in
            func run(_ lr: Double, _ step: Double) {
                let (c1, c2) = (1 - pow(o.beta1, step), 1 - pow(o.beta2, step))
                // The length of the moving average; above 5 the variance of the step is tractable.
                let longest = 2 / (1 - o.beta2) - 1
                let length = longest - 2 * step * pow(o.beta2, step) / c2
                let rectification =
                    length > 5
                    ? ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)).squareRoot() : 0
                mk_radam(
                    single ? 1 : 0, m[0], m[1], m[2], m[3], n, lr, o.beta1, o.beta2, o.eps, o.weightDecay,
                    o.decoupledWeightDecay ? 1 : 0, o.maximize ? 1 : 0, c1, c2, rectification)
            }
            run(lr, step)
            Tape.note("radam", Tape.withRate(lr, step, run))
        }
    }
}

/// Resilient backpropagation (Riedmiller & Braun 1993); where the sign of the gradient turns, that step is skipped.
public enum Rprop {
    public struct Options {
        public var etaMinus = 0.5
        public var etaPlus = 1.2
        public var smallest = 1e-6
        public var largest = 50.0
        public var maximize = false
        public init() {}
    }

    /// One update in place.
    public static func update(_ p: Tensor, _ gradient: Tensor, _ previous: Tensor, _ stepSize: Tensor, _ o: Options) throws {
        let n = Int64(p.numel)
        try p.withUpdateMemory(gradient, [previous, stepSize]) { m, single in
            launch("rprop") {
                mk_rprop(
                    single ? 1 : 0, m[0], m[1], m[2], m[3], n, o.etaMinus, o.etaPlus, o.smallest, o.largest,
                    o.maximize ? 1 : 0)
            }
        }
    }
}

/// Averaged stochastic gradient descent (Polyak & Juditsky 1992).
public enum ASGD {
    public struct Options {
        public var lambd = 1e-4
        public var alpha = 0.75
        public var t0 = 1e6
        public var weightDecay = 0.0
        public var maximize = false
        public init() {}
    }

    /// One update in place, the `step`-th, counted from one. `average` is that of the parameters; `mu` and `eta` (0-dim) are
    /// its next share and the next rate.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ average: Tensor, _ mu: Tensor, _ eta: Tensor, step: Double, lr: Double, _ o: Options
    ) throws {
        let n = Int64(p.numel)
        try mu.checkOneElement()
        try eta.checkOneElement()
        let (share, rate) = (mu.lent, eta.lent)
        try p.withUpdateMemory(gradient, [average]) { m, single in
            func run(_ lr: Double, _ step: Double) {
                mk_asgd(
                    single ? 1 : 0, m[0], m[1], m[2], n, rate.number, o.lambd, o.weightDecay, o.maximize ? 1 : 0,
                    share.number)
                rate.fillDouble(lr / pow(1 + o.lambd * lr * step, o.alpha))
                share.fillDouble(1 / Swift.max(1, step - o.t0))
            }
            run(lr, step)
            Tape.note("asgd", Tape.withRate(lr, step, run))
        }
        mu.bumpVersion()
        eta.bumpVersion()
    }
}
