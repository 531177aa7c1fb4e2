/* Fields of a table that hold a sequence of numbers each, spread over columns
 * that are its steps or between blanks in one field, or that name a file with
 * them.  Called by apptable.c.  See apphost.h. */
#include "apphost.h"
#include "array.h"
#include "picture.h"
#include "series.h"
#include "wav.h"

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

/* How the call says that sound is to be read; without a number of coefficients
 * there are as many as the input has. */
static int sound_how(const AppSource *s, MfccHow *how, RtError *err)
{
    static const char *const key[] = {
        "emphasis", "window", "hop", "low", "high", "filters", "coefficients"};
    const RtWant *want = &s->in->want;
    double v[] = {mfcc_usual.emphasis,    mfcc_usual.window, mfcc_usual.hop,
                  mfcc_usual.low,         mfcc_usual.high,   mfcc_usual.filters,
                  mfcc_usual.coefficients};

    if (want->rank == 1 && want->dim[0] > 0)
        v[6] = (double)want->dim[0];
    if (csv_options(s->part, key, v, 7, err))
        return -1;
    for (int k = 5; k < 7; k++)
        if (!(v[k] >= 1 && v[k] <= 1e6))
            return rt_fail(err, "%s = %g, wanted 1 or more", key[k], v[k]);
    *how = (MfccHow){v[0], v[1], v[2], v[3], v[4], (int)v[5], (int)v[6]};
    return 0;
}

/* The samples of a scalar input, else coefficients. */
static int read_sound(const AppSource *s, const char *path, Npy *a,
                      RtError *err)
{
    Wav w = {0};
    MfccHow how;
    double *v = NULL;
    int64_t frames = 0;
    int samples = !s->in->want.rank && !s->in->want.is_static;
    int bad = sound_how(s, &how, err) || wav_read(path, &w, err);

    a->dim = malloc(2 * sizeof *a->dim);
    if (!bad && !a->dim)
        bad = rt_fail_memory(err, 2 * sizeof *a->dim);
    if (!bad && !samples && mfcc_find(&w, &how, &v, &frames, err))
        bad = rt_fail_in(err, path);
    if (!bad) {
        *a = (Npy){NPY_F8, samples ? 1 : 2, a->dim, 0, samples ? w.x : v};
        a->dim[0] = samples ? w.n : frames;
        a->dim[1] = how.coefficients;
        a->count = samples ? w.n : frames * how.coefficients;
    }
    if (!samples || bad)
        free(w.x);
    if (bad)
        free(v);
    return bad;
}

/* The file that a field names, from the folder of the table. */
static int read_file(const AppSource *s, CsvUnit unit, const char *field,
                     const Csv *csv, Series *to, const char *place,
                     RtError *err)
{
    const char *slash = strrchr(csv->path, '/');
    int n = slash && *field != '/' ? (int)(slash + 1 - csv->path) : 0;
    char *path = rt_printf("%.*s%s", n, csv->path, field);
    Npy a = {0};
    int bad = path ? 0 : rt_fail_memory(err, strlen(field));

    if (!bad && unit == CSV_WAV)
        bad = read_sound(s, path, &a, err);
    else if (!bad)
        bad = csv_options(s->part, NULL, NULL, 0, err) ||
              (unit == CSV_PNG ? picture_read(path, &s->in->want, &a, err)
                               : npy_read(path, &a, err));
    if (bad)
        rt_fail_in(err, place);
    else
        bad = series_add(to, path, &a, err);
    npy_free(&a);
    free(path);
    return bad;
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
    else if (!bad && unit == CSV_NUMBERS)
        bad = split(r, csv->field[row * csv->ncol + *cols], want, place, err);
    if (!bad && unit > CSV_STEPS) {
        bad = read_file(s, unit, csv->field[row * csv->ncol + *cols], csv, to,
                        place, err);
    } else if (!bad) {
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
    series_begin(&to, &s->in->want,
                 unit > CSV_STEPS && !s->in->want.is_index ? NPY_F4 : NPY_F8);
    for (int64_t i = 0; i < csv->nrow && !bad; i++)
        bad = read_row(s, unit, csv, i, cols, n, &r, &to, err);
    if (!bad)
        bad = series_end(&to, d, csv->path, err);
    series_free(&to);
    free(r.v);
    free(cols);
    return bad;
}
