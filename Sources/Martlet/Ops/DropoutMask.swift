import MartletKernels

/// What dropout keeps of a tensor: a bit for each element, in the tensor's memory order.
///
///     let mask = try DropoutMask.draw(like: x, 0.1)
///     let y = try x.dropped(mask)  // 0 or x / 0.9
///
/// An eighth of a byte an element, where a tensor of factors takes four bytes. Of float32 and float64 only.
struct DropoutMask {
    /// uint8, with two bytes to spare for the kernels.
    let bits: Tensor
    let form: Form

    /// All but the bits: what a node keeps that saves them.
    struct Form {
        /// Those of what the mask is for; its memory has no gaps.
        let sizes, strides: Dims
        /// The probability of being kept; what is kept is divided by it.
        let share: Double
    }

    /// The same, holding no memory: for launches, whose memory the recording holds.
    var lent: DropoutMask { DropoutMask(bits: bits.lent, form: form) }

    /// Draws one number an element, as torch does; none for p = 1, which keeps nothing.
    static func draw(_ sizes: Dims, strides: Dims? = nil, _ p: Double, _ generator: Generator? = nil) throws -> DropoutMask {
        let n = sizes.product
        let bits = try Tensor.empty(Dims((n + 7) / 8 + 2), .uint8)
        let (out, generator) = (bits.pointer, generator ?? .default)
        func run() {
            if p == 1 {
                out.as(UInt8.self).update(repeating: 0, count: (n + 7) / 8)
            } else {
                generator.withLock { mk_bernoulli_bits(generator.engine, out.as(), Int64(n), 1 - p) }
            }
        }
        run()
        Tape.note("random", run)
        return DropoutMask(
            bits: bits, form: Form(sizes: sizes, strides: strides ?? sizes.contiguousStrides, share: 1 - p))
    }

    /// x times the factors, without history. The result lies in memory as the mask says; it is x itself with `over`,
    /// where that has this layout.
    func applied(to x: Tensor, over: Bool = false) throws -> Tensor {
        let (sizes, strides) = (form.sizes, form.strides)
        let fits = x.strides == strides || x.isContiguous && strides == sizes.contiguousStrides
        let out = try fits && over ? x : Tensor.empty(sizes, strides: strides, x.dtype)
        if !fits { copyKernel(out, x) }
        let (p, b, o) = (fits ? x.pointer : out.pointer, bits.pointer, out.pointer)
        let (n, isFloat, share) = (sizes.product, x.dtype == .float32, form.share)
        func run() {
            if isFloat {
                DropoutMask.apply(share, p.as(Float.self), b.as(), 0, o.as(), n)
            } else {
                DropoutMask.apply(share, p.as(Double.self), b.as(), 0, o.as(), n)
            }
        }
        run()
        Tape.note("dropout", run)
        return out
    }

    /// n elements of x times the factors, those of the mask's element `first` on; `out` may be x.
    @inline(__always)
    static func apply<T: BinaryFloatingPoint>(
        _ share: Double, _ x: UnsafeMutablePointer<T>, _ bits: UnsafePointer<UInt8>, _ first: Int,
        _ out: UnsafeMutablePointer<T>, _ n: Int
    ) {
        let (x, out) = (UnsafeMutableRawPointer(x), UnsafeMutableRawPointer(out))
        if T.self == Float.self {
            mk_dropout_f32(x.as(), bits, Int64(first), 1 / Float(share), out.as(), Int64(n))
        } else {
            mk_dropout_f64(x.as(), bits, Int64(first), 1 / share, out.as(), Int64(n))
        }
    }
}

extension Tensor {
    /// What `mask` keeps of this tensor, divided by its share, and zeros: a linear step, which is its own adjoint.
    func dropped(_ mask: DropoutMask) throws -> Tensor {
        let out = try mask.applied(to: self)
        if GradMode.needs(self) {
            out.attach("MulBackward0", TensorList(self, nil)) { $0.save(mask.bits) } backward: { [form = mask.form] node, g in
                guard let g = g[0] else { return TensorList(nil, nil) }
                let mask = DropoutMask(bits: try node.saved(0), form: form)
                return TensorList(try GradMode.isEnabled ? g.dropped(mask) : mask.applied(to: g, over: node.mayOverwrite), nil)
            }
            out.history?.canOverwrite = true
        }
        return out
    }
}
