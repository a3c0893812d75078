/* conv_channels.h: convolutions into many channels. A vector is of channels of the result, and the inputs of up to MR
 * neighbouring places of a row are broadcast: no lane is lost at the end of a row, and taps that are beside the image are
 * left out. Rows of the image are laid out as [row][channel][remainder of column modulo the stride][column], so that what
 * a tile reads lies close together; weights as [tap][channel of the input][channel of the result], NR of the last. */

/* Columns of one remainder, with the zeros beside the image. */
static inline int64_t F(conv_pitch)(const mk_conv_map *m) {
    const int64_t stride = m->axis[1][0].stride;
    return (m->before[1] + m->in[1] + m->after[1] + stride - 1) / stride;
}

/* From row to row: a line more than its channels take, against rows that are whole pages apart. */
static inline int64_t F(conv_row)(const mk_conv_map *m) { return m->k * m->axis[1][0].stride * F(conv_pitch)(m) + VL; }

static inline int64_t F(conv_panels)(const mk_conv_map *m) { return (m->m + NR - 1) / NR; }

/* Elements from tap to tap of a panel of weights, which are for NR channels: a line more, since taps whole pages apart
 * would throw each other out of the first cache. */
static inline int64_t F(conv_tap_apart)(const mk_conv_map *m) { return m->k * NR + VL; }

static int64_t F(conv_panel)(const mk_conv_map *m) { return m->kernel[0] * m->kernel[1] * F(conv_tap_apart)(m); }

/* Rows of the result that are computed before they are turned. */
static int64_t F(conv_rows)(const mk_conv_map *m) {
    const int64_t most = 256 / m->out[1];
    return most < 1 ? 1 : most < m->out[0] ? most : m->out[0];
}

/* Elements of scratch, for `some` samples at a time. */
static int64_t F(conv_channels_space)(const mk_conv_map *m, int64_t some) {
    return some * m->in[0] * F(conv_row)(m) + (F(conv_rows)(m) * m->out[1] + VL) * NR + NR + F(conv_panel)(m);
}

/* Lays out the weights of panel number `at`: for each row and column phase its row taps, column taps, channels. */
static void F(conv_pack_panel)(const mk_conv_map *m, int64_t at, const T *w, T *to) {
    const int64_t taps = m->kernel[0] * m->kernel[1], panels = F(conv_panels)(m), t = at % panels * NR;
    int64_t place[MK_CONV_TAPS], next = 0;
    for (int64_t y = 0; y < m->phases[0]; y++)
        for (int64_t x = 0; x < m->phases[1]; x++) {
            const mk_conv_axis *v = &m->axis[0][y], *h = &m->axis[1][x];
            for (int64_t i = 0; i < v->taps; i++)
                for (int64_t j = 0; j < h->taps; j++, next += F(conv_tap_apart)(m))
                    place[(v->tap + i * v->tap_step) * m->kernel[1] + h->tap + j * h->tap_step] = next;
        }
    for (int64_t lane = 0; lane < NR && t + lane < m->m; lane += VL) {
        const T *from = w + at / panels * m->w_group + (t + lane) * m->w_m;
        const int64_t rows = m->m - t - lane < VL ? m->m - t - lane : VL;
        /* Taps of one channel after the other, or those of each channel by themselves. */
        const int64_t together = m->w_k == taps ? m->k : 1, n = together * taps;
        if (m->w_m == 1) {
            for (int64_t k = 0; k < m->k; k++) STORE(to + k * NR + lane, F(load_part)(from + k * m->w_k, rows));
            continue;
        }
        for (int64_t k = 0; k < m->k; k += together, from += m->w_k) {
            int64_t channel = k, tap = 0;
            for (int64_t i = 0; i < n; i += VL) {
                const int64_t some = n - i < VL ? n - i : VL;
                V r[VL];
                if (rows == VL && some == VL) {
                    _Pragma("clang loop unroll(full)")
                    for (int q = 0; q < VL; q++) {
                        r[q] = LOAD(from + q * m->w_m + i);
                        __builtin_prefetch(from + q * m->w_m + i + 2 * VL);
                    }
                } else
                    for (int q = 0; q < VL; q++) r[q] = q < rows ? F(load_part)(from + q * m->w_m + i, some) : (V){0};
                F(transpose)(r);
                for (int q = 0; q < VL; q++) {
                    if (q < some) STORE(to + place[tap] + channel * NR + lane, r[q]);
                    if (++tap == taps) tap = 0, channel++;
                }
            }
        }
    }
}

/* Whether a tap meets place `at` of the input, which without a stride some tap of some phase does. */
static int F(conv_is_met)(const mk_conv_axis *a, int64_t at) {
    if (a->stride == 1) return 1;
    for (int64_t t = 0; t < a->taps; t++)
        if ((at - a->shift - t * a->shift_step) % a->stride == 0) return 1;
    return 0;
}

/* The k channels of a group of n samples; rows and remainders of columns that no tap meets are left out. */
static void F(conv_rows_of)(const mk_conv_map *m, int64_t n, const T *x, T *to) {
    const int64_t pixels = m->in[0] * m->in[1], pitch = F(conv_pitch)(m), size = F(conv_row)(m);
    const mk_conv_axis *v = &m->axis[0][0], *h = &m->axis[1][0];
    for (int64_t s = 0; s < n; s++, to += m->in[0] * size)
        for (int64_t k = 0; k < m->k; k++)
            for (int64_t b = 0; b < h->stride; b++) {
                if (!F(conv_is_met)(h, b - m->before[1])) continue;
                const int64_t left = b < m->before[1] ? (m->before[1] - b + h->stride - 1) / h->stride : 0;
                const int64_t ix = left * h->stride + b - m->before[1];
                const int64_t cols = ix < m->in[1] ? (m->in[1] - ix + h->stride - 1) / h->stride : 0;
                const T *from = x + (s * m->groups * m->k + k) * pixels + ix;
                T *line = to + (k * h->stride + b) * pitch;
                if (h->stride == 1) F(copy_rows)(from, m->in[1], line + left, size, m->in[0], cols);
                for (int64_t i = 0; i < m->in[0]; i++, from += m->in[1], line += size) {
                    if (!F(conv_is_met)(v, i)) continue;
                    if (h->stride > 1) F(take_row)(from, h->stride, line + left, cols);
                    for (int64_t j = 0; j < left; j++) line[j] = 0;
                    for (int64_t j = left + cols; j < pitch; j++) line[j] = 0;
                }
            }
}

/* Which places of a tile a column of taps meets the image with. */
enum { F(ALL_MEET), F(ALL_BUT_FIRST), F(ALL_BUT_LAST), F(NONE_MEETS) };

typedef struct {
    const T *x, *w, *bias;
    int64_t k, plane;           /* channels, and how far apart they are in x */
    int64_t rows, row, w_row;   /* rows of taps, and how far apart in x and w */
    int64_t cols, w_col;
    const int64_t *col, *meets; /* where in x columns of taps are, and which places they concern */
    int64_t out_next;
} F(conv_places);

/* Places from..<to of a tile for one tap. */
static inline __attribute__((always_inline)) void F(conv_tap)(const int nv, const int from, const int to, int64_t k,
                                                              const T *x, int64_t plane, const T *w, V (*acc)[2]) {
    for (; k > 0; k--, x += plane, w += NR) {
        V b0 = LOAD(w), b1 = nv > 1 ? LOAD(w + VL) : b0;
        _Pragma("clang loop unroll(full)")
        for (int r = from; r < to; r++) {
            V a = SPLAT(x[r]);
            acc[r][0] = FMA(a, b0, acc[r][0]);
            if (nv > 1) acc[r][1] = FMA(a, b1, acc[r][1]);
        }
    }
}

/* np places x nv vectors of channels. Called with constant np and nv. */
static inline __attribute__((always_inline)) void F(conv_place_tile)(const int np, const int nv, const F(conv_places) *s,
                                                                     T *out) {
    V acc[MR][2];
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < np; r++)
        for (int v = 0; v < nv; v++) acc[r][v] = LOAD(s->bias + v * VL);
    const int64_t k = s->k, plane = s->plane, w_col = s->w_col;
    for (int64_t i = 0; i < s->rows; i++) {
        const T *w = s->w + i * s->w_row, *row = s->x + i * s->row;
        for (int64_t c = 0; c < s->cols; c++, w += w_col) {
            const T *x = row + s->col[c];
            switch (s->meets[c]) {
            case F(ALL_MEET): F(conv_tap)(nv, 0, np, k, x, plane, w, acc); break;
            case F(ALL_BUT_FIRST): F(conv_tap)(nv, 1, np, k, x, plane, w, acc); break;
            case F(ALL_BUT_LAST): F(conv_tap)(nv, 0, np - 1, k, x, plane, w, acc); break;
            }
        }
    }
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < np; r++)
        for (int v = 0; v < nv; v++) STORE(out + r * s->out_next + v * VL, acc[r][v]);
}

typedef void (*F(place_tile))(const F(conv_places) *s, T *out);
#define TILE(np) \
    static void F(conv_place_tile_##np##_1)(const F(conv_places) *s, T *out) { F(conv_place_tile)(np, 1, s, out); } \
    static void F(conv_place_tile_##np##_2)(const F(conv_places) *s, T *out) { F(conv_place_tile)(np, 2, s, out); }
#define ENTRY(np) {F(conv_place_tile_##np##_1), F(conv_place_tile_##np##_2)},
#if MR == 14
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif MR == 12
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
EACH_HEIGHT(TILE)
/* [places - 1][vectors - 1] */
static const F(place_tile) F(conv_place_tiles)[MR][2] = {EACH_HEIGHT(ENTRY)};
#undef TILE
#undef ENTRY

/* For each column of taps, which of the places first...last of an axis it meets the image with. */
static void F(conv_meets)(const mk_conv_axis *h, int64_t first, int64_t last, int64_t in, int64_t *to) {
    for (int64_t t = 0; t < h->taps; t++) {
        const int64_t shift = h->shift + t * h->shift_step;
        const int64_t low = first * h->stride + shift, high = last * h->stride + shift;
        to[t] = high < 0 || low >= in ? F(NONE_MEETS)
                : low < 0 && low + h->stride >= 0 && high < in ? F(ALL_BUT_FIRST)
                : low >= 0 && high >= in && high - h->stride < in ? F(ALL_BUT_LAST) : F(ALL_MEET);
    }
}

/* The map for n samples, and of all groups' panels those of number first..<last. w is packed if `packed`. */
static void F(conv_channels)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w,
                             int packed, const T *bias, T *y, T *space) {
    const int64_t pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1], width = m->out[1];
    const int64_t row = F(conv_row)(m), pitch = F(conv_pitch)(m), band = F(conv_rows)(m);
    const int64_t panels = F(conv_panels)(m), size = F(conv_panel)(m), apart = F(conv_tap_apart)(m);
    T *results = space + n * m->in[0] * row, *add = results + (band * width + VL) * NR, *panel = add + NR;
    int64_t cols[MK_CONV_KERNEL], meets[MK_CONV_KERNEL];
    F(conv_places) s = {.bias = add, .k = m->k, .plane = m->axis[1][0].stride * pitch, .w_col = apart, .col = cols,
                        .meets = meets};
    for (int64_t at = first; at < last; at++) {
        const int64_t g = at / panels, t = at % panels * NR, channels = m->m - t < NR ? m->m - t : NR;
        if (at == first || t == 0) F(conv_rows_of)(m, n, x + g * m->k * pixels, space);
        if (!packed) F(conv_pack_panel)(m, at, w, panel);
        const T *weights = packed ? w + at * size : panel;
        for (int64_t r = 0; r < NR; r++) add[r] = bias && r < channels ? bias[g * m->m + t + r] : 0;
        for (int64_t sample = 0; sample < n; sample++)
            for (int64_t top = 0; top < m->out[0]; top += band) {
                const int64_t end = top + band < m->out[0] ? top + band : m->out[0];
                const T *phase = weights;
                for (int64_t py = 0; py < m->phases[0]; py++)
                    for (int64_t px = 0; px < m->phases[1]; px++) {
                        const mk_conv_axis *v = &m->axis[0][py], *h = &m->axis[1][px];
                        const T *taps = phase;
                        phase += v->taps * h->taps * apart;
                        if (h->count == 0) continue;
                        F(conv_offsets)(h, m->before[1], pitch, 1, cols);
                        s.cols = h->taps;
                        s.w_row = h->taps * apart;
                        s.row = v->shift_step * row;
                        s.out_next = h->step * NR;
                        const int64_t tiles = (h->count + MR - 1) / MR;
                        for (int64_t tile = 0, j = 0, next; tile < tiles; tile++, j = next) {
                            next = h->count * (tile + 1) / tiles;
                            F(conv_meets)(h, j, next - 1, m->in[1], meets);
                            const F(place_tile) run = F(conv_place_tiles)[next - j - 1][channels > VL];
                            for (int64_t i = top <= v->first ? 0 : (top - v->first + v->step - 1) / v->step;
                                 i < v->count && v->first + i * v->step < end; i++) {
                                int64_t from, to;
                                mk_conv_reach(v, i, i, m->in[0], &from, &to);
                                s.rows = to - from;
                                const int64_t iy = i * v->stride + v->shift + from * v->shift_step;
                                s.x = space + (sample * m->in[0] + iy) * row + j;
                                s.w = taps + from * s.w_row;
                                run(&s, results + ((v->first + i * v->step - top) * width + h->first + j * h->step) * NR);
                            }
                        }
                    }
                for (int64_t r = 0; r < channels; r += VL)
                    F(conv_scatter)(results + r, NR, (end - top) * width,
                                    y + ((sample * m->groups + g) * m->m + t + r) * places + top * width, places,
                                    channels - r);
            }
    }
}
