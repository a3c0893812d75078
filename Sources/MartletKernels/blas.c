/* blas.c: a BLAS and LAPACK that the user has, loaded at run time; lapack.c calls the LAPACK. Each class of
 * products is timed once, on one thread, on both; the library is used where it
 * was faster. It runs on one thread a call: the pieces of a product are cut and
 * spread by matmul.c as always. What was loaded is never closed or freed, since
 * another thread may be inside it. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "blas.h"
#include "kernels.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

/* The CBLAS interface with 32-bit (LP64) and 64-bit (ILP64) integers. */
#define GEMM_TYPE(T, INT, name) \
    typedef void (*name)(int, int, int, INT, INT, INT, T, const T *, INT, const T *, INT, T, T *, INT)
GEMM_TYPE(float, int32_t, gemm32_f32);
GEMM_TYPE(double, int32_t, gemm32_f64);
GEMM_TYPE(float, int64_t, gemm64_f32);
GEMM_TYPE(double, int64_t, gemm64_f64);

/* A product that stands for its class: cubes, and one short side each. */
static const struct { int16_t m, n, k; } shapes[] = {
    {32, 32, 32}, {64, 64, 64}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {16, 512, 512}, {512, 16, 512}, {512, 512, 16},
};
enum { CUBES = 5, SHAPES = sizeof shapes / sizeof *shapes, SHORT = 32, FORMS = 3, LINES = 2 * FORMS * SHAPES };

struct mk_blas {
    char path[4096];
    int wide;      /* integers have 64 bits */
    void *gemm[2]; /* f32, f64 */
    mk_lapack lapack;
    void (*set_threads)(int);
    int threads; /* it had before; 0: unknown */
    mk_blas_line lines[LINES];
};

static struct mk_blas not_asked;
_Atomic(struct mk_blas *) mk_blas_current = &not_asked;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

/* ---- Finding ---- */

static const struct { const char *name, *files[8]; } known[] = {
    {"openblas", {"libopenblas.so.0", "libopenblas.so", "libopenblas64_.so.0", "libopenblas64_.so", "libscipy_openblas.so",
                  "libscipy_openblas64_.so"}},
    {"blis", {"libblis.so.4", "libblis.so.3", "libblis.so", "libblis-mt.so.4", "libblis-mt.so"}},
    {"mkl", {"libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so"}},
};

static const char *const prefixes[] = {"", "scipy_"};
static const char *const suffixes[] = {"", "64_", "_64"};

static void *symbol(void *handle, const char *prefix, const char *name, const char *suffix) {
    char text[128];
    snprintf(text, sizeof text, "%s%s%s", prefix, name, suffix);
    return dlsym(handle, text);
}

/* MKL finds its parts only among global symbols, and must be told before its first call to use one thread. */
static void *open_file(const char *file) {
    int flags = strstr(file, "libmkl") ? RTLD_GLOBAL : RTLD_LOCAL;
    void *handle = dlopen(file, RTLD_NOW | flags);
    if (!handle) return NULL;
    int (*layer)(int) = (int (*)(int))dlsym(handle, "MKL_Set_Threading_Layer");
    if (layer) layer(1);
    return handle;
}

static void *find(const char *what, char *error, size_t room) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(what, known[i].name) != 0) continue;
        int length = snprintf(error, room, "blas: no library of '%s' was found; tried", what);
        for (int f = 0; known[i].files[f]; f++) {
            void *handle = open_file(known[i].files[f]);
            if (handle) return handle;
            if (length >= 0 && (size_t)length < room)
                length += snprintf(error + length, room - (size_t)length, "%s %s", f ? "," : "", known[i].files[f]);
        }
        return NULL;
    }
    void *handle = open_file(what);
    if (!handle) {
        const char *reason = dlerror();
        snprintf(error, room, "blas: '%s' is neither openblas, blis, mkl nor a library that loads: %s", what,
                 reason ? reason : "no reason given");
    }
    return handle;
}

/* The functions, whichever spelling of their names the library has. */
static int bind(struct mk_blas *blas, void *handle, char *error, size_t room) {
    for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++)
        for (size_t s = 0; s < sizeof suffixes / sizeof *suffixes; s++) {
            const char *prefix = prefixes[p], *suffix = suffixes[s];
            blas->gemm[0] = symbol(handle, prefix, "cblas_sgemm", suffix);
            blas->gemm[1] = symbol(handle, prefix, "cblas_dgemm", suffix);
            if (!blas->gemm[0] || !blas->gemm[1]) continue;
            const char *(*config)(void) = (const char *(*)(void))symbol(handle, prefix, "openblas_get_config", suffix);
            blas->wide = *suffix || (config && strstr(config(), "USE64BITINT"));
            mk_lapack_bind(&blas->lapack, handle, prefix, *suffix ? "64_" : "", blas->wide);
            int (*threads)(void) = (int (*)(void))symbol(handle, prefix, "openblas_get_num_threads", suffix);
            blas->threads = threads ? threads() : 0;
            blas->set_threads = (void (*)(int))symbol(handle, prefix, "openblas_set_num_threads", suffix);
            if (!blas->set_threads) blas->set_threads = (void (*)(int))dlsym(handle, "bli_thread_set_num_threads");
            Dl_info info;
            if (dladdr(blas->gemm[0], &info) && info.dli_fname)
                snprintf(blas->path, sizeof blas->path, "%s", info.dli_fname);
            return 1;
        }
    snprintf(error, room, "blas: '%s' has no functions cblas_sgemm and cblas_dgemm, also not with scipy_ before or 64_ or _64 after",
             blas->path);
    return 0;
}

/* ---- Products ---- */

/* Whether a matrix of that width lies by rows, as a BLAS can take it; with its strides exchanged, by columns. */
static int by_rows(int64_t row_stride, int64_t column_stride, int64_t width) { return column_stride == 1 && row_stride >= width; }

#define DEFINE(T, S, WHICH) \
static void call_##S(const struct mk_blas *blas, int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, \
                     const T *b, int64_t ldb, T beta, T *c, int64_t ldc) { \
    ta = ta ? TRANS : NO_TRANS, tb = tb ? TRANS : NO_TRANS; \
    if (blas->wide) ((gemm64_##S)blas->gemm[WHICH])(ROW_MAJOR, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); \
    else \
        ((gemm32_##S)blas->gemm[WHICH])(ROW_MAJOR, ta, tb, (int32_t)m, (int32_t)n, (int32_t)k, alpha, a, (int32_t)lda, b, \
                                        (int32_t)ldb, beta, c, (int32_t)ldc); \
} \
\
void mk_blas_gemm_##S(const struct mk_blas *blas, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t rsa, int64_t csa, \
                      const T *b, int64_t rsb, int64_t csb, T beta, T *c, int64_t ldc, const T *bias, int bias_rows) { \
    int ta = !by_rows(rsa, csa, k), tb = !by_rows(rsb, csb, n); \
    call_##S(blas, ta, tb, m, n, k, alpha, a, ta ? csa : rsa, b, tb ? csb : rsb, beta, c, ldc); \
    for (int64_t i = 0; bias && i < m; i++) { \
        T *row = c + i * ldc; \
        if (bias_rows) for (int64_t j = 0; j < n; j++) row[j] += bias[i]; \
        else for (int64_t j = 0; j < n; j++) row[j] += bias[j]; \
    } \
} \
\
/* Seconds of one product of the line: the least of three runs, each long enough to be timed. */ \
static double time_##S(const struct mk_blas *blas, const mk_blas_line *l, const T *a, const T *b, T *c, T *space) { \
    int64_t m = l->m, n = l->n, k = l->k, lda = l->transposed_a ? m : k, ldb = l->transposed_b ? k : n; \
    double best = 1e9, work = 2.0 * (double)m * (double)n * (double)k; \
    int runs = work < 4e6 ? (int)(4e6 / work) : 1; \
    for (int sample = 0; sample < 4; sample++) { \
        double start = now(); \
        for (int i = 0; i < runs; i++) { \
            if (blas) call_##S(blas, l->transposed_a, l->transposed_b, m, n, k, 1, a, lda, b, ldb, 0, c, n); \
            else \
                mk_active->gemm_##S(m, n, k, 1, a, l->transposed_a ? 1 : lda, l->transposed_a ? lda : 1, b, \
                                    l->transposed_b ? 1 : ldb, l->transposed_b ? ldb : 1, 0, c, n, 1, NULL, 0, NULL, NULL, space); \
        } \
        double each = (now() - start) / runs; \
        if (sample > 0 && each < best) best = each; \
    } \
    return best; \
} \
\
static int measure_##S(struct mk_blas *blas, mk_blas_line *lines) { \
    int64_t most = 512 * 512, space_most = 0; \
    for (int i = 0; i < SHAPES; i++) { \
        int64_t needed = mk_active->gemm_space_##S(shapes[i].m, shapes[i].n, shapes[i].k); \
        if (needed > space_most) space_most = needed; \
    } \
    size_t bytes = (size_t)(3 * most + space_most) * sizeof(T); \
    T *memory = mk_alloc(bytes); \
    if (!memory) return 0; \
    T *b = memory + most, *c = b + most, *space = c + most; \
    for (int64_t i = 0; i < 2 * most; i++) memory[i] = (T)((i * 7919) % 2003 - 1001) / 1001; \
    for (int i = 0; i < FORMS * SHAPES; i++) { \
        mk_blas_line *l = lines + i; \
        *l = (mk_blas_line){sizeof(T) == 8, i / SHAPES == 2, i / SHAPES == 1, 0, shapes[i % SHAPES].m, shapes[i % SHAPES].n, \
                            shapes[i % SHAPES].k, 0, 0}; \
        l->embedded_seconds = time_##S(NULL, l, memory, b, c, space); \
        l->blas_seconds = time_##S(blas, l, memory, b, c, space); \
        l->used = l->blas_seconds < 0.9 * l->embedded_seconds; \
    } \
    mk_free(memory, bytes); \
    return 1; \
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

DEFINE(float, f32, 0)
DEFINE(double, f64, 1)

/* The class of a product: by its short side where that is far shorter than the others, else the nearest cube. */
static int class_of(int64_t m, int64_t n, int64_t k) {
    int64_t least = m < n ? (m < k ? m : k) : (n < k ? n : k), most = m > n ? (m > k ? m : k) : (n > k ? n : k);
    if (least <= SHORT && most > 2 * SHORT) return m == least ? CUBES : n == least ? CUBES + 1 : CUBES + 2;
    double volume = (double)m * (double)n * (double)k, edge = 45; /* between cubes, at the geometric mean */
    int class = 0;
    while (class < CUBES - 1 && volume > edge * edge * edge) class++, edge *= 2;
    return class;
}

static void load_what_is_asked(void);

static struct mk_blas *current(void) {
    struct mk_blas *blas = atomic_load_explicit(&mk_blas_current, memory_order_acquire);
    if (blas == &not_asked) {
        load_what_is_asked();
        blas = atomic_load_explicit(&mk_blas_current, memory_order_acquire);
    }
    return blas;
}

struct mk_blas *mk_blas_for(int is_double, int64_t m, int64_t n, int64_t k, int64_t rsa, int64_t csa, int64_t rsb, int64_t csb,
                            int64_t ldc) {
    struct mk_blas *blas = current();
    if (!blas) return NULL;
    int na = by_rows(rsa, csa, k), ta = !na && by_rows(csa, rsa, m), nb = by_rows(rsb, csb, n), tb = !nb && by_rows(csb, rsb, k);
    if (!(na || ta) || !(nb || tb) || (ta && tb) || ldc < n) return NULL;
    int64_t lda = na ? rsa : csa, ldb = nb ? rsb : csb;
    if (!blas->wide && (m | n | k | lda | ldb | ldc) > INT32_MAX) return NULL;
    int form = tb ? 1 : ta ? 2 : 0;
    return blas->lines[(is_double * FORMS + form) * SHAPES + class_of(m, n, k)].used ? blas : NULL;
}

/* ---- Loading ---- */

static int load(const char *what, char *error, size_t room) {
    void *handle = find(what, error, room);
    if (!handle) return -1;
    struct mk_blas *blas = calloc(1, sizeof *blas);
    if (!blas) {
        snprintf(error, room, "blas: no memory for '%s'", what);
        return -1;
    }
    snprintf(blas->path, sizeof blas->path, "%s", what);
    if (!bind(blas, handle, error, room)) {
        free(blas);
        return -1;
    }
    if (blas->set_threads) blas->set_threads(1);
    if (!measure_f32(blas, blas->lines) || !measure_f64(blas, blas->lines + FORMS * SHAPES)) {
        snprintf(error, room, "blas: no memory to measure '%s'", what);
        free(blas);
        return -1;
    }
    atomic_store_explicit(&mk_blas_current, blas, memory_order_release);
    return 0;
}

int32_t mk_blas_load(const char *what, char *error, size_t room) {
    pthread_mutex_lock(&loading);
    int result = load(what, error, room);
    pthread_mutex_unlock(&loading);
    return result;
}

/* What MARTLET_BLAS names, before the first product. Nobody waits for an error there, so one is told on standard error. */
static void load_what_is_asked(void) {
    char error[1024];
    const char *what = getenv("MARTLET_BLAS");
    pthread_mutex_lock(&loading);
    if (atomic_load(&mk_blas_current) == &not_asked) {
        if (!what || !*what) atomic_store(&mk_blas_current, NULL);
        else if (load(what, error, sizeof error) != 0) {
            fprintf(stderr, "martlet: MARTLET_BLAS: %s; the embedded kernels are used\n", error);
            atomic_store(&mk_blas_current, NULL);
        }
    }
    pthread_mutex_unlock(&loading);
}

void mk_blas_unload(void) {
    pthread_mutex_lock(&loading);
    struct mk_blas *blas = atomic_exchange(&mk_blas_current, NULL);
    if (blas && blas != &not_asked && blas->set_threads && blas->threads > 0) blas->set_threads(blas->threads);
    pthread_mutex_unlock(&loading);
}

const mk_lapack *mk_blas_lapack(void) {
    struct mk_blas *blas = current();
    return blas ? &blas->lapack : NULL;
}

const char *mk_blas_name(void) {
    struct mk_blas *blas = current();
    return blas ? blas->path : "";
}

int32_t mk_blas_table(int32_t index, mk_blas_line *out) {
    struct mk_blas *blas = current();
    if (!blas || index < 0 || index >= LINES) return 0;
    *out = blas->lines[index];
    return 1;
}
