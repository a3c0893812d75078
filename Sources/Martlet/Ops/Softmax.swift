import MartletKernels

/// Softmax and its logarithm, computed from the largest element so that no exponential overflows.
extension Tensor {
    /// exp(x) / sum(exp(x)) along a dimension. With `dtype` the tensor is converted first.
    ///
    /// The result has this tensor's shape; a dimension out of range is an index error, an integer tensor
    /// without `dtype` is torch's "not implemented".
    public func softmax(_ dim: Int, dtype: DType? = nil) throws -> Tensor {
        if let dtype, dtype != self.dtype { return try to(dtype).softmax(dim) }
        let d = try checkSoftmax("softmax", dim)
        let out = try alongRows(.softmax, d, self)
        if GradMode.needs(self) { out.attachSoftmax("SoftmaxBackward0", of: self, d) }
        return out
    }

    /// Records this tensor as the softmax of x along dimension `d`.
    func attachSoftmax(_ name: String, of x: Tensor, _ d: Int) {
        attach(name, TensorList(x)) { $0.saveOutput(self) } backward: { node, g in
            guard let g = g[0] else { return [nil] }
            let y = try node.saved(0)
            if !GradMode.isEnabled { return TensorList(try y.alongRows(.softmaxBackward, d, g)) }
            let gy = try g.mul(y)
            return TensorList(try gy.sub(y.mul(gy.sum([d], keepDim: true))))
        }
    }

    /// x - log(sum(exp(x))) along a dimension. With `dtype` the tensor is converted first.
    public func logSoftmax(_ dim: Int, dtype: DType? = nil) throws -> Tensor {
        if let dtype, dtype != self.dtype { return try to(dtype).logSoftmax(dim) }
        let d = try checkSoftmax("log_softmax", dim)
        let out = try alongRows(.logSoftmax, d, self)
        if GradMode.needs(self) {
            out.attach("LogSoftmaxBackward0", TensorList(self)) { $0.saveOutput(out) } backward: { node, g in
                guard let g = g[0] else { return [nil] }
                let y = try node.saved(0)
                if !GradMode.isEnabled {
                    return TensorList(try y.alongRows(.logSoftmaxBackward, d, g, over: node.mayOverwrite && y.dtype == g.dtype && y.sizes == g.sizes))
                }
                return TensorList(try g.sub(y.exp().mul(g.sum([d], keepDim: true))))
            }
            out.history?.canOverwrite = true
        }
        return out
    }

    private func checkSoftmax(_ op: String, _ dim: Int) throws -> Int {
        try refuseSparse(op)
        let d = try wrapDim(dim, rank)
        guard dtype.isFloatingPoint else {
            let kernel = d == Swift.max(rank, 1) - 1 ? "\(op)_lastdim_kernel_impl" : "\(op)_kernel_impl"
            throw MartletError.notImplemented("\"\(kernel)\" not implemented for '\(dtype.scalarTypeName)'")
        }
        return d
    }

    private enum RowOp { case softmax, logSoftmax, softmaxBackward, logSoftmaxBackward }

    /// Runs a row kernel along dimension `d`. This tensor gives the layout; `other` is the input (the gradient
    /// for the backward kernels, this tensor being the output of the forward one). With `over` the result may take
    /// the memory of `other`.
    private func alongRows(_ op: RowOp, _ d: Int, _ other: Tensor, over: Bool = false) throws -> Tensor {
        try withNoGrad {
            if dtype.size == 2 {
                return try to(.float32).alongRows(op, d, other.to(.float32)).to(dtype)
            }
            let last = Swift.max(rank, 1) - 1
            if d != last && Axis(sizes, d).inner >= 16 { return try acrossRows(op, d, other) }
            let x = try (d == last ? self : transpose(d, last)).contiguous()
            let g = other === self ? x : try (d == last ? other : other.transpose(d, last)).contiguous()
            let cols = rank == 0 ? 1 : sizes[d]
            let rows = numel == 0 ? 0 : numel / cols
            let y = try over && d == last && g === other ? g.detach() : Tensor.empty(x.sizes, dtype)
            let (isFloat, r, c) = (dtype == .float32, Int64(rows), Int64(cols))
            let (px, pg, py) = (x.pointer, g.pointer, y.pointer)
            func run() {
                switch op {
                case .softmax:
                    isFloat ? mk_softmax_f32(px.as(), py.as(), r, c) : mk_softmax_f64(px.as(), py.as(), r, c)
                case .logSoftmax:
                    isFloat ? mk_log_softmax_f32(px.as(), py.as(), r, c) : mk_log_softmax_f64(px.as(), py.as(), r, c)
                case .softmaxBackward:
                    isFloat
                        ? mk_softmax_backward_f32(pg.as(), px.as(), py.as(), r, c)
                        : mk_softmax_backward_f64(pg.as(), px.as(), py.as(), r, c)
                case .logSoftmaxBackward:
                    isFloat
                        ? mk_log_softmax_backward_f32(pg.as(), px.as(), py.as(), r, c)
                        : mk_log_softmax_backward_f64(pg.as(), px.as(), py.as(), r, c)
                }
            }
            run()
            Tape.note("softmax", run)
            withExtendedLifetime((x, g)) {}
            if d == last && (isContiguous || !isDense) { return y }
            let out = try emptyLike()
            copyKernel(out, d == last ? y : try y.transpose(d, last))
            return out
        }
    }

    /// As ``alongRows(_:_:_:)`` for a dimension whose neighbours are far apart: whole rows at a time.
    private func acrossRows(_ op: RowOp, _ d: Int, _ g: Tensor) throws -> Tensor {
        switch op {
        case .softmax:
            let y = try unaryKernel(.exp, sub(amax([d], keepDim: true)))
            return try y.divInPlace(y.sum([d], keepDim: true))
        case .logSoftmax:
            let y = try sub(amax([d], keepDim: true))
            return try y.subInPlace(unaryKernel(.log, unaryKernel(.exp, y).sum([d], keepDim: true)))
        case .softmaxBackward:
            return try g.sub(g.mul(self).sum([d], keepDim: true)).mulInPlace(self)
        case .logSoftmaxBackward:
            return try g.sub(unaryKernel(.exp, self).mulInPlace(g.sum([d], keepDim: true)))
        }
    }
}
