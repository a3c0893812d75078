/* A training step recorded and made again, as a C program does it. */
#include "check.h"

static mt_tensor w, state;
static mt_optimizer sgd;

/* One step on the squared error of x w; the loss is the caller's. */
static mt_tensor train(mt_tensor x, mt_tensor y) {
    mt_scope_begin();
    mt_tensor error = mt_sub(mt_mm(x, w), y, NULL);
    mt_tensor loss = mt_mean(mt_mul(error, error), NULL, 0, 0, MT_DTYPE_NONE);
    mt_optimizer_zero_grad(sgd, 1);
    int failed = mt_backward(loss, NULL, 0, 0) || mt_optimizer_step(sgd);
    if (!failed) mt_scope_keep(loss);
    mt_scope_end();
    return failed ? NULL : loss;
}

static void start(void) {
    w = mt_zeros(SHAPE(3, 1), MT_FLOAT32);
    mt_set_requires_grad(w, 1);
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.lr = 0.1;
    options.momentum = 0.9;
    sgd = mt_sgd(&w, 1, &options);
}

static void stop(void) {
    mt_optimizer_release(sgd);
    mt_tensor_release(w);
}

static void steps(void) {
    enum { N = 8 };
    mt_tensor xs[N], ys[N];
    mt_manual_seed(1);
    for (int i = 0; i < N; i++) {
        xs[i] = mt_randn(SHAPE(4, 3), MT_FLOAT32, NULL);
        ys[i] = mt_randn(SHAPE(4, 1), MT_FLOAT32, NULL);
    }
    double expected[N];
    start();
    for (int i = 0; i < N; i++) {
        mt_tensor loss = train(xs[i], ys[i]);
        expected[i] = item(loss);
        mt_tensor_release(loss);
    }
    stop();

    start();
    mt_tensor loss = train(xs[0], ys[0]);
    CHECK(item(loss) == expected[0]);
    mt_tensor_release(loss);
    mt_capture c = mt_capture_begin();
    CHECK(c && mt_capture_active() == 1);
    mt_tensor px = mt_capture_input(c, xs[1]), py = mt_capture_input(c, ys[1]);
    loss = train(px, py);
    CHECK(mt_capture_end(c, &loss, 1) == MT_OK);
    CHECK(item(loss) == expected[1]);
    mt_tensor_release(loss);
    mt_tensor_release(px);
    mt_tensor_release(py);
    mt_capture_info info = MT_CAPTURE_INFO_INIT;
    CHECK(mt_capture_get_info(c, &info) == MT_OK && info.launches > 3 && info.bytes > 0 && info.strays == 0);
    for (int i = 2; i < 5; i++) {
        CHECK(mt_capture_fits(c) == 1);
        CHECK(mt_capture_replay(c, (mt_tensor[]){xs[i], ys[i]}, 2, &loss) == MT_OK);
        CHECK(item(loss) == expected[i]);
        mt_tensor_release(loss);
    }
    mt_tensor rest[2] = {mt_stack(xs + 5, 3, 0), mt_stack(ys + 5, 3, 0)};
    CHECK(mt_capture_replay_many(c, rest, 2, &loss) == MT_OK);
    for (int i = 0; i < 3; i++) {
        mt_tensor one = mt_select(loss, 0, i);
        CHECK(item(one) == expected[5 + i]);
        mt_tensor_release(one);
    }
    mt_tensor_release(loss);
    CHECK(mt_capture_replay(c, xs, 1, &loss) == MT_ERROR_VALUE);
    CHECK(mt_capture_replay(c, (mt_tensor[]){ys[0], ys[0]}, 2, &loss) == MT_ERROR_VALUE);
    CHECK(mt_capture_replay(c, (mt_tensor[]){NULL, ys[0]}, 2, &loss) == MT_ERROR_HANDLE);
    CHECK(mt_capture_set_rate(c, 0, 0.1) == MT_ERROR_INDEX);
    stop(); /* the recording keeps what it works with */
    CHECK(mt_capture_replay(c, (mt_tensor[]){xs[0], ys[0]}, 2, &loss) == MT_OK);
    mt_tensor_release(loss);
    mt_capture_release(c);
    mt_tensor_release(rest[0]);
    mt_tensor_release(rest[1]);
    for (int i = 0; i < N; i++) {
        mt_tensor_release(xs[i]);
        mt_tensor_release(ys[i]);
    }
}

static void refusals(void) {
    state = mt_ones(SHAPE(2), MT_FLOAT32);
    mt_capture c = mt_capture_begin();
    CHECK(mt_capture_begin() == NULL && mt_last_error_code() == MT_ERROR_RUNTIME);
    mt_tensor sum = mt_sum(state, NULL, 0, 0, MT_DTYPE_NONE);
    double v;
    CHECK(mt_item_f64(sum, &v) == MT_ERROR_CAPTURE);
    CHECK(strstr(mt_last_error_message(), "item()") != NULL);
    CHECK(mt_capture_end(c, &sum, 1) == MT_ERROR_CAPTURE);
    CHECK(mt_capture_active() == 0 && mt_item_f64(sum, &v) == MT_OK && v == 2);
    mt_tensor_release(sum);
    mt_capture_release(c);
    c = mt_capture_begin();
    CHECK(mt_capture_pause(c, 0) == MT_ERROR_RUNTIME);
    CHECK(mt_capture_pause(c, 1) == MT_OK && mt_capture_active() == 0 && mt_item_f64(state, &v) == MT_ERROR_RUNTIME);
    CHECK(mt_capture_pause(c, 1) == MT_ERROR_RUNTIME && mt_capture_pause(c, 0) == MT_OK && mt_capture_active() == 1);
    mt_capture_release(c); /* while recording */
    CHECK(mt_capture_active() == 0);
    CHECK(mt_capture_input(NULL, state) == NULL && mt_capture_end(NULL, NULL, 0) == MT_ERROR_HANDLE);
    CHECK(mt_capture_fits(NULL) == -1);
    mt_capture_release(NULL);
    mt_tensor_release(state);
}

/* What a kernel finds wrong with its values ends the replay with the error of the plain run, and the next one works. */
static void bad_values(void) {
    double numbers[2][4] = {{2, 0, 0, 4}, {1, 2, 2, 4}};
    mt_tensor a = mt_tensor_from_f64(numbers[0], SHAPE(2, 2)), singular = mt_tensor_from_f64(numbers[1], SHAPE(2, 2));
    mt_capture c = mt_capture_begin();
    mt_tensor place = mt_capture_input(c, a), inverse = mt_inv(place), out;
    CHECK(mt_capture_end(c, &inverse, 1) == MT_OK);
    CHECK(mt_capture_replay(c, &singular, 1, &out) == MT_ERROR_LINALG);
    CHECK(strstr(mt_last_error_message(), "singular") != NULL);
    CHECK(mt_capture_replay(c, &a, 1, &out) == MT_OK);
    mt_tensor sum = mt_sum(out, NULL, 0, 0, MT_DTYPE_NONE);
    CHECK(item(sum) == 0.75);
    mt_tensor all[] = {a, singular, place, inverse, out, sum};
    for (int i = 0; i < 6; i++) mt_tensor_release(all[i]);
    mt_capture_release(c);
}

/* Updates over lists of the less common optimizers. */
static void updates(void) {
    double one[] = {1}, zero[] = {0}, grad[] = {0.5};
    mt_tensor p = mt_tensor_from_f64(one, SHAPE(1)), g = mt_tensor_from_f64(grad, SHAPE(1));
    mt_tensor s[3], step = mt_tensor_from_f64(zero, NULL, 0), mu = mt_tensor_from_f64(one, NULL, 0);
    for (int i = 0; i < 3; i++) s[i] = mt_tensor_from_f64(zero, SHAPE(1));
    mt_tensor eta = mt_tensor_from_f64(grad, NULL, 0);
    mt_rprop_options rprop = MT_RPROP_OPTIONS_INIT;
    CHECK(mt_rprop_update(&p, &g, &s[0], &eta, &step, 1, &rprop) == MT_OK);
    CHECK(item(p) == 0.5 && item(s[0]) == 0.5 && item(step) == 1);
    mt_asgd_options asgd = MT_ASGD_OPTIONS_INIT;
    asgd.lambd = 0;
    CHECK(mt_asgd_update(&p, &g, &s[1], &mu, &eta, &step, 1, &asgd) == MT_OK);
    CHECK(item(p) == 0.25 && item(s[1]) == 0.25 && item(eta) == 0.01 && item(step) == 2);
    mt_adadelta_options adadelta = MT_ADADELTA_OPTIONS_INIT;
    CHECK(mt_adadelta_update(&p, &g, &s[0], &s[1], &step, 1, &adadelta) == MT_OK);
    mt_nadam_options nadam = MT_NADAM_OPTIONS_INIT;
    CHECK(mt_nadam_update(&p, &g, &s[0], &s[1], &mu, &step, 1, &nadam) == MT_OK);
    CHECK(mt_adamax_update(&p, &g, &s[0], &s[1], &step, 1, NULL) == MT_OK);
    CHECK(mt_radam_update(&p, &g, &s[0], &s[1], &step, 1, NULL) == MT_OK && item(step) == 6);
    rprop.size = 3;
    CHECK(mt_rprop_update(&p, &g, &s[0], &eta, &step, 1, &rprop) == MT_ERROR_VALUE);
    CHECK(mt_rprop_update(&p, NULL, &s[0], &eta, &step, 1, NULL) == MT_ERROR_HANDLE);
    mt_tensor all[] = {p, g, step, mu, s[0], s[1], s[2], eta};
    for (int i = 0; i < 8; i++) mt_tensor_release(all[i]);
}

/* Learning rates of updates over lists: of a tensor, and for an update made of operations. */
static void rates(void) {
    double one[] = {1}, half[] = {0.5}, two[] = {2, 2};
    mt_tensor p = mt_tensor_from_f64(one, SHAPE(1)), g = mt_tensor_from_f64(one, SHAPE(1)), lr = mt_tensor_from_f64(half, NULL, 0);
    mt_tensor pair = mt_tensor_from_f64(two, SHAPE(2)), buffer = NULL, q = mt_tensor_from_f64(one, SHAPE(1));
    CHECK(isnan(mt_capture_rate_from(pair)) && isnan(mt_capture_rate_from(NULL)));
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.momentum = 0.5;
    mt_capture c = mt_capture_begin();
    options.lr = mt_capture_rate_from(lr);
    CHECK(options.lr == 0.5 && mt_capture_rates() == 0);
    mt_capture_keep_state(0);
    CHECK(mt_sgd_update(&p, &g, &buffer, 1, &options) == MT_OK);
    mt_capture_keep_state(1);
    mt_tensor rate = mt_capture_rate(0.25), change = mt_mul(g, rate);
    CHECK(mt_add_(q, change, NULL) == MT_OK && mt_capture_rates() == 1 && mt_capture_end(c, NULL, 0) == MT_OK);
    CHECK(item(p) == 0.5 && item(q) == 1.25);
    CHECK(mt_mul_(lr, lr) == MT_OK);
    CHECK(mt_capture_set_rate(c, 0, 0.5) == MT_OK && mt_capture_replay(c, NULL, 0, NULL) == MT_OK);
    CHECK(item(p) == 0.25 && item(buffer) == 1 && item(q) == 1.75);
    mt_tensor all[] = {p, g, lr, pair, buffer, q, rate, change};
    for (int i = 0; i < 8; i++) mt_tensor_release(all[i]);
    mt_capture_release(c);
}

int main(void) {
    steps();
    rates();
    bad_values();
    updates();
    refusals();
    return finish();
}
