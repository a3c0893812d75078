/* isa_neon.c: the templates compiled for AArch64, whose baseline has 32 vector
 * registers of 128 bits and fused multiply-add. */
#if defined(__aarch64__)
#include "kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include "special.h"
#include <arm_neon.h>

/* A loop that calls libm stays scalar, whatever the pragma asks for. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#define ISA neon
#define VECTOR_BYTES 16
#define HAS_FMA 1
#define HAS_NEON 1
#include "template/all.h"
#endif
