import CMartlet
import Glibc
import Martlet
import Synchronization

// A handle is the address of a retained Swift object. Every export goes through these few functions: they turn
// handles into tensors, results into handles and thrown errors into the thread's error slot.

/// Set by MARTLET_CHECK_HANDLES=1: every handle given out is counted, and others are refused.
let checksHandles: Bool = getenv("MARTLET_CHECK_HANDLES").map { String(cString: $0) == "1" } ?? false
private let liveHandles = Mutex<[OpaquePointer: Int]>([:])

@inline(__always)
func own(_ object: AnyObject) -> OpaquePointer {
    let h = OpaquePointer(Unmanaged.passRetained(object).toOpaque())
    if checksHandles { liveHandles.withLock { $0[h, default: 0] += 1 } }
    return h
}

/// Drops one reference; a handle that was not given out is refused when handles are checked.
func disown(_ h: OpaquePointer?) {
    guard let h else { return }
    if checksHandles {
        let known = liveHandles.withLock { live -> Bool in
            guard let n = live[h] else { return false }
            live[h] = n == 1 ? nil : n - 1
            return true
        }
        guard known else {
            setError(MartletError(.handle, "release: the handle is stale, foreign or released twice"))
            return
        }
    }
    Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(h)).release()
}

@inline(__always)
func object<T: AnyObject>(_ h: OpaquePointer?, _ type: T.Type, _ name: StaticString, _ op: StaticString) throws -> T {
    guard let h else {
        throw MartletError(.handle, "\(cName(op)): argument '\(name)' is NULL (did an earlier call fail?)")
    }
    if checksHandles {
        guard liveHandles.withLock({ $0[h] != nil }),
            let t = Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(h)).takeUnretainedValue() as? T
        else { throw MartletError(.handle, "\(cName(op)): argument '\(name)' is a stale or foreign handle") }
        return t
    }
    return Unmanaged<T>.fromOpaque(UnsafeRawPointer(h)).takeUnretainedValue()
}

/// "mt_add" from "mt_add(_:_:_:)".
private func cName(_ f: StaticString) -> String { String(f.description.prefix { $0 != "(" }) }

/// A lent tensor.
@inline(__always)
func T(_ h: mt_tensor?, _ name: StaticString, _ op: StaticString = #function) throws -> Tensor {
    try object(h, Tensor.self, name, op)
}

/// A lent tensor that may be left out.
@inline(__always)
func optional(_ h: mt_tensor?, _ name: StaticString = "tensor", _ op: StaticString = #function) throws -> Tensor? {
    h == nil ? nil : try object(h, Tensor.self, name, op)
}

/// A list of lent tensors.
func tensors(_ p: UnsafePointer<mt_tensor?>?, _ n: Int32, _ name: StaticString, _ op: StaticString = #function) throws
    -> [Tensor]
{
    if n == 0 { return [] }
    guard n > 0, let p else { throw MartletError(.handle, "\(cName(op)): the list '\(name)' is NULL") }
    return try (0..<Int(n)).map { try T(p[$0], name, op) }
}

/// A list whose entries may be left out.
func optionals(_ p: UnsafePointer<mt_tensor?>?, _ n: Int32, _ name: StaticString, _ op: StaticString = #function) throws
    -> [Tensor?]
{
    guard let p else { return [Tensor?](repeating: nil, count: Int(n)) }
    return try (0..<Int(n)).map { try optional(p[$0], name, op) }
}

/// A list of integers; an absent one is empty.
@inline(__always)
func ints(_ p: UnsafePointer<Int64>?, _ n: Int32) -> [Int] {
    guard let p, n > 0 else { return [] }
    return (0..<Int(n)).map { Int(p[$0]) }
}

/// A list of integers; nil where absent.
@inline(__always)
func optionalInts(_ p: UnsafePointer<Int64>?, _ n: Int32) -> [Int]? { p == nil ? nil : ints(p, n) }

@inline(__always)
func dims(_ p: UnsafePointer<Int64>?, _ n: Int32) throws -> [Int] {
    guard n >= 0, n == 0 || p != nil else { throw MartletError.value("a list of \(n) sizes was given as NULL") }
    guard n <= 64 else { throw MartletError.runtime("a tensor can have at most \(Dims.maxRank) dimensions, got \(n)") }
    return ints(p, n)
}

/// MT_NONE as nil.
@inline(__always)
func optionalInt(_ v: Int64) -> Int? { v == Int64.min ? nil : Int(v) }

/// MT_DTYPE_NONE as nil; an unknown number is an error.
@inline(__always)
func optionalDType(_ d: Int32) throws -> DType? {
    if d == -1 { return nil }
    guard d >= 0, d < 256, let t = DType(rawValue: UInt8(d)) else {
        throw MartletError.value("unknown dtype \(d)")
    }
    return t
}

func dtype(_ d: Int32) throws -> DType { try optionalDType(d) ?? .defaultFloat }

// MARK: Results

/// Runs a body that makes one tensor.
@inline(__always)
func result(_ op: StaticString = #function, _ body: () throws -> Tensor) -> mt_tensor? {
    do {
        let made = try body()
        try Tape.settle(op)
        let h = own(made)
        noteInScope(h)
        return h
    } catch {
        setError(error)
        return nil
    }
}

/// Runs a body that finds a tensor or nothing; NULL without an error means nothing.
@inline(__always)
func optionalResult(_ op: StaticString = #function, _ body: () throws -> Tensor?) -> mt_tensor? {
    do {
        guard let t = try body() else { return nil }
        try Tape.settle(op)
        let h = own(t)
        noteInScope(h)
        return h
    } catch {
        setError(error)
        return nil
    }
}

/// Runs a body that makes nothing.
@inline(__always)
func status(_ op: StaticString = #function, _ body: () throws -> Void) -> mt_status {
    do {
        try body()
        try Tape.settle(op)
        return 0
    } catch {
        return setError(error)
    }
}

/// Runs a body that makes several tensors and writes them to `out`.
@inline(__always)
func results(
    _ out: UnsafeMutablePointer<mt_tensor?>?, _ op: StaticString = #function, _ body: () throws -> [Tensor]
) -> mt_status {
    status(op) {
        guard let out else { throw MartletError(.handle, "the result pointer is NULL") }
        for (i, t) in try body().enumerated() {
            out[i] = own(t)
            noteInScope(out[i]!)
        }
    }
}

/// Runs a body that makes a list whose length only it knows.
func list(
    _ out: UnsafeMutablePointer<mt_tensor_list>?, _ op: StaticString = #function, _ body: () throws -> [Tensor]
) -> mt_status {
    status(op) {
        guard let out else { throw MartletError(.handle, "the result pointer is NULL") }
        let made = try body()
        let items = UnsafeMutablePointer<mt_tensor?>.allocate(capacity: max(made.count, 1))
        for (i, t) in made.enumerated() { items[i] = own(t) }
        out.pointee = mt_tensor_list(items: items, count: Int64(made.count))
    }
}

/// Runs a body that looks something up; `failure` is returned beside the error.
@inline(__always)
func value<R>(_ failure: R, _ body: () throws -> R) -> R {
    do { return try body() } catch {
        setError(error)
        return failure
    }
}
