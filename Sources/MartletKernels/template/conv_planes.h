/* conv_planes.h: convolutions into few channels, with the tiles of conv.h over neighbouring places. The image is
 * laid out once, with its padding, in lines: one for each remainder of row and column modulo the stride, so that the places
 * a tap meets are neighbours. Rows of results run on in one line, over what is between them too, which is dropped;
 * so do several small samples. There are no unrolled windows. */

/* Rows and columns of a line of one sample: no fewer than there are results, which with much padding are more than the
 * image has. What taps reach after the end of one row is the zeros before the next. */
static inline int64_t F(conv_lines)(const mk_conv_map *m, int d) {
    const int64_t stride = m->axis[d][0].stride, beside = m->before[d] > m->after[d] ? m->before[d] : m->after[d];
    const int64_t n = (m->in[d] + beside + stride - 1) / stride;
    return n > m->axis[d][0].count ? n : m->axis[d][0].count;
}

/* Elements of a line of n samples, with the zeros after the last. */
static inline int64_t F(conv_line)(const mk_conv_map *m, int64_t n) {
    return (n * F(conv_lines)(m, 0) + m->after[0] / m->axis[0][0].stride + 1) * F(conv_lines)(m, 1);
}

/* What a tile reads beyond the last place. */
#define CONV_SLACK (9 * VL)
/* Places of a tile's channels, mr of them, that are computed before they are brought to the result. */
#define CONV_CHUNK(mr) (384 / (mr) * VL)

/* Samples that are laid out together. */
static int64_t F(conv_together)(const mk_conv_map *m, int64_t n) {
    const int64_t lanes = F(conv_lines)(m, 0) * F(conv_lines)(m, 1), most = (512 + lanes - 1) / lanes;
    return most < n ? most : n;
}

static int64_t F(conv_image)(const mk_conv_map *m, int64_t n) {
    return m->axis[0][0].stride * m->axis[1][0].stride * F(conv_line)(m, n);
}

/* The k channels of a group of n samples as lines. */
static void F(conv_lay_out)(const mk_conv_map *m, int64_t n, const T *x, T *to) {
    const int64_t sy = m->axis[0][0].stride, sx = m->axis[1][0].stride, high = F(conv_lines)(m, 0);
    const int64_t pitch = F(conv_lines)(m, 1), line = F(conv_line)(m, n), pixels = m->in[0] * m->in[1], sample = m->groups * m->k * pixels;
    for (int64_t k = 0; k < m->k; k++)
        for (int64_t a = 0; a < sy; a++)
            for (int64_t b = 0; b < sx; b++, to += line) {
                memset(to, 0, (size_t)line * sizeof(T));
                /* The rows and columns of the line that are inside. */
                const int64_t top = a < m->before[0] ? (m->before[0] - a + sy - 1) / sy : 0;
                const int64_t left = b < m->before[1] ? (m->before[1] - b + sx - 1) / sx : 0;
                const int64_t iy = top * sy + a - m->before[0], ix = left * sx + b - m->before[1];
                const int64_t rows = iy < m->in[0] ? (m->in[0] - iy + sy - 1) / sy : 0;
                const int64_t cols = ix < m->in[1] ? (m->in[1] - ix + sx - 1) / sx : 0;
                for (int64_t s = 0; s < n; s++) {
                    const T *from = x + s * sample + k * pixels + iy * m->in[1] + ix;
                    T *line_to = to + (s * high + top) * pitch + left;
                    if (sx == 1) F(copy_rows)(from, sy * m->in[1], line_to, pitch, rows, cols);
                    else
                        for (int64_t r = 0; r < rows; r++)
                            F(take_row)(from + r * sy * m->in[1], sx, line_to + r * pitch, cols);
                }
            }
    memset(to, 0, CONV_SLACK * sizeof(T));
}

/* Where in the lines the taps of an axis are; `line` and `pitch`: from one remainder and one place to the next. */
static void F(conv_offsets)(const mk_conv_axis *a, int64_t before, int64_t line, int64_t pitch, int64_t *to) {
    for (int64_t t = 0; t < a->taps; t++) {
        const int64_t at = a->shift + t * a->shift_step + before;
        to[t] = at % a->stride * line + at / a->stride * pitch;
    }
}

static int64_t F(conv_planes_space)(const mk_conv_map *m, int64_t n) {
    /* The results stand behind the lines, which tiles of four rows may read three rows of. */
    const int64_t mr = F(conv_height)(m->m), results = mr * (CONV_CHUNK(mr) + 8 * VL + 1), rows = 3 * F(conv_lines)(m, 1);
    return m->k * F(conv_image)(m, F(conv_together)(m, n)) + CONV_SLACK + (results > rows ? results : rows);
}

/* The tile's results for places from..<to of the lines, to y, those of the first sample and channel. */
static void F(conv_bring)(const mk_conv_map *m, const mk_conv_axis *v, const mk_conv_axis *h, int64_t channels,
                          int64_t from, int64_t to, const T *results, int64_t apart, T *y) {
    const int64_t high = F(conv_lines)(m, 0), pitch = F(conv_lines)(m, 1), places = m->out[0] * m->out[1];
    int64_t col = from % pitch, i = from / pitch % high, sample = from / pitch / high;
    for (int64_t run; from < to; from += run, results += run, col = 0) {
        run = pitch - col < to - from ? pitch - col : to - from;
        const int64_t n = h->count - col < run ? h->count - col : run;
        if (i < v->count && n > 0) {
            T *at = y + sample * m->groups * m->m * places + (v->first + i * v->step) * m->out[1] + h->first +
                    col * h->step;
            if (h->step == 1) F(copy_rows)(results, apart, at, places, channels, n);
            else
                for (int64_t r = 0; r < channels; r++)
                    for (int64_t j = 0; j < n; j++) at[r * places + j * h->step] = results[r * apart + j];
        }
        if (++i == high) i = 0, sample++;
    }
}

/* Channels that have a kernel of their own, of kh rows: tiles of four rows and two vectors of the result, since
 * neighbouring rows are made from the same inputs. x: lines with the input of the first tap, `pitch` apart; col: where
 * columns of taps are. Called with constant kh. */
static inline __attribute__((always_inline)) void F(conv_own_kernel)(const int kh, const T *x, int64_t pitch,
        const int64_t *col, int64_t kw, const T *w, T bias, T *y, int64_t rows, int64_t width) {
    for (int64_t i = 0; i < rows; i += 4)
        for (int64_t j = 0; j < width; j += 2 * VL) {
            V acc[4][2];
            for (int r = 0; r < 4; r++) acc[r][0] = acc[r][1] = SPLAT(bias);
            _Pragma("clang loop unroll(full)")
            for (int q = 0; q < 3 + kh; q++)
                for (int64_t c = 0; c < kw; c++) {
                    const T *from = x + (i + q) * pitch + j + col[c];
                    V b0 = LOAD(from), b1 = LOAD(from + VL);
                    _Pragma("clang loop unroll(full)")
                    for (int r = 0; r < 4; r++)
                        if (q >= r && q - r < kh) {
                            V a = SPLAT(w[(q - r) * kw + c]);
                            acc[r][0] = FMA(a, b0, acc[r][0]);
                            acc[r][1] = FMA(a, b1, acc[r][1]);
                        }
                }
            for (int64_t r = 0; r < 4 && i + r < rows; r++) {
                T *to = y + (i + r) * width + j;
                const int64_t n = width - j;
                if (n >= VL) STORE(to, acc[r][0]);
                else F(store_part)(to, acc[r][0], n);
                if (n >= 2 * VL) STORE(to + VL, acc[r][1]);
                else if (n > VL) F(store_part)(to + VL, acc[r][1], n - VL);
            }
        }
}

/* Whether that is what this map is, its rows of taps follow each other in the lines, and rows fill vectors. */
static int F(conv_by_rows)(const mk_conv_map *m) {
    const mk_conv_axis *v = &m->axis[0][0];
    return m->out[1] > VL && m->m == 1 && m->k == 1 && m->phases[0] * m->phases[1] == 1 && v->stride == 1 &&
           v->shift_step * v->shift_step == 1 && (v->taps == 3 || v->taps == 5);
}

/* The map of one channel with its own kernel, for n samples laid out in x. */
static void F(conv_own_kernels)(const mk_conv_map *m, int64_t n, const T *x, const T *w, T bias, T *y) {
    const mk_conv_axis *v = &m->axis[0][0], *h = &m->axis[1][0];
    const int64_t high = F(conv_lines)(m, 0), pitch = F(conv_lines)(m, 1);
    int64_t rows[MK_CONV_KERNEL], cols[MK_CONV_KERNEL];
    T kernel[5 * MK_CONV_KERNEL];
    F(conv_offsets)(v, m->before[0], 0, pitch, rows);
    F(conv_offsets)(h, m->before[1], F(conv_line)(m, n), 1, cols);
    for (int64_t t = 0; t < v->taps; t++)
        memcpy(kernel + (v->shift_step > 0 ? t : v->taps - 1 - t) * h->taps, w + t * h->taps, (size_t)h->taps * sizeof(T));
    x += v->shift_step > 0 ? rows[0] : rows[v->taps - 1];
    for (int64_t s = 0; s < n; s++, x += high * pitch, y += m->groups * m->out[0] * m->out[1])
        if (v->taps == 3) F(conv_own_kernel)(3, x, pitch, cols, h->taps, kernel, bias, y, m->out[0], m->out[1]);
        else F(conv_own_kernel)(5, x, pitch, cols, h->taps, kernel, bias, y, m->out[0], m->out[1]);
}

/* The map for n samples, and of all groups' tiles those of number first..<end. w is packed. */
static void F(conv_planes)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w,
                           const T *bias, T *y, T *space) {
    const int64_t mr = F(conv_height)(m->m), all = F(conv_together)(m, n), pixels = m->in[0] * m->in[1];
    const int64_t places = m->out[0] * m->out[1], group_weights = F(conv_weights)(m) / m->groups;
    const int64_t high = F(conv_lines)(m, 0), pitch = F(conv_lines)(m, 1), chunk = CONV_CHUNK(mr), apart = chunk + 8 * VL;
    const int64_t tiles = (m->m + mr - 1) / mr;
    T *results = space + m->k * F(conv_image)(m, all) + CONV_SLACK, *add = results + mr * apart;
    int64_t rows[MK_CONV_KERNEL], cols[MK_CONV_KERNEL];
    F(conv_taps) s = {.k = m->k, .row = rows, .col = cols, .next = VL, .out_plane = apart, .out_next = VL};
    for (int64_t at = 0; at < n; at += all) {
        const int64_t some = n - at < all ? n - at : all, line = F(conv_line)(m, some);
        s.plane = F(conv_image)(m, some);
        for (int64_t g = first / tiles; g * tiles < last; g++) {
            F(conv_lay_out)(m, some, x + (at * m->groups + g) * m->k * pixels, space);
            if (F(conv_by_rows)(m)) {
                F(conv_own_kernels)(m, some, space, w + g * group_weights, bias ? bias[g] : 0,
                                    y + (at * m->groups + g) * places);
                continue;
            }
            const int64_t from_tile = first > g * tiles ? first - g * tiles : 0, to_tile = last - g * tiles;
            for (int64_t t = from_tile * mr; t < m->m && t < to_tile * mr; t += mr) {
                const int64_t channels = m->m - t < mr ? m->m - t : mr;
                s.bias = bias ? add : NULL;
                for (int64_t r = 0; bias && r < mr; r++) add[r] = r < channels ? bias[g * m->m + t + r] : 0;
                for (int64_t py = 0; py < m->phases[0]; py++)
                    for (int64_t px = 0; px < m->phases[1]; px++) {
                        const mk_conv_axis *v = &m->axis[0][py], *h = &m->axis[1][px];
                        s.rows = v->taps;
                        s.cols = h->taps;
                        F(conv_set_weights)(m, w + g * group_weights, py, px, t / mr, tiles, mr, &s);
                        if (v->count == 0 || h->count == 0) continue;
                        F(conv_offsets)(v, m->before[0], m->axis[1][0].stride * line, pitch, rows);
                        F(conv_offsets)(h, m->before[1], line, 1, cols);
                        const int64_t lanes = ((some - 1) * high + v->count - 1) * pitch + h->count;
                        for (int64_t from = 0; from < lanes; from += chunk) {
                            const int64_t to = from + chunk < lanes ? from + chunk : lanes;
                            for (int64_t i = from, np; i < to; i += np * VL) {
                                np = F(conv_width)(mr, (to - i + VL - 1) / VL);
                                s.x = space + i;
                                F(conv_run)(mr, np, &s, results + (i - from));
                            }
                            F(conv_bring)(m, v, h, channels, from, to, results, apart,
                                          y + ((at * m->groups + g) * m->m + t) * places);
                        }
                    }
            }
        }
    }
}

static int64_t F(conv_weight_planes_space)(const mk_conv_map *m, int64_t n) {
    const int64_t all = F(conv_together)(m, n);
    return m->k * F(conv_image)(m, all) + CONV_SLACK + m->m * (all * F(conv_lines)(m, 0) * F(conv_lines)(m, 1) + VL);
}

/* Adds the gradient of the weight for n samples onto dw: of all groups' ranges of output channels those of number
 * begin..<stop. */
static void F(conv_weight_planes)(const mk_conv_map *m, int64_t n, int64_t begin, int64_t stop, const T *x, const T *g,
                                  T *dw, T *space) {
    const int64_t all = F(conv_together)(m, n), pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1];
    const int64_t high = F(conv_lines)(m, 0), pitch = F(conv_lines)(m, 1), taps = m->kernel[0] * m->kernel[1];
    const mk_conv_axis *v = &m->axis[0][0], *h = &m->axis[1][0];
    const int64_t ranges = (m->m + MK_CONV_RANGE - 1) / MK_CONV_RANGE;
    T *gs = space + m->k * F(conv_image)(m, all) + CONV_SLACK;
    int64_t rows[MK_CONV_KERNEL], cols[MK_CONV_KERNEL];
    for (int64_t at = 0; at < n; at += all) {
        const int64_t some = n - at < all ? n - at : all, line = F(conv_line)(m, some), plane = F(conv_image)(m, some);
        const int64_t vectors = (((some - 1) * high + v->count - 1) * pitch + h->count + VL - 1) / VL;
        const int64_t g_plane = vectors * VL;
        F(conv_offsets)(v, m->before[0], h->stride * line, pitch, rows);
        F(conv_offsets)(h, m->before[1], line, 1, cols);
        F(conv_sums) s = {.rows = 1, .cols = vectors, .g_plane = g_plane, .next = VL, .out_plane = m->k * taps};
        for (int64_t group = begin / ranges; group * ranges < stop; group++) {
            const int64_t first = begin > group * ranges ? (begin - group * ranges) * MK_CONV_RANGE : 0;
            const int64_t last = (stop - group * ranges) * MK_CONV_RANGE, end = last < m->m ? last : m->m;
            F(conv_lay_out)(m, some, x + (at * m->groups + group) * m->k * pixels, space);
            for (int64_t o = first; o < end; o++) {
                memset(gs + o * g_plane, 0, (size_t)g_plane * sizeof(T));
                for (int64_t i = 0; i < some; i++)
                    F(copy_rows)(g + (((at + i) * m->groups + group) * m->m + o) * places, m->out[1],
                                 gs + o * g_plane + i * high * pitch, pitch, m->out[0], m->out[1]);
            }
            for (int64_t kx = 0, mo = 1, nk = 1; kx < h->taps; kx += nk) {
                F(conv_weight_pick)(end - first, h->taps - kx, &mo, &nk);
                s.tap = cols + kx;
                for (int64_t t = first; t < end; t += mo) {
                    s.high = end - t < mo ? end - t : mo;
                    s.g = gs + t * g_plane;
                    for (int64_t k = 0; k < m->k; k++)
                        for (int64_t ky = 0; ky < v->taps; ky++) {
                            s.x = space + k * plane + rows[ky];
                            s.out = dw + ((group * m->m + t) * m->k + k) * taps + ky * m->kernel[1] + kx;
                            F(conv_weight_run)(mo, nk, &s);
                        }
                }
            }
        }
    }
}
#undef CONV_SLACK
#undef CONV_CHUNK
