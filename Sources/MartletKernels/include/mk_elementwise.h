/* mk_elementwise.h: one output element from the input elements of the same
 * index. See martlet_kernels.h for the conventions. */
#ifndef MK_ELEMENTWISE_H
#define MK_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Operations of mk_unary_*. NaN inputs give NaN except for SIGN. The elementary
 * functions (EXP to ATANH, ERF to DIGAMMA) are the correctly rounded float nearly
 * always, but with AVX-512 EXP is within 0.8 ulp, LOG within 1.01, TANH and ERF
 * within 0.65; in double they are within about 2 ulp, LGAMMA and DIGAMMA excepted
 * near their zeros. Compositions (RSQRT, SIGMOID, LOGSIGMOID, SILU, GELU, SOFTPLUS,
 * MISH, SELU and the like) round after each step of their formula, as torch's do,
 * from parts within 1.3 ulp; SIGMOID comes out within 2 ulp, SILU within 2.5, and
 * GELU within 2 of the larger of result and argument, since its formula adds 1 to
 * an erf near -1. */
enum {
    MK_NEG = 0,
    MK_ABS = 1,
    MK_SIGN = 2,        /* -1, 0 or 1; 0 for NaN */
    MK_SQRT = 3,
    MK_RSQRT = 4,       /* 1 / sqrt(x), two roundings */
    MK_RECIPROCAL = 5,
    MK_SQUARE = 6,
    MK_EXP = 7,
    MK_EXP2 = 8,
    MK_EXPM1 = 9,
    MK_LOG = 10,
    MK_LOG2 = 11,
    MK_LOG10 = 12,
    MK_LOG1P = 13,
    MK_SIN = 14,
    MK_COS = 15,
    MK_TAN = 16,
    MK_ASIN = 17,
    MK_ACOS = 18,
    MK_ATAN = 19,
    MK_SINH = 20,
    MK_COSH = 21,
    MK_TANH = 22,
    MK_ASINH = 23,
    MK_ACOSH = 24,
    MK_ATANH = 25,
    MK_SIGMOID = 26,
    MK_LOGSIGMOID = 27,
    MK_RELU = 28,
    MK_SILU = 29,       /* x * sigmoid(x) */
    MK_GELU = 30,       /* x/2 * (1 + erf(x / sqrt(2))) */
    MK_GELU_TANH = 31,  /* the tanh approximation */
    MK_SOFTPLUS = 32,   /* log(1 + exp(x)), x itself above 20 */
    MK_ERF = 33,
    MK_ERFC = 34,
    MK_ERFINV = 35,
    MK_LGAMMA = 36,
    MK_DIGAMMA = 37,
    MK_FLOOR = 38,
    MK_CEIL = 39,
    MK_TRUNC = 40,
    MK_ROUND = 41,      /* halves to the even neighbour */
    MK_FRAC = 42,       /* x - trunc(x) */
    MK_HARDSWISH = 43,  /* x * min(max(x + 3, 0), 6) / 6 */
    MK_HARDSIGMOID = 44,/* min(max(x + 3, 0), 6) / 6 */
    MK_MISH = 45,       /* x * tanh(softplus(x)) */
    MK_SELU = 46,
    MK_UNARY_COUNT = 47
};

/* out[i*so] = op(x[i*sx]) for i in 0..<n. */
void mk_unary_f32(int32_t op, const float *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_unary_f64(int32_t op, const double *x, int64_t sx, double *out, int64_t so, int64_t n);

/* Operations of mk_unary_param_*, with up to three parameters p[0..2]. */
enum {
    MK_CLAMP = 0,       /* min(max(x, p0), p1); NaN stays */
    MK_LEAKY_RELU = 1,  /* x > 0 ? x : p0 * x */
    MK_ELU = 2,         /* x > 0 ? p1 * x : p0 * p1 * expm1(p2 * x): alpha, scale, input scale */
    MK_SOFTPLUS_PARAM = 3, /* p0*x > p1 ? x : log1p(exp(p0*x)) / p0: beta, threshold */
    MK_THRESHOLD = 4,   /* x <= p0 ? p1 : x */
    MK_HARDSHRINK = 5,  /* |x| <= p0 ? 0 : x */
    MK_SOFTSHRINK = 6,  /* x moved towards 0 by p0 */
    MK_UNARY_PARAM_COUNT = 7
};

/* out[i*so] = op(x[i*sx]; p). */
void mk_unary_param_f32(int32_t op, const float *x, int64_t sx, float *out, int64_t so, int64_t n, const double *p);
void mk_unary_param_f64(int32_t op, const double *x, int64_t sx, double *out, int64_t so, int64_t n, const double *p);

/* Operations of mk_binary_*. */
enum {
    MK_ADD = 0,
    MK_SUB = 1,
    MK_MUL = 2,
    MK_DIV = 3,
    MK_MAXIMUM = 4,     /* NaN when either is NaN */
    MK_MINIMUM = 5,
    MK_POW = 6,         /* with sb == 0 and an exponent of -2, -1, -1/2, 1/2, 2 or 3: by products and roots */
    MK_ATAN2 = 7,
    MK_FMOD = 8,        /* sign of the dividend */
    MK_REMAINDER = 9,   /* sign of the divisor, as Python's % */
    MK_FLOOR_DIVIDE = 10, /* floor of the true quotient, as Python's // */
    MK_COPYSIGN = 11,
    MK_HYPOT = 12,
    MK_FMAX = 13,       /* the other operand when one is NaN */
    MK_FMIN = 14,
    MK_XLOGY = 15,      /* x * log(y), 0 when x is 0 and y not NaN */
    MK_LOGADDEXP = 16,
    MK_TRUE_DIV_TRUNC = 17, /* trunc(a / b) */
    MK_SQUARED_DIFFERENCE = 18, /* (a - b)^2 */
    MK_HEAVISIDE = 19,  /* a < 0 ? 0 : a > 0 ? 1 : b; 0 for a NaN a */
    MK_NEXTAFTER = 20,
    /* Derivatives: a is the incoming gradient. */
    MK_TANH_BACKWARD = 21,    /* b = tanh(x): a * (1 - b*b) */
    MK_SIGMOID_BACKWARD = 22, /* b = sigmoid(x): a * (1 - b) * b */
    MK_RELU_BACKWARD = 23,    /* b = relu(x) or x: b > 0 ? a : 0 */
    MK_GELU_BACKWARD = 24,    /* b = x */
    MK_GELU_TANH_BACKWARD = 25, /* b = x */
    MK_SILU_BACKWARD = 26,    /* b = x */
    MK_SOFTPLUS_BACKWARD = 27,/* b = x: a * sigmoid(x), a above 20 */
    MK_LOGSIGMOID_BACKWARD = 28, /* b = x: a * sigmoid(-x) */
    MK_ABS_BACKWARD = 29,     /* b = x: a * sign(b) */
    MK_BINARY_COUNT = 30
};

/* out[i*so] = op(a[i*sa], b[i*sb]). */
void mk_binary_f32(int32_t op, const float *a, int64_t sa, const float *b, int64_t sb, float *out, int64_t so, int64_t n);
void mk_binary_f64(int32_t op, const double *a, int64_t sa, const double *b, int64_t sb, double *out, int64_t so, int64_t n);

/* Derivatives of functions with parameters p[0..2]: a is the incoming gradient, b = x. */
enum {
    MK_LEAKY_RELU_BACKWARD = 0, /* x > 0 ? a : a * p0 */
    MK_ELU_BACKWARD = 1,        /* x > 0 ? a * p1 : a * (exp(x * p2) * (p2 * p0 * p1)): alpha, scale, input scale */
    MK_HARDTANH_BACKWARD = 2,   /* x <= p0 or x >= p1 ? 0 : a */
    MK_CLAMP_BACKWARD = 3,      /* p0 <= x and x <= p1 ? a : 0 */
    MK_SHRINK_BACKWARD = 4,     /* |x| <= p0 ? 0 : a */
    MK_THRESHOLD_BACKWARD = 5,  /* x <= p0 ? 0 : a */
    MK_HARDSWISH_BACKWARD = 6,  /* x <= -3 ? 0 : x < 3 ? a * (x / 3 + 1/2) : a */
    MK_HARDSIGMOID_BACKWARD = 7,/* |x| < 3 ? a / 6 : 0 */
    MK_MISH_BACKWARD = 8,
    MK_SCALED_PRODUCT = 9,      /* a * (x * p0) */
    MK_BINARY_PARAM_COUNT = 10
};

/* out[i*so] = op(a[i*sa], b[i*sb]; p). */
void mk_binary_param_f32(int32_t op, const float *a, int64_t sa, const float *b, int64_t sb, float *out, int64_t so, int64_t n, const double *p);
void mk_binary_param_f64(int32_t op, const double *a, int64_t sa, const double *b, int64_t sb, double *out, int64_t so, int64_t n, const double *p);

/* Comparisons; out holds 0 or 1. */
enum { MK_EQ = 0, MK_NE = 1, MK_LT = 2, MK_LE = 3, MK_GT = 4, MK_GE = 5 };

/* out[i*so] = op(a[i*sa], b[i*sb]). */
void mk_compare_f32(int32_t op, const float *a, int64_t sa, const float *b, int64_t sb, uint8_t *out, int64_t so, int64_t n);
void mk_compare_f64(int32_t op, const double *a, int64_t sa, const double *b, int64_t sb, uint8_t *out, int64_t so, int64_t n);

/* out = a + alpha * b, a fused multiply-add where the CPU has it (as torch.add with alpha). */
void mk_add_scaled_f32(const float *a, int64_t sa, const float *b, int64_t sb, float alpha, float *out, int64_t so, int64_t n);
void mk_add_scaled_f64(const double *a, int64_t sa, const double *b, int64_t sb, double alpha, double *out, int64_t so, int64_t n);

/* out = a + (value * b) * c, the last product and the sum fused. */
void mk_addcmul_f32(const float *a, int64_t sa, const float *b, int64_t sb, const float *c, int64_t sc, float value, float *out, int64_t so, int64_t n);
void mk_addcmul_f64(const double *a, int64_t sa, const double *b, int64_t sb, const double *c, int64_t sc, double value, double *out, int64_t so, int64_t n);

/* out = a + (value * b) / c. */
void mk_addcdiv_f32(const float *a, int64_t sa, const float *b, int64_t sb, const float *c, int64_t sc, float value, float *out, int64_t so, int64_t n);
void mk_addcdiv_f64(const double *a, int64_t sa, const double *b, int64_t sb, const double *c, int64_t sc, double value, double *out, int64_t so, int64_t n);

/* out = a + w * (b - a) for |w| < 0.5, else b + (w - 1) * (b - a), fused; w is element by element with stride sw. */
void mk_lerp_f32(const float *a, int64_t sa, const float *b, int64_t sb, const float *w, int64_t sw, float *out, int64_t so, int64_t n);
void mk_lerp_f64(const double *a, int64_t sa, const double *b, int64_t sb, const double *w, int64_t sw, double *out, int64_t so, int64_t n);

/* out = cond ? a : b; any nonzero byte of cond is true. */
void mk_where_f32(const uint8_t *cond, int64_t sc, const float *a, int64_t sa, const float *b, int64_t sb, float *out, int64_t so, int64_t n);
void mk_where_f64(const uint8_t *cond, int64_t sc, const double *a, int64_t sa, const double *b, int64_t sb, double *out, int64_t so, int64_t n);

/* out = x * scale where bit first + i of `bits` is set (bit j is bit j % 8 of byte j / 8), x * 0 elsewhere, all contiguous;
 * out may be x. Reads up to two bytes beyond the last bit. */
void mk_dropout_f32(const float *x, const uint8_t *bits, int64_t first, float scale, float *out, int64_t n);
void mk_dropout_f64(const double *x, const uint8_t *bits, int64_t first, double scale, double *out, int64_t n);

/* out = factor * x. */
void mk_scale_f32(const float *x, int64_t sx, float factor, float *out, int64_t so, int64_t n);
void mk_scale_f64(const double *x, int64_t sx, double factor, double *out, int64_t so, int64_t n);

/* out[i*so] = value. */
void mk_fill_f32(float *out, int64_t so, int64_t n, float value);
void mk_fill_f64(double *out, int64_t so, int64_t n, double value);

/* out[i*so] = x[i*sx]. */
void mk_copy_f32(const float *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_copy_f64(const double *x, int64_t sx, double *out, int64_t so, int64_t n);

/* Copies rows x cols elements of elem bytes (1, 2, 4 or 8):
 * out[r*or_ + c*oc] = x[r*xr + c*xc], by tiles, so that a transposition costs
 * about as much as a copy. */
void mk_copy_2d(size_t elem, const void *x, int64_t xr, int64_t xc, void *out, int64_t or_, int64_t oc, int64_t rows, int64_t cols);

/* Conversions; float16 and bfloat16 are their bit patterns, rounded to nearest even. */
void mk_f64_to_f32(const double *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_f32_to_f64(const float *x, int64_t sx, double *out, int64_t so, int64_t n);
void mk_f16_to_f32(const uint16_t *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_f32_to_f16(const float *x, int64_t sx, uint16_t *out, int64_t so, int64_t n);
void mk_bf16_to_f32(const uint16_t *x, int64_t sx, float *out, int64_t so, int64_t n);
void mk_f32_to_bf16(const float *x, int64_t sx, uint16_t *out, int64_t so, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
