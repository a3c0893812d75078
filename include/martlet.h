/* martlet.h: the C API of Martlet, a PyTorch-style tensor and autograd engine.
 *
 *     mt_tensor x = mt_tensor_from_f32((float[]){1, 2, 3}, (int64_t[]){3}, 1);
 *     mt_set_requires_grad(x, 1);
 *     mt_tensor y = mt_mul(x, x), s = mt_sum(y, NULL, 0, 0, MT_DTYPE_NONE);
 *     mt_backward(s, NULL, 0, 0);
 *     mt_tensor g = mt_grad(x);            // 2, 4, 6
 *
 * Ownership. What a function returns, you own and give back with mt_tensor_release (or let an mt_scope do it).
 * What you pass, you lend: the callee never keeps your handle. Releasing NULL does nothing.
 *
 * Errors. A function that makes one thing returns it, NULL on failure. One that makes several writes them to
 * `out` and returns an mt_status; so does one that makes nothing. Codes and texts are read from a slot of the
 * calling thread: mt_last_error_code(), mt_last_error_message(). A NULL tensor argument is itself an error, so a
 * chain of calls may be checked once, at its end. Nothing prints, exits or traps on what a caller passes.
 *
 * Threads. Distinct tensors may be used from distinct threads; one tensor must not be written while it is used
 * elsewhere. Grad mode, scopes and the last error belong to the thread; the default generator is shared and locked.
 *
 * Conventions. Sizes, strides and dims are `const int64_t *p, int32_t n`; a NULL list means "not given" where the
 * function says so. Flags are int32_t, 0 or 1. A number as an operand is a 0-dim tensor made by mt_number_*; it
 * takes part in dtype promotion as a bare number. MT_NONE stands for an int64_t not given. In-place functions end
 * in an underscore, change their first argument and return an mt_status.
 */
#ifndef MARTLET_H
#define MARTLET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define MT_API __attribute__((visibility("default")))
#else
#define MT_API
#endif

#define MT_VERSION_MAJOR 0
#define MT_VERSION_MINOR 1
#define MT_VERSION_PATCH 0

/* An integer argument that is not given. */
#define MT_NONE INT64_MIN

/* ---- Types ------------------------------------------------------------------------------------------------- */

/* A tensor. */
typedef struct mt_tensor_s *mt_tensor;
/* A random generator. */
typedef struct mt_generator_s *mt_generator;
/* A step of a recorded computation. */
typedef struct mt_node_s *mt_node;

/* 0 for success, else one of the codes below. */
typedef int32_t mt_status;
enum {
    MT_OK = 0,
    MT_ERROR_RUNTIME = -1,         /* RuntimeError: shapes, graph, dtype of operands */
    MT_ERROR_INDEX = -2,           /* IndexError: an index or dimension out of range */
    MT_ERROR_TYPE = -3,            /* TypeError */
    MT_ERROR_VALUE = -4,           /* ValueError */
    MT_ERROR_NOT_IMPLEMENTED = -5, /* NotImplementedError */
    MT_ERROR_OUT_OF_MEMORY = -6,   /* memory could not be had; RuntimeError in Python, as torch's */
    MT_ERROR_HANDLE = -7,          /* a NULL, stale or foreign handle */
    MT_ERROR_USER = -8,            /* a callback of yours reported failure */
    MT_ERROR_ASSERTION = -9,       /* AssertionError */
    MT_ERROR_OVERFLOW = -10,       /* OverflowError */
    MT_ERROR_LINALG = -11,         /* torch.linalg.LinAlgError: a matrix is singular, not positive-definite, ... */
    MT_ERROR_CAPTURE = -12         /* while recording: something that a replay cannot repeat */
};

/* Element types. float16 and bfloat16 are stored, converted and printed. */
enum {
    MT_DTYPE_NONE = -1, /* not given */
    MT_FLOAT32 = 0,
    MT_FLOAT64 = 1,
    MT_INT64 = 2,
    MT_INT32 = 3,
    MT_INT16 = 4,
    MT_INT8 = 5,
    MT_UINT8 = 6,
    MT_BOOL = 7,
    MT_FLOAT16 = 8,
    MT_BFLOAT16 = 9
};

/* Every plain fact of a tensor in one call. Set `size` with MT_TENSOR_INFO_INIT. */
typedef struct mt_tensor_info {
    uint32_t size;
    int32_t dtype;
    int32_t ndim;
    int32_t requires_grad;
    int32_t is_leaf;
    int32_t is_contiguous;
    int32_t is_sparse;
    int32_t version;
    int64_t numel;
    int64_t storage_offset;
    int64_t sizes[12];
    int64_t strides[12];
} mt_tensor_info;
#define MT_TENSOR_INFO_INIT { sizeof(mt_tensor_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0} }

/* ---- Version and errors ------------------------------------------------------------------------------------ */

/* "0.1.0". Static text. */
MT_API const char *mt_version(void);
/* The code of the calling thread's last failure, MT_OK where there was none. */
MT_API mt_status mt_last_error_code(void);
/* Its text, valid until the next failing call on this thread; "" where there was none. */
MT_API const char *mt_last_error_message(void);
/* Forgets the last failure. */
MT_API void mt_clear_error(void);
/* Sets the calling thread's error: for callbacks that report failure. */
MT_API void mt_set_error(mt_status code, const char *message);
/* Frees text that a function returned as owned. */
MT_API void mt_string_free(char *text);

/* ---- Settings ------------------------------------------------------------------------------------------------- */

/* The dtype of new floating-point tensors: MT_FLOAT32 unless set to another floating type. */
MT_API int32_t mt_default_dtype(void);
MT_API mt_status mt_set_default_dtype(int32_t dtype);
/* The dtype that an operation on both computes in, and the promotion of two dtypes; -1 and an error for bad ones. */
MT_API int32_t mt_result_type(mt_tensor a, mt_tensor b);
MT_API int32_t mt_promote_types(int32_t a, int32_t b);
/* How many threads an operation may use; by default one per core. */
MT_API void mt_set_num_threads(int32_t n);
MT_API int32_t mt_get_num_threads(void);

/* Loads a BLAS, and the LAPACK that is in it, beside the embedded kernels: "openblas", "blis", "mkl", a soname or a path.
 * Classes of products that it does faster on one thread, as measured now (some tenths of a second), go to it from then on,
 * and to its LAPACK what is not small of LU, Cholesky, QR, singular values, eigenvalues, triangular systems and least
 * squares, which is then computed in the matrices' dtype. The choice, and so the last bits of results, may differ from run
 * to run. Its own threads are set to one, for the whole process, where it is OpenBLAS, BLIS or MKL; those of
 * mt_set_num_threads share out the work. The environment's MARTLET_BLAS is loaded before the first product, and a failure
 * told on standard error. MT_ERROR_RUNTIME, with the names that were tried, where no library is found or a function is
 * missing; what was in use stays so. A library is never closed. */
MT_API mt_status mt_blas_load(const char *library);
/* Back to the embedded kernels, and the library's threads to what they were, where it can tell. */
MT_API void mt_blas_unload(void);
/* The file of the library in use; NULL without an error for none. Free it with mt_string_free. */
MT_API char *mt_blas_name(void);
/* One class of products: the size that stands for it, what was measured, and whether the library is used. */
typedef struct mt_blas_line {
    uint32_t size;
    int32_t dtype; /* MT_FLOAT32 or MT_FLOAT64 */
    int32_t transposed_a;
    int32_t transposed_b;
    int32_t used;
    int64_t m;
    int64_t n;
    int64_t k;
    double embedded_seconds;
    double blas_seconds;
} mt_blas_line;
#define MT_BLAS_LINE_INIT { sizeof(mt_blas_line), 0, 0, 0, 0, 0, 0, 0, 0, 0 }
/* The lines of the library in use, 0 for none, and one of them; its size field must have been set by MT_BLAS_LINE_INIT. */
MT_API int32_t mt_blas_line_count(void);
MT_API mt_status mt_blas_get_line(int32_t index, mt_blas_line *line);

/* Gives the memory that is kept for later tensors back to the system; small blocks of other threads stay with them. Not
 * needed for more tensors: where the system refuses memory, this is done and the system asked again. */
MT_API void mt_empty_cache(void);
/* Bytes that tensors hold now, the most they held (since mt_reset_peak_memory), and bytes kept for reuse. */
typedef struct mt_memory_stats {
    uint32_t size;
    int64_t allocated;
    int64_t peak;
    int64_t cached;
} mt_memory_stats;
#define MT_MEMORY_STATS_INIT { sizeof(mt_memory_stats), 0, 0, 0 }
/* Fills *stats, whose size field must have been set by MT_MEMORY_STATS_INIT. */
MT_API mt_status mt_get_memory_stats(mt_memory_stats *stats);
MT_API void mt_reset_peak_memory(void);

/* ---- Making and releasing tensors --------------------------------------------------------------------------- */

/* Gives a tensor back. NULL is allowed. */
MT_API void mt_tensor_release(mt_tensor t);
/* Between begin and end, every tensor that functions of this thread return is noted, and end releases those that were
 * neither released nor kept meanwhile. Scopes nest; what is kept belongs to the scope outside, or to you. Lists,
 * optimizers and nodes are not noted. */
MT_API void mt_scope_begin(void);
MT_API mt_status mt_scope_end(void);
/* Takes `t` out of the innermost scope and returns it. */
MT_API mt_tensor mt_scope_keep(mt_tensor t);
/* Another handle to the same tensor. */
MT_API mt_tensor mt_tensor_retain(mt_tensor t);
/* Memory with unspecified contents. */
MT_API mt_tensor mt_empty(const int64_t *sizes, int32_t ndim, int32_t dtype);
/* The same with the sizes of `self`, its dtype unless one is given, and its order of dimensions in memory unless
 * row-major is asked for. */
MT_API mt_tensor mt_empty_like(mt_tensor self, int32_t dtype, int32_t row_major);
/* The same, filled with `value`, a 0-dim tensor or number. */
MT_API mt_tensor mt_full_like(mt_tensor self, mt_tensor value, int32_t dtype, int32_t row_major);
/* Every element zero. MT_DTYPE_NONE means the default float dtype. */
MT_API mt_tensor mt_zeros(const int64_t *sizes, int32_t ndim, int32_t dtype);
/* Every element one. */
MT_API mt_tensor mt_ones(const int64_t *sizes, int32_t ndim, int32_t dtype);
/* Every element is `value`, a 0-dim tensor or number. */
MT_API mt_tensor mt_full(const int64_t *sizes, int32_t ndim, mt_tensor value, int32_t dtype);
/* Copies row-major data of the given sizes. */
MT_API mt_tensor mt_tensor_from_f32(const float *data, const int64_t *sizes, int32_t ndim);
MT_API mt_tensor mt_tensor_from_f64(const double *data, const int64_t *sizes, int32_t ndim);
MT_API mt_tensor mt_tensor_from_i64(const int64_t *data, const int64_t *sizes, int32_t ndim);
/* Copies row-major elements of `dtype` from memory. */
MT_API mt_tensor mt_tensor_from_data(const void *data, const int64_t *sizes, int32_t ndim, int32_t dtype);
/* Shares memory that you own: `strides` in elements, NULL for row-major. `destroy(context)` runs once when the last
 * tensor over it is gone; it may run on any thread. `data` must span every element that sizes and strides reach. */
MT_API mt_tensor mt_tensor_from_memory(void *data, const int64_t *sizes, const int64_t *strides, int32_t ndim,
                                       int32_t dtype, void *context, void (*destroy)(void *context));
/* Bare numbers as operands. */
MT_API mt_tensor mt_number_f64(double value);
MT_API mt_tensor mt_number_i64(int64_t value);
MT_API mt_tensor mt_number_bool(int32_t value);

/* ---- Looking at tensors -------------------------------------------------------------------------------------- */

/* Fills *info, whose size field must have been set by MT_TENSOR_INFO_INIT. */
MT_API mt_status mt_tensor_get_info(mt_tensor t, mt_tensor_info *info);
/* -1 (and an error) for a bad handle. */
MT_API int32_t mt_dtype(mt_tensor t);
MT_API int32_t mt_ndim(mt_tensor t);
MT_API int64_t mt_numel(mt_tensor t);
/* Size of a dimension, negative counting from the end; -1 and an error when out of range. */
MT_API int64_t mt_size(mt_tensor t, int64_t dim);
MT_API int32_t mt_requires_grad(mt_tensor t);
/* The address of the first element; the memory lives as long as a tensor over it. NULL and an error for sparse. */
MT_API void *mt_data_ptr(mt_tensor t);
/* Address of the shared storage and its length in bytes. */
MT_API void *mt_storage_ptr(mt_tensor t);
MT_API int64_t mt_storage_nbytes(mt_tensor t);
/* The one element. More or fewer elements are an error. */
MT_API mt_status mt_item_f64(mt_tensor t, double *out);
MT_API mt_status mt_item_i64(mt_tensor t, int64_t *out);
/* Copies all elements in row-major order, as the tensor's dtype; `bytes` must be numel times the element size. */
MT_API mt_status mt_copy_to_host(mt_tensor t, void *out, int64_t bytes);
/* Which output of its node a tensor is; 0 for leaves. */
MT_API int32_t mt_output_nr(mt_tensor t);
/* Whether it was made in inference mode. */
MT_API int32_t mt_is_inference(mt_tensor t);
/* Whether both handles are of one tensor. */
MT_API int32_t mt_is_same(mt_tensor a, mt_tensor b);

/* ---- Text ----------------------------------------------------------------------------------------------------- */

/* The tensor as torch prints it, e.g. "tensor([1., 2.])". `prefix` stands before the elements and its length is the
 * indent of later lines; NULL for "tensor(". Owned: free it with mt_string_free. NULL on failure. */
MT_API char *mt_tensor_str(mt_tensor t, const char *prefix);
/* The options of the process. Set `size` with MT_PRINTOPTIONS_INIT, which holds the defaults. */
typedef struct mt_printoptions {
    uint32_t size;
    int32_t sci_mode;   /* scientific notation: 1 always, 0 never, -1 by the values */
    int64_t precision;  /* digits after the point */
    int64_t threshold;  /* tensors with more elements are summarized */
    int64_t edgeitems;  /* elements shown at each end of a summarized dimension */
    int64_t linewidth;  /* characters per line */
} mt_printoptions;
#define MT_PRINTOPTIONS_INIT { sizeof(mt_printoptions), -1, 4, 1000, 3, 80 }
MT_API mt_status mt_get_printoptions(mt_printoptions *options);
/* Precision must be in 0...1000, threshold and edgeitems not negative, linewidth positive. */
MT_API mt_status mt_set_printoptions(const mt_printoptions *options);

/* ---- Recording and gradients --------------------------------------------------------------------------------- */

/* Whether this thread records; setting returns the former value. On by default. */
MT_API int32_t mt_grad_enabled(void);
MT_API int32_t mt_set_grad_enabled(int32_t enabled);
/* Inference mode: nothing is recorded, and what is made can never take part in a graph. Returns the former value. */
MT_API int32_t mt_inference_mode(void);
MT_API int32_t mt_set_inference_mode(int32_t enabled);
/* Marks a floating-point leaf as wanting a gradient. */
MT_API mt_status mt_set_requires_grad(mt_tensor t, int32_t on);
/* The accumulated gradient; NULL without an error where there is none yet. */
MT_API mt_tensor mt_grad(mt_tensor t);
/* Sets or (NULL) clears the gradient. Shape and dtype must fit. */
MT_API mt_status mt_set_grad(mt_tensor t, mt_tensor grad);
/* Keeps the gradient of a non-leaf in its .grad. */
MT_API mt_status mt_retain_grad(mt_tensor t);
MT_API int32_t mt_retains_grad(mt_tensor t);
/* Sends gradients back from `t`. `gradient` may be NULL for one element. */
MT_API mt_status mt_backward(mt_tensor t, mt_tensor gradient, int32_t retain_graph, int32_t create_graph);
/* The same from several tensors; `gradients` or its entries may be NULL; `inputs` (NULL for all) limits who receives. */
MT_API mt_status mt_backward_many(const mt_tensor *tensors, const mt_tensor *gradients, int32_t n, int32_t retain_graph,
                                  int32_t create_graph, const mt_tensor *inputs, int32_t n_inputs);
/* Gradients of outputs with respect to inputs into out[n_inputs]; entries are NULL for unused inputs where
 * allow_unused, zeros where materialize. */
MT_API mt_status mt_autograd_grad(const mt_tensor *outputs, int32_t n_outputs, const mt_tensor *inputs, int32_t n_inputs,
                                  const mt_tensor *grad_outputs, int32_t retain_graph, int32_t create_graph,
                                  int32_t allow_unused, int32_t materialize, mt_tensor *out);
/* The same memory without history. */
MT_API mt_tensor mt_detach(mt_tensor t);
/* Turns `t` itself into a leaf. Views cannot be. */
MT_API mt_status mt_detach_(mt_tensor t);
/* The same memory without history and with a write counter of its own (Python's x.data). */
MT_API mt_tensor mt_tensor_data(mt_tensor t);
/* Makes `t` show the memory of `source` (Python's x.data = y). */
MT_API mt_status mt_set_data(mt_tensor t, mt_tensor source);
/* Whether `t` is a view of another tensor, and that tensor (NULL without an error where it is none). */
MT_API int32_t mt_is_view(mt_tensor t);
MT_API mt_tensor mt_base(mt_tensor t);
/* Makes a NaN in the gradient that a step computes an error naming the step. Returns what was set before. */
MT_API int32_t mt_set_nan_checks(int32_t enabled);
/* The node that made `t`; NULL without an error for leaves. Release with mt_node_release. */
MT_API mt_node mt_grad_fn(mt_tensor t);
MT_API void mt_node_release(mt_node node);
/* The node's name, e.g. "MulBackward0". Free it with mt_string_free. */
MT_API char *mt_node_name(mt_node node);
/* How many inputs it has, and the node and slot that input i's gradient goes to (NULL where none does). */
MT_API int32_t mt_node_next_count(mt_node node);
MT_API mt_node mt_node_next(mt_node node, int32_t i, int32_t *slot);
/* The leaf of an accumulator node; NULL without an error for other nodes. */
MT_API mt_tensor mt_node_variable(mt_node node);
/* Calls hook(context, gradient) with a lent gradient of `t`. It returns NULL to keep it or an owned replacement, and
 * reports failure by mt_set_error and a non-zero *failed. Returns the hook's number, 0 on failure. */
MT_API int64_t mt_register_hook(mt_tensor t, mt_tensor (*hook)(void *context, mt_tensor gradient, int32_t *failed),
                                void *context, void (*destroy)(void *context));
/* Calls hook(context) after this leaf's gradient was accumulated; nonzero reports failure. */
MT_API int64_t mt_register_post_accumulate_grad_hook(mt_tensor t, int32_t (*hook)(void *context), void *context,
                                                     void (*destroy)(void *context));
MT_API mt_status mt_remove_hook(mt_tensor t, int64_t hook);

/* A step whose derivative is yours. Compute `outputs` from `inputs` with recording off (mt_set_grad_enabled(0)), then
 * attach. `saved` are kept for the derivative, which reads them with mt_node_saved. `changed` are inputs that were
 * written in place and are among the outputs; `constant` are outputs that no gradient goes through. With
 * `materialize`, gradients that never arrived are zeros, else NULL.
 *
 * backward(context, node, grad_outputs, n_outputs, grad_inputs, n_inputs) fills grad_inputs with owned tensors or
 * NULL; a nonzero result after mt_set_error reports failure. It may itself be recorded, for gradients of gradients.
 *
 * Writes n_outputs owned results; *node (where wanted) is NULL when nothing is recorded. */
typedef struct mt_function {
    uint32_t size;
    const char *name;
    const mt_tensor *inputs;
    const mt_tensor *outputs;
    const mt_tensor *saved;
    const mt_tensor *changed;
    const mt_tensor *constant;
    int32_t n_inputs, n_outputs, n_saved, n_changed, n_constant, materialize;
    int32_t (*backward)(void *context, mt_node node, const mt_tensor *grad_outputs, int32_t n_outputs,
                        mt_tensor *grad_inputs, int32_t n_inputs);
    void *context;
    void (*destroy)(void *context);
} mt_function;
#define MT_FUNCTION_INIT { sizeof(mt_function), "Function", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 }
MT_API mt_status mt_function_attach(const mt_function *function, mt_tensor *out, mt_node *node);
/* A saved tensor of the node; NULL without an error where NULL was saved. Freed or changed ones are an error. */
MT_API mt_tensor mt_node_saved(mt_node node, int32_t i);
MT_API int32_t mt_node_saved_count(mt_node node);
/* Hooks on a step. hook(context, grad_inputs, n_inputs, grad_outputs, n_outputs) is lent both lists; a pre-hook runs
 * before the step and is given no grad_inputs. It may put owned replacements into `replaced` (n_inputs, or n_outputs
 * for a pre-hook) and returns 1 if it did, 0 if not, negative for failure. */
typedef int32_t (*mt_node_hook)(void *context, const mt_tensor *grad_inputs, int32_t n_inputs,
                                const mt_tensor *grad_outputs, int32_t n_outputs, mt_tensor *replaced);
MT_API int64_t mt_node_register_hook(mt_node node, int32_t before, mt_node_hook hook, void *context, void (*destroy)(void *context));
/* Removes a hook by its number; an unknown one is ignored. */
MT_API mt_status mt_node_remove_hook(mt_node node, int64_t hook);

/* ---- Copies and conversions ---------------------------------------------------------------------------------- */

/* A copy with memory of its own, laid out alike where that is dense. Gradients go through. */
MT_API mt_tensor mt_clone(mt_tensor t);
/* Row-major; `t` itself where it is already. */
MT_API mt_tensor mt_contiguous(mt_tensor t);
/* Converted to dtype; `t` itself where nothing changes and copy is 0. */
MT_API mt_tensor mt_to(mt_tensor t, int32_t dtype, int32_t copy);
/* Overwrites t with source, broadcast to t's sizes and converted to its dtype. */
MT_API mt_status mt_copy_(mt_tensor t, mt_tensor source);
/* As mt_copy_ for a `result` that is not used afterwards: where nobody else sees either's memory they exchange it instead. */
MT_API mt_status mt_take_(mt_tensor t, mt_tensor result);
/* Sets every element to a number or 0-dim tensor; NaN and numbers beyond an integer dtype are an error. */
MT_API mt_status mt_fill_(mt_tensor t, mt_tensor value);
/* Sets every element to zero; a sparse tensor loses its entries. */
MT_API mt_status mt_zero_(mt_tensor t);

/* ---- Random numbers: torch's CPU streams, number for number ---------------------------------------------------- */

/* `generator` NULL is everywhere the default generator, which starts with a seed from the operating system. */

/* A generator with its own stream, seeded 67280421310721. Release with mt_generator_release. */
MT_API mt_generator mt_generator_new(void);
/* A handle to the default generator. */
MT_API mt_generator mt_generator_default(void);
/* A new generator that goes on from the same place. */
MT_API mt_generator mt_generator_clone(mt_generator generator);
MT_API void mt_generator_release(mt_generator generator);
/* Starts the stream over. Only the low 32 bits of the seed tell streams apart. */
MT_API mt_status mt_generator_manual_seed(mt_generator generator, uint64_t seed);
/* The same for the default generator. */
MT_API mt_status mt_manual_seed(uint64_t seed);
/* Seeds from the operating system; writes the seed to `seed` unless that is NULL. */
MT_API mt_status mt_generator_seed(mt_generator generator, uint64_t *seed);
/* The seed the stream was started with. */
MT_API mt_status mt_generator_initial_seed(mt_generator generator, uint64_t *seed);
/* Everything the stream depends on: a uint8 tensor of 5056 bytes, as torch's get_rng_state gives. */
MT_API mt_tensor mt_generator_get_state(mt_generator generator);
MT_API mt_status mt_generator_set_state(mt_generator generator, mt_tensor state);

/* Uniform in [0, 1) and standard normal, floating point. */
MT_API mt_tensor mt_rand(const int64_t *sizes, int32_t ndim, int32_t dtype, mt_generator generator);
MT_API mt_tensor mt_randn(const int64_t *sizes, int32_t ndim, int32_t dtype, mt_generator generator);
/* Normal values of one mean and standard deviation. */
MT_API mt_tensor mt_normal_new(double mean, double std, const int64_t *sizes, int32_t ndim, int32_t dtype,
                               mt_generator generator);
/* Integers in [low, high); int64 unless a dtype is given. */
MT_API mt_tensor mt_randint(int64_t low, int64_t high, const int64_t *sizes, int32_t ndim, int32_t dtype,
                            mt_generator generator);
/* 0, 1, ..., n - 1 in random order; int64 unless a dtype is given. */
MT_API mt_tensor mt_randperm(int64_t n, int32_t dtype, mt_generator generator);
/* The same with the sizes and the memory order of `self`, and its dtype unless one is given. */
MT_API mt_tensor mt_rand_like(mt_tensor self, int32_t dtype, mt_generator generator);
MT_API mt_tensor mt_randn_like(mt_tensor self, int32_t dtype, mt_generator generator);
MT_API mt_tensor mt_randint_like(mt_tensor self, int64_t low, int64_t high, int32_t dtype, mt_generator generator);
/* Normal values with mean and std given by tensors or numbers (mt_number_f64), broadcast; at least one is a tensor. */
MT_API mt_tensor mt_normal(mt_tensor mean, mt_tensor std, mt_generator generator);
/* Ones and zeros with the probabilities in `self`. */
MT_API mt_tensor mt_bernoulli(mt_tensor self, mt_generator generator);
/* Ones and zeros of one probability, with the sizes and dtype of `self`. */
MT_API mt_tensor mt_bernoulli_p(mt_tensor self, double p, mt_generator generator);
/* Counts with the rates in `self`. */
MT_API mt_tensor mt_poisson(mt_tensor self, mt_generator generator);
/* Column numbers drawn by the weights in each row of `self` (1-D or 2-D): int64. */
MT_API mt_tensor mt_multinomial(mt_tensor self, int64_t num_samples, int32_t replacement, mt_generator generator);

/* In-place fills. Elements are met in memory order: the dimension with the smallest stride runs fastest. */
MT_API mt_status mt_uniform_(mt_tensor self, double from, double to, mt_generator generator);
MT_API mt_status mt_normal_(mt_tensor self, double mean, double std, mt_generator generator);
MT_API mt_status mt_log_normal_(mt_tensor self, double mean, double std, mt_generator generator);
MT_API mt_status mt_exponential_(mt_tensor self, double lambd, mt_generator generator);
MT_API mt_status mt_cauchy_(mt_tensor self, double median, double sigma, mt_generator generator);
MT_API mt_status mt_geometric_(mt_tensor self, double p, mt_generator generator);
/* One with probability p, else zero. */
MT_API mt_status mt_bernoulli_(mt_tensor self, double p, mt_generator generator);
/* The same with a probability for each element, broadcast. */
MT_API mt_status mt_bernoulli_tensor_(mt_tensor self, mt_tensor p, mt_generator generator);
/* Integers over the dtype's whole non-negative range. */
MT_API mt_status mt_random_(mt_tensor self, mt_generator generator);
/* Integers in [from, to); `to` MT_NONE for up to the dtype's largest value, that one included. */
MT_API mt_status mt_random_range_(mt_tensor self, int64_t from, int64_t to, mt_generator generator);
/* Integers in [0, to). */
MT_API mt_status mt_random_to_(mt_tensor self, int64_t to, mt_generator generator);

/* ---- Arithmetic: broadcast operands, torch's promotion -------------------------------------------------------- */

/* self + alpha * other; alpha NULL for 1. */
MT_API mt_tensor mt_add(mt_tensor self, mt_tensor other, mt_tensor alpha);
/* self - alpha * other; bool operands are an error. */
MT_API mt_tensor mt_sub(mt_tensor self, mt_tensor other, mt_tensor alpha);
/* other - alpha * self. */
MT_API mt_tensor mt_rsub(mt_tensor self, mt_tensor other, mt_tensor alpha);
/* Products, element by element. */
MT_API mt_tensor mt_mul(mt_tensor self, mt_tensor other);
/* True division. */
MT_API mt_tensor mt_div(mt_tensor self, mt_tensor other);
/* -self; bool is an error. */
MT_API mt_tensor mt_neg(mt_tensor self);
/* 1 / self; integers give the default float dtype. */
MT_API mt_tensor mt_reciprocal(mt_tensor self);
/* In place: the result must have self's shape, and a dtype that may be stored in self's. */
MT_API mt_status mt_add_(mt_tensor self, mt_tensor other, mt_tensor alpha);
MT_API mt_status mt_sub_(mt_tensor self, mt_tensor other, mt_tensor alpha);
MT_API mt_status mt_mul_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_div_(mt_tensor self, mt_tensor other);

/* ---- Pointwise mathematics --------------------------------------------------------------------------------- */

/* One operand: shape kept, integers become the default float dtype except where rounding keeps them. */
MT_API mt_tensor mt_exp(mt_tensor self);
MT_API mt_tensor mt_exp2(mt_tensor self);
MT_API mt_tensor mt_expm1(mt_tensor self); /* exp(x) - 1 */
MT_API mt_tensor mt_log(mt_tensor self);
MT_API mt_tensor mt_log2(mt_tensor self);
MT_API mt_tensor mt_log10(mt_tensor self);
MT_API mt_tensor mt_log1p(mt_tensor self); /* log(1 + x) */
MT_API mt_tensor mt_sqrt(mt_tensor self);
MT_API mt_tensor mt_rsqrt(mt_tensor self); /* 1 / sqrt(x) */
MT_API mt_tensor mt_square(mt_tensor self);
MT_API mt_tensor mt_abs(mt_tensor self);
MT_API mt_tensor mt_sign(mt_tensor self); /* -1, 0 or 1 */
MT_API mt_tensor mt_sgn(mt_tensor self); /* as mt_sign */
MT_API mt_tensor mt_sin(mt_tensor self);
MT_API mt_tensor mt_cos(mt_tensor self);
MT_API mt_tensor mt_tan(mt_tensor self);
MT_API mt_tensor mt_asin(mt_tensor self);
MT_API mt_tensor mt_acos(mt_tensor self);
MT_API mt_tensor mt_atan(mt_tensor self);
MT_API mt_tensor mt_sinh(mt_tensor self);
MT_API mt_tensor mt_cosh(mt_tensor self);
MT_API mt_tensor mt_tanh(mt_tensor self);
MT_API mt_tensor mt_asinh(mt_tensor self);
MT_API mt_tensor mt_acosh(mt_tensor self);
MT_API mt_tensor mt_atanh(mt_tensor self);
MT_API mt_tensor mt_sigmoid(mt_tensor self); /* 1 / (1 + exp(-x)) */
MT_API mt_tensor mt_erf(mt_tensor self);
MT_API mt_tensor mt_erfc(mt_tensor self); /* 1 - erf(x) */
MT_API mt_tensor mt_erfinv(mt_tensor self); /* the inverse of erf */
MT_API mt_tensor mt_lgamma(mt_tensor self); /* log |gamma(x)| */
MT_API mt_tensor mt_digamma(mt_tensor self); /* the derivative of log gamma(x) */
MT_API mt_tensor mt_floor(mt_tensor self);
MT_API mt_tensor mt_ceil(mt_tensor self);
MT_API mt_tensor mt_trunc(mt_tensor self); /* toward zero */
MT_API mt_tensor mt_frac(mt_tensor self); /* x - trunc(x) */
MT_API mt_tensor mt_sinc(mt_tensor self); /* sin(pi x) / (pi x) */
MT_API mt_tensor mt_deg2rad(mt_tensor self);
MT_API mt_tensor mt_rad2deg(mt_tensor self);
/* To `decimals` places, halves to even. */
MT_API mt_tensor mt_round(mt_tensor self, int64_t decimals);
/* log(x / (1 - x)); eps NaN for none, else x is clamped to [eps, 1 - eps]. */
MT_API mt_tensor mt_logit(mt_tensor self, double eps);
/* The n-th derivative of digamma. */
MT_API mt_tensor mt_polygamma(int64_t n, mt_tensor self);
/* Modified Bessel functions of order 0 and 1, and times exp(-|x|). */
MT_API mt_tensor mt_i0(mt_tensor self);
MT_API mt_tensor mt_i0e(mt_tensor self);
MT_API mt_tensor mt_i1(mt_tensor self);
MT_API mt_tensor mt_i1e(mt_tensor self);
/* -x log(x). */
MT_API mt_tensor mt_entr(mt_tensor self);
/* The logarithm of the multivariate gamma function of dimension p. */
MT_API mt_tensor mt_mvlgamma(mt_tensor self, int64_t p);
/* NaN, inf and -inf replaced; a replacement that is itself NaN stands for the default (0, largest, smallest). */
MT_API mt_tensor mt_nan_to_num(mt_tensor self, double nan, double posinf, double neginf);
/* Two operands, broadcast and promoted; either may be a number. */
MT_API mt_tensor mt_pow(mt_tensor self, mt_tensor exponent);
MT_API mt_tensor mt_float_power(mt_tensor self, mt_tensor exponent); /* computed in float64 */
MT_API mt_tensor mt_atan2(mt_tensor self, mt_tensor other); /* the angle of (other, self) */
MT_API mt_tensor mt_hypot(mt_tensor self, mt_tensor other); /* sqrt(self^2 + other^2) */
MT_API mt_tensor mt_copysign(mt_tensor self, mt_tensor other); /* |self| with the sign of other */
MT_API mt_tensor mt_heaviside(mt_tensor self, mt_tensor values); /* 0 below zero, 1 above, values at zero */
MT_API mt_tensor mt_logaddexp(mt_tensor self, mt_tensor other); /* log(exp(self) + exp(other)) */
MT_API mt_tensor mt_logaddexp2(mt_tensor self, mt_tensor other); /* log2(2^self + 2^other) */
MT_API mt_tensor mt_xlogy(mt_tensor self, mt_tensor other); /* self * log(other), 0 where self is 0 */
/* self * 2^other. */
MT_API mt_tensor mt_ldexp(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_nextafter(mt_tensor self, mt_tensor other);
/* Whole numbers only. */
MT_API mt_tensor mt_gcd(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_lcm(mt_tensor self, mt_tensor other);
/* self * log(1 + other); the Hurwitz zeta function of exponent self at other. */
MT_API mt_tensor mt_xlog1py(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_zeta(mt_tensor self, mt_tensor other);
/* Division with a rounding mode: 0 none, 1 toward zero, 2 toward minus infinity. */
MT_API mt_tensor mt_div_mode(mt_tensor self, mt_tensor other, int32_t mode);
MT_API mt_tensor mt_floor_divide(mt_tensor self, mt_tensor other); /* Python's // */
/* The remainder with the sign of the divisor, and of the dividend. */
MT_API mt_tensor mt_remainder(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_fmod(mt_tensor self, mt_tensor other);
/* The larger and the smaller; NaN wins, in fmax and fmin the number does. */
MT_API mt_tensor mt_maximum(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_minimum(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_fmax(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_fmin(mt_tensor self, mt_tensor other);
/* Limits are numbers or tensors; in mt_clamp one of them may be NULL. */
MT_API mt_tensor mt_clamp(mt_tensor self, mt_tensor min, mt_tensor max);
MT_API mt_tensor mt_clamp_min(mt_tensor self, mt_tensor min);
MT_API mt_tensor mt_clamp_max(mt_tensor self, mt_tensor max);
/* self + value * tensor1 * tensor2, and with a quotient; value is a number, NULL for 1. */
MT_API mt_tensor mt_addcmul(mt_tensor self, mt_tensor tensor1, mt_tensor tensor2, mt_tensor value);
MT_API mt_tensor mt_addcdiv(mt_tensor self, mt_tensor tensor1, mt_tensor tensor2, mt_tensor value);
/* self + weight * (end - self). */
MT_API mt_tensor mt_lerp(mt_tensor self, mt_tensor end, mt_tensor weight);
/* In-place forms. The result must fit in self: same shape, no lower kind of dtype. */
MT_API mt_status mt_exp_(mt_tensor self);
MT_API mt_status mt_exp2_(mt_tensor self);
MT_API mt_status mt_expm1_(mt_tensor self);
MT_API mt_status mt_log_(mt_tensor self);
MT_API mt_status mt_log2_(mt_tensor self);
MT_API mt_status mt_log10_(mt_tensor self);
MT_API mt_status mt_log1p_(mt_tensor self);
MT_API mt_status mt_sqrt_(mt_tensor self);
MT_API mt_status mt_rsqrt_(mt_tensor self);
MT_API mt_status mt_square_(mt_tensor self);
MT_API mt_status mt_abs_(mt_tensor self);
MT_API mt_status mt_sign_(mt_tensor self);
MT_API mt_status mt_sgn_(mt_tensor self);
MT_API mt_status mt_sin_(mt_tensor self);
MT_API mt_status mt_cos_(mt_tensor self);
MT_API mt_status mt_tan_(mt_tensor self);
MT_API mt_status mt_asin_(mt_tensor self);
MT_API mt_status mt_acos_(mt_tensor self);
MT_API mt_status mt_atan_(mt_tensor self);
MT_API mt_status mt_sinh_(mt_tensor self);
MT_API mt_status mt_cosh_(mt_tensor self);
MT_API mt_status mt_tanh_(mt_tensor self);
MT_API mt_status mt_asinh_(mt_tensor self);
MT_API mt_status mt_acosh_(mt_tensor self);
MT_API mt_status mt_atanh_(mt_tensor self);
MT_API mt_status mt_sigmoid_(mt_tensor self);
MT_API mt_status mt_erf_(mt_tensor self);
MT_API mt_status mt_erfc_(mt_tensor self);
MT_API mt_status mt_erfinv_(mt_tensor self);
MT_API mt_status mt_lgamma_(mt_tensor self);
MT_API mt_status mt_digamma_(mt_tensor self);
MT_API mt_status mt_floor_(mt_tensor self);
MT_API mt_status mt_ceil_(mt_tensor self);
MT_API mt_status mt_trunc_(mt_tensor self);
MT_API mt_status mt_frac_(mt_tensor self);
MT_API mt_status mt_sinc_(mt_tensor self);
MT_API mt_status mt_deg2rad_(mt_tensor self);
MT_API mt_status mt_rad2deg_(mt_tensor self);
MT_API mt_status mt_round_(mt_tensor self, int64_t decimals);
MT_API mt_status mt_logit_(mt_tensor self, double eps);
MT_API mt_status mt_polygamma_(mt_tensor self, int64_t n);
MT_API mt_status mt_mvlgamma_(mt_tensor self, int64_t p);
MT_API mt_status mt_nan_to_num_(mt_tensor self, double nan, double posinf, double neginf);
MT_API mt_status mt_pow_(mt_tensor self, mt_tensor exponent);
MT_API mt_status mt_float_power_(mt_tensor self, mt_tensor exponent);
MT_API mt_status mt_atan2_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_hypot_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_copysign_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_heaviside_(mt_tensor self, mt_tensor values);
MT_API mt_status mt_xlogy_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_ldexp_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_nextafter_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_gcd_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_lcm_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_floor_divide_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_remainder_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_fmod_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_div_mode_(mt_tensor self, mt_tensor other, int32_t mode);
MT_API mt_status mt_i0_(mt_tensor self);
MT_API mt_status mt_neg_(mt_tensor self);
MT_API mt_status mt_reciprocal_(mt_tensor self);
MT_API mt_status mt_clamp_(mt_tensor self, mt_tensor min, mt_tensor max);
MT_API mt_status mt_clamp_min_(mt_tensor self, mt_tensor min);
MT_API mt_status mt_clamp_max_(mt_tensor self, mt_tensor max);
MT_API mt_status mt_addcmul_(mt_tensor self, mt_tensor tensor1, mt_tensor tensor2, mt_tensor value);
MT_API mt_status mt_addcdiv_(mt_tensor self, mt_tensor tensor1, mt_tensor tensor2, mt_tensor value);
MT_API mt_status mt_lerp_(mt_tensor self, mt_tensor end, mt_tensor weight);

/* ---- Comparisons, logic, choice ---------------------------------------------------------------------------- */

/* Comparisons: bool results, operands broadcast and promoted; either may be a number. */
MT_API mt_tensor mt_eq(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_ne(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_lt(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_le(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_gt(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_ge(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_isnan(mt_tensor self);
MT_API mt_tensor mt_isinf(mt_tensor self);
MT_API mt_tensor mt_isposinf(mt_tensor self);
MT_API mt_tensor mt_isneginf(mt_tensor self);
MT_API mt_tensor mt_isfinite(mt_tensor self);
MT_API mt_tensor mt_signbit(mt_tensor self);
/* Whether each element is (with invert, is not) one of test_elements. */
MT_API mt_tensor mt_isin(mt_tensor elements, mt_tensor test_elements, int32_t invert);
/* |self - other| <= atol + rtol * |other|; the dtypes must be the same. */
MT_API mt_tensor mt_isclose(mt_tensor self, mt_tensor other, double rtol, double atol, int32_t equal_nan);
/* Whether all are close; whether sizes and elements are the same. Written to *out. */
MT_API mt_status mt_allclose(mt_tensor self, mt_tensor other, double rtol, double atol, int32_t equal_nan, int32_t *out);
MT_API mt_status mt_equal(mt_tensor self, mt_tensor other, int32_t *out);
/* Logical operations take any dtype and give bool; bitwise ones take integers and bool. */
MT_API mt_tensor mt_logical_and(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_logical_or(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_logical_xor(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_bitwise_and(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_bitwise_or(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_bitwise_xor(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_bitwise_left_shift(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_bitwise_right_shift(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_logical_not(mt_tensor self);
MT_API mt_tensor mt_bitwise_not(mt_tensor self);
/* self where the bool condition is true, else other. */
MT_API mt_tensor mt_where(mt_tensor condition, mt_tensor self, mt_tensor other);
/* self with a number or 0-dim tensor where the bool mask is true. */
MT_API mt_tensor mt_masked_fill(mt_tensor self, mt_tensor mask, mt_tensor value);
MT_API mt_status mt_eq_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_ne_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_lt_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_le_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_gt_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_ge_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_logical_and_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_logical_or_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_logical_xor_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_bitwise_and_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_bitwise_or_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_bitwise_xor_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_bitwise_left_shift_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_bitwise_right_shift_(mt_tensor self, mt_tensor other);
MT_API mt_status mt_logical_not_(mt_tensor self);
MT_API mt_status mt_bitwise_not_(mt_tensor self);
MT_API mt_status mt_masked_fill_(mt_tensor self, mt_tensor mask, mt_tensor value);

/* ---- Activations ------------------------------------------------------------------------------------------- */

/* Activation functions: shape kept. */
MT_API mt_tensor mt_relu(mt_tensor self);
MT_API mt_tensor mt_relu6(mt_tensor self); /* clamp(x, 0, 6) */
MT_API mt_tensor mt_silu(mt_tensor self); /* x * sigmoid(x) */
/* tanh nonzero for the approximation. */
MT_API mt_tensor mt_gelu(mt_tensor self, int32_t tanh);
MT_API mt_tensor mt_mish(mt_tensor self); /* x * tanh(softplus(x)) */
MT_API mt_tensor mt_logsigmoid(mt_tensor self); /* log(sigmoid(x)) */
MT_API mt_tensor mt_hardswish(mt_tensor self); /* x * clamp(x + 3, 0, 6) / 6 */
MT_API mt_tensor mt_hardsigmoid(mt_tensor self); /* clamp(x + 3, 0, 6) / 6 */
MT_API mt_tensor mt_selu(mt_tensor self); /* elu with fixed constants */
MT_API mt_tensor mt_leaky_relu(mt_tensor self, double negative_slope);
MT_API mt_tensor mt_elu(mt_tensor self, double alpha); /* x, or alpha * (exp(x) - 1) below 0 */
MT_API mt_tensor mt_celu(mt_tensor self, double alpha); /* x, or alpha * (exp(x / alpha) - 1) below 0 */
MT_API mt_tensor mt_softplus(mt_tensor self, double beta, double threshold); /* log(1 + exp(beta * x)) / beta, x itself where beta * x > threshold */
MT_API mt_tensor mt_hardtanh(mt_tensor self, double min, double max); /* clamp(x, min, max) */
MT_API mt_tensor mt_hardshrink(mt_tensor self, double lambd); /* 0 where |x| <= lambd */
MT_API mt_tensor mt_softshrink(mt_tensor self, double lambd); /* x moved towards 0 by lambd */
MT_API mt_tensor mt_threshold(mt_tensor self, double threshold, double value); /* x where x > threshold, else value */
/* weight has one element, or one for each channel. */
MT_API mt_tensor mt_prelu(mt_tensor self, mt_tensor weight);
/* The first half along dim times the sigmoid of the second. */
MT_API mt_tensor mt_glu(mt_tensor self, int64_t dim);
/* Leaky relu with slopes drawn from [lower, upper) in training. */
MT_API mt_tensor mt_rrelu(mt_tensor self, double lower, double upper, int32_t training, mt_generator generator);
MT_API mt_status mt_rrelu_(mt_tensor self, double lower, double upper, int32_t training, mt_generator generator);
MT_API mt_status mt_relu_(mt_tensor self);
MT_API mt_status mt_relu6_(mt_tensor self);
MT_API mt_status mt_silu_(mt_tensor self);
MT_API mt_status mt_mish_(mt_tensor self);
MT_API mt_status mt_hardswish_(mt_tensor self);
MT_API mt_status mt_hardsigmoid_(mt_tensor self);
MT_API mt_status mt_selu_(mt_tensor self);
MT_API mt_status mt_leaky_relu_(mt_tensor self, double negative_slope);
MT_API mt_status mt_elu_(mt_tensor self, double alpha);
MT_API mt_status mt_celu_(mt_tensor self, double alpha);
MT_API mt_status mt_hardtanh_(mt_tensor self, double min, double max);
MT_API mt_status mt_threshold_(mt_tensor self, double threshold, double value);
/* Zeros with probability p, the rest divided by 1 - p; self itself where training is 0 or p is 0. */
MT_API mt_tensor mt_dropout(mt_tensor self, double p, int32_t training, mt_generator generator);
MT_API mt_status mt_dropout_(mt_tensor self, double p, int32_t training, mt_generator generator);

/* ---- Losses ------------------------------------------------------------------------------------------------ */

/* Losses; reduction is 0 for none, 1 for the mean, 2 for the sum. */
/* (self - target)^2 */
MT_API mt_tensor mt_mse_loss(mt_tensor self, mt_tensor target, int32_t reduction);
/* |self - target| */
MT_API mt_tensor mt_l1_loss(mt_tensor self, mt_tensor target, int32_t reduction);
/* quadratic below beta, linear above */
MT_API mt_tensor mt_smooth_l1_loss(mt_tensor self, mt_tensor target, int32_t reduction, double beta);
/* quadratic up to delta, linear above */
MT_API mt_tensor mt_huber_loss(mt_tensor self, mt_tensor target, int32_t reduction, double delta);
/* target * (log(target) - self); targets are logarithms where log_target */
MT_API mt_tensor mt_kl_div(mt_tensor self, mt_tensor target, int32_t reduction, int32_t log_target);
/* Probabilities, and logits; weights may be NULL. */
MT_API mt_tensor mt_binary_cross_entropy(mt_tensor self, mt_tensor target, mt_tensor weight, int32_t reduction);
MT_API mt_tensor mt_binary_cross_entropy_with_logits(mt_tensor self, mt_tensor target, mt_tensor weight, mt_tensor pos_weight, int32_t reduction);
/* Log-probabilities against class indices; targets equal to ignore_index count for nothing. */
MT_API mt_tensor mt_nll_loss(mt_tensor self, mt_tensor target, mt_tensor weight, int32_t reduction, int64_t ignore_index);
/* Logits against class indices, or against probabilities of self's shape. */
MT_API mt_tensor mt_cross_entropy(mt_tensor self, mt_tensor target, mt_tensor weight, int32_t reduction, int64_t ignore_index, double label_smoothing);
/* Connectionist temporal classification: log-probabilities (T, N, C) or (T, C) against targets (N, S) or all in a row;
 * an integer length for each of the N sequences. */
MT_API mt_tensor mt_ctc_loss(mt_tensor log_probs, mt_tensor targets, mt_tensor input_lengths, mt_tensor target_lengths,
                             int64_t blank, int32_t reduction, int32_t zero_infinity);

/* ---- Views: the same memory in another shape ------------------------------------------------------------------ */

/* One size may be -1. */
MT_API mt_tensor mt_view(mt_tensor self, const int64_t *sizes, int32_t ndim);
/* A view where possible, else a copy. */
MT_API mt_tensor mt_reshape(mt_tensor self, const int64_t *sizes, int32_t ndim);
/* Dimensions start_dim..end_dim as one; a view where possible. */
MT_API mt_tensor mt_flatten(mt_tensor self, int64_t start_dim, int64_t end_dim);
/* Two dimensions exchanged. */
MT_API mt_tensor mt_transpose(mt_tensor self, int64_t dim0, int64_t dim1);
/* The transpose of a matrix; vectors and scalars as they are. */
MT_API mt_tensor mt_t(mt_tensor self);
/* Dimensions in the given order, which names each once. */
MT_API mt_tensor mt_permute(mt_tensor self, const int64_t *dims, int32_t n);
/* -1 keeps a size. */
MT_API mt_tensor mt_expand(mt_tensor self, const int64_t *sizes, int32_t ndim);
/* One index along a dimension, which disappears. Negative indices count from the end. */
MT_API mt_tensor mt_select(mt_tensor self, int64_t dim, int64_t index);
/* start and end may be MT_NONE. */
MT_API mt_tensor mt_slice(mt_tensor self, int64_t dim, int64_t start, int64_t end, int64_t step);
/* `length` indices from `start`; both must lie within the dimension. */
MT_API mt_tensor mt_narrow(mt_tensor self, int64_t dim, int64_t start, int64_t length);
/* dims NULL drops every dimension of size one. */
MT_API mt_tensor mt_squeeze(mt_tensor self, const int64_t *dims, int32_t n);
/* A dimension of size one put in at `dim`. */
MT_API mt_tensor mt_unsqueeze(mt_tensor self, int64_t dim);
/* `offset` counts from the storage's base; MT_NONE keeps the tensor's. */
MT_API mt_tensor mt_as_strided(mt_tensor self, const int64_t *sizes, const int64_t *strides, int32_t ndim, int64_t offset);
/* The diagonal of two dimensions, `offset` above the main one, as the last dimension. */
MT_API mt_tensor mt_diagonal(mt_tensor self, int64_t offset, int64_t dim1, int64_t dim2);
/* All windows of `size` along `dim`, `step` apart, as a new last dimension. */
MT_API mt_tensor mt_unfold(mt_tensor self, int64_t dim, int64_t size, int64_t step);
/* Pieces of `size` (the last may be smaller) as a list. */
typedef struct mt_tensor_list {
    mt_tensor *items; /* `count` owned handles */
    int64_t count;
} mt_tensor_list;
/* Releases the list and every tensor in it. */
MT_API void mt_tensor_list_release(mt_tensor_list *list);
/* Frees the array only: the handles have been taken over. */
MT_API void mt_tensor_list_free(mt_tensor_list *list);
MT_API mt_status mt_split(mt_tensor self, int64_t size, int64_t dim, mt_tensor_list *out);
/* Pieces of the given lengths, which must add up to the dimension. */
MT_API mt_status mt_split_with_sizes(mt_tensor self, const int64_t *lengths, int32_t n, int64_t dim, mt_tensor_list *out);
/* At most `chunks` pieces of equal size. */
MT_API mt_status mt_chunk(mt_tensor self, int64_t chunks, int64_t dim, mt_tensor_list *out);
/* Every index along `dim` as a tensor of its own. */
MT_API mt_status mt_unbind(mt_tensor self, int64_t dim, mt_tensor_list *out);

/* ---- Joining -------------------------------------------------------------------------------------------------- */

/* Joined along an existing dimension; all other sizes must agree. The dtype is the promotion of all. */
MT_API mt_tensor mt_cat(const mt_tensor *tensors, int32_t n, int64_t dim);
/* Joined along a new dimension; all sizes must agree. */
MT_API mt_tensor mt_stack(const mt_tensor *tensors, int32_t n, int64_t dim);

/* ---- Indexing -------------------------------------------------------------------------------------------------- */

/* x[i, j, ...]: one int64 or bool index tensor per leading dimension, broadcast together; a NULL entry keeps a whole
 * dimension. Bounds are checked; negative positions count from the end. */
MT_API mt_tensor mt_index(mt_tensor self, const mt_tensor *indices, int32_t n);
/* A copy with `values` (broadcast) written at the indices, or added where accumulate. */
MT_API mt_tensor mt_index_put(mt_tensor self, const mt_tensor *indices, int32_t n, mt_tensor values, int32_t accumulate);
MT_API mt_status mt_index_put_(mt_tensor self, const mt_tensor *indices, int32_t n, mt_tensor values, int32_t accumulate);
/* The slices of `dim` named by an index vector. */
MT_API mt_tensor mt_index_select(mt_tensor self, int64_t dim, mt_tensor index);
/* self with alpha * source's slices added at the index; alpha NULL for 1. */
MT_API mt_tensor mt_index_add(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source, mt_tensor alpha);
MT_API mt_status mt_index_add_(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source, mt_tensor alpha);
/* self with source's slices written at the index; slices and index must fit in number and shape. */
MT_API mt_tensor mt_index_copy(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source);
MT_API mt_status mt_index_copy_(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source);
/* self with the slices at the index set to a number or 0-dim tensor. */
MT_API mt_tensor mt_index_fill(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor value);
MT_API mt_status mt_index_fill_(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor value);
/* out[i][j] = self[index[i][j]][j] for dim 0; the index has self's rank and decides the result's shape. */
MT_API mt_tensor mt_gather(mt_tensor self, int64_t dim, mt_tensor index);
/* How a scatter combines. */
enum { MT_SCATTER_WRITE = 0, MT_SCATTER_ADD = 1, MT_SCATTER_MULTIPLY = 2, MT_SCATTER_MEAN = 3, MT_SCATTER_AMAX = 4, MT_SCATTER_AMIN = 5 };
/* self[index[i][j]][j] = source[i][j] for dim 0; source may be a number. mode: write, add or multiply. */
MT_API mt_tensor mt_scatter(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source, int32_t mode);
MT_API mt_status mt_scatter_(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source, int32_t mode);
/* mt_scatter with mode add: repeated places sum up. */
MT_API mt_tensor mt_scatter_add(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source);
MT_API mt_status mt_scatter_add_(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source);
/* mode: add, multiply, mean, amax or amin; include_self counts what was there. */
MT_API mt_tensor mt_scatter_reduce(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source, int32_t mode, int32_t include_self);
MT_API mt_status mt_scatter_reduce_(mt_tensor self, int64_t dim, mt_tensor index, mt_tensor source, int32_t mode, int32_t include_self);
/* Positions of elements that are not zero, one row each (int64). */
MT_API mt_tensor mt_nonzero(mt_tensor self);
/* Elements where the bool mask is true, as a vector. */
MT_API mt_tensor mt_masked_select(mt_tensor self, mt_tensor mask);
/* self with its elements under the mask taken from source in order. */
MT_API mt_tensor mt_masked_scatter(mt_tensor self, mt_tensor mask, mt_tensor source);
MT_API mt_status mt_masked_scatter_(mt_tensor self, mt_tensor mask, mt_tensor source);
/* Elements by their number in row-major order, and writing them. */
MT_API mt_tensor mt_take(mt_tensor self, mt_tensor index);
MT_API mt_tensor mt_put(mt_tensor self, mt_tensor index, mt_tensor source, int32_t accumulate);
MT_API mt_status mt_put_(mt_tensor self, mt_tensor index, mt_tensor source, int32_t accumulate);

/* ---- Rearranging ------------------------------------------------------------------------------------------------ */

/* The order of elements along the given dimensions reversed, in new memory. */
MT_API mt_tensor mt_flip(mt_tensor self, const int64_t *dims, int32_t n);
/* Without dims (n 0), one shift in row-major order. */
MT_API mt_tensor mt_roll(mt_tensor self, const int64_t *shifts, int32_t n_shifts, const int64_t *dims, int32_t n);
/* Laid side by side `repeats` times along each dimension. */
MT_API mt_tensor mt_repeat(mt_tensor self, const int64_t *repeats, int32_t n);
/* Each slice of `dim` (MT_NONE: each element) repeated; `repeats` holds one count or one per slice. */
MT_API mt_tensor mt_repeat_interleave(mt_tensor self, mt_tensor repeats, int64_t dim, int64_t output_size);
/* Triangles of the last two dimensions. */
MT_API mt_tensor mt_tril(mt_tensor self, int64_t diagonal);
MT_API mt_status mt_tril_(mt_tensor self, int64_t diagonal);
MT_API mt_tensor mt_triu(mt_tensor self, int64_t diagonal);
MT_API mt_status mt_triu_(mt_tensor self, int64_t diagonal);
/* A vector as a diagonal matrix, a matrix's diagonal as a vector. */
MT_API mt_tensor mt_diag(mt_tensor self, int64_t diagonal);
MT_API mt_tensor mt_diag_embed(mt_tensor self, int64_t offset, int64_t dim1, int64_t dim2);
/* Gives `self` the sizes, strides and history of a view of it (squeeze_, t_, ...). */
MT_API mt_status mt_become_(mt_tensor self, mt_tensor view);
/* Changes the sizes in place, row-major, growing the storage where needed; new elements are unspecified. */
MT_API mt_status mt_resize_(mt_tensor self, const int64_t *sizes, int32_t ndim);
/* The same bits read as another dtype. */
MT_API mt_tensor mt_view_dtype(mt_tensor self, int32_t dtype);

/* ---- Sequences --------------------------------------------------------------------------------------------------- */

/* start, start + step, ... without end, from numbers; integers where all three are. */
MT_API mt_tensor mt_arange(mt_tensor start, mt_tensor end, mt_tensor step, int32_t dtype);
/* `steps` numbers with both ends included. */
MT_API mt_tensor mt_linspace(double start, double end, int64_t steps, int32_t dtype);
MT_API mt_tensor mt_logspace(double start, double end, int64_t steps, double base, int32_t dtype);
/* Ones on the diagonal of n x m (MT_NONE: n x n). */
MT_API mt_tensor mt_eye(int64_t n, int64_t m, int32_t dtype);
/* Row and column numbers of a triangle, 2 x count. */
MT_API mt_tensor mt_tril_indices(int64_t rows, int64_t columns, int64_t offset, int32_t dtype);
MT_API mt_tensor mt_triu_indices(int64_t rows, int64_t columns, int64_t offset, int32_t dtype);

/* ---- Reductions: dims NULL means all --------------------------------------------------------------------------- */

/* Sum over dims; with keepdim they stay as ones. Integers and bools sum to int64 unless a dtype is given. */
MT_API mt_tensor mt_sum(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim, int32_t dtype);
/* Mean over dims; an error for integers unless a floating dtype is given. */
MT_API mt_tensor mt_mean(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim, int32_t dtype);

/* The product of all elements (dim MT_NONE) or along a dimension. Integers give int64 unless dtype is given. */
MT_API mt_tensor mt_prod(mt_tensor self, int64_t dim, int32_t keepdim, int32_t dtype);
/* Whether any, or every, element is nonzero: bool, or uint8 for uint8. An empty list of dims reduces nothing. */
MT_API mt_tensor mt_any(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim);
MT_API mt_tensor mt_all(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim);
/* How many elements differ from zero; int64. */
MT_API mt_tensor mt_count_nonzero(mt_tensor self, const int64_t *dims, int32_t n);
/* Sum and mean of the elements that are not NaN. */
MT_API mt_tensor mt_nansum(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim, int32_t dtype);
MT_API mt_tensor mt_nanmean(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim, int32_t dtype);
/* log(sum(exp(x))) without overflow. */
MT_API mt_tensor mt_logsumexp(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim);
/* The sum of a matrix's diagonal. */
MT_API mt_tensor mt_trace(mt_tensor self);

/* Largest and smallest element of all; equal ones share the gradient. A NaN is both. */
MT_API mt_tensor mt_max(mt_tensor self);
MT_API mt_tensor mt_min(mt_tensor self);
/* Extremes along a dimension and where the first of them stands (int64): out[0] values, out[1] indices. */
MT_API mt_status mt_max_dim(mt_tensor self, int64_t dim, int32_t keepdim, mt_tensor *out);
MT_API mt_status mt_min_dim(mt_tensor self, int64_t dim, int32_t keepdim, mt_tensor *out);
/* Extremes over dims; equal elements share the gradient evenly. */
MT_API mt_tensor mt_amax(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim);
MT_API mt_tensor mt_amin(mt_tensor self, const int64_t *dims, int32_t n, int32_t keepdim);
/* Both at once, of all (dim MT_NONE) or along a dimension: out[0] smallest, out[1] largest. */
MT_API mt_status mt_aminmax(mt_tensor self, int64_t dim, int32_t keepdim, mt_tensor *out);
/* Where the first extreme stands along a dimension, or in the flattened tensor (dim MT_NONE). */
MT_API mt_tensor mt_argmax(mt_tensor self, int64_t dim, int32_t keepdim);
MT_API mt_tensor mt_argmin(mt_tensor self, int64_t dim, int32_t keepdim);

/* Variance and standard deviation; the divisor is the count less `correction` (1: unbiased). The *_mean forms give
 * out[0] and the mean as out[1]. */
MT_API mt_tensor mt_var(mt_tensor self, const int64_t *dims, int32_t n, double correction, int32_t keepdim);
MT_API mt_tensor mt_std(mt_tensor self, const int64_t *dims, int32_t n, double correction, int32_t keepdim);
MT_API mt_status mt_var_mean(mt_tensor self, const int64_t *dims, int32_t n, double correction, int32_t keepdim, mt_tensor *out);
MT_API mt_status mt_std_mean(mt_tensor self, const int64_t *dims, int32_t n, double correction, int32_t keepdim, mt_tensor *out);

/* (sum |x|^ord)^(1/ord); ord may be 0 (count of nonzeros) and infinite (extreme of |x|). dtype may not narrow. */
MT_API mt_tensor mt_vector_norm(mt_tensor self, double ord, const int64_t *dims, int32_t n, int32_t keepdim, int32_t dtype);
/* Norms of the matrices in two dimensions: ord 1 and -1 (column sums of |x|), inf and -inf (row sums). */
MT_API mt_tensor mt_matrix_norm(mt_tensor self, double ord, int64_t row_dim, int64_t column_dim, int32_t keepdim, int32_t dtype);
/* The square root of the sum of squares over two dimensions. */
MT_API mt_tensor mt_frobenius_norm(mt_tensor self, int64_t row_dim, int64_t column_dim, int32_t keepdim, int32_t dtype);
/* The p-norm of self - other, broadcast. */
MT_API mt_tensor mt_dist(mt_tensor self, mt_tensor other, double p);
/* The p-norm distance between every row of x1 (... x P x M) and of x2 (... x R x M), as ... x P x R. `mode`: Euclidean
 * distances by a matrix product where there are more than 25 rows (0), always (1), never (2). */
MT_API mt_tensor mt_cdist(mt_tensor x1, mt_tensor x2, double p, int32_t mode);
/* The p-norm distances between all pairs of rows i < j of a matrix, as a vector. */
MT_API mt_tensor mt_pdist(mt_tensor self, double p);

/* ---- Running sums, products and extremes along a dimension --------------------------------------------------------- */

/* Integers give int64 unless dtype is given. */
MT_API mt_tensor mt_cumsum(mt_tensor self, int64_t dim, int32_t dtype);
MT_API mt_tensor mt_cumprod(mt_tensor self, int64_t dim, int32_t dtype);
MT_API mt_status mt_cumsum_(mt_tensor self, int64_t dim, int32_t dtype);
MT_API mt_status mt_cumprod_(mt_tensor self, int64_t dim, int32_t dtype);
/* out[0] the extreme so far, out[1] where the latest such element stands. */
MT_API mt_status mt_cummax(mt_tensor self, int64_t dim, mt_tensor *out);
MT_API mt_status mt_cummin(mt_tensor self, int64_t dim, mt_tensor *out);
MT_API mt_tensor mt_logcumsumexp(mt_tensor self, int64_t dim);
/* Differences of neighbours, n times; prepend and append (or NULL) are joined at the ends first. */
MT_API mt_tensor mt_diff(mt_tensor self, int64_t n, int64_t dim, mt_tensor prepend, mt_tensor append);

/* ---- Sorting and order statistics along a dimension; NaN counts as largest ------------------------------------------ */

/* out[0] the values in order, out[1] (int64) where each came from. Equal elements keep their order where `stable`. */
MT_API mt_status mt_sort(mt_tensor self, int64_t dim, int32_t descending, int32_t stable, mt_tensor *out);
MT_API mt_tensor mt_argsort(mt_tensor self, int64_t dim, int32_t descending, int32_t stable);
/* Sorted along the first dimension. */
MT_API mt_tensor mt_msort(mt_tensor self);
/* The k largest or smallest elements, in order where `sorted`: out[0] values, out[1] indices. */
MT_API mt_status mt_topk(mt_tensor self, int64_t k, int64_t dim, int32_t largest, int32_t sorted, mt_tensor *out);
/* The k-th smallest element, counting from 1: out[0] value, out[1] index. */
MT_API mt_status mt_kthvalue(mt_tensor self, int64_t k, int64_t dim, int32_t keepdim, mt_tensor *out);
/* The lower median of all elements; of those that are not NaN where ignore_nan, else NaN where there is one. */
MT_API mt_tensor mt_median(mt_tensor self, int32_t ignore_nan);
MT_API mt_status mt_median_dim(mt_tensor self, int64_t dim, int32_t keepdim, int32_t ignore_nan, mt_tensor *out);
/* The most frequent element and a place where it stands. */
MT_API mt_status mt_mode(mt_tensor self, int64_t dim, int32_t keepdim, mt_tensor *out);
/* Ways to find a quantile between two elements. */
enum { MT_LINEAR = 0, MT_LOWER = 1, MT_HIGHER = 2, MT_MIDPOINT = 3, MT_NEAREST = 4 };
/* Quantiles of all elements (dim MT_NONE) or along a dimension for the fractions in q (0-dim, or a vector that
 * becomes the first dimension). */
MT_API mt_tensor mt_quantile(mt_tensor self, mt_tensor q, int64_t dim, int32_t keepdim, int32_t interpolation, int32_t ignore_nan);

/* ---- Searching and counting ------------------------------------------------------------------------------------------ */

/* Where each value can be inserted into ascending boundaries: before equal ones, or after them where `right`. */
MT_API mt_tensor mt_searchsorted(mt_tensor boundaries, mt_tensor values, int32_t right, mt_tensor sorter, int32_t out_int32);
MT_API mt_tensor mt_bucketize(mt_tensor self, mt_tensor boundaries, int32_t right, int32_t out_int32);
/* How often each of 0, 1, ... occurs, or the sum of weights (NULL: counts) there. */
MT_API mt_tensor mt_bincount(mt_tensor self, mt_tensor weights, int64_t min_length);
/* Counts in equal intervals of [low, high]; the tensor's own range where both are 0. */
MT_API mt_tensor mt_histc(mt_tensor self, int64_t bins, double low, double high);
/* Distinct elements (dim MT_NONE) or slices: out[0] values in ascending order, out[1] where each element is found
 * among them, out[2] counts. `consecutive` merges only neighbours and keeps their order. */
MT_API mt_status mt_unique(mt_tensor self, int64_t dim, int32_t consecutive, mt_tensor *out);

/* ---- Softmax ---------------------------------------------------------------------------------------------------- */

/* exp(x) / sum(exp(x)) along a dimension, and its logarithm; the input is converted to `dtype` first where given. */
MT_API mt_tensor mt_softmax(mt_tensor self, int64_t dim, int32_t dtype);
MT_API mt_tensor mt_log_softmax(mt_tensor self, int64_t dim, int32_t dtype);

/* ---- Normalisation: (x - mean) / sqrt(var + eps) * weight + bias; weight and bias may be NULL --------------------- */

/* Over the last dimensions, whose sizes are `shape`. */
MT_API mt_tensor mt_layer_norm(mt_tensor self, const int64_t *shape, int32_t n, mt_tensor weight, mt_tensor bias, double eps);
/* x / sqrt(mean(x^2) + eps) * weight over the last dimensions; eps NaN is the dtype's epsilon. */
MT_API mt_tensor mt_rms_norm(mt_tensor self, const int64_t *shape, int32_t n, mt_tensor weight, double eps);
/* Over groups of channels (dimension 1) of each sample. */
MT_API mt_tensor mt_group_norm(mt_tensor self, int64_t groups, mt_tensor weight, mt_tensor bias, double eps);
/* Over everything but the channels. In training the running statistics, where not NULL, move in place by `momentum`
 * towards the batch's mean and unbiased variance; otherwise they are what is normalised by. */
MT_API mt_tensor mt_batch_norm(mt_tensor self, mt_tensor weight, mt_tensor bias, mt_tensor running_mean,
                               mt_tensor running_var, int32_t training, double momentum, double eps);
/* Over each channel of each sample. */
MT_API mt_tensor mt_instance_norm(mt_tensor self, mt_tensor weight, mt_tensor bias, mt_tensor running_mean,
                                  mt_tensor running_var, int32_t use_input_stats, double momentum, double eps);

/* ---- Matrix products ------------------------------------------------------------------------------------------- */

/* Matrices (m x k) and (k x n). */
/* (m x k) times (k x n); `self` may be sparse. Other shapes or different dtypes are an error that names them. */
MT_API mt_tensor mt_mm(mt_tensor self, mt_tensor mat2);
/* Batches of matrices (b x m x k) and (b x k x n). */
MT_API mt_tensor mt_bmm(mt_tensor self, mt_tensor mat2);
/* A matrix (m x k) and a vector (k). */
MT_API mt_tensor mt_mv(mt_tensor self, mt_tensor vec);
/* Two vectors of one length: a number. */
MT_API mt_tensor mt_dot(mt_tensor self, mt_tensor other);
MT_API mt_tensor mt_vdot(mt_tensor self, mt_tensor other);
/* Any of the above by rank; leading dimensions broadcast. */
MT_API mt_tensor mt_matmul(mt_tensor self, mt_tensor other);
/* Two vectors (m) and (n): all products, m x n. */
MT_API mt_tensor mt_outer(mt_tensor self, mt_tensor vec2);
/* Sums of products over the last dimension of both. */
MT_API mt_tensor mt_inner(mt_tensor self, mt_tensor other);
/* beta * input + alpha * (mat1 @ mat2); `input` broadcasts to the product's shape. NULL numbers are 1. */
MT_API mt_tensor mt_addmm(mt_tensor input, mt_tensor mat1, mt_tensor mat2, mt_tensor beta, mt_tensor alpha);
/* beta * input + alpha * (mat @ vec). */
MT_API mt_tensor mt_addmv(mt_tensor input, mt_tensor mat, mt_tensor vec, mt_tensor beta, mt_tensor alpha);
/* beta * input + alpha * outer(vec1, vec2). */
MT_API mt_tensor mt_addr(mt_tensor input, mt_tensor vec1, mt_tensor vec2, mt_tensor beta, mt_tensor alpha);
/* beta * input + alpha * bmm(batch1, batch2). */
MT_API mt_tensor mt_baddbmm(mt_tensor input, mt_tensor batch1, mt_tensor batch2, mt_tensor beta, mt_tensor alpha);
/* beta * input + alpha * the sum over the batch of batch1[i] @ batch2[i]. */
MT_API mt_tensor mt_addbmm(mt_tensor input, mt_tensor batch1, mt_tensor batch2, mt_tensor beta, mt_tensor alpha);
/* The same written into `input`, which must have the product's shape. */
MT_API mt_status mt_addmm_(mt_tensor input, mt_tensor mat1, mt_tensor mat2, mt_tensor beta, mt_tensor alpha);
MT_API mt_status mt_addmv_(mt_tensor input, mt_tensor mat, mt_tensor vec, mt_tensor beta, mt_tensor alpha);
MT_API mt_status mt_addr_(mt_tensor input, mt_tensor vec1, mt_tensor vec2, mt_tensor beta, mt_tensor alpha);
MT_API mt_status mt_baddbmm_(mt_tensor input, mt_tensor batch1, mt_tensor batch2, mt_tensor beta, mt_tensor alpha);
MT_API mt_status mt_addbmm_(mt_tensor input, mt_tensor batch1, mt_tensor batch2, mt_tensor beta, mt_tensor alpha);
/* Sums of products over n pairs of dimensions (dims_self[i], dims_other[i]). */
MT_API mt_tensor mt_tensordot(mt_tensor self, mt_tensor other, const int64_t *dims_self, int32_t n_self,
                              const int64_t *dims_other, int32_t n_other);
/* Blocks of `other` scaled by the elements of self. */
MT_API mt_tensor mt_kron(mt_tensor self, mt_tensor other);
/* The product of n >= 2 matrices in the cheapest order; the first and last may be vectors. */
MT_API mt_tensor mt_multi_dot(const mt_tensor *tensors, int32_t n);
/* Einstein summation, e.g. "bij,bjk->bik"; "..." stands for dimensions that broadcast. */
MT_API mt_tensor mt_einsum(const char *equation, const mt_tensor *operands, int32_t n);
/* input (... x in) times weight (out x in) transposed, plus bias (out, may be NULL). */
MT_API mt_tensor mt_linear(mt_tensor input, mt_tensor weight, mt_tensor bias);
/* An activation of that, one of MT_ACT_*, in the same step: the same values, one node, and the memory passed over once.
 * gelu is exact, gelu_tanh its approximation. */
enum { MT_ACT_RELU = 0, MT_ACT_TANH = 1, MT_ACT_SIGMOID = 2, MT_ACT_GELU = 3, MT_ACT_GELU_TANH = 4, MT_ACT_SILU = 5 };
MT_API mt_tensor mt_linear_then(mt_tensor input, mt_tensor weight, mt_tensor bias, int32_t activation);
/* The feed-forward net of a Transformer's layer (Vaswani et al. 2017) in one step: input (... x in) through the map of
 * weight1 (hidden x in) and bias1 (hidden, may be NULL), an activation, dropout with probability `dropout`, 0 for none, and
 * the map of weight2 (out x hidden) and bias2 (out, may be NULL). The values and draws of the steps one by one. */
MT_API mt_tensor mt_feed_forward(mt_tensor input, mt_tensor weight1, mt_tensor bias1, int32_t activation, double dropout,
                                 mt_tensor weight2, mt_tensor bias2);
/* For each k: input1' weight[k] input2 + bias[k]; weight is out x in1 x in2, bias may be NULL. */
MT_API mt_tensor mt_bilinear(mt_tensor input1, mt_tensor input2, mt_tensor weight, mt_tensor bias);

/* ---- Convolution, pooling, padding, resizing: `rank` spatial dimensions, 1 to 3 --------------------------------- */

/* Lists of these functions have one entry for all spatial dimensions, or one for each. */

/* input (n x c x spatial, or without n) with weight (o x c/groups x kernel), plus bias (o, may be NULL). Padding NULL
 * keeps the sizes ("same"). */
MT_API mt_tensor mt_conv(mt_tensor input, mt_tensor weight, mt_tensor bias, int32_t rank, const int64_t *stride,
                         int32_t n_stride, const int64_t *padding, int32_t n_padding, const int64_t *dilation,
                         int32_t n_dilation, int64_t groups);
/* The transposed convolution; weight is c x o/groups x kernel. output_padding adds places at the end. */
MT_API mt_tensor mt_conv_transpose(mt_tensor input, mt_tensor weight, mt_tensor bias, int32_t rank, const int64_t *stride,
                                   int32_t n_stride, const int64_t *padding, int32_t n_padding,
                                   const int64_t *output_padding, int32_t n_output_padding, int64_t groups,
                                   const int64_t *dilation, int32_t n_dilation);
/* The largest value of each window into out[0], its place within its plane into out[1]. stride NULL is the kernel. */
MT_API mt_status mt_max_pool(mt_tensor input, int32_t rank, const int64_t *kernel, int32_t n_kernel, const int64_t *stride,
                             int32_t n_stride, const int64_t *padding, int32_t n_padding, const int64_t *dilation,
                             int32_t n_dilation, int32_t ceil_mode, mt_tensor *out);
/* The same over windows that divide each dimension into sizes[i] parts. */
MT_API mt_status mt_adaptive_max_pool(mt_tensor input, int32_t rank, const int64_t *sizes, int32_t n, mt_tensor *out);
/* The average of each window; divisor MT_NONE counts the places, padded ones only with count_include_pad. */
MT_API mt_tensor mt_avg_pool(mt_tensor input, int32_t rank, const int64_t *kernel, int32_t n_kernel, const int64_t *stride,
                             int32_t n_stride, const int64_t *padding, int32_t n_padding, int32_t ceil_mode,
                             int32_t count_include_pad, int64_t divisor);
MT_API mt_tensor mt_adaptive_avg_pool(mt_tensor input, int32_t rank, const int64_t *sizes, int32_t n);
/* The windows of (n x) c x h x w as columns: (n x) c*kh*kw x places. */
MT_API mt_tensor mt_im2col(mt_tensor input, const int64_t *kernel, int32_t n_kernel, const int64_t *dilation,
                           int32_t n_dilation, const int64_t *padding, int32_t n_padding, const int64_t *stride,
                           int32_t n_stride);
/* Columns added up into an image of the given height and width. */
MT_API mt_tensor mt_col2im(mt_tensor input, const int64_t *sizes, int32_t n_sizes, const int64_t *kernel, int32_t n_kernel,
                           const int64_t *dilation, int32_t n_dilation, const int64_t *padding, int32_t n_padding,
                           const int64_t *stride, int32_t n_stride);
/* How values around a tensor are found. */
enum { MT_PAD_CONSTANT = 0, MT_PAD_REFLECT = 1, MT_PAD_REPLICATE = 2, MT_PAD_CIRCULAR = 3 };
/* pads holds pairs (before, after) from the last dimension on; negative ones cut off. value, for constant mode, NULL is 0. */
MT_API mt_tensor mt_pad(mt_tensor input, const int64_t *pads, int32_t n, int32_t mode, mt_tensor value);
/* How values between places are found; MT_RESIZE_LINEAR is bilinear and trilinear in more dimensions. */
enum { MT_RESIZE_NEAREST = 0, MT_RESIZE_NEAREST_EXACT = 1, MT_RESIZE_LINEAR = 2, MT_RESIZE_CUBIC = 3 };
/* Resizes the n spatial dimensions to `sizes`. scales (NULL, or n factors, NaN for none) are used for coordinates. */
MT_API mt_tensor mt_interpolate(mt_tensor input, const int64_t *sizes, int32_t n, const double *scales, int32_t mode,
                                int32_t align_corners);
/* Rows of zeros with a one at each number; num_classes -1 is the largest plus one. */
MT_API mt_tensor mt_one_hot(mt_tensor input, int64_t num_classes);
/* ... x c*r*r x h x w to ... x c x h*r x w*r, and back. */
MT_API mt_tensor mt_pixel_shuffle(mt_tensor input, int64_t factor);
MT_API mt_tensor mt_pixel_unshuffle(mt_tensor input, int64_t factor);

/* ---- Linear algebra: the last two dimensions are matrices, those before them a batch; float32 and float64 ------- */

/* A = U diag(S) Vh with S descending: out gets U, S, Vh. U and Vh are square if full_matrices, else thin. */
MT_API mt_status mt_svd(mt_tensor self, int32_t full_matrices, mt_tensor *out);
/* The singular values, descending. */
MT_API mt_tensor mt_svdvals(mt_tensor self);
/* A = V diag(L) V' of symmetric matrices, L ascending: out gets L, V. Reads the lower triangle, or with `upper` that. */
MT_API mt_status mt_eigh(mt_tensor self, int32_t upper, mt_tensor *out);
MT_API mt_tensor mt_eigvalsh(mt_tensor self, int32_t upper);
/* What mt_qr computes: Q m x min(m, n); Q m x m; R alone beside an empty Q. */
enum { MT_QR_REDUCED = 0, MT_QR_COMPLETE = 1, MT_QR_R = 2 };
/* A = Q R: out gets Q, R. */
MT_API mt_status mt_qr(mt_tensor self, int32_t mode, mt_tensor *out);
/* The first columns of the product of reflections I - tau v v', v below the diagonal of self with ones on it. */
MT_API mt_tensor mt_householder_product(mt_tensor self, mt_tensor tau);
/* The inverse; a singular matrix is MT_ERROR_LINALG. mt_inv_ex instead reports the first zero pivot of each matrix (int32,
 * 0 for none) in out[1] unless check_errors; the inverse is out[0]. */
MT_API mt_tensor mt_inv(mt_tensor self);
MT_API mt_status mt_inv_ex(mt_tensor self, int32_t check_errors, mt_tensor *out);
/* X with A X = B, or X A = B unless `left`; batches broadcast, and B may be a vector or, with A's batch, a batch of them. */
MT_API mt_tensor mt_solve(mt_tensor a, mt_tensor b, int32_t left);
/* The same beside the first zero pivot of each matrix: out gets X, info. */
MT_API mt_status mt_solve_ex(mt_tensor a, mt_tensor b, int32_t left, int32_t check_errors, mt_tensor *out);
/* mt_solve for triangular A; its other triangle, and with `unitriangular` its diagonal, is not read. */
MT_API mt_tensor mt_solve_triangular(mt_tensor a, mt_tensor b, int32_t upper, int32_t left, int32_t unitriangular);
/* torch.triangular_solve: A X = B with arguments reversed, A transposed on request: out gets X and a copy of A. */
MT_API mt_status mt_triangular_solve(mt_tensor b, mt_tensor a, int32_t upper, int32_t transpose, int32_t unitriangular,
                                     mt_tensor *out);
/* Determinants; their signs and the logarithms of their magnitudes (out gets sign, logabsdet); their logarithms. */
MT_API mt_tensor mt_det(mt_tensor self);
MT_API mt_status mt_slogdet(mt_tensor self, mt_tensor *out);
MT_API mt_tensor mt_logdet(mt_tensor self);
/* The lower triangular L with A = L L', or the upper triangular U with A = U' U; MT_ERROR_LINALG where A is not
 * positive-definite. mt_cholesky_old is the same under the name and history of torch.cholesky. */
MT_API mt_tensor mt_cholesky(mt_tensor self, int32_t upper);
MT_API mt_tensor mt_cholesky_old(mt_tensor self, int32_t upper);
/* The factor, and the order of the first leading minor that is not positive (int32, 0 for none): out gets L, info. */
MT_API mt_status mt_cholesky_ex(mt_tensor self, int32_t upper, int32_t check_errors, mt_tensor *out);
/* X with A X = self, and the inverse of A, from A's Cholesky factor. */
MT_API mt_tensor mt_cholesky_solve(mt_tensor self, mt_tensor factor, int32_t upper);
MT_API mt_tensor mt_cholesky_inverse(mt_tensor factor, int32_t upper);
/* P A = L U packed in one matrix, and the 1-based row exchanges (int32): out gets LU, pivots; _ex also the place of
 * the first zero on U's diagonal, which is an error of mt_lu_factor. */
MT_API mt_status mt_lu_factor(mt_tensor self, mt_tensor *out);
MT_API mt_status mt_lu_factor_ex(mt_tensor self, int32_t check_errors, mt_tensor *out);
/* A = P L U: out gets P, L, U; the second from packed factors. */
MT_API mt_status mt_lu(mt_tensor self, mt_tensor *out);
MT_API mt_status mt_lu_unpack(mt_tensor packed, mt_tensor pivots, mt_tensor *out);
/* mt_solve with packed factors of A, or with `adjoint` of A transposed. */
MT_API mt_tensor mt_lu_solve(mt_tensor packed, mt_tensor pivots, mt_tensor b, int32_t left, int32_t adjoint);
/* The pseudoinverse, and the rank: singular values not above max(atol, rtol * largest) count as zero. Either may be NULL:
 * rtol then is eps * max(m, n), or 0 where atol is positive. `hermitian` matrices are read from their lower triangle. */
MT_API mt_tensor mt_pinv(mt_tensor self, mt_tensor atol, mt_tensor rtol, int32_t hermitian);
MT_API mt_tensor mt_matrix_rank(mt_tensor self, mt_tensor atol, mt_tensor rtol, int32_t hermitian);
/* torch's names of ways to solve least squares. gels wants full rank; gelsd and gelss give the singular values. */
enum { MT_LSTSQ_GELS = 0, MT_LSTSQ_GELSY = 1, MT_LSTSQ_GELSD = 2, MT_LSTSQ_GELSS = 3 };
/* X of smallest norm that minimises |A X - B|: out gets X, sums of squared residuals, ranks, singular values, those that
 * the driver does not give being empty. rcond is relative to the largest singular value; NaN is eps * max(m, n). */
MT_API mt_status mt_lstsq(mt_tensor a, mt_tensor b, double rcond, int32_t driver, mt_tensor *out);
/* The n-th power; a negative one is that of the inverse. */
MT_API mt_tensor mt_matrix_power(mt_tensor self, int64_t n);
MT_API mt_tensor mt_matrix_exp(mt_tensor self);
/* The vector product along a dimension of size 3; MT_NONE is the first such. */
MT_API mt_tensor mt_cross(mt_tensor self, mt_tensor other, int64_t dim);

/* ---- Attention ------------------------------------------------------------------------------------------------- */

/* softmax(query key' * scale + mask) value over ... x L x E, ... x S x E and ... x S x Ev. attn_mask (may be NULL) is bool,
 * true where a key takes part, or a number added to the scores. is_causal lets query i see keys 0...i. scale NaN is
 * 1/sqrt(E). enable_gqa shares each head of key and value among several of the query. */
MT_API mt_tensor mt_scaled_dot_product_attention(mt_tensor query, mt_tensor key, mt_tensor value, mt_tensor attn_mask,
                                                 double dropout_p, int32_t is_causal, double scale, int32_t enable_gqa);

/* ---- Embedding ------------------------------------------------------------------------------------------------- */

/* Rows of weight (n x dim) named by `indices` (int64 or int32). padding_idx (MT_NONE for none, not negative) names a
 * row without gradient; scale_grad_by_freq divides a row's gradient by its number of occurrences; with `sparse` the
 * weight's gradient is sparse, one entry per lookup, in order. An index outside the table is MT_ERROR_INDEX. */
MT_API mt_tensor mt_embedding(mt_tensor weight, mt_tensor indices, int64_t padding_idx, int32_t scale_grad_by_freq,
                              int32_t sparse);
/* What a bag of rows becomes. */
enum { MT_BAG_SUM = 0, MT_BAG_MEAN = 1, MT_BAG_MAX = 2 };
/* Sums, means or maxima of bags of rows: bags x dim. `indices` (one dimension) names rows of weight, `offsets` where each
 * bag begins; with include_last_offset its last entry ends the last bag. per_sample_weights (NULL, or one for each index)
 * scales rows of a sum. Rows padding_idx (MT_NONE for none) take no part; an empty bag gives zeros. */
MT_API mt_tensor mt_embedding_bag(mt_tensor weight, mt_tensor indices, mt_tensor offsets, int32_t mode,
                                  int32_t scale_grad_by_freq, int32_t sparse, mt_tensor per_sample_weights,
                                  int32_t include_last_offset, int64_t padding_idx);
/* Scales down, in place, those of the named rows whose p-norm exceeds max_norm. */
MT_API mt_status mt_embedding_renorm_(mt_tensor weight, mt_tensor indices, double max_norm, double norm_type);

/* ---- Sparse COO tensors ---------------------------------------------------------------------------------------- */

/* From indices (sparse dims x nnz) and values (nnz x dense sizes); sizes NULL takes the smallest that fit. Indices may
 * repeat: their values count as summed. Gradients reach `values`. */
MT_API mt_tensor mt_sparse_coo_tensor(mt_tensor indices, mt_tensor values, const int64_t *sizes, int32_t ndim);
/* Without entries; every dimension is sparse. */
MT_API mt_tensor mt_sparse_coo_empty(const int64_t *sizes, int32_t ndim, int32_t dtype);
/* Sorted, repeats added up. */
MT_API mt_tensor mt_coalesce(mt_tensor t);
/* -1 and an error for a dense tensor. */
MT_API int32_t mt_is_coalesced(mt_tensor t);
/* How many entries are stored; -1 and an error for a dense tensor. */
MT_API int64_t mt_nnz(mt_tensor t);
/* How many dimensions are sparse, and dense; 0 and all for a dense tensor. */
MT_API int32_t mt_sparse_dim(mt_tensor t);
MT_API int32_t mt_dense_dim(mt_tensor t);
/* Of a coalesced tensor; an uncoalesced one is an error. Gradients flow through the values. */
MT_API mt_tensor mt_indices(mt_tensor t);
MT_API mt_tensor mt_values(mt_tensor t);
/* As stored, outside the graph. */
MT_API mt_tensor mt_raw_indices(mt_tensor t);
MT_API mt_tensor mt_raw_values(mt_tensor t);
/* The dense tensor; t itself where it is dense. */
MT_API mt_tensor mt_to_dense(mt_tensor t);
/* Entries that are not zero; sparse_dim MT_NONE makes every dimension sparse. */
MT_API mt_tensor mt_to_sparse(mt_tensor t, int64_t sparse_dim);
/* Values of a dense tensor at the places of a sparse one. */
MT_API mt_tensor mt_sparse_mask(mt_tensor t, mt_tensor mask);
/* The matrix product whose gradient for a sparse factor is sparse. */
MT_API mt_tensor mt_sparse_mm(mt_tensor self, mt_tensor mat2);
/* The sum over dims (NULL for all), sparse where a sparse dimension is left. */
MT_API mt_tensor mt_sparse_sum(mt_tensor t, const int64_t *dims, int32_t n);

/* ---- Optimizers -------------------------------------------------------------------------------------------------- */

/* Parameters with the state of an optimizer; release with mt_optimizer_release. `params` are kept as long as it lives. */
typedef struct mt_optimizer_s *mt_optimizer;
/* Options, each led by its size; start from the _INIT macro, whose values are torch's defaults. */
typedef struct mt_sgd_options {
    uint32_t size;
    double lr, momentum, dampening, weight_decay;
    int32_t nesterov, maximize;
} mt_sgd_options;
#define MT_SGD_OPTIONS_INIT { sizeof(mt_sgd_options), 1e-3, 0, 0, 0, 0, 0 }
typedef struct mt_adam_options {
    uint32_t size;
    double lr, beta1, beta2, eps, weight_decay;
    int32_t amsgrad, maximize, decoupled_weight_decay; /* the last makes it AdamW */
} mt_adam_options;
#define MT_ADAM_OPTIONS_INIT { sizeof(mt_adam_options), 1e-3, 0.9, 0.999, 1e-8, 0, 0, 0, 0 }
#define MT_ADAMW_OPTIONS_INIT { sizeof(mt_adam_options), 1e-3, 0.9, 0.999, 1e-8, 0.01, 0, 0, 1 }
typedef struct mt_rmsprop_options {
    uint32_t size;
    double lr, alpha, eps, weight_decay, momentum;
    int32_t centered, maximize;
} mt_rmsprop_options;
#define MT_RMSPROP_OPTIONS_INIT { sizeof(mt_rmsprop_options), 1e-2, 0.99, 1e-8, 0, 0, 0, 0 }
typedef struct mt_adagrad_options {
    uint32_t size;
    double lr, lr_decay, weight_decay, initial_accumulator_value, eps;
    int32_t maximize;
} mt_adagrad_options;
#define MT_ADAGRAD_OPTIONS_INIT { sizeof(mt_adagrad_options), 1e-2, 0, 0, 0, 1e-10, 0 }
typedef struct mt_adadelta_options {
    uint32_t size;
    double lr, rho, eps, weight_decay;
    int32_t maximize;
} mt_adadelta_options;
#define MT_ADADELTA_OPTIONS_INIT { sizeof(mt_adadelta_options), 1, 0.9, 1e-6, 0, 0 }
typedef struct mt_nadam_options {
    uint32_t size;
    double lr, beta1, beta2, eps, weight_decay, momentum_decay;
    int32_t maximize, decoupled_weight_decay;
} mt_nadam_options;
#define MT_NADAM_OPTIONS_INIT { sizeof(mt_nadam_options), 2e-3, 0.9, 0.999, 1e-8, 0, 4e-3, 0, 0 }
typedef struct mt_rprop_options {
    uint32_t size;
    double etaminus, etaplus, step_size_min, step_size_max;
    int32_t maximize;
} mt_rprop_options;
#define MT_RPROP_OPTIONS_INIT { sizeof(mt_rprop_options), 0.5, 1.2, 1e-6, 50, 0 }
typedef struct mt_asgd_options {
    uint32_t size;
    double lr, lambd, alpha, t0, weight_decay;
    int32_t maximize;
} mt_asgd_options;
#define MT_ASGD_OPTIONS_INIT { sizeof(mt_asgd_options), 1e-2, 1e-4, 0.75, 1e6, 0, 0 }
/* `options` NULL means the defaults. SGD and Adagrad take dense and sparse gradients, SparseAdam sparse ones only. */
MT_API mt_optimizer mt_sgd(const mt_tensor *params, int32_t n, const mt_sgd_options *options);
MT_API mt_optimizer mt_adam(const mt_tensor *params, int32_t n, const mt_adam_options *options);
MT_API mt_optimizer mt_rmsprop(const mt_tensor *params, int32_t n, const mt_rmsprop_options *options);
MT_API mt_optimizer mt_adagrad(const mt_tensor *params, int32_t n, const mt_adagrad_options *options);
MT_API mt_optimizer mt_sparse_adam(const mt_tensor *params, int32_t n, const mt_adam_options *options);
MT_API void mt_optimizer_release(mt_optimizer optimizer);
/* Adds parameters with a learning rate of their own. */
MT_API mt_status mt_optimizer_add_group(mt_optimizer optimizer, const mt_tensor *params, int32_t n, double lr);
/* One update of every parameter that has a gradient. */
MT_API mt_status mt_optimizer_step(mt_optimizer optimizer);
/* Forgets all gradients, or fills them with zeros. */
MT_API mt_status mt_optimizer_zero_grad(mt_optimizer optimizer, int32_t set_to_none);
MT_API mt_status mt_optimizer_set_lr(mt_optimizer optimizer, int32_t group, double lr);
/* NaN and an error for a group that is not there. */
MT_API double mt_optimizer_get_lr(mt_optimizer optimizer, int32_t group);
/* State of a parameter under torch's name ("momentum_buffer", "exp_avg", ...); NULL without an error where there is none. */
MT_API mt_tensor mt_optimizer_state(mt_optimizer optimizer, mt_tensor param, const char *name);
/* Which rows of `param` any optimizer's step may change: int64 row numbers or a bool mask; NULL allows all again. May be
 * chosen at any time before the step. Other rows stay bit-identical, and so does their part of the optimizer's state. */
MT_API mt_status mt_restrict_rows(mt_tensor param, mt_tensor rows);
/* The rows allowed now (ascending int64), NULL without an error when all are. */
MT_API mt_tensor mt_restricted_rows(mt_tensor param);
/* A sparse gradient over the allowed rows of its parameter, in their order, with the entries of all others in one row more. */
MT_API mt_tensor mt_over_restricted_rows(mt_tensor grad, mt_tensor param);
/* Scales all gradients so that their joint norm is at most max_norm; norm_type 2 is the Euclidean one, INFINITY the
 * largest. Returns the norm before scaling as a 0-dim tensor. */
MT_API mt_tensor mt_clip_grad_norm(const mt_tensor *params, int32_t n, double max_norm, double norm_type);
/* Limits every element of every gradient to -limit..limit. */
MT_API mt_status mt_clip_grad_value(const mt_tensor *params, int32_t n, double limit);

/* Updates over lists, for optimizers that keep their state themselves: entry i of each list belongs to parameter i.
 * A NULL entry of `buffers` is replaced by an owned new one. `steps` are 0-dim counts of the updates made before; they are
 * raised by one. */
MT_API mt_status mt_sgd_update(const mt_tensor *params, const mt_tensor *grads, mt_tensor *buffers, int32_t n,
                               const mt_sgd_options *options);
MT_API mt_status mt_adam_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *exp_avgs,
                                const mt_tensor *exp_avg_sqs, const mt_tensor *max_exp_avg_sqs, const mt_tensor *steps,
                                int32_t n, const mt_adam_options *options);
/* Of the options lr, the betas, eps and maximize. Gradients are sparse. */
MT_API mt_status mt_sparse_adam_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *exp_avgs,
                                       const mt_tensor *exp_avg_sqs, const mt_tensor *steps, int32_t n,
                                       const mt_adam_options *options);
MT_API mt_status mt_rmsprop_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *square_avgs,
                                   const mt_tensor *grad_avgs, const mt_tensor *buffers, const mt_tensor *steps, int32_t n,
                                   const mt_rmsprop_options *options);
MT_API mt_status mt_adagrad_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *sums,
                                   const mt_tensor *steps, int32_t n, const mt_adagrad_options *options);
MT_API mt_status mt_adadelta_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *square_avgs,
                                    const mt_tensor *acc_deltas, const mt_tensor *steps, int32_t n,
                                    const mt_adadelta_options *options);
/* Of the options lr, the betas, eps, weight_decay and maximize. */
MT_API mt_status mt_adamax_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *exp_avgs,
                                  const mt_tensor *exp_infs, const mt_tensor *steps, int32_t n,
                                  const mt_adam_options *options);
/* `mu_products` are 0-dim products of the momenta so far, from one. */
MT_API mt_status mt_nadam_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *exp_avgs,
                                 const mt_tensor *exp_avg_sqs, const mt_tensor *mu_products, const mt_tensor *steps,
                                 int32_t n, const mt_nadam_options *options);
/* Of the options all but amsgrad. */
MT_API mt_status mt_radam_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *exp_avgs,
                                 const mt_tensor *exp_avg_sqs, const mt_tensor *steps, int32_t n,
                                 const mt_adam_options *options);
MT_API mt_status mt_rprop_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *prevs,
                                 const mt_tensor *step_sizes, const mt_tensor *steps, int32_t n,
                                 const mt_rprop_options *options);
/* `axs` are the averages; `mus` and `etas`, 0-dim, their next share (from one) and the next rate (from lr). */
MT_API mt_status mt_asgd_update(const mt_tensor *params, const mt_tensor *grads, const mt_tensor *axs, const mt_tensor *mus,
                                const mt_tensor *etas, const mt_tensor *steps, int32_t n, const mt_asgd_options *options);
/* Forgets the gradients of all parameters. */
MT_API mt_status mt_clear_grads(const mt_tensor *params, int32_t n);

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

/* A layer, or a model made of layers: parameters and what is computed with them. Release with mt_module_release.
 *
 *     mt_module parts[] = { mt_nn_linear(4, 16, 1, MT_DTYPE_NONE), mt_nn_tanh(), mt_nn_linear(16, 3, 1, MT_DTYPE_NONE) };
 *     mt_module model = mt_nn_sequential(parts, 3);
 *     mt_tensor scores = mt_module_forward(model, x);
 *
 * Constructors draw first values from the default generator exactly as torch.nn does; they return NULL on failure.
 * A module keeps the modules it is made of: your handles to those may be released. Modules are not noted in scopes. */
typedef struct mt_module_s *mt_module;
/* Gives a module back. NULL is allowed. */
MT_API void mt_module_release(mt_module module);

/* Tensors under their names ("0.weight"), `count` of both; release with mt_named_tensors_release. */
typedef struct mt_named_tensors {
    char **names;
    mt_tensor *items;
    int64_t count;
} mt_named_tensors;
/* Releases the names, the tensors and the arrays. */
MT_API void mt_named_tensors_release(mt_named_tensors *list);

/* (..., in) to (..., out): x wT + b. Weight (out, in), bias (out), uniform within 1/sqrt(in) of zero. */
MT_API mt_module mt_nn_linear(int64_t in, int64_t out, int32_t bias, int32_t dtype);
/* int64 numbers below `count`, of any shape, to that shape followed by `dim`. Weight (count, dim), standard normal. Row
 * `padding_index` (MT_NONE: none) is zero and gets no gradient. With `sparse` the gradient is sparse. */
MT_API mt_module mt_nn_embedding(int64_t count, int64_t dim, int64_t padding_index, int32_t sparse, int32_t dtype);
/* Normalises over the last dimensions, whose sizes are `shape`; with `affine` a weight and a bias of that shape. */
MT_API mt_module mt_nn_layer_norm(const int64_t *shape, int32_t n, double eps, int32_t affine, int32_t dtype);
/* Normalises each channel of (N, C) or (N, C, L), or of (N, C, H, W): by the batch in training, else by running statistics,
 * which move by `momentum` (NaN: the plain average) in training unless `track` is 0. */
MT_API mt_module mt_nn_batch_norm1d(int64_t channels, double eps, double momentum, int32_t affine, int32_t track,
                                    int32_t dtype);
MT_API mt_module mt_nn_batch_norm2d(int64_t channels, double eps, double momentum, int32_t affine, int32_t track,
                                    int32_t dtype);
/* Zeros with probability p in training, the rest scaled by 1 / (1 - p). MT_ERROR_VALUE for p outside 0...1. */
MT_API mt_module mt_nn_dropout(double p);
/* Kernels over images (N, in, H, W). Each list holds (height, width); NULL means stride 1, padding 0, dilation 1. */
MT_API mt_module mt_nn_conv2d(int64_t in, int64_t out, const int64_t *kernel, const int64_t *stride, const int64_t *padding,
                              const int64_t *dilation, int64_t groups, int32_t bias, int32_t dtype);
/* The largest value, or the mean, of square windows of images; stride MT_NONE is the window's size. */
MT_API mt_module mt_nn_max_pool2d(int64_t kernel, int64_t stride, int64_t padding);
MT_API mt_module mt_nn_avg_pool2d(int64_t kernel, int64_t stride, int64_t padding);
/* Dimensions `start` to `end` as one; 1 and -1 keep the batch. */
MT_API mt_module mt_nn_flatten(int64_t start, int64_t end);
/* The identity, and activations element by element. */
MT_API mt_module mt_nn_identity(void);
MT_API mt_module mt_nn_relu(void);
MT_API mt_module mt_nn_leaky_relu(double slope);
MT_API mt_module mt_nn_elu(double alpha);
MT_API mt_module mt_nn_tanh(void);
MT_API mt_module mt_nn_sigmoid(void);
MT_API mt_module mt_nn_silu(void);
/* By the normal distribution function, or by its approximation with tanh. */
MT_API mt_module mt_nn_gelu(int32_t tanh_approximation);
/* Along one dimension. */
MT_API mt_module mt_nn_softmax(int64_t dim);
MT_API mt_module mt_nn_log_softmax(int64_t dim);
/* One module after the other; their tensors are named "0.weight", "0.bias", "2.weight", ... */
MT_API mt_module mt_nn_sequential(const mt_module *modules, int32_t n);
/* Attention of several heads; see mt_module_attend. mt_module_forward makes it self-attention.
 * MT_ERROR_ASSERTION where `heads` does not divide `embed_dim`. */
MT_API mt_module mt_nn_multihead_attention(int64_t embed_dim, int64_t heads, double dropout, int32_t bias,
                                           int32_t batch_first, int32_t dtype);
/* Options of an encoder layer; start from the _INIT macro, whose values are torch's defaults. */
typedef struct mt_transformer_options {
    uint32_t size;
    int64_t feed_forward;
    double dropout, eps;
    int32_t gelu, batch_first, norm_first, bias, dtype; /* gelu 0: ReLU */
} mt_transformer_options;
#define MT_TRANSFORMER_OPTIONS_INIT { sizeof(mt_transformer_options), 2048, 0.1, 1e-5, 0, 0, 0, 1, MT_DTYPE_NONE }
/* Self-attention and feed-forward with residuals, dropout and layer norm; (L, N, dim) to (L, N, dim). NULL: defaults. */
MT_API mt_module mt_nn_transformer_encoder_layer(int64_t dim, int64_t heads, const mt_transformer_options *options);
/* n copies of an encoder layer in a row, then `norm` unless that is NULL. The layer is not one of them. */
MT_API mt_module mt_nn_transformer_encoder(mt_module layer, int64_t n, mt_module norm);

/* What the module computes from `x`. */
MT_API mt_tensor mt_module_forward(mt_module module, mt_tensor x);
/* Multi-head attention of query (L, N, E) to key and value (S, N, E). Masks may be NULL; bool ones hide where true, float
 * ones are added to the scores: `key_padding` (N, S), `mask` (L, S) or (N heads, L, S), `is_causal` says that it is the causal
 * one. Unless `weights` is NULL it receives the attention (N, L, S), averaged over heads, owned by you. */
MT_API mt_tensor mt_module_attend(mt_module module, mt_tensor query, mt_tensor key, mt_tensor value, mt_tensor key_padding,
                                  mt_tensor mask, int32_t is_causal, mt_tensor *weights);
/* An encoder layer's or an encoder's result with masks as above. */
MT_API mt_tensor mt_module_encode(mt_module module, mt_tensor x, mt_tensor mask, mt_tensor key_padding, int32_t is_causal);
/* Handles to the learnt tensors, for optimizers; the same with their names; the other tensors of the state. */
MT_API mt_status mt_module_parameters(mt_module module, mt_tensor_list *out);
MT_API mt_status mt_module_named_parameters(mt_module module, mt_named_tensors *out);
MT_API mt_status mt_module_named_buffers(mt_module module, mt_named_tensors *out);
/* Training mode on or off, for the module and all inside it. */
MT_API mt_status mt_module_train(mt_module module, int32_t on);
/* 1 or 0; -1 and an error for a bad handle. */
MT_API int32_t mt_module_is_training(mt_module module);
/* Forgets the gradients of all parameters, or fills them with zeros. */
MT_API mt_status mt_module_zero_grad(mt_module module, int32_t set_to_none);
/* Converts floating-point parameters and buffers in place. */
MT_API mt_status mt_module_to(mt_module module, int32_t dtype);
/* Parameters and buffers under torch's names, detached, sharing the module's memory. */
MT_API mt_status mt_module_state_dict(mt_module module, mt_named_tensors *out);
/* Copies `n` tensors into those of the same names. MT_ERROR_RUNTIME where sizes differ and, if `strict`, for missing and
 * unexpected names; what fits is copied all the same. */
MT_API mt_status mt_module_load_state_dict(mt_module module, const char *const *names, const mt_tensor *tensors, int32_t n,
                                           int32_t strict);
/* The module as torch prints it; free with mt_string_free. */
MT_API char *mt_module_str(mt_module module);

/* First values for parameters, in place and unrecorded, drawn as torch.nn.init draws them. `a` is the negative slope of the
 * leaky ReLU that follows (0: ReLU); with `fan_out` the variance of gradients is kept instead of that of values.
 * MT_ERROR_VALUE below two dimensions. */
MT_API mt_status mt_kaiming_uniform_(mt_tensor self, double a, int32_t fan_out, mt_generator generator);
MT_API mt_status mt_kaiming_normal_(mt_tensor self, double a, int32_t fan_out, mt_generator generator);
MT_API mt_status mt_xavier_uniform_(mt_tensor self, double gain, mt_generator generator);
MT_API mt_status mt_xavier_normal_(mt_tensor self, double gain, mt_generator generator);

/* ---- Data -------------------------------------------------------------------------------------------------------- */

/* Numbered samples, each a list of tensors. Release with mt_dataset_release. */
typedef struct mt_dataset_s *mt_dataset;
/* Batches of a dataset. Release with mt_data_loader_release. */
typedef struct mt_data_loader_s *mt_data_loader;
/* Sample i is row i of each tensor. MT_ERROR_ASSERTION for tensors of unequal lengths. */
MT_API mt_dataset mt_tensor_dataset(const mt_tensor *tensors, int32_t n);
/* Some samples of another dataset, by number. */
MT_API mt_dataset mt_subset(mt_dataset dataset, const int64_t *indices, int64_t n);
/* Deals the samples out at random into n parts of the given lengths, written to `out`, owned by you. MT_ERROR_VALUE where
 * the lengths do not add up to the dataset's. */
MT_API mt_status mt_random_split(mt_dataset dataset, const int64_t *lengths, int32_t n, mt_generator generator,
                                 mt_dataset *out);
/* The number of samples; -1 and an error for a bad handle. */
MT_API int64_t mt_dataset_length(mt_dataset dataset);
/* One sample as a list. MT_ERROR_INDEX for a number outside the dataset. */
MT_API mt_status mt_dataset_sample(mt_dataset dataset, int64_t index, mt_tensor_list *out);
MT_API void mt_dataset_release(mt_dataset dataset);
/* Batches in order, or shuffled anew in every pass; with `drop_last` without a last one that is not full. Draws from
 * `generator`, NULL for the default one, as torch's DataLoader does. MT_ERROR_VALUE for a batch size below 1. */
MT_API mt_data_loader mt_data_loader_new(mt_dataset dataset, int64_t batch_size, int32_t shuffle, int32_t drop_last,
                                         mt_generator generator);
/* The number of batches in a pass; -1 and an error for a bad handle. */
MT_API int64_t mt_data_loader_length(mt_data_loader loader);
/* The next batch, samples stacked; at the end of a pass `batch->count` is 0, and the call after that begins another pass:
 *
 *     while (mt_data_loader_next(loader, &batch) == MT_OK && batch.count > 0) { ...; mt_tensor_list_release(&batch); } */
MT_API mt_status mt_data_loader_next(mt_data_loader loader, mt_tensor_list *batch);
/* Leaves the pass: the next batch is the first of another one. */
MT_API mt_status mt_data_loader_restart(mt_data_loader loader);
MT_API void mt_data_loader_release(mt_data_loader loader);

/* ---- Capture ----------------------------------------------------------------------------------------------------- */

/* A run of a computation recorded as the list of kernels that it launched, to be made again on new input values: forward
 * pass, gradients, optimizer step and random draws, without graph, shapes or allocation. Results are those of the calls
 * themselves, bit for bit.
 *
 *     mt_capture c = mt_capture_begin();
 *     mt_tensor px = mt_capture_input(c, x), py = mt_capture_input(c, y);
 *     mt_tensor loss = train(px, py);           // runs, and is recorded
 *     if (mt_capture_end(c, &loss, 1)) ...
 *     mt_capture_replay(c, (mt_tensor[]){x2, y2}, 2, &loss2);
 *
 * Parameters, gradients, optimizer state and other tensors from outside are read and written where they are, in place. The
 * memory of tensors made while recording belongs to the recording: replays write to it again. Reading an element into the
 * program, and operations whose result has a size that depends on values (nonzero, unique, ...), are MT_ERROR_CAPTURE
 * while recording. A recording must not be used from two threads at once. Release with mt_capture_release. */
typedef struct mt_capture_s *mt_capture;
/* Begins recording on the calling thread; MT_ERROR_RUNTIME where it records already. */
MT_API mt_capture mt_capture_begin(void);
/* While recording: a tensor, owned by you, that stands for input number 0, 1, ... in the order of the calls, with a copy of
 * the values given. A tensor that requires gradients stands for itself. */
MT_API mt_tensor mt_capture_input(mt_capture capture, mt_tensor tensor);
/* From 1 to 0 the thread works as if it did not record, to make what later runs only change: it is there when the first
 * replay begins. */
MT_API mt_status mt_capture_pause(mt_capture capture, int32_t on);
/* Ends recording. Replays return copies of `results`. On MT_ERROR_CAPTURE the run is done but there is no recording. */
MT_API mt_status mt_capture_end(mt_capture capture, const mt_tensor *results, int32_t n);
/* Ends recording after another failure; the capture can only be released. */
MT_API mt_status mt_capture_abandon(mt_capture capture);
/* 1 where the leaves that the run touches have gradients, or none, as when it was recorded; else 0: record anew. */
MT_API int32_t mt_capture_fits(mt_capture capture);
/* Makes the run again. `inputs` have the sizes and dtypes recorded (else MT_ERROR_VALUE); the results are written to
 * `out`, owned by you. MT_ERROR_CAPTURE where the recording does not fit (mt_capture_fits).
 * What a kernel finds wrong with its values (an index out of range, a singular matrix) ends the run and is its error. */
MT_API mt_status mt_capture_replay(mt_capture capture, const mt_tensor *inputs, int32_t n, mt_tensor *out);
/* One replay for each index of the inputs' common leading dimension, in one call; results are stacked likewise. */
MT_API mt_status mt_capture_replay_many(mt_capture capture, const mt_tensor *inputs, int32_t n, mt_tensor *out);
/* What a recording holds: launches (loops that run together count once), bytes of memory of its own, learning rates of
 * mt_sgd_update and its like, and tensors made in the run that are still held though they are no result. */
typedef struct mt_capture_info {
    uint32_t size;
    int32_t rates;
    int64_t launches, bytes;
    int32_t strays, reserved;
} mt_capture_info;
#define MT_CAPTURE_INFO_INIT {sizeof(mt_capture_info), 0, 0, 0, 0, 0}
MT_API mt_status mt_capture_get_info(mt_capture capture, mt_capture_info *info);
/* Changes the learning rate of the i-th update over a list that the run made. Optimizer objects' own rates are read anew
 * at each replay. */
MT_API mt_status mt_capture_set_rate(mt_capture capture, int32_t i, double lr);
/* A learning rate for an update that is made of operations, as a tensor (float64, no dimensions). While recording it is the
 * next of the rates that mt_capture_set_rate changes. */
MT_API mt_tensor mt_capture_rate(double lr);
/* The value of a tensor of one element. While recording, the next mt_sgd_update or its like takes it for its learning rate,
 * which replays read from the tensor. NaN on failure. */
MT_API double mt_capture_rate_from(mt_tensor lr);
/* While recording: whether the state that updates make at their first step (momentum buffers) is there for all replays (1, as
 * at the beginning) or each replay makes it again (0), as for an optimizer that is made in the run. */
MT_API void mt_capture_keep_state(int32_t keep);
/* An error of that code and text where the bool tensor holds a false. While recording: replays that meet one end with it. */
MT_API mt_status mt_require_all(mt_tensor condition, int32_t code, const char *message);
/* Whether the calling thread records, and how many rates its recording has so far. */
MT_API int32_t mt_capture_active(void);
MT_API int32_t mt_capture_rates(void);
MT_API void mt_capture_release(mt_capture capture);

/* ---- Python -------------------------------------------------------------------------------------------------- */

/* The Python module martlet._bridge, a new reference to a PyObject, made through CPython's stable ABI, which is looked
   for in the running process; NULL where there is none, or where the module was made before. The caller holds the GIL. */
MT_API void *mt_python_bridge(void);

#ifdef __cplusplus
}
#endif
#endif
