/* memory.c: a caching allocator. Sizes fall into classes, eight to a doubling.
 * A freed block goes onto its thread's list of its class; when that list is
 * full, or for large blocks, onto a shared list behind a lock; when the shared
 * lists hold too much, back to the system. Links live in the free blocks. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "kernels.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CLASSES 320
#define HUGE_SIZE ((size_t)2 << 20)   /* from here on blocks are mapped, in huge pages if there are */
#define LOCAL_SIZE ((size_t)1 << 20)  /* up to here threads keep lists of their own */
#define REPORT_SIZE (64 << 10)        /* a thread tells the shared counters when it is off by this much */

typedef struct block { struct block *next; } block;
typedef struct { block *head; uint32_t count; } bin;

typedef struct {
    bin bins[CLASSES];
    int64_t held, cached;         /* bytes not yet told to the shared counters */
    uint64_t calls;
} local_cache;

/* Made at a thread's first call; none is left when the thread ends. */
static MK_THREAD_LOCAL local_cache *local;
static MK_THREAD_LOCAL int has_ended;

static struct {
    pthread_mutex_t lock;
    bin bins[CLASSES];
    size_t bytes, limit;          /* in the shared lists; under the lock */
    pthread_key_t key;
    atomic_int_fast64_t held, cached, peak;
    atomic_uint_fast64_t calls, system_calls;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline unsigned class_of(size_t bytes) {
    if (bytes <= 512) return bytes == 0 ? 0 : (unsigned)((bytes - 1) / 64);
    size_t b = bytes - 1;
    unsigned power = 63 - (unsigned)__builtin_clzll(b);
    return 8 + (power - 9) * 8 + (unsigned)((b - ((size_t)1 << power)) >> (power - 3));
}

static inline size_t class_size(unsigned c) {
    if (c < 8) return (size_t)(c + 1) * 64;
    unsigned power = (c - 8) / 8 + 9;
    return ((size_t)1 << power) + (((size_t)((c - 8) % 8) + 1) << (power - 3));
}

static void *system_take(size_t size) {
    atomic_fetch_add_explicit(&shared.system_calls, 1, memory_order_relaxed);
    if (size < HUGE_SIZE) return aligned_alloc(64, size);
    size_t span = size + HUGE_SIZE;
    char *p = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    char *start = (char *)(((uintptr_t)p + HUGE_SIZE - 1) & ~(uintptr_t)(HUGE_SIZE - 1));
    if (start > p) munmap(p, (size_t)(start - p));
    if (p + span > start + size) munmap(start + size, (size_t)(p + span - (start + size)));
#if defined(MADV_HUGEPAGE)
    madvise(start, size, MADV_HUGEPAGE);
#endif
    return start;
}

static void system_give(void *p, size_t size) {
    if (size < HUGE_SIZE) free(p);
    else munmap(p, size);
}

static void add_to_shared(int64_t by_held, int64_t by_cached, uint64_t calls) {
    int64_t held = atomic_fetch_add_explicit(&shared.held, by_held, memory_order_relaxed) + by_held;
    atomic_fetch_add_explicit(&shared.cached, by_cached, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared.calls, calls, memory_order_relaxed);
    int_fast64_t peak = atomic_load_explicit(&shared.peak, memory_order_relaxed);
    while (held > peak && !atomic_compare_exchange_weak(&shared.peak, &peak, held)) {}
}

static void report(local_cache *l) {
    add_to_shared(l->held, l->cached, l->calls);
    l->held = l->cached = 0;
    l->calls = 0;
}

/* Counts a call; without a cache of the thread at once. */
static inline void count(local_cache *l, int64_t by_held, int64_t by_cached, unsigned calls) {
    if (__builtin_expect(!l, 0)) {
        add_to_shared(by_held, by_cached, calls);
        return;
    }
    l->calls += calls;
    l->cached += by_cached;
    l->held += by_held;
    if (l->held > REPORT_SIZE || l->held < -REPORT_SIZE) report(l);
}

/* Puts a block on the shared list, or says no when those hold enough. */
static int share(block *b, unsigned c) {
    size_t size = class_size(c);
    pthread_mutex_lock(&shared.lock);
    int room = shared.bytes + size <= shared.limit;
    if (room) {
        b->next = shared.bins[c].head;
        shared.bins[c].head = b;
        shared.bins[c].count++;
        shared.bytes += size;
    }
    pthread_mutex_unlock(&shared.lock);
    return room;
}

static void empty_local(local_cache *l, int keep_shared) {
    for (unsigned c = 0; c < CLASSES && class_size(c) <= LOCAL_SIZE; c++) {
        block *b = l->bins[c].head;
        l->bins[c] = (bin){NULL, 0};
        while (b) {
            block *next = b->next;
            if (!keep_shared || !share(b, c)) {
                system_give(b, class_size(c));
                l->cached -= (int64_t)class_size(c);
            }
            b = next;
        }
    }
    report(l);
}

static void thread_ends(void *ending) {
    local = NULL;
    has_ended = 1;
    empty_local(ending, 1);
    free(ending);
}

static void lock_shared(void) { pthread_mutex_lock(&shared.lock); }
static void unlock_shared(void) { pthread_mutex_unlock(&shared.lock); }

static void start(void) {
    pthread_key_create(&shared.key, thread_ends);
    pthread_atfork(lock_shared, unlock_shared, unlock_shared);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t memory = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : (size_t)4 << 30;
    shared.limit = memory / 4;
}

static __attribute__((noinline)) local_cache *begin_thread(void) {
    static pthread_once_t control = PTHREAD_ONCE_INIT;
    pthread_once(&control, start);
    if (has_ended) return NULL;
    local = calloc(1, sizeof(local_cache));
    if (local) pthread_setspecific(shared.key, local);
    return local;
}

static __attribute__((noinline)) void *take_slowly(unsigned c, int *from_cache) {
    size_t size = class_size(c);
    pthread_mutex_lock(&shared.lock);
    block *b = shared.bins[c].head;
    if (b) {
        shared.bins[c].head = b->next;
        shared.bins[c].count--;
        shared.bytes -= size;
    }
    pthread_mutex_unlock(&shared.lock);
    *from_cache = b != NULL;
    if (b) return b;
    void *p = system_take(size);
    if (!p) {
        mk_empty_cache();
        p = system_take(size);
    }
    return p;
}

void *mk_alloc(size_t bytes) {
    if (bytes > (size_t)1 << 46) return NULL;
    unsigned c = class_of(bytes);
    int64_t size = (int64_t)class_size(c);
    local_cache *l = local ? local : begin_thread();
    int from_cache = 1;
    void *p = l ? l->bins[c].head : NULL;
    if (__builtin_expect(p != NULL, 1)) {
        l->bins[c].head = ((block *)p)->next;
        l->bins[c].count--;
    } else if (!(p = take_slowly(c, &from_cache))) {
        return NULL;
    }
    count(l, size, from_cache ? -size : 0, 1);
    return p;
}

/* How many free blocks a thread keeps. A graph of small steps is freed at once and made again. */
static inline uint32_t kept(size_t size) {
    return size <= 512 ? 1024 : size <= 4096 ? 64 : size <= 65536 ? 16 : size <= LOCAL_SIZE ? 4 : 0;
}

void mk_free(void *p, size_t bytes) {
    if (!p) return;
    unsigned c = class_of(bytes);
    size_t size = class_size(c);
    local_cache *l = local ? local : begin_thread();
    int is_kept = 1;
    if (__builtin_expect(l && l->bins[c].count < kept(size), 1)) {
        ((block *)p)->next = l->bins[c].head;
        l->bins[c].head = p;
        l->bins[c].count++;
    } else if (!share(p, c)) {
        is_kept = 0;
        system_give(p, size);
    }
    count(l, -(int64_t)size, is_kept ? (int64_t)size : 0, 0);
}

void mk_empty_cache(void) {
    local_cache *l = local ? local : begin_thread();
    if (l) empty_local(l, 0);
    mk_empty_objects();
    for (unsigned c = 0; c < CLASSES; c++) {
        pthread_mutex_lock(&shared.lock);
        block *b = shared.bins[c].head;
        size_t freed = shared.bins[c].count * class_size(c);
        shared.bytes -= freed;
        shared.bins[c] = (bin){NULL, 0};
        pthread_mutex_unlock(&shared.lock);
        add_to_shared(0, -(int64_t)freed, 0);
        while (b) {
            block *next = b->next;
            system_give(b, class_size(c));
            b = next;
        }
    }
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void *mk_alloc_kept(size_t bytes) {
    unsigned c = class_of(bytes);
    local_cache *l = local ? local : begin_thread();
    if (c < CLASSES && !(l && l->bins[c].head)) {
        pthread_mutex_lock(&shared.lock);
        int wasteful = !shared.bins[c].head && shared.bytes >= LOCAL_SIZE;
        pthread_mutex_unlock(&shared.lock);
        if (wasteful) mk_empty_cache();
    }
    return mk_alloc(bytes);
}

static uint64_t counted(int_fast64_t v) { return v > 0 ? (uint64_t)v : 0; }

void mk_alloc_stats(mk_alloc_stats_t *out) {
    if (local) report(local);
    out->allocated_bytes = counted(atomic_load(&shared.held));
    out->peak_bytes = counted(atomic_load(&shared.peak));
    out->cached_bytes = counted(atomic_load(&shared.cached));
    out->allocations = atomic_load(&shared.calls);
    out->system_allocations = atomic_load(&shared.system_calls);
}

void mk_reset_peak(void) {
    if (local) report(local);
    atomic_store(&shared.peak, atomic_load(&shared.held));
}
