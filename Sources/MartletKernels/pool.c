/* pool.c: when the loops over lines pay, and threads around pooling. */
#include "kernels.h"

#include <stdatomic.h>
#include <string.h>

enum { MAX, AVERAGE, AVERAGE_BACKWARD };

static int suits(const mk_pool *p, int64_t space) {
    return p->kernel[0] * p->kernel[1] <= MK_POOL_TAPS && p->stride[1] <= MK_POOL_STRIDE &&
           mk_pool_pitch(p) - p->out[1] <= MK_POOL_REACH && p->in[0] * p->in[1] < INT32_MAX / 2 && space <= 1 << 18;
}

#define DEFINE(T, S) \
typedef struct { \
    const mk_pool *p; \
    int kind; \
    const T *x; \
    T *out; \
    int64_t *at; \
    size_t bytes; \
    atomic_int lacking; \
} pool_##S; \
static void piece_##S(void *context, int64_t begin, int64_t end) { \
    pool_##S *j = context; \
    T *space = mk_alloc(j->bytes); \
    if (!space) { \
        atomic_store(&j->lacking, 1); \
        return; \
    } \
    if (j->kind == MAX) mk_active->max_pool_##S(j->p, j->x, begin, end, j->out, j->at, space); \
    else if (j->kind == AVERAGE) mk_active->avg_pool_##S(j->p, j->x, begin, end, j->out, space); \
    else mk_active->avg_pool_backward_##S(j->p, j->x, begin, end, j->out, space); \
    mk_free(space, j->bytes); \
} \
/* Items are rows of results, or planes. */ \
static int32_t run_##S(const mk_pool *p, int kind, const T *x, T *out, int64_t *at) { \
    int64_t space = mk_active->pool_space_##S(p), rows = kind == AVERAGE_BACKWARD ? p->out[0] : 1; \
    if (!suits(p, space)) return 0; \
    pool_##S j = {.p = p, .kind = kind, .x = x, .out = out, .at = at, .bytes = (size_t)space * sizeof(T)}; \
    int64_t work = rows * (p->out[1] + 8) * (p->kernel[0] * p->kernel[1] + 2); \
    mk_parallel_for(p->planes * p->out[0] / rows, (MK_GRAIN + work - 1) / work, piece_##S, &j); \
    return !j.lacking; \
} \
int32_t mk_max_pool_##S(const mk_pool *p, const T *x, T *out, int64_t *at) { return run_##S(p, MAX, x, out, at); } \
int32_t mk_avg_pool_##S(const mk_pool *p, const T *x, T *out) { return run_##S(p, AVERAGE, x, out, NULL); } \
int32_t mk_avg_pool_backward_##S(const mk_pool *p, const T *g, T *dx) { return run_##S(p, AVERAGE_BACKWARD, g, dx, NULL); } \
typedef struct { int64_t places, pixels; const int64_t *at; const T *g; T *dx; } planes_##S; \
static void plane_##S(void *context, int64_t begin, int64_t end) { \
    const planes_##S *j = context; \
    for (int64_t p = begin; p < end; p++) { \
        const int64_t *at = j->at + p * j->places; \
        const T *g = j->g + p * j->places; \
        T *dx = j->dx + p * j->pixels; \
        memset(dx, 0, (size_t)j->pixels * sizeof(T)); \
        for (int64_t i = 0; i < j->places; i++) dx[at[i]] += g[i]; \
    } \
} \
void mk_add_to_planes_##S(int64_t planes, int64_t places, int64_t pixels, const int64_t *at, const T *g, T *dx) { \
    planes_##S j = {places, pixels, at, g, dx}; \
    mk_parallel_for(planes, MK_GRAIN / (places * 4 + pixels / 4 + 1) + 1, plane_##S, &j); \
}

DEFINE(float, f32)
DEFINE(double, f64)
