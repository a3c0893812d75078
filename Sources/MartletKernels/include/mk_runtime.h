/* mk_runtime.h: what the engine needs from C besides arithmetic: a thread-local
 * slot, the thread pool, the memory cache and number formatting. */
#ifndef MK_RUNTIME_H
#define MK_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Per-thread state; all zero in a new thread. */
typedef struct mk_tls {
    int32_t grad_mode_disabled;
    int32_t inference_mode;
    int32_t spare[6];
    void *slots[8];
    /* The step of a graph that the thread runs just now, which of its inputs' gradients are wanted, one bit for each of the
     * first 64, and what else the engine tells it. */
    const void *running;
    uint64_t wanted;
    int32_t may_overwrite, keeps_saved;
} mk_tls_t;

/* The number of threads that record what kernels they launch; the engine looks here before it looks at its thread. */
extern int32_t mk_recording;
static inline int mk_any_records(void) { return __atomic_load_n(&mk_recording, __ATOMIC_RELAXED) != 0; }
void mk_recording_add(int32_t n);

#if defined(__linux__)
/* At a fixed distance from the thread's own address: no call to find it. For what a few dozen bytes hold. */
#define MK_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define MK_THREAD_LOCAL _Thread_local
#endif
extern MK_THREAD_LOCAL mk_tls_t mk_tls;

/* The calling thread's slot; valid while the thread lives. */
static inline mk_tls_t *mk_tls_get(void) { return &mk_tls; }

/* Calls fn(context, begin, end) over pieces that partition 0..<n, each of at
 * least `grain` items (but the last), on the pool and the calling thread, and
 * returns when all are done. Runs in the caller alone when n <= grain, when
 * called from inside a piece, or when another thread is using the pool. */
void mk_parallel_for(int64_t n, int64_t grain, void (*fn)(void *context, int64_t begin, int64_t end), void *context);

/* Threads used by a parallel loop, the caller included. By default the number of online cores. */
void mk_set_num_threads(int32_t n);
int32_t mk_get_num_threads(void);

/* The instruction set in use: "avx512", "avx2", "neon" or "generic". */
const char *mk_cpu_capability(void);

/* 64-byte aligned memory from a cache by size class; NULL when the system has
 * none left even after the cache is emptied. mk_free takes the size that was
 * asked for. mk_alloc(0) gives a valid block. */
void *mk_alloc(size_t bytes);
/* The same for memory that is kept long: where no freed block of its size waits, those of other sizes are given back to
 * the system first. */
void *mk_alloc_kept(size_t bytes);
void mk_free(void *p, size_t bytes);

typedef struct mk_alloc_stats_t {
    uint64_t allocated_bytes;  /* held by callers now */
    uint64_t peak_bytes;       /* the most ever held */
    uint64_t cached_bytes;     /* kept for reuse */
    uint64_t allocations;      /* calls of mk_alloc */
    uint64_t system_allocations; /* of which asked the system */
} mk_alloc_stats_t;

/* A snapshot; counters of other running threads may lag by a few calls. */
void mk_alloc_stats(mk_alloc_stats_t *out);

/* Sets peak_bytes to the bytes held now. */
void mk_reset_peak(void);

/* Gives the shared and the calling thread's cached blocks back to the system. */
void mk_empty_cache(void);

/* printf's %.*e, %.*f or %.*g ('e', 'f', 'g') of v into buf, always with '.'
 * as the point whatever the locale; returns the length, as snprintf. */
int mk_format_double(char *buf, size_t cap, char style, int precision, double v);

#ifdef __cplusplus
}
#endif
#endif
