import MartletKernels

/// Draws whose parameters are tensors.
extension Tensor {
    /// Ones and zeros, each one with the probability this tensor holds there. Contiguous, of this dtype.
    ///
    /// Throws as ``bernoulli_(_:generator:)-(Tensor,_)`` does.
    public func bernoulli(generator: Generator? = nil) throws -> Tensor {
        let out = try Tensor.empty(sizes, dtype)
        _ = try withNoGrad { try out.bernoulli_(self, generator: generator).asNew() }
        if GradMode.needs(self) { out.attachZeroGradient("BernoulliBackward0", [self]) }
        return out
    }

    /// Ones and zeros of one probability in a contiguous tensor of this one's sizes and dtype.
    public func bernoulli(_ p: Double, generator: Generator? = nil) throws -> Tensor {
        try Tensor.empty(sizes, dtype).bernoulli_(p, generator: generator).asNew()
    }

    /// Poisson counts, each of the rate this tensor holds there. Contiguous, of this dtype.
    ///
    /// Throws `notImplemented` unless the dtype is floating point and `runtime` where a rate is negative.
    public func poisson(generator: Generator? = nil) throws -> Tensor {
        guard dtype.isFloatingPoint else { throw MartletError.noKernel("poisson_cpu", dtype) }
        let g = generator ?? .default
        let out = try Tape.whole("poisson", [self]) {
            let rates = try $0[0].toArray(Double.self)
            for r in rates where !(r >= 0) {
                throw MartletError.runtime("invalid Poisson rate, expected rate to be non-negative")
            }
            let out = try Tensor.empty($0[0].sizes, $0[0].dtype)
            g.withLock {
                var i = 0
                fillDoubles(out.pointer, out.dtype, out.numel) {
                    defer { i += 1 }
                    return g.poisson(rates[i])
                }
            }
            return [out]
        }[0]
        if GradMode.needs(self) { out.attachZeroGradient("PoissonBackward0", [self]) }
        return out
    }

    /// Indices drawn by weight from each row of this matrix, or from this vector: int64, (rows x) samples.
    ///
    /// Weights need not sum to one. Without replacement, an exponential race: each weight is divided by an
    /// exponential draw and the largest quotients win. With replacement, a search in the cumulative sum.
    /// Throws `runtime` where this is not 1-D or 2-D floating point, `samples` is not in 1...columns (or only
    /// not positive, with replacement), or a weight is negative or not finite, or a row sums to zero.
    public func multinomial(_ samples: Int, replacement: Bool = false, generator: Generator? = nil) throws -> Tensor {
        guard rank == 1 || rank == 2 else { throw MartletError.runtime("prob_dist must be 1 or 2 dim") }
        guard dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "multinomial only supports floating-point dtypes for input, got: \(dtype.scalarTypeName)")
        }
        guard samples > 0 else { throw MartletError.runtime("cannot sample n_sample <= 0 samples") }
        let columns = sizes[rank - 1]
        guard replacement || samples <= columns else {
            throw MartletError.runtime("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        }
        guard columns <= 1 << 24 else { throw MartletError.runtime("number of categories cannot exceed 2^24") }
        return try Tape.whole("multinomial", [self]) { [try $0[0].picks(samples, replacement, generator)] }[0]
    }

    private func picks(_ samples: Int, _ replacement: Bool, _ generator: Generator?) throws -> Tensor {
        let columns = sizes[rank - 1]
        let rows = rank == 2 ? sizes[0] : 1
        let out = try Tensor.empty(rank == 2 ? [rows, samples] : [samples], .int64)
        let picks = out.typed(Int64.self)
        let weights = try toArray(Double.self)
        if !replacement || samples == 1 {
            try checkWeights(weights, rows, columns)
            let race = try emptyLike()
            _ = try race.exponential_(generator: generator)
            let draws = try race.toArray(Double.self)
            var quotients = [Double](repeating: 0, count: columns)
            for r in 0..<rows {
                for c in 0..<columns { quotients[c] = dtype.quotient(weights[r * columns + c], draws[r * columns + c]) }
                let best = quotients.indicesOfLargest(samples)
                for (s, c) in best.enumerated() { picks[r * samples + s] = Int64(c) }
            }
            return out
        }
        let g = generator ?? .default
        let wide: DType = dtype == .float64 ? .float64 : .float32
        try g.withLock {
            for r in 0..<rows {
                let cumulative = try wide.cumulative(weights[r * columns..<(r + 1) * columns])
                for s in 0..<samples {
                    picks[r * samples + s] = Int64(cumulative.firstIndexNotBelow(g.unit64()))
                }
            }
        }
        return out
    }

    private func checkWeights(_ weights: [Double], _ rows: Int, _ columns: Int) throws {
        for w in weights where !(w >= 0 && w < .infinity) {
            throw MartletError.runtime("probability tensor contains either `inf`, `nan` or element < 0")
        }
        for r in 0..<rows where weights[r * columns..<(r + 1) * columns].allSatisfy({ $0 == 0 }) {
            throw MartletError.runtime("invalid multinomial distribution (sum of probabilities <= 0)")
        }
    }
}

extension DType {
    /// a / b rounded to this floating-point dtype. Doubles of float values divide to the same float.
    fileprivate func quotient(_ a: Double, _ b: Double) -> Double {
        self == .float64 ? a / b : rounded(Double(Float(a) / Float(b)))
    }

    /// The running sum of weights in this dtype, scaled to end in one.
    fileprivate func cumulative(_ weights: ArraySlice<Double>) throws -> [Double] {
        var (sum, result) = (0.0, [Double]())
        result.reserveCapacity(weights.count)
        for w in weights {
            guard w >= 0 else {
                throw MartletError.runtime(
                    w.isNaN
                        ? "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
                        : "invalid multinomial distribution (encountering probability entry < 0)")
            }
            guard w < .infinity else {
                throw MartletError.runtime(
                    "invalid multinomial distribution (encountering probability entry = infinity or NaN)")
            }
            sum = rounded(sum + w)
            result.append(sum)
        }
        guard sum > 0 else {
            throw MartletError.runtime("invalid multinomial distribution (sum of probabilities <= 0)")
        }
        for i in result.indices { result[i] = quotient(result[i], sum) }
        result[result.count - 1] = 1
        return result
    }
}

extension Array where Element == Double {
    /// Positions of the `k` largest values, largest first; NaN counts as largest, ties go to the lower position.
    fileprivate func indicesOfLargest(_ k: Int) -> [Int] {
        func before(_ i: Int, _ j: Int) -> Bool {
            let (a, b) = (self[i], self[j])
            if a.isNaN || b.isNaN { return a.isNaN && !b.isNaN || (a.isNaN == b.isNaN && i < j) }
            return a > b || (a == b && i < j)
        }
        if k == 1 { return indices.isEmpty ? [] : [indices.dropFirst().reduce(0) { before($1, $0) ? $1 : $0 }] }
        return [Int](indices.sorted(by: before).prefix(k))
    }

    /// In an ascending array, the first position with a value of at least `v`; the last position if there is none.
    fileprivate func firstIndexNotBelow(_ v: Double) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle] < v { low = middle + 1 } else { high = middle }
        }
        return Swift.min(low, count - 1)
    }
}
