/// A computation recorded once and made again on new input values: forward pass, gradients, optimizer step and random
/// draws as one list of kernel launches over memory that stays in place, without graph, shapes or allocation.
///
///     let step = Capture { inputs in
///         try optimizer.zeroGrad()
///         let loss = try lossFunction(model(inputs[0]), inputs[1])
///         try loss.backward()
///         try optimizer.step()
///         return [loss]
///     }
///     let loss = try step([x, y])[0]
///
/// The first call with inputs of new sizes and dtypes runs the body as it is, which lets it make what is made only once
/// (optimizer state); the second runs it while recording; later calls replay. Every call does the work of exactly one
/// run, and its results are the same bit for bit. Results carry no history.
///
/// The body must do the same launches each time. What it decides by Swift values belongs into `key`, whose every value
/// has a recording of its own; deciding by a tensor's elements (`item()`) is a `capture` error. State that it keeps in
/// tensors must be updated in place. Inputs that require gradients, and tensors that the body captures, are used where
/// they are; other inputs are copied in.
///
/// Cost of a replay: a few nanoseconds a launch beside the kernels themselves. Not to be called from two threads at once.
public final class Capture {
    private struct Key: Hashable {
        let number: Int
        let shapes: [Dims]
        let dtypes: [DType]
        let places: [ObjectIdentifier?]

        init(_ number: Int, _ inputs: [Tensor]) {
            self.number = number
            shapes = inputs.map(\.sizes)
            dtypes = inputs.map(\.dtype)
            places = inputs.map { $0.requiresGrad ? ObjectIdentifier($0) : nil }
        }
    }

    private let body: ([Tensor]) throws -> [Tensor]
    private let limit: Int
    private var seen: Set<Key> = []
    private var recordings: [Key: Recording] = [:]

    /// - Parameter limit: how many recordings are kept; more kinds of inputs than that are an error.
    public init(limit: Int = 64, _ body: @escaping ([Tensor]) throws -> [Tensor]) {
        (self.limit, self.body) = (limit, body)
    }

    /// Runs the body, or what was recorded of it, on these inputs.
    /// Inside another recording it is the body that runs, as part of that.
    public func callAsFunction(_ inputs: [Tensor], key: Int = 0) throws -> [Tensor] {
        if Recording.isActive { return try body(inputs) }
        let k = Key(key, inputs)
        if let recording = recordings[k], recording.fits { return try recording.replay(inputs) }
        if seen.insert(k).inserted { return try body(inputs).map { $0.detach() } }
        guard recordings[k] != nil || recordings.count < limit else {
            throw MartletError.capture("capture: more than \(limit) different kinds of inputs; raise the limit or pad the inputs")
        }
        let recording = Recording()
        recordings[k] = recording
        do {
            return try recording.record(inputs, body)
        } catch {
            recordings[k] = nil
            throw error
        }
    }

    /// Runs what was recorded for inputs of these kinds once for each index of a leading dimension that all inputs have
    /// in common, in one call; results are stacked likewise.
    public func replayMany(_ stacked: [Tensor], key: Int = 0) throws -> [Tensor] {
        guard let first = stacked.first, first.rank > 0 else {
            throw MartletError.value("replayMany(): the inputs need a leading dimension of runs")
        }
        var results: [[Tensor]] = []
        var done = 0
        // Until there is a recording, runs go one by one.
        while done < first.sizes[0] {
            let inputs = try stacked.map { try $0.detach().select(0, done) }
            if let recording = recordings[Key(key, inputs)], recording.fits {
                let rest = try recording.replayMany(stacked.map { try $0.detach().slice(0, done, first.sizes[0]) })
                if results.isEmpty { return rest }
                return try rest.enumerated().map { i, r in try Tensor.cat([Tensor.stack(results.map { $0[i] }), r]) }
            }
            results.append(try self(inputs, key: key))
            done += 1
        }
        return try (0..<(results.first?.count ?? 0)).map { i in try Tensor.stack(results.map { $0[i] }) }
    }

    /// How many recordings there are.
    public var count: Int { recordings.count }
}

/// One recorded run with its inputs and results.
public final class Recording {
    private let tape = Tape()
    private var inputs: [Tensor] = []
    private var outputs: [Tensor] = []
    /// Whether each output lies in the tape's memory, which the next replay overwrites.
    private var ownOutputs: [Bool] = []

    public init() {}

    /// Begins recording on the calling thread.
    public func begin() throws { try tape.begin() }

    /// A tensor that stands for an input: copies of the values given here, and at each replay of those given there. One
    /// that requires gradients stands for itself. Call while recording, in the order of ``replay(_:)``'s inputs.
    public func input(_ t: Tensor) throws -> Tensor {
        guard Tape.current === tape else { throw MartletError.runtime("capture: an input was added while not recording") }
        if t.isSparse { throw MartletError.capture("capture: input \(inputs.count) is sparse; pass its indices and values") }
        if t.requiresGrad {
            inputs.append(t)
            return t
        }
        let place = Tensor(
            storage: try Storage(byteCount: Swift.max(t.numel, 1) * t.dtype.size, constant: true), offset: 0, sizes: t.sizes,
            strides: t.sizes.contiguousStrides, dtype: t.dtype)
        Tape.paused { copyKernel(place, t) }
        tape.noteInput(place.storage)
        inputs.append(place)
        return place
    }

    /// Ends recording; `results` are what replays return, in this order. Throws `capture` where the run cannot be replayed.
    public func end(_ results: [Tensor]) throws {
        guard Tape.current === tape else { throw MartletError.runtime("capture: end without begin on this thread") }
        for (i, r) in results.enumerated() where r.isSparse {
            tape.abandon()
            throw MartletError.capture("capture: result \(i) is sparse; return its indices and values")
        }
        outputs = results.map { $0.detach() }
        ownOutputs = outputs.map { tape.arena.owns($0.storage.base) }
        try tape.end()
    }

    /// Between `pause(true)` and `pause(false)` the thread works as if it did not record: for what is made only once.
    public func pause(_ on: Bool) throws {
        guard on ? Tape.current === tape : tape.isSuspended && Tape.current == nil else {
            throw MartletError.runtime("capture: \(on ? "pause while not recording" : "end of a pause that did not begin")")
        }
        if on { tape.suspend() } else { tape.resume() }
    }

    /// Ends recording after a failure.
    public func abandon() {
        if tape.isSuspended && Tape.current == nil { tape.resume() }
        if Tape.current === tape { tape.abandon() }
    }

    func record(_ given: [Tensor], _ body: ([Tensor]) throws -> [Tensor]) throws -> [Tensor] {
        try begin()
        do {
            try end(try body(given.map(input)))
        } catch {
            abandon()
            throw error
        }
        return try results()
    }

    /// Whether the leaves that the run touches have gradients where they had some when it was recorded, and none where
    /// they had none, and optimizers of Swift may change the rows they might then. Otherwise the run must be recorded anew.
    public var fits: Bool { tape.fits }

    /// Runs the recorded launches on new values of the inputs, whose sizes and dtypes must be those recorded.
    ///
    /// Throws `capture` where it does not fit the leaves' gradients (``fits``).
    public func replay(_ given: [Tensor]) throws -> [Tensor] {
        try Tape.refuse("a replay of another recording")
        guard fits else { throw MartletError.capture("replay: the leaves' gradients are not as they were recorded; record anew") }
        try take(given)
        try tape.replay()
        return try results()
    }

    private func take(_ given: [Tensor]) throws {
        guard given.count == inputs.count else {
            throw MartletError.value("replay: \(inputs.count) inputs were recorded, got \(given.count)")
        }
        for (i, (place, t)) in zip(inputs, given).enumerated() {
            if place === t { continue }
            guard t.sizes == place.sizes, t.dtype == place.dtype, !t.isSparse else {
                throw MartletError.value(
                    "replay: input \(i) was recorded as \(place.dtype.name) \(place.sizes), got \(t.dtype.name) \(t.sizes)")
            }
            guard !place.requiresGrad else {
                throw MartletError.value("replay: input \(i) requires gradients and was recorded as another tensor")
            }
            if t.isContiguous {
                copyRun(place.pointer, t.pointer, place)
            } else {
                copyKernel(place, t)
            }
        }
    }

    /// Copies of the results.
    private func results() throws -> [Tensor] {
        try outputs.indices.map { i in
            let o = outputs[i]
            guard ownOutputs[i] else { return o }
            let copy = try Tensor.empty(o.sizes, o.dtype)
            if o.isContiguous { copyRun(copy.pointer, o.pointer, o) } else { copyKernel(copy, o) }
            return copy
        }
    }

    /// One replay for each index of the inputs' leading dimension; results are stacked along a new one.
    public func replayMany(_ stacked: [Tensor]) throws -> [Tensor] {
        try Tape.refuse("a replay of another recording")
        guard stacked.count == inputs.count, let n = stacked.first?.sizes.first, stacked.allSatisfy({ $0.rank > 0 && $0.sizes[0] == n })
        else { throw MartletError.value("replay_many: each of the \(inputs.count) inputs needs the same leading dimension of runs") }
        for (i, (place, t)) in zip(inputs, stacked).enumerated() {
            guard Dims(t.sizes.dropFirst()) == place.sizes, t.dtype == place.dtype, !t.isSparse, !place.requiresGrad else {
                throw MartletError.value(
                    "replay_many: input \(i) was recorded as \(place.dtype.name) \(place.sizes), got runs of \(t.dtype.name) \(Dims(t.sizes.dropFirst()))")
            }
        }
        guard fits else { throw MartletError.capture("replay_many: the leaves' gradients are not as they were recorded") }
        let all = try outputs.map { o -> Tensor in
            var shape = o.sizes
            shape.insert(n, at: 0)
            return try .empty(shape, o.dtype)
        }
        let sources = try stacked.map { try $0.detach().contiguous() }
        for k in 0..<n {
            for (place, t) in zip(inputs, sources) { copyRun(place.pointer, t.pointer + k * place.numel * t.dtype.size, place) }
            try tape.replay()
            for (o, a) in zip(outputs, all) {
                if o.isContiguous {
                    copyRun(a.pointer + k * o.numel * o.dtype.size, o.pointer, o)
                } else {
                    copyKernel(a.plainSlice(0, k), o)
                }
            }
        }
        return all
    }

    private func copyRun(_ to: UnsafeMutableRawPointer, _ from: UnsafeMutableRawPointer, _ t: Tensor) {
        to.copyMemory(from: from, byteCount: t.numel * t.dtype.size)
    }

    /// Kernel launches of one replay, loops that run together counted once, and bytes of memory of its own.
    public var launchCount: Int { tape.launches.count }
    public var byteCount: Int { tape.arena.byteCount }

    /// Learning rates that updates over lists (``SGD/update(_:_:_:lr:_:)`` through the C API) used, in order.
    public var rateCount: Int { tape.rates.count }
    public func setRate(_ i: Int, _ lr: Double) { tape.rates[i].value = lr }

    /// Tensors made inside the run that somebody else than its results and the leaves' gradients still holds. A replay
    /// writes to their memory; it does not make new ones.
    public var strayCount: Int {
        let expected = (outputs + tape.finalGradients).flatMap { t -> [Tensor] in
            [t] + (t.sparse.map { [$0.indices, $0.values] + ($0.count.map { [$0] } ?? []) } ?? [])
        }
        return tape.arena.strays(Set(expected.map { $0.storage.base }))
    }

    /// Whether the calling thread records.
    public static var isActive: Bool { Tape.current != nil }
    /// ``rateCount`` of the recording that the calling thread makes.
    public static var activeRateCount: Int { Tape.current?.rates.count ?? 0 }
}
