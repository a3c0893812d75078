/* The steps of W2 to W5 over the C API, the same as python/benchmarks/training.py: its sizes, optimizers and order of
 * operations. Parameters and data are drawn here; what a step costs does not depend on them. */
#include <stddef.h>

#include "benchmark.h"
#include "martlet.h"

static mt_tensor made(mt_tensor t) {
    if (!t) fail("tensor");
    return t;
}

static mt_module layer(mt_module m) {
    if (!m) fail("module");
    return m;
}

static void done(mt_status status) {
    if (status != MT_OK) fail("step");
}

#define SIZES(...) (int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static mt_tensor normal(const int64_t *sizes, int32_t n) { return made(mt_randn(sizes, n, MT_FLOAT32, NULL)); }

/* The parameters of modules, one list after another. */
static int parameters(const mt_module *modules, int n, mt_tensor *out) {
    int count = 0;
    for (int m = 0; m < n; m++) {
        mt_tensor_list list;
        done(mt_module_parameters(modules[m], &list));
        for (int64_t k = 0; k < list.count; k++) out[count++] = made(mt_tensor_retain(list.items[k]));
        mt_tensor_list_free(&list);
    }
    return count;
}

static mt_optimizer sgd(const mt_module *modules, int n, double lr, double momentum) {
    mt_tensor p[64];
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.lr = lr;
    options.momentum = momentum;
    mt_optimizer optimizer = mt_sgd(p, parameters(modules, n, p), &options);
    if (!optimizer) fail("optimizer");
    return optimizer;
}

static void learn(mt_optimizer optimizer, mt_tensor loss) {
    done(mt_optimizer_zero_grad(optimizer, 1));
    done(mt_backward(made(loss), NULL, 0, 0));
    done(mt_optimizer_step(optimizer));
}

/* ---- W2: a middle layer used 0 to 3 times ---------------------------------------------------------------------- */

static struct {
    mt_module layers[3];
    mt_optimizer optimizer;
    mt_tensor x, y, zero;
} net;

static void make_dynamic_net(void) {
    net.layers[0] = layer(mt_nn_linear(1000, 100, 1, MT_FLOAT32));
    net.layers[1] = layer(mt_nn_linear(100, 100, 1, MT_FLOAT32));
    net.layers[2] = layer(mt_nn_linear(100, 10, 1, MT_FLOAT32));
    net.optimizer = sgd(net.layers, 3, 1e-4, 0.9);
    net.x = normal(SIZES(64, 1000));
    net.y = normal(SIZES(64, 10));
    net.zero = mt_number_i64(0);
}

static void dynamic_net(long i) {
    static const int uses[] = {2, 0, 3, 1};
    mt_tensor h = mt_clamp(mt_module_forward(net.layers[0], net.x), net.zero, NULL);
    for (int k = uses[i % 4]; k > 0; k--) h = mt_clamp(mt_module_forward(net.layers[1], h), net.zero, NULL);
    learn(net.optimizer, mt_mse_loss(mt_module_forward(net.layers[2], h), net.y, 2));
}

/* ---- W3: the last word of a sentence ---------------------------------------------------------------------------- */

static struct {
    mt_module parts[3]; /* embedding, encoder, linear */
    mt_optimizer optimizer;
    mt_tensor words[2], next[2];
} sentence;

static void make_last_word(void) {
    sentence.parts[0] = layer(mt_nn_embedding(10, 20, MT_NONE, 1, MT_FLOAT32));
    mt_module block = layer(mt_nn_transformer_encoder_layer(20, 2, NULL));
    sentence.parts[1] = layer(mt_nn_transformer_encoder(block, 1, NULL));
    sentence.parts[2] = layer(mt_nn_linear(60, 10, 1, MT_FLOAT32));
    sentence.optimizer = sgd(sentence.parts, 3, 0.01, 0);
    sentence.words[0] = made(mt_tensor_from_i64((int64_t[]){8, 0, 1, 1, 2, 0}, SIZES(3, 2)));
    sentence.next[0] = made(mt_tensor_from_i64((int64_t[]){1, 5}, SIZES(2)));
    sentence.words[1] = made(mt_tensor_from_i64((int64_t[]){9, 7, 4}, SIZES(3, 1)));
    sentence.next[1] = made(mt_tensor_from_i64((int64_t[]){3}, SIZES(1)));
}

static void last_word(long i) {
    mt_tensor h = mt_module_forward(sentence.parts[1], mt_module_forward(sentence.parts[0], sentence.words[i & 1]));
    h = mt_reshape(mt_permute(h, SIZES(1, 0, 2)), SIZES(i & 1 ? 1 : 2, 60));
    mt_tensor scores = mt_module_forward(sentence.parts[2], h);
    learn(sentence.optimizer, mt_cross_entropy(scores, sentence.next[i & 1], NULL, 1, -100, 0));
}

/* ---- W4: gradients through gradient steps ------------------------------------------------------------------------ */

static mt_tensor gradient(mt_tensor y, mt_tensor x, int32_t create_graph) {
    mt_tensor g;
    done(mt_autograd_grad(&y, 1, &x, 1, NULL, create_graph, create_graph, 0, 0, &g));
    return g;
}

static struct {
    mt_tensor x, y, start, two, rate;
} scalars;

static void make_two_inner_steps(void) {
    scalars.x = made(mt_tensor_from_f32((float[]){1}, NULL, 0));
    scalars.y = made(mt_tensor_from_f32((float[]){3}, NULL, 0));
    scalars.start = made(mt_tensor_from_f32((float[]){1}, NULL, 0));
    done(mt_set_requires_grad(scalars.start, 1));
    scalars.two = mt_number_i64(2);
    scalars.rate = mt_number_f64(0.1);
}

static mt_tensor squared_miss(mt_tensor w) {
    return mt_pow(mt_sub(mt_mul(w, scalars.x), scalars.y, NULL), scalars.two);
}

static void two_inner_steps(long i) {
    (void)i;
    mt_tensor w = scalars.start;
    for (int k = 0; k < 2; k++) w = mt_sub(w, mt_mul(gradient(squared_miss(w), w, 1), scalars.rate), NULL);
    gradient(squared_miss(w), scalars.start, 0);
}

enum { TASKS = 4, INNER_STEPS = 5, WEIGHTS = 6 };

static struct {
    mt_tensor start[WEIGHTS], sets[4], rate, tasks;
    mt_optimizer optimizer;
} maml_state;

static void make_maml(void) {
    mt_module layers[3] = {
        layer(mt_nn_linear(1, 40, 1, MT_FLOAT32)), layer(mt_nn_linear(40, 40, 1, MT_FLOAT32)),
        layer(mt_nn_linear(40, 1, 1, MT_FLOAT32))};
    parameters(layers, 3, maml_state.start);
    mt_adam_options options = MT_ADAM_OPTIONS_INIT;
    maml_state.optimizer = mt_adam(maml_state.start, WEIGHTS, &options);
    if (!maml_state.optimizer) fail("optimizer");
    for (int k = 0; k < 4; k++) maml_state.sets[k] = normal(SIZES(TASKS, 10, 1)); /* known and asked points and values */
    maml_state.rate = mt_number_f64(0.01);
    maml_state.tasks = mt_number_i64(TASKS);
}

static mt_tensor miss(const mt_tensor *p, int points, int64_t task) {
    mt_tensor h = mt_relu(mt_linear(mt_select(maml_state.sets[points], 0, task), p[0], p[1]));
    h = mt_linear(mt_relu(mt_linear(h, p[2], p[3])), p[4], p[5]);
    return mt_mse_loss(h, mt_select(maml_state.sets[points + 1], 0, task), 1);
}

static void maml(long i) {
    (void)i;
    mt_tensor total = mt_number_f64(0);
    for (int64_t task = 0; task < TASKS; task++) {
        mt_tensor p[WEIGHTS], g[WEIGHTS];
        for (int k = 0; k < WEIGHTS; k++) p[k] = maml_state.start[k];
        for (int step = 0; step < INNER_STEPS; step++) {
            mt_tensor loss = miss(p, 0, task);
            done(mt_autograd_grad(&loss, 1, p, WEIGHTS, NULL, 1, 1, 0, 0, g));
            for (int k = 0; k < WEIGHTS; k++) p[k] = mt_sub(p[k], mt_mul(g[k], maml_state.rate), NULL);
        }
        total = mt_add(total, miss(p, 2, task), NULL);
    }
    learn(maml_state.optimizer, mt_div(total, maml_state.tasks));
}

/* ---- W5: one example at a time -------------------------------------------------------------------------------------- */

enum { EXAMPLES = 64 };

static struct {
    mt_module tower;
    mt_optimizer optimizer;
    mt_tensor weight, bias; /* of the last layer */
    mt_tensor x[EXAMPLES], y[EXAMPLES], mean, square, deviation, beta, rest, two, least;
} online;

static void make_online(void) {
    mt_module layers[9];
    for (int k = 0; k < 9; k++)
        layers[k] = layer(k % 2 ? mt_nn_tanh() : mt_nn_linear(k ? 10 : 16, k < 8 ? 10 : 1, 1, MT_FLOAT32));
    online.tower = layer(mt_nn_sequential(layers, 9));
    mt_tensor last[2];
    parameters(&layers[8], 1, last);
    online.weight = last[0];
    online.bias = last[1];
    online.optimizer = sgd(&online.tower, 1, 1e-3, 0);
    for (int k = 0; k < EXAMPLES; k++) {
        online.x[k] = normal(SIZES(1, 16));
        online.y[k] = normal(SIZES(1, 1));
    }
    online.mean = made(mt_zeros(SIZES(1), MT_FLOAT32));
    online.square = made(mt_ones(SIZES(1), MT_FLOAT32));
    online.deviation = made(mt_ones(SIZES(1), MT_FLOAT32));
    online.beta = mt_number_f64(0.1);
    online.rest = mt_number_f64(0.9);
    online.two = mt_number_i64(2);
    online.least = mt_number_f64(1e-4);
}

static void regress(mt_tensor x, mt_tensor y) {
    mt_tensor error = mt_sub(mt_module_forward(online.tower, x), y, NULL);
    learn(online.optimizer, mt_mean(mt_pow(error, online.two), NULL, 0, 0, MT_DTYPE_NONE));
}

static void online_sgd(long i) { regress(online.x[i % EXAMPLES], online.y[i % EXAMPLES]); }

static mt_tensor moved(mt_tensor average, mt_tensor value) {
    return mt_add(mt_mul(average, online.rest), mt_mul(mt_view(value, SIZES(1)), online.beta), NULL);
}

static void pop_art(long i) {
    mt_tensor y = online.y[i % EXAMPLES];
    int32_t recorded = mt_set_grad_enabled(0);
    mt_tensor mean = moved(online.mean, y), square = moved(online.square, mt_mul(y, y));
    mt_tensor deviation = mt_sqrt(mt_clamp(mt_sub(square, mt_mul(mean, mean), NULL), online.least, NULL));
    done(mt_mul_(online.weight, mt_div(online.deviation, deviation)));
    done(mt_mul_(online.bias, online.deviation));
    done(mt_add_(online.bias, mt_sub(online.mean, mean, NULL), NULL));
    done(mt_div_(online.bias, deviation));
    done(mt_copy_(online.mean, mean));
    done(mt_copy_(online.square, square));
    done(mt_copy_(online.deviation, deviation));
    mt_tensor normalised = mt_div(mt_sub(y, mean, NULL), deviation);
    mt_set_grad_enabled(recorded);
    regress(online.x[i % EXAMPLES], normalised);
}

const workload workloads[] = {
    {"W2 dynamic net", make_dynamic_net, dynamic_net},
    {"W3 last word", make_last_word, last_word},
    {"W4a two inner steps", make_two_inner_steps, two_inner_steps},
    {"W4b MAML, sinusoids", make_maml, maml},
    {"W5 online SGD", make_online, online_sgd},
    {"W5 Pop-Art", make_online, pop_art},
};
const int workload_count = sizeof workloads / sizeof *workloads;
