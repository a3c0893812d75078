/* reduce.h: sums and extremes. The order of a sum is fixed by its length alone:
 * lanes are counted by vectors of 32 bytes, whatever the CPU has.
 *
 * Plain sums are cascades: four accumulators run side by side, and after every
 * 2^p additions an accumulator is emptied into the next of four levels, so that
 * errors grow with the fourth root of n at most. p = max(4, log2(n) / 4). */
typedef T F(lanes) __attribute__((vector_size(32), aligned(IS_FLOAT ? 4 : 8), may_alias));
#define SUM_LANES (32 / (int)sizeof(T))

static inline int F(cascade_power)(int64_t n) {
    int log = 1;
    while (log < 62 && (int64_t)1 << log < n) log++;
    return log / 4 > 4 ? log / 4 : 4;
}

/* out[k] = sum over i of the element at x + i*step + k*apart, for nk sums of n
 * elements of type E; nk is constant. */
#define DEFINE_CASCADE(name, E, ZERO, GET) \
static inline __attribute__((always_inline)) void F(name)(const int nk, E *out, const T *x, int64_t step, int64_t apart, \
                                                          int64_t n, int64_t w) { \
    E level[4][4]; \
    for (int j = 0; j < 4; j++) \
        for (int k = 0; k < nk; k++) level[j][k] = (E)ZERO; \
    int power = F(cascade_power)(n); \
    int64_t run = (int64_t)1 << power, i = 0; \
    (void)w; \
    while (i < n) { \
        int64_t end = i + run <= n ? i + run : n, whole = i + run <= n; \
        E part[4]; \
        for (int k = 0; k < nk; k++) part[k] = level[0][k]; \
        for (; i < end; i++, x += step) \
            for (int k = 0; k < nk; k++) part[k] = part[k] + GET(x + k * apart); \
        for (int k = 0; k < nk; k++) level[0][k] = part[k]; \
        for (int j = 1; whole && j < 4; j++) { \
            for (int k = 0; k < nk; k++) { \
                level[j][k] = level[j][k] + level[j - 1][k]; \
                level[j - 1][k] = (E)ZERO; \
            } \
            if (i & ((run - 1) << (j * power))) break; \
        } \
    } \
    for (int k = 0; k < nk; k++) out[k] = level[0][k] + level[1][k] + level[2][k] + level[3][k]; \
}
#define GET_SCALAR(p) (*(p))
#define GET_LANES(p) (*(const F(lanes) *)(p))
#define GET_PART(p) F(load_part)((p), w)
DEFINE_CASCADE(cascade_scalar, T, 0, GET_SCALAR)
DEFINE_CASCADE(cascade_lanes, F(lanes), {0}, GET_LANES)
DEFINE_CASCADE(cascade_vector, V, {0}, LOAD)
DEFINE_CASCADE(cascade_part, V, {0}, GET_PART)

/* n elements with stride s, in four interleaved cascades. */
static T F(sum_strided)(const T *x, int64_t s, int64_t n) {
    T part[4];
    F(cascade_scalar)(4, part, x, 4 * s, s, n / 4, 1);
    for (int64_t i = n / 4 * 4; i < n; i++) part[0] += x[i * s];
    return part[0] + part[1] + part[2] + part[3];
}

/* Contiguous elements: the same with vectors, whose lanes are added at the end
 * to what is left over. */
static T F(sum)(const T *x, int64_t n) {
    if (n < SUM_LANES) return F(sum_strided)(x, 1, n);
    int64_t count = n / SUM_LANES;
    F(lanes) part[4];
    F(cascade_lanes)(4, part, x, 4 * SUM_LANES, SUM_LANES, count / 4, 0);
    for (int64_t i = count / 4 * 4; i < count; i++) part[0] = part[0] + GET_LANES(x + i * SUM_LANES);
    part[0] = part[0] + part[1] + part[2] + part[3];
    T total = 0;
    for (int64_t i = count * SUM_LANES; i < n; i++) total += x[i];
    for (int j = 0; j < SUM_LANES; j++) total += part[0][j];
    return total;
}

/* Sums down w <= VL columns, in four interleaved cascades over the rows. */
static void F(sum_columns)(const T *x, int64_t rows, int64_t w, int64_t stride, T *out) {
    V part[4];
    F(cascade_part)(4, part, x, 4 * stride, stride, rows / 4, w);
    for (int64_t i = rows / 4 * 4; i < rows; i++) part[0] = part[0] + F(load_part)(x + i * stride, w);
    F(store_part)(out, part[0] + part[1] + part[2] + part[3], w);
}

/* Columns in groups of four times the lanes go down the rows in one cascade
 * each, the ones left over in four interleaved ones; fewer columns than there
 * are lanes are grouped by four. */
static void F(sum_rows)(const T *x, int64_t rows, int64_t cols, int64_t stride, T *out) {
    int64_t group = cols < SUM_LANES ? 4 : 4 * SUM_LANES, grouped = cols / group * group, c = 0;
    V part[4];
    for (; c + 4 * VL <= grouped; c += 4 * VL) {
        F(cascade_vector)(4, part, x + c, stride, VL, rows, VL);
        for (int k = 0; k < 4; k++) STORE(out + c + k * VL, part[k]);
    }
    for (int64_t w; c < grouped; c += w) {
        w = grouped - c < VL ? grouped - c : VL;
        F(cascade_part)(1, part, x + c, stride, 0, rows, w);
        F(store_part)(out + c, part[0], w);
    }
    for (; c < cols; c += VL) F(sum_columns)(x + c, rows, cols - c < VL ? cols - c : VL, stride, out + c);
}
#undef DEFINE_CASCADE
#undef GET_SCALAR
#undef GET_PART
#undef GET_LANES
#undef SUM_LANES

/* Other sums run in LANES parallel accumulators over blocks of BLOCK elements;
 * block sums are combined pairwise. */
#define LANES 64
#define BLOCK 2048

/* Sums of all lanes, pairwise. */
static inline T F(fold)(T *lane) {
    for (int64_t w = LANES / 2; w > 0; w /= 2)
        for (int64_t j = 0; j < w; j++) lane[j] += lane[j + w];
    return lane[0];
}

#define TREE(name, scalar_step, vector_step) \
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

TREE(sumsq, s += x[i] * x[i], lane[j] += x[i + j] * x[i + j])
TREE(dot, s = FMA(x[i], y[i], s), lane[j] = FMA(x[i + j], y[i + j], lane[j]))

static T F(sumsq)(const T *x, int64_t n) { return F(sumsq_tree)(x, x, n); }
static T F(dot)(const T *x, const T *y, int64_t n) { return F(dot_tree)(x, y, n); }

static T F(prod)(const T *x, int64_t n) {
    T s = 1, lane[LANES];
    int64_t i = 0;
    if (n >= 2 * LANES) {
        for (int64_t j = 0; j < LANES; j++) lane[j] = x[j];
        for (i = LANES; i + LANES <= n; i += LANES)
            for (int64_t j = 0; j < LANES; j++) lane[j] *= x[i + j];
        for (int64_t j = 0; j < LANES; j++) s *= lane[j];
    }
    for (; i < n; i++) s *= x[i];
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

#undef TREE
#undef EXTREME
#undef LANES
#undef BLOCK
