/* math.h: scalar elementary functions, one element at a time. */
#if IS_FLOAT
#define M(name) name##f
#else
#define M(name) name
#endif

static inline T F(m_exp)(T x) { return M(exp)(x); }
static inline T F(m_exp2)(T x) { return M(exp2)(x); }
static inline T F(m_expm1)(T x) { return M(expm1)(x); }
static inline T F(m_log)(T x) { return M(log)(x); }
static inline T F(m_log2)(T x) { return M(log2)(x); }
static inline T F(m_log10)(T x) { return M(log10)(x); }
static inline T F(m_log1p)(T x) { return M(log1p)(x); }
static inline T F(m_sin)(T x) { return M(sin)(x); }
static inline T F(m_cos)(T x) { return M(cos)(x); }
static inline T F(m_tanh)(T x) { return M(tanh)(x); }
static inline T F(m_erf)(T x) { return M(erf)(x); }
static inline T F(m_erfc)(T x) { return M(erfc)(x); }
static inline T F(m_sigmoid)(T x) { return 1 / (1 + M(exp)(-x)); }
static inline T F(m_softplus)(T x) { return x > 20 ? x : M(log1p)(M(exp)(x)); }
static inline T F(m_logsigmoid)(T x) { return (x < 0 ? x : 0) - M(log1p)(M(exp)(-M(fabs)(x))); }
static inline T F(m_gelu)(T x) { return x * (T)0.5 * (1 + M(erf)(x * (T)0.70710678118654752440)); }
static inline T F(m_gelu_tanh)(T x) {
    T inner = (T)0.79788456080286535588 * (x + (T)0.044715 * x * x * x);
    return (T)0.5 * x * (1 + M(tanh)(inner));
}
static inline T F(m_silu)(T x) { return x / (1 + M(exp)(-x)); }
static inline T F(m_mish)(T x) { return x * F(m_tanh)(M(log1p)(M(exp)(x))); }
static inline T F(m_gelu_grad)(T x) {
    T cdf = (T)0.5 * (1 + M(erf)(x * (T)0.70710678118654752440));
    return cdf + x * ((T)0.39894228040143267794 * M(exp)(x * x * (T)-0.5));
}
static inline T F(m_sqrt)(T x) { return __builtin_elementwise_sqrt(x); }
static inline T F(m_floor)(T x) { return __builtin_elementwise_floor(x); }
