/* dispatch.c: which instruction set's loops are used. MARTLET_CPU=generic or
 * avx2 in the environment asks for less than the CPU has. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

const mk_table *mk_active = &mk_table_generic;

#if defined(__x86_64__)
__attribute__((constructor)) static void choose(void) {
    const char *asked = getenv("MARTLET_CPU");
    if (asked && strcmp(asked, "generic") == 0) return;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
    mk_active = &mk_table_avx2;
    if (asked && strcmp(asked, "avx2") == 0) return;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
        mk_active = &mk_table_avx512;
}
#elif defined(__aarch64__)
__attribute__((constructor)) static void choose(void) {
    const char *asked = getenv("MARTLET_CPU");
    if (!asked || strcmp(asked, "generic") != 0) mk_active = &mk_table_neon;
}
#endif

const char *mk_cpu_capability(void) { return mk_active->name; }
