/* Unit tests of base, source and diag: memory, numbers, places in the text,
 * and how messages look. */
#include "diag.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_arena(void **state)
{
    Arena *a = arena_new(NULL);
    char *p = arena_alloc(a, 3), *q = arena_alloc(a, 5000000);
    char *r = arena_alloc(a, 1), *g;
    size_t i;

    (void)state;
    for (i = 0; i < 5000000; i++)
        assert_int_equal(q[i], 0);
    assert_int_equal((uintptr_t)p % 16, 0);
    assert_int_equal((uintptr_t)q % 16, 0);
    assert_int_equal((uintptr_t)r % 16, 0);
    strcpy(p, "ab");
    g = arena_grow(a, p, 3, 100);
    assert_string_equal(g, "ab");
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_strndup(a, "hello", 2), "he");
    arena_free(a);
    arena_free(NULL);
}

static void test_panic(void **state)
{
    Escape esc;
    Arena *volatile a = arena_new(&esc);

    (void)state;
    if (setjmp(esc.env) == 0)
        arena_panic(a, "node %d is lost", 42);
    assert_string_equal(esc.message, "node 42 is lost");
    if (setjmp(esc.env) == 0)
        arena_alloc(a, SIZE_MAX);
    assert_string_equal(esc.message, "out of memory");
    arena_free(a);
}

static void test_vec(void **state)
{
    Arena *a = arena_new(NULL);
    VEC(int) v = {NULL, 0, 0};
    int i;

    (void)state;
    for (i = 0; i < 100000; i++)
        vec_push(a, &v, i);
    assert_int_equal(v.n, 100000);
    for (i = 0; i < 100000; i++)
        assert_int_equal(v.v[i], i);
    arena_free(a);
}

static void test_buf(void **state)
{
    Arena *a = arena_new(NULL);
    Buf b;
    int i;

    (void)state;
    buf_init(&b, a);
    assert_string_equal(b.s, "");
    for (i = 0; i < 1000; i++) {
        buf_puts(&b, "ab");
        buf_putc(&b, 'c');
        buf_printf(&b, "%d", 4);
    }
    assert_int_equal(b.n, 4000);
    assert_int_equal(strlen(b.s), 4000);
    assert_memory_equal(b.s + 3996, "abc4", 5);
    arena_free(a);
}

static const char *num(Arena *a, double x)
{
    Buf b;

    buf_init(&b, a);
    buf_num(&b, x);
    return b.s;
}

static void test_num(void **state)
{
    static const double hard[] = {0.1,    1.0 / 3,       1e308,
                                  5e-324, 123456789.125, -0.30000000000000004,
                                  2.5e-7};
    Arena *a = arena_new(NULL);
    size_t i;

    (void)state;
    assert_string_equal(num(a, 0.1), "0.1");
    assert_string_equal(num(a, 3), "3");
    assert_string_equal(num(a, -2.5), "-2.5");
    assert_string_equal(num(a, 0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(num(a, HUGE_VAL), "inf");
    for (i = 0; i < sizeof hard / sizeof *hard; i++) {
        const char *s = num(a, hard[i]);

        assert_true(num_read(a, s, strlen(s)) == hard[i]);
    }
    assert_true(num_read(a, "1.5e3xyz", 5) == 1500);
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") ||
        setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        assert_string_equal(num(a, 0.5), "0.5");
        assert_true(num_read(a, "0.5", 3) == 0.5);
        setlocale(LC_NUMERIC, "C");
    }
    arena_free(a);
}

static void test_intern(void **state)
{
    Arena *a = arena_new(NULL);
    Intern *in = intern_new(a);
    const char *x = intern_str(in, "x");
    char name[20];
    int i;

    (void)state;
    assert_ptr_equal(x, intern(in, "xyz", 1));
    assert_ptr_not_equal(x, intern_str(in, "y"));
    assert_string_equal(intern(in, "", 0), "");
    for (i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "v%d", i % 10000);
        assert_string_equal(intern_str(in, name), name);
    }
    assert_ptr_equal(x, intern_str(in, "x"));
    arena_free(a);
}

static void test_place(void **state)
{
    Arena *a = arena_new(NULL);
    Sources s = {a, {NULL, 0, 0}, 0};
    const char *text = "a\r\nβf\xCC\x83 = 日本x\n";
    Source *one = source_add(&s, "one", "x\ny", 3, false);
    Source *two = source_add(&s, "two", text, strlen(text), false);
    Place p;

    (void)state;
    assert_int_equal(one->base, 1);
    assert_null(source_place(&s, 0).file);
    p = source_place(&s, one->base + 2);
    assert_ptr_equal(p.file, one);
    assert_int_equal(p.line, 2);
    assert_int_equal(p.col, 1);
    p = source_place(&s, one->base + 3); /* behind the last character */
    assert_ptr_equal(p.file, one);
    assert_int_equal(p.col, 2);
    p = source_place(&s, two->base);
    assert_ptr_equal(p.file, two);
    assert_int_equal(p.len, 1); /* the CR is not part of the line */
    p = source_place(&s, two->base + (uint32_t)(strchr(text, 'x') - text));
    assert_int_equal(p.line, 2);
    assert_int_equal(p.col, 10);
    assert_int_equal(source_width("f\xCC\x83日", 6), 3);
    assert_string_equal(source_add(&s, "fn", "", 0, true)->name,
                        "prelude/fn.cell");
    assert_string_equal(source_add(&s, "prelude/a/b.cell", "", 0, true)->name,
                        "prelude/a/b.cell");
    arena_free(a);
}

static void test_join(void **state)
{
    Span none = {0, 0}, a = {3, 5}, b = {10, 12}, j = span_join(b, a);

    (void)state;
    assert_int_equal(j.lo, 3);
    assert_int_equal(j.hi, 12);
    assert_int_equal(span_join(none, a).lo, 3);
    assert_int_equal(span_join(a, none).hi, 5);
}

/* ---- messages ---- */

typedef struct Sink {
    char text[4000];
    int calls;
} Sink;

static void keep(void *user, const char *severity, const char *text)
{
    Sink *s = user;

    assert_string_equal(severity, "error");
    assert_true(strlen(s->text) + strlen(text) < sizeof s->text);
    strcat(s->text, text);
    s->calls++;
}

static void test_diag(void **state)
{
    Arena *a = arena_new(NULL);
    Sources s = {a, {NULL, 0, 0}, 0};
    Sink sink = {"", 0};
    Diags *d = diags_new(a, &s, keep, &sink);
    Span x = {6, 8}, all = {1, 12}, none = {0, 0};

    (void)state;
    source_add(&s, "p.cell", "α\t= \xCF\x83x\nnext\n", 14, false);
    diag(d, E_UNSUPPORTED, x, "this");
    assert_int_equal(sink.calls, 0); /* it may still get notes */
    diag_note(d, all, "it began %s", "here");
    diag_help(d, "try that");
    diag(d, E_UNSUPPORTED, x, "this"); /* said already */
    diag_note(d, x, "so is its note");
    diag(d, E_UNSUPPORTED, none, "nowhere");
    diag(d, E_UNSUPPORTED, none, "elsewhere");
    diags_flush(d);
    diags_flush(d);
    assert_int_equal(sink.calls, 3);
    assert_int_equal(diags_errors(d), 3);
    assert_string_equal(sink.text,
                        "p.cell:1:5: error[E0900]: not supported yet: this\n"
                        "    1 | α   = σx\n"
                        "      |       ^\n"
                        "p.cell:1:1: note: it began here\n"
                        "    1 | α   = σx\n"
                        "      | ^~~~~~~~\n"
                        "help: try that\n"
                        "cellc: error[E0900]: not supported yet: nowhere\n"
                        "cellc: error[E0900]: not supported yet: elsewhere\n");
    arena_free(a);
}

static void test_closest(void **state)
{
    static const char *const names[] = {"tanh", "sigmoid", "hidden", "f̃", "h"};

    (void)state;
    assert_string_equal(diag_closest("tahn", names, 5), "tanh");
    assert_string_equal(diag_closest("sigmod", names, 5), "sigmoid");
    assert_string_equal(diag_closest("hiden", names, 5), "hidden");
    assert_string_equal(diag_closest("h", names, 5), "h");
    assert_null(diag_closest("g", names, 5));
    assert_null(diag_closest("softmax", names, 5));
    assert_null(diag_closest("x", NULL, 0));
}

static void test_explain(void **state)
{
    static const char *const codes[] = {
#define D(name, code, severity, format, explanation) code,
#include "diag.def"
#undef D
    };
    int i, k;

    const char *wrong, *right;

    (void)state;
    assert_null(diag_explain("E9999"));
    for (i = 0; i < DIAG_COUNT; i++) {
        assert_true(strlen(diag_explain(codes[i])) > 10);
        if (!diag_example(codes[i], &wrong, &right))
            fail_msg("%s has no example in example.def", codes[i]);
        for (k = 0; k < i; k++)
            assert_string_not_equal(codes[i], codes[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),   cmocka_unit_test(test_panic),
        cmocka_unit_test(test_vec),     cmocka_unit_test(test_buf),
        cmocka_unit_test(test_num),     cmocka_unit_test(test_intern),
        cmocka_unit_test(test_place),   cmocka_unit_test(test_join),
        cmocka_unit_test(test_diag),    cmocka_unit_test(test_closest),
        cmocka_unit_test(test_explain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
