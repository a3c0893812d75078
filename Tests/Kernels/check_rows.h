/* check_rows.h: reductions, rows of a matrix, rows of a table, optimizer steps. Included after check_elementwise.h. */
enum { C(MOST) = 70000 };
static T *C(long_x), *C(long_y);

static void C(near)(const char *what, int64_t n, int64_t i, T got, REAL want, double bound) {
    verify(R(fabs)((REAL)got - want) <= bound, "%s of %lld at %lld: %.17g, not %.17g", what, (long long)n, (long long)i,
           (double)got, (double)want);
}

static void C(check_reductions)(void) {
    static const int64_t more[] = {1, 2, 3, 5, 8, 15, 31, 33, 64, 65, 100, 127, 129, 300, 1000, 2047, 2049, 5000, 65537};
    for (size_t l = 0; l < sizeof more / sizeof *more; l++) {
        int64_t n = more[l], at = -1;
        T *x = C(long_x), *y = C(long_y);
        C(fill)(x, n, -1, 2);
        C(fill)(y, n, -1, 2);
        REAL sum = 0, squares = 0, dot = 0, size = 0, every_third = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += x[i], squares += (REAL)x[i] * x[i], dot += (REAL)x[i] * y[i], size += R(fabs)((REAL)x[i] * y[i]);
            if (i < n / 3) every_third += x[3 * i];
        }
        T got[] = {K(sum)(x, n), K(sum_strided)(x, 3, n / 3), K(sumsq)(x, n), K(dot)(x, y, n), K(prod)(x, n < 40 ? n : 40)};
        double depth = 4 + log2((double)n);
        C(near)("sum", n, 0, got[0], sum, EPS * depth * (double)n);
        C(near)("sum of strided", n, 0, got[1], every_third, EPS * depth * (double)n);
        C(near)("sum of squares", n, 0, got[2], squares, EPS * depth * (double)squares);
        C(near)("dot", n, 0, got[3], dot, EPS * depth * (double)size);
        verify_same("sums", n, got, 3 * sizeof(T));
        verify_same("product", n, got + 4, sizeof(T));
        double mean, m2;
        K(mean_var)(x, n, &mean, &m2);
        REAL m = sum / (REAL)n, deviations = 0;
        for (int64_t i = 0; i < n; i++) deviations += (x[i] - m) * (x[i] - m);
        verify(fabs(mean - (double)m) < 1e-12 && fabs(m2 - (double)deviations) < 1e-11 * (double)n,
            "mean and variance of %lld", (long long)n);
        int64_t top = 0, bottom = 0;
        for (int64_t i = 0; i < n; i++) top = x[i] > x[top] ? i : top, bottom = x[i] < x[bottom] ? i : bottom;
        verify(K(max)(x, n, &at) == x[top] && at == top, "max of %lld", (long long)n);
        verify(K(min)(x, n, &at) == x[bottom] && at == bottom, "min of %lld", (long long)n);
        x[n / 2] = NAN;
        T highest = K(max)(x, n, &at);
        verify(highest != highest && at == n / 2, "max of %lld with a NaN", (long long)n);
    }
    static const int64_t sizes[] = {1, 2, 3, 4, 7, 9, 16, 21, 33, 70};
    for (int r = 0; r < 10; r++)
        for (int c = 0; c < 10; c++) {
            int64_t rows = sizes[r], cols = sizes[c], stride = cols + 3;
            T *x = C(long_x), *y = C(long_y), sums[70];
            C(fill)(x, rows * stride, -1, 2);
            K(sum_rows)(x, rows, cols, stride, sums);
            for (int64_t j = 0; j < cols; j++) {
                REAL want = 0;
                for (int64_t i = 0; i < rows; i++) want += x[i * stride + j];
                C(near)("sum of rows", cols, j, sums[j], want, EPS * 8 * (double)rows);
            }
            verify_same("sum of rows", cols, sums, (size_t)cols * sizeof(T));
            C(fill)(y, rows * stride, 5, 6);
            K(copy_rows)(x, stride, y, stride, rows, cols);
            K(accumulate_rows)(x, stride, y, stride, rows, cols);
            for (int64_t i = 0; i < rows * stride; i++)
                verify(i % stride < cols ? y[i] == 2 * x[i] : y[i] >= 5, "rows of %lld copied and added", (long long)cols);
        }
}

static void C(check_normal_rows)(void) {
    static const int64_t widths[] = {1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 50, 64, 100, 257, 1030};
    for (size_t q = 0; q < sizeof widths / sizeof *widths; q++) {
        int64_t cols = widths[q], rows = 5, n = rows * cols;
        T *x = C(long_x), *g = x + n, *w = g + n, *b = w + cols, *out = C(long_y), *y = out + n, *dx = y + n, *dw = dx + n,
            *db = dw + cols;
        T mean[5], rstd[5];
        C(fill)(x, n, -4, 4);
        C(fill)(g, n, -1, 1);
        C(fill)(w, 2 * cols, 0.5, 1.5);
        K(softmax)(x, out, rows, cols);
        K(log_softmax)(x, y, rows, cols);
        K(softmax_backward)(g, out, dx, rows, cols);
        for (int64_t r = 0; r < rows; r++) {
            REAL total = 0, dot = 0, grads = 0;
            for (int64_t c = 0; c < cols; c++) total += R(exp)(x[r * cols + c]);
            for (int64_t c = 0; c < cols; c++) dot += (REAL)g[r * cols + c] * out[r * cols + c], grads += g[r * cols + c];
            for (int64_t c = 0; c < cols; c++) {
                int64_t i = r * cols + c;
                REAL p = R(exp)(x[i]) / total;
                C(near)("softmax", cols, i, out[i], p, EPS * 8 * (double)p);
                C(near)("log softmax", cols, i, y[i], R(log)(p), EPS * 16);
                C(near)("softmax backward", cols, i, dx[i], (g[i] - dot) * out[i], EPS * 8);
            }
        }
        K(log_softmax_backward)(g, y, dx, rows, cols);
        for (int64_t i = 0; i < n; i++) {
            REAL grads = 0;
            for (int64_t c = 0; c < cols; c++) grads += g[i / cols * cols + c];
            C(near)("log softmax backward", cols, i, dx[i], g[i] - R(exp)(y[i]) * grads,
                EPS * (8 + (double)R(fabs)(grads) * 8));
        }
        int64_t labels[5];
        T top[5], shift[5], picked[5], slope[5];
        for (int64_t r = 0; r < rows; r++) labels[r] = r == 2 ? -1 : below(cols), slope[r] = r == 2 ? 0 : (T)uniform(-1, 1);
        K(cross_entropy)(x, labels, top, shift, picked, rows, cols);
        K(cross_entropy_backward)(x, labels, top, shift, slope, dx, rows, cols);
        for (int64_t i = 0; i < n; i++) {
            int64_t r = i / cols;
            int here = labels[r] == i % cols;
            if (here) verify(picked[r] == y[i], "cross entropy of %lld: the bits of log softmax", (long long)cols);
            C(near)("cross entropy backward", cols, i, dx[i], slope[r] * ((REAL)here - R(exp)(y[i])), EPS * 8);
        }
        verify(picked[2] == 0, "cross entropy of %lld: a row without a label", (long long)cols);
        for (int form = 0; form < 2; form++) {
            const T *weight = form ? w : NULL;
            K(rms_norm)(x, weight, 1e-3, out, rstd, rows, cols);
            K(layer_norm_backward)(g, x, NULL, rstd, weight, dx, rows, cols);
            for (int64_t r = 0; r < rows; r++) {
                const T *row = x + r * cols, *grad = g + r * cols;
                REAL square = 0, dot = 0;
                for (int64_t c = 0; c < cols; c++) square += (REAL)row[c] * row[c] / (REAL)cols;
                REAL scale = 1 / R(sqrt)(square + (REAL)1e-3);
                for (int64_t c = 0; c < cols; c++) dot += grad[c] * (form ? (REAL)w[c] : 1) * row[c] * scale / (REAL)cols;
                for (int64_t c = 0; c < cols; c++) {
                    REAL h = row[c] * scale, by = form ? (REAL)w[c] : 1;
                    C(near)("RMS norm", cols, c, out[r * cols + c], h * by, EPS * 16 * (1 + (double)R(fabs)(h)));
                    C(near)("RMS norm backward", cols, c, dx[r * cols + c], (grad[c] * by - h * dot) * scale,
                            EPS * 24 * (1 + (double)R(fabs)(h)) * (double)scale);
                }
            }
        }
        for (int form = 0; form < 4; form++) {
            const T *weight = form & 1 ? w : NULL, *bias = form & 2 ? b : NULL;
            K(layer_norm)(x, weight, bias, 1e-3, out, mean, rstd, rows, cols);
            K(layer_norm_backward)(g, x, mean, rstd, weight, dx, rows, cols);
            for (int64_t r = 0; r < rows; r++) {
                const T *row = x + r * cols, *grad = g + r * cols;
                REAL m = 0, v = 0, sum_g = 0, sum_gh = 0;
                for (int64_t c = 0; c < cols; c++) m += row[c] / (REAL)cols;
                for (int64_t c = 0; c < cols; c++) v += (row[c] - m) * (row[c] - m) / (REAL)cols;
                REAL scale = 1 / R(sqrt)(v + (REAL)1e-3);
                C(near)("mean", cols, r, mean[r], m, EPS * 8);
                C(near)("reciprocal deviation", cols, r, rstd[r], scale, EPS * 4 * (double)scale);
                for (int64_t c = 0; c < cols; c++) {
                    REAL gw = grad[c] * (weight ? (REAL)w[c] : 1), h = (row[c] - (REAL)mean[r]) * rstd[r];
                    sum_g += gw, sum_gh += gw * h;
                }
                for (int64_t c = 0; c < cols; c++) {
                    REAL h = (row[c] - m) * scale, gw = grad[c] * (weight ? (REAL)w[c] : 1),
                        gh = (row[c] - (REAL)mean[r]) * rstd[r];
                    C(near)("layer norm", cols, c, out[r * cols + c],
                            h * (weight ? (REAL)w[c] : 1) + (bias ? (REAL)b[c] : 0), EPS * 24 * (double)scale);
                    C(near)("layer norm backward", cols, c, dx[r * cols + c],
                            (gw - sum_g / (REAL)cols - gh * sum_gh / (REAL)cols) * rstd[r],
                            EPS * 24 * (double)scale);
                }
            }
        }
        for (int64_t c = 0; c < 2 * cols; c++) dw[c] = 1;
        K(layer_norm_parameters)(g, x, mean, rstd, dw, db, rows, cols, cols);
        for (int64_t c = 0; c < cols; c++) {
            REAL by_weight = 1, by_bias = 1;
            for (int64_t r = 0; r < rows; r++) {
                by_weight += g[r * cols + c] * (((REAL)x[r * cols + c] - mean[r]) * rstd[r]);
                by_bias += g[r * cols + c];
            }
            C(near)("gradient of a weight", cols, c, dw[c], by_weight, EPS * 32);
            C(near)("gradient of a bias", cols, c, db[c], by_bias, EPS * 16);
        }
    }
}

/* One step on n = 37 elements, state in s[0..2], for every choice of its options. */
static void C(check_optimizers)(void) {
    enum { N = 37 };
    T p[N], g[N], s[3][N], p0[N], s0[3][N];
    for (int options = 0; options < 64; options++)
        for (int kind = 0; kind < 6; kind++) {
            double wd = options & 1 ? 0.125 : 0, sign = options & 2 ? -1 : 1, lr = 0.25, mom = options & 4 ? 0.75 : 0;
            int third = options & 8 ? 1 : 0, fourth = options & 16 ? 1 : 0, fifth = options & 32 ? 1 : 0;
            C(fill)(p, N, -1, 1);
            C(fill)(g, N, -1, 1);
            for (int k = 0; k < 3; k++) C(fill)(s[k], N, 0.5, 1);
            memcpy(p0, p, sizeof p);
            memcpy(s0, s, sizeof s);
            double sgd[] = {lr, mom, 0.5 * third, wd, fourth, sign < 0, fifth};
            double rms[] = {lr, 0.75, 0.0625, wd, mom, sign < 0};
            double adam[] = {lr, 0.75, 0.875, 0.0625, wd, third, sign < 0, 0.5, 0.25}, grad[] = {lr, 0.0625, wd, sign < 0};
            double delta[] = {lr, 0.75, 0.0625, wd, sign < 0}, max[] = {lr, 0.75, 0.875, 0.0625, wd, sign < 0, 0.5};
            if (kind == 0) K(sgd)(p, g, s[0], N, sgd);
            if (kind == 1) K(adam)(p, g, s[0], s[1], fourth ? s[2] : NULL, N, adam);
            if (kind == 2) K(rmsprop)(p, g, s[0], third ? s[1] : NULL, s[2], N, rms);
            if (kind == 3) K(adagrad)(p, g, s[0], N, grad);
            if (kind == 4) K(adadelta)(p, g, s[0], s[1], N, delta);
            if (kind == 5) K(adamax)(p, g, s[0], s[1], N, max);
            for (int i = 0; i < N; i++) {
                REAL q = p0[i], a = s0[0][i], b = s0[1][i], c = s0[2][i];
                REAL d = sign * g[i] + (kind == 1 && third ? 0 : wd * q);
                if (kind == 0 && mom == 0) q -= lr * d;
                else if (kind == 0) {
                    a = fifth ? d : mom * a + (1 - 0.5 * third) * d;
                    q -= lr * (fourth ? d + mom * a : a);
                } else if (kind == 1) {
                    if (third) q *= 1 - lr * wd;
                    a += (d - a) * 0.25, b = 0.875 * b + 0.125 * d * d, c = fourth ? R(fmax)(c, b) : c;
                    q -= lr / 0.5 * a / (R(sqrt)(fourth ? c : b) / 0.5 + 0.0625);
                } else if (kind == 2) {
                    a = 0.75 * a + 0.25 * d * d;
                    if (third) b += (d - b) * 0.25;
                    REAL root = R(sqrt)(third ? a - b * b : a) + 0.0625;
                    if (mom > 0) c = mom * c + d / root, q -= lr * c;
                    else q -= lr * d / root;
                } else if (kind == 3) a += d * d, q -= lr * d / (R(sqrt)(a) + 0.0625);
                else if (kind == 4) {
                    a = 0.75 * a + 0.25 * d * d;
                    REAL step = R(sqrt)(b + 0.0625) / R(sqrt)(a + 0.0625) * d;
                    b = 0.75 * b + 0.25 * step * step, q -= lr * step;
                } else a += (d - a) * 0.25, b = R(fmax)(0.875 * b, R(fabs)(d) + 0.0625), q -= lr / 0.5 * a / b;
                if (!(kind == 2 && third && s0[0][i] * 0.75 - s0[1][i] * s0[1][i] < 0.3)) /* a difference that may vanish */
                    C(near)("parameter after a step of optimizer", kind, options, p[i], q, EPS * 8);
                C(near)("first moment of optimizer", kind, options, s[0][i], a, EPS * 4);
                if (kind != 0 && kind != 3 && !(kind == 2 && !third))
                    C(near)("second moment of optimizer", kind, options, s[1][i], b, EPS * 4);
            }
        }
}

static void C(check_table)(void) {
    enum { ROWS = 50, N = 90 };
    int64_t index[N], order[N], starts[ROWS + 1], groups = 0;
    for (int64_t block = 1; block < 40; block += 6) {
        T *table = C(long_x), *source = C(long_y), *out = source + N * block, *m = table + 2 * ROWS * block,
            *v = m + ROWS * block;
        C(fill)(table, ROWS * block, -1, 1);
        C(fill)(source, N * block, -1, 1);
        memcpy(table + ROWS * block, table, (size_t)(ROWS * block) * sizeof(T));
        for (int i = 0; i < N; i++) index[i] = below(ROWS);
        mk_gather_rows(table, block * (int64_t)sizeof(T), index, N, 3, out);
        for (int64_t i = 0; i < N * block; i++)
            verify(out[i] == (index[i / block] == 3 ? 0 : table[index[i / block] * block + i % block]), "gathered row");
        C(mk_add_rows)(table, block, index, N, 3, source, (T)0.75);
        for (int64_t i = 0; i < ROWS * block; i++) {
            REAL want = table[ROWS * block + i];
            for (int e = 0; e < N; e++)
                if (index[e] == i / block && i / block != 3) want += (REAL)0.75 * source[e * block + i % block];
            C(near)("added row", block, i, table[i], want, EPS * 16);
        }
        mk_sort_places(index, N, order);
        groups = 0;
        for (int i = 0; i < N; i++) {
            if (i == 0 || index[order[i]] != index[order[i - 1]]) starts[groups++] = i;
            else verify(order[i] > order[i - 1], "equal places in order");
            verify(i == 0 || index[order[i]] >= index[order[i - 1]], "places in order");
        }
        starts[groups] = N;
        C(mk_merge_rows)(source, block, order, starts, groups, out);
        for (int64_t k = 0; k < groups * block; k++) {
            REAL want = 0;
            for (int64_t e = starts[k / block]; e < starts[k / block + 1]; e++)
                want += source[order[e] * block + k % block];
            C(near)("merged row", block, k, out[k], want, EPS * 16);
        }
        C(fill)(m, ROWS * block, -1, 1);
        C(fill)(v, ROWS * block, 0.5, 1);
        int64_t row = below(ROWS), i = row * block;
        T was[] = {table[i], m[i], v[i]};
        C(mk_sparse_adam)(table, m, v, block, &row, 1, source, 0.75, 0.875, 0.0625, 0.25);
        REAL grad = source[0], first = was[1] + (grad - was[1]) * 0.25, second = was[2] + (grad * grad - was[2]) * 0.125;
        C(near)("sparse Adam", block, 0, table[i], was[0] - 0.25 * first / (R(sqrt)(second) + 0.0625), EPS * 8);
        C(near)("sparse Adam's moments", block, 0, m[i] + v[i], first + second, EPS * 8);
    }
}
