/* The library in the language itself (compiler/prelude/), embedded at build
 * time by tools/prelude.sh; in order of the file names.  library.c parses what
 * a spec needs of it. */
#ifndef CELLC_PRELUDE_H
#define CELLC_PRELUDE_H

typedef struct PreludeFile {
    const char *name;        /* "fn.cell", "cells/lstm.cell" */
    const char *const *line; /* each with its newline; NULL after the last */
} PreludeFile;

/* A cell or function that a file defines for all. */
typedef struct PreludeName {
    const char *name;
    int file;
} PreludeName;

extern const PreludeFile prelude_file[];
extern const int prelude_files;
extern const PreludeName prelude_name[];
extern const int prelude_names;

#endif
