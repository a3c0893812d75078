/* threads.c: the pool behind mk_parallel_for. One region runs at a time; its
 * pieces are handed out by an atomic counter. A worker enters through a gate
 * that its owner shuts when no piece is left, so a worker that wakes too late is
 * never waited for. A worker that finds nothing to do spins for some
 * microseconds, then sleeps on a condition variable. */
#include "include/martlet_kernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPINS = 2000, PIECES_PER_THREAD = 4 };

static _Thread_local mk_tls_t tls;
mk_tls_t *mk_tls_get(void) { return &tls; }

int32_t mk_recording;
void mk_recording_add(int32_t n) { __atomic_fetch_add(&mk_recording, n, __ATOMIC_SEQ_CST); }

static _Thread_local int inside; /* in a piece of a region: loops below run serially */

static struct {
    pthread_mutex_t busy;    /* held by the thread whose region runs */
    pthread_mutex_t lock;    /* guards the sleepers */
    pthread_cond_t wake;
    atomic_uint generation;  /* counts regions */
    atomic_int sleeping;
    atomic_uint gate;        /* 1 when open, plus 2 for each worker inside */
    atomic_int_fast64_t next;
    int64_t n, piece;
    void (*fn)(void *, int64_t, int64_t);
    void *context;
    int workers;             /* threads created */
    atomic_uint wanted;      /* workers this region has use for */
    atomic_int threads;      /* wanted, with the caller; 0: not asked yet */
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_pieces(void) {
    inside++;
    for (;;) {
        int64_t begin = atomic_fetch_add_explicit(&pool.next, pool.piece, memory_order_relaxed);
        if (begin >= pool.n) break;
        int64_t end = pool.n - begin < pool.piece ? pool.n : begin + pool.piece;
        pool.fn(pool.context, begin, end);
    }
    inside--;
}

static void *worker(void *argument) {
    unsigned seen = (unsigned)(uintptr_t)argument;
    for (;;) {
        unsigned now = seen;
        for (int i = 0; i < SPINS; i++) {
            now = atomic_load_explicit(&pool.generation, memory_order_acquire);
            if (now != seen) break;
            relax();
        }
        if (now == seen) {
            pthread_mutex_lock(&pool.lock);
            atomic_fetch_add(&pool.sleeping, 1);
            while ((now = atomic_load(&pool.generation)) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
            atomic_fetch_sub(&pool.sleeping, 1);
            pthread_mutex_unlock(&pool.lock);
        }
        seen = now;
        unsigned gate = atomic_load(&pool.gate);
        while ((gate & 1) && gate / 2 < atomic_load_explicit(&pool.wanted, memory_order_relaxed))
            if (atomic_compare_exchange_weak(&pool.gate, &gate, gate + 2)) {
                take_pieces();
                atomic_fetch_sub(&pool.gate, 2);
                break;
            }
    }
    return NULL;
}

/* The child of a fork has only the calling thread: it starts with a new, empty pool. */
static void forked(void) {
    static const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    memcpy(&pool.busy, &mutex, sizeof mutex);
    memcpy(&pool.lock, &mutex, sizeof mutex);
    memcpy(&pool.wake, &cond, sizeof cond);
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.gate, 0);
    pool.workers = 0;
}

static void once(void) { pthread_atfork(NULL, NULL, forked); }

int32_t mk_get_num_threads(void) {
    int n = atomic_load_explicit(&pool.threads, memory_order_relaxed);
    if (n == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        n = cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
        atomic_store_explicit(&pool.threads, n, memory_order_relaxed);
    }
    return n;
}

void mk_set_num_threads(int32_t n) {
    atomic_store_explicit(&pool.threads, n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n, memory_order_relaxed);
}

/* With pool.busy held: makes at least `wanted` workers if the system allows. */
static void grow(int wanted) {
    static pthread_once_t control = PTHREAD_ONCE_INIT;
    pthread_once(&control, once);
    while (pool.workers < wanted) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_t thread;
        int failed = pthread_create(&thread, &attributes, worker, (void *)(uintptr_t)atomic_load(&pool.generation));
        pthread_attr_destroy(&attributes);
        if (failed) return;
        pool.workers++;
    }
}

void mk_parallel_for(int64_t n, int64_t grain, void (*fn)(void *, int64_t, int64_t), void *context) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    int threads = mk_get_num_threads();
    if (n <= grain || threads == 1 || inside || pthread_mutex_trylock(&pool.busy) != 0) {
        fn(context, 0, n);
        return;
    }
    int64_t most = (n + grain - 1) / grain;
    if (most < threads) threads = (int)most;
    grow(threads - 1);
    int64_t piece = (n + (int64_t)threads * PIECES_PER_THREAD - 1) / ((int64_t)threads * PIECES_PER_THREAD);
    pool.piece = piece < grain ? grain : piece;
    pool.n = n;
    pool.fn = fn;
    pool.context = context;
    atomic_store_explicit(&pool.wanted, (unsigned)threads - 1, memory_order_relaxed);
    atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
    atomic_store(&pool.gate, 1);
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleeping) > 0) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
    take_pieces();
    atomic_fetch_sub(&pool.gate, 1);
    for (int i = 0; atomic_load(&pool.gate) != 0; i++) {
        if (i < SPINS) relax();
        else sched_yield(), i = 0;
    }
    pthread_mutex_unlock(&pool.busy);
}
