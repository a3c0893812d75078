/// Getting elements in and out as plain memory.
extension Tensor {
    /// Every element is `value`, a 0-dim tensor; the dtype is the value's own unless given.
    public static func full(_ sizes: [Int], _ value: Tensor, dtype: DType? = nil) throws -> Tensor {
        let natural = value.isWrappedNumber && value.dtype.isFloatingPoint ? DType.defaultFloat : value.dtype
        return try full(try Dims(checking: sizes), value, dtype ?? natural)
    }

    /// Replaces all elements of a contiguous tensor by row-major elements of its dtype.
    public func overwrite(from source: UnsafeRawPointer) {
        let (p, n) = (pointer, numel * dtype.size)
        p.copyMemory(from: source, byteCount: n)
        if Tape.isRecording {
            let kept = [UInt8](UnsafeRawBufferPointer(start: source, count: n))
            Tape.note("constant", { kept.withUnsafeBytes { p.copyMemory(from: $0.baseAddress!, byteCount: n) } })
        }
    }

    /// Copies all elements in row-major order.
    public func copyOut(to out: UnsafeMutableRawPointer?, byteCount: Int) throws {
        guard byteCount == numel * dtype.size else {
            throw MartletError.value(
                "copy: the buffer has \(byteCount) bytes but \(numel) elements of \(dtype.name) take \(numel * dtype.size)")
        }
        if byteCount == 0 { return }
        if Tape.isRecording { try Tape.refuseReading("copying elements out", self) }
        guard let out else { throw MartletError.value("copy: the buffer is NULL") }
        let c = try withNoGrad { try contiguous() }
        withExtendedLifetime(c) { out.copyMemory(from: c.pointer, byteCount: byteCount) }
    }

    /// Address of the first element, valid while a tensor over the storage lives.
    public func dataPointer() throws -> UnsafeMutableRawPointer {
        if isSparse {
            throw MartletError.runtime("Cannot access data pointer of Tensor that doesn't have storage")
        }
        if Tape.isRecording { try Tape.refuseReading("data_ptr()", self) }
        storage.isExposed = true
        return pointer
    }

    /// A tensor over memory that somebody else owns; `release` runs once when the last tensor over it is gone.
    public static func fromMemory(
        _ data: UnsafeMutableRawPointer?, _ sizes: [Int], strides: [Int]? = nil, dtype: DType,
        release: @escaping () -> Void
    ) throws -> Tensor {
        let n = try Dims(checking: sizes)
        _ = try checkedByteCount(n, dtype)
        let s = try strides.map { try Dims(checking: $0) } ?? n.contiguousStrides
        guard s.count == n.count else { throw MartletError.runtime("mismatch in length of strides and shape") }
        if s.contains(where: { $0 < 0 }) { throw MartletError.value("negative strides are not supported, got \(s)") }
        let bytes = try stretch(n, s, 0, dtype)
        if n.product == 0 || data == nil {
            guard n.product == 0 else { throw MartletError.value("memory of \(n.product) elements was given as NULL") }
            release()
            return try empty(n, dtype)
        }
        let storage = Storage(foreign: data!, byteCount: bytes, release: release)
        return Tensor(storage: storage, offset: 0, sizes: n, strides: s, dtype: dtype)
    }

    /// Turns this tensor itself into a leaf without history.
    public func detachInPlace() throws {
        if view != nil {
            throw MartletError.runtime(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution.")
        }
        history = nil
        outputIndex = 0
        leafRequiresGrad = false
    }

    /// Makes this tensor show the memory of `source`, keeping its identity and its gradient (`x.data = y`).
    public func setData(_ source: Tensor) throws {
        if leafRequiresGrad && !source.dtype.isFloatingPoint {
            throw MartletError.runtime("data set to a tensor that requires gradients must be floating point or complex dtype")
        }
        storage = source.storage
        offset = source.offset
        sizes = source.sizes
        strides = source.strides
        numel = source.numel
        sparse = source.sparse
        if dtype != source.dtype {
            dtype = source.dtype
        }
        if let accumulator { accumulator.setOutputs([OutputInfo(self)]) }
        let counter = VersionCounter()
        counter.value = source.version
        ownVersion = counter
        view = nil
    }
}

extension Tensor {
    /// Takes over the geometry and history of a view of this tensor (`squeeze_`, `t_`, ...).
    public func become(_ other: Tensor) throws {
        guard other.storage === storage else { throw MartletError.runtime("become: not a view of this tensor") }
        try checkInPlace("as_strided_")
        sizes = other.sizes
        strides = other.strides
        numel = other.numel
        offset = other.offset
        if let h = other.history, GradMode.isEnabled {
            history = h
            outputIndex = other.outputIndex
        }
        bumpVersion()
        view?.version = version
    }

    /// Changes the sizes, row-major, growing the storage where it is too small.
    public func resizeInPlace(_ shape: [Int]) throws {
        try refuseSparse("resize_")
        let n = try Dims(checking: shape)
        let bytes = try Tensor.checkedByteCount(n, dtype)
        let before = offset.multipliedReportingOverflow(by: dtype.size)
        let (end, overflow) = before.partialValue.addingReportingOverflow(bytes)
        if before.overflow || overflow { throw MartletError.runtime("Storage size calculation overflowed with sizes=\(n)") }
        if end > storage.byteCount {
            if Tape.isRecording { try Tape.refuse("resize_") }
            let grown = try Storage(byteCount: end)
            grown.base.copyMemory(from: storage.base, byteCount: storage.byteCount)
            grown.version = storage.version
            storage = grown
        }
        sizes = n
        strides = n.contiguousStrides
        numel = n.product
        bumpVersion()
    }
}
