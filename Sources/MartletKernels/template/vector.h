/* vector.h: compiler vectors of T and the transposition of a square of them.
 * Sets VL (elements per vector), V and VU (the same, unaligned). */
#define VL (VECTOR_BYTES / (IS_FLOAT ? 4 : 8))
#define V F(vector)
#define VU F(unaligned_vector)

typedef T V __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef T VU __attribute__((vector_size(VECTOR_BYTES), aligned(IS_FLOAT ? 4 : 8), may_alias));

#define LOAD(p) (*(const VU *)(p))
#define STORE(p, v) (*(VU *)(p) = (v))

/* One stage of the transposition: swap the off-diagonal s x s blocks of each
 * 2s x 2s block. Lane numbers of the two shuffles, for lane l: */
#define TAKE_LOW(s, l) ((l) & (s) ? VL + (l) - (s) : (l))
#define TAKE_HIGH(s, l) ((l) & (s) ? VL + (l) : (l) + (s))
#if VECTOR_BYTES == 64 && IS_FLOAT
#define LANE_LIST(f, s) f(s, 0), f(s, 1), f(s, 2), f(s, 3), f(s, 4), f(s, 5), f(s, 6), f(s, 7), \
                        f(s, 8), f(s, 9), f(s, 10), f(s, 11), f(s, 12), f(s, 13), f(s, 14), f(s, 15)
#elif VL_IS_8
#define LANE_LIST(f, s) f(s, 0), f(s, 1), f(s, 2), f(s, 3), f(s, 4), f(s, 5), f(s, 6), f(s, 7)
#elif VL_IS_4
#define LANE_LIST(f, s) f(s, 0), f(s, 1), f(s, 2), f(s, 3)
#else
#define LANE_LIST(f, s) f(s, 0), f(s, 1)
#endif
#define STAGE(s) \
    _Pragma("clang loop unroll(full)") \
    for (int i = 0; i < VL; i++) \
        if (!(i & (s))) { \
            V low = __builtin_shufflevector(r[i], r[i + (s)], LANE_LIST(TAKE_LOW, s)); \
            V high = __builtin_shufflevector(r[i], r[i + (s)], LANE_LIST(TAKE_HIGH, s)); \
            r[i] = low; \
            r[i + (s)] = high; \
        }

/* r as a VL x VL matrix, transposed in registers. */
static inline __attribute__((always_inline)) void F(transpose)(V *r) {
    STAGE(1)
#if VECTOR_BYTES == 64 || VECTOR_BYTES == 32 || IS_FLOAT
    STAGE(2)
#endif
#if VECTOR_BYTES == 64 || (VECTOR_BYTES == 32 && IS_FLOAT)
    STAGE(4)
#endif
#if VECTOR_BYTES == 64 && IS_FLOAT
    STAGE(8)
#endif
}
#undef STAGE
#undef LANE_LIST
#undef TAKE_LOW
#undef TAKE_HIGH
