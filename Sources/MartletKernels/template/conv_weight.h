/* conv_weight.h: the gradient of the weight of convolutions that conv.h is for. */
#if VECTOR_BYTES == 64
#define CONV_WEIGHT_TILES(X) X(8, 3) X(8, 2) X(8, 1) X(4, 5) X(3, 5) X(4, 3) X(1, 5) X(1, 3) X(1, 1)
#else
#define CONV_WEIGHT_TILES(X) X(3, 3) X(2, 5) X(4, 2) X(6, 1) X(1, 5) X(1, 3) X(1, 1)
#endif

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
#undef CONV_WEIGHT_TILES
