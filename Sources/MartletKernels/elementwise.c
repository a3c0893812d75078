/* elementwise.c: strides and threads around the contiguous elementwise loops.
 * An operand with a stride other than 1 passes through a small buffer, block by
 * block, so that every layout is computed by the same vector code. */
#include "kernels.h"

#include <string.h>

enum { BLOCK = 512 };

/* A result of this many bytes is in no cache when it is read: it goes to memory without being fetched first. */
enum { STREAMED = 32 << 20 };

/* One elementwise call; which fields are used depends on kind. */
typedef struct {
    int kind;
    int32_t op;
    const void *a, *b, *c, *out;
    int64_t sa, sb, sc, so;
    double value;
    const double *p;
} call;

enum { UNARY, UNARY_PARAM, BINARY, BINARY_PARAM, COMPARE, ADD_SCALED, ADDCMUL, ADDCDIV, LERP, WHERE, SCALE };

/* Whether a call does so little with an element that memory alone decides how long it takes. */
static int bound_by_memory(const call *k) {
    if (k->kind == UNARY) return k->op <= MK_SIGN || k->op == MK_SQUARE || k->op == MK_RELU;
    return k->kind == BINARY && (k->op <= MK_MINIMUM || k->op == MK_RELU_BACKWARD);
}

/* Makes streamed results visible to the threads that are told of them next. */
static inline void stores_done(void) {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

/* w elements of p from i on, as contiguous memory: p itself or a copy in buffer, where a single value stays. */
#define DEFINE_READ(T, S) \
static inline const T *read_##S(const T *p, int64_t s, int64_t i, int64_t begin, int64_t w, T *buffer) { \
    if (s == 1) return p + i; \
    if (s == 0 && i != begin) return buffer; \
    p += i * s; \
    for (int64_t k = 0; k < w; k++) buffer[k] = p[k * s]; \
    return buffer; \
}
DEFINE_READ(float, f32)
DEFINE_READ(double, f64)
DEFINE_READ(uint8_t, u8)

#define DEFINE(T, S) \
static void blocks_##S(const call *k, int64_t begin, int64_t end) { \
    T buf_a[BLOCK], buf_b[BLOCK], buf_c[BLOCK], buf_out[BLOCK]; \
    uint8_t cond[BLOCK]; \
    const mk_table *t = mk_active; \
    int uses_b = k->kind >= BINARY && k->kind != SCALE, uses_c = k->kind >= ADDCMUL && k->kind <= LERP; \
    int64_t size = (k->sa == 1 && (!uses_b || k->sb == 1) && (!uses_c || k->sc == 1) && k->so == 1 && k->kind != WHERE) \
        ? end - begin : BLOCK; \
    for (int64_t i = begin; i < end; i += size) { \
        int64_t w = end - i < size ? end - i : size; \
        const T *a = read_##S(k->a, k->sa, i, begin, w, buf_a); \
        const T *b = uses_b ? read_##S(k->b, k->sb, i, begin, w, buf_b) : NULL; \
        const T *c = uses_c ? read_##S(k->c, k->sc, i, begin, w, buf_c) : NULL; \
        if (k->kind == COMPARE) { \
            uint8_t *o = (uint8_t *)k->out + i * k->so; \
            t->compare_##S(k->op, a, b, k->so == 1 ? o : cond, w); \
            if (k->so != 1) for (int64_t j = 0; j < w; j++) o[j * k->so] = cond[j]; \
            continue; \
        } \
        T *to = (T *)k->out + i * k->so, *o = k->so == 1 ? to : buf_out; \
        switch (k->kind) { \
        case UNARY: t->unary_##S(k->op, a, o, w); break; \
        case UNARY_PARAM: t->unary_param_##S(k->op, a, o, w, k->p); break; \
        case BINARY: t->binary_##S(k->op, a, b, o, w); break; \
        case BINARY_PARAM: t->binary_param_##S(k->op, a, b, o, w, k->p); break; \
        case ADD_SCALED: t->add_scaled_##S(a, b, (T)k->value, o, w); break; \
        case ADDCMUL: t->addcmul_##S(a, b, c, (T)k->value, o, w); break; \
        case ADDCDIV: t->addcdiv_##S(a, b, c, (T)k->value, o, w); break; \
        case LERP: t->lerp_##S(a, b, c, o, w); break; \
        case WHERE: t->where_##S(read_u8(k->c, k->sc, i, begin, w, cond), a, b, o, w); break; \
        default: t->binary_right_##S(MK_MUL, a, (T)k->value, o, w); break; \
        } \
        if (k->so != 1) for (int64_t j = 0; j < w; j++) to[j * k->so] = buf_out[j]; \
    } \
} \
static void piece_##S(void *context, int64_t begin, int64_t end) { \
    const call *k = context; \
    /* The commonest broadcast: one operand a single value, the rest contiguous. */ \
    if (k->kind == BINARY && k->so == 1) { \
        const T *a = k->a, *b = k->b; \
        T *o = (T *)k->out + begin; \
        if (k->sb == 0 && k->sa == 1 && mk_active->binary_right_##S(k->op, a + begin, *b, o, end - begin)) return; \
        if (k->sa == 0 && k->sb == 1 && mk_active->binary_left_##S(k->op, *a, b + begin, o, end - begin)) return; \
    } \
    blocks_##S(k, begin, end); \
} \
/* Whole blocks, the last perhaps in part: computed aside, then streamed. */ \
typedef struct { const call *k; int64_t n; } streaming_##S; \
static void streamed_##S(void *context, int64_t begin, int64_t end) { \
    const streaming_##S *s = context; \
    const call *k = s->k; \
    _Alignas(64) T block[BLOCK]; \
    for (int64_t i = begin * BLOCK; i < end * BLOCK; i += BLOCK) { \
        int64_t w = s->n - i < BLOCK ? s->n - i : BLOCK; \
        call part = *k; \
        part.a = (const T *)k->a + i * k->sa, part.b = (const T *)k->b + i * k->sb, part.out = block; \
        piece_##S(&part, 0, w); \
        mk_active->stream_##S(block, (T *)k->out + i, w); \
    } \
    stores_done(); \
} \
static inline void run_##S(const call *k, int64_t n) { \
    if (n <= MK_GRAIN) piece_##S((void *)k, 0, n); \
    else if (n >= STREAMED / (int64_t)sizeof(T) && bound_by_memory(k) && k->so == 1 && k->out != k->a && k->out != k->b && \
             (uintptr_t)k->out % 64 == 0) \
        mk_parallel_for((n + BLOCK - 1) / BLOCK, MK_GRAIN / BLOCK, streamed_##S, &(streaming_##S){k, n}); \
    else mk_parallel_for(n, MK_GRAIN, piece_##S, (void *)k); \
} \
void mk_unary_##S(int32_t op, const T *x, int64_t sx, T *out, int64_t so, int64_t n) { \
    if (sx == 1 && so == 1 && n <= MK_GRAIN) { \
        mk_active->unary_##S(op, x, out, n); \
        return; \
    } \
    run_##S(&(call){.kind = UNARY, .op = op, .a = x, .sa = sx, .out = out, .so = so}, n); \
} \
void mk_unary_param_##S(int32_t op, const T *x, int64_t sx, T *out, int64_t so, int64_t n, const double *p) { \
    run_##S(&(call){.kind = UNARY_PARAM, .op = op, .a = x, .sa = sx, .out = out, .so = so, .p = p}, n); \
} \
void mk_binary_##S(int32_t op, const T *a, int64_t sa, const T *b, int64_t sb, T *out, int64_t so, int64_t n) { \
    if (sa == 1 && sb == 1 && so == 1 && n <= MK_GRAIN) { \
        mk_active->binary_##S(op, a, b, out, n); \
        return; \
    } \
    run_##S(&(call){.kind = BINARY, .op = op, .a = a, .sa = sa, .b = b, .sb = sb, .out = out, .so = so}, n); \
} \
void mk_binary_param_##S(int32_t op, const T *a, int64_t sa, const T *b, int64_t sb, T *out, int64_t so, int64_t n, \
                         const double *p) { \
    run_##S(&(call){.kind = BINARY_PARAM, .op = op, .a = a, .sa = sa, .b = b, .sb = sb, .out = out, .so = so, .p = p}, n); \
} \
void mk_compare_##S(int32_t op, const T *a, int64_t sa, const T *b, int64_t sb, uint8_t *out, int64_t so, int64_t n) { \
    run_##S(&(call){.kind = COMPARE, .op = op, .a = a, .sa = sa, .b = b, .sb = sb, .out = out, .so = so}, n); \
} \
void mk_add_scaled_##S(const T *a, int64_t sa, const T *b, int64_t sb, T alpha, T *out, int64_t so, int64_t n) { \
    run_##S(&(call){.kind = ADD_SCALED, .a = a, .sa = sa, .b = b, .sb = sb, .value = alpha, .out = out, .so = so}, n); \
} \
void mk_addcmul_##S(const T *a, int64_t sa, const T *b, int64_t sb, const T *c, int64_t sc, T value, T *out, int64_t so, \
                    int64_t n) { \
    run_##S(&(call){.kind = ADDCMUL, .a = a, .sa = sa, .b = b, .sb = sb, .c = c, .sc = sc, .value = value, .out = out, \
                    .so = so}, n); \
} \
void mk_addcdiv_##S(const T *a, int64_t sa, const T *b, int64_t sb, const T *c, int64_t sc, T value, T *out, int64_t so, \
                    int64_t n) { \
    run_##S(&(call){.kind = ADDCDIV, .a = a, .sa = sa, .b = b, .sb = sb, .c = c, .sc = sc, .value = value, .out = out, \
                    .so = so}, n); \
} \
void mk_lerp_##S(const T *a, int64_t sa, const T *b, int64_t sb, const T *w, int64_t sw, T *out, int64_t so, int64_t n) { \
    run_##S(&(call){.kind = LERP, .a = a, .sa = sa, .b = b, .sb = sb, .c = w, .sc = sw, .out = out, .so = so}, n); \
} \
void mk_where_##S(const uint8_t *cond, int64_t sc, const T *a, int64_t sa, const T *b, int64_t sb, T *out, int64_t so, \
                  int64_t n) { \
    run_##S(&(call){.kind = WHERE, .c = cond, .sc = sc, .a = a, .sa = sa, .b = b, .sb = sb, .out = out, .so = so}, n); \
} \
void mk_scale_##S(const T *x, int64_t sx, T factor, T *out, int64_t so, int64_t n) { \
    run_##S(&(call){.kind = SCALE, .a = x, .sa = sx, .value = factor, .out = out, .so = so}, n); \
} \
typedef struct { const T *x; const uint8_t *bits; int64_t first; T scale; T *out; } dropping_##S; \
static void dropped_##S(void *context, int64_t begin, int64_t end) { \
    const dropping_##S *k = context; \
    mk_active->dropout_##S(k->x + begin, k->bits, k->first + begin, k->scale, k->out + begin, end - begin); \
} \
void mk_dropout_##S(const T *x, const uint8_t *bits, int64_t first, T scale, T *out, int64_t n) { \
    mk_parallel_for(n, MK_GRAIN, dropped_##S, &(dropping_##S){x, bits, first, scale, out}); \
}

DEFINE(float, f32)
DEFINE(double, f64)
