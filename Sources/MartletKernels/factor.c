/* factor.c: the loops of mk_factor.h, from the table in use. */
#include "kernels.h"

int64_t mk_factor_rows_f32(float *a, int64_t ld, int64_t n, int64_t columns) {
    return mk_active->factor_rows_f32(a, ld, n, columns);
}

int64_t mk_factor_rows_f64(double *a, int64_t ld, int64_t n, int64_t columns) {
    return mk_active->factor_rows_f64(a, ld, n, columns);
}

void mk_reflect_left_f64(double tau, const double *v, int64_t m, double *c, int64_t ld, int64_t columns) {
    mk_active->reflect_left_f64(tau, v, m, c, ld, columns);
}

void mk_reflect_right_f64(double tau, const double *v, int64_t n, double *c, int64_t ld, int64_t rows) {
    mk_active->reflect_right_f64(tau, v, n, c, ld, rows);
}

void mk_rotate_rows_f64(double *z, int64_t ld, int64_t columns, int64_t turns, const int64_t *at, const double *c,
                        const double *s) {
    mk_active->rotate_rows_f64(z, ld, columns, turns, at, c, s);
}

void mk_symmetric_step_f64(double *a, int64_t ld, int64_t n, const double *v, const double *w, const double *x, double *y) {
    mk_active->symmetric_step_f64(a, ld, n, v, w, x, y);
}

void mk_rank_two_step_f64(double *a, int64_t ld, int64_t m, int64_t n, const double *u, const double *y, const double *x,
                          const double *v, const double *w, double *z) {
    mk_active->rank_two_step_f64(a, ld, m, n, u, y, x, v, w, z);
}
