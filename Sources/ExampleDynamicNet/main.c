/* A network that decides its own depth, built by hand from operations of Martlet's C API.
 *
 * There are no layers and no optimizer here: a forward pass is a matrix product, an addition and a clamp at a time,
 * the middle weight is used 0 to 3 times as plain C control flow says, and the update with momentum is written out.
 * Whatever the pass did, backward follows it; the gradient of the middle weight is the sum over its uses.
 *
 * Prints every fifteenth loss, then, for each depth, that sum against the gradients of separate copies.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "martlet.h"

enum { SAMPLES = 64, INPUTS = 1000, HIDDEN = 100, OUTPUTS = 10, STEPS = 500, DEEPEST = 3 };

/* The network's parameters by name. */
enum { IN_WEIGHT, IN_BIAS, MIDDLE_WEIGHT, MIDDLE_BIAS, OUT_WEIGHT, OUT_BIAS, PARAMETERS };

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, mt_last_error_message());
    exit(1);
}

static mt_tensor made(mt_tensor t, const char *what) {
    if (!t) fail(what);
    return t;
}

static void done(mt_status status, const char *what) {
    if (status != MT_OK) fail(what);
}

/* A leaf of the given sizes, uniform between -bound and bound. */
static mt_tensor parameter(const int64_t *sizes, int32_t ndim, double bound) {
    mt_tensor t = made(mt_empty(sizes, ndim, MT_FLOAT32), "parameter");
    done(mt_uniform_(t, -bound, bound, NULL), "parameter");
    done(mt_set_requires_grad(t, 1), "parameter");
    return t;
}

static void make_linear(mt_tensor *pair, int64_t in, int64_t out) {
    double bound = 1 / sqrt((double)in);
    pair[0] = parameter((int64_t[]){out, in}, 2, bound);
    pair[1] = parameter((int64_t[]){out}, 1, bound);
}

/* x times the transposed weight, plus the bias. */
static mt_tensor linear(mt_tensor x, mt_tensor weight, mt_tensor bias) {
    return mt_add(mt_mm(x, mt_t(weight)), bias, NULL);
}

/* The forward pass. middle[k] is the weight and bias of use k: the same pair for a shared layer. */
static mt_tensor forward(mt_tensor x, const mt_tensor *p, mt_tensor middle[][2], int64_t uses) {
    mt_tensor zero = mt_number_i64(0);
    mt_tensor h = mt_clamp(linear(x, p[IN_WEIGHT], p[IN_BIAS]), zero, NULL);
    for (int64_t k = 0; k < uses; k++) h = mt_clamp(linear(h, middle[k][0], middle[k][1]), zero, NULL);
    return linear(h, p[OUT_WEIGHT], p[OUT_BIAS]);
}

/* Sum of squared differences. */
static mt_tensor squared_error(mt_tensor prediction, mt_tensor target) {
    mt_tensor difference = mt_sub(prediction, target, NULL);
    return mt_sum(mt_mul(difference, difference), NULL, 0, 0, MT_DTYPE_NONE);
}

/* velocity <- 0.9 velocity + gradient; parameter <- parameter - 0.0001 velocity. */
static void step(mt_tensor *p, mt_tensor *velocity) {
    int32_t recorded = mt_set_grad_enabled(0);
    mt_tensor momentum = mt_number_f64(0.9), rate = mt_number_f64(1e-4);
    for (int k = 0; k < PARAMETERS; k++) {
        mt_tensor gradient = mt_grad(p[k]);
        if (!gradient) continue; /* a layer that this step did not use */
        if (!velocity[k]) {
            velocity[k] = mt_scope_keep(made(mt_clone(gradient), "velocity")); /* it outlives the step */
        } else {
            done(mt_mul_(velocity[k], momentum), "velocity");
            done(mt_add_(velocity[k], gradient, NULL), "velocity");
        }
        done(mt_sub_(p[k], velocity[k], rate), "update");
        done(mt_set_grad(p[k], NULL), "update");
    }
    mt_set_grad_enabled(recorded);
}

/* Largest difference between the shared weight's gradient and the sum over copies, relative to the former. */
static double compare_with_copies(mt_tensor x, mt_tensor y, const mt_tensor *p, int64_t uses) {
    mt_scope_begin();
    mt_tensor shared[DEEPEST][2], copies[DEEPEST][2];
    for (int64_t k = 0; k < uses; k++)
        for (int part = 0; part < 2; part++) {
            shared[k][part] = p[MIDDLE_WEIGHT + part];
            copies[k][part] = mt_clone(mt_detach(p[MIDDLE_WEIGHT + part]));
            done(mt_set_requires_grad(copies[k][part], 1), "copy");
        }
    done(mt_set_grad(p[MIDDLE_WEIGHT], NULL), "clear");
    done(mt_backward(squared_error(forward(x, p, shared, uses), y), NULL, 0, 0), "backward");
    done(mt_backward(squared_error(forward(x, p, copies, uses), y), NULL, 0, 0), "backward");
    mt_tensor whole = mt_grad(p[MIDDLE_WEIGHT]), sum = mt_grad(copies[0][0]);
    for (int64_t k = 1; k < uses; k++) sum = mt_add(sum, mt_grad(copies[k][0]), NULL);
    double difference, size;
    done(mt_item_f64(mt_amax(mt_abs(mt_sub(whole, sum, NULL)), NULL, 0, 0), &difference), "compare");
    done(mt_item_f64(mt_amax(mt_abs(whole), NULL, 0, 0), &size), "compare");
    mt_scope_end();
    return difference / size;
}

int main(void) {
    done(mt_manual_seed(7), "seed");
    mt_scope_begin(); /* everything made below is given back at the end */
    mt_tensor x = mt_randn((int64_t[]){SAMPLES, INPUTS}, 2, MT_FLOAT32, NULL);
    mt_tensor y = mt_randn((int64_t[]){SAMPLES, OUTPUTS}, 2, MT_FLOAT32, NULL);
    mt_tensor p[PARAMETERS], velocity[PARAMETERS] = {NULL};
    make_linear(&p[IN_WEIGHT], INPUTS, HIDDEN);
    make_linear(&p[MIDDLE_WEIGHT], HIDDEN, HIDDEN);
    make_linear(&p[OUT_WEIGHT], HIDDEN, OUTPUTS);
    mt_tensor shared[DEEPEST][2];
    for (int k = 0; k < DEEPEST; k++)
        for (int part = 0; part < 2; part++) shared[k][part] = p[MIDDLE_WEIGHT + part];

    for (int t = 0; t < STEPS; t++) {
        mt_scope_begin();
        int64_t uses;
        done(mt_item_i64(mt_randint(0, DEEPEST + 1, NULL, 0, MT_INT64, NULL), &uses), "depth");
        mt_tensor loss = squared_error(forward(x, p, shared, uses), y);
        if (t % 15 == 0) {
            double value;
            done(mt_item_f64(loss, &value), "loss");
            printf("step %3d  uses %lld  loss %.4f\n", t, (long long)uses, value);
        }
        done(mt_backward(loss, NULL, 0, 0), "backward");
        step(p, velocity);
        mt_scope_end();
    }

    for (int64_t uses = 1; uses <= DEEPEST; uses++)
        printf("%lld uses: the gradient is the sum over copies: %s\n", (long long)uses,
               compare_with_copies(x, y, p, uses) < 1e-4 ? "yes" : "no");

    done(mt_scope_end(), "end");
    return 0;
}
