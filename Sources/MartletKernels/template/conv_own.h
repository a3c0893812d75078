/* conv_own.h: convolutions in which every channel has a kernel of its own, with VL channels side by side as conv.h has
 * samples. */

/* A map in which every channel has a kernel of its own is, for VL of them, one of a single channel for as many samples. */
static mk_conv_map F(conv_own_map)(const mk_conv_map *m) {
    mk_conv_map one = *m;
    one.groups = one.own = 1;
    return one;
}

static int64_t F(conv_own_space)(const mk_conv_map *m) {
    mk_conv_map one = F(conv_own_map)(m);
    const int64_t map = F(conv_space)(&one), weight = F(conv_weight_space)(&one);
    return (map > weight ? map : weight) + ((m->groups + VL - 1) / VL + 1) * m->kernel[0] * m->kernel[1] * VL + VL * VL;
}

/* The map for n samples, of blocks of VL channels those of number first..<last. */
static void F(conv_own)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *w,
                        const T *bias, T *y, T *space) {
    const int64_t taps = m->kernel[0] * m->kernel[1], pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1];
    const mk_conv_map one = F(conv_own_map)(m);
    T *packed = space, *to = space, *turned = space + (last - first) * taps * VL;
    for (int64_t b = first; b < last; b++) {
        F(conv_turn)(w + b * VL * taps, taps, m->groups - b * VL, taps, VL, turned);
        for (int64_t py = 0; py < m->phases[0]; py++)
            for (int64_t px = 0; px < m->phases[1]; px++) {
                const mk_conv_axis *v = &m->axis[0][py], *h = &m->axis[1][px];
                for (int64_t i = 0; i < v->taps; i++)
                    for (int64_t j = 0; j < h->taps; j++, to += VL) {
                        const int64_t tap = (v->tap + i * v->tap_step) * m->kernel[1] + h->tap + j * h->tap_step;
                        STORE(to, LOAD(turned + tap * VL));
                    }
            }
    }
    space = turned + taps * VL + VL * VL;
    for (int64_t s = 0; s < n; s++)
        for (int64_t b = first; b < last; b++) {
            const int64_t c = b * VL, lanes = m->groups - c < VL ? m->groups - c : VL, plane = s * m->groups + c;
            F(conv_block)(&one, lanes, 0, 1, x + plane * pixels, packed + (b - first) * taps * VL, bias ? bias + c : NULL,
                          y + plane * places, space);
        }
}

/* The gradient of the weight for n samples, of blocks of VL channels those of number first..<last. */
static void F(conv_weight_own)(const mk_conv_map *m, int64_t n, int64_t first, int64_t last, const T *x, const T *g,
                               T *dw, T *space) {
    const int64_t taps = m->kernel[0] * m->kernel[1], pixels = m->in[0] * m->in[1], places = m->out[0] * m->out[1];
    const mk_conv_map one = F(conv_own_map)(m);
    T *sums = space;
    space += (last - first) * taps * VL;
    memset(sums, 0, (size_t)((last - first) * taps * VL) * sizeof(T));
    for (int64_t s = 0; s < n; s++)
        for (int64_t b = first; b < last; b++) {
            const int64_t c = b * VL, lanes = m->groups - c < VL ? m->groups - c : VL, plane = s * m->groups + c;
            F(conv_weight_block)(&one, lanes, 0, 1, x + plane * pixels, g + plane * places,
                                 sums + (b - first) * taps * VL, space);
        }
    for (int64_t b = first; b < last; b++)
        F(conv_scatter)(sums + (b - first) * taps * VL, VL, taps, dw + b * VL * taps, taps, m->groups - b * VL);
}
