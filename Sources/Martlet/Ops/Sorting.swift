/// Sorting along a dimension and what follows from it: top-k, order statistics, medians, modes, quantiles.
///
/// A line is sorted by unsigned keys whose order is that of the values (NaN last), by radix where it is long.
/// Equal elements keep their order where that is asked for; else they come out as torch's introsort leaves them.

extension Float {
    var sortKey: UInt64 {
        if isNaN { return UInt64(UInt32.max) }
        let b = self == 0 ? 0 : bitPattern
        return UInt64(b >> 31 == 1 ? ~b : b | 0x8000_0000)
    }
}
extension Double {
    var sortKey: UInt64 {
        if isNaN { return .max }
        let b = self == 0 ? 0 : bitPattern
        return b >> 63 == 1 ? ~b : b | (1 << 63)
    }
}
extension Int64 {
    var sortKey: UInt64 { UInt64(bitPattern: self) ^ (1 << 63) }
}

/// A value's key and the place it came from.
struct SortEntry {
    var key: UInt64
    var index: Int
}

/// Sorts entries by key, keeping the order of equal ones. `scratch` has the same length.
func radixSort(_ entries: UnsafeMutableBufferPointer<SortEntry>, _ scratch: UnsafeMutableBufferPointer<SortEntry>) {
    let n = entries.count
    if n < 48 {
        for i in 1..<Swift.max(n, 1) {
            let e = entries[i]
            var j = i
            while j > 0 && entries[j - 1].key > e.key {
                entries[j] = entries[j - 1]
                j -= 1
            }
            entries[j] = e
        }
        return
    }
    var differing: UInt64 = 0
    for e in entries { differing |= e.key ^ entries[0].key }
    var (from, to) = (entries, scratch)
    withUnsafeTemporaryAllocation(of: Int.self, capacity: 256) { counts in
        for byte in 0..<8 where (differing >> (8 * byte)) & 255 != 0 {
            counts.initialize(repeating: 0)
            for e in from { counts[Int((e.key >> (8 * byte)) & 255)] += 1 }
            var total = 0
            for b in 0..<256 { (counts[b], total) = (total, total + counts[b]) }
            for e in from {
                let b = Int((e.key >> (8 * byte)) & 255)
                to[counts[b]] = e
                counts[b] += 1
            }
            swap(&from, &to)
        }
    }
    if from.baseAddress != entries.baseAddress { _ = entries.update(fromContentsOf: from) }
}

extension Tensor {
    /// Calls `body` with each line of this tensor (made by ``ordered()``) as entries, in order of position, and
    /// scratch memory of the same length. Descending order is that of the complemented keys.
    func forEachSortLine(
        _ axis: Axis, descending: Bool,
        _ body: (_ line: Int, _ start: Int, UnsafeMutableBufferPointer<SortEntry>, UnsafeMutableBufferPointer<SortEntry>) -> Void
    ) {
        let n = axis.count
        func run<T: OrderedElement>(_: T.Type) {
            let p = typed(T.self)
            parallelFor(axis.lines, grain: Swift.max(1, 4096 / Swift.max(n, 1))) { from, to in
                let memory = UnsafeMutableBufferPointer<SortEntry>.allocate(capacity: 2 * n)
                memory.initialize(repeating: SortEntry(key: 0, index: 0))
                let entries = UnsafeMutableBufferPointer(rebasing: memory[0..<n])
                let scratch = UnsafeMutableBufferPointer(rebasing: memory[n...])
                for line in from..<to {
                    let start = line / axis.inner * n * axis.inner + line % axis.inner
                    for k in 0..<n {
                        let key = p[start + k * axis.inner].sortKey
                        entries[k] = SortEntry(key: descending ? ~key : key, index: k)
                    }
                    body(line, start, entries, scratch)
                }
                memory.deallocate()
            }
        }
        withOrderedType(dtype) { run($0) }
    }

    /// Values at full index tensors, with a history that sends gradients back to their places.
    private func arranged(_ d: Int, _ indices: Tensor, _ name: String) throws -> Tensor {
        let values = try withNoGrad { rank == 0 ? try clone() : try pick(d, indices) }
        if GradMode.needs(self) {
            let (n, scalar) = (rank == 0 ? 1 : sizes[d], rank == 0)
            values.attach(name, TensorList(self)) { $0.save(indices) } backward: { node, g in
                [scalar ? g[0] : try g[0]?.place(d, node.saved(0), n)]
            }
        }
        return values
    }

    /// The elements along a dimension in ascending or descending order (NaN counts as largest) and where each
    /// came from. Equal elements keep their order where `stable`.
    public func sort(_ dim: Int = -1, descending: Bool = false, stable: Bool = false) throws
        -> (values: Tensor, indices: Tensor)
    {
        let (d, indices) = try sortedIndices("sort", dim, descending, stable)
        return (try arranged(d, indices, stable ? "SortBackward1" : "SortBackward0"), indices)
    }

    /// The places of the elements in sorted order.
    public func argsort(_ dim: Int = -1, descending: Bool = false, stable: Bool = false) throws -> Tensor {
        try sortedIndices("argsort", dim, descending, stable).1
    }

    /// Sorted along the first dimension.
    public func msort() throws -> Tensor { try sort(0).values }

    private func sortedIndices(_ op: String, _ dim: Int, _ descending: Bool, _ stable: Bool) throws -> (Int, Tensor) {
        try refuseSparse(op)
        let d = try wrapDim(dim, rank)
        let x = try ordered()
        let indices = try Tensor.empty(sizes, .int64)
        let o = indices.typed(Int64.self)
        let axis = Axis(sizes, d)
        let line = x.lent
        // Long vectors of integers are sorted upwards by radix in torch too.
        let keepsOrder = stable || (dtype.isIntegral && rank == 1 && !descending && numel >= 32768)
        func run() { line.forEachSortLine(axis, descending: descending) { _, start, entries, scratch in
            radixSort(entries, scratch)
            var sorted = entries
            if !keepsOrder && (1..<Swift.max(entries.count, 1)).contains(where: { entries[$0].key == entries[$0 - 1].key }) {
                for e in entries { scratch[e.index] = e }
                Selection(scratch).sort(0, scratch.count)
                sorted = scratch
            }
            for k in 0..<sorted.count { o[start + k * axis.inner] = Int64(sorted[k].index) }
        } }
        launch("sort", run)
        withExtendedLifetime(x) {}
        return (d, indices)
    }

    /// The `k` largest (or smallest) elements along a dimension, in order where `sorted`, and where they stand.
    public func topk(_ k: Int, _ dim: Int = -1, largest: Bool = true, sorted: Bool = true) throws
        -> (values: Tensor, indices: Tensor)
    {
        try refuseSparse("topk")
        let d = try wrapDim(dim, rank)
        if dtype == .bool { throw MartletError.runtime("topk does not support bool dtypes on CPU") }
        let axis = Axis(sizes, d)
        guard k >= 0 && k <= axis.count else { throw MartletError.runtime("selected index k out of range") }
        let x = try ordered()
        var shape = sizes
        if rank > 0 { shape[d] = k }
        let indices = try Tensor.empty(shape, .int64)
        let o = indices.typed(Int64.self)
        let line = x.lent
        func run() { if k > 0 && k * 64 <= axis.count {
            line.keepLeast(axis, k, descending: largest, o)
        } else if k > 0 {
            line.forEachSortLine(axis, descending: largest) { number, _, entries, _ in
                let selection = Selection(entries)
                selection.nthElement(0, k - 1, entries.count)
                if sorted { selection.sort(0, k - 1) }
                let start = number / axis.inner * k * axis.inner + number % axis.inner
                for j in 0..<k { o[start + j * axis.inner] = Int64(entries[j].index) }
            }
        } }
        launch("topk", run)
        withExtendedLifetime(x) {}
        return (try arranged(d, indices, "TopkBackward0"), indices)
    }

    /// The places of the `k` least (greatest where `descending`) elements of each line, in order: a heap of `k`
    /// entries that each element below its top enters.
    private func keepLeast(_ axis: Axis, _ k: Int, descending: Bool, _ out: UnsafeMutablePointer<Int64>) {
        func run<T: OrderedElement>(_: T.Type) {
            let p = typed(T.self)
            parallelFor(axis.lines, grain: Swift.max(1, 16384 / axis.count)) { from, to in
                let heap = UnsafeMutableBufferPointer<SortEntry>.allocate(capacity: k)
                let selection = Selection(heap)
                for line in from..<to {
                    let start = line / axis.inner * axis.count * axis.inner + line % axis.inner
                    func entry(_ i: Int) -> SortEntry {
                        let key = p[start + i * axis.inner].sortKey
                        return SortEntry(key: descending ? ~key : key, index: i)
                    }
                    for i in 0..<k { heap.initializeElement(at: i, to: entry(i)) }
                    selection.makeHeap()
                    var bound = p[start + heap[0].index * axis.inner]
                    for i in k..<axis.count {
                        let v = p[start + i * axis.inner]
                        // False for NaN, which is looked at more closely.
                        if descending ? v <= bound : v >= bound { continue }
                        let e = entry(i)
                        if e.key < heap[0].key {
                            selection.replaceTop(e)
                            bound = p[start + heap[0].index * axis.inner]
                        }
                    }
                    selection.sortHeap()
                    let to = line / axis.inner * k * axis.inner + line % axis.inner
                    for j in 0..<k { out[to + j * axis.inner] = Int64(heap[j].index) }
                }
                heap.deallocate()
            }
        }
        withOrderedType(dtype) { run($0) }
    }

    /// The `k`-th smallest element along a dimension, counting from 1, and where it stands.
    public func kthvalue(_ k: Int, _ dim: Int = -1, keepDim: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try refuseSparse("kthvalue")
        let d = try wrapDim(dim, rank)
        try requireElements("kthvalue()", d)
        let n = rank == 0 ? 1 : sizes[d]
        guard k >= 1 && k <= n else {
            throw MartletError.runtime("kthvalue(): selected number k out of range for dimension \(d)")
        }
        if dtype == .bool { throw MartletError.notImplemented("\"kthvalue_cpu\" not implemented for 'Bool'") }
        let indices = try orderStatistic(d, keepDim: keepDim) { entries, _ in
            Selection(entries).quickselect(k - 1)
            return k - 1
        }
        return (try choose(d, indices, keepDim, "KthvalueBackward0"), indices)
    }

    /// Where the wanted element of each line stands; `select` arranges the line's entries and says which it is.
    private func orderStatistic(
        _ d: Int, keepDim: Bool,
        _ select: @escaping (_ line: UnsafeMutableBufferPointer<SortEntry>, _ scratch: UnsafeMutableBufferPointer<SortEntry>) -> Int
    ) throws -> Tensor {
        let x = try ordered()
        let indices = try Tensor.empty(sizes(without: d, keepDim: keepDim), .int64)
        let o = indices.typed(Int64.self)
        let (axis, source) = (Axis(sizes, d), x.lent)
        launch("order") {
            source.forEachSortLine(axis, descending: false) { line, _, entries, scratch in
                o[line] = Int64(entries[select(entries, scratch)].index)
            }
        }
        withExtendedLifetime(x) {}
        return indices
    }

    /// The key of NaN in this tensor's ordered form; nil where there is none.
    private var nanKey: UInt64? {
        dtype == .float64 ? .max : (dtype.isFloatingPoint ? UInt64(UInt32.max) : nil)
    }

    // MARK: Medians

    /// The median of all elements, the lower one of two; NaN where there is one.
    public func median() throws -> Tensor { try wholeMedian("median", ignoringNaN: false) }
    /// The median of the elements that are not NaN.
    public func nanmedian() throws -> Tensor { try wholeMedian("nanmedian", ignoringNaN: true) }

    private func wholeMedian(_ op: String, ignoringNaN: Bool) throws -> Tensor {
        try refuseSparse(op)
        if dtype == .bool { throw MartletError.notImplemented("\"\(op)_cpu\" not implemented for 'Bool'") }
        if numel == 0 { return try .full([], .number(.nan), dtype) }
        let out = try withNoGrad { () throws -> Tensor in
            let flat = try contiguous().reshape([numel] as Dims)
            return try flat.pick(0, flat.medianIndices(0, keepDim: true, ignoringNaN: ignoringNaN)).reshape([] as Dims)
        }
        if GradMode.needs(self) {
            out.attach(ignoringNaN ? "NanmedianBackward0" : "MedianBackward0", [self]) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                let mask = try withNoGrad { try node.saved(0).equalMask(node.saved(1), matchNaN: true) }
                return [try g[0]?.share(mask, over: nil)]
            }
        }
        return out
    }

    /// The lower median along a dimension and where it stands.
    public func median(_ dim: Int, keepDim: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try median("median", dim, keepDim, ignoringNaN: false)
    }
    public func nanmedian(_ dim: Int, keepDim: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try median("nanmedian", dim, keepDim, ignoringNaN: true)
    }

    private func median(_ op: String, _ dim: Int, _ keepDim: Bool, ignoringNaN: Bool) throws -> (Tensor, Tensor) {
        try refuseSparse(op)
        let d = try wrapDim(dim, rank)
        try requireElements("\(op)()", d)
        if dtype == .bool { throw MartletError.notImplemented("\"median_out\" not implemented for 'Bool'") }
        let indices = try medianIndices(d, keepDim: keepDim, ignoringNaN: ignoringNaN)
        return (try choose(d, indices, keepDim, ignoringNaN ? "NanmedianBackward1" : "MedianBackward1"), indices)
    }

    private func medianIndices(_ d: Int, keepDim: Bool, ignoringNaN: Bool) throws -> Tensor {
        let nan = nanKey
        return try orderStatistic(d, keepDim: keepDim) { entries, scratch in
            var numbers = entries.count
            if let nan {
                if !ignoringNaN, let first = entries.firstIndex(where: { $0.key == nan }) { return first }
                for e in entries where e.key == nan { numbers -= 1 }
            }
            radixSort(entries, scratch)
            return Swift.max(numbers - 1, 0) / 2
        }
    }

    /// The most frequent element along a dimension (the smallest of several) and a place where it stands.
    public func mode(_ dim: Int = -1, keepDim: Bool = false) throws -> (values: Tensor, indices: Tensor) {
        try refuseSparse("mode")
        let d = try wrapDim(dim, rank)
        try requireElements("mode()", d)
        let nan = nanKey
        let indices = try orderStatistic(d, keepDim: keepDim) { entries, _ in
            Selection(entries).sort(0, entries.count)
            var (best, length, start) = (0, 0, 0)
            for i in 0..<entries.count {
                // NaN equals nothing, itself included.
                if i + 1 < entries.count && entries[i + 1].key == entries[i].key && entries[i].key != nan { continue }
                if i + 1 - start > length { (best, length) = (i, i + 1 - start) }
                start = i + 1
            }
            return best
        }
        return (try choose(d, indices, keepDim, "ModeBackward0"), indices)
    }
}

extension Tensor {
    /// How a quantile between two elements is found.
    public enum Interpolation: Int { case linear, lower, higher, midpoint, nearest }

    /// Quantiles of all elements (`dim` nil) or along a dimension: for each fraction in `q` (0-dim or one
    /// dimension, which becomes the first of the result). With `ignoringNaN` NaNs do not count; else one makes the result NaN.
    public func quantile(
        _ q: Tensor, _ dim: Int? = nil, keepDim: Bool = false, _ interpolation: Interpolation = .linear,
        ignoringNaN: Bool = false
    ) throws -> Tensor {
        let op = ignoringNaN ? "nanquantile()" : "quantile()"
        guard numel > 0 else { throw MartletError.runtime("\(op) input tensor must be non-empty") }
        guard q.rank <= 1 else { throw MartletError.runtime("\(op) q must be a scalar or 1D tensor") }
        guard dtype == .float32 || dtype == .float64 else {
            throw MartletError.runtime("\(op) input tensor must be either float or double dtype")
        }
        guard q.dtype == dtype || q.isWrappedNumber else {
            throw MartletError.runtime("\(op) q tensor must be same dtype as the input tensor")
        }
        let fractions = try withNoGrad { try q.to(.float64).contiguous() }
        _ = try Tape.whole("check", [fractions]) { [isNumber = q.isWrappedNumber] in
            for f in try $0[0].toArray(Double.self) where !(f >= 0 && f <= 1) {
                throw MartletError.runtime(
                    isNumber
                        ? "\(op) q must be in the range [0, 1] but got \(shortNumber(f))"
                        : "\(op) q values must be in the range [0, 1]")
            }
            return []
        }
        let d = try dim.map { try wrapDim($0, rank) }
        // Lines last, sorted; then the elements around each rank.
        let lines: Tensor
        if let d, rank > 0 {
            lines = try (d == rank - 1 ? self : transpose(d, rank - 1))
        } else {
            lines = try reshape([numel] as Dims)
        }
        let sorted = try lines.sort(-1).values
        let last = sorted.rank - 1
        let n = sorted.sizes[last]
        var shape = sorted.sizes
        shape[last] = fractions.numel
        var (below, above, weights, spans) = try withNoGrad {
            try sorted.ranks(fractions, shape, n, interpolation, ignoringNaN: ignoringNaN)
        }
        var out = try sorted.pick(last, below)
        if interpolation == .linear && GradMode.needs(q) {
            // The weight is what the rank q * span has beyond the place below.
            let change = try q.sub(q.detach()).mul(spans)
            weights = try weights.add(change)
        }
        if interpolation == .linear || interpolation == .midpoint {
            out = try out.lerp(sorted.pick(last, above), weights)
        }
        // [lines..., q] to [q, lines...], with the reduced dimension put back as one where it is kept.
        if d != nil && rank > 0 {
            if keepDim { out = try out.unsqueeze(d!) }
            let moved = out.rank - 1
            if d! != rank - 1 && !keepDim {
                // The dimension swapped with d comes back to its place.
                var order = Array(0..<moved)
                let swapped = order.remove(at: d!)
                order.append(swapped)
                out = try out.permute(order + [moved])
            } else if d! != rank - 1 {
                var order = Array(0..<moved)
                let swapped = order.remove(at: d! + 1)
                order.append(swapped)
                out = try out.permute(order + [moved])
            }
        } else if keepDim {
            out = try out.reshape(Dims(repeating: 1, count: rank) + [fractions.numel])
        }
        let end = out.rank - 1
        if q.rank == 0 { return try out.squeeze([end]) }
        return end == 0 ? out : try out.permute([end] + Array(0..<end))
    }

    /// For each line and fraction: the two places between which the quantile lies and the weight of the second;
    /// for each line the number of steps from its first to its last element (0 where the result is NaN).
    private func ranks(
        _ fractions: Tensor, _ shape: Dims, _ n: Int, _ interpolation: Interpolation, ignoringNaN: Bool
    ) throws -> (Tensor, Tensor, Tensor, Tensor) {
        let x = try contiguous()
        var one = shape
        one[shape.count - 1] = 1
        let spans = try Tensor.empty(one, dtype)
        let below = try Tensor.empty(shape, .int64)
        let above = try Tensor.empty(shape, .int64)
        let weights = try Tensor.empty(shape, dtype)
        let (b, a) = (below.typed(Int64.self), above.typed(Int64.self))
        let (source, shares, steps, lines, count) = (x.lent, weights.lent, spans.lent, numel / n, fractions.numel)
        let asked = fractions.lent
        func run<T: BinaryFloatingPoint>(_: T.Type) {
            let (p, w, s) = (source.typed(T.self), shares.typed(T.self), steps.typed(T.self))
            let fractions = UnsafeBufferPointer(start: asked.typed(Double.self), count: count)
            for line in 0..<lines {
                var numbers = n
                while numbers > 0 && p[line * n + numbers - 1].isNaN { numbers -= 1 }
                let span = ignoringNaN ? Swift.max(numbers, 1) - 1 : n - 1
                s[line] = !ignoringNaN && numbers < n ? 0 : T(span)
                for (k, f) in fractions.enumerated() {
                    var rank = T(f) * T(span)
                    if !ignoringNaN && numbers < n { rank = T(n - 1) }
                    switch interpolation {
                    case .lower: rank = rank.rounded(.down)
                    case .higher: rank = rank.rounded(.up)
                    case .nearest: rank = rank.rounded(.toNearestOrEven)
                    default: break
                    }
                    let low = rank.rounded(.down)
                    let at = line * count + k
                    b[at] = Int64(low)
                    a[at] = Int64(rank.rounded(.up))
                    w[at] = interpolation == .midpoint ? 0.5 : rank - low
                }
            }
        }
        launch("ranks") { [dtype] in dtype == .float32 ? run(Float.self) : run(Double.self) }
        withExtendedLifetime((x, fractions)) {}
        return (below, above, weights, spans)
    }
}

private func + (a: Dims, b: [Int]) -> Dims {
    var c = a
    for v in b { c.append(v) }
    return c
}
