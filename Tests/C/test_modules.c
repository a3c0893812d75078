/* Layers, their state, and data, as a C program uses them. Numbers are PyTorch 2.13's. */
#include "check.h"

static int text_is(mt_module module, const char *expected) {
    char *text = mt_module_str(module);
    int same = text && strcmp(text, expected) == 0;
    if (!same) printf("%s\n", text ? text : "NULL");
    mt_string_free(text);
    return same;
}

static float at(mt_tensor t, int64_t i) {
    mt_tensor flat = mt_reshape(t, SHAPE(-1)), one = mt_select(flat, 0, i);
    double v = item(one);
    mt_tensor_release(one);
    mt_tensor_release(flat);
    return (float)v;
}

static mt_module classifier(void) {
    mt_module parts[] = {mt_nn_linear(4, 3, 1, MT_DTYPE_NONE), mt_nn_tanh(), mt_nn_linear(3, 2, 1, MT_DTYPE_NONE)};
    mt_module model = mt_nn_sequential(parts, 3);
    for (int i = 0; i < 3; i++) mt_module_release(parts[i]); /* the model keeps them */
    return model;
}

static void sequential(void) {
    mt_manual_seed(0);
    mt_module model = classifier();
    CHECK(text_is(model, "Sequential(\n  (0): Linear(in_features=4, out_features=3, bias=True)\n  (1): Tanh()\n"
                         "  (2): Linear(in_features=3, out_features=2, bias=True)\n)"));
    mt_tensor x = mt_tensor_from_f32((float[]){.1f, .2f, .3f, .4f, .5f, .6f, .7f, .8f}, SHAPE(2, 4));
    mt_tensor y = mt_module_forward(model, x);
    const float expected[] = {0.337665647f, 0.103306182f, 0.344333649f, 0.103567101f};
    for (int i = 0; i < 4; i++) CHECK(NEAR(at(y, i), expected[i]));

    mt_named_tensors named = {0};
    CHECK(mt_module_named_parameters(model, &named) == 0 && named.count == 4);
    CHECK(strcmp(named.names[0], "0.weight") == 0 && strcmp(named.names[3], "2.bias") == 0);
    mt_named_tensors_release(&named);
    CHECK(named.count == 0 && named.items == NULL);

    /* learns to tell two rows apart */
    mt_tensor_list parameters;
    CHECK(mt_module_parameters(model, &parameters) == 0);
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.lr = 0.5;
    options.momentum = 0.9;
    mt_optimizer optimizer = mt_sgd(parameters.items, (int32_t)parameters.count, &options);
    mt_tensor labels = mt_tensor_from_i64((int64_t[]){0, 1}, SHAPE(2));
    double first = 0, last = 0;
    for (int step = 0; step < 50; step++) {
        mt_scope_begin();
        mt_tensor loss = mt_cross_entropy(mt_module_forward(model, x), labels, NULL, 1, -100, 0.0);
        last = item(loss);
        if (step == 0) first = last;
        CHECK(mt_module_zero_grad(model, 1) == 0);
        CHECK(mt_backward(loss, NULL, 0, 0) == 0);
        CHECK(mt_optimizer_step(optimizer) == 0);
        CHECK(mt_scope_end() == 0);
    }
    CHECK(last < 0.1 * first);
    mt_optimizer_release(optimizer);
    mt_tensor_list_release(&parameters);

    /* state into a second model */
    mt_named_tensors state;
    CHECK(mt_module_state_dict(model, &state) == 0 && state.count == 4);
    mt_module copy = classifier();
    CHECK(mt_module_load_state_dict(copy, (const char *const *)state.names, state.items, (int32_t)state.count, 1) == 0);
    mt_tensor before = mt_module_forward(model, x), after = mt_module_forward(copy, x);
    for (int i = 0; i < 4; i++) CHECK(at(before, i) == at(after, i));
    CHECK(mt_module_load_state_dict(copy, (const char *const *)state.names, state.items, 1, 0) == 0);
    mt_named_tensors_release(&state);

    CHECK(mt_module_is_training(copy) == 1 && mt_module_train(copy, 0) == 0 && mt_module_is_training(copy) == 0);
    CHECK(mt_module_to(copy, MT_FLOAT64) == 0 && mt_module_parameters(copy, &parameters) == 0);
    CHECK(mt_dtype(parameters.items[0]) == MT_FLOAT64);
    mt_tensor_list_release(&parameters);
    mt_module_release(copy);
    mt_module_release(model);
}

static void transformer(void) {
    mt_manual_seed(0);
    mt_transformer_options options = MT_TRANSFORMER_OPTIONS_INIT;
    options.feed_forward = 8;
    mt_module layer = mt_nn_transformer_encoder_layer(4, 2, &options), encoder = mt_nn_transformer_encoder(layer, 2, NULL);
    mt_module_release(layer);
    float values[8];
    for (int i = 0; i < 8; i++) values[i] = (float)i / 8;
    mt_tensor x = mt_tensor_from_f32(values, SHAPE(2, 1, 4));
    mt_manual_seed(1);
    mt_tensor y = mt_module_forward(encoder, x);
    const float expected[] = {-1.08148694f, -0.314168632f, -0.239642128f, 1.63529778f,
                              -1.28757775f, -0.0666603148f, -0.165691614f, 1.51992965f};
    for (int i = 0; i < 8; i++) CHECK(NEAR(at(y, i), expected[i]));
    /* a mask that hides everything but oneself makes places independent */
    mt_module_train(encoder, 0);
    mt_tensor eye = mt_tensor_from_f32((float[]){0, 1, 1, 0}, SHAPE(2, 2));
    mt_tensor mask = mt_to(eye, MT_BOOL, 0);
    mt_tensor masked = mt_module_encode(encoder, x, mask, NULL, 0), alone = mt_module_forward(encoder, mt_slice(x, 0, 0, 1, 1));
    for (int i = 0; i < 4; i++) CHECK(NEAR(at(masked, i), at(alone, i)));

    mt_manual_seed(0);
    mt_module attention = mt_nn_multihead_attention(4, 2, 0, 1, 0, MT_DTYPE_NONE);
    mt_tensor weights = NULL, out = mt_module_attend(attention, x, x, x, NULL, NULL, 0, &weights);
    const float attended[] = {-0.2463f, -0.0319f, -0.1073f, 0.1365f}, looked[] = {0.5024f, 0.4976f, 0.5102f, 0.4898f};
    for (int i = 0; i < 4; i++) CHECK(fabsf(at(out, i) - attended[i]) < 1e-4f && fabsf(at(weights, i) - looked[i]) < 1e-4f);
    mt_module_release(attention);
    mt_module_release(encoder);
}

static void layers(void) {
    mt_manual_seed(0);
    mt_module conv = mt_nn_conv2d(1, 2, (const int64_t[]){2, 2}, NULL, NULL, NULL, 1, 1, MT_DTYPE_NONE);
    mt_tensor image = mt_reshape(mt_arange(mt_number_i64(0), mt_number_i64(9), mt_number_i64(1), MT_FLOAT32), SHAPE(1, 1, 3, 3));
    CHECK(NEAR(at(mt_module_forward(conv, image), 7), 3.1346027851104736));
    mt_module pool = mt_nn_max_pool2d(2, 1, 0), mean = mt_nn_avg_pool2d(3, MT_NONE, 0), flat = mt_nn_flatten(1, -1);
    CHECK(at(mt_module_forward(pool, image), 3) == 8 && at(mt_module_forward(mean, image), 0) == 4);
    CHECK(mt_size(mt_module_forward(flat, image), 1) == 9);

    mt_module norm = mt_nn_batch_norm1d(2, 1e-5, 0.1, 1, 1, MT_DTYPE_NONE);
    mt_tensor rows = mt_tensor_from_f32((float[]){1, 2, 3, 6}, SHAPE(2, 2));
    CHECK(NEAR(at(mt_module_forward(norm, rows), 3), 0.99999875));
    mt_named_tensors buffers;
    CHECK(mt_module_named_buffers(norm, &buffers) == 0 && buffers.count == 3);
    CHECK(strcmp(buffers.names[1], "running_var") == 0 && NEAR(at(buffers.items[1], 1), 1.7));
    mt_named_tensors_release(&buffers);

    mt_module table = mt_nn_embedding(10, 20, MT_NONE, 1, MT_DTYPE_NONE);
    CHECK(text_is(table, "Embedding(10, 20, sparse=True)"));
    mt_module layer_norm = mt_nn_layer_norm(SHAPE(4), 1e-5, 1, MT_DTYPE_NONE);
    CHECK(text_is(layer_norm, "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"));

    mt_module simple[] = {mt_nn_identity(), mt_nn_relu(), mt_nn_leaky_relu(0.1), mt_nn_elu(1), mt_nn_tanh(), mt_nn_sigmoid(),
                          mt_nn_silu(), mt_nn_gelu(0), mt_nn_softmax(0), mt_nn_log_softmax(0), mt_nn_dropout(0)};
    const double at_minus_one[] = {-1, 0, -0.1, -0.6321206, -0.7615942, 0.2689414, -0.2689414, -0.1586553, 0.0420101, -3.169846, -1};
    mt_tensor x = mt_tensor_from_f32((float[]){-1, 0, 2}, SHAPE(3));
    for (int i = 0; i < 11; i++) {
        CHECK(NEAR(at(mt_module_forward(simple[i], x), 0), at_minus_one[i]));
        mt_module_release(simple[i]);
    }
    mt_tensor drawn = mt_empty(SHAPE(2, 3), MT_FLOAT32);
    mt_manual_seed(0);
    CHECK(mt_xavier_uniform_(drawn, 1, NULL) == 0 && NEAR(at(drawn, 1), 0.587644517));
    mt_manual_seed(0);
    CHECK(mt_kaiming_uniform_(drawn, 0, 1, NULL) == 0 && NEAR(at(drawn, 1), 0.929147542));
    mt_manual_seed(0);
    CHECK(mt_xavier_normal_(drawn, 2, NULL) == 0 && NEAR(at(drawn, 0), 1.94922304));
    mt_manual_seed(0);
    CHECK(mt_kaiming_normal_(drawn, 0, 0, NULL) == 0 && NEAR(at(drawn, 0), 1.25821805));
    mt_module all[] = {conv, pool, mean, flat, norm, table, layer_norm};
    for (int i = 0; i < 7; i++) mt_module_release(all[i]);
}

static int64_t order_of(mt_data_loader loader, int64_t *seen) {
    mt_tensor_list batch;
    int64_t n = 0;
    while (mt_data_loader_next(loader, &batch) == MT_OK && batch.count > 0) {
        for (int64_t i = 0; i < mt_size(batch.items[0], 0); i++) seen[n++] = (int64_t)at(batch.items[0], i);
        mt_tensor_list_release(&batch);
    }
    return n;
}

static void data(void) {
    int64_t numbers[] = {0, 1, 2, 3, 4, 5, 6}, seen[16];
    mt_tensor values = mt_tensor_from_i64(numbers, SHAPE(7));
    mt_dataset set = mt_tensor_dataset(LIST(values));
    CHECK(mt_dataset_length(set) == 7);
    mt_manual_seed(0);
    mt_data_loader loader = mt_data_loader_new(set, 3, 1, 0, NULL);
    CHECK(mt_data_loader_length(loader) == 3);
    const int64_t shuffled[2][7] = {{0, 4, 1, 5, 2, 6, 3}, {3, 1, 4, 2, 5, 0, 6}};
    for (int pass = 0; pass < 2; pass++) {
        CHECK(order_of(loader, seen) == 7);
        CHECK(memcmp(seen, shuffled[pass], sizeof shuffled[pass]) == 0);
    }
    mt_data_loader_release(loader);

    mt_generator g = mt_generator_new();
    mt_generator_manual_seed(g, 5);
    loader = mt_data_loader_new(set, 3, 1, 1, g);
    const int64_t first[] = {2, 4, 3, 5, 0, 6};
    CHECK(mt_data_loader_length(loader) == 2 && order_of(loader, seen) == 6 && memcmp(seen, first, sizeof first) == 0);
    mt_tensor_list batch;
    CHECK(mt_data_loader_next(loader, &batch) == 0 && batch.count == 1);
    mt_tensor_list_release(&batch);
    CHECK(mt_data_loader_restart(loader) == 0 && order_of(loader, seen) == 6);
    mt_data_loader_release(loader);

    mt_generator_manual_seed(g, 0);
    mt_dataset parts[2];
    CHECK(mt_random_split(set, SHAPE(4, 3), g, parts) == 0);
    CHECK(mt_dataset_length(parts[0]) == 4 && mt_dataset_length(parts[1]) == 3);
    CHECK(mt_dataset_sample(parts[0], 2, &batch) == 0 && at(batch.items[0], 0) == 5);
    mt_tensor_list_release(&batch);
    mt_dataset ends = mt_subset(set, (const int64_t[]){6, 0}, 2);
    CHECK(mt_dataset_sample(ends, 0, &batch) == 0 && at(batch.items[0], 0) == 6);
    mt_tensor_list_release(&batch);
    mt_dataset all[] = {set, parts[0], parts[1], ends};
    for (int i = 0; i < 4; i++) mt_dataset_release(all[i]);
    mt_generator_release(g);
}

int main(void) {
    mt_scope_begin();
    sequential();
    transformer();
    layers();
    data();
    CHECK(mt_scope_end() == 0);
    return finish();
}
