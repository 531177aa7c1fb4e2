/* The metrics that --metric asks a comparison for: what they are called beside
 * its other figures, and whether the specs have them, which is found out before
 * anything is trained. */
#include "drv_compare.h"

#include "../../runtime/judge.h"
#include "../../runtime/law.h"

#include <stdlib.h>
#include <string.h>

/* What is said of each cell beside metrics; a metric that has such a name is
 * called metric.NAME. */
static int is_figure(const char *name)
{
    static const char *const figure[] = {"loss", "last",  "best",    "least",
                                         "p",    "train", "ms",      "units",
                                         "runs", "flops", "seconds", "params"};

    for (size_t i = 0; i < sizeof figure / sizeof *figure; i++)
        if (!strcmp(figure[i], name))
            return 1;
    return 0;
}

/* As eval calls it: "f1( y )" is f1(y); malloc'd. */
static int read_name(const char *text, char **name)
{
    RtError err = {0};
    Score s;
    int code = 0;

    *name = NULL;
    if (!strchr(text, '(')) {
        *name = strdup(text);
        return *name ? 0 : EXIT_BUG;
    }
    if (score_parse(&s, text, &err))
        code = drv_fail(&err);
    else
        *name = strdup(s.text);
    score_free(&s);
    return code || *name ? code : EXIT_BUG;
}

int metrics_read(Compare *c)
{
    int code = 0;

    if (flags_given(c->f, "test") && !flags_given(c->f, "metric")) {
        say_error("--test is what metrics are of: which, says --metric NAME");
        return EXIT_USAGE;
    }
    c->nmetric = flags_given(c->f, "metric");
    c->metric = calloc((size_t)c->nmetric + 1, sizeof *c->metric);
    c->label = calloc((size_t)c->nmetric + 1, sizeof *c->label);
    if (!c->metric || !c->label)
        return EXIT_BUG;
    for (int i = 0; i < c->nmetric && !code; i++) {
        char *name;

        code = read_name(flags_each(c->f, "metric", i), &name);
        c->metric[i] = name;
        c->label[i] =
            code ? NULL
                 : rt_printf("%s%s", is_figure(name) ? "metric." : "", name);
        if (!code && !c->label[i])
            code = EXIT_BUG;
    }
    return code;
}

void metrics_free(Compare *c)
{
    for (int i = 0; i < c->nmetric; i++) {
        free(c->metric ? c->metric[i] : NULL);
        free(c->label ? c->label[i] : NULL);
    }
    free(c->metric);
    free(c->label);
}

/* ---- those that a model has ---- */

typedef struct Names {
    char **v;
    int n;
} Names;

static void names_free(Names *all)
{
    for (int i = 0; i < all->n; i++)
        free(all->v[i]);
    free(all->v);
}

/* Takes name; drops it where there is no memory. */
static void names_add(Names *all, char *name)
{
    char **more = realloc(all->v, (size_t)(all->n + 1) * sizeof *more);

    all->v = more ? more : all->v;
    if (more && name)
        all->v[all->n++] = name;
    else
        free(name);
}

/* Those of a drawn name that say something about it. */
static void add_decoded(Names *all, const CellDesc *d, const char *name)
{
    const char *kind;

    for (int k = 0; (kind = score_kind_at(k)); k++) {
        char *text = rt_printf("%s(%s)", kind, name);
        const char *one = text;
        RtError err = {0};
        Judge *j = text ? judge_new(d, &one, 1, &err) : NULL;

        if (j)
            names_add(all, text);
        else
            free(text);
        judge_free(j);
        rt_error_clear(&err);
    }
}

static Names names_of(const CellDesc *d)
{
    static const char *const figure[] = {"loss", "steps", "nats", "bits",
                                         "perplexity"};
    int likely = 0;
    Names all = {0};

    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0;)
        names_add(&all, strdup(d->tensor[i].name));
    for (int i = -1; (i = model_next(d, CELL_INPUT, i)) >= 0;)
        if (law_is_drawn(d, i))
            add_decoded(&all, d, d->tensor[i].name);
    for (int i = -1; (i = model_next(d, CELL_TERM, i)) >= 0;)
        likely |= d->tensor[i].flags & CELL_LIKELIHOOD;
    for (int i = 0; i < (likely ? 5 : 2); i++)
        names_add(&all, strdup(figure[i]));
    return all;
}

static int no_metric(const Rival *r, const char *name, const Names *all)
{
    const char *near = flags_nearest(name, (const char *const *)all->v, all->n);
    char *list = strdup("");

    for (int i = 0; i < all->n && list; i++) {
        char *more = rt_printf("%s%s%s", list, i ? ", " : "", all->v[i]);

        free(list);
        list = more;
    }
    say_error("--metric: %s has no metric %s%s%s%s", r->spec, name,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    fputs("  it has", stderr);
    say_wrapped(list ? list : "", strlen("  it has"), 4, SAY_COLUMNS, stderr);
    free(list);
    return EXIT_USER;
}

static int check_one(const Rival *r, const CellDesc *d, const char *name,
                     const Names *all)
{
    RtError err = {0};
    Judge *j;

    if (strchr(name, '(')) { /* it says itself what does not suit */
        j = judge_new(d, &name, 1, &err);
        judge_free(j);
        return j ? 0 : drv_fail(&err);
    }
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->v[i], name))
            return 0;
    return no_metric(r, name, all);
}

/* Whether the model can read the data of --test. */
static int check_test(const Compare *c, DrvHost *h, const Flags *f)
{
    RtData d = {0};
    int code = app_data(&h->app, f, flags_get(c->f, "test"), &d);

    data_free(&d);
    return code;
}

/* Warnings were told when it was opened. */
static int compile(DrvHost *h, const Flags *f)
{
    int code;

    h->d.mute = 1;
    code = h->app.compile(&h->app, f, 0);
    h->d.mute = 0;
    return code ? h->app.compile(&h->app, f, 0) : 0;
}

int metrics_check(const Compare *c, const Rival *r, DrvHost *h, const Flags *f)
{
    Names all = {0};
    int code = flags_given(c->f, "test") ? check_test(c, h, f) : 0;

    if (!code && c->nmetric)
        code = compile(h, f);

    if (!code && c->nmetric)
        all = names_of(h->app.eval);
    for (int i = 0; i < c->nmetric && !code; i++)
        code = check_one(r, h->app.eval, c->metric[i], &all);
    names_free(&all);
    return code;
}
