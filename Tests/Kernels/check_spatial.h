/* check_spatial.h: convolutions and pooling. Included after check_rows.h. */
static void C(check_convolutions)(void) {
    enum { SHAPES = 20 };
    /* n, c, o, groups, then rows and columns of: in, kernel, stride, padding, dilation */
    static const int64_t shapes[SHAPES][14] = {
        {17, 1, 6, 1, 9, 8, 5, 5, 1, 1, 0, 0, 1, 1}, {3, 6, 5, 1, 7, 9, 3, 3, 1, 1, 1, 1, 1, 1},
        {2, 4, 6, 2, 8, 8, 3, 2, 2, 2, 1, 0, 1, 1},  {1, 3, 4, 1, 12, 40, 3, 3, 2, 1, 1, 1, 1, 2},
        {2, 5, 5, 5, 9, 21, 3, 3, 1, 1, 1, 1, 1, 1}, {1, 20, 33, 1, 6, 6, 3, 3, 1, 1, 1, 1, 1, 1},
        {4, 2, 3, 1, 1, 50, 1, 7, 1, 3, 0, 3, 1, 1}, {2, 3, 2, 1, 5, 5, 5, 5, 1, 1, 4, 4, 1, 1},
        {33, 3, 7, 1, 6, 6, 3, 3, 1, 1, 0, 0, 1, 1}, {1, 8, 8, 4, 10, 10, 3, 3, 2, 2, 1, 1, 2, 2},
        /* many channels */
        {3, 34, 68, 1, 7, 30, 3, 3, 1, 1, 1, 1, 1, 1}, {2, 33, 64, 1, 9, 15, 3, 3, 2, 2, 1, 1, 1, 1},
        {2, 64, 96, 2, 6, 7, 3, 2, 1, 3, 2, 1, 2, 1}, {2, 64, 34, 1, 5, 8, 1, 1, 2, 2, 0, 0, 1, 1},
        {1, 3, 48, 1, 17, 19, 7, 7, 2, 2, 3, 3, 1, 1}, {2, 36, 32, 1, 3, 3, 5, 5, 1, 1, 4, 4, 1, 1}, {2, 32, 40, 1, 5, 6, 1, 1, 2, 2, 1, 1, 1, 1},
        /* a kernel for each channel */
        {2, 31, 31, 31, 9, 12, 3, 3, 2, 2, 1, 1, 1, 1}, {3, 32, 32, 32, 7, 7, 5, 3, 1, 1, 2, 1, 1, 1},
        {2, 16, 16, 16, 6, 5, 3, 3, 1, 2, 2, 1, 2, 1}};
    for (int q = 0; q < SHAPES; q++) {
        const int64_t *s = shapes[q];
        mk_conv p = {s[0], s[1], s[2], s[3], {s[4], s[5]}, {0, 0}, {s[6], s[7]}, {s[8], s[9]}, {s[10], s[11]}, {s[12], s[13]}};
        for (int d = 0; d < 2; d++) p.out[d] = (p.in[d] + 2 * p.padding[d] - p.dilation[d] * (p.kernel[d] - 1) - 1) / p.stride[d] + 1;
        int64_t c = p.c / p.groups, o = p.o / p.groups, pixels = p.in[0] * p.in[1], places = p.out[0] * p.out[1];
        int64_t taps = p.kernel[0] * p.kernel[1], nx = p.n * p.c * pixels, ny = p.n * p.o * places, nw = p.o * c * taps;
        T *x = malloc((size_t)(2 * nx + 2 * ny + 2 * nw + p.o) * sizeof(T)), *dx = x + nx, *y = dx + nx, *dy = y + ny, *w = dy + ny,
          *dw = w + nw, *bias = dw + nw;
        REAL *want = calloc((size_t)(nx + ny + nw), sizeof(REAL)), *wx = want, *wy = wx + nx, *ww = wy + ny;
        C(fill)(x, nx, -1, 1), C(fill)(dy, ny, -1, 1), C(fill)(w, nw, -1, 1), C(fill)(bias, p.o, -1, 1);
        for (int64_t i = 0; i < ny; i++) wy[i] = bias[i / places % p.o];
        for (int64_t n = 0; n < p.n; n++)
            for (int64_t k = 0; k < p.o; k++)
                for (int64_t l = 0; l < c; l++)
                    for (int64_t e = 0; e < places * taps; e++) {
                        int64_t place = e / taps, tap = e % taps;
                        int64_t row = place / p.out[1] * p.stride[0] - p.padding[0] + tap / p.kernel[1] * p.dilation[0];
                        int64_t column = place % p.out[1] * p.stride[1] - p.padding[1] + tap % p.kernel[1] * p.dilation[1];
                        if (row < 0 || row >= p.in[0] || column < 0 || column >= p.in[1]) continue;
                        int64_t ix = ((n * p.c + k / o * c + l) * p.in[0] + row) * p.in[1] + column;
                        int64_t iy = (n * p.o + k) * places + place, iw = (k * c + l) * taps + tap;
                        wy[iy] += (REAL)x[ix] * w[iw], wx[ix] += (REAL)dy[iy] * w[iw], ww[iw] += (REAL)dy[iy] * x[ix];
                    }
        if (C(mk_conv_forward)(&p, x, w, bias, y))
            for (int64_t i = 0; i < ny; i++) C(near)("convolution", q, i, y[i], wy[i], EPS * 4 * (double)(c * taps));
        if (C(mk_conv_input)(&p, dy, w, dx))
            for (int64_t i = 0; i < nx; i++) C(near)("gradient of its input", q, i, dx[i], wx[i], EPS * 4 * (double)(o * taps));
        if (C(mk_conv_weight)(&p, x, dy, dw))
            for (int64_t i = 0; i < nw; i++)
                C(near)("gradient of its weight", q, i, dw[i], ww[i], EPS * 4 * (double)(p.n * places));
        free(x);
        free(want);
    }
}

static void C(check_pools)(void) {
    enum { SHAPES = 5 };
    /* rows and columns of: in, kernel, stride, padding, dilation */
    static const int64_t shapes[SHAPES][10] = {
        {6, 40, 2, 2, 2, 2, 0, 0, 1, 1}, {9, 9, 3, 3, 2, 2, 1, 1, 1, 1}, {7, 35, 3, 3, 1, 1, 1, 1, 1, 1},
        {1, 21, 1, 4, 1, 3, 0, 2, 1, 1}, {11, 13, 3, 2, 1, 2, 1, 0, 2, 3}};
    for (int q = 0; q < SHAPES; q++) {
        const int64_t *s = shapes[q];
        mk_pool p = {.planes = 3, .in = {s[0], s[1]}, .kernel = {s[2], s[3]}, .stride = {s[4], s[5]}, .padding = {s[6], s[7]},
                     .dilation = {s[8], s[9]}, .divisor = 3};
        for (int d = 0; d < 2; d++) p.out[d] = (p.in[d] + 2 * p.padding[d] - p.dilation[d] * (p.kernel[d] - 1) - 1) / p.stride[d] + 1;
        int64_t pixels = p.in[0] * p.in[1], places = p.out[0] * p.out[1];
        T *x = C(long_x), *out = C(long_y), *mean = out + 3 * places, *dx = mean + 3 * places;
        int64_t *at = malloc((size_t)(3 * places) * sizeof *at);
        REAL *back = calloc((size_t)(3 * pixels), sizeof(REAL));
        C(fill)(x, 3 * pixels, -1, 1);
        x[pixels + 5] = NAN;
        int largest = C(mk_max_pool)(&p, x, out, at);
        x[pixels + 5] = 0.5;
        int means = C(mk_avg_pool)(&p, x, mean), gradients = C(mk_avg_pool_backward)(&p, mean, dx);
        for (int64_t i = 0; i < 3 * places; i++) {
            int64_t plane = i / places * pixels, best = -1;
            REAL sum = 0;
            for (int64_t tap = 0; tap < p.kernel[0] * p.kernel[1]; tap++) {
                int64_t row = i % places / p.out[1] * p.stride[0] - p.padding[0] + tap / p.kernel[1] * p.dilation[0];
                int64_t column = i % p.out[1] * p.stride[1] - p.padding[1] + tap % p.kernel[1] * p.dilation[1];
                if (row < 0 || row >= p.in[0] || column < 0 || column >= p.in[1]) continue;
                int64_t e = row * p.in[1] + column;
                int is_nan = plane == pixels && e == 5;
                sum += x[plane + e];
                if (means && gradients) back[plane + e] += (REAL)mean[i] / 3;
                if (best < 0 || is_nan || (!(plane == pixels && best == 5) && x[plane + e] > x[plane + best])) best = e;
            }
            if (largest) verify(at[i] == best, "max pool %d at %lld: place %lld, not %lld", q, (long long)i, (long long)at[i], (long long)best);
            if (means) C(near)("average pool", q, i, mean[i], sum / 3, EPS * 16);
        }
        if (means && gradients)
            for (int64_t i = 0; i < 3 * pixels; i++) C(near)("gradient of an average pool", q, i, dx[i], back[i], EPS * 16);
        verify(largest && means && gradients, "pool %d is taken", q);
        free(at);
        free(back);
    }
}
