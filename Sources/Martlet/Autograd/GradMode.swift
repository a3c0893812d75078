import MartletKernels

/// Whether operations record how they were computed. Per thread, on by default.
public enum GradMode {
    /// Reads or sets recording for the calling thread.
    public static var isEnabled: Bool {
        @inline(__always) get { mk_tls_get().pointee.grad_mode_disabled == 0 }
        set { mk_tls_get().pointee.grad_mode_disabled = newValue ? 0 : 1 }
    }

    /// Inside inference mode nothing is recorded and new tensors can never take part in a graph.
    public static var isInference: Bool {
        get { mk_tls_get().pointee.inference_mode != 0 }
        set { mk_tls_get().pointee.inference_mode = newValue ? 1 : 0 }
    }

    @inline(__always)
    static func needs(_ a: Tensor) -> Bool { isEnabled && a.requiresGrad }
    @inline(__always)
    static func needs(_ a: Tensor, _ b: Tensor) -> Bool { isEnabled && (a.requiresGrad || b.requiresGrad) }
    @inline(__always)
    static func needs(_ a: Tensor, _ b: Tensor, _ c: Tensor) -> Bool {
        isEnabled && (a.requiresGrad || b.requiresGrad || c.requiresGrad)
    }
    static func needs(_ list: [Tensor?]) -> Bool { isEnabled && list.contains { $0?.requiresGrad ?? false } }
}

/// Runs `body` without recording, then restores the mode.
public func withNoGrad<R>(_ body: () throws -> R) rethrows -> R { try withGradMode(false, body) }

/// Runs `body` with recording on, then restores the mode.
public func withEnabledGrad<R>(_ body: () throws -> R) rethrows -> R { try withGradMode(true, body) }

func withGradMode<R>(_ enabled: Bool, _ body: () throws -> R) rethrows -> R {
    let before = GradMode.isEnabled
    GradMode.isEnabled = enabled
    defer { GradMode.isEnabled = before }
    return try body()
}
