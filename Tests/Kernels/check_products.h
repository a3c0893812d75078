/* check_products.h: products of matrices, in all layouts, against sums in a wider type. Included after check_rows.h. */

/* One operand: rows x cols with some layout, and memory that is not its own around it. */
typedef struct { T *at; int64_t rs, cs; } C(matrix);
static C(matrix) C(lay)(T *memory, int layout, int64_t rows, int64_t cols) {
    if (layout == 0) return (C(matrix)){memory, cols, 1};
    if (layout == 1) return (C(matrix)){memory, 1, rows};
    if (layout == 2) return (C(matrix)){memory, cols + 3, 1};
    return (C(matrix)){memory, 2 * cols + 1, 2};
}

static void C(check_product)(int64_t m, int64_t n, int64_t k, int la, int lb, int lc, T alpha, T beta, int with_bias) {
    enum { GUARD = 16 };
    int64_t size_a = (m + 2) * (2 * k + 4) + 2 * m, size_b = (k + 2) * (2 * n + 4) + 2 * k,
        size_c = (m + 2) * (2 * n + 4) + 2 * GUARD;
    T *memory = malloc((size_t)(size_a + size_b + 2 * size_c + n) * sizeof(T));
    T *c = memory + size_a + size_b, *old = c + size_c, *bias = old + size_c;
    C(fill)(memory, size_a + size_b, -1, 1);
    C(fill)(c, size_c, 3, 4);
    C(fill)(bias, n, -1, 1);
    memcpy(old, c, (size_t)size_c * sizeof(T));
    C(matrix) a = C(lay)(memory, la, m, k), b = C(lay)(memory + size_a, lb, k, n), to = C(lay)(c + GUARD, lc, m, n);
    C(mk_gemm)(m, n, k, alpha, a.at, a.rs, a.cs, b.at, b.rs, b.cs, beta, to.at, to.rs, to.cs, with_bias ? bias : NULL);
    int bad = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            T *got = to.at + i * to.rs + j * to.cs, *was = old + (got - c);
            REAL sum = 0, size = 0;
            for (int64_t p = 0; p < k; p++) {
                REAL term = (REAL)a.at[i * a.rs + p * a.cs] * b.at[p * b.rs + j * b.cs];
                sum += term, size += R(fabs)(term);
            }
            sum = alpha * sum + (beta != 0 ? beta * (REAL)*was : 0) + (with_bias ? (REAL)bias[j] : 0);
            bad += !(R(fabs)(*got - sum) <= EPS * (2 * sqrt((double)k) + 4) * (size + R(fabs)(beta) * 4 + with_bias));
            *got = *was;
        }
    verify(!bad, "product %lld x %lld x %lld of layouts %d %d %d, alpha %g, beta %g, bias %d: %d elements are off",
           (long long)m, (long long)n, (long long)k, la, lb, lc, (double)alpha, (double)beta, with_bias, bad);
    verify(!memcmp(c, old, (size_t)size_c * sizeof(T)), "product %lld x %lld x %lld writes elsewhere", (long long)m,
           (long long)n, (long long)k);
    free(memory);
}

static void C(check_products)(int rounds) {
    static const int64_t sides[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 24, 25, 31, 33, 40, 64, 65};
    static const int64_t shapes[][3] = {{130, 70, 33}, {40, 33, 520}, {13, 2100, 9}, {64, 64, 64},
                                        {5, 70, 300},  {200, 6, 65},  {1, 300, 90},  {300, 1, 90}};
    static const T scales[] = {1, 1, (T)0.5, -1}, keeps[] = {0, 0, 1, (T)0.25};
    for (int i = 0; i < rounds; i++)
        C(check_product)(sides[below(23)], sides[below(23)], sides[below(23)], (int)below(4), (int)below(4), (int)below(4),
                         scales[below(4)], keeps[below(4)], (int)below(2));
    for (int s = 0; s < 8; s++)
        for (int layouts = 0; layouts < 4; layouts++)
            C(check_product)(shapes[s][0], shapes[s][1], shapes[s][2], layouts & 1, layouts >> 1, 0, 1, 0, s & 1);
    /* A batch, whose second operand is shared. */
    T *x = C(long_x), *c = C(long_y), b[12 * 20];
    C(fill)(x, 6 * 10 * 12, -1, 1);
    C(fill)(b, 12 * 20, -1, 1);
    C(mk_gemm_batched)(6, 10, 20, 12, 1, x, 120, 12, 1, b, 0, 20, 1, 0, c, 200, 20, 1);
    for (int64_t i = 0; i < 6 * 200; i++) {
        REAL want = 0;
        for (int p = 0; p < 12; p++) want += (REAL)x[i / 20 * 12 + p] * b[p * 20 + i % 20];
        C(near)("batched product", 6, i, c[i], want, EPS * 12);
    }
}
