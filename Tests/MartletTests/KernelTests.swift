import Glibc
import MartletKernels
import Testing

@testable import Martlet

/// The C kernels against plain loops and the mathematics library, on the instruction set chosen at start (MARTLET_CPU).
@Suite struct KernelTests {
    /// Numbers that repeat and cancel little.
    private func values(_ n: Int, _ phase: Double = 0) -> [Double] { (0..<n).map { sin(Double($0) * 1.7 + phase) } }

    @Test(arguments: [
        (1, 1, 1), (3, 5, 7), (8, 16, 4), (17, 33, 65), (64, 10, 100), (5, 1, 300), (1, 129, 31), (130, 70, 50), (2, 3, 0),
        (12, 40, 300), (16, 100, 64), (115, 36, 530),
    ])
    func gemm(_ m: Int, _ n: Int, _ k: Int) {
        let (a, b, start, bias) = (values(m * k), values(k * n, 1), values(m * n, 2), values(n, 3))
        for (transA, transB, transC) in [(false, false, false), (true, false, false), (false, true, false), (true, true, true)] {
            let (rsa, csa) = transA ? (1, m) : (k, 1)
            let (rsb, csb) = transB ? (1, k) : (n, 1)
            let (rsc, csc) = transC ? (1, m) : (n, 1)
            for (alpha, beta, biased) in [(1.0, 0.0, false), (1.0, 0.0, true), (0.5, 1.0, false), (-2.0, 0.25, true)] {
                var expected = start
                for i in 0..<m {
                    for j in 0..<n {
                        var sum = 0.0
                        for p in 0..<k { sum += a[i * rsa + p * csa] * b[p * rsb + j * csb] }
                        let at = i * rsc + j * csc
                        expected[at] = alpha * sum + beta * start[at] + (biased ? bias[j] : 0)
                    }
                }
                // What beta = 0 overwrites need not even be a number.
                var c = beta == 0 ? start.map { _ in Double.nan } : start
                mk_gemm_f64(
                    Int64(m), Int64(n), Int64(k), alpha, a, Int64(rsa), Int64(csa), b, Int64(rsb), Int64(csb), beta, &c,
                    Int64(rsc), Int64(csc), biased ? bias : nil)
                var cf = c.map { _ in Float.nan }
                if beta != 0 { cf = start.map { Float($0) } }
                let (af, bf, biasf) = (a.map { Float($0) }, b.map { Float($0) }, bias.map { Float($0) })
                mk_gemm_f32(
                    Int64(m), Int64(n), Int64(k), Float(alpha), af, Int64(rsa), Int64(csa), bf, Int64(rsb), Int64(csb),
                    Float(beta), &cf, Int64(rsc), Int64(csc), biased ? biasf : nil)
                let scale = Double(k + 4)
                #expect(zip(c, expected).allSatisfy { abs($0 - $1) < 1e-15 * scale * 4 })
                #expect(zip(cf, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 * scale })
            }
        }
    }

    /// The fused activation gives the bits of the product followed by the unary kernel, by rows, by columns and strided.
    @Test(arguments: [(1, 1, 1), (1, 40, 64), (40, 1, 64), (5, 7, 100), (64, 100, 300), (150, 37, 513), (300, 260, 40)])
    func gemmThenUnary(_ m: Int, _ n: Int, _ k: Int) {
        let (m64, n64, k64) = (Int64(m), Int64(n), Int64(k))
        let (a, b, bias) = (values(m * k), values(k * n, 1), values(n, 3))
        let (af, bf, biasf) = (a.map { Float($0) }, b.map { Float($0) }, bias.map { Float($0) })
        let (all, size) = ([MK_RELU, MK_TANH, MK_SIGMOID, MK_GELU, MK_GELU_TANH, MK_SILU, MK_EXP], 3 * m * n)
        for (rsc, csc) in [(n64, 1), (1, m64), (3 * n64, 3)] as [(Int64, Int64)] {
            for op in all.map({ Int32($0) }) {
                var (c, out) = ([Float](repeating: 0, count: size), [Float](repeating: 0, count: size))
                var (inPlace, expected) = (out, out)
                mk_gemm_f32(m64, n64, k64, 1, af, k64, 1, bf, n64, 1, 0, &expected, rsc, csc, biasf)
                mk_gemm_unary_f32(m64, n64, k64, 1, af, k64, 1, bf, n64, 1, 0, &c, rsc, csc, biasf, op, &out)
                #expect(c == expected)
                inPlace.withUnsafeMutableBufferPointer {
                    let p = $0.baseAddress!
                    mk_gemm_unary_f32(m64, n64, k64, 1, af, k64, 1, bf, n64, 1, 0, p, rsc, csc, biasf, op, p)
                }
                for i in 0..<m { for j in 0..<n {
                    let at = i * Int(rsc) + j * Int(csc)
                    var y: Float = 0
                    mk_unary_f32(op, [c[at]], 1, &y, 1, 1)
                    expected[at] = y
                } }
                #expect(out == expected)
                #expect(inPlace == expected)

                var (d, outd) = ([Double](repeating: 0, count: size), [Double](repeating: 0, count: size))
                mk_gemm_unary_f64(m64, n64, k64, 1, a, k64, 1, b, n64, 1, 0, &d, rsc, csc, bias, op, &outd)
                #expect((0..<m).allSatisfy { i in (0..<n).allSatisfy { j in
                    let at = i * Int(rsc) + j * Int(csc)
                    var y = 0.0
                    mk_unary_f64(op, [d[at]], 1, &y, 1, 1)
                    return outd[at] == y
                } })
            }
        }
    }

    /// Rows of a softmax do not feel each other: many at once give the bits of each alone, also in place.
    @Test(arguments: [31, 100, 192, 200, 255, 1000, 1024, 5000]) func softmaxRowsApart(_ cols: Int) {
        let rows = 7, n = Int64(cols)
        var x = values(rows * cols).map { Float($0 * 9) }
        (x[3], x[cols + 2]) = (-.infinity, .nan)
        for softmax in [mk_softmax_f32, mk_log_softmax_f32] {
            var (all, alone, inPlace) = (x, x, x)
            softmax(x, &all, Int64(rows), n)
            inPlace.withUnsafeMutableBufferPointer { softmax($0.baseAddress!, $0.baseAddress!, Int64(rows), n) }
            x.withUnsafeBufferPointer { from in
                alone.withUnsafeMutableBufferPointer { to in
                    for r in 0..<rows { softmax(from.baseAddress! + r * cols, to.baseAddress! + r * cols, 1, n) }
                }
            }
            #expect(zip(all, alone).allSatisfy { $0.bitPattern == $1.bitPattern })
            #expect(zip(inPlace, alone).allSatisfy { $0.bitPattern == $1.bitPattern })
        }
    }

    /// Results too large for the caches, which are streamed, to the last element.
    @Test func streamedResults() {
        let n = (8 << 20) + 777
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * n, alignment: 64)
        defer { memory.deallocate() }
        let out = memory.bindMemory(to: Float.self, capacity: n)
        let x = [Float](unsafeUninitializedCapacity: n) { p, count in
            for i in 0..<n { p[i] = Float(i % 1001) - 500 }
            count = n
        }
        mk_binary_f32(Int32(MK_SUB), x, 1, [1.5], 0, out, 1, Int64(n))
        #expect((0..<n).allSatisfy { out[$0] == x[$0] - 1.5 })
        mk_unary_f32(Int32(MK_RELU), x, 1, out, 1, Int64(n))
        #expect((0..<n).allSatisfy { out[$0] == max(x[$0], 0) })
    }

    @Test(arguments: [0, 1, 2, 7, 8, 15, 16, 31, 100, 1000, 4097], [1, 3]) func reductions(_ n: Int, _ stride: Int) {
        let x = values(n * stride + 1)
        let xf = x.map { Float($0) }
        let taken = (0..<n).map { x[$0 * stride] }
        let takenf = (0..<n).map { Double(xf[$0 * stride]) }
        let s = Int64(stride)
        #expect(abs(mk_sum_f64(x, s, Int64(n)) - taken.reduce(0, +)) < 1e-12)
        #expect(abs(Double(mk_sum_f32(xf, s, Int64(n))) - takenf.reduce(0, +)) < 1e-5)
        #expect(abs(mk_sumsq_f64(x, s, Int64(n)) - taken.map { $0 * $0 }.reduce(0, +)) < 1e-11)
        #expect(abs(mk_dot_f64(x, s, x, s, Int64(n)) - taken.map { $0 * $0 }.reduce(0, +)) < 1e-11)
        guard n > 0 else { return }
        var (high, low): (Int64, Int64) = (-1, -1)
        #expect(mk_max_f32(xf, s, Int64(n), &high) == Float(takenf.max()!))
        #expect(mk_min_f64(x, s, Int64(n), &low) == taken.min()!)
        #expect(Int(high) == takenf.firstIndex(of: takenf.max()!) && Int(low) == taken.firstIndex(of: taken.min()!))
        var (mean, m2) = (0.0, 0.0)
        mk_mean_var_f64(x, s, Int64(n), &mean, &m2)
        let exact = taken.reduce(0, +) / Double(n)
        #expect(abs(mean - exact) < 1e-13)
        #expect(abs(m2 - taken.map { ($0 - exact) * ($0 - exact) }.reduce(0, +)) < 1e-10)
    }

    /// Infinities and NaN among ordinary numbers.
    @Test func extremes() {
        let x: [Float] = [1, -.infinity, .infinity, 2, 3, 4, 5, 6, 7]
        var index: Int64 = 0
        #expect(mk_max_f32(x, 1, 9, &index) == .infinity && index == 2)
        #expect(mk_min_f32(x, 1, 9, &index) == -.infinity && index == 1)
        let y: [Float] = [1, 2, .nan, 9, 1, 2, 3, 4, 5]
        #expect(mk_max_f32(y, 1, 9, &index).isNaN && index == 2)
        #expect(mk_sum_f32(y, 1, 9).isNaN)
    }

    static let functions: [(Int32, @Sendable (Double) -> Double, ClosedRange<Double>)] = [
        (7, { exp($0) }, -80...80), (9, { expm1($0) }, -10...10), (10, { log($0) }, 1e-30...1e30),
        (11, { log2($0) }, 1e-20...1e20), (12, { log10($0) }, 1e-20...1e20), (13, { log1p($0) }, -0.999...1e6),
        (14, { sin($0) }, -100...100), (15, { cos($0) }, -100...100), (18, { acos($0) }, -1...1), (19, { atan($0) }, -50...50),
        (22, { tanh($0) }, -20...20), (26, { 1 / (1 + exp(-$0)) }, -40...40), (29, { $0 / (1 + exp(-$0)) }, -20...20),
        (30, { $0 / 2 * (1 + erf($0 / 2.0.squareRoot())) }, -1...8), (33, { erf($0) }, -5...5),
        (3, { $0.squareRoot() }, 0...1e20), (41, { $0.rounded(.toNearestOrEven) }, -10...10),
        (43, { $0 * min(max($0 + 3, 0), 6) / 6 }, -6...6),
    ]

    @Test(arguments: functions.indices) func functionsAgainstTheLibrary(_ i: Int) {
        let (op, exact, range) = Self.functions[i]
        let n = 1003
        let x = (0..<n).map { range.lowerBound + (range.upperBound - range.lowerBound) * Double($0) / Double(n - 1) }
        var y = [Double](repeating: .nan, count: n)
        mk_unary_f64(op, x, 1, &y, 1, Int64(n))
        let xf = x.map { Float($0) }
        var yf = [Float](repeating: .nan, count: n)
        mk_unary_f32(op, xf, 1, &yf, 1, Int64(n))
        for j in 0..<n {
            let want = exact(x[j])
            #expect(abs(y[j] - want) <= 4e-15 * max(abs(want), 0.05), "op \(op) at \(x[j]): \(y[j]), not \(want)")
            let wantf = exact(Double(xf[j]))
            if abs(wantf) < 3e38 {
                #expect(abs(Double(yf[j]) - wantf) <= 4e-7 * max(abs(wantf), 0.05), "op \(op) at \(xf[j]): \(yf[j]), not \(wantf)")
            }
        }
        // One at a time and strided, the same bits as all at once.
        for j in stride(from: 0, to: n, by: 97) {
            var single: Float = .nan
            mk_unary_f32(op, [xf[j]], 1, &single, 1, 1)
            #expect(single == yf[j])
        }
        var every = [Float](repeating: .nan, count: n)
        mk_unary_f32(op, xf, 3, &every, 2, Int64(n / 3))
        for j in 0..<n / 3 { #expect(every[2 * j] == yf[3 * j]) }
    }

    @Test func softmaxRows() {
        let (rows, cols) = (5, 37)
        let x = values(rows * cols).map { Float($0 * 10) }
        var y = [Float](repeating: 0, count: rows * cols)
        mk_softmax_f32(x, &y, Int64(rows), Int64(cols))
        for r in 0..<rows {
            let row = x[r * cols..<(r + 1) * cols].map { exp(Double($0)) }
            let total = row.reduce(0, +)
            for c in 0..<cols { #expect(abs(Double(y[r * cols + c]) - row[c] / total) < 1e-6) }
        }
    }
}
