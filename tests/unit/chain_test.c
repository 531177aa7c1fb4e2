/* Tests of kernel `chain` against the same programs step by step in double:
 * random ones of one and two bodies, with scales of every kind and numbers that
 * terms are made of; gradients with the pairs that go with them; and turns that
 * it declines, of which nothing may be written; on every instruction set of the
 * machine, in both precisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime/chain.h"
#include "each_kernel.h"

enum { ARRAYS = 64, FROM = 3, SHIFT = 2 };

static uint64_t seed = 1;

/* Between -1 and 1. */
static double random_real(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-52 - 1;
}

static int random_int(int n)
{
    return (int)((random_real() + 1) / 2 * n);
}

#define REAL double
#define NAME(f) f##_f64
#define SUFFIX "_f64"
#define ROOM 1e-13
#include "chain_test.inc"
#undef REAL
#undef NAME
#undef SUFFIX
#undef ROOM
#define REAL float
#define NAME(f) f##_f32
#define SUFFIX "_f32"
#define ROOM 1e-5
#include "chain_test.inc"

static void check_both(const RtSymbol *symbols, int count)
{
    check_all_f64(symbols, count);
    check_all_f32(symbols, count);
}

static void test_every_isa(void **state)
{
    (void)state;
    check_every_isa(check_both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_isa)};
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
