import MartletKernels

/// Losses of class predictions: negative log-likelihood and cross entropy.
extension Tensor {
    /// -weight[t] * self[t] for log-probabilities self and class indices t.
    ///
    /// self is (C), (N, C) or (N, C, d1, ...); target, int64 or uint8, is (), (N) or (N, d1, ...). Targets equal to
    /// `ignoreIndex` count for nothing; the mean is over the sum of the weights of the others.
    /// Throws `index` for a target outside 0..<C, `value` or `runtime` for shapes that do not fit.
    public func nllLoss(
        _ target: Tensor, weight: Tensor? = nil, _ reduction: LossReduction = .mean, ignoreIndex: Int = -100
    ) throws -> Tensor {
        let plan = try NllPlan(self, target, weight, reduction, ignoreIndex)
        return try plan.loss(self)
    }

    /// ``nllLoss(_:weight:_:ignoreIndex:)`` of the log-softmax of self over the classes (dimension 1, or 0 of one).
    ///
    /// A floating-point target of self's shape holds class probabilities instead of indices. `labelSmoothing` mixes
    /// that share of the uniform distribution into the targets.
    public func crossEntropy(
        _ target: Tensor, weight: Tensor? = nil, _ reduction: LossReduction = .mean, ignoreIndex: Int = -100,
        labelSmoothing: Double = 0
    ) throws -> Tensor {
        guard labelSmoothing >= 0 && labelSmoothing <= 1 else {
            throw MartletError.runtime("label_smoothing must be between 0.0 and 1.0. Got: \(shortText(labelSmoothing))")
        }
        guard rank > 0 else { throw MartletError.index("Dimension out of range (expected to be in range of [-1, 0], but got 1)") }
        let classDim = rank == 1 ? 0 : 1
        if let weight, weight.rank != 1 || weight.numel != sizes[classDim] {
            throw MartletError.runtime(
                "cross_entropy: weight tensor should be defined either for all \(sizes[classDim]) classes or no classes but got weight tensor of shape: \(weight.sizes)")
        }
        if sizes == target.sizes {
            guard target.dtype.isFloatingPoint else {
                throw MartletError.runtime(
                    "Expected floating point type for target with class probabilities, got \(target.dtype.scalarTypeName)")
            }
            guard ignoreIndex < 0 else {
                throw MartletError.runtime("ignore_index is not supported for floating point target")
            }
            return try crossEntropyOfProbabilities(target, weight, reduction, labelSmoothing, classDim)
        }
        if labelSmoothing == 0 {
            if rank == 2 && isPlain && numel > 0 {
                return try NllPlan(self, target, weight, reduction, ignoreIndex).lossOfLogits(self)
            }
            return try logSoftmax(classDim).nllLoss(target, weight: weight, reduction, ignoreIndex: ignoreIndex)
        }
        let logs = try logSoftmax(classDim)
        let plan = try NllPlan(logs, target, weight, reduction, ignoreIndex)
        let loss = try plan.loss(logs)
        let weighted = try weight.map { try logs.mul(Tensor.alongClasses($0, logs.rank, classDim)) } ?? logs
        var smooth = try weighted.sum([classDim]).neg()
        smooth = try smooth.maskedFill(target.eq(.number(ignoreIndex)), .number(0.0))
        if reduction == .sum { smooth = try smooth.sum() }
        if reduction == .mean { smooth = try smooth.sum().div(plan.total()) }
        let share = labelSmoothing / Double(sizes[classDim])
        return try loss.mul(.number(1 - labelSmoothing)).add(smooth.mul(.number(share)))
    }

    /// Class weights shaped to multiply a tensor of `rank` dimensions along its classes.
    private static func alongClasses(_ weight: Tensor, _ rank: Int, _ classDim: Int) throws -> Tensor {
        var shape = Dims(repeating: 1, count: rank)
        shape[classDim] = weight.numel
        return try weight.reshape(shape)
    }

    private func crossEntropyOfProbabilities(
        _ target: Tensor, _ weight: Tensor?, _ reduction: LossReduction, _ smoothing: Double, _ classDim: Int
    ) throws -> Tensor {
        let classes = sizes[classDim]
        let logs = try logSoftmax(classDim)
        var target = target
        if smoothing > 0 {
            target = try target.mul(.number(1 - smoothing)).add(.number(smoothing / Double(classes)))
        }
        var losses = try logs.mul(target)
        if let weight { losses = try losses.mul(Tensor.alongClasses(weight, rank, classDim)) }
        switch reduction {
        case .none: return try losses.sum([classDim]).neg()
        case .sum: return try losses.sum().neg()
        case .mean:
            let out = try losses.sum().neg().div(.number(Double(numel) / Double(Swift.max(classes, 1))))
            out.history?.name = "DivBackward1"
            return out
        }
    }
}

/// One call of nll_loss: the targets, seen as samples x positions, and what goes with them.
private final class NllPlan {
    let samples: Int
    let classes: Int
    /// Elements behind the class dimension.
    let positions: Int
    /// Class of each (sample, position), int64; -1 where ignored.
    fileprivate let labels: Tensor
    private let target: Tensor
    private let ignoreIndex: Int
    private let weight: Tensor?
    private let reduction: LossReduction
    private let inputSizes: Dims
    /// Sizes of unreduced losses as they are computed, and as they are returned.
    private let lossSizes: Dims
    private let resultSizes: Dims
    private let name: String
    /// The sum of the weights of what is not ignored.
    private(set) var totalWeight = 0.0

    init(_ input: Tensor, _ target: Tensor, _ weight: Tensor?, _ reduction: LossReduction, _ ignoreIndex: Int) throws {
        try NllPlan.check(input, target, weight)
        self.reduction = reduction
        inputSizes = input.sizes
        samples = input.rank == 1 ? 1 : input.sizes[0]
        classes = input.rank == 1 ? input.sizes[0] : input.sizes[1]
        positions = input.rank <= 2 ? 1 : input.sizes.dropFirst(2).reduce(1, *)
        name = input.rank <= 2 ? "NllLoss" : "NllLoss2D"
        // torch computes three or more than four dimensions as images of one row, and returns a view.
        resultSizes = reduction == .none ? (input.rank == 1 ? [] : target.sizes) : []
        lossSizes = reduction == .none && input.rank > 2 && input.rank != 4 ? [samples, 1, positions] : resultSizes
        self.weight = try weight.map { w in try withNoGrad { try w.to(input.dtype).contiguous() } }
        self.ignoreIndex = ignoreIndex
        self.target = target.lent
        // The plan is a recording's as long as that lives: not of the memory that replays give to one tensor after the other.
        labels = Tensor(fresh: try Storage(byteCount: target.numel * 8, constant: true), target.sizes, .int64)
        try readLabels()
        Tape.note("labels", Tape.repeating(readLabels))
    }

    /// Reads the classes and adds up their weights; again at each replay.
    private func readLabels() throws {
        let flat = try withNoGrad { try target.detach().to(.int64).contiguous() }
        let (p, read, count) = (flat.typed(Int64.self), labels.typed(Int64.self), flat.numel)
        var used = 0
        for i in 0..<count {
            let label = Int(p[i])
            let counts = label != ignoreIndex
            guard !counts || (label >= 0 && label < classes) else {
                throw MartletError.index("Target \(label) is out of bounds.")
            }
            read[i] = counts ? Int64(label) : -1
            used += counts ? 1 : 0
        }
        totalWeight = Double(used)
        if let w = weight {
            var total = CascadeSum<Double>(count: count)
            for i in 0..<count { total.add(read[i] < 0 ? 0 : w.readDouble(at: w.offset + Int(read[i]))) }
            totalWeight = total.value
        }
        withExtendedLifetime(flat) {}
    }

    /// ``totalWeight`` as a number; a replay finds that of its own labels.
    func total() throws -> Tensor {
        guard Tape.isRecording else { return .number(totalWeight) }
        let t = try Tensor.empty([], .float64)
        t.isWrappedNumber = true
        let p = t.typed(Double.self)
        launch("total_weight") { [self] in p.pointee = totalWeight }
        return t
    }

    private static func check(_ input: Tensor, _ target: Tensor, _ weight: Tensor?) throws {
        let (n, t) = (input.sizes, target.sizes)
        guard input.rank > 0 else { throw MartletError.value("Expected 1 or more dimensions (got 0)") }
        if input.rank == 1 {
            guard target.rank <= 1 else {
                throw MartletError.runtime("For 1D input, 1D target must have size 1, but got target of \(target.rank) dimensions")
            }
            guard target.numel == 1 else {
                throw MartletError.value("For 1D input, 1D target must have size 1, but got target size: \(target.numel)")
            }
        } else {
            guard target.rank > 0, n[0] == t[0] else {
                throw MartletError.value(
                    "Expected input batch_size (\(n[0])) to match target batch_size (\(target.rank == 0 ? 1 : t[0])).")
            }
            if input.rank == 2 {
                guard target.rank <= 1 else { throw MartletError.runtime("0D or 1D target tensor expected, multi-target not supported") }
            } else if input.rank == 4 {
                guard target.rank == 3 else {
                    throw MartletError.runtime(
                        "only batches of spatial targets supported (3D tensors) but got targets of dimension: \(target.rank)")
                }
                guard n[2] == t[1] && n[3] == t[2] else {
                    throw MartletError.runtime("size mismatch (got input: \(n) , target: \(t)")
                }
            } else {
                var expected: Dims = [n[0]]
                for d in n.dropFirst(2) { expected.append(d) }
                guard t == expected else { throw MartletError.runtime("Expected target size \(expected), got \(t)") }
            }
        }
        guard target.dtype == .int64 || target.dtype == .uint8 else {
            throw MartletError.runtime("expected target dtype to be Long or Byte, but got \(target.dtype.scalarTypeName)")
        }
        let classes = input.rank == 1 ? n[0] : n[1]
        if let weight, weight.rank != 1 || weight.numel != classes {
            throw MartletError.runtime(
                "weight tensor should be defined either for all \(classes) classes or no classes but got weight tensor of shape: \(weight.sizes)")
        }
        try input.requireFloat("nll_loss_out_frame")
    }

    /// The loss of log-probabilities, recorded.
    func loss(_ input: Tensor) throws -> Tensor {
        let out = try compute(input)
        if GradMode.needs(input) {
            out.attach(name + "Backward0", [input]) { $0.save(input) } backward: { [self] node, g in
                guard let g = g[0] else { return [nil] }
                return TensorList(try scatter(g, node.saved(0)))
            }
        }
        return lossSizes == resultSizes ? out : try out.view(resultSizes)
    }

    /// The gradient of the input from that of the loss, recorded: it is linear, and the loss is its own derivative.
    private func scatter(_ g: Tensor, _ input: Tensor) throws -> Tensor {
        let out = try Tensor.zeros(inputSizes, g.dtype)
        let source = try withNoGrad { try g.contiguous() }
        if g.dtype == .float64 {
            fill(out, source, Double.self)
            Tape.note("nll_loss_backward", { [o = out.lent, g = source.lent] in self.fill(o, g, Double.self) })
        } else if g.dtype == .float32 {
            fill(out, source, Float.self)
            Tape.note("nll_loss_backward", { [o = out.lent, g = source.lent] in self.fill(o, g, Float.self) })
        } else {
            return try withNoGrad { try scatter(g.to(.float32), input).to(g.dtype) }
        }
        if GradMode.needs(g, input) {
            out.attach(name + "BackwardBackward0", [g, input]) { [self] node, gg in
                guard let gg = gg[0] else { return [nil, nil] }
                return TensorList(
                    node.needs(0) ? try loss(gg).reshape(g.sizes) : nil,
                    node.needs(1) ? try .zeros(inputSizes, gg.dtype) : nil)
            }
        }
        return out
    }

    private func fill<E: BinaryFloatingPoint>(_ out: Tensor, _ g: Tensor, _: E.Type) {
        let (o, s, l) = (out.typed(E.self), g.typed(E.self), labels.typed(Int64.self))
        let w = weight?.typed(E.self)
        for i in 0..<samples {
            for p in 0..<positions {
                let k = i * positions + p
                let label = Int(l[k])
                if label >= 0 { o[(i * classes + label) * positions + p] = slope(label, reduction == .none ? s[k] : s[0], w) }
            }
        }
        withExtendedLifetime((out, g)) {}
    }

    /// The gradient of a label's log-probability where that of its loss, or of all of them, is `g`.
    @inline(__always)
    private func slope<E: BinaryFloatingPoint>(_ label: Int, _ g: E, _ w: UnsafeMutablePointer<E>?) -> E {
        let unit = -(w.map { $0[label] } ?? 1)
        return reduction == .mean ? unit * g / E(totalWeight) : unit * g
    }

    private func compute(_ input: Tensor) throws -> Tensor {
        if input.dtype.size == 2 {
            return try withNoGrad { try compute(input.to(.float32)).to(input.dtype) }
        }
        let x = try withNoGrad { try input.contiguous() }
        let out = try Tensor.empty(lossSizes, input.dtype)
        gather(out, x)
        Tape.note("nll_loss", { [o = out.lent, x = x.lent] in self.gather(o, x) })
        return out
    }

    /// The losses, or their sum or mean, of log-probabilities `x`; of the labels' alone with `picked`.
    private func gather(_ out: Tensor, _ x: Tensor, picked: Bool = false) {
        if x.dtype == .float32 { gather(out, x, picked, Float.self) } else { gather(out, x, picked, Double.self) }
    }

    private func gather<E: BinaryFloatingPoint>(_ out: Tensor, _ x: Tensor, _ picked: Bool, _: E.Type) {
        let (o, s, l) = (out.typed(E.self), x.typed(E.self), labels.typed(Int64.self))
        let w = weight?.typed(E.self)
        var sum = CascadeSum<E>(count: labels.numel)
        for i in 0..<samples {
            for p in 0..<positions {
                let k = i * positions + p
                let label = Int(l[k])
                let at = picked ? k : (i * classes + label) * positions + p
                let loss = label < 0 ? 0 : -(s[at] * (w.map { $0[label] } ?? 1))
                if reduction == .none { o[k] = loss } else { sum.add(loss) }
            }
        }
        if reduction == .sum { o[0] = sum.value }
        if reduction == .mean { o[0] = sum.value / E(totalWeight) }
        withExtendedLifetime((out, x)) {}
    }
}

extension NllPlan {
    /// The loss of a matrix of logits, row-major: log-softmax and the choice of the labels' elements in one pass, which
    /// writes no log-probability but those; and in one node.
    func lossOfLogits(_ x: Tensor) throws -> Tensor {
        // The largest element and the logarithm of the sum of each row.
        let shifts = try Tensor.empty(Dims(2, samples), x.dtype)
        let picked = try Tensor.empty(Dims(samples), x.dtype)
        let (rows, cols, isFloat) = (samples, classes, x.dtype == .float32)
        let (px, ps, pp, l) = (x.pointer, shifts.pointer, picked.pointer, labels.typed(Int64.self))
        func run() {
            if isFloat {
                mk_cross_entropy_f32(px.as(), l, ps.as(), ps.as() + rows, pp.as(), Int64(rows), Int64(cols))
            } else {
                mk_cross_entropy_f64(px.as(), l, ps.as(), ps.as() + rows, pp.as(), Int64(rows), Int64(cols))
            }
        }
        run()
        Tape.note("cross_entropy", run)
        let out = try Tensor.empty(resultSizes, x.dtype)
        gather(out, picked, picked: true)
        Tape.note("nll_loss", { [o = out.lent, p = picked.lent] in self.gather(o, p, picked: true) })
        if GradMode.needs(x) {
            out.attach("NllLossBackward0", TensorList(x)) { $0.save(x, shifts) } backward: { [self] node, g in
                guard let g = g[0] else { return [nil] }
                if GradMode.isEnabled {
                    let logs = try node.saved(0).logSoftmax(1)
                    let d = try scatter(g, logs)
                    return TensorList(try d.sub(logs.exp().mul(d.sum([1], keepDim: true))))
                }
                return TensorList(try logitGradient(g, node))
            }
            out.history?.between = .init(name: "LogSoftmaxBackward0", inputs: 1)
        }
        return out
    }

    /// The gradient of the logits; in their own memory where this node was the last to hold it.
    private func logitGradient(_ g: Tensor, _ node: Node) throws -> Tensor {
        let shifts = try node.saved(1)
        var x = try node.takeSaved(0)
        let mayOverwrite = !node.keepsSaved && isKnownUniquelyReferenced(&x) && x.isUnshared()
        let out = try mayOverwrite ? x.detach() : Tensor.empty(x.sizes, x.dtype)
        let source = try g.contiguous()
        let scale = try Tensor.empty(Dims(samples), x.dtype)
        let (rows, cols, isFloat) = (samples, classes, x.dtype == .float32)
        let (px, ps, pc, po) = (x.pointer, shifts.pointer, scale.pointer, out.pointer)
        let (pg, l, pw) = (source.pointer, labels.typed(Int64.self), weight?.pointer)
        func scales<E: BinaryFloatingPoint>(_: E.Type) {
            let (s, incoming, w) = (pc.as(E.self), pg.as(E.self), pw?.as(E.self))
            for k in 0..<rows { s[k] = l[k] < 0 ? 0 : slope(Int(l[k]), incoming[reduction == .none ? k : 0], w) }
        }
        func run() {
            if isFloat {
                scales(Float.self)
                mk_cross_entropy_backward_f32(px.as(), l, ps.as(), ps.as() + rows, pc.as(), po.as(), Int64(rows), Int64(cols))
            } else {
                scales(Double.self)
                mk_cross_entropy_backward_f64(px.as(), l, ps.as(), ps.as() + rows, pc.as(), po.as(), Int64(rows), Int64(cols))
            }
        }
        run()
        Tape.note("cross_entropy_backward", run)
        withExtendedLifetime((x, shifts, source, scale)) {}
        return out
    }
}

/// A sum of many numbers in several levels: each level takes over from the one below when that has added up its
/// share, so that the error grows with the logarithm of the count. Torch adds these losses in the same order.
struct CascadeSum<E: BinaryFloatingPoint> {
    private var levels = InlineArray<8, E>(repeating: 0)
    private var index = 0
    private let power: Int

    init(count: Int) {
        let bits = count > 1 ? Int.bitWidth - (count - 1).leadingZeroBitCount : 0
        power = Swift.max(4, bits / 8)
    }

    mutating func add(_ v: E) {
        levels[0] += v
        var j = 0
        while j + 1 < 8 && index & (((1 << power) - 1) << (j * power)) == 0 {
            levels[j + 1] += levels[j]
            levels[j] = 0
            j += 1
        }
        index += 1
    }

    var value: E {
        var total: E = 0
        for i in 0..<8 { total += levels[i] }
        return total
    }
}
