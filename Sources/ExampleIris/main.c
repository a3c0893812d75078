/* Trains a small network on Fisher's irises with Martlet's C API.
 *
 *     ExampleIris [python/examples/data/iris.csv]
 *
 * Four measurements in, three species out, one hidden layer of sixteen tanh units, cross-entropy, full-batch
 * gradient descent with momentum. Prints the loss and the share of flowers classified rightly, on the 120 that are
 * learnt from and on 30 held out.
 *
 * How errors are handled here: a NULL tensor is an error for the next function, so the whole of a step is written
 * like arithmetic and checked once, and an mt_scope releases whatever was made on the way.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "martlet.h"

enum { FLOWERS = 150, FEATURES = 4, HIDDEN = 16, SPECIES = 3, LEARNT = 120, EPOCHS = 200, LAYERS = 2 };

enum { MEAN = 1 }; /* how a loss sums up its samples */

static const char *const species_names[SPECIES] = {"setosa", "versicolor", "virginica"};

/* Ends the program with the library's own account of what went wrong. */
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

/* Reads the table: four measurements and a species a row, after a line of names. */
static void read_table(const char *path, float features[FLOWERS][FEATURES], int64_t labels[FLOWERS]) {
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(1);
    }
    char line[128], name[32];
    int rows = 0;
    if (!fgets(line, sizeof line, file)) line[0] = 0;
    while (rows < FLOWERS && fgets(line, sizeof line, file)) {
        float *f = features[rows];
        if (sscanf(line, "%f,%f,%f,%f,%31[a-z]", &f[0], &f[1], &f[2], &f[3], name) != 5) break;
        labels[rows] = -1;
        for (int k = 0; k < SPECIES; k++)
            if (strcmp(name, species_names[k]) == 0) labels[rows] = k;
        if (labels[rows] < 0) break;
        rows++;
    }
    fclose(file);
    if (rows != FLOWERS) {
        fprintf(stderr, "%s: row %d is not four numbers and a species\n", path, rows + 1);
        exit(1);
    }
}

/* Gives every column mean zero and variance one. */
static void standardise(float features[FLOWERS][FEATURES]) {
    for (int column = 0; column < FEATURES; column++) {
        double sum = 0, squares = 0;
        for (int row = 0; row < FLOWERS; row++) sum += features[row][column];
        double mean = sum / FLOWERS;
        for (int row = 0; row < FLOWERS; row++) squares += pow(features[row][column] - mean, 2);
        double deviation = sqrt(squares / FLOWERS);
        for (int row = 0; row < FLOWERS; row++)
            features[row][column] = (float)((features[row][column] - mean) / deviation);
    }
}

/* A linear layer's weight (out, in) and bias (out), drawn as torch.nn.Linear draws them. */
typedef struct {
    mt_tensor weight, bias;
} layer;

static mt_tensor parameter(const int64_t *sizes, int32_t ndim, double bound) {
    mt_tensor t = made(mt_empty(sizes, ndim, MT_FLOAT32), "parameter");
    done(mt_uniform_(t, -bound, bound, NULL), "parameter");
    done(mt_set_requires_grad(t, 1), "parameter");
    return t;
}

static layer make_layer(int64_t in, int64_t out) {
    double bound = 1 / sqrt((double)in);
    layer made_layer;
    made_layer.weight = parameter((int64_t[]){out, in}, 2, bound);
    made_layer.bias = parameter((int64_t[]){out}, 1, bound);
    return made_layer;
}

static mt_tensor apply(layer l, mt_tensor x) { return mt_linear(x, l.weight, l.bias); }

static mt_tensor scores(const layer net[LAYERS], mt_tensor x) { return apply(net[1], mt_tanh(apply(net[0], x))); }

/* The share of rows whose largest score is at the right species. */
static double accuracy(const layer net[LAYERS], mt_tensor x, mt_tensor y) {
    double share = 0;
    mt_scope_begin();
    int32_t recorded = mt_set_grad_enabled(0);
    mt_tensor right = mt_eq(mt_argmax(scores(net, x), 1, 0), y);
    done(mt_item_f64(mt_mean(right, NULL, 0, 0, MT_FLOAT32), &share), "accuracy");
    mt_set_grad_enabled(recorded);
    mt_scope_end();
    return share;
}

int main(int argc, char **argv) {
    static float features[FLOWERS][FEATURES];
    static int64_t labels[FLOWERS];
    read_table(argc > 1 ? argv[1] : "python/examples/data/iris.csv", features, labels);
    standardise(features);

    done(mt_manual_seed(0), "seed");
    mt_scope_begin(); /* everything made below is given back at the end */
    mt_tensor all_x = mt_tensor_from_f32(&features[0][0], (int64_t[]){FLOWERS, FEATURES}, 2);
    mt_tensor all_y = mt_tensor_from_i64(labels, (int64_t[]){FLOWERS}, 1);

    /* A random 120 to learn from; the other 30 only judge. */
    mt_tensor order = mt_randperm(FLOWERS, MT_INT64, NULL);
    mt_tensor first = mt_slice(order, 0, 0, LEARNT, 1), rest = mt_slice(order, 0, LEARNT, MT_NONE, 1);
    mt_tensor x = made(mt_index_select(all_x, 0, first), "split"), y = made(mt_index_select(all_y, 0, first), "split");
    mt_tensor test_x = made(mt_index_select(all_x, 0, rest), "split"), test_y = made(mt_index_select(all_y, 0, rest), "split");

    layer net[LAYERS] = {make_layer(FEATURES, HIDDEN), make_layer(HIDDEN, SPECIES)};
    mt_tensor parameters[2 * LAYERS] = {net[0].weight, net[0].bias, net[1].weight, net[1].bias};
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.lr = 0.1;
    options.momentum = 0.9;
    mt_optimizer optimizer = mt_sgd(parameters, 2 * LAYERS, &options);
    if (!optimizer) fail("optimizer");

    for (int epoch = 0; epoch <= EPOCHS; epoch++) {
        mt_scope_begin();
        mt_tensor loss = mt_cross_entropy(scores(net, x), y, NULL, MEAN, -100, 0);
        if (epoch % 20 == 0) {
            double value;
            done(mt_item_f64(loss, &value), "loss");
            printf("epoch %3d  loss %.4f  accuracy %.3f  held out %.3f\n", epoch, value, accuracy(net, x, y),
                   accuracy(net, test_x, test_y));
        }
        done(mt_optimizer_zero_grad(optimizer, 1), "zero_grad");
        done(mt_backward(loss, NULL, 0, 0), "backward");
        done(mt_optimizer_step(optimizer), "step");
        mt_scope_end();
    }
    mt_optimizer_release(optimizer);
    done(mt_scope_end(), "end");
    return 0;
}
