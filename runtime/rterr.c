/* Texts of errors: formatting, prefixing, memory.  See rterr.h. */
#include "rterr.h"

#include <stdio.h>
#include <stdlib.h>

char *rt_vprintf(const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *s = n < 0 ? NULL : malloc((size_t)n + 1);
    if (s)
        vsnprintf(s, (size_t)n + 1, fmt, ap);
    return s;
}

char *rt_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = rt_vprintf(fmt, ap);
    va_end(ap);
    return s;
}

int rt_fail(RtError *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    char *s = rt_vprintf(fmt, ap);
    va_end(ap);
    free(err->text);
    err->text = s;
    return -1;
}

int rt_fail_said(RtError *err)
{
    return rt_fail(err, "%s", "");
}

int rt_fail_memory(RtError *err, size_t bytes)
{
    return rt_fail(err, "out of memory (%zu bytes wanted)", bytes);
}

int rt_fail_in(RtError *err, const char *prefix)
{
    if (err && err->text && *err->text)
        return rt_fail(err, "%s: %s", prefix, err->text);
    return -1;
}

void rt_error_clear(RtError *err)
{
    free(err->text);
    err->text = NULL;
}
