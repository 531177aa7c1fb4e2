/* The library: only what a text mentions is parsed, and all names are known. */
#include "library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prelude.h"

/* Number of the file, or -1. */
static int find_file(const char *name)
{
    for (int i = 0; i < prelude_files; i++)
        if (!strcmp(prelude_file[i].name, name))
            return i;
    return -1;
}

static Library parse(Arena *a, const char *mentioned, bool all)
{
    Sources *s = NEW(a, Sources);
    Intern *names = intern_new(a);
    s->arena = a;
    s->next = 1;
    intern_str(names, mentioned);
    return library_parse(a, names, diags_new(a, s, NULL, NULL), s, all);
}

static void test_needed(void **state)
{
    Arena *a = arena_new(NULL);
    Library lib = parse(a, "gru", false);
    int gru = find_file("cells/gru.cell"), lstm = find_file("cells/lstm.cell");

    (void)state;
    assert_int_equal(lib.n, prelude_files);
    assert_non_null(lib.file[gru]);
    assert_null(lib.file[lstm]);
    assert_non_null(lib.file[find_file("dist.cell")]);
    lib = parse(a, "gru", true);
    for (int i = 0; i < lib.n; i++)
        assert_non_null(lib.file[i]);
    arena_free(a);
}

/* Every file of cells defines the cell that it is called after. */
static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < prelude_files; i++) {
        const char *slash = strchr(prelude_file[i].name, '/');
        bool found = !slash;

        for (int k = 0; k < prelude_names && slash; k++)
            found |= prelude_name[k].file == i &&
                     !strncmp(prelude_name[k].name, slash + 1,
                              strlen(slash + 1) - strlen(".cell")) &&
                     strlen(prelude_name[k].name) ==
                         strlen(slash + 1) - strlen(".cell");
        if (!found)
            fail_msg("%s defines no cell of its name", prelude_file[i].name);
    }
}

static void test_text(void **state)
{
    Arena *a = arena_new(NULL);
    const char *text = library_text(a, find_file("cells/gru.cell"));

    (void)state;
    assert_non_null(
        strstr(text, "cell gru(n, keep = 1, carry = 0) {\n  input x[m]\n"));
    assert_string_equal(text + strlen(text) - 2, "}\n");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needed),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
