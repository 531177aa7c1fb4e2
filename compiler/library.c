/* The embedded library, parsed no further than needed: a cell of it can only
 * be used by its name, so the names in the user's text (all interned by the
 * lexer by then) decide which files of cells are read.  The time of a
 * compilation does not grow with the library.  Called by cellc.c between the
 * user's files and the elaboration. */
#include "library.h"

#include <string.h>

#include "prelude.h"

const char *library_text(Arena *a, int file)
{
    Buf b;
    buf_init(&b, a);
    for (const char *const *l = prelude_file[file].line; *l; l++)
        buf_puts(&b, *l);
    return b.s ? b.s : "";
}

/* Files outside of cells/ hold what equations use without knowing it: the
 * densities behind `~`. */
static bool always(int file)
{
    return !strchr(prelude_file[file].name, '/');
}

Library library_parse(Arena *a, Intern *in, Diags *d, Sources *s, bool all)
{
    Library lib = {NEW_N(a, Ast *, prelude_files + 1), prelude_files};
    bool *wanted = NEW_N(a, bool, prelude_files + 1);
    bool more = true;
    for (int i = 0; i < prelude_files; i++)
        wanted[i] = all || always(i);
    while (more) {
        more = false;
        for (int i = 0; i < prelude_names; i++)
            wanted[prelude_name[i].file] |=
                intern_known(in, prelude_name[i].name);
        for (int i = 0; i < prelude_files; i++) {
            if (!wanted[i] || lib.file[i])
                continue;
            const char *text = library_text(a, i);
            const char *name =
                arena_printf(a, "prelude/%s", prelude_file[i].name);
            lib.file[i] = parse_file(
                a, in, d, source_add(s, name, text, strlen(text), true));
            more = true;
        }
    }
    return lib;
}
