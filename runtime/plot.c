/* Curves by gnuplot, see plot.h: a script with its data inside goes to its
 * standard input, the picture comes from its standard output. */
#include "plot.h"

#include "child.h"
#include "csv.h"
#include "rtio.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS = 80, FEW = 30 /* points that are shown as such */ };

static const char program[] = "gnuplot", package[] = "gnuplot-nox";

/* Told apart by readers who see few colours (Okabe and Ito 2008). */
static const char *const colour[] = {"#0072b2", "#d55e00", "#009e73",
                                     "#cc79a7", "#e69f00", "#56b4e9",
                                     "#000000", "#b5a800"};
enum { COLOURS = sizeof colour / sizeof *colour };

static int ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);

    return n > m && !strcmp(path + n - m, ending);
}

int plot_check(const char *path, RtError *err)
{
    if (!ends_in(path, ".png") && !ends_in(path, ".svg"))
        return rt_fail(err, "%s: plots are .png or .svg", path);
    return child_needed(program, package, path, err);
}

int plot_terminal(void)
{
    return isatty(STDOUT_FILENO) && child_there(program);
}

int plot_columns(int fd)
{
    struct winsize size;

    if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col > 20)
        return size.ws_col;
    return COLUMNS;
}

/* ---- the script ---- */

/* A text as gnuplot reads it; between single quotes it would lose a word that
 * is an apostrophe, between double ones it would run what stands in backquotes.
 */
static void put_quoted(FILE *f, const char *s, int format)
{
    fputc('"', f);
    for (; *s; s++)
        if (strchr("\"\\`'", *s))
            fprintf(f, "\\%03o", (unsigned)*s);
        else if (*s == '%' && format)
            fputs("%%", f);
        else
            fputc((unsigned char)*s < 32 ? ' ' : *s, f);
    fputc('"', f);
}

static void put_number(FILE *f, double v, int log)
{
    if (isfinite(v) && (!log || v > 0))
        fprintf(f, " %.9g", v);
    else
        fputs(" NaN", f);
}

static void put_data(FILE *f, const Plot *p, int k)
{
    const PlotCurve *c = &p->curve[k];

    fprintf(f, "$d%d << EOD\n", k);
    for (int64_t i = 0; i < c->n; i++) {
        if (!isfinite(c->y[i]))
            continue;
        put_number(f, c->x[i], 0);
        put_number(f, c->y[i], p->log_y);
        if (c->low) {
            put_number(f, c->low[i], p->log_y);
            put_number(f, c->high[i], p->log_y);
        }
        fputc('\n', f);
    }
    fputs("EOD\n", f);
}

static int64_t points(const PlotCurve *c)
{
    int64_t n = 0;

    for (int64_t i = 0; i < c->n; i++)
        n += isfinite(c->y[i]) != 0;
    return n;
}

/* Each stretch as a rectangle from top to bottom; one too narrow to be seen is
 * made as wide as a line. */
static void put_marks(FILE *f, const Plot *p)
{
    for (int k = 0; k < p->nmark; k++) {
        const PlotMark *m = &p->mark[k];
        double least = m->n ? (m->x[m->n - 1] - m->x[0]) / 500 : 0;

        for (int64_t i = 0; i < m->n; i++) {
            double from = m->x[i] - 0.5, to;

            if (!(m->y[i] != 0))
                continue;
            while (i + 1 < m->n && m->y[i + 1] != 0)
                i++;
            to = m->x[i] + 0.5;
            to = to - from < least ? from + least : to;
            fprintf(f,
                    "set object rectangle from %.9g, graph 0 to %.9g, graph 1 "
                    "behind fc rgb '%s' fs transparent solid 0.3 noborder\n",
                    from, to, colour[m->colour % COLOURS]);
        }
    }
}

/* The legend of marks: curves without a point. */
static void put_mark_keys(FILE *f, const Plot *p, const char *between)
{
    for (int k = 0; k < p->nmark; k++) {
        fprintf(f,
                "%sNaN with boxes fs transparent solid 0.3 noborder lc rgb "
                "'%s' title ",
                between, colour[p->mark[k].colour % COLOURS]);
        put_quoted(f, p->mark[k].name, 0);
        between = ", ";
    }
}

/* Bands lie below all curves. */
static void put_curves(FILE *f, const Plot *p, int picture)
{
    const char *between = "plot ";

    for (int k = 0; k < p->n && picture; k++) {
        if (!p->curve[k].low || points(&p->curve[k]) < 1)
            continue;
        fprintf(f,
                "%s$d%d using 1:3:4 with filledcurves fs transparent solid "
                "0.18 noborder lc rgb '%s' notitle",
                between, k, colour[p->curve[k].colour % COLOURS]);
        between = ", ";
    }
    for (int k = 0; k < p->n; k++) {
        const PlotCurve *c = &p->curve[k];

        if (points(c) < 1)
            continue;
        fprintf(f, "%s$d%d using 1:2 with %s", between, k,
                points(c) > FEW ? "lines" : "linespoints");
        if (picture)
            fprintf(f, "%s lw 2 dt %d lc rgb '%s'",
                    points(c) > FEW ? "" : " pt 7 ps 0.6",
                    c->dashed + c->colour / COLOURS + 1,
                    colour[c->colour % COLOURS]);
        fputs(" title ", f);
        put_quoted(f, c->name, 0);
        between = ", ";
    }
    if (picture)
        put_mark_keys(f, p, between);
    fputc('\n', f);
}

static void put_text(FILE *f, const char *what, const char *text)
{
    if (!text)
        return;
    fprintf(f, "set %s ", what);
    put_quoted(f, text, 0);
    fputc('\n', f);
}

/* A range for what has one value only, of which gnuplot would complain. */
static void put_range(FILE *f, const Plot *p, int x)
{
    double least = INFINITY, most = -INFINITY;

    for (int k = 0; k < p->n; k++)
        for (int64_t i = 0; i < p->curve[k].n; i++) {
            const PlotCurve *c = &p->curve[k];
            double v = x ? c->x[i] : c->y[i];

            if (!isfinite(c->y[i]) || (!x && c->low))
                continue;
            least = fmin(least, v);
            most = fmax(most, v);
        }
    if (least == most && (x || !p->log_y))
        fprintf(f, "set %crange [%.9g:%.9g]\n", x ? 'x' : 'y',
                least - 0.1 * fmax(fabs(least), 1),
                least + 0.1 * fmax(fabs(least), 1));
}

static void put_script(FILE *f, const Plot *p, const char *path)
{
    int columns = plot_columns(STDOUT_FILENO);

    fputs("set encoding utf8\n", f);
    if (!path)
        fprintf(f, "set terminal dumb %d %d noenhanced\n", columns - 1,
                columns > 100 ? 30 : 24);
    else if (ends_in(path, ".png"))
        fputs("set terminal pngcairo size 960,600 noenhanced\n", f);
    else
        fputs("set terminal svg size 960,600 dynamic noenhanced\n", f);
    put_text(f, "xlabel", p->x);
    if (path) {
        put_text(f, "title", p->title);
        put_text(f, "ylabel", p->y);
    } else { /* letters beside the axis would take its columns */
        char *title = rt_printf("%s%s%s", p->title ? p->title : "",
                                p->title ? ": " : "", p->y);

        put_text(f, "title", title);
        free(title);
    }
    if (p->log_y)
        fputs("set logscale y\nset format y '%.0e'\n", f);
    fputs("set key below\n", f);
    if (path)
        fputs("set grid lc rgb '#dddddd' lt 1\nset border 3\n"
              "set tics nomirror\n",
              f);
    put_range(f, p, 1);
    put_range(f, p, 0);
    if (path)
        put_marks(f, p);
    for (int k = 0; k < p->n; k++)
        put_data(f, p, k);
    put_curves(f, p, path != NULL);
}

/* ---- drawing ---- */

static char *script_of(const Plot *p, const char *path, RtError *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (f)
        put_script(f, p, path);
    if (f && !fclose(f))
        return text;
    rt_fail_memory(err, n);
    free(text);
    return NULL;
}

/* What gnuplot wrote takes the place of the file as a whole. */
static int keep(FILE *from, const char *path, RtError *err)
{
    RtSave *s = rtio_save_open(path, err);
    char part[4096];
    size_t n;

    if (!s)
        return -1;
    rewind(from);
    while ((n = fread(part, 1, sizeof part, from)) > 0)
        rtio_save_write(s, part, n);
    return rtio_save_close(s, err);
}

static int run_script(char *script, const char *path, RtError *err)
{
    const char *const argv[] = {program, NULL};
    FILE *to = path ? tmpfile() : stdout;
    int bad = !script;

    if (!bad && !to)
        bad =
            rt_fail(err, "cannot write a temporary file: %s", strerror(errno));
    bad = bad || child_filter(argv, script, to, err) ||
          (path && keep(to, path, err));
    if (path && to)
        fclose(to);
    free(script);
    return bad ? -1 : 0;
}

int plot_draw(const Plot *p, const char *path, RtError *err)
{
    return run_script(script_of(p, path, err), path, err);
}

/* ---- matrices ---- */

static void put_labels(FILE *f, const char *axis, char *const *label, int64_t n)
{
    if (!label)
        return;
    fprintf(f, "set %stics (", axis);
    for (int64_t i = 0; i < n; i++) {
        fputs(i ? ", " : "", f);
        put_quoted(f, label[i], 1);
        fprintf(f, " %lld", (long long)i + 1);
    }
    fputs(")\n", f);
}

/* Labels have room where there are few; a number in their place is as long as a
 * word only where there are many. */
static void put_heat(FILE *f, const PlotHeat *h, const char *path)
{
    int64_t long_side = h->rows > h->columns ? h->rows : h->columns;
    int64_t cell = long_side > 40 ? 1000 / long_side : 26;
    int64_t w = 220 + (cell ? cell : 1) * h->columns;
    int64_t t = 160 + (cell ? cell : 1) * h->rows;
    int labelled = long_side <= 60;

    fprintf(f,
            "set encoding utf8\nset terminal %s size %lld,%lld%s "
            "noenhanced\n",
            ends_in(path, ".png") ? "pngcairo" : "svg",
            (long long)(w > 420 ? w : 420), (long long)(t > 280 ? t : 280),
            ends_in(path, ".png") ? "" : " dynamic");
    put_text(f, "title", h->title);
    put_text(f, "xlabel", h->x);
    put_text(f, "ylabel", h->y);
    /* from light to dark, one hue, so that it also prints in grey */
    fputs("set palette defined (0 '#f7fbff', 0.35 '#9ecae1', "
          "0.7 '#2171b5', 1 '#08306b')\n"
          "set yrange [*:*] reverse\nset tics out nomirror\n"
          "set autoscale xfix\nset autoscale yfix\n",
          f);
    if (labelled) {
        put_labels(f, "x", h->column_label, h->columns);
        put_labels(f, "y", h->row_label, h->rows);
    }
    if (labelled && h->column_label)
        fputs("set xtics rotate by 45 right\n", f);
    fputs("$m << EOD\n", f);
    for (int64_t r = 0; r < h->rows; r++) {
        for (int64_t c = 0; c < h->columns; c++)
            put_number(f, h->value[r * h->columns + c], 0);
        fputc('\n', f);
    }
    fputs("EOD\nplot $m matrix using ($1+1):($2+1):3 with image pixels "
          "notitle\n",
          f);
}

int plot_heat(const PlotHeat *h, const char *path, RtError *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f;

    if (plot_check(path, err))
        return -1;
    if (!h->rows || !h->columns)
        return rt_fail(err, "%s: there is nothing to draw: %s is empty", path,
                       h->title);
    f = open_memstream(&text, &n);
    if (f)
        put_heat(f, h, path);
    if (f && !fclose(f))
        return run_script(text, path, err);
    free(text);
    return rt_fail_memory(err, n);
}

/* ---- the log of a training run ---- */

static int column_of(const Csv *csv, const char *name)
{
    for (int k = 0; k < csv->ncol; k++)
        if (!strcmp(csv->column[k].name, name))
            return k;
    return -1;
}

/* A column of the log; malloc'd, NULL where it has none or without memory. */
static double *log_column(const Csv *csv, const char *name)
{
    int k = column_of(csv, name);
    double *v = k < 0 ? NULL : malloc((size_t)(csv->nrow + 1) * sizeof *v);

    for (int64_t i = 0; v && i < csv->nrow; i++)
        v[i] = csv->value[i * csv->ncol + k];
    return v;
}

int plot_log(const char *log, const char *path, RtError *err)
{
    Csv csv = {0};
    int rc = csv_read(log, 1, 0, &csv, err) ? -1 : 0;
    double *x = rc ? NULL : log_column(&csv, "step");
    double *loss = rc ? NULL : log_column(&csv, "loss");
    double *valid = rc ? NULL : log_column(&csv, "val_loss");

    if (!rc && !(x && loss && valid))
        rc = rt_fail(err, "%s is no log of a training run", log);
    if (!rc) {
        PlotCurve curve[] = {
            {"training", x, loss, NULL, NULL, csv.nrow, 0, 0},
            {"validation", x, valid, NULL, NULL, csv.nrow, 1, 0}};
        Plot p = {NULL, "updates", "loss", 0, curve, 2, NULL, 0};

        rc = points(&curve[0]) < 2 ? 1 : plot_draw(&p, path, err);
    }
    free(x);
    free(loss);
    free(valid);
    csv_free(&csv);
    return rc;
}
