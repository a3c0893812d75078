import Glibc
import MartletKernels

/// Adam (Kingma & Ba 2015), with AMSGrad; `decoupledWeightDecay` makes it AdamW (Loshchilov & Hutter 2019).
public class Adam: Optimizer {
    public struct Options {
        public var beta1 = 0.9
        public var beta2 = 0.999
        public var eps = 1e-8
        public var weightDecay = 0.0
        public var amsgrad = false
        public var maximize = false
        public var decoupledWeightDecay = false
        public init() {}

        func check() throws {
            guard eps >= 0 else { throw MartletError.value("Invalid epsilon value: \(eps)") }
            guard beta1 >= 0 && beta1 < 1 else { throw MartletError.value("Invalid beta parameter at index 0: \(beta1)") }
            guard beta2 >= 0 && beta2 < 1 else { throw MartletError.value("Invalid beta parameter at index 1: \(beta2)") }
            guard weightDecay >= 0 else { throw MartletError.value("Invalid weight_decay value: \(weightDecay)") }
        }
    }

    public var options: Options

    public init(_ parameters: [Tensor], lr: Double = 1e-3, _ options: Options) throws {
        try options.check()
        self.options = options
        try super.init(parameters, lr: lr)
    }

    public convenience init(
        _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
        weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false
    ) throws {
        var o = Options()
        (o.beta1, o.beta2, o.eps, o.weightDecay) = (betas.0, betas.1, eps, weightDecay)
        (o.amsgrad, o.maximize) = (amsgrad, maximize)
        try self.init(parameters, lr: lr, o)
    }

    public override func update(_ p: Tensor, _ g: Tensor, _ state: inout State, _ group: Group) throws {
        try refuse(sparse: g, "Adam does not support sparse gradients, please consider SparseAdam instead")
        let m = try state.tensor("exp_avg", like: p)
        let v = try state.tensor("exp_avg_sq", like: p)
        let largest = try options.amsgrad ? state.tensor("max_exp_avg_sq", like: p) : nil
        try Adam.update(p, g, m, v, largest, step: Double(state.steps), lr: group.lr, options)
    }

    /// One update in place; `step` counts from one.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ m: Tensor, _ v: Tensor, _ largest: Tensor?, step: Double, lr: Double, _ o: Options
    ) throws {
        let n = Int64(p.numel)
        func launch(
            _ pp: UnsafeMutableRawPointer, _ pg: UnsafeMutableRawPointer, _ pm: UnsafeMutableRawPointer,
            _ pv: UnsafeMutableRawPointer, _ pl: UnsafeMutableRawPointer?, _ isFloat: Bool
        ) {
            func run(_ lr: Double, _ step: Double) {
                let (c1, c2) = (1 - pow(o.beta1, step), 1 - pow(o.beta2, step))
                if isFloat {
                    mk_adam_f32(
                        pp.as(), pg.as(), pm.as(), pv.as(), pl?.as(), n, lr, o.beta1, o.beta2, o.eps, o.weightDecay,
                        o.decoupledWeightDecay ? 1 : 0, o.maximize ? 1 : 0, c1, c2)
                } else {
                    mk_adam_f64(
                        pp.as(), pg.as(), pm.as(), pv.as(), pl?.as(), n, lr, o.beta1, o.beta2, o.eps, o.weightDecay,
                        o.decoupledWeightDecay ? 1 : 0, o.maximize ? 1 : 0, c1, c2)
                }
            }
            run(lr, step)
            Tape.note("adam", Tape.withRate(lr, step, run))
        }
        if p.isKernelParameter && gradient.suits(p) && m.suits(p) && v.suits(p) && largest?.suits(p) ?? true {
            launch(p.pointer, gradient.pointer, m.pointer, v.pointer, largest?.pointer, p.dtype == .float32)
        } else {
            try p.withUpdateMemory(gradient, largest.map { [m, v, $0] } ?? [m, v]) { all, isFloat in
                launch(all[0], all[1], all[2], all[3], largest == nil ? nil : all[4], isFloat)
            }
        }
        withExtendedLifetime((p, gradient, m, v, largest)) {}
    }
}

/// Adam with weight decay apart from the gradient.
public final class AdamW: Adam {
    public convenience init(
        _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
        weightDecay: Double = 0.01, amsgrad: Bool = false, maximize: Bool = false
    ) throws {
        var o = Options()
        (o.beta1, o.beta2, o.eps, o.weightDecay) = (betas.0, betas.1, eps, weightDecay)
        (o.amsgrad, o.maximize, o.decoupledWeightDecay) = (amsgrad, maximize, true)
        try self.init(parameters, lr: lr, o)
    }
}

/// Adam for sparse gradients: moments and rows outside the gradient stay as they are.
public final class SparseAdam: Optimizer {
    public var betas: (Double, Double)
    public var eps: Double
    public var maximize: Bool

    public init(
        _ parameters: [Tensor], lr: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
        maximize: Bool = false
    ) throws {
        guard lr > 0 else { throw MartletError.value("Invalid learning rate: \(lr)") }
        var o = Adam.Options()
        (o.beta1, o.beta2, o.eps) = (betas.0, betas.1, eps)
        try o.check()
        (self.betas, self.eps, self.maximize) = (betas, eps, maximize)
        try super.init(parameters, lr: lr)
    }

    public override func update(_ p: Tensor, _ g: Tensor, _ state: inout State, _ group: Group) throws {
        let m = try state.tensor("exp_avg", like: p)
        let v = try state.tensor("exp_avg_sq", like: p)
        try SparseAdam.update(p, maximize ? g.neg() : g, m, v, step: Double(state.steps), lr: group.lr, betas: betas, eps: eps)
    }

    /// One update in place, the `step`-th; the moments are dense and of p's shape.
    public static func update(
        _ p: Tensor, _ gradient: Tensor, _ m: Tensor, _ v: Tensor, step: Double, lr: Double, betas: (Double, Double), eps: Double
    ) throws {
        guard gradient.isSparse else {
            throw MartletError.runtime("SparseAdam does not support dense gradients, please consider Adam instead")
        }
        guard gradient.sizes == p.sizes && m.sizes == p.sizes && v.sizes == p.sizes else {
            throw MartletError.runtime(
                "SparseAdam: sizes of the parameter \(p.sizes), its gradient \(gradient.sizes) and moments \(m.sizes), \(v.sizes) differ")
        }
        try Tape.asOne("sparse_adam", { [p = p.lent, g = gradient.lent, m = m.lent, v = v.lent] in
            Tape.withRate(lr, step) { lr, step in
                Tape.repeating { try withNoGrad { try change(p, g, m, v, step, lr, betas, eps) } }()
            }
        }()) { try change(p, gradient, m, v, step, lr, betas, eps) }
    }

    private static func change(
        _ p: Tensor, _ gradient: Tensor, _ m: Tensor, _ v: Tensor, _ step: Double, _ lr: Double, _ betas: (Double, Double),
        _ eps: Double
    ) throws {
        let sparse = try gradient.coalesce().entries!
        if sparse.values.numel == 0 { return }
        let size = lr * (1 - pow(betas.1, step)).squareRoot() / (1 - pow(betas.0, step))
        let type = p.dtype
        if type == .float32 || type == .float64, m.dtype == type, v.dtype == type, sparse.values.dtype == type,
            p.isContiguous, m.isContiguous, v.isContiguous
        {
            let places = try Tensor.flatPlaces(sparse.indices, p.sizes)
            let values = try sparse.values.contiguous()
            let (n, block) = (Int64(places.numel), Int64(values.numel / places.numel))
            if type == .float32 {
                mk_sparse_adam_f32(
                    p.typed(), m.typed(), v.typed(), block, places.typed(), n, values.typed(), betas.0, betas.1, eps, size)
            } else {
                mk_sparse_adam_f64(
                    p.typed(), m.typed(), v.typed(), block, places.typed(), n, values.typed(), betas.0, betas.1, eps, size)
            }
            withExtendedLifetime((p, m, v, places, values)) {}
            return
        }
        let values = sparse.values
        let places = try sparse.indices.unbind(0) as [Tensor?]
        let first = try m.index(places)
        let change = try values.sub(first).mul(.number(1 - betas.0))
        let second = try v.index(places)
        let squareChange = try values.mul(values).sub(second).mul(.number(1 - betas.1))
        try m.indexPutInPlace(places, change, accumulate: true)
        try v.indexPutInPlace(places, squareChange, accumulate: true)
        let denominator = try squareChange.add(second).sqrt().add(.number(eps))
        let move = try change.add(first).div(denominator).mul(.number(-size))
        try p.indexPutInPlace(places, move, accumulate: true)
    }
}
