/* optim.c: optimizer steps, spread over threads. */
#include "kernels.h"

enum { SGD, ADAM, RMSPROP, ADAGRAD, ADADELTA, ADAMAX, NADAM, RADAM, RPROP, ASGD };

#define DEFINE(T, S) \
typedef struct { int kind; T *p; const T *g; T *s0, *s1, *s2; const double *h; } step_##S; \
static T *at_##S(T *p, int64_t i) { return p ? p + i : p; } \
static void piece_##S(void *context, int64_t i, int64_t end) { \
    const step_##S *k = context; \
    T *p = k->p + i, *s0 = at_##S(k->s0, i), *s1 = at_##S(k->s1, i), *s2 = at_##S(k->s2, i); \
    const T *g = k->g + i; \
    int64_t n = end - i; \
    switch (k->kind) { \
    case SGD: mk_active->sgd_##S(p, g, s0, n, k->h); break; \
    case ADAM: mk_active->adam_##S(p, g, s0, s1, s2, n, k->h); break; \
    case RMSPROP: mk_active->rmsprop_##S(p, g, s0, s1, s2, n, k->h); break; \
    case ADAGRAD: mk_active->adagrad_##S(p, g, s0, n, k->h); break; \
    case ADADELTA: mk_active->adadelta_##S(p, g, s0, s1, n, k->h); break; \
    case ADAMAX: mk_active->adamax_##S(p, g, s0, s1, n, k->h); break; \
    case NADAM: mk_active->nadam_##S(p, g, s0, s1, n, k->h); break; \
    case RADAM: mk_active->radam_##S(p, g, s0, s1, n, k->h); break; \
    case RPROP: mk_active->rprop_##S(p, g, s0, s1, n, k->h); break; \
    default: mk_active->asgd_##S(p, g, s0, n, k->h); break; \
    } \
} \
static void run_##S(int kind, T *p, const T *g, T *s0, T *s1, T *s2, int64_t n, const double *h) { \
    step_##S k = {kind, p, g, s0, s1, s2, h}; \
    mk_parallel_for(n, MK_GRAIN, piece_##S, &k); \
} \
void mk_sgd_##S(T *p, const T *g, T *buf, int64_t n, double lr, double momentum, double dampening, double weight_decay, \
                int32_t nesterov, int32_t maximize, int32_t first) { \
    double h[] = {lr, momentum, dampening, weight_decay, nesterov, maximize, first}; \
    run_##S(SGD, p, g, buf, NULL, NULL, n, h); \
} \
void mk_adam_##S(T *p, const T *g, T *m, T *v, T *max_sq, int64_t n, double lr, double beta1, double beta2, double eps, \
                 double weight_decay, int32_t decoupled, int32_t maximize, double bias_correction1, \
                 double bias_correction2) { \
    double h[] = {lr, beta1, beta2, eps, weight_decay, decoupled, maximize, bias_correction1, bias_correction2}; \
    run_##S(ADAM, p, g, m, v, max_sq, n, h); \
} \
void mk_rmsprop_##S(T *p, const T *g, T *sq, T *avg, T *buf, int64_t n, double lr, double alpha, double eps, \
                    double weight_decay, double momentum, int32_t maximize) { \
    double h[] = {lr, alpha, eps, weight_decay, momentum, maximize}; \
    run_##S(RMSPROP, p, g, sq, avg, buf, n, h); \
} \
void mk_adagrad_##S(T *p, const T *g, T *sum, int64_t n, double clr, double eps, double weight_decay, int32_t maximize) { \
    double h[] = {clr, eps, weight_decay, maximize}; \
    run_##S(ADAGRAD, p, g, sum, NULL, NULL, n, h); \
}

DEFINE(float, f32)
DEFINE(double, f64)

static void run(int32_t single, int kind, void *p, const void *g, void *s0, void *s1, int64_t n, const double *h) {
    if (single) run_f32(kind, p, g, s0, s1, NULL, n, h);
    else run_f64(kind, p, g, s0, s1, NULL, n, h);
}

void mk_adadelta(int32_t single, void *p, const void *g, void *sq, void *acc, int64_t n, double lr, double rho,
                 double eps, double weight_decay, int32_t maximize) {
    double h[] = {lr, rho, eps, weight_decay, maximize};
    run(single, ADADELTA, p, g, sq, acc, n, h);
}

void mk_adamax(int32_t single, void *p, const void *g, void *m, void *u, int64_t n, double lr, double beta1,
               double beta2, double eps, double weight_decay, int32_t maximize, double bias_correction) {
    double h[] = {lr, beta1, beta2, eps, weight_decay, maximize, bias_correction};
    run(single, ADAMAX, p, g, m, u, n, h);
}

void mk_nadam(int32_t single, void *p, const void *g, void *m, void *v, int64_t n, double lr, double beta1,
              double beta2, double eps, double weight_decay, int32_t decoupled, int32_t maximize,
              double bias_correction2, double fresh, double kept) {
    double h[] = {lr, beta1, beta2, eps, weight_decay, decoupled, maximize, bias_correction2, fresh, kept};
    run(single, NADAM, p, g, m, v, n, h);
}

void mk_radam(int32_t single, void *p, const void *g, void *m, void *v, int64_t n, double lr, double beta1,
              double beta2, double eps, double weight_decay, int32_t decoupled, int32_t maximize,
              double bias_correction1, double bias_correction2, double rectification) {
    double h[] = {lr, beta1, beta2, eps, weight_decay, decoupled, maximize, bias_correction1, bias_correction2, rectification};
    run(single, RADAM, p, g, m, v, n, h);
}

void mk_rprop(int32_t single, void *p, const void *g, void *prev, void *size, int64_t n, double etaminus,
              double etaplus, double smallest, double largest, int32_t maximize) {
    double h[] = {etaminus, etaplus, smallest, largest, maximize};
    run(single, RPROP, p, g, prev, size, n, h);
}

void mk_asgd(int32_t single, void *p, const void *g, void *ax, int64_t n, double rate, double lambd,
             double weight_decay, int32_t maximize, double mu) {
    double h[] = {rate, lambd, weight_decay, maximize, mu};
    run(single, ASGD, p, g, ax, NULL, n, h);
}
