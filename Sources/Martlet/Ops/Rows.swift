import MartletKernels

/// Picking rows by number and adding rows up by number: what embeddings and sparse tensors are made of.
extension Tensor {
    /// Row `index[i]` of this tensor for each i, seen as rows of all later dimensions. `index` is int64 and contiguous,
    /// every entry within range; the result is index's sizes followed by a row's. Rows named by `skip` read as zero.
    func gatherRows(_ index: Tensor, name: String = "IndexSelectBackward0", skip: Int = -1) throws -> Tensor {
        let source = try withNoGrad { try contiguous() }
        let block = sizes[0] == 0 ? Dims(sizes.dropFirst()).product : numel / sizes[0]
        var shape = index.sizes
        for s in sizes.dropFirst() { shape.append(s) }
        let out = try Tensor.empty(shape, dtype)
        let bytes = block * dtype.size
        let (from, to, q, n) = (source.pointer, out.pointer, index.typed(Int64.self), index.numel)
        func run() { mk_gather_rows(from, Int64(bytes), q, Int64(n), Int64(skip), to) }
        run()
        Tape.note("gather_rows", run)
        withExtendedLifetime((source, index)) {}
        if GradMode.needs(self) {
            let shape = sizes
            out.attach(name, TensorList(self)) { _, g in [try g[0]?.scatterRows(index, shape, skip: skip)] }
        }
        return out
    }

    /// Zeros of `shape` with each row of this tensor added at the row its `index` names, in order; rows of `skip` are dropped.
    func scatterRows(_ index: Tensor, _ shape: Dims, skip: Int = -1) throws -> Tensor {
        let out = try Tensor.zeros(shape, dtype)
        let source = try withNoGrad { try contiguous() }
        out.addRows(index, source, block: shape[0] == 0 ? 0 : out.numel / shape[0], skip: skip)
        if GradMode.needs(self) {
            out.attach("IndexAddBackward0", TensorList(self)) { _, g in [try g[0]?.gatherRows(index, skip: skip)] }
        }
        return out
    }

    /// self[index[i] * block ..< +block] += alpha * source[i]. Both contiguous and of one dtype; alpha other than 1 is
    /// for float32 and float64, where product and sum are rounded once, as torch's are.
    func addRows(_ index: Tensor, _ source: Tensor, block: Int, skip: Int = -1, alpha: Double = 1) {
        addRowsKernel(index, source, block, skip, alpha)
        // Within an optimizer's update alpha is its negative rate.
        Tape.note("add_rows", Tape.withRate(-alpha) { [o = lent, i = index.lent, s = source.lent] rate in
            o.addRowsKernel(i, s, block, skip, -rate)
        })
    }

    private func addRowsKernel(_ index: Tensor, _ source: Tensor, _ block: Int, _ skip: Int, _ alpha: Double) {
        let q = index.typed(Int64.self)
        let n = index.numel
        switch dtype {
        case .float32:
            mk_add_rows_f32(typed(), Int64(block), q, Int64(n), Int64(skip), source.typed(), Float(alpha))
        case .float64:
            mk_add_rows_f64(typed(), Int64(block), q, Int64(n), Int64(skip), source.typed(), alpha)
        default:
            func run<T: TensorElement>(_: T.Type) {
                let (o, s) = (typed(T.self), source.typed(T.self))
                for i in 0..<n where Int(q[i]) != skip {
                    let d = o + Int(q[i]) * block
                    for k in 0..<block {
                        d[k] = T.dtype.isFloatingPoint
                            ? T(element: d[k].asDouble + s[i * block + k].asDouble)
                            : T(element: d[k].asInt64 &+ s[i * block + k].asInt64)
                    }
                }
            }
            withElementType(dtype) { run($0) }
        }
        withExtendedLifetime((self, index, source)) {}
    }
}
