/* What a program says to its user, see flags.h. */
#include "flags.h"

#include "plot.h"
#include "rterr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Columns of n bytes of UTF-8. */
static size_t width(const char *s, size_t n)
{
    size_t columns = 0;

    for (size_t i = 0; i < n; i++)
        columns += ((unsigned char)s[i] & 0xC0) != 0x80;
    return columns;
}

void say_wrapped(const char *text, size_t at, size_t indent, size_t columns,
                 FILE *to)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        if (at > indent && at + 1 + width(text, n) > columns) {
            fprintf(to, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', to);
            at++;
        }
        fwrite(text, 1, n, to);
        at += width(text, n);
        text += n + (text[n] == ' ');
    }
    fputc('\n', to);
}

/* Only lines that a terminal would break inside of words are broken; what
 * stands below the first has its own layout. */
void say_lines(const char *text, size_t at, size_t indent, FILE *to)
{
    size_t n = strcspn(text, "\n");
    char *first = isatty(fileno(to)) ? strndup(text, n) : NULL;

    if (!first) {
        fprintf(to, "%s%s\n", at ? " " : "", text);
        return;
    }
    say_wrapped(first, at, indent, (size_t)plot_columns(fileno(to)), to);
    if (text[n])
        fprintf(to, "%s\n", text + n + 1);
    free(first);
}

static void say(const char *word, const char *colour, const char *fmt,
                va_list ap)
{
    int c = say_colour(stderr);
    char *text = rt_vprintf(fmt, ap);

    fprintf(stderr, "%s%s:%s", c ? colour : "", word, c ? "\033[0m" : "");
    say_lines(text ? text : "out of memory", strlen(word) + 1, 2, stderr);
    free(text);
}

int say_colour(FILE *to)
{
    const char *no = getenv("NO_COLOR");

    return (!no || !*no) && isatty(fileno(to));
}

void say_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say("error", "\033[1;31m", fmt, ap);
    va_end(ap);
}

void say_warning(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say("warning", "\033[1;35m", fmt, ap);
    va_end(ap);
}

void say_note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say("note", "\033[1;36m", fmt, ap);
    va_end(ap);
}

const char *say_lost(void)
{
    int bad = fflush(stdout) != 0;
    const char *why = bad ? strerror(errno) : "an earlier write failed";

    if (!bad && !ferror(stdout))
        return NULL;
    __fpurge(stdout);
    clearerr(stdout);
    return why;
}

int say_end(int code)
{
    const char *why = say_lost();

    if (!why)
        return code;
    say_error(SAY_LOST, why);
    return code ? code : EXIT_USER;
}
