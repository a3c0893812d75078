/* conv.c: the geometry of convolutions, which kind of kernel computes them (template/conv*.h), and threads around these.
 * What is cut for threads does not depend on each other; sums over samples are cut by the shape alone and added in order:
 * the result does not depend on the number of threads. */
#include "kernels.h"

#include <stdatomic.h>
#include <string.h>

/* Multiplications per thread; elements of partial gradients; bytes of scratch, and of what is to stay in a cache; places of
 * a result, channels, pairs of them, elements of a weight. */
enum {
    GRAIN = 1 << 20, PARTS = 1 << 20, LARGEST = 1 << 28, CACHED = 1 << 22,
    FEW = 96, FEW_CHANNELS = 8, FEW_PAIRS = 1 << 12, MANY = 1 << 16
};
/* The kinds of kernels: conv.h, conv_planes.h, conv_channels.h and conv_own.h. */
enum { BY_SAMPLES, BY_PLACES, BY_CHANNELS, BY_GROUPS };

/* The zeros beside the input that the taps of this axis reach. */
static void widen(const mk_conv_axis *a, int64_t in, int64_t *before, int64_t *after) {
    if (a->taps == 0 || a->count == 0) return;
    int64_t last = a->shift + (a->taps - 1) * a->shift_step, low = a->shift < last ? a->shift : last,
            high = (a->shift < last ? last : a->shift) + (a->count - 1) * a->stride;
    if (-low > *before) *before = -low;
    if (high - (in - 1) > *after) *after = high - (in - 1);
}

static mk_conv_map forward_map(const mk_conv *p) {
    mk_conv_map m = {.groups = p->groups, .m = p->o / p->groups, .k = p->c / p->groups, .phases = {1, 1}};
    for (int d = 0; d < 2; d++) {
        m.in[d] = p->in[d];
        m.out[d] = p->out[d];
        m.kernel[d] = p->kernel[d];
        m.axis[d][0] = (mk_conv_axis){.step = 1, .count = p->out[d], .stride = p->stride[d], .taps = p->kernel[d],
                                      .tap_step = 1, .shift = -p->padding[d], .shift_step = p->dilation[d]};
        widen(&m.axis[d][0], m.in[d], &m.before[d], &m.after[d]);
    }
    m.w_k = p->kernel[0] * p->kernel[1];
    m.w_m = m.k * m.w_k;
    m.w_group = m.m * m.w_m;
    return m;
}

/* Input place i takes part in output place (i + padding - tap * dilation) / stride where that is whole: the taps of the
 * places of each remainder modulo the stride. */
static mk_conv_map input_map(const mk_conv *p) {
    mk_conv_map m = {.groups = p->groups, .m = p->c / p->groups, .k = p->o / p->groups};
    for (int d = 0; d < 2; d++) {
        int64_t s = p->stride[d], dilation = p->dilation[d], step = 1;
        m.in[d] = p->out[d];
        m.out[d] = p->in[d];
        m.kernel[d] = p->kernel[d];
        m.phases[d] = s;
        while (step * dilation % s) step++;
        for (int64_t r = 0; r < s; r++) {
            mk_conv_axis *a = &m.axis[d][r];
            int64_t tap = 0;
            while (tap < step && (r + p->padding[d] - tap * dilation) % s) tap++;
            *a = (mk_conv_axis){.first = r, .step = s, .count = r < p->in[d] ? (p->in[d] - r + s - 1) / s : 0, .stride = 1,
                                .taps = tap < step && tap < p->kernel[d] ? (p->kernel[d] - 1 - tap) / step + 1 : 0,
                                .tap = tap, .tap_step = step, .shift_step = -(step * dilation / s)};
            if (a->taps) a->shift = (r + p->padding[d] - tap * dilation) / s;
            widen(a, m.in[d], &m.before[d], &m.after[d]);
        }
    }
    m.w_m = p->kernel[0] * p->kernel[1];
    m.w_k = p->c / p->groups * m.w_m;
    m.w_group = m.k * m.w_k;
    return m;
}

static int64_t work_of(const mk_conv *p) {
    return p->n * p->o * p->out[0] * p->out[1] * (p->c / p->groups) * p->kernel[0] * p->kernel[1];
}

/* Whether it is a product of matrices as it stands, for each sample. */
static int is_pointwise(const mk_conv *p) {
    return p->kernel[0] * p->kernel[1] * p->stride[0] * p->stride[1] == 1 && p->padding[0] + p->padding[1] == 0;
}

/* Whether there is something to do, within the sizes of the kernels' tables. */
static int is_direct(const mk_conv *p) {
    for (int d = 0; d < 2; d++)
        if (p->stride[d] > MK_CONV_STRIDE || p->kernel[d] > MK_CONV_KERNEL) return 0;
    return p->n > 0 && work_of(p) > 0;
}

/* A pointwise convolution sees an image as one row. */
static mk_conv as_one_row(const mk_conv *p) {
    mk_conv q = *p;
    if (is_pointwise(p)) {
        q.in[1] = q.out[1] = p->in[0] * p->in[1];
        q.in[0] = q.out[0] = 1;
    }
    return q;
}

/* Laying the weights out for a few results does not pay. */
static int is_small(const mk_conv *p) {
    return p->n * p->out[0] * p->out[1] < FEW && p->o * (p->c / p->groups) * p->kernel[0] * p->kernel[1] > MANY;
}

/* Whether vectors of samples are full enough, and what is done with a block of them stays in a cache. */
static int by_samples(const mk_conv *p, int64_t lanes, int64_t bytes) {
    int64_t blocks = (p->n + lanes - 1) / lanes;
    return p->n * 4 >= blocks * lanes * 3 && bytes <= CACHED;
}

/* Whether at least this part of the lanes of vectors for n elements is in use. */
static int fills(int64_t n, int64_t lanes, double part) {
    return (double)n >= part * (double)((n + lanes - 1) / lanes * lanes);
}

/* Whether vectors of channels of the result are full enough. */
static int by_channels(const mk_conv_map *m, int64_t lanes) {
    return m->m >= 2 * lanes && fills(m->m, lanes, 0.875) && m->k >= FEW_CHANNELS &&
           m->kernel[0] * m->kernel[1] <= MK_CONV_TAPS;
}

/* Whether every channel has a kernel of its own, and those of a vector stay in a cache. */
static int by_groups(const mk_conv_map *m, int64_t lanes, int64_t bytes) {
    return m->m == 1 && m->k == 1 && fills(m->groups, lanes, 0.75) && bytes <= CACHED;
}

/* Whether matrix products, which take samples by themselves and vectors of pixels, are better. */
static int by_products(const mk_conv *p, int64_t lanes) {
    return is_pointwise(p) && (p->n == 1 || fills(p->in[0] * p->in[1], lanes, 0.95));
}

/* Into how many ranges of channels `blocks` of samples are cut, for that many threads; `most` at most. */
static int64_t shares(int64_t blocks, int64_t most) {
    int64_t wanted = 2 * mk_get_num_threads(), each = wanted > 2 ? (wanted + blocks - 1) / blocks : 1;
    return each < most ? each : most;
}

#define DEFINE(T, S) \
typedef struct { \
    const mk_conv_map *m; \
    int64_t n, x_size, y_size; /* samples; elements of one of x and of y */ \
    const T *x, *w, *bias; \
    T *y, *parts;              /* parts: gradients of the weight, for some samples each; y is then read */ \
    int64_t weights, some;     /* elements of the weight; samples of a block */ \
    int64_t all, cuts, cut;    /* tiles of channels; into how many items a block's are cut, and of how many each */ \
    int kind;                  /* of kernel */ \
    T *packed;                 /* weights for kernels by channels, or NULL: each item packs its own */ \
    size_t bytes;              /* of scratch */ \
    atomic_int lacking; \
} job_##S; \
static void item_##S(void *context, int64_t begin, int64_t end) { \
    job_##S *b = context; \
    const mk_table *t = mk_active; \
    T *space = mk_alloc(b->bytes); \
    if (!space) { \
        atomic_store(&b->lacking, 1); \
        return; \
    } \
    for (int64_t i = begin; i < end; i++) { \
        int64_t block = i / b->cuts, at = block * b->some, n = b->n - at < b->some ? b->n - at : b->some; \
        int64_t from = i % b->cuts * b->cut, to = from + b->cut < b->all ? from + b->cut : b->all; \
        const T *x = b->x + at * b->x_size; \
        T *y = b->y + at * b->y_size; \
        if (from >= to) continue; \
        if (b->parts) { \
            T *dw = b->parts + block * b->weights; \
            switch (b->kind) { \
            case BY_SAMPLES: t->conv_weight_block_##S(b->m, n, from, to, x, y, dw, space); break; \
            case BY_PLACES: t->conv_weight_planes_##S(b->m, n, from, to, x, y, dw, space); break; \
            case BY_CHANNELS: t->conv_weight_channels_##S(b->m, n, from, to, x, y, dw, space); break; \
            case BY_GROUPS: t->conv_weight_own_##S(b->m, n, from, to, x, y, dw, space); break; \
            } \
            continue; \
        } \
        const T *w = b->packed ? b->packed : b->w; \
        switch (b->kind) { \
        case BY_SAMPLES: t->conv_block_##S(b->m, n, from, to, x, w, b->bias, y, space); break; \
        case BY_PLACES: t->conv_planes_##S(b->m, n, from, to, x, w, b->bias, y, space); break; \
        case BY_CHANNELS: t->conv_channels_##S(b->m, n, from, to, x, w, b->packed != NULL, b->bias, y, space); break; \
        case BY_GROUPS: t->conv_own_##S(b->m, n, from, to, x, w, b->bias, y, space); break; \
        } \
    } \
    mk_free(space, b->bytes); \
} \
static int32_t go_##S(job_##S *b, const mk_conv *p, int64_t all) { \
    int64_t blocks = (b->n + b->some - 1) / b->some; \
    b->all = all; \
    b->cuts = shares(blocks, all); \
    b->cut = (all + b->cuts - 1) / b->cuts; \
    mk_parallel_heavy(blocks * b->cuts, 1, work_of(p) / GRAIN * 4, item_##S, b); \
    return !b->lacking; \
} \
static void pack_##S(void *context, int64_t begin, int64_t end) { \
    const job_##S *b = context; \
    for (int64_t i = begin; i < end; i++) \
        mk_active->conv_pack_panel_##S(b->m, i, b->w, b->packed + i * mk_active->conv_panel_##S(b->m)); \
} \
/* A map into many channels. Where all samples are one block, weights are packed when they are needed, into a cache. */ \
static int32_t channels_##S(job_##S *b, const mk_conv *p) { \
    const mk_table *t = mk_active; \
    const mk_conv_map *m = b->m; \
    int64_t panels = m->groups * t->conv_panels_##S(m), all = panels * t->conv_panel_##S(m); \
    int64_t one = t->conv_channels_space_##S(m, 1) - t->conv_channels_space_##S(m, 0); \
    int64_t most = (all / 4 > MK_CONV_BLOCK ? all / 4 : MK_CONV_BLOCK) / one; \
    b->kind = BY_CHANNELS; \
    b->some = most < 1 ? 1 : most < p->n ? most : p->n; \
    b->bytes = (size_t)t->conv_channels_space_##S(m, b->some) * sizeof(T); \
    if (b->bytes > LARGEST) return 0; \
    size_t bytes = (size_t)all * sizeof(T); \
    if (b->some < p->n) { \
        if (!(b->packed = mk_alloc(bytes))) return 0; \
        mk_parallel_heavy(panels, 1, (int64_t)bytes / (GRAIN / 8), pack_##S, b); \
    } \
    int32_t done = go_##S(b, p, panels); \
    if (b->packed) mk_free(b->packed, bytes); \
    return done; \
} \
/* A map, with the weights laid out for its tiles. */ \
static int32_t map_##S(const mk_conv *p, const mk_conv_map *m, const T *x, const T *w, const T *bias, T *y) { \
    const mk_table *t = mk_active; \
    job_##S b = {.m = m, .n = p->n, .x_size = m->groups * m->k * m->in[0] * m->in[1], \
                 .y_size = m->groups * m->m * m->out[0] * m->out[1], .x = x, .bias = bias, .y = y, \
                 .some = t->conv_lanes_##S, .w = w}; \
    b.bytes = (size_t)t->conv_space_##S(m) * sizeof(T); \
    int rows = t->conv_by_rows_##S(m), samples = by_samples(p, b.some, (int64_t)b.bytes); \
    if (by_channels(m, b.some) && !by_products(p, b.some) && (is_pointwise(p) || !samples || m->m * m->k > FEW_PAIRS)) \
        return channels_##S(&b, p); \
    if (!rows && by_groups(m, b.some, t->conv_own_space_##S(m) * (int64_t)sizeof(T))) { \
        b.kind = BY_GROUPS; \
        b.bytes = (size_t)t->conv_own_space_##S(m) * sizeof(T); \
        int64_t lanes = b.some; \
        b.some = p->n; \
        return go_##S(&b, p, (m->groups + lanes - 1) / lanes); \
    } \
    if (is_small(p) || is_pointwise(p)) return 0; \
    if (rows || !samples) { \
        b.kind = BY_PLACES; \
        b.some = t->conv_together_##S(m, p->n); \
        b.bytes = (size_t)t->conv_planes_space_##S(m, p->n) * sizeof(T); \
    } \
    int64_t mr = t->conv_height_##S(m->m); \
    size_t packed = (size_t)(t->conv_weights_##S(m) + t->conv_lanes_##S) * sizeof(T); \
    T *weights = b.bytes <= LARGEST ? mk_alloc(packed) : NULL; \
    if (!weights) return 0; \
    t->conv_pack_##S(m, w, weights); \
    b.w = weights; \
    int32_t done = go_##S(&b, p, m->groups * ((m->m + mr - 1) / mr)); \
    mk_free(weights, packed); \
    return done; \
} \
int32_t mk_conv_forward_##S(const mk_conv *p, const T *x, const T *w, const T *bias, T *y) { \
    if (!is_direct(p)) return 0; \
    mk_conv q = as_one_row(p); \
    mk_conv_map m = forward_map(&q); \
    return map_##S(&q, &m, x, w, bias, y); \
} \
int32_t mk_conv_input_##S(const mk_conv *p, const T *dy, const T *w, T *dx) { \
    if (!is_direct(p)) return 0; \
    mk_conv q = as_one_row(p); \
    mk_conv_map m = input_map(&q); \
    return map_##S(&q, &m, dy, w, NULL, dx); \
} \
int32_t mk_conv_weight_##S(const mk_conv *p, const T *x, const T *dy, T *dw) { \
    if (!is_direct(p)) return 0; \
    const mk_table *t = mk_active; \
    mk_conv q = as_one_row(p); \
    mk_conv_map m = forward_map(&q); \
    job_##S b = {.m = &m, .n = p->n, .x_size = p->c * p->in[0] * p->in[1], .y_size = p->o * p->out[0] * p->out[1], .x = x, \
                 .y = (T *)dy, .weights = p->o * m.w_m, .some = t->conv_lanes_##S}; \
    int64_t together = 0, items = m.groups * ((m.m + MK_CONV_RANGE - 1) / MK_CONV_RANGE); \
    b.bytes = (size_t)t->conv_weight_space_##S(&m) * sizeof(T); \
    if (by_channels(&m, b.some) && !by_products(&q, b.some)) { \
        b.kind = BY_CHANNELS; \
        together = t->conv_weight_together_##S(&m, p->n); \
        items = m.groups * t->conv_panels_##S(&m); \
        b.bytes = (size_t)t->conv_weight_channels_space_##S(&m, p->n) * sizeof(T); \
    } else if (by_groups(&m, b.some, t->conv_own_space_##S(&m) * (int64_t)sizeof(T))) { \
        b.kind = BY_GROUPS; \
        items = (m.groups + b.some - 1) / b.some; \
        b.bytes = (size_t)t->conv_own_space_##S(&m) * sizeof(T); \
        b.some = p->n; \
    } else if (is_small(p) || is_pointwise(p)) { \
        return 0; \
    } else if (!by_samples(p, b.some, (int64_t)b.bytes) || b.weights > PARTS) { \
        b.kind = BY_PLACES; \
        together = t->conv_together_##S(&m, p->n); \
        b.bytes = (size_t)t->conv_weight_planes_space_##S(&m, p->n) * sizeof(T); \
    } \
    if (together) { \
        int64_t groups = (p->n + together - 1) / together; \
        int64_t most = PARTS / b.weights < 1 ? 1 : PARTS / b.weights > 16 ? 16 : PARTS / b.weights; \
        b.some = (groups + most - 1) / most * together; \
    } \
    int64_t parts = (p->n + b.some - 1) / b.some; \
    size_t bytes = (size_t)(parts * b.weights) * sizeof(T); \
    b.parts = b.bytes > LARGEST ? NULL : parts == 1 ? dw : mk_alloc(bytes); \
    if (!b.parts) return 0; \
    if (b.kind == BY_SAMPLES || b.kind == BY_PLACES) memset(b.parts, 0, bytes); \
    int32_t done = go_##S(&b, p, items); \
    if (parts == 1) return done; \
    memcpy(dw, b.parts, (size_t)b.weights * sizeof(T)); \
    for (int64_t i = 1; i < parts; i++) t->accumulate_rows_##S(b.parts + i * b.weights, 0, dw, 0, 1, b.weights); \
    mk_free(b.parts, bytes); \
    return done; \
}

DEFINE(float, f32)
DEFINE(double, f64)
