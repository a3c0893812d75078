import Glibc

/// Less common special functions and functions of whole numbers.
extension Tensor {
    /// The modified Bessel function of the first kind and order 0.
    public func i0() throws -> Tensor {
        let out = try mapDouble(self) { bessel(0, $0, scaled: false) }
        recordFromInput(out, "I0Backward0") { g, x in try g.mul(x.i1()) }
        return out
    }

    /// exp(-|x|) times ``i0()``.
    public func i0e() throws -> Tensor {
        let out = try mapDouble(self) { bessel(0, $0, scaled: true) }
        recordFromInput(out, "SpecialI0EBackward0") { g, x in try g.mul(x.i1e().sub(x.sgn().mul(x.i0e()))) }
        return out
    }

    /// The modified Bessel function of the first kind and order 1.
    public func i1() throws -> Tensor {
        let out = try mapDouble(self) { bessel(1, $0, scaled: false) }
        recordFromInput(out, "SpecialI1Backward0") { g, x in
            try g.mul(x.i0().sub(x.i1().overSelf(x)))
        }
        return out
    }

    /// exp(-|x|) times ``i1()``.
    public func i1e() throws -> Tensor {
        let out = try mapDouble(self) { bessel(1, $0, scaled: true) }
        recordFromInput(out, "SpecialI1EBackward0") { g, x in
            try g.mul(x.i0e().sub(x.i1e().overSelf(x)).sub(x.sgn().mul(x.i1e())))
        }
        return out
    }

    /// This tensor over x, and its limit 1/2 where x is 0, without a NaN in the derivatives there.
    private func overSelf(_ x: Tensor) throws -> Tensor {
        let zero = try x.eq(.number(0))
        return try Tensor.choose(zero, .number(0.5), div(Tensor.choose(zero, .number(1), x)))
    }

    /// -x log(x); 0 at 0, -inf below.
    public func entr() throws -> Tensor {
        let out = try mapDouble(self) { x in x.isNaN ? x : (x > 0 ? -x * Glibc.log(x) : (x == 0 ? 0 : -.infinity)) }
        recordFromInput(out, "SpecialEntrBackward0") { g, x in
            try Tensor.choose(x.lt(.number(0)), .number(Double.nan), g.mul(x.log().add(.number(1)).neg()))
        }
        return out
    }

    /// self * log(1 + other), 0 where self is 0 (unless other is NaN).
    public func xlog1py(_ other: Tensor) throws -> Tensor {
        let type = Tensor.floatResultType(self, other)
        let out = try withNoGrad {
            let (x, y) = (try operand(type), try other.operand(type))
            let flat = try x.eq(.number(0)).logicalAnd(y.isnan().logicalNot())
            return try Tensor.choose(flat, .zeros([], type), x.mul(y.log1p()))
        }
        if GradMode.needs(self, other) {
            let name =
                isWrappedNumber ? "SpecialXlog1PyBackward1" : (other.isWrappedNumber ? "SpecialXlog1PyBackward2" : "SpecialXlog1PyBackward0")
            out.attach(name, TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, y) = (try node.saved(0), try node.saved(1))
                var dx: Tensor?
                if node.needs(0) {
                    let flat = try x.eq(.number(0)).logicalAnd(y.le(.number(-1)))
                    dx = try Tensor.choose(flat, .number(0), g).xlog1py(y)
                }
                return [dx, node.needs(1) ? try g.mul(x.div(y.add(.number(1)))) : nil]
            }
        }
        return out
    }

    /// The Hurwitz zeta function of exponent self at `q`. Differentiable in q.
    public func zeta(_ q: Tensor) throws -> Tensor {
        let type = Tensor.floatResultType(self, q)
        let (s, x) = (try operand(type), try q.operand(type))
        let out = try layoutLike(try broadcastSizes(s.sizes, x.sizes), type, [s, x])
        let loop = ElementLoop(out, s, x)
        let (so, ss, sx, _) = loop.inner
        let (target, exponent, q) = (out.lent, s.lent, x.lent)
        func run<T: TensorElement>(_: T.Type) {
            let (o, a, b) = (target.typed(T.self), exponent.typed(T.self), q.typed(T.self))
            loop.forEachRun { i, j, k, _, n in
                for e in 0..<n {
                    let s = a[j + e * ss].asDouble
                    let z = s == 1 ? .infinity : (s < 1 ? .nan : hurwitzZeta(s, b[k + e * sx].asDouble))
                    o[i + e * so] = T(element: z)
                }
            }
        }
        launch("zeta") { withElementType(type) { run($0) } }
        withExtendedLifetime((s, x)) {}
        if GradMode.needs(self, q) {
            out.attach("SpecialZetaBackward0", TensorList(self, q)) { $0.save(self, q) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                if node.needs(0) { throw MartletError.runtime("derivative for aten::special_zeta is not implemented") }
                let (s, x) = (try node.saved(0), try node.saved(1))
                return [nil, try g.mul(s.neg()).mul(s.add(.number(1)).zeta(x))]
            }
        }
        return out
    }

    /// The logarithm of the multivariate gamma function of dimension `p`, for self > (p - 1) / 2.
    public func mvlgamma(_ p: Int) throws -> Tensor {
        guard p >= 1 else { throw MartletError.runtime("p has to be greater than or equal to 1") }
        let x = dtype.isFloatingPoint ? self : try to(.defaultFloat)
        _ = try Tensor.empty([x.numel, p], x.dtype)  // so many terms that they cannot be held are an error here
        let constant = Double(p) * Double(p - 1) / 4 * 1.1447298858494002
        let out = try withNoGrad { try x.shiftedSum(p) { try $0.lgamma() }.add(.number(constant)) }
        x.recordFromInput(out, "MvlgammaBackward0") { g, x in try g.mul(x.shiftedSum(p) { try $0.digamma() }) }
        return out
    }

    /// f(x) + f(x - 1/2) + ... over p terms.
    private func shiftedSum(_ p: Int, _ f: (Tensor) throws -> Tensor) throws -> Tensor {
        var sum = try f(self)
        for j in 1..<Swift.max(p, 1) { sum = try sum.add(f(sub(.number(Double(j) / 2)))) }
        return sum
    }

    /// self * 2^other.
    public func ldexp(_ other: Tensor) throws -> Tensor {
        let out = try withNoGrad { try mul(Tensor.number(2.0).pow(other)) }
        if GradMode.needs(self, other) {
            out.attach("LdexpBackward0", TensorList(self, other)) { node in
                node.save(other)
                node.saveOutput(out)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? try g.mul(Tensor.number(2.0).pow(node.saved(0))) : nil,
                    node.needs(1) ? try g.mul(node.saved(1)).mul(.number(0.693147180559945309417)) : nil,
                ]
            }
        }
        return out
    }

    /// The next number of the dtype after self in the direction of `other`: self plus a constant, but `other` itself where
    /// they are equal, which torch gives no gradient.
    public func nextafter(_ other: Tensor) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard type == .float32 || type == .float64 else { throw Tensor.unsupported("nextafter_cpu", type) }
        let out = try binaryKernel(.nextafter, self, other)
        if GradMode.needs(self, other) {
            out.attach("NextafterBackward0", TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let same = try node.saved(0).eq(node.saved(1))
                return [
                    node.needs(0) ? try Tensor.choose(same, .number(0), g) : nil,
                    node.needs(1) ? try .zeros(g.sizes, g.dtype) : nil,
                ]
            }
        }
        return out
    }

    // MARK: Whole numbers

    /// The greatest common divisor, not negative.
    public func gcd(_ other: Tensor) throws -> Tensor { try divisors(other, "gcd_cpu", multiple: false) }

    /// The least common multiple, not negative; 0 where either is 0.
    public func lcm(_ other: Tensor) throws -> Tensor { try divisors(other, "lcm_cpu", multiple: true) }

    private func divisors(_ other: Tensor, _ kernel: String, multiple: Bool) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard type.isIntegral else { throw Tensor.unsupported(kernel, type) }
        let (x, y) = (try operand(type), try other.operand(type))
        func run<E: IntegerElement>(_: E.Type) throws -> Tensor {
            try bits(E.self, x, y) { a, b in
                var (u, v) = (a < 0 ? 0 &- a : a, b < 0 ? 0 &- b : b)
                let product = (u, v)
                while v != 0 { (u, v) = (v, v == 0 &- 1 ? 0 : u % v) }
                if !multiple { return u }
                return u == 0 ? 0 : product.0.dividedReportingOverflow(by: u).partialValue &* product.1
            }
        }
        switch type {
        case .int64: return try run(Int64.self)
        case .int32: return try run(Int32.self)
        case .int16: return try run(Int16.self)
        case .int8: return try run(Int8.self)
        default: return try run(UInt8.self)
        }
    }

    // MARK: Membership

    /// A bool for each element: whether it is one of `others`' elements, or with `invert` whether it is not.
    public func isin(_ others: Tensor, invert: Bool = false) throws -> Tensor {
        let type = Tensor.resultType(self, others)
        guard type != .bool else { throw Tensor.unsupported("isin", type) }
        return try Tape.whole("isin", [self, others]) {
            let (x, others) = ($0[0], $0[1])
            let out = try Tensor.empty(x.sizes, .bool)
            let o = out.typed(Bool.self)
            if type.isFloatingPoint {
                let set = Set(try others.to(type).toArray(Double.self))
                for (i, v) in try x.to(type).toArray(Double.self).enumerated() { o[i] = set.contains(v) != invert }
            } else {
                let set = Set(try others.toArray(Int64.self))
                for (i, v) in try x.toArray(Int64.self).enumerated() { o[i] = set.contains(v) != invert }
            }
            return [out]
        }[0]
    }
}

/// I_n(x) for n = 0 and 1, times exp(-|x|) where `scaled`: the power series up to 20, then the asymptotic series.
private func bessel(_ n: Int, _ value: Double, scaled: Bool) -> Double {
    let x = Swift.abs(value)
    let sign: Double = n == 1 && value < 0 ? -1 : 1
    if x.isNaN { return x }
    if x <= 20 {
        let quarter = x * x / 4
        var term = n == 0 ? 1 : x / 2
        var sum = term
        var k = 1.0
        while term > 1e-18 * sum {
            term *= quarter / (k * (k + Double(n)))
            sum += term
            k += 1
        }
        return sign * (scaled ? sum * Glibc.exp(-x) : sum)
    }
    if x.isInfinite { return scaled ? 0 : sign * x }
    let mu = Double(4 * n * n)
    var term = 1.0
    var sum = 1.0
    for k in 1..<40 {
        let odd = Double(2 * k - 1)
        let next = -term * (mu - odd * odd) / (Double(k) * 8 * x)
        if Swift.abs(next) >= Swift.abs(term) || Swift.abs(next) < 1e-17 { break }
        term = next
        sum += term
    }
    let base = sum / (2 * Double.pi * x).squareRoot()
    return sign * (scaled ? base : base * Glibc.exp(x / 2) * Glibc.exp(x / 2))
}
