/* Kernels on strips and matrices that generated code calls, in float (_f32)
 * and double (_f64).  The functions choose the best instruction set of the
 * machine on their first call; rt_symbols hands the chosen ones to a JIT.
 * Nothing here allocates or keeps state.
 *
 * Strips (strips.def) compute y[rows,n] from operands of the same extents:
 *     void rt_NAME_f32(int64_t rows, int64_t n, float *y, int64_t ys,
 *                      const float *a, int64_t as, int64_t ac, ...);
 * one triple for each operand a, b, c, d, e, f.  Element (r,i) of an operand is
 * a[r*as + i*ac] with ac 0 or 1: ac = 0 repeats a number along the row, as = 0
 * a row for all r; that of y is y[r*ys + i].  y may be an operand itself (same
 * pointer and strides) but must not overlap one otherwise.
 * kernels.def documents all others. */
#ifndef RT_KERNELS_H
#define RT_KERNELS_H

#include <stdint.h>

#define RT_OPERAND(x) const REAL *x, int64_t x##s, int64_t x##c
#define RT_PARAMS1 int64_t rows, int64_t n, REAL *y, int64_t ys, RT_OPERAND(a)
#define RT_PARAMS2 RT_PARAMS1, RT_OPERAND(b)
#define RT_PARAMS3 RT_PARAMS2, RT_OPERAND(c)
#define RT_PARAMS4 RT_PARAMS3, RT_OPERAND(d)
#define RT_PARAMS5 RT_PARAMS4, RT_OPERAND(e)
#define RT_PARAMS6 RT_PARAMS5, RT_OPERAND(f)
#define RT_ARGS1 rows, n, y, ys, a, as, ac
#define RT_ARGS2 RT_ARGS1, b, bs, bc
#define RT_ARGS3 RT_ARGS2, c, cs, cc
#define RT_ARGS4 RT_ARGS3, d, ds, dc
#define RT_ARGS5 RT_ARGS4, e, es, ec
#define RT_ARGS6 RT_ARGS5, f, fs, fc

#define STRIP(count, name, value) void RT_NAME(name)(RT_PARAMS##count);
#define KERNEL(name, params, args) void RT_NAME(name) params;

#define REAL float
#define RT_NAME(name) rt_##name##_f32
#include "kernels.def"
#include "strips.def"
#undef REAL
#undef RT_NAME
#define REAL double
#define RT_NAME(name) rt_##name##_f64
#include "kernels.def"
#include "strips.def"
#undef REAL
#undef RT_NAME

#undef STRIP
#undef KERNEL

/* Reals that a packed right operand of N columns and K rows takes, on every
 * machine: K * N, with N rounded up to 64 bytes. */
int64_t rt_packed_size_f32(int64_t N, int64_t K);
int64_t rt_packed_size_f64(int64_t N, int64_t K);

/* Columns of a packed panel of the kernels that rt_symbols gives: column j of
 * an operand, a multiple of that, begins at packed + j K. */
int64_t rt_panel_width_f32(void);
int64_t rt_panel_width_f64(void);

typedef void RtProc(void); /* to be cast to the kernel's own type */

typedef struct RtSymbol {
    const char *name;   /* "rt_exp_f32" */
    const char *params; /* "(int64_t rows, int64_t n, float *y, ...)" */
    RtProc *proc;
} RtSymbol;

/* All kernels for this machine, `*count` of them, in both precisions and
 * including rt_packed_size_* (the only ones that return something). */
const RtSymbol *rt_symbols(int *count);

/* The same for instruction set 0, 1, ... of those this file was built with,
 * from the plainest to the best; NULL where the machine lacks it or there is
 * no such set.  `*isa` is its name, "" after the last. */
const RtSymbol *rt_symbols_isa(int which, const char **isa, int *count);

#endif
