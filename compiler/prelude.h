/* The library in the language itself (compiler/prelude/), embedded at build
 * time by tools/prelude.sh; in order of the file names. */
#ifndef CELLC_PRELUDE_H
#define CELLC_PRELUDE_H

#include <stddef.h>

typedef struct PreludeFile {
    const char *name; /* "fn.cell", "cells/lstm.cell" */
    const char *text; /* ends with a zero that size does not count */
    size_t size;      /* bytes */
} PreludeFile;

extern const PreludeFile prelude_file[];
extern const int prelude_count;

#endif
