/* The runs of a comparison, each a normal training in a process of its own, as
 * many at once as there are processors.  FOLDER/CELL.SEED.json says what a run
 * was asked for and, once it is over, what it gave, so that the same command
 * goes on where it was stopped: a finished run is not repeated, one that was
 * interrupted is resumed from its checkpoint. */
#include "drv_compare.h"

#include "../../runtime/csv.h"
#include "../../runtime/rtio.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A run that is going on, in one of the places. */
typedef struct Going {
    pid_t pid; /* 0: the place is free */
    Rival *r;
    RivalRun *run;
} Going;

static char *path_of(const Compare *c, const Rival *r, long seed,
                     const char *ending)
{
    return rt_printf("%s/%s.%ld%s", c->folder, r->file, seed, ending);
}

static int there(const char *path)
{
    struct stat st;

    return path && !stat(path, &st);
}

/* ---- command lines ---- */

/* --NAME=TEXT; a name of one letter has one dash and its value behind. */
static int add_flag(Words *w, const char *name, const char *text)
{
    int letter = !name[1];
    int code = words_add(w, letter ? rt_printf("-%s", name)
                            : text ? rt_printf("--%s=%s", name, text)
                                   : rt_printf("--%s", name));

    return code || !letter ? code : words_add(w, rt_printf("%s", text));
}

static int is_own(const Compare *c, const char *name)
{
    for (const Flag *f = c->own; f->name; f++)
        if (!strcmp(f->name, name))
            return 1;
    return !strcmp(name, "seed") || !strcmp(name, "threads") ||
           !strcmp(name, "json");
}

/* What is passed on as it was given; `table`: only what is in it, or NULL. */
static int add_given(const Compare *c, const Flag *table, Words *w)
{
    const char *name, *value;
    int code = 0;

    for (int i = 0; !code && (name = flags_nth(c->f, i, &value)); i++) {
        int wanted = !is_own(c, name) && !table;

        for (const Flag *f = table; f && f->name; f++)
            wanted |= !strcmp(f->name, name);
        if (wanted)
            code = add_flag(w, name, value);
    }
    return code;
}

/* A flag with a file of the run. */
static int add_path(const Compare *c, const Rival *r, long seed,
                    const char *flag, const char *ending, Words *w)
{
    char *path = path_of(c, r, seed, ending);
    int code = path ? add_flag(w, flag, path) : EXIT_BUG;

    free(path);
    return code;
}

static int add_number(Words *w, const char *flag, const char *before, long v)
{
    char *text = rt_printf("%s%ld", before, v);
    int code = text ? add_flag(w, flag, text) : EXIT_BUG;

    free(text);
    return code;
}

int compare_words(const Compare *c, const Rival *r, long seed, Words *w)
{
    char *layer = r->layer ? rt_printf("%s=%s", c->option, r->layer) : NULL;
    char *size = rt_printf("%s=", c->size);
    int code = words_add(w, strdup(r->spec));

    if (!code && c->data)
        code = words_add(w, strdup(c->data));
    if (!code)
        code = add_given(c, NULL, w);
    if (!code && r->use)
        code = add_flag(w, "use", r->use);
    if (!code && layer)
        code = add_flag(w, "option", layer);
    if (!code && r->units)
        code = size ? add_number(w, "option", size, r->units) : EXIT_BUG;
    if (!code)
        code = add_number(w, "seed", "", seed);
    if (!code)
        code = add_number(w, "threads", "", c->threads);
    if (!code)
        code = add_path(c, r, seed, "o", ".safetensors", w);
    if (!code)
        code = add_path(c, r, seed, "best", ".best.safetensors", w);
    if (!code)
        code = add_flag(w, "plot", "none");
    free(layer);
    free(size);
    return code;
}

/* Evaluation of the best weights: on --test, else on what was held out. */
static int eval_words(const Compare *c, const Rival *r, long seed, Words *w)
{
    const char *test = flags_get(c->f, "test"), *file = test;
    char *best = path_of(c, r, seed, ".best.safetensors");
    char *last = path_of(c, r, seed, ".safetensors");
    int code = words_add(w, strdup(there(best) ? best : last));

    if (!file)
        file = c->data;
    if (!code && file)
        code = words_add(w, strdup(file));
    if (!code)
        code = add_given(c, app_data_flags, w);
    if (!code && !test && there(best))
        code = add_flag(w, "part", "valid");
    for (int i = 0; i < c->nmetric && !code; i++)
        if (strchr(c->metric[i], '('))
            code = add_flag(w, "metric", c->metric[i]);
    if (!code)
        code = add_flag(w, "json", NULL);
    free(best);
    free(last);
    return code;
}

/* ---- what a run says of itself ---- */

static json_t *arguments(const Compare *c, const Rival *r, long seed)
{
    Words w = {0};
    json_t *list = json_array();

    if (!compare_words(c, r, seed, &w))
        for (int i = 0; i < w.n; i++)
            json_array_append_new(list, json_string(w.v[i]));
    words_free(&w);
    return list;
}

/* Writes what is known of a run; takes j. */
static int write_record(const Compare *c, const Rival *r, long seed, json_t *j)
{
    char *path = path_of(c, r, seed, ".json");
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    int code = text ? drv_write(path, text, strlen(text)) : EXIT_BUG;

    free(text);
    free(path);
    json_decref(j);
    return code;
}

static int write_started(const Compare *c, const Rival *r, long seed)
{
    return write_record(c, r, seed,
                        json_pack("{s:o}", "arguments", arguments(c, r, seed)));
}

static int write_done(const Compare *c, const Rival *r, const RivalRun *run)
{
    json_t *metrics = json_object();

    for (int i = 0; i < c->nmetric; i++)
        json_object_set_new(metrics, c->metric[i], drv_number(run->metric[i]));
    return write_record(
        c, r, run->seed,
        json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "arguments",
                  arguments(c, r, run->seed), "done", 1, "last",
                  drv_number(run->last), "best", drv_number(run->best), "train",
                  drv_number(run->train), "ms", drv_number(run->ms), "seconds",
                  drv_number(run->seconds), "updates", (json_int_t)run->updates,
                  "metrics", metrics));
}

static double real_of(json_t *j, const char *key)
{
    json_t *v = json_object_get(j, key);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int other_settings(const Compare *c, const char *path, json_t *was,
                          json_t *is)
{
    size_t n = json_array_size(was), m = json_array_size(is), k = 0;

    while (k < n && k < m &&
           json_equal(json_array_get(was, k), json_array_get(is, k)))
        k++;
    say_error("%s is of a run with other settings (%s there, %s here); take "
              "another folder with -o, or remove %s",
              path, k < n ? json_string_value(json_array_get(was, k)) : "less",
              k < m ? json_string_value(json_array_get(is, k)) : "less",
              c->folder);
    return EXIT_USER;
}

/* Reads what a run left before.  *known: it has begun. */
static int read_record(const Compare *c, const Rival *r, RivalRun *run,
                       int *known)
{
    char *path = path_of(c, r, run->seed, ".json");
    json_t *j = there(path) ? json_load_file(path, 0, NULL) : NULL;
    json_t *is = arguments(c, r, run->seed), *was;
    int code = 0;

    *known = j != NULL;
    was = json_object_get(j, "arguments");
    if (j && !json_equal(was, is))
        code = other_settings(c, path, was, is);
    if (!code && json_is_true(json_object_get(j, "done"))) {
        json_t *metrics = json_object_get(j, "metrics");

        run->last = real_of(j, "last");
        run->best = real_of(j, "best");
        run->train = real_of(j, "train");
        run->ms = real_of(j, "ms");
        run->seconds = real_of(j, "seconds");
        run->updates = (int64_t)real_of(j, "updates");
        run->done = 1;
        for (int i = 0; i < c->nmetric; i++) {
            run->metric[i] = real_of(metrics, c->metric[i]);
            run->done &= json_object_get(metrics, c->metric[i]) != NULL;
        }
    }
    json_decref(is);
    json_decref(j);
    free(path);
    return code;
}

/* ---- what a run gave ---- */

static double at(const Csv *csv, int64_t row, const char *name)
{
    for (int k = 0; k < csv->ncol; k++)
        if (!strcmp(csv->column[k].name, name))
            return csv->value[row * csv->ncol + k];
    return NAN;
}

/* A resumed run counts its seconds from 0 again. */
static void read_rows(const Csv *csv, RivalRun *run)
{
    double seconds = 0, step = 0, held = NAN, best = NAN, low = NAN;

    run->seconds = 0;
    for (int64_t i = 0; i < csv->nrow; i++) {
        double now = at(csv, i, "seconds"), v = at(csv, i, "val_loss");

        run->seconds += now > seconds ? now - seconds : now;
        seconds = now;
        step = at(csv, i, "step");
        run->train = at(csv, i, "loss");
        low = fmin(low, run->train);
        held = isnan(v) ? held : v;
        best = fmin(best, v);
    }
    run->last = isnan(held) ? run->train : held;
    run->best = isnan(held) ? low : best;
    run->updates = (int64_t)step;
    run->ms = step > 0 ? 1e3 * run->seconds / step : NAN;
}

static int read_log(const Compare *c, const Rival *r, RivalRun *run)
{
    char *path = path_of(c, r, run->seed, ".log.csv");
    Csv csv = {0};
    RtError err = {0};
    int bad = !path || csv_read(path, 1, 0, &csv, &err);

    if (!bad)
        read_rows(&csv, run);
    csv_free(&csv);
    free(path);
    return bad ? drv_fail(&err) : 0;
}

static int read_metrics(const Compare *c, const Rival *r, RivalRun *run)
{
    char *path = path_of(c, r, run->seed, ".eval.json");
    json_t *j = c->nmetric && path ? json_load_file(path, 0, NULL) : NULL;
    int code = 0;

    for (int i = 0; i < c->nmetric && !code; i++) {
        run->metric[i] = real_of(j, c->metric[i]);
        if (isnan(run->metric[i]) && !json_object_get(j, c->metric[i])) {
            say_error("%s: no metric %s was found there", path, c->metric[i]);
            code = EXIT_USER;
        }
    }
    json_decref(j);
    free(path);
    return code;
}

/* ---- processes ---- */

/* One of our verbs on these words, to the end. */
static int call(const Verb *verb, const Compare *c, const Words *w)
{
    int code;
    Flags *f = flags_parse(verb, c->program, w->n, w->v, &code);

    if (f)
        code = verb->run(f, NULL);
    flags_free(f);
    fflush(NULL);
    return code;
}

static int send_output(const Compare *c, const Rival *r, long seed,
                       const char *ending, FILE *from)
{
    char *path = path_of(c, r, seed, ending);
    int bad = !path || !freopen(path, "w", from);

    if (bad)
        say_error("cannot write %s: %s", path ? path : "", strerror(errno));
    free(path);
    return bad ? EXIT_USER : 0;
}

/* In the child: trains, then evaluates; its exit code. */
static int train_and_eval(const Compare *c, const Rival *r, long seed,
                          int resume)
{
    Words train = {0}, eval = {0};
    int code = send_output(c, r, seed, ".txt", stderr);

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!code)
        code = send_output(c, r, seed, ".out", stdout);
    if (!code)
        code = compare_words(c, r, seed, &train);
    if (!code && resume)
        code = add_flag(&train, "resume", NULL);
    if (!code)
        code = call(&drv_train, c, &train);
    if (!code && c->nmetric)
        code = eval_words(c, r, seed, &eval);
    if (!code && c->nmetric)
        code = send_output(c, r, seed, ".eval.json", stdout);
    if (!code && c->nmetric)
        code = call(&drv_eval, c, &eval);
    return code;
}

static int start(const Compare *c, Going *g, Rival *r, RivalRun *run, int known)
{
    char *saved = path_of(c, r, run->seed, ".safetensors");
    int resume = known && there(saved);
    int code = known ? 0 : write_started(c, r, run->seed);

    free(saved);
    if (code)
        return code;
    fflush(NULL);
    *g = (Going){fork(), r, run};
    if (g->pid == 0)
        _exit(train_and_eval(c, r, run->seed, resume));
    if (g->pid > 0)
        return 0;
    g->pid = 0;
    say_error("cannot start a process: %s", strerror(errno));
    return EXIT_USER;
}

/* What a failed run said last. */
static void show_failure(const Compare *c, const Going *g, int status)
{
    char *path = path_of(c, g->r, g->run->seed, ".txt"), *text = NULL;
    RtError err = {0};
    size_t n = 0;
    const char *at = NULL;

    if (path && !rtio_read(path, &text, &n, &err))
        for (const char *p = text; (p = strstr(p, "error")); p++)
            at = p;
    while (at && at > text && at[-1] != '\n')
        at--;
    if (WIFSIGNALED(status))
        say_warning("%s, seed %ld: ended by signal %d", g->r->name,
                    g->run->seed, WTERMSIG(status));
    else
        say_warning("%s, seed %ld failed (%s): %.*s", g->r->name, g->run->seed,
                    path ? path : "", at ? (int)strcspn(at, "\n") : 0,
                    at ? at : "");
    rt_error_clear(&err);
    free(text);
    free(path);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How far all runs are; those that were done before this call took no time. */
typedef struct Course {
    const Compare *c;
    int all, before, done, failed, interrupted, told;
    double begun;
    const volatile sig_atomic_t *stop;
} Course;

static void show_done(const Course *k, const Going *g)
{
    int made = k->done - k->before, left = k->all - k->done - k->failed;
    double pace = (now() - k->begun) / (made + k->failed);
    long seconds = lround(pace * left);

    fprintf(stderr, "%s, seed %ld: last %.5g, best %.5g, %.1f s  [%d of %d",
            g->r->name, g->run->seed, g->run->last, g->run->best,
            g->run->seconds, k->done, k->all);
    if (left && seconds >= 3600)
        fprintf(stderr, ", %ldh%02ld left", seconds / 3600, seconds / 60 % 60);
    else if (left)
        fprintf(stderr, ", %ld:%02ld left", seconds / 60, seconds % 60);
    fprintf(stderr, "]\n");
}

static int finish(Course *k, Going *g, int status)
{
    const Compare *c = k->c;
    int code = 0;

    g->pid = 0;
    if ((WIFEXITED(status) && WEXITSTATUS(status) == EXIT_INTERRUPTED) ||
        (WIFSIGNALED(status) && *k->stop)) {
        k->interrupted = 1;
    } else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        k->failed++;
        show_failure(c, g, status);
    } else {
        code = read_log(c, g->r, g->run);
        if (!code)
            code = read_metrics(c, g->r, g->run);
        if (!code)
            code = write_done(c, g->r, g->run);
        g->run->done = !code;
        k->done += !code;
        if (!code)
            show_done(k, g);
    }
    return code;
}

/* A signal that came to us alone is handed on, once. */
static void hand_on(Course *k, const Going *going)
{
    if (!*k->stop || k->told)
        return;
    k->told = 1;
    for (int i = 0; i < k->c->jobs; i++)
        if (going[i].pid > 0)
            kill(going[i].pid, SIGTERM);
}

/* Waits for one of them. */
static int wait_one(Course *k, Going *going)
{
    int status;
    pid_t pid;

    do {
        hand_on(k, going);
        pid = waitpid(-1, &status, 0);
    } while (pid < 0 && errno == EINTR);
    for (int i = 0; i < k->c->jobs; i++)
        if (pid > 0 && going[i].pid == pid)
            return finish(k, &going[i], status);
    return 0;
}

static int count_going(const Compare *c, const Going *going)
{
    int n = 0;

    for (int i = 0; i < c->jobs; i++)
        n += going[i].pid > 0;
    return n;
}

/* Starts one run, when there is a place for it. */
static int place(Course *k, Going *going, Rival *r, RivalRun *run, int known)
{
    int code = 0, i = 0;

    while (!code && !*k->stop && count_going(k->c, going) == k->c->jobs)
        code = wait_one(k, going);
    while (i < k->c->jobs && going[i].pid > 0)
        i++;
    return code || *k->stop ? code : start(k->c, &going[i], r, run, known);
}

/* What the folder knows already; nothing has been started yet. */
static int read_all(Compare *c, Course *k, char *known)
{
    int code = 0, begun;

    for (long s = 0; s < c->seeds && !code; s++)
        for (int i = 0; i < c->n && !code; i++) {
            RivalRun *run = &c->rival[i].run[s];

            *run = (RivalRun){
                .seed = c->first + s,
                .metric = calloc((size_t)c->nmetric + 1, sizeof(double))};
            if (!run->metric)
                return EXIT_BUG;
            code = read_record(c, &c->rival[i], run, &begun);
            known[s * c->n + i] = (char)begun;
            k->all++;
            k->before += run->done;
        }
    k->done = k->before;
    return code;
}

static int run_all(Compare *c, Course *k, const char *known)
{
    Going *going = calloc((size_t)c->jobs, sizeof *going);
    int code = going ? 0 : EXIT_BUG, worst;

    k->begun = now();
    k->stop = app_catch();
    for (long s = 0; s < c->seeds && !code && !*k->stop; s++)
        for (int i = 0; i < c->n && !code && !*k->stop; i++)
            if (!c->rival[i].run[s].done)
                code = place(k, going, &c->rival[i], &c->rival[i].run[s],
                             known[s * c->n + i]);
    while (going && count_going(c, going)) {
        worst = wait_one(k, going);
        code = code ? code : worst;
    }
    k->interrupted |= *k->stop != 0;
    free(going);
    return code;
}

int compare_runs(Compare *c)
{
    Course k = {.c = c};
    char *known = calloc((size_t)(c->n * c->seeds) + 1, 1);
    int code = known ? 0 : EXIT_BUG;

    if (!code && mkdir(c->folder, 0777) && errno != EEXIST) {
        say_error("cannot make the folder %s: %s", c->folder, strerror(errno));
        code = EXIT_USER;
    }
    if (!code)
        code = read_all(c, &k, known);
    if (!code && k.before)
        say_note("%d of %d runs are in %s already", k.before, k.all, c->folder);
    if (!code)
        code = run_all(c, &k, known);
    free(known);
    if (k.interrupted && k.done < k.all) {
        say_note(
            "interrupted; %d of %d runs are done, the same command goes on",
            k.done, k.all);
        return EXIT_INTERRUPTED;
    }
    if (!code && k.failed)
        code = EXIT_USER;
    return code;
}
