/* binary.h: out[i] from a[i], b[i] and sometimes c[i]. */
#define EACH(expression) \
    { MK_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { T u = a[i], v = b[i]; out[i] = (expression); } return; }

/* Python's modulo: the sign of the divisor. */
static inline T F(m_remainder)(T a, T b) {
    T r = M(fmod)(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Floor of the true quotient: from the remainder, so that it is not the floor
 * of an already rounded quotient. Division by zero gives a / b. */
static inline T F(m_floor_divide)(T a, T b) {
    if (b == 0) return a / b;
    T r = M(fmod)(a, b);
    T q = (a - r) / b;
    if (r != 0 && (b < 0) != (r < 0)) q -= 1;
    if (q == 0) return M(copysign)(0, a / b);
    T f = F(m_floor)(q);
    return q - f > (T)0.5 ? f + 1 : f;
}

static inline T F(m_logaddexp)(T a, T b) {
    T big = MAX2(a, b);
    if (a == b && F(m_abs)(a) == (T)INFINITY) return a;
    return big + F(m_log1p)(F(m_exp_quick)(-F(m_abs)(a - b))) + (a != a ? a : b != b ? b : 0);
}

static inline T F(m_softplus_grad)(T g, T x) {
    T z = F(m_exp_quick)(x);
    return x > 20 ? g : g * z / (z + 1);
}

static inline T F(m_gelu_tanh_grad)(T x) {
    const T k = (T)0.79788456080286535588, c = (T)0.044715;
    T t = F(m_tanh)(k * (x + c * x * x * x));
    T inner = k * (1 + 3 * c * x * x);
    return (T)0.5 * (1 + t) + (T)0.5 * x * (1 - t * t) * inner;
}

/* out = a f'(b) */
#if IS_FLOAT && VECTOR_BYTES == 64
#define LOOP(name) \
static void F(name##_loop)(const T *a, const T *b, T *out, int64_t n) { \
    int64_t i = 0; \
    for (; i + VL <= n; i += VL) STORE(out + i, LOAD(a + i) * F(name##_all)(LOAD(b + i))); \
    if (i < n) F(store_part)(out + i, F(load_part)(a + i, n - i) * F(name##_all)(F(load_part)(b + i, n - i)), n - i); \
}
#else
#define LOOP(name) \
static void F(name##_loop)(const T *a, const T *b, T *out, int64_t n) { \
    MK_VECTOR_LOOP \
    for (int64_t i = 0; i < n; i++) out[i] = a[i] * F(m_##name)(b[i]); \
}
#endif
LOOP(gelu_grad)
LOOP(gelu_tanh_grad)
#undef LOOP

static void F(binary)(int32_t op, const T *a, const T *b, T *out, int64_t n) {
    switch (op) {
    case MK_ADD: EACH(u + v)
    case MK_SUB: EACH(u - v)
    case MK_MUL: EACH(u * v)
    case MK_DIV: EACH(u / v)
    case MK_MAXIMUM: EACH(u != u ? u : (u > v ? u : v))
    case MK_MINIMUM: EACH(u != u ? u : (u < v ? u : v))
    case MK_POW: {
        INT odd = 0;
        for (int64_t i = 0; i < n; i++) odd |= !F(m_pow_fits)(a[i], b[i]);
        if (odd) EACH(F(m_pow_fits)(u, v) ? F(m_pow)(u, v) : M(pow)(u, v))
        EACH(F(m_pow)(u, v))
    }
    case MK_ATAN2: EACH(F(m_atan2)(u, v))
    case MK_FMOD: EACH(M(fmod)(u, v))
    case MK_REMAINDER: EACH(F(m_remainder)(u, v))
    case MK_FLOOR_DIVIDE: EACH(F(m_floor_divide)(u, v))
    case MK_COPYSIGN: EACH(__builtin_elementwise_copysign(u, v))
    case MK_HYPOT: EACH(M(hypot)(u, v))
    case MK_FMAX: EACH(u != u ? v : (u < v ? v : u))
    case MK_FMIN: EACH(u != u ? v : (u > v ? v : u))
    case MK_XLOGY: EACH(v != v ? v : u == 0 ? 0 : u * F(m_log)(v))
    case MK_LOGADDEXP: EACH(F(m_logaddexp)(u, v))
    case MK_TRUE_DIV_TRUNC: EACH(__builtin_elementwise_trunc(u / v))
    case MK_SQUARED_DIFFERENCE: EACH((u - v) * (u - v))
    case MK_HEAVISIDE: EACH(u == 0 ? v : (T)(u > 0))
    case MK_NEXTAFTER: EACH(M(nextafter)(u, v))
    case MK_TANH_BACKWARD: EACH(u * FMA(-v, v, (T)1))
    case MK_SIGMOID_BACKWARD: EACH(u * (1 - v) * v)
    case MK_RELU_BACKWARD: EACH(v > 0 ? u : v != v ? u : 0)
    case MK_GELU_BACKWARD: F(gelu_grad_loop)(a, b, out, n); return;
    case MK_GELU_TANH_BACKWARD: F(gelu_tanh_grad_loop)(a, b, out, n); return;
    case MK_SILU_BACKWARD: {
        MK_VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) {
            T s = F(m_sigmoid_quick)(b[i]);
            out[i] = a[i] * s * FMA(b[i], 1 - s, (T)1);
        }
        return;
    }
    case MK_SOFTPLUS_BACKWARD: EACH(F(m_softplus_grad)(u, v))
    case MK_LOGSIGMOID_BACKWARD: EACH(u * F(m_sigmoid_quick)(-v))
    case MK_ABS_BACKWARD: EACH(u * (T)((v > 0) - (v < 0)))
    default: return;
    }
}

static inline T F(m_mish_grad)(T x) {
    T s = F(m_sigmoid_quick)(x), t = F(m_tanh)(F(m_softplus)(x));
    return t + x * s * (1 - t * t);
}

static void F(binary_param)(int32_t op, const T *a, const T *b, T *out, int64_t n, const double *p) {
    T p0 = (T)p[0], p1 = (T)p[1];
    switch (op) {
    case MK_LEAKY_RELU_BACKWARD: EACH(v > 0 ? u : u * p0)
    case MK_ELU_BACKWARD: {
        T input = (T)p[2], slope = (T)(p[2] * p[0] * p[1]);
        EACH(v > 0 ? u * p1 : u * (F(m_exp)(v * input) * slope))
    }
    case MK_HARDTANH_BACKWARD: EACH(v <= p0 || v >= p1 ? 0 : u)
    case MK_CLAMP_BACKWARD: EACH(v >= p0 && v <= p1 ? u : 0)
    case MK_SHRINK_BACKWARD: EACH(v >= -p0 && v <= p0 ? 0 : u)
    case MK_THRESHOLD_BACKWARD: EACH(v <= p0 ? 0 : u)
    case MK_HARDSWISH_BACKWARD: EACH(v <= -3 ? 0 : v < 3 ? u * (v / 3 + (T)0.5) : u)
    case MK_HARDSIGMOID_BACKWARD: EACH(v > -3 && v < 3 ? u * (T)(1.0 / 6) : 0)
    case MK_MISH_BACKWARD: EACH(u * F(m_mish_grad)(v))
    case MK_SCALED_PRODUCT: EACH(u * (v * p0))
    default: return;
    }
}
#undef EACH

#define EACH(expression) { MK_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { T u = a[i]; out[i] = (expression); } return 1; }
static int F(binary_right)(int32_t op, const T *a, T v, T *out, int64_t n) {
    switch (op) {
    case MK_ADD: EACH(u + v)
    case MK_SUB: EACH(u - v)
    case MK_MUL: EACH(u * v)
    case MK_DIV: EACH(u / v)
    case MK_POW:
        if (v == 2) EACH(u * u)
        if (v == 3) EACH(u * u * u)
        if (v == (T)0.5) EACH(F(m_sqrt)(u))
        if (v == (T)-0.5) EACH(1 / F(m_sqrt)(u))
        if (v == -1) EACH(1 / u)
        if (v == -2) EACH(1 / (u * u))
        return 0;
    default: return 0;
    }
}
#undef EACH

#define EACH(expression) { MK_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { T v = b[i]; out[i] = (expression); } return 1; }
static int F(binary_left)(int32_t op, T u, const T *b, T *out, int64_t n) {
    switch (op) {
    case MK_ADD: EACH(u + v)
    case MK_SUB: EACH(u - v)
    case MK_MUL: EACH(u * v)
    case MK_DIV: EACH(u / v)
    default: return 0;
    }
}
#undef EACH

#define EACH(op) { MK_VECTOR_LOOP for (int64_t i = 0; i < n; i++) out[i] = (uint8_t)(a[i] op b[i]); return; }
static void F(compare)(int32_t op, const T *a, const T *b, uint8_t *out, int64_t n) {
    switch (op) {
    case MK_EQ: EACH(==)
    case MK_NE: EACH(!=)
    case MK_LT: EACH(<)
    case MK_LE: EACH(<=)
    case MK_GT: EACH(>)
    case MK_GE: EACH(>=)
    default: return;
    }
}
#undef EACH

static void F(add_scaled)(const T *a, const T *b, T alpha, T *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = FMA(alpha, b[i], a[i]);
}

static void F(addcmul)(const T *a, const T *b, const T *c, T value, T *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = FMA(value * b[i], c[i], a[i]);
}

static void F(addcdiv)(const T *a, const T *b, const T *c, T value, T *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = a[i] + value * b[i] / c[i];
}

static void F(lerp)(const T *a, const T *b, const T *w, T *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = F(m_lerp)(a[i], b[i], w[i]);
}

static void F(where)(const uint8_t *c, const T *a, const T *b, T *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T u = a[i], v = b[i];
        out[i] = c[i] ? u : v;
    }
}

/* out = x times scale where bit first + i of `bits` is set, times 0 elsewhere. Reads a byte beyond the last bit. */
static void F(dropout)(const T *x, const uint8_t *bits, int64_t first, T scale, T *out, int64_t n) {
    static const INT powers[16] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    VI lane, factor = (VI)SPLAT(scale);
    memcpy(&lane, powers, sizeof lane);
    for (int64_t i = 0; i < n; i += VL) {
        int64_t at = first + i;
        uint32_t word = bits[at >> 3] | (uint32_t)bits[(at >> 3) + 1] << 8;
        if (VL == 16 && at & 7 && n - i > 8) word |= (uint32_t)bits[(at >> 3) + 2] << 16;
        VI kept = ((((VI){0} + (INT)(word >> (at & 7))) & lane) == lane) & factor;
        if (n - i >= VL) STORE(out + i, LOAD(x + i) * (V)kept);
        else F(store_part)(out + i, F(load_part)(x + i, n - i) * (V)kept, n - i);
    }
}
