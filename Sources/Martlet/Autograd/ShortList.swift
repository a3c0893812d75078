/// A list that holds three items in place and only further ones on the heap: what most steps keep of their inputs
/// and saved tensors, without an allocation.
public struct ShortList<Element>: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
    private var first: Element?
    private var second: Element?
    private var third: Element?
    private var more: [Element]?
    public private(set) var count = 0

    @inline(__always)
    public init() {}

    @inline(__always)
    public init(arrayLiteral elements: Element...) {
        for e in elements { append(e) }
    }

    public init<S: Sequence>(_ items: S) where S.Element == Element {
        for e in items { append(e) }
    }

    public init<S: Sequence>(_ items: S) where Element == S.Element? {
        for e in items { append(e) }
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    @inline(__always)
    public subscript(i: Int) -> Element {
        get {
            precondition(i >= 0 && i < count, "index out of range")
            switch i {
            case 0: return first!
            case 1: return second!
            case 2: return third!
            default: return more![i - 3]
            }
        }
        set {
            precondition(i >= 0 && i < count, "index out of range")
            switch i {
            case 0: first = newValue
            case 1: second = newValue
            case 2: third = newValue
            default: more![i - 3] = newValue
            }
        }
    }

    @inline(__always)
    public mutating func append(_ e: Element) {
        switch count {
        case 0: first = e
        case 1: second = e
        case 2: third = e
        default: appendFar(e)
        }
        count += 1
    }

    @inline(never)
    private mutating func appendFar(_ e: Element) {
        if more == nil { more = [e] } else { more!.append(e) }
    }
}
