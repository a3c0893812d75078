/* special.c: functions without a vector form, in double. */
#include "special.h"

#include <math.h>

/* Inverse of erf. A rational starting value (central region by a series in
 * x^2, tails by Winitzki's closed form) is polished by Halley steps on erf,
 * whose derivative is known, until the step no longer matters. Near |x| = 1
 * the residual is taken through erfc so as not to cancel. */
double mk_erfinv(double x) {
    if (isnan(x) || x < -1 || x > 1) return NAN;
    if (x == 1) return INFINITY;
    if (x == -1) return -INFINITY;
    if (x == 0) return x;
    double a = fabs(x), tail = 1 - a;
    double l = log1p(-a * a), c = 2 / (M_PI * 0.147) + l / 2;
    double y = sqrt(sqrt(c * c - l / 0.147) - c);
    for (int i = 0; i < 4; i++) {
        double residual = a < 0.5 ? erf(y) - a : tail - erfc(y);
        double step = residual / (2 / sqrt(M_PI) * exp(-y * y));
        double delta = step / (1 + y * step);
        y -= delta;
        if (fabs(delta) <= 1e-17 * y) break;
    }
    return copysign(y, x);
}

/* Logarithmic derivative of gamma: reflection for negative x, the recurrence
 * up to 10, then the asymptotic series in 1/x^2 (Bernoulli numbers). */
double mk_digamma(double x) {
    if (x == 0) return copysign(INFINITY, -x);
    if (isinf(x)) return x > 0 ? x : NAN;
    double result = 0;
    if (x < 0) {
        if (x == trunc(x)) return NAN;
        double whole, part = modf(x, &whole);
        result = -M_PI / tan(M_PI * part);
        x = 1 - x;
    }
    while (x < 10) {
        result -= 1 / x;
        x += 1;
    }
    if (x == 10) return result + 2.25175258906672110764;
    double z = 1 / (x * x);
    double series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))));
    return result + log(x) - 0.5 / x - series;
}

double mk_lgamma(double x) {
#if defined(__linux__)
    int sign;
    extern double lgamma_r(double, int *); /* does not write the global signgam */
    return lgamma_r(x, &sign);
#else
    return lgamma(x);
#endif
}
