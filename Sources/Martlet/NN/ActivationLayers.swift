/// max(x, 0).
public final class ReLU: Module {
    public override func forward(_ x: Tensor) throws -> Tensor { try x.relu() }
    override var joinedActivation: LinearActivation? { .relu }
}

/// x where positive, else `slope` x.
public final class LeakyReLU: Module {
    public let slope: Double
    public init(_ slope: Double = 0.01) { self.slope = slope }
    public override func forward(_ x: Tensor) throws -> Tensor { try x.leakyRelu(slope) }
    public override var details: String { "negative_slope=\(slope)" }
}

/// x where positive, else `alpha` (exp(x) - 1).
public final class ELU: Module {
    public let alpha: Double
    public init(_ alpha: Double = 1) { self.alpha = alpha }
    public override func forward(_ x: Tensor) throws -> Tensor { try x.elu(alpha: alpha) }
    public override var details: String { "alpha=\(alpha)" }
}

/// log(1 + exp(x)).
public final class Softplus: Module {
    public let beta, threshold: Double
    public init(beta: Double = 1, threshold: Double = 20) { (self.beta, self.threshold) = (beta, threshold) }
    public override func forward(_ x: Tensor) throws -> Tensor { try x.softplus(beta: beta, threshold: threshold) }
    public override var details: String { "beta=\(beta), threshold=\(threshold)" }
}

/// The hyperbolic tangent.
public final class Tanh: Module {
    public override func forward(_ x: Tensor) throws -> Tensor { try x.tanh() }
    override var joinedActivation: LinearActivation? { .tanh }
}

/// 1 / (1 + exp(-x)).
public final class Sigmoid: Module {
    public override func forward(_ x: Tensor) throws -> Tensor { try x.sigmoid() }
    override var joinedActivation: LinearActivation? { .sigmoid }
}

/// x times the normal distribution function at x, or, with `tanh`, an approximation of it.
public final class GELU: Module {
    public let tanh: Bool
    public init(tanh: Bool = false) { self.tanh = tanh }
    public override func forward(_ x: Tensor) throws -> Tensor { try x.gelu(tanh: tanh) }
    public override var details: String { "approximate='\(tanh ? "tanh" : "none")'" }
    override var joinedActivation: LinearActivation? { tanh ? .geluTanh : .gelu }
}

/// x sigmoid(x).
public final class SiLU: Module {
    public override func forward(_ x: Tensor) throws -> Tensor { try x.silu() }
    override var joinedActivation: LinearActivation? { .silu }
}

/// exp(x) over its sum along `dim`.
public final class Softmax: Module {
    public let dim: Int
    public init(_ dim: Int = -1) { self.dim = dim }
    public override func forward(_ x: Tensor) throws -> Tensor { try x.softmax(dim) }
    public override var details: String { "dim=\(dim)" }
}

/// The logarithm of ``Softmax``, computed without overflow.
public final class LogSoftmax: Module {
    public let dim: Int
    public init(_ dim: Int = -1) { self.dim = dim }
    public override func forward(_ x: Tensor) throws -> Tensor { try x.logSoftmax(dim) }
    public override var details: String { "dim=\(dim)" }
}
