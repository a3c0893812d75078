import MartletKernels

/// Which places of an input each place of a pooled result sees, dimension by dimension, brought to three dimensions.
struct PoolWindows {
    var input: [Int]
    /// For each result place along a dimension: the first place seen, and the end of the range, both inside the input.
    var first: [[Int]]
    var end: [[Int]]
    /// Distance between places seen.
    var step: [Int]
    /// What the window counts along this dimension when an average is taken.
    var count: [[Int]]
    /// What the windows were made from; nil where they differ among each other in more than what is outside.
    private var regular: (kernel: [Int], stride: [Int], padding: [Int])?

    var output: [Int] { first.map(\.count) }

    /// Windows of `kernel` places at every `stride`, on an input with `padding` on both sides. With `ceil` a last window
    /// that sticks out is kept where it starts inside. `countPadding` counts padded places in averages.
    init(
        _ input: [Int], kernel: [Int], stride: [Int], padding: [Int], dilation: [Int] = [1, 1, 1], ceil: Bool,
        countPadding: Bool = false
    ) {
        self.input = input
        step = dilation
        regular = (kernel, stride, padding)
        (first, end, count) = ([], [], [])
        for d in 0..<3 {
            let n = PoolWindows.outputSize(input[d], kernel[d], stride[d], padding[d], dilation[d], ceil)
            var (f, e, c) = ([Int](), [Int](), [Int]())
            for o in 0..<Swift.max(n, 0) {
                var start = o * stride[d] - padding[d]
                let padded = Swift.min(start + kernel[d], input[d] + padding[d])
                let stop = Swift.min(start + (kernel[d] - 1) * dilation[d] + 1, input[d])
                let whole = padded - start
                while start < 0 { start += dilation[d] }
                f.append(start)
                e.append(stop)
                c.append(countPadding ? whole : stop - start)
            }
            first.append(f)
            end.append(e)
            count.append(c)
        }
    }

    /// Windows that divide each dimension of the input into `output` nearly equal parts.
    init(_ input: [Int], adaptive output: [Int]) {
        self.input = input
        step = [1, 1, 1]
        (first, end, count) = ([], [], [])
        if zip(input, output).allSatisfy({ $1 > 0 && $0 % $1 == 0 }) {
            let kernel = zip(input, output).map { $0 / $1 }
            regular = (kernel, kernel, [0, 0, 0])
        }
        for d in 0..<3 {
            let n = output[d]
            first.append((0..<n).map { $0 * input[d] / n })
            end.append((0..<n).map { (($0 + 1) * input[d] + n - 1) / n })
            count.append((0..<n).map { end[d][$0] - first[d][$0] })
        }
    }

    /// Refuses numbers so large that their products with sizes overflow.
    static func checkReach(_ name: String, _ v: [Int]) throws {
        if let far = v.first(where: { $0.magnitude > 1 << 30 }) {
            throw MartletError.runtime("expected \(name) to be at most \(1 << 30), but got \(far)")
        }
    }

    static func outputSize(_ input: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int, _ ceil: Bool) -> Int {
        let span = input + 2 * padding - dilation * (kernel - 1) - 1 + (ceil ? stride - 1 : 0)
        var n = (span >= 0 ? span / stride : -((-span + stride - 1) / stride)) + 1
        if ceil && (n - 1) * stride >= input + padding { n -= 1 }
        return n
    }

    /// The windows as plain memory for the loops below.
    private struct Ranges {
        let input: (Int, Int, Int)
        let output: (Int, Int, Int)
        let step: (Int, Int, Int)
        let first: (UnsafePointer<Int>, UnsafePointer<Int>, UnsafePointer<Int>)
        let end: (UnsafePointer<Int>, UnsafePointer<Int>, UnsafePointer<Int>)
        let count: (UnsafePointer<Int>, UnsafePointer<Int>, UnsafePointer<Int>)

        /// Calls `body` for every result place of a plane with its number.
        @inline(__always)
        func forEachPlace(_ body: (_ place: Int, _ z: Int, _ y: Int, _ x: Int) -> Void) {
            var place = 0
            for z in 0..<output.0 { for y in 0..<output.1 { for x in 0..<output.2 {
                body(place, z, y, x)
                place += 1
            } } }
        }

        /// Calls `body` with the input place of everything that a result place sees, in order.
        @inline(__always)
        func forEachSeen(_ z: Int, _ y: Int, _ x: Int, _ body: (Int) -> Void) {
            var iz = first.0[z]
            while iz < end.0[z] {
                var iy = first.1[y]
                while iy < end.1[y] {
                    let row = (iz * input.1 + iy) * input.2
                    var ix = row + first.2[x]
                    let stop = row + end.2[x]
                    while ix < stop {
                        body(ix)
                        ix += step.2
                    }
                    iy += step.1
                }
                iz += step.0
            }
        }
    }

    private func withRanges(_ body: (Ranges) -> Void) {
        let flat = ContiguousArray((0..<3).flatMap { first[$0] + end[$0] + count[$0] } + [0])
        flat.withUnsafeBufferPointer { p in
            var at = p.baseAddress!
            func next(_ n: Int) -> UnsafePointer<Int> {
                defer { at += n }
                return at
            }
            let n = output
            let (f0, e0, c0) = (next(n[0]), next(n[0]), next(n[0]))
            let (f1, e1, c1) = (next(n[1]), next(n[1]), next(n[1]))
            let (f2, e2, c2) = (next(n[2]), next(n[2]), next(n[2]))
            body(
                Ranges(
                    input: (input[0], input[1], input[2]), output: (n[0], n[1], n[2]), step: (step[0], step[1], step[2]),
                    first: (f0, f1, f2), end: (e0, e1, e2), count: (c0, c1, c2)))
        }
    }

    /// Runs `body`, a kernel of C, on the windows of `planes` planes; false where it is not for these, or `body` says so.
    private func withPool(_ planes: Int, _ divisor: Int?, _ body: (inout mk_pool) -> Int32) -> Bool {
        guard let regular, input[0] == 1, count[0] == [1], !count[1].isEmpty, !count[2].isEmpty else { return false }
        func two(_ v: [Int]) -> (Int64, Int64) { (Int64(v[1]), Int64(v[2])) }
        return count[1].withUnsafeBufferPointer { rows in
            count[2].withUnsafeBufferPointer { columns in
                func pointer(_ p: UnsafeBufferPointer<Int>) -> UnsafePointer<Int64> {
                    UnsafeRawPointer(p.baseAddress!).assumingMemoryBound(to: Int64.self)
                }
                var pool = mk_pool(
                    planes: Int64(planes), in: two(input), out: two(output), kernel: two(regular.kernel),
                    stride: two(regular.stride), padding: two(regular.padding), dilation: two(step),
                    count: (pointer(rows), pointer(columns)), divisor: Double(divisor ?? 0))
                return body(&pool) != 0
            }
        }
    }

    // MARK: Kernels over contiguous planes

    /// Averages of the windows of each plane of `x`; integers are rounded toward zero.
    func average(_ x: Tensor, _ divisor: Int?, into out: Tensor) {
        let (pixels, places) = (input.reduce(1, *), output.reduce(1, *))
        if places == 0 { return }
        let planes = out.numel / places
        if out.dtype == .float32, withPool(planes, divisor, { mk_avg_pool_f32(&$0, x.typed(), out.typed()) }) { return }
        if out.dtype == .float64, withPool(planes, divisor, { mk_avg_pool_f64(&$0, x.typed(), out.typed()) }) { return }
        func run<T: TensorElement>(_: T.Type) {
            let (xp, op) = (x.typed(T.self), out.typed(T.self))
            withRanges { r in parallelFor(planes, grain: Swift.max(1, 20000 / places)) { from, to in
                for p in from..<to {
                    let (s, o) = (xp + p * pixels, op + p * places)
                    r.forEachPlace { place, z, y, x in
                        let n = divisor ?? r.count.0[z] * r.count.1[y] * r.count.2[x]
                        if T.dtype.isFloatingPoint {
                            var sum = 0.0
                            r.forEachSeen(z, y, x) { sum += s[$0].asDouble }
                            o[place] = T(element: sum / Double(n))
                        } else {
                            var sum: Int64 = 0
                            r.forEachSeen(z, y, x) { sum &+= s[$0].asInt64 }
                            o[place] = T(element: sum / Int64(n))
                        }
                    }
                }
            } }
        }
        withElementType(out.dtype) { run($0) }
        withExtendedLifetime((x, out)) {}
    }

    /// The adjoint of `average`: each place of `g` shared out over its window. `dx` is overwritten.
    func shareOut(_ g: Tensor, _ divisor: Int?, into dx: Tensor) {
        let (pixels, places) = (input.reduce(1, *), output.reduce(1, *))
        let planes = places == 0 ? 0 : g.numel / places
        if dx.dtype == .float32, withPool(planes, divisor, { mk_avg_pool_backward_f32(&$0, g.typed(), dx.typed()) }) { return }
        if dx.dtype == .float64, withPool(planes, divisor, { mk_avg_pool_backward_f64(&$0, g.typed(), dx.typed()) }) { return }
        func run<T: TensorElement>(_: T.Type) {
            let (gp, xp) = (g.typed(T.self), dx.typed(T.self))
            xp.update(repeating: T(element: Int64(0)), count: dx.numel)
            if places == 0 { return }
            withRanges { r in parallelFor(planes, grain: Swift.max(1, 20000 / places)) { from, to in
                for p in from..<to {
                    let (s, o) = (gp + p * places, xp + p * pixels)
                    r.forEachPlace { place, z, y, x in
                        let n = divisor ?? r.count.0[z] * r.count.1[y] * r.count.2[x]
                        let share = s[place].asDouble / Double(n)
                        r.forEachSeen(z, y, x) { o[$0] = T(element: o[$0].asDouble + share) }
                    }
                }
            } }
        }
        withElementType(dx.dtype) { run($0) }
        withExtendedLifetime((g, dx)) {}
    }

    /// The largest value of each window and its place in the plane; NaN wins, the first of equals is taken.
    func maximum(_ x: Tensor, into out: Tensor, _ indices: Tensor) {
        let (pixels, places) = (input.reduce(1, *), output.reduce(1, *))
        if places == 0 { return }
        let planes = out.numel / places
        if out.dtype == .float32,
            withPool(planes, nil, { mk_max_pool_f32(&$0, x.typed(), out.typed(), indices.typed()) }) { return }
        if out.dtype == .float64,
            withPool(planes, nil, { mk_max_pool_f64(&$0, x.typed(), out.typed(), indices.typed()) }) { return }
        func run<T: TensorElement>(_: T.Type) {
            let (xp, op, qp) = (x.typed(T.self), out.typed(T.self), indices.typed(Int64.self))
            withRanges { r in parallelFor(planes, grain: Swift.max(1, 20000 / places)) { from, to in
                for p in from..<to {
                    let (s, o, q) = (xp + p * pixels, op + p * places, qp + p * places)
                    r.forEachPlace { place, z, y, x in
                        var at = -1
                        if T.dtype.isFloatingPoint {
                            var best = -Double.infinity
                            r.forEachSeen(z, y, x) {
                                let v = s[$0].asDouble
                                if at < 0 || v > best || v.isNaN { (best, at) = (v, $0) }
                            }
                        } else {
                            var best = Int64.min
                            r.forEachSeen(z, y, x) {
                                let v = s[$0].asInt64
                                if at < 0 || v > best { (best, at) = (v, $0) }
                            }
                        }
                        o[place] = s[Swift.max(at, 0)]
                        q[place] = Int64(Swift.max(at, 0))
                    }
                }
            } }
        }
        withElementType(out.dtype) { run($0) }
        withExtendedLifetime((x, out, indices)) {}
    }
}
