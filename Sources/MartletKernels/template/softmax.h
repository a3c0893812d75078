/* softmax.h: softmax and its logarithm, and their gradients, row by row. */

/* The largest element; NaN counts for nothing. */
static inline T F(row_top)(const T *x, int64_t n) {
    V low = SPLAT(-(T)INFINITY), best[4] = {low, low, low, low};
    int64_t c = 0;
    for (; c + 4 * VL <= n; c += 4 * VL) {
        _Pragma("clang loop unroll(full)")
        for (int k = 0; k < 4; k++) best[k] = F(larger)(LOAD(x + c + k * VL), best[k]);
    }
    for (; c + VL <= n; c += VL) best[0] = F(larger)(LOAD(x + c), best[0]);
    if (c < n) best[1] = F(larger)(F(load_part_or)(x + c, n - c, low), best[1]);
    return F(largest_of)(F(larger)(F(larger)(best[0], best[1]), F(larger)(best[2], best[3])));
}

/* The sum of e^(x - top), and the terms in out unless it is NULL. */
static inline __attribute__((always_inline)) T F(row_exp)(const T *x, T top, T *out, int64_t n) {
    V total = {0}, unused = {0};
#define TERM(k, c, w, load, store) { \
        V e = F(exp_below)(load(x + (c), w) - top); \
        if (w < VL) e = F(first_lanes)(e, w); \
        if (out) store(out + (c), e, w); \
        part[k] = part[k] + e; \
    }
    SUM_VECTORS(total, unused, n, TERM)
#undef TERM
    return F(sum_of)(total);
}

#if VECTOR_BYTES == 64
/* What is left to do in a row when its sum is known, in the columns from `at` on. */
static inline __attribute__((always_inline)) void F(row_end)(const int log, const T *x, T top, T shift, T *out, int64_t at,
                                                             int64_t n) {
    x += at, out += at;
#define FINISH(c, w, load, store) store(out + c, log ? load(x + c, w) - top - shift : load(out + c, w) * shift, w);
    EACH_VECTOR(n - at, FINISH)
#undef FINISH
}

/* Three passes at once, each over a row of its own, so that one computes while another loads and stores: of x the sum that
 * is returned, with the terms in out unless `log`; the largest element of the row after it; and the end of the row before
 * it, `lag` columns behind. Each element is computed as in the loops below, in the same order. */
static inline __attribute__((always_inline)) T F(row_step)(const int log, const T *x, T top, T *out, const T *after,
                                                           T *after_top, T top_before, T shift, int64_t lag, int64_t n) {
    V low = SPLAT(-(T)INFINITY), best[4] = {low, low, low, low}, total = {0}, unused = {0};
    const T *x_before = x - n;
    T *before = out - n;
    int64_t at = 0;
#define STEP(k, c, w, load, store) { \
        V e = F(exp_below)(load(x + (c), w) - top); \
        if (w < VL) e = F(first_lanes)(e, w); \
        if (!log) store(out + (c), e, w); \
        part[k] = part[k] + e; \
        best[k] = F(larger)(w < VL ? F(load_part_or)(after + (c), w, low) : LOAD(after + (c)), best[k]); \
        if (k == 3 && (c) >= lag) { \
            F(row_end)(log, x_before, top_before, shift, before, at, at + 4 * VL); \
            at += 4 * VL; \
        } \
    }
    SUM_VECTORS(total, unused, n, STEP)
#undef STEP
    F(row_end)(log, x_before, top_before, shift, before, at, n);
    *after_top = F(largest_of)(F(larger)(F(larger)(best[0], best[1]), F(larger)(best[2], best[3])));
    return F(sum_of)(total);
}

/* The lag at which no store to the row before is to an address that, but for whole pages, is soon read: such a load would
 * wait for the store. */
static int64_t F(row_lag)(const T *x, const T *out, int64_t cols) {
    uint64_t row = (uint64_t)cols * sizeof(T), ahead = (uint64_t)(uintptr_t)out - (uint64_t)(uintptr_t)x - row;
    int64_t lag = 0;
    for (; lag < cols / 4; lag += 4 * VL, ahead -= 4 * VL * sizeof(T))
        if (ahead % 4096 >= 512 && (ahead - row) % 4096 >= 512) return lag;
    return 0;
}

static inline __attribute__((always_inline)) void F(softmax_steps)(const int log, const T *x, T *out, int64_t rows,
                                                                  int64_t cols) {
    int64_t lag = F(row_lag)(x, out, cols);
    T top = F(row_top)(x, cols), sum = F(row_exp)(x, top, log ? NULL : out, cols), after_top = 0;
    if (rows > 1) after_top = F(row_top)(x + cols, cols);
    for (int64_t r = 1; r < rows; r++) {
        T top_before = top, shift = log ? F(m_log)(sum) : 1 / sum;
        x += cols, out += cols, top = after_top;
        sum = F(row_step)(log, x, top, out, r + 1 < rows ? x + cols : x, &after_top, top_before, shift, lag, cols);
    }
    F(row_end)(log, x, top, log ? F(m_log)(sum) : 1 / sum, out, 0, cols);
}
static void F(softmax_steps_0)(const T *x, T *out, int64_t rows, int64_t cols) { F(softmax_steps)(0, x, out, rows, cols); }
static void F(softmax_steps_1)(const T *x, T *out, int64_t rows, int64_t cols) { F(softmax_steps)(1, x, out, rows, cols); }

/* From where the start and end of a row are no longer felt, up to where four rows are no longer in the second cache. */
enum { F(steps_from) = 12 * VL, F(steps_to) = 131072 / (int)sizeof(T) };
#endif

/* Rows of at most two vectors stay in registers. */
static void F(softmax_short)(const T *x, T *out, int64_t rows, int64_t cols) {
    int64_t w = cols < VL ? cols : VL, rest = cols - w;
    V low = SPLAT(-(T)INFINITY), second = {0};
    for (int64_t r = 0; r < rows; r++, x += cols, out += cols) {
        V a = F(load_part_or)(x, w, low), b = rest ? F(load_part_or)(x + w, rest, low) : low;
        T top = F(largest_of)(F(larger)(a, b));
        V first = F(first_lanes)(F(exp_below)(a - top), w);
        if (rest) second = F(first_lanes)(F(exp_below)(b - top), rest);
        T scale = 1 / F(sum_of)(first + second);
        F(store_part)(out, first * scale, w);
        if (rest) F(store_part)(out + w, second * scale, rest);
    }
}

static void F(softmax)(const T *x, T *out, int64_t rows, int64_t cols) {
    if (cols <= 2 * VL) {
        F(softmax_short)(x, out, rows, cols);
        return;
    }
#if VECTOR_BYTES == 64
    if (cols >= F(steps_from) && cols <= F(steps_to)) {
        F(softmax_steps_0)(x, out, rows, cols);
        return;
    }
#endif
    T top[GROUP_ROWS], scale[GROUP_ROWS];
    for (int64_t g = F(group_rows)(rows, cols); rows > 0; rows -= g, x += g * cols, out += g * cols) {
        if (g > rows) g = rows;
        for (int64_t i = 0; i < g; i++) top[i] = F(row_top)(x + i * cols, cols);
        for (int64_t i = 0; i < g; i++) scale[i] = 1 / F(row_exp)(x + i * cols, top[i], out + i * cols, cols);
        for (int64_t i = 0; i < g; i++) {
            T *to = out + i * cols, s = scale[i];
#define SCALE(c, w, load, store) store(to + c, load(to + c, w) * s, w);
            EACH_VECTOR(cols, SCALE)
#undef SCALE
        }
    }
}

static void F(log_softmax)(const T *x, T *out, int64_t rows, int64_t cols) {
#if VECTOR_BYTES == 64
    if (cols >= F(steps_from) && cols <= F(steps_to)) {
        F(softmax_steps_1)(x, out, rows, cols);
        return;
    }
#endif
    T top[GROUP_ROWS], shift[GROUP_ROWS];
    for (int i = 0; i < GROUP_ROWS; i++) shift[i] = 1;
    for (int64_t g = F(group_rows)(rows, cols); rows > 0; rows -= g, x += g * cols, out += g * cols) {
        if (g > rows) g = rows;
        for (int64_t i = 0; i < g; i++) top[i] = F(row_top)(x + i * cols, cols);
        for (int64_t i = 0; i < g; i++) shift[i] = F(row_exp)(x + i * cols, top[i], NULL, cols);
        if (g == 1) shift[0] = F(m_log)(shift[0]);
        else {
            MK_VECTOR_LOOP
            for (int i = 0; i < GROUP_ROWS; i++) shift[i] = F(m_log)(shift[i]);
        }
        for (int64_t i = 0; i < g; i++) {
            const T *from = x + i * cols;
            T *to = out + i * cols, t = top[i], s = shift[i];
#define SHIFT(c, w, load, store) store(to + c, load(from + c, w) - t - s, w);
            EACH_VECTOR(cols, SHIFT)
#undef SHIFT
        }
    }
}

static void F(softmax_backward)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols) {
    T dot[GROUP_ROWS];
    for (int64_t g = F(group_rows)(rows, cols); rows > 0;
         rows -= g, grad += g * cols, out += g * cols, gin += g * cols) {
        if (g > rows) g = rows;
        for (int64_t i = 0; i < g; i++) {
            const T *a = grad + i * cols, *b = out + i * cols;
            V total = {0}, unused = {0};
#define DOT(k, c, w, load, store) part[k] = FMA(load(a + (c), w), load(b + (c), w), part[k]);
            SUM_VECTORS(total, unused, cols, DOT)
#undef DOT
            dot[i] = F(sum_of)(total);
        }
        for (int64_t i = 0; i < g; i++) {
            const T *a = grad + i * cols, *b = out + i * cols;
            T *to = gin + i * cols, s = dot[i];
#define LESS(c, w, load, store) store(to + c, (load(a + c, w) - s) * load(b + c, w), w);
            EACH_VECTOR(cols, LESS)
#undef LESS
        }
    }
}

static void F(log_softmax_backward)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols) {
    T sum[GROUP_ROWS];
    for (int64_t g = F(group_rows)(rows, cols); rows > 0;
         rows -= g, grad += g * cols, out += g * cols, gin += g * cols) {
        if (g > rows) g = rows;
        for (int64_t i = 0; i < g; i++) {
            const T *a = grad + i * cols;
            V total = {0}, unused = {0};
#define ADD(k, c, w, load, store) part[k] = part[k] + load(a + (c), w);
            SUM_VECTORS(total, unused, cols, ADD)
#undef ADD
            sum[i] = F(sum_of)(total);
        }
        for (int64_t i = 0; i < g; i++) {
            const T *a = grad + i * cols, *b = out + i * cols;
            T *to = gin + i * cols, s = sum[i];
#define LESS(c, w, load, store) store(to + c, load(a + c, w) - F(exp_below)(load(b + c, w)) * s, w);
            EACH_VECTOR(cols, LESS)
#undef LESS
        }
    }
}
