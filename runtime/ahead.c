/* Forecasts as pictures, see ahead.h. */
#include "ahead.h"

#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The curves of one number of the element, over the same steps: known and
 * seen, guessed, and its band. */
typedef struct Course {
    char *name[2];
    double *known, *guess, *low, *high;
} Course;

static void course_free(Course *c)
{
    free(c->name[0]);
    free(c->name[1]);
    free(c->known);
    free(c->guess);
    free(c->low);
    free(c->high);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The value of v[n], which rises, below which a share of it lies. */
static double quantile(const double *v, int64_t n, double share)
{
    double at = share * (double)(n - 1);
    int64_t k = (int64_t)at;

    return k + 1 < n ? v[k] + (at - (double)k) * (v[k + 1] - v[k]) : v[n - 1];
}

/* Number j at step i behind the beginning, of all sequences that have it. */
static int64_t gather(const Ahead *a, const Told *told, int64_t n, int64_t i,
                      int64_t j, double *v)
{
    int64_t m = 0;

    for (int64_t k = 0; k < n; k++)
        if (i < told[k].steps)
            v[m++] = told[k].value[0][(told[k].first + i) * a->size + j];
    qsort(v, (size_t)m, sizeof *v, rising);
    return m;
}

/* Fills the curves of number j over `known` steps of the beginning and `ahead`
 * more.  The guess starts where the beginning ends. */
static int course(Course *c, const Ahead *a, const Told *told, int64_t n,
                  int64_t j, int64_t known, int64_t ahead, RtError *err)
{
    size_t room = (size_t)(known + ahead) * sizeof(double);
    double *v = malloc((size_t)n * sizeof *v);

    c->known = malloc(room);
    c->guess = malloc(room);
    c->low = malloc(room);
    c->high = malloc(room);
    c->name[0] = a->size == 1 ? rt_printf("%s", a->name)
                              : rt_printf("%s.%lld", a->name, (long long)j + 1);
    c->name[1] = n > 1 ? rt_printf("%s, median of %lld, 5 to 95 %%", c->name[0],
                                   (long long)n)
                       : rt_printf("%s, drawn", c->name[0]);
    if (!v || !c->known || !c->guess || !c->low || !c->high || !c->name[0] ||
        !c->name[1]) {
        free(v);
        return rt_fail_memory(err, room);
    }
    for (int64_t i = 0; i < known + ahead; i++) {
        int64_t from = told->first - known + i, s = i - known, m;

        c->known[i] = c->guess[i] = c->low[i] = c->high[i] = NAN;
        if (s < 0)
            c->known[i] = told->value[0][from * a->size + j];
        else if (a->seen && s < a->nseen)
            c->known[i] = a->seen[s * a->size + j];
        if (s == -1)
            c->guess[i] = c->low[i] = c->high[i] = c->known[i];
        m = s < 0 ? 0 : gather(a, told, n, s, j, v);
        if (m) {
            c->guess[i] = quantile(v, m, 0.5);
            c->low[i] = quantile(v, m, 0.05);
            c->high[i] = quantile(v, m, 0.95);
        }
    }
    free(v);
    return 0;
}

int ahead_plot(const Ahead *a, const Told *told, int64_t n, const char *path,
               RtError *err)
{
    int64_t ahead = 0, known, steps;
    Course c[AHEAD_MOST] = {0};
    PlotCurve curve[2 * AHEAD_MOST] = {0};
    double *at;
    int bad = 0;

    for (int64_t k = 0; k < n; k++)
        ahead = told[k].steps > ahead ? told[k].steps : ahead;
    known = told->first < 2 * ahead ? told->first : 2 * ahead;
    steps = known + ahead;
    at = malloc((size_t)(steps + 1) * sizeof *at);
    if (!at)
        bad = rt_fail_memory(err, (size_t)steps * sizeof *at);
    for (int64_t i = 0; i < steps && !bad; i++)
        at[i] = (double)(told->first - known + i + 1);
    for (int j = 0; j < a->size && !bad; j++) {
        bad = course(&c[j], a, told, n, j, known, ahead, err);
        curve[2 * j] = (PlotCurve){.name = c[j].name[0],
                                   .x = at,
                                   .y = c[j].known,
                                   .n = steps,
                                   .colour = 2 * j};
        curve[2 * j + 1] = (PlotCurve){.name = c[j].name[1],
                                       .x = at,
                                       .y = c[j].guess,
                                       .low = n > 1 ? c[j].low : NULL,
                                       .high = n > 1 ? c[j].high : NULL,
                                       .n = steps,
                                       .colour = 2 * j + 1};
    }
    if (!bad)
        bad = plot_draw(
            &(Plot){.x = a->axis, .curve = curve, .n = 2 * (int)a->size}, path,
            err);
    for (int j = 0; j < a->size && j < AHEAD_MOST; j++)
        course_free(&c[j]);
    free(at);
    return bad ? -1 : 0;
}
