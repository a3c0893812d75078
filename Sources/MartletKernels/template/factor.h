/* factor.h: inner loops of factorisations, along rows; see mk_factor.h. */

/* Vectors of a row that are worked on together. */
#define STRIP (VECTOR_BYTES == 64 ? 8 : 4)

/* f(nv, j, w) for each strip of the columns from..<to: nv vectors from column j on, the last of which has w elements. */
#define STRIPS(from, to, f) { \
    int64_t j_ = (from), to_ = (to); \
    for (; j_ + STRIP * VL <= to_; j_ += STRIP * VL) f(STRIP, j_, VL); \
    for (; j_ + 2 * VL <= to_; j_ += 2 * VL) f(2, j_, VL); \
    for (; j_ < to_; j_ += VL) f(1, j_, (to_ - j_ < VL ? to_ - j_ : VL)); \
}
#define GET(p, q) (nv == 1 && w < VL ? F(load_part)((p), w) : LOAD((p) + (q) * VL))
#define PUT(p, q, v) { if (nv == 1 && w < VL) F(store_part)((p), (v), w); else STORE((p) + (q) * VL, (v)); }
#define EACH _Pragma("clang loop unroll(full)") for (int q = 0; q < nv; q++)

/* Columns of row i less the multiples of the rows above that element (k, i) says. */
static inline __attribute__((always_inline)) void F(factor_strip)(const int nv, T *a, int64_t ld, int64_t i, int64_t j,
                                                                  int64_t w, T divisor) {
    V acc[STRIP];
    EACH acc[q] = GET(a + i * ld + j, q);
    for (int64_t k = 0; k < i; k++) {
        V s = SPLAT(-a[k * ld + i]);
        EACH acc[q] = FMA(s, GET(a + k * ld + j, q), acc[q]);
    }
    EACH PUT(a + i * ld + j, q, divisor == 0 ? acc[q] : acc[q] / SPLAT(divisor));
}

static int64_t F(factor_rows)(T *a, int64_t ld, int64_t n, int64_t columns) {
    for (int64_t i = 0; i < n; i++) {
        T *row = a + i * ld;
#define DIAGONAL(nv, j, w) F(factor_strip)(nv, a, ld, i, j, w, 0)
        STRIPS(i, n, DIAGONAL)
#undef DIAGONAL
        if (!(row[i] > 0)) return i + 1;
        T d = IS_FLOAT ? sqrtf((float)row[i]) : (T)sqrt((double)row[i]);
        row[i] = d;
        for (int64_t j = i + 1; j < n; j++) row[j] /= d;
    }
#define BESIDE(nv, j, w) for (int64_t i = 0; i < n; i++) F(factor_strip)(nv, a, ld, i, j, w, a[i * ld + i])
    STRIPS(n, columns, BESIDE)
#undef BESIDE
    return 0;
}

static inline __attribute__((always_inline)) void F(reflect_strip)(const int nv, T tau, const T *v, int64_t m, T *c,
                                                                   int64_t ld, int64_t w) {
    V acc[STRIP];
    EACH acc[q] = (V){0};
    for (int64_t i = 0; i < m; i++) {
        V s = SPLAT(v[i]);
        EACH acc[q] = FMA(s, GET(c + i * ld, q), acc[q]);
    }
    EACH acc[q] = acc[q] * SPLAT(-tau);
    for (int64_t i = 0; i < m; i++) {
        V s = SPLAT(v[i]);
        EACH PUT(c + i * ld, q, FMA(s, acc[q], GET(c + i * ld, q)));
    }
}

static void F(reflect_left)(T tau, const T *v, int64_t m, T *c, int64_t ld, int64_t columns) {
#define ONE(nv, j, w) F(reflect_strip)(nv, tau, v, m, c + (j), ld, w)
    STRIPS(0, columns, ONE)
#undef ONE
}

static inline __attribute__((always_inline)) void F(reflect_some)(const int nv, T tau, const T *v, int64_t n, T *c,
                                                                  int64_t ld) {
    V acc[4], x;
    T s[4];
    int64_t j = 0;
    EACH acc[q] = (V){0};
    for (; j + VL <= n; j += VL) {
        x = LOAD(v + j);
        EACH acc[q] = FMA(x, LOAD(c + q * ld + j), acc[q]);
    }
    if (j < n) {
        x = F(load_part)(v + j, n - j);
        EACH acc[q] = FMA(x, F(load_part)(c + q * ld + j, n - j), acc[q]);
    }
    EACH s[q] = -tau * F(sum_of)(acc[q]);
    for (j = 0; j + VL <= n; j += VL) {
        x = LOAD(v + j);
        EACH STORE(c + q * ld + j, FMA(x, SPLAT(s[q]), LOAD(c + q * ld + j)));
    }
    if (j < n) {
        x = F(load_part)(v + j, n - j);
        EACH F(store_part)(c + q * ld + j, FMA(x, SPLAT(s[q]), F(load_part)(c + q * ld + j, n - j)), n - j);
    }
}

static void F(reflect_right)(T tau, const T *v, int64_t n, T *c, int64_t ld, int64_t rows) {
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) F(reflect_some)(4, tau, v, n, c + i * ld, ld);
    for (; i < rows; i++) F(reflect_some)(1, tau, v, n, c + i * ld, ld);
}

/* The row that two rotations in succession share stays in registers. */
static inline __attribute__((always_inline)) void F(rotate_strip)(const int nv, T *z, int64_t ld, int64_t w, int64_t turns,
                                                                  const int64_t *at, const T *c, const T *s) {
    V kept[STRIP];
    for (int64_t t = 0; t < turns;) {
        T *row = z + at[t] * ld;
        if (t + 1 < turns && at[t + 1] == at[t] - 1) {
            EACH kept[q] = GET(row + ld, q);
            do {
                V cs = SPLAT(c[t]), sn = SPLAT(s[t]);
                EACH {
                    V p = GET(row, q), high = kept[q];
                    PUT(row + ld, q, FMA(cs, high, -(sn * p)));
                    kept[q] = FMA(cs, p, sn * high);
                }
                row -= ld;
                t++;
            } while (t < turns && at[t] == at[t - 1] - 1);
            EACH PUT(row + ld, q, kept[q]);
        } else {
            EACH kept[q] = GET(row, q);
            do {
                V cs = SPLAT(c[t]), sn = SPLAT(s[t]);
                EACH {
                    V high = GET(row + ld, q), p = kept[q];
                    PUT(row, q, FMA(cs, p, sn * high));
                    kept[q] = FMA(cs, high, -(sn * p));
                }
                row += ld;
                t++;
            } while (t < turns && at[t] == at[t - 1] + 1);
            EACH PUT(row, q, kept[q]);
        }
    }
}

static void F(rotate_rows)(T *z, int64_t ld, int64_t columns, int64_t turns, const int64_t *at, const T *c, const T *s) {
#define ONE(nv, j, w) F(rotate_strip)(nv, z + (j), ld, w, turns, at, c, s)
    STRIPS(0, columns, ONE)
#undef ONE
}

/* One element of the triangle: less the two products, and its part in the product with x. */
static inline void F(symmetric_one)(T *a, int64_t ld, int64_t r, int64_t c, const T *v, const T *w, const T *x, T *y) {
    T e = a[r * ld + c] - (v[r] * w[c] + w[r] * v[c]);
    a[r * ld + c] = e;
    y[r] += e * x[c];
    if (c > r) y[c] += e * x[r];
}

static void F(symmetric_step)(T *a, int64_t ld, int64_t n, const T *v, const T *w, const T *x, T *y) {
    memset(y, 0, (size_t)n * sizeof(T));
    for (int64_t r = 0; r < n; r += 4) {
        int64_t end = r + 4 < n ? r + 4 : n;
        for (int64_t i = r; i < end; i++)
            for (int64_t c = i; c < end; c++) F(symmetric_one)(a, ld, i, c, v, w, x, y);
        if (end == n) break;
        V vr[4], wr[4], xr[4], sum[4];
        T *row = a + r * ld;
        for (int q = 0; q < 4; q++) {
            vr[q] = SPLAT(-v[r + q]);
            wr[q] = SPLAT(-w[r + q]);
            xr[q] = SPLAT(x[r + q]);
            sum[q] = (V){0};
        }
#define STEP(LOAD_, STORE_) { \
        V vc = LOAD_(v + c), wc = LOAD_(w + c), xc = LOAD_(x + c), yc = LOAD_(y + c); \
        _Pragma("clang loop unroll(full)") \
        for (int q = 0; q < 4; q++) { \
            V e = FMA(wr[q], vc, FMA(vr[q], wc, LOAD_(row + q * ld + c))); \
            STORE_(row + q * ld + c, e); \
            sum[q] = FMA(e, xc, sum[q]); \
            yc = FMA(e, xr[q], yc); \
        } \
        STORE_(y + c, yc); \
    }
#define LOAD_REST(p) F(load_part)((p), n - c)
#define STORE_REST(p, e) F(store_part)((p), (e), n - c)
        int64_t c = end;
        for (; c + VL <= n; c += VL) STEP(LOAD, STORE)
        if (c < n) STEP(LOAD_REST, STORE_REST)
#undef STEP
#undef LOAD_REST
#undef STORE_REST
        for (int q = 0; q < 4; q++) y[r + q] += F(sum_of)(sum[q]);
    }
}

static void F(rank_two_step)(T *a, int64_t ld, int64_t m, int64_t n, const T *u, const T *y, const T *x, const T *v,
                             const T *w, T *z) {
    memset(z, 0, (size_t)n * sizeof(T));
    for (int64_t r = 0; r < m; r += 4) {
        T *row = a + r * ld;
        int64_t c = 0;
#define STEP(rows, LOAD_, STORE_) { \
        V yc = LOAD_(y + c), vc = LOAD_(v + c), zc = LOAD_(z + c); \
        _Pragma("clang loop unroll(full)") \
        for (int q = 0; q < rows; q++) { \
            V e = FMA(SPLAT(-x[r + q]), vc, FMA(SPLAT(-u[r + q]), yc, LOAD_(row + q * ld + c))); \
            STORE_(row + q * ld + c, e); \
            zc = FMA(e, SPLAT(w[r + q]), zc); \
        } \
        STORE_(z + c, zc); \
    }
#define LOAD_REST(p) F(load_part)((p), n - c)
#define STORE_REST(p, e) F(store_part)((p), (e), n - c)
        if (r + 4 <= m) {
            for (; c + VL <= n; c += VL) STEP(4, LOAD, STORE)
            if (c < n) STEP(4, LOAD_REST, STORE_REST)
        } else {
            for (; c + VL <= n; c += VL) STEP(m - r, LOAD, STORE)
            if (c < n) STEP(m - r, LOAD_REST, STORE_REST)
        }
#undef STEP
#undef LOAD_REST
#undef STORE_REST
    }
}

#undef STRIP
#undef STRIPS
#undef GET
#undef PUT
#undef EACH
