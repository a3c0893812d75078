import CMartlet
import Martlet

// Losses.

// MARK: Losses

@_cdecl("mt_mse_loss") @implementation
public func mt_mse_loss(_ self_: mt_tensor?, _ target: mt_tensor?, _ reduction: Int32) -> mt_tensor? {
    result { try T(self_, "self").mseLoss(T(target, "target"), lossReduction(reduction)) }
}

@_cdecl("mt_l1_loss") @implementation
public func mt_l1_loss(_ self_: mt_tensor?, _ target: mt_tensor?, _ reduction: Int32) -> mt_tensor? {
    result { try T(self_, "self").l1Loss(T(target, "target"), lossReduction(reduction)) }
}

@_cdecl("mt_smooth_l1_loss") @implementation
public func mt_smooth_l1_loss(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ reduction: Int32, _ beta: Double
) -> mt_tensor? {
    result { try T(self_, "self").smoothL1Loss(T(target, "target"), lossReduction(reduction), beta: beta) }
}

@_cdecl("mt_huber_loss") @implementation
public func mt_huber_loss(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ reduction: Int32, _ delta: Double
) -> mt_tensor? {
    result { try T(self_, "self").huberLoss(T(target, "target"), lossReduction(reduction), delta: delta) }
}

@_cdecl("mt_kl_div") @implementation
public func mt_kl_div(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ reduction: Int32, _ log_target: Int32
) -> mt_tensor? {
    result { try T(self_, "self").klDiv(T(target, "target"), lossReduction(reduction), logTarget: log_target != 0) }
}

@_cdecl("mt_binary_cross_entropy") @implementation
public func mt_binary_cross_entropy(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ weight: mt_tensor?, _ reduction: Int32
) -> mt_tensor? {
    result { try T(self_, "self").binaryCrossEntropy(T(target, "target"), weight: optional(weight, "weight"), lossReduction(reduction)) }
}

@_cdecl("mt_binary_cross_entropy_with_logits") @implementation
public func mt_binary_cross_entropy_with_logits(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ weight: mt_tensor?, _ pos_weight: mt_tensor?, _ reduction: Int32
) -> mt_tensor? {
    result { try T(self_, "self").binaryCrossEntropyWithLogits(T(target, "target"), weight: optional(weight, "weight"), posWeight: optional(pos_weight, "pos_weight"), lossReduction(reduction)) }
}

@_cdecl("mt_nll_loss") @implementation
public func mt_nll_loss(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ weight: mt_tensor?, _ reduction: Int32, _ ignore_index: Int64
) -> mt_tensor? {
    result { try T(self_, "self").nllLoss(T(target, "target"), weight: optional(weight, "weight"), lossReduction(reduction), ignoreIndex: Int(ignore_index)) }
}

@_cdecl("mt_cross_entropy") @implementation
public func mt_cross_entropy(
    _ self_: mt_tensor?, _ target: mt_tensor?, _ weight: mt_tensor?, _ reduction: Int32, _ ignore_index: Int64, _ label_smoothing: Double
) -> mt_tensor? {
    result { try T(self_, "self").crossEntropy(T(target, "target"), weight: optional(weight, "weight"), lossReduction(reduction), ignoreIndex: Int(ignore_index), labelSmoothing: label_smoothing) }
}

@_cdecl("mt_ctc_loss") @implementation
public func mt_ctc_loss(
    _ log_probs: mt_tensor?, _ targets: mt_tensor?, _ input_lengths: mt_tensor?, _ target_lengths: mt_tensor?, _ blank: Int64,
    _ reduction: Int32, _ zero_infinity: Int32
) -> mt_tensor? {
    result {
        try T(log_probs, "log_probs").ctcLoss(
            T(targets, "targets"), inputLengths: T(input_lengths, "input_lengths"), targetLengths: T(target_lengths, "target_lengths"),
            blank: Int(blank), lossReduction(reduction), zeroInfinity: zero_infinity != 0)
    }
}

private func lossReduction(_ r: Int32) throws -> LossReduction {
    guard let reduction = LossReduction(rawValue: r) else {
        throw MartletError.value("\(r) is not a valid value for reduction")
    }
    return reduction
}
