/// Ways to draw a parameter's first values, in place and unrecorded: torch.nn.init, draw for draw.
///
///     try Init.kaimingUniform(layer.weight, a: 5.0.squareRoot())
///
/// Kaiming: He et al. 2015, "Delving deep into rectifiers". Xavier: Glorot and Bengio 2010, "Understanding the
/// difficulty of training deep feedforward neural networks".
public enum Init {
    /// Whether the variance is kept of what flows forward (fan in) or of gradients (fan out).
    public enum Fan: Sendable { case fanIn, fanOut }

    /// The activation that follows, which says by how much weights must grow.
    public enum Nonlinearity: Sendable {
        case linear, sigmoid, tanh, relu, selu
        case leakyReLU(slope: Double = 0.01)

        public var gain: Double {
            switch self {
            case .linear, .sigmoid: 1
            case .tanh: 5.0 / 3
            case .relu: 2.0.squareRoot()
            case .selu: 0.75
            case .leakyReLU(let slope): (2 / (1 + slope * slope)).squareRoot()
            }
        }
    }

    /// Inputs and outputs of one unit: sizes 1 and 0 times the receptive field (the sizes from 2 on).
    /// Throws `value` below two dimensions.
    public static func fans(_ t: Tensor) throws -> (fanIn: Int, fanOut: Int) {
        guard t.rank >= 2 else {
            throw MartletError.value("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
        }
        let field = t.sizes[2...].reduce(1, *)
        return (t.sizes[1] * field, t.sizes[0] * field)
    }

    @discardableResult
    public static func uniform(_ t: Tensor, _ from: Double = 0, _ to: Double = 1, generator: Generator? = nil) throws -> Tensor {
        try withNoGrad { try t.uniform_(from, to, generator: generator) }
    }

    @discardableResult
    public static func normal(_ t: Tensor, mean: Double = 0, std: Double = 1, generator: Generator? = nil) throws -> Tensor {
        try withNoGrad { try t.normal_(mean, std, generator: generator) }
    }

    @discardableResult
    public static func constant(_ t: Tensor, _ value: Double) throws -> Tensor {
        try withNoGrad { try t.fillInPlace(.number(value)) }
    }

    @discardableResult
    public static func zeros(_ t: Tensor) throws -> Tensor { try constant(t, 0) }

    @discardableResult
    public static func ones(_ t: Tensor) throws -> Tensor { try constant(t, 1) }

    /// Uniform within ±sqrt(3) gain / sqrt(fan); `a` is the negative slope of the leaky ReLU that follows.
    @discardableResult
    public static func kaimingUniform(
        _ t: Tensor, a: Double = 0, mode: Fan = .fanIn, nonlinearity: Nonlinearity? = nil, generator: Generator? = nil
    ) throws -> Tensor {
        if t.numel == 0 { return t }
        let bound = 3.0.squareRoot() * (try kaimingStd(t, a, mode, nonlinearity))
        return try uniform(t, -bound, bound, generator: generator)
    }

    /// Normal with standard deviation gain / sqrt(fan).
    @discardableResult
    public static func kaimingNormal(
        _ t: Tensor, a: Double = 0, mode: Fan = .fanIn, nonlinearity: Nonlinearity? = nil, generator: Generator? = nil
    ) throws -> Tensor {
        if t.numel == 0 { return t }
        return try normal(t, std: kaimingStd(t, a, mode, nonlinearity), generator: generator)
    }

    private static func kaimingStd(_ t: Tensor, _ a: Double, _ mode: Fan, _ next: Nonlinearity?) throws -> Double {
        let (fanIn, fanOut) = try fans(t)
        return (next ?? .leakyReLU(slope: a)).gain / Double(mode == .fanIn ? fanIn : fanOut).squareRoot()
    }

    /// Uniform within ±sqrt(3) gain sqrt(2 / (fan in + fan out)).
    @discardableResult
    public static func xavierUniform(_ t: Tensor, gain: Double = 1, generator: Generator? = nil) throws -> Tensor {
        let bound = 3.0.squareRoot() * (try xavierStd(t, gain))
        return try uniform(t, -bound, bound, generator: generator)
    }

    /// Normal with standard deviation gain sqrt(2 / (fan in + fan out)).
    @discardableResult
    public static func xavierNormal(_ t: Tensor, gain: Double = 1, generator: Generator? = nil) throws -> Tensor {
        try normal(t, std: xavierStd(t, gain), generator: generator)
    }

    private static func xavierStd(_ t: Tensor, _ gain: Double) throws -> Double {
        let (fanIn, fanOut) = try fans(t)
        return gain * (2.0 / Double(fanIn + fanOut)).squareRoot()
    }
}
