/* core.h: elementary functions of double, branch-free so that the compiler
 * vectorises the loops that call them. The float functions of math.h are these,
 * rounded once; being good to 40 bits and more they give the correctly rounded
 * float nearly always. Polynomials interpolate at Chebyshev nodes. */
#define D(name) MK_CAT(name, ISA)

static inline int64_t D(to_bits)(double x) { int64_t u; memcpy(&u, &x, 8); return u; }
static inline double D(of_bits)(int64_t u) { double x; memcpy(&x, &u, 8); return x; }

/* Adding it rounds a double to an integer, which then stands in its low bits. */
#define ROUNDER 0x1.8p52

/* (e^r - 1) / r for |r| <= ln(2)/2, to 2^-43. */
static inline double D(expm1_over)(double r) {
    double q = 0x1.72c72ca338df0p-19;
    q = FMA(q, r, 0x1.a15a600528a0fp-16);
    q = FMA(q, r, 0x1.a019ada3609f3p-13);
    q = FMA(q, r, 0x1.6c164de86dafdp-10);
    q = FMA(q, r, 0x1.1111111c478ebp-7);
    q = FMA(q, r, 0x1.555555742d965p-5);
    q = FMA(q, r, 0x1.5555555553b78p-3);
    q = FMA(q, r, 0x1.fffffffff71b2p-2);
    return FMA(q, r, 1.0);
}

/* e^r - 1 for |r| <= ln(2)/2, to about 0.6 ulp: r itself and the polynomial of the rest. */
static const double D(expm1_terms)[] = {
    0x1.1f7f2776cfaf2p-29, 0x1.af632a0f7e2cep-26, 0x1.27e4d41966f2fp-22, 0x1.71ddf56d8deb5p-19,
    0x1.a01a01a9e991bp-16, 0x1.a01a01b1461c5p-13, 0x1.6c16c16c15a68p-10, 0x1.111111110f21ep-7,
    0x1.5555555555557p-5,  0x1.555555555555ap-3,  0.5,
};
#define EXPM1_TERMS 11
static inline double D(expm1_fine)(double r) {
    double q = D(expm1_terms)[0];
    _Pragma("clang loop unroll(full)")
    for (int i = 1; i < EXPM1_TERMS; i++) q = FMA(q, r, D(expm1_terms)[i]);
    return FMA(q, r * r, r);
}

/* x = n ln 2 + r with |r| <= ln(2)/2; gives r, and 2^n through *scale. */
static inline double D(reduce)(double x, double *scale) {
    double t = FMA(x, 0x1.71547652b82fep+0, ROUNDER), n = t - ROUNDER;
    *scale = D(of_bits)((int64_t)(((uint64_t)D(to_bits)(t) << 52) + 0x3ff0000000000000u));
    double r = FMA(-n, 0x1.62e42fee00000p-1, x);
    return FMA(-n, 0x1.a39ef35793c76p-33, r);
}

/* For |x| < 700. */
static inline double D(exp)(double x) {
    double s, r = D(reduce)(x, &s);
    return FMA(s, r * D(expm1_over)(r), s);
}

static inline double D(expm1)(double x) {
    double s, r = D(reduce)(x, &s);
    return FMA(s, r * D(expm1_over)(r), s - 1);
}

/* For |x| < 1000. */
static inline double D(exp2)(double x) {
    double t = x + ROUNDER, r = (x - (t - ROUNDER)) * 0x1.62e42fefa39efp-1;
    double s = D(of_bits)((int64_t)(((uint64_t)D(to_bits)(t) << 52) + 0x3ff0000000000000u));
    return FMA(s, r * D(expm1_over)(r), s);
}

/* For all x, within 1 ulp. Results out of the normal range are scaled in two steps. */
static inline double D(exp_fine)(double x) {
    double c = x > 710 ? 710 : x < -746 ? -746 : x, shift = c > 690 ? 200 : c < -690 ? -200 : 0;
    double last = c > 690 ? 0x1p200 : c < -690 ? 0x1p-200 : 1;
    double t = FMA(c, 0x1.71547652b82fep+0, ROUNDER), n = t - ROUNDER;
    double s = D(of_bits)((int64_t)(((uint64_t)D(to_bits)(t - shift) << 52) + 0x3ff0000000000000u));
    double r = FMA(-n, 0x1.62e42fee00000p-1, c);
    r = FMA(-n, 0x1.a39ef35793c76p-33, r);
    return FMA(s, D(expm1_fine)(r), s) * last;
}

/* x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), x positive and normal. */
static inline double D(split)(double x, double *k) {
    uint64_t u = (uint64_t)D(to_bits)(x);
    uint64_t biased = u - 0x3fe6a09e667f3bcdu + ((uint64_t)1024 << 52);
    *k = D(of_bits)((int64_t)((biased >> 52) | 0x4330000000000000u)) - (0x1p52 + 1024);
    return D(of_bits)((int64_t)(u - (biased & 0xfff0000000000000u) + ((uint64_t)1024 << 52))) - 1;
}

/* ln(1 + f) by 2 atanh(s), s = f / (2 + f), to 2^-45. */
static inline double D(log_near_1)(double f) {
    double s = f / (2 + f), z = s * s;
    double q = 0x1.919abd57b321ap-4;
    q = FMA(q, z, 0x1.c6206967897bep-4);
    q = FMA(q, z, 0x1.249439a497a18p-3);
    q = FMA(q, z, 0x1.9999962870e32p-3);
    q = FMA(q, z, 0x1.5555555672baap-2);
    q = FMA(q, z, 1.0);
    return 2 * s * q;
}

/* What a logarithm is outside the positive numbers, else r. */
static inline double D(log_domain)(double x, double r) {
    r = x == (double)INFINITY ? x : r;
    r = x == 0 ? -(double)INFINITY : r;
    return x >= 0 ? r : (double)NAN;
}

/* For normal x. */
static inline double D(log)(double x) {
    double k, f = D(split)(x, &k);
    return D(log_domain)(x, FMA(k, 0x1.62e42fefa39efp-1, D(log_near_1)(f)));
}

static inline double D(log2)(double x) {
    double k, f = D(split)(x, &k);
    return D(log_domain)(x, FMA(D(log_near_1)(f), 0x1.71547652b82fep+0, k));
}

/* ln(1 + x); what the addition rounds away is added to the result. */
static inline double D(log1p)(double x) {
    double u = 1 + x, lost = x - (u - 1);
    return D(log)(u) + (x > -0.5 && x < 0.5 ? lost : 0);
}

/* For all x, within 1 ulp. */
static inline double D(log_fine)(double x) {
    int tiny = x < 0x1p-1022;
    double k, f = D(split)(tiny ? x * 0x1p54 : x, &k), half = 0.5 * f * f, s = f / (2 + f), z = s * s;
    k = tiny ? k - 54 : k;
    double q = 0x1.0c0aff044a970p-3;
    q = FMA(q, z, 0x1.0fbde0f4ad17bp-3);
    q = FMA(q, z, 0x1.3b1c3c1c81c8fp-3);
    q = FMA(q, z, 0x1.745cf8e4bba1bp-3);
    q = FMA(q, z, 0x1.c71c7201a55d7p-3);
    q = FMA(q, z, 0x1.2492492476a1ap-2);
    q = FMA(q, z, 0x1.9999999999a39p-2);
    q = FMA(q, z, 0x1.5555555555555p-1);
    double low = FMA(s, FMA(z, q, half), k * 0x1.a39ef35793c76p-33);
    return D(log_domain)(x, FMA(k, 0x1.62e42fee00000p-1, f - (half - low)));
}

/* Sine and cosine for |x| < 8e5: x less a multiple of pi/2, subtracted in
 * three parts of which the first products are exact; then two polynomials. */
static inline double D(sin_shifted)(double x, int64_t quarter) {
    double t = FMA(x, 0x1.45f306dc9c883p-1, ROUNDER), n = t - ROUNDER;
    int64_t turn = D(to_bits)(t) + quarter;
    double r = FMA(-n, 0x1.921fb54400000p+0, x);
    r = FMA(-n, 0x1.0b4611a600000p-34, r);
    r = FMA(-n, 0x1.3198a2e037073p-69, r);
    double z = r * r;
    double s = -0x1.a94de9088c46dp-26;
    s = FMA(s, z, 0x1.71d72a4b779d6p-19);
    s = FMA(s, z, -0x1.a019f89438a1fp-13);
    s = FMA(s, z, 0x1.1111110bd3b54p-7);
    s = FMA(s, z, -0x1.5555555550e49p-3);
    s = FMA(s * z, r, r);
    double c = 0x1.1b893bd61e9c0p-29;
    c = FMA(c, z, -0x1.27df3a2ecce24p-22);
    c = FMA(c, z, 0x1.a019f7eebbb5ep-16);
    c = FMA(c, z, -0x1.6c16c163b498ep-10);
    c = FMA(c, z, 0x1.555555554e6d2p-5);
    c = FMA(c, z, -0x1.fffffffffff77p-2);
    c = FMA(c, z, 1.0);
    double v = turn & 1 ? c : s;
    return turn & 2 ? -v : v;
}

/* erf to 2^-42: x times a rational function of x^2, for |x| <= 4. */
static inline double D(erf)(double x) {
    double z = x * x;
    double p = -0x1.9507ce33dd0e0p-35;
    p = FMA(p, z, 0x1.de38d4a5cdee1p-32);
    p = FMA(p, z, 0x1.e2a90a33e4c14p-21);
    p = FMA(p, z, 0x1.34202927325cdp-16);
    p = FMA(p, z, 0x1.04d11573da2dfp-11);
    p = FMA(p, z, 0x1.17d86ff980e39p-8);
    p = FMA(p, z, 0x1.ccd91a235ddb0p-5);
    p = FMA(p, z, 0x1.769fb49b2eb4cp-3);
    p = FMA(p, z, 0x1.20dd750429eeap+0);
    double q = -0x1.9ee4be4762b83p-31;
    q = FMA(q, z, 0x1.941b8f5c9059ap-24);
    q = FMA(q, z, 0x1.24ddfae445bf4p-18);
    q = FMA(q, z, 0x1.aef17e2faacdap-14);
    q = FMA(q, z, 0x1.9b2ad041c4a95p-10);
    q = FMA(q, z, 0x1.0c6f00f042b80p-6);
    q = FMA(q, z, 0x1.d70db79eaabf6p-4);
    q = FMA(q, z, 0x1.fb558e6df897dp-2);
    q = FMA(q, z, 1.0);
    return x * p / q;
}

/* The angle of the point (x, y), both at least 0 and not NaN: the quotient of
 * the smaller by the larger, and a rational function of its square (2^-48). */
static inline double D(angle)(double y, double x) {
    int steep = y > x;
    double low = steep ? x : y, high = steep ? y : x;
    double t = high == 0 ? 0 : low == high ? 1 : low / high, z = t * t;
    double p = 0x1.947bc8d104837p-12;
    p = FMA(p, z, 0x1.04694ef718fe4p-5);
    p = FMA(p, z, 0x1.7d35d34d6d0d6p-2);
    p = FMA(p, z, 0x1.67f5e3d994508p+0);
    p = FMA(p, z, 0x1.05f285aecaa0fp+1);
    p = FMA(p, z, 1.0);
    double q = 0x1.b9203da548a76p-9;
    q = FMA(q, z, 0x1.8927c2166d221p-4);
    q = FMA(q, z, 0x1.6947f73927babp-1);
    q = FMA(q, z, 0x1.ffd626379f0aep+0);
    q = FMA(q, z, 0x1.309d305974aa2p+1);
    q = FMA(q, z, 1.0);
    double r = t * p / q;
    return steep ? 0x1.921fb54442d18p+0 - r : r;
}
