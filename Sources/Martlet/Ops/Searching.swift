/// Places in sorted sequences, counts and distinct elements. Nothing here has a derivative.
extension Tensor {
    /// For each value the place in `boundaries` (ascending along the last dimension) before which it can be
    /// inserted: before equal ones, or after them where `right`. `sorter` gives the order of unsorted boundaries.
    public static func searchsorted(
        _ boundaries: Tensor, _ values: Tensor, right: Bool = false, sorter: Tensor? = nil, int32: Bool = false
    ) throws -> Tensor {
        let op = "torch.searchsorted()"
        guard boundaries.rank > 0 else {
            throw MartletError.runtime("\(op): boundaries tensor should have positive dimension")
        }
        let lead = boundaries.rank - 1
        let matches = boundaries.rank == values.rank && boundaries.sizes[0..<lead].elementsEqual(values.sizes[0..<lead])
        guard boundaries.rank == 1 || matches else {
            if values.rank == 0 {
                throw MartletError.runtime(
                    "\(op): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim(\(boundaries.rank)) and input value's dim(0) numel(1)")
            }
            throw MartletError.runtime(
                "\(op): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor \(boundaries.sizes) and input value tensor \(values.sizes)")
        }
        if let sorter {
            guard sorter.sizes == boundaries.sizes else {
                throw MartletError.runtime(
                    "\(op): boundary and sorter must have the same size, but got boundary tensor \(boundaries.sizes)and got sorter tensor \(sorter.sizes)")
            }
            guard sorter.dtype == .int64 else {
                throw MartletError.runtime("\(op): sorter must be a tensor of long dtype but got dtype \(sorter.dtype.scalarTypeName)")
            }
            let n = Int64(boundaries.sizes[lead])
            _ = try Tape.whole("check", [sorter]) {
                for i in try $0[0].toArray(Int64.self) where i < 0 || i >= n {
                    throw MartletError.runtime("\(op): sorter index out of range")
                }
                return []
            }
        }
        return try withNoGrad {
            let common = Tensor.resultType(boundaries, values)
            let b = try boundaries.to(common).ordered()
            let v = try values.to(common).ordered()
            let order = try sorter?.contiguous()
            let out = try Tensor.empty(values.sizes, .int64)
            let n = boundaries.sizes[lead]
            let perLine = boundaries.rank == 1 ? Swift.max(v.numel, 1) : values.sizes[lead]
            let (o, s) = (out.typed(Int64.self), order?.typed(Int64.self))
            let (limits, sought, flat, type) = (b.lent, v.lent, boundaries.rank == 1, b.dtype)
            func run<T: OrderedElement>(_: T.Type) {
                let (p, q) = (limits.typed(T.self), sought.typed(T.self))
                parallelFor(sought.numel, grain: 4096) { from, to in
                    for i in from..<to {
                        let base = flat ? 0 : i / perLine * n
                        var (low, high) = (0, n)
                        while low < high {
                            let mid = (low + high) / 2
                            let place = s.map { Int($0[base + mid]) } ?? mid
                            let at = p[base + place]
                            // Comparisons with NaN are false: a NaN goes behind everything.
                            if right ? !(at > q[i]) : !(at >= q[i]) { low = mid + 1 } else { high = mid }
                        }
                        o[i] = Int64(low)
                    }
                }
            }
            launch("search") { withOrderedType(type) { run($0) } }
            withExtendedLifetime((b, v, order)) {}
            withExtendedLifetime((b, v, order)) {}
            return int32 ? try out.to(.int32) : out
        }
    }

    /// As ``searchsorted(_:_:right:sorter:int32:)`` with one-dimensional boundaries.
    public func bucketize(_ boundaries: Tensor, right: Bool = false, int32: Bool = false) throws -> Tensor {
        guard boundaries.rank == 1 else {
            throw MartletError.runtime("boundaries tensor must be 1 dimension, but got dim(\(boundaries.rank))")
        }
        return try Tensor.searchsorted(boundaries, self, right: right, int32: int32)
    }

    /// How often each of 0, 1, ... occurs in a vector of nonnegative integers, or the sum of the weights there.
    public func bincount(weights: Tensor? = nil, minLength: Int = 0) throws -> Tensor {
        if dtype.isFloatingPoint || dtype == .bool {
            throw MartletError.notImplemented("\"bincount_cpu\" not implemented for '\(dtype.scalarTypeName)'")
        }
        if minLength < 0 { throw MartletError.runtime("minlength should be >= 0") }
        let refused = MartletError.runtime("bincount only supports 1-d non-negative integral inputs.")
        if rank == 1 && numel == 0 { return try .zeros([minLength], .int64) }
        guard rank == 1 else { throw refused }
        if let weights, weights.rank != 1 || weights.numel != numel {
            throw MartletError.runtime("weights should be 1-d and have the same length as input")
        }
        if Tape.isRecording { try Tape.refuse("bincount, whose result's size depends on the values,") }
        let values = try toArray(Int64.self)
        guard values.allSatisfy({ $0 >= 0 }) else { throw refused }
        guard let largest = values.max(), largest < 1 << 60, minLength < 1 << 60 else {
            throw MartletError.runtime("Storage size calculation overflowed with bins up to \(Swift.max(Int(values.max() ?? 0), minLength))")
        }
        let bins = Swift.max(Int(largest) + 1, minLength)
        _ = try Tensor.empty([bins], .float64)  // more memory than there is is an error here
        if let weights {
            let w = try weights.toArray(Double.self)
            let narrow = weights.dtype == .float32
            var sums = [Double](repeating: 0, count: bins)
            for (v, x) in zip(values, w) {
                let s = sums[Int(v)] + x
                sums[Int(v)] = narrow ? Double(Float(s)) : s
            }
            return try Tensor(sums).to(narrow ? .float32 : .float64)
        }
        var counts = [Int64](repeating: 0, count: bins)
        for v in values { counts[Int(v)] += 1 }
        return try Tensor(counts)
    }

    /// How many elements fall into each of `bins` equal intervals of [low, high]; the tensor's own range where
    /// both are 0. What lies outside, and NaN, is not counted.
    public func histc(bins: Int = 100, low: Double = 0, high: Double = 0) throws -> Tensor {
        guard dtype == .float32 || dtype == .float64 else {
            throw MartletError.notImplemented("\"histogram_cpu\" not implemented for '\(dtype.scalarTypeName)'")
        }
        guard bins > 0 else {
            throw MartletError.runtime("torch.histogram(): bins must be > 0, but got \(bins) for dimension 0")
        }
        let x = try ordered()
        let out = try Tensor.zeros([bins], dtype)
        let (source, target, numel, isFloat) = (x.pointer, out.pointer, numel, dtype == .float32)
        func run<T: BinaryFloatingPoint>(_: T.Type) throws {
            let (p, o) = (source.as(T.self), target.as(T.self))
            var (from, to) = (T(low), T(high))
            if from == to && numel > 0 && low == 0 {
                (from, to) = (p[0], p[0])
                for i in 0..<numel {
                    if p[i].isNaN { (from, to) = (.nan, .nan) }
                    from = Swift.min(from, p[i])
                    to = Swift.max(to, p[i])
                }
            }
            guard from.isFinite && to.isFinite else {
                throw MartletError.runtime("torch.histc: range of [\(from), \(to)] is not finite")
            }
            if from == to {
                from -= 1
                to += 1
            }
            guard from < to else { throw MartletError.runtime("torch.histc: max must be larger than min") }
            for i in 0..<numel where p[i] >= from && p[i] <= to {
                o[Swift.min(Int((p[i] - from) * T(bins) / (to - from)), bins - 1)] += 1
            }
        }
        func work() throws { if isFloat { try run(Float.self) } else { try run(Double.self) } }
        try withExtendedLifetime(x) { try work() }
        Tape.note("histc", Tape.repeating(work))
        return out
    }

    // MARK: Distinct elements

    /// The distinct elements in ascending order (or the distinct slices along `dim`, ordered by their elements),
    /// where each element of this tensor is found among them, and how often each occurs.
    public func unique(_ dim: Int? = nil) throws -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        try distinct("unique", dim, sorted: true)
    }

    /// As ``unique(_:)``, merging only neighbours that are equal and keeping their order.
    public func uniqueConsecutive(_ dim: Int? = nil) throws -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        try distinct("unique_consecutive", dim, sorted: false)
    }

    private func distinct(_ op: String, _ dim: Int?, sorted: Bool) throws -> (Tensor, Tensor, Tensor) {
        try refuseSparse(op)
        if Tape.isRecording { try Tape.refuse("\(op), whose result's size depends on the values,") }
        let d = try dim.map { try wrapDim($0, rank) }
        let (slices, count) = try withNoGrad { () throws -> (Tensor, Int) in
            guard let d, rank > 0 else { return (try contiguous().reshape([numel, 1] as Dims), numel) }
            if numel == 0 && sizes[d] > 0 && sizes.filter({ $0 == 0 }).count > 1 {
                throw MartletError.runtime("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
            }
            let first = try d == 0 ? contiguous() : transpose(0, d).contiguous()
            return (try first.reshape([sizes[d], sizes[d] == 0 ? 0 : numel / sizes[d]] as Dims), sizes[d])
        }
        let x = try slices.ordered()
        let width = slices.sizes[1]
        var kept: [Int64] = []
        var counts: [Int64] = []
        var inverse = [Int64](repeating: 0, count: count)
        func run<T: OrderedElement>(_: T.Type) {
            let p = x.typed(T.self)
            // NaN is a value of its own each time, as it equals nothing.
            func same(_ a: Int, _ b: Int) -> Bool {
                for k in 0..<width where p[a * width + k] != p[b * width + k] { return false }
                return true
            }
            var order = Array(0..<count)
            if sorted && width == 1 {
                let memory = UnsafeMutableBufferPointer<SortEntry>.allocate(capacity: 2 * Swift.max(count, 1))
                for i in 0..<count { memory[i] = SortEntry(key: p[i].sortKey, index: i) }
                radixSort(
                    UnsafeMutableBufferPointer(rebasing: memory[0..<count]),
                    UnsafeMutableBufferPointer(rebasing: memory[count..<2 * count]))
                for i in 0..<count { order[i] = memory[i].index }
                memory.deallocate()
            } else if sorted {
                order.sort { a, b in
                    for k in 0..<width {
                        let (u, v) = (p[a * width + k].sortKey, p[b * width + k].sortKey)
                        if u != v { return u < v }
                    }
                    return a < b
                }
            }
            for (i, at) in order.enumerated() {
                if i > 0 && same(order[i - 1], at) {
                    counts[counts.count - 1] += 1
                } else {
                    kept.append(Int64(at))
                    counts.append(1)
                }
                inverse[at] = Int64(kept.count - 1)
            }
        }
        withOrderedType(x.dtype) { run($0) }
        withExtendedLifetime(x) {}
        let chosen = try Tensor(kept)
        let values = try withNoGrad { () throws -> Tensor in
            guard let d, rank > 0 else {
                return try contiguous().reshape([numel] as Dims).pick(0, chosen)
            }
            var shape = sizes
            shape[d] = 1
            var wide = Dims(repeating: 1, count: rank)
            wide[d] = kept.count
            var target = sizes
            target[d] = kept.count
            return try pick(d, chosen.reshape(wide).expand(target))
        }
        if GradMode.needs(self) {
            values.attach(sorted ? (d == nil ? "Unique2Backward0" : "UniqueDimBackward0") : "UniqueConsecutiveBackward0", [self]) {
                node, _ in
                throw MartletError.notImplemented("derivative for \(node.name) is not implemented")
            }
        }
        let places = try Tensor(inverse)
        return (values, d == nil ? try places.reshape(sizes) : places, try Tensor(counts))
    }
}
