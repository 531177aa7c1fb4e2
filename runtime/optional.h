/* Libraries that only some files need: they are looked for when such a file is
 * met, so that programs run without them too. */
#ifndef CELLC_OPTIONAL_H
#define CELLC_OPTIONAL_H

#include "rterr.h"

/* A function of the library and the pointer to it that is filled in. */
typedef struct OptionalName {
    const char *name;
    void *to; /* the address of a function pointer */
} OptionalName;

/* Opens the first of the names of a library that is there ("libzip.so.5", ...;
 * the list ends with NULL) and finds its functions (that list ends with a NULL
 * name); once opened it stays so.  The error says what `file` needs and which
 * Debian package has it. */
int optional_open(const char *const *library, const OptionalName *names,
                  const char *file, const char *package, RtError *err);

#endif
