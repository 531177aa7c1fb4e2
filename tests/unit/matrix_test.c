/* Tests of the kernels on the matrices of a row against plain loops in double:
 * products in every form, views and their adjoints, partial sums, look-ups,
 * exponentials with known values, solutions put back into their equation, and
 * programs on lines;
 * on every instruction set of the machine, in both precisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "each_kernel.h"
#include "../../runtime/sweep.h"

enum { ROWS = 3, GAP = 2, MOST = 4000 };

static uint64_t seed = 1;

static double random_real(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-52 - 1;
}

#define REAL double
#define NAME(f) f##_f64
#define SUFFIX "_f64"
#define ROOM 1e-13
#include "matrix_test.inc"
#undef REAL
#undef NAME
#undef SUFFIX
#undef ROOM
#define REAL float
#define NAME(f) f##_f32
#define SUFFIX "_f32"
#define ROOM 2e-5
#include "matrix_test.inc"

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
    return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
