import Glibc

/// Sigmoid, error functions, gamma functions and logarithms of sums and products.
///
/// Each takes any shape; integers become the default float dtype.
extension Tensor {
    /// 1 / (1 + exp(-x)).
    public func sigmoid() throws -> Tensor {
        try unary(.sigmoid, "SigmoidBackward0", fromOutput: { g, y in try Tensor.sigmoidBackward(g, y) })
    }

    /// g * (1 - y) * y, torch's `sigmoid_backward`.
    static func sigmoidBackward(_ g: Tensor, _ y: Tensor) throws -> Tensor {
        let out = try binaryKernel(.sigmoidBackward, g, y)
        if GradMode.needs(g, y) {
            out.attach("SigmoidBackwardBackward0", TensorList(g, y)) { $0.save(g, y) } backward: { node, gg in
                guard let gg = gg[0] else { return [nil, nil] }
                let (g, y) = (try node.saved(0), try node.saved(1))
                return [
                    node.needs(0) ? try sigmoidBackward(gg, y) : nil,
                    node.needs(1) ? try gg.mul(g).mul(y.mul(.number(-2)).add(.number(1))) : nil,
                ]
            }
        }
        return out
    }

    /// log(x / (1 - x)); with `eps`, x is first clamped to [eps, 1 - eps] and the gradient outside is 0.
    public func logit(eps: Double? = nil) throws -> Tensor {
        let x = dtype.isFloatingPoint ? self : try to(.defaultFloat)
        let out = try withNoGrad {
            let z = eps == nil ? x : try x.clamp(min: .number(eps!), max: .number(1 - eps!))
            return try z.div(z.rsub(.number(1))).log()
        }
        x.recordFromInput(out, "LogitBackward0") { g, x in
            let slope = try g.div(x.mul(x.rsub(.number(1))))
            if let eps {
                let outside = try x.lt(.number(eps)).logicalOr(x.gt(.number(1 - eps)))
                return try Tensor.choose(outside, .number(0), slope)
            }
            let outside = try x.lt(.number(0)).logicalOr(x.gt(.number(1)))
            return try Tensor.choose(outside, .number(Double.nan), slope)
        }
        return out
    }

    public func erf() throws -> Tensor {
        try unary(.erf, "ErfBackward0", fromInput: { g, x in
            try x.mul(x).neg().exp().mul(.number(1.1283791670955126)).mul(g)
        })
    }

    /// 1 - erf(x) without cancellation.
    public func erfc() throws -> Tensor {
        try unary(.erfc, "ErfcBackward0", fromInput: { g, x in
            try x.mul(x).neg().exp().mul(.number(-1.1283791670955126)).mul(g)
        })
    }

    /// The x with erf(x) = self; infinite at -1 and 1, NaN outside.
    public func erfinv() throws -> Tensor {
        try unary(.erfinv, "ErfinvBackward0", fromOutput: { g, y in
            try y.mul(y).exp().mul(.number(0.886226925452758)).mul(g)
        })
    }

    /// log |gamma(x)|.
    public func lgamma() throws -> Tensor {
        try unary(.lgamma, "LgammaBackward0", fromInput: { g, x in try g.mul(x.digamma()) })
    }

    /// The logarithmic derivative of gamma.
    public func digamma() throws -> Tensor {
        try unary(.digamma, "DigammaBackward0", fromInput: { g, x in try g.mul(x.polygamma(1)) })
    }

    /// The `n`-th derivative of digamma, n >= 0: (-1)^(n+1) n! zeta(n + 1, x).
    public func polygamma(_ n: Int) throws -> Tensor {
        guard n >= 0 else { throw MartletError.runtime("polygamma(n, x) does not support negative n.") }
        let factor = (n % 2 == 0 ? -1.0 : 1.0) * tgamma(Double(n) + 1)
        let out = try n == 0 ? unaryKernel(.digamma, self) : mapDouble(self) { factor * hurwitzZeta(Double(n) + 1, $0) }
        recordFromInput(out, "PolygammaBackward0") { g, x in try g.mul(x.polygamma(n == .max ? n : n + 1)) }
        return out
    }

    /// log(exp(self) + exp(other)) without overflow.
    public func logaddexp(_ other: Tensor) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard type.isFloatingPoint else { throw Tensor.unsupported("logaddexp_cpu", type) }
        let out = try binaryKernel(.logaddexp, self, other, dtype: type)
        if GradMode.needs(self, other) {
            out.attach("LogaddexpBackward0", TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                return [
                    node.needs(0) ? try g.div(b.sub(a).exp().add(.number(1))) : nil,
                    node.needs(1) ? try g.div(a.sub(b).exp().add(.number(1))) : nil,
                ]
            }
        }
        return out
    }

    /// log2(2^self + 2^other) without overflow.
    public func logaddexp2(_ other: Tensor) throws -> Tensor {
        let type = Tensor.resultType(self, other)
        guard type.isFloatingPoint else { throw Tensor.unsupported("logaddexp2_cpu", type) }
        let ln2 = Tensor.number(0.693147180559945309417)
        let out = try withNoGrad {
            let (a, b) = (try operand(type), try other.operand(type))
            let sum = try binaryKernel(.logaddexp, a.to(.float64).mul(ln2), b.to(.float64).mul(ln2))
            return try sum.div(ln2).to(type)
        }
        if GradMode.needs(self, other) {
            out.attach("Logaddexp2Backward0", TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (a, b) = (try node.saved(0), try node.saved(1))
                return [
                    node.needs(0) ? try g.div(b.sub(a).exp2().add(.number(1))) : nil,
                    node.needs(1) ? try g.div(a.sub(b).exp2().add(.number(1))) : nil,
                ]
            }
        }
        return out
    }

    /// self * log(other), 0 where self is 0 (unless other is NaN).
    public func xlogy(_ other: Tensor) throws -> Tensor {
        let out = try binaryKernel(.xlogy, self, other, dtype: Tensor.floatResultType(self, other))
        if GradMode.needs(self, other) {
            let name = isWrappedNumber ? "XlogyBackward1" : (other.isWrappedNumber ? "XlogyBackward2" : "XlogyBackward0")
            out.attach(name, TensorList(self, other)) { $0.save(self, other) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, y) = (try node.saved(0), try node.saved(1))
                var dx: Tensor?
                if node.needs(0) {
                    let flat = try x.eq(.number(0)).logicalAnd(y.le(.number(0)))
                    dx = try Tensor.choose(flat, .number(0), g).xlogy(y)
                }
                return [dx, node.needs(1) ? try g.mul(x).div(y) : nil]
            }
        }
        return out
    }

    /// sin(pi x) / (pi x), 1 at 0.
    public func sinc() throws -> Tensor {
        let out = try mapDouble(self) { x in
            if x == 0 { return 1 }
            let p = x * Double.pi
            return Glibc.sin(p) / p
        }
        recordFromInput(out, "SincBackward0") { g, x in
            let px = try x.mul(.number(Double.pi))
            let slope = try g.mul(px.mul(px.cos()).sub(px.sin()).div(px.mul(x)))
            return try Tensor.choose(x.eq(.number(0)), .number(0), slope)
        }
        return out
    }
}

/// The Hurwitz zeta function, sum over k >= 0 of (q + k)^-s for s > 1: leading terms one by one, the rest by the
/// Euler-Maclaurin formula.
func hurwitzZeta(_ s: Double, _ q: Double) -> Double {
    if q.isNaN { return q }
    if q.isInfinite { return q > 0 && s == 2 ? 0 : .nan }
    if q <= 0 {
        if q == Glibc.floor(q) { return .infinity }
        if s != Glibc.floor(s) || q < -1e7 { return .nan }
    }
    var sum = 0.0
    var a = q
    while a < 12 {
        sum += Glibc.pow(a, -s)
        a += 1
    }
    sum += Glibc.pow(a, 1 - s) / (s - 1) + 0.5 * Glibc.pow(a, -s)
    // Bernoulli numbers B2, B4, ... over (2j)!.
    let coefficients: [Double] = [
        0x1.5555555555555p-4, -1.3888888888888889e-3, 3.3068783068783069e-5, -8.2671957671957672e-7,
        2.0876756987868099e-8, -5.2841901386874932e-10, 1.3382536530684679e-11, -3.3896802963225829e-13,
    ]
    var rising = s
    var power = Glibc.pow(a, -s - 1)
    for (j, c) in coefficients.enumerated() {
        let term = c * rising * power
        sum += term
        if Swift.abs(term) <= 1e-17 * Swift.abs(sum) { break }
        let k = Double(2 * j + 1)
        rising *= (s + k) * (s + k + 1)
        power /= a * a
    }
    return sum
}
