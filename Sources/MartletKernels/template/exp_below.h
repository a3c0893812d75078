/* exp_below.h: the exponential of vectors of numbers that are not positive, for softmax and the bell of gelu. */

/* e^x for x <= 0 in T's own arithmetic, within 1.1 ulp in float; NaN stays. */
static inline V F(exp_below)(V x) {
#if IS_FLOAT && VECTOR_BYTES == 64
    /* x = n ln 2 + r with n a multiple of 1/16, whose last four bits choose 2^(n - floor(n)). */
    const V roots = {0x1p+0f,        0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f,
                     0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
                     0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f};
    V c = F(larger)(SPLAT(-104.0f), x), t = FMA(c, SPLAT(0x1.715476p+0f), SPLAT(0x1.8p19f)), n = t - 0x1.8p19f;
    V r = FMA(n, SPLAT(0x1.05c610p-29f), FMA(-n, SPLAT(0x1.62e430p-1f), c)), q = FMA(r, SPLAT(0x1.555556p-3f), SPLAT(0.5f));
    V root = (V)_mm512_permutexvar_ps((__m512i)t, (__m512)roots);
    return (V)_mm512_scalef_ps((__m512)FMA(root, FMA(q, r * r, r), root), (__m512)n);
#elif IS_FLOAT
    V c = F(larger)(SPLAT(-104.0f), x), t = FMA(c, SPLAT(0x1.715476p+0f), SPLAT(0x1.8p23f)), n = t - 0x1.8p23f;
#if HAS_FMA
    V r = FMA(n, SPLAT(0x1.05c610p-29f), FMA(-n, SPLAT(0x1.62e430p-1f), c));
#else
    V r = c - n * 0x1.62e4p-1f - n * 0x1.7f7d1cp-20f;
#endif
    V q = FMA(SPLAT(0x1.6a2346p-10f), r, SPLAT(0x1.123a6cp-7f));
    q = FMA(q, r, SPLAT(0x1.5558f4p-5f));
    q = FMA(q, r, SPLAT(0x1.555490p-3f));
    q = FMA(q, r, SPLAT(0x1.fffffcp-2f));
    q = FMA(q, r * r, r);
    VI k = (VI)t - 0x4b400000, half = k >> 1;
    V first = (V)((half + 127) << 23), second = (V)((k - half + 127) << 23);
    return FMA(first, q, first) * second;
#else
    V c = F(larger)(SPLAT(-746.0), x), t = FMA(c, SPLAT(0x1.71547652b82fep+0), SPLAT(ROUNDER)), n = t - ROUNDER;
    V r = FMA(-n, SPLAT(0x1.62e42fee00000p-1), c);
    r = FMA(-n, SPLAT(0x1.a39ef35793c76p-33), r);
    V q = SPLAT(D(expm1_terms)[0]);
    _Pragma("clang loop unroll(full)")
    for (int i = 1; i < EXPM1_TERMS; i++) q = FMA(q, r, SPLAT(D(expm1_terms)[i]));
    q = FMA(q, r * r, r);
    VI k = (VI)t - (VI)SPLAT(ROUNDER), half = k / 2;
    V first = (V)((half + 1023) << 52), second = (V)((k - half + 1023) << 52);
    return FMA(first, q, first) * second;
#endif
}
