/* Internal to the kernels: the instruction sets built here, and the prototype
 * of every kernel for each of them (rt_exp_f32_avx2, ...), which kernels.c
 * gathers into tables. */
#ifndef RT_ISA_H
#define RT_ISA_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "unroll.h"
#define VM_INLINE RT_INLINE
#include "vmath.h"

#include "kernels.h"

#ifdef __x86_64__
#define RT_X86
#endif

#define TEMPLATE "declare.inc"
#include "each_isa.h"

#endif
