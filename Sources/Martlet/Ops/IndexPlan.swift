/// What `x[indices]` means in memory: for each place of the broadcast index, where its block begins, and for each
/// element of a block, how far in it lies.
struct IndexPlan {
    /// Storage offsets relative to the tensor's first element, one per place of the index.
    var starts: [Int]
    /// Offsets of a block's elements.
    var block: [Int]
    /// Shape of the result before the index dimensions are put in their place: index sizes, then block sizes.
    var flatShape: Dims
    /// Where the result's dimensions come from, nil where they are in order already.
    var order: [Int]?
    /// Whether a block is one run of memory.
    var isRun: Bool

    /// Turns masks into positions, broadcasts the indices and checks their bounds, in torch's words.
    init(_ x: Tensor, _ given: [Tensor?]) throws {
        var indices: [Tensor?] = []
        for index in given {
            guard let index else {
                indices.append(nil)
                continue
            }
            switch index.dtype {
            case .bool, .uint8:
                let at = indices.count
                for d in 0..<index.rank {
                    guard at + d < x.rank else {
                        throw MartletError.index("too many indices for tensor of dimension \(x.rank)")
                    }
                    guard index.sizes[d] == x.sizes[at + d] else {
                        throw MartletError.index(
                            "The shape of the mask \(index.sizes) at index \(d) does not match the shape of the indexed tensor \(x.sizes) at index \(at + d)")
                    }
                }
                indices += try withNoGrad { try index.nonzero().unbind(1) as [Tensor?] }
            case .int64, .int32:
                indices.append(try withNoGrad { try index.to(.int64) })
            default:
                throw MartletError.index(
                    "tensors used as indices must be long, int, byte or bool tensors")
            }
        }
        guard indices.count <= x.rank else {
            throw MartletError.index("too many indices for tensor of dimension \(x.rank)")
        }
        while indices.count < x.rank { indices.append(nil) }
        var shape = Dims()
        for case let index? in indices {
            do { shape = try broadcastSizes(shape, index.sizes) } catch {
                let shapes = indices.compactMap { $0.map { "\($0.sizes)" } }.joined(separator: ", ")
                throw MartletError.index("shape mismatch: indexing tensors could not be broadcast together with shapes \(shapes)")
            }
        }
        let places = shape.product
        starts = [Int](repeating: 0, count: places)
        var indexed: [Int] = []
        for (d, index) in indices.enumerated() {
            guard let index else { continue }
            indexed.append(d)
            let n = x.sizes[d]
            let stride = x.strides[d]
            if n == 0 && places > 0 { throw MartletError.index("index is out of bounds for dimension with size 0") }
            let spread = try withNoGrad { try index.expand(shape).contiguous() }
            let p = spread.typed(Int64.self)
            for i in 0..<places {
                var v = Int(p[i])
                if v < 0 { v += n }
                guard v >= 0 && v < n else {
                    throw MartletError.index("index \(p[i]) is out of bounds for dimension \(d) with size \(n)")
                }
                starts[i] += v * stride
            }
            withExtendedLifetime(spread) {}
        }
        let rest = (0..<x.rank).filter { indices[$0] == nil }
        (block, isRun) = IndexPlan.offsets(Dims(rest.map { x.sizes[$0] }), Dims(rest.map { x.strides[$0] }))
        flatShape = shape
        for d in rest { flatShape.append(x.sizes[d]) }
        // Neighbouring indices leave their dimensions where they were; separated ones move them to the front.
        if let first = indexed.first, indexed == Array(first..<(first + indexed.count)), first > 0 {
            let lead = (0..<first).map { shape.count + $0 }
            let tail = (first..<rest.count).map { shape.count + $0 }
            order = lead + Array(0..<shape.count) + tail
        }
    }

    /// Offsets of all elements of a strided block in row-major order, and whether they are consecutive.
    static func offsets(_ sizes: Dims, _ strides: Dims) -> ([Int], Bool) {
        var out: [Int] = []
        out.reserveCapacity(sizes.product)
        visit(sizes) { index in
            var o = 0
            for d in 0..<index.count { o += index[d] * strides[d] }
            out.append(o)
        }
        var run = true
        for (i, o) in out.enumerated() where o != i {
            run = false
            break
        }
        return (out, run)
    }

    /// The result's shape.
    var resultShape: Dims {
        guard let order else { return flatShape }
        return Dims(order.map { flatShape[$0] })
    }

    /// The inverse of `order`.
    var inverseOrder: [Int]? {
        guard let order else { return nil }
        var inverse = [Int](repeating: 0, count: order.count)
        for (i, o) in order.enumerated() { inverse[o] = i }
        return inverse
    }

    /// Copies the indexed elements of `x` into contiguous `out` (of `flatShape`).
    func gather(_ x: Tensor, into out: Tensor) {
        func run<E>(_: E.Type) {
            let (p, o) = (x.typed(E.self), out.typed(E.self))
            let n = block.count
            if isRun {
                for (i, s) in starts.enumerated() { (o + i * n).update(from: p + s, count: n) }
            } else {
                for (i, s) in starts.enumerated() { for k in 0..<n { o[i * n + k] = p[s + block[k]] } }
            }
        }
        switch x.dtype.size {
        case 1: run(UInt8.self)
        case 2: run(UInt16.self)
        case 4: run(UInt32.self)
        default: run(UInt64.self)
        }
        withExtendedLifetime((x, out)) {}
    }

    /// Writes contiguous `values` (of `flatShape`) to the indexed elements of `x`, or adds them.
    func scatter(_ values: Tensor, into x: Tensor, accumulate: Bool) {
        let n = block.count
        if accumulate {
            func add<E: TensorElement>(_: E.Type) {
                let (p, v) = (x.typed(E.self), values.typed(E.self))
                for (i, s) in starts.enumerated() {
                    for k in 0..<n { p[s + block[k]] = addElements(p[s + block[k]], v[i * n + k]) }
                }
            }
            withElementType(x.dtype) { add($0) }
        } else {
            func put<E>(_: E.Type) {
                let (p, v) = (x.typed(E.self), values.typed(E.self))
                for (i, s) in starts.enumerated() { for k in 0..<n { p[s + block[k]] = v[i * n + k] } }
            }
            switch x.dtype.size {
            case 1: put(UInt8.self)
            case 2: put(UInt16.self)
            case 4: put(UInt32.self)
            default: put(UInt64.self)
            }
        }
        withExtendedLifetime((x, values)) {}
    }
}

/// a + b in an element's own arithmetic: wrapping for integers, logical or for bools.
@inline(__always)
func addElements<E: TensorElement>(_ a: E, _ b: E) -> E {
    if E.self == Float.self { return unsafeBitCast(unsafeBitCast(a, to: Float.self) + unsafeBitCast(b, to: Float.self), to: E.self) }
    if E.self == Double.self { return unsafeBitCast(unsafeBitCast(a, to: Double.self) + unsafeBitCast(b, to: Double.self), to: E.self) }
    if E.dtype.isFloatingPoint { return E(element: a.asDouble + b.asDouble) }
    return E(element: a.asInt64 &+ b.asInt64)
}
