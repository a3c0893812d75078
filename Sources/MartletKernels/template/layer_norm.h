/* layer_norm.h: layer norm, RMS norm and their gradients, row by row. In the gradients RMS norm has no means: NULL. */

/* Mean and sum of squared deviations. The deviations are taken from a first sum
 * divided by n, and their own mean corrects both results. */
static inline void F(row_moments)(const T *x, int64_t n, double *mean, double *m2) {
    V sums = {0}, off = {0}, squares = {0}, unused = {0};
#define ADD(k, c, w, load, store) part[k] = part[k] + load(x + (c), w);
    SUM_VECTORS(sums, unused, n, ADD)
#undef ADD
    T near = F(sum_of)(sums) / (T)n;
#define DEVIATION(k, c, w, load, store) { \
        V d = load(x + (c), w) - near; \
        if (w < VL) d = F(first_lanes)(d, w); \
        part[k] = part[k] + d; \
        part2[k] = FMA(d, d, part2[k]); \
    }
    SUM_VECTORS(off, squares, n, DEVIATION)
#undef DEVIATION
    double d = (double)F(sum_of)(off) / (double)n;
    *mean = (double)near + d;
    *m2 = (double)F(sum_of)(squares) - d * d * (double)n;
}

/* One row: (x - mu) * scale * weight + bias. Called with constant `scaled` and `shifted`. */
static inline __attribute__((always_inline)) void F(norm_row)(const int scaled, const int shifted, const T *x, T mu, T scale,
                                                              const T *weight, const T *bias, T *out, int64_t n) {
#define NORMAL(c, w, load, store) { \
        V v = (load(x + c, w) - mu) * scale; \
        if (scaled) v = v * load(weight + c, w); \
        if (shifted) v = v + load(bias + c, w); \
        store(out + c, v, w); \
    }
    EACH_VECTOR(n, NORMAL)
#undef NORMAL
}

static void F(layer_norm)(const T *x, const T *weight, const T *bias, double eps, T *out, T *mean, T *rstd,
                          int64_t rows, int64_t cols) {
    double m[GROUP_ROWS], m2[GROUP_ROWS];
    for (int64_t g = F(group_rows)(rows, cols), r = 0; r < rows; r += g, x += g * cols, out += g * cols) {
        if (g > rows - r) g = rows - r;
        for (int64_t i = 0; i < g; i++) F(row_moments)(x + i * cols, cols, m + i, m2 + i);
        for (int64_t i = 0; i < g; i++) {
            T mu = (T)m[i], scale = (T)(1 / sqrt((m2[i] > 0 ? m2[i] : m2[i] * 0) / (double)cols + eps));
            const T *from = x + i * cols;
            T *to = out + i * cols;
            if (mean) mean[r + i] = mu;
            if (rstd) rstd[r + i] = scale;
            if (weight && bias) F(norm_row)(1, 1, from, mu, scale, weight, bias, to, cols);
            else if (weight) F(norm_row)(1, 0, from, mu, scale, weight, bias, to, cols);
            else if (bias) F(norm_row)(0, 1, from, mu, scale, weight, bias, to, cols);
            else F(norm_row)(0, 0, from, mu, scale, weight, bias, to, cols);
        }
    }
}

static void F(rms_norm)(const T *x, const T *weight, double eps, T *out, T *rstd, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; r++, x += cols, out += cols) {
        V squares = {0}, unused = {0};
#define SQUARE(k, c, w, load, store) { V v = load(x + (c), w); part[k] = FMA(v, v, part[k]); }
        SUM_VECTORS(squares, unused, cols, SQUARE)
#undef SQUARE
        T scale = (T)(1 / sqrt((double)F(sum_of)(squares) / (double)cols + eps));
        rstd[r] = scale;
        if (weight) F(norm_row)(1, 0, x, 0, scale, weight, NULL, out, cols);
        else F(norm_row)(0, 0, x, 0, scale, NULL, NULL, out, cols);
    }
}

/* The gradient of x. Called with constant `scaled`. */
static inline __attribute__((always_inline)) void F(norm_backward)(const int scaled, const T *grad, const T *x, const T *mean,
                                                                   const T *rstd, const T *weight, T *dx, int64_t rows,
                                                                   int64_t cols) {
    T mean_g[GROUP_ROWS], mean_gh[GROUP_ROWS];
    for (int64_t g = F(group_rows)(rows, cols), r = 0; r < rows; r += g, x += g * cols, grad += g * cols, dx += g * cols) {
        if (g > rows - r) g = rows - r;
        for (int64_t i = 0; i < g; i++) {
            const T *a = grad + i * cols, *b = x + i * cols;
            T mu = mean ? mean[r + i] : 0, scale = rstd[r + i];
            V sum = {0}, dot = {0};
#define BOTH(k, c, w, load, store) { \
                V gw = load(a + (c), w), h = (load(b + (c), w) - mu) * scale; \
                if (scaled) gw = gw * load(weight + (c), w); \
                part[k] = part[k] + gw; \
                part2[k] = FMA(gw, h, part2[k]); \
            }
            SUM_VECTORS(sum, dot, cols, BOTH)
#undef BOTH
            mean_g[i] = mean ? F(sum_of)(sum) / (T)cols : 0;
            mean_gh[i] = F(sum_of)(dot) / (T)cols;
        }
        for (int64_t i = 0; i < g; i++) {
            const T *a = grad + i * cols, *b = x + i * cols;
            T *to = dx + i * cols, mu = mean ? mean[r + i] : 0, scale = rstd[r + i], mg = mean_g[i], mgh = mean_gh[i];
#define GRADIENT(c, w, load, store) { \
                V gw = load(a + c, w), h = (load(b + c, w) - mu) * scale; \
                if (scaled) gw = gw * load(weight + c, w); \
                store(to + c, (gw - mg - h * mgh) * scale, w); \
            }
            EACH_VECTOR(cols, GRADIENT)
#undef GRADIENT
        }
    }
}

static void F(layer_norm_backward)(const T *grad, const T *x, const T *mean, const T *rstd, const T *weight, T *dx,
                                   int64_t rows, int64_t cols) {
    if (weight) F(norm_backward)(1, grad, x, mean, rstd, weight, dx, rows, cols);
    else F(norm_backward)(0, grad, x, mean, rstd, weight, dx, rows, cols);
}

/* Added onto dweight and dbias (each may be NULL) for cols columns of a matrix whose rows are `stride` apart: a few
 * columns at a time stay in registers while the rows pass, in order. */
static void F(layer_norm_parameters)(const T *grad, const T *x, const T *mean, const T *rstd, T *dweight, T *dbias,
                                     int64_t rows, int64_t cols, int64_t stride) {
    enum { WIDE = 4 };
    int64_t c = 0;
    for (; c + WIDE * VL <= cols; c += WIDE * VL) {
        V dw[WIDE], db[WIDE];
        for (int k = 0; k < WIDE; k++) {
            dw[k] = dweight ? LOAD(dweight + c + k * VL) : (V){0};
            db[k] = dbias ? LOAD(dbias + c + k * VL) : (V){0};
        }
        const T *a = grad + c, *b = x + c;
        for (int64_t r = 0; r < rows; r++, a += stride, b += stride) {
            T mu = mean ? mean[r] : 0, scale = rstd[r];
            for (int k = 0; k < WIDE; k++) {
                V g = LOAD(a + k * VL);
                dw[k] = dw[k] + g * ((LOAD(b + k * VL) - mu) * scale);
                db[k] = db[k] + g;
            }
        }
        for (int k = 0; k < WIDE; k++) {
            if (dweight) STORE(dweight + c + k * VL, dw[k]);
            if (dbias) STORE(dbias + c + k * VL, db[k]);
        }
    }
    for (int64_t w; c < cols; c += w) {
        w = cols - c < VL ? cols - c : VL;
        V dw = dweight ? F(load_part)(dweight + c, w) : (V){0}, db = dbias ? F(load_part)(dbias + c, w) : (V){0};
        const T *a = grad + c, *b = x + c;
        for (int64_t r = 0; r < rows; r++, a += stride, b += stride) {
            V g = F(load_part)(a, w);
            dw = dw + g * ((F(load_part)(b, w) - (mean ? mean[r] : 0)) * rstd[r]);
            db = db + g;
        }
        if (dweight) F(store_part)(dweight + c, dw, w);
        if (dbias) F(store_part)(dbias + c, db, w);
    }
}
#undef GROUP_ROWS
#undef GROUP_SIZE
#undef LOAD_WHOLE
#undef STORE_WHOLE
#undef EACH_VECTOR
#undef SUM_BLOCK
#undef SUM_VECTORS
