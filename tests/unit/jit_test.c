/* Text to functions in both ways, and what is said when that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "../../compiler/jit.h"
#include "scratch.h"

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

/* How often the compiler that the test wraps ran so far. */
static int compilations(void)
{
    size_t n = 0;
    char *log = access("log", F_OK) ? NULL : scratch_read("log", &n);
    free(log);
    return (int)n;
}

static void shell(const char *command)
{
    assert_int_equal(system(command), 0);
}

/* One text is compiled once; a broken file is made anew; without a place for
 * the cache everything goes on. */
static void test_cache(void **state)
{
    const char *old = getenv("CC"), *dir = *state;
    char *keep = old ? strdup(old) : NULL, *cc = rt_printf("%s/cc", dir);
    scratch_text("cc", "#!/bin/sh\nprintf x >>log\nexec cc \"$@\"\n");
    shell("chmod +x cc");
    setenv("CC", cc, 1);
    setenv("XDG_CACHE_HOME", dir, 1);
    for (int i = 0; i < 3; i++)
        calls(jit_cc);
    assert_int_equal(compilations(), 1);
    shell("for f in cellc/*.so; do head -c 900 $f >x && cp x $f; done");
    for (int i = 0; i < 2; i++)
        calls(jit_cc);
    assert_int_equal(compilations(), 2);
    shell("touch -d '2 years ago' cellc/old.so; echo >>cc");
    calls(jit_cc); /* another compiler, another file */
    assert_int_equal(compilations(), 3);
    shell("test ! -e cellc/old.so");
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    calls(jit_cc);
    assert_int_equal(compilations(), 4);
    if (keep)
        setenv("CC", keep, 1);
    else
        unsetenv("CC");
    unsetenv("XDG_CACHE_HOME");
    free(keep);
    free(cc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcc), cmocka_unit_test(test_cc),
        cmocka_unit_test(test_no_compiler),
        cmocka_unit_test_setup_teardown(test_cache, scratch_enter,
                                        scratch_leave)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
