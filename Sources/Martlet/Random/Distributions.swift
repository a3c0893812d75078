import Glibc
import MartletKernels

/// In-place fills from continuous distributions and Bernoulli trials.
///
/// All draw from `generator`, or the default one, in memory order; they return the tensor itself. Torch
/// gives the same values for the same seed. Where two operations are rounded as one (`addingProduct`),
/// torch's AVX2 kernels do so too.
extension Tensor {
    /// Uniform values in [from, to).
    ///
    /// Throws `notImplemented` unless the dtype is floating point, and `runtime` where from > to, or a bound
    /// or the width of the range is not finite in the dtype.
    @discardableResult
    public func uniform_(_ from: Double = 0, _ to: Double = 1, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard dtype.isFloatingPoint else { throw MartletError.noKernel("check_uniform_bounds", dtype) }
        let limit = dtype.largestFinite
        for (name, v) in [("from", from), ("to", to)] where !(Swift.abs(v) <= limit) {
            throw MartletError.runtime("\(name) is out of bounds for \(dtype.cTypeName)")
        }
        guard from <= to else {
            throw MartletError.runtime(
                "uniform_ expects to return a [from, to) range, but found from=\(shortText(from)) > to=\(shortText(to))")
        }
        guard to - from <= limit else {
            throw MartletError.runtime(
                "uniform_ expects to-from <= std::numeric_limits<\(dtype.scalarTypeName)>::max(), but found to=\(shortText(to)) and from=\(shortText(from)) which result in to-from to exceed the limit"
            )
        }
        return try fillRandom("uniform_", "UniformBackward0", generator) { g, out, n in
            switch dtype {
            case .float32:
                mk_uniform_f32(g.engine, out.assumingMemoryBound(to: Float.self), Int64(n), Float(from), Float(to))
            case .float64:
                mk_uniform_f64(g.engine, out.assumingMemoryBound(to: Double.self), Int64(n), from, to)
            default:
                // Drawn as float, then rounded; rounding may reach `to` again.
                let low = dtype.rounded(from)
                let high = dtype.rounded(to)
                var buffer = [Float](repeating: 0, count: Swift.min(n, 1024))
                for start in stride(from: 0, to: n, by: 1024) {
                    let count = Swift.min(1024, n - start)
                    mk_uniform_f32(g.engine, &buffer, Int64(count), Float(from), Float(to))
                    var i = 0
                    fillDoubles(out + start * dtype.size, dtype, count) {
                        let v = dtype.rounded(Double(buffer[i]))
                        i += 1
                        return v == high ? low : v
                    }
                }
            }
        }
    }

    /// Normal values with the given mean and standard deviation.
    ///
    /// Contiguous tensors of 16 elements or more are made in blocks of 16, others one value at a time with
    /// every second value kept in the generator. Throws `runtime` where std < 0, `notImplemented` unless the
    /// dtype is floating point.
    @discardableResult
    public func normal_(_ mean: Double = 0, _ std: Double = 1, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        try Tensor.checkStd(std)
        guard dtype.isFloatingPoint else { throw MartletError.noKernel("normal_kernel_cpu", dtype) }
        let inBlocks = numel >= 16 && isContiguous
        return try fillRandom("normal_", "NormalBackward0", generator) { g, out, n in
            if !inBlocks {
                fillDoubles(out, dtype, n) { mean.addingProduct(g.normal(), std) }
                return
            }
            switch dtype {
            case .float32:
                mk_normal_f32(g.engine, out.assumingMemoryBound(to: Float.self), Int64(n), Float(mean), Float(std))
            case .float64:
                mk_normal_f64(g.engine, out.assumingMemoryBound(to: Double.self), Int64(n), mean, std)
            default:
                // Block by block; the last block may overlap the one before it.
                var block = [Float](repeating: 0, count: 16)
                func drawBlock(at start: Int) {
                    mk_uniform_f32(g.engine, &block, 16, 0, 1)
                    mk_box_muller_f32(&block, 1, Float(mean), Float(std))
                    var i = 0
                    fillDoubles(out + start * dtype.size, dtype, 16) {
                        defer { i += 1 }
                        return Double(block[i])
                    }
                }
                for b in 0..<n / 16 { drawBlock(at: 16 * b) }
                if n % 16 != 0 { drawBlock(at: n - 16) }
            }
        }
    }

    static func checkStd(_ std: Double) throws {
        guard std >= 0 else {
            throw MartletError.runtime("normal expects std >= 0.0, but found std \(shortText(std))")
        }
    }

    /// exp of normal values; throws `runtime` unless std > 0.
    @discardableResult
    public func logNormal_(_ mean: Double = 1, _ std: Double = 2, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard std > 0 else {
            throw MartletError.runtime("log_normal_ expects std > 0.0, but found std=\(shortText(std))")
        }
        guard dtype.isFloatingPoint else { throw MartletError.noKernel("log_normal_cpu", dtype) }
        return try fillRandom("log_normal_", "LogNormalBackward0", generator) { g, out, n in
            fillDoubles(out, dtype, n) { Glibc.exp(mean.addingProduct(g.normal(), std)) }
        }
    }

    /// Exponential values of rate `lambd`; throws `runtime` unless lambd > 0.
    @discardableResult
    public func exponential_(_ lambd: Double = 1, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you specified \(dtype.scalarTypeName)"
            )
        }
        guard lambd > 0 else {
            throw MartletError.runtime("exponential_ expects lambda > 0.0, but found lambda=\(shortText(lambd))")
        }
        let scale = -1 / lambd
        return try fillRandom("exponential_", "ExponentialBackward0", generator) { g, out, n in
            fillDoubles(out, dtype, n) { scale * Glibc.log1p(-g.unit64()) }
        }
    }

    /// Cauchy (Lorentz) values; throws `runtime` unless sigma > 0.
    @discardableResult
    public func cauchy_(_ median: Double = 0, _ sigma: Double = 1, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard sigma > 0 else {
            throw MartletError.runtime("cauchy_ expects sigma > 0.0, but found sigma=\(shortText(sigma))")
        }
        guard dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified \(dtype.cTypeName)"
            )
        }
        return try fillRandom("cauchy_", "CauchyBackward0", generator) { g, out, n in
            fillDoubles(out, dtype, n) { median.addingProduct(sigma, Glibc.tan(.pi * (g.unit64() - 0.5))) }
        }
    }

    /// The number of trials of probability `p` up to the first success; any dtype but bool. Throws `runtime`
    /// unless 0 < p < 1.
    @discardableResult
    public func geometric_(_ p: Double, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard p > 0 && p < 1 else {
            throw MartletError.runtime("geometric_ expects p to be in (0, 1), but got p=\(shortText(p))")
        }
        guard dtype != .bool else { throw MartletError.noKernel("geometric_cpu", dtype) }
        let divisor = Glibc.log1p(-p)
        return try fillRandom("geometric_", "GeometricBackward0", generator) { g, out, n in
            fillDoubles(out, dtype, n) { (Glibc.log(g.unit64()) / divisor).rounded(.up) }
        }
    }

    /// One with probability `p`, else zero; any dtype. Throws `runtime` unless 0 <= p <= 1.
    @discardableResult
    public func bernoulli_(_ p: Double = 0.5, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard p >= 0 && p <= 1 else {
            throw MartletError.runtime("bernoulli_ expects p to be in [0, 1], but got p=\(shortText(p))")
        }
        return try fillRandom("bernoulli_", "BernoulliBackward2", generator) { g, out, n in
            if dtype == .float32 {
                mk_bernoulli_f32(g.engine, out.assumingMemoryBound(to: Float.self), Int64(n), p)
            } else {
                fillIntegers(out, dtype, n) { g.unit64() < p ? 1 : 0 }
            }
        }
    }

    /// One with the probability that `p`, broadcast to this tensor's sizes, gives for each element.
    ///
    /// Throws `notImplemented` unless `p` is floating point, and `runtime` where it has a value outside [0, 1].
    @discardableResult
    public func bernoulli_(_ p: Tensor, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        guard p.dtype.isFloatingPoint else { throw MartletError.noKernel("bernoulli_tensor_cpu_p_", p.dtype) }
        let source = p.detach()
        let expanded = source.sizes == sizes ? source : try source.expand(sizes)
        // The probabilities, in the order in which the elements are met.
        let order = memoryOrder()
        let probabilities = try Tensor.empty(Dims(order.map { sizes[$0] }), .float64)
        copyKernel(
            probabilities,
            expanded.alias(
                sizes: probabilities.sizes, strides: Dims(order.map { expanded.strides[$0] }), offset: expanded.offset))
        let values = UnsafeBufferPointer(start: probabilities.typed(Double.self), count: numel)
        func check() throws {
            if let bad = values.first(where: { !($0 >= 0 && $0 <= 1) }) {
                throw MartletError.runtime(
                    "Expected p_in >= 0 && p_in <= 1 to be true, but got false: bernoulli expects every p to be in [0, 1], but got p=\(shortText(bad))"
                )
            }
        }
        try check()
        Tape.note("check", Tape.repeating(check))
        let wide = p.dtype == .float64
        defer { withExtendedLifetime(probabilities) {} }
        return try fillRandom("bernoulli_", "BernoulliBackward1", generator, inputs: [p]) { g, out, n in
            var i = 0
            fillIntegers(out, dtype, n) {
                let p = values[i]
                i += 1
                return (wide ? g.unit64() < p : g.unit32() < Float(p)) ? 1 : 0
            }
        }
    }
}

extension DType {
    /// A number rounded to this floating-point dtype, half types by way of float.
    func rounded(_ v: Double) -> Double {
        switch self {
        case .float32: Double(Float(v))
        case .float16: Half(element: v).asDouble
        case .bfloat16: BFloat(element: v).asDouble
        default: v
        }
    }
}
