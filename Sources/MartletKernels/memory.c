/* memory.c: 64-byte aligned blocks. */
#include "include/martlet_kernels.h"
#include <stdlib.h>
void *mk_alloc(size_t bytes) { return aligned_alloc(64, (bytes + 64) & ~(size_t)63); }
void mk_free(void *p, size_t bytes) { (void)bytes; free(p); }
void mk_alloc_stats(mk_alloc_stats_t *out) { *out = (mk_alloc_stats_t){0}; }
void mk_reset_peak(void) {}
void mk_empty_cache(void) {}
