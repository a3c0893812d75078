/* math.h: elementary functions of T. Compositions (sigmoid, silu, gelu, ...)
 * round to T after each step, as formulas written with tensors do. */
#if IS_FLOAT
#define M(name) name##f

static inline float F(m_exp)(float x) { return (float)D(exp)(x > 100 ? 100 : x < -120 ? -120 : x); }
static inline float F(m_exp2)(float x) { return (float)D(exp2)(x > 140 ? 140 : x < -170 ? -170 : x); }
static inline float F(m_expm1)(float x) { return x == 0 ? x : (float)D(expm1)(x > 100 ? 100 : x < -40 ? -40 : x); }
static inline float F(m_log)(float x) { return (float)D(log)(x); }
static inline float F(m_log2)(float x) { return (float)D(log2)(x); }
static inline float F(m_log10)(float x) { return (float)(D(log)(x) * 0x1.bcb7b1526e50ep-2); }
static inline float F(m_log1p)(float x) { return x == 0 ? x : (float)D(log1p)(x); }
static inline float F(m_tanh)(float x) {
    double a = x < 0 ? -x : x, e = D(expm1)(a > 10 ? 20 : 2 * a);
    return __builtin_elementwise_copysign((float)(e / (e + 2)), x);
}
static inline float F(m_sinh)(float x) {
    double a = x < 0 ? -x : x, e = D(expm1)(a > 100 ? 100 : a);
    return __builtin_elementwise_copysign((float)(0.5 * (e + e / (e + 1))), x);
}
static inline float F(m_cosh)(float x) {
    double a = x < 0 ? -x : x, e = D(exp)(a > 100 ? 100 : a);
    return (float)(0.5 * (e + 1 / e));
}
static inline float F(m_asinh)(float x) {
    double a = x < 0 ? -x : x, z = a * a;
    float r = (float)D(log1p)(a + z / (1 + __builtin_elementwise_sqrt(1 + z)));
    return __builtin_elementwise_copysign(z == (double)INFINITY ? INFINITY : r, x);
}
static inline float F(m_acosh)(float x) {
    double t = (double)x - 1;
    return x >= 1 ? (float)D(log1p)(t + __builtin_elementwise_sqrt(2 * t + t * t)) : NAN;
}
static inline float F(m_atanh)(float x) {
    double a = x < 0 ? -x : x;
    return __builtin_elementwise_copysign((float)(0.5 * D(log1p)(2 * a / (1 - a))), x);
}
static inline float F(m_erf)(float x) {
    return x == 0 ? x : (float)D(erf)(x > 4 ? 4 : x < -4 ? -4 : x);
}
/* Only for |x| < 8e5. */
static inline float F(m_sin)(float x) { return x == 0 ? x : (float)D(sin_shifted)(x, 0); }
static inline float F(m_cos)(float x) { return (float)D(sin_shifted)(x, 1); }
static inline float F(m_tan)(float x) { return x == 0 ? x : (float)(D(sin_shifted)(x, 0) / D(sin_shifted)(x, 1)); }
#define SMALL_ANGLE 8e5f
#else
#define M(name) name

static inline double F(m_exp)(double x) { return D(exp_fine)(x); }
static inline double F(m_exp2)(double x) { return exp2(x); }
static inline double F(m_expm1)(double x) { return expm1(x); }
static inline double F(m_log)(double x) { return D(log_fine)(x); }
static inline double F(m_log2)(double x) { return log2(x); }
static inline double F(m_log10)(double x) { return log10(x); }
static inline double F(m_log1p)(double x) { return log1p(x); }
static inline double F(m_tanh)(double x) {
    double a = x < 0 ? -x : x, s, r = D(reduce)(a > 20 ? 40 : 2 * a, &s);
    double e = FMA(s, D(expm1_fine)(r), s - 1), q = (a < 0.5 ? e : 2) / (e + 2);
    return __builtin_elementwise_copysign(a < 0.5 ? q : 1 - q, x);
}
static inline double F(m_sinh)(double x) { return sinh(x); }
static inline double F(m_cosh)(double x) { return cosh(x); }
static inline double F(m_asinh)(double x) { return asinh(x); }
static inline double F(m_acosh)(double x) { return acosh(x); }
static inline double F(m_atanh)(double x) { return atanh(x); }
static inline double F(m_erf)(double x) { return erf(x); }
static inline double F(m_sin)(double x) { return sin(x); }
static inline double F(m_cos)(double x) { return cos(x); }
static inline double F(m_tan)(double x) { return tan(x); }
#define SMALL_ANGLE INFINITY
#endif

static inline T F(m_sqrt)(T x) { return __builtin_elementwise_sqrt(x); }
static inline T F(m_floor)(T x) { return __builtin_elementwise_floor(x); }
static inline T F(m_abs)(T x) { return __builtin_elementwise_abs(x); }

static inline T F(m_sigmoid)(T x) { return 1 / (1 + F(m_exp)(-x)); }
static inline T F(m_silu)(T x) { return x / (1 + F(m_exp)(-x)); }
static inline T F(m_softplus)(T x) { return x > 20 ? x : F(m_log1p)(F(m_exp)(x)); }
static inline T F(m_logsigmoid)(T x) { return (x > 0 ? 0 : x) - F(m_log1p)(F(m_exp)(-F(m_abs)(x))); }
static inline T F(m_gelu)(T x) { return x * (T)0.5 * (1 + F(m_erf)(x * (T)0.70710678118654752440)); }
static inline T F(m_gelu_tanh)(T x) {
    T inner = (T)0.79788456080286535588 * (x + (T)0.044715 * (x * x * x));
    return (T)0.5 * x * (1 + F(m_tanh)(inner));
}
static inline T F(m_mish)(T x) { return x * F(m_tanh)(F(m_log1p)(F(m_exp)(x))); }
static inline T F(m_gelu_grad)(T x) {
    T cdf = (T)0.5 * (1 + F(m_erf)(x * (T)0.70710678118654752440));
    return cdf + x * ((T)0.39894228040143267794 * F(m_exp)(x * x * (T)-0.5));
}
/* a + w (b - a), from the nearer end so that both ends are hit exactly. */
static inline T F(m_lerp)(T a, T b, T w) {
    int near = F(m_abs)(w) < (T)0.5;
    return FMA(near ? w : w - 1, b - a, near ? a : b);
}
