/* mk_matmul.h: matrix products. See martlet_kernels.h for the conventions. */
#ifndef MK_MATMUL_H
#define MK_MATMUL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* C = alpha * A B + beta * C, then + bias on each row.
 * A is m x k, B is k x n, C is m x n, each with any row stride (rs*) and column
 * stride (cs*): a transposed operand is given by its strides and costs nothing.
 * beta == 0 does not read C; k == 0 leaves beta * C (+ bias). bias is n values
 * with stride 1, or NULL. C must not overlap A or B. */
void mk_gemm_f32(int64_t m, int64_t n, int64_t k, float alpha,
                 const float *a, int64_t rsa, int64_t csa,
                 const float *b, int64_t rsb, int64_t csb,
                 float beta, float *c, int64_t rsc, int64_t csc, const float *bias);
void mk_gemm_f64(int64_t m, int64_t n, int64_t k, double alpha,
                 const double *a, int64_t rsa, int64_t csa,
                 const double *b, int64_t rsb, int64_t csb,
                 double beta, double *c, int64_t rsc, int64_t csc, const double *bias);

/* The same, then out = op(C), computed while C is in the cache; op is one of mk_unary_* (mk_elementwise.h), and the
 * result is bit for bit that of mk_unary_* on C. out has C's strides; it is C itself where C is not asked for. */
void mk_gemm_unary_f32(int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t rsa, int64_t csa,
                       const float *b, int64_t rsb, int64_t csb,
                       float beta, float *c, int64_t rsc, int64_t csc, const float *bias, int32_t op, float *out);
void mk_gemm_unary_f64(int64_t m, int64_t n, int64_t k, double alpha,
                       const double *a, int64_t rsa, int64_t csa,
                       const double *b, int64_t rsb, int64_t csb,
                       double beta, double *c, int64_t rsc, int64_t csc, const double *bias, int32_t op, double *out);

/* batch independent products; operand i of A starts at a + i*bsa, and so on.
 * A batch stride of 0 shares that operand. */
void mk_gemm_batched_f32(int64_t batch, int64_t m, int64_t n, int64_t k, float alpha,
                         const float *a, int64_t bsa, int64_t rsa, int64_t csa,
                         const float *b, int64_t bsb, int64_t rsb, int64_t csb,
                         float beta, float *c, int64_t bsc, int64_t rsc, int64_t csc);
void mk_gemm_batched_f64(int64_t batch, int64_t m, int64_t n, int64_t k, double alpha,
                         const double *a, int64_t bsa, int64_t rsa, int64_t csa,
                         const double *b, int64_t bsb, int64_t rsb, int64_t csb,
                         double beta, double *c, int64_t bsc, int64_t rsc, int64_t csc);

#ifdef __cplusplus
}
#endif
#endif
