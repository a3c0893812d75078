/* The rate of multiply-adds that this core reaches when nothing but arithmetic stands in its way: independent chains
 * on registers, with the widest vectors that the CPU has. */
#include "benchmark.h"

#define CHAINS 12
static volatile float sink;

#if defined(__x86_64__)
#define REGISTER "+v"
#elif defined(__aarch64__)
#define REGISTER "+w"
#else
#define REGISTER "+m"
#endif

/* A function that does n rounds of CHAINS multiply-adds on vectors of `bytes` bytes. */
#define RATE(NAME, BYTES, ...)                                                                       \
    typedef float NAME##_vector __attribute__((vector_size(BYTES)));                                 \
    __VA_ARGS__ static void NAME(long n) {                                                           \
        NAME##_vector a[CHAINS], b = {0}, c = {0};                                                   \
        b += 0.999999f;                                                                              \
        c += 1e-6f;                                                                                  \
        for (int k = 0; k < CHAINS; k++) a[k] = b;                                                   \
        for (long i = 0; i < n; i++) {                                                               \
            _Pragma("clang loop unroll(full)") for (int k = 0; k < CHAINS; k++) {                    \
                a[k] = a[k] * b + c;                                                                 \
                __asm__ volatile("" : REGISTER(a[k]));                                               \
            }                                                                                        \
        }                                                                                            \
        for (int k = 0; k < CHAINS; k++) sink = a[k][0];                                             \
    }

RATE(narrow, 16)
#if defined(__x86_64__)
RATE(middle, 32, __attribute__((target("avx2,fma"))))
RATE(wide, 64, __attribute__((target("avx512f"))))
#endif

double peak_flops(void) {
    void (*rounds)(long) = narrow;
    long lanes = 4, n = 200000;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        rounds = middle;
        lanes = 8;
    }
    if (__builtin_cpu_supports("avx512f")) {
        rounds = wide;
        lanes = 16;
    }
#endif
    double best = 0;
    for (int part = 0; part < 3; part++) { /* the best of three short ones: others may take the core meanwhile */
        double start = now();
        rounds(n);
        double rate = 2.0 * CHAINS * lanes * n / (now() - start);
        if (rate > best) best = rate;
    }
    return best;
}
