/* The inner half of each_isa.h: includes TEMPLATE for float and for double with
 * REAL, REAL64 (whether it is double), WHOLE (integers of its size), VM and R
 * (see strips.def), FMA and VFMA (a*b + c, on vectors), VLOAD and VSTORE (the
 * first n reals of a vector), VPICK (lanes of a vector by number), and
 * KERNEL_NAME(name), a kernel's name for this precision and instruction set. */

#define RT_JOIN2(name, suffix, isa) rt_##name##_##suffix##_##isa
#define RT_JOIN(name, suffix, isa) RT_JOIN2(name, suffix, isa)
#define R(x) ((REAL)(x))

#define REAL float
#define REAL64 0
#define WHOLE int32_t
#define LARGEST FLT_MAX
#define VM(name) vm_##name##f
#define FMA(a, b, c) FMA_f32(a, b, c)
#define VFMA(a, b, c) VFMA_f32(a, b, c)
#define VLOAD(p, n) VLOAD_f32(p, n)
#define VSTORE(p, n, v) VSTORE_f32(p, n, v)
#define VPICK(v, at) VPICK_f32(v, at)
#define KERNEL_NAME(name) RT_JOIN(name, f32, ISA)
#include TEMPLATE
#undef REAL
#undef REAL64
#undef WHOLE
#undef LARGEST
#undef VM
#undef FMA
#undef VFMA
#undef VLOAD
#undef VSTORE
#undef VPICK
#undef KERNEL_NAME

#define REAL double
#define REAL64 1
#define WHOLE int64_t
#define LARGEST DBL_MAX
#define VM(name) vm_##name
#define FMA(a, b, c) FMA_f64(a, b, c)
#define VFMA(a, b, c) VFMA_f64(a, b, c)
#define VLOAD(p, n) VLOAD_f64(p, n)
#define VSTORE(p, n, v) VSTORE_f64(p, n, v)
#define VPICK(v, at) VPICK_f64(v, at)
#define KERNEL_NAME(name) RT_JOIN(name, f64, ISA)
#include TEMPLATE
#undef REAL
#undef REAL64
#undef WHOLE
#undef LARGEST
#undef VM
#undef FMA
#undef VFMA
#undef VLOAD
#undef VSTORE
#undef VPICK
#undef KERNEL_NAME

#undef R
#undef RT_JOIN
#undef RT_JOIN2
#undef ISA
#undef TARGET
#undef VECTOR
#undef PANEL
#undef ROWS
#undef FMA_f32
#undef FMA_f64
#undef VFMA_f32
#undef VFMA_f64
#undef VLOAD_f32
#undef VLOAD_f64
#undef VSTORE_f32
#undef VSTORE_f64
#undef VPICK_f32
#undef VPICK_f64
