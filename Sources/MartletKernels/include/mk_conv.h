/* mk_conv.h: convolutions over two spatial dimensions and their gradients, on contiguous tensors. One dimension is two,
 * the first of size 1. */
#ifndef MK_CONV_H
#define MK_CONV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x is n x c x in, y is n x o x out, w is o x c/groups x kernel; rows come before columns. */
typedef struct mk_conv {
    int64_t n, c, o, groups;
    int64_t in[2], out[2], kernel[2], stride[2], padding[2], dilation[2];
} mk_conv;

/* y = x convolved with w, plus the bias of each channel (o values, or NULL); the gradients of x and of w from that of y.
 * The result is overwritten. 0 where the shape is better served by matrix products, or memory is lacking: the result then
 * holds nothing. */
int32_t mk_conv_forward_f32(const mk_conv *p, const float *x, const float *w, const float *bias, float *y);
int32_t mk_conv_forward_f64(const mk_conv *p, const double *x, const double *w, const double *bias, double *y);
int32_t mk_conv_input_f32(const mk_conv *p, const float *dy, const float *w, float *dx);
int32_t mk_conv_input_f64(const mk_conv *p, const double *dy, const double *w, double *dx);
int32_t mk_conv_weight_f32(const mk_conv *p, const float *x, const float *dy, float *dw);
int32_t mk_conv_weight_f64(const mk_conv *p, const double *x, const double *dy, double *dw);

#ifdef __cplusplus
}
#endif
#endif
