/* matmul.c: matrix products. */
#include "kernels.h"

#define DEFINE(T, S) \
void mk_gemm_##S(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t rsa, int64_t csa, const T *b, \
                 int64_t rsb, int64_t csb, T beta, T *c, int64_t rsc, int64_t csc, const T *bias) { \
    for (int64_t i = 0; i < m; i++) \
        for (int64_t j = 0; j < n; j++) { \
            T s = 0; \
            for (int64_t p = 0; p < k; p++) s += a[i * rsa + p * csa] * b[p * rsb + j * csb]; \
            T *to = c + i * rsc + j * csc, v = alpha * s; \
            if (beta != 0) v += beta * *to; \
            *to = bias ? v + bias[j] : v; \
        } \
} \
void mk_gemm_batched_##S(int64_t batch, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t bsa, int64_t rsa, \
                         int64_t csa, const T *b, int64_t bsb, int64_t rsb, int64_t csb, T beta, T *c, int64_t bsc, \
                         int64_t rsc, int64_t csc) { \
    for (int64_t i = 0; i < batch; i++) \
        mk_gemm_##S(m, n, k, alpha, a + i * bsa, rsa, csa, b + i * bsb, rsb, csb, beta, c + i * bsc, rsc, csc, 0); \
}
DEFINE(float, f32)
DEFINE(double, f64)
