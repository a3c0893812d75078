/// New tensors of random values.
extension Tensor {
    /// Uniform in [0, 1), contiguous. Throws `notImplemented` unless the dtype is floating point.
    public static func rand(_ sizes: [Int], dtype: DType = .defaultFloat, generator: Generator? = nil) throws -> Tensor {
        try empty(sizes, dtype: dtype).uniform_(generator: generator).asNew()
    }

    /// Standard normal, contiguous. Throws `notImplemented` unless the dtype is floating point.
    public static func randn(_ sizes: [Int], dtype: DType = .defaultFloat, generator: Generator? = nil) throws -> Tensor {
        try empty(sizes, dtype: dtype).normal_(generator: generator).asNew()
    }

    /// ``rand(_:dtype:generator:)`` with this tensor's sizes and memory order, and unless given its dtype.
    public func randLike(dtype: DType? = nil, generator: Generator? = nil) throws -> Tensor {
        try emptyLike(dtype: dtype).uniform_(generator: generator).asNew()
    }

    /// ``randn(_:dtype:generator:)`` with this tensor's sizes and memory order, and unless given its dtype.
    public func randnLike(dtype: DType? = nil, generator: Generator? = nil) throws -> Tensor {
        try emptyLike(dtype: dtype).normal_(generator: generator).asNew()
    }

    /// Normal values of one mean and standard deviation.
    public static func normal(
        _ mean: Double, _ std: Double, _ sizes: [Int], dtype: DType = .defaultFloat, generator: Generator? = nil
    ) throws -> Tensor {
        try empty(sizes, dtype: dtype).normal_(mean, std, generator: generator).asNew()
    }

    /// Normal values, each of its own mean. The result is contiguous, with the dtype of `mean`.
    public static func normal(_ mean: Tensor, _ std: Double = 1, generator: Generator? = nil) throws -> Tensor {
        try checkStd(std)
        let out = try empty(mean.sizes, mean.dtype)
        try out.normal_(0, std, generator: generator)
        let result = try withNoGrad { try out.add(mean) }
        if GradMode.needs(mean) { result.attachZeroGradient("NormalBackward1", [mean]) }
        return result
    }

    /// Normal values, each of its own standard deviation. The result is contiguous, with the dtype of `std`.
    public static func normal(_ mean: Double, _ std: Tensor, generator: Generator? = nil) throws -> Tensor {
        try checkStd(std)
        let out = try empty(std.sizes, std.dtype)
        try out.normal_(0, 1, generator: generator)
        let result = try withNoGrad { try out.mul(std).add(.number(mean)) }
        if GradMode.needs(std) { result.attachZeroGradient("NormalBackward2", [std]) }
        return result
    }

    /// Normal values, each of its own mean and standard deviation, broadcast against each other. The result is
    /// contiguous, with the dtype of `mean`. One of them may be a bare number.
    public static func normal(_ mean: Tensor, _ std: Tensor, generator: Generator? = nil) throws -> Tensor {
        if std.isWrappedNumber { return try normal(mean, std.item(), generator: generator) }
        if mean.isWrappedNumber { return try normal(mean.item(), std, generator: generator) }
        try checkStd(std)
        let out = try empty(try broadcastSizes(mean.sizes, std.sizes), mean.dtype)
        try out.normal_(0, 1, generator: generator)
        let result = try withNoGrad {
            let scaled = try out.mul(std).to(mean.dtype)
            return try scaled.add(mean)
        }
        if GradMode.needs(mean, std) { result.attachZeroGradient("NormalBackward3", [mean, std]) }
        return result
    }

    private static func checkStd(_ std: Tensor) throws {
        // A NaN passes, as in torch's comparison of the minimum.
        _ = try Tape.whole("check", [std]) {
            for v in try $0[0].toArray(Double.self) where v < 0 {
                throw MartletError.runtime("normal expects all elements of std >= 0.0")
            }
            return []
        }
    }
}
