/* As much of cmocka as kernels_test.c uses, for machines that Debian has no
 * cross library of it for: the first failure ends the program. */
#ifndef TESTS_NEON_CMOCKA_H
#define TESTS_NEON_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function) \
    {                              \
#function, function        \
    }
#define print_message(...) ((void)printf(__VA_ARGS__))
#define fail_msg(...)                                                    \
    (printf("not ok: %s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), \
     printf("\n"), exit(1))
#define assert_true(x) ((x) ? (void)0 : fail_msg("%s", #x))
#define assert_null(x) assert_true(!(x))
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_ptr_equal(a, b) assert_true((a) == (b))
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    run_tests(tests, sizeof(tests) / sizeof *(tests))

static int run_tests(const struct CMUnitTest *tests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tests[i].run(NULL);
        printf("ok %d - %s\n", (int)i + 1, tests[i].name);
    }
    return 0;
}

#endif
