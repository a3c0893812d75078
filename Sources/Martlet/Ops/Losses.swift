/// How the losses of single elements become the result.
public enum LossReduction: Int32, Sendable {
    /// They stay as they are.
    case none = 0
    /// Their mean.
    case mean = 1
    /// Their sum.
    case sum = 2
}

/// Losses of predictions against targets of the same (or a broadcastable) shape.
extension Tensor {
    /// Reduces unreduced losses; recorded.
    func reduced(_ reduction: LossReduction) throws -> Tensor {
        switch reduction {
        case .none: self
        case .mean: try mean()
        case .sum: try sum()
        }
    }

    /// What a gradient of a reduced loss is multiplied with: 1 / n for means.
    static func lossScale(_ reduction: LossReduction, _ n: Int) -> Double { reduction == .mean ? 1 / Double(n) : 1 }

    /// The operands in their common dtype, refused where that is not floating point.
    private func lossOperands(_ target: Tensor, _ kernel: String) throws -> (Tensor, Tensor) {
        let type = Tensor.resultType(self, target)
        guard type.isFloatingPoint else { throw Tensor.unsupported(kernel, type) }
        return (try to(type), try target.to(type))
    }

    /// (self - target)^2.
    public func mseLoss(_ target: Tensor, _ reduction: LossReduction = .mean) throws -> Tensor {
        let (x, y) = try lossOperands(target, "mse_cpu")
        let losses = try binaryKernel(.squaredDifference, x, y)
        let count = losses.numel
        let out = try withNoGrad { try losses.reduced(reduction) }
        if GradMode.needs(x, y) {
            let scale = 2 * Tensor.lossScale(reduction, count)
            out.attach("MseLossBackward0", TensorList(x, y)) { $0.save(x, y) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let dx = try Tensor.mseBackward(g, node.saved(0), node.saved(1), scale)
                return TensorList(dx, node.needs(1) ? try dx.neg() : nil)
            }
        }
        return out
    }

    /// scale * (x - y) * g, torch's `mse_loss_backward`.
    private static func mseBackward(_ g: Tensor, _ x: Tensor, _ y: Tensor, _ scale: Double) throws -> Tensor {
        let out = try withNoGrad { try x.sub(y).mulInPlace(.number(scale)).mul(g) }
        if GradMode.needs(g, x, y) {
            out.attach("MseLossBackwardBackward0", TensorList(g, x, y)) { $0.save(g, x, y) } backward: { node, gg in
                guard let gg = gg[0] else { return [nil, nil, nil] }
                let (g, x, y) = (try node.saved(0), try node.saved(1), try node.saved(2))
                let dx = try node.needs(1) || node.needs(2) ? gg.mul(.number(scale)).mul(g) : nil
                return TensorList(
                    node.needs(0) ? try x.sub(y).mul(.number(scale)).mul(gg) : nil, dx,
                    node.needs(2) ? try dx?.neg() : nil)
            }
        }
        return out
    }

    /// |self - target|.
    public func l1Loss(_ target: Tensor, _ reduction: LossReduction = .mean) throws -> Tensor {
        try sub(target).abs().reduced(reduction)
    }

    /// Half the square of the difference over beta where it is below beta, else the difference less beta / 2.
    public func smoothL1Loss(_ target: Tensor, _ reduction: LossReduction = .mean, beta: Double = 1) throws -> Tensor {
        guard beta >= 0 else { throw MartletError.runtime("smooth_l1_loss does not support negative values for beta.") }
        if beta == 0 { return try l1Loss(target, reduction) }
        let (x, y) = try lossOperands(target, "smooth_l1_cpu")
        return try Tensor.absoluteLoss("SmoothL1LossBackward0", x, y, reduction) { z in
            try Tensor.choose(
                z.lt(.number(beta)), z.mul(.number(0.5)).mul(z).div(.number(beta)), z.sub(.number(0.5 * beta)))
        } slope: { d in
            try Tensor.choose(d.abs().lt(.number(beta)), d.div(.number(beta)), d.sign())
        }
    }

    /// Half the square of the difference up to delta, else delta times (the difference less delta / 2).
    public func huberLoss(_ target: Tensor, _ reduction: LossReduction = .mean, delta: Double = 1) throws -> Tensor {
        guard delta > 0 else { throw MartletError.runtime("huber_loss does not support non-positive values for delta.") }
        let (x, y) = try lossOperands(target, "huber_cpu")
        return try Tensor.absoluteLoss("HuberLossBackward0", x, y, reduction) { z in
            try Tensor.choose(
                z.le(.number(delta)), z.mul(.number(0.5)).mul(z), z.sub(.number(0.5 * delta)).mul(.number(delta)))
        } slope: { d in
            try Tensor.choose(d.abs().le(.number(delta)), d, d.sign().mul(.number(delta)))
        }
    }

    /// A loss of |x - y| with its slope given as a function of x - y.
    private static func absoluteLoss(
        _ name: String, _ x: Tensor, _ y: Tensor, _ reduction: LossReduction, value: (Tensor) throws -> Tensor,
        slope: @escaping (Tensor) throws -> Tensor
    ) throws -> Tensor {
        let losses = try withNoGrad { try value(x.sub(y).abs()) }
        let scale = lossScale(reduction, losses.numel)
        let out = try withNoGrad { try losses.reduced(reduction) }
        if GradMode.needs(x, y) {
            out.attach(name, TensorList(x, y)) { $0.save(x, y) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let d = try node.saved(0).sub(node.saved(1))
                let dx = try slope(d).mul(.number(scale)).mul(g)
                return TensorList(dx, node.needs(1) ? try dx.neg() : nil)
            }
        }
        return out
    }

    /// target * (log(target) - self) for log-probabilities self; with `logTarget` the targets are logarithms too.
    public func klDiv(_ target: Tensor, _ reduction: LossReduction = .mean, logTarget: Bool = false) throws -> Tensor {
        let losses =
            logTarget
            ? try target.exp().mul(target.sub(self))
            : try target.xlogy(target).sub(target.mul(self))
        return try losses.reduced(reduction)
    }

    // MARK: Binary cross entropy

    /// -(target * log(self) + (1 - target) * log(1 - self)) for probabilities self; logarithms are cut off at -100.
    public func binaryCrossEntropy(_ target: Tensor, weight: Tensor? = nil, _ reduction: LossReduction = .mean) throws
        -> Tensor
    {
        guard dtype == target.dtype else {
            throw MartletError.runtime("Found dtype \(target.dtype.scalarTypeName) but expected \(dtype.scalarTypeName)")
        }
        try requireFloat("binary_cross_entropy")
        try withNoGrad {
            try ge(.number(0)).logicalAnd(le(.number(1)))
                .requireAll(.runtime("all elements of input should be between 0 and 1"))
        }
        let (out, count) = try withNoGrad {
            let logOne = try neg().log1p().clampMin(.number(-100))
            let log = try log().clampMin(.number(-100))
            var losses = try target.sub(.number(1)).mul(logOne).sub(target.mul(log))
            if let weight { losses = try losses.mul(weight) }
            return (try losses.reduced(reduction), losses.numel)
        }
        if GradMode.needs(self, target) {
            out.attach("BinaryCrossEntropyBackward0", TensorList(self, target)) { $0.save(self, target) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, y) = (try node.saved(0), try node.saved(1))
                var grads: TensorList = [nil, nil]
                if node.needs(0) {
                    let spread = try x.rsub(.number(1)).mul(x).clampMin(.number(1e-12))
                    grads[0] = try g.mul(x.sub(y)).div(spread)
                }
                if node.needs(1) {
                    grads[1] = try g.mul(x.neg().log1p().sub(x.log()))
                }
                return try Tensor.finishLossGradients(grads, weight, reduction, count)
            }
        }
        return out
    }

    /// ``binaryCrossEntropy(_:weight:_:)`` of sigmoid(self), computed without overflow; `posWeight` multiplies the
    /// losses of positive targets.
    public func binaryCrossEntropyWithLogits(
        _ target: Tensor, weight: Tensor? = nil, posWeight: Tensor? = nil, _ reduction: LossReduction = .mean
    ) throws -> Tensor {
        guard !dtype.isFloatingPoint || target.dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "result type \(dtype.scalarTypeName) can't be cast to the desired output type \(target.dtype.scalarTypeName)")
        }
        let (out, count) = try withNoGrad {
            var logs = try logsigmoid()
            if let posWeight { logs = try posWeight.sub(.number(1)).mul(target).add(.number(1)).mul(logs) }
            var losses = try target.rsub(.number(1)).mul(self).sub(logs)
            if let weight { losses = try losses.mul(weight) }
            return (try losses.reduced(reduction), losses.numel)
        }
        if GradMode.needs(self, target) {
            out.attach("BinaryCrossEntropyWithLogitsBackward0", TensorList(self, target)) { $0.save(self, target) } backward: {
                node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, y) = (try node.saved(0), try node.saved(1))
                var grads: TensorList = [nil, nil]
                if node.needs(0) {
                    let s = try x.sigmoid()
                    if let posWeight {
                        let t = try posWeight.mul(y)
                        grads[0] = try t.add(.number(1)).sub(y).mul(s).sub(t).mul(g)
                    } else {
                        grads[0] = try s.sub(y).mul(g)
                    }
                }
                if node.needs(1) {
                    if let posWeight {
                        grads[1] = try x.neg().logsigmoid().sub(posWeight.mul(x.logsigmoid())).mul(g)
                    } else {
                        grads[1] = try x.neg().mul(g)
                    }
                }
                return try Tensor.finishLossGradients(grads, weight, reduction, count)
            }
        }
        return out
    }

    /// Gradients of single losses times the weights, over the count for a mean.
    private static func finishLossGradients(
        _ grads: TensorList, _ weight: Tensor?, _ reduction: LossReduction, _ count: Int
    ) throws -> TensorList {
        TensorList(try grads.map { grad in
            guard var d = grad else { return nil }
            if let weight { d = try d.mul(weight) }
            return reduction == .mean ? try d.div(.number(count)) : d
        })
    }
}
