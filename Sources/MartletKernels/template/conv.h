/* conv.h: convolutions of few channels over many samples. VL samples at a time are brought to an order in which the
 * sample runs fastest, [channel][row][column][sample]: then every vector is full whatever the sizes, the stride and the
 * padding, and a tile of channels x columns of the result stays in registers over all taps. Blocks of samples are
 * independent of each other. The convolution and its gradient for the input are one map: see mk_conv_axis. */
#if VECTOR_BYTES == 64
#define CONV_TILES(X) X(8, 3) X(8, 2) X(8, 1) X(6, 4) X(6, 3) X(6, 2) X(6, 1) X(4, 6) X(4, 4) \
    X(4, 2) X(4, 1) X(3, 8) X(3, 4) X(3, 2) X(3, 1) X(2, 8) X(2, 4) X(2, 1) X(1, 8) X(1, 4) X(1, 2) X(1, 1)
#else
#define CONV_TILES(X) X(6, 2) X(6, 1) X(4, 3) X(4, 2) X(4, 1) X(3, 4) X(3, 2) X(3, 1) X(2, 4) X(2, 1) \
    X(1, 8) X(1, 4) X(1, 2) X(1, 1)
#endif

enum { F(conv_lanes) = VL };

/* to[place][sample] = from[sample][place] for `places` places in rows of `cols`, the rows of `to` cols + gap places
 * apart; samples are `apart` elements apart, those from n on are 0. */
static void F(conv_gather)(const T *from, int64_t apart, int64_t n, int64_t places, int64_t cols, int64_t gap, T *to) {
    int64_t left = cols;
    for (int64_t p = 0; p < places; p += VL) {
        int64_t w = places - p < VL ? places - p : VL;
        V r[VL];
        if (w == VL && n >= VL) {
            _Pragma("clang loop unroll(full)")
            for (int q = 0; q < VL; q++) r[q] = LOAD(from + q * apart + p);
        } else
            for (int q = 0; q < VL; q++) r[q] = q < n ? F(load_part)(from + q * apart + p, w) : (V){0};
        F(transpose)(r);
        if (w == VL && left > VL) {
            _Pragma("clang loop unroll(full)")
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
        V r[VL], turned[VL];
        if (w == VL && n >= VL) {
            _Pragma("clang loop unroll(full)")
            for (int q = 0; q < VL; q++) r[q] = LOAD(from + (p + q) * next);
            F(transpose)(r);
            _Pragma("clang loop unroll(full)")
            for (int q = 0; q < VL; q++) STORE(to + q * apart + p, r[q]);
            continue;
        }
        for (int q = 0; q < VL; q++) r[q] = q < w ? LOAD(from + (p + q) * next) : (V){0};
        F(transpose)(r);
        memcpy(turned, r, sizeof r);
        for (int64_t q = 0; q < n && q < VL; q++) F(store_part)(to + q * apart + p, turned[q], w);
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

/* The weights for a phase of a tile: that number of all in w, `tap` elements for each tap. */
static void F(conv_set_weights)(const mk_conv_map *m, const T *w, int64_t py, int64_t px, int64_t tile, int64_t tiles,
                                int64_t tap, F(conv_taps) *s) {
    for (int64_t y = 0; y <= py; y++)
        for (int64_t x = 0; x < (y < py ? m->phases[1] : px); x++)
            w += tiles * m->k * m->axis[0][y].taps * m->axis[1][x].taps * tap;
    s->w_row = m->axis[1][px].taps * tap;
    s->w_plane = m->axis[0][py].taps * s->w_row;
    s->w = w + tile * m->k * s->w_plane;
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
                for (int64_t py = 0; py < m->phases[0]; py++)
                    for (int64_t px = 0; px < m->phases[1]; px++) {
                        const mk_conv_axis *v = &m->axis[0][py], *h = &m->axis[1][px];
                        F(conv_set_weights)(m, w + g * group_weights, py, px, t / mr, tiles, tap, &s);
                        const T *taps = s.w;
                        for (int64_t i = 0; i < v->taps; i++) rows[i] = i * v->shift_step * width * VL;
                        for (int64_t i = 0; i < h->taps; i++) cols[i] = i * h->shift_step * VL;
                        s.next = h->stride * VL;
                        s.out_next = h->step * VL;
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
                                s.w = taps + from_row * s.w_row + from_col * tap;
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
#undef CONV_TILES
