import MartletKernels

/// Normalisation: subtract the mean, divide by the standard deviation, scale and shift. Layer, group, batch and
/// instance normalisation differ only in what is averaged over and along which dimension weight and bias run.
///
/// With xhat = (x - mean) * rstd, rstd = 1 / sqrt(var + eps) and gw = g * weight, the gradients are
/// dx = rstd * (gw - mean(gw) - xhat * mean(gw * xhat)), dweight = sum(g * xhat), dbias = sum(g).
extension Tensor {
    /// Normalises over the last dimensions, whose sizes are `shape`; weight and bias have that shape.
    public func layerNorm(_ shape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) throws -> Tensor {
        let columns = try checkNormalizedShape(shape, [("weight", weight), ("bias", bias)])
        guard dtype.isFloatingPoint else {
            throw MartletError.notImplemented("\"LayerNormKernelImpl\" not implemented for '\(dtype.scalarTypeName)'")
        }
        for p in [weight, bias] {
            if let p, p.dtype != dtype {
                throw MartletError.runtime(
                    "mixed dtype (CPU): expect parameter to have scalar type of \(dtype.size == 2 ? "Float" : dtype.scalarTypeName)")
            }
        }
        if dtype.size == 2 {
            let wide = try to(.float32).layerNorm(shape, weight: weight?.to(.float32), bias: bias?.to(.float32), eps: eps)
            return try wide.to(dtype)
        }
        let rows = columns == 0 ? 0 : numel / columns
        let form = NormForm(shape: [rows, columns], over: [1], weights: [1, columns], eps: eps)
        let (x, w, b) = try withNoGrad { (try contiguous(), try weight?.contiguous(), try bias?.contiguous()) }
        let out = try Tensor.empty(sizes, dtype)
        let mean = try Tensor.empty([rows], dtype)
        let rstd = try Tensor.empty([rows], dtype)
        mkLayerNorm(x, w, b, eps, out, mean, rstd, rows, columns)
        if GradMode.needs([self, weight, bias]) {
            out.attach("NativeLayerNormBackward0", TensorList(self, weight, bias)) { node in
                node.save(self, weight, mean, rstd)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let (x, w) = (try node.saved(0), try node.savedOptional(1))
                if GradMode.isEnabled { return try form.gradients(node, g, x, w) }
                return try form.layerGradients(node, g, x, w, node.saved(2), node.saved(3))
            }
        }
        return out
    }

    /// The number of elements in `shape`, once it is known to fit the last dimensions.
    private func checkNormalizedShape(_ shape: [Int], _ parameters: [(String, Tensor?)], star: String = "[*, ") throws -> Int {
        guard !shape.isEmpty else {
            throw MartletError.runtime(
                "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []")
        }
        for (name, p) in parameters {
            if let p, Array(p.sizes) != shape {
                throw MartletError.runtime(
                    "Expected \(name) to be of same shape as normalized_shape, but got \(name) of shape \(p.sizes) and normalized_shape = \(shape)")
            }
        }
        guard rank >= shape.count && Array(sizes.suffix(shape.count)) == shape else {
            let wanted = star + shape.map(String.init).joined(separator: ", ") + "]"
            throw MartletError.runtime(
                "Given normalized_shape=\(shape), expected input with shape \(wanted), but got input of size\(sizes)")
        }
        return shape.reduce(1, *)
    }

    /// x / sqrt(mean(x^2) + eps) over the last dimensions, times weight. `eps` nil is the dtype's epsilon.
    public func rmsNorm(_ shape: [Int], weight: Tensor? = nil, eps: Double? = nil) throws -> Tensor {
        let columns = try checkNormalizedShape(shape, [("weight", weight)], star: "[*")
        if dtype.size == 2 && dtype.isFloatingPoint {
            return try to(.float32).rmsNorm(shape, weight: weight?.to(.float32), eps: eps).to(dtype)
        }
        let e = eps ?? (dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
        let over = Array((rank - shape.count)..<rank)
        guard dtype.isFloatingPoint, weight == nil || weight!.dtype == dtype, columns > 0 else {
            let scaled = try mul(pow(.number(2)).mean(over, keepDim: true).add(.number(e)).rsqrt())
            return try weight.map { try scaled.mul($0) } ?? scaled
        }
        let (x, w) = try withNoGrad { (try contiguous(), try weight?.contiguous()) }
        let out = try Tensor.empty(sizes, dtype)
        let rstd = try Tensor.empty(Dims(numel / columns), dtype)
        mkRMSNorm(x, w, e, out, rstd, numel / columns, columns)
        if weight.map({ GradMode.needs(self, $0) }) ?? GradMode.needs(self) {
            out.attach("MulBackward0", TensorList(self, weight)) { $0.save(self, weight, rstd) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let (x, w, rstd) = (try node.saved(0), try node.savedOptional(1), try node.saved(2))
                if GradMode.isEnabled { return try Tensor.rmsGradients(node, g, x, w, over, e) }
                let (xs, gs, ws) = (try x.contiguous(), try g.contiguous(), try w?.contiguous())
                let dx = node.needs(0) ? try Tensor.empty(x.sizes, x.dtype) : nil
                let dw = node.needs(1) ? try Tensor.zeros(w!.sizes, x.dtype) : nil
                mkLayerNormBackward(gs, xs, nil, rstd, ws, dx, dw, nil, x.numel / columns, columns)
                return TensorList(dx, dw)
            }
            if weight != nil { out.history?.between = .init(name: "MulBackward0", inputs: 1) }
        }
        return out
    }

    /// RMS normalisation's gradients by differentiable operations.
    private static func rmsGradients(_ node: Node, _ g: Tensor, _ x: Tensor, _ w: Tensor?, _ over: [Int], _ eps: Double) throws
        -> TensorList
    {
        let rstd = try x.mul(x).mean(over, keepDim: true).add(.number(eps)).rsqrt()
        let xhat = try x.mul(rstd)
        let gw = try w.map { try g.mul($0) } ?? g
        return TensorList(
            node.needs(0) ? try rstd.mul(gw.sub(xhat.mul(gw.mul(xhat).mean(over, keepDim: true)))) : nil,
            node.needs(1) ? try g.mul(xhat).sumTo(w!.sizes) : nil)
    }

    /// Normalises groups of channels (dimension 1) of each sample; weight and bias have one value per channel.
    public func groupNorm(_ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) throws -> Tensor {
        guard rank >= 2 else {
            throw MartletError.runtime("Expected at least 2 dimensions for input tensor but received \(rank)")
        }
        let (n, c) = (sizes[0], sizes[1])
        guard groups > 0 else {
            throw MartletError.runtime("Expected num groups to be greater than 0, got \(groups)")
        }
        guard c % groups == 0 else {
            throw MartletError.runtime(
                "Expected number of channels in input to be divisible by num_groups, but got input of shape \(sizes) and num_groups=\(groups)")
        }
        for (name, p) in [("weight", weight), ("bias", bias)] {
            if let p, p.rank != 1 || p.numel != c {
                throw MartletError.runtime(
                    "Expected \(name) to be a vector of size equal to the number of channels in input, but got \(name) of shape \(p.sizes) and input of shape \(sizes)")
            }
        }
        guard dtype.isFloatingPoint else {
            throw MartletError.notImplemented("\"GroupNormKernelImpl\" not implemented for '\(dtype.scalarTypeName)'")
        }
        if dtype.size == 2 {
            return try to(.float32).groupNorm(groups, weight: weight?.to(.float32), bias: bias?.to(.float32), eps: eps).to(dtype)
        }
        let spatial = sizes[2...].reduce(1, *)
        let form = NormForm(
            shape: [n, groups, c / groups, spatial], over: [2, 3], weights: [1, groups, c / groups, 1], eps: eps)
        return try normalized("NativeGroupNormBackward0", form, weight, bias).out
    }

    /// What group and batch normalisation share; also the mean and variance that were used.
    private func normalized(_ name: String, _ form: NormForm, _ weight: Tensor?, _ bias: Tensor?) throws
        -> (out: Tensor, mean: Tensor, rstd: Tensor)
    {
        let (out, mean, rstd) = try withNoGrad { try form.forward(self, weight, bias) }
        if GradMode.needs([self, weight, bias]) {
            out.attach(name, TensorList(self, weight, bias)) { node in
                node.save(self, weight, mean, rstd)
            } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let (x, w) = (try node.saved(0), try node.savedOptional(1))
                if GradMode.isEnabled { return try form.gradients(node, g, x, w) }
                return try form.fusedGradients(node, g, x, w, node.saved(2), node.saved(3))
            }
        }
        return (out, mean, rstd)
    }

    /// Normalises each channel (dimension 1) over everything else: by the batch's own statistics in training, else
    /// by the running ones. In training the running statistics (where given) move by `momentum` towards the
    /// batch's mean and unbiased variance, in place.
    public func batchNorm(
        weight: Tensor? = nil, bias: Tensor? = nil, runningMean: Tensor? = nil, runningVar: Tensor? = nil,
        training: Bool, momentum: Double = 0.1, eps: Double = 1e-5
    ) throws -> Tensor {
        if numel == 0 {
            // Nothing to normalise: only the result's dependence on its operands is kept.
            var out = try clone()
            if let weight, weight.numel > 0 { out = try out.mul(weight.select(0, 0)) }
            if let bias, bias.numel > 0 { out = try out.add(bias.select(0, 0)) }
            return out
        }
        try requireChannels()
        let (n, c) = (sizes[0], sizes[1])
        let spatial = sizes[2...].reduce(1, *)
        if training && n * spatial == 1 {
            throw MartletError.value(
                "Expected more than 1 value per channel when training, got input size torch.Size(\(sizes))")
        }
        for (name, p) in [("running_mean", runningMean), ("running_var", runningVar), ("weight", weight), ("bias", bias)] {
            if let p, p.numel != c {
                throw MartletError.runtime("\(name) should contain \(c) elements not \(p.numel)")
            }
        }
        if !training && runningMean == nil { throw MartletError.runtime("running_mean must be defined in evaluation mode") }
        if !training && runningVar == nil { throw MartletError.runtime("running_var must be defined in evaluation mode") }
        guard dtype.isFloatingPoint else {
            throw MartletError.notImplemented("\"batch_norm\" not implemented for '\(dtype.scalarTypeName)'")
        }
        if dtype.size == 2 {
            return try to(.float32).batchNorm(
                weight: weight?.to(.float32), bias: bias?.to(.float32), runningMean: runningMean, runningVar: runningVar,
                training: training, momentum: momentum, eps: eps).to(dtype)
        }
        let form = NormForm(shape: [n, c, spatial], over: [0, 2], weights: [1, c, 1], eps: eps)
        if !training { return try fixedNorm(form, weight, bias, runningMean!, runningVar!) }
        let (out, mean, rstd) = try normalized("NativeBatchNormBackward0", form, weight, bias)
        try withNoGrad {
            if let runningMean {
                try runningMean.copyInPlace(
                    runningMean.mul(.number(1 - momentum)).add(mean.to(runningMean.dtype).mul(.number(momentum))))
            }
            if let runningVar {
                let count = Double(n * spatial)
                let variance = try rstd.mul(rstd).reciprocal().sub(.number(eps)).mul(.number(count / (count - 1)))
                try runningVar.copyInPlace(
                    runningVar.mul(.number(1 - momentum)).add(variance.to(runningVar.dtype).mul(.number(momentum))))
            }
        }
        return out
    }

    private func requireChannels() throws {
        if rank < 2 {
            let n = Swift.max(rank, 1)
            throw MartletError.index("Dimension out of range (expected to be in range of [\(-n), \(n - 1)], but got 1)")
        }
    }

    /// Batch normalisation by given statistics: a scale and a shift per channel.
    private func fixedNorm(
        _ form: NormForm, _ weight: Tensor?, _ bias: Tensor?, _ mean: Tensor, _ variance: Tensor
    ) throws -> Tensor {
        let (m, rstd) = try withNoGrad {
            (
                try mean.to(dtype).clone().reshape(form.weights),
                try unaryKernel(.rsqrt, variance.to(dtype).add(.number(form.eps))).reshape(form.weights)
            )
        }
        let out = try withNoGrad { () throws -> Tensor in
            let scale = try weight.map { try rstd.mul($0.reshape(form.weights)) } ?? rstd
            let shift = try (bias?.reshape(form.weights) ?? .number(0)).sub(m.mul(scale))
            return try contiguous().reshape(form.shape).mul(scale).add(shift).reshape(sizes)
        }
        if GradMode.needs([self, weight, bias]) {
            let shape = sizes
            out.attach("NativeBatchNormBackward0", TensorList(self, weight, bias)) { node in
                node.save(node.needs(1) ? self : nil, weight, m, rstd)
            } backward: { node, g in
                guard let g = try g[0]?.reshape(form.shape) else { return [nil, nil, nil] }
                let (w, m, rstd) = (try node.savedOptional(1), try node.saved(2), try node.saved(3))
                let scale = try w.map { try rstd.mul($0.reshape(form.weights)) } ?? rstd
                let c = [form.weights[1]] as Dims
                return TensorList(
                    node.needs(0) ? try g.mul(scale).reshape(shape) : nil,
                    node.needs(1)
                        ? try g.mul(node.saved(0).reshape(form.shape).sub(m).mul(rstd)).sum(form.over).reshape(c) : nil,
                    node.needs(2) ? try g.sum(form.over).reshape(c) : nil)
            }
        }
        return out
    }

    /// Normalises each channel of each sample. Running statistics, where given, are those of the channels averaged
    /// over the samples.
    public func instanceNorm(
        weight: Tensor? = nil, bias: Tensor? = nil, runningMean: Tensor? = nil, runningVar: Tensor? = nil,
        useInputStats: Bool = true, momentum: Double = 0.1, eps: Double = 1e-5
    ) throws -> Tensor {
        guard useInputStats || (runningMean != nil && runningVar != nil) else {
            throw MartletError.runtime("Expected running_mean and running_var to be defined when use_input_stats is false")
        }
        try requireChannels()
        if useInputStats && sizes[2...].reduce(1, *) == 1 {
            throw MartletError.value(
                "Expected more than 1 spatial element when training, got input size torch.Size(\(sizes))")
        }
        let (n, c) = (sizes[0], sizes[1])
        func each(_ p: Tensor?) throws -> Tensor? {
            try p.map { try $0.unsqueeze(0).expand([n, $0.numel] as Dims).reshape([n * $0.numel] as Dims) }
        }
        let (mean, variance) = try withNoGrad { (try each(runningMean)?.clone(), try each(runningVar)?.clone()) }
        var flat = sizes
        flat[0] = 1
        flat[1] = n * c
        let out = try contiguous().reshape(flat).batchNorm(
            weight: each(weight), bias: each(bias), runningMean: mean, runningVar: variance, training: useInputStats,
            momentum: momentum, eps: eps)
        if useInputStats {
            try withNoGrad {
                try runningMean?.copyInPlace(mean!.reshape([n, c] as Dims).mean([0]))
                try runningVar?.copyInPlace(variance!.reshape([n, c] as Dims).mean([0]))
            }
        }
        return try out.reshape(sizes)
    }
}

/// x as `shape`, averaged over the dimensions `over`; weight and bias broadcast as `weights`.
struct NormForm {
    let shape: Dims
    let over: [Int]
    let weights: Dims
    let eps: Double

    /// Batch normalisation averages over the first dimension too: its rows are the channels.
    private var transposed: Bool { over[0] == 0 }
    private var rows: Int { transposed ? shape[1] : shape[0] * shape[1] }
    private var columns: Int { transposed ? shape[0] * shape[2] : shape[2] * shape[3] }
    private var statistics: Dims { transposed ? [1, shape[1], 1] : [shape[0], shape[1], 1, 1] }

    /// `t` as rows that are averaged over, contiguous.
    private func asRows(_ t: Tensor) throws -> Tensor {
        let shaped = try t.reshape(shape)
        return try (transposed ? shaped.transpose(0, 1) : shaped).contiguous()
    }

    private func fromRows(_ t: Tensor, _ sizes: Dims) throws -> Tensor {
        if !transposed { return try t.reshape(sizes) }
        return try t.reshape([shape[1], shape[0], shape[2]] as Dims).transpose(0, 1).contiguous().reshape(sizes)
    }

    /// (normalised, scaled and shifted; mean; 1 / deviation), the latter two one value per row.
    func forward(_ x: Tensor, _ w: Tensor?, _ b: Tensor?) throws -> (Tensor, Tensor, Tensor) {
        let source = try asRows(x)
        let plain = try Tensor.empty([rows, columns], x.dtype)
        let mean = try Tensor.empty([rows], x.dtype)
        let rstd = try Tensor.empty([rows], x.dtype)
        mkLayerNorm(source, nil, nil, eps, plain, mean, rstd, rows, columns)
        var out = try fromRows(plain, x.sizes)
        if w != nil || b != nil {
            out = try out.reshape(shape)
            if let w { out = try out.mul(w.to(x.dtype).reshape(weights)) }
            if let b { out = try out.add(b.to(x.dtype).reshape(weights)) }
            out = try out.reshape(x.sizes)
        }
        return (out.detach(), mean, rstd)
    }

    /// Gradients by differentiable operations; the statistics are recomputed from x so that they take part.
    func gradients(_ node: Node, _ g: Tensor, _ x: Tensor, _ w: Tensor?) throws -> TensorList {
        let (xs, gs) = (try x.reshape(shape), try g.reshape(shape))
        let centered = try xs.sub(xs.mean(over, keepDim: true))
        let rstd = try centered.mul(centered).mean(over, keepDim: true).add(.number(eps)).rsqrt()
        let xhat = try centered.mul(rstd)
        let gw = try w.map { try gs.mul($0.reshape(weights)) } ?? gs
        return TensorList(
            node.needs(0)
                ? try rstd.mul(
                    gw.sub(gw.mean(over, keepDim: true)).sub(xhat.mul(gw.mul(xhat).mean(over, keepDim: true)))
                ).reshape(x.sizes) : nil,
            node.needs(1) ? try gs.mul(xhat).sumTo(weights).reshape(w!.sizes) : nil,
            node.needs(2) ? try gs.sumTo(weights).reshape(parameterSizes(x, w)) : nil)
    }

    /// The sizes of the bias: the weight's, or what weights must have.
    private func parameterSizes(_ x: Tensor, _ w: Tensor?) -> Dims {
        if let w { return w.sizes }
        if shape.count == 2 {
            // Layer normalisation: the last dimensions that hold one row.
            var (n, first) = (1, x.rank)
            while first > 0 && (n < shape[1] || first == x.rank) {
                first -= 1
                n *= x.sizes[first]
            }
            return Dims(x.sizes[first...])
        }
        return [weights.product]
    }

    /// Layer normalisation's gradients in one pass each.
    func layerGradients(_ node: Node, _ g: Tensor, _ x: Tensor, _ w: Tensor?, _ mean: Tensor, _ rstd: Tensor) throws -> TensorList {
        let (xs, gs, ws) = (try x.contiguous(), try g.contiguous(), try w?.contiguous())
        let dx = node.needs(0) ? try Tensor.empty(x.sizes, x.dtype) : nil
        let sizes = w?.sizes ?? [shape[1]]
        let dw = node.needs(1) ? try Tensor.zeros(sizes, x.dtype) : nil
        let db = node.needs(2) ? try Tensor.zeros(sizes, x.dtype) : nil
        mkLayerNormBackward(gs, xs, mean, rstd, ws, dx, dw, db, shape[0], shape[1])
        return TensorList(dx, dw, w == nil ? try db?.reshape(parameterSizes(x, nil)) : db)
    }

    /// Group and batch normalisation's gradients from the saved statistics, without recording.
    func fusedGradients(_ node: Node, _ g: Tensor, _ x: Tensor, _ w: Tensor?, _ mean: Tensor, _ rstd: Tensor) throws -> TensorList {
        let gs = try g.reshape(shape)
        var dx: Tensor?
        if node.needs(0) {
            let gw = try asRows(w.map { try gs.mul($0.to(g.dtype).reshape(weights)) } ?? gs)
            let rowsOut = try Tensor.empty([rows, columns], x.dtype)
            mkLayerNormBackward(gw, try asRows(x), mean, rstd, nil, rowsOut, nil, nil, rows, columns)
            dx = try fromRows(rowsOut, x.sizes)
        }
        var dw: Tensor?
        if node.needs(1) {
            let xhat = try x.reshape(shape).sub(mean.reshape(statistics)).mul(rstd.reshape(statistics))
            dw = try gs.mul(xhat).sumTo(weights).reshape(w!.sizes).to(w!.dtype)
        }
        return TensorList(dx, dw, node.needs(2) ? try gs.sumTo(weights).reshape([weights.product] as Dims) : nil)
    }
}

/// Rows of `x` normalised, scaled by `w` and shifted by `b` (each `columns` values, or nil).
private func mkLayerNorm(
    _ x: Tensor, _ w: Tensor?, _ b: Tensor?, _ eps: Double, _ out: Tensor, _ mean: Tensor, _ rstd: Tensor, _ rows: Int,
    _ columns: Int
) {
    let (r, c, isFloat) = (Int64(rows), Int64(columns), x.dtype == .float32)
    let (px, pw, pb, po, pm, pr) = (x.pointer, w?.pointer, b?.pointer, out.pointer, mean.pointer, rstd.pointer)
    func run() {
        if isFloat {
            mk_layer_norm_f32(px.as(), pw?.as(), pb?.as(), eps, po.as(), pm.as(), pr.as(), r, c)
        } else {
            mk_layer_norm_f64(px.as(), pw?.as(), pb?.as(), eps, po.as(), pm.as(), pr.as(), r, c)
        }
    }
    run()
    Tape.note("layer_norm", run)
    withExtendedLifetime((x, w, b)) {}
}

/// Rows of `x` over the root of their mean square, scaled by `w`.
private func mkRMSNorm(_ x: Tensor, _ w: Tensor?, _ eps: Double, _ out: Tensor, _ rstd: Tensor, _ rows: Int, _ columns: Int) {
    let (r, c, isFloat) = (Int64(rows), Int64(columns), x.dtype == .float32)
    let (px, pw, po, pr) = (x.pointer, w?.pointer, out.pointer, rstd.pointer)
    func run() {
        if isFloat {
            mk_rms_norm_f32(px.as(), pw?.as(), eps, po.as(), pr.as(), r, c)
        } else {
            mk_rms_norm_f64(px.as(), pw?.as(), eps, po.as(), pr.as(), r, c)
        }
    }
    run()
    Tape.note("rms_norm", run)
    withExtendedLifetime((x, w)) {}
}

/// Without means the gradients are RMS normalisation's.
private func mkLayerNormBackward(
    _ g: Tensor, _ x: Tensor, _ mean: Tensor?, _ rstd: Tensor, _ w: Tensor?, _ dx: Tensor?, _ dw: Tensor?, _ db: Tensor?,
    _ rows: Int, _ columns: Int
) {
    let (r, c, isFloat) = (Int64(rows), Int64(columns), x.dtype == .float32)
    let (pg, px, pm, pr, pw) = (g.pointer, x.pointer, mean?.pointer, rstd.pointer, w?.pointer)
    let (pdx, pdw, pdb) = (dx?.pointer, dw?.pointer, db?.pointer)
    func run() {
        if isFloat {
            mk_layer_norm_backward_f32(pg.as(), px.as(), pm?.as(), pr.as(), pw?.as(), pdx?.as(), pdw?.as(), pdb?.as(), r, c)
        } else {
            mk_layer_norm_backward_f64(pg.as(), px.as(), pm?.as(), pr.as(), pw?.as(), pdx?.as(), pdw?.as(), pdb?.as(), r, c)
        }
    }
    run()
    Tape.note("layer_norm_backward", run)
    withExtendedLifetime((g, x, mean, rstd, w)) {}
}
