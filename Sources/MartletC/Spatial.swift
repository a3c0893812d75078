import CMartlet
import Martlet

// Convolution, pooling, padding, resizing.

@_cdecl("mt_conv") @implementation
public func mt_conv(
    _ input: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?, _ rank: Int32, _ stride: UnsafePointer<Int64>?,
    _ nStride: Int32, _ padding: UnsafePointer<Int64>?, _ nPadding: Int32, _ dilation: UnsafePointer<Int64>?,
    _ nDilation: Int32, _ groups: Int64
) -> mt_tensor? {
    result {
        let n = try spatial(rank)
        let (x, w, b) = (try T(input, "input"), try T(weight, "weight"), try optional(bias, "bias"))
        guard padding != nil else {
            return try x.convolutionSame(
                w, b, rank: n, stride: list(stride, nStride, 1), dilation: list(dilation, nDilation, 1), groups: Int(groups))
        }
        return try x.convolution(
            w, b, rank: n, stride: list(stride, nStride, 1), padding: list(padding, nPadding, 0),
            dilation: list(dilation, nDilation, 1), groups: Int(groups))
    }
}

@_cdecl("mt_conv_transpose") @implementation
public func mt_conv_transpose(
    _ input: mt_tensor?, _ weight: mt_tensor?, _ bias: mt_tensor?, _ rank: Int32, _ stride: UnsafePointer<Int64>?,
    _ nStride: Int32, _ padding: UnsafePointer<Int64>?, _ nPadding: Int32, _ more: UnsafePointer<Int64>?, _ nMore: Int32,
    _ groups: Int64, _ dilation: UnsafePointer<Int64>?, _ nDilation: Int32
) -> mt_tensor? {
    result {
        try T(input, "input").convolutionTransposed(
            T(weight, "weight"), optional(bias, "bias"), rank: spatial(rank), stride: list(stride, nStride, 1),
            padding: list(padding, nPadding, 0), outputPadding: list(more, nMore, 0), groups: Int(groups),
            dilation: list(dilation, nDilation, 1))
    }
}

/// One, two or three spatial dimensions.
private func spatial(_ n: Int32) throws -> Int {
    guard n >= 1 && n <= 3 else { throw MartletError.value("spatial dimensions must be 1, 2 or 3, got \(n)") }
    return Int(n)
}

/// A list of integers; [fill] where absent.
private func list(_ p: UnsafePointer<Int64>?, _ n: Int32, _ fill: Int) -> [Int] {
    p == nil || n <= 0 ? [fill] : ints(p, n)
}

@_cdecl("mt_max_pool") @implementation
public func mt_max_pool(
    _ input: mt_tensor?, _ rank: Int32, _ kernel: UnsafePointer<Int64>?, _ nKernel: Int32, _ stride: UnsafePointer<Int64>?,
    _ nStride: Int32, _ padding: UnsafePointer<Int64>?, _ nPadding: Int32, _ dilation: UnsafePointer<Int64>?,
    _ nDilation: Int32, _ ceil: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    results(out) {
        let r = try T(input, "input").maxPool(
            spatial(rank), kernel: ints(kernel, nKernel), stride: optionalInts(stride, nStride),
            padding: list(padding, nPadding, 0), dilation: list(dilation, nDilation, 1), ceilMode: ceil != 0)
        return [r.values, r.indices]
    }
}

@_cdecl("mt_adaptive_max_pool") @implementation
public func mt_adaptive_max_pool(
    _ input: mt_tensor?, _ rank: Int32, _ sizes: UnsafePointer<Int64>?, _ n: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    results(out) {
        let r = try T(input, "input").adaptiveMaxPool(spatial(rank), ints(sizes, n))
        return [r.values, r.indices]
    }
}

@_cdecl("mt_avg_pool") @implementation
public func mt_avg_pool(
    _ input: mt_tensor?, _ rank: Int32, _ kernel: UnsafePointer<Int64>?, _ nKernel: Int32, _ stride: UnsafePointer<Int64>?,
    _ nStride: Int32, _ padding: UnsafePointer<Int64>?, _ nPadding: Int32, _ ceil: Int32, _ count: Int32, _ divisor: Int64
) -> mt_tensor? {
    result {
        try T(input, "input").avgPool(
            spatial(rank), kernel: ints(kernel, nKernel), stride: optionalInts(stride, nStride),
            padding: list(padding, nPadding, 0), ceilMode: ceil != 0, countPadding: count != 0, divisor: optionalInt(divisor))
    }
}

@_cdecl("mt_adaptive_avg_pool") @implementation
public func mt_adaptive_avg_pool(_ input: mt_tensor?, _ rank: Int32, _ sizes: UnsafePointer<Int64>?, _ n: Int32) -> mt_tensor? {
    result { try T(input, "input").adaptiveAvgPool(spatial(rank), ints(sizes, n)) }
}

@_cdecl("mt_im2col") @implementation
public func mt_im2col(
    _ input: mt_tensor?, _ kernel: UnsafePointer<Int64>?, _ nKernel: Int32, _ dilation: UnsafePointer<Int64>?,
    _ nDilation: Int32, _ padding: UnsafePointer<Int64>?, _ nPadding: Int32, _ stride: UnsafePointer<Int64>?, _ nStride: Int32
) -> mt_tensor? {
    result {
        try T(input, "input").im2col(
            kernel: ints(kernel, nKernel), dilation: list(dilation, nDilation, 1), padding: list(padding, nPadding, 0),
            stride: list(stride, nStride, 1))
    }
}

@_cdecl("mt_col2im") @implementation
public func mt_col2im(
    _ input: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ nSizes: Int32, _ kernel: UnsafePointer<Int64>?, _ nKernel: Int32,
    _ dilation: UnsafePointer<Int64>?, _ nDilation: Int32, _ padding: UnsafePointer<Int64>?, _ nPadding: Int32,
    _ stride: UnsafePointer<Int64>?, _ nStride: Int32
) -> mt_tensor? {
    result {
        try T(input, "input").col2im(
            ints(sizes, nSizes), kernel: ints(kernel, nKernel), dilation: list(dilation, nDilation, 1),
            padding: list(padding, nPadding, 0), stride: list(stride, nStride, 1))
    }
}

@_cdecl("mt_pad") @implementation
public func mt_pad(_ input: mt_tensor?, _ pads: UnsafePointer<Int64>?, _ n: Int32, _ mode: Int32, _ value: mt_tensor?) -> mt_tensor? {
    result {
        guard let m = PadMode(rawValue: mode) else { throw MartletError.notImplemented("Unrecognised padding mode \(mode)") }
        return try T(input, "input").pad(ints(pads, n), m, optional(value, "value"))
    }
}

@_cdecl("mt_interpolate") @implementation
public func mt_interpolate(
    _ input: mt_tensor?, _ sizes: UnsafePointer<Int64>?, _ n: Int32, _ scales: UnsafePointer<Double>?, _ mode: Int32, _ corners: Int32
) -> mt_tensor? {
    result {
        guard let m = InterpolateMode(rawValue: mode) else {
            throw MartletError.notImplemented("interpolate: unknown mode \(mode)")
        }
        return try T(input, "input").interpolate(
            ints(sizes, n), m, scales: scales.map { p in (0..<Int(n)).map { p[$0].isNaN ? nil : p[$0] } },
            alignCorners: corners != 0)
    }
}

@_cdecl("mt_one_hot") @implementation
public func mt_one_hot(_ input: mt_tensor?, _ classes: Int64) -> mt_tensor? {
    result { try T(input, "input").oneHot(Int(classes)) }
}

@_cdecl("mt_pixel_shuffle") @implementation
public func mt_pixel_shuffle(_ input: mt_tensor?, _ factor: Int64) -> mt_tensor? {
    result { try T(input, "input").pixelShuffle(Int(factor)) }
}

@_cdecl("mt_pixel_unshuffle") @implementation
public func mt_pixel_unshuffle(_ input: mt_tensor?, _ factor: Int64) -> mt_tensor? {
    result { try T(input, "input").pixelUnshuffle(Int(factor)) }
}
