import MartletKernels

/// A loop over elements as a tape keeps it: element i of the result comes from element i of each operand, so that any
/// stretch can be computed on its own.
///
/// Neighbouring loops of one length are replayed together, a block at a time: what one loop wrote is still in the
/// nearest cache when the next reads it. Every element is computed by the same kernels in the same order as before, so
/// results do not change by a bit.
struct ElementSpan {
    /// The beginning of an operand and the bytes of an element.
    struct Place {
        let base: UnsafeMutableRawPointer
        let size: Int
    }

    /// One operand: where it begins, the bytes from element to element (0 for a broadcast number), and whether it is written.
    struct Operand {
        let base: UnsafeMutableRawPointer
        let step: Int
        let isWritten: Bool

        init(_ base: UnsafeMutableRawPointer, step: Int, isWritten: Bool = false) {
            (self.base, self.step, self.isWritten) = (base, step, isWritten)
        }

        func bytes(_ count: Int) -> Int { step == 0 ? 8 : step * count }

        /// Whether running block by block keeps the order of writes and reads between this operand and another.
        func agrees(_ other: Operand, _ count: Int) -> Bool {
            if !isWritten && !other.isWritten { return true }
            if base == other.base && step == other.step && step != 0 { return true }
            return base + bytes(count) <= other.base || other.base + other.bytes(count) <= base
        }
    }

    let count: Int
    let operands: [Operand]
    let work: (_ from: Int, _ to: Int) -> Void

    func run() { if count > 0 { work(0, count) } }

    /// Elements of a block: a few operands of this many floats fit the first-level cache.
    private static let block = 2048

    /// Joins neighbouring loops of one length that are longer than a block.
    static func fuse(_ launches: [Tape.Launch]) -> [Tape.Launch] {
        var out: [Tape.Launch] = []
        var group: [ElementSpan] = []
        var names: [StaticString] = []
        func flush() {
            if group.count > 1 { out.append(Tape.Launch(name: "fused", work: .elements(joined(group)))) }
            if group.count == 1 { out.append(Tape.Launch(name: names[0], work: .elements(group[0]))) }
            (group, names) = ([], [])
        }
        for launch in launches {
            guard case .elements(let span) = launch.work, span.count > block else {
                flush()
                out.append(launch)
                continue
            }
            if let first = group.first, first.count != span.count || !group.allSatisfy({ $0.agrees(with: span) }) { flush() }
            group.append(span)
            names.append(launch.name)
        }
        flush()
        return out
    }

    private func agrees(with next: ElementSpan) -> Bool {
        operands.allSatisfy { mine in next.operands.allSatisfy { mine.agrees($0, count) } }
    }

    private static func joined(_ spans: [ElementSpan]) -> ElementSpan {
        let works = spans.map(\.work)
        return ElementSpan(count: spans[0].count, operands: spans.flatMap(\.operands)) { from, to in
            parallelFor((to - from + block - 1) / block, grain: Swift.max(1, parallelGrain / block / works.count)) { first, last in
                for b in first..<last {
                    let start = from + b * block
                    for work in works { work(start, Swift.min(start + block, to)) }
                }
            }
        }
    }
}

/// Where an operand of a loop begins.
func at<T>(_ p: UnsafeMutablePointer<T>) -> ElementSpan.Place {
    ElementSpan.Place(base: UnsafeMutableRawPointer(p), size: MemoryLayout<T>.size)
}
