/// What a bag of looked-up rows becomes.
public enum BagMode: Int32, Sendable { case sum = 0, mean, max }

extension Tensor {
    /// Sums, means or maxima of bags of rows of `weight` (n x dim). `indices` (one dimension) names the rows, `offsets`
    /// where each bag begins; with `includeLast` its last entry is only the end of the last bag. `sampleWeights` scales
    /// the rows of a sum. Rows `padding` take no part; an empty bag gives zeros. The result is bags x dim.
    public static func embeddingBag(
        _ weight: Tensor, _ indices: Tensor, _ offsets: Tensor, mode: BagMode = .mean, scaleByFrequency: Bool = false,
        sparse: Bool = false, sampleWeights: Tensor? = nil, includeLast: Bool = false, padding: Int? = nil
    ) throws -> Tensor {
        guard weight.rank == 2 else { throw MartletError.runtime("'weight' must be 2-D") }
        for t in [indices, offsets] where t.dtype != .int64 && t.dtype != .int32 {
            throw MartletError.runtime(
                "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got \(t.typeName) instead (while checking arguments for embedding_bag)")
        }
        guard indices.rank == 1, offsets.rank == 1 else {
            throw MartletError.runtime("embedding_bag: indices and offsets must have one dimension, got \(indices.sizes) and \(offsets.sizes)")
        }
        if mode == .max && sparse { throw MartletError.value("max mode does not support sparse weights") }
        if mode == .max && scaleByFrequency {
            throw MartletError.value("max mode does not support scaling the gradient by the frequency")
        }
        if let s = sampleWeights, s.dtype != weight.dtype {
            throw MartletError.runtime(
                "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type \(weight.typeName) does not equal \(s.typeName) (while checking arguments for embedding_bag)")
        }
        let bags = offsets.numel - (includeLast && offsets.numel > 0 ? 1 : 0)
        let count = weight.sizes[0]
        // While recording there is room for all lookups: those of padding stay, in no bag.
        let room = Tape.isNoting && padding != nil ? indices.numel : nil
        let laidOut = try Tape.whole("bags", [indices, offsets]) {
            try bagsOfLookups($0[0], $0[1], count, bags, includeLast, padding, room)
        }
        let (places, index, bag) = (laidOut[0], laidOut[1], laidOut[2])
        var rows = try embedding(
            weight, index, paddingIndex: room == nil ? nil : padding, scaleByFrequency: scaleByFrequency, sparse: sparse)
        if let s = sampleWeights { rows = try rows.mul(s.gatherRows(places).unsqueeze(1)) }
        let shape = [bags, weight.sizes[1]] as Dims
        let out: Tensor
        switch mode {
        case .sum: out = try rows.scatterRows(bag, shape)
        case .mean: out = try rows.scatterRows(bag, shape).mul(laidOut[3].to(weight.dtype))
        case .max: out = try rows.bagMaxima(bag, shape)
        }
        out.history?.name = "EmbeddingBagBackward0"
        return out
    }

    /// Of the lookups that count: their places among all, their rows and their bags; and for each bag one over its size.
    /// With `room`, lookups of padding in bag -1 follow up to so many.
    private static func bagsOfLookups(
        _ indices: Tensor, _ offsets: Tensor, _ count: Int, _ bags: Int, _ includeLast: Bool, _ padding: Int?,
        _ room: Int?
    ) throws -> [Tensor] {
        let ids = try indices.toArray(Int64.self)
        var starts = try offsets.toArray(Int64.self).map { Int($0) }
        if let first = starts.first, first != 0 {
            throw MartletError.runtime(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got \(first)")
        }
        if let last = starts.last, last > ids.count {
            throw MartletError.runtime(
                "offsets[-1] can not be greater than input's length \(ids.count) but got offsets[-1] of \(last)")
        }
        if let bad = ids.first(where: { $0 < 0 || $0 >= count }) {
            throw MartletError.runtime(
                "embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be \(bad)")
        }
        guard zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 }) else {
            throw MartletError.runtime("embedding_bag: offsets must not decrease, got \(starts)")
        }
        if !includeLast { starts.append(ids.count) }
        var (kept, bagOf) = ([Int64](), [Int64]())
        var sizes = [Double](repeating: 0, count: bags)
        for b in 0..<bags {
            for i in starts[b]..<starts[b + 1] where padding == nil || ids[i] != Int64(padding!) {
                kept.append(Int64(i))
                bagOf.append(Int64(b))
                sizes[b] += 1
            }
        }
        let shares = try Tensor(sizes.map { 1 / Swift.max($0, 1) }, [bags, 1])
        var rows = kept.map { ids[Int($0)] }
        if let room, let padding {
            let more = room - kept.count
            kept += [Int64](repeating: 0, count: more)
            rows += [Int64](repeating: Int64(padding), count: more)
            bagOf += [Int64](repeating: -1, count: more)
        }
        return [try Tensor(kept), try Tensor(rows), try Tensor(bagOf), shares]
    }

    /// The largest value of each column among the rows of each bag; zeros for an empty bag. Bags are in order.
    private func bagMaxima(_ bag: Tensor, _ shape: Dims) throws -> Tensor {
        let n = shape[1]
        let source = try withNoGrad { try contiguous() }
        let (best, filled) = (try Tensor.zeros(shape, .int64), try Tensor.zeros([shape[0], 1], dtype))
        let (rows, chosen, full, bagOf, count) = (source.lent, best.lent, filled.lent, bag.typed(Int64.self), bag.numel)
        func run<T: TensorElement>(_: T.Type) {
            let (p, q, f) = (rows.typed(T.self), chosen.typed(Int64.self), full.typed(T.self))
            for i in 0..<count where bagOf[i] >= 0 {
                let b = Int(bagOf[i])
                let row = q + b * n
                let first = f[b].asDouble == 0
                f[b] = T(element: 1.0)
                for k in 0..<n where first || p[i * n + k].asDouble > p[Int(row[k]) * n + k].asDouble { row[k] = Int64(i) }
            }
        }
        launch("bag_maxima") { [dtype] in withElementType(dtype) { run($0) } }
        withExtendedLifetime((source, bag)) {}
        if count == 0 { return try mul(.number(0)).scatterRows(bag, shape) }
        return try gather(0, best).mul(filled)
    }
}
