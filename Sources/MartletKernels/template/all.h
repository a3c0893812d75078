/* all.h: every template, once per element type, and the table of the results.
 * The including file sets ISA, VECTOR_BYTES and HAS_FMA, and HAS_NEON where it is so. */
#pragma STDC FP_CONTRACT OFF

#if !defined(HAS_NEON)
#define HAS_NEON 0
#endif

#if HAS_FMA
#define FMA(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

#define F(name) MK_CAT(MK_CAT(name, S), ISA)

#include "core.h"
#if VECTOR_BYTES == 64
#include "pieces.h"
#endif

#define T float
#define S f32
#define INT int32_t
#define IS_FLOAT 1
#define VL_IS_8 (VECTOR_BYTES == 32)
#define VL_IS_4 (VECTOR_BYTES == 16)
#include "math.h"
#include "families.h"
#undef T
#undef S
#undef INT
#undef IS_FLOAT
#undef M
#undef SMALL_ANGLE
#undef VL_IS_8
#undef VL_IS_4

#define T double
#define S f64
#define INT int64_t
#define IS_FLOAT 0
#define VL_IS_8 (VECTOR_BYTES == 64)
#define VL_IS_4 (VECTOR_BYTES == 32)
#include "math.h"
#include "families.h"
#undef T
#undef S
#undef INT
#undef IS_FLOAT
#undef M
#undef SMALL_ANGLE
#undef VL_IS_8
#undef VL_IS_4

#include "convert.h"

#define ENTRY2(name, S_) .name##_##S_ = MK_CAT(name##_##S_, ISA)
#define ENTRIES(S_) \
    ENTRY2(unary, S_), ENTRY2(unary_param, S_), ENTRY2(binary, S_), ENTRY2(binary_right, S_), \
    ENTRY2(binary_param, S_), ENTRY2(layer_norm_parameters, S_), ENTRY2(copy_rows, S_), ENTRY2(accumulate_rows, S_), ENTRY2(stream, S_), \
    ENTRY2(binary_left, S_), ENTRY2(compare, S_), ENTRY2(add_scaled, S_), ENTRY2(addcmul, S_), \
    ENTRY2(addcdiv, S_), ENTRY2(lerp, S_), ENTRY2(where, S_), ENTRY2(dropout, S_), ENTRY2(sum, S_), ENTRY2(sum_strided, S_), ENTRY2(sumsq, S_), \
    ENTRY2(dot, S_), ENTRY2(prod, S_), ENTRY2(max, S_), ENTRY2(min, S_), ENTRY2(mean_var, S_), \
    ENTRY2(sum_rows, S_), ENTRY2(softmax, S_), ENTRY2(log_softmax, S_), ENTRY2(softmax_backward, S_), \
    ENTRY2(log_softmax_backward, S_), ENTRY2(cross_entropy, S_), ENTRY2(cross_entropy_backward, S_), \
    ENTRY2(layer_norm, S_), ENTRY2(rms_norm, S_), ENTRY2(layer_norm_backward, S_), ENTRY2(sgd, S_), \
    ENTRY2(adam, S_), ENTRY2(sparse_adam, S_), ENTRY2(rmsprop, S_), ENTRY2(adagrad, S_), ENTRY2(adadelta, S_), ENTRY2(adamax, S_), \
    ENTRY2(nadam, S_), ENTRY2(radam, S_), ENTRY2(rprop, S_), ENTRY2(asgd, S_), \
    ENTRY2(gemm, S_), ENTRY2(gemm_space, S_), ENTRY2(gemm_narrow, S_), ENTRY2(gemm_dots, S_), ENTRY2(gemv_combine, S_), \
    ENTRY2(factor_rows, S_), ENTRY2(reflect_left, S_), ENTRY2(reflect_right, S_), ENTRY2(rotate_rows, S_), \
    ENTRY2(symmetric_step, S_), ENTRY2(rank_two_step, S_), \
    ENTRY2(conv_weights, S_), ENTRY2(conv_pack, S_), ENTRY2(conv_space, S_), ENTRY2(conv_block, S_), \
    ENTRY2(conv_by_rows, S_), ENTRY2(conv_own_space, S_), ENTRY2(conv_own, S_), ENTRY2(conv_weight_own, S_), \
    ENTRY2(conv_panels, S_), ENTRY2(conv_panel, S_), ENTRY2(conv_pack_panel, S_), ENTRY2(conv_channels_space, S_), \
    ENTRY2(conv_channels, S_), \
    ENTRY2(conv_weight_together, S_), ENTRY2(conv_weight_channels_space, S_), ENTRY2(conv_weight_channels, S_), \
    ENTRY2(pool_space, S_), ENTRY2(max_pool, S_), ENTRY2(avg_pool, S_), ENTRY2(avg_pool_backward, S_), \
    ENTRY2(conv_height, S_), ENTRY2(conv_together, S_), ENTRY2(conv_planes_space, S_), ENTRY2(conv_planes, S_), \
    ENTRY2(conv_weight_planes_space, S_), ENTRY2(conv_weight_planes, S_), ENTRY2(conv_weight_space, S_), ENTRY2(conv_weight_block, S_), .conv_lanes_##S_ = MK_CAT(conv_lanes_##S_, ISA)

#define TABLE_NAME2(i) mk_table_##i
#define TABLE_NAME(i) TABLE_NAME2(i)
#define ISA_STRING2(i) #i
#define ISA_STRING(i) ISA_STRING2(i)

const mk_table TABLE_NAME(ISA) = {
    ENTRIES(f32),
    ENTRIES(f64),
    .f64_to_f32 = MK_CAT(f64_to_f32, ISA),
    .f32_to_f64 = MK_CAT(f32_to_f64, ISA),
    .f16_to_f32 = MK_CAT(f16_to_f32, ISA),
    .f32_to_f16 = MK_CAT(f32_to_f16, ISA),
    .bf16_to_f32 = MK_CAT(bf16_to_f32, ISA),
    .f32_to_bf16 = MK_CAT(f32_to_bf16, ISA),
    .name = ISA_STRING(ISA),
};
