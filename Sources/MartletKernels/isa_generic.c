/* isa_generic.c: the templates compiled for any CPU the compiler targets. */
#include "kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include "special.h"

/* A loop that calls libm stays scalar, whatever the pragma asks for. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#define ISA generic
#define VECTOR_BYTES 16
#if defined(__ARM_FEATURE_FMA)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#include "template/all.h"
