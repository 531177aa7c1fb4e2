/* Libraries that the C compiler made before, by the content of what it was
 * given: files in $XDG_CACHE_HOME/cellc or ~/.cache/cellc that any number of
 * processes may use at once.  Whatever goes wrong here only costs time.
 * Beneath jit.c. */
#ifndef CELLC_JITCACHE_H
#define CELLC_JITCACHE_H

#include "base.h"

/* Where the library of `source` would be, compiled by the words of `argv`
 * (argv[0] the compiler, found along $PATH; NULL after the last), on this
 * machine; NULL if it cannot be told what the compiler would make of it, or
 * if there is no place for a cache. */
const char *jit_cache_path(Arena *a, char *const *argv, const char *source);
/* Whether it is there and whole; it is then one of those used lately. */
bool jit_cache_has(const char *path);
/* Copies the library `made` there, or not. */
void jit_cache_put(Arena *a, const char *path, const char *made);

#endif
