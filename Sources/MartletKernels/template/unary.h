/* unary.h: out[i] = f(x[i]). */
#define EACH(expression) \
    { MK_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { T v = x[i]; out[i] = (expression); } return; }
#define MAX2(a, b) ((a) > (b) ? (a) : (b))
#define MIN2(a, b) ((a) < (b) ? (a) : (b))

/* Sines of huge angles need more of pi than the vector code holds. */
static int F(has_huge)(const T *x, int64_t n) {
    INT found = 0;
    for (int64_t i = 0; i < n; i++) found |= F(m_abs)(x[i]) >= SMALL_ANGLE;
    return found != 0;
}

#if IS_FLOAT && VECTOR_BYTES == 64
static inline V F(exp_all)(V x) { return (V)MK_CAT(exp_16, ISA)((__m512)x); }
static inline V F(log_all)(V x) { return (V)MK_CAT(log_16, ISA)((__m512)x); }
static inline V F(sigmoid_all)(V x) { return (V)MK_CAT(sigmoid_16, ISA)((__m512)x); }
static inline V F(tanh_all)(V x) { return (V)MK_CAT(tanh_16, ISA)((__m512)x); }
static inline V F(erf_all)(V x) { return (V)MK_CAT(erf_16, ISA)((__m512)x); }
static inline V F(gelu_all)(V x) { return x * 0.5f * (1 + F(erf_all)(x * 0.70710678118654752440f)); }
static inline V F(gelu_tanh_all)(V x) {
    return 0.5f * x * (1 + F(tanh_all)(0.79788456080286535588f * (x + 0.044715f * (x * x * x))));
}

static inline V F(gelu_grad_all)(V x) {
    V cdf = 0.5f * (1 + F(erf_all)(x * 0.70710678118654752440f));
    return cdf + x * (0.39894228040143267794f * F(exp_below)(x * x * -0.5f));
}
static inline V F(gelu_tanh_grad_all)(V x) {
    const float k = 0.79788456080286535588f, c = 0.044715f;
    V t = F(tanh_all)(k * (x + c * x * x * x));
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * (k * (1 + 3 * c * x * x));
}

#define LOOP(name) \
static void F(name##_loop)(const T *x, T *out, int64_t n) { \
    int64_t i = 0; \
    for (; i + VL <= n; i += VL) STORE(out + i, F(name##_all)(LOAD(x + i))); \
    if (i < n) F(store_part)(out + i, F(name##_all)(F(load_part)(x + i, n - i)), n - i); \
}
#else
#define LOOP(name) \
static void F(name##_loop)(const T *x, T *out, int64_t n) { \
    MK_VECTOR_LOOP \
    for (int64_t i = 0; i < n; i++) out[i] = F(m_##name)(x[i]); \
}
#endif
LOOP(exp)
LOOP(log)
LOOP(tanh)
LOOP(sigmoid)
LOOP(erf)
LOOP(gelu)
LOOP(gelu_tanh)
#undef LOOP

static void F(unary)(int32_t op, const T *x, T *out, int64_t n) {
    switch (op) {
    case MK_NEG: EACH(-v)
    case MK_ABS: EACH(F(m_abs)(v))
    case MK_SIGN: EACH((T)((v > 0) - (v < 0)))
    case MK_SQRT: EACH(F(m_sqrt)(v))
    case MK_RSQRT: EACH(1 / F(m_sqrt)(v))
    case MK_RECIPROCAL: EACH(1 / v)
    case MK_SQUARE: EACH(v * v)
    case MK_EXP: F(exp_loop)(x, out, n); return;
    case MK_EXP2: EACH(F(m_exp2)(v))
    case MK_EXPM1: EACH(F(m_expm1)(v))
    case MK_LOG: F(log_loop)(x, out, n); return;
    case MK_LOG2: EACH(F(m_log2)(v))
    case MK_LOG10: EACH(F(m_log10)(v))
    case MK_LOG1P: EACH(F(m_log1p)(v))
    case MK_SIN:
        if (F(has_huge)(x, n)) EACH(F(m_abs)(v) >= SMALL_ANGLE ? M(sin)(v) : F(m_sin)(v))
        EACH(F(m_sin)(v))
    case MK_COS:
        if (F(has_huge)(x, n)) EACH(F(m_abs)(v) >= SMALL_ANGLE ? M(cos)(v) : F(m_cos)(v))
        EACH(F(m_cos)(v))
    case MK_TAN:
        if (F(has_huge)(x, n)) EACH(F(m_abs)(v) >= SMALL_ANGLE ? M(tan)(v) : F(m_tan)(v))
        EACH(F(m_tan)(v))
    case MK_ASIN: EACH(F(m_asin)(v))
    case MK_ACOS: EACH(F(m_acos)(v))
    case MK_ATAN: EACH(F(m_atan)(v))
    case MK_SINH: EACH(F(m_sinh)(v))
    case MK_COSH: EACH(F(m_cosh)(v))
    case MK_TANH: F(tanh_loop)(x, out, n); return;
    case MK_ASINH: EACH(F(m_asinh)(v))
    case MK_ACOSH: EACH(F(m_acosh)(v))
    case MK_ATANH: EACH(F(m_atanh)(v))
    case MK_SIGMOID: F(sigmoid_loop)(x, out, n); return;
    case MK_LOGSIGMOID: EACH(F(m_logsigmoid)(v))
    case MK_RELU: EACH(v < 0 ? 0 : v)
    case MK_SILU: EACH(F(m_silu)(v))
    case MK_GELU: F(gelu_loop)(x, out, n); return;
    case MK_GELU_TANH: F(gelu_tanh_loop)(x, out, n); return;
    case MK_SOFTPLUS: EACH(F(m_softplus)(v))
    case MK_ERF: F(erf_loop)(x, out, n); return;
    case MK_ERFC: EACH((T)erfc(v))
    case MK_ERFINV: EACH((T)mk_erfinv(v))
    case MK_LGAMMA: EACH((T)mk_lgamma(v))
    case MK_DIGAMMA: EACH((T)mk_digamma(v))
    case MK_FLOOR: EACH(__builtin_elementwise_floor(v))
    case MK_CEIL: EACH(__builtin_elementwise_ceil(v))
    case MK_TRUNC: EACH(__builtin_elementwise_trunc(v))
    case MK_ROUND: EACH(__builtin_elementwise_roundeven(v))
    case MK_FRAC: EACH(v - __builtin_elementwise_trunc(v))
    case MK_HARDSWISH: EACH(v * (v + 3 < 0 ? 0 : v + 3 > 6 ? 6 : v + 3) / 6)
    case MK_HARDSIGMOID: EACH((v + 3 < 0 ? 0 : v + 3 > 6 ? 6 : v + 3) / 6)
    case MK_MISH: EACH(F(m_mish)(v))
    case MK_SELU: EACH(v > 0 ? (T)1.0507009873554804934193349852946 * v
                             : (T)(1.6732632423543772848170429916717 * 1.0507009873554804934193349852946) * F(m_expm1)(v))
    default: return;
    }
}

static void F(unary_param)(int32_t op, const T *x, T *out, int64_t n, const double *p) {
    T p0 = (T)p[0], p1 = (T)p[1];
    switch (op) {
    case MK_CLAMP: EACH(v < p0 ? (p0 > p1 ? p1 : p0) : v > p1 ? p1 : v)
    case MK_LEAKY_RELU: EACH(v > 0 ? v : v * p0)
    case MK_ELU: {
        T negative = (T)(p0 * p1), input = (T)p[2];
        EACH(v > 0 ? v * p1 : F(m_expm1)(v * input) * negative)
    }
    case MK_SOFTPLUS_PARAM: EACH(v * p0 > p1 ? v : F(m_log1p)(F(m_exp)(v * p0)) / p0)
    case MK_THRESHOLD: EACH(v <= p0 ? p1 : v)
    case MK_HARDSHRINK: EACH(v >= -p0 && v <= p0 ? 0 : v)
    case MK_SOFTSHRINK: EACH(v > p0 ? v - p0 : v < -p0 ? v + p0 : v * 0)
    default: return;
    }
}
#undef EACH
