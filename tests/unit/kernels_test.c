/* Tests of the run-time kernels: every strip against its definition with all
 * strides, sizes and in place; reductions, selections and products against
 * plain loops; on every instruction set of the machine, in both precisions; and
 * the error of the elementary functions against the C library in double, over
 * a sample of all floats or, with EVERY_FLOAT set, all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "each_kernel.h"
#include "../../runtime/vmath.h"

enum {
    GAP = 3,     /* reals between rows that nothing may touch */
    OPERANDS = 6 /* most of a strip */
};

static uint64_t seed = 1;

static double random_real(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * 0x1p-53;
}

static int random_int(int n)
{
    return (int)(random_real() * n);
}

#define REAL double
#define NAME(f) f##_f64
#define SUFFIX "_f64"
#define VM(f) vm_##f
#define FMA(a, b, c) fma(a, b, c)
#define EPS 0x1p-53
#define PACKED_SIZE rt_packed_size_f64
#include "kernels_test.inc"
#undef REAL
#undef NAME
#undef SUFFIX
#undef VM
#undef FMA
#undef EPS
#undef PACKED_SIZE

#define REAL float
#define NAME(f) f##_f32
#define SUFFIX "_f32"
#define VM(name) vm_##name##f
#define FMA(a, b, c) fmaf(a, b, c)
#define EPS 0x1p-24
#define PACKED_SIZE rt_packed_size_f32
#include "kernels_test.inc"

static void test_every_isa(void **state)
{
    const RtSymbol *symbols;
    const char *isa;
    int count;
    (void)state;
    for (int i = 0;; i++) {
        symbols = rt_symbols_isa(i, &isa, &count);
        if (!*isa)
            break;
        if (!symbols) {
            print_message("  %s: not on this machine\n", isa);
            continue;
        }
        print_message("  %s: %d kernels\n", isa, count);
        check_all_f32(symbols, count);
        check_all_f64(symbols, count);
    }
    assert_int_equal(count, 0);
}

static void test_definitions(void **state)
{
    (void)state;
    check_joins_f32();
    check_joins_f64();
    check_definitions_f32();
    check_definitions_f64();
}

static void test_public(void **state)
{
    int count;
    const RtSymbol *symbols = rt_symbols(&count);
    float a[3] = {1, -2, 3}, b[3] = {4, 5, 6}, y[3] = {0};
    (void)state;
    for (int i = 0; i < count; i++) {
        assert_int_equal(strncmp(symbols[i].name, "rt_", 3), 0);
        assert_int_equal(symbols[i].params[0], '(');
        assert_null(strstr(symbols[i].params, "REAL"));
        assert_ptr_equal(find(symbols, count, symbols[i].name),
                         symbols[i].proc);
    }
    assert_ptr_equal(rt_symbols(&count), symbols);
    rt_mul_f32(1, 3, y, 3, a, 3, 1, b, 3, 1);
    assert_true(y[0] == 4 && y[1] == -10 && y[2] == 18);
    rt_rowmax_f32(1, 3, y, 1, a, 3);
    assert_true(y[0] == 3);
    rt_add_f32(0, 3, y, 3, NULL, 3, 1, NULL, 3, 1);
    rt_fill_f32(3, 0, y, 0, 1);
    assert_true(y[0] == 3);
    assert_int_equal(rt_packed_size_f32(17, 3), 96);
    assert_int_equal(rt_packed_size_f64(17, 3), 72);
}

/* ---- elementary functions */

typedef struct Function {
    const char *name;
    float (*mine)(float x);
    double (*exact)(double x);
    double ulp; /* as stated in vmath.h */
} Function;

static const Function functions[] = {
    {"exp", vm_expf, vm_exp, 1.1},
    {"expm1", vm_expm1f, vm_expm1, 1.8},
    {"log", vm_logf, vm_log, 0.9},
    {"log1p", vm_log1pf, vm_log1p, 0.9},
    {"sigmoid", vm_sigmoidf, vm_sigmoid, 2.5},
    {"tanh", vm_tanhf, vm_tanh, 2.0},
    {"softplus", vm_softplusf, vm_softplus, 1.8},
    {"logsigmoid", vm_logsigmoidf, vm_logsigmoid, 1.8},
    {"erf", vm_erff, vm_erf, 1.5},
};

/* |y - want| in units of the last place of a float near want */
static double ulps(float y, double want)
{
    union {
        double d;
        uint64_t i;
    } u = {want}, unit = {0};
    const int e = (int)(u.i >> 52 & 2047) - 1022; /* want = m 2^e, m < 1 */
    unit.i = (uint64_t)((e - 24 < -149 ? -149 : e - 24) + 1023) << 52;
    return want == (double)y ? 0 : fabs((double)y - want) / unit.d;
}

static void check_function(const Function *f)
{
    const uint64_t step = getenv("EVERY_FLOAT") ? 1 : 997;
    double worst = 0;
    float at = 0;
    for (uint64_t bits = 0; bits < UINT64_C(0x100000000); bits += step) {
        const float x = vm_unbitsf((int32_t)(uint32_t)bits);
        const float y = f->mine(x);
        const double want = f->exact((double)x);
        const float nearest = (float)want;
        if (want != want || isinf(nearest) || isinf(y)) {
            if (want != want ? y == y : y != nearest)
                fail_msg("%s(%a) = %a, expected %a", f->name, (double)x,
                         (double)y, want);
            continue;
        }
        const double error = ulps(y, want);
        if (!(error <= worst)) {
            worst = error;
            at = x;
        }
    }
    print_message("  %-10s %.2f ulp at %.9g\n", f->name, worst, (double)at);
    assert_true(worst <= f->ulp);
}

static void test_functions(void **state)
{
    static const float special[] = {0.0f,  -0.0f, INFINITY, -INFINITY,
                                    NAN,   1.0f,  -1.0f,    0x1p-149f,
                                    -2.0f, 89.0f, -104.0f,  FLT_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const Function *f = &functions[i];
        check_function(f);
        for (size_t j = 0; j < sizeof special / sizeof *special; j++) {
            const float y = f->mine(special[j]);
            const float want = (float)f->exact((double)special[j]);
            if (want != want)
                assert_true(y != y);
            else if (isinf(want) || want == 0)
                assert_true(y == want && !signbit(y) == !signbit(want));
            else
                assert_true(ulps(y, (double)want) <= f->ulp + 0.5);
        }
    }
}

/* A power of what is drawn, whose result is often a number. */
static void check_power(float x, float y, double *worst)
{
    const float p = vm_powf(x, y);
    const double want = pow((double)x, (double)y);
    const float nearest = (float)want;
    if (want != want || isinf(nearest) || isinf(p) || want == 0) {
        if (want != want ? p == p
                         : p != nearest || !signbit(p) != !signbit(nearest))
            fail_msg("pow(%a, %a) = %a, expected %a", (double)x, (double)y,
                     (double)p, want);
        return;
    }
    *worst = fmax(*worst, ulps(p, want));
}

static void test_power(void **state)
{
    static const float special[] = {
        0.0f,           -0.0f,    INFINITY,  -INFINITY, NAN,
        1.0f,           -1.0f,    2.0f,      -2.0f,     3.0f,
        -3.0f,          0.5f,     -0.5f,     0x1p-149f, -3.5f,
        FLT_MAX,        -FLT_MAX, 0.0625f,   1e-30f,    -0x1p24f,
        0x1.000002p24f, 1e30f,    0x1p-126f, 0.999999f, 16777217.0f};
    const size_t n = sizeof special / sizeof *special;
    uint64_t bits = 1;
    double worst = 0;
    (void)state;
    for (size_t i = 0; i < n * n; i++)
        check_power(special[i / n], special[i % n], &worst);
    for (int i = 0; i < 4000000; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        const float x = vm_unbitsf((int32_t)(uint32_t)(bits >> 32));
        const double u = (double)(bits >> 9 & 0x7fffff) / 0x1p22 - 1;
        const double scale = 128 / fmax(fabs(log2(fabs((double)x))), 1e-3);
        check_power(x, vm_unbitsf((int32_t)(uint32_t)(bits >> 7)), &worst);
        check_power(fabsf(x), (float)(u * scale), &worst);
    }
    print_message("  %-10s %.2f ulp\n", "pow", worst);
    assert_true(worst <= 1.1);
}

static void test_double_tails(void **state)
{
    (void)state;
    assert_true(vm_sigmoid(-800) == 0 && vm_sigmoid(800) == 1);
    assert_true(vm_sigmoid(-740) > 0);
    assert_true(vm_softplus(-740) > 0 && vm_softplus(800) == 800);
    assert_true(vm_logsigmoid(-800) == -800);
    assert_true(isnan(vm_sigmoid(NAN)) && isnan(vm_softplus(NAN)));
    assert_true(isnan(vm_max(NAN, 1)) && isnan(vm_max(1, NAN)));
    assert_true(isnan(vm_min(NAN, 1)) && isnan(vm_relu(NAN)));
    assert_true(isnan(vm_signf(NAN)) && vm_signf(-3) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),    cmocka_unit_test(test_power),
        cmocka_unit_test(test_double_tails), cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_public),       cmocka_unit_test(test_every_isa),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
