/* From files to a data set: which file feeds which input of a model, and what
 * the files say about sizes that the spec leaves open.  See apphost.h. */
#include "apphost.h"
#include "array.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Values that come as one array; of several inputs each has one. */
static int read_array(AppHost *h, const AppSource *s, int n, RtData *d,
                      RtError *err)
{
    const char *first = app_setting(h, "time_first");

    if (s->shared && n > 1 && !s->part)
        return rt_fail(err,
                       "%s is one array, the model has %d inputs: give --in "
                       "NAME=FILE for each, or a folder with NAME.npy",
                       s->path, n);
    return data_add_array(d, &s->in->want, s->path, s->part,
                          first && !strcmp(first, "yes"), err);
}

/* A text feeds an index with steps, by characters, bytes or words. */
static int read_text(AppHost *h, const AppSource *s, int n, RtData *d,
                     RtError *err)
{
    const RtWant *want = &s->in->want;

    if ((n > 1 && s->shared) || !want->is_index || want->is_static ||
        !s->in->set) {
        char *names = app_input_names(h);

        rt_fail(err,
                "%s is read as text, which feeds one input such as "
                "`input c[t] in chars`; the model has %s (numbers come "
                "as .csv, .tsv or .npy)",
                s->path, names ? names : "no input");
        free(names);
        return -1;
    }
    return app_text(h, s->in, s->path, d, err);
}

static int same_table(const AppSource *a, const AppSource *b)
{
    return a->kind == FROM_TABLE && b->kind == FROM_TABLE &&
           !strcmp(a->path, b->path);
}

/* Sources are read one by one, but columns of one table together, and so are
 * lines, which may share a vocabulary. */
static int read_sources(AppHost *h, AppSource *s, int n, RtData *d,
                        RtError *err)
{
    AppSource *some = calloc((size_t)n + 1, sizeof *some);
    int nsome = 0, bad = 0;

    if (!some)
        return rt_fail_memory(err, sizeof *some * (size_t)n);
    for (int i = 0; i < n; i++)
        if (s[i].kind == FROM_LINES)
            some[nsome++] = s[i];
    if (nsome)
        bad = app_lines(h, some, nsome, d, err);
    for (int i = 0; i < n && !bad; i++) {
        int before = 0;

        for (int k = 0; k < i; k++)
            before |= same_table(&s[k], &s[i]);
        nsome = 0;
        for (int k = i; k < n; k++)
            if (same_table(&s[k], &s[i]))
                some[nsome++] = s[k];
        if (s[i].kind == FROM_TABLE && !before)
            bad = app_table(h, some, nsome, d, err);
        else if (s[i].kind == FROM_ARRAY)
            bad = read_array(h, &s[i], n, d, err);
        else if (s[i].kind == FROM_NOTES)
            bad = app_notes(h, s[i].in, s[i].path, d, err);
        else if (s[i].kind == FROM_TEXT)
            bad = read_text(h, &s[i], n, d, err);
    }
    free(some);
    return bad;
}

/* Lengths from a file: an array of one extent, or a column of a table; *length
 * is malloc'd. */
static int read_lengths(const char *path, const char *part, double **length,
                        int64_t *n, RtError *err)
{
    RtData d = {0};
    RtWant want = {.name = "lengths", .is_static = 1};
    Csv csv = {0};
    int bad;

    if (array_kind(path) != ARRAY_NONE || !part)
        bad = data_add_array(&d, &want, path, part, 0, err);
    else
        bad = csv_read(path, -1, 1, &csv, err) ||
              data_add_csv(&d, &want, &csv, part, 1, err);
    *n = bad ? 0 : d.field[0].count;
    *length = malloc(sizeof **length * (size_t)(*n + 1));
    if (!*length)
        bad = rt_fail_memory(err, sizeof **length * (size_t)*n);
    for (int64_t i = 0; i < *n && !bad; i++)
        (*length)[i] = data_value(&d.field[0], i);
    csv_free(&csv);
    data_free(&d);
    return bad;
}

/* The lengths along an axis, where there is such a file: `name` in what all
 * inputs come from, a folder or a .npz. */
static int lengths_along(RtData *d, const char *path, int axis,
                         const char *name, int pack, RtError *err)
{
    char *file = rt_printf("%s/%s.npy", path, name);
    const char *part = NULL;
    struct stat st;
    double *length = NULL;
    int64_t n;
    int bad = 0, is = file && !stat(file, &st);

    if (!is && array_kind(path) == ARRAY_NPZ && npz_has(path, name)) {
        free(file);
        file = strdup(path);
        part = name;
        is = 1;
    }
    if (!file)
        bad = rt_fail_memory(err, strlen(path));
    if (is && !bad)
        bad = read_lengths(file, part, &length, &n, err);
    if (is && !bad)
        bad = pack ? data_pack(d, length, n, err)
                   : data_lengths(d, axis, file, length, n, err);
    free(length);
    free(file);
    return bad;
}

/* What --lengths or files beside the arrays say; `pack`: before arrays are
 * read, those of the first axis, which may hold sequences one after the other.
 */
static int all_lengths(const AppHost *h, const char *path, int pack, RtData *d,
                       RtError *err)
{
    const char *given = app_setting(h, "lengths");
    AppSource s = {0};
    double *length = NULL;
    int64_t n;
    int bad = 0;

    if (given) {
        bad = app_source_path(&s, given, err) ||
              read_lengths(s.path, s.part, &length, &n, err) ||
              (pack ? data_pack(d, length, n, err)
                    : data_lengths(d, 0, s.path, length, n, err));
        free(length);
        free(s.path);
        free(s.part);
    } else if (path) {
        bad = lengths_along(d, path, 0, "lengths", pack, err);
    }
    for (int i = 0; i < h->ninput && path && !pack && !bad; i++) {
        const RtWant *want = &h->input[i].want;
        char *name = rt_printf("lengths.%s", want->name);

        if (name && !want->is_static && want->axis)
            bad = lengths_along(d, path, want->axis, name, 0, err);
        free(name);
    }
    return bad;
}

/* Notes the size of a name; two files that differ are an error. */
static int note_size(AppHost *h, const char *dim, int64_t size,
                     const char *from, RtError *err)
{
    const char *old = pairs_get(&h->about.dims, dim);
    char *text;
    int bad;

    if (old && strtoll(old, NULL, 10) == size)
        return 0;
    if (old)
        return rt_fail(err,
                       "%s is %lld in %s, but %s elsewhere (another "
                       "input, --dim or the checkpoint)",
                       dim, (long long)size, from, old);
    text = rt_printf("%lld", (long long)size);
    bad = text ? pairs_set(&h->about.dims, dim, text, err)
               : rt_fail_memory(err, 32);
    free(text);
    return bad;
}

/* Sizes that were open and that the fields now have. */
static int note_sizes(AppHost *h, const RtData *d, RtError *err)
{
    for (int i = 0; i < h->ninput; i++) {
        const AppInput *in = &h->input[i];
        const RtField *field = data_field(d, in->want.name);

        for (int k = 0; field && k < in->want.rank; k++)
            if (in->want.dim[k] < 0 && in->dim[k] &&
                note_size(h, in->dim[k], field->dim[k], field->from, err))
                return -1;
        if (field && in->want.is_index && in->open && in->set &&
            !pairs_get(&h->about.vocabs, in->set) &&
            note_size(h, in->set, field->classes, field->from, err))
            return -1;
    }
    return 0;
}

/* Sizes that earlier data, a flag or a checkpoint gave are wanted again. */
static void take_sizes(AppHost *h)
{
    for (int i = 0; i < h->ninput; i++) {
        AppInput *in = &h->input[i];
        const char *size;

        for (int k = 0; k < in->want.rank; k++)
            if (in->want.dim[k] < 0 && in->dim[k] &&
                (size = pairs_get(&h->about.dims, in->dim[k])))
                in->want.dim[k] = strtoll(size, NULL, 10);
        if (in->set && (size = pairs_get(&h->about.dims, in->set)))
            in->want.classes = strtoll(size, NULL, 10);
    }
}

/* What --pad says. */
static int pad(const AppHost *h, RtData *d, RtError *err)
{
    const char *how = app_setting(h, "pad");

    if (!how || !strcmp(how, "no"))
        return 0;
    if (strcmp(how, "before") && strcmp(how, "after"))
        return rt_fail(err, "pad: no, before or after is wanted, found \"%s\"",
                       how);
    return data_pad(d, d->max_steps, !strcmp(how, "before"), err);
}

int app_data(AppHost *h, const Flags *f, const char *path, RtData *d)
{
    RtError err = {0};
    AppSource *source;
    long most = 0;
    int arrays = 0, bad;

    if (app_setting_long(h, "max_steps", 1, &most))
        return EXIT_USER;
    d->max_steps = most;
    if (!h->ninput) {
        say_error("the spec has no input: nothing reads data; declare one, "
                  "such as `input x[t]`");
        return EXIT_USER;
    }
    take_sizes(h);
    if (!path)
        path = app_setting(h, "file");
    source = app_sources(h, f, path, &err);
    bad = source ? 0 : -1;
    for (int i = 0; i < h->ninput && !bad; i++)
        arrays |= source[i].kind == FROM_ARRAY;
    if (arrays)
        bad = all_lengths(h, path, 1, d, &err);
    bad = bad || read_sources(h, source, h->ninput, d, &err);
    if (arrays && !bad)
        bad = all_lengths(h, path, 0, d, &err);
    app_sources_free(source, h->ninput);
    memcpy(d->clock, h->clock, sizeof d->clock);
    if (!bad)
        bad = pad(h, d, &err) || data_finish(d, &err) || note_sizes(h, d, &err);
    return bad ? app_fail(&err) : 0;
}

/* Whether sequences have several time axes, so that nothing cuts them. */
static int several(const RtData *d)
{
    int more = 0;

    for (int k = 1; k < CELL_TIMES; k++)
        more |= d->steps[k].offset != NULL;
    return more;
}

/* The seed that says which sequences are held out; 0: the last ones. */
static int split_of(const AppHost *h, uint64_t *split)
{
    const char *how = app_setting(h, "split");
    char *end;
    long seed;

    *split = 0;
    if (!how || !strcmp(how, "end"))
        return 0;
    seed = strtol(how, &end, 10);
    if (end == how || *end || seed < 1) {
        say_error("split: a whole number from 1, by which sequences are drawn, "
                  "or end is wanted, found \"%s\"",
                  how);
        return EXIT_USER;
    }
    *split = (uint64_t)seed;
    return 0;
}

int app_feed(const AppHost *h, const RtData *d, double from, double to,
             RtFeedOptions *o)
{
    long batch = 32, chunk = 0, back = 0, window = 0, hop = 0, seed = 0;
    long buckets = 0;
    int code = app_setting_long(h, "batch", 1, &batch);

    if (!code)
        code = flags_chunk("tbptt", app_setting(h, "tbptt"), &chunk, &back);
    if (!code)
        code = app_setting_long(h, "window", 1, &window);
    if (!code)
        code = app_setting_long(h, "hop", 1, &hop);
    if (!code)
        code = app_setting_long(h, "seed", 0, &seed);
    if (!code)
        code = app_setting_long(h, "buckets", 1, &buckets);
    *o = (RtFeedOptions){.from = from,
                         .to = to,
                         .batch = batch,
                         .chunk = chunk,
                         .back = back,
                         .window = window,
                         .hop = hop,
                         .buckets = buckets,
                         .streams = d->nseq == 1 && !window && !several(d),
                         .seed = (uint64_t)seed};
    o->shuffle = !o->streams;
    if (!code)
        code = split_of(h, &o->split);
    if (!code && o->streams) {
        double steps = (double)d->steps[0].length[0] * (to - from);

        if (steps < (double)o->batch && steps >= 1)
            o->batch = (int64_t)steps;
        if (!chunk && steps > 1000.0 * (double)o->batch)
            o->chunk = 100;
    }
    return code;
}

int app_held_out(const AppHost *h, double *at, const char **file)
{
    const char *s = app_setting(h, "valid");
    char *end;
    double x;

    *at = 1;
    *file = NULL;
    if (!s || !strcmp(s, "0"))
        return 0;
    x = strtod(s, &end);
    if (*end) {
        *file = s;
        return 0;
    }
    if (!(x >= 0 && x < 1)) {
        say_error("valid: a fraction below 1 or a file is wanted, found %s", s);
        return EXIT_USER;
    }
    *at = 1 - x;
    return 0;
}
