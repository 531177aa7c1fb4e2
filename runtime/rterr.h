/* How the runtime reports a mistake: a function that can fail returns 0 or -1
 * and, on -1, leaves one text for the user in the caller's RtError.  Nothing
 * is printed and nothing exits.  Lowest layer of the runtime. */
#ifndef CELLC_RTERR_H
#define CELLC_RTERR_H

#include <stdarg.h>
#include <stddef.h>

/* Start with `RtError err = {0};`, end with rt_error_clear(&err). */
typedef struct RtError {
    char *text; /* what was found, what was wanted, what to do; NULL: none;
                   "": it was said already */
} RtError;

/* Replaces the text (the old one may be among the arguments) and returns -1.
 * `err` may be NULL. */
int rt_fail(RtError *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* For what the user was told already: nothing is said of it; returns -1. */
int rt_fail_said(RtError *err);
/* "out of memory (N bytes)"; returns -1. */
int rt_fail_memory(RtError *err, size_t bytes);
/* Puts "prefix: " before the text there is; returns -1. */
int rt_fail_in(RtError *err, const char *prefix);
void rt_error_clear(RtError *err);

/* A malloc'd text; NULL without memory. */
char *rt_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *rt_vprintf(const char *fmt, va_list ap);

#endif
