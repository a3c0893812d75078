/// A tensor that a module learns. Assigning a floating-point leaf makes it require a gradient.
///
///     final class Scale: Module {
///         @Parameter var factor: Tensor
///         @Parameter var shift: Tensor?      // may be left out
///     }
///
/// The module finds it by itself and names it after the property.
@propertyWrapper
public struct Parameter<Value> {
    public var wrappedValue: Value {
        didSet { markAsLearnt(wrappedValue) }
    }

    public init(wrappedValue: Value) {
        self.wrappedValue = wrappedValue
        markAsLearnt(wrappedValue)
    }
}

private func markAsLearnt(_ value: Any) {
    if let t = value as? Tensor, t.isLeaf, t.dtype.isFloatingPoint { t.leafRequiresGrad = true }
}

/// A tensor that belongs to a module's state without being learnt, such as running statistics.
@propertyWrapper
public struct Buffer<Value> {
    public var wrappedValue: Value

    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}

/// What a module finds among its stored properties.
protocol TensorHolder {
    var tensor: Tensor? { get }
    static var isLearnt: Bool { get }
}

extension Parameter: TensorHolder {
    var tensor: Tensor? { wrappedValue as? Tensor }
    static var isLearnt: Bool { true }
}

extension Buffer: TensorHolder {
    var tensor: Tensor? { wrappedValue as? Tensor }
    static var isLearnt: Bool { false }
}
