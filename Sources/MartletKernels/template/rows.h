/* rows.h: what softmax and layer norm share: passes over contiguous rows by
 * vectors, the last part of a row by a masked one. Rows are taken in groups that
 * stay in the first cache, one pass after another over the whole group, so that
 * the folding of one row's lanes overlaps the next row's work. */
#define GROUP_ROWS 16
#define GROUP_SIZE 2048

static inline int64_t F(group_rows)(int64_t rows, int64_t cols) {
    int64_t most = GROUP_SIZE / cols;
    most = most < 1 ? 1 : most > GROUP_ROWS ? GROUP_ROWS : most;
    return rows < most ? rows : most;
}

/* BODY(c, w, load, store) for the vectors of a row of n columns, w lanes each. */
#define LOAD_WHOLE(p, w) LOAD(p)
#define STORE_WHOLE(p, v, w) STORE(p, v)
#define EACH_VECTOR(n, BODY) { \
    int64_t c = 0; \
    for (; c + VL <= (n); c += VL) BODY(c, VL, LOAD_WHOLE, STORE_WHOLE) \
    if (c < (n)) BODY(c, (n) - c, F(load_part), F(store_part)) \
}

/* BODY(k, c, w, load, store) adds to the k-th of four parts of two sums: four so
 * that an addition need not wait for the one before. The parts are emptied into
 * the totals after every SUM_BLOCK elements, so that the error does not grow with
 * n. Lanes from w on must come out as 0. */
#define SUM_BLOCK (128 * VL)
#define SUM_VECTORS(total, total2, n, BODY) { \
    int64_t c = 0; \
    while (c < (n)) { \
        V part[4] = {{0}}, part2[4] = {{0}}; \
        int64_t stop = c + SUM_BLOCK < (n) ? c + SUM_BLOCK : (n); \
        for (; c + 4 * VL <= stop; c += 4 * VL) { \
            BODY(0, c, VL, LOAD_WHOLE, STORE_WHOLE) \
            BODY(1, c + VL, VL, LOAD_WHOLE, STORE_WHOLE) \
            BODY(2, c + 2 * VL, VL, LOAD_WHOLE, STORE_WHOLE) \
            BODY(3, c + 3 * VL, VL, LOAD_WHOLE, STORE_WHOLE) \
        } \
        for (; c + VL <= stop; c += VL) BODY(0, c, VL, LOAD_WHOLE, STORE_WHOLE) \
        if (c < stop) { \
            BODY(1, c, stop - c, F(load_part), F(store_part)) \
            c = stop; \
        } \
        total = total + ((part[0] + part[1]) + (part[2] + part[3])); \
        total2 = total2 + ((part2[0] + part2[1]) + (part2[2] + part2[3])); \
    } \
}

/* v where the lane is below w, else 0. */
static inline V F(first_lanes)(V v, int64_t w) {
    if (w >= VL) return v;
#if VECTOR_BYTES == 64 && IS_FLOAT
    return (V)_mm512_maskz_mov_ps((__mmask16)((1u << w) - 1), (__m512)v);
#elif VECTOR_BYTES == 64
    return (V)_mm512_maskz_mov_pd((__mmask8)((1u << w) - 1), (__m512d)v);
#elif VECTOR_BYTES == 32 || HAS_NEON
    return (V)(F(lanes_below)(w) & (VI)v);
#else
    T s[VL];
    STORE(s, v);
    return F(load_part)(s, w);
#endif
}

/* Rows that lie xr and yr apart: copied, and added. */
static void F(copy_rows)(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols) {
#define COPY(c, w, load, store) store(y + c, load(x + c, w), w);
    for (int64_t r = 0; r < rows; r++, x += xr, y += yr) EACH_VECTOR(cols, COPY)
#undef COPY
}

/* n elements to a y that is aligned and goes past the caches. */
static void F(stream)(const T *x, T *y, int64_t n) {
    int64_t i = 0;
    for (; i + VL <= n; i += VL) __builtin_nontemporal_store(LOAD(x + i), (V *)(y + i));
    for (; i < n; i++) y[i] = x[i];
}

static void F(accumulate_rows)(const T *x, int64_t xr, T *y, int64_t yr, int64_t rows, int64_t cols) {
#define ADD(c, w, load, store) store(y + c, load(y + c, w) + load(x + c, w), w);
    for (int64_t r = 0; r < rows; r++, x += xr, y += yr) EACH_VECTOR(cols, ADD)
#undef ADD
}

/* to[i] = from[i * stride] for i in 0..<n. */
static void F(take_row)(const T *from, int64_t stride, T *to, int64_t n) {
    if (stride == 1) {
        F(copy_rows)(from, 0, to, 0, 1, n);
        return;
    }
    int64_t i = 0;
    if (stride == 2)
        for (; i < n; i += VL) {
            const int64_t left = 2 * (n - i) - 1;
            V a = left >= VL ? LOAD(from + 2 * i) : F(load_part)(from + 2 * i, left);
            V b = left >= 2 * VL ? LOAD(from + 2 * i + VL) : left > VL ? F(load_part)(from + 2 * i + VL, left - VL) : (V){0};
            if (n - i >= VL) STORE(to + i, F(even_lanes)(a, b));
            else F(store_part)(to + i, F(even_lanes)(a, b), n - i);
        }
    for (; i < n; i++) to[i] = from[i * stride];
}
