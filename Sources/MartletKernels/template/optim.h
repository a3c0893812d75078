/* optim.h: optimizer steps. h[] holds the hyperparameters in the order given
 * at each function; scalars are rounded to T where a tensor operation with a
 * number operand rounds them. A scaled sum (add with alpha, addcmul, lerp) is a
 * fused multiply-add; a product followed by a sum is not. */

/* h: lr, momentum, dampening, weight_decay, nesterov, maximize, first */
static void F(sgd)(T *p, const T *g, T *buf, int64_t n, const double *h) {
    T step = (T)-h[0], mom = (T)h[1], keep = (T)(1 - h[2]), wd = (T)h[3], sign = h[5] != 0 ? -1 : 1;
    int decay = h[3] != 0, momentum = h[1] != 0, nesterov = h[4] != 0, first = h[6] != 0;
    if (!momentum) {
        if (!decay) {
            MK_VECTOR_LOOP
            for (int64_t i = 0; i < n; i++) p[i] = FMA(step, sign * g[i], p[i]);
        } else {
            MK_VECTOR_LOOP
            for (int64_t i = 0; i < n; i++) p[i] = FMA(step, FMA(wd, p[i], sign * g[i]), p[i]);
        }
        return;
    }
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T d = sign * g[i];
        d = decay ? FMA(wd, p[i], d) : d;
        T b = first ? d : FMA(keep, d, buf[i] * mom);
        buf[i] = b;
        p[i] = FMA(step, nesterov ? FMA(mom, b, d) : b, p[i]);
    }
}

/* h: lr, beta1, beta2, eps, weight_decay, decoupled, maximize, bias_correction1, bias_correction2 */
static void F(adam)(T *p, const T *g, T *m, T *v, T *max_sq, int64_t n, const double *h) {
    T w1 = (T)(1 - h[1]), b2 = (T)h[2], w2 = (T)(1 - h[2]), eps = (T)h[3], wd = (T)h[4], shrink = (T)(1 - h[0] * h[4]);
    T sign = h[6] != 0 ? -1 : 1, step = (T)-(h[0] / h[7]), root = (T)sqrt(h[8]);
    int decay = h[4] != 0 && h[5] == 0, decoupled = h[4] != 0 && h[5] != 0;
    if (!decoupled) shrink = 1;
    if (!decay) wd = 0;
#define STEP(second) \
    MK_VECTOR_LOOP \
    for (int64_t i = 0; i < n; i++) { \
        T q = p[i] * shrink; \
        T d = sign * g[i]; \
        d = decay ? FMA(wd, q, d) : d; \
        T a = F(m_lerp)(m[i], d, w1); \
        T s = FMA(w2 * d, d, v[i] * b2); \
        m[i] = a; \
        v[i] = s; \
        second; \
        p[i] = q + step * a / (F(m_sqrt)(s) / root + eps); \
    }
    if (max_sq) {
        STEP(s = max_sq[i] != max_sq[i] || max_sq[i] > s ? max_sq[i] : s; max_sq[i] = s)
    } else {
        STEP((void)0)
    }
#undef STEP
}

/* h: beta1, beta2, eps, step_size */
static void F(sparse_adam)(T *p, const T *g, T *m, T *v, int64_t n, const double *h) {
    T w1 = (T)(1 - h[0]), w2 = (T)(1 - h[1]), eps = (T)h[2], step = (T)-h[3];
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T first = m[i], second = v[i], change = (g[i] - first) * w1, square_change = (g[i] * g[i] - second) * w2;
        m[i] = first + change;
        v[i] = second + square_change;
        p[i] = p[i] + step * ((change + first) / (F(m_sqrt)(square_change + second) + eps));
    }
}

/* h: lr, alpha, eps, weight_decay, momentum, maximize */
static void F(rmsprop)(T *p, const T *g, T *sq, T *avg, T *buf, int64_t n, const double *h) {
    T step = (T)-h[0], keep = (T)h[1], take = (T)(1 - h[1]), eps = (T)h[2], wd = (T)h[3], mom = (T)h[4];
    T sign = h[5] != 0 ? -1 : 1;
    int decay = h[3] != 0;
#define STEP(center, move) \
    MK_VECTOR_LOOP \
    for (int64_t i = 0; i < n; i++) { \
        T d = sign * g[i]; \
        d = decay ? FMA(wd, p[i], d) : d; \
        T s = FMA(take * d, d, sq[i] * keep); \
        sq[i] = s; \
        center; \
        T root = F(m_sqrt)(s) + eps; \
        move; \
    }
#define CENTER T a = F(m_lerp)(avg[i], d, take); avg[i] = a; s = FMA(-a, a, s)
#define MOVE p[i] = p[i] + step * d / root
#define MOVE_WITH_MOMENTUM T b = buf[i] * mom + d / root; buf[i] = b; p[i] = FMA(step, b, p[i])
    if (avg && h[4] > 0) {
        STEP(CENTER, MOVE_WITH_MOMENTUM)
    } else if (avg) {
        STEP(CENTER, MOVE)
    } else if (h[4] > 0) {
        STEP((void)0, MOVE_WITH_MOMENTUM)
    } else {
        STEP((void)0, MOVE)
    }
#undef STEP
#undef CENTER
#undef MOVE
#undef MOVE_WITH_MOMENTUM
}

/* h: clr, eps, weight_decay, maximize */
static void F(adagrad)(T *p, const T *g, T *sum, int64_t n, const double *h) {
    T step = (T)-h[0], eps = (T)h[1], wd = (T)h[2], sign = h[3] != 0 ? -1 : 1;
    int decay = h[2] != 0;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T d = sign * g[i];
        d = decay ? FMA(wd, p[i], d) : d;
        T s = FMA(d, d, sum[i]);
        sum[i] = s;
        p[i] = p[i] + step * d / (F(m_sqrt)(s) + eps);
    }
}

/* h: lr, rho, eps, weight_decay, maximize */
static void F(adadelta)(T *p, const T *g, T *sq, T *acc, int64_t n, const double *h) {
    T step = (T)-h[0], rho = (T)h[1], take = (T)(1 - h[1]), eps = (T)h[2], wd = (T)h[3], sign = h[4] != 0 ? -1 : 1;
    int decay = h[3] != 0;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T d = sign * g[i];
        d = decay ? FMA(wd, p[i], d) : d;
        T s = FMA(take * d, d, sq[i] * rho);
        T delta = F(m_sqrt)(acc[i] + eps) / F(m_sqrt)(s + eps) * d;
        sq[i] = s;
        acc[i] = FMA(take * delta, delta, acc[i] * rho);
        p[i] = FMA(step, delta, p[i]);
    }
}

/* h: lr, beta1, beta2, eps, weight_decay, maximize, bias_correction */
static void F(adamax)(T *p, const T *g, T *m, T *u, int64_t n, const double *h) {
    T w1 = (T)(1 - h[1]), b2 = (T)h[2], eps = (T)h[3], wd = (T)h[4], sign = h[5] != 0 ? -1 : 1;
    T step = (T)-(h[0] / h[6]);
    int decay = h[4] != 0;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T d = sign * g[i];
        d = decay ? FMA(wd, p[i], d) : d;
        T a = F(m_lerp)(m[i], d, w1);
        T old = u[i] * b2, size = (d < 0 ? -d : d) + eps;
        T top = old != old || old > size ? old : size;
        m[i] = a;
        u[i] = top;
        p[i] = p[i] + step * a / top;
    }
}

/* h: lr, beta1, beta2, eps, weight_decay, decoupled, maximize, bias_correction2, gradient's factor, momentum's factor */
static void F(nadam)(T *p, const T *g, T *m, T *v, int64_t n, const double *h) {
    T w1 = (T)(1 - h[1]), b2 = (T)h[2], w2 = (T)(1 - h[2]), eps = (T)h[3], wd = (T)h[4], sign = h[6] != 0 ? -1 : 1;
    int decay = h[4] != 0 && h[5] == 0, decoupled = h[4] != 0 && h[5] != 0;
    T shrink = decoupled ? (T)(1 - h[0] * h[4]) : 1, correction = (T)h[7], fresh = (T)h[8], kept = (T)h[9];
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T q = p[i] * shrink, d = sign * g[i];
        d = decay ? FMA(wd, q, d) : d;
        T a = F(m_lerp)(m[i], d, w1), s = FMA(w2 * d, d, v[i] * b2), root = F(m_sqrt)(s / correction) + eps;
        m[i] = a;
        v[i] = s;
        q = q + fresh * d / root;
        p[i] = q + kept * a / root;
    }
}

/* h: lr, beta1, beta2, eps, weight_decay, decoupled, maximize, bias_correction1, bias_correction2, rectification (0
 * while the variance is not tractable) */
static void F(radam)(T *p, const T *g, T *m, T *v, int64_t n, const double *h) {
    T w1 = (T)(1 - h[1]), b2 = (T)h[2], w2 = (T)(1 - h[2]), eps = (T)h[3], wd = (T)h[4], sign = h[6] != 0 ? -1 : 1;
    int decay = h[4] != 0 && h[5] == 0, decoupled = h[4] != 0 && h[5] != 0;
    T shrink = decoupled ? (T)(1 - h[0] * h[4]) : 1, lr = (T)h[0], correction = (T)h[7], top = (T)sqrt(h[8]);
    T rectification = (T)h[9];
#define STEP(scale) \
    MK_VECTOR_LOOP \
    for (int64_t i = 0; i < n; i++) { \
        T q = p[i] * shrink, d = sign * g[i]; \
        d = decay ? FMA(wd, q, d) : d; \
        T a = F(m_lerp)(m[i], d, w1), s = FMA(w2 * d, d, v[i] * b2); \
        m[i] = a; \
        v[i] = s; \
        p[i] = q - a / correction * lr scale; \
    }
    if (h[9] != 0) {
        STEP(* (top / (F(m_sqrt)(s) + eps)) * rectification)
    } else {
        STEP()
    }
#undef STEP
}

/* h: etaminus, etaplus, smallest, largest, maximize */
static void F(rprop)(T *p, const T *g, T *prev, T *size, int64_t n, const double *h) {
    T less = (T)h[0], more = (T)h[1], low = (T)h[2], high = (T)h[3], sign = h[4] != 0 ? -1 : 1;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T d = sign * g[i], turn = d * prev[i], s = size[i] * (turn > 0 ? more : turn < 0 ? less : 1);
        s = s < low ? low : s;
        s = s > high ? high : s;
        d = turn < 0 ? 0 : d;
        size[i] = s;
        prev[i] = d;
        p[i] = p[i] - (d > 0 ? s : d < 0 ? -s : 0);
    }
}

/* h: rate, lambd, weight_decay, maximize, mu. ax moves towards p by the share mu. */
static void F(asgd)(T *p, const T *g, T *ax, int64_t n, const double *h) {
    T step = (T)-h[0], shrink = (T)(1 - h[1] * h[0]), wd = (T)h[2], sign = h[3] != 0 ? -1 : 1, mu = (T)h[4];
    int decay = h[2] != 0, average = h[4] != 1;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        T d = sign * g[i];
        d = decay ? FMA(wd, p[i], d) : d;
        T q = FMA(step, d, p[i] * shrink), a = ax[i];
        p[i] = q;
        ax[i] = average ? a + (q - a) * mu : q;
    }
}
