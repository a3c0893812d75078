/* rows.c: threads around softmax and layer norm; copies of rows. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { SOFTMAX, LOG_SOFTMAX, SOFTMAX_BACKWARD, LOG_SOFTMAX_BACKWARD, NORM, RMS };

#define DEFINE(T, S) \
typedef struct { int kind; const T *a, *b, *w, *bias; T *out, *mean, *rstd; double eps; int64_t cols; } job_##S; \
static void piece_##S(void *context, int64_t r, int64_t end) { \
    job_##S *j = context; \
    int64_t cols = j->cols, at = r * cols, n = end - r; \
    switch (j->kind) { \
    case SOFTMAX: mk_active->softmax_##S(j->a + at, j->out + at, n, cols); break; \
    case LOG_SOFTMAX: mk_active->log_softmax_##S(j->a + at, j->out + at, n, cols); break; \
    case SOFTMAX_BACKWARD: mk_active->softmax_backward_##S(j->a + at, j->b + at, j->out + at, n, cols); break; \
    case LOG_SOFTMAX_BACKWARD: mk_active->log_softmax_backward_##S(j->a + at, j->b + at, j->out + at, n, cols); break; \
    case RMS: mk_active->rms_norm_##S(j->a + at, j->w, j->eps, j->out + at, j->rstd + r, n, cols); break; \
    default: \
        mk_active->layer_norm_##S(j->a + at, j->w, j->bias, j->eps, j->out + at, j->mean ? j->mean + r : NULL, \
                                  j->rstd ? j->rstd + r : NULL, n, cols); \
    } \
} \
static void run_##S(job_##S j, int64_t rows) { \
    if (rows <= 0 || j.cols <= 0) return; \
    mk_parallel_for(rows, (MK_GRAIN / 2 + j.cols - 1) / j.cols, piece_##S, &j); \
} \
void mk_copy_rows_##S(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols) { \
    mk_active->copy_rows_##S(x, xr, y, yr, rows, cols); \
} \
void mk_accumulate_rows_##S(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols) { \
    mk_active->accumulate_rows_##S(x, xr, y, yr, rows, cols); \
} \
void mk_softmax_##S(const T *x, T *out, int64_t rows, int64_t cols) { \
    run_##S((job_##S){.kind = SOFTMAX, .a = x, .out = out, .cols = cols}, rows); \
} \
void mk_log_softmax_##S(const T *x, T *out, int64_t rows, int64_t cols) { \
    run_##S((job_##S){.kind = LOG_SOFTMAX, .a = x, .out = out, .cols = cols}, rows); \
} \
void mk_softmax_backward_##S(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols) { \
    run_##S((job_##S){.kind = SOFTMAX_BACKWARD, .a = grad, .b = out, .out = gin, .cols = cols}, rows); \
} \
void mk_log_softmax_backward_##S(const T *grad, const T *out, T *gin, int64_t rows, int64_t cols) { \
    run_##S((job_##S){.kind = LOG_SOFTMAX_BACKWARD, .a = grad, .b = out, .out = gin, .cols = cols}, rows); \
} \
void mk_layer_norm_##S(const T *x, const T *weight, const T *bias, double eps, T *out, T *mean, T *rstd, int64_t rows, \
                       int64_t cols) { \
    run_##S((job_##S){.kind = NORM, .a = x, .w = weight, .bias = bias, .eps = eps, .out = out, .mean = mean, \
                      .rstd = rstd, .cols = cols}, rows); \
} \
typedef struct { const T *x; const int64_t *labels; T *top, *shift, *scale, *out; int64_t cols; } entropy_##S; \
static void entropy_piece_##S(void *context, int64_t r, int64_t end) { \
    entropy_##S *j = context; \
    mk_active->cross_entropy_##S(j->x + r * j->cols, j->labels + r, j->top + r, j->shift + r, j->out + r, end - r, j->cols); \
} \
static void entropy_back_##S(void *context, int64_t r, int64_t end) { \
    entropy_##S *j = context; \
    mk_active->cross_entropy_backward_##S(j->x + r * j->cols, j->labels + r, j->top + r, j->shift + r, j->scale + r, \
                                          j->out + r * j->cols, end - r, j->cols); \
} \
void mk_cross_entropy_##S(const T *x, const int64_t *labels, T *top, T *shift, T *picked, int64_t rows, int64_t cols) { \
    entropy_##S j = {x, labels, top, shift, NULL, picked, cols}; \
    if (rows > 0 && cols > 0) mk_parallel_for(rows, (MK_GRAIN / 4 + cols - 1) / cols, entropy_piece_##S, &j); \
} \
void mk_cross_entropy_backward_##S(const T *x, const int64_t *labels, const T *top, const T *shift, const T *scale, T *out, \
                                   int64_t rows, int64_t cols) { \
    entropy_##S j = {x, labels, (T *)top, (T *)shift, (T *)scale, out, cols}; \
    if (rows > 0 && cols > 0) mk_parallel_for(rows, (MK_GRAIN / 4 + cols - 1) / cols, entropy_back_##S, &j); \
} \
void mk_rms_norm_##S(const T *x, const T *weight, double eps, T *out, T *rstd, int64_t rows, int64_t cols) { \
    run_##S((job_##S){.kind = RMS, .a = x, .w = weight, .eps = eps, .out = out, .rstd = rstd, .cols = cols}, rows); \
} \
typedef struct { const T *grad, *x, *mean, *rstd, *weight; T *dx, *dweight, *dbias; int64_t rows, cols; } backward_##S; \
static void input_##S(void *context, int64_t r, int64_t end) { \
    backward_##S *j = context; \
    int64_t at = r * j->cols; \
    mk_active->layer_norm_backward_##S(j->grad + at, j->x + at, j->mean ? j->mean + r : NULL, j->rstd + r, j->weight, j->dx + at, \
                                       end - r, j->cols); \
} \
static void parameters_##S(void *context, int64_t c, int64_t end) { \
    backward_##S *j = context; \
    mk_active->layer_norm_parameters_##S(j->grad + c, j->x + c, j->mean, j->rstd, j->dweight ? j->dweight + c : NULL, \
                                         j->dbias ? j->dbias + c : NULL, j->rows, end - c, j->cols); \
} \
void mk_layer_norm_backward_##S(const T *grad, const T *x, const T *mean, const T *rstd, const T *weight, T *dx, \
                                T *dweight, T *dbias, int64_t rows, int64_t cols) { \
    if (rows <= 0 || cols <= 0) return; \
    backward_##S j = {grad, x, mean, rstd, weight, dx, dweight, dbias, rows, cols}; \
    if (mk_get_num_threads() == 1) { \
        /* Some rows at a time, so that the second pass finds them in the cache; the order of additions is the same. */ \
        int64_t some = MK_GRAIN / 4 / cols > 0 ? MK_GRAIN / 4 / cols : 1; \
        while (j.rows = rows < some ? rows : some, rows > 0) { \
            if (dx) input_##S(&j, 0, j.rows); \
            if (dweight || dbias) parameters_##S(&j, 0, cols); \
            int64_t step = j.rows * cols; \
            j.grad += step, j.x += step, j.dx += dx ? step : 0, j.mean += j.mean ? j.rows : 0, j.rstd += j.rows, rows -= j.rows; \
        } \
        return; \
    } \
    if (dx) mk_parallel_for(rows, (MK_GRAIN / 4 + cols - 1) / cols, input_##S, &j); \
    if (dweight || dbias) { \
        int64_t grain = (MK_GRAIN / 2 + rows - 1) / rows; \
        mk_parallel_for(cols, grain < 64 ? 64 : grain, parameters_##S, &j); \
    } \
}

DEFINE(float, f32)
DEFINE(double, f64)
