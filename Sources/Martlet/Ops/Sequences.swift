/// Tensors made by rule: ranges and identities.
extension Tensor {
    /// start, start + step, ... up to but without end. Element i is start + i * step, so errors do not add up.
    public static func arange(_ start: Tensor, _ end: Tensor, _ step: Tensor, dtype: DType? = nil) throws -> Tensor {
        let floating = [start, end, step].contains { $0.dtype.isFloatingPoint }
        let type = dtype ?? (floating ? .defaultFloat : .int64)
        let (a, b, s) = (try start.item(), try end.item(), try step.item())
        guard s != 0 else { throw MartletError.runtime("step must be nonzero") }
        guard a.isFinite && b.isFinite else {
            throw MartletError.runtime("unsupported range: \(a) -> \(b)")
        }
        guard (s > 0 && b >= a) || (s < 0 && b <= a) else {
            throw MartletError.runtime("upper bound and lower bound inconsistent with step sign")
        }
        let count: Int
        // With an integer dtype asked for, the bounds are cut to integers first.
        if floating && !type.isFloatingPoint {
            guard [a, b, s].allSatisfy({ $0.magnitude < 9.2e18 }) else {
                throw MartletError.runtime("value cannot be converted to type int64_t without overflow")
            }
            return try arange(.number(Int(a)), .number(Int(b)), .number(Int(s)), dtype: type)
        }
        if floating {
            let n = ((b - a) / s).rounded(.up)
            guard n < 9e15 else { throw MartletError.runtime("invalid size, possible overflow?") }
            count = Int(n)
        } else {
            let (x, y, z) = (try start.itemInt(), try end.itemInt(), try step.itemInt())
            let span = y.subtractingReportingOverflow(x)
            guard !span.overflow else { throw MartletError.runtime("invalid size, possible overflow?") }
            let whole = span.partialValue.dividedReportingOverflow(by: z)
            let rest = span.partialValue.remainderReportingOverflow(dividingBy: z).partialValue
            guard !whole.overflow, whole.partialValue < Int.max else {
                throw MartletError.runtime("invalid size, possible overflow?")
            }
            count = whole.partialValue + (rest == 0 ? 0 : 1)
        }
        let out = try Tensor.empty([count], type)
        if type.isFloatingPoint || floating {
            out.fill { i in a + Double(i) * s }
        } else {
            let (x, z) = (try start.itemInt(), try step.itemInt())
            out.fillInts { i in Int64(x &+ i &* z) }
        }
        return out
    }

    /// `steps` numbers from start to end, both included; the second half counts back from the end.
    public static func linspace(_ start: Double, _ end: Double, _ steps: Int, dtype: DType? = nil) throws -> Tensor {
        guard steps >= 0 else { throw MartletError.runtime("number of steps must be non-negative") }
        let type = dtype ?? .defaultFloat
        let out = try Tensor.empty([steps], type)
        if steps == 1 {
            out.fill { _ in start }
        } else if type == .float32 {
            // In float32 arithmetic, as the result's own dtype would give it.
            let (a, b) = (Float(start), Float(end))
            let step = (b - a) / Float(steps - 1)
            out.fill { i in
                Double(i < steps / 2 ? step.fma(Float(i), a) : (-step).fma(Float(steps - 1 - i), b))
            }
        } else if type.isFloatingPoint {
            let step = (end - start) / Double(steps - 1)
            out.fill { i in i < steps / 2 ? start + step * Double(i) : end - step * Double(steps - 1 - i) }
        } else {
            let (a, b) = (start.rounded(.towardZero), end.rounded(.towardZero))
            let step = (b - a) / Double(steps - 1)
            out.fill { i in i < steps / 2 ? a + step * Double(i) : b - step * Double(steps - 1 - i) }
        }
        return out
    }

    /// Powers of `base` with exponents from start to end.
    public static func logspace(_ start: Double, _ end: Double, _ steps: Int, base: Double, dtype: DType? = nil) throws -> Tensor {
        guard steps >= 0 else { throw MartletError.runtime("number of steps must be non-negative") }
        let type = dtype ?? .defaultFloat
        // For an integer result the exponents' ends are integers too.
        let (start, end) = type.isFloatingPoint ? (start, end) : (start.rounded(.towardZero), end.rounded(.towardZero))
        let out = try Tensor.empty([steps], type)
        let step = steps > 1 ? (end - start) / Double(steps - 1) : 0
        out.fill { i in
            let e = i < steps / 2 || steps == 1 ? start + step * Double(i) : end - step * Double(steps - 1 - i)
            return power(base, e)
        }
        return out
    }

    /// Ones on the diagonal.
    public static func eye(_ n: Int, _ m: Int? = nil, dtype: DType? = nil) throws -> Tensor {
        let columns = m ?? n
        guard n >= 0 else { throw MartletError.runtime("n must be greater or equal to 0, got \(n)") }
        guard columns >= 0 else { throw MartletError.runtime("m must be greater or equal to 0, got \(columns)") }
        let out = try zeros([n, columns], dtype: dtype ?? .defaultFloat)
        fillKernel(try withNoGrad { try out.diagonal() }, .number(1))
        return out
    }

    /// Row and column numbers of a triangle, 2 x count.
    public static func triangleIndices(_ rows: Int, _ columns: Int, offset k: Int, lower: Bool, dtype: DType = .int64) throws -> Tensor {
        guard rows >= 0 else { throw MartletError.runtime("row must be non-negative, got\(rows)") }
        guard columns >= 0 else { throw MartletError.runtime("col must be non-negative, got\(columns)") }
        guard dtype == .int64 || dtype == .int32 else {
            throw MartletError.notImplemented("\"\(lower ? "tril" : "triu")_indices\" not implemented for '\(dtype.scalarTypeName)'")
        }
        let k = Swift.min(Swift.max(k, -rows), columns)
        let count = try lower ? belowDiagonal(rows, columns, k) : belowDiagonal(columns, rows, -k)
        let out = Tensor(
            storage: try Storage(byteCount: checkedByteCount([2, count], .int64), constant: true), offset: 0, sizes: [2, count],
            strides: [count, 1], dtype: .int64)
        let (r, c) = (out.typed(Int64.self), out.typed(Int64.self) + count)
        var at = 0
        var i = lower ? Swift.max(-k, 0) : 0
        while at < count {
            for j in (lower ? 0 : Swift.max(i + k, 0))..<(lower ? Swift.min(i + k + 1, columns) : columns) {
                (r[at], c[at]) = (Int64(i), Int64(j))
                at += 1
            }
            i += 1
        }
        return try out.to(dtype)
    }

    /// How many places of a matrix have column - row <= k, where k lies between -rows and columns.
    private static func belowDiagonal(_ rows: Int, _ columns: Int, _ k: Int) throws -> Int {
        // Rows before a have none of them, those from b on all columns; between, each has one more than the one before.
        let a = Swift.max(-k, 0)
        let whole = columns.subtractingReportingOverflow(k)
        let b = whole.overflow ? rows : Swift.min(Swift.max(whole.partialValue - 1, a), rows)
        let (growing, sum) = (b - a, a.addingReportingOverflow(b - 1))
        let estimate = Double(growing) * (Double(k) + 1 + (Double(a) + Double(b) - 1) / 2) + Double(rows - b) * Double(columns)
        guard estimate < 0x1p59, !sum.overflow else {
            throw MartletError.runtime("Storage size calculation overflowed with sizes=[2, \(estimate)]")
        }
        // The sum of the row numbers, one of whose factors is even. Parts may wrap that the whole does not.
        let numbers = growing % 2 == 0 ? growing / 2 &* sum.partialValue : growing &* (sum.partialValue / 2)
        return growing &* (k + 1) &+ numbers &+ (rows - b) &* columns
    }

    /// Sets each element of a contiguous tensor from its number.
    private func fill(_ value: @escaping (Int) -> Double) {
        let target = lent
        func run<T: TensorElement>(_: T.Type) {
            let p = target.typed(T.self)
            for i in 0..<target.numel { p[i] = T(element: value(i)) }
        }
        launch("fill") { [dtype] in withElementType(dtype) { run($0) } }
    }

    private func fillInts(_ value: @escaping (Int) -> Int64) {
        let target = lent
        func run<T: TensorElement>(_: T.Type) {
            let p = target.typed(T.self)
            for i in 0..<target.numel { p[i] = T(element: value(i)) }
        }
        launch("fill") { [dtype] in withElementType(dtype) { run($0) } }
    }
}

import Glibc

private func power(_ base: Double, _ e: Double) -> Double { pow(base, e) }

extension Float {
    /// self * b + c with one rounding.
    fileprivate func fma(_ b: Float, _ c: Float) -> Float { c.addingProduct(self, b) }
}
