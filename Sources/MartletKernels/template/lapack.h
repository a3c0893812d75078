/* lapack.h: LAPACK on batches of row-major matrices, for one type: factors and systems. lapack.c includes it; nothing in it
 * is compiled for a kind of CPU. */

/* The last arguments of functions with letters are the letters' lengths, as compilers of Fortran pass them. */
typedef void F(getrf)(in m, in n, T *a, in lda, out pivots, out info);
typedef void F(potrf)(letter uplo, in n, T *a, in lda, out info, size_t);
typedef void F(trsm)(letter side, letter uplo, letter trans, letter diag, in m, in n, const T *alpha, const T *a, in lda,
                     T *b, in ldb, size_t, size_t, size_t, size_t);
typedef void F(trsv)(letter uplo, letter trans, letter diag, in n, const T *a, in lda, T *x, in step,
                     size_t, size_t, size_t);
typedef void F(geqrf)(in m, in n, T *a, in lda, T *tau, T *work, in lwork, out info);
typedef void F(orgqr)(in m, in n, in k, T *a, in lda, const T *tau, T *work, in lwork, out info);
typedef void F(gesdd)(letter job, in m, in n, T *a, in lda, T *s, T *u, in ldu, T *vt, in ldvt, T *work, in lwork,
                      out integers, out info, size_t);
typedef void F(gesvd)(letter jobu, letter jobvt, in m, in n, T *a, in lda, T *s, T *u, in ldu, T *vt, in ldvt, T *work,
                      in lwork, out info, size_t, size_t);
typedef void F(gebrd)(in m, in n, T *a, in lda, T *d, T *e, T *tauq, T *taup, T *work, in lwork, out info);
typedef void F(bdsdc)(letter uplo, letter compq, in n, T *d, T *e, T *u, in ldu, T *vt, in ldvt, T *q, out iq, T *work,
                      out integers, out info, size_t, size_t);
typedef void F(ormbr)(letter vect, letter side, letter trans, in m, in n, in k, const T *a, in lda, const T *tau, T *c,
                      in ldc, T *work, in lwork, out info, size_t, size_t, size_t);
typedef void F(syevd)(letter job, letter uplo, in n, T *a, in lda, T *w, T *work, in lwork, out integers, in liwork,
                      out info, size_t, size_t);
typedef void F(gels)(letter trans, in m, in n, in k, T *a, in lda, T *b, in ldb, T *work, in lwork, out info, size_t);
typedef void F(gelsy)(in m, in n, in k, T *a, in lda, T *b, in ldb, out columns, const T *rcond, out rank, T *work,
                      in lwork, out info);
typedef void F(gelsd)(in m, in n, in k, T *a, in lda, T *b, in ldb, T *s, const T *rcond, out rank, T *work, in lwork,
                      out integers, out info);
typedef void F(gelss)(in m, in n, in k, T *a, in lda, T *b, in ldb, T *s, const T *rcond, out rank, T *work, in lwork,
                      out info);

/* A batch; which of these a function needs, and for what, is as in its declaration. */
typedef struct {
    const mk_lapack *l;
    const T *a, *b;
    T *x, *y, *s;
    int32_t *pivots, *info;
    int64_t *rank;
    int64_t m, n, k;
    int32_t flag, right, transposed, unit, driver;
    T rcond;
} F(batch);

/* x (rows x columns, rows of x `pitch` apart) by columns, `out_pitch` apart. */
static void F(turn)(const T *x, int64_t rows, int64_t columns, int64_t pitch, T *to, int64_t out_pitch) {
    enum { STRIP = 16 };
    for (int64_t i = 0; i < rows; i += STRIP)
        for (int64_t j = 0; j < columns; j++)
            for (int64_t r = i; r < rows && r < i + STRIP; r++) to[j * out_pitch + r] = x[r * pitch + j];
}

static int F(is_finite)(const T *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

/* The length that a query gave; a float may have been rounded down. */
static int64_t F(length)(T asked) { return (int64_t)((double)asked * (1 + 1.2e-7)) + 1; }

static void F(lack)(const F(batch) *j, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) j->info[i] = MK_LAPACK_NO_MEMORY;
}

/* ---- LU and Cholesky ---- */

static void F(lu_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, least = m < n ? m : n;
    size_t bytes = (size_t)least * sizeof(int64_t) + (size_t)(m * n) * sizeof(T);
    int64_t *order = mk_alloc(bytes);
    if (!order) {
        F(lack)(j, begin, end);
        return;
    }
    T *turned = (T *)(order + least);
    for (int64_t i = begin; i < end; i++) {
        int64_t info = 0;
        F(turn)(j->x + i * m * n, m, n, n, turned, m);
        CALL(j->l, getrf)(&m, &n, turned, &m, order, &info);
        F(turn)(turned, n, m, m, j->x + i * m * n, n);
        for (int64_t p = 0; p < least; p++)
            j->pivots[i * least + p] = j->l->wide ? (int32_t)order[p] : ((const int32_t *)order)[p];
        j->info[i] = (int32_t)info;
    }
    mk_free(order, bytes);
}

void F(mk_lapack_lu)(const mk_lapack *l, int64_t count, T *a, int64_t m, int64_t n, int32_t *pivots, int32_t *info) {
    F(batch) j = {.l = l, .x = a, .m = m, .n = n, .pivots = pivots, .info = info};
    spread(count, (double)m * (double)n * (double)(m < n ? m : n) / 2, F(lu_range), &j);
}

static void F(cholesky_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    for (int64_t i = begin; i < end; i++) {
        T *a = j->x + i * j->n * j->n;
        int64_t info = 0;
        /* The lower triangle by rows is the upper one by columns. */
        CALL(j->l, potrf)("U", &j->n, a, &j->n, &info, 1);
        for (int64_t r = 0; r < j->n; r++) memset(a + r * j->n + r + 1, 0, (size_t)(j->n - r - 1) * sizeof(T));
        j->info[i] = (int32_t)info;
    }
}

void F(mk_lapack_cholesky)(const mk_lapack *l, int64_t count, T *a, int64_t n, int32_t *info) {
    F(batch) j = {.l = l, .x = a, .n = n, .info = info};
    spread(count, (double)n * (double)n * (double)n / 6, F(cholesky_range), &j);
}

/* ---- Triangular systems ---- */

static void F(solve_one)(const mk_lapack *l, const T *t, int64_t n, T *b, int64_t k, int right, int upper, int transposed,
                         int unit) {
    const T one = 1;
    const int64_t step = 1;
    /* By columns, memory holds the transposes of T, X and B, and the sides are changed. */
    letter uplo = upper != transposed ? "L" : "U", diag = unit ? "U" : "N", trans = transposed ? "T" : "N";
    if (k == 1) CALL(l, trsv)(uplo, right != transposed ? "N" : "T", diag, &n, t, &n, b, &step, 1, 1, 1);
    else if (right) CALL(l, trsm)("L", uplo, trans, diag, &n, &k, &one, t, &n, b, &n, 1, 1, 1, 1);
    else CALL(l, trsm)("R", uplo, trans, diag, &k, &n, &one, t, &n, b, &k, 1, 1, 1, 1);
}

static void F(solve_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t n = j->n, k = j->k;
    for (int64_t i = begin; i < end; i++)
        F(solve_one)(j->l, j->a + i * n * n, n, j->x + i * n * k, k, j->right, j->flag, j->transposed, j->unit);
}

void F(mk_lapack_solve)(const mk_lapack *l, int64_t count, const T *t, int64_t n, T *b, int64_t k, int32_t right,
                        int32_t upper, int32_t transposed, int32_t unit) {
    F(batch) j = {.l = l, .a = t, .x = b, .n = n, .k = k, .right = right, .flag = upper, .transposed = transposed,
                  .unit = unit};
    spread(count, (double)n * (double)n * (double)k / 2, F(solve_range), &j);
}

static void F(lu_solve_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t n = j->n, k = j->k;
    for (int64_t i = begin; i < end; i++) {
        const T *lu = j->a + i * n * n;
        T *x = j->x + i * n * k;
        for (int64_t r = 0; r < n; r++) {
            T *p = x + r * k, *q = x + (j->pivots[i * n + r] - 1) * k;
            for (int64_t c = 0; p != q && c < k; c++) {
                T held = p[c];
                p[c] = q[c];
                q[c] = held;
            }
        }
        F(solve_one)(j->l, lu, n, x, k, 0, 0, 0, 1);
        F(solve_one)(j->l, lu, n, x, k, 0, 1, 0, 0);
    }
}

void F(mk_lapack_lu_solve)(const mk_lapack *l, int64_t count, const T *lu, const int32_t *pivots, int64_t n, T *b,
                           int64_t k) {
    F(batch) j = {.l = l, .a = lu, .x = b, .n = n, .k = k, .pivots = (int32_t *)pivots};
    spread(count, (double)n * (double)n * (double)k, F(lu_solve_range), &j);
}

/* ---- QR ---- */

/* k is the number of Q's columns, x is Q and y is R. */
static void F(qr_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, columns = j->k, least = m < n ? m : n, most = n > columns ? n : columns;
    int64_t lwork = -1, info = 0;
    T asked[2] = {0, 0};
    CALL(j->l, geqrf)(&m, &n, NULL, &m, NULL, asked, &lwork, &info);
    CALL(j->l, orgqr)(&m, &columns, &least, NULL, &m, NULL, asked + 1, &lwork, &info);
    lwork = F(length)(asked[0] > asked[1] ? asked[0] : asked[1]);
    size_t bytes = (size_t)(m * most + least + lwork) * sizeof(T);
    T *a = mk_alloc(bytes);
    if (!a) {
        F(lack)(j, begin, end);
        return;
    }
    T *tau = a + m * most, *work = tau + least;
    for (int64_t i = begin; i < end; i++) {
        F(turn)(j->a + i * m * n, m, n, n, a, m);
        CALL(j->l, geqrf)(&m, &n, a, &m, tau, work, &lwork, &info);
        T *r = j->y + i * columns * n;
        F(turn)(a, n, columns, m, r, n);
        for (int64_t row = 1; row < columns; row++) memset(r + row * n, 0, (size_t)(row < n ? row : n) * sizeof(T));
        if (j->x) {
            CALL(j->l, orgqr)(&m, &columns, &least, a, &m, tau, work, &lwork, &info);
            F(turn)(a, columns, m, m, j->x + i * m * columns, columns);
        }
        j->info[i] = (int32_t)info;
    }
    mk_free(a, bytes);
}

void F(mk_lapack_qr)(const mk_lapack *l, int64_t count, const T *a, int64_t m, int64_t n, int64_t columns, T *q, T *r,
                     int32_t *info) {
    F(batch) j = {.l = l, .a = a, .x = q, .y = r, .m = m, .n = n, .k = columns, .info = info};
    spread(count, 2.0 * (double)m * (double)n * (double)(m < n ? m : n), F(qr_range), &j);
}

/* s holds tau. */
static void F(reflections_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, k = j->k, lwork = -1, info = 0;
    T asked = 0;
    CALL(j->l, orgqr)(&m, &n, &k, NULL, &m, NULL, &asked, &lwork, &info);
    lwork = F(length)(asked);
    size_t bytes = (size_t)(m * n + lwork) * sizeof(T);
    T *a = mk_alloc(bytes);
    if (!a) {
        F(lack)(j, begin, end);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        F(turn)(j->a + i * m * n, m, n, n, a, m);
        CALL(j->l, orgqr)(&m, &n, &k, a, &m, j->b + i * k, a + m * n, &lwork, &info);
        F(turn)(a, n, m, m, j->x + i * m * n, n);
        j->info[i] = (int32_t)info;
    }
    mk_free(a, bytes);
}

void F(mk_lapack_reflections)(const mk_lapack *l, int64_t count, const T *a, int64_t m, int64_t n, const T *tau, int64_t k,
                              T *q, int32_t *info) {
    F(batch) j = {.l = l, .a = a, .b = tau, .x = q, .m = m, .n = n, .k = k, .info = info};
    spread(count, 2.0 * (double)m * (double)n * (double)k, F(reflections_range), &j);
}

/* ---- Least squares ---- */

/* The first place on the diagonal of a triangle that is nothing beside the largest; 0 for none. gels knows only zeros,
 * which rounding may have made a little more. */
static int64_t F(dependent)(const T *a, int64_t m, int64_t n, T tolerance) {
    int64_t least = m < n ? m : n;
    double largest = 0;
    for (int64_t i = 0; i < least; i++) largest = fmax(largest, fabs((double)a[i * m + i]));
    for (int64_t i = 0; largest > 0 && i < least; i++)
        if (fabs((double)a[i * m + i]) <= (double)tolerance * largest) return i + 1;
    return 0;
}

/* By the driver that is asked for. */
static int32_t F(least_squares)(const F(batch) *j, T *a, T *b, int64_t ldb, T *s, int64_t *rank, int64_t *integers, T *work,
                                int64_t lwork) {
    int64_t info = 0;
    switch (j->driver) {
    case 0:
        CALL(j->l, gels)("N", &j->m, &j->n, &j->k, a, &j->m, b, &ldb, work, &lwork, &info, 1);
        if (a && (int32_t)info == 0) info = F(dependent)(a, j->m, j->n, j->rcond);
        break;
    case 1:
        CALL(j->l, gelsy)(&j->m, &j->n, &j->k, a, &j->m, b, &ldb, integers, &j->rcond, rank, work, &lwork, &info);
        break;
    case 2:
        CALL(j->l, gelsd)(&j->m, &j->n, &j->k, a, &j->m, b, &ldb, s, &j->rcond, rank, work, &lwork, integers, &info);
        break;
    default: CALL(j->l, gelss)(&j->m, &j->n, &j->k, a, &j->m, b, &ldb, s, &j->rcond, rank, work, &lwork, &info);
    }
    return (int32_t)info;
}

static void F(least_squares_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, k = j->k, least = m < n ? m : n, most = m > n ? m : n, asked_integers = 0, rank = 0;
    T asked = 0;
    F(least_squares)(j, NULL, NULL, most, NULL, &rank, &asked_integers, &asked, -1);
    int64_t lwork = F(length)(asked), room = asked_integers > n ? asked_integers : n;
    size_t bytes = (size_t)room * sizeof(int64_t) + (size_t)(m * n + most * k + least + lwork) * sizeof(T);
    int64_t *integers = mk_alloc(bytes);
    if (!integers) {
        F(lack)(j, begin, end);
        return;
    }
    T *a = (T *)(integers + room), *b = a + m * n, *s = b + most * k, *work = s + least;
    for (int64_t i = begin; i < end; i++) {
        if (!F(is_finite)(j->a + i * m * n, m * n)) {
            j->info[i] = MK_LAPACK_NOT_FINITE;
            continue;
        }
        F(turn)(j->a + i * m * n, m, n, n, a, m);
        F(turn)(j->b + i * m * k, m, k, k, b, most);
        memset(integers, 0, (size_t)n * sizeof(int64_t)); /* any column may be exchanged */
        rank = 0;
        j->info[i] = F(least_squares)(j, a, b, most, s, &rank, integers, work, lwork);
        F(turn)(b, k, n, most, j->x + i * n * k, k);
        if (j->rank) j->rank[i] = rank;
        if (j->s) memcpy(j->s + i * least, s, (size_t)least * sizeof(T));
    }
    mk_free(integers, bytes);
}

void F(mk_lapack_least_squares)(const mk_lapack *l, int32_t driver, int64_t count, const T *a, int64_t m, int64_t n,
                                const T *b, int64_t k, T rcond, T *x, int64_t *rank, T *s, int32_t *info) {
    F(batch) j = {.l = l, .a = a, .b = b, .x = x, .s = s, .info = info, .rank = rank, .m = m, .n = n, .k = k,
                  .driver = driver, .rcond = rcond};
    spread(count, 2.0 * (double)m * (double)n * (double)(m < n ? m : n), F(least_squares_range), &j);
}
