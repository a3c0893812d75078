/// Working along one dimension: the geometry, the choice of elements by index, and masks. The pieces from which
/// reductions that select (max, median, sort, ...) and their derivatives are made.

/// A contiguous tensor seen as outer x count x inner around one dimension.
struct Axis {
    let outer: Int
    let count: Int
    let inner: Int

    init(_ sizes: Dims, _ d: Int) {
        count = sizes.isEmpty ? 1 : sizes[d]
        outer = sizes[0..<Swift.min(d, sizes.count)].reduce(1, *)
        inner = sizes.isEmpty ? 1 : sizes[(d + 1)...].reduce(1, *)
    }

    var lines: Int { outer * inner }

    /// Calls `body` with the number of each line and the position of its first element; elements of a line
    /// are `inner` apart. Lines may run on several threads.
    @inline(__always)
    func forEachLine(_ body: (_ line: Int, _ start: Int) -> Void) {
        parallelFor(lines, grain: Swift.max(1, parallelGrain / Swift.max(count, 1))) { from, to in
            for line in from..<to { body(line, line / inner * count * inner + line % inner) }
        }
    }
}

/// An element type whose values can be ordered, NaN apart.
protocol OrderedElement: TensorElement, Comparable {
    var isNotANumber: Bool { get }
    /// An unsigned number in the order of the values: NaN after every number, the two zeros equal.
    var sortKey: UInt64 { get }
}
extension Float: OrderedElement { @inline(__always) var isNotANumber: Bool { isNaN } }
extension Double: OrderedElement { @inline(__always) var isNotANumber: Bool { isNaN } }
extension Int64: OrderedElement { @inline(__always) var isNotANumber: Bool { false } }

/// Calls `body` with the ordered type of a tensor made by ``Tensor/ordered()``.
@inline(__always)
func withOrderedType<R>(_ dtype: DType, _ body: (any OrderedElement.Type) throws -> R) rethrows -> R {
    switch dtype {
    case .float32: try body(Float.self)
    case .float64: try body(Double.self)
    default: try body(Int64.self)
    }
}

extension Tensor {
    /// This tensor's values, contiguous, in one of the three types that are compared: float32, float64, int64.
    func ordered() throws -> Tensor {
        try withNoGrad {
            switch dtype {
            case .float32, .float64, .int64: try contiguous()
            case .float16, .bfloat16: try to(.float32).contiguous()
            default: try to(.int64).contiguous()
            }
        }
    }

    /// The sizes after a reduction over dimension `d`.
    func sizes(without d: Int, keepDim: Bool) -> Dims {
        var s = sizes
        if rank == 0 { return s }
        if keepDim { s[d] = 1 } else { s.remove(at: d) }
        return s
    }

    /// torch's refusal to choose an element among none.
    func requireElements(_ op: String, _ d: Int) throws {
        if rank > 0 && sizes[d] == 0 {
            throw MartletError.index("\(op): Expected reduction dim \(d) to have non-zero size.")
        }
    }

    func requireElements(_ op: String) throws {
        if numel == 0 {
            throw MartletError.runtime(
                "\(op): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.")
        }
    }

    // MARK: Choosing elements

    /// out[..., i, ...] = self[..., index[..., i, ...], ...] along dimension `d`; `index` has this tensor's
    /// sizes but for `d`, and its values are trusted.
    func pick(_ d: Int, _ index: Tensor) throws -> Tensor {
        let source = try withNoGrad { try contiguous() }
        let chosen = try withNoGrad { try index.contiguous() }
        let out = try Tensor.empty(index.sizes, dtype)
        let (from, to) = (Axis(sizes, d), Axis(index.sizes, d))
        let (read, i, written, size) = (source.pointer, chosen.typed(Int64.self), out.pointer, dtype.size)
        func run<T>(_: T.Type) {
            let (p, o) = (read.as(T.self), written.as(T.self))
            to.forEachLine { line, start in
                let base = line / to.inner * from.count * from.inner + line % to.inner
                for k in 0..<to.count { o[start + k * to.inner] = p[base + Int(i[start + k * to.inner]) * to.inner] }
            }
        }
        launch("gather") {
            switch size {
            case 1: run(UInt8.self)
            case 2: run(UInt16.self)
            case 4: run(UInt32.self)
            default: run(UInt64.self)
            }
        }
        withExtendedLifetime((source, chosen)) {}
        if GradMode.needs(self) {
            let n = from.count
            out.attach("GatherBackward0", TensorList(self)) { $0.save(chosen) } backward: { node, g in
                TensorList(try g[0]?.place(d, node.saved(0), n))
            }
        }
        return out
    }

    /// The derivative of ``pick(_:_:)``: zeros with `n` places along `d`, onto which each element is added at its index.
    func place(_ d: Int, _ index: Tensor, _ n: Int) throws -> Tensor {
        if dtype.size == 2 { return try to(.float32).place(d, index, n).to(dtype) }
        var shape = sizes
        if rank > 0 { shape[d] = n }
        let out = try Tensor.zeros(shape, dtype)
        let source = try withNoGrad { try contiguous() }
        let chosen = try withNoGrad { try index.contiguous() }
        let (from, to) = (Axis(sizes, d), Axis(shape, d))
        let (read, i, written, isFloat) = (source.pointer, chosen.typed(Int64.self), out.pointer, dtype == .float32)
        func run<T: Numeric>(_: T.Type) {
            let (p, o) = (read.as(T.self), written.as(T.self))
            from.forEachLine { line, start in
                let base = line / from.inner * to.count * to.inner + line % from.inner
                for k in 0..<from.count {
                    o[base + Int(i[start + k * from.inner]) * from.inner] += p[start + k * from.inner]
                }
            }
        }
        launch("scatter_add") { isFloat ? run(Float.self) : run(Double.self) }
        withExtendedLifetime((source, chosen)) {}
        if GradMode.needs(self) {
            out.attach("ScatterBackward0", TensorList(self)) { $0.save(chosen) } backward: { node, g in
                TensorList(try g[0]?.pick(d, node.saved(0)))
            }
        }
        return out
    }

    /// The gradient of a reduction over `d` that chose the elements at `index` (of the reduced sizes).
    func placeReduced(_ d: Int, _ index: Tensor, _ n: Int, keepDim: Bool, rank: Int) throws -> Tensor {
        if rank == 0 { return self }
        if keepDim { return try place(d, index, n) }
        return try unsqueeze(d).place(d, withNoGrad { try index.unsqueeze(d) }, n)
    }

    // MARK: Masks

    /// This tensor where `mask` (bool, broadcast) is true, zero elsewhere, whatever stands there.
    func keep(where mask: Tensor) throws -> Tensor {
        let out = try Tensor.empty(broadcastSizes(sizes, mask.sizes), dtype)
        let loop = ElementLoop(out, self, mask)
        let (so, sa, sm, _) = loop.inner
        let (written, read, m, dtype) = (out.pointer, pointer, mask.typed(Bool.self), self.dtype)
        func run<T: TensorElement>(_: T.Type) {
            let (o, p) = (written.as(T.self), read.as(T.self))
            let zero = T(element: Int64(0))
            loop.forEachRun { i, j, k, _, n in
                for e in 0..<n { o[i + e * so] = m[k + e * sm] ? p[j + e * sa] : zero }
            }
        }
        launch("keep") { withElementType(dtype) { run($0) } }
        if GradMode.needs(self) {
            let mine = sizes
            out.attach("MaskedFillBackward0", TensorList(self)) { $0.save(mask) } backward: { node, g in
                TensorList(try g[0]?.keep(where: node.saved(0)).sumTo(mine))
            }
        }
        return out
    }

    /// A bool mask of `test` on the elements, widened to double.
    func mask(_ test: @escaping (Double) -> Bool) throws -> Tensor {
        let out = try Tensor.empty(sizes, .bool)
        let loop = ElementLoop(out, self)
        let (so, sa, _, _) = loop.inner
        let (o, read, dtype) = (out.typed(Bool.self), pointer, self.dtype)
        func run<T: TensorElement>(_: T.Type) {
            let p = read.as(T.self)
            loop.forEachRun { i, j, _, _, n in
                for e in 0..<n { o[i + e * so] = test(p[j + e * sa].asDouble) }
            }
        }
        launch("mask") { withElementType(dtype) { run($0) } }
        return out
    }

    /// Where this tensor equals `other` (broadcast, of the same dtype); optionally NaN equals NaN.
    func equalMask(_ other: Tensor, matchNaN: Bool = false) throws -> Tensor {
        let out = try Tensor.empty(broadcastSizes(sizes, other.sizes), .bool)
        let loop = ElementLoop(out, self, other)
        let (so, sa, sb, _) = loop.inner
        let (o, left, right, dtype) = (out.typed(Bool.self), pointer, other.pointer, self.dtype)
        func run<T: TensorElement>(_: T.Type) {
            let (p, q) = (left.as(T.self), right.as(T.self))
            loop.forEachRun { i, j, k, _, n in
                for e in 0..<n {
                    let (a, b) = (p[j + e * sa].asDouble, q[k + e * sb].asDouble)
                    o[i + e * so] = a == b || (matchNaN && a.isNaN && b.isNaN)
                }
            }
        }
        launch("equal") { withElementType(dtype) { run($0) } }
        return out
    }

    /// The gradient (already broadcastable to the mask) shared evenly by the true places of each reduced group; a
    /// group without any gets NaN.
    func share(_ mask: Tensor, over dims: [Int]?) throws -> Tensor {
        let count = try withNoGrad { try mask.sum(dims, keepDim: dims != nil).to(dtype) }
        return try keep(where: mask).div(count)
    }
}
