/* Unit tests of the parser: how expressions bind, where children stand, what
 * comments and ## texts belong to, and (in builds with CELLC_TEST_ALLOC) that
 * running out of memory anywhere ends in the Escape. */
#include "ast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct Setting {
    Arena *arena;
    Intern *names;
    Sources sources;
    Diags *diags;
} Setting;

static void setting_new(Setting *s, Escape *esc)
{
    s->arena = arena_new(esc);
    s->names = intern_new(s->arena);
    s->sources = (Sources){s->arena, {NULL, 0, 0}, 0};
    s->diags = diags_new(s->arena, &s->sources, NULL, NULL);
}

static Ast *file_of(Setting *s, const char *text)
{
    return parse_file(s->arena, s->names, s->diags,
                      source_add(&s->sources, "t", text, strlen(text), false));
}

static Ast *expr_of(Setting *s, const char *text)
{
    return parse_expr(s->arena, s->names, s->diags,
                      source_add(&s->sources, "e", text, strlen(text), false));
}

/* Two spellings of one tree. */
static void assert_same(Setting *s, const char *a, const char *b)
{
    Ast *x = expr_of(s, a), *y = expr_of(s, b);

    assert_non_null(x);
    assert_non_null(y);
    if (!ast_equal(x, y))
        fail_msg("%s is not %s", a, b);
}

static void test_binding(void **state)
{
    Setting s;

    (void)state;
    setting_new(&s, NULL);
    assert_same(&s, "-x^2", "-(x^2)");
    assert_same(&s, "-W @ x", "-(W @ x)");
    assert_same(&s, "-W @ x * y", "(-(W @ x)) * y");
    assert_same(&s, "a^-b @ c", "(a^(-b)) @ c");
    assert_same(&s, "a^b^c", "a^(b^c)");
    assert_same(&s, "r * U @ h", "r * (U @ h)");
    assert_same(&s, "a - b - c", "(a - b) - c");
    assert_same(&s, "a / b * c", "(a / b) * c");
    assert_same(&s, "not a and b or c", "((not a) and b) or c");
    assert_same(&s, "not a < b", "not (a < b)");
    assert_same(&s, "a ? b : c ? d : e", "a ? b : (c ? d : e)");
    assert_same(&s, "a ? b : c |> f", "(a ? b : c) |> f");
    assert_same(&s, "a |> f |> g", "(a |> f) |> g");
    assert_same(&s, "W' @ x", "(W') @ x");
    assert_same(&s, "x ⊙ y · z", "x * y @ z");
    assert_same(&s, "f(x)[1].c", "((f(x))[1]).c");
    assert_null(expr_of(&s, "a < b < c"));
    assert_null(expr_of(&s, "a +"));
    assert_null(expr_of(&s, ""));
    arena_free(s.arena);
}

static void test_member(void **state)
{
    Setting s;
    Ast *e;

    (void)state;
    setting_new(&s, NULL);
    e = expr_of(&s, "h.1.fwd.Wi");
    assert_int_equal(e->kind, A_MEMBER);
    assert_string_equal(e->name, "Wi");
    assert_string_equal(e->kid->name, "fwd");
    assert_string_equal(e->kid->kid->name, "1");
    assert_string_equal(e->kid->kid->kid->name, "h");
    e = expr_of(&s, "h - .1");
    assert_true(ast_kid(e, 1)->num == 0.1);
    arena_free(s.arena);
}

static void test_names(void **state)
{
    Setting s;
    Ast *a, *b;

    (void)state;
    setting_new(&s, NULL);
    a = expr_of(&s, "f\xCC\x83 + e\xCC\x81"); /* no such letter; é */
    b = expr_of(&s, "\xC3\xA9");
    assert_ptr_equal(ast_kid(a, 1)->name, b->name);
    assert_string_equal(a->kid->name, "f\xCC\x83");
    assert_string_equal(expr_of(&s, "σ")->name, "σ");
    assert_string_equal(expr_of(&s, "\"a\\n\\\"b\\\\\"")->str, "a\n\"b\\");
    arena_free(s.arena);
}

static void test_children(void **state)
{
    Setting s;
    Ast *f, *a;

    (void)state;
    setting_new(&s, NULL);
    f = file_of(&s, "param W{i,f}[n,m] in (0,1), b = 0 with frozen, lr = 1\n"
                    "cell g(n, p = 1) { output x, y = 2 }\n"
                    "fn q(a) = a\n"
                    "d/da = 1\n"
                    "noise z ~ n(0) shared\n"
                    "k = f(x, h[0] = 1)[i = 1:n]\n");
    assert_int_equal(diags_errors(s.diags), 0);
    assert_int_equal(ast_count(f), 6);
    a = f->kid;
    assert_int_equal(ast_count(a), 4);
    assert_int_equal(ast_count(ast_find(a, A_DECL)), 3);
    assert_int_equal(ast_count(ast_kid(a->kid, 2)), 2);
    assert_int_equal(ast_find(a, A_INIT)->op, '=');
    assert_null(ast_find(a, A_WITH)->kid->kid);
    a = a->next;
    assert_int_equal(ast_count(a), 3);
    assert_null(ast_find(a, A_BODY)->kid->kid->name);
    assert_string_equal(ast_kid(a, 1)->name, "p");
    a = a->next->next;
    assert_string_equal(a->name, "d");
    assert_string_equal(a->str, "da");
    assert_int_equal(a->next->op, K_SHARED);
    a = ast_kid(f, 5)->kid->next; /* A_INDEX, A_SUBS, A_KEY, A_RANGE */
    assert_int_equal(ast_kid(a, 1)->kid->kid->kind, A_RANGE);
    assert_int_equal(ast_kid(a->kid, 2)->kid->kind, A_SUBS);
    arena_free(s.arena);
}

static void test_comments(void **state)
{
    Setting s;
    Ast *f, *a, *body;

    (void)state;
    setting_new(&s, NULL);
    f = file_of(&s, "## The model.\n"
                    "\n"
                    "## hidden\n"
                    "option n = 1 ## units\n"
                    "# plain\n"
                    "cell f(n) { ## head\n"
                    "  input x # in\n"
                    "  # last\n"
                    "} # end\n"
                    "## nobody\n");
    a = f->kid;
    assert_string_equal(f->doc, "The model.");
    assert_string_equal(a->doc, "hidden\nunits");
    a = a->next;
    assert_string_equal(a->before->text, "# plain");
    assert_string_equal(a->doc, "head");
    assert_int_equal(a->after->place, C_HEAD);
    assert_int_equal(a->after->next->place, C_END);
    body = ast_find(a, A_BODY);
    assert_string_equal(body->kid->after->text, "# in");
    assert_string_equal(body->after->text, "# last");
    assert_string_equal(f->after->text, "## nobody");
    arena_free(s.arena);
}

static void test_recovery(void **state)
{
    Setting s;
    Ast *f;

    (void)state;
    setting_new(&s, NULL);
    f = file_of(&s, "cell f(n) {\n  h = )\n  output h\n}\n"
                    "cell g(n) { output 1 }\nx = = 2\ny = 3\n");
    assert_int_equal(diags_errors(s.diags), 2);
    assert_int_equal(ast_count(f), 4);
    assert_int_equal(ast_find(f->kid, A_BODY)->kid->kind, A_ERROR);
    assert_string_equal(f->kid->next->name, "g");
    assert_int_equal(f->kid->next->next->kind, A_ERROR);
    arena_free(s.arena);
}

#ifdef CELLC_TEST_ALLOC
static const char everything[] =
    "## d\noption n = 1 # c\ncell f(n, m = 2) { input x[m] in ĥ; output x }\n"
    "z = f(a.1, h[0] = \"s\\n\") # c\n  |> g\nh = = 1\nx = (1\nλ = $\n";

static void test_out_of_memory(void **state)
{
    static Escape esc;
    static Setting s;
    static volatile long n;
    volatile bool done = false;

    (void)state;
    for (n = 0; !done; n++) {
        s.arena = NULL;
        arena_fail_at(n);
        if (setjmp(esc.env) == 0) {
            Buf out;

            setting_new(&s, &esc);
            buf_init(&out, s.arena);
            ast_print(&out, file_of(&s, everything));
            diags_flush(s.diags);
            done = true;
        } else {
            assert_string_equal(esc.message, "out of memory");
        }
        arena_fail_at(-1);
        arena_free(s.arena);
    }
    assert_true(n > 100);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding),       cmocka_unit_test(test_member),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_children),
        cmocka_unit_test(test_comments),      cmocka_unit_test(test_recovery),
#ifdef CELLC_TEST_ALLOC
        cmocka_unit_test(test_out_of_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
