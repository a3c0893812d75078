/* matmul.c: which way a matrix product is computed, and on how many threads.
 * The way is chosen from the whole shape before any cutting, and cuts are never
 * along k, so the result does not depend on the number of threads. */
#include "blas.h"
#include "kernels.h"

enum { GEMM, BLAS, DOTS, DOTS_SWAPPED, COMBINE_ROW, COMBINE_COLUMN };

/* Multiplications below which the plain loop wins over packing, and per thread. */
enum { TINY = 64, GRAIN = 1 << 20 };

/* Rows of dot products that win over packing an operand, and that where they are long. */
enum { DOTS_UP_TO = 8, LONG_DOTS = 12 };

enum { NO_OP = -1 };

/* Whether a product of few rows, both operands along k, is less work turned round: multiply-adds of vectors for a step of
 * k, with packing 0.3 for each of the many columns, or turning each element of C once at 0.7. `narrow` is four vectors. */
static int turned_is_less(int64_t m, int64_t n, int64_t k, int64_t narrow) {
    int64_t lanes = narrow / 4;
    if (m > narrow) return 0;
    double straight = (double)(m * ((n + lanes - 1) / lanes)) + 0.3 * (double)n;
    return 1.05 * (double)(n * ((m + lanes - 1) / lanes)) + 0.7 * (double)(m * n) / (double)k < straight;
}

/* The rows and columns of a piece for each of some threads: such that the largest piece is the least work, with five
 * multiply-adds for reading or packing an element. Between equals, pieces lie side by side: a packed B is cut with them. */
static void cut(int64_t m, int64_t n, int64_t threads, int64_t *cut_m, int64_t *cut_n) {
    int64_t least = INT64_MAX;
    for (int64_t pm = 1; pm < 2 * threads; pm *= 2) {
        int64_t pn = (threads + pm - 1) / pm, cm = (m + pm - 1) / pm, cn = ((n + pn - 1) / pn + 31) / 32 * 32;
        int64_t work = cm * cn + 5 * (cm + cn);
        if (work < least) least = work, *cut_m = cm, *cut_n = cn;
    }
}

#define DEFINE(T, S) \
typedef struct { \
    int way; \
    int64_t m, n, k; \
    T alpha; \
    const T *a; \
    int64_t rsa, csa; \
    const T *b; \
    int64_t rsb, csb; \
    T beta; \
    T *c; \
    int64_t rsc, csc; \
    const T *bias; \
    int bias_rows; /* one value per row of C, not per column */ \
    int64_t cut_m, cut_n, across; /* rows and columns of a piece; pieces side by side */ \
    const struct mk_blas *blas; \
    int32_t op; /* of mk_unary, or NO_OP */ \
    T *out;     /* op(C), with C's strides */ \
} product_##S; \
\
/* out = op(C) for a block of C, in runs as long as the layout allows. */ \
static void activate_##S(const void *context, int64_t i, int64_t j, int64_t m, int64_t n) { \
    const product_##S *g = context; \
    int64_t at = i * g->rsc + j * g->csc, turned = g->rsc == 1 && g->csc != 1; \
    int64_t rows = turned ? n : m, cols = turned ? m : n, rs = turned ? g->csc : g->rsc, cs = turned ? 1 : g->csc; \
    if (cs == 1 && rs == cols) cols *= rows, rows = 1; \
    for (int64_t r = 0; r < rows; r++) { \
        const T *from = g->c + at + r * rs; \
        T *to = g->out + at + r * rs; \
        if (cs == 1) mk_active->unary_##S(g->op, from, to, cols); \
        else for (int64_t q = 0; q < cols; q++) mk_active->unary_##S(g->op, from + q * cs, to + q * cs, 1); \
    } \
} \
\
static void plain_##S(const product_##S *g) { \
    for (int64_t i = 0; i < g->m; i++) \
        for (int64_t j = 0; j < g->n; j++) { \
            const T *x = g->a + i * g->rsa, *y = g->b + j * g->csb; \
            T *to = g->c + i * g->rsc + j * g->csc, s = 0; \
            for (int64_t p = 0; p < g->k; p++) s += x[p * g->csa] * y[p * g->rsb]; \
            s *= g->alpha; \
            if (g->beta != 0) s = *to * g->beta + s; \
            *to = g->bias ? s + g->bias[g->bias_rows ? i : j] : s; \
        } \
} \
\
static void compute_##S(const product_##S *g) { \
    const mk_table *t = mk_active; \
    int64_t down = g->bias_rows, along = !g->bias_rows; \
    switch (g->way) { \
    case BLAS: \
        mk_blas_gemm_##S(g->blas, g->m, g->n, g->k, g->alpha, g->a, g->rsa, g->csa, g->b, g->rsb, g->csb, g->beta, g->c, \
                         g->rsc, g->bias, g->bias_rows); \
        return; \
    case DOTS: \
        t->gemm_dots_##S(g->m, g->n, g->k, g->alpha, g->a, g->rsa, g->b, g->csb, g->beta, g->c, g->rsc, g->csc, g->bias, \
                          down, along); \
        return; \
    case DOTS_SWAPPED: \
        t->gemm_dots_##S(g->n, g->m, g->k, g->alpha, g->b, g->csb, g->a, g->rsa, g->beta, g->c, g->csc, g->rsc, g->bias, \
                          along, down); \
        return; \
    case COMBINE_ROW: \
        t->gemv_combine_##S(g->n, g->k, g->alpha, g->a, g->csa, g->b, g->rsb, g->beta, g->c, g->csc, g->bias, along); \
        return; \
    case COMBINE_COLUMN: \
        t->gemv_combine_##S(g->m, g->k, g->alpha, g->b, g->rsb, g->a, g->csa, g->beta, g->c, g->rsc, g->bias, down); \
        return; \
    default: { \
        size_t bytes = (size_t)t->gemm_space_##S(g->m, g->n, g->k) * sizeof(T); \
        T *space = mk_alloc(bytes); \
        if (!space) { \
            plain_##S(g); \
            if (g->op != NO_OP) activate_##S(g, 0, 0, g->m, g->n); \
            return; \
        } \
        t->gemm_##S(g->m, g->n, g->k, g->alpha, g->a, g->rsa, g->csa, g->b, g->rsb, g->csb, g->beta, g->c, g->rsc, g->csc, \
                    g->bias, g->bias_rows, g->op == NO_OP ? NULL : activate_##S, g, space); \
        mk_free(space, bytes); \
    } \
    } \
} \
\
static void serial_##S(const product_##S *g) { \
    compute_##S(g); \
    if (g->op != NO_OP && g->way != GEMM) activate_##S(g, 0, 0, g->m, g->n); \
} \
\
static void pieces_##S(void *context, int64_t begin, int64_t end) { \
    const product_##S *whole = context; \
    for (int64_t at = begin; at < end; at++) { \
        product_##S g = *whole; \
        int64_t i = at / g.across * g.cut_m, j = at % g.across * g.cut_n; \
        g.m = g.m - i < g.cut_m ? g.m - i : g.cut_m; \
        g.n = g.n - j < g.cut_n ? g.n - j : g.cut_n; \
        g.a += i * g.rsa; \
        g.b += j * g.csb; \
        g.c += i * g.rsc + j * g.csc; \
        if (g.out) g.out += i * g.rsc + j * g.csc; \
        if (g.bias) g.bias += g.bias_rows ? i : j; \
        if (g.m > 0 && g.n > 0) serial_##S(&g); \
    } \
} \
\
static int way_##S(const product_##S *g) { \
    if (g->m == 1 && g->csb == 1) return COMBINE_ROW; \
    if (g->n == 1 && g->rsa == 1) return COMBINE_COLUMN; \
    if (g->csa == 1 && g->rsb == 1 && g->k >= 32) { \
        int64_t most = g->k < 256 ? DOTS_UP_TO : LONG_DOTS; \
        if (g->m <= most && g->m <= g->n) return DOTS; \
        if (g->n <= most) return DOTS_SWAPPED; \
    } \
    return GEMM; \
} \
\
void mk_gemm_unary_##S(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t rsa, int64_t csa, const T *b, \
                       int64_t rsb, int64_t csb, T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int32_t op, T *out) { \
    if (m <= 0 || n <= 0) return; \
    product_##S g = {GEMM, m, n, k, alpha, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc, bias, 0, m, n, 1, NULL, op, out}; \
    /* The transposed product, when C is stored by columns, or when that is less work for operands that run along k. */ \
    if ((csc != 1 && rsc == 1 && m > 1) || \
        (csa == 1 && rsb == 1 && m > LONG_DOTS && m < n && turned_is_less(m, n, k, mk_active->gemm_narrow_##S))) \
        g = (product_##S){GEMM, n, m, k, alpha, b, csb, rsb, a, csa, rsa, beta, c, csc, rsc, bias, 1, n, m, 1, NULL, op, out}; \
    if (k <= 0 || m * n * k <= TINY) { \
        plain_##S(&g); \
        if (op != NO_OP) activate_##S(&g, 0, 0, g.m, g.n); \
        return; \
    } \
    /* A length of 1 makes its stride meaningless: take the one that helps. */ \
    if (g.k == 1) g.csa = g.rsb = 1; \
    if (g.m == 1) g.rsa = g.k; \
    if (g.n == 1) g.csb = g.k; \
    g.way = way_##S(&g); \
    if (g.way == GEMM && g.csc == 1 && atomic_load_explicit(&mk_blas_current, memory_order_relaxed) && \
        (g.blas = mk_blas_for(sizeof(T) == 8, g.m, g.n, g.k, g.rsa, g.csa, g.rsb, g.csb, g.rsc))) \
        g.way = BLAS; \
    int64_t threads = mk_get_num_threads(), work = m * n * k; \
    if (g.way > BLAS) work *= 4; /* bound by memory: the sooner in parallel */ \
    if (threads == 1 || work < 2 * GRAIN) { \
        serial_##S(&g); \
        return; \
    } \
    int64_t most = work / GRAIN; \
    if (threads > most) threads = most; \
    cut(g.m, g.n, threads, &g.cut_m, &g.cut_n); \
    g.across = (g.n + g.cut_n - 1) / g.cut_n; \
    mk_parallel_heavy(g.across * ((g.m + g.cut_m - 1) / g.cut_m), 1, work / GRAIN * 4, pieces_##S, &g); \
} \
void mk_gemm_##S(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t rsa, int64_t csa, const T *b, \
                 int64_t rsb, int64_t csb, T beta, T *c, int64_t rsc, int64_t csc, const T *bias) { \
    mk_gemm_unary_##S(m, n, k, alpha, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc, bias, NO_OP, NULL); \
} \
\
typedef struct { product_##S g; int64_t bsa, bsb, bsc; } batch_##S; \
static void batch_piece_##S(void *context, int64_t begin, int64_t end) { \
    const batch_##S *s = context; \
    const product_##S *g = &s->g; \
    for (int64_t i = begin; i < end; i++) \
        mk_gemm_##S(g->m, g->n, g->k, g->alpha, g->a + i * s->bsa, g->rsa, g->csa, g->b + i * s->bsb, g->rsb, g->csb, \
                    g->beta, g->c + i * s->bsc, g->rsc, g->csc, NULL); \
} \
void mk_gemm_batched_##S(int64_t batch, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t bsa, int64_t rsa, \
                         int64_t csa, const T *b, int64_t bsb, int64_t rsb, int64_t csb, T beta, T *c, int64_t bsc, \
                         int64_t rsc, int64_t csc) { \
    product_##S g = {GEMM, m, n, k, alpha, a, rsa, csa, b, rsb, csb, beta, c, rsc, csc, NULL, 0, m, n, 1, NULL, NO_OP, NULL}; \
    batch_##S s = {g, bsa, bsb, bsc}; \
    int64_t work = m * n * (k > 0 ? k : 1), grain = work > 0 ? GRAIN / work + 1 : batch; \
    if (batch < mk_get_num_threads()) batch_piece_##S(&s, 0, batch); \
    else mk_parallel_heavy(batch, grain, batch * work / GRAIN * 4, batch_piece_##S, &s); \
}

DEFINE(float, f32)
DEFINE(double, f64)
