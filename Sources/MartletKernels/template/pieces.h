/* pieces.h: functions of 16 floats by pieces of their domain, of which there are 32, whose constants are looked up in
 * registers.
 *
 * tanh and erf, within 0.65 ulp, are polynomials of degree 6 on pieces of the positive axis. The pieces are quarters of
 * a power of two; all below 1/8 are one. A polynomial is in x - b, where b lies near the middle of its piece and has a
 * result that is nearly a float (after Gal, 1986), so that the sum is rounded once. Rows: b, the result there, the
 * coefficients 1 to 6; those of the first piece are of f(x) - x. A piece stands at the five low bits of the exponent and
 * two more bits of its numbers. Coefficients are least squares at Chebyshev nodes of the relative error, rounded one
 * after the other: 2^-30. */
static const float MK_CAT(tanh_pieces, ISA)[8][32] = {
    {0x1.1ffe8p+1f, 0x1.5ffe74p+1f, 0x1.a0006ep+1f, 0x1.e001ecp+1f, 0x1.2000dcp+2f, 0x1.6005f2p+2f, 0x1.9fef28p+2f,
     0x1.e0d5c4p+2f, 0x1.154246p+3f, 0, 0, 0, 0, 0, 0, 0, 0x1.2000dep-3f, 0x1.5fff58p-3f, 0x1.9fff9ap-3f, 0x1.dfff3p-3f,
     0x1.1ffe3ap-2f, 0x1.600068p-2f, 0x1.9fff82p-2f, 0x1.e000eap-2f, 0x1.2000dcp-1f, 0x1.5ffe5ap-1f, 0x1.a00154p-1f,
     0x1.e0029ap-1f, 0x1.1ffeb6p+0f, 0x1.5ffd8p+0f, 0x1.9fff1p+0f, 0x1.e00076p+0f},
    {0x1.f4bf94p-1f, 0x1.fbd4fp-1f, 0x1.fe767cp-1f, 0x1.ff6f1cp-1f, 0x1.ffdfa8p-1f, 0x1.fffbap-1f, 0x1.ffff68p-1f,
     0x1.ffffecp-1f, 0x1.fffffep-1f, 0, 0, 0, 0, 0, 0, 0, 0x1.1e1eaap-3f, 0x1.5c9264p-3f, 0x1.9a5ebap-3f, 0x1.d76598p-3f,
     0x1.18a1f6p-2f, 0x1.52c322p-2f, 0x1.8a8776p-2f, 0x1.bfaf28p-2f, 0x1.050912p-1f, 0x1.3156dp-1f, 0x1.5789bap-1f,
     0x1.77d96cp-1f, 0x1.9e5bd2p-1f, 0x1.c27784p-1f, 0x1.d9c6b6p-1f, 0x1.e878b4p-1f},
    {0x1.6418b2p-5f, 0x1.09ae08p-6f, 0x1.88ecccp-8f, 0x1.219f04p-9f, 0x1.02b94ap-11f, 0x1.18006cp-14f, 0x1.30018ep-17f,
     0x1.4001c8p-20f, 0x1.fffce2p-24f, 0, 0, 0, 0, 0, 0, 0x1.a90c3p-34f, 0x1.f601bcp-1f, 0x1.f12b0ep-1f, 0x1.eb7164p-1f,
     0x1.e4dfc8p-1f, 0x1.d98baap-1f, 0x1.c7f704p-1f, 0x1.b3ff58p-1f, 0x1.9e235cp-1f, 0x1.7aea4p-1f, 0x1.49e804p-1f,
     0x1.197ed2p-1f, 0x1.d8314cp-2f, 0x1.6152e4p-2f, 0x1.ceaf38p-3f, 0x1.266032p-3f, 0x1.6fce64p-4f},
    {-0x1.5c4562p-5f, -0x1.07845cp-6f, -0x1.87bea6p-8f, -0x1.214cbap-9f, -0x1.02a846p-11f, -0x1.17fd7cp-14f,
     -0x1.300022p-17f, -0x1.4001d6p-20f, -0x1.0009b8p-23f, 0, 0, 0, 0, 0, 0, -0x1.dec0cep-25f, -0x1.1888b4p-3f,
     -0x1.52792p-3f, -0x1.89e4cp-3f, -0x1.be6caap-3f, -0x1.038e2ap-2f, -0x1.2dafep-2f, -0x1.4ff6eep-2f, -0x1.6a1d9p-2f,
     -0x1.825e4p-2f, -0x1.897d46p-2f, -0x1.79c06ap-2f, -0x1.5aa09ap-2f, -0x1.1df16p-2f, -0x1.971408p-3f, -0x1.10661ep-3f,
     -0x1.5ee76ep-4f},
    {0x1.bbd818p-6f, 0x1.599c42p-7f, 0x1.0394b8p-8f, 0x1.80dbb2p-10f, 0x1.58571cp-12f, 0x1.74e464p-15f, 0x1.94e536p-18f,
     0x1.aa3602p-21f, 0x1.55afap-24f, 0, 0, 0, 0, 0, 0, -0x1.5553f8p-2f, -0x1.3b2b3ep-2f, -0x1.2ee2d6p-2f,
     -0x1.2059c4p-2f, -0x1.0fd798p-2f, -0x1.e924dp-3f, -0x1.9834ep-3f, -0x1.426b84p-3f, -0x1.d763bp-4f, -0x1.bce9ccp-5f,
     0x1.d6cc36p-7f, 0x1.074354p-4f, 0x1.84442ap-4f, 0x1.c68c8p-4f, 0x1.97db86p-4f, 0x1.33e10ep-4f, 0x1.a859a4p-5f},
    {-0x1.93d04p-7f, -0x1.4e3d5p-8f, -0x1.007e42p-9f, -0x1.7f5264p-11f, -0x1.581cap-13f, -0x1.74ef5p-16f,
     -0x1.951144p-19f, -0x1.aa088ep-22f, -0x1.51d926p-25f, 0, 0, 0, 0, 0, 0, -0x1.75ded8p-13f, 0x1.5414a8p-4f,
     0x1.992e92p-4f, 0x1.ecbd9p-4f, 0x1.25146cp-3f, 0x1.32df34p-3f, 0x1.50f362p-3f, 0x1.5d8e86p-3f, 0x1.58735ap-3f,
     0x1.3a510ep-3f, 0x1.e94b7ep-4f, 0x1.478036p-4f, 0x1.620426p-5f, 0x1.abc044p-9f, -0x1.5db2fep-6f, -0x1.9d2c1p-6f,
     -0x1.55d1d4p-6f},
    {0x1.049798p-8f, 0x1.f6185ap-10f, 0x1.93e1eep-11f, 0x1.32d184p-12f, 0x1.1e75b4p-14f, 0x1.372832p-17f, 0x1.51fc2ep-20f,
     0x1.63c7acp-23f, 0x1.0bc128p-26f, 0, 0, 0, 0, 0, 0, 0x1.16bb72p-3f, 0x1.861538p-2f, 0x1.9abcfcp-1f, 0x1.3de002p-1f,
     -0x1.a6478ap-8f, 0x1.078c1ep-4f, -0x1.16950ep-6f, -0x1.05209cp-8f, 0x1.07a2ap-5f, -0x1.763c64p-5f, -0x1.e5136p-5f,
     -0x1.0e5dc2p-4f, -0x1.c3b81ep-5f, -0x1.06359cp-5f, -0x1.37eb2ap-7f, 0x1.68d80ap-10f, 0x1.2f4b1cp-8f},
    {-0x1.7aefeap-11f, -0x1.1faa0ap-11f, -0x1.f98f2p-13f, -0x1.855526p-14f, -0x1.7a017ap-16f, -0x1.9caffap-19f,
     -0x1.beafcep-22f, -0x1.e0cc28p-25f, -0x1.02b5aap-27f, 0, 0, 0, 0, 0, 0, -0x1.456afcp-6f, 0x1.ba1d9p+3f,
     0x1.cc082p+3f, 0x1.625442p+0f, -0x1.60f806p+4f, -0x1.182eep-8f, -0x1.5a5f0ep-2f, -0x1.d65caep-2f, -0x1.07e078p-5f,
     -0x1.4646f8p-5f, -0x1.454696p-9f, -0x1.2540e8p-7f, 0x1.758d14p-6f, 0x1.332ec6p-6f, 0x1.5f7b84p-7f, 0x1.0e2e5ap-8f,
     0x1.41394cp-11f},
};

static const float MK_CAT(erf_pieces, ISA)[8][32] = {
    {0x1.2000a2p+1f, 0x1.600084p+1f, 0x1.a00ca4p+1f, 0x1.df38dp+1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1.200082p-3f,
     0x1.5fff78p-3f, 0x1.a00084p-3f, 0x1.e001e2p-3f, 0x1.2000dap-2f, 0x1.5fff8cp-2f, 0x1.a0028ap-2f, 0x1.dfff9cp-2f,
     0x1.1fff7cp-1f, 0x1.5ffedp-1f, 0x1.a0004cp-1f, 0x1.dfff44p-1f, 0x1.2000c2p+0f, 0x1.5fff2cp+0f, 0x1.9ffee4p+0f,
     0x1.dffec8p+0f},
    {0x1.ff404cp-1f, 0x1.fff2dp-1f, 0x1.ffff7p-1f, 0x1.fffffcp-1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1.42d88cp-3f,
     0x1.894f7cp-3f, 0x1.cf07fcp-3f, 0x1.09efd8p-2f, 0x1.3c9b8cp-2f, 0x1.7e152p-2f, 0x1.bcd25ap-2f, 0x1.f86f5p-2f,
     0x1.25b83cp-1f, 0x1.56916ep-1f, 0x1.7fb9ecp-1f, 0x1.a154c2p-1f, 0x1.c6db4ep-1f, 0x1.e57644p-1f, 0x1.f4f666p-1f,
     0x1.fbe60ap-1f},
    {0x1.d4097ep-8f, 0x1.335c46p-11f, 0x1.e88fc6p-16f, 0x1.ef56ccp-21f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1.06eba8p-3f,
     0x1.1b356cp+0f, 0x1.1874e4p+0f, 0x1.153062p+0f, 0x1.116cbap+0f, 0x1.0ae53p+0f, 0x1.00abe4p+0f, 0x1.e9d4acp-1f,
     0x1.cfc448p-1f, 0x1.a507c8p-1f, 0x1.682118p-1f, 0x1.2a8d86p-1f, 0x1.dfcb72p-2f, 0x1.45e77p-2f, 0x1.5ce8bp-3f,
     0x1.49a1ecp-4f, 0x1.12d39ap-5f},
    {-0x1.0745d8p-6f, -0x1.a69d1ap-10f, -0x1.8cf528p-14f, -0x1.cfdb58p-19f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
     0x1.20f5b2p-23f, -0x1.3e9c7cp-3f, -0x1.81a064p-3f, -0x1.c26f52p-3f, -0x1.005742p-2f, -0x1.2c42cp-2f, -0x1.60ebdcp-2f,
     -0x1.8dff38p-2f, -0x1.b2c7b4p-2f, -0x1.d9a7f2p-2f, -0x1.ef2bep-2f, -0x1.e52658p-2f, -0x1.c1ce02p-2f, -0x1.6ea556p-2f,
     -0x1.dfbed6p-3f, -0x1.0bd2d2p-3f, -0x1.01a5b4p-4f},
    {0x1.63f36ap-6f, 0x1.697f34p-9f, 0x1.987ab8p-13f, 0x1.162e06p-17f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0x1.81287ep-2f,
     -0x1.6a83f8p-2f, -0x1.5faf0ap-2f, -0x1.53d17ap-2f, -0x1.43da32p-2f, -0x1.2b9fe2p-2f, -0x1.058136p-2f,
     -0x1.b577f8p-3f, -0x1.5a7c04p-3f, -0x1.9c3ea6p-4f, -0x1.a41adep-7f, 0x1.fe357cp-5f, 0x1.e4be28p-4f, 0x1.4cb3fep-3f,
     0x1.437604p-3f, 0x1.d66776p-4f, 0x1.1441aap-4f},
    {-0x1.38b9bap-6f, -0x1.aaf0acp-9f, -0x1.2b739cp-12f, -0x1.dca792p-17f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
     0x1.650c98p-15f, 0x1.325932p-4f, 0x1.8c96fap-4f, 0x1.b4b6e2p-4f, 0x1.0f8ea4p-3f, 0x1.1c8cd6p-3f, 0x1.440008p-3f,
     0x1.6230ccp-3f, 0x1.73f086p-3f, 0x1.75e9b6p-3f, 0x1.534fcp-3f, 0x1.0fb85ap-3f, 0x1.743b52p-4f, 0x1.ca4c96p-6f,
     -0x1.f39c38p-6f, -0x1.975958p-5f, -0x1.5a3a88p-5f},
    {0x1.5ab55cp-7f, 0x1.725dd2p-9f, 0x1.5c1c1p-12f, 0x1.52e686p-16f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1.cf8f6ep-4f,
     -0x1.6efad6p-2f, -0x1.80faeep-2f, 0x1.171666p+1f, -0x1.cda14cp+0f, 0x1.e1ec58p-4f, 0x1.50c702p-3f, 0x1.1bf2c4p-6f,
     -0x1.003a46p-5f, -0x1.85e7ecp-7f, -0x1.5fc5eep-5f, -0x1.0c36eap-4f, -0x1.162bcap-4f, -0x1.f49e6ap-5f,
     -0x1.f665acp-6f, -0x1.2adaf6p-9f, 0x1.72f62ep-7f},
    {-0x1.6c4bb6p-9f, -0x1.b5ae9p-10f, -0x1.1e91cp-12f, -0x1.9b03d2p-16f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
     -0x1.c42d5cp-8f, 0x1.a7699p+1f, -0x1.75ea6ep+3f, 0x1.3290dap+2f, -0x1.f6ad9ep+4f, -0x1.289af2p-6f, 0x1.8ce888p-2f,
     -0x1.0d4f56p-4f, -0x1.51aebp-2f, -0x1.e50dap-5f, -0x1.7fccbp-5f, -0x1.a9e2ecp-6f, 0x1.ecddc2p-8f, 0x1.f625f6p-7f,
     0x1.66d02cp-6f, 0x1.dfdd94p-7f, 0x1.16df28p-8f},
};

/* f(x) for x below `end`, from where on it is 1. */
static inline __attribute__((always_inline)) __m512 MK_CAT(odd_pieces, ISA)(__m512 x, const float (*rows)[32], float end) {
#define LOOK_UP(row) _mm512_permutex2var_ps(_mm512_loadu_ps(rows[row]), at, _mm512_loadu_ps(rows[row] + 16))
    __m512 a = _mm512_min_ps(_mm512_set1_ps(end), _mm512_abs_ps(x)); /* NaN stays */
    __m512i at = _mm512_max_epi32(_mm512_srli_epi32((__m512i)a, 21), _mm512_set1_epi32(495));
    __m512 y = a - LOOK_UP(0), q = LOOK_UP(7);
    _Pragma("clang loop unroll(full)")
    for (int i = 6; i >= 2; i--) q = _mm512_fmadd_ps(q, y, LOOK_UP(i));
    __m512 base = _mm512_mask_mov_ps(LOOK_UP(1), _mm512_cmp_ps_mask(a, _mm512_set1_ps(0.125f), _CMP_LT_OQ), a);
    __m512 r = _mm512_fmadd_ps(q, y, base);
    /* r | x & sign */
    return (__m512)_mm512_ternarylogic_epi32((__m512i)r, (__m512i)x, _mm512_set1_epi32((int)0x80000000), 0xf8);
#undef LOOK_UP
}

static inline __m512 MK_CAT(tanh_16, ISA)(__m512 x) { return MK_CAT(odd_pieces, ISA)(x, MK_CAT(tanh_pieces, ISA), 9.02f); }
static inline __m512 MK_CAT(erf_16, ISA)(__m512 x) { return MK_CAT(odd_pieces, ISA)(x, MK_CAT(erf_pieces, ISA), 3.93f); }

/* log within 1.01 ulp: x = 2^k m with m between 3/4 and 3/2, which has pieces of 1/64 below 1 and of 1/32 above. A piece
 * has a reciprocal c near that of its middle, such that -log(c) is nearly a multiple of 2^-20: with that multiple and
 * m c - 1, then, log(x) = (k log(2) + multiple) + log1p(m c - 1), whose first sum, less the low part of log(2), is exact
 * below 16. */
static const float MK_CAT(log_pieces, ISA)[2][32] = {
    {1, 0x1.e7290ep-1f, 0x1.db9dep-1f, 0x1.cf4968p-1f, 0x1.c1e82cp-1f, 0x1.b59da2p-1f, 0x1.a84052p-1f, 0x1.9d8224p-1f,
     0x1.937edcp-1f, 0x1.8bd2p-1f, 0x1.81ccc8p-1f, 0x1.784da8p-1f, 0x1.6ff03cp-1f, 0x1.678f66p-1f, 0x1.6090b6p-1f,
     0x1.58a1b8p-1f, 0x1.50fc46p+0f, 0x1.4be866p+0f, 0x1.446868p+0f, 0x1.3e23f8p+0f, 0x1.38a682p+0f, 0x1.318e4ep+0f,
     0x1.2c609p+0f, 0x1.26a742p+0f, 0x1.224aa8p+0f, 0x1.1cbc16p+0f, 0x1.177094p+0f, 0x1.13ad34p+0f, 0x1.0e4e7ep+0f,
     0x1.0ac5f4p+0f, 0x1.06095p+0f, 1},
    {0, 0x1.9766p-5f, 0x1.2dedp-4f, 0x1.9983p-4f, 0x1.08c6p-3f, 0x1.41808p-3f, 0x1.81058p-3f, 0x1.b58c8p-3f, 0x1.e7cp-3f,
     0x1.078a8p-2f, 0x1.21cc4p-2f, 0x1.3b51cp-2f, 0x1.5256cp-2f, 0x1.69edp-2f, 0x1.7e0bp-2f, 0x1.95594p-2f,
     -0x1.19758p-2f, -0x1.09e98p-2f, -0x1.e504p-3f, -0x1.bd1p-3f, -0x1.99698p-3f, -0x1.6a678p-3f, -0x1.47658p-3f,
     -0x1.1ffe8p-3f, -0x1.01738p-3f, -0x1.b3bcp-4f, -0x1.66d9p-4f, -0x1.2f5p-4f, -0x1.bd7ap-5f, -0x1.51bp-5f,
     -0x1.7dd8p-6f, 0},
};

static inline __m512 MK_CAT(log_16, ISA)(__m512 x) {
    const float(*rows)[32] = MK_CAT(log_pieces, ISA);
    __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
    __m512 k = _mm512_getexp_ps(x), one = _mm512_set1_ps(1);
    __m512i at = _mm512_srli_epi32((__m512i)m, 18);
    k = _mm512_mask_add_ps(k, _mm512_cmp_ps_mask(m, one, _CMP_LT_OQ), k, one);
    __m512 c = _mm512_permutex2var_ps(_mm512_loadu_ps(rows[0]), at, _mm512_loadu_ps(rows[0] + 16));
    __m512 multiple = _mm512_permutex2var_ps(_mm512_loadu_ps(rows[1]), at, _mm512_loadu_ps(rows[1] + 16));
    __m512 r = _mm512_fmsub_ps(m, c, one);
    __m512 q = _mm512_fmadd_ps(r, _mm512_set1_ps(0x1.947cbep-3f), _mm512_set1_ps(-0x1.002494p-2f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.55559cp-2f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(-0x1.fffffep-2f));
    __m512 high = _mm512_fmadd_ps(k, _mm512_set1_ps(0x1.62e4p-1f), multiple);
    return high + (r + _mm512_fmadd_ps(q, r * r, k * _mm512_set1_ps(0x1.7f7d1cp-20f)));
}

/* exp within 0.6 ulp, 0.8 where the result is subnormal: x = n log(2) + r with n a multiple of 1/16, whose last four bits
 * choose 2^(n - floor(n)), in two parts; e^r is a cubic whose largest error is the least, 2^-29. */
/* For -120 <= c <= 100, or NaN. */
static inline __attribute__((always_inline)) __m512 MK_CAT(exp_within, ISA)(__m512 c) {
    const __m512 roots = {0x1p+0f,        0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fep+0f,  0x1.3dea64p+0f,
                          0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
                          0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f};
    const __m512 rests = {0,                0x1.9f3122p-25f,  -0x1.c15742p-27f, 0x1.ceac48p-25f,  0x1.4636e2p-25f,
                          0x1.824684p-25f,  -0x1.593abcp-25f, -0x1.5bd5ecp-27f, 0x1.9fcef4p-26f,  -0x1.829fdp-25f,
                          0x1.15506ep-27f,  0x1.51f848p-27f,  -0x1.a94b14p-26f, -0x1.3d56b2p-27f, -0x1.822dbcp-27f,
                          0x1.52486cp-27f};
    __m512 t = _mm512_fmadd_ps(c, _mm512_set1_ps(0x1.715476p+0f), _mm512_set1_ps(0x1.8p19f)), n = t - 0x1.8p19f;
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(0x1.05c61p-29f), _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e43p-1f), c));
    __m512 q = _mm512_fmadd_ps(r, _mm512_set1_ps(0x1.555736p-3f), _mm512_set1_ps(0x1.00022p-1f));
    q = _mm512_fmadd_ps(q, r * r, r);
    __m512 root = _mm512_permutexvar_ps((__m512i)t, roots), rest = _mm512_permutexvar_ps((__m512i)t, rests);
    return _mm512_scalef_ps(root + _mm512_fmadd_ps(root, q, rest), n);
}

static inline __m512 MK_CAT(exp_16, ISA)(__m512 x) { /* NaN stays. */
    return MK_CAT(exp_within, ISA)(_mm512_min_ps(_mm512_set1_ps(100), _mm512_max_ps(_mm512_set1_ps(-120), x)));
}

/* The logistic function within 2 ulp: with e = exp(-|x|), 1 / (1 + e) or e / (1 + e). What the sum's rounding lost is
 * taken off the quotient, with 1 - e/2 in place of 1 / (1 + e). */
static inline __m512 MK_CAT(sigmoid_16, ISA)(__m512 x) {
    const __m512 one = _mm512_set1_ps(1), down = _mm512_or_ps(x, _mm512_set1_ps(-0.0f));
    __m512 e = MK_CAT(exp_within, ISA)(_mm512_max_ps(_mm512_set1_ps(-120), down)), sum = one + e, lost = e - (sum - one);
    __m512 q = _mm512_mask_mov_ps(one, _mm512_movepi32_mask((__m512i)x), e) / sum;
    return _mm512_fmadd_ps(q * lost, _mm512_fmsub_ps(e, _mm512_set1_ps(0.5f), one), q);
}
