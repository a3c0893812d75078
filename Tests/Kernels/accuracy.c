/* accuracy.c: functions of one float over float's bit patterns, against the same functions in double, for every
 * instruction set that this machine has. `accuracy 1` tries all 2^32 of them, `accuracy 97` every 97th; names of
 * functions may follow. Errors are in units of the last place of the result; of gelu, whose tensor formula (PyTorch's)
 * adds 1 to an erf near -1, in those of the larger of result and argument. Run by Tests/Kernels/run.sh. */
#include "support.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHUNK = 2048 };

/* ---- The functions in double, CHUNK of them at a time ---- */

/* The C library's vector function where it has one, of 4 values and within 4 places of double, else f. */
typedef struct { double (*f)(double); const char *name; void *four; } library;
static library the_exp = {exp, "exp", 0}, the_exp2 = {exp2, "exp2", 0}, the_expm1 = {expm1, "expm1", 0},
               the_log = {log, "log", 0}, the_log2 = {log2, "log2", 0}, the_log10 = {log10, "log10", 0},
               the_log1p = {log1p, "log1p", 0}, the_tanh = {tanh, "tanh", 0}, the_erf = {erf, "erf", 0},
               the_erfc = {erfc, "erfc", 0}, the_sin = {sin, "sin", 0}, the_cos = {cos, "cos", 0};

static void find_vector_functions(void) {
#if defined(__x86_64__)
    library *const libraries[] = {&the_exp, &the_exp2, &the_expm1, &the_log, &the_log2, &the_log10,
                                  &the_log1p, &the_tanh, &the_erf, &the_erfc, &the_sin, &the_cos};
    void *handle = __builtin_cpu_supports("avx2") ? dlopen("libmvec.so.1", RTLD_NOW) : NULL;
    for (size_t i = 0; handle && i < sizeof libraries / sizeof *libraries; i++) {
        char symbol[64];
        snprintf(symbol, sizeof symbol, "_ZGVdN4v_%s", libraries[i]->name);
        libraries[i]->four = dlsym(handle, symbol);
    }
#endif
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void by_four(void *f, const double *x, double *out) {
    for (int i = 0; i < CHUNK; i += 4) _mm256_storeu_pd(out + i, ((__m256d (*)(__m256d))f)(_mm256_loadu_pd(x + i)));
}
#else
static void by_four(void *f, const double *x, double *out) { (void)f, (void)x, (void)out; }
#endif

static void call(const library *l, const double *x, double *out) {
    if (l->four) by_four(l->four, x, out);
    else
        for (int i = 0; i < CHUNK; i++) out[i] = l->f(x[i]);
}

#define LIBRARY(name) static void in_double_##name(const double *x, double *out) { call(&the_##name, x, out); }
LIBRARY(exp) LIBRARY(exp2) LIBRARY(expm1) LIBRARY(log) LIBRARY(log2) LIBRARY(log10) LIBRARY(log1p) LIBRARY(tanh)
LIBRARY(erf) LIBRARY(erfc) LIBRARY(sin) LIBRARY(cos)

/* `after` of the argument v and of e, a library function of `before`. */
#define COMPOSED(name, library, before, after) \
static void in_double_##name(const double *x, double *out) { \
    double inner[CHUNK]; \
    for (int i = 0; i < CHUNK; i++) { double v = x[i]; inner[i] = before; } \
    call(&the_##library, inner, out); \
    for (int i = 0; i < CHUNK; i++) { double v = x[i], e = out[i]; (void)v; out[i] = after; } \
}
COMPOSED(sigmoid, exp, -v, 1 / (1 + e))
COMPOSED(silu, exp, -v, v / (1 + e))
COMPOSED(gelu, erfc, v * -0.70710678118654752440, 0.5 * v * e)
COMPOSED(gelu_tanh, exp, -2 * 0.79788456080286535588 * (v + 0.044715 * (v * v * v)), v / (1 + e))
COMPOSED(softplus_term, exp, v, e)
static void in_double_softplus(const double *x, double *out) {
    double term[CHUNK];
    in_double_softplus_term(x, term);
    call(&the_log1p, term, out);
    for (int i = 0; i < CHUNK; i++) out[i] = x[i] > 20 ? x[i] : out[i];
}

#define PLAIN(name, expression) \
static void in_double_##name(const double *x, double *out) { \
    for (int i = 0; i < CHUNK; i++) { double v = x[i]; out[i] = expression; } \
}
PLAIN(sqrt, sqrt(v))
PLAIN(rsqrt, 1 / sqrt(v))
PLAIN(square, v * v)
PLAIN(cube, v * v * v)
PLAIN(inverse, 1 / v)
PLAIN(power, pow(v, (double)1.7f))
PLAIN(inverse_power, pow(v, (double)-2.3f))

/* ---- What is tried ---- */

static const struct function {
    const char *name;
    int32_t op;
    double exponent;     /* of a power, else 0 */
    void (*in_double)(const double *x, double *out);
    double limit, low;   /* places allowed; least argument */
    int beside;          /* a last place is also taken of the argument */
} functions[] = {
    {"exp", MK_EXP, 0, in_double_exp, 0.8, -INFINITY, 0},
    {"exp2", MK_EXP2, 0, in_double_exp2, 0.51, -INFINITY, 0},
    {"expm1", MK_EXPM1, 0, in_double_expm1, 0.51, -INFINITY, 0},
    {"log", MK_LOG, 0, in_double_log, 1.01, -INFINITY, 0},
    {"log2", MK_LOG2, 0, in_double_log2, 0.51, -INFINITY, 0},
    {"log10", MK_LOG10, 0, in_double_log10, 0.51, -INFINITY, 0},
    {"log1p", MK_LOG1P, 0, in_double_log1p, 0.51, -INFINITY, 0},
    {"tanh", MK_TANH, 0, in_double_tanh, 0.6, -INFINITY, 0},
    {"sigmoid", MK_SIGMOID, 0, in_double_sigmoid, 2, -87, 0},
    {"silu", MK_SILU, 0, in_double_silu, 2.5, -87, 0},
    {"gelu", MK_GELU, 0, in_double_gelu, 2, -INFINITY, 1},
    {"gelu_tanh", MK_GELU_TANH, 0, in_double_gelu_tanh, 2, -INFINITY, 1},
    {"softplus", MK_SOFTPLUS, 0, in_double_softplus, 2, -87, 0},
    {"erf", MK_ERF, 0, in_double_erf, 0.65, -INFINITY, 0},
    {"erfc", MK_ERFC, 0, in_double_erfc, 0.51, -INFINITY, 0},
    {"sin", MK_SIN, 0, in_double_sin, 1, -INFINITY, 0},
    {"cos", MK_COS, 0, in_double_cos, 1, -INFINITY, 0},
    {"sqrt", MK_SQRT, 0, in_double_sqrt, 0.5, -INFINITY, 0},
    {"rsqrt", MK_RSQRT, 0, in_double_rsqrt, 1.5, -INFINITY, 0},
    {"pow 2", MK_POW, 2, in_double_square, 0.5, -INFINITY, 0},
    {"pow 3", MK_POW, 3, in_double_cube, 1.5, -INFINITY, 0},
    {"pow -1", MK_POW, -1, in_double_inverse, 0.5, -INFINITY, 0},
    {"pow 1.7", MK_POW, 1.7f, in_double_power, 0.51, -INFINITY, 0},
    {"pow -2.3", MK_POW, -2.3f, in_double_inverse_power, 0.51, -INFINITY, 0},
};

/* ---- One function over many arguments ---- */

typedef struct { double error; float at; } worst;
typedef struct {
    const struct function *f;
    uint64_t step, begin, end;
    const mk_table **list;
    int count;
    worst worst[3];
} work;

static void values(const struct function *f, const mk_table *t, const float *x, float *out) {
    if (f->exponent == 0) t->unary_f32(f->op, x, out, CHUNK);
    else if (!t->binary_right_f32(MK_POW, x, (float)f->exponent, out, CHUNK)) {
        float exponents[CHUNK];
        for (int i = 0; i < CHUNK; i++) exponents[i] = (float)f->exponent;
        t->binary_f32(MK_POW, x, exponents, out, CHUNK);
    }
}

/* The distance of two floats of that size. */
static inline double place(double size) {
    uint64_t bits;
    memcpy(&bits, &size, 8);
    bits &= 0x7ff0000000000000u;
    const uint64_t least = (uint64_t)(1023 - 126) << 52;
    bits = (bits < least ? least : bits) - ((uint64_t)23 << 52);
    memcpy(&size, &bits, 8);
    return size;
}

static void *run(void *context) {
    work *w = context;
    float x[CHUNK], got[CHUNK];
    double wide[CHUNK], want[CHUNK], error[CHUNK];
    for (uint64_t at = w->begin; at < w->end;) {
        for (int i = 0; i < CHUNK; i++, at += w->step) {
            uint32_t bits = (uint32_t)(at < w->end ? at : w->begin);
            memcpy(x + i, &bits, 4);
            if (x[i] < w->f->low) x[i] = 0;
            wide[i] = x[i];
        }
        w->f->in_double(wide, want);
        for (int t = 0; t < w->count; t++) {
            values(w->f, w->list[t], x, got);
            double most = 0;
            for (int i = 0; i < CHUNK; i++) {
                double size = fabs(want[i]), mine = got[i], nearest = (double)(float)want[i];
                size = w->f->beside && fabs(wide[i]) > size ? fabs(wide[i]) : size;
                double e = fabs(mine - want[i]) / place(size);
                if (mine == nearest) e = fabs(nearest) < INFINITY ? e : 0;
                else if (e != e) e = mine != mine && nearest != nearest ? 0 : INFINITY;
                error[i] = e;
                most = e > most ? e : most;
            }
            if (most > w->worst[t].error)
                for (int i = 0; i < CHUNK; i++)
                    if (error[i] == most) w->worst[t] = (worst){most, x[i]};
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const mk_table *list[3];
    int count = tables(list), threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (step == 0 || threads < 1) return 2;
    find_vector_functions();
    printf("%-10s", "function");
    for (int t = 0; t < count; t++) printf("%10s at %-13s", list[t]->name, "");
    printf("  allowed\n");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        int asked = argc <= 2;
        for (int a = 2; a < argc; a++) asked |= !strcmp(argv[a], functions[i].name);
        if (!asked) continue;
        enum { MOST = 64 };
        pthread_t thread[MOST];
        work part[MOST];
        int parts = threads < MOST ? threads : MOST;
        /* Interleaved, since some arguments take much longer than others. */
        for (int p = 0; p < parts; p++) {
            uint64_t begin = step * (uint64_t)p, stride = step * (uint64_t)parts;
            part[p] = (work){&functions[i], stride, begin, (uint64_t)1 << 32, list, count, {{0, 0}}};
            if (pthread_create(thread + p, NULL, run, part + p)) return 2;
        }
        worst most[3] = {{0, 0}};
        for (int p = 0; p < parts; p++) {
            pthread_join(thread[p], NULL);
            for (int t = 0; t < count; t++)
                if (part[p].worst[t].error > most[t].error) most[t] = part[p].worst[t];
        }
        printf("%-10s", functions[i].name);
        for (int t = 0; t < count; t++) {
            checks++;
            failures += !(most[t].error <= functions[i].limit);
            printf("%10.4f at %-13.7g", most[t].error, (double)most[t].at);
        }
        printf("%8.2f%s\n", functions[i].limit, most[0].error > functions[i].limit || most[1].error > functions[i].limit ||
               most[2].error > functions[i].limit ? "  TOO MUCH" : "");
        fflush(stdout);
    }
    printf("%ld checks, %ld failed\n", checks, failures);
    return failures != 0;
}
