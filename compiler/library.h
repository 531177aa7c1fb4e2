/* The embedded library: as trees, the files that a compilation needs or all of
 * them; see library.c. */
#ifndef CELLC_LIBRARY_H
#define CELLC_LIBRARY_H

#include "ast.h"

typedef struct Library {
    Ast **file; /* by number of prelude_file[]; NULL where not parsed */
    int n;      /* files, parsed or not */
} Library;

/* Parses the files that define a name known to `in`, those that they mention
 * in turn, and those of functions and combinators; `all`: every file. */
Library library_parse(Arena *a, Intern *in, Diags *d, Sources *s, bool all);
/* The text of a file, from its lines. */
const char *library_text(Arena *a, int file);

#endif
