/* The verb compare: cells on one task, with the same data and the same seeds,
 * of one size, several runs each; see drv_compare.h. */
#include "drv_compare.h"

#include "../../runtime/figures.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Flag compare_own[] = {
    {"task", "SPEC", NULL, NULL,
     "spec that the cells are put into, by its option that holds a layer"},
    {"layer", "NAME", NULL, NULL, "that option, where there are several"},
    {"match", "WHAT", "params", NULL,
     "as the first: params, flops, or units (no search)"},
    {"budget", "N", NULL, NULL,
     "of parameters or flops, instead of the first's"},
    {"size", "NAME", "n", NULL, "option that is searched to match"},
    {"seeds", "N", "3", NULL, "runs of each cell, from --seed on"},
    {"jobs", "N", NULL, NULL,
     "runs at once, of one thread each without --threads; as many as there "
     "are processors where not given"},
    {"o", "FOLDER", "compare", NULL,
     "for checkpoints, logs and results; the same command goes on there"},
    {"by", "WHICH", "best", NULL,
     "validation loss that decides: best or last; else the training loss"},
    {"metric", "NAME", NULL, NULL,
     "of the spec, or as of eval, of the best weights on what is held out; "
     "again for others"},
    {"test", "FILE", NULL, NULL, "data that the metrics are of instead"},
    {"expect", "CHECK", NULL, NULL,
     "'gru.loss <= 0.01' or exit code 3; again for others"},
    {"plot", "FILE", NULL, NULL,
     "learning curves, .png or .svg; else in the terminal; or none"},
    {"csv", NULL, NULL, NULL, "the table as CSV"},
    {"latex", NULL, NULL, NULL, "the table as LaTeX"},
    {NULL, NULL, NULL, NULL, NULL}};

static int read_by(const Flags *f)
{
    const char *by = flags_get(f, "by");

    if (!strcmp(by, "best") || !strcmp(by, "last"))
        return 0;
    say_error("--by is best or last, found \"%s\"", by);
    return EXIT_USAGE;
}

static int read_forms(const Flags *f)
{
    if (flags_given(f, "json") + flags_given(f, "csv") +
            flags_given(f, "latex") <
        2)
        return 0;
    say_error("--json, --csv and --latex: the table comes as one of them");
    return EXIT_USAGE;
}

static int read_flags(Compare *c)
{
    int code = read_by(c->f);

    if (!code)
        code = read_forms(c->f);
    c->jobs = sysconf(_SC_NPROCESSORS_ONLN);
    c->threads = c->seeds = c->first = 1;
    if (!code)
        code = flags_long(c->f, "seeds", 1, 100000, &c->seeds);
    if (!code)
        code = flags_long(c->f, "seed", 0, 1L << 62, &c->first);
    if (!code && flags_given(c->f, "threads"))
        code = flags_long(c->f, "threads", 1, 1024, &c->threads);
    c->jobs = c->jobs > c->threads ? c->jobs / c->threads : 1;
    if (!code)
        code = flags_long(c->f, "jobs", 1, 1024, &c->jobs);
    if (!code)
        code = app_plot_check(c->f);
    return code ? code : metrics_read(c);
}

/* One --expect: what it is of and wants, and the figure there. */
static int find_expected(const Compare *c, const char *text, Expect *e,
                         double *value)
{
    RtError err = {0};

    if (expect_parse(e, text, &err)) {
        drv_fail(&err);
        return EXIT_USAGE;
    }
    return compare_figure(c, e->name, value) ? 0 : EXIT_USAGE;
}

/* Before anything runs: a misspelt name would be told after hours. */
static int check_expected(const Compare *c)
{
    const char *text;
    double unused;
    int code = 0;

    for (int i = 0; !code && (text = flags_each(c->f, "expect", i)); i++) {
        Expect e;

        code = find_expected(c, text, &e, &unused);
        free(e.name);
    }
    return code;
}

/* A line for each; EXIT_SHORT where one is not met. */
static int report_expected(const Compare *c, FILE *to)
{
    const char *text;
    int code = 0;

    for (int i = 0; (text = flags_each(c->f, "expect", i)); i++) {
        Expect e;
        double v = 0;

        if (!find_expected(c, text, &e, &v)) {
            fprintf(to, "%s %.6g (wanted %s %g)\n", e.name, v, e.op, e.bound);
            code = expect_met(&e, v) ? code : EXIT_SHORT;
        }
        free(e.name);
    }
    return code;
}

static void free_all(Compare *c)
{
    for (int i = 0; i < c->n; i++) {
        Rival *r = &c->rival[i];

        for (long s = 0; r->run && s < c->seeds; s++)
            free(r->run[s].metric);
        free(r->run);
        free(r->name);
        free(r->file);
        free(r->spec);
        free(r->layer);
        free(r->use);
    }
    free(c->rival);
    metrics_free(c);
    free(c->option);
}

static int compare_run(Flags *f, void *user)
{
    Compare c = {.f = f,
                 .program = flags_program(f),
                 .task = flags_get(f, "task"),
                 .size = flags_get(f, "size"),
                 .folder = flags_get(f, "o"),
                 .own = compare_own};
    int code = read_flags(&c), failed;

    (void)user;
    if (!code)
        code = compare_rivals(&c);
    if (!code)
        code = check_expected(&c);
    if (!code)
        code = compare_match(&c);
    if (!code)
        code = compare_runs(&c);
    failed = code;
    if (c.ran && (!code || code == EXIT_USER)) {
        int any = 0;

        for (int i = 0; i < c.n; i++)
            for (long s = 0; s < c.seeds; s++)
                any |= c.rival[i].run && c.rival[i].run[s].done;
        if (any)
            code = compare_report(&c);
    }
    if (!failed && !code)
        code = report_expected(&c, flags_given(f, "json") ||
                                           flags_given(f, "csv") ||
                                           flags_given(f, "latex")
                                       ? stderr
                                       : stdout);
    free_all(&c);
    return failed ? failed : code;
}

static const Flag *const compare_flags[] = {compare_own,
                                            app_train_flags,
                                            app_data_flags,
                                            drv_size_flags,
                                            drv_number_flags,
                                            drv_json_flags,
                                            NULL};
const Verb drv_compare = {
    "compare",
    "CELL|SPEC... [DATA]",
    "cells on one task: same data, seeds and size",
    compare_flags,
    {"compare --task adding.cell lstm gru mine.cell --seeds 5 adding.csv",
     "compare one.cell other.cell text.txt --epochs 3 --match units"},
    1,
    -1,
    compare_run};
