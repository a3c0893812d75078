/// Swift's operators on tensors. They stop the program on bad operands, as Swift's own arithmetic does; each has a
/// throwing spelling (`add`, `mul`, ...).
extension Tensor {
    public static func + (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.add(b) } }
    public static func - (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.sub(b) } }
    public static func * (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.mul(b) } }
    public static func / (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.div(b) } }
    public static prefix func - (a: Tensor) -> Tensor { orTrap { try a.neg() } }

    public static func + (a: Tensor, b: Double) -> Tensor { a + .number(b) }
    public static func - (a: Tensor, b: Double) -> Tensor { a - .number(b) }
    public static func * (a: Tensor, b: Double) -> Tensor { a * .number(b) }
    public static func / (a: Tensor, b: Double) -> Tensor { a / .number(b) }
    public static func + (a: Double, b: Tensor) -> Tensor { .number(a) + b }
    public static func - (a: Double, b: Tensor) -> Tensor { .number(a) - b }
    public static func * (a: Double, b: Tensor) -> Tensor { .number(a) * b }
    public static func / (a: Double, b: Tensor) -> Tensor { .number(a) / b }

    public static func += (a: Tensor, b: Tensor) { _ = orTrap { try a.addInPlace(b) } }
    public static func -= (a: Tensor, b: Tensor) { _ = orTrap { try a.subInPlace(b) } }
    public static func *= (a: Tensor, b: Tensor) { _ = orTrap { try a.mulInPlace(b) } }
}

// Comparisons and masks, element by element, spelled as the standard library spells them for SIMD vectors.
extension Tensor {
    public static func .== (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.eq(b) } }
    public static func .!= (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.ne(b) } }
    public static func .< (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.lt(b) } }
    public static func .<= (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.le(b) } }
    public static func .> (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.gt(b) } }
    public static func .>= (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.ge(b) } }

    public static func .== (a: Tensor, b: Double) -> Tensor { a .== .number(b) }
    public static func .!= (a: Tensor, b: Double) -> Tensor { a .!= .number(b) }
    public static func .< (a: Tensor, b: Double) -> Tensor { a .< .number(b) }
    public static func .<= (a: Tensor, b: Double) -> Tensor { a .<= .number(b) }
    public static func .> (a: Tensor, b: Double) -> Tensor { a .> .number(b) }
    public static func .>= (a: Tensor, b: Double) -> Tensor { a .>= .number(b) }

    public static func .& (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.bitwiseAnd(b) } }
    public static func .| (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.bitwiseOr(b) } }
    public static func .^ (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.bitwiseXor(b) } }
    public static prefix func .! (a: Tensor) -> Tensor { orTrap { try a.bitwiseNot() } }

    /// The remainder with the sign of the divisor, as torch's and Python's `%`.
    public static func % (a: Tensor, b: Tensor) -> Tensor { orTrap { try a.remainder(b) } }
}
