/// Putting tensors together.
extension Tensor {
    /// Joins tensors along an existing dimension. Empty 1-D tensors are skipped, as in torch.
    public static func cat(_ tensors: [Tensor], _ dim: Int = 0) throws -> Tensor {
        guard let first = tensors.first else {
            throw MartletError.value("torch.cat(): expected a non-empty list of Tensors")
        }
        for (i, t) in tensors.enumerated() where t.rank == 0 {
            throw MartletError.runtime("zero-dimensional tensor (at position \(i)) cannot be concatenated")
        }
        if first.isSparse { return try catSparse(tensors, dim) }
        for t in tensors { try t.refuseSparse("cat") }
        let legacy: (Tensor) -> Bool = { $0.rank == 1 && $0.numel == 0 }
        let real = tensors.filter { !legacy($0) }
        let model = real.first ?? first
        let d = try wrapDim(dim, model.rank)
        let type = resultType(tensors)
        var shape = model.sizes
        shape[d] = 0
        for (i, t) in tensors.enumerated() where !legacy(t) {
            guard t.rank == model.rank else {
                throw MartletError.runtime(
                    "Tensors must have same number of dimensions: got \(model.rank) and \(t.rank)")
            }
            for k in 0..<shape.count where k != d && t.sizes[k] != model.sizes[k] {
                throw MartletError.runtime(
                    "Sizes of tensors must match except in dimension \(d). Expected size \(model.sizes[k]) but got size \(t.sizes[k]) for tensor number \(i) in the list.")
            }
            shape[d] += t.sizes[d]
        }
        let out = try Tensor.empty(shape, type)
        var start = 0
        var ranges: [(start: Int, length: Int)?] = []
        for t in tensors {
            if legacy(t) {
                ranges.append(nil)
                continue
            }
            var piece = shape
            piece[d] = t.sizes[d]
            copyKernel(
                out.alias(sizes: piece, strides: out.strides, offset: out.offset + start * out.strides[d]), t)
            ranges.append((start, t.sizes[d]))
            start += t.sizes[d]
        }
        if GradMode.needs(tensors) && type.isFloatingPoint {
            let kinds = tensors.map { ($0.sizes, $0.dtype) }
            out.attach("CatBackward0", TensorList(tensors)) { node, g in
                guard let g = g[0] else { return [] }
                return TensorList(try kinds.indices.map { i in
                    guard node.needs(i) else { return nil }
                    guard let r = ranges[i] else { return try Tensor.zeros(kinds[i].0, kinds[i].1) }
                    return try g.narrow(d, r.start, r.length).to(kinds[i].1)
                })
            }
        }
        return out
    }

    /// Joins tensors of one shape along a new dimension.
    public static func stack(_ tensors: [Tensor], _ dim: Int = 0) throws -> Tensor {
        guard let first = tensors.first else { throw MartletError.runtime("stack expects a non-empty TensorList") }
        let d = try wrapDim(dim, first.rank + 1)
        for (i, t) in tensors.enumerated() where t.sizes != first.sizes {
            throw MartletError.runtime(
                "stack expects each tensor to be equal size, but got \(first.sizes) at entry 0 and \(t.sizes) at entry \(i)")
        }
        for t in tensors { try t.refuseSparse("stack") }
        let type = resultType(tensors)
        var shape = first.sizes
        shape.insert(tensors.count, at: d)
        let out = try Tensor.empty(shape, type)
        var s = out.strides
        s.remove(at: d)
        for (i, t) in tensors.enumerated() {
            copyKernel(out.alias(sizes: first.sizes, strides: s, offset: i * out.strides[d]), t)
        }
        if GradMode.needs(tensors) && type.isFloatingPoint {
            let kinds = tensors.map(\.dtype)
            out.attach("StackBackward0", TensorList(tensors)) { node, g in
                TensorList(try kinds.indices.map { node.needs($0) ? try g[0]?.select(d, $0).to(kinds[$0]) : nil })
            }
        }
        return out
    }
}
