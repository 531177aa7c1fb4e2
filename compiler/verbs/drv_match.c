/* Rivals of one size: the option of size is searched for the number of
 * parameters, or of operations, that is nearest to the first rival's. */
#include "drv_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_UNITS = 1 << 20,
    SKIPPED = 16 /* sizes that do not fit, in a row */
};

/* One rival, open with its data. */
typedef struct Opened {
    const Compare *c;
    Rival *r;
    Words words;
    Flags *f;
    DrvHost host;
} Opened;

static void close_rival(Opened *o)
{
    drv_host_free(&o->host);
    flags_free(o->f);
    words_free(&o->words);
}

/* Sizes and vocabularies from the data; of one task those that the first rival
 * found hold for all. */
static int read_sizes(Opened *o, const Checkpoint *known)
{
    AppHost *h = &o->host.app;
    RtData d = {0};
    int code;

    if (o->c->task && known) {
        code = drv_copy_pairs(&h->about.dims, &known->dims);
        return code ? code : drv_copy_pairs(&h->about.vocabs, &known->vocabs);
    }
    code = app_data(h, o->f, o->c->data, &d);
    data_free(&d);
    return code;
}

static int open_rival(Opened *o, const Checkpoint *known)
{
    AppHost *h = &o->host.app;
    int code = compare_words(o->c, o->r, o->c->first, &o->words);

    drv_host_init(&o->host);
    if (!code)
        o->f = flags_parse(&drv_train, o->c->program, o->words.n, o->words.v,
                           &code);
    if (!code)
        code = h->open(h, o->f, o->r->spec, NULL);
    if (code == EXIT_USER && o->c->task)
        say_note("so %s does not fit into %s", o->r->name, o->c->task);
    if (!code)
        code = app_settings(h, o->f, app_train_flags, NULL);
    if (!code)
        code = app_settings(h, o->f, app_data_flags, NULL);
    return code ? code : read_sizes(o, known);
}

/* ---- counting ---- */

static double parameters(const Drv *d)
{
    double sum = 0;

    for (int i = 0; i < cellc_decl_count(d->c); i++) {
        const CellcDecl *decl = cellc_decl(d->c, i);
        double size = 1;

        for (int k = 0; k < decl->rank; k++)
            size *= (double)decl->size[k];
        if (decl->role == CELL_PARAM && !(decl->flags & CELL_FROZEN))
            sum += size;
    }
    return sum;
}

static int operations(Drv *d, double *flops)
{
    const char *text;
    int code = drv_code(cellc_set(d->c, "backward", "0"));

    if (!code)
        code = drv_compile(d);
    text = code ? NULL : cellc_show(d->c, "cost", NULL);
    if (!code && (!text || sscanf(text, "flops %lf", flops) != 1))
        code = EXIT_USER;
    return code;
}

/* With that many units; 0: as the spec has it. */
static int count(Opened *o, long units, int quiet, double *params,
                 double *flops)
{
    Drv d = {.mute = quiet};
    char text[32];
    int code = drv_host_again(&o->host, &d, o->f);

    snprintf(text, sizeof text, "%ld", units);
    if (!code && units)
        code = drv_code(cellc_option(d.c, o->c->size, text));
    if (!code)
        code = drv_code(cellc_check(d.c));
    if (!code)
        *params = parameters(&d);
    if (!code && flops)
        code = operations(&d, flops);
    drv_free(&d);
    return code;
}

/* The same; what is wrong with that size is told, and no warning again. */
static int count_aloud(Opened *o, long units, double *params, double *flops)
{
    int code = count(o, units, 1, params, flops);

    return code ? count(o, units, 0, params, flops) : 0;
}

/* The spec's own number of units; 0: it has no such option. */
static long own_units(const Opened *o)
{
    const char *name, *value, *doc;

    for (int i = 0; cellc_option_at(o->host.d.c, i, &name, &value, &doc); i++)
        if (!strcmp(name, o->c->size))
            return strtol(value, NULL, 10);
    return 0;
}

/* ---- searching ---- */

typedef struct Search {
    Opened *o;
    int by_flops;
    double wanted, nearest; /* the count at best, NAN: none yet */
    long best;
} Search;

/* The count with about that many units: where a size does not fit (a number of
 * heads, of groups) the next one that does, which *units then is. */
static double count_near(Search *s, long *units)
{
    double params = NAN, flops = NAN, v = NAN;

    for (long n = *units; n < *units + SKIPPED && isnan(v); n++) {
        if (count(s->o, n, 1, &params, s->by_flops ? &flops : NULL))
            continue;
        v = s->by_flops ? flops : params;
        *units = n;
    }
    if (isnan(s->nearest) ||
        fabs(v - s->wanted) < fabs(s->nearest - s->wanted)) {
        s->nearest = v;
        s->best = *units;
    }
    return v;
}

static void search(Search *s, long start)
{
    long low = 0, high = start, at;

    while (high < MOST_UNITS) {
        at = high;
        if (!(count_near(s, &at) < s->wanted))
            break;
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        long middle = low + (high - low) / 2;

        at = middle;
        if (count_near(s, &at) < s->wanted)
            low = middle;
        else
            high = middle;
    }
}

/* Gives the rival the size that comes nearest to what is wanted. */
static int fit(Opened *o, int by_flops, double wanted)
{
    Search s = {.o = o, .by_flops = by_flops, .wanted = wanted, .nearest = NAN};
    long start = own_units(o);

    if (start < 1) {
        say_note("%s has no option %s: its size stays", o->r->spec, o->c->size);
        return 0;
    }
    search(&s, start);
    if (isnan(s.nearest)) {
        say_error("%s fits with no %s from %ld on", o->r->name, o->c->size,
                  start);
        return EXIT_USER;
    }
    o->r->units = s.best;
    if (fabs(s.nearest - wanted) > 0.1 * wanted)
        say_note("%s has %.0f %s at its nearest, %.0f are wanted", o->r->name,
                 s.nearest, by_flops ? "operations" : "parameters", wanted);
    return 0;
}

/* ---- all of them ---- */

static int read_match(const Compare *c, int *by_flops, int *units,
                      double *budget)
{
    static const char *const word[] = {"params", "units", "flops"};
    const char *match = flags_get(c->f, "match");
    int k = 0;

    while (k < 3 && strcmp(word[k], match))
        k++;
    *units = k == 1;
    *by_flops = k == 2;
    if (k < 3)
        return flags_real(c->f, "budget", 1, 1e15, budget);
    say_error("--match is params, units or flops, found \"%s\"", match);
    return EXIT_USAGE;
}

int compare_match(Compare *c)
{
    double wanted = 0;
    int by_flops, units, worst = 0;
    Opened first = {.c = c, .r = c->rival};
    int code = read_match(c, &by_flops, &units, &wanted);

    if (code)
        return code;
    code = worst = open_rival(&first, NULL);
    for (int i = 0; i < c->n && (!code || i); i++) {
        Opened other = {.c = c, .r = &c->rival[i]}, *o = i ? &other : &first;
        Rival *r = &c->rival[i];

        code = i ? open_rival(o, worst ? NULL : &first.host.app.about) : code;
        if (!code && (!i || !c->task))
            code = metrics_check(c, r, &o->host, o->f);
        if (!code)
            r->units = own_units(o);
        if (!code && !units && wanted > 0)
            code = fit(o, by_flops, wanted);
        if (!code)
            code = count_aloud(o, r->units, &r->params,
                               by_flops ? &r->flops : NULL);
        if (!code && wanted <= 0)
            wanted = by_flops ? r->flops : r->params;
        worst = code > worst ? code : worst;
        if (i)
            close_rival(&other);
    }
    close_rival(&first);
    return worst;
}
