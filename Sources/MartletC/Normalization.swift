import CMartlet
import Martlet

// Normalisation.

@_cdecl("mt_layer_norm") @implementation
public func mt_layer_norm(
    _ self_: mt_tensor?, _ shape: UnsafePointer<Int64>?, _ n: Int32, _ weight: mt_tensor?, _ bias: mt_tensor?, _ eps: Double
) -> mt_tensor? {
    result {
        try T(self_, "self").layerNorm(
            ints(shape, n), weight: optional(weight, "weight"), bias: optional(bias, "bias"), eps: eps)
    }
}

@_cdecl("mt_rms_norm") @implementation
public func mt_rms_norm(
    _ self_: mt_tensor?, _ shape: UnsafePointer<Int64>?, _ n: Int32, _ weight: mt_tensor?, _ eps: Double
) -> mt_tensor? {
    result { try T(self_, "self").rmsNorm(ints(shape, n), weight: optional(weight, "weight"), eps: eps.isNaN ? nil : eps) }
}

@_cdecl("mt_group_norm") @implementation
public func mt_group_norm(
    _ self_: mt_tensor?, _ groups: Int64, _ weight: mt_tensor?, _ bias: mt_tensor?, _ eps: Double
) -> mt_tensor? {
    result {
        try T(self_, "self").groupNorm(Int(groups), weight: optional(weight, "weight"), bias: optional(bias, "bias"), eps: eps)
    }
}

@_cdecl("mt_batch_norm") @implementation
public func mt_batch_norm(
    _ self_: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?, _ mean: mt_tensor?, _ variance: mt_tensor?,
    _ training: Int32, _ momentum: Double, _ eps: Double
) -> mt_tensor? {
    result {
        try T(self_, "self").batchNorm(
            weight: optional(weight, "weight"), bias: optional(bias, "bias"), runningMean: optional(mean, "running_mean"),
            runningVar: optional(variance, "running_var"), training: training != 0, momentum: momentum, eps: eps)
    }
}

@_cdecl("mt_instance_norm") @implementation
public func mt_instance_norm(
    _ self_: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?, _ mean: mt_tensor?, _ variance: mt_tensor?,
    _ useInputStats: Int32, _ momentum: Double, _ eps: Double
) -> mt_tensor? {
    result {
        try T(self_, "self").instanceNorm(
            weight: optional(weight, "weight"), bias: optional(bias, "bias"), runningMean: optional(mean, "running_mean"),
            runningVar: optional(variance, "running_var"), useInputStats: useInputStats != 0, momentum: momentum, eps: eps)
    }
}
