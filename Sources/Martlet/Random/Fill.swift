import MartletKernels

extension Tensor {
    /// Fills this tensor in place from a generator; every distribution comes through here.
    ///
    /// `draw` writes a run of elements of this tensor's dtype. Elements are met in memory order: the
    /// dimension with the smallest stride runs fastest, whatever its place among the sizes. A tensor with
    /// gaps is drawn into a run of its own and copied. The gradient of what was overwritten is zero.
    func fillRandom(
        _ op: String, _ gradName: String, _ generator: Generator?, inputs: [Tensor] = [],
        _ draw: @escaping (Generator, UnsafeMutableRawPointer, Int) throws -> Void
    ) throws -> Tensor {
        guard !isSparse else { throw MartletError.notImplemented("\(op): not offered for sparse tensors") }
        try checkInPlace(op)
        let step = try stepWithoutGradient(gradName, inputs)
        if numel > 0 {
            let generator = generator ?? .default
            if isDense {
                let (p, n) = (pointer, numel)
                func run() throws { try generator.withLock { try draw(generator, p, n) } }
                try run()
                Tape.note("random", Tape.repeating(run))
            } else {
                let order = memoryOrder()
                let run = try Tensor.empty(Dims(order.map { sizes[$0] }), dtype)
                let (p, n) = (run.pointer, numel)
                func fill() throws { try generator.withLock { try draw(generator, p, n) } }
                try fill()
                Tape.note("random", Tape.repeating(fill))
                copyKernel(
                    alias(sizes: run.sizes, strides: Dims(order.map { strides[$0] }), offset: offset), run)
            }
        }
        bumpVersion()
        if let step { try rebaseHistory(step) }
        return self
    }

    /// This tensor as one that was just made: the fill that gave it its values was no change of it.
    func asNew() -> Tensor {
        storage.version = 0
        return self
    }

    /// Stands for this tensor after a step that lets no gradient through; nil where nothing is recorded.
    private func stepWithoutGradient(_ name: String, _ inputs: [Tensor]) throws -> Tensor? {
        let inputs = [self] + inputs
        guard GradMode.needs(inputs) else { return nil }
        let step = alias()
        step.attachZeroGradient(name, inputs)
        return step
    }

    /// Records a step whose gradients are zero: what was drawn does not vary smoothly with the inputs.
    func attachZeroGradient(_ name: String, _ inputs: [Tensor]) {
        let shapes = inputs.map { ($0.sizes, $0.dtype) }
        attach(name, TensorList(inputs)) { node, _ in
            TensorList(try shapes.enumerated().map { i, s in node.needs(i) ? try Tensor.zeros(s.0, s.1) : nil })
        }
    }
}

/// Writes `count` values of one float dtype, each from a double that `next` draws.
@inline(__always)
func fillDoubles(_ out: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ next: () -> Double) {
    func run<T: TensorElement>(_: T.Type) {
        let p = out.assumingMemoryBound(to: T.self)
        for i in 0..<count { p[i] = T(element: next()) }
    }
    withElementType(dtype) { run($0) }
}

/// Writes `count` values of any dtype, each from an integer that `next` draws.
@inline(__always)
func fillIntegers(_ out: UnsafeMutableRawPointer, _ dtype: DType, _ count: Int, _ next: () -> Int64) {
    func run<T: TensorElement>(_: T.Type) {
        let p = out.assumingMemoryBound(to: T.self)
        for i in 0..<count { p[i] = T(element: next()) }
    }
    withElementType(dtype) { run($0) }
}

/// A number as C++ streams and torch's messages print it: six significant digits.
func shortText(_ v: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { p in
        let n = Int(mk_format_double(p.baseAddress!, p.count, CChar(UInt8(ascii: "g")), 6, v))
        return String(decoding: UnsafeRawBufferPointer(start: p.baseAddress!, count: n), as: UTF8.self)
    }
}

extension MartletError {
    /// torch's words for a kernel that does not know a dtype.
    static func noKernel(_ name: String, _ dtype: DType) -> MartletError {
        .notImplemented("\"\(name)\" not implemented for '\(dtype.scalarTypeName)'")
    }
}

extension DType {
    /// The C++ type that torch's messages name.
    var cTypeName: String {
        switch self {
        case .float32: "float"
        case .float64: "double"
        case .int64: "long int"
        case .int32: "int"
        case .int16: "short int"
        case .int8: "signed char"
        case .uint8: "unsigned char"
        case .bool: "bool"
        case .float16: "c10::Half"
        case .bfloat16: "c10::BFloat16"
        }
    }

    /// Bits of the significand of a floating-point dtype, the hidden one included.
    var digits: Int {
        switch self {
        case .float32: 24
        case .float64: 53
        case .float16: 11
        case .bfloat16: 8
        default: 0
        }
    }

    /// The largest finite value of a floating-point dtype.
    var largestFinite: Double {
        switch self {
        case .float32: Double(Float.greatestFiniteMagnitude)
        case .float16: 65504
        case .bfloat16: Double(Float(bitPattern: 0x7f7f_0000))
        default: Double.greatestFiniteMagnitude
        }
    }

    /// The range of an integer dtype or bool.
    var integerRange: ClosedRange<Int64> {
        switch self {
        case .int32: Int64(Int32.min)...Int64(Int32.max)
        case .int16: Int64(Int16.min)...Int64(Int16.max)
        case .int8: -128...127
        case .uint8: 0...255
        case .bool: 0...1
        default: Int64.min...Int64.max
        }
    }
}
