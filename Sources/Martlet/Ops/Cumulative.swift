import Glibc

/// Running sums, products and extremes, and differences. Everything runs along one dimension.
extension Tensor {
    /// out[i] = x[0] + ... + x[i]. Integers and bools sum as int64 unless `dtype` says otherwise.
    public func cumsum(_ dim: Int, dtype: DType? = nil) throws -> Tensor {
        let d = try wrapDim(dim, rank)
        return try forRunning("cumsum", dtype).runningSum(d, reverse: false)
    }

    /// out[i] = x[0] * ... * x[i].
    public func cumprod(_ dim: Int, dtype: DType? = nil) throws -> Tensor {
        let d = try wrapDim(dim, rank)
        return try forRunning("cumprod", dtype).runningProduct(d, reverse: false)
    }

    private func forRunning(_ op: String, _ type: DType?) throws -> Tensor {
        try refuseSparse(op)
        let type = type ?? (dtype.isFloatingPoint ? dtype : .int64)
        return type == dtype ? self : try to(type)
    }

    /// Floats accumulate in double and are rounded at each place, as torch's do.
    private func running(_ d: Int, reverse: Bool, product: Bool) throws -> Tensor {
        let x = try withNoGrad { try contiguous() }
        let out = try Tensor.empty(sizes, dtype)
        let (source, target) = (x.lent, out.lent)
        let axis = Axis(sizes, d)
        let step = reverse ? -axis.inner : axis.inner
        let lead = reverse ? (axis.count - 1) * axis.inner : 0
        func run<T: TensorElement>(_: T.Type) {
            let (p, o) = (source.typed(T.self), target.typed(T.self))
            if T.dtype.isFloatingPoint {
                axis.forEachLine { _, start in
                    var (at, sum) = (start + lead, product ? 1.0 : 0.0)
                    for _ in 0..<axis.count {
                        if product { sum *= p[at].asDouble } else { sum += p[at].asDouble }
                        o[at] = T(element: sum)
                        at += step
                    }
                }
            } else {
                axis.forEachLine { _, start in
                    var (at, sum) = (start + lead, product ? Int64(1) : 0)
                    for _ in 0..<axis.count {
                        if product { sum &*= p[at].asInt64 } else { sum &+= p[at].asInt64 }
                        o[at] = T(element: sum)
                        at += step
                    }
                }
            }
        }
        launch("scan") { [dtype] in withElementType(dtype) { run($0) } }
        withExtendedLifetime(x) {}
        return out
    }

    private func runningSum(_ d: Int, reverse: Bool) throws -> Tensor {
        let out = try running(d, reverse: reverse, product: false)
        if GradMode.needs(self) {
            out.attach("CumsumBackward0", TensorList(self)) { _, g in [try g[0]?.runningSum(d, reverse: !reverse)] }
        }
        return out
    }

    private func runningProduct(_ d: Int, reverse: Bool) throws -> Tensor {
        let out = try running(d, reverse: reverse, product: true)
        if GradMode.needs(self) {
            let scalar = rank == 0
            out.attach("CumprodBackward0", TensorList(self)) { $0.save(self) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                if scalar { return [g] }
                // d out[i] / d x[k] is the product of the others up to i: those before k times those between.
                let x = try node.saved(0)
                let between = try g.recurrence(x.shifted(d, by: reverse ? 1 : -1), d, reverse: !reverse)
                return [try x.cumprodExclusive(d, reverse: reverse).mul(between)]
            }
        }
        return out
    }

    /// The product of what comes before each element (after it, where `reverse`).
    func cumprodExclusive(_ d: Int, reverse: Bool) throws -> Tensor {
        let n = sizes[d]
        if n == 0 { return self }
        var one = sizes
        one[d] = 1
        let edge = try Tensor.full(one, .number(1), dtype)
        if n == 1 { return edge }
        let rest = try narrow(d, reverse ? 1 : 0, n - 1).runningProduct(d, reverse: reverse)
        return try Tensor.cat(reverse ? [rest, edge] : [edge, rest], d)
    }

    /// out[i] = x[i - by], zero where that is outside; `by` is 1 or -1.
    func shifted(_ d: Int, by: Int) throws -> Tensor {
        let n = sizes[d]
        if n == 0 { return self }
        var one = sizes
        one[d] = 1
        let edge = try Tensor.zeros(one, dtype)
        if n == 1 { return edge }
        let rest = try narrow(d, by > 0 ? 0 : 1, n - 1)
        return try Tensor.cat(by > 0 ? [edge, rest] : [rest, edge], d)
    }

    /// x[i] - x[i + 1], zero at the end.
    private func stepDown(_ d: Int) throws -> Tensor {
        let n = sizes[d]
        if n == 0 { return self }
        var one = sizes
        one[d] = 1
        return try Tensor.cat([narrow(d, 0, n - 1).sub(narrow(d, 1, n - 1)), Tensor.zeros(one, dtype)], d)
    }

    /// S[i] = self[i] + a[i] * S[i - 1] along a dimension (S[i + 1] where `reverse`), the linear recurrence that
    /// derivatives of running products and running log-sums are made of. Its own derivative is a recurrence again.
    func recurrence(_ a: Tensor, _ d: Int, reverse: Bool) throws -> Tensor {
        if dtype.size == 2 { return try to(.float32).recurrence(a.to(.float32), d, reverse: reverse).to(dtype) }
        let (b, f) = try withNoGrad { (try contiguous(), try a.contiguous()) }
        let out = try Tensor.empty(sizes, dtype)
        let (first, factor, target) = (b.lent, f.lent, out.lent)
        let axis = Axis(sizes, d)
        let step = reverse ? -axis.inner : axis.inner
        let lead = reverse ? (axis.count - 1) * axis.inner : 0
        func run<T: BinaryFloatingPoint>(_: T.Type) {
            let (p, q, o) = (first.typed(T.self), factor.typed(T.self), target.typed(T.self))
            axis.forEachLine { _, start in
                var (at, s) = (start + lead, T.zero)
                for k in 0..<axis.count {
                    s = k == 0 ? p[at] : p[at] + q[at] * s
                    o[at] = s
                    at += step
                }
            }
        }
        launch("scan") { [dtype] in dtype == .float32 ? run(Float.self) : run(Double.self) }
        withExtendedLifetime((b, f)) {}
        if GradMode.needs(self, a) {
            out.attach("RecurrenceBackward", TensorList(self, a)) { node in
                node.save(a)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, s) = (try node.saved(0), try node.saved(1))
                let by = reverse ? -1 : 1
                let total = try g.recurrence(a.shifted(d, by: -by), d, reverse: !reverse)
                return [total, node.needs(1) ? try total.mul(s.shifted(d, by: by)) : nil]
            }
        }
        return out
    }

    /// The largest element so far and where it stands; of equal ones the latest, and a NaN stays.
    public func cummax(_ dim: Int) throws -> (values: Tensor, indices: Tensor) { try runningExtremum(dim, true) }
    /// The smallest element so far and where it stands.
    public func cummin(_ dim: Int) throws -> (values: Tensor, indices: Tensor) { try runningExtremum(dim, false) }

    private func runningExtremum(_ dim: Int, _ largest: Bool) throws -> (Tensor, Tensor) {
        try refuseSparse(largest ? "cummax" : "cummin")
        let d = try wrapDim(dim, rank)
        let x = try ordered()
        let (source, type) = (x.lent, x.dtype)
        let indices = try Tensor.empty(sizes, .int64)
        let axis = Axis(sizes, d)
        let o = indices.typed(Int64.self)
        func run<T: OrderedElement>(_: T.Type) {
            let p = source.typed(T.self)
            axis.forEachLine { _, start in
                var best = 0
                for k in 0..<axis.count {
                    let (v, top) = (p[start + k * axis.inner], p[start + best * axis.inner])
                    if v.isNotANumber || (!top.isNotANumber && (largest ? v >= top : v <= top)) { best = k }
                    o[start + k * axis.inner] = Int64(best)
                }
            }
        }
        launch("scan") { withOrderedType(type) { run($0) } }
        withExtendedLifetime(x) {}
        let values = try withNoGrad { rank == 0 ? try clone() : try pick(d, indices) }
        if GradMode.needs(self) {
            let (n, scalar) = (axis.count, rank == 0)
            values.attach(largest ? "CummaxBackward0" : "CumminBackward0", [self]) { $0.save(indices) } backward: {
                node, g in
                [scalar ? g[0] : try g[0]?.place(d, node.saved(0), n)]
            }
        }
        return (values, indices)
    }

    /// out[i] = log(exp(x[0]) + ... + exp(x[i])) without overflow.
    public func logcumsumexp(_ dim: Int) throws -> Tensor {
        try refuseSparse("logcumsumexp")
        let d = try wrapDim(dim, rank)
        guard dtype.isFloatingPoint else {
            throw MartletError.notImplemented("\"logcumsumexp_out_cpu\" not implemented for '\(dtype.scalarTypeName)'")
        }
        if dtype.size == 2 { return try to(.float32).logcumsumexp(dim).to(dtype) }
        let x = try withNoGrad { try contiguous() }
        let out = try Tensor.empty(sizes, dtype)
        let (source, target) = (x.lent, out.lent)
        let axis = Axis(sizes, d)
        func run<T: TensorElement>(_: T.Type) {
            let (p, o) = (source.typed(T.self), target.typed(T.self))
            axis.forEachLine { _, start in
                // The running sum is held as exp(top) * scale, so that a new largest element only rescales it.
                var (top, scale) = (-Double.infinity, 0.0)
                for k in 0..<axis.count {
                    let at = start + k * axis.inner
                    let v = p[at].asDouble
                    if v.isNaN || top.isNaN {
                        top = .nan
                    } else if v == top {
                        scale = v.isInfinite ? 1 : scale + 1
                    } else if v > top {
                        scale = top == -.infinity ? 1 : scale * Glibc.exp(top - v) + 1
                        top = v
                    } else if top != .infinity {
                        scale += Glibc.exp(v - top)
                    }
                    o[at] = T(element: top.isFinite ? top + Glibc.log(scale) : top)
                }
            }
        }
        launch("scan") { [dtype] in withElementType(dtype) { run($0) } }
        withExtendedLifetime(x) {}
        if GradMode.needs(self) {
            let scalar = rank == 0
            out.attach("LogcumsumexpBackward0", TensorList(self)) { node in
                node.save(self)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                if scalar { return [g] }
                // grad x[k] = exp(x[k] - y[k]) * sum over i >= k of g[i] * exp(y[k] - y[i]); no exponent is positive.
                let (x, y) = (try node.saved(0), try node.saved(1))
                let finite = try withNoGrad { try y.mask { $0 != -.infinity } }
                let fall = try y.stepDown(d).keep(where: finite).exp()
                let later = try g.recurrence(fall, d, reverse: true)
                return [try x.sub(y).exp().mul(later).keep(where: finite)]
            }
        }
        return out
    }

    /// Differences of neighbours, `n` times, after joining `prepend` and `append` at the ends.
    public func diff(_ n: Int = 1, _ dim: Int = -1, prepend: Tensor? = nil, append: Tensor? = nil) throws -> Tensor {
        try refuseSparse("diff")
        guard rank > 0 else { throw MartletError.runtime("diff expects input to be at least one-dimensional") }
        let d = try wrapDim(dim, rank)
        for (name, t) in [("prepend", prepend), ("append", append)] {
            guard let t else { continue }
            guard t.rank == rank else {
                throw MartletError.runtime("diff expects prepend or append to be the same dimension as input")
            }
            for i in 0..<rank where i != d && t.sizes[i] != sizes[i] {
                throw MartletError.runtime(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the differencing dimension; input.size(\(i)) = \(sizes[i]), but got \(name) tensor.size(\(i)) = \(t.sizes[i])")
            }
        }
        if n < 0 { throw MartletError.runtime("order must be non-negative but got \(n)") }
        if n == 0 { return try clone() }
        var x = self
        if prepend != nil || append != nil { x = try Tensor.cat([prepend, self, append].compactMap { $0 }, d) }
        for _ in 0..<Swift.min(n, x.sizes[d]) {
            let m = x.sizes[d] - 1
            let (later, sooner) = (try x.narrow(d, 1, m), try x.narrow(d, 0, m))
            x = x.dtype == .bool ? try later.equalMask(sooner).mask { $0 == 0 } : try later.sub(sooner)
        }
        return x
    }
}
