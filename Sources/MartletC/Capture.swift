import CMartlet
import Martlet

// Recording a run and making it again.

private func R(_ h: mt_capture?, _ op: StaticString = #function) throws -> Recording {
    try object(h, Recording.self, "capture", op)
}

@_cdecl("mt_capture_begin") @implementation
public func mt_capture_begin() -> mt_capture? {
    value(nil) {
        let r = Recording()
        try r.begin()
        return own(r)
    }
}

@_cdecl("mt_capture_input") @implementation
public func mt_capture_input(_ capture: mt_capture?, _ tensor: mt_tensor?) -> mt_tensor? {
    result { try R(capture).input(T(tensor, "tensor")) }
}

@_cdecl("mt_capture_pause") @implementation
public func mt_capture_pause(_ capture: mt_capture?, _ on: Int32) -> mt_status { status { try R(capture).pause(on != 0) } }

@_cdecl("mt_capture_end") @implementation
public func mt_capture_end(_ capture: mt_capture?, _ results: UnsafePointer<mt_tensor?>?, _ n: Int32) -> mt_status {
    status {
        let r = try R(capture)
        do { try r.end(tensors(results, n, "results")) } catch {
            r.abandon()
            throw error
        }
    }
}

@_cdecl("mt_capture_abandon") @implementation
public func mt_capture_abandon(_ capture: mt_capture?) -> mt_status { status { try R(capture).abandon() } }

@_cdecl("mt_capture_release") @implementation
public func mt_capture_release(_ capture: mt_capture?) {
    if let r = try? R(capture) { r.abandon() }
    disown(capture)
}

@_cdecl("mt_capture_fits") @implementation
public func mt_capture_fits(_ capture: mt_capture?) -> Int32 { value(-1) { try R(capture).fits ? 1 : 0 } }

@_cdecl("mt_capture_replay") @implementation
public func mt_capture_replay(
    _ capture: mt_capture?, _ inputs: UnsafePointer<mt_tensor?>?, _ n: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    replayed(out) { try R(capture).replay(tensors(inputs, n, "inputs")) }
}

@_cdecl("mt_capture_replay_many") @implementation
public func mt_capture_replay_many(
    _ capture: mt_capture?, _ inputs: UnsafePointer<mt_tensor?>?, _ n: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    replayed(out) { try R(capture).replayMany(tensors(inputs, n, "inputs")) }
}

/// As ``results(_:_:_:)``; without results there may be no place for them.
private func replayed(_ out: UnsafeMutablePointer<mt_tensor?>?, _ body: () throws -> [Tensor]) -> mt_status {
    status {
        let made = try body()
        guard !made.isEmpty else { return }
        guard let out else { throw MartletError(.handle, "replay: the result pointer is NULL") }
        for (i, t) in made.enumerated() {
            out[i] = own(t)
            noteInScope(out[i]!)
        }
    }
}

@_cdecl("mt_capture_get_info") @implementation
public func mt_capture_get_info(_ capture: mt_capture?, _ info: UnsafeMutablePointer<mt_capture_info>?) -> mt_status {
    status {
        let r = try R(capture)
        guard let info else { throw MartletError(.handle, "mt_capture_get_info: info is NULL") }
        guard info.pointee.size >= UInt32(MemoryLayout<mt_capture_info>.size) else {
            throw MartletError.value("mt_capture_get_info: size is too small; start from MT_CAPTURE_INFO_INIT")
        }
        info.pointee.launches = Int64(r.launchCount)
        info.pointee.bytes = Int64(r.byteCount)
        info.pointee.rates = Int32(r.rateCount)
        info.pointee.strays = Int32(r.strayCount)
    }
}

@_cdecl("mt_capture_set_rate") @implementation
public func mt_capture_set_rate(_ capture: mt_capture?, _ i: Int32, _ lr: Double) -> mt_status {
    status {
        let r = try R(capture)
        guard i >= 0 && Int(i) < r.rateCount else {
            throw MartletError.index("mt_capture_set_rate: rate \(i) of a recording with \(r.rateCount)")
        }
        r.setRate(Int(i), lr)
    }
}

@_cdecl("mt_capture_rate") @implementation
public func mt_capture_rate(_ lr: Double) -> mt_tensor? { result { try Tape.rateTensor(lr) } }

@_cdecl("mt_capture_rate_from") @implementation
public func mt_capture_rate_from(_ lr: mt_tensor?) -> Double { value(.nan) { try Tape.rate(from: T(lr, "lr")) } }

@_cdecl("mt_capture_keep_state") @implementation
public func mt_capture_keep_state(_ keep: Int32) { Tape.keepState(keep != 0) }

@_cdecl("mt_require_all") @implementation
public func mt_require_all(_ condition: mt_tensor?, _ code: Int32, _ message: UnsafePointer<CChar>?) -> mt_status {
    status {
        let kind = MartletError.Kind(rawValue: code) ?? .user
        try T(condition, "condition").requireAll(MartletError(kind, message.map { String(cString: $0) } ?? ""))
    }
}

@_cdecl("mt_capture_active") @implementation
public func mt_capture_active() -> Int32 { Recording.isActive ? 1 : 0 }

@_cdecl("mt_capture_rates") @implementation
public func mt_capture_rates() -> Int32 { Int32(Recording.activeRateCount) }
