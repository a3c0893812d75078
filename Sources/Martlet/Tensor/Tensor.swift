import MartletKernels

/// An n-dimensional array that remembers how it was computed.
///
/// A tensor is a window (sizes, strides, offset) onto shared ``Storage``. Views share the storage of their
/// base and see each other's writes. When an operand requires a gradient, the result keeps the ``Node``
/// that knows how to send gradients back:
///
///     let x = try Tensor([1, 2, 3] as [Float]).requiresGrad()
///     let y = try (x * x).sum()
///     try y.backward()
///     print(x.grad!)          // tensor([2., 4., 6.])
///
/// Distinct tensors may be used from distinct threads; one tensor must not be written while it is used elsewhere.
public final class Tensor {
    public internal(set) var storage: Storage
    /// First element, counted in elements from the storage's base.
    public internal(set) var offset: Int
    public internal(set) var sizes: Dims { didSet { geometryChanged() } }
    public internal(set) var strides: Dims { didSet { geometryChanged() } }
    public internal(set) var numel: Int
    public internal(set) var dtype: DType
    /// Row-major without gaps. Dimensions of size one may have any stride.
    public private(set) var isContiguous: Bool

    /// A bare number that became a tensor: it promotes by its kind alone, as torch's Python scalars do.
    var isWrappedNumber = false
    /// Made in inference mode: outside of it, it can neither be written to nor take part in a graph.
    var isInference: Bool

    // Autograd. `history` is the node that made this tensor; leaves have none.
    var history: Node?
    var outputIndex = 0
    var leafRequiresGrad = false
    var gradSlot: GradSlot?
    var accumulator: AccumulateGrad?
    var view: ViewInfo?
    var ownVersion: VersionCounter?

    /// Indices and values where this tensor is sparse COO; the strided fields are then empty.
    public internal(set) var sparse: SparseParts?

    /// Rows that optimizers may change, as a bool mask; nil when all may.
    public internal(set) var updatableRows: Tensor?

    init(storage: Storage, offset: Int, sizes: Dims, strides: Dims, dtype: DType) {
        self.storage = storage
        self.offset = offset
        self.sizes = sizes
        self.strides = strides
        self.dtype = dtype
        numel = sizes.product
        isContiguous = Tensor.isRowMajor(sizes, strides)
        isInference = GradMode.isInference
    }

    /// All of fresh memory, row-major.
    init(fresh storage: Storage, _ sizes: Dims, _ dtype: DType) {
        self.storage = storage
        self.sizes = sizes
        self.dtype = dtype
        offset = 0
        strides = sizes.contiguousStrides
        numel = sizes.product
        isContiguous = true
        isInference = GradMode.isInference
    }

    /// Fresh contiguous memory with unspecified contents.
    static func empty(_ sizes: Dims, _ dtype: DType) throws -> Tensor {
        Tensor(fresh: try Storage(byteCount: checkedByteCount(sizes, dtype)), sizes, dtype)
    }

    /// Fresh memory laid out by `strides`, which must cover the sizes densely.
    static func empty(_ sizes: Dims, strides: Dims, _ dtype: DType) throws -> Tensor {
        let bytes = try Tensor.checkedByteCount(sizes, dtype)
        return Tensor(
            storage: try Storage(byteCount: bytes), offset: 0, sizes: sizes, strides: strides, dtype: dtype)
    }

    /// Bytes of a contiguous tensor; negative sizes and overflow are torch's errors.
    static func checkedByteCount(_ sizes: Dims, _ dtype: DType) throws -> Int {
        var n = dtype.size
        var empty = false
        for i in 0..<sizes.count {
            let s = sizes[i]
            if s < 0 {
                throw MartletError.runtime(
                    "Trying to create tensor with negative dimension \(s): \(sizes)")
            }
            if s == 0 { empty = true }
            let (p, overflow) = n.multipliedReportingOverflow(by: Swift.max(s, 1))
            if overflow { throw MartletError.runtime("Storage size calculation overflowed with sizes=\(sizes)") }
            n = p
        }
        return empty ? 0 : n
    }

    deinit {
        // Deep graphs are released without recursion: see Node's deinit.
        if let accumulator { accumulator.leafEnds() }
    }

    public var rank: Int { sizes.count }

    /// Size of one dimension, negative counting from the end.
    public func size(_ dim: Int) throws -> Int {
        if rank == 0 {
            throw MartletError.index("Dimension specified as \(dim) but tensor has no dimensions")
        }
        return sizes[try wrapDim(dim, rank)]
    }

    /// Pointer to the first element. Keep the tensor alive while using it (`withExtendedLifetime`).
    @inline(__always)
    var pointer: UnsafeMutableRawPointer {
        if Tape.isRecording { Tape.touch(storage) }
        return storage.base + offset &* dtype.size  // an empty view may begin anywhere
    }

    @inline(__always)
    func typed<T>(_: T.Type = T.self) -> UnsafeMutablePointer<T> {
        if Tape.isRecording { Tape.touch(storage) }
        return storage.base.assumingMemoryBound(to: T.self) + offset
    }

    /// Whether these strides are those of memory in row-major order without gaps.
    @inline(__always)
    static func isRowMajor(_ sizes: Dims, _ strides: Dims) -> Bool {
        var (expected, fits) = (1, true)
        var i = sizes.count - 1
        while i >= 0 {
            let n = sizes[i]
            if n == 0 { return true }
            if n != 1 {
                if strides[i] != expected { fits = false }
                expected &*= n
            }
            i -= 1
        }
        return fits
    }

    private func geometryChanged() { isContiguous = Tensor.isRowMajor(sizes, strides) }

    /// float32 or float64 in row-major order: what the short ways through kernels take.
    @inline(__always)
    var isPlain: Bool { isContiguous && (dtype == .float32 || dtype == .float64) && sparse == nil }

    /// Every element has a place of its own and there are no gaps, in whatever order of dimensions.
    var isDense: Bool {
        if isContiguous { return true }
        var order = Array(0..<rank).filter { sizes[$0] != 1 }
        order.sort { strides[$0] < strides[$1] }
        var expected = 1
        for d in order {
            if strides[d] != expected { return false }
            expected &*= sizes[d]
        }
        return true
    }

    /// The number of in-place writes seen by this tensor and those that share its history.
    public var version: Int { ownVersion?.value ?? storage.version }

    @inline(__always)
    func bumpVersion() {
        if let own = ownVersion { own.value += 1 } else { storage.version += 1 }
    }

    /// The same memory seen through other sizes and strides; carries no autograd history.
    func alias(sizes: Dims, strides: Dims, offset: Int) -> Tensor {
        let t = Tensor(storage: storage, offset: offset, sizes: sizes, strides: strides, dtype: dtype)
        t.ownVersion = ownVersion
        t.isInference = isInference
        return t
    }

    func alias() -> Tensor {
        let t = alias(sizes: sizes, strides: strides, offset: offset)
        t.sparse = sparse
        return t
    }

    public var isSparse: Bool { sparse != nil }

    /// `torch.FloatTensor`, as torch's messages call it.
    var typeName: String {
        (isSparse ? "torch.sparse." : "torch.") + dtype.scalarTypeName + "Tensor"
    }
}

/// The indices (sparse dims x nnz, int64) and values (nnz x dense sizes) of a sparse COO tensor.
public struct SparseParts {
    public var indices: Tensor
    public var values: Tensor
    public var coalesced: Bool
    /// Made while recording, with room for more entries than there are: how many there are. The others, at the end, are zeros
    /// at the last one's place.
    var count: Tensor?

    var padded: Bool { count != nil }
}

// MARK: - Creation

extension Tensor {
    /// A tensor from Swift numbers, one dimension.
    public convenience init<T: TensorElement>(_ values: [T]) throws {
        try self.init(values, [values.count])
    }

    /// A tensor from Swift numbers in row-major order with the given sizes.
    public convenience init<T: TensorElement>(_ values: [T], _ sizes: [Int]) throws {
        let dims = try Dims(checking: sizes)
        let bytes = try Tensor.checkedByteCount(dims, T.dtype)
        guard dims.product == values.count else {
            throw MartletError.runtime("shape '\(dims)' is invalid for input of size \(values.count)")
        }
        self.init(
            storage: try Storage(byteCount: bytes, constant: true), offset: 0, sizes: dims, strides: dims.contiguousStrides,
            dtype: T.dtype)
        values.withUnsafeBytes { if let p = $0.baseAddress { storage.base.copyMemory(from: p, byteCount: bytes) } }
    }

    /// A 0-dim tensor that promotes like a bare number.
    public static func number(_ v: Double) -> Tensor { wrapped(v, .float64) }
    public static func number(_ v: Int) -> Tensor { wrapped(Int64(v), .int64) }
    public static func number(_ v: Bool) -> Tensor { wrapped(v, .bool) }

    private static func wrapped<T: TensorElement>(_ v: T, _ dtype: DType) -> Tensor {
        let t = Tensor(
            storage: orTrap { try Storage(byteCount: dtype.size, constant: true) }, offset: 0, sizes: [], strides: [], dtype: dtype)
        t.storage.base.assumingMemoryBound(to: T.self).pointee = v
        t.isWrappedNumber = true
        return t
    }

    public static func empty(_ sizes: [Int], dtype: DType = .defaultFloat) throws -> Tensor {
        try empty(try Dims(checking: sizes), dtype)
    }

    public static func zeros(_ sizes: [Int], dtype: DType = .defaultFloat) throws -> Tensor {
        try zeros(try Dims(checking: sizes), dtype)
    }

    static func zeros(_ sizes: Dims, _ dtype: DType) throws -> Tensor {
        let t = try empty(sizes, dtype)
        t.fillWithZeroBytes()
        return t
    }

    public static func ones(_ sizes: [Int], dtype: DType = .defaultFloat) throws -> Tensor {
        try full(try Dims(checking: sizes), .number(1), dtype)
    }

    public static func full(_ sizes: [Int], _ value: Double, dtype: DType = .defaultFloat) throws -> Tensor {
        try full(try Dims(checking: sizes), .number(value), dtype)
    }

    /// Sets the bytes of a contiguous tensor to zero.
    func fillWithZeroBytes() {
        let (p, n) = (pointer, numel * dtype.size)
        func run() { p.initializeMemory(as: UInt8.self, repeating: 0, count: n) }
        run()
        Tape.note("zero", run)
    }

    /// `value` is a 0-dim tensor.
    static func full(_ sizes: Dims, _ value: Tensor, _ dtype: DType) throws -> Tensor {
        try value.checkOneElement()
        try value.checkFits(dtype)
        let t = try empty(sizes, dtype)
        fillKernel(t, value)
        return t
    }

    /// Throws where this 0-dim value cannot be held by `type` (NaN or a large number as an integer).
    func checkFits(_ type: DType) throws {
        if type.isFloatingPoint || type == .bool { return }
        let v = try item()
        let bits = type.size * 8
        let limit = type == .uint8 ? 256.0 : Double(sign: .plus, exponent: bits - 1, significand: 1)
        guard v.isFinite, v >= -limit, dtype.isFloatingPoint ? v < limit : v <= limit else {
            throw MartletError.runtime("value cannot be converted to type \(type == .uint8 ? "uint8_t" : "int\(bits)_t") without overflow")
        }
    }

    /// The one element as a Swift number; anything but one element is torch's error.
    public func item() throws -> Double {
        try checkOneElement()
        if Tape.isRecording { try Tape.refuseReading("item()", self) }
        return readDouble(at: offset)
    }

    public func itemInt() throws -> Int {
        try checkOneElement()
        if Tape.isRecording { try Tape.refuseReading("item()", self) }
        return Int(readInt64(at: offset))
    }

    func checkOneElement() throws {
        if isSparse { throw MartletError.runtime("item(): not offered for sparse tensors; use to_dense() first") }
        guard numel == 1 else {
            throw MartletError.runtime("a Tensor with \(numel) elements cannot be converted to Scalar")
        }
    }

    /// Element at a storage position, widened.
    func readDouble(at position: Int) -> Double {
        let base = storage.base
        if dtype == .float32 { return Double(base.assumingMemoryBound(to: Float.self)[position]) }
        if dtype == .float64 { return base.assumingMemoryBound(to: Double.self)[position] }
        func get<T: TensorElement>(_: T.Type) -> Double { base.assumingMemoryBound(to: T.self)[position].asDouble }
        return withElementType(dtype) { get($0) }
    }

    /// The one element, rounded once.
    func elementAsFloat() -> Float {
        dtype.isFloatingPoint ? Float(readDouble(at: offset)) : Float(readInt64(at: offset))
    }

    func readInt64(at position: Int) -> Int64 {
        let base = storage.base
        func get<T: TensorElement>(_: T.Type) -> Int64 { base.assumingMemoryBound(to: T.self)[position].asInt64 }
        return withElementType(dtype) { get($0) }
    }

    /// All elements in logical order, converted.
    public func toArray<T: TensorElement>(_: T.Type = T.self) throws -> [T] {
        if Tape.isRecording { try Tape.refuseReading("reading a tensor's elements", self) }
        let c = try self.detach().to(T.dtype).contiguous()
        return withExtendedLifetime(c) { Array(UnsafeBufferPointer(start: c.typed(T.self), count: numel)) }
    }
}
