/// The base of losses: a prediction and a target in, a number out (or one number each with `.none`).
open class Loss: Module {
    public let reduction: LossReduction

    public init(reduction: LossReduction = .mean) { self.reduction = reduction }

    /// Subclasses say here what they compute.
    open func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor {
        throw MartletError.notImplemented("Module [\(typeName)] is missing the required \"forward\" function")
    }

    public final func callAsFunction(_ input: Tensor, _ target: Tensor) throws -> Tensor { try forward(input, target) }
}

/// (input - target)^2.
public final class MSELoss: Loss {
    public override func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor { try input.mseLoss(target, reduction) }
}

/// |input - target|.
public final class L1Loss: Loss {
    public override func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor { try input.l1Loss(target, reduction) }
}

/// Quadratic where input and target differ by less than `beta`, linear beyond.
public final class SmoothL1Loss: Loss {
    public let beta: Double

    public init(reduction: LossReduction = .mean, beta: Double = 1) {
        self.beta = beta
        super.init(reduction: reduction)
    }

    public override func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor {
        try input.smoothL1Loss(target, reduction, beta: beta)
    }
}

/// Losses over classes, whose weights belong to the module's state.
open class ClassLoss: Loss {
    /// (classes), nil for equal weights.
    @Buffer public var weight: Tensor?
    /// Targets of this number count for nothing.
    public let ignoreIndex: Int

    public init(weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean) {
        self.weight = weight
        self.ignoreIndex = ignoreIndex
        super.init(reduction: reduction)
    }
}

/// Minus the log-probability of the target class; input (N, C) or (N, C, d1, ...), target (N) or (N, d1, ...).
public final class NLLLoss: ClassLoss {
    public override func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor {
        try input.nllLoss(target, weight: weight, reduction, ignoreIndex: ignoreIndex)
    }
}

/// ``NLLLoss`` of the log-softmax of scores; targets may be class probabilities, too.
public final class CrossEntropyLoss: ClassLoss {
    public let labelSmoothing: Double

    public init(
        weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean, labelSmoothing: Double = 0
    ) {
        self.labelSmoothing = labelSmoothing
        super.init(weight: weight, ignoreIndex: ignoreIndex, reduction: reduction)
    }

    public override func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor {
        try input.crossEntropy(
            target, weight: weight, reduction, ignoreIndex: ignoreIndex, labelSmoothing: labelSmoothing)
    }
}

/// Binary cross entropy of sigmoid(input), computed without overflow. `posWeight` multiplies positive targets' losses.
public final class BCEWithLogitsLoss: Loss {
    @Buffer public var weight: Tensor?
    @Buffer public var posWeight: Tensor?

    public init(weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: LossReduction = .mean) {
        self.weight = weight
        self.posWeight = posWeight
        super.init(reduction: reduction)
    }

    public override func forward(_ input: Tensor, _ target: Tensor) throws -> Tensor {
        try input.binaryCrossEntropyWithLogits(target, weight: weight, posWeight: posWeight, reduction)
    }
}
