/* mk_lapack.h: factorisations by the LAPACK of a loaded library (see mk_blas.h), of batches of matrices. */
#ifndef MK_LAPACK_H
#define MK_LAPACK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The functions of one library; once loaded they stay, whatever is loaded or unloaded later. */
typedef struct mk_lapack mk_lapack;

/* What is to be computed. */
enum mk_lapack_kind {
    MK_LAPACK_LU = 0,
    MK_LAPACK_CHOLESKY = 1,
    MK_LAPACK_SOLVE = 2,        /* triangular systems, and those with an LU factorisation */
    MK_LAPACK_SOLVE_ONE = 3,    /* the same with one right side */
    MK_LAPACK_QR = 4,
    MK_LAPACK_REFLECTIONS = 5,
    MK_LAPACK_SVD = 6,
    MK_LAPACK_SINGULAR_VALUES = 7,
    MK_LAPACK_EIGH = 8,
    MK_LAPACK_EIGENVALUES = 9,  /* of symmetric matrices */
    MK_LAPACK_LEAST_SQUARES = 10
};

/* The library in use, where it has what this takes and the m x n matrices are large enough for it to be the faster one;
 * else NULL. */
const mk_lapack *mk_lapack_for(int32_t kind, int32_t is_double, int64_t m, int64_t n);

/* Numbers of ours among LAPACK's: there was no memory to work in; a matrix is not finite, and LAPACK was not called. */
enum { MK_LAPACK_NO_MEMORY = -1000, MK_LAPACK_NOT_FINITE = -1001 };

/* The functions below take `count` dense row-major matrices one behind the other, spread them over the thread pool, and
 * write LAPACK's info for each: 0, or above 0 where a factorisation fails. */
#define MK_LAPACK_DECLARE(T, S) \
/* P A = L U in place, with 1-based row exchanges, min(m, n) a matrix. */ \
void mk_lapack_lu_##S(const mk_lapack *l, int64_t count, T *a, int64_t m, int64_t n, int32_t *pivots, int32_t *info); \
/* A = L L' in place from the lower triangle; the upper one becomes zero. */ \
void mk_lapack_cholesky_##S(const mk_lapack *l, int64_t count, T *a, int64_t n, int32_t *info); \
/* T X = B, or with `right` X T = B, the n x k (k x n) matrix X in place of B. `transposed`: the transpose of T is what \
   lies in memory. */ \
void mk_lapack_solve_##S(const mk_lapack *l, int64_t count, const T *t, int64_t n, T *b, int64_t k, int32_t right, \
                         int32_t upper, int32_t transposed, int32_t unit); \
/* A X = B by the factors and exchanges of mk_lapack_lu. */ \
void mk_lapack_lu_solve_##S(const mk_lapack *l, int64_t count, const T *lu, const int32_t *pivots, int64_t n, T *b, \
                            int64_t k); \
/* A = Q R: Q is m x columns, R columns x n. Without Q where that is NULL. */ \
void mk_lapack_qr_##S(const mk_lapack *l, int64_t count, const T *a, int64_t m, int64_t n, int64_t columns, T *q, T *r, \
                      int32_t *info); \
/* The first n columns of the product of k reflections, whose vectors stand below the diagonal of a (m x n). */ \
void mk_lapack_reflections_##S(const mk_lapack *l, int64_t count, const T *a, int64_t m, int64_t n, const T *tau, \
                               int64_t k, T *q, int32_t *info); \
/* A = U diag(s) Vh, square U and Vh with `full`, else with min(m, n) columns and rows. s alone where they are NULL. */ \
void mk_lapack_svd_##S(const mk_lapack *l, int64_t count, const T *a, int64_t m, int64_t n, int32_t full, T *u, T *s, \
                       T *vh, int32_t *info); \
/* A = V diag(d) V' from the lower (upper) triangle, d ascending; d alone where V is NULL. NaN for what is not finite. */ \
void mk_lapack_eigh_##S(const mk_lapack *l, int64_t count, const T *a, int64_t n, int32_t upper, T *d, T *v, \
                        int32_t *info); \
/* X (n x k) that minimises |A X - B| by gels, gelsy, gelsd or gelss (0 to 3). All but gels give the rank, the last two \
   the min(m, n) singular values; NULL for what is not wanted. gels fails where A has not full rank to rcond. */ \
void mk_lapack_least_squares_##S(const mk_lapack *l, int32_t driver, int64_t count, const T *a, int64_t m, int64_t n, \
                                 const T *b, int64_t k, T rcond, T *x, int64_t *rank, T *s, int32_t *info);
MK_LAPACK_DECLARE(float, f32)
MK_LAPACK_DECLARE(double, f64)
#undef MK_LAPACK_DECLARE

#ifdef __cplusplus
}
#endif
#endif
