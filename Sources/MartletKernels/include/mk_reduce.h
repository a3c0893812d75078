/* mk_reduce.h: many elements to few. See martlet_kernels.h for the conventions. */
#ifndef MK_REDUCE_H
#define MK_REDUCE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sum of n elements, a cascade of partial sums in parallel lanes, whose error
 * grows with the fourth root of n at most. 0 for n == 0. */
float mk_sum_f32(const float *x, int64_t s, int64_t n);
double mk_sum_f64(const double *x, int64_t s, int64_t n);

/* Sum of squares; blocks combined pairwise. */
float mk_sumsq_f32(const float *x, int64_t s, int64_t n);
double mk_sumsq_f64(const double *x, int64_t s, int64_t n);

/* Sum of x[i*sx] * y[i*sy] (fused multiply-add where the CPU has it). */
float mk_dot_f32(const float *x, int64_t sx, const float *y, int64_t sy, int64_t n);
double mk_dot_f64(const double *x, int64_t sx, const double *y, int64_t sy, int64_t n);

/* Product of n elements; 1 for n == 0. */
float mk_prod_f32(const float *x, int64_t s, int64_t n);
double mk_prod_f64(const double *x, int64_t s, int64_t n);

/* Over the rows of a matrix with unit column stride, out[c] = sum over r of
 * x[r*row_stride + c] for c in 0..<cols, as a cascade down the rows. */
void mk_sum_rows_f32(const float *x, int64_t rows, int64_t cols, int64_t row_stride, float *out);
void mk_sum_rows_f64(const double *x, int64_t rows, int64_t cols, int64_t row_stride, double *out);

/* Over the columns: out[r] = mk_sum of row r, the row being x + r*row_stride
 * with unit column stride. */
void mk_sum_cols_f32(const float *x, int64_t rows, int64_t cols, int64_t row_stride, float *out);
void mk_sum_cols_f64(const double *x, int64_t rows, int64_t cols, int64_t row_stride, double *out);

/* Largest and smallest of n >= 1 elements. A NaN wins. *index, unless index is
 * NULL, becomes the position of the first element that holds the result. */
float mk_max_f32(const float *x, int64_t s, int64_t n, int64_t *index);
double mk_max_f64(const double *x, int64_t s, int64_t n, int64_t *index);
float mk_min_f32(const float *x, int64_t s, int64_t n, int64_t *index);
double mk_min_f64(const double *x, int64_t s, int64_t n, int64_t *index);

/* Mean and sum of squared deviations from it (m2), in two passes, accumulated
 * in double: the variance is m2 / (n - correction). */
void mk_mean_var_f32(const float *x, int64_t s, int64_t n, double *mean, double *m2);
void mk_mean_var_f64(const double *x, int64_t s, int64_t n, double *mean, double *m2);

/* Running sum and product: out[i*so] = x[0] (+ or *) ... (+ or *) x[i*sx], left to
 * right, accumulated in double. */
void mk_cumsum_f32(const float *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_cumsum_f64(const double *x, int64_t sx, double *out, int64_t so, int64_t n);
void mk_cumprod_f32(const float *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_cumprod_f64(const double *x, int64_t sx, double *out, int64_t so, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
