/// Operations that show the same memory in another shape. Results are views: they share storage, and writes
/// to them are seen by the base and tracked by autograd.
extension Tensor {
    /// Makes the view and its history. `backward` maps the view's gradient to this tensor's.
    @inline(__always)
    func makeView(
        _ name: String, _ sizes: Dims, _ strides: Dims, _ offset: Int, backward: @escaping (Tensor) throws -> Tensor
    ) -> Tensor {
        let v = alias(sizes: sizes, strides: strides, offset: offset)
        if isSparse { v.sparse = nil }
        linkView(v)
        if GradMode.needs(self) {
            v.attach(name, TensorList(self)) { _, g in
                guard let g = g[0] else { return [nil] }
                return TensorList(try backward(g))
            }
        }
        return v
    }

    func linkView(_ v: Tensor, _ creation: ViewInfo.Creation = .normal) {
        let kind: ViewInfo.Creation = view?.creation == .multiOutput ? .multiOutput : creation
        v.view = ViewInfo(
            base: view?.base ?? self, version: v.version,
            creation: GradMode.isEnabled || kind == .multiOutput ? kind : .noGrad)
        v.isInference = isInference
    }

    func refuseSparse(_ op: String) throws {
        if isSparse {
            throw MartletError.notImplemented("Could not run 'aten::\(op)' with arguments from the 'SparseCPU' backend.")
        }
    }

    /// Replaces one -1 by what makes the size fit; torch's errors otherwise.
    static func inferSize(_ shape: Dims, _ numel: Int) throws -> Dims {
        var known = 1
        var at = -1
        for (i, s) in shape.enumerated() {
            if s == -1 {
                if at >= 0 { throw MartletError.runtime("only one dimension can be inferred") }
                at = i
            } else if s < 0 {
                throw MartletError.runtime("invalid shape dimension \(s) at index \(i) of shape \(shape)")
            } else {
                known = known.multipliedReportingOverflow(by: s).partialValue
            }
        }
        if numel == known || (at >= 0 && known > 0 && numel % known == 0) {
            if at < 0 { return shape }
            if known == 0 {
                throw MartletError.runtime(
                    "cannot reshape tensor of 0 elements into shape \(shape) because the unspecified dimension size -1 can be any value and is ambiguous")
            }
            var out = shape
            out[at] = numel / known
            return out
        }
        if at >= 0 && known == 0 && numel == 0 {
            throw MartletError.runtime(
                "cannot reshape tensor of 0 elements into shape \(shape) because the unspecified dimension size -1 can be any value and is ambiguous")
        }
        throw MartletError.runtime("shape '\(shape)' is invalid for input of size \(numel)")
    }

    /// Strides under which memory laid out by (sizes, strides) reads as `shape`, nil where a copy is needed.
    static func viewStrides(_ sizes: Dims, _ strides: Dims, _ shape: Dims) -> Dims? {
        if sizes.product == 0 { return sizes == shape ? strides : shape.contiguousStrides }
        var out = Dims(repeating: 1, count: shape.count)
        var v = shape.count - 1
        var chunkBase = sizes.isEmpty ? 1 : strides[sizes.count - 1]
        var chunk = 1
        var seen = 1
        var i = sizes.count - 1
        if i < 0 {
            return shape.contiguousStrides
        }
        while i >= 0 {
            chunk *= sizes[i]
            // Where the next dimension does not continue this one, what was gathered must split evenly.
            if i == 0 || (sizes[i - 1] != 1 && strides[i - 1] != chunk * chunkBase) {
                while v >= 0 && (seen < chunk || shape[v] == 1) {
                    out[v] = seen * chunkBase
                    seen *= shape[v]
                    v -= 1
                }
                if seen != chunk { return nil }
                if i > 0 {
                    chunkBase = strides[i - 1]
                    chunk = 1
                    seen = 1
                }
            }
            i -= 1
        }
        return v == -1 ? out : nil
    }

    /// The same elements under another shape, sharing memory; -1 stands for what fits.
    public func view(_ shape: [Int]) throws -> Tensor { try view(try Dims(checking: shape)) }

    func view(_ shape: Dims) throws -> Tensor {
        try refuseSparse("view")
        let target = try Tensor.inferSize(shape, numel)
        guard let s = Tensor.viewStrides(sizes, strides, target) else {
            throw MartletError.runtime(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.")
        }
        let old = sizes
        return makeView("ViewBackward0", target, s, offset) { try $0.reshape(old) }
    }

    /// As ``view(_:)``, copying where the memory does not allow it.
    public func reshape(_ shape: [Int]) throws -> Tensor { try reshape(try Dims(checking: shape)) }

    func reshape(_ shape: Dims) throws -> Tensor {
        try refuseSparse("reshape")
        let target = try Tensor.inferSize(shape, numel)
        if let s = Tensor.viewStrides(sizes, strides, target) {
            let old = sizes
            return makeView("ViewBackward0", target, s, offset) { try $0.reshape(old) }
        }
        return try contiguous().unsafeView(target)
    }

    /// A view of a temporary nobody else sees; torch names its step differently.
    func unsafeView(_ target: Dims) throws -> Tensor {
        let old = sizes
        let v = alias(sizes: target, strides: target.contiguousStrides, offset: offset)
        if GradMode.needs(self) {
            v.attach("UnsafeViewBackward0", TensorList(self)) { _, g in TensorList(try g[0]?.reshape(old)) }
        }
        return v
    }

    public func flatten(_ start: Int = 0, _ end: Int = -1) throws -> Tensor {
        let (s, e) = (try wrapDim(start, rank), try wrapDim(end, rank))
        if s > e { throw MartletError.runtime("flatten() has invalid args: start_dim cannot come after end_dim") }
        if rank == 0 { return try reshape([1] as Dims) }
        if s == e { return self }
        var shape = Dims()
        for i in 0..<rank {
            if i > s && i <= e { shape[s] *= sizes[i] } else { shape.append(sizes[i]) }
        }
        return try reshape(shape)
    }

    public func transpose(_ a: Int, _ b: Int) throws -> Tensor {
        let (i, j) = (try wrapDim(a, rank), try wrapDim(b, rank))
        if let sparse { return try transposeSparse(sparse, i, j) }
        if rank == 0 || i == j { return makeView("TransposeBackward0", sizes, strides, offset) { $0 } }
        var (n, s) = (sizes, strides)
        (n[i], n[j]) = (n[j], n[i])
        (s[i], s[j]) = (s[j], s[i])
        return makeView("TransposeBackward0", n, s, offset) { try $0.transpose(i, j) }
    }

    /// The transpose of a matrix; vectors and scalars are returned as they are.
    public func t() throws -> Tensor {
        guard rank <= 2 else {
            throw MartletError.runtime("t() expects a tensor with <= 2 dimensions, but self is \(rank)D")
        }
        if let sparse, rank == 2 {
            guard sparse.indices.sizes[0] == 2 else {
                throw MartletError.runtime(
                    "t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got \(sparse.indices.sizes[0]) sparse and \(sparse.values.rank - 1) dense dimensions")
            }
            return try transposeSparse(sparse, 0, 1, name: "TBackward0")
        }
        if rank < 2 { return makeView("TBackward0", sizes, strides, offset) { try $0.t() } }
        return makeView("TBackward0", [sizes[1], sizes[0]], [strides[1], strides[0]], offset) { try $0.t() }
    }

    public func permute(_ dims: [Int]) throws -> Tensor {
        guard dims.count == rank else {
            throw MartletError.runtime(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = \(rank) is not equal to len(dims) = \(dims.count)")
        }
        if isSparse { return try permuteSparse(dims) }
        var (n, s) = (Dims(), Dims())
        var inverse = [Int](repeating: 0, count: rank)
        var seen = 0
        for (k, raw) in dims.enumerated() {
            let d = try wrapDim(raw, rank)
            if seen & (1 << d) != 0 { throw MartletError.runtime("permute(): duplicate dims are not allowed.") }
            seen |= 1 << d
            n.append(sizes[d])
            s.append(strides[d])
            inverse[d] = k
        }
        return makeView("PermuteBackward0", n, s, offset) { try $0.permute(inverse) }
    }

    /// Repeats dimensions of size one without copying; -1 keeps a size.
    public func expand(_ shape: [Int]) throws -> Tensor { try expand(try Dims(checking: shape)) }

    func expand(_ shape: Dims) throws -> Tensor {
        try refuseSparse("expand")
        let lead = shape.count - rank
        guard lead >= 0 else {
            throw MartletError.runtime(
                "expand(\(typeName){\(sizes)}, size=\(shape)): the number of sizes provided (\(shape.count)) must be greater or equal to the number of dimensions in the tensor (\(rank))")
        }
        var (n, s) = (shape, Dims(repeating: 0, count: shape.count))
        for i in 0..<shape.count {
            if i < lead {
                if shape[i] < 0 {
                    throw MartletError.runtime(
                        "The expanded size of the tensor (\(shape[i])) isn't allowed in a leading, non-existing dimension \(i)")
                }
                continue
            }
            let have = sizes[i - lead]
            if shape[i] == -1 || shape[i] == have {
                n[i] = have
                s[i] = strides[i - lead]
            } else if have != 1 || shape[i] < 0 {
                throw MartletError.runtime(
                    "The expanded size of the tensor (\(shape[i])) must match the existing size (\(have)) at non-singleton dimension \(i).  Target sizes: \(shape).  Tensor sizes: \(sizes)")
            }
        }
        _ = try n.checkedProduct()
        let old = sizes
        return makeView("ExpandBackward0", n, s, offset) { try $0.sumTo(old) }
    }

    /// One index along a dimension, which disappears.
    public func select(_ dim: Int, _ index: Int) throws -> Tensor {
        if rank == 0 {
            throw MartletError.index("select() cannot be applied to a 0-dim tensor.")
        }
        let d = try wrapDim(dim, rank)
        let n = sizes[d]
        guard index >= -n && index < n else {
            throw MartletError.index(
                "select(): index \(index) out of range for tensor of size \(sizes) at dimension \(d)")
        }
        if let sparse { return try selectSparse(sparse, d, index < 0 ? index + n : index) }
        let i = index < 0 ? index + n : index
        var (shape, s) = (sizes, strides)
        shape.remove(at: d)
        s.remove(at: d)
        let old = sizes
        return makeView("SelectBackward0", shape, s, offset + i * strides[d]) { try $0.selectBackward(old, d, i) }
    }

    /// Elements start..<end in steps along a dimension; bounds are clamped as Python's are.
    public func slice(_ dim: Int, _ start: Int? = nil, _ end: Int? = nil, step: Int = 1) throws -> Tensor {
        if rank == 0 { throw MartletError.index("slice() cannot be applied to a 0-dim tensor.") }
        let d = try wrapDim(dim, rank)
        if step <= 0 { throw MartletError.runtime("slice step must be positive") }
        try refuseSparse("slice")
        let n = sizes[d]
        func clamp(_ v: Int) -> Int { Swift.min(Swift.max(v < 0 ? v + n : v, 0), n) }
        let s = clamp(start ?? 0)
        let e = Swift.max(clamp(end ?? n), s)
        var (shape, st) = (sizes, strides)
        shape[d] = e == s ? 0 : (e - s - 1) / step + 1
        st[d] = strides[d] &* step  // of no more than one element where it wraps
        let old = sizes
        return makeView("SliceBackward0", shape, st, offset + s * strides[d]) {
            try $0.sliceBackward(old, d, s, e, step)
        }
    }

    public func narrow(_ dim: Int, _ start: Int, _ length: Int) throws -> Tensor {
        if rank == 0 { throw MartletError.runtime("narrow() cannot be applied to a 0-dim tensor.") }
        if length < 0 { throw MartletError.runtime("narrow(): length must be non-negative.") }
        let d = try wrapDim(dim, rank)
        let n = sizes[d]
        guard start >= -n && start <= n else {
            throw MartletError.index("start out of range (expected to be in range of [\(-n), \(n)], but got \(start))")
        }
        let s = start < 0 ? start + n : start
        guard length <= n - s else {
            throw MartletError.runtime("start (\(s)) + length (\(length)) exceeds dimension size (\(n)).")
        }
        return try slice(d, s, s + length)
    }

    /// Drops dimensions of size one: all of them, or those named.
    public func squeeze(_ dims: [Int]? = nil) throws -> Tensor {
        try refuseSparse("squeeze")
        var drop = [Bool](repeating: dims == nil, count: Swift.max(rank, 1))
        for d in dims ?? [] {
            let w = try wrapDim(d, rank)
            if drop[w] && dims!.count > 1 { throw MartletError.runtime("dim \(w) appears multiple times in the list of dims") }
            drop[w] = true
        }
        var (n, s) = (Dims(), Dims())
        for i in 0..<rank where !(drop[i] && sizes[i] == 1) {
            n.append(sizes[i])
            s.append(strides[i])
        }
        let old = sizes
        let name = dims == nil ? "SqueezeBackward0" : (dims!.count == 1 ? "SqueezeBackward1" : "SqueezeBackward2")
        return makeView(name, n, s, offset) { try $0.reshape(old) }
    }

    public func unsqueeze(_ dim: Int) throws -> Tensor {
        try refuseSparse("unsqueeze")
        let d = try wrapDim(dim, rank + 1)
        var (n, s) = (sizes, strides)
        n.insert(1, at: d)
        s.insert(d < rank ? sizes[d] &* strides[d] : 1, at: d)
        return makeView("UnsqueezeBackward0", n, s, offset) { try $0.squeeze([d]) }
    }

    /// Any sizes and strides over the same storage; `offset` counts from the storage's base. Reads beyond it are an error.
    public func asStrided(_ sizes: [Int], _ strides: [Int], _ offset: Int? = nil) throws -> Tensor {
        guard sizes.count == strides.count else {
            throw MartletError.runtime("mismatch in length of strides and shape")
        }
        return try asStrided(try Dims(checking: sizes), try Dims(checking: strides), offset ?? self.offset)
    }

    func asStrided(_ n: Dims, _ s: Dims, _ start: Int) throws -> Tensor {
        try refuseSparse("as_strided")
        for i in 0..<n.count {
            if n[i] < 0 { throw MartletError.runtime("as_strided: Negative sizes are not allowed, got \(n)") }
            if s[i] < 0 {
                throw MartletError.runtime(
                    "as_strided: Negative strides are not supported at the moment, got strides: \(s)")
            }
        }
        guard start >= 0 else {
            throw MartletError.runtime("Tensor: invalid storage offset \(start)")
        }
        let bytes = try Tensor.stretch(n, s, start, dtype)
        _ = try n.checkedProduct()
        guard bytes <= storage.byteCount else {
            throw MartletError.runtime(
                "setStorage: sizes \(n), strides \(s), storage offset \(start), and itemsize \(dtype.size) requiring a storage size of \(bytes) are out of bounds for storage of size \(storage.byteCount)")
        }
        let (baseSizes, baseStrides, baseOffset) = (sizes, strides, offset)
        return makeView("AsStridedBackward0", n, s, start) {
            try $0.asStridedBackward(baseSizes, baseStrides, baseOffset, n, s, start)
        }
    }

    /// Bytes from a storage's base to the end of what sizes and strides show; 0 where they show nothing.
    static func stretch(_ n: Dims, _ s: Dims, _ start: Int, _ type: DType) throws -> Int {
        if n.contains(0) { return 0 }
        var (end, overflow) = start.addingReportingOverflow(1)
        for i in 0..<n.count {
            let step = (n[i] - 1).multipliedReportingOverflow(by: s[i])
            let sum = end.addingReportingOverflow(step.partialValue)
            (end, overflow) = (sum.partialValue, overflow || step.overflow || sum.overflow)
        }
        let bytes = end.multipliedReportingOverflow(by: type.size)
        if overflow || bytes.overflow {
            throw MartletError.runtime("Storage size calculation overflowed with sizes=\(n) and strides=\(s)")
        }
        return bytes.partialValue
    }

    /// The diagonal of two dimensions as the last dimension of the result.
    public func diagonal(offset k: Int = 0, _ dim1: Int = 0, _ dim2: Int = 1) throws -> Tensor {
        try refuseSparse("diagonal")
        let (a, b) = (try wrapDim(dim1, rank), try wrapDim(dim2, rank))
        if a == b {
            throw MartletError.runtime("diagonal dimensions cannot be identical \(dim1), \(dim2)")
        }
        let count = Swift.max(0, k >= 0 ? Swift.min(sizes[a], sizes[b] - k) : Swift.min(sizes[a] + k, sizes[b]))
        let start = count == 0 ? offset : offset + (k >= 0 ? k * strides[b] : -k * strides[a])
        var (n, s) = (sizes, strides)
        let step = strides[a] &+ strides[b]
        n.remove(at: Swift.max(a, b))
        n.remove(at: Swift.min(a, b))
        s.remove(at: Swift.max(a, b))
        s.remove(at: Swift.min(a, b))
        n.append(count)
        s.append(step)
        let old = sizes
        return makeView("DiagonalBackward0", n, s, start) { try $0.diagonalBackward(old, k, a, b) }
    }

    /// All windows of `size` along a dimension, as a new last dimension.
    public func unfold(_ dim: Int, _ size: Int, _ step: Int) throws -> Tensor {
        try refuseSparse("unfold")
        let d = try wrapDim(dim, rank)
        let length = rank == 0 ? 1 : sizes[d]
        if size < 0 { throw MartletError.runtime("size is \(size) but must be >= 0") }
        guard size <= length else {
            throw MartletError.runtime("maximum size for tensor at dimension \(d) is \(length) but size is \(size)")
        }
        if step <= 0 { throw MartletError.runtime("step is \(step) but must be > 0") }
        var (n, s) = (sizes, strides)
        if rank > 0 {
            n[d] = (length - size) / step + 1
            s[d] = strides[d] &* step
        }
        n.append(size)
        _ = try n.checkedProduct()
        s.append(rank == 0 ? 1 : strides[d])
        let old = sizes
        return makeView("UnfoldBackward0", n, s, offset) { try $0.unfoldBackward(old, d, size, step) }
    }

    // MARK: Pieces

    public func split(_ size: Int, _ dim: Int = 0) throws -> [Tensor] {
        if rank == 0 { throw MartletError.runtime("split expects at least a 1-dimensional tensor") }
        if size < 0 {
            throw MartletError.runtime("split expects split_size be non-negative, but got split_size=\(size)")
        }
        let d = try wrapDim(dim, rank)
        let n = sizes[d]
        if size == 0 && n != 0 {
            throw MartletError.runtime(
                "split_size can only be 0 if dimension size is 0, but got dimension size of \(n)")
        }
        let pieces = n == 0 ? 1 : (n - 1) / size + 1
        try Tensor.claimViews(pieces)
        return try pieceViews("SplitBackward0", d, (0..<pieces).map { ($0 * size, Swift.min(size, n - $0 * size)) })
    }

    public func split(_ lengths: [Int], _ dim: Int = 0) throws -> [Tensor] {
        if rank == 0 { throw MartletError.runtime("split expects at least a 1-dimensional tensor") }
        let d = try wrapDim(dim, rank)
        var start = 0
        var ranges: [(Int, Int)] = []
        for l in lengths {
            if l < 0 {
                throw MartletError.runtime(
                    "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=\(lengths)")
            }
            ranges.append((start, l))
            start = Swift.min(start, Int.max - l) + l
        }
        guard start == sizes[d] else {
            throw MartletError.runtime(
                "split_with_sizes expects split_sizes to sum exactly to \(sizes[d]) (input tensor's size at dimension \(d)), but got split_sizes=\(lengths)")
        }
        return try pieceViews("SplitWithSizesBackward0", d, ranges)
    }

    /// At most `chunks` pieces of equal size, the last possibly smaller.
    public func chunk(_ chunks: Int, _ dim: Int = 0) throws -> [Tensor] {
        if rank == 0 { throw MartletError.runtime("chunk expects at least a 1-dimensional tensor") }
        if chunks <= 0 {
            throw MartletError.runtime("chunk expects `chunks` to be greater than 0, got: \(chunks)")
        }
        let n = sizes[try wrapDim(dim, rank)]
        if n == 0 {
            try Tensor.claimViews(chunks)
            return try split([Int](repeating: 0, count: chunks), dim)
        }
        return try split((n - 1) / chunks + 1, dim)
    }

    /// Every index along a dimension as a tensor of its own.
    public func unbind(_ dim: Int = 0) throws -> [Tensor] {
        if rank == 0 { throw MartletError.index("Dimension specified as \(dim) but tensor has no dimensions") }
        let d = try wrapDim(dim, rank)
        try Tensor.claimViews(sizes[d])
        if isSparse { return try (0..<sizes[d]).map { try select(d, $0) } }
        var (n, s) = (sizes, strides)
        n.remove(at: d)
        s.remove(at: d)
        let outs = (0..<sizes[d]).map { alias(sizes: n, strides: s, offset: offset + $0 * strides[d]) }
        for o in outs { linkView(o, .multiOutput) }
        if GradMode.needs(self) {
            let (info, type) = (n, dtype)
            Node.attach("UnbindBackward0", outs, [self]) { _, g in
                TensorList(try Tensor.stack(try g.map { try $0 ?? .zeros(info, type) }, d))
            }
        }
        return outs
    }

    /// Throws where there is no memory for so many views.
    private static func claimViews(_ count: Int) throws {
        let each = 400  // bytes that one takes at least
        if count > 1 << 20 { _ = try Storage(byteCount: count.multipliedReportingOverflow(by: each).overflow ? -1 : count * each) }
    }

    /// Views of consecutive ranges that share one node, as torch's split does.
    private func pieceViews(_ name: String, _ d: Int, _ ranges: [(Int, Int)]) throws -> [Tensor] {
        try refuseSparse("split")
        let outs = ranges.map { start, length in
            var n = sizes
            n[d] = length
            return alias(sizes: n, strides: strides, offset: offset + start * strides[d])
        }
        for o in outs { linkView(o, .multiOutput) }
        if GradMode.needs(self) {
            let shapes = outs.map(\.sizes)
            let type = dtype
            Node.attach(name, outs, [self]) { _, g in
                TensorList(try Tensor.cat(try zip(g, shapes).map { try $0 ?? .zeros($1, type) }, d))
            }
        }
        return outs
    }
}
