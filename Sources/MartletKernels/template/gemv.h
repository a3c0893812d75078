/* gemv.h: products with a vector, and of few rows with a transposed matrix. */

/* sums[r * 4 + c] = dot(a[r], b[c]) over k for nr x 4 vectors at once; nr is
 * constant. Both operands run along k, so the lanes are added up at the end, by
 * transposing the accumulators. */
static inline __attribute__((always_inline)) void F(dots)(const int nr, int64_t k, const T *const *a, const T *const *b,
                                                          T *sums) {
    V acc[16];
    _Pragma("clang loop unroll(full)")
    for (int i = 0; i < 16; i++) acc[i] = (V){0};
    const T *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
    const T *a0 = a[0], *a1 = nr > 1 ? a[1] : a0, *a2 = nr > 2 ? a[2] : a0, *a3 = nr > 3 ? a[3] : a0;
#define STEP(GET) { \
        V y0 = GET(b0), y1 = GET(b1), y2 = GET(b2), y3 = GET(b3); \
        _Pragma("clang loop unroll(full)") \
        for (int r = 0; r < nr; r++) { \
            V x = GET((r == 0 ? a0 : r == 1 ? a1 : r == 2 ? a2 : a3)); \
            acc[r * 4] = FMA(x, y0, acc[r * 4]); \
            acc[r * 4 + 1] = FMA(x, y1, acc[r * 4 + 1]); \
            acc[r * 4 + 2] = FMA(x, y2, acc[r * 4 + 2]); \
            acc[r * 4 + 3] = FMA(x, y3, acc[r * 4 + 3]); \
        } \
    }
#define WHOLE(p) LOAD((p) + i)
#define PART(p) F(load_part)((p) + i, k - i)
    int64_t i = 0;
    for (; i + VL <= k; i += VL) STEP(WHOLE)
    if (i < k) STEP(PART)
#undef STEP
#undef WHOLE
#undef PART
    _Pragma("clang loop unroll(full)")
    for (int g = 0; g * VL < nr * 4; g++) {
        V r[VL];
        for (int q = 0; q < VL; q++) r[q] = acc[g * VL + q < 16 ? g * VL + q : 0];
        F(transpose)(r);
        for (int step = VL / 2; step > 0; step /= 2)
            for (int q = 0; q < step; q++) r[q] = r[q] + r[q + step];
        if (VL <= 16) STORE(sums + g * VL, r[0]);
    }
}

static void F(dots_1)(int64_t k, const T *const *a, const T *const *b, T *sums) { F(dots)(1, k, a, b, sums); }
static void F(dots_2)(int64_t k, const T *const *a, const T *const *b, T *sums) { F(dots)(2, k, a, b, sums); }
static void F(dots_4)(int64_t k, const T *const *a, const T *const *b, T *sums) { F(dots)(4, k, a, b, sums); }

/* C = alpha * A B^T + beta * C + bias (element i * bias_row + j * bias_col), the
 * rows of A (m x k) and of B (n x k) both contiguous. */
static void F(gemm_dots)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb,
                         T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int64_t bias_row, int64_t bias_col) {
    T sums[16];
    for (int64_t j = 0; j < n; j += 4) {
        int64_t nc = n - j < 4 ? n - j : 4;
        for (int64_t i = 0; i < m; i += 4) {
            int64_t nr = m - i < 4 ? m - i : 4;
            const T *x[4], *y[4];
            for (int64_t q = 0; q < 4; q++) {
                x[q] = a + (i + (q < nr ? q : nr - 1)) * lda;
                y[q] = b + (j + (q < nc ? q : nc - 1)) * ldb;
            }
            if (nr == 1) F(dots_1)(k, x, y, sums);
            else if (nr == 2) F(dots_2)(k, x, y, sums);
            else F(dots_4)(k, x, y, sums);
            for (int64_t r = 0; r < nr; r++) {
                _Pragma("clang loop vectorize(disable)")
                for (int64_t q = 0; q < nc; q++) {
                    T *to = c + (i + r) * rsc + (j + q) * csc, s = sums[r * 4 + q] * alpha;
                    if (beta != 0) s = *to * beta + s;
                    *to = bias ? s + bias[(i + r) * bias_row + (j + q) * bias_col] : s;
                }
            }
        }
    }
}

/* sums[v * VL ...] = sum over p of x(p) * b(p, .) for nv vectors of columns (the
 * only one w wide when nv is 1); nv is constant. */
static inline __attribute__((always_inline)) void F(combine)(const int nv, int64_t w, int64_t k, const T *x, int64_t incx,
                                                             const T *b, int64_t ldb, T *sums) {
    V acc[8];
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < nv; v++) acc[v] = (V){0};
    for (int64_t p = 0; p < k; p++) {
        V s = SPLAT(x[p * incx]);
        _Pragma("clang loop unroll(full)")
        for (int v = 0; v < nv; v++)
            acc[v] = FMA(s, nv == 1 ? F(load_part)(b + p * ldb, w) : LOAD(b + p * ldb + v * VL), acc[v]);
    }
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < nv; v++) STORE(sums + v * VL, acc[v]);
}

/* y(j) = alpha * sum over p of x(p) * b(p, j) + beta * y(j) + bias(j) with unit
 * column stride of B: panels of columns in registers, k passed once per panel. */
static void F(gemv_combine)(int64_t n, int64_t k, T alpha, const T *x, int64_t incx, const T *b, int64_t ldb, T beta,
                            T *y, int64_t incy, const T *bias, int64_t inc_bias) {
    T sums[8 * VL];
    for (int64_t j = 0, w; j < n; j += w) {
        if (n - j >= 8 * VL) F(combine)(8, VL, k, x, incx, b + j, ldb, sums), w = 8 * VL;
        else if (n - j >= 4 * VL) F(combine)(4, VL, k, x, incx, b + j, ldb, sums), w = 4 * VL;
        else if (n - j >= 2 * VL) F(combine)(2, VL, k, x, incx, b + j, ldb, sums), w = 2 * VL;
        else {
            w = n - j < VL ? n - j : VL;
            F(combine)(1, w, k, x, incx, b + j, ldb, sums);
        }
        if (alpha == 1 && beta == 0 && incy == 1 && !bias) {
            for (int64_t q = 0; q < w; q++) y[j + q] = sums[q];
            continue;
        }
        _Pragma("clang loop vectorize(disable)")
        for (int64_t q = 0; q < w; q++) {
            T *to = y + (j + q) * incy, s = sums[q] * alpha;
            if (beta != 0) s = *to * beta + s;
            *to = bias ? s + bias[(j + q) * inc_bias] : s;
        }
    }
}
