/* kernels.h (internal): the table of loops that exist once per instruction
 * set. Each isa_*.c fills one table from the same templates; the best one the
 * CPU can run is chosen when the library is loaded. All pointers are to
 * contiguous elements; strides, threads and blocking are the callers' work. */
#ifndef MK_KERNELS_INTERNAL_H
#define MK_KERNELS_INTERNAL_H

#include "include/martlet_kernels.h"

/* Called with a block of C, m x n elements from row i and column j on, or NULL. */
typedef void (*mk_gemm_done)(const void *context, int64_t i, int64_t j, int64_t m, int64_t n);

/* The results along one dimension that the same taps lead to: `count` of them, `step` apart from `first` on. Result i meets
 * kernel place tap + t * tap_step at input place i * stride + shift + t * shift_step. A convolution has one such axis per
 * dimension; its gradient for the input has as many as the stride. */
typedef struct { int64_t first, step, count, stride, taps, tap, tap_step, shift, shift_step; } mk_conv_axis;

enum { MK_CONV_STRIDE = 4, MK_CONV_KERNEL = 64, MK_CONV_RANGE = 8, MK_CONV_TAPS = 256 };
/* Elements of samples that are laid out together at least, where there are as many. */
enum { MK_CONV_BLOCK = 1 << 17 };

/* A convolution or its gradient for the input: m channels from k in each group. w_*: where weights are. */
typedef struct {
    int64_t groups, m, k, in[2], out[2], kernel[2], phases[2];
    int64_t before[2], after[2]; /* zeros that taps reach beside the input */
    int64_t w_group, w_m, w_k;
    int own;                     /* vectors are of channels that have a kernel of their own, not of samples */
    mk_conv_axis axis[2][MK_CONV_STRIDE];
} mk_conv_map;

/* The taps, from..<to, with which one of the results first...last meets the input. */
static inline void mk_conv_reach(const mk_conv_axis *a, int64_t first, int64_t last, int64_t in, int64_t *from, int64_t *to) {
    int64_t t = 0, end = a->taps, low = first * a->stride + a->shift, high = last * a->stride + a->shift;
    while (t < end && (high + t * a->shift_step < 0 || low + t * a->shift_step >= in)) t++;
    while (end > t && (high + (end - 1) * a->shift_step < 0 || low + (end - 1) * a->shift_step >= in)) end--;
    *from = t;
    *to = end;
}

/* At most: taps of a window, the distance of windows in a row, and how many results further on in a line the last one of a
 * row reads. */
enum { MK_POOL_TAPS = 128, MK_POOL_STRIDE = 4, MK_POOL_REACH = 32 };

/* How far apart rows of results are in a line of template/pool.h: the columns, and what the last of them reach beyond. */
static inline int64_t mk_pool_pitch(const mk_pool *p) {
    return p->out[1] + (p->kernel[1] - 1) * p->dilation[1] / p->stride[1];
}

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
    void (*dropout_##S)(const T *x, const uint8_t *bits, int64_t first, T scale, T *out, int64_t n); \
    T (*sum_##S)(const T *x, int64_t n); \
    T (*sum_strided_##S)(const T *x, int64_t s, int64_t n); \
    T (*sumsq_##S)(const T *x, int64_t n); \
    T (*dot_##S)(const T *x, const T *y, int64_t n); \
    T (*prod_##S)(const T *x, int64_t n); \
    T (*max_##S)(const T *x, int64_t n, int64_t *index); \
    T (*min_##S)(const T *x, int64_t n, int64_t *index); \
    void (*mean_var_##S)(const T *x, int64_t n, double *mean, double *m2); \
    void (*sum_rows_##S)(const T *x, int64_t rows, int64_t cols, int64_t stride, T *out); \
    void (*copy_rows_##S)(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols); \
    void (*stream_##S)(const T *x, T *y, int64_t n); \
    void (*accumulate_rows_##S)(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols); \
    void (*softmax_##S)(const T *x, T *out, int64_t rows, int64_t cols); \
    void (*log_softmax_##S)(const T *x, T *out, int64_t rows, int64_t cols); \
    void (*softmax_backward_##S)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols); \
    void (*log_softmax_backward_##S)(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols); \
    void (*cross_entropy_##S)(const T *x, const int64_t *labels, T *top, T *shift, T *picked, int64_t rows, int64_t cols); \
    void (*cross_entropy_backward_##S)(const T *x, const int64_t *labels, const T *top, const T *shift, const T *scale, \
                                       T *out, int64_t rows, int64_t cols); \
    void (*layer_norm_##S)(const T *x, const T *weight, const T *bias, double eps, T *out, T *mean, T *rstd, \
                           int64_t rows, int64_t cols); \
    void (*rms_norm_##S)(const T *x, const T *weight, double eps, T *out, T *rstd, int64_t rows, int64_t cols); \
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
                     mk_gemm_done done, const void *context, T *space); \
    int64_t gemm_narrow_##S; \
    int64_t (*gemm_space_##S)(int64_t m, int64_t n, int64_t k); \
    void (*gemm_dots_##S)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, \
                          T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int64_t bias_row, int64_t bias_col); \
    void (*gemv_combine_##S)(int64_t n, int64_t k, T alpha, const T *x, int64_t incx, const T *b, int64_t ldb, T beta, \
                             T *y, int64_t incy, const T *bias, int64_t inc_bias); \
    /* Factorisations; see template/factor.h. */ \
    int64_t (*factor_rows_##S)(T *a, int64_t ld, int64_t n, int64_t columns); \
    void (*reflect_left_##S)(T tau, const T *v, int64_t m, T *c, int64_t ld, int64_t columns); \
    void (*reflect_right_##S)(T tau, const T *v, int64_t n, T *c, int64_t ld, int64_t rows); \
    void (*rotate_rows_##S)(T *z, int64_t ld, int64_t columns, int64_t turns, const int64_t *at, const T *c, const T *s); \
    void (*symmetric_step_##S)(T *a, int64_t ld, int64_t n, const T *v, const T *w, const T *x, T *y); \
    void (*rank_two_step_##S)(T *a, int64_t ld, int64_t m, int64_t n, const T *u, const T *y, const T *x, const T *v, \
                              const T *w, T *z); \
    /* Convolutions, over blocks of conv_lanes samples and over lines of places: some tiles of channels, conv_height high, \
       or ranges of MK_CONV_RANGE of them; over vectors of channels: some panels, or blocks of channels that have a kernel \
       of their own. See template/conv.h, conv_planes.h, conv_channels.h and conv_own.h. */ \
    int64_t conv_lanes_##S; \
    int64_t (*conv_height_##S)(int64_t m); \
    int64_t (*conv_weights_##S)(const mk_conv_map *m); \
    void (*conv_pack_##S)(const mk_conv_map *m, const T *w, T *to); \
    int64_t (*conv_space_##S)(const mk_conv_map *m); \
    void (*conv_block_##S)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w, const T *bias, \
                           T *y, T *space); \
    int64_t (*conv_weight_space_##S)(const mk_conv_map *m); \
    void (*conv_weight_block_##S)(const mk_conv_map *m, int64_t n, int64_t begin, int64_t stop, const T *x, const T *g, T *dw, \
                                  T *space); \
    int64_t (*conv_together_##S)(const mk_conv_map *m, int64_t n); \
    int64_t (*conv_planes_space_##S)(const mk_conv_map *m, int64_t n); \
    void (*conv_planes_##S)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w, const T *bias, \
                            T *y, T *space); \
    int64_t (*conv_weight_planes_space_##S)(const mk_conv_map *m, int64_t n); \
    void (*conv_weight_planes_##S)(const mk_conv_map *m, int64_t n, int64_t begin, int64_t stop, const T *x, const T *g, T *dw, \
                                   T *space); \
    int (*conv_by_rows_##S)(const mk_conv_map *m); \
    int64_t (*conv_own_space_##S)(const mk_conv_map *m); \
    void (*conv_own_##S)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w, \
                         const T *bias, T *y, T *space); \
    void (*conv_weight_own_##S)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *g, \
                                T *dw, T *space); \
    int64_t (*conv_panels_##S)(const mk_conv_map *m); \
    int64_t (*conv_panel_##S)(const mk_conv_map *m); \
    void (*conv_pack_panel_##S)(const mk_conv_map *m, int64_t at, const T *w, T *to); \
    int64_t (*conv_channels_space_##S)(const mk_conv_map *m, int64_t some); \
    void (*conv_channels_##S)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w, \
                              int packed, const T *bias, T *y, T *space); \
    int64_t (*conv_weight_together_##S)(const mk_conv_map *m, int64_t n); \
    int64_t (*conv_weight_channels_space_##S)(const mk_conv_map *m, int64_t n); \
    void (*conv_weight_channels_##S)(const mk_conv_map *m, int64_t n, int64_t begin, int64_t stop, const T *x, const T *g, \
                                     T *dw, T *space); \
    /* Pooling of rows of results, and of planes; see template/pool.h. */ \
    int64_t (*pool_space_##S)(const mk_pool *p); \
    void (*max_pool_##S)(const mk_pool *p, const T *x, int64_t first, int64_t end, T *out, int64_t *at, T *space); \
    void (*avg_pool_##S)(const mk_pool *p, const T *x, int64_t first, int64_t end, T *out, T *space); \
    void (*avg_pool_backward_##S)(const mk_pool *p, const T *g, int64_t first, int64_t end, T *dx, T *space);

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
#elif defined(__aarch64__)
extern const mk_table mk_table_neon;
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

/* Gives the free memory of objects that the calling thread keeps back to malloc; see objects.c. */
void mk_empty_objects(void);

#endif
