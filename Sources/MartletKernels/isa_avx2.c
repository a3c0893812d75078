/* isa_avx2.c: the templates compiled for avx2. */
#if defined(__x86_64__)
#include "kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include "special.h"
#include <immintrin.h>

/* A loop that calls libm stays scalar, whatever the pragma asks for. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#define ISA avx2
#define VECTOR_BYTES 32
#define HAS_FMA 1
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "template/all.h"
#pragma clang attribute pop
#endif
