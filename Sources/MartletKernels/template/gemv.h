/* gemv.h: products with a vector, and of few rows with a transposed matrix. */

static inline T F(horizontal)(V v) {
    T s[VL];
    STORE(s, v);
    for (int w = VL / 2; w > 0; w /= 2)
        for (int j = 0; j < w; j++) s[j] += s[j + w];
    return s[0];
}

/* sums[r * nc + c] = dot(a + r*lda, b + c*ldb) over k, for constant nr x nc
 * vectors at once: both operands run along k. */
static inline __attribute__((always_inline)) void F(dots)(const int nr, const int nc, int64_t k, const T *a, int64_t lda,
                                                          const T *b, int64_t ldb, T *sums) {
    V acc[4][4];
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < nr; r++)
        for (int c = 0; c < nc; c++) acc[r][c] = (V){0};
    int64_t p = 0;
    for (; p + VL <= k; p += VL) {
        V x[4];
        _Pragma("clang loop unroll(full)")
        for (int r = 0; r < nr; r++) x[r] = LOAD(a + r * lda + p);
        _Pragma("clang loop unroll(full)")
        for (int c = 0; c < nc; c++) {
            V y = LOAD(b + c * ldb + p);
            _Pragma("clang loop unroll(full)")
            for (int r = 0; r < nr; r++) acc[r][c] = FMA(x[r], y, acc[r][c]);
        }
    }
    for (int r = 0; r < nr; r++)
        for (int c = 0; c < nc; c++) {
            T s = F(horizontal)(acc[r][c]);
            for (int64_t q = p; q < k; q++) s = FMA(a[r * lda + q], b[c * ldb + q], s);
            sums[r * nc + c] = s;
        }
}

/* C = alpha * A B^T + beta * C + bias (element i * bias_row + j * bias_col), the rows of A (m x k) and of B (n x k)
 * both contiguous. Tiles of 4 rows of B by up to 4 rows of A. */
static void F(gemm_dots)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb,
                         T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int64_t bias_row, int64_t bias_col) {
    T sums[16];
    for (int64_t j = 0; j < n; j += 4) {
        int64_t nc = n - j < 4 ? 1 : 4;
        for (int64_t i = 0; i < m; i += 4) {
            int64_t nr = m - i < 4 ? m - i : 4;
            const T *x = a + i * lda, *y = b + j * ldb;
            if (nc == 4) {
                if (nr == 4) F(dots)(4, 4, k, x, lda, y, ldb, sums);
                else if (nr == 3) F(dots)(3, 4, k, x, lda, y, ldb, sums);
                else if (nr == 2) F(dots)(2, 4, k, x, lda, y, ldb, sums);
                else F(dots)(1, 4, k, x, lda, y, ldb, sums);
            } else {
                for (int64_t r = 0; r < nr; r++) F(dots)(1, 1, k, x + r * lda, lda, y, ldb, sums + r);
            }
            for (int64_t r = 0; r < nr; r++)
                for (int64_t q = 0; q < nc; q++) {
                    T *to = c + (i + r) * rsc + (j + q) * csc, s = sums[r * nc + q] * alpha;
                    if (beta != 0) s = *to * beta + s;
                    *to = bias ? s + bias[(i + r) * bias_row + (j + q) * bias_col] : s;
                }
        }
        if (nc == 1) j -= 3;
    }
}

/* y(j) = alpha * sum over p of x(p) * b(p, j) + beta * y(j) + bias(j) with unit
 * column stride of B: panels of columns in registers, k passed once per panel. */
static inline __attribute__((always_inline)) void F(combine)(const int nv, int64_t k, const T *x, int64_t incx,
                                                             const T *b, int64_t ldb, T *sums) {
    V acc[8];
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < nv; v++) acc[v] = (V){0};
    for (int64_t p = 0; p < k; p++) {
        V s = (V){0} + x[p * incx];
        _Pragma("clang loop unroll(full)")
        for (int v = 0; v < nv; v++) acc[v] = FMA(s, LOAD(b + p * ldb + v * VL), acc[v]);
    }
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < nv; v++) STORE(sums + v * VL, acc[v]);
}

static void F(gemv_combine)(int64_t n, int64_t k, T alpha, const T *x, int64_t incx, const T *b, int64_t ldb, T beta,
                            T *y, int64_t incy, const T *bias, int64_t inc_bias) {
    T sums[8 * VL];
    for (int64_t j = 0; j < n;) {
        int64_t w;
        if (n - j >= 8 * VL) F(combine)(8, k, x, incx, b + j, ldb, sums), w = 8 * VL;
        else if (n - j >= 2 * VL) F(combine)(2, k, x, incx, b + j, ldb, sums), w = 2 * VL;
        else if (n - j >= VL) F(combine)(1, k, x, incx, b + j, ldb, sums), w = VL;
        else {
            w = n - j;
            for (int64_t q = 0; q < w; q++) sums[q] = 0;
            for (int64_t p = 0; p < k; p++)
                for (int64_t q = 0; q < w; q++) sums[q] = FMA(x[p * incx], b[p * ldb + j + q], sums[q]);
        }
        for (int64_t q = 0; q < w; q++) {
            T *to = y + (j + q) * incy, s = sums[q] * alpha;
            if (beta != 0) s = *to * beta + s;
            *to = bias ? s + bias[(j + q) * inc_bias] : s;
        }
        j += w;
    }
}
