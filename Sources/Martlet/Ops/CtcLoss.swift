import Glibc

/// Connectionist temporal classification (Graves et al., 2006).
extension Tensor {
    /// The negative log-probability that paths through self read as the targets, for each sequence of a batch.
    ///
    /// self holds log-probabilities, (T, N, C) or (T, C); `targets` is (N, S), or all targets one after the other, none
    /// equal to `blank`. The mean is over the batch, each loss over its target's length (at least 1). `zeroInfinity` puts
    /// 0 in place of the infinite losses of targets too long for their input. Throws `runtime` for lengths or shapes that
    /// do not fit and `index` for a target that is no class.
    ///
    /// The lengths may be others at each replay of a recording.
    ///
    /// As in torch, the gradient is that of the loss after a log-softmax over the classes, and has no derivative itself.
    public func ctcLoss(
        _ targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, blank: Int = 0, _ reduction: LossReduction = .mean,
        zeroInfinity: Bool = false
    ) throws -> Tensor {
        guard !inputLengths.dtype.isFloatingPoint && !targetLengths.dtype.isFloatingPoint else {
            throw MartletError.runtime("input_lengths and target_lengths must be integral")
        }
        guard rank == 2 || rank == 3 else {
            throw MartletError.runtime("ctc_loss: log_probs must be 2- or 3-dimensional, got shape \(sizes)")
        }
        let batched = rank == 3
        let logs = batched ? self : try unsqueeze(1)
        var losses = try CtcPlan.losses(
            logs, batched || targets.rank != 1 ? targets : targets.unsqueeze(0), inputLengths, targetLengths, blank, zeroInfinity)
        if zeroInfinity {
            losses = try Tensor.choose(losses.eq(.number(Double.infinity)), .zeros([], dtype), losses)
        }
        switch reduction {
        case .none: return batched ? losses : try losses.squeeze([0])
        case .sum: return try losses.sum()
        case .mean:
            let lengths = try targetLengths.reshape([-1] as Dims).to(.int64).maximum(.number(1)).to(dtype)
            return try losses.div(lengths).mean()
        }
    }

    /// ``ctcLoss(_:inputLengths:targetLengths:blank:_:zeroInfinity:)`` with lengths that are numbers.
    public func ctcLoss(
        _ targets: Tensor, inputLengths: [Int], targetLengths: [Int], blank: Int = 0, _ reduction: LossReduction = .mean,
        zeroInfinity: Bool = false
    ) throws -> Tensor {
        try ctcLoss(
            targets, inputLengths: Tensor(inputLengths.map { Int64($0) }), targetLengths: Tensor(targetLengths.map { Int64($0) }),
            blank: blank, reduction, zeroInfinity: zeroInfinity)
    }
}

/// One call of ctc_loss: sizes, and the targets with blanks between and around them.
private final class CtcPlan {
    private let frames: Int
    private let classes: Int
    private let inputLengths: [Int]
    /// Per sequence: blank, target, blank, target, ..., blank.
    private var labels: [[Int]] = []
    private var made: (forward: [[[Double]]], values: [Double])?

    init(_ logs: Tensor, _ targets: Tensor, _ inputLengths: [Int], _ targetLengths: [Int], _ blank: Int) throws {
        frames = logs.sizes[0]
        let batch = logs.sizes[1]
        classes = logs.sizes[2]
        self.inputLengths = inputLengths
        guard logs.dtype == .float32 || logs.dtype == .float64 else { throw Tensor.unsupported("ctc_loss_cpu", logs.dtype) }
        guard targets.dtype == .int64 || targets.dtype == .int32 || targets.dtype.isFloatingPoint else {
            throw MartletError.runtime("ctc_loss: targets must be integers, got \(targets.dtype.scalarTypeName)")
        }
        guard blank >= 0 && blank < classes else { throw MartletError.runtime("blank must be in label range") }
        guard inputLengths.count == batch else { throw MartletError.runtime("input_lengths must be of size batch_size") }
        guard targetLengths.count == batch else { throw MartletError.runtime("target_lengths must be of size batch_size") }
        let place = "(while checking arguments for ctc_loss_allocate_outputs)"
        for n in inputLengths {
            if n < 0 { throw MartletError.runtime("Expected input_lengths to have value at least 0, but got value \(n) \(place)") }
            if n > frames {
                throw MartletError.runtime("Expected input_lengths to have value at most \(frames), but got value \(n) \(place)")
            }
        }
        for n in targetLengths where n < 0 {
            throw MartletError.runtime("Expected target_lengths to have value at least 0, but got value \(n) \(place)")
        }
        let longest = targetLengths.max() ?? 0
        let total = targetLengths.reduce(0, +)
        if targets.rank == 1 {
            guard targets.numel == total else {
                throw MartletError.runtime(
                    "Expected tensor to have size \(total) at dimension 0, but got size \(targets.numel) for argument #2 'targets' \(place)")
            }
        } else {
            guard targets.rank == 2, targets.sizes[0] == batch else {
                throw MartletError.runtime(
                    "ctc_loss: targets must be 1-dimensional or have a row for each of \(batch) sequences, got shape \(targets.sizes)")
            }
            guard targets.sizes[1] >= longest else {
                throw MartletError.runtime(
                    "Expected tensor to have size at least \(longest) at dimension 1, but got size \(targets.sizes[1]) for argument #2 'targets' \(place)")
            }
        }
        let flat = try targets.toArray(Int64.self).map(Int.init)
        var start = 0
        for b in 0..<batch {
            let first = targets.rank == 1 ? start : b * targets.sizes[1]
            start += targetLengths[b]
            var row = [blank]
            for t in flat[first..<first + targetLengths[b]] {
                guard t >= 0 && t < classes else { throw MartletError.index("ctc_loss: target \(t) is out of bounds for \(classes) classes") }
                row += [t, blank]
            }
            labels.append(row)
        }
    }

    static func losses(
        _ logs: Tensor, _ targets: Tensor, _ inputLengths: Tensor, _ targetLengths: Tensor, _ blank: Int, _ zeroInfinity: Bool
    ) throws -> Tensor {
        func plan(_ operands: [Tensor]) throws -> CtcPlan {
            let lengths = try operands[2...3].map { try $0.toArray(Int64.self).map(Int.init) }
            return try CtcPlan(operands[0], operands[1], lengths[0], lengths[1], blank)
        }
        // A replay may meet other targets and lengths.
        let operands = [logs, targets, inputLengths, targetLengths]
        let eager = try Tape.isNoting ? nil : plan(operands)
        let out = try eager.map { try $0.losses(logs) } ?? Tape.whole("ctc_loss", operands) { [try plan($0).losses($0[0])] }[0]
        if GradMode.needs(logs) {
            out.attach("CtcLossBackward0", TensorList(logs)) { node in
                node.save(logs)
                if eager == nil { node.save(targets, inputLengths, targetLengths) }
            } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let saved = try node.saved(0)
                let gradient =
                    try eager.map { plan in try withNoGrad { try plan.gradient(saved, g, zeroInfinity) } }
                    ?? Tape.whole("ctc_loss_backward", [saved] + (1...3).map { try node.saved($0) } + [g]) {
                        [try plan($0).gradient($0[0], $0[4], zeroInfinity)]
                    }[0]
                gradient.recordUndifferentiable(gradient, "_ctc_loss_backward", [g, saved])
                return [gradient]
            }
        }
        return out
    }

    private func losses(_ logs: Tensor) throws -> Tensor { try Tensor(tables(logs).values).to(logs.dtype) }

    /// Per sequence the log-probabilities of all beginnings, and the loss; made once.
    private func tables(_ logs: Tensor) throws -> (forward: [[[Double]]], values: [Double]) {
        if let made { return made }
        let p = try logs.toArray(Double.self)
        let forward = labels.indices.map { alphas(p, $0) }
        made = (forward, forward.enumerated().map { b, a in negativeLog(a, b) })
        return made!
    }

    /// Log-probabilities of all beginnings: of the first t + 1 frames reading as the first s + 1 labels.
    private func alphas(_ p: [Double], _ b: Int) -> [[Double]] {
        let row = labels[b]
        var table: [[Double]] = []
        for t in 0..<inputLengths[b] {
            var now = [Double](repeating: -.infinity, count: row.count)
            for s in row.indices {
                let before: Double
                if t == 0 {
                    before = s < 2 ? 0 : -.infinity
                } else {
                    let last = table[t - 1]
                    let skips = s > 1 && row[s] != row[s - 2]
                    before = logSum(last[s], s > 0 ? last[s - 1] : -.infinity, skips ? last[s - 2] : -.infinity)
                }
                now[s] = before + p[(t * labels.count + b) * classes + row[s]]
            }
            table.append(now)
        }
        return table
    }

    private func negativeLog(_ alpha: [[Double]], _ b: Int) -> Double {
        let n = labels[b].count
        guard let end = alpha.last else { return n == 1 ? 0 : .infinity }
        return -logSum(end[n - 1], n > 1 ? end[n - 2] : -.infinity, -.infinity)
    }

    private func gradient(_ logs: Tensor, _ g: Tensor, _ zeroInfinity: Bool) throws -> Tensor {
        let p = try logs.toArray(Double.self)
        let (forward, values) = try tables(logs)
        let incoming = try g.toArray(Double.self)
        var out = [Double](repeating: 0, count: p.count)
        for (b, row) in labels.enumerated() {
            if zeroInfinity && values[b] == .infinity { continue }
            var next = [Double](repeating: -.infinity, count: row.count)
            for t in stride(from: inputLengths[b] - 1, through: 0, by: -1) {
                let at = (t * labels.count + b) * classes
                var now = next
                for s in row.indices {
                    let after: Double
                    if t == inputLengths[b] - 1 {
                        after = s >= row.count - 2 ? 0 : -.infinity
                    } else {
                        let skips = s + 2 < row.count && row[s] != row[s + 2]
                        after = logSum(next[s], s + 1 < row.count ? next[s + 1] : -.infinity, skips ? next[s + 2] : -.infinity)
                    }
                    now[s] = after + p[at + row[s]]
                }
                next = now
                var through = [Double](repeating: -.infinity, count: classes)
                for s in row.indices {
                    through[row[s]] = logSum(through[row[s]], forward[b][t][s] + now[s], -.infinity)
                }
                for c in 0..<classes {
                    out[at + c] = incoming[b] * (Glibc.exp(p[at + c]) - Glibc.exp(through[c] + values[b] - p[at + c]))
                }
            }
        }
        return try Tensor(out, Array(logs.sizes)).to(logs.dtype)
    }
}

/// log(exp(a) + exp(b) + exp(c)).
private func logSum(_ a: Double, _ b: Double, _ c: Double) -> Double {
    let top = Swift.max(a, b, c)
    if top == -.infinity { return top }
    return top + Glibc.log(Glibc.exp(a - top) + Glibc.exp(b - top) + Glibc.exp(c - top))
}
