/// Cross-correlation of images (N, C, H, W), or (C, H, W), with learnt kernels.
public final class Conv2d: Module {
    public let inChannels, outChannels, groups: Int
    public let kernel, stride, padding, dilation: [Int]
    /// (out, in / groups, height, width).
    @Parameter public var weight: Tensor
    @Parameter public var bias: Tensor?

    /// Lists are (height, width); one number serves for both. Draws the weight, then the bias, uniformly within
    /// ±1/sqrt(fan in). Throws `value` for channels that `groups` does not divide.
    public init(
        _ inChannels: Int, _ outChannels: Int, kernel: [Int], stride: [Int] = [1], padding: [Int] = [0],
        dilation: [Int] = [1], groups: Int = 1, bias: Bool = true, dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws {
        guard groups > 0 else { throw MartletError.value("groups must be a positive integer") }
        guard inChannels % groups == 0 else { throw MartletError.value("in_channels must be divisible by groups") }
        guard outChannels % groups == 0 else { throw MartletError.value("out_channels must be divisible by groups") }
        (self.inChannels, self.outChannels, self.groups) = (inChannels, outChannels, groups)
        self.kernel = try pair(kernel, "kernel_size")
        self.stride = try pair(stride, "stride")
        self.padding = try pair(padding, "padding")
        self.dilation = try pair(dilation, "dilation")
        let w = try Tensor.empty([outChannels, inChannels / groups] + self.kernel, dtype: dtype)
        try Init.kaimingUniform(w, a: 5.0.squareRoot(), generator: generator)
        weight = w
        self.bias = nil
        if bias {
            let fanIn = try Init.fans(w).fanIn
            let bound = fanIn > 0 ? 1 / Double(fanIn).squareRoot() : 0
            self.bias = try Init.uniform(.empty([outChannels], dtype: dtype), -bound, bound, generator: generator)
        }
    }

    public convenience init(
        _ inChannels: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, bias: Bool = true, dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws {
        try self.init(
            inChannels, outChannels, kernel: [kernel], stride: [stride], padding: [padding], dilation: [dilation],
            groups: groups, bias: bias, dtype: dtype, generator: generator)
    }

    public override func forward(_ x: Tensor) throws -> Tensor {
        try x.convolution(
            weight, bias, rank: 2, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }

    public override var details: String {
        var text = "\(inChannels), \(outChannels), kernel_size=\(torchText(kernel)), stride=\(torchText(stride))"
        if padding != [0, 0] { text += ", padding=\(torchText(padding))" }
        if dilation != [1, 1] { text += ", dilation=\(torchText(dilation))" }
        if groups != 1 { text += ", groups=\(groups)" }
        if bias == nil { text += ", bias=False" }
        return text
    }
}

/// (height, width) from one or two numbers.
private func pair(_ values: [Int], _ name: String) throws -> [Int] {
    switch values.count {
    case 1: [values[0], values[0]]
    case 2: values
    default: throw MartletError.value("\(name) must be one number or two, got \(values.count)")
    }
}

/// The largest value of each window of images (N, C, H, W).
public final class MaxPool2d: Module {
    public let kernel, stride, padding, dilation: Int
    public let ceilMode: Bool

    /// `stride` is the kernel's size unless given.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0, dilation: Int = 1, ceilMode: Bool = false) {
        (self.kernel, self.stride) = (kernel, stride ?? kernel)
        (self.padding, self.dilation, self.ceilMode) = (padding, dilation, ceilMode)
    }

    public override func forward(_ x: Tensor) throws -> Tensor {
        try x.maxPool(
            2, kernel: [kernel], stride: [stride], padding: [padding], dilation: [dilation], ceilMode: ceilMode).values
    }

    public override var details: String {
        "kernel_size=\(kernel), stride=\(stride), padding=\(padding), dilation=\(dilation), ceil_mode=\(torchText(ceilMode))"
    }
}

/// The mean of each window of images (N, C, H, W).
public final class AvgPool2d: Module {
    public let kernel, stride, padding: Int

    /// `stride` is the kernel's size unless given.
    public init(_ kernel: Int, stride: Int? = nil, padding: Int = 0) {
        (self.kernel, self.stride, self.padding) = (kernel, stride ?? kernel, padding)
    }

    public override func forward(_ x: Tensor) throws -> Tensor {
        try x.avgPool(2, kernel: [kernel], stride: [stride], padding: [padding])
    }

    public override var details: String { "kernel_size=\(kernel), stride=\(stride), padding=\(padding)" }
}
