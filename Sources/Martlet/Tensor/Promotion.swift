/// torch's rules for the dtype of a result: tensors with dimensions decide, then 0-dim tensors, then bare
/// numbers; a lower rank only counts when it is of a higher kind (bool < integer < floating point).
struct Promotion {
    private var dimensioned: DType?
    private var zeroDim: DType?
    private var number: DType?

    mutating func add(_ t: Tensor) {
        if t.isWrappedNumber {
            let d = t.dtype.isFloatingPoint ? DType.defaultFloat : t.dtype
            number = number.map { .promote($0, d) } ?? d
        } else if t.rank == 0 && !t.isSparse {
            zeroDim = zeroDim.map { .promote($0, t.dtype) } ?? t.dtype
        } else {
            dimensioned = dimensioned.map { .promote($0, t.dtype) } ?? t.dtype
        }
    }

    private static func combine(_ higher: DType?, _ lower: DType?) -> DType? {
        guard let higher else { return lower }
        guard let lower else { return higher }
        if higher.isFloatingPoint { return higher }
        if higher == .bool || lower.isFloatingPoint { return .promote(higher, lower) }
        return higher
    }

    var result: DType {
        Promotion.combine(dimensioned, Promotion.combine(zeroDim, number)) ?? .defaultFloat
    }
}

extension Tensor {
    /// The dtype that an operation on both computes in.
    @inline(__always)
    public static func resultType(_ a: Tensor, _ b: Tensor) -> DType {
        if a.dtype == b.dtype && !(a.isWrappedNumber && b.isWrappedNumber) { return a.dtype }
        var p = Promotion()
        p.add(a)
        p.add(b)
        return p.result
    }

    static func resultType(_ list: [Tensor]) -> DType {
        var p = Promotion()
        for t in list { p.add(t) }
        return p.result
    }
}
