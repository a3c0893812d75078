import MartletKernels

/// One run of a computation as the flat list of the kernels it launched, over memory that stays where it is.
///
/// While a thread records, every kernel runs as usual and is noted here besides (``note(_:_:)``), and fresh memory comes
/// from the tape's arena. A replay makes the same launches again: no tensors, no graph, no allocation. What the kernels
/// read and write outside the arena (parameters, optimizer state, random streams) is read and written anew each time.
///
/// What a replay could not repeat is refused while recording: reading an element into the program (`item()`, a branch
/// on data), and operations whose work is not noted.
public final class Tape {
    /// What is launched again.
    struct Launch {
        let name: StaticString
        let work: Work
    }
    enum Work {
        case whole(() -> Void)
        case elements(ElementSpan)
    }

    let arena = Arena()
    private(set) var launches: [Launch] = []
    /// Memory from outside that the run used, with its version when first met.
    private var outside: [ObjectIdentifier: (storage: Storage, version: Int)] = [:]
    /// Keeps that memory.
    private var touched: [Storage] = []
    /// By how much a replay moves the versions of what it writes outside.
    private var versionSteps: [(storage: Storage, by: Int)] = []
    private var slots: [ObjectIdentifier: SlotUse] = [:]
    /// Memory was looked at since the last launch that was noted.
    var pending = false
    /// The first thing met that cannot be replayed.
    private var refusal: MartletError?
    /// Learning rates that may change between replays.
    var rates: [Rate] = []
    /// Where the next update over a list finds its learning rate, where that is a tensor.
    var rateSource: (() -> Double)?
    var optimizerUse: OptimizerUse?
    /// Whether what optimizers make at their first step is there for all replays; else each replay makes it again.
    var keepsState = true
    /// Which rows an optimizer might change when it was recorded.
    private var policies: [(parameter: Tensor, rows: [Int64]?)] = []
    /// Where inputs lie.
    private var inputs: Set<UnsafeMutableRawPointer> = []
    /// Inside ``asOne(_:_:_:)``.
    private var isNested = false
    private(set) var isSuspended = false

    /// How a leaf's gradient was used: what it had to be at the start, and what it is at the end.
    private struct SlotUse {
        var slot: GradSlot
        /// nil where it was overwritten before it was read.
        let atStart: Tensor??
        var atEnd: Tensor?
    }

    // MARK: Recording

    /// Whether any thread records.
    @inline(__always)
    static var isRecording: Bool { mk_any_records() != 0 }

    /// The tape that the calling thread records on.
    static var current: Tape? {
        guard isRecording, let p = mk_tls_get().pointee.slots.1 else { return nil }
        return Unmanaged<Tape>.fromOpaque(p).takeUnretainedValue()
    }

    /// Begins recording on this thread.
    func begin() throws {
        guard Tape.current == nil else { throw MartletError.runtime("capture: this thread records already") }
        mk_empty_cache()  // the arena keeps what it takes; it should not take blocks of other sizes' leftovers besides
        mk_tls_get().pointee.slots.1 = Unmanaged.passRetained(self).toOpaque()
        mk_recording_add(1)
    }

    /// Ends recording, whether it went well or not.
    private func stop() {
        mk_tls_get().pointee.slots.1 = nil
        mk_recording_add(-1)
        Unmanaged.passUnretained(self).release()
        arena.close()
    }

    /// Ends recording; throws what stood in the way of a tape that can be replayed.
    func end() throws {
        stop()
        if let refusal { throw refusal }
        if pending { throw Tape.unrecorded("an operation") }
        for (storage, version) in outside.values where storage.version != version {
            versionSteps.append((storage, storage.version - version))
        }
        touched = outside.values.map(\.storage)
        outside = [:]
        for key in slots.keys { slots[key]!.atEnd = slots[key]!.slot.grad }
        launches = ElementSpan.fuse(launches)
        optimizerUse = nil
    }

    /// Ends recording and forgets the tape.
    func abandon() {
        stop()
        launches = []
    }

    /// Notes a launch that has just been made. `work` is formed only while a thread records.
    @inline(__always)
    static func note(_ name: StaticString, _ work: @autoclosure () -> () -> Void) {
        if isRecording { current?.record(name, .whole(work())) }
    }

    /// As ``note(_:_:)`` for a loop over elements whose parts may be run on their own; see ``ElementSpan``.
    @inline(__always)
    static func note(_ name: StaticString, elements: @autoclosure () -> ElementSpan) {
        if isRecording { current?.record(name, .elements(elements())) }
    }

    @inline(never)
    func record(_ name: StaticString, _ work: Work) {
        pending = false
        if !isNested { launches.append(Launch(name: name, work: work)) }
    }

    /// Work that reads values, or makes what has a size that depends on them, as one launch: a replay runs `body` again
    /// on the same memory and copies what it gives to where the first results lie. Their sizes must follow from the
    /// operands'; they carry no history.
    static func whole(
        _ name: StaticString, _ operands: [Tensor], _ body: @escaping ([Tensor]) throws -> [Tensor]
    ) throws -> [Tensor] {
        guard isRecording, let tape = current, !tape.isNested else { return try withNoGrad { try body(operands) } }
        let lent = operands.map(\.lent)
        tape.isNested = true
        defer { tape.isNested = false }
        let results = try withNoGrad { try body(operands) }
        let places = results.map(\.lent)
        tape.isNested = false
        tape.record(
            name,
            .whole(
                repeating {
                    for (place, t) in zip(places, try withNoGrad { try body(lent) }) {
                        guard t.sizes == place.sizes else {
                            throw MartletError.runtime("capture: \(name) gave \(place.sizes) when it was recorded, and \(t.sizes) now")
                        }
                        copyKernel(place, t)
                    }
                }))
        return results
    }

    /// One launch out of several: what `body` notes is left out, for the launch that repeats all of it.
    static func asOne<R>(_ name: StaticString, _ work: @autoclosure () -> () -> Void, _ body: () throws -> R) rethrows -> R {
        guard isRecording, let tape = current, !tape.isNested else { return try body() }
        tape.isNested = true
        defer { tape.isNested = false }
        let result = try body()
        tape.isNested = false
        tape.record(name, .whole(work()))
        return result
    }

    /// As ``asOne(_:_:_:)`` for work on `operands` whose own memory is not the tape's; `work` is given them for replays.
    static func touching(
        _ name: StaticString, _ operands: [Tensor], _ work: ([Tensor]) -> () -> Void, _ body: () throws -> Void
    ) throws {
        guard isNoting, let tape = current else { return try body() }
        let again = work(operands.map(\.lent))
        try outside(body)
        tape.record(name, .whole(again))
    }

    /// Called when a tensor's memory is looked at while some thread records.
    @inline(never)
    static func touch(_ storage: Storage) {
        guard let tape = current else { return }
        tape.pending = true
        if tape.arena.owns(storage.base) { return }
        let id = ObjectIdentifier(storage)
        if tape.outside[id] == nil { tape.outside[id] = (storage, storage.version) }
    }

    /// Runs `body` as if nothing were recorded: what it makes is there when the first replay begins, and stays.
    static func outside<R>(_ body: () throws -> R) rethrows -> R {
        guard let tape = current else { return try body() }
        tape.suspend()
        defer { tape.resume() }
        return try body()
    }

    /// Between these two the thread does not record.
    func suspend() {
        isSuspended = true
        mk_tls_get().pointee.slots.1 = nil
        mk_recording_add(-1)
    }

    func resume() {
        isSuspended = false
        mk_tls_get().pointee.slots.1 = Unmanaged.passUnretained(self).toOpaque()
        mk_recording_add(1)
    }

    /// Runs `body` without noting its launches.
    static func paused<R>(_ body: () throws -> R) rethrows -> R {
        guard let tape = current, !tape.isNested else { return try body() }
        tape.isNested = true
        defer {
            tape.isNested = false
            tape.pending = false
        }
        return try body()
    }

    // MARK: What cannot be recorded

    private static func unrecorded(_ what: String) -> MartletError {
        .capture("capture: \(what) cannot be recorded: it works on memory in a way that a replay would not repeat")
    }

    /// Refuses an operation whose work depends on the values it meets or is not noted; not within a launch that repeats
    /// all of it.
    static func refuse(_ op: String) throws {
        guard let tape = current, !tape.isNested else { return }
        let error = unrecorded(op)
        tape.refusal = tape.refusal ?? error
        throw error
    }

    /// As ``refuse(_:)`` in place of a result.
    static func refused<R>(_ op: String) throws -> R {
        try refuse(op)
        throw unrecorded(op)
    }

    /// As ``refuse(_:)`` where nothing can be thrown: the recording fails at its end.
    static func refuseLater(_ op: String) {
        guard let tape = current else { return }
        tape.refusal = tape.refusal ?? unrecorded(op)
    }

    /// Refuses to hand an element to the program. Bare numbers are constants and may be read.
    public static func refuseReading(_ op: String, _ t: Tensor) throws {
        guard isRecording, !t.isWrappedNumber, let tape = current, !tape.isNested else { return }
        let error = MartletError.capture(
            "capture: \(op) reads a tensor's values into the program, which a replay cannot repeat; keep the decision or the number outside of the captured function")
        tape.refusal = tape.refusal ?? error
        throw error
    }

    /// Refuses an optimizer's first step on some rows, which makes what the later ones only change.
    static func refuseFirstStep() throws {
        guard isRecording, let tape = current else { return }
        let error = MartletError.capture(
            "capture: an optimizer's first step on some rows cannot be recorded; run the step once before")
        tape.refusal = tape.refusal ?? error
        throw error
    }

    /// Called after each operation of the C API: throws where memory was used and nothing noted.
    public static func settle(_ op: StaticString) throws {
        guard isRecording, let tape = current, tape.pending, !tape.isNested else { return }
        tape.pending = false
        let error = unrecorded(String(op.description.prefix { $0 != "(" }))
        tape.refusal = tape.refusal ?? error
        throw error
    }

    // MARK: Gradients of leaves

    /// The run reads a leaf's gradient.
    static func reads(_ slot: GradSlot) {
        guard !slot.isPassing, let tape = current else { return }
        let id = ObjectIdentifier(slot)
        if tape.slots[id] == nil { tape.slots[id] = SlotUse(slot: slot, atStart: .some(slot.grad)) }
    }

    /// The run replaces a leaf's gradient.
    static func overwrites(_ slot: GradSlot) {
        guard !slot.isPassing, let tape = current else { return }
        let id = ObjectIdentifier(slot)
        if tape.slots[id] == nil { tape.slots[id] = SlotUse(slot: slot, atStart: nil) }
    }

    /// Gradients that leaves hold at the end.
    var finalGradients: [Tensor] { slots.values.compactMap { $0.atEnd } }

    // MARK: What the run works on

    /// An optimizer steps this parameter.
    func notePolicy(_ p: Tensor) { policies.append((p, p.updatableNumbers)) }

    /// Memory that stands for an input.
    func noteInput(_ storage: Storage) { inputs.insert(storage.base) }

    /// Whether a tensor is the run's data: computed by it, or an input.
    func computes(_ t: Tensor) -> Bool { arena.owns(t.storage.base) || inputs.contains(t.storage.base) }

    // MARK: Replaying

    /// The tape that the calling thread replays.
    static var replaying: Tape? {
        mk_tls_get().pointee.slots.2.map { Unmanaged<Tape>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether the calling thread records what it does, outside of a launch that repeats all of it.
    static var isNoting: Bool { isRecording && current.map { !$0.isNested } ?? false }

    /// Work that may fail, as a launch: a replay ends there and reports the failure.
    static func repeating(_ work: @escaping () throws -> Void) -> () -> Void {
        { do { try work() } catch { replaying?.fail(error as? MartletError ?? .runtime("\(error)")) } }
    }

    /// Whether leaves have the gradients, or lack of them, with which the recording began, and optimizers may change the
    /// rows they might then.
    var fits: Bool {
        var others: [ObjectIdentifier] = []
        for (id, use) in slots {
            guard let atStart = use.atStart else { continue }
            if use.slot.grad !== atStart { others.append(id) }
        }
        for id in others {
            // The tape alone holds the gradient of a leaf that the run itself made, and makes anew each time.
            guard isKnownUniquelyReferenced(&slots[id]!.slot) else { return false }
            slots[id] = nil
        }
        return policies.allSatisfy { $0.parameter.updatableNumbers == $0.rows }
    }

    /// The error that a launch met in the replay that runs, and whether there is one, which each launch asks.
    private var replayError: MartletError?
    private let failed = UnsafeMutablePointer<Bool>.allocate(capacity: 1)

    deinit { failed.deallocate() }

    /// Called by a launch that met a value it cannot work with.
    func fail(_ error: MartletError) {
        replayError = replayError ?? error
        failed.pointee = true
    }

    /// Makes all launches again, up to one that fails: like a run of the function, which would have ended there.
    func replay() throws {
        (replayError, failed.pointee) = (nil, false)
        let outer = mk_tls_get().pointee.slots.2
        mk_tls_get().pointee.slots.2 = Unmanaged.passUnretained(self).toOpaque()
        defer { mk_tls_get().pointee.slots.2 = outer }
        for launch in launches {
            switch launch.work {
            case .whole(let work): work()
            case .elements(let span): span.run()
            }
            if failed.pointee { break }
        }
        for (storage, by) in versionSteps { storage.version += by }
        if let replayError { throw replayError }
        for use in slots.values where use.slot.grad !== use.atEnd { use.slot.grad = use.atEnd }
    }
}

/// Launches a kernel and notes it. For loops where the cost of forming a closure does not matter; hot ones call
/// ``Tape/note(_:_:)`` after a local function.
@inline(__always)
func launch(_ name: StaticString, _ work: @escaping () -> Void) {
    work()
    Tape.note(name, work)
}

extension Tensor {
    /// This tensor for a launch that is noted: the same window, but without a hold on the memory, which the tape keeps.
    /// The tensor itself while nothing is recorded.
    var lent: Tensor {
        guard Tape.isRecording, Tape.current != nil else { return self }
        Tape.touch(storage)
        let held = Storage(foreign: storage.base, byteCount: storage.byteCount, release: {})
        let t = Tensor(storage: held, offset: offset, sizes: sizes, strides: strides, dtype: dtype)
        t.sparse = sparse.map {
            SparseParts(indices: $0.indices.lent, values: $0.values.lent, coalesced: $0.coalesced, count: $0.count?.lent)
        }
        return t
    }
}

extension UnsafeMutableRawPointer {
    /// As a pointer to elements.
    @inline(__always)
    func `as`<T>(_: T.Type = T.self) -> UnsafeMutablePointer<T> { assumingMemoryBound(to: T.self) }
}
