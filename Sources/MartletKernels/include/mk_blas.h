/* mk_blas.h: a BLAS and LAPACK of the user's instead of the embedded kernels. */
#ifndef MK_BLAS_H
#define MK_BLAS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Loads a library by name (openblas, blis, mkl), soname or path and times it
 * against the embedded kernels; 0, or -1 with the reason in error. What was
 * loaded before stays in use when this fails. */
int32_t mk_blas_load(const char *what, char *error, size_t room);

/* Back to the embedded kernels. */
void mk_blas_unload(void);

/* The file of the library in use, "" for none; valid for ever. */
const char *mk_blas_name(void);

/* One class of products: what was measured on one thread, and the choice. */
typedef struct mk_blas_line {
    int32_t is_double, transposed_a, transposed_b, used;
    int64_t m, n, k;
    double embedded_seconds, blas_seconds;
} mk_blas_line;

/* The line of that number; 0 beyond the last, or with no library loaded. */
int32_t mk_blas_table(int32_t index, mk_blas_line *out);

#ifdef __cplusplus
}
#endif
#endif
