/* mk_optim.h: one optimizer step over n contiguous elements, in one pass.
 * Hyperparameters are doubles, rounded to the element type where torch's
 * tensor code rounds them; the order of operations and roundings is that of
 * the published update rules written as elementwise tensor operations.
 * `maximize` negates the gradient first. State buffers are updated in place. */
#ifndef MK_OPTIM_H
#define MK_OPTIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* g += wd*p; buf = first ? g : momentum*buf + (1-dampening)*g;
 * g = nesterov ? g + momentum*buf : buf; p += -lr*g.
 * buf may be NULL when momentum is 0; first says that buf has no value yet. */
void mk_sgd_f32(float *p, const float *g, float *buf, int64_t n, double lr, double momentum, double dampening,
                double weight_decay, int32_t nesterov, int32_t maximize, int32_t first);
void mk_sgd_f64(double *p, const double *g, double *buf, int64_t n, double lr, double momentum, double dampening,
                double weight_decay, int32_t nesterov, int32_t maximize, int32_t first);

/* Adam and, with decoupled != 0, AdamW. max_sq is NULL unless amsgrad.
 * bias_correction1 = 1 - beta1^step, bias_correction2 = 1 - beta2^step.
 * m = lerp(m, g, 1-beta1); v = beta2*v + (1-beta2)*g*g;
 * p += -(lr/bc1) * m / (sqrt(v)/sqrt(bc2) + eps). */
void mk_adam_f32(float *p, const float *g, float *m, float *v, float *max_sq, int64_t n, double lr, double beta1,
                 double beta2, double eps, double weight_decay, int32_t decoupled, int32_t maximize,
                 double bias_correction1, double bias_correction2);
void mk_adam_f64(double *p, const double *g, double *m, double *v, double *max_sq, int64_t n, double lr, double beta1,
                 double beta2, double eps, double weight_decay, int32_t decoupled, int32_t maximize,
                 double bias_correction1, double bias_correction2);

/* sq = alpha*sq + (1-alpha)*g*g; avg = lerp(avg, g, 1-alpha) when centered (avg
 * not NULL); d = sqrt(sq - avg*avg) + eps; with momentum: buf = momentum*buf + g/d,
 * p += -lr*buf; else p += -lr*g/d. */
void mk_rmsprop_f32(float *p, const float *g, float *sq, float *avg, float *buf, int64_t n, double lr, double alpha,
                    double eps, double weight_decay, double momentum, int32_t maximize);
void mk_rmsprop_f64(double *p, const double *g, double *sq, double *avg, double *buf, int64_t n, double lr, double alpha,
                    double eps, double weight_decay, double momentum, int32_t maximize);

/* sum += g*g; p += -clr * g / (sqrt(sum) + eps), clr = lr / (1 + (step-1)*lr_decay). */
void mk_adagrad_f32(float *p, const float *g, float *sum, int64_t n, double clr, double eps, double weight_decay, int32_t maximize);
void mk_adagrad_f64(double *p, const double *g, double *sum, int64_t n, double clr, double eps, double weight_decay, int32_t maximize);

/* The less common ones take either type: floats where `single` is not 0, else doubles. */

/* sq = rho*sq + (1-rho)*g*g; d = sqrt(acc+eps)/sqrt(sq+eps)*g; acc = rho*acc + (1-rho)*d*d; p += -lr*d. */
void mk_adadelta(int32_t single, void *p, const void *g, void *sq, void *acc, int64_t n, double lr, double rho,
                 double eps, double weight_decay, int32_t maximize);

/* m = lerp(m, g, 1-beta1); u = max(beta2*u, |g| + eps); p += -(lr/bias_correction) * m / u. */
void mk_adamax(int32_t single, void *p, const void *g, void *m, void *u, int64_t n, double lr, double beta1,
               double beta2, double eps, double weight_decay, int32_t maximize, double bias_correction);

/* m = lerp(m, g, 1-beta1); v = beta2*v + (1-beta2)*g*g; d = sqrt(v/bias_correction2) + eps;
 * p += fresh * g/d; p += kept * m/d. */
void mk_nadam(int32_t single, void *p, const void *g, void *m, void *v, int64_t n, double lr, double beta1,
              double beta2, double eps, double weight_decay, int32_t decoupled, int32_t maximize,
              double bias_correction2, double fresh, double kept);

/* m, v as for Adam; p -= lr * m/bias_correction1, times sqrt(bias_correction2)/(sqrt(v)+eps) * rectification unless
 * that is 0. */
void mk_radam(int32_t single, void *p, const void *g, void *m, void *v, int64_t n, double lr, double beta1,
              double beta2, double eps, double weight_decay, int32_t decoupled, int32_t maximize,
              double bias_correction1, double bias_correction2, double rectification);

/* size *= etaplus, etaminus or 1 where g*prev is positive, negative or 0, within smallest..largest; g = 0 where the
 * sign turned; p -= sign(g) * size; prev = g. */
void mk_rprop(int32_t single, void *p, const void *g, void *prev, void *size, int64_t n, double etaminus,
              double etaplus, double smallest, double largest, int32_t maximize);

/* p = p * (1 - lambd*rate) - rate*g; ax += (p - ax) * mu. */
void mk_asgd(int32_t single, void *p, const void *g, void *ax, int64_t n, double rate, double lambd,
             double weight_decay, int32_t maximize, double mu);

#ifdef __cplusplus
}
#endif
#endif
