/// Gradients of views: each puts the view's gradient back into zeros of the base's shape, and is itself
/// differentiable (its own derivative is the view again).
extension Tensor {
    /// Whether `small` can be broadcast to `large`.
    static func isExpandable(_ small: Dims, _ large: Dims) -> Bool {
        let lead = large.count - small.count
        if lead < 0 { return false }
        for i in 0..<small.count where small[i] != large[lead + i] && small[i] != 1 { return false }
        return true
    }

    /// Sums over the dimensions along which `target` was broadcast to this tensor's sizes.
    func sumTo(_ target: Dims) throws -> Tensor {
        if sizes == target { return self }
        let lead = rank - target.count
        var over: [Int] = []
        for i in 0..<rank where i < lead || (target[i - lead] == 1 && sizes[i] != 1) { over.append(i) }
        let summed = over.isEmpty ? self : try sum(over, keepDim: true)
        return lead > 0 || summed.sizes != target ? try summed.reshape(target) : summed
    }

    /// Zeros of `sizes` with this gradient written through `view`.
    private func embed(
        _ name: String, _ sizes: Dims, _ view: @escaping (Tensor) throws -> Tensor
    ) throws -> Tensor {
        let out = try Tensor.zeros(sizes, dtype)
        try withNoGrad { copyKernel(try view(out), self) }
        if GradMode.needs(self) { out.attach(name, TensorList(self)) { _, g in [try g[0].map { try view($0) }] } }
        return out
    }

    func selectBackward(_ sizes: Dims, _ dim: Int, _ index: Int) throws -> Tensor {
        try embed("SelectBackwardBackward0", sizes) { try $0.select(dim, index) }
    }

    func sliceBackward(_ sizes: Dims, _ dim: Int, _ start: Int, _ end: Int, _ step: Int) throws -> Tensor {
        try embed("SliceBackwardBackward0", sizes) { try $0.slice(dim, start, end, step: step) }
    }

    func diagonalBackward(_ sizes: Dims, _ k: Int, _ a: Int, _ b: Int) throws -> Tensor {
        try embed("DiagonalBackwardBackward0", sizes) { try $0.diagonal(offset: k, a, b) }
    }

    /// Windows may overlap, so elements are added where they came from.
    func unfoldBackward(_ sizes: Dims, _ dim: Int, _ size: Int, _ step: Int) throws -> Tensor {
        let out = try Tensor.zeros(sizes, dtype)
        try withNoGrad { addOverlapping(try out.unfold(dim, size, step), self) }
        if GradMode.needs(self) {
            out.attach("UnfoldBackwardBackward0", TensorList(self)) { _, g in [try g[0]?.unfold(dim, size, step)] }
        }
        return out
    }

    /// Gradient of ``asStrided(_:_:_:)`` on a base of the given geometry: elements that several places of the
    /// view show receive the sum.
    func asStridedBackward(
        _ baseSizes: Dims, _ baseStrides: Dims, _ baseOffset: Int, _ n: Dims, _ s: Dims, _ start: Int
    ) throws -> Tensor {
        if n.product == 0 || baseSizes.product == 0 { return try Tensor.zeros(baseSizes, dtype) }
        // Work on a flat copy of the storage that both geometries look into.
        var last = Swift.max(baseOffset, start)
        var a = baseOffset
        for i in 0..<baseSizes.count { a += Swift.max(baseSizes[i] - 1, 0) * baseStrides[i] }
        var b = start
        for i in 0..<n.count { b += Swift.max(n[i] - 1, 0) * s[i] }
        last = Swift.max(last, Swift.max(a, b))
        let low = Swift.min(baseOffset, start)
        let flat = try Tensor.zeros([last - low + 1], dtype)
        try withNoGrad {
            addOverlapping(flat.alias(sizes: n, strides: s, offset: start - low), self)
            // A base element shown several times by the base itself shares its gradient evenly.
            if try baseOverlaps(baseSizes, baseStrides) {
                let count = try Tensor.zeros([last - low + 1], dtype)
                addOverlapping(
                    count.alias(sizes: baseSizes, strides: baseStrides, offset: baseOffset - low),
                    try Tensor.full(baseSizes, .number(1.0), dtype))
                copyKernel(flat, try flat.div(count.maximum(try Tensor.full(count.sizes, .number(1.0), dtype))))
            }
        }
        let out = try flat.alias(sizes: baseSizes, strides: baseStrides, offset: baseOffset - low).clone()
        if GradMode.needs(self) {
            out.attach("AsStridedBackwardBackward0", TensorList(self)) { _, g in
                guard let g = g[0] else { return [nil] }
                let dense = try g.contiguousAs(baseSizes, baseStrides)
                return [try dense.asStrided(n, s, dense.offset + start - baseOffset)]
            }
        }
        return out
    }

    private func baseOverlaps(_ sizes: Dims, _ strides: Dims) throws -> Bool {
        for i in 0..<sizes.count where strides[i] == 0 && sizes[i] > 1 { return true }
        return false
    }

    /// This tensor with the places shown by (sizes, strides, start relative to its own first element) replaced by `source`.
    func asStridedScatter(_ source: Tensor, _ n: Dims, _ s: Dims, _ start: Int) throws -> Tensor {
        let (baseSizes, baseStrides) = (sizes, strides)
        let out = try Tensor.empty(sizes, strides: isDense ? strides : sizes.contiguousStrides, dtype)
        copyKernel(out, self)
        copyKernel(out.alias(sizes: n, strides: s, offset: out.offset + start), source)
        if GradMode.needs(self, source) {
            out.attach("AsStridedScatterBackward0", TensorList(self, source)) { node, g in
                guard let g = g[0] else { return [nil, nil] }
                let dense = try g.contiguousAs(baseSizes, baseStrides)
                return [
                    node.needs(0) ? try dense.asStridedScatter(try .zeros(n, g.dtype), n, s, start) : nil,
                    node.needs(1) ? try dense.asStrided(n, s, dense.offset + start).clone() : nil,
                ]
            }
        }
        return out
    }

    /// This tensor with exactly these strides (dense ones), copying where they differ.
    func contiguousAs(_ n: Dims, _ s: Dims) throws -> Tensor {
        if strides == s { return self }
        let probe = alias(sizes: n, strides: s, offset: 0)
        if !probe.isDense { return try contiguous() }
        let out = try Tensor.empty(n, strides: s, dtype)
        copyKernel(out, self)
        if GradMode.needs(self) { out.attach("CloneBackward0", TensorList(self)) { _, g in [g[0]] } }
        return out
    }
}

/// out += source where places of `out` may coincide: one element at a time, in order.
func addOverlapping(_ out: Tensor, _ source: Tensor) {
    addInOrder(out, source)
    Tape.note("add", { [out = out.lent, source = source.lent] in addInOrder(out, source) })
}

private func addInOrder(_ out: Tensor, _ source: Tensor) {
    func run<T: TensorElement>(_: T.Type) {
        let (o, s) = (out.typed(T.self), source.typed(T.self))
        let a = ElementLoop.strides(source, out.sizes)
        visit(out.sizes) { index in
            var (i, j) = (0, 0)
            for d in 0..<index.count {
                i += index[d] * out.strides[d]
                j += index[d] * a[d]
            }
            o[i] = T(element: o[i].asDouble + s[j].asDouble)
        }
    }
    withElementType(out.dtype) { run($0) }
    withExtendedLifetime((out, source)) {}
}

/// Calls `body` with every multi-index of a shape in row-major order.
func visit(_ sizes: Dims, _ body: (Dims) -> Void) {
    if sizes.product == 0 { return }
    var index = Dims(repeating: 0, count: sizes.count)
    while true {
        body(index)
        var d = sizes.count - 1
        while d >= 0 {
            index[d] += 1
            if index[d] < sizes[d] { break }
            index[d] = 0
            d -= 1
        }
        if d < 0 { return }
    }
}
