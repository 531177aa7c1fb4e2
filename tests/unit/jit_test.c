/* Text to functions in both ways, and what is said when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../compiler/jit.h"

static const char good[] = "int twice(int x) { return 2 * x; }\n"
                           "double half(double x) { return x / 2; }\n";

static void calls(JitCompile *compile)
{
    Arena *a = arena_new(NULL);
    Buf err;
    Jit *j;
    buf_init(&err, a);
    assert_int_equal(compile(good, &j, &err), JIT_OK);
    int (*twice)(int) = (int (*)(int))jit_symbol(j, "twice");
    double (*half)(double) = (double (*)(double))jit_symbol(j, "half");
    assert_int_equal(twice(21), 42);
    assert_true(half(5) == 2.5);
    assert_null(jit_symbol(j, "thrice"));
    jit_free(j);
    arena_free(a);
}

static void refuses(JitCompile *compile, const char *text, const char *says)
{
    Arena *a = arena_new(NULL);
    Buf err;
    Jit *j;
    buf_init(&err, a);
    assert_int_equal(compile(text, &j, &err), JIT_REFUSED);
    assert_null(j);
    assert_non_null(strstr(err.s, says));
    arena_free(a);
}

static void test_tcc(void **state)
{
    (void)state;
    calls(jit_tcc);
    refuses(jit_tcc, "int f(void) { return x; }\n", "x");
    refuses(jit_tcc, "int g(int);\nint f(void) { return g(1); }\n", "g");
    refuses(jit_tcc, "#include <math.h>\n", "math.h");
}

static void test_cc(void **state)
{
    (void)state;
    calls(jit_cc);
    refuses(jit_cc, "int f(void) { return x; }\n", "x");
}

static void test_no_compiler(void **state)
{
    (void)state;
    const char *old = getenv("CC");
    char *keep = old ? strdup(old) : NULL;
    Arena *a = arena_new(NULL);
    Buf err;
    Jit *j;
    buf_init(&err, a);
    setenv("CC", "no-such-compiler -x", 1);
    assert_int_equal(jit_cc(good, &j, &err), JIT_MISSING);
    assert_non_null(strstr(err.s, "no-such-compiler"));
    if (keep)
        setenv("CC", keep, 1);
    else
        unsetenv("CC");
    free(keep);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tcc),
                                       cmocka_unit_test(test_cc),
                                       cmocka_unit_test(test_no_compiler)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
