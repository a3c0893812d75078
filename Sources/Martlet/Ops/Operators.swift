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
