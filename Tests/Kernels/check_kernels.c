/* check_kernels.c: every family of loops, for every instruction set that this machine has, against plain loops in a
 * wider type; where results are defined to the bit, against each other. Run by Tests/Kernels/run.sh. */
#include "support.h"


#define T float
#define S f32
#define IS_FLOAT 1
#define REAL double
#define R(name) name
#include "check_elementwise.h"
#include "check_rows.h"
#include "check_spatial.h"
#include "check_products.h"
#undef T
#undef S
#undef IS_FLOAT
#undef REAL
#undef R

#define T double
#define S f64
#define IS_FLOAT 0
#define REAL long double
#define R(name) name##l
#include "check_elementwise.h"
#include "check_rows.h"
#include "check_spatial.h"
#include "check_products.h"

static void check_conversions(void) {
    static uint16_t half[65536], back[65536];
    static float wide[65536];
    for (int i = 0; i < 65536; i++) half[i] = (uint16_t)i;
    mk_f16_to_f32(half, 1, wide, 1, 65536);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        double want = exponent == 31 ? INFINITY : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31 && fraction) verify(wide[i] != wide[i], "half %x", i);
        else verify(wide[i] == (i >> 15 ? -want : want) && !signbit(wide[i]) == !(i >> 15), "half %x", i);
    }
    mk_f32_to_f16(wide, 1, back, 1, 65536);
    for (int i = 0; i < 65536; i++)
        verify(back[i] == (wide[i] == wide[i] ? i : (i & 0x8000) | 0x7e00), "half %x there and back", i);
    /* Between two halves: the nearer one, of equally near ones the even one. */
    for (int i = 0; i < 0x7c00; i++) {
        double here = wide[i], next = i + 1 == 0x7c00 ? 65536 : wide[i + 1], middle = (here + next) / 2;
        float x[] = {(float)middle, nextafterf((float)middle, 0), nextafterf((float)middle, INFINITY), (float)-middle};
        uint16_t got[4];
        mk_f32_to_f16(x, 1, got, 1, 4);
        verify(got[0] == i + (i & 1) && got[1] == i && got[2] == i + 1 && got[3] == ((i + (i & 1)) | 0x8000),
               "rounding above half %x", i);
    }
    mk_bf16_to_f32(half, 1, wide, 1, 65536);
    mk_f32_to_bf16(wide, 1, back, 1, 65536);
    for (int i = 0; i < 65536; i++) verify(back[i] == (wide[i] == wide[i] ? i : 0x7fc0), "bfloat16 %x there and back", i);
    for (int i = 0; i < 65536; i++) {
        uint32_t bits = (uint32_t)i << 16 | 0x8000u;
        memcpy(wide + i, &bits, 4);
    }
    mk_f32_to_bf16(wide, 1, back, 1, 65536);
    for (int i = 0; i < 65536; i++) verify(wide[i] != wide[i] || back[i] == i + (i & 1), "rounding above bfloat16 %x", i);
    double x[37], y[37];
    float narrow[37];
    for (int i = 0; i < 37; i++) x[i] = uniform(-9, 9);
    mk_f64_to_f32(x, 1, narrow, 1, 37);
    mk_f32_to_f64(narrow, 1, y, 1, 37);
    for (int i = 0; i < 37; i++) verify(narrow[i] == (float)x[i] && y[i] == (double)narrow[i], "double to float and back");
}

/* The same numbers on every machine. */
static void check_random(void) {
    static uint32_t words[10000];
    static float f[5003];
    static double d[1001];
    static uint8_t bits[626];
    for (int32_t portable = 0; portable < 2; portable++) {
        mk_random_set_portable(portable);
        mk_mt19937 g;
        mk_mt_seed(&g, 5489);
        mk_mt_fill32(&g, words, 10000);
        verify(words[9999] == 4123659995u, "the ten thousandth number of MT19937 with its first seed");
        uint64_t seen[5];
        mk_uniform_f32(&g, f, 5003, -1, 2);
        seen[0] = hash_of(f, sizeof f);
        mk_normal_f32(&g, f, 5003, 1, 3);
        seen[1] = hash_of(f, sizeof f);
        mk_mt19937 before = g;
        mk_bernoulli_f32(&g, f, 5003, 0.3);
        seen[2] = hash_of(f, sizeof f);
        mk_mt19937 again = before, copy = g;
        mk_bernoulli_bits(&again, bits, 5003, 0.3);
        for (int i = 0; i < 5003; i++) verify((bits[i / 8] >> i % 8 & 1) == f[i], "Bernoulli bit %d", i);
        verify(bits[625] >> 3 == 0 && mk_mt_next64(&again) == mk_mt_next64(&copy), "Bernoulli bits and what follows");
        mk_uniform_f64(&g, d, 1001, -1, 2);
        seen[3] = hash_of(d, sizeof d);
        seen[4] = mk_mt_next64(&g);
        static const uint64_t known[] = {0x87b71e9bd9192decu, 0xd2365a1a7d700585u, 0x6d7f2bd9d02482a5u,
                                         0x1ea5ca8c4e31bebdu, 0xa652f11e7d0cf7cu};
        static const char *const names[] = {"uniform float", "normal float", "Bernoulli", "uniform double", "64-bit"};
        for (int i = 0; i < 5; i++)
            verify(seen[i] == known[i], "%s numbers: 0x%llx", names[i], (unsigned long long)seen[i]);
    }
    mk_random_set_portable(0);
}

/* `names` prints the tables that this machine can run, `chosen` the one that would be used. */
int main(int argc, char **argv) {
    const mk_table *list[3];
    int count = tables(list);
    if (argc > 1) {
        if (!strcmp(argv[1], "chosen")) puts(mk_cpu_capability());
        else for (int i = 0; i < count; i++) puts(list[i]->name);
        return 0;
    }
    long_x_f32 = malloc(2 * MOST_f32 * sizeof(float));
    long_y_f32 = malloc(2 * MOST_f32 * sizeof(float));
    long_x_f64 = malloc(2 * MOST_f64 * sizeof(double));
    long_y_f64 = malloc(2 * MOST_f64 * sizeof(double));
    for (int i = 0; i < count; i++) {
        mk_active = list[i];
        seed = 1;
        result_count = 0;
        long before = checks, failed = failures;
#define FAMILIES(S) \
        check_unary_##S(); \
        check_binary_##S(); \
        check_mixed_##S(); \
        check_reductions_##S(); \
        check_normal_rows_##S(); \
        check_optimizers_##S(); \
        check_table_##S(); \
        check_products_##S(300); \
        check_convolutions_##S(); \
        check_pools_##S();
        FAMILIES(f32)
        FAMILIES(f64)
        check_conversions();
        check_random();
        first_table = 0;
        printf("%s: %ld checks, %ld failed\n", mk_active->name, checks - before, failures - failed);
    }
    return failures != 0;
}
