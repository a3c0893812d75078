import CMartlet
import Glibc
import Martlet

/// The calling thread's last failure.
private final class ErrorSlot {
    var code: Int32 = 0
    var text: UnsafeMutablePointer<CChar>?
    deinit { free(text) }
}

private let slotKey: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { Unmanaged<ErrorSlot>.fromOpaque($0!).release() }
    return key
}()

private func errorSlot() -> ErrorSlot {
    if let p = pthread_getspecific(slotKey) { return Unmanaged<ErrorSlot>.fromOpaque(p).takeUnretainedValue() }
    let slot = ErrorSlot()
    pthread_setspecific(slotKey, Unmanaged.passRetained(slot).toOpaque())
    return slot
}

/// Thrown after a caller's callback has set the thread's error itself.
struct CallbackFailure: Error {}

@discardableResult
func setError(_ error: Error) -> mt_status {
    if error is CallbackFailure {
        let slot = errorSlot()
        if slot.code == 0 { return setError(MartletError(.user, "a callback reported failure without mt_set_error")) }
        return slot.code
    }
    let e = error as? MartletError ?? .runtime("\(error)")
    let slot = errorSlot()
    free(slot.text)
    slot.text = strdup(e.message)
    slot.code = e.kind.rawValue
    return slot.code
}

private let emptyText: StaticString = ""
private let versionText: StaticString = "0.1.0"

private func staticPointer(_ s: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(s.utf8Start).assumingMemoryBound(to: CChar.self)
}

@_cdecl("mt_version") @implementation
public func mt_version() -> UnsafePointer<CChar>? { staticPointer(versionText) }

@_cdecl("mt_last_error_code") @implementation
public func mt_last_error_code() -> mt_status { errorSlot().code }

@_cdecl("mt_last_error_message") @implementation
public func mt_last_error_message() -> UnsafePointer<CChar>? {
    errorSlot().text.map { UnsafePointer($0) } ?? staticPointer(emptyText)
}

@_cdecl("mt_clear_error") @implementation
public func mt_clear_error() {
    let slot = errorSlot()
    free(slot.text)
    slot.text = nil
    slot.code = 0
}

@_cdecl("mt_set_error") @implementation
public func mt_set_error(_ code: mt_status, _ message: UnsafePointer<CChar>?) {
    let kind = MartletError.Kind(rawValue: code) ?? .user
    setError(MartletError(kind, message.map { String(cString: $0) } ?? ""))
}

@_cdecl("mt_string_free") @implementation
public func mt_string_free(_ text: UnsafeMutablePointer<CChar>?) { free(text) }
