/* Products with weights in bfloat16 and int8, compiled for every instruction
 * set, and the sizes of their packed operands: for few rows of A, where reading
 * the weights takes the time.  Called by generated code through kernels.c. */
#include "isa.h"

#define TEMPLATE "narrow.inc"
#include "each_isa.h"

int64_t rt_packed_size_bf16(int64_t N, int64_t K)
{
    return (N + 31) / 32 * 32 * K;
}

int64_t rt_packed_size_i8(int64_t N, int64_t K)
{
    return (N + 31) / 32 * 32 * K;
}
