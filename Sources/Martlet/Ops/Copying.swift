/// Copies and conversions.
extension Tensor {
    /// A copy in memory of its own, laid out like this tensor where that is dense.
    public func clone() throws -> Tensor {
        if let entries { return try cloneSparse(entries) }
        let out = try emptyLike()
        copyKernel(out, self)
        if GradMode.needs(self) { out.attach("CloneBackward0", TensorList(self)) { _, g in TensorList(g[0]) } }
        return out
    }

    /// This tensor if it is row-major already, else a row-major copy.
    public func contiguous() throws -> Tensor {
        try refuseSparse("contiguous")
        if isContiguous { return self }
        let out = try Tensor.empty(sizes, dtype)
        copyKernel(out, self)
        if GradMode.needs(self) { out.attach("CloneBackward0", TensorList(self)) { _, g in TensorList(g[0]) } }
        return out
    }

    /// Converted to `dtype`; the tensor itself where it has that dtype and no copy is asked for.
    public func to(_ dtype: DType, copy: Bool = false) throws -> Tensor {
        if dtype == self.dtype { return copy ? try clone() : self }
        if let entries { return try convertSparse(entries, dtype) }
        let out = try emptyLike(dtype: dtype)
        copyKernel(out, self)
        if GradMode.needs(self) && dtype.isFloatingPoint {
            let back = self.dtype
            out.attach("ToCopyBackward0", TensorList(self)) { _, g in TensorList(try g[0]?.to(back)) }
        }
        return out
    }

    /// Overwrites this tensor with `source`, broadcast and converted.
    @discardableResult
    public func copyInPlace(_ source: Tensor) throws -> Tensor {
        try checkInPlace("copy_")
        if isSparse || source.isSparse {
            guard isSparse && source.isSparse && sizes == source.sizes else {
                throw MartletError.runtime(
                    "copy_() between dense and sparse Tensors is not implemented! Found self type = \(typeName) and src type = \(source.typeName)")
            }
            return try adoptSparse("copy_", source.clone())
        }
        guard Tensor.isExpandable(source.sizes, sizes) else {
            throw MartletError.runtime(
                "The size of tensor a (\(sizes.last ?? 1)) must match the size of tensor b (\(source.sizes.last ?? 1)) at non-singleton dimension \(Swift.max(rank, 1) - 1)")
        }
        let record = GradMode.needs(self, source) && dtype.isFloatingPoint
        var result: Tensor?
        if record {
            let shape = source.sizes
            let (mine, theirs) = (dtype, source.dtype)
            let r = alias()
            r.attach("CopyBackwards", TensorList(self, source)) { node, g in
                TensorList(
                    node.needs(0) ? try g[0].map { try Tensor.zeros($0.sizes, mine) } : nil,
                    node.needs(1) ? try g[0]?.sumTo(shape).to(theirs) : nil)
            }
            result = r
        }
        let from = sharesMemory(with: source) ? try withNoGrad { try source.clone() } : source
        copyKernel(self, from)
        bumpVersion()
        if let result { try rebaseHistory(result) }
        return self
    }

    /// Takes over the elements of `result`, which was just computed and is not used further: where nobody else looks at
    /// either's memory the two exchange it, else the elements are copied.
    @discardableResult
    public func takeOver(_ result: Tensor) throws -> Tensor {
        guard isContiguous, result.isContiguous, offset == 0, result.offset == 0, sizes == result.sizes, dtype == result.dtype,
            sparse == nil, result.sparse == nil, view == nil, result.view == nil, ownVersion == nil, !Tape.isRecording,
            !GradMode.needs(self, result), storage !== result.storage, isKnownUniquelyReferenced(&storage),
            isKnownUniquelyReferenced(&result.storage), storage.mayExchange, result.storage.mayExchange
        else { return try copyInPlace(result) }
        try checkInPlace("copy_")
        let version = storage.version
        swap(&storage, &result.storage)
        storage.version = version
        bumpVersion()
        return self
    }

    func sharesMemory(with other: Tensor) -> Bool { storage === other.storage && numel > 0 && other.numel > 0 }

    /// Sets every element to a number or 0-dim tensor.
    @discardableResult
    public func fillInPlace(_ value: Tensor) throws -> Tensor {
        try checkInPlace("fill_", overlapAllowed: true)
        guard value.rank == 0 else {
            throw MartletError.runtime(
                "fill_ only supports 0-dimension value tensor but got tensor with \(value.rank) dimensions.")
        }
        let record = GradMode.needs(self, value) && dtype.isFloatingPoint
        try refuseSparse("fill_.Scalar")
        fillKernel(self, value)
        bumpVersion()
        if record {
            let r = alias()
            let type = value.dtype
            let name = value.isWrappedNumber ? "FillBackward2" : "FillBackward1"
            r.attach(name, TensorList(self, value)) { node, g in
                TensorList(
                    node.needs(0) ? try g[0].map { try Tensor.zeros($0.sizes, $0.dtype) } : nil,
                    node.needs(1) ? try g[0]?.sum().to(type) : nil)
            }
            try rebaseHistory(r)
        }
        return self
    }

    @discardableResult
    public func zeroInPlace() throws -> Tensor {
        try checkInPlace("zero_", overlapAllowed: true)
        if let sparse {
            self.sparse = try emptySparse(sparse)
            return self
        }
        if isContiguous {
            fillWithZeroBytes()
        } else {
            fillKernel(self, .number(0))
        }
        bumpVersion()
        if GradMode.needs(self) {
            let r = alias()
            r.attach("ZeroBackward0", TensorList(self)) { _, g in TensorList(try g[0].map { try .zeros($0.sizes, $0.dtype) }) }
            try rebaseHistory(r)
        }
        return self
    }
}
