/* mk_factor.h: inner loops of factorisations of one row-major matrix, on the calling thread. Rows are `ld` apart. */
#ifndef MK_FACTOR_H
#define MK_FACTOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first n rows U of the upper factor of a positive-definite matrix, U'U, in place: a is n x columns from its diagonal
 * element on; below the diagonal anything may stand, and stands after. 0, or the order of the first leading minor of the
 * n x n part that is not positive. */
int64_t mk_factor_rows_f32(float *a, int64_t ld, int64_t n, int64_t columns);
int64_t mk_factor_rows_f64(double *a, int64_t ld, int64_t n, int64_t columns);

/* C = (I - tau v v') C for the m x columns matrix C, and C = C (I - tau v v') for the rows x n matrix C. */
void mk_reflect_left_f64(double tau, const double *v, int64_t m, double *c, int64_t ld, int64_t columns);
void mk_reflect_right_f64(double tau, const double *v, int64_t n, double *c, int64_t ld, int64_t rows);

/* Rotations one after the other: number t takes row p = at[t] of z and row q after it to c p + s q and c q - s p. */
void mk_rotate_rows_f64(double *z, int64_t ld, int64_t columns, int64_t turns, const int64_t *at, const double *c,
                        const double *s);

/* A -= v w' + w v', then y = A x, for the symmetric n x n matrix A of which the upper triangle counts. */
void mk_symmetric_step_f64(double *a, int64_t ld, int64_t n, const double *v, const double *w, const double *x, double *y);

/* A -= u y' + x v', then z = A' w, for an m x n matrix. */
void mk_rank_two_step_f64(double *a, int64_t ld, int64_t m, int64_t n, const double *u, const double *y, const double *x,
                          const double *v, const double *w, double *z);

#ifdef __cplusplus
}
#endif
#endif
