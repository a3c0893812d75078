import MartletKernels
import Synchronization

/// The memory of one recorded run. While recording, blocks that are freed serve later requests of the same run, in an
/// order that every replay repeats; when the recording is over nothing moves any more. The blocks go back to the
/// allocator when the tape and every tensor that lives in them are gone.
final class Arena: @unchecked Sendable {
    private struct State {
        var blocks: [UnsafeMutableRawPointer: Int] = [:]
        var free: [Int: [UnsafeMutableRawPointer]] = [:]
        var used: Set<UnsafeMutableRawPointer> = []
        var isOpen = true
        var bytes = 0
    }
    private let state = Mutex(State())

    /// Requests are rounded up to an eighth of a power of two, so that tensors of nearly one size share blocks.
    private static func rounded(_ bytes: Int) -> Int {
        if bytes <= 512 { return Swift.max(64, (bytes + 63) & ~63) }
        let step = 1 << (Int.bitWidth - (bytes - 1).leadingZeroBitCount - 4)
        return (bytes + step - 1) & ~(step - 1)
    }

    /// A block of at least `bytes`; nil when there is no memory.
    func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
        let size = Arena.rounded(bytes)
        return state.withLock { s in
            if let p = s.free[size]?.popLast() {
                s.used.insert(p)
                return p
            }
            guard let p = mk_alloc(size) else { return nil }
            s.used.insert(p)
            s.blocks[p] = size
            s.bytes += size
            return p
        }
    }

    func give(_ p: UnsafeMutableRawPointer) {
        state.withLock { s in
            s.used.remove(p)
            if s.isOpen, let size = s.blocks[p] { s.free[size, default: []].append(p) }
        }
    }

    func owns(_ p: UnsafeMutableRawPointer) -> Bool { state.withLock { $0.blocks[p] != nil } }

    /// Ends reuse.
    func close() {
        state.withLock {
            $0.isOpen = false
            $0.free = [:]
        }
    }

    /// Blocks in use that are not among `expected`.
    func strays(_ expected: Set<UnsafeMutableRawPointer>) -> Int {
        state.withLock { s in s.used.subtracting(expected).count }
    }

    var byteCount: Int { state.withLock { $0.bytes } }

    deinit { state.withLock { for (p, size) in $0.blocks { mk_free(p, size) } } }
}
