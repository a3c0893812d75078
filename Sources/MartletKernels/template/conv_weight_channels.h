/* conv_weight_channels.h: the gradient of a weight of many channels. A vector is of channels of the result, whose gradient
 * is laid out as [place][channel]; up to VL channels of the input, as [pixel][channel], are broadcast. Only places at which
 * a tap meets the image are gone through. */

/* How many channels of the input are broadcast together, such that all blocks of them are about equal. */
static inline int64_t F(conv_block_of)(const mk_conv_map *m) {
    const int64_t most = MR < VL ? MR : VL, blocks = (m->k + most - 1) / most;
    return (m->k + blocks - 1) / blocks;
}

/* Elements of a block of channels of the input and of a panel of those of the result, for one sample. */
static inline int64_t F(conv_pixels)(const mk_conv_map *m) { return m->in[0] * m->in[1] * VL; }
static inline int64_t F(conv_results)(const mk_conv_map *m) { return m->out[0] * m->out[1] * VL; }

/* Samples that are laid out together: some that stay in a cache, but the more the more there is to add to. */
static int64_t F(conv_weight_together)(const mk_conv_map *m, int64_t n) {
    const int64_t blocks = (m->k + F(conv_block_of)(m) - 1) / F(conv_block_of)(m);
    const int64_t one = blocks * F(conv_pixels)(m) + 2 * F(conv_results)(m), weights = m->groups * m->w_group / 2;
    const int64_t most = (weights > MK_CONV_BLOCK ? weights : MK_CONV_BLOCK) / one;
    return most < 1 ? 1 : most < n ? most : n;
}

static int64_t F(conv_weight_channels_space)(const mk_conv_map *m, int64_t n) {
    const int64_t some = F(conv_weight_together)(m, n), block = F(conv_block_of)(m), blocks = (m->k + block - 1) / block;
    return some * (blocks * F(conv_pixels)(m) + 2 * F(conv_results)(m)) + block * m->kernel[0] * m->kernel[1] * NR;
}

typedef struct {
    const T *x, *g;
    int64_t samples, rows, cols;
    int64_t x_sample, x_row, x_col, g_sample, g_row, g_vector;
    int64_t out_next;
} F(conv_meeting);

/* Adds the products of np channels of the input and nv vectors of those of the result. Called with constant np and nv. */
static inline __attribute__((always_inline)) void F(conv_meeting_tile)(const int np, const int nv, const F(conv_meeting) *s,
                                                                       T *out) {
    V acc[MR][2];
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < np; r++)
        for (int v = 0; v < nv; v++) acc[r][v] = (V){0};
    const int64_t x_col = s->x_col, second = s->g_vector;
    for (int64_t sample = 0; sample < s->samples; sample++)
        for (int64_t i = 0; i < s->rows; i++) {
            const T *x = s->x + sample * s->x_sample + i * s->x_row, *g = s->g + sample * s->g_sample + i * s->g_row;
            for (int64_t j = s->cols; j > 0; j--, x += x_col, g += VL) {
                V b0 = LOAD(g), b1 = nv > 1 ? LOAD(g + second) : b0;
                _Pragma("clang loop unroll(full)")
                for (int r = 0; r < np; r++) {
                    V a = SPLAT(x[r]);
                    acc[r][0] = FMA(a, b0, acc[r][0]);
                    if (nv > 1) acc[r][1] = FMA(a, b1, acc[r][1]);
                }
            }
        }
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < np; r++)
        for (int v = 0; v < nv; v++) {
            T *to = out + r * s->out_next + v * VL;
            STORE(to, LOAD(to) + acc[r][v]);
        }
}

typedef void (*F(meeting_tile))(const F(conv_meeting) *s, T *out);
#define TILE(np) \
    static void F(conv_meeting_tile_##np##_1)(const F(conv_meeting) *s, T *out) { F(conv_meeting_tile)(np, 1, s, out); } \
    static void F(conv_meeting_tile_##np##_2)(const F(conv_meeting) *s, T *out) { F(conv_meeting_tile)(np, 2, s, out); }
#define ENTRY(np) {F(conv_meeting_tile_##np##_1), F(conv_meeting_tile_##np##_2)},
EACH_HEIGHT(TILE)
/* [channels of the input - 1][vectors - 1] */
static const F(meeting_tile) F(conv_meeting_tiles)[MR][2] = {EACH_HEIGHT(ENTRY)};
#undef TILE
#undef ENTRY

/* to[channel][i] = from[i][channel], or += that, for n places NR apart and the first `channels` of VL, which are `apart`
 * apart in to. */
static void F(conv_turn_sums)(const T *from, int64_t n, int add, T *to, int64_t apart, int64_t channels) {
    for (int64_t p = 0; p < n; p += VL) {
        const int64_t w = n - p < VL ? n - p : VL;
        V r[VL], turned[VL];
        for (int q = 0; q < VL; q++) r[q] = q < w ? LOAD(from + (p + q) * NR) : (V){0};
        F(transpose)(r);
        if (w == VL && channels >= VL) {
            for (int q = 0; q < VL; q++) STORE(to + q * apart + p, add ? LOAD(to + q * apart + p) + r[q] : r[q]);
            continue;
        }
        memcpy(turned, r, sizeof r);
        for (int64_t q = 0; q < channels && q < VL; q++) {
            T *at = to + q * apart + p;
            F(store_part)(at, add ? F(load_part)(at, w) + turned[q] : turned[q], w);
        }
    }
}

/* The places, *from..<*to, of an axis of the convolution at which a tap meets the image. */
static inline void F(conv_places_of)(const mk_conv_axis *a, int64_t tap, int64_t in, int64_t *from, int64_t *to) {
    const int64_t shift = a->shift + tap * a->shift_step;
    const int64_t first = shift < 0 ? (-shift + a->stride - 1) / a->stride : 0;
    int64_t end = in > shift ? (in - shift + a->stride - 1) / a->stride : 0;
    if (end > a->count) end = a->count;
    *from = first;
    *to = end > first ? end : first;
}

/* One tap for the channels of a tile and `some` samples that are laid out in x and g: adds onto sums. Sums of more than
 * CONV_RUN products are sums of sums. */
#define CONV_RUN 256
static void F(conv_tap_sums)(const mk_conv_map *m, F(conv_meeting) s, F(meeting_tile) run, int64_t some, int64_t ky,
                             int64_t kx, const T *x, const T *g, T *sums) {
    const mk_conv_axis *v = &m->axis[0][0], *h = &m->axis[1][0];
    int64_t top, bottom, left, right;
    F(conv_places_of)(v, ky, m->in[0], &top, &bottom);
    F(conv_places_of)(h, kx, m->in[1], &left, &right);
    if (top >= bottom || left >= right) return;
    s.cols = right - left;
    const int64_t all = bottom - top, at_once = CONV_RUN / s.cols < 1 ? 1 : CONV_RUN / s.cols;
    const int64_t samples = at_once / all < 1 ? 1 : at_once / all, rows = all < at_once ? all : at_once;
    const int64_t ix = left * h->stride + h->shift + kx * h->shift_step, iy = v->shift + ky * v->shift_step;
    for (int64_t sample = 0; sample < some; sample += samples)
        for (int64_t i = top; i < bottom; i += rows) {
            s.samples = some - sample < samples ? some - sample : samples;
            s.rows = bottom - i < rows ? bottom - i : rows;
            s.x = x + sample * s.x_sample + ((i * v->stride + iy) * m->in[1] + ix) * VL;
            s.g = g + sample * s.g_sample + (i * m->out[1] + left) * VL;
            run(&s, sums);
        }
}

/* The gradient of the weight for n samples: of all groups' panels of NR output channels those of number begin..<stop. */
static void F(conv_weight_channels)(const mk_conv_map *m, int64_t n, int64_t begin, int64_t stop, const T *x, const T *g,
                                    T *dw, T *space) {
    const int64_t all = F(conv_weight_together)(m, n), pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1];
    const int64_t block = F(conv_block_of)(m), blocks = (m->k + block - 1) / block, panels = F(conv_panels)(m);
    const int64_t taps = m->kernel[0] * m->kernel[1], one_x = F(conv_pixels)(m), one_g = F(conv_results)(m);
    T *gs = space + all * blocks * one_x, *sums = gs + 2 * all * one_g;
    for (int64_t at = 0; at < n; at += all) {
        const int64_t some = n - at < all ? n - at : all;
        for (int64_t number = begin; number < stop; number++) {
            const int64_t group = number / panels, o = number % panels * NR, channels = m->m - o < NR ? m->m - o : NR;
            for (int64_t i = 0; i < some * blocks && (number == begin || o == 0); i++) {
                const int64_t b = i / some, c = b * block, sample = i % some;
                F(conv_gather)(x + (((at + sample) * m->groups + group) * m->k + c) * pixels, pixels,
                               m->k - c < block ? m->k - c : block, pixels, pixels, 0, space + i * one_x);
            }
            for (int64_t c = 0; c < channels; c += VL)
                for (int64_t i = 0; i < some; i++)
                    F(conv_gather)(g + (((at + i) * m->groups + group) * m->m + o + c) * places, places, channels - c,
                                   places, places, 0, gs + (c / VL * some + i) * one_g);
            F(conv_meeting) s = {
                .x_sample = one_x, .x_row = m->axis[0][0].stride * m->in[1] * VL, .x_col = m->axis[1][0].stride * VL,
                .g_sample = one_g, .g_row = m->out[1] * VL, .g_vector = some * one_g, .out_next = taps * NR};
            for (int64_t b = 0; b < blocks; b++) {
                const int64_t c = b * block, width = m->k - c < block ? m->k - c : block;
                const F(meeting_tile) run = F(conv_meeting_tiles)[width - 1][channels > VL];
                memset(sums, 0, (size_t)(width * taps * NR) * sizeof(T));
                for (int64_t ky = 0; ky < m->kernel[0]; ky++)
                    for (int64_t kx = 0; kx < m->kernel[1]; kx++)
                        F(conv_tap_sums)(m, s, run, some, ky, kx, space + b * some * one_x, gs,
                                         sums + (ky * m->kernel[1] + kx) * NR);
                for (int64_t r = 0; r < channels; r += VL)
                    F(conv_turn_sums)(sums + r, width * taps, at > 0, dw + ((group * m->m + o + r) * m->k + c) * taps,
                                      m->w_m, channels - r);
            }
        }
    }
}
#undef CONV_RUN
#undef EACH_HEIGHT
