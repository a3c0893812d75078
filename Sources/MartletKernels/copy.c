/* copy.c: fills, copies and conversions between element types. */
#include "kernels.h"

#include <string.h>

#define DEFINE(T, S) \
void mk_fill_##S(T *out, int64_t so, int64_t n, T value) { \
    for (int64_t i = 0; i < n; i++) out[i * so] = value; \
} \
void mk_copy_##S(const T *x, int64_t sx, T *out, int64_t so, int64_t n) { \
    if (sx == 1 && so == 1) memmove(out, x, (size_t)n * sizeof(T)); \
    else if (so == 1) for (int64_t i = 0; i < n; i++) out[i] = x[i * sx]; \
    else for (int64_t i = 0; i < n; i++) out[i * so] = x[i * sx]; \
}
DEFINE(float, f32)
DEFINE(double, f64)

/* Tiles of 16 x 16 keep both sides' cache lines while they are used. */
#define DEFINE_2D(T) \
static void copy_2d_##T(const T *x, int64_t xr, int64_t xc, T *out, int64_t yr, int64_t yc, int64_t rows, int64_t cols) { \
    enum { TILE = 16 }; \
    for (int64_t r0 = 0; r0 < rows; r0 += TILE) { \
        int64_t r1 = rows - r0 < TILE ? rows : r0 + TILE; \
        for (int64_t c0 = 0; c0 < cols; c0 += TILE) { \
            int64_t c1 = cols - c0 < TILE ? cols : c0 + TILE; \
            for (int64_t r = r0; r < r1; r++) \
                for (int64_t c = c0; c < c1; c++) out[r * yr + c * yc] = x[r * xr + c * xc]; \
        } \
    } \
}
DEFINE_2D(uint8_t)
DEFINE_2D(uint16_t)
DEFINE_2D(uint32_t)
DEFINE_2D(uint64_t)

void mk_copy_2d(size_t elem, const void *x, int64_t xr, int64_t xc, void *out, int64_t or_, int64_t oc, int64_t rows,
                int64_t cols) {
    if (xc == 1 && oc == 1) {
        if (xr == cols && or_ == cols) {
            memmove(out, x, (size_t)(rows * cols) * elem);
            return;
        }
        for (int64_t r = 0; r < rows; r++)
            memmove((char *)out + (size_t)(r * or_) * elem, (const char *)x + (ptrdiff_t)(r * xr) * (ptrdiff_t)elem,
                    (size_t)cols * elem);
        return;
    }
    switch (elem) {
    case 1: copy_2d_uint8_t(x, xr, xc, out, or_, oc, rows, cols); break;
    case 2: copy_2d_uint16_t(x, xr, xc, out, or_, oc, rows, cols); break;
    case 4: copy_2d_uint32_t(x, xr, xc, out, or_, oc, rows, cols); break;
    default: copy_2d_uint64_t(x, xr, xc, out, or_, oc, rows, cols); break;
    }
}

/* A strided conversion goes through buffers, block by block. */
#define DEFINE_CONVERT(name, A, B) \
void mk_##name(const A *x, int64_t sx, B *out, int64_t so, int64_t n) { \
    if (sx == 1 && so == 1) { \
        mk_active->name(x, out, n); \
        return; \
    } \
    enum { BLOCK = 512 }; \
    A from[BLOCK]; \
    B to[BLOCK]; \
    for (int64_t i = 0; i < n; i += BLOCK) { \
        int64_t w = n - i < BLOCK ? n - i : BLOCK; \
        for (int64_t j = 0; j < w; j++) from[j] = x[(i + j) * sx]; \
        mk_active->name(from, to, w); \
        for (int64_t j = 0; j < w; j++) out[(i + j) * so] = to[j]; \
    } \
}
DEFINE_CONVERT(f64_to_f32, double, float)
DEFINE_CONVERT(f32_to_f64, float, double)
DEFINE_CONVERT(f16_to_f32, uint16_t, float)
DEFINE_CONVERT(f32_to_f16, float, uint16_t)
DEFINE_CONVERT(bf16_to_f32, uint16_t, float)
DEFINE_CONVERT(f32_to_bf16, float, uint16_t)
