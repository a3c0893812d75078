/// How values between places are found when a tensor is resized.
public enum InterpolateMode: Int32, Sendable {
    case nearest = 0, nearestExact, linear, cubic

    fileprivate func name(_ n: Int) -> String {
        switch self {
        case .nearest: "UpsampleNearest\(n)DBackward0"
        case .nearestExact: "UpsampleNearestExact\(n)DBackward0"
        case .linear: ["UpsampleLinear1DBackward0", "UpsampleBilinear2DBackward0", "UpsampleTrilinear3DBackward0"][n - 1]
        case .cubic: "UpsampleBicubic2DBackward0"
        }
    }
}

/// For each place of a result along a dimension: the places it is made of and their weights, `width` of each.
private struct Taps {
    let width: Int
    let size: Int
    let count: Int
    private let memory: (places: Storage, weights: Storage)
    private var places: UnsafeMutablePointer<Int> { memory.places.base.assumingMemoryBound(to: Int.self) }
    private var weights: UnsafeMutablePointer<Double> { memory.weights.base.assumingMemoryBound(to: Double.self) }

    /// `scale` is the given factor, nil where the output size was given. `single` rounds coordinates as float32 does.
    init(_ mode: InterpolateMode, _ input: Int, _ output: Int, _ scale: Double?, _ corners: Bool, single: Bool) throws {
        (size, count) = (input, output)
        width = mode == .linear ? 2 : (mode == .cubic ? 4 : 1)
        let bytes = try Tensor.checkedByteCount([output, width], .int64)
        memory = (try Storage(byteCount: bytes, constant: true), try Storage(byteCount: bytes, constant: true))
        let (places, weights, width) = (places, weights, width)
        func set(_ o: Int, _ k: Int, _ place: Int, _ weight: Double) {
            places[o * width + k] = place
            weights[o * width + k] = weight
        }
        /// A coordinate rounded down to a place that there is.
        func place(_ v: Double) -> Int { v > 0 ? (v < Double(input) ? Int(v) : input - 1) : 0 }
        func f(_ v: Double) -> Double { single ? Double(Float(v)) : v }
        let ratio: Double
        if corners {
            ratio = output > 1 ? f(Double(input - 1) / Double(output - 1)) : 0
        } else {
            ratio = scale.map { $0 > 0 ? f(1 / $0) : f(Double(input) / Double(output)) } ?? f(Double(input) / Double(output))
        }
        let step = Float(scale.map { 1 / $0 } ?? Double(Float(input) / Float(output)))
        for o in 0..<output {
            switch mode {
            case .nearest:
                set(o, 0, output == input ? o : (output == 2 * input ? o / 2 : place(Double(Float(o) * step))), 1)
            case .nearestExact:
                set(o, 0, place(Double((Float(o) + 0.5) * step)), 1)
            case .linear:
                if output == input {
                    set(o, 0, o, 1)
                    set(o, 1, o, 0)
                    continue
                }
                let x = corners ? f(ratio * Double(o)) : Swift.max(f(f(ratio * (Double(o) + 0.5)) - 0.5), 0)
                let i = place(x)
                let w = Swift.min(Swift.max(f(x - Double(i)), 0), 1)
                set(o, 0, i, 1 - w)
                set(o, 1, i < input - 1 ? i + 1 : i, w)
            case .cubic:
                let x = corners ? f(ratio * Double(o)) : f(f(ratio * (Double(o) + 0.5)) - 0.5)
                let i = x < 0 ? -1 : place(x)
                let t = f(x - Double(i))
                // Keys' cubic convolution with a = -0.75.
                let a = -0.75
                func near(_ d: Double) -> Double { ((a + 2) * d - (a + 3)) * d * d + 1 }
                func far(_ d: Double) -> Double { ((a * d - 5 * a) * d + 8 * a) * d - 4 * a }
                for (k, weight) in [far(t + 1), near(t), near(1 - t), far(2 - t)].enumerated() {
                    set(o, k, Swift.min(Swift.max(i + k - 1, 0), input - 1), weight)
                }
            }
        }
    }

    /// Applies the taps along dimension d of a contiguous tensor.
    func apply(_ x: Tensor, _ d: Int) throws -> Tensor {
        var shape = x.sizes
        shape[d] = count
        let out = try Tensor.empty(shape, x.dtype)
        let (input, target, type) = (x.lent, out.lent, x.dtype)
        let (outer, inner) = (Dims(shape.prefix(d)).product, Dims(shape.dropFirst(d + 1)).product)
        func run<T: TensorElement>(_: T.Type) {
            let (source, o) = (input.typed(T.self), target.typed(T.self))
            let (p, w) = (places, weights)
            parallelFor(outer, grain: Swift.max(1, 30_000 / Swift.max(count * inner, 1))) { from, to in
                for a in from..<to {
                    let s = source + a * size * inner
                    var t = o + a * count * inner
                    for i in 0..<count {
                        if width == 1 {
                            if inner == 1 { t.pointee = s[p[i]] } else { t.update(from: s + p[i] * inner, count: inner) }
                        } else {
                            for e in 0..<inner {
                                var sum = 0.0
                                for k in (i * width)..<((i + 1) * width) { sum += w[k] * s[p[k] * inner + e].asDouble }
                                t[e] = T(element: T.dtype.isFloatingPoint ? sum : sum.rounded())
                            }
                        }
                        t += inner
                    }
                }
            }
        }
        launch("interpolate") { withElementType(type) { run($0) } }
        withExtendedLifetime(x) {}
        return out
    }

    /// The adjoint of `apply`.
    func spread(_ g: Tensor, _ d: Int) throws -> Tensor {
        var shape = g.sizes
        shape[d] = size
        let out = try Tensor.zeros(shape, g.dtype)
        let (input, target, type) = (g.lent, out.lent, g.dtype)
        let (outer, inner) = (Dims(shape.prefix(d)).product, Dims(shape.dropFirst(d + 1)).product)
        func run<T: TensorElement>(_: T.Type) {
            let (source, o) = (input.typed(T.self), target.typed(T.self))
            let (p, w) = (places, weights)
            parallelFor(outer, grain: Swift.max(1, 30_000 / Swift.max(count * inner, 1))) { from, to in
                for a in from..<to {
                    let t = o + a * size * inner
                    var s = source + a * count * inner
                    for i in 0..<count {
                        for k in (i * width)..<((i + 1) * width) {
                            let row = t + p[k] * inner
                            for e in 0..<inner { row[e] = T(element: row[e].asDouble + w[k] * s[e].asDouble) }
                        }
                        s += inner
                    }
                }
            }
        }
        launch("interpolate") { withElementType(type) { run($0) } }
        withExtendedLifetime(g) {}
        return out
    }
}

extension Tensor {
    /// Resizes the spatial dimensions of n x c x spatial (one to three of them; two for cubic). `scales`, where the sizes
    /// came from factors, are used for the coordinates, nil entries are not. `alignCorners` maps corner places onto each
    /// other instead of corner edges (linear and cubic).
    public func interpolate(
        _ size: [Int], _ mode: InterpolateMode, scales: [Double?]? = nil, alignCorners: Bool = false
    ) throws -> Tensor {
        let n = rank - 2
        guard n >= 1 && n <= 3 && size.count == n else {
            throw MartletError.value(
                "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of \(Array(sizes.dropFirst(2))) and output size of \(size)")
        }
        let input = Array(sizes.dropFirst(2))
        guard !input.contains(0) && !size.contains(where: { $0 <= 0 }) else {
            let names = n == 1 ? ["W"] : (n == 2 ? ["H", "W"] : ["D", "H", "W"])
            func list(_ v: [Int]) -> String { "(" + zip(names, v).map { "\($0): \($1)" }.joined(separator: ", ") + ")" }
            throw MartletError.runtime(
                "Input and output sizes should be greater than 0, but got input \(list(input)) output \(list(size))")
        }
        guard sizes[1] > 0 else {
            throw MartletError.runtime("Non-empty \(rank)D data tensor expected but got a tensor with sizes \(sizes)")
        }
        guard dtype.isFloatingPoint || (dtype == .uint8) else {
            let op = mode.name(n).dropLast(9).lowercased().replacing("upsample", with: "upsample_")
            throw MartletError.notImplemented("\"\(op)_channels_last\" not implemented for '\(dtype.scalarTypeName)'")
        }
        _ = try Tensor.empty(Dims(Array(sizes.prefix(2)) + size), dtype)  // more memory than there is is an error here
        let half = dtype.isFloatingPoint && dtype.size == 2
        let taps = try (0..<n).map {
            try Taps(mode, input[$0], size[$0], scales?[$0], alignCorners && mode != .nearest && mode != .nearestExact, single: dtype != .float64)
        }
        return try Tensor.linearStep(mode.name(n), self) { x in
            var t = try (half ? x.to(.float32) : x).contiguous()
            for d in stride(from: n - 1, through: 0, by: -1) { t = try taps[d].apply(t, d + 2) }
            return try t.to(x.dtype)
        } adjoint: { g in
            var t = try (half ? g.to(.float32) : g).contiguous()
            for d in 0..<n { t = try taps[d].spread(t, d + 2) }
            return try t.to(g.dtype)
        }
    }

    /// int64 rows with a one at each number of this int64 tensor: its sizes followed by `classes` (one more than the
    /// largest number when -1).
    public func oneHot(_ classes: Int = -1) throws -> Tensor {
        guard dtype == .int64 else {
            throw MartletError.runtime("one_hot is only applicable to index tensor of type LongTensor.")
        }
        if numel == 0 && classes <= 0 {
            throw MartletError.runtime("Can not infer total number of classes from empty tensor.")
        }
        if classes == -1 && Tape.isRecording { try Tape.refuse("one_hot without num_classes, whose result's size depends on the values,") }
        return try Tape.whole("one_hot", [self]) { [try $0[0].oneHotRows(classes)] }[0]
    }

    private func oneHotRows(_ classes: Int) throws -> Tensor {
        let q = try contiguous()
        let p = q.typed(Int64.self)
        var largest: Int64 = -1
        for i in 0..<numel {
            if p[i] < 0 { throw MartletError.runtime("Class values must be non-negative.") }
            largest = Swift.max(largest, p[i])
        }
        if classes != -1 && classes < 1 && numel > 0 && largest < 0 {
            throw MartletError.runtime("num_classes should be positive")
        }
        guard largest < Int64.max else { throw MartletError.runtime("one_hot: there are too many classes (\(largest))") }
        let n = classes == -1 ? Int(largest) + 1 : classes
        guard largest < Int64(n) else { throw MartletError.runtime("Class values must be smaller than num_classes.") }
        var shape = sizes
        shape.append(n)
        let out = try Tensor.zeros(shape, .int64)
        for i in 0..<numel { out.typed(Int64.self)[i * n + Int(p[i])] = 1 }
        withExtendedLifetime(q) {}
        return out
    }

    /// Moves blocks of r*r channels into space: ... x c*r*r x h x w to ... x c x h*r x w*r.
    public func pixelShuffle(_ r: Int) throws -> Tensor {
        guard rank >= 3 else {
            throw MartletError.runtime(
                "pixel_shuffle expects input to have at least 3 dimensions, but got input with \(rank) dimension(s)")
        }
        guard r > 0 else { throw MartletError.runtime("pixel_shuffle expects a positive upscale_factor, but got \(r)") }
        let (c, h, w) = (sizes[rank - 3], sizes[rank - 2], sizes[rank - 1])
        let (square, overflow) = r.multipliedReportingOverflow(by: r)
        if overflow {
            throw MartletError.value("upscale factor is too large, (upscale_factor)^2 overflowed: upscale_factor=\(r)")
        }
        guard c % square == 0 else {
            throw MartletError.runtime(
                "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)=\(c) is not divisible by \(square)")
        }
        let (lead, n) = (Array(sizes.dropLast(3)), rank - 3)
        return try Tensor.linearStep("PixelShuffleBackward0", self) {
            try $0.shufflePixels(lead, [c / (r * r), r, r, h, w], [n, n + 3, n + 1, n + 4, n + 2], [c / (r * r), h * r, w * r])
        } adjoint: {
            try $0.shufflePixels(lead, [c / (r * r), h, r, w, r], [n, n + 2, n + 4, n + 1, n + 3], [c, h, w])
        }
    }

    /// The inverse of ``pixelShuffle(_:)``.
    public func pixelUnshuffle(_ r: Int) throws -> Tensor {
        guard rank >= 3 else {
            throw MartletError.runtime(
                "pixel_unshuffle expects input to have at least 3 dimensions, but got input with \(rank) dimension(s)")
        }
        guard r > 0 else { throw MartletError.runtime("pixel_unshuffle expects a positive downscale_factor, but got \(r)") }
        let (c, h, w) = (sizes[rank - 3], sizes[rank - 2], sizes[rank - 1])
        for (name, place, size) in [("height", 2, h), ("width", 1, w)] where size % r != 0 {
            throw MartletError.runtime(
                "pixel_unshuffle expects \(name) to be divisible by downscale_factor, but input.size(-\(place))=\(size) is not divisible by \(r)")
        }
        let (lead, n) = (Array(sizes.dropLast(3)), rank - 3)
        return try Tensor.linearStep("PixelUnshuffleBackward0", self) {
            try $0.shufflePixels(lead, [c, h / r, r, w / r, r], [n, n + 2, n + 4, n + 1, n + 3], [c * r * r, h / r, w / r])
        } adjoint: {
            try $0.shufflePixels(lead, [c, r, r, h / r, w / r], [n, n + 3, n + 1, n + 4, n + 2], [c, h, w])
        }
    }

    private func shufflePixels(_ lead: [Int], _ split: [Int], _ order: [Int], _ merged: [Int]) throws -> Tensor {
        try reshape(lead + split).permute(Array(0..<lead.count) + order).contiguous().reshape(lead + merged)
    }
}
