/* kernels.h (internal): the table of loops that exist once per instruction
 * set. Each isa_*.c fills one table from the same templates; the best one the
 * CPU can run is chosen when the library is loaded. All pointers are to
 * contiguous elements; strides, threads and blocking are the callers' work. */
#ifndef MK_KERNELS_INTERNAL_H
#define MK_KERNELS_INTERNAL_H

#include "include/martlet_kernels.h"

/* The members for one element type T with name suffix S. */
#define MK_TABLE_MEMBERS(T, S) \
    void (*unary_##S)(int32_t op, const T *x, T *out, int64_t n); \
    void (*unary_param_##S)(int32_t op, const T *x, T *out, int64_t n, const double *p); \
    void (*binary_##S)(int32_t op, const T *a, const T *b, T *out, int64_t n); \
    void (*binary_param_##S)(int32_t op, const T *a, const T *b, T *out, int64_t n, const double *p); \
    /* ADD SUB MUL DIV with one operand a single value; 0 if the op has no such loop */ \
    int (*binary_right_##S)(int32_t op, const T *a, T b, T *out, int64_t n); \
    int (*binary_left_##S)(int32_t op, T a, const T *b, T *out, int64_t n); \
    void (*compare_##S)(int32_t op, const T *a, const T *b, uint8_t *out, int64_t n); \
    void (*add_scaled_##S)(const T *a, const T *b, T alpha, T *out, int64_t n); \
    void (*addcmul_##S)(const T *a, const T *b, const T *c, T value, T *out, int64_t n); \
    void (*addcdiv_##S)(const T *a, const T *b, const T *c, T value, T *out, int64_t n); \
    void (*lerp_##S)(const T *a, const T *b, const T *w, T *out, int64_t n); \
    void (*where_##S)(const uint8_t *c, const T *a, const T *b, T *out, int64_t n); \
    T (*sum_##S)(const T *x, int64_t n); \
    T (*sum_strided_##S)(const T *x, int64_t s, int64_t n); \
    T (*sumsq_##S)(const T *x, int64_t n); \
    T (*dot_##S)(const T *x, const T *y, int64_t n); \
    T (*prod_##S)(const T *x, int64_t n); \
    T (*max_##S)(const T *x, int64_t n, int64_t *index); \
    T (*min_##S)(const T *x, int64_t n, int64_t *index); \
    void (*max_pool2_##S)(const T *x, int64_t width, int64_t first, T *out, int64_t *at, int64_t n); \
    void (*mean_var_##S)(const T *x, int64_t n, double *mean, double *m2); \
    void (*sum_rows_##S)(const T *x, int64_t rows, int64_t cols, int64_t stride, T *out); \
    void (*copy_rows_##S)(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols); \
    void (*accumulate_rows_##S)(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols); \
    void (*softmax_##S)(const T *x, T *out, int64_t rows, int64_t cols); \
    void (*log_softmax_##S)(const T *x, T *out, int64_t rows, int64_t cols); \
    void (*softmax_backward_##S)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols); \
    void (*log_softmax_backward_##S)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols); \
    void (*layer_norm_##S)(const T *x, const T *weight, const T *bias, double eps, T *out, T *mean, T *rstd, \
                           int64_t rows, int64_t cols); \
    void (*layer_norm_backward_##S)(const T *grad, const T *x, const T *mean, const T *rstd, const T *weight, T *dx, \
                                    int64_t rows, int64_t cols); \
    void (*layer_norm_parameters_##S)(const T *grad, const T *x, const T *mean, const T *rstd, T *dweight, T *dbias, \
                                      int64_t rows, int64_t cols, int64_t stride); \
    void (*sgd_##S)(T *p, const T *g, T *buf, int64_t n, const double *h); \
    void (*adam_##S)(T *p, const T *g, T *m, T *v, T *max_sq, int64_t n, const double *h); \
    void (*sparse_adam_##S)(T *p, const T *g, T *m, T *v, int64_t n, const double *h); \
    void (*rmsprop_##S)(T *p, const T *g, T *sq, T *avg, T *buf, int64_t n, const double *h); \
    void (*adagrad_##S)(T *p, const T *g, T *sum, int64_t n, const double *h); \
    void (*adadelta_##S)(T *p, const T *g, T *sq, T *acc, int64_t n, const double *h); \
    void (*adamax_##S)(T *p, const T *g, T *m, T *u, int64_t n, const double *h); \
    void (*nadam_##S)(T *p, const T *g, T *m, T *v, int64_t n, const double *h); \
    void (*radam_##S)(T *p, const T *g, T *m, T *v, int64_t n, const double *h); \
    void (*rprop_##S)(T *p, const T *g, T *prev, T *size, int64_t n, const double *h); \
    void (*asgd_##S)(T *p, const T *g, T *ax, int64_t n, const double *h); \
    /* Matrix products; see template/gemm.h and gemv.h. space: gemm_space elements, 64-byte aligned. */ \
    void (*gemm_##S)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t rsa, int64_t csa, const T *b, \
                     int64_t rsb, int64_t csb, T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int bias_rows, \
                     T *space); \
    int64_t gemm_narrow_##S; \
    int64_t (*gemm_space_##S)(int64_t m, int64_t n, int64_t k); \
    void (*gemm_dots_##S)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, \
                          T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int64_t bias_row, int64_t bias_col); \
    void (*gemv_combine_##S)(int64_t n, int64_t k, T alpha, const T *x, int64_t incx, const T *b, int64_t ldb, T beta, \
                             T *y, int64_t incy, const T *bias, int64_t inc_bias);

typedef struct mk_table {
    MK_TABLE_MEMBERS(float, f32)
    MK_TABLE_MEMBERS(double, f64)
    void (*f64_to_f32)(const double *x, float *out, int64_t n);
    void (*f32_to_f64)(const float *x, double *out, int64_t n);
    void (*f16_to_f32)(const uint16_t *x, float *out, int64_t n);
    void (*f32_to_f16)(const float *x, uint16_t *out, int64_t n);
    void (*bf16_to_f32)(const uint16_t *x, float *out, int64_t n);
    void (*f32_to_bf16)(const float *x, uint16_t *out, int64_t n);
    const char *name;
} mk_table;

extern const mk_table mk_table_generic;
#if defined(__x86_64__)
extern const mk_table mk_table_avx2;
extern const mk_table mk_table_avx512;
#endif

/* The chosen table; never NULL. */
extern const mk_table *mk_active;

/* Elements handled per thread at least, in a cheap elementwise loop. */
#define MK_GRAIN 32768

/* mk_parallel_for where items are large: the work of all is that of `grains` times MK_GRAIN cheap elements. */
void mk_parallel_heavy(int64_t n, int64_t grain, int64_t grains, void (*fn)(void *context, int64_t begin, int64_t end), void *context);

/* Before a loop whose iterations touch distinct elements: the compiler need
 * not test whether the pointers overlap (in place use has the same index). */
#if defined(__clang__)
#define MK_VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety) interleave(enable)")
#else
#define MK_VECTOR_LOOP
#endif

#define MK_CAT2(a, b) a##_##b
#define MK_CAT(a, b) MK_CAT2(a, b)

#endif
