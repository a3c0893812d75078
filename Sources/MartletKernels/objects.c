/* objects.c: two services of the Swift runtime, made cheaper for small steps, of which they are a third.
 *
 * The linker flags of Package.swift (--wrap) lead the calls of swift_retain, swift_release, swift_slowAlloc and
 * swift_slowDealloc here. A program that is linked without the flags does not come here, and loses nothing but time. */
#include "kernels.h"

#include <pthread.h>
#include <stdlib.h>

#if defined(__linux__)
#include <malloc.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define IS_SINGLE_THREADED __builtin_expect(__libc_single_threaded, 1)
#endif
#endif

#if !defined(IS_SINGLE_THREADED)
#define IS_SINGLE_THREADED 0
#endif

/* Counting references without locked instructions while the process has one thread. glibc keeps in one byte whether a
 * second one was ever started (libstdc++'s shared_ptr looks there too); from then on, and for an object whose count is
 * not the plain one inside of it, the runtime's own functions run.
 *
 * The count is the word behind the pointer to the metadata: bits 33 to 62 hold the strong references beyond the first;
 * bit 63 says that the word means something else (swift/stdlib/public/SwiftShims/swift/shims/RefCount.h). */
typedef struct {
    const void *metadata;
    int64_t count;
} object;

#define ONE_REFERENCE ((uint64_t)1 << 33)

/* Weak, since only the flags make these names. */
__attribute__((weak)) object *__real_swift_retain(object *);
__attribute__((weak)) void __real_swift_release(object *);
__attribute__((weak)) void *__real_swift_slowAlloc(size_t, size_t);
__attribute__((weak)) void __real_swift_slowDealloc(void *, size_t, size_t);

object *__wrap_swift_retain(object *o) {
    if (!IS_SINGLE_THREADED) return __real_swift_retain(o);
    if ((intptr_t)o <= 0) return o;
    int64_t next = (int64_t)((uint64_t)o->count + ONE_REFERENCE);
    if (__builtin_expect(next < 0, 0)) return __real_swift_retain(o);
    o->count = next;
    return o;
}

void __wrap_swift_release(object *o) {
    if (IS_SINGLE_THREADED) {
        if ((intptr_t)o <= 0) return;
        int64_t next = (int64_t)((uint64_t)o->count - ONE_REFERENCE);
        if (next >= 0) {
            o->count = next;
            return;
        }
    }
    __real_swift_release(o);
}

/* Memory of objects: tensors, nodes and closures come and go by the thousand, more than malloc's own cache of a thread
 * holds. What a thread frees waits in lists by size, linked through the free blocks, for its next object. Every block
 * is malloc's, of 16 c + 8 usable bytes or a little more, so that any of them may also go to free. */
enum { CLASSES = 33, LARGEST = 16 * (CLASSES - 1) + 8, LONGEST = 1024 };

typedef struct free_block { struct free_block *next; } free_block;
typedef struct {
    free_block *first[CLASSES];
    uint32_t count[CLASSES];
} pool;

static MK_THREAD_LOCAL pool *mine;
static MK_THREAD_LOCAL int has_ended; /* what is freed while the thread ends goes to free */
static pthread_key_t key;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

static void empty(pool *p) {
    for (int c = 0; c < CLASSES; c++) {
        free_block *b = p->first[c];
        p->first[c] = NULL;
        p->count[c] = 0;
        while (b) {
            free_block *next = b->next;
            free(b);
            b = next;
        }
    }
}

static void end_thread(void *ending) {
    mine = NULL;
    has_ended = 1;
    empty(ending);
    free(ending);
}

void mk_empty_objects(void) {
    if (mine) empty(mine);
}

static void make_key(void) { pthread_key_create(&key, end_thread); }

static __attribute__((noinline)) pool *make_pool(void) {
    if (has_ended) return NULL;
    pthread_once(&key_made, make_key);
    mine = calloc(1, sizeof(pool));
    if (mine) pthread_setspecific(key, mine);
    return mine;
}

/* Under AddressSanitizer every object must be malloc's alone. */
#if __has_feature(address_sanitizer)
#define POOLS 0
#else
#define POOLS 1
#endif

/* The runtime's least alignment, and its word for "no matter". */
static inline int is_plain(size_t align_mask) { return align_mask <= 15 || align_mask == ~(size_t)0; }

void *__wrap_swift_slowAlloc(size_t size, size_t align_mask) {
    if (!POOLS || size > LARGEST || !is_plain(align_mask)) return __real_swift_slowAlloc(size, align_mask);
    size_t c = (size + 7) / 16;
    pool *p = mine;
    if (p && p->first[c]) {
        free_block *b = p->first[c];
        p->first[c] = b->next;
        p->count[c]--;
        return b;
    }
    return __real_swift_slowAlloc(16 * c + 8, align_mask);
}

void __wrap_swift_slowDealloc(void *block, size_t size, size_t align_mask) {
#if defined(__linux__)
    if (POOLS && block && is_plain(align_mask)) {
        /* The size that is told may be that of an array without its elements. */
        size_t usable = malloc_usable_size(block);
        pool *p = mine ? mine : make_pool();
        if (usable >= 24 && usable < LARGEST + 16 && p) {
            size_t c = (usable - 8) / 16;
            if (p->count[c] < LONGEST) {
                ((free_block *)block)->next = p->first[c];
                p->first[c] = block;
                p->count[c]++;
                return;
            }
        }
    }
#endif
    __real_swift_slowDealloc(block, size, align_mask);
}
