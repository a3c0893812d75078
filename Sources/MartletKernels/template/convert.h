/* convert.h: between element types. Half precision goes by integer arithmetic,
 * which every CPU has and the compiler vectorises, where none is built in. */
static void MK_CAT(f64_to_f32, ISA)(const double *x, float *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = (float)x[i];
}

static void MK_CAT(f32_to_f64, ISA)(const float *x, double *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = (double)x[i];
}

static void MK_CAT(bf16_to_f32, ISA)(const uint16_t *x, float *out, int64_t n) {
    uint32_t *o = (uint32_t *)out;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) o[i] = (uint32_t)x[i] << 16;
}

static void MK_CAT(f32_to_bf16, ISA)(const float *x, uint16_t *out, int64_t n) {
    const uint32_t *u = (const uint32_t *)x;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = u[i];
        uint32_t rounded = (v + 0x7fffu + ((v >> 16) & 1u)) >> 16;
        out[i] = (v & 0x7fffffffu) > 0x7f800000u ? (uint16_t)0x7fc0 : (uint16_t)rounded;
    }
}

#if HAS_NEON
static void MK_CAT(f16_to_f32, ISA)(const uint16_t *x, float *out, int64_t n) {
    const __fp16 *h = (const __fp16 *)x;
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) out[i] = (float)h[i];
}

static void MK_CAT(f32_to_f16, ISA)(const float *x, uint16_t *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        __fp16 h = (__fp16)x[i];
        uint16_t bits;
        memcpy(&bits, &h, 2);
        out[i] = x[i] == x[i] ? bits : (uint16_t)((bits & 0x8000u) | 0x7e00u);
    }
}
#else
static inline uint32_t MK_CAT(bits_of, ISA)(float v) { uint32_t u; memcpy(&u, &v, 4); return u; }
static inline float MK_CAT(float_of, ISA)(uint32_t u) { float v; memcpy(&v, &u, 4); return v; }

static void MK_CAT(f16_to_f32, ISA)(const uint16_t *x, float *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        uint32_t h = x[i], sign = (h & 0x8000u) << 16, m = h & 0x7fffu;
        /* Exponent rebased by a multiplication, exact for normal and subnormal alike. */
        uint32_t scaled = MK_CAT(bits_of, ISA)(MK_CAT(float_of, ISA)(m << 13) * 0x1p112f);
        uint32_t special = (m << 13) | 0x7f800000u;
        out[i] = MK_CAT(float_of, ISA)(sign | (m >= 0x7c00u ? special : scaled));
    }
}

static void MK_CAT(f32_to_f16, ISA)(const float *x, uint16_t *out, int64_t n) {
    MK_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = MK_CAT(bits_of, ISA)(x[i]), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
        uint32_t normal = (a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13;
        /* Below 2^-14: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits. */
        uint32_t small = MK_CAT(bits_of, ISA)(MK_CAT(float_of, ISA)(a) + 0.5f) - 0x3f000000u;
        uint32_t big = a > 0x7f800000u ? 0x7e00u : 0x7c00u;
        uint32_t r = a < 0x38800000u ? small : normal;
        out[i] = (uint16_t)(sign | (a >= 0x477ff000u ? big : r));
    }
}
#endif
