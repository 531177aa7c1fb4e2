/* What the kernels tell the C compiler; text for it contains this too. */
#ifndef RT_UNROLL_H
#define RT_UNROLL_H

#define RT_INLINE static inline __attribute__((always_inline))

/* Before a loop whose iterations are independent although y may be a (those
 * that call the C library stay scalar; clang need not say so), and before one
 * of constant length that must unroll, so that its array becomes registers. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed"
#define RT_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define RT_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RT_INDEPENDENT _Pragma("GCC ivdep")
#define RT_UNROLL _Pragma("GCC unroll 16")
#endif

#endif
