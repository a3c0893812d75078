import Glibc
import MartletKernels
import Synchronization

/// A source of random numbers: a Mersenne Twister (MT19937) that gives torch's CPU stream, number for number.
///
/// A generator is locked while a tensor is filled from it, so one may serve several threads; which thread
/// gets which numbers is then up to the scheduler.
///
///     let g = Generator(seed: 42)
///     let x = try Tensor.randn([2, 3], generator: g)
public final class Generator: @unchecked Sendable {
    /// The seed of `Generator()`.
    public static let standardSeed: UInt64 = 67_280_421_310_721

    /// The generator used where none is given. It starts with a seed from the operating system.
    public static let `default`: Generator = {
        var os = SystemRandomNumberGenerator()
        return Generator(seed: os.next())
    }()

    /// Bytes of ``state``.
    public static let stateSize = 5056

    let engine: UnsafeMutablePointer<mk_mt19937>
    /// The second value of the last Box-Muller pair, used by the next normal drawn one at a time.
    private var cachedNormal: Double?
    private var seedValue: UInt64
    private let mutex = Mutex(())

    public init(seed: UInt64 = Generator.standardSeed) {
        engine = .allocate(capacity: 1)
        seedValue = seed
        mk_mt_seed(engine, UInt32(truncatingIfNeeded: seed))
    }

    deinit { engine.deallocate() }

    /// Runs `body` while no other thread draws from this generator. Not reentrant.
    func withLock<R>(_ body: () throws -> R) rethrows -> R { try mutex.withLock { _ in try body() } }

    /// Starts the stream over. Only the low 32 bits of the seed tell streams apart, as in torch.
    @discardableResult
    public func manualSeed(_ seed: UInt64) -> Generator {
        withLock {
            seedValue = seed
            cachedNormal = nil
            mk_mt_seed(engine, UInt32(truncatingIfNeeded: seed))
        }
        Tape.note("seed", { [self] in manualSeed(seed) })
        return self
    }

    /// Seeds from the operating system and returns the seed.
    @discardableResult
    public func seed() -> UInt64 {
        var os = SystemRandomNumberGenerator()
        let s: UInt64 = os.next()
        manualSeed(s)
        return s
    }

    /// The seed the stream was started with.
    public var initialSeed: UInt64 { withLock { seedValue } }

    /// A generator of its own that goes on from the same place.
    public func clone() -> Generator {
        let g = Generator()
        withLock {
            g.engine.pointee = engine.pointee
            g.cachedNormal = cachedNormal
            g.seedValue = seedValue
        }
        return g
    }
}

// MARK: - State

extension Generator {
    /// Offsets of the fields in the state's bytes, which are torch's: little-endian, words widened to 64 bits.
    private enum Field {
        static let seed = 0, left = 8, seeded = 12, next = 16, words = 24
        static let normal = 5024, normalValid = 5040
    }

    /// Everything the stream depends on, as the bytes that torch's `get_rng_state` gives.
    public var state: [UInt8] {
        withLock {
            var bytes = [UInt8](repeating: 0, count: Generator.stateSize)
            bytes.withUnsafeMutableBytes { p in
                func put<T: FixedWidthInteger>(_ v: T, _ at: Int) {
                    p.storeBytes(of: v.littleEndian, toByteOffset: at, as: T.self)
                }
                put(seedValue, Field.seed)
                put(engine.pointee.left, Field.left)
                put(Int32(1), Field.seeded)
                put(UInt64(engine.pointee.next), Field.next)
                withUnsafeBytes(of: &engine.pointee.state) { words in
                    for (i, w) in words.bindMemory(to: UInt32.self).enumerated() {
                        put(UInt64(w), Field.words + 8 * i)
                    }
                }
                put((cachedNormal ?? 0).bitPattern, Field.normal)
                put(Int32(cachedNormal == nil ? 0 : 1), Field.normalValid)
            }
            return bytes
        }
    }

    /// Goes on from a state that ``state`` or torch gave. Throws where the bytes are not a state.
    public func setState(_ bytes: [UInt8]) throws {
        guard bytes.count == Generator.stateSize else {
            throw MartletError.runtime(
                "Expected a CPUGeneratorImplState of size \(Generator.stateSize) but found the input RNG state size to be \(bytes.count)"
            )
        }
        try bytes.withUnsafeBytes { p in
            func get<T: FixedWidthInteger>(_ at: Int, _: T.Type) -> T {
                T(littleEndian: p.loadUnaligned(fromByteOffset: at, as: T.self))
            }
            let (left, next) = (get(Field.left, Int32.self), get(Field.next, UInt64.self))
            guard get(Field.seeded, Int32.self) == 1, left > 0, left <= 624, next <= 624, next + UInt64(left) <= 625 else {
                throw MartletError.runtime("Invalid mt19937 state")
            }
            withLock {
                seedValue = get(Field.seed, UInt64.self)
                engine.pointee.left = left
                engine.pointee.next = UInt32(next)
                withUnsafeMutableBytes(of: &engine.pointee.state) { words in
                    let words = words.bindMemory(to: UInt32.self)
                    for i in words.indices {
                        words[i] = UInt32(truncatingIfNeeded: get(Field.words + 8 * i, UInt64.self))
                    }
                }
                cachedNormal =
                    get(Field.normalValid, Int32.self) == 0 ? nil : Double(bitPattern: get(Field.normal, UInt64.self))
            }
        }
    }

    /// ``state`` as a uint8 tensor.
    public func stateTensor() throws -> Tensor { try Tape.whole("random_state", []) { _ in [try Tensor(self.state)] }[0] }

    /// ``setState(_:)`` from a uint8 tensor.
    public func setState(_ state: Tensor) throws {
        guard state.dtype == .uint8 else { throw MartletError.type("RNG state must be a torch.ByteTensor") }
        _ = try Tape.whole("set_random_state", [state]) {
            try self.setState(try $0[0].toArray(UInt8.self))
            return []
        }
    }
}

// MARK: - Draws. The caller holds the lock.

extension Generator {
    @inline(__always)
    func random32() -> UInt32 { mk_mt_next32(engine) }

    @inline(__always)
    func random64() -> UInt64 { mk_mt_next64(engine) }

    /// Uniform in [0, 1) with 24 bits.
    @inline(__always)
    func unit32() -> Float { Float(random32() & 0xff_ffff) * 0x1p-24 }

    /// Uniform in [0, 1) with 53 bits.
    @inline(__always)
    func unit64() -> Double { Double(random64() & 0x1f_ffff_ffff_ffff) * 0x1p-53 }

    /// One standard normal value, by Box and Muller; every second one comes from the cache.
    func normal() -> Double {
        if let v = cachedNormal {
            cachedNormal = nil
            return v
        }
        let u1 = unit64()
        let u2 = unit64()
        let r = (-2 * log1p(-u2)).squareRoot()
        let t = 2 * Double.pi * u1
        cachedNormal = r * sin(t)
        return r * cos(t)
    }

    /// One Poisson value: the product of uniforms for small rates, transformed rejection
    /// (W. Hörmann, "The transformed rejection method for generating Poisson random variables", 1993) from 10 on.
    func poisson(_ rate: Double) -> Double {
        if rate == 0 { return 0 }
        if rate < 10 {
            let limit = exp(-rate)
            var (product, count) = (unit64(), 0.0)
            while product > limit {
                count += 1
                product *= unit64()
            }
            return count
        }
        let logRate = log(rate)
        let b = 0.931 + 2.53 * rate.squareRoot()
        let a = -0.059 + 0.02483 * b
        let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
        let vr = 0.9277 - 3.6224 / (b - 2)
        while true {
            let u = unit64() - 0.5
            let v = unit64()
            let us = 0.5 - abs(u)
            let k = ((2 * a / us + b) * u + rate + 0.43).rounded(.down)
            if us >= 0.07 && v <= vr { return k }
            if k < 0 || (us < 0.013 && v > us) { continue }
            var sign: Int32 = 0
            let logFactorial = lgamma_r(k + 1, &sign)
            if log(v) + log(inverseAlpha) - log(a / (us * us) + b) <= -rate + k * logRate - logFactorial { return k }
        }
    }
}

/// Seeds the default generator; negative seeds count as their two's complement.
@discardableResult
public func manualSeed(_ seed: Int) -> Generator { Generator.default.manualSeed(UInt64(bitPattern: Int64(seed))) }
