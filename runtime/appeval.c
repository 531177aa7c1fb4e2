/* The verb eval: loss, perplexity, bits and metrics of a checkpoint on data;
 * and what it shares with predict and generate, loading a checkpoint into a
 * model.  See apphost.h. */
#include "apphost.h"

#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const Flag app_eval_flags[] = {
    {"part", "NAME", "all", NULL, "all, train or valid (as training held out)"},
    {"batch", "B", "32", "train",
     "sequences at a time; one long one is read as a whole, unless this cuts "
     "it into B streams, which is faster and loses what was before each"},
    {"tbptt", "K", NULL, "train", "chunks of K steps, as in training"},
    {"reduce", "HOW", "sequence", "train", "as in training"},
    {"threads", "N", "1", "train", "threads"},
    {"metric", "METRIC(NAME)", NULL, NULL,
     "of a drawn name, decoded: accuracy, exact, f1, bleu, error_rate, auc; "
     "again for others"},
    {"greedy", NULL, NULL, NULL,
     "metrics of what has to be generated: always the most likely, the "
     "default"},
    {"beam", "K", NULL, NULL, "the same with a beam"},
    {"length-penalty", "A", "0", NULL, "of the beam, as in generate"},
    {"expect", "NAME >= X", NULL, NULL,
     "exit with 3 where a number falls short; again for others"},
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
        code = app_check_inputs(h, f);
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

int app_parts(AppHost *h, const Flags *f, RtModel *m)
{
    const CellDesc *known = NULL, *step = NULL;
    RtError err = {0};
    int code = 0;

    if (h->parts && m->desc->ntime > 1)
        code = h->parts(h, f, &known, &step);
    if (code || !known)
        return code;
    m->known = model_new(known, &err);
    m->step = m->known ? model_new(step, &err) : NULL;
    return m->step ? 0 : app_fail(&err);
}

/* Loss, bits and perplexity where there are likelihoods, metrics of the spec,
 * then those of decoded names. */
static int collect(const CellDesc *d, const RtTally *t, const Judge *j,
                   int64_t steps, Figures *all, RtError *err)
{
    double nats = tally_nats(t);
    int k = 0;

    if (figures_add(all, "loss", tally_loss(t), 0, err) ||
        figures_add(all, "nats", nats, 0, err) ||
        figures_add(all, "bits", nats / log1p(1), 0, err) ||
        figures_add(all, "perplexity", exp(nats), 0, err))
        return -1;
    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0; k++)
        if (figures_add(all, d->tensor[i].name, tally_metric(t, k), 0, err))
            return -1;
    for (int i = 0; i < judge_count(j); i++)
        if (figures_add(all, judge_name(j, i), judge_value(j, i), 0, err))
            return -1;
    return figures_add(all, "steps", (double)steps, 1, err);
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

/* The metrics that --metric names, and those that --expect does. */
static int list_metrics(const Flags *f, const char ***text, int *n)
{
    const char *t;
    int room = flags_given(f, "metric") + flags_given(f, "expect");

    *n = 0;
    *text = calloc((size_t)room + 1, sizeof **text);
    if (!*text)
        return EXIT_BUG;
    for (int i = 0; (t = flags_each(f, "metric", i)); i++)
        if (strcmp(t, ""))
            (*text)[(*n)++] = strdup(t);
    for (int i = 0; (t = flags_each(f, "expect", i)); i++) {
        RtError err = {0};
        Expect e;
        int known = 0;

        if (expect_parse(&e, t, &err)) {
            app_fail(&err);
            return EXIT_USAGE;
        }
        for (int k = 0; k < *n; k++)
            known |= !strcmp((*text)[k], e.name);
        if (!known && strchr(e.name, '('))
            (*text)[(*n)++] = e.name;
        else
            free(e.name);
    }
    return 0;
}

int app_judge_of(const AppHost *h, const CellDesc *d, const char *const *text,
                 int n, AppJudge *a)
{
    RtError err = {0};
    int code = 0;

    *a = (AppJudge){.judge = judge_new(d, text, n, &err)};
    a->vocab = calloc((size_t)n + 1, sizeof *a->vocab);
    if (!a->judge)
        return app_fail(&err);
    if (!a->vocab)
        return EXIT_BUG;
    for (int i = 0; i < n && !code; i++) {
        const CellTensor *t = &d->tensor[judge_input(a->judge, i)];
        int32_t last = -1;

        a->n = i + 1;
        if (app_vocab(h, t->set, &a->vocab[i], &err) < 0)
            code = app_fail(&err);
        for (int k = 0; k < h->ninput && !code; k++)
            if (h->input[k].last && !strcmp(h->input[k].want.name, t->name))
                last = vocab_word(&a->vocab[i], h->input[k].last);
        judge_vocab(a->judge, i, &a->vocab[i], last);
    }
    return code;
}

int app_judge(const AppHost *h, const Flags *f, const CellDesc *d, AppJudge *a)
{
    const char **text = NULL;
    int n = 0, code = list_metrics(f, &text, &n);

    *a = (AppJudge){0};
    if (!code)
        code = app_judge_of(h, d, text, n, a);
    for (int i = 0; text && i < n; i++)
        free((char *)text[i]);
    free(text);
    return code;
}

void app_judge_free(AppJudge *a)
{
    judge_free(a->judge);
    for (int i = 0; i < a->n; i++)
        vocab_free(&a->vocab[i]);
    free(a->vocab);
}

/* What has to be generated, from whole sequences. */
static int generate(const Flags *f, RtModel *m, const RtData *d,
                    const RtFeedOptions *o, Judge *j, RtError *err)
{
    BeamHow beam = {.stop = app_catch()};
    long width = 0;

    if (!judge_generates(j))
        return 0;
    if (flags_long(f, "beam", 1, 1L << 20, &width) ||
        flags_real(f, "length-penalty", 0, 10, &beam.penalty))
        return rt_fail(err, "nothing was generated");
    if (width && flags_given(f, "greedy"))
        return rt_fail(err, "--greedy and --beam: one of them generates");
    beam.width = width;
    return judge_generate(j, m, d, o, &beam, err) < 0 ? -1 : 0;
}

/* One long series is one stream, so that its numbers do not depend on how many
 * there were in training; --batch cuts it. */
static void set_streams(const Flags *f, RtFeedOptions *o)
{
    if (!o->streams)
        return;
    if (!flags_given(f, "batch"))
        o->batch = 1;
    else if (o->batch > 1)
        say_note("--batch %lld: cut into as many streams, each without what is "
                 "before it; without --batch the numbers are exact",
                 (long long)o->batch);
}

static int evaluate(AppHost *h, const Flags *f, RtModel *m, const RtData *d)
{
    const volatile sig_atomic_t *stop = app_catch();
    RtError err = {0};
    RtFeedOptions o;
    RtTally tally = {0};
    RtFeed *feed = NULL;
    AppJudge a = {0};
    Figures all = {0};
    double from, to;
    long threads = 1;
    int code = part_of(h, f, &from, &to);

    if (!code)
        code = app_setting_long(h, "threads", 1, &threads);
    if (!code)
        code = app_feed(h, d, from, to, &o);
    if (!code)
        code = app_judge(h, f, m->desc, &a);
    if (!code && a.judge && judge_generates(a.judge))
        code = app_parts(h, f, m);
    if (!code) {
        o.shuffle = 0;
        o.back = 0;
        set_streams(f, &o);
        feed = feed_open(d, &o, &err);
        if (!feed ||
            evaluate_visit(m, d, feed, (int)threads, stop, judge_visit, a.judge,
                           &tally, &err) < 0 ||
            generate(f, m, d, &o, a.judge, &err) ||
            collect(m->desc, &tally, a.judge, feed_steps(feed), &all, &err))
            code = app_fail(&err);
    }
    if (!code)
        code = figures_report(&all, f, flags_given(f, "json"));
    if (*stop)
        code = EXIT_INTERRUPTED;
    figures_free(&all);
    app_judge_free(&a);
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
        code = app_labels(h, &d);
    if (!code)
        code = evaluate(h, f, m, &d);
    model_free(m);
    data_free(&d);
    checkpoint_free(&c);
    return code;
}
