import Glibc
import MartletKernels

/// Walks up to four tensors of one broadcast shape together, in runs along the innermost dimension.
///
/// Operand 0 is the output. Dimensions are ordered by the output's strides and neighbours that can be seen
/// as one are merged, so contiguous operands of any rank become a single run. This is the one door through
/// which element-wise kernels are launched.
struct ElementLoop {
    var sizes = Dims()
    var s0 = Dims()
    var s1 = Dims()
    var s2 = Dims()
    var s3 = Dims()

    /// Strides of `t` broadcast to `shape`: zero where it is expanded.
    @inline(__always)
    static func strides(_ t: Tensor, _ shape: Dims) -> Dims {
        let lead = shape.count - t.rank
        if lead == 0 && t.sizes == shape { return t.strides }
        var s = Dims(repeating: 0, count: shape.count)
        for i in 0..<t.rank where t.sizes[i] != 1 { s[lead + i] = t.strides[i] }
        return s
    }

    init(_ out: Tensor, _ a: Tensor? = nil, _ b: Tensor? = nil, _ c: Tensor? = nil) {
        let shape = out.sizes
        if out.isContiguous && (a?.fills(shape) ?? true) && (b?.fills(shape) ?? true) && (c?.fills(shape) ?? true) {
            sizes = [out.numel]
            s0 = [1]
            s1 = a == nil ? [0] : [a!.numel == 1 && out.numel != 1 ? 0 : 1]
            s2 = b == nil ? [0] : [b!.numel == 1 && out.numel != 1 ? 0 : 1]
            s3 = c == nil ? [0] : [c!.numel == 1 && out.numel != 1 ? 0 : 1]
            return
        }
        let none = Dims(repeating: 0, count: shape.count)
        let t0 = out.strides
        let t1 = a.map { ElementLoop.strides($0, shape) } ?? none
        let t2 = b.map { ElementLoop.strides($0, shape) } ?? none
        let t3 = c.map { ElementLoop.strides($0, shape) } ?? none
        // Largest output stride first (stable), so that writes go forward in memory.
        var order = Dims()
        for i in 0..<shape.count where shape[i] != 1 {
            var at = order.count
            while at > 0 && t0[order[at - 1]] < t0[i] { at -= 1 }
            order.insert(i, at: at)
        }
        for d in order {
            let n = shape[d]
            if let last = sizes.indices.last, s0[last] == t0[d] * n, s1[last] == t1[d] * n, s2[last] == t2[d] * n,
                s3[last] == t3[d] * n
            {
                sizes[last] *= n
                s0[last] = t0[d]
                s1[last] = t1[d]
                s2[last] = t2[d]
                s3[last] = t3[d]
            } else {
                sizes.append(n)
                s0.append(t0[d])
                s1.append(t1[d])
                s2.append(t2[d])
                s3.append(t3[d])
            }
        }
        if sizes.isEmpty {
            sizes = [out.numel]
            s0 = [1]
            s1 = [0]
            s2 = [0]
            s3 = [0]
        }
    }

    /// Calls `body` with the element offsets of each operand and the run's length; strides within a run are the
    /// last entries of `s0`...`s3`.
    @inline(__always)
    func forEachRun(_ body: (_ o0: Int, _ o1: Int, _ o2: Int, _ o3: Int, _ n: Int) -> Void) {
        let last = sizes.count - 1
        let n = sizes[last]
        if n == 0 { return }
        if last == 0 {
            body(0, 0, 0, 0, n)
            return
        }
        for i in 0..<last where sizes[i] == 0 { return }
        var index = Dims(repeating: 0, count: last)
        var (p0, p1, p2, p3) = (0, 0, 0, 0)
        while true {
            body(p0, p1, p2, p3, n)
            var d = last - 1
            while d >= 0 {
                index[d] += 1
                p0 += s0[d]
                p1 += s1[d]
                p2 += s2[d]
                p3 += s3[d]
                if index[d] < sizes[d] { break }
                p0 -= s0[d] * sizes[d]
                p1 -= s1[d] * sizes[d]
                p2 -= s2[d] * sizes[d]
                p3 -= s3[d] * sizes[d]
                index[d] = 0
                d -= 1
            }
            if d < 0 { return }
        }
    }

    /// Notes a loop of one kernel for ``Tape``; `operands` gives where each operand begins (``at(_:)``), the output first.
    /// One that reads more than its operands runs `apart` from others.
    @inline(__always)
    func note(
        _ name: StaticString, _ body: @autoclosure () -> (Int, Int, Int, Int, Int) -> Void,
        _ operands: @autoclosure () -> [ElementSpan.Place], apart: @autoclosure () -> Bool = false
    ) {
        if Tape.isRecording { noteRecorded(name, body(), operands(), apart()) }
    }

    @inline(never)
    private func noteRecorded(
        _ name: StaticString, _ body: @escaping (Int, Int, Int, Int, Int) -> Void,
        _ operands: [ElementSpan.Place], _ apart: Bool
    ) {
        guard sizes.count == 1 && !apart else { return Tape.note(name, { self.forEachRun(body) }) }
        let (n, a, b, c, d) = (sizes[0], s0[0], s1[0], s2[0], s3[0])
        let steps = [a, b, c, d]
        let spans = operands.enumerated().map { i, o in
            ElementSpan.Operand(o.base, step: steps[i] * o.size, isWritten: i == 0)
        }
        Tape.note(name, elements: ElementSpan(count: n, operands: spans) { from, to in
            body(from * a, from * b, from * c, from * d, to - from)
        })
    }

    var inner: (s0: Int, s1: Int, s2: Int, s3: Int) {
        let l = sizes.count - 1
        return (s0[l], s1[l], s2[l], s3[l])
    }
}

extension Tensor {
    /// One element, or contiguous with exactly these sizes.
    @inline(__always)
    func fills(_ shape: Dims) -> Bool { numel == 1 || (sizes == shape && isContiguous) }

    /// An output of `sizes` laid out like this tensor (torch's preserve_format): the same strides where they are
    /// dense, else dense ones in the same order. Other sizes than this tensor's give a contiguous one.
    func emptyLike(_ sizes: Dims? = nil, dtype: DType? = nil) throws -> Tensor {
        let (shape, dtype) = (sizes ?? self.sizes, dtype ?? self.dtype)
        if shape != self.sizes || isContiguous || isSparse { return try .empty(shape, dtype) }
        if isDense { return try .empty(shape, strides: strides, dtype) }
        let order = memoryOrder()
        let dense = Dims(order.map { shape[$0] }).contiguousStrides
        var result = dense
        for (i, d) in order.enumerated() { result[d] = dense[i] }
        return try .empty(shape, strides: result, dtype)
    }

    /// Memory with unspecified contents for this tensor's sizes, in its order of dimensions unless `rowMajor`.
    public func emptyLike(dtype: DType? = nil, rowMajor: Bool) throws -> Tensor {
        rowMajor ? try .empty(sizes, dtype ?? self.dtype) : try emptyLike(dtype: dtype)
    }

    /// ``emptyLike(dtype:rowMajor:)`` with every element `value`, a 0-dim tensor.
    public func fullLike(_ value: Tensor, dtype: DType? = nil, rowMajor: Bool = false) throws -> Tensor {
        let t = try emptyLike(dtype: dtype, rowMajor: rowMajor)
        try value.checkOneElement()
        let isZero = value.isWrappedNumber && value.readDouble(at: value.offset).bitPattern == 0
        if isZero { t.fillWithZeroBytes() } else { fillKernel(t, value) }
        return t
    }

    /// The dimensions in the order of memory, slowest first: by stride, then by size. A dimension of stride 0
    /// has no place of its own and stays where it is.
    func memoryOrder() -> [Int] {
        var order = Array((0..<rank).reversed())  // fastest first
        for i in order.indices.dropFirst() {
            var moving = i
            for other in (0..<i).reversed() {
                let (a, b) = (order[other], order[moving])
                if strides[a] == 0 || strides[b] == 0 { continue }
                if strides[a] < strides[b] { break }
                if strides[a] > strides[b] || sizes[a] > sizes[b] {
                    order.swapAt(other, moving)
                    moving = other
                }
            }
        }
        return order.reversed()
    }
}

/// Below this many elements a loop runs on the calling thread.
let parallelGrain = 32768

/// Splits 0..<n over the thread pool when it is worth it.
func parallelFor(_ n: Int, grain: Int = parallelGrain, _ body: (Int, Int) -> Void) {
    if n <= grain || mk_get_num_threads() == 1 {
        if n > 0 { body(0, n) }
        return
    }
    withoutActuallyEscaping(body) { escapable in
        var box = escapable
        withUnsafeMutablePointer(to: &box) { p in
            mk_parallel_for(
                Int64(n), Int64(grain),
                { context, begin, end in
                    context!.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(Int(begin), Int(end))
                }, UnsafeMutableRawPointer(p))
        }
    }
}

// MARK: - Copying and filling

/// Copies `source` into `out`, converting elements. Shapes are already equal or broadcastable.
func copyKernel(_ out: Tensor, _ source: Tensor) {
    let loop = ElementLoop(out, source)
    let (so, ss, _, _) = loop.inner
    if out.dtype == source.dtype && so == 1 && ss == 1 {
        let size = out.dtype.size
        let (d, s) = (out.pointer, source.pointer)
        func run() { loop.forEachRun { o, i, _, _, n in (d + o * size).copyMemory(from: s + i * size, byteCount: n * size) } }
        run()
        Tape.note("copy", run)
        return
    }
    let (target, origin) = (out.pointer, source.pointer)
    let (outType, sourceType) = (out.dtype, source.dtype)
    func from<S: TensorElement>(_: S.Type) {
        func to<D: TensorElement>(_: D.Type) {
            let (d, s) = (target.assumingMemoryBound(to: D.self), origin.assumingMemoryBound(to: S.self))
            if S.dtype == D.dtype {
                let s = UnsafeMutableRawPointer(s).assumingMemoryBound(to: D.self)
                loop.forEachRun { o, i, _, _, n in for k in 0..<n { d[o + k * so] = s[i + k * ss] } }
            } else if S.dtype.isFloatingPoint {
                loop.forEachRun { o, i, _, _, n in
                    for k in 0..<n { d[o + k * so] = D(element: s[i + k * ss].asDouble) }
                }
            } else {
                loop.forEachRun { o, i, _, _, n in
                    for k in 0..<n { d[o + k * so] = D(element: s[i + k * ss].asInt64) }
                }
            }
        }
        withElementType(outType) { to($0) }
    }
    func run() { withElementType(sourceType) { from($0) } }
    run()
    Tape.note("copy", run)
    withExtendedLifetime((out, source)) {}
}

/// Sets every element of `out` to the 0-dim `value`.
func fillKernel(_ out: Tensor, _ value: Tensor) {
    // One number into little memory, as seeds of gradients and small constants are.
    if out.isPlain && out.numel <= 16 && value.isPlain && value.numel == 1 && !Tape.isRecording {
        let v = value.readDouble(at: value.offset)
        if out.dtype == .float32 {
            out.typed(Float.self).update(repeating: Float(v), count: out.numel)
        } else {
            out.typed(Double.self).update(repeating: v, count: out.numel)
        }
        return
    }
    copyKernel(out, value)
}

/// How many threads an operation may use.
public enum Threads {
    public static var count: Int {
        get { Int(mk_get_num_threads()) }
        set { mk_set_num_threads(Int32(clamping: Swift.max(newValue, 1))) }
    }
}
