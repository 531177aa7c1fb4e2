/* What the unit tests of files share: a scratch folder, small files in it, and
 * the check that a refusal says what it should. */
#ifndef CELLC_SCRATCH_H
#define CELLC_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rterr.h"

/* cmocka setup: makes the folder and goes into it. */
static inline int scratch_enter(void **state)
{
    const char *base = getenv("TMPDIR");
    char *dir = rt_printf("%s/cellc-unit-XXXXXX", base ? base : P_tmpdir);
    if (!dir || !mkdtemp(dir) || chdir(dir) < 0)
        return -1;
    *state = dir;
    return 0;
}

/* cmocka teardown: removes the folder with what is in it. */
static inline int scratch_leave(void **state)
{
    char *command = rt_printf("rm -rf '%s'", (char *)*state);
    int bad = !command || chdir("/") < 0 || system(command) != 0;
    free(command);
    free(*state);
    return bad ? -1 : 0;
}

static inline void scratch_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void scratch_text(const char *path, const char *text)
{
    scratch_write(path, text, strlen(text));
}

static inline char *scratch_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    char *s = malloc(*n + 1);
    assert_non_null(s);
    assert_int_equal(fread(s, 1, *n, f), *n);
    s[*n] = 0;
    fclose(f);
    return s;
}

/* The call failed and its message holds each of the texts; clears it. */
#define refused(call, err, ...) \
    scratch_refused((call), (err), (const char *[]){__VA_ARGS__, NULL})
static inline void scratch_refused(int result, RtError *err,
                                   const char *const *texts)
{
    assert_int_equal(result, -1);
    assert_non_null(err->text);
    for (; *texts; texts++)
        if (!strstr(err->text, *texts))
            fail_msg("'%s' is not in: %s", *texts, err->text);
    rt_error_clear(err);
}

/* The call succeeded. */
#define done(call, err)                                                \
    do {                                                               \
        if ((call) != 0)                                               \
            fail_msg("%s: %s", #call, (err)->text ? (err)->text : ""); \
    } while (0)

#endif
