/* Internal to the kernels: the instruction sets built here, and the prototype
 * of every kernel for each of them (rt_exp_f32_avx2, ...), which kernels.c
 * gathers into tables. */
#ifndef RT_ISA_H
#define RT_ISA_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define RT_INLINE static inline __attribute__((always_inline))
#define VM_INLINE RT_INLINE
#include "vmath.h"

#include "kernels.h"

#ifdef __x86_64__
#define RT_X86
#endif

/* Before a loop whose iterations are independent although y may be a (those
 * that call the C library stay scalar; clang need not say so), and before one
 * of constant length that must unroll, so that its array becomes registers. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#define RT_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define RT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RT_INDEPENDENT _Pragma("GCC ivdep")
#define RT_UNROLL _Pragma("GCC unroll 8")
#endif

#define TEMPLATE "declare.inc"
#include "each_isa.h"

#endif
