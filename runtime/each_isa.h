/* Includes the file TEMPLATE once for every instruction set and precision that
 * this machine's family knows, with these macros set: ISA (its name), TARGET
 * (attribute that selects it), VECTOR (bytes of a vector), PANEL (vectors
 * abreast in a GEMM panel), ROWS (rows in a GEMM tile; ROWS * PANEL
 * accumulators, PANEL vectors and one broadcast fill the registers), REAL and
 * what each_real.h adds.  Internal to the kernels. */

#ifdef RT_X86
#include <immintrin.h>
#endif
#ifdef __aarch64__
#include <arm_neon.h>
#endif

#define ISA base
#define TARGET
#define VECTOR 16
#ifdef __aarch64__ /* 32 registers and fused operations, always there */
#define PANEL 4
#define ROWS 6
#define VFMA_f32(a, b, c) \
    ((Vec)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define VFMA_f64(a, b, c) \
    ((Vec)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#else
#define PANEL 3
#define ROWS 4
#define VFMA_f32(a, b, c) ((a) * (b) + (c))
#define VFMA_f64(a, b, c) ((a) * (b) + (c))
#endif
#define FMA_f32(a, b, c) vm_fmaf(a, b, c)
#define FMA_f64(a, b, c) vm_fma(a, b, c)
#define VLOAD_f32(p, n) KERNEL_NAME(load)(p, n)
#define VLOAD_f64(p, n) KERNEL_NAME(load)(p, n)
#define VSTORE_f32(p, n, v) KERNEL_NAME(store)(p, n, v)
#define VSTORE_f64(p, n, v) KERNEL_NAME(store)(p, n, v)
#define VPICK_f32(v, at) KERNEL_NAME(lanes_of)(v, at)
#define VPICK_f64(v, at) KERNEL_NAME(lanes_of)(v, at)
#include "each_real.h"

#ifdef RT_X86

#define FMA_f32(a, b, c) __builtin_fmaf(a, b, c)
#define FMA_f64(a, b, c) __builtin_fma(a, b, c)

#define ISA avx2
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR 32
#define PANEL 2
#define ROWS 6
#define VFMA_f32(a, b, c) \
    ((Vec)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define VFMA_f64(a, b, c) \
    ((Vec)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define VLOAD_f32(p, n) KERNEL_NAME(load)(p, n)
#define VLOAD_f64(p, n) KERNEL_NAME(load)(p, n)
#define VSTORE_f32(p, n, v) KERNEL_NAME(store)(p, n, v)
#define VSTORE_f64(p, n, v) KERNEL_NAME(store)(p, n, v)
#define VPICK_f32(v, at) \
    ((Vec)_mm256_permutevar8x32_ps((__m256)(v), (__m256i)(at)))
#define VPICK_f64(v, at) KERNEL_NAME(lanes_of)(v, at)
#include "each_real.h"

#define FMA_f32(a, b, c) __builtin_fmaf(a, b, c)
#define FMA_f64(a, b, c) __builtin_fma(a, b, c)

#define ISA avx512
#define TARGET \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
#define VECTOR 64
#define PANEL 4
#define ROWS 6
#define VFMA_f32(a, b, c) \
    ((Vec)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define VFMA_f64(a, b, c) \
    ((Vec)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define VLOAD_f32(p, n) \
    ((Vec)_mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p))
#define VLOAD_f64(p, n) \
    ((Vec)_mm512_maskz_loadu_pd((__mmask8)((1u << (n)) - 1), p))
#define VSTORE_f32(p, n, v) \
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), (__m512)(v))
#define VSTORE_f64(p, n, v) \
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << (n)) - 1), (__m512d)(v))
#define VPICK_f32(v, at) \
    ((Vec)_mm512_permutexvar_ps((__m512i)(at), (__m512)(v)))
#define VPICK_f64(v, at) \
    ((Vec)_mm512_permutexvar_pd((__m512i)(at), (__m512d)(v)))
#include "each_real.h"

#endif

#undef TEMPLATE
