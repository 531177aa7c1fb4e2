/* Matrix products, compiled for every instruction set, and the size of a packed
 * operand.  Called by generated code through kernels.c. */
#include "isa.h"

#define TEMPLATE "gemm.inc"
#include "each_isa.h"

int64_t rt_packed_size_f32(int64_t N, int64_t K)
{
    return (N + 15) / 16 * 16 * K;
}

int64_t rt_packed_size_f64(int64_t N, int64_t K)
{
    return (N + 7) / 8 * 8 * K;
}
