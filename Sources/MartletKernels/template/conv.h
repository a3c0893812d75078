/* conv.h: convolutions of few channels over many samples. VL samples at a time are brought to an order in which the
 * sample runs fastest, [channel][row][column][sample]: then every vector is full whatever the sizes, the stride and the
 * padding, and a tile of channels x columns of the result stays in registers over all taps. Blocks of samples are
 * independent of each other. The convolution and its gradient for the input are one map: see mk_conv_axis. */
#if VECTOR_BYTES == 64
#define CONV_TILES(X) X(8, 3) X(8, 2) X(8, 1) X(6, 4) X(6, 3) X(6, 2) X(6, 1) X(4, 6) X(4, 4) \
    X(4, 2) X(4, 1) X(3, 8) X(3, 4) X(3, 2) X(3, 1) X(2, 8) X(2, 4) X(2, 1) X(1, 8) X(1, 4) X(1, 2) X(1, 1)
#define CONV_WEIGHT_TILES(X) X(8, 3) X(8, 2) X(8, 1) X(4, 5) X(3, 5) X(4, 3) X(1, 5) X(1, 3) X(1, 1)
#else
#define CONV_TILES(X) X(6, 2) X(6, 1) X(4, 3) X(4, 2) X(4, 1) X(3, 4) X(3, 2) X(3, 1) X(2, 4) X(2, 1) \
    X(1, 8) X(1, 4) X(1, 2) X(1, 1)
#define CONV_WEIGHT_TILES(X) X(3, 3) X(2, 5) X(4, 2) X(6, 1) X(1, 5) X(1, 3) X(1, 1)
#endif

enum { F(conv_lanes) = VL };

/* to[place][sample] = from[sample][place] for `places` places in rows of `cols`, the rows of `to` cols + gap places
 * apart; samples are `apart` elements apart, those from n on are 0. */
static void F(conv_gather)(const T *from, int64_t apart, int64_t n, int64_t places, int64_t cols, int64_t gap, T *to) {
    int64_t left = cols;
    for (int64_t p = 0; p < places; p += VL) {
        int64_t w = places - p < VL ? places - p : VL;
        V r[VL];
        if (w == VL && n >= VL)
            for (int q = 0; q < VL; q++) r[q] = LOAD(from + q * apart + p);
        else
            for (int q = 0; q < VL; q++) r[q] = q < n ? F(load_part)(from + q * apart + p, w) : (V){0};
        F(transpose)(r);
        if (w == VL && left > VL) {
            for (int q = 0; q < VL; q++) STORE(to + q * VL, r[q]);
            to += VL * VL;
            left -= VL;
        } else {
            V turned[VL];
            memcpy(turned, r, sizeof r);
            for (int64_t q = 0; q < w; q++) {
                STORE(to, turned[q]);
                to += VL;
                if (--left == 0) {
                    to += gap * VL;
                    left = cols;
                }
            }
        }
    }
}

/* to[sample][place] = from[place][sample], places `next` and samples `apart` elements apart, for the first n samples. */
static void F(conv_scatter)(const T *from, int64_t next, int64_t places, T *to, int64_t apart, int64_t n) {
    for (int64_t p = 0; p < places; p += VL) {
        int64_t w = places - p < VL ? places - p : VL;
        V r[VL];
        for (int q = 0; q < VL; q++) r[q] = q < w ? LOAD(from + (p + q) * next) : (V){0};
        F(transpose)(r);
        if (w == VL && n >= VL)
            for (int q = 0; q < VL; q++) STORE(to + q * apart + p, r[q]);
        else {
            V turned[VL];
            memcpy(turned, r, sizeof r);
            for (int64_t q = 0; q < n && q < VL; q++) F(store_part)(to + q * apart + p, turned[q], w);
        }
    }
}

/* `channels` planes of VL samples in the order of the tiles, `left` and `right` columns of zeros beside each row. */
static void F(conv_stage)(const T *x, int64_t sample, int64_t n, int64_t channels, int64_t rows, int64_t cols, int64_t left,
                          int64_t right, T *to) {
    int64_t width = left + cols + right;
    for (int64_t c = 0; c < channels; c++, to += rows * width * VL) {
        if (left + right)
            for (int64_t r = 0; r < rows; r++) {
                memset(to + r * width * VL, 0, (size_t)(left * VL) * sizeof(T));
                memset(to + (r * width + left + cols) * VL, 0, (size_t)(right * VL) * sizeof(T));
            }
        F(conv_gather)(x + c * rows * cols, sample, n, rows * cols, cols, left + right, to + left * VL);
    }
}

/* The taps of one result: `rows` x `cols` of them in each of k planes, at x + the steps below. */
typedef struct {
    const T *x, *w;
    int64_t k, rows, cols;
    int64_t plane;              /* from channel to channel in x */
    const int64_t *row, *col;   /* where in x each row and each column of taps is */
    int64_t w_plane, w_row;     /* in w, whose columns are a tile's height apart */
    int64_t next;               /* from a result's column to the next, in x */
    const T *bias;              /* of the tile's channels, or NULL */
    int64_t out_plane, out_next;
} F(conv_taps);

/* mr channels x np columns of the result. Called with constant mr and np. */
static inline __attribute__((always_inline)) void F(conv_tile)(const int mr, const int np, const F(conv_taps) *s, T *out) {
    V acc[8][8];
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < mr; r++)
        for (int j = 0; j < np; j++) acc[r][j] = s->bias ? SPLAT(s->bias[r]) : (V){0};
    const int64_t next = s->next, rows = s->rows, cols = s->cols, *row = s->row, *col = s->col;
    for (int64_t k = 0; k < s->k; k++)
        for (int64_t i = 0; i < rows; i++) {
            const T *from = s->x + k * s->plane + row[i], *w = s->w + k * s->w_plane + i * s->w_row;
            for (int64_t c = 0; c < cols; c++, w += mr) {
                const T *x = from + col[c];
                V b[8];
                _Pragma("clang loop unroll(full)")
                for (int j = 0; j < np; j++) b[j] = LOAD(x + j * next);
                _Pragma("clang loop unroll(full)")
                for (int r = 0; r < mr; r++) {
                    V a = SPLAT(w[r]);
                    _Pragma("clang loop unroll(full)")
                    for (int j = 0; j < np; j++) acc[r][j] = FMA(a, b[j], acc[r][j]);
                }
            }
        }
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < mr; r++)
        for (int j = 0; j < np; j++) STORE(out + r * s->out_plane + j * s->out_next, acc[r][j]);
}

#define TILE(mr, np) static void F(conv_tile_##mr##_##np)(const F(conv_taps) *s, T *out) { F(conv_tile)(mr, np, s, out); }
CONV_TILES(TILE)
#undef TILE

/* The height of the tiles for m channels: what is computed in vain against what a low tile costs in loads. */
static int64_t F(conv_height)(int64_t m) {
    double least = INFINITY;
    int64_t height = 1;
#define TILE(mr, np) { \
        double cost = (double)((m + mr - 1) / mr * mr) * (1 + 0.4 / mr); \
        if (cost < least) least = cost, height = mr; \
    }
    CONV_TILES(TILE)
#undef TILE
    return height;
}

/* np columns of the result where every lane is a channel with a kernel of its own. Called with constant np. */
static inline __attribute__((always_inline)) void F(conv_own_tile)(const int np, const F(conv_taps) *s, T *out) {
    V acc[8];
    _Pragma("clang loop unroll(full)")
    for (int j = 0; j < np; j++) acc[j] = s->bias ? LOAD(s->bias) : (V){0};
    const int64_t next = s->next, cols = s->cols;
    for (int64_t i = 0; i < s->rows; i++) {
        const T *from = s->x + s->row[i], *w = s->w + i * s->w_row;
        for (int64_t c = 0; c < cols; c++, w += VL) {
            const T *x = from + s->col[c];
            V a = LOAD(w);
            _Pragma("clang loop unroll(full)")
            for (int j = 0; j < np; j++) acc[j] = FMA(a, LOAD(x + j * next), acc[j]);
        }
    }
    _Pragma("clang loop unroll(full)")
    for (int j = 0; j < np; j++) STORE(out + j * s->out_next, acc[j]);
}

#define OWN_TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
static void F(conv_own_run)(int64_t np, const F(conv_taps) *s, T *out) {
#define TILE(w) if (np == w) F(conv_own_tile)(w, s, out);
    OWN_TILES(TILE)
#undef TILE
}
#undef OWN_TILES

static void F(conv_run)(int64_t mr, int64_t np, const F(conv_taps) *s, T *out) {
#define TILE(h, w) if (mr == h && np == w) F(conv_tile_##h##_##w)(s, out);
    CONV_TILES(TILE)
#undef TILE
}

/* The width of the next tile of this height where `places` are left: such that all are about equally wide. */
static int64_t F(conv_width)(int64_t mr, int64_t places) {
    int64_t most = 0, want = places;
#define TILE(h, w) \
    if (mr == h) { \
        if (!most) most = w, want = (places + (places + w - 1) / w - 1) / ((places + w - 1) / w); \
        if (w <= want) return w; \
    }
    CONV_TILES(TILE)
#undef TILE
    return 1;
}

static inline int64_t F(conv_own_width)(int64_t places) {
    const int64_t tiles = (places + 7) / 8;
    return (places + tiles - 1) / tiles;
}

/* Elements of the weights of a map, laid out for its tiles; conv_pack may write a vector more. */
static int64_t F(conv_weights)(const mk_conv_map *m) {
    int64_t mr = F(conv_height)(m->m);
    return m->groups * ((m->m + mr - 1) / mr * mr) * m->k * m->kernel[0] * m->kernel[1];
}

/* to[i * mr + r] = from[r * apart + i] for i in 0..<n, 0 from row `rows` on; what is behind is overwritten. */
static void F(conv_turn)(const T *from, int64_t apart, int64_t rows, int64_t n, int64_t mr, T *to) {
    if (mr > VL) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t r = 0; r < mr; r++) *to++ = r < rows ? from[r * apart + i] : 0;
        return;
    }
    for (int64_t i = 0; i < n; i += VL) {
        const int64_t w = n - i < VL ? n - i : VL;
        V r[VL];
        for (int q = 0; q < VL; q++)
            r[q] = q >= rows ? (V){0} : w == VL ? LOAD(from + q * apart + i) : F(load_part)(from + q * apart + i, w);
        F(transpose)(r);
        for (int q = 0; q < VL; q++)
            if (q < w) STORE(to + (i + q) * mr, r[q]);
    }
}

/* [group][row phase][column phase][tile][k][row tap][column tap][channel of the tile]. */
static void F(conv_pack)(const mk_conv_map *m, const T *w, T *to) {
    const int64_t mr = F(conv_height)(m->m), taps = m->kernel[0] * m->kernel[1];
    const int whole = m->phases[0] * m->phases[1] == 1 && m->w_k == taps;
    for (int64_t g = 0; g < m->groups; g++)
        for (int64_t y = 0; y < m->phases[0]; y++)
            for (int64_t x = 0; x < m->phases[1]; x++) {
                const mk_conv_axis *v = &m->axis[0][y], *h = &m->axis[1][x];
                for (int64_t t = 0; t < m->m; t += mr) {
                    const int64_t rows = m->m - t < mr ? m->m - t : mr;
                    const T *from = w + g * m->w_group + t * m->w_m;
                    if (whole) {
                        F(conv_turn)(from, m->w_m, rows, m->k * taps, mr, to);
                        to += m->k * taps * mr;
                        continue;
                    }
                    for (int64_t k = 0; k < m->k; k++, from += m->w_k) {
                        if (v->taps * h->taps == taps) {
                            F(conv_turn)(from, m->w_m, rows, taps, mr, to);
                            to += taps * mr;
                            continue;
                        }
                        for (int64_t i = 0; i < v->taps; i++)
                            for (int64_t j = 0; j < h->taps; j++) {
                                const int64_t tap = (v->tap + i * v->tap_step) * m->kernel[1] + h->tap + j * h->tap_step;
                                for (int64_t r = 0; r < mr; r++) *to++ = r < rows ? from[r * m->w_m + tap] : 0;
                            }
                    }
                }
            }
}

/* Rows of the result in a piece that is computed before it is turned back: whole vectors of places where possible. */
static int64_t F(conv_band)(const mk_conv_map *m) {
    int64_t mr = F(conv_height)(m->m), most = 32768 / (int64_t)sizeof(T) / (mr * m->out[1] * VL), rows = 1;
    if (most < 1) most = 1;
    while (rows < most && rows < m->out[0] && (rows * m->out[1] % VL || rows * m->out[1] < 2 * VL)) rows++;
    return rows;
}

/* Elements of scratch for a block. */
static int64_t F(conv_space)(const mk_conv_map *m) {
    const int64_t mr = F(conv_height)(m->m), width = m->before[1] + m->in[1] + m->after[1];
    return (m->k * m->in[0] * width + mr * F(conv_band)(m) * m->out[1]) * VL + (mr > VL ? mr : VL);
}

/* The map for n samples, at most VL, and of all groups' tiles those of number first..<last. x and y are those of the first
 * sample; w is packed. */
static void F(conv_block)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w,
                          const T *bias, T *y, T *space) {
    const int64_t mr = F(conv_height)(m->m), band = F(conv_band)(m), width = m->before[1] + m->in[1] + m->after[1];
    const int64_t pixels = m->in[0] * m->in[1], plane = m->in[0] * width * VL, places = m->out[0] * m->out[1];
    const int64_t group_weights = F(conv_weights)(m) / m->groups, tiles = (m->m + mr - 1) / mr, tap = m->own ? VL : mr;
    T *results = space + m->k * plane, *add = results + mr * band * m->out[1] * VL;
    int64_t rows[MK_CONV_KERNEL], cols[MK_CONV_KERNEL];
    F(conv_taps) s = {.k = m->k, .plane = plane, .row = rows, .col = cols, .out_plane = band * m->out[1] * VL};
    for (int64_t g = first / tiles; g * tiles < last; g++) {
        const int64_t from_tile = first > g * tiles ? first - g * tiles : 0, to_tile = last - g * tiles;
        F(conv_stage)(x + g * m->k * pixels, m->groups * m->k * pixels, n, m->k, m->in[0], m->in[1], m->before[1],
                      m->after[1], space);
        for (int64_t top = 0; top < m->out[0]; top += band) {
            const int64_t end = top + band < m->out[0] ? top + band : m->out[0];
            for (int64_t t = from_tile * mr; t < m->m && t < to_tile * mr; t += mr) {
                const int64_t high = m->m - t < mr ? m->m - t : mr;
                s.bias = bias ? add : NULL;
                for (int64_t r = 0; bias && r < tap; r++) add[r] = r < (m->own ? n : high) ? bias[g * m->m + t + r] : 0;
                const T *phase = w + g * group_weights;
                for (int64_t py = 0; py < m->phases[0]; py++)
                    for (int64_t px = 0; px < m->phases[1]; px++) {
                        const mk_conv_axis *v = &m->axis[0][py], *h = &m->axis[1][px];
                        s.w_row = h->taps * tap;
                        s.w_plane = v->taps * s.w_row;
                        for (int64_t i = 0; i < v->taps; i++) rows[i] = i * v->shift_step * width * VL;
                        for (int64_t i = 0; i < h->taps; i++) cols[i] = i * h->shift_step * VL;
                        s.next = h->stride * VL;
                        s.out_next = h->step * VL;
                        const T *wt = phase + t / mr * m->k * s.w_plane;
                        phase += tiles * m->k * s.w_plane;
                        /* The first of the phase's rows in this band. */
                        int64_t i = top <= v->first ? 0 : (top - v->first + v->step - 1) / v->step;
                        for (; i < v->count && v->first + i * v->step < end; i++) {
                            int64_t from_row, to_row;
                            mk_conv_reach(v, i, i, m->in[0], &from_row, &to_row);
                            s.rows = to_row - from_row;
                            const int64_t iy = i * v->stride + v->shift + from_row * v->shift_step;
                            const T *row = space + (iy * width + m->before[1]) * VL;
                            T *out = results + (v->first + i * v->step - top) * m->out[1] * VL;
                            for (int64_t j = 0, np; j < h->count; j += np) {
                                int64_t from_col, to_col;
                                np = m->own ? F(conv_own_width)(h->count - j) : F(conv_width)(mr, h->count - j);
                                mk_conv_reach(h, j, j + np - 1, m->in[1], &from_col, &to_col);
                                s.cols = to_col - from_col;
                                s.x = row + (j * h->stride + h->shift + from_col * h->shift_step) * VL;
                                s.w = wt + from_row * s.w_row + from_col * tap;
                                T *to = out + (h->first + j * h->step) * VL;
                                if (m->own) F(conv_own_run)(np, &s, to);
                                else F(conv_run)(mr, np, &s, to);
                            }
                        }
                    }
                for (int64_t r = 0; r < high; r++)
                    F(conv_scatter)(results + r * s.out_plane, VL, (end - top) * m->out[1],
                                    y + (g * m->m + t + r) * places + top * m->out[1], m->groups * m->m * places, n);
            }
        }
    }
}

/* mo output channels x nk neighbouring taps of the gradient of the weight, over all places of `rows` x `cols` of g, whose
 * planes are g_plane apart. Called with constant mo and nk; `high` channels exist. */
typedef struct {
    const T *g, *x;
    int64_t high, rows, cols;
    int64_t g_plane, g_row;
    int64_t row, next;          /* in x: from row to row and column to column of g */
    const int64_t *tap;         /* where in x each of the taps is */
    T *out;
    int64_t out_plane;
    int own;                    /* lanes are not summed up: out is a vector for each tap */
} F(conv_sums);

static inline __attribute__((always_inline)) void F(conv_weight_tile)(const int mo, const int nk, const F(conv_sums) *s) {
    V acc[8][5];
    _Pragma("clang loop unroll(full)")
    for (int o = 0; o < mo; o++)
        for (int t = 0; t < nk; t++) acc[o][t] = (V){0};
    const T *g[8];
    _Pragma("clang loop unroll(full)")
    for (int o = 0; o < mo; o++) g[o] = s->g + (o < s->high ? o : s->high - 1) * s->g_plane;
    int64_t tap[5];
    _Pragma("clang loop unroll(full)")
    for (int t = 0; t < nk; t++) tap[t] = s->tap[t];
    const int64_t next = s->next, cols = s->cols;
    for (int64_t i = 0; i < s->rows; i++) {
        const T *x = s->x + i * s->row;
        int64_t at = i * s->g_row;
        for (int64_t j = 0; j < cols; j++, x += next, at += VL) {
            V b[5];
            _Pragma("clang loop unroll(full)")
            for (int t = 0; t < nk; t++) b[t] = LOAD(x + tap[t]);
            _Pragma("clang loop unroll(full)")
            for (int o = 0; o < mo; o++) {
                V a = LOAD(g[o] + at);
                _Pragma("clang loop unroll(full)")
                for (int t = 0; t < nk; t++) acc[o][t] = FMA(a, b[t], acc[o][t]);
            }
        }
    }
    if (mo == 1 && s->own) {
        _Pragma("clang loop unroll(full)")
        for (int t = 0; t < nk; t++) STORE(s->out + t * VL, LOAD(s->out + t * VL) + acc[0][t]);
        return;
    }
    /* VL sums at a time. */
    V part[VL];
    T sums[(8 * 5 + VL) / VL * VL];
    _Pragma("clang loop unroll(full)")
    for (int at = 0; at < mo * nk; at += VL) {
        _Pragma("clang loop unroll(full)")
        for (int q = 0; q < VL; q++) part[q] = at + q < mo * nk ? acc[(at + q) / nk][(at + q) % nk] : (V){0};
        STORE(sums + at, F(sums_of)(part));
    }
    for (int64_t o = 0; o < s->high; o++)
        for (int t = 0; t < nk; t++) s->out[o * s->out_plane + t] += sums[o * nk + t];
}

#define TILE(mo, nk) static void F(conv_weight_tile_##mo##_##nk)(const F(conv_sums) *s) { F(conv_weight_tile)(mo, nk, s); }
CONV_WEIGHT_TILES(TILE)
#undef TILE

/* The first tile of the list that is not wider than `taps` and wastes least on m channels. */
static void F(conv_weight_pick)(int64_t m, int64_t taps, int64_t *mo, int64_t *nk) {
    double best = 0;
#define TILE(o, t) \
    if (t <= taps) { \
        double used = (double)m / (double)((m + o - 1) / o * o) * (o * t) / (o * t + 0.25 * (o + t) + 1); \
        if (used > best) best = used, *mo = o, *nk = t; \
    }
    CONV_WEIGHT_TILES(TILE)
#undef TILE
}

static void F(conv_weight_run)(int64_t mo, int64_t nk, const F(conv_sums) *s) {
#define TILE(o, t) if (mo == o && nk == t) F(conv_weight_tile_##o##_##t)(s);
    CONV_WEIGHT_TILES(TILE)
#undef TILE
}

static int64_t F(conv_weight_space)(const mk_conv_map *m) {
    return (m->k * m->in[0] * (m->before[1] + m->in[1] + m->after[1]) + m->m * m->out[0] * m->out[1]) * VL;
}

/* Adds the gradient of the weight for n samples, at most VL, onto dw: of all groups' ranges of output channels those of
 * number begin..<stop. m is the map of the convolution. */
static void F(conv_weight_block)(const mk_conv_map *m, int64_t n, int64_t begin, int64_t stop, const T *x, const T *g,
                                 T *dw, T *space) {
    const int64_t width = m->before[1] + m->in[1] + m->after[1], plane = m->in[0] * width * VL;
    const int64_t pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1], taps = m->kernel[0] * m->kernel[1];
    const int64_t ranges = (m->m + MK_CONV_RANGE - 1) / MK_CONV_RANGE;
    const mk_conv_axis *v = &m->axis[0][0], *h = &m->axis[1][0];
    T *gs = space + m->k * plane;
    int64_t offsets[MK_CONV_KERNEL];
    F(conv_sums) s = {.cols = m->out[1], .g_plane = places * VL, .g_row = m->out[1] * VL, .row = v->stride * width * VL,
                      .next = h->stride * VL, .tap = offsets, .out_plane = m->k * taps, .own = m->own};
    for (int64_t t = 0; t < h->taps; t++) offsets[t] = t * h->shift_step * VL;
    for (int64_t group = begin / ranges; group * ranges < stop; group++) {
        const int64_t first = begin > group * ranges ? (begin - group * ranges) * MK_CONV_RANGE : 0;
        const int64_t last = (stop - group * ranges) * MK_CONV_RANGE, end = last < m->m ? last : m->m;
        F(conv_stage)(x + group * m->k * pixels, m->groups * m->k * pixels, n, m->k, m->in[0], m->in[1], m->before[1],
                      m->after[1], space);
        F(conv_stage)(g + (group * m->m + first) * places, m->groups * m->m * places, n, end - first, m->out[0], m->out[1],
                      0, 0, gs);
        for (int64_t kx = 0, mo = 1, nk = 1; kx < h->taps; kx += nk) {
            F(conv_weight_pick)(end - first, h->taps - kx, &mo, &nk);
            for (int64_t t = first; t < end; t += mo) {
                s.high = end - t < mo ? end - t : mo;
                for (int64_t k = 0; k < m->k; k++)
                    for (int64_t ky = 0; ky < v->taps; ky++) {
                        /* The rows of g that this row of taps meets. */
                        const int64_t shift = v->shift + ky * v->shift_step;
                        int64_t from = 0, to = v->count;
                        while (from < to && from * v->stride + shift < 0) from++;
                        while (to > from && (to - 1) * v->stride + shift >= m->in[0]) to--;
                        s.rows = to - from;
                        s.g = gs + ((t - first) * places + from * m->out[1]) * VL;
                        s.x = space + k * plane +
                              ((from * v->stride + shift) * width + m->before[1] + h->shift + kx * h->shift_step) * VL;
                        s.out = dw + (((group * m->m + t) * m->k + k) * taps + ky * m->kernel[1] + kx) * (m->own ? VL : 1);
                        F(conv_weight_run)(mo, nk, &s);
                    }
            }
        }
    }
}

/* A map in which every channel has a kernel of its own is, for VL of them, one of a single channel for as many samples. */
static mk_conv_map F(conv_own_map)(const mk_conv_map *m) {
    mk_conv_map one = *m;
    one.groups = one.own = 1;
    return one;
}

static int64_t F(conv_own_space)(const mk_conv_map *m) {
    mk_conv_map one = F(conv_own_map)(m);
    const int64_t map = F(conv_space)(&one), weight = F(conv_weight_space)(&one);
    return (map > weight ? map : weight) + ((m->groups + VL - 1) / VL + 1) * m->kernel[0] * m->kernel[1] * VL + VL * VL;
}

/* The map for n samples, of blocks of VL channels those of number first..<last. */
static void F(conv_own)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w, const T *bias, T *y,
                        T *space) {
    const int64_t taps = m->kernel[0] * m->kernel[1], pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1];
    const mk_conv_map one = F(conv_own_map)(m);
    T *packed = space, *to = space, *turned = space + (last - first) * taps * VL;
    for (int64_t b = first; b < last; b++) {
        F(conv_turn)(w + b * VL * taps, taps, m->groups - b * VL, taps, VL, turned);
        for (int64_t py = 0; py < m->phases[0]; py++)
            for (int64_t px = 0; px < m->phases[1]; px++) {
                const mk_conv_axis *v = &m->axis[0][py], *h = &m->axis[1][px];
                for (int64_t i = 0; i < v->taps; i++)
                    for (int64_t j = 0; j < h->taps; j++, to += VL)
                        STORE(to, LOAD(turned + ((v->tap + i * v->tap_step) * m->kernel[1] + h->tap + j * h->tap_step) * VL));
            }
    }
    space = turned + taps * VL + VL * VL;
    for (int64_t s = 0; s < n; s++)
        for (int64_t b = first; b < last; b++) {
            const int64_t c = b * VL, lanes = m->groups - c < VL ? m->groups - c : VL, plane = s * m->groups + c;
            F(conv_block)(&one, lanes, 0, 1, x + plane * pixels, packed + (b - first) * taps * VL, bias ? bias + c : NULL,
                          y + plane * places, space);
        }
}

/* The gradient of the weight for n samples, of blocks of VL channels those of number first..<last. */
static void F(conv_weight_own)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *g, T *dw, T *space) {
    const int64_t taps = m->kernel[0] * m->kernel[1], pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1];
    const mk_conv_map one = F(conv_own_map)(m);
    T *sums = space;
    space += (last - first) * taps * VL;
    memset(sums, 0, (size_t)((last - first) * taps * VL) * sizeof(T));
    for (int64_t s = 0; s < n; s++)
        for (int64_t b = first; b < last; b++) {
            const int64_t c = b * VL, lanes = m->groups - c < VL ? m->groups - c : VL, plane = s * m->groups + c;
            F(conv_weight_block)(&one, lanes, 0, 1, x + plane * pixels, g + plane * places, sums + (b - first) * taps * VL, space);
        }
    for (int64_t b = first; b < last; b++)
        F(conv_scatter)(sums + (b - first) * taps * VL, VL, taps, dw + b * VL * taps, taps, m->groups - b * VL);
}
#undef CONV_TILES
#undef CONV_WEIGHT_TILES
