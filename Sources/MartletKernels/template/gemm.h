/* gemm.h: matrix product on one thread. After Goto and van de Geijn (2008) and
 * BLIS: panels of B (KC x NR) stay in the first cache, blocks of A (MC x KC) in
 * the second, and a register tile of up to MR x NR runs over k. Both operands
 * may have any strides: A is read by broadcasts, B by vectors, and packing turns
 * any layout into that order. Packing is skipped where each element would be
 * used only a few times. The order of additions for an element of C depends on
 * k alone. bias has one value per column, or per row if bias_rows. done is told of
 * each block of C that is complete, while it is in the cache. */
#if VECTOR_BYTES == 64
#define MR 14
#define A_PAD 16
#elif HAS_NEON
#define MR 12
#define A_PAD 12
#else
#define MR 6
#define A_PAD 8
#endif
#define NR (2 * VL)
/* The longest run of additions in a register: the longer, the larger the error. Panels are some such runs long, which
 * spares passes over C; blocks of A and a panel of B fill half of the second cache. */
#define RUN 256
#define KC (VECTOR_BYTES == 64 && IS_FLOAT ? 2 * RUN : RUN)
/* Whether vectors can be read in part at little cost: then a narrow B is read where it lies, as A is. */
#define MASKED_LOADS (VECTOR_BYTES == 64)
#define MC ((VECTOR_BYTES == 64 ? 8 : 12) * MR)
#define NC 1024
/* From this length of a tile on its C is asked for when it begins. */
#define FETCHED_AHEAD 64

/* One register tile: acc[r] = sum over p of a(r, p) * b(p, .), for mr rows and
 * nv vectors, the last with w - (nv - 1) * VL columns in use; then C = alpha * acc + beta * C (+ bias). `packed` A has rsa 1 and
 * csa A_PAD. Called with constant mr, nv and packed only. */
static inline __attribute__((always_inline)) void F(tile)(const int mr, const int nv, const int packed, int64_t k,
        const T *a, int64_t rsa, int64_t csa, const T *b, int64_t ldb, T *c, int64_t ldc, int64_t w, T alpha, T beta, const T *bias) {
    V acc[MR][2];
    _Pragma("clang loop unroll(full)")
    for (int r = 0; r < mr; r++)
        for (int v = 0; v < 2; v++) acc[r][v] = (V){0};
    if (k >= FETCHED_AHEAD) {
        _Pragma("clang loop unroll(full)")
        for (int r = 0; r < mr; r++)
            for (int v = 0; v < nv; v++) __builtin_prefetch(c + r * ldc + v * VL, 1);
    }
    const T *a0 = a, *a3 = a + 3 * rsa, *a6 = a + 6 * rsa, *a9 = a + 9 * rsa, *a12 = a + 12 * rsa;
    /* Opaque to the compiler, which would else derive each address from the one
     * before it, a chain as long as the tile is high. */
    if (!packed) __asm__("" : "+r"(a3), "+r"(a6), "+r"(a9), "+r"(a12));
    const int64_t part = w - (nv - 1) * VL;
    const int masked = MASKED_LOADS && !packed;
    for (int64_t p = 0; p < k; p++) {
        V b0 = nv == 1 && masked ? F(load_part)(b, part) : LOAD(b);
        V b1 = nv == 1 ? b0 : masked ? F(load_part)(b + VL, part) : LOAD(b + VL);
        b += ldb;
#if HAS_NEON
        /* A multiplication takes its second factor from any lane of a register. */
        V column[MR / VL];
        if (packed)
            for (int r = 0; r < mr; r += VL) column[r / VL] = LOAD(a + r);
#endif
        _Pragma("clang loop unroll(full)")
        for (int r = 0; r < mr; r++) {
            const T *from = packed ? a + r
                                   : (r < 3 ? a0 : r < 6 ? a3 : r < 9 ? a6 : r < 12 ? a9 : a12) + (r % 3) * rsa;
#if HAS_NEON
            V x = packed ? SPLAT(column[r / VL][r % VL]) : SPLAT(*from);
#else
            V x = SPLAT(*from);
#endif
            acc[r][0] = FMA(x, b0, acc[r][0]);
            if (nv > 1) acc[r][1] = FMA(x, b1, acc[r][1]);
        }
        if (packed) a += A_PAD;
        else {
            a0 += csa;
            if (mr > 3) a3 += csa;
            if (mr > 6) a6 += csa;
            if (mr > 9) a9 += csa;
            if (mr > 12) a12 += csa;
        }
    }
    if (alpha == 1 && !bias && beta == 0 && part < VL) {
        _Pragma("clang loop unroll(full)")
        for (int r = 0; r < mr; r++) {
            if (nv > 1) STORE(c + r * ldc, acc[r][0]);
            F(store_part)(c + r * ldc + (nv - 1) * VL, acc[r][nv - 1], part);
        }
        return;
    }
    if (alpha == 1 && !bias && (beta == 0 || beta == 1) && part == VL) {
        if (beta == 0) {
            _Pragma("clang loop unroll(full)")
            for (int r = 0; r < mr; r++)
                for (int v = 0; v < nv; v++) STORE(c + r * ldc + v * VL, acc[r][v]);
        } else {
            _Pragma("clang loop unroll(full)")
            for (int r = 0; r < mr; r++)
                for (int v = 0; v < nv; v++) STORE(c + r * ldc + v * VL, LOAD(c + r * ldc + v * VL) + acc[r][v]);
        }
        return;
    }
    _Pragma("clang loop unroll(full)")
    for (int v = 0; v < nv; v++) {
        const int64_t cols = v == nv - 1 ? part : VL;
        V add = bias ? F(load_part)(bias + v * VL, cols) : (V){0};
        _Pragma("clang loop unroll(full)")
        for (int r = 0; r < mr; r++) {
            T *to = c + r * ldc + v * VL;
            V s = acc[r][v] * alpha;
            if (beta != 0) s = F(load_part)(to, cols) * beta + s;
            if (bias) s = s + add;
            F(store_part)(to, s, cols);
        }
    }
}

typedef void (*F(tile_function))(int64_t k, const T *a, int64_t rsa, int64_t csa, const T *b, int64_t ldb, T *c,
                                 int64_t ldc, int64_t w, T alpha, T beta, const T *bias);
#define TILE(mr, nv, packed) \
static void F(tile_##mr##_##nv##_##packed)(int64_t k, const T *a, int64_t rsa, int64_t csa, const T *b, int64_t ldb, T *c, \
                                           int64_t ldc, int64_t w, T alpha, T beta, const T *bias) { \
    F(tile)(mr, nv, packed, k, a, rsa, csa, b, ldb, c, ldc, w, alpha, beta, bias); \
}
#define TILES(mr) TILE(mr, 1, 0) TILE(mr, 1, 1) TILE(mr, 2, 0) TILE(mr, 2, 1)
#define ROW(mr) {{F(tile_##mr##_1_0), F(tile_##mr##_1_1)}, {F(tile_##mr##_2_0), F(tile_##mr##_2_1)}}
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
#if MR >= 12
TILES(7) TILES(8) TILES(9) TILES(10) TILES(11) TILES(12)
#endif
#if MR == 14
TILES(13) TILES(14)
#endif

/* [rows - 1][vectors - 1][packed] */
static const F(tile_function) F(tiles)[MR][2][2] = {
    ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6),
#if MR >= 12
    ROW(7), ROW(8), ROW(9), ROW(10), ROW(11), ROW(12),
#endif
#if MR == 14
    ROW(13), ROW(14),
#endif
};
#undef TILE
#undef TILES
#undef ROW

/* Panels of both operands: out[p * pad + i] = x[i * si + p * sp] for i in 0..<w and p in 0..<k; what stands in out for
 * i from w to the next multiple of VL is of no matter. pad is a multiple of VL. */
static void F(pack_rows)(const T *x, int64_t sp, int64_t w, int64_t k, T *out, int64_t pad) {
    if (w == 2 * VL) {
        for (int64_t p = 0; p < k; p++, x += sp, out += pad) {
            V low = LOAD(x), high = LOAD(x + VL);
            STORE(out, low);
            STORE(out + VL, high);
        }
        return;
    }
    for (int64_t i = 0; i < w; i += VL) {
        int64_t part = w - i < VL ? w - i : VL;
        for (int64_t p = 0; p < k; p++) STORE(out + p * pad + i, F(load_part)(x + p * sp + i, part));
    }
}

#if VECTOR_BYTES == 64 && IS_FLOAT
/* Four columns of 16 rows turned into four vectors: the lanes of 128 bits come to their place in loading. */
#define LANE(v, q, n) _mm512_insertf32x4(v, _mm_loadu_ps(row[4 * n + q] + p), n)
#define LANES(q) LANE(LANE(LANE(_mm512_castps128_ps512(_mm_loadu_ps(row[q] + p)), q, 1), q, 2), q, 3)
static inline __attribute__((always_inline)) void F(turn_4)(const T *const *row, int64_t p, T *out, int64_t pad) {
    __m512 a = LANES(0), b = LANES(1), c = LANES(2), d = LANES(3);
    __m512d ab = (__m512d)_mm512_unpacklo_ps(a, b), cd = (__m512d)_mm512_unpacklo_ps(c, d);
    __m512d AB = (__m512d)_mm512_unpackhi_ps(a, b), CD = (__m512d)_mm512_unpackhi_ps(c, d);
    STORE(out, (V)_mm512_unpacklo_pd(ab, cd));
    STORE(out + pad, (V)_mm512_unpackhi_pd(ab, cd));
    STORE(out + 2 * pad, (V)_mm512_unpacklo_pd(AB, CD));
    STORE(out + 3 * pad, (V)_mm512_unpackhi_pd(AB, CD));
}
#undef LANE
#undef LANES
#endif

static void F(pack_turned)(const T *x, int64_t si, int64_t w, int64_t k, T *out, int64_t pad) {
    for (int64_t i = 0; i < w; i += VL) {
        const T *row[VL];
        for (int64_t q = 0; q < VL; q++) row[q] = x + (i + q < w ? i + q : w - 1) * si;
        int64_t p = 0;
#if VECTOR_BYTES == 64 && IS_FLOAT
        for (; p + 4 <= k; p += 4) F(turn_4)(row, p, out + p * pad + i, pad);
#endif
        for (; p < k; p += VL) {
            int64_t part = k - p < VL ? k - p : VL;
            V r[VL];
            for (int q = 0; q < VL; q++) r[q] = F(load_part)(row[q] + p, part);
            F(transpose)(r);
            for (int q = 0; q < part; q++) STORE(out + (p + q) * pad + i, r[q]);
        }
    }
}

static void F(pack)(const T *x, int64_t si, int64_t sp, int64_t w, int64_t k, T *out, int64_t pad) {
    if (si == 1) F(pack_rows)(x, sp, w, k, out, pad);
    else if (sp == 1) F(pack_turned)(x, si, w, k, out, pad);
    else
        for (int64_t p = 0; p < k; p++)
            for (int64_t i = 0; i < w; i++) out[p * pad + i] = x[i * si + p * sp];
}

/* A tile whose C has no unit column stride, or whose bias runs down the rows:
 * computed aside, then turned in registers if its rows have unit stride. */
static void F(turned_tile)(F(tile_function) f, int64_t mr, int64_t w, int64_t k, const T *a, int64_t rsa, int64_t csa,
                           const T *b, int64_t ldb, T *c, int64_t rsc, int64_t csc, T alpha, T beta, const T *bias,
                           int bias_rows) {
    T temp[MR * NR];
    f(k, a, rsa, csa, b, ldb, temp, NR, w, 1, 0, NULL);
    if (rsc == 1 && (bias_rows || !bias)) {
        for (int64_t i = 0; i < mr; i += VL) {
            int64_t rows = mr - i < VL ? mr - i : VL;
            V add = bias ? F(load_part)(bias + i, rows) : (V){0};
            for (int64_t j = 0; j < w; j += VL) {
                V r[VL];
                for (int q = 0; q < VL; q++) r[q] = q < rows ? LOAD(temp + (i + q) * NR + j) : (V){0};
                F(transpose)(r);
                for (int q = 0; q < VL && j + q < w; q++) {
                    T *to = c + i + (j + q) * csc;
                    V s = r[q] * alpha;
                    if (beta != 0) s = F(load_part)(to, rows) * beta + s;
                    if (bias) s = s + add;
                    F(store_part)(to, s, rows);
                }
            }
        }
        return;
    }
    for (int64_t r = 0; r < mr; r++) {
        _Pragma("clang loop vectorize(disable)")
        for (int64_t j = 0; j < w; j++) {
            T *to = c + r * rsc + j * csc, s = temp[r * NR + j] * alpha;
            if (beta != 0) s = *to * beta + s;
            *to = bias ? s + bias[bias_rows ? r : j] : s;
        }
    }
}

/* Up to this many columns A is read where it lies. */
enum { F(gemm_narrow) = 2 * NR };

/* Rows per tile, such that all tiles of m rows are about equally high. */
static inline int64_t F(tile_rows)(int64_t m) {
    int64_t count = (m + MR - 1) / MR;
    return (m + count - 1) / count;
}

/* Elements that the packed panels of a block of A take. */
static inline int64_t F(a_space)(int64_t m, int64_t k) {
    int64_t panels = m < MC ? (m + MR - 1) / MR : MC / MR;
    return panels * A_PAD * (k < KC ? k : KC);
}

static void F(gemm)(int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t rsa, int64_t csa, const T *b,
                    int64_t rsb, int64_t csb, T beta, T *c, int64_t rsc, int64_t csc, const T *bias, int bias_rows,
                    mk_gemm_done done, const void *context, T *space) {
    int64_t runs = (k + RUN - 1) / RUN, run = (k + runs - 1) / runs, kc = run * (KC / RUN), mr = F(tile_rows)(m);
    int64_t tiles = (m + mr - 1) / mr, high = (tiles + MC / MR - 1) / (MC / MR), mc = (tiles + high - 1) / high * mr;
    /* Rows whole pages apart throw each other out of the first cache, which is felt where they are read often or fast. */
    int apart_a = csa == 1 && rsa * (int64_t)sizeof(T) % 4096 == 0, apart_b = rsb * (int64_t)sizeof(T) % 4096 == 0;
    int raw_a = n <= F(gemm_narrow) && !(apart_a && mr > 6 && (n > NR || n <= VL));
    int raw_b = csb == 1 && m <= (apart_b ? 5 : 20) * MR;
    T *pack_a = space, *pack_b = space + F(a_space)(m, k);
    for (int64_t jc = 0; jc < n; jc += NC) {
        int64_t nb = n - jc < NC ? n - jc : NC;
        for (int64_t pc = 0; pc < k; pc += kc) {
            int64_t kb = k - pc < kc ? k - pc : kc;
            const T *b_block = b + pc * rsb + jc * csb, *add = pc + kb >= k ? bias : NULL;
            T keep = pc == 0 ? beta : 1;
            for (int64_t ic = 0; ic < m; ic += mc) {
                int64_t mb = m - ic < mc ? m - ic : mc;
                const T *a_block = a + ic * rsa + pc * csa;
                for (int64_t j = 0; j < nb; j += NR) {
                    int64_t w = nb - j < NR ? nb - j : NR;
                    int direct = raw_b && (w == NR || (MASKED_LOADS && raw_a));
                    /* Panels are packed when they are first used, and are then in the cache. */
                    T *packed = pack_b + (high > 1 ? j * kb : 0);
                    if (!direct && ic == 0) F(pack)(b_block + j * csb, csb, rsb, w, kb, packed, NR);
                    const T *b_panel = direct ? b_block + j : packed, *add_j = add && !bias_rows ? add + jc + j : add;
                    int64_t ldb = direct ? rsb : NR;
                    for (int64_t i = 0; i < mb; i += mr) {
                        int64_t h = mb - i < mr ? mb - i : mr;
                        const T *a_panel = a_block + i * rsa;
                        if (!raw_a) {
                            T *turned = pack_a + i / mr * A_PAD * kb;
                            if (j == 0) F(pack)(a_panel, rsa, csa, h, kb, turned, A_PAD);
                            a_panel = turned;
                        }
                        T *to = c + (ic + i) * rsc + (jc + j) * csc;
                        F(tile_function) f = F(tiles)[h - 1][w > VL][!raw_a];
                        for (int64_t p = 0; p < kb; p += run) {
                            int64_t kp = kb - p < run ? kb - p : run;
                            const T *x = a_panel + p * (raw_a ? csa : A_PAD), *y = b_panel + p * ldb;
                            const T *plus = p + kp >= kb ? add_j : NULL;
                            T kept = p == 0 ? keep : 1;
                            if (csc == 1 && !(plus && bias_rows))
                                f(kp, x, rsa, csa, y, ldb, to, rsc, w, alpha, kept, plus);
                            else
                                F(turned_tile)(f, h, w, kp, x, rsa, csa, y, ldb, to, rsc, csc, alpha, kept,
                                               plus && bias_rows ? add + ic + i : plus, bias_rows);
                        }
                    }
                }
                if (done && pc + kb >= k) done(context, ic, jc, mb, nb);
            }
        }
    }
}

/* Elements of scratch that F(gemm) needs. */
static int64_t F(gemm_space)(int64_t m, int64_t n, int64_t k) {
    int64_t kc = k < KC ? k : KC, nb = m <= MC ? NR : n < NC ? (n + NR - 1) / NR * NR : NC;
    return F(a_space)(m, k) + nb * kc;
}
