/* check_elementwise.h: loops of one result an element, against the same functions in a wider type. The including file
 * sets T, S, IS_FLOAT, REAL (the wider type) and R (its functions). */
#define EPS (IS_FLOAT ? 0x1p-23 : 0x1p-52)
#define C(name) MK_CAT(name, S)
#define K(name) mk_active->C(name)

/* |got - want| in units of the last place of the larger of want and `beside`; 0 for the same special value. */
static double C(places)(T got, REAL want, REAL beside) {
    T nearest = (T)want;
    if (nearest != nearest || got != got) return nearest != nearest && got != got ? 0 : INFINITY;
    if (isinf(nearest) || isinf(got)) return got == nearest ? 0 : INFINITY;
    REAL size = R(fabs)(want) > R(fabs)(beside) ? R(fabs)(want) : R(fabs)(beside);
    int low = IS_FLOAT ? -126 : -1022, exponent = size > 0 ? (int)R(logb)(size) : low;
    return (double)(R(fabs)((REAL)got - want) / R(ldexp)(1, (exponent > low ? exponent : low) - (IS_FLOAT ? 23 : 52)));
}

static REAL C(erfc_half)(REAL x) { return R(erfc)(-x / R(sqrt)(2)) / 2; }
static REAL C(sign)(REAL x) { return (x > 0) - (x < 0); }
static REAL C(rsqrt)(REAL x) { return 1 / R(sqrt)(x); }
static REAL C(reciprocal)(REAL x) { return 1 / x; }
static REAL C(square)(REAL x) { return x * x; }
static REAL C(negative)(REAL x) { return -x; }
static REAL C(log_1p)(REAL x) { return R(log1p)(x); }
static REAL C(sigmoid)(REAL x) { return 1 / (1 + R(exp)(-x)); }
static REAL C(logsigmoid)(REAL x) { return x < 0 ? x - R(log1p)(R(exp)(x)) : -R(log1p)(R(exp)(-x)); }
static REAL C(relu)(REAL x) { return x < 0 ? 0 : x; }
static REAL C(silu)(REAL x) { return x * C(sigmoid)(x); }
static REAL C(gelu)(REAL x) { return x * C(erfc_half)(x); }
static REAL C(gelu_inner)(REAL x) { return R(sqrt)(2 / R(acos)(-1)) * (x + (REAL)0.044715L * x * x * x); }
static REAL C(gelu_tanh)(REAL x) { return x / 2 * (1 + R(tanh)(C(gelu_inner)(x))); }
static REAL C(softplus)(REAL x) { return x > 20 ? x : R(log1p)(R(exp)(x)); }
static REAL C(frac)(REAL x) { return x - R(trunc)(x); }
static REAL C(six)(REAL x) { return x + 3 < 0 ? 0 : x + 3 > 6 ? 6 : x + 3; }
static REAL C(hardswish)(REAL x) { return x * C(six)(x) / 6; }
static REAL C(hardsigmoid)(REAL x) { return C(six)(x) / 6; }
static REAL C(mish)(REAL x) { return x * R(tanh)(R(log1p)(R(exp)(x))); }
static REAL C(selu)(REAL x) {
    return (REAL)1.0507009873554804934193349852946L * (x > 0 ? x : (REAL)1.6732632423543772848170429916717L * R(expm1)(x));
}

/* limit: places allowed, in float and in double; beside: a last place is also taken of this many times x. */
static const struct {
    int32_t op;
    const char *name;
    REAL (*f)(REAL);
    double low, high, limit_float, limit_double, beside;
} C(unaries)[] = {
    {MK_NEG, "neg", C(negative), -1e9, 1e9, 0, 0, 0},
    {MK_ABS, "abs", R(fabs), -1e9, 1e9, 0, 0, 0},
    {MK_SQRT, "sqrt", R(sqrt), 0, 1e9, 0.5, 0.51, 0},
    {MK_RSQRT, "rsqrt", C(rsqrt), 0, 1e9, 1.5, 1.5, 0},
    {MK_RECIPROCAL, "reciprocal", C(reciprocal), -1e9, 1e9, 0.5, 0.51, 0},
    {MK_SQUARE, "square", C(square), -1e9, 1e9, 0.5, 0.51, 0},
    {MK_EXP, "exp", R(exp), -90, 90, 0.8, 1.1, 0},
    {MK_EXP2, "exp2", R(exp2), -130, 130, 0.51, 1.1, 0},
    {MK_EXPM1, "expm1", R(expm1), -20, 20, 0.51, 1.1, 0},
    {MK_LOG, "log", R(log), 0, 100, 1.01, 1.1, 0},
    {MK_LOG2, "log2", R(log2), 0, 100, 0.51, 1.1, 0},
    {MK_LOG10, "log10", R(log10), 0, 100, 0.51, 2, 0},
    {MK_LOG1P, "log1p", C(log_1p), -1, 9, 0.51, 1.1, 0},
    {MK_SIN, "sin", R(sin), -99, 99, 0.6, 1.1, 0},
    {MK_COS, "cos", R(cos), -99, 99, 0.6, 1.1, 0},
    {MK_TAN, "tan", R(tan), -99, 99, 0.6, 1.1, 0},
    {MK_ASIN, "asin", R(asin), -1, 1, 0.51, 1.1, 0},
    {MK_ACOS, "acos", R(acos), -1, 1, 0.51, 1.1, 0},
    {MK_ATAN, "atan", R(atan), -20, 20, 0.51, 1.1, 0},
    {MK_SINH, "sinh", R(sinh), -20, 20, 0.51, 2.1, 0},
    {MK_COSH, "cosh", R(cosh), -20, 20, 0.51, 2.1, 0},
    {MK_TANH, "tanh", R(tanh), -10, 10, 0.6, 2.1, 0},
    {MK_ASINH, "asinh", R(asinh), -20, 20, 0.51, 2.1, 0},
    {MK_ACOSH, "acosh", R(acosh), 1, 20, 0.51, 2.1, 0},
    {MK_ATANH, "atanh", R(atanh), -1, 1, 0.51, 2.1, 0},
    {MK_SIGMOID, "sigmoid", C(sigmoid), -30, 30, 2, 2, 0},
    {MK_LOGSIGMOID, "logsigmoid", C(logsigmoid), -30, 30, 2, 2.5, 0},
    {MK_RELU, "relu", C(relu), -9, 9, 0, 0, 0},
    {MK_SILU, "silu", C(silu), -30, 30, 2.5, 2.5, 0},
    {MK_GELU, "gelu", C(gelu), -9, 9, 2, 2, 1},
    {MK_GELU_TANH, "gelu_tanh", C(gelu_tanh), -9, 9, 2, 2, 1},
    {MK_SOFTPLUS, "softplus", C(softplus), -30, 30, 2, 2.5, 0},
    {MK_ERF, "erf", R(erf), -5, 5, 0.65, 1.1, 0},
    {MK_ERFC, "erfc", R(erfc), -5, 9, 0.51, 5, 0},
    {MK_FLOOR, "floor", R(floor), -9, 9, 0, 0, 0},
    {MK_CEIL, "ceil", R(ceil), -9, 9, 0, 0, 0},
    {MK_TRUNC, "trunc", R(trunc), -9, 9, 0, 0, 0},
    {MK_ROUND, "round", R(rint), -9, 9, 0, 0, 0},
    {MK_FRAC, "frac", C(frac), -9, 9, 0, 0, 0},
    {MK_HARDSWISH, "hardswish", C(hardswish), -9, 9, 2, 2, 1},
    {MK_HARDSIGMOID, "hardsigmoid", C(hardsigmoid), -9, 9, 1.5, 1.5, 0.2},
    {MK_MISH, "mish", C(mish), -15, 15, 4, 4, 0},
    {MK_SELU, "selu", C(selu), -9, 9, 1.6, 2.6, 0},
};

enum { C(ROOM) = 600 };
static T C(xs)[C(ROOM)], C(ys)[C(ROOM)], C(zs)[C(ROOM)], C(out)[C(ROOM)];
static void C(fill)(T *x, int64_t n, double low, double high) {
    for (int64_t i = 0; i < n; i++) x[i] = (T)uniform(low, high);
}
static const T C(specials)[] = {
    0, (T)-0.0, INFINITY, -INFINITY, NAN, 1, -1, 2, (T)0.5, (T)-2.5, IS_FLOAT ? (T)FLT_MIN : (T)DBL_MIN,
    IS_FLOAT ? (T)1e-45f : (T)5e-324, IS_FLOAT ? (T)FLT_MAX : (T)DBL_MAX, IS_FLOAT ? (T)-FLT_MAX : (T)-DBL_MAX,
};
enum { C(SPECIALS) = sizeof C(specials) / sizeof *C(specials) };

static void C(check_unary)(void) {
    for (size_t u = 0; u < sizeof C(unaries) / sizeof *C(unaries); u++) {
        double limit = IS_FLOAT ? C(unaries)[u].limit_float : C(unaries)[u].limit_double;
        EACH_LENGTH(n) {
            C(fill)(C(xs), (int64_t)n, C(unaries)[u].low, C(unaries)[u].high);
            C(out)[n] = 77;
            K(unary)(C(unaries)[u].op, C(xs), C(out), (int64_t)n);
            verify(C(out)[n] == 77, "%s writes beyond its end", C(unaries)[u].name);
            for (size_t i = 0; i < n; i++) {
                double error = C(places)(C(out)[i], C(unaries)[u].f(C(xs)[i]), (REAL)C(unaries)[u].beside * C(xs)[i]);
                verify(error <= limit, "%s(%.9g) = %.17g is off by %.3f places", C(unaries)[u].name, (double)C(xs)[i],
                       (double)C(out)[i], error);
            }
            if (limit == 0) verify_same(C(unaries)[u].name, (int64_t)n, C(out), n * sizeof(T));
        }
        K(unary)(C(unaries)[u].op, C(specials), C(out), C(SPECIALS));
        for (int i = 0; i < C(SPECIALS); i++) {
            /* The tanh of infinities meets 0 times infinity in formulas of tensors, too. */
            T x = C(specials)[i], got = C(out)[i];
            REAL want = C(unaries)[u].f(x);
            if (x != x) verify(got != got, "%s(nan) = %g", C(unaries)[u].name, (double)got);
            else if (want == want && fabs((double)x) < 4)
                verify(C(places)(got, want, (REAL)C(unaries)[u].beside * x) <= limit, "%s(%g) = %.17g", C(unaries)[u].name,
                       (double)x, (double)got);
        }
    }
    K(unary)(MK_SIGN, C(specials), C(out), C(SPECIALS));
    for (int i = 0; i < C(SPECIALS); i++)
        verify(C(out)[i] == (T)C(sign)(C(specials)[i]), "sign(%g)", (double)C(specials)[i]);
}

static REAL C(add)(REAL a, REAL b) { return a + b; }
static REAL C(sub)(REAL a, REAL b) { return a - b; }
static REAL C(mul)(REAL a, REAL b) { return a * b; }
static REAL C(div)(REAL a, REAL b) { return a / b; }
static REAL C(maximum)(REAL a, REAL b) { return a != a ? a : b != b ? b : a > b ? a : b; }
static REAL C(minimum)(REAL a, REAL b) { return a != a ? a : b != b ? b : a < b ? a : b; }
static REAL C(remainder_)(REAL a, REAL b) { REAL r = R(fmod)(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r; }
static REAL C(squared)(REAL a, REAL b) { return (a - b) * (a - b); }
static REAL C(logaddexp)(REAL a, REAL b) { return R(fmax)(a, b) + R(log1p)(R(exp)(-R(fabs)(a - b))); }
static REAL C(tanh_back)(REAL g, REAL y) { return g * (1 - y * y); }
static REAL C(sigmoid_back)(REAL g, REAL y) { return g * (1 - y) * y; }
static REAL C(relu_back)(REAL g, REAL x) { return x > 0 ? g : x != x ? g : 0; }
static REAL C(gelu_back)(REAL g, REAL x) {
    return g * (C(erfc_half)(x) + x * R(exp)(-x * x / 2) / R(sqrt)(2 * R(acos)(-1)));
}
static REAL C(gelu_tanh_back)(REAL g, REAL x) {
    REAL t = R(tanh)(C(gelu_inner)(x)), slope = R(sqrt)(2 / R(acos)(-1)) * (1 + 3 * (REAL)0.044715L * x * x);
    return g * ((1 + t) / 2 + x / 2 * (1 - t * t) * slope);
}
static REAL C(silu_back)(REAL g, REAL x) { REAL s = C(sigmoid)(x); return g * s * (1 + x * (1 - s)); }
static REAL C(softplus_back)(REAL g, REAL x) { return x > 20 ? g : g * C(sigmoid)(x); }
static REAL C(logsigmoid_back)(REAL g, REAL x) { return g * C(sigmoid)(-x); }
static REAL C(abs_back)(REAL g, REAL x) { return g * C(sign)(x); }

/* beside: a last place is also taken of this many times a. */
static const struct {
    int32_t op;
    const char *name;
    REAL (*f)(REAL, REAL);
    double low, high, limit, beside;
} C(binaries)[] = {
    {MK_ADD, "add", C(add), -9, 9, 0.51, 0},
    {MK_SUB, "sub", C(sub), -9, 9, 0.51, 0},
    {MK_MUL, "mul", C(mul), -9, 9, 0.51, 0},
    {MK_DIV, "div", C(div), -9, 9, 0.51, 0},
    {MK_MAXIMUM, "maximum", C(maximum), -9, 9, 0, 0},
    {MK_MINIMUM, "minimum", C(minimum), -9, 9, 0, 0},
    {MK_FMAX, "fmax", R(fmax), -9, 9, 0, 0},
    {MK_FMIN, "fmin", R(fmin), -9, 9, 0, 0},
    {MK_POW, "pow", R(pow), 0, 9, 1, 0},
    {MK_ATAN2, "atan2", R(atan2), -9, 9, 1, 0},
    {MK_FMOD, "fmod", R(fmod), -9, 9, 0, 0},
    {MK_REMAINDER, "remainder", C(remainder_), -9, 9, 0.51, 0},
    {MK_COPYSIGN, "copysign", R(copysign), -9, 9, 0, 0},
    {MK_HYPOT, "hypot", R(hypot), -9, 9, 1, 0},
    {MK_LOGADDEXP, "logaddexp", C(logaddexp), -9, 9, 2.5, 1},
    {MK_SQUARED_DIFFERENCE, "squared_difference", C(squared), 0, 9, 2, 8},
    {MK_TANH_BACKWARD, "tanh_backward", C(tanh_back), -1, 1, 1.5, 1},
    {MK_SIGMOID_BACKWARD, "sigmoid_backward", C(sigmoid_back), 0, 1, 2, 0},
    {MK_RELU_BACKWARD, "relu_backward", C(relu_back), -9, 9, 0, 0},
    {MK_GELU_BACKWARD, "gelu_backward", C(gelu_back), -9, 9, 3, 1},
    {MK_GELU_TANH_BACKWARD, "gelu_tanh_backward", C(gelu_tanh_back), -9, 9, 4, 16},
    {MK_SILU_BACKWARD, "silu_backward", C(silu_back), -9, 9, 3, 8},
    {MK_SOFTPLUS_BACKWARD, "softplus_backward", C(softplus_back), -9, 9, 3, 0},
    {MK_LOGSIGMOID_BACKWARD, "logsigmoid_backward", C(logsigmoid_back), -9, 9, 3, 0},
    {MK_ABS_BACKWARD, "abs_backward", C(abs_back), -9, 9, 0, 0},
};

static void C(check_binary)(void) {
    for (size_t u = 0; u < sizeof C(binaries) / sizeof *C(binaries); u++) {
        const char *name = C(binaries)[u].name;
        EACH_LENGTH(n) {
            C(fill)(C(xs), (int64_t)n, C(binaries)[u].low, C(binaries)[u].high);
            C(fill)(C(ys), (int64_t)n, C(binaries)[u].low, C(binaries)[u].high);
            C(out)[n] = 77;
            K(binary)(C(binaries)[u].op, C(xs), C(ys), C(out), (int64_t)n);
            verify(C(out)[n] == 77, "%s writes beyond its end", name);
            for (size_t i = 0; i < n; i++) {
                double error = C(places)(C(out)[i], C(binaries)[u].f(C(xs)[i], C(ys)[i]),
                    (REAL)C(binaries)[u].beside * C(xs)[i]);
                verify(error <= C(binaries)[u].limit, "%s(%.9g, %.9g) = %.17g is off by %.3f places", name,
                       (double)C(xs)[i], (double)C(ys)[i], (double)C(out)[i], error);
            }
            if (C(binaries)[u].limit <= 0.51) verify_same(name, (int64_t)n, C(out), n * sizeof(T));
        }
    }
    /* NaN, infinities and zeros in every pair. */
    static const int32_t exact[] = {MK_ADD, MK_SUB, MK_MUL, MK_DIV, MK_MAXIMUM, MK_MINIMUM, MK_FMAX, MK_FMIN,
        MK_RELU_BACKWARD};
    for (size_t e = 0; e < sizeof exact / sizeof *exact; e++)
        for (int s = 0; s < C(SPECIALS); s++) {
            for (int i = 0; i < C(SPECIALS); i++) C(ys)[i] = C(specials)[(i + s) % C(SPECIALS)];
            K(binary)(exact[e], C(specials), C(ys), C(out), C(SPECIALS));
            for (size_t u = 0; u < sizeof C(binaries) / sizeof *C(binaries); u++)
                for (int i = 0; C(binaries)[u].op == exact[e] && i < C(SPECIALS); i++)
                    verify(C(places)(C(out)[i], C(binaries)[u].f(C(specials)[i], C(ys)[i]), 0) <= 0.51, "%s(%g, %g) = %g",
                           C(binaries)[u].name, (double)C(specials)[i], (double)C(ys)[i], (double)C(out)[i]);
        }
}

/* Comparisons, choices, and loops with scalars among their operands. */
static void C(check_mixed)(void) {
    uint8_t truth[C(ROOM)];
    EACH_LENGTH(n) {
        int64_t count = (int64_t)n;
        for (size_t i = 0; i < n; i++) C(xs)[i] = (T)below(4), C(ys)[i] = (T)below(4), C(zs)[i] = (T)uniform(-1, 1);
        C(xs)[n / 2] = NAN;
        for (int32_t op = MK_EQ; op <= MK_GE; op++) {
            K(compare)(op, C(xs), C(ys), truth, count);
            for (size_t i = 0; i < n; i++) {
                T a = C(xs)[i], b = C(ys)[i];
                int want = op == MK_EQ ? a == b : op == MK_NE ? a != b : op == MK_LT ? a < b : op == MK_LE ? a <= b :
                           op == MK_GT ? a > b : a >= b;
                verify(truth[i] == want, "comparison %d of %g and %g", op, (double)a, (double)b);
            }
        }
        K(where)(truth, C(xs), C(zs), C(out), count);
        for (size_t i = 0; i < n; i++) verify(C(places)(C(out)[i], truth[i] ? C(xs)[i] : C(zs)[i], 0) == 0, "where");
        uint8_t *bits = malloc(n / 8 + 4);
        for (size_t i = 0; i < n / 8 + 4; i++) bits[i] = (uint8_t)below(256);
        for (int64_t first = 0; first < 9 && first < count; first++) {
            K(dropout)(C(zs), bits, first, (T)1.25, C(out), count - first);
            for (int64_t i = 0; i < count - first; i++) {
                int kept = bits[(first + i) / 8] >> (first + i) % 8 & 1;
                verify(C(places)(C(out)[i], C(zs)[i] * (T)(kept ? 1.25 : 0), 0) == 0, "dropout of %lld from bit %lld at %lld",
                       (long long)count, (long long)first, (long long)i);
            }
        }
        free(bits);
        C(fill)(C(xs), count, 1, 2);
        C(fill)(C(ys), count, 1, 2);
        T s = (T)uniform(1, 2);
#define EACH(what, limit, want) \
        for (size_t i = 0; i < n; i++) { \
            REAL a = C(xs)[i], b = C(ys)[i], c = C(zs)[i]; \
            (void)a, (void)b, (void)c; \
            verify(C(places)(C(out)[i], want, 2) <= limit, "%s of %lld at %lld: %.17g", what, (long long)n, \
                (long long)i, (double)C(out)[i]); \
        }
        for (int32_t op = MK_ADD; op <= MK_DIV; op++) {
            K(binary_right)(op, C(xs), s, C(out), count);
            EACH("operation with a number", 0.51,
                 op == MK_ADD ? a + s : op == MK_SUB ? a - s : op == MK_MUL ? a * s : a / s)
            K(binary_left)(op, s, C(xs), C(out), count);
            EACH("operation of a number", 0.51, op == MK_ADD ? s + a : op == MK_SUB ? s - a : op == MK_MUL ? s * a : s / a)
        }
        K(add_scaled)(C(xs), C(ys), s, C(out), count);
        EACH("add_scaled", 2.1, a + s * b)
        K(addcmul)(C(xs), C(ys), C(zs), s, C(out), count);
        EACH("addcmul", 3, a + s * b * c)
        K(addcdiv)(C(zs), C(xs), C(ys), s, C(out), count);
        EACH("addcdiv", 3, c + s * a / b)
        K(lerp)(C(xs), C(ys), C(zs), C(out), count);
        EACH("lerp", 2.1, a + c * (b - a))
        double p[] = {0.25, 1.25, 0.75};
        K(unary_param)(MK_CLAMP, C(zs), C(out), count, p);
        EACH("clamp", 0, c < p[0] ? p[0] : c > p[1] ? p[1] : c)
        K(unary_param)(MK_LEAKY_RELU, C(zs), C(out), count, p);
        EACH("leaky_relu", 0.51, c > 0 ? c : c * p[0])
        K(unary_param)(MK_ELU, C(zs), C(out), count, p);
        EACH("elu", 2, c > 0 ? c * p[1] : p[0] * p[1] * R(expm1)(p[2] * c))
        K(unary_param)(MK_SOFTPLUS_PARAM, C(zs), C(out), count, p);
        EACH("softplus", 6, R(log1p)(R(exp)(c * p[0])) / p[0])
        K(unary_param)(MK_HARDSHRINK, C(zs), C(out), count, p);
        EACH("hardshrink", 0, R(fabs)(c) <= p[0] ? 0 : c)
        K(unary_param)(MK_SOFTSHRINK, C(zs), C(out), count, p);
        EACH("softshrink", 0.51, c > p[0] ? c - p[0] : c < -p[0] ? c + p[0] : 0)
        K(binary_param)(MK_LEAKY_RELU_BACKWARD, C(xs), C(zs), C(out), count, p);
        EACH("leaky_relu_backward", 0.51, c > 0 ? a : a * p[0])
        K(binary_param)(MK_ELU_BACKWARD, C(xs), C(zs), C(out), count, p);
        EACH("elu_backward", 3, c > 0 ? a * p[1] : a * R(exp)(c * p[2]) * p[0] * p[1] * p[2])
        K(binary_param)(MK_SCALED_PRODUCT, C(xs), C(zs), C(out), count, p);
        EACH("scaled_product", 1.1, a * c * p[0])
#undef EACH
    }
}
