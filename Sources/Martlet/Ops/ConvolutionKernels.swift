import MartletKernels

/// The geometry of a convolution, brought to three spatial dimensions (missing ones have size one).
struct ConvGeometry {
    var stride: [Int]
    var padding: [Int]
    var dilation: [Int]
    var groups: Int
    /// How many spatial dimensions there are outside.
    var rank: Int

    /// `values` for the leading missing dimensions followed by those given.
    static func three(_ values: [Int], _ fill: Int) -> [Int] { [Int](repeating: fill, count: 3 - values.count) + values }

    /// The spatial sizes a convolution with `kernel` makes of `input` (three each).
    func output(_ input: [Int], _ kernel: [Int]) -> [Int] {
        (0..<3).map { (input[$0] + 2 * padding[$0] - dilation[$0] * (kernel[$0] - 1) - 1) / stride[$0] + 1 }
    }

    func isPointwise(_ kernel: [Int]) -> Bool {
        kernel == [1, 1, 1] && stride == [1, 1, 1] && padding == [0, 0, 0]
    }

    /// Lays the windows of c channels of `image` out as columns: row (channel, kernel place), column output place.
    func unroll<T: TensorElement>(
        _ image: UnsafePointer<T>, _ channels: Int, _ input: [Int], _ kernel: [Int], _ output: [Int],
        _ columns: UnsafeMutablePointer<T>
    ) {
        let zero = T(element: Int64(0))
        forEachRow(channels, input, kernel, output) { row, channel, kz, ky, kx in
            var to = columns + row * output[0] * output[1] * output[2]
            let plane = image + channel * input[0] * input[1] * input[2]
            let (first, last) = valid(2, kx, input[2], output[2])
            let (top, bottom) = valid(1, ky, input[1], output[1])
            let whole = unitPlane && first == 0 && last == output[2] && top == 0 && bottom == output[1]
            for oz in 0..<output[0] {
                let iz = oz * stride[0] - padding[0] + kz * dilation[0]
                if whole && iz >= 0 && iz < input[0] {
                    let start = (iz * input[1] + ky * dilation[1] - padding[1]) * input[2] + kx * dilation[2] - padding[2]
                    if copyRows(plane + start, input[2], to, output[2], output[1]) {
                        to += output[1] * output[2]
                        continue
                    }
                }
                for oy in 0..<output[1] {
                    let iy = oy * stride[1] - padding[1] + ky * dilation[1]
                    if iz < 0 || iz >= input[0] || iy < 0 || iy >= input[1] || first >= last {
                        to.update(repeating: zero, count: output[2])
                    } else {
                        let from = plane + (iz * input[1] + iy) * input[2] + (kx * dilation[2] - padding[2])
                        if first > 0 { to.update(repeating: zero, count: first) }
                        if stride[2] == 1 {
                            (to + first).update(from: from + first, count: last - first)
                        } else {
                            for ox in first..<last { to[ox] = from[ox * stride[2]] }
                        }
                        if last < output[2] { (to + last).update(repeating: zero, count: output[2] - last) }
                    }
                    to += output[2]
                }
            }
        }
    }

    /// Adds columns back to where `unroll` took them from.
    func rollUp<T: TensorElement>(
        _ columns: UnsafePointer<T>, _ channels: Int, _ input: [Int], _ kernel: [Int], _ output: [Int],
        _ image: UnsafeMutablePointer<T>
    ) {
        forEachRow(channels, input, kernel, output) { row, channel, kz, ky, kx in
            var from = columns + row * output[0] * output[1] * output[2]
            let plane = image + channel * input[0] * input[1] * input[2]
            let (first, last) = valid(2, kx, input[2], output[2])
            let (top, bottom) = valid(1, ky, input[1], output[1])
            let whole = unitPlane && first == 0 && last == output[2] && top == 0 && bottom == output[1]
            for oz in 0..<output[0] {
                let iz = oz * stride[0] - padding[0] + kz * dilation[0]
                if whole && iz >= 0 && iz < input[0] {
                    let start = (iz * input[1] + ky * dilation[1] - padding[1]) * input[2] + kx * dilation[2] - padding[2]
                    if addRows(from, output[2], plane + start, input[2], output[1]) {
                        from += output[1] * output[2]
                        continue
                    }
                }
                for oy in 0..<output[1] {
                    let iy = oy * stride[1] - padding[1] + ky * dilation[1]
                    if iz >= 0 && iz < input[0] && iy >= 0 && iy < input[1] && first < last {
                        let to = plane + (iz * input[1] + iy) * input[2] + (kx * dilation[2] - padding[2])
                        addRow(from + first, to + first * stride[2], stride[2], last - first)
                    }
                    from += output[2]
                }
            }
        }
    }

    /// For every kernel place and every row of the output that it reaches: where the row's first used input stands in a
    /// plane, where its first used output does, and how many there are.
    @inline(__always)
    func forEachTapRow(
        _ input: [Int], _ kernel: [Int], _ output: [Int], _ body: (_ tap: Int, _ from: Int, _ to: Int, _ count: Int) -> Void
    ) {
        forEachRow(1, input, kernel, output) { tap, _, kz, ky, kx in
            let (first, last) = valid(2, kx, input[2], output[2])
            if first >= last { return }
            for oz in 0..<output[0] {
                let iz = oz * stride[0] - padding[0] + kz * dilation[0]
                if iz < 0 || iz >= input[0] { continue }
                for oy in 0..<output[1] {
                    let iy = oy * stride[1] - padding[1] + ky * dilation[1]
                    if iy < 0 || iy >= input[1] { continue }
                    body(
                        tap, (iz * input[1] + iy) * input[2] + first * stride[2] - padding[2] + kx * dilation[2],
                        (oz * output[1] + oy) * output[2] + first, last - first)
                }
            }
        }
    }

    /// Whether outputs that are neighbours in a plane are made from inputs that are.
    private var unitPlane: Bool { stride[1] == 1 && stride[2] == 1 }

    /// The places along a dimension, first..<last, at which kernel place k reads inside the image.
    @inline(__always)
    private func valid(_ d: Int, _ k: Int, _ input: Int, _ output: Int) -> (Int, Int) {
        let shift = padding[d] - k * dilation[d]
        let first = shift <= 0 ? 0 : (shift + stride[d] - 1) / stride[d]
        let end = input + shift
        let last = end <= 0 ? 0 : Swift.min(output, (end + stride[d] - 1) / stride[d])
        return (Swift.min(first, output), last)
    }

    @inline(__always)
    private func forEachRow(
        _ channels: Int, _ input: [Int], _ kernel: [Int], _ output: [Int], _ body: (Int, Int, Int, Int, Int) -> Void
    ) {
        var row = 0
        for channel in 0..<channels {
            for kz in 0..<kernel[0] {
                for ky in 0..<kernel[1] {
                    for kx in 0..<kernel[2] {
                        body(row, channel, kz, ky, kx)
                        row += 1
                    }
                }
            }
        }
    }
}

/// Rows of `n` elements into a matrix of such rows, by vectors; false where only a loop can.
private func copyRows<T: TensorElement>(
    _ from: UnsafePointer<T>, _ apart: Int, _ to: UnsafeMutablePointer<T>, _ n: Int, _ rows: Int
) -> Bool {
    let (x, y) = (UnsafeRawPointer(from), UnsafeMutableRawPointer(to))
    if T.self == Float.self {
        mk_copy_rows_f32(
            x.assumingMemoryBound(to: Float.self), Int64(apart), y.assumingMemoryBound(to: Float.self), Int64(n), Int64(rows),
            Int64(n))
    } else if T.self == Double.self {
        mk_copy_rows_f64(
            x.assumingMemoryBound(to: Double.self), Int64(apart), y.assumingMemoryBound(to: Double.self), Int64(n),
            Int64(rows), Int64(n))
    } else {
        return false
    }
    return true
}

/// A matrix with rows of `n` elements added onto rows that are `apart`; false where only a loop can.
private func addRows<T: TensorElement>(
    _ from: UnsafePointer<T>, _ n: Int, _ to: UnsafeMutablePointer<T>, _ apart: Int, _ rows: Int
) -> Bool {
    let (x, y) = (UnsafeRawPointer(from), UnsafeMutableRawPointer(to))
    if T.self == Float.self {
        mk_accumulate_rows_f32(
            x.assumingMemoryBound(to: Float.self), Int64(n), y.assumingMemoryBound(to: Float.self), Int64(apart),
            Int64(rows), Int64(n))
    } else if T.self == Double.self {
        mk_accumulate_rows_f64(
            x.assumingMemoryBound(to: Double.self), Int64(n), y.assumingMemoryBound(to: Double.self), Int64(apart),
            Int64(rows), Int64(n))
    } else {
        return false
    }
    return true
}

/// to[i * stride] += from[i].
@inline(__always)
private func addRow<T: TensorElement>(_ from: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ stride: Int, _ n: Int) {
    if T.self == Float.self {
        let t = UnsafeMutableRawPointer(to).assumingMemoryBound(to: Float.self)
        mk_binary_f32(
            BinaryOp.add.rawValue, t, Int64(stride), UnsafeRawPointer(from).assumingMemoryBound(to: Float.self), 1, t,
            Int64(stride), Int64(n))
    } else if T.self == Double.self {
        let t = UnsafeMutableRawPointer(to).assumingMemoryBound(to: Double.self)
        mk_binary_f64(
            BinaryOp.add.rawValue, t, Int64(stride), UnsafeRawPointer(from).assumingMemoryBound(to: Double.self), 1, t,
            Int64(stride), Int64(n))
    } else {
        for i in 0..<n { to[i * stride] = T(element: to[i * stride].asInt64 &+ from[i].asInt64) }
    }
}

/// to[i * st] += f * from[i * sf].
@inline(__always)
private func addScaled<T: BinaryFloatingPoint>(
    _ f: T, _ from: UnsafePointer<T>, _ sf: Int, _ to: UnsafeMutablePointer<T>, _ st: Int, _ n: Int
) {
    if sf == 1 && st == 1 {
        for i in 0..<n { to[i] += f * from[i] }
    } else {
        for i in 0..<n { to[i * st] += f * from[i * sf] }
    }
}

/// Convolutions in which every channel has its own kernel, tap by tap along the rows, without unrolled windows.
private enum Depthwise {
    static func forward<T: BinaryFloatingPoint & TensorElement>(
        _ x: Tensor, _ w: Tensor, _ bias: Tensor?, _ p: ConvGeometry, into out: Tensor, _: T.Type
    ) {
        let (input, kernel, output) = (ConvKernels.spatial(x), ConvKernels.spatial(w), ConvKernels.spatial(out))
        let (taps, pixels, places, planes) = (kernel.reduce(1, *), input.reduce(1, *), output.reduce(1, *), x.sizes[0] * p.groups)
        let (xp, wp, yp) = (x.typed(T.self), w.typed(T.self), out.typed(T.self))
        parallelFor(planes, grain: Swift.max(1, 50_000 / Swift.max(taps * places, 1))) { from, to in
            for plane in from..<to {
                let g = plane % p.groups
                let (image, y) = (xp + plane * pixels, yp + plane * places)
                y.update(repeating: bias.map { $0.typed(T.self)[g] } ?? 0, count: places)
                p.forEachTapRow(input, kernel, output) { tap, i, o, n in
                    addScaled(wp[g * taps + tap], UnsafePointer(image + i), p.stride[2], y + o, 1, n)
                }
            }
        }
    }

    static func input<T: BinaryFloatingPoint & TensorElement>(_ g: Tensor, _ w: Tensor, _ p: ConvGeometry, into dx: Tensor, _: T.Type) {
        let (input, kernel, output) = (ConvKernels.spatial(dx), ConvKernels.spatial(w), ConvKernels.spatial(g))
        let (taps, pixels, places, planes) = (kernel.reduce(1, *), input.reduce(1, *), output.reduce(1, *), dx.sizes[0] * p.groups)
        let (xp, wp, gp) = (dx.typed(T.self), w.typed(T.self), g.typed(T.self))
        parallelFor(planes, grain: Swift.max(1, 50_000 / Swift.max(taps * places, 1))) { from, to in
            for plane in from..<to {
                let c = plane % p.groups
                let (image, y) = (xp + plane * pixels, gp + plane * places)
                image.update(repeating: 0, count: pixels)
                p.forEachTapRow(input, kernel, output) { tap, i, o, n in
                    addScaled(wp[c * taps + tap], UnsafePointer(y + o), 1, image + i, p.stride[2], n)
                }
            }
        }
    }

    static func weight<T: BinaryFloatingPoint & TensorElement>(_ g: Tensor, _ x: Tensor, _ p: ConvGeometry, into dw: Tensor, _: T.Type) {
        let (input, kernel, output) = (ConvKernels.spatial(x), ConvKernels.spatial(dw), ConvKernels.spatial(g))
        let (taps, pixels, places) = (kernel.reduce(1, *), input.reduce(1, *), output.reduce(1, *))
        let (xp, wp, gp) = (x.typed(T.self), dw.typed(T.self), g.typed(T.self))
        wp.update(repeating: 0, count: dw.numel)
        for plane in 0..<(x.sizes[0] * p.groups) {
            let (image, y, k) = (xp + plane * pixels, gp + plane * places, wp + plane % p.groups * taps)
            p.forEachTapRow(input, kernel, output) { tap, i, o, n in
                if T.self == Float.self {
                    let s = mk_dot_f32(
                        UnsafeRawPointer(image + i).assumingMemoryBound(to: Float.self), Int64(p.stride[2]),
                        UnsafeRawPointer(y + o).assumingMemoryBound(to: Float.self), 1, Int64(n))
                    k[tap] += T(s)
                } else {
                    let s = mk_dot_f64(
                        UnsafeRawPointer(image + i).assumingMemoryBound(to: Double.self), Int64(p.stride[2]),
                        UnsafeRawPointer(y + o).assumingMemoryBound(to: Double.self), 1, Int64(n))
                    k[tap] += T(s)
                }
            }
        }
    }
}

/// c = a b + beta c on raw memory: m x k times k x n with row and column strides. Integers wrap.
private func multiply<T: TensorElement>(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<T>, _ ra: Int, _ ca: Int, _ b: UnsafePointer<T>, _ rb: Int,
    _ cb: Int, _ beta: Int, _ c: UnsafeMutablePointer<T>, _ rc: Int
) {
    if T.self == Float.self {
        mk_gemm_f32(
            Int64(m), Int64(n), Int64(k), 1, UnsafeRawPointer(a).assumingMemoryBound(to: Float.self), Int64(ra), Int64(ca),
            UnsafeRawPointer(b).assumingMemoryBound(to: Float.self), Int64(rb), Int64(cb), Float(beta),
            UnsafeMutableRawPointer(c).assumingMemoryBound(to: Float.self), Int64(rc), 1, nil)
    } else if T.self == Double.self {
        mk_gemm_f64(
            Int64(m), Int64(n), Int64(k), 1, UnsafeRawPointer(a).assumingMemoryBound(to: Double.self), Int64(ra), Int64(ca),
            UnsafeRawPointer(b).assumingMemoryBound(to: Double.self), Int64(rb), Int64(cb), Double(beta),
            UnsafeMutableRawPointer(c).assumingMemoryBound(to: Double.self), Int64(rc), 1, nil)
    } else {
        for i in 0..<m {
            for j in 0..<n {
                var s: Int64 = 0
                for l in 0..<k { s &+= a[i * ra + l * ca].asInt64 &* b[l * rb + j * cb].asInt64 }
                c[i * rc + j] = T(element: (beta == 0 ? 0 : c[i * rc + j].asInt64) &+ s)
            }
        }
    }
}

/// The three products that convolutions and all their derivatives are made of. Tensors are contiguous, of one dtype
/// (float32, float64 or an integer), and have three spatial dimensions.
enum ConvKernels {
    /// Runs `body(sample, scratch)` for every sample, side by side where there is enough work.
    private static func forEachSample<T: TensorElement>(
        _ n: Int, _ work: Int, _ scratch: Int, _: T.Type, _ body: (Int, UnsafeMutablePointer<T>) -> Void
    ) {
        let grain = Swift.max(1, 100_000 / Swift.max(work, 1))
        parallelFor(n, grain: grain) { from, to in
            let buffer = UnsafeMutablePointer<T>.allocate(capacity: Swift.max(scratch, 1))
            defer { buffer.deallocate() }
            for s in from..<to { body(s, buffer) }
        }
    }

    /// The shape for the direct kernels; nil where there is depth to go through.
    private static func plane(_ x: Tensor, _ w: Tensor, _ y: Tensor, _ p: ConvGeometry) -> mk_conv? {
        guard w.dtype == .float32 || w.dtype == .float64, x.sizes[2] == 1, w.sizes[2] == 1, y.sizes[2] == 1, p.padding[0] == 0
        else { return nil }
        func two(_ a: Int, _ b: Int) -> (Int64, Int64) { (Int64(a), Int64(b)) }
        return mk_conv(
            n: Int64(x.sizes[0]), c: Int64(x.sizes[1]), o: Int64(w.sizes[0]), groups: Int64(p.groups),
            in: two(x.sizes[3], x.sizes[4]), out: two(y.sizes[3], y.sizes[4]), kernel: two(w.sizes[3], w.sizes[4]),
            stride: two(p.stride[1], p.stride[2]), padding: two(p.padding[1], p.padding[2]),
            dilation: two(p.dilation[1], p.dilation[2]))
    }

    /// Each of the three products by the direct kernels; false where they leave it to matrix products.
    private static func directForward(_ x: Tensor, _ w: Tensor, _ bias: Tensor?, _ p: ConvGeometry, _ y: Tensor) -> Bool {
        guard var shape = plane(x, w, y, p) else { return false }
        if w.dtype == .float32 { return mk_conv_forward_f32(&shape, x.typed(), w.typed(), bias?.typed(), y.typed()) != 0 }
        return mk_conv_forward_f64(&shape, x.typed(), w.typed(), bias?.typed(), y.typed()) != 0
    }

    private static func directInput(_ g: Tensor, _ w: Tensor, _ p: ConvGeometry, _ dx: Tensor) -> Bool {
        guard var shape = plane(dx, w, g, p) else { return false }
        if w.dtype == .float32 { return mk_conv_input_f32(&shape, g.typed(), w.typed(), dx.typed()) != 0 }
        return mk_conv_input_f64(&shape, g.typed(), w.typed(), dx.typed()) != 0
    }

    private static func directWeight(_ g: Tensor, _ x: Tensor, _ p: ConvGeometry, _ dw: Tensor) -> Bool {
        guard var shape = plane(x, dw, g, p) else { return false }
        if dw.dtype == .float32 { return mk_conv_weight_f32(&shape, x.typed(), g.typed(), dw.typed()) != 0 }
        return mk_conv_weight_f64(&shape, x.typed(), g.typed(), dw.typed()) != 0
    }

    fileprivate static func spatial(_ t: Tensor) -> [Int] { [t.sizes[2], t.sizes[3], t.sizes[4]] }

    /// out (n x o x ...) = x (n x c x ...) convolved with w (o x c/groups x ...), plus the bias of each channel.
    static func forward(_ x: Tensor, _ w: Tensor, _ bias: Tensor?, _ p: ConvGeometry, into out: Tensor) {
        if directForward(x, w, bias, p, out) { return }
        let (n, c, o) = (x.sizes[0], x.sizes[1] / p.groups, w.sizes[0] / p.groups)
        if c == 1 && o == 1 && out.dtype.isFloatingPoint {
            if out.dtype == .float32 { return Depthwise.forward(x, w, bias, p, into: out, Float.self) }
            return Depthwise.forward(x, w, bias, p, into: out, Double.self)
        }
        let (input, kernel, output) = (spatial(x), spatial(w), spatial(out))
        let (taps, places) = (kernel.reduce(1, *), output.reduce(1, *))
        let direct = p.isPointwise(kernel)
        let depth = c * taps
        func run<T: TensorElement>(_: T.Type) {
            let (xp, wp, yp) = (x.typed(T.self), w.typed(T.self), out.typed(T.self))
            forEachSample(n, 2 * o * p.groups * depth * places, direct ? 0 : depth * places, T.self) { s, columns in
                for g in 0..<p.groups {
                    let image = xp + (s * p.groups + g) * c * input.reduce(1, *)
                    let y = yp + (s * p.groups + g) * o * places
                    if let bias {
                        let b = bias.typed(T.self) + g * o
                        for k in 0..<o { (y + k * places).update(repeating: b[k], count: places) }
                    }
                    if !direct { p.unroll(UnsafePointer(image), c, input, kernel, output, columns) }
                    multiply(
                        o, places, depth, UnsafePointer(wp + g * o * depth), depth, 1, UnsafePointer(direct ? image : columns), places,
                        1, bias == nil ? 0 : 1, y, places)
                }
            }
        }
        withElementType(out.dtype) { run($0) }
        withExtendedLifetime((x, w, bias, out)) {}
    }

    /// dx (n x c x ...) from g (n x o x ...) and w: the transposed convolution. `dx` is overwritten.
    static func input(_ g: Tensor, _ w: Tensor, _ p: ConvGeometry, into dx: Tensor) {
        if directInput(g, w, p, dx) { return }
        let (n, c, o) = (dx.sizes[0], dx.sizes[1] / p.groups, w.sizes[0] / p.groups)
        if c == 1 && o == 1 && dx.dtype.isFloatingPoint {
            if dx.dtype == .float32 { return Depthwise.input(g, w, p, into: dx, Float.self) }
            return Depthwise.input(g, w, p, into: dx, Double.self)
        }
        let (input, kernel, output) = (spatial(dx), spatial(w), spatial(g))
        let (taps, places, pixels) = (kernel.reduce(1, *), output.reduce(1, *), input.reduce(1, *))
        let direct = p.isPointwise(kernel)
        let depth = c * taps
        func run<T: TensorElement>(_: T.Type) {
            let (xp, wp, gp) = (dx.typed(T.self), w.typed(T.self), g.typed(T.self))
            forEachSample(n, 2 * o * p.groups * depth * places, direct ? 0 : depth * places, T.self) { s, columns in
                for k in 0..<p.groups {
                    let image = xp + (s * p.groups + k) * c * pixels
                    let y = gp + (s * p.groups + k) * o * places
                    multiply(
                        depth, places, o, UnsafePointer(wp + k * o * depth), 1, depth, UnsafePointer(y), places, 1, 0,
                        direct ? image : columns, places)
                    if !direct {
                        image.update(repeating: T(element: Int64(0)), count: c * pixels)
                        p.rollUp(UnsafePointer(columns), c, input, kernel, output, image)
                    }
                }
            }
        }
        withElementType(dx.dtype) { run($0) }
        withExtendedLifetime((g, w, dx)) {}
    }

    /// dw (o x c/groups x ...) from g (n x o x ...) and x (n x c x ...). `dw` is overwritten.
    static func weight(_ g: Tensor, _ x: Tensor, _ p: ConvGeometry, into dw: Tensor) {
        if directWeight(g, x, p, dw) { return }
        let (n, c, o) = (x.sizes[0], x.sizes[1] / p.groups, dw.sizes[0] / p.groups)
        if c == 1 && o == 1 && dw.dtype.isFloatingPoint {
            if dw.dtype == .float32 { return Depthwise.weight(g, x, p, into: dw, Float.self) }
            return Depthwise.weight(g, x, p, into: dw, Double.self)
        }
        let (input, kernel, output) = (spatial(x), spatial(dw), spatial(g))
        let (taps, places) = (kernel.reduce(1, *), output.reduce(1, *))
        let direct = p.isPointwise(kernel)
        let depth = c * taps
        func run<T: TensorElement>(_: T.Type) {
            let (xp, wp, gp) = (x.typed(T.self), dw.typed(T.self), g.typed(T.self))
            wp.update(repeating: T(element: Int64(0)), count: dw.numel)
            let columns = UnsafeMutablePointer<T>.allocate(capacity: Swift.max(direct ? 0 : depth * places, 1))
            defer { columns.deallocate() }
            for s in 0..<n {
                for k in 0..<p.groups {
                    let image = xp + (s * p.groups + k) * c * input.reduce(1, *)
                    if !direct { p.unroll(UnsafePointer(image), c, input, kernel, output, columns) }
                    multiply(
                        o, depth, places, UnsafePointer(gp + (s * p.groups + k) * o * places), places, 1,
                        UnsafePointer(direct ? image : columns), 1, places, 1, wp + k * o * depth, depth)
                }
            }
        }
        withElementType(dw.dtype) { run($0) }
        withExtendedLifetime((g, x, dw)) {}
    }
}
