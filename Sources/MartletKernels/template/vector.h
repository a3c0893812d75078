/* vector.h: compiler vectors of T and the transposition of a square of them.
 * Sets VL (elements per vector), V and VU (the same, unaligned). */
#define VL (VECTOR_BYTES / (IS_FLOAT ? 4 : 8))
#define V F(vector)
#define VU F(unaligned_vector)

typedef T V __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef T VU __attribute__((vector_size(VECTOR_BYTES), aligned(IS_FLOAT ? 4 : 8), may_alias));

#define LOAD(p) (*(const VU *)(p))
#define STORE(p, v) (*(VU *)(p) = (v))
/* A scalar in every lane (x - 0 is x, even for -0). */
#define SPLAT(s) ((s) - (V){0})

/* The first w of VL elements, the others 0 or left alone. */
#if VECTOR_BYTES == 64
#if IS_FLOAT
#define LANE_MASK(w) ((__mmask16)((1u << (w)) - 1))
static inline V F(load_part)(const T *p, int64_t w) { return (V)_mm512_maskz_loadu_ps(LANE_MASK(w), p); }
static inline void F(store_part)(T *p, V v, int64_t w) { _mm512_mask_storeu_ps(p, LANE_MASK(w), (__m512)v); }
#else
#define LANE_MASK(w) ((__mmask8)((1u << (w)) - 1))
static inline V F(load_part)(const T *p, int64_t w) { return (V)_mm512_maskz_loadu_pd(LANE_MASK(w), p); }
static inline void F(store_part)(T *p, V v, int64_t w) { _mm512_mask_storeu_pd(p, LANE_MASK(w), (__m512d)v); }
#endif
#undef LANE_MASK
#else
static inline V F(load_part)(const T *p, int64_t w) {
    T s[VL] = {0};
    for (int64_t i = 0; i < w; i++) s[i] = p[i];
    return LOAD(s);
}
static inline void F(store_part)(T *p, V v, int64_t w) {
    T s[VL];
    STORE(s, v);
    for (int64_t i = 0; i < w; i++) p[i] = s[i];
}
#endif

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
