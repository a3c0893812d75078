import MartletKernels

/// Integer draws: `random_`, `randint`, `randperm`. Values are a draw modulo the width of the range, as in torch.
extension Tensor {
    /// Integers over the whole non-negative range of the dtype: up to its largest value for integers, up to
    /// 2 to the number of significant bits for floating point, 0 or 1 for bool.
    @discardableResult
    public func random_(generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        // The number of values; int64 and float64 take 64 bits a draw.
        let count =
            dtype.isFloatingPoint ? (1 << UInt64(dtype.digits)) + 1 : UInt64(dtype.integerRange.upperBound) + 1
        let wide = dtype == .int64 || dtype == .float64
        return try fillRandom("random_", "RandomBackward2", generator) { g, out, n in
            if wide {
                fillIntegers(out, dtype, n) { Int64(g.random64() % count) }
            } else {
                let count = UInt32(truncatingIfNeeded: count)
                fillIntegers(out, dtype, n) { Int64(g.random32() % count) }
            }
        }
    }

    /// Integers in [from, to). Throws `runtime` unless from < to and both ends fit in the dtype.
    @discardableResult
    public func random_(_ from: Int, _ to: Int, generator: Generator? = nil) throws -> Tensor {
        try fillRange(from, to, "RandomBackward0", generator)
    }

    /// Integers in [0, to).
    @discardableResult
    public func random_(to: Int, generator: Generator? = nil) throws -> Tensor {
        try fillRange(0, to, "RandomBackward1", generator)
    }

    /// Integers from `from` up to the largest of the dtype, that one included (for floating point 2 to the
    /// number of significant bits). The smallest Int stands for all 64 bits: int64, float64, float32, bfloat16.
    @discardableResult
    public func random_(from: Int, generator: Generator? = nil) throws -> Tensor {
        let dtype = dtype
        if from == Int.min {
            switch dtype {
            case .int64, .float64, .float32, .bfloat16: break
            case .float16: throw MartletError.noKernel("random_full_64_bits_range_kernel_cpu", dtype)
            default:
                throw MartletError.runtime(
                    "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16")
            }
            return try fillRandom("random_", "RandomBackward0", generator) { g, out, n in
                fillIntegers(out, dtype, n) { Int64(bitPattern: g.random64()) }
            }
        }
        var from = from
        let last: Int
        if dtype.isFloatingPoint {
            last = 1 << dtype.digits
            from = dtype.firstRepresentable(from: from)
            guard from < last else {
                throw MartletError.runtime(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got from=\(from) > to_inc=\(last)"
                )
            }
        } else {
            last = Int(dtype.integerRange.upperBound)
        }
        try checkFits(from, "from", dtype)
        return try fillModulo(UInt64(bitPattern: Int64(last &- from &+ 1)), from, "RandomBackward0", generator)
    }

    private func fillRange(_ low: Int, _ high: Int, _ gradName: String, _ generator: Generator?) throws -> Tensor {
        guard low < high else {
            throw MartletError.runtime(
                "random_ expects 'from' to be less than 'to', but got from=\(low) >= to=\(high)")
        }
        var (from, to) = (low, high)
        if dtype.isFloatingPoint {
            from = dtype.firstRepresentable(from: from)
            to = dtype.endRepresentable(to: to)
            guard from < to else {
                throw MartletError.runtime(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=\(from) >= to=\(to)"
                )
            }
        }
        try checkFits(from, "from", dtype)
        try checkFits(to - 1, "to - 1", dtype)
        return try fillModulo(UInt64(bitPattern: Int64(to &- from)), from, gradName, generator)
    }

    /// A draw modulo `width`, plus `base`. Widths of 2^28 and more take 64 bits a draw.
    private func fillModulo(
        _ width: UInt64, _ base: Int, _ gradName: String, _ generator: Generator?
    ) throws -> Tensor {
        let (dtype, base) = (dtype, Int64(base))
        return try fillRandom("random_", gradName, generator) { g, out, n in
            if width >= 1 << 28 {
                fillIntegers(out, dtype, n) { Int64(bitPattern: g.random64() % width) &+ base }
            } else {
                let width = UInt32(width)
                fillIntegers(out, dtype, n) { Int64(g.random32() % width) &+ base }
            }
        }
    }

    private func checkFits(_ v: Int, _ name: String, _ dtype: DType) throws {
        let fits =
            dtype.isFloatingPoint ? Swift.abs(Double(v)) <= dtype.largestFinite : dtype.integerRange.contains(Int64(v))
        if !fits { throw MartletError.runtime("\(name) is out of bounds for \(dtype.cTypeName)") }
    }

    // MARK: Creation

    /// Integers in [low, high), contiguous.
    public static func randint(
        _ low: Int = 0, _ high: Int, _ sizes: [Int], dtype: DType = .int64, generator: Generator? = nil
    ) throws -> Tensor {
        try empty(sizes, dtype: dtype).random_(low, high, generator: generator).asNew()
    }

    /// Integers in [low, high) with this tensor's sizes, memory order and, unless given, dtype.
    public func randintLike(_ low: Int = 0, _ high: Int, dtype: DType? = nil, generator: Generator? = nil) throws
        -> Tensor
    {
        try emptyLike(dtype: dtype).random_(low, high, generator: generator).asNew()
    }

    /// The integers 0..<n in random order. Throws `runtime` where the dtype cannot hold n - 1 exactly.
    public static func randperm(_ n: Int, dtype: DType = .int64, generator: Generator? = nil) throws -> Tensor {
        if n < 0 {
            throw MartletError.runtime("Trying to create tensor with negative dimension \(n): [\(n)]")
        }
        if dtype == .bool { throw MartletError.noKernel("randperm", dtype) }
        if dtype.isFloatingPoint {
            let limit = (1 << dtype.digits) + 1
            guard n <= limit else {
                throw MartletError.runtime("n cannot be greater than \(limit) for \(dtype.scalarTypeName) type.")
            }
        } else if n > dtype.integerRange.upperBound {
            throw MartletError.runtime(
                "randperm: value cannot be converted to type \(dtype.name)_t without overflow (n = \(n))")
        }
        let out = try empty([n], dtype: dtype)
        let generator = generator ?? .default
        let target = out.lent
        func shuffle<T: TensorElement>(_: T.Type) {
            let r = target.typed(T.self)
            if n < (1 << 32 - 1) / 20 {
                for i in 0..<n { r[i] = T(element: Int64(i)) }
                for i in stride(from: 0, to: n - 1, by: 1) {
                    let j = i + Int(generator.random32() % UInt32(n - i))
                    (r[i], r[j]) = (r[j], r[i])
                }
            } else {
                // Long permutations are built from the inside out, with 64 bits a draw.
                for i in 0..<n {
                    let j = Int(generator.random64() % UInt64(i + 1))
                    r[i] = r[j]
                    r[j] = T(element: Int64(i))
                }
            }
        }
        launch("randperm") { generator.withLock { withElementType(dtype) { shuffle($0) } } }
        return out
    }
}

extension DType {
    /// `from`, or where this floating-point dtype would round `from + 1` below it, the next value it can hold.
    func firstRepresentable(from: Int) -> Int {
        let next = Int(wrapInt64(rounded(from &+ 1)))
        return next < from ? next &+ gap(at: from &+ 1) : from
    }

    /// `to`, or where this floating-point dtype would round `to - 1` to it or above, an end that it does not reach.
    func endRepresentable(to: Int) -> Int {
        let previous = Int(wrapInt64(rounded(to &- 1)))
        return previous >= to ? previous &- gap(at: to &- 1) : to
    }

    /// An integer rounded to this floating-point dtype, half types by way of float.
    private func rounded(_ v: Int) -> Double { self == .float64 ? Double(v) : rounded(Double(Float(v))) }

    /// The distance between neighbouring values of this dtype near `v`.
    private func gap(at v: Int) -> Int {
        let exponent = Int.bitWidth - 1 - v.magnitude.leadingZeroBitCount
        return exponent < digits ? 1 : 1 << (exponent - digits + 1)
    }
}
