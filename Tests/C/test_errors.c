/* What bad input gets: torch's kind of error, in words that name the op, the argument or the shapes; never a crash. */
#include "check.h"

int main(void) {
    mt_tensor a = mt_ones(SHAPE(2, 3), MT_FLOAT32), b = mt_ones(SHAPE(4), MT_FLOAT32);
    mt_tensor i = mt_tensor_from_i64((int64_t[]){0, 7}, SHAPE(2)), n = mt_number_f64(0.5);

    /* shapes */
    CHECK_ERROR(!mt_add(a, b, NULL), MT_ERROR_RUNTIME, "size of tensor a (3) must match the size of tensor b (4)");
    CHECK_ERROR(!mt_mm(a, a), MT_ERROR_RUNTIME, "(2x3 and 2x3)");
    CHECK_ERROR(!mt_matmul(a, b), MT_ERROR_RUNTIME, "");
    CHECK_ERROR(!mt_view(a, SHAPE(4, 2)), MT_ERROR_RUNTIME, "shape '[4, 2]' is invalid for input of size 6");
    CHECK_ERROR(!mt_cat(LIST(a, b), 0), MT_ERROR_RUNTIME, "same number of dimensions");
    CHECK_ERROR(!mt_cat(NULL, 0, 0), MT_ERROR_VALUE, "non-empty");
    CHECK_ERROR(mt_copy_(a, b) != 0, MT_ERROR_RUNTIME, "must match");

    /* dtypes */
    CHECK_ERROR(mt_set_requires_grad(i, 1) != 0, MT_ERROR_RUNTIME, "floating point");
    CHECK_ERROR(mt_add_(i, n, NULL) != 0, MT_ERROR_RUNTIME, "result type Float can't be cast to the desired output type Long");
    CHECK_ERROR(!mt_mean(i, NULL, 0, 0, MT_DTYPE_NONE), MT_ERROR_RUNTIME, "mean(): could not infer output dtype");
    CHECK_ERROR(!mt_embedding(n, a, -1, 0, 0), MT_ERROR_RUNTIME, "");
    CHECK_ERROR(!mt_zeros(SHAPE(2), 99), MT_ERROR_VALUE, "unknown dtype 99");

    /* ranges */
    CHECK_ERROR(!mt_index_select(a, 0, i), MT_ERROR_INDEX, "index out of range in self");
    CHECK_ERROR(!mt_select(a, 0, 5), MT_ERROR_INDEX, "index 5 out of range for tensor of size [2, 3] at dimension 0");
    CHECK_ERROR(!mt_index(a, LIST(i)), MT_ERROR_INDEX, "index 7 is out of bounds for dimension 0 with size 2");
    CHECK_ERROR(!mt_transpose(a, 0, 2), MT_ERROR_INDEX, "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
    CHECK_ERROR(mt_size(a, 9) < 0, MT_ERROR_INDEX, "Dimension out of range");
    mt_tensor target = mt_tensor_from_i64((int64_t[]){0, 3}, SHAPE(2));
    CHECK_ERROR(!mt_cross_entropy(a, target, NULL, 1, -100, 0.0), MT_ERROR_INDEX, "Target 3 is out of bounds.");
    CHECK_ERROR(!mt_full(SHAPE(2), mt_number_f64(NAN), MT_INT64), MT_ERROR_RUNTIME, "without overflow");

    /* beyond memory */
    int64_t huge[] = {INT64_C(1) << 62, 2, 3}, strides[] = {1, 1, 1};
    CHECK_ERROR(!mt_expand(a, huge, 3), MT_ERROR_RUNTIME, "numel: integer multiplication overflow");
    CHECK_ERROR(!mt_as_strided(a, huge, strides, 2, MT_NONE), MT_ERROR_RUNTIME, "");
    CHECK_ERROR(!mt_narrow(a, 1, 1, INT64_MAX), MT_ERROR_RUNTIME, "exceeds dimension size (3)");
    CHECK_ERROR(!mt_tril_indices(INT64_C(1) << 40, 1, 0, MT_INT64), MT_ERROR_OUT_OF_MEMORY, "can't allocate memory");

    /* the graph */
    mt_tensor x = mt_ones(SHAPE(3), MT_FLOAT32);
    mt_set_requires_grad(x, 1);
    mt_tensor y = mt_mul(x, x), s = mt_sum(y, NULL, 0, 0, MT_DTYPE_NONE);
    CHECK_ERROR(mt_backward(y, NULL, 0, 0) != 0, MT_ERROR_RUNTIME, "grad can be implicitly created only for scalar outputs");
    CHECK_ERROR(mt_backward(a, NULL, 0, 0) != 0, MT_ERROR_RUNTIME, "does not require grad and does not have a grad_fn");
    CHECK(mt_backward(s, NULL, 0, 0) == 0);
    CHECK_ERROR(mt_backward(s, NULL, 0, 0) != 0, MT_ERROR_RUNTIME, "Trying to backward through the graph a second time");
    CHECK_ERROR(mt_zero_(x) != 0, MT_ERROR_RUNTIME, "a leaf Variable that requires grad is being used in an in-place operation");
    mt_tensor z = mt_mul(x, n), w = mt_mul(z, z), t = mt_sum(w, NULL, 0, 0, MT_DTYPE_NONE);
    CHECK(mt_zero_(z) == 0);
    CHECK_ERROR(mt_backward(t, NULL, 0, 0) != 0, MT_ERROR_RUNTIME, "modified by an inplace operation");
    mt_tensor unused = mt_ones(SHAPE(1), MT_FLOAT32), out[1], u = mt_sum(mt_mul(x, x), NULL, 0, 0, MT_DTYPE_NONE);
    mt_set_requires_grad(unused, 1);
    CHECK_ERROR(mt_autograd_grad(LIST(u), LIST(unused), NULL, 1, 0, 0, 0, out) != 0, MT_ERROR_RUNTIME, "allow_unused=True");
    CHECK_ERROR(mt_set_grad(x, b) != 0, MT_ERROR_RUNTIME, "attempting to assign a gradient of size '[4]' to a tensor of size '[3]'");

    /* handles and pointers */
    CHECK_ERROR(!mt_add(a, NULL, NULL), MT_ERROR_HANDLE, "mt_add: argument 'other' is NULL");
    CHECK_ERROR(!mt_sum(mt_mul(a, b), NULL, 0, 0, MT_DTYPE_NONE), MT_ERROR_HANDLE, "did an earlier call fail?");
    CHECK_ERROR(mt_tensor_get_info(a, NULL) != 0, MT_ERROR_HANDLE, "info is NULL");
    CHECK_ERROR(!mt_tensor_from_f32(NULL, SHAPE(3)), MT_ERROR_HANDLE, "data is NULL");
    CHECK_ERROR(mt_split(a, 1, 0, NULL) != 0, MT_ERROR_HANDLE, "result pointer is NULL");
    mt_tensor stale = mt_ones(SHAPE(1), MT_FLOAT32);
    mt_tensor_release(stale);
    CHECK_ERROR(!mt_neg(stale), MT_ERROR_HANDLE, "stale or foreign handle");
    CHECK_ERROR(!mt_neg((mt_tensor)(void *)&stale), MT_ERROR_HANDLE, "stale or foreign handle");
    CHECK_ERROR(mt_backward((mt_tensor)(void *)mt_sgd(LIST(x), NULL), NULL, 0, 0) != 0, MT_ERROR_HANDLE, "stale or foreign");
    CHECK_ERROR((mt_tensor_release(stale), mt_last_error_code() != 0), MT_ERROR_HANDLE, "released twice");
    mt_tensor_release(NULL);
    CHECK(mt_last_error_code() == 0);
    CHECK_ERROR(mt_scope_end() != 0, MT_ERROR_RUNTIME, "no scope is open");

    /* memory that cannot be had */
    CHECK_ERROR(!mt_empty(SHAPE(1LL << 31, 1LL << 31, 1LL << 31), MT_FLOAT32), MT_ERROR_RUNTIME, "overflowed");
    CHECK_ERROR(!mt_empty(SHAPE(1LL << 46), MT_FLOAT64), MT_ERROR_OUT_OF_MEMORY, "can't allocate memory");
    CHECK_ERROR(!mt_empty(SHAPE(2, -1), MT_FLOAT32), MT_ERROR_RUNTIME, "negative dimension -1");
    CHECK_ERROR(!mt_view(a, SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6)), MT_ERROR_RUNTIME, "at most 12 dimensions, got 13");

    /* optimizers */
    CHECK_ERROR(!mt_sgd(NULL, 0, NULL), MT_ERROR_VALUE, "empty parameter list");
    mt_sgd_options options = MT_SGD_OPTIONS_INIT;
    options.lr = -1;
    CHECK_ERROR(!mt_sgd(LIST(x), &options), MT_ERROR_VALUE, "Invalid learning rate: -1");
    CHECK_ERROR(mt_restrict_rows(a, i) != 0, MT_ERROR_INDEX, "index 7 is out of bounds for dimension 0 with size 2");
    CHECK_ERROR(mt_restrict_rows(n, i) != 0, MT_ERROR_VALUE, "has no rows");

    /* layers and their state */
    mt_module layer = mt_nn_linear(2, 2, 1, MT_DTYPE_NONE);
    const char *names[] = {"weight", "bias"}, *other[] = {"weight", "foo"};
    mt_tensor wide = mt_zeros(SHAPE(3, 2), MT_FLOAT32), two = mt_zeros(SHAPE(2), MT_FLOAT32);
    CHECK_ERROR(mt_module_load_state_dict(layer, names, LIST(wide, two), 1) != 0, MT_ERROR_RUNTIME,
                "Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying a param with shape "
                "torch.Size([3, 2]) from checkpoint, the shape in current model is torch.Size([2, 2]).");
    CHECK_ERROR(mt_module_load_state_dict(layer, other, LIST(wide, two), 1) != 0, MT_ERROR_RUNTIME,
                "Missing key(s) in state_dict: \"bias\". \n\tUnexpected key(s) in state_dict: \"foo\". \n\tsize mismatch");
    CHECK_ERROR(mt_module_load_state_dict(layer, NULL, LIST(two), 1) != 0, MT_ERROR_HANDLE, "name 0 is NULL");
    CHECK_ERROR(!mt_module_forward(layer, a), MT_ERROR_RUNTIME, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x2)");
    CHECK_ERROR(!mt_module_forward(NULL, a), MT_ERROR_HANDLE, "argument 'module' is NULL");
    CHECK_ERROR(!mt_module_forward((mt_module)(void *)a, a), MT_ERROR_HANDLE, "stale or foreign handle");
    CHECK_ERROR(!mt_nn_linear(-1, 2, 1, MT_DTYPE_NONE), MT_ERROR_RUNTIME, "negative dimension -1: [2, -1]");
    CHECK_ERROR(!mt_nn_linear(1LL << 62, 1LL << 62, 1, MT_DTYPE_NONE), MT_ERROR_RUNTIME, "overflowed");
    CHECK_ERROR(!mt_nn_embedding(3, 2, 3, 0, MT_DTYPE_NONE), MT_ERROR_ASSERTION, "Padding_idx must be within num_embeddings");
    CHECK_ERROR(!mt_nn_dropout(2), MT_ERROR_VALUE, "between 0 and 1, but got 2");
    CHECK_ERROR(!mt_nn_multihead_attention(5, 2, 0, 1, 0, MT_DTYPE_NONE), MT_ERROR_ASSERTION, "divisible by num_heads");
    CHECK_ERROR(!mt_nn_transformer_encoder(layer, 2, NULL), MT_ERROR_TYPE, "not a transformer encoder layer");
    CHECK_ERROR(!mt_nn_sequential((const mt_module[]){layer, NULL}, 2), MT_ERROR_HANDLE, "argument 'module' is NULL");
    CHECK_ERROR(!mt_nn_conv2d(3, 4, (const int64_t[]){2, 2}, NULL, NULL, NULL, 2, 1, MT_DTYPE_NONE), MT_ERROR_VALUE,
                "in_channels must be divisible by groups");
    CHECK_ERROR(!mt_module_attend(layer, a, a, a, NULL, NULL, 0, NULL), MT_ERROR_TYPE, "not a multi-head attention");
    CHECK_ERROR(mt_module_to(layer, MT_INT64) != 0, MT_ERROR_TYPE, "floating point dtypes");
    CHECK_ERROR(mt_module_parameters(layer, NULL) != 0, MT_ERROR_HANDLE, "result pointer is NULL");
    CHECK_ERROR(mt_kaiming_uniform_(two, 0, 0, NULL) != 0, MT_ERROR_VALUE, "fewer than 2 dimensions");

    /* data */
    CHECK_ERROR(!mt_tensor_dataset(LIST(a, b)), MT_ERROR_ASSERTION, "Size mismatch between tensors");
    CHECK_ERROR(!mt_tensor_dataset(NULL, 0), MT_ERROR_VALUE, "no tensors were given");
    CHECK_ERROR(!mt_tensor_dataset(LIST(n)), MT_ERROR_TYPE, "0-d tensor");
    mt_dataset data = mt_tensor_dataset(LIST(a));
    mt_tensor_list sample;
    mt_dataset parts[2];
    CHECK_ERROR(mt_dataset_sample(data, 2, &sample) != 0, MT_ERROR_INDEX, "index 2 out of range");
    CHECK_ERROR(mt_random_split(data, SHAPE(1, 2), NULL, parts) != 0, MT_ERROR_VALUE, "Sum of input lengths");
    CHECK_ERROR(!mt_data_loader_new(data, 0, 0, 0, NULL), MT_ERROR_VALUE, "got batch_size=0");
    CHECK_ERROR(mt_dataset_length(NULL) < 0, MT_ERROR_HANDLE, "argument 'dataset' is NULL");
    mt_data_loader loader = mt_data_loader_new(data, 1, 0, 0, NULL);
    CHECK_ERROR(mt_data_loader_next(loader, NULL) != 0, MT_ERROR_HANDLE, "result pointer is NULL");
    mt_data_loader_release(loader);
    mt_dataset_release(data);
    mt_module_release(layer);
    CHECK_ERROR(mt_module_is_training(layer) < 0, MT_ERROR_HANDLE, "stale or foreign handle");
    return finish();
}
