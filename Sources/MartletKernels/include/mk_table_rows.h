/* mk_table_rows.h: rows of a large table at numbered places. See
 * martlet_kernels.h for the conventions. */
#ifndef MK_TABLE_ROWS_H
#define MK_TABLE_ROWS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* out[i] = table[index[i]], rows of `bytes` bytes; zeros for index `skip`. */
void mk_gather_rows(const void *table, int64_t bytes, const int64_t *index, int64_t n, int64_t skip, void *out);

/* table[index[i]] += alpha * source[i], rows of `block` elements, in order of i;
 * rows of index `skip` are left out. Product and sum are rounded once. */
void mk_add_rows_f32(float *table, int64_t block, const int64_t *index, int64_t n, int64_t skip, const float *source, float alpha);
void mk_add_rows_f64(double *table, int64_t block, const int64_t *index, int64_t n, int64_t skip, const double *source, double alpha);

/* Which entry is how-manieth when sorted by place (none negative), equal places
 * as they came. -1 when memory cannot be had. */
int32_t mk_sort_places(const int64_t *places, int64_t n, int64_t *order);

/* out[k] = the sum of source[order[e]] for e in starts[k]..<starts[k + 1], added
 * in that order; none of the n groups is empty. */
void mk_merge_rows_f32(const float *source, int64_t block, const int64_t *order, const int64_t *starts, int64_t n, float *out);
void mk_merge_rows_f64(const double *source, int64_t block, const int64_t *order, const int64_t *starts, int64_t n, double *out);

/* Adam's step on distinct rows of p and its moments, with the gradient's rows in
 * values. With g a value: a = (1-beta1)*(g-m), b = (1-beta2)*(g*g-v),
 * p += -step_size * ((a+m) / (sqrt(b+v) + eps)), m += a, v += b. */
void mk_sparse_adam_f32(float *p, float *m, float *v, int64_t block, const int64_t *index, int64_t n, const float *values,
                        double beta1, double beta2, double eps, double step_size);
void mk_sparse_adam_f64(double *p, double *m, double *v, int64_t block, const int64_t *index, int64_t n, const double *values,
                        double beta1, double beta2, double eps, double step_size);

#ifdef __cplusplus
}
#endif
#endif
