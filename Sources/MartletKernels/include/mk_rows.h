/* mk_rows.h: operations on the rows of a contiguous rows x cols matrix. */
#ifndef MK_ROWS_H
#define MK_ROWS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* rows of cols elements, the rows xr and yr elements apart: y = x and y = y + x. Meant for short rows. */
void mk_copy_rows_f32(const float *x, int64_t xr, float *y, int64_t yr, int64_t rows, int64_t cols);
void mk_copy_rows_f64(const double *x, int64_t xr, double *y, int64_t yr, int64_t rows, int64_t cols);
void mk_accumulate_rows_f32(const float *x, int64_t xr, float *y, int64_t yr, int64_t rows, int64_t cols);
void mk_accumulate_rows_f64(const double *x, int64_t xr, double *y, int64_t yr, int64_t rows, int64_t cols);

/* out = exp(x - max) / sum(exp(x - max)) and its logarithm, row by row. */
void mk_softmax_f32(const float *x, float *out, int64_t rows, int64_t cols);
void mk_softmax_f64(const double *x, double *out, int64_t rows, int64_t cols);
void mk_log_softmax_f32(const float *x, float *out, int64_t rows, int64_t cols);
void mk_log_softmax_f64(const double *x, double *out, int64_t rows, int64_t cols);

/* Gradients with respect to x from the gradient of out and out itself:
 * softmax: (grad - sum(grad * out)) * out;  log_softmax: grad - exp(out) * sum(grad). */
void mk_softmax_backward_f32(const float *grad, const float *out, float *gin, int64_t rows, int64_t cols);
void mk_softmax_backward_f64(const double *grad, const double *out, double *gin, int64_t rows, int64_t cols);
void mk_log_softmax_backward_f32(const float *grad, const float *out, float *gin, int64_t rows, int64_t cols);
void mk_log_softmax_backward_f64(const double *grad, const double *out, double *gin, int64_t rows, int64_t cols);

/* Of log_softmax(x) only the element labels[r] of each row, 0 where that is below 0: picked (rows values). The largest
 * element and the logarithm of the sum of e^(x - top), top and shift (rows values each), serve the gradient: that of x
 * is scale[r] at the label less softmax(x) scale[r], scale (rows values) being the gradient of picked. out may be x. */
void mk_cross_entropy_f32(const float *x, const int64_t *labels, float *top, float *shift, float *picked, int64_t rows,
                          int64_t cols);
void mk_cross_entropy_f64(const double *x, const int64_t *labels, double *top, double *shift, double *picked,
                          int64_t rows, int64_t cols);
void mk_cross_entropy_backward_f32(const float *x, const int64_t *labels, const float *top, const float *shift,
                                   const float *scale, float *out, int64_t rows, int64_t cols);
void mk_cross_entropy_backward_f64(const double *x, const int64_t *labels, const double *top, const double *shift,
                                   const double *scale, double *out, int64_t rows, int64_t cols);

/* Layer norm over each row: out = (x - mean) * rstd * weight + bias with
 * rstd = 1 / sqrt(var + eps), var the biased variance. weight and bias (cols
 * values) may be NULL. mean and rstd (rows values) are written unless NULL. */
void mk_layer_norm_f32(const float *x, const float *weight, const float *bias, double eps,
                       float *out, float *mean, float *rstd, int64_t rows, int64_t cols);
void mk_layer_norm_f64(const double *x, const double *weight, const double *bias, double eps,
                       double *out, double *mean, double *rstd, int64_t rows, int64_t cols);

/* RMS norm over each row: out = x * rstd * weight with rstd = 1 / sqrt(mean(x^2) + eps). weight may be NULL. Its gradients
 * are those of layer norm without means (mean NULL). */
void mk_rms_norm_f32(const float *x, const float *weight, double eps, float *out, float *rstd, int64_t rows, int64_t cols);
void mk_rms_norm_f64(const double *x, const double *weight, double eps, double *out, double *rstd, int64_t rows,
                     int64_t cols);

/* Its gradients: dx (rows x cols), and added onto dweight and dbias (cols
 * values). Any of the three may be NULL; weight may be NULL. */
void mk_layer_norm_backward_f32(const float *grad, const float *x, const float *mean, const float *rstd,
                                const float *weight, float *dx, float *dweight, float *dbias,
                                int64_t rows, int64_t cols);
void mk_layer_norm_backward_f64(const double *grad, const double *x, const double *mean, const double *rstd,
                                const double *weight, double *dx, double *dweight, double *dbias,
                                int64_t rows, int64_t cols);

#ifdef __cplusplus
}
#endif
#endif
