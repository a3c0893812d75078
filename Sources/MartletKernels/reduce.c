/* reduce.c: strides and threads around the reductions. Work is cut into pieces
 * whose size does not depend on the number of threads, and their results are
 * combined in order, so the same sum comes out on every machine setting. */
#include "kernels.h"

#include <math.h>
#include <string.h>

/* A power of two times the block of the cascade: cutting there leaves the
 * pairwise tree unchanged below the cut. */
enum { PIECE = 65536, MAX_PIECES = 64, BLOCK = 2048, COLUMNS = 64 };

enum { SUM, SUMSQ, DOT };

#define DEFINE(T, S) \
typedef struct { int kind; const T *x, *y; int64_t n, piece; T *part; } job_##S; \
static T run_##S(int kind, const T *x, const T *y, int64_t n) { \
    if (kind == SUM) return mk_active->sum_##S(x, n); \
    if (kind == SUMSQ) return mk_active->sumsq_##S(x, n); \
    return mk_active->dot_##S(x, y, n); \
} \
static void pieces_##S(void *context, int64_t begin, int64_t end) { \
    job_##S *j = context; \
    for (int64_t i = begin; i < end; i++) { \
        int64_t at = i * j->piece, w = j->n - at < j->piece ? j->n - at : j->piece; \
        j->part[i] = run_##S(j->kind, j->x + at, j->y ? j->y + at : NULL, w); \
    } \
} \
static T contiguous_##S(int kind, const T *x, const T *y, int64_t n) { \
    if (n < 2 * PIECE) return run_##S(kind, x, y, n); \
    T part[MAX_PIECES]; \
    int64_t piece = PIECE; \
    while (piece * MAX_PIECES < n) piece *= 2; \
    job_##S j = {kind, x, y, n, piece, part}; \
    int64_t count = (n + piece - 1) / piece; \
    mk_parallel_for(count, 1, pieces_##S, &j); \
    for (; count > 1; count = (count + 1) / 2) \
        for (int64_t i = 0; i < count / 2 + count % 2; i++) \
            part[i] = 2 * i + 1 < count ? part[2 * i] + part[2 * i + 1] : part[2 * i]; \
    return part[0]; \
} \
static T strided_##S(int kind, const T *x, int64_t sx, const T *y, int64_t sy, int64_t n) { \
    T a[BLOCK], b[BLOCK]; \
    if (n > BLOCK) { \
        int64_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK; \
        return strided_##S(kind, x, sx, y, sy, half) + \
               strided_##S(kind, x + half * sx, sx, y ? y + half * sy : NULL, sy, n - half); \
    } \
    for (int64_t i = 0; i < n; i++) a[i] = x[i * sx]; \
    if (y) for (int64_t i = 0; i < n; i++) b[i] = y[i * sy]; \
    return run_##S(kind, a, y ? b : NULL, n); \
} \
T mk_sum_##S(const T *x, int64_t s, int64_t n) { \
    return s == 1 ? contiguous_##S(SUM, x, NULL, n) : mk_active->sum_strided_##S(x, s, n); \
} \
T mk_sumsq_##S(const T *x, int64_t s, int64_t n) { \
    return s == 1 ? contiguous_##S(SUMSQ, x, NULL, n) : strided_##S(SUMSQ, x, s, NULL, 0, n); \
} \
T mk_dot_##S(const T *x, int64_t sx, const T *y, int64_t sy, int64_t n) { \
    return sx == 1 && sy == 1 ? contiguous_##S(DOT, x, y, n) : strided_##S(DOT, x, sx, y, sy, n); \
} \
T mk_prod_##S(const T *x, int64_t s, int64_t n) { \
    if (s == 1) return mk_active->prod_##S(x, n); \
    T p = 1; \
    for (int64_t i = 0; i < n; i++) p *= x[i * s]; \
    return p; \
} \
typedef struct { const T *x; int64_t rows, cols, stride; T *out; } matrix_##S; \
/* In whole groups of COLUMNS, so that cutting does not regroup them. */ \
static void columns_##S(void *context, int64_t begin, int64_t end) { \
    matrix_##S *m = context; \
    int64_t from = begin * COLUMNS, to = end >= m->cols / COLUMNS ? m->cols : end * COLUMNS; \
    mk_active->sum_rows_##S(m->x + from, m->rows, to - from, m->stride, m->out + from); \
} \
static void rows_##S(void *context, int64_t begin, int64_t end) { \
    matrix_##S *m = context; \
    for (int64_t r = begin; r < end; r++) m->out[r] = mk_active->sum_##S(m->x + r * m->stride, m->cols); \
} \
void mk_sum_rows_##S(const T *x, int64_t rows, int64_t cols, int64_t row_stride, T *out) { \
    matrix_##S m = {x, rows, cols, row_stride, out}; \
    int64_t groups = cols < COLUMNS ? 1 : cols / COLUMNS; \
    if (cols > 0) mk_parallel_for(groups, MK_GRAIN / (rows * COLUMNS + 1) + 1, columns_##S, &m); \
} \
void mk_sum_cols_##S(const T *x, int64_t rows, int64_t cols, int64_t row_stride, T *out) { \
    if (rows == 1) { \
        *out = contiguous_##S(SUM, x, NULL, cols); \
        return; \
    } \
    matrix_##S m = {x, rows, cols, row_stride, out}; \
    mk_parallel_for(rows, cols > 0 ? (MK_GRAIN + cols - 1) / cols : rows, rows_##S, &m); \
} \
void mk_mean_var_##S(const T *x, int64_t s, int64_t n, double *mean, double *m2) { \
    if (s == 1 || n <= 1) { \
        mk_active->mean_var_##S(x, n, mean, m2); \
        return; \
    } \
    double sum = 0, squares = 0; \
    for (int64_t i = 0; i < n; i++) sum += x[i * s]; \
    *mean = sum / (double)n; \
    for (int64_t i = 0; i < n; i++) squares += (x[i * s] - *mean) * (x[i * s] - *mean); \
    *m2 = squares; \
} \
void mk_cumsum_##S(const T *x, int64_t sx, T *out, int64_t so, int64_t n) { \
    double s = 0; \
    for (int64_t i = 0; i < n; i++) out[i * so] = (T)(s += (double)x[i * sx]); \
} \
void mk_cumprod_##S(const T *x, int64_t sx, T *out, int64_t so, int64_t n) { \
    double s = 1; \
    for (int64_t i = 0; i < n; i++) out[i * so] = (T)(s *= (double)x[i * sx]); \
}

#define DEFINE_EXTREME(T, S, name, op) \
T mk_##name##_##S(const T *x, int64_t s, int64_t n, int64_t *index) { \
    if (s == 1) return mk_active->name##_##S(x, n, index); \
    T best = x[0]; \
    int64_t at = 0; \
    for (int64_t i = 1; i < n && best == best; i++) { \
        T v = x[i * s]; \
        if (v op best || v != v) best = v, at = i; \
    } \
    if (index) *index = at; \
    return best; \
}

DEFINE(float, f32)
DEFINE(double, f64)
DEFINE_EXTREME(float, f32, max, >)
DEFINE_EXTREME(float, f32, min, <)
DEFINE_EXTREME(double, f64, max, >)
DEFINE_EXTREME(double, f64, min, <)
