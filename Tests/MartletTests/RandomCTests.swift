import CMartlet
import MartletC
import Testing

/// Random numbers and text through the C API, as a C program calls it.
@Suite(.serialized) struct RandomCTests {
    private func text(_ t: mt_tensor?, _ prefix: String? = nil) -> String? {
        guard let p = mt_tensor_str(t, prefix) else { return nil }
        defer { mt_string_free(p) }
        return String(cString: p)
    }

    @Test func drawAndPrint() {
        let g = mt_generator_new()
        defer { mt_generator_release(g) }
        #expect(mt_generator_manual_seed(g, 42) == 0)
        let x = mt_rand([2, 2], 2, Int32(MT_DTYPE_NONE), g)
        defer { mt_tensor_release(x) }
        #expect(text(x) == "tensor([[0.8823, 0.9150],\n        [0.3829, 0.9593]])")
        #expect(text(x, "T(") == "T([[0.8823, 0.9150],\n   [0.3829, 0.9593]])")
        #expect(mt_normal_(x, 0, 1, g) == 0)
        var seed: UInt64 = 0
        #expect(mt_generator_initial_seed(g, &seed) == 0 && seed == 42)
    }

    @Test func states() {
        let (a, b) = (mt_generator_new(), mt_generator_new())
        defer { [a, b].forEach { mt_generator_release($0) } }
        mt_generator_manual_seed(a, 9)
        let state = mt_generator_get_state(a)
        #expect(mt_numel(state) == 5056 && mt_generator_set_state(b, state) == 0)
        let clone = mt_generator_clone(a)
        let drawn = [a, b, clone].map { mt_randn([3], 1, 0, $0) }
        #expect(Set(drawn.map { text($0) }).count == 1)
        ([state] + drawn).forEach { mt_tensor_release($0) }
        mt_generator_release(clone)
    }

    @Test func failures() {
        #expect(mt_normal_(nil, 0, 1, nil) == Int32(MT_ERROR_HANDLE))
        #expect(String(cString: mt_last_error_message()!).hasPrefix("mt_normal_: argument 'self' is NULL"))
        #expect(mt_tensor_str(nil, nil) == nil)
        #expect(mt_randint(5, 5, [3], 1, -1, nil) == nil && mt_last_error_code() == Int32(MT_ERROR_RUNTIME))
        #expect(mt_rand([3], 1, 77, nil) == nil && mt_last_error_code() == Int32(MT_ERROR_VALUE))
        #expect(mt_rand([-3], 1, 0, nil) == nil && mt_last_error_code() == Int32(MT_ERROR_RUNTIME))
        #expect(mt_generator_initial_seed(nil, nil) == Int32(MT_ERROR_HANDLE))
        var options = mt_printoptions(size: 4, sci_mode: -1, precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80)
        #expect(mt_set_printoptions(&options) == Int32(MT_ERROR_VALUE))
        options.size = UInt32(MemoryLayout<mt_printoptions>.size)
        options.precision = -1
        #expect(mt_set_printoptions(&options) == Int32(MT_ERROR_VALUE))
        #expect(mt_get_printoptions(&options) == 0 && options.precision == 4)
        #expect(mt_set_printoptions(&options) == 0)
    }
}
