/* support.h: what the checks of the kernels share. The tables of loops are called in turn, `generic` first. */
#ifndef SUPPORT_H
#define SUPPORT_H
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/MartletKernels/kernels.h"

static long checks, failures;

static inline void verify(int ok, const char *format, ...) {
    checks++;
    if (ok || ++failures > 40) return;
    va_list arguments;
    va_start(arguments, format);
    printf("%s: ", mk_active->name);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

/* Numbers that are the same in every run. */
static uint64_t seed = 1;
static inline double uniform(double low, double high) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * ((double)(seed >> 11) * 0x1p-53);
}
static inline int64_t below(int64_t n) { return (int64_t)uniform(0, (double)n); }

static inline uint64_t hash_of(const void *p, size_t bytes) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++) h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3u;
    return h;
}

/* Results that every table must give to the bit: those of the first are kept, in order. */
static uint64_t first_results[4096];
static int result_count, first_table = 1;
static inline void verify_same(const char *name, int64_t n, const void *p, size_t bytes) {
    uint64_t h = hash_of(p, bytes);
    if (first_table) first_results[result_count] = h;
    verify(first_results[result_count] == h, "%s of %lld: not the bits of the first table", name, (long long)n);
    result_count++;
}

/* Lengths that leave every remainder of a vector, and one longer. */
static const int64_t lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 47, 63, 65, 130, 515};
#define EACH_LENGTH(n) \
    for (size_t at_ = 0, n; at_ < sizeof lengths / sizeof *lengths && (n = (size_t)lengths[at_], 1); at_++)

/* The tables that this machine can run. */
static inline int tables(const mk_table **list) {
    int n = 0;
    list[n++] = &mk_table_generic;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list[n++] = &mk_table_avx2;
    if (n == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        list[n++] = &mk_table_avx512;
#elif defined(__aarch64__)
    list[n++] = &mk_table_neon;
#endif
    return n;
}
#endif
