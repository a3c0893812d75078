/* conv.c: convolutions by blocks of samples: their geometry, when they pay, and threads around them. Blocks do not
 * depend on each other and partial sums are added in their order, so the result does not depend on the number of threads. */
#include "kernels.h"

#include <stdatomic.h>
#include <string.h>

enum { GRAIN = 1 << 20 };

/* The zeros beside a row that the taps of this axis reach. */
static void widen(const mk_conv_axis *a, int64_t in, int64_t *left, int64_t *right) {
    if (a->taps == 0 || a->count == 0) return;
    int64_t last = a->shift + (a->taps - 1) * a->shift_step, low = a->shift < last ? a->shift : last,
            high = (a->shift < last ? last : a->shift) + (a->count - 1) * a->stride;
    if (-low > *left) *left = -low;
    if (high - (in - 1) > *right) *right = high - (in - 1);
}

static mk_conv_map forward_map(const mk_conv *p) {
    mk_conv_map m = {.groups = p->groups, .m = p->o / p->groups, .k = p->c / p->groups, .phases = {1, 1}};
    for (int d = 0; d < 2; d++) {
        m.in[d] = p->in[d];
        m.out[d] = p->out[d];
        m.kernel[d] = p->kernel[d];
        m.axis[d][0] = (mk_conv_axis){.step = 1, .count = p->out[d], .stride = p->stride[d], .taps = p->kernel[d], .tap_step = 1,
                                      .shift = -p->padding[d], .shift_step = p->dilation[d]};
    }
    m.w_k = p->kernel[0] * p->kernel[1];
    m.w_m = m.k * m.w_k;
    m.w_group = m.m * m.w_m;
    widen(&m.axis[1][0], m.in[1], &m.left, &m.right);
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
            if (d == 1) widen(a, m.in[1], &m.left, &m.right);
        }
    }
    m.w_m = p->kernel[0] * p->kernel[1];
    m.w_k = p->c / p->groups * m.w_m;
    m.w_group = m.k * m.w_k;
    return m;
}

static int may_pay(const mk_conv *p) {
    return p->n > 0 && p->stride[0] <= MK_CONV_STRIDE && p->stride[1] <= MK_CONV_STRIDE;
}

/* Whether the vectors of samples are full enough, and a block with its scratch stays in a cache. */
static int pays(const mk_conv *p, int64_t lanes, int64_t bytes) {
    int64_t blocks = (p->n + lanes - 1) / lanes;
    return p->n * 4 >= blocks * lanes * 3 && bytes <= 4 << 20;
}

static int64_t work_of(const mk_conv *p) {
    return p->n * p->o * p->out[0] * p->out[1] * (p->c / p->groups) * p->kernel[0] * p->kernel[1];
}

#define DEFINE(T, S) \
typedef struct { \
    const mk_conv_map *m; \
    int64_t n, x_size, y_size; /* samples; elements of one of x and of y */ \
    const T *x, *w, *bias; \
    T *y, *parts;     /* parts: a gradient of the weight for every block; y is then read */ \
    int64_t weights; \
    size_t bytes;     /* of scratch */ \
    atomic_int lacking; \
} blocks_##S; \
static void block_##S(void *context, int64_t begin, int64_t end) { \
    blocks_##S *b = context; \
    int64_t lanes = mk_active->conv_lanes_##S; \
    T *space = mk_alloc(b->bytes); \
    if (!space) { \
        atomic_store(&b->lacking, 1); \
        return; \
    } \
    for (int64_t i = begin; i < end; i++) { \
        int64_t at = i * lanes, n = b->n - at < lanes ? b->n - at : lanes; \
        const T *x = b->x + at * b->x_size; \
        T *y = b->y + at * b->y_size; \
        if (!b->parts) { \
            mk_active->conv_block_##S(b->m, n, x, b->w, b->bias, y, space); \
            continue; \
        } \
        memset(b->parts + i * b->weights, 0, (size_t)b->weights * sizeof(T)); \
        mk_active->conv_weight_block_##S(b->m, n, x, y, b->parts + i * b->weights, space); \
    } \
    mk_free(space, b->bytes); \
} \
static int32_t map_##S(const mk_conv *p, const mk_conv_map *m, const T *x, const T *w, const T *bias, T *y) { \
    blocks_##S b = {.m = m, .n = p->n, .x_size = m->groups * m->k * m->in[0] * m->in[1], \
                    .y_size = m->groups * m->m * m->out[0] * m->out[1], .x = x, .bias = bias, .y = y}; \
    b.bytes = (size_t)mk_active->conv_space_##S(m) * sizeof(T); \
    int64_t lanes = mk_active->conv_lanes_##S, blocks = (p->n + lanes - 1) / lanes; \
    if (!pays(p, lanes, (int64_t)b.bytes)) return 0; \
    size_t packed = (size_t)mk_active->conv_weights_##S(m) * sizeof(T); \
    T *weights = mk_alloc(packed); \
    if (!weights) return 0; \
    mk_active->conv_pack_##S(m, w, weights); \
    b.w = weights; \
    mk_parallel_heavy(blocks, 1, work_of(p) / GRAIN * 4, block_##S, &b); \
    mk_free(weights, packed); \
    return !b.lacking; \
} \
int32_t mk_conv_forward_##S(const mk_conv *p, const T *x, const T *w, const T *bias, T *y) { \
    if (!may_pay(p)) return 0; \
    mk_conv_map m = forward_map(p); \
    return map_##S(p, &m, x, w, bias, y); \
} \
int32_t mk_conv_input_##S(const mk_conv *p, const T *dy, const T *w, T *dx) { \
    if (!may_pay(p)) return 0; \
    mk_conv_map m = input_map(p); \
    return map_##S(p, &m, dy, w, NULL, dx); \
} \
int32_t mk_conv_weight_##S(const mk_conv *p, const T *x, const T *dy, T *dw) { \
    if (!may_pay(p)) return 0; \
    mk_conv_map m = forward_map(p); \
    blocks_##S b = {.m = &m, .n = p->n, .x_size = p->c * p->in[0] * p->in[1], .y_size = p->o * p->out[0] * p->out[1], \
                    .x = x, .y = (T *)dy, .weights = p->o * m.w_m}; \
    b.bytes = (size_t)mk_active->conv_weight_space_##S(&m) * sizeof(T); \
    int64_t lanes = mk_active->conv_lanes_##S, blocks = (p->n + lanes - 1) / lanes; \
    size_t parts = (size_t)(blocks * b.weights) * sizeof(T); \
    if (!pays(p, lanes, (int64_t)b.bytes) || !(b.parts = mk_alloc(parts))) return 0; \
    mk_parallel_heavy(blocks, 1, work_of(p) / GRAIN * 4, block_##S, &b); \
    if (!b.lacking) { \
        memcpy(dw, b.parts, (size_t)b.weights * sizeof(T)); \
        for (int64_t i = 1; i < blocks; i++) \
            mk_active->accumulate_rows_##S(b.parts + i * b.weights, 0, dw, 0, 1, b.weights); \
    } \
    mk_free(b.parts, parts); \
    return !b.lacking; \
}

DEFINE(float, f32)
DEFINE(double, f64)
