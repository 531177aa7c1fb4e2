/* Reports of numbers, see figures.h. */
#include "figures.h"

#include "appjson.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int figures_add(Figures *f, const char *name, double value, int whole,
                RtError *err)
{
    Figure *more = realloc(f->v, (size_t)(f->n + 1) * sizeof *more);

    if (!more)
        return rt_fail_memory(err, (size_t)f->n * sizeof *more);
    f->v = more;
    f->v[f->n] = (Figure){strdup(name), value, whole};
    return f->v[f->n++].name ? 0 : rt_fail_memory(err, strlen(name));
}

void figures_free(Figures *f)
{
    for (int i = 0; i < f->n; i++)
        free(f->v[i].name);
    free(f->v);
    *f = (Figures){0};
}

int expect_parse(Expect *e, const char *text, RtError *err)
{
    const char *op = strpbrk(text, "<>");
    size_t n = op ? (size_t)(op - text) : 0;
    char *end = NULL;

    *e = (Expect){0};
    if (op) {
        e->op[0] = *op;
        e->op[1] = op[1] == '=' ? '=' : 0;
        e->bound = strtod(op + strlen(e->op), &end);
        while (*end == ' ')
            end++;
    }
    while (n && text[n - 1] == ' ')
        n--;
    if (!n || !end || *end || end == op + strlen(e->op))
        return rt_fail(err,
                       "--expect \"%s\": wanted NAME >= NUMBER (or <=, >, <), "
                       "such as 'accuracy(y) >= 0.9'",
                       text);
    e->name = strndup(text, n);
    return e->name ? 0 : rt_fail_memory(err, n);
}

int expect_met(const Expect *e, double value)
{
    if (e->op[1] && value == e->bound)
        return 1;
    return *e->op == '>' ? value > e->bound : value < e->bound;
}

static const Figure *figure_of(const Figures *all, const char *name)
{
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->v[i].name, name))
            return &all->v[i];
    return NULL;
}

static void no_such(const Figures *all, const char *name)
{
    const char **known = malloc((size_t)(all->n + 1) * sizeof *known);
    const char *near;

    for (int i = 0; known && i < all->n; i++)
        known[i] = all->v[i].name;
    near = known ? flags_nearest(name, known, all->n) : NULL;
    say_error("--expect: no number here is called %s%s%s%s", name,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    free(known);
}

/* One expectation, as a line or into the list. */
static int report_expect(const Figures *all, const char *text, json_t *list)
{
    Expect e;
    RtError err = {0};
    const Figure *f;
    int code = 0, met;

    if (expect_parse(&e, text, &err)) {
        say_error("%s", err.text);
        rt_error_clear(&err);
        return EXIT_USAGE;
    }
    f = figure_of(all, e.name);
    if (!f) {
        no_such(all, e.name);
        free(e.name);
        return EXIT_USAGE;
    }
    met = expect_met(&e, f->value);
    code = met ? 0 : EXIT_SHORT;
    if (list)
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:f, s:b}", "name", e.name,
                            "value", app_json_number(f->value), "op", e.op,
                            "bound", e.bound, "met", met));
    else
        printf("%s %.6g (wanted %s %g)\n", e.name, f->value, e.op, e.bound);
    free(e.name);
    return code;
}

int figures_report(const Figures *all, const Flags *f, int as_json)
{
    json_t *j = as_json ? json_object() : NULL;
    json_t *list = as_json ? json_array() : NULL;
    const char *text;
    int code = 0;

    for (int i = 0; i < all->n; i++) {
        const Figure *x = &all->v[i];
        if (isnan(x->value) || (j && isinf(x->value)))
            continue;
        if (j)
            json_object_set_new(j, x->name,
                                x->whole ? json_integer((json_int_t)x->value)
                                         : json_real(x->value));
        else if (x->whole)
            printf("%-12s %.0f\n", x->name, x->value);
        else
            printf("%-12s %.6g\n", x->name, x->value);
    }
    for (int i = 0; (text = flags_each(f, "expect", i)); i++) {
        int one = report_expect(all, text, list);
        code = one > code ? one : code;
    }
    if (j && json_array_size(list))
        json_object_set(j, "expected", list);
    if (j && (json_dumpf(j, stdout, JSON_INDENT(2)) || putchar('\n') == EOF))
        code = EXIT_USER;
    json_decref(j);
    json_decref(list);
    return code;
}
