/* Fields of a table that hold a sequence of numbers each, spread over columns
 * that are its steps or between blanks in one field, or that name a file with
 * them.  Called by apptable.c.  See apphost.h. */
#include "apphost.h"
#include "series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The numbers of one line. */
typedef struct Row {
    double *v;
    int64_t n, cap;
} Row;

static int add_number(Row *r, double x, RtError *err)
{
    if (r->n == r->cap) {
        int64_t cap = r->cap ? 2 * r->cap : 256;
        double *more = realloc(r->v, sizeof *more * (size_t)cap);

        if (!more)
            return rt_fail_memory(err, sizeof *more * (size_t)cap);
        r->v = more;
        r->cap = cap;
    }
    r->v[r->n++] = x;
    return 0;
}

/* Numbers between blanks; what is missing is -1 where that may be. */
static int split(Row *r, const char *field, const RtWant *want,
                 const char *place, RtError *err)
{
    char *copy = strdup(field), *rest = NULL;
    int bad = copy ? 0 : rt_fail_memory(err, strlen(field));

    for (char *s = copy ? strtok_r(copy, " \t", &rest) : NULL; s && !bad;
         s = strtok_r(NULL, " \t", &rest)) {
        double x;
        int got = csv_number(s, &x);

        if (!got && want->is_index && want->observed)
            x = -1;
        else if (got <= 0)
            bad = rt_fail(err,
                          "%s: '%.60s' is no number; input %s wants numbers "
                          "between blanks",
                          place, s, want->name);
        bad = bad || add_number(r, x, err);
    }
    free(copy);
    return bad ? -1 : 0;
}

/* The values of several columns; missing ones at the end are none. */
static int gather(Row *r, const double *value, const int *cols, int n,
                  const RtWant *want, const char *place, RtError *err)
{
    while (n > 0 && isnan(value[cols[n - 1]]))
        n--;
    for (int k = 0; k < n; k++) {
        double x = value[cols[k]];

        if (isnan(x) && want->is_index && want->observed)
            x = -1;
        if (isnan(x))
            return rt_fail(err,
                           "%s: the value in column %d is missing and others "
                           "follow; input %s needs one at every step",
                           place, cols[k] + 1, want->name);
        if (add_number(r, x, err))
            return -1;
    }
    return 0;
}

static int one_column(const AppSource *s, CsvUnit unit, const Csv *csv, int n,
                      RtError *err)
{
    return n == 1 ? 0
                  : rt_fail(err,
                            "%s: %d columns for input %s; %s takes one, such "
                            "as %s(1)",
                            csv->path, n, s->in->want.name, csv_unit_name(unit),
                            csv_unit_name(unit));
}

static int read_row(const AppSource *s, CsvUnit unit, const Csv *csv,
                    int64_t row, const int *cols, int n, Row *r, Series *to,
                    RtError *err)
{
    char *place = rt_printf("%s:%lld", csv->path, (long long)csv->line[row]);
    const RtWant *want = &s->in->want;
    int bad = place ? 0 : rt_fail_memory(err, 0);

    r->n = 0;
    if (!bad && unit == CSV_STEPS)
        bad =
            gather(r, csv->value + row * csv->ncol, cols, n, want, place, err);
    else if (!bad)
        bad = split(r, csv->field[row * csv->ncol + *cols], want, place, err);
    if (!bad) {
        Npy a = {NPY_F8, 1, &r->n, r->n, r->v};

        bad = series_add(to, place, &a, err);
    }
    free(place);
    return bad;
}

int app_fields(const AppSource *s, CsvUnit unit, const Csv *csv, RtData *d,
               RtError *err)
{
    int *cols, n, bad = 0;
    Series to;
    Row r = {0};

    if (csv_columns(csv, s->part, unit == CSV_STEPS, &cols, &n, err))
        return -1;
    if (unit != CSV_STEPS)
        bad = one_column(s, unit, csv, n, err);
    series_begin(&to, &s->in->want, NPY_F8);
    for (int64_t i = 0; i < csv->nrow && !bad; i++)
        bad = read_row(s, unit, csv, i, cols, n, &r, &to, err);
    if (!bad)
        bad = series_end(&to, d, csv->path, err);
    series_free(&to);
    free(r.v);
    free(cols);
    return bad;
}
