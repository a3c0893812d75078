import MartletKernels
import Testing

@testable import Martlet

/// FNV-1a over a tensor's bytes: one number that stands for every bit of it.
private func fingerprint(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

private func fingerprint(_ t: Tensor) throws -> UInt64 {
    let c = try t.contiguous()
    return withExtendedLifetime(c) {
        fingerprint(UnsafeRawBufferPointer(start: c.pointer, count: c.numel * c.dtype.size))
    }
}

private func bits(_ t: Tensor) throws -> [Int32] {
    try t.toArray(Float.self).map { Int32(bitPattern: $0.bitPattern) }
}

/// Vectors are those of PyTorch 2.13 on a CPU with AVX2.
@Suite struct RandomTests {
    @Test func firstValues() throws {
        let g = Generator(seed: 42)
        let u = try Tensor.rand([4], generator: g).toArray(Double.self)
        #expect(u == [0x1.c3b8ccp-1, 0x1.d47b66p-1, 0x1.880d7p-2, 0x1.eb2a1cp-1])
        #expect(try bits(.rand([4], generator: g)) == [1_053_288_660, 1_058_657_351, 1_048_796_536, 1_061_891_092])
        g.manualSeed(42)
        #expect(
            try bits(.randn([5], generator: g))
                == [1_051_484_846, 1_040_443_037, 1_047_533_287, 1_047_256_172, -1_081_099_838])
        g.manualSeed(42)
        #expect(try bits(.randn([33], generator: g)).prefix(3) == [1_073_128_745, 1_069_440_851, 1_063_687_527])
        #expect(try bits(.randn([33], generator: g)).suffix(3) == [1_056_412_278, -1_102_426_724, 1_067_603_975])
        g.manualSeed(42)
        #expect(try Tensor.randperm(10, generator: g).toArray(Int64.self) == [2, 6, 1, 8, 4, 5, 0, 9, 3, 7])
        #expect(try Tensor.randint(0, 100, [5], generator: g).toArray(Int64.self) == [13, 78, 14, 10, 54])
        #expect(
            try Tensor.empty([2], dtype: .int64).random_(generator: g).toArray(Int64.self)
                == [6_754_757_701_360_545_140, 1_865_242_737_500_154_727])
    }

    /// Every distribution in every float dtype, drawn one after the other, and the state they leave. On a CPU with
    /// vector units and on one without, the bits are the same.
    @Test(.serialized, arguments: [Int32(0), 1]) func distributions(portable: Int32) throws {
        let expected: [(DType, [UInt64])] = [
            (
                .float32,
                [
                    0x67af_a04a_83e8_68b0, 0x38ba_e8a5_92b5_1ca8, 0x1d4e_64a6_9f72_7ad5, 0x8dae_01ec_1d62_0238,
                    0x1bcd_f4ba_c623_8f9f, 0x34e9_a5e0_0b34_a366, 0xe7ce_c1eb_3234_d948, 0x2421_2a55_3ce1_a6a5,
                    0x586b_e803_07f7_9dc7,
                ]
            ),
            (
                .float64,
                [
                    0x5166_8b24_9ee5_7e91, 0xc725_c8ec_0429_9ac0, 0xabb1_8c7f_c2d1_eaf8, 0x6a28_7678_7424_5ecc,
                    0x8af2_4c1c_bbaf_bea7, 0x9211_aaa0_6c15_bc17, 0x4a15_d6dc_5556_e3d2, 0x2dc7_daad_59fc_6d38,
                    0xf277_d687_8b3d_d36c,
                ]
            ),
            (
                .float16,
                [
                    0x0c0a_0bbd_a1b6_8679, 0x119c_4141_1c6e_5a1d, 0xa652_ad6f_af82_0905, 0xa9a7_973e_6b25_8501,
                    0x1261_9654_2639_b029, 0xfdfe_68fa_e759_b3a1, 0x2675_b66b_8bbf_7f61, 0xbe34_81f8_623c_5eb1,
                    0xb671_c7c6_f45e_861d,
                ]
            ),
            (
                .bfloat16,
                [
                    0xed32_c02e_4283_1eec, 0x9086_cb97_5ff4_ab96, 0x0620_20c5_c370_a033, 0x4872_cdfd_b746_3d65,
                    0x7caf_b31d_19e5_041b, 0xbe2e_0327_d2d9_964d, 0xcce9_1444_c132_c232, 0x2c7e_a4b3_da02_5fe5,
                    0xf5af_5fc9_a69c_5d5c,
                ]
            ),
        ]
        let before = mk_random_set_portable(portable)
        defer { mk_random_set_portable(before) }
        let g = Generator(seed: 7)
        for (dtype, prints) in expected {
            let drawn = try [
                Tensor.empty([4099], dtype: dtype).uniform_(-0.137, 0.731, generator: g),
                Tensor.empty([4099], dtype: dtype).normal_(0.3, 0.7, generator: g),
                Tensor.empty([7], dtype: dtype).normal_(0.3, 0.7, generator: g),
                Tensor.empty([100], dtype: dtype).exponential_(1.7, generator: g),
                Tensor.empty([100], dtype: dtype).logNormal_(0.1, 0.4, generator: g),
                Tensor.empty([100], dtype: dtype).cauchy_(0.5, 2, generator: g),
                Tensor.empty([100], dtype: dtype).geometric_(0.3, generator: g),
                Tensor.empty([100], dtype: dtype).bernoulli_(0.3, generator: g),
                Tensor.empty([100], dtype: dtype).random_(generator: g),
            ]
            #expect(try drawn.map(fingerprint) == prints)
        }
        #expect(g.state.withUnsafeBytes(fingerprint) == 0x4088_9334_ec01_4348)
    }

    @Test func state() throws {
        let g = Generator(seed: 3)
        _ = try Tensor.randn([5], generator: g)  // leaves a cached normal behind
        let state = g.state
        #expect(state.count == 5056)
        let expected = try Tensor.randn([7], generator: g).toArray(Float.self)
        let other = Generator()
        try other.setState(state)
        #expect(other.initialSeed == 3)
        #expect(try Tensor.randn([7], generator: other).toArray(Float.self) == expected)
        try g.setState(Tensor(state))
        let twin = g.clone()
        #expect(try Tensor.randn([7], generator: twin).toArray(Float.self) == expected)
        #expect(g.state == state)
        #expect(throws: MartletError.self) { try g.setState([UInt8](repeating: 0, count: 5056)) }
        #expect(throws: MartletError.self) { try g.setState([1, 2, 3]) }
    }

    @Test func memoryOrder() throws {
        let row = try Tensor.rand([3, 4], generator: Generator(seed: 1))
        let base = try Tensor.zeros([4, 3])
        try base.t().uniform_(generator: Generator(seed: 1))
        #expect(try base.toArray(Float.self) == row.toArray(Float.self))
        let wide = try Tensor.zeros([3, 8])
        try wide.slice(1, 0, 8, step: 2).uniform_(generator: Generator(seed: 1))
        #expect(try wide.slice(1, 0, 8, step: 2).toArray(Float.self) == row.toArray(Float.self))
        #expect(try wide.slice(1, 1, 8, step: 2).toArray(Float.self).allSatisfy { $0 == 0 })
    }

    @Test func errors() throws {
        let x = try Tensor.zeros([3])
        func message(_ body: () throws -> Void) -> String? {
            do { try body() } catch let e as MartletError { return e.message } catch {}
            return nil
        }
        #expect(message { try x.normal_(0, -1) } == "normal expects std >= 0.0, but found std -1")
        #expect(
            message { try x.uniform_(1, 0) }
                == "uniform_ expects to return a [from, to) range, but found from=1 > to=0")
        #expect(message { try x.bernoulli_(1.5) } == "bernoulli_ expects p to be in [0, 1], but got p=1.5")
        #expect(message { _ = try Tensor.randn([2], dtype: .int64) } == "\"normal_kernel_cpu\" not implemented for 'Long'")
    }

    /// Two threads filling from one generator take turns: together they draw what one would.
    @Test func threads() async throws {
        let g = Generator(seed: 5)
        let together = try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<8 {
                group.addTask { try Tensor.rand([1000], generator: g).toArray(Float.self) }
            }
            return try await group.reduce(into: Set<[Float]>()) { $0.insert($1) }
        }
        g.manualSeed(5)
        let alone = try Set((0..<8).map { _ in try Tensor.rand([1000], generator: g).toArray(Float.self) })
        #expect(together == alone)
    }
}
