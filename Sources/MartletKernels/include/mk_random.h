/* mk_random.h: the Mersenne Twister and the fills that need the CPU's vector
 * units. Every value is the same on every CPU: where two operations are
 * rounded as one, that is written as fma, and nothing else is contracted. */
#ifndef MK_RANDOM_H
#define MK_RANDOM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MT19937 (Matsumoto and Nishimura, 2002). `left` counts the outputs up to the
 * next twist, that one included; `next` is the index of the next word. A fresh
 * generator has left = 1, next = 0. */
typedef struct mk_mt19937 {
    uint32_t state[624];
    int32_t left;
    uint32_t next;
} mk_mt19937;

void mk_mt_seed(mk_mt19937 *g, uint32_t seed);

/* Replaces the 624 words by the next 624. */
void mk_mt_twist(mk_mt19937 *g);

/* One 32-bit output. */
static inline uint32_t mk_mt_next32(mk_mt19937 *g) {
    if (--g->left == 0) mk_mt_twist(g);
    uint32_t y = g->state[g->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

/* Two outputs, the first one high. */
static inline uint64_t mk_mt_next64(mk_mt19937 *g) {
    uint64_t high = mk_mt_next32(g);
    return (high << 32) | mk_mt_next32(g);
}

/* n successive 32-bit outputs. */
void mk_mt_fill32(mk_mt19937 *g, uint32_t *out, int64_t n);

/* Uniform in [from, to): one output an element (float), two (double). `to - from`
 * is rounded once; a value that rounds up to `to` becomes `from`. */
void mk_uniform_f32(mk_mt19937 *g, float *out, int64_t n, float from, float to);
void mk_uniform_f64(mk_mt19937 *g, double *out, int64_t n, double from, double to);

/* Normal values by Box and Muller's method on blocks of 16, n >= 16: first n
 * uniforms, and where 16 does not divide n, 16 more for the last 16 elements. */
void mk_normal_f32(mk_mt19937 *g, float *out, int64_t n, float mean, float std);
void mk_normal_f64(mk_mt19937 *g, double *out, int64_t n, double mean, double std);

/* The transform of mk_normal_f32 alone: `blocks` times 16 uniforms in [0, 1) become normals, in place. */
void mk_box_muller_f32(float *x, int64_t blocks, float mean, float std);

/* 1 where a 53-bit uniform is below p, else 0: two outputs an element, whatever p is. */
void mk_bernoulli_f32(mk_mt19937 *g, float *out, int64_t n, double p);

/* The same draws, as bits: value i is bit i % 8 of byte i / 8. Writes (n + 7) / 8 bytes, the last filled up with 0 or,
 * where p is 1, anything. */
void mk_bernoulli_bits(mk_mt19937 *g, uint8_t *out, int64_t n, double p);

/* For tests: nonzero takes the portable variants even where the CPU has better
 * ones. Returns the value before. */
int32_t mk_random_set_portable(int32_t on);

#ifdef __cplusplus
}
#endif
#endif
