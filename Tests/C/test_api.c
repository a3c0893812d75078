/* The C API in use: recording, views, hooks, functions of one's own, scopes, optimizers, memory. */
#include "check.h"

static int destroyed = 0;
static void destroy(void *context) { destroyed += *(int *)context; }

static mt_tensor times_ten(void *context, mt_tensor gradient, int32_t *failed) {
    (void)context;
    (void)failed;
    mt_tensor ten = mt_number_f64(10), g = mt_mul(gradient, ten);
    mt_tensor_release(ten);
    return g;
}

static mt_tensor fails(void *context, mt_tensor gradient, int32_t *failed) {
    (void)context;
    (void)gradient;
    mt_set_error(MT_ERROR_VALUE, "the hook says no");
    *failed = 1;
    return NULL;
}

/* d exp(x) = exp(x), saved as the output. */
static int32_t exp_backward(void *context, mt_node node, const mt_tensor *grads, int32_t n_out, mt_tensor *out, int32_t n_in) {
    (void)context;
    if (n_out != 1 || n_in != 1) return 1;
    mt_tensor y = mt_node_saved(node, 0);
    if (!y) return 1; /* the error says why */
    out[0] = mt_mul(grads[0], y);
    mt_tensor_release(y);
    return out[0] == NULL;
}

static mt_tensor my_exp(mt_tensor x) {
    static int one = 1;
    int32_t before = mt_set_grad_enabled(0);
    mt_tensor y = mt_exp(x), result = NULL;
    mt_set_grad_enabled(before);
    mt_function f = MT_FUNCTION_INIT;
    f.name = "MyExpBackward";
    f.inputs = &x, f.n_inputs = 1;
    f.outputs = &y, f.n_outputs = 1;
    f.saved = &y, f.n_saved = 1;
    f.backward = exp_backward;
    f.context = &one, f.destroy = destroy;
    mt_function_attach(&f, &result, NULL);
    mt_tensor_release(y);
    return result;
}

static void recording(void) {
    mt_tensor x = mt_tensor_from_f32((float[]){1, 2, 3}, SHAPE(3));
    CHECK(mt_set_requires_grad(x, 1) == 0);
    mt_tensor y = mt_mul(x, x), s = mt_sum(y, NULL, 0, 0, MT_DTYPE_NONE);
    CHECK(NEAR(item(s), 14));
    int64_t hook = mt_register_hook(x, times_ten, NULL, NULL);
    CHECK(hook > 0);
    CHECK(mt_backward(s, NULL, 1, 0) == 0);
    mt_tensor g = mt_grad(x);
    float values[3];
    CHECK(mt_copy_to_host(g, values, sizeof values) == 0);
    CHECK(NEAR(values[0], 20) && NEAR(values[2], 60));
    CHECK(mt_remove_hook(x, hook) == 0);
    CHECK(mt_set_grad(x, NULL) == 0 && mt_grad(x) == NULL);
    hook = mt_register_hook(x, fails, NULL, NULL);
    CHECK_ERROR(mt_backward(s, NULL, 1, 0) != 0, MT_ERROR_VALUE, "the hook says no");
    mt_remove_hook(x, hook);

    /* gradients of gradients: d2(x^2) = 2 */
    mt_tensor first[1], second[1], sum;
    CHECK(mt_autograd_grad(LIST(s), LIST(x), NULL, 1, 1, 0, 0, first) == 0);
    sum = mt_sum(first[0], NULL, 0, 0, MT_DTYPE_NONE);
    CHECK(mt_autograd_grad(LIST(sum), LIST(x), NULL, 0, 0, 0, 0, second) == 0);
    CHECK(mt_copy_to_host(second[0], values, sizeof values) == 0 && NEAR(values[1], 2));

    mt_node node = mt_grad_fn(s);
    char *name = mt_node_name(node);
    CHECK(strcmp(name, "SumBackward0") == 0);
    mt_string_free(name);
    int32_t slot = -1;
    mt_node next = mt_node_next(node, 0, &slot);
    name = mt_node_name(next);
    CHECK(strcmp(name, "MulBackward0") == 0 && slot == 0);
    mt_string_free(name);
    mt_node_release(next);
    mt_node_release(node);
    mt_tensor all[] = {x, y, s, g, first[0], second[0], sum};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mt_tensor_release(all[i]);
}

static void own_function(void) {
    destroyed = 0;
    mt_tensor x = mt_tensor_from_f64((double[]){0.5}, SHAPE(1)), first[1], second[1];
    mt_set_requires_grad(x, 1);
    mt_tensor y = my_exp(x);
    CHECK(mt_autograd_grad(LIST(y), LIST(x), NULL, 1, 1, 0, 0, first) == 0);
    CHECK(mt_autograd_grad(LIST(first[0]), LIST(x), NULL, 0, 0, 0, 0, second) == 0);
    CHECK(NEAR(item(first[0]), exp(0.5)) && NEAR(item(second[0]), exp(0.5)));
    CHECK_ERROR(mt_backward(y, NULL, 0, 0) != 0, MT_ERROR_RUNTIME, "second time");
    mt_tensor all[] = {x, y, first[0], second[0]};
    for (size_t i = 0; i < 4; i++) mt_tensor_release(all[i]);
    CHECK(destroyed == 1);
}

static void scopes_and_views(void) {
    mt_tensor m = mt_zeros(SHAPE(2, 3), MT_FLOAT32), row, kept;
    mt_scope_begin();
    row = mt_select(m, 0, 1);
    CHECK(mt_fill_(row, mt_number_i64(4)) == 0);
    kept = mt_scope_keep(mt_sum(mt_mul(m, m), NULL, 0, 0, MT_DTYPE_NONE));
    CHECK(mt_scope_end() == 0);
    CHECK(NEAR(item(kept), 48));
    CHECK_ERROR(!mt_neg(row), MT_ERROR_HANDLE, "stale"); /* released by the scope */
    mt_tensor_info info = MT_TENSOR_INFO_INIT;
    CHECK(mt_tensor_get_info(m, &info) == 0 && info.ndim == 2 && info.sizes[1] == 3 && info.strides[0] == 3 && info.version == 1);
    mt_tensor_list parts;
    CHECK(mt_split(m, 1, 0, &parts) == 0 && parts.count == 2);
    mt_tensor_list_release(&parts);
    CHECK(parts.count == 0);
    char *text = mt_tensor_str(m, "tensor(");
    CHECK(text && strcmp(text, "tensor([[0., 0., 0.],\n        [4., 4., 4.]])") == 0);
    mt_string_free(text);
    mt_tensor_release(m);
    mt_tensor_release(kept);
}

static void foreign_memory(void) {
    static int one = 1;
    float data[4] = {1, 2, 3, 4};
    destroyed = 0;
    mt_tensor t = mt_tensor_from_memory(data, (int64_t[]){2, 2}, (int64_t[]){1, 2}, 2, MT_FLOAT32, &one, destroy);
    mt_tensor v = mt_select(t, 0, 0);
    mt_tensor two = mt_number_i64(2);
    CHECK(mt_mul_(v, two) == 0 && data[0] == 2 && data[2] == 6 && data[1] == 2);
    mt_tensor_release(t);
    CHECK(destroyed == 0);
    mt_tensor_release(v);
    CHECK(destroyed == 1);
    mt_tensor_release(two);
}

/* Rows that a policy forbids stay bit-identical, and so does their momentum. */
static void rows(void) {
    mt_tensor p = mt_ones(SHAPE(3, 2), MT_FLOAT32), g = mt_ones(SHAPE(3, 2), MT_FLOAT32);
    mt_set_requires_grad(p, 1);
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.lr = 0.5, options.momentum = 0.9, options.weight_decay = 0.1;
    mt_optimizer sgd = mt_sgd(LIST(p), &options);
    mt_set_grad(p, g);
    mt_tensor mask = mt_tensor_from_data((uint8_t[]){0, 1, 0}, SHAPE(3), MT_BOOL);
    CHECK(mt_restrict_rows(p, mask) == 0);
    CHECK(mt_optimizer_step(sgd) == 0);
    float v[6];
    CHECK(mt_copy_to_host(p, v, sizeof v) == 0);
    CHECK(v[0] == 1 && v[1] == 1 && v[4] == 1 && v[5] == 1);
    CHECK(NEAR(v[2], 1 - 0.5 * 1.1) && NEAR(v[3], 1 - 0.5 * 1.1));
    mt_tensor buffer = mt_optimizer_state(sgd, p, "momentum_buffer");
    CHECK(mt_copy_to_host(buffer, v, sizeof v) == 0 && v[0] == 0 && NEAR(v[2], 1.1));
    mt_tensor allowed = mt_restricted_rows(p);
    CHECK(mt_numel(allowed) == 1);
    CHECK(mt_restrict_rows(p, NULL) == 0 && mt_restricted_rows(p) == NULL && mt_last_error_code() == 0);
    CHECK(mt_optimizer_step(sgd) == 0 && mt_copy_to_host(p, v, sizeof v) == 0 && v[0] != 1);
    mt_optimizer_zero_grad(sgd, 1);
    CHECK(mt_grad(p) == NULL);
    mt_optimizer_release(sgd);
    mt_tensor all[] = {p, g, mask, buffer, allowed};
    for (size_t i = 0; i < 5; i++) mt_tensor_release(all[i]);
}

static void linear_then(void) {
    mt_scope_begin();
    float numbers[6] = {1, -2, 3, .5f, -1, 2}, shift[2] = {.5f, -4};
    mt_tensor x = mt_tensor_from_f32(numbers, SHAPE(1, 3)), w = mt_tensor_from_f32(numbers, SHAPE(2, 3));
    mt_tensor b = mt_tensor_from_f32(shift, SHAPE(2));
    CHECK(mt_set_requires_grad(w, 1) == 0);
    mt_tensor y = mt_linear_then(x, w, b, MT_ACT_RELU), apart = mt_relu(mt_linear(x, w, b));
    int32_t same = 0;
    CHECK(y && mt_equal(y, apart, &same) == 0 && same);
    mt_node node = mt_grad_fn(y), inner = mt_node_next(node, 0, NULL);
    char *name = mt_node_name(node), *below = mt_node_name(inner);
    CHECK(name && strcmp(name, "ReluBackward0") == 0);
    CHECK(below && strcmp(below, "AddmmBackward0") == 0 && mt_node_next_count(node) == 1 && mt_node_next_count(inner) == 3);
    mt_string_free(name);
    mt_string_free(below);
    mt_node_release(inner);
    mt_node_release(node);
    CHECK(mt_backward(mt_sum(y, NULL, 0, 0, MT_DTYPE_NONE), NULL, 0, 0) == 0);
    float g[6];
    CHECK(mt_copy_to_host(mt_grad(w), g, sizeof g) == 0);
    CHECK(NEAR(g[0], 1) && NEAR(g[1], -2) && NEAR(g[2], 3) && NEAR(g[3], 1) && NEAR(g[5], 3));
    CHECK_ERROR(!mt_linear_then(x, w, b, 17), MT_ERROR_VALUE, "unknown activation 17");
    CHECK_ERROR(!mt_linear_then(w, mt_t(w), NULL, MT_ACT_TANH), MT_ERROR_RUNTIME, "shapes cannot be multiplied (2x3 and 2x3)");
    mt_scope_end();
}

static void feed_forward(void) {
    mt_scope_begin();
    float numbers[6] = {1, -2, 3, .5f, -1, 2}, shift[2] = {.5f, -4};
    mt_tensor x = mt_tensor_from_f32(numbers, SHAPE(2, 3)), w1 = mt_tensor_from_f32(numbers, SHAPE(2, 3));
    mt_tensor w2 = mt_tensor_from_f32(numbers, SHAPE(3, 2)), b = mt_tensor_from_f32(shift, SHAPE(2));
    CHECK(mt_set_requires_grad(w1, 1) == 0 && mt_set_requires_grad(w2, 1) == 0);
    mt_tensor y = mt_feed_forward(x, w1, b, MT_ACT_GELU, 0, w2, NULL);
    mt_tensor apart = mt_linear(mt_linear_then(x, w1, b, MT_ACT_GELU), w2, NULL);
    int32_t same = 0;
    CHECK(y && mt_equal(y, apart, &same) == 0 && same);
    CHECK(mt_backward(mt_sum(y, NULL, 0, 0, MT_DTYPE_NONE), NULL, 0, 0) == 0);
    mt_tensor g1 = mt_clone(mt_grad(w1)), g2 = mt_clone(mt_grad(w2));
    CHECK(mt_set_grad(w1, NULL) == 0 && mt_set_grad(w2, NULL) == 0);
    CHECK(mt_backward(mt_sum(apart, NULL, 0, 0, MT_DTYPE_NONE), NULL, 0, 0) == 0);
    CHECK(mt_equal(g1, mt_grad(w1), &same) == 0 && same && mt_equal(g2, mt_grad(w2), &same) == 0 && same);
    CHECK_ERROR(!mt_feed_forward(x, w1, b, -1, 0, w2, NULL), MT_ERROR_VALUE, "unknown activation -1");
    CHECK_ERROR(!mt_feed_forward(x, w1, b, MT_ACT_RELU, 1.5, w2, NULL), MT_ERROR_RUNTIME,
                "dropout probability has to be between 0 and 1, but got 1.5");
    CHECK_ERROR(!mt_feed_forward(x, w1, b, MT_ACT_RELU, 0, w1, NULL), MT_ERROR_RUNTIME, "shapes cannot be multiplied (2x2 and 3x2)");
    mt_scope_end();
}

int main(void) {
    CHECK(strcmp(mt_version(), "0.1.0") == 0);
    recording();
    own_function();
    scopes_and_views();
    foreign_memory();
    rows();
    linear_then();
    feed_forward();
    return finish();
}
