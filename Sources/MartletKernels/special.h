/* special.h (internal): functions without a vector form, in double. */
#ifndef MK_SPECIAL_H
#define MK_SPECIAL_H
double mk_erfinv(double x);
double mk_digamma(double x);
double mk_lgamma(double x);
#endif
