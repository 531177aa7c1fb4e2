/* libFuzzer target: any bytes parse without a crash; what parses without an
 * error is formatted to text that gives the same tree, and a second pass
 * changes nothing.  Messages are made too, so their printing is covered. */
#include "ast.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *user, const char *severity, const char *text)
{
    (void)user;
    (void)severity;
    (void)text;
}

static void fail(const char *what, const Buf *first, const Buf *second)
{
    fprintf(stderr, "%s\n%s----\n%s", what, first->s, second->s);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new(NULL);
    Intern *names = intern_new(arena);
    Sources sources = {arena, {NULL, 0, 0}, 0};
    Diags *diags = diags_new(arena, &sources, ignore, NULL);
    Buf first, second;
    Ast *file, *again;

    buf_init(&first, arena);
    buf_init(&second, arena);
    file =
        parse_file(arena, names, diags,
                   source_add(&sources, "a", (const char *)data, size, false));
    if (diags_errors(diags) == 0) {
        ast_print(&first, file);
        again = parse_file(arena, names, diags,
                           source_add(&sources, "b", first.s, first.n, false));
        ast_print(&second, again);
        if (diags_errors(diags) || !ast_equal(file, again))
            fail("another tree", &first, &second);
        if (strcmp(first.s, second.s) != 0)
            fail("a second pass changes it", &first, &second);
    }
    parse_expr(arena, names, diags,
               source_add(&sources, "c", (const char *)data, size, false));
    diags_flush(diags);
    arena_free(arena);
    return 0;
}
