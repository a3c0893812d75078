import CMartlet
import Glibc
import Martlet
import Synchronization

// Scopes release every tensor handed out since they began, so that C code reads like arithmetic and leaks nothing.

/// Open scopes over all threads; zero spares every other call the look at its thread's own.
private let openScopes = Atomic<Int>(0)

private final class ScopeStack {
    var scopes: [[OpaquePointer]] = []
}

private let stackKey: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { Unmanaged<ScopeStack>.fromOpaque($0!).release() }
    return key
}()

private func scopeStack() -> ScopeStack {
    if let p = pthread_getspecific(stackKey) { return Unmanaged<ScopeStack>.fromOpaque(p).takeUnretainedValue() }
    let stack = ScopeStack()
    pthread_setspecific(stackKey, Unmanaged.passRetained(stack).toOpaque())
    return stack
}

/// Notes a handle that was given out, where a scope of this thread is open.
@inline(__always)
func noteInScope(_ h: OpaquePointer) {
    if openScopes.load(ordering: .relaxed) == 0 { return }
    let stack = scopeStack()
    if !stack.scopes.isEmpty { stack.scopes[stack.scopes.count - 1].append(h) }
}

/// Forgets a handle that its owner released or keeps.
@inline(__always)
func forgetInScope(_ h: OpaquePointer) {
    if openScopes.load(ordering: .relaxed) == 0 { return }
    let stack = scopeStack()
    for s in stack.scopes.indices.reversed() {
        if let i = stack.scopes[s].lastIndex(of: h) {
            stack.scopes[s].remove(at: i)
            return
        }
    }
}

@_cdecl("mt_scope_begin") @implementation
public func mt_scope_begin() {
    openScopes.wrappingAdd(1, ordering: .relaxed)
    scopeStack().scopes.append([])
}

@_cdecl("mt_scope_end") @implementation
public func mt_scope_end() -> mt_status {
    status {
        guard let handles = scopeStack().scopes.popLast() else {
            throw MartletError.runtime("mt_scope_end: no scope is open on this thread")
        }
        openScopes.wrappingSubtract(1, ordering: .relaxed)
        for h in handles.reversed() { disown(h) }
    }
}

@_cdecl("mt_scope_keep") @implementation
public func mt_scope_keep(_ t: mt_tensor?) -> mt_tensor? {
    guard let t else { return nil }
    let stack = scopeStack()
    forgetInScope(t)
    // Into the scope outside this one, if there is one.
    if stack.scopes.count > 1 { stack.scopes[stack.scopes.count - 2].append(t) }
    return t
}
