/// What went wrong, in words that name the operation, the argument and the shapes.
///
/// `kind` maps one to one onto the Python exception that torch raises and onto the C API's error codes.
public struct MartletError: Error, CustomStringConvertible, Sendable {
    /// Raw values are the C API's `mt_status` codes and never change.
    public enum Kind: Int32, Sendable {
        case runtime = -1
        case index = -2
        case type = -3
        case value = -4
        case notImplemented = -5
        case outOfMemory = -6
        /// A NULL, stale or foreign handle was passed to the C API.
        case handle = -7
        /// A callback of the caller's reported failure.
        case user = -8
        case assertion = -9
        case overflow = -10
        /// A matrix is singular, not positive-definite, or otherwise numerically unfit.
        case linalg = -11
        /// Met while recording a run: something that a replay cannot repeat.
        case capture = -12
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }

    public static func runtime(_ m: String) -> MartletError { .init(.runtime, m) }
    public static func index(_ m: String) -> MartletError { .init(.index, m) }
    public static func type(_ m: String) -> MartletError { .init(.type, m) }
    public static func value(_ m: String) -> MartletError { .init(.value, m) }
    public static func notImplemented(_ m: String) -> MartletError { .init(.notImplemented, m) }
    public static func capture(_ m: String) -> MartletError { .init(.capture, m) }
    public static func outOfMemory(_ m: String) -> MartletError { .init(.outOfMemory, m) }
}

/// Runs `body` and stops the program with the error's message where it throws: the behaviour of the
/// operators (`a + b`), which cannot throw.
@inline(__always)
func orTrap<R>(_ body: () throws -> R) -> R {
    do { return try body() } catch { fatalMessage("\(error)") }
}

import Glibc

/// Prints to standard error and stops. Unlike `fatalError`, keeps its message in release builds.
func fatalMessage(_ message: String) -> Never {
    fputs("martlet: \(message)\n", stderr)
    abort()
}
