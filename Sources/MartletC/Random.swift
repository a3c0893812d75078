import CMartlet
import Martlet

// Generators and draws.

/// A lent generator; NULL is the default one.
@inline(__always)
func G(_ h: mt_generator?, _ op: StaticString = #function) throws -> Generator {
    h == nil ? .default : try object(h, Generator.self, "generator", op)
}

private func generator(_ body: () throws -> Generator) -> mt_generator? {
    value(nil) { own(try body()) }
}

@_cdecl("mt_generator_new") @implementation
public func mt_generator_new() -> mt_generator? { generator { Generator() } }

@_cdecl("mt_generator_default") @implementation
public func mt_generator_default() -> mt_generator? { generator { .default } }

@_cdecl("mt_generator_clone") @implementation
public func mt_generator_clone(_ g: mt_generator?) -> mt_generator? { generator { try G(g).clone() } }

@_cdecl("mt_generator_release") @implementation
public func mt_generator_release(_ g: mt_generator?) { disown(g) }

@_cdecl("mt_generator_manual_seed") @implementation
public func mt_generator_manual_seed(_ g: mt_generator?, _ seed: UInt64) -> mt_status {
    status { try G(g).manualSeed(seed) }
}

@_cdecl("mt_manual_seed") @implementation
public func mt_manual_seed(_ seed: UInt64) -> mt_status { status { Generator.default.manualSeed(seed) } }

@_cdecl("mt_generator_seed") @implementation
public func mt_generator_seed(_ g: mt_generator?, _ seed: UnsafeMutablePointer<UInt64>?) -> mt_status {
    status {
        let s = try G(g).seed()
        seed?.pointee = s
    }
}

@_cdecl("mt_generator_initial_seed") @implementation
public func mt_generator_initial_seed(_ g: mt_generator?, _ seed: UnsafeMutablePointer<UInt64>?) -> mt_status {
    status {
        guard let seed else { throw MartletError(.handle, "mt_generator_initial_seed: seed is NULL") }
        seed.pointee = try G(g).initialSeed
    }
}

@_cdecl("mt_generator_get_state") @implementation
public func mt_generator_get_state(_ g: mt_generator?) -> mt_tensor? { result { try G(g).stateTensor() } }

@_cdecl("mt_generator_set_state") @implementation
public func mt_generator_set_state(_ g: mt_generator?, _ state: mt_tensor?) -> mt_status {
    status { try G(g).setState(T(state, "state")) }
}

// MARK: New tensors

@_cdecl("mt_rand") @implementation
public func mt_rand(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32, _ g: mt_generator?) -> mt_tensor? {
    result { try .rand(dims(sizes, ndim), dtype: dtype(type), generator: G(g)) }
}

@_cdecl("mt_randn") @implementation
public func mt_randn(_ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32, _ g: mt_generator?) -> mt_tensor? {
    result { try .randn(dims(sizes, ndim), dtype: dtype(type), generator: G(g)) }
}

@_cdecl("mt_normal_new") @implementation
public func mt_normal_new(
    _ mean: Double, _ std: Double, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32, _ g: mt_generator?
) -> mt_tensor? {
    result { try .normal(mean, std, dims(sizes, ndim), dtype: dtype(type), generator: G(g)) }
}

@_cdecl("mt_randint") @implementation
public func mt_randint(
    _ low: Int64, _ high: Int64, _ sizes: UnsafePointer<Int64>?, _ ndim: Int32, _ type: Int32, _ g: mt_generator?
) -> mt_tensor? {
    result {
        try .randint(Int(low), Int(high), dims(sizes, ndim), dtype: optionalDType(type) ?? .int64, generator: G(g))
    }
}

@_cdecl("mt_randperm") @implementation
public func mt_randperm(_ n: Int64, _ type: Int32, _ g: mt_generator?) -> mt_tensor? {
    result { try .randperm(Int(n), dtype: optionalDType(type) ?? .int64, generator: G(g)) }
}

@_cdecl("mt_rand_like") @implementation
public func mt_rand_like(_ self_: mt_tensor?, _ type: Int32, _ g: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").randLike(dtype: optionalDType(type), generator: G(g)) }
}

@_cdecl("mt_randn_like") @implementation
public func mt_randn_like(_ self_: mt_tensor?, _ type: Int32, _ g: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").randnLike(dtype: optionalDType(type), generator: G(g)) }
}

@_cdecl("mt_randint_like") @implementation
public func mt_randint_like(
    _ self_: mt_tensor?, _ low: Int64, _ high: Int64, _ type: Int32, _ g: mt_generator?
) -> mt_tensor? {
    result { try T(self_, "self").randintLike(Int(low), Int(high), dtype: optionalDType(type), generator: G(g)) }
}

@_cdecl("mt_normal") @implementation
public func mt_normal(_ mean: mt_tensor?, _ std: mt_tensor?, _ g: mt_generator?) -> mt_tensor? {
    result { try .normal(T(mean, "mean"), T(std, "std"), generator: G(g)) }
}

@_cdecl("mt_bernoulli") @implementation
public func mt_bernoulli(_ self_: mt_tensor?, _ g: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").bernoulli(generator: G(g)) }
}

@_cdecl("mt_bernoulli_p") @implementation
public func mt_bernoulli_p(_ self_: mt_tensor?, _ p: Double, _ g: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").bernoulli(p, generator: G(g)) }
}

@_cdecl("mt_poisson") @implementation
public func mt_poisson(_ self_: mt_tensor?, _ g: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").poisson(generator: G(g)) }
}

@_cdecl("mt_multinomial") @implementation
public func mt_multinomial(_ self_: mt_tensor?, _ samples: Int64, _ replacement: Int32, _ g: mt_generator?) -> mt_tensor? {
    result { try T(self_, "self").multinomial(Int(samples), replacement: replacement != 0, generator: G(g)) }
}

// MARK: In place

@_cdecl("mt_uniform_") @implementation
public func mt_uniform_(_ self_: mt_tensor?, _ from: Double, _ to: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").uniform_(from, to, generator: G(g)) }
}

@_cdecl("mt_normal_") @implementation
public func mt_normal_(_ self_: mt_tensor?, _ mean: Double, _ std: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").normal_(mean, std, generator: G(g)) }
}

@_cdecl("mt_log_normal_") @implementation
public func mt_log_normal_(_ self_: mt_tensor?, _ mean: Double, _ std: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").logNormal_(mean, std, generator: G(g)) }
}

@_cdecl("mt_exponential_") @implementation
public func mt_exponential_(_ self_: mt_tensor?, _ lambd: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").exponential_(lambd, generator: G(g)) }
}

@_cdecl("mt_cauchy_") @implementation
public func mt_cauchy_(_ self_: mt_tensor?, _ median: Double, _ sigma: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").cauchy_(median, sigma, generator: G(g)) }
}

@_cdecl("mt_geometric_") @implementation
public func mt_geometric_(_ self_: mt_tensor?, _ p: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").geometric_(p, generator: G(g)) }
}

@_cdecl("mt_bernoulli_") @implementation
public func mt_bernoulli_(_ self_: mt_tensor?, _ p: Double, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").bernoulli_(p, generator: G(g)) }
}

@_cdecl("mt_bernoulli_tensor_") @implementation
public func mt_bernoulli_tensor_(_ self_: mt_tensor?, _ p: mt_tensor?, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").bernoulli_(T(p, "p"), generator: G(g)) }
}

@_cdecl("mt_random_") @implementation
public func mt_random_(_ self_: mt_tensor?, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").random_(generator: G(g)) }
}

@_cdecl("mt_random_range_") @implementation
public func mt_random_range_(_ self_: mt_tensor?, _ from: Int64, _ to: Int64, _ g: mt_generator?) -> mt_status {
    status {
        let t = try T(self_, "self")
        if let to = optionalInt(to) {
            try t.random_(Int(from), to, generator: G(g))
        } else {
            try t.random_(from: Int(from), generator: G(g))
        }
    }
}

@_cdecl("mt_random_to_") @implementation
public func mt_random_to_(_ self_: mt_tensor?, _ to: Int64, _ g: mt_generator?) -> mt_status {
    status { try T(self_, "self").random_(to: Int(to), generator: G(g)) }
}
