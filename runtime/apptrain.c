/* The verb train: data, sizes, compile, then epochs (fit.c) until a limit or an
 * interrupt; the checkpoint is written by fit.c.  See apphost.h. */
#include "apphost.h"

#include "fit.h"
#include "optim.h"
#include "plot.h"
#include "rtio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const Flag app_train_files[] = {
    {"o", "FILE", "model.safetensors", NULL, "the checkpoint"},
    {"resume", NULL, NULL, NULL, "go on from the checkpoint -o"},
    {"init", "FILE", NULL, NULL,
     "weights of a checkpoint, where names and shapes agree, and its "
     "vocabularies"},
    {"log", "FILE", NULL, NULL,
     "CSV log, else -o with .log.csv for its ending"},
    {"tensorboard", "DIR", NULL, NULL,
     "the log as an event file in that folder too"},
    {"best", "FILE", NULL, NULL, "checkpoint of the best validation too"},
    {"plot", "FILE", NULL, NULL,
     "learning curve at the end, .png or .svg; else in the terminal; or none"},
    {NULL, NULL, NULL, NULL, NULL}};

const Flag app_train_flags[] = {
    {"epochs", "N", NULL, "train",
     "times through the data; 20 where nothing else ends it"},
    {"steps", "N", NULL, "train", "updates altogether"},
    {"minutes", "X", NULL, "train", "time for this run"},
    {"batch", "B", "32", "train", "sequences, or streams of one long one"},
    {"tbptt", "K", NULL, "train",
     "chunks of K steps: state is carried; '(K, L)': an update every K steps, "
     "whose gradient goes back L"},
    {"optimizer", "CALL", "adam(lr = 1e-3)", "train",
     "sgd momentum nesterov adagrad adadelta rmsprop adam adamw nadam lion"},
    {"lr", "RATE", NULL, "train", "learning rate, in place of the optimizer's"},
    {"decay", "D", NULL, "train",
     "of weights, in place of the optimizer's: D w is added to the gradient, "
     "by adamw and lion w shrinks by lr D w"},
    {"schedule", "CALL", NULL, "train",
     "constant step exponential cosine warmup onecycle plateau, with * "
     "between"},
    {"clip", "CLIP", NULL, "train", "norm(c), value(c) or none"},
    {"gradient-noise", "S", NULL, "train",
     "after the clip, of variance S / (1 + update)^0.55; constant(deviation)"},
    {"accumulate", "N", "1", "train",
     "batches whose gradient makes one update, as of one N times as large"},
    {"ema", "D", NULL, "train",
     "validates and keeps the average a = D a + (1 - D) w of the weights"},
    {"reduce", "HOW", "sequence", "train", "mean per sequence, token, or sum"},
    {"teacher", "P", "1", "train",
     "share of earlier steps that are as observed; the others are drawn"},
    {"monitor", "NAME", "loss", "train",
     "by what a validation is better: loss, a metric (the larger), f1(y) and "
     "others that eval --metric has, or min(NAME)"},
    {"patience", "N", NULL, "train",
     "epochs without a better validation before it stops; 5 where --minutes "
     "alone ends it"},
    {"threads", "N", NULL, "train", "all processors where not given"},
    {"memory", "SIZE", NULL, "train",
     "to stay within, as 200M or 2G: longer sequences are run in segments, "
     "forward twice"},
    {"seed", "N", "1", "train", "of start values, order and noise"},
    {"log-every", "N", NULL, "train", "updates from row to row of the log"},
    {NULL, NULL, NULL, NULL, NULL}};

const Flag app_data_flags[] = {
    {"in", "NAME=FILE", NULL, NULL,
     "array of an input, or FILE.npz:ARRAY, FILE.tsv:COLUMN; again for others"},
    {"column", "NAME=COLS", NULL, NULL,
     "of a table, by name or number, as 1:3,5; each line is a sequence with "
     "words(2), chars(2), numbers(2), steps(2:9), or names a file with wav(2), "
     "png(2), npy(2); again for other inputs"},
    {"file", "FILE", NULL, "data", "the data where no argument names them"},
    {"valid", "PART", NULL, "data", "held out: a fraction, or a file"},
    {"split", "SEED|end", "1", "data",
     "which sequences a fraction holds out: those that this seed draws, or the "
     "last ones; one long sequence holds out its end"},
    {"balance", "yes|no", "no", "data",
     "classes that are rarer in the training part weigh more in the loss"},
    {"lengths", "FILE", NULL, "data",
     "steps of each sequence of .npy data, or FILE.tsv:COLUMN"},
    {"max-steps", "N", NULL, "data", "of longer sequences only the first N"},
    {"pad", "WHERE", "no", "data",
     "before or after: sequences get --max-steps steps, or as many as the "
     "longest has, as models that were trained so expect"},
    {"time-first", "yes|no", "no", "data", ".npy data are [T,N,...]"},
    {"header", "yes|no", NULL, "data", "first line of a table; else by looks"},
    {"unit", "NAME", "char", "data", "of a text: char, byte, word, or notes"},
    {"low-note", "N", "21", "data", "the first of notes x[t,88], by MIDI"},
    {"min-count", "N", NULL, "data",
     "rarer words or characters become one unknown"},
    {"max-classes", "N", NULL, "data",
     "that a vocabulary has, the unknown among them: the most frequent"},
    {"lower", "yes|no", "no", "data", "small letters only"},
    {"eos", "WORD", "<eos>", "data",
     "that a line end is, with --unit word; '' for none"},
    {"window", "N", NULL, "data", "windows of N steps, from the start state"},
    {"buckets", "N", NULL, "data",
     "sequences of like length together: N batches are sorted by length"},
    {"hop", "N", NULL, "data", "steps from window to window, 1"},
    {NULL, NULL, NULL, NULL, NULL}};

/* "dir/model.safetensors" gives "dir/model.log.csv"; malloc'd. */
static char *log_name(const char *out)
{
    const char *dot = strrchr(out, '.'), *slash = strrchr(out, '/');
    size_t n =
        dot && (!slash || dot > slash) ? (size_t)(dot - out) : strlen(out);

    return rt_printf("%.*s.log.csv", (int)n, out);
}

static int same_file(const char *a, const char *b)
{
    struct stat x, y;

    return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

/* What training writes must not be what it reads. */
static int outputs_apart(const Flags *f, const char *spec, const char *data,
                         const char *save, const char *log)
{
    const char *in[] = {spec,
                        data,
                        flags_get(f, "file"),
                        flags_get(f, "valid"),
                        flags_get(f, "init"),
                        flags_get(f, "lengths")};
    const char *out[] = {save, log, flags_get(f, "best")};
    static const char *const flag[] = {"-o", "--log", "--best"};
    struct stat st;

    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        for (size_t k = 0; k < sizeof out / sizeof *out; k++)
            if (same_file(in[i], out[k])) {
                say_error("%s is read: it cannot be written too; choose "
                          "another name with %s",
                          out[k], flag[k]);
                return EXIT_USER;
            }
    for (size_t k = 0; k < sizeof out / sizeof *out; k++)
        for (size_t i = 0; i < k; i++)
            if (out[k] && (same_file(out[i], out[k]) ||
                           (!strcmp(out[i], out[k]) && stat(out[k], &st)))) {
                say_error("%s is written twice: choose another name with %s",
                          out[k], flag[k]);
                return EXIT_USER;
            }
    for (size_t k = 0; k < sizeof out / sizeof *out; k++)
        if (out[k] && !stat(out[k], &st) && S_ISDIR(st.st_mode)) {
            say_error("%s is a folder: %s names a file", out[k], flag[k]);
            return EXIT_USER;
        }
    return 0;
}

/* Which part a fraction holds out. */
static void tell_held_out(const RtData *d, double at, const RtFeedOptions *o)
{
    double n = (double)d->nseq, steps = (double)d->steps[0].length[0];

    if (d->nseq == 1)
        say_note("held out for validation: the last %.0f of %.0f steps",
                 steps - floor(at * steps + 1e-9), steps);
    else if (o->split)
        say_note("held out for validation: %.0f of %.0f sequences, drawn by "
                 "--split %llu (--split end: the last ones)",
                 n - floor(at * n + 1e-9), n, (unsigned long long)o->split);
    else
        say_note("held out for validation: the last %.0f of %.0f sequences",
                 n - floor(at * n + 1e-9), n);
}

/* Training and validation data, dealt as the settings say. */
static int set_data(AppHost *h, const Flags *f, const char *path, RtData *data,
                    RtData *valid, FitSetup *s)
{
    const char *file;
    double at;
    int code = app_data(h, f, path, data);

    if (!code)
        code = app_held_out(h, &at, &file);
    if (!code)
        code = app_feed(h, data, 0, at, &s->feed);
    s->data = data;
    if (!code && file) {
        code = app_data(h, f, file, valid);
        s->valid = valid;
        if (!code)
            code = app_feed(h, valid, 0, 1, &s->validfeed);
    } else if (!code && at < 1) {
        s->valid = data;
        code = app_feed(h, data, at, 1, &s->validfeed);
        if (!code)
            tell_held_out(data, at, &s->validfeed);
    }
    s->validfeed.shuffle = 0;
    s->validfeed.back = 0;
    if (!code && s->feed.streams && s->feed.chunk && !app_setting(h, "tbptt"))
        say_note("one sequence of %lld steps: cut into chunks of %lld (--tbptt "
                 "says otherwise)",
                 (long long)data->steps[0].length[0], (long long)s->feed.chunk);
    return code;
}

/* Noise, or a statistic that follows the batches: evaluation is another
 * program. */
static int differs(const CellDesc *d)
{
    return model_next(d, CELL_NOISE, -1) >= 0 ||
           model_next(d, CELL_NEXT, -1) >= 0;
}

static int metric_count(const CellDesc *d)
{
    int n = 0;

    for (int i = -1; (i = model_next(d, CELL_METRIC, i)) >= 0;)
        n++;
    return n;
}

/* Everything between the flags and fit_run. */
typedef struct Training {
    AppHost *h;
    AppJudge judge; /* of validations, where a drawn name is monitored */
    const Flags *f;
    const char *spec, *data;
    const char *from; /* what `init` comes from, or NULL */
    Checkpoint resumed, init;
    RtData set, valid;
    FitSetup s;
    char *base; /* folder of the spec, or NULL */
    char *log;
} Training;

/* How often members of a set occur in all inputs that hold them. */
static void count_members(const void *user, const char *set, double *count,
                          int64_t n)
{
    const Training *t = user;

    for (int i = 0; i < t->h->ninput; i++) {
        const AppInput *in = &t->h->input[i];
        const RtField *f = in->set && set && !strcmp(in->set, set)
                               ? data_field(&t->set, in->want.name)
                               : NULL;
        for (int64_t k = 0; f && k < f->count * f->size; k++) {
            double v = data_value(f, k);
            if (v >= 0 && v < (double)n)
                count[(int64_t)v]++;
        }
    }
}

/* Start values: drawn, and those of --init; or those of the checkpoint that is
 * resumed. */
static int start_model(Training *t)
{
    FitSetup *s = &t->s;
    RtError err = {0};
    int code;

    if (s->resume)
        s->about->state = s->resume->state;
    if (s->resume ? checkpoint_weights(s->resume, s->model, &err)
                  : model_init(s->model, s->seed,
                               &(InitFrom){.base = t->base,
                                           .vocabs = &s->about->vocabs,
                                           .count = count_members,
                                           .user = t},
                               &err))
        return app_fail(&err);
    code = t->from ? app_init_weights(&t->init, t->from, !t->h->warm, s->model)
                   : 0;
    st_free(&t->init.file);
    return code;
}

static void put_result(const FitSetup *s, const FitResult *r, FILE *to)
{
    const CellDesc *d = s->model->desc;

    fprintf(to, "%s: %lld epochs, %lld updates, %.1f s", s->save,
            (long long)r->epochs, (long long)r->steps, r->seconds);
    if (!isnan(r->val_nats))
        fprintf(to, ", validation %.4f nats, %.4f bits, perplexity %.3f",
                r->val_nats, r->val_nats / log1p(1), exp(r->val_nats));
    else if (!isnan(r->val_loss))
        fprintf(to, ", validation loss %.6g", r->val_loss);
    else if (!isnan(r->nats))
        fprintf(to, ", training %.4f nats, %.4f bits", r->nats,
                r->nats / log1p(1));
    else if (!isnan(r->loss))
        fprintf(to, ", training loss %.6g", r->loss);
    for (int i = -1, k = 0; (i = model_next(d, CELL_METRIC, i)) >= 0; k++)
        if (!isnan(s->metric[k]))
            fprintf(to, ", %s %.4g", d->tensor[i].name, s->metric[k]);
    if (s->judge && !isnan(s->metric[metric_count(d)]))
        fprintf(to, ", %s %.4g", judge_name(s->judge, 0),
                s->metric[metric_count(d)]);
}

static void print_result(const FitSetup *s, const FitResult *r)
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    if (to)
        put_result(s, r, to);
    if (to && !fclose(to))
        say_lines(text, 0, 2, stdout);
    free(text);
}

static int finish(const FitSetup *s, const FitResult *r, const char *log,
                  const char *memory)
{
    const FitState *st = &s->about->state;
    const char *out = s->save;
    int64_t before = s->resume ? s->resume->state.step : 0;

    print_result(s, r);
    printf("%s: log\n", log);
    if (r->segment)
        say_note("to stay within --memory %s, sequences were run in segments "
                 "of %lld steps",
                 memory, (long long)r->segment);
    if (r->steps == before && before > 0 && !r->interrupted)
        say_note("nothing was left to do; more --epochs or --steps go on");
    if (s->patience > 0 && st->best_epoch > 0 &&
        st->epoch - st->best_epoch >= s->patience)
        say_note("no better validation for %lld epochs: epoch %lld was best "
                 "(--best keeps it, --patience goes on)",
                 (long long)(st->epoch - st->best_epoch),
                 (long long)st->best_epoch);
    if (r->interrupted)
        say_note("interrupted; %s is saved, --resume goes on", out);
    return r->interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
}

static int blame(void *ctx, const RtSession *s, int backward, FitOrigin *o)
{
    const Training *t = ctx;

    return t->h->blame(t->h, t->f, s, backward, o);
}

/* Room for the metrics of a validation, not known yet; NULL without memory. */
static double *metrics(const CellDesc *d)
{
    int n = metric_count(d) + 1; /* and one of a drawn name */
    double *v = malloc((size_t)n * sizeof *v);

    for (int k = 0; v && k < n; k++)
        v[k] = NAN;
    return v;
}

/* From a compiled model and its data to the end. */
static int train_model(Training *t)
{
    FitSetup *s = &t->s;
    const AppHost *h = t->h;
    RtError err = {0};
    FitResult result = {0};
    char *optimizer = NULL;
    int code;

    s->model = model_new(h->train, &err);
    if (s->model && (differs(h->train) || s->judge))
        s->validator = model_new(h->eval, &err);
    code = !s->model || ((differs(h->train) || s->judge) && !s->validator)
               ? app_fail(&err)
               : start_model(t);
    if (!code && s->judge && judge_generates(s->judge))
        code = app_parts(t->h, t->f, s->validator);
    if (!code)
        code = app_train_optimizer(h, s->model, &optimizer);
    s->optimizer = optimizer;
    s->metric = metrics(h->train);
    s->blame = h->blame ? blame : NULL;
    s->blame_ctx = t;
    s->log = t->log;
    s->stop = app_catch();
    s->out = stderr;
    s->terminal = isatty(STDERR_FILENO) ? plot_columns(STDERR_FILENO) : 0;
    if (!code && !s->metric)
        code = EXIT_BUG;
    if (!code && fit_run(s, &result, &err))
        code = app_fail(&err);
    if (!code)
        code = finish(s, &result, t->log, app_setting(h, "memory"));
    free(optimizer);
    free(s->metric);
    model_free(s->model);
    model_free(s->validator);
    return code;
}

/* Loads the checkpoint that --resume goes on from. */
static int load_resumed(Training *t)
{
    RtError err = {0};
    struct stat st;
    Checkpoint *c = &t->resumed;

    if (stat(t->s.save, &st)) {
        say_error("--resume: %s is not there; without --resume training "
                  "starts from the beginning",
                  t->s.save);
        return EXIT_USER;
    }
    if (checkpoint_load(c, t->s.save, &err))
        return app_fail(&err);
    t->s.resume = c;
    for (int i = 0; i < c->vocabs.n; i++)
        if (!app_has_set(t->h, c->vocabs.v[i].key)) {
            say_error("--resume: %s is of another spec: it has %s, which no "
                      "input of %s is in; -o names the checkpoint",
                      t->s.save, c->vocabs.v[i].key,
                      t->spec ? t->spec : "this program");
            return EXIT_USER;
        }
    for (int i = 0; i < c->vocabs.n; i++)
        if (pairs_set(&t->h->about.vocabs, c->vocabs.v[i].key,
                      c->vocabs.v[i].value, &err))
            return app_fail(&err);
    return 0;
}

/* What training begins with. */
static int load_start(Training *t)
{
    int resume = flags_given(t->f, "resume") && !t->h->warm;

    t->from = t->h->warm ? t->h->warm : flags_get(t->f, "init");
    if (resume && t->from) {
        say_error("--resume goes on with the weights of %s, --init begins with "
                  "others: one of the two is wanted",
                  t->s.save);
        return EXIT_USAGE;
    }
    if (t->from)
        return app_init_open(t->h, t->from, !t->h->warm, &t->init);
    return resume ? load_resumed(t) : 0;
}

/* "accuracy", "min(error)" or "max(accuracy)": malloc'd name, and whether more
 * of it is better; -1 where nothing says so. */
static char *monitor_name(const char *text, int *up)
{
    size_t n = strlen(text);

    *up = !strncmp(text, "max(", 4) ? 1 : !strncmp(text, "min(", 4) ? 0 : -1;
    return *up >= 0 && text[n - 1] == ')' ? strndup(text + 4, n - 5)
                                          : strdup(text);
}

static int no_metric(const CellDesc *d, const char *name)
{
    const char **names = calloc((size_t)metric_count(d) + 1, sizeof *names);
    const char *near = NULL;
    int n = 0;

    for (int i = -1; names && (i = model_next(d, CELL_METRIC, i)) >= 0;)
        names[n++] = d->tensor[i].name;
    if (n)
        near = call_nearest(name, names, n, sizeof *names);
    say_error(
        "monitor: %s has no metric \"%s\"%s%s%s `metric %s = e` makes one",
        d->name, name, near ? "; did you mean " : "", near ? near : "",
        near ? "?" : ";", name);
    free(names);
    return EXIT_USER;
}

int app_monitors_drawn(const AppHost *h)
{
    const char *text = app_setting(h, "monitor");
    int up, drawn;
    char *name = text ? monitor_name(text, &up) : NULL;

    drawn = name && strchr(name, '(') != NULL;
    free(name);
    return drawn;
}

static int nothing_held_out(void)
{
    say_error("monitor: nothing is held out for validation; valid = 0.1 "
              "holds out a tenth");
    return EXIT_USER;
}

/* By a metric of a drawn name; of errors fewer are better. */
static int monitor_drawn(Training *t, const char *name, int up)
{
    int code = app_judge_of(t->h, t->h->eval, &name, 1, &t->judge);

    if (!code && !t->s.valid)
        code = nothing_held_out();
    t->s.judge = t->judge.judge;
    t->s.monitor = metric_count(t->h->train) + 1;
    t->s.up = up < 0 ? strncmp(name, "error_rate", 10) != 0 : up;
    return code;
}

/* By what a validation is judged. */
static int set_monitor(Training *t)
{
    const CellDesc *d = t->h->train;
    const char *text = app_setting(t->h, "monitor");
    const char *before =
        t->s.resume ? pairs_get(&t->resumed.settings, "monitor") : NULL;
    int up, k = 0, i = -1, code = 0;
    char *name = monitor_name(text, &up);

    /* The best so far was of something else. */
    if (t->s.resume && strcmp(before ? before : "loss", text) != 0)
        t->resumed.state.best_epoch = 0;
    while (name && (i = model_next(d, CELL_METRIC, i)) >= 0 &&
           strcmp(d->tensor[i].name, name) != 0)
        k++;
    if (!name)
        code = EXIT_BUG;
    else if (strchr(name, '('))
        code = monitor_drawn(t, name, up);
    else if (i < 0 && strcmp(name, "loss") != 0)
        code = no_metric(d, name);
    else if (i >= 0 && !t->s.valid)
        code = nothing_held_out();
    if (!t->s.judge) {
        t->s.monitor = i < 0 ? 0 : k + 1;
        t->s.up = up < 0 ? i >= 0 : up;
    }
    free(name);
    return code;
}

/* Whether the compiled model can be trained as the settings say. */
static int check_model(const Training *t)
{
    const CellDesc *d = t->h->train;

    if (!d->backward) {
        say_error("%s has no loss: nothing to train; add `y ~ D` or `loss e`",
                  t->spec ? t->spec : d->name);
        return EXIT_USER;
    }
    if (t->s.feed.back > t->s.feed.chunk && model_next(d, CELL_SKIP, -1) < 0) {
        say_error("tbptt: this program counts all steps of a chunk; a pair "
                  "must stand in the train block of its spec");
        return EXIT_USER;
    }
    return 0;
}

/* Before the work that goes into them. */
static int check_outputs(const Training *t)
{
    const char *path[] = {t->s.save, t->s.best};
    RtError err = {0};
    int code = outputs_apart(t->f, t->spec, t->data, t->s.save, t->log);

    if (!code)
        code = app_plot_check(t->f);
    for (int i = 0; i < 2 && !code; i++)
        if (path[i] && rtio_writable(path[i], &err))
            code = app_fail(&err);
    return code;
}

int app_train(AppHost *h, const Flags *f, const char *spec, const char *data)
{
    const char *slash = spec ? strrchr(spec, '/') : NULL;
    Training t = {.h = h, .f = f, .spec = spec, .data = data};
    int code;

    t.s.about = &h->about;
    t.s.save = flags_get(f, "o");
    t.s.best = flags_get(f, "best");
    t.s.events = flags_get(f, "tensorboard");
    t.base = slash ? strndup(spec, (size_t)(slash - spec)) : NULL;
    t.log =
        flags_get(f, "log") ? strdup(flags_get(f, "log")) : log_name(t.s.save);
    code = t.log ? check_outputs(&t) : EXIT_BUG;
    if (!code)
        code = h->open(h, f, spec, NULL);
    if (!code)
        code = app_check_inputs(h, f);
    if (!code)
        code = load_start(&t);
    h->about.state.best_epoch = -1;
    if (!code)
        code = app_train_settings(h, f, t.s.resume);
    if (!code)
        code = set_data(h, f, data, &t.set, &t.valid, &t.s);
    if (!code)
        code = app_balance(h, &t.set, &t.s.feed);
    if (!code)
        code = app_train_numbers(h, &t.s);
    if (!code)
        code = h->compile(h, f, 1);
    if (!code)
        code = check_model(&t);
    if (!code)
        code = app_labels(h, &t.set);
    if (!code && t.s.valid && t.s.valid != &t.set)
        code = app_labels(h, &t.valid);
    if (!code)
        code = set_monitor(&t);
    if (!code)
        code = train_model(&t);
    if (!code)
        code = app_plot_log(f, t.log);
    free(t.log);
    app_judge_free(&t.judge);
    data_free(&t.set);
    data_free(&t.valid);
    checkpoint_free(&t.resumed);
    checkpoint_free(&t.init);
    free(t.base);
    return code;
}
