// Lists that hold three items in place and only further ones on the heap: what most steps have of inputs, gradients and
// saved tensors, without an allocation. They are written out one by one: a generic one would be copied and destroyed
// through the runtime's tables.

/// Tensors, each perhaps absent: the inputs of a step, or gradients.
public struct TensorList: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
    private var first, second, third: Tensor?
    private var more: [Tensor?]?
    public private(set) var count = 0

    @inline(__always)
    public init() {}

    @inline(__always)
    public init(arrayLiteral elements: Tensor?...) {
        for e in elements { append(e) }
    }

    public init(_ items: [Tensor?]) {
        for e in items { append(e) }
    }

    // What a literal gives, without the array that a literal makes.
    @inline(__always)
    init(_ a: Tensor?) {
        first = a
        count = 1
    }

    @inline(__always)
    init(_ a: Tensor?, _ b: Tensor?) {
        first = a
        second = b
        count = 2
    }

    @inline(__always)
    init(_ a: Tensor?, _ b: Tensor?, _ c: Tensor?) {
        first = a
        second = b
        third = c
        count = 3
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    @inline(__always)
    public subscript(i: Int) -> Tensor? {
        get {
            precondition(i >= 0 && i < count, "index out of range")
            return i == 0 ? first : i == 1 ? second : i == 2 ? third : more![i - 3]
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
    public mutating func append(_ e: Tensor?) {
        switch count {
        case 0: first = e
        case 1: second = e
        case 2: third = e
        default: if more == nil { more = [e] } else { more!.append(e) }
        }
        count += 1
    }

    /// Moves an item out, so that it may be recognised as nobody else's.
    @inline(__always)
    mutating func take(_ i: Int) -> Tensor? {
        switch i {
        case 0: return first.take()
        case 1: return second.take()
        case 2: return third.take()
        default:
            let e = more![i - 3]
            more![i - 3] = nil
            return e
        }
    }
}

/// The edges of a step, nil for an input that needs no gradient.
public struct EdgeList: RandomAccessCollection, ExpressibleByArrayLiteral {
    private var first, second, third: Node?
    private var outputs: (Int32, Int32, Int32) = (0, 0, 0)
    private var more: [Edge?]?
    public private(set) var count = 0

    @inline(__always)
    public init() {}

    @inline(__always)
    public init(arrayLiteral elements: Edge?...) {
        for e in elements { append(e) }
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { count }

    @inline(__always)
    public subscript(i: Int) -> Edge? {
        precondition(i >= 0 && i < count, "index out of range")
        switch i {
        case 0: return first.map { Edge(node: $0, index: Int(outputs.0)) }
        case 1: return second.map { Edge(node: $0, index: Int(outputs.1)) }
        case 2: return third.map { Edge(node: $0, index: Int(outputs.2)) }
        default: return more![i - 3]
        }
    }

    /// Where the edge at `i` leads, for a walk that something else keeps the nodes alive for.
    @inline(__always)
    func unretained(_ i: Int) -> (node: Unmanaged<Node>, output: Int)? {
        switch i {
        case 0: return first.map { (.passUnretained($0), Int(outputs.0)) }
        case 1: return second.map { (.passUnretained($0), Int(outputs.1)) }
        case 2: return third.map { (.passUnretained($0), Int(outputs.2)) }
        default: return more![i - 3].map { (.passUnretained($0.node), $0.index) }
        }
    }

    /// Whether there is an edge at `i`.
    @inline(__always)
    func leads(_ i: Int) -> Bool {
        precondition(i >= 0 && i < count, "index out of range")
        return i == 0 ? first != nil : i == 1 ? second != nil : i == 2 ? third != nil : more![i - 3] != nil
    }

    @inline(__always)
    public mutating func append(_ e: Edge?) {
        switch count {
        case 0:
            first = e?.node
            outputs.0 = Int32(e?.index ?? 0)
        case 1:
            second = e?.node
            outputs.1 = Int32(e?.index ?? 0)
        case 2:
            third = e?.node
            outputs.2 = Int32(e?.index ?? 0)
        default: if more == nil { more = [e] } else { more!.append(e) }
        }
        count += 1
    }
}

/// What a step keeps for the way back.
struct SavedList {
    private var first, second, third: SavedTensor?
    private var more: [SavedTensor]?
    private(set) var count = 0

    @inline(__always)
    init() {}

    @inline(__always)
    subscript(i: Int) -> SavedTensor {
        precondition(i >= 0 && i < count, "index out of range")
        return i == 0 ? first! : i == 1 ? second! : i == 2 ? third! : more![i - 3]
    }

    /// Lets go of an entry, which must not be asked for again.
    mutating func forget(_ i: Int) {
        let none = SavedTensor(nil)
        switch i {
        case 0: first = none
        case 1: second = none
        case 2: third = none
        default: more![i - 3] = none
        }
    }

    @inline(__always)
    mutating func append(_ e: SavedTensor) {
        switch count {
        case 0: first = e
        case 1: second = e
        case 2: third = e
        default: if more == nil { more = [e] } else { more!.append(e) }
        }
        count += 1
    }
}
