/* A model with one instance of a cell, so that the cell can be checked. */
#include "drv.h"

#include <stdlib.h>
#include <string.h>

/* "NAME(4, 0.3)": numbers for the arguments that a cell's text has no default
 * for; malloc'd. */
static char *call_of(const char *name, const char *text)
{
    const char *p = text ? strstr(text, "cell ") : NULL;
    char *call = rt_printf("%s", name), *old;
    int n = 0, depth = 0, has = 0;

    p = p ? p + strcspn(p, "({\n") : "";
    if (*p != '(')
        return call;
    for (p++; *p && !(depth == 0 && *p == ')'); p++) {
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
        if (depth == 0 && (*p == ',' || n == 0)) {
            const char *q = p + (*p == ',');
            size_t len;

            q += strspn(q, " \n");
            len = strcspn(q, " =,)\n");
            has = q[len + strspn(q + len, " \n")] == '=';
            n++;
            if (has)
                break;
            old = call;
            call = rt_printf("%s%s%s", old, n == 1 ? "(" : ", ",
                             len == 1 && *q == 'p' ? "0.3" : "4");
            free(old);
        }
    }
    old = call;
    call = rt_printf("%s%s", old ? old : "",
                     strchr(old ? old : "(", '(') ? ")"
                     : n ? "()"
                         : "");
    free(old);
    return call;
}

char *drv_spec_around(const char *before, const char *name, const char *text,
                      const char *wrap)
{
    char *call = call_of(name, text), *spec;
    const char *hole = strchr(wrap, '%');
    const char *input = text ? strstr(text, "input ") : NULL;
    int index = 0;

    if (input) {
        size_t line = strcspn(input, "\n;}");
        const char *in = strstr(input, " in ");

        index = in && in < input + line;
    }
    spec = rt_printf("%s\ninput x[t%s]%s\nh = %.*s%s%s(x)\noutput h\n", before,
                     index ? "" : ", m", index ? " in words" : "",
                     (int)(hole ? hole - wrap : 0), wrap, call ? call : name,
                     hole ? hole + 1 : "");
    free(call);
    return spec;
}
