import MartletKernels

/// Choice by a mask.
extension Tensor {
    /// self where `condition` is true, else `other`. All are broadcast; self and other are promoted, and either may
    /// be a number.
    public func where_(_ condition: Tensor, _ other: Tensor) throws -> Tensor {
        try Tensor.choose(condition, self, other)
    }

    /// a where `condition` (bool) is true, else b.
    public static func choose(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
        guard condition.dtype == .bool || condition.dtype == .uint8 else {
            throw MartletError.runtime(
                "where expected condition to be a boolean tensor, but got a tensor with dtype \(condition.dtype.scalarTypeName)")
        }
        let type = resultType(a, b)
        if a.isWrappedNumber { try a.checkFits(type) }
        if b.isWrappedNumber { try b.checkFits(type) }
        let out = try chooseKernel(condition, try a.operand(type), try b.operand(type))
        if GradMode.needs(a, b) {
            out.attach("WhereBackward0", TensorList(nil, a, b)) { $0.save(condition) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let c = try node.saved(0)
                return TensorList(
                    nil,
                    node.needs(1) ? try Tensor.choose(c, g, .number(0)) : nil,
                    node.needs(2) ? try Tensor.choose(c, .number(0), g) : nil)
            }
        }
        return out
    }

    /// This tensor with `value`, a number or 0-dim tensor, where the bool `mask` (broadcast) is true.
    public func maskedFill(_ mask: Tensor, _ value: Tensor) throws -> Tensor {
        guard mask.dtype == .bool else {
            throw MartletError.runtime("masked_fill only supports boolean masks, but got mask with dtype \(mask.dtype.cppName)")
        }
        guard value.rank == 0 else {
            throw MartletError.runtime(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with \(value.rank) dimension(s).")
        }
        try value.checkFits(dtype)
        let shape = try broadcastSizes(sizes, mask.sizes)
        let base = shape == sizes ? self : try withNoGrad { try expand(shape) }
        let out = try chooseKernel(mask, try value.operand(dtype), base)
        if GradMode.needs(self, value) {
            let name = value.isWrappedNumber ? "MaskedFillBackward0" : "MaskedFillBackward1"
            out.attach(name, TensorList(self, nil, value)) { $0.save(mask) } backward: { node, g in
                guard let g = g[0] else { return [nil, nil, nil] }
                let m = try node.saved(0)
                return TensorList(
                    node.needs(0) ? try g.maskedFill(m, .number(0)) : nil, nil,
                    node.needs(2) ? try Tensor.choose(m, g, .number(0)).sum() : nil)
            }
        }
        return out
    }

    /// Writes `value` where `mask` is true.
    @discardableResult
    public func maskedFillInPlace(_ mask: Tensor, _ value: Tensor) throws -> Tensor {
        guard Tensor.isExpandable(mask.sizes, sizes) else {
            _ = try broadcastSizes(sizes, mask.sizes)
            throw MartletError.runtime(
                "output with shape \(sizes) doesn't match the broadcast shape \(try broadcastSizes(sizes, mask.sizes))")
        }
        return try inPlace("masked_fill_", [value], keepsInput: false) { try $0.maskedFill(mask, value) }
    }
}

/// out = c ? a : b over broadcast operands; a and b have one dtype, c has bytes.
func chooseKernel(_ c: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    if c.isSparse || a.isSparse || b.isSparse {
        throw MartletError.notImplemented("where: sparse tensors are not offered; use to_dense()")
    }
    let shape = try broadcastSizes(try broadcastSizes(c.sizes, a.sizes), b.sizes)
    let out = try layoutLike(shape, a.dtype, [b, a, c])
    let loop = ElementLoop(out, c, a, b)
    let (so, sc, sa, sb) = loop.inner
    let m = c.typed(UInt8.self)
    let (ro, ra, rb) = (out.pointer, a.pointer, b.pointer)
    func run<T>(_: T.Type) {
        let (o, p, q) = (ro.assumingMemoryBound(to: T.self), ra.assumingMemoryBound(to: T.self), rb.assumingMemoryBound(to: T.self))
        loop.forEachRun { i, j, k, l, n in
            for e in 0..<n { o[i + e * so] = m[j + e * sc] != 0 ? p[k + e * sa] : q[l + e * sb] }
        }
    }
    switch a.dtype.size {
    case 8:
        let (o, p, q) = (out.typed(Double.self), a.typed(Double.self), b.typed(Double.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _ l: Int, _ n: Int) {
            mk_where_f64(m + j, Int64(sc), p + k, Int64(sa), q + l, Int64(sb), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("where", part, [at(o), at(m), at(p), at(q)])
    case 4:
        let (o, p, q) = (out.typed(Float.self), a.typed(Float.self), b.typed(Float.self))
        func part(_ i: Int, _ j: Int, _ k: Int, _ l: Int, _ n: Int) {
            mk_where_f32(m + j, Int64(sc), p + k, Int64(sa), q + l, Int64(sb), o + i, Int64(so), Int64(n))
        }
        loop.forEachRun(part)
        loop.note("where", part, [at(o), at(m), at(p), at(q)])
    case 2: launch("where") { run(UInt16.self) }
    default: launch("where") { run(UInt8.self) }
    }
    withExtendedLifetime((c, a, b)) {}
    return out
}
