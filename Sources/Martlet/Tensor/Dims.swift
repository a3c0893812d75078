/// A short list of integers held in place: the sizes or strides of a tensor, without a heap allocation.
///
/// Holds up to ``maxRank`` values. It reads and writes like an array:
///
///     var d: Dims = [2, 3]
///     d.append(4)
///     d.product  // 24
public struct Dims: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral, Hashable, Sendable,
    CustomStringConvertible
{
    /// The largest number of dimensions a tensor can have.
    public static let maxRank = 12

    @usableFromInline var values: InlineArray<12, Int>
    public private(set) var count: Int

    @inline(__always)
    public init() { self.init(repeating: 0, count: 0) }

    @inline(__always)
    public init(repeating v: Int, count: Int) {
        values = [v, v, v, v, v, v, v, v, v, v, v, v]
        self.count = count
    }

    // What a literal gives, without the array that a literal makes.
    @inline(__always)
    init(_ a: Int) {
        self.init(repeating: a, count: 1)
    }

    @inline(__always)
    init(_ a: Int, _ b: Int) {
        self.init(repeating: b, count: 2)
        values[0] = a
    }

    /// Traps beyond ``maxRank``: callers check lengths that come from outside with ``init(checking:)``.
    public init<S: Collection>(_ items: S) where S.Element == Int {
        self.init()
        for v in items { append(v) }
    }

    @inline(__always)
    public init(arrayLiteral elements: Int...) {
        self.init()
        for v in elements { append(v) }
    }

    /// Fails with torch-like words when there are more than ``maxRank`` items.
    public init<S: Collection>(checking items: S) throws where S.Element == Int {
        guard items.count <= Dims.maxRank else {
            throw MartletError.runtime("a tensor can have at most \(Dims.maxRank) dimensions, got \(items.count)")
        }
        self.init(items)
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    @inline(__always)
    public subscript(i: Int) -> Int {
        get { values[i] }
        set { values[i] = newValue }
    }

    @inline(__always)
    public mutating func append(_ v: Int) {
        values[count] = v
        count += 1
    }

    public mutating func insert(_ v: Int, at i: Int) {
        var j = count
        while j > i {
            values[j] = values[j - 1]
            j -= 1
        }
        values[i] = v
        count += 1
    }

    @discardableResult
    public mutating func remove(at i: Int) -> Int {
        let v = values[i]
        var j = i
        while j + 1 < count {
            values[j] = values[j + 1]
            j += 1
        }
        count -= 1
        return v
    }

    public mutating func removeLast() { count -= 1 }

    /// The product of all values; 1 when empty.
    @inline(__always)
    public var product: Int {
        var p = 1
        for i in 0..<count { p &*= values[i] }
        return p
    }

    /// ``product`` of sizes, or torch's error where it is beyond 64 bits. Sizes of zero do not hide what others multiply to,
    /// so that no product of some of them is beyond either.
    func checkedProduct() throws -> Int {
        var (p, empty) = (1, false)
        for i in 0..<count {
            let (next, overflow) = p.multipliedReportingOverflow(by: Swift.max(values[i], 1))
            if overflow { throw MartletError.runtime("numel: integer multiplication overflow") }
            (p, empty) = (next, empty || values[i] == 0)
        }
        return empty ? 0 : p
    }

    @inline(__always)
    public static func == (a: Dims, b: Dims) -> Bool {
        if a.count != b.count { return false }
        for i in 0..<a.count where a.values[i] != b.values[i] { return false }
        return true
    }

    public func hash(into h: inout Hasher) {
        for i in 0..<count { h.combine(values[i]) }
    }

    /// `[2, 3]`, as torch's messages print sizes.
    public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }

    /// Row-major strides for these sizes.
    @inline(__always)
    public var contiguousStrides: Dims {
        var s = Dims(repeating: 1, count: count)
        var p = 1
        var i = count - 1
        while i >= 0 {
            s[i] = p
            p &*= Swift.max(values[i], 1)
            i -= 1
        }
        return s
    }
}

/// Turns a possibly negative dimension into 0..<rank (a 0-dim tensor counts as rank 1), with torch's message.
@inline(__always)
public func wrapDim(_ dim: Int, _ rank: Int) throws -> Int {
    let n = Swift.max(rank, 1)
    guard dim >= -n && dim < n else {
        throw MartletError.index(
            "Dimension out of range (expected to be in range of [\(-n), \(n - 1)], but got \(dim))")
    }
    return dim < 0 ? dim + n : dim
}

/// The broadcast of two shapes, or torch's error.
@inline(__always)
public func broadcastSizes(_ a: Dims, _ b: Dims) throws -> Dims { a == b ? a : try broadcastDifferent(a, b) }

@inline(never)
private func broadcastDifferent(_ a: Dims, _ b: Dims) throws -> Dims {
    let n = Swift.max(a.count, b.count)
    var out = Dims(repeating: 1, count: n)
    for i in (0..<n).reversed() {
        let x = i < n - a.count ? 1 : a[i - (n - a.count)]
        let y = i < n - b.count ? 1 : b[i - (n - b.count)]
        if x == y || y == 1 {
            out[i] = x
        } else if x == 1 {
            out[i] = y
        } else {
            throw MartletError.runtime(
                "The size of tensor a (\(x)) must match the size of tensor b (\(y)) at non-singleton dimension \(i)")
        }
    }
    return out
}
