import MartletKernels

/// Pooling over one, two or three spatial dimensions: maxima and averages of windows.
extension Tensor {
    // MARK: Maxima

    /// The largest value of each window and its place within its plane. Lists have one entry, or one per spatial
    /// dimension (`n` of them); `stride` is the kernel unless given.
    public func maxPool(
        _ n: Int, kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0], dilation: [Int] = [1], ceilMode: Bool = false
    ) throws -> (values: Tensor, indices: Tensor) {
        let op = "max_pool\(n)d"
        let (k, s, p) = try poolArguments(op, n, kernel, stride, padding)
        let d = try Tensor.poolList(op, "dilation", dilation, n)
        if n == 1 {
            try poolRank(n, "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:\(sizes)")
            if sizes[rank - 1] == 0 || sizes[rank - 2] == 0 {
                throw MartletError.runtime(
                    "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:\(sizes)")
            }
            if k[0] <= 0 { throw MartletError.runtime("max_pool1d() kernel_size must be greater than zero, but got \(k[0])") }
            if s[0] <= 0 { throw MartletError.runtime("max_pool1d() stride must be greater than zero, but got \(s[0])") }
            if p[0] < 0 { throw MartletError.runtime("max_pool1d() padding must be non-negative, but got \(p[0])") }
            if p[0] > k[0] / 2 {
                throw MartletError.runtime(
                    "max_pool1d() padding should be at most half of kernel size, but got padding=\(p[0]) and kernel_size=\(k[0])")
            }
            if d[0] <= 0 { throw MartletError.runtime("max_pool1d() dilation must be greater than zero, but got \(d[0])") }
            let m = PoolWindows.outputSize(sizes[rank - 1], k[0], s[0], p[0], d[0], ceilMode)
            if m <= 0 { throw MartletError.runtime("max_pool1d() Invalid computed output size: \(m)") }
        } else {
            try poolRank(n, "non-empty \(n + 1)D or \(n + 2)D (batch mode) tensor expected for input")
            try checkPoolWindows(k, s, p, d)
            for i in 1..<(n + 1) where sizes[rank - i] == 0 || sizes[rank - n - 1] == 0 {
                throw MartletError.runtime(
                    "Expected \(n + 1)D or \(n + 2)D (batch mode) tensor with optional 0 dim batch size for input, but got:\(sizes)")
            }
        }
        if dtype == .bool { throw MartletError.notImplemented("\"max_pool\(n)d\" not implemented for 'Bool'") }
        let w = PoolWindows(
            planeSizes(n), kernel: ConvGeometry.three(k, 1), stride: ConvGeometry.three(s, 1),
            padding: ConvGeometry.three(p, 0), dilation: ConvGeometry.three(d, 1), ceil: ceilMode)
        try checkPooled(w, n)
        return try maxima(w, n, n == 1 ? "SqueezeBackward1" : "MaxPool\(n)DWithIndicesBackward0")
    }

    /// The largest values of windows that divide the input into `output` parts per dimension, and their places.
    public func adaptiveMaxPool(_ n: Int, _ output: [Int]) throws -> (values: Tensor, indices: Tensor) {
        let op = "adaptive_max_pool\(n)d"
        let size = try Tensor.adaptiveSize(op, output, n)
        try poolRank(n, "\(op)(): Expected \(n + 1)D or \(n + 2)D tensor, but got: \(sizes)")
        try checkNonEmpty(op, n)
        if let bad = size.first(where: { $0 < 0 }) {
            throw MartletError.runtime(
                "Trying to create tensor with negative dimension \(bad): \(Dims(Array(sizes.prefix(rank - n)) + size))")
        }
        guard dtype.isFloatingPoint else {
            throw MartletError.notImplemented("\"\(op)\" not implemented for '\(dtype.scalarTypeName)'")
        }
        let w = PoolWindows(planeSizes(n), adaptive: ConvGeometry.three(size, 1))
        return try maxima(w, n, n == 1 ? "SqueezeBackward1" : "AdaptiveMaxPool\(n)DBackward0")
    }

    private func maxima(_ w: PoolWindows, _ n: Int, _ name: String) throws -> (values: Tensor, indices: Tensor) {
        let shape = pooledSizes(w, n)
        let (out, indices) = (try Tensor.empty(shape, dtype), try Tensor.empty(shape, .int64))
        let x = try withNoGrad { try contiguous() }
        w.maximum(x, into: out, indices)
        Tape.note("max_pool", { [x = x.lent, o = out.lent, i = indices.lent] in w.maximum(x, into: o, i) })
        if GradMode.needs(self) {
            let (shape, pixels) = (sizes, w.input.reduce(1, *))
            out.attach(name, [self]) { node in node.save(indices) } backward: { node, g in
                let q = try node.saved(0)
                return [try g[0].map { try $0.addToPlanes(q, shape, pixels) }]
            }
        }
        return (out, indices)
    }

    /// Zeros of `shape` with each element of this tensor added at the place of its plane that `index` names.
    private func addToPlanes(_ index: Tensor, _ shape: Dims, _ pixels: Int) throws -> Tensor {
        try Tensor.linearStep("MaxPoolBackwardBackward0", self) { g in
            if g.dtype.size == 2 { return try g.to(.float32).addToPlanes(index, shape, pixels).to(g.dtype) }
            let out = try Tensor.empty(shape, g.dtype)
            let from = try g.contiguous()
            let (target, source, chosen, type) = (out.lent, from.lent, index.lent, g.dtype)
            let planes = shape.product / Swift.max(pixels, 1)
            let places = planes == 0 ? 0 : index.numel / planes
            func run<T: TensorElement>(_: T.Type) {
                let (o, s, q) = (target.typed(T.self), source.typed(T.self), chosen.typed(Int64.self))
                o.update(repeating: T(element: Int64(0)), count: target.numel)
                for p in 0..<planes {
                    for i in 0..<places {
                        let at = p * pixels + Int(q[p * places + i])
                        o[at] = T(element: o[at].asDouble + s[p * places + i].asDouble)
                    }
                }
            }
            let (n, m, l) = (Int64(planes), Int64(places), Int64(pixels))
            launch("pool") {
                switch type {
                case .float32: mk_add_to_planes_f32(n, m, l, chosen.typed(), source.typed(), target.typed())
                case .float64: mk_add_to_planes_f64(n, m, l, chosen.typed(), source.typed(), target.typed())
                default: withElementType(type) { run($0) }
                }
            }
            return out
        } adjoint: { u in
            let out = try Tensor.empty(index.sizes, u.dtype)
            let from = try u.contiguous()
            let (target, source, chosen, type) = (out.lent, from.lent, index.lent, u.dtype)
            let planes = shape.product / Swift.max(pixels, 1)
            let places = planes == 0 ? 0 : index.numel / planes
            func run<T: TensorElement>(_: T.Type) {
                let (o, s, q) = (target.typed(T.self), source.typed(T.self), chosen.typed(Int64.self))
                for p in 0..<planes {
                    for i in 0..<places { o[p * places + i] = s[p * pixels + Int(q[p * places + i])] }
                }
            }
            launch("pool") { withElementType(type) { run($0) } }
            return out
        }
    }

    // MARK: Averages

    /// The average of each window. Padded places count unless `countPadding` is off; `divisor` replaces the count.
    public func avgPool(
        _ n: Int, kernel: [Int], stride: [Int]? = nil, padding: [Int] = [0], ceilMode: Bool = false,
        countPadding: Bool = true, divisor: Int? = nil
    ) throws -> Tensor {
        let op = "avg_pool\(n)d"
        let (k, s, p) = try poolArguments(op, n, kernel, stride, padding)
        if n == 1 {
            try poolRank(n, "Expected 2 to 3 dimensions, but got \(rank)-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)")
        } else if rank != n + 1 && rank != n + 2 {
            if rank <= n {
                throw MartletError.index("Dimension out of range (expected to be in range of [\(-Swift.max(rank, 1)), \(Swift.max(rank, 1) - 1)], but got \(-n - 1))")
            }
            throw MartletError.runtime("non-empty \(n + 1)D or \(n + 2)D (batch mode) tensor expected for input")
        }
        if divisor == 0 { throw MartletError.runtime("divisor must be not zero") }
        try checkPoolWindows(k, s, p, [Int](repeating: 1, count: n))
        let w = PoolWindows(
            planeSizes(n), kernel: ConvGeometry.three(k, 1), stride: ConvGeometry.three(s, 1),
            padding: ConvGeometry.three(p, 0), ceil: ceilMode, countPadding: countPadding)
        try checkPooled(w, n)
        return try averages(w, n, divisor, n == 1 ? "SqueezeBackward1" : "AvgPool\(n)DBackward0")
    }

    /// The averages of windows that divide the input into `output` parts per dimension.
    public func adaptiveAvgPool(_ n: Int, _ output: [Int]) throws -> Tensor {
        let op = "adaptive_avg_pool\(n)d"
        let size = try Tensor.adaptiveSize(op, output, n)
        try poolRank(n, "\(op)(): Expected \(n + 1)D or \(n + 2)D tensor, but got \(sizes)")
        if size.contains(where: { $0 < 0 }) {
            throw MartletError.runtime(
                "\(op): elements of output_size must be greater than or equal to 0 but received {\(size.map(String.init).joined(separator: ", "))}")
        }
        try checkNonEmpty(op, n)
        guard dtype.isFloatingPoint else {
            throw MartletError.notImplemented("\"\(op)\" not implemented for '\(dtype.scalarTypeName)'")
        }
        if n > 1 && size.allSatisfy({ $0 == 1 }) { return try mean(Array((rank - n)..<rank), keepDim: true) }
        let w = PoolWindows(planeSizes(n), adaptive: ConvGeometry.three(size, 1))
        return try averages(w, n, nil, n == 1 ? "SqueezeBackward1" : "AdaptiveAvgPool\(n)DBackward0")
    }

    private func averages(_ w: PoolWindows, _ n: Int, _ divisor: Int?, _ name: String) throws -> Tensor {
        let (shape, pooled) = (sizes, pooledSizes(w, n))
        return try Tensor.linearStep(name, self) { x in
            let out = try Tensor.empty(pooled, x.dtype)
            let x = try x.contiguous()
            w.average(x, divisor, into: out)
            Tape.note("avg_pool", { [x = x.lent, o = out.lent] in w.average(x, divisor, into: o) })
            return out
        } adjoint: { g in
            let (half, type) = (g.dtype.size == 2, g.dtype)
            let dx = try Tensor.empty(shape, half ? .float32 : g.dtype)
            let g = try g.to(dx.dtype).contiguous()
            w.shareOut(g, divisor, into: dx)
            Tape.note("avg_pool_backward", { [g = g.lent, x = dx.lent] in w.shareOut(g, divisor, into: x) })
            return try half ? dx.to(type) : dx
        }
    }

    // MARK: Shapes and checks

    /// The spatial sizes, three of them.
    private func planeSizes(_ n: Int) -> [Int] { ConvGeometry.three(Array(sizes.suffix(n)), 1) }

    private func pooledSizes(_ w: PoolWindows, _ n: Int) -> Dims {
        Dims(Array(sizes.prefix(rank - n)) + w.output.suffix(n))
    }

    static func poolList(_ op: String, _ name: String, _ v: [Int], _ n: Int) throws -> [Int] {
        try PoolWindows.checkReach(name, v)
        if v.count == 1 { return [Int](repeating: v[0], count: n) }
        guard v.count == n else {
            let words = ["one", "two", "three"]
            throw MartletError.runtime("\(op): \(name) must either be a single int, or a tuple of \(words[n - 1]) ints")
        }
        return v
    }

    private func poolArguments(
        _ op: String, _ n: Int, _ kernel: [Int], _ stride: [Int]?, _ padding: [Int]
    ) throws -> ([Int], [Int], [Int]) {
        try refuseSparse(op)
        let k = try Tensor.poolList(op, "kernel_size", kernel, n)
        let s = try stride.flatMap { $0.isEmpty ? nil : try Tensor.poolList(op, "stride", $0, n) } ?? k
        return (k, s, try Tensor.poolList(op, "padding", padding, n))
    }

    private func poolRank(_ n: Int, _ message: String) throws {
        guard rank == n + 1 || rank == n + 2 else { throw MartletError.runtime(message) }
    }

    private func checkPoolWindows(_ k: [Int], _ s: [Int], _ p: [Int], _ d: [Int]) throws {
        if s.contains(0) { throw MartletError.runtime("stride should not be zero") }
        for i in 0..<k.count {
            if p[i] < 0 { throw MartletError.runtime("pad must be non-negative, but got pad: \(p[i])") }
            if p[i] > ((k[i] - 1) * d[i] + 1) / 2 {
                throw MartletError.runtime(
                    "pad should be at most half of effective kernel size, but got pad=\(p[i]), kernel_size=\(k[i]) and dilation=\(d[i])")
            }
        }
        for (name, letter, v) in [("kernel size", "k", k), ("stride", "d", s), ("dilation", "dilation", d)] where v.contains(where: { $0 <= 0 }) {
            let axes = zip(v.count == 3 ? ["T", "H", "W"] : ["H", "W"], v.count == 1 ? [1] + v : v)
            throw MartletError.runtime(
                "\(name) should be greater than zero, but got " + axes.map { "\(letter)\($0): \($1)" }.joined(separator: " "))
        }
    }

    private func checkPooled(_ w: PoolWindows, _ n: Int) throws {
        let out = w.output.suffix(n)
        if out.contains(where: { $0 < 1 }) {
            let c = sizes[rank - n - 1]
            func list(_ v: [Int]) -> String { "(" + ([c] + v).map(String.init).joined(separator: "x") + ")" }
            throw MartletError.runtime(
                "Given input size: \(list(Array(sizes.suffix(n)))). Calculated output size: \(list(Array(out))). Output size is too small")
        }
    }

    private static func adaptiveSize(_ op: String, _ v: [Int], _ n: Int) throws -> [Int] {
        try PoolWindows.checkReach("output_size", v)
        if v.count == 1 { return [Int](repeating: v[0], count: n) }
        guard v.count == n else { throw MartletError.runtime("\(op): output_size must be \(n)") }
        return v
    }

    private func checkNonEmpty(_ op: String, _ n: Int) throws {
        for d in (rank - n)..<rank where sizes[d] == 0 {
            throw MartletError.runtime(
                "\(op)(): Expected input to have non-zero size for non-batch dimensions, but input has sizes \(sizes) with dimension \(d) being empty")
        }
    }

    // MARK: Sliding blocks

    private func blockGeometry(
        _ kernel: [Int], _ dilation: [Int], _ padding: [Int], _ stride: [Int]
    ) throws -> (ConvGeometry, [Int]) {
        func two(_ name: String, _ v: [Int], _ least: Int) throws -> [Int] {
            guard v.count == 1 || v.count == 2 else {
                throw MartletError.runtime("It is expected \(name) equals to 2, but got size \(v.count)")
            }
            try PoolWindows.checkReach(name, v)
            let both = v.count == 1 ? [v[0], v[0]] : v
            if both.contains(where: { $0 < least }) {
                throw MartletError.runtime(
                    least == 0
                        ? "padding should be non-negative, but got pad_height: \(both[0]) pad_width: \(both[1])"
                        : "\(name) should be greater than zero, but got \(name)_height: \(both[0]) \(name)_width: \(both[1])")
            }
            return [1] + both
        }
        let k = try two("kernel_size", kernel, 1)
        var p = try two("padding", padding, 0)
        p[0] = 0
        let g = ConvGeometry(
            stride: try two("stride", stride, 1), padding: p, dilation: try two("dilation", dilation, 1), groups: 1, rank: 2)
        return (g, k)
    }

    /// The windows of n x c x h x w (or c x h x w) as columns: n x c*kh*kw x places.
    public func im2col(kernel: [Int], dilation: [Int] = [1], padding: [Int] = [0], stride: [Int] = [1]) throws -> Tensor {
        let (g, k) = try blockGeometry(kernel, dilation, padding, stride)
        guard rank == 3 || rank == 4, numel > 0 || (rank == 4 && sizes[0] == 0) else {
            throw MartletError.runtime(
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: \(sizes)")
        }
        guard dtype.isFloatingPoint || dtype == .bool else {
            throw MartletError.notImplemented("\"im2col_out_cpu\" not implemented for '\(dtype.scalarTypeName)'")
        }
        let input = [1, sizes[rank - 2], sizes[rank - 1]]
        let output = g.output(input, k)
        guard output[1] >= 1 && output[2] >= 1 else {
            throw MartletError.runtime(
                "Given input with spatial size (\(input[1]), \(input[2])), kernel_size=(\(k[1]), \(k[2])), dilation=(\(g.dilation[1]), \(g.dilation[2])), padding=(\(g.padding[1]), \(g.padding[2])), calculated shape of the array of sliding blocks as (\(output[1]), \(output[2])), but its components must be at least one.")
        }
        let shape = sizes
        return try Tensor.linearStep("Im2ColBackward0", self) {
            try $0.unrolled(g, input, k, output)
        } adjoint: { try $0.rolledUp(g, shape, k, output) }
    }

    /// Columns (n x c*kh*kw x places, or without n) added up into n x c x `size`: the adjoint of ``im2col(kernel:dilation:padding:stride:)``.
    public func col2im(
        _ size: [Int], kernel: [Int], dilation: [Int] = [1], padding: [Int] = [0], stride: [Int] = [1]
    ) throws -> Tensor {
        let (g, k) = try blockGeometry(kernel, dilation, padding, stride)
        guard size.count == 1 || size.count == 2 else {
            throw MartletError.runtime("It is expected output_size equals to 2, but got size \(size.count)")
        }
        guard rank == 2 || rank == 3, numel > 0 || (rank == 3 && sizes[0] == 0) else {
            throw MartletError.runtime(
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: \(sizes)")
        }
        guard dtype.isFloatingPoint || dtype == .bool else {
            throw MartletError.notImplemented("\"col2im_out_cpu\" not implemented for '\(dtype.scalarTypeName)'")
        }
        try PoolWindows.checkReach("output_size", size)
        let out = size.count == 1 ? [size[0], size[0]] : size
        let (rows, places) = (sizes[rank - 2], sizes[rank - 1])
        guard rows % (k[1] * k[2]) == 0 else {
            throw MartletError.runtime(
                "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=\(rows) and kernel_size=(\(k[1]), \(k[2])).")
        }
        let input = [1, out[0], out[1]]
        let blocks = g.output(input, k)
        func pair(_ v: [Int]) -> String { "(\(v[1]), \(v[2]))" }
        guard places == blocks[1] * blocks[2] && blocks[1] >= 1 && blocks[2] >= 1 else {
            throw MartletError.runtime(
                "Given output_size=\(pair(input)), kernel_size=\(pair(k)), dilation=\(pair(g.dilation)), padding=\(pair(g.padding)), stride=\(pair(g.stride)), expected size of input's dimension 2 to match the calculated number of sliding blocks \(blocks[1]) * \(blocks[2]) = \(blocks[1] * blocks[2]), but got input.size(2)=\(places).")
        }
        var shape = Dims(sizes.dropLast(2))
        for s in [rows / (k[1] * k[2]), out[0], out[1]] { shape.append(s) }
        return try Tensor.linearStep("Col2ImBackward0", self) {
            try $0.rolledUp(g, shape, k, blocks)
        } adjoint: { try $0.unrolled(g, input, k, blocks) }
    }

    private func unrolled(_ g: ConvGeometry, _ input: [Int], _ k: [Int], _ output: [Int]) throws -> Tensor {
        let image = try contiguous()
        let c = sizes[rank - 3]
        var shape = Dims(sizes.dropLast(3))
        let samples = shape.product
        let (rows, places) = (c * k[1] * k[2], output[1] * output[2])
        shape.append(rows)
        shape.append(places)
        let out = try Tensor.empty(shape, dtype)
        let (source, target) = (image.lent, out.lent)
        func run<T: TensorElement>(_: T.Type) {
            for s in 0..<samples {
                g.unroll(
                    UnsafePointer(source.typed(T.self) + s * c * input[1] * input[2]), c, input, k, output,
                    target.typed(T.self) + s * rows * places)
            }
        }
        launch("pool") { [dtype] in withElementType(dtype) { run($0) } }
        return out
    }

    private func rolledUp(_ g: ConvGeometry, _ shape: Dims, _ k: [Int], _ blocks: [Int]) throws -> Tensor {
        if dtype.size == 2 { return try to(.float32).rolledUp(g, shape, k, blocks).to(dtype) }
        let columns = try contiguous()
        let r = shape.count
        let (c, input) = (shape[r - 3], [1, shape[r - 2], shape[r - 1]])
        let out = try Tensor.zeros(shape, dtype)
        let (rows, places) = (c * k[1] * k[2], blocks[1] * blocks[2])
        let (source, target) = (columns.lent, out.lent)
        func run<T: TensorElement>(_: T.Type) {
            for s in 0..<Dims(shape.dropLast(3)).product {
                g.rollUp(
                    UnsafePointer(source.typed(T.self) + s * rows * places), c, input, k, blocks,
                    target.typed(T.self) + s * c * input[1] * input[2])
            }
        }
        launch("pool") { [dtype] in withElementType(dtype) { run($0) } }
        return out
    }
}
