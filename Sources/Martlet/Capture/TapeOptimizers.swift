/// What a tape knows of optimizers: learning rates that replays read anew, counts of steps, and state that lasts.
extension Tape {
    /// A number that may be changed between replays, and the tensor that shows it to launches, where there is one.
    final class Rate {
        var value: Double { didSet { place?.fillDouble(value) } }
        private let place: Tensor?

        init(_ value: Double, _ place: Tensor? = nil) { (self.value, self.place) = (value, place) }
    }

    /// Where the launches of an optimizer's update find its learning rate and count of steps when they are made again.
    struct OptimizerUse {
        let rate: () -> Double
        /// nil where each launch counts by itself.
        let steps: (() -> Double)?
    }

    /// Gives the update over a list that begins a rate of its own.
    public static func beginUpdate(_ lr: Double) {
        guard let tape = current else { return }
        if let source = tape.rateSource {
            tape.optimizerUse = OptimizerUse(rate: source, steps: nil)
            return
        }
        let rate = Rate(lr)
        tape.rates.append(rate)
        tape.optimizerUse = OptimizerUse(rate: { rate.value }, steps: nil)
    }

    public static func endUpdate() {
        guard let tape = current else { return }
        (tape.optimizerUse, tape.rateSource) = (nil, nil)
    }

    /// The learning rate of the next update over a list, which replays read from this tensor.
    public static func rate(from t: Tensor) throws -> Double {
        try t.checkOneElement()
        if isRecording, let tape = current {
            let place = t.lent
            tape.pending = false
            tape.rateSource = { place.readDouble(at: place.offset) }
        }
        return t.readDouble(at: t.offset)
    }

    /// A learning rate as a tensor without dimensions, for updates made of operations.
    public static func rateTensor(_ lr: Double) throws -> Tensor {
        let place = Tensor(storage: try Storage(byteCount: 8, constant: true), offset: 0, sizes: [], strides: [], dtype: .float64)
        place.fillDouble(lr)
        if isRecording, let tape = current {
            tape.rates.append(Rate(lr, place))
            tape.pending = false
        }
        return place
    }

    /// Whether replays of the recording that is being made find what optimizers make at their first step, or make it again.
    public static func keepState(_ keep: Bool) { current?.keepsState = keep }

    /// Whether each replay makes optimizers' state again.
    static var makesState: Bool { current.map { !$0.keepsState } ?? false }

    /// Runs `body`, which makes an optimizer's state.
    static func state<R>(_ body: () throws -> R) rethrows -> R {
        guard let tape = current, tape.keepsState else { return try body() }
        return try outside(body)
    }

    /// The launch of an optimizer's update with the learning rate of the time when it is made again.
    static func withRate(_ lr: Double, _ run: @escaping (Double) -> Void) -> () -> Void {
        let use = current?.optimizerUse
        return { run(use?.rate() ?? lr) }
    }

    /// As ``withRate(_:_:)`` for updates that also depend on the number of steps, counted from one.
    static func withRate(_ lr: Double, _ step: Double, _ run: @escaping (_ lr: Double, _ step: Double) -> Void) -> () -> Void {
        let use = current?.optimizerUse
        var count = step
        return {
            count += 1
            run(use?.rate() ?? lr, use?.steps?() ?? count)
        }
    }
}
