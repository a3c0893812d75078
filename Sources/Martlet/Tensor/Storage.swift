import MartletKernels

/// Reference-counted memory that tensors and their views share, with the count of writes made to it.
public final class Storage {
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int
    /// Bumped by each in-place write; a saved tensor compares it to tell whether it was changed.
    var version = 0
    private let release: (() -> Void)?

    /// Takes memory from the caching allocator, or, while this thread records, from the tape's arena; a `constant`, whose
    /// contents no launch makes again, never comes from there. Throws `outOfMemory` when it cannot be had.
    init(byteCount: Int, constant: Bool = false) throws {
        let arena = Tape.isRecording && !constant ? Tape.current?.arena : nil
        guard byteCount >= 0, let p = arena.map({ $0.take(byteCount) }) ?? mk_alloc(Swift.max(byteCount, 1)) else {
            throw MartletError.outOfMemory(
                "[enforce fail at alloc] DefaultCPUAllocator: can't allocate memory: you tried to allocate \(byteCount) bytes.")
        }
        base = p
        self.byteCount = byteCount
        release = arena.map { arena in { arena.give(p) } }
    }

    /// Somebody outside was told the address: the memory must stay this storage's.
    public var isExposed = false

    /// Whether another storage may be given this memory.
    var mayExchange: Bool { release == nil && !isExposed }

    /// Wraps memory that somebody else owns; `release` runs once when the last user is gone.
    init(foreign base: UnsafeMutableRawPointer, byteCount: Int, release: @escaping () -> Void) {
        self.base = base
        self.byteCount = byteCount
        self.release = release
    }

    deinit {
        if let release { release() } else { mk_free(base, Swift.max(byteCount, 1)) }
    }
}

/// A write counter of its own for tensors that share memory but not history (`x.data`).
final class VersionCounter {
    var value = 0
}
