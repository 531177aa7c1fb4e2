/* Calls in settings, see call.h. */
#include "call.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Distance of Levenshtein, with the exchange of neighbours as one step;
 * capitals are as good as small letters. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), w = m + 1;
    size_t *d = malloc((n + 1) * w * sizeof *d);

    if (!d)
        return SIZE_MAX;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            size_t best = i == 0 ? j : i;
            if (i > 0 && j > 0) {
                best = d[(i - 1) * w + j - 1] + !same(a[i - 1], b[j - 1]);
                if (d[(i - 1) * w + j] + 1 < best)
                    best = d[(i - 1) * w + j] + 1;
                if (d[i * w + j - 1] + 1 < best)
                    best = d[i * w + j - 1] + 1;
            }
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
                same(a[i - 2], b[j - 1]) && d[(i - 2) * w + j - 2] + 1 < best)
                best = d[(i - 2) * w + j - 2] + 1;
            d[i * w + j] = best;
        }
    size_t result = d[n * w + m];
    free(d);
    return result;
}

/* Name number i of a table whose rows begin with a pointer to it. */
static const char *name_at(const void *names, int i, size_t stride)
{
    const char *name;

    memcpy(&name, (const char *)names + (size_t)i * stride, sizeof name);
    return name;
}

const char *call_nearest(const char *name, const void *names, int n,
                         size_t stride)
{
    size_t len = strlen(name), least = len / 3 + (len > 3);
    const char *best = NULL;

    for (int i = 0; i < n && len > 2; i++) /* the beginning of it */
        if (!strncmp(name_at(names, i, stride), name, len))
            return name_at(names, i, stride);
    for (int i = 0; i < n; i++) {
        const char *s = name_at(names, i, stride);
        size_t d = distance(name, s);
        if (d <= least && d < strlen(s) && (!best || d < least)) {
            least = d;
            best = s;
        }
    }
    return best;
}

/* Appends to a malloc'd text; gives NULL for good once memory is out. */
static char *append(char *text, const char *more)
{
    char *t = text ? rt_printf("%s%s", text, more) : NULL;

    free(text);
    return t;
}

/* The shortest decimal that reads back as v. */
static void number_text(double v, char out[32])
{
    int digits = 1;

    do
        snprintf(out, 32, "%.*g", digits, v);
    while (strtod(out, NULL) != v && ++digits <= 17);
}

char *call_text(const CallKind *kind, const double value[CALL_ARGS])
{
    char *t = rt_printf("%s", kind->name), number[32];

    for (int i = 0; kind->arg[i].name; i++) {
        t = append(t, i ? ", " : "(");
        t = append(t, kind->arg[i].name);
        if (!isnan(value[i])) {
            number_text(value[i], number);
            t = append(append(t, " = "), number);
        }
    }
    return kind->arg[0].name ? append(t, ")") : t;
}

static int count_args(const CallKind *k)
{
    int n = 0;

    while (k->arg[n].name)
        n++;
    return n;
}

/* "adam(lr = 0.001, beta1 = 0.9)", with the defaults. */
static char *signature(const CallKind *kind)
{
    double value[CALL_ARGS];

    for (int i = 0; i < CALL_ARGS && kind->arg[i].name; i++)
        value[i] = kind->arg[i].value;
    return call_text(kind, value);
}

typedef struct Parser {
    const char *text, *p; /* whole text; where we are */
    const char *what;     /* "optimizer" */
    RtError *err;
} Parser;

static void skip(Parser *q)
{
    while (isspace((unsigned char)*q->p))
        q->p++;
}

/* An identifier; malloc'd, "" if there is none. */
static char *word(Parser *q)
{
    const char *from;

    skip(q);
    from = q->p;
    if (isalpha((unsigned char)*q->p) || *q->p == '_')
        while (isalnum((unsigned char)*q->p) || *q->p == '_')
            q->p++;
    return rt_printf("%.*s", (int)(q->p - from), from);
}

static int expected(Parser *q, const char *want)
{
    if (*q->p)
        return rt_fail(q->err, "%s \"%s\": expected %s before \"%s\"", q->what,
                       q->text, want, q->p);
    return rt_fail(q->err, "%s \"%s\": expected %s at its end", q->what,
                   q->text, want);
}

static int number(Parser *q, double *value)
{
    char *end;

    skip(q);
    if (strncmp(q->p, "true", 4) == 0 || strncmp(q->p, "false", 5) == 0) {
        *value = *q->p == 't';
        q->p += *q->p == 't' ? 4 : 5;
        return 0;
    }
    *value = strtod(q->p, &end);
    if (end == q->p || isnan(*value))
        return expected(q, "a number");
    q->p = end;
    return 0;
}

static int no_argument(Parser *q, const CallKind *k, const char *name)
{
    const char *near =
        call_nearest(name, k->arg, count_args(k), sizeof *k->arg);
    char *full = signature(k);
    rt_fail(q->err, "%s \"%s\": %s has no argument %s%s%s; it is %s", q->what,
            q->text, k->name, name, near ? ", did you mean " : "",
            near ? near : "", full ? full : k->name);
    free(full);
    return -1;
}

/* One argument: which, and its value.  `next` is the place of one without a
 * name. */
static int argument(Parser *q, const CallKind *k, int next, int *which,
                    double *value)
{
    const char *back = q->p;
    char *name = word(q);
    int i = next, rc = 0;

    if (!name)
        return rt_fail_memory(q->err, 0);
    skip(q);
    if (*name && *q->p == '=') {
        q->p++;
        for (i = 0; k->arg[i].name && strcmp(k->arg[i].name, name) != 0;)
            i++;
        if (!k->arg[i].name)
            rc = no_argument(q, k, name);
    } else {
        q->p = back;
        if (next >= count_args(k)) {
            char *full = signature(k);
            rc = rt_fail(q->err, "%s \"%s\": too many arguments; it is %s",
                         q->what, q->text, full ? full : k->name);
            free(full);
        }
    }
    free(name);
    *which = i;
    return rc ? rc : number(q, value);
}

static int arguments(Parser *q, const CallKind *k, double value[CALL_ARGS])
{
    int given[CALL_ARGS] = {0};

    for (int i = 0; k->arg[i].name; i++)
        value[i] = k->arg[i].value;
    skip(q);
    if (*q->p == '(') {
        q->p++;
        skip(q);
        for (int n = 0; *q->p != ')'; n++) {
            int i = 0;
            double v = 0;
            if (argument(q, k, n, &i, &v))
                return -1;
            if (given[i]++)
                return rt_fail(q->err, "%s \"%s\": %s is given twice", q->what,
                               q->text, k->arg[i].name);
            value[i] = v;
            skip(q);
            if (*q->p != ',' && *q->p != ')')
                return expected(q, "\",\" or \")\"");
            q->p += *q->p == ',';
            skip(q);
        }
        q->p++;
    }
    skip(q);
    return *q->p ? expected(q, "nothing") : 0;
}

/* All given, all within their limits. */
static int check(Parser *q, const CallKind *k, const double value[CALL_ARGS])
{
    for (int i = 0; k->arg[i].name; i++) {
        const CallArg *a = &k->arg[i];
        if (isnan(value[i])) {
            char *full = signature(k);
            rt_fail(q->err, "%s \"%s\": %s is missing; it is %s", q->what,
                    q->text, a->name, full ? full : k->name);
            free(full);
            return -1;
        }
        if (!(value[i] >= a->lo) || (!isinf(a->hi) && value[i] >= a->hi)) {
            char *range = isinf(a->hi)
                              ? rt_printf("at least %g", a->lo)
                              : rt_printf("from %g to below %g", a->lo, a->hi);
            rt_fail(q->err, "%s \"%s\": %s is %g, it must be %s", q->what,
                    q->text, a->name, value[i], range ? range : "another");
            free(range);
            return -1;
        }
    }
    return 0;
}

static int no_kind(Parser *q, const char *name, const void *kinds, int nkind,
                   size_t stride)
{
    const char *near = call_nearest(name, kinds, nkind, stride);
    char *all = rt_printf("%s", "");

    for (int i = 0; i < nkind; i++) {
        all = append(all, i ? ", " : "");
        all = append(all, name_at(kinds, i, stride));
    }
    rt_fail(q->err, "there is no %s \"%s\"; %s%s%shere are %s", q->what,
            *name ? name : q->text, near ? "did you mean " : "",
            near ? near : "", near ? "? T" : "t", all ? all : "?");
    free(all);
    return -1;
}

int call_parse(const char *text, const char *what, const void *kinds, int nkind,
               size_t stride, double value[CALL_ARGS], RtError *err)
{
    Parser q = {text, text, what, err};
    char *name = word(&q);
    int i = 0, rc = 0;

    if (!name)
        return rt_fail_memory(err, 0);
    while (i < nkind && strcmp(name_at(kinds, i, stride), name) != 0)
        i++;
    if (i == nkind) {
        rc = no_kind(&q, name, kinds, nkind, stride);
    } else {
        const CallKind *k =
            (const CallKind *)((const char *)kinds + (size_t)i * stride);
        rc = arguments(&q, k, value);
        if (!rc)
            rc = check(&q, k, value);
    }
    free(name);
    return rc ? -1 : i;
}
