/* mk_pool.h: pooling over two dimensions on contiguous planes. One dimension is two, the first of size 1. */
#ifndef MK_POOL_H
#define MK_POOL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows come before columns. Averages: divided by count[0][row] * count[1][column] of the result, or by divisor unless 0. */
typedef struct mk_pool {
    int64_t planes, in[2], out[2], kernel[2], stride[2], padding[2], dilation[2];
    const int64_t *count[2];
    double divisor;
} mk_pool;

/* The largest of each window and its place in the plane: a NaN wins, the last of them; else the first of equals. 0, with
 * nothing done, where windows are too large for these loops or memory is lacking; so below. */
int32_t mk_max_pool_f32(const mk_pool *p, const float *x, float *out, int64_t *at);
int32_t mk_max_pool_f64(const mk_pool *p, const double *x, double *out, int64_t *at);

/* Averages, and their gradient, which overwrites dx. */
int32_t mk_avg_pool_f32(const mk_pool *p, const float *x, float *out);
int32_t mk_avg_pool_f64(const mk_pool *p, const double *x, double *out);
int32_t mk_avg_pool_backward_f32(const mk_pool *p, const float *g, float *dx);
int32_t mk_avg_pool_backward_f64(const mk_pool *p, const double *g, double *dx);

/* Planes of zeros with the `places` elements of each plane of g added at the places that `at` names. */
void mk_add_to_planes_f32(int64_t planes, int64_t places, int64_t pixels, const int64_t *at, const float *g, float *dx);
void mk_add_to_planes_f64(int64_t planes, int64_t places, int64_t pixels, const int64_t *at, const double *g, double *dx);

#ifdef __cplusplus
}
#endif
#endif
