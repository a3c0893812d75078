/// The element type of a tensor. Raw values are part of the C API and never change.
public enum DType: UInt8, CaseIterable, Sendable {
    case float32 = 0
    case float64 = 1
    case int64 = 2
    case int32 = 3
    case int16 = 4
    case int8 = 5
    case uint8 = 6
    case bool = 7
    /// Stored, converted and printed; arithmetic on it is not offered.
    case float16 = 8
    /// Stored, converted and printed; arithmetic on it is not offered.
    case bfloat16 = 9

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .int16, .float16, .bfloat16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    public var isFloatingPoint: Bool {
        switch self {
        case .float32, .float64, .float16, .bfloat16: true
        default: false
        }
    }

    public var isIntegral: Bool { !isFloatingPoint && self != .bool }

    /// torch's name without the module: `float32`, `int64`, ...
    public var name: String {
        switch self {
        case .float32: "float32"
        case .float64: "float64"
        case .int64: "int64"
        case .int32: "int32"
        case .int16: "int16"
        case .int8: "int8"
        case .uint8: "uint8"
        case .bool: "bool"
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        }
    }

    /// The word torch's error messages use: `Float`, `Long`, ...
    public var scalarTypeName: String {
        switch self {
        case .float32: "Float"
        case .float64: "Double"
        case .int64: "Long"
        case .int32: "Int"
        case .int16: "Short"
        case .int8: "Char"
        case .uint8: "Byte"
        case .bool: "Bool"
        case .float16: "Half"
        case .bfloat16: "BFloat16"
        }
    }

    /// Bool < integers < floating point, the order in which numbers take part in promotion.
    var category: Int { self == .bool ? 0 : (isFloatingPoint ? 2 : 1) }

    /// The dtype that new floating-point tensors get; `float32` unless changed.
    public static var defaultFloat: DType = .float32

    /// The smallest dtype to which both can be converted by torch's promotion lattice.
    public static func promote(_ a: DType, _ b: DType) -> DType {
        if a == b { return a }
        if a.category != b.category { return a.category > b.category ? a : b }
        if a.isFloatingPoint {
            if a == .float64 || b == .float64 { return .float64 }
            return .float32  // float32 with a half type, or the two half types together
        }
        // Integers: uint8 with a signed type needs the next wider signed one.
        if a == .uint8 || b == .uint8 {
            let signed = a == .uint8 ? b : a
            return signed == .int8 ? .int16 : signed
        }
        return a.size > b.size ? a : b
    }
}

/// A Swift type that a tensor's elements can have.
public protocol TensorElement {
    static var dtype: DType { get }
    /// Conversions as C casts: truncation toward zero, wrapping of integers, nonzero is true.
    init(element value: Double)
    init(element value: Int64)
    var asDouble: Double { get }
    var asInt64: Int64 { get }
}

/// Converts to an integer as x86's cvttsd2si does: what does not fit gives `Int64.min`.
@inlinable @inline(__always)
func wrapInt64(_ v: Double) -> Int64 { v >= -0x1p63 && v < 0x1p63 ? Int64(v) : .min }

/// As ``wrapInt64(_:)``, of 32 bits.
@inlinable @inline(__always)
func wrapInt32(_ v: Double) -> Int32 { v > -0x1p31 - 1 && v < 0x1p31 ? Int32(v) : .min }

extension Float: TensorElement {
    public static var dtype: DType { .float32 }
    @inlinable @inline(__always) public init(element value: Double) { self = Float(value) }
    @inlinable @inline(__always) public init(element value: Int64) { self = Float(value) }
    @inlinable @inline(__always) public var asDouble: Double { Double(self) }
    @inlinable @inline(__always) public var asInt64: Int64 { wrapInt64(Double(self)) }
}

extension Double: TensorElement {
    public static var dtype: DType { .float64 }
    @inlinable @inline(__always) public init(element value: Double) { self = value }
    @inlinable @inline(__always) public init(element value: Int64) { self = Double(value) }
    @inlinable @inline(__always) public var asDouble: Double { self }
    @inlinable @inline(__always) public var asInt64: Int64 { wrapInt64(self) }
}

/// The integer element types share their conversions.
public protocol IntegerElement: TensorElement, FixedWidthInteger {}
extension IntegerElement {
    /// Through 32 bits, as compilers for x86 convert to signed integers that are no longer, and torch with them.
    @inlinable @inline(__always) public init(element value: Double) {
        if Self.isSigned && Self.bitWidth <= 32 {
            self.init(truncatingIfNeeded: wrapInt32(value))
        } else {
            self.init(truncatingIfNeeded: wrapInt64(value))
        }
    }
    @inlinable @inline(__always) public init(element value: Int64) { self.init(truncatingIfNeeded: value) }
    @inlinable @inline(__always) public var asDouble: Double { Double(self) }
    @inlinable @inline(__always) public var asInt64: Int64 { Int64(truncatingIfNeeded: self) }
}
extension Int64: IntegerElement { public static var dtype: DType { .int64 } }
extension Int32: IntegerElement { public static var dtype: DType { .int32 } }
extension Int16: IntegerElement { public static var dtype: DType { .int16 } }
extension Int8: IntegerElement { public static var dtype: DType { .int8 } }
extension UInt8: IntegerElement { public static var dtype: DType { .uint8 } }

extension Bool: TensorElement {
    public static var dtype: DType { .bool }
    @inlinable @inline(__always) public init(element value: Double) { self = value != 0 }
    @inlinable @inline(__always) public init(element value: Int64) { self = value != 0 }
    @inlinable @inline(__always) public var asDouble: Double { self ? 1 : 0 }
    @inlinable @inline(__always) public var asInt64: Int64 { self ? 1 : 0 }
}

/// IEEE half precision held as bits, so that every CPU and compiler has it.
public struct Half: TensorElement, Equatable, Sendable {
    public var bits: UInt16
    public static var dtype: DType { .float16 }
    public init(element value: Double) { self.init(Float(value), roundedFrom: value) }
    public init(element value: Int64) { self.init(element: Double(value)) }
    public var asInt64: Int64 { wrapInt64(asDouble) }

    /// Rounds to nearest even. Doubles go through float first, as torch's conversion does.
    init(_ f: Float, roundedFrom _: Double) {
        let x = f.bitPattern
        let sign = UInt16(x >> 16) & 0x8000
        let magnitude = x & 0x7fff_ffff
        if magnitude >= 0x7f80_0000 {
            bits = sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00)
        } else if magnitude >= 0x477f_f000 {
            bits = sign | 0x7c00
        } else if magnitude < 0x3880_0000 {
            // Subnormal result: let float addition do the rounding at the right place.
            let shifted = Float(bitPattern: magnitude) + 0.5
            bits = sign | UInt16(truncatingIfNeeded: shifted.bitPattern &- 0x3f00_0000)
        } else {
            let odd = (magnitude >> 13) & 1
            bits = sign | UInt16(truncatingIfNeeded: (magnitude &+ 0xc800_0fff &+ odd) >> 13)
        }
    }

    public var asDouble: Double {
        let exponent = Int(bits >> 10) & 0x1f
        let fraction = Double(bits & 0x3ff)
        let magnitude: Double
        if exponent == 31 {
            magnitude = fraction == 0 ? .infinity : .nan
        } else if exponent == 0 {
            magnitude = fraction * 0x1p-24
        } else {
            magnitude = Double(sign: .plus, exponent: exponent - 25, significand: fraction + 1024)
        }
        return bits & 0x8000 != 0 ? -magnitude : magnitude
    }
}

/// bfloat16 held as bits: the upper half of a float, rounded to nearest even.
public struct BFloat: TensorElement, Equatable, Sendable {
    public var bits: UInt16
    public static var dtype: DType { .bfloat16 }
    public init(element value: Double) {
        let x = Float(value).bitPattern
        if x & 0x7fff_ffff > 0x7f80_0000 {
            bits = 0x7fc0
        } else {
            bits = UInt16(truncatingIfNeeded: (x &+ 0x7fff &+ ((x >> 16) & 1)) >> 16)
        }
    }
    public init(element value: Int64) { self.init(element: Double(Float(value))) }
    public var asDouble: Double { Double(Float(bitPattern: UInt32(bits) << 16)) }
    public var asInt64: Int64 { wrapInt64(asDouble) }
}

/// Calls a generic body with the Swift type of a dtype. The compiler specialises each branch.
@inline(__always)
func withElementType<R>(_ dtype: DType, _ body: (any TensorElement.Type) throws -> R) rethrows -> R {
    switch dtype {
    case .float32: try body(Float.self)
    case .float64: try body(Double.self)
    case .int64: try body(Int64.self)
    case .int32: try body(Int32.self)
    case .int16: try body(Int16.self)
    case .int8: try body(Int8.self)
    case .uint8: try body(UInt8.self)
    case .bool: try body(Bool.self)
    case .float16: try body(Half.self)
    case .bfloat16: try body(BFloat.self)
    }
}
