/* reduce.h: sums and extremes of contiguous elements. A sum runs in LANES
 * parallel accumulators over blocks of BLOCK elements; block sums are combined
 * pairwise, so rounding errors do not grow with n but with its logarithm. The
 * order is fixed by n alone. */
#define LANES 64
#define BLOCK 2048

/* Sums of all lanes, pairwise. */
static inline T F(fold)(T *lane) {
    for (int64_t w = LANES / 2; w > 0; w /= 2)
        for (int64_t j = 0; j < w; j++) lane[j] += lane[j + w];
    return lane[0];
}

#define CASCADE(name, scalar_step, vector_step) \
static T F(MK_CAT(name, block))(const T *x, const T *y, int64_t n) { \
    (void)y; \
    if (n < LANES) { \
        T s = 0; \
        for (int64_t i = 0; i < n; i++) { scalar_step; } \
        return s; \
    } \
    T lane[LANES] = {0}; \
    int64_t i = 0; \
    for (; i + LANES <= n; i += LANES) \
        for (int64_t j = 0; j < LANES; j++) { vector_step; } \
    T s = F(fold)(lane); \
    for (; i < n; i++) { scalar_step; } \
    return s; \
} \
static T F(MK_CAT(name, tree))(const T *x, const T *y, int64_t n) { \
    if (n <= BLOCK) return F(MK_CAT(name, block))(x, y, n); \
    int64_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK; \
    return F(MK_CAT(name, tree))(x, y, half) + F(MK_CAT(name, tree))(x + half, y + half, n - half); \
}

CASCADE(sum, s += x[i], lane[j] += x[i + j])
CASCADE(sumsq, s += x[i] * x[i], lane[j] += x[i + j] * x[i + j])
CASCADE(dot, s = FMA(x[i], y[i], s), lane[j] = FMA(x[i + j], y[i + j], lane[j]))

static T F(sum)(const T *x, int64_t n) { return F(sum_tree)(x, x, n); }
static T F(sumsq)(const T *x, int64_t n) { return F(sumsq_tree)(x, x, n); }
static T F(dot)(const T *x, const T *y, int64_t n) { return F(dot_tree)(x, y, n); }

static T F(prod)(const T *x, int64_t n) {
    T s = 1;
    for (int64_t i = 0; i < n; i++) s *= x[i];
    return s;
}

/* Extreme value in lanes, NaN kept by the unordered comparison; then the
 * position of the first element that equals it. */
#define EXTREME(name, op) \
static T F(name)(const T *x, int64_t n, int64_t *index) { \
    T best = x[0]; \
    if (n >= LANES) { \
        T lane[LANES]; \
        INT nan[LANES]; \
        for (int64_t j = 0; j < LANES; j++) lane[j] = x[j], nan[j] = x[j] != x[j]; \
        int64_t i = LANES; \
        for (; i + LANES <= n; i += LANES) \
            for (int64_t j = 0; j < LANES; j++) { \
                T v = x[i + j]; \
                lane[j] = v op lane[j] ? v : lane[j]; \
                nan[j] |= v != v; \
            } \
        for (; i < n; i++) { \
            T v = x[i]; \
            lane[0] = v op lane[0] ? v : lane[0]; \
            nan[0] |= v != v; \
        } \
        INT any = 0; \
        for (int64_t j = 0; j < LANES; j++) any |= nan[j]; \
        best = lane[0]; \
        if (any) best = (T)NAN; \
        else for (int64_t j = 1; j < LANES; j++) best = lane[j] op best ? lane[j] : best; \
    } else { \
        for (int64_t i = 1; i < n; i++) \
            if (!(best != best) && (x[i] op best || x[i] != x[i])) best = x[i]; \
    } \
    if (index) { \
        int64_t i = 0; \
        if (best != best) while (x[i] == x[i]) i++; \
        else while (x[i] != best) i++; \
        *index = i; \
    } \
    return best; \
}
EXTREME(max, >)
EXTREME(min, <)

static void F(mean_var)(const T *x, int64_t n, double *mean, double *m2) {
    double lane[LANES] = {0}, s = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int64_t j = 0; j < LANES; j++) lane[j] += x[i + j];
    for (int64_t j = 0; j < LANES; j++) s += lane[j];
    for (; i < n; i++) s += x[i];
    double m = s / (double)n, q = 0;
    for (int64_t j = 0; j < LANES; j++) lane[j] = 0;
    for (i = 0; i + LANES <= n; i += LANES)
        for (int64_t j = 0; j < LANES; j++) {
            double d = x[i + j] - m;
            lane[j] += d * d;
        }
    for (int64_t j = 0; j < LANES; j++) q += lane[j];
    for (; i < n; i++) q += (x[i] - m) * (x[i] - m);
    *mean = m;
    *m2 = q;
}

/* Columns in panels of nv vectors (the only one w wide when nv is 1): 16 rows are
 * added one by one, then their sum goes up a binary counter of partial sums. */
static inline __attribute__((always_inline)) void F(sum_panel)(const int nv, int64_t w, const T *x, int64_t rows,
                                                               int64_t stride, T *out) {
    enum { STEP = 16, LEVELS = 48 };
    V level[LEVELS][4], part[4];
#define GET(v) (w < VL ? F(load_part)(x, w) : LOAD(x + (v) * VL))
    uint64_t done = 0;
    for (int64_t r0 = 0; r0 < rows; r0 += STEP, done++) {
        int64_t n = rows - r0 < STEP ? rows - r0 : STEP;
        for (int v = 0; v < nv; v++) part[v] = GET(v);
        x += stride;
        for (int64_t r = 1; r < n; r++, x += stride)
            for (int v = 0; v < nv; v++) part[v] = part[v] + GET(v);
        int k = 0;
        for (; done >> k & 1; k++)
            for (int v = 0; v < nv; v++) part[v] = level[k][v] + part[v];
        for (int v = 0; v < nv; v++) level[k][v] = part[v];
    }
#undef GET
    int first = 1;
    for (int v = 0; v < nv; v++) part[v] = (V){0};
    for (int k = 0; done >> k; k++) {
        if (!(done >> k & 1)) continue;
        for (int v = 0; v < nv; v++) part[v] = first ? level[k][v] : level[k][v] + part[v];
        first = 0;
    }
    if (w < VL) F(store_part)(out, part[0], w);
    else for (int v = 0; v < nv; v++) STORE(out + v * VL, part[v]);
}

static void F(sum_rows)(const T *x, int64_t rows, int64_t cols, int64_t stride, T *out) {
    int64_t c = 0;
    for (; c + 4 * VL <= cols; c += 4 * VL) F(sum_panel)(4, VL, x + c, rows, stride, out + c);
    for (; c < cols; c += VL) F(sum_panel)(1, cols - c < VL ? cols - c : VL, x + c, rows, stride, out + c);
}
#undef CASCADE
#undef EXTREME
#undef LANES
#undef BLOCK
