/* What a comparison keeps of each run in its folder: FOLDER/CELL.SEED.json says
 * what the run was asked for and, once it is over, what it gave; beside it are
 * the checkpoint, the log and what was said.  And the command lines of runs. */
#include "drv_compare.h"

#include "../../runtime/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *run_path(const Compare *c, const Rival *r, long seed, const char *ending)
{
    return rt_printf("%s/%s.%ld%s", c->folder, r->file, seed, ending);
}

int run_there(const char *path)
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
    char *path = run_path(c, r, seed, ending);
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
int run_eval_words(const Compare *c, const Rival *r, long seed, Words *w)
{
    const char *test = flags_get(c->f, "test"), *file = test;
    char *best = run_path(c, r, seed, ".best.safetensors");
    char *last = run_path(c, r, seed, ".safetensors");
    int code = words_add(w, strdup(run_there(best) ? best : last));

    if (!file)
        file = c->data;
    if (!code && file)
        code = words_add(w, strdup(file));
    if (!code)
        code = add_given(c, app_data_flags, w);
    if (!code && !test && run_there(best))
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
    char *path = run_path(c, r, seed, ".json");
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    int code = text ? drv_write(path, text, strlen(text)) : EXIT_BUG;

    free(text);
    free(path);
    json_decref(j);
    return code;
}

int run_write_started(const Compare *c, const Rival *r, long seed)
{
    return write_record(c, r, seed,
                        json_pack("{s:o}", "arguments", arguments(c, r, seed)));
}

int run_write_done(const Compare *c, const Rival *r, const RivalRun *run)
{
    json_t *metrics = json_object();

    for (int i = 0; i < c->nmetric; i++)
        json_object_set_new(metrics, c->metric[i],
                            app_json_number(run->metric[i]));
    return write_record(
        c, r, run->seed,
        json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "arguments",
                  arguments(c, r, run->seed), "done", 1, "last",
                  app_json_number(run->last), "best",
                  app_json_number(run->best), "train",
                  app_json_number(run->train), "ms", app_json_number(run->ms),
                  "seconds", app_json_number(run->seconds), "updates",
                  (json_int_t)run->updates, "metrics", metrics));
}

static double real_of(json_t *j, const char *key)
{
    json_t *v = json_object_get(j, key);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* The first word that the other list does not have, or NULL. */
static const char *first_other(json_t *list, json_t *other)
{
    size_t n = json_array_size(list), m = json_array_size(other);

    for (size_t i = 0; i < n; i++) {
        json_t *word = json_array_get(list, i);
        size_t k = 0;

        while (k < m && !json_equal(word, json_array_get(other, k)))
            k++;
        if (k == m)
            return json_string_value(word);
    }
    return NULL;
}

static int other_settings(const Compare *c, const char *path, json_t *was,
                          json_t *is)
{
    const char *there = first_other(was, is), *here = first_other(is, was);

    say_error("%s is of a run with other settings (%s%s%s%s%s); take another "
              "folder with -o, or remove %s",
              path, there ? there : "", there ? " there" : "",
              there && here ? ", " : "", here ? here : "",
              here    ? " here"
              : there ? ""
                      : "in another order",
              c->folder);
    return EXIT_USER;
}

/* Whether nothing but a limit differs, and that is further off now. */
static int goes_further(json_t *was, json_t *is)
{
    size_t n = json_array_size(was);

    for (size_t k = 0; k < n; k++) {
        const char *a = json_string_value(json_array_get(was, k));
        const char *b = json_string_value(json_array_get(is, k));
        size_t name = a ? strcspn(a, "=") : 0;

        if (!a || !b || !strcmp(a, b))
            continue;
        if (strncmp(a, b, name + 1) ||
            (strncmp(a, "--epochs=", 9) && strncmp(a, "--steps=", 8)) ||
            strtol(a + name + 1, NULL, 10) > strtol(b + name + 1, NULL, 10))
            return 0;
    }
    return n == json_array_size(is);
}

/* Reads what a run left before.  *known: it has begun.  One that has saved
 * nothing, because it was refused, is in nobody's way. */
int run_read_record(const Compare *c, const Rival *r, RivalRun *run, int *known)
{
    char *path = run_path(c, r, run->seed, ".json");
    char *saved = run_path(c, r, run->seed, ".safetensors");
    json_t *j = run_there(path) ? json_load_file(path, 0, NULL) : NULL;
    json_t *is = arguments(c, r, run->seed), *was;
    int code = 0, same;

    *known = j != NULL;
    was = json_object_get(j, "arguments");
    same = json_equal(was, is);
    if (j && !same && run_there(saved) && !goes_further(was, is))
        code = other_settings(c, path, was, is);
    if (!code && same && json_is_true(json_object_get(j, "done"))) {
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
    free(saved);
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
        if (!isnan(at(csv, i, "loss"))) /* else nothing was left to do */
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

int run_read_log(const Compare *c, const Rival *r, RivalRun *run)
{
    char *path = run_path(c, r, run->seed, ".log.csv");
    Csv csv = {0};
    RtError err = {0};
    int bad = !path || csv_read(path, 1, 0, &csv, &err);

    if (!bad)
        read_rows(&csv, run);
    csv_free(&csv);
    free(path);
    return bad ? drv_fail(&err) : 0;
}

/* A metric that is no number, as of nothing, eval leaves out. */
int run_read_metrics(const Compare *c, const Rival *r, RivalRun *run)
{
    char *path = run_path(c, r, run->seed, ".eval.json");
    json_t *j = c->nmetric && path ? json_load_file(path, 0, NULL) : NULL;
    int code = c->nmetric && !j ? EXIT_USER : 0;

    if (code)
        say_error("%s: eval did not write its figures there", path);
    for (int i = 0; i < c->nmetric; i++)
        run->metric[i] = real_of(j, c->metric[i]);
    json_decref(j);
    free(path);
    return code;
}
