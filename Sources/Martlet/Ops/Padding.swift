/// Values around a tensor: constants, or its own values mirrored, repeated or wrapped around.
public enum PadMode: Int32, Sendable {
    case constant = 0, reflect, replicate, circular
    var name: String { ["constant", "reflect", "replicate", "circular"][Int(rawValue)] }
}

extension Tensor {
    /// `amounts` are pairs (before, after) from the last dimension on; negative ones cut off. `value` is for constant mode.
    public func pad(_ amounts: [Int], _ mode: PadMode = .constant, _ value: Tensor? = nil) throws -> Tensor {
        try refuseSparse("constant_pad_nd")
        guard amounts.count % 2 == 0 else { throw MartletError.runtime("Padding length must be divisible by 2") }
        guard amounts.count <= 2 * rank else {
            throw MartletError.runtime(
                "Padding length should be less than or equal to two times the input dimension but got padding length \(amounts.count) and input of dimension \(rank)")
        }
        if let far = amounts.first(where: { $0.magnitude > 1 << 60 }) {
            throw MartletError.runtime("Padding amounts must be at most \(1 << 60), but got \(far)")
        }
        if mode == .constant { return try constantPad(amounts, value ?? .number(0)) }
        if let value, try value.numel != 1 || value.item() != 0 {
            throw MartletError.runtime("Padding mode \"\(mode.name)\" doesn't take in value argument")
        }
        let n = amounts.count / 2
        guard n >= 1 && n <= 3 && (rank == n + 1 || rank == n + 2) else {
            throw MartletError.notImplemented(
                "Padding size \(amounts.count) is not supported for \(rank)D input tensor.\nSupported combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)")
        }
        // For each padded dimension, the place every result place reads from.
        var maps: [[Int]] = []
        for k in 0..<n {
            let d = rank - 1 - k
            let (before, after, size) = (amounts[2 * k], amounts[2 * k + 1], sizes[d])
            let length = size + before + after
            try checkPad(mode, d, before, after, length)
            _ = try Tensor.empty([Swift.max(length, 0)], .int64)  // more places than fit memory are an error here
            maps.append(
                (0..<length).map { i in
                    let j = i - before
                    switch mode {
                    case .reflect: return j < 0 ? -j : (j >= size ? 2 * (size - 1) - j : j)
                    case .replicate: return Swift.min(Swift.max(j, 0), size - 1)
                    default:
                        // What negative amounts leave is what wraps around.
                        let (start, kept) = (Swift.max(-before, 0), size - Swift.max(-before, 0) - Swift.max(-after, 0))
                        let k = i - Swift.max(before, 0)
                        return start + (k < 0 ? k + kept : (k >= kept ? k - kept : k))
                    }
                })
        }
        let name: String
        switch mode {
        case .reflect: name = "ReflectionPad\(n)DBackward0"
        case .replicate: name = "ReplicationPad\(n)DBackward0"
        default: name = "CopySlices"
        }
        let shape = sizes
        return try Tensor.linearStep(
            name, self, forward: { try $0.readPlaces(maps) }, adjoint: { try $0.addToPlaces(maps, shape) })
    }

    private func checkPad(_ mode: PadMode, _ d: Int, _ before: Int, _ after: Int, _ length: Int) throws {
        let size = sizes[d]
        switch mode {
        case .reflect:
            guard before < size && after < size else {
                throw MartletError.runtime(
                    "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (\(before), \(after)) at dimension \(d) of input \(sizes)")
            }
        case .circular:
            guard before <= size && after <= size else {
                throw MartletError.runtime("Padding value causes wrapping around more than once.")
            }
            guard length >= 0 else {
                throw MartletError.runtime("Negative padding value is resulting in an empty dimension")
            }
        default: break
        }
        guard size > 0 else {
            throw MartletError.runtime(
                "Expected the padded dimensions of the input to be non-empty, but got: \(sizes)")
        }
        guard length >= 1 else {
            throw MartletError.runtime("input (\(size)) is too small. Calculated output size: \(length)")
        }
    }

    /// Constant padding; amounts as in ``pad(_:_:_:)``.
    func constantPad(_ amounts: [Int], _ value: Tensor) throws -> Tensor {
        var (shape, before) = (sizes, [Int](repeating: 0, count: rank))
        for k in 0..<(amounts.count / 2) {
            let d = rank - 1 - k
            before[d] = amounts[2 * k]
            shape[d] = sizes[d] + amounts[2 * k] + amounts[2 * k + 1]
            if shape[d] < 0 {
                throw MartletError.runtime(
                    "The input size \(sizes[d]), plus negative padding \(amounts[2 * k]) and \(amounts[2 * k + 1]) resulted in a negative output size, which is invalid. Check dimension \(d) of your input.")
            }
        }
        let (mine, offsets) = (sizes, before)
        let zero = try value.item() == 0
        let out = try withNoGrad { () throws -> Tensor in
            let out = zero ? try Tensor.zeros(shape, dtype) : try Tensor.full(shape, value, dtype)
            try Tensor.copyOverlap(self, out, offsets)
            return out
        }
        if GradMode.needs(self) {
            let back = (0..<(amounts.count / 2)).flatMap { [-amounts[2 * $0], -amounts[2 * $0 + 1]] }
            out.attach("ConstantPadNdBackward0", TensorList(self)) { _, g in
                [try g[0].map { g in g.sizes == mine && back.allSatisfy { $0 == 0 } ? g : try g.constantPad(back, .number(0)) }]
            }
        }
        return out
    }

    /// Copies what `source`, shifted by `offsets`, and `out` have in common.
    private static func copyOverlap(_ source: Tensor, _ out: Tensor, _ offsets: [Int]) throws {
        var (n, from, to) = (source.sizes, source.offset, out.offset)
        for d in 0..<source.rank {
            let first = Swift.max(0, -offsets[d])
            let last = Swift.min(source.sizes[d], out.sizes[d] - offsets[d])
            if last <= first { return }
            n[d] = last - first
            from += first * source.strides[d]
            to += (first + offsets[d]) * out.strides[d]
        }
        copyKernel(out.alias(sizes: n, strides: out.strides, offset: to), source.alias(sizes: n, strides: source.strides, offset: from))
    }

    // MARK: Reading and adding by place along the last dimensions

    /// The tensor whose place i along dimension rank-1-k shows place maps[k][i] of this one.
    func readPlaces(_ maps: [[Int]]) throws -> Tensor {
        var t = try contiguous()
        for (k, map) in maps.enumerated() {
            let d = rank - 1 - k
            var shape = t.sizes
            shape[d] = map.count
            let out = try Tensor.empty(shape, dtype)
            t.copyPlaces(d, map, into: out)
            t = out
        }
        return t
    }

    private func copyPlaces(_ d: Int, _ map: [Int], into out: Tensor) {
        let outer = Dims(sizes.prefix(d)).product
        let inner = Dims(sizes.dropFirst(d + 1)).product
        let (n, m) = (sizes[d], map.count)
        if inner == 1 {
            let (source, target) = (lent, out.lent)
            func run<T: TensorElement>(_: T.Type) {
                let (s, o) = (source.typed(T.self), target.typed(T.self))
                for a in 0..<outer { for i in 0..<m { o[a * m + i] = s[a * n + map[i]] } }
            }
            launch("pad") { [dtype] in withElementType(dtype) { run($0) } }
            return
        }
        let (bytes, from, to) = (inner * dtype.size, pointer, out.pointer)
        launch("pad") {
            for a in 0..<outer {
                for i in 0..<m {
                    (to + (a * m + i) * bytes).copyMemory(from: from + (a * n + map[i]) * bytes, byteCount: bytes)
                }
            }
        }
    }

    /// The adjoint of ``readPlaces(_:)``: zeros of `shape` with every place of this tensor added where it was read.
    func addToPlaces(_ maps: [[Int]], _ shape: Dims) throws -> Tensor {
        if dtype.size == 2 && dtype.isFloatingPoint { return try to(.float32).addToPlaces(maps, shape).to(dtype) }
        var t = try contiguous()
        for (k, map) in maps.enumerated() {
            let d = rank - 1 - k
            var sizes = t.sizes
            sizes[d] = shape[d]
            let out = try Tensor.zeros(sizes, dtype)
            let outer = Dims(sizes.prefix(d)).product
            let inner = Dims(sizes.dropFirst(d + 1)).product
            let (n, m) = (shape[d], map.count)
            let (source, target) = (t.lent, out.lent)
            func run<T: TensorElement>(_: T.Type) {
                let (s, o) = (source.typed(T.self), target.typed(T.self))
                for a in 0..<outer {
                    for i in 0..<m {
                        let (to, from) = (o + (a * n + map[i]) * inner, s + (a * m + i) * inner)
                        for e in 0..<inner { to[e] = T(element: to[e].asDouble + from[e].asDouble) }
                    }
                }
            }
            launch("pad") { [dtype] in withElementType(dtype) { run($0) } }
            t = out
        }
        return t
    }
}
