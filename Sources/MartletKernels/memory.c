/* memory.c: a caching allocator. Sizes fall into classes, eight to a doubling.
 * A freed block goes onto its thread's list of its class; when that list is
 * full, or for large blocks, onto a shared list behind a lock; when the shared
 * lists hold too much, back to the system. Links live in the free blocks. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "include/martlet_kernels.h"

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
    int state;                    /* 0 new, 1 in use, 2 its thread is ending */
} local_cache;

static _Thread_local local_cache local;

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

static void report(void) {
    int64_t held = atomic_fetch_add_explicit(&shared.held, local.held, memory_order_relaxed) + local.held;
    atomic_fetch_add_explicit(&shared.cached, local.cached, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared.calls, local.calls, memory_order_relaxed);
    local.held = local.cached = 0;
    local.calls = 0;
    int_fast64_t peak = atomic_load_explicit(&shared.peak, memory_order_relaxed);
    while (held > peak && !atomic_compare_exchange_weak(&shared.peak, &peak, held)) {}
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

static void empty_local(int keep_shared) {
    for (unsigned c = 0; c < CLASSES && class_size(c) <= LOCAL_SIZE; c++) {
        block *b = local.bins[c].head;
        local.bins[c] = (bin){NULL, 0};
        while (b) {
            block *next = b->next;
            if (!keep_shared || !share(b, c)) {
                system_give(b, class_size(c));
                local.cached -= (int64_t)class_size(c);
            }
            b = next;
        }
    }
    report();
}

static void thread_ends(void *unused) {
    (void)unused;
    local.state = 2;
    empty_local(1);
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

static __attribute__((noinline)) void begin_thread(void) {
    static pthread_once_t control = PTHREAD_ONCE_INIT;
    pthread_once(&control, start);
    if (local.state == 0) {
        local.state = 1;
        pthread_setspecific(shared.key, &local);
    }
}

static __attribute__((noinline)) void *take_slowly(unsigned c) {
    size_t size = class_size(c);
    block *b = NULL;
    if (local.state == 0) begin_thread();
    pthread_mutex_lock(&shared.lock);
    if ((b = shared.bins[c].head)) {
        shared.bins[c].head = b->next;
        shared.bins[c].count--;
        shared.bytes -= size;
    }
    pthread_mutex_unlock(&shared.lock);
    if (b) {
        local.cached -= (int64_t)size;
        return b;
    }
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
    bin *mine = &local.bins[c];
    size_t size = class_size(c);
    void *p = mine->head;
    if (__builtin_expect(p != NULL, 1)) {
        mine->head = ((block *)p)->next;
        mine->count--;
        local.cached -= (int64_t)size;
    } else if (!(p = take_slowly(c))) {
        return NULL;
    }
    local.calls++;
    local.held += (int64_t)size;
    if (local.held > REPORT_SIZE) report();
    return p;
}

void mk_free(void *p, size_t bytes) {
    if (!p) return;
    unsigned c = class_of(bytes);
    size_t size = class_size(c);
    bin *mine = &local.bins[c];
    local.held -= (int64_t)size;
    uint32_t most = size <= 4096 ? 64 : size <= 65536 ? 16 : size <= LOCAL_SIZE ? 4 : 0;
    if (__builtin_expect(mine->count < most && local.state == 1, 1)) {
        ((block *)p)->next = mine->head;
        mine->head = p;
        mine->count++;
        local.cached += (int64_t)size;
    } else {
        if (local.state == 0) begin_thread();
        if (share(p, c)) local.cached += (int64_t)size;
        else system_give(p, size);
    }
    if (local.held < -REPORT_SIZE) report();
}

void mk_empty_cache(void) {
    begin_thread();
    empty_local(0);
    for (unsigned c = 0; c < CLASSES; c++) {
        pthread_mutex_lock(&shared.lock);
        block *b = shared.bins[c].head;
        size_t freed = shared.bins[c].count * class_size(c);
        shared.bytes -= freed;
        shared.bins[c] = (bin){NULL, 0};
        pthread_mutex_unlock(&shared.lock);
        local.cached -= (int64_t)freed;
        while (b) {
            block *next = b->next;
            system_give(b, class_size(c));
            b = next;
        }
    }
    report();
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void *mk_alloc_kept(size_t bytes) {
    unsigned c = class_of(bytes);
    if (c < CLASSES && !local.bins[c].head) {
        pthread_mutex_lock(&shared.lock);
        int wasteful = !shared.bins[c].head && shared.bytes >= LOCAL_SIZE;
        pthread_mutex_unlock(&shared.lock);
        if (wasteful) mk_empty_cache();
    }
    return mk_alloc(bytes);
}

static uint64_t counted(int_fast64_t v) { return v > 0 ? (uint64_t)v : 0; }

void mk_alloc_stats(mk_alloc_stats_t *out) {
    report();
    out->allocated_bytes = counted(atomic_load(&shared.held));
    out->peak_bytes = counted(atomic_load(&shared.peak));
    out->cached_bytes = counted(atomic_load(&shared.cached));
    out->allocations = atomic_load(&shared.calls);
    out->system_allocations = atomic_load(&shared.system_calls);
}

void mk_reset_peak(void) {
    report();
    atomic_store(&shared.peak, atomic_load(&shared.held));
}
