/* The verb eval: loss, perplexity, bits and metrics of a checkpoint on data;
 * and what it shares with predict and generate, loading a checkpoint into a
 * model.  See apphost.h. */
#include "apphost.h"

#include "evaluate.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const Flag app_eval_flags[] = {
    {"part", "NAME", "all", NULL, "all, train or valid (as training held out)"},
    {"batch", "B", "32", "train", "sequences, or streams of one long one"},
    {"tbptt", "K", NULL, "train", "chunks of K steps, as in training"},
    {"reduce", "HOW", "sequence", "train", "as in training"},
    {"threads", "N", "1", "train", "threads"},
    {NULL, NULL, NULL, NULL, NULL}};

const Flag app_json_flags[] = {{"json", NULL, NULL, NULL, "report as JSON"},
                               {NULL, NULL, NULL, NULL, NULL}};

int app_load(AppHost *h, const Flags *f, const Flag *table, const char *path,
             Checkpoint *c)
{
    RtError err = {0};
    int code = checkpoint_load(c, path, &err) ? app_fail(&err) : 0;

    if (!code)
        code = h->open(h, f, NULL, c);
    if (!code)
        code = app_settings(h, f, app_data_flags, c);
    return code ? code : app_settings(h, f, table, c);
}

int app_model(AppHost *h, const Flags *f, const Checkpoint *c, RtModel **m)
{
    RtError err = {0};
    int code = h->compile(h, f, 0);

    if (code)
        return code;
    *m = model_new(h->eval, &err);
    if (!*m || checkpoint_weights(c, *m, &err))
        return app_fail(&err);
    return 0;
}

static void print_line(const char *name, double value)
{
    if (!isnan(value))
        printf("%-12s %.6g\n", name, value);
}

/* Bits and perplexity where there are likelihoods, then the metrics. */
static int report(const CellDesc *d, const RtTally *t, int64_t steps,
                  int as_json)
{
    double nats = tally_nats(t);
    json_t *j = as_json ? json_object() : NULL;
    int k = 0, bad = 0;

    if (j) {
        json_object_set_new(j, "loss", json_real(tally_loss(t)));
        json_object_set_new(j, "steps", json_integer(steps));
    } else {
        print_line("loss", tally_loss(t));
    }
    if (j && !isnan(nats)) {
        json_object_set_new(j, "nats", json_real(nats));
        json_object_set_new(j, "bits", json_real(nats / log1p(1)));
        if (isfinite(exp(nats)))
            json_object_set_new(j, "perplexity", json_real(exp(nats)));
    } else if (!isnan(nats)) {
        print_line("nats", nats);
        print_line("bits", nats / log1p(1));
        print_line("perplexity", exp(nats));
    }
    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0; k++) {
        if (j)
            json_object_set_new(j, d->tensor[i].name,
                                json_real(tally_metric(t, k)));
        else
            print_line(d->tensor[i].name, tally_metric(t, k));
    }
    if (!j)
        printf("%-12s %lld\n", "steps", (long long)steps);
    if (j) {
        bad = json_dumpf(j, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(j);
    return bad ? EXIT_USER : EXIT_DONE;
}

/* The part of the data that --part names. */
static int part_of(const AppHost *h, const Flags *f, double *from, double *to)
{
    const char *part = flags_get(f, "part"), *file;
    double at;
    int code = app_held_out(h, &at, &file);

    *from = 0;
    *to = 1;
    if (code || !strcmp(part, "all"))
        return code;
    if (!strcmp(part, "train")) {
        *to = at;
    } else if (!strcmp(part, "valid")) {
        *from = at;
        if (at == 1) {
            say_error("--part valid: training held nothing out; say --valid "
                      "with a fraction");
            code = EXIT_USER;
        }
    } else {
        say_error("--part is all, train or valid, found \"%s\"", part);
        code = EXIT_USAGE;
    }
    return code;
}

static int evaluate(AppHost *h, const Flags *f, RtModel *m, const RtData *d)
{
    const volatile sig_atomic_t *stop = app_catch();
    RtError err = {0};
    RtFeedOptions o;
    RtTally tally = {0};
    RtFeed *feed = NULL;
    double from, to;
    long threads = 1;
    int code = part_of(h, f, &from, &to);

    if (!code)
        code = app_setting_long(h, "threads", 1, &threads);
    if (!code)
        code = app_feed(h, d, from, to, &o);
    if (!code) {
        o.shuffle = 0;
        o.back = 0;
        feed = feed_open(d, &o, &err);
        if (!feed ||
            evaluate_feed(m, d, feed, (int)threads, stop, &tally, &err) < 0)
            code = app_fail(&err);
    }
    if (!code)
        code =
            report(m->desc, &tally, feed_steps(feed), flags_given(f, "json"));
    if (!code && *stop)
        code = EXIT_INTERRUPTED;
    tally_free(&tally);
    feed_free(feed);
    return code;
}

int app_eval(AppHost *h, const Flags *f, const char *checkpoint,
             const char *data)
{
    Checkpoint c = {0};
    RtData d = {0};
    RtModel *m = NULL;
    int code = app_load(h, f, app_eval_flags, checkpoint, &c);

    if (!code)
        code = app_data(h, f, data, &d);
    if (!code)
        code = app_model(h, f, &c, &m);
    if (!code)
        code = evaluate(h, f, m, &d);
    model_free(m);
    data_free(&d);
    checkpoint_free(&c);
    return code;
}
