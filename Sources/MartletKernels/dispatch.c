/* dispatch.c: which instruction set's loops are used. */
#include "kernels.h"

const mk_table *mk_active = &mk_table_generic;

#if defined(__x86_64__)
__attribute__((constructor)) static void choose(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
        mk_active = &mk_table_avx512;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        mk_active = &mk_table_avx2;
}
#endif

const char *mk_cpu_capability(void) { return mk_active->name; }
