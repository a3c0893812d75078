/* pool.h: maxima and averages of windows over two dimensions. The rows that one row of a window meets are brought into
 * lines, for several rows of results at once: one line for each remainder of the column modulo the stride, with places
 * outside filled in. Then every tap of neighbouring results is a run of neighbours, whatever the stride and the padding,
 * and vectors are full however narrow the rows are. */

/* How far a vector of the last tap may reach behind a line. */
#define POOL_SLACK (MK_POOL_REACH + 32)

/* The lines of kernel row ky for `rows` rows of results from number `first` on, counted through all planes. */
static void F(pool_stage)(const mk_pool *p, const T *x, int64_t first, int64_t rows, int64_t ky, T fill, T *lines) {
    const int64_t pitch = mk_pool_pitch(p), step = p->stride[1];
    for (int64_t phase = 0; phase < step; phase++, lines += rows * pitch + POOL_SLACK) {
        /* The places of a row that are inside. */
        int64_t shift = p->padding[1] - phase, from = shift > 0 ? (shift + step - 1) / step : 0;
        int64_t to = (p->in[1] + shift + step - 1) / step;
        if (to > pitch) to = pitch;
        if (to < from) to = from = 0;
        int64_t y = first % p->out[0], plane = first / p->out[0];
        for (int64_t r = 0; r < rows; r++) {
            T *line = lines + r * pitch;
            int64_t iy = y * p->stride[0] - p->padding[0] + ky * p->dilation[0], head = from, tail = to;
            if (iy < 0 || iy >= p->in[0]) head = tail = 0;
            for (int64_t j = 0; j < head; j++) line[j] = fill;
            if (tail > head)
                F(take_row)(x + (plane * p->in[0] + iy) * p->in[1] + head * step - shift, step, line + head, tail - head);
            for (int64_t j = tail; j < pitch; j++) line[j] = fill;
            if (++y == p->out[0]) y = 0, plane++;
        }
        for (int64_t j = 0; j < POOL_SLACK; j++) lines[rows * pitch + j] = fill;
    }
}

/* Rows of results that are computed together: whole planes where more than one fit, which then need the same corners. */
static int64_t F(pool_rows)(const mk_pool *p) {
    int64_t most = 16384 / (int64_t)sizeof(T) / (p->kernel[0] * p->stride[1]);
    most = (most > 1024 ? 1024 : most) / mk_pool_pitch(p);
    return most >= p->out[0] ? most / p->out[0] * p->out[0] : most > 0 ? most : 1;
}

/* Elements of scratch. */
static int64_t F(pool_space)(const mk_pool *p) {
    return ((p->kernel[0] > 2 ? p->kernel[0] : 2) * p->stride[1] + 4) * (F(pool_rows)(p) * mk_pool_pitch(p) + POOL_SLACK);
}

/* What lanes need besides their lines, for `rows` rows of results from row y of a plane on: the place in the plane of the
 * window's corner, maybe outside, and how far from there the first tap that is inside is. */
static void F(pool_corners)(const mk_pool *p, int64_t y, int64_t rows, INT *base, INT *start) {
    const int64_t pitch = mk_pool_pitch(p);
    for (int64_t j = 0; j < pitch; j++) {
        int64_t left = j * p->stride[1] - p->padding[1], kx = 0;
        while (left + kx * p->dilation[1] < 0) kx++;
        base[j] = (INT)left;
        start[j] = (INT)(kx * p->dilation[1]);
    }
    for (int64_t r = rows - 1; r >= 0; r--) {
        int64_t top = (y + r) % p->out[0] * p->stride[0] - p->padding[0], ky = 0;
        while (top + ky * p->dilation[0] < 0) ky++;
        const INT corner = (INT)(top * p->in[1]), inside = (INT)(ky * p->dilation[0] * p->in[1]);
        INT *to = base + r * pitch, *from = start + r * pitch;
        MK_VECTOR_LOOP
        for (int64_t j = 0; j < pitch; j++) to[j] = base[j] + corner;
        MK_VECTOR_LOOP
        for (int64_t j = 0; j < pitch; j++) from[j] = start[j] + inside;
    }
}

/* What averages are divided by. */
static void F(pool_divisors)(const mk_pool *p, int64_t y, int64_t rows, T *to) {
    const int64_t pitch = mk_pool_pitch(p);
    for (int64_t j = 0; j < pitch; j++) to[j] = p->divisor != 0 ? (T)p->divisor : j < p->out[1] ? (T)p->count[1][j] : 1;
    for (int64_t r = rows - 1; r >= 0; r--) {
        const T high = p->divisor != 0 ? 1 : (T)p->count[0][(y + r) % p->out[0]];
        T *row = to + r * pitch;
        MK_VECTOR_LOOP
        for (int64_t j = 0; j < pitch; j++) row[j] = to[j] * high;
    }
}

/* Rows of results first..<end: averages, or maxima with their places, where NaN wins and the first of equals is taken. */
static inline __attribute__((always_inline)) void F(pool)(const int maxima, const mk_pool *p, const T *x, int64_t first,
                                                          int64_t end, T *out, int64_t *at, T *space) {
    const int64_t pitch = mk_pool_pitch(p), most = F(pool_rows)(p), kh = p->kernel[0], width = p->out[1];
    const int64_t line = most * pitch + POOL_SLACK, taps = kh * p->kernel[1];
    T *divisors = space + kh * p->stride[1] * line, *results = divisors + line;
    INT *base = (INT *)divisors, *places = (INT *)(results + line), *start = places + line;
    int64_t offsets[MK_POOL_TAPS], ready = -1;
    INT steps[MK_POOL_TAPS];
    for (int64_t row = first; row < end; row += most) {
        const int64_t rows = end - row < most ? end - row : most, lanes = rows * pitch, length = lanes + POOL_SLACK;
        if (row == first || rows < most)
            for (int64_t t = 0; t < taps; t++) {
                const int64_t ky = t / p->kernel[1], across = t % p->kernel[1] * p->dilation[1];
                offsets[t] = (ky * p->stride[1] + across % p->stride[1]) * length + across / p->stride[1];
                steps[t] = (INT)(ky * p->dilation[0] * p->in[1] + across);
            }
        for (int64_t ky = 0; ky < kh; ky++)
            F(pool_stage)(p, x, row, rows, ky, maxima ? -(T)INFINITY : 0, space + ky * p->stride[1] * length);
        if (ready != row % p->out[0]) {
            ready = row % p->out[0];
            if (maxima) F(pool_corners)(p, ready, most, base, start);
            else F(pool_divisors)(p, ready, most, divisors);
        }
        for (int64_t i = 0; i < lanes; i += VL) {
            if (maxima) {
                V best = SPLAT(-(T)INFINITY);
                VI place = (VI)LOAD((const T *)start + i);
                for (int64_t t = 0; t < taps; t++) {
                    V v = LOAD(space + offsets[t] + i);
                    VI more = (VI)(v > best) | (VI)(v != v);
                    best = F(select)(more, v, best);
                    place = (VI)F(select)(more, (V)((VI){0} + steps[t]), (V)place);
                }
                STORE(results + i, best);
                STORE((T *)places + i, (V)(place + (VI)LOAD((const T *)base + i)));
            } else {
                V sum = {0};
                for (int64_t t = 0; t < taps; t++) sum = sum + LOAD(space + offsets[t] + i);
                STORE(results + i, sum / LOAD(divisors + i));
            }
        }
        const int64_t runs = pitch == width ? 1 : rows, run = pitch == width ? lanes : width;
        F(copy_rows)(results, pitch, out + row * width, width, runs, run);
        for (int64_t r = 0; maxima && r < runs; r++) {
            int64_t *to = at + row * width + r * width;
            const INT *from = places + r * pitch;
            MK_VECTOR_LOOP
            for (int64_t j = 0; j < run; j++) to[j] = from[j];
        }
    }
}

/* n of VL elements, or none. */
static inline __attribute__((always_inline)) V F(pool_load)(const T *x, int64_t n) {
    return n >= VL ? LOAD(x) : n > 0 ? F(load_part)(x, n) : (V){0};
}

/* The first w of a vector of places, as 64 bits. */
static inline __attribute__((always_inline)) void F(store_places)(int64_t *to, VI places, int64_t w) {
#if IS_FLOAT
    typedef INT half __attribute__((vector_size(VECTOR_BYTES / 2)));
    typedef int64_t wide __attribute__((vector_size(VECTOR_BYTES)));
    half low, high;
    memcpy(&low, &places, sizeof low);
    memcpy(&high, (char *)&places + sizeof low, sizeof high);
    V first = (V)__builtin_convertvector(low, wide), second = (V)__builtin_convertvector(high, wide);
    if (w < VL / 2) {
        F(store_part)((T *)to, first, 2 * w);
        return;
    }
    STORE((T *)to, first);
    to += VL / 2;
    if (w == VL) STORE((T *)to, second);
    else F(store_part)((T *)to, second, 2 * w - VL);
#else
    if (w == VL) STORE((T *)to, (V)places);
    else F(store_part)((T *)to, (V)places, w);
#endif
}

/* As above where no window reaches outside: read where the rows are. Called with constant step, 1 or 2, and kh and kw, or
 * 0 where they vary. */
static inline __attribute__((always_inline)) void F(pool_inside)(const int maxima, const int step, const int kh, const int kw,
        const mk_pool *p, const T *x, int64_t first, int64_t end, T *out, int64_t *at) {
    const int64_t high = kh ? kh : p->kernel[0], wide = kw ? kw : p->kernel[1], cols = p->in[1], width = p->out[1];
    VI lanes;
    for (int l = 0; l < VL; l++) lanes[l] = l * step;
    T divisors[VL];
    for (int64_t j = 0; j < width; j += VL) {
        const int64_t w = width - j < VL ? width - j : VL;
        int64_t plane = first / p->out[0], y = first % p->out[0];
        for (int l = 0; !maxima && l < VL; l++)
            divisors[l] = p->divisor != 0 ? (T)p->divisor : l < w ? (T)p->count[1][j + l] : 1;
        for (int64_t row = first; row < end; row++) {
            const int64_t corner = y * p->stride[0] * cols + j * step;
            const T *from = x + plane * p->in[0] * cols + corner;
            V best = maxima ? SPLAT(-(T)INFINITY) : (V){0};
            VI place = {0};
            for (int64_t ky = 0; ky < high; ky++)
                for (int64_t kx = 0; kx < wide; kx += step) {
                    const T *tap = from + ky * cols + kx;
                    const int64_t n = step == 1 ? w : 2 * w - (kx + 1 == wide);
                    V v[2] = {F(pool_load)(tap, n)};
                    if (step == 2) {
                        V next = F(pool_load)(tap + VL, n - VL), both = v[0];
                        v[0] = F(even_lanes)(both, next);
                        v[1] = F(odd_lanes)(both, next);
                    }
                    for (int i = 0; i < step && kx + i < wide; i++)
                        if (maxima) {
                            VI more = (VI)(v[i] > best) | (VI)(v[i] != v[i]);
                            best = F(select)(more, v[i], best);
                            place = (VI)F(select)(more, (V)((VI){0} + (INT)(ky * cols + kx + i)), (V)place);
                        } else best += v[i];
                }
            if (maxima) F(store_places)(at + row * width + j, place + lanes + (INT)corner, w);
            else best /= LOAD(divisors) * SPLAT((T)(p->divisor != 0 ? 1 : p->count[0][y]));
            if (w == VL) STORE(out + row * width + j, best);
            else F(store_part)(out + row * width + j, best, w);
            if (++y == p->out[0]) y = 0, plane++;
        }
    }
}

static int F(pool_is_inside)(const mk_pool *p) {
    for (int d = 0; d < 2; d++)
        if (p->padding[d] || p->dilation[d] != 1 || (p->out[d] - 1) * p->stride[d] + p->kernel[d] > p->in[d]) return 0;
    return p->stride[1] <= 2;
}

#define POOL_ANY_WAY(maxima, p, x, first, end, out, at, space) \
    if (!F(pool_is_inside)(p)) F(pool)(maxima, p, x, first, end, out, at, space); \
    else if (p->stride[1] == 1) F(pool_inside)(maxima, 1, 0, 0, p, x, first, end, out, at); \
    else if (p->kernel[0] == 2 && p->kernel[1] == 2) F(pool_inside)(maxima, 2, 2, 2, p, x, first, end, out, at); \
    else F(pool_inside)(maxima, 2, 0, 0, p, x, first, end, out, at);

static void F(max_pool)(const mk_pool *p, const T *x, int64_t first, int64_t end, T *out, int64_t *at, T *space) {
    POOL_ANY_WAY(1, p, x, first, end, out, at, space)
}

static void F(avg_pool)(const mk_pool *p, const T *x, int64_t first, int64_t end, T *out, T *space) {
    POOL_ANY_WAY(0, p, x, first, end, out, (int64_t *)0, space)
}
#undef POOL_ANY_WAY

/* dx of planes first..<end: each place of g, divided, added to its window: along the row, then to the window's rows. */
static void F(avg_pool_backward)(const mk_pool *p, const T *g, int64_t first, int64_t end, T *dx, T *space) {
    const int64_t width = p->out[1], step = p->stride[1], pitch = mk_pool_pitch(p), cols = p->in[1];
    const int64_t reach = pitch * step - p->padding[1], covered = reach < cols ? reach : cols;
    T *columns = space, *share = columns + pitch, *lines = share + pitch, *row = lines + step * pitch;
    const T *whole = (step == 1 ? lines : row) + p->padding[1];
    for (int64_t j = 0; j < width; j++) columns[j] = p->divisor != 0 ? (T)p->divisor : (T)p->count[1][j];
    for (int64_t plane = first; plane < end; plane++) {
        T *to = dx + plane * p->in[0] * cols;
        memset(to, 0, (size_t)(p->in[0] * cols) * sizeof(T));
        for (int64_t y = 0; y < p->out[0]; y++) {
            const T *from = g + (plane * p->out[0] + y) * width;
            const T high = p->divisor != 0 ? 1 : (T)p->count[0][y];
            MK_VECTOR_LOOP
            for (int64_t j = 0; j < width; j++) share[j] = from[j] / (columns[j] * high);
            memset(lines, 0, (size_t)(step * pitch) * sizeof(T));
            for (int64_t kx = 0; kx < p->kernel[1]; kx++) {
                const int64_t across = kx * p->dilation[1];
                F(accumulate_rows)(share, 0, lines + across % step * pitch + across / step, 0, 1, width);
            }
            /* The lines as one row; what is outside is left out below. */
            if (step == 2) {
                MK_VECTOR_LOOP
                for (int64_t j = 0; j < pitch; j++) row[2 * j] = lines[j], row[2 * j + 1] = lines[pitch + j];
            } else if (step > 2)
                for (int64_t j = 0; j < pitch; j++)
                    for (int64_t phase = 0; phase < step; phase++) row[j * step + phase] = lines[phase * pitch + j];
            for (int64_t ky = 0; ky < p->kernel[0]; ky++) {
                const int64_t iy = y * p->stride[0] - p->padding[0] + ky * p->dilation[0];
                if (iy >= 0 && iy < p->in[0]) F(accumulate_rows)(whole, 0, to + iy * cols, 0, 1, covered);
            }
        }
    }
}
#undef POOL_SLACK
