/* threads.c: the pool behind mk_parallel_for. One region runs at a time. Each
 * thread has a share of its pieces, the same in every region of the same size, so
 * that what it wrote is in its cache when it comes to read it; who is done with
 * his share goes on with those of others. A worker enters through a gate
 * that its owner shuts when no piece is left, so a worker that wakes too late is
 * never waited for. A worker that finds nothing to do spins for some
 * microseconds, then sleeps on a condition variable; so does a caller who waits
 * for the last pieces.
 *
 * Where other programs keep cores busy, a worker that is taken off its core in
 * the middle of a piece makes the whole region wait. Each region therefore
 * compares the time it took with what one thread less would have needed, and
 * where the sum of that is a loss, regions take one thread less (on two cores:
 * the caller alone), sleep instead of spinning, and try again after a while
 * that doubles each time. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "kernels.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPINS = 2000, PIECES_PER_THREAD = 4 };

/* Waking a worker costs more than a small region. It is done for one of this
 * many grains, or after that many regions that came within SOON of each other. */
enum { WORTH_WAKING = 8, IN_A_ROW = 4 };

/* Nanoseconds. CREDIT is the most gain that is set against losses: a few turns of another program, some milliseconds
 * each, do not count yet. TRIAL is that of a new attempt: less than one turn. */
enum { SMALL = 100000, SAMPLE = 16, SOON = 40000, CREDIT = 20000000, TRIAL = 1000000, PAUSE = 10000000, LONGEST_PAUSE = 320000000 };

MK_THREAD_LOCAL mk_tls_t mk_tls;

int32_t mk_recording;
void mk_recording_add(int32_t n) { __atomic_fetch_add(&mk_recording, n, __ATOMIC_SEQ_CST); }

static _Thread_local int inside; /* in a piece of a region: loops below run serially */

/* Part of a region: the next item to be done, and the end. Each has a cache line of its own. */
typedef struct { _Alignas(64) atomic_int_fast64_t next; int64_t end; } share;

static struct {
    pthread_mutex_t busy;    /* held by the thread whose region runs */
    pthread_mutex_t lock;    /* guards the sleepers */
    pthread_cond_t wake, done;
    atomic_uint generation;  /* counts regions */
    atomic_int sleeping;
    atomic_uint gate;        /* 1 when open, plus 2 for each worker inside */
    share shares[MAX_THREADS];
    int parts;               /* how many shares this region has */
    int64_t piece;
    void (*fn)(void *, int64_t, int64_t);
    void *context;
    int workers;             /* threads created */
    atomic_uint wanted;      /* workers this region has use for */
    atomic_int waiting;      /* the caller sleeps until the gate is empty */
    atomic_int crowd;        /* threads fewer than asked for, because others use the cores */
    atomic_int_fast64_t ended; /* when the last region did */
    int64_t credit, pause, calm; /* gains less losses; how long to do with less; until when. Under busy */
    int64_t last;            /* nanoseconds of the last region; under busy */
    unsigned unjudged;
    int row;                 /* regions that followed each other soon; under busy */
    atomic_int threads;      /* wanted, with the caller; 0: not asked yet */
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER, .credit = CREDIT, .pause = PAUSE};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Does pieces, of the share with this number first. Items done. */
static int64_t take_pieces(int first) {
    int64_t items = 0;
    inside++;
    for (int i = 0; i < pool.parts; i++) {
        share *s = &pool.shares[(first + i) % pool.parts];
        for (;;) {
            int64_t begin = atomic_fetch_add_explicit(&s->next, pool.piece, memory_order_relaxed);
            if (begin >= s->end) break;
            int64_t end = s->end - begin < pool.piece ? s->end : begin + pool.piece;
            pool.fn(pool.context, begin, end);
            items += end - begin;
        }
    }
    inside--;
    return items;
}

/* With pool.busy held: cuts 0..<n into a share for each thread, at multiples of the piece. */
static void deal(int64_t n, int threads) {
    int64_t pieces = (n + pool.piece - 1) / pool.piece;
    pool.parts = threads;
    for (int i = 0; i < threads; i++) {
        int64_t from = pieces * i / threads * pool.piece, to = pieces * (i + 1) / threads * pool.piece;
        pool.shares[i].end = to < n ? to : n;
        atomic_store_explicit(&pool.shares[i].next, from, memory_order_relaxed);
    }
}

static void leave(void) {
    if (atomic_fetch_sub(&pool.gate, 2) == 2 && atomic_load(&pool.waiting)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.lock);
    }
}

/* `argument` is the number of the thread's share, the caller's being 0. */
static void *worker(void *argument) {
    unsigned seen = 0;
    for (;;) {
        unsigned now = seen;
        int spins = atomic_load_explicit(&pool.crowd, memory_order_relaxed) ? 1 : SPINS;
        for (int i = 0; i < spins; i++) {
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
                take_pieces((int)(intptr_t)argument);
                leave();
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
    memcpy(&pool.done, &cond, sizeof cond);
    atomic_store(&pool.sleeping, 0);
    atomic_store(&pool.gate, 0);
    atomic_store(&pool.waiting, 0);
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
    atomic_store_explicit(&pool.crowd, 0, memory_order_relaxed);
}

/* What the calling thread has computed, without the time that others had its core. */
static int64_t computed(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* With pool.busy held, after a region: what it says about the number of threads. `spent` is what the caller computed for
 * its own `items` of n, `took` the time of the whole region: one who was taken off a core makes it longer; `weight` how many
 * regions it stands for. */
static void learn(int threads, int64_t n, int64_t items, int64_t spent, int64_t took, int weight) {
    if (items == 0) return;
    double with_less = (double)spent / (double)items * (double)n / (threads - 1);
    pool.credit += ((int64_t)with_less - took) * weight;
    int crowd = atomic_load_explicit(&pool.crowd, memory_order_relaxed);
    if (pool.credit > CREDIT) {
        pool.credit = CREDIT;
        if (crowd == 0) pool.pause = PAUSE;
    } else if (pool.credit < 0) {
        int asked = mk_get_num_threads();
        if (crowd < asked - 1) crowd++;
        atomic_store_explicit(&pool.crowd, crowd, memory_order_relaxed);
        pool.credit = TRIAL;
        pool.calm = now() + pool.pause;
        if (pool.pause < LONGEST_PAUSE) pool.pause *= 2;
    }
}

/* With pool.busy held: how many threads a region may have now. */
static int width(int64_t at) {
    int asked = mk_get_num_threads(), crowd = atomic_load_explicit(&pool.crowd, memory_order_relaxed);
    if (crowd > 0 && at >= pool.calm) {
        crowd--;
        atomic_store_explicit(&pool.crowd, crowd, memory_order_relaxed);
        pool.credit = TRIAL;
        pool.calm = at + pool.pause;
    }
    return asked - crowd > 1 ? asked - crowd : 1;
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
        int failed = pthread_create(&thread, &attributes, worker, (void *)(intptr_t)(pool.workers + 1));
        pthread_attr_destroy(&attributes);
        if (failed) return;
        pool.workers++;
    }
}

void mk_parallel_for(int64_t n, int64_t grain, void (*fn)(void *, int64_t, int64_t), void *context) {
    mk_parallel_heavy(n, grain, grain > 0 ? n / grain : n, fn, context);
}

void mk_parallel_heavy(int64_t n, int64_t grain, int64_t grains, void (*fn)(void *, int64_t, int64_t), void *context) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    if (n <= grain || mk_get_num_threads() == 1 || inside || pthread_mutex_trylock(&pool.busy) != 0) {
        fn(context, 0, n);
        return;
    }
    int64_t start = now(), most = (n + grain - 1) / grain;
    int threads = width(start);
    if (most < threads) threads = (int)most;
    pool.row = start - atomic_load_explicit(&pool.ended, memory_order_relaxed) < SOON ? pool.row + 1 : 0;
    if (threads > 1 && atomic_load(&pool.sleeping) == pool.workers && grains < WORTH_WAKING && pool.row < IN_A_ROW) threads = 1;
    if (threads == 1) {
        pthread_mutex_unlock(&pool.busy);
        fn(context, 0, n);
        atomic_store_explicit(&pool.ended, now(), memory_order_relaxed);
        return;
    }
    grow(threads - 1);
    int64_t piece = (n + (int64_t)threads * PIECES_PER_THREAD - 1) / ((int64_t)threads * PIECES_PER_THREAD);
    pool.piece = piece < grain ? grain : piece;
    deal(n, threads);
    pool.fn = fn;
    pool.context = context;
    atomic_store_explicit(&pool.wanted, (unsigned)threads - 1, memory_order_relaxed);
    atomic_store(&pool.gate, 1);
    atomic_fetch_add(&pool.generation, 1);
    if (atomic_load(&pool.sleeping) > 0) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
    /* Looking at the clocks costs as much as a small region: of those few are judged, for all. */
    int weight = pool.last > SMALL ? 1 : ++pool.unjudged % SAMPLE ? 0 : SAMPLE;
    int64_t begun = weight ? computed() : 0, items = take_pieces(0), done = weight ? computed() : 0;
    atomic_fetch_sub(&pool.gate, 1);
    int spins = atomic_load_explicit(&pool.crowd, memory_order_relaxed) ? 1 : SPINS;
    for (int i = 0; i < spins && atomic_load(&pool.gate) != 0; i++) relax();
    if (atomic_load(&pool.gate) != 0) {
        pthread_mutex_lock(&pool.lock);
        atomic_store(&pool.waiting, 1);
        while (atomic_load(&pool.gate) != 0) pthread_cond_wait(&pool.done, &pool.lock);
        atomic_store(&pool.waiting, 0);
        pthread_mutex_unlock(&pool.lock);
    }
    int64_t end = now();
    atomic_store_explicit(&pool.ended, end, memory_order_relaxed);
    pool.last = end - start;
    if (weight) learn(threads, n, items, done - begun, end - start, weight);
    pthread_mutex_unlock(&pool.busy);
}
