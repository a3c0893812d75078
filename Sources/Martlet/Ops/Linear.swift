import MartletKernels

/// The affine map of a layer: x wᵀ + b, with the bias added inside the product and the weight read in place.
extension Tensor {
    /// This tensor (... x in) times `weight` (out x in) transposed, plus `bias` (out). A one-dimensional weight
    /// (in) gives a result without the last dimension and takes no bias.
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil) throws -> Tensor { try linear(weight, bias, nil) }

    /// `activation` of ``linear(_:_:)``, as one step of the graph: it is computed while the product's result is in the
    /// cache, and has the values of the two steps to the last bit.
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil, then activation: LinearActivation) throws -> Tensor {
        try linear(weight, bias, activation)
    }

    private func linear(_ weight: Tensor, _ bias: Tensor?, _ activation: LinearActivation?) throws -> Tensor {
        func finished(_ t: Tensor) throws -> Tensor { try activation?(t) ?? t }
        if isSparse || weight.isSparse || weight.rank != 2 || rank == 0 {
            guard let bias else { return try finished(matmul(weight.rank == 2 ? weight.t() : weight)) }
            guard weight.rank == 2 else {
                throw MartletError.runtime("mat2 must be a matrix, got \(weight.rank)-D tensor")
            }
            return try finished(matmul(weight.t()).add(bias))
        }
        let (k, n) = (sizes[rank - 1], weight.sizes[0])
        let rows = rank == 1 ? 1 : (k == 0 ? Dims(sizes.dropLast()).product : numel / k)
        guard k == weight.sizes[1] else { throw Tensor.matrixMismatch([rows, k], [weight.sizes[1], n]) }
        try linearDTypes(weight, bias)
        if dtype.size == 2 || !dtype.isFloatingPoint { return try finished(plainLinear(weight, bias, rows)) }
        let records = GradMode.needs(self, weight) || (bias.map { GradMode.needs($0) } ?? false)
        // A frozen weight needs no input on the way back, which the joined step would keep.
        if activation != nil && records && !weight.requiresGrad { return try finished(linear(weight, bias, nil)) }
        let (result, before) = try affine(weight, bias, activation, rows, keepsBefore: records)
        if !records { return result }
        if let activation {
            result.attachLinear(activation, self, weight, bias, rows, before: before)
        } else {
            result.attachLinear(linearName(bias), self, weight, bias, rows)
        }
        return result
    }

    /// The affine map of float32 or float64 and `activation` of that, without history. With `keepsBefore` there is also what
    /// went into the activation, where the derivative is written from that; else that is the result again.
    func affine(
        _ weight: Tensor, _ bias: Tensor?, _ activation: LinearActivation?, _ rows: Int, keepsBefore: Bool
    ) throws -> (result: Tensor, before: Tensor) {
        let (k, n) = (sizes[rank - 1], weight.sizes[0])
        var shape = sizes
        shape[rank - 1] = n
        let result = try Tensor.empty(shape, dtype)
        let x = rank == 2 || isContiguous ? self : try withNoGrad { try contiguous() }
        let rowStride = rank == 2 ? strides[0] : k
        let columnStride = x.strides[x.rank - 1]
        let before = try keepsBefore && activation != nil && !activation!.isFromResult ? Tensor.empty(shape, dtype) : result
        var (beta, row) = (0.0, bias)
        if let bias, !(bias.rank == 1 && bias.sizes[0] == n && bias.strides[0] == 1) {
            let matrix = before.alias(sizes: Dims(rows, n), strides: Dims(n, 1), offset: 0)
            _ = try bias.detach().expand(matrix.sizes)  // throws where it does not fit
            copyKernel(matrix, bias)
            (beta, row) = (1, nil)
        }
        Tensor.multiply(
            rows, n, k, x, (rowStride, columnStride), weight, (weight.strides[1], weight.strides[0]), into: before, (n, 1), 1,
            beta, row, unary: activation.map { ($0.op, result) })
        return (result, before)
    }

    /// torch reaches the result by different last steps, whose names a reader of `grad_fn` knows.
    func linearName(_ bias: Tensor?) -> String {
        if let bias {
            let flat = isContiguous && bias.rank == 1 && bias.isContiguous
            return rank == 2 ? "AddmmBackward0" : (flat ? "ViewBackward0" : "AddBackward0")
        }
        return rank == 1 ? "SqueezeBackward4" : (rank == 2 ? "MmBackward0" : "UnsafeViewBackward0")
    }

    private func attachLinear(_ name: String, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ rows: Int) {
        let form = LinearForm(x, weight, bias, rows)
        // The bias comes first among the inputs, as in addmm.
        attach(name, bias == nil ? TensorList(x, weight) : TensorList(bias, x, weight)) { node in
            node.save(node.needs(form.lead + 1) ? x : nil, node.needs(form.lead) ? weight : nil)
        } backward: { node, g in
            guard let g = g[0] else { return form.lead == 0 ? [nil, nil] : [nil, nil, nil] }
            return try form.gradients(node, g)
        }
    }

    /// The tensor itself where it has that shape, so that a gradient nobody else holds stays recognisable as such.
    fileprivate func reshape(to shape: Dims) throws -> Tensor { sizes == shape ? self : try reshape(shape) }

    /// Half types and integers, by the general operations.
    private func plainLinear(_ weight: Tensor, _ bias: Tensor?, _ rows: Int) throws -> Tensor {
        guard let bias else { return try matmul(weight.t()) }
        var shape = sizes
        shape[rank - 1] = weight.sizes[0]
        let flat = rank == 2 ? self : try reshape([rows, weight.sizes[1]] as Dims)
        return try Tensor.addmm(bias, flat, weight.t()).reshape(to: shape)
    }

    private func linearDTypes(_ weight: Tensor, _ bias: Tensor?) throws {
        guard let bias else { return try sameDType(weight) }
        guard bias.dtype == weight.dtype else {
            throw MartletError.runtime(
                "self and mat2 must have the same dtype, but got \(bias.dtype.scalarTypeName) and \(weight.dtype.scalarTypeName)")
        }
        guard dtype == weight.dtype else {
            throw MartletError.runtime(
                "mat1 and mat2 must have the same dtype, but got \(dtype.scalarTypeName) and \(weight.dtype.scalarTypeName)")
        }
    }

    /// out = x1ᵀ weight[k] x2 + bias for each k: `weight` is out x in1 x in2, the inputs share their leading dimensions.
    public func bilinear(_ other: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) throws -> Tensor {
        guard rank == other.rank else {
            throw MartletError.runtime(
                "bilinear(): input dimensions do not match: got \(rank) and \(other.rank)")
        }
        guard weight.rank == 3, rank > 0 else {
            throw MartletError.runtime("bilinear(): weight must have 3 dimensions and inputs at least 1, got \(weight.rank) and \(rank)")
        }
        for i in 0..<(rank - 1) where sizes[i] != other.sizes[i] {
            throw MartletError.runtime(
                "bilinear(): input batch dimensions do not match at dim \(i): got \(sizes[i]) and \(other.sizes[i])")
        }
        let (n, k1, k2) = (weight.sizes[0], weight.sizes[1], weight.sizes[2])
        guard sizes[rank - 1] == k1 else {
            throw MartletError.runtime(
                "bilinear(): input1 size does not match weight size: got \(sizes[rank - 1]) but expected \(k1)")
        }
        guard other.sizes[rank - 1] == k2 else {
            throw MartletError.runtime(
                "bilinear(): input2 size does not match weight size: got \(other.sizes[rank - 1]) but expected \(k2)")
        }
        if let bias, bias.sizes != [n] {
            throw MartletError.runtime(
                "bilinear(): bias size does not match weight size: got \(bias.sizes.last ?? 1) but expected \(n)")
        }
        let lead = Dims(sizes.dropLast())
        let rows = lead.product
        let (x1, x2) = (try reshape([rows, k1] as Dims), try other.reshape([rows, k2] as Dims))
        // (rows x k1)(k1 x n*k2), then each block of k2 against x2.
        let half = try x1.mm(weight.permute([1, 0, 2]).reshape([k1, n * k2] as Dims)).reshape([rows, n, k2] as Dims)
        var shape = lead
        shape.append(n)
        let out = try half.bmm(x2.unsqueeze(2)).reshape(shape)
        return try bias.map { try out.add($0) } ?? out
    }
}

/// The shapes of an affine map, for its gradients.
struct LinearForm {
    private let xSizes: Dims
    private let biasSizes: Dims?
    private let rows, k, n: Int
    /// Where x is among the inputs of a node of this map alone: behind the bias.
    let lead: Int

    init(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ rows: Int) {
        (xSizes, biasSizes) = (x.sizes, bias?.sizes)
        (self.rows, k, n) = (rows, weight.sizes[1], weight.sizes[0])
        lead = bias == nil ? 0 : 1
    }

    /// The gradients of a node of this map alone, whose inputs are bias, x and weight, and that has the last two saved as 0
    /// and 1; nil for those that need none.
    @inline(__always)
    func gradients(_ node: Node, _ g: Tensor) throws -> TensorList {
        let (bias, x, weight) = try gradients(
            g, bias: lead == 1 && node.needs(0), x: node.needs(lead + 1) ? node.saved(0) : nil,
            weight: node.needs(lead) ? node.saved(1) : nil)
        return lead == 1 ? TensorList(bias, x, weight) : TensorList(x, weight)
    }

    /// From that of the result: of the bias if asked for, of x where the weight is given, of the weight where x is.
    func gradients(
        _ g: Tensor, bias wantsBias: Bool, x: Tensor?, weight: Tensor?
    ) throws -> (bias: Tensor?, x: Tensor?, weight: Tensor?) {
        if isDirect(g, x) { return try direct(g, wantsBias, x, weight) }
        let g2 = g.rank == 2 ? g : try g.reshape(Dims(rows, n))
        return (
            wantsBias ? try g2.sumTo(biasSizes!) : nil, try weight.map { try g2.mm($0).reshape(to: xSizes) },
            try x.map { try g2.t().mm($0.rank == 2 ? $0 : $0.reshape(Dims(rows, k))) }
        )
    }

    /// Whether nothing is recorded and all is laid out row by row.
    private func isDirect(_ g: Tensor, _ x: Tensor?) -> Bool {
        guard !GradMode.isEnabled, g.isContiguous, biasSizes == nil || biasSizes! == Dims(n), n > 0, rows > 0 else { return false }
        return x == nil || x!.isContiguous && x!.dtype == g.dtype
    }

    /// Two products and a sum, without a view.
    private func direct(
        _ g: Tensor, _ wantsBias: Bool, _ x: Tensor?, _ weight: Tensor?
    ) throws -> (bias: Tensor?, x: Tensor?, weight: Tensor?) {
        let db = wantsBias ? try g.sumRows(rows, n) : nil
        var dx, dw: Tensor?
        if let weight {
            let d = try Tensor.empty(xSizes, g.dtype)
            Tensor.multiply(rows, k, n, g, (n, 1), weight, (weight.strides[0], weight.strides[1]), into: d, (k, 1))
            dx = d
        }
        if let x {
            let d = try Tensor.empty(Dims(n, k), g.dtype)
            Tensor.multiply(n, k, rows, g, (1, n), x, (k, 1), into: d, (k, 1))
            dw = d
        }
        return (db, dx, dw)
    }
}

extension Tensor {
    /// The sum over the rows of row-major memory, rows x n.
    fileprivate func sumRows(_ rows: Int, _ n: Int) throws -> Tensor {
        let out = try Tensor.empty(Dims(n), dtype)
        let (p, o, isFloat) = (pointer, out.pointer, dtype == .float32)
        func run() {
            if isFloat {
                mk_sum_rows_f32(p.as(), Int64(rows), Int64(n), Int64(n), o.as())
            } else {
                mk_sum_rows_f64(p.as(), Int64(rows), Int64(n), Int64(n), o.as())
            }
        }
        run()
        Tape.note("sum_rows", run)
        return out
    }
}
