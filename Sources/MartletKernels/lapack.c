/* lapack.c: factorisations by the LAPACK of a library that blas.c has loaded.
 *
 * LAPACK's matrices lie by columns. Those here are turned on the way in and out, which takes a thirtieth of the time of QR;
 * read as its transpose a matrix would get vectors of other signs than PyTorch's, which gives LAPACK the matrix itself.
 * Triangular systems need no turning: by columns, X' T' = B' is solved from the right.
 *
 * Integers go by address, and the low half of an int64_t comes first: whether the library reads 32 bits there or 64, it
 * finds the number, and a result below 2^31 stands in a zero that was there. Only lists are read by the width. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "blas.h"
#include "kernels.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an int64_t cannot stand for an int32_t at its address");

#define ROUTINES(X) \
    X(getrf) X(potrf) X(trsm) X(trsv) X(geqrf) X(orgqr) X(gesdd) X(gesvd) X(gebrd) X(bdsdc) X(ormbr) X(syevd) \
    X(gels) X(gelsy) X(gelsd) X(gelss)
#define NUMBER(name) at_##name,
enum { ROUTINES(NUMBER) ROUTINE_COUNT };
#define NAME(name) #name,
static const char *const names[] = {ROUTINES(NAME)};
_Static_assert((int)ROUTINE_COUNT == (int)MK_LAPACK_ROUTINES, "blas.h has room for these");

void mk_lapack_bind(mk_lapack *l, void *handle, const char *prefix, const char *suffix, int wide) {
    l->wide = wide;
    for (int type = 0; type < 2; type++)
        for (int i = 0; i < ROUTINE_COUNT; i++) {
            char text[64];
            snprintf(text, sizeof text, "%s%c%s_%s", prefix, "sd"[type], names[i], suffix);
            l->routines[type][i] = dlsym(handle, text);
        }
}

/* For each kind the shorter side from which a library (OpenBLAS 0.3 on AVX-512, one thread) was the faster one, f32 and
 * f64; what it takes; and how many squares of the shorter side it may ask to work in. */
#define BIT(name) (1 << at_##name)
static const struct { int32_t from[2], takes, squares; } kinds[] = {
    [MK_LAPACK_LU] = {{80, 72}, BIT(getrf), 0},
    [MK_LAPACK_CHOLESKY] = {{12, 12}, BIT(potrf), 0},
    [MK_LAPACK_SOLVE] = {{80, 40}, BIT(trsm), 0},
    [MK_LAPACK_SOLVE_ONE] = {{20, 20}, BIT(trsv), 0},
    [MK_LAPACK_QR] = {{28, 36}, BIT(geqrf) | BIT(orgqr), 0},
    [MK_LAPACK_REFLECTIONS] = {{1, 1}, BIT(orgqr), 0},
    [MK_LAPACK_SVD] =
        {{28, 32}, BIT(geqrf) | BIT(orgqr) | BIT(gesdd) | BIT(gesvd) | BIT(gebrd) | BIT(bdsdc) | BIT(ormbr), 8},
    [MK_LAPACK_SINGULAR_VALUES] = {{10, 10}, BIT(gesdd) | BIT(gesvd), 8},
    [MK_LAPACK_EIGH] = {{28, 36}, BIT(syevd), 8},
    [MK_LAPACK_EIGENVALUES] = {{8, 8}, BIT(syevd), 8},
    [MK_LAPACK_LEAST_SQUARES] = {{1, 1}, BIT(gels) | BIT(gelsy) | BIT(gelsd) | BIT(gelss), 8},
};

const mk_lapack *mk_lapack_for(int32_t kind, int32_t is_double, int64_t m, int64_t n) {
    const mk_lapack *l = mk_blas_lapack();
    int64_t least = m < n ? m : n;
    if (!l || least < kinds[kind].from[is_double]) return NULL;
    for (int i = 0; i < ROUTINE_COUNT; i++)
        if (kinds[kind].takes >> i & 1 && !l->routines[is_double][i]) return NULL;
    if (!l->wide && ((m | n) > INT32_MAX || kinds[kind].squares * least > INT32_MAX / least)) return NULL;
    return l;
}

/* Calls fn for each range of a batch; `work` is the multiply-adds of one matrix. */
static void spread(int64_t count, double work, void (*fn)(void *context, int64_t begin, int64_t end), void *context) {
    double grains = (double)count * work / (1 << 17);
    mk_parallel_heavy(count, 1, grains < INT32_MAX ? (int64_t)grains : INT32_MAX, fn, context);
}

typedef const char *letter;
typedef const int64_t *in;
typedef int64_t *out;

#define F(name) MK_CAT(name, S)
/* A function of the library with the type that is named after it. */
#define CALL(l, name) ((F(name) *)(l)->routines[sizeof(T) == 8][at_##name])

#define T float
#define S f32
#include "template/lapack.h"
#include "template/lapack_values.h"
#undef T
#undef S
#define T double
#define S f64
#include "template/lapack.h"
#include "template/lapack_values.h"
