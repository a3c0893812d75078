/* blas.h: what matmul.c asks of a loaded BLAS, and what lapack.c does; see blas.c. */
#ifndef MK_BLAS_INTERNAL_H
#define MK_BLAS_INTERNAL_H

#include "include/mk_blas.h"
#include "include/mk_lapack.h"

#include <stdatomic.h>

struct mk_blas;

/* NULL when the embedded kernels do everything. */
extern _Atomic(struct mk_blas *) mk_blas_current;

/* The library, if it is the faster one for a product of this size and layout (C by rows), or NULL. */
struct mk_blas *mk_blas_for(int is_double, int64_t m, int64_t n, int64_t k, int64_t rsa, int64_t csa, int64_t rsb, int64_t csb,
                            int64_t ldc);

/* The product, or a piece of it, that mk_blas_for said yes to; bias as in mk_gemm, or one value per row. */
void mk_blas_gemm_f32(const struct mk_blas *blas, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t rsa,
                      int64_t csa, const float *b, int64_t rsb, int64_t csb, float beta, float *c, int64_t ldc, const float *bias,
                      int bias_rows);
void mk_blas_gemm_f64(const struct mk_blas *blas, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t rsa,
                      int64_t csa, const double *b, int64_t rsb, int64_t csb, double beta, double *c, int64_t ldc,
                      const double *bias, int bias_rows);

/* The functions of a library that lapack.c calls, f32 and f64; NULL for those it lacks. */
enum { MK_LAPACK_ROUTINES = 16 };
struct mk_lapack {
    int wide; /* integers have 64 bits */
    void *routines[2][MK_LAPACK_ROUTINES];
};

/* Finds them, under their names with `prefix` before and `suffix` after. */
void mk_lapack_bind(mk_lapack *l, void *handle, const char *prefix, const char *suffix, int wide);

/* Those of the library in use; NULL without one. */
const mk_lapack *mk_blas_lapack(void);

#endif
