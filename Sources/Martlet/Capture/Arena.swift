import MartletKernels
import Synchronization

/// The memory of one recorded run. While recording, memory that is freed serves later requests of the same run, in an
/// order that every replay repeats; when the recording is over nothing moves any more. The blocks go back to the
/// allocator when the tape and every tensor that lives in them are gone.
///
/// A request gets the latest free piece of its size, which caches may still hold; else the smallest larger one, cut to
/// size; else, once free neighbours have been joined, one of those; else a new block.
final class Arena: @unchecked Sendable {
    private typealias Address = UnsafeMutableRawPointer

    /// A part of a block; blocks begin as one piece.
    private struct Piece {
        var size: Int
        let block: Address
        var isFree = false
    }

    private struct State {
        var blocks: [Address: Int] = [:]
        var pieces: [Address: Piece] = [:]
        /// Free pieces by size.
        var free: [Int: [Address]] = [:]
        /// Bytes of free pieces.
        var idle = 0
        var isOpen = true
        var bytes = 0

        mutating func release(_ p: Address, _ piece: Piece) {
            pieces[p] = Piece(size: piece.size, block: piece.block, isFree: true)
            free[piece.size, default: []].append(p)
            idle += piece.size
        }

        /// A free piece of exactly this size.
        mutating func takeExact(_ size: Int) -> Address? {
            guard let p = free[size]?.popLast() else { return nil }
            pieces[p]!.isFree = false
            idle -= size
            return p
        }

        /// The front of the smallest free piece that is large enough.
        mutating func takePart(_ size: Int) -> Address? {
            guard let larger = free.filter({ $0.key > size && !$0.value.isEmpty }).keys.min(), let p = takeExact(larger) else {
                return nil
            }
            let block = pieces[p]!.block
            pieces[p]!.size = size
            release(p + size, Piece(size: larger - size, block: block))
            return p
        }

        /// Makes one piece of free ones that lie side by side in a block.
        mutating func join() {
            let list = pieces.filter(\.value.isFree).keys.sorted()
            free = [:]
            var i = 0
            while i < list.count {
                let first = list[i]
                var whole = pieces[first]!
                i += 1
                while i < list.count, list[i] == first + whole.size, pieces[list[i]]!.block == whole.block {
                    whole.size += pieces.removeValue(forKey: list[i])!.size
                    i += 1
                }
                pieces[first] = whole
                free[whole.size, default: []].append(first)
            }
        }
    }
    private let state = Mutex(State())

    /// Below this size a piece is not cut out of a larger one, which could then not be had whole again.
    private static let leastPart = 32 << 10

    /// Requests are rounded up to an eighth of a power of two, so that tensors of nearly one size share pieces.
    private static func rounded(_ bytes: Int) -> Int {
        if bytes <= 512 { return Swift.max(64, (bytes + 63) & ~63) }
        let step = 1 << (Int.bitWidth - (bytes - 1).leadingZeroBitCount - 4)
        return (bytes + step - 1) & ~(step - 1)
    }

    /// Memory for at least `bytes`; nil when there is none.
    func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
        let size = Arena.rounded(bytes)
        return state.withLock { s in
            if let p = s.takeExact(size) { return p }
            if size >= Arena.leastPart && s.idle >= size {
                if let p = s.takePart(size) { return p }
                s.join()
                if let p = s.takeExact(size) ?? s.takePart(size) { return p }
            }
            guard let p = mk_alloc_kept(size) else { return nil }
            s.blocks[p] = size
            s.pieces[p] = Piece(size: size, block: p)
            s.bytes += size
            return p
        }
    }

    func give(_ p: UnsafeMutableRawPointer) {
        state.withLock { s in
            guard let piece = s.pieces[p] else { return }
            if s.isOpen { s.release(p, piece) } else { s.pieces[p]!.isFree = true }
        }
    }

    func owns(_ p: UnsafeMutableRawPointer) -> Bool { state.withLock { $0.pieces[p] != nil } }

    /// Ends reuse.
    func close() {
        state.withLock {
            $0.isOpen = false
            $0.free = [:]
        }
    }

    /// Pieces in use that are not among `expected`.
    func strays(_ expected: Set<UnsafeMutableRawPointer>) -> Int {
        state.withLock { s in s.pieces.filter { !$0.value.isFree && !expected.contains($0.key) }.count }
    }

    var byteCount: Int { state.withLock { $0.bytes } }

    deinit { state.withLock { for (p, size) in $0.blocks { mk_free(p, size) } } }
}
