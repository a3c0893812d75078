/* math.h: elementary functions of T. Compositions (sigmoid, silu, gelu, ...)
 * round to T after each step, as formulas written with tensors do. */
static inline T F(m_abs)(T x) { return __builtin_elementwise_abs(x); }

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
static inline float F(m_atan)(float x) {
    float r = (float)D(angle)(x < 0 ? -x : x, 1);
    return x != x ? x : __builtin_elementwise_copysign(r, x);
}
static inline float F(m_asin)(float x) {
    double a = x < 0 ? -x : x, c = (1 - a) * (1 + a);
    float r = (float)D(angle)(a, __builtin_elementwise_sqrt(c > 0 ? c : 0));
    return a <= 1 ? __builtin_elementwise_copysign(r, x) : NAN;
}
static inline float F(m_acos)(float x) {
    double down = 1 - (double)x, up = 1 + (double)x;
    float r = (float)(2 * D(angle)(__builtin_elementwise_sqrt(down > 0 ? down : 0), __builtin_elementwise_sqrt(up > 0 ? up : 0)));
    return x >= -1 && x <= 1 ? r : NAN;
}
static inline float F(m_atan2)(float y, float x) {
    double a = D(angle)(y < 0 ? -y : y, x < 0 ? -x : x), r = D(to_bits)(x) < 0 ? 0x1.921fb54442d18p+1 - a : a;
    return x != x || y != y ? NAN : __builtin_elementwise_copysign((float)r, y);
}
/* Only for m_pow_fits. */
static inline float F(m_pow)(float x, float y) {
    double e = (double)y * D(log)(x);
    return (float)D(exp)(e > 100 ? 100 : e < -120 ? -120 : e);
}
static inline int F(m_pow_fits)(float x, float y) { return (x > 0) & (x < INFINITY) & (y - y == 0); }

/* e^x within 0.6 ulp in float arithmetic alone, for use inside other functions.
 * 2^n is applied in two halves, so that subnormal results come out right. */
static inline float F(m_exp_quick)(float x) {
#if HAS_FMA
    float c = x > 89 ? 89 : x < -104 ? -104 : x;
    float t = FMA(c, 0x1.715476p+0f, 0x1.8p23f), n = t - 0x1.8p23f;
    int32_t k, h, s;
    memcpy(&k, &t, 4);
    k -= 0x4b400000;
    h = (k >> 1);
    s = (k - h + 127) << 23;
    h = (h + 127) << 23;
    float first, second;
    memcpy(&first, &h, 4);
    memcpy(&second, &s, 4);
    float r = FMA(-n, 0x1.62e4p-1f, c);
    r = FMA(-n, 0x1.7f7d1cp-20f, r);
    float q = 0x1.a1256cp-13f;
    q = FMA(q, r, 0x1.6d43b0p-10f);
    q = FMA(q, r, 0x1.1110e0p-7f);
    q = FMA(q, r, 0x1.5554e8p-5f);
    q = FMA(q, r, 0x1.555556p-3f);
    q = FMA(q, r, 0.5f);
    q = FMA(q, r * r, r);
    return FMA(first, q, first) * second;
#else
    return F(m_exp)(x);
#endif
}

/* erf within 1.3 ulp in float arithmetic alone, for use inside gelu: up to 7/8 x plus x times a polynomial of x^2, from
 * there on 1 - 2^-g with a polynomial g of x. */
static inline float F(m_erf_quick)(float x) {
#if HAS_FMA
    float a = F(m_abs)(x), c = a > 3.95f ? 3.95f : a, z = c * c;
    float p = -0x1.43fdacp-11f;
    p = FMA(p, z, 0x1.4976e2p-8f);
    p = FMA(p, z, -0x1.b6e3b8p-6f);
    p = FMA(p, z, 0x1.ce1fcep-4f);
    p = FMA(p, z, -0x1.812700p-2f);
    p = FMA(p, z, 0x1.06eba6p-3f);
    float g = 0x1.e3275ap-10f;
    g = FMA(g, c, -0x1.74f33ep-6f);
    g = FMA(g, c, 0x1.0ef340p-3f);
    g = FMA(g, c, 0x1.e00ca0p-1f);
    g = FMA(g, c, 0x1.9df214p+0f);
    g = FMA(g, c, 0x1.432538p-9f);
    float t = 0x1.8p23f - g, f = (0x1.8p23f - t) - g, power;
    float e = 0x1.5ac9b2p-10f;
    e = FMA(e, f, 0x1.3cec1ap-7f);
    e = FMA(e, f, 0x1.c6b9e8p-5f);
    e = FMA(e, f, 0x1.ebf9b6p-3f);
    e = FMA(e, f, 0x1.62e426p-1f);
    e = FMA(e, f, 1.0f);
    uint32_t n;
    memcpy(&n, &t, 4);
    n = (n << 23) + 0x3f800000u;
    memcpy(&power, &n, 4);
    return __builtin_elementwise_copysign(c >= 0.875f ? FMA(-e, power, 1.0f) : FMA(c, p, c), x);
#else
    return F(m_erf)(x);
#endif
}
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
static inline double F(m_atan)(double x) { return atan(x); }
static inline double F(m_asin)(double x) { return asin(x); }
static inline double F(m_acos)(double x) { return acos(x); }
static inline double F(m_atan2)(double y, double x) { return atan2(y, x); }
static inline double F(m_pow)(double x, double y) { return pow(x, y); }
static inline int F(m_pow_fits)(double x, double y) { return (void)x, (void)y, 1; }
static inline double F(m_erf_quick)(double x) { return erf(x); }
static inline double F(m_exp_quick)(double x) { return D(exp_fine)(x); }
#endif

static inline T F(m_sqrt)(T x) { return __builtin_elementwise_sqrt(x); }
static inline T F(m_floor)(T x) { return __builtin_elementwise_floor(x); }

/* Within 2.5 ulp, for use inside derivatives. */
static inline T F(m_sigmoid_quick)(T x) { return 1 / (1 + F(m_exp_quick)(-x)); }
/* What the rounding of 1 + e^-x lost is taken off the quotient: within 2 ulp. */
static inline T F(m_sigmoid)(T x) {
    T e = F(m_exp_quick)(-x), big = e > 1 ? e : 1, small = e > 1 ? 1 : e, sum = 1 + e, q = 1 / sum;
    return e == (T)INFINITY ? 0 : FMA(-q * q, small - (sum - big), q);
}
static inline T F(m_silu)(T x) { return x / (1 + F(m_exp_quick)(-x)); }
static inline T F(m_softplus)(T x) { return x > 20 ? x : F(m_log1p)(F(m_exp_quick)(x)); }
static inline T F(m_logsigmoid)(T x) { return (x > 0 ? 0 : x) - F(m_log1p)(F(m_exp_quick)(-F(m_abs)(x))); }
static inline T F(m_gelu)(T x) { return x * (T)0.5 * (1 + F(m_erf_quick)(x * (T)0.70710678118654752440)); }
static inline T F(m_gelu_tanh)(T x) {
    T inner = (T)0.79788456080286535588 * (x + (T)0.044715 * (x * x * x));
    return (T)0.5 * x * (1 + F(m_tanh)(inner));
}
static inline T F(m_mish)(T x) { return x * F(m_tanh)(F(m_log1p)(F(m_exp_quick)(x))); }
static inline T F(m_gelu_grad)(T x) {
    T cdf = (T)0.5 * (1 + F(m_erf_quick)(x * (T)0.70710678118654752440));
    return cdf + x * ((T)0.39894228040143267794 * F(m_exp_quick)(x * x * (T)-0.5));
}
/* a + w (b - a), from the nearer end so that both ends are hit exactly. */
static inline T F(m_lerp)(T a, T b, T w) {
    int near = F(m_abs)(w) < (T)0.5;
    return FMA(near ? w : w - 1, b - a, near ? a : b);
}
