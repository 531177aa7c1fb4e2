/* Source files of one compilation, seen as one long text: a Span is two byte
 * offsets into it, small enough to sit on every token, tree and graph node. */
#ifndef CELLC_SOURCE_H
#define CELLC_SOURCE_H

#include "base.h"

typedef struct Span {
    uint32_t lo, hi; /* first byte, one past the last; {0,0}: nowhere */
} Span;

typedef struct Source {
    const char *name; /* as shown to the user: path, "<stdin>", "prelude/..." */
    const char *text; /* NUL-terminated, `size` bytes */
    size_t size;      /* bytes, NUL not counted */
    uint32_t base;    /* offset of its first byte in the concatenation */
    bool library;     /* part of the embedded prelude */
} Source;

typedef struct Sources {
    Arena *arena;
    VEC(Source *) file;
    uint32_t next; /* base of the next file; starts at 1, 0 means nowhere */
} Sources;

typedef struct Place {
    const Source *file; /* NULL for a span from nowhere */
    int line, col;      /* from 1; col counts displayed characters */
    const char *text;   /* start of the line, not terminated */
    int len;            /* bytes of the line without its newline */
} Place;

/* Adds a file whose text is copied; names need not be unique.  NULL when all
 * files together would exceed 4 GiB, which offsets cannot reach. */
Source *source_add(Sources *s, const char *name, const char *text, size_t size,
                   bool library);
Place source_place(const Sources *s, uint32_t at);
/* Columns that n bytes of UTF-8 take on a terminal. */
int source_width(const char *s, int n);
Span span_join(Span a, Span b);

#endif
