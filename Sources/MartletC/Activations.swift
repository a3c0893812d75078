import CMartlet
import Martlet

// Activation functions and dropout.

// MARK: Activations

@_cdecl("mt_relu") @implementation
public func mt_relu(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").relu() } }

@_cdecl("mt_relu6") @implementation
public func mt_relu6(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").relu6() } }

@_cdecl("mt_silu") @implementation
public func mt_silu(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").silu() } }

@_cdecl("mt_gelu") @implementation
public func mt_gelu(_ self_: mt_tensor?, _ tanh: Int32) -> mt_tensor? {
    result { try T(self_, "self").gelu(tanh: tanh != 0) }
}

@_cdecl("mt_mish") @implementation
public func mt_mish(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").mish() } }

@_cdecl("mt_logsigmoid") @implementation
public func mt_logsigmoid(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").logsigmoid() } }

@_cdecl("mt_hardswish") @implementation
public func mt_hardswish(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").hardswish() } }

@_cdecl("mt_hardsigmoid") @implementation
public func mt_hardsigmoid(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").hardsigmoid() } }

@_cdecl("mt_selu") @implementation
public func mt_selu(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").selu() } }

@_cdecl("mt_leaky_relu") @implementation
public func mt_leaky_relu(_ self_: mt_tensor?, _ negative_slope: Double) -> mt_tensor? {
    result { try T(self_, "self").leakyRelu(negative_slope) }
}

@_cdecl("mt_elu") @implementation
public func mt_elu(_ self_: mt_tensor?, _ alpha: Double) -> mt_tensor? {
    result { try T(self_, "self").elu(alpha: alpha) }
}

@_cdecl("mt_celu") @implementation
public func mt_celu(_ self_: mt_tensor?, _ alpha: Double) -> mt_tensor? {
    result { try T(self_, "self").celu(alpha: alpha) }
}

@_cdecl("mt_softplus") @implementation
public func mt_softplus(_ self_: mt_tensor?, _ beta: Double, _ threshold: Double) -> mt_tensor? {
    result { try T(self_, "self").softplus(beta: beta, threshold: threshold) }
}

@_cdecl("mt_hardtanh") @implementation
public func mt_hardtanh(_ self_: mt_tensor?, _ min: Double, _ max: Double) -> mt_tensor? {
    result { try T(self_, "self").hardtanh(min, max) }
}

@_cdecl("mt_hardshrink") @implementation
public func mt_hardshrink(_ self_: mt_tensor?, _ lambd: Double) -> mt_tensor? {
    result { try T(self_, "self").hardshrink(lambd) }
}

@_cdecl("mt_softshrink") @implementation
public func mt_softshrink(_ self_: mt_tensor?, _ lambd: Double) -> mt_tensor? {
    result { try T(self_, "self").softshrink(lambd) }
}

@_cdecl("mt_threshold") @implementation
public func mt_threshold(_ self_: mt_tensor?, _ threshold: Double, _ value: Double) -> mt_tensor? {
    result { try T(self_, "self").threshold(threshold, value) }
}

@_cdecl("mt_prelu") @implementation
public func mt_prelu(_ self_: mt_tensor?, _ weight: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").prelu(T(weight, "weight")) }
}

@_cdecl("mt_glu") @implementation
public func mt_glu(_ self_: mt_tensor?, _ dim: Int64) -> mt_tensor? { result { try T(self_, "self").glu(Int(dim)) } }

@_cdecl("mt_rrelu") @implementation
public func mt_rrelu(
    _ self_: mt_tensor?, _ lower: Double, _ upper: Double, _ training: Int32, _ generator: mt_generator?
) -> mt_tensor? {
    result { try T(self_, "self").rrelu(lower, upper, training: training != 0, generator: G(generator)) }
}

// MARK: In place

@_cdecl("mt_rrelu_") @implementation
public func mt_rrelu_(
    _ self_: mt_tensor?, _ lower: Double, _ upper: Double, _ training: Int32, _ generator: mt_generator?
) -> mt_status {
    status { try T(self_, "self").inPlace("rrelu_", step: "RreluWithNoiseBackward1") { try $0.rrelu(lower, upper, training: training != 0, generator: G(generator)) } }
}

@_cdecl("mt_relu_") @implementation
public func mt_relu_(_ self_: mt_tensor?) -> mt_status { status { try T(self_, "self").reluInPlace() } }

@_cdecl("mt_relu6_") @implementation
public func mt_relu6_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("relu6_") { try $0.relu6() } }
}

@_cdecl("mt_silu_") @implementation
public func mt_silu_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("silu_") { try $0.silu() } }
}

@_cdecl("mt_mish_") @implementation
public func mt_mish_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("mish_") { try $0.mish() } }
}

@_cdecl("mt_hardswish_") @implementation
public func mt_hardswish_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("hardswish_") { try $0.hardswish() } }
}

@_cdecl("mt_hardsigmoid_") @implementation
public func mt_hardsigmoid_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("hardsigmoid_") { try $0.hardsigmoid() } }
}

@_cdecl("mt_selu_") @implementation
public func mt_selu_(_ self_: mt_tensor?) -> mt_status {
    status { try T(self_, "self").inPlace("selu_", step: "EluBackward1") { try $0.selu() } }
}

@_cdecl("mt_leaky_relu_") @implementation
public func mt_leaky_relu_(_ self_: mt_tensor?, _ negative_slope: Double) -> mt_status {
    status { try T(self_, "self").inPlace("leaky_relu_", step: "LeakyReluBackward1") { try $0.leakyRelu(negative_slope) } }
}

@_cdecl("mt_elu_") @implementation
public func mt_elu_(_ self_: mt_tensor?, _ alpha: Double) -> mt_status {
    status { try T(self_, "self").inPlace("elu_", step: "EluBackward1") { try $0.elu(alpha: alpha) } }
}

@_cdecl("mt_celu_") @implementation
public func mt_celu_(_ self_: mt_tensor?, _ alpha: Double) -> mt_status {
    status { try T(self_, "self").inPlace("celu_", step: "CeluBackward1") { try $0.celu(alpha: alpha) } }
}

@_cdecl("mt_hardtanh_") @implementation
public func mt_hardtanh_(_ self_: mt_tensor?, _ min: Double, _ max: Double) -> mt_status {
    status { try T(self_, "self").inPlace("hardtanh_") { try $0.hardtanh(min, max) } }
}

@_cdecl("mt_threshold_") @implementation
public func mt_threshold_(_ self_: mt_tensor?, _ threshold: Double, _ value: Double) -> mt_status {
    status { try T(self_, "self").inPlace("threshold_", step: "ThresholdBackward1") { try $0.threshold(threshold, value) } }
}

// MARK: Dropout

@_cdecl("mt_dropout") @implementation
public func mt_dropout(_ self_: mt_tensor?, _ p: Double, _ training: Int32, _ generator: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").dropout(p, training: training != 0, generator: G(generator)) }
}

@_cdecl("mt_dropout_") @implementation
public func mt_dropout_(_ self_: mt_tensor?, _ p: Double, _ training: Int32, _ generator: mt_generator?) -> mt_status {
    status { try T(self_, "self").dropoutInPlace(p, training: training != 0, generator: G(generator)) }
}
