/* mk_random.c: Mersenne Twister blocks, uniform and normal fills.
 *
 * Each loop is written once, on vectors of eight floats, and compiled twice:
 * for AVX2 with FMA, and for whatever the compiler targets, where fma is a
 * library call. Both give the same bits. */
#include "mk_random.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

enum { N = 624, M = 397, CHUNK = 512 };

typedef float f8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));

/* ---- choice of variant ---- */

static int portable_forced;

#if defined(__x86_64__)
static int has_fma(void) {
    static int known; /* 0 unknown, 1 no, 2 yes; every thread computes the same */
    int k = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!k) {
        __builtin_cpu_init();
        k = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 2 : 1;
        __atomic_store_n(&known, k, __ATOMIC_RELAXED);
    }
    return k == 2 && !__atomic_load_n(&portable_forced, __ATOMIC_RELAXED);
}
/* Defines void NAME PARAMS from the always-inlined NAME##_body, in both variants. */
#define VARIANTS(NAME, PARAMS, ARGS)                                                          \
    __attribute__((target("avx2,fma"))) static void NAME##_avx2 PARAMS { NAME##_body ARGS; } \
    static void NAME##_plain PARAMS { NAME##_body ARGS; }                                     \
    void NAME PARAMS {                                                                        \
        if (has_fma()) NAME##_avx2 ARGS;                                                      \
        else NAME##_plain ARGS;                                                               \
    }
#else
#define VARIANTS(NAME, PARAMS, ARGS) \
    void NAME PARAMS { NAME##_body ARGS; }
#endif

int32_t mk_random_set_portable(int32_t on) { return __atomic_exchange_n(&portable_forced, on != 0, __ATOMIC_RELAXED); }

/* ---- the engine ---- */

void mk_mt_seed(mk_mt19937 *g, uint32_t seed) {
    g->state[0] = seed;
    for (uint32_t j = 1; j < N; ++j) {
        uint32_t w = g->state[j - 1];
        g->state[j] = 1812433253u * (w ^ (w >> 30)) + j;
    }
    g->left = 1;
    g->next = 0;
}

INLINE uint32_t mix(uint32_t u, uint32_t v) {
    uint32_t y = (u & 0x80000000u) | (v & 0x7fffffffu);
    return (y >> 1) ^ (-(v & 1u) & 0x9908b0dfu);
}

INLINE uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

INLINE void mk_mt_twist_body(mk_mt19937 *g) {
    uint32_t *s = g->state;
    for (int i = 0; i < N - M; ++i) s[i] = s[i + M] ^ mix(s[i], s[i + 1]);
    for (int i = N - M; i < N - 1; ++i) s[i] = s[i + M - N] ^ mix(s[i], s[i + 1]);
    s[N - 1] = s[M - 1] ^ mix(s[N - 1], s[0]);
    g->left = N;
    g->next = 0;
}
VARIANTS(mk_mt_twist, (mk_mt19937 * g), (g))

/* The words at hand, at most n; twists first when there are none. The caller uses all of *count. */
INLINE const uint32_t *take(mk_mt19937 *g, int64_t n, int64_t *count) {
    if (g->left == 1) {
        mk_mt_twist(g);
        g->left = N + 1;
    }
    int64_t k = g->left - 1 < n ? g->left - 1 : n;
    const uint32_t *words = g->state + g->next;
    g->next += (uint32_t)k;
    g->left -= (int32_t)k;
    *count = k;
    return words;
}

INLINE void mk_mt_fill32_body(mk_mt19937 *g, uint32_t *out, int64_t n) {
    for (int64_t done = 0, k; done < n; done += k) {
        const uint32_t *w = take(g, n - done, &k);
        for (int64_t i = 0; i < k; ++i) out[done + i] = temper(w[i]);
    }
}
VARIANTS(mk_mt_fill32, (mk_mt19937 * g, uint32_t *out, int64_t n), (g, out, n))

/* ---- uniform ---- */

INLINE float unit32(uint32_t w) { return (float)(int32_t)(w & 0xffffffu) * 0x1p-24f; }

INLINE double unit64(uint32_t high, uint32_t low) {
    uint64_t bits = ((uint64_t)(high & 0x1fffffu) << 32) | low;
    return (double)(int64_t)bits * 0x1p-53;
}

INLINE void mk_uniform_f32_body(mk_mt19937 *g, float *out, int64_t n, float from, float to) {
    float range = to - from;
    for (int64_t done = 0, k; done < n; done += k) {
        const uint32_t *w = take(g, n - done, &k);
        for (int64_t i = 0; i < k; ++i) {
            float v = fmaf(unit32(temper(w[i])), range, from);
            out[done + i] = v == to ? from : v;
        }
    }
}
VARIANTS(mk_uniform_f32, (mk_mt19937 * g, float *out, int64_t n, float from, float to), (g, out, n, from, to))

INLINE void mk_uniform_f64_body(mk_mt19937 *g, double *out, int64_t n, double from, double to) {
    double range = to - from;
    uint32_t w[2 * CHUNK];
    for (int64_t done = 0, k; done < n; done += k) {
        k = n - done < CHUNK ? n - done : CHUNK;
        mk_mt_fill32(g, w, 2 * k);
        for (int64_t i = 0; i < k; ++i) {
            double v = fma(unit64(w[2 * i], w[2 * i + 1]), range, from);
            out[done + i] = v == to ? from : v;
        }
    }
}
VARIANTS(mk_uniform_f64, (mk_mt19937 * g, double *out, int64_t n, double from, double to), (g, out, n, from, to))

/* ---- Bernoulli ---- */

typedef int64_t l8 __attribute__((vector_size(64)));

/* Eight draws of unit64 below p, -1 for each that is: the 53 bits are compared as integers, with p 2^53. */
INLINE void below8(const uint32_t *w, double p, l8 *kept) {
    l8 v;
    memcpy(&v, w, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = (v << 32 & 0x1fffff00000000) | (v >> 32 & 0xffffffff);
#else
    v &= 0x1fffffffffffff;
#endif
    *kept = v < (int64_t)ceil(p * 0x1p53);
}

/* Draws n values and hands them to `each` by eights, which writes the first k of them. */
#define DRAW_BY_EIGHTS(...) \
    uint32_t w[2 * CHUNK]; \
    for (int64_t done = 0, k; done < n; done += k) { \
        k = n - done < CHUNK ? n - done : CHUNK; \
        mk_mt_fill32(g, w, 2 * k); \
        memset(w + 2 * k, 0xff, (size_t)(-k & 7) * 2 * sizeof *w); /* nothing is below p beyond the last */ \
        for (int64_t i = 0; i < k; i += 8) { \
            l8 kept; \
            below8(w + 2 * i, p, &kept); \
            __VA_ARGS__ \
        } \
    }

INLINE void mk_bernoulli_f32_body(mk_mt19937 *g, float *out, int64_t n, double p) {
    DRAW_BY_EIGHTS({
        f8 v = __builtin_convertvector(kept & 1, f8);
        memcpy(out + done + i, &v, (size_t)(k - i < 8 ? k - i : 8) * sizeof *out);
    })
}
VARIANTS(mk_bernoulli_f32, (mk_mt19937 * g, float *out, int64_t n, double p), (g, out, n, p))

INLINE void mk_bernoulli_bits_body(mk_mt19937 *g, uint8_t *out, int64_t n, double p) {
    DRAW_BY_EIGHTS({
        l8 bits = kept & (l8){1, 2, 4, 8, 16, 32, 64, 128};
        out[(done + i) / 8] = (uint8_t)__builtin_reduce_or(bits);
    })
}
VARIANTS(mk_bernoulli_bits, (mk_mt19937 * g, uint8_t *out, int64_t n, double p), (g, out, n, p))

/* ---- normal ----
 *
 * Natural logarithm, sine and cosine below follow logf, sinf and cosf of the
 * Cephes library (Stephen L. Moshier, 1984-1992), whose constants these are. */

#define FMA8(a, b, c) __builtin_elementwise_fma((f8)(a), (f8)(b), (f8)(c))
#define SELECT8(mask, a, b) ((f8)(((i8)(mask) & (i8)(a)) | (~(i8)(mask) & (i8)(b))))
#define ALL8(x) ((f8){x, x, x, x, x, x, x, x})

/* Eight pairs: radius from a, angle from b; a takes the cosines, b the sines. */
#define BOX_MULLER_8(a, b, mean, std)                                                     \
    do {                                                                                  \
        /* log(1 - a): the argument is m * 2^e with m in [sqrt(1/2), sqrt(2)) */          \
        f8 x_ = ALL8(1.0f) - (a);                                                         \
        i8 bits_ = (i8)x_;                                                                \
        f8 e_ = __builtin_convertvector((bits_ >> 23) - 127, f8) + ALL8(1.0f);            \
        f8 m_ = (f8)((bits_ & 0x7fffff) | 0x3f000000);                                    \
        i8 small_ = m_ < ALL8(0.707106781186547524f);                                     \
        e_ = e_ - (f8)(small_ & (i8)ALL8(1.0f));                                          \
        m_ = (m_ - ALL8(1.0f)) + (f8)(small_ & (i8)m_);                                   \
        f8 z_ = m_ * m_;                                                                  \
        f8 y_ = ALL8(7.0376836292E-2f);                                                   \
        y_ = FMA8(y_, m_, ALL8(-1.1514610310E-1f));                                       \
        y_ = FMA8(y_, m_, ALL8(1.1676998740E-1f));                                        \
        y_ = FMA8(y_, m_, ALL8(-1.2420140846E-1f));                                       \
        y_ = FMA8(y_, m_, ALL8(1.4249322787E-1f));                                        \
        y_ = FMA8(y_, m_, ALL8(-1.6668057665E-1f));                                       \
        y_ = FMA8(y_, m_, ALL8(2.0000714765E-1f));                                        \
        y_ = FMA8(y_, m_, ALL8(-2.4999993993E-1f));                                       \
        y_ = FMA8(y_, m_, ALL8(3.3333331174E-1f));                                        \
        y_ = y_ * m_;                                                                     \
        y_ = FMA8(y_, z_, e_ * ALL8(-2.12194440e-4f));                                    \
        y_ = FMA8(z_, ALL8(-0.5f), y_);                                                   \
        f8 log_ = FMA8(e_, ALL8(0.693359375f), m_ + y_);                                  \
        f8 r_ = __builtin_elementwise_sqrt(ALL8(-2.0f) * log_);                           \
        /* sine and cosine of t >= 0: the octant j (even), then a polynomial in the rest */ \
        f8 t_ = ALL8(6.2831853071795864769f) * (b);                                       \
        i8 j_ = (__builtin_convertvector(t_ * ALL8(1.27323954473516f), i8) + 1) & ~1;     \
        f8 q_ = __builtin_convertvector(j_, f8);                                          \
        t_ = FMA8(q_, ALL8(-0.78515625f), t_);                                            \
        t_ = FMA8(q_, ALL8(-2.4187564849853515625e-4f), t_);                              \
        t_ = FMA8(q_, ALL8(-3.77489497744594108e-8f), t_);                                \
        z_ = t_ * t_;                                                                     \
        f8 c_ = FMA8(ALL8(2.443315711809948E-005f), z_, ALL8(-1.388731625493765E-003f));  \
        c_ = FMA8(c_, z_, ALL8(4.166664568298827E-002f)) * z_;                            \
        c_ = FMA8(c_, z_, -(z_ * ALL8(0.5f))) + ALL8(1.0f);                               \
        f8 s_ = FMA8(ALL8(-1.9515295891E-4f), z_, ALL8(8.3321608736E-3f));                \
        s_ = FMA8(s_, z_, ALL8(-1.6666654611E-1f)) * z_;                                  \
        s_ = FMA8(s_, t_, t_);                                                            \
        i8 keep_ = (j_ & 2) == 0;                                                         \
        f8 sin_ = SELECT8(keep_, s_, c_), cos_ = SELECT8(keep_, c_, s_);                  \
        sin_ = (f8)((i8)sin_ ^ ((j_ & 4) << 29));                                         \
        cos_ = (f8)((i8)cos_ ^ ((~(j_ - 2) & 4) << 29));                                  \
        (a) = FMA8(r_ * cos_, std, mean);                                                 \
        (b) = FMA8(r_ * sin_, std, mean);                                                 \
    } while (0)

INLINE void mk_box_muller_f32_body(float *x, int64_t blocks, float mean, float std) {
    f8 means = ALL8(mean), stds = ALL8(std);
    for (int64_t i = 0; i < blocks; ++i, x += 16) {
        f8 a, b;
        memcpy(&a, x, 32);
        memcpy(&b, x + 8, 32);
        BOX_MULLER_8(a, b, means, stds);
        memcpy(x, &a, 32);
        memcpy(x + 8, &b, 32);
    }
}
VARIANTS(mk_box_muller_f32, (float *x, int64_t blocks, float mean, float std), (x, blocks, mean, std))

void mk_normal_f32(mk_mt19937 *g, float *out, int64_t n, float mean, float std) {
    mk_uniform_f32(g, out, n, 0.0f, 1.0f);
    mk_box_muller_f32(out, n / 16, mean, std);
    if (n % 16) {
        mk_uniform_f32(g, out + n - 16, 16, 0.0f, 1.0f);
        mk_box_muller_f32(out + n - 16, 1, mean, std);
    }
}

/* The same blocks in double, where the C library's functions serve. */
static void box_muller_f64(double *x, int64_t blocks, double mean, double std) {
    for (int64_t i = 0; i < blocks; ++i, x += 16)
        for (int j = 0; j < 8; ++j) {
            double r = sqrt(-2.0 * log(1.0 - x[j])), t = 2.0 * 3.14159265358979323846 * x[j + 8];
            x[j] = fma(r * cos(t), std, mean);
            x[j + 8] = fma(r * sin(t), std, mean);
        }
}

void mk_normal_f64(mk_mt19937 *g, double *out, int64_t n, double mean, double std) {
    mk_uniform_f64(g, out, n, 0.0, 1.0);
    box_muller_f64(out, n / 16, mean, std);
    if (n % 16) {
        mk_uniform_f64(g, out + n - 16, 16, 0.0, 1.0);
        box_muller_f64(out + n - 16, 1, mean, std);
    }
}
