/* martlet_kernels.h: the hot loops of Martlet, on raw memory.
 *
 * Conventions, for every function below:
 *  - Strides and counts are in elements, never bytes. A stride may be 0 (a
 *    broadcast operand) or negative. Suffix _f32 is float, _f64 double.
 *  - An output may be the very same memory as an input with the same stride;
 *    other overlaps are not allowed.
 *  - Nothing here checks its arguments, reports errors or prints: the engine
 *    above has validated shapes and ranges.
 *  - Each elementary operation is rounded on its own; a fused multiply-add is
 *    used where the documentation says so and inside the functions that are
 *    documented by their accuracy, never silently.
 *  - Everything is safe to call from several threads on distinct data. Long
 *    elementwise loops, reductions and matrix products spread over the thread
 *    pool by themselves; the result never depends on the number of threads.
 */
#ifndef MARTLET_KERNELS_H
#define MARTLET_KERNELS_H

#include "mk_elementwise.h"
#include "mk_reduce.h"
#include "mk_matmul.h"
#include "mk_conv.h"
#include "mk_pool.h"
#include "mk_rows.h"
#include "mk_table_rows.h"
#include "mk_optim.h"
#include "mk_blas.h"
#include "mk_lapack.h"
#include "mk_factor.h"
#include "mk_runtime.h"
#if defined(__has_include)
#if __has_include("mk_random.h")
#include "mk_random.h"
#endif
#endif

#endif
