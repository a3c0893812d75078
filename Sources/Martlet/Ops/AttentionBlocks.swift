import MartletKernels

/// Attention of one head after the other, some queries at a time, so that no more than a block of scores is ever there
/// (as in Dao et al., "FlashAttention", 2022). The way back makes a block's weights again by the same steps, which gives
/// the same bits. With `causal`, keys behind a block's last query are left out of every product.
struct AttentionBlocks {
    let causal: Bool
    let scale: Double
    /// Added to the scores: batch x heads x queries x keys with any strides, of the operands' dtype. A query that it lets
    /// see nothing (all -inf) gets zeros.
    let mask: Tensor?
    /// Of the weights, batch x heads x queries x keys in row-major order.
    let dropout: DropoutMask?

    /// The same, holding no memory: for launches, whose memory the recording holds.
    var lent: AttentionBlocks { AttentionBlocks(causal: causal, scale: scale, mask: mask?.lent, dropout: dropout?.lent) }

    /// Queries of a block: its scores stay in cache for some thousand keys.
    private static let rows = 64

    /// Sizes and strides of one call. Tensors are batch x heads x length x features with any strides.
    private struct Head<T> {
        let base: UnsafeMutablePointer<T>
        let row: Int
        let column: Int

        init(_ t: Tensor, _ b: Int, _ h: Int) {
            base = t.typed(T.self) + b * t.strides[0] + h * t.strides[1]
            (row, column) = (t.strides[2], t.strides[3])
        }

        func from(_ r: Int) -> UnsafeMutablePointer<T> { base + r * row }
    }

    /// out = softmax(q kᵀ * scale) v; all of one dtype, float32 or float64.
    func forward(_ q: Tensor, _ k: Tensor, _ v: Tensor, into out: Tensor) {
        if out.dtype == .float32 { forward(q, k, v, out, Float.self) } else { forward(q, k, v, out, Double.self) }
    }

    /// The gradients of q, k and v from that of the result; all three are overwritten.
    func backward(_ g: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, into dq: Tensor, _ dk: Tensor, _ dv: Tensor) {
        if g.dtype == .float32 { backward(g, q, k, v, dq, dk, dv, Float.self) } else { backward(g, q, k, v, dq, dk, dv, Double.self) }
    }

    /// Runs `body` for each head with room for `blocks` blocks of scores, heads side by side where there are threads.
    private func forEachHead<T>(
        _ q: Tensor, _ k: Tensor, blocks: Int, _: T.Type, _ body: (_ b: Int, _ h: Int, UnsafeMutablePointer<T>) -> Void
    ) {
        let (heads, room) = (q.sizes[1], AttentionBlocks.rows * k.sizes[2])
        let work = Swift.max(1, q.sizes[2] * k.sizes[2] * q.sizes[3])
        parallelFor(q.sizes[0] * heads, grain: Swift.max(1, 100_000 / work)) { from, to in
            let scratch = UnsafeMutablePointer<T>.allocate(capacity: Swift.max(1, blocks * room))
            defer { scratch.deallocate() }
            for i in from..<to { body(i / heads, i % heads, scratch) }
        }
    }

    /// The weights of queries `from..<to`, row by row, for the keys that any of them sees; returns how many those are.
    private func weights<T: BinaryFloatingPoint>(
        _ q: Head<T>, _ k: Head<T>, _ mask: Head<T>?, _ from: Int, _ to: Int, _ keys: Int, _ features: Int,
        into p: UnsafeMutablePointer<T>
    ) -> Int {
        let seen = causal ? Swift.min(keys, to) : keys
        product(to - from, seen, features, scale, q.from(from), q.row, q.column, k.base, k.column, k.row, 0, p, seen, 1)
        if let mask { add(mask, from, to, seen, to: p) }
        if causal {
            for i in from..<Swift.max(from, Swift.min(to, seen)) { for j in (i + 1)..<Swift.max(seen, i + 1) { p[(i - from) * seen + j] = -.infinity } }
        }
        AttentionBlocks.softmax(p, to - from, seen, mayBeBlind: mask != nil)
        return seen
    }

    /// The softmax of up to 64 rows of scores, in place; rows that are all -inf become zeros.
    static func softmax<T: BinaryFloatingPoint>(_ p: UnsafeMutablePointer<T>, _ rows: Int, _ keys: Int, mayBeBlind: Bool) {
        let blind = mayBeBlind ? clearBlindRows(p, rows, keys) : 0
        let (r, c, raw) = (Int64(rows), Int64(keys), UnsafeMutableRawPointer(p))
        if T.self == Float.self { mk_softmax_f32(raw.as(), raw.as(), r, c) } else { mk_softmax_f64(raw.as(), raw.as(), r, c) }
        if blind == 0 { return }
        for i in 0..<rows where blind >> UInt64(i) & 1 != 0 { (p + i * keys).update(repeating: 0, count: keys) }
    }

    /// Rows of one head's weights, `queries` x `keys` in all, that query `from` begins, times the factors of the dropout.
    private func drop<T: BinaryFloatingPoint>(
        _ p: UnsafeMutablePointer<T>, _ head: Int, _ queries: Int, _ keys: Int, _ from: Int, _ to: Int, _ seen: Int,
        into out: UnsafeMutablePointer<T>
    ) {
        guard let dropout else { return }
        let (bits, first) = (dropout.bits.typed(UInt8.self), (head * queries + from) * keys)
        if seen == keys { return DropoutMask.apply(dropout.form.share, p, bits, first, out, (to - from) * keys) }
        for i in 0..<(to - from) { DropoutMask.apply(dropout.form.share, p + i * seen, bits, first + i * keys, out + i * seen, seen) }
    }

    /// Adds rows `from..<to` of the mask to a block of scores.
    private func add<T: BinaryFloatingPoint>(_ mask: Head<T>, _ from: Int, _ to: Int, _ keys: Int, to p: UnsafeMutablePointer<T>) {
        for i in from..<to {
            let (row, scores) = (UnsafeMutableRawPointer(mask.from(i)), UnsafeMutableRawPointer(p + (i - from) * keys))
            let (code, step, n) = (BinaryOp.add.rawValue, Int64(mask.column), Int64(keys))
            if T.self == Float.self {
                mk_binary_f32(code, scores.as(), 1, row.as(), step, scores.as(), 1, n)
            } else {
                mk_binary_f64(code, scores.as(), 1, row.as(), step, scores.as(), 1, n)
            }
        }
    }

    /// Puts zeros into rows of scores that are all -inf, of which no softmax can be taken; a bit for each.
    private static func clearBlindRows<T: BinaryFloatingPoint>(_ p: UnsafeMutablePointer<T>, _ rows: Int, _ keys: Int) -> UInt64 {
        var blind: UInt64 = 0
        for i in 0..<rows {
            let row = p + i * keys
            var j = 0
            while j < keys && row[j] == -.infinity { j += 1 }
            if j < keys { continue }
            row.update(repeating: 0, count: keys)
            blind |= 1 << UInt64(i)
        }
        return blind
    }

    private func forward<T: BinaryFloatingPoint>(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ out: Tensor, _: T.Type) {
        let (queries, keys, features, values) = (q.sizes[2], k.sizes[2], q.sizes[3], v.sizes[3])
        forEachHead(q, k, blocks: 1, T.self) { b, h, p in
            let (qh, kh, vh, oh) = (Head<T>(q, b, h), Head<T>(k, b, h), Head<T>(v, b, h), Head<T>(out, b, h))
            let mh = mask.map { Head<T>($0, b, h) }
            for from in stride(from: 0, to: queries, by: AttentionBlocks.rows) {
                let to = Swift.min(queries, from + AttentionBlocks.rows)
                let seen = weights(qh, kh, mh, from, to, keys, features, into: p)
                drop(p, b * q.sizes[1] + h, queries, keys, from, to, seen, into: p)
                product(to - from, values, seen, 1, p, seen, 1, vh.base, vh.row, vh.column, 0, oh.from(from), oh.row, oh.column)
            }
        }
    }

    private func backward<T: BinaryFloatingPoint>(
        _ g: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, _ dq: Tensor, _ dk: Tensor, _ dv: Tensor, _: T.Type
    ) {
        let (queries, keys, features, values) = (q.sizes[2], k.sizes[2], q.sizes[3], v.sizes[3])
        forEachHead(q, k, blocks: 2, T.self) { b, h, p in
            let (gh, qh, kh, vh) = (Head<T>(g, b, h), Head<T>(q, b, h), Head<T>(k, b, h), Head<T>(v, b, h))
            let (dqh, dkh, dvh) = (Head<T>(dq, b, h), Head<T>(dk, b, h), Head<T>(dv, b, h))
            let mh = mask.map { Head<T>($0, b, h) }
            let ds = p + AttentionBlocks.rows * keys
            // The last block sees every key, and so gives each its first share.
            for from in stride(from: 0, to: queries, by: AttentionBlocks.rows).reversed() {
                let to = Swift.min(queries, from + AttentionBlocks.rows)
                let (n, isFirst) = (to - from, to == queries)
                let seen = weights(qh, kh, mh, from, to, keys, features, into: p)
                if isFirst && seen < keys {
                    for j in seen..<keys {
                        for c in 0..<features { dkh.from(j)[c * dkh.column] = 0 }
                        for c in 0..<values { dvh.from(j)[c * dvh.column] = 0 }
                    }
                }
                // What the values were multiplied with; the softmax needs its own result.
                drop(p, b * q.sizes[1] + h, queries, keys, from, to, seen, into: ds)
                let used = dropout == nil ? p : ds
                product(seen, values, n, 1, used, 1, seen, gh.from(from), gh.row, gh.column, isFirst ? 0 : 1, dvh.base, dvh.row, dvh.column)
                product(n, seen, values, 1, gh.from(from), gh.row, gh.column, vh.base, vh.column, vh.row, 0, ds, seen, 1)
                drop(ds, b * q.sizes[1] + h, queries, keys, from, to, seen, into: ds)
                let (rows, columns) = (Int64(n), Int64(seen))
                let (rawP, rawS) = (UnsafeMutableRawPointer(p), UnsafeMutableRawPointer(ds))
                if T.self == Float.self {
                    mk_softmax_backward_f32(rawS.as(), rawP.as(), rawS.as(), rows, columns)
                } else {
                    mk_softmax_backward_f64(rawS.as(), rawP.as(), rawS.as(), rows, columns)
                }
                product(n, features, seen, scale, ds, seen, 1, kh.base, kh.row, kh.column, 0, dqh.from(from), dqh.row, dqh.column)
                product(seen, features, n, scale, ds, 1, seen, qh.from(from), qh.row, qh.column, isFirst ? 0 : 1, dkh.base, dkh.row, dkh.column)
            }
        }
    }

    /// c = alpha a b + beta c, (m x k)(k x n), each with its row and column strides.
    @inline(__always)
    private func product<T: BinaryFloatingPoint>(
        _ m: Int, _ n: Int, _ k: Int, _ alpha: Double, _ a: UnsafeMutablePointer<T>, _ ra: Int, _ ca: Int,
        _ b: UnsafeMutablePointer<T>, _ rb: Int, _ cb: Int, _ beta: Double, _ c: UnsafeMutablePointer<T>, _ rc: Int, _ cc: Int
    ) {
        let (p, q, o) = (UnsafeMutableRawPointer(a), UnsafeMutableRawPointer(b), UnsafeMutableRawPointer(c))
        if T.self == Float.self {
            mk_gemm_f32(
                Int64(m), Int64(n), Int64(k), Float(alpha), p.as(), Int64(ra), Int64(ca), q.as(), Int64(rb), Int64(cb), Float(beta),
                o.as(), Int64(rc), Int64(cc), nil)
        } else {
            mk_gemm_f64(
                Int64(m), Int64(n), Int64(k), alpha, p.as(), Int64(ra), Int64(ca), q.as(), Int64(rb), Int64(cb), beta, o.as(),
                Int64(rc), Int64(cc), nil)
        }
    }
}
