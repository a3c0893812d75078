/* rows.h: softmax and layer norm, one contiguous row after another. */
static void F(softmax)(const T *x, T *out, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; r++, x += cols, out += cols) {
        T top = F(max)(x, cols, NULL);
        MK_VECTOR_LOOP
        for (int64_t c = 0; c < cols; c++) out[c] = F(m_exp_quick)(x[c] - top);
        T scale = 1 / F(sum)(out, cols);
        MK_VECTOR_LOOP
        for (int64_t c = 0; c < cols; c++) out[c] = out[c] * scale;
    }
}

static void F(log_softmax)(const T *x, T *out, int64_t rows, int64_t cols) {
    enum { CHUNK = 1024 };
    T e[CHUNK];
    for (int64_t r = 0; r < rows; r++, x += cols, out += cols) {
        T top = F(max)(x, cols, NULL), total = 0;
        for (int64_t c0 = 0; c0 < cols; c0 += CHUNK) {
            int64_t w = cols - c0 < CHUNK ? cols - c0 : CHUNK;
            const T *xc = x + c0;
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < w; c++) e[c] = F(m_exp_quick)(xc[c] - top);
            total += F(sum)(e, w);
        }
        T shift = F(m_log)(total);
        MK_VECTOR_LOOP
        for (int64_t c = 0; c < cols; c++) out[c] = x[c] - top - shift;
    }
}

static void F(softmax_backward)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; r++, grad += cols, out += cols, gin += cols) {
        T s = F(dot)(grad, out, cols);
        MK_VECTOR_LOOP
        for (int64_t c = 0; c < cols; c++) gin[c] = (grad[c] - s) * out[c];
    }
}

static void F(log_softmax_backward)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; r++, grad += cols, out += cols, gin += cols) {
        T s = F(sum)(grad, cols);
        MK_VECTOR_LOOP
        for (int64_t c = 0; c < cols; c++) gin[c] = grad[c] - F(m_exp_quick)(out[c]) * s;
    }
}

static void F(layer_norm)(const T *x, const T *weight, const T *bias, double eps, T *out, T *mean, T *rstd,
                          int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; r++, x += cols, out += cols) {
        double m, m2;
        F(mean_var)(x, cols, &m, &m2);
        T mu = (T)m, scale = (T)(1 / sqrt(m2 / (double)cols + eps));
        if (mean) mean[r] = mu;
        if (rstd) rstd[r] = scale;
        if (weight && bias) {
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < cols; c++) out[c] = (x[c] - mu) * scale * weight[c] + bias[c];
        } else if (weight) {
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < cols; c++) out[c] = (x[c] - mu) * scale * weight[c];
        } else if (bias) {
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < cols; c++) out[c] = (x[c] - mu) * scale + bias[c];
        } else {
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < cols; c++) out[c] = (x[c] - mu) * scale;
        }
    }
}

static void F(layer_norm_backward)(const T *grad, const T *x, const T *mean, const T *rstd, const T *weight, T *dx,
                                   T *dweight, T *dbias, int64_t rows, int64_t cols, int64_t stride) {
    enum { CHUNK = 1024 };
    T gw[CHUNK], h[CHUNK];
    for (int64_t r = 0; r < rows; r++, grad += stride, x += stride) {
        T mu = mean[r], scale = rstd[r], sum_g = 0, sum_gh = 0;
        if (dweight) {
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < cols; c++) dweight[c] += grad[c] * ((x[c] - mu) * scale);
        }
        if (dbias) {
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < cols; c++) dbias[c] += grad[c];
        }
        if (!dx) continue;
        for (int64_t c0 = 0; c0 < cols; c0 += CHUNK) {
            int64_t w = cols - c0 < CHUNK ? cols - c0 : CHUNK;
            MK_VECTOR_LOOP
            for (int64_t c = 0; c < w; c++) {
                gw[c] = weight ? grad[c0 + c] * weight[c0 + c] : grad[c0 + c];
                h[c] = (x[c0 + c] - mu) * scale;
            }
            sum_g += F(sum)(gw, w);
            sum_gh += F(dot)(gw, h, w);
        }
        T mean_g = sum_g / (T)cols, mean_gh = sum_gh / (T)cols;
        MK_VECTOR_LOOP
        for (int64_t c = 0; c < cols; c++) {
            T g = weight ? grad[c] * weight[c] : grad[c];
            dx[c] = (g - mean_g - (x[c] - mu) * scale * mean_gh) * scale;
        }
        dx += stride;
    }
}
