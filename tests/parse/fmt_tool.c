/* Stands in for `cellc fmt -` where only the front end is built: formats
 * standard input to standard output.  A second pass must give the same tree
 * and the same text, else it exits with 3. */
#include "ast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(void *user, const char *severity, const char *text)
{
    (void)user;
    (void)severity;
    fputs(text, stderr);
}

static char *read_all(FILE *f, size_t *size)
{
    size_t cap = 1 << 16;
    char *text = malloc(cap);

    for (*size = 0; text; cap *= 2, text = realloc(text, cap)) {
        *size += fread(text + *size, 1, cap - *size, f);
        if (*size < cap)
            break;
    }
    return text;
}

typedef struct Work {
    Arena *arena;
    Intern *names;
    Sources sources;
    Diags *diags;
} Work;

static Ast *parse_text(Work *w, const char *name, const char *s, size_t n)
{
    return parse_file(w->arena, w->names, w->diags,
                      source_add(&w->sources, name, s, n, false));
}

static int format(Work *w, const char *text, size_t size)
{
    Buf first, second;
    Ast *file = parse_text(w, "<stdin>", text, size), *again;

    diags_flush(w->diags);
    if (diags_errors(w->diags))
        return 1;
    buf_init(&first, w->arena);
    buf_init(&second, w->arena);
    ast_print(&first, file);
    again = parse_text(w, "<formatted>", first.s, first.n);
    diags_flush(w->diags);
    ast_print(&second, again);
    if (!ast_equal(file, again) || strcmp(first.s, second.s) != 0) {
        fprintf(stderr, "a second pass changes it:\n%s----\n%s", first.s,
                second.s);
        return 3;
    }
    fputs(second.s, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    size_t size = 0;
    char *text;
    Work w = {0};
    int rc;

    if (argc != 3 || strcmp(argv[1], "fmt") != 0 || strcmp(argv[2], "-") != 0) {
        fputs("usage: fmt_tool fmt -\n", stderr);
        return 2;
    }
    text = read_all(stdin, &size);
    if (!text)
        return 1;
    w.arena = arena_new(NULL);
    w.names = intern_new(w.arena);
    w.sources.arena = w.arena;
    w.diags = diags_new(w.arena, &w.sources, say, NULL);
    rc = format(&w, text, size);
    arena_free(w.arena);
    free(text);
    return rc;
}
