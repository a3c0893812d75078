/* cross_entropy.h: the logarithm of the softmax of rows where one element of it is asked for, and its gradient. Uses the
 * steps of softmax.h, so that the values are those of log_softmax to the last bit. */

/* top[r] = the largest element, shift[r] = log(sum(e^(x - top))), picked[r] = x[label] - top - shift, 0 for a label < 0. */
static void F(cross_entropy)(const T *x, const int64_t *labels, T *top, T *shift, T *picked, int64_t rows, int64_t cols) {
    T sums[GROUP_ROWS];
    for (int i = 0; i < GROUP_ROWS; i++) sums[i] = 1;
    for (int64_t g = F(group_rows)(rows, cols); rows > 0;
         rows -= g, x += g * cols, labels += g, top += g, shift += g, picked += g) {
        if (g > rows) g = rows;
        for (int64_t i = 0; i < g; i++) top[i] = F(row_top)(x + i * cols, cols);
        for (int64_t i = 0; i < g; i++) sums[i] = F(row_exp)(x + i * cols, top[i], NULL, cols);
        if (g == 1) sums[0] = F(m_log)(sums[0]);
        else {
            MK_VECTOR_LOOP
            for (int i = 0; i < GROUP_ROWS; i++) sums[i] = F(m_log)(sums[i]);
        }
        for (int64_t i = 0; i < g; i++) {
            shift[i] = sums[i];
            picked[i] = labels[i] < 0 ? 0 : x[i * cols + labels[i]] - top[i] - sums[i];
        }
    }
}

/* out = (1 at the label, else 0) scale[r] - e^(x - top - shift) scale[r]; out may be x. */
static void F(cross_entropy_backward)(const T *x, const int64_t *labels, const T *top, const T *shift, const T *scale,
                                      T *out, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; r++, x += cols, out += cols) {
        T t = top[r], s = shift[r], f = scale[r];
#define LESS(c, w, load, store) store(out + c, 0 - F(exp_below)(load(x + c, w) - t - s) * f, w);
        EACH_VECTOR(cols, LESS)
#undef LESS
        if (labels[r] >= 0) out[labels[r]] = f + out[labels[r]];
    }
}
