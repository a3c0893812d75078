/* lapack_values.h: singular values and eigenvalues, with what lapack.h defines. */

/* ---- Singular values ---- */

/* The slower iteration, for what divide and conquer did not solve. */
static int32_t F(svd_again)(const mk_lapack *l, letter job, in m, in n, T *a, T *s, T *u, in ldu, T *vt, in ldvt) {
    int64_t lwork = -1, info = 0;
    T asked = 0;
    CALL(l, gesvd)(job, job, m, n, a, m, s, u, ldu, vt, ldvt, &asked, &lwork, &info, 1, 1);
    lwork = F(length)(asked);
    size_t bytes = (size_t)lwork * sizeof(T);
    T *work = mk_alloc(bytes);
    if (!work) return MK_LAPACK_NO_MEMORY;
    CALL(l, gesvd)(job, job, m, n, a, m, s, u, ldu, vt, ldvt, work, &lwork, &info, 1, 1);
    mk_free(work, bytes);
    return (int32_t)info;
}

/* The work that svd_one asks for. */
static int64_t F(svd_work)(const mk_lapack *l, letter job, in m, in n, in ldvt) {
    int64_t lwork = -1, info = 0, no_integers = 0;
    T asked = 0;
    CALL(l, gesdd)(job, m, n, NULL, m, NULL, NULL, m, NULL, ldvt, &asked, &lwork, &no_integers, &info, 1);
    return F(length)(asked);
}

/* Of a row-major matrix, by columns; a is as large. */
static int32_t F(svd_one)(const mk_lapack *l, letter job, in m, in n, const T *from, T *a, T *s, T *u, T *vt, in ldvt,
                          T *work, in lwork, out integers) {
    int64_t info = 0;
    F(turn)(from, *m, *n, *n, a, *m);
    CALL(l, gesdd)(job, m, n, a, m, s, u, m, vt, ldvt, work, lwork, integers, &info, 1);
    if ((int32_t)info <= 0) return (int32_t)info;
    F(turn)(from, *m, *n, *n, a, *m);
    return F(svd_again)(l, job, m, n, a, s, u, m, vt, ldvt);
}

/* x is U and y is Vh. */
static void F(svd_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, least = m < n ? m : n;
    int64_t columns = !j->x ? 0 : j->flag ? m : least, rows = !j->x ? 0 : j->flag ? n : least, ldvt = rows ? rows : 1;
    letter job = !j->x ? "N" : j->flag ? "A" : "S";
    int64_t lwork = F(svd_work)(j->l, job, &m, &n, &ldvt);
    size_t bytes = (size_t)(8 * least) * sizeof(int64_t) + (size_t)(m * n + m * columns + rows * n + lwork) * sizeof(T);
    int64_t *integers = mk_alloc(bytes);
    if (!integers) {
        F(lack)(j, begin, end);
        return;
    }
    T *a = (T *)(integers + 8 * least), *u = a + m * n, *vt = u + m * columns, *work = vt + rows * n;
    for (int64_t i = begin; i < end; i++) {
        const T *from = j->a + i * m * n;
        if (!F(is_finite)(from, m * n)) {
            j->info[i] = MK_LAPACK_NOT_FINITE;
            continue;
        }
        j->info[i] = F(svd_one)(j->l, job, &m, &n, from, a, j->s + i * least, u, vt, &ldvt, work, &lwork, integers);
        if (!j->x) continue;
        F(turn)(u, columns, m, m, j->x + i * m * columns, columns);
        F(turn)(vt, n, rows, rows, j->y + i * rows * n, n);
    }
    mk_free(integers, bytes);
}

/* A = Q R first, and then R = U diag(s) Vh: A = (Q U) diag(s) Vh. */
static void F(svd_tall_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, columns = j->flag ? m : n, lwork = -1, info = 0;
    T asked[2] = {0, 0};
    CALL(j->l, geqrf)(&m, &n, NULL, &m, NULL, asked, &lwork, &info);
    CALL(j->l, orgqr)(&m, &columns, &n, NULL, &m, NULL, asked + 1, &lwork, &info);
    lwork = F(svd_work)(j->l, "S", &n, &n, &n);
    for (int i = 0; i < 2; i++)
        if (F(length)(asked[i]) > lwork) lwork = F(length)(asked[i]);
    size_t bytes = (size_t)(8 * n) * sizeof(int64_t) + (size_t)(m * columns + 4 * n * n + n + lwork) * sizeof(T);
    int64_t *integers = mk_alloc(bytes);
    if (!integers) {
        F(lack)(j, begin, end);
        return;
    }
    T *q = (T *)(integers + 8 * n), *r = q + m * columns, *a = r + n * n, *u = a + n * n, *vt = u + n * n;
    T *tau = vt + n * n, *work = tau + n;
    for (int64_t i = begin; i < end; i++) {
        if (!F(is_finite)(j->a + i * m * n, m * n)) {
            j->info[i] = MK_LAPACK_NOT_FINITE;
            continue;
        }
        F(turn)(j->a + i * m * n, m, n, n, q, m);
        CALL(j->l, geqrf)(&m, &n, q, &m, tau, work, &lwork, &info);
        F(turn)(q, n, n, m, r, n);
        for (int64_t row = 1; row < n; row++) memset(r + row * n, 0, (size_t)row * sizeof(T));
        CALL(j->l, orgqr)(&m, &columns, &n, q, &m, tau, work, &lwork, &info);
        j->info[i] = F(svd_one)(j->l, "S", &n, &n, r, a, j->s + i * n, u, vt, &n, work, &lwork, integers);
        T *to = j->x + i * m * columns;
        F(mk_gemm)(m, n, n, 1, q, 1, m, u, 1, n, 0, to, columns, 1, NULL);
        F(turn)(q + m * n, columns - n, m, m, to + n, columns);
        F(turn)(vt, n, n, n, j->y + i * n * n, n);
    }
    mk_free(integers, bytes);
}

/* By way of a bidiagonal matrix, without the factorisation that gesdd would begin with. */
static void F(svd_wide_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t m = j->m, n = j->n, rows = j->flag ? n : m, lwork = -1, info = 0, conquer = 3 * m * m + 4 * m;
    T asked[3] = {0, 0, 0};
    CALL(j->l, gebrd)(&m, &n, NULL, &m, NULL, NULL, NULL, NULL, asked, &lwork, &info);
    CALL(j->l, ormbr)("Q", "L", "N", &m, &m, &n, NULL, &m, NULL, NULL, &m, asked + 1, &lwork, &info, 1, 1, 1);
    CALL(j->l, ormbr)("P", "R", "T", &rows, &n, &m, NULL, &m, NULL, NULL, &rows, asked + 2, &lwork, &info, 1, 1, 1);
    lwork = conquer;
    for (int i = 0; i < 3; i++)
        if (F(length)(asked[i]) > lwork) lwork = F(length)(asked[i]);
    size_t bytes = (size_t)(8 * m) * sizeof(int64_t) + (size_t)(m * n + m * m + rows * n + 3 * m + lwork) * sizeof(T);
    int64_t *integers = mk_alloc(bytes);
    if (!integers) {
        F(lack)(j, begin, end);
        return;
    }
    T *a = (T *)(integers + 8 * m), *u = a + m * n, *vt = u + m * m, *e = vt + rows * n, *tauq = e + m, *taup = tauq + m;
    T *work = taup + m;
    for (int64_t i = begin; i < end; i++) {
        const T *from = j->a + i * m * n;
        T *s = j->s + i * m;
        if (!F(is_finite)(from, m * n)) {
            j->info[i] = MK_LAPACK_NOT_FINITE;
            continue;
        }
        F(turn)(from, m, n, n, a, m);
        CALL(j->l, gebrd)(&m, &n, a, &m, s, e, tauq, taup, work, &lwork, &info);
        memset(vt, 0, (size_t)(rows * n) * sizeof(T));
        for (int64_t k = m; k < rows; k++) vt[k * rows + k] = 1;
        info = 0;
        CALL(j->l, bdsdc)("L", "I", &m, s, e, u, &m, vt, &rows, NULL, NULL, work, integers, &info, 1, 1);
        j->info[i] = (int32_t)info;
        if (j->info[i] > 0) {
            F(turn)(from, m, n, n, a, m);
            j->info[i] = F(svd_again)(j->l, j->flag ? "A" : "S", &m, &n, a, s, u, &m, vt, &rows);
        } else {
            CALL(j->l, ormbr)("Q", "L", "N", &m, &m, &n, a, &m, tauq, u, &m, work, &lwork, &info, 1, 1, 1);
            CALL(j->l, ormbr)("P", "R", "T", &rows, &n, &m, a, &m, taup, vt, &rows, work, &lwork, &info, 1, 1, 1);
        }
        F(turn)(u, m, m, m, j->x + i * m * m, m);
        F(turn)(vt, n, rows, rows, j->y + i * rows * n, n);
    }
    mk_free(integers, bytes);
}

/* The signs of vectors follow from the way to the bidiagonal matrix. Those of PyTorch come by QR from matrices that are
 * half as long again as wide, and straight from wide ones; gesdd begins with QR or LQ where one side is 11/6 of the
 * other. */
void F(mk_lapack_svd)(const mk_lapack *l, int64_t count, const T *a, int64_t m, int64_t n, int32_t full, T *u, T *s, T *vh,
                      int32_t *info) {
    F(batch) j = {.l = l, .a = a, .x = u, .y = vh, .s = s, .m = m, .n = n, .flag = full, .info = info};
    spread(count, 8.0 * (double)m * (double)n * (double)(m < n ? m : n),
           u && m > n && m >= n * 3 / 2 ? F(svd_tall_range) : u && n >= m * 11 / 6 ? F(svd_wide_range) : F(svd_range), &j);
}

/* ---- Eigenvalues ---- */

/* x is V and s are the values. */
static void F(eigh_range)(void *context, int64_t begin, int64_t end) {
    const F(batch) *j = context;
    int64_t n = j->n, lwork = -1, liwork = -1, info = 0, integers_asked = 0;
    letter job = j->x ? "V" : "N", uplo = j->flag ? "U" : "L";
    T asked = 0;
    CALL(j->l, syevd)(job, uplo, &n, NULL, &n, NULL, &asked, &lwork, &integers_asked, &liwork, &info, 1, 1);
    lwork = F(length)(asked);
    liwork = integers_asked;
    size_t bytes = (size_t)liwork * sizeof(int64_t) + (size_t)(n * n + lwork) * sizeof(T);
    int64_t *integers = mk_alloc(bytes);
    if (!integers) {
        F(lack)(j, begin, end);
        return;
    }
    T *a = (T *)(integers + liwork), *work = a + n * n;
    for (int64_t i = begin; i < end; i++) {
        const T *from = j->a + i * n * n;
        T *d = j->s + i * n;
        info = 0;
        if (F(is_finite)(from, n * n)) {
            F(turn)(from, n, n, n, a, n);
            CALL(j->l, syevd)(job, uplo, &n, a, &n, d, work, &lwork, integers, &liwork, &info, 1, 1);
        } else {
            for (int64_t r = 0; r < n; r++) d[r] = (T)NAN;
            for (int64_t r = 0; r < n * n; r++) a[r] = (T)NAN;
        }
        if (j->x) F(turn)(a, n, n, n, j->x + i * n * n, n);
        j->info[i] = (int32_t)info;
    }
    mk_free(integers, bytes);
}

void F(mk_lapack_eigh)(const mk_lapack *l, int64_t count, const T *a, int64_t n, int32_t upper, T *d, T *v, int32_t *info) {
    F(batch) j = {.l = l, .a = a, .x = v, .s = d, .n = n, .flag = upper, .info = info};
    spread(count, 4.0 * (double)n * (double)n * (double)n, F(eigh_range), &j);
}
