/* How the rivals of a comparison stand: tables for people and programs, the
 * test of the difference, learning curves. */
#include "drv_compare.h"
#include "drv_grid.h"

#include "../../runtime/csv.h"
#include "../../runtime/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Mean and spread of one figure over the runs of a rival. */
typedef struct Spread {
    double *v; /* [n] */
    int n;
    double mean, sd, least;
} Spread;

typedef struct Standing {
    const Rival *r;
    Spread loss, last, best, ms; /* loss: what --by says, which decides */
    Spread *metric;              /* [nmetric] */
    Welch against;               /* the first one */
} Standing;

/* ---- figures ---- */

static double value_of(const Compare *c, const RivalRun *run, const char *name)
{
    if (!strcmp(name, "loss"))
        name = flags_get(c->f, "by");
    if (!strcmp(name, "last"))
        return run->last;
    if (!strcmp(name, "best"))
        return run->best;
    if (!strcmp(name, "train"))
        return run->train;
    if (!strcmp(name, "ms"))
        return run->ms;
    if (!strcmp(name, "seconds"))
        return run->seconds;
    for (int i = 0; i < c->nmetric; i++)
        if (!strcmp(name, c->label[i]))
            return run->metric[i];
    return NAN;
}

/* Those that every run has, then those of a cell itself. */
static const char *const figure_word[] = {"loss", "last",    "best",   "train",
                                          "ms",   "seconds", "params", "units"};
enum { OF_RUNS = 6, FIGURES = 8 };

static int known_figure(const Compare *c, const char *name)
{
    int known = 0;

    for (int i = 0; i < OF_RUNS; i++)
        known |= !strcmp(figure_word[i], name);
    for (int i = 0; i < c->nmetric; i++)
        known |= !strcmp(c->label[i], name);
    return known;
}

int compare_values(const Compare *c, const Rival *r, const char *name,
                   double *v)
{
    int n = 0;

    if (!known_figure(c, name))
        return -1;
    for (long s = 0; s < c->seeds; s++) {
        double x = r->run[s].done ? value_of(c, &r->run[s], name) : NAN;

        if (!isnan(x))
            v[n++] = x;
    }
    return n;
}

static Spread spread_of(const Compare *c, const Rival *r, const char *name)
{
    Spread f = {.v = calloc((size_t)c->seeds, sizeof(double)), .least = NAN};

    f.n = f.v ? compare_values(c, r, name, f.v) : 0;
    f.mean = stats_mean(f.v, f.n);
    f.sd = stats_sd(f.v, f.n);
    for (int i = 0; i < f.n; i++)
        f.least = fmin(f.least, f.v[i]);
    return f;
}

static int no_figure(const Compare *c, const char *name)
{
    int n = FIGURES + c->nmetric, all = 0;
    char **known = calloc((size_t)(c->n * n) + 1, sizeof *known);
    const char *near = NULL;

    for (int i = 0; known && i < c->n * n; i++) {
        int k = i % n;

        known[all] =
            rt_printf("%s.%s", c->rival[i / n].name,
                      k < FIGURES ? figure_word[k] : c->label[k - FIGURES]);
        all += known[all] != NULL;
    }
    if (known)
        near = flags_nearest(name, (const char *const *)known, all);
    say_error(
        "--expect %s: wanted CELL.FIGURE of a cell that is compared%s%s%s",
        name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    fputs("  figures:", stderr);
    for (int k = 0; k < n; k++)
        fprintf(stderr, " %s",
                k < FIGURES ? figure_word[k] : c->label[k - FIGURES]);
    fputc('\n', stderr);
    for (int i = 0; i < all; i++)
        free(known[i]);
    free(known);
    return 0;
}

int compare_figure(const Compare *c, const char *name, double *value)
{
    for (int i = 0; i < c->n; i++) {
        const Rival *r = &c->rival[i];
        size_t n = strlen(r->name);
        const char *figure = name + n + 1;

        if (strncmp(r->name, name, n) || name[n] != '.')
            continue;
        if (!strcmp(figure, "params") || !strcmp(figure, "units")) {
            *value = *figure == 'p' ? r->params : (double)r->units;
            return 1;
        }
        if (!known_figure(c, figure))
            continue;
        Spread f = spread_of(c, r, figure);

        *value = f.mean;
        free(f.v);
        return 1;
    }
    return no_figure(c, name);
}

/* ---- order ---- */

static int by_loss(const void *a, const void *b)
{
    double x = ((const Standing *)a)->loss.mean;
    double y = ((const Standing *)b)->loss.mean;

    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

static Standing *standings(const Compare *c)
{
    Standing *s = calloc((size_t)c->n, sizeof *s);

    for (int i = 0; s && i < c->n; i++) {
        const Rival *r = &c->rival[i];

        s[i] = (Standing){.r = r,
                          .loss = spread_of(c, r, "loss"),
                          .last = spread_of(c, r, "last"),
                          .best = spread_of(c, r, "best"),
                          .ms = spread_of(c, r, "ms"),
                          .metric =
                              calloc((size_t)c->nmetric + 1, sizeof(Spread))};
        for (int k = 0; s[i].metric && k < c->nmetric; k++)
            s[i].metric[k] = spread_of(c, r, c->label[k]);
    }
    if (s)
        qsort(s, (size_t)c->n, sizeof *s, by_loss);
    for (int i = 0; s && i < c->n; i++)
        s[i].against = i == 0 ? (Welch){NAN, NAN, NAN}
                              : stats_welch(s[i].loss.v, s[i].loss.n, s->loss.v,
                                            s->loss.n);
    return s;
}

static void standings_free(const Compare *c, Standing *s)
{
    for (int i = 0; s && i < c->n; i++) {
        free(s[i].loss.v);
        free(s[i].last.v);
        free(s[i].best.v);
        free(s[i].ms.v);
        for (int k = 0; k < c->nmetric; k++)
            free(s[i].metric[k].v);
        free(s[i].metric);
    }
    free(s);
}

/* ---- text ---- */

static int has_flops(const Compare *c)
{
    return c->n && c->rival->flops > 0;
}

/* They are counted only where they are matched. */
static double flops_of(const Compare *c, const Rival *r)
{
    return has_flops(c) ? r->flops : NAN;
}

/* A mean that is not known is nan, never -nan. */
static char *figure_text(const char *format, double v)
{
    char text[32];

    snprintf(text, sizeof text, format, isnan(v) ? NAN : v);
    return strdup(text);
}

/* Mean and spread; f NULL: their title. */
static void add_spread(Grid *g, const Spread *f, const char *title)
{
    grid_add(g, f ? figure_text("%.4g", f->mean) : strdup(title),
             f && !isnan(f->sd) ? rt_printf("%.2g", f->sd) : NULL);
}

/* What a line below the table says of the first two needs no column. */
static int same_runs(const Compare *c, const Standing *s)
{
    int same = c->n > 1;

    for (int i = 1; i < c->n; i++)
        same &= s[i].loss.n == s->loss.n;
    return same;
}

/* A row; k NULL: the titles. */
static void add_row(Grid *g, const Compare *c, const Standing *s,
                    const Standing *k)
{
    grid_add(g, strdup(k ? k->r->name : "cell"), NULL);
    grid_add(g,
             !k            ? strdup(c->size)
             : k->r->units ? rt_printf("%ld", k->r->units)
                           : strdup(""),
             NULL);
    grid_add(g, k ? rt_printf("%.0f", k->r->params) : strdup("params"), NULL);
    if (has_flops(c))
        grid_add(g, k ? rt_printf("%.0f", k->r->flops) : strdup("flops"), NULL);
    if (!same_runs(c, s))
        grid_add(g, k ? rt_printf("%d", k->loss.n) : strdup("runs"), NULL);
    add_spread(g, k ? &k->last : NULL, "last");
    add_spread(g, k ? &k->best : NULL, "best");
    grid_add(g, k ? figure_text("%.4g", k->best.least) : strdup("least"), NULL);
    for (int m = 0; m < c->nmetric; m++)
        add_spread(g, k ? &k->metric[m] : NULL, c->label[m]);
    grid_add(g, k ? figure_text("%.3g", k->ms.mean) : strdup("ms"), NULL);
    if (c->n > 2)
        grid_add(g,
                 !k                    ? strdup("p")
                 : isnan(k->against.p) ? strdup("")
                                       : rt_printf("%.2g", k->against.p),
                 NULL);
}

static void print_table(const Compare *c, const Standing *s)
{
    Grid g = {.rows = c->n + 1,
              .columns = 7 + has_flops(c) + !same_runs(c, s) + (c->n > 2) +
                         c->nmetric};

    if (grid_start(&g))
        return;
    for (int i = -1; i < c->n; i++)
        add_row(&g, c, s, i < 0 ? NULL : &s[i]);
    grid_print(&g, plot_columns(STDOUT_FILENO));
    grid_free(&g);
}

/* Whether the first two differ by more than chance. */
static void print_verdict(const Compare *c, const Standing *s)
{
    const Spread *a = &s->loss, *b;
    const Welch *w;
    char *text;

    if (c->n < 2 || !s[1].loss.n)
        return;
    b = &s[1].loss;
    w = &s[1].against;
    text = rt_printf(
        "%s %.4g, %s %.4g: %s", s->r->name, a->mean, s[1].r->name, b->mean,
        isnan(w->p)   ? "a single run does not tell chance from difference"
        : w->p < 0.05 ? "a difference larger than the spread between seeds"
                      : "a difference no larger than the spread between seeds");
    if (text)
        say_wrapped(text, 0, 2, (size_t)plot_columns(STDOUT_FILENO), stdout);
    free(text);
    if (isnan(w->p)) {
        printf("  (--seeds 5 would)\n");
        return;
    }
    if (same_runs(c, s))
        printf("  (%d runs each; ", a->n);
    else
        printf("  (");
    printf("Welch's t = %.3g, %.3g degrees of freedom, p = %.2g)\n", w->t,
           w->freedom, w->p);
}

/* ---- for programs ---- */

/* A missing value where it is not known. */
static void print_number(double v)
{
    if (isnan(v))
        putchar(',');
    else
        printf(",%.9g", v);
}

static void print_spread_csv(const char *name, int header, const Spread *f)
{
    if (header) {
        printf(",%s,%s_sd", name, name);
        return;
    }
    print_number(f->mean);
    print_number(f->sd);
}

static void print_field(const char *s)
{
    int plain = !strpbrk(s, ",\"\n");

    if (!plain)
        putchar('"');
    for (; *s; s++) {
        if (*s == '"')
            putchar('"');
        putchar(*s);
    }
    if (!plain)
        putchar('"');
}

static void print_csv(const Compare *c, const Standing *s)
{
    for (int i = -1; i < c->n; i++) {
        const Standing *k = i < 0 ? s : &s[i];

        print_field(i < 0 ? "cell" : k->r->name);
        if (i < 0)
            printf(",units,params,flops,runs");
        else
            printf(",%ld,%.0f", k->r->units, k->r->params);
        if (i >= 0) {
            print_number(flops_of(c, k->r));
            printf(",%d", k->loss.n);
        }
        print_spread_csv("last", i < 0, &k->last);
        print_spread_csv("best", i < 0, &k->best);
        for (int m = 0; m < c->nmetric; m++)
            print_spread_csv(c->label[m], i < 0, &k->metric[m]);
        print_spread_csv("ms", i < 0, &k->ms);
        if (i < 0) {
            printf(",least,p\n");
            continue;
        }
        print_number(k->best.least);
        print_number(k->against.p);
        putchar('\n');
    }
}

static json_t *figure_json(const Spread *f)
{
    return json_pack("{s:o, s:o, s:o}", "mean", app_json_number(f->mean), "sd",
                     app_json_number(f->sd), "least",
                     app_json_number(f->least));
}

static json_t *run_json(const Compare *c, const Rival *r, const RivalRun *run)
{
    json_t *metrics = json_object();
    char *file = rt_printf("%s/%s.%ld", c->folder, r->file, run->seed);

    for (int k = 0; k < c->nmetric; k++)
        json_object_set_new(metrics, c->label[k],
                            app_json_number(run->metric[k]));
    json_t *j = json_pack(
        "{s:I, s:s?, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "seed",
        (json_int_t)run->seed, "files", file, "last",
        app_json_number(run->last), "best", app_json_number(run->best), "train",
        app_json_number(run->train), "ms", app_json_number(run->ms), "seconds",
        app_json_number(run->seconds), "updates", (json_int_t)run->updates,
        "metrics", metrics);
    free(file);
    return j;
}

static json_t *standing_json(const Compare *c, const Standing *s)
{
    json_t *runs = json_array(), *metrics = json_object();

    for (long k = 0; k < c->seeds; k++)
        if (s->r->run[k].done)
            json_array_append_new(runs, run_json(c, s->r, &s->r->run[k]));
    for (int k = 0; k < c->nmetric; k++)
        json_object_set_new(metrics, c->label[k], figure_json(&s->metric[k]));
    return json_pack(
        "{s:s, s:s, s:s?, s:I, s:f, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o}",
        "cell", s->r->name, "spec", s->r->spec, "layer", s->r->layer, "units",
        (json_int_t)s->r->units, "params", s->r->params, "flops",
        app_json_number(flops_of(c, s->r)), "last", figure_json(&s->last),
        "best", figure_json(&s->best), "ms", figure_json(&s->ms), "metrics",
        metrics, "runs", runs, "p", app_json_number(s->against.p));
}

static int print_json(const Compare *c, const Standing *s)
{
    json_t *cells = json_array();

    for (int i = 0; i < c->n; i++)
        json_array_append_new(cells, standing_json(c, &s[i]));
    json_t *j = json_pack("{s:s?, s:s?, s:s, s:s, s:I, s:o}", "task", c->task,
                          "data", c->data, "match", flags_get(c->f, "match"),
                          "by", flags_get(c->f, "by"), "seeds",
                          (json_int_t)c->seeds, "cells", cells);
    if (c->n > 1 && !isnan(s[1].against.p))
        json_object_set_new(j, "welch",
                            json_pack("{s:s, s:s, s:o, s:o, s:o}", "first",
                                      s->r->name, "second", s[1].r->name, "t",
                                      app_json_number(s[1].against.t),
                                      "freedom",
                                      app_json_number(s[1].against.freedom),
                                      "p", app_json_number(s[1].against.p)));
    return app_print_json(j);
}

static void latex_text(const char *s)
{
    for (; *s; s++) {
        if (strchr("_&%#${}", *s))
            putchar('\\');
        putchar(*s);
    }
}

static void latex_figure(const Spread *f)
{
    printf(" & $%.4g", f->mean);
    if (!isnan(f->sd))
        printf(" \\pm %.2g", f->sd);
    putchar('$');
}

static void print_latex(const Compare *c, const Standing *s)
{
    printf("\\begin{tabular}{lrr");
    for (int k = 0; k < c->nmetric; k++)
        putchar('r');
    printf("rrr}\n\\hline\ncell & $n$ & parameters & last & best");
    for (int k = 0; k < c->nmetric; k++) {
        printf(" & ");
        latex_text(c->label[k]);
    }
    printf(" & ms/step \\\\\n\\hline\n");
    for (int i = 0; i < c->n; i++) {
        latex_text(s[i].r->name);
        printf(" & %ld & %.0f", s[i].r->units, s[i].r->params);
        latex_figure(&s[i].last);
        latex_figure(&s[i].best);
        for (int k = 0; k < c->nmetric; k++)
            latex_figure(&s[i].metric[k]);
        printf(" & %.3g \\\\\n", s[i].ms.mean);
    }
    printf("\\hline\n\\end{tabular}\n");
}

/* ---- learning curves ---- */

/* Of one rival: at every row of its logs that all runs have, the mean and the
 * spread between them. */
typedef struct Curve {
    double *x, *y, *low, *high;
    int64_t n;
} Curve;

static int column_of(const Csv *csv, const char *name)
{
    int k = csv->ncol - 1;

    while (k >= 0 && strcmp(csv->column[k].name, name))
        k--;
    return k;
}

/* The validation losses of a run, without any its training losses, in *x and
 * *y; malloc'd. */
static int64_t read_curve(const Compare *c, const Rival *r, long seed,
                          double **x, double **y)
{
    char *path = rt_printf("%s/%s.%ld.log.csv", c->folder, r->file, seed);
    Csv csv = {0};
    RtError err = {0};
    int64_t n = 0;

    *x = *y = NULL;
    if (path && !csv_read(path, 1, 0, &csv, &err)) {
        int step = column_of(&csv, "step"), loss = column_of(&csv, "loss");
        int valid = column_of(&csv, "val_loss"), held = 0;

        *x = calloc((size_t)csv.nrow + 1, sizeof **x);
        *y = calloc((size_t)csv.nrow + 1, sizeof **y);
        for (int64_t i = 0; valid >= 0 && i < csv.nrow; i++)
            held |= !isnan(csv.value[i * csv.ncol + valid]);
        for (int64_t i = 0; *x && *y && step >= 0 && i < csv.nrow; i++) {
            double v = csv.value[i * csv.ncol + (held ? valid : loss)];

            if (isnan(v))
                continue;
            (*x)[n] = csv.value[i * csv.ncol + step];
            (*y)[n++] = v;
        }
    }
    rt_error_clear(&err);
    csv_free(&csv);
    free(path);
    return n;
}

/* Where the same update stands in another run's curve, -1: nowhere. */
static int64_t find_step(const double *x, int64_t n, double step)
{
    for (int64_t i = 0; i < n; i++)
        if (x[i] == step)
            return i;
    return -1;
}

static Curve curve_of(const Compare *c, const Rival *r)
{
    double **x = calloc((size_t)c->seeds, sizeof *x);
    double **y = calloc((size_t)c->seeds, sizeof *y);
    double *v = calloc((size_t)c->seeds, sizeof *v);
    int64_t *n = calloc((size_t)c->seeds, sizeof *n);
    Curve k = {0};
    int runs = 0;

    for (long s = 0; x && y && v && n && s < c->seeds; s++)
        if (r->run[s].done) {
            n[runs] = read_curve(c, r, r->run[s].seed, &x[runs], &y[runs]);
            runs++;
        }
    if (runs) {
        k.x = calloc((size_t)(4 * n[0]) + 1, sizeof *k.x);
        k.y = k.x ? k.x + n[0] : NULL;
        k.low = k.x ? k.y + n[0] : NULL;
        k.high = k.x ? k.low + n[0] : NULL;
    }
    for (int64_t i = 0; k.x && i < n[0]; i++) {
        int all = 1;

        for (int s = 0; s < runs && all; s++) {
            int64_t at = find_step(x[s], n[s], x[0][i]);

            all = at >= 0;
            v[s] = all ? y[s][at] : 0;
        }
        if (!all)
            continue;
        k.x[k.n] = x[0][i];
        k.y[k.n] = stats_mean(v, runs);
        k.low[k.n] = k.y[k.n] - (runs > 1 ? stats_sd(v, runs) : 0);
        k.high[k.n] = k.y[k.n] + (runs > 1 ? stats_sd(v, runs) : 0);
        k.n++;
    }
    for (int s = 0; s < runs; s++) {
        free(x[s]);
        free(y[s]);
    }
    free(x);
    free(y);
    free(v);
    free(n);
    return k;
}

/* Losses that span more than a factor of 30 are told apart by their logarithms.
 */
static int wants_log(const Curve *k, int n)
{
    double least = INFINITY, most = 0;

    for (int i = 0; i < n; i++)
        for (int64_t j = 0; j < k[i].n; j++) {
            least = fmin(least, k[i].y[j]);
            most = fmax(most, k[i].y[j]);
        }
    return least > 0 && most > 30 * least;
}

static int draw(const Compare *c, const Standing *s, const char *path)
{
    PlotCurve *p = calloc((size_t)c->n, sizeof *p);
    Curve *k = calloc((size_t)c->n, sizeof *k);
    RtError err = {0};
    int code = p && k ? 0 : EXIT_BUG;

    for (int i = 0; i < c->n && !code; i++) {
        int band = s[i].loss.n > 1;

        k[i] = curve_of(c, s[i].r);
        p[i] = (PlotCurve){s[i].r->name, k[i].x, k[i].y, band ? k[i].low : NULL,
                           k[i].high,    k[i].n, i,      0};
    }
    if (!code && plot_draw(&(Plot){c->task, "updates", "loss",
                                   wants_log(k, c->n), p, c->n, NULL, 0},
                           path, &err))
        code = drv_fail(&err);
    for (int i = 0; k && i < c->n; i++)
        free(k[i].x);
    free(k);
    free(p);
    return code;
}

/* ---- the report ---- */

int compare_report(const Compare *c)
{
    const char *path;
    int text = !flags_given(c->f, "json") && !flags_given(c->f, "csv") &&
               !flags_given(c->f, "latex");
    Standing *s = standings(c);
    int code = s ? 0 : EXIT_BUG;

    if (!code && flags_given(c->f, "json"))
        code = print_json(c, s);
    if (!code && flags_given(c->f, "csv"))
        print_csv(c, s);
    if (!code && flags_given(c->f, "latex"))
        print_latex(c, s);
    if (!code && text) {
        print_table(c, s);
        print_verdict(c, s);
    }
    if (!code && app_plot_wanted(c->f, &path) && (path || text))
        code = draw(c, s, path);
    standings_free(c, s);
    return code;
}
