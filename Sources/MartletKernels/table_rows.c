/* table_rows.c: rows of a large table at numbered places. Their addresses are
 * known long before they are needed, but not to the CPU, which is told a few
 * rows ahead. Work is shared out such that each row belongs to one thread and
 * meets its operands in the order given. */
#include "kernels.h"

#include <string.h>

/* Rows that are fetched ahead, and bytes of a row that are asked for; the rest of a long row follows by itself. */
enum { AHEAD = 12, LINE = 64, MOST = 512 };

/* Bytes of rows per thread at least, and the entries that are looked through at a time for one's own. */
enum { BYTES = 256 << 10, CHUNK = 512 };

static inline void fetch(const char *row, int64_t bytes) {
    if (bytes > MOST) bytes = MOST;
    for (int64_t at = 0; at < bytes; at += LINE) __builtin_prefetch(row + at, 1);
}

static int64_t row_grain(int64_t bytes) { return BYTES / (bytes + 1) + 1; }

typedef struct { const char *table; int64_t bytes, skip; const int64_t *index; char *out; } gather;

static void gather_piece(void *context, int64_t begin, int64_t end) {
    const gather *g = context;
    for (int64_t i = begin; i < end; i++) {
        if (i + AHEAD < end && g->index[i + AHEAD] != g->skip) fetch(g->table + g->index[i + AHEAD] * g->bytes, g->bytes);
        char *to = g->out + i * g->bytes;
        if (g->index[i] == g->skip) memset(to, 0, (size_t)g->bytes);
        else memcpy(to, g->table + g->index[i] * g->bytes, (size_t)g->bytes);
    }
}

void mk_gather_rows(const void *table, int64_t bytes, const int64_t *index, int64_t n, int64_t skip, void *out) {
    gather g = {table, bytes, skip, index, out};
    mk_parallel_for(n, row_grain(bytes), gather_piece, &g);
}

#define DEFINE(T, S) \
typedef struct { T *table; int64_t block; const int64_t *index; int64_t n, skip, parts; const T *source; T alpha; } add_##S; \
\
static void add_part_##S(void *context, int64_t begin, int64_t end) { \
    const add_##S *g = context; \
    const int64_t *index = g->index, block = g->block; \
    int64_t own[CHUNK], count; \
    for (int64_t i = 0; i < g->n;) { \
        for (count = 0; i < g->n && count < CHUNK; i++) { \
            int64_t part = g->parts == 1 ? 0 : index[i] % g->parts; \
            own[count] = i; \
            count += index[i] != g->skip && part >= begin && part < end; \
        } \
        for (int64_t j = 0; j < count; j++) { \
            if (j + AHEAD < count) fetch((const char *)(g->table + index[own[j + AHEAD]] * block), block * (int64_t)sizeof(T)); \
            T *row = g->table + index[own[j]] * block; \
            const T *from = g->source + own[j] * block; \
            if (g->alpha == 1) mk_active->binary_##S(MK_ADD, row, from, row, block); \
            else mk_active->add_scaled_##S(row, from, g->alpha, row, block); \
        } \
    } \
} \
\
void mk_add_rows_##S(T *table, int64_t block, const int64_t *index, int64_t n, int64_t skip, const T *source, T alpha) { \
    int64_t threads = mk_get_num_threads(), parts = threads > 1 && n * block * (int64_t)sizeof(T) > 2 * BYTES ? 2 * threads : 1; \
    add_##S g = {table, block, index, n, skip, parts, source, alpha}; \
    mk_parallel_for(parts, 1, add_part_##S, &g); \
} \
\
typedef struct { const T *source; int64_t block; const int64_t *order, *starts; T *out; } merge_##S; \
\
static void merge_piece_##S(void *context, int64_t begin, int64_t end) { \
    const merge_##S *g = context; \
    for (int64_t k = begin; k < end; k++) { \
        T *to = g->out + k * g->block; \
        int64_t e = g->starts[k]; \
        if (e + AHEAD < g->starts[end]) \
            fetch((const char *)(g->source + g->order[e + AHEAD] * g->block), g->block * (int64_t)sizeof(T)); \
        memcpy(to, g->source + g->order[e] * g->block, (size_t)g->block * sizeof(T)); \
        while (++e < g->starts[k + 1]) mk_active->binary_##S(MK_ADD, to, g->source + g->order[e] * g->block, to, g->block); \
    } \
} \
\
void mk_merge_rows_##S(const T *source, int64_t block, const int64_t *order, const int64_t *starts, int64_t n, T *out) { \
    merge_##S g = {source, block, order, starts, out}; \
    mk_parallel_for(n, row_grain(block * (int64_t)sizeof(T)), merge_piece_##S, &g); \
} \
\
typedef struct { T *p, *m, *v; int64_t block; const int64_t *index; const T *values; const double *h; } sparse_adam_##S; \
\
static void sparse_adam_piece_##S(void *context, int64_t begin, int64_t end) { \
    const sparse_adam_##S *g = context; \
    int64_t bytes = g->block * (int64_t)sizeof(T); \
    for (int64_t i = begin; i < end; i++) { \
        if (i + AHEAD < end) { \
            int64_t at = g->index[i + AHEAD] * g->block; \
            fetch((const char *)(g->p + at), bytes); \
            fetch((const char *)(g->m + at), bytes); \
            fetch((const char *)(g->v + at), bytes); \
        } \
        int64_t at = g->index[i] * g->block; \
        mk_active->sparse_adam_##S(g->p + at, g->values + i * g->block, g->m + at, g->v + at, g->block, g->h); \
    } \
} \
\
void mk_sparse_adam_##S(T *p, T *m, T *v, int64_t block, const int64_t *index, int64_t n, const T *values, double beta1, \
                        double beta2, double eps, double step_size) { \
    double h[] = {beta1, beta2, eps, step_size}; \
    sparse_adam_##S g = {p, m, v, block, index, values, h}; \
    mk_parallel_for(n, row_grain(3 * block * (int64_t)sizeof(T)), sparse_adam_piece_##S, &g); \
}

DEFINE(float, f32)
DEFINE(double, f64)

/* Least significant digits first, 11 bits at a time: stable, two rounds for a million places. */
enum { DIGIT = 11, DIGITS = 1 << DIGIT };

int32_t mk_sort_places(const int64_t *places, int64_t n, int64_t *order) {
    uint64_t most = 0;
    for (int64_t i = 0; i < n; i++) most |= (uint64_t)places[i];
    size_t bytes = (size_t)n * sizeof(int64_t) + DIGITS * sizeof(int64_t);
    int64_t *spare = mk_alloc(bytes);
    if (!spare) return -1;
    int64_t *counts = spare + n, *from = spare, *to = order;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int shift = 0; shift < 64 && most >> shift; shift += DIGIT) {
        int64_t *swap = from;
        from = to, to = swap;
        memset(counts, 0, DIGITS * sizeof(int64_t));
        for (int64_t i = 0; i < n; i++) counts[(uint64_t)places[i] >> shift & (DIGITS - 1)]++;
        int64_t sum = 0;
        for (int d = 0; d < DIGITS; d++) {
            int64_t count = counts[d];
            counts[d] = sum;
            sum += count;
        }
        for (int64_t i = 0; i < n; i++) to[counts[(uint64_t)places[from[i]] >> shift & (DIGITS - 1)]++] = from[i];
    }
    if (to != order) memcpy(order, to, (size_t)n * sizeof(int64_t));
    mk_free(spare, bytes);
    return 0;
}
