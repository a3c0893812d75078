/* vector.h: compiler vectors of T, parts and folds of them, and the transposition
 * of a square of them. Sets VL (elements per vector), V, VU (the same, unaligned)
 * and VI (as many integers). */
#define VL (VECTOR_BYTES / (IS_FLOAT ? 4 : 8))
#define V F(vector)
#define VU F(unaligned_vector)
#define VI F(integer_vector)

typedef T V __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef T VU __attribute__((vector_size(VECTOR_BYTES), aligned(IS_FLOAT ? 4 : 8), may_alias));
typedef INT VI __attribute__((vector_size(VECTOR_BYTES), may_alias));

#define LOAD(p) (*(const VU *)(p))
#define STORE(p, v) (*(VU *)(p) = (v))
/* A scalar in every lane (x - 0 is x, even for -0). */
#define SPLAT(s) ((s) - (V){0})

/* The first w of VL elements, the others 0, or those of `or`, or left alone. */
#if VECTOR_BYTES == 64
#if IS_FLOAT
#define LANE_MASK(w) ((__mmask16)((1u << (w)) - 1))
static inline V F(load_part)(const T *p, int64_t w) { return (V)_mm512_maskz_loadu_ps(LANE_MASK(w), p); }
static inline V F(load_part_or)(const T *p, int64_t w, V or) { return (V)_mm512_mask_loadu_ps((__m512)or, LANE_MASK(w), p); }
static inline void F(store_part)(T *p, V v, int64_t w) { _mm512_mask_storeu_ps(p, LANE_MASK(w), (__m512)v); }
#else
#define LANE_MASK(w) ((__mmask8)((1u << (w)) - 1))
static inline V F(load_part)(const T *p, int64_t w) { return (V)_mm512_maskz_loadu_pd(LANE_MASK(w), p); }
static inline V F(load_part_or)(const T *p, int64_t w, V or) { return (V)_mm512_mask_loadu_pd((__m512d)or, LANE_MASK(w), p); }
static inline void F(store_part)(T *p, V v, int64_t w) { _mm512_mask_storeu_pd(p, LANE_MASK(w), (__m512d)v); }
#endif
#undef LANE_MASK
#elif VECTOR_BYTES == 32
static inline VI F(lanes_below)(int64_t w) {
    static const INT lanes[2 * VL] = {
#if IS_FLOAT
        -1, -1, -1, -1,
#endif
        -1, -1, -1, -1};
    VI m;
    memcpy(&m, lanes + VL - w, sizeof m);
    return m;
}
#if IS_FLOAT
static inline V F(load_part)(const T *p, int64_t w) { return (V)_mm256_maskload_ps(p, (__m256i)F(lanes_below)(w)); }
static inline void F(store_part)(T *p, V v, int64_t w) {
    if (w & 8) {
        STORE(p, v);
        return;
    }
    __m128 half = _mm256_castps256_ps128((__m256)v);
    if (w & 4) {
        _mm_storeu_ps(p, half);
        half = _mm256_extractf128_ps((__m256)v, 1);
        p += 4;
    }
    if (w & 2) {
        _mm_storel_pi((__m64 *)p, half);
        half = _mm_movehl_ps(half, half);
        p += 2;
    }
    if (w & 1) _mm_store_ss(p, half);
}
#else
static inline V F(load_part)(const T *p, int64_t w) { return (V)_mm256_maskload_pd(p, (__m256i)F(lanes_below)(w)); }
static inline void F(store_part)(T *p, V v, int64_t w) {
    if (w & 4) {
        STORE(p, v);
        return;
    }
    __m128d half = _mm256_castpd256_pd128((__m256d)v);
    if (w & 2) {
        _mm_storeu_pd(p, half);
        half = _mm256_extractf128_pd((__m256d)v, 1);
        p += 2;
    }
    if (w & 1) _mm_store_sd(p, half);
}
#endif
#elif HAS_NEON
static inline VI F(lanes_below)(int64_t w) {
    static const INT lanes[2 * VL] = {
#if IS_FLOAT
        -1, -1,
#endif
        -1, -1};
    VI m;
    memcpy(&m, lanes + VL - w, sizeof m);
    return m;
}
#if IS_FLOAT
static inline V F(load_part)(const T *p, int64_t w) {
    if (w & 4) return LOAD(p);
    float32x4_t v = {0};
    if (w & 2) {
        v = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
        if (w & 1) v = vld1q_lane_f32(p + 2, v, 2);
    } else if (w & 1) {
        v = vld1q_lane_f32(p, v, 0);
    }
    return (V)v;
}
static inline void F(store_part)(T *p, V v, int64_t w) {
    if (w & 4) {
        STORE(p, v);
    } else if (w & 2) {
        vst1_f32(p, vget_low_f32((float32x4_t)v));
        if (w & 1) vst1q_lane_f32(p + 2, (float32x4_t)v, 2);
    } else if (w & 1) {
        vst1q_lane_f32(p, (float32x4_t)v, 0);
    }
}
#else
static inline V F(load_part)(const T *p, int64_t w) {
    return w & 2 ? LOAD(p) : w & 1 ? (V)vcombine_f64(vld1_f64(p), vdup_n_f64(0)) : (V){0};
}
static inline void F(store_part)(T *p, V v, int64_t w) {
    if (w & 2) STORE(p, v);
    else if (w & 1) vst1q_lane_f64(p, (float64x2_t)v, 0);
}
#endif
#else
static inline V F(load_part)(const T *p, int64_t w) {
    T s[VL] = {0};
    for (int64_t i = 0; i < w; i++) s[i] = p[i];
    return LOAD(s);
}
static inline V F(load_part_or)(const T *p, int64_t w, V or) {
    T s[VL];
    STORE(s, or);
    for (int64_t i = 0; i < w; i++) s[i] = p[i];
    return LOAD(s);
}
static inline void F(store_part)(T *p, V v, int64_t w) {
    T s[VL];
    STORE(s, v);
    for (int64_t i = 0; i < w; i++) p[i] = s[i];
}
#endif

/* a where the mask's lane is all ones, b where it is 0. */
static inline V F(select)(VI mask, V a, V b) { return (V)((mask & (VI)a) | (~mask & (VI)b)); }

#if VECTOR_BYTES == 32 || HAS_NEON
static inline V F(load_part_or)(const T *p, int64_t w, V or) { return F(select)(F(lanes_below)(w), F(load_part)(p, w), or); }
#endif

/* The larger, lane by lane; b where either is NaN. */
#if VECTOR_BYTES == 64 && IS_FLOAT
static inline V F(larger)(V a, V b) { return (V)_mm512_max_ps((__m512)a, (__m512)b); }
#elif VECTOR_BYTES == 64
static inline V F(larger)(V a, V b) { return (V)_mm512_max_pd((__m512d)a, (__m512d)b); }
#elif VECTOR_BYTES == 32 && IS_FLOAT
static inline V F(larger)(V a, V b) { return (V)_mm256_max_ps((__m256)a, (__m256)b); }
#elif VECTOR_BYTES == 32
static inline V F(larger)(V a, V b) { return (V)_mm256_max_pd((__m256d)a, (__m256d)b); }
#else
static inline V F(larger)(V a, V b) { return F(select)((VI)(a > b), a, b); }
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

/* The sums of VL vectors' lanes, as one vector. */
#define ADD_STAGE(s) \
    _Pragma("clang loop unroll(full)") \
    for (int i = 0; i < VL; i += 2 * (s)) \
        r[i] = __builtin_shufflevector(r[i], r[i + (s)], LANE_LIST(TAKE_LOW, s)) + \
               __builtin_shufflevector(r[i], r[i + (s)], LANE_LIST(TAKE_HIGH, s));
static inline __attribute__((always_inline)) V F(sums_of)(V *r) {
    ADD_STAGE(1)
#if VECTOR_BYTES == 64 || VECTOR_BYTES == 32 || IS_FLOAT
    ADD_STAGE(2)
#endif
#if VECTOR_BYTES == 64 || (VECTOR_BYTES == 32 && IS_FLOAT)
    ADD_STAGE(4)
#endif
#if VECTOR_BYTES == 64 && IS_FLOAT
    ADD_STAGE(8)
#endif
    return r[0];
}
#undef ADD_STAGE

/* Every second lane of a and b, from the first and from the second on. */
#define TAKE_EVEN(s, l) (2 * (l))
#define TAKE_ODD(s, l) (2 * (l) + 1)
static inline V F(even_lanes)(V a, V b) { return __builtin_shufflevector(a, b, LANE_LIST(TAKE_EVEN, 1)); }
static inline V F(odd_lanes)(V a, V b) { return __builtin_shufflevector(a, b, LANE_LIST(TAKE_ODD, 1)); }
#undef TAKE_EVEN
#undef TAKE_ODD

/* All lanes combined by halves: the sum and the largest. */
#define OTHER(s, l) ((l) ^ (s))
#define HALF(s) __builtin_shufflevector(v, v, LANE_LIST(OTHER, s))
#if VECTOR_BYTES == 64 && IS_FLOAT
#define FOLD(STEP) STEP(8) STEP(4) STEP(2) STEP(1)
#elif VL_IS_8
#define FOLD(STEP) STEP(4) STEP(2) STEP(1)
#elif VL_IS_4
#define FOLD(STEP) STEP(2) STEP(1)
#else
#define FOLD(STEP) STEP(1)
#endif
#define ADD_HALF(s) v = v + HALF(s);
#define MAX_HALF(s) v = F(larger)(HALF(s), v);
static inline T F(sum_of)(V v) {
    FOLD(ADD_HALF)
    return v[0];
}
static inline T F(largest_of)(V v) {
    FOLD(MAX_HALF)
    return v[0];
}
#undef OTHER
#undef HALF
#undef FOLD
#undef ADD_HALF
#undef MAX_HALF
#undef LANE_LIST
#undef TAKE_LOW
#undef TAKE_HIGH
