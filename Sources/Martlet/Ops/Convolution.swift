/// Convolutions over one, two or three spatial dimensions, as products of unrolled windows.
///
/// Three maps make up the family: the convolution of x with w, its gradient for x (which is the transposed
/// convolution) and its gradient for w. Each is linear in both operands and the derivative of each is another of
/// the three, so gradients of every order follow.
extension Tensor {
    // MARK: Public

    /// The convolution of this tensor (n x c x spatial, or c x spatial) with `weight` (o x c/groups x kernel), plus
    /// `bias` (o). `stride`, `padding` and `dilation` have one entry, or one per spatial dimension (`rank` of them).
    public func convolution(
        _ weight: Tensor, _ bias: Tensor? = nil, rank n: Int, stride: [Int] = [1], padding: [Int] = [0],
        dilation: [Int] = [1], groups: Int = 1
    ) throws -> Tensor {
        let x = try convBatch(n, "conv\(n)d")
        let p = try Tensor.convGeometry(n, weight, stride, padding, dilation, groups)
        try Tensor.checkConv(x, weight, bias, p, transposed: false)
        let out = try Tensor.conv(x, weight, bias, p)
        return rank == n + 1 ? try out.squeeze([0]) : out
    }

    /// As ``convolution(_:_:rank:stride:padding:dilation:groups:)`` with as much zero padding as keeps the sizes; where
    /// that is odd, the extra place is at the end.
    public func convolutionSame(
        _ weight: Tensor, _ bias: Tensor? = nil, rank n: Int, stride: [Int] = [1], dilation: [Int] = [1], groups: Int = 1
    ) throws -> Tensor {
        if stride.contains(where: { $0 != 1 }) {
            throw MartletError.runtime("padding='same' is not supported for strided convolutions")
        }
        let x = try convBatch(n, "conv\(n)d")
        let p = try Tensor.convGeometry(n, weight, stride, [0], dilation, groups)
        var (both, extra) = ([Int](), [Int]())
        for d in 0..<n {
            let total = p.dilation[3 - n + d] * (weight.sizes[2 + d] - 1)
            both.append(total / 2)
            extra.insert(contentsOf: [0, total % 2], at: 0)
        }
        let padded = extra.contains(1) ? try x.constantPad(extra, .number(0)) : x
        let out = try padded.convolution(weight, bias, rank: n, stride: stride, padding: both, dilation: dilation, groups: groups)
        return rank == n + 1 ? try out.squeeze([0]) : out
    }

    /// The transposed convolution, the map that takes the gradient of a convolution's result to that of its input.
    /// `weight` is c x o/groups x kernel; `outputPadding` chooses among the sizes that a stride makes equal.
    public func convolutionTransposed(
        _ weight: Tensor, _ bias: Tensor? = nil, rank n: Int, stride: [Int] = [1], padding: [Int] = [0],
        outputPadding: [Int] = [0], groups: Int = 1, dilation: [Int] = [1]
    ) throws -> Tensor {
        let x = try convBatch(n, "conv_transpose\(n)d")
        let p = try Tensor.convGeometry(n, weight, stride, padding, dilation, groups)
        let more = ConvGeometry.three(try Tensor.perDimension("output_padding", outputPadding, n), 0)
        try Tensor.checkConv(x, weight, bias, p, transposed: true)
        var spatial: [Int] = []
        for d in (3 - n)..<3 {
            if more[d] < 0 { throw MartletError.runtime("negative output_padding is not supported") }
            if more[d] >= p.stride[d] && more[d] >= p.dilation[d] {
                let names = n == 1 ? ["width"] : (n == 2 ? ["height", "width"] : ["depth", "height", "width"])
                func list(_ what: String, _ v: [Int]) -> String {
                    names.enumerated().map { "\(what)_\($1): \(v[3 - n + $0])" }.joined(separator: " ")
                }
                throw MartletError.runtime(
                    "output padding must be smaller than either stride or dilation, but got \(list("output_padding", more)) \(list("stride", p.stride)) \(list("dilation", p.dilation))")
            }
            let k = weight.sizes[2 + d - (3 - n)]
            spatial.append(
                (x.sizes[2 + d - (3 - n)] - 1) * p.stride[d] - 2 * p.padding[d] + p.dilation[d] * (k - 1) + more[d] + 1)
        }
        if spatial.contains(where: { $0 <= 0 }) {
            throw MartletError.runtime(
                "Given input size per channel: \(crossed(Array(x.sizes.dropFirst(2)))). Calculated output size per channel: \(crossed(spatial)). Output size is too small")
        }
        let out = try Tensor.convInput(x, weight, bias, p, Dims(spatial), "ConvolutionBackward0")
        return rank == n + 1 ? try out.squeeze([0]) : out
    }

    // MARK: The three maps

    /// `only` leaves out places at the end of each dimension, as output padding does.
    private static func conv(
        _ x: Tensor, _ w: Tensor, _ bias: Tensor?, _ p: ConvGeometry, _ name: String = "ConvolutionBackward0",
        only: Dims? = nil
    ) throws -> Tensor {
        var shape: Dims = [x.sizes[0], w.sizes[0]]
        let spatial = p.output(ConvGeometry.three(Array(x.sizes.dropFirst(2)), 1), ConvGeometry.three(Array(w.sizes.dropFirst(2)), 1))
        for s in only ?? Dims(spatial.suffix(p.rank)) { shape.append(s) }
        let out = try withNoGrad { () throws -> Tensor in
            let type = computeType(x.dtype)
            let out = try Tensor.empty(shape, type)
            let (a, k, b, o) = (try x.to(type).cube(p.rank), try w.to(type).cube(p.rank), try bias?.to(type).contiguous(), try out.cube(p.rank))
            ConvKernels.forward(a, k, b, p, into: o)
            Tape.note("conv", { [a = a.lent, k = k.lent, b = b?.lent, o = o.lent] in ConvKernels.forward(a, k, b, p, into: o) })
            return try out.to(x.dtype)
        }
        if GradMode.needs([x, w, bias]) {
            out.attach(name, [x, w, bias]) { node in
                node.save(node.needs(1) ? x : nil, node.needs(0) ? w : nil)
            } backward: { [xs = Dims(x.sizes.dropFirst(2)), ws = Dims(w.sizes.dropFirst(2))] node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                return [
                    node.needs(0) ? try convInput(g, node.saved(1), nil, p, xs) : nil,
                    node.needs(1) ? try convWeight(g, node.saved(0), p, ws) : nil,
                    node.needs(2) ? try g.sum(biasDims(p.rank)) : nil,
                ]
            }
        }
        return out
    }

    /// The gradient of a convolution for its input: n x c x `spatial` from g and w.
    private static func convInput(
        _ g: Tensor, _ w: Tensor, _ bias: Tensor?, _ p: ConvGeometry, _ spatial: Dims, _ name: String = "ConvolutionBackwardBackward0"
    ) throws -> Tensor {
        var shape: Dims = [g.sizes[0], w.sizes[1] * p.groups]
        for s in spatial { shape.append(s) }
        let out = try withNoGrad { () throws -> Tensor in
            let type = computeType(g.dtype)
            let out = try Tensor.empty(shape, type)
            let (a, k, o) = (try g.to(type).cube(p.rank), try w.to(type).cube(p.rank), try out.cube(p.rank))
            ConvKernels.input(a, k, p, into: o)
            Tape.note("conv_input", { [a = a.lent, k = k.lent, o = o.lent] in ConvKernels.input(a, k, p, into: o) })
            if let bias {
                var column = Dims(repeating: 1, count: p.rank + 1)
                column[0] = bias.numel
                _ = try binaryKernel(.add, out, bias.detach().to(type).reshape(column), dtype: type, into: out)
            }
            return try out.to(g.dtype)
        }
        if GradMode.needs([g, w, bias]) {
            out.attach(name, [g, w, bias]) { node in
                node.save(node.needs(1) ? g : nil, node.needs(0) ? w : nil)
            } backward: { [ws = Dims(w.sizes.dropFirst(2)), gs = Dims(g.sizes.dropFirst(2))] node, u in
                guard let u = u[0] else { return [nil, nil, nil] }
                return [
                    node.needs(0) ? try conv(u, node.saved(1), nil, p, "ConvolutionBackwardBackward0", only: gs) : nil,
                    node.needs(1) ? try convWeight(node.saved(0), u, p, ws) : nil,
                    node.needs(2) ? try u.sum(biasDims(p.rank)) : nil,
                ]
            }
        }
        return out
    }

    /// The gradient of a convolution for its weight: o x c/groups x `kernel` from g and x.
    private static func convWeight(_ g: Tensor, _ x: Tensor, _ p: ConvGeometry, _ kernel: Dims) throws -> Tensor {
        var shape: Dims = [g.sizes[1], x.sizes[1] / p.groups]
        for s in kernel { shape.append(s) }
        let out = try withNoGrad { () throws -> Tensor in
            let type = computeType(g.dtype)
            let out = try Tensor.empty(shape, type)
            let (a, b, o) = (try g.to(type).cube(p.rank), try x.to(type).cube(p.rank), try out.cube(p.rank))
            ConvKernels.weight(a, b, p, into: o)
            Tape.note("conv_weight", { [a = a.lent, b = b.lent, o = o.lent] in ConvKernels.weight(a, b, p, into: o) })
            return try out.to(g.dtype)
        }
        if GradMode.needs(g, x) {
            out.attach("ConvolutionBackwardBackward0", [g, x]) { node in
                node.save(node.needs(1) ? g : nil, node.needs(0) ? x : nil)
            } backward: { [xs = Dims(x.sizes.dropFirst(2)), gs = Dims(g.sizes.dropFirst(2))] node, v in
                guard let v = v[0] else { return [nil, nil] }
                return [
                    node.needs(0) ? try conv(node.saved(1), v, nil, p, "ConvolutionBackwardBackward0", only: gs) : nil,
                    node.needs(1) ? try convInput(node.saved(0), v, nil, p, xs) : nil,
                ]
            }
        }
        return out
    }

    private static func computeType(_ t: DType) -> DType { t.isFloatingPoint && t.size == 2 ? .float32 : t }
    private static func biasDims(_ rank: Int) -> [Int] { [0] + (2..<(2 + rank)) }

    /// Contiguous and with three spatial dimensions, the missing ones of size one in front.
    func cube(_ n: Int) throws -> Tensor {
        let t = try contiguous()
        if n == 3 { return t }
        var shape: Dims = [t.sizes[0], t.sizes[1]]
        for _ in 0..<(3 - n) { shape.append(1) }
        for s in t.sizes.dropFirst(2) { shape.append(s) }
        return t.alias(sizes: shape, strides: shape.contiguousStrides, offset: t.offset)
    }

    // MARK: Checks

    /// This tensor with a batch dimension.
    private func convBatch(_ n: Int, _ op: String) throws -> Tensor {
        try refuseSparse(op)
        guard rank == n + 1 || rank == n + 2 else {
            throw MartletError.runtime(
                "Expected \(n + 1)D (unbatched) or \(n + 2)D (batched) input to \(op), but got input of size: \(sizes)")
        }
        return rank == n + 1 ? try unsqueeze(0) : self
    }

    static func perDimension(_ name: String, _ v: [Int], _ n: Int, _ what: String = "match the convolution dimensions") throws -> [Int] {
        // Bounded so that no product of a size, a step and an amount of padding overflows.
        if let far = v.first(where: { $0.magnitude > 1 << 30 }) {
            throw MartletError.runtime("expected \(name) to be at most \(1 << 30), but got \(far)")
        }
        if v.count == 1 { return [Int](repeating: v[0], count: n) }
        guard v.count == n else {
            throw MartletError.runtime(
                "expected \(name) to be a single integer value or a list of \(n) values to \(what), but got \(name)=\(v)")
        }
        return v
    }

    private static func convGeometry(
        _ n: Int, _ weight: Tensor, _ stride: [Int], _ padding: [Int], _ dilation: [Int], _ groups: Int
    ) throws -> ConvGeometry {
        if weight.rank != n + 2 {
            let k = weight.rank - 2
            throw MartletError.runtime(
                "expected stride to be a single integer value or a list of \(k) values to match the convolution dimensions, but got stride=\(try perDimension("stride", stride, n))")
        }
        let (s, q, d) = (
            try perDimension("stride", stride, n), try perDimension("padding", padding, n),
            try perDimension("dilation", dilation, n)
        )
        if q.contains(where: { $0 < 0 }) { throw MartletError.runtime("negative padding is not supported") }
        if s.contains(where: { $0 <= 0 }) { throw MartletError.runtime("non-positive stride is not supported") }
        if d.contains(where: { $0 <= 0 }) {
            throw MartletError.runtime("dilation should be greater than zero, but got \(d)")
        }
        if groups <= 0 { throw MartletError.runtime("non-positive groups is not supported") }
        return ConvGeometry(
            stride: ConvGeometry.three(s, 1), padding: ConvGeometry.three(q, 0), dilation: ConvGeometry.three(d, 1),
            groups: groups, rank: n)
    }

    private static func checkConv(_ x: Tensor, _ w: Tensor, _ bias: Tensor?, _ p: ConvGeometry, transposed: Bool) throws {
        guard w.sizes[0] >= p.groups else {
            throw MartletError.runtime(
                "Given groups=\(p.groups), expected weight to be at least \(p.groups) at dimension 0, but got weight of size \(w.sizes) instead")
        }
        guard w.sizes[0] % p.groups == 0 else {
            throw MartletError.runtime(
                "Given groups=\(p.groups), expected weight to be divisible by \(p.groups) at dimension 0, but got weight of size [\(w.sizes)] instead")
        }
        let wanted = transposed ? w.sizes[0] : w.sizes[1] * p.groups
        guard x.sizes[1] == wanted else {
            throw MartletError.runtime(
                "Given \(transposed ? "transposed=1" : "groups=\(p.groups)"), weight of size \(w.sizes), expected input\(x.sizes) to have \(wanted) channels, but got \(x.sizes[1]) channels instead")
        }
        let out = transposed ? w.sizes[1] * p.groups : w.sizes[0]
        if let bias, bias.sizes != [out] {
            throw MartletError.runtime(
                "Given\(transposed ? " transposed=1," : "") weight of size \(w.sizes), expected bias to be 1-dimensional with \(out) elements, but got bias of size \(bias.sizes) instead")
        }
        guard x.dtype == w.dtype else {
            throw MartletError.runtime(
                "expected scalar type \(x.dtype.scalarTypeName) but found \(w.dtype.scalarTypeName)")
        }
        if let bias, bias.dtype != x.dtype {
            throw MartletError.runtime(
                "Input type (\(x.dtype.cName)) and bias type (\(bias.dtype.cName)) should be the same")
        }
        if x.dtype == .bool { throw MartletError.notImplemented("\"convolution\" not implemented for 'Bool'") }
        let kernel = Array(w.sizes.dropFirst(2))
        if kernel.contains(0) {
            throw MartletError.runtime("kernel size should be greater than zero, but got \(kernel)")
        }
        if transposed { return }
        let padded = (0..<p.rank).map { x.sizes[2 + $0] + 2 * p.padding[3 - p.rank + $0] }
        let spread = (0..<p.rank).map { p.dilation[3 - p.rank + $0] * (kernel[$0] - 1) + 1 }
        for d in 0..<p.rank where padded[d] < spread[d] {
            throw MartletError.runtime(
                "Calculated padded input size per channel: \(crossed(padded)). Kernel size: \(crossed(spread)). Kernel size can't be greater than actual input size")
        }
    }
}

/// "(2 x 3)".
func crossed(_ sizes: [Int]) -> String { "(" + sizes.map(String.init).joined(separator: " x ") + ")" }
